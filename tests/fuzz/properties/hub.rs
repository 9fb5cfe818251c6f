//! The sender with clients that say anything, in any order and at any time.

use super::script::Script;
use camcast::fec::Encoder;
use camcast::jpeg::Size;
use camcast::reel::Reel;
use camcast::sender::hub::{Hub, JOINS, Limits};
use camcast::sender::{ClientId, Output, Route, Transmit};
use camcast::time::{Stamp, Time};
use camcast::wire::client::{ClientEnd, Continue, Hello, Missing};
use camcast::wire::join::{Join, Policy};
use camcast::wire::{FrameNumber, StreamId, Token};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

const STREAM: StreamId = StreamId(0x1122_3344_5566_7788);
const DATAGRAM: u16 = 300;
const BURST: u16 = 16;
const PLACES: u16 = 4;
/// Steps of a script that are taken.
const STEPS: usize = 400;
/// Nobody is owed more at once: a frame to each, and what each asks for again.
const MOST: usize = 20_000;

struct Bench {
    hub: Hub,
    reel: Reel,
    now: Time,
    open: BTreeMap<ClientId2, ClientId>,
    /// Those that had a socket, in this order.
    ever: Vec<ClientId>,
    blocked: BTreeSet<ClientId2>,
    /// Those clients have never been sent anything but what their address has asked for.
    asked: BTreeSet<SocketAddr>,
    sent: usize,
}

/// Place and generation.
type ClientId2 = (usize, u32);

fn key(client: ClientId) -> ClientId2 {
    (client.place(), client.generation())
}

/// A script.
pub fn check(bytes: &[u8]) -> bool {
    let mut script = Script::new(bytes);
    let mut bench = Bench {
        hub: Hub::new(Limits { clients: PLACES, joins: JOINS, burst: BURST }, STREAM),
        reel: Reel::new(1 << 18, DATAGRAM, STREAM),
        now: Time::from_millis(10_000),
        open: BTreeMap::new(),
        ever: Vec::new(),
        blocked: BTreeSet::new(),
        asked: BTreeSet::new(),
        sent: 0,
    };
    for _ in 0..STEPS {
        if script.is_over() {
            break;
        }
        let blocks = bench.step(&mut script);
        bench.drain(blocks);
    }
    bench.end();
    bench.sent > 0
}

fn address(byte: u8) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, byte % 3], 6000 + u16::from(byte / 3 % 4)))
}

impl Bench {
    /// The next step; whether the first socket that is sent to is full.
    fn step(&mut self, script: &mut Script<'_>) -> bool {
        match script.byte() % 16 {
            0 | 1 => self.push(script.byte()),
            2 => self.pass(Duration::from_millis(script.byte().into())),
            3 => self.pass(Duration::from_millis(u64::from(script.short()) * 4)),
            4 => self.join_plain(script),
            5 => self.join_native(script),
            6 | 7 => self.say(script, |script, _| hello(script)),
            8 | 9 => self.say(script, |script, bench| bench.cont(script)),
            10 => self.say(script, |script, _| {
                ClientEnd { epoch: epoch(script), token: token(script) }.to_bytes().to_vec()
            }),
            11 => self.say(script, |script, _| script.bytes().to_vec()),
            12 => {
                if let Some(client) = self.pick(script) {
                    self.hub.handle_refused(client, self.now);
                }
            }
            13 => {
                if let Some(client) = self.pick(script) {
                    self.hub.handle_writable(client, self.now);
                    self.blocked.remove(&key(client));
                }
            }
            14 => self.hub.handle_camera(script.byte() % 2 == 1, &self.reel, self.now),
            _ => return true,
        }
        false
    }

    fn push(&mut self, byte: u8) {
        let length = (usize::from(byte) * 97).clamp(1, self.reel.frame_limit());
        let stamp = Stamp { captured: self.now, sequence: self.reel.next_number().0 };
        self.reel.push(&vec![byte; length], Size { width: 64, height: 48 }, stamp, 0).unwrap();
    }

    fn pass(&mut self, wait: Duration) {
        self.now = self.now.after(wait);
        self.hub.handle_timeout(&self.reel, self.now);
    }

    fn join_plain(&mut self, script: &mut Script<'_>) {
        let remote = address(script.byte());
        let route = Route { remote: SocketAddr::new(remote.ip(), 1), local: address(0) };
        self.asked.insert(remote);
        let _ = self.hub.join_plain(remote.port(), route, &self.reel, self.now);
    }

