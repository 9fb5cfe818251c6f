//! Fragments become frames. Frames come out in order; one that does not become whole in time comes out as missing.
//!
//! What of a frame is missed, and when it is asked for, is in [`requests`](super::requests); here is how long a frame is awaited.
//!
//! Not all that comes need be the server's. A frame is believed to exist, and its header to be right, where a datagram *proves* it: one
//! with the session's tag, or a BEAT. What proves nothing is taken as far as it agrees, and little further ahead; and a frame comes
//! out only if it is proved, and its check is right.

use super::done::Done;
use super::events::{Frame, Next, Run};
use super::partial::{self, Partial};
use super::paths::Presence;
use super::pushed_out::PushedOut;
use super::requests::{Insertion, Missed, Quiet, Requests};
use super::slot::Slot;
use super::spares::Spares;
use super::timing::Timing;
use crate::fec::Decoder;
use crate::time::Time;
use crate::wire::data::{DISCONTINUITY, Data, Header};
use crate::wire::{FrameNumber, ParseError};
use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

/// Frames under way at once, the wholly missing ones among them included. More than the sender's lead over what is
/// done with, so that it never happens that one is given up for want of room.
const REACH: usize = 256;

/// So far ahead of the newest frame that is proved there may be others: what would have proved them was lost.
const LEAD: u32 = 2;

/// Those, and the newest that is proved.
const NEWEST: usize = 3;

/// Bytes of frames whose header nothing has proved yet.
const UNPROVED: usize = 8 * 1024 * 1024;

/// A number further ahead than this is nonsense, not a loss: an hour at 18 frames a second.
const MAX_JUMP: usize = 1 << 16;

/// Frames, and bytes of them, that are kept while nobody takes any: within what is in reach, so that none is given up for it.
const KEPT: usize = 192;
const KEPT_BYTES: usize = 24 * 1024 * 1024;

/// A recorder's frame that is still incomplete after this long will not come: the reel does not reach that far.
const FOREVER: Duration = Duration::from_secs(120);

/// What has been missed for so long when the stream is left is a hole in it. What has not is its end: it would have come yet.
const HOLE: Duration = Duration::from_secs(1);

/// How long a frame is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// For a viewer: this long after the last of it that came by itself, once a newer one was heard of. What cannot come in
    /// time is not asked for.
    Latency(Duration),
    /// For a recorder: until the sender's reel has it no longer.
    Reel,
}

/// What is asked for in one CONTINUE.
#[derive(Debug, Default)]
pub struct Asked {
    /// What is missing.
    pub list: Requests,
    /// Of some of it there is no time to ask again when the answer does not come, and until then for saying it again.
    pub last_until: Option<Time>,
}

/// Frames under way.
pub struct Assembler {
    /// What has been pushed out of reach, and is to come out first.
    pushed_out: PushedOut,
    /// The first frame behind it.
    next: FrameNumber,
    /// The frames from `next` on that were heard of.
    slots: VecDeque<Slot>,
    /// The newest frame that is proved to have been sent.
    proved: FrameNumber,
    done: Done,
    patience: Patience,
    /// The paths that they come by.
    paths: Presence,
    /// The camera was away before a frame that was given up: the next one says so in its place.
    was_away: bool,
    quiet: Quiet,
    spares: Spares,
    /// Where the sender has agreed to send parity rows.
    decoder: Option<Decoder>,
}

impl Assembler {
    /// Awaits the frames from `next` on.
    pub fn new(next: FrameNumber, patience: Patience) -> Self {
        Assembler {
            pushed_out: PushedOut::default(),
            next,
            slots: VecDeque::with_capacity(REACH),
            proved: next.previous(),
            done: Done::default(),
            patience,
            paths: Presence::default(),
            was_away: false,
            quiet: Quiet::default(),
            spares: Spares::new(),
            decoder: None,
        }
    }

    /// Parity rows may come, and frames are made of them. It takes a while, as [`fec`](crate::fec) says, the first time in a process.
    pub fn take_rows(&mut self) {
        if self.decoder.is_none() {
            self.decoder = Decoder::new().ok();
        }
    }

    /// From now on frames come by this path too, from `first` on.
    pub fn join(&mut self, path: usize, first: FrameNumber) {
        self.paths.join(path, first);
        self.count_again();
    }

    /// Nothing comes by this path any more.
    pub fn leave(&mut self, path: usize) {
        self.paths.leave(path);
        self.count_again();
    }

    /// These paths are heard, a bit each: what they have left out is not awaited from others.
    pub(super) fn hear_by(&mut self, paths: u8) {
        if self.paths.hear(paths) {
            self.count_again();
        }
    }

    /// The paths are other ones: who has left out what.
    fn count_again(&mut self) {
        let mut number = self.next;
        for slot in &mut self.slots {
            slot.left_out = (slot.left_out & self.paths.bits()) | self.paths.without(number);
            slot.skipped = self.paths.are_all(slot.left_out);
            number = number.next();
        }
    }

    /// The first frame that has not come out.
    pub fn next_frame(&self) -> FrameNumber {
        self.pushed_out.first().unwrap_or(self.next)
    }

    /// The newest frame that was heard of, or the one before [`next_frame`](Self::next_frame).
    pub fn newest_heard(&self) -> FrameNumber {
        self.next.plus(self.slots.len() as u32).previous()
    }

    /// As many are here as are kept while nobody takes any.
    pub fn is_full(&self) -> bool {
        self.slots.len() >= KEPT || self.spares.held() >= KEPT_BYTES
    }

    /// Takes a frame's buffer back.
    pub fn recycle(&mut self, buffer: Vec<u8>) {
        self.spares.keep_buffer(buffer);
    }

