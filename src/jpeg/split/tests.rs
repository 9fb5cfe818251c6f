//! The splitter on streams as they are and as they should not be.

use super::*;
use crate::jpeg::{Size, check, header, sample};
use proptest::prelude::*;

const SIZE: Size = Size { width: 64, height: 48 };

/// What a stream was found to be.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Found {
    pub(super) frames: Vec<Vec<u8>>,
    pub(super) cut: Vec<Vec<u8>>,
    pub(super) broken: Vec<JpegError>,
    /// What is kept at its end.
    left: Vec<u8>,
    /// The first that its end has told.
    end: Option<Split>,
}

impl Found {
    /// Keeps it, and says where it ends; `None` if there is nothing yet.
    fn take(&mut self, split: Split, buffer: &[u8]) -> Option<usize> {
        let end = match split {
            Split::More => return None,
            Split::Frame { start, end } => {
                self.frames.push(buffer[start..end].to_vec());
                end
            }
            Split::Cut { start, end } => {
                self.cut.push(buffer[start..end].to_vec());
                end
            }
            Split::Broken { flaw, end } => {
                self.broken.push(flaw);
                end
            }
        };
        assert!(end > 0);
        Some(end)
    }

    /// Takes all there is in the buffer.
    fn take_all(&mut self, splitter: &mut Splitter, buffer: &mut Vec<u8>) {
        while let Some(end) = self.take(splitter.find(buffer), buffer) {
            buffer.drain(..end);
        }
        buffer.drain(..splitter.take_garbage());
    }
}

/// Feeds `stream` in pieces of these sizes, the last one again and again.
pub(super) fn find_all(stream: &[u8], pieces: &[usize]) -> Found {
    let (mut splitter, mut buffer, mut found) = (Splitter::new(), Vec::new(), Found::default());
    let mut sizes = pieces.iter().chain(std::iter::repeat(pieces.last().unwrap()));
    let mut rest = stream;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
        rest = after;
        buffer.extend_from_slice(piece);
        found.take_all(&mut splitter, &mut buffer);
    }
    loop {
        let last = splitter.finish(&buffer);
        found.end.get_or_insert(last);
        found.left = buffer.clone();
        let Some(end) = found.take(last, &buffer) else { return found };
        buffer.drain(..end);
        found.take_all(&mut splitter, &mut buffer);
    }
}

/// The whole frames, and what is left over.
fn split(stream: &[u8], pieces: &[usize]) -> (Vec<Vec<u8>>, Vec<u8>) {
    let found = find_all(stream, pieces);
    (found.frames, found.left)
}

#[test]
fn takes_frames_out_of_garbage() {
    let (one, two) = (sample::jpeg(SIZE, b"one\xff\x00"), sample::jpeg(SIZE, b"two\xff\xd0x"));
    let stream = [b"garbage\xff\xd8", &one[..], &[0; 70], &two, b"\xff\xd9 more"].concat();
    let (frames, left) = split(&stream, &[1]);
    assert_eq!(frames, [one, two]);
    assert_eq!(left, b"e", "only what may yet be a start is kept");
}

#[test]
fn a_frame_without_its_end_does_not_take_the_next_with_it() {
    let (cut, whole) = (sample::jpeg(SIZE, b"cut"), sample::jpeg(SIZE, &[7; 40_000]));
    for keep in 3..cut.len() {
        let (frames, _) = split(&[&cut[..keep], &whole, &whole, &whole].concat(), &[997]);
        assert_eq!(frames.len(), 3, "cut to {keep} bytes");
        assert!(frames.iter().all(|frame| *frame == whole), "cut to {keep} bytes");
    }
    let cut_in_scan = &cut[..cut.len() - 2];
    let found = find_all(&[cut_in_scan, &whole].concat(), &[5]);
    assert_eq!((found.frames, found.cut), (vec![whole], vec![cut_in_scan.to_vec()]));
}

#[test]
fn a_picture_in_a_segment_is_no_frame_though_another_segment_has_its_rest() {
    let thumbnail = sample::jpeg(SIZE, &[9; 900]);
    for at in [5, 300, thumbnail.len() - 1, thumbnail.len()] {
        let (first, rest) = thumbnail.split_at(at);
        let segments = [(0xeb, first.to_vec()), (0xeb, rest.to_vec()), (0xc0, sample::frame_header(SIZE))];
        let frame = sample::with_segments(&segments, b"e");
        for piece in [1, 50, 10_000] {
            let found = find_all(&frame.repeat(3), &[piece]);
            assert_eq!((found.frames.len(), found.cut.len(), found.broken.len()), (3, 0, 0), "split at {at}");
            assert!(found.frames.iter().all(|it| *it == frame));
        }
    }
}

#[test]
fn good_frames_in_a_segment_of_noise_come_out_at_once() {
    let (hit, good) = (sample::jpeg(SIZE, &[7; 3000]), sample::jpeg(SIZE, b"good"));
    let mut hit = [&hit[..hit.len() - 900], b"\xff\xe5\xf0\0", &hit[hit.len() - 896..]].concat();
    hit.extend_from_slice(&good);
    let mut splitter = Splitter::new();
    assert!(matches!(splitter.find(&hit), Split::Cut { start: 0, .. }));
    let found = find_all(&hit, &[1]);
    assert_eq!((found.frames, found.cut.len(), found.broken), (vec![good], 1, vec![]));
}

