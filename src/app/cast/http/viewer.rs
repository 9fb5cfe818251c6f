//! One who has the stream: which picture comes next, and what has gone.

use super::part::{Part, Picture, Pictures, Sending};
use super::scaled::source_of;
use crate::app::cast::outlet::Budget;
use crate::app::cast::seen::{Client, Way};
use crate::app::cast::stream::Stream;
use crate::app::local_time;
use crate::http::answer::Head;
use crate::http::multipart;
use crate::http::route::Scale;
use crate::http::thin::Thin;
use crate::reel::Frame;
use crate::reel::cursor::Cursor;
use crate::sender::Tally;
use crate::sys::connection::{Connection as Socket, Remote};
use crate::sys::tcp::{Outgoing, Progress, beyond};
use crate::time::Time;
use crate::wire::FrameNumber;
use std::time::Duration;

/// A picture that stands in for frames is shown again after this long: some show a picture only when the next one comes.
const AGAIN: Duration = Duration::from_secs(1);

/// So many dates are kept: small frames come later than the camera's, and each scale's at its own time.
const DATES: usize = 8;

/// When frames were captured by the wall clock: a frame's date is the same for all, at each scale.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dates {
    latest: [Option<(Time, i64)>; DATES],
    next: usize,
}

impl Dates {
    /// Microseconds since 1970.
    fn micros(&mut self, captured: Time) -> i64 {
        let known = self.latest.into_iter().flatten().find(|(time, _)| *time == captured);
        known.map_or_else(|| self.read(captured), |(_, micros)| micros)
    }

    fn read(&mut self, captured: Time) -> i64 {
        let micros = local_time::at(captured).as_microsecond();
        self.latest[self.next % DATES] = Some((captured, micros));
        self.next = (self.next + 1) % DATES;
        micros
    }
}

/// What sending needs of a turn.
pub struct Turn<'a> {
    /// What there is to send.
    pub pictures: Pictures<'a>,
    /// How much may be sent.
    pub budget: &'a mut Budget,
    /// When frames were captured.
    pub dates: &'a mut Dates,
    /// The turn's time.
    pub now: Time,
}

/// How one wants the stream.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Which frames.
    pub thin: Thin,
    /// How much smaller than the camera's they are to be.
    pub scale: Option<Scale>,
    /// The next part's head is to go with each part.
    pub in_advance: bool,
}

/// One who has the stream.
#[derive(Debug)]
pub struct Viewer {
    cursor: Cursor,
    terms: Terms,
    /// The frame that is to be made smaller for it.
    wish: Option<FrameNumber>,
    /// The next part's head has gone with the part before it.
    is_ahead: bool,
    /// What is on its way.
    part: Option<(Part, Picture)>,
    /// The picture that stands in for frames, and when it is shown next.
    slate: Option<(FrameNumber, Time)>,
    /// The answer's head, of which this many bytes are gone.
    opening: Vec<u8>,
    opened: usize,
    /// Nothing more is begun.
    is_ending: bool,
    /// Whether its connection takes another frame, as was asked of all together in the turn of this time.
    pub room: Option<(Time, bool)>,
    /// Since when.
    pub since: Time,
    /// Its join was said, and so is its leave.
    pub is_told: bool,
    /// What has gone to it.
    pub tally: Tally,
}

impl Viewer {
    /// One who begins with this cursor, behind these bytes.
    pub fn new(cursor: Cursor, terms: Terms, opening: Vec<u8>, now: Time) -> Self {
        Viewer {
            cursor,
            terms,
            wish: None,
            is_ahead: false,
            part: None,
            slate: None,
            opening,
            opened: 0,
            is_ending: false,
            room: None,
            since: now,
            is_told: false,
            tally: Tally::default(),
        }
    }

    /// It, for the list of all.
    pub fn seen(&self, remote: Remote) -> Client {
        Client { remote, way: Way::Http, since: self.since, tally: self.tally }
    }

    /// This picture stands in for frames, or none does.
    pub fn set_slate(&mut self, slate: Option<FrameNumber>, now: Time) {
        self.slate = slate.map(|number| (number, now));
    }

    /// When there is something to be sent again.
    pub fn next_timeout(&self) -> Time {
        self.slate.map_or(Time::NEVER, |(_, at)| at)
    }

    /// What has been begun is its last. False: there is nothing.
    pub fn end(&mut self) -> bool {
        self.is_ending = true;
        self.part.is_some()
    }

    /// Frames that have gone to it or are on their way.
    #[cfg(test)]
    pub(super) fn begun(&self) -> u64 {
        self.tally.frames + u64::from(self.part.is_some())
    }

    /// It does not have the newest frame yet.
    pub fn is_behind(&self, stream: &Stream) -> bool {
        self.part.is_some() || self.cursor.peek(&stream.reel).is_some()
    }

    /// How much smaller its frames are, and the one that is to be made so for it now.
    pub fn wish(&self) -> Option<(Scale, Option<FrameNumber>)> {
        self.terms.scale.map(|scale| (scale, self.wish))
    }

