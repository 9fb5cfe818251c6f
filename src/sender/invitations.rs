//! Those who have joined over TCP, and whose HELLO is awaited: they have no place yet. Whoever joins without end and never says HELLO
//! fills this room with his own, and takes nobody's place.

use super::Route;
use crate::admission::places::{Held, Party, Standing, who_goes};
use crate::reel::cursor::Cursor;
use crate::time::Time;
use crate::wire::Token;
use std::net::SocketAddr;
use std::time::Duration;

/// So many at once.
const MOST: usize = 64;

/// One is forgotten if no HELLO has come by then.
const HELLO_WAIT: Duration = Duration::from_secs(5);

pub(super) struct Invitation {
    pub(super) token: Token,
    pub(super) route: Route,
    pub(super) agent: Option<String>,
    pub(super) cursor: Cursor,
    pub(super) parity: bool,
    pub(super) since: Time,
    /// It records, and comes back to this stream.
    pub(super) is_back: bool,
    /// How often it was told that there is no place for it.
    pub(super) told: u8,
}

impl Invitation {
    pub(super) fn party(&self) -> Party {
        Party::of(self.route.remote.ip())
    }

    fn is_of(&self, token: Token, from: SocketAddr) -> bool {
        self.token == token && self.route.remote.ip().to_canonical() == from.ip().to_canonical()
    }
}

/// The oldest first.
pub(super) struct Invitations(Vec<Invitation>);

impl Invitations {
    pub(super) fn new() -> Self {
        Invitations(Vec::with_capacity(MOST))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// One with this token is here.
    pub(super) fn has(&self, token: Token) -> bool {
        self.0.iter().any(|invitation| invitation.token == token)
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// One more; another one may have to go.
    pub(super) fn enter(&mut self, invitation: Invitation) {
        if self.0.len() >= MOST {
            let held =
                |it: &Invitation| Held { party: it.party(), standing: Standing::Idle, since: it.since };
            let all: Vec<_> = self.0.iter().map(held).enumerate().collect();
            let going = who_goes(&all, invitation.party()).unwrap_or(0);
            if going < self.0.len() {
                self.0.remove(going);
            }
        }
        self.0.push(invitation);
    }

    /// The one of this token, if that is said by the host that has joined.
    pub(super) fn find(&mut self, token: Token, from: SocketAddr) -> Option<&mut Invitation> {
        self.0.iter_mut().find(|it| it.is_of(token, from))
    }

    /// The same, which is no longer one.
    pub(super) fn take(&mut self, token: Token, from: SocketAddr) -> Option<Invitation> {
        let at = self.0.iter().position(|it| it.is_of(token, from))?;
        Some(self.0.remove(at))
    }

    /// One whose HELLO has not come. To be called until there is none.
    pub(super) fn take_expired(&mut self, now: Time) -> Option<Invitation> {
        let is_over = self.0.first().is_some_and(|it| now >= it.since.after(HELLO_WAIT));
        is_over.then(|| self.0.remove(0))
    }

    pub(super) fn next_timeout(&self) -> Option<Time> {
        self.0.first().map(|it| it.since.after(HELLO_WAIT))
    }
}
