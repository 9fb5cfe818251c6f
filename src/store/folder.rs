//! The folder that files go to, which is ours alone while we record.

use super::dir::Dir;
use super::dirs;
use super::error::Error;
use super::file::SegmentFile;
use super::index::IndexFile;
use super::lock::{self, Lock};
use super::recording::Sink;
use super::salvage::{self, Look, Salvaged};
use super::sidecar;
use super::stills;
use super::whereabouts::{Whereabouts, is_local, whereabouts};
use crate::record::container::Form;
use crate::record::index::{Index, IndexEvent};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A folder with recordings may be so far above them.
const FOLDERS_ABOVE: usize = 8;

/// A folder with its lock and its index.
#[derive(Debug)]
pub struct Folder {
    dir: Arc<Dir>,
    index: IndexFile,
    lock: Lock,
    holder: String,
}

impl Folder {
    /// Makes the folder, with those above it, unless it is there, and takes it. `holder` is what others are told meanwhile.
    ///
    /// # Errors
    /// [`Error`]: say it before the first frame, not with it.
    pub fn open(path: &Path, holder: &str) -> Result<Self, Error> {
        dirs::make(path)?;
        let dir = Arc::new(Dir::open(path)?);
        let lock = Lock::take(&dir, holder)?;
        let index = IndexFile::open(&dir, lock.is_alone())?;
        Ok(Folder { dir, index, lock, holder: holder.to_owned() })
    }

    /// Whether recordings have been made at this path before.
    pub fn was_at(path: &Path) -> bool {
        IndexFile::is_at(path)
    }

