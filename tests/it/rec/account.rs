//! The account: each frame is in exactly one file or named as missing, with its time; sidecars, events and the last lines
//! all say the same.

use crate::support::books::{assert_adds_up, last, of_kind};
use crate::support::film::{self, RecordingReader};
use crate::support::json;
use crate::support::native::{DISCONTINUITY, Door};
use crate::support::procs::{Camcast, Ended, Program, camrec, camrec_command, camrec_into, nowhere};
use crate::support::{PATIENCE, deadline, is_over};
use camcast::sys::clock;
use nix::sys::signal::Signal;
use std::collections::BTreeSet;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

const STREAM: u64 = 0x00c0_ffee_00c0_ffee;

fn jpeg() -> Vec<u8> {
    crate::support::pictures::of_len(3_000, 1)
}

/// Nothing happens here meanwhile.
fn rest(wait: Duration) {
    let until = clock::now().after(wait);
    while !crate::support::is_over(until) {
        crate::support::pause();
    }
}

/// camrec that tells what happens, recording from a server by hand.
fn told(folder: &Path, door: &Door, args: &[&str]) -> Program {
    camrec_into(folder, door.address, &[&["--json"], args].concat())
}

#[test]
fn a_gap_between_two_files_is_in_the_first_ones_account() {
    let folder = tempfile::tempdir().unwrap();
    let door = Door::open();
    let camrec = told(folder.path(), &door, &["--segment", "1s"]);
    let (server, _) = door.accept(STREAM, 1);
    let jpeg = jpeg();
    // in time with their capture: a clock that jumps ends the common time of two files
    for number in 1..=20 {
        server.show(number, &jpeg);
        rest(Duration::from_millis(40));
    }
    // the next second begins in the gap
    rest(Duration::from_millis(320));
    server.send(&server.beat(28, 29));
    (29..=31).for_each(|number| server.show(number, &jpeg));
    // and the stream ends with one
    server.send(&server.beat(35, 32));
    server.send(&server.end());
    camrec.wait_line("camcast is stopping");
    let ended = camrec.stop(Signal::SIGTERM).expect(12);

    let events = json::events(&ended.text());
    let account = last(&events, "account");
    assert_adds_up(folder.path(), account);
    assert_eq!((account.number("missing"), account.number("missing_outside_sidecars")), (12, 0));
    let sidecars = json::sidecars(folder.path());
    let [(_, first), (_, second)] = &sidecars[..] else { panic!("{sidecars:?}") };
    assert_eq!(json::missing(first), (21..=28).collect::<Vec<_>>());
    assert_eq!(json::missing(second), (32..=35).collect::<Vec<_>>());

    // frame 20 and frame 29 are 360 ms apart, and the second file begins with the one
    let range = &first.list("missing_ranges")[0];
    assert_eq!(range.text("why"), "network");
    assert_eq!(range.time("from"), first.time("end"));
    assert_eq!(range.time("to"), second.time("start"));
    assert_eq!(range.time("from").duration_until(range.time("to")).as_millis(), 360);
    let range = &second.list("missing_ranges")[0];
    assert!(range.time("from") == second.time("end") && range.is_null("to"), "{range:?}");
    // what was told as it happened
    let told: Vec<_> = of_kind(&events, "missing").iter().map(|event| event.number("first")).collect();
    assert_eq!(told, [21, 32]);
}

#[test]
fn what_an_outage_has_cost_is_told_with_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let (door, jpeg) = (Door::open(), jpeg());
    let camrec = told(folder.path(), &door, &[]);
    let (server, _) = door.accept(STREAM, 1);
    (1..=3).for_each(|number| server.show(number, &jpeg));
    let (server, _) = door.accept(STREAM, 9);
    (9..=11).for_each(|number| server.show(number, &jpeg));
    camrec.wait_line("back after ");
    let ended = camrec.stop(Signal::SIGTERM).expect(12);
    let events = json::events(&ended.text());
    assert_adds_up(folder.path(), last(&events, "account"));
    let missing = last(&events, "missing");
    assert_eq!((missing.number("first"), missing.number("last"), missing.text("why")), (4, 8, "outage"));
    assert_eq!(missing.time("from").duration_until(missing.time("to")).as_millis(), 6 * 40);
    let joined = of_kind(&events, "joined");
    assert_eq!(joined.len(), 2);
    assert!(joined[0].is_null("away_ms"));
    assert_eq!(
        (joined[0].text("stream"), joined[1].text("stream")),
        ("00c0ffee00c0ffee", "00c0ffee00c0ffee")
    );
    // it takes at least 200 ms before it joins again
    assert!(joined[1].number("away_ms") >= 200);
    assert_eq!(of_kind(&events, "lost").len(), 1);
}

