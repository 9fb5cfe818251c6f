//! Where connections come: addresses, and socket files for a web server in front of us.

use crate::app::cast::config::HttpListen;
use crate::app::cast::listen;
use crate::app::exit::{Exit, ExitError};
use crate::shown::shown;
use crate::sys::connection::Listener;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Listens there; on all addresses of IPv4 where all were meant and this machine has no IPv6.
///
/// # Errors
/// What is in the way, and its remedy.
pub(super) fn open(at: &HttpListen) -> Result<Listener, ExitError> {
    let listener = match at {
        HttpListen::Address(at) => {
            let listener = match Listener::tcp(*at) {
                Err(error) if at.ip().is_unspecified() && listen::is_unknown_family(&error) => {
                    Listener::tcp(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), at.port()))
                }
                other => other,
            };
            listener.map_err(|error| listen::failure("--http", *at, &error))?
        }
        HttpListen::File(path, mode) => Listener::unix(path, *mode).map_err(|error| {
            let why =
                format!("cannot listen on the socket file {}: {error}; --http takes another", shown(path));
            ExitError::new(Exit::Listen, why)
        })?,
    };
    match (listener.address(), at) {
        (Some(address), _) => log::info!("listening on {address} (HTTP)"),
        (None, HttpListen::File(path, _)) => log::info!("listening on {} (HTTP)", shown(path)),
        (None, HttpListen::Address(_)) => {}
    }
    Ok(listener)
}
