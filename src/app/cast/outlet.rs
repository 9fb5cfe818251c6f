//! What the loop asks of an outlet, a way by which frames leave: the same few verbs, whatever it speaks.
//!
//! A new outlet is its own files, a line in [`AnyOutlet`](super::outlets::AnyOutlet), an option, a line in
//! [`open`](super::outlets::Outlets::open), and what it polls in [`OUTLETS_MOST`](super::poll_set::OUTLETS_MOST). `example.rs` is the
//! smallest one. In a turn the loop hands it what its descriptors have answered, then its deadlines, then news, and in the end
//! lets it [`send`](Outlet::send): frames are read from the reel through a [cursor](crate::reel), never copied for a client.

use super::news::{Demand, News};
use super::poll_set::{PollSet, Ready, Seat};
use super::report::Report;
use super::rules::Rules;
use super::stats::Stats;
use super::stream::Stream;
use crate::admission::door::Door;
use crate::time::Time;

/// The parts of the program that every outlet may use.
pub struct Shared<'a> {
    /// What is streamed.
    pub stream: &'a Stream,
    /// The program's counters.
    pub stats: &'a mut Stats,
    /// The program's words.
    pub report: &'a mut Report,
    /// Who may come in by a password; none: whoever reaches an outlet.
    pub door: &'a mut Option<Door>,
    /// Who may come in, and what he may do.
    pub rules: &'a Rules,
}

/// Bytes that a call may send for one unit of the budget: as many as one for datagrams takes.
const UNIT: usize = 64 * 1024;

/// System calls that send, of which a turn has a limited number: all outlets share them, so that none starves another. One that
/// takes much at once counts as several.
#[derive(Clone, Copy, Debug)]
pub struct Budget(usize);

impl Budget {
    /// This many sends.
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

    /// One call has been made, and has taken this many bytes.
    pub fn spend_on(&mut self, bytes: usize) {
        self.0 = self.0.saturating_sub(bytes.div_ceil(UNIT).max(1));
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
