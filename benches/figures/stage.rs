//! Senders and receivers, started and measured: what more than one part needs.

use crate::frames::clip;
use crate::gauge::{Gauge, Used};
use crate::plan::{FPS, Picture, Plan};
use crate::roles::{Heard, Task, end, start, wait};
use crate::support::procs::{Camcast, Program};
use camcast::sys::clock;
use camcast::sys::poll;
use nix::unistd::Pid;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// Frames of a bare loop that pass before it is measured: it has nothing to settle.
pub(crate) const BARE_WARM: u32 = 15;

/// Lets time pass.
pub(crate) fn wait_for(time: Duration) {
    let until = clock::now().after(time);
    while clock::now() < until {
        poll::wait(&mut [], until, clock::now()).unwrap();
    }
}

/// How long so many frames take.
pub(crate) fn time_of(frames: u32) -> Duration {
    Duration::from_secs_f64(f64::from(frames) / f64::from(FPS))
}

/// What a process uses up while about so many frames pass, and how many did.
pub(crate) fn used_by(pid: Pid, frames: u32) -> (Used, f64) {
    let gauge = Gauge::new(pid.as_raw());
    let (since, before) = (clock::now(), gauge.read());
    wait_for(time_of(frames));
    let used = gauge.read() - before;
    (used, clock::now().since(since).as_secs_f64() * f64::from(FPS))
}

/// The same, as microseconds of CPU a frame.
pub(crate) fn us_a_frame(pid: Pid, frames: u32) -> f64 {
    let (used, frames) = used_by(pid, frames);
    used.cpu.as_secs_f64() * 1e6 / frames
}

/// It plays pictures of that size.
pub(crate) fn camcast(picture: &Picture, folder: &Path) -> Camcast {
    camcast_with(picture, folder, &[])
}

/// The same with more options.
pub(crate) fn camcast_with(picture: &Picture, folder: &Path, args: &[&str]) -> Camcast {
    let (clip, fps) = (clip(picture, folder), FPS.to_string());
    Camcast::start(&[&[&clip[..], "-f", &fps, "--max-clients", "64"], args].concat())
}

/// camcast's microseconds a frame with nobody there.
pub(crate) fn source(picture: &Picture, plan: &Plan, folder: &Path) -> f64 {
    let camcast = camcast(picture, folder);
    wait_for(Duration::from_secs(1));
    let cost = us_a_frame(camcast.pid(), plan.frames);
    end(camcast.program);
    cost
}

pub(crate) fn heard_of_camcast(picture: &Picture, clients: usize, plan: &Plan, folder: &Path) -> Heard {
    let camcast = camcast(picture, folder);
    let task = Task { clients, sender: camcast.pid().as_raw(), warm: plan.warm, frames: plan.frames };
    let heard = wait(crowd(camcast.address, task));
    end(camcast.program);
    heard
}

/// Clients of what is to be joined there, all of which have joined.
pub(crate) fn crowd(at: SocketAddr, task: Task) -> Program {
    let args = [&[at.to_string()], &task.to_args()[..]].concat();
    let crowd = start("crowd", &args);
    crowd.wait_line("all have joined");
    crowd
}

pub(crate) fn heard_of_bare(picture: &Picture, clients: usize, plan: &Plan) -> Heard {
    let (sender, receiver) = bare(picture, clients, BARE_WARM, plan.frames);
    let heard = wait(receiver);
    end(sender);
    heard
}

/// The bare loop, and who receives from it.
pub(crate) fn bare(picture: &Picture, clients: usize, warm: u32, frames: u32) -> (Program, Program) {
    let bytes = picture.bytes.to_string();
    let sender = start("bare-sender", std::slice::from_ref(&bytes));
    let task = Task { clients, sender: sender.pid().as_raw(), warm, frames };
    let receiver = start("bare-receiver", &[&[bytes], &task.to_args()[..]].concat());
    begin_bare(sender, receiver)
}

/// The sender is told the ports of who receives.
pub(crate) fn begin_bare(mut sender: Program, receiver: Program) -> (Program, Program) {
    let ports = ports(&receiver);
    sender.take_stdin().write_all(format!("{}\n", ports.join(" ")).as_bytes()).unwrap();
    (sender, receiver)
}

/// Where it receives.
pub(crate) fn ports(receiver: &Program) -> Vec<String> {
    let line = receiver.wait_line("ports ");
    line.split(' ').skip(1).map(str::to_owned).collect()
}
