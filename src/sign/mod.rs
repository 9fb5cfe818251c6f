//! Signed frames: each carries, in a segment of its own JPEG, a statement of which frame it is and which came before it, signed with
//! the camera's key. So a recording proves by itself that its frames are as camcast took them in, and that none is left out.
//! docs/PROTOCOL.md has the bytes, docs/SECURITY.md what they prove and what they do not.
//!
//! Lives here: keys, statements, where they stand, and what follows from a row of them. May not live here: files, clocks (times are
//! arguments), what people are told.
//!
//! | module | what |
//! |---|---|
//! | [`keys`] | the camera's key, and the public one that everybody may have |
//! | [`statement`] | what is said of a frame, as text of one form |
//! | `place` | where in a JPEG it stands |
//! | [`signer`] | frames are signed, one after the other |
//! | [`look`](fn@look) | what a frame proves by itself |
//! | [`chain`] | what a row of frames proves: changed, left out, put in |
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

pub mod chain;
pub mod keys;
mod look;
mod place;
pub mod signer;
pub mod statement;
#[cfg(test)]
mod tests;

pub use keys::{PublicKey, SigningKey};
pub use look::{Flaw, Proof, Seen, claimed, claimed_key, look, look_at_snapshot};
pub use signer::{Signed, Signer};
pub use statement::{Mark, SEGMENT_LEN};

/// What statements are told apart by: a SHA-256.
pub type Hash = [u8; 32];
