//! The wall clock is set while camrec records: no frame is lost, no file written over, and each file's times are those of
//! the clock as it was when the file began.

use crate::support::books::{assert_adds_up, last, of_kind};
use crate::support::film::RecordingReader;
use crate::support::json;
use crate::support::machine::Machine;
use crate::support::procs::{Camcast, Program, camrec_command, camrec_into};
use crate::support::{PATIENCE, deadline, is_over, pause};
use nix::sys::signal::Signal;
use std::collections::HashMap;
use std::fs;
use std::path::Path;

const HOUR: i64 = 3600;

/// 2026-10-25 01:00:00 UTC: three o'clock in Berlin becomes two again.
const CHANGE: i64 = 1_792_890_000;

/// How far two recorders' times of a frame may be apart, in microseconds: each takes the quickest datagrams so far for the truth, and a
/// busy machine has none that are quick. Where it is not busy they are within a millisecond: the test prints it.
const APART: i64 = 200_000;

/// Two recorders of one stream: the clock of one of them is set again and again, the other tells the truth.
fn record(zone: &str, settings: &[i64], check: impl Fn(&Path, &str)) {
    let _turn = crate::support::heavy_turn();
    let (folder, truth, machine) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), Machine::new());
    let camcast = Camcast::pattern(30);
    let reference = camrec_into(truth.path(), camcast.address, &[]);
    reference.wait_line("writing ");
    let args = ["--json", "--segment", "1s", "-o", folder.path().to_str().unwrap()];
    let mut command = camrec_command(&camcast.address.to_string(), &args);
    machine.set_clock(settings[0]);
    let camrec = Program::start("camrec", machine.under(command.env("TZ", zone)));
    camrec.wait_line("writing ");
    for setting in &settings[1..] {
        machine.set_clock(*setting);
        let lines = camrec.lines();
        // the file that is open began by the clock as it was; two more by the new one
        (0..3).for_each(|more| drop(camrec.wait_line_after(lines + more, "writing ")));
    }
    let ended = camrec.stop(Signal::SIGINT).expect(0);
    reference.stop(Signal::SIGINT).expect(0);

    let events = json::events(&ended.text());
    let account = last(&events, "account");
    assert_eq!(account.number("missing"), 0, "{account:?}");
    assert_adds_up(folder.path(), account);
    let when: HashMap<Vec<u8>, i64> = RecordingReader::read_folder(truth.path())
        .iter()
        .flat_map(|film| {
            film.times().zip(&film.shots).map(|(time, shot)| (shot.jpeg.clone(), time)).collect::<Vec<_>>()
        })
        .collect();
    // in the order in which they were written
    let (mut setting, mut frames, mut worst) = (0, 0, 0);
    for begun in of_kind(&events, "segment-begun") {
        let film = RecordingReader::read(Path::new(begun.text("path")));
        assert!(film.is_finished);
        let ahead = film.times().zip(&film.shots).map(|(time, shot)| time - when[&shot.jpeg]);
        let ahead: Vec<i64> = ahead.collect();
        let all_are = |by: i64| ahead.iter().all(|ahead| (ahead - by * 1_000_000).abs() <= APART);
        while !all_are(settings[setting]) {
            setting += 1;
            assert!(setting < settings.len(), "{}: microseconds ahead: {ahead:?}", film.path.display());
        }
        let off = |ahead: &i64| (ahead - settings[setting] * 1_000_000).abs();
        worst = worst.max(ahead.iter().map(off).max().unwrap());
        frames += film.shots.len() as u64;
    }
    eprintln!("{frames} frames, none off by more than {worst} microseconds");
    assert_eq!(setting, settings.len() - 1);
    assert_eq!(account.number("frames"), frames, "none was written over");
    assert_eq!(of_kind(&events, "clock-set").len(), settings.len() - 1, "{}", ended.log);
    check(folder.path(), &ended.log);
}

#[test]
fn an_hour_forth_and_back_and_1970() {
    let now = jiff::Timestamp::now().as_second();
    record("UTC", &[0, HOUR, 0, -HOUR, 60 - now, 0], |folder, _| {
        assert!(fs::exists(folder.join("1970-01-01")).unwrap());
    });
}

#[test]
fn the_hour_that_comes_twice() {
    let summer = CHANGE - HOUR / 2 - jiff::Timestamp::now().as_second();
    record("Europe/Berlin", &[summer, summer + HOUR, summer], |folder, log| {
        let named = |is_summer: bool| {
            let films = RecordingReader::read_folder(folder).into_iter();
            let films = films.filter(|film| (film.started / 1_000_000_000 < CHANGE) == is_summer);
            films.map(|film| film.path.strip_prefix(folder).unwrap().to_owned()).collect::<Vec<_>>()
        };
        for names in [named(true), named(false)] {
            let all = names.iter().all(|name| name.to_str().unwrap().starts_with("2026-10-25/02-"));
            assert!(names.len() >= 2 && all, "{names:?}\n{log}");
        }
    });
}

/// Whatever comes late or not at all: no file reaches over a round time.
#[test]
fn aligned_files_begin_at_round_times() {
    const SLOT: i64 = 2_000_000;
    /// What begins so shortly before a slot's end is for the next one.
    const EARLY: i64 = 500_000;
    let folder = tempfile::tempdir().unwrap();
    let camcast = Camcast::pattern(30);
    let camrec = camrec_into(folder.path(), camcast.address, &["--align", "--segment=2s"]);
    let until = deadline(PATIENCE);
    while camrec.log().matches("writing ").count() < 4 {
        assert!(!is_over(until), "{}", camrec.log());
        pause();
    }
    let ended = camrec.stop(Signal::SIGINT).expect(0);
    let films = RecordingReader::read_folder(folder.path());
    assert!(films.len() >= 4, "{}", ended.log);
    for film in &films {
        let (first, last) = (film.times().next().unwrap(), film.times().last().unwrap());
        let [slot, last] = [first + EARLY + APART, last - APART].map(|time| time.div_euclid(SLOT));
        assert!(last <= slot, "from {first} beyond {}", (slot + 1) * SLOT);
    }
    let text = ended.text();
    assert!(text.contains(&format!("files: {}; the first is ", films.len())), "{text}");
}
