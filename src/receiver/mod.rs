//! The receiver's brain: fragments become frames in order, what is missing is known by number, and the sender is told.
//! No socket, no clock, no file; what a frame is for, and words for people, belong to `app`.
//!
//! The shell hands in one input (`handle_*`), then drains [`Receiver::poll_datagram`] and [`Receiver::poll_event`],
//! then sleeps until [`Receiver::next_timeout`]. One session after the other is [`rejoin`]'s matter.
//!
//! | module | what |
//! |---|---|
//! | [`rejoin`] | when to join, at which address, and what to go on with |
//! | `approach` | one path's part of that: its addresses, its backoff |
//! | `stream` | one stream, by one path or by several: what has come, what is missing, who is asked for it |
//! | `session` | one session, on one path: HELLO until it is answered, CONTINUE while it lives, END |
//! | `paths` | which paths are there, and how far each is behind the others |
//! | [`shares`] | what each path has brought, and what was lost on it |
//! | [`events`] | what comes out of it |
//! | `greeting` | HELLO: when, and whether padded |
//! | `reports` | CONTINUE: when |
//! | [`requests`] | **what is asked for again, and when**: the register of what has not come |
//! | [`timing`] | the path's round trip and lateness, and the waits that follow from them |
//! | [`assembler`] | fragments to frames, in order, within fixed memory |
//! | `done` | the latest frames that came out, to tell what comes late from what is forged |
//! | `slot` | a frame that was heard of |
//! | `spares` | memory of frames that are done with |
//! | `pushed_out` | what lies too far back to be awaited |
//! | [`partial`] | one frame under way: its bytes, and which fragments are here |
//! | [`slate`] | the picture that stands in for the stream while there is no signal |
//! | [`plain`] | the original protocol's client |
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod approach;
pub mod assembler;
mod done;
pub mod events;
mod greeting;
pub mod partial;
mod paths;
pub mod plain;
mod pushed_out;
pub mod rejoin;
mod reports;
pub mod requests;
mod session;
pub mod shares;
pub mod slate;
mod slot;
mod spares;
mod stream;
pub mod timing;

pub use assembler::Patience;
pub use events::{Counters, Event, Frame, Over, Run};
pub use stream::Receiver;

use std::time::Duration;

/// The paths that a stream may come by.
pub const PATHS: usize = 2;

/// The server is given up on a path after this long without a datagram; it sends BEATs at least every half second.
pub const SILENCE: Duration = Duration::from_secs(3);
