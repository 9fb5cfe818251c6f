//! camrec records what camcast streams: every frame once, in order, at its time, in files that are closed properly.

use crate::support::film::{self, RecordingReader};
use crate::support::json;
use crate::support::pictures::{PatternReader, decoded_size};
use crate::support::procs::{Camcast, Ended, Program, camrec, camrec_command, camrec_into};
use crate::support::{PATIENCE, deadline, is_over, left_out, pause};
use nix::sys::signal::Signal;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The JPEGs of a byte stream of them. The test picture has no marker within.
fn split(mut stream: &[u8]) -> Vec<&[u8]> {
    let mut jpegs = Vec::new();
    while !stream.is_empty() {
        assert!(stream.starts_with(&[0xff, 0xd8]), "no SOI after {} JPEGs", jpegs.len());
        let end = stream.windows(2).position(|two| two == [0xff, 0xd9]).expect("no EOI") + 2;
        let (jpeg, rest) = stream.split_at(end);
        jpegs.push(jpeg);
        stream = rest;
    }
    jpegs
}

/// Nothing missing; the frames of the account are those of the files.
#[track_caller]
fn assert_complete(ended: &Ended, films: &[RecordingReader]) {
    let in_files: usize = films.iter().map(|film| film.shots.len()).sum();
    assert_eq!(ended.account("recorded"), in_files as u64, "{}", ended.text());
    assert_eq!(ended.account("missing"), 0, "{}", ended.text());
    assert_eq!(ended.account("frames from the camera"), in_files as u64, "{}", ended.text());
}

#[test]
fn a_recording_has_every_frame_that_the_account_names() {
    let folder = tempfile::tempdir().unwrap();
    let camcast = Camcast::pattern(30);
    let ended = camrec_into(folder.path(), camcast.address, &["--frames", "45"]).wait_exit().expect(0);
    let films = RecordingReader::read_folder(folder.path());
    let [film] = &films[..] else { panic!("{} files", films.len()) };
    assert_eq!(film.shots.len(), 45);
    assert_eq!(film::ffprobe_count(&film.path), 45);
    assert_complete(&ended, &films);
    assert!(film.is_finished && film.duration.is_some());
    film.assert_times_rise();

    // the pictures' own numbers: in order, and with a gap only where the account says that the source made one
    let mut reader = PatternReader::new(320, 240);
    let mut numbers = Vec::new();
    for shot in &film.shots {
        let first = numbers.last().map_or(0, |last| last + 1);
        numbers.push(reader.number(&shot.jpeg, first));
    }
    let skipped = u64::from(numbers[44] - numbers[0]) - 44;
    assert_eq!(ended.account("camera's own drops"), skipped, "{numbers:?}\n{}", ended.text());

    let text = ended.text();
    let file = format!("{}: 45 frames, ", film.path.display());
    assert!(text.starts_with(&file), "{text}");
    let left = camcast.wait_line("left: ");
    for words in [
        "(native, every): it said end; ",
        " frames, ",
        " datagrams",
        "% lost on the way, ",
        "; clients now: 0",
    ] {
        assert!(left.contains(words), "{words:?}: {left}");
    }
}

#[test]
fn segments_roll_over_without_losing_or_doubling_a_frame() {
    let folder = tempfile::tempdir().unwrap();
    let camcast = Camcast::pattern(25);
    let ended = camrec_into(folder.path(), camcast.address, &["--segment", "1s", "--duration", "3500ms"]);
    let ended = ended.wait_exit().expect(0);
    let films = RecordingReader::read_folder(folder.path());
    assert!(films.len() >= 3, "3.5 s in files of 1 s: {}", ended.text());
    assert_complete(&ended, &films);
    for film in &films {
        film.assert_times_rise();
        assert!(film.is_finished, "{}", film.path.display());
        assert!(film.shots.last().unwrap().micros < 1_000_000, "{}", film.path.display());
    }
    let times: Vec<i64> = films.iter().flat_map(RecordingReader::times).collect();
    assert!(times.windows(2).all(|two| two[0] < two[1]), "{times:?}");
    let mut reader = PatternReader::new(320, 240);
    let mut next = 0;
    for shot in films.iter().flat_map(|film| &film.shots) {
        next = reader.number(&shot.jpeg, next) + 1;
    }
}

#[test]
fn a_duration_is_of_the_streams_own_time() {
    let folder = tempfile::tempdir().unwrap();
    let camcast = Camcast::pattern(20);
    camrec_into(folder.path(), camcast.address, &["--duration", "2s"]).wait_exit().expect(0);
    let [film] = &RecordingReader::read_folder(folder.path())[..] else { panic!("not one file") };
    // at 20 frames a second the last one is 1.95 s after the first, unless the machine made it late
    let last = film.shots.last().unwrap().micros;
    assert!((1_000_000..2_000_000).contains(&last), "{last}");
}

