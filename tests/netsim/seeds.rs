//! Thousands of short scenes, made up by chance. The bench checks each as it goes: delivered frames are right to the
//! byte, in order, none twice; every number comes out once; no loop is endless. Here it is checked that all of them
//! came out in the end, and that a recorder on a path that works at all misses nothing.
//!
//! A failing seed is named: `SEED=17 cargo test --test netsim seeds` runs it alone and tells all that happens.
//! `SEEDS=100000` runs more of them; `FAILURES=100` goes on after the third failure.

use crate::account::{Account, Fate};
use crate::netem::{Bottleneck, GilbertElliott, Reorder, Rng, Spec};
use crate::scene::{Camera, Scene, Viewer};
use camcast::receiver::{Over, Patience};
use camcast::wire::join::Policy;
use camcast::wire::server::EndReason;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Scenes of a run, unless `SEEDS` says otherwise.
const COUNT: u64 = 2000;

const MS: Duration = Duration::from_millis(1);

fn path(chance: &mut Rng, length: Duration) -> Spec {
    let sometimes = |chance: &mut Rng, share: f64| chance.chance(share);
    let reorder = Reorder {
        probability: chance.pick(&[0.001, 0.005, 0.05, 0.3]),
        extra: chance.below(chance.clone().pick(&[MS, 5 * MS, 30 * MS])),
    };
    let bursts = GilbertElliott::bursts(chance.between(0.001, 0.1), chance.pick(&[2.0, 10.0, 50.0, 200.0]));
    let queue_bytes = chance.pick(&[8_000, 64_000, 500_000]);
    let bottleneck = Bottleneck { rate_bps: chance.pick(&[2_000_000, 8_000_000, 100_000_000]), queue_bytes };
    let from = length.mul_f64(chance.unit());
    let outage = (from, from + chance.below(chance.clone().pick(&[100 * MS, 800 * MS])));
    Spec {
        loss: chance.pick(&[0.0, 0.0, 0.01, 0.05, 0.2, 0.4]),
        gilbert_elliott: sometimes(chance, 0.2).then_some(bursts),
        delay: chance.below(chance.clone().pick(&[MS, 20 * MS, 150 * MS])),
        jitter: chance.pick(&[Duration::ZERO, MS, 4 * MS, 40 * MS]),
        reorder: sometimes(chance, 0.4).then_some(reorder),
        duplicate: chance.pick(&[0.0, 0.0, 0.01, 0.3]),
        service: chance.pick(&[Duration::ZERO, Duration::from_millis(8)]),
        bottleneck: sometimes(chance, 0.15).then_some(bottleneck),
        outages: if sometimes(chance, 0.2) { vec![outage] } else { Vec::new() },
        queues: Vec::new(),
    }
}

fn viewer(chance: &mut Rng, length: Duration) -> Viewer {
    let (down, up) = (path(chance, length), path(chance, length));
    let (policy, patience) = match chance.pick(&[0, 1, 2, 3]) {
        0 => (Policy::Newest, Patience::Latency(chance.pick(&[30 * MS, 120 * MS, 400 * MS]))),
        1 => (Policy::Newest, Patience::Latency(200 * MS)),
        _ => (Policy::Every, Patience::Reel),
    };
    // two paths, now and then; drawn from another chance, so that the scenes without are what they were
    let mut fork = Rng::new(chance.clone().next_u64());
    let also = fork.chance(0.3).then(|| (path(&mut fork, length), path(&mut fork, length)));
    let deaf = length.mul_f64(chance.unit());
    let nap = (deaf, deaf + chance.below(500 * MS));
    Viewer {
        policy,
        patience,
        joins: if chance.chance(0.3) { length.mul_f64(chance.unit() * 0.7) } else { Duration::ZERO },
        deaf: if chance.chance(0.1) { vec![nap] } else { Vec::new() },
        receive_buffer: chance.pick(&[100_000, 4 << 20]),
        parity: chance.chance(0.7),
        ..Viewer { down, up, also, ..Viewer::every(&Spec::default()) }
    }
}

