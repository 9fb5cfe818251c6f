//! Who gets the stream and what has gone to each, as the outlets saw it a second ago: for `/state` and `/metrics`.

use crate::sender::{ClientKind, Tally};
use crate::sys::connection::Remote;
use crate::time::Time;
use std::time::Duration;

/// This often.
const INTERVAL: Duration = Duration::from_secs(1);

/// Room for all clients of all outlets, so that nothing is allocated while it goes.
const ROOM: usize = 192;

/// How the stream goes to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By UDP.
    Udp(ClientKind),
    /// By HTTP.
    Http,
    /// By RTSP, in a way of this name.
    Rtsp(&'static str),
}

/// One who gets the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// Where it is.
    pub remote: Remote,
    /// How the stream goes to it.
    pub way: Way,
    /// Since when.
    pub since: Time,
    /// What has gone to it.
    pub tally: Tally,
}

/// All of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    clients: Vec<Client>,
}

impl Default for Seen {
    fn default() -> Self {
        Seen { clients: Vec::with_capacity(ROOM) }
    }
}

impl Seen {
    /// Each of them.
    pub fn clients(&self) -> &[Client] {
        &self.clients
    }

    /// One has left, who has come then: several may come through one socket file.
    pub fn forget(&mut self, remote: Remote, since: Option<Time>) {
        let is_it =
            |client: &Client| client.remote == remote && since.is_none_or(|since| since == client.since);
        if let Some(at) = self.clients.iter().position(is_it) {
            self.clients.swap_remove(at);
        }
    }

    /// An outlet has these now, in place of those that it had; `is_own` tells its clients from others'.
    pub fn renew(&mut self, is_own: impl Fn(Way) -> bool, clients: impl Iterator<Item = Client>) {
        self.clients.retain(|client| !is_own(client.way));
        let room = ROOM - self.clients.len().min(ROOM);
        self.clients.extend(clients.take(room));
    }
}

/// When an outlet is to look again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Look(Time);

impl Look {
    /// It is time; the next time is a second later.
    pub fn is_due(&mut self, now: Time) -> bool {
        let is_due = now >= self.0;
        if is_due {
            self.0 = now.after(INTERVAL);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outlet_renews_its_own_and_nothing_is_allocated() {
        let mut seen = Seen::default();
        let client =
            |way| Client { remote: Remote::Local, way, since: Time::default(), tally: Tally::default() };
        let is_http = |way| way == Way::Http;
        seen.renew(|way| !is_http(way), [client(Way::Udp(ClientKind::Plain))].into_iter());
        for count in [3, 1, 500] {
            seen.renew(is_http, (0..count).map(|_| client(Way::Http)));
            let ways: Vec<bool> = seen.clients().iter().map(|client| is_http(client.way)).collect();
            assert_eq!(ways.len(), (count + 1).min(ROOM));
            assert_eq!(ways.iter().filter(|http| !**http).count(), 1);
        }
        assert_eq!(seen.clients.capacity(), ROOM);
    }

    #[test]
    fn of_those_who_share_a_socket_file_the_right_one_is_forgotten() {
        let mut seen = Seen::default();
        let client = |ms| Client {
            remote: Remote::Local,
            way: Way::Http,
            since: Time::from_millis(ms),
            tally: Tally::default(),
        };
        seen.renew(|_| true, [1, 2, 3].map(client).into_iter());
        seen.forget(Remote::Local, Some(Time::from_millis(2)));
        seen.forget(Remote::Local, Some(Time::from_millis(4)));
        assert_eq!(seen.clients(), [client(1), client(3)]);
        seen.forget(Remote::Local, None);
        assert_eq!(seen.clients(), [client(3)]);
    }

    #[test]
    fn it_is_looked_once_a_second() {
        let mut look = Look::default();
        let due: Vec<u64> = (0..3000).filter(|ms| look.is_due(Time::from_millis(9_000 + ms))).collect();
        assert_eq!(due, [0, 1000, 2000]);
    }
}
