//! Frames at a half, a quarter and an eighth: made once a frame for all who ask for that scale, while somebody does.
//!
//! ```text
//!  reel --wish--> thread --bell--> lane (a small reel a scale) ----> parts of viewers, snapshots
//!         (the newest frame
//!          that one would take now)
//! ```
//!
//! The thread has one frame at a time; when it is done it gets the newest that is wanted then, and the scales take turns. So what it
//! cannot manage is skipped, and nothing waits in a queue. A lane keeps the newest small frames, so that a slow viewer holds one
//! while others come. Lanes and thread go a while after the last who wanted them.

use crate::app::cast::maker::{Job, Maker, Task};
use crate::app::cast::outlet::Shared;
use crate::app::cast::poll_set::{PollSet, Seat};
use crate::app::cast::stream::Stream;
use crate::http::route::Scale;
use crate::reel::{Frame, Reel};
use crate::time::{Stamp, Time};
use crate::wire::FrameNumber;
use std::os::fd::AsFd;
use std::time::Duration;

/// A lane stays this long after the last who wanted it: snapshots that are asked for again and again find it there.
const LINGER: Duration = Duration::from_secs(10);

/// A lane has so much less memory than the stream's own, times its scale: it holds about as many seconds ...
const SHARE: u8 = 2;

/// ... but room for a few frames.
const SMALLEST_LANE: usize = 2 << 20;

/// ... and no more than the board has to spare.
const LARGEST_LANE: usize = 8 << 20;

/// A lane's frames go out as they are, without datagrams: the fewer pieces the better.
const PIECE: u16 = 60_000;

/// Frames that are wanted now, by scale.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wishes([Wish; Scale::ALL.len()]);

#[derive(Clone, Copy, Debug, Default)]
struct Wish {
    /// Somebody is there who wants this scale, now or later.
    is_used: bool,
    /// The frame that is wanted.
    number: Option<FrameNumber>,
}

impl Wishes {
    /// One who wants this scale, and this frame if it would take one now.
    pub fn add(&mut self, scale: Scale, number: Option<FrameNumber>) {
        let Some(wish) = self.0.get_mut(scale.place()) else { return };
        wish.is_used = true;
        let is_newer = |number: &FrameNumber| wish.number.is_none_or(|known| number.is_after(known));
        wish.number = number.filter(is_newer).or(wish.number);
    }
}

/// Why a frame is not there at a scale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The frame's number in the stream.
    pub number: FrameNumber,
    /// The next one will not be there either: it is of a form that is not decoded here.
    pub is_lasting: bool,
    /// In words.
    pub why: String,
}

/// The small frames of one scale.
struct Lane {
    /// Their numbers are its own; what the stream's frame was called, the stamp's counter says.
    reel: Reel,
    /// The newest of the stream's frames that was tried.
    tried: Option<FrameNumber>,
    /// Why that one is not there.
    failure: Option<Failure>,
    /// Somebody wants this scale; or when somebody did.
    is_used: bool,
    used: Time,
}

/// All of them, and the thread that makes them.
#[derive(Default)]
pub struct Scaled {
    lanes: [Option<Lane>; Scale::ALL.len()],
    maker: Option<Maker>,
    /// The scale whose turn it is.
    first: usize,
}

