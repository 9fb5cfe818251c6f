//! A sender and a receiver, on a path that loses each twentieth datagram of a recorder's, and others who speak in the sender's name: all frames come out as they were
//! sent. Others know all but the session's token, which is none of theirs to guess.

use super::script::Script;
use camcast::fec::Encoder;
use camcast::jpeg::Size;
use camcast::receiver::{Event, Patience, Receiver};
use camcast::reel::Reel;
use camcast::sender::hub::{Hub, JOINS, Limits};
use camcast::sender::{ClientId, Output, Route, Transmit};
use camcast::time::{Stamp, Time};
use camcast::wire::data::{Data, HEADER_LEN, Header, with_tag};
use camcast::wire::join::{Join, Policy, Reply};
use camcast::wire::server::{Beat, EndReason, ServerEnd};
use camcast::wire::{FrameNumber, StreamId, Token};
use std::collections::BTreeMap;
use std::time::Duration;

const STREAM: StreamId = StreamId(5);
const TOKEN: Token = Token(0x0123_4567_89ab_cdef);
const DATAGRAM: u16 = 1452;
/// Frames of a script at the most, and datagrams of others between two of them.
const FRAMES: u32 = 12;
const FORGED: usize = 60;

struct Bench {
    hub: Hub,
    reel: Reel,
    client: ClientId,
    tag: [u8; 4],
    receiver: Receiver,
    now: Time,
    out: BTreeMap<u32, Vec<u8>>,
    is_lossy: bool,
    sent: u32,
}

/// A script.
pub fn check(bytes: &[u8]) -> bool {
    let mut script = Script::new(bytes);
    let policy = if script.byte() & 1 == 0 { Policy::Every } else { Policy::Newest };
    let mut bench = Bench::new(policy);
    let mut frames = 0;
    let mut forged = 0;
    while frames < FRAMES && !script.is_over() {
        frames += 1;
        let stamp = Stamp { captured: bench.now, sequence: frames };
        bench.reel.push(&jpeg(frames), Size { width: 64, height: 48 }, stamp, 0).unwrap();
        let mut left = FORGED;
        for _ in 0..33 {
            // most milliseconds are quiet ones
            while left > 0 && script.byte() >= 128 {
                let datagram = bench.forge(&mut script);
                bench.receiver.handle_datagram(0, &datagram, bench.now);
                bench.drain();
                (left, forged) = (left - 1, forged + 1);
            }
            bench.pass();
        }
    }
    for _ in 0..600 {
        if bench.out.len() == frames as usize {
            break;
        }
        bench.pass();
    }
    assert_eq!(bench.out.len(), frames as usize, "frames that came out: {:?}", bench.out.keys());
    for (number, bytes) in &bench.out {
        assert!(*bytes == jpeg(*number), "{number}");
    }
    forged > 0
}

/// Each frame has its own bytes, five fragments of them or one.
fn jpeg(number: u32) -> Vec<u8> {
    let length = if number % 5 == 0 { 900 } else { 6_000 };
    (0..length).map(|at: u32| (at.wrapping_mul(31) ^ number.wrapping_mul(0x9e37)) as u8).collect()
}

