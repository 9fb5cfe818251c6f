//! Joining, and joining again, by one path or by several: when, what the next session goes on with, and what of it is worth saying.
//! It has no socket and no words: the shell looks up, connects and speaks.
//!
//! ```text
//!            addresses          accepted        over, unless we leave
//!  Looking ------------> Joining --------> Live ----------------------> Waiting --> Joining, or Looking if the last join failed
//!     ^                     | no address left                             ^ |
//!     +---------------------+---------------------------------------------+-+
//! ```
//!
//! Each path walks this way by itself (`approach`), and all of them are to lead to one stream. The first path says
//! which that is: another that leads elsewhere is refused, and tried again.
//!
//! The shell hands in one input (`handle_*`), then drains [`Rejoin::poll_action`] and [`Rejoin::poll_notice`], then sleeps until
//! [`Rejoin::next_timeout`]. It ends when [`Rejoin::is_done`], and [`Rejoin::outcome`] tells why.

use super::approach::{Approach, Futile, LAST_BACKOFF, Phase, Step, VAIN_BACKOFF};
use super::events::Over;
use super::{PATHS, SILENCE};
use crate::time::Time;
use crate::wire::join::RefusalCode;
use crate::wire::server::EndReason;
use crate::wire::{FrameNumber, StreamId};
use arrayvec::ArrayVec;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

/// The shell gives an address this long to connect, and then again to answer.
pub const JOIN_PATIENCE: Duration = Duration::from_secs(3);

/// While the first join is waited for, another reason is said no sooner than this.
const WAITING_APART: Duration = Duration::from_secs(60);

/// What the next session goes on with: the stream that is known, and the next frame of it that is wanted.
pub type Resume = (StreamId, FrameNumber);

/// Why no session came of a join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureReason {
    /// The host's name is not known, or has no address.
    NoAddress,
    /// The address cannot be reached, or nobody listens there.
    Unreachable,
    /// Somebody listens, and says nothing.
    Mute,
    /// Something else than camcast answers.
    Stranger,
    /// camcast says no.
    Refused(RefusalCode),
    /// This machine has no socket or port for the session.
    Local,
    /// It is another stream than the one that comes by another path.
    Astray,
    /// Another path goes there already.
    Taken,
}

impl FailureReason {
    /// Nothing but somebody's doing changes it: another key, or another version.
    fn is_refusal(self) -> bool {
        matches!(self, FailureReason::Refused(RefusalCode::Protocol | RefusalCode::Key))
    }

    /// It may be otherwise in a while: what `--wait` is for.
    fn may_pass(self) -> bool {
        match self {
            FailureReason::NoAddress | FailureReason::Unreachable => true,
            FailureReason::Refused(_) => !self.is_refusal(),
            FailureReason::Mute | FailureReason::Stranger | FailureReason::Local => false,
            FailureReason::Astray | FailureReason::Taken => false,
        }
    }
}

/// A join that has failed, with the shell's words for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure<W> {
    /// Why.
    pub reason: FailureReason,
    /// The same for people.
    pub words: W,
}

/// What the shell is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Look up the host's addresses: [`Rejoin::handle_addresses`] or [`Rejoin::handle_failure`] follows.
    Resolve,
    /// Join: [`Rejoin::handle_accepted`] or [`Rejoin::handle_failure`] follows.
    Join {
        /// Where.
        to: SocketAddr,
        /// What to ask for; a stream that comes by another path knows better how far it is.
        resume: Option<Resume>,
    },
    /// Leave the session: [`Rejoin::handle_over`] follows.
    Leave,
}

/// What an accepted join is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A stream begins, or goes on after all sessions were lost.
    Begins,
    /// The stream that comes by another path comes by this one too.
    Adds,
    /// It is another stream than the one that comes by another path, and takes its place: that one is to be ended first.
    Replaces,
    /// It is another stream than the one that is wanted: a failure.
    Astray,
}

/// What has happened, for people and for the recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice<W> {
    /// There is no first session yet, and it is waited for; or there is none any more, and camcast lets nobody in: to be said.
    Waiting(W),
    /// A join has failed, and there will be another. It need not be said.
    Failed(W),
    /// A session of this stream begins. If it is `another` one, nothing of the one before will come.
    Stream {
        /// Which.
        id: StreamId,
        /// Another one was known before.
        another: bool,
    },
    /// The stream goes on, but these frames had gone by then.
    Gone {
        /// The first of them.
        first: FrameNumber,
        /// How many; at least one.
        count: u32,
    },
    /// A session has proved itself by its first datagram, and there was none by any path.
    Joined {
        /// By which there is now.
        path: usize,
        /// How long there was none before; none if it is the first one.
        away: Option<Duration>,
    },
    /// The session is over, and there is none by any path: another is tried for. Said once, however many tries it takes.
    Lost(Over),
    /// The stream comes by this path too.
    PathJoined {
        /// Which.
        path: usize,
        /// How long it did not, if it had before.
        away: Option<Duration>,
    },
    /// The stream comes by this path no more, but by another.
    PathLost(usize, Over),
    /// There has been no session by this path, while there is one by another, or will be none by any. Said once.
    PathFailed(usize, W),
    /// The same, though a join was accepted.
    PathUnheard(usize, Over),
    /// This path leads to another stream than the first one does. Said once, until it is otherwise.
    PathAstray(usize),
}

/// Why there will be no other session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<W> {
    /// It was told to stop.
    Stopped,
    /// The first join had to succeed, or was waited for in vain.
    Failed(Failure<W>),
    /// The first join was accepted, but nothing came.
    Unheard(Over),
}

/// How the first join is to be taken.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner {
    /// It is waited for, if what keeps it from success may pass.
    pub waits: bool,
    /// It speaks the original protocol, whose server says nothing but frames.
    pub is_plain: bool,
}

/// Another stream on another path may be a camcast that was started again, which the first path has not noticed yet: not for so long.
const RESTART: Duration = SILENCE.saturating_add(Duration::from_secs(1));

/// Since when there is no session, and how the last one ended.
#[derive(Clone, Copy, Debug)]
struct Loss {
    since: Time,
    over: Over,
}

