//! Names of hosts: this one's, and to addresses, beside the loop, as the system's resolver may take many seconds to say no.

use super::worker::{Bell, Worker};
use nix::unistd::gethostname;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};

/// This machine's name.
pub fn this_host() -> String {
    let name = gethostname().map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_else(|_| "this machine".into())
}

/// The number of the network interface of this name, as scopes of addresses have it.
pub fn interface(name: &str) -> Option<u32> {
    name.parse().ok().or_else(|| nix::net::if_::if_nametoindex(name).ok())
}

/// A question to the resolver, or to who else knows addresses, under way.
pub struct Lookup(Worker<(), io::Result<Vec<SocketAddr>>>);

impl Lookup {
    /// Asks for all addresses of `host`, on a thread of its own that ends with the answer.
    ///
    /// # Errors
    /// The process has no thread or descriptor left.
    pub fn start(host: String, port: u16) -> io::Result<Self> {
        Lookup::by(move || (host.as_str(), port).to_socket_addrs().map(Iterator::collect))
    }

    /// The same, with the answer of this, which may take its time.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn by(ask: impl FnOnce() -> io::Result<Vec<SocketAddr>> + Send + 'static) -> io::Result<Self> {
        let lookup = Worker::start("lookup", 1, &Bell::new()?, move |_, desk| {
            // nobody listens any more if the program is about to end
            let _ = desk.tell(ask());
        });
        lookup.map(Lookup)
    }

    /// The answer, once the descriptor is readable.
    pub fn take(&self) -> Option<io::Result<Vec<SocketAddr>>> {
        self.0.bell().clear();
        self.0.take()
    }
}

impl AsFd for Lookup {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.bell().as_fd()
    }
}
