//! A receiver with a server that says anything, at any time: each number is told of once, and what it costs is bounded.

use super::script::Script;
use camcast::receiver::{Event, PATHS, Patience, Receiver, Run};
use camcast::time::{Stamp, Time};
use camcast::wire::client::FromClient;
use camcast::wire::data::{self, HEADER_LEN, Header, with_tag};
use camcast::wire::join::Accepted;
use camcast::wire::server::{Beat, EndReason, ServerEnd};
use camcast::wire::{FrameNumber, MAX_FRAME, StreamId, Token};
use std::time::Duration;

const STREAM: StreamId = StreamId(5);
const TOKEN: Token = Token(0x0123_4567_89ab_cdef);
const FIRST: u32 = 1000;
/// Steps of a script that are taken.
const STEPS: usize = 300;
/// Events that one datagram may lead to: a run each, for as many frames as are under way.
const MOST_EVENTS: usize = 1100;
/// Datagrams that one step may lead to, on each path, however long the step before was ago: one of each request that is said more
/// than once (eight may be), a new one, and three HELLOs of full length.
const MOST_ANSWERS: usize = 12;
/// Frames that the stream may leap at once, and be believed.
const LEAP: u32 = 1 << 16;

struct Bench {
    receiver: Receiver,
    now: Time,
    /// The number that is to be told of next.
    next: FrameNumber,
    /// The highest number that was spoken of, as the server counts.
    newest: u32,
    frames: usize,
}

/// A script.
pub fn check(bytes: &[u8]) -> bool {
    let mut script = Script::new(bytes);
    let choice = script.byte();
    let patience =
        if choice & 1 == 0 { Patience::Reel } else { Patience::Latency(Duration::from_millis(120)) };
    let accepted = Accepted {
        token: TOKEN,
        stream: STREAM,
        next: FrameNumber(FIRST),
        datagram: if choice & 4 == 0 { 1452 } else { script.short() },
        size: None,
        fps: None,
        span_ms: 5000,
        clock: None,
        parity: choice & 2 == 0,
    };
    let now = Time::from_millis(1000);
    let mut receiver = Receiver::new(0, &accepted, patience, now);
    if choice & 8 == 0 {
        receiver.join(1, &accepted, now);
    }
    let mut bench = Bench { receiver, now, next: FrameNumber(FIRST), newest: FIRST, frames: 0 };
    for _ in 0..STEPS {
        if script.is_over() {
            break;
        }
        bench.step(&mut script);
        bench.drain();
    }
    bench.end();
    bench.frames > 0
}

impl Bench {
    fn step(&mut self, script: &mut Script<'_>) {
        let choice = script.byte();
        let path = usize::from(choice >> 7);
        match choice % 16 {
            0 => self.pass(u64::from(script.byte())),
            1 => self.pass(u64::from(script.short())),
            2..=5 => self.frame(script, path),
            6..=8 => {
                let (header, filler) = (self.header(script), script.byte());
                let payload = vec![filler; header.payload_len().min(2000) as usize];
                self.data(header, &payload, choice & 64 == 0, path);
            }
            9 | 10 => {
                let beat = self.beat(script);
                self.receiver.handle_datagram(path, &beat.to_bytes(), self.now);
            }
            11 => {
                let reason =
                    [EndReason::Stopping, EndReason::Silence, EndReason::Goodbye, EndReason::Other(9)];
                let reason = reason[usize::from(script.byte() % 4)];
                let end = ServerEnd {
                    epoch: STREAM.epoch(),
                    token: token(script),
                    reason,
                    newest: self.number(script),
                };
                self.receiver.handle_datagram(path, &end.to_bytes(), self.now);
            }
            12 => {
                let noise = script.bytes();
                self.receiver.handle_datagram(path, noise, self.now);
            }
            13 => self.receiver.handle_refused(path, self.now),
            14 => {
                let room = (script.byte() % 4 != 0).then(|| usize::from(script.byte()) * 100);
                self.receiver.allow(room, self.now);
            }
            _ => match script.byte() % 4 {
                0 => self.receiver.settle(self.now),
                1 => self.receiver.handle_too_large(path, 1400, self.now),
                2 => self.receiver.leave(self.now),
                _ => self.receiver.keep_shares(),
            },
        }
    }

