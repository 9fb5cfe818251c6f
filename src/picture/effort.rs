//! How much work a JPEG may be. A few bytes can claim a picture that takes gigabytes to remember, and say a thousand times over that
//! nothing of it changes: what is claimed is held against the bytes before a decoder believes it.

use super::Error;
use crate::jpeg::{self, Facts, Form, Size, markers};

/// The most pixels that are ever worked on at once: 16 megapixels, 48 MiB. A Raspberry Pi HQ camera has 12.3.
pub(super) const MOST_PIXELS: usize = 16 << 20;

/// The most pixels of a picture that is read row by row, and made smaller on the way: the largest modules for small boards have 64
/// megapixels.
pub(super) const MOST_SOURCE_PIXELS: usize = 4 * MOST_PIXELS;

/// A Huffman code has one bit or more, and each block of 64 pixels one code or more, in a progressive picture too (its first scans are
/// a code a block): a byte is 8 blocks at the most.
const PIXELS_A_BYTE: usize = 8 * 64;

/// Encoders write ten scans or so.
const MOST_SCANS: usize = 64;

/// Pixels that are walked over for a byte, all scans together. The emptiest honest picture, all black and progressive, has 350 pixels a
/// byte and ten scans.
const WALKED_A_BYTE: usize = MOST_SCANS * 64;

/// How many scans a JPEG may have whose header says that it has this size.
///
/// # Errors
/// [`Error::Size`] for one that is too large to be decoded here, [`Error::Hollow`] for one that cannot be as large as it says.
pub(super) fn allowed(jpeg: &[u8], size: Size) -> Result<u32, Error> {
    let facts = jpeg::header(jpeg).ok();
    let pixels = usize::from(size.width).saturating_mul(size.height.into());
    // what is not read row by row is remembered as coefficients, six bytes a pixel
    let is_whole = facts.is_some_and(|facts| facts.is_whole_scan);
    if pixels > if is_whole { MOST_SOURCE_PIXELS } else { MOST_PIXELS } {
        return Err(Error::Size(size));
    }
    if pixels > jpeg.len().saturating_mul(PIXELS_A_BYTE) {
        // one whose header ends amid it is no better
        return Err(if facts.is_none_or(is_huffman) { Error::Hollow(size) } else { Error::Size(size) });
    }
    let walks = jpeg.len().saturating_mul(WALKED_A_BYTE).checked_div(pixels).unwrap_or(MOST_SCANS);
    Ok(u32::try_from(walks.min(MOST_SCANS)).unwrap_or(1))
}

/// The same where the scans are not counted by the decoder: they are here.
///
/// # Errors
/// As [`allowed`], and [`Error::Scans`].
pub(super) fn check(jpeg: &[u8], size: Size) -> Result<(), Error> {
    let most = allowed(jpeg, size)?;
    let Ok(facts) = jpeg::header(jpeg) else { return Ok(()) };
    let count = markers::scans(jpeg, facts.scan, most.saturating_add(1));
    if count.is_some_and(|count| count <= most) { Ok(()) } else { Err(Error::Scans(most)) }
}

/// Arithmetic coding may take less than a bit for a block.
fn is_huffman(facts: Facts) -> bool {
    matches!(facts.coding, markers::SOF0 | markers::SOF1 | markers::SOF2)
}

/// What libjpeg-turbo says when it has counted more scans than it may.
pub(super) fn is_about_scans(error: &turbojpeg::Error) -> bool {
    matches!(error, turbojpeg::Error::TurboJpegError(words) if words.contains("image has more than"))
}

/// Forms that are not decoded here are called that, whatever else is wrong with the JPEG.
pub(super) fn form_first(error: Error, jpeg: &[u8]) -> Error {
    match (error, Form::of(jpeg)) {
        (Error::Decode(_) | Error::Colours | Error::Hollow(_), Some(form)) => Error::Form(form),
        (error, _) => error,
    }
}
