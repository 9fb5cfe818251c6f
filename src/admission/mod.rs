//! Who may come in: by what is known of a password, and where there is a place.
//!
//! Lives here: what decides it, for every outlet that asks. May not live here: connections, what a request looks like, files.
//!
//! | module | what |
//! |---|---|
//! | [`door`] | one who asks is let in, or told what is missing |
//! | [`password`] | who knows the password, and who guesses it |
//! | [`digest`] | a password that is shown by a hash |
//! | [`hash`] | how such hashes are made |
//! | [`nonces`] | what such a hash is made with, and for how long |
//! | [`places`] | who goes when all places are taken |
//! | [`kept`] | places that wait for those who come back |
//! | [`rates`] | how often somebody may do something |
//! | [`networks`] | who may come in by where he is |
#![forbid(unsafe_code)]

pub mod digest;
pub mod door;
pub mod hash;
pub mod kept;
pub mod networks;
pub mod nonces;
pub mod password;
pub mod places;
pub mod rates;
