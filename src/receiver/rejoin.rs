//! Joining, and joining again: which address is next, how long to wait after a failure, what the next session goes on with, and
//! what of it is worth saying. It has no socket and no words: the shell looks up, connects and speaks.
//!
//! ```text
//!            addresses          accepted        over, unless we leave
//!  Looking ------------> Joining --------> Live ----------------------> Waiting --> Joining, or Looking if the last join failed
//!     ^                     | no address left                             ^ |
//!     +---------------------+---------------------------------------------+-+
//! ```
//!
//! The shell hands in one input (`handle_*`), then drains [`Rejoin::poll_action`] and [`Rejoin::poll_notice`], then sleeps until
//! [`Rejoin::next_timeout`]. It ends when [`Rejoin::is_done`], and [`Rejoin::outcome`] tells why.

use super::events::Over;
use crate::time::Time;
use crate::wire::join::RefusalCode;
use crate::wire::server::EndReason;
use crate::wire::{FrameNumber, StreamId};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

/// The shell gives an address this long to connect, and then again to answer.
pub const JOIN_PATIENCE: Duration = Duration::from_secs(3);

/// The wait after a first failure; it doubles with each one ...
pub const FIRST_BACKOFF: Duration = Duration::from_millis(200);

/// ... up to this.
pub const LAST_BACKOFF: Duration = Duration::from_secs(2);

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
}

impl FailureReason {
    /// It may be otherwise in a while: what `--wait` is for.
    fn may_pass(self) -> bool {
        match self {
            FailureReason::NoAddress | FailureReason::Unreachable => true,
            FailureReason::Refused(code) => code != RefusalCode::Protocol,
            FailureReason::Mute | FailureReason::Stranger | FailureReason::Local => false,
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
        /// What to ask for.
        resume: Option<Resume>,
    },
    /// Leave the session: [`Rejoin::handle_over`] follows.
    Leave,
}

/// What has happened, for people and for the recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice<W> {
    /// There is no first session yet, and it is waited for: to be said.
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
    /// The session has proved itself by its first datagram.
    Joined {
        /// How long there was none before; none if it is the first one.
        away: Option<Duration>,
    },
    /// A session is over, and another is tried for. Said once, however many tries it takes.
    Lost(Over),
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
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
    phase: Phase,
    addresses: Vec<SocketAddr>,
    backoff: Duration,
    resume: Option<Resume>,
    has_joined: bool,
    lost: Option<Loss>,
    /// What was last said to be waited for, and when.
    waits: Option<(Time, Failure<W>)>,
    outcome: Outcome<W>,
    action: Option<Action>,
    notices: VecDeque<Notice<W>>,
}

impl<W: Clone + PartialEq> Rejoin<W> {
    /// Wants a session; its first action is [`Action::Resolve`].
    pub fn new(manner: Manner) -> Self {
        Rejoin {
            manner,
            phase: Phase::Looking,
            addresses: Vec::new(),
            backoff: FIRST_BACKOFF,
            resume: None,
            has_joined: false,
            lost: None,
            waits: None,
            outcome: Outcome::Stopped,
            action: Some(Action::Resolve),
            notices: VecDeque::new(),
        }
    }

    /// The host's addresses, at least one, in the order in which they are to be tried.
    pub fn handle_addresses(&mut self, addresses: Vec<SocketAddr>) {
        if self.phase == Phase::Looking {
            self.addresses = addresses;
            self.join(0);
        }
    }

    /// The look-up, the join, or the beginning of the session that was accepted has failed.
    pub fn handle_failure(&mut self, failure: Failure<W>, now: Time) {
        match self.phase {
            Phase::Joining { at } if at.saturating_add(1) < self.addresses.len() => {
                self.join(at.saturating_add(1));
            }
            Phase::Looking | Phase::Joining { .. } | Phase::Live => self.on_failure(failure, now),
            Phase::Leaving | Phase::Waiting { .. } | Phase::Done => {}
        }
    }

