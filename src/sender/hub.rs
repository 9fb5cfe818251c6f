//! All clients: who may come in, whose turn it is, who is dropped.

use super::answer::{Answer, Due};
use super::dialect::Dialect;
use super::native::Native;
use super::plain::Plain;
use super::session::Session;
use super::{
    ClientEvent, ClientId, ClientKind, LeaveReason, Output, Route, Slate, Small, Tally, Transmit, Wake,
};
use crate::jpeg::Size;
use crate::reel::Reel;
use crate::reel::cursor::Cursor;
use crate::time::Time;
use crate::wire::client::{FromClient, Hello};
use crate::wire::join::{Accepted, Join, Policy, Refusal, RefusalCode, Reply};
use crate::wire::server::EndReason;
use crate::wire::{StreamId, Token};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// What the hub may use up.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Clients at once, of both kinds, prepared sessions included.
    pub clients: u16,
    /// Datagrams that one system call takes: [`Transmit::Train`] is never longer.
    pub burst: u16,
}

/// Datagrams that were dropped without an answer, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Strays {
    /// Malformed, of another stream, or with a token that is nobody's.
    pub unknown: u64,
}

/// All clients of one stream. See [`sender`](super) for how it is driven.
pub struct Hub {
    limits: Limits,
    stream: StreamId,
    places: Vec<Option<Session>>,
    generation: u32,
    outputs: VecDeque<Output>,
    /// The place that is asked next for something to send.
    turn: usize,
    /// The camera delivers nothing; and the size of the newest frame. All native clients have been told.
    camera: (bool, Option<Size>),
    slate: Option<Slate>,
    stopping: bool,
    strays: Strays,
}

impl Hub {
    /// A hub without clients. All its memory is reserved here.
    pub fn new(limits: Limits, stream: StreamId) -> Self {
        Hub {
            limits,
            stream,
            places: (0..limits.clients).map(|_| None).collect(),
            generation: 0,
            outputs: VecDeque::with_capacity(64),
            turn: 0,
            camera: (false, None),
            slate: None,
            stopping: false,
            strays: Strays::default(),
        }
    }

    /// Clients that are here, prepared sessions included.
    pub fn clients(&self) -> usize {
        self.places.iter().flatten().count()
    }

    /// Each client that gets the stream: where it is, what it is, since when, and what has gone to it.
    pub fn each_client(&self) -> impl Iterator<Item = (SocketAddr, ClientKind, Time, Tally)> {
        let here = self.places.iter().flatten().filter(|session| !session.dialect.is_invited());
        here.map(|session| (session.remote, session.kind(), session.since, session.tally))
    }

    /// Datagrams that were dropped.
    pub fn strays(&self) -> Strays {
        self.strays
    }

    /// True once [`handle_stop`](Self::handle_stop) has been called and the last client has been told.
    pub fn is_stopped(&self) -> bool {
        self.stopping && self.clients() == 0 && self.outputs.is_empty()
    }

    /// Whether the camera delivers, and what; after each change of the reel. Native clients are told at once if the
    /// camera is away or is back, and if its frames have another size.
    pub fn handle_camera(&mut self, no_camera: bool, reel: &Reel, now: Time) {
        let camera = (no_camera, reel.newest().map(|frame| frame.size()));
        if std::mem::replace(&mut self.camera, camera) == camera {
            return;
        }
        for place in 0..self.places.len() {
            let session = self.places.get(place).and_then(Option::as_ref);
            let told = session.filter(|session| session.dialect.is_told_of_camera());
            if let Some(id) = told.map(|session| session.id) {
                self.send_beat(id, reel, now);
            }
        }
    }

    /// A native client asks to come in. `token` is fresh and random. The session begins with its HELLO.
    pub fn join_native(&mut self, join: Join, route: Route, token: Token, reel: &Reel, now: Time) -> Reply {
        let (no_camera, _) = self.camera;
        let cursor = match join.resume {
            Some((stream, wanted)) if stream == self.stream => {
                Cursor::resume(join.policy, wanted, reel, no_camera, now)
            }
            _ => Cursor::begin(join.policy, reel, no_camera, now),
        };
        let dialect = Dialect::Native(Box::new(Native::new(token, cursor, now)));
        if let Err(refusal) = self.admit(route, route.remote, join.agent, dialect, now) {
            return Reply::Refused(refusal);
        }
        Reply::Ok(Accepted {
            token,
            stream: self.stream,
            next: cursor.number(),
            datagram: reel.datagram_len(),
            size: reel.newest().map(|frame| frame.size()),
            fps: reel.fps(),
            span_ms: u32::try_from(reel.span().as_millis()).unwrap_or(u32::MAX),
        })
    }

