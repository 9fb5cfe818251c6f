//! `camrec export` and `camrec sheet`: the same frames in other forms, and a recording at a glance.

use crate::support::film::{self, RecordingReader, ffprobe_count};
use crate::support::pictures::decoded_size;
use crate::support::procs::{Camcast, Ended, Program, camrec_into};
use jiff::fmt::strtime;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn camrec(args: &[&str]) -> Ended {
    Program::start("camrec", Command::new(env!("CARGO_BIN_EXE_camrec")).args(args)).wait_exit()
}

fn recording(folder: &Path, args: &[&str]) -> PathBuf {
    let camcast = Camcast::pattern(30);
    let args = [&["--frames", "40"], args].concat();
    camrec_into(folder, camcast.address, &args).wait_exit().expect(0);
    film::files(folder).pop().unwrap()
}

fn export(from: &Path, to: &Path) -> Ended {
    camrec(&["export", from.to_str().unwrap(), "-o", to.to_str().unwrap()])
}

/// Times in microseconds and bytes, as ffprobe finds them, which may not complain.
fn packets(path: &Path) -> Vec<(u64, usize)> {
    let args = ["-v", "warning", "-show_entries", "packet=pts_time,size", "-of", "csv=p=0"];
    let output = Command::new("ffprobe").args(args).arg(path).output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let packet = |line: &str| {
        let (seconds, size) = line.trim_end_matches(',').split_once(',').unwrap();
        ((seconds.parse::<f64>().unwrap() * 1e6).round() as u64, size.parse().unwrap())
    };
    text.lines().map(packet).collect()
}

/// The frames, one behind the other, as ffmpeg takes them out.
fn bytes(path: &Path) -> Vec<u8> {
    let args = ["-v", "error", "-c", "copy", "-f", "rawvideo", "-"];
    Command::new("ffmpeg").arg("-i").arg(path).args(args).output().unwrap().stdout
}

#[test]
fn quicktime_has_each_frame_at_its_microsecond() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), &[]);
    let film = RecordingReader::read(&path);
    let copy = folder.path().join("copy.mov");
    let said = export(&path, &copy).expect(0).text();
    assert_eq!(said, format!("{}: 40 frames\n", copy.display()));
    assert_eq!(ffprobe_count(&copy), 40);
    let expected: Vec<_> = film.shots.iter().map(|shot| (shot.micros, shot.jpeg.len())).collect();
    assert_eq!(packets(&copy), expected);
    let jpegs: Vec<u8> = film.shots.iter().flat_map(|shot| shot.jpeg.clone()).collect();
    assert!(bytes(&copy) == jpegs);
    let shown =
        ["-v", "error", "-show_entries", "stream=codec_name,codec_tag_string,width,height", "-of", "csv=p=0"];
    let stream = Command::new("ffprobe").args(shown).arg(&copy).output().unwrap().stdout;
    assert_eq!(String::from_utf8(stream).unwrap().trim(), "mjpeg,jpeg,320,240");
}

#[test]
fn other_containers_have_the_same_frames() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), &[]);
    let film = RecordingReader::read(&path);
    let [avi, back, again] = ["copy.avi", "back.mkv", "again.mkv"].map(|name| folder.path().join(name));
    export(&path, &avi).expect(0);
    assert!(bytes(&avi) == bytes(&path));
    // what comes from AVI is at its rate
    export(&avi, &back).expect(0);
    assert_eq!(RecordingReader::read(&back).shots.len(), 40);
    export(&path, &again).expect(0);
    let copy = RecordingReader::read(&again);
    assert!(copy.is_finished && copy.started == film.started);
    assert!(copy.shots.iter().map(|shot| shot.micros).eq(film.shots.iter().map(|shot| shot.micros)));
    for path in [&avi, &back, &again] {
        camrec(&["check", path.to_str().unwrap()]).expect(0);
    }
}

#[test]
fn a_folder_of_jpegs_has_their_times_in_its_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), &[]);
    let film = RecordingReader::read(&path);
    let frames = folder.path().join("frames");
    export(&path, Path::new(&format!("{}/", frames.display()))).expect(0);
    let mut files: Vec<PathBuf> = fs::read_dir(&frames).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 40);
    let times: Vec<i64> = film.times().collect();
    for (number, (file, (shot, time))) in files.iter().zip(film.shots.iter().zip(times)).enumerate() {
        let name = file.file_name().unwrap().to_str().unwrap();
        let parsed = strtime::parse(format!("{number:06}_%Y-%m-%d_%H-%M-%S%.f%z.jpg"), name).unwrap();
        assert_eq!(parsed.to_timestamp().unwrap().as_microsecond(), time, "{name}");
        assert!(fs::read(file).unwrap() == shot.jpeg);
    }
}

#[test]
fn what_is_damaged_is_left_out_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), &[]);
    let film = RecordingReader::read(&path);
    let mut bytes = fs::read(&path).unwrap();
    let jpeg = &film.shots[20].jpeg;
    let at = bytes.windows(jpeg.len()).position(|bytes| bytes == jpeg).unwrap();
    bytes[at - 27..at].fill(0);
    fs::write(&path, bytes).unwrap();
    let copy = folder.path().join("copy.mkv");
    let ended = export(&path, &copy).expect(13);
    assert!(ended.log.contains("are no frames"), "{}", ended.log);
    assert_eq!(RecordingReader::read(&copy).shots.len(), 39);
    camrec(&["check", copy.to_str().unwrap()]).expect(0);
}

#[test]
fn nothing_is_written_over_and_nothing_half_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), &[]);
    let before = fs::read(&path).unwrap();
    let said = export(&path, &path).expect(11).log;
    assert!(said.contains("is there already"), "{said}");
    assert!(fs::read(&path).unwrap() == before);
    let none = folder.path().join("none.mov");
    fs::write(folder.path().join("alien.mkv"), b"somebody's").unwrap();
    export(&folder.path().join("alien.mkv"), &none).expect(13);
    assert!(!none.exists());
    let said = |args: &[&str]| camrec(args).expect(2).log;
    assert!(said(&["export", "a.mkv"]).contains("to where?"));
    assert!(said(&["export", "a.mkv", "-o", "a.mp4"]).contains(".mov"));
    assert!(said(&["export", "a.mkv", "b.mkv", "-o", "a.mov"]).contains("one file"));
    assert!(said(&["--export", "a.mkv"]).contains("did you mean camrec export?"));
    assert!(said(&["-v", "export", "a.mkv"]).contains("camrec export is written first"));
    assert!(said(&["sheet", "a.mkv", "-o", "a.png"]).contains(".jpg"));
    assert!(said(&["export", "a.mkv", "-o", "-"]).contains("standard output"));
}

#[test]
fn a_sheet_shows_a_recording_at_a_glance() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), &["--segment", "1h"]);
    let sheet = folder.path().join("sheet.jpg");
    let args = ["sheet", path.to_str().unwrap(), "-o", sheet.to_str().unwrap()];
    let said = camrec(&args).expect(0).text();
    assert!(said.contains("30 of 40 frames"), "{said}");
    // five in a row, six rows, at their own size
    assert_eq!(decoded_size(&fs::read(&sheet).unwrap()), (8 + 5 * 328, 28 + 6 * 268));
    camrec(&args).expect(11);
}
