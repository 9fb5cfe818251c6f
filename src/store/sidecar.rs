//! A recording's sidecar: `NAME.json` beside `NAME.mkv`, there whole or not at all.

use super::dir::Dir;
use super::error::Error;
use nix::fcntl::OFlag;
use std::ffi::OsString;
use std::fs;
use std::io::{ErrorKind, Write};
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
    let opened = dir.open_file(&unfinished, OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_TRUNC);
    let written = opened.and_then(|mut file| {
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

/// A recording's sidecar; `None` if there is none.
///
/// # Errors
/// What the system says.
pub fn read(recording: &Path) -> Result<Option<Vec<u8>>, Error> {
    let path = path_of(recording);
    match fs::read(&path) {
        Ok(text) => Ok(Some(text)),
        Err(why) if why.kind() == ErrorKind::NotFound => Ok(None),
        Err(why) => Err(Error::unreadable(&path, why)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
