//! Which of a camera's formats is taken.

use std::fmt;
use std::str::FromStr;

/// Which of a camera's formats is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// MJPEG if the camera has it, else as [`Mode::Yuyv`].
    #[default]
    Auto,
    /// MJPEG, or nothing.
    Mjpeg,
    /// Uncompressed, to be compressed here: YUYV, else NV12 or YU12.
    Yuyv,
}

/// The text is no mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModeError;

impl FromStr for Mode {
    type Err = ModeError;

    /// Reads `auto`, `mjpeg` or `yuyv`, in capitals too.
    fn from_str(text: &str) -> Result<Self, ModeError> {
        match text.to_ascii_lowercase().as_str() {
            "auto" => Ok(Mode::Auto),
            "mjpeg" => Ok(Mode::Mjpeg),
            "yuyv" => Ok(Mode::Yuyv),
            _ => Err(ModeError),
        }
    }
}

impl fmt::Display for ModeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one of auto, mjpeg, yuyv")
    }
}

impl std::error::Error for ModeError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_three_words() {
        assert_eq!("auto".parse(), Ok(Mode::Auto));
        assert_eq!("MJPEG".parse(), Ok(Mode::Mjpeg));
        assert_eq!("yuyv".parse(), Ok(Mode::Yuyv));
        for text in ["", "h264", "mjpg "] {
            assert_eq!(text.parse::<Mode>(), Err(ModeError), "{text}");
        }
    }
}
