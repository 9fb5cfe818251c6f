//! The picture that viewers see while there is no signal: shown at once, then again each second, since datagrams get lost.

use crate::time::Time;
use crate::wire::FrameNumber;
use std::ops::Range;
use std::time::Duration;

/// Shown again after this long.
const AGAIN: Duration = Duration::from_secs(1);

/// A slate, as it lies in the reel of slates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slate {
    /// Its number there.
    pub number: FrameNumber,
    /// How many datagrams it is.
    pub fragments: u16,
}

/// What one client has seen of it.
#[derive(Debug, Default)]
pub(super) struct Showing {
    number: Option<FrameNumber>,
    /// The next of its fragments.
    fragment: u16,
    due: Time,
}

impl Showing {
    /// When it is to be shown, or shown again; at once if the client has not seen it.
    pub(super) fn due(&self, slate: Slate) -> Time {
        if self.number == Some(slate.number) { self.due } else { Time::default() }
    }

    /// The client takes nothing now: later.
    pub(super) fn postpone(&mut self, slate: Slate, now: Time) {
        *self = Showing { number: Some(slate.number), fragment: 0, due: now.after(AGAIN) };
    }

    /// The fragments that go out now, `burst` at most.
    pub(super) fn next_train(&mut self, slate: Slate, burst: u16, now: Time) -> Option<Range<u16>> {
        if now < self.due(slate) {
            return None;
        }
        let start = if self.number == Some(slate.number) { self.fragment } else { 0 };
        let end = slate.fragments.min(start.saturating_add(burst));
        if end == slate.fragments {
            self.postpone(slate, now);
        } else {
            *self = Showing { number: Some(slate.number), fragment: end, due: now };
        }
        Some(start..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLATE: Slate = Slate { number: FrameNumber(1), fragments: 20 };

    #[test]
    fn it_is_shown_at_once_and_again_each_second() {
        let mut showing = Showing::default();
        let now = Time::from_millis(5000);
        assert_eq!(showing.next_train(SLATE, 16, now), Some(0..16));
        assert_eq!(showing.next_train(SLATE, 16, now), Some(16..20));
        assert_eq!(showing.next_train(SLATE, 16, now), None);
        assert_eq!(showing.due(SLATE), now.after(AGAIN));
        assert_eq!(showing.next_train(SLATE, 64, now.after(AGAIN)), Some(0..20));
    }

    #[test]
    fn another_one_is_shown_at_once() {
        let mut showing = Showing::default();
        let now = Time::from_millis(5000);
        showing.next_train(SLATE, 16, now);
        let another = Slate { number: FrameNumber(2), fragments: 3 };
        assert_eq!(showing.next_train(another, 16, now), Some(0..3));
        showing.postpone(another, now);
        assert_eq!(showing.next_train(another, 16, now), None);
    }
}
