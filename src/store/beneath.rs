//! Names beneath a folder that is held open. Whoever may write there may also leave a link behind: none is followed, neither on the
//! way nor at its end, and so nothing leads out of the folder.

use crate::sys::files::{FileKind, of_any_size, open_at, stat_at};
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::Mode;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path};

/// A folder on the way is only passed through.
const ON_THE_WAY: OFlag = OFlag::O_PATH.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);

/// Opens what has this name beneath the folder, as `flags` say.
///
/// # Errors
/// `ELOOP` where a link is in the way, or what else the system says.
pub(super) fn open(folder: impl AsFd, name: &Path, flags: OFlag, mode: Mode) -> io::Result<OwnedFd> {
    check(name)?;
    let flags = of_any_size(flags | OFlag::O_CLOEXEC);
    let opened = again(|| {
        let resolve = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS;
        // it refuses a mode that has no use
        let mode = if flags.contains(OFlag::O_CREAT) { mode } else { Mode::empty() };
        openat2(folder.as_fd(), name, OpenHow::new().flags(flags).mode(mode).resolve(resolve))
    });
    match opened {
        // Linux before 5.6, a sandbox that does not know it, or a rename meanwhile
        Err(Errno::ENOSYS | Errno::EPERM | Errno::EAGAIN) => walk(folder.as_fd(), name, flags, mode),
        opened => Ok(opened?),
    }
}

/// The same, a folder at a time.
fn walk(folder: BorrowedFd<'_>, name: &Path, flags: OFlag, mode: Mode) -> io::Result<OwnedFd> {
    let mut held: Option<OwnedFd> = None;
    let mut parts = name.components().peekable();
    while let Some(part) = parts.next() {
        let at = held.as_ref().map_or(folder, AsFd::as_fd);
        let part = Path::new(part.as_os_str());
        let flags = if parts.peek().is_some() { ON_THE_WAY } else { flags };
        let opened =
            again(|| open_at(at, part, flags | OFlag::O_NOFOLLOW, mode)).map_err(|errno| match errno {
                // a link is no folder either
                Errno::ENOTDIR if is_link(at, part) => Errno::ELOOP,
                errno => errno,
            });
        held = Some(opened?);
    }
    held.ok_or(Errno::EINVAL.into())
}

/// The folder that a name is in, and the last part of the name: for calls that follow no link there.
///
/// # Errors
/// As [`open`].
pub(super) fn parent<'a>(folder: BorrowedFd<'a>, name: &'a Path) -> io::Result<(Parent<'a>, &'a Path)> {
    check(name)?;
    let last = name.file_name().map(Path::new).ok_or(Errno::EINVAL)?;
    match name.parent().filter(|above| *above != Path::new("")) {
        None => Ok((Parent::Same(folder), last)),
        Some(above) => Ok((Parent::Below(open(folder, above, ON_THE_WAY, Mode::empty())?), last)),
    }
}

/// A folder beneath one that is held open, or that one.
#[derive(Debug)]
pub(super) enum Parent<'a> {
    Same(BorrowedFd<'a>),
    Below(OwnedFd),
}

impl AsFd for Parent<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Parent::Same(fd) => *fd,
            Parent::Below(fd) => fd.as_fd(),
        }
    }
}

/// A name that leads down, and nowhere else.
fn check(name: &Path) -> io::Result<()> {
    let mut parts = name.components().peekable();
    let leads_down = parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)));
    if leads_down { Ok(()) } else { Err(Errno::EINVAL.into()) }
}

fn is_link(folder: BorrowedFd<'_>, name: &Path) -> bool {
    stat_at(folder, name).is_ok_and(|found| found.kind == FileKind::Link)
}

fn again<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            answer => return answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::os::unix::fs::symlink;

    /// Each name by the one call, and a folder at a time: both have to say the same.
    fn both(folder: &Path, name: &str, flags: OFlag) -> Result<(), Errno> {
        let (folder, name) = (File::open(folder).unwrap(), Path::new(name));
        let errno = |why: io::Error| Errno::from_raw(why.raw_os_error().unwrap());
        let mode = Mode::from_bits_truncate(0o600);
        let one = open(&folder, name, flags, mode).map(drop).map_err(errno);
        let other =
            check(name).and_then(|()| walk(folder.as_fd(), name, flags, mode)).map(drop).map_err(errno);
        assert_eq!(one, other, "{}", name.display());
        one
    }

    #[test]
    fn no_link_is_followed_and_no_name_leads_out() {
        let root = tempfile::tempdir().unwrap();
        let (folder, outside) = (root.path().join("rec"), root.path().join("outside"));
        fs::create_dir_all(folder.join("day/hour")).unwrap();
        fs::create_dir(&outside).unwrap();
        for file in [folder.join("a"), folder.join("day/b"), folder.join("day/hour/c"), outside.join("d")] {
            fs::write(file, b"x").unwrap();
        }
        symlink(&outside, folder.join("away")).unwrap();
        symlink("day", folder.join("today")).unwrap();
        symlink(outside.join("d"), folder.join("linked")).unwrap();
        for name in ["a", "day/b", "day/hour/c", "day"] {
            assert_eq!(both(&folder, name, OFlag::O_RDONLY), Ok(()), "{name}");
        }
        for name in ["away/d", "away/none", "today/b", "linked"] {
            assert_eq!(both(&folder, name, OFlag::O_RDONLY), Err(Errno::ELOOP), "{name}");
        }
        for name in ["../outside/d", "/etc/passwd", "", "day/../a"] {
            assert_eq!(both(&folder, name, OFlag::O_RDONLY), Err(Errno::EINVAL), "{name}");
        }
        for name in ["away", "today"] {
            assert_eq!(both(&folder, name, OFlag::O_DIRECTORY), Err(Errno::ELOOP), "{name}");
            assert_eq!(both(&folder, name, ON_THE_WAY), Err(Errno::ELOOP), "{name}");
        }
        assert_eq!(both(&folder, "none", OFlag::O_RDONLY), Err(Errno::ENOENT));
        assert_eq!(both(&folder, "a/b", OFlag::O_RDONLY), Err(Errno::ENOTDIR));
        let new = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL;
        assert_eq!(both(&folder, "linked", new), Err(Errno::EEXIST));
        assert!(parent(File::open(&folder).unwrap().as_fd(), Path::new("away/d")).is_err());
    }
}
