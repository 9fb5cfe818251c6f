//! A camera's life: when it is opened, when it is given up, when to try again, and what people are told of it. No
//! descriptor, no clock: the shell does what [`Supervisor::poll_order`] says, and tells what came of it.
//!
//! Lives here: the states of a camera, and when each of them ends. May not live here: how a camera is opened (`capture`), words
//! for people.
//!
//! ```text
//!              Open                 opened               a good frame
//!   waiting ----------> opening ----------------> opened ------------> streaming
//!    ^  ^                  |                        | silence, a fault     |
//!    |  +-- it failed -----+                        v                      |
//!    +------------------------------- Close <----- lost <------------------+
//!                                       |
//!   asleep <--- nobody watches ---------+   (on demand only; whoever comes wakes it)
//! ```
//! The shell hands in one input (`handle_*`), then drains [`Supervisor::poll_order`] and [`Supervisor::poll_notice`],
//! then sleeps until [`Supervisor::next_timeout`].
//!
//! | module | what |
//! |---|---|
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

#[cfg(test)]
mod tests;

use crate::time::Time;
use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

/// The wait after the first failure to open, and the longest after many.
const SHORTEST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Two attempts are at least this far apart, whatever is heard of new devices.
const ATTEMPT_GAP: Duration = Duration::from_millis(50);

/// A source that gives no frame for this long, or for [`SILENT_FRAMES`] frame times, gives none.
const SILENCE: Duration = Duration::from_secs(2);
const SILENT_FRAMES: u32 = 10;

/// The longest silence of a camera that has been reopened in vain, again and again.
const LONGEST_SILENCE: Duration = Duration::from_secs(16);

/// A camera that gave frames for so long, and then fails, is reopened at once.
const STEADY: Duration = Duration::from_secs(2);

/// An opening that takes longer is said to hang.
const STUCK: Duration = Duration::from_secs(10);

/// A camera on demand stays on for so long after the last client.
const LINGER: Duration = Duration::from_secs(5);

/// How a source is to be treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SupervisorConfig {
    /// It can be reopened: a camera, not a file or a pipe.
    pub reopens: bool,
    /// It is on only while somebody watches.
    pub on_demand: bool,
    /// The first failure ends the program.
    pub exit_on_error: bool,
}

/// Why there are no frames. Two troubles of one cause are told once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LostReason {
    /// No such device.
    Missing,
    /// Another camera is there, which is not it.
    Another,
    /// This user may not open it.
    Forbidden,
    /// The service's sandbox keeps it away.
    Sandboxed,
    /// Another program has it.
    Busy,
    /// Nobody writes into the v4l2loopback device.
    NoWriter,
    /// The USB bus has no room.
    NoBandwidth,
    /// It is no camera, or has no format that can be used.
    Unfit,
    /// It was pulled out.
    Unplugged,
    /// The driver failed.
    Broken,
    /// Nothing comes, and nothing is said.
    Silent,
    /// Frames come, but each is damaged.
    Damaged,
    /// Frames come, but each is too large to be sent.
    TooLarge,
}

impl fmt::Display for LostReason {
    /// In a few words, for a picture as for a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LostReason::Missing => "no camera is connected",
            LostReason::Another => "only another camera is connected",
            LostReason::Forbidden => "no permission for the camera",
            LostReason::Sandboxed => "the sandbox keeps the camera away",
            LostReason::Busy => "another program uses the camera",
            LostReason::NoWriter => "nobody writes into the device",
            LostReason::NoBandwidth => "too little USB bandwidth",
            LostReason::Unfit => "the device gives no usable pictures",
            LostReason::Unplugged => "the camera was unplugged",
            LostReason::Broken => "the camera's driver failed",
            LostReason::Silent => "the camera sends nothing",
            LostReason::Damaged => "the camera sends damaged frames only",
            LostReason::TooLarge => "the camera's frames are too large",
        })
    }
}

