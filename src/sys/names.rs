//! Names of hosts: this one's, and to addresses, beside the loop, as the system's resolver may take many seconds to say no.

use nix::sys::socket::{MsgFlags, recv};
use nix::unistd::gethostname;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

/// This machine's name.
pub fn this_host() -> String {
    let name = gethostname().map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_else(|_| "this machine".into())
}

/// The number of the network interface of this name, as scopes of addresses have it.
pub fn interface(name: &str) -> Option<u32> {
    name.parse().ok().or_else(|| nix::net::if_::if_nametoindex(name).ok())
}

/// A question to the resolver, under way.
pub struct Lookup {
    answer: Receiver<io::Result<Vec<SocketAddr>>>,
    bell: UnixStream,
}

impl Lookup {
    /// Asks for all addresses of `host`, on a thread of its own that ends with the answer.
    ///
    /// # Errors
    /// The process has no thread or descriptor left.
    pub fn start(host: String, port: u16) -> io::Result<Self> {
        let (bell, ring) = UnixStream::pair()?;
        let (say, answer) = channel();
        thread::Builder::new().name("lookup".into()).spawn(move || {
            let addresses = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
            // nobody listens any more if the program is about to end
            let _ = say.send(addresses);
            drop(ring);
        })?;
        Ok(Lookup { answer, bell })
    }

    /// The answer, once the descriptor is readable.
    pub fn take(&self) -> Option<io::Result<Vec<SocketAddr>>> {
        let mut byte = [0];
        // the bell's other end is closed after the answer has been sent
        match recv(self.bell.as_raw_fd(), &mut byte, MsgFlags::MSG_DONTWAIT) {
            Ok(0) => self.answer.try_recv().ok(),
            _ => None,
        }
    }
}

impl AsFd for Lookup {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}
