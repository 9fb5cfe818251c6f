//! Whichever container a file has: each call goes to that container's own module.

use super::reader::Head;
pub use super::track::{Container, Form, MuxError, Patch, Patches, Track};
use super::{avi, matroska};
use crate::clock::timeline::FileClock;
use crate::time::Time;
use std::time::Duration;

/// What goes around a frame's bytes.
#[derive(Clone, Debug)]
pub enum FrameHead {
    /// Of Matroska.
    Matroska(matroska::FrameHead),
    /// Of AVI.
    Avi(avi::FrameHead),
}

impl FrameHead {
    /// Before the frame.
    pub fn before(&self) -> [&[u8]; 2] {
        match self {
            FrameHead::Matroska(head) => [&[], head.bytes()],
            FrameHead::Avi(head) => head.before(),
        }
    }

    /// Behind it.
    pub fn after(&self) -> &[u8] {
        match self {
            FrameHead::Matroska(_) => &[],
            FrameHead::Avi(head) => head.after(),
        }
    }

    /// The time in the file is not the frame's own; see [`matroska::FrameHead::is_clamped`].
    pub fn is_clamped(&self) -> bool {
        match self {
            FrameHead::Matroska(head) => head.is_clamped(),
            FrameHead::Avi(_) => false,
        }
    }
}

/// The state of a file that is being written.
pub enum Muxer {
    /// Of Matroska.
    Matroska(Box<matroska::Muxer>),
    /// Of AVI.
    Avi(Box<avi::Muxer>),
}

impl Muxer {
    /// A file, and the bytes that it begins with.
    pub fn file(container: Container, track: &Track) -> (Self, Vec<u8>) {
        match container {
            Container::Matroska => {
                let (muxer, bytes) = matroska::Muxer::file(track, matroska::CUE_RESERVE);
                (Muxer::Matroska(Box::new(muxer)), bytes)
            }
            Container::Avi => {
                let (muxer, bytes) = avi::Muxer::file(track);
                (Muxer::Avi(Box::new(muxer)), bytes)
            }
        }
    }

    /// Matroska for a pipe, and the bytes that it begins with.
    pub fn live(track: &Track) -> (Self, Vec<u8>) {
        let (muxer, bytes) = matroska::Muxer::live(track);
        (Muxer::Matroska(Box::new(muxer)), bytes)
    }

    /// A file that was not finished, as it was when it had its head only. Each of its whole frames is then said to be
    /// [found](Self::found); [`tail`](Self::tail) and [`finish`](Self::finish) give what closes it.
    pub fn resume(head: &Head) -> Self {
        match head {
            Head::Matroska(head) => Muxer::Matroska(Box::new(matroska::Muxer::resume(head))),
            Head::Avi(facts, _) => Muxer::Avi(Box::new(avi::Muxer::resume(facts.clone()))),
        }
    }

    /// Next in the file is a frame, and is whole.
    pub fn found(&mut self, time: Option<Duration>, len: u64) {
        match self {
            Muxer::Matroska(muxer) => {
                let micros = time.unwrap_or_default().as_micros();
                muxer.found(u64::try_from(micros).unwrap_or(u64::MAX), len);
            }
            Muxer::Avi(muxer) => muxer.found(u32::try_from(len).unwrap_or(u32::MAX)),
        }
    }

    /// The file may have another part: see [`found_part`](Self::found_part).
    pub fn has_room_for_part(&self) -> bool {
        match self {
            Muxer::Matroska(_) => false,
            Muxer::Avi(muxer) => muxer.has_room_for_riff(),
        }
    }

    /// Next in the file are the indexes that [`tail`](Self::tail) gives, and the head of another part.
    pub fn found_part(&mut self) {
        match self {
            Muxer::Matroska(_) => {}
            Muxer::Avi(muxer) => muxer.found_part(),
        }
    }

    /// The heads of further parts, and where they are.
    pub fn part_heads(&self) -> Vec<(u64, [u8; avi::RIFF_HEAD])> {
        match self {
            Muxer::Matroska(_) => Vec::new(),
            Muxer::Avi(muxer) => muxer.riff_heads().collect(),
        }
    }

    /// What goes around a frame; see [`matroska::Muxer::frame_head`].
    ///
    /// # Errors
    /// [`MuxError`]; nothing is to be written then.
    pub fn frame_head(&self, captured: Time, len: usize) -> Result<FrameHead, MuxError> {
        match self {
            Muxer::Matroska(muxer) => muxer.frame_head(captured, len).map(FrameHead::Matroska),
            Muxer::Avi(muxer) => muxer.frame_head(captured, len).map(FrameHead::Avi),
        }
    }

    /// The frame and what goes around it are in the file, whole.
    pub fn wrote(&mut self, head: &FrameHead) {
        match (self, head) {
            (Muxer::Matroska(muxer), FrameHead::Matroska(head)) => muxer.wrote(head),
            (Muxer::Avi(muxer), FrameHead::Avi(head)) => muxer.wrote(head),
            _ => {}
        }
    }

    /// What is known by now of the frames' times on the wall clock, as far as the container can say it.
    pub fn set_clock(&mut self, clock: &FileClock) {
        match self {
            Muxer::Matroska(muxer) => muxer.set_clock(clock),
            Muxer::Avi(muxer) => muxer.set_started(clock.started),
        }
    }

    /// File offset behind the last whole frame.
    pub fn end(&self) -> u64 {
        match self {
            Muxer::Matroska(muxer) => muxer.end(),
            Muxer::Avi(muxer) => muxer.end(),
        }
    }

    /// From the first frame to the end of the last, in microseconds.
    pub fn duration(&self) -> u64 {
        match self {
            Muxer::Matroska(muxer) => muxer.duration(),
            Muxer::Avi(muxer) => muxer.duration(),
        }
    }

    /// What brings the head up to date.
    pub fn checkpoint(&mut self) -> Patches<'_> {
        match self {
            Muxer::Matroska(muxer) => muxer.checkpoint(),
            Muxer::Avi(muxer) => muxer.checkpoint(),
        }
    }

    /// What is to be written behind the last frame of the file.
    pub fn tail(&self) -> Vec<u8> {
        match self {
            Muxer::Matroska(_) => Vec::new(),
            Muxer::Avi(muxer) => muxer.tail(),
        }
    }

    /// Bytes of the [`tail`](Self::tail) once there is one more frame, at the most: a file needs room for it in the end.
    pub fn tail_ahead(&self) -> u64 {
        match self {
            Muxer::Matroska(_) => 0,
            Muxer::Avi(muxer) => muxer.tail_ahead(),
        }
    }

    /// The tail is in the file: what says that the file is complete.
    pub fn finish(&mut self) -> Patches<'_> {
        match self {
            Muxer::Matroska(muxer) => muxer.finish(),
            Muxer::Avi(muxer) => muxer.finish(),
        }
    }
}
