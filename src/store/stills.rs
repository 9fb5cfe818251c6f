//! A recording as a folder of JPEGs, each with its number and its time in its name:
//! `000000_2026-11-23_14-03-27.512345+0100.jpg`.

use super::error::Error;
use jiff::Timestamp;
use jiff::tz::Offset;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The folder, which nobody else has written.
#[derive(Debug)]
pub struct Stills {
    path: PathBuf,
    started: Timestamp,
    offset: Offset,
    count: u64,
    bytes: u64,
}

impl Stills {
    /// Makes the folder, under a name that is free.
    ///
    /// # Errors
    /// Something of that name is there, or what the system says.
    pub fn make(path: &Path) -> Result<(), Error> {
        fs::create_dir(path).map_err(|why| match why.kind() {
            ErrorKind::AlreadyExists => Error::Exists { path: path.to_owned() },
            _ => Error::new("make", path, why),
        })
    }

    /// Pictures go to this folder, which was just made and is empty. Their names are in local time, this far from UTC.
    pub fn new(path: PathBuf, started: Timestamp, offset: Offset) -> Self {
        Stills { path, started, offset, count: 0, bytes: 0 }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Octets of all pictures.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes a picture that was captured so long after the first.
    ///
    /// # Errors
    /// [`Error`]; there is no such picture then.
    pub fn append(&mut self, jpeg: &[u8], time: Duration) -> Result<(), Error> {
        let at = self.started.checked_add(time).unwrap_or(self.started);
        let path = self.path.join(name(self.count, at, self.offset));
        let written = File::create_new(&path).and_then(|mut file| file.write_all(jpeg));
        if let Err(why) = written {
            let _ = fs::remove_file(&path);
            return Err(Error::new("write", &path, why));
        }
        self.count += 1;
        self.bytes += jpeg.len() as u64;
        Ok(())
    }

    /// Brings all pictures to the disk.
    ///
    /// # Errors
    /// What the system says.
    pub fn sync(&self) -> Result<(), Error> {
        // the file system's, since each picture alone would take as long
        File::open(&self.path)
            .and_then(|folder| Ok(nix::unistd::syncfs(folder)?))
            .map_err(|why| Error::new("sync", &self.path, why))
    }
}

/// A picture's name.
pub fn name(number: u64, at: Timestamp, offset: Offset) -> String {
    let local = at.to_zoned(offset.to_time_zone());
    format!("{number:06}_{}.jpg", local.strftime("%Y-%m-%d_%H-%M-%S%.6f%z"))
}
