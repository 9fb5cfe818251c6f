//! The writer's thread, from outside: the disk may stall for seconds, and the network must not wait for it.
//!
//! Frames go to it through a bounded queue, each with what has become of the frames before it; their buffers come back
//! through another. Nothing is allocated a frame. The account is kept where it is true: by `worker`.

use super::config::{Folder, Segment as Length, Target};
use super::facts::Sidecar;
use super::room::{Deleted, Purge, Room};
use super::worker::{BURST, Books, Place, Shared, Worker};
use crate::app::exit::Failure;
use crate::jpeg::Size;
use crate::receive::ledger::{Absence, Counts, Ledger, Range, Why};
use crate::receive::slate::Picture;
use crate::record::timeline::Timeline;
use crate::store::{Error, Summary};
use crate::time::{Stamp, Time};
use crate::wire::{FrameNumber, StreamId};
use jiff::{SignedDuration, Timestamp};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Frames that may wait for the disk: 4 s at 60 a second.
const QUEUE: usize = 256;

/// Orders that are no frames and may wait beside them.
const ORDERS: usize = 64;

/// Octets that may wait for the disk: 2 s of 30 MB/s.
const QUEUE_BYTES: usize = 64 * 1024 * 1024;

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
    /// When it was whole, on this machine's clock.
    pub arrived: Time,
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
    /// The picture has another size from here on.
    Resized {
        /// Until now.
        from: Size,
        /// From now on.
        to: Size,
    },
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

/// The thread, from outside.
pub struct Writer {
    orders: Option<SyncSender<Order>>,
    notes: Receiver<Note>,
    thread: JoinHandle<()>,
    queued: Arc<AtomicUsize>,
    frames: Arc<AtomicUsize>,
    books: Arc<Mutex<Books>>,
    /// It is not to wait for a disk any longer.
    stopping: Arc<AtomicBool>,
    /// What has become of the frames since the last one that was handed over.
    gap: Ledger,
    /// The camera was away before one of them.
    was_away: bool,
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// The folder cannot be written, or the process has no thread left.
    pub fn start(target: Target) -> Result<Self, Failure> {
        let timeline = match &target {
            Target::Folder(Folder { segment: Length::Length(limit), .. }) => Timeline::new(Some(*limit)),
            Target::Folder(Folder { segment: Length::Aligned(align), .. }) => {
                Timeline::aligned(align.clone())
            }
            Target::Folder(_) | Target::Pipe { .. } => Timeline::new(None),
        };
        let place = match target {
            Target::Folder(folder) => Place::Folder(Box::new(Room::open(folder)?)),
            Target::Pipe { raw } => Place::Pipe { raw },
        };
        let (orders, inbox) = sync_channel(QUEUE + ORDERS);
        // room for a spare and an event for each order, so that the thread never waits for us
        let (outbox, notes) = sync_channel(QUEUE * 4);
        let (queued, frames) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let books = Arc::new(Mutex::new(Books::default()));
        let stopping = Arc::new(AtomicBool::new(false));
        let shared = Shared {
            queued: Arc::clone(&queued),
            frames: Arc::clone(&frames),
            books: Arc::clone(&books),
            stopping: Arc::clone(&stopping),
        };
        let worker = Worker::new(place, timeline, outbox, shared);
        let thread = thread::Builder::new().name("writer".into()).spawn(move || worker.run(&inbox));
        let thread = thread.map_err(|error| Failure::system("a thread for the recording", &error))?;
        Ok(Writer {
            orders: Some(orders),
            notes,
            thread,
            queued,
            frames,
            books,
            stopping,
            gap: Ledger::default(),
            was_away: false,
        })
    }

    /// Hands a frame over. It comes back if the disk has not kept up for seconds.
    ///
    /// # Errors
    /// The frame, which is not in the recording, and is named as missing.
    pub fn write(&mut self, mut frame: ToWrite) -> Result<(), ToWrite> {
        let (number, len) = (frame.number, frame.bytes.len());
        frame.discontinuity |= self.was_away;
        self.was_away = frame.discontinuity;
        let handed = if self.has_room(len) { self.try_hand(frame, len) } else { Err(frame) };
        match &handed {
            Ok(()) => self.was_away = false,
            Err(_) => self.missing(number, 1, Why::Disk),
        }
        handed
    }

