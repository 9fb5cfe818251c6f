//! Connections that come over the network, or through a socket file of this machine, as a web server in front of us makes them.

use super::descriptors;
use super::poll::{self, PollFlags};
use super::tcp::{self, Accepted};
use super::udp::set_int_option;
use crate::time::Time;
use arrayvec::ArrayVec;
use nix::errno::Errno;
use nix::poll::PollFd;
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr};
use nix::sys::socket::{bind, connect, listen, setsockopt, socket, sockopt};
use std::fmt;
use std::fs::{self, Permissions};
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// A connection is writable while less than this waits in the kernel to be sent, in bytes: so a reader that has stopped holds one
/// frame there, not as many as the send buffer takes.
const UNSENT: libc::c_int = 16 * 1024;

/// The kernel closes a connection whose other end confirms nothing for this long, in milliseconds.
const UNCONFIRMED: u32 = 30_000;

/// Whether the other end is still there is asked after so many seconds of silence, and again after so many.
const ASKED_AFTER: u32 = 30;
const ASKED_AGAIN: u32 = 10;

/// Where connections come.
#[derive(Debug)]
pub enum Listener {
    /// An address of the network.
    Tcp(TcpListener),
    /// A socket file, which goes with us.
    Unix(UnixListener, SocketFile),
}

/// A socket file that we have made.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    /// Device and inode: another process may have put its own in this place.
    made: (u64, u64),
}

/// A connection, non-blocking.
#[derive(Debug)]
pub enum Connection {
    /// Over the network.
    Tcp(TcpStream),
    /// Through a socket file.
    Unix(UnixStream),
}

impl Connection {
    /// See [`descriptors::moved_down`].
    #[must_use]
    pub fn moved_down(self) -> Self {
        match self {
            Connection::Tcp(stream) => Connection::Tcp(descriptors::moved_down(stream)),
            Connection::Unix(stream) => Connection::Unix(descriptors::moved_down(stream)),
        }
    }
}

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remote {
    /// An address of the network.
    Address(SocketAddr),
    /// A program of this machine.
    Local,
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Remote::Address(address) => address.fmt(f),
            Remote::Local => f.write_str("the socket file"),
        }
    }
}

impl Listener {
    /// Listens on an address of the network.
    ///
    /// # Errors
    /// The address is in use, not of this machine, or not permitted.
    pub fn tcp(at: SocketAddr) -> io::Result<Self> {
        tcp::listener(at).map(Listener::Tcp)
    }

    /// Listens on a socket file of this mode, such as `0o666`; one that a dead process has left is replaced.
    ///
    /// # Errors
    /// Somebody listens on it, it is a file of another kind, or it cannot be made.
    pub fn unix(path: &Path, mode: u32) -> io::Result<Self> {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let socket = || socket(AddressFamily::Unix, SockType::Stream, flags, None);
        let address = UnixAddr::new(path)?;
        // whoever may not connect, or finds the queue full, has found somebody
        let is_left_over = path.symlink_metadata().is_ok_and(|found| found.file_type().is_socket())
            && connect(socket()?.as_raw_fd(), &address) == Err(Errno::ECONNREFUSED);
        if is_left_over {
            fs::remove_file(path)?;
        }
        let fd = socket()?;
        bind(fd.as_raw_fd(), &address)?;
        let file = SocketFile { path: path.to_owned(), made: identity(path)? };
        // nobody connects before it listens
        fs::set_permissions(path, Permissions::from_mode(mode))?;
        listen(&fd, Backlog::new(64)?)?;
        Ok(Listener::Unix(UnixListener::from(fd), file))
    }

    /// Takes one waiting connection.
    ///
    /// # Errors
    /// What is wrong with the listener itself.
    pub fn accept(&self) -> io::Result<Accepted<Connection, Remote>> {
        match self {
            Listener::Tcp(listener) => Ok(match tcp::accept(listener)? {
                Accepted::Connection(stream, remote) => {
                    prepare(&stream);
                    Accepted::Connection(Connection::Tcp(stream), Remote::Address(remote))
                }
                Accepted::Nobody => Accepted::Nobody,
                Accepted::NoRoom => Accepted::NoRoom,
            }),
            Listener::Unix(listener, _) => match listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(true)?;
                    Ok(Accepted::Connection(Connection::Unix(stream), Remote::Local))
                }
                Err(error) => tcp::not_accepted(error),
            },
        }
    }

    /// The address, if it is one of the network.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Listener::Tcp(listener) => listener.local_addr().ok(),
            Listener::Unix(..) => None,
        }
    }
}

/// Frames leave at once, and a reader that has gone or stopped does not hold much. What the system does not know, it does without.
fn prepare(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let _ = setsockopt(stream, sockopt::TcpUserTimeout, &UNCONFIRMED);
    let _ = setsockopt(stream, sockopt::KeepAlive, &true);
    let _ = setsockopt(stream, sockopt::TcpKeepIdle, &ASKED_AFTER);
    let _ = setsockopt(stream, sockopt::TcpKeepInterval, &ASKED_AGAIN);
    set_int_option(stream, libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT, UNSENT);
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    path.symlink_metadata().map(|found| (found.dev(), found.ino()))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|found| found == self.made) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Listener::Tcp(listener) => listener.as_fd(),
            Listener::Unix(listener, _) => listener.as_fd(),
        }
    }
}