#[test]
fn what_another_stream_lacks_is_in_its_own_file() {
    let folder = tempfile::tempdir().unwrap();
    let (door, jpeg) = (Door::open(), jpeg());
    let camrec = told(folder.path(), &door, &[]);
    let (server, _) = door.accept(STREAM, 1);
    (1..=3).for_each(|number| server.show(number, &jpeg));
    let (server, _) = door.accept(STREAM + 1, 50);
    server.send(&server.beat(51, 52));
    (52..=54).for_each(|number| server.show(number, &jpeg));
    camrec.wait_line("back after ");
    let ended = camrec.stop(Signal::SIGTERM).expect(12);
    let account = json::events(&ended.text()).pop().unwrap();
    assert_eq!((account.number("restarts"), account.number("missing")), (1, 2));
    let sidecars = json::sidecars(folder.path());
    let lacks: Vec<_> = sidecars
        .iter()
        .map(|(_, sidecar)| (sidecar.text("stream").to_owned(), json::missing(sidecar)))
        .collect();
    let expected = [(format!("{STREAM:016x}"), vec![]), (format!("{:016x}", STREAM + 1), vec![50, 51])];
    assert_eq!(lacks, expected);
    let range = &sidecars[1].1.list("missing_ranges")[0];
    assert!(range.is_null("from") && range.time("to") == sidecars[1].1.time("start"), "{range:?}");
}

#[test]
fn what_is_missing_while_no_file_is_open_is_in_the_account_alone() {
    let folder = tempfile::tempdir().unwrap();
    let door = Door::open();
    let camrec = told(folder.path(), &door, &[]);
    let (server, _) = door.accept(STREAM, 1);
    server.send(&server.beat(3, 4));
    server.wait_through(3);
    let ended = camrec.stop(Signal::SIGTERM).expect(12);
    let account = json::events(&ended.text()).pop().unwrap();
    assert_eq!((account.number("missing"), account.number("missing_outside_sidecars")), (3, 3));
    assert_eq!(json::missing(&account), [1, 2, 3]);
    assert!(film::files(folder.path()).is_empty());
}

/// A real outage: the recorder sleeps for longer than camcast remembers. In files of a second.
#[test]
fn a_recorder_that_slept_adds_up() {
    let folder = tempfile::tempdir().unwrap();
    let camcast = Camcast::start(&["pattern", "-r", "640x480", "-f", "30", "--reel", "1M"]);
    let camrec = camrec_into(folder.path(), camcast.address, &["--json", "--segment", "1s"]);
    camrec.wait_line_after(0, "writing ");
    rest(Duration::from_millis(1500));
    camrec.signal(Signal::SIGSTOP);
    rest(Duration::from_secs(4));
    let lines = camrec.lines();
    camrec.signal(Signal::SIGCONT);
    camrec.wait_line_after(lines, "writing ");
    rest(Duration::from_millis(1500));
    let ended = camrec.stop(Signal::SIGINT).expect(12);
    let events = json::events(&ended.text());
    let account = last(&events, "account");
    assert_adds_up(folder.path(), account);
    assert!(account.number("missing") > 10, "{account:?}");
    assert_eq!(account.number("skipped"), 0, "a recorder wanted them all");
    // one at the very end has no end
    for range in account.list("missing_ranges").iter().filter(|range| !range.is_null("to")) {
        assert!(range.time("from") < range.time("to"), "{range:?}");
    }
    assert!(!of_kind(&events, "status").is_empty());
}

/// The folder goes away while files are written to it, as a disk that is pulled: what came afterwards is in no file, and the
/// account says so.
#[test]
fn frames_that_the_disk_did_not_take_are_named() {
    let home = tempfile::tempdir().unwrap();
    let (folder, elsewhere) = (home.path().join("rec"), home.path().join("elsewhere"));
    let camcast = Camcast::pattern(30);
    fs::create_dir(&folder).unwrap();
    let camrec = camrec_into(&folder, camcast.address, &["--json", "--segment", "2s", "--must-exist"]);
    camrec.wait_line("writing ");
    fs::rename(&folder, &elsewhere).unwrap();
    let said = camrec.wait_line("not recording: ");
    assert!(said.contains("is the disk mounted?"), "{said}");
    // nothing is written to what the path may lead to now
    fs::create_dir(&folder).unwrap();
    rest(Duration::from_millis(600));
    let ended = camrec.stop(Signal::SIGINT).expect(11);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    let events = json::events(&ended.text());
    let account = last(&events, "account");
    let films = RecordingReader::read_folder(&elsewhere);
    let shots: usize = films.iter().map(|film| film.shots.len()).sum();
    assert_eq!(account.number("frames"), shots as u64, "{account:?}");
    let missing = account.number("missing");
    assert!(missing > 0);
    assert_eq!(
        (account.number("not_written"), account.number("missing_outside_sidecars")),
        (missing, missing)
    );
    assert!(account.list("missing_ranges").iter().all(|range| range.text("why") == "disk"), "{account:?}");
    assert_eq!(of_kind(&events, "recording-waits").len(), 1);
    assert_eq!(last(&events, "error").number("exit"), 11);
}

