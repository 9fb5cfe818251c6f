//! One client of our own protocol: a cursor into the reel, a window of frames it has not been heard of, BEAT and END.

use super::{SILENCE, Tally};
use crate::reel::Reel;
use crate::time::Time;
use crate::wire::client::Continue;
use crate::wire::join::Policy;
use crate::wire::server::{Beat, EndReason};
use crate::wire::{FrameNumber, Token};
use arrayvec::ArrayVec;
use std::ops::Range;
use std::time::Duration;

/// A prepared session is forgotten if no HELLO has come by then.
const HELLO_WAIT: Duration = Duration::from_secs(5);

/// No video after this long without a CONTINUE; BEATs go on, so that a client that comes back is noticed.
const HOLD: Duration = Duration::from_secs(1);

/// Frames that a viewer need not have been heard of: a round trip of 130 ms at 60 frames a second.
const WINDOW_NEWEST: usize = 8;

/// The same for a recorder, which is served faster than real time when it is behind.
const WINDOW_EVERY: usize = 32;

/// BEAT after this long without a datagram: a lost tail is uncovered before the next frame at 20 a second would do it.
const BEAT_FIRST: Duration = Duration::from_millis(50);

/// While nothing is sent, BEATs thin out to this.
const BEAT_LAST: Duration = Duration::from_millis(500);

/// BEATs go at least this often, frames or not: they carry the echo that round trips are measured by.
const BEAT_ALWAYS: Duration = Duration::from_secs(1);

/// END is sent this often, at this distance.
const END_TRIES: u8 = 3;
const END_WAIT: Duration = Duration::from_millis(40);

#[derive(Debug)]
pub(super) struct Native {
    pub(super) token: Token,
    pub(super) policy: Policy,
    state: State,
    /// The next frame to send, and the next of its fragments.
    cursor: FrameNumber,
    fragment: u16,
    /// The newest frame of which anything was sent, or the one before the first.
    newest_sent: FrameNumber,
    /// Frames of which something was sent and which the client has not been heard of.
    in_flight: ArrayVec<FrameNumber, WINDOW_EVERY>,
    heard: Time,
    sent: Time,
    beat_sent: Time,
    beat_wait: Duration,
    /// The client's latest stamp, and when it came.
    echo: (u32, Time),
    /// The stamp of the newest CONTINUE.
    order: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Invited { until: Time },
    Live,
    Leaving { reason: EndReason, tries: u8, next: Time },
}

/// What a timeout asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Beat,
    End(EndReason),
    /// END has been sent often enough.
    Gone,
    NoHello,
    Silence,
}

impl Native {
    pub(super) fn new(token: Token, policy: Policy, next: FrameNumber, now: Time) -> Self {
        Native {
            token,
            policy,
            state: State::Invited { until: now.after(HELLO_WAIT) },
            cursor: next,
            fragment: 0,
            newest_sent: next.previous(),
            in_flight: ArrayVec::new(),
            heard: now,
            sent: now,
            beat_sent: now,
            beat_wait: BEAT_FIRST,
            echo: (0, now),
            order: None,
        }
    }

    pub(super) fn is_invited(&self) -> bool {
        matches!(self.state, State::Invited { .. })
    }

    pub(super) fn newest_sent(&self) -> FrameNumber {
        self.newest_sent
    }

    pub(super) fn is_leaving(&self) -> bool {
        matches!(self.state, State::Leaving { .. })
    }

    /// HELLO, the first or a repeated one: answered by a BEAT.
    pub(super) fn on_hello(&mut self, stamp: u32, now: Time) {
        if self.is_invited() {
            self.state = State::Live;
        }
        self.heard = now;
        self.echo = (stamp, now);
    }

    pub(super) fn on_continue(&mut self, cont: &Continue, now: Time) {
        self.heard = now;
        let is_newer = self.order.is_none_or(|last| (cont.stamp.wrapping_sub(last) as i32) >= 0);
        if !is_newer {
            return;
        }
        self.order = Some(cont.stamp);
        self.echo = (cont.stamp, now);
        self.in_flight.retain(|number| number.is_after(cont.seen));
    }

    pub(super) fn leave(&mut self, reason: EndReason, now: Time) {
        self.state = State::Leaving { reason, tries: 0, next: now };
    }

