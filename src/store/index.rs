//! The index of a folder, on the disk: which files are ours.
//!
//! Lines are only appended, so those of a second writer, should there be one in spite of the lock, are not lost: each reads what the
//! other has entered before it enters something itself, and looks whether the file is still the one that is there.

use super::dir::Dir;
use super::error::Error;
use super::survey::{Found, Surveyor};
use super::whereabouts::identity_of;
use crate::record::index::{Index, IndexEvent};
use crate::shown::shown;
use nix::fcntl::OFlag;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// The index's file.
const NAME: &str = ".camrec.index";

/// What it is called while it is rewritten.
const PART: &str = ".camrec.index.part";

/// An index that is longer than this, and mostly of files that are gone, is rewritten.
const LONG: u64 = 64 * 1024;

/// What is longer is no index, or that of millions of files: it is not read into memory.
const MOST: u64 = 512 * 1024 * 1024;

/// The index, and the file that it is appended to.
#[derive(Debug)]
pub(super) struct IndexFile {
    dir: Arc<Dir>,
    file: File,
    /// Up to here the file is in the index.
    end: u64,
    index: Index,
    /// Nobody else writes to it.
    is_alone: bool,
}

impl IndexFile {
    /// Reads the folder's index and forgets the files that are not there any more. If we are alone it is rewritten, whole or
    /// not at all; on a full disk it stays as it was, and grows if it can.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn open(dir: &Arc<Dir>, is_alone: bool) -> Result<Self, Error> {
        let failed = |doing, why| Error::new(doing, &dir.path().join(NAME), why);
        let old = match dir.open_regular(Path::new(NAME), OFlag::O_RDONLY) {
            Ok(file) => Some(read_all(&file).map_err(|why| failed("read", why))?),
            Err(why) if why.kind() == ErrorKind::NotFound => None,
            Err(why) => return Err(failed("read", why)),
        };
        let is_new = old.is_none();
        let old = old.unwrap_or_default();
        let mut index = Index::parse(&String::from_utf8_lossy(&old));
        survey(&mut index, dir);
        let appended = |index| {
            let file = append_to(dir).map_err(|why| failed("write", why))?;
            Ok(IndexFile { dir: Arc::clone(dir), file, end: whole(&old), index, is_alone })
        };
        if !is_alone && !is_new {
            return appended(index);
        }
        match rewrite(dir, &index) {
            Ok((file, end)) => {
                dir.sync()?;
                Ok(IndexFile { dir: Arc::clone(dir), file, end, index, is_alone })
            }
            // a full disk must not keep us from making room on it
            Err(why) if why.kind() == ErrorKind::StorageFull && !is_new => appended(index),
            Err(why) => Err(failed("write", why)),
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

    fn error(&self, doing: &'static str, why: io::Error) -> Error {
        Error::new(doing, &self.dir.path().join(NAME), why)
    }

    /// Reads what somebody else has entered. An index that was deleted is rewritten from memory; if there is another one, ours goes on
    /// in that.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn keep(&mut self) -> Result<(), Error> {
        let there = self.dir.identity_of(Path::new(NAME)).map_err(|why| self.error("look at", why))?;
        let is_ours = there.is_some() && there == identity_of(&self.file);
        let is_whole = self.file.metadata().is_ok_and(|found| found.len() >= self.end);
        if is_ours && is_whole {
            return self.read_on().map_err(|why| self.error("read", why));
        }
        let path = self.dir.path().join(NAME);
        let ours = std::mem::take(&mut self.index);
        self.index = ours.clone();
        if is_ours || there.is_none() {
            (self.file, self.end) =
                rewrite(&self.dir, &self.index).map_err(|why| self.error("write", why))?;
            log::warn!("{} was deleted or cut, and is rewritten: the files stay ours", shown(&path));
            return self.dir.sync();
        }
        self.file = append_to(&self.dir).map_err(|why| self.error("write", why))?;
        (self.end, self.index) = (0, Index::default());
        self.read_on().map_err(|why| self.error("read", why))?;
        let lacks = |name: &str| self.index.get(name).is_none();
        let unknown =
            ours.entries().filter(|entry| lacks(&entry.name) && self.dir.has(Path::new(&*entry.name)));
        let lines: Vec<String> = unknown.map(|entry| entry.to_string()).collect();
        log::warn!("{} is another one now: what is ours is entered in that", shown(&path));
        lines.iter().try_for_each(|lines| self.append(lines))
    }

