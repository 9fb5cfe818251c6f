//! What the repair has to show (issue 3), a test each. The path, unless said otherwise: 20 ms each way, 4 ms jitter,
//! 0.5 % reordering, the same both ways; 1280x720 at 30 frames a second: 100 kB a frame.

use crate::account::{Report, percentile};
use crate::netem::{Bottleneck, GilbertElliott, Reorder, Spec};
use crate::scene::{Camera, Night, START, Scene, Viewer};
use camcast::receiver::Over;
use camcast::wire::join::Policy;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const CAMERA: Camera = Camera { fps: 30.0, mean: 100_000, spread: 0.2 };

/// Beyond what a frame needs on a good day: it is late.
const LAG: Duration = Duration::from_millis(150);

fn air(loss: f64) -> Spec {
    let reorder = Some(Reorder { probability: 0.005, extra: 3 * MS });
    Spec { loss, delay: 20 * MS, jitter: 4 * MS, reorder, ..Spec::default() }
}

fn scene(length: Duration, viewers: Vec<Viewer>) -> Scene {
    Scene { camera: CAMERA, viewers, ..Scene::new(3, length) }
}

fn show(scene: &Scene, what: &str) -> (Report, Report) {
    let (report, clean) = (scene.run(), scene.without_faults().run());
    for (account, clean) in report.accounts.iter().zip(&clean.accounts) {
        let delays = account.delays(clean);
        eprintln!(
            "{what}: {:.2} % of {} whole, {} missing, {} skipped, {} open; sent again {:.2} %, duplicates {}; \
             delay p50 {:.0?} p99 {:.0?}; at most {} frames in flight; {} CONTINUEs of {} bytes",
            account.whole_percent(),
            report.frames,
            account.missing(),
            account.skipped(),
            account.open(),
            account.again_percent(),
            account.duplicates,
            percentile(&delays, 0.5),
            percentile(&delays, 0.99),
            account.most_in_flight,
            account.continues,
            account.continue_bytes,
        );
    }
    (report, clean)
}

fn every_frame_comes(path: &Spec, loss: f64) {
    every_frame_comes_to(Viewer::every(path), loss);
}

fn every_frame_comes_to(viewer: Viewer, loss: f64) {
    let (report, _) = show(&scene(60 * SECOND, vec![viewer]), "every");
    let account = &report.accounts[0];
    assert_eq!(account.whole(), report.frames as usize);
    assert!(account.again_percent() <= 100.0 * loss * 1.3 + 1.2, "{:.2} %", account.again_percent());
}

#[test]
fn every_at_1_percent() {
    every_frame_comes(&air(0.01), 0.01);
}

#[test]
fn every_at_5_percent() {
    every_frame_comes(&air(0.05), 0.05);
}

#[test]
fn every_at_10_percent() {
    every_frame_comes(&air(0.10), 0.10);
}

#[test]
fn every_at_20_percent() {
    every_frame_comes(&air(0.20), 0.20);
}

#[test]
fn every_with_bursts_that_swallow_whole_frames() {
    // The model counts datagrams: on the way up, where few go, a burst of 150 would be an outage of half a minute.
    let bursts = Some(GilbertElliott::bursts(0.05, 150.0));
    let down = Spec { gilbert_elliott: bursts, ..air(0.0) };
    let viewer = Viewer { up: air(0.05), ..Viewer::every(&down) };
    every_frame_comes_to(viewer, 0.05);
}

fn newest_within_120_ms(loss: f64, whole: f64) {
    let (report, _) = show(&scene(60 * SECOND, vec![Viewer::newest(&air(loss))]), "newest");
    let account = &report.accounts[0];
    assert!(account.is_complete());
    assert!(account.whole_percent() >= whole, "{:.2} %", account.whole_percent());
    assert!(account.again_percent() <= 100.0 * loss * 2.6 + 2.0, "{:.2} %", account.again_percent());
}

#[test]
fn newest_without_loss() {
    newest_within_120_ms(0.0, 100.0);
}

#[test]
fn newest_at_5_percent() {
    newest_within_120_ms(0.05, 99.9);
}

#[test]
fn newest_at_10_percent() {
    newest_within_120_ms(0.10, 99.0);
}

