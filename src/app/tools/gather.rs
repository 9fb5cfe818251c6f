//! Which recordings are meant by the names that people type: files, folders of files, and what a shell makes of `folder/*`.

use crate::record::container::Container;
use crate::shown::shown;
use crate::store::read::RecordingReader;
use crate::store::{Error, sidecar, stills};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::{fmt, fs};

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
    /// Likewise, and it stands among the pictures of a recording.
    Among(PathBuf),
    /// What camrec has written beside a recording that is not there.
    Left(PathBuf, Left),
    /// A folder that cannot be looked into.
    Unreadable(PathBuf, Error),
}

/// What a sidecar says of its recording.
#[derive(Debug, Deserialize)]
pub(super) struct Left {
    recorder: String,
    file: String,
    first_frame: u32,
    last_frame: u32,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Left { file, first_frame, last_frame, .. } = self;
        write!(
            f,
            "its recording {} with the camera's frames {first_frame} to {last_frame} is not here",
            shown(file)
        )
    }
}

/// All that is meant, in the order of the names; what is in a folder is sorted. `is_all`: what stands among a recording's pictures is
/// looked at too, and what is left of recordings that are gone.
pub(super) fn gather(names: &[PathBuf], is_all: bool) -> Vec<Found> {
    let mut search = Search { is_all, found: Vec::new() };
    names.iter().for_each(|name| search.look_at(name, DEPTH));
    search.found
}

struct Search {
    is_all: bool,
    found: Vec<Found>,
}

impl Search {
    fn look_at(&mut self, path: &Path, depth: usize) {
        let found = match path.is_dir() {
            true if RecordingReader::open(path).is_ok() => {
                self.found.push(Found::Recording(path.to_owned()));
                if self.is_all {
                    self.look_among(path, depth);
                }
                return;
            }
            true => return self.look_into(path, depth, |_| true),
            false if is_recording(path) => Found::Recording(path.to_owned()),
            false if is_beside(path) => Found::Beside,
            false => match left(path).filter(|_| self.is_all) {
                Some(of) => Found::Left(path.to_owned(), of),
                None => Found::Other(path.to_owned()),
            },
        };
        self.found.push(found);
    }

    /// What is in a folder of pictures, and is none of them.
    fn look_among(&mut self, folder: &Path, depth: usize) {
        let from = self.found.len();
        self.look_into(folder, depth, |path| path.is_dir() || !stills::is_picture(path));
        for found in self.found.iter_mut().skip(from) {
            match found {
                Found::Other(path) if path.parent() == Some(folder) => {
                    *found = Found::Among(std::mem::take(path));
                }
                _ => {}
            }
        }
    }

    fn look_into(&mut self, folder: &Path, depth: usize, is_meant: impl Fn(&Path) -> bool) {
        let paths = match entries(folder) {
            Ok(paths) => paths,
            Err(why) => {
                self.found.push(Found::Unreadable(folder.to_owned(), Error::unreadable(folder, why)));
                return;
            }
        };
        for path in paths.into_iter().filter(|path| is_meant(path)) {
            // a link to a folder may lead in a circle
            let is_link = path.is_symlink() && path.is_dir();
            match depth.checked_sub(1).filter(|_| !is_link) {
                Some(depth) => self.look_at(&path, depth),
                None => self.found.push(Found::Other(path)),
            }
        }
    }
}

/// What is in a folder, sorted, and not hidden.
fn entries(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut paths = entries.collect::<std::io::Result<Vec<PathBuf>>>()?;
    paths.retain(|path| !is_hidden(path));
    paths.sort();
    Ok(paths)
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

/// A sidecar of camrec's own that nothing is beside.
fn left(path: &Path) -> Option<Left> {
    let is_named = path.extension().is_some_and(|extension| extension == "json");
    let text = is_named.then(|| sidecar::read_at(path).ok()).flatten()?;
    serde_json::from_slice(&text).ok().filter(|left: &Left| left.recorder.starts_with("camrec "))
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}
