//! camcast beside the bare loop, with the same frames and as many clients.
//!
//! What the source costs, a file that is read, split into frames, checked and copied into the reel, is measured with nobody
//! watching, and taken off: the bare loop has no source.

use crate::attempt::Failures;
use crate::calls::{self, Calls};
use crate::plan::{FPS, Picture, Plan};
use crate::roles::{Heard, Task, end};
use crate::stage::{self, wait_for};
use crate::summary::{Delays, Spread, median};
use camcast::app::quantity::counted;
use camcast::sys::udp::MAX_SEND;
use serde::Serialize;
use std::path::Path;
use std::time::Duration;

/// What the sending of one size to so many clients costs. Times are microseconds of CPU a frame and client.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) picture: &'static str,
    pub(crate) bytes: usize,
    pub(crate) clients: usize,
    pub(crate) bare_us: Spread,
    /// Without the source.
    pub(crate) camcast_us: Spread,
    /// A frame, whatever the clients.
    pub(crate) source_us: f64,
    /// camcast's by the bare loop's, round by round.
    pub(crate) ratio: Spread,
    /// A frame: how often each went to sleep.
    pub(crate) bare_wakes: f64,
    pub(crate) camcast_wakes: f64,
    /// A frame, counted by strace where that was possible.
    pub(crate) bare_calls: Option<Calls>,
    pub(crate) camcast_calls: Option<Calls>,
    pub(crate) bare_delay: Delays,
    pub(crate) camcast_delay: Delays,
    /// Frames that did not come, and datagrams that camcast had to send again, in all rounds.
    pub(crate) bare_lost: u64,
    pub(crate) camcast_lost: u64,
    pub(crate) repaired: u64,
    /// How much of a processor camcast and its receivers have used or waited for, at most.
    pub(crate) busy: [f64; 2],
    /// Rounds that count: those in which all frames came.
    pub(crate) rounds: usize,
    /// Frames were lost, and the machine was not too small for them.
    pub(crate) is_wrong: bool,
}

/// One size, so many clients; a value for each round.
struct Cell {
    picture: Picture,
    clients: usize,
    rounds: Vec<Round>,
    calls: [Option<Calls>; 2],
}

struct Round {
    source_us: f64,
    bare: Heard,
    camcast: Heard,
}

/// Measures it all.
pub(crate) fn run(plan: &Plan, failures: &Failures) -> Vec<Row> {
    let folder = tempfile::tempdir().unwrap();
    let each =
        plan.pictures.iter().flat_map(|picture| plan.clients.iter().map(move |clients| (*picture, *clients)));
    let mut cells: Vec<Cell> = each
        .map(|(picture, clients)| Cell { picture, clients, rounds: Vec::new(), calls: [None; 2] })
        .collect();
    for round in 0..plan.rounds {
        let mut source_us = None;
        for cell in &mut cells {
            let what = format!("round {} of {}: {}", round + 1, plan.rounds, cell.name());
            eprintln!("{what}");
            // the first of its size
            if cell.clients == plan.clients[0] {
                let measure = || stage::source(&cell.picture, plan, folder.path());
                source_us = failures.attempt(&format!("{what}: the source"), measure);
            }
            let Some(source_us) = source_us else { continue };
            let measured = failures.attempt(&what, || cell.measure(round, source_us, plan, folder.path()));
            cell.rounds.extend(measured);
        }
    }
    if calls::can_count() {
        // with many more clients it would be strace that is measured
        for cell in cells.iter_mut().filter(|cell| [1, 16].contains(&cell.clients)) {
            let what = format!("system calls: {}", cell.name());
            eprintln!("{what}");
            failures.attempt(&what, || cell.count_calls(folder.path()));
        }
    } else {
        eprintln!("no strace that may look at others: system calls are not counted");
    }
    cells.iter().map(Cell::row).collect()
}

impl Cell {
    fn name(&self) -> String {
        format!("{}, {}", self.picture.name, counted(self.clients as u64, "client"))
    }

    fn measure(&self, round: usize, source_us: f64, plan: &Plan, folder: &Path) -> Round {
        let camcast = || stage::heard_of_camcast(&self.picture, self.clients, plan, folder);
        let bare = || stage::heard_of_bare(&self.picture, self.clients, plan);
        // what is there first is not always the same one
        if round % 2 == 0 {
            let camcast = camcast();
            Round { source_us, bare: bare(), camcast }
        } else {
            Round { source_us, bare: bare(), camcast: camcast() }
        }
    }

    fn count_calls(&mut self, folder: &Path) {
        let camcast = stage::camcast(&self.picture, folder);
        // longer than it is looked at
        let (warm, frames) = (1, 30 * FPS);
        let task = Task { clients: self.clients, sender: camcast.pid().as_raw(), warm, frames };
        let clients = stage::crowd(camcast.address, task);
        wait_for(Duration::from_secs(2));
        // where strace slows it down so that it falls behind, fewer sends were seen than a frame takes
        let least = (self.clients * self.picture.bytes.div_ceil(MAX_SEND)) as f64;
        self.calls[1] = calls::count(camcast.pid(), folder).filter(|calls| calls.sends > 0.95 * least);
        end(clients);
        end(camcast.program);
        let (sender, receiver) = stage::bare(&self.picture, self.clients, warm, frames);
        wait_for(Duration::from_millis(500));
        self.calls[0] = calls::count(sender.pid(), folder);
        end(receiver);
        end(sender);
    }

    fn row(&self) -> Row {
        let whole = |round: &&Round| round.bare.is_whole() && round.camcast.is_whole();
        let rounds: Vec<&Round> = self.rounds.iter().filter(whole).collect();
        let clients = self.clients as f64;
        let each = |of: &dyn Fn(&Round) -> f64| rounds.iter().map(|round| of(round)).collect::<Vec<f64>>();
        let bare_us = each(&|round| round.bare.us_a_frame() / clients);
        let camcast_us = each(&|round| (round.camcast.us_a_frame() - round.source_us) / clients);
        let ratio: Vec<f64> = camcast_us.iter().zip(&bare_us).map(|(ours, bare)| ours / bare).collect();
        let wakes = |heard: &Heard| heard.sleeps as f64 / f64::from(heard.frames);
        let [bare_calls, camcast_calls] = self.calls;
        let camcast = || self.rounds.iter().map(|round| &round.camcast);
        Row {
            picture: self.picture.name,
            bytes: self.picture.bytes,
            clients: self.clients,
            bare_us: Spread::of(&bare_us),
            camcast_us: Spread::of(&camcast_us),
            source_us: median(each(&|round| round.source_us)),
            ratio: Spread::of(&ratio),
            bare_wakes: median(each(&|round| wakes(&round.bare))),
            camcast_wakes: median(each(&|round| wakes(&round.camcast))),
            bare_calls,
            camcast_calls,
            bare_delay: Delays::of(rounds.iter().map(|round| &round.bare.delays_us[..])),
            camcast_delay: Delays::of(rounds.iter().map(|round| &round.camcast.delays_us[..])),
            bare_lost: self.rounds.iter().map(|round| round.bare.lost).sum(),
            camcast_lost: camcast().map(|heard| heard.lost).sum(),
            repaired: camcast().map(|heard| heard.repaired).sum(),
            busy: [0, 1].map(|whose| camcast().map(|heard| heard.busy[whose]).fold(0.0, f64::max)),
            rounds: rounds.len(),
            is_wrong: camcast().any(|heard| !heard.is_whole() && !heard.is_overrun()),
        }
    }
}