/// Connections that are asked together.
const TOGETHER: usize = 128;

/// Whether each of these takes bytes now, in one call; of more than 128 the first are told.
pub fn are_writable<'c>(each: impl Iterator<Item = &'c Connection>) -> ArrayVec<bool, TOGETHER> {
    let asked = |connection: &'c Connection| PollFd::new(connection.as_fd(), PollFlags::POLLOUT);
    let mut fds: ArrayVec<PollFd<'c>, TOGETHER> = each.take(TOGETHER).map(asked).collect();
    if fds.is_empty() || poll::wait(&mut fds, Time::default(), Time::default()).is_err() {
        return ArrayVec::new();
    }
    fds.iter().map(poll::is_writable).collect()
}

impl Connection {
    /// Whether it takes bytes now.
    pub fn is_writable(&self) -> bool {
        are_writable(std::iter::once(self)).first() == Some(&true)
    }

    /// This end's address, if the connection is one of the network.
    pub fn local_address(&self) -> Option<SocketAddr> {
        match self {
            Connection::Tcp(stream) => stream.local_addr().ok(),
            Connection::Unix(_) => None,
        }
    }

    /// Says that no more comes from here. What has been sent arrives, and what the other side still says can be read.
    pub fn end(&self) {
        let _ = match self {
            Connection::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Connection::Unix(stream) => stream.shutdown(Shutdown::Write),
        };
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Connection::Tcp(stream) => stream.as_fd(),
            Connection::Unix(stream) => stream.as_fd(),
        }
    }
}

impl Read for &Connection {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Connection::Tcp(stream) => (&*stream).read(into),
            Connection::Unix(stream) => (&*stream).read(into),
        }
    }
}

impl Write for &Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Connection::Tcp(stream) => (&*stream).write(bytes),
            Connection::Unix(stream) => (&*stream).write(bytes),
        }
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Connection::Tcp(stream) => (&*stream).write_vectored(pieces),
            Connection::Unix(stream) => (&*stream).write_vectored(pieces),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::loopback::wait_for;
    use crate::sys::poll::PollFlags;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixDatagram;

    fn accepted(listener: &Listener) -> (Connection, Remote) {
        wait_for(listener, PollFlags::POLLIN);
        match listener.accept().unwrap() {
            Accepted::Connection(connection, remote) => (connection, remote),
            Accepted::Nobody | Accepted::NoRoom => panic!("nobody"),
        }
    }

    #[test]
    fn a_connection_is_not_writable_while_its_reader_has_stopped() {
        let listener = Listener::tcp("127.0.0.1:0".parse().unwrap()).unwrap();
        let mut reader = TcpStream::connect(listener.address().unwrap()).unwrap();
        let (connection, remote) = accepted(&listener);
        assert_eq!(remote, Remote::Address(reader.local_addr().unwrap()));
        assert!(connection.is_writable());
        let block = [7; 65_536];
        let mut sent = 0;
        while let Ok(count) = (&connection).write(&block) {
            sent += count;
        }
        assert!(sent > 0 && !connection.is_writable());
        let mut left = sent;
        while left > 0 {
            left -= reader.read(&mut [0; 65_536]).unwrap();
        }
        wait_for(&connection, PollFlags::POLLOUT);
        assert!(connection.is_writable());
    }

    #[test]
    fn a_socket_file_that_nobody_listens_on_is_replaced_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("http");
        let listener = Listener::unix(&path, 0o660).unwrap();
        assert_eq!(path.metadata().unwrap().mode() & 0o7777, 0o660);
        assert!(Listener::unix(&path, 0o660).is_err(), "somebody listens");
        let _client = UnixStream::connect(&path).unwrap();
        let (_connection, remote) = accepted(&listener);
        assert_eq!((remote, remote.to_string().as_str()), (Remote::Local, "the socket file"));
        drop(listener);
        assert!(!path.exists());
        // as a kill leaves it
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        drop(Listener::unix(&path, 0o666).unwrap());
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "somebody's").unwrap();
        symlink(&file, &link).unwrap();
        for taken in [&file, &link] {
            assert!(Listener::unix(taken, 0o666).is_err());
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), "somebody's");
    }

    #[test]
    fn a_socket_file_that_cannot_be_connected_to_has_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("http");
        // of another kind: connecting fails, and not because nobody is there
        let _owner = UnixDatagram::bind(&path).unwrap();
        let made = identity(&path).unwrap();
        assert!(Listener::unix(&path, 0o666).is_err());
        assert_eq!(identity(&path).unwrap(), made);
    }

    #[test]
    fn a_file_that_another_has_put_in_its_place_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("http");
        let ours = Listener::unix(&path, 0o666).unwrap();
        // beside ours, so that its number cannot be the same
        let beside = folder.path().join("other");
        let theirs = Listener::unix(&beside, 0o666).unwrap();
        fs::rename(&beside, &path).unwrap();
        drop(ours);
        assert!(UnixStream::connect(&path).is_ok());
        drop(theirs);
    }
}
