//! What is known of the camera: its clock, its rate, and whether it is there.

use super::pace::Pace;
use super::standin::StandIn;
use crate::clock::anchor::{Anchor, Line};
use crate::receiver::Frame;
use crate::time::Time;
use std::time::Duration;

/// What is known of it.
#[derive(Default)]
pub(super) struct Camera {
    anchor: Anchor,
    pub(super) pace: Pace,
    /// The delay of the newest frame, while frames come.
    pub(super) delay: Option<Duration>,
    /// Capture time of the newest frame, on the camera's clock, and when it came.
    newest: Option<(Time, Time)>,
    /// Since when it is away; that has been said.
    pub(super) silence: Option<Silence>,
    /// What viewers see in place of frames.
    pub(super) stand_in: Option<StandIn>,
}

/// The camera delivers nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Silence {
    /// When we heard of it.
    pub(super) heard: Time,
    /// The longest time between two frames that have come since, on the camera's clock.
    longest: Duration,
}

impl Camera {
    /// When the picture that stands in for frames is to be shown again.
    pub(super) fn next_timeout(&self) -> Time {
        self.stand_in.as_ref().map_or(Time::NEVER, StandIn::next_timeout)
    }

    /// A frame has come over a path that delays it by `one_way` at the least. Returns its delay, and how the clocks lie.
    pub(super) fn on_frame(&mut self, frame: &Frame, one_way: Duration) -> (Duration, Line) {
        let captured = frame.stamp.captured;
        if let (Some(silence), Some((before, _))) = (&mut self.silence, self.newest) {
            silence.longest = silence.longest.max(captured.since(before));
        }
        self.newest = Some((captured, frame.arrived));
        self.pace.on_frame(captured, frame.arrived);
        self.stand_in = None;
        let seen = self.anchor.observe(captured, frame.begun);
        if let Some(jump) = seen.jump {
            log::warn!("{jump}");
        }
        let delay = seen.above + frame.arrived.since(frame.begun) + one_way;
        self.delay = Some(delay);
        (delay, seen.line)
    }

    /// Its clock showed this a moment before `now`: frames that come from here on may be old.
    pub(super) fn on_clock(&mut self, clock: Time, now: Time) {
        self.anchor.know(clock, now);
    }

    /// The frames from here on are another camcast's, and so is its clock.
    pub(super) fn on_another_stream(&mut self) {
        self.anchor.restart();
        self.pace.restart();
        self.newest = None;
    }

    /// There is no session.
    pub(super) fn on_lost(&mut self) {
        self.delay = None;
        self.stand_in = None;
    }

    /// camcast says that it delivers nothing.
    pub(super) fn on_silence(&mut self, now: Time) {
        self.silence = Some(Silence { heard: now, longest: Duration::ZERO });
        self.delay = None;
    }

    /// camcast says that it delivers again: after how long, if it had not.
    pub(super) fn on_return(&mut self, now: Time) -> Option<Duration> {
        let silence = self.silence.take()?;
        // the frame that ends it may come after the word that it has ended
        let waiting = now.since(self.newest.map_or(silence.heard, |(_, came)| came));
        Some(silence.longest.max(waiting))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Stamp;
    use crate::wire::FrameNumber;

    const START: Time = Time::from_millis(60_000);

    /// A frame that was captured and has come at this millisecond of the test.
    fn frame(ms: u64) -> Frame {
        let at = START.after(Duration::from_millis(ms));
        Frame {
            number: FrameNumber(1),
            stamp: Stamp { captured: at, sequence: 0 },
            discontinuity: false,
            bytes: Vec::new(),
            begun: at,
            arrived: at,
            repaired: 0,
            fragments: 1,
        }
    }

    #[test]
    fn the_absence_is_that_between_frames_and_not_that_between_words() {
        let at = |ms| START.after(Duration::from_millis(ms));
        let mut camera = Camera::default();
        camera.on_frame(&frame(0), Duration::ZERO);
        camera.on_silence(at(2_000));
        assert_eq!((camera.delay, camera.silence.is_some()), (None, true));
        camera.on_frame(&frame(2_500), Duration::ZERO);
        assert_eq!(camera.on_return(at(2_600)), Some(Duration::from_millis(2_500)));
        assert_eq!(camera.on_return(at(2_700)), None, "said once");
        // the word comes before the frame
        camera.on_silence(at(5_000));
        assert_eq!(camera.on_return(at(6_000)), Some(Duration::from_millis(3_500)));
    }

    #[test]
    fn another_streams_clock_is_another_clock() {
        let mut camera = Camera::default();
        camera.on_frame(&frame(0), Duration::ZERO);
        camera.on_another_stream();
        let late = Frame { arrived: START.after(Duration::from_millis(30)), ..frame(0) };
        assert_eq!(camera.on_frame(&late, Duration::from_millis(5)).0, Duration::from_millis(35));
        assert_eq!(camera.pace.fps(START), None);
    }
}
