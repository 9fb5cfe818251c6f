//! The writer's thread and its disk: what has to come to it each second, room that is made and kept, and what is done while the disk
//! is full, fails, or is gone.

use super::super::orders::{Note, ToWrite, lock};
use super::super::plan::Facts;
use super::{Begun, Destination, Open, Worker};
use crate::account::ledger::{Ledger, MissingReason};
use crate::jpeg::Size;
use crate::store::error::WriteReason;
use crate::store::{Error, Reserved, Summary, Whereabouts};
use crate::time::Time;
use jiff::Timestamp;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

/// At most this much is lost in a power cut.
const LOSS: Duration = Duration::from_secs(1);

/// A checkpoint begins this much before that, and before that by as much as the last one took.
const MARGIN: Duration = Duration::from_millis(100);

/// Checkpoints are no closer together than this, however slow the disk; a file has its first one this soon.
const CHECKPOINTS_APART: Duration = Duration::from_millis(250);

/// Between two tries to write again.
const RETRY: Duration = Duration::from_millis(250);

/// The disk is asked to keep room for a minute of the recording, but for no more than this.
const MOST_AHEAD: u64 = 1024 * 1024 * 1024;

/// That nothing can be written is said again after so long.
const SAID_AGAIN: Duration = Duration::from_secs(60);

impl Worker {
    /// A file that has just begun is seekable within the second.
    pub(super) fn checkpoint_soon(&mut self) {
        self.due = self.due.min((self.clocks.now)().after(CHECKPOINTS_APART));
    }

    pub(super) fn checkpoint(&mut self) -> Result<(), Error> {
        let now = (self.clocks.now)();
        if now < self.due {
            return Ok(());
        }
        self.due = now.after(LOSS);
        let (mut checked, mut writing, mut is_filling) = (Ok(()), 0, false);
        if let Some(Open::Recording(begun)) = &mut self.open {
            self.plan.file_clock().iter().for_each(|clock| begun.recording.set_clock(clock));
            checked = begun.recording.checkpoint();
            let took = (self.clocks.now)().since(now);
            self.due = now.after(LOSS.saturating_sub(MARGIN + took).max(CHECKPOINTS_APART));
            let summary = begun.recording.summary();
            writing = summary.file_bytes;
            self.ahead = match &self.place {
                Destination::Folder(room) => ahead_of(summary, room.capacity(writing)),
                Destination::Pipe { .. } => 0,
            };
            is_filling = matches!(begun.recording.reserve(self.ahead), Err(Error::Full { .. }));
        }
        self.warn_of_limit();
        self.look_after();
        // room is made before it is needed
        if !self.tend(writing) && is_filling {
            self.rotate();
        }
        match checked {
            Err(trouble) if self.may_pass(&trouble) => {
                self.abandon(&trouble);
                Ok(())
            }
            checked => checked,
        }
    }

    /// Files and folders are known to others by their paths: what these lead to is looked at each second.
    fn look_after(&mut self) {
        if let Destination::Folder(room) = &mut self.place {
            room.look_after();
        }
        let Some(Open::Recording(begun)) = &self.open else { return };
        match begun.recording.whereabouts() {
            Whereabouts::There if begun.recording.is_cut() => {
                let path = begun.recording.path().unwrap_or(Path::new("")).to_owned();
                self.abandon(&Error::Cut { path });
            }
            Whereabouts::There if !begun.recording.is_thinned() => {}
            _ => {
                // it is as whole as it can be; the next frame begins another
                let path = begun.recording.path().unwrap_or(Path::new("")).to_owned();
                if let Err(why) = self.finish() {
                    self.say(Note::Suspect { path, why: why.to_string() });
                }
            }
        }
    }

    /// Pictures of a folder may be deleted while others come: its account has only what is left.
    pub(super) fn lose_some(&mut self, begun: &mut Begun, ledger: &mut Ledger) {
        let lost = begun.recording.forget_lost();
        let (frames, _) = lost;
        if let (1.., Some(path)) = (frames, begun.recording.path()) {
            ledger.lose_some(lost, MissingReason::Deleted);
            lock(&self.shared.books).whole.lose_some(lost, MissingReason::Deleted);
            self.say(Note::Lost { path: path.to_owned(), to: Whereabouts::Deleted, frames });
        }
    }

    /// The file that was open is deleted: all that was in it is missing.
    pub(super) fn lose(&mut self, begun: Begun, ledger: &Ledger) {
        let Begun { recording, start, end, first, last, .. } = begun;
        let (path, frames) = (recording.path().map(Path::to_owned), recording.summary().frames);
        let ranges = {
            let mut books = lock(&self.shared.books);
            books.outside += ledger.counts().missing + ledger.counts().recorded;
            books.whole.lose(ledger, (first, last), (start, end))
        };
        if let (Destination::Folder(room), Some(path)) = (&mut self.place, &path) {
            room.gone(path);
        }
        self.say(Note::Lost { path: path.unwrap_or_default(), to: Whereabouts::Deleted, frames });
        ranges.into_iter().for_each(|range| self.say(Note::Missing(range)));
    }

    /// The trouble is a disk's, which may be over sooner or later; in a folder the recording waits for that.
    pub(super) fn may_pass(&self, trouble: &Error) -> bool {
        let is_for_good = matches!(
            trouble,
            Error::Closed | Error::Refused(_) | Error::NotWritable { why: WriteReason::Name, .. }
        );
        matches!(self.place, Destination::Folder(_)) && !is_for_good
    }

