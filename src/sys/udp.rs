//! UDP: many sockets on one port, trains of datagrams in one call (GSO), and their reception (GRO).

use super::{Share, bound_socket, socket_from};
use arrayvec::ArrayVec;
use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockType, SockaddrStorage, connect, getsockopt, recv, recvfrom, recvmsg,
    send, sendmsg, setsockopt, sockopt,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};

/// Bytes that one call can send, GSO or not: 65,535 less an IPv4 and a UDP header.
pub const MAX_SEND: usize = 65_507;

/// Datagrams that one GSO call can send: `UDP_MAX_SEGMENTS` of Linux up to 6.8 (128 since).
pub const MAX_SEGMENTS: usize = 64;

/// What became of a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The kernel has it.
    Ok,
    /// The send buffer is full; wait until the socket is writable.
    Blocked,
    /// An earlier datagram was answered with "port unreachable". This one was not sent.
    Refused,
    /// A datagram is larger than the path takes and may not be cut.
    TooLarge,
    /// The kernel or the device does not do GSO. Of a single datagram: as [`Sent::Lost`].
    NoGso(Errno),
    /// Anything else, such as no route at the moment, a firewall that forbids it, or no memory (which poll would not wait for). Like a
    /// datagram lost.
    Lost(Errno),
}

/// A socket that clients' first datagrams come to. Others of the same user may share its port.
///
/// # Errors
/// The address is in use, not of this machine, or not permitted.
pub fn listener(at: SocketAddr) -> io::Result<UdpSocket> {
    bound_socket(at, SockType::Datagram, Share::Port).map(UdpSocket::from)
}

/// A socket on `local`, a port that [`listener`] holds, for the datagrams of `remote` alone.
///
/// What came between bind and connect is still in its queue, whoever sent it: drain it with [`receive_from`].
///
/// # Errors
/// No descriptor left, or no route to `remote`.
pub fn client_socket(local: SocketAddr, remote: SocketAddr) -> io::Result<UdpSocket> {
    let fd = bound_socket(local, SockType::Datagram, Share::Port)?;
    connect(fd.as_raw_fd(), &SockaddrStorage::from(remote))?;
    Ok(UdpSocket::from(fd))
}

/// A socket of any port that talks to `remote` alone.
///
/// # Errors
/// No descriptor left, or no route to `remote`.
pub fn connected(remote: SocketAddr) -> io::Result<UdpSocket> {
    connected_from(None, remote)
}

/// The same, from an address of this machine's if one is given.
///
/// # Errors
/// No descriptor left, no route to `remote`, or `from` is none of this machine's.
pub fn connected_from(from: Option<SocketAddr>, remote: SocketAddr) -> io::Result<UdpSocket> {
    let fd = socket_from(from, remote, SockType::Datagram)?;
    connect(fd.as_raw_fd(), &SockaddrStorage::from(remote))?;
    Ok(UdpSocket::from(fd))
}

/// A socket on `local`, a port of its own, that hears everybody.
///
/// # Errors
/// The port is in use or not permitted.
pub fn bound(local: SocketAddr) -> io::Result<UdpSocket> {
    bound_socket(local, SockType::Datagram, Share::Nothing).map(UdpSocket::from)
}

/// Bytes that wait here for somebody who does not read: little, where nobody is to say much.
const LITTLE: usize = 16 * 1024;

