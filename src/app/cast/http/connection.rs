//! One connection: what has been read of a request, and what is on its way in answer.

use super::part::{Part, Picture, Pictures, Sending};
use super::scaled::{Failure, Scaled};
use super::viewer::{Turn, Viewer};
use crate::admission::places::{Held, Party, Standing};
use crate::app::cast::source::opener::Ticket;
use crate::capture::v4l2::Order;
use crate::http::Status;
use crate::http::answer::{Answer, Body};
use crate::http::request::{MAX_BODY, MAX_HEAD};
use crate::http::route::Scale;
use crate::reel::cursor::Cursor;
use crate::sys::connection::{Connection as Socket, Remote};
use crate::sys::tcp::{self, Heard, Outgoing, beyond};
use crate::time::Time;
use crate::wire::FrameNumber;
use std::time::Duration;

/// A request has to be whole this long after the connection was made, or after its first byte.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A connection that is kept for another request is closed after this long without one.
pub const IDLE: Duration = Duration::from_secs(60);

/// A reader that takes nothing for this long is gone.
const STALLED: Duration = Duration::from_secs(30);

/// One that takes nothing for this long goes when its place is needed.
const STUCK: Duration = Duration::from_secs(3);

/// Who is there when camcast stops gets what has been begun for this long.
const FINISH: Duration = Duration::from_secs(2);

/// What still comes after the last answer is read for this long ...
const LEAVING: Duration = Duration::from_secs(2);

/// ... and up to so many bytes. If some were left unread, the answer would be lost with them: the system then resets the connection.
const UNREAD: usize = 256 * 1024;

/// Why connections end of which nobody hears.
const ANSWERED: &str = "answered";

/// Why those end that are closed there.
const CLOSED: &str = "it closed the connection";

/// Why viewers go when camcast does.
pub const STOPPING: &str = "camcast is stopping";
/// The camera has this long to answer for its controls.
pub const CAMERA_PATIENCE: Duration = Duration::from_secs(10);

/// A connection.
#[derive(Debug)]
pub struct Connection {
    /// Where its bytes go.
    pub socket: Socket,
    /// Who is there.
    pub remote: Remote,
    /// Who that counts as, beside others.
    pub party: Party,
    /// Which of those that have had this place one after the other.
    pub generation: u32,
    /// What has been read, and is not answered yet.
    pub incoming: Vec<u8>,
    /// What it is about.
    pub doing: Doing,
    /// It is closed behind what is on its way.
    pub closes: bool,
    /// When it is given up.
    until: Time,
    /// It is given up then in any case: camcast stops.
    latest: Time,
    outgoing: Outgoing,
    /// It is about that since then.
    since: Time,
    /// Something is to be sent when the connection takes it, since then.
    blocked: Option<Time>,
    /// The other side says nothing more; it may still listen.
    has_ended: bool,
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
    /// All is said. What still comes is read, of which this many bytes have, and nobody's.
    Leaving(usize),
}

/// A frame that is waited for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Where in the stream.
    pub cursor: Cursor,
    /// It was captured later than this.
    pub after: Time,
    /// It is to be smaller than the stream's.
    pub scale: Option<Scale>,
    /// The frame that is to be made smaller for it.
    pub wish: Option<FrameNumber>,
    /// How it is answered.
    pub manner: Manner,
}

impl Wanted {
    /// Why there is no frame of its scale yet, if the latest could not be made.
    pub fn failure<'a>(&self, scaled: &'a Scaled) -> Option<&'a Failure> {
        scaled.failure(self.scale?, self.cursor.number())
    }

    fn arrived(&mut self, Pictures { stream, scaled }: Pictures<'_>) -> Option<Picture> {
        let number = loop {
            let number = self.cursor.peek(&stream.reel)?;
            if stream.reel.frame(number)?.stamp().captured >= self.after {
                break number;
            }
            let _ = self.cursor.take(&stream.reel);
        };
        let Some(scale) = self.scale else { return Some(Picture::Frame(number)) };
        let small = scaled.newest(scale, self.cursor.number());
        let small = small.filter(|frame| frame.stamp().captured >= self.after);
        self.wish = Some(number);
        small.map(|frame| Picture::Small(scale, frame.number()))
    }
}

