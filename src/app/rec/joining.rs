//! One attempt to join at one address, for no longer than a few seconds. Which address is next, and when, is
//! [`Rejoin`](crate::receiver::rejoin::Rejoin)'s.

use super::config::Language;
use super::seal::Seal;
use crate::app::exit::{Exit, ExitError};
use crate::app::quantity::is_without_link;
use crate::receiver::rejoin::{Failure, FailureReason, JOIN_PATIENCE, Resume};
use crate::seal::Key;
use crate::seal::handshake::{self, Asking};
use crate::sys::random_secret;
use crate::sys::tcp::{self, Heard};
use crate::sys::udp;
use crate::time::Time;
use crate::wire::join::{Accepted, Join, LineError, MAX_LINE, Policy, Refusal, RefusalCode, Reply};
use crate::wire::sealed;
use arrayvec::ArrayVec;
use nix::poll::PollFlags;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};

/// A join under way.
pub struct Joining {
    language: Language,
    /// With a key nothing is said in the open, nor believed.
    key: Option<Key>,
    asking: Option<Asking>,
    resume: Option<Resume>,
    stream: TcpStream,
    to: SocketAddr,
    from: Option<SocketAddr>,
    /// To connect, and then again to answer.
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
        /// Our own, if it was given.
        from: Option<SocketAddr>,
        /// Its keys, if it is sealed.
        seal: Option<Box<Seal>>,
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
    /// The address to go out from is none of this machine's.
    NotOurs(IpAddr),
    /// The connection stands, but nothing was said.
    Mute(SocketAddr),
    /// It closed the connection, and said nothing.
    Closed(SocketAddr),
    /// Something else answers there.
    Stranger(SocketAddr, LineError),
    /// camcast said no.
    Refused(SocketAddr, Refusal),
    /// It understands no sealed join.
    Keyless(SocketAddr),
    /// What answers has not our key, or not all of its answer has come.
    WrongKey(SocketAddr),
    /// There is no random number, or no room for what is to be said.
    Sealing(io::Error),
    /// The port for plain frames cannot be had.
    Port(u16, io::Error),
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JoinError::Unreachable(to, error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                write!(f, "nobody listens on {to}: is camcast running there, and is this its port?")
            }
            JoinError::Unreachable(to, _) if is_without_link(*to) => {
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
            JoinError::NotOurs(ip) => {
                write!(f, "this machine has no address {ip} to go out from: see ip address")
            }
            JoinError::Mute(to) => write!(
                f,
                "{to} does not answer the join: if it is a server of the original protocol, try --plain 5005"
            ),
            JoinError::Closed(to) => {
                write!(f, "{to} closed the connection without an answer: is this camcast's port?")
            }
            JoinError::Stranger(to, bad) => {
                write!(f, "{to} answers, but not as camcast does ({bad}): is this the right port?")
            }
            JoinError::Keyless(to) => {
                write!(f, "camcast at {to} is of a version that knows no keys: it has to be updated")
            }
            JoinError::WrongKey(to) => write!(
                f,
                "{to} answers, but not with the key of --key-file: is it another camera, or somebody who poses as it?"
            ),
            JoinError::Sealing(error) => write!(f, "cannot seal the join: {error}"),
            JoinError::Refused(to, refusal) => write!(f, "camcast at {to} refuses: {}", refusal.why),
            JoinError::Port(port, error) => {
                write!(f, "cannot have UDP port {port}: {error}; choose another with --plain")
            }
        }
    }
}

impl JoinError {
    fn reason(&self) -> FailureReason {
        match self {
            JoinError::Unreachable(..) | JoinError::NotOurs(_) => FailureReason::Unreachable,
            JoinError::Mute(_) => FailureReason::Mute,
            JoinError::Closed(_) | JoinError::Stranger(..) => FailureReason::Stranger,
            JoinError::Refused(_, refusal) => FailureReason::Refused(refusal.code),
            JoinError::Keyless(_) | JoinError::WrongKey(_) => FailureReason::Refused(RefusalCode::Key),
            JoinError::Port(..) | JoinError::Sealing(_) => FailureReason::Local,
        }
    }
}

impl From<JoinError> for Failure<ExitError> {
    fn from(error: JoinError) -> Self {
        let exit = match &error {
            JoinError::Unreachable(..) | JoinError::NotOurs(_) => Exit::Unreachable,
            JoinError::Mute(_) | JoinError::Closed(_) | JoinError::Stranger(..) => Exit::Protocol,
            JoinError::Refused(_, refusal) if refusal.code == RefusalCode::Protocol => Exit::Protocol,
            JoinError::Keyless(_) => Exit::Protocol,
            JoinError::Refused(..) | JoinError::WrongKey(_) => Exit::Refused,
            JoinError::Sealing(_) => Exit::System,
            JoinError::Port(..) => Exit::Listen,
        };
        Failure { reason: error.reason(), words: ExitError::new(exit, error.to_string()) }
    }
}

impl Joining {
    /// Begins to connect, from an address of ours if one is given. With a `key` it is a sealed join, or none.
    ///
    /// # Errors
    /// There is no way to that address.
    pub fn begin(
        language: Language,
        key: Option<Key>,
        from: Option<SocketAddr>,
        to: SocketAddr,
        resume: Option<Resume>,
        now: Time,
    ) -> Result<Self, JoinError> {
        let stream = tcp::begin_connect(from, to).map_err(|error| match from {
            Some(from) if error.kind() == io::ErrorKind::AddrNotAvailable => JoinError::NotOurs(from.ip()),
            _ => JoinError::Unreachable(to, error),
        })?;
        let (deadline, line) = (now.after(JOIN_PATIENCE), ArrayVec::new());
        Ok(Joining {
            language,
            key,
            asking: None,
            resume,
            stream,
            to,
            from,
            deadline,
            line,
            is_connected: false,
        })
    }

