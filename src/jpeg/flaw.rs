//! What can be wrong with a JPEG.

use std::fmt;

/// Why a run of bytes is not one whole JPEG. Offsets are in bytes from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// No bytes at all; after a stalled endpoint uvcvideo returns its buffers so.
    Empty,
    /// It does not begin with SOI (v4l2loopback's timeout gives a buffer of zeros).
    NoStart,
    /// No marker where one has to be, or one that cannot stand there, or a segment too short for what it holds.
    Marker {
        /// Where the marker is, or should be.
        at: usize,
    },
    /// The header runs beyond the end.
    Cut {
        /// Where the segment that is cut begins.
        at: usize,
    },
    /// A scan with no frame header (SOF) before it.
    NoSize,
    /// The frame header gives a width or a height of zero.
    ZeroSize,
    /// The picture ends before its first scan.
    NoScan,
    /// EOI is not among the last bytes: a truncated frame.
    NoEnd,
}

impl Flaw {
    /// One of each kind, in the order of [`Flaw::index`], for tables of counters. Offsets are zero.
    pub const ALL: [Flaw; 8] = [
        Flaw::Empty,
        Flaw::NoStart,
        Flaw::Marker { at: 0 },
        Flaw::Cut { at: 0 },
        Flaw::NoSize,
        Flaw::ZeroSize,
        Flaw::NoScan,
        Flaw::NoEnd,
    ];

    /// The kind's place in [`Flaw::ALL`], whatever the offset.
    pub const fn index(self) -> usize {
        match self {
            Flaw::Empty => 0,
            Flaw::NoStart => 1,
            Flaw::Marker { .. } => 2,
            Flaw::Cut { .. } => 3,
            Flaw::NoSize => 4,
            Flaw::ZeroSize => 5,
            Flaw::NoScan => 6,
            Flaw::NoEnd => 7,
        }
    }

    /// The kind in one word, for metrics and the like.
    pub const fn name(self) -> &'static str {
        match self {
            Flaw::Empty => "empty",
            Flaw::NoStart => "no_start",
            Flaw::Marker { .. } => "marker",
            Flaw::Cut { .. } => "cut",
            Flaw::NoSize => "no_size",
            Flaw::ZeroSize => "zero_size",
            Flaw::NoScan => "no_scan",
            Flaw::NoEnd => "no_end",
        }
    }

    /// The kind in a few words that follow a number: "30 cut off (no EOI)".
    pub const fn words(self) -> &'static str {
        match self {
            Flaw::Empty => "empty",
            Flaw::NoStart => "without a beginning (no SOI)",
            Flaw::Marker { .. } => "with a broken header",
            Flaw::Cut { .. } => "cut off in the header",
            Flaw::NoSize => "without a size (no SOF)",
            Flaw::ZeroSize => "with no pixels",
            Flaw::NoScan => "without a picture (no SOS)",
            Flaw::NoEnd => "cut off (no EOI)",
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flaw::Empty => write!(f, "the frame is empty"),
            Flaw::NoStart => write!(f, "the frame does not begin as a JPEG (no SOI)"),
            Flaw::Marker { at } => write!(f, "the JPEG's header is broken at byte {at}"),
            Flaw::Cut { at } => write!(f, "the JPEG is cut off in its header, in the segment at byte {at}"),
            Flaw::NoSize => write!(f, "the JPEG does not say its size (no SOF before the picture)"),
            Flaw::ZeroSize => write!(f, "the JPEG gives its width or height as zero"),
            Flaw::NoScan => write!(f, "the JPEG holds no picture (no SOS)"),
            Flaw::NoEnd => write!(f, "the JPEG is cut off (no EOI)"),
        }
    }
}

impl std::error::Error for Flaw {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_table_is_in_the_order_of_the_index() {
        let indices: Vec<usize> = Flaw::ALL.iter().map(|flaw| flaw.index()).collect();
        assert_eq!(indices, (0..Flaw::ALL.len()).collect::<Vec<_>>());
        assert_eq!(Flaw::Marker { at: 77 }.index(), Flaw::Marker { at: 0 }.index());
    }

    #[test]
    fn each_kind_has_words_of_its_own() {
        let names: HashSet<&str> = Flaw::ALL.iter().map(|flaw| flaw.name()).collect();
        let words: HashSet<&str> = Flaw::ALL.iter().map(|flaw| flaw.words()).collect();
        let messages: HashSet<String> = Flaw::ALL.iter().map(Flaw::to_string).collect();
        assert_eq!([names.len(), words.len(), messages.len()], [Flaw::ALL.len(); 3]);
    }
}
