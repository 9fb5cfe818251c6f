//! One client of the original protocol: a frame goes out, `continue` comes back, then the next newest frame goes.
//!
//! The original waits for ever if a frame or an answer is lost; here the next frame goes after a while without one.

use super::{SILENCE, Tally};
use crate::reel::Reel;
use crate::reel::cursor::Cursor;
use crate::time::{Time, smooth};
use crate::wire::FrameNumber;
use std::time::Duration;

/// How long the first frame's answer may take: the client may bind its port a moment after it has joined.
const FIRST_PATIENCE: Duration = Duration::from_millis(500);
const MIN_PATIENCE: Duration = Duration::from_millis(200);
const MAX_PATIENCE: Duration = Duration::from_secs(1);

/// Until the client has answered once its port may not be bound yet, and its host says "closed".
const REFUSED_PATIENCE: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(super) struct Plain {
    cursor: Cursor,
    /// Since when the newest frame sent waits for its answer, and until when it may.
    waiting: Option<(Time, Time)>,
    /// When the first frame that is still unanswered went out.
    unanswered: Option<Time>,
    /// Smoothed time between a frame and its answer; none before the first.
    answer_time: Option<Duration>,
    tries: u32,
}

impl Plain {
    pub(super) fn new(cursor: Cursor) -> Self {
        Plain { cursor, waiting: None, unanswered: None, answer_time: None, tries: 0 }
    }

    /// The client's port has proved to be its own.
    pub(super) fn has_answered(&self) -> bool {
        self.answer_time.is_some()
    }

    /// There is a frame that it does not have, and no answer is awaited.
    pub(super) fn has_frame(&self, reel: &Reel) -> bool {
        self.waiting.is_none() && self.cursor.peek(reel).is_some()
    }

    /// The frame that goes out now: the newest, once, while no answer is awaited.
    pub(super) fn next_frame(&mut self, reel: &Reel, tally: &mut Tally, now: Time) -> Option<FrameNumber> {
        if self.waiting.is_some() {
            return None;
        }
        let (number, skipped) = self.cursor.take(reel)?;
        tally.skipped = tally.skipped.saturating_add(skipped.into());
        self.on_sent(now);
        Some(number)
    }

    /// The newest frame's answer is awaited.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// A frame has gone out, or a slate, which is answered like one.
    pub(super) fn on_sent(&mut self, now: Time) {
        self.waiting = Some((now, now.after(self.patience())));
        self.unanswered.get_or_insert(now);
        self.tries = self.tries.saturating_add(1);
    }

    /// What was sent last has gone only now: its answer may take as long from here.
    pub(super) fn on_unblocked(&mut self, now: Time) {
        self.waiting = Some((now, now.after(self.patience())));
        self.unanswered.get_or_insert(now);
    }

    pub(super) fn on_continue(&mut self, now: Time) {
        if let Some((since, _)) = self.waiting.take() {
            self.answer_time = Some(smooth(self.answer_time, now.since(since)));
        }
        self.unanswered = None;
        self.tries = 0;
    }

    /// The client's host says that its port is closed. True: it was open before, so the client has died.
    pub(super) fn on_refused(&mut self, now: Time) -> bool {
        if let Some((since, _)) = self.waiting {
            self.waiting = Some((since, now.after(REFUSED_PATIENCE.saturating_mul(self.tries.clamp(1, 5)))));
        }
        self.answer_time.is_some()
    }

    /// True: the client has been silent for too long.
    pub(super) fn on_timeout(&mut self, now: Time) -> bool {
        if self.waiting.is_some_and(|(_, until)| now >= until) {
            self.waiting = None;
        }
        self.unanswered.is_some_and(|since| now >= since.after(SILENCE))
    }

    pub(super) fn answer_due(&self) -> Option<Time> {
        self.waiting.map(|(_, until)| until)
    }

    pub(super) fn silence_due(&self) -> Option<Time> {
        self.unanswered.map(|since| since.after(SILENCE))
    }

    fn patience(&self) -> Duration {
        let first =
            self.answer_time.map_or(FIRST_PATIENCE, |smooth| smooth.saturating_mul(4).max(MIN_PATIENCE));
        first.saturating_mul(1 << self.tries.min(3)).min(MAX_PATIENCE)
    }
}
