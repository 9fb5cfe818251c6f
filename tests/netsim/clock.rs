//! An hour of a camera whose clock is fast, gets warm and cold, and jumps once, on a path with jitter and queues, to a
//! workstation whose wall clock is set twice: where the frames end up on the wall clock, by what the files say.
//!
//! All that camrec does between the datagram and the file runs here: the receiver, what it knows of the camera's clock,
//! where files begin and what they say of their times. `SEED=17 cargo test --test netsim clock` runs one seed.

use crate::guest::CLOCK_AHEAD;
use crate::netem::{Rng, Spec};
use crate::scene::{Camera, CameraClock, START, Scene, Viewer};
use camcast::clock::anchor::Anchor;
use camcast::clock::timeline::{FileClock, Timeline};
use camcast::jpeg::Size;
use camcast::record::segment::{Cut, Cutter};
use camcast::time::Time;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const SIZE: Size = Size { width: 64, height: 48 };

/// Hours of a run, unless `SEEDS` says otherwise.
const COUNT: u64 = 4;

/// The path's least delay: by this all that is recorded is late, and nobody can know it.
const LEAST: Duration = Duration::from_millis(20);

/// When the workstation's wall clock is set, and by how many milliseconds.
const SET: [(Duration, i64); 2] =
    [(Duration::from_secs(1_003), 2_500), (Duration::from_secs(2_417), -40_000)];

/// The camera's clock jumps at this time.
const JUMP: Duration = Duration::from_secs(3_107);

/// A file as it was written: what it says of its times at its end, and its frames' numbers and times in it.
struct File {
    cut: Cut,
    named: Timestamp,
    says: FileClock,
    set: Option<SignedDuration>,
    frames: Vec<(u32, Duration)>,
}

fn seeds() -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    number("SEED").map_or_else(|| (1..=number("SEEDS").unwrap_or(COUNT)).collect(), |seed| vec![seed])
}

fn hour(seed: u64, jump: f64) -> Scene {
    let mut chance = Rng::new(seed);
    let queues = (0..60).map(|minute| {
        let from = SECOND.mul_f64(f64::from(minute) * 60.0 + chance.between(0.0, 40.0));
        (from, from + SECOND.mul_f64(chance.between(0.5, 15.0)), MS.mul_f64(chance.between(5.0, 80.0)))
    });
    let mut queues: Vec<_> = queues.collect();
    // somebody copies a disk, for minutes
    queues.push((1_500 * SECOND, 1_590 * SECOND, 60 * MS));
    queues.push((2_700 * SECOND, 2_790 * SECOND, 25 * MS));
    let path = Spec { delay: LEAST, jitter: 30 * MS, queues, loss: 0.005, ..Spec::default() };
    Scene {
        camera: Camera { fps: 30.0, mean: 1_400, spread: 0.0 },
        clock: CameraClock {
            fast_ppm: 80.0,
            swing_ppm: chance.between(-3.0, 3.0),
            swing: 1_200 * SECOND,
            jump: (jump != 0.0).then_some((JUMP, jump)),
        },
        ..Scene::new(seed, 3_600 * SECOND)
    }
    .with(Viewer::every(&path))
}

/// The wall's time at the zero of the workstation's monotonic clock, as the wall clock has it at that time.
fn zero(since: Duration) -> Timestamp {
    let set: i64 = SET.iter().filter(|(at, _)| since >= *at).map(|(_, by)| *by).sum();
    let first = Timestamp::from_second(1_790_000_000).unwrap();
    first.checked_add(SignedDuration::from_millis(set)).unwrap()
}

/// What camrec's writer does, without a disk.
fn record(times: &[(u32, Time, Time)]) -> Vec<File> {
    let (mut anchor, mut timeline) = (Anchor::default(), Timeline::default());
    let mut cutter = Cutter::new(Some(60 * SECOND));
    let mut files: Vec<File> = Vec::new();
    let mut first = Time::default();
    for &(number, captured, arrived) in times {
        let seen = anchor.observe(captured, arrived);
        if seen.jump.is_some() {
            cutter.new_clock();
        }
        if let Some(cut) = cutter.frame(captured, arrived, None, SIZE) {
            if let (Some(says), Some(file)) = (timeline.end(), files.last_mut()) {
                file.says = says;
            }
            first = captured;
            let set = timeline.begin(captured, &seen.line, zero(arrived.before(CLOCK_AHEAD).since(START)));
            let says = timeline.file_clock().unwrap();
            files.push(File { cut, named: says.started, says, set, frames: Vec::new() });
        } else {
            timeline.go_on(captured, &seen.line);
        }
        files.last_mut().unwrap().frames.push((number, captured.since(first)));
    }
    files.last_mut().unwrap().says = timeline.end().unwrap();
    files
}

