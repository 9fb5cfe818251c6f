//! How fast one client is sent to: a frame is spread over part of its interval, and less is sent where less gets through.
//!
//! A camera's frame leaves the machine within a millisecond if nobody stops it, and drowns a default receive buffer, a
//! 100 Mbit port or an access point. So it goes in bursts. Where the [path](super::path) takes less than the stream, the
//! pace falls to what it takes: a viewer then finds its frame outrun by newer ones and skips whole frames, a recorder
//! falls behind in the reel.

use super::View;
use super::path::Path;
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
const CATCH_UP: f64 = 2.0;

#[derive(Debug)]
pub(super) struct Pacer {
    next: Time,
    path: Path,
}

impl Pacer {
    pub(super) fn new(now: Time) -> Self {
        Pacer { next: now, path: Path::new(now) }
    }

    /// The path does not take the stream.
    pub(super) fn is_narrow(&self) -> bool {
        self.path.limit().is_some()
    }

    /// What the client has said of its network.
    pub(super) fn view(&self) -> Option<View> {
        self.path.view()
    }

    /// When the next burst may go.
    pub(super) fn ready(&self) -> Time {
        self.next
    }

    /// How many of a frame's remaining datagrams go in one burst, of at most `most`.
    pub(super) fn burst(&self, frame: u16, most: u16) -> u16 {
        if frame <= most && !self.is_narrow() { most } else { BURST.min(most) }
    }

    /// So many datagrams have gone, at the expense of those to come if they are `paced`. `behind` is how many frames the
    /// client is behind.
    pub(super) fn on_sent(&mut self, datagrams: u16, paced: bool, reel: &Reel, behind: i32, now: Time) {
        self.path.on_sent(datagrams, now);
        if paced {
            let octets = f64::from(datagrams) * f64::from(reel.datagram_len());
            let rate = self.rate(reel, behind).unwrap_or(FIRST_RATE);
            let pause = Duration::from_secs_f64((octets / rate).min(1.0));
            self.next = self.next.max(now).after(pause);
        }
    }

    /// Octets a second; none while the stream's own rate is not known.
    pub(super) fn rate(&self, reel: &Reel, behind: i32) -> Option<f64> {
        let wanted = f64::from(reel.byte_rate()?) / SPREAD * if behind > 2 { CATCH_UP } else { 1.0 };
        let limit = self.path.limit().map(|datagrams| datagrams * f64::from(reel.datagram_len()));
        Some(limit.map_or(wanted, |limit| limit.min(wanted)))
    }

    /// The client has said what has arrived.
    pub(super) fn on_continue(&mut self, cont: &Continue, reel: &Reel, behind: i32, now: Time) {
        let stream = f64::from(reel.byte_rate().unwrap_or(0.0)) / SPREAD;
        let wanted = if behind > 2 { stream * CATCH_UP } else { stream } / f64::from(reel.datagram_len());
        self.path.on_arrived(cont.arrived, Duration::from_micros(cont.rtt_us.into()), wanted, now);
    }
}
