//! What one client asks to be sent again: a bounded queue, a budget, and each request answered once.

use super::burst::FIRST_BYTES;
use super::parity::Parity;
use super::push_latest;
use super::rows::{Answer, Lossy, Rows, UNDER_WAY};
use crate::reel::Reel;
use crate::time::Time;
use crate::wire::FrameNumber;
use crate::wire::client::{Continue, Missing};
use crate::wire::data;
use arrayvec::ArrayVec;
use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

/// Requests that wait; what comes beyond is asked for again by the client in time.
const QUEUE: usize = 256;

/// CONTINUEs whose requests were taken: the same one may come twice, since clients repeat it against loss.
const STAMPS: usize = 32;

/// The long token bucket is filled with this share of the stream's rate, and holds as much as comes in this many seconds: an
/// outage's worth, and what the worst of paths loses, but not a second stream for ever.
const LONG_SHARE: f64 = 0.4;
const LONG_SECONDS: f64 = 10.0;

/// It holds this many frames at the least: a slow camera's come one by one, and are to be repaired at once.
const LONG_FRAMES: f64 = 3.0;

/// While no rate is known.
const FIRST: Budget = Budget { burst: FIRST_BYTES, at_once: 1e6, lasting: 1e6 };

/// The shortest wait for the budget: what is left over of a nanosecond must not become a wake-up.
const LEAST_WAIT: Duration = Duration::from_millis(1);

/// Copies of a fragment for a viewer, who has time for two rounds at the most.
const URGENT_COPIES: u8 = 2;

/// What was sent again of late, so that an answer under way is not sent once more.
const ANSWERED: usize = 64;

/// Bytes a second that may be sent again: what fills the short bucket, and of what the long one gets its share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    /// Bytes that may go again at once.
    pub(super) burst: f64,
    pub(super) at_once: f64,
    pub(super) lasting: f64,
}

/// Requests for one frame that are answered by parity rows together.
const TOGETHER: usize = 16;

/// Some fragments of a frame. Behind the last of them there are its parity rows.
pub(super) type Fragments = (FrameNumber, Range<u16>);

#[derive(Debug)]
pub(super) struct Repairs {
    queue: VecDeque<Repair>,
    answered: VecDeque<(Time, FrameNumber, Range<u16>)>,
    stamps: VecDeque<u32>,
    rows: Rows,
    /// As the client said last.
    round_trip: Duration,
    /// What may be sent again for a moment, and in the long run; and when that was so.
    short: Bucket,
    long: Bucket,
    as_of: Time,
}

/// A token bucket, in bytes. It may go into debt by one burst.
#[derive(Clone, Copy, Debug)]
struct Bucket(f64);

impl Bucket {
    /// Fills for some seconds, at a rate in bytes a second, up to `most`.
    fn fill(&mut self, rate: f64, seconds: f64, most: f64) {
        self.0 = (self.0 + seconds * rate).min(most);
    }

    fn spend(&mut self, bytes: f64) {
        self.0 -= bytes;
    }

    /// Seconds until it is out of debt; not positive if it is not in debt.
    fn wait(&self, rate: f64) -> f64 {
        -self.0 / rate
    }
}

#[derive(Clone, Debug)]
struct Repair {
    number: FrameNumber,
    fragments: Range<u16>,
    copies: u8,
}

impl Repairs {
    pub(super) fn new(now: Time) -> Self {
        Repairs {
            // where an answer is fragments and rows as well, there are two for one
            queue: VecDeque::with_capacity(2 * QUEUE),
            answered: VecDeque::with_capacity(ANSWERED),
            stamps: VecDeque::with_capacity(STAMPS),
            rows: Rows::new(),
            round_trip: Duration::ZERO,
            short: Bucket(FIRST_BYTES),
            long: Bucket(f64::INFINITY),
            as_of: now,
        }
    }

