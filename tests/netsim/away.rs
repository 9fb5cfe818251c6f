//! A camera that is unplugged for five seconds: nobody is lost, nothing is missing, and the absence is named, though the
//! frame that says so may never come. The path: 20 ms each way, 4 ms jitter.

use crate::account::{Account, Report};
use crate::netem::Spec;
use crate::scene::{Absence, Camera, Scene, Viewer};
use camcast::receiver::Over;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// Ten seconds before it, and ten after.
const ABSENCE: Absence = Absence { after: 300, lasts: Duration::from_secs(5) };
const LENGTH: Duration = Duration::from_secs(25);

/// From the frame before to the frame after, at 30 frames a second.
const LASTED: Duration = Duration::from_micros(5_033_333);

fn air(loss: f64) -> Spec {
    Spec { loss, delay: 20 * MS, jitter: 4 * MS, ..Spec::default() }
}

fn scene(viewer: Viewer) -> Scene {
    let camera = Camera { fps: 30.0, mean: 100_000, spread: 0.2 };
    Scene { camera, absence: Some(ABSENCE), ..Scene::new(5, LENGTH) }.with(viewer)
}

/// The one absence between these frames, and no drop of the camera's.
#[track_caller]
fn assert_named(account: &Account, after: u32, before: u32) {
    let [absence] = account.ledger.absences() else { panic!("{:?}", account.ledger.absences()) };
    assert_eq!((absence.after.0, absence.before.0), (after, before));
    assert_eq!(account.ledger.counts().camera_drops, 0);
}

/// It is told within `late` of its being known, and its end within `late` of the next frame; nobody is lost meanwhile.
#[track_caller]
fn assert_told(scene: &Scene, account: &Account, late: Duration) {
    let [(from, Some(until))] = account.silences[..] else { panic!("{:?}", account.silences) };
    let known = scene.captured(ABSENCE.after).after(Absence::NOTICED);
    let back = scene.captured(ABSENCE.after + 1);
    assert!(from > known && from.since(known) < late, "told {:?} after", from.since(known));
    assert!(until > back && until.since(back) < late, "taken back {:?} after", until.since(back));
    let overs: Vec<Over> = account.overs.iter().map(|(_, over)| *over).collect();
    assert_eq!(overs, [Over::Left]);
}

fn recorded(loss: f64, late: Duration) {
    let scene = scene(Viewer::every(&air(loss)));
    let Report { frames, accounts } = scene.run();
    let account = &accounts[0];
    assert_eq!((frames, account.whole()), (600, 600));
    assert_named(account, 300, 301);
    let lasted = account.ledger.counts().away;
    assert!(lasted.abs_diff(LASTED) < MS, "{lasted:?}");
    assert_told(&scene, account, late);
}

#[test]
fn every_frame_is_recorded_and_the_absence_named_without_loss() {
    recorded(0.0, 50 * MS);
}

#[test]
fn every_frame_is_recorded_and_the_absence_named_at_5_percent() {
    // a BEAT that is lost is followed by another within a second
    recorded(0.05, 1_500 * MS);
}

#[test]
fn a_viewer_knows_of_the_absence_too() {
    let scene = scene(Viewer::newest(&air(0.05)));
    let account = &scene.run().accounts[0];
    let [absence] = account.ledger.absences() else { panic!("{:?}", account.ledger.absences()) };
    assert!(absence.after.0 <= 300 && absence.before.0 > 300, "{absence:?}");
    assert_told(&scene, account, 1_500 * MS);
}

/// The network goes away while the camera is away, and is back when the reel has the first frames after it no longer.
#[test]
fn who_missed_the_return_knows_it_by_the_drivers_counter() {
    let outages = vec![(12 * SECOND, 21 * SECOND)];
    let viewer = Viewer::every(&Spec { outages, ..air(0.0) });
    let scene = Scene { reel: 8 << 20, ..scene(viewer) };
    let account = &scene.run().accounts[0];
    let gaps = account.gaps();
    let [(301, last)] = gaps[..] else { panic!("{gaps:?}") };
    assert!(last > 350, "the frame that said so is long gone: {last}");
    assert_named(account, 300, last + 1);
    assert!(account.is_complete());
}
