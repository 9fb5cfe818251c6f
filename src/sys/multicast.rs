//! Sockets for what is said to all on one link, one for each interface and family.

use super::interfaces::Interface;
use super::udp::{bound, set_int_option};
use super::{Share, bound_socket};
use nix::sys::socket::SockType;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6, UdpSocket};

/// A group as it is reached through this interface. None: the interface has no address of that family.
pub fn through(interface: &Interface, group: SocketAddr) -> Option<SocketAddr> {
    match group {
        SocketAddr::V4(_) => interface.ipv4().map(|_| group),
        SocketAddr::V6(group) => interface
            .link_local()
            .map(|_| SocketAddrV6::new(*group.ip(), group.port(), 0, interface.index).into()),
    }
}

/// A member of `group`: it hears what is said to the group on this interface, and nothing else, beside other programs that do. What
/// it sends comes from the group's port.
///
/// # Errors
/// No address of that family, another program that has the port alone, or no descriptor left.
pub fn member(interface: &Interface, group: SocketAddr) -> io::Result<UdpSocket> {
    let group = through(interface, group).ok_or(io::ErrorKind::AddrNotAvailable)?;
    // other programs are other users
    let socket = UdpSocket::from(bound_socket(group, SockType::Datagram, Share::Address)?);
    go_out_by(&socket, interface, group)?;
    match (group.ip(), interface.ipv4()) {
        (IpAddr::V4(group), Some(own)) => {
            // or it would hear what others on this machine have joined
            set_int_option(&socket, libc::IPPROTO_IP, libc::IP_MULTICAST_ALL, 0).done()?;
            socket.join_multicast_v4(&group, &own)?;
        }
        (IpAddr::V6(group), _) => socket.join_multicast_v6(&group, interface.index)?,
        (IpAddr::V4(_), None) => return Err(io::ErrorKind::AddrNotAvailable.into()),
    }
    Ok(socket)
}

/// A socket of any port that asks `group` on this interface, and hears answers to it alone.
///
/// # Errors
/// No address of that family, or no descriptor left.
pub fn asker(interface: &Interface, group: SocketAddr) -> io::Result<UdpSocket> {
    let group = through(interface, group).ok_or(io::ErrorKind::AddrNotAvailable)?;
    let from = match (group.ip(), interface.ipv4(), interface.link_local()) {
        (IpAddr::V4(_), Some(own), _) => SocketAddr::new(own.into(), 0),
        (IpAddr::V6(_), _, Some(own)) => SocketAddrV6::new(own, 0, 0, interface.index).into(),
        _ => return Err(io::ErrorKind::AddrNotAvailable.into()),
    };
    let socket = bound(from)?;
    go_out_by(&socket, interface, group)?;
    Ok(socket)
}

/// It sends to groups by this interface, and as far as the link goes: with the TTL of 255 that those expect who check it (RFC 6762, 11).
fn go_out_by(socket: &UdpSocket, interface: &Interface, group: SocketAddr) -> io::Result<()> {
    let (level, by, own, far) = match group {
        SocketAddr::V4(_) => {
            let own = interface.ipv4().unwrap_or(Ipv4Addr::UNSPECIFIED).octets();
            let far = [libc::IP_MULTICAST_TTL, libc::IP_TTL];
            (libc::IPPROTO_IP, libc::IP_MULTICAST_IF, i32::from_ne_bytes(own), far)
        }
        SocketAddr::V6(_) => {
            let index = i32::try_from(interface.index).unwrap_or_default();
            let far = [libc::IPV6_MULTICAST_HOPS, libc::IPV6_UNICAST_HOPS];
            (libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_IF, index, far)
        }
    };
    set_int_option(socket, level, by, own).done()?;
    far.into_iter().try_for_each(|far| set_int_option(socket, level, far, 255).done())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::interfaces;
    use crate::sys::loopback::{alone_in_network, test_name, wait_for};
    use crate::sys::poll::PollFlags;
    use crate::sys::udp::{Received, receive_from};

    const GROUP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(224, 0, 0, 251)), 5353);

    #[track_caller]
    fn hear(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
        wait_for(socket, PollFlags::POLLIN);
        let mut bytes = [0; 100];
        let Received::Some((len, from)) = receive_from(socket, &mut bytes) else { panic!("nothing there") };
        (bytes[..len].to_vec(), from)
    }

    #[test]
    fn members_hear_their_own_link_and_answer_who_asks() {
        let setup = "ip link set lo up && for n in 1 2; do ip link add a$n type veth peer name b$n &&
            ip address add 10.7.$n.1/24 dev a$n && ip link set a$n up && ip link set b$n up || exit 1; done";
        if !alone_in_network(test_name!("members_hear_their_own_link_and_answer_who_asks"), setup) {
            return;
        }
        let all = interfaces::all().unwrap();
        let named = |name: &str| all.iter().find(|it| it.name == name).unwrap();
        let [one, other] = [named("a1"), named("a2")].map(|it| (member(it, GROUP).unwrap(), it));
        let beside = member(one.1, GROUP).unwrap();
        let asker = asker(one.1, GROUP).unwrap();
        asker.send_to(b"who?", GROUP).unwrap();
        for member in [&one.0, &beside] {
            let (bytes, from) = hear(member);
            assert_eq!((bytes.as_slice(), from), (&b"who?"[..], asker.local_addr().unwrap()));
        }
        assert_eq!(receive_from(&other.0, &mut [0; 100]), Received::Nothing, "that is another link");
        one.0.send_to(b"I", asker.local_addr().unwrap()).unwrap();
        let (bytes, from) = hear(&asker);
        assert_eq!((bytes.as_slice(), from.to_string().as_str()), (&b"I"[..], "10.7.1.1:5353"));
        // what is said to this machine alone is for others here that have the port
        asker.send_to(b"you!", from).unwrap();
        assert_eq!(receive_from(&one.0, &mut [0; 100]), Received::Nothing);
    }

    #[test]
    fn an_interface_without_an_address_has_no_members() {
        let none =
            Interface { index: 1, name: "x".into(), hardware: None, is_shared: true, addresses: vec![] };
        assert!(member(&none, GROUP).is_err() && asker(&none, GROUP).is_err());
        let v6 = SocketAddr::new("ff02::fb".parse().unwrap(), 5353);
        assert_eq!(through(&none, v6), None);
    }
}
