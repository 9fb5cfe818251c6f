//! The writer's thread, from inside: frames into files, and the account of both.
//!
//! A gap between two frames belongs to the file that is open, even if the frame after it begins another; if none is open,
//! to the next one of its stream; if there is none, to no file.

mod disk;
mod playhead;

use super::super::report::json::{Sidecar, VERSION, stream_id};
use super::folder::Room;
use super::orders::{FRAMES_A_LOOK, Note, Order, Segment, Shared, ToWrite, lock};
use crate::account::ledger::{FrameEntry, Ledger, MissingReason, Range};
use crate::app::local_time;
use crate::app::throttle::Throttle;
use crate::jpeg;
use crate::receiver::slate::Picture;
use crate::record::container::Track;
use crate::record::segment::Cut;
use crate::record::timeline::{FileClock, Timeline};
use crate::shown::for_programs;
use crate::store::{Dir, Error, Pipe, Recording, Sink, Whereabouts, sidecar};
use crate::sys::clock;
use crate::time::{Stamp, Time};
use crate::wire::{FrameNumber, StreamId};
use jiff::{SignedDuration, Timestamp};
use playhead::Playhead;
use std::io::IoSlice;
use std::path::{Path, PathBuf};
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

/// The thread.
pub(in crate::app::rec::writer) struct Worker {
    place: Destination,
    timeline: Timeline,
    open: Option<Open>,
    stream: Option<StreamId>,
    /// The account of the file that is open, or will be next.
    ledger: Ledger,
    /// When the next checkpoint is due.
    due: Time,
    /// The latest frame's.
    size: Option<jpeg::Size>,
    flips: Throttle,
    /// How many octets the disk is asked to keep room for.
    ahead: u64,
    /// A file that was closed, and for which the disk still keeps room.
    untrimmed: Option<PathBuf>,
    /// Capture time of the latest file's first frame, on the camera's clock and on the wall's.
    begun: Option<(Time, Timestamp)>,
    /// A player's.
    playhead: Playhead,
    notes: SyncSender<Note>,
    shared: Shared,
}

pub(in crate::app::rec::writer) enum Open {
    Recording(Box<Begun>),
    Raw(Pipe),
}

/// A recording, and what its sidecar will say of it.
pub(in crate::app::rec::writer) struct Begun {
    recording: Recording,
    stream: Option<StreamId>,
    size: jpeg::Size,
    start: Timestamp,
    end: Timestamp,
    first: FrameNumber,
    last: FrameNumber,
}

impl Worker {
    pub(in crate::app::rec::writer) fn new(
        place: Destination,
        timeline: Timeline,
        notes: SyncSender<Note>,
        shared: Shared,
    ) -> Self {
        Worker {
            place,
            timeline,
            open: None,
            stream: None,
            ledger: Ledger::default(),
            due: Time::default(),
            size: None,
            flips: Throttle::default(),
            ahead: 0,
            untrimmed: None,
            begun: None,
            playhead: Playhead::default(),
            notes,
            shared,
        }
    }

