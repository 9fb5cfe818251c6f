//! How large the files of an index are: the disk says it. What the index says anybody may have written.

use super::dir::{Dir, is_absent};
use super::sidecar;
use super::stills;
use nix::errno::Errno;
use std::path::{Path, PathBuf};

/// What there is of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Bytes of it and of its sidecar.
    Bytes(u64),
    /// It is not there.
    Gone,
    /// A link leads to where it is said to be: it is none of ours.
    Linked,
    /// The system does not say.
    Unknown,
}

/// Looks at one recording after the other: those that follow one another are often in one folder.
#[derive(Debug)]
pub(super) struct Surveyor<'a> {
    dir: &'a Dir,
    /// The latest one's folder, and what came of opening it.
    above: Option<(PathBuf, Result<Dir, Found>)>,
}

impl<'a> Surveyor<'a> {
    pub(super) fn new(dir: &'a Dir) -> Self {
        Surveyor { dir, above: None }
    }

    /// Looks at a recording.
    pub(super) fn look(&mut self, name: &str) -> Found {
        let name = Path::new(name);
        let (Some(above), Some(last)) = (name.parent(), name.file_name().map(Path::new)) else {
            return Found::Gone;
        };
        if self.above.as_ref().is_none_or(|(known, _)| known != above) {
            self.above = Some((above.to_owned(), open(self.dir, above)));
        }
        match &self.above {
            Some((_, Ok(dir))) => measure(dir, last),
            Some((_, Err(found))) => *found,
            None => Found::Unknown,
        }
    }
}

fn open(dir: &Dir, name: &Path) -> Result<Dir, Found> {
    let opened = if name == Path::new("") { dir.again() } else { dir.below(name) };
    opened.map_err(|_| match dir.stat(name) {
        Ok(None) => Found::Gone,
        Err(why) if why.raw_os_error() == Some(Errno::ELOOP as i32) => Found::Linked,
        Ok(Some(found)) if !found.is_folder() => Found::Linked,
        _ => Found::Unknown,
    })
}

/// Of a recording of this folder.
fn measure(dir: &Dir, name: &Path) -> Found {
    let found = match dir.stat(name) {
        Ok(Some(found)) => found,
        Ok(None) => return Found::Gone,
        Err(why) if is_absent(&why) => return Found::Gone,
        Err(_) => return Found::Unknown,
    };
    let bytes = if found.is_folder() {
        dir.below(name).and_then(|pictures| stills::bytes_in(&pictures)).unwrap_or(0)
    } else {
        found.bytes
    };
    let beside = dir.stat(&sidecar::path_of(name)).ok().flatten();
    Found::Bytes(bytes.saturating_add(beside.map_or(0, |beside| beside.bytes)))
}
