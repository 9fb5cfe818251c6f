//! What sending costs, as a sum: so much a frame, a datagram, a wake-up and a viewer; and what follows from it for smaller boards.
//!
//! The parts are fitted to what was measured here. What they are on another processor is computed from how many instructions a
//! second this one does of our work, and how many that one does: the latter is assumed, not measured. Both are worth something
//! only if instructions were counted of the sources that are measured, for both kinds of processors.

use crate::counted::{Counted, sources};
use crate::gauge::Gauge;
use crate::sender::Row;
use crate::summary::median;
use crate::work;
use serde::Serialize;

/// Of what a frame's cost is made.
pub(crate) const PARTS: [&str; 4] = ["frame", "datagram", "wake-up", "viewer"];

/// Payload of a datagram.
const FRAGMENT: usize = 1416;

/// Work that is timed and counted, to know how fast a processor does ours, and how many instructions another kind takes for it.
const TIMED: [&str; 3] = ["hub-16", "reel-push", "receive"];

/// Microseconds that a kernel takes to cut one datagram from a train, where the network card does not. It is not measured where
/// this runs: by hand, on a veth with and without segmentation offload, on the machine of the report of 2026-11-27 (an Intel Xeon
/// with Linux 6.18). That did so many instructions of our work in a nanosecond, as they are counted on x86-64.
pub(crate) const CUT_US: f64 = 0.6;
pub(crate) const CUT_A_NS: f64 = 7.4;

/// A processor, with the instructions that it does in a cycle, at least and at most: assumed.
struct Board {
    name: &'static str,
    ghz: f64,
    a_cycle: [f64; 2],
}

const BOARDS: [Board; 3] = [
    Board { name: "Pi Zero 2 W (Cortex-A53, 1.0 GHz)", ghz: 1.0, a_cycle: [0.6, 0.9] },
    Board { name: "Pi 4 (Cortex-A72, 1.8 GHz)", ghz: 1.8, a_cycle: [1.0, 1.5] },
    Board { name: "Pi 5 (Cortex-A76, 2.4 GHz)", ghz: 2.4, a_cycle: [1.6, 2.4] },
];

/// What boards are asked for: a size, and viewers.
const ASKED: [(&str, usize); 4] = [("720p", 1), ("720p", 4), ("1080p", 1), ("1080p", 4)];

/// The fit, and what it says.
#[derive(Debug, Serialize)]
pub(crate) struct Model {
    /// Microseconds of each of [`PARTS`].
    pub(crate) parts_us: [f64; 4],
    /// How far it is off, in percent: in the middle, and at most.
    pub(crate) off_percent: [f64; 2],
    /// None if instructions have not been counted, of both processors, of the sources that this is built from.
    pub(crate) speed: Option<Speed>,
    /// None without the speed.
    pub(crate) boards: Vec<Prediction>,
}

/// How fast this processor does our work.
#[derive(Debug, Serialize)]
pub(crate) struct Speed {
    /// Instructions a nanosecond.
    pub(crate) a_ns: f64,
    /// Instructions on aarch64 for one on this processor.
    pub(crate) ratio: f64,
    /// The same for one on x86-64.
    pub(crate) x86_ratio: f64,
}

/// Percent of one of its cores, at least and at most.
#[derive(Debug, Serialize)]
pub(crate) struct Prediction {
    pub(crate) board: &'static str,
    pub(crate) a_cycle: [f64; 2],
    pub(crate) asked: Vec<(String, [f64; 2])>,
}

/// What is fitted: a row of the first table, in which all frames came.
pub(crate) struct Measured {
    pub(crate) picture: String,
    pub(crate) clients: usize,
    pub(crate) bytes: usize,
    pub(crate) wakes: f64,
    /// A frame and client, without the source; and the source's, a frame.
    pub(crate) us: f64,
    pub(crate) source_us: f64,
}

impl Measured {
    pub(crate) fn of(rows: &[Row]) -> Vec<Self> {
        let measured = |row: &Row| Measured {
            picture: row.picture.to_owned(),
            clients: row.clients,
            bytes: row.bytes,
            wakes: row.camcast_wakes,
            us: row.camcast_us.median,
            source_us: row.source_us,
        };
        rows.iter().filter(|row| row.rounds > 0).map(measured).collect()
    }
}

/// How often each of [`PARTS`] comes in a frame, and what it cost without its source, and with it.
struct Sample {
    times: [f64; 4],
    us: f64,
    /// What was measured, of which the source was taken off: what is left of it for one client may be less than its noise.
    whole_us: f64,
}

/// None if too little was measured.
pub(crate) fn fit(rows: &[Measured]) -> Option<Model> {
    let samples: Vec<Sample> = rows.iter().map(sample).collect();
    if samples.len() <= PARTS.len() {
        return None;
    }
    let parts_us = least_squares(&samples);
    let off: Vec<f64> = samples.iter().map(|it| 100.0 * it.off(&parts_us).abs()).collect();
    let off_percent = [median(off.iter().copied()), off.iter().copied().fold(0.0, f64::max)];
    let speed = Speed::measure();
    let boards = speed.iter().flat_map(|speed| BOARDS.iter().map(|it| predict(it, rows, &parts_us, speed)));
    let boards = boards.collect();
    Some(Model { parts_us, off_percent, speed, boards })
}

