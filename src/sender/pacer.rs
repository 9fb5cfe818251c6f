//! How fast one client is sent to: as soon as its path takes it, and not more than it takes.
//!
//! A camera's frame leaves the machine within a millisecond if nobody stops it. A good network takes that; a default receive
//! buffer, a 100 Mbit port or an access point may drown in it. So what goes at once is bounded by what the path has shown to
//! hold ([`burst`](super::burst)), and what exceeds it follows over part of the frame's interval. A slow camera's frame does
//! not take its time all the same: pauses as long as its interval allows would be taken for losses, and make the picture old.
//! Where the [path](super::path) takes less than the stream, the pace falls to what it takes: a viewer then finds its frame
//! outrun by newer ones and skips whole frames, a recorder falls behind in the reel.
//!
//! It is a token bucket: it holds what may go at once, and fills at the pace.

use super::View;
use super::burst::{Aim, Burst, FIRST_BYTES};
use super::line::{Line, Turn};
use super::lost::Lost;
use super::path::{Path, Wanted};
use super::repair::{Budget, Fragments};
use crate::reel::{Frame, Reel};
use crate::time::Time;
use crate::wire::FrameNumber;
use crate::wire::client::Continue;
use std::time::Duration;

/// What does not go at once is spread over this share of the frame's interval. The rest is for repairs and for frames that come
/// early.
const SPREAD: f64 = 0.7;

/// Bytes that are waited for at the most: one system call.
const CALL_BYTES: f64 = 64_000.0;

/// Seconds between two bursts of a frame at the most, if a burst is more than a datagram.
const LONGEST_PAUSE: f64 = 0.008;

/// Seconds that any number of bytes takes at the most: no pace is that slow.
const LONGEST: f64 = 60.0;

/// Pauses end at multiples of this, and of half of it, and so on.
const GRID: Duration = Duration::from_millis(1);
const FINEST_GRID: Duration = Duration::from_micros(250);

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
    /// The fragment after them.
    pub(super) end: u16,
}

/// Bytes a second, bytes at once, and bytes that are waited for where more is left.
#[derive(Clone, Copy, Debug)]
struct Pace {
    rate: f64,
    at_once: f64,
    grain: f64,
}

impl Pace {
    fn seconds(self, bytes: f64) -> Duration {
        Duration::from_secs_f64((bytes / self.rate.max(1.0)).clamp(0.0, LONGEST))
    }
}

#[derive(Debug)]
pub(super) struct Pacer {
    /// When the bucket will be full again.
    full: Time,
    /// The frame that is under way or will be next, and what is right for it.
    frame: Option<(FrameNumber, Aim)>,
    pace: Pace,
    burst: Burst,
    lost: Lost,
    path: Path,
}

impl Pacer {
    pub(super) fn new(now: Time) -> Self {
        Pacer {
            full: now,
            frame: None,
            pace: Pace { rate: LEAST_RATE, at_once: FIRST_BYTES, grain: FIRST_BYTES },
            burst: Burst::default(),
            lost: Lost::new(),
            path: Path::new(now),
        }
    }

    /// The path does not take the stream.
    pub(super) fn is_narrow(&self) -> bool {
        self.path.limit().is_some()
    }

    /// What the client has said of its network.
    pub(super) fn view(&self) -> Option<View> {
        self.path.view()
    }

    /// The share of datagrams that were lost of late, if it is known.
    pub(super) fn loss(&self) -> Option<f32> {
        self.path.loss_of_late()
    }

    /// This frame is next, for a client that is so many frames behind.
    pub(super) fn aim(&mut self, frame: &Frame<'_>, reel: &Reel, behind: i32, now: Time) {
        let begun = self.frame.filter(|(number, _)| *number == frame.number());
        let aim = begun.map_or_else(|| self.burst.aim(frame.length(), now), |(_, aim)| aim);
        self.frame = Some((frame.number(), aim));
        self.set_pace(aim.bytes, reel, behind);
    }

