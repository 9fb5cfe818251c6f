//! A recording as a folder of JPEGs, each with its number and its time in its name:
//! `000000_2026-11-23_14-03-27.512345+0100.jpg`.

use super::dir::Dir;
use super::error::Error;
use super::whereabouts::{Whereabouts, whereabouts};
use crate::shown::shown;
use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::Offset;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The folder, which nobody else has written.
#[derive(Debug)]
pub struct Stills {
    dir: Arc<Dir>,
    started: Timestamp,
    offset: Offset,
    count: u64,
    bytes: u64,
    /// The first picture's name.
    first: PathBuf,
}

impl Stills {
    /// Makes the folder, under a name that is free.
    ///
    /// # Errors
    /// Something of that name is there, or what the system says.
    pub fn make(path: &Path) -> Result<Arc<Dir>, Error> {
        fs::create_dir(path).map_err(|why| match why.kind() {
            ErrorKind::AlreadyExists => Error::Exists { path: path.to_owned() },
            _ => Error::new("make", path, why),
        })?;
        Dir::open(path).map(Arc::new)
    }

    /// Pictures go to this folder, which was just made and is empty. Their names are in local time, this far from UTC.
    pub fn new(dir: Arc<Dir>, started: Timestamp, offset: Offset) -> Self {
        Stills { dir, started, offset, count: 0, bytes: 0, first: PathBuf::new() }
    }

    /// What has become of the folder while it was written to.
    pub fn whereabouts(&self) -> Whereabouts {
        whereabouts(&*self.dir, self.dir.path())
    }

    /// Bytes of all pictures.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes a picture that was captured so long after the first.
    ///
    /// # Errors
    /// [`Error`]; there is no such picture then.
    pub fn append(&mut self, jpeg: &[u8], time: Duration) -> Result<(), Error> {
        let at = self.started.checked_add(time).unwrap_or(self.started);
        let name = PathBuf::from(name(self.count, at, self.offset));
        let mut file = self.dir.create_new(&name)?;
        if let Err(why) = file.write_all(jpeg) {
            let _ = self.dir.remove_file(&name);
            return Err(Error::new("write", &self.dir.path().join(name), why));
        }
        if self.count == 0 {
            self.first = name;
        }
        self.count += 1;
        self.bytes += jpeg.len() as u64;
        Ok(())
    }

    /// Brings all pictures to the disk.
    ///
    /// # Errors
    /// What the system says.
    pub fn sync(&self) -> Result<(), Error> {
        self.dir.touch();
        // the file system's, since each picture alone would take as long
        nix::unistd::syncfs(&*self.dir).map_err(|errno| Error::new("sync", self.dir.path(), errno.into()))
    }
}

impl Stills {
    /// Somebody deletes the pictures: whoever does so begins with all of them, or with the first.
    pub fn is_thinned(&self) -> bool {
        self.count > 0 && matches!(self.dir.identity_of(&self.first), Ok(None))
    }

    /// How many pictures are not there any more, and their bytes; none if the system does not say.
    pub fn lost(&self) -> (u64, u64) {
        let Ok(found) = pictures(&self.dir) else { return (0, 0) };
        let lost = self.count.saturating_sub(found.len() as u64);
        if lost == 0 {
            return (0, 0);
        }
        let bytes = bytes_in(&self.dir).unwrap_or(0);
        (lost, self.bytes.saturating_sub(bytes))
    }

    /// Deletes the folder, in which there is nothing.
    pub(super) fn discard(self) {
        if let Err(why) = fs::remove_dir(self.dir.path()) {
            log::warn!("{}: an empty folder stays: {why}", shown(&self.dir.path()));
        }
    }
}

/// A picture's name in its folder, and when it was captured.
pub type Picture = (PathBuf, Timestamp);

/// Pictures of a folder, in their order; what is not called as ours are is none.
///
/// # Errors
/// What the system says.
pub(super) fn pictures(folder: &Dir) -> io::Result<Vec<Picture>> {
    let names = folder.names()?.into_iter();
    let mut pictures: Vec<(u64, Picture)> = names
        .filter_map(|name| {
            let (number, at) = name.to_str().and_then(parse)?;
            Some((number, (PathBuf::from(name), at)))
        })
        .collect();
    pictures.sort_by_key(|(number, _)| *number);
    Ok(pictures.into_iter().map(|(_, picture)| picture).collect())
}

