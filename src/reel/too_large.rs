//! A frame that does not fit.

use crate::wire::MAX_FRAME;
use std::fmt;

/// A frame that can never be in the reel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLargeError {
    /// The frame's length in bytes.
    pub length: usize,
    /// It was not read any further: it is longer still.
    pub is_longer: bool,
    /// The longest that fits.
    pub limit: usize,
}

impl fmt::Display for TooLargeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TooLargeError { length, limit, is_longer } = self;
        let than = if *is_longer { "more than " } else { "" };
        let most = MAX_FRAME as usize;
        if *length > most {
            return write!(
                f,
                "a frame of {than}{length} bytes is longer than the {most} that one may have (docs/PROTOCOL.md): ask for a smaller \
                 size with -r, or have it compressed more"
            );
        }
        write!(
            f,
            "a frame of {than}{length} bytes is longer than the {limit} that --reel has room for: raise --reel, or ask for a \
             smaller size with -r"
        )
    }
}

impl std::error::Error for TooLargeError {}
