//! A recording's sidecar: `NAME.json` beside `NAME.mkv`, there whole or not at all.

use super::dir::Dir;
use super::error::Error;
use super::read::{open_regular, read_up_to};
use nix::fcntl::OFlag;
use std::ffi::OsString;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Where a recording's sidecar is. The two sort together.
pub fn path_of(recording: &Path) -> PathBuf {
    // only these give way: "door 04.05" and "door 04.06" are two names
    match recording.extension().is_some_and(|extension| extension == "mkv" || extension == "avi") {
        true => recording.with_extension("json"),
        false => with_suffix(recording, ".json"),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = OsString::from(path);
    path.push(suffix);
    PathBuf::from(path)
}

/// Writes a recording's sidecar into the folder that it is in: under another name, to the disk, then under its own.
///
/// # Errors
/// What the system says. There is no sidecar then.
pub fn write(dir: &Dir, recording: &Path, text: &[u8]) -> Result<PathBuf, Error> {
    let path = path_of(recording);
    let name = PathBuf::from(path.file_name().unwrap_or_default());
    let unfinished = with_suffix(&name, ".part");
    let written = dir.create_anew(&unfinished, OFlag::O_WRONLY).and_then(|mut file| {
        file.write_all(text)?;
        file.sync_all()?;
        dir.rename(&unfinished, &name)
    });
    if let Err(why) = written {
        let _ = dir.remove_file(&unfinished);
        return Err(Error::new("write", &path, why));
    }
    dir.sync()?;
    Ok(path)
}

/// The longest sidecar that is read: ours names ten thousand gaps at the most, in a hundredth of it.
const MOST: u64 = 64 * 1024 * 1024;

/// A recording's sidecar; `None` if there is none.
///
/// # Errors
/// What the system says, or it is too long for one.
pub fn read(recording: &Path) -> Result<Option<Vec<u8>>, Error> {
    let path = path_of(recording);
    match read_at(&path) {
        Ok(text) => Ok(Some(text)),
        Err(why) if why.kind() == ErrorKind::NotFound => Ok(None),
        Err(why) => Err(Error::unreadable(&path, why)),
    }
}

/// What may be the sidecar of a recording that is gone.
///
/// # Errors
/// As [`read`].
pub fn read_at(path: &Path) -> io::Result<Vec<u8>> {
    open_regular(path).and_then(|file| read_up_to(&file, MOST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn names_sort_together_and_never_meet() {
        let of = |name: &str| path_of(Path::new(name)).display().to_string();
        assert_eq!(of("rec/2026-11-23_14-03-27.mkv"), "rec/2026-11-23_14-03-27.json");
        assert_eq!(of("door 04.05"), "door 04.05.json");
        assert_eq!(of("door"), "door.json");
        let mut names = ["a.mkv", "a_2.mkv", "a.json", "a_2.json"];
        names.sort_unstable();
        assert_eq!(names, ["a.json", "a.mkv", "a_2.json", "a_2.mkv"]);
    }

    #[test]
    fn a_sidecar_is_there_whole_and_alone() {
        let folder = tempfile::tempdir().unwrap();
        let recording = folder.path().join("a.mkv");
        let path = write(&Dir::open(folder.path()).unwrap(), &recording, b"{}\n").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"{}\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_in_its_place_is_replaced_and_not_followed() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("rec");
        fs::create_dir(&folder).unwrap();
        let victim = root.path().join("victim");
        fs::write(&victim, b"precious").unwrap();
        for name in ["a.json.part", "a.json"] {
            std::os::unix::fs::symlink(&victim, folder.join(name)).unwrap();
            let path = write(&Dir::open(&folder).unwrap(), &folder.join("a.mkv"), b"{}\n").unwrap();
            assert!(!path.is_symlink() && fs::read(&path).unwrap() == b"{}\n");
            fs::remove_file(path).unwrap();
        }
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
    }

    #[test]
    fn what_has_no_end_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let recording = folder.path().join("a.mkv");
        std::os::unix::fs::symlink("/dev/zero", folder.path().join("a.json")).unwrap();
        assert!(read(&recording).unwrap_err().to_string().contains("regular"));
        fs::remove_file(folder.path().join("a.json")).unwrap();
        let long = fs::File::create(folder.path().join("a.json")).unwrap();
        long.set_len(1 << 40).unwrap();
        assert!(read(&recording).unwrap_err().to_string().contains("long"));
    }

    #[test]
    fn what_cannot_be_written_is_named_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a.json")).unwrap();
        let refused =
            write(&Dir::open(folder.path()).unwrap(), &folder.path().join("a.mkv"), b"{}").unwrap_err();
        assert!(refused.to_string().contains("a.json"), "{refused}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let (dir, path) = (Dir::open(folder.path()).unwrap(), folder.keep());
        fs::remove_dir_all(&path).unwrap();
        let refused = write(&dir, &path.join("a.mkv"), b"{}").unwrap_err();
        assert!(refused.to_string().contains("mounted?"), "{refused}");
    }
}
