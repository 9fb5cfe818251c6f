//! How fast a pipe is read: as it comes, or no faster than was asked for, and what writes into it waits.
//!
//! A film comes as fast as a disk and a decoder go. A live source must not be held up though its clock may be a little
//! faster than ours, or two of its frames may come at once: each frame would be later than the one before. So the next frame
//! may always come a little early, until many in a row have waited for most of an interval. Only a film has so many.

use std::time::Duration;

use super::Rate;
use crate::time::Time;

/// This many frames in a row come early before it is a film: what they gain is a whole interval.
const EARLY: u32 = 8;

/// This many in a row have waited: it is worth a word.
const HELD_UP: u32 = 100;

/// This many frames within [`HASTE`], and nobody has said how fast: it is a film, or a very fast camera.
const HASTY: u32 = 100;
const HASTE: Duration = Duration::from_secs(1);

/// What there is to say of a pipe's pace, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remark {
    /// It gives more than a hundred frames a second, and nobody has said how fast it should be.
    Hasty,
    /// It is held up to this rate.
    HeldUp(Rate),
}

/// When frames are taken from a pipe.
#[derive(Debug)]
pub(super) struct Pace {
    rate: Option<Rate>,
    /// When the next frame may be taken.
    earliest: Time,
    /// It is there since then, and waits.
    waits_since: Option<Time>,
    /// Frames in a row that have waited for most of an interval.
    held_up: u32,
    /// Frames taken since then.
    taken: u32,
    since: Time,
    is_said: bool,
}

impl Pace {
    /// At most this many frames a second; `None`: as they come.
    pub(super) fn new(rate: Option<Rate>) -> Self {
        let (earliest, since) = (Time::default(), Time::default());
        Pace { rate, earliest, waits_since: None, held_up: 0, taken: 0, since, is_said: false }
    }

    /// When a frame that is there may be taken.
    pub(super) fn earliest(&self) -> Time {
        self.earliest
    }

    /// A frame is there. Whether it is taken now; if not, it waits until [`earliest`](Self::earliest).
    pub(super) fn take(&mut self, now: Time) -> bool {
        let Some(rate) = self.rate else { return true };
        if now < self.earliest {
            self.waits_since.get_or_insert(now);
            return false;
        }
        let interval = rate.at(1);
        let waited = self.waits_since.take().map_or(Duration::ZERO, |since| self.earliest.since(since));
        // a film's frame that we came for late was there all the same
        let is_film = self.held_up > EARLY && now.since(self.earliest) < interval / 2;
        self.held_up = match waited > interval / 2 {
            true => self.held_up.saturating_add(1),
            false if is_film => self.held_up,
            false => 0,
        };
        self.earliest = if self.held_up > EARLY {
            self.earliest.after(interval).max(now)
        } else {
            now.after(interval - interval / EARLY)
        };
        true
    }

    /// What there is to say after a frame was taken.
    pub(super) fn remark(&mut self, now: Time) -> Option<Remark> {
        if self.is_said {
            return None;
        }
        let remark = match self.rate {
            Some(rate) => (self.held_up >= HELD_UP).then_some(Remark::HeldUp(rate)),
            None => self.is_hasty(now).then_some(Remark::Hasty),
        };
        self.is_said = remark.is_some();
        remark
    }

