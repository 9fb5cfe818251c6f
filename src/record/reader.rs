//! Reads the files that camrec writes: what a crash has left, what is to be checked or copied.
//!
//! It knows our own form only. Anything else is somebody else's file.

use super::avi::{self, CHUNK_HEAD, Facts, HEAD_LEN};
pub use super::matroska::read::Head as MatroskaHead;
use super::matroska::{self, read};
use super::track::Container;
use crate::jpeg::Size;
use jiff::Timestamp;
use std::time::Duration;

/// Bytes from a file's begin that hold its head.
pub const HEAD_MOST: usize = read::HEAD_MOST;

/// Bytes that tell what comes next; at a file's end there may be fewer.
pub const PROBE: usize = matroska::FRAME_HEAD;

/// No frame of ours is longer: what claims to be is damage, and no reason to fetch it into memory.
pub const LONGEST: u64 = 16 * 1024 * 1024;

/// A file's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Head {
    /// Of Matroska.
    Matroska(MatroskaHead),
    /// Of AVI: what it says of its frames, and the length of the whole file, if it was finished.
    Avi(Facts, Option<u64>),
}

/// What comes next in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A frame.
    Frame {
        /// Bytes before its own.
        before: u64,
        /// Its own bytes.
        len: u64,
        /// Bytes behind it.
        after: u64,
        /// When it was captured, after the first; `None`: as the file's rate says.
        time: Option<Duration>,
    },
    /// This many bytes that are no frame, and belong there.
    Skip(u64),
}

impl Step {
    /// Bytes of all of it.
    pub fn size(&self) -> u64 {
        match self {
            Step::Frame { before, len, after, .. } => before.saturating_add(*len).saturating_add(*after),
            Step::Skip(len) => *len,
        }
    }
}

impl Head {
    /// Reads it from the first [`HEAD_MOST`] bytes of a file, or from all of a shorter one. `None`: camrec has not written this.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if let Some(head) = MatroskaHead::parse(bytes) {
            return Some(Head::Matroska(head));
        }
        let (facts, finished) = Facts::parse(bytes)?;
        Some(Head::Avi(facts, finished))
    }

    /// Which container it is of.
    pub fn container(&self) -> Container {
        match self {
            Head::Matroska(_) => Container::Matroska,
            Head::Avi(..) => Container::Avi,
        }
    }

    /// The pictures' size.
    pub fn size(&self) -> Size {
        match self {
            Head::Matroska(head) => head.size,
            Head::Avi(facts, _) => facts.size,
        }
    }

    /// When the first frame was captured.
    pub fn started(&self) -> Timestamp {
        match self {
            Head::Matroska(head) => head.started(),
            Head::Avi(facts, _) => facts.started,
        }
    }

    /// How long all frames last, as of the latest checkpoint.
    pub fn duration(&self) -> Duration {
        match self {
            Head::Matroska(head) => Duration::from_micros(head.duration),
            Head::Avi(facts, _) => facts.interval.saturating_mul(facts.frames),
        }
    }

    /// Bytes of the whole file, if it was finished.
    pub fn finished(&self) -> Option<u64> {
        match self {
            Head::Matroska(head) => head.finished,
            Head::Avi(_, finished) => *finished,
        }
    }

    /// Where the first frame begins.
    pub fn frames_at(&self) -> u64 {
        match self {
            Head::Matroska(head) => head.clusters,
            Head::Avi(..) => HEAD_LEN as u64,
        }
    }

    /// The time of the frame of this number, counted from 0, if the file has but a rate.
    pub fn time_of(&self, number: u64) -> Duration {
        match self {
            Head::Matroska(_) => Duration::ZERO,
            Head::Avi(facts, _) => facts.interval.saturating_mul(u32::try_from(number).unwrap_or(u32::MAX)),
        }
    }

    /// The frame was in the file by the latest checkpoint, and so it is on the disk.
    pub fn is_sure(&self, number: u64, time: Option<Duration>) -> bool {
        match self {
            Head::Matroska(_) => time.is_some_and(|time| time < self.duration()),
            Head::Avi(facts, _) => number < facts.frames.into(),
        }
    }

    /// What each frame begins with.
    pub fn signature(&self) -> [u8; 4] {
        match self {
            Head::Matroska(_) => read::CLUSTER,
            Head::Avi(..) => *b"00dc",
        }
    }

    /// What begins with these bytes, of which there should be [`PROBE`]. `None`: nothing that could.
    pub fn step(&self, ahead: &[u8]) -> Option<Step> {
        self.any_step(ahead).filter(|step| !matches!(step, Step::Frame { len, .. } if *len > LONGEST))
    }

    fn any_step(&self, ahead: &[u8]) -> Option<Step> {
        match self {
            Head::Matroska(_) => {
                let (time, len) = read::cluster(ahead.first_chunk()?)?;
                let (before, time) = (PROBE as u64, Some(Duration::from_micros(time)));
                Some(Step::Frame { before, len, after: 0, time })
            }
            Head::Avi(..) => {
                let (kind, rest) = ahead.split_first_chunk()?;
                let (len, rest) = rest.split_first_chunk()?;
                let len = u64::from(u32::from_le_bytes(*len));
                let odd = len % 2;
                match kind {
                    b"00dc" => {
                        // of a shorter one that would be the next chunk's
                        let is_jpeg = len >= 2 && rest.starts_with(&[0xff, 0xd8]);
                        is_jpeg.then_some(Step::Frame {
                            before: CHUNK_HEAD as u64,
                            len,
                            after: odd,
                            time: None,
                        })
                    }
                    b"ix00" | b"idx1" => Some(Step::Skip((CHUNK_HEAD as u64).saturating_add(len))),
                    b"RIFF" => rest.starts_with(b"AVIX").then_some(Step::Skip(avi::RIFF_HEAD as u64)),
                    _ => None,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::container::{Muxer, Track};
    use crate::time::Time;
    use jiff::tz::Offset;

    #[test]
    fn a_chunk_of_no_bytes_is_no_frame() {
        let size = Size { width: 64, height: 48 };
        let track = Track { size, interval: None, started: Timestamp::UNIX_EPOCH, offset: Offset::UTC };
        let head = Head::parse(&Muxer::file(Container::Avi, &track).1).unwrap();
        for len in [0, 1] {
            assert_eq!(head.step(&[&b"00dc"[..], &[len, 0, 0, 0, 0xff, 0xd8]].concat()), None);
        }
    }

    #[test]
    fn what_would_be_longer_than_any_frame_is_none() {
        let size = Size { width: 64, height: 48 };
        let track = Track { size, interval: None, started: Timestamp::UNIX_EPOCH, offset: Offset::UTC };
        for container in [Container::Matroska, Container::Avi] {
            let (muxer, bytes) = Muxer::file(container, &track);
            let head = Head::parse(&bytes).unwrap();
            let step = |len: u64| {
                let around = muxer.frame_head(Time::default(), len as usize).unwrap();
                head.step(&[&around.before().concat()[..], &[0xff, 0xd8]].concat()[..])
            };
            assert!(matches!(step(LONGEST), Some(Step::Frame { len: LONGEST, .. })), "{container:?}");
            assert_eq!(step(LONGEST + 1), None, "{container:?}");
        }
    }
}
