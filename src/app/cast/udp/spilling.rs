//! What is kept on a disk for recorders that are away: which frames, for how long, and what is said of it. The thread that does it is
//! [`spill`](crate::spill)'s; the reel is its buffer, so that a disk which stands still for a while costs no frame.

use super::absent::{ANYBODY, Absentees, Whereabouts};
use crate::app::cast::config::Spill;
use crate::app::cast::stats;
use crate::app::exit::{Exit, ExitError};
use crate::app::quantity::{counted, show_bytes, show_duration};
use crate::reel::{self, Frame, Reel};
use crate::sender::{ClientId, Hub, LeaveReason};
use crate::shown::shown;
use crate::spill::format::{RECORD_LEN, Record, Waiting};
use crate::spill::keeper::{self, AGAIN, Found, News, Order};
use crate::spill::{Change, Chunk, Limits, Shelf, zero};
use crate::sys::clock;
use crate::sys::worker::{Bell, Worker};
use crate::time::Time;
use crate::wire::data::Data;
use crate::wire::{FrameNumber, StreamId};
use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::time::Duration;

/// Bytes that are on their way to the disk, at the most; the rest waits in the reel.
const UNDER_WAY: usize = 4 << 20;

/// Orders on their way, at the most: fewer than the thread's queue takes.
const ORDERS: usize = 64;

/// A recorder that has said nothing for so long is away; sooner where the reel does not last for three times that. It says
/// something every 250 ms.
const SILENT: Duration = Duration::from_secs(1);
const SILENT_LEAST: Duration = Duration::from_millis(350);

/// How far those are who are being served is written down this often.
const PROGRESS: Duration = Duration::from_secs(2);

/// At the start the disk is waited for so long.
const OPENS: Duration = Duration::from_secs(3);

/// What cannot be read now is asked for again after this.
const READ_AGAIN: Duration = Duration::from_millis(50);

/// A disk that has not answered for so long keeps nobody waiting any more who is here. Linux gives a USB disk up after as long.
const HUNG: Duration = Duration::from_secs(30);

/// At the end what is under way to the disk is waited for so long.
const END: Duration = Duration::from_secs(2);

/// See there.
pub(super) struct Spilling {
    worker: Worker<Order, News>,
    opening: Opening,
    pub(super) shelf: Shelf,
    pub(super) absentees: Absentees,
    live: StreamId,
    boot: u128,
    path: PathBuf,
    size: u64,
    longest: Duration,
    /// The next frame that is to be written; none while none is.
    next: Option<FrameNumber>,
    buffers: Vec<Vec<u8>>,
    under_way: usize,
    orders: usize,
    /// The disk does not work: not before this; never as long as the last attempt is not over.
    not_before: Time,
    attempt: u32,
    /// Since when nothing that is under way has been answered.
    unanswered_since: Time,
    is_hung: bool,
    reads_under_way: usize,
    read_after: Time,
    /// When there is something to be done the next time, if nothing happens until then.
    wake_at: Time,
    /// When the list of those who wait is written at the latest.
    list_at: Time,
    watch_at: Time,
    /// Frames that had left the reel before they could be written: all in all, and since that was told.
    lost: u64,
    lost_now: u64,
    told: Told,
    reads: VecDeque<(u32, Vec<u8>)>,
}

/// How far it is known what an earlier start has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opening {
    /// Nothing has been heard of the folder yet, and who comes back is to wait for it no longer than this.
    UnderWay {
        /// See there.
        until: Time,
    },
    /// It could not be opened, which is tried again.
    Failed,
    /// All of it is known.
    Done,
}

/// What has been said in this outage.
#[derive(Default)]
struct Told {
    trouble: bool,
    loss: bool,
    full: bool,
    unread: bool,
    hung: bool,
}

/// Where one who comes back goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// In the stream as it comes, with this frame, or as he asked.
    Live(Option<FrameNumber>),
    /// Nowhere yet: it is not known what the folder has for him.
    Later,
    /// In the folder: with this frame of this stream, whose clock shows this now, if that is known.
    Spilled(StreamId, FrameNumber, Option<Time>),
}

