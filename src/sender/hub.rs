//! All clients: who may come in, whose turn it is, who is dropped.

use super::native::{Due, Native};
use super::plain::Plain;
use super::slate::{Showing, Slate};
use super::{ClientEvent, ClientId, ClientKind, LeaveReason, Output, Route, Tally, Transmit, Wake};
use crate::jpeg::Size;
use crate::reel::Reel;
use crate::reel::cursor::Cursor;
use crate::time::Time;
use crate::wire::client::{Continue, FromClient, Hello};
use crate::wire::join::{Accepted, Join, Policy, Refusal, RefusalCode, Reply};
use crate::wire::plain::{END, Word};
use crate::wire::server::{BEAT_LEN, EndReason, ServerEnd};
use crate::wire::{FrameNumber, StreamId, Token};
use arrayvec::ArrayVec;
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

/// All clients of one stream. See [`cast`](super) for how it is driven.
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

struct Session {
    id: ClientId,
    route: Route,
    /// The client's UDP address; its TCP address until its HELLO.
    remote: SocketAddr,
    since: Time,
    tally: Tally,
    /// The newest frame that it asked for too late.
    gone: Option<FrameNumber>,
    /// Its socket takes nothing at the moment.
    blocked: bool,
    /// Its datagrams are cut by IP.
    narrow: bool,
    refusals: u8,
    agent: Option<String>,
    showing: Showing,
    talk: Dialect,
}

enum Dialect {
    Plain(Plain),
    Native(Box<Native>),
}

impl Session {
    fn kind(&self) -> ClientKind {
        match &self.talk {
            Dialect::Plain(_) => ClientKind::Plain,
            Dialect::Native(native) => ClientKind::Native(native.policy()),
        }
    }

    fn is_invited_with(&self, token: Token) -> bool {
        matches!(&self.talk, Dialect::Native(native) if native.is_invited() && native.token == token)
    }

    /// Something has come from the address that is sent to.
    fn is_proven(&self) -> bool {
        match &self.talk {
            Dialect::Plain(plain) => plain.has_answered(),
            Dialect::Native(native) => !native.is_invited(),
        }
    }

    /// Each frame is counted once, though a client may ask for it until it hears that it is gone.
    fn count_request(&mut self, cont: &Continue, oldest: FrameNumber) {
        for missing in cont.missing.iter().filter(|missing| oldest.is_after(missing.number)) {
            if self.gone.is_none_or(|newest| missing.number.is_after(newest)) {
                self.gone = Some(missing.number);
                self.tally.gone = self.tally.gone.saturating_add(1);
            }
        }
    }

    /// It may be shown a slate, now or later: viewers and plain clients, but no recorder.
    fn is_viewer(&self) -> bool {
        match &self.talk {
            Dialect::Plain(_) => true,
            Dialect::Native(native) => native.policy() == Policy::Newest,
        }
    }

    /// It takes a slate now.
    fn takes_slates(&self, now: Time) -> bool {
        match &self.talk {
            Dialect::Plain(plain) => !plain.is_waiting(),
            Dialect::Native(native) => native.takes_slates(now),
        }
    }

    fn next_timeout(&self, slate: Option<Slate>) -> Option<(Time, Wake)> {
        let slate = slate.filter(|_| !self.blocked && self.is_viewer());
        let slate = slate.map(|slate| (self.showing.due(slate), Wake::Slate));
        self.talk_timeout().into_iter().chain(slate).min_by_key(|(at, _)| *at)
    }

