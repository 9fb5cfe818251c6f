//! What a JPEG is, as far as a streamer has to know: where it starts and ends, and how large its picture is.
//!
//! Nothing here decodes. [`check`] runs on every frame that a camera delivers, [`Splitter`] finds the frames in a pipe
//! or a `.mjpeg` file, and [`markers`] is the walk along the header that both of them take. [`huffman`] has the tables
//! that many cameras leave out. The format is ITU-T T.81; "T.81" in this room names its sections and tables. What
//! cameras really write stands in `tests/fixtures/jpeg`, a file a quirk.
//!
//! Lives here: what the bytes of a JPEG say, in one walk over its header (`facts`). May not live here: pixels (`picture`), and what
//! is done with a frame that is damaged.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod error;
mod facts;
mod form;
pub mod huffman;
pub mod markers;
#[cfg(test)]
pub(crate) mod sample;
mod size;
mod split;

pub use error::JpegError;
pub use facts::{Component, Facts, QuantisationTable, Span, header};
pub use form::Form;
pub use size::{Size, SizeError};
pub use split::{Split, Splitter};

use markers::EOI;
use memchr::memmem;

/// How many bytes of padding are looked at in one go: a buffer of 4 MiB may be nearly all padding.
const STRIDE: usize = 64;

/// One whole JPEG.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked<'a> {
    /// From SOI to EOI, without what the camera left behind it, or a second SOI before it.
    pub bytes: &'a [u8],
    /// What its header says.
    pub facts: Facts,
}

impl Checked<'_> {
    /// The picture's size.
    pub fn size(&self) -> Size {
        self.facts.size
    }
}

/// Checks that `bytes` are one whole JPEG, and trims what many cameras leave behind it: zeros, fill bytes, the rest of an
/// earlier frame.
///
/// The entropy-coded data is not decoded, but searched for EOI: a third of what copying it costs, or less (docs/FIGURES.md).
///
/// # Errors
/// The first [`JpegError`] found.
pub fn check(bytes: &[u8]) -> Result<Checked<'_>, JpegError> {
    let bytes = markers::without_empty(bytes);
    let facts = header(bytes)?;
    let bytes = ended(bytes, facts.scan).ok_or(JpegError::NoEnd)?;
    Ok(Checked { bytes, facts })
}

/// As [`check`], for cameras whose frames often lack EOI: what follows a sound header is taken for the frame.
///
/// # Errors
/// A [`JpegError`] in the header. [`JpegError::NoEnd`] is never returned.
pub fn check_header_only(bytes: &[u8]) -> Result<Checked<'_>, JpegError> {
    let bytes = markers::without_empty(bytes);
    let facts = header(bytes)?;
    let bytes = ended(bytes, facts.scan).unwrap_or_else(|| trim(bytes, facts.scan, 0));
    Ok(Checked { bytes, facts })
}

/// The size of a frame's picture, by its header alone: what follows is not looked at.
///
/// # Errors
/// A [`JpegError`] in the header.
pub fn size(bytes: &[u8]) -> Result<Size, JpegError> {
    Ok(header(markers::without_empty(bytes))?.size)
}

/// `bytes` up to EOI, which stands behind `scan`, where the entropy-coded data begins.
fn ended(bytes: &[u8], scan: usize) -> Option<&[u8]> {
    let walked = markers::end_of_image(bytes, scan);
    if let Ok(end) = walked {
        return bytes.get(..end);
    }
    // Something stands where nothing may. Entropy-coded data has no FF but before a zero or a restart marker (T.81 F.1.2.3), so that
    // the first EOI is the frame's; but it may stand in a segment that is not whole, with more of it behind.
    let first = memmem::find(bytes.get(scan..)?, &[0xff, EOI])?;
    let end = scan.saturating_add(first).saturating_add(2);
    let is_last = || trim(trim(bytes, end, 0), end, 0xff).len() == end;
    (walked != Err(JpegError::NoEnd) || is_last()).then(|| bytes.get(..end))?
}