#[test]
fn what_was_swallowed_behind_garbage_is_found_in_any_pieces() {
    let good = sample::jpeg(SIZE, b"good");
    // a segment of a wrong length that ends right behind a frame, and no marker behind it
    let length = (good.len() + 2) as u16;
    let swallows = [b"\xff\xd8\xff\xe5", &length.to_be_bytes()[..], &good, &[7; 90]].concat();
    let scan = [&good[..good.len() - 2], b"\xff\xe5\xff\xf0", &[7; 90], &good].concat();
    for (broken, wanted) in [(swallows, 1), (scan, 1)] {
        let stream = [&[9; 500][..], &broken].concat();
        for piece in 1..stream.len() {
            let found = find_all(&stream, &[piece, 1]);
            assert_eq!(found.frames, vec![good.clone(); wanted], "{piece}");
        }
    }
}

#[test]
fn what_is_broken_is_named() {
    let whole = sample::jpeg(SIZE, b"whole");
    let stream = [&b"\xff\xd8\xff\xe0\0\x04ab\xff\x02"[..], b"\xff\xd8\xff\xd9", &whole].concat();
    let found = find_all(&stream, &[3]);
    assert_eq!(found.broken, [JpegError::Marker { at: 8 }, JpegError::NoScan]);
    assert_eq!((found.frames, found.cut), (vec![whole], vec![]));
}

#[test]
fn what_the_streams_end_cuts_off_is_told() {
    let (whole, next) = (sample::jpeg(SIZE, b"whole"), sample::jpeg(SIZE, b"next"));
    let scan = header(&next).unwrap().scan;
    for keep in 0..next.len() {
        let found = find_all(&[&whole[..], &next[..keep]].concat(), &[7]);
        assert_eq!(found.frames.len(), 1);
        assert_eq!(found.cut.len() + found.broken.len(), usize::from(keep >= 3));
        let is_right = match found.end.unwrap() {
            Split::More => keep < 3,
            Split::Broken { flaw: JpegError::Cut { .. }, end } => {
                (3..scan + 2).contains(&keep) && end == keep
            }
            Split::Cut { start: 0, end } => keep >= scan + 2 && end == keep,
            _ => false,
        };
        assert!(is_right, "cut to {keep} of {scan}: {:?}", found.end);
    }
}

#[test]
fn a_header_without_a_picture_is_no_frame() {
    let whole = sample::jpeg(SIZE, b"whole");
    let stream = [b"\xff\xd8\xff\xe0\0\x02\xff\xd9", &whole[..]].concat();
    assert_eq!(split(&stream, &[3]).0, [whole]);
}

#[test]
fn a_frame_that_outgrows_the_callers_limit_can_be_given_up() {
    let whole = sample::jpeg(SIZE, b"whole");
    let mut buffer = [&whole[..whole.len() - 2], &[7; 1000]].concat();
    let mut splitter = Splitter::new();
    assert_eq!(splitter.find(&buffer), Split::More);
    assert_eq!(splitter.take_garbage(), 0);
    splitter.give_up();
    buffer.drain(..splitter.take_garbage());
    assert!(buffer.is_empty());
    buffer.extend_from_slice(&whole);
    assert_eq!(splitter.find(&buffer), Split::Frame { start: 0, end: whole.len() });
}

#[test]
fn fill_bytes_are_looked_at_once() {
    let mut splitter = Splitter::new();
    let buffer = [&[0xff, 0xd8], &[0xff; 1000][..]].concat();
    assert_eq!(splitter.find(&buffer), Split::More);
    assert_eq!(splitter.at, buffer.len() - 1);
}

fn garbage() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(0_u8..0xff, 0..20)
}

proptest! {
    #[test]
    fn the_pieces_sizes_change_nothing(
        stream in proptest::collection::vec((garbage(), sample::parts()), 1..5),
        pieces in proptest::collection::vec(1_usize..300, 1..30),
    ) {
        let wanted: Vec<Vec<u8>> = stream.iter().map(|(_, parts)| sample::from_parts(parts)).collect();
        let bytes: Vec<u8> =
            stream.iter().zip(&wanted).flat_map(|((garbage, _), jpeg)| [&garbage[..], jpeg].concat()).collect();
        let (frames, left) = split(&bytes, &pieces);
        prop_assert!(frames.iter().all(|frame| check(frame).is_ok()));
        prop_assert_eq!(frames, wanted);
        prop_assert!(left.is_empty());
    }

    #[test]
    fn any_bytes_give_the_same_frames_in_any_pieces(
        bytes in sample::marker_soup(),
        pieces in proptest::collection::vec(1_usize..9, 1..30),
    ) {
        prop_assert_eq!(find_all(&bytes, &pieces), find_all(&bytes, &[bytes.len().max(1)]));
    }
}
