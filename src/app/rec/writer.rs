//! The writer's thread: the disk may stall for seconds, and the network must not wait for it.
//!
//! Frames go to it through a bounded queue and their buffers come back through another; nothing is allocated a frame.

use super::config::Target;
use crate::app::wall;
use crate::jpeg;
use crate::record::matroska::Track;
use crate::record::names::Template;
use crate::record::segment::Cut;
use crate::record::timeline::Timeline;
use crate::store::{Error, Recording, SegmentFile, Sink, Summary};
use crate::sys::clock;
use crate::time::Time;
use crate::wire::FrameNumber;
use jiff::{SignedDuration, Zoned};
use std::io::IoSlice;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Frames that may wait for the disk: 4 s at 60 a second.
const QUEUE: usize = 256;

/// Orders that are no frames and may wait beside them.
const ORDERS: usize = 64;

/// Octets that may wait for the disk: 2 s of 30 MB/s.
const QUEUE_BYTES: usize = 64 * 1024 * 1024;

/// A power cut costs at most this much.
const CHECKPOINT: Duration = Duration::from_secs(1);

/// A frame to be written.
#[derive(Debug)]
pub struct ToWrite {
    /// Its number in the stream.
    pub number: FrameNumber,
    /// The JPEG.
    pub bytes: Vec<u8>,
    /// Its capture time on the camera's clock.
    pub captured: Time,
    /// When it was whole, on this machine's clock.
    pub arrived: Time,
}

#[derive(Debug)]
enum Order {
    Frame(ToWrite),
    NewStream,
    Finish,
}

/// What the thread says.
#[derive(Debug)]
pub enum Note {
    /// A buffer to be used again.
    Spare(Vec<u8>),
    /// A file has begun.
    Begun(PathBuf),
    /// A recording is finished.
    Finished(Summary),
    /// This machine's wall clock was set by so much since the file before.
    ClockSet(SignedDuration),
    /// A frame was no JPEG and is not in the recording.
    NotJpeg(FrameNumber),
    /// A frame was taken, but could not be written.
    Lost(FrameNumber),
    /// The recording cannot go on.
    Failed(Error),
}

/// The thread, from outside.
pub struct Writer {
    orders: Option<SyncSender<Order>>,
    notes: Receiver<Note>,
    thread: JoinHandle<()>,
    queued: Arc<AtomicUsize>,
    frames: Arc<AtomicUsize>,
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// The folder cannot be written, or the process has no thread left.
    pub fn start(target: Target) -> Result<Self, Error> {
        if let Target::Folder { folder, .. } = &target {
            crate::store::folder::prepare(folder)?;
        }
        let (orders, inbox) = sync_channel(QUEUE + ORDERS);
        // room for a spare and an event for each order, so that the thread never waits for us
        let (outbox, notes) = sync_channel(QUEUE * 4);
        let (queued, frames) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut worker = Worker {
            timeline: Timeline::new(match &target {
                Target::Folder { segment, .. } => Some(*segment),
                Target::Pipe { .. } => None,
            }),
            target,
            open: None,
            checked: Time::default(),
            notes: outbox,
            queued: Arc::clone(&queued),
            frames: Arc::clone(&frames),
        };
        let thread = thread::Builder::new().name("writer".into()).spawn(move || worker.run(&inbox));
        let thread = thread.map_err(|source| Error::System {
            doing: "start a thread for",
            path: PathBuf::from("the recording"),
            source,
        })?;
        Ok(Writer { orders: Some(orders), notes, thread, queued, frames })
    }

    /// Hands a frame over. It comes back if the disk has not kept up for seconds.
    ///
    /// # Errors
    /// The frame, which is not in the recording.
    pub fn write(&self, frame: ToWrite) -> Result<(), ToWrite> {
        let len = frame.bytes.len();
        let is_full = self.queued.load(Ordering::Relaxed).saturating_add(len) > QUEUE_BYTES;
        if is_full || self.frames.load(Ordering::Relaxed) >= QUEUE {
            return Err(frame);
        }
        let Some(orders) = &self.orders else { return Err(frame) };
        self.queued.fetch_add(len, Ordering::Relaxed);
        self.frames.fetch_add(1, Ordering::Relaxed);
        match orders.try_send(Order::Frame(frame)) {
            Ok(()) => Ok(()),
            Err(
                TrySendError::Full(Order::Frame(frame)) | TrySendError::Disconnected(Order::Frame(frame)),
            ) => {
                self.queued.fetch_sub(len, Ordering::Relaxed);
                self.frames.fetch_sub(1, Ordering::Relaxed);
                Err(frame)
            }
            Err(_) => Ok(()),
        }
    }

    /// The frames from here on are another stream's.
    pub fn new_stream(&self) {
        self.order(Order::NewStream);
    }

    /// Closes the file; the next frame begins another.
    pub fn finish(&self) {
        self.order(Order::Finish);
    }

    fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            // the queue has room beyond its frames for more of these than sessions can end while one disk stalls
            let _ = orders.try_send(order);
        }
    }

    /// What the thread has said since; `None` if nothing.
    pub fn poll(&self) -> Option<Note> {
        self.notes.try_recv().ok()
    }

    /// Asks the thread to write what is queued, to close the file, and to end. What it says is still to be
    /// [polled](Self::poll), also after it [has](Self::has_ended).
    pub fn stop(&mut self) {
        self.orders = None;
    }

    /// True if the thread has ended. It may wait for a disk or for a reader for as long as these please.
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }
}

