//! Clients of one hub, and their sockets: those who get the stream as it comes, or one who gets what lies in the spill folder.

use super::client::Client;
use super::gate::Gate;
use super::making::Making;
use super::sealed::Sealed;
use super::shrunk::Shrunk;
use super::{DATAGRAM_ROOM, Setup};
use crate::app::cast::outlet::Shared;
use crate::app::cast::poll_set::{Ready, Seat};
use crate::reel::Reel;
use crate::sender::hub::{Hub, Limits};
use crate::sender::{ClientId, LeaveReason};
use crate::sys::pool::Sockets;
use crate::sys::udp::{self, Received};
use crate::time::Time;
use crate::wire::StreamId;
use nix::errno::Errno;

/// The clients.
pub(super) struct Crowd {
    pub(super) hub: Hub,
    pub(super) clients: Vec<Option<Client>>,
    /// None: in the open.
    pub(super) sealed: Option<Sealed>,
    /// Bytes of UDP payload in a full datagram.
    pub(super) datagram: u16,
    pub(super) shrunk: Shrunk,
    /// While it is being made.
    pub(super) encoder: Option<Making>,
    pub(super) gso: bool,
    pub(super) dscp: Option<u8>,
    pub(super) sockets: Sockets,
    /// Those who have left since somebody asked, with the reason.
    pub(super) left: Vec<(ClientId, LeaveReason)>,
}

/// What there is around them while something is done.
pub(super) struct Site<'a, 's> {
    /// The frames that they get.
    pub(super) reel: &'a Reel,
    pub(super) gate: &'a mut Gate,
    pub(super) shared: &'a mut Shared<'s>,
    pub(super) now: Time,
}

impl Crowd {
    /// Nobody yet.
    pub(super) fn new(setup: &Setup, clients: u16, stream: StreamId, sealed: Option<Sealed>) -> Self {
        let burst = udp::MAX_SEGMENTS.min(udp::MAX_SEND / usize::from(setup.datagram)) as u16;
        Crowd {
            hub: Hub::new(Limits { clients, joins: setup.joins, burst }, stream),
            clients: (0..clients).map(|_| None).collect(),
            sealed,
            datagram: setup.datagram,
            shrunk: Shrunk::default(),
            encoder: None,
            gso: true,
            dscp: setup.dscp,
            sockets: setup.sockets.clone(),
            left: Vec::with_capacity(clients.into()),
        }
    }

    /// A datagram that has come to a listener. False: its token is nobody's here.
    pub(super) fn knows(&self, datagram: &[u8]) -> bool {
        let token = crate::wire::client::session_of(datagram);
        token.is_some_and(|token| self.hub.client_of(token).is_some() || self.hub.awaits(token))
    }

    /// A client's socket can be read.
    pub(super) fn hear_client(&mut self, seat: Seat, site: &mut Site<'_, '_>) {
        let (mut datagram, mut room) = ([0; DATAGRAM_ROOM], [0; DATAGRAM_ROOM]);
        let most = self.client_in(seat).map_or(0, |client| client.to_be_heard(site.now));
        for _ in 0..most {
            // the place may be another's after any datagram
            let Some(client) = self.client_in(seat) else { return };
            match udp::receive(&client.socket, &mut datagram) {
                Received::Some(len) => {
                    let client = client.id;
                    if let Some(datagram) = self.open_datagram(&datagram[..len.min(DATAGRAM_ROOM)], &mut room)
                    {
                        self.hub.handle_datagram(client, datagram, site.reel, site.now);
                    }
                }
                Received::Nothing => return,
                Received::Refused => {
                    let client = client.id;
                    self.hub.handle_refused(client, site.now);
                }
                Received::Error(Errno::EMSGSIZE) => {
                    let client = client.id;
                    self.hub.handle_too_large(client, site.now);
                }
                Received::Error(_) => return,
            }
            self.obey(site);
        }
    }

    /// As the hub reads it. None: it was not sealed as it has to be, and is counted.
    pub(super) fn open_datagram<'d>(&mut self, datagram: &'d [u8], room: &'d mut [u8]) -> Option<&'d [u8]> {
        let Some(sealed) = &mut self.sealed else { return Some(datagram) };
        let opened = sealed.open(datagram, room);
        if opened.is_none() {
            self.hub.handle_stray();
        }
        opened
    }

    pub(super) fn client_in(&mut self, seat: Seat) -> Option<&mut Client> {
        let client = self.clients.get_mut(usize::from(seat.place))?.as_mut()?;
        (client.id.generation() == seat.generation).then_some(client)
    }

    /// A client's socket has answered.
    pub(super) fn handle(&mut self, seat: Seat, ready: Ready, site: &mut Site<'_, '_>) {
        if ready.readable {
            self.hear_client(seat, site);
        }
        if ready.writable {
            self.resume(seat, site);
        }
    }
}