    /// Writes the frame into another file, as soon as there can be one; until then frames wait in the queue, and what finds no
    /// room there is named as missing. Fails if it is told to stop meanwhile.
    pub(super) fn wait_for_room(
        &mut self,
        frame: &ToWrite,
        facts: &Facts,
        size: Size,
        trouble: Error,
    ) -> (Result<(), Error>, Timestamp) {
        self.leave_file(&trouble);
        let (since, mut trouble, mut told) = ((self.clocks.now)(), trouble, None);
        let mut has_deleted = false;
        loop {
            let (begun, taken) = self.begin_again(frame, facts, size, trouble);
            trouble = match begun {
                Ok(()) => {
                    if told.is_some() {
                        self.say(Note::Resumed { after: (self.clocks.now)().since(since) });
                    }
                    return (Ok(()), taken);
                }
                Err(trouble) => trouble,
            };
            // some file systems free what was deleted a moment later: one recording at a time has to go
            if self.make_room(&trouble) && !std::mem::replace(&mut has_deleted, true) {
                continue;
            }
            if !self.may_pass(&trouble) || self.shared.stopping.load(Ordering::Relaxed) {
                return (Err(trouble), taken);
            }
            let now = (self.clocks.now)();
            if told.is_none_or(|told: Time| now >= told.after(SAID_AGAIN)) {
                self.say(Note::Waits { why: trouble.to_string(), is_news: told.is_none() });
                told = Some(now);
            }
            self.rest_until(now.after(RETRY));
        }
    }

    /// Each frame that comes wakes the thread; the disk is left alone all the same.
    fn rest_until(&self, until: Time) {
        while !self.shared.stopping.load(Ordering::Relaxed) {
            match until.since((self.clocks.now)()) {
                Duration::ZERO => return,
                rest => thread::park_timeout(rest),
            }
        }
    }

    /// One try. Where the disk is known to be full it is not written to: each try would leave its traces.
    fn begin_again(
        &mut self,
        frame: &ToWrite,
        facts: &Facts,
        size: Size,
        before: Error,
    ) -> (Result<(), Error>, Timestamp) {
        let zero = (self.clocks.zero)();
        let taken = self.plan.start_with(facts, zero);
        if let (Error::Full { .. }, Destination::Folder(room)) = (&before, &self.place) {
            if !room.has_space(frame.bytes.len()) {
                return (Err(before), taken);
            }
        }
        let begun = self.begin(frame, facts.stamp.captured, size, taken);
        if begun.is_ok() {
            self.begin_timeline(facts, zero, taken);
        }
        (begun, taken)
    }

    /// The disk is full: deletes what need not be kept, or else the oldest recording; whether there is hope now.
    fn make_room(&mut self, trouble: &Error) -> bool {
        matches!(trouble, Error::Full { .. }) && (self.tend(0) || self.rotate())
    }

    fn rotate(&mut self) -> bool {
        let Destination::Folder(room) = &mut self.place else { return false };
        let deleted = room.rotate();
        let has_room = deleted.is_some();
        deleted.into_iter().for_each(|deleted| self.say(Note::Deleted(deleted)));
        has_room
    }

    /// The disk has not confirmed what is in the file that is open. It would the next time, whatever is there: so it is not asked
    /// again, and the file stays as a crash would leave it. The next frame begins another.
    fn abandon(&mut self, trouble: &Error) {
        let Some(Open::Recording(begun)) = self.open.take() else { return };
        let (ledger, _) = self.plan.close();
        lock(&self.shared.books).outside += ledger.counts().missing;
        if let Some(path) = begun.recording.path() {
            self.say(Note::Suspect { path: path.to_owned(), why: trouble.to_string() });
        }
    }

    /// The file that is open takes no more: it is closed as well as can be.
    pub(super) fn leave_file(&mut self, trouble: &Error) {
        let path = match &self.open {
            Some(Open::Recording(begun)) => begun.recording.path().map(Path::to_owned),
            _ => None,
        };
        match (self.finish(), path) {
            (Err(_), Some(path)) => self.say(Note::Suspect { path, why: trouble.to_string() }),
            (Ok(()), Some(_)) if matches!(trouble, Error::TooLarge { .. }) => {
                self.say(Note::Limit { why: trouble.to_string() });
            }
            _ => {}
        }
    }

    /// Says once that a limit holds few files such as the one that is open.
    pub(super) fn warn_of_limit(&mut self) {
        let (Destination::Folder(room), Some(Open::Recording(begun))) = (&mut self.place, &self.open) else {
            return;
        };
        let summary = begun.recording.summary();
        if let Some(why) = room.warning(summary.file_bytes, summary.span()) {
            self.say(Note::KeepsFew(why));
        }
    }

    /// The disk need not keep room for a file that is closed any longer.
    pub(super) fn trim(&mut self) {
        if let Some(Err(why)) = self.untrimmed.take().map(Reserved::trim) {
            log::warn!("{why}");
        }
    }

    /// Deletes what is not to be kept; `writing`: bytes of the file that is open.
    pub(super) fn tend(&mut self, writing: u64) -> bool {
        let Destination::Folder(room) = &mut self.place else { return false };
        let deleted = room.tend(writing);
        let has_room = !deleted.is_empty();
        let purged = room.purged(deleted.len());
        deleted.into_iter().for_each(|deleted| self.say(Note::Deleted(deleted)));
        purged.into_iter().for_each(|purge| self.say(Note::Purged(purge)));
        has_room
    }
}

/// Bytes that a minute of this recording takes, but no large part of what there is room for.
fn ahead_of(recording: &Summary, capacity: u64) -> u64 {
    let seconds = recording.span().as_secs().max(1);
    (recording.file_bytes / seconds).saturating_mul(60).min(capacity / 8).min(MOST_AHEAD)
}
