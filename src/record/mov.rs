//! QuickTime with one MJPEG track, for programs that want it. It is written in one go, from recordings that are finished: what it
//! holds stands at its end, so a file that is cut off is lost.
//!
//! ```text
//!  | ftyp | mdat ( frame frame frame ... ) | moov ( how long each frame lasts, how long it is, where it is ) |
//!           ^ size: patched at the end
//! ```

use super::track::MuxError;
use crate::jpeg::Size;
use jiff::Timestamp;
use std::time::Duration;

/// Seconds from 1904-01-01, which QuickTime counts from, to 1970.
const EPOCH: i64 = 2_082_844_800;

/// Times are microseconds, as in the recordings.
const SCALE: u32 = 1_000_000;

/// File offset of `mdat`'s size, and of the first frame.
const SIZE_AT: u64 = 28;
const FRAMES_AT: u64 = 36;

/// The most frames: six days at 30 a second, and half a gigabyte of what says where they are.
const MOST_FRAMES: usize = 16_000_000;

/// How long a film's only frame lasts.
const INTERVAL: u32 = 33_333;

/// A film that is being written. It counts what the caller says is in the file, and writes nothing itself.
#[derive(Debug)]
pub struct Muxer {
    size: Size,
    started: Timestamp,
    /// Bytes of each frame, and microseconds to the next one, which the last has not.
    lengths: Vec<u32>,
    steps: Vec<u32>,
    last: Duration,
    end: u64,
}

impl Muxer {
    /// A file, and the bytes that it begins with.
    pub fn file(size: Size, started: Timestamp) -> (Self, Vec<u8>) {
        let mut head = Vec::new();
        atom(&mut head, *b"ftyp", |to| {
            to.extend(*b"qt  ");
            words(to, [0x0000_0200]);
            to.extend(*b"qt  ");
        });
        words(&mut head, [1]); // a size of eight bytes follows
        head.extend(*b"mdat");
        head.extend([0; 8]);
        let (lengths, steps) = (Vec::new(), Vec::new());
        (Muxer { size, started, lengths, steps, last: Duration::ZERO, end: FRAMES_AT }, head)
    }

    /// A frame that was captured so long after the first, and of this many bytes, goes behind those before it.
    ///
    /// # Errors
    /// [`MuxError`]; nothing is to be written then.
    pub fn frame(&mut self, time: Duration, len: usize) -> Result<(), MuxError> {
        let length = u32::try_from(len).map_err(|_| MuxError::TooLong(len as u64))?;
        if length == 0 {
            return Err(MuxError::Empty);
        }
        if self.lengths.len() >= MOST_FRAMES {
            return Err(MuxError::TooMany(MOST_FRAMES));
        }
        if !self.lengths.is_empty() {
            let step = time.saturating_sub(self.last).as_micros();
            self.steps.push(u32::try_from(step).unwrap_or(u32::MAX));
        }
        self.last = time;
        self.lengths.push(length);
        self.end = self.end.saturating_add(length.into());
        Ok(())
    }

    /// What goes behind the last frame.
    pub fn tail(&self) -> Vec<u8> {
        let mut to = Vec::new();
        atom(&mut to, *b"moov", |to| self.movie(to));
        to
    }

    /// Where the size of all frames is written at last, and what.
    pub fn size(&self) -> (u64, [u8; 8]) {
        // with its own head of 16 bytes
        (SIZE_AT, self.end.saturating_sub(SIZE_AT.saturating_sub(8)).to_be_bytes())
    }

    /// The last frame lasts as long as the one before.
    fn steps(&self) -> impl Iterator<Item = u32> {
        self.steps.iter().chain([self.steps.last().unwrap_or(&INTERVAL)]).copied()
    }

