//! What can go wrong with a picture.

use crate::jpeg::{Form, Size};
use std::fmt;

/// Why there is no picture.
#[derive(Debug)]
pub enum Error {
    /// libjpeg-turbo did not start: it had no memory.
    Start(turbojpeg::Error),
    /// The JPEG given is not one that libjpeg-turbo reads to its end.
    Decode(turbojpeg::Error),
    /// The JPEG is of a form that is not decoded here; it need not be broken.
    Form(Form),
    /// The JPEG's colours are RGB, or are sampled in no usual way: it is not shrunk plane by plane.
    Colours,
    /// libjpeg-turbo refused to make a JPEG.
    Encode(turbojpeg::Error),
    /// The picture is smaller or larger than what this is made for, or has fewer pixels than its size says.
    Size(Size),
    /// The JPEG says that it is so large, and has fewer bytes than each of its blocks a bit.
    Hollow(Size),
    /// The JPEG has more scans than this, each of which is a walk over the whole picture.
    Scans(u32),
    /// Even at its smallest the picture has more bytes than the limit.
    TooBig {
        /// The limit, in bytes.
        limit: usize,
    },
}

impl Error {
    /// That there is no picture says nothing about the JPEG: others may well have one of it.
    pub fn is_ours(&self) -> bool {
        matches!(self, Error::Form(_) | Error::Colours | Error::Size(_) | Error::Scans(_))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Start(_) => write!(f, "libjpeg-turbo did not start"),
            Error::Decode(_) => write!(f, "the JPEG does not decode"),
            Error::Form(form) => write!(f, "{form}, which is not decoded here"),
            Error::Colours => {
                write!(f, "a JPEG whose colours are RGB, or sampled unusually, is not shrunk here")
            }
            Error::Encode(_) => write!(f, "the picture does not encode as a JPEG"),
            Error::Size(size) => write!(f, "a picture of {size} pixels is not one that can be worked on"),
            Error::Hollow(size) => write!(f, "it has too few bytes for a picture of {size} pixels"),
            Error::Scans(limit) => {
                write!(
                    f,
                    "a JPEG of more than {limit} scans is more work than is done here for one of its bytes"
                )
            }
            Error::TooBig { limit } => {
                write!(f, "the picture does not fit {limit} bytes at any size or quality")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Start(cause) | Error::Decode(cause) | Error::Encode(cause) => Some(cause),
            Error::Form(_)
            | Error::Colours
            | Error::Size(_)
            | Error::Hollow(_)
            | Error::Scans(_)
            | Error::TooBig { .. } => None,
        }
    }
}
