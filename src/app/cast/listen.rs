//! What outlets that listen have in common: what can be in the way, in words, and how long they rest then.

use super::outlet::Shared;
use super::poll_set::{PollSet, Seat};
use crate::admission::networks::Allowed;
use crate::admission::password::Passwords;
use crate::app::exit::{Exit, ExitError};
use crate::app::quantity::is_without_link;
use crate::sys::connection::{Connection, Listener, Remote};
use crate::sys::tcp::Accepted;
use crate::time::Time;
use nix::errno::Errno;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;
use std::time::Duration;

/// A listener rests this long when a connection cannot be taken: it stays readable meanwhile.
pub const ACCEPT_REST: Duration = Duration::from_millis(100);

/// Descriptors that connections leave to joins: from here on each new one costs one that wants nothing ...
pub const SPARE: u64 = 12;

/// ... from here on one of those that there are at the same outlet, if it has any ...
pub const SPARE_AT_LEAST: u64 = 9;

/// ... and from here on it is not taken. An outlet that has none gets its first from what joins have left, however many strangers
/// have joined just now.
pub const SPARE_LAST: u64 = SPARE_OF_JOINS / 2;

/// Those that joins leave to what must go on: a camera that comes back, a file.
pub const SPARE_OF_JOINS: u64 = 6;

/// Why one cannot be taken when this process, or the system, has reached its limit.
pub const NO_ROOM: &str =
    "there is no descriptor or memory left: raise LimitNOFILE= of its unit, or ulimit -n";

/// Listens at this address, typed with `option`, for what is called `by` in the log; on all addresses of IPv4 where all were meant
/// and this machine has no IPv6.
///
/// # Errors
/// What is in the way, and its remedy.
pub fn open(option: &str, by: &str, at: SocketAddr, whom: Whom) -> Result<Listener, ExitError> {
    let (_, listener) = or_ipv4(at, Listener::tcp);
    let listener = listener.map_err(|error| failure(option, at, &error))?;
    let at = listener.address().unwrap_or(at);
    log::info!("listening on {at} ({by}), for {whom}");
    Ok(listener)
}

/// Opens what there is to open at an address, or at all of IPv4 where all were meant and this machine has no IPv6. Says which it was, too.
pub fn or_ipv4<It>(
    at: SocketAddr,
    open: impl Fn(SocketAddr) -> io::Result<It>,
) -> (SocketAddr, io::Result<It>) {
    match open(at) {
        Err(error) if at.ip().is_unspecified() && is_unknown_family(&error) => {
            let ipv4 = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), at.port());
            (ipv4, open(ipv4))
        }
        opened => (at, opened),
    }
}

/// Connections that an outlet takes a turn.
pub const ACCEPTS_A_TURN: usize = 8;

/// Where connections come, for outlets that take them.
pub struct Listening {
    listeners: Vec<Listener>,
    /// They rest until then.
    after: Time,
}

impl Listening {
    /// At these.
    pub fn new(listeners: Vec<Listener>) -> Self {
        Listening { listeners, after: Time::default() }
    }

    /// Adds what is to be polled, as this kind of seat.
    pub fn register<'p>(&'p self, set: &mut PollSet<'p>, kind: u8, now: Time) {
        if now < self.after {
            return;
        }
        for (place, listener) in (0..).zip(&self.listeners) {
            set.readable(Seat { kind, place, generation: 0 }, listener.as_fd());
        }
    }

    /// When a rest is over, if it is one.
    pub fn next_timeout(&self, now: Time) -> Time {
        if self.after > now { self.after } else { Time::NEVER }
    }

    /// One who waits at this place; none, and a rest if that is this machine's fault.
    pub fn accept(
        &mut self,
        place: usize,
        shared: &mut Shared<'_>,
        now: Time,
    ) -> Option<(Connection, Remote)> {
        let why = match self.listeners.get(place)?.accept() {
            Ok(Accepted::Connection(socket, remote)) if lets_in(&shared.rules.allow, remote) => {
                return Some((socket, remote));
            }
            Ok(Accepted::Connection(_, remote)) => {
                shared.stats.rejected += 1;
                shared.report.rejected(remote, "its address is in no network that --allow names", now);
                return None;
            }
            Ok(Accepted::Nobody) => return None,
            Ok(Accepted::NoRoom) => {
                shared.stats.is_scarce = true;
                NO_ROOM.to_owned()
            }
            Err(error) => error.to_string(),
        };
        self.after = now.after(ACCEPT_REST);
        shared.report.cannot_accept(&why, now);
        None
    }
}

/// Whoever may use a socket file is let in by its mode.
pub fn lets_in(allowed: &Allowed, remote: Remote) -> bool {
    match remote {
        Remote::Address(remote) => allowed.has(remote.ip()),
        Remote::Local => true,
    }
}

/// Whom an outlet is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// No password is asked for.
    Everybody,
    /// One is.
    Known,
}

impl Whom {
    /// By whether there are passwords.
    pub fn of(passwords: Option<&Passwords>) -> Self {
        if passwords.is_some() { Whom::Known } else { Whom::Everybody }
    }
}

impl fmt::Display for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Whom::Everybody => "whoever reaches it",
            Whom::Known => "those who know a password",
        })
    }
}

/// This machine does not have addresses of that kind.
pub fn is_unknown_family(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::EAFNOSUPPORT as i32)
}

/// Why this address cannot be listened on, and what is to be done about it; `option` is the one that it was typed with.
pub fn failure(option: &str, at: SocketAddr, error: &io::Error) -> ExitError {
    let port = at.port();
    let text = match error.kind() {
        _ if is_without_link(at) => {
            let ip = at.ip();
            format!("{ip} is an address of one link: name it, as in {option} [{ip}%eth0]:{port} (ip link)")
        }
        ErrorKind::AddrInUse => {
            format!(
                "{at} is in use, maybe by another camcast: ss -tulpn sport = :{port} shows by whom; {option} takes another"
            )
        }
        ErrorKind::AddrNotAvailable => {
            format!("{at} is no address of this machine: ip address shows them; {option} takes another")
        }
        ErrorKind::PermissionDenied => {
            format!("not permitted to listen on {at}: ports below 1024 are root's; {option} takes another")
        }
        _ => format!("cannot listen on {at}: {error}; {option} takes another address"),
    };
    ExitError::new(Exit::Listen, text)
}
