//! Words to the service manager, as sd_notify(3) has it: a datagram to the socket that it names. What it does not take at once is
//! not said; a loop must not wait for it.

use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The way to the service manager.
#[derive(Debug)]
pub struct Manager {
    socket: UnixDatagram,
    to: SocketAddr,
}

impl Manager {
    /// The one that has started this process, if it wants to hear of it.
    pub fn of_this_process() -> Option<Self> {
        Self::at(&std::env::var_os("NOTIFY_SOCKET")?)
    }

    /// The one at this socket: a path, or a name behind an `@`.
    pub fn at(name: &OsStr) -> Option<Self> {
        let to = match name.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
            [b'/', ..] => SocketAddr::from_pathname(name),
            _ => return None,
        };
        let socket = UnixDatagram::unbound().ok()?;
        socket.set_nonblocking(true).ok()?;
        Some(Manager { socket, to: to.ok()? })
    }

    /// Whether it has taken this: lines of `NAME=value`.
    pub fn tell(&self, words: &str) -> bool {
        self.socket.send_to_addr(words.as_bytes(), &self.to).is_ok()
    }
}

/// So often at the least it wants to hear that this process is alive (`WatchdogSec=`).
pub fn watchdog() -> Option<Duration> {
    let number = |name| std::env::var(name).ok()?.parse().ok();
    // another process of the service may be meant
    if number("WATCHDOG_PID").is_some_and(|pid| pid != u64::from(std::process::id())) {
        return None;
    }
    number("WATCHDOG_USEC").filter(|usec| *usec > 0).map(Duration::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_by_path_and_by_name_and_never_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let by_path = UnixDatagram::bind(&path).unwrap();
        let name = format!("camcast-notify-{}", std::process::id());
        let by_name = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        for (socket, at) in [(by_path, path.as_os_str()), (by_name, OsStr::new(&format!("@{name}")))] {
            let manager = Manager::at(at).unwrap();
            assert!(manager.tell("READY=1"));
            let mut room = [0; 16];
            let count = socket.recv(&mut room).unwrap();
            assert_eq!(&room[..count], b"READY=1");
            // nobody reads what it is told
            assert!((0..100_000).any(|_| !manager.tell("STATUS=full")));
            drop(socket);
            assert!(!manager.tell("READY=1"), "it has gone");
        }
        assert!(Manager::at(OsStr::new("vsock:2:1")).is_none());
    }
}
