//! One folder, one writer: whoever records to a folder holds its lock, and says in it who that is.

use super::dir::Dir;
use super::error::{Error, WriteReason};
use super::read::open_regular;
use super::whereabouts::{identity_of, is_local};
use crate::shown::{one_line, shown};
use crate::sys::boot;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};
use std::fmt;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

/// The lock's file. It stays when the lock is let go: who deleted it would delete that of the next one.
const NAME: &str = ".camrec.lock";

/// The longest text that is believed to say who holds the lock, in bytes.
const LONGEST: u64 = 400;

/// A folder's lock, until it is dropped, or the process ends in whatever way.
#[derive(Debug)]
pub(super) struct Lock {
    file: Held,
    is_alone: bool,
    /// Who had it before, in their own words.
    before: String,
    /// What is opened and what is seen by its name are the same: not so on some network shares.
    is_stable: bool,
    /// Somebody else has another lock here, and that has been said.
    is_told: bool,
}

#[derive(Debug)]
enum Held {
    Locked(Flock<File>),
    /// The file system knows no locks.
    Open(File),
}

impl Lock {
    /// Takes the folder's lock. `holder` is what the next one is told, on one line.
    ///
    /// That a file can be written there is the only sure sign that recordings can: permissions, mounts, quotas and sandboxes
    /// all have their say.
    ///
    /// # Errors
    /// [`Error::Locked`] if somebody else records there, or what the system says.
    pub(super) fn take(dir: &Dir, holder: &str) -> Result<Self, Error> {
        let (folder, path) = (dir.path(), dir.path().join(NAME));
        let opened = dir.open_regular(Path::new(NAME), OFlag::O_RDWR | OFlag::O_CREAT);
        let file = opened.map_err(|why| match Error::new("make a file in", folder, why) {
            Error::NotWritable { why: WriteReason::Link, .. } => {
                Error::NotWritable { path: path.clone(), why: WriteReason::Link }
            }
            Error::System { source, .. } if source.kind() == ErrorKind::InvalidInput => {
                Error::System { doing: "lock", path: path.clone(), source }
            }
            error => error,
        })?;
        let before = Holder::read(&file);
        let (mut file, is_ours) = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => (Held::Locked(file), true),
            Err((_, Errno::EWOULDBLOCK)) => return Err(before.locked(folder)),
            Err((_, Errno::ENOLCK | Errno::EOPNOTSUPP | Errno::ENOSYS)) if before.process.is_alive() => {
                return Err(before.locked(folder));
            }
            Err((file, Errno::ENOLCK | Errno::EOPNOTSUPP | Errno::ENOSYS)) => {
                log::warn!(
                    "{}: this file system has no locks: see to it that nobody else records here",
                    shown(&folder)
                );
                (Held::Open(file), false)
            }
            Err((_, errno)) => return Err(Error::new("lock", &path, errno.into())),
        };
        // a lock is this machine's own on some file systems that others write to as well
        let has_ended = !before.is_new && !before.process.is_alive();
        let is_alone = is_ours && has_ended && (before.process.is_of_this_boot() || is_local(dir));
        file.write(holder, before.is_new);
        let is_stable =
            dir.identity_of(Path::new(NAME)).is_ok_and(|there| there == identity_of(file.as_fd()));
        Ok(Lock { file, is_alone, before: before.name, is_stable, is_told: false })
    }

    /// Whoever had the lock before has ended for sure, so that nobody else writes to what is unfinished. It is not sure if the lock's
    /// file was deleted, or if another machine may write there too.
    pub(super) fn is_alone(&self) -> bool {
        self.is_alone
    }

    /// Who had the lock before.
    pub(super) fn before(&self) -> &str {
        &self.before
    }

    /// Files can be told from each other here.
    pub(super) fn is_stable(&self) -> bool {
        self.is_stable
    }

    /// Makes the lock's file again should somebody have deleted it.
    pub(super) fn keep(&mut self, dir: &Dir, holder: &str) {
        let name = Path::new(NAME);
        let (Some(ours), Ok(theirs)) = (identity_of(self.file.as_fd()), dir.identity_of(name)) else {
            return;
        };
        if self.is_told || theirs == Some(ours) {
            return;
        }
        let path = dir.path().join(NAME);
        match Lock::take(dir, holder) {
            Ok(lock) => {
                log::warn!("{} was deleted, and is recreated", shown(&path));
                *self = lock;
            }
            Err(Error::Locked { holder, .. }) => {
                self.is_told = true;
                log::warn!(
                    "{} was deleted, and now {holder} records here too: use another folder with -o",
                    shown(&path)
                );
            }
            // it is tried again
            Err(_) => {}
        }
    }
}

