//! One path's way to a session: which of its addresses is next, and how long to wait after a failure. What is said of it, and whether
//! there is to be another try, is [`rejoin`](super::rejoin)'s matter.

use super::events::Over;
use crate::time::Time;
use std::net::SocketAddr;
use std::time::Duration;

/// The wait after a first failure; it doubles with each one ...
const FIRST_BACKOFF: Duration = Duration::from_millis(200);

/// ... up to this ...
pub(super) const LAST_BACKOFF: Duration = Duration::from_secs(2);

/// ... or to this, where somebody else's camcast is asked in vain, or nothing comes of what is accepted, and the stream is there by
/// another path.
pub(super) const VAIN_BACKOFF: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Looking,
    /// The address that is being tried.
    Joining {
        at: usize,
    },
    Live,
    Leaving,
    Waiting {
        until: Time,
    },
    Done,
}

/// What is to be done for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Resolve,
    Join(SocketAddr),
    Leave,
}

/// Why its first session did not come about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Futile<F> {
    Failed(F),
    Unheard(Over),
}

/// One path; `F` is why a join fails.
#[derive(Debug)]
pub(super) struct Approach<F> {
    pub(super) phase: Phase,
    addresses: Vec<SocketAddr>,
    backoff: Duration,
    step: Option<Step>,
    /// Its session has proved itself: something has come.
    pub(super) is_proved: bool,
    /// Since when it has no session that it had.
    pub(super) lost: Option<Time>,
    /// It was tried in vain while there was no session at all.
    pub(super) futile: Option<Futile<F>>,
    /// That it fails has been said.
    pub(super) is_told: bool,
    /// Since when it leads to another stream than the one that is being received.
    pub(super) astray: Option<Time>,
    /// That this is no restart of camcast's is certain, and has been said.
    pub(super) is_foreign: bool,
}

impl<F> Approach<F> {
    /// Wants its addresses.
    pub(super) fn new() -> Self {
        Approach {
            phase: Phase::Looking,
            addresses: Vec::new(),
            backoff: FIRST_BACKOFF,
            step: Some(Step::Resolve),
            is_proved: false,
            lost: None,
            futile: None,
            is_told: false,
            astray: None,
            is_foreign: false,
        }
    }

    pub(super) fn on_addresses(&mut self, addresses: Vec<SocketAddr>) {
        if self.phase == Phase::Looking {
            self.addresses = addresses;
            self.join(0);
        }
    }

    /// Tries the next address, if there is one behind the one that has failed.
    pub(super) fn try_next(&mut self) -> bool {
        let Phase::Joining { at } = self.phase else { return false };
        let next = at.saturating_add(1);
        let is_there = next < self.addresses.len();
        if is_there {
            self.join(next);
        }
        is_there
    }

    fn join(&mut self, at: usize) {
        let Some(to) = self.addresses.get(at).copied() else { return };
        self.phase = Phase::Joining { at };
        self.step = Some(Step::Join(to));
    }

    /// A session begins.
    pub(super) fn begin(&mut self) {
        self.phase = Phase::Live;
        (self.is_proved, self.futile) = (false, None);
    }

    /// Its session has heard from its server, for the first time. Returns since when it had none.
    pub(super) fn prove(&mut self) -> Option<Time> {
        self.is_proved = true;
        self.backoff = FIRST_BACKOFF;
        self.is_told = false;
        self.lost.take()
    }

    /// The stream comes by it.
    pub(super) fn is_there(&self) -> bool {
        self.phase == Phase::Live && self.is_proved
    }

    /// There is to be another try after a while, which is `most` at the most. `anew`: the name may have another address by then.
    pub(super) fn wait(&mut self, anew: bool, most: Duration, now: Time) {
        if anew {
            self.addresses.clear();
        }
        let wait = self.backoff.min(most);
        self.phase = Phase::Waiting { until: now.after(wait) };
        self.backoff = wait.saturating_mul(2).min(most);
    }

    /// There is no other session: the next try is to come soon.
    pub(super) fn hurry(&mut self, now: Time) {
        if let Phase::Waiting { until } = &mut self.phase {
            *until = now.after(LAST_BACKOFF).min(*until);
        }
    }

    /// No session is wanted any more.
    pub(super) fn stop(&mut self) {
        let is_live = self.phase == Phase::Live;
        self.step = is_live.then_some(Step::Leave);
        self.phase = if is_live { Phase::Leaving } else { Phase::Done };
    }

    /// The same, without a word.
    pub(super) fn end(&mut self) {
        (self.phase, self.step) = (Phase::Done, None);
    }

    pub(super) fn on_timeout(&mut self, now: Time) {
        if now < self.next_timeout() {
            return;
        }
        if self.addresses.is_empty() {
            self.phase = Phase::Looking;
            self.step = Some(Step::Resolve);
        } else {
            self.join(0);
        }
    }

    pub(super) fn next_timeout(&self) -> Time {
        match self.phase {
            Phase::Waiting { until } => until,
            _ => Time::NEVER,
        }
    }

    /// What is to be done next. If it may not join yet, that stays to be done.
    pub(super) fn take_step(&mut self, may_join: bool) -> Option<Step> {
        self.step.take_if(|step| may_join || !matches!(step, Step::Join(_)))
    }

    #[cfg(test)]
    pub(super) fn has_addresses(&self) -> bool {
        !self.addresses.is_empty()
    }
}
