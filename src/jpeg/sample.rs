//! JPEG-like bytes for tests: right in their markers, meaningless in their entropy-coded data.

use super::Size;
use super::markers::{self, DHT, DQT, DRI, SOF0, SOS};
use proptest::collection::vec;
use proptest::prelude::*;

/// A marker's code and its payload.
pub(crate) type Part = (u8, Vec<u8>);

/// A baseline JPEG of `size` whose scan holds `entropy`.
pub(crate) fn jpeg(size: Size, entropy: &[u8]) -> Vec<u8> {
    let app0 = (0xe0, b"AVI1\0\0\0\0".to_vec());
    with_segments(&[app0, (DQT, vec![1; 65]), (SOF0, frame_header(size))], entropy)
}

/// SOI, the segments, one scan, EOI.
pub(crate) fn with_segments(segments: &[Part], entropy: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8];
    segments.iter().for_each(|part| push(&mut bytes, part));
    push_scan(&mut bytes, entropy);
    bytes.extend([0xff, 0xd9]);
    bytes
}

/// The payload of a frame header with three components.
pub(crate) fn frame_header(size: Size) -> Vec<u8> {
    let [[y1, y0], [x1, x0]] = [size.height.to_be_bytes(), size.width.to_be_bytes()];
    vec![8, y1, y0, x1, x0, 3, 1, 0x21, 0, 2, 0x11, 1, 3, 0x11, 1]
}

fn push(bytes: &mut Vec<u8>, (code, payload): &Part) {
    let length = u16::try_from(payload.len() + 2).unwrap();
    bytes.extend([0xff, *code]);
    bytes.extend(length.to_be_bytes());
    bytes.extend(payload);
}

fn push_scan(bytes: &mut Vec<u8>, entropy: &[u8]) {
    push(bytes, &(SOS, vec![3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0]));
    bytes.extend(entropy);
}

/// What a JPEG is made of.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) size: Size,
    header: Vec<Part>,
    /// Each scan's entropy-coded data, and the table that stands before the next (progressive JPEGs).
    scans: Vec<(Vec<u8>, Part)>,
}

/// The bytes that `parts` describe.
pub(crate) fn from_parts(parts: &Parts) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8];
    parts.header.iter().for_each(|part| push(&mut bytes, part));
    push(&mut bytes, &(SOF0, frame_header(parts.size)));
    for (entropy, table) in &parts.scans {
        push(&mut bytes, table);
        push_scan(&mut bytes, entropy);
    }
    bytes.extend([0xff, 0xd9]);
    bytes
}

/// Any [`Parts`]; the segments' payloads may hold markers of their own.
pub(crate) fn parts() -> impl Strategy<Value = Parts> {
    let size = (1_u16.., 1_u16..).prop_map(|(width, height)| Size { width, height });
    let scan = (entropy(), table());
    (size, vec(part(), 0..6), vec(scan, 1..4)).prop_map(|(size, header, scans)| Parts { size, header, scans })
}

fn part() -> impl Strategy<Value = Part> {
    let code = prop_oneof![Just(DQT), Just(DHT), Just(DRI), Just(0xfe_u8), 0xe0_u8..=0xef];
    let part = (code, marker_soup());
    part.prop_map(
        |part| if markers::is_free(part.0) { with_whole_pictures(part) } else { without_picture(part) },
    )
}

/// What may stand between two scans.
fn table() -> impl Strategy<Value = Part> {
    part().prop_map(without_picture)
}

/// With an end for each picture that begins in it.
fn with_whole_pictures((code, mut payload): Part) -> Part {
    let begun = payload.windows(2).filter(|two| *two == [0xff, 0xd8]).count();
    payload.extend([0xff, 0xd9].repeat(begun));
    payload.push(0);
    (code, payload)
}

/// Without the beginning of a picture, which only a header's free segments may have.
fn without_picture((code, mut payload): Part) -> Part {
    while let Some(at) = payload.windows(2).position(|two| two == [0xff, 0xd8]) {
        payload[at + 1] = 0xd7;
    }
    if payload.last() == Some(&0xff) {
        payload.push(0);
    }
    (code, payload)
}

/// Bytes with many markers among them, and so with much that looks like the start or the end of a JPEG.
pub(crate) fn marker_soup() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        vec(any::<u8>(), 1..8),
        Just(vec![0xff, 0xd8, 0xff]),
        Just(vec![0xff, 0xd9]),
        Just(vec![0xff, 0xda, 0, 4]),
        Just(vec![0xff, DHT, 0]),
    ];
    vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// Entropy-coded data: FF only before a zero, a restart marker or another FF.
fn entropy() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => vec(0_u8..=0xfe, 1..20),
        1 => Just(vec![0xff, 0]),
        1 => (0xd0_u8..=0xd7).prop_map(|restart| vec![0xff, restart]),
        1 => Just(vec![0xff, 0xff, 0]),
    ];
    // Never a zero last: behind a lost EOI it would be padding.
    vec(piece, 0..12).prop_map(|pieces| [pieces.concat(), vec![1]].concat())
}
