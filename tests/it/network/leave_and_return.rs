//! Either side goes away, in good order or not; the other notices, keeps what it has, and goes on when it is back.

use crate::support::film::{self, RecordingReader, ffprobe_count, files};
use crate::support::procs::{Camcast, Ended, camrec_into, own_loopback};
use crate::support::{FIVE_SECONDS, native, plain};
use nix::sys::signal::Signal;
use std::path::{Path, PathBuf};

const PATTERN: [&str; 5] = ["pattern", "-r", "320x240", "-f", "20"];

/// The file that a line of the log says is written.
fn written(line: &str) -> PathBuf {
    let (_, path) = line.split_once("writing ").unwrap();
    PathBuf::from(path)
}

/// Lets this many frames pass, as another client sees them.
fn wait_frames(camcast: &Camcast, count: usize) {
    let client = plain::PlainClient::join(camcast.address);
    client.take_frames(count);
    client.say("end");
    camcast.wait_line(&format!("left: {} ", client.address()));
}

/// camcast goes by `signal` and comes back; returns camrec's log line of the loss, and its end.
fn outage(signal: Signal) -> (String, Ended, Vec<RecordingReader>) {
    let folder = tempfile::tempdir().unwrap();
    let camcast = Camcast::start_at(&format!("{}:0", own_loopback()), &PATTERN);
    let address = camcast.address;
    let camrec = camrec_into(folder.path(), address, &[]);
    let first = written(&camrec.wait_line("writing "));
    wait_frames(&camcast, 10);
    drop(camcast.program.stop(signal));
    let lost = camrec.wait_line_within(FIVE_SECONDS, 0, "lost ");

    // what it has is whole and closed while it looks for the server
    let lines = camrec.lines();
    let film = wait_finished(&first);
    assert!(film.shots.len() >= 5, "{} frames", film.shots.len());
    assert_eq!(ffprobe_count(&first), film.shots.len());

    let camcast = Camcast::start_at(&address.to_string(), &PATTERN);
    let second = written(&camrec.wait_line_after(lines, "writing "));
    assert!(camrec.wait_line_after(lines, "back after ").contains(" s"));
    assert_ne!(first, second);
    wait_frames(&camcast, 10);
    let ended = camrec.stop(Signal::SIGINT).expect(0);
    camcast.wait_line("(native, every, camrec/");
    assert_eq!(files(folder.path()), {
        let mut both = [first, second];
        both.sort();
        both
    });
    (lost, ended, RecordingReader::read_folder(folder.path()))
}

/// The recording, once its head says how long it is.
#[track_caller]
fn wait_finished(path: &Path) -> RecordingReader {
    let until = crate::support::deadline(FIVE_SECONDS);
    loop {
        let film = RecordingReader::read(path);
        if film.is_finished {
            return film;
        }
        assert!(!crate::support::is_over(until), "{} is not closed", path.display());
        crate::support::pause();
    }
}

#[track_caller]
fn assert_accounted(ended: &Ended, films: &[RecordingReader]) {
    assert_eq!(films.len(), 2);
    assert!(films.iter().all(|film| film.is_finished && film.shots.len() >= 5));
    films.iter().for_each(RecordingReader::assert_times_rise);
    let shots: usize = films.iter().map(|film| film.shots.len()).sum();
    assert_eq!(ended.account("recorded"), shots as u64);
    assert_eq!(ended.account("missing"), 0);
    assert_eq!(ended.account("camcast restarts"), 1);
}

#[test]
fn camcast_is_stopped_and_comes_back() {
    let (lost, ended, films) = outage(Signal::SIGTERM);
    assert!(lost.contains("camcast is stopping; trying to join again"), "{lost}");
    assert_accounted(&ended, &films);
}

#[test]
fn camcast_is_killed_and_comes_back() {
    let (lost, ended, films) = outage(Signal::SIGKILL);
    assert!(lost.contains("trying to join again"), "{lost}");
    assert_accounted(&ended, &films);
}

#[test]
fn a_plain_recorder_comes_back_too() {
    let folder = tempfile::tempdir().unwrap();
    let camcast = Camcast::start_at(&format!("{}:0", own_loopback()), &PATTERN);
    let address = camcast.address;
    let camrec = camrec_into(folder.path(), address, &["--plain", "0"]);
    camrec.wait_line("writing ");
    drop(camcast.program.stop(Signal::SIGTERM));
    assert!(camrec.wait_line("lost ").contains("camcast is stopping"));
    let lines = camrec.lines();
    let _camcast = Camcast::start_at(&address.to_string(), &PATTERN);
    camrec.wait_line_after(lines, "writing ");
    camrec.stop(Signal::SIGTERM).expect(0);
    assert_eq!(RecordingReader::read_folder(folder.path()).len(), 2);
}

#[test]
fn a_recorder_that_is_killed_is_noticed_and_its_file_is_readable() {
    let folder = tempfile::tempdir().unwrap();
    let camcast = Camcast::start(&PATTERN);
    let camrec = camrec_into(folder.path(), camcast.address, &[]);
    let file = written(&camrec.wait_line("writing "));
    wait_frames(&camcast, 20);
    let lines = camcast.program.lines();
    assert_eq!(camrec.stop(Signal::SIGKILL).signal, Some(9));
    let left = camcast.program.wait_line_within(FIVE_SECONDS, lines, "left: ");
    assert!(left.contains("(native, every): ") && left.ends_with("clients now: 0"), "{left}");
    let film = RecordingReader::read(&file);
    assert!(!film.is_finished && film.shots.len() >= 10, "{} frames", film.shots.len());
    film.assert_times_rise();
    assert!(film::sidecars(folder.path()).is_empty(), "a sidecar is of a finished file");
}

