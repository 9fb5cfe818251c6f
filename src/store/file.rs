//! One file of a recording.

use super::dir::Dir;
use super::dirs;
use super::error::Error;
use super::whereabouts::{Whereabouts, identity_of, whereabouts};
use crate::shown::shown;
use crate::sys::files;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use std::fs::{self, File};
use std::io::{self, ErrorKind, IoSlice, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// FAT writes a file's length in 32 bits.
const FAT_MOST: u64 = u32::MAX as u64;

/// Its number in `linux/magic.h`.
const FAT: u64 = 0x4d44;

/// A file that is being written, and that nobody else has written.
#[derive(Debug)]
pub struct SegmentFile {
    file: File,
    path: PathBuf,
    /// The folder that it was made in, if that is held open.
    dir: Option<Arc<Dir>>,
    end: u64,
    /// Up to here the disk has kept room.
    reserved: u64,
    /// The file system can keep room.
    can_reserve: bool,
    /// It cannot be longer than this.
    most: u64,
}

impl SegmentFile {
    /// A file that was just made at `path`, and is empty.
    pub(super) fn new(file: File, path: PathBuf) -> Self {
        let most = limit_of(&file);
        SegmentFile { file, path, dir: None, end: 0, reserved: 0, can_reserve: true, most }
    }

    /// The same, in a folder that is held open.
    pub(super) fn within(dir: Arc<Dir>, file: File, path: PathBuf) -> Self {
        SegmentFile { dir: Some(dir), ..SegmentFile::new(file, path) }
    }

    /// What the disk may keep room for once it is closed; not of a file whose folder is not held open.
    pub fn reserved(&self) -> Option<Reserved> {
        self.dir.as_ref().map(|dir| Reserved { dir: Arc::clone(dir), path: self.path.clone() })
    }

    /// The folder that it was made in, if that is held open.
    pub fn dir(&self) -> Option<&Arc<Dir>> {
        self.dir.as_ref()
    }

    /// What has become of it while it was written.
    pub fn whereabouts(&self) -> Whereabouts {
        whereabouts(&self.file, &self.path)
    }

    /// It is in the folder that it was made in, whatever that is called now.
    pub(super) fn is_in_its_folder(&self) -> bool {
        let (Some(dir), Some(name)) = (&self.dir, self.path.file_name()) else { return false };
        dir.identity_of(Path::new(name))
            .is_ok_and(|there| there.is_some() && there == identity_of(&self.file))
    }

    /// Somebody has cut off what was written.
    pub fn is_cut(&self) -> bool {
        self.file.metadata().is_ok_and(|found| found.len() < self.end)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder that it is in.
    pub(super) fn folder(&self) -> &Path {
        self.path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
    }

    /// Whether this many bytes more are within every limit that is known. It is asked where a file that has met its limit could not
    /// be closed.
    pub(super) fn may_grow_by(&self, len: u64) -> bool {
        self.end.saturating_add(len) <= self.most
    }

    /// Appends all parts, one behind the other, or none of them.
    ///
    /// # Errors
    /// [`Error`]; the file is as long as before, as far as the disk still allows.
    pub fn append(&mut self, parts: &mut [IoSlice<'_>]) -> Result<(), Error> {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        match write_all(&mut self.file, parts) {
            Ok(()) => {
                self.end += len as u64;
                Ok(())
            }
            Err(why) => {
                self.cut_back();
                Err(Error::new("write", &self.path, why))
            }
        }
    }

    /// A torn frame goes. Where the disk does not even allow that, the next frame is written over it.
    fn cut_back(&mut self) {
        self.reserved = 0;
        let cut = self.file.seek(SeekFrom::Start(self.end)).and_then(|_| self.file.set_len(self.end));
        if let Err(why) = cut {
            log::warn!("{}: a torn frame is at the end of the file: {why}", shown(&self.path));
        }
    }

    /// Writes over bytes that are in the file.
    ///
    /// # Errors
    /// What the system says.
    pub fn patch(&self, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all_at(bytes, offset).map_err(|why| Error::new("write", &self.path, why))
    }

    /// Has the disk keep room for this many bytes behind the file's end: others may fill it, and this file still grows. The file is
    /// as long as it was. What is left of the room is given back by [`Reserved::trim`].
    ///
    /// # Errors
    /// The disk has not so much, or what the system says. Where a file system cannot do this, nothing happens.
    pub fn reserve(&mut self, ahead: u64) -> Result<(), Error> {
        if !self.can_reserve || self.reserved >= self.end.saturating_add(ahead / 2) {
            return Ok(());
        }
        match files::keep_room(&self.file, self.end, ahead) {
            Ok(()) => self.reserved = self.end.saturating_add(ahead),
            Err(Errno::EOPNOTSUPP | Errno::ENOSYS | Errno::EINVAL) => self.can_reserve = false,
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(Error::new("reserve space for", &self.path, errno.into())),
        }
        Ok(())
    }

    /// Brings what was written to the disk.
    ///
    /// # Errors
    /// What the system says.
    pub fn sync(&self) -> Result<(), Error> {
        self.file.sync_data().map_err(|why| Error::new("sync", &self.path, why))
    }

    /// Brings everything to the disk and closes the file.
    ///
    /// # Errors
    /// What the system says. The file is closed all the same.
    pub fn close(self) -> Result<PathBuf, Error> {
        self.file.sync_all().map_err(|why| Error::new("sync", &self.path, why))?;
        match &self.dir {
            Some(dir) => dir.sync()?,
            None => dirs::sync(self.folder())?,
        }
        Ok(self.path)
    }

    /// Deletes the file, in which there is nothing.
    pub(super) fn discard(self) {
        let name = self.path.file_name().map(Path::new);
        let removed = match (&self.dir, name) {
            (Some(dir), Some(name)) => dir.remove_file(name),
            _ => fs::remove_file(&self.path),
        };
        if let Err(why) = removed {
            log::warn!("{}: an empty file stays: {why}", shown(&self.path));
        }
    }
}

/// How long a file may be, as far as one can know before it is: what the process may write, and what FAT holds.
fn limit_of(file: &File) -> u64 {
    let ours = files::longest();
    let is_fat = files::file_system(file).is_ok_and(|known| known == FAT);
    if is_fat { ours.min(FAT_MOST) } else { ours }
}

/// Makes a file with these bytes, under a name that is free.
///
/// # Errors
/// Something of that name is there, or what the system says. There is no such file then.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut file = create_new(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.map_err(|why| {
        let _ = fs::remove_file(path);
        Error::new("write", path, why)
    })
}

