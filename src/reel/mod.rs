//! The reel: the newest frames, by number, in one block of memory that is reserved at start.
//!
//! A frame is laid in once, already as a train of datagrams: header, fragment, header, fragment, all but the last of
//! one size. Every outlet reads it through a cursor of its own: a send is one slice, first time or repair, and a
//! slow reader only finds that a frame has gone. Nothing else knows how frames are stored.
//!
//! ```text
//!  arena  |.....free.....|H f f f|H f f|H f f f f|H f f|....too short for the next....|
//!                        ^ oldest             newest ^ head
//! ```
#![forbid(unsafe_code)]

pub mod cursor;

use crate::jpeg::{Size, huffman};
use crate::time::Stamp;
use crate::wire::data::{self, HEADER_LEN, Header};
use crate::wire::{FrameNumber, MAX_FRAME, StreamId};
use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

/// The smallest frame that the index is made for: reels hold at most their bytes divided by this many frames.
const INDEX_GRAIN: usize = 4096;

/// If the rate over this many is higher by this factor, the stream has changed.
const LATEST_FRAMES: usize = 11;
const CHANGED: f32 = 1.25;

/// An interval that is more than this many usual ones is a stall.
const STALL: f32 = 4.0;

/// No two frames are this far apart; the camera's clock has jumped.
const JUMP: Duration = Duration::from_secs(100);

/// The first frame's number.
const FIRST: FrameNumber = FrameNumber(1);

/// How many of the newest frames the frame rate is measured over.
const RATE_FRAMES: usize = 60;

/// The newest frames of one stream.
pub struct Reel {
    arena: Box<[u8]>,
    index: VecDeque<Entry>,
    index_limit: usize,
    head: usize,
    next: FrameNumber,
    stream: StreamId,
    /// Payload octets of a full fragment.
    fragment: u16,
}

#[derive(Clone, Copy)]
struct Entry {
    number: FrameNumber,
    start: usize,
    length: u32,
    stamp: Stamp,
    size: Size,
    /// Where it wants the standard Huffman tables; zero if it has its own.
    tables_at: u32,
    /// Since the first frame, by the capture times, but for jumps of the camera's clock.
    elapsed: Duration,
}

/// A frame that can never be in the reel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLargeError {
    /// The frame's length in octets.
    pub length: usize,
    /// It was not read any further: it is longer still.
    pub is_longer: bool,
    /// The longest that fits.
    pub limit: usize,
}

impl fmt::Display for TooLargeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TooLargeError { length, limit, is_longer } = self;
        let than = if *is_longer { "more than " } else { "" };
        let most = MAX_FRAME as usize;
        if *length > most {
            return write!(
                f,
                "a frame of {than}{length} bytes is longer than the {most} that one may have (docs/PROTOCOL.md): ask for a smaller \
                 size with -r, or have it compressed more"
            );
        }
        write!(
            f,
            "a frame of {than}{length} bytes is longer than the {limit} that --reel has room for: raise --reel, or ask for a \
             smaller size with -r"
        )
    }
}

impl std::error::Error for TooLargeError {}

impl Reel {
    /// Reserves `bytes` octets for frames that are sent in datagrams of `datagram` octets of UDP payload.
    ///
    /// # Panics
    /// If `datagram` leaves a fragment less than [`data::MIN_FRAGMENT`]; `--mtu` is checked where it is read.
    pub fn new(bytes: usize, datagram: u16, stream: StreamId) -> Self {
        let fragment = datagram.saturating_sub(HEADER_LEN as u16);
        assert!(fragment >= data::MIN_FRAGMENT, "datagrams of {datagram} octets are too small");
        let index_limit = (bytes / INDEX_GRAIN).clamp(16, 65_536);
        Reel {
            arena: vec![0; bytes].into_boxed_slice(),
            index: VecDeque::with_capacity(index_limit),
            index_limit,
            head: 0,
            next: FIRST,
            stream,
            fragment,
        }
    }

    /// The stream whose frames these are.
    pub fn stream(&self) -> StreamId {
        self.stream
    }

    /// Octets of UDP payload in a full datagram.
    pub fn datagram_len(&self) -> u16 {
        self.fragment + HEADER_LEN as u16
    }

    /// Bytes that are reserved for frames, headers between their fragments included.
    pub fn capacity(&self) -> usize {
        self.arena.len()
    }

    /// The longest frame that fits, in octets.
    pub fn frame_limit(&self) -> usize {
        let datagrams = self.arena.len() / usize::from(self.datagram_len());
        (datagrams * usize::from(self.fragment)).min(MAX_FRAME as usize)
    }

