//! What camcast does instead of streaming, and then ends.

use super::config::Config;
use super::list;
use super::options::Options;
use crate::app::config_file::FINE;
use crate::app::exit::{Exit, ExitError};
use crate::app::{key_file, say};

/// Does what was asked for, if it was one of these.
pub fn run(options: &Options) -> Option<Result<Exit, ExitError>> {
    if options.version {
        say(concat!("camcast ", env!("CARGO_PKG_VERSION")));
        return Some(Ok(Exit::Ok));
    }
    if options.list {
        return Some(Ok(list::print()));
    }
    if options.check_config {
        return Some(Config::try_from(options.clone()).map(|_| {
            say(FINE);
            Exit::Ok
        }));
    }
    let new_key = options.new_key.as_ref().map(key_file::create);
    new_key.or_else(|| options.new_sign_key.as_ref().map(key_file::create_signing))
}
