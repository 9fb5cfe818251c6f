//! Recording files: `record` says which octets, this room brings them to the disk.
//!
//! Nothing is ever written over: a file is made new (`O_EXCL`) or not at all. What is in a file stays readable whenever
//! the program, the machine or the disk gives up; a checkpoint each second bounds what a power cut costs.
//! Every call here may wait for the disk (690 ms were seen): it belongs on the writer's thread.
//!
//! | module | what |
//! |---|---|
//! | [`folder`] | the folder that files go to |
//! | [`file`](mod@file) | one file |
//! | [`recording`] | a file or a pipe, together with its muxer |
//! | [`sidecar`] | what is known of a file, in another beside it |
//! | [`error`] | what can go wrong, in words |
#![forbid(unsafe_code)]

pub mod error;
pub mod file;
pub mod folder;
pub mod recording;
pub mod sidecar;

pub use error::Error;
pub use file::SegmentFile;
pub use recording::{Recording, Sink, Summary};
