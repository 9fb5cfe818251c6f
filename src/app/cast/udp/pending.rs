//! Connections that have not said yet what they want: few, and not for long.

use crate::sender::Route;
use crate::sender::greeting::{Greeting, GreetingError, Request};
use crate::sys::tcp::{self, Heard};
use crate::time::Time;
use arrayvec::ArrayVec;
use std::net::TcpStream;

/// Pending joins; with one more the oldest has to go.
pub const PLACES: usize = 16;

/// The waiting connections, oldest first.
#[derive(Default)]
pub struct Pending {
    guests: ArrayVec<PendingJoin, PLACES>,
}

/// A connection.
pub struct PendingJoin {
    /// The connection.
    pub stream: TcpStream,
    /// Its two ends.
    pub route: Route,
    greeting: Greeting,
}

/// A connection that has said what it wants, or never will.
pub type Verdict = (PendingJoin, Result<Request, GreetingError>);

impl Pending {
    /// A fresh connection. Returns the one that had to make room.
    pub fn enter(&mut self, stream: TcpStream, route: Route, now: Time) -> Option<PendingJoin> {
        let evicted = self.guests.is_full().then(|| self.guests.remove(0));
        self.guests.push(PendingJoin { stream, route, greeting: Greeting::new(now) });
        evicted
    }

    /// The connections to poll, in order.
    pub fn streams(&self) -> impl Iterator<Item = &TcpStream> {
        self.guests.iter().map(|guest| &guest.stream)
    }

    /// Connection `at` can be read.
    pub fn handle_readable(&mut self, at: usize, now: Time) -> Option<Verdict> {
        let guest = self.guests.get_mut(at)?;
        let mut bytes = [0; 512];
        let verdict = match tcp::read(&guest.stream, &mut bytes) {
            Heard::Nothing => Ok(None),
            Heard::Bytes(count) => guest.greeting.handle_bytes(&bytes[..count], now),
            Heard::Closed => guest.greeting.handle_eof().map(Some),
        };
        self.leave(at, verdict)
    }

    /// Deadlines have come. To be called until there is no verdict.
    pub fn handle_timeout(&mut self, now: Time) -> Option<Verdict> {
        (0..self.guests.len()).find_map(|at| {
            let verdict = self.guests.get(at)?.greeting.handle_timeout(now);
            self.leave(at, verdict)
        })
    }

    fn leave(&mut self, at: usize, verdict: Result<Option<Request>, GreetingError>) -> Option<Verdict> {
        let verdict = verdict.transpose()?;
        Some((self.guests.remove(at), verdict))
    }

    /// The earliest deadline.
    pub fn next_timeout(&self) -> Time {
        self.guests.iter().map(|guest| guest.greeting.next_timeout()).min().unwrap_or(Time::NEVER)
    }
}