    /// Whether a frame of `length` octets fits.
    ///
    /// # Errors
    /// [`TooLargeError`].
    pub fn fits(&self, length: usize) -> Result<(), TooLargeError> {
        let limit = self.frame_limit();
        if length > limit { Err(TooLargeError { length, limit, is_longer: false }) } else { Ok(()) }
    }

    /// Lays a frame in, over the oldest ones as far as room is needed. This is the one copy of its bytes.
    ///
    /// # Errors
    /// [`TooLargeError`]; the reel is as it was.
    pub fn push(
        &mut self,
        jpeg: &[u8],
        size: Size,
        stamp: Stamp,
        flags: u8,
    ) -> Result<FrameNumber, TooLargeError> {
        if jpeg.is_empty() || jpeg.len() > self.frame_limit() {
            return Err(TooLargeError { length: jpeg.len(), limit: self.frame_limit(), is_longer: false });
        }
        let length = jpeg.len() as u32;
        let start = self.make_room(self.train_len(length));
        let number = self.next;
        let mut header = Header {
            flags,
            epoch: self.stream.epoch(),
            number,
            length,
            index: 0,
            size: self.fragment,
            stamp,
        };
        let mut to = start;
        for fragment in jpeg.chunks(usize::from(self.fragment)) {
            if let Some((head, rest)) = self.arena[to..].split_first_chunk_mut::<HEADER_LEN>() {
                header.emit(head);
                rest[..fragment.len()].copy_from_slice(fragment);
            }
            to += HEADER_LEN + fragment.len();
            header.index += 1;
        }
        self.head = to;
        self.next = number.next();
        let elapsed = self.elapsed_at(stamp);
        // while its header is in one piece
        let tables_at = huffman::tables_at(jpeg).map_or(0, |at| at as u32);
        self.index.push_back(Entry { number, start, length, stamp, size, tables_at, elapsed });
        Ok(number)
    }

    fn elapsed_at(&self, stamp: Stamp) -> Duration {
        let Some(last) = self.index.back() else { return Duration::ZERO };
        let interval = stamp.captured.since(last.stamp.captured);
        // a camera that stood still for a while has not become slow
        let usual = self.fps().filter(|_| self.index.len() >= LATEST_FRAMES);
        let most = usual.map_or(JUMP, |fps| Duration::from_secs_f32(STALL / fps));
        last.elapsed + if interval > JUMP { Duration::ZERO } else { interval.min(most) }
    }

    /// Drops as many of the oldest frames as needed, and returns where a train of `len` octets begins.
    fn make_room(&mut self, len: usize) -> usize {
        if self.index.len() == self.index_limit {
            self.index.pop_front();
        }
        let mut start = self.head;
        if start + len > self.arena.len() {
            // The oldest frames lie behind the head, if it has come round before; then it starts over.
            while self.index.front().is_some_and(|oldest| oldest.start >= self.head) {
                self.index.pop_front();
            }
            start = 0;
        }
        while self.index.front().is_some_and(|oldest| overlap(&self.range(oldest), &(start..start + len))) {
            self.index.pop_front();
        }
        start
    }

    fn train_len(&self, length: u32) -> usize {
        length as usize + data::fragment_count(length, self.fragment) as usize * HEADER_LEN
    }

    fn range(&self, entry: &Entry) -> Range<usize> {
        entry.start..entry.start + self.train_len(entry.length)
    }

    /// The number that the next frame will have.
    pub fn next_number(&self) -> FrameNumber {
        self.next
    }

    /// The oldest frame's number, or [`next_number`](Self::next_number) while there is none.
    pub fn oldest_number(&self) -> FrameNumber {
        self.index.front().map_or(self.next, |entry| entry.number)
    }

    /// True once frames have had to give way.
    pub fn is_full(&self) -> bool {
        self.oldest_number() != FIRST
    }

