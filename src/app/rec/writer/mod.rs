//! The writer's thread, from outside: the disk may stall for seconds, and the network must not wait for it.
//!
//! Frames go to it through a queue that is bounded by their bytes, each with what has become of the frames before it; their buffers
//! come back through another. The account is kept where it is true: by `worker`.
//!
//! While the disk is full one frame waits in the thread for room (`worker/disk.rs`, `wait_for_room`) and those behind it in the
//! queue, up to `--buffer`; what comes then waits in camcast's reel, since a recorder takes no more than there is room for
//! (`room` in [`frames`](super)); what falls out of the reel is missing, and the account says that the disk was the reason.
//!
//! | file | what |
//! |---|---|
//! | `mod` | [`Writer`]: the thread from outside |
//! | `orders` | what the two sides say to one another, and what both know |
//! | `plan` | what is to be done with a frame: pure; its `playhead` is a player's clock |
//! | `believed` | when a frame was captured, as far as that can be |
//! | `worker` | the thread from inside; its `disk` is what is done while the disk is full, fails, or is gone |
//! | `folder` | the folder that is recorded to, and what goes from it |
//!
//! May not live here: what a container's bytes are (`record`), how a file is written (`store`), what people are told (`report`).

mod believed;
pub mod folder;
mod orders;
mod plan;
mod playhead;
mod worker;

pub use orders::{Note, Segment, ToWrite};

use super::config::{Folder, Segment as Length, Target};
use crate::account::ledger::{Counts, Ledger, MissingReason};
use crate::app::exit::ExitError;
use crate::receiver::slate::Picture;
use crate::record::segment::Cutter;
use crate::sys::worker::{Bell, Running};
use crate::wire::{FrameNumber, StreamId};
use folder::Room;
use orders::{Books, FRAMES_A_LOOK, Order, Shared, lock};
use plan::Plan;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SendError, Sender, channel, sync_channel};
use std::sync::{Arc, Mutex};
use worker::{Clocks, Destination, Worker};

/// Orders that are no frames and may wait beside them.
const ORDERS: usize = 64;

/// Notes that may wait for us. Without room the thread waits, unless the note is only a spare buffer: that is dropped.
const NOTES: usize = 1024;

/// The thread, from outside.
pub struct Writer {
    orders: Option<Sender<Order>>,
    notes: Receiver<Note>,
    thread: Running,
    /// Bytes that may wait for the disk.
    buffer: usize,
    queued: Arc<AtomicUsize>,
    frames: Arc<AtomicUsize>,
    others: Arc<AtomicUsize>,
    books: Arc<Mutex<Books>>,
    /// It is not to wait for a disk any longer.
    stopping: Arc<AtomicBool>,
    /// What has become of the frames since the last one that was handed over.
    gap: Ledger,
    /// The camera was away before one of them.
    was_away: bool,
}

impl Writer {
    /// Starts the thread. Frames of about `buffer` bytes may wait for it. It rings `bell` for what it says, when there is room again,
    /// and when it has ended.
    ///
    /// # Errors
    /// The folder cannot be written, or the process has no thread left.
    pub fn start(target: Target, buffer: usize, bell: &Bell) -> Result<Self, ExitError> {
        let cutter = match &target {
            Target::Folder(Folder { segment: Length::Length(limit), .. }) => Cutter::new(Some(*limit)),
            Target::Folder(Folder { segment: Length::Aligned(align), .. }) => Cutter::aligned(align.clone()),
            Target::Folder(_) | Target::Pipe { .. } => Cutter::new(None),
        };
        let place = match target {
            Target::Folder(folder) => Destination::Folder(Box::new(Room::open(folder)?)),
            Target::Pipe { raw } => Destination::Pipe { raw },
        };
        let (orders, inbox) = channel();
        let (outbox, notes) = sync_channel(NOTES);
        let [queued, frames, others] = [(); 3].map(|()| Arc::new(AtomicUsize::new(0)));
        let books = Arc::new(Mutex::new(Books::default()));
        let stopping = Arc::new(AtomicBool::new(false));
        let shared = Shared {
            buffer,
            queued: Arc::clone(&queued),
            frames: Arc::clone(&frames),
            others: Arc::clone(&others),
            books: Arc::clone(&books),
            stopping: Arc::clone(&stopping),
            bell: bell.clone(),
        };
        let plan = Plan::new(cutter, matches!(place, Destination::Pipe { .. }));
        let worker = Worker::new(place, plan, outbox, shared, Clocks::SYSTEM);
        let thread = Running::start("writer", bell, move || worker.run(&inbox));
        let thread = thread.map_err(|error| ExitError::system("a thread for the recording", &error))?;
        Ok(Writer {
            orders: Some(orders),
            notes,
            thread,
            buffer,
            queued,
            frames,
            others,
            books,
            stopping,
            gap: Ledger::default(),
            was_away: false,
        })
    }

    /// Bytes that find room in the queue. The frame that takes the last of them may be longer.
    pub fn room(&self) -> usize {
        self.buffer.saturating_sub(self.queued.load(Ordering::Relaxed))
    }

    /// The recording is about to end: what was received by now is taken, there being not much of it.
    pub fn take_all(&mut self) {
        self.buffer = usize::MAX;
    }

