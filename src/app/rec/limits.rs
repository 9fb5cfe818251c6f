//! How far the recording has come, and whether that is enough: `--frames` and `--duration`.

use super::config::Limit;
use crate::time::Time;
use std::time::Duration;

/// A limit by capture times ends this much later by our own clock, should the camera fall silent.
const GRACE: Duration = Duration::from_secs(2);

/// A first frame that takes longer is said to be waited for.
const FIRST_FRAME: Duration = Duration::from_secs(2);

/// How far it has come.
#[derive(Default)]
pub(super) struct Progress {
    /// Frames that were handed to the writer, and are pictures as far as it has said.
    pub(super) handed: u64,
    /// When the first session proved itself.
    joined: Option<Time>,
    /// Capture time of the first frame, and when it came.
    pub(super) first: Option<(Time, Time)>,
    /// That the first frame is waited for has been said.
    pub(super) is_wait_told: bool,
}

impl Progress {
    /// A session is there.
    pub(super) fn on_life(&mut self, now: Time) {
        self.joined.get_or_insert(now);
    }

    /// A frame has come that lies beyond the duration that is wanted.
    pub(super) fn is_beyond(&mut self, limit: &Limit, captured: Time, now: Time) -> bool {
        let (first, _) = *self.first.get_or_insert((captured, now));
        limit.duration.is_some_and(|limit| captured.since(first) >= limit)
    }

    /// There are as many frames as are wanted.
    pub(super) fn is_enough(&self, limit: &Limit) -> bool {
        limit.frames.is_some_and(|limit| self.handed >= limit)
    }

    /// The duration that is wanted is over by our own clock. Without any frame the time since the join counts.
    pub(super) fn is_overdue(&self, limit: &Limit, now: Time) -> bool {
        let Some(began) = self.first.map(|(_, came)| came).or(self.joined) else { return false };
        limit.duration.is_some_and(|limit| now >= began.after(limit + GRACE))
    }

    /// When [`is_overdue`](Self::is_overdue) or [`is_wait_news`](Self::is_wait_news) has something to say.
    pub(super) fn next_timeout(&self, limit: &Limit) -> Time {
        let began = self.first.map(|(_, came)| came).or(self.joined);
        let overdue =
            began.zip(limit.duration).map_or(Time::NEVER, |(began, limit)| began.after(limit + GRACE));
        let is_waiting = self.first.is_none() && !self.is_wait_told;
        let wait = self.joined.filter(|_| is_waiting).map_or(Time::NEVER, |joined| joined.after(FIRST_FRAME));
        overdue.min(wait)
    }

    /// The first frame is waited for: true once, if that has not been said.
    pub(super) fn is_wait_news(&mut self, now: Time) -> bool {
        let is_late = self.joined.is_some_and(|joined| now >= joined.after(FIRST_FRAME));
        self.first.is_none() && is_late && !std::mem::replace(&mut self.is_wait_told, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Time = Time::from_millis(60_000);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_duration_is_that_of_the_camera_and_ends_without_it_too() {
        let limit = Limit { duration: Some(10 * SECOND), ..Limit::default() };
        let mut progress = Progress::default();
        assert!(!progress.is_overdue(&limit, START.after(100 * SECOND)), "there is no session yet");
        progress.on_life(START);
        progress.on_life(START.after(SECOND));
        assert!(!progress.is_overdue(&limit, START.after(11 * SECOND)));
        assert!(progress.is_overdue(&limit, START.after(12 * SECOND)));
        assert_eq!(
            progress.next_timeout(&limit),
            START.after(2 * SECOND),
            "that the first frame is waited for"
        );
        let camera = Time::from_millis(5);
        assert!(!progress.is_beyond(&limit, camera, START.after(5 * SECOND)));
        assert!(!progress.is_overdue(&limit, START.after(16 * SECOND)), "it counts from the first frame");
        assert!(progress.is_overdue(&limit, START.after(17 * SECOND)));
        assert_eq!(progress.next_timeout(&limit), START.after(17 * SECOND));
        assert!(progress.is_beyond(&limit, camera.after(10 * SECOND), START.after(6 * SECOND)));
    }

    #[test]
    fn the_wait_for_the_first_frame_is_told_once() {
        let mut progress = Progress::default();
        assert!(!progress.is_wait_news(START));
        progress.on_life(START);
        assert!(!progress.is_wait_news(START.after(SECOND)));
        assert!(progress.is_wait_news(START.after(2 * SECOND)));
        assert_eq!(progress.next_timeout(&Limit::default()), Time::NEVER);
        assert!(!progress.is_wait_news(START.after(3 * SECOND)));
        let mut progress = Progress { joined: Some(START), ..Progress::default() };
        progress.is_beyond(&Limit::default(), START, START);
        assert!(!progress.is_wait_news(START.after(9 * SECOND)), "it has come");
    }
}