    pub(in crate::app::rec::writer) fn run(mut self, inbox: &Receiver<Order>) {
        loop {
            let order = match inbox.recv_timeout(self.due.since(clock::now())) {
                Ok(order) => Some(order),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            // a checkpoint is for all that has come
            let mut orders = order.into_iter().chain(inbox.try_iter()).take(FRAMES_A_LOOK);
            if let Err(error) = orders.try_for_each(|order| self.obey(order)).and_then(|()| self.checkpoint())
            {
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
            thread::park_timeout(REST.min(self.due.since(clock::now())));
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
                    let taken = self.time_of(&frame);
                    self.absorb(gap.as_deref(), Some(taken));
                    if !is_closed {
                        self.not_written(&frame, taken, MissingReason::Disk);
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
                self.finish()
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
        self.timeline.new_stream();
        self.playhead.another_stream();
        self.begun = None;
        lock(&self.shared.books).whole.on_restart();
        self.ledger.end_stream();
        if self.open.is_none() {
            self.settle();
        }
    }

    fn write(&mut self, frame: &ToWrite, gap: Option<&Ledger>) -> Result<(), Error> {
        let Ok(checked) = jpeg::check_header_only(&frame.bytes) else {
            let taken = self.time_of(frame);
            self.absorb(gap, Some(taken));
            self.not_written(frame, taken, MissingReason::NoJpeg);
            self.say(Note::NotJpeg(frame.number));
            return Ok(());
        };
        let cut = self.timeline.frame(frame.stamp.captured, frame.arrived, checked.size());
        self.tell_size(checked.size(), cut);
        let is_new_file = self.open.is_none() || cut.is_some_and(|cut| self.needs_new_file(cut));
        let zero = is_new_file.then(local_time::zero);
        let taken = match zero {
            Some(zero) => self.timeline.start_with(frame.stamp.captured, frame.arrived, zero),
            None => self.time_of(frame),
        };
        // another stream's gap is no business of the file before
        let is_another = cut == Some(Cut::Stream);
        let closed = if is_new_file && is_another { self.close() } else { Ok(()) };
        self.absorb(gap, Some(taken));
        let ready = closed.and_then(|()| match zero {
            Some(zero) => self.close().map(|()| self.begin_timeline(frame, zero, taken)),
            None => Ok(()),
        });
        let at = self.time_in_file(frame);
        let written = ready.and_then(|()| self.append(frame, at, checked.size(), taken));
        let (written, taken) = match written {
            Err(trouble) if self.may_pass(&trouble) => self.wait_for_room(frame, checked.size(), trouble),
            written => (written, taken),
        };
        match &written {
            Ok(()) => {
                let arrival = arrival(frame, taken);
                self.tell_absence(&arrival);
                self.enter(|ledger| ledger.on_frame(&arrival, frame.bytes.len(), frame.was_repaired));
            }
            Err(Error::Closed) => {}
            Err(_) => self.not_written(frame, taken, MissingReason::Disk),
        }
        written
    }

    /// Says that the picture has another size: each time that a file begins for it, and now and then while sizes flip.
    fn tell_size(&mut self, to: jpeg::Size, cut: Option<Cut>) {
        let before = self.size.replace(to);
        let of_file = match &self.open {
            Some(Open::Recording(begun)) => Some(begun.size),
            _ => before,
        };
        let Some(from) = before.filter(|before| *before != to).or(of_file).filter(|from| *from != to) else {
            return;
        };
        if cut == Some(Cut::Size) {
            self.say(Note::Resized { from, to });
        } else if before != Some(to) && matches!(cut, None | Some(Cut::Duration)) {
            let now = clock::now();
            if self.flips.happened(now).is_some() {
                self.say(Note::Flips { from, to });
            }
        }
    }

    /// Gives whoever looks on a picture that is in no account. Files hold frames only.
    fn show(&mut self, picture: &Picture) -> Result<(), Error> {
        let (Destination::Pipe { .. }, Ok(checked)) = (&self.place, jpeg::check_header_only(&picture.bytes))
        else {
            return Ok(());
        };
        let now = clock::now();
        let at = self.playhead.picture(now);
        let frame = ToWrite {
            number: FrameNumber(0),
            stamp: Stamp { captured: at, sequence: 0 },
            discontinuity: false,
            was_repaired: false,
            bytes: picture.bytes.clone(),
            arrived: now,
        };
        self.append(&frame, at, checked.size(), local_time::at(now))
    }

    /// A pipe is one stream, whatever happens.
    fn needs_new_file(&self, cut: Cut) -> bool {
        cut != Cut::First && matches!(self.place, Destination::Folder(_))
    }

    /// The time by which a frame stands in what is written.
    fn time_in_file(&mut self, frame: &ToWrite) -> Time {
        let captured = frame.stamp.captured;
        match self.place {
            Destination::Folder(_) => captured,
            Destination::Pipe { .. } => self.playhead.frame(captured, frame.arrived),
        }
    }

    fn append(&mut self, frame: &ToWrite, at: Time, size: jpeg::Size, taken: Timestamp) -> Result<(), Error> {
        match &mut self.open {
            Some(Open::Recording(begun)) => {
                begun.recording.append(&frame.bytes, at)?;
                (begun.last, begun.end) = (frame.number, taken);
                Ok(())
            }
            Some(Open::Raw(pipe)) => pipe.append(&mut [IoSlice::new(&frame.bytes)]),
            None => self.begin(frame, at, size, taken),
        }
    }

    fn begin_timeline(&mut self, frame: &ToWrite, zero: Timestamp, start: Timestamp) {
        self.begun = Some((frame.stamp.captured, start));
        if let Some(set) = self.timeline.begin(frame.stamp.captured, zero) {
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
        let begun = Begun { recording, stream, size, start, end: start, first: number, last: number };
        self.open = Some(Open::Recording(Box::new(begun)));
        Ok(())
    }

    /// When a frame was captured: as long after its file's first one as the camera's clock says.
    fn time_of(&self, frame: &ToWrite) -> Timestamp {
        match self.begun {
            Some((captured, at)) => later(captured, at, frame.stamp.captured),
            None => self.timeline.start_with(frame.stamp.captured, frame.arrived, local_time::zero()),
        }
    }

    /// Closes the file that is open, if one is, and writes its sidecar. No other follows at once.
    fn finish(&mut self) -> Result<(), Error> {
        let closed = self.close();
        self.trim();
        closed
    }

    /// Closes the file that is open, but has the disk keep what room it has for it until the next one has some.
    fn close(&mut self) -> Result<(), Error> {
        self.warn_of_limit();
        let Some(open) = self.open.take() else { return Ok(()) };
        let mut ledger = self.next_ledger();
        let clock = self.timeline.end();
        if let Open::Recording(begun) = &open {
            self.trim();
            self.untrimmed = begun.recording.reserved().map(Path::to_owned);
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

    fn next_ledger(&mut self) -> Ledger {
        let following = self.ledger.following();
        std::mem::replace(&mut self.ledger, following)
    }

    /// What stands in the account of a file that will not come is in none.
    fn settle(&mut self) {
        let ledger = self.next_ledger();
        lock(&self.shared.books).outside += ledger.counts().missing;
    }

    /// What has become of the frames before this one, which was captured at `to`.
    fn absorb(&mut self, gap: Option<&Ledger>, to: Option<Timestamp>) {
        let Some(gap) = gap else { return };
        gap.ranges_within(self.ledger.last(), to).for_each(|range| self.say(Note::Missing(range)));
        self.enter(|ledger| ledger.absorb(gap, to));
    }

    fn not_written(&mut self, frame: &ToWrite, taken: Timestamp, why: MissingReason) {
        let arrival = arrival(frame, taken);
        self.tell_absence(&arrival);
        self.enter(|ledger| ledger.on_unwritten(&arrival, why));
        self.say(Note::Missing(Range::of(&arrival, why)));
    }

    /// Before it is entered.
    fn tell_absence(&self, arrival: &FrameEntry) {
        if let Some(absence) = self.ledger.absence_before(arrival) {
            self.say(Note::Absent(absence));
        }
    }

    /// Enters it in both accounts.
    fn enter(&mut self, entry: impl Fn(&mut Ledger)) {
        entry(&mut lock(&self.shared.books).whole);
        entry(&mut self.ledger);
    }

    fn say(&self, note: Note) {
        let _ = self.notes.send(note);
        self.shared.bell.ring();
    }
}

fn arrival(frame: &ToWrite, taken: Timestamp) -> FrameEntry {
    let ToWrite { number, stamp, discontinuity, .. } = *frame;
    let Stamp { captured, sequence } = stamp;
    FrameEntry { number, sequence, discontinuity, captured, taken }
}

/// As long after `at` as the camera's clock says; before it, should that have gone back.
fn later(captured: Time, at: Timestamp, then: Time) -> Timestamp {
    let after =
        |earlier: Time, later: Time| SignedDuration::try_from(later.since(earlier)).unwrap_or_default();
    at.saturating_add(after(captured, then) - after(then, captured)).unwrap_or(at)
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
