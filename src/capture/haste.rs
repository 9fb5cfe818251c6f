//! A pipe that gives frames much faster than they are to be played: a film, read as fast as the disk goes.
//!
//! It is said, and not held up. Reading no faster than at some rate would hold up a live source whose clock is a little
//! faster than ours, and each frame of it would come later than the one before.

use std::time::Duration;

use super::Rate;
use crate::time::Time;

/// So many frames are timed together: what had gathered before camcast was started is not many.
const FRAMES: u32 = 100;

/// That many times as fast as somebody has said is no clock's fault.
const TIMES: u32 = 2;

/// Where nobody has said anything: there are cameras of 90 frames a second that are piped in.
const USUAL_MOST: u32 = 100;

/// Times the frames of a pipe.
#[derive(Debug)]
pub(super) struct Haste {
    /// The shortest time that [`FRAMES`] may take.
    shortest: Duration,
    since: Option<Time>,
    frames: u32,
    is_said: bool,
}

impl Haste {
    /// Somebody has said that it gives so many frames a second.
    pub(super) fn new(rate: Option<Rate>) -> Self {
        let usual = Duration::from_secs(FRAMES.into()) / USUAL_MOST;
        let shortest = rate.map_or(usual, |rate| rate.at(FRAMES.into()) / TIMES);
        Haste { shortest, since: None, frames: 0, is_said: false }
    }

    /// A frame has come. If it is time to say so, and once: how many come a second.
    pub(super) fn on_frame(&mut self, now: Time) -> Option<f64> {
        let since = *self.since.get_or_insert(now);
        if self.is_said || self.frames < FRAMES {
            self.frames = self.frames.saturating_add(1);
            return None;
        }
        let took = now.since(since);
        (self.since, self.frames) = (Some(now), 1);
        self.is_said = took < self.shortest;
        self.is_said.then(|| f64::from(FRAMES) / took.as_secs_f64().max(1e-3))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of so many frames at `fps` after one that had so many behind it in the pipe.
    fn said(expected: Option<&str>, fps: u64, gathered: u64) -> Vec<f64> {
        let mut haste = Haste::new(expected.map(|rate| rate.parse().unwrap()));
        let at = |frame: u64| {
            Time::from_millis(5000)
                .after(Duration::from_micros(frame.saturating_sub(gathered) * 1_000_000 / fps))
        };
        (0..1000).filter_map(|frame| haste.on_frame(at(frame))).collect()
    }

    #[test]
    fn a_film_is_noticed_once() {
        assert_eq!(said(None, 300, 0).len(), 1);
        assert!((said(None, 300, 0)[0] - 300.0).abs() < 1.0);
        assert_eq!(said(Some("25"), 60, 0).len(), 1);
        assert_eq!(said(Some("0.1"), 1, 0).len(), 1);
    }

    #[test]
    fn a_camera_is_none() {
        for fps in [1, 30, 60, 90] {
            assert!(said(None, fps, 8).is_empty(), "{fps}");
        }
        for (expected, fps) in [("30", 31), ("30", 50), ("240", 240), ("2", 3)] {
            assert!(said(Some(expected), fps, 8).is_empty(), "{fps} for {expected}");
        }
    }
}
