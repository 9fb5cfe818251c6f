//! What a system lets nobody have without end: a file's size, a disk's files, a process's descriptors. Each is met by the real
//! kernel's own limit; what needs a mount of its own has it in a namespace of its own, and is left out where there are none.

use crate::support::film::RecordingReader;
use crate::support::procs::{Camcast, Program, camrec, camrec_into};
use crate::support::{PATIENCE, deadline, is_over, left_out, pause};
use nix::sys::signal::Signal;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The program under a limit that a shell sets: `ulimit` in blocks of 512 bytes.
fn limited(limit: &str, name: &'static str, program: &str, args: &[&str]) -> Program {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{limit} && exec \"$0\" \"$@\""), program]).args(args).stdin(Stdio::null());
    Program::start(name, &mut command)
}

fn limited_camrec(limit: &str, camcast: &Camcast, folder: &Path, args: &[&str]) -> Program {
    let host = camcast.address.to_string();
    let args = [&[&host, "-o", folder.to_str().unwrap()], args].concat();
    limited(limit, "camrec", env!("CARGO_BIN_EXE_camrec"), &args)
}

#[test]
fn a_file_that_may_not_grow_is_followed_by_another() {
    // so small that an AVI's index of them is longer than any one is
    let camcast = Camcast::start(&["pattern", "-r", "160x120", "-f", "60"]);
    for format in ["mkv", "avi"] {
        let folder = tempfile::tempdir().unwrap();
        let camrec = limited_camrec("ulimit -f 400", &camcast, folder.path(), &["--format", format]);
        camrec.wait_line("ulimit -f");
        for _ in 0..3 {
            camrec.wait_line_after(camrec.lines(), "writing ");
        }
        let ended = camrec.stop(Signal::SIGINT).expect(0);
        assert_eq!(ended.account("missing"), 0, "{}", ended.log);
        // all of them are whole: nothing is left to a next start
        let next = camrec_into(folder.path(), camcast.address, &["--frames", "1"]).wait_exit().expect(0);
        assert!(!next.log.contains("was not finished"), "{format}: {}", next.log);
        if format == "mkv" {
            let shots: usize =
                RecordingReader::read_folder(folder.path()).iter().map(|film| film.shots.len()).sum();
            assert_eq!(shots as u64, ended.account("recorded") + 1);
        }
    }
}

#[test]
fn a_client_log_that_may_not_grow_ends_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("clients.log");
    fs::write(&log, [b'x'; 500]).unwrap();
    let args = ["pattern", "-r", "320x240", "--listen", "127.0.0.1:0", "--client-log", log.to_str().unwrap()];
    let program = limited("ulimit -f 1", "camcast", env!("CARGO_BIN_EXE_camcast"), &args);
    let camcast = Camcast::from(program);
    for _ in 0..2 {
        camrec(camcast.address, &["-o", "-", "--frames", "3"]).wait_exit().expect(0);
    }
    let said = camcast.wait_line("cannot write the client log");
    assert!(said.contains("move it away"), "{said}");
    let ended = camcast.program.stop(Signal::SIGTERM).expect(0);
    assert_eq!(ended.log.matches("client log").count(), 1, "{}", ended.log);
}

/// A disk of camrec's own, mounted with these options, in a namespace of its own; `None`, and why, where the system has none.
fn on_its_own_disk(options: &str, camcast: &Camcast, folder: &Path, args: &[&str]) -> Option<Program> {
    let can = Command::new("unshare").args(["-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).output();
    if !can.is_ok_and(|can| can.status.success()) {
        left_out("no mount in a user namespace here (unshare -rm)");
        return None;
    }
    let script = format!("mount -t tmpfs -o {options} tmpfs {0} && exec \"$0\" \"$@\"", folder.display());
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-c", &script, env!("CARGO_BIN_EXE_camrec"), &camcast.address.to_string()]);
    command.args(["-o", folder.to_str().unwrap()]).args(args).stdin(Stdio::null());
    Some(Program::start("camrec", &mut command))
}

#[test]
fn a_disk_without_inodes_is_called_that() {
    let (folder, camcast) = (tempfile::tempdir().unwrap(), Camcast::pattern(10));
    let args = ["--segment", "1s", "--name", "%H-%M-%S.mkv"];
    let Some(camrec) = on_its_own_disk("size=64M,nr_inodes=10", &camcast, folder.path(), &args) else {
        return;
    };
    let said = camrec.wait_line("not recording: ");
    assert!(said.contains("no inodes left (df -i") && !said.contains("no space"), "{said}");
    // what it sees there
    let inside = PathBuf::from(format!("/proc/{}/root{}", camrec.pid(), folder.path().display()));
    let sidecars = fs::read_dir(inside).unwrap().map(|entry| entry.unwrap().path());
    let sidecars = sidecars.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    sidecars.for_each(|path| fs::remove_file(path).unwrap());
    camrec.wait_line("recording again");
    let ended = camrec.stop(Signal::SIGINT).expect(0);
    assert_eq!(ended.account("missing"), 0, "{}", ended.log);
}

#[test]
fn an_avi_that_cannot_have_its_index_is_told_of_once() {
    let (folder, camcast) =
        (tempfile::tempdir().unwrap(), Camcast::start(&["pattern", "-r", "160x120", "-f", "60"]));
    let camrec = camrec_into(folder.path(), camcast.address, &["--format", "avi"]);
    let line = camrec.wait_line("writing ");
    let path = PathBuf::from(line.split_once("writing ").unwrap().1);
    let until = deadline(PATIENCE);
    while path.metadata().unwrap().len() < 300_000 {
        assert!(!is_over(until), "it does not grow");
        pause();
    }
    camrec.stop(Signal::SIGKILL);
    let limit = format!("ulimit -f {}", path.metadata().unwrap().len() / 512);
    let start = || limited_camrec(&limit, &camcast, folder.path(), &["--frames", "1"]).wait_exit().expect(0);
    let first = start();
    assert!(first.log.contains("was not finished, and stays without its index"), "{}", first.log);
    let second = start();
    assert!(!second.log.contains("was not finished"), "{}", second.log);
}

#[test]
fn too_many_open_files_are_no_disks_fault() {
    let (folder, camcast) = (tempfile::tempdir().unwrap(), Camcast::pattern(10));
    let camrec = camrec_into(folder.path(), camcast.address, &["--segment", "1s"]);
    camrec.wait_line("writing ");
    camrec.limit_descriptors(3);
    let said = camrec.wait_line("not recording: ");
    assert!(
        said.contains("too many open files: raise the limit (ulimit -n") && !said.contains("dmesg"),
        "{said}"
    );
    camrec.limit_descriptors(1024);
    camrec.wait_line("recording again");
    let ended = camrec.stop(Signal::SIGINT).expect(0);
    assert_eq!(ended.account("missing"), 0, "{}", ended.log);
}
