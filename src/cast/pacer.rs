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

/// Octets a second before the stream's own rate is known.
const FIRST_RATE: f64 = 6e6;

/// A recorder that is behind is sent to this many times as fast as the stream.
const CATCH_UP: f64 = 3.0;

/// Loss that no radio has by itself: the path is too narrow.
const CONGESTED: f32 = 0.30;

/// Loss that says the path is wide enough again.
const CLEAN: f32 = 0.10;

/// A burst of loss or an outage is no narrow path: it has to last this long.
const LASTING: Duration = Duration::from_secs(1);

/// The rate at which DATA arrives is the best of this many seconds.
const RATE_SECONDS: usize = 4;

/// Within a narrow path a little more than what arrives is tried, for a part of each second, lest it is never found wider.
const PROBE: f64 = 1.25;
const PROBE_EVERY: Duration = Duration::from_secs(2);
const PROBE_LASTS: Duration = Duration::from_millis(250);

/// A narrow path that has been clean is taken for a wide one after this, doubling each time that was wrong ...
const TRUST_FIRST: Duration = Duration::from_secs(3);
/// ... up to this.
const TRUST_LAST: Duration = Duration::from_secs(48);

#[derive(Debug)]
pub(super) struct Pacer {
    next: Time,
    /// Since when the path is too narrow for the stream; none as long as it takes everything.
    narrow: Option<Time>,
    /// Since when there has been too much loss or delay.
    bad: Option<Time>,
    /// Since when there has not.
    clean: Time,
    trust: Duration,
    least_round_trip: Option<Duration>,
    /// Octets a second that arrived, the best of each of the latest seconds.
    arrived: [f64; RATE_SECONDS],
    second: u64,
}

impl Pacer {
    pub(super) fn new(now: Time) -> Self {
        Pacer {
            next: now,
            narrow: None,
            bad: None,
            clean: now,
            trust: TRUST_FIRST,
            least_round_trip: None,
            arrived: [0.0; RATE_SECONDS],
            second: 0,
        }
    }

    /// The path does not take the stream.
    pub(super) fn is_narrow(&self) -> bool {
        self.narrow.is_some()
    }

    /// When the next burst may go.
    pub(super) fn ready(&self) -> Time {
        self.next
    }

    /// How many of a frame's remaining datagrams go in one burst, of at most `most`.
    pub(super) fn burst(&self, frame: u16, most: u16) -> u16 {
        if frame <= most && self.narrow.is_none() { most } else { BURST.min(most) }
    }

    /// So many octets have gone. `behind` is how many frames the client is behind.
    pub(super) fn on_sent(&mut self, octets: usize, reel: &Reel, behind: i32, now: Time) {
        let rate = self.rate(reel, behind, now).unwrap_or(FIRST_RATE);
        let pause = Duration::from_secs_f64((octets as f64 / rate).min(1.0));
        self.next = self.next.max(now).after(pause);
    }

    /// Octets a second; none while the stream's own rate is not known.
    pub(super) fn rate(&self, reel: &Reel, behind: i32, now: Time) -> Option<f64> {
        let stream = f64::from(reel.byte_rate()?);
        let wanted = stream / SPREAD * if behind > 2 { CATCH_UP } else { 1.0 };
        let Some(since) = self.narrow else { return Some(wanted) };
        let is_probing = now.since(since).as_nanos() % PROBE_EVERY.as_nanos() < PROBE_LASTS.as_nanos();
        let arrived = self.arrived.iter().copied().fold(0.0, f64::max);
        let limit = arrived * if is_probing { PROBE } else { 1.0 };
        // what has never arrived is no measure
        Some(limit.max(stream / 16.0).min(wanted))
    }

    /// The client has said how the path is.
    pub(super) fn on_continue(&mut self, cont: &Continue, now: Time) {
        self.on_arrived(f64::from(cont.rate_kb) * 1000.0, now);
        let round_trip = Duration::from_micros(cont.rtt_us.into());
        if cont.rtt_us > 0 {
            self.least_round_trip =
                Some(self.least_round_trip.map_or(round_trip, |least| least.min(round_trip)));
        }
        let is_queueing = self.least_round_trip.is_some_and(|least| round_trip > least * 2 + LASTING / 10);
        let loss = f32::from(cont.loss) / 255.0;
        if loss > CONGESTED || is_queueing {
            self.clean = now;
            let since = *self.bad.get_or_insert(now);
            if self.narrow.is_none() && now >= since.after(LASTING) {
                self.narrow = Some(now);
            }
            return;
        }
        self.bad = None;
        if loss > CLEAN {
            self.clean = now;
        }
        if self.narrow.is_some() && now >= self.clean.after(self.trust) {
            self.narrow = None;
            self.clean = now;
            self.trust = (self.trust * 2).min(TRUST_LAST);
        }
    }

    fn on_arrived(&mut self, rate: f64, now: Time) {
        let second = now.as_nanos() / 1_000_000_000;
        let slot = (second % RATE_SECONDS as u64) as usize;
        if second != self.second {
            self.second = second;
            self.arrived[slot] = 0.0;
        }
        self.arrived[slot] = self.arrived[slot].max(rate);
    }
}
