//! Sleep until something can be read or written, or a deadline has come.

use crate::time::Time;
use nix::errno::Errno;
use nix::poll::{PollFd, ppoll};
use nix::sys::time::TimeSpec;
use std::io;

pub use nix::poll::PollFlags;

/// Waits for any of `fds`, at the longest until `until`. Returns at once if that is not after `now`.
/// A signal ends the wait too: then no `fd` is ready.
///
/// # Errors
/// What the system says of a bad descriptor set; never an interruption.
pub fn wait(fds: &mut [PollFd<'_>], until: Time, now: Time) -> io::Result<()> {
    let timeout = (until != Time::NEVER).then(|| TimeSpec::from(until.since(now)));
    match ppoll(fds, timeout, None) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// True if the descriptor can be read, or has something to say that reading will tell.
pub fn is_readable(fd: &PollFd<'_>) -> bool {
    let heard = PollFlags::POLLIN | PollFlags::POLLPRI | PollFlags::POLLERR | PollFlags::POLLHUP;
    fd.revents().is_some_and(|revents| revents.intersects(heard))
}

/// True if the descriptor has nothing to read, but an error to report or nobody at its other end.
pub fn is_failing(fd: &PollFd<'_>) -> bool {
    let failing = PollFlags::POLLERR | PollFlags::POLLHUP | PollFlags::POLLNVAL;
    let revents = fd.revents().unwrap_or(PollFlags::empty());
    revents.intersects(failing) && !revents.contains(PollFlags::POLLIN)
}

/// True if the descriptor takes bytes, or has an error that writing will tell.
pub fn is_writable(fd: &PollFd<'_>) -> bool {
    fd.revents().is_some_and(|revents| {
        revents.intersects(PollFlags::POLLOUT | PollFlags::POLLERR | PollFlags::POLLHUP)
    })
}
