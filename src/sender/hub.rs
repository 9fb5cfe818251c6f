//! All clients: whose turn it is, who is dropped.

use super::answer::{Answer, Due};
use super::entrance::Entrance;
use super::line::Line;
use super::parity::Parity;
use super::session::Session;
use super::{ClientEvent, ClientId, ClientKind, LeaveReason, Output, Slate, Small, Tally, Transmit, Wake};
use crate::admission::places::Party;
use crate::fec::Encoder;
use crate::jpeg::Size;
use crate::reel::{Reel, Train};
use crate::time::Time;
use crate::wire::client::FromClient;
use crate::wire::join::Policy;
use crate::wire::server::EndReason;
use crate::wire::{FrameNumber, StreamId, Token};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// Joins of one address at once that prove nothing: all clients of a house.
pub const JOINS: u16 = 64;

/// What the hub may use up.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Clients at once, of both kinds.
    pub clients: u16,
    /// Joins of one address at once that prove nothing; a sixteenth of them leaks away a second.
    pub joins: u16,
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
    pub(super) limits: Limits,
    pub(super) stream: StreamId,
    pub(super) places: Vec<Option<Session>>,
    pub(super) generation: u32,
    pub(super) outputs: VecDeque<Output>,
    pub(super) entrance: Entrance,
    /// The place that is asked next for something to send.
    turn: usize,
    /// The camera delivers nothing; and the size of the newest frame. All native clients have been told.
    pub(super) camera: (bool, Option<Size>),
    slate: Option<Slate>,
    line: Line,
    parity: Parity,
    pub(super) stopping: bool,
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
            entrance: Entrance::new(limits.clients, limits.joins),
            turn: 0,
            camera: (false, None),
            slate: None,
            line: Line::new(limits.burst),
            parity: Parity::new(),
            stopping: false,
            strays: Strays::default(),
        }
    }

    /// Clients that are here, and those whose HELLO is awaited.
    pub fn clients(&self) -> usize {
        self.places.iter().flatten().count().saturating_add(self.entrance.invitations.len())
    }

    /// Each client that gets the stream: where it is, what it is, since when, and what has gone to it.
    pub fn each_client(&self) -> impl Iterator<Item = (SocketAddr, ClientKind, Time, Tally)> {
        self.places
            .iter()
            .flatten()
            .map(|session| (session.remote, session.kind(), session.since, session.tally))
    }

    /// The client that has said HELLO with this token.
    pub fn client_of(&self, token: Token) -> Option<ClientId> {
        let mut here = self.places.iter().flatten();
        here.find(|session| session.dialect.has_token(token)).map(|session| session.id)
    }

    /// The HELLO with this token is awaited.
    pub fn awaits(&self, token: Token) -> bool {
        self.entrance.invitations.has(token)
    }

    /// A datagram has come that is nobody's, whatever it says.
    pub fn handle_stray(&mut self) {
        self.count_stray();
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
        let sessions = self.places.iter().flatten();
        self.line.share_among(sessions.filter_map(|session| session.dialect.turn()));
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

    /// A client's datagram. False: it is none of that session's.
    pub(super) fn hear(&mut self, client: ClientId, datagram: &[u8], reel: &Reel, now: Time) -> bool {
        let answer = self.session(client).and_then(|session| session.handle_datagram(datagram, reel, now));
        let Some(Answer { widen, narrow, beat, leave }) = answer else { return false };
        self.on_proof(client, now);
        if widen {
            self.outputs.push_back(Output::Widen { client });
        }
        if narrow {
            self.outputs.push_back(Output::Narrow { client });
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

    /// Something said that the client's path does not take our datagrams whole. That is true if they do not arrive, and then
    /// [`Output::Narrow`] says so.
    pub fn handle_too_large(&mut self, client: ClientId, now: Time) {
        if let Some(session) = self.session(client) {
            session.dialect.on_too_large(now);
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

    /// Nothing of the latest transmit has been sent, and never will be: the system did not take it, or its frame cannot be shrunk or
    /// has left the reel. Nothing waits for the socket after that.
    pub fn handle_not_sent(&mut self, client: ClientId, now: Time) {
        if let Some(session) = self.session(client) {
            session.handle_not_sent(now);
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
        let here = self.places.iter().flatten().map(|session| session.dialect.outstanding(reel));
        here.fold(self.entrance.invitations.len() as u64, u64::saturating_add)
    }

    /// Shows this slate to viewers and plain clients from now on, or none, because there is a signal.
    pub fn handle_slate(&mut self, slate: Option<Slate>) {
        self.slate = slate;
    }

    /// From now on viewers that take them get parity rows for what they miss. [`Output::MakeEncoder`] has asked for it.
    pub fn handle_encoder(&mut self, encoder: Encoder) {
        self.parity.set_encoder(encoder);
    }

    /// The parity rows of that frame, as datagrams. None: it is no longer among the latest that somebody lacked something of.
    pub fn parity(&self, number: FrameNumber) -> Option<Train<'_>> {
        self.parity.train(number)
    }

    /// Whether anybody is there who would see a slate.
    pub fn has_viewers(&self) -> bool {
        self.places.iter().flatten().any(|session| session.dialect.is_viewer())
    }

    /// Tells every client that the stream ends. [`is_stopped`](Self::is_stopped) says when that is done.
    pub fn handle_stop(&mut self, now: Time) {
        self.stopping = true;
        self.entrance.invitations.clear();
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
        self.expire_invitations(now);
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
        let sessions = sessions.filter_map(|session| session.next_timeout(self.slate));
        let hello = self.entrance.invitations.next_timeout().map(|at| (at, Wake::Hello));
        sessions.chain(hello).min_by_key(|(at, _)| *at)
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
            let transmit = session.poll_transmit(reel, &mut self.line, &mut self.parity, self.slate, now);
            if self.parity.wants_encoder() {
                self.outputs.push_back(Output::MakeEncoder);
            }
            if let Some(transmit) = transmit {
                if session.dialect.take_beat_now() {
                    self.send_beat(transmit.client(), reel, now);
                }
                return Some(transmit);
            }
        }
        None
    }

    pub(super) fn send_beat(&mut self, client: ClientId, reel: &Reel, now: Time) {
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
    pub(super) fn dismiss(&mut self, client: ClientId, reason: LeaveReason, now: Time) {
        let epoch = self.stream.epoch();
        let farewell = self.session(client).and_then(|session| session.dialect.farewell(epoch, reason));
        self.send(client, farewell);
        if self.session(client).is_none() {
            return;
        }
        let Some(session) = self.places.get_mut(client.place()).and_then(Option::take) else { return };
        let (remote, kind, tally) = (session.remote, session.kind(), session.tally);
        let was_torn_away = matches!(reason, LeaveReason::Silence | LeaveReason::PortClosed);
        let is_back = self.has_recorder_since(session.heard, session.party());
        if was_torn_away && session.has_proved && kind == ClientKind::Native(Policy::Every) && !is_back {
            self.entrance.kept.keep(session.party(), now);
        }
        let stay = now.since(session.since);
        self.outputs.push_back(Output::Close { client, reason });
        self.outputs.push_back(Output::Event(ClientEvent::Left { remote, kind, reason, tally, stay }));
    }

    fn has_recorder_since(&self, when: Time, party: Party) -> bool {
        let here = self.places.iter().flatten();
        let mut recorders = here.filter(|session| session.kind() == ClientKind::Native(Policy::Every));
        recorders.any(|session| session.party() == party && session.since > when)
    }

    pub(super) fn session(&mut self, client: ClientId) -> Option<&mut Session> {
        self.places.get_mut(client.place())?.as_mut().filter(|session| session.id == client)
    }
}
