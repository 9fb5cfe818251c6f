//! Where connections come: addresses, and socket files for a web server in front of us.

use crate::app::cast::config::HttpListen;
use crate::app::cast::listen::{self, Whom};
use crate::app::exit::{Exit, ExitError};
use crate::shown::shown;
use crate::sys::connection::Listener;

/// Listens there.
///
/// # Errors
/// What is in the way, and its remedy.
pub(super) fn open(at: &HttpListen, whom: Whom) -> Result<Listener, ExitError> {
    let (path, mode) = match at {
        HttpListen::Address(at) => return listen::open("--http", "HTTP", *at, whom),
        HttpListen::File(path, mode) => (path, *mode),
    };
    let listener = Listener::unix(path, mode).map_err(|error| {
        let why = format!("cannot listen on the socket file {}: {error}; --http takes another", shown(path));
        ExitError::new(Exit::Listen, why)
    })?;
    log::info!("listening on {} (HTTP), for {whom}", shown(path));
    Ok(listener)
}
