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
    bench.hello(77, "198.51.100.7:1023"); // a system's port
    assert!(bench.drain().is_empty());
    assert_eq!(bench.hub.strays().unknown, 3);
    bench.hello(77, "198.51.100.7:6000");
    assert!(bench.drain().is_empty(), "not before the BEAT has been heard");
    bench.greet(bench.opened(), 77, FrameNumber(0));
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
        bench.proven(Policy::Newest, u64::from(port), &format!("198.51.100.7:{port}"));
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
        let join = Join { policy: Policy::Every, resume: Some((stream, wanted)), ..Join::default() };
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
fn whoever_proves_nothing_gets_one_probe_or_one_frame() {
    let mut bench = Bench::new();
    bench.join(Policy::Every, 77, "198.51.100.7:1");
    bench.hello(77, "198.51.100.7:6000");
    assert_eq!(bench.run(Duration::from_secs(10), true), []);
    assert_eq!((bench.datagrams(Kind::Beat).len(), bench.datagrams(Kind::ServerEnd).len()), (1, 1));
    assert_eq!(bench.left(), [LeaveReason::Silence]);

    let mut bench = Bench::new();
    bench.plain(5005);
    assert_eq!(bench.run(Duration::from_secs(10), true).len(), 1);
    assert_eq!(bench.left(), [LeaveReason::Silence]);
}

/// Joins from so many addresses at so many a second, none of which says HELLO; a good one each second, whose HELLO comes 50 ms
/// later. Returns how many of ten good ones were let in, and how many joins of the crowd were accepted.
fn let_in(crowd: u32, rate: u32) -> (u32, u32) {
    let mut bench = Bench::new();
    let (mut good, mut accepted, mut joins) = (0, 0, 0);
    for ms in 0..10_000u32 {
        bench.pass(Duration::from_millis(1));
        bench.hub.handle_timeout(&bench.reel, bench.now);
        while joins < ms * rate / 1_000 {
            joins += 1;
            let remote = format!("203.0.113.{}:1", joins % crowd);
            let reply = bench.join(Policy::Every, 1_000_000 + u64::from(joins), &remote);
            accepted += u32::from(matches!(reply, Reply::Ok(_)));
        }
        let token = u64::from(ms / 1_000);
        match ms % 1_000 {
            500 => drop(bench.join(Policy::Newest, token, "198.51.100.7:1")),
            550 => {
                bench.hello(token, "198.51.100.7:6000");
                bench.frame();
                bench.drain();
                let opened = bench.log.drain(..).find_map(|output| match output {
                    Output::Open { client, .. } => Some(client),
                    _ => None,
                });
                let Some(client) = opened else { continue };
                let newest = bench.reel.next_number().previous();
                bench.greet(client, token, newest.previous());
                good += u32::from(!bench.drain().is_empty());
                bench.cont(client, token, newest);
                bench.say(client, &ClientEnd { epoch: STREAM.epoch(), token: Token(token) }.to_bytes());
                bench.drain();
                bench.log.clear();
            }
            _ => {}
        }
    }
    (good, accepted)
}

#[test]
fn a_crowd_that_never_says_hello_keeps_nobody_out() {
    for crowd in [1, 2, 16] {
        for rate in [10, 400, 1_000] {
            let (good, accepted) = let_in(crowd, rate);
            assert_eq!(good, 10, "{rate} a second from {crowd} addresses");
            assert!(accepted <= crowd * (64 + 41), "{accepted} of {rate} a second from {crowd} addresses");
        }
    }
}

#[test]
fn one_address_may_have_all_places_but_not_when_others_come() {
    let mut bench = Bench::new();
    for port in 6000..6004u16 {
        bench.proven(Policy::Every, u64::from(port), &format!("198.51.100.7:{port}"));
    }
    bench.log.clear();
    let others = ["203.0.113.1", "203.0.113.2", "203.0.113.3"];
    for (token, other) in (1..).zip(others) {
        bench.proven(Policy::Newest, token, &format!("{other}:6000"));
    }
    assert_eq!(bench.left(), [LeaveReason::MadeRoom; 3]);
    let told = |end: &&[u8]| ServerEnd::parse(end).unwrap().reason == EndReason::MadeRoom;
    assert_eq!(bench.datagrams(Kind::ServerEnd).iter().filter(|end| told(end)).count(), 3);
    let full = |reply| matches!(reply, Reply::Refused(refusal) if refusal.code == RefusalCode::Full);
    assert!(full(bench.join(Policy::Every, 90, "203.0.113.4:1")), "each has one");
    assert!(full(bench.join(Policy::Every, 91, "198.51.100.7:1")));
}

