//! What the repair has to show (issue 3).
use crate::netem::Spec;
use crate::pair::{Scene, Viewer, percentile};
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

#[test]
fn smoke() {
    for loss in [0.0, 0.01, 0.05, 0.1, 0.2] {
        let path = Spec { loss, ..Spec::clean(20 * MS) };
        for viewer in [Viewer::every(&path), Viewer::newest(&path)] {
            let scene = Scene::new(1, 10 * 1000 * MS).with(viewer);
            let clean = scene.without_faults().run();
            let report = scene.run();
            let a = &report.accounts[0];
            let d = a.delays(&clean.accounts[0]);
            eprintln!(
                "{loss} {} whole {:.2} missing {} skipped {} again {:.2} p50 {:?} p99 {:?} dup {} flight {} cont {} steps {}",
                scene.viewers[0].policy,
                a.whole_percent(),
                a.missing(),
                a.skipped(),
                a.again_percent(),
                percentile(&d, 0.5),
                percentile(&d, 0.99),
                a.duplicates,
                a.most_in_flight,
                a.continue_bytes,
                report.steps
            );
        }
    }
}
