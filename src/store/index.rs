//! The index of a folder, on the disk: which files are ours.

use super::error::Error;
use super::folder;
use crate::record::index::{Event, Index};
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The index's file.
const NAME: &str = ".camrec.index";

/// What it is called while it is written anew.
const PART: &str = ".camrec.index.part";

/// The index, and the file that it is appended to.
#[derive(Debug)]
pub(super) struct IndexFile {
    path: PathBuf,
    file: File,
    end: u64,
    index: Index,
}

impl IndexFile {
    /// Reads the folder's index, forgets the files that are not there any more, and writes it anew, whole or not at all; on a
    /// full disk it stays as it was, and grows if it can.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn open(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(NAME);
        let old = match fs::read(&path) {
            Ok(text) => String::from_utf8_lossy(&text).into_owned(),
            Err(why) if why.kind() == ErrorKind::NotFound => String::new(),
            Err(why) => return Err(Error::new("read", &path, why)),
        };
        let mut index = Index::parse(&old);
        let is_gone = |name: &str| {
            let found = folder.join(name).symlink_metadata();
            found.is_err_and(|why| matches!(why.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory))
        };
        let names: Vec<String> =
            index.entries().map(|entry| entry.name.clone()).filter(|name| is_gone(name)).collect();
        names.iter().for_each(|name| index.apply(&Event::Gone(name)));

        let text = index.text();
        let part = folder.join(PART);
        let written = File::create(&part).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&part, &path)?;
            Ok(file)
        });
        match written {
            Ok(file) => {
                folder::sync(folder)?;
                Ok(IndexFile { path, file, end: text.len() as u64, index })
            }
            Err(why) => {
                let _ = fs::remove_file(&part);
                // a full disk must not keep us from making room on it
                let end = old.rfind('\n').map_or(0, |at| at + 1) as u64;
                match File::options().write(true).open(&path) {
                    Ok(file) if why.kind() == ErrorKind::StorageFull => {
                        Ok(IndexFile { path, file, end, index })
                    }
                    _ => Err(Error::new("write", &path, why)),
                }
            }
        }
    }

    /// Whether the folder has one.
    pub(super) fn is_at(folder: &Path) -> bool {
        folder.join(NAME).symlink_metadata().is_ok()
    }

    /// What it says.
    pub(super) fn index(&self) -> &Index {
        &self.index
    }

    /// Enters an event, and has it on the disk.
    ///
    /// # Errors
    /// What the system says; the index is as it was.
    pub(super) fn enter(&mut self, event: &Event<'_>) -> Result<(), Error> {
        let line = event.to_string();
        let written = self.file.write_all_at(line.as_bytes(), self.end).and_then(|()| self.file.sync_data());
        if let Err(why) = written {
            // should a torn line stay, the next is written over it
            let _ = self.file.set_len(self.end);
            return Err(Error::new("write", &self.path, why));
        }
        self.end += line.len() as u64;
        self.index.apply(event);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(index: &IndexFile) -> Vec<&str> {
        index.index().entries().map(|entry| &*entry.name).collect()
    }

    #[test]
    fn it_remembers_what_is_still_there() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path();
        let mut index = IndexFile::open(folder).unwrap();
        for name in ["a.mkv", "b.mkv", "gone.mkv"] {
            index.enter(&Event::Begun(name)).unwrap();
        }
        index.enter(&Event::Finished { name: "a.mkv", bytes: 7, ended: 8 }).unwrap();
        fs::write(folder.join("a.mkv"), b"x").unwrap();
        fs::write(folder.join("b.mkv"), b"x").unwrap();
        fs::write(folder.join("another's.mkv"), b"x").unwrap();
        let mut text = fs::read(folder.join(NAME)).unwrap();
        text.extend(b"begun tor");
        fs::write(folder.join(NAME), text).unwrap();
        let index = IndexFile::open(folder).unwrap();
        assert_eq!(names(&index), ["a.mkv", "b.mkv"]);
        let text = fs::read_to_string(folder.join(NAME)).unwrap();
        assert_eq!(text, "camrec-index 1\nbegun a.mkv\nfinished 7 8 a.mkv\nbegun b.mkv\n");
        assert!(!folder.join(PART).exists());
    }
}
