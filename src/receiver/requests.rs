//! What is asked for again, and when: the one register of what has not come.
//!
//! | what | is missed | and asked for |
//! |---|---|---|
//! | a fragment | when a later one of its frame has come, or a later frame | after the hold: it may only be late |
//! | the rest of the newest frame | when nothing has come for a while (`Quiet`) | after the hold |
//! | a frame of which nothing has come | when a later one was heard of, or nothing comes | as a whole, after the hold |
//!
//! Each is asked for again when the answer is late, which is [`Timing::repeat`](super::timing::Timing::repeat), until it is here
//! or its frame is given up ([`Assembler::poll`](super::assembler::Assembler::poll)). What is due goes into the next CONTINUE,
//! oldest first ([`Assembler::requests`](super::assembler::Assembler::requests)), which is said more than once (`reports`).
//!
//! To a viewer come parity rows in place of what it asks for. Each stands in for any fragment: of what is due as many are not
//! asked for again as rows have come, and the last of a frame need not be missed at all.

use super::partial::Fragments;
use super::timing::{TOO_SOON, Timing};
use crate::time::Time;
use crate::wire::FrameNumber;
use crate::wire::client::{MAX_MISSING, Missing};
use arrayvec::ArrayVec;
use std::time::Duration;

/// The list that one CONTINUE carries.
pub type Requests = ArrayVec<Missing, MAX_MISSING>;

/// What is known of something that has not come: a fragment, or a frame as a whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
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
    const NONE: Ask =
        Ask { suspected: Time::NEVER, asked: Time::NEVER, due: Time::NEVER, tries: 0, overtaken: false };

    /// Missed since `now`; to be asked for after the hold.
    fn missed(now: Time, hold: Duration, overtaken: bool) -> Self {
        Ask { suspected: now, due: now.after(hold), overtaken, ..Ask::NONE }
    }

    /// It is being asked for.
    fn on_asked(&mut self, now: Time, timing: &Timing) {
        self.tries = self.tries.saturating_add(1);
        self.asked = now;
        let silence = if self.overtaken { 0 } else { self.tries.saturating_sub(SILENT_TRIES).min(8) };
        self.due = now.after(timing.repeat(self.tries).saturating_mul(1 << silence));
    }

    /// Something that was sent after it has come.
    fn on_overtaken(&mut self, timing: &Timing, now: Time) {
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
            // Karn: with several requests it is not known which one was answered
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
    /// The same, though it was asked for: the answer is under way.
    Crossed,
    /// It was asked for.
    Repaired,
    /// It was here already, or its frame has come out.
    Again,
    /// Nothing vouches for it, and it does not agree with what is known.
    Doubtful,
}

/// What is missed of one frame.
#[derive(Debug)]
pub(super) struct Missed {
    /// The frame as a whole, while nothing of it has come.
    whole: Ask,
    /// One a fragment; empty while none is missed.
    asks: Vec<Ask>,
    /// What is missing before this fragment has been missed.
    reach: u32,
    /// What is missing before this fragment has been sent for sure.
    sent: u32,
    /// All of it has been sent: what is missing is missed.
    is_closed: bool,
    /// Nothing is due before.
    due: Time,
    /// Fragments that came because they were asked for, and when the latest of them did.
    repaired: u32,
    answered: Option<Time>,
    /// When something was asked for first, and last.
    asked: Option<(Time, Time)>,
}

impl Default for Missed {
    fn default() -> Self {
        Missed {
            whole: Ask::NONE,
            asks: Vec::new(),
            reach: 0,
            sent: 0,
            is_closed: false,
            due: Time::NEVER,
            repaired: 0,
            answered: None,
            asked: None,
        }
    }
}

impl Missed {
    /// When something is to be asked for, at the earliest.
    pub(super) fn due(&self) -> Time {
        self.due
    }

    /// All of the frame has been sent.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Fragments that came because they were asked for.
    pub(super) fn repaired(&self) -> u32 {
        self.repaired
    }

