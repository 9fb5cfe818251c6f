//! The UDP outlet: our own protocol and the original one.
//!
//! Lives here: the sockets of both, connections that have not said yet what they want, and what it takes to get a burst
//! out. May not live here: who gets what and when, which the [hub](crate::sender::Hub) says; frames, which stay in the reel.
//!
//! | module | what |
//! |---|---|
//! | [`listener`] | the addresses that are listened on |
//! | [`pending`] | connections that have not said yet what they want |
//! | `gate` | both of them: where clients come in |
//! | `crowd` | clients of one hub, and their sockets |
//! | `spilling` | what is kept on a disk for recorders that are away |
//! | `absent` | who they are |
//! | `backlog` | who is served from there |
//! | `joining` | from a connection to a client, or to a refusal |
//! | [`client`] | one client's socket |
//! | `sealed` | what is opened before the hub sees it, and sealed behind it |
//! | `sending` | what the hub asks for is done, and what it has to send goes out |
//! | `returning` | those who come back, on their way from one to the other |
//! | `making` | the encoder of parity rows, made beside the loop |
//! | [`shrunk`] | frames made to fit a plain client's one datagram |

mod absent;
mod backlog;
pub mod client;
mod crowd;
mod gate;
mod joining;
pub mod listener;
mod making;
pub mod pending;
mod returning;
mod sealed;
mod sending;
pub mod shrunk;
mod spilling;

use super::config::{Config, MAX_CLIENTS, MAX_LISTEN};
use super::news::{Demand, News};
use super::outlet::{Budget, Outlet, Shared};
use super::poll_set::{PollSet, Ready, Seat};
use super::seen::{self, Look, Way};
use super::stream::Stream;
use crate::app::exit::ExitError;
use crate::sys::clock;
use crate::sys::connection::Remote;
use crate::sys::pool::Sockets;
use crate::sys::udp::{self, Received};
use crate::time::Time;
use crate::wire::client::MAX_CONTINUE_LEN;
use backlog::Backlogs;
use client::DATAGRAMS_A_TURN;
use crowd::{Crowd, Site};
use gate::Gate;
use listener::{Doors, Listener};
use pending::Pending;
use sealed::Sealed;
use spilling::Spilling;
use std::net::SocketAddr;
use std::os::fd::AsFd;

/// The longest datagram that a client may send; what is longer is malformed, and cut.
const DATAGRAM_ROOM: usize = if MAX_CONTINUE_LEN > 2048 { MAX_CONTINUE_LEN } else { 2048 };

/// Kinds of [seats](Seat): a listener's TCP socket and its UDP socket, a pending join, a client, one who is served from
/// the spill folder, and news of that.
const JOINS: u8 = 0;
const UNKNOWN_PEERS: u8 = 1;
const PENDING: u8 = 2;
const CLIENT: u8 = 3;
const BACKLOG: u8 = 4;
const SPILLING: u8 = 5;

/// The outlet.
pub struct Udp {
    gate: Gate,
    /// Those who get the stream as it comes.
    crowd: Crowd,
    /// Those who get what has left the reel.
    backlogs: Backlogs,
    /// What keeps that for them, if anything does.
    spilling: Option<Spilling>,
    setup: Setup,
    is_away: bool,
    stopping: bool,
    look: Look,
}

/// What all clients have in common.
pub(super) struct Setup {
    /// Bytes of UDP payload in a full datagram; and before it is sealed, if it is.
    datagram: u16,
    plain_datagram: u16,
    dscp: Option<u8>,
    /// Where theirs come from.
    sockets: Sockets,
    /// Joins of one address at once that prove nothing.
    joins: u16,
}

/// What it polls at the most: two sockets an address, each pending join and each client, and news of the spill folder.
pub const POLLS_MOST: usize = 2 * MAX_LISTEN + pending::PLACES + MAX_CLIENTS as usize + backlog::MOST + 1;

/// Who is served from the spill folder at a time, beside the clients.
pub const BACKLOGS: usize = backlog::MOST;

