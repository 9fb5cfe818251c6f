//! A session that goes from one hub to another, and comes back.

use super::*;
use crate::wire::FrameNumber;

const FROM: &str = "198.51.100.7:6000";

/// The hub and the reel of one who has come back, which begins with this frame.
fn backlog(bench: &Bench, first: u32) -> Bench {
    let reel = Reel::patient(2 << 20, 1452, STREAM, FrameNumber(first));
    let hub = Hub::new(Limits { clients: 1, joins: JOINS, burst: BURST }, STREAM);
    Bench { hub, reel, now: bench.now, log: Vec::new() }
}

#[test]
fn a_session_goes_on_in_another_hub_as_if_nothing_had_happened() {
    let mut bench = Bench::new();
    let client = bench.proven(Policy::Every, 77, FROM);
    let through = bench.hub.recorders().next().unwrap().through;
    assert_eq!(through, FrameNumber(1));

    let mut other = backlog(&bench, 2);
    let id = other.hub.take_over(bench.hub.release(client).unwrap(), other.now).ok().unwrap();
    assert_eq!((bench.hub.clients(), other.hub.clients(), other.hub.client_of(Token(77))), (0, 1, Some(id)));
    assert!(bench.hub.recorders().next().is_none() && bench.hub.poll_output().is_none());
    (0..3).for_each(|_| {
        other.frame();
    });
    assert_eq!(numbers(&other.run(FRAME * 3, false)), [2, 3, 4]);
    other.cont(id, 77, FrameNumber(4));
    assert_eq!(other.hub.recorders().next().unwrap().through, FrameNumber(4));

    (0..5).for_each(|_| {
        bench.frame();
    });
    bench.now = other.now;
    let id = bench.hub.take_over(other.hub.release(id).unwrap(), bench.now).ok().unwrap();
    assert_eq!(numbers(&bench.run(FRAME * 3, false)), [5, 6], "what it has it is not sent again");
    bench.cont(id, 77, FrameNumber(6));
    bench.say(id, &ClientEnd { epoch: STREAM.epoch(), token: Token(77) }.to_bytes());
    bench.drain();
    assert_eq!((bench.hub.clients(), bench.tally().frames), (0, 6), "one tally");
}

#[test]
fn who_finds_no_place_stays_where_he_is() {
    let mut bench = Bench::new();
    let client = bench.proven(Policy::Every, 77, FROM);
    let mut full = backlog(&bench, 1);
    full.proven(Policy::Every, 78, "198.51.100.8:6000");
    let moving = bench.hub.release(client).unwrap();
    let moving = full.hub.take_over(moving, full.now).err().unwrap();
    let id = bench.hub.take_over(moving, bench.now).ok().unwrap();
    assert_eq!((bench.hub.client_of(Token(77)), bench.hub.clients()), (Some(id), 1));
    assert!(bench.hub.release(client).is_none(), "that was its name before");
    bench.hub.handle_stop(bench.now);
    assert!(bench.hub.recorders().next().is_none(), "it is told to leave");
    let moving = bench.hub.release(id).unwrap();
    assert!(bench.hub.take_over(moving, bench.now).is_err(), "nobody comes to one that stops");
}

#[test]
fn a_patient_reel_loses_nothing_on_a_narrow_path() {
    let mut bench = backlog(&Bench::new(), 100);
    let client = bench.native(Policy::Every, 77, FROM);
    let mut sent = Vec::new();
    for _ in 0..400 {
        let through = bench.hub.recorders().next().map_or(FrameNumber(99), |recorder| recorder.through);
        while bench.reel.displaced_by(20_000).is_none_or(|displaced| !displaced.is_after(through)) {
            bench.frame();
        }
        let now = numbers(&bench.run(FRAME, false));
        if let Some(last) = now.last() {
            bench.cont(client, 77, FrameNumber(*last));
        }
        sent.extend(now);
    }
    assert_eq!(sent, (100..100 + sent.len() as u32).collect::<Vec<_>>());
    assert!(sent.len() > 400 && !bench.reel.is_full(), "{}", sent.len());
}