    fn has_room(&self, len: usize) -> bool {
        let queued = self.queued.load(Ordering::Relaxed).saturating_add(len);
        queued <= QUEUE_BYTES && self.frames.load(Ordering::Relaxed) < QUEUE
    }

    fn try_hand(&mut self, frame: ToWrite, len: usize) -> Result<(), ToWrite> {
        let gap = self.take_gap();
        let Some(orders) = &self.orders else { return Err(frame) };
        self.queued.fetch_add(len, Ordering::Relaxed);
        let waiting = self.frames.fetch_add(1, Ordering::Relaxed) + 1;
        match orders.try_send(Order::Frame(frame, gap)) {
            Ok(()) => {
                if waiting >= BURST {
                    self.thread.thread().unpark();
                }
                Ok(())
            }
            Err(TrySendError::Full(order) | TrySendError::Disconnected(order)) => {
                self.queued.fetch_sub(len, Ordering::Relaxed);
                self.frames.fetch_sub(1, Ordering::Relaxed);
                let Order::Frame(frame, gap) = order else { return Ok(()) };
                self.gap = gap.map(|gap| *gap).unwrap_or_default();
                Err(frame)
            }
        }
    }

    /// These frames will not come.
    pub fn missing(&mut self, first: FrameNumber, count: u32, why: Why) {
        self.gap.on_missing(first, count, why);
    }

    /// Shows whoever looks at standard output a picture that is no frame; if the queue is full, nobody misses it.
    pub fn show(&self, picture: Picture) {
        if let Some(orders) = &self.orders {
            let _ = orders.try_send(Order::Show(picture));
        }
    }

    /// A frame was not sent to us, so that newer ones come in time.
    pub fn skipped(&mut self) {
        self.gap.on_skipped();
    }

    fn take_gap(&mut self) -> Option<Box<Ledger>> {
        (!self.gap.is_blank()).then(|| Box::new(std::mem::take(&mut self.gap)))
    }

    /// The frames from here on are this stream's, which is another one than before or is not.
    pub fn stream(&mut self, id: StreamId, is_another: bool) {
        let gap = if is_another { self.take_gap() } else { None };
        self.order(Order::Stream { id, is_another, gap });
    }

    /// Closes the file; the next frame begins another.
    pub fn finish(&mut self) {
        let gap = self.take_gap();
        self.order(Order::Finish { gap });
    }

    fn order(&mut self, order: Order) {
        let refused = match &self.orders {
            // the queue has room beyond its frames for more of these than sessions can end while one disk stalls
            Some(orders) => orders.try_send(order).err().map(|error| match error {
                TrySendError::Full(order) | TrySendError::Disconnected(order) => order,
            }),
            None => Some(order),
        };
        self.thread.thread().unpark();
        if let Some(Order::Stream { gap: Some(gap), .. } | Order::Finish { gap: Some(gap) }) = refused {
            self.gap = *gap;
        }
    }

    /// What the thread has said since; `None` if nothing.
    pub fn poll(&self) -> Option<Note> {
        self.notes.try_recv().ok()
    }

    /// Asks the thread to write what is queued, to close the file, and to end. What it says is still to be
    /// [polled](Self::poll), also after it [has](Self::has_ended).
    pub fn stop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.finish();
        self.orders = None;
    }

    /// True if the thread has ended. It may wait for a disk or for a reader for as long as these please.
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// What has become of the frames so far: those that wait for the disk are not among the recorded ones yet.
    pub fn counts(&self) -> Counts {
        let mut counts = lock(&self.books).whole.counts();
        let gap = self.gap.counts();
        counts.missing += gap.missing;
        counts.skipped += gap.skipped;
        counts
    }

    /// The account of everything that the thread has been given, and how many of the missing frames no file's sidecar
    /// names. If the thread has not ended, nobody knows whether what waits for the disk will be on it.
    pub fn account(&self) -> (Ledger, u64) {
        let books = lock(&self.books);
        let mut whole = books.whole.clone();
        whole.absorb(&self.gap, None);
        let mut outside = books.outside + self.gap.counts().missing;
        if !self.has_ended() {
            let waiting = self.frames.load(Ordering::Relaxed) as u64;
            whole.on_unnamed(waiting, Why::Disk);
            outside += waiting;
        }
        (whole, outside)
    }
}

/// A thread that has panicked leaves numbers that are as good as they were.
pub(super) fn lock(books: &Mutex<Books>) -> MutexGuard<'_, Books> {
    books.lock().unwrap_or_else(PoisonError::into_inner)
}