    /// A fragment, or a parity row; with the session's tag it proves its header.
    ///
    /// # Errors
    /// [`ParseError::Field`]: a number out of all reach, a header that contradicts what is proved, or a row that nobody here can
    /// read.
    pub fn insert(
        &mut self,
        data: &Data<'_>,
        proves: bool,
        timing: &mut Timing,
        now: Time,
    ) -> Result<Insertion, ParseError> {
        let header = &data.header;
        if header.is_parity() && self.decoder.is_none() {
            return Err(ParseError::Field("flags"));
        }
        if !proves && always_proves(header) {
            return Ok(Insertion::Doubtful);
        }
        if self.next.is_after(header.number) {
            return Ok(self.come_late(header, proves));
        }
        if !self.reach(header, proves, timing, now)? {
            return Ok(Insertion::Doubtful);
        }
        let Some(at) = self.slot_of(header.number) else { return Ok(Insertion::Again) };
        let Some(slot) = self.slots.get_mut(at) else { return Ok(Insertion::Again) };
        // in its place: moved out and back for each fragment, it was a fifth of a recorder's own work
        let partial = slot.partial.get_or_insert_with(|| {
            let bytes = self.spares.buffer(header.length as usize);
            let (memory, asks) = self.spares.beside();
            slot.missed.begin(header.count(), asks);
            let partial = Partial::new(header, bytes, memory);
            self.spares.hold(partial.held());
            partial
        });
        partial.is_proved |= proves;
        let before = partial.held();
        if !partial.insert(data, now)? {
            return Ok(if self.examine(at, timing, now) { Insertion::Again } else { Insertion::Doubtful });
        }
        // by a row
        self.spares.hold(partial.held().saturating_sub(before));
        if let Some(decoder) = self.decoder.as_mut().filter(|_| partial.fragments.rows() > 0) {
            if partial.fragments.is_whole() {
                partial.restore(decoder);
                self.spares.note_decoder(decoder.held());
            }
        }
        let insertion = if header.is_parity() {
            slot.missed.on_row(timing, now)
        } else {
            slot.missed.on_arrival(header.index, &partial.fragments, timing, now)
        };
        if matches!(insertion, Insertion::Fresh | Insertion::Crossed) {
            let before = (partial.fragments.here() > 1).then_some(slot.fresh);
            self.quiet.on_fresh(before, now);
            (slot.fresh, slot.given_up) = (now, false);
        }
        Ok(if self.examine(at, timing, now) { insertion } else { Insertion::Doubtful })
    }

    /// It is of a frame that is done with.
    fn come_late(&mut self, header: &Header, proves: bool) -> Insertion {
        if proves {
            self.done.note(*header);
        }
        if self.done.has(header) { Insertion::Again } else { Insertion::Doubtful }
    }

    /// There is a place for what has this header. False: it is not to be believed.
    fn reach(
        &mut self,
        header: &Header,
        proves: bool,
        timing: &Timing,
        now: Time,
    ) -> Result<bool, ParseError> {
        let lead = if proves { REACH as u32 } else { LEAD };
        if header.is_parity() && !self.spares.has_room_for_row(header.size.into(), partial::work(header)) {
            return Ok(false);
        }
        if header.number.is_after(self.proved.plus(lead)) {
            return Ok(false);
        }
        self.extend(header.number, proves, timing, now)?;
        let Some(slot) = self.slot_of(header.number).and_then(|at| self.slots.get(at)) else {
            return Ok(true);
        };
        match &slot.partial {
            _ if slot.is_guarded && !proves => return Ok(false),
            Some(partial) if partial.header.is_of(header) => {
                return Ok(true);
            }
            Some(_) if !proves => return Ok(false),
            Some(partial) if partial.is_proved => return Err(ParseError::Field("header of a known frame")),
            Some(_) => self.start_over(header.number, timing, now),
            None if !proves && self.unproved().saturating_add(header.length as usize) > UNPROVED => {
                return Ok(false);
            }
            None => {}
        }
        Ok(self.make_room(header, proves))
    }

    fn unproved(&self) -> usize {
        let partials = self.slots.iter().filter_map(|slot| slot.partial.as_ref());
        partials.filter(|partial| !partial.is_proved).map(Partial::held).sum()
    }

    /// A frame that is whole has to be as it was sent. False: it is not.
    fn examine(&mut self, at: usize, timing: &Timing, now: Time) -> bool {
        let partial = self.slots.get_mut(at).and_then(|slot| slot.partial.as_mut());
        let is_right = partial.is_none_or(Partial::examine);
        if !is_right {
            self.start_over(self.next.plus(at as u32), timing, now);
            if let Some(slot) = self.slots.get_mut(at) {
                // all of it had a tag: it is the server that has it wrong
                slot.gone |= slot.is_guarded;
                slot.is_guarded = true;
            }
        }
        is_right
    }

    /// What is here of this frame is not the server's, or not all of it.
    fn start_over(&mut self, number: FrameNumber, timing: &Timing, now: Time) {
        let Some(slot) = self.slot_of(number).and_then(|at| self.slots.get_mut(at)) else { return };
        let missed = std::mem::take(&mut slot.missed);
        let was_closed = missed.is_closed();
        if let Some(partial) = slot.partial.take() {
            self.spares.release(partial.held());
            self.keep_memory(partial, missed);
        }
        let slot = self.slot_of(number).and_then(|at| self.slots.get_mut(at));
        if let Some(slot) = slot.filter(|_| was_closed) {
            slot.close(true, timing, now);
        }
    }

    fn keep_memory(&mut self, partial: Partial, missed: Missed) {
        let (bytes, memory) = partial.take();
        self.spares.keep_beside(memory, missed);
        self.recycle(bytes);
    }

    /// The sender has sent something of this frame, and all of those before it.
    ///
    /// # Errors
    /// [`ParseError::Field`]: out of all reach.
    pub fn hear_of(&mut self, number: FrameNumber, timing: &Timing, now: Time) -> Result<(), ParseError> {
        self.extend(number, true, timing, now)
    }

