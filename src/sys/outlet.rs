//! Where words go: a terminal, a pipe, a socket or a file, written to without waiting for whoever reads.
//!
//! `O_NONBLOCK` belongs to the open file, which others have too: the shell, a program beside us. So terminals and pipes are opened
//! again for us alone, and sockets are told with each call. A file always takes what it is given, unless its disk hangs, and then
//! nothing but another thread can go on.

use nix::errno::Errno;
use nix::libc::{O_NOCTTY, O_NONBLOCK};
use nix::sys::socket::{MsgFlags, send};
use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Something to write to.
#[derive(Debug)]
pub struct Outlet {
    file: File,
    kind: Kind,
    /// A file that may not grow for ever: where it is, and how many bytes it may have.
    most: Option<(PathBuf, u64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It says so when it takes nothing, and poll says when it does.
    Ready,
    /// The same, told with each call.
    Socket,
    /// Whoever writes may have to wait.
    Patient,
}

impl Outlet {
    /// Standard output.
    ///
    /// # Errors
    /// It is closed, or the process has no descriptor left.
    pub fn standard_output() -> io::Result<Self> {
        Outlet::of(io::stdout().as_fd())
    }

    /// Standard error.
    ///
    /// # Errors
    /// As [`standard_output`](Self::standard_output).
    pub fn standard_error() -> io::Result<Self> {
        Outlet::of(io::stderr().as_fd())
    }

    /// What an open descriptor leads to.
    ///
    /// # Errors
    /// It is none, or the process has none left.
    pub fn of(fd: BorrowedFd<'_>) -> io::Result<Self> {
        let file = File::from(fd.try_clone_to_owned()?);
        let what = file.metadata()?.file_type();
        if what.is_socket() {
            return Ok(Outlet { file, kind: Kind::Socket, most: None });
        }
        if !what.is_fifo() && !file.is_terminal() {
            // a null device takes all there is
            let kind = if what.is_char_device() { Kind::Ready } else { Kind::Patient };
            return Ok(Outlet { file, kind, most: None });
        }
        // another user's, or there is no /proc: no longer ours to open
        let ours = options().write(true).open(format!("/proc/self/fd/{}", fd.as_raw_fd()));
        let (file, kind) = ours.map_or((file, Kind::Patient), |file| (file, Kind::Ready));
        Ok(Outlet { file, kind, most: None })
    }

    /// A file that is appended to, and made if it is not there. A pipe's reader may come later, and may leave.
    ///
    /// # Errors
    /// What the system says.
    pub fn append_to(path: &Path) -> io::Result<Self> {
        let is_pipe = fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_fifo());
        // whoever could read it himself needs no reader to open it
        let file = if is_pipe {
            options().read(true).write(true).open(path)?
        } else {
            options().append(true).create(true).open(path)?
        };
        let is_ready = file.metadata()?.file_type().is_fifo() || file.is_terminal();
        Ok(Outlet { file, kind: if is_ready { Kind::Ready } else { Kind::Patient }, most: None })
    }

    /// The same; a file that has so many bytes is [turned over](Self::turn_over).
    ///
    /// # Errors
    /// What the system says.
    pub fn append_up_to(path: &Path, bytes: u64) -> io::Result<Self> {
        let mut outlet = Outlet::append_to(path)?;
        outlet.most = outlet.file.metadata()?.is_file().then(|| (path.to_owned(), bytes));
        Ok(outlet)
    }

    /// Before each write. If the file has no room for so many bytes more: it gets `.1` behind its name, in the place of one that has, and a new one
    /// begins. One that somebody else has moved away or deleted is begun anew too. Like
    /// [`write`](Self::write) of a file this may wait.
    ///
    /// # Errors
    /// What the system says; the file is as it was.
    pub fn turn_over(&self, bytes: u64) -> io::Result<()> {
        let Some((path, most)) = &self.most else { return Ok(()) };
        let ours = self.file.metadata()?;
        let has_room = ours.len() == 0 || ours.len().saturating_add(bytes) <= *most;
        let is_in_place =
            fs::metadata(path).is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino()));
        if is_in_place && has_room {
            return Ok(());
        }
        if is_in_place {
            let mut aside = path.clone().into_os_string();
            aside.push(".1");
            fs::rename(path, aside)?;
        }
        // whoever else has made one meanwhile has not made it for us
        let new = match options().append(true).create_new(is_in_place).create(true).open(path) {
            // where it is now it can be written on
            Err(_) if has_room => return Ok(()),
            new => new?,
        };
        // SAFETY: both descriptors are open and ours, and stay so: the second one is another file from now on.
        let done = unsafe { nix::libc::dup3(new.as_raw_fd(), self.file.as_raw_fd(), nix::libc::O_CLOEXEC) };
        Errno::result(done).map(drop).map_err(io::Error::from)
    }

    /// Whether [`write`](Self::write) may wait for as long as it pleases the other side.
    pub fn may_wait(&self) -> bool {
        self.kind == Kind::Patient
    }

    /// Writes some of `bytes`, or none at present.
    ///
    /// # Errors
    /// Nobody reads any more, or the disk is full.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let written = match self.kind {
            Kind::Ready | Kind::Patient => nix::unistd::write(&self.file, bytes),
            Kind::Socket => {
                send(self.file.as_raw_fd(), bytes, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL)
            }
        };
        match written {
            Ok(count) => Ok(count),
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(0),
            Err(errno) => Err(errno.into()),
        }
    }
}

