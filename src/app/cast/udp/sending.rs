//! What the hub asks for is done, and what it has to send goes out.

use super::DATAGRAM_ROOM;
use super::client::{Client, DATAGRAMS_A_TURN, Downgrade, Outcome};
use super::crowd::{Crowd, Site};
use super::making::Making;
use super::sealed::Sealed;
use crate::app::cast::outlet::{Budget, Shared};
use crate::app::cast::poll_set::Seat;
use crate::app::cast::report::canonical;
use crate::reel::{Frame, Train};
use crate::seal::channel::OVERHEAD;
use crate::seal::ring::What;
use crate::sender::{ClientId, ClientKind, Hub, Output, Transmit};
use crate::sys::udp::{self, Received};
use crate::wire::plain::MAX_DATAGRAM;
use crate::wire::server::BEAT_LEN;
use crate::wire::{IP_UDP_OVERHEAD, Tag};
use std::net::SocketAddr;

impl Crowd {
    /// Does what the hub asks for. After each input.
    pub(super) fn obey(&mut self, site: &mut Site<'_, '_>) {
        if let Some(encoder) = self.encoder.as_ref().and_then(Making::poll) {
            self.hub.handle_encoder(encoder);
            self.encoder = None;
        }
        while let Some(output) = self.hub.poll_output() {
            match output {
                Output::Open { client, local, remote, kind, tag, narrow } => {
                    self.open_client(client, (kind, tag), (local, remote), narrow, site);
                }
                Output::Widen { client } => {
                    let gso = self.gso;
                    if let Some(client) = self.client_mut(client) {
                        client.make_wide(gso);
                        log::info!("the path to {} takes full packets after all", canonical(client.remote));
                    }
                }
                Output::Narrow { client } => {
                    let datagram = self.datagram;
                    if let Some(client) = self.client_mut(client) {
                        client.make_narrow();
                        let (remote, mtu) = (client.remote, udp::path_mtu(&client.socket));
                        self.say_downgrade(remote, Downgrade::Narrow(mtu), datagram);
                    }
                }
                Output::Datagram { client, bytes } => self.send_small(client, &bytes, site),
                Output::Answer { local, remote, bytes } if self.sealed.is_none() => {
                    site.gate.answer(local, remote, &bytes);
                }
                // who has a key believes nothing in the open
                Output::Answer { .. } => {}
                Output::Close { client, reason } => {
                    self.sealed.iter_mut().for_each(|sealed| sealed.close(client));
                    if self.client_mut(client).is_some() {
                        self.clients[client.place()] = None;
                    }
                    // whoever asks finds those who have left, and why
                    if self.left.len() < self.left.capacity() {
                        self.left.push((client, reason));
                    }
                }
                Output::MakeEncoder => self.encoder = Making::start(),
                Output::Event(event) => {
                    let Shared { stats, report, .. } = site.shared;
                    stats.count(&event);
                    report.event(&event, stats.clients, site.now);
                }
            }
        }
    }

    fn send_small(&mut self, id: ClientId, bytes: &[u8], site: &mut Site<'_, '_>) {
        let mut room = [0; BEAT_LEN + OVERHEAD];
        let bytes = match &mut self.sealed {
            Some(sealed) => sealed.seal(id, bytes, &mut room),
            None => Some(bytes),
        };
        if let Some((client, bytes)) = self.client_mut(id).zip(bytes) {
            client.send_small(bytes);
            tell_not_sent(client, site);
        }
    }

    fn open_client(
        &mut self,
        id: ClientId,
        who: (ClientKind, Tag),
        route: (SocketAddr, SocketAddr),
        narrow: Option<u16>,
        site: &mut Site<'_, '_>,
    ) {
        self.sealed.iter_mut().for_each(|sealed| sealed.adopt(id, &self.hub));
        let (datagram, (kind, tag)) = (self.datagram, who);
        // what is sealed is proved by that
        let who = (kind, if self.sealed.is_some() { Tag::NONE } else { tag });
        let open = |gso| Client::open(id, who, route, datagram, gso, &self.sockets);
        let mut opened = open(self.gso);
        // an error of ours is about what was handed over, and no room is made by others' leave
        if opened.as_ref().is_err_and(|error| error.raw_os_error().is_some()) {
            // who is let in goes before those who wait
            site.shared.stats.is_scarce = true;
            if site.gate.let_one_go(route.1, site.shared, site.now) {
                opened = open(self.gso);
            }
        }
        let mut client = match opened {
            Ok(client) => client,
            Err(error) => {
                log::warn!("no socket for {}: {error}", canonical(route.1));
                return self.hub.handle_lost(id, site.now);
            }
        };
        if self.dscp.is_some_and(|dscp| !udp::set_dscp(&client.socket, dscp)) {
            log::warn!("the system does not let datagrams be marked: check --dscp");
        }
        if let Some(mtu) = narrow {
            client.make_narrow();
            let known = (mtu > 0).then_some(mtu).or_else(|| udp::path_mtu(&client.socket));
            self.say_downgrade(route.1, Downgrade::Narrow(known), datagram);
        }
        self.settle(&client, route.1, site);
        self.clients[id.place()] = Some(client);
    }

    /// What came to the new socket between bind and connect may be anybody's.
    fn settle(&mut self, client: &Client, remote: SocketAddr, site: &Site<'_, '_>) {
        let (mut datagram, mut room) = ([0; DATAGRAM_ROOM], [0; DATAGRAM_ROOM]);
        let (reel, now) = (site.reel, site.now);
        for _ in 0..DATAGRAMS_A_TURN {
            match udp::receive_from(&client.socket, &mut datagram) {
                Received::Some((len, from)) => {
                    let datagram = &datagram[..len.min(DATAGRAM_ROOM)];
                    let Some(datagram) = self.open_datagram(datagram, &mut room) else { continue };
                    if from == remote {
                        self.hub.handle_datagram(client.id, datagram, reel, now);
                    } else {
                        self.hub.handle_unknown_peer(from, datagram, reel, now);
                    }
                }
                Received::Nothing => return,
                Received::Refused | Received::Error(_) => {}
            }
        }
    }

