//! What camrec does with recordings that are there: its subcommands.
//!
//! Lives here: their options, and what each of them says. May not live here: how recordings are read (`store`), what is recorded
//! (`rec`).
//!
//! | file | what |
//! |---|---|
//! | [`check`] | `camrec check`: whether recordings are sound; `report` is what it says of one, `proof` whether they are as the camera made them |
//! | [`export`] | `camrec export`: a recording in another form |
//! | [`sheet`] | `camrec sheet`: a recording at a glance |
//! | `gather` | which recordings are meant |
//! | `lines` | long lists and times, as people are shown them |
//! | `progress` | how far it is, on a terminal |

pub mod check;
pub mod export;
mod gather;
mod lines;
mod progress;
mod proof;
mod report;
pub mod sheet;

use super::argument::Argument;
use super::exit::{Exit, ExitError, usage};
use crate::store::Error;
use std::path::Path;

/// Where one recording is, and where what is made of it goes.
///
/// # Errors
/// One of them is missing, or is a pipe.
fn from_and_to<'a>(
    tool: &str,
    from: Option<&'a Argument>,
    to: Option<&'a Argument>,
) -> Result<(&'a Path, &'a Path), ExitError> {
    let from = from.ok_or_else(|| usage(format!("which recording? camrec {tool} FILE -o NAME")))?;
    let to = to.ok_or_else(|| usage(format!("to where? camrec {tool} FILE -o NAME")))?;
    if to.is_stdio() {
        return Err(usage(format!("{tool} cannot write to standard output: give -o a name")));
    }
    Ok((from.path(), to.path()))
}

/// A recording cannot be read.
fn no_film(error: &Error) -> ExitError {
    ExitError::new(Exit::Damaged, error.to_string())
}
