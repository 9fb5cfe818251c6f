//! Sockets that the service manager has opened and hands over at the start (`sd_listen_fds(3)`).

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::sys::socket::{SockType, getsockopt, sockopt};
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// The first of them.
const FIRST: i32 = 3;

/// More than these are not looked at.
const MOST: i32 = 1024;

/// One of them.
#[derive(Debug)]
pub struct Socket {
    /// What its unit calls it (`FileDescriptorName=`).
    pub name: String,
    /// The socket.
    pub kind: Kind,
}

/// What it is for.
#[derive(Debug)]
pub enum Kind {
    /// Connections are taken from it.
    Tcp(TcpListener),
    /// It hears datagrams.
    Udp(UdpSocket),
    /// Nothing that is of use here.
    Other,
}

/// Those of this process. They can be taken once; then there are none.
pub fn take() -> Vec<Socket> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    let number = |name| std::env::var(name).ok()?.parse::<i32>().ok();
    // they may be meant for the process that has started this one
    let is_ours = number("LISTEN_PID").is_some_and(|pid| u32::try_from(pid) == Ok(std::process::id()));
    if !is_ours || TAKEN.swap(true, Ordering::Relaxed) {
        return Vec::new();
    }
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    let last = FIRST.saturating_add(number("LISTEN_FDS").unwrap_or(0).clamp(0, MOST));
    let mut socket = |fd| {
        let name = names.next().unwrap_or_default().to_owned();
        // SAFETY: the service manager has opened it for this process before it was started, which is known by its number; nothing
        // else here knows of it, and it is taken once. Should it be closed, nothing is done with it but to say so.
        let fd = (is_open(fd)).then(|| unsafe { OwnedFd::from_raw_fd(fd) })?;
        Some(Socket { name, kind: kind(fd) })
    };
    (FIRST..last).filter_map(&mut socket).collect()
}

fn is_open(fd: i32) -> bool {
    // SAFETY: F_GETFD only looks, at any number.
    unsafe { libc::fcntl(fd, libc::F_GETFD) >= 0 }
}

/// What is of use does not wait, and is not handed on.
fn kind(fd: OwnedFd) -> Kind {
    let ready = fcntl(&fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))
        .and_then(|_| fcntl(&fd, FcntlArg::F_GETFL))
        .and_then(|flags| fcntl(&fd, FcntlArg::F_SETFL(OFlag::from_bits_retain(flags) | OFlag::O_NONBLOCK)));
    // a socket file is one too, but no address of a network
    let is_of_network = |fd: &OwnedFd| {
        let as_udp = fd.try_clone().map(UdpSocket::from);
        as_udp.and_then(|socket| socket.local_addr()).is_ok()
    };
    match getsockopt(&fd, sockopt::SockType) {
        Ok(SockType::Stream) if ready.is_ok() && is_of_network(&fd) && listens(&fd) => Kind::Tcp(fd.into()),
        Ok(SockType::Datagram) if ready.is_ok() && is_of_network(&fd) => Kind::Udp(fd.into()),
        _ => Kind::Other,
    }
}

fn listens(fd: &OwnedFd) -> bool {
    getsockopt(fd, sockopt::AcceptConn) == Ok(true)
}
