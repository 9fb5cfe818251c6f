//! The camera's clock against this machine's: the camera may have no idea what time it is.
//!
//! A frame begins to arrive later than it was captured by the path's delay, which is never less than some least delay. So the
//! differences (arrival - capture) lie on or above a line, whose height is the clocks' offset (least delay included) and
//! whose slope is their skew. Known of them is the least of each ten seconds, for ten minutes.
//!
//! ```text
//!  arrival -      .  :   .   . ::::  <- a queue, for minutes       A queue lifts the line only as fast as two clocks
//!  capture    .:  .:: . : .:.        .:  .. :.: .                  may wander; a lower difference pulls it down at
//!            _:_._:___.__:_____________.___:__._ <- the line       once, because nothing arrives too early.
//! ```
//!
//! The slope is that of least squares through the minima, without those which no drift explains. Why this and nothing
//! finer stands in `docs/DECISIONS.md`.

use crate::time::Time;
use arrayvec::ArrayVec;
use std::fmt;
use std::time::Duration;

/// One minimum is kept for this many nanoseconds of capture time: 300 frames at 30 a second, of which one or another
/// finds every queue empty.
const BUCKET: u64 = 10_000_000_000;

/// Minima that are kept: ten minutes. A delay that lasts longer is the path's.
const BUCKETS: usize = 60;

/// The largest skew, in parts in 10^9: 300 ppm. Crystals of small boards are within 100 ppm.
const MAX_SKEW: i64 = 300_000;

/// How far the clocks' skew may be from what is known of it, in parts in 10^9: a crystal that gets warm or cold.
const WANDER: i64 = 3_000;

/// A minimum that lies this much (parts in 10^9 of the time between) above another is a queue's, no drift's ...
const DRIFTS: i64 = 20_000;

/// ... and this much, in nanoseconds: how exact a minimum is at the worst.
const NOISE: i64 = 1_000_000;

/// Once the skew is known it follows new minima by at most this a bucket, in parts in 10^9.
const FOLLOWS: i64 = 1_000;

/// A clock that is this far off at once, in nanoseconds, has jumped. Drivers that mean no harm go back by 178 ms (vivid).
const JUMP: i64 = 1_000_000_000;

/// A jump forward looks like a delay that is suddenly shorter. It is believed where the delay is known for this many buckets.
const KNOWN: usize = 6;

/// The least difference between arrival and capture in a bucket, and when that frame was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Least {
    captured: Time,
    offset: i64,
}

/// The offset between two monotonic clocks, least observed delay included, and their skew.
#[derive(Clone, Debug)]
pub struct Anchor {
    /// The newest last.
    minima: ArrayVec<Least, BUCKETS>,
    last: Option<Least>,
    /// What the offset grows by, in parts in 10^9; negative if the camera's clock is fast.
    skew: i64,
    /// How much `skew` may be wrong for want of minima, in parts in 10^9.
    doubt: i64,
    /// Counts the clocks: a jump, or another stream, makes it another one.
    era: u32,
}

/// How the camera's clock lies against ours, as far as was known when a frame came: a copy that goes with the frame, so that nobody
/// has to know it twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// The minimum that the line goes through.
    point: Least,
    /// What the offset grows by, in parts in 10^9.
    skew: i64,
    era: u32,
}

/// What a frame has told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The frame's delay above the least one.
    pub above: Duration,
    /// The camera's clock has jumped before this frame. What was known of its offset is forgotten.
    pub jump: Option<Jump>,
    /// What is known by now.
    pub line: Line,
}

/// The camera's clock jumped against this machine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jump {
    /// By so much.
    Forward(Duration),
    /// By so much.
    Back(Duration),
}

impl fmt::Display for Jump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (by, direction) = match self {
            Jump::Forward(by) => (by, "forward"),
            Jump::Back(by) => (by, "back"),
        };
        write!(f, "the camera's clock has jumped {direction} by {:.3} s", by.as_secs_f64())
    }
}

impl Default for Anchor {
    fn default() -> Self {
        Anchor { minima: ArrayVec::new(), last: None, skew: 0, doubt: MAX_SKEW, era: 0 }
    }
}

impl Anchor {
    /// The frames from here on are another stream's, and so is their clock.
    pub fn restart(&mut self) {
        *self = Anchor { era: self.era.wrapping_add(1), ..Anchor::default() };
    }

