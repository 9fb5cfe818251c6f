//! A receiver at its end of its path, or of two: it joins, is here, is lost, and joins again, as camrec does.

use crate::account::{Account, Entry, Fate};
use crate::netem::{Link, Rng, Spec};
use crate::scene::{START, Viewer};
use camcast::receiver::rejoin::{
    Action, Failure, FailureReason, JOIN_PATIENCE, Manner, Notice, Rejoin, Resume, Verdict,
};
use camcast::receiver::{Over, Receiver};
use camcast::time::Time;
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
/// A receiver at its end of its paths.
pub struct Guest {
    pub viewer: Viewer,
    pub lanes: Vec<Lane>,
    /// When it joins, and joins again: camrec's own.
    pub rejoin: Rejoin<()>,
    /// What comes by its sessions.
    pub stream: Option<Box<Stream>>,
    pub sessions: u16,
    /// The number that has to come out next.
    pub expected: Option<u32>,
    pub newest_sent: u32,
    /// What has come while it stood still, and by which lane.
    pub buffer: VecDeque<(usize, Packet)>,
    pub buffered: usize,
    pub account: Account,
}

/// One of its paths, and what it has at hand there.
pub struct Lane {
    pub down: Link<Packet>,
    pub up: Link<Packet>,
    pub phase: Phase,
    /// How often each fragment of each frame was sent here.
    pub sent: Vec<Vec<u32>>,
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
    Joining { at: Time, back: Duration, resume: Option<Resume> },
    /// The answer is on its way.
    Answered { at: Time, accepted: Accepted },
    /// A session.
    Live { port: u16 },
}

pub struct Stream {
    pub receiver: Receiver,
    pub due: Time,
}

impl Lane {
    fn new(down: &Spec, up: &Spec, absent: Time, chance: &mut Rng) -> Self {
        Lane {
            down: Link::new(down.clone(), chance.next_u64(), START),
            up: Link::new(up.clone(), chance.next_u64(), START),
            phase: Phase::Absent { until: absent },
            sent: Vec::new(),
        }
    }

    /// When something is due here.
    pub fn next_timeout(&self) -> Time {
        match &self.phase {
            Phase::Absent { until } => *until,
            Phase::Idle | Phase::Live { .. } => Time::NEVER,
            Phase::Failing { at } | Phase::Joining { at, .. } | Phase::Answered { at, .. } => *at,
        }
    }

    pub fn has_port(&self, port: u16) -> bool {
        matches!(self.phase, Phase::Live { port: own } if own == port)
    }
}

impl Guest {
    pub fn new(viewer: &Viewer, chance: &mut Rng) -> Self {
        let absent = if viewer.joins.is_zero() { START.before(LEAD) } else { START.after(viewer.joins) };
        let mut lanes = vec![Lane::new(&viewer.down, &viewer.up, absent, chance)];
        lanes.extend(viewer.also.iter().map(|(down, up)| Lane::new(down, up, absent, chance)));
        Guest {
            viewer: viewer.clone(),
            rejoin: Rejoin::new(Manner { waits: true, is_plain: false }, lanes.len()),
            lanes,
            stream: None,
            sessions: 0,
            expected: None,
            newest_sent: 0,
            buffer: VecDeque::new(),
            buffered: 0,
            account: Account::default(),
        }
    }

    pub fn is_gone(&self) -> bool {
        self.rejoin.is_done()
    }

    /// Its program is there.
    fn is_started(&self) -> bool {
        !self.lanes.iter().any(|lane| matches!(lane.phase, Phase::Absent { .. }))
    }

    pub fn next_timeout(&self) -> Time {
        let lanes = self.lanes.iter().map(Lane::next_timeout).min().unwrap_or(Time::NEVER);
        if !self.is_started() {
            return lanes;
        }
        let stream = self.stream.as_ref().map_or(Time::NEVER, |stream| stream.due);
        lanes.min(stream).min(self.rejoin.next_timeout())
    }

    /// When its program runs again; now, unless it stands still.
    pub fn wakes_after(&self, now: Time) -> Time {
        let since = now.since(START);
        let nap = self.viewer.deaf.iter().find(|(from, until)| (*from..*until).contains(&since));
        nap.map_or(now, |(_, until)| START.after(*until))
    }

    pub fn keep(&mut self, lane: usize, packet: Packet) {
        if self.buffered + packet.bytes.len() <= self.viewer.receive_buffer {
            self.buffered += packet.bytes.len();
            self.buffer.push_back((lane, packet));
        }
    }

    pub fn take_buffered(&mut self) -> Option<(usize, Packet)> {
        let (lane, packet) = self.buffer.pop_front()?;
        self.buffered -= packet.bytes.len();
        Some((lane, packet))
    }