    /// A number near the newest, or any.
    fn number(&mut self, script: &mut Script<'_>) -> FrameNumber {
        let number = match script.byte() {
            128 => script.word(),
            127 => self.newest.wrapping_add(script.short().into()),
            byte => self.newest.wrapping_add_signed(i32::from(byte as i8)),
        };
        if FrameNumber(number).is_after(FrameNumber(self.newest)) {
            self.newest = number;
        }
        FrameNumber(number)
    }

    fn header(&mut self, script: &mut Script<'_>) -> Header {
        let number = self.number(script);
        let length = match script.byte() {
            255 => script.word() % MAX_FRAME + 1,
            byte => u32::from(byte) * 40 + 1,
        };
        let flags = script.byte() & 7;
        let index = script.byte().into();
        let stamp = Stamp { captured: Time::from_millis(script.byte().into()), sequence: number.0 };
        Header {
            flags,
            epoch: STREAM.epoch(),
            number,
            length,
            index,
            size: 300,
            stamp,
            check: script.byte().into(),
        }
    }

    fn beat(&mut self, script: &mut Script<'_>) -> Beat {
        let token = token(script);
        let (newest, oldest) = (self.number(script), self.number(script));
        let echo = (self.now.as_nanos() / 1000) as u32;
        let echo = echo.wrapping_sub(u32::from(script.short()) * 16);
        let (held_us, skipped, choice) = (script.short().into(), script.byte().into(), script.byte());
        let no_camera = choice & 1 == 1;
        Beat { epoch: STREAM.epoch(), token, newest, oldest, echo, held_us, skipped, no_camera, size: None }
    }

    /// A frame as it should be, but for fragments that are left out.
    fn frame(&mut self, script: &mut Script<'_>, path: usize) {
        let (number, length, lost) = (self.number(script), usize::from(script.byte()) * 8 + 1, script.byte());
        let bytes: Vec<u8> = (0..length).map(|at| (at as u32 ^ number.0) as u8).collect();
        let stamp = Stamp { captured: self.now, sequence: number.0 };
        let check = data::check(&bytes);
        for (index, payload) in (0..).zip(bytes.chunks(300)) {
            let length = length as u32;
            let header =
                Header { flags: 0, epoch: STREAM.epoch(), number, length, index, size: 300, stamp, check };
            if lost >> (index % 8) & 1 == 0 {
                self.data(header, payload, index == 0, path);
            }
        }
    }

    fn data(&mut self, header: Header, payload: &[u8], is_tagged: bool, path: usize) {
        let mut head = [0; HEADER_LEN];
        header.emit(&mut head);
        let whole = [&head, payload].concat();
        let datagram = if is_tagged { with_tag(&whole, &TOKEN.tag().to_bytes()).concat() } else { whole };
        self.receiver.handle_datagram(path, &datagram, self.now);
        self.events();
    }

    fn pass(&mut self, millis: u64) {
        self.now = self.now.after(Duration::from_millis(millis));
        self.receiver.handle_timeout(self.now);
    }

    fn drain(&mut self) {
        self.events();
        self.answers();
        self.receiver.handle_timeout(self.now);
        self.events();
        self.answers();
        // what is due has been dealt with, so that nothing spins
        if !self.receiver.is_over() {
            assert!(
                self.receiver.next_timeout() > self.now,
                "{:?} at {:?}",
                self.receiver.next_timeout(),
                self.now
            );
        }
    }

    fn events(&mut self) {
        for count in 0.. {
            let Some(event) = self.receiver.poll_event() else { break };
            assert!(count < MOST_EVENTS, "events without end");
            match event {
                Event::Frame(frame) => {
                    self.tell(Run { first: frame.number, count: 1 });
                    assert!(frame.bytes.len() <= MAX_FRAME as usize && !frame.bytes.is_empty());
                    self.frames += 1;
                    self.receiver.recycle(frame.bytes);
                }
                Event::Missing(run) | Event::Skipped(run) => self.tell(run),
                Event::Slate(picture) => assert!(picture.bytes.len() <= 65_507),
                Event::Over(path, _) => assert!(path < PATHS),
            }
        }
    }

