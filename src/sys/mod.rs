//! Every system call that is not a camera's, as a safe function. Knows nothing of frames or clients.
//!
//! errno becomes meaning here: what callers see are outcomes that they act on, or an `io::Error` to report.
//! A port to another system touches this room.
//!
//! Lives here: one file for each kind of descriptor, and threads with a bell (`worker`). May not live here: what the bytes mean, and
//! any decision about them.
#![allow(unsafe_code)]

pub mod arrivals;
pub mod boot;
pub mod clock;
pub mod command;
pub mod connection;
pub mod descriptors;
pub mod files;
pub mod handed;
pub mod hotplug;
pub mod interfaces;
#[cfg(test)]
mod loopback;
pub mod memory;
pub mod mounts;
pub mod multicast;
pub mod names;
pub mod notify;
pub mod outlet;
pub mod poll;
pub mod pool;
pub mod signals;
pub mod tcp;
pub mod udp;
pub mod worker;

use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, setsockopt, socket, sockopt,
};
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use zeroize::Zeroizing;

/// Which other sockets may have the same port.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Share {
    /// One of the same address that is only winding down (TCP's `TIME_WAIT`); of UDP, any other member of a group.
    Address,
    /// None: whoever comes second is told so.
    Nothing,
    /// Others of the same user: the clients' own UDP sockets beside the listening one. `SO_REUSEADDR` would let any
    /// local user take the port over.
    Port,
}

/// A non-blocking, close-on-exec socket bound to `to`. An IPv6 socket takes IPv4 too.
fn bound_socket(to: SocketAddr, kind: SockType, share: Share) -> io::Result<OwnedFd> {
    let fd = new_socket(to, kind)?;
    match share {
        Share::Nothing => {}
        Share::Address => setsockopt(&fd, sockopt::ReuseAddr, &true)?,
        Share::Port => setsockopt(&fd, sockopt::ReusePort, &true)?,
    }
    bind(std::os::fd::AsRawFd::as_raw_fd(&fd), &SockaddrStorage::from(to))?;
    Ok(fd)
}

/// A socket that is to talk to `to`, and goes out from `from`, if that is given.
fn socket_from(from: Option<SocketAddr>, to: SocketAddr, kind: SockType) -> io::Result<OwnedFd> {
    match from {
        Some(from) => bound_socket(from, kind, Share::Nothing),
        None => new_socket(to, kind),
    }
}

fn new_socket(to: SocketAddr, kind: SockType) -> io::Result<OwnedFd> {
    let family = if to.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let fd = socket(family, kind, SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC, None)?;
    if to.is_ipv6() {
        setsockopt(&fd, sockopt::Ipv6V6Only, &false)?;
    }
    Ok(fd)
}

/// Fresh random bytes from the kernel, for a key.
///
/// # Errors
/// Only where the kernel has no generator at all.
pub fn random_secret() -> io::Result<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes)
}

/// Fresh random bits from the kernel.
///
/// # Errors
/// Only where the kernel has no generator at all.
pub fn random_u64() -> io::Result<u64> {
    getrandom::u64().map_err(|error| io::Error::other(error.to_string()))
}