    fn talk_timeout(&self) -> Option<(Time, Wake)> {
        match &self.talk {
            Dialect::Native(native) => Some(native.next_timeout()),
            Dialect::Plain(plain) => {
                let silence = plain.silence_due().map(|at| (at, Wake::Silence));
                let answer = plain.answer_due().map(|at| (at, Wake::Answer));
                silence.into_iter().chain(answer).min_by_key(|(at, _)| *at)
            }
        }
    }
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
            let Some(Some(Session { id, talk: Dialect::Native(native), .. })) = self.places.get(place) else {
                continue;
            };
            if native.is_live() {
                self.send_beat(*id, reel, now);
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
        let talk = Dialect::Native(Box::new(Native::new(token, cursor, now)));
        if let Err(refusal) = self.admit(route, route.remote, join.agent, talk, now) {
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
        talk: Dialect,
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
        let tally = Tally::default();
        let session = Session {
            id,
            route,
            remote,
            since: now,
            tally,
            gone: None,
            blocked: false,
            narrow: false,
            refusals: 0,
            showing: Showing::default(),
            agent,
            talk,
        };
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
        let unproven = self.places.iter().flatten().filter(|session| !session.is_proven());
        let oldest = unproven.min_by_key(|session| session.since)?.id;
        self.dismiss(oldest, LeaveReason::MadeRoom, now);
        Some(oldest.place())
    }

    /// A datagram on the listening socket: a HELLO, or one that was under way while its client's own socket was made.
    pub fn handle_stranger(&mut self, from: SocketAddr, datagram: &[u8], reel: &Reel, now: Time) {
        match FromClient::parse(datagram) {
            Ok(FromClient::Hello(hello)) => {
                if self.adopt(&hello, from, reel, now) {
                    return;
                }
                self.count_stray();
            }
            Ok(message) if message.session().0 == self.stream.epoch() => {
                let token = message.session().1;
                let known = self.places.iter().flatten().find(
                    |s| matches!(&s.talk, Dialect::Native(native) if native.token == token && s.remote == from),
                );
                match known.map(|s| s.id) {
                    Some(id) => self.handle_message(id, message, reel, now),
                    None => self.count_stray(),
                }
            }
            _ => self.count_stray(),
        }
    }

    fn count_stray(&mut self) {
        self.strays.unknown = self.strays.unknown.saturating_add(1);
    }

    /// A datagram on a client's own socket.
    pub fn handle_datagram(&mut self, client: ClientId, datagram: &[u8], reel: &Reel, now: Time) {
        let Some(session) = self.session(client) else { return };
        let from = session.remote;
        if let Dialect::Plain(_) = session.talk {
            if let Some(word) = Word::parse(datagram) {
                return self.handle_word(client, word, now);
            }
        }
        let Ok(message) = FromClient::parse(datagram) else {
            self.count_stray();
            return;
        };
        if self.owns(client, &message) {
            return self.handle_message(client, message, reel, now);
        }
        // Or the same socket has joined anew.
        match message {
            FromClient::Hello(hello) if self.adopt(&hello, from, reel, now) => {}
            _ => self.count_stray(),
        }
    }

    /// True if the message carries the client's own token.
    fn owns(&mut self, client: ClientId, message: &FromClient) -> bool {
        let epoch = self.stream.epoch();
        let Some(Session { talk: Dialect::Native(native), .. }) = self.session(client) else { return false };
        message.session() == (epoch, native.token)
    }

    /// A HELLO with the token of a prepared session makes it live. False: no such session.
    fn adopt(&mut self, hello: &Hello, from: SocketAddr, reel: &Reel, now: Time) -> bool {
        if hello.epoch != self.stream.epoch() {
            return false;
        }
        // Video goes to the address that has joined, or to none.
        let invited = self.places.iter().flatten().find(|s| {
            s.is_invited_with(hello.token) && s.route.remote.ip().to_canonical() == from.ip().to_canonical()
        });
        let Some(id) = invited.map(|s| s.id) else { return false };
        let twin = self.places.iter().flatten().find(|s| s.remote == from && s.id != id);
        let twin = twin.map(|s| s.id);
        if let Some(old) = twin {
            self.dismiss(old, LeaveReason::Replaced, now);
        }
        let is_return = twin.is_some();
        let Some(session) = self.session(id) else { return false };
        session.remote = from;
        session.since = now;
        session.narrow = hello.narrow;
        let (kind, local, agent) = (session.kind(), session.route.local, session.agent.take());
        let narrow = hello.narrow.then_some(hello.path_mtu);
        self.outputs.push_back(Output::Open { client: id, local, remote: from, kind, narrow });
        self.outputs.push_back(Output::Event(ClientEvent::Joined { remote: from, kind, agent, is_return }));
        self.handle_message(id, FromClient::Hello(*hello), reel, now);
        true
    }

    fn handle_message(&mut self, client: ClientId, message: FromClient, reel: &Reel, now: Time) {
        let Some(session) = self.session(client) else { return };
        if let FromClient::Continue(cont) = &message {
            session.count_request(cont, reel.oldest_number());
        }
        let Session { talk: Dialect::Native(native), refusals, tally, narrow, blocked, .. } = session else { return };
        *refusals = 0;
        match message {
            FromClient::Hello(hello) => {
                native.on_hello(hello.stamp, now);
                // padded, and it came in one piece
                if !hello.narrow && std::mem::take(narrow) {
                    self.outputs.push_back(Output::Widen { client });
                }
                self.send_beat(client, reel, now);
            }
            FromClient::Continue(cont) => {
                native.on_continue(&cont, *blocked, reel, now);
                tally.view = native.view();
                if native.take_beat_now() {
                    self.send_beat(client, reel, now);
                }
            }
            FromClient::End(_) => {
                let why = if native.is_leaving() { LeaveReason::Stopping } else { LeaveReason::End };
                self.send_end(client, EndReason::Goodbye);
                self.dismiss(client, why, now);
            }
        }
    }

    fn handle_word(&mut self, client: ClientId, word: Word, now: Time) {
        let Some(Session { talk: Dialect::Plain(plain), refusals, .. }) = self.session(client) else {
            return;
        };
        *refusals = 0;
        match word {
            Word::Continue => plain.on_continue(now),
            Word::End => self.dismiss(client, LeaveReason::End, now),
        }
    }

    /// The client's host answered that nobody listens on its port.
    pub fn handle_refused(&mut self, client: ClientId, now: Time) {
        let Some(session) = self.session(client) else { return };
        session.refusals = session.refusals.saturating_add(1);
        let was_open = match &mut session.talk {
            Dialect::Plain(plain) => plain.on_refused(now),
            // it has heard our END and closed its socket
            Dialect::Native(native) if native.is_leaving() => {
                return self.dismiss(client, LeaveReason::Stopping, now);
            }
            Dialect::Native(_) => true,
        };
        // One may be a stray of an earlier socket on that port.
        if was_open && session.refusals >= 2 {
            self.dismiss(client, LeaveReason::PortClosed, now);
        }
    }

    /// There is no socket for the client.
    pub fn handle_lost(&mut self, client: ClientId, now: Time) {
        self.dismiss(client, LeaveReason::NoSocket, now);
    }

    /// The client's socket is full, and did not take all of the latest transmit: the shell keeps what is left of it, and nothing
    /// more comes for this client until [`handle_writable`](Self::handle_writable).
    pub fn handle_blocked(&mut self, client: ClientId) {
        let Some(session) = self.session(client) else { return };
        session.blocked = true;
        if let Dialect::Native(native) = &mut session.talk {
            native.on_blocked();
        }
    }

    /// A whole frame has gone out as one datagram of so many octets, which may be less than the frame's own.
    pub fn handle_whole_sent(&mut self, client: ClientId, octets: usize) {
        if let Some(session) = self.session(client) {
            let tally = &mut session.tally;
            tally.frames = tally.frames.saturating_add(1);
            tally.datagrams = tally.datagrams.saturating_add(1);
            tally.bytes = tally.bytes.saturating_add(octets as u64);
        }
    }

    /// The client's socket takes datagrams again, and has taken what was left of the latest transmit; or that has been dropped,
    /// because its frame has left the reel.
    pub fn handle_writable(&mut self, client: ClientId, now: Time) {
        let Some(session) = self.session(client) else { return };
        if std::mem::take(&mut session.blocked) {
            if let Dialect::Plain(plain) = &mut session.talk {
                plain.on_unblocked(now);
            }
        }
    }

    /// Frames that clients do not have yet, and can still get; a client that has joined but not said HELLO counts as one.
    /// Zero: each has all that it will ever have.
    pub fn outstanding(&self, reel: &Reel) -> u64 {
        let of = |session: &Session| match &session.talk {
            Dialect::Native(native) => native.outstanding(reel),
            Dialect::Plain(plain) => u64::from(plain.is_waiting() || plain.has_frame(reel)),
        };
        self.places.iter().flatten().map(of).sum()
    }

    /// Shows this slate to viewers and plain clients from now on, or none, because there is a signal.
    pub fn handle_slate(&mut self, slate: Option<Slate>) {
        self.slate = slate;
    }

    /// Whether anybody is there who would see a slate.
    pub fn has_viewers(&self) -> bool {
        self.places.iter().flatten().any(Session::is_viewer)
    }

    /// Tells every client that the stream ends. [`is_stopped`](Self::is_stopped) says when that is done.
    pub fn handle_stop(&mut self, now: Time) {
        self.stopping = true;
        for place in 0..self.places.len() {
            let Some(Some(session)) = self.places.get_mut(place) else { continue };
            let id = session.id;
            match &mut session.talk {
                Dialect::Native(native) if !native.is_invited() => native.leave(EndReason::Stopping, now),
                _ => self.dismiss(id, LeaveReason::Stopping, now),
            }
        }
        self.handle_timeout_without_beats(now);
    }

    /// A deadline of [`next_timeout`](Self::next_timeout) has come.
    pub fn handle_timeout(&mut self, reel: &Reel, now: Time) {
        for place in 0..self.places.len() {
            if self.on_timeout(place, now) == Some(Due::Beat) {
                if let Some(Some(Session { id, .. })) = self.places.get(place) {
                    let id = *id;
                    self.send_beat(id, reel, now);
                }
            }
        }
    }

    fn handle_timeout_without_beats(&mut self, now: Time) {
        for place in 0..self.places.len() {
            self.on_timeout(place, now);
        }
    }

    fn on_timeout(&mut self, place: usize, now: Time) -> Option<Due> {
        let slate = self.slate;
        let session = self.places.get_mut(place)?.as_mut()?;
        let id = session.id;
        if let Some(slate) = slate.filter(|slate| now >= session.showing.due(*slate)) {
            if !session.takes_slates(now) {
                session.showing.postpone(slate, now);
            }
        }
        let due = match &mut session.talk {
            Dialect::Native(native) => native.on_timeout(now),
            Dialect::Plain(plain) => {
                if plain.on_timeout(now) {
                    Due::Silence
                } else {
                    Due::Nothing
                }
            }
        };
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
        Some(due)
    }

    /// The earliest deadline of all clients, and what it is for. Changes with every input and every transmit.
    pub fn next_timeout(&self) -> Option<(Time, Wake)> {
        self.places
            .iter()
            .flatten()
            .filter_map(|session| session.next_timeout(self.slate))
            .min_by_key(|(at, _)| *at)
    }

    /// The next thing for the shell to do. To be drained after each input, before [`poll_transmit`](Self::poll_transmit).
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The next bytes to send, a burst at a time, the clients in turn. To be drained after each input and each frame.
    pub fn poll_transmit(&mut self, reel: &Reel, now: Time) -> Option<Transmit> {
        for _ in 0..self.places.len() {
            let place = self.turn;
            self.turn = place.wrapping_add(1).checked_rem(self.places.len()).unwrap_or(0);
            let Some(Some(session)) = self.places.get_mut(place) else { continue };
            if session.blocked {
                continue;
            }
            let burst = self.limits.burst;
            let next = next_of(session, reel, burst, now);
            if let Some(transmit) = next.or_else(|| next_slate(session, self.slate?, burst, now)) {
                let has_news = match &mut session.talk {
                    Dialect::Native(native) => native.take_beat_now(),
                    Dialect::Plain(_) => false,
                };
                if has_news {
                    self.send_beat(transmit.client(), reel, now);
                }
                return Some(transmit);
            }
        }
        None
    }

    fn send_beat(&mut self, client: ClientId, reel: &Reel, now: Time) {
        let (no_camera, _) = self.camera;
        let Some(Session { talk: Dialect::Native(native), .. }) = self.session(client) else { return };
        let beat = native.beat(reel, no_camera, now).to_bytes();
        self.send(client, &beat);
    }

    fn send_end(&mut self, client: ClientId, reason: EndReason) {
        let epoch = self.stream.epoch();
        match self.session(client).map(|s| &s.talk) {
            Some(Dialect::Native(native)) => {
                let newest = native.newest_sent();
                let end = ServerEnd { epoch, token: native.token, reason, newest }.to_bytes();
                self.send(client, &end);
            }
            Some(Dialect::Plain(_)) => self.send(client, END),
            None => {}
        }
    }

    fn send(&mut self, client: ClientId, bytes: &[u8]) {
        // a BEAT is the longest
        let bytes = bytes.iter().copied().collect::<ArrayVec<u8, BEAT_LEN>>();
        self.outputs.push_back(Output::Datagram { client, bytes });
    }

    /// Ends a session; its place is free. A plain client that we leave is told so, lest it waits for ever.
    fn dismiss(&mut self, client: ClientId, reason: LeaveReason, now: Time) {
        if reason == LeaveReason::Stopping {
            if let Some(Session { talk: Dialect::Plain(_), .. }) = self.session(client) {
                self.send(client, END);
            }
        }
        let Some(session) = self.places.get_mut(client.place()).and_then(Option::take) else { return };
        let (remote, kind, tally) = (session.remote, session.kind(), session.tally);
        let stay = now.since(session.since);
        self.outputs.push_back(Output::Close { client });
        let never_came = matches!(&session.talk, Dialect::Native(native) if native.is_invited());
        if never_came && reason != LeaveReason::NoHello {
            return;
        }
        self.outputs.push_back(Output::Event(ClientEvent::Left { remote, kind, reason, tally, stay }));
    }

    fn session(&mut self, client: ClientId) -> Option<&mut Session> {
        self.places.get_mut(client.place())?.as_mut().filter(|session| session.id == client)
    }
}

fn next_of(session: &mut Session, reel: &Reel, burst: u16, now: Time) -> Option<Transmit> {
    let client = session.id;
    match &mut session.talk {
        Dialect::Native(native) => {
            let (number, fragments, again) = native.next_train(reel, burst, &mut session.tally, now)?;
            Some(Transmit::Train { client, number, fragments, again })
        }
        Dialect::Plain(plain) => {
            let number = plain.next_frame(reel, &mut session.tally, now)?;
            Some(Transmit::Whole { client, number })
        }
    }
}

fn next_slate(session: &mut Session, slate: Slate, burst: u16, now: Time) -> Option<Transmit> {
    if !session.is_viewer() || !session.takes_slates(now) {
        return None;
    }
    let (client, number) = (session.id, slate.number);
    match &mut session.talk {
        Dialect::Native(_) => {
            let fragments = session.showing.next_train(slate, burst, now)?;
            Some(Transmit::Slate { client, number, fragments: Some(fragments) })
        }
        Dialect::Plain(plain) => {
            session.showing.next_train(slate, slate.fragments, now)?;
            plain.on_sent(now);
            Some(Transmit::Slate { client, number, fragments: None })
        }
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
