//! Fragments become frames. Frames come out in order; one that does not become whole in time comes out as missing.
//!
//! What of a frame is missed, and when it is asked for, is in [`requests`](super::requests); here is how long a frame is awaited.

use super::events::Frame;
use super::partial::{Fragments, Partial};
use super::requests::{Ask, Insertion, Missed, Quiet, Requests};
use super::timing::Timing;
use crate::time::Time;
use crate::wire::data::{DISCONTINUITY, Data, Header};
use crate::wire::{FrameNumber, ParseError};
use std::collections::VecDeque;
use std::time::Duration;

/// Frames under way at once, the wholly missing ones among them included. More than the sender's lead over what is
/// done with, so that it never happens that one is given up for want of room.
const REACH: usize = 256;

/// A number further ahead than this is nonsense, not a loss: an hour at 18 frames a second.
const MAX_JUMP: usize = 1 << 16;

/// Bytes of frames under way. A server that announces more loses its oldest ones.
const BUDGET: usize = 64 * 1024 * 1024;

/// Frames, and bytes of them, that are kept while nobody takes any: within what is in reach, so that none is given up for it.
const KEPT: usize = 192;
const KEPT_BYTES: usize = 48 * 1024 * 1024;

/// Buffers that are kept for the next frames.
const SPARES: usize = 16;

/// A recorder's frame that is still incomplete after this long will not come: the reel does not reach that far.
const FOREVER: Duration = Duration::from_secs(120);

/// How long a frame is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// For a viewer: this long after the last of it that came by itself, once a newer one was heard of. What cannot come in
    /// time is not asked for.
    Latency(Duration),
    /// For a recorder: until the sender's reel has it no longer.
    Reel,
}

/// What comes out, in order.
#[derive(Debug)]
pub enum Next {
    /// A whole frame.
    Frame(Frame),
    /// A frame that was given up.
    Missing(FrameNumber),
    /// A frame that was not sent to us.
    Skipped(FrameNumber),
}

/// Frames under way.
pub struct Assembler {
    /// The first frame that has not come out.
    next: FrameNumber,
    /// The frames from `next` on that were heard of.
    slots: VecDeque<Slot>,
    patience: Patience,
    held: usize,
    /// The camera was away before a frame that was given up: the next one says so in its place.
    was_away: bool,
    quiet: Quiet,
    buffers: Vec<Vec<u8>>,
    spares: Vec<Spare>,
}

/// Memory of an earlier frame, to be used again.
#[derive(Default)]
struct Spare {
    bits: Vec<u64>,
    asks: Vec<Ask>,
}

struct Slot {
    heard: Time,
    /// When a fragment of it last came by itself, as far as that can be told, or when it was heard of.
    fresh: Time,
    /// The sender has it no longer.
    gone: bool,
    /// There is no time left for a repair.
    given_up: bool,
    /// The sender has left it out.
    skipped: bool,
    missed: Missed,
    /// Once something of it has come.
    partial: Option<Partial>,
}

impl Assembler {
    /// Awaits the frames from `next` on.
    pub fn new(next: FrameNumber, patience: Patience) -> Self {
        Assembler {
            next,
            slots: VecDeque::with_capacity(REACH),
            patience,
            held: 0,
            was_away: false,
            quiet: Quiet::default(),
            buffers: Vec::with_capacity(SPARES),
            spares: Vec::with_capacity(SPARES),
        }
    }

    /// The first frame that has not come out.
    pub fn next_frame(&self) -> FrameNumber {
        self.next
    }

    /// The newest frame that was heard of, or the one before [`next_frame`](Self::next_frame).
    pub fn newest_heard(&self) -> FrameNumber {
        self.next.plus(self.slots.len() as u32).previous()
    }

    /// As many are here as are kept while nobody takes any.
    pub fn is_full(&self) -> bool {
        self.slots.len() >= KEPT || self.held >= KEPT_BYTES
    }

