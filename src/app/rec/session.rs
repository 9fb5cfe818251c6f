//! A stream's sockets and its receiver, for both languages: what the loop polls, and what comes out of it.

use super::joining::Joined;
use super::seal::Seal;
use super::strays::Strange;
use crate::doctor::path::raise_receive_buffer;
use crate::receiver::plain::{Heard, PlainReceiver};
use crate::receiver::shares::Share;
use crate::receiver::{Counters, Event, Frame, Over, PATHS, Patience, Receiver};
use crate::seal::channel::{OVERHEAD, Unsealed};
use crate::sys::udp::{self, Received, Sent};
use crate::time::Time;
use crate::wire::join::Policy;
use crate::wire::{FrameNumber, StreamId};
use nix::errno::Errno;
use std::io;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Once;
use std::time::Duration;

/// Receives a turn: 64 calls of up to 64 KiB each.
const RECEIVES_A_TURN: usize = 64;

/// Room for the datagrams of one call.
const ROOM: usize = 65_536;

/// The receive buffer that is asked for: half a second of 60 Mbit/s, or five frames of 800 kB.
pub const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;

/// A viewer waits this long for a frame's missing fragments: time for two round trips of 50 ms.
const LATENCY: Duration = Duration::from_millis(120);

/// The sessions of one stream: by our own protocol one a path.
pub enum Session {
    /// By our own protocol.
    Native(Box<Native>),
    /// By the original protocol.
    Plain(Box<Plain>),
}

/// A session by our own protocol.
pub struct Native {
    receiver: Receiver,
    /// One a path.
    sockets: [Option<UdpSocket>; PATHS],
    /// Theirs, if they are sealed.
    seals: [Option<Box<Seal>>; PATHS],
    into: Vec<u8>,
    out: Vec<u8>,
    sealed: Vec<u8>,
    opened: Vec<u8>,
    /// Datagrams that were not sealed as they have to be.
    forged: u64,
    /// Datagrams that the system did not send, and why not the latest.
    not_sent: Option<(u64, Errno)>,
}

/// A session by the original protocol.
pub struct Plain {
    receiver: PlainReceiver,
    socket: UdpSocket,
    /// Kept for as long as the session: some servers take its end for ours.
    _held: TcpStream,
    server: SocketAddr,
    /// Who sent the last frame, and is answered.
    sender: Option<SocketAddr>,
    into: Vec<u8>,
    spares: Vec<Vec<u8>>,
    events: std::collections::VecDeque<Event>,
    is_over: bool,
}

impl Session {
    /// Begins with the session that was joined on this path. `next` numbers a plain session's frames on.
    ///
    /// # Errors
    /// No socket.
    pub fn begin(
        path: usize,
        joined: Joined,
        policy: Policy,
        next: FrameNumber,
        now: Time,
    ) -> io::Result<Self> {
        match joined {
            Joined::Native { accepted, server, from, seal } => {
                let socket = native_socket(from, server)?;
                let patience = match policy {
                    Policy::Newest => Patience::Latency(LATENCY),
                    Policy::Every => Patience::Reel,
                };
                let receiver = Receiver::new(path, &accepted, patience, now);
                let (mut sockets, mut seals) = ([const { None }; PATHS], [const { None }; PATHS]);
                (sockets[path], seals[path]) = (Some(socket), seal);
                let mut native = Native {
                    receiver,
                    sockets,
                    seals,
                    into: vec![0; ROOM],
                    out: Vec::new(),
                    sealed: Vec::new(),
                    opened: Vec::new(),
                    forged: 0,
                    not_sent: None,
                };
                native.make_room();
                Ok(Session::Native(Box::new(native)))
            }
            Joined::Plain { held, socket, server } => {
                prepare(&socket);
                Ok(Session::Plain(Box::new(Plain {
                    receiver: PlainReceiver::new(next, now),
                    socket,
                    _held: held,
                    server,
                    sender: None,
                    into: vec![0; ROOM],
                    spares: Vec::new(),
                    events: std::collections::VecDeque::new(),
                    is_over: false,
                })))
            }
        }
    }

