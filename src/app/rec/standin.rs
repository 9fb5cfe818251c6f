//! The picture that viewers see while there are no frames. camcast sends one per loss of the signal; a player that is given one frame alone shows
//! none, as it waits for the next to know how long the first lasts.

use crate::receiver::slate::Picture;
use crate::time::Time;
use std::time::Duration;

/// Shown again after this long.
const AGAIN: Duration = Duration::from_secs(1);

/// A picture that is shown again and again.
pub(super) struct StandIn {
    picture: Picture,
    next: Time,
}

impl StandIn {
    /// It has been shown just now.
    pub(super) fn new(picture: Picture, now: Time) -> Self {
        StandIn { picture, next: now.after(AGAIN) }
    }

    /// When to ask for it.
    pub(super) fn next_timeout(&self) -> Time {
        self.next
    }

    /// The picture, if it is to be shown now.
    pub(super) fn due(&mut self, now: Time) -> Option<Picture> {
        let is_due = now >= self.next;
        if is_due {
            self.next = now.after(AGAIN);
        }
        is_due.then(|| self.picture.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_shown_once_a_second() {
        let now = Time::from_millis(5_000);
        let mut stand_in = StandIn::new(Picture { bytes: vec![1], made: Time::default() }, now);
        let shown = (0..40).filter(|n| stand_in.due(now.after(Duration::from_millis(n * 100))).is_some());
        assert_eq!(shown.collect::<Vec<_>>(), [10, 20, 30]);
    }
}