    /// Takes a frame's buffer back.
    pub fn recycle(&mut self, buffer: Vec<u8>) {
        if self.buffers.len() < SPARES {
            self.buffers.push(buffer);
        }
    }

    /// A fragment.
    ///
    /// # Errors
    /// [`ParseError::Field`]: a number out of all reach, or a header that contradicts the frame's earlier ones.
    pub fn insert(
        &mut self,
        data: &Data<'_>,
        timing: &mut Timing,
        now: Time,
    ) -> Result<Insertion, ParseError> {
        let header = &data.header;
        if self.next.is_after(header.number) {
            return Ok(Insertion::Again);
        }
        self.extend(header.number, timing, now)?;
        self.keep_within_budget(header);
        let Some(at) = self.slot_of(header.number) else { return Ok(Insertion::Again) };
        let Some(slot) = self.slots.get_mut(at) else { return Ok(Insertion::Again) };
        // in its place: moved out and back for each fragment, it was a fifth of a recorder's own work
        let partial = slot.partial.get_or_insert_with(|| {
            self.held = self.held.saturating_add(header.length as usize);
            let bytes = self.buffers.pop().unwrap_or_default();
            let Spare { bits, asks } = self.spares.pop().unwrap_or_default();
            slot.missed.begin(header.count(), asks);
            Partial::new(header, bytes, bits)
        });
        if !partial.insert(data, now)? {
            return Ok(Insertion::Again);
        }
        let insertion = slot.missed.on_arrival(header.index, &partial.fragments, timing, now);
        if insertion == Insertion::Fresh {
            let before = (partial.fragments.here() > 1).then_some(slot.fresh);
            self.quiet.on_fresh(before, now);
            (slot.fresh, slot.given_up) = (now, false);
        }
        Ok(insertion)
    }

    /// The sender has sent something of this frame, and all of those before it.
    ///
    /// # Errors
    /// [`ParseError::Field`]: out of all reach.
    pub fn hear_of(&mut self, number: FrameNumber, timing: &Timing, now: Time) -> Result<(), ParseError> {
        self.extend(number, timing, now)
    }

    /// This frame exists, and all before it have been sent.
    fn extend(&mut self, number: FrameNumber, timing: &Timing, now: Time) -> Result<(), ParseError> {
        let Ok(ahead) = usize::try_from(number.since(self.next)) else { return Ok(()) };
        if ahead >= MAX_JUMP {
            return Err(ParseError::Field("frame number"));
        }
        while self.slots.len() <= ahead {
            if let Some(last) = self.slots.back_mut() {
                last.close(true, timing, now);
            }
            self.slots.push_back(Slot {
                heard: now,
                fresh: now,
                gone: false,
                given_up: false,
                skipped: false,
                missed: Missed::default(),
                partial: None,
            });
        }
        // What lies too far back is given up; poll() takes it out before anything else happens.
        let excess = self.slots.len().saturating_sub(REACH);
        self.slots.iter_mut().take(excess).for_each(|slot| slot.gone = true);
        Ok(())
    }

    /// The sender has no frame before this one any more: what is incomplete of them is given up.
    pub fn forget_before(&mut self, oldest: FrameNumber) {
        let Ok(count) = usize::try_from(oldest.since(self.next)) else { return };
        self.slots.iter_mut().take(count).for_each(|slot| slot.gone = true);
    }

    /// The sender has left these frames out: bit `i` is the one `i + 1` before `newest`. All bits together are a
    /// leap longer than they can tell: what a viewer has not even begun to get before it was left out too.
    pub fn skip(&mut self, newest: FrameNumber, skipped: u32) {
        if skipped == u32::MAX && matches!(self.patience, Patience::Latency(_)) {
            self.skip_before(newest);
        }
        for bit in 0..32u32 {
            let number = FrameNumber(newest.0.wrapping_sub(bit.saturating_add(1)));
            let Ok(at) = usize::try_from(number.since(self.next)) else { return };
            if skipped & (1 << bit) != 0 {
                if let Some(slot) = self.slots.get_mut(at) {
                    slot.skipped = true;
                }
            }
        }
    }

