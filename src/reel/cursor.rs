//! Where one reader stands in the reel, and what it wants next: the newest frame, or every frame.
//!
//! Any outlet has one a reader. An outlet that sends a frame as a whole calls [`Cursor::take`]; one that sends it in parts
//! calls [`Cursor::catch_up`] between frames, sends the frame at [`Cursor::number`], and [passes](Cursor::pass) it. Both learn
//! how many frames the reader has missed by that.

use super::{Frame, Reel};
use crate::time::Time;
use crate::wire::FrameNumber;
use crate::wire::join::Policy;
use std::time::Duration;

/// A viewer does not begin with a frame that is older than this, or than this many of the camera's intervals if that is
/// longer: it shows the past.
const FRESH: Duration = Duration::from_secs(1);
const FRESH_INTERVALS: f32 = 1.5;

/// A recording is named by its first frame's time, of which nothing is known but when it came: it begins with one that is
/// newer than this.
const FRESH_ENOUGH_TO_TELL: Duration = Duration::from_millis(100);

/// While there is one frame, the second may take this long.
const FIRST_INTERVAL: Duration = Duration::from_secs(100);

/// A reader's place in the reel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    policy: Policy,
    next: FrameNumber,
}

impl Cursor {
    /// Where a reader begins that has seen nothing yet: at the newest frame, unless that shows what was long ago, because the
    /// camera is away (`no_camera`), or was off while nobody watched. Then at the frame that comes next.
    pub fn begin(policy: Policy, reel: &Reel, no_camera: bool, now: Time) -> Self {
        let fresh = match (policy, reel.fps()) {
            (_, None) => FIRST_INTERVAL,
            (Policy::Newest, Some(fps)) => FRESH.max(Duration::from_secs_f32(FRESH_INTERVALS / fps)),
            (Policy::Every, Some(_)) => FRESH_ENOUGH_TO_TELL,
        };
        let is_fresh = |frame: &Frame| !no_camera && now.since(frame.stamp().captured) <= fresh;
        let next = reel.newest().filter(is_fresh).map_or(reel.next_number(), |frame| frame.number());
        Cursor { policy, next }
    }

    /// Where a reader goes on that would have got `wanted` next: there, or as near to it as the reel still reaches. A viewer
    /// begins as a new one does, but not with what it has seen.
    pub fn resume(policy: Policy, wanted: FrameNumber, reel: &Reel, no_camera: bool, now: Time) -> Self {
        let (oldest, next) = (reel.oldest_number(), reel.next_number());
        let next = match policy {
            // it cannot have seen the future
            _ if !next.is_after(wanted) => next,
            Policy::Newest => return Self::begin(policy, reel, no_camera, now),
            Policy::Every if oldest.is_after(wanted) => oldest,
            Policy::Every => wanted,
        };
        Cursor { policy, next }
    }

    /// What the reader wants.
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// The frame that is next if nothing is skipped; it may have left the reel, or not have come yet.
    pub fn number(&self) -> FrameNumber {
        self.next
    }

    /// The frame that the reader gets next, by its policy; `None` while that has not come. Changes with each frame that
    /// is laid into the reel.
    #[must_use]
    pub fn peek(&self, reel: &Reel) -> Option<FrameNumber> {
        let mut ahead = *self;
        ahead.catch_up(reel);
        reel.next_number().is_after(ahead.next).then_some(ahead.next)
    }

    /// Takes that frame, and moves past it; with it comes how many frames are skipped before it. To be called after each
    /// frame that is laid into the reel, and again while the reader takes more.
    #[must_use]
    pub fn take(&mut self, reel: &Reel) -> Option<(FrameNumber, u32)> {
        let number = self.peek(reel)?;
        let skipped = self.skip_to(number);
        self.pass();
        Some((number, skipped))
    }

    /// The frame at the cursor has been sent.
    pub fn pass(&mut self) {
        self.next = self.next.next();
    }

    /// Between two frames: skips what has left the reel, and what the policy does not want. Returns how many frames that are.
    pub fn catch_up(&mut self, reel: &Reel) -> u32 {
        match self.policy {
            Policy::Newest => self.skip_to(reel.next_number().previous()),
            Policy::Every => self.skip_gone(reel),
        }
    }

    /// Skips what has left the reel, and nothing else: within a frame. Returns how many frames that are.
    pub fn skip_gone(&mut self, reel: &Reel) -> u32 {
        self.skip_to(reel.oldest_number())
    }

    /// Skips all frames before `number`, if the cursor is there yet. Returns how many frames that are.
    pub fn skip_to(&mut self, number: FrameNumber) -> u32 {
        let skipped = u32::try_from(number.since(self.next)).unwrap_or(0);
        self.next = self.next.plus(skipped);
        skipped
    }

