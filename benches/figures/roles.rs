//! This program as other processes: those that are measured beside camcast, and those that receive.

use crate::support::procs::Program;
use crate::{bare, crowd};
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};
use std::process::{Command, Stdio};

/// What a receiving process has to tell at its end.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Heard {
    /// Of the sender, in nanoseconds, while so many frames passed.
    pub(crate) cpu_ns: u64,
    /// Of the receiving process meanwhile, where it is wanted.
    pub(crate) receiver_ns: u64,
    /// How often the sender went to sleep.
    pub(crate) sleeps: u64,
    pub(crate) frames: u32,
    /// Of each frame and each client: from its capture until it was complete, in microseconds.
    pub(crate) delays_us: Vec<u32>,
    /// Frames, or RTP packets, that did not come, of all clients.
    pub(crate) lost: u64,
    /// Datagrams that had to be sent again.
    pub(crate) repaired: u64,
    /// How much of a processor the sender and the receiving process have used or waited for: close to 1 it is what limits.
    pub(crate) busy: [f64; 2],
}

impl Heard {
    /// Who wants so much of one does not keep up when there is more to do.
    const TOO_BUSY: f64 = 0.5;

    /// All came that was sent.
    pub(crate) fn is_whole(&self) -> bool {
        self.lost == 0 && self.frames > 0
    }

    /// The sender's microseconds of CPU a frame.
    pub(crate) fn us_a_frame(&self) -> f64 {
        self.cpu_ns as f64 / 1000.0 / f64::from(self.frames)
    }

    /// Not all came, and that is this machine's fault.
    pub(crate) fn is_overrun(&self) -> bool {
        !self.is_whole() && self.busy[0].max(self.busy[1]) > Self::TOO_BUSY
    }
}

/// How much a receiving process measures, and of whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task {
    pub(crate) clients: usize,
    pub(crate) sender: i32,
    /// Frames that pass first.
    pub(crate) warm: u32,
    pub(crate) frames: u32,
}

impl Task {
    pub(crate) fn to_args(self) -> [String; 4] {
        [self.clients.to_string(), self.sender.to_string(), self.warm.to_string(), self.frames.to_string()]
    }

    fn parse(args: &[String]) -> Self {
        let number = |at: usize| args[at].parse::<i32>().unwrap();
        Task {
            clients: number(0) as usize,
            sender: number(1),
            warm: number(2) as u32,
            frames: number(3) as u32,
        }
    }
}

/// Becomes what the first argument names. False: it names none of these.
pub(crate) fn play(role: &str, args: &[String]) -> bool {
    match (role, args) {
        ("bare-sender", [bytes]) => bare::send(bytes.parse().unwrap()),
        ("bare-receiver", [bytes, task @ ..]) => {
            tell(&bare::receive(bytes.parse().unwrap(), Task::parse(task)));
        }
        ("bare-recorder", [bytes, file]) => bare::record(bytes.parse().unwrap(), file.as_ref()),
        ("rtp-receiver", task @ [_, _, _, _]) => tell(&bare::receive_rtp(Task::parse(task))),
        ("crowd", [server, task @ ..]) => tell(&crowd::watch(server.parse().unwrap(), Task::parse(task))),
        _ => return false,
    }
    true
}

fn tell(heard: &Heard) {
    println!("{}", serde_json::to_string(heard).unwrap());
}

/// This program in one of its roles.
pub(crate) fn start(role: &'static str, args: &[String]) -> Program {
    let mut command = Command::new(std::env::current_exe().unwrap());
    Program::start(role, command.arg(role).args(args).stdin(Stdio::piped()))
}

/// What it tells once it is done.
pub(crate) fn wait(program: Program) -> Heard {
    let ended = program.wait_exit();
    // what a panic says stands in the line after where it was
    let why = ended.log.lines().skip_while(|line| !line.contains("panicked at ")).nth(1);
    assert!(ended.code == Some(0), "the receiver has failed: {}", why.unwrap_or(&ended.log));
    serde_json::from_slice(&ended.out).expect("one line of JSON")
}

/// Ends what has no end of its own.
pub(crate) fn end(program: Program) {
    program.stop(Signal::SIGKILL);
}
