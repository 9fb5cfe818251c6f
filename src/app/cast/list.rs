//! `--list`: the cameras of this machine.

use crate::app::exit::Exit;
use crate::app::say;
use crate::capture::v4l2;

/// Says which cameras there are, and all that each offers.
pub fn print() -> Exit {
    let listings = v4l2::listings();
    if listings.is_empty() {
        say("no camera answers; the built-in test picture needs none: camcast pattern");
    }
    listings.iter().for_each(|listing| say(&listing.to_string()));
    Exit::Ok
}
