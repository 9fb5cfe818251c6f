//! Which of a session's counters have been seen: each is taken once, and what is far behind the newest is not taken at all. As IPsec
//! does it (RFC 6479).

/// Bits of a word.
const WORD: u64 = 64;

/// A power of two.
const WORDS: usize = 16;

/// Counters that may come in any order: one word is always being filled. CONTINUEs of two seconds, at their fastest.
pub const REACH: u64 = WORD * (WORDS as u64 - 1);

/// The newest counters, a bit each.
#[derive(Clone, Debug, Default)]
pub struct Window {
    /// All counters from here on are new.
    next: u64,
    seen: [u64; WORDS],
}

impl Window {
    /// This one has not been seen, and is not too old to tell.
    pub fn is_new(&self, counter: u64) -> bool {
        if counter >= self.next {
            // the last one is nobody's, so that there always is a next
            return counter < u64::MAX;
        }
        let age = self.next.saturating_sub(counter);
        let word = self.seen.get(place(counter)).copied().unwrap_or(u64::MAX);
        age <= REACH && word & bit(counter) == 0
    }

    /// It has been seen. Only for one that [is new](Self::is_new), and that was not made up.
    pub fn take(&mut self, counter: u64) {
        if counter >= self.next {
            let (newest, here) = (self.next.saturating_sub(1) / WORD, counter / WORD);
            // what has been jumped over has not been seen
            for word in newest.saturating_add(1)..=here.min(newest.saturating_add(WORDS as u64)) {
                if let Some(word) = self.seen.get_mut(place(word.saturating_mul(WORD))) {
                    *word = 0;
                }
            }
            self.next = counter.saturating_add(1);
        }
        if let Some(word) = self.seen.get_mut(place(counter)) {
            *word |= bit(counter);
        }
    }
}

fn place(counter: u64) -> usize {
    (counter / WORD) as usize & (WORDS - 1)
}

fn bit(counter: u64) -> u64 {
    1 << (counter % WORD)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// Takes it if it is new.
    fn takes(window: &mut Window, counter: u64) -> bool {
        let is_new = window.is_new(counter);
        if is_new {
            window.take(counter);
        }
        is_new
    }

    #[test]
    fn each_is_taken_once_in_any_order_within_reach() {
        let mut window = Window::default();
        for counter in (0..REACH).rev() {
            assert!(takes(&mut window, counter), "{counter}");
        }
        assert!((0..REACH).all(|counter| !takes(&mut window, counter)));
        assert!(takes(&mut window, 5 * REACH));
        assert!(takes(&mut window, 4 * REACH + 1));
        assert!(!takes(&mut window, 4 * REACH), "too old to tell");
        assert!(takes(&mut window, u64::MAX - 1));
        assert!(!takes(&mut window, u64::MAX - 1));
        assert!(!takes(&mut window, u64::MAX));
    }

    proptest! {
        #[test]
        fn it_remembers_as_a_list_would(
            steps in prop::collection::vec((0..4u8, 0..2 * REACH), 0..400), start in 0..1u64 << 60,
        ) {
            let (mut window, mut list, mut newest) = (Window::default(), BTreeSet::new(), start);
            takes(&mut window, start);
            list.insert(start);
            for (way, step) in steps {
                let counter = match way {
                    0 => newest + step,
                    1 => newest + step % 3,
                    _ => newest.saturating_sub(step),
                };
                let expected = (counter > newest || newest - counter < REACH) && list.insert(counter);
                prop_assert_eq!(takes(&mut window, counter), expected, "{} with newest {}", counter, newest);
                newest = newest.max(counter);
            }
        }
    }
}
