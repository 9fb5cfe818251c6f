//! The hub on a virtual clock: what it sends to whom, and when it gives somebody up.

use super::hub::Limits;
use super::*;
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
            hub: Hub::new(Limits { clients: 4, burst: BURST }, STREAM),
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
        let join = Join { policy, ..Join::default() };
        self.hub.join_native(join, route(remote), Token(token), &self.reel, self.now)
    }

    fn hello(&mut self, token: u64, from: &str) {
        let hello =
            Hello { epoch: STREAM.epoch(), token: Token(token), stamp: 5, path_mtu: 0, narrow: false };
        let mut room = [0; 1452];
        let (hub, reel) = (&mut self.hub, &self.reel);
        hub.handle_stranger(address(from), hello.emit(&mut room), reel, self.now);
    }

    /// A live native client.
    fn native(&mut self, policy: Policy, token: u64, from: &str) -> ClientId {
        assert!(matches!(self.join(policy, token, from), Reply::Ok(_)));
        self.hello(token, from);
        self.log.extend(std::iter::from_fn(|| self.hub.poll_output()));
        self.opened()
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

    /// CONTINUE that asks for all of these frames.
    fn ask(&mut self, client: ClientId, token: u64, seen: FrameNumber, missing: &[FrameNumber]) {
        let stamp = (self.now.as_nanos() / 1000) as u32;
        let token = Token(token);
        let cont = Continue {
            epoch: STREAM.epoch(),
            token,
            stamp,
            through: missing.first().map_or(seen, |first| first.previous()),
            seen,
            rtt_us: 40_000,
            arrived: 0,
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

#[test]
fn a_plain_client_gets_one_frame_for_each_answer() {
    let mut bench = Bench::new();
    let client = bench.plain(5005);
    bench.frame();
    assert_eq!(numbers(&bench.drain()), [1]);
    bench.frame();
    bench.frame();
    assert_eq!(numbers(&bench.drain()), [] as [u32; 0]);
    bench.say(client, b"continue");
    assert_eq!(numbers(&bench.drain()), [3], "the newest, not the next");
    bench.say(client, b"continue");
    bench.say(client, b"continue");
    assert_eq!(numbers(&bench.drain()), [] as [u32; 0], "nothing twice");
    bench.frame();
    bench.frame();
    assert_eq!(numbers(&bench.drain()), [5], "two answers are no window of two");
}

#[test]
fn a_lost_answer_does_not_deadlock() {
    let mut bench = Bench::new();
    let client = bench.plain(5005);
    bench.frame();
    bench.drain();
    bench.pass(Duration::from_millis(3));
    bench.say(client, b"continue");
    let sent = bench.run(Duration::from_millis(400), true);
    assert!(sent.len() >= 2, "{sent:?}");
    bench.say(client, b"continue");
    assert_eq!(bench.drain().len(), 1);
    assert!(bench.left().is_empty());
}

#[test]
fn a_plain_client_that_never_answers_is_given_up() {
    let mut bench = Bench::new();
    bench.plain(5005);
    let sent = bench.run(Duration::from_secs(20), true);
    assert!((2..=6).contains(&sent.len()), "{} datagrams", sent.len());
    assert_eq!(bench.left(), [LeaveReason::Silence]);
    let Some(Output::Event(ClientEvent::Left { stay, .. })) = bench.log.last() else {
        panic!("{:?}", bench.log)
    };
    assert!(*stay < Duration::from_secs(5), "{stay:?}");
}

#[test]
fn a_camera_without_frames_is_not_the_clients_silence() {
    let mut bench = Bench::new();
    bench.plain(5005);
    assert!(bench.run(Duration::from_secs(60), false).is_empty());
    assert!(bench.left().is_empty());
}

#[test]
fn a_port_that_is_bound_late_is_waited_for_but_not_one_that_has_closed() {
    let mut bench = Bench::new();
    let client = bench.plain(5005);
    bench.frame();
    bench.drain();
    for _ in 0..3 {
        bench.hub.handle_refused(client, bench.now);
        assert_eq!(bench.run(Duration::from_millis(1100), true).len(), 1);
    }
    bench.say(client, b"continue");
    bench.drain();
    bench.hub.handle_refused(client, bench.now);
    bench.hub.handle_refused(client, bench.now);
    bench.drain();
    assert_eq!(bench.left(), [LeaveReason::PortClosed]);
}

#[test]
fn one_clients_end_is_nobody_elses() {
    let mut bench = Bench::new();
    let (one, other) = (bench.plain(5005), bench.plain(5006));
    bench.frame();
    assert_eq!(bench.drain().len(), 2);
    bench.say(one, b"end");
    bench.say(other, b"continue");
    bench.frame();
    let sent = bench.drain();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].client(), other);
    assert_eq!(bench.left(), [LeaveReason::End]);
    bench.say(one, b"continue");
    assert!(bench.drain().is_empty(), "who has left gets nothing");
}

#[test]
fn a_plain_client_that_comes_back_replaces_itself() {
    let mut bench = Bench::new();
    bench.plain(5005);
    bench.plain(5005);
    bench.drain();
    assert_eq!(bench.left(), [LeaveReason::Replaced]);
    assert_eq!(bench.hub.clients(), 1);
}

#[test]
fn video_goes_only_where_a_hello_came_from() {
    let mut bench = Bench::new();
    bench.frame();
    assert!(matches!(bench.join(Policy::Newest, 77, "198.51.100.7:40000"), Reply::Ok(_)));
    assert!(bench.drain().is_empty(), "no HELLO, no video");
    bench.hello(77, "203.0.113.9:6000"); // another host
    bench.hello(78, "198.51.100.7:6000"); // another token
    assert!(bench.drain().is_empty());
    assert_eq!(bench.hub.strays().unknown, 2);
    bench.hello(77, "198.51.100.7:6000");
    assert_eq!(numbers(&bench.drain()), [1]);
    let beat = Beat::parse(bench.datagrams(Kind::Beat)[0]).unwrap();
    assert_eq!((beat.token, beat.echo, beat.held_us), (Token(77), 5, 0));
}

#[test]
fn a_session_without_hello_ends() {
    let mut bench = Bench::new();
    bench.join(Policy::Newest, 77, "198.51.100.7:40000");
    assert!(bench.run(Duration::from_secs(6), true).is_empty());
    assert_eq!(bench.left(), [LeaveReason::NoHello]);
    assert_eq!(bench.hub.clients(), 0);
}

#[test]
fn a_viewer_that_is_not_heard_of_gets_a_window_and_no_more() {
    let mut bench = Bench::new();
    let client = bench.native(Policy::Newest, 77, "198.51.100.7:6000");
    // 0.4 s at 30 a second
    assert_eq!(numbers(&bench.run(FRAME * 20, true)), (1..=12).collect::<Vec<_>>());
    bench.cont(client, 77, FrameNumber(8));
    assert_eq!(numbers(&bench.drain()), [20], "whole frames are skipped");
    assert!(bench.run(Duration::from_secs(1), true).len() <= 8);
    assert!(bench.run(Duration::from_millis(3400), true).is_empty(), "no video a second after the last sign");
    assert!(bench.left().is_empty());
    bench.run(Duration::from_secs(1), true);
    assert_eq!(bench.left(), [LeaveReason::Silence]);
    let end = ServerEnd::parse(bench.datagrams(Kind::ServerEnd)[0]).unwrap();
    assert_eq!(end.reason, EndReason::Silence);
}

#[test]
fn a_recorder_gets_every_frame_late_rather_than_never() {
    let mut bench = Bench::new();
    let client = bench.native(Policy::Every, 77, "198.51.100.7:6000");
    let sent = bench.run(FRAME * 25, true);
    assert_eq!(numbers(&sent), (1..=25).collect::<Vec<_>>());
    bench.cont(client, 77, FrameNumber(0));
    assert_eq!(numbers(&bench.run(FRAME * 10, true)), (26..=32).collect::<Vec<_>>(), "the window is full");
    bench.cont(client, 77, FrameNumber(32));
    let late = numbers(&bench.run(FRAME * 3, true));
    assert_eq!(late, (33..33 + late.len() as u32).collect::<Vec<_>>());
    assert!(late.len() > 3, "faster than real time: {late:?}");
}

#[test]
fn frames_that_have_left_the_reel_are_counted() {
    let mut bench = Bench::new();
    let client = bench.native(Policy::Every, 77, "198.51.100.7:6000");
    bench.hub.handle_blocked(client);
    for _ in 0..300 {
        bench.frame();
    }
    let oldest = bench.reel.oldest_number();
    assert!(oldest.0 > 1);
    bench.hub.handle_writable(client, bench.now);
    assert_eq!(bench.next_burst().unwrap().number(), oldest);
    bench.say(client, &ClientEnd { epoch: STREAM.epoch(), token: Token(77) }.to_bytes());
    bench.drain();
    assert_eq!(bench.tally().skipped, u64::from(oldest.0 - 1));
}

#[test]
fn what_was_sent_again_and_what_was_asked_for_too_late_is_counted() {
    let mut bench = Bench::new();
    let client = bench.native(Policy::Every, 77, "198.51.100.7:6000");
    let first = bench.frame_of(20_000); // 15 fragments
    bench.run(FRAME, false);
    bench.ask(client, 77, first, &[first]);
    bench.run(FRAME, false);
    for _ in 0..300 {
        bench.frame();
    }
    let gone = [first, first.next()];
    assert!(bench.reel.oldest_number().is_after(gone[1]));
    // a client asks until it is told
    for _ in 0..3 {
        bench.pass(FRAME);
        bench.ask(client, 77, first, &gone);
    }
    bench.say(client, &ClientEnd { epoch: STREAM.epoch(), token: Token(77) }.to_bytes());
    bench.drain();
    let tally = bench.tally();
    assert_eq!((tally.frames, tally.datagrams, tally.repairs, tally.gone), (1, 30, 15, 2));
    assert_eq!(tally.view, Some(View { sent: 30, arrived: 0, rtt_us: 40_000 }));
}

#[test]
fn nothing_more_comes_for_a_socket_that_is_full() {
    let mut bench = Bench::new();
    let client = bench.native(Policy::Newest, 77, "198.51.100.7:6000");
    bench.frame_of(150_000); // 106 fragments
    let train = |fragments| Transmit::Train { client, number: FrameNumber(1), fragments, again: false };
    for start in [0, 16, 32] {
        assert_eq!(bench.next_burst(), Some(train(start..start + 16)), "bursts");
    }
    bench.hub.handle_blocked(client);
    assert_eq!(bench.next_burst(), None);
    bench.hub.handle_writable(client, bench.now);
    for start in [48, 64, 80] {
        assert_eq!(bench.next_burst(), Some(train(start..start + 16)), "the shell has kept the rest");
    }
    assert_eq!(bench.next_burst(), Some(train(96..106)));
    bench.hub.handle_blocked(client);
    bench.frame();
    assert_eq!(bench.next_burst(), None);
    bench.hub.handle_writable(client, bench.now);
    assert_eq!(bench.next_burst().map(|transmit| transmit.number().0), Some(2));
    bench.say(client, &ClientEnd { epoch: STREAM.epoch(), token: Token(77) }.to_bytes());
    bench.drain();
    assert_eq!((bench.tally().frames, bench.tally().datagrams), (2, 106 + 15), "counted once, when handed out");
}

/// Its pace must not wake the loop again and again: its readiness will.
#[test]
fn a_full_socket_is_no_reason_to_wake_up() {
    let mut bench = Bench::new();
    let viewer = bench.native(Policy::Newest, 77, "198.51.100.7:6000");
    let plain = bench.plain(5005);
    bench.frame_of(150_000);
    let sent = bench.drain();
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert_eq!(bench.hub.next_timeout().map(|(_, why)| why), Some(Wake::Pace));
    bench.hub.handle_blocked(viewer);
    bench.hub.handle_blocked(plain);
    let mut turns = 0;
    let end = bench.now.after(Duration::from_secs(2));
    while bench.now < end {
        assert_eq!(bench.drain(), []);
        let (due, why) = bench.hub.next_timeout().unwrap();
        assert!(why != Wake::Pace && turns < 30, "{why:?} at {due}");
        bench.now = bench.now.max(due);
        bench.hub.handle_timeout(&bench.reel, bench.now);
        bench.frame();
        turns += 1;
    }
}

/// The rest of a burst goes before anything else, and is not lost: what the client misses meanwhile need not be sent again.
#[test]
fn what_waits_for_a_full_socket_is_not_sent_twice() {
    let mut bench = Bench::new();
    let client = bench.native(Policy::Every, 77, "198.51.100.7:6000");
    let first = bench.frame(); // 15 fragments
    bench.run(FRAME, false);
    let second = bench.frame();
    assert_eq!(bench.next_burst().map(|sent| sent.fragments()), Some(Some(0..15)));
    bench.hub.handle_blocked(client);
    bench.pass(FRAME);
    bench.ask(client, 77, second, &[first, second]);
    bench.hub.handle_writable(client, bench.now);
    let again = |number| Transmit::Train { client, number, fragments: 0..15, again: true };
    assert_eq!(bench.run(FRAME, false), [again(first)], "the first may be lost, the second waits");
    bench.ask(client, 77, second, &[second]);
    assert_eq!(bench.run(FRAME, false), [again(second)], "now that is lost as well");
}

#[test]
fn a_plain_client_answers_a_frame_that_has_waited_when_it_has_gone() {
    let mut bench = Bench::new();
    let client = bench.plain(5005);
    bench.frame();
    assert_eq!(numbers(&bench.drain()), [1]);
    bench.hub.handle_blocked(client);
    // longer than its answer may take
    assert_eq!(bench.run(Duration::from_secs(3), true), []);
    bench.hub.handle_writable(client, bench.now);
    assert_eq!(bench.drain(), [], "frame 1 has gone only now");
    bench.say(client, b"continue");
    let newest = bench.reel.newest().unwrap().number();
    assert_eq!(numbers(&bench.drain()), [newest.0]);
    // an answer that comes while the next one waits is another's
    bench.hub.handle_blocked(client);
    bench.say(client, b"continue");
    bench.frame();
    bench.hub.handle_writable(client, bench.now);
    assert_eq!(bench.drain(), []);
    // a client that is blocked for ever is given up like one that never answers
    bench.hub.handle_blocked(client);
    bench.run(Duration::from_secs(5), true);
    assert_eq!(bench.left(), [LeaveReason::Silence]);
    bench.hub.handle_writable(client, bench.now);
    assert_eq!(bench.drain(), []);
}

#[test]
fn camcast_stops_though_a_socket_is_full() {
    let mut bench = Bench::new();
    let client = bench.native(Policy::Every, 77, "198.51.100.7:6000");
    let plain = bench.plain(5005);
    bench.frame_of(150_000);
    assert_eq!(bench.drain().len(), 2);
    bench.hub.handle_blocked(client);
    bench.hub.handle_blocked(plain);
    bench.hub.handle_stop(bench.now);
    bench.drain();
    bench.hub.handle_writable(client, bench.now);
    assert_eq!(bench.run(Duration::from_millis(200), false), []);
    assert!(bench.hub.is_stopped());
    assert_eq!(bench.datagrams(Kind::ServerEnd).len(), 3);
}

#[test]
fn beats_fill_the_silence_and_thin_out() {
    let mut bench = Bench::new();
    let client = bench.native(Policy::Newest, 77, "198.51.100.7:6000");
    bench.frame();
    bench.drain();
    bench.cont(client, 77, FrameNumber(1));
    bench.log.clear();
    bench.run(Duration::from_millis(60), false);
    let beat = Beat::parse(bench.datagrams(Kind::Beat)[0]).unwrap();
    assert_eq!((beat.newest, beat.oldest), (FrameNumber(1), FrameNumber(1)));
    bench.run(Duration::from_secs(4), false);
    let beats = bench.datagrams(Kind::Beat).len();
    assert!((8..=14).contains(&beats), "{beats} beats in 4 s");
    assert!(bench.left().is_empty());
}

#[test]
fn what_clients_do_not_have_yet_is_known() {
    let mut bench = Bench::new();
    assert_eq!(bench.hub.outstanding(&bench.reel), 0);
    let recorder = bench.native(Policy::Every, 77, "198.51.100.7:6000");
    let viewer = bench.native(Policy::Newest, 78, "198.51.100.7:6001");
    let plain = bench.plain(5005);
    bench.join(Policy::Every, 79, "198.51.100.7:6002");
    assert_eq!(bench.hub.outstanding(&bench.reel), 1, "nothing has come, and one has not said HELLO");
    for _ in 0..3 {
        bench.frame();
    }
    bench.drain();
    assert_eq!(bench.hub.outstanding(&bench.reel), 3 + 3 + 1 + 1);
    bench.ask(recorder, 77, FrameNumber(3), &[FrameNumber(2)]);
    bench.cont(viewer, 78, FrameNumber(3));
    assert_eq!(bench.hub.outstanding(&bench.reel), 2 + 1 + 1, "sent is not arrived");
    bench.pass(FRAME);
    bench.cont(recorder, 77, FrameNumber(3));
    bench.say(plain, b"continue");
    bench.hello(79, "198.51.100.7:6002");
    bench.drain();
    assert_eq!(bench.hub.outstanding(&bench.reel), 3, "it has joined before they came");
    bench.hub.handle_stop(bench.now);
    assert_eq!(bench.hub.outstanding(&bench.reel), 0);
}

#[test]
fn every_client_is_told_when_camcast_stops() {
    let mut bench = Bench::new();
    let first = bench.native(Policy::Newest, 77, "198.51.100.7:6000");
    bench.native(Policy::Every, 78, "198.51.100.7:6001");
    bench.join(Policy::Every, 79, "198.51.100.7:6002"); // no HELLO yet
    let plain = bench.plain(5005);
    bench.drain();
    bench.log.clear();
    bench.hub.handle_stop(bench.now);
    bench.drain();
    let end = Output::Datagram { client: plain, bytes: b"end".iter().copied().collect() };
    assert!(bench.log.iter().any(|output| format!("{output:?}") == format!("{end:?}")));
    assert_eq!(bench.datagrams(Kind::ServerEnd).len(), 2);
    bench.say(first, &ClientEnd { epoch: STREAM.epoch(), token: Token(77) }.to_bytes());
    assert!(!bench.hub.is_stopped());
    let refused = bench.join(Policy::Newest, 80, "198.51.100.7:6003");
    assert!(matches!(refused, Reply::Refused(refusal) if refusal.code == RefusalCode::Stopping));
    bench.run(Duration::from_millis(200), false);
    let ends = bench.datagrams(Kind::ServerEnd);
    let second = ends.iter().filter(|end| ServerEnd::parse(end).unwrap().token == Token(78)).count();
    assert_eq!(second, 3, "it may be lost");
    assert!(bench.hub.is_stopped());
}

#[test]
fn places_are_limited() {
    let mut bench = Bench::new();
    for port in 6000..6004u16 {
        bench.native(Policy::Newest, u64::from(port), &format!("198.51.100.7:{port}"));
    }
    let Reply::Refused(refusal) = bench.join(Policy::Newest, 77, "198.51.100.7:6009") else { panic!() };
    assert_eq!(refusal.code, RefusalCode::Full);
    assert!(refusal.why.contains("--max-clients"), "{}", refusal.why);
}

#[test]
fn a_returning_recorder_begins_where_it_left_off() {
    let mut bench = Bench::new();
    for _ in 0..300 {
        bench.frame();
    }
    let (oldest, next) = (bench.reel.oldest_number(), bench.reel.next_number());
    let mut first = |stream, wanted| {
        let join = Join { policy: Policy::Every, resume: Some((stream, wanted)), agent: None };
        let reply = bench.hub.join_native(join, route("198.51.100.7:1"), Token(1), &bench.reel, bench.now);
        let Reply::Ok(Accepted { next, .. }) = reply else { panic!("{reply:?}") };
        let id = bench.hub.clients() as u16;
        assert!(id <= 4);
        next
    };
    assert_eq!(first(STREAM, FrameNumber(290)), FrameNumber(290));
    assert_eq!(first(STREAM, FrameNumber(1)), oldest, "what has gone has gone");
    assert_eq!(first(STREAM, FrameNumber(9999)), next, "it cannot have seen the future");
    assert_eq!(first(StreamId(9), FrameNumber(290)), FrameNumber(300), "another stream: the newest");
}

#[test]
fn nobody_begins_with_a_picture_of_long_ago() {
    let mut bench = Bench::new();
    let first = |bench: &mut Bench, policy| {
        let Reply::Ok(Accepted { next, .. }) = bench.join(policy, 1, "198.51.100.7:1") else { panic!() };
        next
    };
    let newest = bench.frame();
    bench.pass(Duration::from_secs(50));
    assert_eq!(first(&mut bench, Policy::Every), newest, "how long the second one takes nobody knows");

    let mut bench = Bench::new();
    let newest = (0..10).fold(bench.frame(), |_, _| {
        bench.pass(FRAME);
        bench.frame()
    });
    bench.pass(Duration::from_millis(900));
    assert_eq!(first(&mut bench, Policy::Newest), newest, "a camera may take its time");
    assert_eq!(
        first(&mut bench, Policy::Every),
        newest.next(),
        "when it came tells nothing of when it was captured"
    );
    bench.hub.handle_camera(true, &bench.reel, bench.now);
    assert_eq!(
        first(&mut bench, Policy::Newest),
        newest.next(),
        "the camera is away: what was before is over"
    );
    bench.hub.handle_camera(false, &bench.reel, bench.now);
    bench.pass(Duration::from_millis(101));
    assert_eq!(first(&mut bench, Policy::Every), newest.next(), "nobody watched for a while");
    assert_eq!(first(&mut bench, Policy::Newest), newest.next());
    bench.plain(5000);
    assert_eq!(bench.drain(), []);
    let newest = bench.frame();
    assert_eq!(bench.drain().len(), 1);
    bench.plain(5001);
    assert!(bench.drain().iter().all(|sent| sent.number() == newest));
}

#[test]
fn the_same_socket_may_join_anew() {
    let mut bench = Bench::new();
    let old = bench.native(Policy::Every, 77, "198.51.100.7:6000");
    bench.join(Policy::Every, 78, "198.51.100.7:40001");
    let hello = Hello { epoch: STREAM.epoch(), token: Token(78), stamp: 6, path_mtu: 0, narrow: true };
    bench.say(old, hello.emit(&mut [0; 1452]));
    bench.drain();
    assert_eq!(bench.left(), [LeaveReason::Replaced]);
    assert_ne!(bench.opened(), old);
    assert!(bench.log.iter().any(|output| matches!(output, Output::Open { narrow: Some(0), .. })));
    assert_eq!(bench.hub.clients(), 1);
    // and what it said while a firewall was in the way need not hold
    let new = bench.opened();
    for _ in 0..2 {
        bench.say(new, Hello { narrow: false, ..hello }.emit(&mut [0; 1452]));
        bench.drain();
    }
    let widened =
        bench.log.iter().filter(|output| matches!(output, Output::Widen { client } if *client == new));
    assert_eq!(widened.count(), 1);
}

#[test]
fn messages_said_twice_or_out_of_order_are_harmless() {
    let mut bench = Bench::new();
    let client = bench.native(Policy::Every, 77, "198.51.100.7:6000");
    bench.run(FRAME * 3, true);
    let end = ClientEnd { epoch: STREAM.epoch(), token: Token(77) }.to_bytes();
    let alien = ClientEnd { epoch: STREAM.epoch(), token: Token(70) }.to_bytes();
    bench.say(client, &alien);
    bench.cont(client, 77, FrameNumber(3));
    bench.cont(client, 77, FrameNumber(2));
    bench.hello(77, "198.51.100.7:6000");
    bench.drain();
    assert!(bench.left().is_empty());
    bench.say(client, &end);
    bench.say(client, &end);
    bench.drain();
    assert_eq!(bench.left(), [LeaveReason::End]);
    let goodbye = ServerEnd::parse(bench.datagrams(Kind::ServerEnd)[0]).unwrap();
    assert_eq!(goodbye.reason, EndReason::Goodbye);
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
                    bench.join(policy, token, "198.51.100.7:1");
                }
                Op::Hello(token, port) => bench.hello(token, &format!("198.51.100.7:{port}")),
                Op::Say(at, bytes) => if let Some(id) = pick(at) { bench.say(id, &bytes) },
                Op::Continue(at, token, seen) => if let Some(id) = pick(at) { bench.cont(id, token, FrameNumber(seen)) },
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
                    Output::Close { client } => open.retain(|id| *id != client),
                    Output::Datagram { client, .. } | Output::Widen { client } => prop_assert!(open.contains(&client)),
                    Output::Event(_) => {}
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
                if std::mem::take(&mut block) {
                    bench.hub.handle_blocked(transmit.client());
                    blocked.push(transmit.client());
                }
            }
            prop_assert_eq!(bench.hub.poll_transmit(&bench.reel, bench.now), None, "it ends");
            prop_assert!(bench.hub.clients() <= 4);
        }
    }
}

