//! A byte stream on its way to become frames: a bounded buffer in front of the splitter.

use std::io::{self, Read};
use std::ops::Range;

use crate::jpeg::{JpegError, Split, Splitter};

/// The most bytes kept of a frame, twice as many as one may have that is to be sent; and the most that is read of something
/// else before it is no MJPEG, or, where there have been frames, one more that is lost.
pub(super) const LIMIT: usize = 16 << 20;

/// What the buffer starts with: more than the usual frame of 1280x720.
const START: usize = 256 << 10;

/// Room for one read, the capacity of a Linux pipe (pipe(7)).
const READ: usize = 64 << 10;

/// What was found in the stream: a frame, or what should have been one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Its bytes; none if its header is broken.
    pub(super) place: Range<usize>,
    /// What is wrong with its header. That it has no EOI is not said here: the bytes tell.
    pub(super) flaw: Option<JpegError>,
    /// From SOI to EOI.
    pub(super) is_whole: bool,
    /// It is a frame of this many bytes or more, of which none is kept.
    pub(super) too_long: Option<usize>,
}

impl Found {
    /// Something that is no frame at all.
    pub(super) fn broken(flaw: JpegError) -> Self {
        Found { place: 0..0, flaw: Some(flaw), is_whole: false, too_long: None }
    }

    /// Whether it is a frame with its end, or would be if it was not so long.
    pub(super) fn is_frame(&self) -> bool {
        self.is_whole || self.too_long.is_some()
    }
}

/// Bytes read and not yet taken, and where they stand in their frame.
pub(super) struct StreamBuffer {
    bytes: Vec<u8>,
    /// The bytes not yet taken; the splitter's buffer begins with them.
    begin: usize,
    end: usize,
    splitter: Splitter,
    /// There have been frames.
    is_mjpeg: bool,
    /// Bytes taken since the last of them that belong to none.
    strange: usize,
}

impl StreamBuffer {
    pub(super) fn new() -> Self {
        StreamBuffer {
            bytes: vec![0; START],
            begin: 0,
            end: 0,
            splitter: Splitter::new(),
            is_mjpeg: false,
            strange: 0,
        }
    }

    /// The next frame that has been read, or what should be one. It is taken: hand it out before the next call.
    pub(super) fn next_frame(&mut self) -> Option<Found> {
        let waiting = self.bytes.get(self.begin..self.end).unwrap_or_default();
        match self.splitter.find(waiting) {
            Split::More => {
                self.drop_garbage();
                self.outgrown().or_else(|| self.lost())
            }
            split => self.take(split),
        }
    }

    /// The stream has ended: what it leaves unfinished, if anything.
    pub(super) fn finish(&mut self) -> Option<Found> {
        let waiting = self.bytes.get(self.begin..self.end).unwrap_or_default();
        let split = self.splitter.finish(waiting);
        self.take(split)
    }

    fn drop_garbage(&mut self) {
        let garbage = self.splitter.take_garbage();
        self.begin = self.end.min(self.begin + garbage);
        self.strange = self.strange.saturating_add(garbage);
    }

    /// The frame that has begun leaves no room for another read: what comes of it from now on is garbage.
    fn outgrown(&mut self) -> Option<Found> {
        let length = self.left();
        if length + READ <= LIMIT {
            return None;
        }
        self.splitter.give_up();
        self.drop_garbage();
        (self.is_mjpeg, self.strange) = (true, 0);
        Some(Found { place: 0..0, flaw: None, is_whole: false, too_long: Some(length) })
    }

    /// So much was there where frames should have been that it counts for one.
    fn lost(&mut self) -> Option<Found> {
        let is_lost = self.is_mjpeg && self.strange > LIMIT;
        is_lost.then(|| {
            self.strange = 0;
            Found::broken(JpegError::NoStart)
        })
    }

    fn take(&mut self, split: Split) -> Option<Found> {
        let begin = self.begin;
        let (place, flaw, is_whole) = match split {
            Split::More => return None,
            Split::Frame { start, end } => (begin + start..begin + end, None, true),
            Split::Cut { start, end } => (begin + start..begin + end, None, false),
            Split::Broken { flaw, end } => (begin + end..begin + end, Some(flaw), false),
        };
        self.begin = place.end;
        if flaw.is_none() {
            (self.is_mjpeg, self.strange) = (true, 0);
        } else {
            self.strange = self.strange.saturating_add(place.end - begin);
        }
        Some(Found { place, flaw, is_whole, too_long: None })
    }

    /// The bytes of what was found.
    pub(super) fn frame(&self, place: Range<usize>) -> &[u8] {
        self.bytes.get(place).unwrap_or_default()
    }