/// What becomes of a recorder's or viewer's sessions.
#[derive(Debug)]
pub struct Rejoin<W> {
    manner: Manner,
    paths: ArrayVec<Approach<Failure<W>>, PATHS>,
    resume: Option<Resume>,
    has_joined: bool,
    /// The first path has been let in, or has failed: until then it is the only one that joins, since it says what the stream is.
    is_decided: bool,
    is_stopping: bool,
    lost: Option<Loss>,
    /// What was last said to be waited for, and when, since the loss if there is one.
    waits: Option<(Time, Failure<W>)>,
    outcome: Outcome<W>,
    notices: VecDeque<Notice<W>>,
}

impl<W: Clone + PartialEq> Rejoin<W> {
    /// Wants a session by each of so many paths; the first action of each is [`Action::Resolve`].
    pub fn new(manner: Manner, paths: usize) -> Self {
        Rejoin {
            manner,
            paths: (0..paths.min(PATHS)).map(|_| Approach::new()).collect(),
            resume: None,
            has_joined: false,
            is_decided: false,
            is_stopping: false,
            lost: None,
            waits: None,
            outcome: Outcome::Stopped,
            notices: VecDeque::new(),
        }
    }

    /// The addresses of a path's host, at least one, in the order in which they are to be tried.
    pub fn handle_addresses(&mut self, path: usize, addresses: Vec<SocketAddr>) {
        if let Some(path) = self.paths.get_mut(path) {
            path.on_addresses(addresses);
        }
    }

    /// The look-up, the join, or the beginning of the session that was accepted has failed.
    pub fn handle_failure(&mut self, path: usize, failure: Failure<W>, now: Time) {
        let Some(approach) = self.paths.get_mut(path) else { return };
        if matches!(approach.phase, Phase::Leaving | Phase::Waiting { .. } | Phase::Done) {
            return;
        }
        if failure.reason == FailureReason::Astray {
            self.on_astray(path, failure, now);
        } else if !approach.try_next() {
            self.on_failure(path, failure, now);
        }
    }

    /// What a join that was accepted on this path is good for: what is to be done before
    /// [`handle_accepted`](Self::handle_accepted), or in its place.
    pub fn judge(&self, path: usize, accepted: Option<Resume>) -> Verdict {
        let is_known = accepted.map(|(id, _)| id) == self.resume.map(|(id, _)| id);
        let is_foreign = self.paths.get(path).is_some_and(|approach| approach.is_foreign);
        match (self.is_live_but(path), is_known) {
            (true, true) => Verdict::Adds,
            (true, false) if path == 0 => Verdict::Replaces,
            // it was certain that this is none of the first path's
            (_, false) if is_foreign => Verdict::Astray,
            // of the other nothing has come: it may be a session with a camcast that is no more
            (true, false) if self.has_joined && !self.is_there_but(path) => Verdict::Replaces,
            (true, false) => Verdict::Astray,
            (false, _) => Verdict::Begins,
        }
    }

    /// There is a session by another path, of which nothing may have come yet.
    fn is_live_but(&self, path: usize) -> bool {
        self.others(path).any(|approach| approach.phase == Phase::Live)
    }

    /// The stream comes by another path.
    fn is_there_but(&self, path: usize) -> bool {
        self.others(path).any(Approach::is_there)
    }

    fn others(&self, path: usize) -> impl Iterator<Item = &Approach<Failure<W>>> {
        self.paths.iter().enumerate().filter_map(move |(other, approach)| (other != path).then_some(approach))
    }

    /// The join was accepted: the session begins with this frame of this stream. The original protocol has no streams.
    pub fn handle_accepted(&mut self, path: usize, accepted: Option<Resume>) {
        let is_added = self.is_live_but(path);
        let Some(approach) = self.paths.get_mut(path) else { return };
        if !matches!(approach.phase, Phase::Joining { .. }) {
            return;
        }
        approach.begin();
        self.is_decided |= path == 0;
        (approach.astray, approach.is_foreign) = (None, false);
        let Some((id, next)) = accepted.filter(|_| !is_added) else { return };
        match self.resume {
            Some((known, wanted)) if known == id => {
                let count = u32::try_from(next.since(wanted)).unwrap_or(0);
                if count > 0 {
                    self.notices.push_back(Notice::Gone { first: wanted, count });
                }
            }
            known => self.notices.push_back(Notice::Stream { id, another: known.is_some() }),
        }
        self.resume = accepted;
    }

    /// The session on this path has heard from its server. To be handed in once or more often.
    pub fn handle_life(&mut self, path: usize, now: Time) {
        let Some(approach) = self.paths.get_mut(path) else { return };
        if approach.phase != Phase::Live || approach.is_proved {
            return;
        }
        let away = approach.prove().map(|since| now.since(since));
        if self.has_joined && self.lost.is_none() {
            return self.notices.push_back(Notice::PathJoined { path, away });
        }
        let away = self.lost.take().map(|lost| now.since(lost.since));
        self.has_joined = true;
        self.notices.push_back(Notice::Joined { path, away });
        self.tell_futile();
    }

    /// What has failed while there was no session yet.
    fn tell_futile(&mut self) {
        for path in 0..self.paths.len() {
            match self.paths.get_mut(path).and_then(|approach| approach.futile.take()) {
                Some(Futile::Failed(failure)) => self.tell_failed(path, failure.words),
                Some(Futile::Unheard(over)) => self.tell_unheard(path, over),
                None => {}
            }
        }
    }

    /// The session on this path is over, and this is what the next one goes on with.
    pub fn handle_over(&mut self, path: usize, over: Over, resume: Option<Resume>, now: Time) {
        // before the first session has proved itself, another that may is waited for
        let is_first = !self.has_joined && self.is_live_but(path);
        let is_futile = is_first || self.is_hopeless(over);
        let is_made_up_for = self.is_there_but(path);
        let Some(approach) = self.paths.get_mut(path) else { return };
        match approach.phase {
            Phase::Leaving => approach.end(),
            Phase::Live if is_futile => {
                approach.wait(false, LAST_BACKOFF, now);
                approach.futile = Some(Futile::Unheard(over));
                self.end_if_futile();
            }
            Phase::Live => {
                let was_there = approach.is_there();
                if was_there {
                    // which says enough
                    (approach.lost, approach.is_told) = (Some(now), true);
                }
                let is_vain = is_made_up_for && !was_there;
                approach.wait(false, if is_vain { VAIN_BACKOFF } else { LAST_BACKOFF }, now);
                self.resume = resume;
                match (is_made_up_for, was_there) {
                    // the other will hear it too
                    (true, true) if over == Over::Ended(EndReason::Stopping) => {}
                    (true, true) => self.notices.push_back(Notice::PathLost(path, over)),
                    (true, false) => self.tell_unheard(path, over),
                    (false, _) => self.lose(over, now),
                }
            }
            Phase::Looking | Phase::Joining { .. } | Phase::Waiting { .. } | Phase::Done => {}
        }
    }

