//! The languages that clients speak, behind one set of methods. A new one is a file of its own, a [`ClientKind`], and an arm
//! in each match here; neither session nor hub knows which there are.

use super::answer::{Answer, Due};
use super::line::{Line, Turn};
use super::native::Native;
use super::parity::Parity;
use super::plain::Plain;
use super::proof::Proof;
use super::slate::{Showing, Slate};
use super::{ClientId, ClientKind, LeaveReason, Small, Tally, Transmit, Wake};
use crate::admission::places::Standing;
use crate::reel::Reel;
use crate::time::Time;
use crate::wire::client::Hello;
use crate::wire::join::Policy;
use crate::wire::plain::END;
use crate::wire::server::{EndReason, ServerEnd};
use crate::wire::{FrameNumber, Token};

/// One client's side of the talk.
pub(super) enum Dialect {
    Plain(Plain),
    Native(Box<Native>),
}

impl Dialect {
    pub(super) fn kind(&self) -> ClientKind {
        match self {
            Dialect::Plain(_) => ClientKind::Plain,
            Dialect::Native(native) => ClientKind::Native(native.policy()),
        }
    }

    /// It gets the stream, and is told when something changes about the camera.
    pub(super) fn is_told_of_camera(&self) -> bool {
        match self {
            Dialect::Plain(_) => false,
            Dialect::Native(native) => native.is_live() && native.proof() > Proof::Token,
        }
    }

    /// It has acknowledged a frame.
    pub(super) fn is_proven(&self) -> bool {
        match self {
            Dialect::Plain(plain) => plain.has_answered(),
            Dialect::Native(native) => native.proof() == Proof::Frame,
        }
    }

    /// How much it would be missed.
    pub(super) fn standing(&self, now: Time) -> Standing {
        match self {
            Dialect::Plain(plain) if !plain.has_answered() => Standing::Idle,
            Dialect::Plain(_) => Standing::Busy,
            Dialect::Native(native) => match native.proof() {
                Proof::Token => Standing::Idle,
                Proof::Answer if native.takes_nothing(now) || native.is_silent(now) => Standing::Stuck,
                Proof::Frame if self.is_viewer() && native.is_silent(now) => Standing::Stuck,
                Proof::Answer | Proof::Frame => Standing::Busy,
            },
        }
    }

    /// It records, and nothing has been heard of it for a while.
    pub(super) fn is_torn_away(&self, now: Time) -> bool {
        match self {
            Dialect::Plain(_) => false,
            Dialect::Native(native) => native.policy() == Policy::Every && native.is_silent(now),
        }
    }

    /// It records: it is done with this frame and all before it.
    pub(super) fn recorded_through(&self) -> Option<FrameNumber> {
        match self {
            Dialect::Plain(_) => None,
            Dialect::Native(native) => {
                (native.policy() == Policy::Every && native.is_live()).then_some(native.through)
            }
        }
    }

    /// It has been told that we leave.
    pub(super) fn is_leaving(&self) -> bool {
        match self {
            Dialect::Plain(_) => false,
            Dialect::Native(native) => native.is_leaving(),
        }
    }

    pub(super) fn has_token(&self, token: Token) -> bool {
        match self {
            Dialect::Plain(_) => false,
            Dialect::Native(native) => native.has_token(token),
        }
    }

    /// It may be shown a slate, now or later: viewers and plain clients, but not recorders.
    pub(super) fn is_viewer(&self) -> bool {
        match self {
            Dialect::Plain(_) => true,
            Dialect::Native(native) => native.policy() == Policy::Newest,
        }
    }

    /// It takes turns with others in what is sent at once.
    pub(super) fn turn(&self) -> Option<Turn> {
        match self {
            Dialect::Plain(_) => None,
            Dialect::Native(native) => native.turn(),
        }
    }

    /// It takes a slate now.
    pub(super) fn takes_slates(&self, now: Time) -> bool {
        match self {
            Dialect::Plain(plain) => !plain.is_waiting(),
            Dialect::Native(native) => native.takes_slates(now),
        }
    }

    /// See [`Hub::outstanding`](super::Hub::outstanding).
    pub(super) fn outstanding(&self, reel: &Reel) -> u64 {
        match self {
            Dialect::Plain(plain) => plain.outstanding(reel),
            Dialect::Native(native) => native.outstanding(reel),
        }
    }

    /// The HELLO with its token will come next, from the address that is sent to from now on.
    pub(super) fn on_adopted(&mut self, hello: &Hello) {
        match self {
            Dialect::Plain(_) => {}
            Dialect::Native(native) => native.on_adopted(hello),
        }
    }

    /// A datagram from its address. `None`: it is not in its language, or of another session.
    pub(super) fn handle_datagram(
        &mut self,
        datagram: &[u8],
        is_blocked: bool,
        reel: &Reel,
        tally: &mut Tally,
        now: Time,
    ) -> Option<Answer> {
        match self {
            Dialect::Plain(plain) => plain.handle_datagram(datagram, now),
            Dialect::Native(native) => native.handle_datagram(datagram, is_blocked, reel, tally, now),
        }
    }

    /// Its host says that nobody listens on its port. True: somebody did before, and may have gone.
    pub(super) fn on_refused(&mut self, now: Time) -> bool {
        match self {
            Dialect::Plain(plain) => plain.on_refused(now),
            Dialect::Native(_) => true,
        }
    }