#[test]
fn who_has_proved_nothing_makes_room_for_whoever_comes() {
    let mut bench = Bench::new();
    let proven = bench.plain(5000);
    bench.frame();
    bench.drain();
    bench.say(proven, b"continue");
    for token in 1..4u64 {
        bench.native(Policy::Newest, token, &format!("203.0.113.{token}:6000"));
        bench.frame();
        bench.drain();
    }
    let full = bench.join(Policy::Newest, 9, "203.0.113.9:1");
    assert!(matches!(full, Reply::Refused(_)), "they have had no time to take a frame");
    bench.pass(Duration::from_secs(1));
    bench.log.clear();
    bench.native(Policy::Newest, 9, "203.0.113.9:6000");
    assert_eq!(bench.left(), [LeaveReason::MadeRoom]);
    let here: Vec<_> = bench.hub.each_client().map(|(remote, ..)| remote.to_string()).collect();
    assert!(here.contains(&"198.51.100.7:5000".to_owned()) && here.contains(&"203.0.113.9:6000".to_owned()));
}

#[test]
fn the_mute_are_in_nobodys_way() {
    let mut bench = Bench::new();
    bench.proven(Policy::Every, 77, "198.51.100.7:6000");
    for host in 1..4 {
        let route = route(&format!("203.0.113.{host}:1"));
        bench.hub.join_plain(5005, route, &bench.reel, bench.now).unwrap();
        bench.pass(Duration::from_millis(1));
    }
    // one more than its share, for each has one: the others have not answered, and had time to
    let early = bench.hub.join_plain(5006, route("198.51.100.7:1"), &bench.reel, bench.now);
    assert_eq!(early.unwrap_err().code, RefusalCode::Full);
    bench.pass(Duration::from_secs(1));
    let plain = bench.hub.join_plain(5006, route("198.51.100.7:1"), &bench.reel, bench.now).unwrap();
    bench.frame();
    bench.drain();
    bench.say(plain, b"continue");
    bench.pass(Duration::from_secs(1));
    bench.hub.join_plain(5007, route("203.0.113.1:1"), &bench.reel, bench.now).unwrap();
    bench.drain();
    assert_eq!(bench.left(), [LeaveReason::MadeRoom; 2], "of the crowd");
    let here: Vec<_> = bench.hub.each_client().map(|(remote, ..)| remote.to_string()).collect();
    for remote in ["198.51.100.7:6000", "198.51.100.7:5006", "203.0.113.1:5007"] {
        assert!(here.contains(&remote.to_owned()), "{remote}: {here:?}");
    }
}

#[test]
fn a_recorder_that_comes_back_has_its_place() {
    let mut bench = Bench::new();
    bench.proven(Policy::Every, 77, "198.51.100.7:6000");
    bench.run(Duration::from_secs(5), true);
    assert_eq!(bench.left(), [LeaveReason::Silence]);
    let viewers = |bench: &mut Bench| -> Vec<ClientId> {
        (1..4u64)
            .map(|token| bench.proven(Policy::Newest, token, &format!("203.0.113.{token}:6000")))
            .collect()
    };
    let others = viewers(&mut bench);
    let Reply::Refused(refusal) = bench.join(Policy::Newest, 4, "203.0.113.4:1") else { panic!() };
    assert!(refusal.code == RefusalCode::Full && refusal.why.contains("1 of them kept"), "{}", refusal.why);
    bench.proven(Policy::Every, 78, "198.51.100.7:6001");
    assert_eq!(bench.hub.clients(), 4);
    // and while it is here but silent, it has its own
    bench.pass(Duration::from_millis(1_500));
    let newest = bench.reel.next_number().previous();
    (1..4).zip(&others).for_each(|(token, client)| bench.cont(*client, token, newest));
    let other = bench.join(Policy::Every, 79, "198.51.100.7:1");
    assert!(matches!(other, Reply::Refused(_)), "another of the same host");
    bench.resume(79, "198.51.100.7:6002");
    bench.drain();
    assert_eq!(bench.left().last(), Some(&LeaveReason::MadeRoom));
    assert_eq!(bench.datagrams(Kind::ServerEnd).len(), 2, "it may be another's: that one is told");

    let mut bench = Bench::new();
    bench.proven(Policy::Every, 77, "198.51.100.7:6000");
    bench.run(Duration::from_secs(70), true);
    viewers(&mut bench);
    assert!(matches!(bench.join(Policy::Newest, 4, "203.0.113.4:1"), Reply::Ok(_)), "not for ever");
}

