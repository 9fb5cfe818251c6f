//! How fast the stream is: frames and bytes a second, over the newest frames' capture times.

use super::Reel;
use crate::time::Stamp;
use std::time::Duration;

/// If the rate over this many is higher by this factor, the stream has changed.
const LATEST_FRAMES: usize = 11;
const CHANGED: f32 = 1.25;

/// An interval that is more than this many usual ones is a stall.
const STALL: f32 = 4.0;

/// No two frames are this far apart; the camera's clock has jumped.
const JUMP: Duration = Duration::from_secs(100);

/// How many of the newest frames the frame rate is measured over.
const RATE_FRAMES: usize = 60;

/// What was measured when the newest frame had been laid in.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rates {
    fps: Option<f32>,
    bytes: Option<f32>,
    pace: Option<f32>,
}

impl Reel {
    /// Time between the oldest and the newest frame's capture.
    pub fn span(&self) -> Duration {
        self.between(0)
    }

    /// Frames a second, measured over the newest frames' capture times; none with less than two.
    pub fn fps(&self) -> Option<f32> {
        self.rates.fps
    }

    /// Bytes a second, measured over the newest frames; none with less than two.
    pub fn byte_rate(&self) -> Option<f32> {
        self.rates.bytes
    }

    /// Bytes a second that a sender has to reckon with: the same, or that of the newest frames if they have become
    /// much larger or faster.
    pub fn pace(&self) -> Option<f32> {
        self.rates.pace
    }

    /// Once a frame: who sends asks for them for each burst.
    pub(super) fn measure(&self) -> Rates {
        let first = self.index.len().saturating_sub(RATE_FRAMES);
        let seconds = self.between(first).as_secs_f32();
        let intervals = self.index.len().saturating_sub(first + 1);
        let fps = (seconds > 0.0).then(|| intervals as f32 / seconds);
        let bytes = self.rate_over(RATE_FRAMES);
        let latest =
            self.rate_over(LATEST_FRAMES).zip(bytes).filter(|(latest, mean)| *latest > mean * CHANGED);
        Rates { fps, bytes, pace: latest.map_or(bytes, |(latest, _)| Some(latest)) }
    }

    fn rate_over(&self, frames: usize) -> Option<f32> {
        let first = self.index.len().saturating_sub(frames);
        let bytes: u64 = self.index.range(first..).map(|entry| u64::from(entry.length)).sum();
        let frames = self.index.len().saturating_sub(first);
        let intervals = frames.checked_sub(1)?;
        let seconds = self.between(first).as_secs_f32();
        (seconds > 0.0).then(|| bytes as f32 / frames.max(1) as f32 * intervals as f32 / seconds)
    }

    fn between(&self, first: usize) -> Duration {
        match (self.index.get(first), self.index.back()) {
            (Some(first), Some(last)) => last.elapsed.saturating_sub(first.elapsed),
            _ => Duration::ZERO,
        }
    }

    /// Time since the first frame, by the capture times, with a frame that was captured then.
    pub(super) fn elapsed_at(&self, stamp: Stamp) -> Duration {
        let Some(last) = self.index.back() else { return Duration::ZERO };
        let interval = stamp.captured.since(last.stamp.captured);
        // a camera that stood still for a while has not become slow
        let usual = self.fps().filter(|_| self.index.len() >= LATEST_FRAMES);
        let most = usual.map_or(JUMP, |fps| Duration::from_secs_f32(STALL / fps));
        last.elapsed + if interval > JUMP { Duration::ZERO } else { interval.min(most) }
    }
}
