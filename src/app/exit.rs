//! What ends a program: an exit code that scripts can tell apart, and one line that names cause and remedy.

use crate::store::Error;
use std::fmt;
use std::process::ExitCode;

/// The exit codes of both programs; the table in docs/troubleshooting.md is tested against this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, or stopped by a signal; camrec: and nothing is missing.
    Ok = 0,
    /// The system refused something that has no code of its own.
    System = 1,
    /// An option or its value is wrong.
    Usage = 2,
    /// No such device, file or folder to stream from; or the camera went away.
    NoSource = 3,
    /// The camera is used by another program.
    Busy = 4,
    /// Not permitted to open the camera.
    NotPermitted = 5,
    /// The source has no MJPEG.
    NoMjpeg = 6,
    /// Cannot listen on the address: in use, or not of this machine.
    Listen = 7,
    /// The host cannot be reached, or its name not found, or nobody answers there; or no one camera was found.
    Unreachable = 8,
    /// Something answers on the port, but not camcast; or it is of another version.
    Protocol = 9,
    /// camcast refused the join: it is full or stopping, or the keys are not the same.
    Refused = 10,
    /// The recording cannot be written.
    NotWritable = 11,
    /// The recording ended as it should, but frames are missing in it.
    Incomplete = 12,
    /// A recording that is there is damaged or not finished, or cannot be read.
    Damaged = 13,
    /// The recording ended as it should, but no frame came.
    NoFrames = 14,
    /// A recording that is there shows no damage, but has pictures that are not decoded here.
    NotJudged = 15,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Why a program ends with an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExitError {
    /// The exit code.
    pub exit: Exit,
    message: String,
}

impl ExitError {
    /// One line, cause and remedy.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        ExitError { exit, message: message.into() }
    }

    /// A system call that failed in a way that has no meaning of its own here.
    pub fn system(what: &str, error: &std::io::Error) -> Self {
        ExitError::new(Exit::System, format!("{what}: {error}"))
    }
}

/// What was typed cannot be meant.
pub fn usage(message: impl Into<String>) -> ExitError {
    ExitError::new(Exit::Usage, message)
}

/// A recording, or a copy of one, cannot be written.
pub fn not_writable(error: &Error) -> ExitError {
    ExitError::new(Exit::NotWritable, error.to_string())
}

impl fmt::Display for ExitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ExitError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_code_is_documented() {
        let tables = include_str!("../../docs/troubleshooting.md");
        let all = [
            Exit::Ok,
            Exit::System,
            Exit::Usage,
            Exit::NoSource,
            Exit::Busy,
            Exit::NotPermitted,
            Exit::NoMjpeg,
            Exit::Listen,
            Exit::Unreachable,
            Exit::Protocol,
            Exit::Refused,
            Exit::NotWritable,
            Exit::Incomplete,
            Exit::Damaged,
            Exit::NoFrames,
            Exit::NotJudged,
        ];
        // other tables have numbers too, but none begins a row
        let has_row = |number: usize| tables.contains(&format!("\n| {number} |"));
        for (number, exit) in all.into_iter().enumerate() {
            assert_eq!(exit as usize, number);
            assert!(has_row(number), "docs/troubleshooting.md has no row for exit code {number}");
        }
        assert!(!has_row(all.len()), "docs/troubleshooting.md has a row too many");
    }
}
