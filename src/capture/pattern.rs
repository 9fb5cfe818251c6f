//! The built-in test picture as a source: a camera that every machine has.

use arrayvec::ArrayString;

use super::metronome::Metronome;
use super::{CaptureError, Description, Lease, OpenError, Rate, WallClock};
use crate::jpeg::Size;
use crate::picture;
use crate::time::Time;

/// What `camcast pattern` shows without `-r`.
const DEFAULT_SIZE: Size = Size { width: 1280, height: 720 };

/// The test picture, drawn when it is due.
pub struct Pattern {
    picture: picture::Pattern,
    metronome: Metronome,
    clock: WallClock,
    description: Description,
}

impl Pattern {
    /// The test picture at `rate`, 1280x720 without a `size`.
    ///
    /// # Errors
    /// [`OpenError::Invalid`] if the picture cannot be drawn in that size.
    pub fn open(size: Option<Size>, rate: Rate, clock: WallClock) -> Result<Self, OpenError> {
        let size = size.unwrap_or(DEFAULT_SIZE);
        let picture = picture::Pattern::new(size, picture::Pattern::QUALITY)
            .map_err(|error| OpenError::Invalid { what: format!("no test picture of {size}: {error}") })?;
        Ok(Pattern { picture, metronome: Metronome::new(rate), clock, description: description(size, rate) })
    }

    /// When the next picture is due.
    pub fn due(&self) -> Time {
        self.metronome.due()
    }

    /// Draws the newest picture that is due. Those missed before it are gaps in the sequence, as with a camera.
    ///
    /// # Errors
    /// [`CaptureError::Undrawable`].
    pub fn grab(&mut self, now: Time) -> Result<Option<Lease<'_>>, CaptureError> {
        let Some(number) = self.metronome.newest(now) else { return Ok(None) };
        let sequence = wrapped(number);
        let mut time = ArrayString::new();
        (self.clock)(&mut time);
        let drawn = self.picture.draw(sequence, &time);
        let bytes = drawn.map_err(|error| CaptureError::Undrawable { why: error.to_string() })?;
        Ok(Some(Lease::of_bytes(bytes, now, sequence)))
    }

    /// Size and rate of the picture.
    pub fn describe(&self) -> &Description {
        &self.description
    }
}

/// The number as a driver counts: it begins again after 2^32 - 1.
fn wrapped(number: u64) -> u32 {
    (number & u64::from(u32::MAX)) as u32
}

fn description(size: Size, rate: Rate) -> Description {
    Description {
        name: "test picture".into(),
        driver: "built in".into(),
        path: "pattern".into(),
        format: "MJPG".into(),
        size: Some(size),
        rate: Some(rate),
        buffers: 0,
        notes: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jpeg;

    fn clock(text: &mut ArrayString<16>) {
        text.push_str("12:34:56.789");
    }

    fn pattern(size: Option<Size>) -> Pattern {
        Pattern::open(size, "10".parse().unwrap(), clock).unwrap()
    }

    #[test]
    fn draws_on_time_and_counts_what_it_missed() {
        let size = Size { width: 320, height: 240 };
        let mut pattern = pattern(Some(size));
        let mut sequences = Vec::new();
        for millis in [7000, 7050, 7100, 7200, 7555, 7599, 7600] {
            let now = Time::from_millis(millis);
            let Some(lease) = pattern.grab(now).unwrap() else { continue };
            assert_eq!(jpeg::check(&lease).map(|checked| checked.size()), Ok(size));
            assert_eq!((lease.stamp.captured, lease.content), (now, crate::capture::Content::Jpeg));
            sequences.push(lease.stamp.sequence);
        }
        assert_eq!(sequences, [0, 1, 2, 5, 6]);
        assert_eq!(pattern.due(), Time::from_millis(7700));
    }

    #[test]
    fn says_what_it_is() {
        let text = pattern(None).describe().to_string();
        assert_eq!(text, "test picture (pattern, built in): MJPG 1280x720, 10 fps");
    }

    #[test]
    fn the_count_wraps() {
        assert_eq!(wrapped(u64::from(u32::MAX)), u32::MAX);
        assert_eq!(wrapped(u64::from(u32::MAX) + 2), 1);
    }
}
