//! What one client's path takes, from what was sent and what the client says has arrived.
//!
//! A path loses datagrams by chance, as radios do, or because it is narrower than the stream. Sending less helps only
//! against the second, and against the first it would lose what repair saves. So a path is taken for wide until a good
//! part of what is sent does not arrive; then less is sent, as much as has been seen to arrive; and if that does not
//! lower the loss, the loss is the path's own, and all is as before. On a narrow path the limit is raised step by step,
//! ever faster while nothing is lost, until it limits nothing any more.

use super::{View, push_latest};
use crate::time::Time;
use std::collections::VecDeque;
use std::time::Duration;

/// Loss over this long counts: several frames, so that it does not matter how they come in bursts.
const WINDOW: Duration = Duration::from_secs(1);

/// On a wide path the loss has to be there in the latest part of the window too: an outage that is over is no narrow path.
const LATEST: Duration = Duration::from_millis(400);

/// After this long without enough datagrams those that there are have to do, where there is a limit.
const PATIENCE: Duration = Duration::from_secs(2);

/// The rate of arrival is taken over this long.
const RATE_WINDOW: Duration = Duration::from_millis(250);

/// What has arrived is noted this often, and what was sent ...
const NOTE: Duration = Duration::from_millis(50);
const SENT_NOTE: Duration = Duration::from_millis(10);
/// ... this many times: for 3.2 s, and for the longest round trip of use.
const NOTES: usize = 64;
const SENT_NOTES: usize = 128;

/// What was noted when nothing was on its way is better than the latest, if it is one of so many.
const LATE_NOTES: usize = 3;

/// Fewer datagrams in a window tell nothing: then it is longer.
const FEW: u32 = 100;
const FEW_LATEST: u32 = 40;

/// So many tell the share that is lost by chance to a third or so.
const FEW_FOR_SHARE: u32 = 400;

/// So are the datagrams of fewer frames than these: which part of a frame had been sent when a client spoke of it is
/// known to ten milliseconds only.
const FEW_FRAMES: u32 = 4;

/// If nothing was heard of the client for longer than this, it was away, and what was lost meanwhile does not count.
const HUSH: Duration = Duration::from_millis(600);

/// Loss that no radio has by itself.
pub(super) const TOO_MUCH: f32 = 0.30;

/// This much more than that in the latest part of a window is enough by itself, of so many datagrams.
const FLOOD: f32 = 0.10;
const FEW_IN_A_FLOOD: u32 = 200;

/// On a narrow path: loss beyond the path's own says that the limit is too high.
const TOO_HIGH: f32 = 0.05;

/// A cut that leaves more than this share of the loss has not helped.
const HELPED: f32 = 0.7;

/// Of what has arrived, so that a queue that is full drains.
const DRAIN: f64 = 0.95;

/// The first step up, and the largest; the steps double.
const FIRST_STEP: f64 = 0.03;
const LAST_STEP: f64 = 0.25;

/// Around the rate that was too high last time it is small steps only.
const NEAR: f64 = 0.15;

/// Up to this part of it nothing is lost. More is tried after a wait, and after twice as long if that was too much.
const FITS: f64 = 0.98;
const FIRST_WAIT: Duration = Duration::from_secs(2);
const LAST_WAIT: Duration = Duration::from_secs(16);

/// A round trip of this much more than twice the least one may be a queue that is long before it drops anything, if less
/// comes out of it than goes in; else the path has become longer.
const QUEUE: Duration = Duration::from_millis(100);
const GROWING: f32 = 0.03;

/// A client gives the server up before its round trips are longer.
const LONGEST: Duration = Duration::from_secs(3);

/// Where less than this part arrives, no rate is of use.
const LEAST_ARRIVING: f64 = 0.2;

/// Of the stream, any path takes this part.
const LEAST: f64 = 1.0 / 64.0;

#[derive(Debug)]
pub(super) struct Path {
    sent: Count,
    sent_log: VecDeque<(Time, Count)>,
    view: Option<View>,
    /// The counters as far as `view` has them.
    counted: (u32, u32),
    pairs: VecDeque<Pair>,
    least_round_trip: Option<Duration>,
    is_queueing: bool,
    /// Loss that sending less has not lowered.
    own_loss: f32,
    /// The limit, where there is one.
    narrow: Option<Narrow>,
    /// When the client was last heard of.
    heard: Option<Time>,
    judged: Time,
    /// On a narrow path: when enough had been sent to tell.
    told: Time,
    /// Nothing before this time counts, and nothing is judged before a window has passed since.
    since: Time,
}

/// DATA datagrams that were sent, and frames of which they are; both wrap, as `arrived` does.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    datagrams: u32,
    frames: u32,
}

