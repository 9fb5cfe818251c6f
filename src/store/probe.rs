//! What a disk does, by trying: a file that is written, brought to the disk and gone.

use super::Error;
use super::dir::Dir;
use crate::sys::{clock, random_u64};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use std::fs::{File, OpenOptions, remove_file};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

/// Bytes that are written at a time, and brought to the disk.
const PIECE: usize = 2 << 20;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Probe {
    /// Bytes free, for us.
    pub free: u64,
    /// Bytes a second.
    pub speed: f64,
    /// The longest that one piece took.
    pub longest: Duration,
}

/// Writes up to `bytes` into a folder that is there, but no more than an eighth of what is free, and for no longer than `most` but for
/// the last piece. The file has no name.
///
/// # Errors
/// The folder cannot be written to, or its disk is full.
pub fn probe(folder: &Path, bytes: usize, most: Duration) -> Result<Probe, Error> {
    let free = Dir::open(folder)?.free()?;
    let error = |error| Error::new("write to", folder, error);
    let mut file = nameless(folder).map_err(error)?;
    let bytes = bytes.min(usize::try_from(free / 8).unwrap_or(usize::MAX));
    if bytes == 0 {
        return Err(error(Errno::ENOSPC.into()));
    }
    let piece = noise(bytes.min(PIECE));
    let (begin, mut written, mut longest) = (clock::now(), 0, Duration::ZERO);
    let mut last = begin;
    while written < bytes && last.since(begin) < most {
        file.write_all(&piece).and_then(|()| file.sync_data()).map_err(error)?;
        let now = clock::now();
        longest = longest.max(now.since(last));
        (written, last) = (written + piece.len(), now);
    }
    let took = last.since(begin).as_secs_f64().max(1e-6);
    Ok(Probe { free, speed: written as f64 / took, longest })
}

fn nameless(folder: &Path) -> std::io::Result<File> {
    let mut how = OpenOptions::new();
    let made = how.write(true).custom_flags(OFlag::O_TMPFILE.bits()).open(folder);
    // not every file system has files without a name
    made.or_else(|error| if is_without_nameless(&error) { removed(folder) } else { Err(error) })
}

fn is_without_nameless(error: &std::io::Error) -> bool {
    let known = [Errno::EOPNOTSUPP, Errno::EISDIR, Errno::EINVAL, Errno::ENOENT, Errno::ENOSYS];
    error.raw_os_error().is_some_and(|code| known.contains(&Errno::from_raw(code)))
}

fn removed(folder: &Path) -> std::io::Result<File> {
    let path = folder.join(format!(".doctor-{:016x}", random_u64()?));
    let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
    remove_file(&path)?;
    Ok(file)
}

/// What no disk makes smaller.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..count).map(|_| next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_tried_and_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let found = probe(folder.path(), 3 * PIECE, Duration::from_secs(60)).unwrap();
        assert!(found.speed > 0.0 && found.free > 0 && found.longest > Duration::ZERO);
        removed(folder.path()).unwrap().write_all(b"x").unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_no_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing");
        let why = probe(&missing, PIECE, Duration::ZERO).unwrap_err().to_string();
        assert!(why.contains(missing.to_str().unwrap()), "{why}");
    }
}