    fn is_hasty(&mut self, now: Time) -> bool {
        if self.taken == 0 || now.since(self.since) > HASTE {
            (self.taken, self.since) = (0, now);
        }
        self.taken += 1;
        self.taken > HASTY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Time = Time::from_millis(5000);

    fn pace(rate: &str) -> Pace {
        Pace::new(Some(rate.parse().unwrap()))
    }

    /// When frames are taken that are written at these times, in microseconds after the start, and whether anything was said.
    /// A frame is read once the one before it is taken.
    fn taken(pace: &mut Pace, written: impl Iterator<Item = u64>) -> (Vec<u64>, bool) {
        let (mut now, mut is_said) = (START, false);
        let take = |micros: u64| {
            now = now.max(START.after(Duration::from_micros(micros)));
            if !pace.take(now) {
                now = pace.earliest();
                assert!(pace.take(now));
            }
            is_said |= pace.remark(now).is_some();
            now.since(START).as_micros() as u64
        };
        let times = written.map(take).collect();
        (times, is_said)
    }

    fn most_late(times: &[u64], written: impl Iterator<Item = u64>) -> u64 {
        times.iter().zip(written).map(|(taken, written)| taken - written).max().unwrap()
    }

    #[test]
    fn a_film_plays_as_fast_as_is_wished() {
        let (times, is_said) = taken(&mut pace("25"), std::iter::repeat_n(0, 501));
        assert!((10..=500).all(|n| times[n] == times[n - 1] + 40_000), "{times:?}");
        assert!(times[500] >= 498 * 40_000 && is_said);
        // one that is decoded little faster than it plays
        let (times, _) = taken(&mut pace("25"), (0..2_000).map(|n| n * 30_000));
        assert!(times[1999] >= 1_995 * 40_000, "{}", times[1999]);
    }

    #[test]
    fn a_film_keeps_its_length_though_the_loop_is_busy() {
        let (mut pace, mut now) = (pace("25"), START);
        for frame in 0..1_000_u64 {
            // up to 18 ms late, at times before the frame was even read
            now = now.after(Duration::from_millis(if frame % 5 == 0 { 45 } else { 0 }));
            if !pace.take(now) {
                now = pace.earliest().after(Duration::from_millis(frame * 7 % 19));
                assert!(pace.take(now));
            }
        }
        let short = Duration::from_millis(40 * 999).saturating_sub(now.since(START));
        assert!(short < Duration::from_millis(80), "{short:?}");
    }

    #[test]
    fn a_live_source_whose_clock_is_fast_is_not_held_up() {
        for (ppm, jitter) in [(0, 0), (100, 0), (100, 3_000), (500, 20_000)] {
            let written = || {
                (0..100_000_u64)
                    .map(|n| n * (1_000_000_000 - ppm * 1_000) / 30_000 + n * 7 % 11 * jitter / 10)
            };
            let (times, is_said) = taken(&mut pace("30"), written());
            let late = most_late(&times, written());
            assert!(late <= jitter && !is_said, "{ppm} ppm, {jitter} us: {late} us late");
        }
    }

    #[test]
    fn frames_that_come_together_do_not_delay_what_follows_for_long() {
        // each tenth is as late as its successor
        let written = || (0..1_000_u64).map(|n| if n % 50 == 9 { (n + 1) * 100_000 } else { n * 100_000 });
        let (times, _) = taken(&mut pace("10"), written());
        for n in (0..1_000).filter(|n| n % 50 > 25) {
            assert_eq!(times[n], n as u64 * 100_000, "frame {n}");
        }
    }

    #[test]
    fn a_loop_that_was_away_does_not_catch_up_in_one_go() {
        let mut pace = pace("10");
        let mut now = START;
        for _ in 0..50 {
            now = now.max(pace.earliest());
            assert!(pace.take(now));
            assert!(!pace.take(now));
        }
        now = now.after(Duration::from_secs(60));
        assert!(pace.take(now));
        assert!(pace.take(now));
        assert!(!pace.take(now));
    }

    #[test]
    fn haste_is_said_once_where_nobody_has_said_how_fast() {
        let at = |frame: u64, fps: u64| START.after(Duration::from_micros(frame * 1_000_000 / fps));
        for (fps, said) in [(1, 0), (30, 0), (90, 0), (300, 1)] {
            let mut pace = Pace::new(None);
            let remarks = (0..1000).filter_map(|frame| pace.remark(at(frame, fps)));
            assert_eq!(remarks.filter(|remark| *remark == Remark::Hasty).count(), said, "{fps}");
        }
    }
}
