//! The folder that is recorded to: who has it, what its files are called, and which of them go when room is needed.

use super::config::{Folder as Wanted, WhenFull};
use crate::app::wall;
use crate::record::retention::{Keep, Reason, Use, oldest};
use crate::shown::shown;
use crate::store::error::Why;
use crate::store::salvage::{Look, Salvaged, look, salvage};
use crate::store::{Error, Folder, Sink, Whereabouts, unmounted_above};
use crate::sys::clock;
use crate::sys::names::this_host;
use crate::time::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Deletions at once: each takes a large file's blocks to free, and frames wait meanwhile.
const DELETIONS: usize = 8;

/// A new file is not tried with less free than this and some frames.
const LEAST: u64 = 256 * 1024;

/// A file that somebody writes changes each second: if it has not for so long, nobody does.
const WATCH_LOCAL: Duration = Duration::from_secs(5);

/// The same over a network, where what one sees may be old: sshfs believes for 20 s what it has seen.
const WATCH: Duration = Duration::from_secs(30);

/// The folder.
pub(super) struct Room {
    wanted: Wanted,
    /// None while it is not there.
    folder: Option<Folder>,
    /// It was deleted or moved, and not unmounted: another may be made in its place.
    is_deleted: bool,
    unfinished: Vec<Unfinished>,
}

/// A file that was not finished, and that somebody else may be writing.
struct Unfinished {
    path: PathBuf,
    seen: Option<Look>,
    /// When it is looked at again.
    until: Time,
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
        let is_new = !wanted.path.exists();
        let unmounted = unmounted_above(&wanted.path);
        match (&unmounted, wanted.must_exist) {
            (Some(point), true) => {
                return Err(Error::NotWritable { path: point.clone(), why: Why::NotMounted });
            }
            (None, true) if is_new => {
                return Err(Error::NotWritable { path: wanted.path, why: Why::MustExist });
            }
            _ => {}
        }
        let mut room = Room { wanted, folder: None, is_deleted: false, unfinished: Vec::new() };
        room.take()?;
        let path = shown(&room.wanted.path);
        if is_new {
            log::info!("made the folder {path}");
        }
        if let Some(point) = unmounted {
            log::warn!(
                "{} should be mounted, as /etc/fstab says, and is not: {path} is on the disk beneath",
                shown(&point)
            );
        }
        Ok(room)
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
        if let Some(folder) = self.folder.take() {
            let path = shown(&self.wanted.path);
            match folder.whereabouts() {
                Whereabouts::There => return Ok(self.folder.insert(folder)),
                Whereabouts::Unmounted => log::warn!("the disk of {path} was unmounted"),
                Whereabouts::Deleted => log::warn!("the folder {path} was deleted"),
                Whereabouts::Moved(Some(now)) => {
                    log::warn!("the folder {path} was moved to {}", shown(&now));
                }
                Whereabouts::Moved(None) => log::warn!("the folder {path} was moved, or something covers it"),
            }
            self.is_deleted = folder.whereabouts() != Whereabouts::Unmounted;
        }
        let path = &self.wanted.path;
        let was_there = Folder::was_at(path);
        if !was_there && (!self.is_deleted || self.wanted.must_exist) {
            return Err(Error::gone(path));
        }
        self.take()?;
        if !was_there {
            log::warn!(
                "the folder {} is made anew, and the recording goes on there",
                shown(&self.wanted.path)
            );
        }
        self.folder.as_mut().ok_or_else(|| Error::gone(&self.wanted.path))
    }

    /// Takes the folder, and makes whole what an earlier run has left unfinished in it. What may be another's is watched first.
    fn take(&mut self) -> Result<(), Error> {
        let (version, pid) = (env!("CARGO_PKG_VERSION"), std::process::id());
        let holder =
            format!("camrec {version} on {}, process {pid}, since {}", this_host(), wall::date_and_time());
        let mut folder = Folder::open(&self.wanted.path, &holder)?;
        self.is_deleted = false;
        self.unfinished.clear();
        for path in folder.unfinished() {
            if folder.is_alone() {
                repair(&mut folder, &path);
            } else {
                let until = clock::now().after(if folder.is_local() { WATCH_LOCAL } else { WATCH });
                self.unfinished.push(Unfinished { seen: look(&path), path, until });
            }
        }
        self.folder = Some(folder);
        Ok(())
    }

    /// To be called each second: what others have done to the folder, and whether what was watched is nobody's.
    pub(super) fn look_after(&mut self) {
        let Some(folder) = &mut self.folder else { return };
        folder.keep();
        let now = clock::now();
        let (due, later): (Vec<_>, _) =
            std::mem::take(&mut self.unfinished).into_iter().partition(|file| now >= file.until);
        self.unfinished = later;
        for Unfinished { path, seen, .. } in due {
            if !folder.unfinished().contains(&path) {
                continue;
            }
            if look(&path) != seen {
                log::warn!(
                    "{} is being written by somebody else (the lock was {}'s): it is left alone; one folder, one camrec: \
                     choose another with -o",
                    shown(&path),
                    folder.before()
                );
            } else {
                repair(folder, &path);
            }
        }
    }

    /// A file of ours was deleted.
    pub(super) fn gone(&mut self, path: &Path) {
        // else the next start sees that it is not there
        let _ = self.folder.as_mut().map(|folder| folder.gone(path));
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

fn repair(folder: &mut Folder, path: &Path) {
    // one that cannot be repaired now may be the next time, and keeps nobody from recording
    if let Err(why) = try_repair(folder, path) {
        log::warn!("{} was not finished, and cannot be repaired: {why}", shown(&path));
    }
}

fn try_repair(folder: &mut Folder, path: &Path) -> Result<(), Error> {
    let name = shown(&path);
    let salvaged = match salvage(path) {
        // it would not be otherwise the next time
        Err(why @ Error::TooLarge { .. }) => {
            log::warn!("{name} was not finished, and stays without its index: {why}");
            let bytes = path.metadata().map_or(0, |found| found.len());
            return folder.finished(path, bytes, wall::timestamp().as_second());
        }
        salvaged => salvaged?,
    };
    let remains = match salvaged {
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
