//! What a client's words tell of what was lost, and of which frame.
//!
//! What it asks for again was lost. What it does not ask for, because it would come too late or has come by another way, shows
//! when it is done with all that it has seen: then as many datagrams have arrived as had been sent, or some were lost.

use super::burst::UNKNOWN;
use super::push_latest;
use crate::time::Time;
use crate::wire::FrameNumber;
use crate::wire::client::Continue;
use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

/// What was sent this part of a round trip ago has arrived or is lost.
const HAS_ARRIVED: f32 = 1.25;

/// What has gone is noted this often ...
const NOTE: Duration = Duration::from_millis(1);
/// ... this many times: for a third of a second, and for longer where bursts have pauses between them.
const NOTES: usize = 320;

/// The latest frames of which something is known.
const FRAMES: usize = UNKNOWN;

#[derive(Debug)]
pub(super) struct Lost {
    frames: VecDeque<Entry>,
    /// By when the fragments of a frame before some had gone.
    bursts: VecDeque<Gone>,
    /// When the latest of them was begun.
    noted: Time,
    /// The most datagrams that had not arrived when the client was done with all that it had seen.
    known: u32,
    /// Asked for, known to be lost, and not among those yet.
    asked: u32,
}

#[derive(Debug)]
struct Entry {
    number: FrameNumber,
    /// What had been sent altogether when the last datagram of the frame had gone, if it has, and when that was.
    sent: Option<(u32, Time)>,
    /// What was asked for of it lies before this fragment.
    asked: u16,
}

#[derive(Clone, Copy, Debug)]
struct Gone {
    at: Time,
    number: FrameNumber,
    end: u16,
}

impl Lost {
    pub(super) fn new() -> Self {
        Lost {
            frames: VecDeque::with_capacity(FRAMES),
            bursts: VecDeque::with_capacity(NOTES),
            noted: Time::default(),
            known: 0,
            asked: 0,
        }
    }

    /// This frame begins.
    pub(super) fn on_frame(&mut self, number: FrameNumber) {
        push_latest(&mut self.frames, Entry { number, sent: None, asked: 0 }, FRAMES);
    }

    /// The fragments of the frame that began last have gone before this one.
    pub(super) fn on_burst(&mut self, end: u16, now: Time) {
        let Some(last) = self.frames.back() else { return };
        let burst = Gone { at: now, number: last.number, end };
        match self.bursts.back_mut() {
            Some(latest) if now < self.noted.after(NOTE) => *latest = burst,
            _ => {
                self.noted = now;
                push_latest(&mut self.bursts, burst, NOTES);
            }
        }
    }

    /// The socket is full, and holds up what was handed out last ...
    pub(super) fn on_blocked(&mut self) {
        if let Some(last) = self.bursts.back_mut() {
            last.at = Time::NEVER;
        }
    }

    /// ... until now.
    pub(super) fn on_unblocked(&mut self, now: Time) {
        if let Some(last) = self.bursts.back_mut() {
            last.at = last.at.min(now);
        }
    }

    /// The last datagram of the frame that began last has gone, and `sent` altogether.
    pub(super) fn on_end(&mut self, sent: u32) {
        if let (Some(frame), Some(last)) = (self.frames.back_mut(), self.bursts.back()) {
            frame.sent = Some((sent, last.at));
        }
    }

    /// It asks for these fragments. The number of those that are lost and that it has not asked for before.
    pub(super) fn on_asked(
        &mut self,
        number: FrameNumber,
        fragments: &Range<u16>,
        round_trip: Duration,
        now: Time,
    ) -> u16 {
        // what was sent within a round trip is on its way
        let end = fragments.end.min(self.sent_by(number, now.before(round_trip)));
        let entry = self.frames.iter_mut().rev().find(|entry| entry.number == number);
        let Some(entry) = entry else { return 0 };
        // what is missed is missed in the order of the fragments
        let begin = fragments.start.max(entry.asked);
        entry.asked = entry.asked.max(end);
        let lost = end.saturating_sub(begin);
        self.asked = self.asked.saturating_add(lost.into());
        lost
    }

