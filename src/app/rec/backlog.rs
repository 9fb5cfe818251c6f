//! A disk that does not keep up: whether what is missing would have come without it, and when that is logged.

use crate::app::throttle::Throttle;
use crate::time::Time;
use std::time::Duration;

/// A frame that comes no later than this has not waited for the disk.
const CAUGHT_UP: Duration = Duration::from_millis(500);

/// A queue that is full for this long is logged.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is known of it.
#[derive(Default)]
pub(super) struct Backlog {
    /// The writer has had no room, and frames come late for it.
    is_late: bool,
    /// Since when it has none.
    full: Option<Time>,
    waiting: Throttle,
    not_written: Throttle,
}

impl Backlog {
    /// A frame has come this long after its capture.
    pub(super) fn on_frame(&mut self, delay: Duration) {
        self.is_late &= delay > CAUGHT_UP;
    }

    /// Had the disk not held us back, what is missing now would have come.
    pub(super) fn is_late(&self) -> bool {
        self.is_late
    }

    /// The writer has room.
    pub(super) fn on_room(&mut self) {
        self.full = None;
    }

    /// The writer has none. True: this is to be told now.
    pub(super) fn on_full(&mut self, now: Time) -> bool {
        self.is_late = true;
        let since = *self.full.get_or_insert(now);
        now.since(since) >= PATIENCE && self.waiting.happened(now).is_some()
    }

    /// A frame was not written. How many were not since it was last told, if it is to be told now.
    pub(super) fn on_not_written(&mut self, count: u32, now: Time) -> Option<u64> {
        self.not_written.happened_times(count.into(), now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Time = Time::from_millis(60_000);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_queue_that_stays_full_is_told_of_and_makes_frames_late_until_they_catch_up() {
        let mut backlog = Backlog::default();
        backlog.on_frame(9 * SECOND);
        assert!(!backlog.is_late(), "that is the path's doing");
        assert!(!backlog.on_full(START));
        backlog.on_room();
        assert!(!backlog.on_full(START.after(SECOND)), "it had room in between");
        assert!(backlog.on_full(START.after(2 * SECOND)) && backlog.is_late());
        assert!(!backlog.on_full(START.after(3 * SECOND)), "told");
        backlog.on_room();
        backlog.on_frame(SECOND);
        assert!(backlog.is_late(), "what comes now has waited");
        backlog.on_frame(SECOND / 10);
        assert!(!backlog.is_late());
    }
}
