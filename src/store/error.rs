//! What can go wrong with files, each with its cause and what to do, on one line.

use crate::record::container::Refused;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Why a folder or file cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Another user's, or the service's sandbox forbids it.
    Denied,
    /// The file system is mounted read-only.
    ReadOnly,
    /// A file is where the folder should be.
    NotAFolder,
    /// It was there and is gone: unmounted or deleted.
    Gone,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Why::Denied => "permission denied: choose another folder with -o, or change its owner or mode",
            Why::ReadOnly => "the file system is read-only: mount it read-write, or choose another with -o",
            Why::NotAFolder => "a file is in the way: give -o a folder",
            Why::Gone => "it is not there: is the disk mounted?",
        })
    }
}

/// A file could not be made, written or closed.
#[derive(Debug)]
pub enum Error {
    /// No file can be made there.
    NotWritable {
        /// The folder or file.
        path: PathBuf,
        /// The reason.
        why: Why,
    },
    /// The disk or the user's share of it is full.
    Full {
        /// The folder or file.
        path: PathBuf,
    },
    /// The file has the largest size that its file system or a limit allows.
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Somebody else records there.
    Locked {
        /// The folder.
        path: PathBuf,
        /// Who, as they say themselves.
        holder: String,
    },
    /// All names for this instant are taken.
    Taken {
        /// The folder.
        path: PathBuf,
    },
    /// A recording cannot be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// What is to be made is there already, and nothing is written over.
    Exists {
        /// The file or folder.
        path: PathBuf,
    },
    /// A file is no recording of camrec's.
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Nobody reads the pipe any more: a player was closed. The quiet end of a live stream.
    Closed,
    /// The frame is none that the container takes.
    Refused(Refused),
    /// The system refused for another reason.
    System {
        /// What was done: a verb.
        doing: &'static str,
        /// The folder or file.
        path: PathBuf,
        /// Its answer.
        source: io::Error,
    },
}

impl Error {
    /// The folder is not there any more.
    pub fn gone(path: &Path) -> Self {
        Error::NotWritable { path: path.to_owned(), why: Why::Gone }
    }

    /// The system does not let a recording be read.
    pub fn unreadable(path: &Path, source: io::Error) -> Self {
        Error::Unreadable { path: path.to_owned(), source }
    }

    /// What the system's answer to `doing` something with `path` means.
    pub(super) fn new(doing: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        let not_writable = |why, path| Error::NotWritable { path, why };
        match source.kind() {
            ErrorKind::PermissionDenied => not_writable(Why::Denied, path),
            ErrorKind::ReadOnlyFilesystem => not_writable(Why::ReadOnly, path),
            // mkdir says "exists" of a file in its last place
            ErrorKind::NotADirectory | ErrorKind::AlreadyExists => not_writable(Why::NotAFolder, path),
            ErrorKind::NotFound => not_writable(Why::Gone, path),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Error::Full { path },
            ErrorKind::FileTooLarge => Error::TooLarge { path },
            ErrorKind::BrokenPipe => Error::Closed,
            _ => Error::System { doing, path, source },
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NotWritable { path, why } => write!(f, "cannot write to {}: {why}", path.display()),
            Error::Full { path } => {
                write!(
                    f,
                    "no space left for {}: delete recordings, or choose another folder with -o",
                    path.display()
                )
            }
            Error::TooLarge { path } => {
                write!(f, "{} is as large as its file system allows: use a shorter --segment", path.display())
            }
            Error::Locked { path, holder } => write!(
                f,
                "{holder} records to {}: one folder, one camrec; choose another folder with -o",
                path.display()
            ),
            Error::Taken { path } => {
                write!(
                    f,
                    "all names for this instant are taken in {}: use --name or another folder",
                    path.display()
                )
            }
            Error::Unreadable { path, source } => {
                write!(f, "cannot read {}: {source}: check its name and its mode", path.display())
            }
            Error::Exists { path } => {
                write!(f, "{} is there already: choose another name with -o", path.display())
            }
            Error::Foreign { path } => write!(
                f,
                "{} is no recording that camrec has written: give it one of its .mkv files",
                path.display()
            ),
            Error::Closed => write!(f, "nobody reads the output any more: start the player again"),
            Error::Refused(refused) => refused.fmt(f),
            Error::System { doing, path, source } => {
                write!(f, "cannot {doing} {}: {source}: check the disk (dmesg)", path.display())
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::System { source, .. } | Error::Unreadable { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Error::Refused(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_one_line_with_cause_and_remedy() {
        let say = |kind: ErrorKind| Error::new("write", Path::new("/rec/a.mkv"), kind.into()).to_string();
        let kinds = [
            (ErrorKind::PermissionDenied, "permission denied"),
            (ErrorKind::ReadOnlyFilesystem, "read-only"),
            (ErrorKind::NotADirectory, "a file is in the way"),
            (ErrorKind::NotFound, "mounted?"),
            (ErrorKind::StorageFull, "no space left for /rec/a.mkv"),
            (ErrorKind::QuotaExceeded, "no space left"),
            (ErrorKind::FileTooLarge, "--segment"),
            (ErrorKind::Other, "cannot write /rec/a.mkv"),
        ];
        for (kind, words) in kinds {
            let said = say(kind);
            assert!(said.contains(words), "{said}");
            assert!(said.contains(": ") && !said.contains('\n'), "{said}");
        }
        assert!(matches!(Error::new("write", Path::new("-"), ErrorKind::BrokenPipe.into()), Error::Closed));
    }
}