#[test]
fn a_stream_of_few_datagrams_comes_whole() {
    let camera = Camera { fps: 30.0, mean: 300, spread: 0.3 };
    let scene =
        Scene { camera, ..scene(30 * SECOND, vec![Viewer::every(&air(0.05)), Viewer::newest(&air(0.0))]) };
    let (report, _) = show(&scene, "300 bytes a frame");
    assert!(report.accounts.iter().all(|account| account.whole() == report.frames as usize));
}

/// Another receiver's p99 from capture to coming out.
fn p99_age(report: &Report, scene: &Scene, of: usize) -> Duration {
    percentile(&report.accounts[of].ages(scene), 0.99)
}

fn outage(lasts: Duration) {
    let from = 5 * SECOND;
    let (good, mut bad) = (Spec::clean(20 * MS), Spec::clean(20 * MS));
    bad.outages.push((from, from + lasts));
    let scene = scene(from + lasts * 5, vec![Viewer::every(&bad), Viewer::every(&good)]);
    let (report, clean) = show(&scene, "outage");
    let account = &report.accounts[0];
    let caught_up = account.caught_up(&scene, from + lasts, LAG);
    eprintln!("caught up {caught_up:.0?} after the outage of {lasts:?}; ends: {:?}", account.overs);
    assert_eq!(account.whole(), report.frames as usize);
    assert!(caught_up.is_some_and(|wait| wait <= 2 * lasts), "{caught_up:?}");
    let (p99, before) = (p99_age(&report, &scene, 1), p99_age(&clean, &scene, 1));
    assert_eq!(report.accounts[1].whole(), report.frames as usize);
    assert!(p99 <= before + MS, "the other client's p99 went from {before:?} to {p99:?}");
}

#[test]
fn outage_of_1_s() {
    outage(SECOND);
}

#[test]
fn outage_of_2_s() {
    outage(2 * SECOND);
}

#[test]
fn outage_of_4_s() {
    outage(4 * SECOND);
}

#[test]
fn outage_longer_than_the_reel() {
    let mut path = Spec::clean(20 * MS);
    path.outages.push((5 * SECOND, 30 * SECOND));
    let scene = scene(45 * SECOND, vec![Viewer::every(&path)]);
    let (report, _) = show(&scene, "long outage");
    let account = &report.accounts[0];
    eprintln!("gaps: {:?}; ends: {:?}", account.gaps(), account.overs);
    assert!(account.is_complete());
    // One gap, from the first frame that did not come before the outage to the last one that the reel had lost when
    // the recorder came back: a few seconds after the end of the outage at the most, and the reel holds 10.5 s.
    let gaps = account.gaps();
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    let (first, last) = gaps[0];
    assert!((149..=150).contains(&first), "{first}");
    assert!((30 * 19..30 * 24).contains(&last), "{last}");
}

#[test]
fn one_of_four_stops_reading_for_10_s() {
    let path = Spec::clean(20 * MS);
    let deaf = Viewer { deaf: vec![(5 * SECOND, 15 * SECOND)], ..Viewer::every(&path) };
    let others = [Viewer::every(&path), Viewer::newest(&path), Viewer::every(&path)];
    let scene = scene(20 * SECOND, [vec![deaf], others.to_vec()].concat());
    let (report, clean) = show(&scene, "deaf");
    assert!(report.accounts[0].is_complete());
    for other in 1..4 {
        let (p99, before) = (p99_age(&report, &scene, other), p99_age(&clean, &scene, other));
        assert_eq!(report.accounts[other].whole(), report.frames as usize, "{other}");
        assert!(p99 < before + MS, "{other}: p99 went from {before:?} to {p99:?}");
    }
}

fn bottleneck(mbits: u64) -> Spec {
    let bottleneck = Some(Bottleneck { rate_bps: mbits * 1_000_000, queue_bytes: 64 * 1024 });
    Spec { bottleneck, ..Spec::clean(20 * MS) }
}

#[test]
fn sixty_of_a_hundred_mbit_with_hardly_a_drop() {
    let down = bottleneck(100);
    for viewer in [Viewer::every(&down), Viewer::newest(&down)] {
        let camera = Camera { mean: 250_000, ..CAMERA };
        let scene = Scene { camera, ..scene(20 * SECOND, vec![viewer]) };
        let (report, _) = show(&scene, "60 of 100 Mbit/s");
        let account = &report.accounts[0];
        assert_eq!(account.whole(), report.frames as usize);
        // one burst was too large, and none since
        assert!(account.down.overflow <= 40, "{:?}", account.down);
    }
}

