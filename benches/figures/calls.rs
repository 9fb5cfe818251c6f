//! System calls, counted by strace: in a run of their own, since it slows down what it looks at.

use crate::plan::FPS;
use crate::stage::wait_for;
use crate::support::procs::Program;
use camcast::sys::clock;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use serde::Serialize;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Calls a frame.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Calls {
    pub(crate) all: f64,
    pub(crate) sends: f64,
    pub(crate) polls: f64,
    pub(crate) receives: f64,
}

/// Whether there is a strace, and it may look at other processes of ours: many systems let only root do that.
pub(crate) fn can_count() -> bool {
    let Ok(mut other) = Command::new("sleep").arg("1").spawn() else { return false };
    let mut strace = Command::new("strace");
    strace.args(["-c", "-o", "/dev/null", "-p", &other.id().to_string()]);
    let tried = strace.stdin(Stdio::null()).stderr(Stdio::null()).status();
    let _ = other.wait();
    tried.is_ok_and(|status| status.success())
}

/// What a process calls in a second and a half. None if strace cannot be attached to it.
pub(crate) fn count(pid: Pid, folder: &Path) -> Option<Calls> {
    let to = folder.join("calls");
    let mut command = Command::new("strace");
    command.args(["-c", "-f", "-o"]).arg(&to).args(["-p", &pid.to_string()]).stdin(Stdio::null());
    let strace = Program::start("strace", &mut command);
    strace.wait_line("attached");
    let since = clock::now();
    wait_for(Duration::from_millis(1500));
    let frames = clock::now().since(since).as_secs_f64() * f64::from(FPS);
    strace.stop(Signal::SIGINT);
    let table = fs::read_to_string(to).ok()?;
    let of = |names: &[&str]| {
        let rows = table.lines().map(|row| row.split_ascii_whitespace().collect::<Vec<_>>());
        let rows = rows.filter(|row| row.last().is_some_and(|name| names.contains(name)));
        let calls: u64 = rows.filter_map(|row| row.get(3)?.parse::<u64>().ok()).sum();
        calls as f64 / frames
    };
    Some(Calls {
        all: of(&["total"]),
        sends: of(&["sendto", "sendmsg", "sendmmsg"]),
        polls: of(&["ppoll", "poll"]),
        receives: of(&["recvfrom", "recvmsg"]),
    })
}
