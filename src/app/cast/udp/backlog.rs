//! Recorders that have come back for what has left the reel. Each has a hub and a small reel of its own, which is filled from the folder, or
//! from the reel itself as far as that has it, at the pace at which he takes it: a frame is laid in when he is done with the one that it
//! displaces. The session goes over to the others when the reel has all that he lacks; where it was another stream's, it ends there, and he
//! joins again.

use super::Setup;
use super::crowd::{Crowd, Site};
use super::gate::Gate;
use super::sealed::Sealed;
use super::spilling::{Spilling, flags_and_check};
use crate::app::cast::outlet::{Budget, Shared};
use crate::app::cast::poll_set::{PollSet, Ready, Seat};
use crate::reel::Reel;
use crate::sender::{ClientId, ClientKind, LeaveReason, Tally};
use crate::spill::format::split_checked;
use crate::time::Time;
use crate::wire::{FrameNumber, StreamId};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::time::Duration;

/// So many at once: others try again until one of them has what he missed.
pub(super) const MOST: usize = 4;

/// Bytes of the reel of each, or twice the longest frame that there may be.
const REEL: usize = 8 << 20;

/// Who has said nothing for so long may join again: he gives a session up after three times that.
const QUIET: Duration = Duration::from_secs(1);

/// What a shared part of the outlet is to a backlog.
pub(super) type Around<'a, 's> = (&'a mut Gate, &'a mut Shared<'s>);

/// All of them.
#[derive(Default)]
pub(super) struct Backlogs {
    slots: [Option<Box<Backlog>>; MOST],
    readers: u32,
}

/// One recorder.
pub(super) struct Backlog {
    /// Tells it from those before and after it.
    pub(super) reader: u32,
    pub(super) crowd: Crowd,
    pub(super) reel: Reel,
    /// The first frame that he gets, and the next that is to be laid in.
    first: FrameNumber,
    next: FrameNumber,
    /// Records that have been read, and how far they have been laid in.
    batch: Vec<u8>,
    at: usize,
    is_asked: bool,
    /// All of its stream is laid in, and that has been said.
    is_ended: bool,
    /// Nobody had been waiting for.
    is_new: bool,
    has_proved: bool,
    scratch: Vec<u8>,
}

impl Backlog {
    /// Gets this stream from this frame on.
    pub(super) fn new(
        setup: &Setup,
        (stream, first): (StreamId, FrameNumber),
        reader: u32,
        seal: impl FnOnce(&Reel) -> Option<Sealed>,
        longest: usize,
    ) -> Self {
        let reel =
            Reel::patient(REEL.max(longest.saturating_mul(9) / 4), setup.plain_datagram, stream, first);
        let sealed = seal(&reel);
        Backlog {
            reader,
            crowd: Crowd::new(setup, 1, stream, sealed),
            reel,
            first,
            next: first,
            batch: Vec::new(),
            at: 0,
            is_asked: false,
            is_ended: false,
            is_new: false,
            has_proved: false,
            scratch: Vec::new(),
        }
    }

    /// What he is done with.
    fn through(&self) -> FrameNumber {
        let recorder = self.crowd.hub.recorders().next();
        recorder.map_or(self.first.previous(), |recorder| recorder.through)
    }

    fn with_crowd(
        &mut self,
        around: Around<'_, '_>,
        now: Time,
        act: impl FnOnce(&mut Crowd, &mut Site<'_, '_>),
    ) {
        let (gate, shared) = around;
        act(&mut self.crowd, &mut Site { reel: &self.reel, gate, shared, now });
    }

    /// Lays in what there is room for. True: something was.
    fn feed(&mut self, spilling: &mut Spilling, live: &Reel, now: Time) -> bool {
        let through = self.through();
        let before = self.next;
        while !self.is_ended && self.step(spilling, live, through, now) {}
        self.next != before
    }

    /// One frame, or one question. False: there is nothing to be done now.
    fn step(&mut self, spilling: &mut Spilling, live: &Reel, through: FrameNumber, now: Time) -> bool {
        let is_live = live.stream() == self.reel.stream();
        if is_live {
            if let Some(frame) = live.frame(self.next) {
                if !self.has_room(frame.length(), through) {
                    return false;
                }
                self.scratch.clear();
                frame.append_to(&mut self.scratch);
                let (flags, _) = flags_and_check(&frame);
                let _ = self.reel.push(&self.scratch, frame.size(), frame.stamp(), flags);
                self.next = self.next.next();
                return true;
            }
        }
        if let Some((record, frame, rest)) = split_checked(self.batch.get(self.at..).unwrap_or_default()) {
            let behind = self.batch.len() - rest.len();
            if self.next.is_after(record.number) || frame.len() > self.reel.frame_limit() {
                self.at = behind;
                return true;
            }
            if record.number != self.next {
                return self.leap(record.number, through);
            }
            if !self.has_room(record.length, through) {
                return false;
            }
            let _ = self.reel.push(frame, record.size, record.stamp, record.flags);
            (self.at, self.next) = (behind, self.next.next());
            return true;
        }
        if self.is_asked && !spilling.is_hung() {
            return false;
        }
        let place = (self.reel.stream(), self.next);
        if spilling.find(place.0, place.1).is_some() {
            let asked = spilling.read(self.reader, place, std::mem::take(&mut self.batch), now);
            self.is_asked = asked.is_ok();
            self.batch = asked.err().unwrap_or_default();
            return false;
        }
        is_live && live.oldest_number().is_after(self.next) && self.leap(live.oldest_number(), through)
    }

    fn has_room(&self, length: u32, through: FrameNumber) -> bool {
        self.reel.displaced_by(length).is_none_or(|displaced| !displaced.is_after(through))
    }

    /// The frames up to this one are nowhere: he is told when he is done with those before. False: not yet.
    fn leap(&mut self, to: FrameNumber, through: FrameNumber) -> bool {
        let is_settled = !self.next.previous().is_after(through);
        if is_settled {
            self.reel.go_on_at(to);
            self.next = to;
        }
        is_settled
    }

    /// The stream has ended, and he has all of it that there is.
    fn is_at_end(&self, spilling: &Spilling, live: &Reel) -> bool {
        let stream = self.reel.stream();
        let is_answered = !self.is_asked || spilling.is_hung();
        let is_read = is_answered && split_checked(self.batch.get(self.at..).unwrap_or_default()).is_none();
        stream != live.stream()
            && is_read
            && spilling.find(stream, self.next).is_none()
            && !self.next.previous().is_after(self.through())
    }

    /// The reel has all that he lacks, and will for a while.
    fn is_near(&self, live: &Reel) -> Option<ClientId> {
        let recorder = self.crowd.hub.recorders().next().filter(|_| live.stream() == self.reel.stream())?;
        let (oldest, next) = (live.oldest_number(), live.next_number());
        let half = oldest.plus(next.since(oldest).unsigned_abs() / 2);
        let is_blocked = self.crowd.clients.iter().flatten().any(|client| client.is_blocked());
        (!is_blocked && !half.is_after(recorder.through.next())).then_some(recorder.client)
    }
}

impl Backlogs {
    /// A number for one more, and whether there is room for him.
    pub(super) fn next_reader(&mut self) -> Option<u32> {
        self.readers = self.readers.wrapping_add(1);
        self.slots.iter().any(Option::is_none).then_some(self.readers)
    }

    /// One more. Returns its place.
    pub(super) fn enter(&mut self, mut backlog: Backlog, is_new: bool) -> Option<usize> {
        backlog.is_new = is_new;
        let place = self.slots.iter().position(Option::is_none)?;
        self.slots[place] = Some(Box::new(backlog));
        Some(place)
    }

    /// The clients of that place.
    pub(super) fn crowd(&mut self, place: usize) -> Option<&mut Crowd> {
        Some(&mut self.slots.get_mut(place)?.as_mut()?.crowd)
    }

    fn each(&self) -> impl Iterator<Item = &Backlog> {
        self.slots.iter().flatten().map(|slot| &**slot)
    }

    /// A datagram has come to a listener. False: it is for none of these.
    pub(super) fn hear(
        &mut self,
        from: SocketAddr,
        datagram: &[u8],
        (gate, shared): Around<'_, '_>,
        now: Time,
    ) -> bool {
        let mut slots = self.slots.iter_mut().flatten();
        let Some(slot) = slots.find(|slot| slot.crowd.knows(datagram)) else { return false };
        let mut room = [0; super::DATAGRAM_ROOM];
        if let Some(datagram) = slot.crowd.open_datagram(datagram, &mut room) {
            slot.crowd.hub.handle_unknown_peer(from, datagram, &slot.reel, now);
        }
        slot.with_crowd((gate, shared), now, Crowd::obey);
        true
    }

    /// Adds their sockets: a seat's place is that of the slot.
    pub(super) fn register<'p>(&'p self, kind: u8, set: &mut PollSet<'p>) {
        for (place, slot) in (0..).zip(&self.slots) {
            for client in slot.iter().flat_map(|slot| slot.crowd.clients.iter().flatten()) {
                let seat = Seat { kind, place, generation: client.id.generation() };
                set.both(seat, client.socket.as_fd(), client.is_blocked());
            }
        }
    }

    /// One of their sockets has answered.
    pub(super) fn handle(&mut self, seat: Seat, ready: Ready, around: Around<'_, '_>, now: Time) {
        let Some(Some(slot)) = self.slots.get_mut(usize::from(seat.place)) else { return };
        // in its crowd there is but one place
        let seat = Seat { place: 0, ..seat };
        slot.with_crowd(around, now, |crowd, site| {
            crowd.handle(seat, ready, site);
            crowd.obey(site);
        });
    }

    /// The earliest of their deadlines.
    pub(super) fn next_timeout(&self) -> Time {
        let hubs = self.each().filter_map(|slot| slot.crowd.hub.next_timeout().map(|(at, _)| at));
        hubs.min().unwrap_or(Time::NEVER)
    }

    /// Each client, as its hub has it.
    pub(super) fn each_client(&self) -> impl Iterator<Item = (SocketAddr, ClientKind, Time, Tally)> {
        self.each().flat_map(|slot| slot.crowd.hub.each_client())
    }

    /// How many there are.
    pub(super) fn clients(&self) -> usize {
        self.each().map(|slot| slot.crowd.hub.clients()).sum()
    }

    /// Frames of the stream that has ended which they do not have.
    pub(super) fn outstanding(&self, live: &Reel) -> u64 {
        let own = self.each().filter(|slot| slot.reel.stream() == live.stream());
        own.map(|slot| u64::try_from(live.next_number().previous().since(slot.through())).unwrap_or(0)).sum()
    }

    /// They send what they have to, within the budget.
    pub(super) fn send(&mut self, budget: &mut Budget, (gate, shared): Around<'_, '_>, now: Time) {
        for slot in self.slots.iter_mut().flatten() {
            slot.with_crowd((&mut *gate, &mut *shared), now, |crowd, site| crowd.send_within(budget, site));
        }
    }

    /// The program stops, and so does what they get.
    pub(super) fn stop(&mut self, (gate, shared): Around<'_, '_>, now: Time) {
        for slot in self.slots.iter_mut().flatten() {
            slot.crowd.hub.handle_stop(now);
            slot.with_crowd((&mut *gate, &mut *shared), now, Crowd::obey);
        }
    }

    /// Deadlines, and more frames. Called each turn.
    pub(super) fn attend(
        &mut self,
        spilling: &mut Spilling,
        is_away: bool,
        (gate, shared): Around<'_, '_>,
        now: Time,
    ) {
        while let Some((reader, batch)) = spilling.take_read() {
            let mut slots = self.slots.iter_mut().flatten();
            if let Some(slot) = slots.find(|slot| slot.reader == reader) {
                (slot.batch, slot.at, slot.is_asked) = (batch, 0, false);
            }
        }
        for place in &mut self.slots {
            let Some(slot) = place else { continue };
            slot.attend(spilling, is_away, (&mut *gate, &mut *shared), now);
            if slot.crowd.hub.clients() == 0 {
                // of one who never took a frame nothing is known
                if slot.is_new && !slot.has_proved {
                    spilling.absentees.settle(slot.reader);
                } else {
                    spilling.lose(slot.reader, slot.is_ended, now);
                }
                *place = None;
            }
        }
    }

    /// Those who have caught up: their sessions go on in the crowd of those who get the stream as it comes.
    pub(super) fn hand_over(
        &mut self,
        to: &mut Crowd,
        spilling: &mut Spilling,
        (gate, shared): Around<'_, '_>,
        now: Time,
    ) {
        let live = &shared.stream.reel;
        for place in &mut self.slots {
            let Some(slot) = place else { continue };
            let Some(client) = slot.is_near(live) else { continue };
            let site = &mut Site { reel: live, gate: &mut *gate, shared: &mut *shared, now };
            if move_session(&mut slot.crowd, client, to, site) {
                log::info!("a recorder has all that it missed");
                spilling.absentees.settle(slot.reader);
                *place = None;
            }
        }
    }
}