    /// What has not begun before this frame will not come: a viewer's stream begins with what it is shown first.
    pub fn skip_before(&mut self, number: FrameNumber) {
        let Ok(count) = usize::try_from(number.since(self.next)) else { return };
        let empty = self.slots.iter_mut().take(count).filter(|slot| slot.partial.is_none());
        empty.for_each(|slot| slot.skipped = true);
    }

    fn keep_within_budget(&mut self, header: &Header) {
        let fits = BUDGET.saturating_sub(header.length as usize);
        let mut held = self.held;
        for slot in &mut self.slots {
            if held <= fits {
                break;
            }
            if let Some(partial) = slot.partial.as_ref().filter(|partial| !partial.fragments.is_whole()) {
                held = held.saturating_sub(partial.bytes.len());
                slot.gone = true;
            }
        }
    }

    fn slot_of(&self, number: FrameNumber) -> Option<usize> {
        let at = usize::try_from(number.since(self.next)).ok()?;
        self.slots.get(at).filter(|slot| !slot.gone).map(|_| at)
    }

    /// The next frame, whole or given up; none while the first one is still awaited. Changes with every input and with time.
    #[must_use]
    pub fn poll(&mut self, now: Time) -> Option<Next> {
        let first = self.slots.front()?;
        let is_whole = first.is_whole();
        let is_over = first.gone || first.skipped || now >= self.deadline(first, self.slots.len() == 1);
        if !is_whole && !is_over {
            return None;
        }
        let Slot { partial, missed, skipped, .. } = self.slots.pop_front()?;
        let number = self.next;
        self.next = number.next();
        let Some(partial) = partial else {
            return Some(if skipped { Next::Skipped(number) } else { Next::Missing(number) });
        };
        self.held = self.held.saturating_sub(partial.bytes.len());
        Some(self.take(number, partial, missed))
    }

    fn take(&mut self, number: FrameNumber, partial: Partial, missed: Missed) -> Next {
        let (stamp, flags) = (partial.stamp, partial.flags);
        let (begun, arrived) = (partial.begun, partial.newest);
        let (repaired, fragments) = (missed.repaired(), partial.fragments.count());
        let is_whole = partial.fragments.is_whole();
        self.quiet.on_frame();
        let (bytes, bits) = partial.take();
        if self.spares.len() < SPARES {
            self.spares.push(Spare { bits, asks: missed.take() });
        }
        self.was_away |= flags & DISCONTINUITY != 0;
        if !is_whole {
            self.recycle(bytes);
            return Next::Missing(number);
        }
        let discontinuity = std::mem::take(&mut self.was_away);
        Next::Frame(Frame { number, stamp, discontinuity, bytes, begun, arrived, repaired, fragments })
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

    /// Nothing has come for a while: the rest of the newest frame is missed.
    pub fn check_quiet(&mut self, timing: &Timing, now: Time) {
        if now >= self.quiet_due() {
            if let Some(last) = self.slots.back_mut() {
                last.close(false, timing, now);
            }
        }
    }

    /// When the rest of the newest frame is missed.
    pub(super) fn quiet_due(&self) -> Time {
        match self.slots.back() {
            Some(last) if !last.missed.is_closed() && !last.is_whole() => self.quiet.due(),
            _ => Time::NEVER,
        }
    }

    /// When something is to be asked for, missed, or given up.
    pub fn next_timeout(&self) -> Time {
        let given_up =
            self.slots.front().map_or(Time::NEVER, |slot| self.deadline(slot, self.slots.len() == 1));
        given_up.min(self.quiet_due())
    }

    /// When something is to be asked for.
    pub fn ask_due(&self) -> Time {
        self.slots.iter().map(|slot| slot.due()).min().unwrap_or(Time::NEVER)
    }

    /// What is due to be asked for, oldest first, as far as one CONTINUE holds it.
    pub fn requests(&mut self, timing: &Timing, now: Time) -> Requests {
        let mut list = Requests::new();
        let answer = self.least_answer(timing);
        for at in 0..self.slots.len() {
            let Some(slot) = self.slots.get(at) else { break };
            if slot.due() > now {
                continue;
            }
            let is_newest = at.saturating_add(1) == self.slots.len();
            let (number, until) = (self.next.plus(at as u32), self.deadline(slot, is_newest));
            let Some(slot) = self.slots.get_mut(at) else { break };
            if now.after(answer) > until {
                slot.given_up = true;
                continue;
            }
            slot.request(number, &mut list, timing, now);
        }
        list
    }
}

impl Slot {
    fn is_whole(&self) -> bool {
        self.fragments().is_some_and(Fragments::is_whole)
    }

