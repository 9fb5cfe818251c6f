//! Frames out of a stream, and what each one's header says.

use super::stream::cuts;
use camcast::jpeg::{self, Split, Splitter, markers};

/// A stream of JPEGs.
pub fn check(bytes: &[u8]) -> bool {
    let whole = split(&[bytes]);
    for pieces in cuts(bytes) {
        assert_eq!(
            split(&pieces),
            whole,
            "cut into {:?}",
            pieces.iter().map(|piece| piece.len()).collect::<Vec<_>>()
        );
    }
    whole.iter().filter_map(|found| found.frame.as_ref()).for_each(|frame| check_frame(frame));
    check_frame(bytes);
    whole.iter().any(|found| found.frame.is_some())
}

#[derive(Debug, PartialEq)]
struct Found {
    kind: &'static str,
    /// Counted from the stream's begin.
    place: (usize, usize),
    frame: Option<Vec<u8>>,
}

/// All that is found, as `capture` goes about it.
fn split(pieces: &[&[u8]]) -> Vec<Found> {
    let (mut splitter, mut buffer, mut taken, mut all) = (Splitter::new(), Vec::new(), 0, Vec::new());
    let mut take = |buffer: &mut Vec<u8>, taken: &mut usize, split| {
        let (kind, start, end) = match split {
            Split::More => return false,
            Split::Frame { start, end } => ("frame", start, end),
            Split::Cut { start, end } => ("cut", start, end),
            Split::Broken { end, .. } => ("broken", end, end),
        };
        assert!(end > 0 && start <= end && end <= buffer.len(), "{split:?} of {}", buffer.len());
        let frame = matches!(split, Split::Frame { .. }).then(|| buffer[start..end].to_vec());
        all.push(Found { kind, place: (*taken + start, *taken + end), frame });
        buffer.drain(..end);
        *taken += end;
        true
    };
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            let split = splitter.find(&buffer);
            if !take(&mut buffer, &mut taken, split) {
                break;
            }
        }
        let garbage = splitter.take_garbage();
        buffer.drain(..garbage);
        taken += garbage;
    }
    let split = splitter.finish(&buffer);
    take(&mut buffer, &mut taken, split);
    all
}

/// A frame, or what is taken for one.
fn check_frame(bytes: &[u8]) {
    let (checked, lenient) = (jpeg::check(bytes), jpeg::check_header_only(bytes));
    if let Ok(checked) = checked {
        let found = lenient.expect("what is whole has a header");
        assert_eq!((checked.facts, checked.bytes), (found.facts, found.bytes));
        assert!(checked.bytes.starts_with(&[0xff, 0xd8]) && checked.bytes.ends_with(&[0xff, markers::EOI]));
        let again = jpeg::check(checked.bytes).expect("what was checked is whole");
        assert_eq!((again.bytes, again.facts), (checked.bytes, checked.facts));
        assert_eq!(jpeg::size(bytes), Ok(checked.size()));
        assert!(checked.size().width > 0 && checked.size().height > 0);
        assert!(checked.facts.scan <= checked.bytes.len());
    }
    let mut tidy = Vec::new();
    assert!(markers::without_strays(bytes, &mut tidy).len() <= bytes.len());
    if let Some(parts) = jpeg::huffman::with_tables(bytes) {
        let whole = parts.concat();
        assert!(whole.len() > bytes.len());
        assert!(jpeg::huffman::with_tables(&whole).is_none(), "they are put in once");
    }
    let _ = jpeg::Form::of(bytes);
    let _ = markers::scans(bytes, 0, 100);
}

/// A baseline JPEG, right in its markers, with this many bytes of entropy.
pub fn jpeg(entropy: usize) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8];
    let mut segment = |code: u8, payload: &[u8]| {
        bytes.extend([0xff, code, 0, payload.len() as u8 + 2]);
        bytes.extend(payload);
    };
    segment(0xe0, b"AVI1\0\0\0\0");
    segment(markers::DQT, &[[0].as_slice(), &[9; 64]].concat());
    segment(markers::SOF0, &[8, 0, 48, 0, 64, 3, 1, 0x21, 0, 2, 0x11, 0, 3, 0x11, 0]);
    segment(markers::SOS, &[3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0]);
    bytes.extend((0..entropy).map(|at| (at * 37 % 251) as u8));
    bytes.extend([0xff, markers::EOI]);
    bytes
}

/// A segment of this code.
fn segment(code: u8, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u16 + 2).to_be_bytes();
    [&[0xff, code], &length[..], payload].concat()
}

/// Streams as cameras send them, and torn ones.
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    let (one, other) = (jpeg(40), jpeg(9));
    let with = |code, payload: &[u8]| [&one[..2], &segment(code, payload), &one[2..]].concat();
    let exif = [b"Exif\0\0MM\0*".as_slice(), &other].concat();
    let scans = [&one[..one.len() - 2], &segment(markers::SOS, &[1, 1, 0, 0, 63, 0]), b"more", &[0xff, 0xd9]]
        .concat();
    let restarts = [&one[..one.len() - 2], b"\xff\xd0x\xff\0y\xff\xd1z\xff\xff\xd9"].concat();
    let seeds = [
        ("three", [&one[..], &other, &one].concat()),
        ("garbage-between", [b"garbage", &one[..], b"\0\0\0\xff", &other, b"\xff\xd8"].concat()),
        ("exif-thumbnail", [&with(0xe1, &exif)[..], &other].concat()),
        ("exif-swallowed", [&with(0xe1, &exif[..exif.len() - 2])[..], &one].concat()),
        ("comment", with(0xfe, b"\xff\xd8\xff\xda\0\x02\xff\xd9")),
        ("scans", [&scans[..], &one].concat()),
        ("restarts", [&restarts[..], &one].concat()),
        ("cut", [&one[..one.len() - 20], &other].concat()),
        ("bad-length", [&with(0xe1, b"\xff\xff\xff")[..40], &one, &other].concat()),
        ("two-starts", [&one[..2], &one[..], &[0xff, 0xd9]].concat()),
    ];
    seeds.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec()
}