    fn movie(&self, to: &mut Vec<u8>) {
        let duration: u64 = self.steps().map(u64::from).sum();
        let created = u64::try_from(self.started.as_second().saturating_add(EPOCH)).unwrap_or(0);
        let times = |to: &mut Vec<u8>, between: &[u32]| {
            [created, created].iter().for_each(|time| to.extend(time.to_be_bytes()));
            words(to, between.iter().copied());
            to.extend(duration.to_be_bytes());
        };
        let (width, height) = (u32::from(self.size.width), u32::from(self.size.height));
        atom(to, *b"mvhd", |to| {
            words(to, [VERSION_1]);
            times(to, &[SCALE]);
            words(to, [0x0001_0000, 0x0100_0000, 0, 0]); // rate 1, volume 1
            words(to, MATRIX);
            words(to, [0, 0, 0, 0, 0, 0, 2]); // the next track's number
        });
        atom(to, *b"trak", |to| {
            atom(to, *b"tkhd", |to| {
                words(to, [VERSION_1 | 3]); // enabled, in the movie
                times(to, &[1, 0]);
                words(to, [0, 0, 0, 0]);
                words(to, MATRIX);
                words(to, [width << 16, height << 16]);
            });
            atom(to, *b"mdia", |to| {
                atom(to, *b"mdhd", |to| {
                    words(to, [VERSION_1]);
                    times(to, &[SCALE]);
                    words(to, [0x55c4_0000]); // no language
                });
                handler(to, *b"mhlr", *b"vide");
                atom(to, *b"minf", |to| {
                    atom(to, *b"vmhd", |to| words(to, [1, 0, 0]));
                    handler(to, *b"dhlr", *b"url ");
                    atom(to, *b"dinf", |to| {
                        atom(to, *b"dref", |to| {
                            words(to, [0, 1]);
                            atom(to, *b"url ", |to| words(to, [1])); // in this file
                        });
                    });
                    atom(to, *b"stbl", |to| self.samples(to));
                });
            });
        });
    }

    fn samples(&self, to: &mut Vec<u8>) {
        let count = u32::try_from(self.lengths.len()).unwrap_or(u32::MAX);
        atom(to, *b"stsd", |to| {
            words(to, [0, 1]);
            atom(to, *b"jpeg", |to| self.description(to));
        });
        atom(to, *b"stts", |to| {
            let runs = runs(self.steps());
            words(to, [0, u32::try_from(runs.len()).unwrap_or(u32::MAX)]);
            runs.into_iter().for_each(|(count, step)| words(to, [count, step]));
        });
        // each frame is a chunk of its own
        atom(to, *b"stsc", |to| words(to, [0, 1, 1, 1, 1]));
        atom(to, *b"stsz", |to| {
            words(to, [0, 0, count]);
            words(to, self.lengths.iter().copied());
        });
        atom(to, *b"co64", |to| {
            words(to, [0, count]);
            let mut at = FRAMES_AT;
            for length in &self.lengths {
                to.extend(at.to_be_bytes());
                at = at.saturating_add(u64::from(*length));
            }
        });
    }

    /// Image description, without its size and kind.
    fn description(&self, to: &mut Vec<u8>) {
        words(to, [0, 1]); // the first data reference
        words(to, [0, 0, 0, 0x200]); // no vendor, normal quality
        words(to, [u32::from(self.size.width) << 16 | u32::from(self.size.height)]);
        words(to, [72 << 16, 72 << 16, 0]); // pixels an inch
        to.extend([0, 1]); // a frame a sample
        let name = b"\x0cPhoto - JPEG";
        to.extend(name.iter().chain([0; 19].iter()));
        to.extend([0, 24, 0xff, 0xff]); // bits a pixel, no colour table
    }
}

const VERSION_1: u32 = 1 << 24;

/// No turning, no scaling.
const MATRIX: [u32; 9] = [0x0001_0000, 0, 0, 0, 0x0001_0000, 0, 0, 0, 0x4000_0000];

fn words(to: &mut Vec<u8>, words: impl IntoIterator<Item = u32>) {
    words.into_iter().for_each(|word| to.extend(word.to_be_bytes()));
}

/// An atom, whose size is known once its body is.
fn atom(to: &mut Vec<u8>, kind: [u8; 4], body: impl FnOnce(&mut Vec<u8>)) {
    let at = to.len();
    to.extend([0; 4]);
    to.extend(kind);
    body(to);
    let size = u32::try_from(to.len().saturating_sub(at)).unwrap_or(u32::MAX).to_be_bytes();
    to.iter_mut().skip(at).zip(size).for_each(|(byte, size)| *byte = size);
}

fn handler(to: &mut Vec<u8>, component: [u8; 4], kind: [u8; 4]) {
    atom(to, *b"hdlr", |to| {
        words(to, [0]);
        to.extend(component);
        to.extend(kind);
        words(to, [0, 0, 0]);
        to.push(0); // no name
    });
}

/// How often each value comes in a row.
fn runs(values: impl Iterator<Item = u32>) -> Vec<(u32, u32)> {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for value in values {
        match runs.last_mut() {
            Some((count, last)) if *last == value => *count = count.saturating_add(1),
            _ => runs.push((1, value)),
        }
    }
    runs
}