    /// The connection, and what to poll it for.
    pub fn fd(&self) -> (BorrowedFd<'_>, PollFlags) {
        let flags = if self.is_connected { PollFlags::POLLIN } else { PollFlags::POLLOUT };
        (self.stream.as_fd(), flags)
    }

    /// When to call [`advance`](Self::advance) at the latest.
    pub fn next_timeout(&self) -> Time {
        self.deadline
    }

    /// The connection is ready, or the deadline has come.
    ///
    /// # Errors
    /// Why no session comes of it.
    pub fn advance(&mut self, is_ready: bool, now: Time) -> Result<Option<Joined>, JoinError> {
        if is_ready && self.is_connected {
            return self.read_reply();
        }
        if is_ready {
            return self.on_connected(now);
        }
        if now < self.deadline {
            return Ok(None);
        }
        if self.is_connected {
            return Err(JoinError::Mute(self.to));
        }
        Err(JoinError::Unreachable(self.to, io::ErrorKind::TimedOut.into()))
    }

    fn on_connected(&mut self, now: Time) -> Result<Option<Joined>, JoinError> {
        tcp::connected(&self.stream).map_err(|error| JoinError::Unreachable(self.to, error))?;
        self.is_connected = true;
        self.deadline = now.after(JOIN_PATIENCE);
        match self.language {
            Language::Native(policy) => {
                self.say_join(policy)?;
                Ok(None)
            }
            Language::Plain(port) => self.say_port(port).map(Some),
        }
    }

    fn say_join(&mut self, policy: Policy) -> Result<(), JoinError> {
        let agent = Some(concat!("camrec/", env!("CARGO_PKG_VERSION")).to_owned());
        let join = Join { policy, resume: self.resume, parity: self.offers_parity(), agent };
        let mut line = join.to_string();
        if let Some(key) = &self.key {
            let random = random_secret().map_err(JoinError::Sealing)?;
            let asked = handshake::ask(key, &random, line.as_bytes());
            let (asking, message) = asked.map_err(|error| JoinError::Sealing(io::Error::other(error)))?;
            self.asking = Some(asking);
            line = sealed::line(&message);
        }
        tcp::write_line(&self.stream, &line);
        Ok(())
    }

    /// A recorder wants the fragments themselves.
    fn offers_parity(&self) -> bool {
        matches!(self.language, Language::Native(Policy::Newest))
    }

    fn read_reply(&mut self) -> Result<Option<Joined>, JoinError> {
        let mut bytes = [0; MAX_LINE];
        match tcp::read(&self.stream, &mut bytes) {
            Heard::Nothing => return Ok(None),
            Heard::Closed | Heard::Broken => return Err(JoinError::Closed(self.to)),
            Heard::Bytes(count) => {
                let fits = count.min(self.line.remaining_capacity());
                self.line.extend(bytes[..fits].iter().copied());
            }
        }
        let Some(end) = self.line.iter().position(|byte| *byte == b'\n') else {
            return if self.line.is_full() {
                Err(JoinError::Stranger(self.to, LineError::NotText))
            } else {
                Ok(None)
            };
        };
        let line = std::mem::take(&mut self.line);
        let (reply, seal) = match self.asking.take() {
            Some(asking) => self.unseal(asking, &line[..end])?,
            None => (Reply::parse(&line[..end]).map_err(|bad| JoinError::Stranger(self.to, bad))?, None),
        };
        match reply {
            Reply::Ok(mut accepted) => {
                accepted.parity &= self.offers_parity();
                let seal = seal.map(Box::new);
                Ok(Some(Joined::Native { accepted, server: self.to, from: self.from, seal }))
            }
            Reply::Refused(refusal) => Err(JoinError::Refused(self.to, refusal)),
        }
    }

    /// What comes in the open is believed if it is a refusal: whoever is in the way could say nothing as well.
    fn unseal(&self, asking: Asking, line: &[u8]) -> Result<(Reply, Option<Seal>), JoinError> {
        let Some(message) = sealed::parse(line) else {
            return match Reply::parse(line) {
                Ok(Reply::Refused(refusal)) if refusal.code == RefusalCode::Protocol => {
                    Err(JoinError::Keyless(self.to))
                }
                Ok(reply @ Reply::Refused(_)) => Ok((reply, None)),
                Ok(Reply::Ok(_)) => Err(JoinError::WrongKey(self.to)),
                Err(bad) => Err(JoinError::Stranger(self.to, bad)),
            };
        };
        let finished = message.map(|message| asking.finish(&message));
        let finished = finished.map_err(|bad| JoinError::Stranger(self.to, bad))?;
        let (channel, words) = finished.map_err(|_| JoinError::WrongKey(self.to))?;
        Seal::read(&words, channel).map_err(|bad| JoinError::Stranger(self.to, bad))
    }

    /// The port is bound before it is named, so that no frame finds it closed.
    fn say_port(&self, port: u16) -> Result<Joined, JoinError> {
        let bind = || {
            let local = SocketAddr::new(self.stream.local_addr()?.ip(), port);
            let socket = udp::bound(local)?;
            let port = socket.local_addr()?.port();
            Ok((socket, port, self.stream.try_clone()?))
        };
        let (socket, port, held) = bind().map_err(|error| JoinError::Port(port, error))?;
        tcp::write_line(&held, &port.to_string());
        Ok(Joined::Plain { held, socket, server: self.to })
    }
}
