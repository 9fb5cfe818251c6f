//! The hub on a virtual clock: what it sends to whom, and when it gives somebody up.

#[cfg(test)]
mod admission;
#[cfg(test)]
mod blocked;
#[cfg(test)]
mod moving;
#[cfg(test)]
mod native;
#[cfg(test)]
mod parity;
#[cfg(test)]
mod plain;
#[cfg(test)]
mod slate;

use super::hub::{JOINS, Limits};
use super::*;
use crate::fec::Encoder;
use crate::jpeg::Size;
use crate::reel::Reel;
use crate::time::{Stamp, Time};
use crate::wire::client::{ClientEnd, Continue, Hello, Missing};
use crate::wire::join::{Accepted, Join, RefusalCode, Reply};
use crate::wire::server::{Beat, EndReason, ServerEnd};
use crate::wire::{Kind, StreamId, Token};
use proptest::prelude::*;
use std::net::SocketAddr;

const STREAM: StreamId = StreamId(0x1122_3344_5566_7788);
const FRAME: Duration = Duration::from_millis(33);
const BURST: u16 = 45;

struct Bench {
    hub: Hub,
    reel: Reel,
    now: Time,
    log: Vec<Output>,
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn route(remote: &str) -> Route {
    Route { remote: address(remote), local: address("192.0.2.1:9999") }
}

impl Bench {
    fn new() -> Self {
        Bench {
            hub: Hub::new(Limits { clients: 4, joins: JOINS, burst: BURST }, STREAM),
            reel: Reel::new(2 << 20, 1452, STREAM),
            now: Time::from_millis(10_000),
            log: Vec::new(),
        }
    }

    fn frame_of(&mut self, length: usize) -> FrameNumber {
        let sequence = self.reel.next_number().0;
        let stamp = Stamp { captured: self.now, sequence };
        self.reel.push(&vec![7; length], Size { width: 64, height: 48 }, stamp, 0).unwrap()
    }

    fn frame(&mut self) -> FrameNumber {
        self.frame_of(20_000)
    }

    fn pass(&mut self, wait: Duration) {
        self.now = self.now.after(wait);
    }

    /// Does what the shell does after an input, with sockets that take everything.
    fn drain(&mut self) -> Vec<Transmit> {
        self.log.extend(std::iter::from_fn(|| self.hub.poll_output()));
        let (hub, reel, now) = (&mut self.hub, &self.reel, self.now);
        std::iter::from_fn(|| hub.poll_transmit(reel, now)).collect()
    }

    /// Lets time pass, timeouts and all, with a frame each 33 ms if `frames`; returns what was sent.
    fn run(&mut self, wait: Duration, frames: bool) -> Vec<Transmit> {
        let end = self.now.after(wait);
        let mut next_frame = self.now.after(FRAME);
        let mut sent = self.drain();
        loop {
            let due = self.hub.next_timeout().map_or(Time::NEVER, |(at, _)| at);
            let next = due.min(if frames { next_frame } else { Time::NEVER });
            if next > end {
                self.now = end;
                return sent;
            }
            self.now = self.now.max(next);
            if frames && self.now >= next_frame {
                self.frame();
                next_frame = next_frame.after(FRAME);
            }
            if self.now >= due {
                self.hub.handle_timeout(&self.reel, self.now);
            }
            sent.extend(self.drain());
        }
    }

    /// The next burst, once its time has come.
    fn next_burst(&mut self) -> Option<Transmit> {
        self.pass(Duration::from_millis(20));
        self.hub.poll_transmit(&self.reel, self.now)
    }

    fn join(&mut self, policy: Policy, token: u64, remote: &str) -> Reply {
        self.join_with(policy, false, token, remote)
    }

    fn join_with(&mut self, policy: Policy, parity: bool, token: u64, remote: &str) -> Reply {
        let join = Join { policy, parity, ..Join::default() };
        self.hub.join_native(join, route(remote), Token(token), &self.reel, self.now)
    }

    fn hello(&mut self, token: u64, from: &str) {
        let hello =
            Hello { epoch: STREAM.epoch(), token: Token(token), stamp: 5, path_mtu: 0, narrow: false };
        let mut room = [0; 1452];
        let (hub, reel) = (&mut self.hub, &self.reel);
        hub.handle_unknown_peer(address(from), hello.emit(&mut room), reel, self.now);
    }

    /// A live native client.
    fn native(&mut self, policy: Policy, token: u64, from: &str) -> ClientId {
        let reply = self.join(policy, token, from);
        let Reply::Ok(Accepted { next, .. }) = reply else { panic!("{reply:?}") };
        let before = next.previous();
        self.hello(token, from);
        self.log.extend(std::iter::from_fn(|| self.hub.poll_output()));
        let client = self.opened();
        self.greet(client, token, before);
        client
    }

    /// One that has acknowledged a frame too.
    fn proven(&mut self, policy: Policy, token: u64, from: &str) -> ClientId {
        let client = self.native(policy, token, from);
        self.frame();
        self.drain();
        self.cont(client, token, self.reel.next_number().previous());
        client
    }

