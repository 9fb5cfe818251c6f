//! Folders by their paths: made with those above them, and brought to the disk.

use super::error::{Error, WriteReason};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;

/// Makes a folder and those above it, unless they are there, and has their names on the disk.
pub(super) fn make(folder: &Path) -> Result<(), Error> {
    match fs::create_dir(folder) {
        Ok(()) => sync(above(folder)),
        Err(_) if folder.is_dir() => Ok(()),
        // an answer to the link itself, which is there
        Err(why) if why.kind() == ErrorKind::AlreadyExists && leads_nowhere(folder) => {
            Err(Error::NotWritable { path: folder.to_owned(), why: WriteReason::LeadsNowhere })
        }
        Err(why) if why.kind() == ErrorKind::NotFound && above(folder) != folder => {
            make(above(folder))?;
            let made = fs::create_dir(folder).map_err(|why| Error::new("make the folder", folder, why));
            made.and_then(|()| sync(above(folder)))
        }
        Err(why) => Err(Error::new("make the folder", folder, why)),
    }
}

fn leads_nowhere(path: &Path) -> bool {
    path.is_symlink() && !path.exists()
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
        ErrorKind::NotFound => Error::NotWritable { path: folder.to_owned(), why: WriteReason::Gone },
        _ => Error::new("sync", folder, why),
    })
}
