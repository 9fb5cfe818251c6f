//! A folder that is held open: what is made, renamed or deleted in it is so in the very folder that was opened, wherever its path
//! leads by then, and no link in it is followed (`beneath`).

use super::beneath;
use super::error::{Error, WriteReason};
use super::whereabouts::Identity;
use crate::sys::clock;
use crate::sys::files::{FileStat, Room, names_in, open_at, room, stat_at};
use nix::fcntl::{OFlag, renameat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};
use std::ffi::OsString;
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
        Dir::hold(path).map_err(|why| Error::new("open", path, why))
    }

    /// The same, with the system's own words.
    pub(super) fn hold(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).custom_flags(OFlag::O_DIRECTORY.bits()).open(path)?;
        Ok(Dir { file, path: path.to_owned() })
    }

    /// What it was called when it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A folder in it.
    ///
    /// # Errors
    /// What the system says; a link is none.
    pub(super) fn below(&self, name: &Path) -> Result<Self, Error> {
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
        let mut dir = self.again()?;
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

    /// The same folder.
    pub(super) fn again(&self) -> Result<Self, Error> {
        // dup says of a limit that is very low that the argument is wrong
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let opened = open_at(&self.file, ".", flags, Mode::empty());
        let fd = opened.map_err(|errno| Error::new("open", &self.path, errno.into()))?;
        Ok(Dir { file: File::from(fd), path: self.path.clone() })
    }

    /// The folder in it that a name is in, and the last part of the name.
    ///
    /// # Errors
    /// As [`below`](Self::below); `EINVAL` for a name that does not lead down.
    pub(super) fn parent_of<'a>(&self, name: &'a Path) -> Result<(Self, &'a Path), Error> {
        let last = name.file_name().map(Path::new).unwrap_or(name);
        match name.parent() {
            Some(above) if above != Path::new("") => Ok((self.below(above)?, last)),
            _ => Ok((self.again()?, last)),
        }
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

    /// What has this name in it, as `flags` say.
    pub(super) fn open_file(&self, name: &Path, flags: OFlag) -> io::Result<File> {
        Ok(File::from(beneath::open(&self.file, name, flags, FILES)?))
    }

    /// A file of it that may be anything by now: a pipe in its place keeps nobody waiting.
    ///
    /// # Errors
    /// [`not_a_file`] for what is none, or what the system says.
    pub(super) fn open_regular(&self, name: &Path, flags: OFlag) -> io::Result<File> {
        let file = self.open_file(name, flags | OFlag::O_NONBLOCK | OFlag::O_NOCTTY)?;
        if file.metadata()?.is_file() { Ok(file) } else { Err(not_a_file()) }
    }

    /// A new file of this name in place of whatever has it: a link goes, and not what it leads to.
    pub(super) fn create_anew(&self, name: &Path, flags: OFlag) -> io::Result<File> {
        match self.remove_file(name) {
            Err(why) if why.kind() != ErrorKind::NotFound => Err(why),
            _ => self.open_file(name, flags | OFlag::O_CREAT | OFlag::O_EXCL),
        }
    }

    /// What the system says of a name, if it is there; a link is itself.
    pub(super) fn stat(&self, name: &Path) -> io::Result<Option<FileStat>> {
        let found =
            beneath::parent(self.file.as_fd(), name).and_then(|(folder, last)| Ok(stat_at(folder, last)?));
        match found {
            Ok(found) => Ok(Some(found)),
            Err(why) if is_absent(&why) => Ok(None),
            Err(why) => Err(why),
        }
    }

    /// Which file that is, if there is one; a link is itself.
    pub(super) fn identity_of(&self, name: &Path) -> io::Result<Option<Identity>> {
        Ok(self.stat(name)?.map(|found| found.identity))
    }

    /// Whether something has this name.
    pub(super) fn has(&self, name: &Path) -> bool {
        matches!(self.identity_of(name), Ok(Some(_)))
    }

    /// What is in it.
    pub(super) fn names(&self) -> io::Result<Vec<OsString>> {
        names_in(&self.file)
    }

    /// Both names are in the folder itself.
    pub(super) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Ok(renameat(&self.file, from, &self.file, to)?)
    }

    pub(super) fn remove_file(&self, name: &Path) -> io::Result<()> {
        self.remove(name, UnlinkatFlags::NoRemoveDir)
    }

    pub(super) fn remove_dir(&self, name: &Path) -> io::Result<()> {
        self.remove(name, UnlinkatFlags::RemoveDir)
    }

    fn remove(&self, name: &Path, what: UnlinkatFlags) -> io::Result<()> {
        let (folder, last) = beneath::parent(self.file.as_fd(), name)?;
        Ok(unlinkat(folder, last, what)?)
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
    pub(super) fn free(&self) -> Result<u64, Error> {
        Ok(self.room()?.free)
    }

    /// Bytes that its file system has, used or free.
    pub(super) fn size(&self) -> Result<u64, Error> {
        Ok(self.room()?.size)
    }

    fn room(&self) -> Result<Room, Error> {
        room(&self.file).map_err(|errno| self.error("look at", errno.into()))
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

/// Nothing is there.
pub(super) fn is_absent(why: &io::Error) -> bool {
    matches!(why.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Of what is a folder, a pipe or a device where a file should be.
pub(super) fn not_a_file() -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, "it is no regular file")
}

fn taken_or(doing: &'static str, path: &Path, why: io::Error) -> Error {
    match why.kind() {
        ErrorKind::AlreadyExists => Error::Exists { path: path.to_owned() },
        _ => Error::new(doing, path, why),
    }
}
