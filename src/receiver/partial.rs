//! A frame under way: which of its fragments are here, and when the others are asked for.

use super::timing::{TOO_SOON, Timing};
use crate::time::{Stamp, Time};
use crate::wire::client::{MAX_MISSING, Missing};
use crate::wire::data::{Data, Header};
use crate::wire::{FrameNumber, ParseError};
use arrayvec::ArrayVec;
use std::time::Duration;

/// The list that one CONTINUE carries.
pub type Requests = ArrayVec<Missing, MAX_MISSING>;

/// What is known of something that has not come: a fragment, or a frame as a whole.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    suspected: Time,
    asked: Time,
    due: Time,
    tries: u8,
    /// Others have overtaken it, so it has been sent: if it comes by itself, that tells of the path. Otherwise it is only
    /// silent, and the sender may not have come to it yet.
    overtaken: bool,
}

/// A silence that requests do not end is the sender's own: from this try on the waits double.
const SILENT_TRIES: u8 = 2;

/// What comes this soon after an answer belongs to it: the sender sends it in bursts.
const SAME_ANSWER: Duration = Duration::from_millis(5);

impl Ask {
    /// Not missed yet.
    pub const NONE: Ask =
        Ask { suspected: Time::NEVER, asked: Time::NEVER, due: Time::NEVER, tries: 0, overtaken: false };

    /// Missed since `now`; to be asked for after the hold.
    pub fn missed(now: Time, hold: Duration, overtaken: bool) -> Self {
        Ask { suspected: now, due: now.after(hold), overtaken, ..Ask::NONE }
    }

    /// When it is to be asked for.
    pub fn due(&self) -> Time {
        self.due
    }

    /// It is being asked for.
    pub fn on_asked(&mut self, now: Time, timing: &Timing) {
        self.tries = self.tries.saturating_add(1);
        self.asked = now;
        let silence = if self.overtaken { 0 } else { self.tries.saturating_sub(SILENT_TRIES).min(8) };
        self.due = now.after(timing.repeat(self.tries).saturating_mul(1 << silence));
    }

    /// Something that was sent after it has come.
    pub(super) fn on_overtaken(&mut self, timing: &Timing, now: Time) {
        if std::mem::replace(&mut self.overtaken, true) {
            return;
        }
        // before that the sender may have paused
        self.suspected = now;
        if self.tries > SILENT_TRIES {
            self.due = self.due.min(self.asked.after(timing.repeat(self.tries)).max(now));
        }
    }

    /// It has come; `answered` is when an answer last came of its frame. True: as the answer to a request.
    fn on_arrival(&self, answered: Option<Time>, timing: &mut Timing, now: Time) -> bool {
        let since_asked = now.since(self.asked);
        let is_own = if self.overtaken {
            self.tries == 1 && since_asked < timing.answer().mul_f32(TOO_SOON)
        } else {
            let is_rest = answered.is_some_and(|at| now.since(at) <= SAME_ANSWER);
            !is_rest && !timing.is_answer(since_asked, now)
        };
        if self.tries == 0 || is_own {
            if self.overtaken && self.suspected != Time::NEVER {
                timing.on_late(now.since(self.suspected));
            }
            return false;
        }
        if self.overtaken {
            timing.on_loss(now);
        }
        if self.tries == 1 && answered.is_none() {
            // Karn: which of several requests was answered, nobody knows
            timing.on_round_trip(since_asked);
        }
        true
    }
}

/// A fragment's fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insertion {
    /// It came by itself.
    Fresh,
    /// It was asked for.
    Repaired,
    /// It was here already, or its frame has come out.
    Again,
}

/// A frame of which something has come.
pub struct Partial {
    pub(super) length: u32,
    pub(super) size: u16,
    pub(super) flags: u8,
    pub(super) stamp: Stamp,
    pub(super) bytes: Vec<u8>,
    /// When its first fragment came, and its newest.
    pub(super) begun: Time,
    pub(super) newest: Time,
    /// Fragments that had to be asked for, and when the latest of them came.
    pub(super) repaired: u32,
    answered: Option<Time>,
    /// A bit for each fragment that is here.
    have: Vec<u64>,
    left: u32,
    /// What is missing before this fragment has been missed.
    reach: u32,
    /// What is missing before this fragment has been sent for sure.
    sent: u32,
    /// One a fragment; empty while nothing is missed.
    asks: Vec<Ask>,
    /// No fragment is due before.
    due: Time,
}

/// Memory of an earlier frame, to be used again.
#[derive(Default)]
pub struct Spare {
    have: Vec<u64>,
    asks: Vec<Ask>,
}

impl Partial {
    /// A frame whose first fragment has this header. If the frame as a whole was missed before, its fragments are.
    pub fn new(header: &Header, whole: Ask, mut bytes: Vec<u8>, spare: Spare) -> Self {
        bytes.resize(header.length as usize, 0);
        let Spare { mut have, mut asks } = spare;
        have.resize((header.count() as usize).div_ceil(64), 0);
        let is_missed = whole.suspected != Time::NEVER;
        if is_missed {
            asks.resize(header.count() as usize, whole);
        }
        Partial {
            length: header.length,
            size: header.size,
            flags: header.flags,
            stamp: header.stamp,
            bytes,
            begun: Time::NEVER,
            newest: Time::default(),
            repaired: 0,
            answered: None,
            have,
            left: header.count(),
            reach: if is_missed { header.count() } else { 0 },
            sent: 0,
            asks,
            due: whole.due,
        }
    }

