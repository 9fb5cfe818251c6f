//! The picture that viewers see while there is none from the camera: why, and since when.
//!
//! ```text
//! +--------------------------------+
//! |                                |
//! |           NO SIGNAL            |
//! |    the camera was unplugged    |
//! |         since 14:03:27         |
//! |                                |
//! +--------------------------------+
//! ```

use super::Error;
use super::canvas::{Canvas, Colour};
use super::text::Type;
use super::turbo::{Encoder, Sampling};
use crate::jpeg::Size;

/// The smallest that its text can be read on, and the largest: it fits a plain client's one datagram.
const SMALLEST: Size = Size { width: 240, height: 180 };
const LARGEST: Size = Size { width: 1920, height: 1200 };

const QUALITY: u8 = 60;
const GROUND: Colour = [24, 24, 32];
const TITLE: Colour = [210, 210, 215];
const WORDS: Colour = [150, 150, 160];

/// Lines of words are this many characters at the least, so that short ones are no larger than long ones.
const COLUMNS: usize = 32;

/// A JPEG of `size`, or as near to it as it is legible and fits one datagram of the original protocol.
///
/// # Errors
/// [`Error`], should libjpeg-turbo fail.
pub fn slate(size: Size, reason: &str, since: &str) -> Result<Vec<u8>, Error> {
    let size = fitted(size);
    let mut canvas = Canvas::painted(size, |_, _| GROUND);
    let height = usize::from(size.height);
    let since = format!("since {since}");
    for (text, columns, part, at, colour) in [
        ("NO SIGNAL", 12, 7, 34, TITLE),
        (reason, reason.len().max(COLUMNS), 18, 53, WORDS),
        (&since, COLUMNS, 18, 63, WORDS),
    ] {
        let room = usize::from(size.width) * 9 / 10;
        let kind = Type::nearest(height / part, columns, room);
        let x = usize::from(size.width).saturating_sub(kind.width(text.len())) / 2;
        kind.write(&mut canvas, text, x, height * at / 100, colour);
    }
    Ok(Encoder::new(Sampling::Quarter, size)?.encode(canvas.rgb(), QUALITY)?.to_vec())
}

/// `size` by halves until it is not too large, and never too small.
fn fitted(size: Size) -> Size {
    let Size { mut width, mut height } = size;
    while width > LARGEST.width || height > LARGEST.height {
        (width, height) = (width / 2, height / 2);
    }
    Size { width: width.max(SMALLEST.width), height: height.max(SMALLEST.height) }
}

#[cfg(test)]
mod tests {
    use super::super::{Decoder, Scale};
    use super::*;
    use crate::jpeg;

    const FITS: usize = 65_507;

    fn drawn(width: u16, height: u16) -> Vec<u8> {
        slate(Size { width, height }, "the camera sends damaged frames only", "2026-11-23 14:03:27").unwrap()
    }

    #[test]
    fn every_size_fits_one_datagram_and_is_a_picture() {
        for (asked, given) in [
            ((1280, 720), (1280, 720)),
            ((1920, 1080), (1920, 1080)),
            ((3840, 2160), (1920, 1080)),
            ((640, 480), (640, 480)),
            ((16, 16), (240, 180)),
            ((65_535, 1), (1023, 180)),
            ((1921, 1201), (960, 600)),
        ] {
            let jpeg = drawn(asked.0, asked.1);
            assert!(jpeg.len() < FITS, "{asked:?}: {} bytes", jpeg.len());
            let size = jpeg::check(&jpeg).unwrap().size();
            assert_eq!((size.width, size.height), given, "{asked:?}");
            Decoder::new().unwrap().decode(&jpeg, Scale::FULL).unwrap();
        }
    }

    #[test]
    fn three_lines_stand_in_the_middle_and_nothing_at_the_rims() {
        for (width, height) in [(1280, 720), (320, 240), (160, 120), (240, 180)] {
            let jpeg = drawn(width, height);
            let mut decoder = Decoder::new().unwrap();
            let picture = decoder.decode(&jpeg, Scale::FULL).unwrap();
            let Size { width, height } = picture.size;
            let row = usize::from(width) * 3;
            let is_lit = |row: &[u8]| row.iter().any(|byte| *byte > 100);
            let lit: Vec<bool> = picture.pixels.chunks(row).take(height.into()).map(is_lit).collect();
            let lines = lit.windows(2).filter(|two| !two[0] && two[1]).count();
            assert!(lines >= 3, "{width}x{height}: {lines} lines");
            assert!(!lit[0] && !lit[lit.len() - 1]);
            let rims = picture.pixels.chunks(row).take(height.into());
            assert!(rims.clone().all(|row| row[0] < 100 && row[row.len() - 3] < 100), "{width}x{height}");
        }
    }
}
