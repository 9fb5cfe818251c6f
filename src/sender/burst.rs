//! How many bytes one client is sent at once.
//!
//! A path that holds a whole frame in its queues gets it at once, and soon; one that does not gets it in bursts, with
//! pauses. Which of the two it is shows only when it is tried. A session begins with bursts that most queues hold. Then one
//! frame is sent with twice as much at once, as a trial, and when the client is done with that frame and lost nothing of
//! it, all later ones are. So a clean path is sent whole frames after a few of them. At the first loss beyond the path's own
//! the bursts are halved, and the larger ones are not tried again for a while, which grows with each failure.
//!
//! Radios lose by chance, whatever is sent at once. What half as much at once loses as well is the path's own loss, and is
//! no reason to go slower.

use super::path::TOO_MUCH;
use super::push_latest;
use crate::time::Time;
use crate::wire::FrameNumber;
use std::collections::VecDeque;
use std::time::Duration;

/// Bytes at once at level 0: one system call, and most queues hold it. Each level up is twice as many.
pub(super) const FIRST_BYTES: f64 = 24_000.0;

/// The lowest level: two datagrams at once.
const LOWEST: i8 = -3;

/// The highest: more than the longest frame.
const HIGHEST: i8 = 12;

/// From level 0 on down, a level fails only when this share is lost for sure: a chance loss must not make a slow camera's frames
/// late.
const LOSSY: f32 = 0.02;

/// Datagrams that have to be sent before two levels are compared.
const FEW_SENT: u32 = 200;

/// For this long after a level has failed what is lost does not count: a queue is still full, and what was lost is sent again.
const SETTLING: Duration = Duration::from_millis(100);

/// What is known of the path's own loss is known from a few datagrams.
const BY_CHANCE: f32 = 1.5;

/// Half as much at once that leaves more than this share of the loss has not helped; nor has what leaves as much as may be the same
/// by chance, but for a share like the second.
const HELPED: f32 = 0.7;
const HARDLY_HELPED: f32 = 0.25;

/// A level that has failed is tried again after this long; after each failure twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(30);
const LAST_WAIT: Duration = Duration::from_secs(960);

/// Frames of which it is not known yet what was lost: more than are under way at a time.
pub(super) const UNKNOWN: usize = 192;

/// A frame that was larger is forgotten by this part with each that follows.
const SHRINKS: f64 = 0.9;

/// Steps down that follow each other within this time are one failure.
const ONE_FAILURE: Duration = Duration::from_secs(1);

/// What was sent longer ago counts half: the path may have changed.
const MEMORY: u32 = 8_192;

/// Datagrams sent, and those of them that were lost.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    sent: u32,
    lost: u32,
}

impl Count {
    fn share(self) -> f32 {
        if self.sent == 0 { 0.0 } else { (self.lost as f32 / self.sent as f32).min(1.0) }
    }

    /// What half as much at once loses at the least if it has not helped: this count may be a few datagrams'.
    fn much_the_same(self) -> f32 {
        let share = self.share();
        (share * HELPED - 2.0 * self.deviation()).max(share * HARDLY_HELPED)
    }

    /// What is lost at the least, as far as this count tells.
    fn surely(self) -> f32 {
        self.share() - 2.0 * self.deviation()
    }

    fn deviation(self) -> f32 {
        let share = self.share();
        (share * (1.0 - share) / self.sent.max(1) as f32).sqrt()
    }

    /// More than is lost by chance where the share is about `own`, by three standard deviations.
    fn exceeds(self, own: f32) -> bool {
        let mean = own * self.sent as f32;
        self.lost as f32 > mean * BY_CHANCE + 3.0 * mean.sqrt() + if own > 0.0 { 1.0 } else { 0.0 }
    }
}

/// A level that has failed.
#[derive(Clone, Copy, Debug)]
struct Failed {
    level: i8,
    /// What was sent at it, from one frame to another. Of some of that it is not known yet that it is lost.
    count: Count,
    frames: (FrameNumber, FrameNumber),
    at: Time,
    /// It is not tried again before.
    until: Time,
}

/// A frame that is sent one level up.
#[derive(Clone, Copy, Debug)]
struct Trial {
    number: FrameNumber,
    count: Count,
}