fn sample(row: &Measured) -> Sample {
    let clients = row.clients as f64;
    let datagrams = row.bytes.div_ceil(FRAGMENT) as f64 * clients;
    let us = row.us * clients;
    Sample { times: [1.0, datagrams, row.wakes, clients], us, whole_us: us + row.source_us }
}

impl Sample {
    /// How far these parts are off, by what was measured.
    fn off(&self, parts: &[f64; 4]) -> f64 {
        (self.cost(parts) - self.us) / self.whole_us
    }

    fn cost(&self, parts: &[f64; 4]) -> f64 {
        self.times.iter().zip(parts).map(|(times, part)| times * part).sum()
    }
}

/// The parts, none of them negative, that are least off in proportion: of all choices of parts that are not nothing, the best.
fn least_squares(samples: &[Sample]) -> [f64; 4] {
    let choices = (1_usize..1 << PARTS.len()).map(|choice| solve(samples, |part| choice >> part & 1 == 1));
    let good = choices.flatten().filter(|parts| parts.iter().all(|part| *part >= 0.0));
    let off = |parts: &[f64; 4]| samples.iter().map(|it| it.off(parts).powi(2)).sum::<f64>();
    good.min_by(|one, other| off(one).total_cmp(&off(other))).unwrap_or_default()
}

/// Solves the normal equations for the parts that may be something, by Gauss and Jordan. None if they have no one solution.
fn solve(samples: &[Sample], may_be: impl Fn(usize) -> bool) -> Option<[f64; 4]> {
    let parts: Vec<usize> = (0..PARTS.len()).filter(|part| may_be(*part)).collect();
    let size = parts.len();
    let mut matrix = vec![vec![0.0; size + 1]; size];
    for Sample { times, us, whole_us } in samples {
        for (row, part) in parts.iter().enumerate() {
            let weighted = times[*part] / whole_us / whole_us;
            parts
                .iter()
                .enumerate()
                .for_each(|(column, other)| matrix[row][column] += weighted * times[*other]);
            matrix[row][size] += weighted * us;
        }
    }
    for pivot in 0..size {
        let largest =
            (pivot..size).max_by(|a, b| matrix[*a][pivot].abs().total_cmp(&matrix[*b][pivot].abs()))?;
        matrix.swap(pivot, largest);
        let first = matrix[pivot].clone();
        if first[pivot].abs() < 1e-15 {
            return None;
        }
        for (row, values) in matrix.iter_mut().enumerate() {
            let factor = if row == pivot { 1.0 - 1.0 / first[pivot] } else { values[pivot] / first[pivot] };
            values.iter_mut().zip(&first).for_each(|(value, first)| *value -= factor * first);
        }
    }
    let mut all = [0.0; 4];
    parts.iter().zip(&matrix).for_each(|(part, row)| all[*part] = row[size]);
    Some(all)
}

fn predict(board: &Board, rows: &[Measured], parts: &[f64; 4], speed: &Speed) -> Prediction {
    let asked = ASKED.iter().filter_map(|(picture, clients)| {
        let row = rows.iter().find(|row| row.picture == *picture && row.clients == *clients)?;
        let sample = sample(row);
        // as instructions of such a board, in thousands: what was measured here, and what was on another machine, since the card of
        // none of these boards cuts UDP trains
        let sent = sample.cost(parts) * speed.a_ns * speed.ratio;
        let cut = CUT_US * sample.times[1] * CUT_A_NS * speed.x86_ratio;
        // percent of a second, thirty times a second
        let share = |a_cycle: f64| (sent + cut) * f64::from(crate::plan::FPS) / 1e4 / (board.ghz * a_cycle);
        let [slow, fast] = board.a_cycle;
        Some((format!("{picture}, {clients}"), [share(fast), share(slow)]))
    });
    Prediction { board: board.name, a_cycle: board.a_cycle, asked: asked.collect() }
}

/// Kinds of processors that instructions are counted for.
pub(crate) const X86: &str = "x86_64-avx2";
pub(crate) const ARM: &str = "aarch64";

/// That of this one, or what comes closest.
pub(crate) fn here() -> &'static str {
    if cfg!(target_arch = "aarch64") { ARM } else { X86 }
}

/// What was counted for that kind of processor, and whether it was of the sources that this is built from: otherwise it says
/// nothing about them.
pub(crate) fn counted(processor: &str) -> Option<(Counted, bool)> {
    let counted = Counted::read(processor)?;
    let is_of_these = counted.sources == sources();
    Some((counted, is_of_these))
}

/// Instructions of what is timed, of the sources that this is built from.
fn timed(processor: &str) -> Option<f64> {
    let (counted, _) = counted(processor).filter(|(_, is_of_these)| *is_of_these)?;
    let of =
        |name: &&str| counted.works.iter().find(|(known, _)| known == name).map(|(_, count)| *count as f64);
    TIMED.iter().map(of).sum()
}

impl Speed {
    /// The middle of a few tries.
    fn measure() -> Option<Self> {
        let [here, arm, x86] = [timed(here())?, timed(ARM)?, timed(X86)?];
        let gauge = Gauge::new(std::process::id() as i32);
        let took = |times: usize| {
            let before = gauge.read().cpu;
            TIMED.iter().for_each(|name| work::run(name, times));
            (gauge.read().cpu - before).as_nanos() as f64
        };
        let tries = (0..5).map(|_| here * 300.0 / (took(400) - took(100)));
        Some(Speed { a_ns: median(tries), ratio: arm / here, x86_ratio: arm / x86 })
    }
}
