//! What should be mounted, and is not: what is written there would go to the disk beneath.

use std::fs;
use std::path::{Path, PathBuf};

/// The place at or above `path` that something should be mounted at, by `/etc/fstab`, and nothing is.
pub fn unmounted_above(path: &Path) -> Option<PathBuf> {
    // a link may lead to a disk
    let path = path.canonicalize().or_else(|_| std::path::absolute(path)).ok()?;
    let read = |path| fs::read_to_string(path).ok();
    lacks_mount(&read("/etc/fstab")?, &read("/proc/self/mountinfo")?, &path)
}

fn lacks_mount(fstab: &str, mounts: &str, path: &Path) -> Option<PathBuf> {
    let field = |line: &str, number: usize| line.split_whitespace().nth(number).map(unescape);
    let wanted =
        fstab.lines().filter(|line| !line.trim_start().starts_with('#')).filter_map(|line| field(line, 1));
    let mounts: Vec<Mount> = mounts.lines().filter_map(Mount::read).collect();
    let is_mounted =
        |point: &PathBuf| mounts.iter().any(|it| it.point == *point && !it.is_of_itself(&mounts));
    wanted.filter(|point| point.is_absolute() && path.starts_with(point)).find(|point| !is_mounted(point))
}

/// A line of mountinfo.
struct Mount<'a> {
    number: &'a str,
    parent: &'a str,
    device: &'a str,
    /// What of the device is mounted.
    root: PathBuf,
    point: PathBuf,
}

impl<'a> Mount<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let mut fields = line.split_whitespace();
        let (number, parent, device) = (fields.next()?, fields.next()?, fields.next()?);
        let (root, point) = (unescape(fields.next()?), unescape(fields.next()?));
        Some(Mount { number, parent, device, root, point })
    }

    /// It is a folder that is bound to where it is, as systemd does with what a unit may write to (`ReadWritePaths=`).
    fn is_of_itself(&self, all: &[Mount<'_>]) -> bool {
        let above = all.iter().find(|it| it.number == self.parent && it.number != self.number);
        above.is_some_and(|above| {
            let below = self.point.strip_prefix(&above.point).ok();
            above.device == self.device && below.is_some_and(|below| above.root.join(below) == self.root)
        })
    }
}

/// Blanks in these files are written as `\040`.
fn unescape(text: &str) -> PathBuf {
    let whole = [(r"\040", " "), (r"\011", "\t"), (r"\012", "\n"), (r"\134", r"\")];
    PathBuf::from(whole.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_should_be_mounted_is_in_fstab() {
        let fstab = "# /dev/sdz1 /mnt/old ext4\nUUID=1 / ext4 defaults 0 1\n/dev/sdb1\t/mnt/my\\040disk ext4\nUUID=2 none swap\n";
        let mounts = "22 1 8:1 / / rw - ext4 /dev/root rw\n";
        let lacks = |mounts: &str, path: &str| lacks_mount(fstab, mounts, Path::new(path));
        assert_eq!(lacks(mounts, "/mnt/my disk/rec"), Some("/mnt/my disk".into()));
        assert_eq!(lacks(mounts, "/mnt/my disk"), Some("/mnt/my disk".into()));
        for path in ["/mnt/my disks/rec", "/mnt/old/rec", "/home/me"] {
            assert_eq!(lacks(mounts, path), None, "{path}");
        }
        let mounted = format!("{mounts}23 22 8:17 / /mnt/my\\040disk rw - ext4 /dev/sdb1 rw\n");
        assert_eq!(lacks(&mounted, "/mnt/my disk/rec"), None);
        let bound = format!("{mounts}30 22 8:1 /mnt/my\\040disk /mnt/my\\040disk rw - ext4 /dev/root rw\n");
        assert_eq!(lacks(&bound, "/mnt/my disk/rec"), Some("/mnt/my disk".into()), "a unit's own");
        let part = format!("{mounts}30 22 8:1 /other /mnt/my\\040disk rw - ext4 /dev/root rw\n");
        assert_eq!(lacks(&part, "/mnt/my disk/rec"), None, "another folder of the same disk");
    }
}
