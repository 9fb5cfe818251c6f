//! Datagrams that are not camcast's, in words: at most one line a minute, and none for the few that come late.

use crate::app::quantity::counted;
use crate::app::throttle::Throttle;
use crate::time::Time;
use std::time::Duration;

/// Fewer in a minute may be camcast's own, come late over a path that loses others.
const FEW: u64 = 1_000;

const MINUTE: Duration = Duration::from_secs(60);

/// Counts them, and says when to speak of them.
#[derive(Debug, Default)]
pub(super) struct Strays {
    throttle: Throttle,
    /// Of the session's, which are counted.
    known: u64,
    more: u64,
    /// The minute's end.
    until: Time,
}

impl Strays {
    /// The session has had this many so far. Some: say this now.
    pub(super) fn on_count(&mut self, count: u64, now: Time) -> Option<String> {
        // fewer than before are another session's
        let new = count.checked_sub(self.known).unwrap_or(count);
        if now >= self.until {
            (self.more, self.until) = (0, now.after(MINUTE));
        }
        (self.known, self.more) = (count, self.more.saturating_add(new));
        if self.more < FEW {
            return None;
        }
        let told = self.throttle.happened_times(std::mem::take(&mut self.more), now)?;
        Some(format!(
            "{} not taken: nothing vouches for them; somebody sends in camcast's name",
            counted(told, "datagram")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_are_told_of_once_a_minute_and_few_never() {
        let mut strays = Strays::default();
        let at = Time::from_millis;
        assert_eq!(strays.on_count(999, at(10)), None);
        assert!(strays.on_count(1_000, at(20)).is_some_and(|line| line.starts_with("1000 datagrams")));
        assert_eq!(strays.on_count(500, at(30)), None, "another session's");
        assert_eq!(strays.on_count(90_000, at(40)), None, "within the minute");
        assert!(strays.on_count(91_000, at(60_030)).is_some_and(|line| line.starts_with("91000 datagrams")));
    }
}
