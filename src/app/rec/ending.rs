//! The end: the wait for the threads beside the loop, which a further signal ends, the account, and the exit code.

use super::Recorder;
use super::config::Target;
use super::hooks::Hooks;
use super::report::account::Account;
use super::report::feed::Feed;
use super::report::json::JsonEvent;
use super::report::paths::PathFigures;
use crate::account::ledger::Ledger;
use crate::app::exit::{Exit, ExitError};
use crate::app::{local_time, logging, say_at_the_end};
use crate::sys::clock;
use crate::sys::poll::{self, PollFlags};
use arrayvec::ArrayVec;
use nix::poll::PollFd;
use std::os::fd::AsFd;

impl Recorder<'_> {
    /// Closes the file and gives the account.
    pub(super) fn close(mut self) -> Result<Exit, ExitError> {
        logging::hide();
        self.writer.stop();
        self.wait_for_writer();
        self.read_notes();
        self.wait_for_commands();
        let (ledger, outside) = self.writer.account();
        let exit = self.exit(&ledger);
        if exit == Exit::NoFrames {
            log::warn!("no frame came: nothing is recorded");
        }
        if self.rejoin.has_joined() {
            let away_since = self.rejoin.lost_since().map(local_time::at);
            let silence = self.camera.silence.filter(|_| away_since.is_none());
            let camera_away_since =
                silence.map(|silence| ledger.last().unwrap_or(local_time::at(silence.heard)));
            let account = Account {
                ledger: &ledger,
                files: &self.files,
                closed: self.closed,
                is_every: self.config.is_every(),
                away_since,
                camera_away_since,
                paths: &self.link.accounts(clock::now()),
            };
            give(&account, &self.config.target, self.feed, exit, outside);
        }
        self.failure.map_or(Ok(exit), Err)
    }

    fn exit(&self, ledger: &Ledger) -> Exit {
        let counts = ledger.counts();
        // what a camera delivered while it could not be reached, nobody knows
        let is_away = self.rejoin.may_miss();
        let is_complete = !self.config.is_every() || (counts.missing == 0 && !is_away);
        // whoever closes a player has seen enough
        let is_empty = counts.recorded == 0 && !self.was_closed;
        match &self.failure {
            Some(failure) => failure.exit,
            None if !is_complete => Exit::Incomplete,
            None if is_empty => Exit::NoFrames,
            None => Exit::Ok,
        }
    }

    /// A disk may take its time, and a reader that has stopped reading all of it.
    fn wait_for_writer(&mut self) {
        if !self.wait_while(|it| !it.writer.has_ended()) {
            log::warn!(
                "no longer waiting for the disk, or for whoever reads standard output: the end of the recording may be missing"
            );
        }
    }

    /// The commands of the last files are given the time that they take; a signal ends the wait, and not them.
    fn wait_for_commands(&mut self) {
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
            self.tell_service(clock::now());
            let mut fds: ArrayVec<PollFd<'_>, 3> = ArrayVec::new();
            fds.push(PollFd::new(self.signals.as_fd(), PollFlags::POLLIN));
            fds.push(PollFd::new(self.bell.as_fd(), PollFlags::POLLIN));
            fds.extend(logging::fd().map(|fd| PollFd::new(fd, PollFlags::POLLOUT)));
            let waited = poll::wait(&mut fds, self.service.next_timeout(), clock::now());
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

/// The account, to people or to programs.
fn give(account: &Account<'_>, target: &Target, feed: &mut Option<Feed>, exit: Exit, outside: u64) {
    if let Some(feed) = feed {
        return feed.say(&JsonEvent::Account {
            exit: exit as u8,
            figures: Box::new(account.ledger.into()),
            restarts: account.ledger.counts().restarts,
            missing_outside_sidecars: outside,
            away_since: account.away_since.map(local_time::rfc3339),
            camera_away_since: account.camera_away_since.map(local_time::rfc3339),
            paths: account.paths.iter().map(PathFigures::from).collect(),
        });
    }
    match target {
        Target::Folder(_) => say_at_the_end(&account.text()),
        Target::Pipe { .. } => account.text().lines().for_each(|line| log::info!("{line}")),
    }
}
