//! Viewers that take parity rows for what they miss.

use super::*;
use crate::fec::{Encoder, Shape};
use crate::wire::data::{Data, parity_rows};
use std::ops::Range;

/// Frames, and rows or fragments of each.
type Sent = Vec<(u32, Range<u16>)>;

const LONG: Duration = Duration::from_secs(1);

fn join(bench: &mut Bench, policy: Policy, token: u64) -> bool {
    let join = Join { policy, parity: true, ..Join::default() };
    let route = route("198.51.100.7:1");
    let reply = bench.hub.join_native(join, route, Token(token), &bench.reel, bench.now);
    let Reply::Ok(Accepted { parity, .. }) = reply else { panic!("{reply:?}") };
    parity
}

/// A viewer that is here, has got frames 1 to `frames` of 70 fragments, and takes rows.
fn watching(bench: &mut Bench, frames: u32) -> ClientId {
    assert!(join(bench, Policy::Newest, 77));
    bench.hello(77, "198.51.100.7:6000");
    bench.drain();
    let client = bench.opened();
    bench.greet(client, 77, FrameNumber(0));
    for number in 1..=frames {
        bench.frame_of(99_000);
        bench.run(FRAME, false);
        ask(bench, client, number, &[]);
    }
    client
}

/// Urgent CONTINUE: these fragments are missing.
fn ask(bench: &mut Bench, client: ClientId, seen: u32, missing: &[(u32, u16, u16)]) {
    bench.pass(Duration::from_millis(1));
    // nothing is lost but what it says
    let arrived = bench.hub.each_client().map(|(_, _, _, tally)| tally.datagrams as u32).sum();
    let missing =
        missing.iter().map(|&(number, first, count)| Missing { number: FrameNumber(number), first, count });
    let cont = Continue {
        epoch: STREAM.epoch(),
        token: Token(77),
        stamp: (bench.now.as_nanos() / 1000) as u32,
        through: FrameNumber(0),
        seen: FrameNumber(seen),
        rtt_us: 4_000,
        arrived,
        urgent: true,
        missing: missing.collect(),
    };
    bench.say(client, &cont.to_bytes());
}

/// What goes out in a second: rows, and fragments.
fn answer(bench: &mut Bench, client: ClientId, seen: u32) -> (Sent, Sent) {
    let (mut rows, mut fragments) = (Vec::new(), Vec::new());
    for transmit in bench.run(LONG, false) {
        match transmit {
            Transmit::Parity { number, rows: which, .. } => rows.push((number.0, which)),
            Transmit::Train { number, fragments: which, again: true, .. } => {
                fragments.push((number.0, which));
            }
            other => panic!("{other:?}"),
        }
    }
    ask(bench, client, seen, &[]);
    (rows, fragments)
}

fn have_encoder(bench: &mut Bench) {
    bench.hub.handle_encoder(Encoder::new().unwrap());
}

#[test]
fn rows_are_for_viewers_that_ask_for_them_and_for_even_fragments() {
    let mut bench = Bench::new();
    assert!(join(&mut bench, Policy::Newest, 1));
    assert!(!join(&mut bench, Policy::Every, 2));
    let Reply::Ok(accepted) = bench.join(Policy::Newest, 3, "198.51.100.7:1") else { panic!() };
    assert!(!accepted.parity);
    bench.reel = Reel::new(1 << 20, 1451, STREAM);
    assert!(!join(&mut bench, Policy::Newest, 4));
}

#[test]
fn copies_go_until_there_is_an_encoder_which_is_wanted_once() {
    let mut bench = Bench::new();
    let client = watching(&mut bench, 2);
    let wishes =
        |bench: &Bench| bench.log.iter().filter(|output| matches!(output, Output::MakeEncoder)).count();
    assert_eq!(wishes(&bench), 0, "nobody lacks anything");
    for (missing, copied) in [((1, 5, 1), (1, 5..6)), ((2, 7, 2), (2, 7..9))] {
        ask(&mut bench, client, 2, &[missing]);
        assert_eq!(answer(&mut bench, client, 2), (vec![], vec![copied.clone(), copied]));
        bench.drain();
        assert_eq!(wishes(&bench), 1);
    }
    have_encoder(&mut bench);
    ask(&mut bench, client, 2, &[(1, 5, 1)]);
    assert_eq!(answer(&mut bench, client, 2), (vec![(1, 0..2)], vec![]));
}

