//! Files that arrive in a folder, as soon as they are complete: inotify on the folder.

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

/// What happens to the folder itself. IN_IGNORED follows on all of it, and on an unmount; nothing comes after that.
const ITS_END: AddWatchFlags =
    AddWatchFlags::IN_DELETE_SELF.union(AddWatchFlags::IN_MOVE_SELF).union(AddWatchFlags::IN_IGNORED);

/// News of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// A file of this name is complete: who wrote it has closed it, or it was moved here.
    File(OsString),
    /// There was more than the kernel keeps: look into the folder.
    Overflow,
    /// The folder is not where it was.
    Gone,
}

/// Listens to a folder.
pub struct Arrivals(Inotify);

impl Arrivals {
    /// Listens from now on for what arrives in `folder`, not in folders below it.
    ///
    /// # Errors
    /// No such folder, or no inotify instance or watch left for this user.
    pub fn listen(folder: &Path) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        let files = AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_MOVED_TO;
        let itself = AddWatchFlags::IN_DELETE_SELF | AddWatchFlags::IN_MOVE_SELF;
        inotify.add_watch(folder, files | itself | AddWatchFlags::IN_ONLYDIR)?;
        Ok(Arrivals(inotify))
    }

    /// Hands out what has happened since the last call: as much as the kernel gives at once, 4 KiB of it. If there is
    /// more, the descriptor stays readable.
    pub fn take(&self, mut each: impl FnMut(Arrival)) {
        let events = loop {
            match self.0.read_events() {
                Ok(events) => break events,
                Err(Errno::EINTR) => {}
                Err(_) => return,
            }
        };
        for event in events {
            if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
                each(Arrival::Overflow);
            } else if event.mask.intersects(ITS_END) {
                each(Arrival::Gone);
            } else if let Some(name) = event.name.filter(|_| !event.mask.contains(AddWatchFlags::IN_ISDIR)) {
                each(Arrival::File(name));
            }
        }
    }
}

impl AsFd for Arrivals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::io::Write;

    fn news(arrivals: &Arrivals) -> Vec<Arrival> {
        let mut news = Vec::new();
        loop {
            let before = news.len();
            arrivals.take(|arrival| news.push(arrival));
            if news.len() == before {
                return news;
            }
        }
    }

    fn file(name: &str) -> Arrival {
        Arrival::File(name.into())
    }

    #[test]
    fn files_are_told_of_when_they_are_complete() {
        let root = tempfile::tempdir().unwrap();
        let (folder, beside) = (root.path().join("in"), root.path().join("beside"));
        fs::create_dir(&folder).unwrap();
        let arrivals = Arrivals::listen(&folder).unwrap();
        let mut slow = File::create(folder.join("slow")).unwrap();
        slow.write_all(b"half").unwrap();
        assert_eq!(news(&arrivals), []);
        fs::write(folder.join("quick"), b"all").unwrap();
        fs::write(&beside, b"all").unwrap();
        fs::rename(&beside, folder.join("moved")).unwrap();
        fs::create_dir(folder.join("below")).unwrap();
        fs::write(folder.join("below/file"), b"all").unwrap();
        fs::remove_file(folder.join("quick")).unwrap();
        drop(slow);
        assert_eq!(news(&arrivals), [file("quick"), file("moved"), file("slow")]);
    }

    #[test]
    fn the_folders_own_end_is_told() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("in");
        let ends: [fn(&Path); 2] = [
            |folder| fs::remove_dir(folder).unwrap(),
            |folder| fs::rename(folder, folder.with_extension("x")).unwrap(),
        ];
        for end in ends {
            fs::create_dir(&folder).unwrap();
            let arrivals = Arrivals::listen(&folder).unwrap();
            end(&folder);
            assert_eq!(news(&arrivals).first(), Some(&Arrival::Gone));
        }
        assert!(Arrivals::listen(&folder).is_err());
    }
}
