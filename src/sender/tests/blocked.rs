//! Sockets that are full.

use super::*;

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
    assert_eq!(
        (bench.tally().frames, bench.tally().datagrams),
        (2, 106 + 15),
        "counted once, when handed out"
    );
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

#[test]
fn a_client_that_replaces_one_with_a_full_socket_is_not_held_up() {
    let mut bench = Bench::new();
    let old = bench.plain(5005);
    bench.frame();
    assert_eq!(numbers(&bench.drain()), [1]);
    bench.hub.handle_blocked(old);
    let new = bench.plain(5005);
    let sent = bench.drain();
    assert_eq!((old.place(), sent.len(), sent[0].client()), (new.place(), 1, new));
    // news of the old socket, which came too late
    bench.hub.handle_blocked(old);
    bench.hub.handle_writable(old, bench.now);
    bench.say(new, b"continue");
    bench.frame();
    assert_eq!(numbers(&bench.drain()), [2]);
}

#[test]
fn a_slate_goes_on_where_the_socket_was_full_or_ends_with_the_signal() {
    for is_back in [false, true] {
        let mut bench = Bench::new();
        let viewer = bench.native(Policy::Newest, 2, "198.51.100.2:5002");
        let slate = Slate { number: FrameNumber(1), fragments: BURST + 15 };
        let part =
            |fragments| Transmit::Slate { client: viewer, number: slate.number, fragments: Some(fragments) };
        bench.hub.handle_slate(Some(slate));
        let (reel, now) = (&bench.reel, bench.now);
        assert_eq!(bench.hub.poll_transmit(reel, now), Some(part(0..BURST)));
        bench.hub.handle_blocked(viewer);
        assert_eq!(bench.drain(), []);
        if is_back {
            bench.hub.handle_slate(None);
        }
        bench.hub.handle_writable(viewer, bench.now);
        let rest = part(BURST..BURST + 15);
        assert_eq!(bench.drain(), if is_back { vec![] } else { vec![rest] });
    }
}
