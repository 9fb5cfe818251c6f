//! A bad network, one direction of it: seeded, no socket, no clock. What goes in at one time comes out at another, or
//! twice, or never.
//!
//! ```text
//!  send -> bottleneck -> outage, loss, bursts -> delay + jitter -> reordering, duplication -> poll
//!          (finite queue,
//!           tail drop)
//! ```
//! Each model has a stream of chance of its own, so that switching one on leaves the others' fate as it was.
//!
//! **Jitter keeps the order.** On a real path datagrams wait in the same queues behind each other: the delay wanders,
//! but one hardly overtakes another. So jitter is a delay that drifts between 0 and `jitter`, with a new aim every
//! [`JITTER_STEP`], as a function of time alone: whoever sends whatever, the same seed gives the same delay at the
//! same time. Only `reorder` makes a datagram fall behind those after it. IP fragments are not modelled.

use camcast::time::Time;
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::AddAssign;
use std::time::Duration;

/// Ethernet, IPv4 and UDP headers: what netem's rate counts beside the payload.
pub const OVERHEAD: usize = 14 + 20 + 8;

/// How often the delay takes a new aim: some frames of an access point's contention.
pub const JITTER_STEP: Duration = Duration::from_millis(10);

/// A duplicate comes this much later at the most: a Wi-Fi retransmission whose acknowledgement was lost.
pub const DUPLICATE_LAG: Duration = Duration::from_millis(2);

/// What a path does to datagrams. The default does nothing at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spec {
    /// The chance of each datagram to be lost, by itself.
    pub loss: f64,
    /// Loss in bursts.
    pub gilbert_elliott: Option<GilbertElliott>,
    /// One way.
    pub delay: Duration,
    /// Other people's traffic stands in a queue from the first time to the second, counted from the link's start, and the
    /// delay is longer by the third.
    pub queues: Vec<(Duration, Duration, Duration)>,
    /// The most that the delay wanders above `delay`.
    pub jitter: Duration,
    /// Datagrams that fall behind.
    pub reorder: Option<Reorder>,
    /// The chance of each datagram to come twice.
    pub duplicate: f64,
    /// A line of finite speed.
    pub bottleneck: Option<Bottleneck>,
    /// It does not serve all the time, but in bursts this far apart, as an access point does.
    pub service: Duration,
    /// Nothing gets through from the first time to the second, counted from the link's start.
    pub outages: Vec<(Duration, Duration)>,
}

/// Two states, changed between datagrams (Gilbert 1960, Elliott 1963).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GilbertElliott {
    /// The chance to go from the good state to the bad one, a datagram.
    pub enter: f64,
    /// The chance to go back.
    pub leave: f64,
    /// The chance of loss in the good state.
    pub loss_good: f64,
    /// The chance of loss in the bad state.
    pub loss_bad: f64,
}

impl GilbertElliott {
    /// Bursts of `length` datagrams on average, all lost, so that the share `loss` is lost altogether.
    pub fn bursts(loss: f64, length: f64) -> Self {
        let leave = 1.0 / length;
        GilbertElliott { enter: leave * loss / (1.0 - loss), leave, loss_good: 0.0, loss_bad: 1.0 }
    }
}

/// Reordering.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reorder {
    /// The chance of each datagram to fall behind.
    pub probability: f64,
    /// By how much; it may still arrive in order if nothing comes within that time.
    pub extra: Duration,
}

/// A line of finite speed behind a finite queue that drops what does not fit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bottleneck {
    /// Bits a second, headers included.
    pub rate_bps: u64,
    /// Bytes that wait or are being sent, headers included.
    pub queue_bytes: usize,
}

impl Spec {
    /// Only a delay.
    pub fn clean(delay: Duration) -> Self {
        Spec { delay, ..Spec::default() }
    }

    /// This path without whatever loses, delays unevenly or repeats: the one to compare with.
    pub fn without_faults(&self) -> Self {
        Spec::clean(self.delay)
    }

    /// Whether nothing gets through at this time.
    pub fn is_out(&self, since_start: Duration) -> bool {
        self.outages.iter().any(|(from, until)| (*from..*until).contains(&since_start))
    }
}

/// What became of the datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fates {
    /// Handed in.
    pub sent: u64,
    /// Lost by chance, in bursts or not.
    pub lost: u64,
    /// Lost in an outage.
    pub outage: u64,
    /// Dropped by the full queue.
    pub overflow: u64,
    /// Copies made.
    pub duplicated: u64,
    /// Held back.
    pub reordered: u64,
}

impl AddAssign for Fates {
    fn add_assign(&mut self, other: Fates) {
        self.sent += other.sent;
        self.lost += other.lost;
        self.outage += other.outage;
        self.overflow += other.overflow;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
    }
}

/// One direction of a path. `P` is what travels: a datagram, or something that carries one.
pub struct Link<P = Vec<u8>> {
    spec: Spec,
    start: Time,
    loss: Rng,
    burst: Rng,
    order: Rng,
    copies: Rng,
    wander: u64,
    is_bad: bool,
    /// The line is busy until then, and has been without a pause since that time.
    busy: Time,
    busy_since: Time,
    /// The latest arrival so far of those that keep the order.
    latest: Time,
    flying: BinaryHeap<Flying<P>>,
    count: u64,
    fates: Fates,
}

impl<P: AsRef<[u8]> + Clone> Link<P> {
    /// A path whose outages count from `start`; it works before as well. The same seed gives the same fate.
    pub fn new(spec: Spec, seed: u64, start: Time) -> Self {
        let mut seeds = Rng::new(seed);
        let mut fork = || Rng::new(seeds.next_u64());
        Link {
            spec,
            start,
            loss: fork(),
            burst: fork(),
            order: fork(),
            copies: fork(),
            wander: fork().next_u64(),
            is_bad: false,
            busy: Time::default(),
            busy_since: Time::default(),
            latest: Time::default(),
            flying: BinaryHeap::new(),
            count: 0,
            fates: Fates::default(),
        }
    }

