//! One folder, one writer: whoever records to a folder holds its lock, and says in it who that is.

use super::error::{Error, Why};
use super::folder;
use crate::shown::shown;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The lock's file. It stays when the lock is let go: who deleted it would delete that of the next one.
const NAME: &str = ".camrec.lock";

/// The longest text that is believed to say who holds the lock, in octets.
const LONGEST: u64 = 200;

/// A folder's lock, until it is dropped, or the process ends in whatever way.
#[derive(Debug)]
pub(super) struct Lock {
    file: Held,
}

#[derive(Debug)]
enum Held {
    Locked(Flock<File>),
    /// The file system knows no locks.
    Open(File),
}

impl Lock {
    /// Makes the folder, with those above it, and takes its lock. `holder` is what the next one is told, on one line.
    ///
    /// That a file can be written there is the only sure sign that recordings can: permissions, mounts, quotas and sandboxes
    /// all have their say.
    ///
    /// # Errors
    /// [`Error::Locked`] if somebody else records there, or what the system says.
    pub(super) fn take(folder: &Path, holder: &str) -> Result<Self, Error> {
        folder::make(folder)?;
        let path = folder.join(NAME);
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = opened.map_err(|why| match Error::new("make a file in", folder, why) {
            // the folder is there: this says that the lock is a dangling link
            Error::NotWritable { why: Why::Gone, .. } => {
                Error::NotWritable { path: path.clone(), why: Why::Gone }
            }
            error => error,
        })?;
        let mut file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => file,
            Err((file, Errno::EWOULDBLOCK)) => {
                return Err(Error::Locked { path: folder.to_owned(), holder: read(&file) });
            }
            Err((file, Errno::ENOLCK | Errno::EOPNOTSUPP | Errno::ENOSYS)) => {
                log::warn!(
                    "{}: this file system has no locks: see to it that nobody else records here",
                    shown(&folder)
                );
                return Ok(Lock { file: Held::Open(file) });
            }
            Err((_, errno)) => return Err(Error::new("lock", &path, errno.into())),
        };
        // a full disk may not have room for a name, and can be recorded to later all the same
        let _ = file.set_len(0).and_then(|()| writeln!(file, "{holder}"));
        Ok(Lock { file: Held::Locked(file) })
    }
}

impl Lock {
    /// Whether the folder at this path is the one that is locked.
    pub(super) fn is_at(&self, folder: &Path) -> bool {
        let file = match &self.file {
            Held::Locked(file) => file.metadata(),
            Held::Open(file) => file.metadata(),
        };
        let there = folder.join(NAME).symlink_metadata();
        let identity = |of: Metadata| (of.dev(), of.ino());
        file.map(identity).is_ok_and(|ours| there.map(identity).is_ok_and(|theirs| ours == theirs))
    }
}

fn read(file: &File) -> String {
    let mut text = String::new();
    match file.take(LONGEST).read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => text.trim().replace(char::is_control, " "),
        _ => String::from("somebody"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_second_one_is_told_who_holds_it() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/b");
        let first = Lock::take(&folder, "camrec, process 7").unwrap();
        let said = Lock::take(&folder, "another").unwrap_err().to_string();
        assert!(said.contains("camrec, process 7"), "{said}");
        drop(first);
        let _second = Lock::take(&folder, "x").unwrap();
        let refused = Lock::take(&folder, "another").unwrap_err();
        assert!(
            matches!(&refused, Error::Locked { holder, .. } if holder == "x"),
            "nothing of the first is left: {refused}"
        );
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::write(&file, b"").unwrap();
        for folder in [file.clone(), file.join("below")] {
            let refused = Lock::take(&folder, "x").unwrap_err();
            assert!(matches!(refused, Error::NotWritable { why: Why::NotAFolder, .. }), "{refused}");
        }
    }

    #[test]
    fn a_read_only_file_system_is_named() {
        let refused = Lock::take(Path::new("/proc/self/recordings"), "x").unwrap_err();
        assert!(matches!(refused, Error::NotWritable { .. }), "{refused}");
    }
}
