//! From a connection to a client, or to a refusal.

use super::Udp;
use super::pending::{PendingJoin, Verdict};
use crate::app::cast::listen::{NO_ROOM, SPARE_OF_JOINS};
use crate::app::cast::outlet::Shared;
use crate::app::cast::report::canonical;
use crate::sender::Route;
use crate::sender::greeting::{GreetingError, Request};
use crate::sys::connection::Remote;
use crate::sys::descriptors::{are_scarce, moved_down};
use crate::sys::random_u64;
use crate::sys::tcp::{self, Accepted};
use crate::time::Time;
use crate::wire::Token;
use crate::wire::join::{Refusal, RefusalCode, Reply};
use std::net::{SocketAddr, TcpStream};

/// Connections taken a turn.
const JOINS_A_TURN: usize = 4;

impl Udp {
    pub(super) fn accept(&mut self, place: usize, shared: &mut Shared<'_>, now: Time) {
        for _ in 0..JOINS_A_TURN {
            let Some(listener) = self.gate.listeners.get(place) else { return };
            match tcp::accept(&listener.tcp) {
                Ok(Accepted::Connection(stream, remote)) => {
                    let Ok(local) = stream.local_addr() else { continue };
                    if !shared.rules.allow.has(remote.ip()) {
                        let why =
                            format!("{} is in no network that camcast --allow names", canonical(remote).ip());
                        refuse(&stream, remote, Refusal { code: RefusalCode::Protocol, why }, shared, now);
                        continue;
                    }
                    let is_scarce = are_scarce(&stream, SPARE_OF_JOINS);
                    shared.stats.is_scarce |= is_scarce;
                    let join = PendingJoin::new(stream, Route { remote, local }, now);
                    self.take(join, is_scarce, shared, now);
                }
                Ok(Accepted::Nobody) => return,
                Ok(Accepted::NoRoom) => {
                    shared.stats.is_scarce = true;
                    return self.gate.rest(NO_ROOM, shared, now);
                }
                Err(error) => return self.gate.rest(&error.to_string(), shared, now),
            }
        }
    }

    /// A fresh connection. If descriptors are scarce, one that waits goes for each one that comes to wait.
    fn take(&mut self, mut join: PendingJoin, is_scarce: bool, shared: &mut Shared<'_>, now: Time) {
        if let Some(verdict) = join.hear(now) {
            self.admit((join, verdict), shared, now);
            return self.obey(shared, now);
        }
        let has_gone = is_scarce && self.gate.let_one_go(join.route.remote, shared, now);
        if is_scarce && !has_gone && !self.gate.pending.is_empty() {
            // they have no more than their share, and he has his
            return send_away(&join, shared, now);
        }
        if has_gone {
            join.stream = moved_down(join.stream);
        }
        if let Some(displaced) = self.gate.pending.enter(join) {
            send_away(&displaced, shared, now);
        }
    }

    /// A connection has said what it wants, and nobody else can read it.
    fn admit_sealed(&mut self, join: &PendingJoin, message: &[u8], shared: &mut Shared<'_>, now: Time) {
        let (stream, remote) = (&join.stream, join.route.remote);
        let Some(sealed) = &mut self.crowd.sealed else {
            return refuse(stream, remote, no_key(KEYLESS), shared, now);
        };
        let (answering, request) = match sealed.hear(message) {
            Ok(heard) => heard,
            Err(why) => return refuse(stream, remote, why.into(), shared, now),
        };
        let Some(token) = token(shared, now) else { return };
        let (reply, backlog) = self.join(request, join.route, token, shared, now);
        if let Reply::Refused(refusal) = &reply {
            tell_rejected(remote, &refusal.why, shared, now);
        }
        let crowd = match backlog {
            Some(place) => self.backlogs.crowd(place),
            None => Some(&mut self.crowd),
        };
        let sealed = crowd.and_then(|crowd| Some((crowd.sealed.as_mut()?, &crowd.hub)));
        if let Some(line) = sealed.and_then(|(sealed, hub)| sealed.answer(answering, reply, hub)) {
            tcp::write_line(stream, &line);
        }
    }