#[derive(Debug)]
pub(super) struct Burst {
    level: i8,
    /// The first frame that was sent at this level; none if it has not begun.
    since: Option<FrameNumber>,
    /// What was sent at this level of late.
    here: Count,
    /// Frames of which it is not known yet what was lost, and their datagrams.
    unknown: VecDeque<(FrameNumber, u16)>,
    trial: Option<Trial>,
    failed: Option<Failed>,
    /// What is sent before then does not count.
    settled: Time,
    /// Loss that smaller bursts have not lowered; it is looked at anew after a while.
    own: f32,
    own_until: Time,
    own_wait: Duration,
    wait: Duration,
    /// The latest frame.
    newest: FrameNumber,
    /// Bytes of the largest frame of late: larger bursts than that are none.
    frame: f64,
}

impl Default for Burst {
    fn default() -> Self {
        Burst {
            level: 0,
            since: None,
            here: Count::default(),
            unknown: VecDeque::with_capacity(UNKNOWN),
            trial: None,
            failed: None,
            settled: Time::default(),
            own: 0.0,
            own_until: Time::default(),
            own_wait: FIRST_WAIT,
            wait: FIRST_WAIT,
            newest: FrameNumber(0),
            frame: 0.0,
        }
    }
}

/// What a frame is to be sent with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Aim {
    /// Bytes at once.
    pub(super) bytes: f64,
    /// It is a trial.
    is_trial: bool,
}

impl Burst {
    /// The part that may be used of a pace that is faster than the stream needs: where small bursts lose, long pauses help.
    pub(super) fn haste(&self) -> f64 {
        two_to_the(self.level.min(0))
    }

    /// Some level has been too much.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Not even what most queues hold goes at once.
    pub(super) fn is_low(&self) -> bool {
        self.level < 0
    }

    fn failed_above(&self) -> Option<Failed> {
        self.failed.filter(|failed| failed.level > self.level)
    }

    /// Bytes at once, beside a trial.
    pub(super) fn bytes(&self) -> f64 {
        bytes_at(self.level)
    }

    /// Bytes at once for a frame of this many, if it is sent now.
    pub(super) fn aim(&self, bytes: u32, now: Time) -> Aim {
        let here = self.bytes();
        // what no radio loses by itself is not a loss to try more with
        let is_barred = self.failed.is_some_and(|failed| now < failed.until)
            || (self.own > TOO_MUCH && now < self.own_until);
        let is_small = self.level < HIGHEST && here < f64::from(bytes).max(FIRST_BYTES);
        // the first frame of all is none
        let is_trial = is_small && !is_barred && self.trial.is_none() && self.frame > 0.0;
        Aim { bytes: if is_trial { here * 2.0 } else { here }, is_trial }
    }

    /// A frame of this many bytes begins.
    pub(super) fn on_frame(&mut self, number: FrameNumber, bytes: u32, aim: Aim, now: Time) {
        (self.newest, self.frame) = (number, f64::from(bytes).max(self.frame * SHRINKS));
        if aim.is_trial {
            self.trial = Some(Trial { number, count: Count::default() });
        } else if self.since.is_none() && now >= self.settled {
            self.since = Some(number);
        }
    }

    /// Datagrams of the frame that began last have gone, for the first time.
    pub(super) fn on_sent(&mut self, datagrams: u16) {
        match self.unknown.back_mut() {
            Some((number, count)) if *number == self.newest => *count = count.saturating_add(datagrams),
            _ => push_latest(&mut self.unknown, (self.newest, datagrams), UNKNOWN),
        }
    }

    /// The client has seen this frame, and said what it has lost of those before it.
    pub(super) fn on_seen(&mut self, seen: FrameNumber) {
        while let Some((number, datagrams)) = self.unknown.front().copied() {
            if !seen.is_after(number) {
                return;
            }
            self.unknown.pop_front();
            self.count(number, datagrams);
        }
    }

    /// This frame was sent at the level that is now.
    fn is_of_here(&self, number: FrameNumber) -> bool {
        self.since.is_some_and(|since| !since.is_after(number))
    }

    fn count(&mut self, number: FrameNumber, datagrams: u16) {
        if let Some(other) = self.counted_elsewhere(number) {
            other.sent = other.sent.saturating_add(datagrams.into());
            return;
        }
        if !self.is_of_here(number) {
            return;
        }
        self.here.sent = self.here.sent.saturating_add(datagrams.into());
        if self.here.sent > MEMORY {
            self.here = Count { sent: self.here.sent / 2, lost: self.here.lost / 2 };
            self.since = Some(number);
            self.own = self.own.min(self.here.share());
            if self.failed.is_none() {
                self.wait = FIRST_WAIT;
            }
        }
    }