    /// Reads the lines behind those that are known. A torn one may become whole.
    fn read_on(&mut self) -> io::Result<()> {
        let len = self.file.metadata()?.len();
        if len <= self.end {
            return Ok(());
        }
        check_length(len)?;
        let mut text = vec![0; usize::try_from(len - self.end).unwrap_or(0)];
        self.file.read_exact_at(&mut text, self.end)?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let text = String::from_utf8_lossy(&text[..whole]);
        let mut surveyor = Surveyor::new(&self.dir);
        for event in text.lines().filter_map(IndexEvent::parse) {
            self.index.apply(&as_the_disk_says(event, &mut surveyor));
        }
        self.end += whole as u64;
        Ok(())
    }

    /// Enters an event, and has it on the disk.
    ///
    /// # Errors
    /// What the system says; the index is as it was.
    pub(super) fn enter(&mut self, event: &IndexEvent<'_>) -> Result<(), Error> {
        self.keep()?;
        self.append(&event.to_string())?;
        if self.is_alone && self.end > LONG && self.end > self.index.text_len().saturating_mul(4) {
            // what goes wrong now does so again later
            if let Ok(rewritten) = rewrite(&self.dir, &self.index) {
                (self.file, self.end) = rewritten;
                self.dir.sync()?;
            }
        }
        Ok(())
    }

    fn append(&mut self, lines: &str) -> Result<(), Error> {
        // what is behind the last line's end is torn
        let len = self.file.metadata().map_or(self.end, |found| found.len());
        let lines = if len > self.end { format!("\n{lines}") } else { lines.to_owned() };
        let written = self.file.write_all(lines.as_bytes()).and_then(|()| self.file.sync_data());
        if let Err(why) = written {
            let _ = self.file.set_len(len);
            return Err(self.error("write", why));
        }
        self.end = len;
        self.read_on().map_err(|why| self.error("read", why))
    }
}

/// What the index says is held against the disk: which files are there, and how large they are.
fn survey(index: &mut Index, dir: &Dir) {
    let (mut surveyor, mut linked) = (Surveyor::new(dir), 0_u64);
    index.revise(|entry| match surveyor.look(&entry.name) {
        Found::Bytes(bytes) => Some(bytes),
        Found::Gone => None,
        Found::Linked => {
            linked += 1;
            None
        }
        Found::Unknown => Some(0),
    });
    if linked > 0 {
        log::warn!(
            "{}: {linked} recordings of its index are behind links: they are left alone from now on",
            shown(dir.path())
        );
    }
}

fn as_the_disk_says<'a>(event: IndexEvent<'a>, surveyor: &mut Surveyor<'_>) -> IndexEvent<'a> {
    match event {
        IndexEvent::Finished { name, ended, .. } => {
            let bytes = if let Found::Bytes(bytes) = surveyor.look(name) { bytes } else { 0 };
            IndexEvent::Finished { name, bytes, ended }
        }
        event => event,
    }
}

fn read_all(file: &File) -> io::Result<Vec<u8>> {
    check_length(file.metadata()?.len())?;
    let mut text = Vec::new();
    file.take(MOST).read_to_end(&mut text)?;
    Ok(text)
}

fn check_length(len: u64) -> io::Result<()> {
    let words = "it is too long for an index: move it away, and what is in the folder stays";
    if len > MOST { Err(io::Error::new(ErrorKind::InvalidData, words)) } else { Ok(()) }
}

/// How many bytes are whole lines.
fn whole(text: &[u8]) -> u64 {
    text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at as u64 + 1)
}

fn append_to(dir: &Dir) -> io::Result<File> {
    dir.open_regular(Path::new(NAME), OFlag::O_RDWR | OFlag::O_APPEND)
}