    /// A plain client asks to come in; its frames will go to `port` on its host.
    ///
    /// # Errors
    /// The [`Refusal`], in words for the client.
    pub fn join_plain(
        &mut self,
        port: u16,
        route: Route,
        reel: &Reel,
        now: Time,
    ) -> Result<ClientId, Refusal> {
        let remote = SocketAddr::new(route.remote.ip(), port);
        let remote = keep_scope(remote, route.remote);
        let twin = self.places.iter().flatten().find(|s| s.remote == remote && s.kind() == ClientKind::Plain);
        let is_return = match twin.map(|s| s.id) {
            Some(id) => {
                self.dismiss(id, LeaveReason::Replaced, now);
                true
            }
            None => false,
        };
        let (no_camera, _) = self.camera;
        let plain = Plain::new(Cursor::begin(Policy::Newest, reel, no_camera, now));
        let client = self.admit(route, remote, None, Dialect::Plain(plain), now)?;
        let kind = ClientKind::Plain;
        self.outputs.push_back(Output::Open { client, local: route.local, remote, kind, narrow: None });
        self.outputs.push_back(Output::Event(ClientEvent::Joined { remote, kind, agent: None, is_return }));
        Ok(client)
    }

    fn admit(
        &mut self,
        route: Route,
        remote: SocketAddr,
        agent: Option<String>,
        dialect: Dialect,
        now: Time,
    ) -> Result<ClientId, Refusal> {
        if self.stopping {
            return Err(Refusal { code: RefusalCode::Stopping, why: "camcast is stopping".into() });
        }
        let Some(place) = self.free_place(now) else {
            let why =
                format!("all {} places are taken; camcast --max-clients gives more", self.limits.clients);
            return Err(Refusal { code: RefusalCode::Full, why });
        };
        self.generation = self.generation.wrapping_add(1);
        let id = ClientId { place: place as u16, generation: self.generation };
        let session = Session::new(id, route, remote, agent, dialect, now);
        if let Some(slot) = self.places.get_mut(place) {
            *slot = Some(session);
        }
        Ok(id)
    }

    /// A place that is free, or that somebody has who has never been heard of since joining.
    fn free_place(&mut self, now: Time) -> Option<usize> {
        if let Some(place) = self.places.iter().position(Option::is_none) {
            return Some(place);
        }
        let unproven = self.places.iter().flatten().filter(|session| !session.dialect.is_proven());
        let oldest = unproven.min_by_key(|session| session.since)?.id;
        self.dismiss(oldest, LeaveReason::MadeRoom, now);
        Some(oldest.place())
    }

    /// A datagram on the listening socket: a HELLO, or one that was under way while its client's own socket was made.
    pub fn handle_unknown_peer(&mut self, from: SocketAddr, datagram: &[u8], reel: &Reel, now: Time) {
        let is_known = match FromClient::parse(datagram) {
            Ok(FromClient::Hello(hello)) => self.adopt(&hello, datagram, from, reel, now),
            Ok(message) => {
                let (_, token) = message.session();
                let mut sessions = self.places.iter().flatten();
                let known = sessions.find(|s| s.remote == from && s.dialect.has_token(token)).map(|s| s.id);
                known.is_some_and(|id| self.hear(id, datagram, reel, now))
            }
            Err(_) => false,
        };
        if !is_known {
            self.count_stray();
        }
    }

    fn count_stray(&mut self) {
        self.strays.unknown = self.strays.unknown.saturating_add(1);
    }

    /// A datagram on a client's own socket.
    pub fn handle_datagram(&mut self, client: ClientId, datagram: &[u8], reel: &Reel, now: Time) {
        let Some(session) = self.session(client) else { return };
        let from = session.remote;
        if self.hear(client, datagram, reel, now) {
            return;
        }
        // or the same socket has joined once more
        match FromClient::parse(datagram) {
            Ok(FromClient::Hello(hello)) if self.adopt(&hello, datagram, from, reel, now) => {}
            _ => self.count_stray(),
        }
    }