    /// This frame exists, and all before it have been sent: surely, or as far as can be told.
    fn extend(
        &mut self,
        number: FrameNumber,
        is_sure: bool,
        timing: &Timing,
        now: Time,
    ) -> Result<(), ParseError> {
        let Ok(ahead) = usize::try_from(number.since(self.next)) else { return Ok(()) };
        if ahead >= MAX_JUMP {
            return Err(ParseError::Field("frame number"));
        }
        if is_sure && number.is_after(self.proved) {
            self.prove(number, timing, now);
        }
        let excess = ahead.saturating_add(1).saturating_sub(REACH);
        if excess > 0 {
            self.push_out(excess);
        }
        let ahead = ahead.saturating_sub(excess);
        while self.slots.len() <= ahead {
            if let Some(last) = self.slots.back_mut().filter(|last| is_sure || last.partial.is_some()) {
                last.close(is_sure, timing, now);
            }
            let left_out = self.paths.without(self.next.plus(self.slots.len() as u32));
            self.slots.push_back(Slot::new(left_out, self.paths, now));
        }
        Ok(())
    }

    /// What was said of the frames before this one is true: they have been sent.
    fn prove(&mut self, number: FrameNumber, timing: &Timing, now: Time) {
        let from = usize::try_from(self.proved.since(self.next)).unwrap_or(0);
        let to = usize::try_from(number.since(self.next)).unwrap_or(0);
        let first = self.proved.next();
        self.proved = number;
        let mut at = self.next.plus(from as u32);
        for slot in self.slots.iter_mut().skip(from).take(to.saturating_sub(from).saturating_add(1)) {
            if !first.is_after(at) {
                // whoever has announced it before: its time begins now
                (slot.heard, slot.fresh, slot.given_up) = (now, now, false);
            }
            if at != number {
                slot.close(true, timing, now);
            }
            at = at.next();
        }
    }

    /// The first so many frames lie too far back.
    fn push_out(&mut self, excess: usize) {
        let here = excess.min(self.slots.len());
        for _ in 0..here {
            let Some(slot) = self.slots.pop_front() else { break };
            let number = self.next;
            self.next = number.next();
            let (left_out, skipped) = (slot.left_out, slot.skipped);
            match self.take_out(number, slot) {
                Next::Frame(frame) => {
                    self.spares.hold(frame.bytes.capacity());
                    self.pushed_out.push_frame(frame);
                }
                Next::Missing(run) | Next::Skipped(run) => self.pushed_out.push_run(run, left_out, skipped),
            }
        }
        // fits: no more than may be jumped over
        let never = excess.saturating_sub(here) as u32;
        if never > 0 {
            let (run, left_out) = (Run { first: self.next, count: never }, self.paths.without(self.next));
            self.next = self.next.plus(never);
            self.pushed_out.push_run(run, left_out, self.paths.are_all(left_out));
        }
    }

    /// The sender has no frame before this one any more: what is incomplete of them is given up.
    pub fn forget_before(&mut self, oldest: FrameNumber) {
        let Ok(count) = usize::try_from(oldest.since(self.next)) else { return };
        self.slots.iter_mut().take(count).for_each(|slot| slot.gone = true);
    }

    /// The stream is left: what is whole is to come out, and what has been missed for long before it is given up.
    pub fn settle(&mut self, now: Time) {
        let is_hole = |slot: &Slot| !slot.is_whole() && now >= slot.heard.after(HOLE);
        let proved = usize::try_from(self.proved.next().since(self.next)).unwrap_or(0);
        let sent = self.slots.iter().take(proved);
        let end = sent.take_while(|slot| slot.is_whole() || is_hole(slot)).count();
        let last_whole = self.slots.iter().take(end).rposition(Slot::is_whole).unwrap_or(0);
        let before = self.slots.iter_mut().take(last_whole);
        before.filter(|slot| !slot.is_whole()).for_each(|slot| slot.gone = true);
    }

    /// The sender has left these frames out on this path: bit `i` is the one `i + 1` before `newest`. All bits together are a
    /// leap longer than they can tell: what a viewer has not even begun to get before it was left out too.
    pub fn skip(&mut self, path: usize, newest: FrameNumber, skipped: u32) {
        if skipped == u32::MAX && matches!(self.patience, Patience::Latency(_)) {
            self.skip_before(path, newest);
        }
        for bit in 0..32u32 {
            let number = FrameNumber(newest.0.wrapping_sub(bit.saturating_add(1)));
            let Ok(at) = usize::try_from(number.since(self.next)) else { return };
            if skipped & (1 << bit) != 0 {
                if let Some(slot) = self.slots.get_mut(at) {
                    slot.skip(path, self.paths);
                }
            }
        }
    }

    /// What has not begun before this frame will not come by this path: a viewer's stream begins with what it is shown first.
    pub fn skip_before(&mut self, path: usize, number: FrameNumber) {
        let Ok(count) = usize::try_from(number.since(self.next)) else { return };
        let empty = self.slots.iter_mut().take(count).filter(|slot| slot.partial.is_none());
        empty.for_each(|slot| slot.skip(path, self.paths));
        self.pushed_out.skip(path, self.paths);
    }

    /// Memory for a frame with this header: what is older and incomplete gives way to what is proved. False: there is none.
    fn make_room(&mut self, header: &Header, proves: bool) -> bool {
        let length = header.length as usize;
        let older = usize::try_from(header.number.since(self.next)).unwrap_or(0);
        for at in 0..older {
            if self.spares.room() >= length || !proves {
                break;
            }
            let Some(slot) = self.slots.get_mut(at).filter(|slot| !slot.is_whole()) else { continue };
            slot.gone = true;
            if let Some(partial) = slot.partial.take() {
                self.spares.release(partial.held());
            }
        }
        self.spares.room() >= length
    }