    /// The first fragment of the frame is about to come: `count` of them there are. If the frame as a whole was missed, they are.
    /// `asks` is memory of an earlier frame.
    pub(super) fn begin(&mut self, count: u32, asks: Vec<Ask>) {
        self.asks = asks;
        if self.whole.suspected != Time::NEVER {
            self.asks.resize(count as usize, self.whole);
            self.reach = count;
        }
    }

    /// This fragment has come, and is one of those that are `here`.
    pub(super) fn on_arrival(
        &mut self,
        index: u16,
        here: &Fragments,
        timing: &mut Timing,
        now: Time,
    ) -> Insertion {
        let ask = self.asks.get(usize::from(index)).copied();
        let index = u32::from(index);
        if ask.is_none() && index <= self.reach {
            // the next one, and none before it is missed
            (self.sent, self.reach) = (self.sent.max(index), self.reach.max(index.saturating_add(1)));
            return Insertion::Fresh;
        }
        let ask = ask.unwrap_or(Ask::NONE);
        let is_answer = ask.on_arrival(self.answered, timing, now);
        self.on_overtaken(index, here, timing, now);
        self.miss_before(index, true, here, timing, now);
        self.reach = self.reach.max(index.saturating_add(1));
        if !is_answer {
            return if ask.tries > 0 { Insertion::Crossed } else { Insertion::Fresh };
        }
        self.repaired = self.repaired.saturating_add(1);
        self.answered = Some(now);
        Insertion::Repaired
    }

    /// A row of the frame's parity has come: an answer, since nobody sends one unasked.
    pub(super) fn on_row(&mut self, timing: &mut Timing, now: Time) -> Insertion {
        if let Some((_, last)) = self.asked.filter(|(first, last)| first == last && self.answered.is_none()) {
            // Karn, as above
            timing.on_round_trip(now.since(last));
        }
        timing.on_loss(now);
        self.repaired = self.repaired.saturating_add(1);
        self.answered = Some(now);
        Insertion::Repaired
    }

    /// All of the frame has been sent, surely if others have `overtaken` it: what is not `here` is missed.
    pub(super) fn close(&mut self, overtaken: bool, here: Option<&Fragments>, timing: &Timing, now: Time) {
        let was_closed = std::mem::replace(&mut self.is_closed, true);
        match here {
            Some(here) if was_closed && overtaken => self.on_overtaken(here.count(), here, timing, now),
            None if was_closed && overtaken => self.whole.on_overtaken(timing, now),
            _ if was_closed => {}
            Some(here) => self.miss_before(here.count(), overtaken, here, timing, now),
            // it is known of by what was sent after its beginning
            None => self.whole = Ask::missed(now, timing.hold(), true),
        }
        if here.is_none() {
            self.due = self.whole.due;
        }
    }

    /// All before fragment `end` has been sent: what is only silent so far has been overtaken.
    fn on_overtaken(&mut self, end: u32, here: &Fragments, timing: &Timing, now: Time) {
        for index in self.sent..end.min(self.asks.len() as u32) {
            let (is_here, Some(ask)) = (here.has(index), self.asks.get_mut(index as usize)) else { break };
            if !is_here && ask.due != Time::NEVER {
                ask.on_overtaken(timing, now);
                self.due = self.due.min(ask.due);
            }
        }
        self.sent = self.sent.max(end);
    }

    /// What is missing before fragment `end` is missed from now on.
    fn miss_before(&mut self, end: u32, overtaken: bool, here: &Fragments, timing: &Timing, now: Time) {
        if self.reach >= end {
            return;
        }
        let ask = Ask::missed(now, timing.hold(), overtaken);
        for index in self.reach..end {
            if here.has(index) {
                continue;
            }
            if self.asks.is_empty() {
                self.asks.resize(here.count() as usize, Ask::NONE);
            }
            if let Some(slot) = self.asks.get_mut(index as usize) {
                *slot = ask;
                self.due = self.due.min(ask.due);
            }
        }
        self.reach = self.reach.max(end);
    }

