//! A picture's size.

use std::fmt;
use std::str::FromStr;

/// Width and height in pixels; 16 bits are what a JPEG's frame header has for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size {
    /// Pixels a row.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

/// Why a text is not a [`Size`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeError {
    /// There is no `x` between two numbers.
    Shape,
    /// The part before the `x` is not a number from 1 to 65535.
    Width,
    /// The part behind the `x` is not a number from 1 to 65535.
    Height,
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let (width, height) = text.split_once('x').ok_or(SizeError::Shape)?;
        let width = side(width).ok_or(SizeError::Width)?;
        let height = side(height).ok_or(SizeError::Height)?;
        Ok(Size { width, height })
    }
}

fn side(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().filter(|side| *side != 0)
}

impl fmt::Display for SizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SizeError::Shape => write!(f, "a size is written WIDTHxHEIGHT, such as 1280x720"),
            SizeError::Width => write!(f, "the width is not a number from 1 to 65535"),
            SizeError::Height => write!(f, "the height is not a number from 1 to 65535"),
        }
    }
}

impl std::error::Error for SizeError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_a_person_types() {
        assert_eq!("1280x720".parse(), Ok(Size { width: 1280, height: 720 }));
        let refused = [
            ("1280", SizeError::Shape),
            ("", SizeError::Shape),
            ("1280*720", SizeError::Shape),
            ("x720", SizeError::Width),
            ("0x720", SizeError::Width),
            ("+1280x720", SizeError::Width),
            ("1280x", SizeError::Height),
            ("1280x65536", SizeError::Height),
            ("1280x720x3", SizeError::Height),
        ];
        for (text, error) in refused {
            assert_eq!(text.parse::<Size>(), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(width in 1_u16.., height in 1_u16..) {
            let size = Size { width, height };
            prop_assert_eq!(size.to_string().parse(), Ok(size));
        }
    }
}