    /// The join was accepted: the session begins with this frame of this stream. The original protocol has no streams.
    pub fn handle_accepted(&mut self, accepted: Option<Resume>) {
        if !matches!(self.phase, Phase::Joining { .. }) {
            return;
        }
        self.phase = Phase::Live;
        let Some((id, next)) = accepted else { return };
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

    /// The session has heard from its server. To be handed in once or more often.
    pub fn handle_life(&mut self, now: Time) {
        if self.phase != Phase::Live || (self.has_joined && self.lost.is_none()) {
            return;
        }
        let away = self.lost.take().map(|lost| now.since(lost.since));
        self.has_joined = true;
        self.backoff = FIRST_BACKOFF;
        self.notices.push_back(Notice::Joined { away });
    }

    /// The session is over, and this is what the next one goes on with.
    pub fn handle_over(&mut self, over: Over, resume: Option<Resume>, now: Time) {
        match self.phase {
            Phase::Leaving => self.phase = Phase::Done,
            Phase::Live if self.is_hopeless(over) => self.end(Outcome::Unheard(over)),
            Phase::Live => {
                self.resume = resume;
                if self.lost.is_none() {
                    self.lost = Some(Loss { since: now, over });
                    self.notices.push_back(Notice::Lost(over));
                }
                self.wait(now);
            }
            Phase::Looking | Phase::Joining { .. } | Phase::Waiting { .. } | Phase::Done => {}
        }
    }

    /// No session is wanted any more: the one that there is is left, and its end awaited.
    pub fn handle_stop(&mut self) {
        if self.is_stopping() {
            return;
        }
        let waits = if self.has_joined { None } else { self.waits.take() };
        self.outcome = waits.map_or(Outcome::Stopped, |(_, why)| Outcome::Failed(why));
        let is_live = self.phase == Phase::Live;
        self.action = is_live.then_some(Action::Leave);
        self.phase = if is_live { Phase::Leaving } else { Phase::Done };
    }

    /// The same at once, without a word to the server.
    pub fn handle_stop_now(&mut self) {
        self.handle_stop();
        self.action = None;
        self.phase = Phase::Done;
    }

    /// A deadline of [`next_timeout`](Self::next_timeout) has come.
    pub fn handle_timeout(&mut self, now: Time) {
        let Phase::Waiting { until } = self.phase else { return };
        if now < until {
            return;
        }
        if self.addresses.is_empty() {
            self.phase = Phase::Looking;
            self.action = Some(Action::Resolve);
        } else {
            self.join(0);
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout). Changes with every input.
    #[must_use]
    pub fn next_timeout(&self) -> Time {
        match self.phase {
            Phase::Waiting { until } => until,
            _ => Time::NEVER,
        }
    }

    /// What to do next: at most one thing an input.
    #[must_use]
    pub fn poll_action(&mut self) -> Option<Action> {
        self.action.take()
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
        matches!(self.phase, Phase::Leaving | Phase::Done)
    }

    /// There will be no other session, and there is none.
    pub fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    /// Since when there is no session; none if there is one, or was none before.
    pub fn lost_since(&self) -> Option<Time> {
        self.lost.map(|lost| lost.since)
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

    fn join(&mut self, at: usize) {
        let Some(to) = self.addresses.get(at).copied() else { return };
        self.phase = Phase::Joining { at };
        self.action = Some(Action::Join { to, resume: self.resume });
    }

    /// The first join has to succeed, unless it is to be waited for; from then on there is always another.
    fn on_failure(&mut self, failure: Failure<W>, now: Time) {
        if self.has_joined {
            self.notices.push_back(Notice::Failed(failure.words));
        } else if self.manner.waits && failure.reason.may_pass() {
            self.say_waiting(failure, now);
        } else {
            return self.end(Outcome::Failed(failure));
        }
        // the name may have another address by now
        self.addresses.clear();
        self.wait(now);
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

    fn wait(&mut self, now: Time) {
        self.phase = Phase::Waiting { until: now.after(self.backoff) };
        self.backoff = self.backoff.saturating_mul(2).min(LAST_BACKOFF);
    }

    fn end(&mut self, outcome: Outcome<W>) {
        self.outcome = outcome;
        self.phase = Phase::Done;
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
            Bench { rejoin: Rejoin::new(manner), now: START }
        }

        /// A session that has proved itself, of this stream from frame 1 on.
        fn live() -> Self {
            let mut bench = Bench::new(Manner::default());
            bench.resolve(&[1]);
            bench.accept(STREAM, 1);
            bench.rejoin.handle_life(bench.now);
            assert_eq!(
                bench.notices(),
                [Notice::Stream { id: STREAM, another: false }, Notice::Joined { away: None }]
            );
            bench
        }

        /// The look-up that it wants brings these.
        fn resolve(&mut self, addresses: &[u8]) {
            assert_eq!(self.rejoin.poll_action(), Some(Action::Resolve));
            self.rejoin.handle_addresses(addresses.iter().map(|last| address(*last)).collect());
        }

        /// Where it joins, and with which next frame.
        fn joins(&mut self) -> (SocketAddr, Option<u32>) {
            match self.rejoin.poll_action() {
                Some(Action::Join { to, resume }) => (to, resume.map(|(_, next)| next.0)),
                other => panic!("{other:?}"),
            }
        }

        fn accept(&mut self, stream: StreamId, next: u32) {
            self.joins();
            self.rejoin.handle_accepted(Some((stream, FrameNumber(next))));
        }

        fn fail(&mut self, failure: Failure<Words>) {
            self.rejoin.handle_failure(failure, self.now);
        }

        fn over(&mut self, over: Over, next: u32) {
            self.rejoin.handle_over(over, Some((STREAM, FrameNumber(next))), self.now);
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
        assert_eq!(bench.rejoin.poll_action(), Some(Action::Resolve));
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
        bench.rejoin.handle_life(bench.now);
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
        let [full, stopping, other, protocol] =
            [RefusalCode::Full, RefusalCode::Stopping, RefusalCode::Other, RefusalCode::Protocol]
                .map(Refused);
        let reasons = [NoAddress, Unreachable, full, stopping, other, protocol, Mute, Stranger, Local];
        let waits = reasons.map(|reason| {
            let mut bench = Bench::new(WAITS);
            bench.resolve(&[1]);
            bench.joins();
            bench.fail(Failure { reason, words: "" });
            !bench.rejoin.is_done()
        });
        assert_eq!(waits, [true, true, true, true, true, false, false, false, false]);
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
        assert_eq!(bench.rejoin.poll_action(), Some(Action::Resolve));
        bench.fail(Failure { reason: FailureReason::NoAddress, words: "no such host" });
        assert_eq!(bench.sleep(), 800);
        bench.resolve(&[2]);
        bench.accept(STREAM, 40);
        // accepted, but no datagram comes
        bench.over(Over::NoAnswer, 40);
        assert_eq!(bench.sleep(), 1600);
        assert_eq!(bench.notices(), [Notice::Failed("a router"), Notice::Failed("no such host")]);
        bench.accept(STREAM, 40);
        bench.rejoin.handle_life(bench.now);
        bench.rejoin.handle_life(bench.now.after(MS));
        assert_eq!(bench.notices(), [Notice::Joined { away: Some(3000 * MS) }]);
        assert!(!bench.rejoin.may_miss() && bench.rejoin.lost_since().is_none());
    }

    #[test]
    fn the_backoff_doubles_and_begins_again_with_a_session_that_lives() {
        let mut bench = Bench::live();
        bench.over(Over::Silence, 1);
        let mut waits = Vec::new();
        for _ in 0..6 {
            waits.push(bench.sleep());
            if bench.rejoin.addresses.is_empty() {
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
        bench.rejoin.handle_life(bench.now);
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
            bench.rejoin.handle_accepted(None);
            bench.rejoin.handle_over(over, None, bench.now);
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
        assert_eq!(bench.rejoin.poll_action(), Some(Action::Leave));
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
}
