//! One client of our own protocol: a cursor into the reel, a window of unacknowledged frames, BEAT and END.

use super::answer::{Answer, Due, Train};
use super::pacer::{Pacer, Sent};
use super::repair::{Fragments, Repairs};
use super::timers::Timers;
use super::{LeaveReason, SILENCE, Tally, Wake};
use crate::reel::Reel;
use crate::reel::cursor::Cursor;
use crate::time::Time;
use crate::wire::client::{Continue, FromClient, Hello};
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

/// Unacknowledged frames, at the least and at the most. Between them it is the frames of this many seconds: a round trip of
/// 300 ms, the frame's own spread, and the receiver's turn.
#[derive(Clone, Copy)]
struct Window {
    least: usize,
    most: usize,
    seconds: f32,
}

const WINDOW_NEWEST: Window = Window { least: 8, most: 128, seconds: 0.4 };

/// A recorder is served faster than real time when it is behind.
const WINDOW_EVERY: Window = Window { least: 32, most: 160, seconds: 0.6 };

/// Frames, and bytes of them, that may go before the oldest one that a recorder is not done with: less than its
/// assembler reaches and holds.
const LEAD: i32 = 192;
const LEAD_BYTES: u32 = 48 * 1024 * 1024;

/// This part of the reel is left for repairs where a recorder's path is too narrow.
const REPAIR_SHARE: u32 = 8;

/// Frames that are skipped at once: as many as a BEAT can tell of.
const MOST_SKIPPED: u32 = 31;

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
    token: Token,
    state: State,
    timers: Timers,
    /// The next frame to send, and the next of its fragments.
    cursor: Cursor,
    fragment: u16,
    /// The newest frame of which anything was sent, or the one before the first.
    newest_sent: FrameNumber,
    /// Unacknowledged frames: something of them was sent, and no CONTINUE has said that the client has seen them.
    in_flight: ArrayVec<FrameNumber, { WINDOW_EVERY.most }>,
    heard: Time,
    sent: Time,
    beat_sent: Time,
    beat_wait: Duration,
    /// The client's latest stamp, and when it came.
    echo: (u32, Time),
    /// The stamp of the newest CONTINUE.
    order: Option<u32>,
    /// The client is done with this frame and all before it.
    through: FrameNumber,
    /// Frames that were not sent: bit `i` is the one `i + 1` before `newest_sent`.
    skipped: u32,
    /// The client is to be told of them.
    beat_now: bool,
    repairs: Repairs,
    pacer: Pacer,
    /// What was handed out last. Some of it waits while the socket is full.
    last: Fragments,
    /// The newest frame that it asked for too late.
    gone: Option<FrameNumber>,
    /// Its datagrams are cut by IP.
    is_narrow: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Invited,
    Live,
    Leaving { reason: EndReason, tries: u8 },
}

impl Native {
    pub(super) fn new(token: Token, cursor: Cursor, now: Time) -> Self {
        let before = cursor.number().previous();
        let mut timers = Timers::new();
        timers.set(Wake::Hello, now.after(HELLO_WAIT));
        Native {
            token,
            state: State::Invited,
            timers,
            cursor,
            fragment: 0,
            newest_sent: before,
            in_flight: ArrayVec::new(),
            heard: now,
            sent: now,
            beat_sent: now,
            beat_wait: BEAT_FIRST,
            echo: (0, now),
            order: None,
            through: before,
            skipped: 0,
            beat_now: false,
            repairs: Repairs::new(now),
            pacer: Pacer::new(now),
            last: (before, 0..0),
            gone: None,
            is_narrow: false,
        }
    }

    pub(super) fn policy(&self) -> Policy {
        self.cursor.policy()
    }

    pub(super) fn is_invited(&self) -> bool {
        self.state == State::Invited
    }

    pub(super) fn is_live(&self) -> bool {
        self.state == State::Live
    }

    pub(super) fn newest_sent(&self) -> FrameNumber {
        self.newest_sent
    }

    pub(super) fn is_leaving(&self) -> bool {
        matches!(self.state, State::Leaving { .. })
    }

    pub(super) fn token(&self) -> Token {
        self.token
    }

    pub(super) fn has_token(&self, token: Token) -> bool {
        self.token == token
    }

    /// Its HELLO has come, and will be handed in next.
    pub(super) fn on_adopted(&mut self, hello: &Hello) {
        self.is_narrow = hello.narrow;
    }