    fn slot_of(&self, number: FrameNumber) -> Option<usize> {
        let at = usize::try_from(number.since(self.next)).ok()?;
        self.slots.get(at).filter(|slot| !slot.gone).map(|_| at)
    }

    /// The next frame, whole or given up; none while the first one is still awaited. Changes with every input and with time.
    #[must_use]
    pub fn poll(&mut self, now: Time) -> Option<Next> {
        if let Some(next) = self.pushed_out.pop() {
            if let Next::Frame(frame) = &next {
                self.spares.release(frame.bytes.capacity());
            }
            return Some(next);
        }
        let first = self.slots.front()?;
        if self.next.is_after(self.proved) {
            return None;
        }
        let is_over = first.gone || first.skipped || now >= self.deadline(first, self.is_newest(0));
        if !first.is_whole() && !is_over {
            return None;
        }
        let slot = self.slots.pop_front()?;
        let number = self.next;
        self.next = number.next();
        Some(self.take_out(number, slot))
    }

    fn take_out(&mut self, number: FrameNumber, slot: Slot) -> Next {
        let Slot { partial, missed, skipped, .. } = slot;
        let run = Run { first: number, count: 1 };
        let Some(partial) = partial else {
            return if skipped { Next::Skipped(run) } else { Next::Missing(run) };
        };
        self.spares.release(partial.held());
        if partial.is_proved {
            self.done.note(partial.header);
        }
        self.quiet.on_frame();
        self.was_away |= partial.is_proved && partial.header.flags & DISCONTINUITY != 0;
        if !partial.is_sound {
            self.keep_memory(partial, missed);
            return Next::Missing(run);
        }
        let (stamp, begun, arrived) = (partial.header.stamp, partial.begun, partial.newest);
        let (repaired, fragments) = (missed.repaired(), partial.fragments.count());
        let (bytes, memory) = partial.take();
        self.spares.keep_beside(memory, missed);
        let discontinuity = std::mem::take(&mut self.was_away);
        Next::Frame(Frame { number, stamp, discontinuity, bytes, begun, arrived, repaired, fragments })
    }

    /// No newer one than this slot's has been sent, as far as is proved.
    fn is_newest(&self, at: usize) -> bool {
        at.saturating_add(1) >= self.slots.len() || !self.proved.is_after(self.next.plus(at as u32))
    }

    /// How long an answer takes; but one bad measure must not stop all asking, which is what measures.
    fn least_answer(&self, timing: &Timing) -> Duration {
        match self.patience {
            Patience::Latency(latency) => timing.answer().min(latency.div_f32(2.0)),
            Patience::Reel => timing.answer(),
        }
    }

    fn deadline(&self, slot: &Slot, is_newest: bool) -> Time {
        // a frame is spread over part of its interval: the wait begins with the last fragment that came by itself
        match self.patience {
            // nothing newer could be shown in place of the newest: a slow camera's, on a path that is long or loses
            Patience::Latency(latency) if !is_newest => slot.fresh.after(latency),
            Patience::Latency(_) | Patience::Reel => slot.heard.after(FOREVER),
        }
    }

    /// Nothing has come for a while: the rest of the newest frames is missed.
    pub fn check_quiet(&mut self, timing: &Timing, now: Time) {
        for at in self.newest() {
            if now >= self.quiet_due_of(at) {
                self.slots.iter_mut().skip(at).take(1).for_each(|slot| slot.close(false, timing, now));
            }
        }
    }

    /// When the rest of one of the newest frames is missed.
    pub(super) fn quiet_due(&self) -> Time {
        self.newest().map(|at| self.quiet_due_of(at)).min().unwrap_or(Time::NEVER)
    }

    /// The newest frame that is proved is the first of them at the earliest: all before it have been sent.
    fn newest(&self) -> Range<usize> {
        self.slots.len().saturating_sub(NEWEST)..self.slots.len()
    }

    fn quiet_due_of(&self, at: usize) -> Time {
        let slot = self.slots.get(at).filter(|slot| !slot.missed.is_closed() && !slot.is_whole());
        match slot {
            Some(slot) if slot.partial.is_some() => self.quiet.due(slot.fresh),
            Some(_) if !self.next.plus(at as u32).is_after(self.proved) => self.quiet.due_of_none(),
            _ => Time::NEVER,
        }
    }

    /// When something is to be asked for, missed, or given up.
    pub fn next_timeout(&self) -> Time {
        let first = self.slots.front().filter(|_| !self.next.is_after(self.proved));
        let given_up = first.map_or(Time::NEVER, |slot| self.deadline(slot, self.is_newest(0)));
        given_up.min(self.quiet_due())
    }

    /// When something is to be asked for.
    pub fn ask_due(&self) -> Time {
        self.slots.iter().map(|slot| slot.due()).min().unwrap_or(Time::NEVER)
    }

    /// What is due to be asked for, oldest first, as far as one CONTINUE holds it.
    pub fn requests(&mut self, timing: &Timing, now: Time) -> Asked {
        let mut asked = Asked::default();
        let answer = self.least_answer(timing);
        for at in 0..self.slots.len() {
            let Some(slot) = self.slots.get(at) else { break };
            if slot.due() > now {
                continue;
            }
            let (number, until) = (self.next.plus(at as u32), self.deadline(slot, self.is_newest(at)));
            let Some(slot) = self.slots.get_mut(at) else { break };
            if now.after(answer) > until {
                slot.given_up = true;
                continue;
            }
            slot.request(number, &mut asked.list, timing, now);
            if let Patience::Latency(latency) = self.patience {
                let until = slot.fresh.after(latency).before(answer);
                if now.after(timing.repeat(1)) > until {
                    asked.last_until = asked.last_until.max(Some(until));
                }
            }
        }
        asked
    }
}

/// The server never sends this without a tag: it is the first of what is sent at once, or an answer.
fn always_proves(header: &Header) -> bool {
    header.index == 0 || header.is_parity()
}

