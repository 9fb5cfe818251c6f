//! `--config`: both programs do what a file says, what is typed wins, and what is wrong in it is told by its line.

use crate::support::film::RecordingReader;
use crate::support::procs::{Camcast, Program};
use nix::sys::signal::Signal;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn file(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path
}

fn command(program: &str, config: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.arg("--config").arg(config).args(args).env_remove("RUST_LOG").env_remove("JOURNAL_STREAM");
    command
}

/// Its exit code, and what it said: on standard output if that is 0.
fn run(program: &str, config: &Path, args: &[&str]) -> (i32, String) {
    let output = command(program, config, args).output().unwrap();
    let said = if output.status.success() { output.stdout } else { output.stderr };
    (output.status.code().unwrap(), String::from_utf8(said).unwrap().trim_end().to_owned())
}

const CAMCAST: &str = env!("CARGO_BIN_EXE_camcast");
const CAMREC: &str = env!("CARGO_BIN_EXE_camrec");

#[test]
fn both_programs_do_what_their_files_say() {
    let folder = tempfile::tempdir().unwrap();
    let conf = "# the door\nsource pattern\nresolution 320x240\ndesired-fps 120\nlisten 127.0.0.1:0\n";
    let conf = file(folder.path(), "door.conf", conf);
    // what is typed wins
    let program = Program::start("camcast", &mut command(CAMCAST, &conf, &["-f", "30"]));
    let camcast = Camcast::from(program);
    let recordings = folder.path().join("a folder");
    let text = format!(
        "host {}\noutput '{}'\nname door-%H-%M-%S.mkv\nframes 5\n",
        camcast.address,
        recordings.display()
    );
    let ended = Program::start("camrec", &mut command(CAMREC, &file(folder.path(), "rec.conf", &text), &[]));
    let ended = ended.wait_exit().expect(0);
    let films = RecordingReader::read_folder(&recordings);
    let [film] = &films[..] else { panic!("{} files\n{}", films.len(), ended.log) };
    assert_eq!(film.shots.len(), 5);
    assert!(film.path.file_name().unwrap().to_str().unwrap().starts_with("door-"), "{:?}", film.path);
    let log = camcast.program.stop(Signal::SIGTERM).expect(0).log;
    assert!(log.contains("320x240") && log.contains("30 fps"), "{log}");
}

#[test]
fn what_is_wrong_in_a_file_is_told_by_its_line() {
    let folder = tempfile::tempdir().unwrap();
    for (program, text, typed, said) in [
        (CAMCAST, "source pattern\n\nhtp :8080\n", &[][..], "3: there is no option htp: did you mean http?"),
        (CAMCAST, "source pattern\nresolution big\n", &[], "2: resolution big: "),
        (CAMCAST, "source pattern\nlisten :0\nlisten nowhere\n", &[], "3: listen nowhere: "),
        (CAMCAST, "source pattern\nmtu 1\n", &[], "2: mtu: from "),
        (CAMCAST, "list\n", &[], "1: list is for the command line"),
        (CAMREC, "host pi\nkeep much\n", &[], "2: keep much: "),
        (CAMREC, "host pi\noutput a.mkv\nformat avi\n", &[], "3: format avi and -o "),
        (CAMREC, "host pi\nkeep 1G\n", &["--keep", "much"], ""),
    ] {
        let conf = file(folder.path(), "a.conf", text);
        for check in [&[][..], &["--check-config"]] {
            let (code, why) = run(program, &conf, &[typed, check].concat());
            assert_eq!(code, 2, "{text}: {why}");
            let name = Path::new(program).file_name().unwrap().to_str().unwrap();
            let start = if said.is_empty() {
                format!("{name}: --keep much")
            } else {
                format!("{name}: {}:{said}", conf.display())
            };
            assert!(why.starts_with(&start), "{why}\n{start}");
            assert_eq!(why.lines().count(), 1, "{why}");
        }
    }
    let none = folder.path().join("none.conf");
    let (code, why) = run(CAMCAST, &none, &[]);
    assert!(code == 2 && why.contains("none.conf: No such file"), "{why}");
    assert_eq!(run(CAMCAST, Path::new("/dev/zero"), &[]).0, 2);
}

#[test]
fn a_file_is_checked_and_nothing_else_is_done() {
    let folder = tempfile::tempdir().unwrap();
    // no such camera, no such host: neither is asked
    let conf = file(folder.path(), "a.conf", "source /dev/video77\nlisten 127.0.0.1:1\n");
    assert_eq!(run(CAMCAST, &conf, &["--check-config"]), (0, "the options are fine".into()));
    let conf = file(folder.path(), "b.conf", "host nobody.invalid\nkeep 5G\n");
    assert_eq!(run(CAMREC, &conf, &["--check-config"]), (0, "the options are fine".into()));
    for (program, sample) in [(CAMCAST, "camcast"), (CAMREC, "camrec")] {
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("systemd/{sample}.conf"));
        let host: &[&str] = if program == CAMREC { &["pi.local"] } else { &[] };
        assert_eq!(run(program, &sample, &[&["--check-config"], host].concat()).0, 0);
    }
}