/// Three that are sent much at once, and one that is not, at the pace of all of them together.
#[test]
fn a_viewer_behind_a_small_queue_has_its_turn_among_others() {
    let behind = |queue_bytes| {
        let bottleneck = Some(Bottleneck { rate_bps: 100_000_000, queue_bytes });
        Viewer::newest(&Spec { bottleneck, ..Spec::clean(5 * MS) })
    };
    let (mut whole, mut all) = (0, 0);
    for (small, seed) in [(0, 1), (3, 1), (0, 2), (3, 2), (0, 3), (3, 3)] {
        let viewers = (0..4).map(|who| behind(if who == small { 8 * 1024 } else { 200 * 1024 })).collect();
        let camera = Camera { mean: 200_000, ..CAMERA };
        let scene = Scene { seed, camera, ..scene(20 * SECOND, viewers) };
        let report = scene.run();
        for (who, account) in report.accounts.iter().enumerate() {
            // the first three seconds are for learning
            let its_whole = account.whole_at().filter(|(number, _)| *number >= 90).count();
            let its_all = report.frames as usize - 90;
            eprintln!("{who}: {:.2} % whole, later {its_whole} of {its_all}", account.whole_percent());
            assert!(its_whole * 100 >= its_all * 97, "{who}, the small one is {small}, seed {seed}");
            if who == small {
                (whole, all) = (whole + its_whole, all + its_all);
            }
        }
    }
    assert!(whole * 100 >= all * 99, "{whole} of {all}");
}

#[test]
fn newest_at_half_the_rate_is_even_and_in_time() {
    let viewer = Viewer { down: bottleneck(12), ..Viewer::newest(&Spec::clean(20 * MS)) };
    let scene = scene(60 * SECOND, vec![viewer]);
    let (report, _) = show(&scene, "newest at half the rate");
    let account = &report.accounts[0];
    let (ages, intervals) = (account.ages(&scene), account.intervals());
    let (p50, p99) = (percentile(&intervals, 0.5), percentile(&intervals, 0.99));
    eprintln!("ages p50 {:.0?} p99 {:.0?}; ", percentile(&ages, 0.5), percentile(&ages, 0.99));
    eprintln!("intervals p50 {p50:.0?} p99 {p99:.0?}; overflow {:?}", account.down);
    assert!(account.is_complete());
    assert!(percentile(&ages, 0.99) <= 300 * MS, "{:?}", percentile(&ages, 0.99));
    // 11.4 of 24 Mbit/s are video: 14.2 frames a second, of which a few may be lost to probing
    assert!(account.whole() >= 60 * 13, "{} frames in 60 s", account.whole());
    assert!(p99 <= p50.mul_f64(2.2), "intervals of {p50:?} and {p99:?}");
}

#[test]
fn newest_at_a_sixth_of_the_rate_still_shows_something() {
    let viewer = Viewer { down: bottleneck(4), ..Viewer::newest(&Spec::clean(20 * MS)) };
    let (report, _) = show(&scene(20 * SECOND, vec![viewer]), "newest at a sixth");
    // a frame takes 210 ms
    assert!(report.accounts[0].whole() >= 20 * 2, "{} frames in 20 s", report.accounts[0].whole());
}

#[test]
fn every_at_half_the_rate_is_complete_as_long_as_the_reel_reaches() {
    let viewer = Viewer { down: bottleneck(12), ..Viewer::every(&Spec::clean(20 * MS)) };
    let short = Scene { settle: 30 * SECOND, ..scene(12 * SECOND, vec![viewer]) };
    let (report, _) = show(&short, "every at half the rate, 12 s");
    assert_eq!(report.accounts[0].whole(), report.frames as usize);
    let (report, _) = show(&Scene { length: 60 * SECOND, ..short }, "every at half the rate, 60 s");
    let account = &report.accounts[0];
    assert!(account.is_complete());
    let share = account.whole() as f64 / f64::from(report.frames);
    assert!(
        share > 0.5,
        "{share:.2} of the frames came: at 12 Mbit/s and from the reel more than half could"
    );
}

