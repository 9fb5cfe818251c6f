//! The folder that files go to, which is ours alone while we record.

use super::error::{Error, Why};
use super::file::{SegmentFile, create_new};
use super::index::IndexFile;
use super::lock::Lock;
use super::recording::Sink;
use super::sidecar;
use super::stills::{self, Stills};
use crate::record::container::Form;
use crate::record::index::{Event, Index};
use nix::sys::statvfs::statvfs;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A folder with its lock and its index.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    index: IndexFile,
    lock: Lock,
}

impl Folder {
    /// Makes the folder, with those above it, unless it is there, and takes it. `holder` is what others are told meanwhile.
    ///
    /// # Errors
    /// [`Error`]: say it before the first frame, not with it.
    pub fn open(path: &Path, holder: &str) -> Result<Self, Error> {
        let lock = Lock::take(path, holder)?;
        let index = IndexFile::open(path)?;
        Ok(Folder { path: path.to_owned(), index, lock })
    }

    /// Whether recordings have been made at this path before.
    pub fn was_at(path: &Path) -> bool {
        IndexFile::is_at(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a file, or a folder for pictures, under the first of `names` that is free, for itself and for its sidecar, with the folders
    /// that the name needs. It is in the index, and its name is on the disk.
    ///
    /// # Errors
    /// [`Error::Taken`] if none is free, or what the system says.
    pub fn create(&mut self, names: impl IntoIterator<Item = String>, form: Form) -> Result<Sink, Error> {
        for name in names {
            let path = self.path.join(&name);
            let folder = path.parent().unwrap_or(&self.path);
            make(folder)?;
            if sidecar::path_of(&path).symlink_metadata().is_ok() {
                continue;
            }
            let made = match form {
                Form::File(container) => {
                    create_new(&path).map(|file| Sink::File(SegmentFile::new(file, path.clone()), container))
                }
                Form::Stills => Stills::make(&path).map(|()| Sink::Stills(path.clone())),
            };
            let sink = match made {
                Ok(sink) => sink,
                Err(Error::Exists { .. }) => continue,
                Err(why) => return Err(why),
            };
            return match self.index.enter(&Event::Begun(&name)).and_then(|()| sync(folder)) {
                Ok(()) => Ok(sink),
                Err(why) => {
                    discard(sink);
                    Err(why)
                }
            };
        }
        Err(Error::Taken { path: self.path.clone() })
    }

    /// One of its files was asked for by its name: once it is finished it is nobody's to delete.
    ///
    /// # Errors
    /// What the system says.
    pub fn asked(&mut self, path: &Path) -> Result<(), Error> {
        match path.strip_prefix(&self.path).ok().and_then(Path::to_str) {
            Some(name) => self.index.enter(&Event::Asked(name)),
            None => Ok(()),
        }
    }

    /// One of its files is closed. `bytes`: its octets and its sidecar's; `ended`: seconds since 1970.
    ///
    /// # Errors
    /// What the system says. At the next start it will be taken for unfinished, and found whole.
    pub fn finished(&mut self, path: &Path, bytes: u64, ended: i64) -> Result<(), Error> {
        match path.strip_prefix(&self.path).ok().and_then(Path::to_str) {
            Some(name) => self.index.enter(&Event::Finished { name, bytes, ended }),
            None => Ok(()),
        }
    }

    /// One of its files is not there any more.
    ///
    /// # Errors
    /// What the system says.
    pub fn gone(&mut self, path: &Path) -> Result<(), Error> {
        match path.strip_prefix(&self.path).ok().and_then(Path::to_str) {
            Some(name) => self.index.enter(&Event::Gone(name)),
            None => Ok(()),
        }
    }

    /// Which files are ours.
    pub fn index(&self) -> &Index {
        self.index.index()
    }

    /// Octets that are free on its file system, for us.
    ///
    /// # Errors
    /// What the system says.
    #[allow(clippy::useless_conversion, reason = "on some machines these are of 32 bits")]
    pub fn free(&self) -> Result<u64, Error> {
        let stat = statvfs(&self.path).map_err(|errno| Error::new("look at", &self.path, errno.into()))?;
        Ok(u64::from(stat.blocks_available()).saturating_mul(u64::from(stat.fragment_size())))
    }

    /// Octets that its file system has, used or free.
    ///
    /// # Errors
    /// What the system says.
    #[allow(clippy::useless_conversion, reason = "on some machines these are of 32 bits")]
    pub fn size(&self) -> Result<u64, Error> {
        let stat = statvfs(&self.path).map_err(|errno| Error::new("look at", &self.path, errno.into()))?;
        Ok(u64::from(stat.blocks()).saturating_mul(u64::from(stat.fragment_size())))
    }

    /// Deletes a file of the index with its sidecar, and the folders that it leaves empty. One that was deleted already is no
    /// trouble.
    ///
    /// # Errors
    /// What the system says. It stays in the index.
    pub fn delete(&mut self, name: &str) -> Result<(), Error> {
        let path = self.path.join(name);
        for path in [sidecar::path_of(&path), path.clone()] {
            let deleted = match path.symlink_metadata() {
                Ok(found) if found.is_dir() => stills::delete(&path),
                _ => fs::remove_file(&path),
            };
            match deleted {
                Err(why) if why.kind() != ErrorKind::NotFound => {
                    return Err(Error::new("delete", &path, why));
                }
                _ => {}
            }
        }
        // one that is not empty stays, as does ours
        let inner = path.ancestors().skip(1).take_while(|folder| *folder != self.path);
        let _ = inner.map(fs::remove_dir).take_while(Result::is_ok).count();
        self.index.enter(&Event::Gone(name))
    }

    /// Whether its path still leads to it: a disk that was pulled, or a folder that was deleted or moved, is not written to
    /// under its old name.
    pub fn is_there(&self) -> bool {
        self.lock.is_at(&self.path)
    }

    /// The files that an earlier run has begun and not finished, oldest first.
    pub fn unfinished(&self) -> Vec<PathBuf> {
        let entries = self.index.index().entries().filter(|entry| entry.finished.is_none());
        entries.map(|entry| self.path.join(&entry.name)).collect()
    }
}

/// Nothing is in it.
fn discard(sink: Sink) {
    match sink {
        Sink::File(file, _) => file.discard(),
        Sink::Pipe(_) => {}
        Sink::Stills(path) => drop(fs::remove_dir(path)),
    }
}

/// Makes a folder and those above it, unless they are there, and has their names on the disk.
pub(super) fn make(folder: &Path) -> Result<(), Error> {
    match fs::create_dir(folder) {
        Ok(()) => sync(above(folder)),
        Err(_) if folder.is_dir() => Ok(()),
        Err(why) if why.kind() == ErrorKind::NotFound && above(folder) != folder => {
            make(above(folder))?;
            let made = fs::create_dir(folder).map_err(|why| Error::new("make the folder", folder, why));
            made.and_then(|()| sync(above(folder)))
        }
        Err(why) => Err(Error::new("make the folder", folder, why)),
    }
}

fn above(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent == Path::new("") => Path::new("."),
        Some(parent) => parent,
        None => path,
    }
}

/// Brings the folder's list of files to the disk: a file that is not in it is lost with the power.
pub(super) fn sync(folder: &Path) -> Result<(), Error> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|why| match why.kind() {
        ErrorKind::NotFound => Error::NotWritable { path: folder.to_owned(), why: Why::Gone },
        _ => Error::new("sync", folder, why),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::container::Container;

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
    fn folders_are_made_as_names_need_them() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("x/y");
        let file = create(&folder, &["2026-11-23/10/a.mkv"]).unwrap();
        assert!(file.path().is_file());
        let file = create(&folder, &["2026-11-23/10/a.mkv", "2026-11-23/10/a_2.mkv"]).unwrap();
        assert_eq!(file.path(), folder.join("2026-11-23/10/a_2.mkv"));
        fs::write(folder.join("2026-11-24"), b"").unwrap();
        let refused = create(&folder, &["2026-11-24/a.mkv"]).unwrap_err();
        assert!(matches!(refused, Error::NotWritable { why: Why::NotAFolder, .. }), "{refused}");
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

    #[test]
    fn a_folder_that_was_moved_is_not_there() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("rec");
        let folder = Folder::open(&path, "test").unwrap();
        assert!(folder.is_there());
        fs::rename(&path, root.path().join("elsewhere")).unwrap();
        assert!(!folder.is_there());
        let _another = Folder::open(&path, "test").unwrap();
        assert!(!folder.is_there(), "this is another one");
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
