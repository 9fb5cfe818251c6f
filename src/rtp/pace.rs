//! How fast packets leave. A camera's frame at once drowns a receive buffer, an access point, or a 100 Mbit port, and a receiver of
//! RTP says nothing of its path that would tell how much it takes.

use crate::time::Time;
use std::time::Duration;

/// A frame leaves this many times as fast as the camera gives such frames: it takes a fifth of its interval.
const HASTE: f32 = 5.0;

/// Bytes a second at the least: 100 Mbit/s, less than most networks take.
const LEAST: f32 = 12.5e6;

/// Bursts that may go at once when the loop was held up.
const CREDIT: u32 = 4;

/// When the next packets may leave.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace(Time);

impl Pace {
    /// When.
    pub fn ready(self) -> Time {
        self.0
    }

    /// These bytes have gone; the stream has so many a second, if that is known.
    pub fn on_sent(&mut self, bytes: u32, stream: Option<f32>, now: Time) {
        let rate = (stream.unwrap_or(0.0) * HASTE).max(LEAST);
        let took = Duration::from_secs_f32(bytes as f32 / rate);
        let earliest = now.before(took * CREDIT);
        self.0 = self.0.max(earliest).after(took);
    }
}