    /// Takes a CONTINUE's requests. `sent` says how many fragments of a frame were sent to this client by a time; `held`
    /// are fragments of one that wait for its socket, which is full. A narrow path has no room for copies.
    pub(super) fn request(
        &mut self,
        cont: &Continue,
        is_narrow: bool,
        held: Option<&Fragments>,
        reel: &Reel,
        now: Time,
        sent: impl Fn(FrameNumber, Time) -> u16,
    ) {
        if self.stamps.contains(&cont.stamp) {
            return;
        }
        push_latest(&mut self.stamps, cont.stamp, STAMPS);
        // it may have waited here for longer than the client's patience
        self.round_trip = Duration::from_micros(cont.rtt_us.into());
        let under_way = now.before(self.round_trip.mul_f32(UNDER_WAY));
        while self.answered.front().is_some_and(|(at, ..)| *at < under_way) {
            self.answered.pop_front();
        }
        let copies = if cont.urgent && !is_narrow { URGENT_COPIES } else { 1 };
        for missing in cont.missing.iter() {
            if self.queue.len() >= QUEUE {
                break;
            }
            let end = reel.frame(missing.number).map_or(0, |_| sent(missing.number, under_way));
            let fragments = self.without_known(missing.number, range_of(missing, end), held);
            if !fragments.is_empty() {
                self.queue.push_back(Repair { number: missing.number, fragments, copies });
            }
        }
    }

    /// What is left of `fragments` without those that wait or are under way at either end of it.
    fn without_known(
        &self,
        number: FrameNumber,
        mut fragments: Range<u16>,
        held: Option<&Fragments>,
    ) -> Range<u16> {
        let waiting = self.queue.iter().map(|repair| (repair.number, &repair.fragments));
        let under_way = self.answered.iter().map(|(_, number, fragments)| (*number, fragments));
        let held = held.into_iter().map(|(number, fragments)| (*number, fragments));
        // what was sent lies before what waits: from the oldest on, the start moves up
        for (_, known) in under_way.chain(held).chain(waiting).filter(|(of, _)| *of == number) {
            if known.contains(&fragments.start) {
                fragments.start = known.end;
            }
            if known.start < fragments.end && fragments.end <= known.end {
                fragments.end = known.start;
            }
        }
        fragments
    }

