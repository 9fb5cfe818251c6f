//! SIGINT, SIGTERM and SIGHUP as bytes in a pipe, to be polled like everything else.

use nix::sys::signal::{SigHandler, Signal, signal};
use nix::sys::socket::{MsgFlags, recv};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;

/// From here on a file that has come to its limit (`ulimit -f`, or what its file system can) fails a write, and does not end
/// the process: SIGXFSZ would, without a word.
pub fn outlive_file_limits() {
    // SAFETY: no handler is installed, so nothing of ours is ever run in a signal's context.
    let _ = unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) };
}

/// The wish to stop, from the terminal or from the service manager; or another wish that comes as a signal.
pub struct Signals {
    pipe: UnixStream,
}

impl Signals {
    /// From here on the signals no longer end the process.
    ///
    /// # Errors
    /// If the process has no descriptor left.
    pub fn new() -> io::Result<Self> {
        Self::of(&[SIGINT, SIGTERM, SIGHUP])
    }

    /// The same for a service, to which SIGHUP is no wish to stop.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn but_hangup() -> io::Result<Self> {
        Self::of(&[SIGINT, SIGTERM])
    }

    /// SIGHUP alone: the wish of a service's manager that it looks at its configuration.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn hangup() -> io::Result<Self> {
        Self::of(&[SIGHUP])
    }

    fn of(signals: &[libc::c_int]) -> io::Result<Self> {
        let (pipe, write) = UnixStream::pair()?;
        pipe.set_nonblocking(true)?;
        // nohup, and shells for what they start in the background, have signals ignored: so be it
        for signal in signals.iter().filter(|signal| !is_ignored(**signal)) {
            signal_hook::low_level::pipe::register(*signal, write.try_clone()?)?;
        }
        Ok(Signals { pipe })
    }

    /// How many signals have come since the last call.
    pub fn take(&self) -> usize {
        let mut bytes = [0; 16];
        recv(self.pipe.as_raw_fd(), &mut bytes, MsgFlags::MSG_DONTWAIT).unwrap_or(0)
    }
}

/// Whether this process has a terminal, whose end it is told by SIGHUP.
pub fn has_terminal() -> bool {
    // the one that a process has, whatever its own descriptors are, by tty(4); without one it cannot be opened
    std::fs::File::open("/dev/tty").is_ok()
}

fn is_ignored(signal: libc::c_int) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: a null pointer for the new action asks only for the present one, which is written into our own room.
    let asked = unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) };
    // SAFETY: all zeros are a valid sigaction, and the call has written a valid one over them if it did anything.
    asked == 0 && unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::loopback::{alone, test_name, wait_for};
    use crate::sys::poll::PollFlags;
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    use nix::sys::signal::raise;
    use std::io::Write;

    /// nohup, and a shell for what it starts in the background, have some of them ignored.
    fn as_usual() {
        for usual in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
            // SAFETY: no handler is installed.
            unsafe { signal(usual, SigHandler::SigDfl) }.unwrap();
        }
    }

    #[test]
    fn each_signal_is_counted_and_wakes_the_loop() {
        if !alone(test_name!("each_signal_is_counted_and_wakes_the_loop")) {
            return;
        }
        as_usual();
        let signals = Signals::new().unwrap();
        assert_eq!(signals.take(), 0);
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
            raise(signal).unwrap();
            wait_for(&signals, PollFlags::POLLIN);
            assert_eq!((signals.take(), signals.take()), (1, 0), "{signal}");
        }
        raise(Signal::SIGINT).unwrap();
        raise(Signal::SIGINT).unwrap();
        assert_eq!((signals.take(), signals.take()), (2, 0), "the second one ends waits");
    }

    #[test]
    fn a_hangup_can_be_told_from_the_wish_to_stop() {
        if !alone(test_name!("a_hangup_can_be_told_from_the_wish_to_stop")) {
            return;
        }
        as_usual();
        let (stop, hangup) = (Signals::but_hangup().unwrap(), Signals::hangup().unwrap());
        raise(Signal::SIGHUP).unwrap();
        wait_for(&hangup, PollFlags::POLLIN);
        assert_eq!((stop.take(), hangup.take()), (0, 1));
        raise(Signal::SIGTERM).unwrap();
        wait_for(&stop, PollFlags::POLLIN);
        assert_eq!((stop.take(), hangup.take()), (1, 0));
    }

    #[test]
    fn signals_that_nobody_reads_are_no_trouble() {
        if !alone(test_name!("signals_that_nobody_reads_are_no_trouble")) {
            return;
        }
        as_usual();
        let signals = Signals::new().unwrap();
        (0..100_000).for_each(|_| raise(Signal::SIGTERM).unwrap());
        let mut counts = std::iter::from_fn(|| Some(signals.take()).filter(|count| *count > 0));
        assert_eq!(counts.next(), Some(16), "as many as one look takes");
        assert!(counts.count() > 1);
        raise(Signal::SIGTERM).unwrap();
        assert_eq!(signals.take(), 1);
    }

    #[test]
    fn what_was_ignored_stays_ignored() {
        if !alone(test_name!("what_was_ignored_stays_ignored")) {
            return;
        }
        as_usual();
        // SAFETY: no handler is installed.
        unsafe { signal(Signal::SIGHUP, SigHandler::SigIgn) }.unwrap();
        let signals = Signals::new().unwrap();
        raise(Signal::SIGHUP).unwrap();
        assert_eq!(signals.take(), 0);
        raise(Signal::SIGTERM).unwrap();
        assert_eq!(signals.take(), 1);
    }

    #[test]
    fn a_file_at_its_limit_fails_a_write_and_ends_nothing() {
        if !alone(test_name!("a_file_at_its_limit_fails_a_write_and_ends_nothing")) {
            return;
        }
        outlive_file_limits();
        let (_, most) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
        setrlimit(Resource::RLIMIT_FSIZE, 4096, most).unwrap();
        let mut file = tempfile::tempfile().unwrap();
        let why = file.write_all(&[0; 4097]).unwrap_err();
        assert_eq!(why.raw_os_error(), Some(libc::EFBIG));
    }
}
