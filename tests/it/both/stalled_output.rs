//! Whoever reads what the programs say may stop reading: a terminal on Ctrl-S, an ssh connection that hangs, a pipe or a journal
//! that nobody empties. Frames and clients notice nothing, and what was lost meanwhile is told.

use crate::support::film::{self, RecordingReader};
use crate::support::machine::{Call, Fault, Machine};
use crate::support::procs::{Camcast, Program, camcast, camrec_command, camrec_into};
use crate::support::{PATIENCE, deadline, is_over, pause};
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::pty::openpty;
use nix::sys::signal::{self, Signal};
use nix::sys::stat::Mode;
use nix::sys::termios::{FlowArg, tcflow};
use nix::unistd::{Pid, pipe2};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, ExitStatus, Stdio};

/// This many say far more than there is room for, where each is traced.
const FRAMES: &str = "1200";

/// A program whose words go to a descriptor that is read when the test pleases.
struct Stalled {
    child: Child,
    reader: File,
    said: Vec<u8>,
}

impl Stalled {
    fn start(command: &mut Command, words: OwnedFd, reader: OwnedFd) -> Self {
        command.stdin(Stdio::null()).stderr(Stdio::from(words)).env_remove("RUST_LOG");
        let child = command.spawn().unwrap();
        // the command must not keep the writing end
        command.stderr(Stdio::null()).stdout(Stdio::null());
        Stalled { child, reader: reader.into(), said: Vec::new() }
    }

    /// Reads on until there is `text`, and no further than the next few bytes.
    fn read_until(&mut self, text: &str) -> String {
        let until = deadline(PATIENCE);
        loop {
            let said = String::from_utf8_lossy(&self.said).into_owned();
            if said.contains(text) {
                return said;
            }
            assert!(!is_over(until), "it never said {text:?}:\n{said}");
            let mut some = [0; 64];
            let count = self.reader.read(&mut some).unwrap_or(0);
            assert!(count > 0, "it never said {text:?}:\n{said}");
            self.said.extend_from_slice(&some[..count]);
        }
    }

    fn address(&mut self) -> SocketAddr {
        let said = self.read_until(" (TCP and UDP)");
        let (_, rest) = said.split_once("listening on ").unwrap();
        rest.split_once(" (TCP and UDP)").unwrap().0.parse().unwrap()
    }

    fn stop(&mut self) -> ExitStatus {
        signal::kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM).unwrap();
        self.wait()
    }

    fn wait(&mut self) -> ExitStatus {
        let until = deadline(PATIENCE);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(!is_over(until), "it does not end");
            pause();
        }
    }
}

impl Drop for Stalled {
    fn drop(&mut self) {
        let _ = (self.child.kill(), self.child.wait());
    }
}

fn pipe() -> (OwnedFd, OwnedFd) {
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC).unwrap();
    fcntl(&writer, FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
    (reader, writer)
}

/// The terminal's two ends: what its screen shows, and what programs write to.
fn terminal() -> (OwnedFd, OwnedFd) {
    let pty = openpty(None, None).unwrap();
    for fd in [&pty.master, &pty.slave] {
        fcntl(fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
    }
    (pty.master, pty.slave)
}

/// A socket as journald has it.
fn journal() -> (OwnedFd, OwnedFd) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    (ours.into(), theirs.into())
}

/// camcast that says more than whoever reads it takes, as it is told to trace.
fn chatty(words: OwnedFd, reader: OwnedFd) -> (Stalled, SocketAddr) {
    let mut command = camcast(&["pattern", "-r", "320x240", "-f", "240", "-vv", "--listen", "127.0.0.1:0"]);
    command.stdout(Stdio::null());
    let mut camcast = Stalled::start(&mut command, words, reader);
    let address = camcast.address();
    (camcast, address)
}

/// While nobody reads what camcast says: every frame arrives, far more than its words have room for.
fn streams_on(address: SocketAddr) {
    let folder = tempfile::tempdir().unwrap();
    let ended = camrec_into(folder.path(), address, &["--frames", FRAMES]).wait_exit().expect(0);
    assert_eq!((ended.account("recorded"), ended.account("missing")), (FRAMES.parse().unwrap(), 0));
}

#[test]
fn a_pipe_that_nobody_reads_stops_no_stream() {
    let (reader, writer) = pipe();
    let (mut camcast, address) = chatty(writer, reader);
    streams_on(address);
    camcast.read_until(" lines of this log lost: nobody has read them in time\n");
    streams_on(address);
    // and nobody reads the last words
    assert_eq!(camcast.stop().code(), Some(0));
}