    /// Reads once. Returns the number of bytes, zero at the end of the stream.
    ///
    /// # Errors
    /// As the reader's, but it is asked again after an interrupt.
    pub(super) fn fill(&mut self, reader: &mut impl Read) -> io::Result<usize> {
        self.make_room();
        let room = self.bytes.get_mut(self.end..).unwrap_or_default();
        let count = loop {
            match reader.read(room) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        self.end += count;
        Ok(count)
    }

    /// Whether bytes wait that may be a whole frame.
    pub(super) fn waiting(&self) -> bool {
        self.begin < self.end
    }

    /// Whether so much was read without a single frame that there will hardly be one.
    pub(super) fn hopeless(&self) -> bool {
        !self.is_mjpeg && self.strange > LIMIT
    }

    /// How many bytes wait.
    pub(super) fn left(&self) -> usize {
        self.end - self.begin
    }

    /// Forgets the bytes that wait: another stream begins.
    pub(super) fn restart(&mut self) {
        (self.begin, self.end) = (0, 0);
        self.splitter = Splitter::new();
        self.strange = if self.is_mjpeg { 0 } else { self.strange };
    }

    fn make_room(&mut self) {
        if self.bytes.len() - self.end >= READ {
            return;
        }
        self.bytes.copy_within(self.begin..self.end, 0);
        (self.begin, self.end) = (0, self.end - self.begin);
        if self.bytes.len() - self.end >= READ {
            return;
        }
        if self.bytes.len() < LIMIT {
            self.bytes.resize((self.bytes.len() * 2).min(LIMIT), 0);
        } else {
            self.restart();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A JPEG of the shape that the splitter looks for, `filler` bytes of scan.
    fn jpeg(filler: usize) -> Vec<u8> {
        [&b"\xff\xd8\xff\xda\0\x02"[..], &vec![b'x'; filler], b"\xff\xd9"].concat()
    }

    fn frames(mut stream: &[u8], most: usize) -> Vec<usize> {
        let mut intake = StreamBuffer::new();
        let mut lengths = Vec::new();
        while lengths.len() < most {
            if let Some(found) = intake.next_frame() {
                assert!(found.is_whole);
                lengths.push(intake.frame(found.place).len());
            } else if intake.fill(&mut stream).unwrap() == 0 {
                break;
            }
        }
        lengths
    }

    #[test]
    fn frames_of_all_sizes_come_out_whole() {
        let fillers = [0, 1, 100, READ, START - 8, START, 3 << 20, 5, 0, LIMIT - (1 << 20), 7];
        let stream: Vec<u8> = fillers.iter().flat_map(|filler| jpeg(*filler)).collect();
        let expected: Vec<usize> = fillers.iter().map(|filler| jpeg(*filler).len()).collect();
        assert_eq!(frames(&stream, 100), expected);
    }

    /// What is found in this many bytes of `reader`, at most.
    fn found(intake: &mut StreamBuffer, mut reader: impl Read, most: usize) -> Vec<Found> {
        let (mut all, mut read) = (Vec::new(), 0);
        while read < most {
            if let Some(found) = intake.next_frame() {
                all.push(found);
                continue;
            }
            match intake.fill(&mut reader).unwrap() {
                0 => break,
                count => read += count,
            }
            assert!(intake.bytes.capacity() <= LIMIT);
        }
        all
    }

    #[test]
    fn a_frame_without_an_end_in_sight_is_one_and_memory_stays_bounded() {
        let mut intake = StreamBuffer::new();
        let start: &[u8] = b"\xff\xd8\xff\xda\0\x02";
        let stream = start.chain(io::repeat(b'x'));
        let all = found(&mut intake, stream, 70 << 20);
        assert!(all[0].too_long.is_some_and(|length| (LIMIT - READ..=LIMIT).contains(&length)), "{all:?}");
        // and so is the rest, for each 16 MiB of it or, as it is read in large pieces, some more
        let rest = &all[1..];
        assert!((1..=3).contains(&rest.len()), "{all:?}");
        assert!(rest.iter().all(|found| *found == Found::broken(JpegError::NoStart)), "{all:?}");
        assert!(!intake.hopeless());
        let after = found(&mut intake, &jpeg(9)[..], usize::MAX);
        assert!(after.iter().any(|found| found.is_whole), "{after:?}");
    }

    #[test]
    fn a_frame_that_is_too_long_costs_itself_only() {
        let mut intake = StreamBuffer::new();
        let stream = [jpeg(5), jpeg(19 << 20), jpeg(6), vec![0; 40 << 20], jpeg(7), jpeg(8)].concat();
        let all = found(&mut intake, &stream[..], usize::MAX);
        let kinds: Vec<_> = all.iter().map(|it| (it.is_whole, it.too_long.is_some(), it.flaw)).collect();
        let (whole, long) = ((true, false, None), (false, true, None));
        let lost = (false, false, Some(JpegError::NoStart));
        assert_eq!(kinds, [whole, long, whole, lost, whole, whole]);
    }

    #[test]
    fn what_is_no_mjpeg_is_hopeless_and_a_long_first_frame_is_not() {
        for (stream, is_hopeless) in
            [(vec![0; 17 << 20], true), ([0; 9].repeat(1 << 20), false), (jpeg(20 << 20), false)]
        {
            let mut intake = StreamBuffer::new();
            found(&mut intake, &stream[..], usize::MAX);
            assert_eq!(intake.hopeless(), is_hopeless, "{} bytes", stream.len());
        }
    }

    #[test]
    fn garbage_needs_no_growing_buffer() {
        let mut intake = StreamBuffer::new();
        let mut zeros = io::repeat(0);
        for _ in 0..100 {
            assert_eq!(intake.next_frame(), None);
            intake.fill(&mut zeros).unwrap();
        }
        assert_eq!(intake.bytes.len(), START);
    }
}
