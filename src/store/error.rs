//! What can go wrong with files, each with its cause and what to do, on one line.

use crate::record::container::MuxError;
use crate::shown::shown;
use crate::sys::files;
use nix::errno::Errno;
use std::fmt;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// Why a folder or file cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteReason {
    /// Another user's, or the service's sandbox forbids it.
    Denied,
    /// The file system is mounted read-only.
    ReadOnly,
    /// A file is where the folder should be.
    NotAFolder,
    /// It was there and is gone: unmounted or deleted.
    Gone,
    /// A link is where the folder should be, and what it leads to is not there.
    LeadsNowhere,
    /// It is not there, and is not to be made.
    MustExist,
    /// A disk should be mounted there, and none is.
    NotMounted,
    /// A link is there, which is not followed: others may have left it.
    Link,
    /// Its file system takes no file of this name.
    Name,
    /// The process, or the whole system, has as many files open as it may.
    Descriptors,
}

impl fmt::Display for WriteReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WriteReason::Denied => "permission denied: choose another folder with -o, or change its owner or mode",
            WriteReason::ReadOnly => "the file system is read-only: mount it read-write, or choose another with -o",
            WriteReason::NotAFolder => "a file is in the way: give -o a folder",
            WriteReason::Gone => "it is not there: is the disk mounted?",
            WriteReason::LeadsNowhere => "it is a link to what is not there: is the disk mounted that it leads to?",
            WriteReason::NotMounted => "nothing is mounted there, and /etc/fstab says that something should be: mount it",
            WriteReason::MustExist => "it is not there, and --must-exist says not to make it: is the disk mounted?",
            WriteReason::Link => {
                "a link is in the way, and camrec follows none beneath its folder: delete it, or give -o the folder that it \
                 leads to"
            }
            WriteReason::Name => {
                "this file system takes no such name (FAT, exFAT and Windows shares refuse \\ : * ? \" < > | and a dot at \
                 the end): choose another --name"
            }
            WriteReason::Descriptors => {
                "too many open files: raise the limit (ulimit -n; LimitNOFILE= in a unit), or end what holds them"
            }
        })
    }
}

/// What a file system that is full has no more of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// Bytes.
    Space,
    /// Files: there is space, but none can be made.
    Inodes,
    /// What this user may have.
    Quota,
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Lack::Space => "no space left",
            Lack::Inodes => "no inodes left (df -i: there is space, but not for one more file)",
            Lack::Quota => "no space left of what this user may have (quota)",
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
        why: WriteReason,
    },
    /// The disk or the user's share of it is full.
    Full {
        /// The folder or file.
        path: PathBuf,
        /// Of what.
        lack: Lack,
    },
    /// The file has the largest size that its file system or a limit allows.
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Somebody else has written to a file of ours, and has cut it.
    Cut {
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
    Refused(MuxError),
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
        Error::NotWritable { path: path.to_owned(), why: WriteReason::Gone }
    }

    /// The system does not let a recording be read.
    pub fn unreadable(path: &Path, source: io::Error) -> Self {
        Error::Unreadable { path: path.to_owned(), source }
    }

    /// What the system's answer to `doing` something with `path` means.
    pub(super) fn new(doing: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        let not_writable = |why, path| Error::NotWritable { path, why };
        match source.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EMFILE | Errno::ENFILE) => return not_writable(WriteReason::Descriptors, path),
            Some(Errno::EINVAL) if doing.starts_with("make") && has_odd_name(&path) => {
                return not_writable(WriteReason::Name, path);
            }
            Some(Errno::ELOOP) => return not_writable(WriteReason::Link, path),
            _ => {}
        }
        match source.kind() {
            ErrorKind::PermissionDenied => not_writable(WriteReason::Denied, path),
            ErrorKind::ReadOnlyFilesystem => not_writable(WriteReason::ReadOnly, path),
            // mkdir says "exists" of a file in its last place
            ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
                not_writable(WriteReason::NotAFolder, path)
            }
            ErrorKind::NotFound => not_writable(WriteReason::Gone, path),
            ErrorKind::StorageFull if has_no_inodes(&path) => Error::Full { path, lack: Lack::Inodes },
            ErrorKind::StorageFull => Error::Full { path, lack: Lack::Space },
            ErrorKind::QuotaExceeded => Error::Full { path, lack: Lack::Quota },
            ErrorKind::FileTooLarge => Error::TooLarge { path },
            ErrorKind::BrokenPipe => Error::Closed,
            _ => Error::System { doing, path, source },
        }
    }
}

