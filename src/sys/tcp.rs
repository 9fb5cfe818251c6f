//! TCP for the join only: a few hundred bytes each way, never blocking.

use super::{Share, bound_socket, new_socket};
use nix::errno::Errno;
use nix::sys::socket::{Backlog, SockType, SockaddrStorage, connect, listen};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;

/// A listening socket; one bound to `[::]` takes IPv4 too.
///
/// # Errors
/// The address is in use, not of this machine, or not permitted.
pub fn listener(at: SocketAddr) -> io::Result<TcpListener> {
    let fd = bound_socket(at, SockType::Stream, Share::Address)?;
    listen(&fd, Backlog::new(64)?)?;
    Ok(TcpListener::from(fd))
}

/// What `accept` gave.
pub enum Accepted {
    /// A connection, non-blocking.
    Connection(TcpStream, SocketAddr),
    /// Nobody is waiting, or whoever was has gone again.
    Nobody,
    /// The process or the system has no descriptor left: the listener stays readable until it has.
    NoRoom,
}

/// Takes one waiting connection.
///
/// # Errors
/// What is wrong with the listener itself.
pub fn accept(listener: &TcpListener) -> io::Result<Accepted> {
    match listener.accept() {
        Ok((stream, remote)) => {
            stream.set_nonblocking(true)?;
            Ok(Accepted::Connection(stream, remote))
        }
        Err(error) => match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM) => Ok(Accepted::NoRoom),
            Some(Errno::EBADF | Errno::EINVAL | Errno::ENOTSOCK) => Err(error),
            _ => Ok(Accepted::Nobody),
        },
    }
}

/// Begins to connect; the stream is writable when that has succeeded or failed: see [`connected`].
///
/// # Errors
/// What is known at once: no route, no such network, refused.
pub fn begin_connect(to: SocketAddr) -> io::Result<TcpStream> {
    let fd = new_socket(to, SockType::Stream)?;
    match connect(fd.as_raw_fd(), &SockaddrStorage::from(to)) {
        Ok(()) | Err(Errno::EINPROGRESS) => Ok(TcpStream::from(fd)),
        Err(errno) => Err(errno.into()),
    }
}

/// Whether the connection that was begun is there.
///
/// # Errors
/// Why it is not.
pub fn connected(stream: &TcpStream) -> io::Result<()> {
    match stream.take_error()? {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// What reading a connection gave.
pub enum Heard {
    /// So many bytes.
    Bytes(usize),
    /// Nothing now.
    Nothing,
    /// The other side has closed it, or it is broken.
    Closed,
}

/// Reads what is there.
pub fn read(mut stream: &TcpStream, into: &mut [u8]) -> Heard {
    match stream.read(into) {
        Ok(0) => Heard::Closed,
        Ok(count) => Heard::Bytes(count),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
            Heard::Nothing
        }
        Err(_) => Heard::Closed,
    }
}

/// Writes a line to a fresh connection. A line fits its empty send buffer, so nothing is left over; whether it
/// arrives is the client's business.
pub fn write_line(mut stream: &TcpStream, line: &str) {
    let _ = stream.write(line.as_bytes());
}
