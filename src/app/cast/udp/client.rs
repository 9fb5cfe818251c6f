//! The clients' own UDP sockets, and what it takes to get a train through each.

use crate::reel::Frame;
use crate::sender::{ClientId, ClientKind, Transmit};
use crate::sys::udp::{self, Sent, Setting};
use crate::wire::IP_UDP_OVERHEAD;
use nix::errno::Errno;
use std::net::{SocketAddr, TcpStream, UdpSocket};

/// One client's socket.
pub struct Client {
    /// Whose.
    pub id: ClientId,
    /// Bound to our port, connected to the client.
    pub socket: UdpSocket,
    /// Where the client is.
    pub remote: SocketAddr,
    /// What the socket did not take, and has to go before anything else.
    kept: Option<Transmit>,
    not_sent: Option<NotSent>,
    /// A plain client's connection, kept open for as long as the session: some clients take its end for theirs.
    pub held: Option<TcpStream>,
    mode: Mode,
    /// Datagram bytes on this path, headers not counted.
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

/// Datagrams that the system did not send, and never will.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotSent {
    /// How many.
    pub count: u64,
    /// Why the latest was not: EPERM where a firewall on this machine forbids it.
    pub errno: Errno,
}

/// What became of a transmit.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Gone out, or lost as datagrams may be.
    Done,
    /// The socket is full. What it did not take is [kept](Client::take_kept).
    Blocked,
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
        Ok(Client { id, socket, remote, kept: None, not_sent: None, held: None, mode, datagram })
    }

    /// The socket is full, and what is kept waits until it takes datagrams again.
    pub fn is_blocked(&self) -> bool {
        self.kept.is_some()
    }

    /// What the socket did not take the last time; to be sent as it is, once the socket takes datagrams again.
    pub fn take_kept(&mut self) -> Option<Transmit> {
        self.kept.take()
    }

    /// What the system did not send since this was last asked, small datagrams included. Changes with every send.
    pub fn take_not_sent(&mut self) -> Option<NotSent> {
        self.not_sent.take()
    }

    /// Datagrams that were not sent, if that is what `sent` says.
    fn lose(&mut self, datagrams: u64, sent: Sent) {
        let errno = match sent {
            Sent::Ok | Sent::Blocked | Sent::Refused => return,
            Sent::TooLarge => Errno::EMSGSIZE,
            Sent::Lost(errno) | Sent::NoGso(errno) => errno,
        };
        let before = self.not_sent.map_or(0, |lost| lost.count);
        self.not_sent = Some(NotSent { count: before.saturating_add(datagrams), errno });
    }

    fn keep(&mut self, rest: Transmit) -> Outcome {
        self.kept = Some(rest);
        Outcome::Blocked
    }

    /// From now on this client's datagrams may be cut by IP.
    pub fn make_narrow(&mut self) {
        self.mode = Mode::Narrow;
        self.set_dont_fragment(false);
        udp::set_segment(&self.socket, 0);
    }

    /// From now on this client's datagrams go whole.
    pub fn make_wide(&mut self, gso: bool) {
        self.set_dont_fragment(true);
        let has_gso = gso && udp::set_segment(&self.socket, self.datagram);
        self.mode = if has_gso { Mode::Gso } else { Mode::Single };
    }

    /// Where that fails, what is too large is [not sent](Self::take_not_sent), or IP cuts what need not be cut.
    fn set_dont_fragment(&self, dont: bool) {
        match udp::set_dont_fragment(&self.socket, dont) {
            Setting::Done => {}
            Setting::Unsupported => log::debug!("this kernel does not say whether IP may cut datagrams"),
            Setting::Failed(errno) => log::debug!("whether IP may cut datagrams cannot be set: {errno}"),
        }
    }

    /// Sends fragments of a frame or of a slate. A downgrade, if there is one, has been made; it is for the log.
    pub fn send_train(&mut self, frame: &Frame<'_>, transmit: &Transmit) -> (Outcome, Option<Downgrade>) {
        let Some(fragments) = transmit.fragments() else { return (Outcome::Done, None) };
        if self.mode == Mode::Gso {
            match send_past_error(|| udp::send_bytes(&self.socket, frame.datagrams(fragments.clone()))) {
                sent @ (Sent::Ok | Sent::Lost(_)) => {
                    self.lose(fragments.len() as u64, sent);
                    return (Outcome::Done, None);
                }
                Sent::Blocked => return (self.keep(transmit.clone()), None),
                Sent::Refused => return (Outcome::Refused, None),
                Sent::TooLarge | Sent::NoGso(_) => {
                    let first = self.downgrade();
                    let (outcome, second) = self.send_singly(frame, transmit);
                    return (outcome, second.or(Some(first)));
                }
            }
        }
        self.send_singly(frame, transmit)
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

    fn send_singly(&mut self, frame: &Frame<'_>, transmit: &Transmit) -> (Outcome, Option<Downgrade>) {
        let Some(fragments) = transmit.fragments() else { return (Outcome::Done, None) };
        let (mut is_refused, mut narrow) = (false, None);
        for index in fragments {
            let datagram = frame.datagrams(index..index + 1);
            let mut sent = send_past_error(|| udp::send_bytes(&self.socket, datagram));
            if sent == Sent::TooLarge && self.mode != Mode::Narrow {
                narrow = Some(Downgrade::Narrow(udp::path_mtu(&self.socket)));
                self.make_narrow();
                sent = send_past_error(|| udp::send_bytes(&self.socket, datagram));
            }
            match sent {
                Sent::Blocked => return (self.keep(transmit.rest(index)), narrow),
                Sent::Refused => is_refused = true,
                Sent::Ok | Sent::TooLarge | Sent::NoGso(_) | Sent::Lost(_) => self.lose(1, sent),
            }
        }
        (if is_refused { Outcome::Refused } else { Outcome::Done }, narrow)
    }

    /// Sends one datagram made of `pieces`.
    pub fn send_whole<'a>(
        &mut self,
        pieces: impl Iterator<Item = &'a [u8]> + Clone,
        transmit: &Transmit,
    ) -> Outcome {
        match send_past_error(|| udp::send_pieces(&self.socket, pieces.clone())) {
            Sent::Blocked => self.keep(transmit.clone()),
            Sent::Refused => Outcome::Refused,
            sent @ (Sent::Ok | Sent::TooLarge | Sent::NoGso(_) | Sent::Lost(_)) => {
                self.lose(1, sent);
                Outcome::Done
            }
        }
    }

    /// Sends a few bytes, or loses them: a socket that is full takes the next ones.
    pub fn send_small(&mut self, bytes: &[u8]) {
        let sent = send_past_error(|| udp::send_bytes(&self.socket, bytes));
        self.lose(1, sent);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reel::Reel;
    use crate::sender::Route;
    use crate::sender::hub::{Hub, Limits};
    use crate::time::Time;
    use crate::wire::{FrameNumber, StreamId};

    #[test]
    fn what_the_system_does_not_send_is_counted_with_its_reason() {
        let stream = StreamId(1);
        let peer = udp::bound("127.0.0.1:0".parse().unwrap()).unwrap();
        let remote = peer.local_addr().unwrap();
        let listener = udp::listener("127.0.0.1:0".parse().unwrap()).unwrap();
        let local = listener.local_addr().unwrap();
        let mut hub = Hub::new(Limits { clients: 1, burst: 16 }, stream);
        let reel = Reel::new(1 << 20, 1452, stream);
        let route = Route { remote, local };
        let id = hub.join_plain(remote.port(), route, &reel, Time::default()).unwrap();
        let mut client = Client::open(id, ClientKind::Plain, (local, remote), 1452, true).unwrap();
        let whole = Transmit::Whole { client: id, number: FrameNumber(1) };

        for count in 1..3 {
            client.send_whole(std::iter::once(&[0; udp::MAX_SEND + 1][..]), &whole);
            assert_eq!(client.not_sent, Some(NotSent { count, errno: Errno::EMSGSIZE }));
        }
        assert!(client.take_not_sent().is_some());
        client.send_small(b"end");
        assert_eq!((client.take_not_sent(), client.is_blocked()), (None, false));
        peer.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
        assert_eq!(peer.recv(&mut [0; 9]).unwrap(), 3);
    }
}