    /// Puts what is due into `list`, as far as there is room, and but for as many as rows are `here` in place of some.
    pub(super) fn request(
        &mut self,
        number: FrameNumber,
        here: Option<&Fragments>,
        list: &mut Requests,
        timing: &Timing,
        now: Time,
    ) {
        let Some(here) = here else {
            if list.try_push(Missing { number, first: 0, count: 0 }).is_ok() {
                self.whole.on_asked(now, timing);
                self.due = self.whole.due;
                self.note_asked(now);
            }
            return;
        };
        let (mut due, mut covered, mut is_asked) = (Time::NEVER, here.rows(), false);
        for index in (0..self.reach).filter(|index| !here.has(*index)) {
            let Some(ask) = self.asks.get_mut(index as usize) else { break };
            if ask.due <= now && covered > 0 {
                // it stays due, should what is still under way be too little
                covered = covered.saturating_sub(1);
                continue;
            }
            if ask.due <= now && append(list, number, index) {
                ask.on_asked(now, timing);
                is_asked = true;
            }
            due = due.min(ask.due);
        }
        self.due = due;
        if is_asked {
            self.note_asked(now);
        }
    }

    fn note_asked(&mut self, now: Time) {
        self.asked = Some((self.asked.map_or(now, |(first, _)| first), now));
    }