    /// Something said that its datagrams are too large for its path.
    pub(super) fn on_too_large(&mut self, now: Time) {
        match self {
            Dialect::Plain(_) => {}
            Dialect::Native(native) => native.on_too_large(now),
        }
    }

    /// Its socket is full, and holds up what was handed out last.
    pub(super) fn on_blocked(&mut self) {
        match self {
            Dialect::Plain(_) => {}
            Dialect::Native(native) => native.on_blocked(),
        }
    }

    /// What was held up has gone, or has been dropped.
    pub(super) fn on_unblocked(&mut self, now: Time) {
        match self {
            Dialect::Plain(plain) => plain.on_unblocked(now),
            Dialect::Native(native) => native.on_unblocked(now),
        }
    }

    /// What was handed out last has not been sent, and never will be.
    pub(super) fn on_not_sent(&mut self) {
        match self {
            Dialect::Plain(plain) => plain.on_not_sent(),
            // it asks for what it lacks
            Dialect::Native(_) => {}
        }
    }

    /// We leave. True: it says itself, by [`Due::Gone`], when it has been told; false: it is to be dismissed at once.
    pub(super) fn leave(&mut self, now: Time) -> bool {
        match self {
            Dialect::Native(native) => {
                native.leave(EndReason::Stopping, now);
                true
            }
            Dialect::Plain(_) => false,
        }
    }

    /// The next bytes to send. Changes with each frame in the reel, each datagram from the client, each timeout and each
    /// call.
    #[must_use]
    pub(super) fn poll_transmit(
        &mut self,
        client: ClientId,
        reel: &Reel,
        line: &mut Line,
        parity: &mut Parity,
        tally: &mut Tally,
        now: Time,
    ) -> Option<Transmit> {
        match self {
            Dialect::Plain(plain) => {
                let number = plain.next_frame(reel, tally, now)?;
                Some(Transmit::Whole { client, number })
            }
            Dialect::Native(native) => {
                let (number, fragments, again) = native.next_train(reel, line, parity, tally, now)?;
                let count = reel.frame(number)?.fragments();
                Some(match fragments.start.checked_sub(count) {
                    None => Transmit::Train { client, number, fragments, again },
                    Some(first) => {
                        let rows = first..fragments.end.saturating_sub(count);
                        Transmit::Parity { client, number, rows }
                    }
                })
            }
        }
    }

    /// What goes out of a slate, of which `showing` says what has gone. The same changes it, and the slate.
    #[must_use]
    pub(super) fn poll_slate(
        &mut self,
        client: ClientId,
        slate: Slate,
        showing: &mut Showing,
        burst: u16,
        now: Time,
    ) -> Option<Transmit> {
        if !self.takes_slates(now) {
            return None;
        }
        let fragments = match self {
            Dialect::Plain(plain) => {
                showing.next_train(slate, slate.fragments, now)?;
                plain.on_sent(now);
                None
            }
            Dialect::Native(_) => Some(showing.next_train(slate, burst, now)?),
        };
        Some(Transmit::Slate { client, number: slate.number, fragments })
    }

    /// True once after something that the client has to be told at once.
    pub(super) fn take_beat_now(&mut self) -> bool {
        match self {
            Dialect::Plain(_) => false,
            Dialect::Native(native) => native.take_beat_now(),
        }
    }

    /// The state of the stream, for the client; `None` in a language that has no words for it.
    pub(super) fn beat(&mut self, reel: &Reel, no_camera: bool, now: Time) -> Option<Small> {
        match self {
            Dialect::Plain(_) => None,
            Dialect::Native(native) => Some(small(&native.beat(reel, no_camera, now).to_bytes())),
        }
    }

    /// "The stream ends for you", to a client that may still be there.
    pub(super) fn end(&self, epoch: u16, reason: EndReason) -> Small {
        match self {
            Dialect::Plain(_) => small(END),
            Dialect::Native(native) => {
                let (token, newest) = (native.token(), native.newest_sent());
                small(&ServerEnd { epoch, token, reason, newest }.to_bytes())
            }
        }
    }

    /// The last word to a client that is dismissed. A plain one that we leave would wait for ever.
    pub(super) fn farewell(&self, epoch: u16, reason: LeaveReason) -> Option<Small> {
        match (self, reason) {
            (Dialect::Plain(_), LeaveReason::Stopping) => Some(self.end(epoch, EndReason::Stopping)),
            (_, LeaveReason::MadeRoom) => Some(self.end(epoch, EndReason::MadeRoom)),
            _ => None,
        }
    }

    pub(super) fn on_timeout(&mut self, now: Time) -> Due {
        match self {
            Dialect::Plain(plain) => plain.on_timeout(now),
            Dialect::Native(native) => native.on_timeout(now),
        }
    }

    /// The earliest deadline, and what it is for. Changes with every input and every transmit.
    #[must_use]
    pub(super) fn next_timeout(&self) -> Option<(Time, Wake)> {
        match self {
            Dialect::Plain(plain) => plain.next_timeout(),
            Dialect::Native(native) => native.next_timeout(),
        }
    }
}

fn small(bytes: &[u8]) -> Small {
    // a BEAT is the longest
    bytes.iter().copied().collect()
}
