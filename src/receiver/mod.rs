//! The receiver's brain: fragments become frames in order, what is missing is known by number, and the sender is told.
//! No socket, no clock, no file; what a frame is for, and words for people, belong to `app`.
//!
//! The shell hands in one input (`handle_*`), then drains [`Receiver::poll_datagram`] and [`Receiver::poll_event`],
//! then sleeps until [`Receiver::next_timeout`]. One session after the other is [`rejoin`]'s matter.
//!
//! | module | what |
//! |---|---|
//! | [`rejoin`] | when to join, at which address, and what to go on with |
//! | `session` | one session: HELLO until it is answered, CONTINUE while it lives, END |
//! | [`events`] | what comes out of it |
//! | `greeting` | HELLO: when, and whether padded |
//! | `reports` | CONTINUE: when |
//! | [`requests`] | **what is asked for again, and when**: the register of what has not come |
//! | [`timing`] | the path's round trip and lateness, and the waits that follow from them |
//! | [`assembler`] | fragments to frames, in order, within fixed memory |
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

pub mod assembler;
pub mod events;
mod greeting;
pub mod partial;
pub mod plain;
pub mod rejoin;
mod reports;
pub mod requests;
mod session;
pub mod slate;
pub mod timing;

pub use assembler::Patience;
pub use events::{Counters, Event, Frame, Over};
pub use session::{Receiver, SILENCE};
