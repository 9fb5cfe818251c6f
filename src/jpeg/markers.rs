//! The walk along a JPEG's markers.
//!
//! ```text
//! FF D8 | FF xx LL LL payload | FF xx LL LL payload | ... | FF DA LL LL payload | entropy-coded data | FF D9
//! SOI     a segment: LL LL counts itself and the payload    SOS                                        EOI
//! ```
//! Any number of FF may fill the room before a marker (T.81 B.1.1.2). Some cameras leave other bytes there as well; decoders
//! skip them, and so does the walk, up to [`STRAY`] of them.

use super::JpegError;
use memchr::memchr;

/// The most bytes that are skipped between a segment and the next marker. A Logitech C270 leaves one to five there; libjpeg
/// skips any number, but what is so far off is more likely damage.
pub const STRAY: usize = 64;

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
/// A frame header: sequential, with more bits or tables than baseline has.
pub const SOF1: u8 = 0xc1;
/// A frame header: progressive.
pub const SOF2: u8 = 0xc2;
/// A frame header: sequential, coded arithmetically.
pub const SOF9: u8 = 0xc9;
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

/// Application segment 0: JFIF, or AVI's.
pub const APP0: u8 = 0xe0;
/// Application segment 1: Exif.
pub const APP1: u8 = 0xe1;

/// Whether `code` begins a frame header (SOF0 to SOF15), which holds the picture's size.
pub const fn is_frame(code: u8) -> bool {
    matches!(code, SOF0..=SOF15) && !matches!(code, DHT | JPG | DAC)
}

/// Whether `code` begins a segment that holds whatever its writer likes, a picture too (APP0 to APP15, COM).
pub const fn is_free(code: u8) -> bool {
    matches!(code, 0xe0..=0xef | 0xfe)
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
    /// SOI, where another image begins.
    Start {
        /// Offset of its FF.
        at: usize,
    },
    /// No marker, one that cannot stand in a header (RST0 to RST7, a reserved code), or a length below two.
    Bad {
        /// Where.
        at: usize,
    },
}

/// Reads the segment at offset `at`, or up to [`STRAY`] bytes behind it. EOI counts as a segment without a payload.
///
/// Costs a few comparisons, and one for each fill byte and stray byte; [`Step::More`] steps over the fill bytes already seen.
pub fn step(bytes: &[u8], at: usize) -> Step<'_> {
    let fill = bytes.get(at..).unwrap_or_default().iter().take_while(|byte| **byte == 0xff).count();
    // the last of them is the marker's own
    let at = at.saturating_add(fill.saturating_sub(1));
    near(bytes, at).map_or_else(|none| none, |at| segment(bytes, at))
}

/// The first marker at `at` or up to [`STRAY`] bytes behind it; what [`step`] says if there is none.
fn near(bytes: &[u8], at: usize) -> Result<usize, Step<'_>> {
    let rest = bytes.get(at..).unwrap_or_default();
    let near = rest.get(..STRAY + 2).unwrap_or(rest);
    match near.windows(2).position(|two| matches!(two, [0xff, code] if !matches!(code, 0 | 0xff))) {
        Some(stray) => Ok(at.saturating_add(stray)),
        None if near.len() < STRAY + 2 => Err(Step::More { at }),
        None => Err(Step::Bad { at }),
    }
}

/// Whether an SOI that ends at `at` begins a frame, as far as what follows tells; `None` if the bytes end before.
pub fn begins(bytes: &[u8], at: usize) -> Option<bool> {
    match (bytes.get(at), near(bytes, at)) {
        (Some(0xff), _) => Some(true),
        (_, Ok(at)) => stands(bytes, at),
        (_, Err(Step::Bad { .. })) => Some(false),
        (_, Err(_)) => None,
    }
}