    /// There is no session by any path, if there was one.
    fn lose(&mut self, over: Over, now: Time) {
        if self.lost.is_none() {
            self.lost = Some(Loss { since: now, over });
            self.waits = None;
            self.notices.push_back(Notice::Lost(over));
            self.paths.iter_mut().for_each(|approach| approach.hurry(now));
        }
    }

    /// No session is wanted any more: those that there are are left, and their end awaited.
    pub fn handle_stop(&mut self) {
        if self.is_stopping() {
            return;
        }
        self.is_stopping = true;
        let waits = if self.has_joined { None } else { self.waits.take() };
        self.outcome = waits.map_or(Outcome::Stopped, |(_, why)| Outcome::Failed(why));
        self.paths.iter_mut().for_each(Approach::stop);
    }

    /// The same at once, without a word to the server.
    pub fn handle_stop_now(&mut self) {
        self.handle_stop();
        self.paths.iter_mut().for_each(Approach::end);
    }

    /// A deadline of [`next_timeout`](Self::next_timeout) has come.
    pub fn handle_timeout(&mut self, now: Time) {
        self.paths.iter_mut().for_each(|approach| approach.on_timeout(now));
    }

    /// When to call [`handle_timeout`](Self::handle_timeout). Changes with every input.
    #[must_use]
    pub fn next_timeout(&self) -> Time {
        self.paths.iter().map(Approach::next_timeout).min().unwrap_or(Time::NEVER)
    }

    /// What to do next, and for which path: at most one thing an input and path.
    #[must_use]
    pub fn poll_action(&mut self) -> Option<(usize, Action)> {
        let is_decided = self.is_decided;
        let mut paths = self.paths.iter_mut().enumerate();
        let (path, step) =
            paths.find_map(|(path, it)| Some((path, it.take_step(is_decided || path == 0)?)))?;
        let resume = self.resume;
        Some(match step {
            Step::Resolve => (path, Action::Resolve),
            Step::Join(to) => (path, Action::Join { to, resume }),
            Step::Leave => (path, Action::Leave),
        })
    }

    /// The next thing that has happened. To be drained after each input.
    #[must_use]
    pub fn poll_notice(&mut self) -> Option<Notice<W>> {
        self.notices.pop_front()
    }

    /// A session has once proved itself.
    pub fn has_joined(&self) -> bool {
        self.has_joined
    }

    /// It has been told to stop, or has ended by itself.
    pub fn is_stopping(&self) -> bool {
        self.is_stopping
    }

    /// There will be no other session, and there is none.
    pub fn is_done(&self) -> bool {
        self.is_stopping && self.paths.iter().all(|approach| approach.phase == Phase::Done)
    }

    /// Since when there is no session; none if there is one, or was none before.
    pub fn lost_since(&self) -> Option<Time> {
        self.lost.map(|lost| lost.since)
    }

    /// How the last session that proved itself has ended; none if there is one, or was none before.
    pub fn lost_by(&self) -> Option<Over> {
        self.lost.map(|lost| lost.over)
    }

    /// The stream comes by this path.
    pub fn is_there(&self, path: usize) -> bool {
        self.paths.get(path).is_some_and(Approach::is_there)
    }

    /// Since when there is none by this path, that had one.
    pub fn path_lost_since(&self, path: usize) -> Option<Time> {
        self.paths.get(path)?.lost
    }

    /// There is no session, and frames may have been captured meanwhile: camcast had not said that it was stopping.
    pub fn may_miss(&self) -> bool {
        self.lost.is_some_and(|lost| lost.over != Over::Ended(EndReason::Stopping))
    }

    /// The stream of the newest session, and the next frame of it that was wanted when it began or ended.
    pub fn resume(&self) -> Option<Resume> {
        self.resume
    }

    /// Why it has ended, once it has.
    pub fn outcome(&self) -> &Outcome<W> {
        &self.outcome
    }

    /// The first join has to succeed, unless it is to be waited for, or another path has joined; from then on there is always
    /// another.
    fn on_failure(&mut self, path: usize, failure: Failure<W>, now: Time) {
        let has_joined = self.has_joined;
        let Some(approach) = self.paths.get_mut(path) else { return };
        self.is_decided |= path == 0;
        approach.wait(true, LAST_BACKOFF, now); // the name may have another address by then
        if has_joined && self.lost.is_none() {
            self.tell_failed(path, failure.words);
        } else if has_joined && failure.reason.is_refusal() {
            self.say_waiting(failure, now);
        } else if has_joined {
            self.notices.push_back(Notice::Failed(failure.words));
        } else if self.manner.waits && failure.reason.may_pass() {
            self.say_waiting(failure, now);
        } else {
            approach.futile = Some(Futile::Failed(failure));
            self.end_if_futile();
        }
    }

    /// A session by another path makes up for it.
    fn tell_failed(&mut self, path: usize, words: W) {
        let was_told = self.note_told(path);
        self.notices.push_back(if was_told {
            Notice::Failed(words)
        } else {
            Notice::PathFailed(path, words)
        });
    }

    /// The same, though the join was accepted.
    fn tell_unheard(&mut self, path: usize, over: Over) {
        if !self.note_told(path) {
            self.notices.push_back(Notice::PathUnheard(path, over));
        }
    }

    /// That there is nothing by this path is being told. Returns whether it had been.
    fn note_told(&mut self, path: usize) -> bool {
        self.paths.get_mut(path).is_some_and(|approach| std::mem::replace(&mut approach.is_told, true))
    }

    /// It leads elsewhere, which may be the same camcast, started again.
    fn on_astray(&mut self, path: usize, failure: Failure<W>, now: Time) {
        let has_joined = self.has_joined;
        let Some(approach) = self.paths.get_mut(path) else { return };
        let since = *approach.astray.get_or_insert(now);
        let is_certain = approach.lost.is_none() || now.since(since) >= RESTART;
        approach.wait(true, if is_certain { VAIN_BACKOFF } else { LAST_BACKOFF }, now);
        if is_certain && !std::mem::replace(&mut approach.is_foreign, true) {
            approach.is_told = true;
            self.notices.push_back(Notice::PathAstray(path));
        }
        if !has_joined {
            approach.futile = Some(Futile::Failed(failure));
            self.end_if_futile();
        }
    }

