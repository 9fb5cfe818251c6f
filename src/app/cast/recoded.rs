//! The stream's frames as RTP can carry them, where the camera writes them with Huffman tables of its own (`--rtsp-recode`): the same
//! pictures with the standard tables, in a reel of their own. Without loss, while somebody wants them, and outside of the loop.

use super::maker::{Maker, Task};
use super::poll_set::{PollSet, Seat};
use super::report::Report;
use crate::jpeg;
use crate::reel::cursor::Cursor;
use crate::reel::{Frame, Reel};
use crate::rtp::picture::Picture;
use crate::time::{Stamp, Time};
use crate::wire::join::Policy;
use crate::wire::{FrameNumber, StreamId};

/// The reel has this part of the stream's own memory: nobody fetches what is long past from it.
const SHARE: usize = 2;

/// And no more than the board has to spare, in bytes.
const LARGEST: usize = 16 << 20;

/// Its frames are cut anew by who sends them: the fewer pieces the better.
const PIECE: u16 = 60_000;

/// The frames, and the thread that makes them.
pub struct Recoded {
    reel: Reel,
    maker: Option<Maker>,
    /// The newest of the stream's frames that was tried.
    tried: Option<FrameNumber>,
    /// Why the latest frame is not there.
    failure: Option<String>,
    /// A frame that needs nothing, on its way from one reel to the other.
    copy: Vec<u8>,
}

impl Recoded {
    /// None yet. `bytes`: the memory of the stream's own reel.
    pub fn new(bytes: usize, stream: StreamId) -> Self {
        let reel = Reel::new((bytes / SHARE).min(LARGEST), PIECE, stream);
        Recoded { reel, maker: None, tried: None, failure: None, copy: Vec::new() }
    }

    /// The frames. Their numbers are their own.
    pub fn reel(&self) -> &Reel {
        &self.reel
    }

    /// Adds the thread's bell.
    pub fn register<'p>(&'p self, set: &mut PollSet<'p>, seat: Seat) {
        if let Some(maker) = &self.maker {
            set.readable(seat, std::os::fd::AsFd::as_fd(maker));
        }
    }

    /// Why the latest frame is not there, if it could not be made.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// A frame of the stream is not there yet, and will be.
    pub fn is_behind(&self, of: &Reel) -> bool {
        self.maker.as_ref().is_some_and(|maker| !maker.is_idle()) || self.next(of).is_some()
    }

    fn next<'r>(&self, of: &'r Reel) -> Option<Frame<'r>> {
        of.newest().filter(|frame| self.tried.is_none_or(|tried| frame.number().is_after(tried)))
    }

    fn failed(&mut self, why: String, report: &mut Report, now: Time) {
        report.not_recoded(&why, now);
        self.failure = Some(why);
    }

    /// The newest frame is laid in, or handed to the thread if that is idle.
    pub fn renew(&mut self, of: &Reel, report: &mut Report, now: Time) {
        if self.maker.as_ref().is_some_and(|maker| !maker.is_idle()) {
            return;
        }
        let Some(frame) = self.next(of) else { return };
        self.tried = Some(frame.number());
        // nobody begins with what was long ago
        if Cursor::begin(Policy::Newest, of, false, now).number() != frame.number() {
            return;
        }
        if !Picture::of(&frame).is_err_and(|why| why.is_mended_by_recoding()) {
            self.copy.clear();
            frame.append_to(&mut self.copy);
            let stamp = frame.stamp();
            match self.reel.push(&self.copy, *frame.facts(), stamp, 0) {
                Ok(_) => self.failure = None,
                Err(error) => self.failed(error.to_string(), report, now),
            }
            return;
        }
        let maker = match &mut self.maker {
            Some(maker) => maker,
            none => match Maker::start() {
                Ok(maker) => none.insert(maker),
                Err(error) => return self.failed(format!("no thread for it: {error}"), report, now),
            },
        };
        maker.begin(&frame, Task::Recode);
    }

    /// The bell has rung: what the thread has done is laid in.
    pub fn handle_done(&mut self, report: &mut Report, now: Time) {
        let Some(maker) = &mut self.maker else { return };
        let has_ended = maker.has_ended();
        let Some(job) = maker.finish() else {
            self.maker.take_if(|_| has_ended);
            return;
        };
        let stamp = Stamp { captured: job.captured, sequence: job.number.0 };
        let laid = match &job.outcome {
            Ok(_) => match jpeg::header(&job.made) {
                Ok(facts) => {
                    self.reel.push(&job.made, facts, stamp, 0).map(drop).map_err(|why| why.to_string())
                }
                Err(why) => Err(why.to_string()),
            },
            Err(why) => Err(why.to_string()),
        };
        match laid {
            Ok(()) => self.failure = None,
            Err(why) => self.failed(why, report, now),
        }
    }
}
