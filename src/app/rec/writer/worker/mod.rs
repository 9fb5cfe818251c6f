//! The writer's thread, from inside: frames into files, and the account of both, as `plan` decides.
//!
//! Lives here: the queue's end, the files, and what is said of them; `disk` is what the disk needs. May not live here: which file a
//! frame belongs to, and what the account says of it (`plan`).

mod disk;

use super::super::report::json::{Sidecar, VERSION, stream_id};
use super::folder::Room;
use super::orders::{FRAMES_A_LOOK, Note, Order, Segment, Shared, ToWrite, lock};
use super::plan::{Entered, Facts, FramePlan, Opened, Outcome, Plan, SizeChange, Step};
use crate::account::ledger::{Ledger, MissingReason};
use crate::app::local_time;
use crate::app::throttle::Throttle;
use crate::clock::anchor::Line;
use crate::clock::timeline::FileClock;
use crate::jpeg;
use crate::key_text::KEY_LEN;
use crate::receiver::slate::Picture;
use crate::record::container::Track;
use crate::shown::for_programs;
use crate::sign::{self, keys::public_text};
use crate::store::{Dir, Error, Pipe, Recording, Reserved, Sink, Whereabouts, sidecar};
use crate::sys::clock;
use crate::time::{Stamp, Time};
use crate::wire::{FrameNumber, StreamId};
use jiff::Timestamp;
use std::io::IoSlice;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

/// Frames are written some at a time: a thread that is woken for each one spends most of its time on waking up.
const REST: Duration = Duration::from_millis(125);

/// Where the recording goes.
pub(in crate::app::rec::writer) enum Destination {
    /// Files in a folder.
    Folder(Box<Room>),
    /// Standard output: Matroska, or bare JPEGs.
    Pipe { raw: bool },
}

/// Where the thread reads its clocks.
pub(in crate::app::rec::writer) struct Clocks {
    /// The monotonic clock.
    now: fn() -> Time,
    /// The wall clock's time at which that showed zero.
    zero: fn() -> Timestamp,
}

impl Clocks {
    /// This machine's.
    pub(in crate::app::rec::writer) const SYSTEM: Self = Clocks { now: clock::now, zero: local_time::zero };
}

/// The thread.
pub(in crate::app::rec::writer) struct Worker {
    place: Destination,
    plan: Plan,
    open: Option<Open>,
    stream: Option<StreamId>,
    /// When the next checkpoint is due.
    due: Time,
    flips: Throttle,
    holds: Throttle,
    untimed: Throttle,
    /// The file was to be closed, but too many have been: it is as soon as it may be, unless it goes on.
    is_to_close: bool,
    /// How many bytes the disk is asked to keep room for.
    ahead: u64,
    /// A file that was closed, and for which the disk still keeps room.
    untrimmed: Option<Reserved>,
    notes: SyncSender<Note>,
    shared: Shared,
    clocks: Clocks,
}

pub(in crate::app::rec::writer) enum Open {
    Recording(Box<Begun>),
    Raw(Pipe),
}

/// A recording, and what its sidecar will say of it.
pub(in crate::app::rec::writer) struct Begun {
    recording: Recording,
    stream: Option<StreamId>,
    /// The key that all frames claim to be signed by; nothing is proved by that.
    signed_by: Option<[u8; KEY_LEN]>,
    size: jpeg::Size,
    start: Timestamp,
    end: Timestamp,
    first: FrameNumber,
    last: FrameNumber,
}

impl Worker {
    pub(in crate::app::rec::writer) fn new(
        place: Destination,
        plan: Plan,
        notes: SyncSender<Note>,
        shared: Shared,
        clocks: Clocks,
    ) -> Self {
        Worker {
            place,
            plan,
            open: None,
            stream: None,
            due: Time::default(),
            flips: Throttle::default(),
            holds: Throttle::default(),
            untimed: Throttle::default(),
            is_to_close: false,
            ahead: 0,
            untrimmed: None,
            notes,
            shared,
            clocks,
        }
    }

