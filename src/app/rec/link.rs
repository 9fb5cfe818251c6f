//! What there is of the way to camcast: a look-up, a join or a session. What follows which is
//! [`Rejoin`](crate::receiver::rejoin::Rejoin)'s.

use super::joining::Joining;
use super::session::Session;
use crate::sys::names::Lookup;
use crate::time::Time;
use crate::wire::FrameNumber;
use nix::poll::PollFlags;
use std::os::fd::{AsFd, BorrowedFd};

/// What there is of the way to camcast.
pub(super) struct Link {
    pub(super) step: Step,
    /// A plain session's frames are numbered on from here.
    pub(super) next_plain: FrameNumber,
}

/// How far it has come.
pub(super) enum Step {
    Nothing,
    Looking(Lookup),
    Joining(Box<Joining>),
    Live(Session),
}

impl Default for Link {
    fn default() -> Self {
        Link { step: Step::Nothing, next_plain: FrameNumber(1) }
    }
}

impl Link {
    /// What to poll, and for what.
    pub(super) fn fd(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        match &self.step {
            Step::Nothing => None,
            Step::Looking(lookup) => Some((lookup.as_fd(), PollFlags::POLLIN)),
            Step::Joining(joining) => Some(joining.fd()),
            Step::Live(session) => Some((session.fd(), PollFlags::POLLIN)),
        }
    }

    /// When to go on with it at the latest.
    pub(super) fn next_timeout(&self) -> Time {
        match &self.step {
            Step::Nothing | Step::Looking(_) => Time::NEVER,
            Step::Joining(joining) => joining.next_timeout(),
            Step::Live(session) => session.next_timeout(),
        }
    }

    /// The session, if there is one.
    pub(super) fn session(&self) -> Option<&Session> {
        match &self.step {
            Step::Live(session) => Some(session),
            _ => None,
        }
    }

    /// The same.
    pub(super) fn session_mut(&mut self) -> Option<&mut Session> {
        match &mut self.step {
            Step::Live(session) => Some(session),
            _ => None,
        }
    }
}
