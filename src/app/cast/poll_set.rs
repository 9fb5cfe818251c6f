//! The one poll call: who is asked, and who has answered.

use super::config::{MAX_CLIENTS, MAX_LISTEN};
use super::udp::client::Client;
use super::udp::pending;
use crate::sys::poll::{self, PollFlags};
use crate::time::Time;
use arrayvec::ArrayVec;
use nix::poll::PollFd;
use std::os::fd::{AsFd, BorrowedFd};

/// Signals, the source, its opener or news of devices, two logs, two sockets an address, pending joins, clients.
const MOST: usize = 6 + 2 * MAX_LISTEN + pending::PLACES + MAX_CLIENTS as usize;

/// Whose descriptor it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The wish to stop.
    Signals,
    /// The camera, or standard input.
    Source,
    /// The same, with an error to report and nothing to read.
    FailingSource,
    /// The thread that opens the camera has done so, or has failed.
    Opener,
    /// A device has come.
    Hotplug,
    /// Whoever reads the log takes more of it.
    Log,
    /// The same of the client log.
    ClientLog,
    /// The TCP listener of the address with this index.
    Joins(usize),
    /// The UDP listener of the address with this index.
    Strangers(usize),
    /// The pending join with this index.
    PendingJoin(usize),
    /// The client in this place, whose socket can be read.
    Client(usize),
    /// The client in this place, whose socket takes datagrams again.
    Writable(usize),
}

/// The descriptors of one turn. It lives on the stack: nothing is allocated a turn.
#[derive(Default)]
pub struct Wait<'a> {
    fds: ArrayVec<PollFd<'a>, MOST>,
    who: ArrayVec<Who, MOST>,
}

/// Who has something to say.
pub type Ready = ArrayVec<Who, { MOST * 2 }>;

impl<'a> Wait<'a> {
    /// Asks whether `fd` can be read.
    pub fn readable(&mut self, who: Who, fd: BorrowedFd<'a>) {
        self.add(who, fd, PollFlags::POLLIN);
    }

    /// Asks whether `fd` can be written.
    pub fn writable(&mut self, who: Who, fd: BorrowedFd<'a>) {
        self.add(who, fd, PollFlags::POLLOUT);
    }

    /// Asks whether a client's socket can be read and, if it waits for that, written.
    pub fn client(&mut self, place: usize, client: &'a Client) {
        let write = if client.is_blocked() { PollFlags::POLLOUT } else { PollFlags::empty() };
        self.add(Who::Client(place), client.socket.as_fd(), PollFlags::POLLIN | write);
    }

    fn add(&mut self, who: Who, fd: BorrowedFd<'a>, flags: PollFlags) {
        // MOST counts everybody that there can be
        let _ = (self.fds.try_push(PollFd::new(fd, flags)), self.who.try_push(who));
    }

    /// Sleeps until somebody answers or `until` has come.
    ///
    /// # Errors
    /// What the system says of a bad descriptor set.
    pub fn wait(mut self, until: Time, now: Time) -> std::io::Result<Ready> {
        poll::wait(&mut self.fds, until, now)?;
        let mut ready = Ready::new();
        for (fd, who) in self.fds.iter().zip(&self.who) {
            match who {
                Who::Source if poll::is_failing(fd) => ready.push(Who::FailingSource),
                Who::Log | Who::ClientLog => ready.extend(poll::is_writable(fd).then_some(*who)),
                _ if poll::is_readable(fd) => ready.push(*who),
                _ => {}
            }
            if let (Who::Client(place), true) = (*who, poll::is_writable(fd)) {
                ready.push(Who::Writable(place));
            }
        }
        Ok(ready)
    }
}