    fn join_native(&mut self, script: &mut Script<'_>) {
        let (choice, remote) = (script.byte(), address(script.byte()));
        let policy = if choice & 1 == 0 { Policy::Every } else { Policy::Newest };
        let next = FrameNumber(self.reel.next_number().0.wrapping_add_signed(i32::from(script.byte() as i8)));
        let stream = if choice & 4 == 0 { STREAM } else { StreamId(7) };
        let resume = (choice & 2 == 0).then_some((stream, next));
        let join = Join { policy, resume, parity: choice & 8 == 0, agent: None };
        let route = Route { remote: SocketAddr::new(remote.ip(), 1), local: address(0) };
        let _ = self.hub.join_native(join, route, token(script), &self.reel, self.now);
    }

    /// A datagram to a client's own socket, or to the one that all know.
    fn say(&mut self, script: &mut Script<'_>, datagram: impl Fn(&mut Script<'_>, &Self) -> Vec<u8>) {
        let to = script.byte();
        let bytes = datagram(script, self);
        match to.checked_sub(128) {
            None => {
                let from = address(to);
                // a HELLO asks for it; that it may is for the hub to say
                self.asked.insert(from);
                self.hub.handle_unknown_peer(from, &bytes, &self.reel, self.now);
            }
            Some(at) => {
                let client = self.ever.get(usize::from(at) % self.ever.len().max(1)).copied();
                if let Some(client) = client {
                    self.hub.handle_datagram(client, &bytes, &self.reel, self.now);
                }
            }
        }
    }

    fn cont(&self, script: &mut Script<'_>) -> Vec<u8> {
        let newest = self.reel.newest().map_or(0, |frame| frame.number().0);
        let near = |script: &mut Script<'_>| match script.byte() {
            128 => FrameNumber(script.word()),
            byte => FrameNumber(newest.wrapping_add_signed(i32::from(byte as i8))),
        };
        let (epoch, token, stamp) = (epoch(script), token(script), (self.now.as_nanos() / 1000) as u32);
        let (through, seen) = (near(script), near(script));
        let (rtt_us, arrived) = (u32::from(script.short()) * 16, script.short().into());
        let choice = script.byte();
        let missing = (0..choice % 65).map(|_| Missing {
            number: near(script),
            first: script.byte().into(),
            count: script.byte().into(),
        });
        let missing = missing.collect();
        Continue { epoch, token, stamp, through, seen, rtt_us, arrived, urgent: choice > 127, missing }
            .to_bytes()
            .to_vec()
    }

    fn pick(&self, script: &mut Script<'_>) -> Option<ClientId> {
        self.ever.get(usize::from(script.byte()) % self.ever.len().max(1)).copied()
    }

    fn drain(&mut self, mut blocks: bool) {
        self.outputs();
        for count in 0.. {
            let Some(transmit) = self.hub.poll_transmit(&self.reel, self.now) else { break };
            assert!(count < MOST, "it does not end");
            self.check_transmit(&transmit);
            if std::mem::take(&mut blocks) {
                self.hub.handle_blocked(transmit.client());
                self.blocked.insert(key(transmit.client()));
            }
            self.outputs();
        }
        assert!(self.hub.each_client().count() <= PLACES.into());
        // deadlines that have come are dealt with, so that nothing spins
        self.hub.handle_timeout(&self.reel, self.now);
        self.outputs();
        if self.hub.poll_transmit(&self.reel, self.now).is_none() {
            let next = self.hub.next_timeout();
            assert!(next.is_none_or(|(at, _)| at > self.now), "{next:?} at {:?}", self.now);
        }
    }

    fn outputs(&mut self) {
        while let Some(output) = self.hub.poll_output() {
            match output {
                Output::Open { client, remote, .. } => {
                    assert!(self.asked.contains(&remote), "{remote} has not asked");
                    assert!(!self.ever.contains(&client), "one is never used again");
                    self.ever.push(client);
                    self.open.insert(key(client), client);
                }
                Output::Close { client, .. } => {
                    self.open.remove(&key(client));
                }
                Output::Datagram { client, .. } | Output::Widen { client } | Output::Narrow { client } => {
                    assert!(self.open.contains_key(&key(client)), "{client:?} has no socket");
                }
                Output::MakeEncoder => self.hub.handle_encoder(Encoder::new().unwrap()),
                Output::Answer { .. } | Output::Event(_) => {}
            }
        }
    }

    fn check_transmit(&mut self, transmit: &Transmit) {
        let client = key(transmit.client());
        assert!(self.open.contains_key(&client) && !self.blocked.contains(&client), "{transmit:?}");
        let frame = self.reel.frame(transmit.number()).expect("it is in the reel");
        match transmit {
            Transmit::Train { fragments, .. } => {
                assert!(!fragments.is_empty() && fragments.end <= frame.fragments(), "{transmit:?}");
                assert!(fragments.len() <= BURST.into(), "{transmit:?}");
            }
            Transmit::Parity { number, rows, .. } => {
                assert!(!rows.is_empty() && rows.len() <= BURST.into(), "{transmit:?}");
                let train = self.hub.parity(*number).expect("its rows are there");
                assert_eq!(train.datagrams(rows.clone()).len(), rows.len() * usize::from(DATAGRAM));
            }
            Transmit::Whole { client, .. } => self.hub.handle_whole_sent(*client, frame.length() as usize),
            Transmit::Slate { .. } => panic!("a slate"),
        }
        self.sent += 1;
    }

    /// All of them leave, or are given up: nothing of them stays.
    fn end(&mut self) {
        self.blocked.clear();
        self.hub.handle_stop(self.now);
        for _ in 0..200 {
            self.outputs();
            if self.hub.is_stopped() {
                assert_eq!((self.hub.clients(), self.open.len()), (0, 0));
                return;
            }
            self.pass(Duration::from_millis(100));
        }
        panic!("it does not stop: {} clients", self.hub.clients());
    }
}