#[test]
fn a_viewer_that_comes_back_gets_no_frame_twice() {
    // the camera stands still, and so the newest frame is one that the viewer has
    let mut path = Spec::clean(20 * MS);
    path.outages.push((2 * SECOND, 6 * SECOND));
    let camera = Camera { fps: 10.0, mean: 3_000, spread: 0.0 };
    let scene = Scene { camera, settle: 8 * SECOND, ..scene(SECOND, vec![Viewer::newest(&path)]) };
    let account = scene.run().accounts.remove(0);
    assert!(account.overs.iter().any(|(_, over)| *over == Over::Silence), "{:?}", account.overs);
    assert_eq!(account.repeats, 0);
}

#[test]
fn nobody_joins_twice_on_a_path_that_is_merely_bad() {
    let (report, _) = show(&scene(20 * SECOND, vec![Viewer::every(&air(0.2))]), "20 %");
    let ends: Vec<_> = report.accounts[0].overs.iter().map(|(at, over)| (at.since(START), *over)).collect();
    assert_eq!(ends.len(), 1, "{ends:?}");
    assert_eq!(ends[0].1, Over::Left);
}

#[test]
fn a_viewer_that_joins_a_fast_stream_from_far_away_misses_nothing() {
    // 72 frames are captured while its HELLO is under way, more than a BEAT can name
    let camera = Camera { fps: 240.0, mean: 20_000, spread: 0.2 };
    let viewer = Viewer { joins: SECOND, ..Viewer::newest(&Spec::clean(150 * MS)) };
    let (report, _) = show(&Scene { camera, ..scene(4 * SECOND, vec![viewer]) }, "240 a second, 300 ms");
    let account = &report.accounts[0];
    assert_eq!((account.missing(), account.sent_again), (0, 0));
    assert!(account.is_complete());
}

#[test]
fn slow_cameras_are_repaired_as_soon_as_fast_ones() {
    for (fps, mean) in [(1.0 / 60.0, 90_000), (0.1, 90_000), (0.1, 800_000), (1.0, 90_000), (5.0, 300_000)] {
        let camera = Camera { fps, mean, spread: 0.2 };
        let viewers = vec![Viewer::every(&air(0.05)), Viewer::newest(&air(0.05))];
        let scene = Scene { camera, ..scene(SECOND.mul_f64((100.0 / fps).max(30.0)), viewers) };
        let (report, clean) = show(&scene, &format!("{mean} bytes at {fps:.3} a second, 5 % lost"));
        let [every, newest] = &report.accounts[..] else { panic!("two") };
        assert_eq!(every.whole(), report.frames as usize);
        // while going slower is on trial for a loss that it cannot lower, some take longer
        let (most, clean) = (percentile(&every.ages(&scene), 0.9), p99_age(&clean, &scene, 0));
        assert!(most <= clean * 4 + 400 * MS, "{most:?}, without loss {clean:?}");
        assert!(newest.whole_percent() >= 99.0, "{:.2} %", newest.whole_percent());
    }
}

#[test]
fn a_slow_camera_far_away_is_seen_whatever_is_lost() {
    for round_trip in [40, 100, 150, 300] {
        for (fps, mean) in [(0.1, 800_000), (1.0, 90_000), (5.0, 20_000)] {
            let path = Spec { loss: 0.01, ..Spec::clean(round_trip * MS / 2) };
            let camera = Camera { fps, mean, spread: 0.2 };
            let viewers = vec![Viewer::newest(&path), Viewer::every(&path)];
            let scene = Scene { camera, ..scene(SECOND.mul_f64(60.0 / fps), viewers) };
            let (report, _) = show(&scene, &format!("{mean} bytes at {fps} a second, {round_trip} ms"));
            let [newest, every] = &report.accounts[..] else { panic!("two") };
            assert_eq!(every.whole(), report.frames as usize);
            // where the next one is there before an answer, it is shown
            let is_outrun = round_trip * fps as u32 > 1000;
            let least = if is_outrun { 70.0 } else { 100.0 };
            assert!(newest.whole_percent() >= least, "{:.2} %", newest.whole_percent());
        }
    }
}