    /// A datagram with its token; `None`: another one. `is_blocked`: the client's socket is full.
    pub(super) fn handle_datagram(
        &mut self,
        datagram: &[u8],
        is_blocked: bool,
        reel: &Reel,
        tally: &mut Tally,
        now: Time,
    ) -> Option<Answer> {
        let message = FromClient::parse(datagram).ok()?;
        if message.session() != (reel.stream().epoch(), self.token) {
            return None;
        }
        Some(match message {
            FromClient::Hello(hello) => self.on_hello(&hello, now),
            FromClient::Continue(cont) => {
                self.count_gone(&cont, reel, tally);
                self.on_continue(&cont, is_blocked, reel, now);
                tally.view = self.pacer.view();
                Answer { beat: self.take_beat_now(), ..Answer::default() }
            }
            FromClient::End(_) => {
                let why = if self.is_leaving() { LeaveReason::Stopping } else { LeaveReason::End };
                Answer { leave: Some((why, Some(EndReason::Goodbye))), ..Answer::default() }
            }
        })
    }

    /// HELLO, the first or a repeated one: answered by a BEAT.
    fn on_hello(&mut self, hello: &Hello, now: Time) -> Answer {
        if self.is_invited() {
            self.state = State::Live;
            self.timers.stop(Wake::Hello);
            self.set_beat();
        }
        self.hear(now);
        self.echo = (hello.stamp, now);
        // padded, and it came in one piece
        let widen = !hello.narrow && std::mem::take(&mut self.is_narrow);
        Answer { widen, beat: true, leave: None }
    }

    fn hear(&mut self, now: Time) {
        self.heard = now;
        if self.is_live() {
            self.timers.set(Wake::Silence, now.after(SILENCE));
        }
    }

    /// Each frame is counted once, though a client may ask for it until it hears that it is gone.
    fn count_gone(&mut self, cont: &Continue, reel: &Reel, tally: &mut Tally) {
        let oldest = reel.oldest_number();
        for missing in cont.missing.iter().filter(|missing| oldest.is_after(missing.number)) {
            if self.gone.is_none_or(|newest| missing.number.is_after(newest)) {
                self.gone = Some(missing.number);
                tally.gone = tally.gone.saturating_add(1);
            }
        }
    }

    fn on_continue(&mut self, cont: &Continue, is_blocked: bool, reel: &Reel, now: Time) {
        self.hear(now);
        self.request(cont, is_blocked, reel, now);
        let is_newer = self.order.is_none_or(|last| (cont.stamp.wrapping_sub(last) as i32) > 0);
        if !is_newer {
            return;
        }
        self.order = Some(cont.stamp);
        self.echo = (cont.stamp, now);
        self.in_flight.retain(|number| number.is_after(cont.seen));
        self.through = cont.through;
        self.repairs.on_through(cont.through);
        self.pacer.on_continue(cont, reel, self.cursor.behind(reel), now);
    }

    fn request(&mut self, cont: &Continue, is_blocked: bool, reel: &Reel, now: Time) {
        let (newest, skipped, cursor, fragment) =
            (self.newest_sent, self.skipped, self.cursor.number(), self.fragment);
        let is_viewer = self.policy() == Policy::Newest;
        self.beat_now |= cont.missing.iter().any(|missing| reel.oldest_number().is_after(missing.number));
        // what waits for the socket is not lost
        let held = Some(&self.last).filter(|_| is_blocked);
        self.repairs.request(cont, self.pacer.is_narrow(), held, reel, now, |number| {
            let before = newest.since(number);
            let was_skipped = (1..=32).contains(&before) && (skipped >> before.saturating_sub(1)) & 1 != 0;
            // what was skipped further back is not known, and a viewer would have no use for it
            if before < 0 || was_skipped || (is_viewer && before > 32) {
                return 0;
            }
            let count = reel.frame(number).map_or(0, |frame| frame.fragments());
            if number == cursor && fragment > 0 { fragment } else { count }
        });
    }

    /// Frames that the client is not done with.
    pub(super) fn outstanding(&self, reel: &Reel) -> u64 {
        match self.state {
            State::Invited => 1,
            State::Live => {
                let newest = reel.next_number().previous();
                let gone = reel.oldest_number().previous();
                let done = if gone.is_after(self.through) { gone } else { self.through };
                u64::try_from(newest.since(done)).unwrap_or(0)
            }
            State::Leaving { .. } => 0,
        }
    }

    pub(super) fn leave(&mut self, reason: EndReason, now: Time) {
        self.state = State::Leaving { reason, tries: 0 };
        self.timers = Timers::new();
        self.timers.set(Wake::End, now);
    }

    /// A viewer that is there sees slates; a recorder never does.
    pub(super) fn takes_slates(&self, now: Time) -> bool {
        self.policy() == Policy::Newest && self.state == State::Live && now < self.heard.after(HOLD)
    }