/// What the shell has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Open the source; [`Supervisor::handle_opened`] or [`Supervisor::handle_open_failed`] follows, maybe later.
    Open,
    /// Close it, before anything else.
    Close,
}

/// What people are told, once a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It cannot be opened; it is tried again.
    Waiting(LostReason),
    /// The opening has not come back for a while.
    Stuck,
    /// The first good frame, so long after the start, the loss, or the wake-up.
    Frames {
        /// Since then.
        after: Duration,
    },
    /// It gave frames, and gives none any more.
    Lost(LostReason),
    /// The last client has left a while ago: the camera is off.
    Asleep,
    /// Somebody has come: the camera is on again.
    Awake,
    /// The program has to end: waiting would be in vain, or is not wanted.
    Fatal(LostReason),
}

/// Whether there is a picture to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Frames come, or are soon to come.
    Present,
    /// There are none.
    Lost {
        /// Since when.
        since: Time,
        /// Why, as far as is known now.
        cause: LostReason,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Waiting { next: Time },
    Opening { since: Time },
    Opened,
    Streaming { since: Time },
    Asleep,
}

/// See the [module](self).
#[derive(Debug)]
pub struct Supervisor {
    plan: SupervisorConfig,
    phase: Phase,
    /// When the latest attempt to open began.
    attempt: Time,
    /// The wait after the next failure.
    wait: Duration,
    /// How long a silence is: of the source, and with what reopening it in vain has added.
    usual_silence: Duration,
    silence: Duration,
    /// When anything came last, or was opened; and when a good frame did.
    last: Time,
    last_good: Time,
    /// Why the latest frame was of no use, if it was of none.
    useless: LostReason,
    /// Since when people wait for a good frame.
    waited_since: Time,
    signal: Signal,
    /// The cause told last, until there is a good frame.
    told: Option<LostReason>,
    told_stuck: bool,
    /// It was open once; it gave a frame once; it was closed since the latest.
    was_open: bool,
    had_frames: bool,
    is_broken_off: bool,
    wanted: bool,
    /// Since when nobody watches.
    idle_since: Time,
    orders: VecDeque<Order>,
    notices: VecDeque<Notice>,
}

impl Supervisor {
    /// A source that is to be opened now.
    pub fn new(plan: SupervisorConfig, now: Time) -> Self {
        let mut supervisor = Supervisor {
            plan,
            phase: Phase::Asleep,
            attempt: now,
            wait: SHORTEST_WAIT,
            usual_silence: SILENCE,
            silence: SILENCE,
            last: now,
            last_good: now,
            useless: LostReason::Damaged,
            waited_since: now,
            signal: Signal::Present,
            told: None,
            told_stuck: false,
            was_open: false,
            had_frames: false,
            is_broken_off: false,
            wanted: false,
            idle_since: now,
            orders: VecDeque::with_capacity(4),
            notices: VecDeque::with_capacity(4),
        };
        supervisor.open(now);
        supervisor
    }

    /// What the shell has to do next. To be drained after each input.
    pub fn poll_order(&mut self) -> Option<Order> {
        self.orders.pop_front()
    }

    /// What people are to be told next. To be drained after each input.
    pub fn poll_notice(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }

    /// Whether there is a picture to show.
    pub fn signal(&self) -> Signal {
        self.signal
    }

    /// It waits for a device: the shell may listen for new ones, and say so by [`handle_hint`](Self::handle_hint).
    pub fn is_waiting(&self) -> bool {
        matches!(self.phase, Phase::Waiting { .. })
    }

    /// The camera was away since the frame before: asked once, of the frame that is about to be sent.
    pub fn take_discontinuity(&mut self) -> bool {
        std::mem::take(&mut self.is_broken_off)
    }

    /// The source is open. `interval` is the time from frame to frame, as far as it is known.
    pub fn handle_opened(&mut self, interval: Option<Duration>, now: Time) {
        if !matches!(self.phase, Phase::Opening { .. }) {
            return;
        }
        self.phase = Phase::Opened;
        self.was_open = true;
        self.last = now;
        self.set_interval(interval);
        if self.signal == Signal::Present {
            self.last_good = now;
        }
    }