#[test]
fn a_journal_that_stalls_stops_no_stream() {
    let (ours, theirs) = journal();
    let mut command = camcast(&["pattern", "-r", "320x240", "-f", "240", "-vv", "--listen", "127.0.0.1:0"]);
    command.env("JOURNAL_STREAM", "8:1").stdout(Stdio::null());
    let mut camcast = Stalled::start(&mut command, theirs, ours);
    let address = camcast.address();
    streams_on(address);
    let said = camcast.read_until(" lines of this log lost: nobody has read them in time\n");
    let last = said.lines().find(|line| line.contains("of this log lost")).unwrap();
    assert!(last.starts_with("<4>"), "{last}");
    assert!(said.lines().all(|line| line.starts_with('<')), "no line is torn");
    assert_eq!(camcast.stop().code(), Some(0));
}

#[test]
fn a_terminal_that_is_stopped_stops_no_stream() {
    let (screen, slave) = terminal();
    let ours = slave.try_clone().unwrap();
    let (mut camcast, address) = chatty(slave, screen);
    // as Ctrl-S does
    tcflow(&ours, FlowArg::TCOOFF).unwrap();
    streams_on(address);
    tcflow(&ours, FlowArg::TCOON).unwrap();
    camcast.read_until(" lines of this log lost: nobody has read them in time");
    tcflow(&ours, FlowArg::TCOOFF).unwrap();
    assert_eq!(camcast.stop().code(), Some(0));
}

/// As an ssh connection that hangs: the terminal is there, and nobody takes what it shows.
#[test]
fn a_terminal_that_nobody_reads_stops_no_stream() {
    let (screen, slave) = terminal();
    let (mut camcast, address) = chatty(slave, screen);
    streams_on(address);
    camcast.read_until(" lines of this log lost: nobody has read them in time");
    assert_eq!(camcast.stop().code(), Some(0));
}

/// camrec on a terminal that is stopped from the begin to the end: its status line, its log and its account.
#[test]
fn a_recorder_on_a_stopped_terminal_records_and_ends() {
    let camcast = Camcast::pattern(60);
    for is_told_to_stop in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let (screen, slave) = terminal();
        let ours = slave.try_clone().unwrap();
        tcflow(&ours, FlowArg::TCOOFF).unwrap();
        let mut command = camrec_command(&camcast.address.to_string(), &["-vv", "-o"]);
        command.arg(folder.path()).args(["--frames", if is_told_to_stop { "1000000" } else { "120" }]);
        command.stdout(Stdio::from(ours.try_clone().unwrap()));
        let mut camrec = Stalled::start(&mut command, slave, screen);
        if is_told_to_stop {
            let until = deadline(PATIENCE);
            while film::files(folder.path()).is_empty() {
                assert!(!is_over(until), "nothing is written");
                pause();
            }
            assert_eq!(camrec.stop().code(), Some(0));
        } else {
            assert_eq!(camrec.wait().code(), Some(0));
            let [film] = &RecordingReader::read_folder(folder.path())[..] else { panic!("not one file") };
            assert!(film.is_finished && film.shots.len() == 120, "{} frames", film.shots.len());
        }
    }
}

/// The client log may be a pipe: it needs no reader, and whoever comes reads what there is.
#[test]
fn a_client_log_that_is_a_pipe_keeps_nobody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("clients");
    nix::unistd::mkfifo(&pipe, Mode::S_IRWXU).unwrap();
    let args = ["pattern", "-r", "320x240", "-f", "240", "--client-log", pipe.to_str().unwrap()];
    let camcast = Camcast::start(&args);
    let plain = crate::support::plain::PlainClient::join(camcast.address);
    plain.frame();
    camcast.wait_line("joined: ");
    let mut line = [0; 100];
    let count = File::open(&pipe).unwrap().read(&mut line).unwrap();
    let line = String::from_utf8_lossy(&line[..count]).into_owned();
    assert!(line.contains("127.0.0.1:") && line.ends_with(", joined\n"), "{line}");

    // full of somebody's: clients come and go, and the program ends
    let filler = fs::OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
    let size = fcntl(&filler, FcntlArg::F_GETPIPE_SZ).unwrap();
    (&filler).write_all(&vec![b'.'; size as usize]).unwrap();
    drop(plain);
    streams_on(camcast.address);
    camcast.program.stop(Signal::SIGTERM).expect(0);
}

/// Its disk hangs, which poll cannot tell of a file.
#[test]
fn a_client_log_on_a_disk_that_hangs_keeps_nobody_waiting() {
    let (machine, folder) = (Machine::new(), tempfile::tempdir().unwrap());
    // the machine's faults are those of paths like this
    let disk = folder.path().join("disk.mkv");
    fs::create_dir(&disk).unwrap();
    let log = disk.join("clients.log");
    let args = ["pattern", "-r", "320x240", "-f", "240", "--listen", "127.0.0.1:0", "--client-log"];
    let mut command = camcast(&args);
    let camcast = Camcast::from(Program::start("camcast", machine.under(command.arg(&log))));
    machine.threaten(Call::Write, Fault::Stall(PATIENCE * 2));
    streams_on(camcast.address);
    assert_eq!(fs::read_to_string(&log).unwrap(), "", "it hangs still");
    camcast.program.stop(Signal::SIGTERM).expect(0);
}