    /// Datagrams of this frame were lost. True: the bursts are smaller from now on.
    pub(super) fn on_lost(&mut self, number: FrameNumber, datagrams: u16, now: Time) -> bool {
        if now >= self.own_until {
            self.own = 0.0;
        }
        if let Some(other) = self.counted_elsewhere(number) {
            other.lost = other.lost.saturating_add(datagrams.into());
            if self.trial.is_some_and(|trial| {
                self.with_unknown(trial.count, trial.number, trial.number).exceeds(self.own)
            }) {
                self.fail_trial(now);
            }
            return false;
        }
        if !self.is_of_here(number) {
            return false;
        }
        self.here.lost = self.here.lost.saturating_add(datagrams.into());
        self.judge(now)
    }

    /// The client is done with this frame and all before it.
    pub(super) fn on_done(&mut self, through: FrameNumber) {
        if self.trial.is_some_and(|trial| !trial.number.is_after(through)) {
            self.trial = None;
            self.failed = None;
            self.go_to(self.level.saturating_add(1));
        }
    }

    /// Another limit counts, and what was learned here does not.
    pub(super) fn forget(&mut self) {
        let unknown = std::mem::take(&mut self.unknown);
        *self = Burst { wait: self.wait, unknown, ..Burst::default() };
    }

    /// The frame that unasked losses are of.
    pub(super) fn suspect(&self, seen: FrameNumber) -> FrameNumber {
        self.trial.filter(|trial| !trial.number.is_after(seen)).map_or(seen, |trial| trial.number)
    }

    fn judge(&mut self, now: Time) -> bool {
        // larger frames had their bursts, and smaller ones go at once as they would at a lower level
        while self.level > 0 && bytes_at(self.level.saturating_sub(1)) >= self.frame {
            self.level = self.level.saturating_sub(1);
        }
        // a small queue loses most of what is sent at once, also of half as much
        let is_clear = self.here.sent >= FEW_SENT && self.here.share() > TOO_MUCH;
        let is_telling = !is_clear || !self.is_divisible();
        if let Some(above) = self.failed_above().filter(|_| is_telling) {
            if self.here.sent < FEW_SENT {
                return false;
            }
            if self.here.share() > above.count.much_the_same() {
                self.on_own_loss(above.level, now);
                return false;
            }
        }
        let since = self.since.unwrap_or(self.newest);
        let all = self.with_unknown(self.here, since, self.newest);
        let is_lossy = self.level > 0 || all.surely() > self.own + LOSSY;
        if !is_lossy || !all.exceeds(self.own) || !self.is_divisible() {
            return false;
        }
        self.trial = None;
        self.fail(self.level, self.here, (since, self.newest), now);
        self.go_to(self.level.saturating_sub(1));
        true
    }

    /// A count of what was sent from one frame to another, and that of which it is not known yet what was lost, as if nothing were.
    fn with_unknown(&self, known: Count, first: FrameNumber, last: FrameNumber) -> Count {
        let later = self.unknown.iter().rev().skip_while(|(number, _)| number.is_after(last));
        let unknown = later.take_while(|(number, _)| !first.is_after(*number));
        let unknown = unknown.map(|(_, datagrams)| u32::from(*datagrams)).fold(0, u32::saturating_add);
        Count { sent: known.sent.saturating_add(unknown), ..known }
    }

    /// What the level above has lost is lost here as well.
    fn on_own_loss(&mut self, above: i8, now: Time) {
        self.own = self.here.share();
        self.own_until = now.after(self.own_wait);
        self.own_wait = self.own_wait.saturating_mul(2).min(LAST_WAIT);
        self.failed = None;
        self.wait = self.wait.div_f32(2.0).max(FIRST_WAIT);
        self.go_to(if self.own > TOO_MUCH { above.min(0) } else { above });
    }

    /// Smaller bursts would be smaller.
    fn is_divisible(&self) -> bool {
        self.level > LOWEST && bytes_at(self.level.saturating_sub(1)) < self.frame
    }

    fn fail_trial(&mut self, now: Time) {
        let Some(Trial { number, count }) = self.trial.take() else { return };
        self.fail(self.level.saturating_add(1), count, (number, number), now);
        self.since = None;
    }

