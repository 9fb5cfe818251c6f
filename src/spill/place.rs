//! A folder that is held open, and what is done in it by name: no link is followed, and nothing is opened but regular files.

use crate::sys::files::open_at;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::{UnlinkatFlags, unlinkat};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Nobody else's business.
pub(super) const FILES: Mode = Mode::S_IRUSR.union(Mode::S_IWUSR);

/// See there.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    pub(super) dir: File,
}

impl Place {
    /// The folder of that path.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let dir = OpenOptions::new().read(true).custom_flags(OFlag::O_DIRECTORY.bits()).open(path)?;
        Ok(Place { path: path.to_owned(), dir })
    }

    /// Its path still leads to it.
    pub(super) fn is_there(&self) -> bool {
        match (fs::metadata(&self.path), self.dir.metadata()) {
            (Ok(there), Ok(ours)) => {
                (there.dev(), there.ino()) == (ours.dev(), ours.ino()) && ours.nlink() > 0
            }
            _ => false,
        }
    }

    /// A regular file of the folder itself: a pipe in its place keeps nobody waiting.
    pub(super) fn open_at(&self, name: &str, flags: OFlag) -> io::Result<File> {
        let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let file = File::from(open_at(&self.dir, name, flags, FILES)?);
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no regular file")) }
    }

    /// Deletes a file. One that is gone already is no trouble.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        match unlinkat(&self.dir, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}
