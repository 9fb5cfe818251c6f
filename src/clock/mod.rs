//! Whose clock says what: the camera's, ours and the wall's, and how they are made out of one another.
//!
//! Lives here: what drivers say of a frame's time made sense of, and the camera's clock in terms of ours. May not live here:
//! reading any clock (times come in as arguments), files, what is done about a clock that jumps.
//!
//! | module | what |
//! |---|---|
//! | [`stamps`] | what drivers say of a frame's time and number |
//! | [`anchor`] | the camera's clock against this machine's |
//! | [`timeline`] | a recording's files on the wall clock |
#![forbid(unsafe_code)]

pub mod anchor;
pub mod stamps;
pub mod timeline;
