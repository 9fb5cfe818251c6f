//! What is asked of folders and files by their descriptors. Sizes, places and numbers have 64 bits, on 32-bit boards too: there the C
//! library's plain calls, which nix makes, refuse files of 2 GiB, disks of 16 TiB and numbers above 32 bits (`EOVERFLOW`).

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use rustix::fs::{AtFlags, CWD, FallocateFlags, FileType, Stat, StatVfs};
use rustix::process::Resource;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

/// What the system says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStat {
    /// The device that it is on, and its number there.
    pub identity: (u64, u64),
    /// How many names it has.
    pub links: u64,
    /// Its length, if it is a regular file.
    pub bytes: u64,
    /// What it is.
    pub kind: FileKind,
}

/// What has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A pipe, a socket or a device.
    Other,
}

/// The room on a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes, used or free.
    pub size: u64,
    /// Bytes that are free for us.
    pub free: u64,
    /// Files that it can hold; 0 where it does not count them.
    pub files: u64,
    /// Files that can still be made.
    pub files_free: u64,
}

/// The flags for opening a file of whatever size.
pub fn of_any_size(flags: OFlag) -> OFlag {
    // with O_PATH openat2 knows no such flag, and nothing is read
    if flags.contains(OFlag::O_PATH) { flags } else { flags | OFlag::O_LARGEFILE }
}

/// Opens what has this name in the folder.
///
/// # Errors
/// What the system says.
pub fn open_at(folder: impl AsFd, name: impl AsRef<Path>, flags: OFlag, mode: Mode) -> nix::Result<OwnedFd> {
    openat(folder, name.as_ref(), of_any_size(flags), mode)
}

/// What is held open.
///
/// # Errors
/// What the system says.
pub fn stat(held: impl AsFd) -> nix::Result<FileStat> {
    rustix::fs::fstat(held).map(|stat| FileStat::of(&stat)).map_err(errno)
}

/// What has this name in the folder; a link is itself.
///
/// # Errors
/// What the system says.
pub fn stat_at(folder: impl AsFd, name: &Path) -> nix::Result<FileStat> {
    let stat = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW);
    stat.map(|stat| FileStat::of(&stat)).map_err(errno)
}

/// What this path leads to; a link is itself.
///
/// # Errors
/// What the system says.
pub fn stat_by(path: &Path) -> nix::Result<FileStat> {
    stat_at(CWD, path)
}

/// The names in a folder that is held open, but for itself and the one above.
///
/// # Errors
/// What the system says.
pub fn names_in(folder: impl AsFd) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(folder)? {
        let name = entry?.file_name().to_bytes().to_vec();
        if name != b"." && name != b".." {
            names.push(OsString::from_vec(name));
        }
    }
    Ok(names)
}

/// The room on the file system of what is held open.
///
/// # Errors
/// What the system says.
pub fn room(held: impl AsFd) -> nix::Result<Room> {
    rustix::fs::fstatvfs(held).map(|stat| Room::of(&stat)).map_err(errno)
}

/// The room on the file system that a path leads to.
///
/// # Errors
/// What the system says.
pub fn room_at(path: &Path) -> nix::Result<Room> {
    rustix::fs::statvfs(path).map(|stat| Room::of(&stat)).map_err(errno)
}

/// The number that `linux/magic.h` has for the file system of what is held open.
///
/// # Errors
/// What the system says.
#[allow(clippy::unnecessary_cast, clippy::cast_lossless, reason = "it has 32 or 64 bits, and a sign or none")]
pub fn file_system(held: impl AsFd) -> nix::Result<u64> {
    rustix::fs::fstatfs(held).map(|known| known.f_type as u64 & 0xffff_ffff).map_err(errno)
}

/// Has the disk keep room for so many bytes from this place on; the file's length stays.
///
/// # Errors
/// What the system says.
pub fn keep_room(file: impl AsFd, place: u64, bytes: u64) -> nix::Result<()> {
    rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, place, bytes).map_err(errno)
}

