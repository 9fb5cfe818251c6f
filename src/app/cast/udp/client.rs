//! The clients' own UDP sockets, and what it takes to get a train through each.

use crate::reel::Train;
use crate::sender::{ClientId, ClientKind, Transmit};
use crate::sys::pool::{ClientSocket, Sockets};
use crate::sys::udp::{self, Sent, Setting};
use crate::time::Time;
use crate::wire::{IP_UDP_OVERHEAD, Tag, data};
use nix::errno::Errno;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

/// A socket that can be read again so soon may have many datagrams, and is read until it is empty.
const SOON: Duration = Duration::from_millis(1);

/// Datagrams taken from one socket a turn.
pub const DATAGRAMS_A_TURN: usize = 64;

/// One client's socket.
pub struct Client {
    /// Whose.
    pub id: ClientId,
    /// Bound to our port, connected to the client.
    pub socket: ClientSocket,
    /// Where the client is.
    pub remote: SocketAddr,
    /// What the socket did not take, and has to go before anything else.
    kept: Option<Transmit>,
    not_sent: Option<NotSent>,
    /// Something on the way has said that a datagram was too large for it.
    was_too_large: bool,
    /// When something came from it last.
    heard: Time,
    /// A plain client's connection, kept open for as long as the session: some clients take its end for theirs.
    pub held: Option<TcpStream>,
    mode: Mode,
    /// Datagram bytes on this path, headers not counted.
    datagram: u16,
    /// What proves that its datagrams are ours.
    tag: [u8; 4],
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
    /// The system did not send it, and never will.
    NotSent,
}

impl Client {
    /// Makes the socket. `narrow` as the hub says; without `gso` every datagram is a call.
    ///
    /// # Errors
    /// No descriptor left, or no route.
    pub fn open(
        id: ClientId,
        (kind, tag): (ClientKind, Tag),
        (local, remote): (SocketAddr, SocketAddr),
        datagram: u16,
        gso: bool,
        sockets: &Sockets,
    ) -> std::io::Result<Self> {
        let socket = sockets.open(local, remote)?;
        let is_native = matches!(kind, ClientKind::Native(_));
        if is_native {
            tell_setting(udp::send_whole_regardless(&socket));
        }
        let mode =
            if gso && is_native && udp::set_segment(&socket, datagram) { Mode::Gso } else { Mode::Single };
        Ok(Client {
            id,
            socket,
            remote,
            kept: None,
            not_sent: None,
            was_too_large: false,
            heard: Time::default(),
            held: None,
            mode,
            datagram,
            tag: tag.to_bytes(),
        })
    }