/// Under another name, to the disk, then under its own. The file, and how long it is.
fn rewrite(dir: &Dir, index: &Index) -> io::Result<(File, u64)> {
    let (name, part, text) = (Path::new(NAME), Path::new(PART), index.text());
    let written = dir.create_anew(part, OFlag::O_RDWR | OFlag::O_APPEND).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        dir.rename(part, name)?;
        Ok((file, text.len() as u64))
    });
    if written.is_err() {
        let _ = dir.remove_file(part);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn open(folder: &Path, is_alone: bool) -> IndexFile {
        IndexFile::open(&Arc::new(Dir::open(folder).unwrap()), is_alone).unwrap()
    }

    fn names(index: &IndexFile) -> Vec<&str> {
        index.index().entries().map(|entry| &*entry.name).collect()
    }

    #[test]
    fn it_remembers_what_is_still_there() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path();
        let mut index = open(folder, true);
        for name in ["a.mkv", "b.mkv", "gone.mkv"] {
            index.enter(&IndexEvent::Begun(name)).unwrap();
        }
        index.enter(&IndexEvent::Finished { name: "a.mkv", bytes: 7, ended: 8 }).unwrap();
        fs::write(folder.join("a.mkv"), b"x").unwrap();
        fs::write(folder.join("b.mkv"), b"x").unwrap();
        fs::write(folder.join("another's.mkv"), b"x").unwrap();
        let mut text = fs::read(folder.join(NAME)).unwrap();
        text.extend(b"begun tor");
        fs::write(folder.join(NAME), text).unwrap();
        let index = open(folder, true);
        assert_eq!(names(&index), ["a.mkv", "b.mkv"]);
        let text = fs::read_to_string(folder.join(NAME)).unwrap();
        assert_eq!(text, "camrec-index 1\nbegun a.mkv\nfinished 1 8 a.mkv\nbegun b.mkv\n");
        assert!(!folder.join(PART).exists());
    }

    #[test]
    fn two_writers_lose_no_line_of_each_other() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path();
        let both = ["a.mkv", "b.mkv"];
        both.iter().for_each(|name| fs::write(folder.join(name), b"x").unwrap());
        let (mut first, mut second) = (open(folder, true), open(folder, false));
        first.enter(&IndexEvent::Begun("a.mkv")).unwrap();
        second.enter(&IndexEvent::Begun("b.mkv")).unwrap();
        first.enter(&IndexEvent::Finished { name: "a.mkv", bytes: 1, ended: 2 }).unwrap();
        second.keep().unwrap();
        for index in [&first, &second, &open(folder, false)] {
            assert_eq!(names(index), both);
        }
        // one that takes itself to be alone rewrites the index
        let mut third = open(folder, true);
        fs::write(folder.join("c.mkv"), b"x").unwrap();
        third.enter(&IndexEvent::Begun("c.mkv")).unwrap();
        second.enter(&IndexEvent::Finished { name: "b.mkv", bytes: 3, ended: 4 }).unwrap();
        third.keep().unwrap();
        for index in [&second, &third] {
            assert_eq!(names(index), ["a.mkv", "b.mkv", "c.mkv"]);
            assert_eq!(index.index().bytes(), 2, "those of the disk");
        }
    }

    #[test]
    fn what_is_gone_does_not_make_it_long() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("a.mkv"), b"x").unwrap();
        let mut index = open(root.path(), true);
        index.enter(&IndexEvent::Begun("a.mkv")).unwrap();
        let name = "b".repeat(8000);
        for _ in 0..20 {
            index.enter(&IndexEvent::Begun(&name)).unwrap();
            index.enter(&IndexEvent::Gone(&name)).unwrap();
        }
        assert!(fs::metadata(root.path().join(NAME)).unwrap().len() < 2 * LONG);
        assert_eq!((names(&index), names(&open(root.path(), true))), (vec!["a.mkv"], vec!["a.mkv"]));
    }

    #[test]
    fn a_line_that_a_power_cut_has_torn_swallows_no_other() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("one.mkv"), b"1").unwrap();
        fs::write(folder.path().join("two.mkv"), b"2").unwrap();
        open(folder.path(), true).enter(&IndexEvent::Begun("one.mkv")).unwrap();
        let path = folder.path().join(NAME);
        let torn = [fs::read(&path).unwrap(), b"begun tor".to_vec()].concat();
        fs::write(&path, torn).unwrap();
        open(folder.path(), false).enter(&IndexEvent::Begun("two.mkv")).unwrap();
        assert_eq!(names(&open(folder.path(), false)), ["one.mkv", "two.mkv"]);
    }

    #[test]
    fn an_index_that_was_deleted_is_written_anew() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path();
        fs::write(folder.join("a.mkv"), b"x").unwrap();
        let mut index = open(folder, true);
        index.enter(&IndexEvent::Begun("a.mkv")).unwrap();
        fs::remove_file(folder.join(NAME)).unwrap();
        index.keep().unwrap();
        assert_eq!(names(&open(folder, false)), ["a.mkv"]);
        // also where another one has made one meanwhile
        fs::write(folder.join(NAME), "camrec-index 1\nbegun b.mkv\ntor").unwrap();
        fs::rename(folder.join(NAME), folder.join("x")).unwrap();
        fs::copy(folder.join("x"), folder.join(NAME)).unwrap();
        index.keep().unwrap();
        assert_eq!(
            fs::read_to_string(folder.join(NAME)).unwrap(),
            "camrec-index 1\nbegun b.mkv\ntor\nbegun a.mkv\n"
        );
        assert_eq!(names(&index), ["b.mkv", "a.mkv"]);
    }
}