impl AsFd for Outlet {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.custom_flags(O_NONBLOCK | O_NOCTTY);
    options
}

/// How many characters a line of standard error's terminal has; none if it is no terminal, or does not say.
pub fn columns() -> Option<u16> {
    let mut size = nix::libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the descriptor lives as long as the process, and the call writes a winsize, which `size` is.
    unsafe { tiocgwinsz(io::stderr().as_raw_fd(), &raw mut size) }.ok()?;
    Some(size.ws_col).filter(|columns| *columns > 0)
}

nix::ioctl_read_bad!(
    /// Asks a terminal for its size.
    tiocgwinsz,
    nix::libc::TIOCGWINSZ,
    nix::libc::winsize
);

#[cfg(test)]
mod tests {
    use super::*;
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    use nix::sys::stat::Mode;
    use nix::unistd::pipe2;
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    /// Until it takes nothing more.
    fn fill(outlet: &Outlet) -> usize {
        let mut all = 0;
        loop {
            match outlet.write(&[b'x'; 1000]).unwrap() {
                0 => return all,
                count => all += count,
            }
        }
    }

    #[test]
    fn a_full_pipe_or_socket_takes_nothing_and_its_other_owners_notice_nothing() {
        let (_reader, writer) = pipe2(OFlag::O_CLOEXEC).unwrap();
        let pipe = Outlet::of(writer.as_fd()).unwrap();
        assert!(!pipe.may_wait() && fill(&pipe) > 0);
        let (_other, socket) = UnixStream::pair().unwrap();
        let outlet = Outlet::of(socket.as_fd()).unwrap();
        assert!(!outlet.may_wait() && fill(&outlet) > 0);
        for fd in [writer.as_fd(), socket.as_fd()] {
            let flags = OFlag::from_bits_truncate(fcntl(fd, FcntlArg::F_GETFL).unwrap());
            assert!(!flags.contains(OFlag::O_NONBLOCK));
        }
    }

    #[test]
    fn a_named_pipe_needs_no_reader() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        nix::unistd::mkfifo(&path, Mode::S_IRWXU).unwrap();
        let outlet = Outlet::append_to(&path).unwrap();
        assert!(!outlet.may_wait());
        outlet.write(b"early\n").unwrap();
        let mut read = [0; 6];
        File::open(&path).unwrap().read_exact(&mut read).unwrap();
        assert_eq!(&read, b"early\n");
        // that reader has left: no error, and the next one reads on
        outlet.write(b"later\n").unwrap();
        File::open(&path).unwrap().read_exact(&mut read).unwrap();
        assert_eq!(&read, b"later\n");
    }

    #[test]
    fn a_file_is_appended_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        fs::write(&path, "1\n").unwrap();
        let outlet = Outlet::append_to(&path).unwrap();
        assert!(outlet.may_wait());
        outlet.write(b"2\n").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"1\n2\n");
        assert!(Outlet::append_to(&folder.path().join("no/such")).is_err());
    }

    #[test]
    fn a_file_that_is_full_is_moved_aside_and_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let [path, aside, away] = ["log", "log.1", "away"].map(|name| folder.path().join(name));
        let outlet = Outlet::append_up_to(&path, 10).unwrap();
        let say = |line: &str| {
            outlet.turn_over(line.len() as u64).unwrap();
            outlet.write(line.as_bytes()).unwrap();
        };
        let read = |path: &Path| fs::read_to_string(path).unwrap();
        ["aaaa\n", "bbbb\n"].into_iter().for_each(say);
        assert!(!aside.exists() && read(&path) == "aaaa\nbbbb\n");
        say("cccc\n");
        assert_eq!((read(&aside), read(&path)), ("aaaa\nbbbb\n".into(), "cccc\n".into()));
        // what was aside goes; a line that is longer than all is a file of its own
        say("dddddddddddd\n");
        say("e\n");
        assert_eq!((read(&aside), read(&path)), ("dddddddddddd\n".into(), "e\n".into()));
        // somebody else has turned it over
        fs::rename(&path, &away).unwrap();
        ["ffff\n", "gggg\n"].into_iter().for_each(say);
        assert_eq!((read(&away), read(&path)), ("e\n".into(), "ffff\ngggg\n".into()));
        assert_eq!(read(&aside), "dddddddddddd\n");
        // and where nothing can be moved it ends
        let full = folder.path().join("full");
        let outlet = Outlet::append_up_to(&full, 1).unwrap();
        outlet.write(b"x").unwrap();
        fs::create_dir(folder.path().join("full.1")).unwrap();
        assert!(outlet.turn_over(1).is_err());
        assert_eq!(read(&full), "x");
    }

    #[test]
    fn a_pipe_or_a_device_has_no_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        nix::unistd::mkfifo(&path, Mode::S_IRWXU).unwrap();
        for path in [path.as_path(), Path::new("/dev/null")] {
            let outlet = Outlet::append_up_to(path, 1).unwrap();
            for _ in 0..9 {
                outlet.turn_over(1_000).unwrap();
                outlet.write(b"x").unwrap();
            }
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn nobody_reads_any_more() {
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC).unwrap();
        let pipe = Outlet::of(writer.as_fd()).unwrap();
        drop(reader);
        assert!(pipe.write(b"x").is_err());
    }
}