/// How an answer is to be given.
#[derive(Clone, Debug, Default)]
pub struct Manner {
    /// The head alone is wanted.
    pub head_only: bool,
    /// The connection is good for another request.
    pub keeps_open: bool,
    /// The web page that may read it, if one may.
    pub origin: Option<String>,
    /// A password is asked for here.
    pub has_password: bool,
}

impl Manner {
    /// An answer in this manner.
    pub fn answer(&self, status: Status, body: Body) -> Answer<'_> {
        let Manner { keeps_open, has_password, .. } = *self;
        let origin = self.origin.as_deref();
        Answer {
            status,
            body,
            keeps_open,
            origin,
            has_password,
            challenges: &[],
            retry_after: None,
            nonce: None,
        }
    }
}

/// Controls that are to be asked or set.
#[derive(Clone, Debug)]
pub struct Steering {
    /// Which of all that were asked for.
    pub ticket: Ticket,
    /// What the camera is to be asked; none once it is.
    pub order: Option<Order>,
    /// How it is answered.
    pub manner: Manner,
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
            party: match remote {
                Remote::Address(address) => Party::of(address.ip()),
                Remote::Local => Party::LOCAL,
            },
            generation,
            incoming: Vec::new(),
            doing: Doing::Asking,
            closes: false,
            until: now.after(PATIENCE),
            latest: Time::NEVER,
            outgoing: Outgoing::new(0),
            since: now,
            blocked: None,
            has_ended: false,
            judged: 0,
        }
    }

    /// It is to be polled for writing.
    pub fn wants_write(&self) -> bool {
        self.blocked.is_some()
    }

    /// It is to be polled for reading: unless more has come than is answered now.
    pub fn wants_read(&self) -> bool {
        !self.has_ended && self.incoming.len() < MAX_HEAD + MAX_BODY
    }

    /// When it is given up.
    pub fn until(&self) -> Time {
        self.until.min(self.latest)
    }

    /// How much it would be missed.
    pub fn held(&self, now: Time) -> Held {
        let stuck = self.blocked.filter(|since| now >= since.after(STUCK));
        let (standing, since) = match (&self.doing, stuck) {
            (Doing::Asking | Doing::Leaving(_), _) => (Standing::Idle, self.since),
            // it may have closed altogether: that shows when something is sent
            (Doing::Watching(_), None) if self.has_ended => (Standing::Stuck, self.since),
            (_, Some(since)) => (Standing::Stuck, since),
            (_, None) => (Standing::Busy, self.since),
        };
        Held { party: self.party, standing, since }
    }

    /// It is about something else from now on, and is given up after `wait`.
    pub fn begin(&mut self, doing: Doing, wait: Option<Duration>, now: Time) {
        self.doing = doing;
        self.since = now;
        self.until = wait.map_or(Time::NEVER, |wait| now.after(wait));
    }

    /// The connection takes more.
    pub fn handle_writable(&mut self, now: Time) {
        // its reader has taken something
        if self.blocked.take().is_some() {
            self.until = now.after(STALLED);
        }
    }

    /// Reads what has come. What follows a request waits until that is answered.
    pub fn handle_readable(&mut self, now: Time) -> Fate {
        let mut bytes = [0; 4096];
        let room = (MAX_HEAD + MAX_BODY).saturating_sub(self.incoming.len()).min(bytes.len());
        match tcp::read(&self.socket, &mut bytes[..room]) {
            Heard::Bytes(count) => match &mut self.doing {
                // who has the stream has nothing more to say
                Doing::Watching(_) => Fate::Stays,
                Doing::Leaving(read) => {
                    *read += count;
                    if *read < UNREAD { Fate::Stays } else { Fate::Ends(ANSWERED) }
                }
                doing => {
                    if matches!(doing, Doing::Asking) && self.incoming.is_empty() {
                        self.until = now.after(PATIENCE);
                    }
                    self.incoming.extend_from_slice(&bytes[..count]);
                    Fate::Stays
                }
            },
            Heard::Nothing => Fate::Stays,
            Heard::Closed if matches!(self.doing, Doing::Leaving(_)) => Fate::Ends(ANSWERED),
            Heard::Closed => {
                // what has been asked is answered: who has closed altogether resets the connection then
                self.has_ended = true;
                Fate::Stays
            }
            Heard::Broken => Fate::Ends(CLOSED),
        }
    }

    /// Whether there is anything to stay for, when all that has been asked is being answered.
    pub fn after_reply(&self) -> Fate {
        match self.doing {
            Doing::Asking if self.has_ended => Fate::Ends(CLOSED),
            _ => Fate::Stays,
        }
    }

    /// camcast stops: what has been begun goes out, and then it is over.
    pub fn stop(&mut self, now: Time) -> Fate {
        let is_stuck = self.held(now).standing == Standing::Stuck;
        let is_to_finish = match &mut self.doing {
            Doing::Answering(..) | Doing::Showing(_) => !is_stuck,
            Doing::Watching(viewer) => viewer.end() && !is_stuck,
            Doing::Leaving(_) => true,
            Doing::Asking | Doing::Waiting(_) | Doing::Steering(_) => false,
        };
        self.closes = true;
        self.latest = self.latest.min(now.after(FINISH));
        if is_to_finish { Fate::Stays } else { Fate::Ends(STOPPING) }
    }

    /// Begins an answer of these bytes, head and all.
    pub fn answer(&mut self, bytes: Vec<u8>, now: Time) {
        self.begin(Doing::Answering(bytes, 0), Some(STALLED), now);
    }

    /// Begins an answer of one picture.
    pub fn show(&mut self, part: Part, now: Time) {
        self.begin(Doing::Showing(Box::new(part)), Some(STALLED), now);
    }

    /// The frame that was waited for, if it has come.
    pub fn arrived(&mut self, pictures: Pictures<'_>) -> Option<(Picture, Wanted)> {
        let Doing::Waiting(wanted) = &mut self.doing else { return None };
        let picture = wanted.arrived(pictures)?;
        Some((picture, wanted.clone()))
    }

    /// How much smaller than the stream's frames are that it is about, and the one that is to be made so for it now.
    pub fn wish(&self) -> Option<(Scale, Option<FrameNumber>)> {
        match &self.doing {
            Doing::Waiting(wanted) => wanted.scale.map(|scale| (scale, wanted.wish)),
            Doing::Showing(part) => part.scale().map(|scale| (scale, None)),
            Doing::Watching(viewer) => viewer.wish(),
            _ => None,
        }
    }

    /// Whether there is something to send, and the connection takes it as far as is known.
    pub fn has_more(&self) -> bool {
        self.blocked.is_none() && matches!(self.doing, Doing::Answering(..) | Doing::Showing(_))
    }

    /// Sends what there is, as far as the connection takes it.
    pub fn send(&mut self, turn: &mut Turn<'_>) -> Fate {
        let now = turn.now;
        if self.blocked.is_some() || turn.budget.is_spent() {
            return Fate::Stays;
        }
        let sending = match &mut self.doing {
            Doing::Asking | Doing::Waiting(_) | Doing::Steering(_) | Doing::Leaving(_) => return Fate::Stays,
            Doing::Answering(bytes, sent) => {
                let rest = beyond([bytes.as_slice()].into_iter(), *sent);
                let (count, progress) = self.outgoing.send(&self.socket, rest);
                turn.budget.spend_on(count);
                *sent += count;
                progress.into()
            }
            Doing::Showing(part) => part.send(&self.socket, &mut self.outgoing, turn.pictures, turn.budget),
            Doing::Watching(viewer) => {
                let sending = viewer.send(&self.socket, &mut self.outgoing, turn);
                if sending == Sending::Done {
                    self.until = Time::NEVER;
                    return Fate::Stays;
                }
                sending
            }
        };
        match sending {
            Sending::Done => self.done(now),
            Sending::Ended => Fate::Ends(STOPPING),
            Sending::Blocked => {
                self.blocked = Some(now);
                self.until = self.until.min(now.after(STALLED));
                Fate::Stays
            }
            Sending::Closed => Fate::Ends(CLOSED),
            Sending::Gone => Fate::Ends("it took longer for a frame than the reel keeps one"),
        }
    }

    fn done(&mut self, now: Time) -> Fate {
        if !self.closes {
            // the rest of a request that has begun has to come as soon as any
            let wait = if self.incoming.is_empty() { IDLE } else { PATIENCE };
            self.begin(Doing::Asking, Some(wait), now);
            return Fate::Stays;
        }
        if self.has_ended {
            return Fate::Ends(ANSWERED);
        }
        self.socket.end();
        self.incoming = Vec::new();
        self.begin(Doing::Leaving(0), Some(LEAVING), now);
        Fate::Stays
    }
}