#[cfg(test)]
mod tests {
    use super::super::spares::BUDGET;
    use super::*;
    use crate::fec::{Encoder, Shape};
    use crate::jpeg::Size;
    use crate::reel::Reel;
    use crate::time::Stamp;
    use crate::wire::StreamId;
    use crate::wire::data::parity_rows;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);
    const LATENCY: Duration = Duration::from_millis(120);
    const START: Time = Time::from_millis(5_000);
    const QUIET_ENOUGH: Duration = Duration::from_millis(60);

    /// A reel with frames 1 to `count`, of `length` bytes each.
    fn reel(count: u32, length: usize) -> Reel {
        let mut reel = Reel::new(4 << 20, 1452, StreamId(1));
        for n in 0..count {
            let jpeg: Vec<u8> = (0..length).map(|i| (i as u32 ^ n) as u8).collect();
            let stamp = Stamp { captured: Time::from_millis(u64::from(n)), sequence: n };
            reel.push(&jpeg, Size { width: 8, height: 8 }, stamp, 0).unwrap();
        }
        reel
    }

    fn datagrams(reel: &Reel, number: u32) -> Vec<&[u8]> {
        let frame = reel.frame(FrameNumber(number)).unwrap();
        frame.datagrams(0..frame.fragments()).chunks(1452).collect()
    }

    /// The parity rows of a frame, as datagrams.
    fn rows(reel: &Reel, number: u32) -> Vec<Vec<u8>> {
        let frame = reel.frame(FrameNumber(number)).unwrap();
        let (count, size) = (frame.fragments(), frame.fragment_len());
        let shape = Shape { count, rows: parity_rows(count.into(), size), size };
        let mut rows = Vec::new();
        let take = |row: &[u8]| rows.push([&frame.parity_header(rows.len() as u16)[..], row].concat());
        Encoder::new().unwrap().encode(shape, frame.pieces(), take).unwrap();
        rows
    }

    struct Bench {
        assembler: Assembler,
        timing: Timing,
        now: Time,
    }

    impl Bench {
        fn new(patience: Patience) -> Self {
            let mut timing = Timing::new(matches!(patience, Patience::Latency(_)));
            (0..30).for_each(|_| timing.on_round_trip(40 * MS));
            let mut assembler = Assembler::new(FrameNumber(1), patience);
            assembler.join(0, FrameNumber(1));
            Bench { assembler, timing, now: START }
        }

        fn insert(&mut self, datagram: &[u8]) -> Insertion {
            self.assembler.insert(&Data::parse(datagram).unwrap(), true, &mut self.timing, self.now).unwrap()
        }

        fn insert_all(&mut self, reel: &Reel, number: u32) {
            for datagram in datagrams(reel, number) {
                assert_eq!(self.insert(datagram), Insertion::Fresh);
            }
        }

        fn pass(&mut self, wait: Duration) -> &mut Self {
            self.now = self.now.after(wait);
            self.assembler.check_quiet(&self.timing, self.now);
            self
        }

        /// What is asked for now: frame, first fragment, count.
        fn ask(&mut self) -> Vec<(u32, u16, u16)> {
            let list = self.assembler.requests(&self.timing, self.now).list;
            list.iter().map(|m| (m.number.0, m.first, m.count)).collect()
        }

        fn drain(&mut self) -> Vec<Result<u32, u32>> {
            std::iter::from_fn(|| self.assembler.poll(self.now))
                .flat_map(|next| match next {
                    Next::Frame(frame) => vec![Ok(frame.number.0)],
                    Next::Missing(run) | Next::Skipped(run) => {
                        (0..run.count).map(|at| Err(run.first.plus(at).0)).collect()
                    }
                })
                .collect()
        }
    }

    fn viewer() -> Bench {
        let mut bench = Bench::new(Patience::Latency(LATENCY));
        bench.assembler.take_rows();
        bench
    }

    /// The frame that comes out, whose bytes are right.
    fn expect(bench: &mut Bench, reel: &Reel, number: u32) -> u32 {
        let Some(Next::Frame(frame)) = bench.assembler.poll(bench.now) else { panic!("nothing comes out") };
        let mut bytes = Vec::new();
        reel.frame(FrameNumber(number)).unwrap().append_to(&mut bytes);
        assert_eq!(frame.number.0, number);
        assert!(frame.bytes == bytes, "{number}");
        let repaired = frame.repaired;
        bench.assembler.recycle(frame.bytes);
        repaired
    }

    #[test]
    fn what_somebody_made_up_of_the_next_frame_does_not_hide_what_the_newest_lacks() {
        let reel = reel(2, 6_000);
        let mut bench = Bench::new(Patience::Reel);
        let made_up = Data::parse(datagrams(&reel, 2)[3]).unwrap();
        bench.assembler.insert(&made_up, false, &mut bench.timing, bench.now).unwrap();
        datagrams(&reel, 1)[..4]
            .iter()
            .for_each(|datagram| assert_eq!(bench.insert(datagram), Insertion::Fresh));
        bench.pass(QUIET_ENOUGH);
        assert_eq!(bench.pass(QUIET_ENOUGH).ask(), [(1, 4, 1), (2, 0, 3), (2, 4, 1)]);
    }

    #[test]
    fn rows_stand_in_for_any_fragments() {
        let reel = reel(3, 6_000); // five fragments, the last of them short
        let mut bench = viewer();
        let (first, spare) = (datagrams(&reel, 1), rows(&reel, 1));
        for at in [1, 3] {
            bench.insert(first[at]);
        }
        for row in [15, 0] {
            assert_eq!(bench.insert(&spare[row]), Insertion::Repaired);
        }
        assert_eq!(bench.insert(&spare[15]), Insertion::Again);
        assert_eq!(bench.drain(), []);
        assert_eq!(bench.insert(&spare[7]), Insertion::Repaired);
        for late in [first[0], &spare[3], first[4]] {
            assert_eq!(bench.insert(late), Insertion::Again, "it is whole");
        }
        assert_eq!(expect(&mut bench, &reel, 1), 3);
        // rows alone, and with the memory of the one before
        rows(&reel, 2)[3..8].iter().for_each(|row| assert_eq!(bench.insert(row), Insertion::Repaired));
        assert_eq!(expect(&mut bench, &reel, 2), 5);
        bench.insert_all(&reel, 3);
        assert_eq!((expect(&mut bench, &reel, 3), bench.assembler.spares.held()), (0, 0));
    }

    #[test]
    fn what_rows_stand_in_for_is_not_asked_for_again() {
        let reel = reel(1, 8_000); // six fragments
        let mut bench = viewer();
        for at in [0, 5] {
            bench.insert(datagrams(&reel, 1)[at]);
        }
        assert_eq!(bench.pass(2 * MS).ask(), [(1, 1, 4)]);
        bench.pass(40 * MS);
        rows(&reel, 1)[..3].iter().for_each(|row| assert_eq!(bench.insert(row), Insertion::Repaired));
        assert_eq!(bench.pass(4 * MS).ask(), [(1, 4, 1)], "one is lacking, whichever");
        assert!(bench.assembler.ask_due() > bench.now);
        bench.pass(40 * MS).insert(&rows(&reel, 1)[9]);
        assert_eq!(bench.drain(), [Ok(1)]);
    }

    #[test]
    fn what_cannot_be_asked_for_again_in_time_is_known() {
        let reel = reel(1, 6_000);
        let mut bench = viewer();
        for at in [0, 4] {
            bench.insert(datagrams(&reel, 1)[at]);
        }
        let mut last = |wait| {
            let now = bench.pass(wait).now;
            let Asked { list, last_until } = bench.assembler.requests(&bench.timing, now);
            assert_eq!(list.len(), 1);
            last_until
        };
        assert_eq!(last(2 * MS), None, "a second round is in time");
        assert_eq!(last(50 * MS), Some(START.after(LATENCY).before(bench.timing.answer())));
    }

    #[test]
    fn rows_that_nobody_has_agreed_on_and_rows_that_lie_do_no_harm() {
        let reel = reel(2, 6_000);
        let mut bench = Bench::new(Patience::Latency(LATENCY));
        let row = &rows(&reel, 1)[0];
        let insert = |bench: &mut Bench, datagram: &[u8]| {
            bench.assembler.insert(&Data::parse(datagram).unwrap(), true, &mut bench.timing, START)
        };
        assert_eq!(insert(&mut bench, row), Err(ParseError::Field("flags")));
        assert_eq!(bench.assembler.newest_heard(), FrameNumber(0), "as if it had not come");
        let mut bench = viewer();
        bench.insert(row);
        let mut other = row.clone();
        other[11] ^= 1; // another length
        assert!(insert(&mut bench, &other).is_err());
        // rows of eight-megabyte frames there are none, and of those that have some no more is held than of any
        let mut held = 0;
        for number in 1..=200u32 {
            let mut forged = row.clone();
            forged[4..8].copy_from_slice(&number.to_be_bytes());
            forged[8..12].copy_from_slice(&1_400_000u32.to_be_bytes());
            forged[12..14].copy_from_slice(&989u16.to_be_bytes());
            let _ = insert(&mut bench, &forged);
            held = held.max(
                bench
                    .assembler
                    .slots
                    .iter()
                    .filter(|slot| !slot.gone)
                    .filter_map(|slot| slot.partial.as_ref())
                    .map(Partial::held)
                    .sum(),
            );
        }
        assert!(held <= BUDGET + 2_000_000, "{held}");
    }

    #[test]
    fn what_a_lost_frame_said_of_the_camera_is_said_with_the_next() {
        let mut reel = reel(1, 3_000);
        for (number, flags) in [(2, DISCONTINUITY), (3, 0), (4, 0)] {
            let stamp = Stamp { captured: Time::from_millis(number), sequence: 0 };
            reel.push(&[7; 3_000], Size { width: 8, height: 8 }, stamp, flags).unwrap();
        }
        let mut bench = Bench::new(Patience::Reel);
        bench.insert_all(&reel, 1);
        bench.insert(datagrams(&reel, 2)[2]);
        (3..=4).for_each(|number| bench.insert_all(&reel, number));
        bench.assembler.forget_before(FrameNumber(3));
        let said = std::iter::from_fn(|| bench.assembler.poll(bench.now)).map(|next| match next {
            Next::Frame(frame) => Some(frame.discontinuity),
            Next::Missing(_) | Next::Skipped(_) => None,
        });
        assert_eq!(said.collect::<Vec<_>>(), [Some(false), None, Some(true), Some(false)]);
    }

    #[test]
    fn an_overtaken_fragment_is_asked_for_after_the_hold_and_again_after_a_round_trip() {
        let reel = reel(1, 6_000); // five fragments
        let mut bench = Bench::new(Patience::Reel);
        for at in [0, 2, 4] {
            bench.insert(datagrams(&reel, 1)[at]);
        }
        assert_eq!(bench.ask(), vec![], "it may only be late");
        assert_eq!(bench.pass(2 * MS).ask(), vec![(1, 1, 1), (1, 3, 1)]);
        assert_eq!(bench.pass(30 * MS).ask(), vec![], "the answer is under way");
        assert_eq!(bench.insert(datagrams(&reel, 1)[3]), Insertion::Repaired);
        assert_eq!(bench.pass(20 * MS).ask(), vec![(1, 1, 1)]);
        assert_eq!(bench.assembler.ask_due(), bench.now.after(bench.timing.repeat(2)));
        bench.pass(40 * MS).insert(datagrams(&reel, 1)[1]);
        assert_eq!(bench.drain(), [Ok(1)]);
        assert_eq!(bench.assembler.ask_due(), Time::NEVER);
    }

    #[test]
    fn a_late_fragment_teaches_the_hold() {
        let reel = reel(2, 6_000);
        let mut bench = Bench::new(Patience::Reel);
        for at in [0, 2, 3, 4] {
            bench.insert(datagrams(&reel, 1)[at]);
        }
        bench.pass(Duration::from_micros(1_900));
        let before = bench.timing.hold();
        bench.now = bench.now.after(Duration::from_micros(50));
        bench.insert(datagrams(&reel, 1)[1]);
        assert!(bench.timing.hold() > before);
        assert_eq!(bench.ask(), vec![]);
    }

    #[test]
    fn a_lost_tail_is_missed_when_a_later_frame_comes_or_nothing_does() {
        let reel = reel(2, 6_000);
        let mut bench = Bench::new(Patience::Reel);
        bench.insert(datagrams(&reel, 1)[0]);
        assert_eq!(bench.pass(10 * MS).pass(2 * MS).ask(), vec![(1, 1, 4)]);
        let mut bench = Bench::new(Patience::Reel);
        bench.insert(datagrams(&reel, 1)[0]);
        bench.insert(datagrams(&reel, 2)[0]);
        assert_eq!(bench.pass(2 * MS).ask(), vec![(1, 1, 4)]);
    }

    #[test]
    fn a_frame_of_which_nothing_came_is_asked_for_whole() {
        let reel = reel(3, 2_000);
        let mut bench = Bench::new(Patience::Reel);
        bench.insert_all(&reel, 3);
        assert_eq!(bench.pass(2 * MS).ask(), [(1, 0, 0), (2, 0, 0)]);
        bench.pass(40 * MS);
        assert_eq!(bench.insert(datagrams(&reel, 1)[1]), Insertion::Repaired);
        assert_eq!(bench.pass(20 * MS).ask(), [(1, 0, 1), (2, 0, 0)], "what it lacks was asked for already");
    }

    #[test]
    fn beats_uncover_what_was_lost_altogether() {
        let mut bench = Bench::new(Patience::Reel);
        bench.assembler.hear_of(FrameNumber(2), &bench.timing, START).unwrap();
        assert_eq!(bench.pass(2 * MS).ask(), [(1, 0, 0)], "the newest may be under way");
        // nothing has ever come, so it is quiet already
        assert_eq!(bench.pass(2 * MS).ask(), [(2, 0, 0)]);
        bench.assembler.forget_before(FrameNumber(2));
        assert_eq!(bench.drain(), [Err(1)]);
    }

    #[test]
    fn frames_that_were_left_out_are_not_awaited() {
        let reel = reel(4, 2_000);
        let mut bench = Bench::new(Patience::Latency(LATENCY));
        bench.insert_all(&reel, 1);
        bench.insert_all(&reel, 4);
        assert_eq!(bench.drain(), [Ok(1)]);
        bench.assembler.skip(0, FrameNumber(4), 0b011);
        assert_eq!(bench.drain(), [Err(2), Err(3), Ok(4)]);
    }

    #[test]
    fn a_frame_is_skipped_only_if_no_path_brings_it() {
        let reel = reel(6, 2_000);
        let mut bench = Bench::new(Patience::Latency(LATENCY));
        bench.assembler.join(1, FrameNumber(3));
        bench.insert_all(&reel, 4);
        bench.assembler.skip(0, FrameNumber(4), 0b111);
        assert_eq!(bench.drain(), [Err(1), Err(2)], "the other path begins with frame 3");
        bench.insert_all(&reel, 3);
        assert_eq!(bench.drain(), [Ok(3), Ok(4)]);
        bench.insert_all(&reel, 6);
        bench.assembler.skip(1, FrameNumber(6), 0b1);
        assert_eq!(bench.drain(), []);
        bench.assembler.leave(0);
        assert_eq!(bench.drain(), [Err(5), Ok(6)], "nobody brings it any more");
    }

    #[test]
    fn a_viewer_does_not_ask_for_what_would_come_too_late() {
        let reel = reel(2, 6_000);
        let mut bench = Bench::new(Patience::Latency(LATENCY));
        bench.insert(datagrams(&reel, 1)[0]);
        bench.insert(datagrams(&reel, 1)[4]);
        bench.insert_all(&reel, 2);
        assert_eq!(bench.pass(2 * MS).ask(), vec![(1, 1, 3)]);
        assert_eq!(bench.pass(50 * MS).ask(), vec![(1, 1, 3)], "again");
        assert_eq!(bench.pass(50 * MS).ask(), vec![], "102 ms and a round trip are more than 120 ms");
        assert_eq!(bench.drain(), []);
        assert_eq!(bench.pass(20 * MS).drain(), [Err(1), Ok(2)]);
        assert_eq!(bench.insert(datagrams(&reel, 1)[1]), Insertion::Again, "too late");
    }

    #[test]
    fn a_jump_gives_up_what_lies_too_far_back() {
        let reel = reel(600, 1_000);
        let mut bench = Bench::new(Patience::Reel);
        bench.insert_all(&reel, 1);
        let far = Data::parse(datagrams(&reel, 600)[0]).unwrap();
        let leap = bench.assembler.insert(&far, true, &mut bench.timing, START);
        assert_eq!(leap, Ok(Insertion::Doubtful), "so far only a BEAT can tell");
        bench.assembler.hear_of(FrameNumber(600), &bench.timing, START).unwrap();
        bench.insert_all(&reel, 600);
        let out = bench.drain();
        assert_eq!(out[0], Ok(1));
        assert_eq!(out[1..], (2..=344).map(Err).collect::<Vec<_>>());
        assert_eq!(bench.assembler.slots.len(), REACH);
    }

    #[test]
    fn at_the_end_a_hole_is_named_and_what_is_on_its_way_is_not() {
        let reel = reel(9, 1_000);
        let mut bench = Bench::new(Patience::Reel);
        [1, 3].into_iter().for_each(|number| bench.insert_all(&reel, number));
        bench.pass(2 * HOLE);
        [4, 6, 7].into_iter().for_each(|number| bench.insert_all(&reel, number));
        bench.assembler.hear_of(FrameNumber(9), &bench.timing, bench.now).unwrap();
        assert_eq!(bench.drain(), [Ok(1)]);
        let now = bench.pass(HOLE / 2).now;
        bench.assembler.settle(now);
        assert_eq!(bench.drain(), [Err(2), Ok(3), Ok(4)], "frame 5 would have come yet");
        let now = bench.pass(HOLE).now;
        bench.assembler.settle(now);
        assert_eq!(bench.drain(), [Err(5), Ok(6), Ok(7)], "and nobody knows of the end");
    }

    #[test]
    fn one_that_announces_a_frame_of_eight_megabytes_costs_no_more_than_that() {
        let reel = reel(3, 6_000);
        let mut bench = Bench::new(Patience::Reel);
        bench.insert_all(&reel, 1);
        let Data { header, payload, tag } = Data::parse(datagrams(&reel, 1)[1]).unwrap();
        let mut announce = |ahead| {
            let number = header.number.plus(ahead);
            let forged = Data { header: Header { number, length: 8_388_608, ..header }, payload, tag };
            bench.assembler.insert(&forged, false, &mut bench.timing, START)
        };
        assert_eq!(announce(1), Ok(Insertion::Fresh), "one is taken for what may come");
        assert_eq!(announce(2), Ok(Insertion::Doubtful));
        assert_eq!(announce(3), Ok(Insertion::Doubtful), "nor so far ahead");
        assert_eq!(announce(1), Ok(Insertion::Again));
        assert!(bench.assembler.spares.held() <= 8_388_608 + 100_000);
        [2, 3].into_iter().for_each(|number| bench.insert_all(&reel, number));
        assert_eq!(bench.drain(), [Ok(1), Ok(2), Ok(3)]);
    }

    #[test]
    fn memory_that_large_frames_have_left_counts_where_small_ones_use_it() {
        let reel = reel(1, 6_000);
        let mut bench = Bench::new(Patience::Reel);
        let Data { header, payload, tag } = Data::parse(datagrams(&reel, 1)[1]).unwrap();
        for ahead in 0..200 {
            bench.assembler.recycle(Vec::with_capacity(256 * 1024));
            let number = header.number.plus(ahead);
            let small = Data { header: Header { number, ..header }, payload, tag };
            let _ = bench.assembler.insert(&small, true, &mut bench.timing, START);
        }
        let partials = bench.assembler.slots.iter().filter_map(|slot| slot.partial.as_ref());
        let memory: usize = partials.map(|partial| partial.bytes.capacity()).sum();
        assert!(memory > BUDGET / 2, "they do use it");
        assert!(memory <= BUDGET && bench.assembler.spares.held() == memory, "{memory}");
    }

    #[test]
    fn numbers_out_of_reach_and_contradictions_are_refused() {
        let reel = reel(2, 4_000);
        let mut bench = Bench::new(Patience::Reel);
        let beyond = FrameNumber(1 + MAX_JUMP as u32);
        assert!(bench.assembler.hear_of(beyond, &bench.timing, START).is_err());
        bench.insert(datagrams(&reel, 1)[0]);
        let mut other = datagrams(&reel, 1)[1].to_vec();
        other[24] ^= 1; // another sequence
        let other = Data::parse(&other).unwrap();
        assert!(bench.assembler.insert(&other, true, &mut bench.timing, START).is_err());
    }

    proptest! {
        /// Any five of a frame's fragments and rows, in any order and with others behind them.
        #[test]
        fn any_fragments_and_rows_make_the_frame(order in Just((0..21usize).collect::<Vec<_>>()).prop_shuffle(), short in 0..1416usize) {
            let reel = reel(2, 5 * 1416 - short);
            let mut bench = viewer();
            for number in [1, 2] {
                let rows = rows(&reel, number);
                let all: Vec<&[u8]> = datagrams(&reel, number).into_iter().chain(rows.iter().map(Vec::as_slice)).collect();
                prop_assert_eq!(all.len(), 21);
                for (count, at) in order.iter().enumerate() {
                    prop_assert_eq!(bench.insert(all[*at]) == Insertion::Again, count >= 5);
                }
                expect(&mut bench, &reel, number);
            }
            prop_assert_eq!(bench.assembler.spares.held(), 0);
        }

        /// In any order, with any duplicates, all frames come out whole and in order.
        #[test]
        fn order_and_duplicates_do_not_matter(shuffled in Just((0..40usize).collect::<Vec<_>>()).prop_shuffle(), twice: u8) {
            let reel = reel(8, 6_000);
            let all: Vec<&[u8]> = (1..=8).flat_map(|n| datagrams(&reel, n)).collect();
            prop_assert_eq!(all.len(), 40);
            let mut bench = Bench::new(Patience::Reel);
            let mut out = Vec::new();
            for &at in &shuffled {
                bench.insert(all[at]);
                if at % 7 == usize::from(twice) % 7 {
                    bench.insert(all[at]);
                }
                bench.pass(3 * MS).ask();
                while let Some(next) = bench.assembler.poll(bench.now) {
                    let Next::Frame(frame) = next else { panic!("nothing is missing") };
                    let mut expected = Vec::new();
                    reel.frame(frame.number).unwrap().append_to(&mut expected);
                    prop_assert_eq!(&frame.bytes, &expected);
                    out.push(frame.number.0);
                    bench.assembler.recycle(frame.bytes);
                }
            }
            prop_assert_eq!(out, (1..=8).collect::<Vec<_>>());
            prop_assert_eq!(bench.assembler.spares.held(), 0);
        }
    }
}
