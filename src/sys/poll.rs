//! Sleep until something can be read or written, or a deadline has come.

use crate::time::Time;
use nix::errno::Errno;
use nix::poll::{PollFd, ppoll};
use nix::sys::time::TimeSpec;
use std::io;
use std::time::Duration;

pub use nix::poll::PollFlags;

/// A 32-bit system's seconds end at 68 years.
const LONGEST: Duration = Duration::from_secs(86_400);

/// Waits for any of `fds`, at the longest until `until`. Returns at once if that is not after `now`.
/// A signal ends the wait too, and so does a day: then no `fd` is ready.
///
/// # Errors
/// What the system says of a bad descriptor set; never an interruption.
pub fn wait(fds: &mut [PollFd<'_>], until: Time, now: Time) -> io::Result<()> {
    let timeout = (until != Time::NEVER).then(|| TimeSpec::from(until.since(now).min(LONGEST)));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::clock;
    use crate::sys::loopback::deadline;
    use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
    use std::fs::File;
    use std::io::{Read, Write};
    use std::os::fd::{AsFd, OwnedFd};
    use std::os::unix::net::UnixStream;
    use std::os::unix::thread::JoinHandleExt;

    /// What is asked for now, as readable, writable and failing.
    fn look(fd: &impl AsFd, what: PollFlags) -> [bool; 3] {
        let mut fds = [PollFd::new(fd.as_fd(), what)];
        wait(&mut fds, Time::default(), clock::now()).unwrap();
        [is_readable(&fds[0]), is_writable(&fds[0]), is_failing(&fds[0])]
    }

    const NOTHING: [bool; 3] = [false; 3];
    const READABLE: [bool; 3] = [true, false, false];
    const WRITABLE: [bool; 3] = [false, true, false];

    #[test]
    fn a_deadline_may_be_centuries_away() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(b"x").unwrap();
        for years in [1, 67, 100, 500] {
            let mut fds = [PollFd::new(ours.as_fd(), PollFlags::POLLIN)];
            let until = Time::default().after(Duration::from_secs(years * 31_556_952));
            wait(&mut fds, until, Time::default()).unwrap();
            assert!(is_readable(&fds[0]), "{years} years");
        }
    }

    #[test]
    fn what_comes_is_readable_until_it_is_read() {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        assert_eq!(look(&ours, PollFlags::POLLIN), NOTHING);
        theirs.write_all(b"x").unwrap();
        assert_eq!(look(&ours, PollFlags::POLLIN), READABLE);
        assert_eq!(look(&ours, PollFlags::empty()), NOTHING, "nobody has asked");
        ours.read_exact(&mut [0]).unwrap();
        assert_eq!(look(&ours, PollFlags::POLLIN), NOTHING);
    }

    #[test]
    fn what_is_full_is_not_writable_until_it_is_read() {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        assert_eq!(look(&ours, PollFlags::POLLOUT), WRITABLE);
        while ours.write(&[0; 4096]).is_ok() {}
        assert_eq!(look(&ours, PollFlags::POLLOUT), NOTHING);
        theirs.set_nonblocking(true).unwrap();
        while theirs.read(&mut [0; 65_536]).is_ok() {}
        assert_eq!(look(&ours, PollFlags::POLLOUT), WRITABLE);
    }

    #[test]
    fn an_end_that_has_gone_is_told_even_who_asks_for_nothing() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(theirs);
        // reading tells the end, and writing too: it does not fail as long as there is something to read
        assert_eq!(look(&ours, PollFlags::POLLIN), [true, true, false]);
        assert_eq!(look(&ours, PollFlags::empty()), [true; 3]);
        let (reader, writer) = nix::unistd::pipe().unwrap();
        let mut rest: File = OwnedFd::from(File::from(writer)).into();
        assert_eq!(look(&rest, PollFlags::POLLOUT), WRITABLE);
        rest.write_all(b"x").unwrap();
        drop(reader);
        assert_eq!(look(&rest, PollFlags::empty()), [true; 3]);
    }

    #[test]
    fn a_deadline_is_waited_for_and_not_cut_short() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        for wait_ns in [0, 1, 999, 1_500_000] {
            let until = clock::now().after(Duration::from_nanos(wait_ns));
            let mut fds = [PollFd::new(ours.as_fd(), PollFlags::POLLIN)];
            wait(&mut fds, until, clock::now()).unwrap();
            assert!(clock::now() >= until && !is_readable(&fds[0]));
        }
    }

    extern "C" fn nothing(_: libc::c_int) {}

    #[test]
    fn a_signal_ends_the_wait_and_is_no_error() {
        let action = SigAction::new(SigHandler::Handler(nothing), SaFlags::empty(), SigSet::empty());
        // SAFETY: the handler does nothing, and nothing else in this test program uses SIGUSR2.
        unsafe { sigaction(Signal::SIGUSR2, &action) }.unwrap();
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let waiting = std::thread::spawn(move || {
            let mut fds = [PollFd::new(ours.as_fd(), PollFlags::POLLIN)];
            wait(&mut fds, Time::NEVER, clock::now()).map(|()| is_readable(&fds[0]))
        });
        let until = deadline();
        // one that comes before the wait does not end it
        while !waiting.is_finished() && clock::now() < until {
            // SAFETY: the thread has not been joined, so its handle is still good.
            unsafe { libc::pthread_kill(waiting.as_pthread_t(), libc::SIGUSR2) };
            std::thread::yield_now();
        }
        let _ = theirs.write_all(b"x"); // should it wait still
        assert!(!waiting.join().unwrap().unwrap(), "nothing came but the signal");
    }

    #[test]
    fn more_than_a_process_may_have_is_an_error() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let (most, _) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).unwrap();
        if most > 1 << 21 {
            return crate::sys::loopback::left_out(
                crate::sys::loopback::test_name!("more_than_a_process_may_have_is_an_error"),
                "the limit of descriptors is too high",
            );
        }
        let mut fds = vec![PollFd::new(ours.as_fd(), PollFlags::POLLIN); most as usize + 1];
        let why = wait(&mut fds, Time::default(), clock::now()).unwrap_err();
        assert_eq!(why.raw_os_error(), Some(libc::EINVAL));
    }
}
