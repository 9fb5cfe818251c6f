//! Frames on a disk, for recorders that are away: what has left the reel by the time they come back.
//!
//! Lives here: the folder, what lies in it, and the thread that writes, reads and deletes it. May not live here: who is away, and who
//! is served what, which is `app::cast::udp`'s matter.
//!
//! | module | what |
//! |---|---|
//! | [`mod@format`] | chunks, records, and the list of those who wait, as bytes |
//! | [`shelf`] | which chunks there are, and what of them is still wanted |
//! | `folder` | the files, and their bounds |
//! | `place` | a folder that is held open, and what is done in it by name |
//! | `scan` | what an earlier start has left |
//! | `error` | what is wrong with it, in words |
//! | [`keeper`] | the thread: orders in, news out |
#![forbid(unsafe_code)]

mod error;
mod folder;
pub mod format;
pub mod keeper;
mod place;
mod scan;
pub mod shelf;
#[cfg(test)]
mod tests;

pub use error::Error;
pub use folder::{Change, Folder, Limits, zero};
pub use shelf::{Chunk, Shelf};
