//! Frame numbers: 32 bits, consecutive, wrapping (four and a half years at 30 frames a second).

use std::fmt;

/// The number of a frame within its stream. Comparisons are RFC 1982's: valid within 2^31 of each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FrameNumber(pub u32);

impl FrameNumber {
    /// The number after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        self.plus(1)
    }

    /// The number before this one.
    #[must_use]
    pub const fn previous(self) -> Self {
        FrameNumber(self.0.wrapping_sub(1))
    }

    /// The number `count` frames on.
    #[must_use]
    pub const fn plus(self, count: u32) -> Self {
        FrameNumber(self.0.wrapping_add(count))
    }

    /// How many frames after `earlier` this one is; negative if it is before it.
    pub const fn since(self, earlier: FrameNumber) -> i32 {
        self.0.wrapping_sub(earlier.0) as i32
    }

    /// True if this frame comes after `other`.
    pub const fn is_after(self, other: FrameNumber) -> bool {
        self.since(other) > 0
    }
}

impl fmt::Display for FrameNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_survives_the_wrap() {
        let last = FrameNumber(u32::MAX);
        assert_eq!(last.next(), FrameNumber(0));
        assert!(last.next().is_after(last));
        assert!(!last.is_after(last.next()));
        assert_eq!(FrameNumber(3).since(FrameNumber(u32::MAX)), 4);
        assert_eq!(FrameNumber(u32::MAX).since(FrameNumber(3)), -4);
        assert_eq!(FrameNumber(0).previous(), last);
    }
}
