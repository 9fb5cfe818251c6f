//! Programs that people have, which send MJPEG as RTP, beside camcast and the bare loop: those that are installed.

use crate::attempt::Failures;
use crate::frames::{clip, pictures};
use crate::plan::{FPS, Picture, Plan, USUAL};
use crate::roles::{Heard, Task, end, start, wait};
use crate::stage::{self, ports, us_a_frame, wait_for};
use crate::summary::{Spread, median};
use crate::support::procs::Program;
use camcast::app::quantity::counted;
use serde::Serialize;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Frames of a peer that pass before it is measured.
const WARM: u32 = 45;

/// What a sender of 1080p costs with so many receivers, in microseconds of CPU a frame and receiver.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) clients: usize,
    /// Without the source.
    pub(crate) us: Spread,
    /// A frame: what reading the pictures costs it.
    pub(crate) source_us: f64,
    /// By the bare loop's, round by round.
    pub(crate) ratio: Spread,
    /// RTP packets, or frames of the others, that did not come, in all rounds.
    pub(crate) lost: u64,
    /// Rounds that count: those in which all came.
    pub(crate) rounds: usize,
}

/// What was measured, and who was not there to be.
#[derive(Debug, Serialize)]
pub(crate) struct Peers {
    pub(crate) rows: Vec<Row>,
    pub(crate) not_run: Vec<&'static str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    Bare,
    Camcast,
    Ffmpeg,
    GStreamer,
}

impl Who {
    fn name(self) -> &'static str {
        match self {
            Who::Bare => "bare loop",
            Who::Camcast => "camcast",
            Who::Ffmpeg => "ffmpeg, RTP",
            Who::GStreamer => "GStreamer, RTP",
        }
    }

    fn is_here(self) -> bool {
        let can = |program: &str, args: &[&str]| {
            Command::new(program).args(args).output().is_ok_and(|output| output.status.success())
        };
        match self {
            Who::Bare | Who::Camcast => true,
            Who::Ffmpeg => can("ffmpeg", &["-version"]),
            Who::GStreamer => ["multifilesrc", "jpegparse", "rtpjpegpay", "multiudpsink"]
                .iter()
                .all(|element| can("gst-inspect-1.0", &[element])),
        }
    }
}

const ALL: [Who; 4] = [Who::Bare, Who::Camcast, Who::Ffmpeg, Who::GStreamer];

/// Measures all that are here.
pub(crate) fn run(plan: &Plan, failures: &Failures) -> Peers {
    let (here, not_here): (Vec<Who>, Vec<Who>) = ALL.into_iter().partition(|who| who.is_here());
    let folder = tempfile::tempdir().unwrap();
    let rows = rows(&here, plan, failures, folder.path());
    // it wants a camera, which only the virtual machine has everywhere
    let elsewhere = ["ustreamer: tests/vm/test.sh peers"];
    Peers { rows, not_run: not_here.into_iter().map(Who::name).chain(elsewhere).collect() }
}

/// With how many receivers.
const CLIENTS: [usize; 2] = [1, 16];

/// Of one of them in one round: microseconds a frame of its source, and what was heard with each number of receivers; as far as
/// it did not fail.
struct Measured {
    source_us: Option<f64>,
    heard: [Option<Heard>; CLIENTS.len()],
}

impl Measured {
    /// Microseconds a frame and receiver; none if not all came.
    fn us(&self, place: usize) -> Option<f64> {
        let heard = self.heard[place].as_ref().filter(|heard| heard.is_whole())?;
        Some((heard.us_a_frame() - self.source_us?) / CLIENTS[place] as f64)
    }
}

fn rows(here: &[Who], plan: &Plan, failures: &Failures, folder: &Path) -> Vec<Row> {
    let rounds: Vec<Vec<Measured>> = (0..plan.rounds)
        .map(|round| {
            let what = format!("round {} of {}", round + 1, plan.rounds);
            here.iter().map(|who| measure(*who, &what, plan, failures, folder)).collect()
        })
        .collect();
    let row = |place: usize, nth: usize| {
        let us = rounds.iter().filter_map(|round| round[nth].us(place)).collect::<Vec<f64>>();
        // the bare loop is the first of each round
        let ratio = rounds.iter().filter_map(|round| Some(round[nth].us(place)? / round[0].us(place)?));
        let heard = rounds.iter().filter_map(|round| round[nth].heard[place].as_ref());
        Row {
            name: here[nth].name(),
            clients: CLIENTS[place],
            us: Spread::of(&us),
            source_us: median(rounds.iter().filter_map(|round| round[nth].source_us)),
            ratio: Spread::of(&ratio.collect::<Vec<f64>>()),
            lost: heard.map(|heard| heard.lost).sum(),
            rounds: us.len(),
        }
    };
    (0..CLIENTS.len())
        .flat_map(|place| (0..here.len()).map(move |nth| (place, nth)))
        .map(|(place, nth)| row(place, nth))
        .collect()
}

