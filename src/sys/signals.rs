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

/// The wish to stop, from the terminal or from the service manager.
pub struct Signals {
    pipe: UnixStream,
}

impl Signals {
    /// From here on the signals no longer end the process.
    ///
    /// # Errors
    /// If the process has no descriptor left.
    pub fn new() -> io::Result<Self> {
        let (pipe, write) = UnixStream::pair()?;
        pipe.set_nonblocking(true)?;
        // nohup, and shells for what they start in the background, have signals ignored: so be it
        for signal in [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !is_ignored(*signal)) {
            signal_hook::low_level::pipe::register(signal, write.try_clone()?)?;
        }
        Ok(Signals { pipe })
    }

    /// How many signals have come since the last call.
    pub fn take(&self) -> usize {
        let mut bytes = [0; 16];
        recv(self.pipe.as_raw_fd(), &mut bytes, MsgFlags::MSG_DONTWAIT).unwrap_or(0)
    }
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
