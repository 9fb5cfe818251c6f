//! At most one log line a minute, or a few, of anything that a peer, a camera or a disk can cause again and again.

use crate::time::Time;
use std::time::Duration;

const INTERVAL: Duration = Duration::from_secs(60);

/// Counts what happens, and says when to speak of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Throttle {
    count: u64,
    next: Time,
}

impl Throttle {
    /// It happened. Some: say it now; the number is how often it happened since it was last said.
    pub fn happened(&mut self, now: Time) -> Option<u64> {
        self.happened_times(1, now)
    }

    /// The same of what happened this many times, which may be none.
    pub fn happened_times(&mut self, times: u64, now: Time) -> Option<u64> {
        self.count += times;
        if now < self.next || self.count == 0 {
            return None;
        }
        self.next = now.after(INTERVAL);
        Some(std::mem::take(&mut self.count))
    }
}

/// So many lines a minute, and then a count of what was not said: for what is worth a line each time, as long as nobody makes a
/// sport of it.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    most: u32,
    said: u32,
    /// The minute's end.
    until: Time,
    unsaid: u64,
    /// When that is to be said.
    due: Time,
}

impl Allowance {
    /// This many lines a minute.
    pub fn new(most: u32) -> Self {
        Allowance { most, said: 0, until: Time::default(), unsaid: 0, due: Time::default() }
    }

    /// This many lines a minute from now on.
    pub fn set_most(&mut self, most: u32) {
        self.most = most;
    }

    /// It happened. True: say it.
    pub fn may_say(&mut self, now: Time) -> bool {
        if now >= self.until {
            (self.said, self.until) = (0, now.after(INTERVAL));
        }
        let may = self.said < self.most;
        if may {
            self.said += 1;
        } else {
            self.missed(now);
        }
        may
    }

    /// It happened, and is not said.
    pub fn missed(&mut self, now: Time) {
        if self.unsaid == 0 {
            self.due = if now < self.until { self.until } else { now.after(INTERVAL) };
        }
        self.unsaid += 1;
    }

    /// A minute is over. Some: this many were not said.
    pub fn unsaid(&mut self, now: Time) -> Option<u64> {
        (now >= self.due && self.unsaid > 0).then(|| std::mem::take(&mut self.unsaid))
    }

    /// When [`unsaid`](Self::unsaid) has something, if it is to have.
    pub fn due(&self) -> Time {
        if self.unsaid > 0 { self.due } else { Time::NEVER }
    }

    /// What was not said, though the minute may not be over.
    pub fn take_unsaid(&mut self) -> u64 {
        std::mem::take(&mut self.unsaid)
    }

    /// The minute is over: a new one would do as well, but for what was not said.
    pub fn is_over(&self, now: Time) -> bool {
        now >= self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_passes_between_two_lines() {
        let mut throttle = Throttle::default();
        let start = Time::from_millis(1);
        assert_eq!(throttle.happened(start), Some(1));
        assert_eq!(throttle.happened(start), None);
        assert_eq!(throttle.happened(start.after(INTERVAL / 2)), None);
        assert_eq!(throttle.happened(start.after(INTERVAL)), Some(3));
    }

    #[test]
    fn the_first_of_a_minute_are_said_and_the_rest_is_counted() {
        let mut allowance = Allowance::new(3);
        let start = Time::from_millis(1);
        assert_eq!([(); 5].map(|()| allowance.may_say(start)), [true, true, true, false, false]);
        assert_eq!(allowance.unsaid(start.after(INTERVAL / 2)), None);
        assert_eq!(allowance.due(), start.after(INTERVAL));
        assert!(!allowance.is_over(start.after(INTERVAL / 2)));
        assert_eq!(allowance.unsaid(start.after(INTERVAL)), Some(2));
        assert_eq!(allowance.unsaid(start.after(INTERVAL)), None);
        assert_eq!((allowance.due(), allowance.take_unsaid()), (Time::NEVER, 0));
        assert!(allowance.is_over(start.after(INTERVAL)) && allowance.may_say(start.after(INTERVAL)));
    }
}
