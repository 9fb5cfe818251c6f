//! A session's socket and its receiver, for both languages: what the loop polls, and what comes out of it.

use super::joining::Joined;
use crate::receiver::plain::{Heard, PlainReceiver};
use crate::receiver::{Event, Frame, Over, Patience, Receiver};
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
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;

/// A viewer waits this long for a frame's missing fragments: time for two round trips of 50 ms.
const LATENCY: Duration = Duration::from_millis(120);

/// A session.
pub enum Session {
    /// By our own protocol.
    Native(Box<Native>),
    /// By the original protocol.
    Plain(Box<Plain>),
}

/// A session by our own protocol.
pub struct Native {
    receiver: Receiver,
    socket: UdpSocket,
    stream: StreamId,
    into: Vec<u8>,
    out: Vec<u8>,
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
}

impl Session {
    /// Begins the session that was joined. `next` numbers a plain session's frames on.
    ///
    /// # Errors
    /// No socket.
    pub fn begin(joined: Joined, policy: Policy, next: FrameNumber, now: Time) -> io::Result<Self> {
        match joined {
            Joined::Native { accepted, server } => {
                let socket = udp::connected(server)?;
                prepare(&socket);
                udp::set_dont_fragment(&socket, true);
                let patience = match policy {
                    Policy::Newest => Patience::Latency(LATENCY),
                    Policy::Every => Patience::Reel,
                };
                let receiver = Receiver::new(&accepted, patience, now);
                let out = vec![0; receiver.datagram_len()];
                let stream = accepted.stream;
                let into = vec![0; ROOM];
                Ok(Session::Native(Box::new(Native { receiver, socket, stream, into, out, not_sent: None })))
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
                })))
            }
        }
    }

    /// The socket.
    pub fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Session::Native(native) => native.socket.as_fd(),
            Session::Plain(plain) => plain.socket.as_fd(),
        }
    }

    /// The stream and the next frame of it that is wanted; a plain session has no stream.
    pub fn resume(&self) -> Option<(StreamId, FrameNumber)> {
        match self {
            Session::Native(native) => Some((native.stream, native.receiver.next_frame())),
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

    /// Something has come from the server.
    pub fn is_live(&self) -> bool {
        match self {
            Session::Native(native) => native.receiver.is_live(),
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

    /// Half the round trip, where it is known: what a frame is delayed at the least.
    pub fn one_way(&self) -> Duration {
        match self {
            Session::Native(native) => native.receiver.round_trip().unwrap_or_default() / 2,
            Session::Plain(_) => Duration::ZERO,
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

    /// The socket can be read.
    pub fn handle_readable(&mut self, now: Time) {
        match self {
            Session::Native(native) => native.handle_readable(now),
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
                    plain.events.push_back(Event::Over(over));
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

    /// Tells the server that we leave; [`Event::Over`] follows.
    pub fn leave(&mut self, now: Time) {
        match self {
            Session::Native(native) => {
                native.receiver.leave(now);
                native.send(now);
            }
            Session::Plain(plain) => {
                let to = plain.sender.unwrap_or(plain.server);
                let _ = plain.socket.send_to(plain.receiver.farewell(), to);
                plain.events.push_back(Event::Over(Over::Left));
            }
        }
    }
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
        "this system limits the receive buffer to {} kB: if frames are repaired on a good network, raise it with: \
         sudo sysctl -w net.core.rmem_max={RECEIVE_BUFFER} (to last: a line in /etc/sysctl.d/)",
        granted / 1000
    )
}

impl Native {
    fn handle_readable(&mut self, now: Time) {
        for _ in 0..RECEIVES_A_TURN {
            match udp::receive_train(&self.socket, &mut self.into) {
                Received::Some(train) => {
                    let datagrams = self.into[..train.len].chunks(train.segment.max(1));
                    datagrams.for_each(|datagram| self.receiver.handle_datagram(datagram, now));
                }
                Received::Nothing => return,
                Received::Refused => self.receiver.handle_refused(),
                Received::Error(errno) => {
                    log::debug!("receive: {errno}");
                    return;
                }
            }
        }
    }

    fn send(&mut self, now: Time) {
        while let Some(datagram) = self.receiver.poll_datagram(&mut self.out, now) {
            match udp::send_bytes(&self.socket, datagram) {
                // a probe
                Sent::TooLarge if self.receiver.is_live() => self.receiver.handle_too_large(0, now),
                Sent::TooLarge => {
                    let mtu = udp::path_mtu(&self.socket).unwrap_or(0);
                    log::info!(
                        "the way to the camera takes packets of {mtu} bytes only: asking for smaller ones"
                    );
                    udp::set_dont_fragment(&self.socket, false);
                    self.receiver.handle_too_large(mtu, now);
                }
                Sent::Refused => self.receiver.handle_refused(),
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
            Heard::Over(over) => self.events.push_back(Event::Over(over)),
            Heard::Nothing => log::debug!("a datagram of {len} bytes that is no JPEG"),
        }
        self.answer(now);
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
