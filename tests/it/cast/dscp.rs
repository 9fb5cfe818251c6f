//! `--dscp`: what arrives is marked, as the kernel of the receiver says.

use crate::support::native::NativeClient;
use crate::support::procs::Camcast;
use crate::support::{PATIENCE, deadline, is_over, left_out};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, getsockopt, recvmsg, setsockopt, sockopt,
};
use std::io::IoSliceMut;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};

/// The code point of the next datagram, whatever it is.
fn next_mark(socket: &UdpSocket) -> u8 {
    let until = deadline(PATIENCE);
    while !is_over(until) {
        let mut fds = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::from(100u8)).unwrap();
        let (mut bytes, mut control) = ([0; 2048], vec![0; 256]);
        let mut iov = [IoSliceMut::new(&mut bytes)];
        let flags = MsgFlags::MSG_DONTWAIT;
        let got = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut iov, Some(&mut control), flags);
        match got {
            Ok(message) => {
                let class = message.cmsgs().unwrap().find_map(|cmsg| match cmsg {
                    ControlMessageOwned::Ipv4Tos(class) => Some(class),
                    ControlMessageOwned::Ipv6TClass(class) => u8::try_from(class).ok(),
                    _ => None,
                });
                return class.expect("the kernel says the class of each datagram") >> 2;
            }
            Err(Errno::EAGAIN) => {}
            Err(errno) => panic!("receive: {errno}"),
        }
    }
    panic!("no datagram came");
}

/// The marks of a session's first ten datagrams, BEATs and DATA.
fn marks(listen: &str, options: &[&str]) -> Vec<u8> {
    let camcast = Camcast::start_at(listen, &[&["pattern", "-r", "320x240", "-f", "30"], options].concat());
    let mut client = NativeClient::join(camcast.address, "every");
    if camcast.address.is_ipv4() {
        setsockopt(&client.udp, sockopt::IpRecvTos, &true).unwrap();
    } else {
        setsockopt(&client.udp, sockopt::Ipv6RecvTClass, &true).unwrap();
    }
    let hello = client.hello();
    client.send(&hello);
    let beat = next_mark(&client.udp);
    let before = client.next.wrapping_sub(1);
    let heard = client.continue_with(before);
    client.send(&heard);
    [beat].into_iter().chain((1..10).map(|_| next_mark(&client.udp))).collect()
}

#[test]
fn video_is_marked_as_asked_for() {
    assert_eq!(marks("127.0.0.1:0", &["--dscp", "af41"]), [34; 10]);
    assert_eq!(marks("127.0.0.1:0", &["--dscp", "8"]), [8; 10]);
}

#[test]
fn video_is_marked_over_ipv6_too() {
    if let Err(why) = TcpListener::bind("[::1]:0") {
        return left_out(&format!("no IPv6 here: {why}"));
    }
    assert_eq!(marks("[::1]:0", &["--dscp", "cs5"]), [40; 10]);
}

#[test]
fn nothing_is_marked_unless_asked_for() {
    let system = UdpSocket::bind("127.0.0.1:0").unwrap();
    let default = getsockopt(&system, sockopt::Ipv4Tos).unwrap() as u8 >> 2;
    assert_eq!(marks("127.0.0.1:0", &[]), [default; 10]);
}
