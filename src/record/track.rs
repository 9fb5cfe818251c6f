//! The words that all containers have in common: what a file tells of its frames, what is patched, why a frame is not taken.

use crate::jpeg::Size;
use arrayvec::ArrayVec;
use jiff::Timestamp;
use jiff::tz::Offset;
use std::fmt;
use std::time::Duration;

/// The containers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Container {
    /// Each frame with its own time; nothing is lost in a crash.
    #[default]
    Matroska,
    /// For programs that want it.
    Avi,
}

impl Container {
    /// That of a file of this name; `None` if its ending says nothing.
    pub fn of(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
            "mkv" => Some(Container::Matroska),
            "avi" => Some(Container::Avi),
            _ => None,
        }
    }
}

/// What a recording is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Files.
    File(Container),
    /// Folders of JPEGs.
    Stills,
}

/// What the head of a file tells of its frames.
#[derive(Clone, Debug)]
pub struct Track {
    /// All frames' size in pixels.
    pub size: Size,
    /// Time between frames, where it is known. Players take the frame rate from it; each frame has its own time all the same.
    pub interval: Option<Duration>,
    /// When the first frame was captured.
    pub started: Timestamp,
    /// Local time's distance from UTC then.
    pub offset: Offset,
}

/// Why a frame is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MuxError {
    /// It has no bytes.
    Empty,
    /// It is of this many bytes, more than the container can say.
    TooLong(u64),
    /// The file is as long as its container allows.
    SegmentFull,
    /// So many frames are in the file, and what says where they are is kept in memory until its end.
    TooMany(usize),
}

impl fmt::Display for MuxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MuxError::Empty => write!(f, "an empty frame cannot be recorded"),
            MuxError::TooLong(len) => write!(f, "a frame of {len} bytes is longer than the container allows"),
            MuxError::TooMany(most) => {
                write!(
                    f,
                    "a QuickTime file of more than {most} frames is not made: export it to .mkv or .avi"
                )
            }
            MuxError::SegmentFull => write!(f, "the file is full: start a new segment"),
        }
    }
}

impl std::error::Error for MuxError {}

/// Bytes to write over others at a file offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patch<'a> {
    /// Where in the file.
    pub offset: u64,
    /// What to write there.
    pub bytes: &'a [u8],
}

/// Patches, to be written in this order. Between any two the file is readable.
pub type Patches<'a> = ArrayVec<Patch<'a>, 8>;