#[test]
fn a_recorder_that_is_back_already_has_one_place() {
    let mut bench = Bench::new();
    bench.proven(Policy::Every, 77, "198.51.100.7:6000");
    bench.run(Duration::from_secs(3), true);
    let again = bench.resume(78, "198.51.100.7:6001");
    for _ in 0..20 {
        bench.run(Duration::from_millis(100), true);
        bench.cont(again, 78, bench.reel.next_number().previous());
    }
    assert_eq!(bench.left(), [LeaveReason::Silence]);
    for token in 1..4u64 {
        bench.proven(Policy::Newest, token, &format!("203.0.113.{token}:6000"));
    }
}

#[test]
fn who_joins_again_and_again_takes_no_place_of_one_whose_answers_take_a_while() {
    const ROUND_TRIP: Duration = Duration::from_millis(300);
    let mut bench = Bench::new();
    let port = |token: u64| format!("198.51.100.7:{}", 6_000 + token % 1_000);
    let mut all: Vec<(ClientId, u64)> =
        (1..5).map(|token| (bench.proven(Policy::Every, token, &port(token)), token)).collect();
    let (mut token, other) = (100, 5_000);
    assert!(matches!(bench.join(Policy::Newest, other, "203.0.113.1:1"), Reply::Ok(_)));
    let came = bench.now;
    let (mut slow, mut steps) = (None, 0);
    let mut before = bench.reel.next_number().previous();
    while bench.now < came.after(ROUND_TRIP * 5) {
        bench.run(Duration::from_millis(10), true);
        let due = bench.now >= came.after(ROUND_TRIP * (steps + 1));
        match (due, slow) {
            (true, None) => {
                bench.hello(other, "203.0.113.1:6000");
                bench.drain();
                slow = Some(bench.opened());
                before = bench.reel.next_number().previous();
                steps += 1;
            }
            (true, Some(slow)) if steps == 1 => {
                bench.greet(slow, other, before.previous());
                steps += 1;
            }
            (true, Some(slow)) => {
                bench.cont(slow, other, bench.reel.next_number().previous());
                steps += 1;
            }
            (false, _) => {}
        }
        let newest = bench.reel.next_number().previous();
        all.iter().for_each(|(client, token)| bench.cont(*client, *token, newest));
        token += 1;
        if let Reply::Ok(_) = bench.join(Policy::Every, token, &port(token)) {
            bench.hello(token, &port(token));
            bench.log.extend(std::iter::from_fn(|| bench.hub.poll_output()));
            let client = bench.opened();
            bench.greet(client, token, newest);
            all.push((client, token));
        }
    }
    let here = bench.hub.each_client().any(|(remote, ..)| remote == address("203.0.113.1:6000"));
    assert!(here && steps > 3, "{:?}", bench.left());
}

