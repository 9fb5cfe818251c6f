//! Fragments become frames. Frames come out in order; one that does not become whole in time comes out as missing.

use super::Frame;
use crate::time::{Stamp, Time};
use crate::wire::client::{MAX_MISSING, Missing};
use crate::wire::data::{DISCONTINUITY, Data, Header};
use crate::wire::{FrameNumber, Malformed};
use arrayvec::ArrayVec;
use std::collections::VecDeque;
use std::time::Duration;

/// Frames under way at once, the wholly missing ones among them included. Twice the sender's window.
const REACH: usize = 64;

/// A number further ahead than this is nonsense, not a loss: an hour at 18 frames a second.
const MAX_JUMP: usize = 1 << 16;

/// Octets of frames under way. A server that announces more loses its oldest ones.
const BUDGET: usize = 64 * 1024 * 1024;

/// Buffers that are kept for the next frames.
const SPARES: usize = 16;

/// What comes out, in order.
#[derive(Debug)]
pub enum Next {
    /// A whole frame.
    Frame(Frame),
    /// A frame that was given up.
    Missing(FrameNumber),
}

/// Frames under way.
pub struct Assembler {
    /// The first frame that has not come out.
    next: FrameNumber,
    /// The frames from `next` on that were heard of.
    slots: VecDeque<Slot>,
    patience: Duration,
    held: usize,
    spares: Vec<Vec<u8>>,
    spare_maps: Vec<Vec<u64>>,
}

struct Slot {
    heard: Time,
    /// The sender has it no longer.
    gone: bool,
    partial: Option<Partial>,
}

struct Partial {
    length: u32,
    size: u16,
    flags: u8,
    stamp: Stamp,
    bytes: Vec<u8>,
    /// A bit for each fragment that is here.
    have: Vec<u64>,
    left: u32,
    newest: Time,
}

