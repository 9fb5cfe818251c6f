//! A receiver at its end of the path: it joins, is here, is lost, and joins again, as camrec does.

use crate::account::{Account, Entry, Fate};
use crate::netem::{Link, Rng, Spec};
use crate::scene::{START, Viewer};
use camcast::receiver::rejoin::{Action, Failure, FailureReason, JOIN_PATIENCE, Manner, Notice, Rejoin};
use camcast::receiver::{Over, Receiver};
use camcast::time::Time;
use camcast::wire::StreamId;
use camcast::wire::join::Accepted;
use std::collections::VecDeque;
use std::time::Duration;

/// Who is there from the start joins this long before, so that no frame comes before its HELLO.
pub const LEAD: Duration = Duration::from_secs(1);

/// Receivers' clocks are this far ahead of the sender's: nobody may compare the two.
pub const CLOCK_AHEAD: Duration = Duration::from_secs(777);

/// When Linux sends a SYN within JOIN_PATIENCE: at once, and after its first retransmission timeout.
const SYNS: [Duration; 2] = [Duration::ZERO, Duration::from_secs(1)];

/// camcast's address.
pub const SERVER: ([u8; 4], u16) = ([192, 0, 2, 1], 9999);

/// Linux' least retransmission timeout, for a join's lines.
const TCP_RTO: Duration = Duration::from_millis(200);

/// A datagram on a path, with the receiver's port; or ICMP's answer that nobody listens there.
#[derive(Clone, Debug)]
pub struct Packet {
    pub port: u16,
    pub refused: bool,
    pub bytes: Vec<u8>,
}

impl AsRef<[u8]> for Packet {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}
/// A receiver at its end of the path.
pub struct Guest {
    pub viewer: Viewer,
    pub down: Link<Packet>,
    pub up: Link<Packet>,
    /// When it joins, and joins again: camrec's own.
    pub rejoin: Rejoin<()>,
    pub phase: Phase,
    pub sessions: u16,
    /// The number that has to come out next.
    pub expected: Option<u32>,
    pub newest_sent: u32,
    /// How often each fragment of each frame was sent.
    pub sent: Vec<Vec<u32>>,
    /// What has come while it stood still.
    pub buffer: VecDeque<Packet>,
    pub buffered: usize,
    pub account: Account,
}

/// What it has at hand.
pub enum Phase {
    /// Its program is not started yet.
    Absent { until: Time },
    /// Neither a connection nor a session.
    Idle,
    /// No SYN gets through.
    Failing { at: Time },
    /// The join line reaches camcast, and the answer takes as long again.
    Joining { at: Time, back: Duration },
    /// The answer is on its way.
    Answered { at: Time, accepted: Accepted },
    /// A session.
    Live(Box<Session>),
}

pub struct Session {
    pub receiver: Receiver,
    pub port: u16,
    pub stream: StreamId,
    pub due: Time,
}
impl Guest {
    pub fn new(viewer: &Viewer, chance: &mut Rng) -> Self {
        Guest {
            viewer: viewer.clone(),
            down: Link::new(viewer.down.clone(), chance.next_u64(), START),
            up: Link::new(viewer.up.clone(), chance.next_u64(), START),
            rejoin: Rejoin::new(Manner { waits: true, is_plain: false }),
            phase: Phase::Absent {
                until: if viewer.joins.is_zero() { START.before(LEAD) } else { START.after(viewer.joins) },
            },
            sessions: 0,
            expected: None,
            newest_sent: 0,
            sent: Vec::new(),
            buffer: VecDeque::new(),
            buffered: 0,
            account: Account::default(),
        }
    }

    pub fn is_gone(&self) -> bool {
        self.rejoin.is_done()
    }

    pub fn next_timeout(&self) -> Time {
        match &self.phase {
            Phase::Absent { until } => *until,
            Phase::Idle => self.rejoin.next_timeout(),
            Phase::Failing { at } | Phase::Joining { at, .. } | Phase::Answered { at, .. } => *at,
            Phase::Live(session) => session.due,
        }
    }

    /// When its program runs again; now, unless it stands still.
    pub fn wakes_after(&self, now: Time) -> Time {
        let since = now.since(START);
        let nap = self.viewer.deaf.iter().find(|(from, until)| (*from..*until).contains(&since));
        nap.map_or(now, |(_, until)| START.after(*until))
    }

    pub fn keep(&mut self, packet: Packet) {
        if self.buffered + packet.bytes.len() <= self.viewer.receive_buffer {
            self.buffered += packet.bytes.len();
            self.buffer.push_back(packet);
        }
    }

    pub fn take_buffered(&mut self) -> Option<Packet> {
        let packet = self.buffer.pop_front()?;
        self.buffered -= packet.bytes.len();
        Some(packet)
    }