/// A frame that had begun left the reel while its client's socket was full, with the window full too: once a panic.
#[test]
fn a_frame_that_leaves_the_reel_half_sent_does_not_break_the_window() {
    let mut bench = Bench::new();
    let client = bench.native(Policy::Every, 77, "198.51.100.7:6000");
    for _ in 0..31 {
        bench.frame();
        assert!(bench.next_burst().is_some());
    }
    bench.frame_of(150_000);
    bench.cont(client, 77, FrameNumber(0));
    assert!(bench.next_burst().is_some());
    bench.hub.handle_blocked(client);
    for _ in 0..300 {
        bench.frame();
    }
    bench.hub.handle_writable(client, bench.now);
    bench.cont(client, 77, FrameNumber(0));
    assert_eq!(bench.next_burst(), None, "the window is full");
    bench.cont(client, 77, FrameNumber(32));
    assert_eq!(bench.next_burst().unwrap().number(), bench.reel.oldest_number());
}

/// What the BEATs since the last call said of the camera: whether it is away, and the newest frame's size.
fn told_of_camera(bench: &mut Bench) -> Vec<(bool, Option<Size>)> {
    let beats = bench.datagrams(Kind::Beat).into_iter().map(|bytes| Beat::parse(bytes).unwrap());
    let told = beats.map(|beat| (beat.no_camera, beat.size)).collect();
    bench.log.clear();
    told
}