    /// What goes out next: a frame and some of its fragments, `burst` at most, and whether they go again. New fragments
    /// go first, and repairs fill the pauses between their bursts; but on a path that does not take all, what has begun
    /// is completed before more begins.
    #[must_use]
    pub(super) fn next_train(
        &mut self,
        reel: &Reel,
        burst: u16,
        tally: &mut Tally,
        now: Time,
    ) -> Option<Train> {
        self.timers.stop(Wake::Pace);
        if self.state != State::Live || now >= self.heard.after(HOLD) {
            return None;
        }
        let fresh = |(number, fragments): Fragments| (number, fragments, false);
        let again = |(number, fragments): Fragments| (number, fragments, true);
        let train = if self.pacer.is_narrow() {
            let repair = self.next_repair(reel, burst, tally, now).map(again);
            repair.or_else(|| self.next_fresh(reel, burst, tally, now).map(fresh))
        } else {
            let train = self.next_fresh(reel, burst, tally, now).map(fresh);
            train.or_else(|| self.next_repair(reel, burst, tally, now).map(again))
        };
        let (number, fragments, again) = train?;
        self.last = (number, fragments.clone());
        tally.datagrams = tally.datagrams.saturating_add(fragments.len() as u64);
        Some((number, fragments, again))
    }

    /// The socket takes nothing more: its own readiness wakes us, no pace.
    pub(super) fn on_blocked(&mut self) {
        self.timers.stop(Wake::Pace);
    }

    fn next_repair(&mut self, reel: &Reel, burst: u16, tally: &mut Tally, now: Time) -> Option<Fragments> {
        let is_narrow = self.pacer.is_narrow();
        if is_narrow && !self.repairs.is_empty() && now < self.pacer.ready() {
            self.wake_at(self.pacer.ready());
            return None;
        }
        match self.repairs.next(reel, self.pacer.burst(reel).min(burst), self.pacer.repairs(reel), now) {
            Ok(Some((number, fragments))) => {
                tally.repairs = tally.repairs.saturating_add(fragments.len() as u64);
                // on a wide path they have a budget of their own, and must not make new frames late
                let sent = Sent { begins: false, ..sent(reel, number, &fragments) };
                self.pacer.on_sent(sent, is_narrow, reel, self.cursor.behind(reel), now);
                self.sent = now;
                self.set_beat();
                Some((number, fragments))
            }
            Ok(None) => None,
            Err(later) => {
                self.wake_at(later);
                None
            }
        }
    }

    fn next_fresh(&mut self, reel: &Reel, burst: u16, tally: &mut Tally, now: Time) -> Option<Fragments> {
        let has_frame = self.fragment > 0 || self.cursor.peek(reel).is_some();
        if !has_frame {
            return None;
        }
        // The cursor first: a frame that has begun may have left the reel, and then another one begins.
        self.advance_cursor(reel, tally);
        // what has left the reel need not be waited for
        let gone = reel.oldest_number().previous();
        let done = if gone.is_after(self.through) { gone } else { self.through };
        let has_room =
            self.in_flight.len() < self.window(reel) && self.cursor.number().since(done) <= lead(reel);
        if self.fragment == 0 && !has_room {
            return None;
        }
        if now < self.pacer.ready() {
            self.wake_at(self.pacer.ready());
            return None;
        }
        let frame = reel.frame(self.cursor.number())?;
        if self.fragment == 0 {
            self.begin_frame();
        }
        let burst = self.pacer.burst(reel).min(burst);
        let end = frame.fragments().min(self.fragment.saturating_add(burst));
        let train = (self.cursor.number(), self.fragment..end);
        self.fragment = end;
        if end == frame.fragments() {
            self.cursor.pass();
            self.fragment = 0;
            tally.frames = tally.frames.saturating_add(1);
            tally.bytes = tally.bytes.saturating_add(frame.length().into());
        }
        self.pacer.on_sent(sent(reel, train.0, &train.1), true, reel, self.cursor.behind(reel), now);
        self.sent = now;
        self.beat_wait = BEAT_FIRST;
        self.set_beat();
        Some(train)
    }

    fn begin_frame(&mut self) {
        let number = self.cursor.number();
        let step = number.since(self.newest_sent);
        // the frames between are the step's low bits, but for the last one itself, which was sent
        self.skipped = match u32::try_from(step) {
            Ok(step @ 1..32) => self.skipped << step | !(u32::MAX << step.saturating_sub(1)),
            _ => u32::MAX,
        };
        self.beat_now |= step > 1;
        self.newest_sent = number;
        // there is room: it was asked for just before
        let _ = self.in_flight.try_push(number);
    }

