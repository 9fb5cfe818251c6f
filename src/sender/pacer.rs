//! How fast one client is sent to: a frame is spread over part of its interval, and less is sent where less gets through.
//!
//! A camera's frame leaves the machine within a millisecond if nobody stops it, and drowns a default receive buffer, a
//! 100 Mbit port or an access point. So it goes in bursts. A slow camera's frame does not take its time all the same:
//! pauses as long as its interval allows would be taken for losses, and make the picture old. Where the
//! [path](super::path) takes less than the stream, the pace falls to what it takes: a viewer then finds its frame outrun by
//! newer ones and skips whole frames, a recorder falls behind in the reel.

use super::View;
use super::path::{Path, Wanted};
use super::repair::Budget;
use crate::reel::Reel;
use crate::time::Time;
use crate::wire::client::Continue;
use std::time::Duration;

/// A frame is spread over this share of its interval. The rest is for repairs and for frames that come early.
const SPREAD: f64 = 0.7;

/// Datagrams of a burst, and bytes: one system call, and any queue holds it.
const BURST_DATAGRAMS: u16 = 16;
const BURST_BYTES: f64 = 24_000.0;

/// Seconds between two bursts of a frame at the most, if a burst is more than a datagram.
const LONGEST_PAUSE: f64 = 0.008;

/// Bursts that may go at once within a frame when the loop was held up, by a slow encoder for instance.
const CREDIT: u32 = 4;

/// Bytes a second at the least, if the path takes them, and before the stream's own rate is known: 24 Mbit/s, or a
/// burst each 8 ms. So the pauses within a frame are shorter than a receiver's patience with a fragment, at one frame a
/// minute as at 240 a second.
const LEAST_RATE: f64 = 3e6;

/// A recorder that is behind is sent to this many times as fast as one that is not: the more, the more frames it is
/// behind. A hiccup of a frame or two must not flood a line that carries the stream and little more.
const CATCH_UP: f64 = 2.0;
const NOT_BEHIND: i32 = 2;
const FAR_BEHIND: i32 = 32;

/// What has gone at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) datagrams: u16,
    pub(super) bytes: usize,
    /// A frame begins with it.
    pub(super) begins: bool,
}

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

    /// Datagrams that go at once: fewer of large ones, and where the path takes few, so that no pause looks like a loss.
    pub(super) fn burst(&self, reel: &Reel) -> u16 {
        let most = (BURST_BYTES / f64::from(reel.datagram_len())).min(BURST_DATAGRAMS.into());
        let pace = self.wanted(reel, NOT_BEHIND).map(|bytes| bytes / f64::from(reel.datagram_len()));
        let fit = [pace, self.path.limit()].into_iter().flatten().map(|rate| rate * LONGEST_PAUSE);
        (fit.fold(most, f64::min) as u16).max(1)
    }

    /// When the next burst may go.
    pub(super) fn ready(&self) -> Time {
        self.next
    }

    /// Datagrams have gone, at the expense of those to come if they are `paced`.
    /// `behind` is how many frames the client is behind.
    pub(super) fn on_sent(&mut self, sent: Sent, paced: bool, reel: &Reel, behind: i32, now: Time) {
        self.path.on_sent(sent.datagrams, sent.begins, now);
        if paced {
            let wanted = sent.bytes as f64 / self.wanted(reel, behind).unwrap_or(LEAST_RATE);
            let limited = self.path.limit().map_or(0.0, |limit| f64::from(sent.datagrams) / limit);
            let pause = Duration::from_secs_f64(wanted.max(limited).min(1.0));
            // who was woken late within a frame is not much slower for it; who had nothing to send is not faster
            let credit = if sent.begins { Duration::ZERO } else { pause.saturating_mul(CREDIT) };
            self.next = self.next.max(now.before(credit)).after(pause);
        }
    }

    /// Bytes a second that may be sent again; none while the stream's own rate is not known.
    pub(super) fn repairs(&self, reel: &Reel) -> Option<Budget> {
        let limit = self.path.limit().map(|datagrams| datagrams * f64::from(reel.datagram_len()));
        let limited = |rate: f64| limit.map_or(rate, |limit| limit.min(rate));
        let stream = stream(reel, i32::MAX)?;
        Some(Budget { at_once: limited(self.pace(stream)), lasting: limited(stream) })
    }

    /// Bytes a second, if nothing limits them.
    fn wanted(&self, reel: &Reel, behind: i32) -> Option<f64> {
        stream(reel, behind).map(|stream| self.pace(stream))
    }

    /// The same, for a stream that needs this many.
    fn pace(&self, stream: f64) -> f64 {
        stream.max(stream.max(LEAST_RATE) * self.path.haste())
    }

    /// The client has said what has arrived.
    pub(super) fn on_continue(&mut self, cont: &Continue, reel: &Reel, behind: i32, now: Time) {
        let datagrams = |bytes: f64| bytes / f64::from(reel.datagram_len());
        let stream = stream(reel, behind).unwrap_or(0.0);
        let wanted = Wanted { stream: datagrams(stream), pace: datagrams(stream.max(LEAST_RATE)) };
        self.path.on_arrived(cont.arrived, Duration::from_micros(cont.rtt_us.into()), wanted, now);
    }
}

/// Bytes a second that spread a frame over its share of the interval.
fn stream(reel: &Reel, behind: i32) -> Option<f64> {
    let behind = f64::from(behind.clamp(NOT_BEHIND, FAR_BEHIND).saturating_sub(NOT_BEHIND));
    let haste = behind / f64::from(FAR_BEHIND - NOT_BEHIND);
    Some(f64::from(reel.pace()?) / SPREAD * (1.0 + (CATCH_UP - 1.0) * haste))
}