/// When the file says that a frame was captured, by the formula in `FileClock`.
fn said(says: FileClock, time: Duration) -> i128 {
    let nanos = time.as_nanos() as i128;
    says.started.as_nanosecond() + nanos - nanos * i128::from(says.fast_ppb) / 1_000_000_000
}

/// When it was, on the wall clock as it stood when the file began.
fn truly(scene: &Scene, file: &File, number: u32) -> i128 {
    let begun = scene.captured(file.frames[0].0).since(START);
    // the frame that begins a file comes a moment after its capture: the clock may be set in between
    let late = if file.set.is_some() { SECOND } else { Duration::ZERO };
    let ours = scene.captured(number).after(CLOCK_AHEAD).after(LEAST);
    zero(begun + late).as_nanosecond() + i128::from(ours.as_nanos())
}

fn millis(nanos: i128) -> f64 {
    nanos as f64 / 1e6
}

/// How far what the files say is from the truth, in milliseconds, at the most.
#[derive(Debug, Default)]
struct Worst {
    /// The time of a frame of the first file, which began before anything was known.
    first: f64,
    /// Any other frame's.
    frame: f64,
    /// The time between a frame and the next, in a file or across two.
    interval: f64,
    /// The same without the skew that the files state: a reader who lays file after file.
    plain: f64,
    /// The time by which a file is named.
    named: f64,
}

fn check(seed: u64, jump: f64) {
    let scene = hour(seed, jump);
    let report = scene.run();
    let account = &report.accounts[0];
    assert_eq!(account.whole(), report.frames as usize, "seed {seed}: frames are missing");
    let files = record(&account.times);
    let mut worst = Worst::default();
    let mut steps = Vec::new();
    let mut before: Option<(i128, i128, i128)> = None;
    for (count, file) in files.iter().enumerate() {
        let named = millis(file.named.as_nanosecond() - truly(&scene, file, file.frames[0].0));
        worst.named = worst.named.max(named.abs());
        steps.extend(file.set.map(|by| by.as_millis()));
        for &(number, time) in &file.frames {
            let (truth, says) = (truly(&scene, file, number), said(file.says, time));
            let plain = file.says.started.as_nanosecond() + time.as_nanos() as i128;
            let frame = if count == 0 { &mut worst.first } else { &mut worst.frame };
            *frame = frame.max(millis(says - truth).abs());
            if let Some((truth_before, says_before, plain_before)) = before {
                let step = if time.is_zero() { file.set.map_or(0, |set| set.as_nanos()) } else { 0 };
                let interval = truth - truth_before - step;
                worst.interval = worst.interval.max(millis(says - says_before - step - interval).abs());
                worst.plain = worst.plain.max(millis(plain - plain_before - step - interval).abs());
                assert!(says - step > says_before, "seed {seed}: frame {number} is not after the one before");
            }
            before = Some((truth, says, plain));
        }
    }
    eprintln!(
        "seed {seed}: {} files, {} frames, set by {steps:?} ms, {worst:.3?}",
        files.len(),
        report.frames
    );
    assert_eq!(steps, SET.map(|(_, by)| i128::from(by)), "seed {seed}");
    let jumps = files.iter().filter(|file| file.cut == Cut::Clock).count();
    assert_eq!(jumps, usize::from(jump != 0.0), "seed {seed}: the camera's clock");
    assert!(worst.first < 2.0 && worst.frame < 1.0 && worst.interval < 1.0, "seed {seed}: {worst:?}");
}

#[test]
fn an_hour_is_recorded_within_a_millisecond() {
    for (seed, jump) in seeds().into_iter().zip([90.0, -90.0, 3_600.0, 0.0].into_iter().cycle()) {
        check(seed, jump);
    }
}

/// The delay that camrec shows is that above the least, and half a round trip. The least of it, minute by minute.
#[test]
fn the_delay_that_is_shown_does_not_drift() {
    for seed in seeds() {
        let scene = hour(seed, 0.0);
        let report = scene.run();
        let mut anchor = Anchor::default();
        let mut minutes = [(Duration::MAX, Duration::MAX); 60];
        for &(number, captured, arrived) in &report.accounts[0].times {
            let shown = anchor.observe(captured, arrived).above;
            let truth = arrived.before(CLOCK_AHEAD).since(scene.captured(number)) - LEAST;
            let minute = &mut minutes[(number as usize / 30 / 60).min(59)];
            *minute = (minute.0.min(shown), minute.1.min(truth));
        }
        let wrong = minutes.map(|(shown, truth)| shown.as_secs_f64() * 1e3 - truth.as_secs_f64() * 1e3);
        let worst = wrong.into_iter().map(f64::abs).fold(0.0, f64::max);
        eprintln!("seed {seed}: the least delay that is shown is wrong by {worst:.3} ms at the most");
        assert!(worst < 1.0, "seed {seed}: {wrong:.3?} ms");
    }
}