    pub(in crate::app::rec::writer) fn run(mut self, inbox: &Receiver<Order>) {
        loop {
            let order = match inbox.recv_timeout(self.due.since((self.clocks.now)())) {
                Ok(order) => Some(order),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            // a checkpoint is for all that has come
            let mut orders = order.into_iter().chain(inbox.try_iter()).take(FRAMES_A_LOOK);
            let done = orders.try_for_each(|order| self.obey(order)).and_then(|()| self.close_if_due());
            if let Err(error) = done.and_then(|()| self.checkpoint()) {
                self.give_up(error, inbox);
                return;
            }
            self.rest();
        }
        if let Err(error) = self.finish() {
            self.say(Note::Failed(error));
        }
        self.settle();
    }

    /// Files are in no hurry, a player is. Whoever hands over a burst, or another order than a frame, unparks the thread.
    fn rest(&self) {
        let is_file = matches!(self.place, Destination::Folder(_));
        let is_full = self.shared.queued.load(Ordering::Relaxed) >= self.shared.buffer;
        let is_behind = is_full || self.shared.frames.load(Ordering::Relaxed) >= FRAMES_A_LOOK;
        if is_file && !is_behind && !self.shared.stopping.load(Ordering::Relaxed) {
            thread::park_timeout(REST.min(self.due.since((self.clocks.now)())));
        }
    }

    /// Makes the best of what is in the file. Frames that wait are not in it; nobody misses those for a closed player.
    fn give_up(&mut self, error: Error, inbox: &Receiver<Order>) {
        let is_closed = matches!(error, Error::Closed);
        self.say(Note::Failed(error));
        // until the other side, which has been told, hands over nothing more
        while let Ok(order) = inbox.recv() {
            self.count_off(&order);
            match order {
                Order::Frame(frame, gap) => {
                    let facts = self.facts(&frame, None);
                    let taken = self.plan.time_of(&facts, self.clocks.zero);
                    self.absorb(gap.as_deref(), Some(taken));
                    if !is_closed {
                        self.enter(&facts, taken, Outcome::Missing(MissingReason::Disk));
                    }
                    self.dequeue(&frame);
                }
                Order::Show(_) => {}
                Order::Stream { gap, .. } | Order::Finish { gap } => self.absorb(gap.as_deref(), None),
            }
        }
        // the error that counts has been said
        let _ = self.finish();
        self.settle();
    }

    fn obey(&mut self, order: Order) -> Result<(), Error> {
        self.count_off(&order);
        match order {
            Order::Stream { id, is_another, gap } => {
                self.stream = Some(id);
                if is_another {
                    self.absorb(gap.as_deref(), None);
                    self.end_stream();
                }
                Ok(())
            }
            Order::Show(picture) => self.show(&picture),
            Order::Finish { gap } => {
                self.absorb(gap.as_deref(), None);
                self.is_to_close = true;
                self.close_if_due()
            }
            Order::Frame(frame, gap) => {
                let written = self.write(&frame, gap.as_deref());
                self.dequeue(&frame);
                // a full outbox only costs an allocation later
                let _ = self.notes.try_send(Note::Spare(frame.bytes));
                written
            }
        }
    }

    /// A frame counts until it is written.
    fn count_off(&self, order: &Order) {
        if !matches!(order, Order::Frame(..)) {
            self.shared.others.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn dequeue(&self, frame: &ToWrite) {
        let before = self.shared.queued.fetch_sub(frame.weight(), Ordering::Relaxed);
        self.shared.frames.fetch_sub(1, Ordering::Relaxed);
        let has_room = before.saturating_sub(frame.weight()) < self.shared.buffer;
        if before >= self.shared.buffer && has_room {
            // the loop waits for it
            self.shared.bell.ring();
        }
    }

    fn end_stream(&mut self) {
        self.plan.end_stream(&mut lock(&self.shared.books).whole);
        if self.open.is_none() {
            self.settle();
        }
    }

    /// Does with a frame what is planned, and reports how that went.
    fn write(&mut self, frame: &ToWrite, gap: Option<&Ledger>) -> Result<(), Error> {
        let size = jpeg::size(&frame.bytes).ok();
        let facts = self.facts(frame, size);
        let open = self.open.as_ref().map(Open::size);
        let FramePlan { steps, taken, size: change, held } = self.plan.frame(&facts, open, self.clocks.zero);
        self.tell_size(change);
        self.is_to_close = false;
        if let Some(why) = held.filter(|_| self.holds.happened((self.clocks.now)()).is_some()) {
            self.say(Note::Held(why));
        }
        let mut done = Ok(());
        for step in steps {
            match step {
                Step::Gap => self.absorb(gap, Some(taken)),
                Step::Refuse => {
                    self.enter(&facts, taken, Outcome::Missing(MissingReason::NoJpeg));
                    self.say(Note::NotJpeg(frame.number));
                    return done;
                }
                Step::Close => done = done.and_then(|()| self.close()),
                Step::Begin(zero) => done = done.map(|()| self.begin_timeline(&facts, zero, taken)),
                Step::Append { at, size } => done = done.and_then(|()| self.append(frame, at, size, taken)),
            }
        }
        let (written, taken) = match (done, size) {
            (Err(trouble), Some(size)) if self.may_pass(&trouble) => {
                self.wait_for_room(frame, &facts, size, trouble)
            }
            (done, _) => (done, taken),
        };
        let outcome = match &written {
            Ok(()) => Outcome::Written,
            Err(Error::Closed) => Outcome::Closed,
            Err(_) => Outcome::Missing(MissingReason::Disk),
        };
        self.enter(&facts, taken, outcome);
        written
    }

    /// What is known of a frame, with a time that can be.
    fn facts(&mut self, frame: &ToWrite, size: Option<jpeg::Size>) -> Facts {
        let mut facts = facts(frame, size);
        if !self.plan.believe(&mut facts) && self.untimed.happened((self.clocks.now)()).is_some() {
            self.say(Note::Untimed(frame.number));
        }
        facts
    }

    fn tell_size(&mut self, change: Option<SizeChange>) {
        match change {
            Some(SizeChange::Resized { from, to }) => self.say(Note::Resized { from, to }),
            Some(SizeChange::Flips { from, to }) if self.flips.happened((self.clocks.now)()).is_some() => {
                self.say(Note::Flips { from, to });
            }
            _ => {}
        }
    }

    /// Gives whoever looks on a picture that is in no account. Files hold frames only.
    fn show(&mut self, picture: &Picture) -> Result<(), Error> {
        let (Destination::Pipe { .. }, Ok(size)) = (&self.place, jpeg::size(&picture.bytes)) else {
            return Ok(());
        };
        let now = (self.clocks.now)();
        let Some(at) = self.plan.picture(now) else { return Ok(()) };
        let frame = ToWrite {
            number: FrameNumber(0),
            stamp: Stamp { captured: at, sequence: 0 },
            discontinuity: false,
            was_repaired: false,
            bytes: picture.bytes.clone(),
            arrived: now,
            line: Line::through(at, now),
        };
        let zero = (self.clocks.zero)();
        let taken = zero.checked_add(Duration::from_nanos(now.as_nanos())).unwrap_or(zero);
        self.append(&frame, at, size, taken)
    }

    fn append(&mut self, frame: &ToWrite, at: Time, size: jpeg::Size, taken: Timestamp) -> Result<(), Error> {
        match &mut self.open {
            Some(Open::Recording(begun)) => {
                begun.recording.append(&frame.bytes, at)?;
                (begun.last, begun.end) = (frame.number, taken);
                begun.signed_by = begun.signed_by.filter(|key| sign::claimed_key(&frame.bytes) == Some(*key));
                Ok(())
            }
            Some(Open::Raw(pipe)) => pipe.append(&mut [IoSlice::new(&frame.bytes)]),
            None => self.begin(frame, at, size, taken),
        }
    }

    fn begin_timeline(&mut self, frame: &Facts, zero: Timestamp, start: Timestamp) {
        if let Some(set) = self.plan.begin(frame, zero, start) {
            self.say(Note::ClockSet(set));
        }
    }

    fn begin(&mut self, frame: &ToWrite, at: Time, size: jpeg::Size, start: Timestamp) -> Result<(), Error> {
        let local = local_time::in_zone(start);
        let track = Track { size, interval: None, started: start, offset: local.offset() };
        let sink = match &mut self.place {
            Destination::Folder(room) => room.create(start, &local)?,
            Destination::Pipe { raw: false } => Sink::Pipe(Pipe::stdout()?),
            Destination::Pipe { raw: true } => {
                let mut pipe = Pipe::stdout()?;
                pipe.append(&mut [IoSlice::new(&frame.bytes)])?;
                self.open = Some(Open::Raw(pipe));
                return Ok(());
            }
        };
        let made = sink.path().map(Path::to_owned);
        let begun = Recording::begin(sink, &track, &frame.bytes, at);
        if let (Err(_), Destination::Folder(room), Some(path)) = (&begun, &mut self.place, made) {
            room.gone(&path);
        }
        let mut recording = begun?;
        // what the file before has kept goes to this one, or to whoever is quicker
        if recording.reserve(self.ahead).is_err() {
            self.trim();
            let _ = recording.reserve(self.ahead);
        }
        self.trim();
        let number = frame.number;
        if let Some(path) = recording.path() {
            self.say(Note::Begun { path: path.to_owned(), start, number, size });
        }
        self.checkpoint_soon();
        let stream = self.stream;
        let signed_by = sign::claimed_key(&frame.bytes);
        let begun =
            Begun { recording, stream, signed_by, size, start, end: start, first: number, last: number };
        self.open = Some(Open::Recording(Box::new(begun)));
        Ok(())
    }

    /// A session that ends closes its file, unless sessions end all the time.
    fn close_if_due(&mut self) -> Result<(), Error> {
        let is_due = self.is_to_close && self.plan.may_finish((self.clocks.now)());
        if is_due { self.finish() } else { Ok(()) }
    }

    /// Closes the file that is open, if one is, and writes its sidecar. No other follows at once.
    fn finish(&mut self) -> Result<(), Error> {
        self.is_to_close = false;
        let closed = self.close();
        self.trim();
        closed
    }

    /// Closes the file that is open, but has the disk keep what room it has for it until the next one has some.
    fn close(&mut self) -> Result<(), Error> {
        self.warn_of_limit();
        let Some(open) = self.open.take() else { return Ok(()) };
        let (mut ledger, clock) = self.plan.close();
        if let Open::Recording(begun) = &open {
            self.trim();
            self.untrimmed = begun.recording.reserved();
        }
        let finished = match open {
            Open::Recording(mut begun) => {
                let to = begun.recording.whereabouts();
                if to == Whereabouts::Deleted {
                    self.lose(*begun, &ledger);
                    return Ok(());
                }
                self.lose_some(&mut begun, &mut ledger);
                begun.follow(&to).into_iter().for_each(|note| self.say(note));
                begun.finish(clock, &ledger, &mut self.place).map(Some)
            }
            Open::Raw(_) => Ok(None),
        };
        if !matches!(&finished, Ok(Some(Segment { sidecar: Some(Ok(_)), .. }))) {
            lock(&self.shared.books).outside += ledger.counts().missing;
        }
        if let Some(segment) = finished? {
            self.say(Note::Finished(Box::new(segment)));
        }
        self.tend(0);
        Ok(())
    }

    /// What stands in the account of a file that will not come is in none.
    fn settle(&mut self) {
        let ledger = self.plan.next_ledger();
        lock(&self.shared.books).outside += ledger.counts().missing;
    }

    /// What has become of the frames before this one, which was captured at `to`.
    fn absorb(&mut self, gap: Option<&Ledger>, to: Option<Timestamp>) {
        let Some(gap) = gap else { return };
        self.plan.told_of(gap, to).for_each(|range| self.say(Note::Missing(range)));
        self.plan.enter_gap(gap, to, &mut lock(&self.shared.books).whole);
    }

    /// Enters a frame in both accounts, and tells of it.
    fn enter(&mut self, frame: &Facts, taken: Timestamp, outcome: Outcome) {
        let Entered { absence, missing } =
            self.plan.enter(frame, taken, outcome, &mut lock(&self.shared.books).whole);
        absence.into_iter().for_each(|absence| self.say(Note::Absent(absence)));
        missing.into_iter().for_each(|range| self.say(Note::Missing(range)));
    }

    fn say(&self, note: Note) {
        let _ = self.notes.send(note);
        self.shared.bell.ring();
    }
}

fn facts(frame: &ToWrite, size: Option<jpeg::Size>) -> Facts {
    let ToWrite { number, stamp, discontinuity, was_repaired, arrived, line, .. } = *frame;
    Facts { number, stamp, discontinuity, was_repaired, len: frame.bytes.len(), arrived, line, size }
}

impl Open {
    fn size(&self) -> Opened {
        match self {
            Open::Recording(begun) => Opened::Recording(begun.size),
            Open::Raw(_) => Opened::Bare,
        }
    }
}

impl Begun {
    /// A file that was moved is told of, and called by its new name from here on.
    fn follow(&mut self, to: &Whereabouts) -> Option<Note> {
        let path = self.recording.path().filter(|_| *to != Whereabouts::There)?.to_owned();
        if let Whereabouts::Moved(Some(now)) = to {
            self.recording.set_path(now.clone());
        }
        Some(Note::Lost { path, to: to.clone(), frames: self.recording.summary().frames })
    }

    /// Closes the recording, and writes its sidecar if it is a file.
    fn finish(
        mut self,
        clock: Option<FileClock>,
        ledger: &Ledger,
        place: &mut Destination,
    ) -> Result<Segment, Error> {
        if let Some(clock) = clock {
            self.recording.set_clock(&clock);
        }
        let dir = self.recording.dir();
        let summary = self.recording.finish()?;
        let contents = summary.path.as_ref().map(|path| Sidecar {
            version: VERSION,
            recorder: concat!("camrec ", env!("CARGO_PKG_VERSION")),
            file: for_programs(path.file_name().unwrap_or_default()),
            stream: self.stream.map(stream_id),
            signed_by: self.signed_by.map(|key| public_text(&key)),
            width: self.size.width,
            height: self.size.height,
            start: local_time::rfc3339(self.start),
            end: local_time::rfc3339(self.end),
            first_frame: self.first.0,
            last_frame: self.last.0,
            file_bytes: summary.file_bytes,
            figures: ledger.into(),
        });
        let path = summary.path.as_deref();
        let text = contents.as_ref().map(Sidecar::text).unwrap_or_default();
        let sidecar = path.map(|path| match &dir {
            Some(dir) => sidecar::write(dir, path, text.as_bytes()),
            None => sidecar::write(&Dir::open(path.parent().unwrap_or(path))?, path, text.as_bytes()),
        });
        if let (Some(path), Destination::Folder(room)) = (path, place) {
            room.finished(path, summary.file_bytes.saturating_add(text.len() as u64), self.end.as_second());
        }
        Ok(Segment { summary, contents, sidecar })
    }
}