    /// A frame that was captured at `captured` (camera's clock) has begun to arrive at `arrived` (ours). Frames come in
    /// the order of their capture.
    pub fn observe(&mut self, captured: Time, arrived: Time) -> Observed {
        let frame = Least { captured, offset: difference(arrived, captured) };
        let jump = self.jump(frame);
        if jump.is_some() {
            // the crystal is the same, so the skew is
            self.minima.clear();
            self.era = self.era.wrapping_add(1);
        }
        self.last = Some(frame);
        self.note(frame);
        let (point, least) = self.lowest(captured).unwrap_or((frame, frame.offset));
        let above = frame.offset.saturating_sub(least).max(0);
        Observed { above: Duration::from_nanos(above.unsigned_abs()), jump, line: self.through(point) }
    }

    /// The camera's clock showed `captured` a path's delay before `arrived` (ours): so frames that were captured before, and are yet
    /// to come, have waited.
    pub fn know(&mut self, captured: Time, arrived: Time) {
        self.note(Least { captured, offset: difference(arrived, captured) });
    }

    fn through(&self, point: Least) -> Line {
        Line { point, skew: self.skew, era: self.era }
    }

    fn jump(&self, frame: Least) -> Option<Jump> {
        let last = self.last?;
        let went = difference(frame.captured, last.captured);
        let by = frame.offset.saturating_sub(last.offset);
        let size = Duration::from_nanos(by.unsigned_abs());
        if went < JUMP.saturating_neg() {
            return Some(Jump::Back(size));
        }
        // without a jump no frame comes earlier than the least delay, and one that was delayed comes before the next
        let (_, least) = self.lowest(frame.captured)?;
        let is_early = frame.offset < least.saturating_sub(JUMP) && by < JUMP.saturating_neg();
        (is_early && went > JUMP && self.minima.len() >= KNOWN).then_some(Jump::Forward(size))
    }

    fn note(&mut self, frame: Least) {
        let skew = self.skew;
        if let Some(least) = self.minima.last_mut() {
            if bucket(frame) <= bucket(*least) {
                if frame.offset < least.moved_to(frame.captured, skew) {
                    *least = frame;
                }
                return;
            }
        }
        self.fit();
        if self.minima.is_full() {
            self.minima.remove(0);
        }
        let from = bucket(frame).saturating_sub(BUCKETS as u64);
        self.minima.retain(|least| bucket(*least) > from);
        self.minima.push(frame);
    }

    /// The minimum that allows the least offset at this capture time, and that offset, if the clocks have wandered since.
    fn lowest(&self, captured: Time) -> Option<(Least, i64)> {
        let wander = WANDER.max(self.doubt);
        let allowed = |least: &Least| {
            let away = difference(captured, least.captured).saturating_abs();
            (*least, least.moved_to(captured, self.skew).saturating_add(share(away, wander)))
        };
        self.minima.iter().map(allowed).min_by_key(|(_, offset)| *offset)
    }

    /// All buckets are full: the skew is looked at again.
    fn fit(&mut self) {
        let is_known = self.doubt <= WANDER;
        let explained = if is_known { DRIFTS } else { MAX_SKEW };
        let mut slope = slope(self.explained_by(explained));
        // most of them cannot be in a queue: the clocks do drift apart that fast
        if self.explained_by(explained).count() < self.minima.len().div_ceil(2) {
            slope = self::slope(self.explained_by(MAX_SKEW));
        }
        let Some((slope, span)) = slope else { return };
        let (least, most) = if is_known {
            (self.skew.saturating_sub(FOLLOWS), self.skew.saturating_add(FOLLOWS))
        } else {
            (MAX_SKEW.saturating_neg(), MAX_SKEW)
        };
        self.skew = slope.clamp(least, most).clamp(MAX_SKEW.saturating_neg(), MAX_SKEW);
        let doubt = NOISE.saturating_mul(1_000_000_000).checked_div(span).unwrap_or(MAX_SKEW);
        self.doubt = self.doubt.min(doubt);
    }

