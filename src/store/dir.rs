//! A folder that is held open: what is made, renamed or deleted in it is so in the very folder that was opened, wherever its path
//! leads by then.

use super::error::{Error, WriteReason};
use super::whereabouts::{Identity, identity};
use crate::sys::clock;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, renameat};
use nix::sys::stat::{Mode, fstatat, mkdirat};
use nix::sys::statvfs::fstatvfs;
use nix::unistd::{UnlinkatFlags, unlinkat};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

/// As any program's: the user's mask takes away what is not to be.
const FILES: Mode = Mode::from_bits_truncate(0o666);
const FOLDERS: Mode = Mode::from_bits_truncate(0o777);

/// The folder. Names are relative to it.
#[derive(Debug)]
pub struct Dir {
    file: File,
    path: PathBuf,
}

impl Dir {
    /// Opens a folder that is there.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = OpenOptions::new().read(true).custom_flags(OFlag::O_DIRECTORY.bits()).open(path);
        let file = file.map_err(|why| Error::new("open", path, why))?;
        Ok(Dir { file, path: path.to_owned() })
    }

    /// What it was called when it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A folder in it.
    fn below(&self, name: &Path) -> Result<Self, Error> {
        let path = self.path.join(name);
        match self.open_file(name, OFlag::O_DIRECTORY) {
            Ok(file) => Ok(Dir { file, path }),
            Err(why) => Err(Error::new("open", &path, why)),
        }
    }

    /// A folder in it, made with those above it unless they are there; their names are on the disk.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn make_below(&self, name: &Path) -> Result<Self, Error> {
        let mut dir = Dir { path: self.path.clone(), ..self.below(Path::new("."))? };
        for part in name.components().filter(|part| matches!(part, Component::Normal(_))) {
            let part = Path::new(part.as_os_str());
            match dir.make(part) {
                Ok(()) => dir.sync()?,
                Err(why) if why.kind() == ErrorKind::AlreadyExists => {}
                Err(why) => return Err(Error::new("make the folder", &dir.path.join(part), why)),
            }
            dir = dir.below(part)?;
        }
        Ok(dir)
    }

    /// Makes a folder whose name was free.
    pub(super) fn make(&self, name: &Path) -> io::Result<()> {
        Ok(mkdirat(&self.file, name, FOLDERS)?)
    }

    /// A folder whose name was free.
    ///
    /// # Errors
    /// Something of that name is there, or what the system says.
    pub(super) fn make_new(&self, name: &Path) -> Result<Self, Error> {
        let path = self.path.join(name);
        self.make(name).map_err(|why| taken_or("make", &path, why))?;
        self.below(name)
    }

    /// A file whose name was free.
    ///
    /// # Errors
    /// Something of that name is there, or what the system says.
    pub(super) fn create_new(&self, name: &Path) -> Result<File, Error> {
        let made = self.open_file(name, OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL);
        made.map_err(|why| taken_or("make", &self.path.join(name), why))
    }

    /// A file of it, as `flags` say.
    pub(super) fn open_file(&self, name: &Path, flags: OFlag) -> io::Result<File> {
        loop {
            match openat(&self.file, name, flags | OFlag::O_CLOEXEC, FILES) {
                Ok(fd) => return Ok(File::from(fd)),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// Which file that is, if there is one; a link is itself.
    pub(super) fn identity_of(&self, name: &Path) -> io::Result<Option<Identity>> {
        match fstatat(&self.file, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(found) => Ok(Some(identity(&found))),
            Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Whether something has this name.
    pub(super) fn has(&self, name: &Path) -> bool {
        matches!(self.identity_of(name), Ok(Some(_)))
    }

    pub(super) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Ok(renameat(&self.file, from, &self.file, to)?)
    }

    pub(super) fn remove_file(&self, name: &Path) -> io::Result<()> {
        Ok(unlinkat(&self.file, name, UnlinkatFlags::NoRemoveDir)?)
    }

    pub(super) fn remove_dir(&self, name: &Path) -> io::Result<()> {
        Ok(unlinkat(&self.file, name, UnlinkatFlags::RemoveDir)?)
    }

    /// Brings its list of files to the disk: a file that is not in it is lost with the power.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn sync(&self) -> Result<(), Error> {
        self.file.sync_all().map_err(|why| self.error("sync", why))
    }

    /// Shows that it is written to, for others that look: see [`look`](super::salvage::look).
    pub(super) fn touch(&self) {
        // they look at what is in it as well
        let _ = self.file.set_modified(clock::wall());
    }

    /// Bytes that are free on its file system, for us.
    #[allow(clippy::useless_conversion, reason = "on some machines these are of 32 bits")]
    pub(super) fn free(&self) -> Result<u64, Error> {
        let stat = fstatvfs(&self.file).map_err(|errno| self.error("look at", errno.into()))?;
        Ok(u64::from(stat.blocks_available()).saturating_mul(u64::from(stat.fragment_size())))
    }

    /// Bytes that its file system has, used or free.
    #[allow(clippy::useless_conversion, reason = "on some machines these are of 32 bits")]
    pub(super) fn size(&self) -> Result<u64, Error> {
        let stat = fstatvfs(&self.file).map_err(|errno| self.error("look at", errno.into()))?;
        Ok(u64::from(stat.blocks()).saturating_mul(u64::from(stat.fragment_size())))
    }

    fn error(&self, doing: &'static str, why: io::Error) -> Error {
        match why.kind() {
            ErrorKind::NotFound => Error::NotWritable { path: self.path.clone(), why: WriteReason::Gone },
            _ => Error::new(doing, &self.path, why),
        }
    }
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

fn taken_or(doing: &'static str, path: &Path, why: io::Error) -> Error {
    match why.kind() {
        ErrorKind::AlreadyExists => Error::Exists { path: path.to_owned() },
        _ => Error::new(doing, path, why),
    }
}