    /// A HELLO with the token of a prepared session makes it live. False: there is no such session.
    fn adopt(&mut self, hello: &Hello, datagram: &[u8], from: SocketAddr, reel: &Reel, now: Time) -> bool {
        if hello.epoch != self.stream.epoch() {
            return false;
        }
        // video goes to the address that has joined, or to none
        let invited = self.places.iter().flatten().find(|s| s.awaits(hello.token, from));
        let Some(id) = invited.map(|s| s.id) else { return false };
        let twin = self.places.iter().flatten().find(|s| s.remote == from && s.id != id);
        let twin = twin.map(|s| s.id);
        if let Some(old) = twin {
            self.dismiss(old, LeaveReason::Replaced, now);
        }
        let is_return = twin.is_some();
        let Some(session) = self.session(id) else { return false };
        session.adopt(hello, from, now);
        let (kind, local, agent) = (session.kind(), session.route.local, session.agent.take());
        let narrow = hello.narrow.then_some(hello.path_mtu);
        self.outputs.push_back(Output::Open { client: id, local, remote: from, kind, narrow });
        self.outputs.push_back(Output::Event(ClientEvent::Joined { remote: from, kind, agent, is_return }));
        self.hear(id, datagram, reel, now)
    }

    /// A client's datagram. False: it is none of that session's.
    fn hear(&mut self, client: ClientId, datagram: &[u8], reel: &Reel, now: Time) -> bool {
        let answer = self.session(client).and_then(|session| session.handle_datagram(datagram, reel, now));
        let Some(Answer { widen, beat, leave }) = answer else { return false };
        if widen {
            self.outputs.push_back(Output::Widen { client });
        }
        if beat {
            self.send_beat(client, reel, now);
        }
        if let Some((why, end)) = leave {
            if let Some(reason) = end {
                self.send_end(client, reason);
            }
            self.dismiss(client, why, now);
        }
        true
    }

    /// The client's host answered that nobody listens on its port.
    pub fn handle_refused(&mut self, client: ClientId, now: Time) {
        if let Some(why) = self.session(client).and_then(|session| session.handle_refused(now)) {
            self.dismiss(client, why, now);
        }
    }

    /// There is no socket for the client.
    pub fn handle_lost(&mut self, client: ClientId, now: Time) {
        self.dismiss(client, LeaveReason::NoSocket, now);
    }

    /// The client's socket is full, and did not take all of the latest transmit: the shell keeps what is left of it, and nothing
    /// more comes for this client until [`handle_writable`](Self::handle_writable).
    pub fn handle_blocked(&mut self, client: ClientId) {
        if let Some(session) = self.session(client) {
            session.handle_blocked();
        }
    }

    /// A whole frame has gone out as one datagram of `bytes` bytes, which may be fewer than the frame has.
    pub fn handle_whole_sent(&mut self, client: ClientId, bytes: usize) {
        if let Some(session) = self.session(client) {
            session.count_whole(bytes);
        }
    }

    /// The client's socket takes datagrams again, and has taken what was left of the latest transmit; or that has been dropped,
    /// because its frame has left the reel.
    pub fn handle_writable(&mut self, client: ClientId, now: Time) {
        if let Some(session) = self.session(client) {
            session.handle_writable(now);
        }
    }

    /// Frames that clients do not have yet, and can still get; a client that has joined but not said HELLO counts as one.
    /// Zero: each has all that it will ever have.
    pub fn outstanding(&self, reel: &Reel) -> u64 {
        self.places.iter().flatten().map(|session| session.dialect.outstanding(reel)).sum()
    }

    /// Shows this slate to viewers and plain clients from now on, or none, because there is a signal.
    pub fn handle_slate(&mut self, slate: Option<Slate>) {
        self.slate = slate;
    }

    /// Whether anybody is there who would see a slate.
    pub fn has_viewers(&self) -> bool {
        self.places.iter().flatten().any(|session| session.dialect.is_viewer())
    }

    /// Tells every client that the stream ends. [`is_stopped`](Self::is_stopped) says when that is done.
    pub fn handle_stop(&mut self, now: Time) {
        self.stopping = true;
        for place in 0..self.places.len() {
            let Some(Some(session)) = self.places.get_mut(place) else { continue };
            let id = session.id;
            if !session.dialect.leave(now) {
                self.dismiss(id, LeaveReason::Stopping, now);
            }
        }
        self.handle_timeout_without_beats(now);
    }

