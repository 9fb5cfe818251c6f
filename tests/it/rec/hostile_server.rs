//! A server that lies in each way that it can, at speed: camrec goes on, with little memory, few files and a quiet log, and records
//! again as soon as it hears the truth.

use crate::support::film;
use crate::support::json;
use crate::support::liar::{BEATS, DATAGRAMS, FRAMES, JOINS, Liar, Way};
use crate::support::native::{CONTINUE, Door, u32_at};
use crate::support::pictures::of_len;
use crate::support::procs::{Ended, Program, camrec_command, camrec_into};
use crate::support::quiet::assert_quiet;
use crate::support::{PATIENCE, deadline, heavy_turn, is_over};
use camcast::fec::{Encoder, Shape};
use nix::sys::signal::Signal;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// In kB.
const MEMORY: u64 = 64 * 1024;

/// Lines a minute and kind are fewer.
const LINES: usize = 20;

/// So many files in a run of so many seconds, as src/record/segment.rs has it: those that nobody has asked for, 20 at once and one
/// each 90 s; those of ten minutes by the camera's clock, 16 at once and one each nine minutes; and the first one.
fn most_files(seconds: u64) -> usize {
    usize::try_from(20 + seconds / 90 + 16 + seconds / 540 + 1).unwrap()
}

/// The exit code of `camrec check`, and what it says of each file.
fn check(folder: &Path) -> (Option<i32>, String) {
    let mut check = Command::new(env!("CARGO_BIN_EXE_camrec"));
    let checked = check.args(["check", "--json"]).arg(folder).output().unwrap();
    (checked.status.code(), String::from_utf8(checked.stdout).unwrap())
}

/// Lies in all these ways for as long as so many lies take, or so many `seconds` in all; between two it says the truth, and that is
/// recorded. What camrec has said, and the most memory that it had.
fn endure(program: Program, liar: &Liar, ways: &[Way], seconds: Option<u64>) -> Ended {
    liar.wait_acts(3);
    let end = seconds.map(|seconds| deadline(Duration::from_secs(seconds)));
    let each = Duration::from_secs(4);
    for way in ways.iter().cycle().take(if end.is_some() { usize::MAX } else { ways.len() }) {
        liar.be(*way);
        match end {
            Some(end) if is_over(end) => break,
            // as often as it goes in that time
            Some(_) => drop(liar.wait_acts_within(each, u64::MAX)),
            None => liar.wait_acts(if JOINS.contains(way) { 2 } else { 500 }),
        }
        liar.be(Way::Honest);
        liar.wait_acts(3);
        let memory = program.status("VmHWM");
        if end.is_some() {
            println!("{way:?}: {memory} kB at the most so far, {} now", program.status("VmRSS"));
        }
        assert!(memory < MEMORY, "{way:?}: {memory} kB");
    }
    program.stop(Signal::SIGTERM)
}

/// The same into a folder: few files, and all of them sound.
fn endure_recording(ways: &[Way], seconds: Option<u64>) {
    let (folder, liar) = (tempfile::tempdir().unwrap(), Liar::start());
    let began = camcast::sys::clock::now();
    let program = camrec_into(folder.path(), liar.address, &[]);
    let ended = endure(program, &liar, ways, seconds);
    let took = camcast::sys::clock::now().since(began).as_secs();
    assert!(matches!(ended.code, Some(0 | 12)), "{:?}: {}", ended.code, ended.log);
    assert_quiet(&ended.log, LINES);
    let files = film::files(folder.path()).len();
    if seconds.is_some() {
        println!(
            "{took} s: {files} files, {} lines of log, exit code {:?}",
            ended.log.lines().count(),
            ended.code
        );
    }
    assert!(files <= most_files(took), "{files} files in {took} s");
    let (code, text) = check(folder.path());
    if !ways.contains(&Way::Huge) {
        assert_eq!(code, Some(0), "{text}");
    }
    for file in json::events(&text) {
        assert!(file.flag("finished") && file.number("damaged_bytes") == 0, "{text}");
    }
}

