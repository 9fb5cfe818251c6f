//! One connection: what has been read of a request, its session, and what is on its way.

use super::datagrams::Datagrams;
use super::interleaved::{Interleaved, Sending};
use super::player::Player;
use crate::admission::places::{Held, Party, Standing};
use crate::app::cast::outlet::{Budget, Shared};
use crate::app::cast::seen::{self, Carrier};
use crate::rtsp::request::{MAX_BODY, MAX_HEAD};
use crate::rtsp::session::{Name, State, TIMEOUT};
use crate::sender::Tally;
use crate::sys::connection::{Connection as Socket, Remote};
use crate::sys::tcp::{self, Heard, Outgoing};
use crate::time::Time;
use std::time::Duration;

/// A connection without a session is closed this long after its last request.
const IDLE: Duration = Duration::from_secs(30);

/// A session without a sign of life.
const SILENT: Duration = Duration::from_secs(TIMEOUT as u64 * 3 / 2);

/// A reader that takes nothing for this long is gone.
const STALLED: Duration = Duration::from_secs(30);

/// One that takes nothing for this long goes when its place is needed.
const STUCK: Duration = Duration::from_secs(3);

/// What still comes after the last answer is read for this long, and up to so many bytes: were some left unread, the system would
/// reset the connection, and the answer be lost.
const LEAVING: Duration = Duration::from_secs(2);
const UNREAD: usize = 64 * 1024;

/// Bytes of answers that wait.
const ANSWERS: usize = 8 * 1024;

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
    /// Bytes of it that have been looked at, and were no whole request.
    pub judged: usize,
    /// What its session is called.
    pub name: Name,
    /// The session, if one is set up.
    pub session: Option<Session>,
    /// The program, as it calls itself.
    pub agent: String,
    outgoing: Outgoing,
    /// Something is to be sent when the connection takes it, since then.
    blocked: Option<Time>,
    /// When there was a sign of life.
    heard: Time,
    /// All is said, since then; of what still comes this many bytes have been read.
    leaving: Option<(Time, usize)>,
}

/// A session.
#[derive(Debug)]
pub struct Session {
    /// How its packets go.
    pub way: Way,
    /// Packets go.
    pub is_playing: bool,
    /// It has had the stream since then.
    pub since: Option<Time>,
    /// What had gone to the group when it came to that.
    pub before: Tally,
    /// Its join was said, and so is its leave.
    pub is_told: bool,
}

/// How a session's packets go.
#[derive(Debug)]
pub enum Way {
    /// As datagrams.
    Datagrams(Box<(Datagrams, Player)>),
    /// Over the connection.
    Interleaved(Box<(Interleaved, Player)>),
    /// As datagrams to all who listen: they are not its own.
    Group,
}

impl Way {
    /// As others are told of it.
    pub fn seen(&self) -> seen::Way {
        seen::Way::Rtsp(match self {
            Way::Datagrams(_) => Carrier::Udp,
            Way::Interleaved(_) => Carrier::Tcp,
            Way::Group => Carrier::Multicast,
        })
    }

    /// What goes, if it is its own.
    pub fn player(&self) -> Option<&Player> {
        match self {
            Way::Datagrams(both) => Some(&both.1),
            Way::Interleaved(both) => Some(&both.1),
            Way::Group => None,
        }
    }

    /// The same, to be told something.
    pub fn player_mut(&mut self) -> Option<&mut Player> {
        match self {
            Way::Datagrams(both) => Some(&mut both.1),
            Way::Interleaved(both) => Some(&mut both.1),
            Way::Group => None,
        }
    }
}

impl Session {
    /// What has gone to it, alone or with the group.
    pub fn tally(&self, group: Option<&Player>) -> Tally {
        let tally = self.way.player().or(group).map(|player| player.tally).unwrap_or_default();
        tally.since(&self.before)
    }
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
    pub fn new(socket: Socket, remote: Remote, (generation, name): (u32, Name), now: Time) -> Self {
        Connection {
            socket,
            remote,
            party: match remote {
                Remote::Address(address) => Party::of(address.ip()),
                Remote::Local => Party::LOCAL,
            },
            generation,
            incoming: Vec::new(),
            judged: 0,
            name,
            session: None,
            agent: String::new(),
            outgoing: Outgoing::new(ANSWERS),
            blocked: None,
            heard: now,
            leaving: None,
        }
    }

    /// How far its session has come.
    pub fn state(&self) -> State {
        match &self.session {
            None => State::Init,
            Some(Session { is_playing: false, .. }) => State::Ready,
            Some(_) => State::Playing,
        }
    }

    /// Its session, if packets go.
    pub fn playing(&self) -> Option<&Session> {
        self.session.as_ref().filter(|session| session.is_playing)
    }

    /// It is to be polled for writing.
    pub fn wants_write(&self) -> bool {
        self.blocked.is_some()
    }

    /// It is to be polled for reading: unless more has come than is answered now.
    pub fn wants_read(&self) -> bool {
        self.incoming.len() < MAX_HEAD + MAX_BODY
    }

    /// It is over, but for what still comes.
    pub fn is_leaving(&self) -> bool {
        self.leaving.is_some()
    }

