//! A byte stream on its way to become frames: a bounded buffer in front of the splitter.

use std::io::{self, Read};
use std::ops::Range;

use crate::jpeg::{Flaw, Split, Splitter};

/// The longest frame accepted, in bytes, and the most that is read without finding one.
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
    pub(super) flaw: Option<Flaw>,
    /// From SOI to EOI.
    pub(super) is_whole: bool,
}

impl Found {
    /// Something that is no frame at all.
    pub(super) fn broken(flaw: Flaw) -> Self {
        Found { place: 0..0, flaw: Some(flaw), is_whole: false }
    }
}

/// Bytes read and not yet taken, and where they stand in their frame.
pub(super) struct Intake {
    bytes: Vec<u8>,
    /// The bytes not yet taken; the splitter's buffer begins with them.
    begin: usize,
    end: usize,
    splitter: Splitter,
    /// Bytes read since the last frame.
    barren: usize,
}

impl Intake {
    pub(super) fn new() -> Self {
        Intake { bytes: vec![0; START], begin: 0, end: 0, splitter: Splitter::new(), barren: 0 }
    }

    /// The next frame that has been read, or what should be one. It is taken: hand it out before the next call.
    pub(super) fn next_frame(&mut self) -> Option<Found> {
        let waiting = self.bytes.get(self.begin..self.end).unwrap_or_default();
        match self.splitter.find(waiting) {
            Split::More => {
                self.begin = self.end.min(self.begin + self.splitter.take_garbage());
                None
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
            self.barren = 0;
        }
        Some(Found { place, flaw, is_whole })
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
        self.barren = self.barren.saturating_add(count);
        Ok(count)
    }

    /// Whether bytes wait that may be a whole frame.
    pub(super) fn waiting(&self) -> bool {
        self.begin < self.end
    }

    /// Whether so much was read without a frame that there will hardly be one.
    pub(super) fn hopeless(&self) -> bool {
        self.barren > LIMIT
    }

    /// How many bytes wait.
    pub(super) fn left(&self) -> usize {
        self.end - self.begin
    }

    /// Forgets the bytes that wait: another stream begins.
    pub(super) fn restart(&mut self) {
        (self.begin, self.end) = (0, 0);
        self.splitter = Splitter::new();
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
        let mut intake = Intake::new();
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

    #[test]
    fn memory_stays_bounded_whatever_comes() {
        let mut intake = Intake::new();
        let mut start: &[u8] = b"\xff\xd8\xff\xda\0\x02";
        intake.fill(&mut start).unwrap();
        let mut endless = io::repeat(b'x');
        while !intake.hopeless() {
            assert_eq!(intake.next_frame(), None);
            assert!(intake.fill(&mut endless).unwrap() > 0);
        }
        assert!(intake.bytes.capacity() <= LIMIT);
        let mut good = &jpeg(9)[..];
        intake.restart();
        intake.fill(&mut good).unwrap();
        assert!(intake.next_frame().is_some());
        assert!(!intake.hopeless());
    }

    #[test]
    fn garbage_needs_no_growing_buffer() {
        let mut intake = Intake::new();
        let mut zeros = io::repeat(0);
        for _ in 0..100 {
            assert_eq!(intake.next_frame(), None);
            intake.fill(&mut zeros).unwrap();
        }
        assert_eq!(intake.bytes.len(), START);
    }
}