    /// The minima that do not lie above another one by more than clocks drift apart.
    fn explained_by(&self, drifts: i64) -> impl Iterator<Item = &Least> + Clone {
        let is_above = move |least: &Least, other: &Least| {
            let away = difference(least.captured, other.captured).saturating_abs();
            let most = other.moved_to(least.captured, self.skew).saturating_add(share(away, drifts));
            least.offset > most.saturating_add(NOISE)
        };
        self.minima.iter().filter(move |least| !self.minima.iter().any(|other| is_above(least, other)))
    }
}

impl Line {
    /// The line of two clocks that run alike, the camera's showing `captured` when ours shows `local`.
    pub fn through(captured: Time, local: Time) -> Self {
        Line { point: Least { captured, offset: difference(local, captured) }, skew: 0, era: 0 }
    }

    /// The time of our clock at which a frame was captured: late by the path's least delay.
    pub fn local(&self, captured: Time) -> Time {
        Time::from_nanos(captured.as_nanos().saturating_add_signed(self.point.moved_to(captured, self.skew)))
    }

    /// By how much the camera's clock is fast, in parts in 10^9.
    pub fn fast_ppb(&self) -> i64 {
        self.skew.saturating_neg()
    }

    /// Both speak of one clock, which has not jumped between them.
    pub fn is_same_clock(&self, other: &Line) -> bool {
        self.era == other.era
    }
}

impl Least {
    /// The offset that is to be expected at another time.
    fn moved_to(self, captured: Time, skew: i64) -> i64 {
        self.offset.saturating_add(share(difference(captured, self.captured), skew))
    }
}

/// The slope of least squares, in parts in 10^9, and the time that the points span, in nanoseconds. None for fewer than
/// three.
fn slope<'a>(points: impl Iterator<Item = &'a Least> + Clone) -> Option<(i64, i64)> {
    let first = points.clone().next()?;
    let (mut n, mut x, mut y, mut xx, mut xy, mut span) = (0_i128, 0_i128, 0_i128, 0_i128, 0_i128, 0);
    for point in points {
        span = difference(point.captured, first.captured);
        // at most ten minutes, and what clocks differ by in that time: their products fit
        let (at, over) = (i128::from(span), i128::from(point.offset.saturating_sub(first.offset)));
        n = n.saturating_add(1);
        x = x.saturating_add(at);
        y = y.saturating_add(over);
        xx = xx.saturating_add(at.saturating_mul(at));
        xy = xy.saturating_add(at.saturating_mul(over));
    }
    let below = n.saturating_mul(xx).saturating_sub(x.saturating_mul(x));
    let above = n.saturating_mul(xy).saturating_sub(x.saturating_mul(y));
    let slope = above.saturating_mul(1_000_000_000).checked_div(below)?;
    (n >= 3).then_some((i64::try_from(slope).ok()?, span))
}

fn bucket(frame: Least) -> u64 {
    frame.captured.as_nanos().checked_div(BUCKET).unwrap_or(0)
}

/// This many parts in 10^9 of a time in nanoseconds.
fn share(nanos: i64, ppb: i64) -> i64 {
    let product = i128::from(nanos).saturating_mul(i128::from(ppb));
    product.checked_div(1_000_000_000).and_then(|share| i64::try_from(share).ok()).unwrap_or(0)
}