impl Udp {
    /// Opens the addresses that are listened on.
    ///
    /// # Errors
    /// One line and its exit code.
    pub fn open(config: &Config, handed: Option<Doors>, stream: &Stream) -> Result<Self, ExitError> {
        let (listeners, sockets) = match handed {
            Some(Doors { listeners, pool }) => (listeners, Sockets::Of(pool)),
            None => (config.listen.iter().map(Listener::open).collect::<Result<_, _>>()?, Sockets::default()),
        };
        let setup = Setup {
            datagram: config.datagram,
            plain_datagram: config.plain_datagram(),
            dscp: config.dscp,
            sockets,
            joins: config.max_joins,
        };
        let sealed = config.key.clone().map(|key| Sealed::begin(key, &stream.reel, config.max_clients));
        // what is there is known before anybody can come for it
        let spilling = config.spill.as_ref().map(|spill| Spilling::open(spill, stream.id, clock::now()));
        let spilling = spilling.transpose()?;
        if config.key.is_none() {
            listener::tell_whom(&listeners, &config.rules.allow);
        }
        let gate =
            Gate { listeners, accept_after: Time::default(), pending: Pending::default(), shut_out: 0 };
        Ok(Udp {
            gate,
            crowd: Crowd::new(&setup, config.max_clients, stream.id, sealed.transpose()?),
            backlogs: Backlogs::default(),
            spilling,
            setup,
            is_away: false,
            stopping: false,
            look: Look::default(),
        })
    }

    /// Where clients can join; as many as were asked for.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.gate.listeners.iter().filter_map(|listener| listener.tcp.local_addr().ok())
    }

    fn hear_unknown_peers(&mut self, place: usize, shared: &mut Shared<'_>, now: Time) {
        let (mut datagram, mut room) = ([0; DATAGRAM_ROOM], [0; DATAGRAM_ROOM]);
        for _ in 0..DATAGRAMS_A_TURN {
            let Some(listener) = self.gate.listeners.get(place) else { return };
            match udp::receive_from(&listener.udp, &mut datagram) {
                Received::Some((_, from)) if !shared.rules.allow.has(from.ip()) => {
                    self.gate.shut_out = self.gate.shut_out.saturating_add(1);
                }
                Received::Some((len, from)) => {
                    let datagram = &datagram[..len.min(DATAGRAM_ROOM)];
                    if self.backlogs.hear(from, datagram, (&mut self.gate, shared), now) {
                        continue;
                    }
                    if let Some(datagram) = self.crowd.open_datagram(datagram, &mut room) {
                        self.crowd.hub.handle_unknown_peer(from, datagram, &shared.stream.reel, now);
                        self.obey(shared, now);
                    }
                }
                Received::Nothing => return,
                Received::Refused | Received::Error(_) => {}
            }
        }
    }

    /// What the hub of those who get the stream as it comes wants done.
    fn obey(&mut self, shared: &mut Shared<'_>, now: Time) {
        self.with_crowd(shared, now, Crowd::obey);
    }

    fn with_crowd(
        &mut self,
        shared: &mut Shared<'_>,
        now: Time,
        act: impl FnOnce(&mut Crowd, &mut Site<'_, '_>),
    ) {
        let reel = &shared.stream.reel;
        act(&mut self.crowd, &mut Site { reel, gate: &mut self.gate, shared, now });
    }

    fn tell_strays(&self, shared: &mut Shared<'_>, now: Time) {
        let strays = self.crowd.hub.strays().unknown.saturating_add(self.gate.shut_out);
        shared.report.strange(strays.saturating_sub(shared.stats.strays), now);
        shared.stats.strays = strays;
    }
}