/// Somebody records to this folder, as far as can be told without taking its lock.
pub(super) fn is_held(folder: &Path) -> bool {
    let file = open_regular(&folder.join(NAME));
    file.is_ok_and(|file| Holder::read(&file).process.is_alive())
}

impl Held {
    /// Over what was there: a power cut leaves the one or the other, never an empty file, which could be one that was just made. A
    /// full disk may not have room for a name, and can be recorded to later all the same.
    fn write(&mut self, holder: &str, is_new: bool) {
        let file: &mut File = match self {
            Held::Locked(file) => file,
            Held::Open(file) => file,
        };
        let text = format!("{holder}\n{}", Process::ours());
        let _ = file
            .rewind()
            .and_then(|()| file.write_all(text.as_bytes()))
            .and_then(|()| file.set_len(text.len() as u64))
            .and_then(|()| if is_new { file.sync_data() } else { Ok(()) });
    }
}

impl AsFd for Held {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Held::Locked(file) => file.as_fd(),
            Held::Open(file) => file.as_fd(),
        }
    }
}

/// Who a lock's file says has it, or had it last.
struct Holder {
    /// For people.
    name: String,
    process: Process,
    /// It says nothing: the file was just made.
    is_new: bool,
}

impl Holder {
    fn read(file: &File) -> Self {
        let mut text = Vec::new();
        let _ = file.take(LONGEST).read_to_end(&mut text);
        let text = String::from_utf8_lossy(&text);
        let (name, rest) = text.split_once('\n').unwrap_or((&text, ""));
        let name = match name.trim() {
            "" => String::from("somebody"),
            name => one_line(name).to_string(),
        };
        Holder { name, process: Process::parse(rest), is_new: text.is_empty() }
    }

    fn locked(self, folder: &Path) -> Error {
        Error::Locked { path: folder.to_owned(), holder: self.name }
    }
}

/// A process, told apart from all others of all machines: a line of the lock's file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Process {
    boot: String,
    pid: u32,
    /// In the kernel's ticks since the machine started.
    started: u64,
}

impl Process {
    fn ours() -> Self {
        let pid = std::process::id();
        Process { boot: boot::id(), pid, started: started(pid).unwrap_or(0) }
    }

    fn parse(line: &str) -> Self {
        let mut words = line.split_whitespace();
        let (Some("boot"), Some(boot), Some("process"), Some(pid), Some("started"), Some(started)) =
            (words.next(), words.next(), words.next(), words.next(), words.next(), words.next())
        else {
            return Process::default();
        };
        let (pid, started) = (pid.parse().unwrap_or(0), started.parse().unwrap_or(0));
        Process { boot: boot.to_owned(), pid, started }
    }

    /// It is one of this machine's, since it was started.
    fn is_of_this_boot(&self) -> bool {
        !self.boot.is_empty() && self.boot == boot::id()
    }

    /// It is for sure another one of this machine's that has not ended.
    fn is_alive(&self) -> bool {
        self.is_of_this_boot() && self.pid != std::process::id() && started(self.pid) == Some(self.started)
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "boot {} process {} started {}", self.boot, self.pid, self.started)
    }
}

