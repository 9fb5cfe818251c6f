//! The folder that files go to.

use super::error::{Error, Why};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;
use std::process;

/// Makes the folder, with those above it, unless it is there; then tries whether a file can be made in it.
///
/// Trying is the only sure way to know: permissions, mounts, quotas and sandboxes all have their say.
///
/// # Errors
/// [`Error`]: say it before the first frame, not with it.
pub fn prepare(folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(|why| Error::new("make the folder", folder, why))?;
    let trial = folder.join(format!(".camrec-trial-{}", process::id()));
    match File::create_new(&trial) {
        Ok(_) => fs::remove_file(&trial).map_err(|why| Error::new("delete", &trial, why)),
        // left by a process of our number that was killed here: it could write, and so can we
        Err(why) if why.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(why) => Err(Error::new("make a file in", folder, why)),
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

    #[test]
    fn a_folder_is_made_with_those_above_and_left_empty() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/b/c");
        prepare(&folder).unwrap();
        prepare(&folder).unwrap();
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::write(&file, b"").unwrap();
        for folder in [file.clone(), file.join("below")] {
            let refused = prepare(&folder).unwrap_err();
            assert!(matches!(refused, Error::NotWritable { why: Why::NotAFolder, .. }), "{refused}");
        }
    }

    #[test]
    fn a_read_only_file_system_is_named() {
        let refused = prepare(Path::new("/proc/self/recordings")).unwrap_err();
        assert!(matches!(refused, Error::NotWritable { .. }), "{refused}");
    }
}
