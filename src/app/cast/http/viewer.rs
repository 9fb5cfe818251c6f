//! One who has the stream: which picture comes next, and what has gone.

use super::part::{Part, Picture, Sending, beyond};
use crate::app::cast::outlet::Budget;
use crate::app::cast::seen::{Client, Way};
use crate::app::cast::stream::Stream;
use crate::app::local_time;
use crate::http::answer::Head;
use crate::http::multipart;
use crate::http::thin::Thin;
use crate::reel::cursor::Cursor;
use crate::sender::Tally;
use crate::sys::connection::{Connection as Socket, Remote};
use crate::sys::tcp::{Outgoing, Progress};
use crate::time::Time;
use crate::wire::FrameNumber;
use std::time::Duration;

/// A picture that stands in for frames is shown again after this long: some show a picture only when the next one comes.
const AGAIN: Duration = Duration::from_secs(1);

/// When frames were captured by the wall clock: the newest one's date is the same for all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dates(Option<(Time, i64)>);

impl Dates {
    /// Microseconds since 1970.
    fn micros(&mut self, captured: Time) -> i64 {
        let known = self.0.filter(|(time, _)| *time == captured);
        self.0.insert(known.unwrap_or_else(|| (captured, local_time::at(captured).as_microsecond()))).1
    }
}

/// What sending needs of a turn.
pub struct Turn<'a> {
    /// What is streamed.
    pub stream: &'a Stream,
    /// How much may be sent.
    pub budget: &'a mut Budget,
    /// When frames were captured.
    pub dates: &'a mut Dates,
    /// The turn's time.
    pub now: Time,
}

/// One who has the stream.
#[derive(Debug)]
pub struct Viewer {
    cursor: Cursor,
    thin: Thin,
    in_advance: bool,
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
    /// Since when.
    pub since: Time,
    /// Its join was said, and so is its leave.
    pub is_told: bool,
    /// What has gone to it.
    pub tally: Tally,
}

impl Viewer {
    /// One who begins with this cursor, behind these bytes.
    pub fn new(cursor: Cursor, thin: Thin, in_advance: bool, opening: Vec<u8>, now: Time) -> Self {
        Viewer {
            cursor,
            thin,
            in_advance,
            is_ahead: false,
            part: None,
            slate: None,
            opening,
            opened: 0,
            is_ending: false,
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

    /// It does not have the newest frame yet.
    pub fn is_behind(&self, stream: &Stream) -> bool {
        self.part.is_some() || self.cursor.peek(&stream.reel).is_some()
    }

    /// Sends what there is. [`Sending::Done`]: for now there is no more.
    pub fn send(
        &mut self,
        socket: &Socket,
        outgoing: &mut Outgoing,
        Turn { stream, budget, dates, now }: &mut Turn<'_>,
    ) -> Sending {
        let now = *now;
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
                let Some(picture) = self.peek(stream, now) else { return Sending::Done };
                // who has not taken the last frame is not sent another one behind it
                if !socket.is_writable() {
                    return Sending::Blocked;
                }
                self.part = self.begin(picture, stream, dates, now);
            }
            let Some((part, picture)) = &mut self.part else { return Sending::Done };
            let sending = part.send(socket, outgoing, stream, budget);
            if sending != Sending::Done {
                return sending;
            }
            if let (Picture::Frame(_), Some(frame)) = (*picture, picture.of(stream)) {
                self.tally.frames += 1;
                self.tally.bytes += u64::from(frame.length_for_others());
            }
            self.part = None;
        }
    }

    /// The next picture, if there is one.
    fn peek(&mut self, stream: &Stream, now: Time) -> Option<Picture> {
        if let Some((number, _)) = self.slate.filter(|(_, at)| now >= *at) {
            return Some(Picture::Slate(number));
        }
        loop {
            let number = self.cursor.peek(&stream.reel)?;
            let frame = stream.reel.frame(number)?;
            if self.thin.is_all() || self.thin.wants(frame.stamp().captured, apart(stream)) {
                return Some(Picture::Frame(number));
            }
            let _ = self.cursor.take(&stream.reel);
        }
    }

    fn begin(
        &mut self,
        picture: Picture,
        stream: &Stream,
        dates: &mut Dates,
        now: Time,
    ) -> Option<(Part, Picture)> {
        match picture {
            Picture::Slate(number) => self.slate = Some((number, now.after(AGAIN))),
            Picture::Frame(_) => {
                let (_, skipped) = self.cursor.take(&stream.reel)?;
                self.tally.skipped += u64::from(skipped);
            }
        }
        let frame = picture.of(stream)?;
        let captured = frame.stamp().captured;
        if let Picture::Frame(_) = picture {
            self.thin.took(captured, apart(stream));
        }
        let head = match std::mem::replace(&mut self.is_ahead, self.in_advance) {
            true => Head::default(),
            false => multipart::head(frame.length_for_others(), dates.micros(captured)),
        };
        Some((Part::of_stream(picture, head, self.in_advance), picture))
    }
}

/// The time between two frames of the stream.
fn apart(stream: &Stream) -> Duration {
    stream.reel.fps().map_or(Duration::ZERO, |fps| Duration::from_secs_f32(1.0 / fps))
}