    /// The count of the other level that this frame was sent at: on trial, or before that failed.
    fn counted_elsewhere(&mut self, number: FrameNumber) -> Option<&mut Count> {
        if let Some(trial) = self.trial.as_mut().filter(|trial| trial.number == number) {
            return Some(&mut trial.count);
        }
        let failed = self.failed.as_mut()?;
        let (first, last) = failed.frames;
        (!first.is_after(number) && !number.is_after(last)).then_some(&mut failed.count)
    }

    fn fail(&mut self, level: i8, count: Count, frames: (FrameNumber, FrameNumber), now: Time) {
        let lately = self.failed.filter(|failed| now < failed.at.after(ONE_FAILURE));
        let until = lately.map_or_else(|| now.after(self.wait), |failed| failed.until);
        if lately.is_none() {
            self.wait = self.wait.saturating_mul(2).min(LAST_WAIT);
        }
        self.failed = Some(Failed { level, count, frames, at: now, until });
        self.settled = now.after(SETTLING);
    }

    fn go_to(&mut self, level: i8) {
        self.level = level.clamp(LOWEST, HIGHEST);
        self.here = Count::default();
        self.since = None;
    }
}

fn bytes_at(level: i8) -> f64 {
    FIRST_BYTES * two_to_the(level)
}