impl Bench {
    fn new(policy: Policy) -> Self {
        let (remote, local) = ("198.51.100.7:6000".parse().unwrap(), "192.0.2.1:9999".parse().unwrap());
        let mut hub = Hub::new(Limits { clients: 1, joins: JOINS, burst: 16 }, STREAM);
        let (reel, now) = (Reel::new(1 << 20, DATAGRAM, STREAM), Time::from_millis(1_000));
        let join = Join { policy, parity: policy == Policy::Newest, ..Join::default() };
        let reply = hub.join_native(join, Route { remote, local }, TOKEN, &reel, now);
        let Reply::Ok(accepted) = reply else { panic!("{reply:?}") };
        let patience = match policy {
            Policy::Newest => Patience::Latency(Duration::from_millis(120)),
            Policy::Every => Patience::Reel,
        };
        let mut receiver = Receiver::new(0, &accepted, patience, now);
        let mut room = [0; DATAGRAM as usize];
        let hello = receiver.poll_datagram(0, &mut room, now).unwrap();
        hub.handle_unknown_peer(remote, hello, &reel, now);
        let opened = std::iter::from_fn(|| hub.poll_output()).find_map(|output| match output {
            Output::Open { client, tag, .. } => Some((client, tag.to_bytes())),
            _ => None,
        });
        let (client, tag) = opened.unwrap();
        let (out, is_lossy) = (BTreeMap::new(), policy == Policy::Every);
        Bench { hub, reel, client, tag, receiver, now, out, is_lossy, sent: 0 }
    }

    fn pass(&mut self) {
        self.now = self.now.after(Duration::from_millis(1));
        self.hub.handle_timeout(&self.reel, self.now);
        self.receiver.handle_timeout(self.now);
        self.exchange();
    }

    fn exchange(&mut self) {
        while let Some(transmit) = self.hub.poll_transmit(&self.reel, self.now) {
            let frame = self.reel.frame(transmit.number()).unwrap();
            let train = match &transmit {
                Transmit::Parity { number, .. } => self.hub.parity(*number).unwrap(),
                _ => frame.train(),
            };
            for (at, bytes) in
                train.datagrams(transmit.fragments().unwrap()).chunks(DATAGRAM.into()).enumerate()
            {
                let is_tagged = at == 0 || transmit.is_again();
                let bytes = if is_tagged { with_tag(bytes, &self.tag).concat() } else { bytes.to_vec() };
                self.sent += 1;
                if !self.is_lossy || self.sent % 20 != 7 {
                    self.receiver.handle_datagram(0, &bytes, self.now);
                }
            }
            self.drain();
        }
        while let Some(output) = self.hub.poll_output() {
            match output {
                Output::Datagram { bytes, .. } => self.receiver.handle_datagram(0, &bytes, self.now),
                Output::MakeEncoder => self.hub.handle_encoder(Encoder::new().unwrap()),
                _ => {}
            }
        }
        self.drain();
        let mut room = [0; DATAGRAM as usize];
        while let Some(datagram) = self.receiver.poll_datagram(0, &mut room, self.now) {
            self.hub.handle_datagram(self.client, datagram, &self.reel, self.now);
        }
    }