/// What had been sent when all that `arrived` had been sent.
#[derive(Clone, Copy, Debug)]
struct Pair {
    at: Time,
    sent: Count,
    /// The same at the least, of datagrams: those of a moment before, which have arrived or are lost.
    surely: u32,
    /// Nothing was on its way.
    is_exact: bool,
    arrived: u32,
}

impl Pair {
    /// What did not arrive of what was `sent` since an earlier one.
    fn lost_since(&self, earlier: &Pair, sent: u32) -> Loss {
        let arrived = self.arrived.wrapping_sub(earlier.arrived);
        Loss { share: (1.0 - arrived as f32 / sent as f32).clamp(0.0, 1.0), of: sent }
    }
}

/// The share that did not arrive of so many datagrams.
#[derive(Clone, Copy, Debug)]
struct Loss {
    share: f32,
    of: u32,
}

impl Loss {
    /// More by this much than is lost by chance where that share is `own`.
    fn exceeds(self, own: f32, by: f32) -> bool {
        let deviation = (own * (1.0 - own) / self.of.max(1) as f32).sqrt();
        self.share > own + by + 2.0 * deviation
    }
}

/// Rates in datagrams a second: what the stream makes, and how fast it is sent if nothing limits that.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) stream: f64,
    pub(super) pace: f64,
}

#[derive(Clone, Copy, Debug)]
struct Narrow {
    /// Datagrams a second.
    limit: f64,
    step: f64,
    /// What has to be sent for as much to arrive as did when the limit was last too high.
    known: f64,
    /// Before the first cut, which is on trial: the loss.
    trial: Option<f32>,
    /// Until then it is not sent more than it was known to take, and how long that was from the cut on.
    held: Time,
    wait: Duration,
}

impl Path {
    pub(super) fn new(now: Time) -> Self {
        Path {
            sent: Count::default(),
            sent_log: VecDeque::with_capacity(SENT_NOTES),
            pairs: VecDeque::with_capacity(NOTES),
            view: None,
            counted: (0, 0),
            least_round_trip: None,
            is_queueing: false,
            own_loss: 0.0,
            narrow: None,
            heard: None,
            judged: Time::default(),
            told: Time::default(),
            since: now,
        }
    }

    /// Datagrams a second that it takes; `None` while it takes all.
    pub(super) fn limit(&self) -> Option<f64> {
        self.narrow.map(|narrow| narrow.limit)
    }

    /// From now on it is sent to in another way, and what it loses is seen a round trip later: what was lost before does not
    /// count.
    pub(super) fn restart(&mut self, round_trip: Duration, now: Time) {
        self.since = now.after(round_trip.min(LONGEST));
    }

    /// DATA datagrams that have gone; wraps.
    pub(super) fn sent(&self) -> u32 {
        self.sent.datagrams
    }

    /// What the client has said of its network.
    pub(super) fn view(&self) -> Option<View> {
        self.view
    }

    /// This many datagrams have gone, the first of a frame among them if it `begins`.
    pub(super) fn on_sent(&mut self, datagrams: u16, begins: bool, now: Time) {
        if self.sent_log.is_empty() {
            // before the stream begins there is no rate
            self.since = now;
        }
        self.sent.datagrams = self.sent.datagrams.wrapping_add(u32::from(datagrams));
        self.sent.frames = self.sent.frames.wrapping_add(u32::from(begins));
        match self.sent_log.back_mut() {
            // an entry says what had been sent at the end of its time
            Some((at, sent)) if now < at.after(SENT_NOTE) => *sent = self.sent,
            _ => push_latest(&mut self.sent_log, (now, self.sent), SENT_NOTES),
        }
    }

    /// The client has got `arrived` datagrams altogether. `wanted` says which rates are of use.
    pub(super) fn on_arrived(&mut self, arrived: u32, round_trip: Duration, wanted: Wanted, now: Time) {
        let round_trip = round_trip.min(LONGEST);
        if !round_trip.is_zero() {
            let least = self.least_round_trip.map_or(round_trip, |least| least.min(round_trip));
            self.least_round_trip = Some(least);
            self.is_queueing = round_trip > least.saturating_mul(2).saturating_add(QUEUE);
        }
        let sent = self.sent_by(now.before(round_trip));
        let rtt_us = u32::try_from(round_trip.as_micros()).unwrap_or(u32::MAX);
        self.view = Some(self.view_with(sent.datagrams, arrived, rtt_us));
        if self.heard.is_some_and(|heard| now.since(heard) > HUSH) {
            self.since = now;
        }
        self.heard = Some(now);
        if now >= self.judged.after(NOTE) {
            self.judged = now;
            let surely = self.sent_by(now.before(round_trip).before(SENT_NOTE.saturating_mul(2))).datagrams;
            let at_most = self.sent_by(now.before(round_trip.div_f32(2.0))).datagrams;
            self.note(Pair { at: now, sent, surely, is_exact: surely == at_most, arrived });
            self.judge(round_trip, wanted, now);
        }
    }

