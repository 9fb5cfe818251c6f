//! One file of a recording.

use super::error::Error;
use super::folder;
use std::fs::{self, File};
use std::io::{self, ErrorKind, IoSlice, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A file that is being written, and that nobody else has written.
#[derive(Debug)]
pub struct SegmentFile {
    file: File,
    path: PathBuf,
    end: u64,
}

impl SegmentFile {
    /// A file that was just made at `path`, and is empty.
    pub(super) fn new(file: File, path: PathBuf) -> Self {
        SegmentFile { file, path, end: 0 }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder that it is in.
    pub(super) fn folder(&self) -> &Path {
        self.path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
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
        let cut = self.file.seek(SeekFrom::Start(self.end)).and_then(|_| self.file.set_len(self.end));
        if let Err(why) = cut {
            log::warn!("{}: a torn frame is at the end of the file: {why}", self.path.display());
        }
    }

    /// Writes over octets that are in the file.
    ///
    /// # Errors
    /// What the system says.
    pub fn patch(&self, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all_at(bytes, offset).map_err(|why| Error::new("write", &self.path, why))
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
        folder::sync(self.folder())?;
        Ok(self.path)
    }

    /// Deletes the file, in which there is nothing.
    pub(super) fn discard(self) {
        if let Err(why) = fs::remove_file(&self.path) {
            log::warn!("{}: an empty file stays: {why}", self.path.display());
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

    /// Takes a few octets at a time, with interruptions.
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