impl Scaled {
    /// A small frame, unless it has gone.
    pub fn frame(&self, scale: Scale, number: FrameNumber) -> Option<Frame<'_>> {
        self.lane(scale)?.reel.frame(number)
    }

    /// The newest small frame, if it was made from the stream's `from` or one that came after it.
    pub fn newest(&self, scale: Scale, from: FrameNumber) -> Option<Frame<'_>> {
        self.lane(scale)?.reel.newest().filter(|frame| !from.is_after(source_of(frame)))
    }

    /// Why the latest frame is not there, if that is the stream's `from` or one that came after it.
    pub fn failure(&self, scale: Scale, from: FrameNumber) -> Option<&Failure> {
        self.lane(scale)?.failure.as_ref().filter(|failure| !from.is_after(failure.number))
    }

    /// Why no frame of this scale is to be had, if that is known.
    pub fn is_hopeless(&self, scale: Scale) -> Option<&str> {
        let failure = self.lane(scale)?.failure.as_ref().filter(|failure| failure.is_lasting);
        failure.map(|failure| failure.why.as_str())
    }

    #[cfg(test)]
    pub(super) fn is_busy(&self) -> bool {
        self.maker.as_ref().is_some_and(|maker| !maker.is_idle())
    }

    #[cfg(test)]
    pub(super) fn is_there(&self) -> bool {
        self.maker.is_some() || self.lanes.iter().any(Option::is_some)
    }

    fn lane(&self, scale: Scale) -> Option<&Lane> {
        self.lanes.get(scale.place())?.as_ref()
    }

    /// Adds the thread's bell.
    pub fn register<'p>(&'p self, set: &mut PollSet<'p>, seat: Seat) {
        if let Some(maker) = &self.maker {
            set.readable(seat, maker.as_fd());
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn next_timeout(&self) -> Time {
        let unused = self.lanes.iter().flatten().filter(|lane| !lane.is_used);
        unused.map(|lane| lane.used.after(LINGER)).min().unwrap_or(Time::NEVER)
    }

    /// Lets go what nobody has wanted for a while.
    pub fn handle_timeout(&mut self, now: Time) {
        for lane in &mut self.lanes {
            lane.take_if(|lane| !lane.is_used && now >= lane.used.after(LINGER));
        }
        if self.lanes.iter().all(Option::is_none) {
            self.maker = None;
        }
    }

    /// The bell has rung: what the thread has done goes into its lane.
    pub fn handle_done(&mut self, shared: &mut Shared<'_>, now: Time) {
        let Some(maker) = &mut self.maker else { return };
        if let Some(job) = maker.finish() {
            let Task::Shrink(scale) = job.task else { return };
            let lane = self.lanes.get_mut(scale.place()).and_then(Option::as_mut);
            lane.into_iter().for_each(|lane| lane.lay(job, scale, shared, now));
        } else if maker.has_ended() {
            self.maker = None;
        }
    }

    /// Has the thread make a frame that is wanted, if it is idle.
    pub fn order(&mut self, wishes: &Wishes, shared: &mut Shared<'_>, now: Time) {
        for ((lane, wish), scale) in self.lanes.iter_mut().zip(&wishes.0).zip(Scale::ALL) {
            if wish.is_used {
                lane.get_or_insert_with(|| Lane::new(shared.stream, scale));
            }
            lane.iter_mut().for_each(|lane| lane.note(wish.is_used, now));
        }
        let count = Scale::ALL.len();
        for at in (self.first..count).chain(0..self.first) {
            if self.maker.as_ref().is_some_and(|maker| !maker.is_idle()) {
                return;
            }
            if self.begin(Scale::ALL[at], wishes.0[at].number, shared, now) {
                self.first = (at + 1) % count;
            }
        }
    }

    /// Begins with a frame, unless it has been tried. True: it has.
    fn begin(
        &mut self,
        scale: Scale,
        number: Option<FrameNumber>,
        shared: &mut Shared<'_>,
        now: Time,
    ) -> bool {
        let Some(lane) = self.lanes.get_mut(scale.place()).and_then(Option::as_mut) else { return false };
        let is_new = |number: &FrameNumber| lane.tried.is_none_or(|tried| number.is_after(tried));
        let frame = number.filter(is_new).and_then(|number| shared.stream.reel.frame(number));
        let Some(frame) = frame else { return false };
        lane.tried = Some(frame.number());
        let maker = match &mut self.maker {
            Some(maker) => maker,
            none => match Maker::start() {
                Ok(maker) => none.insert(maker),
                Err(error) => {
                    let why = format!("no thread for it: {error}");
                    lane.fail(Failure { number: frame.number(), is_lasting: false, why }, shared, now);
                    return false;
                }
            },
        };
        maker.begin(&frame, Task::Shrink(scale));
        true
    }
}

impl Lane {
    fn new(stream: &Stream, scale: Scale) -> Self {
        let whole = stream.reel.capacity();
        let bytes = whole / usize::from(SHARE * scale.divisor());
        let bytes = bytes.clamp(SMALLEST_LANE, LARGEST_LANE).min(whole);
        Lane {
            reel: Reel::new(bytes, PIECE, stream.id),
            tried: None,
            failure: None,
            is_used: false,
            used: Time::default(),
        }
    }

    fn note(&mut self, is_used: bool, now: Time) {
        if is_used || self.is_used {
            self.used = now;
        }
        self.is_used = is_used;
    }

    fn lay(&mut self, job: &Job, scale: Scale, shared: &mut Shared<'_>, now: Time) {
        let stamp = Stamp { captured: job.captured, sequence: job.number.0 };
        let failed = match &job.outcome {
            Ok(size) => match self.reel.push(&job.made, *size, stamp, 0) {
                Ok(_) => {
                    self.failure = None;
                    shared.stats.shrunk.made(scale);
                    return;
                }
                Err(error) => (false, error.to_string()),
            },
            Err(error) => (error.is_ours(), error.to_string()),
        };
        let (is_lasting, why) = failed;
        self.fail(Failure { number: job.number, is_lasting, why }, shared, now);
    }

    fn fail(&mut self, failure: Failure, shared: &mut Shared<'_>, now: Time) {
        shared.stats.shrunk.failed += 1;
        shared.report.not_scaled(&failure.why, now);
        self.failure = Some(failure);
    }
}

/// The number in the stream of the frame that a small one was made from.
pub fn source_of(small: &Frame<'_>) -> FrameNumber {
    FrameNumber(small.stamp().sequence)
}