    /// A recorder that comes back to this stream.
    fn resume(&mut self, token: u64, from: &str) -> ClientId {
        let resume = Some((STREAM, self.reel.next_number()));
        let join = Join { policy: Policy::Every, resume, ..Join::default() };
        let reply = self.hub.join_native(join, route(from), Token(token), &self.reel, self.now);
        let Reply::Ok(Accepted { next, .. }) = reply else { panic!("{reply:?}") };
        self.hello(token, from);
        self.log.extend(std::iter::from_fn(|| self.hub.poll_output()));
        let client = self.opened();
        self.greet(client, token, next.previous());
        client
    }

    /// The CONTINUE that answers the first BEAT.
    fn greet(&mut self, client: ClientId, token: u64, before: FrameNumber) {
        let stamp = ((self.now.as_nanos() / 1000) as u32).wrapping_sub(1_000);
        let (epoch, token, missing) = (STREAM.epoch(), Token(token), Default::default());
        let (through, seen) = (before, before);
        let cont = Continue {
            epoch,
            token,
            stamp,
            through,
            seen,
            rtt_us: 40_000,
            arrived: 0,
            urgent: false,
            missing,
        };
        self.say(client, &cont.to_bytes());
    }

    fn plain(&mut self, port: u16) -> ClientId {
        self.hub.join_plain(port, route("198.51.100.7:40000"), &self.reel, self.now).unwrap()
    }

    fn say(&mut self, client: ClientId, datagram: &[u8]) {
        self.hub.handle_datagram(client, datagram, &self.reel, self.now);
    }

    fn cont(&mut self, client: ClientId, token: u64, seen: FrameNumber) {
        self.ask(client, token, seen, &[]);
    }

    /// CONTINUE of a client to which so many datagrams have come.
    fn cont_arrived(&mut self, client: ClientId, token: u64, seen: FrameNumber, arrived: u32) {
        self.ask_arrived(client, token, seen, &[], arrived);
    }

    /// CONTINUE that asks for all of these frames.
    fn ask(&mut self, client: ClientId, token: u64, seen: FrameNumber, missing: &[FrameNumber]) {
        self.ask_arrived(client, token, seen, missing, 0);
    }

    fn ask_arrived(
        &mut self,
        client: ClientId,
        token: u64,
        seen: FrameNumber,
        missing: &[FrameNumber],
        arrived: u32,
    ) {
        let stamp = (self.now.as_nanos() / 1000) as u32;
        let token = Token(token);
        let cont = Continue {
            epoch: STREAM.epoch(),
            token,
            stamp,
            through: missing.first().map_or(seen, |first| first.previous()),
            seen,
            rtt_us: 40_000,
            arrived,
            urgent: false,
            missing: missing.iter().map(|number| Missing { number: *number, first: 0, count: 0 }).collect(),
        };
        self.say(client, &cont.to_bytes());
    }

    /// What the last client to leave had got.
    fn tally(&self) -> Tally {
        let tally = self.log.iter().rev().find_map(|output| match output {
            Output::Event(ClientEvent::Left { tally, .. }) => Some(*tally),
            _ => None,
        });
        tally.expect("somebody left")
    }

    fn opened(&self) -> ClientId {
        let opened = self.log.iter().rev().find_map(|output| match output {
            Output::Open { client, .. } => Some(*client),
            _ => None,
        });
        opened.expect("a socket was asked for")
    }

    fn left(&self) -> Vec<LeaveReason> {
        let left = self.log.iter().filter_map(|output| match output {
            Output::Event(ClientEvent::Left { reason, .. }) => Some(*reason),
            _ => None,
        });
        left.collect()
    }

