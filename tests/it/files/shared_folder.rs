//! Two recorders on one folder, where no lock tells them of each other: NFS without locks, sshfs. What the one writes the other leaves
//! alone, and the folder's index has the lines of both.

use crate::support::film::RecordingReader;
use crate::support::machine::Machine;
use crate::support::procs::{Camcast, Program, camrec_command, camrec_into};
use crate::support::{deadline, is_over, pause};
use nix::sys::signal::Signal;
use std::fs;
use std::path::Path;

fn recorder(machine: &Machine, folder: &Path, camcast: &Camcast, args: &[&str]) -> Program {
    let args = [&["-o", folder.to_str().unwrap()], args].concat();
    let mut command = camrec_command(&camcast.address.to_string(), &args);
    Program::start("camrec", machine.under(&mut command))
}

/// The folder's lock looks as if another machine's recorder had made it.
fn seen_from_elsewhere(folder: &Path) {
    let lock = folder.join(".camrec.lock");
    assert!(fs::read_to_string(&lock).unwrap().contains("\nboot "), "it says which machine");
    let text = "camrec 0.1.0 on attic, process 7, since 2026-11-26 01:02:03\nboot 0123 process 7 started 8\n";
    fs::write(lock, text).unwrap();
}

/// There is something in a file of it.
fn wait_for_frames(folder: &Path) {
    let until = deadline(crate::support::PATIENCE);
    let has_frames = |folder: &Path| {
        let all = crate::support::film::files(folder);
        all.iter().any(|path| path.metadata().unwrap().len() > 50_000)
    };
    while !has_frames(folder) {
        assert!(!is_over(until), "nothing is written");
        pause();
    }
}

#[test]
fn a_living_recorder_of_this_machine_is_known_without_a_lock() {
    let (folder, camcast) = (tempfile::tempdir().unwrap(), Camcast::pattern(30));
    let machine = Machine::new().without_locks();
    let first = recorder(&machine, folder.path(), &camcast, &[]);
    first.wait_line("writing ");
    let refused = recorder(&machine, folder.path(), &camcast, &["--frames", "1"]).wait_exit().expect(11);
    let process = format!("process {}", first.pid());
    assert!(
        refused.log.contains(&process) && refused.log.contains("one folder, one camrec"),
        "{}",
        refused.log
    );
    first.stop(Signal::SIGINT).expect(0);
    // and one that has ended is no obstacle
    recorder(&machine, folder.path(), &camcast, &["--frames", "1"]).wait_exit().expect(0);
}

#[test]
fn what_another_machine_writes_is_left_alone() {
    let (folder, camcast) = (tempfile::tempdir().unwrap(), Camcast::pattern(30));
    let machine = Machine::new().without_locks();
    let first = recorder(&machine, folder.path(), &camcast, &[]);
    first.wait_line("writing ");
    wait_for_frames(folder.path());
    seen_from_elsewhere(folder.path());
    let second = recorder(&machine, folder.path(), &camcast, &["--segment", "3s"]);
    let said = second.wait_line("is being written by somebody else");
    assert!(said.contains("camrec 0.1.0 on attic, process 7") && said.contains("left alone"), "{said}");
    second.wait_line_after(second.lines(), "writing ");
    let [first, second] = [first, second].map(|camrec| camrec.stop(Signal::SIGINT).expect(0));
    for ended in [&first, &second] {
        assert_eq!(ended.account("missing"), 0, "{}", ended.log);
        assert!(!ended.log.contains("deleted") && !ended.log.contains("repaired"), "{}", ended.log);
    }
    let films = RecordingReader::read_folder(folder.path());
    assert!(films.iter().all(|film| film.is_finished));
    let recorded = first.account("recorded") + second.account("recorded");
    assert_eq!(films.iter().map(|film| film.shots.len() as u64).sum::<u64>(), recorded);
    let index = fs::read_to_string(folder.path().join(".camrec.index")).unwrap();
    for film in &films {
        let name = film.path.strip_prefix(folder.path()).unwrap().to_str().unwrap();
        let line = format!(" {name}\n");
        assert!(index.lines().any(|line| line == format!("begun {name}")), "{name}: {index}");
        assert!(index.contains(&line) && index.matches(&line).count() == 2, "{name}: {index}");
    }
}

#[test]
fn what_nobody_writes_any_more_is_repaired_once_that_is_sure() {
    let (folder, camcast) = (tempfile::tempdir().unwrap(), Camcast::pattern(30));
    let machine = Machine::new().without_locks();
    let first = recorder(&machine, folder.path(), &camcast, &[]);
    first.wait_line("writing ");
    wait_for_frames(folder.path());
    first.stop(Signal::SIGKILL);
    seen_from_elsewhere(folder.path());
    let second = recorder(&machine, folder.path(), &camcast, &[]);
    let said = second.wait_line("was not finished: repaired");
    assert!(second.log().find("writing ") < second.log().find(&said), "the recording did not wait for it");
    second.stop(Signal::SIGINT).expect(0);
    let next = camrec_into(folder.path(), camcast.address, &["--frames", "1"]).wait_exit().expect(0);
    assert!(!next.log.contains("was not finished"), "{}", next.log);
}