    /// While nothing is sent there is nothing to note but what still comes: a slow stream's frames would soon be forgotten.
    fn note(&mut self, pair: Pair) {
        match self.pairs.back_mut() {
            Some(last) if last.sent.datagrams == pair.sent.datagrams => {
                (last.surely, last.is_exact, last.arrived) = (pair.surely, pair.is_exact, pair.arrived);
            }
            _ => push_latest(&mut self.pairs, pair, NOTES),
        }
    }

    /// Both counters wrap, and neither goes back; what is told of late is told again.
    fn view_with(&mut self, sent: u32, arrived: u32, rtt_us: u32) -> View {
        let ahead = |now: u32, before: u32| Some(now.wrapping_sub(before)).filter(|ahead| *ahead < 1 << 31);
        let (sent_before, arrived_before) = self.counted;
        let old = self.view.unwrap_or_default();
        let (more_sent, more_arrived) = (ahead(sent, sent_before), ahead(arrived, arrived_before));
        self.counted = (
            sent_before.wrapping_add(more_sent.unwrap_or(0)),
            arrived_before.wrapping_add(more_arrived.unwrap_or(0)),
        );
        View {
            sent: old.sent.saturating_add(more_sent.unwrap_or(0).into()),
            arrived: old.arrived.saturating_add(more_arrived.unwrap_or(0).into()),
            rtt_us,
        }
    }

    /// The share of datagrams that did not arrive of late, if enough were sent to tell.
    pub(super) fn loss_of_late(&self) -> Option<f32> {
        Some(self.loss(WINDOW, Count { datagrams: FEW_FOR_SHARE, frames: FEW_FRAMES })?.share)
    }

    fn sent_by(&self, at: Time) -> Count {
        let entry = self.sent_log.iter().rev().find(|(since, _)| *since <= at);
        entry.or(self.sent_log.front()).map_or(Count::default(), |(_, sent)| *sent)
    }

    /// The share that did not arrive of what was sent in the latest `window`, or for as long before as makes a `few`
    /// datagrams and frames; none if that is longer than is known.
    fn loss(&self, window: Duration, few: Count) -> Option<Loss> {
        let last =
            self.pairs.iter().rev().take(LATE_NOTES).find(|pair| pair.is_exact).or(self.pairs.back())?;
        // what has only just been sent is on its way
        let sent_since = |pair: &Pair| last.surely.wrapping_sub(pair.sent.datagrams);
        let frames_since = |pair: &Pair| last.sent.frames.wrapping_sub(pair.sent.frames);
        let is_long = |pair: &&Pair| {
            let (datagrams, frames) = (sent_since(pair), frames_since(pair));
            let is_enough = (few.datagrams..1 << 31).contains(&datagrams) && frames >= few.frames;
            last.at.since(pair.at) >= window && is_enough
        };
        let first = self.latest(self.since, is_long)?;
        // of few frames, one that is on its way is a good part
        let exact = self.latest(self.since, |pair| pair.is_exact && is_long(pair));
        let first = exact.filter(|exact| first.at.since(exact.at) <= window).unwrap_or(first);
        Some(last.lost_since(first, sent_since(first)))
    }

    /// The latest pair that this is true of, if it is not from before `since`.
    fn latest(&self, since: Time, is_wanted: impl FnMut(&&Pair) -> bool) -> Option<&Pair> {
        self.pairs.iter().rev().take_while(|pair| pair.at >= since).find(is_wanted)
    }

    /// The highest rate of arrival of late, in datagrams a second.
    fn best_rate(&self) -> f64 {
        let rates = self.pairs.iter().enumerate().filter_map(|(index, last)| {
            let from = last.at.before(RATE_WINDOW);
            let first = self.pairs.iter().take(index).rev().find(|pair| pair.at <= from)?;
            let arrived = f64::from(last.arrived.wrapping_sub(first.arrived));
            Some(arrived / last.at.since(first.at).as_secs_f64())
        });
        rates.fold(0.0, f64::max)
    }

    fn judge(&mut self, round_trip: Duration, wanted: Wanted, now: Time) {
        let judged = match self.narrow {
            None => self.judge_wide(wanted, now),
            Some(narrow) => self.judge_narrow(narrow, wanted, now),
        };
        if let Some(narrow) = judged {
            self.narrow = narrow;
            // what comes of it is seen a round trip later at the earliest
            self.since = now.after(round_trip);
        }
    }

