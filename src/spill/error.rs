//! What is wrong with the folder, in words.

use crate::shown::shown;
use nix::errno::Errno;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// What is wrong with the folder.
#[derive(Debug)]
pub enum Error {
    /// Another camcast has it.
    Taken(PathBuf),
    /// It would be on the disk beneath.
    NotMounted {
        /// The folder.
        path: PathBuf,
        /// Where something should be mounted.
        point: PathBuf,
    },
    /// Nothing more is free, but what is to stay so.
    Full(PathBuf),
    /// The system says so.
    System {
        /// What was to be done.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What it says.
        why: io::Error,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Taken(path) => {
                write!(f, "{}: another camcast uses it: give each a folder of its own", shown(path))
            }
            Error::Full(path) => {
                write!(f, "{}: the disk is full: delete something, or choose another", shown(path))
            }
            Error::NotMounted { path, point } => {
                let (path, point) = (shown(path), shown(point));
                write!(
                    f,
                    "{path}: nothing is mounted at {point}, and /etc/fstab says that something should be: mount it"
                )
            }
            Error::System { doing, path, why } => {
                write!(f, "cannot {doing} {}: {why}", shown(path))?;
                match why.kind() {
                    ErrorKind::InvalidData => {
                        f.write_str(": the disk does not keep what is written: choose another disk")
                    }
                    ErrorKind::NotFound => f.write_str(": is the disk mounted?"),
                    ErrorKind::PermissionDenied => f.write_str(
                        ": change its owner or mode, or let the unit write there (ReadWritePaths=)",
                    ),
                    ErrorKind::ReadOnlyFilesystem => {
                        f.write_str(": mount it read-write, or let the unit write there (ReadWritePaths=)")
                    }
                    _ if why.raw_os_error() == Some(Errno::ELOOP as i32) => {
                        f.write_str(": a link is in the way: delete it")
                    }
                    _ if why.raw_os_error() == Some(Errno::EIO as i32) => {
                        f.write_str(": the disk fails: choose another disk")
                    }
                    _ => Ok(()),
                }
            }
        }
    }
}

impl std::error::Error for Error {}

impl Error {
    /// The system says so of that folder.
    pub(super) fn of(doing: &'static str, path: &Path, why: io::Error) -> Self {
        let path = path.to_owned();
        if is_full(&why) { Error::Full(path) } else { Error::System { doing, path, why } }
    }

    /// It is the disk's, and nothing that another word on the command line would mend. A card that is about to die is read-only first.
    pub fn is_of_disk(&self) -> bool {
        const TYPED: [Errno; 8] = [
            Errno::EACCES,
            Errno::EPERM,
            Errno::ENOTDIR,
            Errno::EEXIST,
            Errno::ENOENT,
            Errno::ELOOP,
            Errno::ENAMETOOLONG,
            Errno::EINVAL,
        ];
        match self {
            Error::Taken(_) => false,
            Error::Full(_) | Error::NotMounted { .. } => true,
            Error::System { why, .. } => {
                why.raw_os_error().is_none_or(|errno| !TYPED.contains(&Errno::from_raw(errno)))
            }
        }
    }

    /// It is our own want of something, and none of the disk.
    pub(super) fn is_passing(&self) -> bool {
        const WANTS: [i32; 3] = [Errno::EMFILE as i32, Errno::ENFILE as i32, Errno::ENOMEM as i32];
        let Error::System { why, .. } = self else { return false };
        why.raw_os_error().is_some_and(|errno| WANTS.contains(&errno))
    }
}

/// Nothing more fits onto the disk.
pub(super) fn is_full(why: &io::Error) -> bool {
    matches!(why.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}