    fn datagrams(&self, kind: Kind) -> Vec<&[u8]> {
        let sent = self.log.iter().filter_map(|output| match output {
            Output::Datagram { bytes, .. } => Some(&bytes[..]),
            _ => None,
        });
        sent.filter(|bytes| bytes[0] == kind.byte()).collect()
    }
}

fn numbers(sent: &[Transmit]) -> Vec<u32> {
    let mut numbers: Vec<u32> = sent.iter().map(|transmit| transmit.number().0).collect();
    numbers.dedup();
    numbers
}

#[derive(Clone, Debug)]
enum Op {
    Frame(usize),
    Pass(u64),
    JoinPlain(u16),
    JoinNative(bool, u64),
    Hello(u64, u16),
    Say(usize, Vec<u8>),
    Continue(usize, u64, u32),
    Ask(usize, u64, u32, u16, u16),
    Refused(usize),
    Blocked,
    Writable(usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (1..300_000usize).prop_map(Op::Frame),
        4 => (0..3_000u64).prop_map(Op::Pass),
        1 => (5000..5004u16).prop_map(Op::JoinPlain),
        2 => (any::<bool>(), 0..4u64).prop_map(|(every, token)| Op::JoinNative(every, token)),
        2 => (0..4u64, 6000..6004u16).prop_map(|(token, port)| Op::Hello(token, port)),
        1 => (0..8usize, prop::collection::vec(any::<u8>(), 0..40)).prop_map(|(at, bytes)| Op::Say(at, bytes)),
        1 => (0..8usize, prop::sample::select(vec![&b"continue"[..], b"end"])).prop_map(|(at, word)| Op::Say(at, word.to_vec())),
        4 => (0..8usize, 0..4u64, 0..60u32).prop_map(|(at, token, seen)| Op::Continue(at, token, seen)),
        4 => (0..8usize, 0..4u64, 0..60u32, 0..99u16, 0..9u16)
            .prop_map(|(at, token, number, first, count)| Op::Ask(at, token, number, first, count)),
        1 => (0..8usize).prop_map(Op::Refused),
        1 => Just(Op::Blocked),
        1 => (0..8usize).prop_map(Op::Writable),
    ]
}

proptest! {
    /// Whatever happens in whatever order: nothing panics, nobody who has left is sent anything, trains are whole and
    /// within their burst, and there are never more clients than places.
    #[test]
    fn any_sequence_of_inputs_is_survived(ops in prop::collection::vec(op(), 1..120)) {
        let mut bench = Bench::new();
        let mut ids: Vec<ClientId> = Vec::new();
        let mut open: Vec<ClientId> = Vec::new();
        let mut blocked: Vec<ClientId> = Vec::new();
        for op in ops {
            let pick = |at: usize| ids.get(at % ids.len().max(1)).copied();
            let mut block = false;
            match op {
                Op::Frame(length) => { bench.frame_of(length.min(bench.reel.frame_limit())); }
                Op::Pass(millis) => {
                    bench.pass(Duration::from_millis(millis));
                    bench.hub.handle_timeout(&bench.reel, bench.now);
                }
                Op::JoinPlain(port) => { let _ = bench.hub.join_plain(port, route("198.51.100.7:1"), &bench.reel, bench.now); }
                Op::JoinNative(every, token) => {
                    let policy = if every { Policy::Every } else { Policy::Newest };
                    bench.join_with(policy, token % 2 == 0, token, "198.51.100.7:1");
                }
                Op::Hello(token, port) => bench.hello(token, &format!("198.51.100.7:{port}")),
                Op::Say(at, bytes) => if let Some(id) = pick(at) { bench.say(id, &bytes) },
                Op::Continue(at, token, seen) => if let Some(id) = pick(at) { bench.cont(id, token, FrameNumber(seen)) },
                Op::Ask(at, token, number, first, count) => if let Some(id) = pick(at) {
                    let missing = [Missing { number: FrameNumber(number), first, count }].into_iter().collect();
                    let (number, stamp) = (FrameNumber(number), (bench.now.as_nanos() / 1000) as u32);
                    let cont = Continue {
                        epoch: STREAM.epoch(), token: Token(token), stamp, through: number.previous(), seen: number,
                        rtt_us: 40_000, arrived: 0, urgent: true, missing,
                    };
                    bench.say(id, &cont.to_bytes());
                },
                Op::Refused(at) => if let Some(id) = pick(at) { bench.hub.handle_refused(id, bench.now) },
                Op::Writable(at) => if let Some(id) = pick(at) {
                    bench.hub.handle_writable(id, bench.now);
                    blocked.retain(|other| *other != id);
                },
                Op::Blocked => block = true,
            }
            while let Some(output) = bench.hub.poll_output() {
                match output {
                    Output::Open { client, .. } => {
                        prop_assert!(!ids.contains(&client), "an id is never used again");
                        ids.push(client);
                        open.push(client);
                    }
                    Output::Close { client, .. } => open.retain(|id| *id != client),
                    Output::Datagram { client, .. } | Output::Widen { client } | Output::Narrow { client } => prop_assert!(open.contains(&client)),
                    Output::MakeEncoder => bench.hub.handle_encoder(Encoder::new().unwrap()),
                    Output::Event(_) | Output::Answer { .. } => {}
                }
            }
            for _ in 0..1000 {
                let Some(transmit) = bench.hub.poll_transmit(&bench.reel, bench.now) else { break };
                prop_assert!(open.contains(&transmit.client()) && !blocked.contains(&transmit.client()));
                let frame = bench.reel.frame(transmit.number());
                prop_assert!(frame.is_some());
                if let (Transmit::Train { fragments, .. }, Some(frame)) = (&transmit, frame) {
                    prop_assert!(!fragments.is_empty() && fragments.end <= frame.fragments());
                    prop_assert!(fragments.len() <= usize::from(BURST));
                }
                if let Transmit::Parity { number, rows, .. } = &transmit {
                    let train = bench.hub.parity(*number);
                    prop_assert!(!rows.is_empty() && rows.len() <= usize::from(BURST));
                    prop_assert!(train.is_some_and(|train| train.datagrams(rows.clone()).len() == rows.len() * 1452));
                }
                if std::mem::take(&mut block) {
                    bench.hub.handle_blocked(transmit.client());
                    blocked.push(transmit.client());
                }
            }
            prop_assert_eq!(bench.hub.poll_transmit(&bench.reel, bench.now), None, "it ends");
            prop_assert!(bench.hub.each_client().count() <= 4);
        }
    }
}