    /// A deadline of [`next_timeout`](Self::next_timeout) has come.
    pub fn handle_timeout(&mut self, reel: &Reel, now: Time) {
        for place in 0..self.places.len() {
            if let Some((id, Due::Beat)) = self.on_timeout(place, now) {
                self.send_beat(id, reel, now);
            }
        }
    }

    fn handle_timeout_without_beats(&mut self, now: Time) {
        for place in 0..self.places.len() {
            self.on_timeout(place, now);
        }
    }

    fn on_timeout(&mut self, place: usize, now: Time) -> Option<(ClientId, Due)> {
        let slate = self.slate;
        let session = self.places.get_mut(place)?.as_mut()?;
        let id = session.id;
        let due = session.on_timeout(slate, now);
        match due {
            Due::Nothing | Due::Beat => {}
            Due::End(reason) => self.send_end(id, reason),
            Due::Gone => self.dismiss(id, LeaveReason::Stopping, now),
            Due::NoHello => self.dismiss(id, LeaveReason::NoHello, now),
            Due::Silence => {
                self.send_end(id, EndReason::Silence);
                self.dismiss(id, LeaveReason::Silence, now);
            }
        }
        Some((id, due))
    }

    /// The earliest deadline of all clients, and what it is for. Changes with every input, every transmit and every frame in
    /// the reel.
    #[must_use]
    pub fn next_timeout(&self) -> Option<(Time, Wake)> {
        let sessions = self.places.iter().flatten();
        sessions.filter_map(|session| session.next_timeout(self.slate)).min_by_key(|(at, _)| *at)
    }

    /// The next thing for the shell to do. Changes with every input and with [`poll_transmit`](Self::poll_transmit): to be
    /// drained after each input, before that, and again after each transmit.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The next bytes to send, a burst at a time, the clients in turn. Changes with every input, every frame in the reel, every
    /// transmit, and with time as [`next_timeout`](Self::next_timeout) says: to be drained after each of them.
    #[must_use]
    pub fn poll_transmit(&mut self, reel: &Reel, now: Time) -> Option<Transmit> {
        for _ in 0..self.places.len() {
            let place = self.turn;
            self.turn = place.wrapping_add(1).checked_rem(self.places.len()).unwrap_or(0);
            let Some(Some(session)) = self.places.get_mut(place) else { continue };
            let transmit = session.poll_transmit(reel, self.slate, self.limits.burst, now);
            if let Some(transmit) = transmit {
                if session.dialect.take_beat_now() {
                    self.send_beat(transmit.client(), reel, now);
                }
                return Some(transmit);
            }
        }
        None
    }

    fn send_beat(&mut self, client: ClientId, reel: &Reel, now: Time) {
        let (no_camera, _) = self.camera;
        let beat = self.session(client).and_then(|session| session.dialect.beat(reel, no_camera, now));
        self.send(client, beat);
    }

    fn send_end(&mut self, client: ClientId, reason: EndReason) {
        let epoch = self.stream.epoch();
        let end = self.session(client).map(|session| session.dialect.end(epoch, reason));
        self.send(client, end);
    }

    fn send(&mut self, client: ClientId, bytes: Option<Small>) {
        self.outputs.extend(bytes.map(|bytes| Output::Datagram { client, bytes }));
    }

    /// Ends a session; its place is free.
    fn dismiss(&mut self, client: ClientId, reason: LeaveReason, now: Time) {
        let farewell = self.session(client).and_then(|session| session.dialect.farewell(reason));
        self.send(client, farewell);
        if self.session(client).is_none() {
            return;
        }
        let Some(session) = self.places.get_mut(client.place()).and_then(Option::take) else { return };
        let (remote, kind, tally) = (session.remote, session.kind(), session.tally);
        let stay = now.since(session.since);
        self.outputs.push_back(Output::Close { client });
        if session.dialect.is_invited() && reason != LeaveReason::NoHello {
            return;
        }
        self.outputs.push_back(Output::Event(ClientEvent::Left { remote, kind, reason, tally, stay }));
    }

    fn session(&mut self, client: ClientId) -> Option<&mut Session> {
        self.places.get_mut(client.place())?.as_mut().filter(|session| session.id == client)
    }
}

/// A link-local address is nothing without its interface.
fn keep_scope(to: SocketAddr, from: SocketAddr) -> SocketAddr {
    match (to, from) {
        (SocketAddr::V6(mut to), SocketAddr::V6(from)) => {
            to.set_scope_id(from.scope_id());
            SocketAddr::V6(to)
        }
        _ => to,
    }
}
