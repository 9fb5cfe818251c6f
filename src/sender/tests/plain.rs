//! Clients of the original protocol.

use super::*;

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
    assert_eq!(sent.len(), 1, "{sent:?}");
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
    bench.pass(Duration::from_secs(1));
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
