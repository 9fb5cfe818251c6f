//! The walk along a JPEG's markers.
//!
//! ```text
//! FF D8 | FF xx LL LL payload | FF xx LL LL payload | ... | FF DA LL LL payload | entropy-coded data | FF D9
//! SOI     a segment: LL LL counts itself and the payload    SOS                                        EOI
//! ```
//! Any number of FF may fill the room before a marker (T.81 B.1.1.2).

use super::Flaw;

/// Temporary marker of arithmetic coding: stands alone, without a length (T.81 table B.1, as all codes here).
const TEM: u8 = 0x01;
/// The last of the codes that T.81 reserves.
const LAST_RESERVED: u8 = 0xbf;
/// Define Huffman tables.
pub const DHT: u8 = 0xc4;
/// Reserved for JPEG extensions, in the middle of the frame headers' codes.
const JPG: u8 = 0xc8;
/// Define arithmetic coding conditioning.
const DAC: u8 = 0xcc;
/// The first frame header's code: baseline DCT.
pub const SOF0: u8 = 0xc0;
/// The last frame header's code: differential lossless, arithmetic.
const SOF15: u8 = 0xcf;
/// The first of the eight restart markers inside the entropy-coded data.
pub const RST0: u8 = 0xd0;
/// The last restart marker.
pub const RST7: u8 = 0xd7;
/// Start of image.
pub const SOI: u8 = 0xd8;
/// End of image.
pub const EOI: u8 = 0xd9;
/// Start of scan: entropy-coded data follows its segment.
pub const SOS: u8 = 0xda;
/// Define quantisation tables.
pub const DQT: u8 = 0xdb;
/// Define the restart interval.
pub const DRI: u8 = 0xdd;

/// Whether `code` begins a frame header (SOF0 to SOF15), which holds the picture's size.
pub const fn is_frame(code: u8) -> bool {
    matches!(code, SOF0..=SOF15) && !matches!(code, DHT | JPG | DAC)
}

/// One marker with what belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// The byte behind FF: what kind it is.
    pub code: u8,
    /// Offset of the marker's FF (the last, if fill bytes stand before it).
    pub at: usize,
    /// What follows the two length bytes; empty for markers that stand alone.
    pub payload: &'a [u8],
    /// Offset of the first byte behind the segment.
    pub end: usize,
}

/// What stands at an offset where a marker has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// A whole segment.
    Segment(Segment<'a>),
    /// The bytes end inside a segment, or before it.
    More {
        /// Where to look again when there are more bytes.
        at: usize,
    },
    /// No marker, one that cannot stand in a header (SOI, RST0 to RST7, a reserved code), or a length below two.
    Bad {
        /// Where.
        at: usize,
    },
}

/// Reads the segment at offset `at`. EOI counts as a segment without a payload.
///
/// Costs a few comparisons and one for each fill byte; [`Step::More`] steps over the fill bytes already seen.
pub fn step(bytes: &[u8], at: usize) -> Step<'_> {
    let fill = bytes.get(at..).unwrap_or_default().iter().take_while(|byte| **byte == 0xff).count();
    let code_at = at.saturating_add(fill);
    match bytes.get(code_at) {
        None => Step::More { at: code_at.saturating_sub(usize::from(fill > 0)) },
        Some(_) if fill == 0 => Step::Bad { at },
        Some(&code) => segment(bytes, code, code_at),
    }
}

/// The segment whose code is at `code_at`.
fn segment(bytes: &[u8], code: u8, code_at: usize) -> Step<'_> {
    let (at, body) = (code_at.saturating_sub(1), code_at.saturating_add(1));
    match code {
        TEM | EOI => Step::Segment(Segment { code, at, payload: &[], end: body }),
        0..=LAST_RESERVED | RST0..=SOI => Step::Bad { at },
        _ => with_length(bytes, code, at, body),
    }
}