    /// Frames that wait in the reel for a reader of every frame; one of the newest has none that wait.
    pub fn behind(&self, reel: &Reel) -> i32 {
        match self.policy {
            Policy::Newest => 0,
            Policy::Every => reel.next_number().since(self.next),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jpeg::Size;
    use crate::time::Stamp;
    use crate::wire::StreamId;

    const RATES: [f64; 4] = [0.1, 5.0, 30.0, 240.0];
    const START: Time = Time::from_millis(1_000_000);

    struct Bench {
        reel: Reel,
        interval: Duration,
        captured: Time,
    }

    impl Bench {
        /// A reel of 1 MiB with this many frames of 20 kB, the newest captured at `captured`.
        fn new(fps: f64, frames: u32) -> Self {
            let reel = Reel::new(1 << 20, 1452, StreamId(1));
            let mut bench = Bench { reel, interval: Duration::from_secs_f64(1.0 / fps), captured: START };
            (0..frames).for_each(|_| bench.push());
            bench
        }

        fn push(&mut self) {
            self.captured = self.captured.after(self.interval);
            let stamp = Stamp { captured: self.captured, sequence: 0 };
            self.reel.push(&[1; 20_000], Size { width: 8, height: 8 }, stamp, 0).unwrap();
        }

        /// Whether a reader that comes `later` than the newest frame begins with it.
        fn begins_with_newest(&self, policy: Policy, later: Duration) -> bool {
            let cursor = Cursor::begin(policy, &self.reel, false, self.captured.after(later));
            let newest = self.reel.newest().unwrap().number();
            assert!([newest, newest.next()].contains(&cursor.number()));
            assert_eq!(cursor.peek(&self.reel).is_some(), cursor.number() == newest);
            cursor.number() == newest
        }
    }

    #[test]
    fn a_viewer_begins_with_the_picture_that_stands_at_any_rate() {
        for fps in RATES {
            let bench = Bench::new(fps, 20);
            let interval = Duration::from_secs_f64(1.0 / fps);
            for (later, is_fresh) in [
                (Duration::ZERO, true),
                (interval.mul_f64(0.99), true),
                (Duration::from_millis(999).max(interval.mul_f64(1.49)), true),
                (Duration::from_millis(1001).max(interval.mul_f64(1.51)), false),
            ] {
                assert_eq!(bench.begins_with_newest(Policy::Newest, later), is_fresh, "{fps}: {later:?}");
            }
        }
    }

    #[test]
    fn a_recording_begins_with_a_frame_whose_time_can_be_told_at_any_rate() {
        for fps in RATES {
            let bench = Bench::new(fps, 20);
            assert!(bench.begins_with_newest(Policy::Every, FRESH_ENOUGH_TO_TELL), "{fps}");
            assert!(!bench.begins_with_newest(Policy::Every, Duration::from_millis(101)), "{fps}");
        }
    }

    #[test]
    fn the_only_frame_stands_for_long_and_none_when_the_camera_is_away() {
        for policy in [Policy::Newest, Policy::Every] {
            let bench = Bench::new(30.0, 1);
            assert!(bench.begins_with_newest(policy, FIRST_INTERVAL));
            assert!(!bench.begins_with_newest(policy, FIRST_INTERVAL + Duration::from_millis(1)));
            let away = Cursor::begin(policy, &bench.reel, true, bench.captured);
            assert_eq!((away.number(), away.peek(&bench.reel)), (FrameNumber(2), None));
            let empty = Bench::new(30.0, 0);
            let mut first = Cursor::begin(policy, &empty.reel, false, START);
            assert_eq!((first.number(), first.take(&empty.reel)), (FrameNumber(1), None));
        }
    }

    #[test]
    fn a_recorder_resumes_as_near_as_the_reel_reaches_and_a_viewer_does_not() {
        for fps in RATES {
            let bench = Bench::new(fps, 300);
            let (oldest, next) = (bench.reel.oldest_number(), bench.reel.next_number());
            let resume = |policy, wanted| {
                Cursor::resume(policy, FrameNumber(wanted), &bench.reel, false, bench.captured).number()
            };
            assert!(oldest.0 > 1);
            assert_eq!(resume(Policy::Every, 290), FrameNumber(290));
            assert_eq!(resume(Policy::Every, 1), oldest, "what has gone has gone");
            assert_eq!(resume(Policy::Every, 9_999), next, "it cannot have seen the future");
            assert_eq!(resume(Policy::Newest, 290), FrameNumber(300));
            assert_eq!(resume(Policy::Newest, 301), next, "it has seen the newest");
        }
    }

    #[test]
    fn newest_skips_and_every_does_not_while_the_reel_has_it() {
        for fps in RATES {
            let mut bench = Bench::new(fps, 1);
            let at = |policy| Cursor { policy, next: FrameNumber(1) };
            let (mut newest, mut every) = (at(Policy::Newest), at(Policy::Every));
            assert_eq!(newest.take(&bench.reel), Some((FrameNumber(1), 0)));
            assert_eq!(every.take(&bench.reel), Some((FrameNumber(1), 0)));
            assert_eq!((newest.take(&bench.reel), every.take(&bench.reel)), (None, None), "not twice");
            (0..4).for_each(|_| bench.push());
            assert_eq!((newest.behind(&bench.reel), every.behind(&bench.reel)), (0, 4));
            assert_eq!(newest.take(&bench.reel), Some((FrameNumber(5), 3)));
            assert_eq!(every.take(&bench.reel), Some((FrameNumber(2), 0)));
            (0..300).for_each(|_| bench.push());
            let oldest = bench.reel.oldest_number();
            assert_eq!(every.take(&bench.reel), Some((oldest, oldest.0 - 3)));
            assert_eq!(newest.take(&bench.reel), Some((FrameNumber(305), 299)));
        }
    }

    #[test]
    fn within_a_frame_only_its_leaving_moves_the_cursor() {
        let mut bench = Bench::new(30.0, 2);
        let mut cursor = Cursor { policy: Policy::Newest, next: FrameNumber(1) };
        assert_eq!(cursor.skip_gone(&bench.reel), 0);
        (0..300).for_each(|_| bench.push());
        let oldest = bench.reel.oldest_number();
        assert_eq!(cursor.skip_gone(&bench.reel), oldest.0 - 1);
        assert_eq!((cursor.number(), cursor.skip_to(FrameNumber(1))), (oldest, 0), "never back");
    }
}