    /// Does what its machine wants, and notes what that says.
    pub fn act(&mut self, now: Time, chance: &mut Rng) {
        while let Some(action) = self.rejoin.poll_action() {
            match action {
                Action::Resolve => self.rejoin.handle_addresses(vec![SERVER.into()]),
                Action::Join { .. } => self.begin_join(now, chance),
                Action::Leave => {
                    if let Phase::Live(session) = &mut self.phase {
                        session.receiver.leave(now.after(CLOCK_AHEAD));
                    }
                }
            }
        }
        while let Some(notice) = self.rejoin.poll_notice() {
            if let Notice::Gone { first, count } = notice {
                (first.0..first.0 + count).for_each(|number| self.note(number, Fate::Gone, now));
            }
        }
    }

    /// No session comes of this join.
    pub fn fail(&mut self, reason: FailureReason, now: Time, chance: &mut Rng) {
        self.phase = Phase::Idle;
        self.rejoin.handle_failure(Failure { reason, words: () }, now);
        self.act(now, chance);
    }

    /// Its program is told to stop.
    pub fn stop(&mut self, now: Time, chance: &mut Rng) {
        self.rejoin.handle_stop();
        if self.is_gone() {
            self.phase = Phase::Idle;
        }
        self.act(now, chance);
    }

    /// The TCP part of a join: the first SYN that gets through, then a line each way. What is lost is sent again.
    fn begin_join(&mut self, now: Time, chance: &mut Rng) {
        let (up, down) = (self.up.spec(), self.down.spec());
        let is_open = |at: Time| !up.is_out(at.since(START)) && !down.is_out(at.since(START));
        let through = SYNS.iter().map(|wait| now.after(*wait)).find(|at| is_open(*at));
        let Some(start) = through else {
            self.phase = Phase::Failing { at: now.after(JOIN_PATIENCE) };
            return;
        };
        let mut way = |spec: &Spec| {
            let losses = (0..4).take_while(|_| chance.chance(spec.loss)).count() as u32;
            spec.delay + TCP_RTO * losses
        };
        let at = start.after(way(up)).after(way(down)).after(way(up));
        let back = way(down);
        self.phase = Phase::Joining { at, back };
    }

    /// A session begins. What has gone since the last one is missing by name.
    pub fn begin(&mut self, accepted: &Accepted, now: Time, chance: &mut Rng) {
        self.rejoin.handle_accepted(Some((accepted.stream, accepted.next)));
        self.act(now, chance);
        self.sessions += 1;
        let receiver = Receiver::new(accepted, self.viewer.patience, now.after(CLOCK_AHEAD));
        let due = receiver.next_timeout().before(CLOCK_AHEAD);
        let (port, stream) = (40_000 + self.sessions, accepted.stream);
        self.phase = Phase::Live(Box::new(Session { receiver, port, stream, due }));
    }

    pub fn on_over(&mut self, over: Over, now: Time, chance: &mut Rng) {
        let Phase::Live(session) = &self.phase else { return };
        let counters = session.receiver.counters();
        self.account.duplicates += counters.duplicates;
        self.account.malformed += counters.malformed;
        self.account.overs.push((now, over));
        self.rejoin.handle_over(over, Some((session.stream, session.receiver.next_frame())), now);
        self.phase = Phase::Idle;
        self.act(now, chance);
    }

    /// A number comes out: each once, and in order.
    pub fn note(&mut self, number: u32, fate: Fate, at: Time) {
        let expected = *self.expected.get_or_insert(number);
        if number < expected && self.sessions > 1 {
            self.account.repeats += 1;
            return;
        }
        assert_eq!(number, expected, "out of order at {at}: {fate:?}");
        self.expected = Some(number + 1);
        self.account.entries.push(Entry { number, fate, at });
    }

    pub fn count_sent(&mut self, number: u32, fragments: std::ops::Range<u16>, count: u16) {
        let at = number as usize;
        if self.sent.len() <= at {
            self.sent.resize(at + 1, Vec::new());
        }
        let times = &mut self.sent[at];
        times.resize(usize::from(count), 0);
        let account = &mut self.account;
        for index in fragments {
            let times = &mut times[usize::from(index)];
            *times += 1;
            *(if *times == 1 { &mut account.sent_first } else { &mut account.sent_again }) += 1;
            account.sent_most = account.sent_most.max(*times);
        }
        self.newest_sent = self.newest_sent.max(number);
        let done = self.expected.map_or(number, |expected| expected - 1);
        account.most_in_flight = account.most_in_flight.max(self.newest_sent.saturating_sub(done));
    }
}
