//! Clients of our own protocol, once they are here.

use super::*;

#[test]
fn a_viewer_that_is_not_heard_of_gets_a_window_and_no_more() {
    let mut bench = Bench::new();
    let client = bench.native(Policy::Newest, 77, "198.51.100.7:6000");
    // 0.4 s at 30 a second
    assert_eq!(numbers(&bench.run(FRAME * 20, true)), (1..=12).collect::<Vec<_>>());
    bench.cont(client, 77, FrameNumber(8));
    assert_eq!(numbers(&bench.drain()), [20], "whole frames are skipped");
    let sent = numbers(&bench.run(Duration::from_secs(1), true));
    assert!(sent.len() <= 8, "{sent:?}");
    assert!(bench.run(Duration::from_millis(3400), true).is_empty(), "no video a second after the last sign");
    assert!(bench.left().is_empty());
    bench.run(Duration::from_secs(1), true);
    assert_eq!(bench.left(), [LeaveReason::Silence]);
    let end = ServerEnd::parse(bench.datagrams(Kind::ServerEnd)[0]).unwrap();
    assert_eq!(end.reason, EndReason::Silence);
}

#[test]
fn a_viewer_that_is_heard_of_again_sees_the_newest_however_many_have_passed() {
    let mut bench = Bench::new();
    let client = bench.native(Policy::Newest, 77, "198.51.100.7:6000");
    let mut seen = FrameNumber(0);
    for _ in 0..300 {
        bench.pass(Duration::from_millis(10));
        bench.frame_of(1_000);
        seen = bench.drain().last().map_or(seen, Transmit::number);
    }
    assert!(seen.0 < 100, "nothing was heard of it for three seconds: {seen:?}");
    bench.cont(client, 77, seen);
    assert_eq!(numbers(&bench.drain()), [300]);
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
fn what_has_come_to_a_client_by_another_session_is_not_sent_to_it() {
    for policy in [Policy::Every, Policy::Newest] {
        let mut bench = Bench::new();
        let client = bench.native(policy, 77, "198.51.100.7:6000");
        bench.hub.handle_blocked(client);
        for _ in 0..10 {
            bench.frame();
        }
        bench.cont(client, 77, FrameNumber(8));
        bench.hub.handle_writable(client, bench.now);
        let sent = numbers(&bench.run(FRAME * 3, false));
        assert_eq!(
            sent.first(),
            Some(if policy == Policy::Every { &9 } else { &10 }),
            "{policy:?}: {sent:?}"
        );
        // and of what has not come yet it cannot be done with
        bench.cont(client, 77, FrameNumber(12));
        assert_eq!(numbers(&bench.run(FRAME * 3, false)), [] as [u32; 0]);
        for _ in 0..3 {
            bench.frame();
        }
        assert_eq!(numbers(&bench.run(FRAME * 3, false)).last(), Some(&13), "{policy:?}");
    }
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

/// A client that hears nothing for three seconds takes the server for gone.
#[test]
fn who_waits_for_a_first_frame_is_told_that_we_are_there() {
    let mut bench = Bench::new();
    let client = bench.native(Policy::Every, 77, "198.51.100.7:6000");
    for _ in 0..40 {
        bench.log.clear();
        bench.run(Duration::from_millis(250), false);
        bench.cont(client, 77, FrameNumber(0));
        bench.run(Duration::from_millis(750), false);
        assert!(!bench.datagrams(Kind::Beat).is_empty());
        bench.cont(client, 77, FrameNumber(0));
    }
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