    /// When it is given up, and why.
    pub fn until(&self) -> (Time, &'static str) {
        if let Some((since, _)) = self.leaving {
            return (since.after(LEAVING), "it was answered");
        }
        if let Some(since) = self.blocked {
            return (since.after(STALLED), "it took nothing for 30 s");
        }
        match &self.session {
            None => (self.heard.after(IDLE), "it asked nothing"),
            // the system sees whether it is there
            Some(Session { is_playing: true, way: Way::Interleaved(_), .. }) => (Time::NEVER, ""),
            Some(_) => (self.heard.after(SILENT), "it gave no sign of life for 90 s"),
        }
    }

    /// When it has something to do by itself.
    pub fn next_timeout(&self) -> Time {
        let until = self.until().0;
        let Some(session) = self.playing() else { return until };
        let more = match &session.way {
            Way::Datagrams(both) => both.0.next_timeout(&both.1),
            Way::Interleaved(both) if self.blocked.is_none() => both.1.next_slate().min(both.1.next_report()),
            Way::Interleaved(_) | Way::Group => Time::NEVER,
        };
        until.min(more)
    }

    /// How much it would be missed.
    pub fn held(&self, now: Time) -> Held {
        let stuck = self.blocked.filter(|since| now >= since.after(STUCK));
        let (standing, since) = match (&self.session, stuck) {
            (_, Some(since)) => (Standing::Stuck, since),
            (None | Some(Session { is_playing: false, .. }), None) => (Standing::Idle, self.heard),
            (Some(session), None) => (Standing::Busy, session.since.unwrap_or(self.heard)),
        };
        Held { party: self.party, standing, since }
    }

    /// It has given a sign of life.
    pub fn heard(&mut self, now: Time) {
        self.heard = now;
    }

    /// The connection takes more.
    pub fn handle_writable(&mut self) {
        self.blocked = None;
    }

    /// Reads what has come.
    pub fn handle_readable(&mut self, now: Time) -> Fate {
        let mut bytes = [0; 4096];
        let room = (MAX_HEAD + MAX_BODY).saturating_sub(self.incoming.len()).min(bytes.len());
        match tcp::read(&self.socket, &mut bytes[..room]) {
            Heard::Bytes(count) => {
                if let Some((_, read)) = &mut self.leaving {
                    *read += count;
                    return if *read < UNREAD { Fate::Stays } else { Fate::Ends("it was answered") };
                }
                // a request that comes byte by byte is none
                if self.session.is_some() {
                    self.heard = now;
                }
                self.incoming.extend_from_slice(&bytes[..count]);
                Fate::Stays
            }
            Heard::Nothing => Fate::Stays,
            Heard::Closed | Heard::Broken => Fate::Ends("it closed the connection"),
        }
    }

    /// A packet is halfway out: nothing may come between.
    pub fn is_cut(&self) -> bool {
        matches!(&self.session, Some(Session { way: Way::Interleaved(both), .. }) if both.0.is_cut())
    }

    /// Has these bytes go out, while no packet is [halfway out](Self::is_cut).
    pub fn say(&mut self, bytes: &[u8], now: Time) -> Fate {
        if !self.outgoing.push(bytes) {
            return Fate::Ends("it asks and takes no answers");
        }
        self.flush(now)
    }

    fn flush(&mut self, now: Time) -> Fate {
        if self.blocked.is_some() {
            return Fate::Stays;
        }
        let progress = self.outgoing.flush(&self.socket);
        self.after(progress.into(), now)
    }

    /// Sends what there is, as far as it is taken.
    pub fn send(&mut self, shared: &mut Shared<'_>, budget: &mut Budget, now: Time) -> Fate {
        let Connection { session, socket, outgoing, blocked, .. } = self;
        let Some(session) = session.as_mut().filter(|session| session.is_playing) else {
            return self.flush(now);
        };
        let sending = match &mut session.way {
            Way::Datagrams(both) => {
                let (datagrams, player) = &mut **both;
                datagrams.send(player, shared, budget, now);
                return self.flush(now);
            }
            Way::Interleaved(both) if blocked.is_none() => {
                let (interleaved, player) = &mut **both;
                interleaved.send(player, (socket, outgoing), shared.stream, budget, now)
            }
            Way::Interleaved(_) => Sending::Done,
            Way::Group => return self.flush(now),
        };
        self.after(sending, now)
    }

    fn after(&mut self, sending: Sending, now: Time) -> Fate {
        match sending {
            Sending::Done => Fate::Stays,
            Sending::Blocked => {
                self.blocked = Some(now);
                Fate::Stays
            }
            Sending::Closed => Fate::Ends("it closed the connection"),
            Sending::Gone => Fate::Ends("it took longer for a frame than the reel keeps one"),
        }
    }

    /// What is on its way is the last that is said here.
    pub fn leave(&mut self, now: Time) {
        let _ = self.outgoing.flush(&self.socket);
        self.socket.end();
        self.incoming = Vec::new();
        self.leaving = Some((now, 0));
    }

    /// camcast stops: a last report, if nothing is halfway out.
    pub fn bye(&mut self, now: Time) {
        let Some(session) = self.session.as_ref().filter(|session| session.is_playing) else { return };
        match &session.way {
            Way::Datagrams(both) => both.0.bye(&both.1, now),
            Way::Interleaved(both) if !both.0.is_cut() => {
                let bye = both.0.framed(&both.1.bye(now));
                if self.outgoing.push(&bye) {
                    let _ = self.outgoing.flush(&self.socket);
                }
            }
            Way::Interleaved(_) | Way::Group => {}
        }
    }
}
