//! camrec's status line, on a real terminal: it fits, says how long it has been and how to stop, and nothing that is over.

use crate::support::procs::{Camcast, camrec_command};
use crate::support::{PATIENCE, deadline, is_over};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::pty::{Winsize, openpty};
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Stdio};

/// camrec on a terminal of its own.
struct OnTerminal {
    child: Child,
    screen: File,
    shown: String,
}

impl OnTerminal {
    fn start(camcast: &Camcast, folder: &Path, columns: u16) -> Self {
        let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&size), None).unwrap();
        for fd in [&pty.master, &pty.slave] {
            fcntl(fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
        }
        let mut command = camrec_command(&camcast.address.to_string(), &["-o"]);
        command.arg(folder).env_remove("RUST_LOG").env_remove("JOURNAL_STREAM");
        command.stdout(Stdio::null()).stderr(Stdio::from(pty.slave));
        let child = command.spawn().unwrap();
        command.stderr(Stdio::null());
        OnTerminal { child, screen: pty.master.into(), shown: String::new() }
    }

    /// The status lines so far, whole ones.
    fn lines(&self) -> Vec<&str> {
        let ended = self.shown.split('\r').filter_map(|line| line.strip_suffix("\x1b[K"));
        ended.filter(|line| !line.is_empty()).collect()
    }

    /// The first status line that is as wanted.
    fn wait(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        let until = deadline(PATIENCE);
        loop {
            if let Some(line) = self.lines().into_iter().find(|line| wanted(line)) {
                return line.to_owned();
            }
            assert!(!is_over(until), "{:?}", self.shown);
            let mut bytes = [0; 256];
            let count = self.screen.read(&mut bytes).unwrap();
            self.shown.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
        }
    }

    fn stop(mut self) -> Option<i32> {
        signal::kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        let _ = (self.child.kill(), self.child.wait());
    }
}

/// A second or more after the first frame.
fn has_begun(line: &str) -> bool {
    line.starts_with("0:") && !line.starts_with("0:00, ")
}

#[test]
fn it_says_how_it_goes_and_how_to_stop() {
    let (camcast, folder) = (Camcast::pattern(20), tempfile::tempdir().unwrap());
    let mut camrec = OnTerminal::start(&camcast, folder.path(), 120);
    let line = camrec.wait(has_begun);
    assert!(line.contains(" frames, ") && line.contains(" fps, "), "{line}");
    assert!(line.contains(", 0 missing, delay ") && line.ends_with(", Ctrl-C ends"), "{line}");
    assert_eq!(camrec.stop(), Some(0));
}

#[test]
fn it_fits_a_narrow_terminal() {
    let (camcast, folder) = (Camcast::pattern(20), tempfile::tempdir().unwrap());
    let mut camrec = OnTerminal::start(&camcast, folder.path(), 40);
    camrec.wait(has_begun);
    let lines = camrec.lines();
    assert!(lines.iter().all(|line| line.len() < 40 && line.contains("frames")), "{lines:?}");
    assert_eq!(camrec.stop(), Some(0));
}

#[test]
fn while_camcast_is_away_it_says_so_and_tells_no_delay() {
    let (camcast, folder) = (Camcast::pattern(20), tempfile::tempdir().unwrap());
    let mut camrec = OnTerminal::start(&camcast, folder.path(), 120);
    camrec.wait(|line| line.contains("delay "));
    camcast.program.stop(Signal::SIGTERM).expect(0);
    let line = camrec.wait(|line| line.contains("camcast is away"));
    assert!(!line.contains("delay"), "{line}");
    camrec.stop();
}