fn hello(script: &mut Script<'_>) -> Vec<u8> {
    let (epoch, token, choice) = (epoch(script), token(script), script.byte());
    let hello = Hello { epoch, token, stamp: 5, path_mtu: u16::from(choice) * 8, narrow: choice & 1 == 1 };
    let mut room = vec![0; if choice & 2 == 0 { DATAGRAM.into() } else { 20 }];
    hello.emit(&mut room).to_vec()
}

fn epoch(script: &mut Script<'_>) -> u16 {
    match script.byte() {
        255 => script.short(),
        _ => STREAM.epoch(),
    }
}

/// One of a few, so that they meet.
fn token(script: &mut Script<'_>) -> Token {
    match script.byte() {
        255 => Token(script.long()),
        byte => Token(u64::from(byte % 5)),
    }
}

/// Sessions as they should be, and a crowd.
#[allow(clippy::too_many_lines, reason = "a table")]
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    let push = |size: u8| vec![0, size];
    let wait = |ms: u8| vec![2, ms];
    let join = |choice: u8, at: u8, token: u8| vec![5, choice, at, 0, token];
    // a HELLO, and the answer to the BEAT that answers it: before the newest frame, or behind it
    let greet = |to: u8, token: u8, seen: u8| vec![8, to, 0, token, seen, seen, 0, 50, 0, 9, 0];
    let hello = |at: u8, token: u8| {
        let own = vec![6, at, 0, token, 0];
        [own, greet(at, token, 255), greet(at, token, 0), greet(128, token, 255), greet(128, token, 0)]
            .concat()
    };
    // through the newest, of nothing missing
    let cont = |to: u8, token: u8, missing: &[[u8; 3]]| {
        [&[8, to, 0, token, 0, 0, 0, 50, 0, 9, missing.len() as u8], missing.concat().as_slice()].concat()
    };
    let end = |to: u8, token: u8| vec![10, to, 0, token];
    let plain = |at: u8| vec![4, at];
    let word = |to: u8, word: &[u8]| [&[11, to, word.len() as u8], word].concat();
    let watch = |choice: u8| {
        [
            push(20),
            join(choice, 1, 1),
            hello(1, 1),
            push(60),
            wait(5),
            cont(128, 1, &[]),
            push(90),
            wait(20),
            cont(128, 1, &[[0, 0, 4], [255, 1, 0]]),
            wait(33),
            push(30),
            wait(200),
            end(128, 1),
        ]
        .concat()
    };
    let crowd = (0..8)
        .flat_map(|at| [join(at, at, at), hello(at, at), push(9), plain(at), wait(3)].concat())
        .collect();
    let seeds = [
        ("recorder", watch(2)),
        ("viewer", watch(3)),
        ("viewer-resumes", watch(1)),
        (
            "plain",
            [
                push(9),
                plain(4),
                wait(1),
                word(128, b"continue"),
                push(5),
                wait(4),
                word(128, b"continue"),
                push(5),
                word(128, b"end"),
            ]
            .concat(),
        ),
        ("crowd", crowd),
        (
            "blocked",
            [
                push(50),
                join(2, 1, 1),
                hello(1, 1),
                push(90),
                vec![15],
                wait(40),
                vec![13, 0],
                push(9),
                wait(9),
            ]
            .concat(),
        ),
        (
            "silent",
            [
                push(9),
                join(2, 1, 1),
                hello(1, 1),
                vec![3, 8, 0],
                push(9),
                vec![3, 8, 0],
                plain(1),
                vec![12, 0],
            ]
            .concat(),
        ),
        (
            "returns",
            [
                join(3, 1, 1),
                hello(1, 1),
                join(3, 1, 2),
                hello(1, 2),
                push(60),
                wait(9),
                join(3, 1, 3),
                [&[6u8, 129][..], &[0, 3, 0]].concat(),
                push(60),
                wait(9),
                vec![14, 1],
                wait(9),
                vec![14, 0],
                push(60),
            ]
            .concat(),
        ),
    ];
    seeds.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec()
}
