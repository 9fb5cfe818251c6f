//! Who comes in, who takes whose place, and who is told that it is over.

use super::*;

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