#[test]
fn standard_output_gets_a_readable_matroska_stream() {
    let camcast = Camcast::pattern(30);
    let ended = camrec(camcast.address, &["-o", "-", "--every", "--frames", "20"]).wait_exit().expect(0);
    assert_eq!(ended.account("recorded"), 20);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("piped.mkv");
    fs::write(&path, &ended.out).unwrap();
    let film = RecordingReader::read(&path);
    assert_eq!(film.shots.len(), 20);
    film.assert_times_rise();
    assert!(film.shots.iter().all(|shot| decoded_size(&shot.jpeg) == (320, 240)));
}

#[test]
fn standard_output_gets_bare_jpegs_if_asked_for() {
    let camcast = Camcast::pattern(30);
    let args = ["-o", "-", "--format", "mjpeg", "--every", "--frames", "20"];
    let ended = camrec(camcast.address, &args).wait_exit().expect(0);
    let jpegs = split(&ended.out);
    assert_eq!(jpegs.len(), 20);
    let mut reader = PatternReader::new(320, 240);
    jpegs.iter().fold(0, |first, jpeg| reader.number(jpeg, first) + 1);
}

#[test]
fn a_viewer_gets_the_newest_frames_in_order() {
    let camcast = Camcast::pattern(30);
    let args = ["-o", "-", "--format", "mjpeg", "--newest", "--frames", "20"];
    let ended = camrec(camcast.address, &args).wait_exit().expect(0);
    let jpegs = split(&ended.out);
    assert_eq!(jpegs.len(), 20);
    let mut reader = PatternReader::new(320, 240);
    jpegs.iter().fold(0, |first, jpeg| reader.number(jpeg, first) + 1);
    assert!(ended.log.contains("skipped, newer ones came in time: "), "a viewer's account: {}", ended.log);
    assert!(camcast.wait_line("joined: ").contains("(native, newest, camrec/"));
}

#[test]
fn a_player_that_is_closed_ends_camrec_quietly() {
    let wishes =
        [["--format", "mkv", "--newest"], ["--format", "mjpeg", "--newest"], ["--format", "mkv", "--every"]];
    for wish in wishes {
        let camcast = Camcast::pattern(30);
        let mut player = Command::new("head");
        player.args(["-c", "20000"]).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut player = player.spawn().unwrap();
        // the player ends after two frames or so
        let mut command = camrec_command(&camcast.address.to_string(), &[&["-o", "-"], &wish[..]].concat());
        let camrec = Program::start_to("camrec", &mut command, player.stdin.take().unwrap());
        let log = camrec.wait_exit().expect(0).log;
        player.wait().unwrap();
        assert!(!log.contains("warning") && !log.contains("error"), "{wish:?}: {log}");
    }
}

#[test]
fn one_folder_is_for_one_recorder() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("door.mkv"), b"somebody's").unwrap();
    let camcast = Camcast::pattern(30);
    let first = camrec_into(folder.path(), camcast.address, &["--name", "door.mkv"]);
    first.wait_line("writing ");
    let refused = camrec_into(folder.path(), camcast.address, &[]).wait_exit().expect(11);
    let said = refused.log.lines().last().unwrap();
    assert!(said.contains(", process ") && said.contains("another folder with -o"), "{said}");
    // a crash lets go of the folder as well
    drop(first.stop(Signal::SIGKILL));
    camrec_into(folder.path(), camcast.address, &["--name", "door.mkv", "--frames", "15"])
        .wait_exit()
        .expect(0);
    let names: Vec<_> = film::files(folder.path());
    let expected = ["door.mkv", "door_2.mkv", "door_3.mkv"].map(|name| folder.path().join(name));
    assert_eq!(names, expected);
    assert_eq!(fs::read(&names[0]).unwrap(), b"somebody's");
    assert_eq!(RecordingReader::read(&names[2]).shots.len(), 15);
}

