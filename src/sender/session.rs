//! One client, whatever it speaks: where it is, what it got, and whether its socket takes anything.

use super::answer::{Answer, Due};
use super::dialect::Dialect;
use super::line::Line;
use super::parity::Parity;
use super::slate::{Showing, Slate};
use super::{ClientId, ClientKind, LeaveReason, REFUSED_SILENCE, Tally, Transmit, Wake};
use crate::admission::places::{Held, Party};
use crate::reel::Reel;
use crate::time::Time;
use crate::wire::client::Hello;
use std::net::SocketAddr;

/// The client's host has to say this often that its port is closed: one may be a stray of an earlier socket on that port.
const REFUSALS: u8 = 2;

pub(super) struct Session {
    pub(super) id: ClientId,
    /// The client's UDP address.
    pub(super) remote: SocketAddr,
    pub(super) since: Time,
    pub(super) tally: Tally,
    /// It has acknowledged a frame.
    pub(super) has_proved: bool,
    pub(super) dialect: Dialect,
    /// Its socket is full, and the shell keeps what that did not take.
    blocked: bool,
    refusals: u8,
    /// When it last said something.
    pub(super) heard: Time,
    showing: Showing,
}

impl Session {
    pub(super) fn new(id: ClientId, remote: SocketAddr, dialect: Dialect, now: Time) -> Self {
        Session {
            id,
            remote,
            since: now,
            tally: Tally::default(),
            has_proved: false,
            dialect,
            blocked: false,
            refusals: 0,
            heard: now,
            showing: Showing::default(),
        }
    }

    pub(super) fn kind(&self) -> ClientKind {
        self.dialect.kind()
    }

    /// Whose it is.
    pub(super) fn party(&self) -> Party {
        Party::of(self.remote.ip())
    }

    /// The place that it has.
    pub(super) fn held(&self, now: Time) -> Held {
        Held { party: self.party(), standing: self.dialect.standing(now), since: self.since }
    }

    /// It records, and nothing has been heard of it for a while; if its host has not said that it is gone, only `is_back` tells
    /// that it is.
    pub(super) fn is_torn_away(&self, is_back: bool, now: Time) -> bool {
        self.dialect.is_torn_away(now) && (is_back || self.refusals > 0)
    }

    /// Its HELLO has come, and will be handed in next.
    pub(super) fn on_adopted(&mut self, hello: &Hello) {
        self.dialect.on_adopted(hello);
    }

    /// A datagram from its address. `None`: it is not in its language, or of another session.
    pub(super) fn handle_datagram(&mut self, datagram: &[u8], reel: &Reel, now: Time) -> Option<Answer> {
        let answer = self.dialect.handle_datagram(datagram, self.blocked, reel, &mut self.tally, now)?;
        (self.refusals, self.heard) = (0, now);
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
        let is_so = self.refusals >= REFUSALS && now >= self.heard.after(REFUSED_SILENCE);
        (was_open && is_so).then_some(LeaveReason::PortClosed)
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

    /// What was handed out last has not been sent, and never will be.
    pub(super) fn handle_not_sent(&mut self, now: Time) {
        self.handle_writable(now);
        self.dialect.on_not_sent();
    }

    /// A whole frame has gone out as one datagram of `bytes` bytes.
    pub(super) fn count_whole(&mut self, bytes: usize) {
        let tally = &mut self.tally;
        tally.frames = tally.frames.saturating_add(1);
        tally.datagrams = tally.datagrams.saturating_add(1);
        tally.bytes = tally.bytes.saturating_add(bytes as u64);
    }

    /// The next bytes to send, one system call's at most; and of a slate, if there is nothing else. Changes as
    /// [`Dialect::poll_transmit`] says, and with blocked and writable.
    #[must_use]
    pub(super) fn poll_transmit(
        &mut self,
        reel: &Reel,
        line: &mut Line,
        parity: &mut Parity,
        slate: Option<Slate>,
        now: Time,
    ) -> Option<Transmit> {
        if self.blocked {
            return None;
        }
        let transmit = self.dialect.poll_transmit(self.id, reel, line, parity, &mut self.tally, now);
        transmit.or_else(|| self.dialect.poll_slate(self.id, slate?, &mut self.showing, line.call, now))
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
