//! Times for a player, to whom all of it is one stream: a frame's are the camera's, a picture's that stands in for frames go on by
//! our own clock, and where the camera's clock is another one than before, its frames go on from there. A file's are the camera's too,
//! unless frames of another clock go into it.

use crate::time::Time;
use std::time::Duration;

/// So much may a frame's time differ from what our clock says before it is taken to be of another clock.
const DIFFERENCE: Duration = Duration::from_secs(1);

/// Where a player is.
#[derive(Debug, Default)]
pub(super) struct Playhead {
    /// The last time given, and when that was.
    last: Option<(Time, Time)>,
    /// What is added to the camera's clock, in nanoseconds.
    shift: i64,
    /// The next frame's clock may be another one.
    is_unsure: bool,
}

impl Playhead {
    /// The time of a frame.
    pub(super) fn frame(&mut self, captured: Time, now: Time) -> Time {
        let own = self.own(captured);
        let at = match (self.last, self.by_our_clock(now)) {
            (Some((last, _)), Some(expected)) if own < last || self.is_unsure && differs(own, expected) => {
                self.shift = nanos(expected).saturating_sub(nanos(captured));
                expected
            }
            _ => own,
        };
        self.is_unsure = false;
        self.last = Some((at, now));
        at
    }

    /// The time of a frame of a file: the camera's, which may tremble.
    pub(super) fn frame_of_file(&mut self, captured: Time, now: Time) -> Time {
        if self.is_unsure {
            return self.frame(captured, now);
        }
        let at = self.own(captured);
        self.last = Some((at, now));
        at
    }

    /// Another file begins with this frame, and has the camera's times.
    pub(super) fn another_file(&mut self, captured: Time, now: Time) {
        *self = Playhead { last: Some((captured, now)), ..Playhead::default() };
    }

    fn own(&self, captured: Time) -> Time {
        Time::from_nanos(captured.as_nanos().saturating_add_signed(self.shift))
    }

    /// The time of a picture that is no frame.
    pub(super) fn picture(&mut self, now: Time) -> Time {
        let at = self.by_our_clock(now).unwrap_or(now);
        self.last = Some((at, now));
        self.is_unsure = true;
        at
    }

    /// The frames from here on are another stream's.
    pub(super) fn another_stream(&mut self) {
        self.is_unsure = true;
    }

    fn by_our_clock(&self, now: Time) -> Option<Time> {
        self.last.map(|(at, then)| at.after(now.since(then)))
    }
}

fn differs(one: Time, other: Time) -> bool {
    one.since(other).max(other.since(one)) > DIFFERENCE
}

fn nanos(time: Time) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ours at the begin of a test; the camera's clock began a year later.
    const NOW: Time = Time::from_millis(50_000);
    const CAMERA: Time = Time::from_millis(9_000);

    fn after(time: Time, millis: u64) -> Time {
        time.after(Duration::from_millis(millis))
    }

    #[test]
    fn without_pictures_times_are_the_cameras() {
        let mut head = Playhead::default();
        for (captured, came) in [(0, 30), (40, 90), (80, 91), (120, 5_000), (90_000, 5_001)] {
            assert_eq!(head.frame(after(CAMERA, captured), after(NOW, came)), after(CAMERA, captured));
        }
    }

    #[test]
    fn pictures_go_on_by_our_clock_and_the_camera_comes_back_to_its_own() {
        let mut head = Playhead::default();
        head.frame(CAMERA, NOW);
        let pictures = [2_000, 3_000, 4_000].map(|at| head.picture(after(NOW, at)));
        assert_eq!(pictures, [2_000, 3_000, 4_000].map(|at| after(CAMERA, at)));
        // 20 ms quicker than the first
        assert_eq!(head.frame(after(CAMERA, 5_020), after(NOW, 5_000)), after(CAMERA, 5_020));
    }

    #[test]
    fn whoever_comes_while_there_is_no_signal_sees_the_camera_at_once() {
        let mut head = Playhead::default();
        assert_eq!(head.picture(NOW), NOW);
        head.picture(after(NOW, 1_000));
        // its clock is somewhere else altogether
        assert_eq!(head.frame(CAMERA, after(NOW, 1_500)), after(NOW, 1_500));
        assert_eq!(
            head.frame(after(CAMERA, 40), after(NOW, 1_600)),
            after(NOW, 1_540),
            "its own clock from here on"
        );
    }

    #[test]
    fn another_streams_clock_goes_on_from_there() {
        for captured in [Time::from_millis(5), after(CAMERA, 900_000)] {
            let mut head = Playhead::default();
            head.frame(CAMERA, NOW);
            head.another_stream();
            assert_eq!(head.frame(captured, after(NOW, 3_000)), after(CAMERA, 3_000));
            assert_eq!(head.frame(after(captured, 33), after(NOW, 3_500)), after(CAMERA, 3_033));
        }
    }
}