    /// The client is done with this frame and all before it.
    pub(super) fn on_through(&mut self, through: FrameNumber) {
        self.queue.retain(|repair| repair.number.is_after(through));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The next fragments to send again, `burst` at most, if the budget allows it; or rows of `parity`, to a client that takes
    /// them, which may be more where this share is lost.
    ///
    /// # Errors
    /// When the budget will.
    pub(super) fn next(
        &mut self,
        reel: &Reel,
        burst: u16,
        budget: Option<Budget>,
        mut parity: Option<(&mut Parity, Option<f32>)>,
        now: Time,
    ) -> Result<Option<Fragments>, Time> {
        let Budget { burst: most, at_once: rate, lasting } = budget.unwrap_or(FIRST);
        let seconds = now.since(self.as_of).as_secs_f64();
        self.short.fill(rate, seconds, most);
        let slow = lasting * LONG_SHARE;
        let frames = reel.newest().map_or(0.0, |frame| f64::from(frame.length()) * LONG_FRAMES);
        self.long.fill(slow, seconds, frames.max(slow * LONG_SECONDS));
        self.as_of = now;
        while let Some(number) = self.queue.front().map(|front| front.number) {
            if reel.frame(number).is_none() {
                self.queue.pop_front();
                continue;
            }
            let wait = self.short.wait(rate).max(self.long.wait(slow));
            if wait > 0.0 {
                return Err(now.after(Duration::from_secs_f64(wait.min(1.0)).max(LEAST_WAIT)));
            }
            if let Some((parity, loss)) = &mut parity {
                if self.answer_by_rows(number, parity, *loss, reel, now) {
                    continue;
                }
            }
            let Some(front) = self.queue.front_mut() else { break };
            let end = front.fragments.end.min(front.fragments.start.saturating_add(burst));
            let train = (front.number, front.fragments.start..end);
            front.fragments.start = end;
            push_latest(&mut self.answered, (now, train.0, train.1.clone()), ANSWERED);
            let bytes = f64::from(reel.datagram_len()) * train.1.len() as f64;
            self.short.spend(bytes);
            self.long.spend(bytes);
            if front.fragments.is_empty() {
                self.finish_front(&train);
            }
            return Ok(Some(train));
        }
        Ok(None)
    }

    /// Rows of the frame's parity take the place of what waits of it and would go twice, as far as there are some. True: there
    /// were, and another one is the first in the queue.
    fn answer_by_rows(
        &mut self,
        number: FrameNumber,
        parity: &mut Parity,
        loss: Option<f32>,
        reel: &Reel,
        now: Time,
    ) -> bool {
        let goes_twice = |repair: &Repair| repair.number == number && repair.copies > 1;
        let Some(frame) = reel.frame(number).filter(|_| self.queue.front().is_some_and(goes_twice)) else {
            return false;
        };
        let all = data::parity_rows(frame.fragments().into(), frame.fragment_len());
        if !self.rows.has_more(number, all) || !parity.has_rows_of(&frame, reel) {
            return false;
        }
        let path = Lossy { loss, round_trip: self.round_trip };
        let mut asked = ArrayVec::<(Range<u16>, Answer), TOGETHER>::new();
        while !asked.is_full() && self.queue.front().is_some_and(goes_twice) {
            let Some(repair) = self.queue.pop_front() else { break };
            push_latest(&mut self.answered, (now, number, repair.fragments.clone()), ANSWERED);
            let answer = self.rows.answer(number, &repair.fragments, path, now);
            asked.push((repair.fragments, answer));
        }
        let (mut soon, mut later) = (0u16, 0u16);
        for (_, answer) in &asked {
            match answer {
                Answer::Rows(count) => soon = soon.saturating_add(*count),
                Answer::Both(count) => later = later.saturating_add(*count),
            }
        }
        let count = frame.fragments();
        let behind = |rows: &Range<u16>| count.saturating_add(rows.start)..count.saturating_add(rows.end);
        let (soon_rows, later_rows) = (self.rows.take(number, soon, all), self.rows.take(number, later, all));
        let mut rest = soon.saturating_sub(soon_rows.len() as u16);
        for (mut fragments, answer) in asked.into_iter().rev() {
            if matches!(answer, Answer::Rows(_)) {
                // some of them go themselves where there are not enough rows
                fragments.end = fragments.end.min(fragments.start.saturating_add(rest));
                rest = rest.saturating_sub(fragments.len() as u16);
            }
            self.put(number, fragments, VecDeque::push_front);
        }
        self.put(number, behind(&soon_rows), VecDeque::push_front);
        self.put(number, behind(&later_rows), VecDeque::push_back);
        true
    }

    fn put(&mut self, number: FrameNumber, fragments: Range<u16>, how: fn(&mut VecDeque<Repair>, Repair)) {
        if !fragments.is_empty() {
            how(&mut self.queue, Repair { number, fragments, copies: 1 });
        }
    }

    /// Another copy goes to the end of the queue: what swallows one is less likely to swallow both.
    fn finish_front(&mut self, last: &(FrameNumber, Range<u16>)) {
        let Some(front) = self.queue.pop_front() else { return };
        if front.copies > 1 {
            let copies = front.copies.saturating_sub(1);
            self.queue.push_back(Repair { number: last.0, fragments: last.1.clone(), copies });
        }
    }
}

/// The fragments that an entry of a missing list names, of a frame of which `end` were sent.
pub(super) fn range_of(missing: &Missing, end: u16) -> Range<u16> {
    let last = match missing.count {
        0 => end,
        count => missing.first.saturating_add(count).min(end),
    };
    missing.first..last
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jpeg::Size;
    use crate::time::Stamp;
    use crate::wire::{StreamId, Token};

    const NOW: Time = Time::from_millis(1000);

    fn reel() -> Reel {
        let mut reel = Reel::new(1 << 20, 1452, StreamId(1));
        for _ in 0..3 {
            reel.push(&[1; 100_000], Size { width: 8, height: 8 }, Stamp::default(), 0).unwrap();
        }
        reel
    }

    fn ask(stamp: u32, urgent: bool, list: &[(u32, u16, u16)]) -> Continue {
        let missing = |&(number, first, count)| Missing { number: FrameNumber(number), first, count };
        Continue {
            epoch: 1,
            token: Token(1),
            stamp,
            through: FrameNumber(0),
            seen: FrameNumber(3),
            rtt_us: 0,
            arrived: 0,
            urgent,
            missing: list.iter().map(missing).collect(),
        }
    }

    fn drain(repairs: &mut Repairs, reel: &Reel) -> Vec<(u32, Range<u16>)> {
        std::iter::from_fn(|| repairs.next(reel, 45, Some(FIRST), None, NOW).ok().flatten())
            .map(|(number, fragments)| (number.0, fragments))
            .collect()
    }

    #[test]
    fn a_request_is_answered_once_however_often_it_comes() {
        let reel = reel();
        let mut repairs = Repairs::new(NOW);
        let cont = ask(7, false, &[(1, 3, 2), (2, 70, 9), (9, 0, 0)]);
        repairs.request(&cont, false, None, &reel, NOW, |_, _| 71);
        repairs.request(&cont, false, None, &reel, NOW, |_, _| 71);
        assert_eq!(drain(&mut repairs, &reel), [(1, 3..5), (2, 70..71)]);
        repairs.request(&cont, false, None, &reel, NOW, |_, _| 71);
        assert_eq!(drain(&mut repairs, &reel), []);
    }

    #[test]
    fn what_waits_or_is_under_way_is_not_sent_once_more() {
        let reel = reel();
        let mut repairs = Repairs::new(NOW);
        repairs.request(&ask(7, false, &[(1, 0, 0), (2, 5, 1)]), false, None, &reel, NOW, |_, _| 71);
        assert_eq!(repairs.next(&reel, 30, Some(FIRST), None, NOW), Ok(Some((FrameNumber(1), 0..30))));
        let round_trip = Duration::from_millis(40);
        let again = Continue { rtt_us: 40_000, ..ask(8, false, &[(1, 0, 0), (1, 10, 2), (2, 4, 3)]) };
        repairs.request(&again, false, None, &reel, NOW.after(round_trip / 2), |_, _| 71);
        assert_eq!(drain(&mut repairs, &reel), [], "the budget is spent");
        let waiting = |repairs: &Repairs| -> Vec<_> {
            repairs.queue.iter().map(|repair| (repair.number.0, repair.fragments.clone())).collect()
        };
        assert_eq!(waiting(&repairs), [(1, 30..71), (2, 5..6), (2, 4..7)]);
        let later = NOW.after(round_trip);
        repairs.request(&Continue { stamp: 9, ..again }, false, None, &reel, later, |_, _| 71);
        assert_eq!(waiting(&repairs)[3..], [(1, 0..30)], "that answer is lost, it seems");
    }

    #[test]
    fn what_the_client_has_given_up_is_not_sent() {
        let reel = reel();
        let mut repairs = Repairs::new(NOW);
        repairs.request(&ask(7, false, &[(1, 0, 2), (2, 3, 1)]), false, None, &reel, NOW, |_, _| 71);
        repairs.on_through(FrameNumber(1));
        assert_eq!(drain(&mut repairs, &reel), [(2, 3..4)]);
    }

    #[test]
    fn a_viewer_gets_each_twice() {
        let reel = reel();
        let mut repairs = Repairs::new(NOW);
        repairs.request(&ask(7, true, &[(1, 3, 1), (1, 9, 1)]), false, None, &reel, NOW, |_, _| 71);
        let sent = drain(&mut repairs, &reel);
        assert_eq!(sent, [(1, 3..4), (1, 9..10), (1, 3..4), (1, 9..10)]);
    }

    #[test]
    fn nobody_asks_for_more_than_the_budget() {
        let reel = reel();
        let mut repairs = Repairs::new(NOW);
        repairs.request(
            &ask(7, false, &[(1, 0, 0), (2, 0, 0), (3, 0, 0)]),
            false,
            None,
            &reel,
            NOW,
            |_, _| 71,
        );
        let sent = drain(&mut repairs, &reel);
        let bytes: usize = sent.iter().map(|(_, fragments)| fragments.len() * 1452).sum();
        assert!(bytes <= FIRST_BYTES as usize + 45 * 1452, "{bytes}");
        let later = repairs.next(&reel, 45, Some(FIRST), None, NOW).unwrap_err();
        assert!(later > NOW);
        assert!(repairs.next(&reel, 45, Some(FIRST), None, later.after(LEAST_WAIT)).is_ok());
    }

    #[test]
    fn what_was_not_sent_is_not_sent_again() {
        let reel = reel();
        let mut repairs = Repairs::new(NOW);
        repairs.request(&ask(7, false, &[(1, 0, 0), (2, 0, 0)]), false, None, &reel, NOW, |number, _| {
            if number.0 == 2 { 5 } else { 0 }
        });
        assert_eq!(drain(&mut repairs, &reel), [(2, 0..5)]);
    }
}
