//! One attempt to join: each of the host's addresses in turn, none for longer than a few seconds.

use super::config::Language;
use crate::sys::tcp::{self, Heard};
use crate::sys::udp;
use crate::time::Time;
use crate::wire::FrameNumber;
use crate::wire::StreamId;
use crate::wire::join::{Accepted, Join, LineError, MAX_LINE, Policy, Refusal, Reply};
use arrayvec::ArrayVec;
use nix::poll::PollFlags;
use std::fmt;
use std::io;
use std::net::{SocketAddr, SocketAddrV6, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// An address has this long to connect, and then again to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// A join under way.
pub struct Joining {
    language: Language,
    resume: Option<(StreamId, FrameNumber)>,
    /// Addresses still to be tried, the next one last.
    addresses: Vec<SocketAddr>,
    attempt: Option<Attempt>,
    failure: Option<JoinError>,
}

struct Attempt {
    stream: TcpStream,
    to: SocketAddr,
    deadline: Time,
    line: ArrayVec<u8, MAX_LINE>,
    is_connected: bool,
}

/// A join that was let in.
pub enum Joined {
    /// By our own protocol.
    Native {
        /// What the server said.
        accepted: Accepted,
        /// Its address, for UDP too.
        server: SocketAddr,
    },
    /// By the original protocol.
    Plain {
        /// The connection, to be kept for as long as the session.
        held: TcpStream,
        /// The socket that the frames come to.
        socket: UdpSocket,
        /// The server's address.
        server: SocketAddr,
    },
}

/// Why an attempt has failed.
#[derive(Debug)]
pub enum JoinError {
    /// It cannot be reached.
    Unreachable(SocketAddr, io::Error),
    /// The connection stands, but nothing was said.
    Mute(SocketAddr),
    /// Something else answers there.
    Stranger(SocketAddr, LineError),
    /// camcast said no.
    Refused(SocketAddr, Refusal),
    /// The port for plain frames cannot be had.
    Port(u16, io::Error),
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JoinError::Unreachable(to, error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                write!(f, "nobody listens on {to}: is camcast running there, and is this its port?")
            }
            JoinError::Unreachable(SocketAddr::V6(to), _) if is_without_link(to) => {
                let ip = to.ip();
                write!(
                    f,
                    "{ip} is an address of one link, and this machine may have several: name it, as in {ip}%wlan0 (ip link)"
                )
            }
            JoinError::Unreachable(to, error) => {
                write!(
                    f,
                    "cannot reach {to}: {error}; is it switched on, in this network, and its firewall open?"
                )
            }
            JoinError::Mute(to) => write!(
                f,
                "{to} does not answer the join: if it is a server of the original protocol, try --plain 5005"
            ),
            JoinError::Stranger(to, bad) => {
                write!(f, "{to} answers, but not as camcast does ({bad}): is this the right port?")
            }
            JoinError::Refused(to, refusal) => write!(f, "camcast at {to} refuses: {}", refusal.why),
            JoinError::Port(port, error) => {
                write!(f, "cannot have UDP port {port}: {error}; choose another with --plain")
            }
        }
    }
}

/// An address of a link, which says nothing of the link.
fn is_without_link(address: &SocketAddrV6) -> bool {
    address.ip().is_unicast_link_local() && address.scope_id() == 0
}

impl Joining {
    /// Begins with the first of `addresses`.
    pub fn new(
        language: Language,
        resume: Option<(StreamId, FrameNumber)>,
        mut addresses: Vec<SocketAddr>,
        now: Time,
    ) -> Self {
        addresses.reverse();
        let mut joining = Joining { language, resume, addresses, attempt: None, failure: None };
        joining.next_address(now);
        joining
    }

    /// The connection, and what to poll it for.
    pub fn fd(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        let attempt = self.attempt.as_ref()?;
        let flags = if attempt.is_connected { PollFlags::POLLIN } else { PollFlags::POLLOUT };
        Some((attempt.stream.as_fd(), flags))
    }

    /// When to call [`advance`](Self::advance) at the latest.
    pub fn next_timeout(&self) -> Time {
        self.attempt.as_ref().map_or(Time::default(), |attempt| attempt.deadline)
    }

