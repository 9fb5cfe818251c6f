//! What the service manager hands over: sockets that it has opened, so that camcast needs no network of its own.

use super::config::Config;
use super::udp::listener::Listener as Door;
use crate::app::exit::{Exit, ExitError, usage};
use crate::app::quantity::counted;
use crate::shown::one_line;
use crate::sys::connection::Listener;
use crate::sys::handed::{self, Kind, Socket};
use crate::sys::pool::Pool;
use std::net::{SocketAddr, TcpListener, UdpSocket};

/// What a unit of HTTP's sockets, or of RTSP's, calls them (`FileDescriptorName=`). All others are of our own protocol.
const HTTP: &str = "http";
const RTSP: &str = "rtsp";

/// For each outlet its sockets.
#[derive(Default)]
pub struct Handed {
    /// Of our own protocol, if there are some.
    pub doors: Option<Doors>,
    /// Where HTTP is served.
    pub http: Vec<Listener>,
    /// Where RTSP is served.
    pub rtsp: Vec<Listener>,
}

/// Where joins come, and sockets for the clients that come of them.
pub struct Doors {
    /// At each address a TCP socket and a UDP socket.
    pub listeners: Vec<Door>,
    /// All other UDP sockets.
    pub pool: Pool,
}

impl Handed {
    /// Takes what there is. There can be no more clients than sockets for them.
    ///
    /// # Errors
    /// What cannot be made use of, or contradicts an option.
    pub fn take(config: &mut Config) -> Result<Self, ExitError> {
        Self::of(handed::take(), config)
    }

    fn of(sockets: Vec<Socket>, config: &mut Config) -> Result<Self, ExitError> {
        let mut handed = Handed::default();
        let (mut tcp, mut udp): (Vec<TcpListener>, Vec<UdpSocket>) = (Vec::new(), Vec::new());
        for Socket { name, kind } in sockets {
            match (name.as_str(), kind) {
                (HTTP, Kind::Tcp(listener)) => handed.http.push(Listener::Tcp(listener)),
                (RTSP, Kind::Tcp(listener)) => handed.rtsp.push(Listener::Tcp(listener)),
                (HTTP | RTSP, _) | (_, Kind::Other) => return Err(useless(&name)),
                (_, Kind::Tcp(listener)) => tcp.push(listener),
                (_, Kind::Udp(socket)) => udp.push(socket),
            }
        }
        if !(tcp.is_empty() && udp.is_empty()) {
            handed.doors = Some(Doors::of(tcp, udp, config)?);
        }
        let listeners = [("HTTP", &handed.http), ("RTSP", &handed.rtsp)];
        let addresses = listeners.iter().flat_map(|(by, all)| all.iter().map(move |it| (by, it.address())));
        for (by, at) in addresses {
            at.iter().for_each(|at| log::info!("listening on {at} ({by}), handed over"));
        }
        Ok(handed)
    }
}

impl Doors {
    fn of(tcp: Vec<TcpListener>, mut udp: Vec<UdpSocket>, config: &mut Config) -> Result<Self, ExitError> {
        if config.listen.iter().any(|listen| listen.fallback.is_none()) {
            let why = "--listen: the service manager has opened the sockets: name the address in its socket unit, and not here";
            return Err(usage(why));
        }
        let mut listeners = Vec::new();
        for tcp in tcp {
            let at = address(tcp.local_addr())?;
            let twin = udp.iter().position(|udp| udp.local_addr().is_ok_and(|udp| udp == at));
            let Some(twin) = twin else {
                let need =
                    "as many ListenDatagram= of the same address, one more than clients, and ReusePort=yes";
                return Err(wrong(format!("beside ListenStream={at} the socket unit needs {need}")));
            };
            listeners.push(Door { tcp, udp: udp.remove(twin) });
        }
        if listeners.is_empty() {
            return Err(wrong("the socket unit has a ListenDatagram=, and no ListenStream= of that address"));
        }
        let count = udp.len();
        let pool =
            Pool::new(udp).map_err(|error| ExitError::system("sockets that were handed over", &error))?;
        let clients = u16::try_from(count).unwrap_or(u16::MAX);
        if clients == 0 {
            return Err(wrong(
                "the socket unit needs a ListenDatagram= more for each client, and ReusePort=yes",
            ));
        }
        config.max_clients = config.max_clients.min(clients);
        for at in listeners.iter().filter_map(|door| door.tcp.local_addr().ok()) {
            let sockets = counted(count as u64, "socket");
            log::info!("listening on {at} (TCP and UDP), handed over with {sockets} for clients");
        }
        Ok(Doors { listeners, pool })
    }
}

fn address(of: std::io::Result<SocketAddr>) -> Result<SocketAddr, ExitError> {
    of.map_err(|error| ExitError::system("a socket that was handed over", &error))
}

fn useless(name: &str) -> ExitError {
    let name = one_line(name);
    wrong(format!(
        "what the socket unit hands over as {name} is of no use here: TCP that listens, and UDP, are"
    ))
}

fn wrong(why: impl Into<String>) -> ExitError {
    ExitError::new(Exit::Listen, why)
}