    /// A connection has said what it wants.
    pub(super) fn admit(&mut self, (join, verdict): Verdict, shared: &mut Shared<'_>, now: Time) {
        let remote = join.route.remote;
        match verdict {
            Err(why) => turn_away(&join.stream, remote, &why, shared, now),
            Ok(Request::Sealed(message)) => self.admit_sealed(&join, &message, shared, now),
            Ok(_) if self.crowd.sealed.is_some() => {
                refuse(&join.stream, remote, no_key(UNSEALED), shared, now);
            }
            Ok(Request::Native(request)) => {
                let Some(token) = token(shared, now) else { return };
                let (reply, _) = self.join(request, join.route, token, shared, now);
                match reply {
                    Reply::Refused(refusal) => refuse(&join.stream, remote, refusal, shared, now),
                    Reply::Ok(_) => tcp::write_line(&join.stream, &reply.to_string()),
                }
            }
            Ok(Request::Plain(_)) if shared.rules.no_plain => {
                let why = "the original protocol is off (camcast --no-plain): camrec records".to_owned();
                refuse(&join.stream, remote, Refusal { code: RefusalCode::Protocol, why }, shared, now);
            }
            Ok(Request::Plain(port)) => {
                match self.crowd.hub.join_plain(port, join.route, &shared.stream.reel, now) {
                    Ok(client) => {
                        self.obey(shared, now);
                        if let Some(client) = self.crowd.client_mut(client) {
                            client.held = Some(join.stream);
                        }
                    }
                    Err(refusal) => refuse(&join.stream, remote, refusal, shared, now),
                }
            }
        }
    }
}

/// A secret for a session.
fn token(shared: &mut Shared<'_>, now: Time) -> Option<Token> {
    match random_u64() {
        Ok(token) => Some(Token(token)),
        Err(error) => {
            shared.report.cannot_accept(&error.to_string(), now);
            None
        }
    }
}

/// What is said to those who wait to say what they want, and go for others.
const CROWD: &str = "too many have come at once, and it has not said yet what it wants";

/// What is said to those who want the stream in the open.
const UNSEALED: &str =
    "this stream is sealed: camrec needs its key (--key-file), and other programs HTTP or RTSP";

/// What is said to those who have a key where there is none.
const KEYLESS: &str = "there is no key here: camcast is to be started with one (--key-file)";

fn no_key(why: &str) -> Refusal {
    Refusal { code: RefusalCode::Key, why: why.to_owned() }
}

fn tell_rejected(remote: SocketAddr, why: &str, shared: &mut Shared<'_>, now: Time) {
    shared.stats.rejected += 1;
    shared.report.rejected(Remote::Address(remote), why, now);
}

fn refuse(stream: &TcpStream, remote: SocketAddr, refusal: Refusal, shared: &mut Shared<'_>, now: Time) {
    tell_rejected(remote, &refusal.why, shared, now);
    tcp::write_line(stream, &Reply::Refused(refusal).to_string());
}

/// He waits, and goes for others.
pub(super) fn send_away(join: &PendingJoin, shared: &mut Shared<'_>, now: Time) {
    let refusal = Refusal { code: RefusalCode::Full, why: CROWD.to_owned() };
    refuse(&join.stream, join.route.remote, refusal, shared, now);
}

fn turn_away(
    stream: &TcpStream,
    remote: SocketAddr,
    why: &GreetingError,
    shared: &mut Shared<'_>,
    now: Time,
) {
    let refusal = Refusal { code: RefusalCode::Protocol, why: why.to_string() };
    tell_rejected(remote, &refusal.why, shared, now);
    let line = Reply::Refused(refusal).to_string();
    match why {
        // what a browser shows
        GreetingError::Unknown { http: true } => {
            tcp::write_line(
                stream,
                &format!("HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\n\r\n{line}"),
            );
        }
        _ => tcp::write_line(stream, &line),
    }
}
