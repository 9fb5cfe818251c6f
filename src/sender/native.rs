//! One client of our own protocol: a cursor into the reel, a window of unacknowledged frames, BEAT and END.

use super::answer::{Answer, Due, Train};
use super::line::{Line, Turn};
use super::pacer::{Pacer, Sent};
use super::parity::Parity;
use super::proof::{Doubt, Proof};
use super::repair::{Fragments, Repairs, range_of};
use super::so_far::SoFar;
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
const LEAD_BYTES: u32 = 24 * 1024 * 1024;

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
    pub(super) through: FrameNumber,
    /// Frames that were not sent: bit `i` is the one `i + 1` before `newest_sent`.
    skipped: u32,
    /// The client is to be told of them.
    beat_now: bool,
    repairs: Repairs,
    pacer: Pacer,
    /// What was handed out last, and whether it goes again. Some of it waits while the socket is full.
    last: Fragments,
    last_again: bool,
    /// The newest frame that it asked for too late.
    gone: Option<FrameNumber>,
    /// Its datagrams are cut by IP.
    is_narrow: bool,
    /// It is sent parity rows for what it misses.
    takes_parity: bool,
    /// Something said that its path does not take our datagrams whole.
    doubt: Doubt,
    /// How far it has shown that what is sent to it arrives, and the frame before the first that is.
    proof: Proof,
    before: FrameNumber,
    /// When something of that first one was sent.
    begun: Option<Time>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Live,
    Leaving { reason: EndReason, tries: u8 },
}

impl Native {
    pub(super) fn new(token: Token, cursor: Cursor, takes_parity: bool, now: Time) -> Self {
        let before = cursor.number().previous();
        Native {
            token,
            state: State::Live,
            timers: Timers::new(),
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
            last_again: false,
            gone: None,
            is_narrow: false,
            takes_parity,
            doubt: Doubt::default(),
            proof: Proof::Token,
            before,
            begun: None,
        }
    }

    pub(super) fn policy(&self) -> Policy {
        self.cursor.policy()
    }

    pub(super) fn is_live(&self) -> bool {
        self.state == State::Live
    }

    pub(super) fn proof(&self) -> Proof {
        self.proof
    }

    /// It has said nothing for so long that it is sent no video.
    pub(super) fn is_silent(&self, now: Time) -> bool {
        now >= self.heard.after(HOLD)
    }

    /// It has been sent frames for so long, and has acknowledged none.
    pub(super) fn takes_nothing(&self, now: Time) -> bool {
        self.proof < Proof::Frame && self.begun.is_some_and(|begun| now >= begun.after(HOLD))
    }

