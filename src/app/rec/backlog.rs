//! A disk that does not keep up: what of the stream is taken meanwhile, what is left to camcast's reel, and what people are told of it.

use super::Recorder;
use crate::account::ledger::MissingReason;
use crate::app::quantity::show_bytes;
use crate::app::throttle::Throttle;
use crate::time::Time;
use crate::wire::FrameNumber;
use std::time::Duration;

/// A frame that comes no later than this has not waited for the disk.
const CAUGHT_UP: Duration = Duration::from_millis(500);

/// A queue that is full for so long is told of.
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
    /// A frame has come so long after its capture.
    pub(super) fn on_frame(&mut self, delay: Duration) {
        self.is_late &= delay > CAUGHT_UP;
    }
}

impl Recorder<'_> {
    /// Octets of frames that may be taken out of the session. What a recorder's queue has no room for stays there, and once that is
    /// full in camcast's reel; a viewer's is dropped.
    pub(super) fn room(&mut self, now: Time) -> Option<usize> {
        if !self.config.is_every() || self.rejoin.is_stopping() {
            return None;
        }
        let room = self.writer.room();
        if room > 0 {
            self.backlog.full = None;
            return Some(room);
        }
        self.backlog.is_late = true;
        let since = *self.backlog.full.get_or_insert(now);
        if now.since(since) >= PATIENCE && self.backlog.waiting.happened(now).is_some() {
            let waiting = show_bytes(self.config.buffer as u64);
            log::warn!(
                "the disk does not keep up: {waiting} wait for it (--buffer); what comes now waits in camcast, as long as its \
                 --reel lasts"
            );
        }
        Some(room)
    }

    /// A frame did not come. Had the disk not held us back, it would have.
    pub(super) fn missing(&mut self, number: FrameNumber, why: MissingReason, now: Time) {
        if !self.backlog.is_late {
            return self.writer.missing(number, 1, why);
        }
        self.writer.missing(number, 1, MissingReason::Disk);
        self.tell_not_written(now);
    }

    pub(super) fn tell_not_written(&mut self, now: Time) {
        if let Some(count) = self.backlog.not_written.happened(now) {
            log::warn!("{count} frames not written: the disk has not kept up for seconds");
        }
    }
}
