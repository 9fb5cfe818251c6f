//! The Huffman tables of T.81 annex K. Many UVC cameras leave them out, as AVI files with MJPEG always have: what decodes
//! MJPEG knows them. A browser, or whoever is handed a single frame as a file, wants them in it.

use super::markers::DHT;

/// The typical tables (T.81 K.3.1 and K.3.2) as one DHT segment: luminance DC and AC, chrominance DC and AC.
#[rustfmt::skip]
pub const STANDARD_TABLES: [u8; 420] = [
    0xff, DHT, 0x01, 0xa2,
    // class 0, table 0: counts of the codes of 1 to 16 bits, then the values (K.3)
    0x00, 0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0,
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
    // class 1, table 0 (K.5)
    0x10, 0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d,
    0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07,
    0x22, 0x71, 0x14, 0x32, 0x81, 0x91, 0xa1, 0x08, 0x23, 0x42, 0xb1, 0xc1, 0x15, 0x52, 0xd1, 0xf0,
    0x24, 0x33, 0x62, 0x72, 0x82, 0x09, 0x0a, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x25, 0x26, 0x27, 0x28,
    0x29, 0x2a, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49,
    0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69,
    0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89,
    0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7,
    0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3, 0xc4, 0xc5,
    0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe1, 0xe2,
    0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8,
    0xf9, 0xfa,
    // class 0, table 1 (K.4)
    0x01, 0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0,
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
    // class 1, table 1 (K.6)
    0x11, 0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77,
    0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71,
    0x13, 0x22, 0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xa1, 0xb1, 0xc1, 0x09, 0x23, 0x33, 0x52, 0xf0,
    0x15, 0x62, 0x72, 0xd1, 0x0a, 0x16, 0x24, 0x34, 0xe1, 0x25, 0xf1, 0x17, 0x18, 0x19, 0x1a, 0x26,
    0x27, 0x28, 0x29, 0x2a, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48,
    0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68,
    0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87,
    0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5,
    0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3,
    0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda,
    0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8,
    0xf9, 0xfa,
];

/// Whether all tables in a DHT segment's payload are the standard ones of their class and number.
pub fn is_standard(payload: &[u8]) -> bool {
    let mut rest = payload;
    while !rest.is_empty() {
        let Some((table, behind)) = split_table(rest) else { return false };
        if !tables(&STANDARD_TABLES[4..]).any(|standard| standard == table) {
            return false;
        }
        rest = behind;
    }
    true
}

/// The tables in a DHT segment's payload, as far as they are whole.
fn tables(mut payload: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (table, behind) = split_table(payload)?;
        payload = behind;
        Some(table)
    })
}

/// The first table, and what follows it: class and number, the counts of codes of 1 to 16 bits, a value for each code.
fn split_table(payload: &[u8]) -> Option<(&[u8], &[u8])> {
    let counts = payload.get(1..17)?;
    let values: usize = counts.iter().map(|count| usize::from(*count)).sum();
    payload.split_at_checked(values.saturating_add(17))
}

/// Where [`STANDARD_TABLES`] must be put into a JPEG that has none: the offset of its SOS. `None` if it brings tables of
/// its own, or is of a kind that these do not suit, or no JPEG.
pub fn tables_at(jpeg: &[u8]) -> Option<usize> {
    super::header(jpeg).ok()?.huffman_at.map(|at| at as usize)
}

/// A JPEG without tables as the three pieces of one with them: what stands before, the tables, and the rest.
///
/// `None` where [`tables_at`] says so: the JPEG is to be taken as it is.
pub fn with_tables(jpeg: &[u8]) -> Option<[&[u8]; 3]> {
    let (before, after) = jpeg.split_at_checked(tables_at(jpeg)?)?;
    Some([before, &STANDARD_TABLES, after])
}

#[cfg(test)]
mod tests {
    use super::super::{Size, check, markers, sample};
    use super::*;
    use crate::picture::{Encoder, Rgb, Sampling};
    use proptest::prelude::*;

    const SIZE: Size = Size { width: 16, height: 8 };

    /// What libjpeg-turbo writes, with its tables and without.
    fn encoded() -> (Vec<u8>, Vec<u8>) {
        let pixels: Vec<u8> = (0..16 * 8 * 3).map(|at| (at * 7) as u8).collect();
        let mut encoder = Encoder::new(Sampling::Half, SIZE).unwrap();
        let whole = encoder.encode(Rgb { pixels: &pixels, size: SIZE }, 80).unwrap().to_vec();
        let mut without = whole[..2].to_vec();
        let segments: Vec<_> = markers::segments(&whole).unwrap().map(Result::unwrap).collect();
        for segment in segments.iter().filter(|segment| segment.code != DHT) {
            without.extend(&whole[segment.at..segment.end]);
        }
        without.extend(&whole[segments.last().unwrap().end..]);
        (whole, without)
    }

    #[test]
    fn the_tables_are_those_that_libjpeg_knows() {
        let (whole, _) = encoded();
        let tables = markers::segments(&whole).unwrap().map(Result::unwrap).filter(|it| it.code == DHT);
        let theirs: Vec<u8> = tables.flat_map(|it| it.payload.to_vec()).collect();
        assert_eq!(theirs, STANDARD_TABLES[4..]);
        assert_eq!(markers::step(&STANDARD_TABLES, 0), {
            let payload = &STANDARD_TABLES[4..];
            markers::Step::Segment(markers::Segment { code: DHT, at: 0, payload, end: STANDARD_TABLES.len() })
        });
    }

    #[test]
    fn tables_are_standard_in_any_order_and_number_or_they_are_not() {
        let all: Vec<&[u8]> = tables(&STANDARD_TABLES[4..]).collect();
        assert_eq!(all.concat(), STANDARD_TABLES[4..]);
        assert_eq!(all.iter().map(|table| table[0]).collect::<Vec<u8>>(), [0x00, 0x10, 0x01, 0x11]);
        assert!(is_standard(&STANDARD_TABLES[4..]) && is_standard(&[all[3], all[0]].concat()));
        for at in 0..all[1].len() {
            let mut other = all[1].to_vec();
            other[at] ^= 1;
            assert!(!is_standard(&other), "byte {at}");
            assert!(!is_standard(&all[1][..at]) || at == 0, "the first {at}");
        }
    }

    #[test]
    fn only_what_has_none_gets_tables() {
        let (whole, without) = encoded();
        assert_eq!(with_tables(&whole), None);
        let spliced = with_tables(&without).unwrap().concat();
        assert_eq!(spliced.len(), without.len() + STANDARD_TABLES.len());
        assert_eq!(check(&spliced).unwrap().size(), SIZE);
        assert_eq!(with_tables(&spliced), None, "once is enough");
        let progressive = sample::with_segments(&[(0xc2, sample::frame_header(SIZE))], b"e");
        assert_eq!(tables_at(&progressive), None);
        assert_eq!(tables_at(&without[..20]), None);
        assert_eq!(tables_at(b"no JPEG"), None);
    }

    proptest! {
        #[test]
        fn what_is_spliced_is_whole(parts in sample::parts()) {
            let jpeg = sample::from_parts(&parts);
            if let Some(pieces) = with_tables(&jpeg) {
                prop_assert_eq!([pieces[0], pieces[2]].concat(), jpeg.clone());
                let spliced = pieces.concat();
                prop_assert_eq!(check(&spliced).map(|whole| whole.size()), check(&jpeg).map(|whole| whole.size()));
                prop_assert_eq!(tables_at(&spliced), None);
            }
        }
    }
}