#[test]
fn the_oldest_recordings_go_and_nobody_elses() {
    let folder = tempfile::tempdir().unwrap();
    let camcast = Camcast::start(&["pattern", "-r", "320x240", "-f", "30"]);
    // recordings of before that are in no index, and the first of ours
    let alien = folder.path().join("2001-01-01/00-00-00.mkv");
    fs::create_dir(alien.parent().unwrap()).unwrap();
    fs::write(&alien, vec![0; 5_000_000]).unwrap();
    camrec_into(folder.path(), camcast.address, &["--frames", "5"]).wait_exit().expect(0);
    let first = film::files(folder.path()).pop().unwrap();
    let size = |files: &[PathBuf]| files.iter().map(|path| fs::metadata(path).unwrap().len()).sum::<u64>();

    let camrec = camrec_into(folder.path(), camcast.address, &["--segment", "1s", "--keep", "1M", "--json"]);
    for _ in 0..3 {
        let lines = camrec.lines();
        camrec.wait_line_after(lines, "deleted ");
    }
    let ended = camrec.stop(Signal::SIGINT).expect(0);
    let events = json::events(&ended.text());
    let of = |kind: &str| -> Vec<String> {
        let events = events.iter().filter(|event| event.text("event") == kind);
        events.map(|event| event.text("path").to_owned()).collect()
    };
    let deleted = of("segment-deleted");
    assert_eq!(deleted[0], first.to_str().unwrap());
    assert_eq!(deleted[1..], of("segment-begun")[..deleted.len() - 1], "the oldest first");
    assert!(
        deleted
            .iter()
            .all(|path| !Path::new(path).exists() && !Path::new(path).with_extension("json").exists())
    );
    let left: Vec<PathBuf> = film::files(folder.path()).into_iter().filter(|path| *path != alien).collect();
    assert_eq!(left.len(), of("segment-begun").len() + 1 - deleted.len());
    assert!(size(&left) <= 1 << 20, "{} bytes", size(&left));
    assert_eq!(size(&[alien]), 5_000_000);
}

#[test]
fn what_a_crash_has_left_is_finished_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let camcast = Camcast::pattern(30);
    let first = camrec_into(folder.path(), camcast.address, &[]);
    first.wait_line("writing ");
    let [path] = &film::files(folder.path())[..] else { panic!("not one file") };
    let end = deadline(PATIENCE);
    while fs::metadata(path).unwrap().len() < 3_000_000 {
        assert!(!is_over(end), "nothing is written");
        pause();
    }
    drop(first.stop(Signal::SIGKILL));
    let left = RecordingReader::read(path);
    assert!(!left.is_finished);
    // as after a power cut: the file is longer than what has reached the disk
    let bytes = fs::read(path).unwrap();
    fs::write(path, [&bytes[..], &[0; 5000]].concat()).unwrap();
    let second = camrec_into(folder.path(), camcast.address, &["--frames", "15"]).wait_exit().expect(0);
    assert!(second.log.contains("was not finished: repaired"), "{}", second.log);
    let films = RecordingReader::read_folder(folder.path());
    assert!(films[0].is_finished);
    assert_eq!((films[0].shots.len(), films[0].started), (left.shots.len(), left.started));
    assert!(films[0].duration.unwrap() >= left.shots.last().unwrap().micros as f64);
    assert_eq!(films[1].shots.len(), 15);
    let third = camrec_into(folder.path(), camcast.address, &["--frames", "15"]).wait_exit().expect(0);
    assert!(!third.log.contains("not finished"), "{}", third.log);
}

#[test]
fn ipv6_does_all_that_ipv4_does() {
    if let Err(why) = TcpListener::bind("[::1]:0") {
        left_out(&format!("no IPv6 loopback here: {why}"));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let camcast = Camcast::start_at("[::1]:0", &["pattern", "-r", "320x240", "-f", "30"]);
    assert!(camcast.address.is_ipv6());
    camrec_into(folder.path(), camcast.address, &["--frames", "20"]).wait_exit().expect(0);
    let [film] = &RecordingReader::read_folder(folder.path())[..] else { panic!("not one file") };
    assert_eq!(film.shots.len(), 20);
    let plain = crate::support::plain::PlainClient::join(camcast.address);
    plain.take_frames(5).iter().for_each(|frame| assert_eq!(decoded_size(frame), (320, 240)));
}

#[test]
fn one_dual_stack_address_serves_both_families() {
    if let Err(why) = TcpListener::bind("[::1]:0") {
        left_out(&format!("no IPv6 loopback here: {why}"));
        return;
    }
    let camcast = Camcast::start_at("[::]:0", &["pattern", "-r", "320x240", "-f", "30"]);
    for host in ["127.0.0.1", "::1"] {
        let server = (host.parse::<std::net::IpAddr>().unwrap(), camcast.address.port()).into();
        let ended = camrec(server, &["-o", "-", "--every", "--frames", "10"]).wait_exit().expect(0);
        assert_eq!(ended.account("missing"), 0);
    }
}

#[test]
fn the_server_stops_when_told_and_says_so() {
    let camcast = Camcast::pattern(30);
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let camcast = Camcast::pattern(10);
        let ended = camcast.program.stop(signal).expect(0);
        assert!(ended.log.contains("stopping: telling 0 clients"), "{}", ended.log);
    }
    camcast.program.stop(Signal::SIGHUP).expect(0);
}