    /// The frame of that number, unless it has gone or has not come yet.
    pub fn frame(&self, number: FrameNumber) -> Option<Frame<'_>> {
        let at = usize::try_from(number.since(self.oldest_number())).ok()?;
        let entry = *self.index.get(at)?;
        Some(Frame { train: &self.arena[self.range(&entry)], entry, fragment: self.fragment })
    }

    /// The newest frame.
    pub fn newest(&self) -> Option<Frame<'_>> {
        self.frame(self.next.previous())
    }

    /// Time between the oldest and the newest frame's capture.
    pub fn span(&self) -> Duration {
        self.between(0)
    }

    /// Frames a second, measured over the newest frames' capture times; none with less than two.
    pub fn fps(&self) -> Option<f32> {
        let first = self.index.len().saturating_sub(RATE_FRAMES);
        let seconds = self.between(first).as_secs_f32();
        let intervals = self.index.len().saturating_sub(first + 1);
        (seconds > 0.0).then(|| intervals as f32 / seconds)
    }

    /// Octets a second, measured over the newest frames; none with less than two.
    pub fn byte_rate(&self) -> Option<f32> {
        self.rate_over(RATE_FRAMES)
    }

    /// Octets a second that a sender has to reckon with: the same, or that of the newest frames if they have become
    /// much larger or faster.
    pub fn pace(&self) -> Option<f32> {
        let mean = self.byte_rate()?;
        let latest = self.rate_over(LATEST_FRAMES).filter(|latest| *latest > mean * CHANGED);
        Some(latest.unwrap_or(mean))
    }

    fn rate_over(&self, frames: usize) -> Option<f32> {
        let first = self.index.len().saturating_sub(frames);
        let octets: u64 = self.index.range(first..).map(|entry| u64::from(entry.length)).sum();
        let frames = self.index.len().saturating_sub(first);
        let intervals = frames.checked_sub(1)?;
        let seconds = self.between(first).as_secs_f32();
        (seconds > 0.0).then(|| octets as f32 / frames.max(1) as f32 * intervals as f32 / seconds)
    }

    fn between(&self, first: usize) -> Duration {
        match (self.index.get(first), self.index.back()) {
            (Some(first), Some(last)) => last.elapsed.saturating_sub(first.elapsed),
            _ => Duration::ZERO,
        }
    }
}

fn overlap(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start < b.end && b.start < a.end
}

/// A frame in the reel.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    entry: Entry,
    train: &'a [u8],
    fragment: u16,
}

impl<'a> Frame<'a> {
    /// Its number.
    pub fn number(&self) -> FrameNumber {
        self.entry.number
    }

    /// Its length in octets, headers not counted.
    pub fn length(&self) -> u32 {
        self.entry.length
    }

    /// Its capture time and the driver's counter.
    pub fn stamp(&self) -> Stamp {
        self.entry.stamp
    }

    /// Its size in pixels.
    pub fn size(&self) -> Size {
        self.entry.size
    }

    /// How many datagrams it is.
    pub fn fragments(&self) -> u16 {
        // fits: a frame of MAX_FRAME octets has at most MAX_FRAME / MIN_FRAGMENT = 32768 fragments
        data::fragment_count(self.entry.length, self.fragment) as u16
    }