    /// Its memory, for another frame.
    pub(super) fn take(mut self) -> Vec<Ask> {
        self.asks.clear();
        self.asks
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

/// How long nothing has to come before the rest of the newest frame is missed: longer than the path's usual jitter, and than the
/// sender's pauses between two bursts of a frame, which are learned.
#[derive(Debug, Default)]
pub(super) struct Quiet {
    /// When a fragment last came by itself.
    fresh: Time,
    /// The longest pause within a frame, of late.
    pause: Duration,
}

/// At the least, and at the most.
const QUIET: Duration = Duration::from_millis(10);
const MAX_QUIET: Duration = Duration::from_millis(60);

/// Shorter than any pause.
const NO_PAUSE: Duration = Duration::from_millis(1);

impl Quiet {
    /// A fragment has come by itself; one of the same frame came before, at `before`, if that is known.
    pub(super) fn on_fresh(&mut self, before: Option<Time>, now: Time) {
        let pause = now.since(self.fresh);
        if before == Some(self.fresh) && pause > NO_PAUSE {
            self.pause = pause.max(self.pause).min(MAX_QUIET);
        }
        self.fresh = now;
    }

    /// A frame has come out.
    pub(super) fn on_frame(&mut self) {
        // half is forgotten in fourteen frames
        self.pause = self.pause.mul_f32(0.95);
    }

    /// When it has been quiet for long enough about a frame of which something came by itself at `fresh`.
    pub(super) fn due(&self, fresh: Time) -> Time {
        fresh.after(self.pause.mul_f32(1.5).clamp(QUIET, MAX_QUIET))
    }

    /// The same of one that was heard of, and of which nothing has come.
    pub(super) fn due_of_none(&self) -> Time {
        self.due(self.fresh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receiver::partial::Fragments;

    const MS: Duration = Duration::from_millis(1);
    const START: Time = Time::from_millis(5_000);

    /// A frame of five fragments on a path whose round trip is 40 ms.
    struct Bench {
        missed: Missed,
        here: Option<Fragments>,
        timing: Timing,
        now: Time,
    }

    impl Bench {
        fn new() -> Self {
            let mut timing = Timing::new(false);
            (0..50).for_each(|_| timing.on_round_trip(40 * MS));
            Bench { missed: Missed::default(), here: None, timing, now: START }
        }

        fn arrive(&mut self, index: u16) -> Insertion {
            let here = self.here.get_or_insert_with(|| {
                self.missed.begin(5, Vec::new());
                Fragments::none(5, 16, Vec::new())
            });
            here.insert(u32::from(index));
            self.missed.on_arrival(index, here, &mut self.timing, self.now)
        }

        fn close(&mut self, overtaken: bool) {
            self.missed.close(overtaken, self.here.as_ref(), &self.timing, self.now);
        }

        /// What is asked for after this time: first fragment and count.
        fn ask(&mut self, wait: Duration) -> Vec<(u16, u16)> {
            self.now = self.now.after(wait);
            let mut list = Requests::new();
            if self.missed.due() <= self.now {
                let here = self.here.as_ref();
                self.missed.request(FrameNumber(1), here, &mut list, &self.timing, self.now);
            }
            list.iter().map(|missing| (missing.first, missing.count)).collect()
        }
    }

    #[test]
    fn nothing_is_asked_for_that_may_still_be_sent() {
        let mut bench = Bench::new();
        assert_eq!((bench.missed.due(), bench.arrive(0)), (Time::NEVER, Insertion::Fresh));
        assert_eq!((bench.missed.due(), bench.missed.is_closed()), (Time::NEVER, false));
        assert_eq!(bench.arrive(1), Insertion::Fresh);
        assert_eq!(bench.ask(1000 * MS), [], "the rest may be on its way");
    }

    #[test]
    fn a_request_for_the_whole_frame_is_one_for_each_of_its_fragments() {
        let mut bench = Bench::new();
        bench.close(true);
        assert_eq!(bench.ask(MS), [], "it may be late");
        assert_eq!(bench.ask(MS), [(0, 0)]);
        assert_eq!(bench.ask(38 * MS), []);
        bench.now = bench.now.after(2 * MS);
        assert_eq!(bench.arrive(0), Insertion::Repaired);
        assert_eq!(bench.arrive(1), Insertion::Repaired);
        assert_eq!((bench.missed.repaired(), bench.ask(MS)), (2, vec![]), "the rest of the answer is due");
        assert_eq!(bench.ask(20 * MS), [(2, 3)], "and is asked for again when it is late");
    }

    #[test]
    fn what_a_full_list_has_no_room_for_stays_due() {
        let mut bench = Bench::new();
        bench.arrive(4);
        bench.now = bench.now.after(2 * MS);
        let mut list = Requests::new();
        let other = Missing { number: FrameNumber(0), first: 0, count: 1 };
        (0..MAX_MISSING).for_each(|_| list.push(other));
        bench.missed.request(FrameNumber(1), bench.here.as_ref(), &mut list, &bench.timing, bench.now);
        assert!(bench.missed.due() <= bench.now);
        assert_eq!(bench.ask(Duration::ZERO), [(0, 4)]);
        assert!(bench.missed.due() > bench.now);
    }

    #[test]
    fn a_silence_that_requests_do_not_end_is_asked_about_less_and_less() {
        let mut bench = Bench::new();
        bench.arrive(0);
        bench.close(false);
        let mut waits = Vec::new();
        for _ in 0..6 {
            let due = bench.missed.due();
            waits.push(due.since(bench.now).as_millis());
            bench.now = due;
            assert_eq!(bench.ask(Duration::ZERO), [(1, 4)]);
        }
        assert_eq!(waits, [2, 45, 45, 90, 180, 360]);
        // the silence was the sender's own: what comes is not an answer
        assert_eq!(bench.arrive(1), Insertion::Crossed);
    }

    #[test]
    fn it_is_quiet_after_longer_than_the_pauses_within_a_frame() {
        let at = |ms: u32| START.after(ms * MS);
        // rounded: pauses are learned as floats
        let due = |quiet: &Quiet| (quiet.due_of_none().since(START) + MS / 2).as_millis();
        let mut quiet = Quiet::default();
        quiet.on_fresh(None, at(0));
        assert_eq!(due(&quiet), 10);
        quiet.on_fresh(Some(at(0)), at(20));
        assert_eq!(due(&quiet), 50, "a pause of 20 ms and half of it");
        quiet.on_fresh(None, at(400));
        assert_eq!(due(&quiet), 430, "between two frames there is no pause");
        quiet.on_fresh(Some(at(400)), at(500));
        assert_eq!(due(&quiet), 560, "the most");
        (0..100).for_each(|_| quiet.on_frame());
        assert_eq!(due(&quiet), 510);
    }
}
