//! Which recordings are meant by the names that people type: files, folders of files, and what a shell makes of `folder/*`.

use crate::record::container::Container;
use crate::store::read::RecordingReader;
use crate::store::{Error, sidecar};
use std::fs;
use std::path::{Path, PathBuf};

/// Folders in folders are looked into so far.
const DEPTH: usize = 32;

/// One of the names.
#[derive(Debug)]
pub(super) enum Found {
    /// A recording, or what should be one.
    Recording(PathBuf),
    /// What camrec has written beside a recording.
    Beside,
    /// It is none of ours.
    Other(PathBuf),
    /// A folder that cannot be looked into.
    Unreadable(PathBuf, Error),
}

/// All that is meant, in the order of the names; what is in a folder is sorted.
pub(super) fn gather(names: &[PathBuf]) -> Vec<Found> {
    let mut found = Vec::new();
    names.iter().for_each(|name| look_at(name, DEPTH, &mut found));
    found
}

fn look_at(path: &Path, depth: usize, found: &mut Vec<Found>) {
    found.push(match path.is_dir() {
        true if RecordingReader::open(path).is_ok() => Found::Recording(path.to_owned()),
        true => return look_into(path, depth, found),
        false if is_recording(path) => Found::Recording(path.to_owned()),
        false if is_beside(path) => Found::Beside,
        false => Found::Other(path.to_owned()),
    });
}

fn look_into(folder: &Path, depth: usize, found: &mut Vec<Found>) {
    let entries = fs::read_dir(folder).and_then(|entries| {
        entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>, std::io::Error>>()
    });
    let mut paths = match entries {
        Ok(paths) => paths,
        Err(why) => {
            found.push(Found::Unreadable(folder.to_owned(), Error::unreadable(folder, why)));
            return;
        }
    };
    paths.retain(|path| !is_hidden(path));
    paths.sort();
    for path in paths {
        // a link to a folder may lead in a circle
        let is_link = path.is_symlink() && path.is_dir();
        match depth.checked_sub(1).filter(|_| !is_link) {
            Some(depth) => look_at(&path, depth, found),
            None => found.push(Found::Other(path)),
        }
    }
}

/// By its name, or else by what is in it: a template may give names without an ending. What cannot be read may be one.
fn is_recording(path: &Path) -> bool {
    let is_named =
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| Container::of(name).is_some());
    is_named || !matches!(RecordingReader::open(path), Err(Error::Foreign { .. }))
}

/// The index and the lock, and each `NAME.json`.
fn is_beside(path: &Path) -> bool {
    let is_sidecar_of = |recording: PathBuf| recording.exists() && sidecar::path_of(&recording) == path;
    let is_sidecar = path.extension().is_some_and(|extension| extension == "json")
        && ["mkv", "avi", ""].into_iter().any(|extension| is_sidecar_of(path.with_extension(extension)));
    is_sidecar || is_hidden(path)
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}
