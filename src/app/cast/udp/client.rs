//! The clients' own UDP sockets, and what it takes to get a train through each.

use crate::reel::Frame;
use crate::sender::{ClientId, ClientKind, Transmit};
use crate::sys::udp::{self, Sent};
use crate::wire::IP_UDP_OVERHEAD;
use std::net::{SocketAddr, TcpStream, UdpSocket};

/// One client's socket.
pub struct Client {
    /// Whose.
    pub id: ClientId,
    /// Bound to our port, connected to the client.
    pub socket: UdpSocket,
    /// Where the client is.
    pub remote: SocketAddr,
    /// Something waits until the socket takes datagrams again.
    pub wants_write: bool,
    /// A plain client's connection, kept open for as long as the session: some clients take its end for theirs.
    pub held: Option<TcpStream>,
    mode: Mode,
    /// Datagram octets on this path, headers not counted.
    datagram: u16,
}

/// How trains go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// One call, cut by the kernel or the network card.
    Gso,
    /// A call a datagram.
    Single,
    /// A call a datagram, which IP cuts further.
    Narrow,
}

/// Why a client's datagrams are not sent the fast way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Downgrade {
    /// This kernel or device has no GSO: nobody's are from now on.
    NoGso,
    /// The path takes less than our datagrams; its MTU if it is known.
    Narrow(Option<u16>),
}

/// What became of a transmit.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Gone out, or lost as datagrams may be.
    Done,
    /// This part is to be sent when the socket takes datagrams again.
    Blocked(Transmit),
    /// The client's host says that its port is closed.
    Refused,
}

impl Client {
    /// Makes the socket. `narrow` as the hub says; without `gso` every datagram is a call.
    ///
    /// # Errors
    /// No descriptor left, or no route.
    pub fn open(
        id: ClientId,
        kind: ClientKind,
        (local, remote): (SocketAddr, SocketAddr),
        datagram: u16,
        gso: bool,
    ) -> std::io::Result<Self> {
        let socket = udp::client_socket(local, remote)?;
        let is_native = matches!(kind, ClientKind::Native(_));
        let mode =
            if gso && is_native && udp::set_segment(&socket, datagram) { Mode::Gso } else { Mode::Single };
        Ok(Client { id, socket, remote, wants_write: false, held: None, mode, datagram })
    }

    /// From now on this client's datagrams may be cut by IP.
    pub fn make_narrow(&mut self) {
        self.mode = Mode::Narrow;
        udp::set_dont_fragment(&self.socket, false);
        udp::set_segment(&self.socket, 0);
    }

    /// From now on this client's datagrams go whole.
    pub fn make_wide(&mut self, gso: bool) {
        udp::set_dont_fragment(&self.socket, true);
        let has_gso = gso && udp::set_segment(&self.socket, self.datagram);
        self.mode = if has_gso { Mode::Gso } else { Mode::Single };
    }

    /// Sends fragments of a frame or of a slate. A downgrade, if there is one, has been made; it is for the log.
    pub fn send_train(&mut self, frame: &Frame<'_>, transmit: &Transmit) -> (Outcome, Option<Downgrade>) {
        let Some(fragments) = transmit.fragments() else { return (Outcome::Done, None) };
        if self.mode == Mode::Gso {
            match send_past_error(|| udp::send_bytes(&self.socket, frame.datagrams(fragments.clone()))) {
                Sent::Ok | Sent::Lost(_) => return (Outcome::Done, None),
                Sent::Blocked => return (Outcome::Blocked(transmit.clone()), None),
                Sent::Refused => return (Outcome::Refused, None),
                Sent::TooLarge | Sent::NoGso => {
                    let why = self.downgrade();
                    return (self.send_singly(frame, transmit), Some(why));
                }
            }
        }
        let outcome = self.send_singly(frame, transmit);
        (outcome, None)
    }

    /// Finds out what GSO failed of, and does without it.
    fn downgrade(&mut self) -> Downgrade {
        let mtu = udp::path_mtu(&self.socket);
        if mtu.is_some_and(|mtu| mtu < self.datagram.saturating_add(IP_UDP_OVERHEAD)) {
            self.make_narrow();
            return Downgrade::Narrow(mtu);
        }
        self.mode = Mode::Single;
        udp::set_segment(&self.socket, 0);
        Downgrade::NoGso
    }

    fn send_singly(&mut self, frame: &Frame<'_>, transmit: &Transmit) -> Outcome {
        let Some(fragments) = transmit.fragments() else { return Outcome::Done };
        let mut is_refused = false;
        for index in fragments {
            let sent = send_past_error(|| udp::send_bytes(&self.socket, frame.datagrams(index..index + 1)));
            match sent {
                Sent::Ok | Sent::Lost(_) | Sent::NoGso => {}
                Sent::Blocked => return Outcome::Blocked(transmit.rest(index)),
                Sent::Refused => is_refused = true,
                // it goes out with the next one: IP may cut from now on
                Sent::TooLarge => self.make_narrow(),
            }
        }
        if is_refused { Outcome::Refused } else { Outcome::Done }
    }

    /// Sends one datagram made of `pieces`.
    pub fn send_whole<'a>(
        &self,
        pieces: impl Iterator<Item = &'a [u8]> + Clone,
        transmit: &Transmit,
    ) -> Outcome {
        match send_past_error(|| udp::send_pieces(&self.socket, pieces.clone())) {
            Sent::Blocked => Outcome::Blocked(transmit.clone()),
            Sent::Refused => Outcome::Refused,
            Sent::Ok | Sent::Lost(_) | Sent::NoGso | Sent::TooLarge => Outcome::Done,
        }
    }

    /// Sends a few bytes, or loses them.
    pub fn send_small(&self, bytes: &[u8]) {
        send_past_error(|| udp::send_bytes(&self.socket, bytes));
    }
}

/// A socket reports the ICMP answer to an earlier datagram instead of sending the next: that one is sent again.
fn send_past_error(send: impl Fn() -> Sent) -> Sent {
    match send() {
        Sent::Refused => match send() {
            Sent::Ok => Sent::Refused,
            other => other,
        },
        other => other,
    }
}
