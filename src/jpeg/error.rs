//! What can be wrong with a JPEG.

use std::fmt;

/// Why a run of bytes is not one whole JPEG. Offsets are in bytes from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JpegError {
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

impl JpegError {
    /// One of each kind, in the order of [`JpegError::index`], for tables of counters. Offsets are zero.
    pub const ALL: [JpegError; 8] = [
        JpegError::Empty,
        JpegError::NoStart,
        JpegError::Marker { at: 0 },
        JpegError::Cut { at: 0 },
        JpegError::NoSize,
        JpegError::ZeroSize,
        JpegError::NoScan,
        JpegError::NoEnd,
    ];

    /// The kind's place in [`JpegError::ALL`], whatever the offset.
    pub const fn index(self) -> usize {
        match self {
            JpegError::Empty => 0,
            JpegError::NoStart => 1,
            JpegError::Marker { .. } => 2,
            JpegError::Cut { .. } => 3,
            JpegError::NoSize => 4,
            JpegError::ZeroSize => 5,
            JpegError::NoScan => 6,
            JpegError::NoEnd => 7,
        }
    }

    /// The kind in one word, for metrics and the like.
    pub const fn name(self) -> &'static str {
        match self {
            JpegError::Empty => "empty",
            JpegError::NoStart => "no_start",
            JpegError::Marker { .. } => "marker",
            JpegError::Cut { .. } => "cut",
            JpegError::NoSize => "no_size",
            JpegError::ZeroSize => "zero_size",
            JpegError::NoScan => "no_scan",
            JpegError::NoEnd => "no_end",
        }
    }

    /// The kind in a few words that follow a number: "30 cut off (no EOI)".
    pub const fn words(self) -> &'static str {
        match self {
            JpegError::Empty => "empty",
            JpegError::NoStart => "without a beginning (no SOI)",
            JpegError::Marker { .. } => "with a broken header",
            JpegError::Cut { .. } => "cut off in the header",
            JpegError::NoSize => "without a size (no SOF)",
            JpegError::ZeroSize => "with no pixels",
            JpegError::NoScan => "without a picture (no SOS)",
            JpegError::NoEnd => "cut off (no EOI)",
        }
    }
}

impl fmt::Display for JpegError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JpegError::Empty => write!(f, "the frame is empty"),
            JpegError::NoStart => write!(f, "the frame does not begin as a JPEG (no SOI)"),
            JpegError::Marker { at } => write!(f, "the JPEG's header is broken at byte {at}"),
            JpegError::Cut { at } => {
                write!(f, "the JPEG is cut off in its header, in the segment at byte {at}")
            }
            JpegError::NoSize => write!(f, "the JPEG does not say its size (no SOF before the picture)"),
            JpegError::ZeroSize => write!(f, "the JPEG gives its width or height as zero"),
            JpegError::NoScan => write!(f, "the JPEG holds no picture (no SOS)"),
            JpegError::NoEnd => write!(f, "the JPEG is cut off (no EOI)"),
        }
    }
}

impl std::error::Error for JpegError {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_table_is_in_the_order_of_the_index() {
        let indices: Vec<usize> = JpegError::ALL.iter().map(|flaw| flaw.index()).collect();
        assert_eq!(indices, (0..JpegError::ALL.len()).collect::<Vec<_>>());
        assert_eq!(JpegError::Marker { at: 77 }.index(), JpegError::Marker { at: 0 }.index());
    }

    #[test]
    fn each_kind_has_words_of_its_own() {
        let names: HashSet<&str> = JpegError::ALL.iter().map(|flaw| flaw.name()).collect();
        let words: HashSet<&str> = JpegError::ALL.iter().map(|flaw| flaw.words()).collect();
        let messages: HashSet<String> = JpegError::ALL.iter().map(JpegError::to_string).collect();
        assert_eq!([names.len(), words.len(), messages.len()], [JpegError::ALL.len(); 3]);
    }
}