#[test]
fn who_finds_no_place_at_his_hello_is_told() {
    let mut bench = Bench::new();
    for token in 1..4u64 {
        bench.proven(Policy::Newest, token, &format!("198.51.100.7:600{token}"));
    }
    for token in [8, 9] {
        assert!(matches!(bench.join(Policy::Newest, token, "198.51.100.7:1"), Reply::Ok(_)));
    }
    bench.hello(8, "198.51.100.7:6008");
    bench.drain();
    bench.greet(bench.opened(), 8, FrameNumber(0));
    bench.log.clear();
    for _ in 0..5 {
        bench.hello(9, "198.51.100.7:6009");
    }
    bench.drain();
    let answer = |output: &Output| match output {
        Output::Answer { remote, bytes, .. } => Some((*remote, ServerEnd::parse(bytes).unwrap())),
        _ => None,
    };
    let told: Vec<_> = bench.log.iter().filter_map(answer).collect();
    assert_eq!(told.len(), 3);
    for (remote, end) in told {
        assert_eq!((remote, end.token), (address("198.51.100.7:6009"), Token(9)));
        assert_eq!(end.reason, EndReason::MadeRoom);
    }
    assert_eq!(bench.left(), [LeaveReason::NoPlace]);
    bench.run(Duration::from_secs(6), true);
    assert!(!bench.left().contains(&LeaveReason::NoHello), "{:?}", bench.left());
}

/// Without a camera nobody can take a frame: those who wait for it keep their places.
#[test]
fn nobody_is_in_the_way_while_there_is_nothing_to_take() {
    let mut bench = Bench::new();
    let all = (1..5u64)
        .map(|token| (bench.native(Policy::Every, token, &format!("203.0.113.{token}:6000")), token));
    let all: Vec<_> = all.collect();
    for _ in 0..100 {
        bench.run(Duration::from_millis(100), false);
        all.iter().for_each(|(client, token)| bench.cont(*client, *token, FrameNumber(0)));
        let more = bench.join(Policy::Every, 9, "203.0.113.9:1");
        assert!(matches!(more, Reply::Refused(_)));
    }
    assert_eq!(bench.left(), []);
}

#[test]
fn who_has_seen_what_there_is_not_has_proved_nothing() {
    for (ahead, expected) in [(0, false), (1, true)] {
        let mut bench = Bench::new();
        let client = bench.native(Policy::Newest, 77, "198.51.100.7:6000");
        let newest = bench.frame();
        bench.drain();
        bench.pass(Duration::from_secs(1));
        bench.cont(client, 77, newest.plus(ahead));
        for host in 1..4 {
            bench.proven(Policy::Newest, host, &format!("203.0.113.{host}:6000"));
        }
        let more = bench.join(Policy::Newest, 9, "203.0.113.9:1");
        assert_eq!(matches!(more, Reply::Ok(_)), expected, "{ahead} ahead");
    }
}

/// A camera of one picture in two seconds, or none for a while: a plain client has nothing to say.
#[test]
fn a_refusal_of_one_who_owes_no_answer_is_not_believed() {
    let mut bench = Bench::new();
    let plain = bench.plain(5005);
    for _ in 0..5 {
        bench.frame();
        assert_eq!(bench.drain().len(), 1);
        bench.pass(Duration::from_millis(50));
        bench.say(plain, b"continue");
        for _ in 0..4 {
            bench.run(Duration::from_millis(500), false);
            (0..10).for_each(|_| bench.hub.handle_refused(plain, bench.now));
        }
    }
    assert_eq!(bench.left(), []);
    bench.frame();
    bench.run(Duration::from_millis(1_100), true);
    (0..2).for_each(|_| bench.hub.handle_refused(plain, bench.now));
    bench.drain();
    assert_eq!(bench.left(), [LeaveReason::PortClosed]);
}

/// What the system did not send is no frame that anybody was given.
#[test]
fn a_plain_client_gets_the_frame_after_one_that_was_not_sent() {
    let mut bench = Bench::new();
    let plain = bench.plain(5005);
    for blocked in [false, true, false] {
        bench.frame();
        assert_eq!(bench.drain().len(), 1);
        if blocked {
            bench.hub.handle_blocked(plain);
        }
        bench.hub.handle_not_sent(plain, bench.now);
        if blocked {
            bench.hub.handle_writable(plain, bench.now);
        }
        bench.run(Duration::from_secs(6), false);
    }
    assert_eq!(bench.left(), []);
    bench.frame();
    assert_eq!(bench.drain().len(), 1);
    assert_eq!(bench.run(Duration::from_secs(6), true), []);
    assert_eq!(bench.left(), [LeaveReason::Silence]);
}

