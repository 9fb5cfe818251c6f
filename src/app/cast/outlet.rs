//! What the loop asks of an outlet, a way by which frames leave: the same few verbs, whatever it speaks.
//!
//! A new outlet is its own files, a line in [`AnyOutlet`] and an option. `example.rs` is the smallest one. In a turn the
//! loop hands it what its descriptors have answered, then its deadlines, then news, and in the end lets it
//! [`send`](Outlet::send): frames are read from the reel through a [cursor](crate::reel), never copied for a client.

use super::poll_set::{PollSet, Ready, Seat};
use super::report::Report;
use super::stats::Stats;
use super::stream::Stream;
use super::udp::Udp;
use crate::sender::Slate;
use crate::time::Time;
use std::ops::{Deref, DerefMut};

/// The parts of the program that every outlet may use.
pub struct Shared<'a> {
    /// What is streamed.
    pub stream: &'a Stream,
    /// The program's counters.
    pub stats: &'a mut Stats,
    /// The program's words.
    pub report: &'a mut Report,
}

/// What has changed; told to each outlet before it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// There are new frames in the reel.
    Frame,
    /// The camera delivers again, or delivers nothing any more.
    Camera {
        /// It delivers nothing.
        away: bool,
    },
    /// This slate is to be shown to those who look on, or none.
    Slate(Option<Slate>),
    /// The stream ends: clients are to be told, and nobody new is let in. [`Demand::clients`] falls to zero when that is
    /// done.
    Stop,
}

/// Who is there. Summed over all outlets it decides whether the camera is on and when the program may end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// Clients, those included that have not yet shown themselves.
    pub clients: usize,
    /// Clients who would see a slate.
    pub viewers: usize,
    /// Frames that clients do not have yet, and can still get.
    pub outstanding: u64,
}

impl Demand {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Demand) -> Self {
        Demand {
            clients: self.clients + other.clients,
            viewers: self.viewers + other.viewers,
            outstanding: self.outstanding.saturating_add(other.outstanding),
        }
    }
}

/// System calls that send, of which a turn has a limited number: all outlets share them, so that none starves another.
#[derive(Clone, Copy, Debug)]
pub struct Budget(usize);

impl Budget {
    /// So many sends.
    pub fn new(sends: usize) -> Self {
        Budget(sends)
    }

    /// Nothing is left. Who has more to send does so next turn, which comes at once.
    pub fn is_spent(self) -> bool {
        self.0 == 0
    }

    /// One more has been sent.
    pub fn spend(&mut self) {
        self.0 = self.0.saturating_sub(1);
    }
}

/// A way by which frames leave.
pub trait Outlet {
    /// Adds the descriptors that are to be polled.
    fn register<'p>(&'p self, set: &mut PollSet<'p>, now: Time);

    /// When [`handle_timeout`](Self::handle_timeout) is to be called at the latest. Any other call may change it.
    fn next_timeout(&self, now: Time) -> Time;

    /// A descriptor has answered. Its seat may be another's by now, or nobody's.
    fn handle(&mut self, seat: Seat, ready: Ready, shared: &mut Shared<'_>, now: Time);

    /// Deadlines may have come. Called each turn.
    fn handle_timeout(&mut self, shared: &mut Shared<'_>, now: Time);

    /// Something has changed.
    fn handle_news(&mut self, news: News, shared: &mut Shared<'_>, now: Time);

    /// Sends what there is to send, within the budget. Called each turn, last.
    fn send(&mut self, shared: &mut Shared<'_>, budget: &mut Budget, now: Time);

    /// Who is there.
    fn demand(&self, stream: &Stream) -> Demand;
}

/// Writes the enum of all outlets, and finds the verbs of whichever it is.
macro_rules! outlets {
    ($(#[doc = $doc:literal] $(#[cfg($when:meta)])? $name:ident($outlet:ty),)+) => {
        /// Each outlet that there is.
        #[allow(clippy::large_enum_variant, reason = "they are few, and stay where they are")]
        pub enum AnyOutlet {
            $(#[doc = $doc] $(#[cfg($when)])? $name($outlet),)+
        }

        impl Deref for AnyOutlet {
            type Target = dyn Outlet;

            fn deref(&self) -> &Self::Target {
                match self {
                    $($(#[cfg($when)])? AnyOutlet::$name(outlet) => outlet,)+
                }
            }
        }

        impl DerefMut for AnyOutlet {
            fn deref_mut(&mut self) -> &mut Self::Target {
                match self {
                    $($(#[cfg($when)])? AnyOutlet::$name(outlet) => outlet,)+
                }
            }
        }
    };
}

outlets! {
    /// Our own protocol and the original one, over UDP.
    Udp(Udp),
    /// The pattern to follow.
    #[cfg(test)]
    Example(super::example::Example),
}