/// `a - b` in nanoseconds.
fn difference(a: Time, b: Time) -> i64 {
    // two clocks of the last 292 years: the wrapped difference is the true one
    a.as_nanos().wrapping_sub(b.as_nanos()) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: i64 = 1_000_000;

    /// A frame every 33 ms, that of second `at` first, with the delay that `delay` says for a time in ms.
    fn feed(
        anchor: &mut Anchor,
        seconds: std::ops::Range<i64>,
        ppm: i64,
        delay: impl Fn(i64) -> i64,
    ) -> Vec<Observed> {
        let frames = (seconds.start * 1000..seconds.end * 1000).step_by(33);
        frames.map(|at| anchor.observe(captured(at, ppm), arrived(at, delay(at)))).collect()
    }

    /// The camera's clock, fast by `ppm`.
    fn captured(at: i64, ppm: i64) -> Time {
        Time::from_nanos((at * MS + at * ppm) as u64 + 5_000_000_000)
    }

    fn arrived(at: i64, delay: i64) -> Time {
        Time::from_millis((at + delay + 80_000) as u64)
    }

    /// What is known after the latest frame.
    fn line(anchor: &Anchor) -> Line {
        anchor.through(anchor.lowest(anchor.last.unwrap().captured).unwrap().0)
    }

    /// How late a frame is taken to have been captured, in microseconds, beside the least delay of 7 ms.
    fn late(anchor: &Anchor, at: i64, ppm: i64) -> i64 {
        difference(line(anchor).local(captured(at, ppm)), arrived(at, 7)) / 1000
    }

    /// Between 7 ms and 29 ms.
    fn jitter(at: i64) -> i64 {
        7 + (at / 33 * 7919) % 23
    }

    #[test]
    fn the_least_delay_wins() {
        let mut anchor = Anchor::default();
        for (at, delay, above) in [(0, 9, 0), (33, 4, 0), (66, 20, 16)] {
            let seen = anchor.observe(captured(at, 0), arrived(at, delay));
            // until the skew is known, an old delay counts for less: by 10 us in 33 ms
            assert!(
                seen.above.abs_diff(Duration::from_millis(above)) < Duration::from_micros(20),
                "{seen:?}"
            );
        }
    }

    #[test]
    fn drift_is_followed_and_no_delay_is_made_of_it() {
        for ppm in [-250, -80, -1, 0, 80, 250] {
            let mut anchor = Anchor::default();
            feed(&mut anchor, 0..300, ppm, jitter);
            for hour in 0..4 {
                let seen = feed(&mut anchor, 300 + hour * 900..1200 + hour * 900, ppm, jitter);
                let least = seen.iter().map(|seen| seen.above).min().unwrap();
                assert!(least < Duration::from_micros(100), "{ppm} ppm: {least:?}");
            }
            assert!((anchor.skew + ppm * 1000).abs() < 300, "{ppm} ppm: {}", anchor.skew);
            assert!(
                late(&anchor, 3_900_000, ppm).abs() < 200,
                "{ppm} ppm: {}",
                late(&anchor, 3_900_000, ppm)
            );
        }
    }

    #[test]
    fn a_queue_for_minutes_is_no_drift() {
        for (queue, minutes) in [(20, 4), (200, 4), (3_000, 8)] {
            let mut anchor = Anchor::default();
            feed(&mut anchor, 0..600, 80, jitter);
            let skew = anchor.skew;
            let end = 600 + minutes * 60;
            feed(&mut anchor, 600..end, 80, |at| jitter(at) + queue);
            let most = minutes * 60 * WANDER / 1000 + 200;
            let late = late(&anchor, end * 1000, 80);
            assert!((0..most).contains(&late), "{queue} ms for {minutes} min: {late} us late");
            assert!((anchor.skew - skew).abs() < 2_000, "{queue} ms: {} ppb", anchor.skew);
            // and is forgotten at once
            feed(&mut anchor, end..end + 10, 80, jitter);
            assert!(self::late(&anchor, end * 1000 + 10_000, 80).abs() < 500);
        }
    }

    #[test]
    fn a_delay_that_stays_is_the_paths_after_ten_minutes() {
        let mut anchor = Anchor::default();
        feed(&mut anchor, 0..600, 80, jitter);
        feed(&mut anchor, 600..1_230, 80, |at| jitter(at) + 40);
        let late = late(&anchor, 1_230_000, 80);
        assert!((39_000..41_000).contains(&late), "{late} us");
        feed(&mut anchor, 1_230..3_600, 80, |at| jitter(at) + 40);
        assert!((anchor.skew + 80_000).abs() < 500, "{}", anchor.skew);
    }

    #[test]
    fn what_was_known_too_early_gets_better() {
        let mut anchor = Anchor::default();
        feed(&mut anchor, 0..20, 80, |at| jitter(at) + 60);
        assert!(late(&anchor, 0, 80) > 55_000);
        feed(&mut anchor, 20..500, 80, jitter);
        assert!(late(&anchor, 0, 80).abs() < 500, "{}", late(&anchor, 0, 80));
    }

    #[test]
    fn a_jump_is_seen_once_and_the_skew_outlives_it() {
        for by in [-3_600, -90, -2, 2, 90, 3_600] {
            let mut anchor = Anchor::default();
            feed(&mut anchor, 0..3_700, 80, jitter);
            let skew = anchor.skew;
            let jumped =
                |at: i64| Time::from_millis((captured(at, 80).as_nanos() as i64 / MS + by * 1000) as u64);
            let seen: Vec<_> = (3_700_000..3_800_000)
                .step_by(33)
                .map(|at| anchor.observe(jumped(at), arrived(at, jitter(at))).jump)
                .collect();
            let size = |jump: Duration| (jump.as_millis() as i64 - by.abs() * 1000).abs() < 30;
            match seen[0] {
                Some(Jump::Forward(jump)) => assert!(by > 0 && size(jump), "{by}: {jump:?}"),
                Some(Jump::Back(jump)) => assert!(by < 0 && size(jump), "{by}: {jump:?}"),
                None => panic!("{by} s are not seen"),
            }
            assert!(seen[1..].iter().all(Option::is_none), "{by} s");
            assert!((anchor.skew - skew).abs() < 2_000, "{by} s");
        }
    }

    #[test]
    fn neither_silence_nor_backlog_is_a_jump() {
        let mut anchor = Anchor::default();
        // a recorder joins, and is first sent what the reel holds: five seconds, three times as fast as they were
        let backlog = |at: i64| if at < 7_500 { 5_007 - at * 2 / 3 } else { 7 };
        let seen = feed(&mut anchor, 0..100, 80, backlog);
        assert!(seen.iter().all(|seen| seen.jump.is_none()));
        // nothing for an hour, then frames that waited for a repair, each a while
        let seen = feed(&mut anchor, 3_700..3_800, 80, |at| if at % 5 == 0 { 2_000 } else { 7 });
        assert!(seen.iter().all(|seen| seen.jump.is_none()));
    }

    #[test]
    fn what_waited_for_an_hour_lifts_no_line_once_the_clock_is_known() {
        // ten minutes live, an hour away, and then all of it at ten times its speed
        let mut anchor = Anchor::default();
        feed(&mut anchor, 0..600, 80, |_| 7);
        anchor.know(captured(4_200_000, 80), arrived(4_200_000, 9));
        let late = feed(&mut anchor, 600..4_200, 80, |at| (4_200_000 - at) * 9 / 10);
        let seen =
            late.iter().chain(&feed(&mut anchor, 4_201..4_800, 80, |_| 7)).copied().collect::<Vec<_>>();
        for (at, seen) in (600_000..).step_by(33).zip(&late) {
            let local = seen.line.local(captured(at, 80));
            let off = difference(local, arrived(at, 7)).abs();
            assert!(off < 40 * MS, "{off} ns at {at}");
        }
        assert!(seen.iter().all(|seen| seen.jump.is_none()));
        // and of a stream that is heard of late for the first time
        anchor.restart();
        anchor.know(captured(3_600_000, 0), arrived(3_600_000, 9));
        let late = feed(&mut anchor, 0..10, 0, |_| 3_600_000);
        assert_eq!(late[0].line.local(captured(0, 0)), arrived(0, 9));
        assert!(late[0].above >= Duration::from_secs(3_590));
    }

    #[test]
    fn a_line_says_whose_clock_it_is_of() {
        let mut anchor = Anchor::default();
        let [first, second] = [0, 33].map(|at| anchor.observe(captured(at, 0), arrived(at, 7)).line);
        assert!(first.is_same_clock(&second));
        let gone_back = anchor.observe(Time::from_millis(1), arrived(66, 7)).line;
        assert!(!gone_back.is_same_clock(&second));
        anchor.restart();
        let another = anchor.observe(Time::from_millis(34), arrived(99, 7)).line;
        assert!(!another.is_same_clock(&gone_back) && !another.is_same_clock(&second));
        assert_eq!(another.local(Time::from_millis(34)), arrived(99, 7));
    }

    #[test]
    fn a_jump_says_what_it_is() {
        assert_eq!(
            Jump::Forward(Duration::from_millis(90_012)).to_string(),
            "the camera's clock has jumped forward by 90.012 s"
        );
    }

    proptest! {
        #[test]
        fn no_times_do_harm(times in prop::collection::vec((any::<u64>(), any::<u64>()), 1..200)) {
            let mut anchor = Anchor::default();
            for (captured, arrived) in times {
                let seen = anchor.observe(Time::from_nanos(captured), Time::from_nanos(arrived));
                prop_assert!(seen.line.fast_ppb().abs() <= MAX_SKEW);
                let _ = seen.line.local(Time::from_nanos(arrived));
            }
        }
    }
}