    /// True if nothing is missing.
    pub fn is_whole(&self) -> bool {
        self.left == 0
    }

    /// Fragments of the frame.
    pub fn count(&self) -> u32 {
        crate::wire::data::fragment_count(self.length, self.size)
    }

    /// True if the newest fragment was not the first one.
    pub fn has_more_than_one(&self) -> bool {
        self.count().saturating_sub(self.left) > 1
    }

    /// All before fragment `end` has been sent: what is only silent so far has been overtaken.
    pub fn on_overtaken(&mut self, end: u32, timing: &Timing, now: Time) {
        for index in self.sent..end.min(self.asks.len() as u32) {
            let (is_here, Some(ask)) = (self.has(index), self.asks.get_mut(index as usize)) else { break };
            if !is_here && ask.due != Time::NEVER {
                ask.on_overtaken(timing, now);
                self.due = self.due.min(ask.due);
            }
        }
        self.sent = self.sent.max(end);
    }

    /// When something of it is to be asked for, at the earliest.
    pub fn due(&self) -> Time {
        if self.is_whole() { Time::NEVER } else { self.due }
    }

    /// Takes a fragment.
    ///
    /// # Errors
    /// [`ParseError::Field`]: its header contradicts the frame's earlier ones.
    pub fn insert(
        &mut self,
        data: &Data<'_>,
        timing: &mut Timing,
        now: Time,
    ) -> Result<Insertion, ParseError> {
        let header = &data.header;
        let same = header.length == self.length && header.size == self.size && header.stamp == self.stamp;
        if !same {
            return Err(ParseError::Field("header of a known frame"));
        }
        let (word, bit) = place(u32::from(header.index));
        let Some(word) = self.have.get_mut(word) else { return Err(ParseError::Field("fragment index")) };
        if *word & bit != 0 {
            return Ok(Insertion::Again);
        }
        let start = header.offset() as usize;
        let to = self.bytes.get_mut(start..start.saturating_add(data.payload.len()));
        to.ok_or(ParseError::Field("fragment offset"))?.copy_from_slice(data.payload);
        *word |= bit;
        self.left = self.left.saturating_sub(1);
        self.begun = self.begun.min(now);
        self.newest = now;
        let ask = self.asks.get(usize::from(header.index)).copied().unwrap_or(Ask::NONE);
        let is_answer = ask.on_arrival(self.answered, timing, now);
        self.on_overtaken(u32::from(header.index), timing, now);
        self.miss_before(u32::from(header.index), true, timing.hold(), now);
        self.reach = self.reach.max(u32::from(header.index).saturating_add(1));
        if is_answer {
            self.repaired = self.repaired.saturating_add(1);
            self.answered = Some(now);
            return Ok(Insertion::Repaired);
        }
        Ok(Insertion::Fresh)
    }

    /// What is missing before fragment `end` is missed from now on.
    pub fn miss_before(&mut self, end: u32, overtaken: bool, hold: Duration, now: Time) {
        let ask = Ask::missed(now, hold, overtaken);
        for index in self.reach..end {
            if self.has(index) {
                continue;
            }
            if self.asks.is_empty() {
                self.asks.resize(self.count() as usize, Ask::NONE);
            }
            if let Some(slot) = self.asks.get_mut(index as usize) {
                *slot = ask;
                self.due = self.due.min(ask.due);
            }
        }
        self.reach = self.reach.max(end);
    }

    /// Puts what is due into `list`, as far as there is room.
    pub fn request(&mut self, number: FrameNumber, list: &mut Requests, timing: &Timing, now: Time) {
        let mut due = Time::NEVER;
        for index in 0..self.reach {
            if self.has(index) {
                continue;
            }
            let Some(ask) = self.asks.get_mut(index as usize) else { break };
            if ask.due <= now && append(list, number, index) {
                ask.on_asked(now, timing);
            }
            due = due.min(ask.due);
        }
        self.due = due;
    }

    fn has(&self, index: u32) -> bool {
        let (word, bit) = place(index);
        self.have.get(word).is_some_and(|word| word & bit != 0)
    }

    /// The frame's bytes, and the rest of its memory for another frame.
    pub fn take(mut self) -> (Vec<u8>, Spare) {
        self.have.clear();
        self.asks.clear();
        (self.bytes, Spare { have: self.have, asks: self.asks })
    }
}

/// Adds a fragment to the list's last entry, or as a new one. False: the list is full.
fn append(list: &mut Requests, number: FrameNumber, index: u32) -> bool {
    let Ok(index) = u16::try_from(index) else { return false };
    if let Some(last) = list.last_mut() {
        if last.number == number && last.count > 0 && last.first.saturating_add(last.count) == index {
            last.count = last.count.saturating_add(1);
            return true;
        }
    }
    list.try_push(Missing { number, first: index, count: 1 }).is_ok()
}

fn place(index: u32) -> (usize, u64) {
    ((index / 64) as usize, 1 << (index % 64))
}