/// The thread, from inside.
struct Worker {
    target: Target,
    timeline: Timeline,
    open: Option<Open>,
    checked: Time,
    notes: SyncSender<Note>,
    queued: Arc<AtomicUsize>,
    frames: Arc<AtomicUsize>,
}

enum Open {
    Recording(Box<Recording>),
    Raw(Sink),
}

impl Worker {
    fn run(&mut self, inbox: &Receiver<Order>) {
        loop {
            let order = match inbox.recv_timeout(CHECKPOINT) {
                Ok(order) => Some(order),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            if let Err(error) =
                order.map_or(Ok(()), |order| self.obey(order)).and_then(|()| self.checkpoint())
            {
                self.give_up(error, inbox);
                return;
            }
        }
        if let Err(error) = self.finish() {
            self.say(Note::Failed(error));
        }
    }

    /// Makes the best of what is in the file. Frames that wait are not in it; nobody misses those for a closed player.
    fn give_up(&mut self, error: Error, inbox: &Receiver<Order>) {
        let _ = self.finish();
        let is_closed = matches!(error, Error::Closed);
        self.say(Note::Failed(error));
        while let Ok(order) = inbox.try_recv() {
            match order {
                Order::Frame(frame) if !is_closed => self.say(Note::Lost(frame.number)),
                _ => {}
            }
        }
    }

    fn obey(&mut self, order: Order) -> Result<(), Error> {
        match order {
            Order::NewStream => {
                self.timeline.new_stream();
                Ok(())
            }
            Order::Finish => self.finish(),
            Order::Frame(frame) => {
                let written = self.write(&frame);
                if written.as_ref().is_err_and(|error| !matches!(error, Error::Closed)) {
                    self.say(Note::Lost(frame.number));
                }
                self.queued.fetch_sub(frame.bytes.len(), Ordering::Relaxed);
                self.frames.fetch_sub(1, Ordering::Relaxed);
                // a full outbox only costs an allocation later
                let _ = self.notes.try_send(Note::Spare(frame.bytes));
                written
            }
        }
    }

    fn write(&mut self, frame: &ToWrite) -> Result<(), Error> {
        let Ok(checked) = jpeg::check_header_only(&frame.bytes) else {
            self.say(Note::NotJpeg(frame.number));
            return Ok(());
        };
        let cut = self.timeline.frame(frame.captured, frame.arrived, checked.size);
        if cut.is_some_and(|cut| self.needs_new_file(cut)) {
            self.finish()?;
        }
        match &mut self.open {
            Some(Open::Recording(recording)) => recording.append(&frame.bytes, frame.captured).map(|_| ()),
            Some(Open::Raw(sink)) => sink.append(&mut [IoSlice::new(&frame.bytes)]),
            None => self.begin(frame, checked.size),
        }
    }

    /// A pipe is one stream, whatever happens.
    fn needs_new_file(&self, cut: Cut) -> bool {
        cut != Cut::First && matches!(self.target, Target::Folder { .. })
    }

    fn begin(&mut self, frame: &ToWrite, size: jpeg::Size) -> Result<(), Error> {
        let zero = wall::zero();
        if let Some(set) = self.timeline.begin(frame.captured, zero) {
            self.say(Note::ClockSet(set));
        }
        let started = self.timeline.file_clock().map_or(zero, |clock| clock.started);
        let track = Track { size, interval: None, started };
        let sink = match &self.target {
            Target::Folder { folder, names, .. } => {
                Sink::File(create(folder, names, &wall::in_zone(started))?)
            }
            Target::Pipe { raw: false } => Sink::stdout()?,
            Target::Pipe { raw: true } => {
                let mut sink = Sink::stdout()?;
                sink.append(&mut [IoSlice::new(&frame.bytes)])?;
                self.open = Some(Open::Raw(sink));
                return Ok(());
            }
        };
        let recording = Recording::begin(sink, &track, &frame.bytes, frame.captured)?;
        if let Some(path) = recording.path() {
            self.say(Note::Begun(path.to_owned()));
        }
        self.open = Some(Open::Recording(Box::new(recording)));
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<(), Error> {
        let Some(Open::Recording(recording)) = &mut self.open else { return Ok(()) };
        let now = clock::now();
        if now < self.checked.after(CHECKPOINT) {
            return Ok(());
        }
        self.checked = now;
        self.timeline.file_clock().iter().for_each(|clock| recording.set_clock(clock));
        recording.checkpoint()
    }

    fn finish(&mut self) -> Result<(), Error> {
        if let Some(Open::Recording(mut recording)) = self.open.take() {
            self.timeline.end().iter().for_each(|clock| recording.set_clock(clock));
            let summary = recording.finish()?;
            self.say(Note::Finished(summary));
        }
        Ok(())
    }

    fn say(&self, note: Note) {
        let _ = self.notes.send(note);
    }
}

fn create(folder: &std::path::Path, names: &Template, at: &Zoned) -> Result<SegmentFile, Error> {
    SegmentFile::create(folder, names.names(at))
}