    /// Whether somebody records at this moment to the folder that this recording is in: one of those above it, as names may have
    /// folders in them.
    pub fn is_recorded_to(recording: &Path) -> bool {
        let whole = std::path::absolute(recording).unwrap_or_else(|_| recording.to_owned());
        whole.ancestors().skip(1).take(FOLDERS_ABOVE).any(lock::is_held)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Whoever recorded here before has ended for sure: what is unfinished is nobody's but ours.
    pub fn is_alone(&self) -> bool {
        self.lock.is_alone()
    }

    /// Who recorded here before, in their own words.
    pub fn before(&self) -> &str {
        self.lock.before()
    }

    /// Only programs of this machine write to its file system.
    pub fn is_local(&self) -> bool {
        is_local(&*self.dir)
    }

    /// Looks after what others may have done to lock and index, and what they have entered there.
    pub fn keep(&mut self) {
        if self.whereabouts() != Whereabouts::There || !self.lock.is_stable() {
            return;
        }
        self.lock.keep(&self.dir, &self.holder);
        if let Err(why) = self.index.keep() {
            log::debug!("{why}");
        }
    }

    /// Makes a file, or a folder for pictures, under the first of `names` that is free, for itself and for its sidecar, with the folders
    /// that the name needs. It is in the index, and its name is on the disk.
    ///
    /// # Errors
    /// [`Error::Taken`] if none is free, or what the system says.
    pub fn create(&mut self, names: impl IntoIterator<Item = String>, form: Form) -> Result<Sink, Error> {
        for name in names {
            let path = self.path().join(&name);
            let (Some(parent), Some(last)) = (Path::new(&name).parent(), path.file_name().map(Path::new))
            else {
                continue;
            };
            let folder = Arc::new(self.dir.make_below(parent)?);
            if sidecar::path_of(&path).file_name().is_some_and(|sidecar| folder.has(Path::new(sidecar))) {
                continue;
            }
            let made = match form {
                Form::File(container) => folder.create_new(last).map(|file| {
                    Sink::File(SegmentFile::within(Arc::clone(&folder), file, path.clone()), container)
                }),
                Form::Stills => folder.make_new(last).map(|dir| Sink::Stills(Arc::new(dir))),
            };
            let sink = match made {
                Ok(sink) => sink,
                Err(Error::Exists { .. }) => continue,
                Err(why) => return Err(why),
            };
            return match self.index.enter(&IndexEvent::Begun(&name)).and_then(|()| folder.sync()) {
                Ok(()) => Ok(sink),
                Err(why) => {
                    discard(sink, &folder, last);
                    Err(why)
                }
            };
        }
        Err(Error::Taken { path: self.path().to_owned() })
    }

    /// One of its files was asked for by its name: once it is finished it is nobody's to delete.
    ///
    /// # Errors
    /// What the system says.
    pub fn asked(&mut self, path: &Path) -> Result<(), Error> {
        match self.name_of(path) {
            Some(name) => self.index.enter(&IndexEvent::Asked(name)),
            None => Ok(()),
        }
    }

    /// One of its files is closed. `bytes`: its bytes and its sidecar's; `ended`: seconds since 1970.
    ///
    /// # Errors
    /// What the system says. At the next start it will be taken for unfinished, and found whole.
    pub fn finished(&mut self, path: &Path, bytes: u64, ended: i64) -> Result<(), Error> {
        match self.name_of(path) {
            Some(name) => self.index.enter(&IndexEvent::Finished { name, bytes, ended }),
            None => Ok(()),
        }
    }

    /// One of its files is not there any more.
    ///
    /// # Errors
    /// What the system says.
    pub fn gone(&mut self, path: &Path) -> Result<(), Error> {
        match self.name_of(path) {
            Some(name) => self.index.enter(&IndexEvent::Gone(name)),
            None => Ok(()),
        }
    }

    /// Which files are ours.
    pub fn index(&self) -> &Index {
        self.index.index()
    }

    /// Bytes that are free on its file system, for us.
    ///
    /// # Errors
    /// What the system says.
    pub fn free(&self) -> Result<u64, Error> {
        self.dir.free()
    }

    /// Bytes that its file system has, used or free.
    ///
    /// # Errors
    /// What the system says.
    pub fn size(&self) -> Result<u64, Error> {
        self.dir.size()
    }

    /// Deletes a file of the index with its sidecar, and the folders that it leaves empty. One that was deleted already is no
    /// trouble.
    ///
    /// # Errors
    /// What the system says. It stays in the index.
    pub fn delete(&mut self, name: &str) -> Result<(), Error> {
        for name in [sidecar::path_of(Path::new(name)), PathBuf::from(name)] {
            let path = self.path().join(&name);
            let failed = |why| Error::new("delete", &path, why);
            match self.dir.stat(&name).map_err(failed)? {
                Some(found) if found.is_folder() => {
                    let (above, last) = self.dir.parent_of(&name)?;
                    stills::delete(&above, last)?;
                }
                Some(_) => match self.dir.remove_file(&name) {
                    Err(why) if why.kind() != ErrorKind::NotFound => return Err(failed(why)),
                    _ => {}
                },
                None => {}
            }
        }
        // one that is not empty stays, as does ours
        let inner = Path::new(name).ancestors().skip(1).take_while(|folder| *folder != Path::new(""));
        let _ = inner.map(|folder| self.dir.remove_dir(folder)).take_while(Result::is_ok).count();
        self.index.enter(&IndexEvent::Gone(name))
    }

    /// Whether its path still leads to it: a disk that was pulled, or a folder that was deleted or moved, is not written to
    /// under its old name.
    pub fn whereabouts(&self) -> Whereabouts {
        whereabouts(&*self.dir, self.path())
    }

    /// Whether this file was begun and not finished.
    pub fn is_unfinished(&self, path: &Path) -> bool {
        let entry = self.name_of(path).and_then(|name| self.index.index().get(name));
        entry.is_some_and(|entry| entry.finished.is_none())
    }

    /// What changes while somebody writes to one of its files; none if it cannot be seen.
    pub fn look(&self, path: &Path) -> Option<Look> {
        salvage::look(&self.dir, Path::new(self.name_of(path)?))
    }

    /// Makes one of its files whole that was begun and not finished; see [`salvage`].
    ///
    /// # Errors
    /// What the system says.
    pub fn salvage(&self, path: &Path) -> Result<Salvaged, Error> {
        match self.name_of(path) {
            Some(name) => salvage::salvage(&self.dir, Path::new(name)),
            None => Ok(Salvaged::Foreign),
        }
    }

    /// Bytes of one of its files.
    pub fn bytes_of(&self, path: &Path) -> u64 {
        let found = self.name_of(path).and_then(|name| self.dir.stat(Path::new(name)).ok()?);
        found.map_or(0, |found| found.bytes)
    }

    /// What a path is called in the index.
    fn name_of<'a>(&self, path: &'a Path) -> Option<&'a str> {
        path.strip_prefix(self.path()).ok().and_then(Path::to_str)
    }

    /// The files that an earlier run has begun and not finished, oldest first.
    pub fn unfinished(&self) -> Vec<PathBuf> {
        let entries = self.index.index().entries().filter(|entry| entry.finished.is_none());
        entries.map(|entry| self.path().join(&*entry.name)).collect()
    }
}

