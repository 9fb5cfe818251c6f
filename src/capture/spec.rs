//! Which source: the text as typed becomes a [`SourceSpec`].

use crate::shown::shown;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;

use super::error::OpenError;

/// Which source to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceSpec {
    /// A camera's device node, or a link to one under `/dev/v4l`.
    Device(PathBuf),
    /// The built-in test picture.
    Pattern,
    /// A file of one JPEG or of many.
    File(PathBuf),
    /// A folder of such files.
    Folder(PathBuf),
    /// MJPEG on standard input.
    Stdin,
}

impl SourceSpec {
    /// Reads `pattern`, `-`, or a path, and looks at what is there. What is not there is a camera all the same
    /// if the path is under `/dev`: it may be plugged in later.
    ///
    /// # Errors
    /// Nothing is there, or it cannot be a source.
    pub fn of(typed: &OsStr) -> Result<Self, OpenError> {
        match typed.to_str() {
            Some("pattern") => Ok(SourceSpec::Pattern),
            Some("-" | "/dev/stdin") => Ok(SourceSpec::Stdin),
            _ if typed.as_bytes().contains(&0) => {
                Err(OpenError::Invalid { what: "the source's path holds a NUL".into() })
            }
            _ => by_kind(typed.into()),
        }
    }
}

fn by_kind(path: PathBuf) -> Result<SourceSpec, OpenError> {
    let kind = match fs::metadata(&path) {
        Ok(metadata) => metadata.file_type(),
        Err(_) if path.starts_with("/dev") => return Ok(SourceSpec::Device(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(OpenError::missing(&path)),
        Err(error) => return Err(OpenError::Unreadable { path, why: error.to_string() }),
    };
    if kind.is_char_device() {
        Ok(SourceSpec::Device(path))
    } else if kind.is_dir() {
        Ok(SourceSpec::Folder(path))
    } else if kind.is_file() {
        Ok(SourceSpec::File(path))
    } else {
        let why =
            format!("it is neither a file nor a folder; if it is a named pipe: camcast - < {}", shown(&path));
        Err(OpenError::NotACamera { path, why })
    }
}

impl fmt::Display for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceSpec::Device(path) | SourceSpec::File(path) | SourceSpec::Folder(path) => {
                shown(&path).fmt(f)
            }
            SourceSpec::Pattern => f.write_str("pattern"),
            SourceSpec::Stdin => f.write_str("-"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str) -> Result<SourceSpec, OpenError> {
        SourceSpec::of(OsStr::new(text))
    }

    #[test]
    fn words_and_devices() {
        assert_eq!(spec("pattern"), Ok(SourceSpec::Pattern));
        assert_eq!(spec("-"), Ok(SourceSpec::Stdin));
        assert_eq!(spec("/dev/stdin"), Ok(SourceSpec::Stdin));
        assert_eq!(spec("/dev/video77"), Ok(SourceSpec::Device("/dev/video77".into())));
        let link = "/dev/v4l/by-id/usb-Rig_Camera-video-index0";
        assert_eq!(spec(link), Ok(SourceSpec::Device(link.into())));
        assert_eq!(spec(link).unwrap().to_string(), link);
    }

    #[test]
    fn files_and_folders_by_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let clip = folder.path().join("clip.mjpeg");
        fs::write(&clip, b"x").unwrap();
        let node = folder.path().join("camera");
        std::os::unix::fs::symlink("/dev/null", &node).unwrap();
        assert_eq!(spec(folder.path().to_str().unwrap()), Ok(SourceSpec::Folder(folder.path().into())));
        assert_eq!(spec(clip.to_str().unwrap()), Ok(SourceSpec::File(clip)));
        assert_eq!(spec(node.to_str().unwrap()), Ok(SourceSpec::Device(node)));
    }

    #[test]
    fn files_in_shared_memory_are_files() {
        let Ok(folder) = tempfile::tempdir_in("/dev/shm") else { return };
        let clip = folder.path().join("clip.mjpeg");
        fs::write(&clip, b"x").unwrap();
        assert_eq!(spec(clip.to_str().unwrap()), Ok(SourceSpec::File(clip)));
    }

    #[test]
    fn what_is_not_there_is_said() {
        assert!(matches!(spec("no/such/clip.mjpeg"), Err(OpenError::Missing { .. })));
        assert!(matches!(spec(""), Err(OpenError::Missing { .. })));
        assert!(matches!(spec("a\0b"), Err(OpenError::Invalid { .. })));
    }
}