impl Spilling {
    /// Starts the thread, and waits a while until it has opened the folder. A disk that fails, or does not answer, keeps no stream from
    /// beginning.
    ///
    /// # Errors
    /// One line and its exit code: what was typed cannot be meant.
    pub(super) fn open(config: &Spill, live: StreamId, now: Time) -> Result<Self, ExitError> {
        let system = |error| ExitError::system("a thread for --spill", &error);
        let (path, bell) = (config.folder.clone(), Bell::new().map_err(system)?);
        let mut spilling = Spilling {
            worker: keeper::start(path, Limits::of(config.size), &bell).map_err(system)?,
            opening: Opening::UnderWay { until: now.after(HUNG) },
            shelf: Shelf::default(),
            absentees: Absentees::new(live),
            boot: 0,
            live,
            path: config.folder.clone(),
            size: config.size,
            longest: config.longest,
            next: None,
            buffers: Vec::with_capacity(ORDERS),
            under_way: 0,
            orders: 0,
            not_before: Time::default(),
            attempt: 0,
            unanswered_since: now,
            is_hung: false,
            reads_under_way: 0,
            read_after: now,
            wake_at: Time::NEVER,
            list_at: now.after(PROGRESS),
            watch_at: Time::NEVER,
            lost: 0,
            lost_now: 0,
            told: Told::default(),
            reads: VecDeque::new(),
        };
        match spilling.worker.take_until(now.after(OPENS)) {
            Some(News::Opened(Err(error))) if !error.is_of_disk() => {
                return Err(ExitError::new(Exit::System, format!("--spill {error}")));
            }
            Some(news) => spilling.on_news(news, now),
            None => {
                let folder = shown(&spilling.path);
                log::warn!("{folder} (--spill) does not answer: the stream begins without what lies there");
            }
        }
        Ok(spilling)
    }

    /// What an earlier start has left counts from now on.
    fn on_found(&mut self, Found { chunks, waiting, unread, boot }: Found, now: Time) {
        (self.opening, self.boot) = (Opening::Done, boot);
        chunks.into_iter().for_each(|chunk| self.shelf.push(chunk));
        // of whom nothing can be read may be anybody
        let unknown = self.shelf.oldest().map(|chunk| Waiting {
            stream: chunk.stream,
            next: chunk.first,
            away: Duration::ZERO,
            who: ANYBODY,
            was_served: true,
        });
        let waiting = waiting.unwrap_or_else(|| unknown.into_iter().collect());
        // nobody waits for what is there
        self.absentees.has_changed |= waiting.is_empty() && !self.shelf.is_empty();
        // who has gone meanwhile is not on the disk's list yet
        self.absentees.has_changed |= self.absentees.count() > 0;
        self.absentees.restore(&waiting, now);
        if self.told.trouble {
            self.on_well();
        }
        let folder = shown(&self.path);
        if !waiting.is_empty() {
            let (count, held) = (counted(waiting.len() as u64, "recorder"), show_bytes(self.shelf.bytes()));
            log::info!("{folder}: {held} of frames wait for {count} that was away");
        }
        if let Some((count, why)) = unread {
            let files = counted(count as u64, "file");
            log::warn!(
                "{files} in {folder} cannot be read: {why}; they stay, and frames in them are missing"
            );
        }
    }

    /// How many frames are kept for.
    pub(super) fn absent(&self) -> usize {
        self.absentees.iter().filter(|one| one.whereabouts == Whereabouts::Away).count()
    }

    /// When [`attend`](Self::attend) is to be called.
    pub(super) fn next_timeout(&self) -> Time {
        let list = if self.absentees.count() > 0 { self.list_at } else { Time::NEVER };
        self.watch_at.min(list).min(self.absentees.next_expiry(self.longest)).min(self.wake_at)
    }

    /// How it is.
    pub(super) fn figures(&self) -> stats::Spill {
        stats::Spill {
            away: self.absent(),
            served: self.served(),
            bytes: self.shelf.bytes(),
            limit: self.size,
            lost: self.lost,
            is_well: self.opening == Opening::Done && !self.told.trouble && !self.is_hung,
        }
    }

    fn served(&self) -> usize {
        self.absentees.iter().filter(|one| matches!(one.whereabouts, Whereabouts::Served(_))).count()
    }

    /// What of that stream is to be had, from that frame on; nothing while the disk hangs.
    pub(super) fn find(&self, stream: StreamId, next: FrameNumber) -> Option<(&Chunk, FrameNumber)> {
        if self.is_hung { None } else { self.shelf.find(stream, next) }
    }

    /// Nobody is to wait for the disk.
    pub(super) fn is_hung(&self) -> bool {
        self.is_hung
    }