/// Two sockets on `local`, an even port and the next one (RFC 3550, 11), which talk to two ports of `remote` alone.
///
/// # Errors
/// No descriptor left, no two such ports free, or no route to `remote`.
pub fn pair(local: IpAddr, remote: SocketAddr, ports: (u16, u16)) -> io::Result<(UdpSocket, UdpSocket)> {
    // a link-local address means nothing without its link, which is the remote's
    let scope = if let SocketAddr::V6(remote) = remote { remote.scope_id() } else { 0 };
    let at = |port| match local {
        IpAddr::V4(ip) => SocketAddr::from((ip, port)),
        IpAddr::V6(ip) => SocketAddrV6::new(ip, port, 0, scope).into(),
    };
    for _ in 0..PAIRS {
        let one = bound(at(0))?;
        let port = one.local_addr()?.port();
        if let (0, Ok(other)) = (port % 2, bound(at(port | 1))) {
            for (socket, port) in [(&one, ports.0), (&other, ports.1)] {
                let mut remote = remote;
                remote.set_port(port);
                connect(socket.as_raw_fd(), &SockaddrStorage::from(remote))?;
                setsockopt(socket, sockopt::RcvBuf, &LITTLE)?;
            }
            return Ok((one, other));
        }
    }
    Err(Errno::EADDRINUSE.into())
}

/// Ports that are tried until one is even and the next one free.
const PAIRS: usize = 32;

/// A socket for datagrams to all who listen at `group`, which pass so many routers.
///
/// # Errors
/// No descriptor left, or no route to `group`.
pub fn to_group(group: SocketAddr, ttl: u8) -> io::Result<UdpSocket> {
    let socket = connected(group)?;
    let (level, name) = match group {
        SocketAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_MULTICAST_TTL),
        SocketAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_HOPS),
    };
    set_int_option(&socket, level, name, ttl.into()).done().map(|()| socket)
}

/// From now on a send of more than `size` bytes is cut into datagrams of that size by the kernel or the network
/// card. False: this kernel does not.
pub fn set_segment(socket: &UdpSocket, size: u16) -> bool {
    setsockopt(socket, sockopt::UdpGsoSegment, &i32::from(size)).is_ok()
}

/// From now on datagrams that came together may be received together. False: this kernel does not.
pub fn set_gro(socket: &UdpSocket) -> bool {
    setsockopt(socket, sockopt::UdpGroSegment, &true).is_ok()
}

/// Asks for a receive buffer of `bytes`, beyond the system's limit where that is permitted; returns what was given.
pub fn set_receive_buffer(socket: &UdpSocket, bytes: usize) -> usize {
    if setsockopt(socket, sockopt::RcvBufForce, &bytes).is_err() {
        let _ = setsockopt(socket, sockopt::RcvBuf, &bytes);
    }
    // the kernel counts its own overhead in and doubles what was asked: socket(7)
    getsockopt(socket, sockopt::RcvBuf).unwrap_or(0) / 2
}

/// What the kernel knows of the path's MTU, in bytes.
pub fn path_mtu(socket: &UdpSocket) -> Option<u16> {
    let (level, name) =
        if is_ipv4(socket) { (libc::IPPROTO_IP, libc::IP_MTU) } else { (libc::IPPROTO_IPV6, libc::IPV6_MTU) };
    int_option(socket, level, name)
        .and_then(|mtu| u16::try_from(mtu.clamp(0, 65_535)).ok())
        .filter(|mtu| *mtu > 0)
}

/// What became of a socket option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// It is set.
    Done,
    /// This kernel does not know it.
    Unsupported,
    /// The kernel knows it, and refuses it.
    Failed(Errno),
}

impl Setting {
    /// A refusal as an error; an option that this kernel does not know is none.
    pub(super) fn done(self) -> io::Result<()> {
        match self {
            Setting::Failed(errno) => Err(errno.into()),
            Setting::Done | Setting::Unsupported => Ok(()),
        }
    }
}

/// Whether datagrams that are too large for the path are refused and lost, rather than cut by IP.
pub fn set_dont_fragment(socket: &UdpSocket, dont: bool) -> Setting {
    // DO refuses what is larger than the path is known to take ([`Sent::TooLarge`]), IPv6 too: it needs no IPV6_DONTFRAG
    // besides. PROBE would send it, and it would be lost on the way.
    let (v4, v6) = if dont {
        (libc::IP_PMTUDISC_DO, libc::IPV6_PMTUDISC_DO)
    } else {
        (libc::IP_PMTUDISC_DONT, libc::IPV6_PMTUDISC_DONT)
    };
    // an IPv6 socket may speak IPv4 as well
    let v4 = set_int_option(socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, v4);
    if is_ipv4(socket) || v4 != Setting::Done {
        return v4;
    }
    set_int_option(socket, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, v6)
}