    /// What it does.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// What it has done.
    pub fn fates(&self) -> Fates {
        self.fates
    }

    /// Datagrams under way.
    pub fn in_flight(&self) -> usize {
        self.flying.len()
    }

    /// A datagram goes in. False: it will not come out.
    pub fn send(&mut self, now: Time, packet: P) -> bool {
        self.fates.sent += 1;
        let Some(departs) = self.through_bottleneck(now, packet.as_ref().len() + OVERHEAD) else {
            self.fates.overflow += 1;
            return false;
        };
        let is_lost = self.draw_loss();
        let falls_behind = self.spec.reorder.filter(|reorder| self.order.chance(reorder.probability));
        let copy_lag = self.copies.chance(self.spec.duplicate).then(|| self.copies.below(DUPLICATE_LAG));
        if self.spec.is_out(departs.since(self.start)) {
            self.fates.outage += 1;
            return false;
        }
        if is_lost {
            self.fates.lost += 1;
            return false;
        }
        let delay = self.spec.delay + self.queue_at(departs) + self.wander_at(departs);
        let natural = departs.after(delay).max(self.latest);
        let arrives = match falls_behind {
            Some(reorder) => {
                self.fates.reordered += 1;
                natural.after(reorder.extra)
            }
            None => {
                self.latest = natural;
                natural
            }
        };
        if let Some(lag) = copy_lag {
            self.fates.duplicated += 1;
            self.fly(arrives.after(lag), packet.clone());
        }
        self.fly(arrives, packet);
        true
    }

    fn fly(&mut self, at: Time, packet: P) {
        self.count += 1;
        self.flying.push(Flying { at, order: self.count, packet });
    }

    fn through_bottleneck(&mut self, now: Time, bytes: usize) -> Option<Time> {
        let Some(Bottleneck { rate_bps, queue_bytes }) = self.spec.bottleneck else { return Some(now) };
        if self.busy <= now {
            (self.busy, self.busy_since) = (now, now);
        }
        // what the line has had time for since it last served is still there
        let served = self.served_by(now).max(self.busy_since);
        let waiting = self.busy.since(served).as_secs_f64() * rate_bps as f64 / 8.0;
        if waiting + bytes as f64 > queue_bytes as f64 {
            return None;
        }
        let takes = Duration::from_secs_f64(bytes as f64 * 8.0 / rate_bps as f64);
        self.busy = self.busy.after(takes);
        let last = self.served_by(self.busy);
        Some(if last == self.busy { last } else { last.after(self.spec.service) })
    }

    /// When the line served last, at this time.
    fn served_by(&self, at: Time) -> Time {
        let service = self.spec.service.as_nanos() as u64;
        Time::from_nanos(at.as_nanos() - at.as_nanos().checked_rem(service).unwrap_or(0))
    }

    fn draw_loss(&mut self) -> bool {
        let by_chance = self.loss.chance(self.spec.loss);
        let Some(model) = self.spec.gilbert_elliott else { return by_chance };
        let change = if self.is_bad { model.leave } else { model.enter };
        self.is_bad ^= self.burst.chance(change);
        let in_burst = self.burst.chance(if self.is_bad { model.loss_bad } else { model.loss_good });
        by_chance || in_burst
    }

    fn queue_at(&self, at: Time) -> Duration {
        let since = at.since(self.start);
        self.spec
            .queues
            .iter()
            .filter(|(from, until, _)| (*from..*until).contains(&since))
            .map(|queue| queue.2)
            .sum()
    }

    /// The delay above the least one, at this time: a straight line between two aims.
    fn wander_at(&self, at: Time) -> Duration {
        if self.spec.jitter.is_zero() {
            return Duration::ZERO;
        }
        let steps = at.since(self.start).as_secs_f64() / JITTER_STEP.as_secs_f64();
        let aim = |step: u64| Rng::new(self.wander.wrapping_add(step)).unit();
        let (before, part) = (steps as u64, steps.fract());
        self.spec.jitter.mul_f64(aim(before) * (1.0 - part) + aim(before + 1) * part)
    }

    /// When the next datagram comes out.
    pub fn next_timeout(&self) -> Time {
        self.flying.peek().map_or(Time::NEVER, |next| next.at)
    }

    /// The next datagram that has come out by `now`.
    pub fn poll(&mut self, now: Time) -> Option<P> {
        if self.next_timeout() > now {
            return None;
        }
        self.flying.pop().map(|flying| flying.packet)
    }
}

struct Flying<P> {
    at: Time,
    order: u64,
    packet: P,
}

impl<P> Ord for Flying<P> {
    /// The earliest is the greatest: `BinaryHeap` gives that one first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

impl<P> PartialOrd for Flying<P> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<P> PartialEq for Flying<P> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<P> Eq for Flying<P> {}

/// SplitMix64 (Steele, Lea and Flood, 2014): small, and good enough for any seed.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The stream of chance of that seed.
    pub fn new(seed: u64) -> Self {
        Rng(seed)
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to, but not, 1.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// From 0 to `most`.
    pub fn below(&mut self, most: Duration) -> Duration {
        most.mul_f64(self.unit())
    }

    /// From `least` up to, but not, `end`.
    pub fn between(&mut self, least: f64, end: f64) -> f64 {
        least + (end - least) * self.unit()
    }

    /// One of them.
    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        let at = (self.unit() * from.len() as f64) as usize;
        from[at.min(from.len() - 1)].clone()
    }
}
