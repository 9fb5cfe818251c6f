//! What camrec tells people and programs.

pub mod account;
pub mod feed;
pub mod json;
mod people;
pub(super) mod status;

pub(super) use people::STATUS;