#[test]
fn what_changes_about_the_camera_is_told_at_once_and_once() {
    let mut bench = Bench::new();
    let (small, large) = (Size { width: 64, height: 48 }, Size { width: 128, height: 96 });
    bench.native(Policy::Every, 77, "198.51.100.7:6000");
    assert!(matches!(bench.join(Policy::Newest, 78, "198.51.100.8:6000"), Reply::Ok(_)));
    bench.plain(5000);
    let camera = |bench: &mut Bench, no_camera| {
        bench.hub.handle_camera(no_camera, &bench.reel, bench.now);
        bench.drain();
    };
    camera(&mut bench, false);
    assert_eq!(told_of_camera(&mut bench), [(false, None)], "the answer to its HELLO, and no more");
    camera(&mut bench, true);
    camera(&mut bench, true);
    assert_eq!(told_of_camera(&mut bench), [(true, None)], "only who has said HELLO is told");
    bench.frame();
    camera(&mut bench, false);
    bench.frame();
    camera(&mut bench, false);
    assert_eq!(told_of_camera(&mut bench), [(false, Some(small))]);
    let stamp = Stamp { captured: bench.now, sequence: 3 };
    bench.reel.push(&[7; 2_000], large, stamp, 0).unwrap();
    camera(&mut bench, false);
    assert_eq!(told_of_camera(&mut bench), [(false, Some(large))]);
}

