//! Whole JPEGs out of a stream of them: what `rpicam-vid`, `ffmpeg -f mjpeg` and `.mjpeg` files are.

use super::Flaw;
use super::markers::{self, EOI, RST0, RST7, SOI, SOS, Step};
use std::ops::ControlFlow;

/// What [`Splitter::find`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// No whole frame yet: read more.
    More,
    /// `buffer[start..end]` is one frame; what stands before `start` is garbage.
    Frame {
        /// Offset of SOI.
        start: usize,
        /// Offset of the first byte behind EOI.
        end: usize,
    },
    /// The same, but the frame has no EOI: another begins where it should go on, or its scan is broken there.
    Cut {
        /// Offset of SOI.
        start: usize,
        /// Offset of what does not belong to it any more.
        end: usize,
    },
    /// A frame has begun, but its header is none.
    Broken {
        /// What is wrong; offsets count from SOI.
        flaw: Flaw,
        /// Offset at which the search goes on.
        end: usize,
    },
}

/// Finds the frames in a stream that arrives piece by piece.
///
/// It remembers how far it has looked, so that all its work is linear in the stream's bytes, whatever they are and however
/// small the pieces. A header is walked segment by segment: an EXIF thumbnail's own EOI does not end the frame. What is
/// broken (a marker that cannot stand where it stands, a frame cut off by the next) is told as such, and the search goes
/// on from there at the next SOI; a segment's wrong length can cost the 64 KiB that it spans, and no more.
///
/// The caller keeps one buffer that begins at the first byte not yet taken:
/// ```
/// # use camcast::jpeg::{Split, Splitter};
/// # let mut stream = &b"garbage\xff\xd8\xff\xda\0\x02entropy\xff\xd9\xff\xd8"[..];
/// # let mut frames = 0;
/// # let mut take = |_frame: &[u8]| frames += 1;
/// let mut splitter = Splitter::new();
/// let mut buffer = Vec::new();
/// while let Some((piece, rest)) = stream.split_at_checked(1) {
///     stream = rest;
///     buffer.extend_from_slice(piece);
///     loop {
///         let end = match splitter.find(&buffer) {
///             Split::More => break,
///             Split::Frame { start, end } => {
///                 take(&buffer[start..end]);
///                 end
///             }
///             Split::Cut { end, .. } | Split::Broken { end, .. } => end,
///         };
///         buffer.drain(..end);
///     }
///     buffer.drain(..splitter.take_garbage());
/// }
/// # assert_eq!((frames, &buffer[..]), (1, &b"\xff\xd8"[..]));
/// ```
#[derive(Debug, Default)]
pub struct Splitter {
    place: Place,
    /// Offset of the SOI of the frame that has begun; meaningless while seeking.
    start: usize,
    /// Offset of the first byte not yet looked at.
    at: usize,
}

/// Where in a frame the next byte stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// Before SOI.
    #[default]
    Seek,
    /// At a marker before the first scan.
    Header,
    /// In entropy-coded data.
    Scan,
    /// At a marker behind entropy-coded data.
    BetweenScans,
}

/// Whether to go on looking, or what to answer.
type Turn = ControlFlow<Split>;

impl Splitter {
    /// A splitter at the start of a stream.
    pub const fn new() -> Self {
        Splitter { place: Place::Seek, start: 0, at: 0 }
    }

    /// Looks for a whole frame. `buffer` begins at the first byte not yet taken and only grows between calls.
    ///
    /// After anything but [`Split::More`] the caller drops `end` bytes from the buffer's front before it calls again.
    pub fn find(&mut self, buffer: &[u8]) -> Split {
        loop {
            let turn = match self.place {
                Place::Seek => self.seek(buffer),
                Place::Header | Place::BetweenScans => self.walk(buffer),
                Place::Scan => self.scan(buffer),
            };
            if let ControlFlow::Break(split) = turn {
                return split;
            }
        }
    }

    /// How many bytes at the buffer's front belong to no frame. They are taken: the caller must drop exactly so many.
    #[must_use]
    pub fn take_garbage(&mut self) -> usize {
        let garbage = if self.place == Place::Seek { self.at } else { self.start };
        self.at = self.at.saturating_sub(garbage);
        self.start = 0;
        garbage
    }

    /// The stream ends with `buffer`: what has begun will not be whole. [`Split::More`] if nothing has. The splitter is
    /// as new.
    pub fn finish(&mut self, buffer: &[u8]) -> Split {
        let Splitter { place, start, at } = std::mem::take(self);
        let end = buffer.len();
        match place {
            Place::Seek => Split::More,
            Place::Header => Split::Broken { flaw: Flaw::Cut { at: at.saturating_sub(start) }, end },
            Place::Scan | Place::BetweenScans => Split::Cut { start, end },
        }
    }

    /// Gives up the frame that has begun, if any: the caller's answer to one that outgrows its limit. Its bytes so far
    /// become garbage ([`Splitter::take_garbage`]), and the search goes on behind them.
    pub fn give_up(&mut self) {
        self.place = Place::Seek;
    }

    fn seek(&mut self, buffer: &[u8]) -> Turn {
        let rest = buffer.get(self.at..).unwrap_or_default();
        let Some(skipped) = rest.windows(3).position(|three| three == [0xff, SOI, 0xff]) else {
            // The last two bytes may be an SOI's first two.
            self.at = self.at.saturating_add(rest.len().saturating_sub(2));
            return Turn::Break(Split::More);
        };
        self.start = self.at.saturating_add(skipped);
        self.go(Place::Header, self.start.saturating_add(2))
    }