    fn look_whether_hung(&mut self, now: Time) {
        let is_waiting = self.orders + self.reads_under_way > 0;
        self.is_hung = is_waiting && now >= self.unanswered_since.after(HUNG);
        if self.is_hung && self.served() > 0 {
            self.tell_hung();
        }
        let hung_at = if is_waiting { self.unanswered_since.after(HUNG) } else { Time::NEVER };
        let future = |at: &Time| *at > now;
        let due = [hung_at, self.not_before, self.read_after].into_iter().filter(future);
        self.wake_at = due.min().unwrap_or(Time::NEVER);
    }

    fn tell_hung(&mut self) {
        if !std::mem::replace(&mut self.told.hung, true) {
            let (folder, time) = (shown(&self.path), show_duration(HUNG));
            log::warn!(
                "{folder} does not answer for {time}: recorders get the stream without what lies there; choose another disk"
            );
        }
    }

    /// Something is given to the thread.
    fn ask(&mut self, order: Order, now: Time) -> Result<(), Order> {
        if self.orders + self.reads_under_way == 0 {
            self.unanswered_since = now;
        }
        self.worker.send(order)
    }

    /// Looks who is away, and keeps frames for them. Called each turn.
    pub(super) fn attend(&mut self, hub: &Hub, reel: &Reel, now: Time) {
        let patience = (reel.span() / 3).clamp(SILENT_LEAST, SILENT);
        self.watch_at = self.absentees.watch(hub, patience, now);
        let gone = self.absentees.expire(self.longest, now);
        if gone > 0 {
            let (count, longest) = (counted(gone as u64, "recorder"), show_duration(self.longest));
            log::warn!("{count} has been away for {longest} (--spill-for): nothing more is kept for it");
        }
        self.pump(hub, reel, now);
        self.tell_list(now);
        self.look_whether_hung(now);
    }

    /// A client of the stream as it comes has left.
    pub(super) fn on_left(&mut self, client: ClientId, reason: LeaveReason, now: Time) {
        if self.absentees.on_left(client, reason, now) {
            self.tell_away();
        }
    }

    /// One who was served from the folder is served no more; if that is all of a stream that has ended, he is about to come for the
    /// next one.
    pub(super) fn lose(&mut self, reader: u32, is_at_end: bool, now: Time) {
        if self.absentees.lose(reader, now) && !is_at_end {
            self.tell_away();
        }
    }

    fn tell_away(&self) {
        log::info!("a recorder is away: what it misses is kept in {}", shown(&self.path));
    }

    /// The thread has something to say.
    pub(super) fn hear(&mut self, now: Time) {
        self.worker.bell().clear();
        while let Some(news) = self.worker.take() {
            self.unanswered_since = now;
            self.on_news(news, now);
        }
        if self.worker.has_ended() {
            // whoever reads from it finds nothing
            self.shelf.clear();
        }
    }

    fn on_news(&mut self, news: News, now: Time) {
        match news {
            News::Opened(Ok(found)) => self.on_found(found, now),
            News::Opened(Err(why)) => {
                self.opening = Opening::Failed;
                self.on_trouble(&why.to_string());
            }
            News::Done { number, bytes, is_written } => self.on_done(number, bytes, is_written),
            News::Read { reader, bytes } => {
                self.reads_under_way = self.reads_under_way.saturating_sub(1);
                if bytes.is_empty() {
                    self.read_after = now.after(READ_AGAIN);
                }
                self.reads.push_back((reader, bytes));
            }
            News::Change(change) => self.on_change(change),
            News::Reopened(chunks) => {
                self.shelf.clear();
                chunks.into_iter().for_each(|chunk| self.shelf.push(chunk));
                self.absentees.has_changed = true;
            }
            News::Trouble(why) => self.on_trouble(&why),
            News::Well => self.on_well(),
            News::Unreadable(why) => {
                if !std::mem::replace(&mut self.told.unread, true) {
                    log::warn!("something that a recorder has missed cannot be read: {why}");
                }
            }
        }
    }

    fn on_trouble(&mut self, why: &str) {
        self.told.trouble = true;
        log::warn!("what recorders miss that are away cannot be kept: {why}; it is tried on");
    }

    fn on_done(&mut self, number: FrameNumber, bytes: Vec<u8>, is_written: bool) {
        self.under_way = self.under_way.saturating_sub(bytes.len());
        self.orders = self.orders.saturating_sub(1);
        if self.buffers.len() < self.buffers.capacity() {
            self.buffers.push(bytes);
        }
        if !is_written {
            self.go_back(number);
        }
    }