fn two_to_the(level: i8) -> f64 {
    let power = f64::from(1_u32.wrapping_shl(level.unsigned_abs().into()));
    if level < 0 { 1.0 / power } else { power }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DATAGRAM: f64 = 1_452.0;

    /// A camera's frames, on a path that loses what `loses` says of the bytes that go at once: a share.
    struct Bench<F> {
        burst: Burst,
        number: FrameNumber,
        now: Time,
        frame: u32,
        interval: Duration,
        /// So many frames later it is known what was lost of one.
        delay: usize,
        under_way: VecDeque<(FrameNumber, u16)>,
        loses: F,
        /// Left over of a datagram.
        rest: f64,
        sent: u32,
        lost: u32,
    }

    impl<F: Fn(f64) -> f64> Bench<F> {
        fn new(frame: u32, loses: F) -> Self {
            let (burst, number, now) =
                (Burst::default(), FrameNumber(u32::MAX - 20), Time::from_millis(9_000));
            let interval = Duration::from_secs(1) / 30;
            let (delay, under_way) = (0, VecDeque::new());
            Bench {
                burst,
                number,
                now,
                frame,
                interval,
                delay,
                under_way,
                loses,
                rest: 0.0,
                sent: 0,
                lost: 0,
            }
        }

        /// The same client, and a path that loses otherwise.
        fn on_another_path<G: Fn(f64) -> f64>(self, loses: G) -> Bench<G> {
            let Bench { burst, number, now, frame, interval, delay, under_way, rest, sent, lost, .. } = self;
            Bench { burst, number, now, frame, interval, delay, under_way, loses, rest, sent, lost }
        }

        /// The share of the datagrams of so many more frames that is lost.
        fn share_lost(&mut self, frames: u32) -> f64 {
            let (sent, lost) = (self.sent, self.lost);
            self.run(frames);
            f64::from(self.lost - lost) / f64::from(self.sent - sent)
        }

        /// So many of so many more frames come when more than this goes at once, beside a trial.
        fn above(&mut self, holds: f64, frames: u32) -> u32 {
            (0..frames).map(|_| u32::from(self.run(1).at_once() > holds)).sum()
        }

        /// So many frames.
        fn run(&mut self, frames: u32) -> &mut Self {
            for _ in 0..frames {
                self.number = self.number.next();
                self.now = self.now.after(self.interval);
                let aim = self.burst.aim(self.frame, self.now);
                self.burst.on_frame(self.number, self.frame, aim, self.now);
                let datagrams = (f64::from(self.frame) / DATAGRAM).ceil();
                self.burst.on_sent(datagrams as u16);
                self.rest += datagrams * (self.loses)(aim.bytes.min(self.frame.into()));
                let lost = self.rest.floor();
                self.rest -= lost;
                self.under_way.push_back((self.number, lost as u16));
                while self.under_way.len() > self.delay {
                    let (number, lost) = self.under_way.pop_front().unwrap();
                    if lost > 0 {
                        self.burst.on_lost(number, lost, self.now);
                    }
                    self.burst.on_seen(number);
                    self.burst.on_done(number);
                }
                (self.sent, self.lost) = (self.sent + datagrams as u32, self.lost + lost as u32);
            }
            self
        }

        fn at_once(&self) -> f64 {
            bytes_at(self.burst.level)
        }
    }

    /// What a queue does not hold of so many bytes at once.
    fn queue(holds: f64) -> impl Fn(f64) -> f64 {
        move |bytes| (1.0 - holds / bytes).max(0.0)
    }

    #[test]
    fn a_clean_path_is_sent_whole_frames_after_a_few() {
        for frame in [1_000, 30_000, 206_000, 800_000, 8_000_000] {
            let mut bench = Bench::new(frame, |_| 0.0);
            bench.run(12);
            assert!(bench.at_once() >= f64::from(frame), "{frame}: {:?}", bench.burst);
        }
    }

    #[test]
    fn a_queue_gets_what_it_holds_and_hardly_ever_more() {
        for holds in [4_000.0, 8_000.0, 16_000.0, 65_000.0, 150_000.0, 1e6] {
            let mut bench = Bench::new(206_000, queue(holds));
            bench.run(60);
            let early = bench.lost;
            bench.run(30 * 600);
            let (later, sent) = (bench.lost - early, bench.sent);
            assert!(later * 1_000 < sent, "{holds}: {later} of {sent}, {early} before");
            assert!(bench.at_once() <= holds, "{holds}: {:?}", bench.burst);
            assert!(bench.at_once() * 2.0 > holds.min(206_000.0), "{holds}: {:?}", bench.burst);
        }
    }

    #[test]
    fn chance_loss_is_the_paths_own() {
        for loss in [0.0002, 0.001, 0.01, 0.05, 0.2] {
            let mut bench = Bench::new(206_000, move |_| loss);
            bench.run(30 * 60);
            let (mut low, mut whole) = (0, 0);
            for _ in 0..30 * 600 {
                bench.run(1);
                low += u32::from(bench.burst.level < 0);
                whole += u32::from(bench.at_once() >= 206_000.0);
            }
            assert!(low < 30 * 600 / 50 && whole > 30 * 600 / 2, "{loss}: {low} {whole}");
        }
    }

    #[test]
    fn a_queue_on_a_lossy_path_gets_what_it_holds() {
        let overflow = queue(65_000.0);
        let mut bench = Bench::new(206_000, move |bytes| 0.02 + overflow(bytes));
        bench.run(30 * 60);
        let early = (bench.lost, bench.sent);
        bench.run(30 * 600);
        let share = f64::from(bench.lost - early.0) / f64::from(bench.sent - early.1);
        assert!(share < 0.025, "{share}: {:?}", bench.burst);
    }

    #[test]
    fn where_all_is_lost_nothing_larger_is_tried() {
        let mut bench = Bench::new(206_000, |_| 0.6);
        bench.run(30 * 120);
        assert!(bench.burst.level <= 0, "{:?}", bench.burst);
    }

    #[test]
    fn the_first_loss_takes_it_back_at_once_and_it_is_tried_again() {
        let mut bench = Bench::new(206_000, |_| 0.0);
        bench.run(30);
        let top = bench.burst.level;
        assert!(bench.burst.on_lost(bench.number, 1, bench.now));
        assert_eq!(bench.burst.level, top - 1);
        bench.run(30 * 25);
        assert_eq!(bench.burst.level, top - 1, "not before it has waited");
        bench.run(30 * 10);
        assert_eq!(bench.burst.level, top);
    }

    #[test]
    fn what_fails_is_tried_ever_less_often() {
        let mut bench = Bench::new(206_000, queue(65_000.0));
        let mut trials = Vec::new();
        for frame in 0..30 * 3_600 {
            let before = bench.lost;
            bench.run(1);
            if bench.lost > before {
                trials.push(frame / 30);
            }
        }
        let pauses =
            trials.windows(2).map(|pair| pair[1] - pair[0]).filter(|pause| *pause > 1).collect::<Vec<_>>();
        assert!(pauses.windows(2).all(|pair| pair[1] >= pair[0]), "{pauses:?}");
        assert!(pauses.len() >= 4 && pauses[pauses.len() - 1] >= 900, "{pauses:?}");
    }

    #[test]
    fn a_path_that_has_become_better_is_found_so() {
        let mut bench = Bench::new(206_000, queue(8_000.0));
        bench.run(30 * 10);
        assert!(bench.burst.level < 0);
        let mut bench = bench.on_another_path(|_| 0.0);
        bench.run(30 * 120);
        assert!(bench.at_once() >= 206_000.0, "{:?}", bench.burst);
    }

    #[test]
    fn a_queue_that_has_become_smaller_is_found_by_small_frames_too() {
        for frame in [60_000, 90_000, 130_000] {
            let mut bench = Bench::new(206_000, |_| 0.0);
            bench.run(30);
            bench.frame = frame;
            bench.run(300);
            let mut bench = bench.on_another_path(queue(50_000.0));
            let share = bench.share_lost(30 * 60);
            assert!(share < 0.005, "{frame}: {share}, {:?}", bench.burst);
        }
    }

    #[test]
    fn frames_that_vary_are_sent_at_once_where_the_path_takes_it() {
        let mut bench = Bench::new(206_000, |_| 0.0);
        bench.run(30);
        for frame in [90_000, 206_000, 10_000, 150_000].into_iter().cycle().take(400) {
            bench.frame = frame;
            bench.run(1);
            assert!(bench.at_once() >= 206_000.0, "{:?}", bench.burst);
        }
    }

    #[test]
    fn a_trial_is_judged_by_its_own_frame() {
        for delay in [0, 1, 3, 9] {
            let overflow = queue(100_000.0);
            let mut bench = Bench::new(206_000, move |bytes| 0.05 + overflow(bytes));
            bench.delay = delay;
            bench.run(30 * 60);
            let above = bench.above(100_000.0, 30 * 600);
            assert!(above < 30, "{delay}: {above}, {:?}", bench.burst);
        }
    }

    #[test]
    fn a_chance_loss_is_no_excuse_for_a_trial_that_failed() {
        for (delay, per_second) in [(0, 5), (1, 5), (1, 1), (3, 30)] {
            let overflow = queue(65_000.0);
            let mut bench = Bench::new(206_000, move |bytes| 0.0005 + overflow(bytes));
            bench.interval = Duration::from_secs(1) / per_second;
            bench.delay = delay;
            bench.run(per_second * 120);
            let above = bench.above(65_000.0, per_second * 1_200);
            assert!(above < 10, "{per_second}/s, {delay} later: {above}, {:?}", bench.burst);
        }
    }

    #[test]
    fn steps_down_at_once_are_one_failure() {
        let mut bench = Bench::new(206_000, |_| 0.0);
        bench.run(30);
        let mut bench = bench.on_another_path(queue(5_000.0));
        bench.run(40);
        assert!(bench.burst.level < 0, "{:?}", bench.burst);
        let mut bench = bench.on_another_path(|_| 0.0);
        let level = bench.burst.level;
        bench.run(30 * 34);
        assert!(bench.burst.level > level, "{:?}", bench.burst);
    }

    #[test]
    fn a_slow_camera_is_not_held_down_by_a_loss_of_long_ago() {
        let mut bench = Bench::new(206_000, |_| 0.6);
        bench.interval = Duration::from_secs(10);
        bench.run(200);
        let mut bench = bench.on_another_path(|_| 0.0);
        // the longest that a failure and the path's own loss are remembered, one after the other
        bench.run(2 * 96 + 20);
        assert!(bench.at_once() >= 206_000.0, "{:?}", bench.burst);
    }

    proptest! {
        #[test]
        fn whatever_a_client_says_it_stays_within_bounds(
            said in proptest::collection::vec((0..5_u8, any::<u32>(), any::<u16>(), 0..100_000_u64), 0..400),
        ) {
            let mut burst = Burst::default();
            let mut now = Time::from_millis(1_000);
            let mut number = FrameNumber(0);
            for (what, word, count, wait) in said {
                now = now.after(Duration::from_millis(wait));
                match what {
                    0 => {
                        number = number.next();
                        let aim = burst.aim(word, now);
                        prop_assert!(aim.bytes >= bytes_at(LOWEST) && aim.bytes <= bytes_at(HIGHEST));
                        burst.on_frame(number, word, aim, now);
                    }
                    1 => burst.on_sent(count),
                    2 => {
                        burst.on_lost(FrameNumber(word), count, now);
                    }
                    3 => burst.on_seen(FrameNumber(word)),
                    _ => burst.on_done(FrameNumber(word)),
                }
                prop_assert!((LOWEST..=HIGHEST).contains(&burst.level));
                prop_assert!((0.0..=1.0).contains(&burst.own) && burst.haste() <= 1.0);
            }
        }
    }
}
