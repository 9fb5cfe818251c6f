//! What the writer's two sides say to one another, and what both know: orders and frames go in, notes come out.
//!
//! Lives here: plain messages, and the counters and books that both sides share. May not live here: what either side does with them.

use super::super::report::json::Sidecar;
use super::folder::{Deleted, Purge};
use crate::account::ledger::{Absence, Ledger, Range};
use crate::clock::anchor::Line;
use crate::jpeg::Size;
use crate::receiver::slate::Picture;
use crate::record::segment::Cut;
use crate::store::{Error, Summary, Whereabouts};
use crate::sys::worker::Bell;
use crate::time::{Stamp, Time};
use crate::wire::{FrameNumber, StreamId};
use jiff::{SignedDuration, Timestamp};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// With this many frames waiting the thread's rest is over; and it takes at most this many orders between two looks at the clock.
pub(super) const FRAMES_A_LOOK: usize = 16;

/// What a frame takes beside its bytes: small ones are bounded too.
const OVERHEAD: usize = 256;

/// A frame to be written.
#[derive(Debug)]
pub struct ToWrite {
    /// Its number in the stream.
    pub number: FrameNumber,
    /// Its capture time on the camera's clock, and the driver's counter.
    pub stamp: Stamp,
    /// The camera was away before it.
    pub discontinuity: bool,
    /// Something of it had to be sent again.
    pub was_repaired: bool,
    /// The JPEG.
    pub bytes: Vec<u8>,
    /// When its first datagram came, on this machine's clock.
    pub arrived: Time,
    /// How the camera's clock lay against it then.
    pub line: Line,
}

impl ToWrite {
    /// The memory that it takes while it waits.
    pub(super) fn weight(&self) -> usize {
        self.bytes.capacity().saturating_add(OVERHEAD)
    }
}

#[derive(Debug)]
pub(super) enum Order {
    /// A frame, and what has become of those between it and the frame before.
    Frame(ToWrite, Option<Box<Ledger>>),
    /// The frames from here on are this stream's.
    Stream { id: StreamId, is_another: bool, gap: Option<Box<Ledger>> },
    /// A picture for standard output that is no frame of the stream.
    Show(Picture),
    /// Close the file.
    Finish { gap: Option<Box<Ledger>> },
}

/// What the thread says.
#[derive(Debug)]
pub enum Note {
    /// A buffer to be used again.
    Spare(Vec<u8>),
    /// A file has begun.
    Begun {
        /// The file.
        path: PathBuf,
        /// When its first frame was captured.
        start: Timestamp,
        /// That frame.
        number: FrameNumber,
        /// The picture's size.
        size: Size,
    },
    /// A recording is finished.
    Finished(Box<Segment>),
    /// These frames are not in the recording.
    Missing(Range),
    /// The camera was away between two frames.
    Absent(Absence),
    /// The picture has another size from here on, and a file begins with it.
    Resized {
        /// Until now.
        from: Size,
        /// From now on.
        to: Size,
    },
    /// The picture has another size, and the one before had not lasted: no file begins.
    Flips {
        /// A moment ago.
        from: Size,
        /// Now.
        to: Size,
    },
    /// Too many files have begun that nobody has asked for: this is why another one would have, and does not.
    Held(Cut),
    /// A frame says that it was captured when it cannot have been: it has the time of its coming.
    Untimed(FrameNumber),
    /// A frame was no JPEG and is not in the recording.
    NotJpeg(FrameNumber),
    /// This machine's wall clock was set by so much since the file before.
    ClockSet(SignedDuration),
    /// A recording had to go.
    Deleted(Deleted),
    /// All those that had to go at the start have gone.
    Purged(Purge),
    /// A limit holds few files: said once.
    KeepsFew(String),
    /// Nothing can be written at present; to be said again now and then.
    Waits {
        /// What is in the way.
        why: String,
        /// It was not so before.
        is_news: bool,
    },
    /// It can, after so long.
    Resumed {
        /// How long nothing could be written.
        after: Duration,
    },
    /// The disk has not confirmed what was written to this file.
    Suspect {
        /// The file.
        path: PathBuf,
        /// What it said.
        why: String,
    },
    /// A file is not where it was made any more.
    Lost {
        /// The file.
        path: PathBuf,
        /// What has become of it.
        to: Whereabouts,
        /// Frames that were in it.
        frames: u64,
    },
    /// A file has met a limit of its size, and is closed before its time: it is whole.
    Limit {
        /// Which, and what is to be done about it.
        why: String,
    },
    /// The recording cannot go on.
    Failed(Error),
}

/// A finished file, or what went to standard output.
#[derive(Debug)]
pub struct Segment {
    /// What it holds.
    pub summary: Summary,
    /// What its sidecar says; a pipe has none.
    pub contents: Option<Sidecar>,
    /// Where that is, if it could be written.
    pub sidecar: Option<Result<PathBuf, Error>>,
}

/// The whole run's account.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) whole: Ledger,
    /// Missing frames that are in no file's account.
    pub(super) outside: u64,
}

/// What both sides of the queue know.
pub(super) struct Shared {
    /// Bytes that may be in the queue, and that are.
    pub(super) buffer: usize,
    pub(super) queued: Arc<AtomicUsize>,
    /// Frames in it.
    pub(super) frames: Arc<AtomicUsize>,
    /// Orders in it that are not frames.
    pub(super) others: Arc<AtomicUsize>,
    pub(super) books: Arc<Mutex<Books>>,
    /// Wakes the loop.
    pub(super) bell: Bell,
    /// Nobody waits for a disk any longer.
    pub(super) stopping: Arc<AtomicBool>,
}

/// A thread that has panicked leaves numbers that are as good as they were.
pub(super) fn lock(books: &Mutex<Books>) -> MutexGuard<'_, Books> {
    books.lock().unwrap_or_else(PoisonError::into_inner)
}