    /// What was written from this frame on does not count, and may still be in the reel.
    fn go_back(&mut self, number: FrameNumber) {
        self.next = self.next.map(|next| if next.is_after(number) { number } else { next });
        self.not_before = Time::NEVER;
    }

    fn on_well(&mut self) {
        self.told.trouble = false;
        let folder = shown(&self.path);
        match std::mem::take(&mut self.lost_now) {
            0 => log::info!("{folder} works again"),
            lost => log::info!("{folder} works again; {} were not kept meanwhile", counted(lost, "frame")),
        }
    }

    fn on_change(&mut self, change: Change) {
        match change {
            Change::Begun(chunk) => self.shelf.push(chunk),
            Change::Grown { order, end, bytes } => self.shelf.set_end(order, end, bytes),
            Change::Gone(order) => self.shelf.remove(order),
            Change::PushedOut(order) => {
                self.shelf.remove(order);
                if !std::mem::replace(&mut self.told.full, true) {
                    let (folder, size) = (shown(&self.path), show_bytes(self.size));
                    log::warn!(
                        "{folder} is full (--spill-size {size}, or the disk): the oldest frames that are kept go"
                    );
                }
            }
            Change::Unsure(number) => self.go_back(number),
        }
    }

    /// What is to be on the disk and is not yet goes there, as far as it takes it.
    fn pump(&mut self, hub: &Hub, reel: &Reel, now: Time) {
        if self.absentees.count() == 0 {
            (self.next, self.lost_now) = (None, 0);
            self.told = Told { hung: self.told.hung && self.is_hung, ..Told::default() };
            // the next outage has a try of its own at once
            if self.orders == 0 {
                self.not_before = now;
                self.attempt = self.attempt.wrapping_add(1);
            }
            return;
        }
        if self.not_before == Time::NEVER && self.orders == 0 {
            self.not_before = now.after(AGAIN);
            self.attempt = self.attempt.wrapping_add(1);
        }
        let mut next = self.next.unwrap_or_else(|| self.first(hub));
        if reel.oldest_number().is_after(next) {
            // at the beginning it is what had gone before anybody knew
            let lost = if self.next.is_some() { reel.oldest_number().since(next).unsigned_abs() } else { 0 };
            self.on_lost(lost.into());
            next = reel.oldest_number();
        }
        while now >= self.not_before && self.orders < ORDERS && self.under_way < UNDER_WAY {
            let Some(frame) = reel.frame(next) else { break };
            let mut bytes = self.buffers.pop().unwrap_or_default();
            write_record(&frame, &mut bytes);
            let length = bytes.len();
            let order = Order::Write { stream: self.live, number: next, bytes, attempt: self.attempt };
            if let Err(Order::Write { bytes, .. }) = self.ask(order, now) {
                self.buffers.push(bytes);
                break;
            }
            self.under_way += length;
            self.orders += 1;
            next = next.next();
        }
        self.next = Some(next);
    }

    /// The first frame that somebody may want: of those too who are not away, but may be soon.
    fn first(&self, hub: &Hub) -> FrameNumber {
        let away =
            self.absentees.iter().map(|one| if one.stream == self.live { one.next } else { reel::FIRST });
        let here = hub.recorders().map(|recorder| recorder.through.next());
        away.chain(here)
            .reduce(|one, other| if one.is_after(other) { other } else { one })
            .unwrap_or(reel::FIRST)
    }

    fn on_lost(&mut self, count: u64) {
        self.lost += count;
        self.lost_now += count;
        // why it is so has been said
        if count > 0 && !self.told.trouble && !std::mem::replace(&mut self.told.loss, true) {
            let (frames, folder) = (counted(count, "frame"), shown(&self.path));
            log::warn!(
                "{frames} and more not kept for recorders that are away: {folder} does not keep up: choose a faster disk, or a larger --reel"
            );
        }
    }