impl Backlog {
    fn attend(&mut self, spilling: &mut Spilling, is_away: bool, (gate, shared): Around<'_, '_>, now: Time) {
        let live = &shared.stream.reel;
        if self.crowd.hub.next_timeout().is_some_and(|(at, _)| now >= at) {
            self.crowd.hub.handle_timeout(&self.reel, now);
        }
        if self.feed(spilling, live, now) {
            let no_camera = is_away && live.stream() == self.reel.stream();
            self.crowd.hub.handle_camera(no_camera, &self.reel, now);
        }
        if !self.is_ended && self.crowd.hub.clients() > 0 && self.is_at_end(spilling, live) {
            self.is_ended = true;
            self.note(spilling, now);
            self.crowd.hub.handle_stop(now);
        }
        self.note(spilling, now);
        self.with_crowd((gate, shared), now, Crowd::obey);
        // drained, since it takes no more than it has memory for
        if self.crowd.left.drain(..).any(|(_, reason)| reason == LeaveReason::End) {
            spilling.absentees.settle(self.reader);
        }
    }

    /// How far he is, and whether he says anything.
    fn note(&mut self, spilling: &mut Spilling, now: Time) {
        let recorder = self.crowd.hub.recorders().next();
        let is_quiet = recorder.is_none_or(|recorder| now >= recorder.heard.after(QUIET));
        spilling.absentees.set_quiet(self.reader, is_quiet);
        if let Some(recorder) = recorder {
            self.has_proved = true;
            spilling.absentees.go_on(self.reader, (self.reel.stream(), recorder.through.next()));
        }
    }
}

/// A session goes from one crowd to another of the same stream, with its socket and its keys. False: there is no place.
pub(super) fn move_session(
    from: &mut Crowd,
    client: ClientId,
    to: &mut Crowd,
    site: &mut Site<'_, '_>,
) -> bool {
    let Some(moving) = from.hub.release(client) else { return false };
    match to.hub.take_over(moving, site.now) {
        Ok(id) => {
            // somebody may have left the place
            to.obey(site);
            let socket = from.clients.get_mut(client.place()).and_then(Option::take);
            if let (Some(place), Some(mut socket)) = (to.clients.get_mut(id.place()), socket) {
                socket.id = id;
                *place = Some(socket);
            }
            if let (Some(from), Some(to)) = (&mut from.sealed, &mut to.sealed) {
                from.hand_over(client, to, id);
            }
            true
        }
        Err(moving) => {
            // it had a place there, and has it again
            if let Ok(id) = from.hub.take_over(moving, site.now) {
                from.clients.iter_mut().flatten().for_each(|socket| socket.id = id);
                from.sealed.iter_mut().for_each(|sealed| sealed.rename(client, id));
            }
            false
        }
    }
}
