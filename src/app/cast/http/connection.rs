//! One connection: what has been read of a request, and what is on its way in answer.

use super::part::{Part, Picture, Sending, beyond};
use super::viewer::Viewer;
use crate::app::cast::outlet::Budget;
use crate::app::cast::source::opener::Ticket;
use crate::app::cast::stream::Stream;
use crate::capture::v4l2::Order;
use crate::http::request::{MAX_BODY, MAX_HEAD};
use crate::reel::cursor::Cursor;
use crate::sys::connection::{Connection as Socket, Remote};
use crate::sys::tcp::{self, Heard, Outgoing};
use crate::time::Time;
use std::time::Duration;

/// A request has to be whole this long after the connection was made, or after its first byte.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A connection that is kept for another request is closed after this long without one.
pub const IDLE: Duration = Duration::from_secs(60);

/// A reader that takes nothing for this long is gone.
const STALLED: Duration = Duration::from_secs(30);

/// The camera has this long to answer for its controls.
pub const CAMERA_PATIENCE: Duration = Duration::from_secs(10);

/// A connection.
#[derive(Debug)]
pub struct Connection {
    /// Where its bytes go.
    pub socket: Socket,
    /// Who is there.
    pub remote: Remote,
    /// Which of those that have had this place one after the other.
    pub generation: u32,
    /// What has been read, and is not answered yet.
    pub incoming: Vec<u8>,
    /// What it is about.
    pub doing: Doing,
    /// It is closed behind what is on its way.
    pub closes: bool,
    /// When it is given up.
    pub until: Time,
    outgoing: Outgoing,
    /// Something is to be sent when the connection takes it.
    is_blocked: bool,
    /// Bytes of `incoming` that have been looked at, and were no whole request.
    pub judged: usize,
}

/// What a connection is about.
#[derive(Debug)]
pub enum Doing {
    /// It waits for a request, or for the rest of one.
    Asking,
    /// An answer is on its way: text of ours, of which this many bytes are gone.
    Answering(Vec<u8>, usize),
    /// It waits for a frame to be answered with.
    Waiting(Wanted),
    /// It waits for the camera to answer for its controls.
    Steering(Steering),
    /// A picture is on its way, alone.
    Showing(Box<Part>),
    /// It gets the stream.
    Watching(Box<Viewer>),
}

/// A frame that is waited for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Where in the stream.
    pub cursor: Cursor,
    /// It was captured later than this.
    pub after: Time,
    /// The head alone is wanted.
    pub head_only: bool,
    /// The web page that may read it, if one may.
    pub origin: Option<String>,
}

/// Controls that are to be asked or set.
#[derive(Clone, Debug)]
pub struct Steering {
    /// Which of all that were asked for.
    pub ticket: Ticket,
    /// What the camera is to be asked; none once it is.
    pub order: Option<Order>,
    /// The head alone is wanted.
    pub head_only: bool,
    /// The web page that may read it, if one may.
    pub origin: Option<String>,
}

/// What is to become of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stays.
    Stays,
    /// It is closed: the words are for the log, if it had the stream.
    Ends(&'static str),
}

impl Connection {
    /// One that has just been made.
    pub fn new(socket: Socket, remote: Remote, generation: u32, now: Time) -> Self {
        Connection {
            socket,
            remote,
            generation,
            incoming: Vec::new(),
            doing: Doing::Asking,
            closes: false,
            until: now.after(PATIENCE),
            outgoing: Outgoing::new(0),
            is_blocked: false,
            judged: 0,
        }
    }

    /// It is to be polled for writing.
    pub fn wants_write(&self) -> bool {
        self.is_blocked
    }

    /// It is to be polled for reading: unless more has come than is answered now.
    pub fn wants_read(&self) -> bool {
        self.incoming.len() < MAX_HEAD + MAX_BODY
    }