    fn set_pace(&mut self, at_once: f64, reel: &Reel, behind: i32) {
        let datagram = f64::from(reel.datagram_len());
        let wanted = stream(reel, behind).map_or(LEAST_RATE, |stream| self.hasten(stream));
        let limit = self.path.limit().map(|limit| limit * datagram);
        let rate = limit.map_or(wanted, |limit| limit.min(wanted));
        let at_once = if limit.is_some() { FIRST_BYTES } else { at_once };
        // no pause may look like a loss
        let grain = at_once.min(CALL_BYTES).min(rate * LONGEST_PAUSE).max(datagram);
        let at_once = if limit.is_some() { grain } else { at_once.max(datagram) };
        self.pace = Pace { rate, at_once, grain };
    }

    /// Datagrams that may go now, of `left`, where it is [time](Self::ready) for any.
    pub(super) fn burst(&self, left: u16, reel: &Reel, now: Time) -> u16 {
        let datagram = f64::from(reel.datagram_len());
        let owed = self.full.since(now).as_secs_f64() * self.pace.rate;
        let bytes = (self.pace.at_once - owed).max(self.pace.grain.min(f64::from(left) * datagram));
        ((bytes / datagram) as u16).clamp(1, left.max(1))
    }

    /// Datagrams that go at once of what goes again.
    pub(super) fn grain(&self, reel: &Reel) -> u16 {
        ((self.pace.grain.min(FIRST_BYTES) / f64::from(reel.datagram_len())) as u16).max(1)
    }

    /// When the next datagrams may go, of `left`.
    pub(super) fn ready(&self, left: u16, reel: &Reel, line: &Line) -> Time {
        let next = self.pace.grain.min(f64::from(left) * f64::from(reel.datagram_len()));
        let own = self.full.before(self.pace.seconds(self.pace.at_once - next));
        if self.takes_turns() { own.max(line.ready(self.pace.at_once)) } else { own }
    }

    /// What it does where it takes turns.
    pub(super) fn turn(&self) -> Turn {
        let Pace { at_once, grain, .. } = self.pace;
        Turn { at_once, ahead: self.pace.seconds(at_once - grain) }
    }

    /// When to be woken for what may go at this time. Clients that wait are woken for at the same times, as far as not much
    /// more goes at once for it.
    pub(super) fn wake(&self, ready: Time, line: &Line) -> Time {
        if self.is_narrow() {
            return ready;
        }
        let sharers = if self.takes_turns() { line.sharers() } else { 1 };
        let mut grid = GRID;
        while grid > FINEST_GRID && self.pace.seconds(self.pace.at_once / 4.0) < grid.saturating_mul(sharers)
        {
            grid = grid.div_f32(2.0);
        }
        ready.on_grid(grid)
    }

    /// The path has lost by larger bursts.
    pub(super) fn takes_turns(&self) -> bool {
        self.burst.has_failed() && !self.is_narrow()
    }

    /// Datagrams of a frame have gone for the first time; it `begins`, or `ends` with them.
    pub(super) fn on_fresh(
        &mut self,
        frame: &Frame<'_>,
        sent: Sent,
        begins: bool,
        ends: bool,
        line: &mut Line,
        now: Time,
    ) {
        if let (true, Some((number, aim))) = (begins, self.frame) {
            self.lost.on_frame(number);
            self.burst.on_frame(number, frame.length(), aim, now);
        }
        self.lost.on_burst(sent.end, now);
        self.burst.on_sent(sent.datagrams);
        self.path.on_sent(sent.datagrams, begins, now);
        if ends {
            self.lost.on_end(self.path.sent());
        }
        self.spend(sent.bytes, begins, line, now);
    }

    /// What goes again goes at the expense of what is new: the path takes no more, or not more at once. Elsewhere it has a budget of
    /// its own, and must not make new frames late.
    pub(super) fn holds_all(&self) -> bool {
        self.is_narrow() || self.burst.is_low()
    }

    /// Datagrams have gone again.
    pub(super) fn on_again(&mut self, sent: Sent, line: &mut Line, now: Time) {
        self.path.on_sent(sent.datagrams, false, now);
        if self.holds_all() {
            self.spend(sent.bytes, false, line, now);
        }
    }

    fn spend(&mut self, bytes: usize, begins: bool, line: &mut Line, now: Time) {
        let pause = self.pace.seconds(bytes as f64);
        if self.takes_turns() {
            line.on_sent(pause, now);
        }
        // Who was woken late within a frame is not slower for it, as far as it is by one burst: more at once would be what the path
        // has not shown to hold. Who had nothing to send is not faster.
        let credit = if begins { Duration::ZERO } else { pause };
        self.full = self.full.max(now.before(credit)).after(pause);
    }

