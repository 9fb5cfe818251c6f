//! camrec at 1080p, beside the least that recording can cost, and beside ffmpeg where that is installed.

use crate::attempt::Failures;
use crate::gauge::peak_mib;
use crate::plan::{FPS, Plan, USUAL};
use crate::roles::{end, start};
use crate::stage::{begin_bare, camcast_with, used_by, wait_for};
use crate::summary::{Spread, median};
use crate::support::procs::{Camcast, Program, camrec_into};
use nix::sys::signal::Signal;
use serde::Serialize;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// What passes before it is measured: ffmpeg takes a while to know what it gets.
const WARM: Duration = Duration::from_secs(5);

/// What it costs one recorder to record.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// CPU seconds a minute.
    pub(crate) cpu: Spread,
    /// By the bare loop's, round by round.
    pub(crate) ratio: Spread,
    pub(crate) peak_mib: f64,
    /// How often its threads go to sleep, a frame.
    pub(crate) wakes: f64,
    /// Frames in its file by those that were sent meanwhile, of the worst round; its length tells.
    pub(crate) share: f64,
}

/// Who records, in turn.
const WHO: [&str; 4] = ["bare loop", "camrec", "ffmpeg, HTTP", "ffmpeg, RTSP by UDP"];

struct Measured {
    cpu: f64,
    peak_mib: f64,
    wakes: f64,
    share: f64,
}

/// Measures it all. ffmpeg's rows are missing where there is none.
pub(crate) fn run(plan: &Plan, failures: &Failures) -> Vec<Row> {
    let has_ffmpeg = Command::new("ffmpeg").arg("-version").stdout(Stdio::null()).status().is_ok();
    let who = &WHO[..if has_ffmpeg { WHO.len() } else { 2 }];
    let rounds: Vec<Vec<Option<Measured>>> = (0..plan.rounds)
        .map(|round| {
            let measure = |name: &&str| {
                let what = format!("round {} of {}: recorded by {name}", round + 1, plan.rounds);
                eprintln!("{what}");
                failures.attempt(&what, || measure(name, plan))
            };
            who.iter().map(measure).collect()
        })
        .collect();
    let row = |(place, name): (usize, &&'static str)| {
        let each =
            |of: fn(&Measured) -> f64| rounds.iter().filter_map(move |round| round[place].as_ref().map(of));
        let ratio = |round: &Vec<Option<Measured>>| Some(round[place].as_ref()?.cpu / round[0].as_ref()?.cpu);
        let ratio = rounds.iter().filter_map(ratio);
        Row {
            name,
            cpu: Spread::of(&each(|it| it.cpu).collect::<Vec<f64>>()),
            ratio: Spread::of(&ratio.collect::<Vec<f64>>()),
            peak_mib: median(each(|it| it.peak_mib)),
            wakes: median(each(|it| it.wakes)),
            share: each(|it| it.share).fold(f64::NAN, f64::min),
        }
    };
    who.iter().enumerate().map(row).collect()
}

fn measure(name: &str, plan: &Plan) -> Measured {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recording");
    if name == WHO[0] {
        let bytes = USUAL.bytes.to_string();
        let sender = start("bare-sender", std::slice::from_ref(&bytes));
        let args = [bytes, path.to_str().unwrap().to_owned()];
        let (sender, recorder) = begin_bare(sender, start("bare-recorder", &args));
        let measured = watch(&recorder, &path, plan);
        end(recorder);
        end(sender);
        return measured;
    }
    let camcast = camcast_with(&USUAL, folder.path(), &["--http", "127.0.0.1:0", "--rtsp", "127.0.0.1:0"]);
    let recorder = recorder(name, &camcast, &path);
    let measured = watch(&recorder, &path, plan);
    if name == WHO[1] {
        assert_eq!(recorder.stop(Signal::SIGINT).account("missing"), 0, "camrec has it all");
    } else {
        end(recorder);
    }
    end(camcast.program);
    measured
}

fn recorder(name: &str, camcast: &Camcast, path: &Path) -> Program {
    if name == WHO[1] {
        return camrec_into(path, camcast.address, &[]);
    }
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin"]).stdin(Stdio::null());
    if name == WHO[2] {
        let url = format!("http://{}/stream", camcast.listening("HTTP"));
        command.args(["-use_wallclock_as_timestamps", "1", "-f", "mpjpeg", "-i", &url]);
    } else {
        let url = format!("rtsp://{}/stream", camcast.listening("RTSP"));
        command.args(["-rtsp_transport", "udp", "-buffer_size", "4194304", "-i", &url]);
    }
    command.args(["-c", "copy", "-f", "matroska"]).arg(path);
    Program::start("ffmpeg", &mut command)
}

fn watch(recorder: &Program, path: &Path, plan: &Plan) -> Measured {
    wait_for(WARM);
    let before = bytes_in(path);
    let (used, frames) = used_by(recorder.pid(), plan.frames.max(FPS) * 2);
    let share = (bytes_in(path) - before) as f64 / USUAL.bytes as f64 / frames;
    assert!(share > 0.0, "nothing has come into its file; it says: {}", recorder.log());
    Measured {
        cpu: used.cpu.as_secs_f64() * 60.0 * f64::from(FPS) / frames,
        peak_mib: peak_mib(recorder.pid()),
        wakes: used.sleeps as f64 / frames,
        share,
    }
}

/// Of a file, or of all that are in a folder.
fn bytes_in(path: &Path) -> u64 {
    match fs::read_dir(path) {
        Ok(entries) => entries.flatten().map(|entry| bytes_in(&entry.path())).sum(),
        Err(_) => fs::metadata(path).map_or(0, |metadata| metadata.len()),
    }
}