    /// Does what its machine wants, and notes what that says.
    pub fn act(&mut self, now: Time, chance: &mut Rng) {
        while let Some((lane, action)) = self.rejoin.poll_action() {
            match action {
                Action::Resolve => self.rejoin.handle_addresses(lane, vec![SERVER.into()]),
                Action::Join { resume, .. } => self.begin_join(lane, resume, now, chance),
                Action::Leave => {
                    if let Some(stream) = &mut self.stream {
                        stream.receiver.leave(now.after(CLOCK_AHEAD));
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
    pub fn fail(&mut self, lane: usize, reason: FailureReason, now: Time, chance: &mut Rng) {
        self.lanes[lane].phase = Phase::Idle;
        self.rejoin.handle_failure(lane, Failure { reason, words: () }, now);
        self.act(now, chance);
    }

    /// Its program is told to stop.
    pub fn stop(&mut self, now: Time, chance: &mut Rng) {
        self.rejoin.handle_stop();
        for lane in self.lanes.iter_mut().filter(|lane| !matches!(lane.phase, Phase::Live { .. })) {
            lane.phase = Phase::Idle;
        }
        self.act(now, chance);
    }

    /// The TCP part of a join: the first SYN that gets through, then a line each way. What is lost is sent again.
    fn begin_join(&mut self, lane: usize, resume: Option<Resume>, now: Time, chance: &mut Rng) {
        let running = self.stream.as_ref().map(|stream| &stream.receiver);
        let resume = running.map_or(resume, |receiver| Some((receiver.stream(), receiver.next_frame())));
        let lane = &mut self.lanes[lane];
        let (up, down) = (lane.up.spec(), lane.down.spec());
        let is_open = |at: Time| !up.is_out(at.since(START)) && !down.is_out(at.since(START));
        let through = SYNS.iter().map(|wait| now.after(*wait)).find(|at| is_open(*at));
        let Some(start) = through else {
            lane.phase = Phase::Failing { at: now.after(JOIN_PATIENCE) };
            return;
        };
        let mut way = |spec: &Spec| {
            let losses = (0..4).take_while(|_| chance.chance(spec.loss)).count() as u32;
            spec.delay + TCP_RTO * losses
        };
        let at = start.after(way(up)).after(way(down)).after(way(up));
        let back = way(down);
        lane.phase = Phase::Joining { at, back, resume };
    }

    /// A session begins. What has gone since the last one is missing by name.
    pub fn begin(&mut self, lane: usize, accepted: &Accepted, now: Time, chance: &mut Rng) {
        let resume = Some((accepted.stream, accepted.next));
        let verdict = self.rejoin.judge(lane, resume);
        self.rejoin.handle_accepted(lane, resume);
        self.act(now, chance);
        self.sessions += 1;
        self.lanes[lane].phase = Phase::Live { port: 40_000 + self.sessions };
        let late = now.after(CLOCK_AHEAD);
        match (verdict, &mut self.stream) {
            (Verdict::Adds, Some(stream)) => stream.receiver.join(lane, accepted, late),
            (Verdict::Begins, stream @ None) => {
                let mut receiver = Receiver::new(lane, accepted, self.viewer.patience, late);
                if self.lanes.len() > 1 {
                    receiver.keep_shares();
                }
                *stream = Some(Box::new(Stream { receiver, due: now }));
            }
            (verdict, _) => panic!("{verdict:?} at {now}: there is one stream here"),
        }
        if let Some(stream) = &mut self.stream {
            stream.due = stream.receiver.next_timeout().before(CLOCK_AHEAD);
        }
    }

    pub fn on_over(&mut self, lane: usize, over: Over, now: Time) {
        let Some(stream) = &self.stream else { return };
        let resume = (stream.receiver.stream(), stream.receiver.next_frame());
        self.account.overs.push((now, over));
        self.rejoin.handle_over(lane, over, Some(resume), now);
        self.lanes[lane].phase = Phase::Idle;
    }

    /// Each of its sessions is over.
    pub fn end_stream(&mut self) {
        let Some(stream) = self.stream.take() else { return };
        let counters = stream.receiver.counters();
        self.account.duplicates += counters.duplicates;
        self.account.malformed += counters.malformed;
        let shares = self.account.shares.iter_mut().enumerate();
        shares.for_each(|(path, share)| share.add(stream.receiver.share(path)));
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

    pub fn count_sent(&mut self, lane: usize, number: u32, fragments: std::ops::Range<u16>, count: u16) {
        let (at, sent) = (number as usize, &mut self.lanes[lane].sent);
        if sent.len() <= at {
            sent.resize(at + 1, Vec::new());
        }
        let times = &mut sent[at];
        times.resize(times.len().max(count.into()), 0);
        let account = &mut self.account;
        for index in fragments {
            let is_row = index >= count;
            if is_row {
                times.resize(times.len().max(usize::from(index) + 1), 0);
            }
            let times = &mut times[usize::from(index)];
            *times += 1;
            *(if *times == 1 && !is_row { &mut account.sent_first } else { &mut account.sent_again }) += 1;
            account.sent_most = account.sent_most.max(*times);
        }
        self.newest_sent = self.newest_sent.max(number);
        let done = self.expected.map_or(number, |expected| expected - 1);
        account.most_in_flight = account.most_in_flight.max(self.newest_sent.saturating_sub(done));
    }
}