    /// Hands a frame over. It comes back if there is no [room](Self::room) for it.
    ///
    /// # Errors
    /// The frame, which is not in the recording, and is named as missing.
    pub fn write(&mut self, mut frame: ToWrite) -> Result<(), ToWrite> {
        let number = frame.number;
        frame.discontinuity |= self.was_away;
        self.was_away = frame.discontinuity;
        let handed = if self.room() > 0 { self.try_hand(frame) } else { Err(frame) };
        match &handed {
            Ok(()) => self.was_away = false,
            Err(_) => self.missing(number, 1, MissingReason::Disk),
        }
        handed
    }

    fn try_hand(&mut self, frame: ToWrite) -> Result<(), ToWrite> {
        let (gap, len) = (self.take_gap(), frame.weight());
        let Some(orders) = &self.orders else { return Err(frame) };
        self.queued.fetch_add(len, Ordering::Relaxed);
        let waiting = self.frames.fetch_add(1, Ordering::Relaxed) + 1;
        match orders.send(Order::Frame(frame, gap)) {
            Ok(()) => {
                if waiting >= FRAMES_A_LOOK || self.room() == 0 {
                    self.thread.unpark();
                }
                Ok(())
            }
            Err(SendError(order)) => {
                self.queued.fetch_sub(len, Ordering::Relaxed);
                self.frames.fetch_sub(1, Ordering::Relaxed);
                let Order::Frame(frame, gap) = order else { return Ok(()) };
                self.gap = gap.map(|gap| *gap).unwrap_or_default();
                Err(frame)
            }
        }
    }

    /// These frames will not come.
    pub fn missing(&mut self, first: FrameNumber, count: u32, why: MissingReason) {
        self.gap.on_missing(first, count, why);
    }

    /// Shows a picture that is no frame to whoever watches standard output; a player that has stopped misses some.
    pub fn show(&self, picture: Picture) {
        // half of the places are for orders that must not be lost
        if self.others.load(Ordering::Relaxed) < ORDERS / 2 {
            let _ = self.send(Order::Show(picture));
        }
    }

    /// So many frames were not sent to us, so that newer ones come in time.
    pub fn skipped(&mut self, count: u32) {
        self.gap.on_skipped(count);
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
        let refused = self.send(order);
        self.thread.unpark();
        if let Err(Order::Stream { gap: Some(gap), .. } | Order::Finish { gap: Some(gap) }) = refused {
            self.gap = *gap;
        }
    }

    /// An order that is no frame; more of them may wait than sessions can end while one disk stalls.
    fn send(&self, order: Order) -> Result<(), Order> {
        let Some(orders) = &self.orders else { return Err(order) };
        if self.others.fetch_add(1, Ordering::Relaxed) >= ORDERS {
            self.others.fetch_sub(1, Ordering::Relaxed);
            return Err(order);
        }
        orders.send(order).map_err(|SendError(order)| order)
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
        self.thread.has_ended()
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
            whole.on_unnamed(waiting, MissingReason::Disk);
            outside += waiting;
        }
        (whole, outside)
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::Config;
    use super::super::options::Options;
    use super::*;
    use crate::clock::anchor::Line;
    use crate::jpeg::{Size, sample};
    use crate::sys::clock;
    use crate::time::Stamp;
    use std::thread;
    use std::time::Duration;

    fn frame(number: u32) -> ToWrite {
        let arrived = clock::now();
        let size = Size { width: 64, height: 48 };
        ToWrite {
            number: FrameNumber(number),
            stamp: Stamp { captured: arrived, sequence: number },
            discontinuity: false,
            was_repaired: false,
            bytes: sample::jpeg(size, b"e"),
            arrived,
            line: Line::through(arrived, arrived),
        }
    }

    /// A server that ends its session with each frame, and is another one with the next: each would begin a file.
    #[test]
    fn sessions_that_end_all_the_time_close_few_files() {
        const SESSIONS: u32 = 60;
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().to_str().map(Into::into);
        let options = Options { host: Some("pi.local".into()), output, ..Options::default() };
        let target = Config::try_from(options).unwrap().target;
        let mut writer = Writer::start(target, 1 << 20, &Bell::new().unwrap()).unwrap();
        let (mut begun, mut finished, mut frames) = (0, 0, 0);
        let mut listen = |writer: &Writer| {
            while let Some(note) = writer.poll() {
                match note {
                    Note::Begun { .. } => begun += 1,
                    Note::Finished(segment) => {
                        finished += 1;
                        frames += segment.summary.frames;
                    }
                    _ => {}
                }
            }
        };
        for number in 0..SESSIONS {
            writer.stream(StreamId(number.into()), number > 0);
            writer.write(frame(number)).unwrap();
            writer.finish();
            while writer.counts().recorded <= number.into() {
                listen(&writer);
                thread::park_timeout(Duration::from_millis(1));
            }
        }
        writer.stop();
        while !writer.has_ended() {
            listen(&writer);
            thread::park_timeout(Duration::from_millis(1));
        }
        listen(&writer);
        assert_eq!((finished, frames), (begun, SESSIONS.into()));
        assert!((20..30).contains(&begun), "{begun} files");
    }
}