/// A part of it has what some file systems refuse.
fn has_odd_name(path: &Path) -> bool {
    let is_odd = |name: &[u8]| {
        let refused = |byte: &u8| b"\\:*?\"<>|".contains(byte) || *byte < 0x20;
        name.iter().any(refused) || matches!(name.last(), Some(b'.' | b' '))
    };
    path.components().any(|part| matches!(part, Component::Normal(name) if is_odd(name.as_bytes())))
}

/// There is space, but no file can be made. Some file systems count none, and say 0 of 0.
fn has_no_inodes(path: &Path) -> bool {
    let folders = path.ancestors().filter(|folder| !folder.as_os_str().is_empty());
    let known = folders.chain([Path::new(".")]).find_map(|folder| files::room_at(folder).ok());
    known.is_some_and(|known| known.files > 0 && known.files_free == 0 && known.free > 0)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NotWritable { path, why } => write!(f, "cannot write to {}: {why}", shown(&path)),
            Error::Full { path, lack } => {
                write!(f, "{lack} for {}: delete recordings, or choose another folder with -o", shown(&path))
            }
            Error::TooLarge { path } => {
                write!(
                    f,
                    "{} is as large as a file may be here (by its file system, FAT's 4 GiB for one, or by ulimit -f): \
                     use a shorter --segment",
                    shown(&path)
                )
            }
            Error::Cut { path } => {
                write!(f, "another program has cut {} short: find it, and keep it from there", shown(&path))
            }
            Error::Locked { path, holder } => write!(
                f,
                "{holder} records to {}: one folder, one camrec; choose another folder with -o, for one file too",
                shown(&path)
            ),
            Error::Taken { path } => {
                write!(
                    f,
                    "all names for this instant are taken in {}: use --name or another folder",
                    shown(&path)
                )
            }
            Error::Unreadable { path, source } => {
                write!(f, "cannot read {}: {source}: check its name and its mode", shown(&path))
            }
            Error::Exists { path } => {
                write!(f, "{} is there already: choose another name with -o", shown(&path))
            }
            Error::Foreign { path } => write!(
                f,
                "{} is no recording that camrec has written: give it one of its .mkv files",
                shown(&path)
            ),
            Error::Closed => write!(f, "nobody reads the output any more: start the player again"),
            Error::Refused(refused) => refused.fmt(f),
            Error::System { doing, path, source } => {
                write!(f, "cannot {doing} {}: {source}: check the disk (dmesg)", shown(&path))
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

impl From<MuxError> for Error {
    fn from(refused: MuxError) -> Self {
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

    #[test]
    fn an_errno_of_many_causes_is_told_by_its_cause() {
        let say =
            |doing, path: &str, errno: Errno| Error::new(doing, Path::new(path), errno.into()).to_string();
        for errno in [Errno::EMFILE, Errno::ENFILE] {
            let said = say("make", "/rec/a.mkv", errno);
            assert!(said.contains("ulimit -n") && !said.contains("dmesg"), "{said}");
        }
        for name in ["/rec/12:30.mkv", "/rec/what?/a.mkv", "/rec/a.", "/rec/a\tb"] {
            let said = say("make", name, Errno::EINVAL);
            assert!(said.contains("--name") && said.contains("exFAT"), "{said}");
        }
        let said = say("make", "/rec/12-30.mkv", Errno::EINVAL);
        assert!(said.contains("Invalid argument"), "nothing is wrong with the name: {said}");
        let said = say("sync", "/rec/12:30.mkv", Errno::EINVAL);
        assert!(said.contains("Invalid argument"), "the name was taken: {said}");
    }
}
