//! Who gets the stream and what has gone to each, as the outlets saw it a second ago: for `/state` and `/metrics`.

use crate::sender::{ClientKind, Tally};
use crate::sys::connection::Remote;
use crate::time::Time;
use crate::wire::join::Policy;
use std::fmt;
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
    /// By RTSP.
    Rtsp(Carrier),
}

/// What carries the packets of RTSP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// Datagrams.
    Udp,
    /// The connection.
    Tcp,
    /// Datagrams for all who listen.
    Multicast,
}

impl Way {
    /// Each of them.
    pub const ALL: [Way; 7] = [
        Way::Udp(ClientKind::Native(Policy::Every)),
        Way::Udp(ClientKind::Native(Policy::Newest)),
        Way::Udp(ClientKind::Plain),
        Way::Http,
        Way::Rtsp(Carrier::Udp),
        Way::Rtsp(Carrier::Tcp),
        Way::Rtsp(Carrier::Multicast),
    ];

    /// Its place among them.
    pub fn place(self) -> usize {
        Way::ALL.iter().position(|way| *way == self).unwrap_or(0)
    }

    /// The outlet, and what kind of client it is there; for programs.
    pub fn labels(self) -> (&'static str, &'static str) {
        match self {
            Way::Udp(ClientKind::Native(Policy::Every)) => ("udp", "recorder"),
            Way::Udp(ClientKind::Native(Policy::Newest)) => ("udp", "viewer"),
            Way::Udp(ClientKind::Plain) => ("udp", "plain"),
            Way::Http => ("http", "viewer"),
            Way::Rtsp(Carrier::Udp) => ("rtsp", "udp"),
            Way::Rtsp(Carrier::Tcp) => ("rtsp", "tcp"),
            Way::Rtsp(Carrier::Multicast) => ("rtsp", "multicast"),
        }
    }
}

/// As the log has it.
impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Way::Udp(kind) => kind.fmt(f),
            Way::Http => f.write_str("HTTP"),
            Way::Rtsp(Carrier::Udp) => f.write_str("RTSP, UDP"),
            Way::Rtsp(Carrier::Tcp) => f.write_str("RTSP, TCP"),
            Way::Rtsp(Carrier::Multicast) => f.write_str("RTSP, multicast"),
        }
    }
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
    fn each_way_has_a_place_and_labels_of_its_own() {
        let labels: std::collections::BTreeSet<_> = Way::ALL.iter().map(|way| way.labels()).collect();
        assert_eq!(labels.len(), Way::ALL.len());
        assert!(Way::ALL.iter().enumerate().all(|(place, way)| way.place() == place));
    }

    #[test]
    fn it_is_looked_once_a_second() {
        let mut look = Look::default();
        let due: Vec<u64> = (0..3000).filter(|ms| look.is_due(Time::from_millis(9_000 + ms))).collect();
        assert_eq!(due, [0, 1000, 2000]);
    }
}
