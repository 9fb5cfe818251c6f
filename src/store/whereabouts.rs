//! Whether a path still leads to what was opened by it, and what has become of that: deleted, moved and unmounted are told apart.

use crate::sys::files::{file_system, stat, stat_by};
use nix::errno::Errno;
use std::fs;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Device and inode.
pub(super) type Identity = (u64, u64);

/// Local file systems by the numbers of `linux/magic.h`: what is on them nobody else writes to.
const LOCAL: [u64; 11] = [
    0xef53,      // ext2, ext3, ext4
    0x5846_5342, // XFS
    0x9123_683e, // Btrfs
    0xf2f5_2010, // F2FS
    0x4d44,      // FAT
    0x2011_bab0, // exFAT
    0x0102_1994, // tmpfs
    0x794c_7630, // overlayfs
    0x2fc1_2fc1, // ZFS
    0x7366_746e, // NTFS3
    0xca45_1a4e, // bcachefs
];

/// Where something that is held open is by now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whereabouts {
    /// Where it was.
    There,
    /// It has no name any more: it is gone once it is let go.
    Deleted,
    /// It has another name; this one, if that is known.
    Moved(Option<PathBuf>),
    /// The file system that it is on is mounted here no longer.
    Unmounted,
}

/// Device and inode of what is held open.
pub(super) fn identity_of(held: impl AsFd) -> Option<Identity> {
    stat(held).ok().map(|found| found.identity)
}

/// What has become of what was opened as `path`. Where the system does not say it is taken to be there: writing tells more.
pub(super) fn whereabouts(held: impl AsFd, path: &Path) -> Whereabouts {
    let found = match stat(held.as_fd()) {
        Ok(found) => found,
        // another machine has deleted it
        Err(Errno::ESTALE) => return Whereabouts::Deleted,
        Err(_) => return Whereabouts::There,
    };
    let ours = found.identity;
    match stat_by(path).map(|found| found.identity) {
        Ok(theirs) if theirs == ours => return Whereabouts::There,
        // a link leads there, as it may to a folder
        Ok(_) if path.metadata().is_ok_and(|found| (found.dev(), found.ino()) == ours) => {
            return Whereabouts::There;
        }
        _ if found.links == 0 => return Whereabouts::Deleted,
        // over a network a file's number may change
        Ok(_) if !is_local(held.as_fd()) => return Whereabouts::There,
        Ok(_) | Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ESTALE) => {}
        Err(_) => return Whereabouts::There,
    }
    if !is_mounted(held.as_fd()) {
        return Whereabouts::Unmounted;
    }
    let now = fs::read_link(format!("/proc/self/fd/{}", held.as_fd().as_raw_fd())).ok();
    Whereabouts::Moved(now.filter(|now| stat_by(now).is_ok_and(|found| found.identity == ours)))
}

/// Nobody but programs of this machine writes there.
pub(super) fn is_local(held: impl AsFd) -> bool {
    file_system(held).is_ok_and(|known| LOCAL.contains(&known))
}

/// The mount through which it was opened is still one of ours.
fn is_mounted(held: impl AsFd) -> bool {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", held.as_fd().as_raw_fd()));
    let (Ok(info), Ok(mounts)) = (info, fs::read_to_string("/proc/self/mountinfo")) else { return true };
    let number = info.lines().find_map(|line| line.strip_prefix("mnt_id:")).map(str::trim);
    number.is_none_or(|number| mounts.lines().any(|line| line.split(' ').next() == Some(number)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn deleted_and_moved_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let [path, other] = ["a", "b"].map(|name| folder.path().join(name));
        let file = File::create_new(&path).unwrap();
        assert_eq!(whereabouts(&file, &path), Whereabouts::There);
        fs::rename(&path, &other).unwrap();
        assert_eq!(whereabouts(&file, &path), Whereabouts::Moved(Some(other.clone())));
        fs::write(&path, b"another").unwrap();
        assert_eq!(whereabouts(&file, &path), Whereabouts::Moved(Some(other.clone())));
        fs::remove_file(&other).unwrap();
        assert_eq!(whereabouts(&file, &path), Whereabouts::Deleted);
        let held = File::open(folder.path()).unwrap();
        let folder = folder.keep();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(whereabouts(&held, &folder), Whereabouts::Deleted);
    }

    #[test]
    fn a_folder_may_be_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let [real, link] = ["real", "link"].map(|name| folder.path().join(name));
        fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert_eq!(whereabouts(File::open(&link).unwrap(), &link), Whereabouts::There);
    }
}
