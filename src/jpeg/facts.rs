//! One walk over a frame's header, and all that it says: what a receiver, a decoder or an RTP packet has to be told.
//!
//! The segments of interest, as T.81 annex B draws them (a letter is a byte, or half of one where two share it):
//!
//! ```text
//!  SOFn  FF Cn | Lf Lf | P | Y Y | X X | Nf | C1 H1/V1 Tq1 | C2 H2/V2 Tq2 | ...      B.2.2
//!  DQT   FF DB | Lq Lq | Pq/Tq Q0 ... Q63 | Pq/Tq Q0 ... Q63 | ...                   B.2.4.1 (Pq 1: two bytes each)
//!  DRI   FF DD | 00 04 | Ri Ri                                                       B.2.4.4
//!  DHT   FF C4 | Lh Lh | Tc/Th L1 ... L16 V ... | ...                                B.2.4.2
//!  SOS   FF DA | Ls Ls | Ns | C1 Td1/Ta1 | C2 Td2/Ta2 | ...                          B.2.3; entropy-coded data follows
//! ```

use super::markers::{self, APP1, DHT, DQT, DRI, EOI, SOF0, SOF1, SOF9, SOI, SOS, Segment};
use super::{JpegError, Size, huffman};
use memchr::memmem;

/// The most components of a picture, and quantisation tables, that are remembered: what decoders of MJPEG take.
const MOST: usize = 4;

/// Bytes of a segment before its payload: its marker and its length.
const BEFORE_PAYLOAD: usize = 4;

/// What stands before a JPEG's first entropy-coded byte. Offsets are in bytes from SOI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The picture's size, as the frame header (SOF) gives it.
    pub size: Size,
    /// Offset of the first entropy-coded byte.
    pub scan: usize,
    /// The frame header's code: `0xc0` is baseline, `0xc2` progressive (T.81 table B.1). Zero if it is not known.
    pub coding: u8,
    /// Bits of a sample.
    pub precision: u8,
    /// How many components there are; zero if the frame header does not say all of them, or has more than four.
    pub components: u8,
    /// Each component.
    pub component: [Component; MOST],
    /// The quantisation table of each number; none that is not defined before the first scan.
    pub quantisation: [Option<QuantisationTable>; MOST],
    /// Restart interval in MCUs; zero without one.
    pub restart_interval: u16,
    /// Huffman tables of its own stand before the first scan, others than the standard ones of their number.
    pub has_own_huffman: bool,
    /// The first scan has all components, coded by the Huffman tables that are usual: the first by tables 0, others by tables 1.
    pub is_usual_scan: bool,
    /// The first scan is the whole picture: a decoder can go through it row by row, and need not remember all of it.
    pub is_whole_scan: bool,
    /// Where the standard Huffman tables go in a picture that has none and can do with them: in front of SOS.
    pub huffman_at: Option<u32>,
    /// Segments that hold or may hold a smaller picture: those of Exif, and others that have an SOI in them. Programs that look
    /// for SOI take it for the next frame. The first four; empty ones behind them.
    pub thumbnails: [Span; MOST],
}

/// Some of a JPEG's bytes, by their offsets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub at: u32,
    /// That behind the last.
    pub end: u32,
}

impl Span {
    /// There is nothing in it.
    pub fn is_empty(self) -> bool {
        self.end <= self.at
    }
}

/// A component of a picture: of most, luminance or one of two chrominances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Component {
    /// What scans call it by.
    pub id: u8,
    /// Horizontal sampling factor, 1 to 4.
    pub horizontal: u8,
    /// Vertical sampling factor, 1 to 4.
    pub vertical: u8,
    /// The number of its quantisation table.
    pub table: u8,
}

/// Where a quantisation table's 64 values are, in zigzag order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuantisationTable {
    /// Offset of the first value.
    pub at: u32,
    /// Each is of two bytes, most significant first.
    pub is_wide: bool,
}

impl QuantisationTable {
    /// Bytes of all its values.
    pub fn length(self) -> u32 {
        if self.is_wide { 128 } else { 64 }
    }
}

/// Of a picture whose header nobody has read: its size, and nothing else.
impl From<Size> for Facts {
    fn from(size: Size) -> Self {
        Facts {
            size,
            scan: 0,
            coding: 0,
            precision: 0,
            components: 0,
            component: [Component::default(); MOST],
            quantisation: [None; MOST],
            restart_interval: 0,
            has_own_huffman: false,
            is_usual_scan: false,
            is_whole_scan: false,
            huffman_at: None,
            thumbnails: [Span::default(); MOST],
        }
    }
}

