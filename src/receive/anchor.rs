//! The camera's clock against this machine's: the camera may have no idea what time it is.
//!
//! A frame arrives later than it was captured by the path's delay, which is never less than some least delay. The
//! smallest difference seen is therefore the best estimate of the clocks' offset; whatever a frame has above it, it
//! was delayed.

use crate::time::Time;
use std::time::Duration;

/// The smallest difference is that of this long and of this long before.
const WINDOW: Duration = Duration::from_secs(60);

/// The offset between two monotonic clocks, least observed delay included.
#[derive(Clone, Copy, Debug, Default)]
pub struct Anchor {
    /// Nanoseconds to add to a capture time for this machine's clock: the least of this window, and of the last.
    now: Option<i64>,
    before: Option<i64>,
    since: Time,
}

impl Anchor {
    /// A frame that was captured at `captured` (camera's clock) has arrived whole at `arrived` (ours). Returns its
    /// delay above the least one.
    pub fn observe(&mut self, captured: Time, arrived: Time) -> Duration {
        if self.now.is_none() || arrived >= self.since.after(WINDOW) {
            self.before = self.now.take();
            self.since = arrived;
        }
        let sample = difference(arrived, captured);
        self.now = Some(self.now.map_or(sample, |least| least.min(sample)));
        let least = self.offset().unwrap_or(sample);
        Duration::from_nanos(sample.saturating_sub(least).unsigned_abs())
    }

    /// The time of our clock at which a frame was captured, as far as is known; none before the first one.
    pub fn local(&self, captured: Time) -> Option<Time> {
        Some(Time::from_nanos(captured.as_nanos().saturating_add_signed(self.offset()?)))
    }

    fn offset(&self) -> Option<i64> {
        self.now.into_iter().chain(self.before).min()
    }
}

/// `a - b` in nanoseconds.
fn difference(a: Time, b: Time) -> i64 {
    // two clocks of the last 292 years: the wrapped difference is the true one
    a.as_nanos().wrapping_sub(b.as_nanos()) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_delay_wins() {
        let mut anchor = Anchor::default();
        let captured = |n: u64| Time::from_millis(1_000_000 + n * 33);
        let arrived = |n: u64, delay: u64| Time::from_millis(500 + n * 33 + delay);
        assert_eq!(anchor.local(captured(0)), None);
        assert_eq!(anchor.observe(captured(0), arrived(0, 9)), Duration::ZERO);
        assert_eq!(anchor.observe(captured(1), arrived(1, 4)), Duration::ZERO);
        assert_eq!(anchor.observe(captured(2), arrived(2, 20)), Duration::from_millis(16));
        assert_eq!(anchor.local(captured(2)), Some(arrived(2, 4)));
    }

    #[test]
    fn a_camera_whose_clock_is_slow_is_followed() {
        let mut anchor = Anchor::default();
        let delay = |second: u64| {
            // it loses a millisecond a second
            let captured = Time::from_millis(5_000 + second * 999);
            (captured, Time::from_millis(80_000 + second * 1_000))
        };
        let worst = (0..3_600).map(|second| {
            let (captured, arrived) = delay(second);
            anchor.observe(captured, arrived)
        });
        assert!(worst.max().unwrap() <= WINDOW * 2 / 1_000);
    }

    #[test]
    fn either_clock_may_be_ahead() {
        let mut anchor = Anchor::default();
        anchor.observe(Time::from_millis(10), Time::from_millis(1_000));
        assert_eq!(anchor.local(Time::from_millis(43)), Some(Time::from_millis(1_033)));
    }
}
