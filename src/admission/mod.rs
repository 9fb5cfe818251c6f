//! Who may come in: by what is known of a password, and where there is a place.
//!
//! Lives here: what decides it, for every outlet that asks. May not live here: connections, what a request looks like, files.
//!
//! | module | what |
//! |---|---|
//! | [`password`] | who knows the password |
//! | [`places`] | who goes when all places are taken |
#![forbid(unsafe_code)]

pub mod password;
pub mod places;