    /// The time from frame to frame is now known better: a slow source is given more time.
    pub fn set_interval(&mut self, interval: Option<Duration>) {
        let frames = interval.map_or(Duration::ZERO, |interval| interval.saturating_mul(SILENT_FRAMES));
        let usual = frames.max(SILENCE);
        if usual != self.usual_silence {
            self.usual_silence = usual;
            self.silence = self.silence.max(usual);
        }
    }

    /// The source could not be opened. `may_pass`: it may be possible later, without anybody changing the options.
    pub fn handle_open_failed(&mut self, cause: LostReason, may_pass: bool, now: Time) {
        if !matches!(self.phase, Phase::Opening { .. }) {
            return;
        }
        let in_vain = !may_pass && !self.was_open && self.told.is_none();
        if in_vain || self.plan.exit_on_error || !self.plan.reopens {
            return self.notices.push_back(Notice::Fatal(cause));
        }
        self.lose(cause, now);
        // that the other camera has gone, too, is no news of this one
        let is_old = (self.told, cause) == (Some(LostReason::Another), LostReason::Missing);
        if self.told != Some(cause) && !is_old {
            self.told = Some(cause);
            self.notices.push_back(Notice::Waiting(cause));
        }
        self.retry_later(now);
    }

    /// A good frame has come.
    pub fn handle_frame(&mut self, now: Time) {
        (self.last, self.last_good) = (now, now);
        match self.phase {
            Phase::Streaming { .. } if self.signal == Signal::Present => return,
            Phase::Streaming { .. } => {}
            Phase::Opened => self.phase = Phase::Streaming { since: now },
            // of a source that has been ordered closed
            Phase::Waiting { .. } | Phase::Opening { .. } | Phase::Asleep => return,
        }
        self.had_frames = true;
        self.silence = self.usual_silence;
        (self.told, self.told_stuck) = (None, false);
        self.signal = Signal::Present;
        self.notices.push_back(Notice::Frames { after: now.since(self.waited_since) });
    }

    /// A frame has come, but is of no use.
    pub fn handle_damaged(&mut self, now: Time) {
        (self.last, self.useless) = (now, LostReason::Damaged);
    }

    /// A frame has come that is too large to be sent.
    pub fn handle_too_large(&mut self, now: Time) {
        (self.last, self.useless) = (now, LostReason::TooLarge);
    }

    /// The source has failed, and is of no more use.
    pub fn handle_fault(&mut self, cause: LostReason, now: Time) {
        let streamed = match self.phase {
            Phase::Opened => None,
            Phase::Streaming { since } => Some(now.since(since)),
            Phase::Waiting { .. } | Phase::Opening { .. } | Phase::Asleep => return,
        };
        if self.plan.exit_on_error || !self.plan.reopens {
            return self.notices.push_back(Notice::Fatal(cause));
        }
        self.lose(cause, now);
        if self.told != Some(cause) {
            self.told = Some(cause);
            self.notices.push_back(Notice::Lost(cause));
        }
        self.close();
        if streamed.is_some_and(|streamed| streamed >= STEADY) {
            self.wait = SHORTEST_WAIT;
            self.phase = Phase::Waiting { next: now.max(self.attempt.after(ATTEMPT_GAP)) };
        } else {
            self.retry_later(now);
        }
    }

    /// A device has come, or its permissions have changed: it is worth another try at once.
    pub fn handle_hint(&mut self, now: Time) {
        self.wait = SHORTEST_WAIT;
        if let Phase::Waiting { next } = &mut self.phase {
            *next = (*next).min(now.max(self.attempt.after(ATTEMPT_GAP)));
        }
    }

