//! What people mean by the names that they give: one file, or a folder of files, whatever is there already.

use crate::support::film::RecordingReader;
use crate::support::procs::{Camcast, Program, camrec, camrec_command, camrec_into, own_loopback};
use crate::support::{PATIENCE, deadline, is_over, pause};
use nix::sys::signal::Signal;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_owned()
}

#[test]
fn a_name_in_mkv_is_one_file_and_never_over_another() {
    let folder = tempfile::tempdir().unwrap();
    let camcast = Camcast::pattern(30);
    let out = path(folder.path(), "out.mkv");
    camrec(camcast.address, &["-o", &out, "--frames=40"]).wait_exit().expect(0);
    assert_eq!(names(folder.path()), ["out.json", "out.mkv"]);
    assert_eq!(RecordingReader::read(Path::new(&out)).shots.len(), 40);
    let before = fs::read(&out).unwrap();
    let empty = path(folder.path(), "empty.avi");
    fs::write(&empty, b"").unwrap();
    for taken in [&out, &empty] {
        let ended = camrec(camcast.address, &["-o", taken, "--frames", "3"]).wait_exit().expect(11);
        assert!(ended.log.contains(&format!("{taken} is there already")), "{}", ended.log);
    }
    assert_eq!(fs::read(&out).unwrap(), before);
    assert_eq!(fs::read(&empty).unwrap(), b"");

    // a limit of the folder is not for what was asked for by its name
    let args = ["--segment", "1s", "--keep", "4K", "--frames", "100"];
    camrec_into(folder.path(), camcast.address, &args).wait_exit().expect(0);
    assert_eq!(fs::read(&out).unwrap(), before);
}

#[test]
fn the_folder_of_one_file_may_have_any_name_and_may_have_to_be_there() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join(OsStr::from_bytes(b"caf\xe9"));
    let camcast = Camcast::pattern(30);
    let address = camcast.address.to_string();
    let record = || {
        let mut output = OsStr::new("--output=").to_owned();
        output.push(folder.join("out.mkv"));
        let mut command = camrec_command(&address, &["--must-exist", "--frames=3"]);
        Program::start("camrec", command.arg(output)).wait_exit()
    };
    let log = record().expect(11).log;
    assert!(log.contains("caf\\xE9") && !folder.exists(), "{log}");
    fs::create_dir(&folder).unwrap();
    record().expect(0);
    assert_eq!(names(&folder), ["out.json", "out.mkv"]);
}

#[test]
fn one_file_that_was_cut_off_is_repaired_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let camcast = Camcast::pattern(30);
    let out = path(folder.path(), "out.mkv");
    let first = camrec(camcast.address, &["-o", &out]);
    let until = deadline(PATIENCE);
    while fs::metadata(&out).map_or(0, |found| found.len()) < 300_000 {
        assert!(!is_over(until), "nothing is written");
        pause();
    }
    drop(first.stop(Signal::SIGKILL));
    let again = camrec(camcast.address, &["-o", &out]).wait_exit().expect(11);
    assert!(again.log.contains("was not finished"), "{}", again.log);
    let repaired = RecordingReader::read(Path::new(&out));
    assert!(repaired.is_finished);
    // and no limit is for it
    let args = ["--segment", "1s", "--keep", "4K", "--frames", "100"];
    camrec_into(folder.path(), camcast.address, &args).wait_exit().expect(0);
    assert_eq!(RecordingReader::read(Path::new(&out)).shots.len(), repaired.shots.len());
}

/// Another stream's frames have another clock.
#[test]
fn what_one_file_cannot_hold_goes_to_another_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["pattern", "-r320x240", "-f30"];
    let camcast = Camcast::start_at(&format!("{}:0", own_loopback()), &args);
    let address = camcast.address.to_string();
    let camrec = camrec(camcast.address, &["-o", &path(folder.path(), "out.mkv")]);
    camrec.wait_line("out.mkv");
    camcast.program.stop(Signal::SIGTERM).expect(0);
    let camcast = Camcast::start_at(&address, &args);
    camrec.wait_line("out_2.mkv");
    drop(camcast);
    camrec.stop(Signal::SIGINT);
    assert!(names(folder.path()).contains(&"out_2.mkv".to_owned()));
}

#[test]
fn a_name_without_the_time_goes_on_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("door_9999.mkv"), b"").unwrap();
    fs::write(
        folder.path().join(".camrec.index"),
        "camrec-index 1\nbegun door_9999.mkv\nfinished 0 0 door_9999.mkv\n",
    )
    .unwrap();
    let camcast = Camcast::pattern(30);
    camrec_into(folder.path(), camcast.address, &["--name", "door.mkv", "--frames", "3"])
        .wait_exit()
        .expect(0);
    assert_eq!(names(folder.path()), ["door_10000.json", "door_10000.mkv", "door_9999.mkv"]);
}

#[test]
fn a_tilde_in_quotes_is_a_home() {
    let home = tempfile::tempdir().unwrap();
    let camcast = Camcast::pattern(30);
    let host = format!("http://{}/", camcast.address);
    let mut command = camrec_command(&host, &["--output=~/rec", "--frames", "3"]);
    Program::start("camrec", command.env("HOME", home.path())).wait_exit().expect(0);
    assert_eq!(names(home.path()), ["rec"]);
}

#[test]
fn a_folder_of_pictures_ends_without_a_complaint() {
    let folder = tempfile::tempdir().unwrap();
    let camcast = Camcast::pattern(30);
    let args = ["--format", "jpg", "--segment", "1s", "--frames", "40"];
    let log = camrec_into(folder.path(), camcast.address, &args).wait_exit().expect(0).log;
    assert!(!log.contains("trim") && !log.contains("check the disk"), "{log}");
}