/// A file whose name was free.
pub(super) fn create_new(path: &Path) -> Result<File, Error> {
    File::create_new(path).map_err(|why| match why.kind() {
        ErrorKind::AlreadyExists => Error::Exists { path: path.to_owned() },
        _ => Error::new("make", path, why),
    })
}

/// A file that was closed, and behind whose end the disk may still keep room.
#[derive(Clone, Debug)]
pub struct Reserved {
    dir: Arc<Dir>,
    path: PathBuf,
}

impl Reserved {
    /// Gives the room back. A file that was deleted or moved since keeps none.
    ///
    /// # Errors
    /// What the system says.
    pub fn trim(self) -> Result<(), Error> {
        let Some(name) = self.path.file_name().map(Path::new) else { return Ok(()) };
        let opened = self.dir.open_regular(name, OFlag::O_WRONLY);
        match opened.and_then(|file| file.set_len(file.metadata()?.len())) {
            Err(why) if why.kind() == ErrorKind::NotFound => Ok(()),
            trimmed => trimmed.map_err(|why| Error::new("trim", &self.path, why)),
        }
    }
}

/// Writes all parts with as few calls as the system takes; one, as a rule.
pub(super) fn write_all(to: &mut impl Write, mut parts: &mut [IoSlice<'_>]) -> io::Result<()> {
    IoSlice::advance_slices(&mut parts, 0); // drops empty parts in front
    while !parts.is_empty() {
        match to.write_vectored(parts) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut parts, written),
            Err(why) if why.kind() == ErrorKind::Interrupted => {}
            Err(why) => return Err(why),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_torn_frame_does_not_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mkv");
        let mut file = SegmentFile::new(File::create_new(&path).unwrap(), path);
        file.append(&mut [IoSlice::new(b"head "), IoSlice::new(b""), IoSlice::new(b"frame")]).unwrap();
        file.file.write_all(b"half a fra").unwrap();
        file.cut_back();
        file.append(&mut [IoSlice::new(b" next")]).unwrap();
        file.patch(0, b"HEAD").unwrap();
        let path = file.close().unwrap();
        assert_eq!(fs::read(path).unwrap(), b"HEAD frame next");
    }

    #[test]
    fn room_is_kept_and_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mkv");
        let dir = Arc::new(Dir::open(folder.path()).unwrap());
        let mut file = SegmentFile::within(dir, File::create_new(&path).unwrap(), path.clone());
        let reserved = file.reserved().unwrap();
        file.append(&mut [IoSlice::new(b"frame")]).unwrap();
        file.reserve(1 << 20).unwrap();
        if !file.can_reserve {
            return; // this file system cannot; nothing is to be given back
        }
        let blocks = || fs::metadata(&path).unwrap().blocks();
        assert!(blocks() >= (1 << 20) / 512 && file.reserved == 5 + (1 << 20));
        assert_eq!(fs::metadata(&path).unwrap().len(), 5);
        file.append(&mut [IoSlice::new(&[7; 500_000])]).unwrap();
        file.reserve(1 << 20).unwrap();
        assert_eq!(file.reserved, 5 + (1 << 20), "half of it is enough");
        file.close().unwrap();
        reserved.clone().trim().unwrap();
        assert!(blocks() < (1 << 20) / 512, "{} blocks", blocks());
        assert_eq!(fs::metadata(&path).unwrap().len(), 500_005);
        fs::remove_file(&path).unwrap();
        reserved.trim().unwrap();
    }

    /// Takes a few bytes at a time, with interruptions.
    struct Slow {
        taken: Vec<u8>,
        steps: Vec<usize>,
    }

    impl Write for Slow {
        fn write(&mut self, from: &[u8]) -> io::Result<usize> {
            match self.steps.pop() {
                Some(0) => Err(ErrorKind::Interrupted.into()),
                step => {
                    let len = from.len().min(step.unwrap_or(usize::MAX));
                    self.taken.extend(&from[..len]);
                    Ok(len)
                }
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    proptest! {
        #[test]
        fn all_parts_are_written_in_any_steps(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..5),
            steps in prop::collection::vec(0_usize..8, 0..40),
        ) {
            let mut to = Slow { taken: Vec::new(), steps };
            let mut slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
            write_all(&mut to, &mut slices).unwrap();
            prop_assert_eq!(to.taken, parts.concat());
        }
    }
}