#[test]
fn as_many_plain_clients_of_one_address_as_there_are_places_come_at_once() {
    let mut bench = Bench::new();
    bench.hub = Hub::new(Limits { clients: 16, joins: JOINS, burst: BURST }, STREAM);
    for port in 5_000..5_016 {
        bench.plain(port);
    }
}

#[test]
fn a_mute_port_draws_little_however_often_it_is_named() {
    for wait in [1, 10, 100] {
        let mut bench = Bench::new();
        let mut bytes = 0;
        for _ in 0..10_000 / wait {
            bench.frame_of(60_000);
            let _ = bench.hub.join_plain(5005, route("198.51.100.7:40000"), &bench.reel, bench.now);
            bytes += bench.drain().len() * 60_000;
            bench.pass(Duration::from_millis(wait));
        }
        assert!(bytes <= 11 * 60_000, "{bytes} in 10 s, one each {wait} ms");
        // others, and those that answer, notice nothing
        for _ in 0..20 {
            let client = bench.hub.join_plain(5005, route("198.51.100.8:1"), &bench.reel, bench.now).unwrap();
            bench.frame();
            bench.drain();
            bench.say(client, b"continue");
        }
    }
}

#[test]
fn nothing_is_sent_to_our_own_port() {
    let mut bench = Bench::new();
    for (from, local) in [
        ("127.0.0.2:40000", "127.0.0.1:9999"),
        ("192.0.2.1:40000", "192.0.2.1:9999"),
        ("[::1]:1", "[::1]:9999"),
    ] {
        let route = Route { remote: address(from), local: address(local) };
        let refused = bench.hub.join_plain(9999, route, &bench.reel, bench.now).unwrap_err();
        assert_eq!(refused.code, RefusalCode::Protocol);
        assert!(bench.hub.join_plain(9998, route, &bench.reel, bench.now).is_ok());
    }
    let elsewhere = Route { remote: address("192.0.2.7:1"), local: address("192.0.2.1:9999") };
    assert!(bench.hub.join_plain(9999, elsewhere, &bench.reel, bench.now).is_ok());
}

#[test]
fn a_refusal_is_believed_when_the_client_is_silent() {
    let mut bench = Bench::new();
    let plain = bench.plain(5005);
    let native = bench.proven(Policy::Every, 77, "198.51.100.7:6000");
    bench.drain();
    bench.say(plain, b"continue");
    for _ in 0..30 {
        for client in [plain, native] {
            (0..10).for_each(|_| bench.hub.handle_refused(client, bench.now));
        }
        bench.run(Duration::from_millis(100), true);
        bench.say(plain, b"continue");
        bench.cont(native, 77, bench.reel.next_number().previous());
    }
    assert_eq!(bench.left(), []);
    bench.run(Duration::from_millis(1_100), true);
    (0..2).for_each(|_| [plain, native].iter().for_each(|it| bench.hub.handle_refused(*it, bench.now)));
    bench.drain();
    assert_eq!(bench.left(), [LeaveReason::PortClosed; 2]);
}

#[test]
fn a_path_is_narrow_if_it_is_said_and_nothing_arrives() {
    for (arrives, expected) in [(true, 0), (false, 1)] {
        let mut bench = Bench::new();
        let client = bench.proven(Policy::Every, 77, "198.51.100.7:6000");
        bench.log.clear();
        let mut arrived = 0;
        for _ in 0..90 {
            bench.hub.handle_too_large(client, bench.now);
            bench.run(FRAME, true);
            let sent = bench.hub.each_client().map(|(_, _, _, tally)| tally.datagrams as u32).sum();
            arrived = if arrives { sent } else { arrived };
            let newest = bench.reel.next_number().previous();
            bench.cont_arrived(client, 77, newest, arrived);
        }
        bench.drain();
        let narrowed = bench.log.iter().filter(|output| matches!(output, Output::Narrow { .. })).count();
        assert_eq!(narrowed, expected, "arrives: {arrives}");
    }
}