    /// The same stream was joined on another path.
    ///
    /// # Errors
    /// No socket.
    pub fn add(&mut self, path: usize, joined: Joined, now: Time) -> io::Result<()> {
        if let (Session::Native(native), Joined::Native { accepted, server, from, seal }) = (self, joined) {
            (native.sockets[path], native.seals[path]) = (Some(native_socket(from, server)?), seal);
            native.receiver.join(path, &accepted, now);
            native.make_room();
        }
        Ok(())
    }

    /// The path's session is over.
    pub fn close(&mut self, path: usize) {
        if let Session::Native(native) = self {
            (native.sockets[path], native.seals[path]) = (None, None);
        }
    }

    /// The path's socket.
    pub fn fd(&self, path: usize) -> Option<BorrowedFd<'_>> {
        match self {
            Session::Native(native) => native.sockets[path].as_ref().map(AsFd::as_fd),
            Session::Plain(plain) => Some(plain.socket.as_fd()),
        }
    }

    /// Where the path's session is.
    pub fn server(&self, path: usize) -> Option<SocketAddr> {
        match self {
            Session::Native(native) => native.sockets[path].as_ref()?.peer_addr().ok(),
            Session::Plain(plain) => Some(plain.server),
        }
    }

    /// The session on each path is over.
    pub fn is_over(&self) -> bool {
        match self {
            Session::Native(native) => native.receiver.is_over(),
            Session::Plain(plain) => plain.is_over,
        }
    }

    /// Another stream takes its place; [`Event::Over`] follows for each path.
    pub fn replace(&mut self) {
        if let Session::Native(native) = self {
            native.receiver.replace();
        }
    }

    /// The stream and the next frame of it that is wanted; a plain session has no stream.
    pub fn resume(&self) -> Option<(StreamId, FrameNumber)> {
        match self {
            Session::Native(native) => Some((native.receiver.stream(), native.receiver.next_frame())),
            Session::Plain(_) => None,
        }
    }

    /// The number of the next frame.
    pub fn next_frame(&self) -> FrameNumber {
        match self {
            Session::Native(native) => native.receiver.next_frame(),
            Session::Plain(plain) => plain.receiver.next_frame(),
        }
    }

    /// Something has come from the server on this path.
    pub fn is_live(&self, path: usize) -> bool {
        match self {
            Session::Native(native) => native.receiver.is_live(path),
            Session::Plain(plain) => plain.sender.is_some(),
        }
    }

    /// The server says that its camera delivers nothing.
    pub fn no_camera(&self) -> bool {
        match self {
            Session::Native(native) => native.receiver.no_camera(),
            Session::Plain(_) => false,
        }
    }

    /// Half the shortest round trip, where it is known: what a frame is delayed at the least.
    pub fn one_way(&self) -> Duration {
        (0..PATHS).filter_map(|path| self.round_trip(path)).min().unwrap_or_default() / 2
    }

    /// What comes by each path is to be told from now on.
    pub fn keep_shares(&mut self) {
        if let Session::Native(native) = self {
            native.receiver.keep_shares();
        }
    }

    /// What has come by the path, as far as that is known.
    pub fn share(&self, path: usize) -> Share {
        match self {
            Session::Native(native) => native.receiver.share(path),
            Session::Plain(_) => Share::default(),
        }
    }

    /// The path's round trip, where it is known.
    pub fn round_trip(&self, path: usize) -> Option<Duration> {
        match self {
            Session::Native(native) => native.receiver.round_trip_of(path),
            Session::Plain(_) => None,
        }
    }

    /// Takes a frame's buffer back.
    pub fn recycle(&mut self, buffer: Vec<u8>) {
        match self {
            Session::Native(native) => native.receiver.recycle(buffer),
            Session::Plain(plain) if plain.spares.len() < 8 => plain.spares.push(buffer),
            Session::Plain(_) => {}
        }
    }

    /// The path's socket can be read.
    pub fn handle_readable(&mut self, path: usize, now: Time) {
        match self {
            Session::Native(native) => native.handle_readable(path, now),
            Session::Plain(plain) => plain.handle_readable(now),
        }
    }

    /// A deadline may have come; then sends what is to be sent.
    pub fn handle_timeout(&mut self, now: Time) {
        match self {
            Session::Native(native) => {
                if now >= native.receiver.next_timeout() {
                    native.receiver.handle_timeout(now);
                }
                native.send(now);
            }
            Session::Plain(plain) => {
                if let Some(over) = plain.receiver.handle_timeout(now) {
                    plain.finish(over);
                }
                plain.answer(now);
            }
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub fn next_timeout(&self) -> Time {
        match self {
            Session::Native(native) => native.receiver.next_timeout(),
            Session::Plain(plain) => plain.receiver.next_timeout(),
        }
    }

    /// Frames may come out until they have these bytes, or without end; see [`Receiver::allow`]. The original protocol knows no
    /// way to have a sender wait.
    pub fn allow(&mut self, room: Option<usize>, now: Time) {
        if let Session::Native(native) = self {
            native.receiver.allow(room, now);
        }
    }

    /// It will be left: see [`Receiver::settle`].
    pub fn settle(&mut self, now: Time) {
        if let Session::Native(native) = self {
            native.receiver.settle(now);
        }
    }

    /// Datagrams by fate; a plain session knows none.
    pub fn counters(&self) -> Counters {
        match self {
            Session::Native(native) => native.receiver.counters(),
            Session::Plain(_) => Counters::default(),
        }
    }

    /// Datagrams that were not taken for camcast's.
    pub fn strange(&self) -> Strange {
        match self {
            Session::Native(native) => {
                let counters = native.receiver.counters();
                let doubtful = counters.malformed.saturating_add(counters.doubtful);
                Strange { doubtful, forged: native.forged }
            }
            Session::Plain(_) => Strange::default(),
        }
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        match self {
            Session::Native(native) => native.receiver.poll_event(),
            Session::Plain(plain) => plain.events.pop_front(),
        }
    }

    /// Datagrams that the system did not send since this was last asked, and why not the latest.
    pub fn take_not_sent(&mut self) -> Option<(u64, Errno)> {
        match self {
            Session::Native(native) => native.not_sent.take(),
            Session::Plain(_) => None,
        }
    }

    /// Tells the server on each path that we leave; [`Event::Over`] follows for each.
    pub fn leave(&mut self, now: Time) {
        match self {
            Session::Native(native) => {
                native.receiver.leave(now);
                native.send(now);
            }
            Session::Plain(plain) => {
                let to = plain.sender.unwrap_or(plain.server);
                let _ = plain.socket.send_to(plain.receiver.farewell(), to);
                plain.finish(Over::Left);
            }
        }
    }
}

fn native_socket(from: Option<SocketAddr>, server: SocketAddr) -> io::Result<UdpSocket> {
    let socket = udp::connected_from(from, server)?;
    prepare(&socket);
    udp::set_dont_fragment(&socket, true);
    Ok(socket)
}

fn prepare(socket: &UdpSocket) {
    let granted = udp::set_receive_buffer(socket, RECEIVE_BUFFER);
    // not inside the log's line, which is not evaluated unless it is asked for
    let gro = udp::set_gro(socket);
    log::debug!("receive buffer: {granted} bytes; GRO: {gro}");
    if granted < RECEIVE_BUFFER {
        // each session would say the same
        static SAID: Once = Once::new();
        SAID.call_once(|| log::info!("{}", small_buffer(granted)));
    }
}

fn small_buffer(granted: usize) -> String {
    format!(
        "this system limits the receive buffer to {} kB: if frames are repaired on a good network, raise it with: {}",
        granted / 1000,
        raise_receive_buffer(RECEIVE_BUFFER)
    )
}

impl Native {
    fn make_room(&mut self) {
        let longest = self.receiver.datagram_len();
        self.out.resize(longest, 0);
        if self.seals.iter().any(Option::is_some) {
            self.sealed.resize(longest + OVERHEAD, 0);
            self.opened.resize(ROOM, 0);
        }
    }

    fn handle_readable(&mut self, path: usize, now: Time) {
        let Some(socket) = &self.sockets[path] else { return };
        for _ in 0..RECEIVES_A_TURN {
            match udp::receive_train(socket, &mut self.into) {
                Received::Some(train) => {
                    for datagram in self.into[..train.len].chunks(train.segment.max(1)) {
                        let opened = match &mut self.seals[path] {
                            Some(seal) => seal.open(datagram, &mut self.opened),
                            None => Ok(datagram),
                        };
                        match opened {
                            Ok(datagram) => self.receiver.handle_datagram(path, datagram, now),
                            Err(Unsealed::Forged) => self.forged += 1,
                            Err(Unsealed::Again) => {}
                        }
                    }
                    if self.receiver.is_laden() {
                        return;
                    }
                }
                Received::Nothing => return,
                Received::Refused => self.receiver.handle_refused(path, now),
                Received::Error(errno) => {
                    log::debug!("receive: {errno}");
                    return;
                }
            }
        }
    }

    fn send(&mut self, now: Time) {
        (0..PATHS).for_each(|path| self.send_by(path, now));
    }

    fn send_by(&mut self, path: usize, now: Time) {
        let Some(socket) = &self.sockets[path] else { return };
        while let Some(datagram) = self.receiver.poll_datagram(path, &mut self.out, now) {
            let sealed = match &mut self.seals[path] {
                Some(seal) => seal.seal(datagram, &mut self.sealed),
                None => Some(datagram),
            };
            let Some(datagram) = sealed else { continue };
            match udp::send_bytes(socket, datagram) {
                // a probe
                Sent::TooLarge if self.receiver.is_live(path) => self.receiver.handle_too_large(path, 0, now),
                Sent::TooLarge => {
                    let mtu = udp::path_mtu(socket).unwrap_or(0);
                    log::info!(
                        "the way to the camera takes packets of {mtu} bytes only: asking for smaller ones"
                    );
                    udp::set_dont_fragment(socket, false);
                    self.receiver.handle_too_large(path, mtu, now);
                }
                Sent::Refused => self.receiver.handle_refused(path, now),
                Sent::NoGso(errno) | Sent::Lost(errno) => {
                    let count = self.not_sent.map_or(0, |(count, _)| count);
                    self.not_sent = Some((count.saturating_add(1), errno));
                }
                // it is said again soon: each datagram says all there is to say
                Sent::Ok | Sent::Blocked => {}
            }
        }
    }
}

impl Plain {
    fn handle_readable(&mut self, now: Time) {
        for _ in 0..RECEIVES_A_TURN {
            match udp::receive_from(&self.socket, &mut self.into) {
                Received::Some((len, from)) if from.ip() == self.server.ip() => self.hear(len, from, now),
                Received::Some(_) | Received::Refused => {}
                Received::Nothing | Received::Error(_) => return,
            }
        }
    }

    fn hear(&mut self, len: usize, from: SocketAddr, now: Time) {
        self.sender = Some(from);
        let datagram = &self.into[..len.min(ROOM)];
        match self.receiver.handle_datagram(datagram, now) {
            Heard::Frame { number, stamp, place } => {
                let mut bytes = self.spares.pop().unwrap_or_default();
                bytes.clear();
                bytes.extend_from_slice(&datagram[place]);
                self.events.push_back(Event::Frame(Frame {
                    number,
                    stamp,
                    discontinuity: false,
                    bytes,
                    begun: now,
                    arrived: now,
                    repaired: 0,
                    fragments: 1,
                }));
            }
            Heard::Over(over) => self.finish(over),
            Heard::Nothing => log::debug!("a datagram of {len} bytes that is no JPEG"),
        }
        self.answer(now);
    }

    fn finish(&mut self, over: Over) {
        self.is_over = true;
        self.events.push_back(Event::Over(0, over));
    }

    fn answer(&mut self, now: Time) {
        let Some(to) = self.sender else { return };
        if let Some(word) = self.receiver.poll_datagram(now) {
            let _ = self.socket.send_to(word, to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::{getsockopt, sockopt};

    #[test]
    fn a_socket_gets_trains_whatever_is_logged() {
        let socket = udp::bound(([127, 0, 0, 1], 0).into()).unwrap();
        prepare(&socket);
        assert!(getsockopt(&socket, sockopt::UdpGroSegment).unwrap());
    }
}