#[test]
fn what_comes_again_is_counted_of_the_smallest_frames_too() {
    for fps in [1.0, 5.0, 30.0] {
        let camera = Camera { fps, mean: 1_000, spread: 0.2 };
        let path = Spec { loss: 0.1, ..Spec::clean(10 * MS) };
        let scene = Scene { camera, ..scene(SECOND.mul_f64(1000.0 / fps), vec![Viewer::every(&path)]) };
        let (report, _) = show(&scene, &format!("a kB at {fps} a second"));
        let account = &report.accounts[0];
        let repaired = account.ledger.counts().repaired;
        eprintln!("{repaired} repaired, of {} sent again", account.sent_again);
        assert_eq!(account.whole(), report.frames as usize);
        assert!((80..=120).contains(&repaired), "{repaired} of a thousand, a tenth of which was lost");
    }
}

#[test]
fn a_slow_stream_on_a_line_that_carries_it_is_not_sent_twice() {
    let cases =
        [(10.0, 250_000, 33), (5.0, 100_000, 10), (1.0, 150_000, 20), (0.1, 800_000, 10), (0.1, 100_000, 4)];
    for (fps, mean, mbits) in cases {
        for viewer in [Viewer::every(&bottleneck(mbits)), Viewer::newest(&bottleneck(mbits))] {
            let camera = Camera { fps, mean, spread: 0.2 };
            let viewer = Viewer { up: Spec::clean(20 * MS), ..viewer };
            let viewer_is_eager = viewer.policy == Policy::Newest;
            let scene = Scene { camera, ..scene(SECOND.mul_f64(100.0 / fps), vec![viewer]) };
            let (report, _) =
                show(&scene, &format!("{mean} bytes at {fps} a second, {mbits} Mbit/s, 64 KiB of queue"));
            let account = &report.accounts[0];
            assert!(account.whole_percent() >= 95.0, "{:.2} %", account.whole_percent());
            // some frames are needed to learn it, and a try to go faster is one now and then
            // a viewer is answered twice
            let most = if fps < 1.0 && viewer_is_eager {
                20.0
            } else if fps < 1.0 {
                15.0
            } else {
                7.0
            };
            assert!(account.again_percent() <= most, "{:.2} %", account.again_percent());
        }
    }
}

#[test]
fn a_camera_that_slows_down_in_the_dark_is_seen_all_the_while() {
    let night = Night { from: 20 * SECOND, until: 80 * SECOND, fps: 1.0 };
    for path in [Spec::clean(20 * MS), air(0.05)] {
        let viewers = vec![Viewer::every(&path), Viewer::newest(&path)];
        let scene = Scene { night: Some(night), ..scene(100 * SECOND, viewers) };
        let (report, _) = show(&scene, "30 a second, 1, and 30 again");
        let [every, newest] = &report.accounts[..] else { panic!("two") };
        assert_eq!(every.whole(), report.frames as usize);
        assert!(newest.whole_percent() >= 99.0, "{:.2} %", newest.whole_percent());
    }
}

#[test]
fn who_joins_a_slow_camera_begins_with_the_picture_that_stands() {
    for (fps, number) in [(0.1, 10), (0.5, 10), (2.0, 10), (1.0 / 60.0, 1), (1.0 / 60.0, 3)] {
        let camera = Camera { fps, mean: 30_000, spread: 0.0 };
        // just before the next frame
        let joins = SECOND.mul_f64((f64::from(number) + 0.9) / fps);
        let viewers = [Viewer::newest(&Spec::clean(5 * MS)), Viewer::every(&Spec::clean(5 * MS))];
        let viewers = viewers.map(|viewer| Viewer { joins, ..viewer }).to_vec();
        let (report, _) =
            show(&Scene { camera, ..scene(joins + SECOND.mul_f64(3.0 / fps), viewers) }, "joined late");
        let first = report.accounts.iter().map(|account| account.entries[0].number).collect::<Vec<_>>();
        // a recording begins with a frame whose time can be told, unless it is the only one
        let recorded = if number == 1 { 1 } else { number + 1 };
        assert_eq!(first, [number, recorded], "{fps} a second");
    }
}

/// What an interruption looks like must not make a path that loses by itself look narrow for long.
#[test]
fn interruptions_of_a_lossy_path_are_forgotten() {
    for (seed, delay, lasts) in [(1, 20, 150), (2, 20, 300), (3, 50, 300), (4, 20, 500), (5, 5, 250)] {
        let mut path = Spec { loss: 0.2, ..Spec::clean(delay * MS) };
        path.outages = (5..25).map(|at| (at * SECOND, at * SECOND + lasts * MS)).collect();
        let scene = Scene { seed, ..scene(60 * SECOND, vec![Viewer::newest(&path), Viewer::every(&path)]) };
        let report = scene.run();
        for account in &report.accounts {
            // it may take ten seconds
            let whole = account.whole_at().filter(|(number, _)| *number >= 35 * 30).count();
            let all = report.frames as usize - 35 * 30;
            eprintln!("{delay} ms, out for {lasts} ms twenty times: {whole} of {all} later");
            assert!(whole * 100 >= all * 97, "seed {seed}, {delay} ms, out for {lasts} ms");
        }
    }
}

