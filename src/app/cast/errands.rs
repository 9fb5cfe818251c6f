//! What camcast does instead of streaming, and then ends.

use super::list;
use super::options::Options;
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
    let new_key = options.new_key.as_ref().map(key_file::create);
    new_key.or_else(|| options.new_sign_key.as_ref().map(key_file::create_signing))
}
