//! Somebody on the network who speaks in the name of both ends of a session. Raw sockets are root's, if only in a network of a test's
//! own.

use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, sendto, socket,
};
use std::net::{SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};

/// Sends datagrams from any address.
pub struct Forger {
    raw: OwnedFd,
    other_port: UdpSocket,
    other_address: UdpSocket,
    camcast: SocketAddrV4,
    camrec: SocketAddrV4,
}

fn v4(address: SocketAddr) -> SocketAddrV4 {
    let SocketAddr::V4(address) = address else { panic!("{address}") };
    address
}

impl Forger {
    pub fn new(camcast: SocketAddr, camrec: SocketAddr) -> Self {
        let raw = socket(AddressFamily::Inet, SockType::Raw, SockFlag::empty(), SockProtocol::Raw).unwrap();
        let [other_port, other_address] =
            ["127.0.0.1:0", "127.0.0.2:0"].map(|address| UdpSocket::bind(address).unwrap());
        Forger { raw, other_port, other_address, camcast: v4(camcast), camrec: v4(camrec) }
    }

    /// In turn from each of the addresses that it can.
    pub fn send(&self, turn: u32, payload: &[u8], to_camrec: bool) {
        let (from, to) = if to_camrec { (self.camcast, self.camrec) } else { (self.camrec, self.camcast) };
        // what does not fit into the socket now is one less
        let _ = match turn % 4 {
            0 => self.other_port.send_to(payload, to).map(|_| ()),
            1 => self.other_address.send_to(payload, to).map(|_| ()),
            _ => self.send_raw(payload, from, to),
        };
    }

    /// From the client's own address to camcast.
    ///
    /// # Errors
    /// The system does not take it now.
    pub fn send_as_client(&self, payload: &[u8]) -> std::io::Result<()> {
        self.send_raw(payload, self.camrec, self.camcast)
    }

    fn send_raw(&self, payload: &[u8], from: SocketAddrV4, to: SocketAddrV4) -> std::io::Result<()> {
        let udp_len = (8 + payload.len()) as u16;
        let mut packet = vec![0x45, 0];
        // the kernel fills in the length, the identification and the checksum
        packet.extend([0; 6]);
        packet.extend([64, 17, 0, 0]);
        packet.extend(from.ip().octets());
        packet.extend(to.ip().octets());
        packet.extend(from.port().to_be_bytes());
        packet.extend(to.port().to_be_bytes());
        packet.extend(udp_len.to_be_bytes());
        packet.extend([0, 0]);
        packet.extend(payload);
        sendto(self.raw.as_raw_fd(), &packet, &SockaddrIn::from(to), MsgFlags::MSG_DONTWAIT)?;
        Ok(())
    }
}