#[test]
fn who_was_never_heard_of_makes_room() {
    let mut bench = Bench::new();
    let proven = bench.plain(5000);
    bench.frame();
    bench.drain();
    bench.say(proven, b"continue");
    bench.pass(Duration::from_millis(1));
    for token in 70..74 {
        assert!(matches!(bench.join(Policy::Newest, token, "198.51.100.9:1"), Reply::Ok(_)));
    }
    assert_eq!(bench.hub.clients(), 4);
    bench.hello(70, "198.51.100.9:6000");
    assert_eq!(bench.hub.strays().unknown, 1, "the first of them has made room");
    bench.hello(73, "198.51.100.9:6000");
    bench.drain();
    assert_eq!(bench.left(), []);
}

const SLATE: Slate = Slate { number: FrameNumber(1), fragments: 12 };

/// To which client slates have gone, and how: fragments, or a whole one.
fn slates(sent: &[Transmit]) -> Vec<(ClientId, Option<Range<u16>>)> {
    let slate = |transmit: &Transmit| match transmit {
        Transmit::Slate { client, fragments, .. } => Some((*client, fragments.clone())),
        _ => None,
    };
    sent.iter().filter_map(slate).collect()
}

#[test]
fn viewers_see_the_slate_and_recorders_do_not() {
    let mut bench = Bench::new();
    assert!(!bench.hub.has_viewers());
    let recorder = bench.native(Policy::Every, 1, "198.51.100.1:5001");
    assert!(!bench.hub.has_viewers());
    let viewer = bench.native(Policy::Newest, 2, "198.51.100.2:5002");
    let plain = bench.plain(5003);
    bench.frame();
    bench.drain();
    bench.say(plain, b"continue");
    assert!(bench.hub.has_viewers());

    bench.hub.handle_slate(Some(SLATE));
    let sent = bench.drain();
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert!(slates(&sent).contains(&(viewer, Some(0..12))) && slates(&sent).contains(&(plain, None)));
    let mut shown = Vec::new();
    for _ in 0..20 {
        bench.cont(viewer, 2, FrameNumber(1));
        bench.cont(recorder, 1, FrameNumber(1));
        bench.say(plain, b"continue");
        shown.extend(slates(&bench.run(Duration::from_millis(250), false)));
    }
    let times = |client| shown.iter().filter(|(to, _)| *to == client).count();
    assert_eq!((times(viewer), times(plain), shown.len()), (5, 5, 10));

    // whoever comes meanwhile sees it at once
    let late = bench.native(Policy::Newest, 4, "198.51.100.4:5004");
    assert_eq!(slates(&bench.drain()), [(late, Some(0..12))]);

    bench.hub.handle_slate(None);
    bench.frame();
    assert_eq!(slates(&bench.run(Duration::from_secs(3), true)), []);
}

#[test]
fn a_slate_for_somebody_who_takes_nothing_waits_without_spinning() {
    let mut bench = Bench::new();
    let viewer = bench.native(Policy::Newest, 2, "198.51.100.2:5002");
    let plain = bench.plain(5003);
    bench.drain();
    bench.hub.handle_slate(Some(SLATE));
    // neither answers: one has to be given up, the other is sent to by its own timer
    let mut turns = 0;
    let end = bench.now.after(Duration::from_secs(4));
    while bench.now < end {
        bench.drain();
        let (due, why) = bench.hub.next_timeout().unwrap();
        bench.now = bench.now.max(due);
        bench.hub.handle_timeout(&bench.reel, bench.now);
        turns += 1;
        assert!(turns < 100, "it spins: {why:?}");
    }
    // a socket that is full: its readiness wakes us, no timer
    bench.hub.handle_blocked(viewer);
    bench.run(Duration::from_millis(400), false);
    assert!(bench.hub.clients() <= 2, "{plain:?}");
}
