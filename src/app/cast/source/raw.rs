//! Pictures of a camera without MJPEG: compressed when somebody watches, and what that costs.
//!
//! It is done in the loop's own thread, one picture a turn: clients are served in between. Where a picture takes longer than
//! the camera's interval, those that came meanwhile are dropped but for the newest.

use crate::picture::{Error, RawEncoder, RawFormat};
use crate::sys::clock;
use std::time::Duration;

/// Pictures after which it is said what they cost.
const MEASURED: u32 = 30;

/// Compression that takes more than this part of the interval, in percent, may fall behind: the loop has more to do.
const BUSY: u32 = 75;

/// What is assumed of a driver that says no rate.
const INTERVAL: Duration = Duration::from_millis(33);

/// The compressor of a camera's pictures, with its costs. Nothing is reserved before the first picture.
pub struct Raw {
    quality: u8,
    encoder: Option<RawEncoder>,
    is_wanted: bool,
    /// Pictures have been left out since the last one.
    has_skipped: bool,
    interval: Duration,
    cost: Cost,
}

/// What compressing takes, since the camera was opened.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    pictures: u32,
    sum: Duration,
    /// Of the latest few.
    recent: Duration,
}

impl Raw {
    /// A compressor for the whole run, at libjpeg's `quality`.
    pub fn new(quality: u8) -> Self {
        let cost = Cost::default();
        Raw { quality, encoder: None, is_wanted: false, has_skipped: false, interval: INTERVAL, cost }
    }

    /// The camera was opened, and says that it gives a picture in each `interval`.
    pub fn restart(&mut self, interval: Option<Duration>) {
        self.encoder = None;
        self.has_skipped = false;
        self.interval = interval.unwrap_or(INTERVAL);
        self.cost = Cost::default();
    }

    /// Whether anybody watches.
    pub fn set_wanted(&mut self, wanted: bool) {
        self.is_wanted = wanted;
    }

    /// Whether the next picture is to be compressed; else it is left out.
    pub fn is_wanted(&self) -> bool {
        self.is_wanted
    }

    /// A picture has come: whether it is the first one after others that were left out because nobody watched.
    pub fn take_unwatched(&mut self) -> bool {
        std::mem::replace(&mut self.has_skipped, !self.is_wanted) && self.is_wanted
    }

    /// Compression does not keep up with the camera, or hardly: of the pictures that wait take the newest.
    pub fn is_behind(&self) -> bool {
        self.cost.recent > self.interval * BUSY / 100
    }

    /// What a picture takes at present.
    pub fn takes(&self) -> Duration {
        self.cost.recent
    }

    /// The picture's JPEG.
    ///
    /// # Errors
    /// As [`RawEncoder::encode`].
    pub fn compress(&mut self, format: RawFormat, bytes: &[u8]) -> Result<&[u8], Error> {
        let encoder = match self.encoder.take().filter(|encoder| encoder.format() == format) {
            Some(encoder) => encoder,
            None => RawEncoder::new(format, self.quality)?,
        };
        let encoder = self.encoder.insert(encoder);
        let began = clock::now();
        let jpeg = encoder.encode(bytes)?;
        self.cost.add(clock::now().since(began));
        Ok(jpeg)
    }

    /// What compressing costs, in words, once after some pictures of each opening. `why` is what is compressed.
    pub fn poll_cost(&mut self, why: &str, fps: Option<f32>) -> Option<String> {
        if self.cost.pictures != MEASURED {
            return None;
        }
        // once: it counts on
        self.cost.pictures += 1;
        let each = self.cost.sum / MEASURED;
        let fps = fps.unwrap_or(1.0 / self.interval.as_secs_f32());
        let share = 100.0 * each.as_secs_f32() * fps;
        let millis = each.as_secs_f32() * 1000.0;
        let quality = self.quality;
        Some(format!(
            "{why} compressed here at quality {quality}, which takes {millis:.1} ms each, {share:.0} % of one core"
        ))
    }
}

impl Cost {
    fn add(&mut self, took: Duration) {
        self.recent = if self.pictures == 0 { took } else { (self.recent * 7 + took) / 8 };
        if self.pictures < MEASURED {
            self.pictures += 1;
            self.sum += took;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jpeg::{self, Size};
    use crate::picture::Layout;

    const MILLI: Duration = Duration::from_millis(1);

    fn raw(interval: u32) -> Raw {
        let mut raw = Raw::new(80);
        raw.restart(Some(MILLI * interval));
        raw
    }

    #[test]
    fn the_first_picture_after_a_time_without_viewers_is_known() {
        let mut raw = raw(33);
        let mut come = |wanted| {
            raw.set_wanted(wanted);
            raw.take_unwatched()
        };
        assert_eq!([true, true].map(&mut come), [false, false]);
        assert_eq!([false, false, true, true].map(&mut come), [false, false, true, false]);
    }

    #[test]
    fn what_is_slower_than_the_camera_is_behind_until_it_is_not() {
        let mut raw = raw(40);
        assert!(!raw.is_behind());
        raw.cost.add(MILLI * 50);
        assert!(raw.is_behind());
        (0..20).for_each(|_| raw.cost.add(MILLI * 10));
        assert!(!raw.is_behind() && raw.takes() < MILLI * 13);
    }

    #[test]
    fn the_cost_is_said_once_an_opening() {
        let mut raw = raw(33);
        (1..MEASURED).for_each(|_| raw.cost.add(MILLI * 4));
        assert_eq!(raw.poll_cost("YUYV pictures are", Some(30.0)), None);
        raw.cost.add(MILLI * 4);
        assert_eq!(
            raw.poll_cost("YUYV pictures are", Some(30.0)).unwrap(),
            "YUYV pictures are compressed here at quality 80, which takes 4.0 ms each, 12 % of one core"
        );
        raw.cost.add(MILLI * 4);
        assert_eq!(raw.poll_cost("x", None), None);
        raw.restart(None);
        (0..MEASURED).for_each(|_| raw.cost.add(MILLI));
        assert!(raw.poll_cost("x", None).unwrap().contains("1.0 ms each, 3 % of"));
    }

    #[test]
    fn a_picture_becomes_a_jpeg_and_a_camera_may_change_its_size() {
        let mut raw = raw(33);
        for (width, height) in [(64, 48), (32, 16)] {
            let size = Size { width, height };
            let format = RawFormat::new(Layout::Yuyv, size, 0, false).unwrap();
            let jpeg = raw.compress(format, &vec![128; format.bytes()]).unwrap();
            assert_eq!(jpeg::check(jpeg).map(|checked| checked.size()), Ok(size));
            assert!(raw.compress(format, &[]).is_err());
        }
    }
}