#[test]
fn every_request_gets_other_rows_and_at_last_the_fragments_themselves() {
    let mut bench = Bench::new();
    have_encoder(&mut bench);
    let client = watching(&mut bench, 1);
    let some: Vec<(u32, u16, u16)> = (0..14).map(|n| (1, n * 5, 1)).collect();
    let mut rows = Vec::new();
    for first in [0, 28, 56] {
        ask(&mut bench, client, 1, &some);
        let (sent, fragments) = answer(&mut bench, client, 1);
        // two for one, while nothing is known of the path
        let copied = if first == 56 { 14 } else { 0 };
        assert_eq!(fragments.iter().map(|(_, it)| it.len()).sum::<usize>(), copied, "{first}");
        rows.extend(sent.into_iter().flat_map(|(_, rows)| rows));
    }
    assert_eq!(rows, (0..64).collect::<Vec<_>>());
    ask(&mut bench, client, 1, &some);
    let (sent, fragments) = answer(&mut bench, client, 1);
    assert_eq!((sent.len(), fragments.len()), (0, 28), "as if there were none");
}

#[test]
fn what_a_burst_has_swallowed_goes_itself_with_a_few_rows_behind() {
    let mut bench = Bench::new();
    have_encoder(&mut bench);
    let client = watching(&mut bench, 2);
    ask(&mut bench, client, 2, &[(2, 20, 16)]);
    assert_eq!(answer(&mut bench, client, 2), (vec![(2, 0..10)], vec![(2, 20..36)]));
}

#[test]
fn rows_are_datagrams_of_their_frame() {
    let mut bench = Bench::new();
    have_encoder(&mut bench);
    let client = watching(&mut bench, 1);
    ask(&mut bench, client, 1, &[(1, 9, 1)]);
    answer(&mut bench, client, 1);
    let frame = bench.reel.frame(FrameNumber(1)).unwrap();
    let shape = Shape { count: 70, rows: parity_rows(70, 1416), size: 1416 };
    let mut expected = Vec::new();
    let take = |row: &[u8]| expected.push(row.to_vec());
    Encoder::new().unwrap().encode(shape, frame.pieces(), take).unwrap();
    let train = bench.hub.parity(FrameNumber(1)).unwrap();
    for (row, bytes) in (0..64).zip(&expected) {
        let data = Data::parse(train.datagrams(row..row + 1)).unwrap();
        assert!(data.header.is_parity());
        assert_eq!((data.header.index, data.header.stamp), (70 + row, frame.stamp()));
        assert!(data.payload == bytes);
    }
    assert!(train.datagrams(64..65).is_empty());
    assert!(bench.hub.parity(FrameNumber(2)).is_none());
}

/// A client that lacks nothing, and asks for something of each frame for ever.
#[test]
fn nobody_makes_camcast_code_more_frames_than_a_few_for_each_that_comes() {
    let mut bench = Bench::new();
    have_encoder(&mut bench);
    let client = watching(&mut bench, 20);
    let mut coded = Vec::new();
    for _ in 0..3 {
        for number in 1..=20 {
            ask(&mut bench, client, 20, &[(number, 3, 1)]);
            let (rows, fragments) = answer(&mut bench, client, 20);
            assert!(rows.is_empty() != fragments.is_empty(), "it is answered in one way");
            coded.extend(rows.iter().map(|(number, _)| *number).filter(|_| rows.len() == 1));
        }
    }
    coded.sort_unstable();
    coded.dedup();
    assert!((4..=8).contains(&coded.len()), "{coded:?}");
    assert!((1..=20).filter(|number| bench.hub.parity(FrameNumber(*number)).is_some()).count() <= 16);
}
