//! Names are bytes: what is no text, or would be obeyed by a terminal, neither ends a program nor reaches a terminal as it is.

use crate::support::film::{self, RecordingReader};
use crate::support::json;
use crate::support::pictures::noise;
use crate::support::procs::{Camcast, Program, camcast, camrec_command};
use nix::sys::signal::Signal;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Latin-1, a line's end, and a terminal's order to become red; and how it is to be shown.
const NAME: &[u8] = b"caf\xe9\n\x1b[31m";
const SHOWN: &str = "caf\\xE9\\n\\u{1b}[31m";

fn named(folder: &Path) -> PathBuf {
    folder.join(OsStr::from_bytes(NAME))
}

/// Nothing in it but text in lines.
#[track_caller]
fn assert_tame(said: &[u8]) {
    let text =
        std::str::from_utf8(said).unwrap_or_else(|why| panic!("{why}: {}", String::from_utf8_lossy(said)));
    assert!(!text.contains(|char: char| char.is_control() && char != '\n'), "{text:?}");
    assert!(!text.contains('\u{fffd}'), "{text:?}");
}

fn run(program: &str, args: &[&OsStr]) -> Output {
    let mut command = Command::new(program);
    let output = command.args(args).env_remove("RUST_LOG").env_remove("JOURNAL_STREAM").output().unwrap();
    assert_tame(&output.stderr);
    output
}

#[test]
fn any_argument_may_be_any_bytes() {
    let bad = OsStr::from_bytes(NAME);
    for (program, option) in [
        (env!("CARGO_BIN_EXE_camcast"), "--resolution"),
        (env!("CARGO_BIN_EXE_camcast"), "--control"),
        (env!("CARGO_BIN_EXE_camcast"), "--mtu"),
        (env!("CARGO_BIN_EXE_camrec"), "--segment"),
        (env!("CARGO_BIN_EXE_camrec"), "--name"),
        (env!("CARGO_BIN_EXE_camrec"), "--frames"),
    ] {
        let place = OsStr::new(if program.ends_with("camrec") { "127.0.0.1" } else { "pattern" });
        let output = run(program, &[place, OsStr::new(option), bad]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{option}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    for program in [env!("CARGO_BIN_EXE_camcast"), env!("CARGO_BIN_EXE_camrec")] {
        // no such file, no such host, no such option
        assert_eq!(run(program, &[bad]).status.code(), Some(if program.ends_with("camrec") { 2 } else { 3 }));
        let output = run(program, &[OsStr::from_bytes(&[b"--", NAME].concat())]);
        assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_missing_file_is_named_so_that_it_can_be_found() {
    let output = run(env!("CARGO_BIN_EXE_camcast"), &[OsStr::from_bytes(b"/nowhere/caf\xe9\n.jpg")]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("camcast: no such file or folder: /nowhere/caf\\xE9\\n.jpg ("), "{said}");
}

#[test]
fn files_of_any_name_are_played_and_recorded() {
    let home = tempfile::tempdir().unwrap();
    let played = named(home.path());
    fs::create_dir(&played).unwrap();
    let jpegs: Vec<Vec<u8>> = (0..2).map(|seed| noise(64, 48, 20, seed)).collect();
    fs::write(played.join(OsStr::from_bytes(b"1\xff\n.jpg")), &jpegs[0]).unwrap();
    fs::write(played.join("2.jpg"), &jpegs[1]).unwrap();
    let log = home.path().join(OsStr::from_bytes(b"clients\xe9.log"));
    let mut command = camcast(&["-f", "20", "--listen", "127.0.0.1:0"]);
    command.arg(&played).arg("--client-log").arg(&log);
    let camcast = Camcast::from(Program::start("camcast", &mut command));

    let recorded = home.path().join(OsStr::from_bytes(b"rec\xe9\x1b"));
    let mut command = camrec_command(&camcast.address.to_string(), &["--frames", "20"]);
    let touched = home.path().join(OsStr::from_bytes(b"done\xe9"));
    let touch = [b"touch ", touched.as_os_str().as_bytes()].concat();
    command.arg("-o").arg(&recorded).arg("--on-segment").arg(OsStr::from_bytes(&touch));
    let ended = Program::start("camrec", &mut command).wait_exit().expect(0);
    assert_tame(&ended.out);
    assert_tame(ended.log.as_bytes());
    assert!(ended.log.contains("writing ") && ended.log.contains("rec\\xE9\\u{1b}"), "{}", ended.log);
    let [path] = &film::files(&recorded)[..] else { panic!("not one file in {recorded:?}") };
    let film = RecordingReader::read(path);
    assert!(
        jpegs.iter().all(|jpeg| film.shots.iter().any(|shot| shot.jpeg == *jpeg)),
        "both files are played"
    );
    assert!(touched.exists(), "a command is bytes too");

    let said = camcast.program.stop(Signal::SIGTERM).expect(0).log;
    assert_tame(said.as_bytes());
    assert!(said.contains(SHOWN), "{said}");
    assert_eq!(fs::read_to_string(&log).unwrap().lines().count(), 2, "joined, left");

    // and read back
    let check = run(env!("CARGO_BIN_EXE_camrec"), &[OsStr::new("check"), path.as_os_str()]);
    assert_eq!(check.status.code(), Some(0));
    assert_tame(&check.stdout);
    let copy = home.path().join(OsStr::from_bytes(b"copy\xe9.mov"));
    let export = run(
        env!("CARGO_BIN_EXE_camrec"),
        &[OsStr::new("export"), path.as_os_str(), OsStr::new("-o"), copy.as_os_str()],
    );
    assert_eq!(export.status.code(), Some(0), "{}", String::from_utf8_lossy(&export.stderr));
    assert_tame(&export.stdout);
    assert!(copy.exists());
}

/// Programs get what is text as it is: they open it.
#[test]
fn programs_are_told_names_that_they_can_open() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("a\nb");
    let camcast = Camcast::pattern(30);
    let ended = crate::support::procs::camrec_into(&folder, camcast.address, &["--frames", "3", "--json"])
        .wait_exit()
        .expect(0);
    let events = json::events(&ended.text());
    let begun = events.iter().find(|event| event.text("event") == "segment-begun").unwrap();
    assert!(Path::new(begun.text("path")).exists(), "{begun:?}");
}
