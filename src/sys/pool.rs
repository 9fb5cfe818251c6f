//! Clients' own UDP sockets: made when they are needed, or taken from those that the service manager has made.

use super::udp::{self, Received, receive_from};
use nix::errno::Errno;
use nix::sys::socket::{SockaddrStorage, connect};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;

/// Where they come from.
#[derive(Clone, Debug, Default)]
pub enum Sockets {
    /// Each is made.
    #[default]
    Made,
    /// There are these.
    Of(Pool),
}

/// One of them.
#[derive(Debug)]
pub enum ClientSocket {
    /// It was made, and is closed when it is dropped.
    Made(UdpSocket),
    /// When it is dropped the pool has it again.
    Taken(PoolSocket),
}

impl Sockets {
    /// One on `local`, a port that [`udp::listener`] or the service manager holds, for the datagrams of `remote` alone.
    ///
    /// What came before it was connected is still in its queue, whoever sent it: drain it with [`receive_from`].
    ///
    /// # Errors
    /// No descriptor left, or none of the pool; or no route to `remote`.
    pub fn open(&self, local: SocketAddr, remote: SocketAddr) -> io::Result<ClientSocket> {
        match self {
            Sockets::Made => udp::client_socket(local, remote).map(ClientSocket::Made),
            Sockets::Of(pool) => pool.take(local, remote).map(ClientSocket::Taken),
        }
    }
}

impl Deref for ClientSocket {
    type Target = UdpSocket;

    fn deref(&self) -> &UdpSocket {
        match self {
            ClientSocket::Made(socket) => socket,
            ClientSocket::Taken(socket) => &socket.0,
        }
    }
}

impl AsFd for ClientSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.deref().as_fd()
    }
}

/// UDP sockets of one address, for clients to come.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Those that nobody else holds are free.
    sockets: Arc<[Arc<UdpSocket>]>,
}

impl Pool {
    /// Of these. They hear nobody until they are [taken](Self::take).
    ///
    /// # Errors
    /// The system does not let them.
    pub fn new(sockets: Vec<UdpSocket>) -> io::Result<Self> {
        sockets.iter().try_for_each(park)?;
        Ok(Pool { sockets: sockets.into_iter().map(Arc::new).collect() })
    }

    /// How many there are, taken or not.
    pub fn count(&self) -> usize {
        self.sockets.len()
    }

    /// One on this port, for the datagrams of `remote` alone; what it had heard before is drained. It is as if it had just been made,
    /// but for its buffers.
    ///
    /// # Errors
    /// None is free, there is no route to `remote`, or what goes there does not go out from `local`'s address.
    pub fn take(&self, local: SocketAddr, remote: SocketAddr) -> io::Result<PoolSocket> {
        let port = |socket: &UdpSocket| socket.local_addr().map(|at| at.port());
        let is_free = |socket: &&Arc<UdpSocket>| {
            Arc::strong_count(socket) == 1 && port(socket).is_ok_and(|port| port == local.port())
        };
        let free = self.sockets.iter().find(is_free).ok_or_else(|| io::Error::other(NONE_FREE))?;
        let taken = PoolSocket(Arc::clone(free));
        disconnect(&taken.0)?;
        connect(taken.0.as_raw_fd(), &SockaddrStorage::from(remote))?;
        let from = taken.0.local_addr()?.ip();
        if from.to_canonical() != local.ip().to_canonical() {
            return Err(io::Error::other(format!(
                "it has joined at {}, but what goes to it goes out from {}: name one of them in the socket unit",
                local.ip().to_canonical(),
                from.to_canonical()
            )));
        }
        Ok(taken)
    }
}

/// More does not fit into a queue of the usual length.
const DRAINED: usize = 4096;

const NONE_FREE: &str = "all sockets that were handed over are taken: the socket unit needs a ListenDatagram= more for each client";

/// One that is taken. When it is dropped the pool has it again.
#[derive(Debug)]
pub struct PoolSocket(Arc<UdpSocket>);

impl Drop for PoolSocket {
    fn drop(&mut self) {
        if let Err(error) = park(&self.0) {
            log::warn!("a socket of the service manager's hears strangers until it is taken again: {error}");
        }
    }
}

