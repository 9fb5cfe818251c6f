//! Forms of JPEG that decoders often lack. Frames of them are whole, and are streamed and recorded as any; but whether their
//! pictures are sound, or what is in them, nothing here can tell.

use super::markers;
use std::fmt;

/// Bits a sample, in all forms that cameras make.
const USUAL_PRECISION: u8 = 8;

/// Components of grey and of colour. With four it is CMYK, or YCCK, which is the same in other coordinates.
const GREY: u8 = 1;
const COLOUR: u8 = 3;
const PRINT: u8 = 4;

/// What is unusual about a JPEG, as its frame header has it (T.81 B.2.2, table B.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// Lossless: predicted, and not transformed.
    Lossless,
    /// One of several resolutions, the differences to the others in it.
    Hierarchical,
    /// This many bits a sample, which are not eight.
    Precision(u8),
    /// Four colours, for print: CMYK or YCCK.
    Print,
    /// Another number of components, which has no usual meaning.
    Components(u8),
}

impl Form {
    /// The form of a JPEG; `None`: a usual one, or none that can be told.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let segments = markers::segments(bytes).ok()?;
        let frame = segments.map_while(Result::ok).find(|segment| markers::is_frame(segment.code))?;
        let &[precision, _, _, _, _, components] = frame.payload.first_chunk()?;
        match frame.code {
            0xc3 | 0xcb => return Some(Form::Lossless),
            0xc5..=0xc7 | 0xcd..=0xcf => return Some(Form::Hierarchical),
            _ => {}
        }
        match components {
            _ if precision != USUAL_PRECISION => Some(Form::Precision(precision)),
            GREY | COLOUR => None,
            PRINT => Some(Form::Print),
            other => Some(Form::Components(other)),
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Form::Lossless => f.write_str("lossless JPEG"),
            Form::Hierarchical => f.write_str("hierarchical JPEG"),
            Form::Precision(bits) => write!(f, "JPEG of {bits} bits a sample"),
            Form::Print => f.write_str("CMYK or YCCK"),
            Form::Components(count) => write!(f, "JPEG of {count} components"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::jpeg::Size;
    use proptest::prelude::*;

    #[test]
    fn unusual_forms_are_told_by_the_frame_header() {
        let form = |code: u8, precision: u8, components: u8| {
            let mut header = sample::frame_header(Size { width: 64, height: 48 });
            (header[0], header[5]) = (precision, components);
            Form::of(&sample::with_segments(&[(code, header)], b"e"))
        };
        // baseline, extended, progressive; and those with arithmetic coding
        for code in [0xc0, 0xc1, 0xc2, 0xc9, 0xca] {
            assert_eq!((form(code, 8, 3), form(code, 8, 1)), (None, None));
        }
        assert_eq!(form(0xc1, 12, 3), Some(Form::Precision(12)));
        assert_eq!(form(0xc3, 16, 1), Some(Form::Lossless));
        assert_eq!(form(0xcb, 8, 3), Some(Form::Lossless));
        assert_eq!(form(0xc6, 8, 3), Some(Form::Hierarchical));
        assert_eq!(form(0xc0, 8, 4), Some(Form::Print));
        assert_eq!(form(0xc0, 8, 2), Some(Form::Components(2)));
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = Form::of(&[&[0xff, 0xd8, 0xff], &bytes[..]].concat());
        }
    }
}