/// `bytes` without the `padding` bytes at their end, of which none before `floor` is taken.
fn trim(bytes: &[u8], floor: usize, padding: u8) -> &[u8] {
    let tail = bytes.get(floor..).unwrap_or_default();
    let blocks = tail.rchunks_exact(STRIDE).take_while(|block| is_all(block, padding)).count();
    let rough = tail.len().saturating_sub(blocks.saturating_mul(STRIDE));
    let tail = tail.get(..rough).unwrap_or_default();
    let rest = tail.iter().rev().take_while(|byte| **byte == padding).count();
    let end = floor.saturating_add(rough).saturating_sub(rest);
    bytes.get(..end).unwrap_or(bytes)
}

/// Written without an early exit, so that the compiler makes vectors of it.
fn is_all(block: &[u8], padding: u8) -> bool {
    block.iter().fold(0, |seen, byte| seen | (byte ^ padding)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SIZE: Size = Size { width: 640, height: 480 };

    fn pair(checked: Checked<'_>) -> (&[u8], Size) {
        (checked.bytes, checked.size())
    }

    #[test]
    fn takes_a_whole_jpeg_and_trims_what_is_behind_it() {
        let jpeg = sample::jpeg(SIZE, b"entropy\xff\x00\x00\x00");
        for padding in [0, 1, 2, 63, 64, 65, 1000, 100_000] {
            for fill in [0, 0xff] {
                let padded = [jpeg.clone(), vec![fill; padding]].concat();
                assert_eq!(check(&padded).map(pair), Ok((&jpeg[..], SIZE)), "{padding} times {fill:02x}");
            }
        }
        // the rest of an earlier frame, its EOI with it, in part overwritten; then zeros; up to the buffer's end
        for garbage in [&b"x"[..], b"\xff", b"\0\0x\0", b"rest\xff\xd9 of it", &[7; 100_000]] {
            for behind in [&b""[..], b"\xff\xd9", &[0; 70], &[0xff; 9]] {
                let padded = [&jpeg[..], garbage, behind].concat();
                assert_eq!(check(&padded).map(|whole| whole.bytes), Ok(&jpeg[..]), "{garbage:?}");
            }
        }
    }

    #[test]
    fn a_buffer_that_still_holds_an_earlier_frames_end_gives_this_frame_only() {
        let (mut buffer, short) = (sample::jpeg(SIZE, &[7; 50_000]), sample::jpeg(SIZE, &[8; 9_000]));
        buffer[..short.len()].copy_from_slice(&short);
        assert_eq!(check(&buffer).map(pair), Ok((&short[..], SIZE)));
        assert_eq!(check_header_only(&buffer).map(pair), Ok((&short[..], SIZE)));
    }

    #[test]
    fn a_second_start_is_left_away() {
        let jpeg = sample::jpeg(SIZE, b"e");
        for before in [&b"\xff\xd8"[..], b"\xff\xd8\xff\xd8\xff", b"\xff\xd8\0\0\xff\0"] {
            let twice = [before, &jpeg].concat();
            assert_eq!(check(&twice).map(pair), Ok((&jpeg[..], SIZE)), "{before:02x?}");
            assert_eq!(check_header_only(&twice).map(pair), Ok((&jpeg[..], SIZE)));
            assert_eq!(size(&twice), Ok(SIZE));
        }
        assert_eq!(check(&[0xff, 0xd8].repeat(9)), Err(JpegError::Cut { at: 2 }));
        let late = [&jpeg[..14], &jpeg].concat();
        assert_eq!(check(&late), Err(JpegError::Marker { at: 14 }), "not behind a segment");
    }

    #[test]
    fn stray_bytes_between_segments_are_skipped() {
        let jpeg = sample::jpeg(SIZE, b"e");
        let segments: Vec<_> = markers::segments(&jpeg).unwrap().map(Result::unwrap).collect();
        for stray in 0..=5 {
            let mut bytes = jpeg[..2].to_vec();
            for segment in &segments {
                bytes.extend(&b"\x2c\0\xff\0\x01"[..stray]);
                bytes.extend(&jpeg[segment.at..segment.end]);
            }
            bytes.extend(&jpeg[segments.last().unwrap().end..]);
            assert_eq!(check(&bytes).map(pair), Ok((&bytes[..], SIZE)), "{stray}");
            let spliced = huffman::with_tables(&bytes).unwrap().concat();
            assert_eq!(check(&spliced).map(|whole| whole.size()), Ok(SIZE), "{stray}");
        }
        let far = [&jpeg[..2], &[7; markers::STRAY + 1], &jpeg[2..]].concat();
        assert_eq!(check(&far), Err(JpegError::Marker { at: 2 }));
    }

    #[test]
    fn every_kind_of_frame_header_gives_the_size_and_no_other_segment_does() {
        let sized = (0xc0..=0xcf).filter(|code| {
            let jpeg = sample::with_segments(&[(*code, sample::frame_header(SIZE))], b"e");
            check(&jpeg).is_ok_and(|checked| checked.size() == SIZE)
        });
        let expected = [0xc0, 0xc1, 0xc2, 0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf];
        assert!(sized.eq(expected));
    }

    #[test]
    fn fill_bytes_may_stand_before_any_marker() {
        let jpeg = sample::jpeg(SIZE, b"e");
        let filled = [&jpeg[..2], &[0xff; 5], &jpeg[2..]].concat();
        assert_eq!(check(&filled).map(|checked| checked.size()), Ok(SIZE));
    }

    #[test]
    fn each_flaw_is_named() {
        let jpeg = sample::jpeg(SIZE, b"e");
        let sof = |size| (0xc0, sample::frame_header(size));
        let cases: [(&[u8], JpegError); 10] = [
            (b"", JpegError::Empty),
            (&[0; 4096], JpegError::NoStart),
            (b"\xff", JpegError::NoStart),
            (b"\xff\xd8", JpegError::Cut { at: 2 }),
            (b"\xff\xd8\xff\xe0\0\x01", JpegError::Marker { at: 2 }),
            (&[b"\xff\xd8", &[b'x'; 70][..]].concat(), JpegError::Marker { at: 2 }),
            (b"\xff\xd8\xff\xd9", JpegError::NoScan),
            (&sample::with_segments(&[], b"e"), JpegError::NoSize),
            (&sample::with_segments(&[sof(Size { width: 640, height: 0 })], b"e"), JpegError::ZeroSize),
            (&jpeg[..jpeg.len() - 1], JpegError::NoEnd),
        ];
        for (bytes, flaw) in cases {
            assert_eq!(check(bytes), Err(flaw));
        }
    }

    #[test]
    fn a_thumbnails_end_is_not_the_pictures_end() {
        let thumbnail = sample::jpeg(Size { width: 16, height: 16 }, b"t");
        let segments = [(0xe1, thumbnail), (0xc0, sample::frame_header(SIZE))];
        let jpeg = sample::with_segments(&segments, b"e");
        assert_eq!(check(&jpeg).map(|checked| checked.size()), Ok(SIZE));
        for cut in 0..jpeg.len() {
            assert!(check(&jpeg[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn a_missing_end_can_be_forgiven() {
        let jpeg = sample::jpeg(SIZE, b"entropy");
        let endless = [&jpeg[..jpeg.len() - 2], &[0; 100]].concat();
        assert_eq!(check(&endless), Err(JpegError::NoEnd));
        let forgiven = check_header_only(&endless).unwrap();
        assert_eq!((forgiven.bytes, forgiven.size()), (&jpeg[..jpeg.len() - 2], SIZE));
        let padded = [&jpeg[..], b"garbage"].concat();
        assert_eq!(
            check_header_only(&padded).map(|whole| whole.bytes),
            Ok(&jpeg[..]),
            "where it is, it counts"
        );
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = check(&bytes);
            let _ = check_header_only(&[&[0xff, 0xd8, 0xff], &bytes[..]].concat());
        }

        #[test]
        fn takes_what_is_made_right_and_refuses_every_cut(
            parts in sample::parts(),
            padding in 0_usize..200,
        ) {
            let jpeg = sample::from_parts(&parts);
            let padded = [jpeg.clone(), vec![0; padding]].concat();
            prop_assert_eq!(check(&padded).map(pair), Ok((&jpeg[..], parts.size)));
            // Only the first scan's own bytes: a later segment of the model may hold an EOI of its own.
            let first_scan = header(&jpeg).unwrap().scan;
            for cut in 0..=first_scan {
                prop_assert!(check(&jpeg[..cut]).is_err(), "cut at {}", cut);
            }
        }
    }
}
