//! What parity rows have to show: viewers with camrec's 120 ms, beside the same viewers of an earlier version, which get copies.
//! 30 frames a second of 100 kB, unless said otherwise.

use crate::account::{Account, percentile};
use crate::netem::{GilbertElliott, Spec};
use crate::scene::{Camera, Scene, Viewer};
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const CAMERA: Camera = Camera { fps: 30.0, mean: 100_000, spread: 0.2 };

fn path(delay: u32, loss: f64) -> Spec {
    Spec { loss, ..Spec::clean(delay * MS) }
}

/// A viewer with this path, and one that knows of no rows, nor would be sent any: what happens where either end is of an
/// earlier version.
fn watch(scene: &Scene, path: &Spec, what: &str) -> [Account; 2] {
    [true, false].map(|parity| {
        let viewer = Viewer { parity, ..Viewer::newest(path) };
        let scene = scene.clone().with(viewer);
        let account = scene.run().accounts.remove(0);
        eprintln!(
            "{what}, {}: {:.2} % of {} whole, {} missing, {} skipped; sent again {:.1} %, age p99 {:.0?}",
            if parity { "rows" } else { "copies" },
            account.whole_percent(),
            account.awaited,
            account.missing(),
            account.skipped(),
            account.again_percent(),
            percentile(&account.ages(&scene), 0.99),
        );
        assert!(account.is_complete());
        account
    })
}

fn scene(camera: Camera, length: Duration) -> Scene {
    Scene { camera, ..Scene::new(5, length) }
}

/// At least so much whole, and no more sent again than copies take.
fn far_away(delay: u32, loss: u32, whole: f64) {
    let path = path(delay, f64::from(loss) / 100.0);
    let [rows, copies] = watch(&scene(CAMERA, 40 * SECOND), &path, &format!("{delay} ms, {loss} %"));
    assert!(rows.whole_percent() >= whole, "{:.2} %", rows.whole_percent());
    assert!(rows.again_percent() <= copies.again_percent(), "{:.1} %", rows.again_percent());
}

#[test]
fn far_away_at_5_percent() {
    far_away(50, 5, 99.9);
}

#[test]
fn far_away_at_10_percent() {
    far_away(50, 10, 99.7);
}

#[test]
fn far_away_at_20_percent() {
    far_away(50, 20, 98.5);
}

#[test]
fn not_so_far_at_20_percent() {
    far_away(20, 20, 99.9);
}

/// What is not lost by chance hits rows as it hits copies.
#[test]
fn bursts_are_no_worse_than_with_copies() {
    for (loss, length) in [(0.02, 10.0), (0.05, 50.0), (0.05, 150.0)] {
        let bursts = Some(GilbertElliott::bursts(loss, length));
        let down = Spec { gilbert_elliott: bursts, ..path(20, 0.0) };
        let watched = |parity| {
            // the model counts datagrams: on the way up, where few go, it would be an outage
            let viewer = Viewer { parity, up: path(20, loss), ..Viewer::newest(&down) };
            // a seed whose first burst is not at the join, where only a BEAT goes now and then: it would be an outage too
            let scene = Scene { seed: 8, ..scene(CAMERA, 40 * SECOND) };
            scene.with(viewer).run().accounts.remove(0)
        };
        let (rows, copies) = (watched(true), watched(false));
        let figures = |account: &Account| (account.whole(), account.again_percent());
        eprintln!("{loss} in bursts of {length}: rows {:?}, copies {:?}", figures(&rows), figures(&copies));
        // a few frames in 1200 are chance: what is sent differs, and so does what the bursts hit
        assert!(rows.whole() + 6 >= copies.whole());
        assert!(rows.again_percent() <= copies.again_percent() * 1.1, "{:.1} %", rows.again_percent());
    }
}

/// Frames of few datagrams and of many, and rates at which several are under repair at once. What a frame of 15 datagrams lacks is
/// at times more than two for one can make good.
#[test]
fn small_and_large_frames_slow_and_fast() {
    for (kb, fps, loss, whole) in [
        (22, 30.0, 0.2, 96.0),
        (200, 30.0, 0.2, 99.0),
        (900, 30.0, 0.2, 98.0),
        (22, 5.0, 0.1, 98.0),
        (100, 5.0, 0.1, 99.0),
        // its first seconds, while the path is learned, are a good part of the minute
        (900, 5.0, 0.1, 87.5),
        (22, 120.0, 0.2, 96.0),
        (100, 120.0, 0.2, 98.0),
    ] {
        let camera = Camera { fps, mean: kb * 1000, spread: 0.1 };
        let scene = scene(camera, SECOND.mul_f64((600.0 / fps).clamp(4.0, 60.0)));
        let what = format!("{kb} kB at {fps} a second, {loss}");
        let [rows, copies] = watch(&scene, &path(50, loss), &what);
        assert!(rows.whole_percent() >= whole, "{what}: {:.2} %", rows.whole_percent());
        assert!(
            rows.again_percent() <= copies.again_percent() + 1.0,
            "{what}: {:.1} %",
            rows.again_percent()
        );
    }
}

/// A frame of one datagram has no rows, nor has one of more than 1024.
#[test]
fn frames_without_rows_are_repaired_by_copies() {
    for (mean, datagram) in [(900, 1452), (600_000, 548)] {
        let camera = Camera { fps: 5.0, mean, spread: 0.0 };
        let scene = Scene { datagram, ..scene(camera, 20 * SECOND) };
        let [rows, copies] = watch(&scene, &path(20, 0.05), &format!("{mean} bytes"));
        assert_eq!((rows.whole(), rows.sent_again), (copies.whole(), copies.sent_again));
        assert!(rows.whole_percent() > 99.0, "{:.2} %", rows.whole_percent());
    }
}
