//! What there is of the ways to camcast: of each a look-up, a join or a session, and the stream that comes by all of them. What follows
//! which is [`Rejoin`](crate::receiver::rejoin::Rejoin)'s.

use super::joining::Joining;
use super::report::paths::PathAccount;
use super::session::Session;
use crate::app::rec::config;
use crate::receiver::PATHS;
use crate::receiver::shares::Share;
use crate::sys::names::Lookup;
use crate::time::Time;
use crate::wire::FrameNumber;
use arrayvec::ArrayVec;
use nix::poll::PollFlags;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// What there is of all ways.
pub(super) struct Link {
    pub(super) ways: ArrayVec<Way, PATHS>,
    session: Option<Session>,
    /// A plain session's frames are numbered on from here.
    next_plain: FrameNumber,
}

/// What there is of one.
pub(super) struct Way {
    pub(super) step: Step,
    name: String,
    /// Where its camera was looked for last.
    pub(super) last: Option<SocketAddr>,
    /// It is looked for by its name no sooner than this.
    pub(super) search_at: Time,
    /// What it has brought of streams that are over.
    share: Share,
    /// How often it was lost, since when it is, and how long it was before.
    losses: u32,
    lost: Option<Time>,
    away: Duration,
    round_trip: Option<Duration>,
}

/// How far it has come.
pub(super) enum Step {
    Nothing,
    Looking(Lookup),
    Joining(Box<Joining>),
    Live,
}

impl Link {
    /// Nothing yet of these ways.
    pub(super) fn new(ways: &[config::Way]) -> Self {
        let ways = ways.iter().map(|way| Way {
            step: Step::Nothing,
            name: way.to_string(),
            last: None,
            search_at: Time::default(),
            share: Share::default(),
            losses: 0,
            lost: None,
            away: Duration::ZERO,
            round_trip: None,
        });
        Link { ways: ways.collect(), session: None, next_plain: FrameNumber(1) }
    }

    /// What to poll for a way, and for what.
    pub(super) fn fd(&self, path: usize) -> Option<(BorrowedFd<'_>, PollFlags)> {
        match &self.ways[path].step {
            Step::Nothing => None,
            Step::Looking(lookup) => Some((lookup.as_fd(), PollFlags::POLLIN)),
            Step::Joining(joining) => Some(joining.fd()),
            Step::Live => Some((self.session.as_ref()?.fd(path)?, PollFlags::POLLIN)),
        }
    }

    /// When to go on at the latest.
    pub(super) fn next_timeout(&self) -> Time {
        let joins = self.ways.iter().filter_map(|way| match &way.step {
            Step::Joining(joining) => Some(joining.next_timeout()),
            _ => None,
        });
        joins.chain(self.session.as_ref().map(Session::next_timeout)).min().unwrap_or(Time::NEVER)
    }

    /// The stream, if there is one.
    pub(super) fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// The same.
    pub(super) fn session_mut(&mut self) -> Option<&mut Session> {
        self.session.as_mut()
    }

    /// A stream begins.
    pub(super) fn begin(&mut self, session: Session) {
        self.session = Some(session);
    }

    /// Where a plain session's frames go on.
    pub(super) fn next_plain(&self) -> FrameNumber {
        self.next_plain
    }

    /// A way's session has heard from its server.
    pub(super) fn on_life(&mut self, path: usize, now: Time) {
        let way = &mut self.ways[path];
        if let Some(since) = way.lost.take() {
            way.away += now.since(since);
        }
    }

    /// A way's session is over. If it `is_lost` it is away since now, unless it was before.
    pub(super) fn on_over(&mut self, path: usize, is_lost: bool, now: Time) {
        let way = &mut self.ways[path];
        way.step = Step::Nothing;
        if let Some(session) = &mut self.session {
            way.round_trip = session.round_trip(path).or(way.round_trip);
            session.close(path);
        }
        if is_lost && way.lost.is_none() {
            (way.losses, way.lost) = (way.losses + 1, Some(now));
        }
    }

    /// All sessions are over, and all that came has been taken.
    pub(super) fn end(&mut self) {
        let Some(session) = self.session.take() else { return };
        self.next_plain = session.next_frame();
        self.ways.iter_mut().enumerate().for_each(|(path, way)| way.share.add(session.share(path)));
    }

    /// Nothing is wanted any more.
    pub(super) fn drop_all(&mut self) {
        self.end();
        self.ways.iter_mut().for_each(|way| way.step = Step::Nothing);
    }

    /// Each way's account; none if there is but one.
    pub(super) fn accounts(&self, now: Time) -> Vec<PathAccount> {
        if self.ways.len() < 2 {
            return Vec::new();
        }
        self.ways
            .iter()
            .enumerate()
            .map(|(path, way)| way.account(path, self.session.as_ref(), now))
            .collect()
    }
}

impl Way {
    fn account(&self, path: usize, session: Option<&Session>, now: Time) -> PathAccount {
        let mut share = self.share;
        session.iter().for_each(|session| share.add(session.share(path)));
        let round_trip = session.and_then(|session| session.round_trip(path)).or(self.round_trip);
        PathAccount {
            name: self.name.clone(),
            is_there: session.is_some_and(|session| session.is_live(path)),
            share,
            round_trip,
            losses: self.losses,
            away: self.away + self.lost.map_or(Duration::ZERO, |since| now.since(since)),
        }
    }
}