    /// Sends what there is to send, until the budget is spent.
    pub(super) fn send_within(&mut self, budget: &mut Budget, site: &mut Site<'_, '_>) {
        while !budget.is_spent() {
            let Some(transmit) = self.hub.poll_transmit(site.reel, site.now) else { return };
            budget.spend();
            self.transmit(&transmit, site);
            self.obey(site);
        }
    }

    /// A client's socket takes datagrams again: first what it did not take before, then whatever is next.
    pub(super) fn resume(&mut self, seat: Seat, site: &mut Site<'_, '_>) {
        let Some(client) = self.client_in(seat) else { return };
        let (id, kept) = (client.id, client.take_kept());
        if let Some(kept) = kept {
            self.transmit(&kept, site);
        }
        if self.client_mut(id).is_some_and(|client| !client.is_blocked()) {
            self.hub.handle_writable(id, site.now);
        }
    }

    fn transmit(&mut self, transmit: &Transmit, site: &mut Site<'_, '_>) {
        let (stream, now) = (site.shared.stream, site.now);
        let frame = match transmit {
            Transmit::Slate { number, .. } => stream.slates.frame(*number),
            _ => site.reel.frame(transmit.number()),
        };
        let Some(frame) = frame else { return self.hub.handle_not_sent(transmit.client(), now) };
        let place = transmit.client().place();
        let Some(client) = self.clients[place].as_mut().filter(|client| client.id == transmit.client())
        else {
            return;
        };
        let mut whole = 0;
        let (outcome, downgrade) = match transmit {
            Transmit::Train { .. } | Transmit::Parity { .. } | Transmit::Slate { fragments: Some(_), .. } => {
                match train_of(transmit, &frame, &self.hub, &mut self.sealed) {
                    Some(train) => client.send_train(train, transmit),
                    None => (Outcome::Done, None),
                }
            }
            Transmit::Slate { fragments: None, .. } => (client.send_whole(frame.pieces(), transmit), None),
            Transmit::Whole { .. } if frame.length_for_others() as usize <= MAX_DATAGRAM => {
                whole = frame.length_for_others() as usize;
                (client.send_whole(frame.pieces_for_others(), transmit), None)
            }
            Transmit::Whole { .. } => match self.shrunk.of(&frame) {
                Ok(Some(small)) => {
                    whole = small.len();
                    (client.send_whole(std::iter::once(small), transmit), None)
                }
                Ok(None) => (Outcome::NotSent, None),
                Err(error) => {
                    site.shared.report.not_shrunk(&error, now);
                    (Outcome::NotSent, None)
                }
            },
        };
        let (id, remote) = (client.id, client.remote);
        tell_not_sent(client, site);
        if client.take_too_large() {
            self.hub.handle_too_large(id, now);
        }
        match outcome {
            Outcome::NotSent => self.hub.handle_not_sent(id, now),
            Outcome::Done if whole > 0 => self.hub.handle_whole_sent(id, whole),
            Outcome::Done => {}
            Outcome::Refused => self.hub.handle_refused(id, now),
            Outcome::Blocked => self.hub.handle_blocked(id),
        }
        if let Some(downgrade) = downgrade {
            self.say_downgrade(remote, downgrade, self.datagram);
        }
    }

    fn say_downgrade(&mut self, remote: SocketAddr, why: Downgrade, datagram: u16) {
        match why {
            Downgrade::NoGso if self.gso => {
                self.gso = false;
                log::warn!(
                    "this kernel or network device has no UDP GSO: each datagram is sent by itself, which costs CPU"
                );
            }
            Downgrade::NoGso => {}
            Downgrade::Narrow(mtu) => {
                let (remote, full) = (canonical(remote), datagram + IP_UDP_OVERHEAD);
                let remedy = match mtu.filter(|mtu| *mtu < full) {
                    Some(mtu) => format!("camcast --mtu {mtu} would suit"),
                    None => "a smaller camcast --mtu, such as 1280, would suit".to_owned(),
                };
                log::warn!(
                    "the path to {remote} is narrower than {full} bytes: its datagrams are cut by IP; {remedy}"
                );
            }
        }
    }

    pub(super) fn client_mut(&mut self, id: ClientId) -> Option<&mut Client> {
        self.clients.get_mut(id.place())?.as_mut().filter(|client| client.id == id)
    }
}

/// The train that this is part of, sealed if it is to be. None: rows that others have taken the place of since; the client asks again.
fn train_of<'a>(
    transmit: &Transmit,
    frame: &Frame<'a>,
    hub: &'a Hub,
    sealed: &'a mut Option<Sealed>,
) -> Option<Train<'a>> {
    let (what, plain) = match transmit {
        Transmit::Parity { number, .. } => (What::Rows, hub.parity(*number)?),
        Transmit::Slate { .. } => (What::Slate, frame.train()),
        Transmit::Train { .. } | Transmit::Whole { .. } => (What::Frame, frame.train()),
    };
    match sealed {
        Some(sealed) => sealed.train(what, frame.number(), plain, transmit.fragments()?),
        None => Some(plain),
    }
}

fn tell_not_sent(client: &mut Client, site: &mut Site<'_, '_>) {
    if let Some(lost) = client.take_not_sent() {
        site.shared.stats.not_sent += lost.count;
        site.shared.report.not_sent(lost.count, lost.errno, site.now);
    }
}
