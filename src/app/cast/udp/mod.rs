//! The UDP outlet: our own protocol and the original one.
//!
//! Lives here: the sockets of both, connections that have not said yet what they want, and what it takes to get a burst
//! out. May not live here: who gets what and when, which the [hub](crate::sender::Hub) says; frames, which stay in the reel.
//!
//! | module | what |
//! |---|---|
//! | [`listener`] | the addresses that are listened on |
//! | [`pending`] | connections that have not said yet what they want |
//! | `joining` | from a connection to a client, or to a refusal |
//! | [`client`] | one client's socket |
//! | `sealed` | what is opened before the hub sees it, and sealed behind it |
//! | `sending` | what the hub asks for is done, and what it has to send goes out |
//! | `making` | the encoder of parity rows, made beside the loop |
//! | [`shrunk`] | frames made to fit a plain client's one datagram |

pub mod client;
mod joining;
pub mod listener;
mod making;
pub mod pending;
mod sealed;
mod sending;
pub mod shrunk;

use super::config::{Config, MAX_CLIENTS, MAX_LISTEN};
use super::news::{Demand, News};
use super::outlet::{Budget, Outlet, Shared};
use super::poll_set::{PollSet, Ready, Seat};
use super::seen::{self, Look, Way};
use super::stream::Stream;
use crate::app::exit::ExitError;
use crate::sender::hub::{Hub, Limits};
use crate::sys::connection::Remote;
use crate::sys::udp::{self, Received};
use crate::time::Time;
use crate::wire::client::MAX_CONTINUE_LEN;
use client::{Client, DATAGRAMS_A_TURN};
use listener::Listener;
use making::Making;
use nix::errno::Errno;
use pending::Pending;
use sealed::Sealed;
use shrunk::Shrunk;
use std::net::SocketAddr;
use std::os::fd::AsFd;

/// The longest datagram that a client may send; what is longer is malformed, and cut.
const DATAGRAM_ROOM: usize = if MAX_CONTINUE_LEN > 2048 { MAX_CONTINUE_LEN } else { 2048 };

/// Kinds of [seats](Seat): a listener's TCP socket and its UDP socket, a pending join, a client.
const JOINS: u8 = 0;
const UNKNOWN_PEERS: u8 = 1;
const PENDING: u8 = 2;
const CLIENT: u8 = 3;

/// The outlet.
pub struct Udp {
    listeners: Vec<Listener>,
    accept_after: Time,
    pending: Pending,
    clients: Vec<Option<Client>>,
    hub: Hub,
    /// None: in the open.
    sealed: Option<Sealed>,
    /// Bytes of UDP payload in a full datagram.
    datagram: u16,
    shrunk: Shrunk,
    /// While it is being made.
    encoder: Option<Making>,
    gso: bool,
    dscp: Option<u8>,
    /// Datagrams from where nobody may come in.
    shut_out: u64,
    is_away: bool,
    stopping: bool,
    look: Look,
}

/// What it polls at the most: two sockets an address, each pending join and each client.
pub const POLLS_MOST: usize = 2 * MAX_LISTEN + pending::PLACES + MAX_CLIENTS as usize;

impl Udp {
    /// Opens the addresses that are listened on.
    ///
    /// # Errors
    /// One line and its exit code.
    pub fn open(config: &Config, stream: &Stream) -> Result<Self, ExitError> {
        let key = config.key.clone().map(|key| Sealed::new(key, &stream.reel, config.max_clients));
        let listeners = config.listen.iter().map(Listener::open).collect::<Result<Vec<_>, _>>()?;
        if config.key.is_none() {
            listener::tell_whom(&listeners, &config.rules.allow);
        }
        let burst = udp::MAX_SEGMENTS.min(udp::MAX_SEND / usize::from(config.datagram)) as u16;
        Ok(Udp {
            listeners,
            accept_after: Time::default(),
            pending: Pending::default(),
            clients: (0..config.max_clients).map(|_| None).collect(),
            hub: Hub::new(Limits { clients: config.max_clients, joins: config.max_joins, burst }, stream.id),
            sealed: key.transpose()?,
            datagram: config.datagram,
            shrunk: Shrunk::default(),
            encoder: None,
            gso: true,
            dscp: config.dscp,
            shut_out: 0,
            is_away: false,
            stopping: false,
            look: Look::default(),
        })
    }