#[test]
fn a_sender_that_pauses_is_no_path_that_loses() {
    for delay in [0, 1, 20, 100] {
        let path = Spec::clean(delay * MS);
        let viewers = vec![Viewer::every(&path), Viewer::newest(&path)];
        let camera = Camera { fps: 10.0, ..CAMERA };
        // most frames are held up once, for 20 ms on average
        let scene = Scene { camera, blocked: 0.2, blocked_for: 40 * MS, ..scene(60 * SECOND, viewers) };
        let (report, _) = show(&scene, &format!("{delay} ms one way, with pauses"));
        for account in &report.accounts {
            let repaired = account.ledger.counts().repaired;
            assert_eq!((account.missing(), account.open()), (0, 0));
            // what comes by itself as long after it was asked for as an answer takes looks like one
            assert!(repaired <= account.sent_first / 1_000, "{repaired} called repaired");
            // what is asked for in such a pause has mostly not been sent yet, and then it is not sent again
            assert!(account.again_percent() <= 2.5, "{:.2} %", account.again_percent());
        }
    }
}

/// Two paths, each with this loss and 50 ms one way.
fn both_bad(viewer: fn(&Spec) -> Viewer) -> Report {
    let path = Spec { loss: 0.2, ..Spec::clean(50 * MS) };
    show(&scene(60 * SECOND, vec![viewer(&path).also(&path)]), "two paths of 20 %, 50 ms").0
}

#[test]
fn two_bad_paths_are_a_good_one() {
    let report = both_bad(Viewer::every);
    assert_eq!(report.accounts[0].whole(), report.frames as usize);
    let account = &both_bad(Viewer::newest).accounts[0];
    assert!(account.is_complete() && account.whole_percent() >= 99.0, "{:.2} %", account.whole_percent());
    for share in account.shares {
        let lost = share.lost_percent().unwrap();
        assert!((19.0..21.0).contains(&lost), "{lost:.2} % lost on a path that loses 20 %");
    }
}

#[test]
fn a_path_that_is_pulled_costs_nothing_and_comes_back() {
    for viewer in [Viewer::every, Viewer::newest] {
        let mut pulled = Spec::clean(20 * MS);
        pulled.outages.push((5 * SECOND, 15 * SECOND));
        let scene = scene(25 * SECOND, vec![viewer(&pulled).also(&Spec::clean(20 * MS))]);
        let (report, clean) = show(&scene, "one of two pulled for 10 s");
        let account = &report.accounts[0];
        assert_eq!((account.whole(), account.missing()), (report.frames as usize, 0));
        let (p99, before) = (p99_age(&report, &scene, 0), p99_age(&clean, &scene, 0));
        assert!(p99 <= before + MS, "p99 went from {before:?} to {p99:?}");
        let overs: Vec<_> = account.overs.iter().map(|(_, over)| *over).collect();
        assert_eq!(overs, [Over::Silence, Over::Left, Over::Left]);
        // which of two that are as good brings a frame first is the order of their sessions
        let back = account.shares[0].sent as f64 / account.shares[1].sent as f64;
        assert!(back > 0.5, "it is sent {:.0} %", 100.0 * back);
    }
}

#[test]
fn both_paths_are_pulled_one_after_the_other() {
    let mut paths = [(); 2].map(|()| Spec::clean(20 * MS));
    paths[0].outages.push((5 * SECOND, 15 * SECOND));
    paths[1].outages.push((10 * SECOND, 20 * SECOND));
    let scene = scene(30 * SECOND, vec![Viewer::every(&paths[0]).also(&paths[1])]);
    let (report, _) = show(&scene, "both pulled, one after the other");
    let account = &report.accounts[0];
    assert_eq!(account.whole(), report.frames as usize, "{:?}", account.gaps());
    assert_eq!(account.repeats, 0);
}
