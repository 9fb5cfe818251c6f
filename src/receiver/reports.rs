//! CONTINUE: when it is said, and which are said twice. What it asks for is [`requests`](super::requests)' matter.

use crate::time::Time;
use crate::wire::client::MAX_CONTINUE_LEN;
use arrayvec::ArrayVec;
use std::time::Duration;

/// CONTINUEs are at least this far apart: one for many frames when they come fast.
pub(super) const GAP: Duration = Duration::from_millis(2);

/// CONTINUE goes at least this often: the sender stops video after a second without.
const ALWAYS: Duration = Duration::from_millis(250);

/// A viewer has no time to lose a request: it is said again after this long.
pub(super) const SAY_AGAIN: Duration = Duration::from_millis(3);

/// Requests that wait to be said again: as many as fit between GAP and SAY_AGAIN.
const SAID: usize = 4;

type Bytes = ArrayVec<u8, MAX_CONTINUE_LEN>;

/// What has been said, and what is to be.
pub(super) struct Reports {
    /// Something to report since the last one.
    news: bool,
    reported: Time,
    /// To be said again, and when.
    again: ArrayVec<(Time, Bytes), SAID>,
}

impl Reports {
    /// Nothing to report yet.
    pub(super) fn new(now: Time) -> Self {
        Reports { news: false, reported: now, again: ArrayVec::new() }
    }

    /// There is something to report.
    pub(super) fn on_news(&mut self) {
        self.news = true;
    }

    /// When the next one is due, if something is to be asked for at `ask_due`.
    #[must_use]
    pub(super) fn due(&self, ask_due: Time) -> Time {
        let soon = self.reported.after(GAP);
        if self.news {
            return soon;
        }
        ask_due.max(soon).min(self.reported.after(ALWAYS))
    }

    /// One is said now.
    pub(super) fn on_said(&mut self, now: Time) {
        self.news = false;
        self.reported = now;
    }

    /// This one is to be said again.
    pub(super) fn say_again(&mut self, bytes: Bytes, now: Time) {
        // there is room, as the gap between two has it
        let _ = self.again.try_push((now.after(SAY_AGAIN), bytes));
    }

    /// When one is to be said again.
    #[must_use]
    pub(super) fn again_due(&self) -> Time {
        self.again.first().map_or(Time::NEVER, |(at, _)| *at)
    }

    /// One that is to be said again now.
    #[must_use]
    pub(super) fn poll_again(&mut self, now: Time) -> Option<Bytes> {
        if now < self.again_due() {
            return None;
        }
        self.again.pop_at(0).map(|(_, bytes)| bytes)
    }
}