    fn wake_at(&mut self, at: Time) {
        self.timers.set_earlier(Wake::Pace, at);
    }

    fn set_beat(&mut self) {
        if self.is_live() {
            let due = self.sent.after(self.beat_wait).min(self.beat_sent.after(BEAT_ALWAYS));
            self.timers.set(Wake::Beat, due);
        }
    }

    /// True once after something that the client has to be told at once.
    pub(super) fn take_beat_now(&mut self) -> bool {
        std::mem::take(&mut self.beat_now)
    }

    fn window(&self, reel: &Reel) -> usize {
        let Window { least, most, seconds } = match self.policy() {
            Policy::Newest => WINDOW_NEWEST,
            Policy::Every => WINDOW_EVERY,
        };
        reel.fps().map_or(least, |fps| ((fps * seconds) as usize).clamp(least, most))
    }

    /// Moves past frames that have gone and, for a viewer between two frames, to the newest. A recorder whose path is
    /// too narrow loses frames in any case: those that would be gone before they could be repaired.
    fn advance_cursor(&mut self, reel: &Reel, tally: &mut Tally) {
        let skipped = if self.fragment > 0 {
            self.cursor.skip_gone(reel)
        } else if self.policy() == Policy::Every && self.pacer.is_narrow() && reel.is_full() {
            self.cursor.skip_to(self.kept_for_repair(reel))
        } else {
            self.cursor.catch_up(reel)
        };
        if skipped > 0 {
            tally.skipped = tally.skipped.saturating_add(skipped.into());
            self.fragment = 0;
        }
    }

    /// The oldest frame that can still be repaired once it has been sent on a narrow path.
    fn kept_for_repair(&self, reel: &Reel) -> FrameNumber {
        let (oldest, next) = (reel.oldest_number(), reel.next_number());
        let kept = oldest.plus(next.since(oldest).unsigned_abs() / REPAIR_SHARE);
        // at most as many at once as a BEAT can tell of, but for what is gone in any case
        let told = self.cursor.number().plus(MOST_SKIPPED);
        let near = if kept.is_after(told) { told } else { kept };
        if oldest.is_after(near) { oldest } else { near }
    }

    pub(super) fn beat(&mut self, reel: &Reel, no_camera: bool, now: Time) -> Beat {
        self.beat_sent = now;
        self.sent = now;
        self.beat_wait = self.beat_wait.saturating_mul(2).min(BEAT_LAST);
        self.set_beat();
        let (echo, came) = self.echo;
        Beat {
            epoch: reel.stream().epoch(),
            token: self.token,
            newest: self.newest_sent,
            skipped: self.skipped,
            oldest: reel.oldest_number(),
            echo,
            held_us: u32::try_from(now.since(came).as_micros()).unwrap_or(u32::MAX),
            no_camera,
            size: reel.newest().map(|frame| frame.size()),
        }
    }

    pub(super) fn on_timeout(&mut self, now: Time) -> Due {
        let is_due = |what| self.timers.is_expired(what, now);
        match &mut self.state {
            State::Invited if is_due(Wake::Hello) => Due::NoHello,
            State::Leaving { tries: END_TRIES, .. } if is_due(Wake::End) => Due::Gone,
            State::Leaving { reason, tries } if is_due(Wake::End) => {
                *tries = tries.saturating_add(1);
                self.timers.set(Wake::End, now.after(END_WAIT));
                Due::End(*reason)
            }
            State::Live if is_due(Wake::Silence) => Due::Silence,
            State::Live if is_due(Wake::Beat) => Due::Beat,
            _ => Due::Nothing,
        }
    }

    /// When something is due, and what. Changes with each datagram, train, BEAT and timeout.
    pub(super) fn next_timeout(&self) -> Option<(Time, Wake)> {
        self.timers.next()
    }
}

/// Frames that may go before the oldest one that the client is not done with.
fn lead(reel: &Reel) -> i32 {
    let fit = reel.newest().and_then(|frame| LEAD_BYTES.checked_div(frame.length())).unwrap_or(u32::MAX);
    i32::try_from(fit).map_or(LEAD, |fit| fit.min(LEAD))
}

fn sent(reel: &Reel, number: FrameNumber, fragments: &Range<u16>) -> Sent {
    let bytes = reel.frame(number).map_or(0, |frame| frame.datagrams(fragments.clone()).len());
    Sent { datagrams: fragments.len() as u16, bytes, begins: fragments.start == 0 }
}