/// proc_pid_stat(5): the 22nd word, and the second may have blanks and brackets.
fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::dirs;
    use super::*;

    fn take(folder: &Path, holder: &str) -> Result<Lock, Error> {
        dirs::make(folder)?;
        Lock::take(&Dir::open(folder)?, holder)
    }

    #[test]
    fn the_second_one_is_told_who_holds_it() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/b");
        let first = take(&folder, "camrec, process 7").unwrap();
        let said = take(&folder, "another").unwrap_err().to_string();
        assert!(said.contains("camrec, process 7"), "{said}");
        drop(first);
        let _second = take(&folder, "x").unwrap();
        let refused = take(&folder, "another").unwrap_err();
        assert!(
            matches!(&refused, Error::Locked { holder, .. } if holder == "x"),
            "nothing of the first is left: {refused}"
        );
    }

    #[test]
    fn a_process_is_told_from_those_that_had_its_number() {
        let ours = Process::ours();
        assert_eq!(Process::parse(&ours.to_string()), ours);
        assert!(ours.is_of_this_boot() && !ours.is_alive(), "it does not stand in its own way");
        let first = Process { pid: 1, started: started(1).unwrap(), ..ours };
        assert!(first.is_alive());
        assert!(!Process { started: first.started + 1, ..first.clone() }.is_alive());
        assert!(!Process { boot: "another".into(), ..first }.is_alive());
        assert_eq!(Process::parse("boot x process"), Process::default());
    }

    #[test]
    fn who_is_alone_is_sure_of_it() {
        let root = tempfile::tempdir().unwrap();
        assert!(
            !take(root.path(), "x").unwrap().is_alone(),
            "its file was not there: it may have been deleted"
        );
        assert!(take(root.path(), "x").unwrap().is_alone());
    }

    #[test]
    fn a_lock_that_was_deleted_is_made_anew() {
        let root = tempfile::tempdir().unwrap();
        let dir = Dir::open(root.path()).unwrap();
        let mut lock = Lock::take(&dir, "first").unwrap();
        fs::remove_file(root.path().join(NAME)).unwrap();
        lock.keep(&dir, "first");
        assert!(matches!(Lock::take(&dir, "second"), Err(Error::Locked { .. })));
        fs::remove_file(root.path().join(NAME)).unwrap();
        let second = Lock::take(&dir, "second").unwrap();
        lock.keep(&dir, "first");
        assert!(lock.is_told && !second.is_told);
    }

    #[test]
    fn a_link_or_a_pipe_in_its_place_is_named_and_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let (folder, victim) = (root.path().join("rec"), root.path().join("victim"));
        fs::create_dir(&folder).unwrap();
        fs::write(&victim, b"precious").unwrap();
        for target in [&*victim, Path::new("nowhere")] {
            std::os::unix::fs::symlink(target, folder.join(NAME)).unwrap();
            let refused = take(&folder, "x").unwrap_err();
            assert!(
                matches!(&refused, Error::NotWritable { why: WriteReason::Link, path } if path.ends_with(NAME)),
                "{refused}"
            );
            fs::remove_file(folder.join(NAME)).unwrap();
        }
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
        nix::unistd::mkfifo(&folder.join(NAME), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let refused = take(&folder, "x").unwrap_err().to_string();
        assert!(refused.contains(NAME) && refused.contains("regular"), "{refused}");
    }

    #[test]
    fn what_it_says_of_its_holder_is_safe_to_show() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join(NAME), "\u{1b}[2J\u{202e}evil\r\n").unwrap();
        let lock = take(root.path(), "x").unwrap();
        assert_eq!(lock.before(), "\\u{1b}[2J\\u{202e}evil");
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::write(&file, b"").unwrap();
        for folder in [file.clone(), file.join("below")] {
            let refused = take(&folder, "x").unwrap_err();
            assert!(matches!(refused, Error::NotWritable { why: WriteReason::NotAFolder, .. }), "{refused}");
        }
    }

    #[test]
    fn a_read_only_file_system_is_named() {
        let refused = take(Path::new("/proc/self/recordings"), "x").unwrap_err();
        assert!(matches!(refused, Error::NotWritable { .. }), "{refused}");
    }
}