    /// The datagrams of these fragments, headers included, as one slice. All are of
    /// [`Reel::datagram_len`] octets but the frame's last. Fragments that are not there are left out.
    pub fn datagrams(&self, fragments: Range<u16>) -> &'a [u8] {
        let step = usize::from(self.fragment) + HEADER_LEN;
        let at = |index: u16| (usize::from(index) * step).min(self.train.len());
        self.train.get(at(fragments.start)..at(fragments.end)).unwrap_or(&[])
    }

    /// The JPEG's bytes, in pieces without the headers between them.
    pub fn pieces(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + Clone + use<'a> {
        self.train.chunks(usize::from(self.fragment) + HEADER_LEN).map(|datagram| &datagram[HEADER_LEN..])
    }

    /// The length of [`pieces_with_tables`](Self::pieces_with_tables) in octets.
    pub fn length_with_tables(&self) -> u32 {
        let tables = if self.entry.tables_at > 0 { huffman::STANDARD_TABLES.len() as u32 } else { 0 };
        self.entry.length.saturating_add(tables)
    }

    /// As [`pieces`](Self::pieces), but with the standard Huffman tables in a JPEG that has none: for foreign programs,
    /// of which some cannot do without.
    pub fn pieces_with_tables(&self) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        let mut begin = 0;
        let at = self.entry.tables_at as usize;
        let pieces = self.pieces().flat_map(move |piece| {
            let cut = at.checked_sub(begin).filter(|_| at > 0);
            begin += piece.len();
            match cut.filter(|cut| *cut < piece.len()).map(|cut| piece.split_at(cut)) {
                Some((before, after)) => [before, &huffman::STANDARD_TABLES, after],
                None => [piece, &[], &[]],
            }
        });
        pieces.filter(|piece| !piece.is_empty())
    }

    /// Appends the JPEG's bytes to `to`.
    pub fn append_to(&self, to: &mut Vec<u8>) {
        self.pieces().for_each(|piece| to.extend_from_slice(piece));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jpeg::sample;
    use crate::time::Time;
    use crate::wire::data::Data;
    use proptest::prelude::*;

    const STREAM: StreamId = StreamId(0xabcd_1234);
    const SIZE: Size = Size { width: 640, height: 480 };

    fn stamp(sequence: u32) -> Stamp {
        Stamp { captured: Time::from_millis(u64::from(sequence) * 40), sequence }
    }

    fn jpeg(seed: u32, length: usize) -> Vec<u8> {
        (0..length).map(|i| (seed as usize * 31 + i * 7) as u8).collect()
    }

    fn push(reel: &mut Reel, seed: u32, length: usize) -> FrameNumber {
        reel.push(&jpeg(seed, length), SIZE, stamp(seed), 0).unwrap()
    }

    fn bytes_of(frame: &Frame<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        frame.append_to(&mut bytes);
        bytes
    }

    #[test]
    fn a_frame_is_laid_as_a_train_of_datagrams() {
        let mut reel = Reel::new(1 << 20, 1452, STREAM);
        let number = push(&mut reel, 5, 3000);
        let frame = reel.frame(number).unwrap();
        assert_eq!((frame.length(), frame.fragments()), (3000, 3));
        let train = frame.datagrams(0..3);
        let datagrams: Vec<_> = train.chunks(1452).map(|d| Data::parse(d).unwrap()).collect();
        assert_eq!(datagrams.len(), 3);
        for (index, data) in datagrams.iter().enumerate() {
            assert_eq!(usize::from(data.header.index), index);
            assert_eq!(data.header.number, number);
            assert_eq!(data.header.epoch, 0x1234);
            assert_eq!(data.header.stamp, stamp(5));
        }
        assert_eq!(frame.datagrams(1..2), &train[1452..2904]);
        assert_eq!(frame.datagrams(2..9), &train[2904..]);
        assert_eq!(frame.datagrams(7..9), b"");
        assert_eq!(bytes_of(&frame), jpeg(5, 3000));
    }

    /// A JPEG whose SOS stands at so many octets: a comment fills the header.
    fn without_tables(sos_at: usize) -> Vec<u8> {
        let filled = |comment| {
            let segments = [(0xfe, vec![7; comment]), (0xc0, sample::frame_header(SIZE))];
            sample::with_segments(&segments, &[1; 3000])
        };
        let least = huffman::tables_at(&filled(0)).unwrap();
        filled(sos_at - least)
    }

    #[test]
    fn tables_are_put_in_wherever_the_header_is_cut() {
        let mut reel = Reel::new(1 << 20, 256 + HEADER_LEN as u16, STREAM);
        for sos_at in [100, 255, 256, 257, 511, 512, 513, 1000] {
            let jpeg = without_tables(sos_at);
            let number = reel.push(&jpeg, SIZE, stamp(1), 0).unwrap();
            let frame = reel.frame(number).unwrap();
            assert_eq!(frame.pieces_with_tables().collect::<Vec<_>>().concat(), {
                huffman::with_tables(&jpeg).unwrap().concat()
            });
            assert_eq!(frame.length_with_tables() as usize, jpeg.len() + huffman::STANDARD_TABLES.len());
            assert_eq!(bytes_of(&frame), jpeg, "what recorders get stays as it is");
        }
        let number = push(&mut reel, 2, 3000);
        let frame = reel.frame(number).unwrap();
        assert!(frame.pieces_with_tables().eq(frame.pieces()));
        assert_eq!(frame.length_with_tables(), 3000);
    }

    #[test]
    fn the_oldest_give_way() {
        let mut reel = Reel::new(100_000, 1452, STREAM);
        for seed in 0..100 {
            push(&mut reel, seed, 9_000);
        }
        assert!(reel.frame(FrameNumber(1)).is_none());
        let held = reel.next_number().since(reel.oldest_number());
        assert!((9..=10).contains(&held), "{held} frames of 9 kB in 100 kB");
        assert_eq!(reel.newest().unwrap().number(), FrameNumber(100));
        assert!(reel.frame(reel.next_number()).is_none());
    }

    #[test]
    fn what_is_too_large_is_told_with_the_limit_that_it_meets() {
        let words = |reel: usize, length: usize| {
            Reel::new(reel, 1452, STREAM)
                .fits(length)
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default()
        };
        assert!(words(1 << 20, 2_000_000).contains("that --reel has room for: raise --reel"));
        assert_eq!(words(32 << 20, MAX_FRAME as usize), "");
        for reel in [1 << 20, 32 << 20] {
            let words = words(reel, 9_000_000);
            assert!(words.contains("9000000 bytes is longer than the 8388608 that one may have"), "{words}");
            assert!(!words.contains("--reel"), "it would not help: {words}");
        }
    }

    #[test]
    fn what_never_fits_is_refused_and_nothing_is_lost() {
        let mut reel = Reel::new(50_000, 1452, STREAM);
        let number = push(&mut reel, 1, 20_000);
        let error = reel.push(&jpeg(2, 50_000), SIZE, stamp(2), 0).unwrap_err();
        assert!(error.to_string().contains("--reel"), "{error}");
        assert!(reel.push(&[], SIZE, stamp(2), 0).is_err());
        assert_eq!(bytes_of(&reel.frame(number).unwrap()), jpeg(1, 20_000));
        assert_eq!(reel.next_number(), number.next());
        let limit = reel.frame_limit();
        assert!(reel.push(&jpeg(3, limit), SIZE, stamp(3), 0).is_ok());
    }

    #[test]
    fn rate_and_span_come_from_capture_times() {
        let mut reel = Reel::new(1 << 20, 1452, STREAM);
        assert_eq!((reel.fps(), reel.span()), (None, Duration::ZERO));
        for seed in 0..=100 {
            push(&mut reel, seed, 2_000);
        }
        assert_eq!(reel.span(), Duration::from_secs(4));
        assert!((reel.fps().unwrap() - 25.0).abs() < 0.01);
    }

    #[test]
    fn a_clock_that_jumps_changes_no_rate() {
        let mut reel = Reel::new(1 << 20, 1452, STREAM);
        for (count, hours) in [(30, 0), (20, 1), (20, 0)] {
            for n in 0..count {
                let captured = Time::from_millis(hours * 3_600_000 + reel.index.len() as u64 * 40 + n % 2);
                reel.push(&jpeg(1, 2_000), SIZE, Stamp { captured, sequence: 0 }, 0).unwrap();
            }
        }
        // two of the intervals count for nothing
        assert!((reel.fps().unwrap() - 25.0).abs() < 1.0, "{:?}", reel.fps());
        assert!(reel.byte_rate().unwrap() < 55_000.0, "{:?}", reel.byte_rate());
    }

    #[test]
    fn a_stall_is_no_slow_camera_and_a_faster_one_is_soon_noticed() {
        let mut reel = Reel::new(1 << 20, 1452, STREAM);
        let mut at = 0;
        let mut push = |count: u32, interval: u64, pause: u64| {
            at += pause;
            for _ in 0..count {
                at += interval;
                let stamp = Stamp { captured: Time::from_millis(at), sequence: 0 };
                reel.push(&jpeg(1, 2_000), SIZE, stamp, 0).unwrap();
            }
            reel.pace().unwrap()
        };
        assert_eq!(push(70, 40, 0).round(), 50_000.0);
        let after = push(1, 40, 10_000);
        assert!((45_000.0..50_000.0).contains(&after), "{after}");
        let slow = push(70, 200, 0);
        assert!((10_000.0..10_100.0).contains(&slow), "{slow}");
        let fast = push(12, 40, 0);
        assert!((49_000.0..51_000.0).contains(&fast), "{fast}");
    }

    #[test]
    fn tiny_frames_cannot_outgrow_the_index() {
        let mut reel = Reel::new(1 << 20, 1452, STREAM);
        for seed in 0..2_000 {
            push(&mut reel, seed, 10);
        }
        assert_eq!(reel.index.len(), (1 << 20) / INDEX_GRAIN);
        assert_eq!(reel.index.capacity(), Reel::new(1 << 20, 1452, STREAM).index.capacity());
    }

    fn seed_of(number: FrameNumber) -> u32 {
        number.0 - 1
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Whatever is pushed, each frame that is still there has its own bytes, and numbers have no holes.
        #[test]
        fn frames_never_overlap(lengths in prop::collection::vec(1..20_000usize, 1..80), arena in 22_000..99_000usize) {
            let mut reel = Reel::new(arena, 1452, STREAM);
            for (seed, &length) in lengths.iter().enumerate() {
                push(&mut reel, seed as u32, length);
                let mut number = reel.oldest_number();
                while number != reel.next_number() {
                    let seed = seed_of(number);
                    let frame = reel.frame(number).unwrap();
                    prop_assert_eq!(bytes_of(&frame), jpeg(seed, lengths[seed as usize]));
                    number = number.next();
                }
            }
        }
    }
}