/// From now on datagrams go whole, whatever has been said of the path: only what this machine's own device does not take is
/// [too large](Sent::TooLarge). What is said meanwhile (ICMP), which anybody may have said, is the next call's error, once.
pub fn send_whole_regardless(socket: &UdpSocket) -> Setting {
    let v4 = set_int_option(socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_PROBE);
    if is_ipv4(socket) || v4 != Setting::Done {
        return v4;
    }
    set_int_option(socket, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_PROBE)
}

/// Marks what is sent from now on with this differentiated services code point. False: it is not allowed.
pub fn set_dscp(socket: &UdpSocket, dscp: u8) -> bool {
    // the two lower bits are ECN's
    let class = i32::from(dscp) << 2;
    // an IPv6 socket may speak IPv4 as well
    let v4 = set_int_option(socket, libc::IPPROTO_IP, libc::IP_TOS, class);
    let set = if is_ipv4(socket) {
        v4
    } else {
        set_int_option(socket, libc::IPPROTO_IPV6, libc::IPV6_TCLASS, class)
    };
    set == Setting::Done
}

/// Sends `bytes` to the connected peer: one datagram, or a train of them after [`set_segment`].
pub fn send_bytes(socket: &UdpSocket, bytes: &[u8]) -> Sent {
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    outcome(|| send(socket.as_raw_fd(), bytes, flags))
}

/// Sends one datagram that is made of `pieces`, at most [`MAX_PIECES`] of them; the rest is left out.
pub fn send_pieces<'a>(socket: &UdpSocket, pieces: impl Iterator<Item = &'a [u8]>) -> Sent {
    let pieces: ArrayVec<IoSlice<'_>, MAX_PIECES> = pieces.take(MAX_PIECES).map(IoSlice::new).collect();
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    outcome(|| sendmsg::<SockaddrStorage>(socket.as_raw_fd(), &pieces, &[], flags, None))
}

/// Pieces of one datagram. 65,507 bytes in fragments of 256, the smallest that the protocol has; and two more for each of the six
/// ranges that Huffman tables and four thumbnails cut a frame in.
pub const MAX_PIECES: usize = 256 + 2 * 6;

/// Sends that a signal has interrupted are made again this often. A send that does not wait is hardly ever interrupted.
const INTERRUPTIONS: usize = 8;

fn outcome(send: impl Fn() -> nix::Result<usize>) -> Sent {
    let result = (0..INTERRUPTIONS).map(|_| send()).find(|result| *result != Err(Errno::EINTR));
    match result.unwrap_or(Err(Errno::EINTR)) {
        Ok(_) => Sent::Ok,
        Err(Errno::EAGAIN) => Sent::Blocked,
        Err(Errno::ECONNREFUSED) => Sent::Refused,
        Err(Errno::EMSGSIZE) => Sent::TooLarge,
        // EINVAL: segments larger than the path's MTU, or none at all; EIO: the device lacks checksum offload
        Err(errno @ (Errno::EINVAL | Errno::EIO | Errno::EOPNOTSUPP)) => Sent::NoGso(errno),
        Err(errno) => Sent::Lost(errno),
    }
}

/// What a receive gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received<T> {
    /// A datagram, or several.
    Some(T),
    /// Nothing is there.
    Nothing,
    /// An earlier datagram of ours was answered with "port unreachable".
    Refused,
    /// Something else: nothing was received, but there may be more.
    Error(Errno),
}

impl<T> Received<T> {
    fn from(result: nix::Result<T>) -> Self {
        match result {
            Ok(received) => Received::Some(received),
            Err(Errno::EAGAIN) => Received::Nothing,
            Err(Errno::ECONNREFUSED) => Received::Refused,
            Err(errno) => Received::Error(errno),
        }
    }
}

