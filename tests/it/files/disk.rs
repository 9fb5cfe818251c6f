//! A disk that takes its time or fails, and a program that is killed: what was written stays, what comes is written.

use crate::support::books::{assert_adds_up, last, of_kind};
use crate::support::film::{self, RecordingReader};
use crate::support::json::{self, Object};
use crate::support::machine::{Call, Fault, Machine};
use crate::support::pictures::of_len;
use crate::support::procs::{Camcast, Program, camrec_command, camrec_into};
use crate::support::{Noise, PATIENCE, deadline, heavy_turn, is_over, pause};
use nix::errno::Errno;
use nix::sys::signal::Signal;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

fn recorder(machine: &Machine, folder: &Path, camcast: &Camcast, args: &[&str]) -> Program {
    let args = [&["--json", "-o", folder.to_str().unwrap()], args].concat();
    let mut command = camrec_command(&camcast.address.to_string(), &args);
    Program::start("camrec", machine.under(&mut command))
}

/// Frames in all files below the folder.
fn recorded(folder: &Path) -> u64 {
    shots(&RecordingReader::read_folder(folder))
}

#[track_caller]
fn wait_recorded(folder: &Path, frames: u64) {
    let until = deadline(PATIENCE);
    while recorded(folder) < frames {
        assert!(!is_over(until), "it does not go on");
        pause();
    }
}

fn shots(films: &[RecordingReader]) -> u64 {
    films.iter().map(|film| film.shots.len() as u64).sum()
}

#[test]
fn a_disk_that_stands_still_for_a_while_costs_no_frame() {
    let (folder, machine) = (tempfile::tempdir().unwrap(), Machine::new());
    // a file: of a real-time pattern a busy machine misses frames itself
    let clip = tempfile::NamedTempFile::new().unwrap();
    fs::write(&clip, (0..30).flat_map(|n| of_len(5_000, n)).collect::<Vec<u8>>()).unwrap();
    let camcast = Camcast::start(&[clip.path().to_str().unwrap(), "-f", "30"]);
    let camrec = recorder(&machine, folder.path(), &camcast, &[]);
    camrec.wait_line("writing ");
    let stall = Fault::Stall(Duration::from_millis(1500));
    for call in [Call::Write, Call::Sync, Call::Write, Call::Sync, Call::Sync, Call::Write] {
        machine.inflict(call, stall);
    }
    wait_recorded(folder.path(), 6 * 45);
    let ended = camrec.stop(Signal::SIGINT).expect(0);
    let events = json::events(&ended.text());
    let account = last(&events, "account");
    let films = RecordingReader::read_folder(folder.path());
    let [film] = &films[..] else { panic!("{} files", films.len()) };
    assert_eq!((account.number("missing"), account.number("camera_drops")), (0, 0), "{account:?}");
    assert_eq!(account.number("frames"), film.shots.len() as u64);
}

/// The disk stands still while many small frames come: the account at the end, and the log.
fn account_of_a_stall(stall: Duration, cast: &[&str], args: &[&str]) -> (Object, String) {
    let _turn = heavy_turn();
    let (folder, machine) = (tempfile::tempdir().unwrap(), Machine::new());
    let camcast = Camcast::start(&[&["pattern", "-r", "160x120", "-f", "240"], cast].concat());
    let camrec = recorder(&machine, folder.path(), &camcast, args);
    camrec.wait_line("writing ");
    machine.inflict(Call::Write, Fault::Stall(stall));
    wait_recorded(folder.path(), recorded(folder.path()) + 300);
    let ended = camrec.stop(Signal::SIGINT);
    let events = json::events(&ended.text());
    let account = last(&events, "account").clone();
    assert_eq!(account.number("frames"), recorded(folder.path()), "{account:?}");
    assert_adds_up(folder.path(), &account);
    (account, ended.log)
}

#[test]
fn small_frames_that_wait_are_bounded_by_their_bytes_alone() {
    let (account, log) = account_of_a_stall(Duration::from_secs(5), &[], &[]);
    assert_eq!(account.number("missing"), 0, "{account:?}");
    assert!(!log.contains("does not keep up"), "{log}");
}

#[test]
fn what_finds_no_room_waits_in_camcasts_reel() {
    let (account, log) = account_of_a_stall(Duration::from_secs(6), &[], &["--buffer", "100k"]);
    assert_eq!(account.number("missing"), 0, "{account:?}");
    assert!(log.contains("the disk does not keep up: 102.4 kB wait"), "{log}");
}

#[test]
fn what_the_reel_could_not_keep_was_the_disks_fault() {
    let (account, log) = account_of_a_stall(Duration::from_secs(8), &["--reel", "1M"], &["--buffer", "100k"]);
    assert!(account.number("missing") > 0, "{account:?}");
    assert_eq!(account.number("not_written"), account.number("missing"), "{account:?}");
    assert!(log.contains(" not written: the disk has not kept up"), "{log}");
}

#[test]
fn what_waits_for_the_disk_at_the_end_is_recorded() {
    let (folder, machine) = (tempfile::tempdir().unwrap(), Machine::new());
    let camcast = Camcast::pattern(30);
    let camrec = recorder(&machine, folder.path(), &camcast, &["--buffer", "100k"]);
    camrec.wait_line("writing ");
    let lines = camrec.lines();
    thread::scope(|scope| {
        scope.spawn(|| machine.inflict(Call::Write, Fault::Stall(Duration::from_secs(3))));
        camrec.wait_line_after(lines, "the disk does not keep up");
        camrec.signal(Signal::SIGINT);
    });
    let ended = camrec.wait_exit().expect(0);
    let events = json::events(&ended.text());
    let account = last(&events, "account");
    assert_eq!((account.number("missing"), account.number("frames")), (0, recorded(folder.path())));
}

