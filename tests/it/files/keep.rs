//! What a limit costs: nothing that a letter too few has not meant, and what it costs is said in one line.

use crate::support::procs::{Camcast, Program, camrec_command, camrec_into};
use crate::support::{PATIENCE, deadline, is_over, pause};
use nix::sys::signal::Signal;
use std::fs;
use std::path::Path;

/// Bytes of each file of the archive.
const EACH: usize = 40_000;

/// Recordings of long ago, as the index has them.
fn archive(folder: &Path, files: i64) {
    let mut index = String::from("camrec-index 1\n");
    for number in 0..files {
        let name = format!("old-{number:02}.mkv");
        fs::write(folder.join(&name), vec![0; EACH]).unwrap();
        let ended = 1_000_000_000 + 600 * number;
        index.push_str(&format!("begun {name}\nfinished {EACH} {ended} {name}\n"));
    }
    fs::write(folder.join(".camrec.index"), index).unwrap();
}

/// Those of them that are left.
fn left(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.starts_with("old-")).collect();
    names.sort();
    names
}

/// Nobody is asked for a stream.
fn refuse(folder: &Path, args: &[&str]) -> String {
    let args = [&["-o", folder.to_str().unwrap()], args].concat();
    let ended = Program::start("camrec", &mut camrec_command("127.0.0.1:1", &args)).wait_exit();
    ended.expect(2).log
}

#[test]
fn a_missing_letter_costs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    archive(folder.path(), 11);
    assert!(refuse(folder.path(), &["--keep", "10"]).contains("--keep 10: 10 of what?"));
    assert!(refuse(folder.path(), &["--keep=10K"]).contains("less than 3 files of 10 min 00 s"));
    assert!(refuse(folder.path(), &["--keep-for", "7"]).contains("--keep-for 7: 7 of what?"));
    assert!(refuse(folder.path(), &["--keep-for", "7m"]).contains("which are 30 min 00 s"));
    assert!(refuse(folder.path(), &["--min-free", "10"]).contains("--min-free 10: 10 of what?"));
    assert!(refuse(folder.path(), &["--min-free", "9000T"]).contains(" in all"));
    let said = refuse(folder.path(), &["--segment", "1s", "--keep", "100K"]);
    assert!(said.contains("which have 40.0 kB each and 440.0 kB in all"), "{said}");
    assert_eq!(left(folder.path()).len(), 11);
}

/// Records until only the newest of the archive is left, and is then killed, so that there is no newer one. Returns the log.
fn record(folder: &Path, args: &[&str], newest: &str) -> String {
    let camcast = Camcast::pattern(30);
    let camrec = camrec_into(folder, camcast.address, args);
    let until = deadline(PATIENCE);
    while left(folder) != [newest] || !camrec.log().contains("deleted ") {
        assert!(!is_over(until), "{:?} are left", left(folder));
        pause();
    }
    let log = camrec.stop(Signal::SIGKILL).log;
    assert_eq!(left(folder), [newest], "{log}");
    log
}

/// A service that was off for weeks.
#[test]
fn what_goes_at_the_start_is_one_line_and_the_newest_stays() {
    let folder = tempfile::tempdir().unwrap();
    archive(folder.path(), 21);
    let log = record(folder.path(), &["--keep-for", "7d"], "old-20.mkv");
    assert_eq!(log.matches("deleted ").count(), 1, "{log}");
    let line =
        "deleted 20 recordings of earlier runs, 800.0 kB, the oldest of 2001-09-09: older than --keep-for";
    assert!(log.contains(line), "{log}");
    assert!(!log.contains("is the disk mounted?"), "{log}");
}

/// As a service has it after a power cut, with files that have grown since the limit was chosen.
#[test]
fn a_file_or_two_too_many_keep_nobody_from_recording() {
    let folder = tempfile::tempdir().unwrap();
    archive(folder.path(), 3);
    let log = record(folder.path(), &["--segment", "20s", "--keep", "90K"], "old-02.mkv");
    assert!(log.contains("deleted "), "{log}");
}

/// The stream tells how long a file of it is.
#[test]
fn a_limit_that_holds_few_files_is_said_once_with_the_arithmetic() {
    let folder = tempfile::tempdir().unwrap();
    let camcast = Camcast::pattern(30);
    let args = ["--segment", "1s", "--keep", "8K", "--frames", "100"];
    let log = camrec_into(folder.path(), camcast.address, &args).wait_exit().expect(0).log;
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains("holds less than")).collect();
    let [warning] = warnings[..] else { panic!("{log}") };
    assert!(!log.contains("is the disk mounted?"), "what camrec has deleted itself: {log}");
    assert!(warning.contains("--keep 8.2 kB holds less than 3 files of 1.0 s at "), "{warning}");
    let newest = crate::support::film::files(folder.path());
    assert_eq!(newest.len(), 1, "the newest finished file stays: {newest:?}");
}
