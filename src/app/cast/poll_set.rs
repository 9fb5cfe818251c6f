//! The one poll call: which descriptors are asked, and which have answered.
//!
//! An answer names its descriptor by a [`Token`] and not by an index: whoever had the place when poll was called may have
//! left it when the answer's turn comes, and a [generation](Seat::generation) tells the next one there from it.

use crate::sys::poll::{self, PollFlags};
use crate::time::Time;
use arrayvec::ArrayVec;
use nix::poll::PollFd;
use std::os::fd::BorrowedFd;

/// What all outlets together may poll; `outlets` holds it against what each says of itself.
pub const OUTLETS_MOST: usize = 384;

/// The same, with signals, SIGHUP and who reads options then, two logs, and the source with its opener and news of devices.
const MOST: usize = 8 + OUTLETS_MOST;

/// A part of the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The wish to stop.
    Signals,
    /// The wish that the options are read anew, and who reads them.
    Reload,
    /// The log's reader takes more of it.
    Log,
    /// The same of the client log.
    ClientLog,
    /// The camera, or what stands in for one.
    Source,
    /// The outlet with this index.
    Outlet(u8),
}

/// Which of its descriptors a part means. What `kind` and `place` are is the part's own business.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seat {
    /// What the descriptor is for.
    pub kind: u8,
    /// Its index among those of its kind.
    pub place: u16,
    /// Which of those that have had this place one after the other.
    pub generation: u32,
}

impl Seat {
    /// The only descriptor of its kind.
    pub fn only(kind: u8) -> Self {
        Seat { kind, ..Seat::default() }
    }
}

/// Whose descriptor it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// The part that asked.
    pub part: Part,
    /// Which of the part's descriptors.
    pub seat: Seat,
}

/// What a descriptor has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// It can be read, or has something to say that reading will tell.
    pub readable: bool,
    /// It takes bytes, or has an error that writing will tell; only if that was asked.
    pub writable: bool,
    /// It has nothing to read, but an error to report.
    pub failing: bool,
}

/// All answers of one call.
pub type Answers = ArrayVec<(Token, Ready), MOST>;

/// The descriptors of one turn. It lives on the stack: a turn allocates nothing.
pub struct PollSet<'a> {
    fds: ArrayVec<PollFd<'a>, MOST>,
    tokens: ArrayVec<Token, MOST>,
    part: Part,
}

impl<'a> PollSet<'a> {
    /// An empty set; [`part`](Self::part) says who asks.
    pub fn new(part: Part) -> Self {
        PollSet { fds: ArrayVec::new(), tokens: ArrayVec::new(), part }
    }

    /// What is added from here on is this part's.
    pub fn part(&mut self, part: Part) -> &mut Self {
        self.part = part;
        self
    }

    /// Asks whether `fd` can be read.
    pub fn readable(&mut self, seat: Seat, fd: BorrowedFd<'a>) {
        self.add(seat, fd, PollFlags::POLLIN);
    }

    /// Asks whether `fd` can be written.
    pub fn writable(&mut self, seat: Seat, fd: BorrowedFd<'a>) {
        self.add(seat, fd, PollFlags::POLLOUT);
    }

    /// Asks whether `fd` can be read, and, if somebody waits for that, whether it can be written.
    pub fn both(&mut self, seat: Seat, fd: BorrowedFd<'a>, wants_write: bool) {
        let write = if wants_write { PollFlags::POLLOUT } else { PollFlags::empty() };
        self.add(seat, fd, PollFlags::POLLIN | write);
    }

    /// Asks nothing of `fd`, and hears of it all the same if it breaks.
    pub fn breaking(&mut self, seat: Seat, fd: BorrowedFd<'a>) {
        self.add(seat, fd, PollFlags::empty());
    }

    fn add(&mut self, seat: Seat, fd: BorrowedFd<'a>, flags: PollFlags) {
        let fits = self.fds.try_push(PollFd::new(fd, flags)).is_ok();
        debug_assert!(fits, "an outlet polls more than it says: OUTLETS_MOST");
        if fits {
            self.tokens.push(Token { part: self.part, seat });
        }
    }

    /// Sleeps until a descriptor answers or `until` has come.
    ///
    /// # Errors
    /// What the system says of a bad descriptor set.
    pub fn wait(mut self, until: Time, now: Time) -> std::io::Result<Answers> {
        poll::wait(&mut self.fds, until, now)?;
        let answers = self.fds.iter().zip(&self.tokens).map(|(fd, token)| (*token, ready(fd)));
        Ok(answers.filter(|(_, ready)| ready.readable || ready.writable || ready.failing).collect())
    }
}

fn ready(fd: &PollFd<'_>) -> Ready {
    let asked = fd.events();
    let readable = asked.contains(PollFlags::POLLIN) && poll::is_readable(fd);
    let writable = asked.contains(PollFlags::POLLOUT) && poll::is_writable(fd);
    Ready { readable, writable, failing: poll::is_failing(fd) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn answers_come_with_the_token_of_who_asked() {
        let (mut left, right) = UnixStream::pair().unwrap();
        let (_idle, silent) = UnixStream::pair().unwrap();
        left.write_all(b"x").unwrap();
        let mut set = PollSet::new(Part::Signals);
        set.readable(Seat::only(0), silent.as_fd());
        let seat = Seat { kind: 2, place: 7, generation: 9 };
        set.part(Part::Outlet(3)).both(seat, right.as_fd(), true);
        set.writable(Seat::only(1), silent.as_fd());
        let answers = set.wait(Time::NEVER, Time::default()).unwrap();
        let expected = |seat, readable| {
            (Token { part: Part::Outlet(3), seat }, Ready { readable, writable: true, failing: false })
        };
        assert_eq!(answers.as_slice(), [expected(seat, true), expected(Seat::only(1), false)]);
    }

    #[test]
    fn a_peer_that_has_closed_is_readable_and_not_failing() {
        let (left, right) = UnixStream::pair().unwrap();
        let mut set = PollSet::new(Part::Source);
        set.readable(Seat::default(), right.as_fd());
        drop(left);
        let answers = set.wait(Time::NEVER, Time::default()).unwrap();
        // a closed peer reads as an end, with POLLIN
        assert!(answers[0].1.readable && !answers[0].1.failing);
    }
}