#[test]
fn what_the_disk_does_not_confirm_is_never_asked_for_again() {
    let (folder, machine) = (tempfile::tempdir().unwrap(), Machine::new());
    let camcast = Camcast::pattern(30);
    let camrec = recorder(&machine, folder.path(), &camcast, &[]);
    camrec.wait_line("writing ");
    for errno in [Errno::EIO, Errno::ENOSPC, Errno::EDQUOT] {
        let lines = camrec.lines();
        machine.inflict(Call::Sync, Fault::Fail(errno));
        camrec.wait_line_after(lines, "writing ");
    }
    let ended = camrec.stop(Signal::SIGINT).expect(0);
    let events = json::events(&ended.text());
    let account = last(&events, "account");
    assert_eq!(account.number("missing"), 0, "{account:?}");
    assert_eq!(account.number("frames"), recorded(folder.path()), "{account:?}");
    let suspects = of_kind(&events, "segment-suspect");
    assert_eq!(suspects.len(), 3, "{}", ended.log);
    assert_eq!(of_kind(&events, "segment-finished").len(), 1);
    for suspect in suspects {
        let film = RecordingReader::read(Path::new(suspect.text("path")));
        assert!(!film.is_finished, "left as it is: {}", suspect.text("path"));
    }
    // and made whole by the next start
    let next = camrec_into(folder.path(), camcast.address, &["--frames", "1"]).wait_exit().expect(0);
    assert_eq!(next.log.matches("was not finished: repaired").count(), 3, "{}", next.log);
    assert!(RecordingReader::read_folder(folder.path()).iter().all(|film| film.is_finished));
    assert_eq!(recorded(folder.path()), account.number("frames") + 1);
}

#[test]
fn a_write_that_fails_costs_no_frame() {
    let (folder, machine) = (tempfile::tempdir().unwrap(), Machine::new());
    let camcast = Camcast::pattern(30);
    let camrec = recorder(&machine, folder.path(), &camcast, &[]);
    camrec.wait_line("writing ");
    for errno in [Errno::EIO, Errno::ENOSPC, Errno::EROFS] {
        let lines = camrec.lines();
        machine.inflict(Call::Write, Fault::Fail(errno));
        camrec.wait_line_after(lines, "writing ");
    }
    let ended = camrec.stop(Signal::SIGINT).expect(0);
    let events = json::events(&ended.text());
    let account = last(&events, "account");
    assert_eq!(account.number("missing"), 0, "{account:?}");
    assert_eq!(account.number("frames"), recorded(folder.path()), "{account:?}");
    assert_eq!(of_kind(&events, "segment-begun").len(), 4, "{}", ended.log);
    assert!(RecordingReader::read_folder(folder.path()).iter().all(|film| film.is_finished));
}

/// What a kill has left: how many frames, and how many files are open. One that was made and not yet written to has no frame to read.
fn left(folder: &Path) -> (u64, usize) {
    let (empty, begun): (Vec<_>, Vec<_>) =
        film::files(folder).into_iter().partition(|path| path.metadata().unwrap().len() == 0);
    let films: Vec<RecordingReader> = begun.iter().map(|path| RecordingReader::read(path)).collect();
    let open = films.iter().filter(|film| !film.is_finished).count();
    (shots(&films), open + empty.len())
}

/// A start names each file that it finds open.
#[track_caller]
fn assert_named(open: usize, log: &str, seed: u64) {
    assert_eq!(log.matches("was not finished").count(), open, "seed {seed}: {log}");
}

/// KILLS=200 for the whole of it.
#[test]
fn a_killed_camrec_has_written_what_it_has_reported() {
    let kills: u64 = std::env::var("KILLS").map_or(20, |kills| kills.parse().unwrap());
    let camcast = Camcast::pattern(30);
    let recorders = 4;
    thread::scope(|scope| {
        for seed in 0..recorders {
            let address = camcast.address;
            scope.spawn(move || {
                let (folder, mut noise) = (tempfile::tempdir().unwrap(), Noise::new(seed));
                let (mut reported, mut files, mut open) = (0, 0, 0);
                for _ in 0..kills.div_ceil(recorders) {
                    let camrec = camrec_into(folder.path(), address, &["--segment", "1s", "--json"]);
                    camrec.wait_line("writing ");
                    let until = deadline(Duration::from_millis(noise.below(2500) as u64));
                    while !is_over(until) {
                        pause();
                    }
                    let ended = camrec.stop(Signal::SIGKILL);
                    let told = ended.text();
                    // the last line may be torn
                    let events = json::events(&told[..told.rfind('\n').map_or(0, |end| end + 1)]);
                    let frames = events.iter().rev().find(|event| event.text("event") == "status");
                    reported += frames.map_or(0, |status| status.number("frames"));
                    files += of_kind(&events, "segment-begun").len();
                    assert_named(open, &ended.log, seed);
                    let found;
                    (found, open) = left(folder.path());
                    assert!(open <= 1, "seed {seed}: {open} files are open");
                    assert!(found >= reported, "seed {seed}: {found} of {reported} frames:\n{told}");
                    // what is more than was reported is counted from now on
                    reported = found;
                }
                let last = camrec_into(folder.path(), address, &["--frames", "1"]).wait_exit().expect(0);
                assert_named(open, &last.log, seed);
                let films = RecordingReader::read_folder(folder.path());
                assert!(films.iter().all(|film| film.is_finished));
                assert!(films.len() > files, "{} of {files} files, and the last", films.len());
                assert_eq!(recorded(folder.path()), reported + 1);
                eprintln!("{} kills: {reported} frames in {} files", kills / recorders, films.len());
            });
        }
    });
}