    /// The socket is full, and holds up what was sent last.
    pub(super) fn on_blocked(&mut self) {
        self.lost.on_blocked();
    }

    /// That has gone.
    pub(super) fn on_unblocked(&mut self, now: Time) {
        self.lost.on_unblocked(now);
    }

    /// Bytes a second that may be sent again; none while the stream's own rate is not known.
    pub(super) fn repairs(&self, reel: &Reel) -> Option<Budget> {
        let limit = self.path.limit().map(|datagrams| datagrams * f64::from(reel.datagram_len()));
        let limited = |rate: f64| limit.map_or(rate, |limit| limit.min(rate));
        let stream = stream(reel, i32::MAX)?;
        let burst = if limit.is_some() { FIRST_BYTES } else { self.burst.bytes() };
        Some(Budget { burst, at_once: limited(self.hasten(stream)), lasting: limited(stream) })
    }

    /// The pace of a stream that needs this many bytes a second, if nothing limits it.
    fn hasten(&self, stream: f64) -> f64 {
        stream.max(stream.max(LEAST_RATE) * self.burst.haste())
    }

    /// The fragments of a frame before this one had been sent at that time.
    pub(super) fn sent_by(&self, number: FrameNumber, at: Time) -> u16 {
        self.lost.sent_by(number, at)
    }

    /// The client asks for fragments of a frame, which had been sent.
    pub(super) fn on_asked(
        &mut self,
        (number, fragments): &Fragments,
        reel: &Reel,
        round_trip: Duration,
        now: Time,
    ) {
        let lost = self.lost.on_asked(*number, fragments, round_trip, now);
        self.on_lost(*number, lost, reel, round_trip, now);
    }

    fn on_lost(&mut self, number: FrameNumber, datagrams: u16, reel: &Reel, rtt: Duration, now: Time) {
        if datagrams == 0 || self.is_narrow() || !self.burst.on_lost(number, datagrams, now) {
            return;
        }
        // the rest of the frame that is under way goes with less at once, too
        self.frame = None;
        // a slow stream that loses is not narrow before it has been slowed down
        if stream(reel, 0).is_some_and(|stream| stream < LEAST_RATE / 2.0) {
            self.path.restart(rtt, now);
        }
    }

    /// The client has said what has arrived.
    pub(super) fn on_continue(&mut self, cont: &Continue, reel: &Reel, behind: i32, now: Time) {
        let round_trip = Duration::from_micros(cont.rtt_us.into());
        let unasked = self.lost.unasked(cont, now);
        self.on_lost(self.burst.suspect(cont.seen), unasked, reel, round_trip, now);
        self.burst.on_seen(cont.seen);
        // the rest of what it has seen may still come, if another path has brought it
        let is_outrun = cont.through.is_after(cont.seen);
        self.burst.on_done(if is_outrun { cont.seen.previous() } else { cont.through });
        let datagrams = |bytes: f64| bytes / f64::from(reel.datagram_len());
        let stream = stream(reel, behind).unwrap_or(0.0);
        let wanted = Wanted { stream: datagrams(stream), pace: datagrams(stream.max(LEAST_RATE)) };
        let (was_narrow, limit) = (self.is_narrow(), self.path.limit());
        self.path.on_arrived(cont.arrived, round_trip, wanted, now);
        if self.is_narrow() != was_narrow {
            self.burst.forget();
            self.frame = None;
        }
        if self.path.limit() != limit {
            self.set_pace(FIRST_BYTES, reel, behind);
        }
    }
}

/// Bytes a second that spread a frame over its share of the interval.
fn stream(reel: &Reel, behind: i32) -> Option<f64> {
    let behind = f64::from(behind.clamp(NOT_BEHIND, FAR_BEHIND).saturating_sub(NOT_BEHIND));
    let haste = behind / f64::from(FAR_BEHIND - NOT_BEHIND);
    Some(f64::from(reel.pace()?) / SPREAD * (1.0 + (CATCH_UP - 1.0) * haste))
}
