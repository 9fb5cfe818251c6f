//! What viewers see while there is no signal.

use super::*;

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

    // a viewer that comes meanwhile sees it at once
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