    /// The connection is ready, or the deadline has come.
    ///
    /// # Errors
    /// How the last address failed, once there is none left.
    pub fn advance(&mut self, is_ready: bool, now: Time) -> Result<Option<Joined>, JoinError> {
        if let Some(mut attempt) = self.attempt.take() {
            match self.step(&mut attempt, is_ready, now) {
                Ok(None) => self.attempt = Some(attempt),
                Ok(joined) => return Ok(joined),
                Err(failed) => {
                    self.failure = Some(failed);
                    self.next_address(now);
                }
            }
        }
        match (&self.attempt, self.failure.take()) {
            (None, Some(failure)) => Err(failure),
            (_, failure) => {
                self.failure = failure;
                Ok(None)
            }
        }
    }

    fn next_address(&mut self, now: Time) {
        while let Some(to) = self.addresses.pop() {
            match tcp::begin_connect(to) {
                Ok(stream) => {
                    let deadline = now.after(PATIENCE);
                    let line = ArrayVec::new();
                    self.attempt = Some(Attempt { stream, to, deadline, line, is_connected: false });
                    return;
                }
                Err(error) => self.failure = Some(JoinError::Unreachable(to, error)),
            }
        }
        let nowhere = || JoinError::Unreachable(([0, 0, 0, 0], 0).into(), io::ErrorKind::NotFound.into());
        self.failure.get_or_insert_with(nowhere);
    }

    fn step(&self, attempt: &mut Attempt, is_ready: bool, now: Time) -> Result<Option<Joined>, JoinError> {
        if is_ready && !attempt.is_connected {
            tcp::connected(&attempt.stream).map_err(|error| JoinError::Unreachable(attempt.to, error))?;
            attempt.is_connected = true;
            attempt.deadline = now.after(PATIENCE);
            return match self.language {
                Language::Native(policy) => {
                    self.say_join(attempt, policy);
                    Ok(None)
                }
                Language::Plain(port) => say_port(attempt, port).map(Some),
            };
        }
        if is_ready {
            return read_reply(attempt);
        }
        if now < attempt.deadline {
            return Ok(None);
        }
        if attempt.is_connected {
            return Err(JoinError::Mute(attempt.to));
        }
        Err(JoinError::Unreachable(attempt.to, io::ErrorKind::TimedOut.into()))
    }

    fn say_join(&self, attempt: &Attempt, policy: Policy) {
        let agent = Some(concat!("camrec/", env!("CARGO_PKG_VERSION")).to_owned());
        let join = Join { policy, resume: self.resume, agent };
        tcp::write_line(&attempt.stream, &join.to_string());
    }
}

fn read_reply(attempt: &mut Attempt) -> Result<Option<Joined>, JoinError> {
    let mut bytes = [0; MAX_LINE];
    match tcp::read(&attempt.stream, &mut bytes) {
        Heard::Nothing => return Ok(None),
        Heard::Closed => return Err(JoinError::Stranger(attempt.to, LineError::Verb)),
        Heard::Bytes(count) => {
            let fits = count.min(attempt.line.remaining_capacity());
            attempt.line.extend(bytes[..fits].iter().copied());
        }
    }
    let Some(end) = attempt.line.iter().position(|byte| *byte == b'\n') else {
        return if attempt.line.is_full() {
            Err(JoinError::Stranger(attempt.to, LineError::NotText))
        } else {
            Ok(None)
        };
    };
    match Reply::parse(&attempt.line[..end]) {
        Ok(Reply::Ok(accepted)) => Ok(Some(Joined::Native { accepted, server: attempt.to })),
        Ok(Reply::Refused(refusal)) => Err(JoinError::Refused(attempt.to, refusal)),
        Err(bad) => Err(JoinError::Stranger(attempt.to, bad)),
    }
}

/// The port is bound before it is named, so that no frame finds it closed.
fn say_port(attempt: &Attempt, port: u16) -> Result<Joined, JoinError> {
    let bind = || {
        let local = SocketAddr::new(attempt.stream.local_addr()?.ip(), port);
        let socket = udp::bound(local)?;
        let port = socket.local_addr()?.port();
        Ok((socket, port, attempt.stream.try_clone()?))
    };
    let (socket, port, held) = bind().map_err(|error| JoinError::Port(port, error))?;
    tcp::write_line(&held, &port.to_string());
    Ok(Joined::Plain { held, socket, server: attempt.to })
}