/// It hears nobody any more: it is connected to its own port of this machine, from which nobody else can send. Its options are as they
/// were, and what has come is gone.
fn park(socket: &UdpSocket) -> io::Result<()> {
    disconnect(socket)?;
    let at = socket.local_addr()?;
    let own = match at.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    connect(socket.as_raw_fd(), &SockaddrStorage::from(SocketAddr::new(own, at.port())))?;
    udp::set_segment(socket, 0);
    udp::set_dont_fragment(socket, false);
    udp::set_dscp(socket, 0);
    // of everybody, while it was not connected, and of who had it before
    let mut room = [0; 1];
    for _ in 0..DRAINED {
        match receive_from(socket, &mut room) {
            Received::Some(_) | Received::Refused => {}
            Received::Nothing | Received::Error(_) => break,
        }
    }
    Ok(())
}

/// From nobody in particular to nobody in particular, on the port that it is bound to.
fn disconnect(socket: &UdpSocket) -> io::Result<()> {
    // SAFETY: sockaddr_storage is plain numbers, of which zeros are valid; zero is AF_UNSPEC.
    let nobody: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    let len = size_of_val(&nobody) as libc::socklen_t;
    // SAFETY: the address is ours, and len says its size; the kernel only reads it.
    let done = unsafe { libc::connect(socket.as_raw_fd(), (&raw const nobody).cast(), len) };
    Errno::result(done).map_err(io::Error::from).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::loopback::{loopbacks, test_name, wait_for};
    use crate::sys::udp::{Sent, connected, listener, send_bytes};
    use nix::poll::PollFlags;

    fn hear(socket: &UdpSocket) -> Vec<u8> {
        wait_for(socket, PollFlags::POLLIN);
        let mut bytes = vec![0; 100];
        let Received::Some((len, _)) = receive_from(socket, &mut bytes) else { panic!("nothing came") };
        bytes.truncate(len);
        bytes
    }

    /// A listener, and so many more on its port.
    fn door(at: SocketAddr, more: usize) -> (UdpSocket, SocketAddr, Sockets) {
        let door = listener(at).unwrap();
        let at = door.local_addr().unwrap();
        let pool = Pool::new((0..more).map(|_| listener(at).unwrap()).collect()).unwrap();
        (door, at, Sockets::Of(pool))
    }

    #[test]
    fn sockets_that_are_taken_hear_one_client_and_free_ones_nobody() {
        for address in loopbacks(test_name!("sockets_that_are_taken_hear_one_client_and_free_ones_nobody")) {
            let (door, at, pool) = door(address, 3);
            let clients = [(); 20].map(|()| connected(at).unwrap());
            // strangers come to the listener alone, however many free ones there are
            for client in &clients {
                assert_eq!(send_bytes(client, b"hello"), Sent::Ok);
                assert_eq!(hear(&door), b"hello");
            }
            // several hold the pool
            let pool = [pool.clone(), pool];
            let [pool, _] = &pool;
            for round in 0..3 {
                let remote = |n: usize| clients[(round + n) % 20].local_addr().unwrap();
                let taken = [0, 1, 2].map(|n| pool.open(at, remote(n)).unwrap());
                let none = pool.open(at, remote(3)).unwrap_err().to_string();
                assert_eq!(none, NONE_FREE);
                for (n, socket) in taken.iter().enumerate() {
                    let client = &clients[(round + n) % 20];
                    assert_eq!(send_bytes(client, b"mine"), Sent::Ok);
                    assert_eq!(hear(socket), b"mine");
                    udp::set_segment(socket, 3);
                    assert_eq!(send_bytes(socket, b"answer"), Sent::Ok);
                    assert_eq!([hear(client), hear(client)], [b"ans", b"wer"]);
                }
                // what one has not read is not the next one's
                assert_eq!(send_bytes(&clients[round % 20], b"late"), Sent::Ok);
                wait_for(&taken[0], PollFlags::POLLIN);
            }
        }
    }

    #[test]
    fn a_socket_is_of_the_port_that_was_joined() {
        let (_door, at, pool) = door(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), 1);
        let other = SocketAddr::new(at.ip(), at.port() ^ 1);
        assert!(pool.open(other, at).is_err());
        let elsewhere = SocketAddr::new(Ipv4Addr::new(127, 0, 0, 9).into(), at.port());
        let why = pool.open(elsewhere, at).unwrap_err().to_string();
        assert!(why.contains("127.0.0.9") && why.contains("127.0.0.1"), "{why}");
        assert!(pool.open(at, at).is_ok(), "it is free again");
    }
}
