//! Sealed mode: who has no key reads nothing, and says nothing that is believed.
//!
//! Noise over the join ([`handshake`]) gives each session two keys, for the datagrams that are its own ([`channel`]), and the
//! stream's key, with which each frame is sealed once for all clients ([`stream`], [`ring`]). docs/PROTOCOL.md has the bytes,
//! docs/SECURITY.md what they protect.
//!
//! Lives here: keys, and what is done with them. May not live here: files, randomness (an argument, as time is elsewhere), what a
//! datagram says.
//!
//! | module | what |
//! |---|---|
//! | [`key`] | the key that camcast and its camrecs share, and its text |
//! | [`handshake`] | the join's two messages |
//! | [`channel`] | a session's own datagrams |
//! | `cipher` | what both are sealed with |
//! | [`window`] | which counters have been seen |
//! | [`stream`] | the stream's key, and DATA under it |
//! | [`ring`] | the newest frames as they go out |
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

pub mod channel;
mod cipher;
pub mod handshake;
pub mod key;
pub mod ring;
pub mod stream;
pub mod window;

pub use channel::Channel;
pub use key::Key;
pub use stream::StreamKey;

/// Random bytes for one purpose, which are gone with it.
pub type Secret = zeroize::Zeroizing<[u8; 32]>;

/// Bytes by which a sealed datagram shows that it was not touched: Poly1305's.
pub const TAG_LEN: usize = 16;