/// Nobody has to have been there before.
#[test]
fn a_first_join_that_leads_nowhere_ends_in_one_line() {
    let liar = Liar::start();
    for way in [Way::HangsUp, Way::Refuses, Way::Escapes, Way::Endless, Way::Versions] {
        liar.be(way);
        for _ in 0..6 {
            let folder = tempfile::tempdir().unwrap();
            let ended = camrec_into(folder.path(), liar.address, &[]).wait_exit();
            assert!(matches!(ended.code, Some(9 | 10)), "{way:?}: {:?}: {}", ended.code, ended.log);
            assert_eq!(ended.log.lines().count(), 1, "{way:?}: {}", ended.log);
            assert!(ended.log.len() < 500, "{way:?}: {}", ended.log);
            assert_quiet(&ended.log, LINES);
        }
    }
}

#[test]
fn camrec_endures_joins_that_lead_nowhere() {
    endure_recording(&JOINS, None);
}

#[test]
fn camrec_endures_datagrams_of_which_no_frame_is_made() {
    let _turn = heavy_turn();
    endure_recording(&DATAGRAMS, None);
}

#[test]
fn camrec_endures_frames_that_say_anything() {
    let _turn = heavy_turn();
    endure_recording(&FRAMES, None);
}

#[test]
fn camrec_endures_beats_that_say_anything() {
    endure_recording(&BEATS, None);
}

#[test]
fn pictures_that_say_they_are_huge_are_recorded_and_found_out() {
    endure_recording(&[Way::Huge], None);
}

/// What viewers are sent, and what recorders are not.
#[test]
fn a_viewer_endures_what_no_recorder_is_sent() {
    let _turn = heavy_turn();
    let liar = Liar::start();
    let mut command = camrec_command(&liar.address.to_string(), &["-o", "-", "--newest"]);
    let program = Program::start_to("camrec", &mut command, Stdio::null());
    let ways = [&DATAGRAMS[..], &BEATS, &[Way::Times, Way::Motes]].concat();
    let ended = endure(program, &liar, &ways, None);
    assert!(matches!(ended.code, Some(0 | 12)), "{:?}: {}", ended.code, ended.log);
    assert_quiet(&ended.log, LINES);
}

/// Ten minutes, or `SECONDS`: each way again and again, or `WAYS=Giants,Rows`.
#[test]
#[ignore = "ten minutes"]
fn camrec_endures_ten_minutes_of_it_all() {
    let seconds = std::env::var("SECONDS").map_or(600, |seconds| seconds.parse().expect("a number"));
    let mut ways = [&JOINS[..], &DATAGRAMS, &FRAMES, &BEATS, &[Way::Huge]].concat();
    if let Ok(named) = std::env::var("WAYS") {
        ways.retain(|way| named.split(',').any(|name| name == format!("{way:?}")));
    }
    endure_recording(&ways, Some(seconds));
}

/// A recorder offers no parity, so none is believed, whatever the server accepts.
#[test]
fn a_recorder_takes_no_rows_that_it_has_not_offered_to_take() {
    let (folder, door) = (tempfile::tempdir().unwrap(), Door::open());
    let program = camrec_into(folder.path(), door.address, &["-v", "--frames", "2"]);
    let (server, line) = door.accept_with(0x00c0_ffee_00c0_ffee, 1, " parity=leopard16");
    assert!(!line.contains("parity="), "{line}");
    let jpeg = of_len(2 * 1416, 1);
    let fragments = server.fragments(1, &jpeg);
    let shape = Shape { count: 2, rows: 16, size: 1416 };
    let mut row = Vec::new();
    Encoder::new().unwrap().encode(shape, jpeg.chunks(1416), |it| row.push(it.to_vec())).unwrap();
    let mut parity = [&fragments[0][..36], &row[0]].concat();
    (parity[1], parity[13]) = (4, 2);
    server.send(&fragments[0]);
    server.send(&parity);
    server.send(&server.beat(1, 1));
    // it asks for the fragment, in whose place the row would be
    let until = deadline(PATIENCE);
    let mut bytes = [0; 2048];
    loop {
        assert!(!is_over(until), "it never asks for fragment 1");
        let Ok(count) = server.udp.recv(&mut bytes) else { continue };
        if count > 32 && bytes[0] == CONTINUE {
            assert_eq!((u32_at(&bytes, 16), &bytes[32..40]), (0, &[0, 0, 0, 1, 0, 1, 0, 1][..]));
            break;
        }
    }
    server.send(&fragments[1]);
    server.wait_through(1);
    server.fragments(2, &jpeg).iter().for_each(|datagram| server.send(datagram));
    program.wait_exit().expect(0);
}
