//! HELLO: said until it is answered, and how large it is. It is padded to a datagram's size, which tells the server that the path
//! takes such datagrams; a short one gets through where the padded one does not.

use crate::time::Time;
use arrayvec::ArrayVec;
use std::time::Duration;

/// HELLO is given up after this long without an answer.
const DEADLINE: Duration = Duration::from_secs(4);

const WAIT: Duration = Duration::from_millis(200);

/// Padded HELLOs that may go unanswered before every other one is a short one, for a narrow path.
const PADDED_TRIES: u32 = 2;

/// If a short HELLO was needed, the path may have been closed for a moment rather than narrow: padded ones follow this long
/// after the first answer.
const PROBES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(9)];

/// A HELLO that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// A short one.
    pub(super) narrow: bool,
    /// Bytes that this machine's way out takes, 0 if that is not known.
    pub(super) path_mtu: u16,
}

/// What has been said, and what is to be.
pub(super) struct Greeting {
    deadline: Time,
    next: Time,
    tries: u32,
    narrow: bool,
    path_mtu: u16,
    is_answered: bool,
    /// When padded ones are to follow.
    probes: ArrayVec<Time, { PROBES.len() }>,
}

impl Greeting {
    /// The first one is due at once.
    pub(super) fn new(now: Time) -> Self {
        Greeting {
            deadline: now.after(DEADLINE),
            next: now,
            tries: 0,
            narrow: false,
            path_mtu: 0,
            is_answered: false,
            probes: ArrayVec::new(),
        }
    }

    /// No answer comes any more.
    pub(super) fn is_hopeless(&self, now: Time) -> bool {
        now >= self.deadline
    }

    /// Something has come from the server.
    pub(super) fn on_answer(&mut self, now: Time) {
        self.is_answered = true;
        // the one after the padded ones was a short one
        if self.tries > PADDED_TRIES.saturating_add(1) && !self.narrow {
            self.probes = PROBES.map(|wait| now.after(wait)).into();
        }
    }

    /// The padded one is too large for the way out of this machine, which takes packets of `path_mtu` bytes, 0 if that is not
    /// known.
    pub(super) fn on_too_large(&mut self, path_mtu: u16, now: Time) {
        self.probes.clear();
        if !self.is_answered {
            (self.narrow, self.path_mtu, self.next) = (true, path_mtu, now);
        }
    }

    /// When there is something to say or to give up.
    #[must_use]
    pub(super) fn next_timeout(&self) -> Time {
        if self.is_answered { self.probe_due() } else { self.next.min(self.deadline) }
    }

    pub(super) fn probe_due(&self) -> Time {
        self.probes.first().copied().unwrap_or(Time::NEVER)
    }

    /// A HELLO, if one is due.
    #[must_use]
    pub(super) fn poll(&mut self, now: Time) -> Option<Due> {
        let narrow = if self.is_answered {
            if now < self.probe_due() {
                return None;
            }
            self.probes.remove(0);
            self.narrow
        } else {
            if now < self.next {
                return None;
            }
            let tries = self.tries;
            (self.next, self.tries) = (now.after(WAIT), tries.saturating_add(1));
            self.narrow || (tries >= PADDED_TRIES && tries % 2 == 1)
        };
        Some(Due { narrow, path_mtu: self.path_mtu })
    }
}
