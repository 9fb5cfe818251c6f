//! Datagrams that are not camcast's, in words: at most one line a minute, and none for the few that come late.

use crate::app::quantity::counted;
use crate::app::throttle::Throttle;
use crate::time::Time;
use std::time::Duration;

/// Fewer in a minute may be camcast's own, come late over a path that loses others.
const FEW: u64 = 1_000;

const MINUTE: Duration = Duration::from_secs(60);

/// How many a session has had so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Strange {
    /// Nothing vouches for them.
    pub doubtful: u64,
    /// They were not sealed as they have to be.
    pub forged: u64,
}

/// Counts them, and says when to speak of them.
#[derive(Debug)]
pub(super) struct Strays {
    doubtful: Kind,
    forged: Kind,
}

/// Those of one kind.
#[derive(Debug)]
struct Kind {
    /// So many in a minute are told of.
    least: u64,
    /// What is said of them.
    words: &'static str,
    throttle: Throttle,
    /// Of the session's, which are counted.
    known: u64,
    more: u64,
    /// The minute's end.
    until: Time,
}

impl Default for Strays {
    fn default() -> Self {
        let doubtful = "not taken: nothing vouches for them; somebody sends in camcast's name";
        let forged = "ignored: somebody without the key has made or changed what came from camcast's address";
        Strays { doubtful: Kind::new(FEW, doubtful), forged: Kind::new(1, forged) }
    }
}

impl Strays {
    /// The session has had these so far. What there is to say of it now.
    pub(super) fn on_count(&mut self, strange: Strange, now: Time) -> impl Iterator<Item = String> {
        let Strange { doubtful, forged } = strange;
        let lines = [self.doubtful.on_count(doubtful, now), self.forged.on_count(forged, now)];
        lines.into_iter().flatten()
    }
}

impl Kind {
    fn new(least: u64, words: &'static str) -> Self {
        Kind { least, words, throttle: Throttle::default(), known: 0, more: 0, until: Time::default() }
    }

    fn on_count(&mut self, count: u64, now: Time) -> Option<String> {
        // fewer than before are another session's
        let new = count.checked_sub(self.known).unwrap_or(count);
        if now >= self.until {
            (self.more, self.until) = (0, now.after(MINUTE));
        }
        (self.known, self.more) = (count, self.more.saturating_add(new));
        if self.more < self.least {
            return None;
        }
        let told = self.throttle.happened_times(std::mem::take(&mut self.more), now)?;
        Some(format!("{} {}", counted(told, "datagram"), self.words))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_are_told_of_once_a_minute_and_few_never() {
        let mut strays = Strays::default();
        let mut said = |doubtful, ms| {
            let lines = strays.on_count(Strange { doubtful, forged: 0 }, Time::from_millis(ms));
            lines.collect::<Vec<_>>().join("|")
        };
        assert_eq!(said(999, 10), "");
        assert!(said(1_000, 20).starts_with("1000 datagrams not taken: "));
        assert_eq!(said(500, 30), "", "another session's");
        assert_eq!(said(90_000, 40), "", "within the minute");
        assert!(said(91_000, 60_030).starts_with("91000 datagrams not taken: "));
    }

    #[test]
    fn one_that_was_not_sealed_is_told_of_and_what_comes_of_the_other_kind_beside_it() {
        let mut strays = Strays::default();
        let mut said = |doubtful, forged, ms| {
            strays.on_count(Strange { doubtful, forged }, Time::from_millis(ms)).collect::<Vec<_>>()
        };
        let [line] = &said(0, 1, 10)[..] else { panic!("one line") };
        assert!(line.starts_with("1 datagram ignored: somebody without the key"), "{line}");
        assert_eq!(said(0, 500, 30_000), [""; 0], "within the minute");
        let [line] = &said(0, 501, 60_020)[..] else { panic!("one line") };
        assert!(line.starts_with("500 datagrams ignored"), "none is left uncounted: {line}");
        assert_eq!(said(1_000, 501, 60_030).len(), 1);
    }
}