/// Receives one datagram. The length is the datagram's own: if it is more than `into` holds, the rest is lost.
pub fn receive(socket: &UdpSocket, into: &mut [u8]) -> Received<usize> {
    Received::from(recv(socket.as_raw_fd(), into, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC))
}

/// The same, with the sender.
pub fn receive_from(socket: &UdpSocket, into: &mut [u8]) -> Received<(usize, SocketAddr)> {
    match Received::from(recvfrom::<SockaddrStorage>(socket.as_raw_fd(), into)) {
        Received::Some((len, Some(from))) => match to_std(&from) {
            Some(from) => Received::Some((len, from)),
            None => Received::Error(Errno::EAFNOSUPPORT),
        },
        Received::Some((_, None)) => Received::Error(Errno::EAFNOSUPPORT),
        Received::Nothing => Received::Nothing,
        Received::Refused => Received::Refused,
        Received::Error(errno) => Received::Error(errno),
    }
}

/// What [`receive_train`] gave: this many bytes, datagrams of `segment` bytes each, the last one maybe shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Train {
    /// Bytes in all.
    pub len: usize,
    /// Bytes of a datagram; all of them if only one came.
    pub segment: usize,
}

/// Room for one control message, the segment size: a header and an int.
#[repr(align(8))]
struct Control([u8; 64]);

/// Receives one datagram, or after [`set_gro`] several of one size.
pub fn receive_train(socket: &UdpSocket, into: &mut [u8]) -> Received<Train> {
    let mut control = Control([0; 64]);
    let mut iov = [IoSliceMut::new(into)];
    let flags = MsgFlags::MSG_DONTWAIT;
    Received::from(
        recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut iov, Some(&mut control.0[..]), flags).map(
            |message| {
                let segment = message.cmsgs().ok().and_then(|mut cmsgs| {
                    cmsgs.find_map(|cmsg| match cmsg {
                        ControlMessageOwned::UdpGroSegments(size) => usize::try_from(size).ok(),
                        _ => None,
                    })
                });
                Train {
                    len: message.bytes,
                    segment: segment.filter(|size| *size > 0).unwrap_or(message.bytes),
                }
            },
        ),
    )
}

fn to_std(address: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = address.as_sockaddr_in() {
        return Some(SocketAddr::V4((*v4).into()));
    }
    address.as_sockaddr_in6().map(|v6| SocketAddr::V6((*v6).into()))
}

fn is_ipv4(socket: &UdpSocket) -> bool {
    socket.local_addr().is_ok_and(|local| local.is_ipv4())
}

fn int_option(socket: &UdpSocket, level: i32, name: i32) -> Option<i32> {
    let mut value: libc::c_int = 0;
    let mut len = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: value and len are ours, len says value's size, and the kernel writes no more than that.
    let done = unsafe {
        libc::getsockopt(socket.as_fd().as_raw_fd(), level, name, (&raw mut value).cast(), &raw mut len)
    };
    (done == 0).then_some(value)
}

