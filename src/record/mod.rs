//! What a recording is: its bytes, where one file ends and the next begins, and what files are called.
//!
//! Lives here: bytes and decisions. May not live here: anything that touches a file; `store` writes the bytes that this room gives
//! it, at the offsets that it names. `container` knows the formats, and they know `track` only.
//!
//! | module | what |
//! |---|---|
//! | [`track`] | the words that all containers have in common |
//! | [`container`] | whichever container a file has: passes on to it |
//! | [`matroska`] | the container: a head, a few bytes before each frame, and patches that keep it seekable |
//! | [`avi`] | the other one |
//! | [`mov`] | QuickTime, for export only |
//! | [`reader`] | reads what it writes: what a crash has left, what is to be checked |
//! | [`outline`] | what a finished file is around its frames |
//! | [`retention`] | which recordings have to go |
//! | [`segment`] | when a recording starts a new file |
//! | [`budget`] | how often that may happen |
//! | [`align`] | files that begin at round times |
//! | [`names`] | file names from the wall clock |
//! | [`gaps`] | where frames came later than they should |
//! | [`index`] | which files of a folder are ours |
//! | `head` | what stands before the first frame |
//! | `cues` | the seek index in its fixed place |
//! | `ebml` | the elements that Matroska is made of |
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

pub mod align;
pub mod avi;
pub mod budget;
pub mod container;
pub mod gaps;
pub mod index;
pub mod matroska;
pub mod mov;
pub mod names;
pub mod outline;
pub mod reader;
pub mod retention;
pub mod segment;
#[cfg(test)]
mod tests;
pub mod track;
