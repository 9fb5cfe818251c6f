//! The addresses that are listened on: the same port number for TCP and UDP.

use crate::admission::networks::Allowed;
use crate::app::cast::config::Listen;
use crate::app::cast::listen;
use crate::app::exit::ExitError;
use crate::sys::pool::Pool;
use crate::sys::{tcp, udp};
use std::net::{SocketAddr, TcpListener, UdpSocket};

/// An address that is listened on.
pub struct Listener {
    /// Where joins come.
    pub tcp: TcpListener,
    /// Where HELLOs come.
    pub udp: UdpSocket,
}

impl Listener {
    /// Listens on an address, or on its fallback where this machine has no such family.
    ///
    /// # Errors
    /// What is in the way, and its remedy.
    pub fn open(listen: &Listen) -> Result<Self, ExitError> {
        let door = match try_door(listen.address) {
            Err(error) if listen::is_unknown_family(&error) => listen.fallback.map_or(Err(error), try_door),
            other => other,
        };
        let door = door.map_err(|error| listen::failure("--listen", listen.address, &error))?;
        if let Ok(address) = door.tcp.local_addr() {
            log::info!("listening on {address} (TCP and UDP)");
        }
        Ok(door)
    }
}

/// Sockets that were handed over: where joins come, and those for the clients that come of them.
pub struct Doors {
    /// At each address a TCP socket and a UDP socket.
    pub listeners: Vec<Listener>,
    /// All other UDP sockets.
    pub pool: Pool,
}

/// Says who can watch, if that is everybody.
pub fn tell_whom(listeners: &[Listener], allowed: &Allowed) {
    let addresses = listeners.iter().filter_map(|listener| listener.tcp.local_addr().ok());
    let open = addresses.filter(|address| !address.ip().to_canonical().is_loopback()).map(|at| at.port());
    if let (Some(port), true) = (open.max(), allowed.is_everybody()) {
        log::info!(
            "everybody who reaches port {port} can watch: no password is asked for there; --allow lets in a network alone"
        );
    }
}

/// The same port for both. Port 0 takes any that is free for both.
fn try_door(at: SocketAddr) -> std::io::Result<Listener> {
    let mut last = None;
    for _ in 0..if at.port() == 0 { 16 } else { 1 } {
        let tcp = tcp::listener(at)?;
        match udp::listener(tcp.local_addr()?) {
            Ok(udp) => return Ok(Listener { tcp, udp }),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| std::io::ErrorKind::AddrInUse.into()))
}
