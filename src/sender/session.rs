//! One client, whatever it speaks: where it is, what it got, and whether its socket takes anything.

use super::answer::{Answer, Due};
use super::dialect::Dialect;
use super::slate::{Showing, Slate};
use super::{ClientId, ClientKind, LeaveReason, Route, Tally, Transmit, Wake};
use crate::reel::Reel;
use crate::time::Time;
use crate::wire::Token;
use crate::wire::client::Hello;
use std::net::SocketAddr;

/// The client's host has to say this often that its port is closed: one may be a stray of an earlier socket on that port.
const REFUSALS: u8 = 2;

pub(super) struct Session {
    pub(super) id: ClientId,
    pub(super) route: Route,
    /// The client's UDP address; its TCP address until its HELLO.
    pub(super) remote: SocketAddr,
    pub(super) since: Time,
    pub(super) tally: Tally,
    pub(super) agent: Option<String>,
    pub(super) dialect: Dialect,
    /// Its socket is full, and the shell keeps what that did not take.
    blocked: bool,
    refusals: u8,
    showing: Showing,
}

impl Session {
    pub(super) fn new(
        id: ClientId,
        route: Route,
        remote: SocketAddr,
        agent: Option<String>,
        dialect: Dialect,
        now: Time,
    ) -> Self {
        Session {
            id,
            route,
            remote,
            since: now,
            tally: Tally::default(),
            agent,
            dialect,
            blocked: false,
            refusals: 0,
            showing: Showing::default(),
        }
    }

    pub(super) fn kind(&self) -> ClientKind {
        self.dialect.kind()
    }

    /// It waits for the HELLO with this token, from the host that has joined.
    pub(super) fn awaits(&self, token: Token, from: SocketAddr) -> bool {
        self.dialect.is_invited()
            && self.dialect.has_token(token)
            && self.route.remote.ip().to_canonical() == from.ip().to_canonical()
    }

    /// That HELLO has come.
    pub(super) fn adopt(&mut self, hello: &Hello, from: SocketAddr, now: Time) {
        self.remote = from;
        self.since = now;
        self.dialect.on_adopted(hello);
    }

    /// A datagram from its address. `None`: it is not in its language, or of another session.
    pub(super) fn handle_datagram(&mut self, datagram: &[u8], reel: &Reel, now: Time) -> Option<Answer> {
        let answer = self.dialect.handle_datagram(datagram, self.blocked, reel, &mut self.tally, now)?;
        self.refusals = 0;
        Some(answer)
    }

    /// The client's host answered that nobody listens on its port. Some: so it is gone.
    pub(super) fn handle_refused(&mut self, now: Time) -> Option<LeaveReason> {
        self.refusals = self.refusals.saturating_add(1);
        if self.dialect.is_leaving() {
            // it has heard our END and closed its socket
            return Some(LeaveReason::Stopping);
        }
        let was_open = self.dialect.on_refused(now);
        (was_open && self.refusals >= REFUSALS).then_some(LeaveReason::PortClosed)
    }

    /// Nothing is to be sent until [`handle_writable`](Self::handle_writable).
    pub(super) fn handle_blocked(&mut self) {
        self.blocked = true;
        self.dialect.on_blocked();
    }

    pub(super) fn handle_writable(&mut self, now: Time) {
        if std::mem::take(&mut self.blocked) {
            self.dialect.on_unblocked(now);
        }
    }

    /// A whole frame has gone out as one datagram of `bytes` bytes.
    pub(super) fn count_whole(&mut self, bytes: usize) {
        let tally = &mut self.tally;
        tally.frames = tally.frames.saturating_add(1);
        tally.datagrams = tally.datagrams.saturating_add(1);
        tally.bytes = tally.bytes.saturating_add(bytes as u64);
    }

    /// The next bytes to send, `burst` datagrams at most; and of a slate, if there is nothing else. Changes as
    /// [`Dialect::poll_transmit`] says, and with blocked and writable.
    #[must_use]
    pub(super) fn poll_transmit(
        &mut self,
        reel: &Reel,
        slate: Option<Slate>,
        burst: u16,
        now: Time,
    ) -> Option<Transmit> {
        if self.blocked {
            return None;
        }
        let transmit = self.dialect.poll_transmit(self.id, reel, burst, &mut self.tally, now);
        transmit.or_else(|| self.dialect.poll_slate(self.id, slate?, &mut self.showing, burst, now))
    }

    pub(super) fn on_timeout(&mut self, slate: Option<Slate>, now: Time) -> Due {
        if let Some(slate) = slate.filter(|slate| now >= self.showing.due(*slate)) {
            if !self.dialect.takes_slates(now) {
                self.showing.postpone(slate, now);
            }
        }
        self.dialect.on_timeout(now)
    }

    /// The earliest deadline, and what it is for. Changes with every input and every transmit, and with the slate.
    #[must_use]
    pub(super) fn next_timeout(&self, slate: Option<Slate>) -> Option<(Time, Wake)> {
        let slate = slate.filter(|_| !self.blocked && self.dialect.is_viewer());
        let slate = slate.map(|slate| (self.showing.due(slate), Wake::Slate));
        self.dialect.next_timeout().into_iter().chain(slate).min_by_key(|(at, _)| *at)
    }
}
