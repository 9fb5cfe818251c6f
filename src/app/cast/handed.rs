//! What the service manager hands over: sockets that it has opened, so that camcast needs no network of its own.

use super::config::{Config, MAX_HTTP, MAX_LISTEN, MAX_RTSP, is_for_all};
use super::listen::Whom;
use super::udp::BACKLOGS;
use super::udp::listener::{Doors, Listener as Door};
use crate::app::exit::{Exit, ExitError, usage};
use crate::app::quantity::counted;
use crate::shown::one_line;
use crate::sys::connection::Listener;
use crate::sys::handed::{Kind, Socket};
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

impl Handed {
    /// Of what was handed over. There can be no more clients than sockets for them.
    ///
    /// # Errors
    /// What cannot be made use of, or contradicts an option.
    pub fn of(sockets: Vec<Socket>, config: &mut Config) -> Result<Self, ExitError> {
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
        handed.check(config)?;
        Ok(handed)
    }
}

impl Handed {
    /// What is not sealed must not leave this machine for whoever asks; and there are no more than places to poll them.
    fn check(&self, config: &Config) -> Result<(), ExitError> {
        let whom = Whom::of(config.passwords.as_ref());
        for (by, listeners, most) in [("HTTP", &self.http, MAX_HTTP), ("RTSP", &self.rtsp, MAX_RTSP)] {
            if listeners.len() > most {
                return Err(wrong(format!("{by} can be handed over {most} times at the most")));
            }
            for at in listeners.iter().filter_map(Listener::address) {
                if config.key.is_some() && is_for_all(at, config.passwords.is_some()) {
                    return Err(usage(format!(
                        "{by} at {at}, handed over: with a key, nobody is to see the stream unasked: add --password-file, or \
                         have the socket unit listen on 127.0.0.1"
                    )));
                }
                log::info!("listening on {at} ({by}), for {whom}, handed over");
            }
        }
        Ok(())
    }
}

impl Doors {
    fn of(tcp: Vec<TcpListener>, mut udp: Vec<UdpSocket>, config: &mut Config) -> Result<Self, ExitError> {
        if config.listen.iter().any(|listen| listen.fallback.is_none()) {
            let why = "--listen: the service manager has opened the sockets: name the address in its socket unit, and not here";
            return Err(usage(why));
        }
        if config.announce.is_some() {
            return Err(usage(
                "--announce needs a socket of camcast's own; there is a file for Avahi, which does the same",
            ));
        }
        if config.rtsp_multicast.is_some() {
            return Err(usage(
                "--rtsp-multicast needs a socket of camcast's own, and others are handed over",
            ));
        }
        if tcp.len() > MAX_LISTEN {
            return Err(wrong(format!("ListenStream= can be given {MAX_LISTEN} times at the most")));
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
        // who comes for what was kept has another one beside those who are there
        let beside = if config.spill.is_some() { BACKLOGS } else { 0 };
        let clients = u16::try_from(count.saturating_sub(beside)).unwrap_or(u16::MAX);
        if clients == 0 {
            return Err(wrong(
                "the socket unit needs a ListenDatagram= more for each client, and ReusePort=yes",
            ));
        }
        if config.max_clients > clients {
            log::warn!(
                "clients at once: {clients}, for which sockets were handed over, and not {}",
                config.max_clients
            );
            config.max_clients = clients;
        }
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