    /// Whether anybody watches. To be said after each change; nothing comes of it but on demand.
    pub fn set_wanted(&mut self, wanted: bool, now: Time) {
        if wanted == self.wanted {
            return;
        }
        self.wanted = wanted;
        if !wanted {
            self.idle_since = now;
        } else if self.phase == Phase::Asleep {
            self.waited_since = now;
            self.notices.push_back(Notice::Awake);
            self.open(now);
        }
    }

    /// A deadline of [`next_timeout`](Self::next_timeout) has come.
    pub fn handle_timeout(&mut self, now: Time) {
        if now >= self.sleep_due() {
            return self.fall_asleep();
        }
        match self.phase {
            Phase::Waiting { next } if now >= next => self.open(now),
            Phase::Opening { since } if !self.told_stuck && now >= since.after(STUCK) => {
                self.told_stuck = true;
                self.notices.push_back(Notice::Stuck);
            }
            Phase::Opened | Phase::Streaming { .. } => self.check_silence(now),
            Phase::Waiting { .. } | Phase::Opening { .. } | Phase::Asleep => {}
        }
    }

    fn check_silence(&mut self, now: Time) {
        let is_silent = now >= self.last.after(self.silence);
        if now >= self.last_good.after(self.silence) {
            let cause = if is_silent { LostReason::Silent } else { self.useless };
            self.lose(cause, now);
            if self.told != Some(cause) {
                self.told = Some(cause);
                self.notices.push_back(Notice::Lost(cause));
            }
        }
        if is_silent && self.plan.exit_on_error && self.plan.reopens {
            return self.notices.push_back(Notice::Fatal(LostReason::Silent));
        }
        if is_silent && self.plan.reopens {
            self.silence = self.silence.saturating_mul(2).min(LONGEST_SILENCE.max(self.usual_silence));
            self.close();
            self.open(now);
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout). Changes with every input.
    pub fn next_timeout(&self) -> Time {
        let phase = match self.phase {
            Phase::Waiting { next } => next,
            Phase::Opening { since } if !self.told_stuck => since.after(STUCK),
            Phase::Opened | Phase::Streaming { .. } => self.silence_due(),
            Phase::Opening { .. } | Phase::Asleep => Time::NEVER,
        };
        phase.min(self.sleep_due())
    }

    fn silence_due(&self) -> Time {
        let reopen = if self.plan.reopens { self.last.after(self.silence) } else { Time::NEVER };
        let is_lost = self.signal != Signal::Present;
        let lost = if is_lost { Time::NEVER } else { self.last_good.after(self.silence) };
        reopen.min(lost)
    }

    fn sleep_due(&self) -> Time {
        let may = self.plan.on_demand && self.plan.reopens && !self.wanted;
        // one that is being opened cannot be closed
        let can = !matches!(self.phase, Phase::Asleep | Phase::Opening { .. });
        if may && can { self.idle_since.after(LINGER) } else { Time::NEVER }
    }

    fn fall_asleep(&mut self) {
        if !self.is_waiting() {
            self.close();
        }
        self.phase = Phase::Asleep;
        self.signal = Signal::Present;
        (self.told, self.told_stuck) = (None, false);
        (self.wait, self.silence) = (SHORTEST_WAIT, self.usual_silence);
        self.notices.push_back(Notice::Asleep);
    }

    fn lose(&mut self, cause: LostReason, now: Time) {
        let since = match self.signal {
            Signal::Lost { since, .. } => since,
            Signal::Present => {
                self.waited_since = if self.had_frames { self.last_good } else { self.waited_since };
                now
            }
        };
        self.signal = Signal::Lost { since, cause };
    }

    fn open(&mut self, now: Time) {
        self.attempt = now;
        self.phase = Phase::Opening { since: now };
        self.orders.push_back(Order::Open);
    }

    fn close(&mut self) {
        self.is_broken_off = self.had_frames;
        self.orders.push_back(Order::Close);
    }

    fn retry_later(&mut self, now: Time) {
        self.phase = Phase::Waiting { next: now.after(self.wait) };
        self.wait = self.wait.saturating_mul(2).min(LONGEST_WAIT);
    }
}
