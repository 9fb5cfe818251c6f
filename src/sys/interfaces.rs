//! This machine's network interfaces and their addresses, without netlink: a service's sandbox may have no such sockets.

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, OwnedFd};

/// All interfaces, a line each behind two of headings (`proc_net_dev(5)`).
const NAMES: &str = "/proc/self/net/dev";

/// All addresses of IPv6, a line each (`proc_net_if_inet6(5)`).
const IPV6: &str = "/proc/self/net/if_inet6";

/// More than this many are not looked at.
const MOST: usize = 64;

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its number, as scopes of addresses have it.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its link-layer address (MAC); none if it has none.
    pub hardware: Option<[u8; 6]>,
    /// It is up, and others on its link hear what is said to a group: no loopback, and no tunnel to one other machine.
    pub is_shared: bool,
    /// Its addresses, with the bits of each that its neighbours share. One of IPv4, and all of IPv6.
    pub addresses: Vec<(IpAddr, u32)>,
}

impl Interface {
    /// That address is a neighbour's.
    pub fn is_neighbour(&self, ip: IpAddr) -> bool {
        self.addresses.iter().any(|(own, bits)| match (own, ip) {
            (IpAddr::V4(own), IpAddr::V4(ip)) => {
                ip.is_link_local() || (own.to_bits() ^ ip.to_bits()).leading_zeros() >= *bits
            }
            (IpAddr::V6(own), IpAddr::V6(ip)) => {
                ip.is_unicast_link_local() || (own.to_bits() ^ ip.to_bits()).leading_zeros() >= *bits
            }
            _ => false,
        })
    }

    /// Its address of IPv4.
    pub fn ipv4(&self) -> Option<Ipv4Addr> {
        self.addresses.iter().find_map(|(ip, _)| match ip {
            IpAddr::V4(ip) => Some(*ip),
            IpAddr::V6(_) => None,
        })
    }

    /// Its address of IPv6 that is of its link alone.
    pub fn link_local(&self) -> Option<Ipv6Addr> {
        self.addresses.iter().find_map(|(ip, _)| match ip {
            IpAddr::V6(ip) if ip.is_unicast_link_local() => Some(*ip),
            _ => None,
        })
    }
}

/// All of them, as they are now, by their numbers.
///
/// # Errors
/// `/proc` is not readable, or no descriptor is left.
pub fn all() -> io::Result<Vec<Interface>> {
    let names = fs::read_to_string(NAMES)?;
    // a machine without IPv6 has no such file
    let ipv6 = fs::read_to_string(IPV6).unwrap_or_default();
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let asked = socket(AddressFamily::Inet, SockType::Datagram, flags, None)?;
    let names = names.lines().skip(2).filter_map(|line| Some(line.split_once(':')?.0.trim()));
    let mut all: Vec<Interface> = names.take(MOST).filter_map(|name| look(&asked, name, &ipv6)).collect();
    all.sort_by_key(|interface| interface.index);
    Ok(all)
}

/// `SIOCGIWPOWER` of the wireless extensions, which have outlived what was to replace them.
const GET_POWER: libc::Ioctl = 0x8B2D;

/// Whether a wireless interface sleeps between what it sends and is sent; `None` if its driver does not say.
pub fn sleeps(name: &str) -> Option<bool> {
    let asked = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None).ok()?;
    // the kernel's `iwreq` has the name where `ifreq` has it, and then an `iw_param`: a number of four bytes, whether it is fixed,
    // and whether it is off
    let (_, [_, _, _, is_off, ..]) = bytes(&ask(&asked, name, GET_POWER).ok()?);
    Some(is_off == 0)
}

/// None: it has gone meanwhile.
fn look(asked: &OwnedFd, name: &str, ipv6: &str) -> Option<Interface> {
    let index = u32::try_from(number(&ask(asked, name, libc::SIOCGIFINDEX).ok()?)).ok()?;
    let flags = i32::from(flags(&ask(asked, name, libc::SIOCGIFFLAGS).ok()?));
    let is_shared = flags & libc::IFF_UP != 0
        && flags & libc::IFF_MULTICAST != 0
        && flags & (libc::IFF_LOOPBACK | libc::IFF_POINTOPOINT) == 0;
    let hardware = ask(asked, name, libc::SIOCGIFHWADDR).ok().and_then(|answer| hardware(&answer));
    let own = ask(asked, name, libc::SIOCGIFADDR).ok().and_then(|answer| ipv4(&answer));
    let mask = ask(asked, name, libc::SIOCGIFNETMASK).ok().and_then(|answer| ipv4(&answer));
    let of_ipv4 = own.map(|own| (own.into(), mask.unwrap_or(Ipv4Addr::BROADCAST).to_bits().leading_ones()));
    let of_ipv6 = ipv6.lines().filter_map(|line| address(line, name));
    Some(Interface {
        index,
        name: name.to_owned(),
        hardware,
        is_shared,
        addresses: of_ipv4.into_iter().chain(of_ipv6).collect(),
    })
}

