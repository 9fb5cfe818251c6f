//! The folder that is recorded to: who has it, what its files are called, and which of them go when room is needed.

use super::super::config::{Folder as Wanted, WhenFull};
use crate::app::exit::{Exit, ExitError, not_writable};
use crate::app::local_time;
use crate::app::quantity::{show_bytes, show_duration};
use crate::record::retention::{DeleteReason, FEW, Keep, Use, is_newest, is_slip, oldest};
use crate::shown::shown;
use crate::store::error::WriteReason;
use crate::store::salvage::{Look, Salvaged};
use crate::store::{Error, Folder, Sink, Whereabouts, sidecar};
use crate::sys::clock;
use crate::sys::mounts::unmounted_above;
use crate::sys::names::this_host;
use crate::time::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Deletions at once: each takes a large file's blocks to free, and frames wait meanwhile.
const DELETIONS: usize = 8;

/// Repairs before a recording begins, and from then on each second. A crash leaves one file or two; an index may name any number.
const REPAIRS_AT_START: usize = 32;
const REPAIRS: usize = 4;

/// A new file is not tried with less free than this and some frames.
const LEAST: u64 = 256 * 1024;

/// A file that somebody writes changes each second: if it has not for so long, nobody does.
const WATCH_LOCAL: Duration = Duration::from_secs(5);

/// The same over a network, where what one sees may be old: sshfs believes for 20 s what it has seen.
const WATCH: Duration = Duration::from_secs(30);
/// A file that is shorter does not tell how many bytes a second there will be.
const TELLS: Duration = Duration::from_secs(10);

/// The folder.
pub(super) struct Room {
    wanted: Wanted,
    /// None while it is not there.
    folder: Option<Folder>,
    /// It was deleted or moved, and not unmounted: another may be made in its place.
    is_deleted: bool,
    unfinished: Vec<Unfinished>,
    /// What goes of the recordings of earlier runs; none once those that have to go have gone.
    purge: Option<Purge>,
    /// It has been said that the limit holds few files.
    is_warned: bool,
}

/// A file that was not finished, and that somebody else may be writing.
struct Unfinished {
    path: PathBuf,
    seen: Option<Look>,
    /// When it is looked at again.
    until: Time,
}

/// What has gone at the start, as it is told: together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Purge {
    /// Files.
    pub files: u64,
    /// Bytes, those of the sidecars included.
    pub bytes: u64,
    /// When the oldest of them ended, in seconds since 1970.
    pub oldest: i64,
    /// Why they went.
    pub reasons: Vec<DeleteReason>,
}

/// A recording that had to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// The file.
    pub path: PathBuf,
    /// Its bytes and its sidecar's.
    pub bytes: u64,
    /// When it ended, in seconds since 1970.
    pub ended: i64,
    /// Why.
    pub reason: DeleteReason,
    /// It is told with the others of a [`Purge`].
    pub at_start: bool,
}

