//! The camera's clock against this machine's: the camera may have no idea what time it is.
//!
//! A frame arrives later than it was captured by the path's delay, which is never less than some least delay. The
//! smallest difference seen is therefore the best estimate of the clocks' offset; whatever a frame has above it, it
//! was delayed.

use crate::time::Time;
use std::time::Duration;

/// The offset between two monotonic clocks, least observed delay included.
#[derive(Clone, Copy, Debug, Default)]
pub struct Anchor {
    /// Nanoseconds to add to a capture time for this machine's clock.
    offset: Option<i64>,
}

impl Anchor {
    /// A frame that was captured at `captured` (camera's clock) has arrived whole at `arrived` (ours). Returns its
    /// delay above the least one.
    pub fn observe(&mut self, captured: Time, arrived: Time) -> Duration {
        let sample = difference(arrived, captured);
        let best = self.offset.map_or(sample, |offset| offset.min(sample));
        self.offset = Some(best);
        Duration::from_nanos(sample.saturating_sub(best).unsigned_abs())
    }

    /// The time of our clock at which a frame was captured, as far as is known; none before the first one.
    pub fn local(&self, captured: Time) -> Option<Time> {
        let offset = self.offset?;
        Some(Time::from_nanos(captured.as_nanos().saturating_add_signed(offset)))
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
    fn either_clock_may_be_ahead() {
        let mut anchor = Anchor::default();
        anchor.observe(Time::from_millis(10), Time::from_millis(1_000));
        assert_eq!(anchor.local(Time::from_millis(43)), Some(Time::from_millis(1_033)));
    }
}