    /// What is to be changed, if anything.
    fn judge_wide(&mut self, wanted: Wanted, now: Time) -> Option<Option<Narrow>> {
        let much = TOO_MUCH.max(self.own_loss + TOO_MUCH / 2.0);
        // what a line cannot take at all is not sent to it for long
        let flood = self.loss(LATEST, Count { datagrams: FEW_IN_A_FLOOD, frames: FEW_FRAMES });
        if let Some(loss) = flood.filter(|loss| loss.share > much + FLOOD) {
            return Some(Some(self.cut(Some(loss.share), FIRST_WAIT, wanted, now)));
        }
        let loss = self.loss(WINDOW, Count { datagrams: FEW, frames: FEW_FRAMES })?;
        self.own_loss = self.own_loss.min(loss.share);
        let latest = self.loss(LATEST, Count { datagrams: FEW_LATEST, frames: 0 });
        let is_lasting = latest.is_some_and(|latest| latest.share > much);
        let is_narrow = (loss.share > much && is_lasting) || self.is_growing(loss);
        is_narrow.then(|| Some(self.cut(Some(loss.share), FIRST_WAIT, wanted, now)))
    }

    /// The same on a narrow path.
    fn judge_narrow(&mut self, mut narrow: Narrow, wanted: Wanted, now: Time) -> Option<Option<Narrow>> {
        let mut loss = self.loss(WINDOW, Count { datagrams: FEW, frames: FEW_FRAMES });
        if loss.is_some() {
            self.told = now;
        } else if now.since(self.told.max(self.since)) > PATIENCE {
            // at a very low limit a few have to do, or it would never be raised
            loss = self.loss(WINDOW, Count { datagrams: 1, frames: 2 });
        }
        let loss = loss?;
        if let Some(before) = narrow.trial {
            self.own_loss = loss.share;
            if loss.share > before * HELPED {
                return Some(None);
            }
            // what is lost at this limit is the path's own: so much more may go, for as much to arrive
            let more = 1.0 / self.arriving();
            narrow = Narrow { limit: narrow.limit * more, known: narrow.known * more, trial: None, ..narrow };
        }
        self.own_loss = self.own_loss.min(loss.share);
        let is_near = |limit: f64| (limit / narrow.known.max(1.0) - 1.0).abs() < NEAR;
        if loss.exceeds(self.own_loss, TOO_HIGH) || self.is_growing(loss) {
            let wait = if is_near(narrow.limit) { narrow.wait.saturating_mul(2) } else { FIRST_WAIT };
            return Some(Some(self.cut(None, wait.min(LAST_WAIT), wanted, now)));
        }
        let limit = narrow.limit * (1.0 + narrow.step);
        if limit > narrow.known * FITS && is_near(limit) && now < narrow.held {
            return None;
        }
        let step = if is_near(limit) { FIRST_STEP } else { (narrow.step * 2.0).min(LAST_STEP) };
        Some((limit < wanted.pace).then_some(Narrow { limit, step, ..narrow }))
    }

    fn is_growing(&self, loss: Loss) -> bool {
        self.is_queueing && loss.exceeds(self.own_loss, GROWING)
    }

    /// The part of what is sent that arrives, if the limit is right.
    fn arriving(&self) -> f64 {
        f64::from(1.0 - self.own_loss).max(LEAST_ARRIVING)
    }

