//! The folder that is recorded to: who has it, what its files are called, and which of them go when room is needed.

use super::config::{Folder as Wanted, WhenFull};
use crate::app::wall;
use crate::record::retention::{Keep, Reason, Use, oldest};
use crate::shown::shown;
use crate::store::salvage::{Salvaged, salvage};
use crate::store::{Error, Folder, Sink};
use crate::sys::names::this_host;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use std::path::{Path, PathBuf};

/// Deletions at once: each takes a large file's blocks to free, and frames wait meanwhile.
const DELETIONS: usize = 8;

/// A new file is not tried with less free than this and some frames.
const LEAST: u64 = 256 * 1024;

/// The folder.
pub(super) struct Room {
    wanted: Wanted,
    /// None while it is not there.
    folder: Option<Folder>,
}

/// A recording that had to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// The file.
    pub path: PathBuf,
    /// Its octets and its sidecar's.
    pub bytes: u64,
    /// Why.
    pub reason: Reason,
}

impl Room {
    /// Makes the folder ours, and whole what an earlier run has left unfinished in it.
    ///
    /// # Errors
    /// It cannot be written, or is somebody else's at the time.
    pub(super) fn open(wanted: Wanted) -> Result<Self, Error> {
        let folder = Some(take(&wanted.path)?);
        Ok(Room { wanted, folder })
    }

    /// Makes a file for a recording that begins at `start`.
    ///
    /// # Errors
    /// As [`Folder::create`], and if the folder is not there any more.
    pub(super) fn create(&mut self, start: Timestamp, local: &Zoned) -> Result<Sink, Error> {
        let utc = self.wanted.utc.then(|| start.to_zoned(TimeZone::UTC));
        let names = self.wanted.names.names(utc.as_ref().unwrap_or(local));
        let form = self.wanted.form;
        self.folder()?.create(names, form)
    }

    /// The folder, if it is where it was; or again, should it have gone and come back. A path that leads elsewhere now is not
    /// written to: a mount point without its disk is a folder of the system's disk.
    fn folder(&mut self) -> Result<&mut Folder, Error> {
        let path = &self.wanted.path;
        let folder = match self.folder.take().filter(Folder::is_there) {
            Some(folder) => folder,
            None if Folder::was_at(path) => take(path)?,
            None => return Err(Error::gone(path)),
        };
        Ok(self.folder.insert(folder))
    }

    /// A file is closed; see [`Folder::finished`].
    pub(super) fn finished(&mut self, path: &Path, bytes: u64, ended: i64) {
        let Some(folder) = &mut self.folder else { return };
        // else the next start finds it whole
        if let Err(why) = folder.finished(path, bytes, ended) {
            log::warn!("{why}");
        }
    }

    /// Deletes what is not to be kept any more, a few files at once. `writing`: octets of the file that is written.
    pub(super) fn tend(&mut self, writing: u64) -> Vec<Deleted> {
        if self.wanted.keep.is_everything() {
            return Vec::new();
        }
        std::iter::from_fn(|| self.drop_one(self.wanted.keep, writing)).take(DELETIONS).collect()
    }

    fn drop_one(&mut self, keep: Keep, writing: u64) -> Option<Deleted> {
        let folder = self.folder.as_mut()?;
        // without a figure nothing goes for its sake
        let free = if keep.min_free.is_some() { folder.free().unwrap_or(u64::MAX) } else { u64::MAX };
        let used = Use { now: wall::timestamp().as_second(), writing, free };
        let (entry, reason) = keep.victim(folder.index(), used)?;
        let (name, (bytes, _)) = (entry.name.clone(), entry.finished.unwrap_or_default());
        self.delete(&name, bytes, reason)
    }

    /// The disk is full: deletes the oldest recording, if that is wanted and there is one.
    pub(super) fn rotate(&mut self) -> Option<Deleted> {
        if self.wanted.when_full != WhenFull::Rotate {
            return None;
        }
        let (entry, (bytes, _)) = oldest(self.folder.as_ref()?.index())?;
        let name = entry.name.clone();
        self.delete(&name, bytes, Reason::Full)
    }

    fn delete(&mut self, name: &str, bytes: u64, reason: Reason) -> Option<Deleted> {
        let (folder, path) = (self.folder.as_mut()?, self.wanted.path.join(name));
        match folder.delete(name) {
            Ok(()) => Some(Deleted { path, bytes, reason }),
            Err(why) => {
                log::warn!("{why}: it is left alone from now on");
                let _ = folder.gone(&path);
                None
            }
        }
    }

    /// Octets that recordings can take here: those that are there, and what is free.
    pub(super) fn capacity(&self, writing: u64) -> u64 {
        let Some(folder) = &self.folder else { return 0 };
        folder.free().unwrap_or(0).saturating_add(folder.index().bytes()).saturating_add(writing)
    }

    /// Whether a file with a frame of so many octets is worth a try.
    pub(super) fn has_space(&self, frame: usize) -> bool {
        let free = self.folder.as_ref().and_then(|folder| folder.free().ok());
        free.is_none_or(|free| free >= LEAST.saturating_add(frame as u64 * 4))
    }
}

fn take(path: &Path) -> Result<Folder, Error> {
    let (version, pid) = (env!("CARGO_PKG_VERSION"), std::process::id());
    let holder =
        format!("camrec {version} on {}, process {pid}, since {}", this_host(), wall::date_and_time());
    let mut folder = Folder::open(path, &holder)?;
    for path in folder.unfinished() {
        // one that cannot be repaired now may be the next time, and keeps nobody from recording
        if let Err(why) = repair(&mut folder, &path) {
            log::warn!("{} was not finished, and cannot be repaired: {why}", shown(&path));
        }
    }
    Ok(folder)
}

fn repair(folder: &mut Folder, path: &Path) -> Result<(), Error> {
    let name = shown(&path);
    let remains = match salvage(path)? {
        Salvaged::Whole(remains) => remains,
        Salvaged::Repaired { remains, torn } => {
            let seconds = remains.duration.as_secs_f64();
            log::info!(
                "{name} was not finished: repaired, {} frames, {seconds:.1} s; {torn} bytes cut off",
                remains.frames
            );
            remains
        }
        Salvaged::Empty => {
            log::info!("{name} was not finished: no frame was in it, deleted");
            return folder.gone(path);
        }
        Salvaged::Foreign => {
            log::warn!("{name} is not what camrec wrote: left alone");
            return folder.gone(path);
        }
    };
    folder.finished(path, remains.bytes, remains.ended.as_second())
}