    fn has_room(&mut self, socket: &Socket, now: Time) -> bool {
        let room = self.room.take().filter(|(at, _)| *at == now);
        room.map_or_else(|| socket.is_writable(), |(_, room)| room)
    }

    /// Sends what there is. [`Sending::Done`]: for now there is no more.
    pub fn send(
        &mut self,
        socket: &Socket,
        outgoing: &mut Outgoing,
        Turn { pictures, budget, dates, now }: &mut Turn<'_>,
    ) -> Sending {
        let (pictures, now) = (*pictures, *now);
        if self.opened < self.opening.len() {
            let rest = beyond([self.opening.as_slice()].into_iter(), self.opened);
            let (sent, progress) = outgoing.send(socket, rest);
            budget.spend_on(sent);
            self.opened += sent;
            if progress != Progress::Done {
                return progress.into();
            }
        }
        loop {
            if budget.is_spent() {
                return Sending::Done;
            }
            if self.part.is_none() {
                if self.is_ending {
                    return Sending::Ended;
                }
                let (wished, picture) = (self.wish.take(), self.peek(pictures, now));
                // who has not taken the last frame is not sent another one behind it, and none is made for it
                let is_asked = picture.is_some() || self.wish != wished;
                if is_asked && !self.has_room(socket, now) {
                    self.wish = None;
                    return Sending::Blocked;
                }
                let Some(picture) = picture else { return Sending::Done };
                self.part = self.begin(picture, pictures, dates, now);
            }
            let Some((part, picture)) = &mut self.part else { return Sending::Done };
            let sending = part.send(socket, outgoing, pictures, budget);
            if sending != Sending::Done {
                return sending;
            }
            let is_slate = matches!(picture, Picture::Slate(_));
            if let Some(frame) = picture.of(pictures).filter(|_| !is_slate) {
                self.tally.frames += 1;
                self.tally.bytes += u64::from(frame.length_for_others());
            }
            self.part = None;
        }
    }

    /// The next picture, if there is one.
    fn peek(&mut self, pictures: Pictures<'_>, now: Time) -> Option<Picture> {
        if let Some((number, _)) = self.slate.filter(|(_, at)| now >= *at) {
            return Some(Picture::Slate(number));
        }
        let number = self.next_number(pictures.stream)?;
        match self.terms.scale {
            None => Some(Picture::Frame(number)),
            Some(scale) => self.peek_small(number, scale, pictures),
        }
    }

    /// The frame that it would get next at the stream's own size.
    fn next_number(&mut self, stream: &Stream) -> Option<FrameNumber> {
        loop {
            let number = self.cursor.peek(&stream.reel)?;
            if self.wants(&stream.reel.frame(number)?, stream) {
                return Some(number);
            }
            let _ = self.cursor.take(&stream.reel);
        }
    }

    /// The next small frame, if there is one; or else `number` is wished for.
    fn peek_small(&mut self, number: FrameNumber, scale: Scale, pictures: Pictures<'_>) -> Option<Picture> {
        let Pictures { stream, scaled } = pictures;
        let small = scaled.newest(scale, self.cursor.number());
        if let Some(small) = small.filter(|small| self.wants(small, stream)) {
            return Some(Picture::Small(scale, small.number()));
        }
        if let Some(failure) = scaled.failure(scale, self.cursor.number()) {
            self.tally.skipped += u64::from(self.cursor.skip_to(failure.number.next()));
        }
        self.wish = Some(number).filter(|number| !self.cursor.number().is_after(*number));
        None
    }

    fn wants(&self, frame: &Frame<'_>, stream: &Stream) -> bool {
        let thin = &self.terms.thin;
        thin.is_all() || thin.wants(frame.stamp().captured, apart(stream))
    }

    fn begin(
        &mut self,
        picture: Picture,
        pictures: Pictures<'_>,
        dates: &mut Dates,
        now: Time,
    ) -> Option<(Part, Picture)> {
        let stream = pictures.stream;
        match picture {
            Picture::Slate(number) => self.slate = Some((number, now.after(AGAIN))),
            Picture::Frame(_) => {
                let (_, skipped) = self.cursor.take(&stream.reel)?;
                self.tally.skipped += u64::from(skipped);
            }
            Picture::Small(..) => {
                let source = source_of(&picture.of(pictures)?);
                self.tally.skipped += u64::from(self.cursor.skip_to(source));
                self.cursor.pass();
            }
        }
        let frame = picture.of(pictures)?;
        let captured = frame.stamp().captured;
        let Terms { thin, in_advance, .. } = &mut self.terms;
        if !matches!(picture, Picture::Slate(_)) {
            thin.took(captured, apart(stream));
        }
        let head = match std::mem::replace(&mut self.is_ahead, *in_advance) {
            true => Head::default(),
            false => multipart::head(frame.length_for_others(), dates.micros(captured)),
        };
        Some((Part::of_stream(picture, head, *in_advance), picture))
    }
}

/// The time between two frames of the stream.
fn apart(stream: &Stream) -> Duration {
    stream.reel.fps().map_or(Duration::ZERO, |fps| Duration::from_secs_f32(1.0 / fps))
}