    /// At once, and again after a while if the reason is another.
    fn say_waiting(&mut self, failure: Failure<W>, now: Time) {
        let is_known = self
            .waits
            .as_ref()
            .is_some_and(|(said, before)| *before == failure || now < said.after(WAITING_APART));
        if is_known {
            self.notices.push_back(Notice::Failed(failure.words));
        } else {
            self.notices.push_back(Notice::Waiting(failure.words.clone()));
            self.waits = Some((now, failure));
        }
    }

    /// Before anything was heard: no datagram comes through, or it is not a server of the original protocol.
    fn is_hopeless(&self, over: Over) -> bool {
        !self.has_joined && (over == Over::NoAnswer || (self.manner.is_plain && over == Over::Silence))
    }

    /// Each path was tried in vain: the first one's reason counts, and the other's is told.
    fn end_if_futile(&mut self) {
        if self.paths.iter().any(|approach| approach.futile.is_none()) {
            return;
        }
        self.outcome = match self.paths.first_mut().and_then(|approach| approach.futile.take()) {
            Some(Futile::Failed(failure)) => Outcome::Failed(failure),
            Some(Futile::Unheard(over)) => Outcome::Unheard(over),
            None => Outcome::Stopped,
        };
        self.tell_futile();
        self.is_stopping = true;
        self.paths.iter_mut().for_each(Approach::end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const START: Time = Time::from_millis(9_000);
    const STREAM: StreamId = StreamId(5);
    const WAITS: Manner = Manner { waits: true, is_plain: false };

    type Words = &'static str;

    fn address(last: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], 9999))
    }

    fn unreachable(words: Words) -> Failure<Words> {
        Failure { reason: FailureReason::Unreachable, words }
    }

    fn full() -> Failure<Words> {
        Failure { reason: FailureReason::Refused(RefusalCode::Full), words: "full" }
    }

    /// The machine on a virtual clock.
    struct Bench {
        rejoin: Rejoin<Words>,
        now: Time,
    }

    impl Bench {
        fn new(manner: Manner) -> Self {
            Bench { rejoin: Rejoin::new(manner, 1), now: START }
        }

        /// A session that has proved itself, of this stream from frame 1 on.
        fn live() -> Self {
            let mut bench = Bench::new(Manner::default());
            bench.resolve(&[1]);
            bench.accept(STREAM, 1);
            bench.rejoin.handle_life(0, bench.now);
            assert_eq!(
                bench.notices(),
                [Notice::Stream { id: STREAM, another: false }, Notice::Joined { path: 0, away: None }]
            );
            bench
        }

        /// The look-up that it wants brings these.
        fn resolve(&mut self, addresses: &[u8]) {
            assert_eq!(self.rejoin.poll_action(), Some((0, Action::Resolve)));
            self.rejoin.handle_addresses(0, addresses.iter().map(|last| address(*last)).collect());
        }

        /// Where it joins, and with which next frame.
        fn joins(&mut self) -> (SocketAddr, Option<u32>) {
            match self.rejoin.poll_action() {
                Some((_, Action::Join { to, resume })) => (to, resume.map(|(_, next)| next.0)),
                other => panic!("{other:?}"),
            }
        }

        fn accept(&mut self, stream: StreamId, next: u32) {
            self.joins();
            self.rejoin.handle_accepted(0, Some((stream, FrameNumber(next))));
        }

        fn fail(&mut self, failure: Failure<Words>) {
            self.rejoin.handle_failure(0, failure, self.now);
        }

        fn over(&mut self, over: Over, next: u32) {
            self.rejoin.handle_over(0, over, Some((STREAM, FrameNumber(next))), self.now);
        }

        /// Sleeps until it has a wish, and says how long.
        fn sleep(&mut self) -> u128 {
            let until = self.rejoin.next_timeout();
            assert!(until != Time::NEVER && self.rejoin.poll_action().is_none());
            self.rejoin.handle_timeout(until.before(MS));
            assert_eq!(self.rejoin.next_timeout(), until, "it is not woken early");
            let slept = until.since(self.now).as_millis();
            self.now = until;
            self.rejoin.handle_timeout(until);
            slept
        }

        fn notices(&mut self) -> Vec<Notice<Words>> {
            std::iter::from_fn(|| self.rejoin.poll_notice()).collect()
        }

        fn outcome(self) -> Outcome<Words> {
            assert!(self.rejoin.is_done());
            self.rejoin.outcome().clone()
        }
    }

    #[test]
    fn a_first_join_that_fails_ends_it() {
        let mut bench = Bench::new(Manner::default());
        assert_eq!(bench.rejoin.poll_action(), Some((0, Action::Resolve)));
        let failure = Failure { reason: FailureReason::NoAddress, words: "no such host" };
        bench.fail(failure.clone());
        assert_eq!((bench.notices(), bench.rejoin.poll_action()), (vec![], None));
        assert_eq!(bench.outcome(), Outcome::Failed(failure));
    }

    #[test]
    fn addresses_are_tried_in_their_order_and_the_last_failure_counts() {
        let mut bench = Bench::new(Manner::default());
        bench.resolve(&[1, 2, 3]);
        for last in [1, 2] {
            assert_eq!(bench.joins(), (address(last), None));
            bench.fail(unreachable("dead"));
        }
        assert_eq!(bench.joins(), (address(3), None));
        bench.fail(full());
        assert_eq!(bench.outcome(), Outcome::Failed(full()));
    }

    #[test]
    fn behind_a_dead_address_there_may_be_a_good_one() {
        let mut bench = Bench::new(Manner::default());
        bench.resolve(&[1, 2]);
        bench.joins();
        bench.fail(unreachable("dead"));
        assert_eq!((bench.notices(), bench.rejoin.next_timeout()), (vec![], Time::NEVER));
        bench.accept(STREAM, 1);
        bench.rejoin.handle_life(0, bench.now);
        bench.over(Over::Silence, 7);
        bench.sleep();
        assert_eq!(bench.joins(), (address(1), Some(7)), "what is known is tried in full again");
    }

    #[test]
    fn a_join_that_is_waited_for_is_said_once_and_again_if_the_reason_is_another() {
        let mut bench = Bench::new(WAITS);
        let mut fail = |failure: Failure<Words>| {
            bench.resolve(&[1]);
            bench.joins();
            bench.fail(failure);
            bench.sleep();
            bench.notices()
        };
        assert_eq!(fail(unreachable("dead")), [Notice::Waiting("dead")]);
        assert_eq!(fail(full()), [Notice::Failed("full")], "too soon");
        // 60 s, of which 200 and 400 ms have passed, and 800 and 1600 will
        for _ in 0..31 {
            assert_eq!(fail(unreachable("dead")), [Notice::Failed("dead")]);
        }
        assert_eq!(fail(full()), [Notice::Waiting("full")]);
        assert_eq!(fail(unreachable("dead")), [Notice::Failed("dead")], "a minute from then");
        bench.rejoin.handle_stop();
        assert_eq!(bench.outcome(), Outcome::Failed(full()), "waited in vain");
    }

    #[test]
    fn what_does_not_pass_is_not_waited_for() {
        use FailureReason::{Local, Mute, NoAddress, Refused, Stranger, Unreachable};
        let [full, stopping, other, protocol, key] = [
            RefusalCode::Full,
            RefusalCode::Stopping,
            RefusalCode::Other,
            RefusalCode::Protocol,
            RefusalCode::Key,
        ]
        .map(Refused);
        let reasons = [NoAddress, Unreachable, full, stopping, other, protocol, key, Mute, Stranger, Local];
        let waits = reasons.map(|reason| {
            let mut bench = Bench::new(WAITS);
            bench.resolve(&[1]);
            bench.joins();
            bench.fail(Failure { reason, words: "" });
            !bench.rejoin.is_done()
        });
        assert_eq!(waits, [true, true, true, true, true, false, false, false, false, false]);
    }

    #[test]
    fn a_lost_session_is_said_once_and_joined_until_it_is_back() {
        let mut bench = Bench::live();
        bench.over(Over::Silence, 40);
        assert_eq!(bench.notices(), [Notice::Lost(Over::Silence)]);
        assert!(bench.rejoin.may_miss() && bench.rejoin.lost_since() == Some(START));
        // the known address, then a look-up for each failure, whatever it is
        assert_eq!(bench.sleep(), 200);
        assert_eq!(bench.joins(), (address(1), Some(40)));
        bench.fail(Failure { reason: FailureReason::Stranger, words: "a router" });
        assert_eq!(bench.sleep(), 400);
        assert_eq!(bench.rejoin.poll_action(), Some((0, Action::Resolve)));
        bench.fail(Failure { reason: FailureReason::NoAddress, words: "no such host" });
        assert_eq!(bench.sleep(), 800);
        bench.resolve(&[2]);
        bench.accept(STREAM, 40);
        // accepted, but no datagram comes
        bench.over(Over::NoAnswer, 40);
        assert_eq!(bench.sleep(), 1600);
        assert_eq!(bench.notices(), [Notice::Failed("a router"), Notice::Failed("no such host")]);
        bench.accept(STREAM, 40);
        bench.rejoin.handle_life(0, bench.now);
        bench.rejoin.handle_life(0, bench.now.after(MS));
        assert_eq!(bench.notices(), [Notice::Joined { path: 0, away: Some(3000 * MS) }]);
        assert!(!bench.rejoin.may_miss() && bench.rejoin.lost_since().is_none());
    }

    #[test]
    fn who_is_refused_when_he_comes_back_is_told_so_once_each_time() {
        let (mut bench, key) = (Bench::live(), FailureReason::Refused(RefusalCode::Key));
        for _ in 0..2 {
            bench.over(Over::Silence, 1);
            let (mut refused, mut times) = (Vec::new(), 0);
            while times < 9 {
                bench.sleep();
                while !bench.rejoin.paths[0].has_addresses() {
                    bench.resolve(&[1]);
                }
                bench.joins();
                bench.fail(Failure { reason: key, words: "another key" });
                refused.extend(bench.notices().into_iter().filter(|it| matches!(it, Notice::Waiting(_))));
                times += 1;
            }
            assert_eq!(refused, [Notice::Waiting("another key")]);
            bench.sleep();
            bench.resolve(&[1]);
            bench.accept(STREAM, 1);
            bench.rejoin.handle_life(0, bench.now);
            bench.notices();
        }
        bench.rejoin.handle_stop();
        assert_eq!(bench.rejoin.outcome(), &Outcome::Stopped);
    }

    #[test]
    fn the_backoff_doubles_and_begins_again_with_a_session_that_lives() {
        let mut bench = Bench::live();
        bench.over(Over::Silence, 1);
        let mut waits = Vec::new();
        for _ in 0..6 {
            waits.push(bench.sleep());
            if !bench.rejoin.paths[0].has_addresses() {
                bench.resolve(&[1]);
            }
            bench.joins();
            bench.fail(unreachable("dead"));
        }
        assert_eq!(waits, [200, 400, 800, 1600, 2000, 2000]);
        bench.sleep();
        bench.resolve(&[1]);
        bench.accept(STREAM, 1);
        bench.over(Over::PortClosed, 1);
        assert_eq!(bench.sleep(), 2000, "nothing came of that one");
        bench.accept(STREAM, 1);
        bench.rejoin.handle_life(0, bench.now);
        bench.over(Over::Silence, 1);
        assert_eq!(bench.sleep(), 200);
    }

    #[test]
    fn frames_that_are_gone_and_another_stream_are_told() {
        let mut bench = Bench::live();
        for (stream, next, told) in [
            (STREAM, 10, None),
            (STREAM, 13, Some(Notice::Gone { first: FrameNumber(10), count: 3 })),
            (STREAM, 8, None), // a server that goes back is believed
            (StreamId(6), 1, Some(Notice::Stream { id: StreamId(6), another: true })),
        ] {
            bench.over(Over::Silence, 10);
            bench.sleep();
            bench.notices();
            bench.accept(stream, next);
            assert_eq!(bench.notices(), told.into_iter().collect::<Vec<_>>());
            assert_eq!(bench.rejoin.resume(), Some((stream, FrameNumber(next))));
        }
    }

    #[test]
    fn a_camcast_that_has_stopped_has_captured_nothing_since() {
        let mut bench = Bench::live();
        bench.over(Over::Ended(EndReason::Stopping), 10);
        assert!(bench.rejoin.lost_since().is_some() && !bench.rejoin.may_miss());
        // which further tries do not change
        bench.sleep();
        bench.accept(STREAM, 10);
        bench.over(Over::NoAnswer, 10);
        assert!(!bench.rejoin.may_miss());
    }

    #[test]
    fn an_accepted_join_of_which_nothing_comes_ends_it_before_the_first_session() {
        for (is_plain, over, ends) in [
            (false, Over::NoAnswer, true),
            (false, Over::PortClosed, false),
            (false, Over::Silence, false),
            (true, Over::Silence, true),
        ] {
            let mut bench = Bench::new(Manner { waits: true, is_plain });
            bench.resolve(&[1]);
            bench.joins();
            bench.rejoin.handle_accepted(0, None);
            bench.rejoin.handle_over(0, over, None, bench.now);
            assert_eq!(bench.rejoin.is_done(), ends, "{over:?}");
            if ends {
                assert_eq!(bench.outcome(), Outcome::Unheard(over));
            }
        }
    }

    #[test]
    fn a_session_that_cannot_begin_is_a_failed_join() {
        let mut bench = Bench::live();
        bench.over(Over::Silence, 4);
        bench.sleep();
        bench.accept(STREAM, 6);
        bench.fail(Failure { reason: FailureReason::Local, words: "no socket" });
        let gone = Notice::Gone { first: FrameNumber(4), count: 2 };
        assert_eq!(bench.notices(), [Notice::Lost(Over::Silence), gone, Notice::Failed("no socket")]);
        bench.sleep();
        bench.resolve(&[1]);
        assert_eq!(bench.joins(), (address(1), Some(6)), "what is gone is told once");
    }

    #[test]
    fn a_stop_ends_each_phase() {
        let stopped = |mut bench: Bench| {
            bench.rejoin.handle_stop();
            assert_eq!((bench.rejoin.poll_action(), bench.rejoin.next_timeout()), (None, Time::NEVER));
            bench.outcome()
        };
        assert_eq!(stopped(Bench::new(Manner::default())), Outcome::Stopped, "looking");
        let mut joining = Bench::new(Manner::default());
        joining.resolve(&[1]);
        assert_eq!(stopped(joining), Outcome::Stopped);
        let mut waiting = Bench::live();
        waiting.over(Over::Silence, 4);
        assert_eq!(stopped(waiting), Outcome::Stopped);
    }

    #[test]
    fn a_live_session_is_left_and_a_second_stop_does_not_wait_for_it() {
        let mut bench = Bench::live();
        bench.rejoin.handle_stop();
        assert_eq!(bench.rejoin.poll_action(), Some((0, Action::Leave)));
        bench.rejoin.handle_stop();
        assert_eq!((bench.rejoin.poll_action(), bench.rejoin.is_done()), (None, false));
        bench.over(Over::Left, 9);
        assert_eq!(bench.outcome(), Outcome::Stopped);
        let mut bench = Bench::live();
        bench.rejoin.handle_stop();
        bench.rejoin.handle_stop_now();
        assert_eq!((bench.rejoin.poll_action(), bench.notices()), (None, vec![]));
        assert_eq!(bench.outcome(), Outcome::Stopped);
    }

    /// Two paths with their addresses. The first one joins.
    fn two(manner: Manner) -> Bench {
        let mut bench = Bench { rejoin: Rejoin::new(manner, 2), now: START };
        for path in [0, 1] {
            assert_eq!(bench.rejoin.poll_action(), Some((path, Action::Resolve)));
        }
        for path in [0, 1] {
            bench.rejoin.handle_addresses(path, vec![address(path as u8)]);
        }
        joins_by(&mut bench, 0);
        assert_eq!(bench.rejoin.poll_action(), None, "the first one says what the stream is");
        bench
    }

    #[track_caller]
    fn joins_by(bench: &mut Bench, path: usize) {
        match bench.rejoin.poll_action() {
            Some((by, Action::Join { to, .. })) => assert_eq!((by, to), (path, address(path as u8))),
            other => panic!("{other:?}"),
        }
    }

    /// Both are let in to this stream.
    fn both(bench: &mut Bench) {
        assert_eq!(accept_on(bench, 0, STREAM), Verdict::Begins);
        joins_by(bench, 1);
        assert_eq!(accept_on(bench, 1, STREAM), Verdict::Adds);
    }

    fn accept_on(bench: &mut Bench, path: usize, stream: StreamId) -> Verdict {
        let accepted = Some((stream, FrameNumber(1)));
        let verdict = bench.rejoin.judge(path, accepted);
        match verdict {
            Verdict::Astray => {
                let failure = Failure { reason: FailureReason::Astray, words: "elsewhere" };
                bench.rejoin.handle_failure(path, failure, bench.now);
            }
            Verdict::Replaces => {
                let resume = bench.rejoin.resume();
                bench.rejoin.handle_over(1 - path, Over::Replaced, resume, bench.now);
                bench.rejoin.handle_accepted(path, accepted);
            }
            Verdict::Begins | Verdict::Adds => bench.rejoin.handle_accepted(path, accepted),
        }
        verdict
    }

    /// The path tries again, and is let in to this stream.
    fn again(bench: &mut Bench, path: usize, stream: StreamId) -> Verdict {
        bench.now = bench.rejoin.next_timeout();
        bench.rejoin.handle_timeout(bench.now);
        match bench.rejoin.poll_action() {
            Some((by, Action::Resolve)) if by == path => {
                bench.rejoin.handle_addresses(path, vec![address(path as u8)]);
                assert!(matches!(bench.rejoin.poll_action(), Some((by, Action::Join { .. })) if by == path));
            }
            Some((by, Action::Join { .. })) if by == path => {}
            other => panic!("{other:?}"),
        }
        accept_on(bench, path, stream)
    }

    #[test]
    fn a_path_that_goes_and_comes_back_is_told_and_the_stream_is_not_lost() {
        let mut bench = two(Manner::default());
        both(&mut bench);
        [0, 1].into_iter().for_each(|path| bench.rejoin.handle_life(path, START));
        let begun = [
            Notice::Stream { id: STREAM, another: false },
            Notice::Joined { path: 0, away: None },
            Notice::PathJoined { path: 1, away: None },
        ];
        assert_eq!(bench.notices(), begun);
        let resume = Some((STREAM, FrameNumber(9)));
        bench.rejoin.handle_over(0, Over::Silence, resume, bench.now);
        assert_eq!(bench.notices(), [Notice::PathLost(0, Over::Silence)]);
        assert!(bench.rejoin.lost_since().is_none() && bench.rejoin.path_lost_since(0) == Some(START));
        bench.now = bench.rejoin.next_timeout();
        bench.rejoin.handle_timeout(bench.now);
        joins_by(&mut bench, 0);
        bench.rejoin.handle_failure(0, unreachable("dead"), bench.now);
        assert_eq!(bench.notices(), [Notice::Failed("dead")], "it is known to be lost");
        assert_eq!(again(&mut bench, 0, STREAM), Verdict::Adds);
        bench.rejoin.handle_life(0, bench.now);
        assert_eq!(bench.notices(), [Notice::PathJoined { path: 0, away: Some(600 * MS) }]);
        // both are lost, one after the other
        bench.rejoin.handle_over(1, Over::Silence, resume, bench.now);
        bench.rejoin.handle_over(0, Over::PortClosed, resume, bench.now);
        assert_eq!(bench.notices(), [Notice::PathLost(1, Over::Silence), Notice::Lost(Over::PortClosed)]);
        assert!(bench.rejoin.may_miss());
    }

    #[test]
    fn one_path_is_enough_to_begin_with_and_the_other_is_tried_on() {
        let mut bench = two(Manner::default());
        bench.rejoin.handle_failure(0, unreachable("dead"), START);
        assert_eq!((bench.notices(), bench.rejoin.is_done()), (vec![], false));
        joins_by(&mut bench, 1);
        accept_on(&mut bench, 1, STREAM);
        bench.rejoin.handle_life(1, START);
        let told = [
            Notice::Stream { id: STREAM, another: false },
            Notice::Joined { path: 1, away: None },
            Notice::PathFailed(0, "dead"),
        ];
        assert_eq!(bench.notices(), told);
        bench.now = bench.rejoin.next_timeout();
        bench.rejoin.handle_timeout(bench.now);
        assert_eq!(bench.rejoin.poll_action(), Some((0, Action::Resolve)));
        bench.rejoin.handle_failure(0, unreachable("still dead"), bench.now);
        assert_eq!(bench.notices(), [Notice::Failed("still dead")], "said once");
    }

    #[test]
    fn when_no_path_leads_anywhere_the_first_ones_reason_counts() {
        let mut bench = two(Manner::default());
        bench.rejoin.handle_failure(0, full(), START);
        assert!(!bench.rejoin.is_done());
        joins_by(&mut bench, 1);
        bench.rejoin.handle_failure(1, unreachable("dead"), START);
        assert_eq!(bench.rejoin.poll_action(), None);
        assert_eq!(bench.notices(), [Notice::PathFailed(1, "dead")], "the other's is told beside it");
        assert_eq!(bench.outcome(), Outcome::Failed(full()));
    }

    #[test]
    fn a_stop_is_told_when_the_stream_has_stopped_on_each_path() {
        let mut bench = two(Manner::default());
        both(&mut bench);
        [0, 1].into_iter().for_each(|path| bench.rejoin.handle_life(path, START));
        bench.notices();
        let (resume, over) = (Some((STREAM, FrameNumber(9))), Over::Ended(EndReason::Stopping));
        bench.rejoin.handle_over(0, over, resume, START);
        assert_eq!(bench.notices(), []);
        bench.rejoin.handle_over(1, over, resume, START);
        assert_eq!((bench.notices(), bench.rejoin.may_miss()), (vec![Notice::Lost(over)], false));
    }

    /// The waits of the second path, whose tries come to nothing in this way.
    fn waits(bench: &mut Bench, mut fail: impl FnMut(&mut Bench)) -> Vec<u128> {
        let mut waits = Vec::new();
        for _ in 0..10 {
            fail(bench);
            waits.push(bench.rejoin.next_timeout().since(bench.now).as_millis());
        }
        waits
    }

    #[test]
    fn a_path_that_is_none_is_tried_less_and_less_while_the_other_is_there() {
        let much = [400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000];
        let mut bench = two(Manner::default());
        accept_on(&mut bench, 0, STREAM);
        bench.rejoin.handle_life(0, START);
        joins_by(&mut bench, 1);
        accept_on(&mut bench, 1, StreamId(77));
        let elsewhere = |bench: &mut Bench| assert_eq!(again(bench, 1, StreamId(77)), Verdict::Astray);
        assert_eq!(waits(&mut bench, elsewhere), much, "it is somebody else's");

        let resume = Some((STREAM, FrameNumber(1)));
        let mut bench = two(Manner::default());
        both(&mut bench);
        bench.rejoin.handle_life(0, START);
        bench.rejoin.handle_over(1, Over::NoAnswer, resume, START);
        let unheard = |bench: &mut Bench| {
            again(bench, 1, STREAM);
            bench.rejoin.handle_over(1, Over::NoAnswer, resume, bench.now);
        };
        assert_eq!(waits(&mut bench, unheard), much);
        // what may be all there is, is tried soon
        bench.rejoin.handle_over(0, Over::Silence, resume, bench.now);
        bench.now = bench.rejoin.next_timeout();
        bench.rejoin.handle_timeout(bench.now);
        joins_by(&mut bench, 0);
        let wait = bench.rejoin.next_timeout().since(bench.now);
        assert!(wait <= 2000 * MS, "{wait:?}");
    }

    #[test]
    fn a_path_to_another_camcast_is_refused_whatever_becomes_of_the_first() {
        let mut bench = two(Manner::default());
        accept_on(&mut bench, 0, STREAM);
        joins_by(&mut bench, 1);
        bench.rejoin.handle_life(0, START);
        bench.notices();
        assert_eq!(accept_on(&mut bench, 1, StreamId(77)), Verdict::Astray);
        assert_eq!(bench.notices(), [Notice::PathAstray(1)]);
        assert_eq!(again(&mut bench, 1, StreamId(77)), Verdict::Astray);
        assert_eq!(bench.notices(), [], "said once");
        bench.rejoin.handle_over(0, Over::Silence, Some((STREAM, FrameNumber(9))), bench.now);
        bench.notices();
        // 200 ms of the first path, and the other's third wait
        assert_eq!(again(&mut bench, 0, StreamId(8)), Verdict::Begins, "it says what the stream is");
        assert_eq!(again(&mut bench, 1, StreamId(8)), Verdict::Adds);
    }

    #[test]
    fn a_camcast_that_was_started_again_is_no_other_one() {
        let mut bench = two(Manner::default());
        both(&mut bench);
        [0, 1].into_iter().for_each(|path| bench.rejoin.handle_life(path, START));
        let resume = Some((STREAM, FrameNumber(9)));
        bench.rejoin.handle_over(1, Over::PortClosed, resume, START);
        bench.notices();
        // the first path has not noticed yet
        assert_eq!(again(&mut bench, 1, StreamId(6)), Verdict::Astray);
        bench.rejoin.handle_over(0, Over::Silence, resume, bench.now);
        assert_eq!(again(&mut bench, 0, StreamId(6)), Verdict::Begins);
        assert_eq!(again(&mut bench, 1, StreamId(6)), Verdict::Adds);
        let is_astray = |notice: &Notice<Words>| matches!(notice, Notice::PathAstray(_));
        assert!(!bench.notices().iter().any(is_astray));
        // the first one noticed sooner: the stream is its
        bench.rejoin.handle_life(0, bench.now);
        bench.rejoin.handle_over(0, Over::PortClosed, resume, bench.now);
        bench.notices();
        assert_eq!(again(&mut bench, 0, StreamId(7)), Verdict::Replaces);
        let told = bench.notices();
        assert_eq!(told.last(), Some(&Notice::Stream { id: StreamId(7), another: true }), "{told:?}");
    }

    #[test]
    fn a_path_that_lets_nothing_but_the_join_through_is_told_once() {
        let mut bench = two(Manner::default());
        both(&mut bench);
        bench.rejoin.handle_life(0, START);
        bench.notices();
        let resume = Some((STREAM, FrameNumber(9)));
        bench.rejoin.handle_over(1, Over::NoAnswer, resume, bench.now);
        assert_eq!(bench.notices(), [Notice::PathUnheard(1, Over::NoAnswer)]);
        assert_eq!(bench.rejoin.path_lost_since(1), None, "it never was there");
        assert_eq!(again(&mut bench, 1, STREAM), Verdict::Adds);
        bench.rejoin.handle_over(1, Over::PortClosed, resume, bench.now);
        assert_eq!(bench.notices(), []);
    }

    #[test]
    fn a_path_of_which_nothing_came_before_the_other_has_joined_is_told_then() {
        for over in [Over::NoAnswer, Over::PortClosed] {
            let mut bench = two(Manner::default());
            both(&mut bench);
            bench.rejoin.handle_over(1, over, Some((STREAM, FrameNumber(1))), START);
            assert_eq!(bench.notices(), [Notice::Stream { id: STREAM, another: false }]);
            bench.rejoin.handle_life(0, START);
            let told = [Notice::Joined { path: 0, away: None }, Notice::PathUnheard(1, over)];
            assert_eq!(bench.notices(), told);
        }
    }

    #[test]
    fn a_session_of_which_nothing_has_come_does_not_make_up_for_one_that_is_lost() {
        let mut bench = two(Manner::default());
        both(&mut bench);
        bench.rejoin.handle_life(0, START);
        bench.notices();
        assert!(bench.rejoin.is_there(0) && !bench.rejoin.is_there(1));
        let resume = Some((STREAM, FrameNumber(9)));
        bench.rejoin.handle_over(0, Over::Silence, resume, bench.now);
        assert_eq!(bench.notices(), [Notice::Lost(Over::Silence)]);
        assert!(bench.rejoin.may_miss() && bench.rejoin.lost_since() == Some(START));
        bench.rejoin.handle_over(1, Over::NoAnswer, resume, bench.now);
        assert_eq!((bench.notices(), bench.rejoin.lost_by()), (vec![], Some(Over::Silence)));
    }

    #[test]
    fn a_camcast_that_was_started_again_is_found_though_nothing_comes_by_the_first_path() {
        let mut bench = two(Manner::default());
        both(&mut bench);
        bench.rejoin.handle_life(1, START);
        bench.notices();
        bench.rejoin.handle_over(1, Over::PortClosed, Some((STREAM, FrameNumber(9))), bench.now);
        assert_eq!(bench.notices(), [Notice::Lost(Over::PortClosed)]);
        assert_eq!(again(&mut bench, 1, StreamId(6)), Verdict::Replaces);
        assert_eq!(bench.notices(), [Notice::Stream { id: StreamId(6), another: true }]);
        // but before anything has come at all, the first path says what the stream is
        let mut bench = two(Manner::default());
        accept_on(&mut bench, 0, STREAM);
        joins_by(&mut bench, 1);
        assert_eq!(accept_on(&mut bench, 1, StreamId(6)), Verdict::Astray);
    }

    #[test]
    fn a_first_path_of_which_nothing_comes_and_another_to_elsewhere_end_it() {
        for is_astray_first in [true, false] {
            let mut bench = two(Manner::default());
            accept_on(&mut bench, 0, STREAM);
            joins_by(&mut bench, 1);
            if is_astray_first {
                assert_eq!(accept_on(&mut bench, 1, StreamId(77)), Verdict::Astray);
                assert!(!bench.rejoin.is_done());
            }
            bench.rejoin.handle_over(0, Over::NoAnswer, Some((STREAM, FrameNumber(1))), bench.now);
            if !is_astray_first {
                let failure = Failure { reason: FailureReason::Astray, words: "elsewhere" };
                assert!(!bench.rejoin.is_done());
                bench.rejoin.handle_failure(1, failure, bench.now);
            }
            assert_eq!(bench.outcome(), Outcome::Unheard(Over::NoAnswer));
        }
    }

    #[test]
    fn a_path_that_is_let_in_after_all_is_waited_for() {
        let mut bench = two(Manner::default());
        bench.rejoin.handle_failure(0, unreachable("dead"), START);
        joins_by(&mut bench, 1);
        assert_eq!(again(&mut bench, 0, STREAM), Verdict::Begins);
        bench.rejoin.handle_failure(1, unreachable("dead"), bench.now);
        assert!(!bench.rejoin.is_done());
        bench.rejoin.handle_life(0, bench.now);
        let told = bench.notices();
        assert_eq!(told.last(), Some(&Notice::PathFailed(1, "dead")), "{told:?}");
    }

    #[test]
    fn both_sessions_are_left_at_the_end() {
        let mut bench = two(Manner::default());
        both(&mut bench);
        bench.rejoin.handle_stop();
        for path in [0, 1] {
            assert_eq!(bench.rejoin.poll_action(), Some((path, Action::Leave)));
        }
        bench.rejoin.handle_over(1, Over::Left, None, START);
        assert!(!bench.rejoin.is_done());
        bench.rejoin.handle_over(0, Over::Left, None, START);
        assert_eq!(bench.outcome(), Outcome::Stopped);
    }
}