    /// The connection takes more.
    pub fn handle_writable(&mut self, now: Time) {
        self.is_blocked = false;
        // its reader has taken something
        self.until = now.after(STALLED);
    }

    /// Reads what has come. What follows a request waits until that is answered.
    pub fn handle_readable(&mut self, now: Time) -> Fate {
        let mut bytes = [0; 4096];
        let room = (MAX_HEAD + MAX_BODY).saturating_sub(self.incoming.len()).min(bytes.len());
        match tcp::read(&self.socket, &mut bytes[..room]) {
            Heard::Bytes(count) => {
                if matches!(self.doing, Doing::Asking) && self.incoming.is_empty() {
                    self.until = now.after(PATIENCE);
                }
                // who has the stream has nothing more to say
                if !matches!(self.doing, Doing::Watching(_)) {
                    self.incoming.extend_from_slice(&bytes[..count]);
                }
                Fate::Stays
            }
            Heard::Nothing => Fate::Stays,
            Heard::Closed => Fate::Ends("it closed the connection"),
        }
    }

    /// Begins an answer of these bytes, head and all.
    pub fn answer(&mut self, bytes: Vec<u8>, now: Time) {
        self.doing = Doing::Answering(bytes, 0);
        self.until = now.after(STALLED);
    }

    /// Begins an answer of one picture.
    pub fn show(&mut self, part: Part, now: Time) {
        self.doing = Doing::Showing(Box::new(part));
        self.until = now.after(STALLED);
    }

    /// The frame that was waited for, if it has come.
    pub fn arrived(&mut self, stream: &Stream) -> Option<(Picture, Wanted)> {
        let Doing::Waiting(wanted) = &mut self.doing else { return None };
        loop {
            let (number, _) = wanted.cursor.take(&stream.reel)?;
            let frame = stream.reel.frame(number)?;
            if frame.stamp().captured >= wanted.after {
                return Some((Picture::Frame(number), wanted.clone()));
            }
        }
    }

    /// Whether there is something to send, and the connection takes it as far as is known.
    pub fn has_more(&self) -> bool {
        !self.is_blocked && matches!(self.doing, Doing::Answering(..) | Doing::Showing(_))
    }

    /// Sends what there is, as far as the connection takes it.
    pub fn send(&mut self, stream: &Stream, budget: &mut Budget, now: Time) -> Fate {
        if self.is_blocked || budget.is_spent() {
            return Fate::Stays;
        }
        let progress = match &mut self.doing {
            Doing::Asking | Doing::Waiting(_) | Doing::Steering(_) => return Fate::Stays,
            Doing::Answering(bytes, sent) => {
                budget.spend();
                let rest = beyond([bytes.as_slice()].into_iter(), *sent);
                let (count, progress) = self.outgoing.send(&self.socket, rest);
                *sent += count;
                progress.into()
            }
            Doing::Showing(part) => {
                budget.spend();
                part.send(&self.socket, &mut self.outgoing, stream)
            }
            Doing::Watching(viewer) => {
                let sending = viewer.send(&self.socket, &mut self.outgoing, stream, budget, now);
                self.is_blocked = sending == Sending::Blocked;
                self.until = if self.is_blocked { self.until.min(now.after(STALLED)) } else { Time::NEVER };
                return match sending {
                    Sending::Done | Sending::Blocked => Fate::Stays,
                    Sending::Closed => Fate::Ends("it closed the connection"),
                    Sending::Gone => Fate::Ends("it took longer for a frame than the reel keeps one"),
                };
            }
        };
        match progress {
            Sending::Done => self.done(now),
            Sending::Blocked => {
                self.is_blocked = true;
                Fate::Stays
            }
            Sending::Closed | Sending::Gone => Fate::Ends("it closed the connection"),
        }
    }

    fn done(&mut self, now: Time) -> Fate {
        if self.closes {
            return Fate::Ends("answered");
        }
        self.doing = Doing::Asking;
        self.until = now.after(IDLE);
        Fate::Stays
    }
}
