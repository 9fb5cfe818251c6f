//! Where connections come: addresses, and socket files for a web server in front of us.

use crate::app::cast::config::HttpListen;
use crate::app::cast::listen;
use crate::app::exit::{Exit, ExitError};
use crate::shown::shown;
use crate::sys::connection::Listener;

/// Listens there.
///
/// # Errors
/// What is in the way, and its remedy.
pub(super) fn open(at: &HttpListen) -> Result<Listener, ExitError> {
    let (path, mode) = match at {
        HttpListen::Address(at) => return listen::open("--http", "HTTP", *at),
        HttpListen::File(path, mode) => (path, *mode),
    };
    let listener = Listener::unix(path, mode).map_err(|error| {
        let why = format!("cannot listen on the socket file {}: {error}; --http takes another", shown(path));
        ExitError::new(Exit::Listen, why)
    })?;
    log::info!("listening on {} (HTTP)", shown(path));
    Ok(listener)
}