/// Nothing is in it.
fn discard(sink: Sink, folder: &Dir, name: &Path) {
    match sink {
        Sink::File(file, _) => file.discard(),
        Sink::Pipe(_) => {}
        Sink::Stills(_) => drop(folder.remove_dir(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::error::WriteReason;
    use super::*;
    use crate::record::container::Container;
    use std::fs;
    use std::os::unix::fs::symlink;

    const MATROSKA: Form = Form::File(Container::Matroska);

    fn create(folder: &Path, names: &[&str]) -> Result<SegmentFile, Error> {
        let names = names.iter().map(|name| (*name).to_owned());
        Folder::open(folder, "test").unwrap().create(names, MATROSKA).map(file)
    }

    fn file(sink: Sink) -> SegmentFile {
        let Sink::File(file, _) = sink else { panic!("{sink:?}") };
        file
    }

    #[test]
    fn a_taken_name_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.mkv"), b"somebody's").unwrap();
        std::os::unix::fs::symlink("/nowhere", folder.path().join("a_2.mkv")).unwrap();
        let file = create(folder.path(), &["a.mkv", "a_2.mkv", "a_3.mkv"]).unwrap();
        assert!(file.path().ends_with("a_3.mkv"));
        assert_eq!(fs::read(folder.path().join("a.mkv")).unwrap(), b"somebody's");
        assert!(matches!(create(folder.path(), &["a.mkv", "a_3.mkv"]), Err(Error::Taken { .. })));
    }

    #[test]
    fn a_name_whose_sidecar_is_there_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.json"), b"of a recording that was moved").unwrap();
        let file = create(folder.path(), &["a.mkv", "a_2.mkv"]).unwrap();
        assert!(file.path().ends_with("a_2.mkv"));
    }

    #[test]
    fn a_link_to_nothing_is_called_that() {
        let root = tempfile::tempdir().unwrap();
        let link = root.path().join("rec");
        std::os::unix::fs::symlink(root.path().join("disk"), &link).unwrap();
        for folder in [link.clone(), link.join("below")] {
            let refused = Folder::open(&folder, "test").unwrap_err();
            assert!(
                matches!(refused, Error::NotWritable { why: WriteReason::LeadsNowhere, .. }),
                "{refused}"
            );
        }
        fs::create_dir(root.path().join("disk")).unwrap();
        Folder::open(&link, "test").unwrap();
    }

    #[test]
    fn folders_are_made_as_names_need_them() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("x/y");
        let file = create(&folder, &["2026-11-23/10/a.mkv"]).unwrap();
        assert!(file.path().is_file());
        let file = create(&folder, &["2026-11-23/10/a.mkv", "2026-11-23/10/a_2.mkv"]).unwrap();
        assert_eq!(file.path(), folder.join("2026-11-23/10/a_2.mkv"));
        fs::write(folder.join("2026-11-24"), b"").unwrap();
        let refused = create(&folder, &["2026-11-24/a.mkv"]).unwrap_err();
        assert!(matches!(refused, Error::NotWritable { why: WriteReason::NotAFolder, .. }), "{refused}");
    }

    #[test]
    fn deleting_takes_the_sidecar_and_the_empty_folder_along() {
        let root = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(root.path(), "test").unwrap();
        let paths = ["day/a.mkv", "day/b.mkv"]
            .map(|name| file(folder.create([name.to_owned()], MATROSKA).unwrap()).path().to_owned());
        fs::write(sidecar::path_of(&paths[0]), b"{}").unwrap();
        folder.delete("day/a.mkv").unwrap();
        assert!(!paths[0].exists() && !sidecar::path_of(&paths[0]).exists() && paths[1].exists());
        fs::remove_file(&paths[1]).unwrap();
        folder.delete("day/b.mkv").unwrap();
        assert!(!root.path().join("day").exists() && root.path().exists());
        assert_eq!(folder.index().entries().count(), 0);
    }

    /// A folder, and one beside it that is none of ours, with a file in each.
    fn rec_and_outside(root: &Path) -> (PathBuf, PathBuf) {
        let (folder, outside) = (root.join("rec"), root.join("outside"));
        for folder in [&folder, &outside] {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join("a.mkv"), b"precious").unwrap();
        }
        (folder, outside)
    }

    #[test]
    fn nothing_is_overwritten_through_links_that_somebody_has_left() {
        let root = tempfile::tempdir().unwrap();
        let (folder, outside) = rec_and_outside(root.path());
        symlink(outside.join("a.mkv"), folder.join(".camrec.index.part")).unwrap();
        let mut opened = Folder::open(&folder, "test").unwrap();
        opened.create(["b.mkv".to_owned()], MATROSKA).unwrap();
        drop(opened);
        symlink(outside.join("a.mkv"), folder.join(".camrec.index.part")).unwrap();
        drop(Folder::open(&folder, "test").unwrap());
        assert!(!folder.join(".camrec.index").is_symlink());
        // an index that is a link is none
        fs::remove_file(folder.join(".camrec.index")).unwrap();
        symlink(outside.join("a.mkv"), folder.join(".camrec.index")).unwrap();
        let refused = Folder::open(&folder, "test").unwrap_err();
        assert!(
            matches!(&refused, Error::NotWritable { why: WriteReason::Link, path } if path.ends_with(".camrec.index")),
            "{refused}"
        );
        assert_eq!(fs::read(outside.join("a.mkv")).unwrap(), b"precious");
    }

    #[test]
    fn nothing_is_made_deleted_or_repaired_behind_a_link() {
        let root = tempfile::tempdir().unwrap();
        let (folder, outside) = rec_and_outside(root.path());
        symlink(&outside, folder.join("day")).unwrap();
        fs::create_dir(outside.join("stills")).unwrap();
        let picture = outside.join("stills/000000_2026-11-23_14-03-27.512345+0100.jpg");
        fs::write(&picture, b"precious").unwrap();
        let index = "camrec-index 1\nbegun day/a.mkv\nfinished 1 2 day/a.mkv\nbegun day/stills\n";
        fs::write(folder.join(".camrec.index"), index).unwrap();
        let mut opened = Folder::open(&folder, "test").unwrap();
        assert_eq!(opened.index().entries().count(), 0, "none of them is ours");
        let refused = opened.create(["day/b.mkv".to_owned()], MATROSKA).unwrap_err();
        assert!(matches!(refused, Error::NotWritable { why: WriteReason::Link, .. }), "{refused}");
        // the link may also have been left since
        for name in ["day/a.mkv", "day/stills"] {
            assert!(opened.delete(name).is_err(), "{name}");
            assert!(opened.salvage(&folder.join(name)).is_err(), "{name}");
            assert_eq!(opened.look(&folder.join(name)), None);
        }
        symlink(outside.join("stills"), folder.join("stills")).unwrap();
        opened.delete("stills").unwrap();
        assert!(!folder.join("stills").is_symlink(), "the link itself may go");
        assert!(picture.exists() && !outside.join("b.mkv").exists());
        assert_eq!(fs::read(outside.join("a.mkv")).unwrap(), b"precious");
    }

    #[test]
    fn sizes_are_the_disks() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path();
        fs::create_dir(folder.join("stills")).unwrap();
        for (name, bytes) in [
            ("a.mkv", 100),
            ("a.json", 20),
            ("stills/000000_2026-11-23_14-03-27.512345+0100.jpg", 7),
            ("stills/notes.txt", 1000),
            ("c.mkv", 3),
        ] {
            fs::write(folder.join(name), vec![0; bytes]).unwrap();
        }
        let most = u64::MAX;
        let text = format!(
            "camrec-index 1\nbegun a.mkv\nfinished {most} 2 a.mkv\nbegun stills\nfinished {most} 2 stills\nbegun c.mkv\n"
        );
        fs::write(folder.join(".camrec.index"), text).unwrap();
        let mut opened = Folder::open(folder, "test").unwrap();
        assert_eq!(opened.index().bytes(), 127);
        // also what somebody else enters while we record
        let lines = format!("finished {most} 2 c.mkv\n");
        let mut index = fs::File::options().append(true).open(folder.join(".camrec.index")).unwrap();
        std::io::Write::write_all(&mut index, lines.as_bytes()).unwrap();
        opened.keep();
        assert_eq!(opened.index().bytes(), 130);
    }

    #[test]
    fn a_folder_that_was_moved_is_not_there() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("rec");
        let folder = Folder::open(&path, "test").unwrap();
        assert_eq!(folder.whereabouts(), Whereabouts::There);
        let elsewhere = root.path().join("elsewhere");
        fs::rename(&path, &elsewhere).unwrap();
        assert_eq!(folder.whereabouts(), Whereabouts::Moved(Some(elsewhere.clone())));
        let _another = Folder::open(&path, "test").unwrap();
        assert_eq!(folder.whereabouts(), Whereabouts::Moved(Some(elsewhere)), "this is another one");
    }

    #[test]
    fn what_was_not_finished_is_known_at_the_next_start() {
        let root = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(root.path(), "test").unwrap();
        let names = |name: &str| [format!("day/{name}.mkv")];
        let paths =
            ["a", "b", "c"].map(|name| file(folder.create(names(name), MATROSKA).unwrap()).path().to_owned());
        folder.finished(&paths[0], 10, 20).unwrap();
        folder.gone(&paths[2]).unwrap();
        assert_eq!(folder.unfinished(), [paths[1].clone()]);
        drop(folder);
        assert_eq!(Folder::open(root.path(), "test").unwrap().unfinished(), [paths[1].clone()]);
    }
}