    /// The fragments of a frame before this one had been sent at that time.
    pub(super) fn sent_by(&self, number: FrameNumber, at: Time) -> u16 {
        let gone = self.bursts.partition_point(|burst| burst.at <= at);
        match gone.checked_sub(1).and_then(|last| self.bursts.get(last)) {
            Some(last) if last.number == number => last.end,
            Some(last) if number.is_after(last.number) => 0,
            Some(_) => u16::MAX,
            // it was sent longer ago than is known
            None if self.bursts.len() == NOTES => u16::MAX,
            None => 0,
        }
    }

    /// Datagrams that it has not asked for, and that have not arrived.
    pub(super) fn unasked(&mut self, cont: &Continue, now: Time) -> u16 {
        if cont.seen.is_after(cont.through) {
            return 0;
        }
        let seen = self.frames.iter().rev().find(|entry| entry.number == cont.seen);
        let Some((sent, at)) = seen.and_then(|entry| entry.sent) else { return 0 };
        // another path is ahead: what it has brought may still be on its way by this one
        let arrives = Duration::from_micros(cont.rtt_us.into()).mul_f32(HAS_ARRIVED);
        if cont.through != cont.seen && at > now.before(arrives) {
            return 0;
        }
        let missing = sent.wrapping_sub(cont.arrived);
        let more = missing.wrapping_sub(self.known) as i32;
        // what goes again arrives before it is counted as sent, and fewer are missing for a while
        let Ok(more @ 1..) = u32::try_from(more) else { return 0 };
        self.known = missing;
        let unasked = more.saturating_sub(self.asked);
        self.asked = self.asked.saturating_sub(more);
        u16::try_from(unasked).unwrap_or(u16::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Token;

    fn cont(through: u32, seen: u32, arrived: u32) -> Continue {
        Continue {
            epoch: 1,
            token: Token(1),
            stamp: 0,
            through: FrameNumber(through),
            seen: FrameNumber(seen),
            rtt_us: 0,
            arrived,
            urgent: false,
            missing: Default::default(),
        }
    }

    fn at(ms: u32) -> Time {
        Time::from_millis(1_000 + u64::from(ms))
    }

    /// Fragments that are known to be lost, a round trip of 20 ms after the last burst of frame 3.
    fn ask(lost: &mut Lost, number: u32, fragments: Range<u16>) -> u16 {
        lost.on_asked(FrameNumber(number), &fragments, Duration::from_millis(20), at(54))
    }

    /// Three frames of ten datagrams each have gone.
    fn sent() -> Lost {
        let mut lost = Lost::new();
        (1..=3).for_each(|number| send(&mut lost, number, number * 10));
        lost
    }

    fn send(lost: &mut Lost, number: u32, sent: u32) {
        lost.on_frame(FrameNumber(number));
        lost.on_burst(5, at(number * 10));
        lost.on_burst(10, at(number * 10 + 4));
        lost.on_end(sent);
    }

    #[test]
    fn what_has_arrived_is_not_lost() {
        let mut lost = sent();
        assert_eq!(lost.unasked(&cont(1, 1, 10), at(100)), 0);
        assert_eq!(lost.unasked(&cont(2, 2, 20), at(100)), 0);
        assert_eq!(lost.unasked(&cont(3, 3, 30), at(100)), 0);
        assert_eq!(lost.unasked(&cont(4, 4, 30), at(100)), 0, "of that one nothing is known");
    }

    #[test]
    fn what_is_not_asked_for_shows_when_the_client_is_done() {
        let mut lost = sent();
        assert_eq!(lost.unasked(&cont(1, 2, 14), at(100)), 0, "it is not done with what it has seen");
        assert_eq!(lost.unasked(&cont(2, 2, 17), at(100)), 3);
        assert_eq!(lost.unasked(&cont(2, 2, 17), at(100)), 0, "and is lost once");
        assert_eq!(lost.unasked(&cont(3, 3, 27), at(100)), 0);
    }

    #[test]
    fn what_was_asked_for_is_known() {
        let mut lost = sent();
        assert_eq!(ask(&mut lost, 2, 4..7), 3);
        // the three were sent again, and have come before the next frame
        assert_eq!(lost.unasked(&cont(3, 3, 30), at(100)), 0);
        send(&mut lost, 4, 43);
        assert_eq!(lost.unasked(&cont(4, 4, 40), at(100)), 0);
    }

    #[test]
    fn what_is_asked_for_twice_was_lost_once() {
        let mut lost = sent();
        let mut of_two = |fragments: Range<u16>| ask(&mut lost, 2, fragments);
        let counts = [of_two(1..2), of_two(4..6), of_two(4..6), of_two(1..10), of_two(0..10)];
        assert_eq!(counts, [1, 2, 0, 4, 0]);
        assert_eq!(ask(&mut lost, 9, 0..5), 0, "a frame that was not sent");
    }

    #[test]
    fn what_may_be_on_its_way_is_not_lost() {
        let mut lost = sent();
        let mut ask =
            |number, ms| lost.on_asked(FrameNumber(number), &(0..10), Duration::from_millis(20), at(ms));
        assert_eq!([ask(3, 49), ask(3, 50), ask(3, 60)], [0, 5, 5]);
        assert_eq!(ask(2, 60), 10);
    }

    /// Bursts of two datagrams, one after the other, for longer than the round trip.
    #[test]
    fn small_bursts_are_known_for_a_round_trip() {
        let mut lost = Lost::new();
        let (step, round_trip) = (Duration::from_micros(300), Duration::from_millis(200));
        let mut now = at(0);
        for number in 1..=40 {
            lost.on_frame(FrameNumber(number));
            for burst in 1..=20 {
                now = now.after(step);
                lost.on_burst(burst * 2, now);
            }
        }
        // 40 * 20 bursts of 0.3 ms are 240 ms; a millisecond more or less
        let frame = |ago: Duration| 40 - (ago.as_micros() / 6_000) as u32;
        for ago in [20_u32, 90, 150, 200].map(|ms| Duration::from_millis(ms.into())) {
            let number = frame(ago);
            let sent = |number| lost.sent_by(FrameNumber(number), now.before(ago));
            assert_eq!((sent(number - 1), sent(number + 1)), (u16::MAX, 0), "{ago:?}");
        }
        assert_eq!(lost.on_asked(FrameNumber(20), &(0..40), round_trip, now), 0, "on its way");
        assert_eq!(lost.on_asked(FrameNumber(4), &(0..40), round_trip, now), 40);
    }

    #[test]
    fn what_the_socket_holds_up_is_not_lost() {
        let mut lost = sent();
        lost.on_blocked();
        let ask =
            |lost: &mut Lost, ms| lost.on_asked(FrameNumber(3), &(0..10), Duration::from_millis(20), at(ms));
        assert_eq!(ask(&mut lost, 90), 5);
        lost.on_unblocked(at(100));
        assert_eq!([ask(&mut lost, 110), ask(&mut lost, 120)], [0, 5]);
    }

    #[test]
    fn what_comes_twice_or_late_is_no_loss() {
        let mut lost = sent();
        assert_eq!(lost.unasked(&cont(1, 1, 12), at(100)), 0);
        assert_eq!(lost.unasked(&cont(2, 2, 20), at(100)), 0);
        assert_eq!(lost.unasked(&cont(3, 3, 28), at(100)), 2);
        assert_eq!(lost.unasked(&cont(3, 3, 30), at(100)), 0, "late");
    }

    #[test]
    fn a_liar_makes_no_more_of_it_than_a_number() {
        let mut lost = sent();
        for arrived in [u32::MAX, 0, 1 << 31, 7] {
            let _ = lost.unasked(&cont(3, 3, arrived), at(100));
        }
        for _ in 0..100_000 {
            let _ = ask(&mut lost, 3, 0..u16::MAX);
        }
        assert_eq!(lost.unasked(&cont(3, 3, 0), at(100)), 0);
    }
}