/// How long a file the process may write: `ulimit -f`.
pub fn longest() -> u64 {
    rustix::process::getrlimit(Resource::Fsize).current.unwrap_or(u64::MAX)
}

impl FileStat {
    /// It is a regular file.
    pub fn is_file(&self) -> bool {
        self.kind == FileKind::File
    }

    /// It is a folder.
    pub fn is_folder(&self) -> bool {
        self.kind == FileKind::Folder
    }

    #[allow(
        clippy::unnecessary_cast,
        clippy::useless_conversion,
        clippy::cast_lossless,
        reason = "on some machines these are of 32 bits"
    )]
    fn of(stat: &Stat) -> Self {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => FileKind::File,
            FileType::Directory => FileKind::Folder,
            FileType::Symlink => FileKind::Link,
            _ => FileKind::Other,
        };
        let bytes = if kind == FileKind::File { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 };
        let identity = (stat.st_dev as u64, stat.st_ino as u64);
        FileStat { identity, links: stat.st_nlink as u64, bytes, kind }
    }
}

impl Room {
    fn of(stat: &StatVfs) -> Self {
        Room {
            size: stat.f_blocks.saturating_mul(stat.f_frsize),
            free: stat.f_bavail.saturating_mul(stat.f_frsize),
            files: stat.f_files,
            files_free: stat.f_favail,
        }
    }
}

fn errno(why: rustix::io::Errno) -> Errno {
    Errno::from_raw(why.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::os::unix::fs::{FileExt, symlink};

    const PLACE: u64 = 3 << 30;

    #[test]
    fn files_may_be_longer_than_2_gib() {
        let folder = tempfile::tempdir().unwrap();
        let held = File::open(folder.path()).unwrap();
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_CLOEXEC;
        let made = File::from(open_at(&held, "long", flags, Mode::from_bits_truncate(0o600)).unwrap());
        made.write_all_at(b"x", PLACE).unwrap();
        keep_room(&made, PLACE + 1, 1 << 20).unwrap();
        let long = FileStat { bytes: PLACE + 1, ..stat(&made).unwrap() };
        assert_eq!((stat(&made), stat_at(&held, Path::new("long"))), (Ok(long), Ok(long)));
        let again = File::from(open_at(&held, "long", OFlag::O_RDONLY, Mode::empty()).unwrap());
        let mut byte = [0];
        again.read_exact_at(&mut byte, PLACE).unwrap();
        assert_eq!((byte, long.kind, long.links), (*b"x", FileKind::File, 1));
    }

    #[test]
    fn what_has_a_name_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let held = File::open(folder.path()).unwrap();
        fs::write(folder.path().join("file"), b"four").unwrap();
        fs::create_dir(folder.path().join("folder")).unwrap();
        symlink("folder", folder.path().join("link")).unwrap();
        let mut names = names_in(&held).unwrap();
        names.sort_unstable();
        let found: Vec<(FileKind, u64)> = names
            .iter()
            .map(|name| stat_at(&held, Path::new(name)).unwrap())
            .map(|found| (found.kind, found.bytes))
            .collect();
        assert_eq!(names, ["file", "folder", "link"]);
        assert_eq!(found, [(FileKind::File, 4), (FileKind::Folder, 0), (FileKind::Link, 0)]);
        assert_eq!(stat_at(&held, Path::new("none")), Err(Errno::ENOENT));
        assert_eq!(stat_by(&folder.path().join("folder")), stat_at(&held, Path::new("folder")));
    }

    #[test]
    fn the_room_is_what_df_says() {
        let folder = tempfile::tempdir().unwrap();
        let held = File::open(folder.path()).unwrap();
        let [room, other] = [room(&held), room_at(folder.path())].map(Result::unwrap);
        let df = std::process::Command::new("df").args(["-B1", "--output=size"]).arg(folder.path()).output();
        let df = String::from_utf8(df.unwrap().stdout).unwrap();
        assert_eq!(df.lines().last().unwrap().trim(), room.size.to_string());
        assert!(room.size == other.size && room.free <= room.size && room.files_free <= room.files);
    }
}