    /// Numbers come one after the other, and each but once.
    fn tell(&mut self, run: Run) {
        assert_eq!(run.first, self.next, "{run:?}");
        assert!((1..=LEAP).contains(&run.count), "{run:?}");
        self.next = run.first.plus(run.count);
    }

    fn answers(&mut self) {
        let mut room = vec![0; self.receiver.datagram_len()];
        for path in 0..PATHS {
            for count in 0.. {
                let Some(datagram) = self.receiver.poll_datagram(path, &mut room, self.now) else { break };
                assert!(count < MOST_ANSWERS, "answers without end");
                let said = FromClient::parse(datagram).expect("what is said can be read");
                assert_eq!(said.session(), (STREAM.epoch(), TOKEN));
            }
        }
    }

    /// The server falls silent: each session ends.
    fn end(&mut self) {
        self.receiver.leave(self.now);
        for _ in 0..200 {
            self.drain();
            if self.receiver.is_over() {
                return;
            }
            self.pass(50);
        }
        panic!("it does not end");
    }
}

fn token(script: &mut Script<'_>) -> Token {
    if script.byte() == 255 { Token(script.long()) } else { TOKEN }
}

/// Streams with holes, leaps and lies.
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    let frame = |ahead: u8, length: u8, lost: u8| vec![2, ahead, length, lost];
    let wait = |ms: u8| vec![0, ms];
    let beat = |newest: u8, oldest: u8| vec![9, 0, newest, oldest, 1, 0, 0, 9, 0, 0];
    let fragment =
        |ahead: u8, length: u8, flags: u8, index: u8| vec![6, ahead, length, flags, index, 7, 7, 7];
    let clean = || (0..6).flat_map(|_| [frame(1, 200, 0), wait(33)].concat()).collect::<Vec<u8>>();
    let holes = || {
        [
            frame(0, 200, 2),
            wait(20),
            frame(1, 90, 0),
            beat(0, 250),
            wait(40),
            frame(255, 200, 0),
            frame(2, 90, 5),
            wait(99),
            wait(200),
        ]
        .concat()
    };
    let leap =
        [frame(0, 90, 0), vec![9, 0, 127, 200, 0, 0, 0, 0, 0, 9, 0, 0], wait(9), frame(1, 90, 0)].concat();
    let lies = [
        frame(0, 90, 0),
        fragment(1, 255, 0, 0),
        fragment(1, 50, 0, 3),
        fragment(0, 90, 4, 4),
        fragment(0, 90, 2, 0),
        frame(1, 90, 0),
        wait(50),
    ]
    .concat();
    let end = [clean(), vec![11, 0, 0, 1], wait(100)].concat();
    let rooms =
        [vec![14, 1, 0], clean(), vec![14, 1, 9], clean(), vec![14, 0], vec![15, 0], vec![15, 2]].concat();
    let paths =
        [clean(), vec![130, 1, 90, 0], wait(3), vec![130, 1, 200, 1], vec![2, 0, 200, 2], wait(30), vec![13]]
            .concat();
    let mut seeds = Vec::new();
    for (mode, choice) in [("recorder", 10), ("viewer", 9)] {
        for (name, script) in [
            ("clean", clean()),
            ("holes", holes()),
            ("leap", leap.clone()),
            ("lies", lies.clone()),
            ("end", end.clone()),
            ("rooms", rooms.clone()),
        ] {
            seeds.push((format!("{mode}-{name}"), [&[choice], &script[..]].concat()));
        }
    }
    seeds.push(("two-paths".to_owned(), [&[2], &paths[..]].concat()));
    seeds.push(("two-paths-viewer".to_owned(), [&[1], &paths[..], &holes()].concat()));
    seeds
}