    /// Its path has lost by larger bursts: it takes turns with others.
    pub(super) fn turn(&self) -> Option<Turn> {
        (self.state == State::Live && self.pacer.takes_turns()).then(|| self.pacer.turn())
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
                let narrow = self.doubt.take(tally.view, now);
                self.is_narrow |= narrow;
                Answer { narrow, beat: self.take_beat_now(), ..Answer::default() }
            }
            FromClient::End(_) => {
                let why = if self.is_leaving() { LeaveReason::Stopping } else { LeaveReason::End };
                Answer { leave: Some((why, Some(EndReason::Goodbye))), ..Answer::default() }
            }
        })
    }

    /// HELLO, the first or a repeated one: answered by a BEAT.
    fn on_hello(&mut self, hello: &Hello, now: Time) -> Answer {
        self.hear(now);
        self.echo = (hello.stamp, now);
        // padded, and it came in one piece
        let widen = !hello.narrow && std::mem::take(&mut self.is_narrow);
        Answer { widen, beat: true, ..Answer::default() }
    }

    /// Something on the way says that our datagrams are too large for it.
    pub(super) fn on_too_large(&mut self, now: Time) {
        if !self.is_narrow {
            self.doubt.on_too_large(self.pacer.view(), now);
        }
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
        // by another way it may have seen more than was sent by this one, but nothing that there is not
        let is_seen = cont.seen.is_after(self.before) && reel.next_number().is_after(cont.seen);
        let has_frame = is_seen && self.newest_sent.is_after(self.before);
        let before = self.proof;
        self.proof = before.max(if has_frame { Proof::Frame } else { Proof::Answer });
        if before == Proof::Token {
            self.set_beat();
        }
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
        self.tell_lost(cont, reel, now);
        self.pacer.on_continue(cont, reel, self.cursor.behind(reel), now);
    }

    /// What is asked for had been sent, and has not come.
    fn tell_lost(&mut self, cont: &Continue, reel: &Reel, now: Time) {
        let (so_far, round_trip) = (self.so_far(), Duration::from_micros(cont.rtt_us.into()));
        for missing in &cont.missing {
            let fragments = range_of(missing, so_far.of(missing.number, reel));
            self.pacer.on_asked(&(missing.number, fragments), reel, round_trip, now);
        }
    }

    fn so_far(&self) -> SoFar {
        SoFar {
            newest: self.newest_sent,
            skipped: self.skipped,
            under_way: (self.fragment > 0).then_some((self.cursor.number(), self.fragment)),
            is_viewer: self.policy() == Policy::Newest,
        }
    }

    fn request(&mut self, cont: &Continue, is_blocked: bool, reel: &Reel, now: Time) {
        let so_far = self.so_far();
        self.beat_now |= cont.missing.iter().any(|missing| reel.oldest_number().is_after(missing.number));
        // what waits for the socket is not lost
        let held = Some(&self.last).filter(|_| is_blocked);
        let is_narrow = self.pacer.is_narrow();
        let pacer = &self.pacer;
        self.repairs.request(cont, is_narrow, held, reel, now, |number, by| {
            so_far.of(number, reel).min(pacer.sent_by(number, by))
        });
    }

    /// Frames that the client is not done with.
    pub(super) fn outstanding(&self, reel: &Reel) -> u64 {
        match self.state {
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
        self.policy() == Policy::Newest && self.takes_video(now)
    }

    fn takes_video(&self, now: Time) -> bool {
        self.state == State::Live && self.proof > Proof::Token && !self.is_silent(now)
    }

    /// What goes out next: a frame and some of its fragments, one system call's at most, and whether they go again. New fragments
    /// go first, and repairs fill the pauses between their bursts; but on a path that does not take all, or not at once, what has begun
    /// is completed before more begins.
    #[must_use]
    pub(super) fn next_train(
        &mut self,
        reel: &Reel,
        line: &mut Line,
        parity: &mut Parity,
        tally: &mut Tally,
        now: Time,
    ) -> Option<Train> {
        self.timers.stop(Wake::Pace);
        if !self.takes_video(now) {
            return None;
        }
        let fresh = |(number, fragments): Fragments| (number, fragments, false);
        let again = |(number, fragments): Fragments| (number, fragments, true);
        let train = if self.pacer.holds_all() {
            let repair = self.next_repair(reel, line, parity, tally, now).map(again);
            repair.or_else(|| self.next_fresh(reel, line, tally, now).map(fresh))
        } else {
            let train = self.next_fresh(reel, line, tally, now).map(fresh);
            train.or_else(|| self.next_repair(reel, line, parity, tally, now).map(again))
        };
        let (number, fragments, again) = train?;
        (self.last, self.last_again) = ((number, fragments.clone()), again);
        tally.datagrams = tally.datagrams.saturating_add(fragments.len() as u64);
        Some((number, fragments, again))
    }

    /// The socket takes nothing more: its own readiness wakes us, no pace.
    pub(super) fn on_blocked(&mut self) {
        self.timers.stop(Wake::Pace);
        if !self.last_again {
            self.pacer.on_blocked();
        }
    }

    /// The socket takes something again, and what it held up has gone.
    pub(super) fn on_unblocked(&mut self, now: Time) {
        self.pacer.on_unblocked(now);
    }

    fn next_repair(
        &mut self,
        reel: &Reel,
        line: &mut Line,
        parity: &mut Parity,
        tally: &mut Tally,
        now: Time,
    ) -> Option<Fragments> {
        if self.pacer.holds_all() && !self.repairs.is_empty() {
            let ready = self.pacer.ready(u16::MAX, reel, line);
            if now < ready {
                self.wake_at(self.pacer.wake(ready, line));
                return None;
            }
        }
        let burst = self.pacer.grain(reel).min(line.call);
        let rows_help = self.takes_parity && !self.repairs.is_empty();
        let parity = rows_help.then(|| (parity, self.pacer.loss()));
        match self.repairs.next(reel, burst, self.pacer.repairs(reel), parity, now) {
            Ok(Some((number, fragments))) => {
                tally.repairs = tally.repairs.saturating_add(fragments.len() as u64);
                self.pacer.on_again(sent(reel, number, &fragments), line, now);
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

    fn next_fresh(
        &mut self,
        reel: &Reel,
        line: &mut Line,
        tally: &mut Tally,
        now: Time,
    ) -> Option<Fragments> {
        let has_frame = self.fragment > 0 || self.cursor.peek(reel).is_some();
        if !has_frame {
            return None;
        }
        // The cursor first: a frame that has begun may have left the reel, and then another one begins.
        self.advance_cursor(reel, tally);
        // what has left the reel need not be waited for
        let gone = reel.oldest_number().previous();
        let done = if gone.is_after(self.through) { gone } else { self.through };
        // a viewer does not come back to what was left out
        let is_near = self.policy() == Policy::Newest || self.cursor.number().since(done) <= lead(reel);
        if self.fragment == 0 && !(is_near && self.in_flight.len() < self.window(reel)) {
            return None;
        }
        let frame = reel.frame(self.cursor.number())?;
        self.pacer.aim(&frame, reel, self.cursor.behind(reel), now);
        let (begins, left) = (self.fragment == 0, frame.fragments().saturating_sub(self.fragment));
        let ready = self.pacer.ready(left, reel, line);
        if now < ready {
            self.wake_at(self.pacer.wake(ready, line));
            return None;
        }
        if begins {
            self.begin_frame(now);
        }
        let end = self.fragment.saturating_add(self.pacer.burst(left, reel, now).min(line.call));
        let train = (self.cursor.number(), self.fragment..end);
        self.fragment = end;
        let ends = end == frame.fragments();
        if ends {
            self.cursor.pass();
            self.fragment = 0;
            tally.frames = tally.frames.saturating_add(1);
            tally.bytes = tally.bytes.saturating_add(frame.length().into());
        }
        self.pacer.on_fresh(&frame, sent(reel, train.0, &train.1), begins, ends, line, now);
        self.sent = now;
        self.beat_wait = BEAT_FIRST;
        self.set_beat();
        Some(train)
    }

    fn begin_frame(&mut self, now: Time) {
        self.begun.get_or_insert(now);
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
        // who has not heard the answer to his HELLO says HELLO again
        if self.is_live() && self.proof > Proof::Token {
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
        if self.fragment == 0 {
            self.skip_settled(reel);
        }
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

    /// What the client is done with before it was sent has come to it by another session.
    fn skip_settled(&mut self, reel: &Reel) {
        let (settled, next) = (self.through.next(), reel.next_number());
        self.cursor.skip_to(if settled.is_after(next) { next } else { settled });
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
    let bytes = reel.frame(number).map_or(0, |frame| match fragments.start < frame.fragments() {
        true => frame.datagrams(fragments.clone()).len(),
        false => usize::from(reel.datagram_len()).saturating_mul(fragments.len()),
    });
    Sent { datagrams: fragments.len() as u16, bytes, end: fragments.end }
}