    fn cut(&self, trial: Option<f32>, wait: Duration, wanted: Wanted, now: Time) -> Narrow {
        let known = self.best_rate() / self.arriving();
        let limit = (known * DRAIN).max(wanted.stream * LEAST);
        Narrow { limit, step: FIRST_STEP, known, trial, wait, held: now.after(wait) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const ROUND_TRIP: Duration = Duration::from_millis(40);
    const START: Time = Time::from_millis(7_000);

    /// 2000 datagrams a second are to be sent, in bursts of at most ten every 5 ms, to a path that takes `takes(second)`
    /// of them, of which the share `lost` is lost by chance.
    struct Bench {
        path: Path,
        now: Time,
        arrived: f64,
        under_way: VecDeque<(Time, f64)>,
        /// The round trip that the client tells.
        said: Duration,
        wanted: f64,
    }

    impl Bench {
        fn new() -> Self {
            Bench {
                path: Path::new(START),
                now: START,
                arrived: 0.0,
                under_way: VecDeque::new(),
                said: ROUND_TRIP,
                wanted: 2_000.0,
            }
        }

        fn run(&mut self, seconds: u32, takes: f64, lost: f64) -> &mut Self {
            let mut credit = 0.0;
            for _ in 0..seconds * 200 {
                self.now = self.now.after(5 * MS);
                credit += self.path.limit().unwrap_or(self.wanted).min(self.wanted) / 200.0;
                let sent = credit as u16;
                credit -= f64::from(sent);
                self.path.on_sent(sent, true, self.now);
                let got = f64::from(sent).min(takes / 200.0) * (1.0 - lost);
                self.under_way.push_back((self.now.after(ROUND_TRIP), got));
                while self.under_way.front().is_some_and(|(at, _)| *at <= self.now) {
                    self.arrived += self.under_way.pop_front().unwrap().1;
                }
                let wanted = Wanted { stream: self.wanted, pace: self.wanted };
                self.path.on_arrived(self.arrived as u32, self.said, wanted, self.now);
            }
            self
        }
    }

    #[test]
    fn a_lossy_path_is_not_a_narrow_one() {
        let mut bench = Bench::new();
        bench.run(20, f64::INFINITY, 0.2);
        assert_eq!(bench.path.limit(), None);
    }

    #[test]
    fn loss_that_sending_less_does_not_lower_is_the_paths_own() {
        let mut bench = Bench::new();
        bench.run(5, f64::INFINITY, 0.4);
        assert_eq!(bench.path.limit(), None, "{:?}", bench.path);
        bench.run(20, f64::INFINITY, 0.4);
        assert_eq!(bench.path.limit(), None, "and it is remembered: {:?}", bench.path);
    }

    #[test]
    fn a_narrow_path_gets_what_it_takes() {
        let mut bench = Bench::new();
        bench.run(4, 1_000.0, 0.0);
        for _ in 0..20 {
            bench.run(1, 1_000.0, 0.0);
            let limit = bench.path.limit().unwrap();
            assert!((900.0..1_250.0).contains(&limit), "{limit}");
        }
    }

    #[test]
    fn a_path_may_be_narrow_and_lossy() {
        let mut bench = Bench::new();
        bench.run(8, 1_000.0, 0.15);
        for _ in 0..20 {
            bench.run(1, 1_000.0, 0.15);
            let limit = bench.path.limit().unwrap();
            assert!((750.0..1_250.0).contains(&limit), "{limit}");
        }
    }

    #[test]
    fn a_path_that_is_wide_again_is_soon_found_so() {
        let mut bench = Bench::new();
        bench.run(10, 500.0, 0.0);
        assert!(bench.path.limit().is_some());
        bench.run(20, f64::INFINITY, 0.0);
        assert_eq!(bench.path.limit(), None);
    }

    #[test]
    fn an_outage_that_is_over_is_no_narrow_path() {
        let mut bench = Bench::new();
        bench.run(5, f64::INFINITY, 0.0);
        // both ways: nothing is heard of the client meanwhile
        for _ in 0..300 {
            bench.now = bench.now.after(5 * MS);
            bench.path.on_sent(10, true, bench.now);
        }
        bench.run(5, f64::INFINITY, 0.0);
        assert_eq!(bench.path.limit(), None);
    }

    #[test]
    fn a_queue_that_grows_without_a_drop_is_drained() {
        let mut bench = Bench::new();
        bench.run(3, f64::INFINITY, 0.0);
        bench.said = ROUND_TRIP * 2 + QUEUE * 2;
        bench.run(6, 1_800.0, 0.0);
        let limit = bench.path.limit().unwrap();
        assert!((1_600.0..1_900.0).contains(&limit), "{limit}");
    }

    #[test]
    fn a_path_that_has_become_longer_is_not_narrow() {
        for lost in [0.0, 0.1] {
            let mut bench = Bench::new();
            bench.run(3, f64::INFINITY, lost);
            bench.said = ROUND_TRIP * 2 + QUEUE * 2;
            bench.run(20, f64::INFINITY, lost);
            assert_eq!(bench.path.limit(), None, "{:?}", bench.path);
        }
    }

    #[test]
    fn a_very_low_limit_is_raised_too() {
        let mut bench = Bench { wanted: 40.0, ..Bench::new() };
        bench.run(5, f64::INFINITY, 0.0);
        let (wait, held) = (FIRST_WAIT, bench.now);
        let narrow = Narrow { limit: 2.5, step: FIRST_STEP, known: 2.5, trial: None, held, wait };
        bench.path.narrow = Some(narrow);
        bench.run(60, f64::INFINITY, 0.0);
        assert_eq!(bench.path.limit(), None, "{:?}", bench.path.narrow);
    }
}