fn with_length(bytes: &[u8], code: u8, at: usize, body: usize) -> Step<'_> {
    let Some(rest) = bytes.get(body..) else { return Step::More { at } };
    let Some(length) = rest.first_chunk().map(|length| usize::from(u16::from_be_bytes(*length))) else {
        return Step::More { at };
    };
    match rest.get(..length) {
        _ if length < 2 => Step::Bad { at },
        None => Step::More { at },
        Some(whole) => {
            let payload = whole.get(2..).unwrap_or_default();
            Step::Segment(Segment { code, at, payload, end: body.saturating_add(length) })
        }
    }
}

/// The segments of a header, from the first behind SOI to SOS or EOI, which is the last one given.
///
/// # Errors
/// [`Flaw::Empty`] and [`Flaw::NoStart`] here; [`Flaw::Marker`] and [`Flaw::Cut`] as the last item of the iterator.
pub fn segments(bytes: &[u8]) -> Result<Segments<'_>, Flaw> {
    match bytes {
        [] => Err(Flaw::Empty),
        [0xff, SOI, ..] => Ok(Segments { bytes, next: Some(2) }),
        _ => Err(Flaw::NoStart),
    }
}

/// See [`segments`].
#[derive(Clone, Debug)]
pub struct Segments<'a> {
    bytes: &'a [u8],
    /// Offset of the next marker, `None` behind the last.
    next: Option<usize>,
}

impl<'a> Iterator for Segments<'a> {
    type Item = Result<Segment<'a>, Flaw>;

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.next.take()?;
        Some(match step(self.bytes, at) {
            Step::Segment(segment) => {
                self.next = (!matches!(segment.code, SOS | EOI)).then_some(segment.end);
                Ok(segment)
            }
            Step::More { at } => Err(Flaw::Cut { at }),
            Step::Bad { at } => Err(Flaw::Marker { at }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Size, sample};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn gives_each_segment_of_a_header() {
        let size = Size { width: 16, height: 8 };
        let wanted = [(DQT, vec![1, 2, 3]), (SOF0, sample::frame_header(size)), (0xfe, vec![])];
        let jpeg = sample::with_segments(&wanted, b"entropy");
        let found: Vec<_> = segments(&jpeg).unwrap().map(Result::unwrap).collect();
        let codes: Vec<u8> = found.iter().map(|segment| segment.code).collect();
        assert_eq!(codes, [DQT, SOF0, 0xfe, SOS]);
        assert_eq!(found[0], Segment { code: DQT, at: 2, payload: &[1, 2, 3], end: 9 });
        assert_eq!(jpeg[found[3].end..], *b"entropy\xff\xd9");
    }

    #[test]
    fn asks_for_more_where_the_bytes_end() {
        let bytes = [0xff, 0xff, 0xff, DQT, 0, 4, 1, 2];
        assert_eq!(step(&bytes[..0], 0), Step::More { at: 0 });
        assert_eq!(step(&bytes[..3], 0), Step::More { at: 2 });
        for have in 4..8 {
            assert_eq!(step(&bytes[..have], 0), Step::More { at: 2 });
        }
        assert_eq!(step(&bytes, 0), Step::Segment(Segment { code: DQT, at: 2, payload: &[1, 2], end: 8 }));
        assert_eq!(step(&bytes, 99), Step::More { at: 99 });
    }

    #[test]
    fn refuses_what_cannot_stand_in_a_header() {
        for code in [0x00, 0x02, 0xbf, RST0, RST7, SOI] {
            assert_eq!(step(&[0xff, code, 0, 2], 0), Step::Bad { at: 0 }, "{code:02x}");
        }
        assert_eq!(step(&[0xff, DQT, 0, 1], 0), Step::Bad { at: 0 });
        assert_eq!(step(&[0x12, 0xff], 0), Step::Bad { at: 0 });
    }

    proptest! {
        #[test]
        fn never_panics_and_always_moves_on(bytes in sample::marker_soup(), at in 0_usize..300) {
            match step(&bytes, at) {
                Step::Segment(segment) => prop_assert!(segment.end > at && segment.end <= bytes.len()),
                Step::More { at: again } | Step::Bad { at: again } => prop_assert!(again >= at),
            }
        }
    }
}