/// Whether a marker that a header may have stands right at `at`; `None` if the bytes end before.
pub fn stands(bytes: &[u8], at: usize) -> Option<bool> {
    let marker = bytes.get(at..)?.first_chunk()?;
    Some(matches!(marker, [0xff, SOF0..=SOF15 | SOS..=0xfe]))
}

/// As much as is there of what belongs to the marker at `at`, its length bytes included.
pub fn present(bytes: &[u8], at: usize) -> &[u8] {
    match bytes.get(at..).unwrap_or_default() {
        [0xff, _, rest @ ..] => {
            let length = rest.first_chunk().map_or(0, |length| usize::from(u16::from_be_bytes(*length)));
            rest.get(..length).unwrap_or(rest)
        }
        _ => &[],
    }
}

/// The segment whose marker is at `at`.
fn segment(bytes: &[u8], at: usize) -> Step<'_> {
    let body = at.saturating_add(2);
    match bytes.get(at.saturating_add(1)) {
        None => Step::More { at },
        Some(&code @ (TEM | EOI)) => Step::Segment(Segment { code, at, payload: &[], end: body }),
        Some(&SOI) => Step::Start { at },
        Some(0..=LAST_RESERVED | RST0..=RST7) => Step::Bad { at },
        Some(&code) => with_length(bytes, code, at, body),
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

/// `bytes` from the image that has something in it: some cameras write SOI twice, which libjpeg refuses.
pub fn without_empty(mut bytes: &[u8]) -> &[u8] {
    while bytes.starts_with(&[0xff, SOI]) {
        match step(bytes, 2) {
            Step::Start { at } => bytes = bytes.get(at..).unwrap_or_default(),
            _ => break,
        }
    }
    bytes
}

/// `jpeg` without the stray bytes in its header, which are left away into `tidy` if there are any.
pub fn without_strays<'a>(jpeg: &'a [u8], tidy: &'a mut Vec<u8>) -> &'a [u8] {
    let Ok(segments) = segments(jpeg) else { return jpeg };
    let (mut end, mut has_strays) = (2, false);
    for segment in segments.clone() {
        let Ok(segment) = segment else { return jpeg };
        has_strays |= segment.at != end;
        end = segment.end;
    }
    if !has_strays {
        return jpeg;
    }
    tidy.clear();
    tidy.extend([0xff, SOI]);
    for segment in segments.flatten() {
        tidy.extend_from_slice(jpeg.get(segment.at..segment.end).unwrap_or_default());
    }
    tidy.extend_from_slice(jpeg.get(end..).unwrap_or_default());
    tidy
}

/// Where the entropy-coded data ends that goes on at `at`: the offset of the marker behind it.
///
/// # Errors
/// The bytes end before: where to look again when there are more.
pub fn end_of_scan(bytes: &[u8], mut at: usize) -> Result<usize, usize> {
    loop {
        at = at.saturating_add(without_marker(bytes.get(at..).unwrap_or_default()));
        let end = at.saturating_add(BLOCK).min(bytes.len());
        while let Some(skipped) = bytes.get(at..end).and_then(|rest| memchr(0xff, rest)) {
            at = at.saturating_add(skipped);
            match bytes.get(at.saturating_add(1)) {
                None => return Err(at),
                Some(0 | RST0..=RST7) => at = at.saturating_add(2),
                Some(0xff) => at = at.saturating_add(1),
                Some(_) => return Ok(at),
            }
        }
        at = at.max(end);
        if at >= bytes.len() {
            return Err(at);
        }
    }
}

/// Bytes of entropy-coded data that are looked at in one go. There is an FF in each 200 to 300, nearly all of them stuffed with a zero:
/// a search that stops at each takes twice as long.
const BLOCK: usize = 256;

/// How many bytes of the front, in whole blocks, have no FF in them but before a zero.
fn without_marker(bytes: &[u8]) -> usize {
    let behind = bytes.get(1..).unwrap_or_default();
    let blocks = bytes.chunks_exact(BLOCK).zip(behind.chunks_exact(BLOCK));
    blocks.take_while(|(block, behind)| is_stuffed(block, behind)).count().saturating_mul(BLOCK)
}

/// Written without an early exit, so that the compiler makes vectors of it.
fn is_stuffed(block: &[u8], behind: &[u8]) -> bool {
    block.iter().zip(behind).fold(0, |seen, (byte, next)| seen | if *byte == 0xff { *next } else { 0 }) == 0
}

/// Where the image ends whose first scan's data begins at `scan`: the offset behind EOI. Of what stands in the segments
/// between two scans, and in what follows EOI, nothing counts.
///
/// # Errors
/// [`JpegError::NoEnd`], or [`JpegError::Marker`] where something else stands than an image may have.
pub fn end_of_image(bytes: &[u8], scan: usize) -> Result<usize, JpegError> {
    let mut at = end_of_scan(bytes, scan).map_err(|_| JpegError::NoEnd)?;
    loop {
        at = match step(bytes, at) {
            Step::Segment(Segment { code: EOI, end, .. }) => return Ok(end),
            Step::Segment(Segment { code: SOS, end, .. }) => {
                end_of_scan(bytes, end).map_err(|_| JpegError::NoEnd)?
            }
            Step::Segment(segment) => segment.end,
            Step::More { .. } => return Err(JpegError::NoEnd),
            Step::Start { at } | Step::Bad { at } => return Err(JpegError::Marker { at }),
        }
    }
}

/// How many scans an image has whose first one's data begins at `scan`, counted up to `most`; none if something stands between them
/// that a decoder may read in another way than we do.
pub fn scans(bytes: &[u8], scan: usize, most: u32) -> Option<u32> {
    let (mut count, mut at) = (1, scan);
    while count < most {
        let Ok(end) = end_of_scan(bytes, at) else { return Some(count) };
        at = end;
        let next = loop {
            match step(bytes, at) {
                Step::Segment(Segment { code: SOS, end, .. }) => break Some(end),
                Step::Segment(Segment { code: EOI, .. }) | Step::More { .. } => break None,
                Step::Segment(segment) => at = segment.end,
                Step::Start { .. } | Step::Bad { .. } => return None,
            }
        };
        let Some(next) = next else { return Some(count) };
        (count, at) = (count.saturating_add(1), next);
    }
    Some(count)
}

/// The segments of a header, from the first behind SOI to SOS or EOI, which is the last one given.
///
/// # Errors
/// [`JpegError::Empty`] and [`JpegError::NoStart`] here; [`JpegError::Marker`] and [`JpegError::Cut`] as the last item of the iterator.
pub fn segments(bytes: &[u8]) -> Result<Segments<'_>, JpegError> {
    match bytes {
        [] => Err(JpegError::Empty),
        [0xff, SOI, ..] => Ok(Segments { bytes, next: Some(2) }),
        _ => Err(JpegError::NoStart),
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
    type Item = Result<Segment<'a>, JpegError>;

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.next.take()?;
        Some(match step(self.bytes, at) {
            Step::Segment(segment) => {
                self.next = (!matches!(segment.code, SOS | EOI)).then_some(segment.end);
                Ok(segment)
            }
            Step::More { at } => Err(JpegError::Cut { at }),
            Step::Start { at } | Step::Bad { at } => Err(JpegError::Marker { at }),
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
        for code in [0x02, 0xbf, RST0, RST7] {
            assert_eq!(step(&[0xff, code, 0, 2], 0), Step::Bad { at: 0 }, "{code:02x}");
        }
        assert_eq!(step(&[0xff, SOI, 0, 2], 0), Step::Start { at: 0 });
        assert_eq!(step(&[0xff, DQT, 0, 1], 0), Step::Bad { at: 0 });
    }

    #[test]
    fn finds_the_next_marker_behind_stray_bytes_but_not_far_behind() {
        let marker = [0xff, DQT, 0, 3, 9];
        for stray in 0..STRAY + 9 {
            for kind in [&[0x12][..], &[0], &[0xff, 0, 0x7f]] {
                let strays: Vec<u8> = kind.iter().copied().cycle().take(stray).collect();
                let bytes = [&strays[..], &marker, &[0xff, 0xff]].concat();
                // an FF at the end of them is a fill byte
                let at = strays.len();
                let found = step(&bytes, 0);
                let segment = Segment { code: DQT, at, payload: &[9], end: at + marker.len() };
                let wanted = if stray <= STRAY { Step::Segment(segment) } else { Step::Bad { at: 0 } };
                assert_eq!(found, wanted, "{stray} of {kind:02x?}");
                let have = at.min(STRAY + 1);
                assert!(matches!(step(&bytes[..have], 0), Step::More { .. }), "{stray} of {kind:02x?}");
            }
        }
    }

    #[test]
    fn an_image_ends_with_its_last_scan() {
        let size = Size { width: 16, height: 8 };
        let one = sample::jpeg(size, b"a\xff\x00b\xff\xd3c\xff");
        let scan = segments(&one).unwrap().last().unwrap().unwrap().end;
        assert_eq!(end_of_image(&[&one[..], b"\xff\xd9 \xff\xd9"].concat(), scan), Ok(one.len()));
        assert_eq!(end_of_image(&one[..one.len() - 1], scan), Err(JpegError::NoEnd));
        // a table between two scans that holds an EOI
        let table = [0xff, DHT, 0, 5, 0xff, EOI, 7];
        let two = [&one[..one.len() - 2], &table, b"\xff\xda\0\x02second", b"\xff\xd9"].concat();
        assert_eq!(end_of_image(&[&two[..], &[0; 9]].concat(), scan), Ok(two.len()));
        assert_eq!(end_of_image(&two[..two.len() - 12], scan), Err(JpegError::NoEnd));
        let bad = [&one[..one.len() - 2], b"\xff\x02"].concat();
        assert_eq!(end_of_image(&bad, scan), Err(JpegError::Marker { at: one.len() - 2 }));
    }

    proptest! {
        /// In blocks or byte by byte, wherever they begin and whatever stands where one ends.
        #[test]
        fn a_scans_end_is_where_the_first_other_marker_is(
            soup in sample::marker_soup(),
            calm in 0..3 * BLOCK,
            at in 0..BLOCK,
            stuffed in any::<bool>(),
        ) {
            let calm: Vec<u8> = [7, 0xff, 0, 9, 0xff, 0xd3].into_iter().cycle().take(calm).collect();
            let plain = vec![7; 2 * BLOCK];
            let bytes = [if stuffed { &calm[..] } else { &plain }, &soup, &plain, &soup].concat();
            let wanted = (at..bytes.len()).scan(false, |is_taken, at| {
                // a zero or a restart marker belongs to the FF before it
                let found = !*is_taken && bytes[at] == 0xff;
                *is_taken = found && matches!(bytes.get(at + 1), Some(0 | RST0..=RST7));
                Some(found.then_some(at))
            });
            let is_end = |at: &usize| !matches!(bytes.get(at + 1), Some(0 | RST0..=RST7 | 0xff));
            let wanted = wanted.flatten().find(is_end);
            match end_of_scan(&bytes, at) {
                Ok(end) => prop_assert_eq!(Some(end), wanted),
                Err(end) if end < bytes.len() => prop_assert_eq!((Some(end), end), (wanted, bytes.len() - 1)),
                Err(_) => prop_assert_eq!(None, wanted),
            }
        }

        #[test]
        fn never_panics_and_always_moves_on(bytes in sample::marker_soup(), at in 0_usize..300) {
            match step(&bytes, at) {
                Step::Segment(segment) => prop_assert!(segment.end > at && segment.end <= bytes.len()),
                Step::More { at: again } | Step::Start { at: again } | Step::Bad { at: again } => {
                    prop_assert!(again >= at);
                }
            }
        }
    }
}
