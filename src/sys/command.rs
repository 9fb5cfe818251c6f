//! A command of the shell's, run to its end or to a deadline.

use nix::errno::Errno;
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawn};
use nix::sys::signal::{SigSet, Signal, killpg};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use std::ffi::{CStr, CString, OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// A program that is asked to end has this long before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// How a program has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this status.
    Status(i32),
    /// By a signal of this number.
    Signal(i32),
    /// It took too long, and was ended with all that it had started.
    Late,
}

/// Has `sh` run a script, with `more` in its environment. It reads nothing, and what it says goes to our standard error.
///
/// # Errors
/// It cannot be started.
pub fn run(script: &OsStr, more: &[(&str, OsString)], most: Duration) -> io::Result<Ended> {
    let child = start(c"/bin/sh", script, more)?;
    let (done, ended) = channel();
    thread::Builder::new().name("command".into()).spawn(move || {
        // nobody listens any more only if the program ends
        let _ = done.send(wait(child));
    })?;
    match ended.recv_timeout(most) {
        Ok(ended) => return Ok(ended?),
        Err(RecvTimeoutError::Disconnected) => return Err(io::ErrorKind::Other.into()),
        Err(RecvTimeoutError::Timeout) => {}
    }
    signal(child, Signal::SIGTERM)?;
    if ended.recv_timeout(GRACE).is_err() {
        signal(child, Signal::SIGKILL)?;
        let _ = ended.recv_timeout(GRACE);
    }
    Ok(Ended::Late)
}

/// In a process group of its own: a Ctrl-C on our terminal is not meant for it. Signals are to it what they are to any
/// program, whatever we ignore or block.
///
/// Not the standard library's `Command`: linked on a newer system that asks for glibc 2.39, and Debian 12 has 2.36.
fn start(shell: &CStr, script: &OsStr, more: &[(&str, OsString)]) -> io::Result<Pid> {
    let (nothing, errors) = (File::open("/dev/null")?, io::stderr());
    let mut files = PosixSpawnFileActions::init()?;
    files.add_dup2(nothing.as_raw_fd(), 0)?;
    files.add_dup2(errors.as_raw_fd(), 1)?;
    let mut how = PosixSpawnAttr::init()?;
    how.set_flags(
        PosixSpawnFlags::POSIX_SPAWN_SETPGROUP
            | PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF
            | PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK,
    )?;
    how.set_pgroup(Pid::from_raw(0))?;
    how.set_sigdefault(&SigSet::all())?;
    how.set_sigmask(&SigSet::empty())?;
    let words = [c"sh".to_owned(), c"-c".to_owned(), CString::new(script.as_bytes())?];
    let inherited = std::env::vars_os().filter(|(name, _)| !more.iter().any(|(other, _)| name == other));
    let added = more.iter().map(|(name, value)| (OsString::from(name), value.clone()));
    let environment = inherited.chain(added).map(|(name, value)| variable(&name, &value));
    let environment = environment.collect::<Result<Vec<_>, _>>()?;
    Ok(posix_spawn(shell, &files, &how, &words, &environment)?)
}

fn variable(name: &OsStr, value: &OsStr) -> Result<CString, std::ffi::NulError> {
    CString::new([name.as_bytes(), b"=", value.as_bytes()].concat())
}

fn wait(child: Pid) -> Result<Ended, Errno> {
    loop {
        match waitpid(child, None) {
            Ok(WaitStatus::Exited(_, code)) => return Ok(Ended::Status(code)),
            Ok(WaitStatus::Signaled(_, signal, _)) => return Ok(Ended::Signal(signal as i32)),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

fn signal(group: Pid, which: Signal) -> io::Result<()> {
    match killpg(group, which) {
        // it has just ended by itself
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, most: Duration) -> Ended {
        run(OsStr::new(script), &[("CAMREC_TEST", "a value".into())], most).unwrap()
    }

    #[test]
    fn programs_end_by_themselves_by_a_signal_or_late() {
        let long = Duration::from_secs(60);
        assert_eq!(shell("exit 3", long), Ended::Status(3));
        assert_eq!(shell("kill -9 $$", long), Ended::Signal(9));
        assert_eq!(shell("sleep 60 & sleep 60", Duration::from_millis(100)), Ended::Late);
        // in an emulator's vfork a failed exec is the child's end
        let nowhere = start(c"/nowhere/at/all", OsStr::new(""), &[]).map(wait);
        assert!(matches!(nowhere, Err(_) | Ok(Ok(Ended::Status(127)))), "{nowhere:?}");
    }

    #[test]
    fn a_command_has_what_any_has() {
        let long = Duration::from_secs(60);
        assert_eq!(shell("test \"$CAMREC_TEST\" = 'a value' && test -n \"$PATH\"", long), Ended::Status(0));
        assert_eq!(shell("! read -r line", long), Ended::Status(0), "nothing to read");
        // SIGPIPE is ignored in a Rust program, and ends all others
        assert_eq!(shell("kill -PIPE $$", long), Ended::Signal(Signal::SIGPIPE as i32));
        let group = "test \"$(cut -d' ' -f5 /proc/$$/stat)\" = $$";
        assert_eq!(shell(group, long), Ended::Status(0), "the leader of a group");
        assert!(run(OsStr::new("a\0b"), &[], long).is_err());
    }
}
