//! TCP that never blocks: a join's few hundred bytes each way, and what an outlet sends without waiting for its reader.

use super::{Share, bound_socket, socket_from};
use arrayvec::ArrayVec;
use nix::errno::Errno;
use nix::sys::socket::{Backlog, SockType, SockaddrStorage, connect, listen};
use std::collections::VecDeque;
use std::io::{self, IoSlice, Read, Write};
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
pub enum Accepted<S = TcpStream, R = SocketAddr> {
    /// A connection, non-blocking, and who is at its other end.
    Connection(S, R),
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
        Err(error) => not_accepted(error),
    }
}

/// What is to be made of an `accept` that gave none.
pub(super) fn not_accepted<S, R>(error: io::Error) -> io::Result<Accepted<S, R>> {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM) => Ok(Accepted::NoRoom),
        Some(Errno::EBADF | Errno::EINVAL | Errno::ENOTSOCK) => Err(error),
        _ => Ok(Accepted::Nobody),
    }
}

/// Begins to connect, from an address of this machine's if one is given; the stream is writable when that has succeeded or failed:
/// see [`connected`].
///
/// # Errors
/// What is known at once: no route, no such network, refused; `from` is none of this machine's.
pub fn begin_connect(from: Option<SocketAddr>, to: SocketAddr) -> io::Result<TcpStream> {
    let fd = socket_from(from, to, SockType::Stream)?;
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
    /// This many bytes.
    Bytes(usize),
    /// Nothing now.
    Nothing,
    /// The other side says no more: it has closed the connection, or may still listen.
    Closed,
    /// The connection is broken.
    Broken,
}

/// Reads what is there.
pub fn read(mut stream: impl Read, into: &mut [u8]) -> Heard {
    match stream.read(into) {
        Ok(0) => Heard::Closed,
        Ok(count) => Heard::Bytes(count),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
            Heard::Nothing
        }
        Err(_) => Heard::Broken,
    }
}

/// Writes a line to a fresh connection. A line fits its empty send buffer, so nothing is left over; whether it
/// arrives is the client's business.
pub fn write_line(mut stream: &TcpStream, line: &str) {
    let _ = stream.write(line.as_bytes());
}

/// Pieces of one call.
const PIECES: usize = 64;

/// How far sending has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// All is on its way.
    Done,
    /// The rest waits until the connection takes more: [`Outgoing::wants_write`].
    Blocked,
    /// The other side has closed the connection, or it is broken.
    Closed,
}

/// What is to go out over a connection: a few bytes of our own that wait here, within a limit, and pieces of a frame, which
/// stay in the reel. A frame that leaves the reel half sent cannot be completed: whoever needs longer for one frame than the
/// reel lasts is to be closed.
#[derive(Debug)]
pub struct Outgoing {
    waiting: VecDeque<u8>,
    limit: usize,
    is_blocked: bool,
}

impl Outgoing {
    /// Nothing yet. At most `limit` bytes wait; their memory is reserved here.
    pub fn new(limit: usize) -> Self {
        Outgoing { waiting: VecDeque::with_capacity(limit), limit, is_blocked: false }
    }

    /// Has these bytes wait for [`flush`](Self::flush). False: there is no room for them, and none of them waits.
    #[must_use]
    pub fn push(&mut self, bytes: &[u8]) -> bool {
        let fits = bytes.len() <= self.limit - self.waiting.len();
        if fits {
            self.waiting.extend(bytes);
        }
        fits
    }

    /// The connection has not taken all: it is to be polled for writing.
    pub fn wants_write(&self) -> bool {
        self.is_blocked
    }

    /// Sends what waits, as far as it is taken.
    pub fn flush(&mut self, mut stream: impl Write) -> Progress {
        while !self.waiting.is_empty() {
            let (front, back) = self.waiting.as_slices();
            match stream.write_vectored(&[IoSlice::new(front), IoSlice::new(back)]) {
                Ok(count @ 1..) => drop(self.waiting.drain(..count)),
                other => return self.stopped(other),
            }
        }
        self.is_blocked = false;
        Progress::Done
    }

    /// Sends pieces of somebody else's memory, as far as they are taken, behind what waits. Returns how many of their bytes
    /// have gone.
    pub fn send<'a>(
        &mut self,
        mut stream: impl Write,
        pieces: impl Iterator<Item = &'a [u8]>,
    ) -> (usize, Progress) {
        let progress = self.flush(&mut stream);
        if progress != Progress::Done {
            return (0, progress);
        }
        let (mut sent, mut pieces) = (0, pieces.peekable());
        while pieces.peek().is_some() {
            let call: ArrayVec<IoSlice<'_>, PIECES> =
                pieces.by_ref().take(PIECES).map(IoSlice::new).collect();
            let length = call.iter().map(|piece| piece.len()).sum::<usize>();
            match stream.write_vectored(&call) {
                Ok(count) if count == length => sent += count,
                Ok(count @ 1..) => {
                    self.is_blocked = true;
                    return (sent + count, Progress::Blocked);
                }
                Ok(0) if length == 0 => {}
                other => return (sent, self.stopped(other)),
            }
        }
        (sent, Progress::Done)
    }

    /// A call has taken nothing.
    fn stopped(&mut self, result: io::Result<usize>) -> Progress {
        let later = |kind| matches!(kind, io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted);
        self.is_blocked = result.is_err_and(|error| later(error.kind()));
        if self.is_blocked { Progress::Blocked } else { Progress::Closed }
    }
}

