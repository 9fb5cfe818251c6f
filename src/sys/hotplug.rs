//! New device nodes, as soon as they are there: inotify on `/dev`.

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

/// Names of nodes and folders that belong to cameras: `video0`, `v4l`.
const NAMES: [&str; 2] = ["video", "v4l"];

/// Reads a turn: a kernel's queue may be longer, then there is another turn.
const READS: usize = 8;

/// Listens for camera nodes that come, or whose permissions change: udev sets the group a moment after the node.
pub struct Hotplug {
    inotify: Inotify,
}

impl Hotplug {
    /// Listens from now on for what happens in `folder` itself: `/dev`.
    ///
    /// # Errors
    /// No such folder, or no inotify instance left for this user.
    pub fn listen(folder: &Path) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        let news = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO | AddWatchFlags::IN_ATTRIB;
        inotify.add_watch(folder, news)?;
        Ok(Hotplug { inotify })
    }

    /// Whether there is news of a camera since the last call.
    pub fn take(&self) -> bool {
        let mut has_news = false;
        for _ in 0..READS {
            match self.inotify.read_events() {
                Ok(events) => {
                    let names = events.iter().filter_map(|event| event.name.as_ref()?.to_str());
                    has_news |= names.into_iter().any(|name| NAMES.iter().any(|ours| name.starts_with(ours)));
                }
                Err(Errno::EINTR) => {}
                Err(_) => break,
            }
        }
        has_news
    }
}

impl AsFd for Hotplug {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn nodes_that_come_or_change_are_news_and_others_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let hotplug = Hotplug::listen(folder.path()).unwrap();
        assert!(!hotplug.take());
        File::create(folder.path().join("tty1")).unwrap();
        assert!(!hotplug.take());
        let node = folder.path().join("video0");
        File::create(&node).unwrap();
        assert!(hotplug.take());
        assert!(!hotplug.take(), "told once");
        fs::set_permissions(&node, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(hotplug.take());
        fs::create_dir(folder.path().join("v4l")).unwrap();
        assert!(hotplug.take());
        fs::remove_file(&node).unwrap();
        assert!(!hotplug.take());
    }

    #[test]
    fn there_is_nothing_to_listen_to_in_no_folder() {
        assert!(Hotplug::listen(Path::new("/no/such/folder")).is_err());
    }
}