/// Walks from SOI to the first scan (SOS).
///
/// # Errors
/// Any [`JpegError`] but [`JpegError::NoEnd`].
pub fn header(bytes: &[u8]) -> Result<Facts, JpegError> {
    let mut facts = Facts::from(Size { width: 0, height: 0 });
    let (mut size, mut has_huffman) = (Err(JpegError::NoSize), false);
    for segment in markers::segments(bytes)? {
        let segment = segment?;
        match segment.code {
            SOS => {
                let can_do_with_them = matches!(facts.coding, SOF0 | SOF1) && !has_huffman;
                let huffman_at = can_do_with_them.then_some(offset(segment.at));
                facts.read_scan(&segment);
                return Ok(Facts { size: size?, scan: segment.end, huffman_at, ..facts });
            }
            EOI => return Err(JpegError::NoScan),
            DHT => {
                has_huffman = true;
                facts.has_own_huffman |= !huffman::is_standard(segment.payload);
            }
            DQT => facts.read_tables(&segment),
            DRI => facts.read_interval(&segment),
            code if markers::is_free(code) => facts.read_free(&segment),
            code if markers::is_frame(code) => {
                size = size_of(&segment);
                facts.read_frame(&segment);
            }
            _ => {}
        }
    }
    Err(JpegError::NoScan)
}

/// No frame is longer than that, and what is would not fit a reel.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// The size in a frame header: precision (one byte), height, width.
fn size_of(frame: &Segment<'_>) -> Result<Size, JpegError> {
    let Some(&[_, y1, y0, x1, x0]) = frame.payload.first_chunk() else {
        return Err(JpegError::Marker { at: frame.at });
    };
    let size = Size { width: u16::from_be_bytes([x1, x0]), height: u16::from_be_bytes([y1, y0]) };
    // T.81 lets the height follow in a DNL segment; no camera does, and no decoder here reads it.
    if size.width == 0 || size.height == 0 { Err(JpegError::ZeroSize) } else { Ok(size) }
}

impl Facts {
    /// The same once `count` bytes that say nothing have been put in at `place`, between two segments of the header.
    #[must_use]
    pub fn moved(mut self, place: usize, count: usize) -> Self {
        let (at, by) = (offset(place), offset(count));
        let later = |offset: u32, is_behind: bool| if is_behind { offset.saturating_add(by) } else { offset };
        self.scan = self.scan.saturating_add(if self.scan >= place { count } else { 0 });
        self.huffman_at = self.huffman_at.map(|offset| later(offset, offset >= at));
        for table in self.quantisation.iter_mut().flatten() {
            table.at = later(table.at, table.at >= at);
        }
        for span in &mut self.thumbnails {
            *span = Span { at: later(span.at, span.at >= at), end: later(span.end, span.end > at) };
        }
        self
    }

    fn read_frame(&mut self, frame: &Segment<'_>) {
        (self.coding, self.components) = (frame.code, 0);
        let Some((&[precision, _, _, _, _, count], rest)) = frame.payload.split_first_chunk() else { return };
        self.precision = precision;
        let said = rest.chunks_exact(3).take(count.into());
        if said.len() != usize::from(count) || usize::from(count) > MOST {
            return;
        }
        self.components = count;
        for (component, said) in self.component.iter_mut().zip(said) {
            if let [id, sampling, table] = *said {
                *component = Component { id, horizontal: sampling >> 4, vertical: sampling & 0x0f, table };
            }
        }
    }

    fn read_tables(&mut self, segment: &Segment<'_>) {
        let mut rest = segment.payload;
        while let Some((&kind, values)) = rest.split_first() {
            let before = segment.payload.len().saturating_sub(values.len());
            let at = segment.at.saturating_add(BEFORE_PAYLOAD).saturating_add(before);
            let table = QuantisationTable { at: offset(at), is_wide: kind >> 4 == 1 };
            let Some((_, behind)) = values.split_at_checked(table.length() as usize) else { return };
            if let Some(known) = self.quantisation.get_mut(usize::from(kind & 0x0f)) {
                *known = Some(table);
            }
            rest = behind;
        }
    }

