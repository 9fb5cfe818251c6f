//! Another program, run to its end or to a deadline.

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus};
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

/// Runs a program in a process group of its own: a Ctrl-C on our terminal is not meant for it.
///
/// # Errors
/// It cannot be started.
pub fn run(command: &mut Command, most: Duration) -> io::Result<Ended> {
    let mut child = command.process_group(0).spawn()?;
    let group = Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?);
    let (done, ended) = channel();
    thread::Builder::new().name("command".into()).spawn(move || {
        // nobody listens any more only if the program ends
        let _ = done.send(child.wait());
    })?;
    match ended.recv_timeout(most) {
        Ok(status) => return status.map(meaning),
        Err(RecvTimeoutError::Disconnected) => return Err(io::ErrorKind::Other.into()),
        Err(RecvTimeoutError::Timeout) => {}
    }
    signal(group, Signal::SIGTERM)?;
    if ended.recv_timeout(GRACE).is_err() {
        signal(group, Signal::SIGKILL)?;
        let _ = ended.recv_timeout(GRACE);
    }
    Ok(Ended::Late)
}

fn signal(group: Pid, which: Signal) -> io::Result<()> {
    match killpg(group, which) {
        // it has just ended by itself
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

fn meaning(status: ExitStatus) -> Ended {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Status(code),
        (None, signal) => Ended::Signal(signal.unwrap_or(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, most: Duration) -> Ended {
        run(Command::new("sh").args(["-c", script]), most).unwrap()
    }

    #[test]
    fn programs_end_by_themselves_by_a_signal_or_late() {
        let long = Duration::from_secs(60);
        assert_eq!(shell("exit 3", long), Ended::Status(3));
        assert_eq!(shell("kill -9 $$", long), Ended::Signal(9));
        assert_eq!(shell("sleep 60 & sleep 60", Duration::from_millis(100)), Ended::Late);
        // in an emulator's vfork a failed exec is the child's end
        let nowhere = run(&mut Command::new("/nowhere/at/all"), long);
        assert!(matches!(nowhere, Err(_) | Ok(Ended::Status(127))), "{nowhere:?}");
    }
}