/// The pieces without the first `count` of their bytes.
pub fn beyond<'a>(
    pieces: impl Iterator<Item = &'a [u8]>,
    mut count: usize,
) -> impl Iterator<Item = &'a [u8]> {
    pieces.filter_map(move |piece| {
        let cut = count.min(piece.len());
        count -= cut;
        Some(&piece[cut..]).filter(|rest| !rest.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::loopback::{alone, loopbacks, test_name, wait_for};
    use crate::sys::poll::PollFlags;
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    use std::fs::File;

    /// Our end, non-blocking, and the reader's.
    fn connection() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let reader = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let Ok(Accepted::Connection(stream, _)) = accept(&listener) else { panic!("nobody") };
        (stream, reader)
    }

    #[test]
    fn what_a_reader_does_not_take_waits_within_the_limit() {
        let (stream, mut reader) = connection();
        let mut outgoing = Outgoing::new(8);
        assert!(outgoing.push(b"12345") && !outgoing.push(b"6789") && outgoing.push(b"678"));
        assert_eq!((outgoing.flush(&stream), outgoing.wants_write()), (Progress::Done, false));
        let mut heard = [0; 8];
        reader.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"12345678");
    }

    #[test]
    fn pieces_are_counted_as_far_as_they_are_taken() {
        let (stream, mut reader) = connection();
        let mut outgoing = Outgoing::new(64);
        let block: Vec<u8> = (0..1 << 20).map(|n| (n % 251) as u8).collect();
        let (mut sent, mut heard) = (0, Vec::new());
        assert!(outgoing.push(b"head"));
        let pieces = |from: usize| block.get(from..).unwrap_or_default().chunks(1400);
        loop {
            match outgoing.send(&stream, pieces(sent)) {
                (count, Progress::Blocked) => {
                    sent += count;
                    assert!(outgoing.wants_write() && sent < block.len());
                    let mut some = vec![0; 100_000];
                    let count = reader.read(&mut some).unwrap();
                    heard.extend_from_slice(&some[..count]);
                }
                (count, Progress::Done) => break sent += count,
                (_, Progress::Closed) => panic!("closed"),
            }
        }
        assert_eq!(sent, block.len());
        drop(stream);
        reader.read_to_end(&mut heard).unwrap();
        assert!(heard[..4] == *b"head" && heard[4..] == block);
    }

    #[test]
    fn a_reader_that_has_gone_is_seen() {
        let (stream, reader) = connection();
        drop(reader);
        let mut outgoing = Outgoing::new(8);
        // the first is answered by a reset
        let closed = (0..1000).find(|_| {
            let _ = outgoing.push(b"x");
            std::thread::yield_now();
            outgoing.flush(&stream) == Progress::Closed
        });
        assert!(closed.is_some() && !outgoing.wants_write());
    }

    #[test]
    fn a_connection_is_made_heard_and_closed() {
        for address in loopbacks(test_name!("a_connection_is_made_heard_and_closed")) {
            let door = listener(address).unwrap();
            assert!(matches!(accept(&door).unwrap(), Accepted::Nobody), "and it has not waited");
            let ours = begin_connect(None, door.local_addr().unwrap()).unwrap();
            wait_for(&ours, PollFlags::POLLOUT);
            connected(&ours).unwrap();
            wait_for(&door, PollFlags::POLLIN);
            let Accepted::Connection(theirs, from) = accept(&door).unwrap() else { panic!("nobody") };
            assert_eq!(from, ours.local_addr().unwrap());
            let mut into = [0; 64];
            assert!(matches!(read(&ours, &mut into), Heard::Nothing));
            write_line(&theirs, "a line\n");
            wait_for(&ours, PollFlags::POLLIN);
            assert!(matches!(read(&ours, &mut into), Heard::Bytes(7)) && into.starts_with(b"a line\n"));
            drop(theirs);
            wait_for(&ours, PollFlags::POLLIN);
            assert!(matches!(read(&ours, &mut into), Heard::Closed));
        }
    }

    #[test]
    fn a_port_that_nobody_listens_on_refuses() {
        for address in loopbacks(test_name!("a_port_that_nobody_listens_on_refuses")) {
            // it holds its port, and does not listen
            let held = bound_socket(address, SockType::Stream, Share::Nothing).unwrap();
            let at = TcpStream::from(held.try_clone().unwrap()).local_addr().unwrap();
            let why = begin_connect(None, at).and_then(|stream| {
                wait_for(&stream, PollFlags::POLLOUT);
                connected(&stream)
            });
            assert_eq!(why.unwrap_err().kind(), io::ErrorKind::ConnectionRefused, "{address}");
        }
    }

    #[test]
    fn without_a_descriptor_a_connection_waits_for_one() {
        if !alone(test_name!("without_a_descriptor_a_connection_waits_for_one")) {
            return;
        }
        let door = listener("127.0.0.1:0".parse().unwrap()).unwrap();
        let _client = TcpStream::connect(door.local_addr().unwrap()).unwrap();
        wait_for(&door, PollFlags::POLLIN);
        let (before, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        let next = File::open("/dev/null").unwrap().as_raw_fd();
        setrlimit(Resource::RLIMIT_NOFILE, next.try_into().unwrap(), most).unwrap();
        assert!(matches!(accept(&door).unwrap(), Accepted::NoRoom));
        setrlimit(Resource::RLIMIT_NOFILE, before, most).unwrap();
        assert!(matches!(accept(&door).unwrap(), Accepted::Connection(..)), "it has waited");
    }

    #[test]
    fn what_has_gone_is_not_sent_again_wherever_it_was_cut() {
        let pieces: [&[u8]; 5] = [b"head", b"", b"abcdef", b"x", b"\r\n"];
        let whole = pieces.concat();
        for cut in 0..=whole.len() {
            let rest: Vec<&[u8]> = beyond(pieces.into_iter(), cut).collect();
            assert_eq!(rest.concat(), whole[cut..]);
            assert!(rest.iter().all(|piece| !piece.is_empty()));
        }
    }
}