    fn read_scan(&mut self, scan: &Segment<'_>) {
        let count = usize::from(self.components);
        let Some((&said, rest)) = scan.payload.split_first() else { return };
        let tables = rest.chunks_exact(2).take(count).filter_map(|component| component.last().copied());
        let usual = std::iter::once(0x00).chain(std::iter::repeat(0x11)).take(count);
        let has_all = count > 0 && usize::from(said) == count;
        self.is_usual_scan = has_all && tables.eq(usual);
        self.is_whole_scan = has_all && matches!(self.coding, SOF0 | SOF1 | SOF9);
    }

    fn read_free(&mut self, segment: &Segment<'_>) {
        if segment.code != APP1 && memmem::find(segment.payload, &[0xff, SOI]).is_none() {
            return;
        }
        if let Some(free) = self.thumbnails.iter_mut().find(|span| span.is_empty()) {
            *free = Span { at: offset(segment.at), end: offset(segment.end) };
        }
    }

    fn read_interval(&mut self, segment: &Segment<'_>) {
        if let Some(interval) = segment.payload.first_chunk() {
            self.restart_interval = u16::from_be_bytes(*interval);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{check, sample};
    use super::*;
    use crate::picture::{Encoder, Rgb, Sampling};
    use proptest::prelude::*;

    const SIZE: Size = Size { width: 64, height: 48 };

    fn frame(components: &[(u8, u8, u8)]) -> Vec<u8> {
        let mut payload = vec![8, 0, 48, 0, 64, components.len() as u8];
        payload.extend(components.iter().flat_map(|(id, sampling, table)| [*id, *sampling, *table]));
        payload
    }

    #[test]
    fn a_header_with_everything_in_it() {
        let narrow = [vec![0x00], (0..64).collect()].concat();
        let both = [vec![0x11], vec![1; 128], vec![0x02], vec![2; 64]].concat();
        let segments = [
            (DQT, narrow),
            (DQT, both),
            (DRI, vec![0, 40]),
            (0xc0, frame(&[(1, 0x21, 0), (2, 0x11, 1), (3, 0x11, 1)])),
        ];
        let jpeg = sample::with_segments(&segments, b"e");
        let facts = header(&jpeg).unwrap();
        assert_eq!((facts.size, facts.coding, facts.precision), (SIZE, 0xc0, 8));
        assert_eq!((facts.components, facts.restart_interval), (3, 40));
        let luminance = Component { id: 1, horizontal: 2, vertical: 1, table: 0 };
        assert_eq!((facts.component[0], facts.component[2].table), (luminance, 1));
        let values = |number: usize| {
            let table = facts.quantisation[number].unwrap();
            &jpeg[table.at as usize..][..table.length() as usize]
        };
        assert_eq!(values(0), (0..64).collect::<Vec<u8>>());
        assert_eq!((values(1), values(2)), (&[1; 128][..], &[2; 64][..]));
        assert_eq!(facts.quantisation[3], None);
        let sos = facts.huffman_at.unwrap() as usize;
        assert_eq!(jpeg[sos..][..2], [0xff, SOS]);
    }

    #[test]
    fn segments_with_pictures_in_them_are_known() {
        let inner = sample::jpeg(SIZE, b"small");
        let exif = [&b"Exif\0\0"[..], &inner].concat();
        let segments = [
            (0xe0, b"JFIF\0".to_vec()),
            (APP1, b"Exif\0\0no picture".to_vec()),
            (0xec, vec![1; 40]),
            (0xe4, [b"H264", &inner[..]].concat()),
            (APP1, exif),
            (0xc0, frame(&[(1, 0x21, 0), (2, 0x11, 1), (3, 0x11, 1)])),
        ];
        let jpeg = sample::with_segments(&segments, b"e");
        let facts = header(&jpeg).unwrap();
        let codes = facts.thumbnails.map(|span| {
            let bytes = &jpeg[span.at as usize..span.end as usize];
            bytes.get(..2).map_or(0, |marker| if marker[0] == 0xff { marker[1] } else { 1 })
        });
        assert_eq!(codes, [APP1, 0xe4, APP1, 0]);
        // five of them: the first four are remembered
        let mut many = vec![(APP1, inner); 5];
        many.push((0xc0, frame(&[(1, 0x21, 0), (2, 0x11, 1), (3, 0x11, 1)])));
        let facts = header(&sample::with_segments(&many, b"e")).unwrap();
        assert!(facts.thumbnails.iter().all(|span| !span.is_empty()));
    }

    #[test]
    fn what_is_not_all_there_is_not_known() {
        let cut = |payload: Vec<u8>| header(&sample::with_segments(&[(0xc0, payload)], b"e")).unwrap();
        let three = frame(&[(1, 0x22, 0), (2, 0x11, 1), (3, 0x11, 1)]);
        assert_eq!(cut(three.clone()).components, 3);
        assert_eq!(cut(three[..three.len() - 1].to_vec()).components, 0);
        assert_eq!(cut(three[..5].to_vec()).components, 0);
        assert_eq!(cut(frame(&[(0, 0x11, 0); 5])).components, 0);
        let segments = [(DQT, vec![0; 64]), (DRI, vec![9]), (0xc0, three)];
        let facts = header(&sample::with_segments(&segments, b"e")).unwrap();
        assert_eq!((facts.quantisation, facts.restart_interval), ([None; 4], 0));
    }

    #[test]
    fn progressive_pictures_get_no_standard_tables() {
        let jpeg = sample::with_segments(&[(0xc2, sample::frame_header(SIZE))], b"e");
        let facts = header(&jpeg).unwrap();
        assert_eq!((facts.coding, facts.huffman_at), (0xc2, None));
    }

    #[test]
    fn scans_are_usual_or_not() {
        let three = frame(&[(1, 0x21, 0), (2, 0x11, 1), (3, 0x11, 1)]);
        for (scan, is_usual) in [
            (&[3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0][..], true),
            (&[3, 1, 0x00, 2, 0x00, 3, 0x00, 0, 63, 0], false),
            (&[3, 1, 0x00, 2, 0x11, 3], false),
            // the first of three scans
            (&[1, 1, 0x00, 0, 63, 0], false),
            (&[], false),
        ] {
            let mut jpeg = vec![0xff, SOI];
            for (code, payload) in [(0xc0, &three[..]), (SOS, scan)] {
                jpeg.extend([0xff, code, 0, payload.len() as u8 + 2]);
                jpeg.extend(payload);
            }
            assert_eq!(header(&jpeg).unwrap().is_usual_scan, is_usual, "{scan:?}");
        }
    }

    #[test]
    fn what_libjpeg_writes_is_read() {
        let pixels = vec![7; 64 * 48 * 3];
        for (sampling, factors) in [(Sampling::Half, (2, 1)), (Sampling::Quarter, (2, 2))] {
            let mut encoder = Encoder::new(sampling, SIZE).unwrap();
            let jpeg = encoder.encode(Rgb { pixels: &pixels, size: SIZE }, 80).unwrap().to_vec();
            let facts = check(&jpeg).unwrap().facts;
            assert_eq!((facts.size, facts.coding, facts.components), (SIZE, 0xc0, 3));
            let [luminance, blue, red, _] = facts.component;
            assert_eq!((luminance.horizontal, luminance.vertical), factors);
            assert_eq!((blue.horizontal, red.vertical, blue.table, red.table), (1, 1, 1, 1));
            let first = facts.quantisation[0].unwrap();
            // quality 80 of T.81's table K.1, whose first value is 16
            assert_eq!((jpeg[first.at as usize], first.is_wide), (6, false));
            assert_eq!(facts.huffman_at, None, "it has tables");
            assert!(facts.is_usual_scan && !facts.has_own_huffman);
        }
    }

    proptest! {
        #[test]
        fn what_is_put_in_moves_what_is_behind_it(parts in sample::parts(), pick: prop::sample::Index) {
            let jpeg = sample::from_parts(&parts);
            let ends: Vec<usize> =
                markers::segments(&jpeg).unwrap().map(|segment| segment.unwrap().at).collect();
            let place = ends[pick.index(ends.len())];
            let more = [&[0xff, 0xe9, 0, 9], &b"nothing"[..]].concat();
            let longer = [&jpeg[..place], &more, &jpeg[place..]].concat();
            let moved = header(&jpeg).unwrap().moved(place, more.len());
            prop_assert_eq!(header(&longer).unwrap(), moved);
        }

        #[test]
        fn offsets_lie_inside_the_header(parts in sample::parts()) {
            let jpeg = sample::from_parts(&parts);
            let facts = header(&jpeg).unwrap();
            prop_assert!(facts.scan < jpeg.len());
            for table in facts.quantisation.into_iter().flatten() {
                prop_assert!((table.at + table.length()) as usize <= facts.scan);
            }
            prop_assert!(facts.huffman_at.is_none_or(|at| (at as usize) < facts.scan));
        }
    }
}
