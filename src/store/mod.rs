//! Recording files: `record` says which bytes, this room brings them to the disk.
//!
//! Lives here: everything that opens, writes, reads or deletes a file of a recording. May not live here: what its bytes mean
//! (`record`), when one begins or has to go, and what people are told.
//!
//! Nothing is ever written over: a file is made new (`O_EXCL`) or not at all. What is in a file stays readable whenever
//! the program, the machine or the disk gives up; a checkpoint each second bounds what a power cut costs.
//! Every call here may wait for the disk (690 ms were seen): it belongs on the writer's thread.
//!
//! | module | what |
//! |---|---|
//! | [`folder`] | the folder that files go to: ours alone, and which files in it are ours |
//! | [`dir`] | a folder that is held open |
//! | [`file`](mod@file) | one file |
//! | [`recording`] | a file or a pipe, together with its muxer |
//! | [`copy`] | a recording in another form |
//! | [`stills`] | a folder of JPEGs |
//! | [`read`] | a recording that is read back |
//! | [`outline`] | whether a file is, around its frames, as it was written |
//! | [`salvage`] | what a crash has left is made a whole file |
//! | [`sidecar`] | what is known of a file, in another beside it |
//! | `lock` | one folder, one writer |
//! | `beneath` | names in a folder that is held open, no link followed |
//! | [`probe`](mod@probe) | how fast a disk is |
//! | `survey` | how large the files of an index are |
//! | `dirs` | folders by their paths: made, and brought to the disk |
//! | `index` | which files are ours, on the disk |
//! | `whereabouts` | whether a path still leads to what was opened by it |
//! | [`error`] | what can go wrong, in words |
#![forbid(unsafe_code)]

mod beneath;
pub mod copy;
pub mod dir;
mod dirs;
pub mod error;
pub mod file;
pub mod folder;
mod index;
mod lock;
pub mod outline;
pub mod probe;
pub mod read;
pub mod recording;
pub mod salvage;
pub mod sidecar;
pub mod stills;
mod survey;
mod whereabouts;

pub use dir::Dir;
pub use error::Error;
pub use file::{Reserved, SegmentFile, write_new};
pub use folder::Folder;
pub use recording::{Pipe, Recording, Sink, Summary};
pub use whereabouts::Whereabouts;