#[test]
fn a_signal_ends_a_recording_properly() {
    let camcast = Camcast::start(&PATTERN);
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let folder = tempfile::tempdir().unwrap();
        let camrec = camrec_into(folder.path(), camcast.address, &[]);
        camrec.wait_line("writing ");
        let lines = camcast.program.lines();
        let ended = camrec.stop(signal).expect(0);
        let left = camcast.program.wait_line_after(lines, "left: ");
        assert!(left.contains("it said end"), "{signal}: {left}");
        let [film] = &RecordingReader::read_folder(folder.path())[..] else { panic!("not one file") };
        assert!(film.is_finished, "{signal}");
        assert_eq!(ended.account("recorded"), film.shots.len() as u64, "{signal}");
        assert_eq!(ended.account("missing"), 0, "{signal}");
    }
}

#[test]
fn a_recorder_can_be_stopped_while_its_server_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let camcast = Camcast::start_at(&format!("{}:0", own_loopback()), &PATTERN);
    let camrec = camrec_into(folder.path(), camcast.address, &[]);
    camrec.wait_line("writing ");
    drop(camcast.program.stop(Signal::SIGKILL));
    camrec.wait_line("lost ");
    // nobody knows what the camera has delivered since
    let ended = camrec.stop(Signal::SIGTERM).expect(12);
    assert!(ended.text().contains("\ncamcast away: since "), "{}", ended.text());
    let [film] = &RecordingReader::read_folder(folder.path())[..] else { panic!("not one file") };
    assert!(film.is_finished);
    assert_eq!(ended.account("recorded"), film.shots.len() as u64);
}

#[test]
fn every_client_is_told_when_camcast_stops() {
    let camcast = Camcast::start(&PATTERN);
    let mut natives = ["every", "newest"].map(|policy| native::NativeClient::join(camcast.address, policy));
    natives.iter_mut().for_each(|client| drop(client.say_hello()));
    let plain = plain::PlainClient::join(camcast.address);
    plain.take_frames(2);
    camcast.program.signal(Signal::SIGTERM);
    natives.iter().for_each(|client| assert_eq!(client.wait_end(), native::STOPPING));
    plain.wait_end();
    let ended = camcast.program.wait_exit().expect(0);
    assert_eq!(ended.log.matches(": camcast is stopping; ").count(), 3, "{}", ended.log);
}

/// The network is away for a while: nothing comes, and nothing says why. Then camrec joins again, and `back` is the
/// stream and the frame that it finds. Frames 1 to 3 came before, three more come after.
fn silence(back: u64, next: u32) -> (Ended, Vec<RecordingReader>) {
    let stream = 0x00c0_ffee_00c0_ffee;
    let jpeg = crate::support::pictures::of_len(3_000, 1);
    let folder = tempfile::tempdir().unwrap();
    let door = native::Door::open();
    let camrec = camrec_into(folder.path(), door.address, &[]);
    let (server, line) = door.accept(stream, 1);
    assert!(line.starts_with("CAMCAST/1 join policy=every agent=camrec/"), "{line}");
    (1..=3).for_each(|number| server.show(number, &jpeg));
    let (server, line) = door.accept(back, next);
    camrec.wait_line("nothing comes any more");
    assert!(line.contains(" stream=00c0ffee00c0ffee next=4 "), "it says how far it has come: {line}");
    (next..next + 3).for_each(|number| server.show(number, &jpeg));
    let ended = camrec.stop(Signal::SIGTERM);
    assert!(ended.log.contains("back after "), "{}", ended.log);
    (ended, RecordingReader::read_folder(folder.path()))
}

#[test]
fn a_short_outage_goes_on_in_the_same_file() {
    let (ended, films) = silence(0x00c0_ffee_00c0_ffee, 4);
    assert_eq!(films.iter().map(|film| film.shots.len()).collect::<Vec<_>>(), [6]);
    assert_eq!(ended.expect(0).account("missing"), 0);
}

#[test]
fn what_an_outage_has_cost_is_named() {
    let (ended, films) = silence(0x00c0_ffee_00c0_ffee, 9);
    assert_eq!(films.iter().map(|film| film.shots.len()).collect::<Vec<_>>(), [6]);
    let ended = ended.expect(12);
    assert!(ended.text().contains("missing: 5\n  frames 4-8 between "), "{}", ended.text());
    assert_eq!(ended.account("frames from the camera"), 11);
}

#[test]
fn what_camcast_has_skipped_is_missing_for_a_recorder() {
    // the reel has lost frame 4 before it was sent: camcast says so in its next BEAT
    let jpeg = crate::support::pictures::of_len(3_000, 1);
    let folder = tempfile::tempdir().unwrap();
    let door = native::Door::open();
    let camrec = camrec_into(folder.path(), door.address, &[]);
    let (server, _) = door.accept(0x00c0_ffee_00c0_ffee, 1);
    (1..=3).for_each(|number| server.show(number, &jpeg));
    let mut beat = server.beat(5, 5);
    beat[28..32].copy_from_slice(&1_u32.to_be_bytes());
    server.send(&beat);
    server.show(5, &jpeg);
    let ended = camrec.stop(Signal::SIGTERM).expect(12);
    assert!(ended.text().contains("missing: 1\n  frame 4 "), "{}", ended.text());
    assert_eq!((ended.account("frames from the camera"), ended.account("recorded")), (5, 4));
}

#[test]
fn another_stream_after_an_outage_is_another_file() {
    let (ended, films) = silence(0x00c0_ffee_00c0_beef, 1);
    assert_eq!(films.iter().map(|film| film.shots.len()).collect::<Vec<_>>(), [3, 3]);
    let ended = ended.expect(0);
    assert_eq!((ended.account("missing"), ended.account("camcast restarts")), (0, 1));
}