impl Outlet for Udp {
    fn register<'p>(&'p self, set: &mut PollSet<'p>, now: Time) {
        let seat = |kind, place, generation| Seat { kind, place: place as u16, generation };
        let gate = &self.gate;
        if !self.stopping {
            for (place, listener) in gate.listeners.iter().enumerate() {
                if now >= gate.accept_after {
                    set.readable(seat(JOINS, place, 0), listener.tcp.as_fd());
                }
                set.readable(seat(UNKNOWN_PEERS, place, 0), listener.udp.as_fd());
            }
        }
        for (place, generation, stream) in gate.pending.streams() {
            set.readable(seat(PENDING, place, generation), stream.as_fd());
        }
        for client in self.crowd.clients.iter().flatten() {
            let seat = seat(CLIENT, client.id.place(), client.id.generation());
            set.both(seat, client.socket.as_fd(), client.is_blocked());
        }
        self.backlogs.register(BACKLOG, set);
        self.spilling.iter().for_each(|spilling| set.readable(seat(SPILLING, 0, 0), spilling.as_fd()));
    }

    fn next_timeout(&self, now: Time) -> Time {
        let hub = self.crowd.hub.next_timeout().map_or(Time::NEVER, |(at, why)| {
            log::trace!("next: {why:?} at {at}");
            at
        });
        let gate = &self.gate;
        let accept = if gate.accept_after > now { gate.accept_after } else { Time::NEVER };
        let spilling = self.spilling.as_ref().map_or(Time::NEVER, Spilling::next_timeout);
        hub.min(accept).min(gate.pending.next_timeout()).min(self.backlogs.next_timeout()).min(spilling)
    }

    fn handle(&mut self, seat: Seat, ready: Ready, shared: &mut Shared<'_>, now: Time) {
        let place = usize::from(seat.place);
        match seat.kind {
            JOINS => self.accept(place, shared, now),
            UNKNOWN_PEERS => self.hear_unknown_peers(place, shared, now),
            PENDING => {
                if let Some(verdict) = self.gate.pending.handle_readable(place, seat.generation, now) {
                    self.admit(verdict, shared, now);
                }
            }
            BACKLOG => self.backlogs.handle(seat, ready, (&mut self.gate, shared), now),
            SPILLING => self.spilling.iter_mut().for_each(|spilling| spilling.hear(now)),
            _ => self.with_crowd(shared, now, |crowd, site| crowd.handle(seat, ready, site)),
        }
        self.obey(shared, now);
    }

    fn handle_timeout(&mut self, shared: &mut Shared<'_>, now: Time) {
        while let Some(verdict) = self.gate.pending.handle_timeout(now) {
            self.admit(verdict, shared, now);
            self.obey(shared, now);
        }
        if self.crowd.hub.next_timeout().is_some_and(|(at, _)| now >= at) {
            self.crowd.hub.handle_timeout(&shared.stream.reel, now);
            self.obey(shared, now);
        }
        self.attend_to_the_absent(shared, now);
        self.tell_strays(shared, now);
        if self.look.is_due(now) {
            let clients = self.crowd.hub.each_client().chain(self.backlogs.each_client());
            let clients = clients.map(|(remote, kind, since, tally)| seen::Client {
                remote: Remote::Address(remote),
                way: Way::Udp(kind),
                since,
                tally,
            });
            shared.stats.seen.renew(|way| matches!(way, Way::Udp(_)), clients);
        }
    }

    fn handle_news(&mut self, news: News, shared: &mut Shared<'_>, now: Time) {
        let (reel, hub) = (&shared.stream.reel, &mut self.crowd.hub);
        match news {
            // its frames may be of another size
            News::Frame => hub.handle_camera(self.is_away, reel, now),
            News::Camera { away } => {
                self.is_away = away;
                hub.handle_camera(away, reel, now);
            }
            News::Slate(slate) => hub.handle_slate(slate),
            News::Controls | News::Scarce => {}
            News::Stop => {
                self.stopping = true;
                hub.handle_stop(now);
                self.stop_spilling(shared, now);
            }
        }
        self.obey(shared, now);
    }

    fn send(&mut self, shared: &mut Shared<'_>, budget: &mut Budget, now: Time) {
        self.with_crowd(shared, now, |crowd, site| crowd.send_within(budget, site));
        self.backlogs.send(budget, (&mut self.gate, shared), now);
    }

    fn demand(&self, stream: &Stream) -> Demand {
        let hub = &self.crowd.hub;
        let is_over = stream.source.is_over();
        let outstanding = if is_over { hub.outstanding(&stream.reel) } else { 0 };
        let behind = if is_over { self.backlogs.outstanding(&stream.reel) } else { 0 };
        // who is away wants the camera on, and is not waited for at the end
        let absent = if self.stopping { 0 } else { self.spilling.as_ref().map_or(0, Spilling::absent) };
        Demand {
            clients: hub.clients() + self.backlogs.clients() + absent,
            has_viewers: hub.has_viewers(),
            outstanding: outstanding.saturating_add(behind),
            ..Demand::default()
        }
    }
}