#[test]
fn a_disk_that_comes_back_is_recorded_to_again_and_nothing_is_missing() {
    let home = tempfile::tempdir().unwrap();
    let (folder, elsewhere) = (home.path().join("rec"), home.path().join("elsewhere"));
    let camcast = Camcast::pattern(30);
    fs::create_dir(&folder).unwrap();
    let camrec = camrec_into(&folder, camcast.address, &["--json", "--segment", "2s", "--must-exist"]);
    camrec.wait_line("writing ");
    fs::rename(&folder, &elsewhere).unwrap();
    camrec.wait_line("not recording: ");
    fs::rename(&elsewhere, &folder).unwrap();
    let lines = camrec.lines();
    camrec.wait_line("recording again after ");
    camrec.wait_line_after(lines, "writing ");
    let ended = camrec.stop(Signal::SIGINT).expect(0);
    let events = json::events(&ended.text());
    let account = last(&events, "account");
    assert_eq!(account.number("missing"), 0, "{account:?}");
    assert_eq!(of_kind(&events, "recording-resumed").len(), 1);
    let films = RecordingReader::read_folder(&folder);
    let shots: usize = films.iter().map(|film| film.shots.len()).sum();
    assert_eq!(account.number("frames"), shots as u64, "{account:?}");
    // what was not closed then is closed now
    assert!(films.iter().all(|film| film.is_finished));
}

/// Nobody reads the pipe for a while: more frames come than may wait for it, and a viewer has no other place for them.
#[test]
fn frames_that_had_no_room_to_wait_are_named() {
    let camcast = Camcast::pattern(60);
    let (mut reader, writer) = UnixStream::pair().unwrap();
    let args = ["-o", "-", "--json", "--buffer", "200k", "--format", "mjpeg"];
    let mut command = camrec_command(&camcast.address.to_string(), &args);
    let camrec = Program::start_to("camrec", &mut command, OwnedFd::from(writer));
    camrec.wait_line("\"joined\"");
    let until = deadline(PATIENCE);
    let mut lines = 0;
    loop {
        assert!(!is_over(until), "there was always room: {}", camrec.log());
        let status = camrec.wait_line_after(lines, "\"event\":\"status\"");
        if json::events(&format!("{status}\n"))[0].number("missing") > 20 {
            break;
        }
        lines = camrec.lines();
    }
    let out = std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()).unwrap());
    camrec.wait_line("\"missing\",\"first\"");
    rest(Duration::from_millis(500));
    let ended = camrec.stop(Signal::SIGTERM).expect(0);
    let events = json::events(&ended.log);
    let account = last(&events, "account");
    assert_eq!(account.number("bytes"), out.join().unwrap());
    let lost = json::missing(account).len() as u64;
    assert!(lost > 10 && lost == account.number("not_written"), "{account:?}");
    for range in account.list("missing_ranges") {
        assert_eq!(range.text("why"), "disk");
        assert!(range.is_null("to") || range.time("from") < range.time("to"), "{range:?}");
    }
}

/// The camera sleeps: what it drops has no number, but a time.
#[test]
fn where_the_camera_dropped_frames_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let camcast = Camcast::pattern(30);
    let camrec = camrec_into(folder.path(), camcast.address, &[]);
    camrec.wait_line("writing ");
    rest(Duration::from_millis(500));
    camcast.program.signal(Signal::SIGSTOP);
    rest(Duration::from_secs(1));
    camcast.program.signal(Signal::SIGCONT);
    rest(Duration::from_millis(500));
    let ended = camrec.stop(Signal::SIGINT).expect(0);
    let drops = ended.account("camera's own drops");
    assert!(drops > 10, "{}", ended.text());
    let [(_, sidecar)] = &json::sidecars(folder.path())[..] else { panic!("not one sidecar") };
    assert_eq!(sidecar.number("camera_drops"), drops);
    let ranges = sidecar.list("camera_drop_ranges");
    assert_eq!(ranges.iter().map(|range| range.number("count")).sum::<u64>(), drops);
    let longest = ranges.iter().max_by_key(|range| range.number("count")).unwrap();
    assert!(longest.time("from").duration_until(longest.time("to")).as_millis() > 500, "{longest:?}");
    let line = format!("\n  {} after frame {} between ", longest.number("count"), longest.number("after"));
    assert!(ended.text().contains(&line), "{line:?}: {}", ended.text());
}

