//! One stream: its source, the reel that its frames lie in, and the picture that stands in for them. A second camera would
//! be a second value of this.

use super::config::Config;
use super::news::{Demand, News};
use super::poll_set::{PollSet, Ready, Seat};
use super::recoded::Recoded;
use super::report::Report;
use super::slates::Slates;
use super::source::Intake;
use super::source::ending::Ending;
use super::stats::Stats;
use crate::app::exit::ExitError;
use crate::app::quantity::show_bytes;
use crate::reel::Reel;
use crate::sender::Slate;
use crate::supervisor::Signal;
use crate::sys::random_u64;
use crate::time::Time;
use crate::wire::{FrameNumber, MAX_FRAME, StreamId};
use arrayvec::ArrayVec;
use std::time::Duration;

/// The kind of [seat](Seat) of what writes frames anew; the others are the source's.
const RECODED: u8 = u8::MAX;

/// A deadline of the source's that has not been met for so long will not be.
const OVERDUE: Duration = Duration::from_secs(10);

/// A stream.
pub struct Stream {
    /// What clients know it by.
    pub id: StreamId,
    /// The newest frames.
    pub reel: Reel,
    /// What is shown while there are none.
    pub slates: Slates,
    /// Where frames come from.
    pub source: Intake,
    /// The frames as RTP can carry them, if they are written anew for that.
    recoded: Option<Recoded>,
    told: Told,
    /// The source has ended.
    ending: Option<Ending>,
}

/// What the outlets have been told last.
#[derive(Default)]
struct Told {
    next: FrameNumber,
    is_away: bool,
    slate: Option<Slate>,
    answers: u64,
}

impl Stream {
    /// Opens the source.
    ///
    /// # Errors
    /// One line and its exit code.
    pub fn open(config: &Config, now: Time) -> Result<Self, ExitError> {
        let source = Intake::start(config, now)?;
        let id = StreamId(random_u64().map_err(|error| ExitError::system("random numbers", &error))?);
        let datagram = config.plain_datagram();
        let reel = Reel::new(config.reel, datagram, id);
        let told = Told { next: reel.next_number(), ..Told::default() };
        let recoded = config.rtsp_recode.then(|| Recoded::new(config.reel, id));
        Ok(Stream { id, reel, recoded, slates: Slates::new(datagram, id), source, told, ending: None })
    }

    /// What the reel holds, and how large a frame may be.
    pub fn limits(&self) -> String {
        let show = |bytes: usize| show_bytes(bytes as u64);
        let (frame, most) = (self.reel.frame_limit(), MAX_FRAME as usize);
        let why = if frame < most {
            format!("raise --reel for larger ones, up to {}", show(most))
        } else {
            "the protocol's limit".to_owned()
        };
        let reel = show(self.reel.capacity());
        format!("the newest {reel} are kept; a frame may have up to {} ({why})", show(frame))
    }

    /// Adds the source's descriptors.
    pub fn register<'p>(&'p self, set: &mut PollSet<'p>) {
        self.source.register(set);
        self.recoded.iter().for_each(|recoded| recoded.register(set, Seat::only(RECODED)));
    }

    /// When the source has a deadline, or its clients are waited for no longer.
    pub fn next_timeout(&self) -> Time {
        let ending = self.ending.map_or(Time::NEVER, |ending| ending.next_timeout());
        self.source.next_timeout().min(ending)
    }

    /// What was to be done about the source is left undone: this program does not work any more. A camera that is silent is
    /// reopened in time, and one that cannot be had is said to be away.
    pub fn is_overdue(&self, now: Time) -> bool {
        !self.source.is_over() && now >= self.source.next_timeout().after(OVERDUE)
    }

    /// One of the source's descriptors has answered.
    pub fn handle(&mut self, seat: Seat, ready: Ready, told: (&mut Stats, &mut Report), now: Time) {
        if seat.kind == RECODED {
            return self.recoded.iter_mut().for_each(|recoded| recoded.handle_done(told.1, now));
        }
        self.source.handle(seat, ready, &mut self.reel, told, now);
    }

    /// The source's deadlines may have come.
    pub fn handle_timeout(&mut self, told: (&mut Stats, &mut Report), now: Time) {
        if now >= self.source.next_timeout() {
            self.source.handle_timeout(&mut self.reel, told, now);
        }
    }

    /// The frames as RTP can carry them, if they can be made so.
    pub fn for_rtp(&self) -> &Reel {
        self.recoded.as_ref().map_or(&self.reel, Recoded::reel)
    }

    /// Frames are written anew for RTP where that helps.
    pub fn recodes(&self) -> bool {
        self.recoded.is_some()
    }

    /// Why the latest frame could not be written anew.
    pub fn recoding_fails(&self) -> Option<&str> {
        self.recoded.as_ref().and_then(Recoded::failure)
    }

    /// The newest is still being written anew.
    pub fn is_recoding(&self) -> bool {
        self.recoded.as_ref().is_some_and(|recoded| recoded.is_behind(&self.reel))
    }

    /// The newest frame is made ready for RTP, if somebody wants it so.
    pub fn recode(&mut self, demand: Demand, report: &mut Report, now: Time) {
        if let Some(recoded) = self.recoded.as_mut().filter(|_| demand.needs_standard) {
            recoded.renew(&self.reel, report, now);
        }
    }

    /// No frame comes any more, and the clients have those that have come, or are waited for no longer. `outstanding` as
    /// [`Demand`] has it.
    pub fn has_ended(&mut self, outstanding: u64, now: Time) -> bool {
        let is_over = self.source.is_over();
        is_over && self.ending.get_or_insert(Ending::new(outstanding, now)).is_over(outstanding, now)
    }

    /// The camera has gone or has come back since the outlets were told last. They are told before they let anybody in, who would
    /// else not begin with the very frame that the camera has come back with.
    pub fn news_of_camera(&mut self) -> Option<News> {
        let away = self.source.signal() != Signal::Present;
        let is_new = !self.source.is_over() && std::mem::replace(&mut self.told.is_away, away) != away;
        is_new.then_some(News::Camera { away })
    }

    /// The source learns who is there, and the outlets what has changed since they were told last.
    pub fn news(&mut self, demand: Demand, now: Time) -> ArrayVec<News, 4> {
        let mut news = ArrayVec::new();
        if self.source.is_over() {
            return news;
        }
        self.source.set_wanted(demand.clients > 0, now);
        news.extend(self.news_of_camera());
        let signal = self.source.signal();
        let size = self.reel.newest().map(|frame| frame.size());
        let slate = self.slates.show(signal, demand.has_viewers, size, now);
        let (next, told) = (self.reel.next_number(), &mut self.told);
        if std::mem::replace(&mut told.next, next) != next {
            news.push(News::Frame);
        }
        if std::mem::replace(&mut told.slate, slate) != slate {
            news.push(News::Slate(slate));
        }
        let answers = self.source.answers();
        if std::mem::replace(&mut told.answers, answers) != answers {
            news.push(News::Controls);
        }
        news
    }
}
