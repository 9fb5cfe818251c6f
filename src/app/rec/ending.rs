//! The wait for the threads beside the loop, at the end: a further signal ends it.

use super::Recorder;
use super::hooks::Hooks;
use crate::app::logging;
use crate::sys::clock;
use crate::sys::poll::{self, PollFlags};
use crate::time::Time;
use arrayvec::ArrayVec;
use nix::poll::PollFd;
use std::os::fd::AsFd;

impl Recorder<'_> {
    /// A disk may take its time, and a reader that has stopped reading all of it.
    pub(super) fn wait_for_writer(&mut self) {
        if !self.wait_while(|it| !it.writer.has_ended()) {
            log::warn!("the recording's end may not be written: what it goes to does not take it");
        }
    }

    /// The commands of the last files are given the time that they take; a signal ends the wait, and not them.
    pub(super) fn wait_for_commands(&mut self) {
        let Some(after) = &mut self.after else { return };
        after.close();
        let waiting = after.waiting();
        if waiting > 0 {
            log::info!("waiting for --on-segment, {waiting} to do; a further Ctrl-C leaves them alone");
        }
        if !self.wait_while(|it| it.commands() > 0) {
            log::warn!("--on-segment: {} not waited for", self.commands());
        }
    }

    fn commands(&self) -> usize {
        self.after.as_ref().map_or(0, Hooks::waiting)
    }

    /// Waits while a thread is busy. False: a signal has ended the wait.
    fn wait_while(&mut self, is_busy: fn(&Self) -> bool) -> bool {
        while is_busy(self) {
            self.read_notes();
            let mut fds: ArrayVec<PollFd<'_>, 3> = ArrayVec::new();
            fds.push(PollFd::new(self.signals.as_fd(), PollFlags::POLLIN));
            fds.push(PollFd::new(self.bell.as_fd(), PollFlags::POLLIN));
            fds.extend(logging::fd().map(|fd| PollFd::new(fd, PollFlags::POLLOUT)));
            let waited = poll::wait(&mut fds, Time::NEVER, clock::now());
            logging::drain();
            self.bell.clear();
            if waited.is_err() || self.signals.take() > 0 {
                return false;
            }
        }
        self.read_notes();
        true
    }
}