    /// Its socket can be read: so many datagrams are taken from it at the most. One costs half of two, and what more there is makes it
    /// readable again at once.
    pub fn to_be_heard(&mut self, now: Time) -> usize {
        let before = std::mem::replace(&mut self.heard, now);
        if now.since(before) < SOON { DATAGRAMS_A_TURN } else { 1 }
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

    /// Whether something on the way has said, since this was last asked, that a datagram was too large for it. That is to be held
    /// against what arrives.
    pub fn take_too_large(&mut self) -> bool {
        std::mem::take(&mut self.was_too_large)
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
        tell_setting(udp::set_dont_fragment(&self.socket, false));
        udp::set_segment(&self.socket, 0);
    }

    /// From now on this client's datagrams go whole.
    pub fn make_wide(&mut self, gso: bool) {
        tell_setting(udp::send_whole_regardless(&self.socket));
        let has_gso = gso && udp::set_segment(&self.socket, self.datagram);
        self.mode = if has_gso { Mode::Gso } else { Mode::Single };
    }

    /// Sends fragments of a frame or of a slate, or parity rows, out of the train that they are in. A downgrade, if there is one, has been made; it is for the log.
    pub fn send_train(&mut self, train: Train<'_>, transmit: &Transmit) -> (Outcome, Option<Downgrade>) {
        let Some(fragments) = transmit.fragments() else { return (Outcome::Done, None) };
        let (tag, size) = (self.tag, self.datagram);
        if self.mode == Mode::Gso {
            let is_again = transmit.is_again();
            match self.send_past_error(|socket| {
                send_tagged(socket, train.datagrams(fragments.clone()), (tag, size), is_again)
            }) {
                sent @ (Sent::Ok | Sent::Lost(_)) => {
                    self.lose(fragments.len() as u64, sent);
                    return (Outcome::Done, None);
                }
                Sent::Blocked => return (self.keep(transmit.clone()), None),
                Sent::Refused => return (Outcome::Refused, None),
                failed @ (Sent::TooLarge | Sent::NoGso(_)) => {
                    let first = self.downgrade(failed);
                    let (outcome, second) = self.send_singly(train, transmit);
                    return (outcome, second.or(Some(first)));
                }
            }
        }
        self.send_singly(train, transmit)
    }

    /// Finds out what GSO failed of, and does without it. "Too large" is about this client alone.
    fn downgrade(&mut self, failed: Sent) -> Downgrade {
        let mtu = udp::path_mtu(&self.socket);
        if failed == Sent::TooLarge
            || mtu.is_some_and(|mtu| mtu < self.datagram.saturating_add(IP_UDP_OVERHEAD))
        {
            self.make_narrow();
            return Downgrade::Narrow(mtu);
        }
        self.mode = Mode::Single;
        udp::set_segment(&self.socket, 0);
        Downgrade::NoGso
    }

    fn send_singly(&mut self, train: Train<'_>, transmit: &Transmit) -> (Outcome, Option<Downgrade>) {
        let Some(fragments) = transmit.fragments() else { return (Outcome::Done, None) };
        let (mut is_refused, mut narrow) = (false, None);
        let (tag, size) = (self.tag, self.datagram);
        for index in fragments {
            let datagram = train.datagrams(index..index + 1);
            let mut sent = self.send_past_error(|socket| send_tagged(socket, datagram, (tag, size), true));
            if sent == Sent::TooLarge && self.mode != Mode::Narrow {
                narrow = Some(Downgrade::Narrow(udp::path_mtu(&self.socket)));
                self.make_narrow();
                sent = self.send_past_error(|socket| send_tagged(socket, datagram, (tag, size), true));
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
        match self.send_past_error(|socket| udp::send_pieces(socket, pieces.clone())) {
            Sent::Blocked => self.keep(transmit.clone()),
            Sent::Refused => Outcome::Refused,
            sent @ (Sent::Ok | Sent::TooLarge | Sent::NoGso(_) | Sent::Lost(_)) => {
                self.lose(1, sent);
                if sent == Sent::Ok { Outcome::Done } else { Outcome::NotSent }
            }
        }
    }

    /// Sends a few bytes, or loses them: a socket that is full takes the next ones.
    pub fn send_small(&mut self, bytes: &[u8]) {
        let sent = self.send_past_error(|socket| udp::send_bytes(socket, bytes));
        self.lose(1, sent);
    }

    fn send_past_error(&mut self, send: impl Fn(&UdpSocket) -> Sent) -> Sent {
        let (sent, was_too_large) = past_error(|| send(&self.socket));
        self.was_too_large |= was_too_large;
        sent
    }
}

/// What was said of an earlier datagram (ICMP), by whomever, a socket reports instead of sending the next one: that is sent again, so
/// often at the most. What a send fails of for a reason of its own it fails of each time.
const SENDS: usize = 8;

/// Sends, and tells besides whether something has said of an earlier datagram that it was too large.
fn past_error(mut send: impl FnMut() -> Sent) -> (Sent, bool) {
    let (mut was_refused, mut was_too_large) = (false, false);
    let mut sent = send();
    for _ in 1..SENDS {
        match sent {
            Sent::Refused => was_refused = true,
            Sent::TooLarge => was_too_large = true,
            Sent::Lost(errno) if can_be_said(errno) => {}
            Sent::Ok | Sent::Blocked | Sent::NoGso(_) | Sent::Lost(_) => break,
        }
        sent = send();
    }
    let is_earlier = was_too_large && sent != Sent::TooLarge;
    (if was_refused && sent == Sent::Ok { Sent::Refused } else { sent }, is_earlier)
}

/// What the system makes of "unreachable", of either IP, besides [`Sent::Refused`] and [`Sent::TooLarge`].
fn can_be_said(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::ENOPROTOOPT
            | Errno::EHOSTUNREACH
            | Errno::ENETUNREACH
            | Errno::EHOSTDOWN
            | Errno::ENONET
            | Errno::EACCES
            | Errno::EPROTO
    )
}

/// Sends datagrams of that size at once: with the tag in the first one, or in each where `each` may be all that comes of a frame.
fn send_tagged(socket: &UdpSocket, datagrams: &[u8], (tag, size): ([u8; 4], u16), each: bool) -> Sent {
    let step = if each { size.into() } else { datagrams.len().max(1) };
    let pieces = datagrams.chunks(step).flat_map(|datagrams| data::with_tag(datagrams, &tag));
    udp::send_pieces(socket, pieces)
}

/// Where that fails, what is too large is [not sent](Client::take_not_sent), or IP cuts what need not be cut.
fn tell_setting(setting: Setting) {
    match setting {
        Setting::Done => {}
        Setting::Unsupported => log::debug!("this kernel does not say whether IP may cut datagrams"),
        Setting::Failed(errno) => log::debug!("whether IP may cut datagrams cannot be set: {errno}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reel::Reel;
    use crate::sender::Route;
    use crate::sender::hub::{Hub, JOINS, Limits};
    use crate::time::Time;
    use crate::wire::{FrameNumber, StreamId};

    /// What comes of a send when the socket has so many errors to report first.
    fn after(errors: &[Sent]) -> ((Sent, bool), usize) {
        let (mut left, mut sends) = (errors.iter(), 0);
        let sent = past_error(|| {
            sends += 1;
            left.next().copied().unwrap_or(Sent::Ok)
        });
        (sent, sends)
    }

    #[test]
    fn what_anybody_can_say_of_earlier_datagrams_costs_none() {
        use Errno::{EACCES, EHOSTUNREACH, ENOPROTOOPT, EPROTO};
        for errno in [ENOPROTOOPT, EHOSTUNREACH, EACCES, EPROTO] {
            assert_eq!(after(&[Sent::Lost(errno)]), ((Sent::Ok, false), 2), "{errno}");
        }
        assert_eq!(after(&[Sent::Refused]), ((Sent::Refused, false), 2));
        for times in 1..8 {
            let flood = vec![Sent::TooLarge; times];
            assert_eq!(after(&flood), ((Sent::Ok, true), times + 1));
        }
        let mixed = [Sent::TooLarge, Sent::Refused, Sent::Lost(EHOSTUNREACH)];
        assert_eq!(after(&mixed), ((Sent::Refused, true), 4));
        // what is so is so each time
        assert_eq!(after(&[Sent::TooLarge; 9]), ((Sent::TooLarge, false), 8));
        let route = Sent::Lost(EHOSTUNREACH);
        assert_eq!(after(&[route; 9]), ((route, false), 8));
        // and a firewall of this machine is nobody's word
        let firewall = Sent::Lost(Errno::EPERM);
        assert_eq!(after(&[firewall]), ((firewall, false), 1));
        assert_eq!(after(&[Sent::Blocked]), ((Sent::Blocked, false), 1));
    }

    #[test]
    fn too_large_is_about_one_client() {
        let peer = udp::bound("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = udp::listener("127.0.0.1:0".parse().unwrap()).unwrap();
        let (local, remote) = (listener.local_addr().unwrap(), peer.local_addr().unwrap());
        let mut hub = Hub::new(Limits { clients: 1, joins: JOINS, burst: 16 }, StreamId(1));
        let reel = Reel::new(1 << 20, 1452, StreamId(1));
        let id = hub.join_plain(remote.port(), Route { remote, local }, &reel, Time::default()).unwrap();
        let who = (ClientKind::Native(crate::wire::join::Policy::Newest), Tag::NONE);
        let mut client = Client::open(id, who, (local, remote), 1452, true, &Sockets::Made).unwrap();
        assert!(matches!(client.downgrade(Sent::TooLarge), Downgrade::Narrow(_)), "lo takes 64 KiB");
        assert_eq!(client.mode, Mode::Narrow);
        assert_eq!(client.downgrade(Sent::NoGso(Errno::EIO)), Downgrade::NoGso);
    }

    #[test]
    fn what_the_system_does_not_send_is_counted_with_its_reason() {
        let stream = StreamId(1);
        let peer = udp::bound("127.0.0.1:0".parse().unwrap()).unwrap();
        let remote = peer.local_addr().unwrap();
        let listener = udp::listener("127.0.0.1:0".parse().unwrap()).unwrap();
        let local = listener.local_addr().unwrap();
        let mut hub = Hub::new(Limits { clients: 1, joins: JOINS, burst: 16 }, stream);
        let reel = Reel::new(1 << 20, 1452, stream);
        let route = Route { remote, local };
        let id = hub.join_plain(remote.port(), route, &reel, Time::default()).unwrap();
        let mut client =
            Client::open(id, (ClientKind::Plain, Tag::NONE), (local, remote), 1452, true, &Sockets::Made)
                .unwrap();
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