/// Bytes of the pictures of a folder.
pub(super) fn bytes_in(folder: &Dir) -> Result<u64, Error> {
    let failed = |why| Error::new("look at", folder.path(), why);
    let mut bytes = 0_u64;
    for (picture, _) in pictures(folder).map_err(failed)? {
        let found = folder.stat(&picture).map_err(failed)?;
        bytes = bytes.saturating_add(found.map_or(0, |found| found.bytes));
    }
    Ok(bytes)
}

/// Deletes a folder with its pictures. If anything else is in it, it stays.
///
/// # Errors
/// What the system says.
pub(super) fn delete(above: &Dir, name: &Path) -> Result<(), Error> {
    let folder = above.below(name)?;
    let failed = |why| Error::new("delete", folder.path(), why);
    for (picture, _) in pictures(&folder).map_err(failed)? {
        folder.remove_file(&picture).map_err(failed)?;
    }
    match above.remove_dir(name) {
        Err(why) if why.kind() == ErrorKind::DirectoryNotEmpty => Ok(()),
        removed => removed.map_err(failed),
    }
}

/// The same for a folder whose path is known.
pub(super) fn delete_at(folder: &Path) -> Result<(), Error> {
    let (Some(above), Some(name)) = (folder.parent(), folder.file_name().map(Path::new)) else {
        return Ok(());
    };
    let above = if above == Path::new("") { Path::new(".") } else { above };
    delete(&Dir::open(above)?, name)
}

/// A file in such a folder that is called as its pictures are.
pub fn is_picture(path: &Path) -> bool {
    path.file_name().and_then(|name| parse(name.to_str()?)).is_some()
}

/// What [`name`] has made.
fn parse(name: &str) -> Option<(u64, Timestamp)> {
    let (number, rest) = name.split_once('_')?;
    let is_number = number.len() >= 6 && number.bytes().all(|byte| byte.is_ascii_digit());
    let broken = strtime::parse("%Y-%m-%d_%H-%M-%S%.f%z.jpg", rest).ok().filter(|_| is_number)?;
    Some((number.parse().ok()?, broken.to_timestamp().ok()?))
}

/// A picture's name.
pub fn name(number: u64, at: Timestamp, offset: Offset) -> String {
    let local = at.to_zoned(offset.to_time_zone());
    format!("{number:06}_{}.jpg", local.strftime("%Y-%m-%d_%H-%M-%S%.6f%z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_number_and_time() {
        let at: Timestamp = "2026-11-23T14:03:27.512345+01:00".parse().unwrap();
        let named = name(7, at, Offset::constant(1));
        assert_eq!(named, "000007_2026-11-23_14-03-27.512345+0100.jpg");
        assert_eq!(parse(&named), Some((7, at)));
        assert_eq!(parse(&name(12_345_678, at, Offset::UTC)), Some((12_345_678, at)));
        for name in [
            "7_2026-11-23_14-03-27.512345+0100.jpg",
            "holiday_1.jpg",
            "000001_x.jpg",
            "000007_2026-11-23_14-03-27.512345+0100.png",
        ] {
            assert_eq!(parse(name), None, "{name}");
        }
    }

    #[test]
    fn only_our_pictures_are_deleted() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a");
        let dir = Stills::make(&path).unwrap();
        assert!(matches!(Stills::make(&path), Err(Error::Exists { .. })));
        let mut stills = Stills::new(dir, Timestamp::UNIX_EPOCH, Offset::UTC);
        (0..3).for_each(|n| stills.append(b"jpeg", Duration::from_millis(40 * n)).unwrap());
        assert_eq!(stills.bytes(), 12);
        fs::write(path.join("notes.txt"), b"mine").unwrap();
        let times: Vec<i64> =
            pictures(&Dir::open(&path).unwrap()).unwrap().iter().map(|(_, at)| at.as_millisecond()).collect();
        assert_eq!(times, [0, 40, 80]);
        let above = Dir::open(root.path()).unwrap();
        delete(&above, Path::new("a")).unwrap();
        assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
        fs::remove_file(path.join("notes.txt")).unwrap();
        delete(&above, Path::new("a")).unwrap();
        assert!(!path.exists());
    }
}
