//! Frames that were not sent, by reason, in words.

use crate::jpeg::JpegError;
use std::fmt;

/// Why a frame was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// It is no whole JPEG.
    Jpeg(JpegError),
    /// The driver itself called it damaged or empty.
    Driver,
    /// It is longer than the reel takes.
    TooLarge,
    /// It is raw, and could not be compressed.
    Uncompressed,
}

/// How many of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    flaws: [u64; JpegError::ALL.len()],
    driver: u64,
    too_large: u64,
    too_slow: u64,
    uncompressed: u64,
}

impl Drops {
    /// One more.
    pub fn add(&mut self, reason: DropReason) {
        match reason {
            DropReason::Jpeg(flaw) => self.flaws[flaw.index()] += 1,
            DropReason::Driver => self.driver += 1,
            DropReason::TooLarge => self.too_large += 1,
            DropReason::Uncompressed => self.uncompressed += 1,
        }
    }

    /// This many more of a camera without MJPEG that came while one before them was compressed.
    pub fn add_too_slow(&mut self, count: u32) {
        self.too_slow += u64::from(count);
    }

    /// How many of that kind.
    pub fn too_slow(&self) -> u64 {
        self.too_slow
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.flaws.iter().sum::<u64>() + self.driver + self.too_large + self.too_slow + self.uncompressed
    }

    /// Each reason and how many.
    pub fn by_reason(&self) -> impl Iterator<Item = (u64, &'static str)> {
        let flaws = JpegError::ALL.iter().zip(self.flaws).map(|(flaw, count)| (count, flaw.words()));
        flaws.chain([
            (self.driver, "flagged by the driver"),
            (self.too_large, "too large"),
            (self.too_slow, "arrived while another was being compressed"),
            (self.uncompressed, "that could not be compressed"),
        ])
    }
}

impl fmt::Display for Drops {
    /// `30 cut off (no EOI), 3 flagged by the driver, 2 too large`, without the kinds of which there are none; `none`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        for (count, words) in self.by_reason().filter(|(count, _)| *count > 0) {
            write!(f, "{comma}{count} {words}")?;
            comma = ", ";
        }
        if comma.is_empty() { f.write_str("none") } else { Ok(()) }
    }
}

/// How many of the newest frames are looked at.
const LATEST: u32 = 100;

/// Which of the latest frames had no end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ends(u128);

impl Ends {
    /// A frame has come. True: more than half of the latest hundred had no end.
    pub fn on_frame(&mut self, lacks_end: bool) -> bool {
        self.0 = (self.0 << 1 | u128::from(lacks_end)) & ((1 << LATEST) - 1);
        self.0.count_ones() > LATEST / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_told_by_kind() {
        let mut drops = Drops::default();
        assert_eq!((drops.to_string(), drops.total()), ("none".into(), 0));
        let reasons =
            [(2, DropReason::TooLarge), (30, DropReason::Jpeg(JpegError::NoEnd)), (3, DropReason::Driver)];
        for (count, reason) in reasons {
            (0..count).for_each(|_| drops.add(reason));
        }
        assert_eq!(drops.to_string(), "30 cut off (no EOI), 3 flagged by the driver, 2 too large");
        drops.add(DropReason::Jpeg(JpegError::Marker { at: 9 }));
        assert_eq!(drops.total(), 36);
        drops.add_too_slow(7);
        assert_eq!((drops.total(), drops.too_slow()), (43, 7));
        assert!(drops.to_string().ends_with("2 too large, 7 arrived while another was being compressed"));
        assert!(drops.to_string().starts_with("1 with a broken header, 30 cut off"));
    }

    #[test]
    fn a_camera_that_leaves_out_the_end_is_noticed() {
        let mut ends = Ends::default();
        assert!((0..50).all(|_| !ends.on_frame(true)));
        assert!(ends.on_frame(true), "51 of 100");
        assert!((0..49).all(|_| ends.on_frame(false)), "they are the latest hundred still");
        assert!(!ends.on_frame(false));
        let mut half = Ends::default();
        assert!((0..1000).all(|n| !half.on_frame(n % 2 == 0)), "half is not more than half");
    }
}
