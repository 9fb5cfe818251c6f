//! How fast one client is sent to: a frame is spread over part of its interval, and less is sent where less gets through.
//!
//! A camera's frame leaves the machine within a millisecond if nobody stops it, and drowns a default receive buffer, a
//! 100 Mbit port or an access point. So it goes in bursts. Where the path takes less than the stream, the pace falls
//! to what arrives: a viewer then finds its frame outrun by newer ones and skips whole frames, a recorder falls behind
//! in the reel.

use crate::reel::Reel;
use crate::time::Time;
use crate::wire::client::Continue;
use std::time::Duration;

/// A frame is spread over this share of its interval. The rest is for repairs and for frames that come early.
const SPREAD: f64 = 0.7;

/// Datagrams of a burst; a frame that fits one system call goes at once.
const BURST: u16 = 16;

/// A recorder that is behind is sent to this many times as fast as the stream.
const CATCH_UP: f64 = 3.0;

/// Loss that no radio has by itself: the path is too narrow.
const CONGESTED: f32 = 0.30;

/// Once the path has been found narrow, this much more loss than at the pace that it took means too fast.
const RISE: f32 = 0.08;

/// After a change of pace its effect is awaited.
const SETTLE: Duration = Duration::from_secs(1);

/// From one try to go faster to the next, doubling after a failed one ...
const PROBE_FIRST: Duration = Duration::from_secs(1);
/// ... to this.
const PROBE_LAST: Duration = Duration::from_secs(16);

#[derive(Debug)]
pub(super) struct Pacer {
    next: Time,
    /// Octets a second that the path takes; none as long as it takes everything.
    limit: Option<f64>,
    changed: Time,
    probe: Duration,
    /// Loss at a pace that the path took.
    base_loss: f32,
    least_round_trip: Option<Duration>,
    /// Octets sent since, for the rate.
    sent: (u64, Time),
    sent_rate: f64,
}

impl Pacer {
    pub(super) fn new(now: Time) -> Self {
        Pacer {
            next: now,
            limit: None,
            changed: now,
            probe: PROBE_FIRST,
            base_loss: 0.0,
            least_round_trip: None,
            sent: (0, now),
            sent_rate: 0.0,
        }
    }

    /// When the next burst may go.
    pub(super) fn ready(&self) -> Time {
        self.next
    }

    /// How many of a frame's remaining datagrams go in one burst, of at most `most`.
    pub(super) fn burst(&self, frame: u16, most: u16) -> u16 {
        if frame <= most && self.limit.is_none() { most } else { BURST.min(most) }
    }

    /// So many octets have gone. `behind` is how many frames the client is behind.
    pub(super) fn on_sent(&mut self, octets: usize, reel: &Reel, behind: i32, now: Time) {
        self.sent.0 += octets as u64;
        if now >= self.sent.1.after(SETTLE / 2) {
            self.sent_rate = self.sent.0 as f64 / now.since(self.sent.1).as_secs_f64();
            self.sent = (0, now);
        }
        let Some(rate) = self.rate(reel, behind) else { return };
        let pause = Duration::from_secs_f64((octets as f64 / rate).min(1.0));
        // time that was not used is not caught up on, but for one burst's worth
        self.next = self.next.max(now.before(pause)).after(pause);
    }

    /// Octets a second; none while the stream's own rate is not known.
    pub(super) fn rate(&self, reel: &Reel, behind: i32) -> Option<f64> {
        let stream = f64::from(reel.byte_rate()?) / SPREAD;
        let wanted = if behind > 2 { stream * CATCH_UP } else { stream };
        Some(self.limit.map_or(wanted, |limit| limit.min(wanted)).max(10_000.0))
    }

    /// The client has said how the path is.
    pub(super) fn on_continue(&mut self, cont: &Continue, reel: &Reel, now: Time) {
        let loss = f32::from(cont.loss) / 255.0;
        let round_trip = Duration::from_micros(cont.rtt_us.into());
        if cont.rtt_us > 0 {
            self.least_round_trip =
                Some(self.least_round_trip.map_or(round_trip, |least| least.min(round_trip)));
        }
        if now < self.changed.after(SETTLE) {
            return;
        }
        let is_queueing = self.least_round_trip.is_some_and(|least| round_trip > least * 2 + SETTLE / 10);
        let threshold = if self.limit.is_some() { CONGESTED.min(self.base_loss + RISE) } else { CONGESTED };
        if loss > threshold || is_queueing {
            self.slow_down(loss, now);
        } else if self.limit.is_some() && now >= self.changed.after(self.probe) {
            self.speed_up(loss, reel, now);
        }
    }

    fn slow_down(&mut self, loss: f32, now: Time) {
        let arrived = self.sent_rate * f64::from(1.0 - loss) * 0.9;
        let limit = self.limit.map_or(arrived, |limit| arrived.min(limit * 0.9));
        if self.limit.is_some() {
            self.probe = (self.probe * 2).min(PROBE_LAST);
        }
        self.limit = Some(limit.max(10_000.0));
        self.changed = now;
    }

    fn speed_up(&mut self, loss: f32, reel: &Reel, now: Time) {
        self.base_loss = loss;
        self.changed = now;
        let faster = self.limit.unwrap_or(f64::MAX) * 1.05;
        let enough = reel.byte_rate().map_or(f64::MAX, |rate| f64::from(rate) / SPREAD * CATCH_UP);
        self.limit = (faster < enough).then_some(faster);
        if self.limit.is_none() {
            self.probe = PROBE_FIRST;
        }
    }
}
