//! What other programs make of our AVI files, and of more than one RIFF in them.

use crate::support::film::ffprobe_count;
use crate::support::pictures;
use camcast::jpeg::Size;
use camcast::record::container::{Container, Form, Track};
use camcast::store::read::{Part, RecordingReader};
use camcast::store::salvage::{Salvaged, salvage};
use camcast::store::{Dir, Folder, Recording};
use camcast::time::Time;
use jiff::Timestamp;
use jiff::tz::Offset;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

const SIZE: Size = Size { width: 160, height: 120 };

fn begin(folder: &Path, jpeg: &[u8]) -> Recording {
    let file = Folder::open(folder, "test")
        .unwrap()
        .create(["clip.avi".to_owned()], Form::File(Container::Avi))
        .unwrap();
    let started = Timestamp::from_second(1_790_000_000).unwrap();
    let track = Track { size: SIZE, interval: None, started, offset: Offset::UTC };
    Recording::begin(file, &track, jpeg, at(0)).unwrap()
}

/// 12.5 frames a second.
fn at(number: u64) -> Time {
    Time::from_millis(1_000_000 + 80 * number)
}

/// Of odd and even lengths.
fn shots() -> Vec<Vec<u8>> {
    (0..101).map(|seed| pictures::noise(160, 120, 50 + seed as i32 % 40, seed)).collect()
}

fn record(folder: &Path, shots: &[Vec<u8>]) -> Recording {
    let mut recording = begin(folder, &shots[0]);
    for (number, shot) in shots.iter().enumerate().skip(1) {
        recording.append(shot, at(number as u64)).unwrap();
        if number % 12 == 0 {
            recording.checkpoint().unwrap();
        }
    }
    recording
}

/// A program's standard output; it may not complain.
fn run(program: &str, args: &[&str], path: &Path) -> Vec<u8> {
    let output = Command::new(program).args(args).arg(path).output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "{program} {args:?}: {complaints}");
    output.stdout
}

/// What stands in the file for each frame, as ffmpeg finds it.
fn packets(path: &Path) -> Vec<u8> {
    let copied = Command::new("ffmpeg")
        .args(["-v", "warning", "-i", path.to_str().unwrap(), "-c", "copy", "-f", "rawvideo", "-"])
        .output()
        .unwrap();
    assert!(copied.stderr.is_empty(), "{}", String::from_utf8_lossy(&copied.stderr));
    copied.stdout
}

fn shown(path: &Path, entries: &str) -> String {
    let args = ["-v", "warning", "-show_entries", entries, "-of", "csv=p=0"];
    String::from_utf8(run("ffprobe", &args, path)).unwrap().trim().to_owned()
}

#[test]
fn ffmpeg_reads_each_frame_byte_for_byte_at_the_mean_rate() {
    let (folder, shots) = (tempfile::tempdir().unwrap(), shots());
    assert!(shots.iter().any(|shot| shot.len() % 2 == 1));
    let path = record(folder.path(), &shots).finish().unwrap().path.unwrap();
    assert_eq!(ffprobe_count(&path), 101);
    assert!(packets(&path) == shots.concat());
    let stream = shown(&path, "stream=codec_name,width,height,avg_frame_rate,nb_frames");
    assert_eq!(stream, "mjpeg,160,120,25/2,101");
    assert_eq!(shown(&path, "format=duration"), "8.080000");
    assert!(shown(&path, "format_tags=date").starts_with("2026-09-21T14:13:20.000000+00:00"));
    let merged = folder.path().join("merged.mkv");
    run("mkvmerge", &["-q", "-o", merged.to_str().unwrap()], &path);
}

#[test]
fn seeking_lands_on_the_frame() {
    let (folder, shots) = (tempfile::tempdir().unwrap(), shots());
    let path = record(folder.path(), &shots).finish().unwrap().path.unwrap();
    for number in [0, 1, 50, 100] {
        let seconds = format!("{:.3}", number as f64 * 0.08);
        let found = Command::new("ffmpeg")
            .args(["-v", "error", "-ss", &seconds, "-i", path.to_str().unwrap(), "-frames:v", "1"])
            .args(["-c", "copy", "-f", "rawvideo", "-"])
            .output()
            .unwrap();
        assert!(found.stdout == shots[number], "frame {number}");
    }
}

#[test]
fn an_unfinished_file_is_read_whole() {
    let (folder, shots) = (tempfile::tempdir().unwrap(), shots());
    let recording = record(folder.path(), &shots);
    let path = recording.path().unwrap().to_owned();
    drop(recording);
    assert!(packets(&path) == shots.concat());
    assert!(shown(&path, "stream=avg_frame_rate").starts_with("25/2"));
}

/// More frames than a RIFF holds, twice.
fn long(folder: &Path, jpeg: &[u8]) -> Recording {
    let mut recording = begin(folder, jpeg);
    for number in 1..150_000 {
        assert!(recording.append(jpeg, at(number)).unwrap());
        if number % 10_000 == 0 {
            recording.checkpoint().unwrap();
        }
    }
    recording
}

fn count(path: &Path) -> u64 {
    let (mut film, mut frames) = (RecordingReader::open(path).unwrap(), 0);
    loop {
        match film.skip().unwrap() {
            Part::Frame(_) => frames += 1,
            Part::Damage(range) => panic!("{range:?} after {frames} frames"),
            Part::End => return frames,
        }
    }
}

/// It complains of pictures with hardly any data, and reads them.
fn read_by_ffmpeg(path: &Path) -> u64 {
    let args = ["-v", "quiet", "-count_packets", "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0"];
    String::from_utf8(run("ffprobe", &args, path)).unwrap().trim().parse().unwrap()
}

#[test]
fn a_long_file_has_several_parts_and_is_repaired_across_them() {
    let folder = tempfile::tempdir().unwrap();
    let jpeg = pictures::noise(16, 16, 10, 1);
    let path: PathBuf = long(folder.path(), &jpeg).finish().unwrap().path.unwrap();
    let whole = fs::read(&path).unwrap();
    assert_eq!(whole.windows(12).filter(|bytes| bytes.starts_with(b"RIFF")).count(), 3);
    assert_eq!((read_by_ffmpeg(&path), count(&path)), (150_000, 150_000));
    assert!(RecordingReader::open(&path).unwrap().is_finished());
    let last = Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-ss",
            "11999.92",
            "-i",
            path.to_str().unwrap(),
            "-c",
            "copy",
            "-f",
            "rawvideo",
            "-",
        ])
        .output()
        .unwrap();
    assert!(last.stdout == jpeg, "{} bytes from the last frame on", last.stdout.len());

    let other = tempfile::tempdir().unwrap();
    let unfinished = long(other.path(), &jpeg);
    let path = unfinished.path().unwrap().to_owned();
    drop(unfinished);
    let cut = fs::metadata(&path).unwrap().len();
    // the second part's begin is torn off, and the last frame
    for len in [cut, cut - 1, whole.len() as u64 / 2] {
        let bytes = fs::read(&path).unwrap();
        File::options().write(true).open(&path).unwrap().set_len(len).unwrap();
        let salvaged =
            salvage(&Dir::open(path.parent().unwrap()).unwrap(), Path::new(path.file_name().unwrap()))
                .unwrap();
        let Salvaged::Repaired { remains, .. } = salvaged else { panic!("{salvaged:?}") };
        assert_eq!(remains.frames, count(&path));
        assert_eq!(remains.frames, read_by_ffmpeg(&path));
        if len == cut {
            assert!(fs::read(&path).unwrap() == whole, "the finished file, byte for byte");
        }
        fs::write(&path, bytes).unwrap();
    }
}
