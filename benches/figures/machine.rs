//! What the figures were taken on.

use camcast::sys::clock;
use serde::Serialize;
use std::fs;
use std::process::Command;

/// The machine, and how it was.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cpus: usize,
    pub(crate) kernel: String,
    /// Of the system, as it says itself.
    pub(crate) system: String,
    pub(crate) rustc: String,
    /// The source, if it lies in a repository; with a `+` if there are changes that were not committed.
    pub(crate) commit: String,
    pub(crate) date: String,
    /// The load average of the last minute, before and after.
    pub(crate) load: [f64; 2],
    /// How large a receive buffer a program may have.
    pub(crate) rmem_max: u64,
}

impl Machine {
    pub(crate) fn look() -> Self {
        let info = read("/proc/cpuinfo");
        // on Arm there is no name, but its maker's number for the core
        let cpu = ["model name", "Model", "CPU part"].iter().find_map(|label| value(&info, label, ':'));
        let changed = said("git", &["status", "--porcelain", "--untracked-files=no"]);
        let commit = said("git", &["rev-parse", "--short", "HEAD"]);
        Machine {
            cpu: cpu.unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cpus: std::thread::available_parallelism().map_or(1, Into::into),
            kernel: said("uname", &["-srm"]),
            system: value(&read("/etc/os-release"), "PRETTY_NAME", '=').unwrap_or_default().replace('"', ""),
            rustc: said("rustc", &["--version"]),
            commit: if changed.is_empty() { commit } else { commit + "+" },
            date: jiff::Timestamp::try_from(clock::wall())
                .map_or(String::new(), |now| now.strftime("%F").to_string()),
            load: [load(), 0.0],
            rmem_max: read("/proc/sys/net/core/rmem_max").trim().parse().unwrap_or(0),
        }
    }

    pub(crate) fn look_again(&mut self) {
        self.load[1] = load();
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn value(text: &str, label: &str, mark: char) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(label))?;
    Some(line.split_once(mark)?.1.trim().to_owned())
}

fn load() -> f64 {
    read("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(0.0)
}

/// What a program says; nothing if it is not there or fails.
fn said(program: &str, args: &[&str]) -> String {
    let done = Command::new(program).args(args).output().ok().filter(|done| done.status.success());
    done.map_or(String::new(), |done| String::from_utf8_lossy(&done.stdout).trim().to_owned())
}
