//! How often something may happen: so many times at once, and from then on as often as that leaks away. Time comes in as our own clock
//! has it: whoever sends frames may say of theirs what he likes.

use crate::time::Time;
use std::time::Duration;

/// What may be spent.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// One has leaked away after so long.
    each: Duration,
    at_once: u32,
    /// When all that was spent will have leaked away.
    until: Time,
}

impl Budget {
    /// `at_once` times, and once more each time that `each` has passed.
    pub fn new(each: Duration, at_once: u32) -> Self {
        Budget { each, at_once, until: Time::default() }
    }

    /// Whether there is one left.
    pub fn has(&self, now: Time) -> bool {
        self.until.since(now) <= self.each.saturating_mul(self.at_once.saturating_sub(1))
    }

    /// Takes one, if there is one.
    pub fn take(&mut self, now: Time) -> bool {
        let has = self.has(now);
        if has {
            self.until = self.until.max(now).after(self.each);
        }
        has
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_leaks_and_what_was_not_used_for_long_is_not_saved_up() {
        let mut budget = Budget::new(Duration::from_secs(60), 3);
        let mut taken = |seconds: u64| {
            let now = Time::from_millis(seconds * 1000);
            (0..9).filter(|_| budget.take(now)).count()
        };
        assert_eq!([1000, 1001, 1059, 1060, 1100, 1120].map(&mut taken), [3, 0, 0, 1, 0, 1]);
        assert_eq!([100_000, 100_119, 100_180].map(&mut taken), [3, 1, 2]);
    }

    #[test]
    fn at_the_ends_of_time() {
        let mut budget = Budget::new(Duration::MAX, 2);
        assert!(budget.take(Time::default()) && budget.take(Time::NEVER));
        let mut none = Budget::new(Duration::from_secs(1), 0);
        assert!(none.take(Time::default()) && !none.take(Time::default()));
    }
}