    /// What goes out next: a frame and some of its fragments, `burst` at most. Moves the cursor past them.
    pub(super) fn next_train(
        &mut self,
        reel: &Reel,
        burst: u16,
        tally: &mut Tally,
        now: Time,
    ) -> Option<(FrameNumber, Range<u16>)> {
        if self.state != State::Live || now >= self.heard.after(HOLD) {
            return None;
        }
        // The cursor first: a frame that has begun may have left the reel, and then another one begins.
        self.advance_cursor(reel, tally);
        if self.fragment == 0 && self.in_flight.len() >= self.window() {
            return None;
        }
        let frame = reel.frame(self.cursor)?;
        if self.fragment == 0 {
            self.in_flight.try_push(self.cursor).ok()?;
            self.newest_sent = self.cursor;
        }
        let end = frame.fragments().min(self.fragment.saturating_add(burst));
        let train = (self.cursor, self.fragment..end);
        self.fragment = end;
        if end == frame.fragments() {
            self.cursor = self.cursor.next();
            self.fragment = 0;
            tally.frames += 1;
            tally.bytes += u64::from(frame.length());
        }
        self.sent = now;
        self.beat_wait = BEAT_FIRST;
        Some(train)
    }

    /// The socket took nothing: the fragments are still to be sent.
    pub(super) fn take_back(&mut self, reel: &Reel, number: FrameNumber, first: u16, tally: &mut Tally) {
        if self.cursor == number.next() && self.fragment == 0 {
            let length = reel.frame(number).map_or(0, |frame| frame.length());
            tally.frames = tally.frames.saturating_sub(1);
            tally.bytes = tally.bytes.saturating_sub(u64::from(length));
        }
        if first == 0 && self.in_flight.last() == Some(&number) {
            self.in_flight.pop();
        }
        self.cursor = number;
        self.fragment = first;
    }

    fn window(&self) -> usize {
        match self.policy {
            Policy::Newest => WINDOW_NEWEST,
            Policy::Every => WINDOW_EVERY,
        }
    }

    /// Moves past frames that have gone and, for a viewer between two frames, to the newest.
    fn advance_cursor(&mut self, reel: &Reel, tally: &mut Tally) {
        let wanted = match self.policy {
            Policy::Newest if self.fragment == 0 => reel.next_number().previous(),
            _ => reel.oldest_number(),
        };
        let behind = wanted.since(self.cursor);
        if behind > 0 {
            tally.skipped += u64::from(behind.unsigned_abs());
            self.cursor = wanted;
            self.fragment = 0;
        }
    }

    pub(super) fn beat(&mut self, reel: &Reel, no_camera: bool, now: Time) -> Beat {
        self.beat_sent = now;
        self.sent = now;
        self.beat_wait = (self.beat_wait * 2).min(BEAT_LAST);
        let (echo, came) = self.echo;
        Beat {
            epoch: reel.stream().epoch(),
            token: self.token,
            newest: self.newest_sent,
            oldest: reel.oldest_number(),
            echo,
            held_us: u32::try_from(now.since(came).as_micros()).unwrap_or(u32::MAX),
            no_camera,
        }
    }

    pub(super) fn on_timeout(&mut self, now: Time) -> Due {
        let beat_due = self.beat_due();
        match &mut self.state {
            State::Invited { until } if now >= *until => Due::NoHello,
            State::Invited { .. } => Due::Nothing,
            State::Leaving { tries: END_TRIES, next, .. } if now >= *next => Due::Gone,
            State::Leaving { reason, tries, next } if *tries < END_TRIES && now >= *next => {
                *tries += 1;
                *next = now.after(END_WAIT);
                Due::End(*reason)
            }
            State::Leaving { .. } => Due::Nothing,
            State::Live if now >= self.heard.after(SILENCE) => Due::Silence,
            State::Live if now >= beat_due => Due::Beat,
            State::Live => Due::Nothing,
        }
    }

    /// When something is due, and what kind of thing.
    pub(super) fn next_timeout(&self) -> (Time, super::Wake) {
        match self.state {
            State::Invited { until } => (until, super::Wake::Hello),
            State::Leaving { next, .. } => (next, super::Wake::End),
            State::Live => {
                let silence = self.heard.after(SILENCE);
                let beat = self.beat_due();
                if beat < silence { (beat, super::Wake::Beat) } else { (silence, super::Wake::Silence) }
            }
        }
    }

    fn beat_due(&self) -> Time {
        self.sent.after(self.beat_wait).min(self.beat_sent.after(BEAT_ALWAYS))
    }
}