/// The tables of docs/json.md name each field, and no event has others.
#[test]
fn events_and_sidecars_are_as_documented() {
    let folder = tempfile::tempdir().unwrap();
    let (door, jpeg) = (Door::open(), jpeg());
    let camrec = told(folder.path(), &door, &["--frames", "5"]);
    let (server, _) = door.accept(STREAM, 1);
    server.send(&server.silent_beat(0, 1));
    (1..=2).for_each(|number| server.show(number, &jpeg));
    server.send(&server.beat(2, 1));
    camrec.wait_line("the camera is back after ");
    server.send(&server.beat(3, 4));
    rest(Duration::from_millis(1200));
    server.show_stamped(4, &jpeg, (DISCONTINUITY, 160, 0));
    server.show_stamped(5, &jpeg, (0, 200, 1));
    // with this one it has enough, and leaves
    server.fragments(6, &jpeg).iter().for_each(|datagram| server.send(datagram));
    let ended = camrec.wait_exit().expect(12);

    let tables = include_str!("../../../docs/json.md");
    let documented = |name: &str| tables.contains(&format!("`{name}`"));
    let events = json::events(&ended.text());
    let mut kinds = BTreeSet::new();
    for event in &events {
        event.time("time");
        kinds.insert(event.text("event"));
        event.names().into_iter().for_each(|name| assert!(documented(name), "{name:?} is not in json.md"));
    }
    let expected = [
        "account",
        "camera-absence",
        "camera-back",
        "camera-silent",
        "joined",
        "missing",
        "segment-begun",
        "segment-finished",
        "status",
    ];
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), expected);
    for kind in expected.into_iter().chain(["lost", "clock-set", "events-lost", "error"]) {
        assert!(documented(kind), "{kind:?} is not in json.md");
    }
    let [(path, sidecar)] = &json::sidecars(folder.path())[..] else { panic!("not one sidecar") };
    sidecar.names().into_iter().for_each(|name| assert!(documented(name), "{name:?} is not in json.md"));
    assert_eq!(sidecar.number("version"), 1);
    let finished = last(&events, "segment-finished");
    assert_eq!(finished.text("sidecar"), path.to_str().unwrap());
    let both: BTreeSet<&str> =
        sidecar.names().into_iter().chain(["event", "time", "path", "sidecar"]).collect();
    assert_eq!(finished.names(), both, "the event says what the sidecar does");
}

#[test]
fn a_pipe_has_its_events_on_standard_error_and_nothing_else_there() {
    let camcast = Camcast::pattern(30);
    let args = ["-o", "-", "--json", "--every", "--format", "mjpeg", "--frames", "40"];
    let Ended { log, out, .. } = camrec(camcast.address, &args).wait_exit().expect(0);
    let events = json::events(&log);
    let account = last(&events, "account");
    assert_eq!((account.number("frames"), account.number("exit")), (40, 0));
    assert_eq!(account.number("bytes"), out.len() as u64);
    assert_eq!(of_kind(&events, "joined").len(), 1);
}

#[test]
fn an_error_is_an_event_too() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = nowhere();
    let run =
        |args: &[&str]| Program::start("camrec", &mut camrec_command(&nobody, args)).wait_exit().expect(8);
    let ended = run(&["-o", "-", "--json"]);
    let events = json::events(&ended.log);
    let [error] = &events[..] else { panic!("{}", ended.log) };
    assert_eq!((error.text("event"), error.number("exit")), ("error", 8));
    assert!(error.text("message").starts_with("nobody listens on "), "{error:?}");
    // people have their own line where there is room for it
    let ended = run(&["-o", folder.path().to_str().unwrap(), "--json"]);
    assert_eq!(json::events(&ended.text())[0].text("event"), "error");
    assert!(ended.log.contains("camrec: nobody listens on "), "{}", ended.log);
}

#[test]
fn nobody_has_to_read_the_events() {
    let folder = tempfile::tempdir().unwrap();
    let camcast = Camcast::pattern(30);
    let (reader, writer) = UnixStream::pair().unwrap();
    drop(reader);
    let args = ["-o", folder.path().to_str().unwrap(), "--json", "--frames", "40"];
    let mut command = camrec_command(&camcast.address.to_string(), &args);
    Program::start_to("camrec", &mut command, OwnedFd::from(writer)).wait_exit().expect(0);
    let [film] = &RecordingReader::read_folder(folder.path())[..] else { panic!("not one file") };
    assert_eq!(film.shots.len(), 40);
}
