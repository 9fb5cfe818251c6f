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
    /// Each with the address that it is bound to. Those that nobody else holds are free.
    sockets: Arc<[(SocketAddr, Arc<UdpSocket>)]>,
}

impl Pool {
    /// Of these. They hear nobody until they are [taken](Self::take).
    ///
    /// # Errors
    /// The system does not let them.
    pub fn new(sockets: Vec<UdpSocket>) -> io::Result<Self> {
        let bound = |socket: UdpSocket| {
            disconnect(&socket)?;
            let at = socket.local_addr()?;
            park(&socket)?;
            Ok((at, Arc::new(socket)))
        };
        sockets.into_iter().map(bound).collect::<io::Result<_>>().map(|sockets| Pool { sockets })
    }

    /// How many there are, taken or not.
    pub fn count(&self) -> usize {
        self.sockets.len()
    }

    /// One on this port and address, for the datagrams of `remote` alone.
    ///
    /// # Errors
    /// None is free, there is no route to `remote`, or what goes there does not go out from `local`'s address.
    pub fn take(&self, local: SocketAddr, remote: SocketAddr) -> io::Result<PoolSocket> {
        let is_free = |(at, socket): &&(SocketAddr, Arc<UdpSocket>)| {
            let is_there = at.ip().is_unspecified() || at.ip() == local.ip();
            let is_of_kind = at.port() == local.port() && at.is_ipv4() == local.is_ipv4();
            is_there && is_of_kind && Arc::strong_count(socket) == 1
        };
        let (_, free) = self.sockets.iter().find(is_free).ok_or_else(|| io::Error::other(NONE_FREE))?;
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

/// It hears nobody any more: it is connected to its own port, on this machine where it is bound to all addresses, from which nobody else
/// can send. What it was made to do for its client is undone, and what has come is gone.
fn park(socket: &UdpSocket) -> io::Result<()> {
    disconnect(socket)?;
    let mut own = socket.local_addr()?;
    match own.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => own.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => own.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    connect(socket.as_raw_fd(), &SockaddrStorage::from(own))?;
    udp::set_segment(socket, 0);
    udp::set_dont_fragment(socket, false);
    udp::set_dscp(socket, 0);
    // of everybody, while it was not connected, and of who had it before
    let mut room = [0; 1];
    for _ in 0..DRAINED {
        match receive_from(socket, &mut room) {
            // errors of earlier sends wait in the same queue
            Received::Some(_) | Received::Refused | Received::Error(_) => {}
            Received::Nothing => break,
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
        let Sockets::Of(one) = &pool else { panic!("made") };
        assert_eq!(one.count(), 1);
        let other = SocketAddr::new(at.ip(), at.port() ^ 1);
        assert!(pool.open(other, at).is_err());
        let elsewhere = SocketAddr::new(Ipv4Addr::new(127, 0, 0, 9).into(), at.port());
        assert_eq!(pool.open(elsewhere, at).unwrap_err().to_string(), NONE_FREE, "it is not bound to that");
        assert!(pool.open(at, at).is_ok(), "it is free again");

        // of several addresses each client gets one that it has joined at
        let others = [listener(elsewhere).unwrap(), listener(elsewhere).unwrap()];
        let mut all: Vec<UdpSocket> = vec![listener(at).unwrap()];
        all.extend(others);
        let pool = Sockets::Of(Pool::new(all).unwrap());
        let client = connected(at).unwrap().local_addr().unwrap();
        let taken = [pool.open(elsewhere, client), pool.open(at, client), pool.open(elsewhere, client)];
        for (socket, joined) in taken.iter().zip([elsewhere, at, elsewhere]) {
            assert_eq!(socket.as_ref().unwrap().local_addr().unwrap(), joined);
        }
    }

    #[test]
    fn what_goes_out_from_another_address_is_refused() {
        // a port that was not asked for by its number is given back with the connection
        let first = listener(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))).unwrap();
        let at = first.local_addr().unwrap();
        let port = at.port();
        let pool = Pool::new(vec![listener(at).unwrap()]).unwrap();
        let (joined, client) = (Ipv4Addr::new(127, 0, 0, 9), Ipv4Addr::LOCALHOST);
        let why = pool.take((joined, port).into(), (client, port).into()).unwrap_err().to_string();
        assert!(why.contains("127.0.0.9") && why.contains("127.0.0.1"), "{why}");
        assert!(pool.take((client, port).into(), (client, port).into()).is_ok(), "it is free again");
    }
}