    fn tell_list(&mut self, now: Time) {
        let is_due = self.absentees.count() > 0 && now >= self.list_at;
        if !self.absentees.has_changed && !is_due {
            return;
        }
        let waiting = self.absentees.waiting(now);
        let is_over = waiting.is_empty();
        if self
            .worker
            .send(Order::Waiting { waiting, live: self.live, is_all: self.opening == Opening::Done })
            .is_ok()
        {
            if is_over && !self.shelf.is_empty() {
                log::info!("no recorder is away any more: what was kept in {} is deleted", shown(&self.path));
            }
            self.absentees.has_changed = false;
            self.list_at = now.after(if self.served() > 0 { PROGRESS } else { 30 * PROGRESS });
        } else {
            self.list_at = now.after(AGAIN);
        }
    }

    /// Where one goes on who comes back for this.
    pub(super) fn route(&mut self, (stream, next): (StreamId, FrameNumber), reel: &Reel, now: Time) -> Route {
        if stream == self.live && !reel.oldest_number().is_after(next) {
            return Route::Live(None);
        }
        if stream != self.live && matches!(self.opening, Opening::UnderWay { until } if now < until) {
            return Route::Later;
        }
        let is_known = stream != self.live && self.absentees.has_stream(stream);
        if self.is_hung {
            self.tell_hung();
            return Route::Live(is_known.then(|| reel.oldest_number()));
        }
        let beginning = |chunk: &Chunk| (*chunk, chunk.first);
        let here = self.shelf.find(stream, next).map(|(chunk, first)| (*chunk, first));
        let found = here.or_else(|| match stream == self.live {
            true => None,
            false => self.shelf.following(stream).map(beginning),
        });
        // what he knew is gone, and what followed may be here
        let found = found.or_else(|| self.shelf.oldest().filter(|_| is_known).map(beginning));
        match found {
            Some((chunk, first)) if chunk.stream == self.live && !reel.oldest_number().is_after(first) => {
                Route::Live(Some(first))
            }
            Some((chunk, first)) => Route::Spilled(chunk.stream, first, self.clock_of(&chunk)),
            None if is_known => Route::Live(Some(reel.oldest_number())),
            None => Route::Live(None),
        }
    }

    /// What the clock shows now that a chunk's frames were captured by. That of another boot is told by the wall's.
    fn clock_of(&self, chunk: &Chunk) -> Option<Time> {
        let ours = clock::now();
        // where /proc is hidden, as in our units, no boot is known
        let is_of_this_boot = self.boot != 0 && chunk.boot == self.boot;
        if chunk.stream == self.live || is_of_this_boot {
            return Some(ours);
        }
        let zero = zero();
        let moved = zero.checked_sub(chunk.zero).filter(|_| zero != 0 && chunk.zero != 0)?;
        ours.as_nanos().checked_add_signed(moved).map(Time::from_nanos)
    }

    /// Asks for records of that stream from that frame on; [`take_read`](Self::take_read) has them then. False: not now.
    pub(super) fn read(
        &mut self,
        reader: u32,
        (stream, next): (StreamId, FrameNumber),
        bytes: Vec<u8>,
        now: Time,
    ) -> Result<(), Vec<u8>> {
        if now < self.read_after {
            return Err(bytes);
        }
        match self.ask(Order::Read { reader, stream, next, bytes }, now) {
            Err(Order::Read { bytes, .. }) => Err(bytes),
            _ => {
                self.reads_under_way += 1;
                Ok(())
            }
        }
    }

    /// Records that have been asked for.
    pub(super) fn take_read(&mut self) -> Option<(u32, Vec<u8>)> {
        self.reads.pop_front()
    }

    /// The program stops: what is known is written down.
    pub(super) fn stop(&mut self, now: Time) {
        self.absentees.has_changed = self.absentees.count() > 0;
        self.tell_list(now);
    }
}

impl Drop for Spilling {
    fn drop(&mut self) {
        self.worker.close();
        self.worker.wait_for_end(clock::now().after(END));
    }
}

impl AsFd for Spilling {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.worker.bell().as_fd()
    }
}

/// A frame's flags and its check, as its first datagram says.
pub(super) fn flags_and_check(frame: &Frame<'_>) -> (u8, u32) {
    Data::parse(frame.datagrams(0..1)).map_or((0, 0), |data| (data.header.flags, data.header.check))
}

fn write_record(frame: &Frame<'_>, into: &mut Vec<u8>) {
    let (flags, check) = flags_and_check(frame);
    let (number, stamp, size, length) = (frame.number(), frame.stamp(), frame.size(), frame.length());
    into.clear();
    into.reserve(RECORD_LEN + length as usize);
    into.extend_from_slice(&Record { number, stamp, flags, size, length, check }.to_bytes());
    frame.append_to(into);
}