    fn fragments(&self) -> Option<&Fragments> {
        self.partial.as_ref().map(|partial| &partial.fragments)
    }

    /// All of it has been sent, surely if others have `overtaken` it: what has not come is missed.
    fn close(&mut self, overtaken: bool, timing: &Timing, now: Time) {
        let here = self.partial.as_ref().map(|partial| &partial.fragments);
        self.missed.close(overtaken, here, timing, now);
    }

    /// When something of it is to be asked for.
    fn due(&self) -> Time {
        if self.gone || self.given_up || self.skipped || self.is_whole() {
            return Time::NEVER;
        }
        self.missed.due()
    }

    fn request(&mut self, number: FrameNumber, list: &mut Requests, timing: &Timing, now: Time) {
        let here = self.partial.as_ref().map(|partial| &partial.fragments);
        self.missed.request(number, here, list, timing, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jpeg::Size;
    use crate::reel::Reel;
    use crate::time::Stamp;
    use crate::wire::StreamId;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);
    const LATENCY: Duration = Duration::from_millis(120);
    const START: Time = Time::from_millis(5_000);

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

    struct Bench {
        assembler: Assembler,
        timing: Timing,
        now: Time,
    }

    impl Bench {
        fn new(patience: Patience) -> Self {
            let mut timing = Timing::new(matches!(patience, Patience::Latency(_)));
            (0..30).for_each(|_| timing.on_round_trip(40 * MS));
            Bench { assembler: Assembler::new(FrameNumber(1), patience), timing, now: START }
        }

        fn insert(&mut self, datagram: &[u8]) -> Insertion {
            self.assembler.insert(&Data::parse(datagram).unwrap(), &mut self.timing, self.now).unwrap()
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
            let list = self.assembler.requests(&self.timing, self.now);
            list.iter().map(|m| (m.number.0, m.first, m.count)).collect()
        }

        fn drain(&mut self) -> Vec<Result<u32, u32>> {
            std::iter::from_fn(|| self.assembler.poll(self.now))
                .map(|next| match next {
                    Next::Frame(frame) => Ok(frame.number.0),
                    Next::Missing(number) | Next::Skipped(number) => Err(number.0),
                })
                .collect()
        }
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
        bench.assembler.skip(FrameNumber(4), 0b011);
        assert_eq!(bench.drain(), [Err(2), Err(3), Ok(4)]);
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
        bench.insert_all(&reel, 600);
        let out = bench.drain();
        assert_eq!(out[0], Ok(1));
        assert_eq!(out[1..], (2..=344).map(Err).collect::<Vec<_>>());
        assert_eq!(bench.assembler.slots.len(), REACH);
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
        assert!(bench.assembler.insert(&other, &mut bench.timing, START).is_err());
    }

    proptest! {
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
            prop_assert_eq!(bench.assembler.held, 0);
        }
    }
}