    /// Where clients can join; as many as were asked for.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.tcp.local_addr().ok())
    }

    fn hear_unknown_peers(&mut self, place: usize, shared: &mut Shared<'_>, now: Time) {
        let (mut datagram, mut room) = ([0; DATAGRAM_ROOM], [0; DATAGRAM_ROOM]);
        for _ in 0..DATAGRAMS_A_TURN {
            let Some(listener) = self.listeners.get(place) else { return };
            match udp::receive_from(&listener.udp, &mut datagram) {
                Received::Some((_, from)) if !shared.rules.allow.has(from.ip()) => {
                    self.shut_out = self.shut_out.saturating_add(1);
                }
                Received::Some((len, from)) => {
                    if let Some(datagram) = self.open_datagram(&datagram[..len.min(DATAGRAM_ROOM)], &mut room)
                    {
                        self.hub.handle_unknown_peer(from, datagram, &shared.stream.reel, now);
                        self.obey(shared, now);
                    }
                }
                Received::Nothing => return,
                Received::Refused | Received::Error(_) => {}
            }
        }
    }

    fn hear_client(&mut self, seat: Seat, shared: &mut Shared<'_>, now: Time) {
        let (mut datagram, mut room) = ([0; DATAGRAM_ROOM], [0; DATAGRAM_ROOM]);
        let most = self.client_in(seat).map_or(0, |client| client.to_be_heard(now));
        for _ in 0..most {
            // the place may be another's after any datagram
            let Some(client) = self.client_in(seat) else { return };
            match udp::receive(&client.socket, &mut datagram) {
                Received::Some(len) => {
                    let client = client.id;
                    if let Some(datagram) = self.open_datagram(&datagram[..len.min(DATAGRAM_ROOM)], &mut room)
                    {
                        self.hub.handle_datagram(client, datagram, &shared.stream.reel, now);
                    }
                }
                Received::Nothing => return,
                Received::Refused => {
                    let client = client.id;
                    self.hub.handle_refused(client, now);
                }
                Received::Error(Errno::EMSGSIZE) => {
                    let client = client.id;
                    self.hub.handle_too_large(client, now);
                }
                Received::Error(_) => return,
            }
            self.obey(shared, now);
        }
    }

    /// As the hub reads it. None: it was not sealed as it has to be, and is counted.
    fn open_datagram<'d>(&mut self, datagram: &'d [u8], room: &'d mut [u8]) -> Option<&'d [u8]> {
        let Some(sealed) = &mut self.sealed else { return Some(datagram) };
        let opened = sealed.open(datagram, room);
        if opened.is_none() {
            self.hub.handle_stray();
        }
        opened
    }

    fn client_in(&mut self, seat: Seat) -> Option<&mut Client> {
        let client = self.clients.get_mut(usize::from(seat.place))?.as_mut()?;
        (client.id.generation() == seat.generation).then_some(client)
    }
}

impl Outlet for Udp {
    fn register<'p>(&'p self, set: &mut PollSet<'p>, now: Time) {
        let seat = |kind, place, generation| Seat { kind, place: place as u16, generation };
        if !self.stopping {
            for (place, listener) in self.listeners.iter().enumerate() {
                if now >= self.accept_after {
                    set.readable(seat(JOINS, place, 0), listener.tcp.as_fd());
                }
                set.readable(seat(UNKNOWN_PEERS, place, 0), listener.udp.as_fd());
            }
        }
        for (place, generation, stream) in self.pending.streams() {
            set.readable(seat(PENDING, place, generation), stream.as_fd());
        }
        for client in self.clients.iter().flatten() {
            let seat = seat(CLIENT, client.id.place(), client.id.generation());
            set.both(seat, client.socket.as_fd(), client.is_blocked());
        }
    }

    fn next_timeout(&self, now: Time) -> Time {
        let hub = self.hub.next_timeout().map_or(Time::NEVER, |(at, why)| {
            log::trace!("next: {why:?} at {at}");
            at
        });
        let accept = if self.accept_after > now { self.accept_after } else { Time::NEVER };
        hub.min(accept).min(self.pending.next_timeout())
    }

    fn handle(&mut self, seat: Seat, ready: Ready, shared: &mut Shared<'_>, now: Time) {
        let place = usize::from(seat.place);
        match seat.kind {
            JOINS => self.accept(place, shared, now),
            UNKNOWN_PEERS => self.hear_unknown_peers(place, shared, now),
            PENDING => {
                if let Some(verdict) = self.pending.handle_readable(place, seat.generation, now) {
                    self.admit(verdict, shared, now);
                }
            }
            _ => {
                if ready.readable {
                    self.hear_client(seat, shared, now);
                }
                if ready.writable {
                    self.resume(seat, shared, now);
                }
            }
        }
        self.obey(shared, now);
    }

    fn handle_timeout(&mut self, shared: &mut Shared<'_>, now: Time) {
        while let Some(verdict) = self.pending.handle_timeout(now) {
            self.admit(verdict, shared, now);
            self.obey(shared, now);
        }
        if self.hub.next_timeout().is_some_and(|(at, _)| now >= at) {
            self.hub.handle_timeout(&shared.stream.reel, now);
            self.obey(shared, now);
        }
        if self.look.is_due(now) {
            let clients = self.hub.each_client().map(|(remote, kind, since, tally)| seen::Client {
                remote: Remote::Address(remote),
                way: Way::Udp(kind),
                since,
                tally,
            });
            shared.stats.seen.renew(|way| matches!(way, Way::Udp(_)), clients);
        }
    }

    fn handle_news(&mut self, news: News, shared: &mut Shared<'_>, now: Time) {
        let reel = &shared.stream.reel;
        match news {
            // its frames may be of another size
            News::Frame => self.hub.handle_camera(self.is_away, reel, now),
            News::Camera { away } => {
                self.is_away = away;
                self.hub.handle_camera(away, reel, now);
            }
            News::Slate(slate) => self.hub.handle_slate(slate),
            News::Controls | News::Scarce => {}
            News::Stop => {
                self.stopping = true;
                self.hub.handle_stop(now);
            }
        }
        self.obey(shared, now);
    }

    fn send(&mut self, shared: &mut Shared<'_>, budget: &mut Budget, now: Time) {
        self.send_within(budget, shared, now);
    }

    fn demand(&self, stream: &Stream) -> Demand {
        let outstanding = if stream.source.is_over() { self.hub.outstanding(&stream.reel) } else { 0 };
        Demand {
            clients: self.hub.clients(),
            has_viewers: self.hub.has_viewers(),
            outstanding,
            ..Demand::default()
        }
    }
}