    fn drain(&mut self) {
        while let Some(event) = self.receiver.poll_event() {
            match event {
                Event::Frame(frame) => {
                    assert!(!frame.discontinuity, "{}", frame.number);
                    assert!(self.out.insert(frame.number.0, frame.bytes.clone()).is_none(), "twice");
                    self.receiver.recycle(frame.bytes);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// What somebody else says who has joined as well: who knows the epoch, and each frame once it has been sent.
    fn forge(&self, script: &mut Script<'_>) -> Vec<u8> {
        let newest = self.reel.newest().unwrap();
        let real = Data::parse(newest.datagrams(0..1)).unwrap().header;
        let number = newest.number();
        let fragment = |header: Header, filler: u8| {
            let mut head = [0; HEADER_LEN];
            header.emit(&mut head);
            [&head[..], &vec![filler; header.payload_len().min(60_000) as usize]].concat()
        };
        match script.byte() % 8 {
            0 | 1 => fragment(made_up(script, real), 0xee),
            2 => fragment(Header { index: u16::from(script.byte()), ..real }, 0xee),
            3 => fragment(Header { number: number.next(), length: length(script), ..real }, 0xee),
            4 => {
                let frame = self.reel.frame(FrameNumber(number.0.saturating_sub(script.byte().into())));
                let index = u16::from(script.byte());
                let frame = frame.filter(|frame| index < frame.fragments());
                frame.map(|frame| frame.datagrams(index..index + 1).to_vec()).unwrap_or_default()
            }
            5 => {
                let (token, epoch) = (other_token(script), STREAM.epoch());
                let newest = number.plus(script.short().into());
                if script.byte() & 1 == 0 {
                    return ServerEnd { epoch, token, reason: EndReason::Stopping, newest }
                        .to_bytes()
                        .to_vec();
                }
                let (echo, held_us, skipped, no_camera) = (script.word(), 0, u32::MAX, true);
                let oldest = newest;
                Beat { epoch, token, newest, oldest, echo, held_us, skipped, no_camera, size: None }
                    .to_bytes()
                    .to_vec()
            }
            6 => {
                let whole = fragment(made_up(script, real), 0xee);
                let tag = other_token(script).tag().to_bytes();
                with_tag(&whole, &tag).concat()
            }
            _ => {
                let noise = script.bytes().to_vec();
                let known = TOKEN.0.to_be_bytes();
                let knows = noise.windows(8).any(|bytes| bytes == known)
                    || noise.windows(4).any(|bytes| bytes == self.tag);
                if knows { Vec::new() } else { noise }
            }
        }
    }
}

fn made_up(script: &mut Script<'_>, real: Header) -> Header {
    let ahead = match script.byte() {
        255 => i32::from(script.short()),
        254 => i32::MAX,
        byte => i32::from(byte as i8),
    };
    let number = FrameNumber(real.number.0.wrapping_add_signed(ahead));
    let (length, flags, index) = (length(script), script.byte() & 7, script.byte().into());
    // that of a frame which is to come is not known
    Header { number, length, flags, index, check: script.word(), ..real }
}

fn length(script: &mut Script<'_>) -> u32 {
    match script.byte() {
        255 => 8_388_608,
        byte => u32::from(byte) * 80 + 1,
    }
}

/// One that is not the session's, nor has its tag.
fn other_token(script: &mut Script<'_>) -> Token {
    let token = Token(script.long());
    if token.tag() == TOKEN.tag() { Token(token.0 ^ 2) } else { token }
}

/// Each way to forge, against a recorder and a viewer.
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    let quiet = |millis: usize| vec![0; millis];
    let made_up =
        |ahead: u8, length: u8, flags: u8, index: u8| vec![0, ahead, length, flags, index, 1, 2, 3, 4];
    let ways: [(&str, Vec<Vec<u8>>); 6] = [
        (
            "made-up",
            vec![
                made_up(1, 75, 0, 0),
                made_up(0, 75, 0, 4),
                made_up(2, 255, 0, 0),
                made_up(254, 9, 0, 0),
                made_up(1, 75, 4, 5),
            ],
        ),
        ("poisoned", vec![vec![2, 0], vec![2, 1], vec![2, 4]]),
        ("guessed", vec![vec![3, 75], vec![3, 11], vec![3, 255]]),
        ("replayed", vec![vec![4, 1, 0], vec![4, 0, 3], vec![4, 2, 2]]),
        (
            "beats",
            vec![
                [&[5][..], &[9; 8], &[0, 200, 1, 0, 0, 0, 0]].concat(),
                [&[5][..], &[7; 8], &[0, 0, 0]].concat(),
            ],
        ),
        ("noise", vec![vec![7, 5, 0x11, 0, 0, 5, 9], [&[6, 1, 75, 0, 0, 1, 2, 3, 4][..], &[8; 8]].concat()]),
    ];
    let mut seeds = Vec::new();
    for (mode, choice) in [("recorder", 0), ("viewer", 1)] {
        for (name, forged) in &ways {
            let mut script = vec![choice];
            for (at, forged) in forged.iter().cycle().take(6).enumerate() {
                script.extend(quiet(at * 5));
                script.push(200);
                script.extend(forged);
                script.extend(quiet(33 - at * 5));
            }
            seeds.push((format!("{mode}-{name}"), script));
        }
    }
    seeds
}
