//! The account of a stream: what has become of every frame that its camera delivered.
//!
//! Lives here: frames by fate, counted and named by range, and nothing of how they are received, written or told of.
//! May not live here: a clock of its own (times come in), files, words for people.
#![forbid(unsafe_code)]

pub mod ledger;
