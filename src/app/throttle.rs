//! At most one log line a minute of anything that a peer, a camera or a disk can cause again and again.

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
}