impl Room {
    /// Makes the folder ours, and whole what an earlier run has left unfinished in it.
    ///
    /// # Errors
    /// It cannot be written, or is somebody else's at the time; or what is wanted would cost what is there.
    pub(super) fn open(wanted: Wanted) -> Result<Self, ExitError> {
        let is_new = !wanted.path.exists();
        let unmounted = unmounted_above(&wanted.path);
        let refusal = match &unmounted {
            Some(point) => Some((point, WriteReason::NotMounted)),
            None if is_new => Some((&wanted.path, WriteReason::MustExist)),
            None => None,
        };
        if let Some((path, why)) = refusal.filter(|_| wanted.must_exist) {
            return Err(not_writable(&Error::NotWritable { path: path.clone(), why }));
        }
        let mut room = Room {
            wanted,
            folder: None,
            is_deleted: false,
            unfinished: Vec::new(),
            purge: Some(Purge::default()),
            is_warned: false,
        };
        room.take().map_err(|error| not_writable(&error))?;
        room.check()?;
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

    /// Nothing is in the way of the one file that is wanted, and the limits can be meant.
    fn check(&self) -> Result<(), ExitError> {
        if let Some(path) = self.wanted.one.as_deref().and_then(taken) {
            return Err(not_writable(&Error::Exists { path }));
        }
        self.folder.as_ref().map_or(Ok(()), |folder| check_limits(&self.wanted.keep, folder))
    }

    /// Makes a file for a recording that begins at `start`.
    ///
    /// # Errors
    /// As [`Folder::create`], and if the folder is not there any more.
    pub(super) fn create(&mut self, start: Timestamp, local: &Zoned) -> Result<Sink, Error> {
        let utc = self.wanted.utc.then(|| start.to_zoned(TimeZone::UTC));
        let (names, form) = (self.wanted.names.clone(), self.wanted.form);
        let is_asked = self.wanted.one.is_some();
        let folder = self.folder()?;
        let names = names.names(utc.as_ref().unwrap_or(local), folder.index());
        let sink = folder.create(names, form)?;
        if let Some(Err(why)) = sink.path().filter(|_| is_asked).map(|path| folder.asked(path)) {
            log::warn!("{why}");
        }
        Ok(sink)
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
                "the folder {} is recreated, and the recording goes on there",
                shown(&self.wanted.path)
            );
        }
        self.folder.as_mut().ok_or_else(|| Error::gone(&self.wanted.path))
    }

    /// Takes the folder, and makes whole what an earlier run has left unfinished in it. What may be another's is watched first.
    fn take(&mut self) -> Result<(), Error> {
        let (version, pid) = (env!("CARGO_PKG_VERSION"), std::process::id());
        let holder = format!(
            "camrec {version} on {}, process {pid}, since {}",
            this_host(),
            local_time::date_and_time()
        );
        let mut folder = Folder::open(&self.wanted.path, &holder)?;
        self.is_deleted = false;
        self.unfinished.clear();
        let wait = match (folder.is_alone(), folder.is_local()) {
            (true, _) => Duration::ZERO,
            (false, true) => WATCH_LOCAL,
            (false, false) => WATCH,
        };
        let until = clock::now().after(wait);
        for (number, path) in folder.unfinished().into_iter().enumerate() {
            if folder.is_alone() && number < REPAIRS_AT_START {
                repair(&mut folder, &path);
            } else {
                self.unfinished.push(Unfinished { seen: folder.look(&path), path, until });
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
        let mut due = due.into_iter();
        for Unfinished { path, seen, .. } in due.by_ref().take(REPAIRS) {
            if !folder.is_unfinished(&path) {
                continue;
            }
            if folder.look(&path) != seen {
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
        self.unfinished.extend(due);
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

    /// Deletes what is not to be kept any more, a few files at once. `writing`: bytes of the file that is written.
    pub(super) fn tend(&mut self, writing: u64) -> Vec<Deleted> {
        if self.wanted.keep.is_everything() {
            return Vec::new();
        }
        let deleted: Vec<Deleted> =
            std::iter::from_fn(|| self.drop_one(self.wanted.keep, writing)).take(DELETIONS).collect();
        if let Some(purge) = &mut self.purge {
            deleted.iter().for_each(|deleted| purge.count(deleted));
        }
        deleted
    }

    /// What had to go at the start has gone, and is to be told now; `deleted` were the last. Once.
    pub(super) fn purged(&mut self, deleted: usize) -> Option<Purge> {
        let purge = if deleted < DELETIONS { self.purge.take() } else { None };
        purge.filter(|purge| purge.files > 0)
    }

    /// What there is to say, once, of a limit that holds less than a few files such as the one that is written, which has this many bytes
    /// by now in so long.
    pub(super) fn warning(&mut self, bytes: u64, span: Duration) -> Option<String> {
        let (most, length) = (self.wanted.keep.bytes?, self.wanted.segment.most()?);
        if self.is_warned || span < TELLS.min(length / 2) || span.is_zero() {
            return None;
        }
        let rate = bytes as f64 / span.as_secs_f64();
        let few = rate * length.as_secs_f64() * f64::from(FEW);
        self.is_warned = few > most as f64;
        let [most, rate, few] = [most, rate as u64, few as u64].map(show_bytes);
        let length = show_duration(length);
        self.is_warned.then(|| format!(
            "--keep {most} holds less than {FEW} files of {length} at {rate} a second, which are {few}: keep more, or give a \
             shorter --segment; the newest finished file stays in any case"
        ))
    }

    fn drop_one(&mut self, keep: Keep, writing: u64) -> Option<Deleted> {
        let folder = self.folder.as_mut()?;
        // without a figure nothing goes for its sake
        let free = if keep.min_free.is_some() { folder.free().unwrap_or(u64::MAX) } else { u64::MAX };
        let used = Use { now: local_time::timestamp().as_second(), writing, free };
        let (entry, reason) = keep.victim(folder.index(), used)?;
        let (name, finished) = (entry.name.clone(), entry.finished.unwrap_or_default());
        self.delete(&name, finished, reason)
    }

    /// The disk is full: deletes the oldest recording, if that is wanted and it is not the newest too.
    pub(super) fn rotate(&mut self) -> Option<Deleted> {
        if self.wanted.when_full != WhenFull::Rotate {
            return None;
        }
        let index = self.folder.as_ref()?.index();
        let (entry, finished) = oldest(index).filter(|(oldest, _)| !is_newest(oldest, index))?;
        let name = entry.name.clone();
        self.delete(&name, finished, DeleteReason::Full).map(|deleted| Deleted { at_start: false, ..deleted })
    }

    fn delete(&mut self, name: &str, (bytes, ended): (u64, i64), reason: DeleteReason) -> Option<Deleted> {
        let (folder, path) = (self.folder.as_mut()?, self.wanted.path.join(name));
        // a folder that somebody has moved away, or whose disk was unmounted, is not ours to empty any more
        if folder.whereabouts() != Whereabouts::There {
            return None;
        }
        match folder.delete(name) {
            Ok(()) => Some(Deleted { path, bytes, ended, reason, at_start: self.purge.is_some() }),
            Err(why) => {
                log::warn!("{why}: it is left alone from now on");
                let _ = folder.gone(&path);
                None
            }
        }
    }

    /// Bytes that recordings can take here: those that are there, and what is free.
    pub(super) fn capacity(&self, writing: u64) -> u64 {
        let Some(folder) = &self.folder else { return 0 };
        folder.free().unwrap_or(0).saturating_add(folder.index().bytes()).saturating_add(writing)
    }

    /// Whether a file with a frame of this many bytes is worth a try.
    pub(super) fn has_space(&self, frame: usize) -> bool {
        let free = self.folder.as_ref().and_then(|folder| folder.free().ok());
        free.is_none_or(|free| free >= LEAST.saturating_add(frame as u64 * 4))
    }
}

impl Purge {
    fn count(&mut self, deleted: &Deleted) {
        self.oldest = if self.files == 0 { deleted.ended } else { self.oldest.min(deleted.ended) };
        self.files += 1;
        self.bytes = self.bytes.saturating_add(deleted.bytes);
        if !self.reasons.contains(&deleted.reason) {
            self.reasons.push(deleted.reason);
        }
    }
}

/// What is in the way of a file of this name.
fn taken(path: &Path) -> Option<PathBuf> {
    let names = [path.to_owned(), sidecar::path_of(path)];
    names.into_iter().find(|name| name.symlink_metadata().is_ok())
}

/// A limit that cannot be meant: one of a letter too few or too many.
fn check_limits(keep: &Keep, folder: &Folder) -> Result<(), ExitError> {
    let usage = |message| Err(ExitError::new(Exit::Usage, message));
    let path = shown(folder.path());
    if let (Some(average), Some(most)) = (is_slip(keep, folder.index()), keep.bytes) {
        let [most, all, each] = [most, folder.index().bytes(), average].map(show_bytes);
        return usage(format!(
            "--keep {most} holds less than {FEW} of the recordings in {path}, which have {each} each and {all} in all: keep more, or \
             delete by hand what may go"
        ));
    }
    if let (Some(least), Ok(size)) = (keep.min_free, folder.size()) {
        if least >= size {
            let [least, size] = [least, size].map(show_bytes);
            return usage(format!("--min-free {least}: the file system of {path} has {size} in all"));
        }
    }
    Ok(())
}

fn repair(folder: &mut Folder, path: &Path) {
    // one that cannot be repaired now may be the next time, and keeps nobody from recording
    if let Err(why) = try_repair(folder, path) {
        log::warn!("{} was not finished, and cannot be repaired: {why}", shown(&path));
    }
}

fn try_repair(folder: &mut Folder, path: &Path) -> Result<(), Error> {
    let name = shown(&path);
    let salvaged = match folder.salvage(path) {
        // it would not be otherwise the next time
        Err(why @ Error::TooLarge { .. }) => {
            log::warn!("{name} was not finished, and stays without its index: {why}");
            let bytes = folder.bytes_of(path);
            return folder.finished(path, bytes, local_time::timestamp().as_second());
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

#[cfg(test)]
mod tests {
    use super::super::super::config::{Config, Target};
    use super::super::super::options::Options;
    use super::*;
    use std::fs;

    /// A folder with three recordings of long ago, of which `--keep-for` leaves the newest.
    fn room(path: &Path) -> Room {
        fs::create_dir(path).unwrap();
        let mut index = String::from("camrec-index 1\n");
        for name in ["a.mkv", "b.mkv", "c.mkv"] {
            fs::write(path.join(name), b"x").unwrap();
            index.push_str(&format!("begun {name}\nfinished 1 1000000000 {name}\n"));
        }
        fs::write(path.join(".camrec.index"), index).unwrap();
        let options = Options {
            host: Some("pi.local".into()),
            output: path.to_str().map(Into::into),
            keep_for: Some("7d".into()),
            ..Options::default()
        };
        let Target::Folder(wanted) = Config::try_from(options).unwrap().target else { panic!("no folder") };
        Room::open(wanted).unwrap()
    }

    #[test]
    fn a_full_disk_takes_the_oldest_one_by_one_and_never_the_newest() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("rec");
        let mut room = room(&path);
        room.wanted.when_full = WhenFull::Rotate;
        let mut rotate = || room.rotate().map(|deleted| deleted.path);
        assert_eq!([rotate(), rotate()], [Some(path.join("a.mkv")), Some(path.join("b.mkv"))]);
        assert_eq!(rotate(), None);
        assert!(path.join("c.mkv").exists());
    }

    #[test]
    fn an_index_that_names_many_files_delays_no_recording() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("rec");
        drop(room(&path));
        let mut index = String::from("camrec-index 1\n");
        for number in 0..100 {
            fs::write(path.join(format!("{number}.mkv")), b"somebody's").unwrap();
            index.push_str(&format!("begun {number}.mkv\n"));
        }
        fs::remove_file(path.join(".camrec.index")).unwrap();
        fs::remove_file(path.join("a.mkv")).unwrap();
        fs::write(path.join(".camrec.index"), index).unwrap();
        let options =
            Options { host: Some("x".into()), output: path.to_str().map(Into::into), ..Options::default() };
        let Target::Folder(wanted) = Config::try_from(options).unwrap().target else { panic!("no folder") };
        let mut room = Room::open(wanted).unwrap();
        let left = |room: &Room| room.folder.as_ref().unwrap().unfinished().len();
        assert_eq!(left(&room), 100 - REPAIRS_AT_START);
        (0..17).for_each(|_| room.look_after());
        assert_eq!((left(&room), room.unfinished.len()), (0, 0));
        assert_eq!(fs::read(path.join("99.mkv")).unwrap(), b"somebody's");
    }

    #[test]
    fn a_folder_that_was_moved_away_is_not_emptied() {
        let root = tempfile::tempdir().unwrap();
        let (path, elsewhere) = (root.path().join("rec"), root.path().join("archive"));
        let mut room = room(&path);
        fs::rename(&path, &elsewhere).unwrap();
        assert_eq!(room.tend(0).len(), 0);
        assert!(elsewhere.join("a.mkv").exists() && elsewhere.join("b.mkv").exists());
        // and where it belongs they go
        fs::rename(&elsewhere, &path).unwrap();
        assert_eq!(room.tend(0).len(), 2);
        assert!(!path.join("a.mkv").exists() && path.join("c.mkv").exists());
    }
}
