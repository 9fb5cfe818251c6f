//! What a service manager hears of both programs.

use crate::support::procs::{Camcast, Program, camcast, camrec_command, nowhere};
use crate::support::{PATIENCE, deadline, is_over};
use nix::sys::signal::Signal;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// A service manager, as far as it listens.
struct Manager {
    _folder: TempDir,
    path: PathBuf,
    socket: UnixDatagram,
}

impl Manager {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        Manager { _folder: folder, path, socket }
    }

    /// It wants to hear from this one, five times a second.
    fn watches<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("NOTIFY_SOCKET", &self.path).env("WATCHDOG_USEC", "400000")
    }

    /// What is said next that has this in it.
    #[track_caller]
    fn hear(&self, part: &str) -> String {
        let until = deadline(PATIENCE);
        let mut said = Vec::new();
        while !is_over(until) {
            said.extend(self.next());
            if let Some(words) = said.last().filter(|words| words.contains(part)) {
                return words.clone();
            }
        }
        panic!("nobody says {part}: {said:?}")
    }

    fn next(&self) -> Option<String> {
        let mut room = [0; 500];
        let count = self.socket.recv(&mut room).ok()?;
        Some(String::from_utf8(room[..count].into()).unwrap())
    }
}

#[test]
fn both_say_when_they_are_ready_how_they_are_and_that_they_live() {
    let (of_camcast, of_camrec) = (Manager::new(), Manager::new());
    let args = ["pattern", "-r", "320x240", "-f", "30", "--listen", "127.0.0.1:0"];
    let program = Program::start("camcast", of_camcast.watches(&mut camcast(&args)));
    let camcast = Camcast::from(program);
    assert!(of_camcast.hear("READY=1").contains("WATCHDOG=1"));
    of_camcast.hear("STATUS=320x240, ");

    let folder = tempfile::tempdir().unwrap();
    let mut command = camrec_command(&camcast.address.to_string(), &["-o", folder.path().to_str().unwrap()]);
    let camrec = Program::start("camrec", of_camrec.watches(&mut command));
    of_camrec.hear("READY=1");
    of_camrec.hear(" frames, ");
    of_camcast.hear("; 1 client; 0 frames dropped");
    of_camcast.hear("WATCHDOG=1");

    camcast.program.stop(Signal::SIGTERM).expect(0);
    of_camrec.hear("STATUS=camcast is away, ");
    of_camrec.hear("WATCHDOG=1");
    camrec.stop(Signal::SIGTERM).expect(0);
}

#[test]
fn a_recorder_is_not_ready_before_it_has_joined_unless_it_is_to_wait() {
    for (wait, is_ready) in [(&[][..], false), (&["--wait"], true)] {
        let manager = Manager::new();
        let folder = tempfile::tempdir().unwrap();
        let args = [&["-o", folder.path().to_str().unwrap()], wait].concat();
        let mut command = camrec_command(&nowhere(), &args);
        let camrec = Program::start("camrec", manager.watches(&mut command));
        if is_ready {
            manager.hear("READY=1");
            camrec.stop(Signal::SIGTERM);
        } else {
            camrec.wait_exit().expect(8);
            let said: String = std::iter::from_fn(|| manager.next()).collect();
            assert!(!said.contains("READY"), "{said}");
        }
    }
}
