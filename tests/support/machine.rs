//! A machine whose disk stalls or fails and whose clock is set, as far as one program can tell.

use super::{PATIENCE, deadline, is_over, pause};
use nix::errno::Errno;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// The shim between a program and its machine.
pub struct Machine {
    folder: TempDir,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// Once.
    Stall(Duration),
    /// Once.
    Fail(Errno),
    /// Until the machine [relents](Machine::relent).
    Refuse(Errno),
    /// Until the machine relents.
    Hang,
}

/// The call that it happens to.
#[derive(Clone, Copy, Debug)]
pub enum Call {
    Open,
    /// That camcast's folder is opened.
    Lock,
    Read,
    Write,
    Sync,
}

impl Machine {
    /// Builds the shim, with the compiler that Rust links with.
    pub fn new() -> Self {
        let machine = Machine { folder: tempfile::tempdir().unwrap() };
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/machine.c");
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O", "-Wall", "-Werror", "-o"])
            .arg(machine.path("shim.so"))
            .arg(source);
        assert!(cc.status().unwrap().success());
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program runs on this machine.
    pub fn under<'a>(&self, program: &'a mut Command) -> &'a mut Command {
        program.env("LD_PRELOAD", self.path("shim.so")).env("MACHINE", self.folder.path())
    }

    /// Has it happen to the next such call, and waits until it is over.
    #[track_caller]
    pub fn inflict(&self, call: Call, fault: Fault) {
        self.threaten(call, fault);
        let until = deadline(PATIENCE);
        while self.path("fault").exists() {
            assert!(!is_over(until), "{call:?} {fault:?}: no such call came");
            pause();
        }
    }

    /// Has it happen to the next such call, whenever that comes.
    pub fn threaten(&self, call: Call, fault: Fault) {
        let call = match call {
            Call::Open => "open",
            Call::Lock => "lock",
            Call::Read => "read",
            Call::Write => "write",
            Call::Sync => "sync",
        };
        let line = match fault {
            Fault::Stall(time) => format!("{call} stall {}", time.as_millis()),
            Fault::Fail(errno) => format!("{call} fail {}", errno as i32),
            Fault::Refuse(errno) => format!("{call} refuse {}", errno as i32),
            Fault::Hang => format!("{call} hang 0"),
        };
        self.say("fault", &line);
    }

    /// What lasts is over.
    pub fn relent(&self) {
        fs::remove_file(self.path("fault")).unwrap();
    }

    /// Its file systems know no locks from here on.
    pub fn without_locks(self) -> Self {
        self.say("nolocks", "");
        self
    }

    /// Sets the wall clock, as seen from the machine's real one.
    pub fn set_clock(&self, ahead: i64) {
        self.say("clock", &ahead.to_string());
    }

    /// Whole or not at all: it may be read at any time.
    fn say(&self, name: &str, line: &str) {
        fs::write(self.path("part"), line).unwrap();
        fs::rename(self.path("part"), self.path(name)).unwrap();
    }
}