fn measure(who: Who, round: &str, plan: &Plan, failures: &Failures, folder: &Path) -> Measured {
    let what = format!("{round}: {}", who.name());
    eprintln!("{what}");
    let source_us = failures.attempt(&format!("{what}: the source"), || match who {
        Who::Bare => 0.0,
        Who::Camcast => stage::source(&USUAL, plan, folder),
        Who::Ffmpeg | Who::GStreamer => source(who, plan, folder),
    });
    let heard = CLIENTS.map(|clients| {
        let measure = || match who {
            Who::Bare => stage::heard_of_bare(&USUAL, clients, plan),
            Who::Camcast => stage::heard_of_camcast(&USUAL, clients, plan, folder),
            Who::Ffmpeg | Who::GStreamer => heard_of(who, clients, plan, folder),
        };
        failures.attempt(&format!("{what}, {}", counted(clients as u64, "receiver")), measure)
    });
    Measured { source_us, heard }
}

fn source(who: Who, plan: &Plan, folder: &Path) -> f64 {
    let peer = peer(who, &USUAL, &[], folder);
    wait_for(Duration::from_secs(1));
    let cost = us_a_frame(peer.pid(), plan.frames);
    assert!(cost > 0.0, "it does not run; it says: {}", peer.log());
    end(peer);
    cost
}

/// The peer has to know the ports when it starts, and the receiver whom it is to measure: it takes whoever its parent has started.
fn heard_of(who: Who, clients: usize, plan: &Plan, folder: &Path) -> Heard {
    let task = Task { clients, sender: 0, warm: WARM, frames: plan.frames };
    let mut receiver = start("rtp-receiver", &task.to_args());
    let peer = peer(who, &USUAL, &ports(&receiver), folder);
    let pid = format!("{}\n", peer.pid());
    std::io::Write::write_all(&mut receiver.take_stdin(), pid.as_bytes()).unwrap();
    let heard = wait(receiver);
    end(peer);
    heard
}

/// It sends to these ports, or to nobody.
fn peer(who: Who, picture: &Picture, ports: &[String], folder: &Path) -> Program {
    let fps = FPS.to_string();
    if who == Who::Ffmpeg {
        let mut command = Command::new("ffmpeg");
        let clip = clip(picture, folder);
        command.args([
            "-v",
            "error",
            "-nostdin",
            "-re",
            "-stream_loop",
            "-1",
            "-r",
            &fps,
            "-f",
            "mjpeg",
            "-i",
            &clip,
        ]);
        for port in ports {
            command.args(["-c", "copy", "-f", "rtp", &format!("rtp://127.0.0.1:{port}?pkt_size=1452")]);
        }
        if ports.is_empty() {
            command.args(["-c", "copy", "-f", "null", "-"]);
        }
        return Program::start("ffmpeg", command.stdin(Stdio::null()));
    }
    let pictures = format!("location={}", pictures(picture, folder));
    let caps = format!("caps=image/jpeg,framerate={FPS}/1");
    let clients: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let clients = format!("clients={}", clients.join(","));
    let mut command = Command::new("gst-launch-1.0");
    command.args(["-q", "multifilesrc", &pictures, &caps, "loop=true", "!", "jpegparse", "!"]);
    // frames of a file have no times: all are of one length, so bytes a second make some
    let rate = format!("datarate={}", picture.bytes * FPS as usize);
    command.args(["identity", &rate, "sync=true", "!"]);
    match ports {
        [] => command.args(["fakesink", "sync=false"]),
        _ => command.args(["rtpjpegpay", "mtu=1452", "!", "multiudpsink", &clients, "sync=false"]),
    };
    Program::start("gst-launch-1.0", command.stdin(Stdio::null()))
}