fn scene(seed: u64) -> Scene {
    let mut chance = Rng::new(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
    let length = 1000 * MS + chance.below(2000 * MS);
    let camera = Camera {
        fps: chance.pick(&[1.5, 10.0, 30.0, 90.0]),
        mean: chance.pick(&[300, 3_000, 12_000]),
        spread: chance.pick(&[0.0, 0.3, 0.95]),
    };
    let viewers = (0..chance.pick(&[1, 1, 1, 2, 3])).map(|_| viewer(&mut chance, length)).collect();
    Scene {
        camera,
        reel: chance.pick(&[64 << 10, 512 << 10, 4 << 20]),
        datagram: chance.pick(&[300, 700, 1452]),
        viewers,
        settle: 8000 * MS, // repeats are a second apart in the end
        blocked: chance.pick(&[0.0, 0.0, 0.01, 0.2]),
        ..Scene::new(seed, length)
    }
}

/// Datagrams get through, and are read.
fn has_a_path(viewer: &Viewer) -> bool {
    let works = |path: &Spec| {
        path.loss <= 0.2
            && path.gilbert_elliott.is_none()
            && path.bottleneck.is_none()
            && path.outages.is_empty()
    };
    let is_one = works(&viewer.down) && works(&viewer.up);
    let is_other = viewer.also.as_ref().is_some_and(|(down, up)| works(down) && works(up));
    (is_one || is_other) && viewer.deaf.is_empty()
}

/// The reel forgets nothing: a recorder has every right to each frame.
fn is_owed_everything(scene: &Scene, viewer: &Viewer) -> bool {
    let frames = scene.camera.fps * scene.length.as_secs_f64();
    // its index holds a frame for 4 KiB
    let reel_holds_all = frames * (scene.camera.mean as f64 * 2.5).max(4096.0) < scene.reel as f64;
    viewer.patience == Patience::Reel && reel_holds_all
}

fn check(scene: &Scene, viewer: &Viewer, account: &Account) {
    assert_eq!(account.repeats, 0, "frames came out twice");
    // a path may be too bad for a session; but nobody says END for another reason
    let is_fair =
        |over| matches!(over, Over::Left | Over::Silence | Over::NoAnswer | Over::Ended(EndReason::Silence));
    let odd = account.overs.iter().find(|(_, over)| !is_fair(*over));
    assert!(odd.is_none() || !viewer.deaf.is_empty(), "a session ended without a reason: {odd:?}");
    if viewer.policy == Policy::Every {
        let skipped = account.entries.iter().find(|entry| entry.fate == Fate::Skipped);
        let reel_is_large = scene.reel > 600 << 10;
        assert!(skipped.is_none() || !reel_is_large, "a recorder was denied frame {skipped:?}");
    }
    if has_a_path(viewer) {
        assert!(account.is_complete(), "{} frames of {} came out", account.entries.len(), account.awaited);
        assert!(!account.entries.is_empty() || viewer.joins > Duration::ZERO, "nothing came out at all");
        if is_owed_everything(scene, viewer) {
            assert_eq!(account.missing(), 0, "given up: {:?}", account.gaps());
        }
    }
}

fn try_seed(seed: u64, trace: bool) {
    let scene = Scene { trace, ..scene(seed) };
    if trace {
        eprintln!("{scene:#?}");
    }
    let report = scene.run();
    for (viewer, account) in scene.viewers.iter().zip(&report.accounts) {
        check(&scene, viewer, account);
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..20 {
        // the sender's socket is blocked in some of them
        let run = || catch_unwind(|| format!("{:?}", scene(seed).run().accounts)).ok();
        assert_eq!(run(), run(), "{seed}");
    }
}

#[test]
fn seeds() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    if let Some(seed) = number("SEED") {
        return try_seed(seed, true);
    }
    let (next, count) = (AtomicU64::new(0), number("SEEDS").unwrap_or(COUNT));
    let enough = number("FAILURES").unwrap_or(3) as usize;
    let failed = std::sync::Mutex::new(Vec::new());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= count || failed.lock().unwrap().len() >= enough {
                return;
            }
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| try_seed(seed, false))) {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                failed.lock().unwrap().push((seed, text.unwrap_or_default()));
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let failed = failed.into_inner().unwrap();
    let lines = failed.iter().map(|(seed, text)| format!("\n  SEED={seed}: {text}"));
    assert!(failed.is_empty(), "of {count} seeds fail, at the least:{}", lines.collect::<String>());
}
