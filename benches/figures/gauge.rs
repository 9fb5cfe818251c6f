//! What a process has used up.

use camcast::sys::clock;
use camcast::time::Time;
use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;
use std::fs;
use std::ops::Sub;
use std::time::Duration;

/// Of all its threads, since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) cpu: Duration,
    /// How often a thread has gone to sleep: as often it was woken.
    pub(crate) sleeps: u64,
}

/// Looks at a process.
pub(crate) struct Gauge {
    pid: Pid,
    clock: ClockId,
}

impl Gauge {
    pub(crate) fn new(pid: i32) -> Self {
        let pid = Pid::from_raw(pid);
        // to the nanosecond, where /proc/PID/stat has hundredths of a second
        Gauge { pid, clock: clock_getcpuclockid(pid).expect("the process is there") }
    }

    pub(crate) fn read(&self) -> Used {
        let cpu = Duration::from(self.clock.now().expect("the process is still there"));
        Used { cpu, sleeps: self.sleeps() }
    }

    fn sleeps(&self) -> u64 {
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid)).expect("the process is still there");
        let statuses =
            threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("status")).ok());
        statuses.filter_map(|status| number(&status, "voluntary_ctxt_switches:")).sum()
    }
}

/// The most memory that a process has had, in MiB.
pub(crate) fn peak_mib(pid: Pid) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    number(&status, "VmHWM:").unwrap_or(0) as f64 / 1024.0
}

/// The number in the line that begins so.
fn number(status: &str, label: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(label))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// How much of a processor two processes want, from now on: what they use, and what they wait for while others do.
pub(crate) struct Busy {
    both: [(i32, Duration); 2],
    since: Time,
}

impl Busy {
    /// That process, and ours.
    pub(crate) fn new(pid: i32) -> Self {
        let both = [pid, std::process::id() as i32].map(|pid| (pid, wanted(pid)));
        Busy { both, since: clock::now() }
    }

    pub(crate) fn share(&self) -> [f64; 2] {
        let time = clock::now().since(self.since).as_secs_f64();
        self.both.map(|(pid, before)| wanted(pid).saturating_sub(before).as_secs_f64() / time)
    }
}

/// Of all threads: the time that they ran, and that they could have run (Documentation/scheduler/sched-stats).
fn wanted(pid: i32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let stats = threads.filter_map(|thread| fs::read_to_string(thread.path().join("schedstat")).ok());
    let both = |stat: String| -> u64 { stat.split_whitespace().take(2).flat_map(str::parse::<u64>).sum() };
    Duration::from_nanos(stats.map(both).sum())
}

impl Sub for Used {
    type Output = Used;

    fn sub(self, earlier: Used) -> Used {
        Used { cpu: self.cpu.saturating_sub(earlier.cpu), sleeps: self.sleeps.saturating_sub(earlier.sleeps) }
    }
}