impl Assembler {
    /// Awaits the frames from `next` on, each for at most `patience` after it was first heard of.
    pub fn new(next: FrameNumber, patience: Duration) -> Self {
        Assembler {
            next,
            slots: VecDeque::with_capacity(REACH),
            patience,
            held: 0,
            spares: Vec::with_capacity(SPARES),
            spare_maps: Vec::with_capacity(SPARES),
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

    /// Takes a frame's buffer back.
    pub fn recycle(&mut self, buffer: Vec<u8>) {
        if self.spares.len() < SPARES {
            self.spares.push(buffer);
        }
    }

    /// A fragment. False: it was here already, or its frame has come out.
    ///
    /// # Errors
    /// [`Malformed::Field`]: a number out of all reach, or a header that contradicts the frame's earlier ones.
    pub fn insert(&mut self, data: &Data<'_>, now: Time) -> Result<bool, Malformed> {
        let header = &data.header;
        if self.next.is_after(header.number) {
            return Ok(false);
        }
        self.hear_of(header.number, now)?;
        self.keep_within_budget(header);
        let Some(slot) = self.slot_of(header.number) else { return Ok(false) };
        let mut partial = match self.slots.get_mut(slot).and_then(|slot| slot.partial.take()) {
            Some(partial) => partial,
            None => self.begin(header),
        };
        let outcome = partial.insert(data, now);
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.partial = Some(partial);
        }
        outcome
    }

    fn begin(&mut self, header: &Header) -> Partial {
        let mut bytes = self.spares.pop().unwrap_or_default();
        bytes.resize(header.length as usize, 0);
        let mut have = self.spare_maps.pop().unwrap_or_default();
        have.resize((header.count() as usize).div_ceil(64), 0);
        self.held = self.held.saturating_add(bytes.len());
        Partial {
            length: header.length,
            size: header.size,
            flags: header.flags,
            stamp: header.stamp,
            bytes,
            have,
            left: header.count(),
            newest: Time::default(),
        }
    }

    /// This frame exists, and all before it.
    ///
    /// # Errors
    /// [`Malformed::Field`]: out of all reach.
    pub fn hear_of(&mut self, number: FrameNumber, now: Time) -> Result<(), Malformed> {
        let Ok(ahead) = usize::try_from(number.since(self.next)) else { return Ok(()) };
        if ahead >= MAX_JUMP {
            return Err(Malformed::Field("frame number"));
        }
        while self.slots.len() <= ahead {
            self.slots.push_back(Slot { heard: now, gone: false, partial: None });
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

    fn keep_within_budget(&mut self, header: &Header) {
        let fits = BUDGET.saturating_sub(header.length as usize);
        let mut held = self.held;
        for slot in &mut self.slots {
            if held <= fits {
                break;
            }
            if let Some(partial) = slot.partial.as_ref().filter(|partial| partial.left > 0) {
                held = held.saturating_sub(partial.bytes.len());
                slot.gone = true;
            }
        }
    }

    fn slot_of(&self, number: FrameNumber) -> Option<usize> {
        let at = usize::try_from(number.since(self.next)).ok()?;
        self.slots.get(at).filter(|slot| !slot.gone).map(|_| at)
    }

    /// The next frame, whole or given up; none while the first one is still awaited.
    pub fn poll(&mut self, now: Time) -> Option<Next> {
        let first = self.slots.front()?;
        let is_whole = first.partial.as_ref().is_some_and(|partial| partial.left == 0);
        let is_over = first.gone || now >= first.heard.after(self.patience);
        if !is_whole && !is_over {
            return None;
        }
        let partial = self.slots.pop_front()?.partial;
        let number = self.next;
        self.next = number.next();
        let Some(mut partial) = partial else { return Some(Next::Missing(number)) };
        self.held = self.held.saturating_sub(partial.bytes.len());
        partial.have.clear();
        if self.spare_maps.len() < SPARES {
            self.spare_maps.push(std::mem::take(&mut partial.have));
        }
        if !is_whole {
            self.recycle(partial.bytes);
            return Some(Next::Missing(number));
        }
        Some(Next::Frame(Frame {
            number,
            stamp: partial.stamp,
            discontinuity: partial.flags & DISCONTINUITY != 0,
            bytes: partial.bytes,
            arrived: partial.newest,
        }))
    }

    /// When the first frame under way is given up.
    pub fn next_timeout(&self) -> Time {
        self.slots.front().map_or(Time::NEVER, |slot| slot.heard.after(self.patience))
    }

    /// What is missing before the newest frame, oldest first, as far as one CONTINUE holds it.
    pub fn missing(&self) -> ArrayVec<Missing, MAX_MISSING> {
        let mut list = ArrayVec::new();
        let older = self.slots.len().saturating_sub(1);
        for (at, slot) in self.slots.iter().take(older).enumerate() {
            let number = self.next.plus(at as u32);
            match &slot.partial {
                None => push(&mut list, Missing { number, first: 0, count: 0 }),
                Some(partial) => {
                    partial.gaps(|first, count| push(&mut list, Missing { number, first, count }));
                }
            }
        }
        list
    }
}

fn push(list: &mut ArrayVec<Missing, MAX_MISSING>, missing: Missing) {
    let _ = list.try_push(missing);
}

impl Partial {
    fn insert(&mut self, data: &Data<'_>, now: Time) -> Result<bool, Malformed> {
        let header = &data.header;
        let same = header.length == self.length && header.size == self.size && header.stamp == self.stamp;
        if !same {
            return Err(Malformed::Field("header of a known frame"));
        }
        let (word, bit) = place(header.index);
        let Some(word) = self.have.get_mut(word) else { return Err(Malformed::Field("fragment index")) };
        if *word & bit != 0 {
            return Ok(false);
        }
        let start = header.offset() as usize;
        let to = self.bytes.get_mut(start..start.saturating_add(data.payload.len()));
        let to = to.ok_or(Malformed::Field("fragment offset"))?;
        to.copy_from_slice(data.payload);
        *word |= bit;
        self.left = self.left.saturating_sub(1);
        self.newest = now;
        Ok(true)
    }

    /// Runs of fragments that are not here: the first of each, and how many.
    fn gaps(&self, mut each: impl FnMut(u16, u16)) {
        if self.left == 0 {
            return;
        }
        let count = crate::wire::data::fragment_count(self.length, self.size).min(u32::from(u16::MAX)) as u16;
        let mut run = 0;
        for index in 0..=count {
            let (word, bit) = place(index);
            let is_here = index == count || self.have.get(word).is_some_and(|word| word & bit != 0);
            if !is_here {
                run = u16::saturating_add(run, 1);
            } else if run > 0 {
                each(index.saturating_sub(run), run);
                run = 0;
            }
        }
    }
}

fn place(index: u16) -> (usize, u64) {
    (usize::from(index / 64), 1 << (index % 64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jpeg::Size;
    use crate::reel::Reel;
    use crate::wire::StreamId;
    use proptest::prelude::*;

    const PATIENCE: Duration = Duration::from_millis(200);
    const START: Time = Time::from_millis(5_000);

    /// A reel with frames 1 to `count`, of `length` octets each.
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

    fn insert(assembler: &mut Assembler, datagram: &[u8]) -> bool {
        assembler.insert(&Data::parse(datagram).unwrap(), START).unwrap()
    }

    fn drain(assembler: &mut Assembler, now: Time) -> Vec<Result<u32, u32>> {
        std::iter::from_fn(|| assembler.poll(now))
            .map(|next| match next {
                Next::Frame(frame) => Ok(frame.number.0),
                Next::Missing(number) => Err(number.0),
            })
            .collect()
    }

    #[test]
    fn a_gap_holds_later_frames_back_until_patience_ends() {
        let reel = reel(3, 4_000);
        let mut assembler = Assembler::new(FrameNumber(1), PATIENCE);
        for number in [1, 3] {
            datagrams(&reel, number).iter().for_each(|d| assert!(insert(&mut assembler, d)));
        }
        insert(&mut assembler, datagrams(&reel, 2)[1]);
        assert_eq!(drain(&mut assembler, START), [Ok(1)]);
        let missing = |first, count| Missing { number: FrameNumber(2), first, count };
        assert_eq!(assembler.missing()[..], [missing(0, 1), missing(2, 1)]);
        assert_eq!(assembler.next_timeout(), START.after(PATIENCE));
        assert_eq!(drain(&mut assembler, START.after(PATIENCE)), [Err(2), Ok(3)]);
        assert!(!insert(&mut assembler, datagrams(&reel, 2)[0]), "too late");
    }

    #[test]
    fn a_frame_of_which_nothing_came_is_asked_for_whole() {
        let reel = reel(3, 2_000);
        let mut assembler = Assembler::new(FrameNumber(1), PATIENCE);
        insert(&mut assembler, datagrams(&reel, 2)[0]);
        assert_eq!(assembler.missing()[..], [Missing { number: FrameNumber(1), first: 0, count: 0 }]);
        assert_eq!(assembler.newest_heard(), FrameNumber(2));
    }

    #[test]
    fn a_jump_gives_up_what_lies_too_far_back() {
        let reel = reel(200, 1_000);
        let mut assembler = Assembler::new(FrameNumber(1), PATIENCE);
        insert(&mut assembler, datagrams(&reel, 1)[0]);
        insert(&mut assembler, datagrams(&reel, 200)[0]);
        let out = drain(&mut assembler, START);
        assert_eq!(out[0], Ok(1));
        assert_eq!(out[1..], (2..=136).map(Err).collect::<Vec<_>>());
        assert_eq!(assembler.slots.len(), REACH);
    }

    #[test]
    fn numbers_out_of_reach_and_contradictions_are_refused() {
        let reel = reel(2, 4_000);
        let mut assembler = Assembler::new(FrameNumber(1), PATIENCE);
        assert!(assembler.hear_of(FrameNumber(1 + MAX_JUMP as u32), START).is_err());
        insert(&mut assembler, datagrams(&reel, 1)[0]);
        let mut other = datagrams(&reel, 1)[1].to_vec();
        other[24] ^= 1; // another sequence
        assert!(assembler.insert(&Data::parse(&other).unwrap(), START).is_err());
    }

    #[test]
    fn what_the_sender_has_no_longer_is_not_awaited() {
        let mut assembler = Assembler::new(FrameNumber(1), PATIENCE);
        assembler.hear_of(FrameNumber(4), START).unwrap();
        assembler.forget_before(FrameNumber(3));
        assert_eq!(drain(&mut assembler, START), [Err(1), Err(2)]);
    }

    proptest! {
        /// In any order, with any duplicates, all frames come out whole and in order.
        #[test]
        fn order_and_duplicates_do_not_matter(shuffled in Just((0..40usize).collect::<Vec<_>>()).prop_shuffle(), twice: u8) {
            let reel = reel(8, 6_000);
            let all: Vec<&[u8]> = (1..=8).flat_map(|n| datagrams(&reel, n)).collect();
            prop_assert_eq!(all.len(), 40);
            let mut assembler = Assembler::new(FrameNumber(1), PATIENCE);
            let mut out = Vec::new();
            for &at in &shuffled {
                insert(&mut assembler, all[at]);
                if at % 7 == usize::from(twice) % 7 {
                    insert(&mut assembler, all[at]);
                }
                while let Some(next) = assembler.poll(START) {
                    let Next::Frame(frame) = next else { panic!("nothing is missing") };
                    let mut expected = Vec::new();
                    reel.frame(frame.number).unwrap().append_to(&mut expected);
                    prop_assert_eq!(&frame.bytes, &expected);
                    out.push(frame.number.0);
                    assembler.recycle(frame.bytes);
                }
            }
            prop_assert_eq!(out, (1..=8).collect::<Vec<_>>());
            prop_assert_eq!(assembler.held, 0);
        }
    }
}