pub(super) fn set_int_option(socket: impl AsFd, level: i32, name: i32, value: i32) -> Setting {
    let len = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: value is ours, and len says its size; the kernel only reads it.
    let done =
        unsafe { libc::setsockopt(socket.as_fd().as_raw_fd(), level, name, (&raw const value).cast(), len) };
    match Errno::result(done) {
        Ok(_) => Setting::Done,
        Err(Errno::ENOPROTOOPT) => Setting::Unsupported,
        Err(errno) => Setting::Failed(errno),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::loopback::{alone_in_network, left_out, loopbacks, test_name, wait_for};
    use crate::sys::poll::PollFlags;
    use std::cell::Cell;

    #[test]
    fn an_interrupted_send_is_made_again_and_not_for_ever() {
        let calls = Cell::new(0);
        let send = |interrupted: usize| {
            calls.set(0);
            outcome(|| {
                calls.set(calls.get() + 1);
                if calls.get() <= interrupted { Err(Errno::EINTR) } else { Ok(5) }
            })
        };
        assert_eq!((send(0), calls.get()), (Sent::Ok, 1));
        assert_eq!((send(3), calls.get()), (Sent::Ok, 4));
        assert_eq!((send(usize::MAX), calls.get()), (Sent::Lost(Errno::EINTR), INTERRUPTIONS));
    }

    #[test]
    fn what_a_firewall_forbids_is_lost_and_says_why() {
        assert_eq!(outcome(|| Err(Errno::EPERM)), Sent::Lost(Errno::EPERM));
        assert_eq!(outcome(|| Err(Errno::EAGAIN)), Sent::Blocked);
        assert_eq!(outcome(|| Err(Errno::EINVAL)), Sent::NoGso(Errno::EINVAL));
    }

    #[test]
    fn what_may_not_be_cut_and_is_too_large_is_refused_on_both_families() {
        let test = test_name!("what_may_not_be_cut_and_is_too_large_is_refused_on_both_families");
        for address in loopbacks(test) {
            let other = bound(address).unwrap();
            let socket = connected(other.local_addr().unwrap()).unwrap();
            for (dont, sent) in [(true, Sent::TooLarge), (false, Sent::Ok)] {
                assert_eq!(set_dont_fragment(&socket, dont), Setting::Done, "{address}");
                let Some(mtu) = path_mtu(&socket) else {
                    // an emulated user space hands only the options on that it knows
                    let why = Errno::last();
                    assert!(matches!(why, Errno::ENOPROTOOPT | Errno::EOPNOTSUPP), "{address}: {why}");
                    left_out(test, &format!("{address}: the MTU cannot be asked for: {why}"));
                    break;
                };
                // loopback's is 65,536: only there nothing is too large for it
                if usize::from(mtu) < MAX_SEND {
                    assert_eq!(send_bytes(&socket, &vec![0; usize::from(mtu)]), sent, "{address}");
                }
            }
        }
    }

    #[test]
    fn an_option_that_the_kernel_does_not_know_is_no_failure() {
        let socket = bound("127.0.0.1:0".parse().unwrap()).unwrap();
        let known = set_int_option(&socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, 99);
        assert_eq!(known, Setting::Failed(Errno::EINVAL));
        assert_eq!(set_int_option(&socket, libc::IPPROTO_IP, 9_999, 1), Setting::Unsupported);
    }

    /// A socket that hears everybody, and one that talks to it alone.
    fn pair(address: SocketAddr) -> (UdpSocket, UdpSocket) {
        let hearing = bound(address).unwrap();
        let talking = connected(hearing.local_addr().unwrap()).unwrap();
        (hearing, talking)
    }

    fn receive_soon(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
        wait_for(socket, PollFlags::POLLIN);
        let mut bytes = vec![0; 65_536];
        let Received::Some((len, from)) = receive_from(socket, &mut bytes) else { panic!("nothing came") };
        bytes.truncate(len);
        (bytes, from)
    }

    #[test]
    fn a_train_is_cut_where_it_should_be_and_comes_as_one() {
        let test = test_name!("a_train_is_cut_where_it_should_be_and_comes_as_one");
        let bytes: Vec<u8> = (0..3_500).map(|n| (n % 251) as u8).collect();
        for address in loopbacks(test) {
            let (hearing, talking) = pair(address);
            if !set_segment(&talking, 1_000) {
                return left_out(test, "no GSO here");
            }
            assert_eq!(send_bytes(&talking, &bytes), Sent::Ok, "{address}");
            let parts: Vec<Vec<u8>> = (0..4).map(|_| receive_soon(&hearing).0).collect();
            assert_eq!(parts, bytes.chunks(1_000).collect::<Vec<_>>(), "{address}");
            if !set_gro(&hearing) {
                return left_out(test, "no GRO here");
            }
            assert_eq!(send_bytes(&talking, &bytes), Sent::Ok, "{address}");
            wait_for(&hearing, PollFlags::POLLIN);
            let mut into = [0; 65_536];
            let train = Train { len: 3_500, segment: 1_000 };
            assert_eq!(receive_train(&hearing, &mut into), Received::Some(train), "{address}");
            assert_eq!(into[..3_500], bytes);
            assert_eq!(receive_train(&hearing, &mut into), Received::Nothing);
            // what is not longer than a segment is no train
            assert_eq!(send_bytes(&talking, &bytes[..7]), Sent::Ok);
            wait_for(&hearing, PollFlags::POLLIN);
            let single = Train { len: 7, segment: 7 };
            assert_eq!(receive_train(&hearing, &mut into), Received::Some(single), "{address}");
        }
    }

    #[test]
    fn pieces_are_one_datagram_and_its_own_length_is_told() {
        for address in loopbacks(test_name!("pieces_are_one_datagram_and_its_own_length_is_told")) {
            let (hearing, talking) = pair(address);
            let pieces: [&[u8]; 4] = [b"one", b"", b" ", b"datagram"];
            assert_eq!(send_pieces(&talking, pieces.into_iter()), Sent::Ok);
            let from = talking.local_addr().unwrap();
            assert_eq!(receive_soon(&hearing), (b"one datagram".to_vec(), from));
            assert_eq!(send_bytes(&talking, b"too long"), Sent::Ok);
            wait_for(&hearing, PollFlags::POLLIN);
            let mut into = [0; 3];
            assert_eq!(receive(&hearing, &mut into), Received::Some(8));
            assert_eq!((&into, receive(&hearing, &mut into.clone())), (b"too", Received::Nothing));
        }
    }

    #[test]
    fn a_client_has_its_own_socket_on_the_listeners_port() {
        for address in loopbacks(test_name!("a_client_has_its_own_socket_on_the_listeners_port")) {
            let door = listener(address).unwrap();
            let at = door.local_addr().unwrap();
            let [one, other] = [connected(at).unwrap(), connected(at).unwrap()];
            let its_own = client_socket(at, one.local_addr().unwrap()).unwrap();
            assert_eq!([send_bytes(&one, b"mine"), send_bytes(&other, b"new")], [Sent::Ok; 2]);
            assert_eq!(receive_soon(&its_own), (b"mine".to_vec(), one.local_addr().unwrap()));
            assert_eq!(receive_soon(&door), (b"new".to_vec(), other.local_addr().unwrap()));
            assert_eq!(send_bytes(&its_own, b"answer"), Sent::Ok);
            assert_eq!(receive_soon(&one), (b"answer".to_vec(), at));
            let why = bound(at).unwrap_err();
            assert_eq!(why.kind(), io::ErrorKind::AddrInUse, "a port of its own is not shared");
        }
    }

    #[test]
    fn a_port_that_nobody_hears_refuses_once() {
        for address in loopbacks(test_name!("a_port_that_nobody_hears_refuses_once")) {
            // it holds its port, and hears nobody but itself
            let deaf = bound(address).unwrap();
            let at = deaf.local_addr().unwrap();
            deaf.connect(at).unwrap();
            let talking = connected(at).unwrap();
            assert_eq!(send_bytes(&talking, b"x"), Sent::Ok);
            wait_for(&talking, PollFlags::empty());
            assert_eq!(send_bytes(&talking, b"x"), Sent::Refused, "{address}");
            assert_eq!(send_bytes(&talking, b"x"), Sent::Ok, "that was said of the first one");
            wait_for(&talking, PollFlags::empty());
            assert_eq!(receive(&talking, &mut [0; 8]), Received::Refused, "{address}");
            assert_eq!(receive(&talking, &mut [0; 8]), Received::Nothing);
        }
    }

    #[test]
    fn options_are_as_they_were_set() {
        for address in loopbacks(test_name!("options_are_as_they_were_set")) {
            let socket = bound(address).unwrap();
            let is_v4 = address.is_ipv4();
            let read = |v4: i32, v6: i32| {
                let v6 = (!is_v4).then(|| int_option(&socket, libc::IPPROTO_IPV6, v6).unwrap());
                // an IPv6 socket has both
                (int_option(&socket, libc::IPPROTO_IP, v4).unwrap(), v6)
            };
            for dscp in [46, 0, 34] {
                assert!(set_dscp(&socket, dscp), "{address}");
                let class = i32::from(dscp) << 2;
                assert_eq!(read(libc::IP_TOS, libc::IPV6_TCLASS), (class, (!is_v4).then_some(class)));
            }
            for (dont, v4, v6) in [
                (true, libc::IP_PMTUDISC_DO, libc::IPV6_PMTUDISC_DO),
                (false, libc::IP_PMTUDISC_DONT, libc::IPV6_PMTUDISC_DONT),
            ] {
                assert_eq!(set_dont_fragment(&socket, dont), Setting::Done);
                let is = read(libc::IP_MTU_DISCOVER, libc::IPV6_MTU_DISCOVER);
                assert_eq!(is, (v4, (!is_v4).then_some(v6)), "{address}");
            }
            assert!(set_receive_buffer(&socket, 32_768) >= 32_768, "{address}");
            assert_eq!(path_mtu(&socket), None, "no path yet");
        }
    }

    #[test]
    fn a_small_path_is_known_and_what_it_does_not_take_is_too_large() {
        let test = test_name!("a_small_path_is_known_and_what_it_does_not_take_is_too_large");
        if !alone_in_network(test, "ip link set lo up mtu 1500") {
            return;
        }
        for address in loopbacks(test) {
            let (hearing, talking) = pair(address);
            let most = if address.is_ipv4() { 1_472 } else { 1_452 };
            assert_eq!(path_mtu(&talking), Some(1_500), "{address}");
            assert_eq!(set_dont_fragment(&talking, true), Setting::Done);
            assert_eq!(send_bytes(&talking, &vec![1; most]), Sent::Ok, "{address}");
            assert_eq!(send_bytes(&talking, &vec![2; most + 1]), Sent::TooLarge, "{address}");
            assert_eq!(set_dont_fragment(&talking, false), Setting::Done);
            assert_eq!(send_bytes(&talking, &vec![3; most + 1]), Sent::Ok, "{address}");
            let lengths = [receive_soon(&hearing).0.len(), receive_soon(&hearing).0.len()];
            assert_eq!(lengths, [most, most + 1], "{address}: the last one came in parts");
            if set_segment(&talking, 2_000) {
                // which of the two depends on the kernel
                let sent = send_bytes(&talking, &[4; 6_000]);
                assert!(matches!(sent, Sent::NoGso(_) | Sent::TooLarge), "{address}: {sent:?}");
            }
        }
    }

    #[test]
    fn a_full_send_buffer_blocks() {
        // nobody answers ARP there, so what is sent waits
        let setup = "ip link add here type veth peer name there && ip addr add 192.0.2.1/24 dev here \
                     && ip link set here up && ip link set there up";
        if !alone_in_network(test_name!("a_full_send_buffer_blocks"), setup) {
            return;
        }
        let socket = connected("192.0.2.2:9".parse().unwrap()).unwrap();
        setsockopt(&socket, sockopt::SndBuf, &8_192).unwrap();
        let pieces = || std::iter::repeat_n(&[0; 100][..], 10);
        let blocked = (0..100).find(|_| send_pieces(&socket, pieces()) != Sent::Ok);
        assert!(blocked.is_some_and(|count| count > 1), "{blocked:?}");
        assert_eq!(send_bytes(&socket, &[0; 1_000]), Sent::Blocked);
        let mut fds = [nix::poll::PollFd::new(socket.as_fd(), PollFlags::POLLOUT)];
        crate::sys::poll::wait(&mut fds, crate::time::Time::default(), crate::sys::clock::now()).unwrap();
        assert!(!crate::sys::poll::is_writable(&fds[0]));
    }
}
