//! What lost datagrams cost both ends: a recorder behind a path that loses them both ways (`tests/support/proxy.rs`).

use crate::attempt::Failures;
use crate::plan::{Plan, SMALLER};
use crate::roles::{Task, end, wait};
use crate::stage;
use crate::summary::{Delays, Spread, median};
use crate::support::netem::Spec;
use crate::support::proxy::Proxy;
use serde::Serialize;
use std::path::Path;
use std::time::Duration;

/// Percent of the datagrams, each by itself.
const LOSSES: [u32; 4] = [0, 1, 5, 20];

/// One way.
const DELAY: Duration = Duration::from_millis(10);

/// What a frame costs at that loss.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) percent: u32,
    /// Microseconds of CPU a frame, the source included.
    pub(crate) sender_us: Spread,
    pub(crate) receiver_us: Spread,
    /// By that of no loss, round by round.
    pub(crate) sender_ratio: Spread,
    pub(crate) receiver_ratio: Spread,
    /// Datagrams sent again, in percent.
    pub(crate) again_percent: f64,
    pub(crate) delay: Delays,
    /// Frames that did not come.
    pub(crate) missing: u64,
}

struct Measured {
    sender_us: f64,
    receiver_us: f64,
    again_percent: f64,
    delays_us: Vec<u32>,
    missing: u64,
}

/// Measures it all.
pub(crate) fn run(plan: &Plan, failures: &Failures) -> Vec<Row> {
    let folder = tempfile::tempdir().unwrap();
    let rounds: Vec<Vec<Option<Measured>>> = (0..plan.rounds)
        .map(|round| {
            let measure = |percent: &u32| {
                let what = format!("round {} of {}: {percent} % lost", round + 1, plan.rounds);
                eprintln!("{what}");
                failures.attempt(&what, || measure(*percent, plan, folder.path()))
            };
            LOSSES.iter().map(measure).collect()
        })
        .collect();
    let row = |(place, percent): (usize, &u32)| {
        let measured = || rounds.iter().filter_map(|round| round[place].as_ref());
        let each = |of: fn(&Measured) -> f64| measured().map(of).collect::<Vec<f64>>();
        let ratio = |of: fn(&Measured) -> f64| {
            let ratio =
                |round: &Vec<Option<Measured>>| Some(of(round[place].as_ref()?) / of(round[0].as_ref()?));
            Spread::of(&rounds.iter().filter_map(ratio).collect::<Vec<f64>>())
        };
        Row {
            percent: *percent,
            sender_us: Spread::of(&each(|it| it.sender_us)),
            receiver_us: Spread::of(&each(|it| it.receiver_us)),
            sender_ratio: ratio(|it| it.sender_us),
            receiver_ratio: ratio(|it| it.receiver_us),
            again_percent: median(each(|it| it.again_percent)),
            delay: Delays::of(measured().map(|it| &it.delays_us[..])),
            missing: measured().map(|it| it.missing).sum(),
        }
    };
    LOSSES.iter().enumerate().map(row).collect()
}

fn measure(percent: u32, plan: &Plan, folder: &Path) -> Measured {
    let camcast = stage::camcast(&SMALLER, folder);
    let path = Spec { loss: f64::from(percent) / 100.0, ..Spec::clean(DELAY) };
    let proxy = Proxy::start(camcast.address, &path, &path, 7);
    // how fast it may send is found out by losing some
    let (warm, frames) = (plan.warm * 2, plan.frames * 2);
    let task = Task { clients: 1, sender: camcast.pid().as_raw(), warm, frames };
    let heard = wait(stage::crowd(proxy.address, task));
    let again_percent = proxy.end().again_percent();
    end(camcast.program);
    assert!(heard.frames > 0, "the receiver's session has lasted until all was measured");
    Measured {
        sender_us: heard.us_a_frame(),
        receiver_us: heard.receiver_ns as f64 / 1000.0 / f64::from(heard.frames),
        again_percent,
        delays_us: heard.delays_us,
        missing: heard.lost,
    }
}
