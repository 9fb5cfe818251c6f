//! One client of the original protocol: a frame goes out, `continue` comes back, then the next newest frame goes.
//!
//! The original waits for ever if a frame or an answer is lost; here the next frame goes after a while without one. But until the
//! first answer nothing says that anybody is there who wants frames: so long there is one, and no other, unless the host says that its
//! port was closed.

use super::answer::{Answer, Due};
use super::timers::Timers;
use super::{LeaveReason, REFUSED_SILENCE, SILENCE, Tally, Wake};
use crate::reel::Reel;
use crate::reel::cursor::Cursor;
use crate::time::{Time, smooth};
use crate::wire::FrameNumber;
use crate::wire::plain::Word;
use std::time::Duration;

const MIN_PATIENCE: Duration = Duration::from_millis(200);
const MAX_PATIENCE: Duration = Duration::from_secs(1);

/// The client may bind its port a moment after it has joined. So long its host says "closed", and the frame is sent again, but not for
/// ever.
const REFUSED_PATIENCE: Duration = Duration::from_millis(200);
const REFUSED_TRIES: u32 = 5;

#[derive(Debug)]
pub(super) struct Plain {
    cursor: Cursor,
    /// Until when an answer is awaited, and until when a sign of life.
    timers: Timers,
    /// When the frame went out whose answer is awaited.
    sent: Option<Time>,
    /// Since when any is.
    unanswered: Option<Time>,
    /// Smoothed time between a frame and its answer; none before the first.
    answer_time: Option<Duration>,
    tries: u32,
}

impl Plain {
    pub(super) fn new(cursor: Cursor) -> Self {
        Plain { cursor, timers: Timers::new(), sent: None, unanswered: None, answer_time: None, tries: 0 }
    }

    /// The client's port has proved to be its own.
    pub(super) fn has_answered(&self) -> bool {
        self.answer_time.is_some()
    }

    /// The newest frame's answer is awaited.
    pub(super) fn is_waiting(&self) -> bool {
        self.sent.is_some()
    }

    /// Frames that it does not have: one at the most, the newest.
    pub(super) fn outstanding(&self, reel: &Reel) -> u64 {
        u64::from(self.is_waiting() || self.cursor.peek(reel).is_some())
    }

    /// A word of its language; `None`: anything else.
    pub(super) fn handle_datagram(&mut self, datagram: &[u8], now: Time) -> Option<Answer> {
        let leave = match Word::parse(datagram)? {
            Word::Continue => {
                self.on_continue(now);
                None
            }
            Word::End => Some((LeaveReason::End, None)),
        };
        Some(Answer { leave, ..Answer::default() })
    }

    /// The frame that goes out now: the newest, once, while no answer is awaited.
    #[must_use]
    pub(super) fn next_frame(&mut self, reel: &Reel, tally: &mut Tally, now: Time) -> Option<FrameNumber> {
        if self.is_waiting() {
            return None;
        }
        let (number, skipped) = self.cursor.take(reel)?;
        tally.skipped = tally.skipped.saturating_add(skipped.into());
        self.on_sent(now);
        Some(number)
    }

    /// A frame has gone out, or a slate, which is answered like one.
    pub(super) fn on_sent(&mut self, now: Time) {
        self.wait(now);
        self.tries = self.tries.saturating_add(1);
    }

    /// It has not, and never will: nothing is to be answered, and the next one goes.
    pub(super) fn on_not_sent(&mut self) {
        self.sent = None;
        self.tries = self.tries.saturating_sub(1);
        self.timers.stop(Wake::Answer);
        if self.tries == 0 {
            self.be_content();
        }
    }

    /// What was sent last has gone only now: its answer may take as long from here.
    pub(super) fn on_unblocked(&mut self, now: Time) {
        self.wait(now);
    }

    fn wait(&mut self, now: Time) {
        self.sent = Some(now);
        self.unanswered.get_or_insert(now);
        if let Some(patience) = self.patience() {
            self.timers.set(Wake::Answer, now.after(patience));
        }
        self.timers.set_earlier(Wake::Silence, now.after(SILENCE));
    }

    fn on_continue(&mut self, now: Time) {
        if let Some(sent) = self.sent.take() {
            self.answer_time = Some(smooth(self.answer_time, now.since(sent)));
        }
        self.tries = 0;
        self.be_content();
    }

    /// Nothing that has gone out is to be answered.
    fn be_content(&mut self) {
        self.unanswered = None;
        self.timers = Timers::new();
    }

    /// The client's host says that its port is closed. True: it was open before, and is silent though it has been sent a frame, so the
    /// client has died.
    pub(super) fn on_refused(&mut self, now: Time) -> bool {
        if self.is_waiting() && (self.has_answered() || self.tries < REFUSED_TRIES) {
            let patience = REFUSED_PATIENCE.saturating_mul(self.tries.clamp(1, 5));
            self.timers.set(Wake::Answer, now.after(patience));
        }
        let is_silent = self.unanswered.is_some_and(|since| now >= since.after(REFUSED_SILENCE));
        self.has_answered() && is_silent
    }

    pub(super) fn on_timeout(&mut self, now: Time) -> Due {
        if self.timers.is_expired(Wake::Answer, now) {
            self.sent = None;
            self.timers.stop(Wake::Answer);
        }
        if self.timers.is_expired(Wake::Silence, now) { Due::Silence } else { Due::Nothing }
    }

    /// When something is due, and what. Changes with each word, frame and timeout.
    pub(super) fn next_timeout(&self) -> Option<(Time, Wake)> {
        self.timers.next()
    }

    /// How long an answer may take; none of one that has not answered yet.
    fn patience(&self) -> Option<Duration> {
        let first = self.answer_time?.saturating_mul(4).max(MIN_PATIENCE);
        Some(first.saturating_mul(1 << self.tries.min(3)).min(MAX_PATIENCE))
    }
}