    fn walk(&mut self, buffer: &[u8]) -> Turn {
        match markers::step(buffer, self.at) {
            Step::Segment(segment) if segment.code == SOS => self.go(Place::Scan, segment.end),
            Step::Segment(segment) if segment.code != EOI => self.go(self.place, segment.end),
            Step::Segment(end) if self.place == Place::BetweenScans => {
                let (start, end) = (self.start, end.end);
                self.tell(Split::Frame { start, end })
            }
            Step::Segment(end) => self.tell(Split::Broken { flaw: Flaw::NoScan, end: end.end }),
            Step::More { at } => {
                self.at = at;
                Turn::Break(Split::More)
            }
            Step::Bad { at } => {
                let start = self.start;
                let flaw = Flaw::Marker { at: at.saturating_sub(start) };
                let is_header = self.place == Place::Header;
                self.tell(if is_header {
                    Split::Broken { flaw, end: at }
                } else {
                    Split::Cut { start, end: at }
                })
            }
        }
    }

    fn scan(&mut self, buffer: &[u8]) -> Turn {
        let rest = buffer.get(self.at..).unwrap_or_default();
        let skipped = rest.iter().position(|byte| *byte == 0xff).unwrap_or(rest.len());
        self.at = self.at.saturating_add(skipped);
        match buffer.get(self.at.saturating_add(1)) {
            None => Turn::Break(Split::More),
            Some(0 | RST0..=RST7) => self.go(Place::Scan, self.at.saturating_add(2)),
            Some(0xff) => self.go(Place::Scan, self.at.saturating_add(1)),
            Some(_) => self.go(Place::BetweenScans, self.at),
        }
    }

    fn go(&mut self, place: Place, at: usize) -> Turn {
        self.place = place;
        self.at = at;
        Turn::Continue(())
    }

    /// Something has ended; the next is looked for in the buffer without it.
    fn tell(&mut self, split: Split) -> Turn {
        *self = Splitter::new();
        Turn::Break(split)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Size, check, header, sample};
    use super::*;
    use proptest::prelude::*;

    const SIZE: Size = Size { width: 64, height: 48 };

    /// What a stream was found to be.
    #[derive(Debug, Default, PartialEq)]
    struct Found {
        frames: Vec<Vec<u8>>,
        cut: Vec<Vec<u8>>,
        broken: Vec<Flaw>,
        /// What is kept at its end.
        left: Vec<u8>,
        end: Option<Split>,
    }

    /// Feeds `stream` in pieces of these sizes, the last one again and again.
    fn find_all(stream: &[u8], pieces: &[usize]) -> Found {
        let (mut splitter, mut buffer, mut found) = (Splitter::new(), Vec::new(), Found::default());
        let mut sizes = pieces.iter().chain(std::iter::repeat(pieces.last().unwrap()));
        let mut rest = stream;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
            rest = after;
            buffer.extend_from_slice(piece);
            loop {
                let end = match splitter.find(&buffer) {
                    Split::More => break,
                    Split::Frame { start, end } => {
                        found.frames.push(buffer[start..end].to_vec());
                        end
                    }
                    Split::Cut { start, end } => {
                        found.cut.push(buffer[start..end].to_vec());
                        end
                    }
                    Split::Broken { flaw, end } => {
                        found.broken.push(flaw);
                        end
                    }
                };
                assert!(end > 0);
                buffer.drain(..end);
            }
            buffer.drain(..splitter.take_garbage());
        }
        found.end = Some(splitter.finish(&buffer));
        found.left = buffer;
        found
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
        assert_eq!(left, b"re", "only what may yet be a start is kept");
    }

    #[test]
    fn a_frame_without_its_end_does_not_take_the_next_with_it() {
        let (cut, whole) = (sample::jpeg(SIZE, b"cut"), sample::jpeg(SIZE, &[7; 40_000]));
        // Cut in a length, the header swallows up to 64 KiB of what follows; never more.
        for keep in 3..cut.len() {
            let (frames, _) = split(&[&cut[..keep], &whole, &whole, &whole].concat(), &[997]);
            assert_eq!(frames.last(), Some(&whole), "cut to {keep} bytes");
        }
        let cut_in_scan = &cut[..cut.len() - 2];
        let found = find_all(&[cut_in_scan, &whole].concat(), &[5]);
        assert_eq!((found.frames, found.cut), (vec![whole], vec![cut_in_scan.to_vec()]));
    }

    #[test]
    fn what_is_broken_is_named() {
        let whole = sample::jpeg(SIZE, b"whole");
        let stream = [&b"\xff\xd8\xff\xe0\0\x04ab\xff\0"[..], b"\xff\xd8\xff\xd9", &whole].concat();
        let found = find_all(&stream, &[3]);
        assert_eq!(found.broken, [Flaw::Marker { at: 8 }, Flaw::NoScan]);
        assert_eq!((found.frames, found.cut), (vec![whole], vec![]));
    }

    #[test]
    fn what_the_streams_end_cuts_off_is_told() {
        let (whole, next) = (sample::jpeg(SIZE, b"whole"), sample::jpeg(SIZE, b"next"));
        let scan = header(&next).unwrap().scan;
        for keep in 0..next.len() {
            let found = find_all(&[&whole[..], &next[..keep]].concat(), &[7]);
            assert_eq!((found.frames.len(), found.cut.len(), found.broken.len()), (1, 0, 0));
            let is_right = match found.end.unwrap() {
                Split::More => keep < 3,
                Split::Broken { flaw: Flaw::Cut { .. }, end } => (3..scan).contains(&keep) && end == keep,
                Split::Cut { start: 0, end } => keep >= scan && end == keep,
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
}