/// `fe80...01 02 40 20 80 eth0`: the address, the interface's number, its bits, its scope, its flags, the name; all but the last in
/// hexadecimal.
fn address(line: &str, of: &str) -> Option<(IpAddr, u32)> {
    let mut fields = line.split_ascii_whitespace();
    let address = u128::from_str_radix(fields.next()?, 16).ok()?;
    let bits = u32::from_str_radix(fields.nth(1)?, 16).ok()?;
    let name = fields.nth(2)?;
    (name == of).then(|| (Ipv6Addr::from_bits(address).into(), bits))
}

/// What the kernel says of the interface of this name (`netdevice(7)`).
fn ask(asked: &OwnedFd, name: &str, what: libc::Ioctl) -> nix::Result<libc::ifreq> {
    if name.len() >= libc::IFNAMSIZ {
        return Err(Errno::ENODEV);
    }
    // SAFETY: ifreq is plain numbers, of which zeros are valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    // SAFETY: all requests of this file take an ifreq, which is ours, and write no more than that.
    let done = unsafe { libc::ioctl(asked.as_raw_fd(), what, &raw mut request) };
    Errno::result(done).map(|_| request)
}

fn number(answer: &libc::ifreq) -> i32 {
    // SAFETY: an int in a union that was all zeros before the kernel wrote to it.
    unsafe { answer.ifr_ifru.ifru_ifindex }
}

fn flags(answer: &libc::ifreq) -> libc::c_short {
    // SAFETY: a short in a union that was all zeros before the kernel wrote to it.
    unsafe { answer.ifr_ifru.ifru_flags }
}

/// The bytes behind the family.
fn bytes(answer: &libc::ifreq) -> (libc::sa_family_t, [u8; 14]) {
    // SAFETY: a sockaddr of plain bytes in a union that was all zeros before the kernel wrote to it.
    let address = unsafe { answer.ifr_ifru.ifru_addr };
    (address.sa_family, address.sa_data.map(|byte| byte as u8))
}

fn ipv4(answer: &libc::ifreq) -> Option<Ipv4Addr> {
    let (family, [_, _, a, b, c, d, ..]) = bytes(answer);
    (i32::from(family) == libc::AF_INET).then(|| Ipv4Addr::new(a, b, c, d))
}

fn hardware(answer: &libc::ifreq) -> Option<[u8; 6]> {
    let (family, [a, b, c, d, e, f, ..]) = bytes(answer);
    let hardware = [a, b, c, d, e, f];
    (family == libc::ARPHRD_ETHER && hardware != [0; 6]).then_some(hardware)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::loopback::{alone_in_network, test_name};

    #[test]
    fn interfaces_are_seen_with_their_addresses() {
        let setup = "ip link set lo up && ip link add one type veth peer name other &&
            ip link set one address 02:00:00:00:00:07 && ip address add 10.7.0.5/23 dev one && ip link set one up";
        if !alone_in_network(test_name!("interfaces_are_seen_with_their_addresses"), setup) {
            return;
        }
        let all = all().unwrap();
        let named = |name: &str| all.iter().find(|it| it.name == name).unwrap();
        let (lo, one, other) = (named("lo"), named("one"), named("other"));
        assert_eq!((lo.is_shared, lo.hardware, lo.ipv4()), (false, None, Some(Ipv4Addr::LOCALHOST)));
        assert_eq!((one.is_shared, one.ipv4()), (true, Some(Ipv4Addr::new(10, 7, 0, 5))));
        assert_eq!(one.hardware, Some([2, 0, 0, 0, 0, 7]));
        assert_eq!(one.addresses[0].1, 23);
        assert_eq!((other.is_shared, other.addresses.len()), (false, 0), "it is down");
        assert!(all.is_sorted_by_key(|it| it.index));
        let is_neighbour = |ip: &str| one.is_neighbour(ip.parse().unwrap());
        assert!(is_neighbour("10.7.1.255") && is_neighbour("169.254.3.4"));
        assert!(!is_neighbour("10.7.2.1") && !is_neighbour("8.8.8.8"));
    }

    #[test]
    fn what_is_not_wireless_does_not_say_whether_it_sleeps() {
        for name in ["lo", "", "longer-than-names-are"] {
            assert_eq!(sleeps(name), None);
        }
    }

    #[test]
    fn a_line_of_the_kernels_is_an_address() {
        let line = "fe80000000000000020000fffe000007 02 40 20 80     eth0";
        let (ip, bits) = address(line, "eth0").unwrap();
        assert_eq!((ip.to_string().as_str(), bits), ("fe80::200:ff:fe00:7", 64));
        for bad in ["", "fe80", "zz 02 40 20 80 eth0", "fe80000000000000020000fffe000007 02 40 20 80"] {
            assert_eq!(address(bad, "eth0"), None);
        }
        assert_eq!(address(line, "eth1"), None);
        let found = Interface {
            index: 2,
            name: "eth0".into(),
            hardware: None,
            is_shared: true,
            addresses: vec![("2001:db8:1:2::5".parse().unwrap(), 64), (ip, bits)],
        };
        assert_eq!(found.link_local().map(IpAddr::from), Some(ip));
        let is_neighbour = |ip: &str| found.is_neighbour(ip.parse().unwrap());
        assert!(is_neighbour("2001:db8:1:2:ffff::1") && is_neighbour("fe80::1"));
        assert!(!is_neighbour("2001:db8:1:3::1") && !is_neighbour("10.0.0.1"));
    }
}
