//! What other programs make of our recordings: ffprobe, ffmpeg and mkvmerge read every frame, byte for byte, at its time.

use camcast::clock::anchor::Line;
use camcast::clock::timeline::Timeline;
use camcast::jpeg::Size;
use camcast::record::container::{Container, Form, Track};
use camcast::record::index::Index;
use camcast::record::names::Template;
use camcast::record::segment::Cutter;
use camcast::store::{Folder, Recording, Sink};
use camcast::time::Time;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use turbojpeg::{Compressor, Image, PixelFormat};

const SIZE: Size = Size { width: 160, height: 120 };

/// A frame and its capture time in microseconds.
struct Shot {
    jpeg: Vec<u8>,
    micros: u64,
}

/// A picture whose upper half tells its number by its brightness. The lower half is noise: of a JPEG with hardly any data
/// ffmpeg 5.1 says "EOI missing", wherever it comes from.
fn picture(number: usize) -> Vec<u8> {
    let (width, height) = (usize::from(SIZE.width), usize::from(SIZE.height));
    let mut pixels = vec![brightness(number); width * height * 3];
    let mut noise = number as u32;
    for pixel in &mut pixels[width * height * 3 / 2..] {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *pixel = (noise >> 24) as u8;
    }
    let image =
        Image { pixels: pixels.as_slice(), width, pitch: width * 3, height, format: PixelFormat::RGB };
    Compressor::new().unwrap().compress_to_vec(image).unwrap()
}

fn brightness(number: usize) -> u8 {
    (number * 7 % 256) as u8
}

/// Five seconds and more at 30 fps, with jitter of microseconds and a gap of two seconds in the middle.
fn shots() -> Vec<Shot> {
    let micros = |n: u64| n * 33_333 + n * n * 7919 % 4001 + if n >= 90 { 2_000_000 } else { 0 };
    (0..150).map(|n| Shot { jpeg: picture(n as usize), micros: micros(n) - micros(0) }).collect()
}

fn track() -> Track {
    Track {
        size: SIZE,
        interval: None,
        started: Timestamp::from_second(1_790_000_000).unwrap(),
        offset: Offset::UTC,
    }
}

fn captured(shot: &Shot) -> Time {
    // the camera's clock does not tick in microseconds
    Time::from_nanos(1_234_567_890_123 + shot.micros * 1000)
}

/// A finished file, with a checkpoint every ten frames.
fn record(folder: &Path, shots: &[Shot]) -> PathBuf {
    let mut recording = begin(folder, shots);
    for (n, shot) in shots.iter().enumerate().skip(1) {
        assert!(recording.append(&shot.jpeg, captured(shot)).unwrap());
        if n % 10 == 0 {
            recording.checkpoint().unwrap();
        }
    }
    let summary = recording.finish().unwrap();
    assert_eq!(summary.frames, shots.len() as u64);
    assert_eq!(summary.span(), Duration::from_micros(shots.last().unwrap().micros));
    let path = summary.path.unwrap();
    assert_eq!(fs::metadata(&path).unwrap().len(), summary.file_bytes);
    path
}

fn begin(folder: &Path, shots: &[Shot]) -> Recording {
    let file = Folder::open(folder, "test")
        .unwrap()
        .create(["clip.mkv".to_owned()], Form::File(Container::Matroska))
        .unwrap();
    Recording::begin(file, &track(), &shots[0].jpeg, captured(&shots[0])).unwrap()
}

/// Runs a program that these tests need, and returns its standard output; it may not complain.
fn run(program: &str, arguments: &[&str]) -> String {
    let package = if program == "mkvmerge" { "mkvtoolnix" } else { "ffmpeg" };
    let output = Command::new(program).args(arguments).output();
    let output =
        output.unwrap_or_else(|why| panic!("{program}: {why}: this test needs it: apt install {package}"));
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "{program} {arguments:?}: {complaints}");
    String::from_utf8(output.stdout).unwrap()
}

fn packets(path: &str) -> Vec<(u64, usize)> {
    let shown = ["-v", "warning", "-show_entries", "packet=pts_time,size", "-of", "csv=p=0", path];
    run("ffprobe", &shown).lines().map(packet).collect()
}

fn packet(line: &str) -> (u64, usize) {
    let mut fields = line.split(',');
    let (seconds, micros) = fields.next().unwrap().split_once('.').unwrap();
    let time = seconds.parse::<u64>().unwrap() * 1_000_000 + micros.parse::<u64>().unwrap();
    (time, fields.next().unwrap().parse().unwrap())
}

fn expected(shots: &[Shot]) -> Vec<(u64, usize)> {
    shots.iter().map(|shot| (shot.micros, shot.jpeg.len())).collect()
}

#[test]
fn ffprobe_reads_every_frame_at_its_microsecond() {
    let folder = tempfile::tempdir().unwrap();
    let shots = shots();
    let path = record(folder.path(), &shots);
    let path = path.to_str().unwrap();
    assert_eq!(packets(path), expected(&shots));

    let shown = [
        "-v",
        "warning",
        "-show_entries",
        "format=duration:format_tags=creation_time",
        "-of",
        "csv=p=0",
        path,
    ];
    let last = shots.last().unwrap().micros;
    let duration = last + last - shots[shots.len() - 2].micros;
    let seconds = format!("{}.{:06}", duration / 1_000_000, duration % 1_000_000);
    assert_eq!(run("ffprobe", &shown).trim(), format!("{seconds},2026-09-21T14:13:20.000000Z"));
}

#[test]
fn ffmpeg_copies_every_frame_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let shots = shots();
    let path = record(folder.path(), &shots);
    let out = folder.path().join("%03d.jpg");
    let (path, out) = (path.to_str().unwrap(), out.to_str().unwrap());
    run("ffmpeg", &["-v", "warning", "-i", path, "-c", "copy", "-f", "image2", "-start_number", "0", out]);
    for (n, shot) in shots.iter().enumerate() {
        let copied = fs::read(folder.path().join(format!("{n:03}.jpg"))).unwrap();
        assert!(copied == shot.jpeg, "frame {n} is not as it was");
    }
}

#[test]
fn mkvmerge_has_nothing_to_complain_of() {
    let folder = tempfile::tempdir().unwrap();
    let shots = shots();
    let path = record(folder.path(), &shots);
    let copy = folder.path().join("copy.mkv");
    let (path, copy) = (path.to_str().unwrap(), copy.to_str().unwrap());
    let told = run("mkvmerge", &["-J", path]);
    assert!(told.contains(r#""warnings": []"#) && told.contains(r#""errors": []"#), "{told}");
    assert!(
        told.contains(r#""codec_id": "V_MJPEG""#) && told.contains(r#""pixel_dimensions": "160x120""#),
        "{told}"
    );

    let told = run("mkvmerge", &["--timestamp-scale", "1000", "-o", copy, path]);
    assert!(!told.contains("Warning") && !told.contains("Error"), "{told}");
    assert_eq!(packets(copy), expected(&shots));
}

#[test]
fn seeking_lands_on_the_frame() {
    let folder = tempfile::tempdir().unwrap();
    let shots = shots();
    let path = record(folder.path(), &shots);
    let path = path.to_str().unwrap();
    for n in [0, 1, 29, 30, 31, 89, 90, 120, 149] {
        let at = format!("{}us", shots[n].micros);
        let filter = "format=gray,crop=1:1:0:0,showinfo";
        let out = folder.path().join("pixel");
        let out = out.to_str().unwrap();
        let shown = [
            "-v",
            "error",
            "-y",
            "-ss",
            &at,
            "-i",
            path,
            "-frames:v",
            "1",
            "-vf",
            filter,
            "-f",
            "rawvideo",
            out,
        ];
        run("ffmpeg", &shown);
        let (is, wanted) = (fs::read(out).unwrap()[0], brightness(n));
        assert!(is.abs_diff(wanted) <= 3, "frame {n}: brightness {is}, not {wanted}");
    }
}

#[test]
fn an_unfinished_file_is_read_whole_and_can_be_sought() {
    let folder = tempfile::tempdir().unwrap();
    let shots = shots();
    let mut recording = begin(folder.path(), &shots);
    for shot in &shots[1..120] {
        recording.append(&shot.jpeg, captured(shot)).unwrap();
    }
    recording.checkpoint().unwrap();
    for shot in &shots[120..] {
        recording.append(&shot.jpeg, captured(shot)).unwrap();
    }
    let path = recording.path().unwrap().to_str().unwrap().to_owned();
    drop(recording);
    assert_eq!(packets(&path), expected(&shots));

    let shown = [
        "-v",
        "warning",
        "-read_intervals",
        "5.5%+#1",
        "-show_entries",
        "packet=pts_time,size",
        "-of",
        "csv=p=0",
    ];
    let sought = packet(run("ffprobe", &[&shown[..], &[&path]].concat()).trim());
    assert!((shots[90].micros..=5_500_000).contains(&sought.0), "came to {} us", sought.0);
}

#[test]
fn the_live_form_is_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let shots = shots();
    let path = folder.path().join("live.mkv");
    let sink = Sink::Pipe(File::create(&path).unwrap().into());
    let mut recording = Recording::begin(sink, &track(), &shots[0].jpeg, captured(&shots[0])).unwrap();
    for shot in &shots[1..] {
        recording.append(&shot.jpeg, captured(shot)).unwrap();
        recording.checkpoint().unwrap();
    }
    recording.finish().unwrap();
    let path = path.to_str().unwrap();
    assert_eq!(packets(path), expected(&shots));
    let told = run("mkvmerge", &["-J", path]);
    assert!(told.contains(r#""warnings": []"#), "{told}");
}

/// Three files of a minute; then the wall clock is set back by two minutes, and three more come.
#[test]
fn a_clock_that_is_set_back_costs_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut cutter = Cutter::new(Some(Duration::from_secs(60)));
    let mut timeline = Timeline::default();
    let mut begun = Vec::new();
    for millis in (0..360_000).step_by(40) {
        let captured = Time::from_millis(millis);
        let line = Line::through(captured, captured.after(Duration::from_millis(7)));
        if cutter.frame(captured, captured, None, SIZE).is_none() {
            timeline.go_on(captured, &line);
        } else {
            let set = SignedDuration::from_secs(if millis < 180_000 { 0 } else { -120 });
            let zero = Timestamp::from_second(1_790_000_000).unwrap().checked_add(set).unwrap();
            let said = timeline.begin(captured, &line, zero);
            assert_eq!(said, (millis == 180_000).then_some(set), "it is said once, at {millis} ms");
            let started = timeline.file_clock().unwrap().started;
            let names = Template::default().names(&started.to_zoned(TimeZone::UTC), &Index::default());
            let file = Folder::open(folder.path(), "test")
                .unwrap()
                .create(names, Form::File(Container::Matroska))
                .unwrap();
            begun.push(file.path().unwrap().file_name().unwrap().to_str().unwrap().to_owned());
        }
    }
    let expected = ["13-20", "14-20", "15-20", "14-20_2", "15-20_2", "16-20"];
    assert_eq!(begun, expected.map(|time| format!("14-{time}.mkv")));
    assert_eq!(fs::read_dir(folder.path().join("2026-09-21")).unwrap().count(), 6);
}

/// Five gigabytes, at 30 fps. What it costs is printed beside what the same costs in a file of fifty megabytes.
#[test]
#[ignore = "takes 5 GB of disk"]
fn seeking_in_a_large_file_lands_on_the_frame() {
    // comments make a frame of 200 kB
    let comment = [&[0xff, 0xfe, 0xff, 0xff][..], &[0x20; 65_533]].concat();
    let frame = |number: usize| {
        let jpeg = picture(number);
        [&jpeg[..2], &comment, &comment, &comment, &jpeg[2..]].concat()
    };
    // as many as there are brightnesses
    let frames: Vec<Vec<u8>> = (0..256).map(frame).collect();
    let file = |folder: &Path, count: usize| {
        let mut folder = Folder::open(folder, "test").unwrap();
        let sink = folder.create(["long.mkv".to_owned()], Form::File(Container::Matroska)).unwrap();
        let mut recording = Recording::begin(sink, &track(), &frames[0], Time::default()).unwrap();
        for number in 1..count {
            recording.append(&frames[number % 256], Time::from_nanos(number as u64 * 33_333_333)).unwrap();
            if number % 30 == 0 {
                recording.checkpoint().unwrap();
            }
        }
        recording.finish().unwrap().path.unwrap()
    };
    let (folder, small) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (large, little) = (file(folder.path(), 25_300), file(small.path(), 250));
    eprintln!("{} bytes", fs::metadata(&large).unwrap().len());
    for (path, number) in [(&little, 125), (&large, 100), (&large, 12_345), (&large, 25_299)] {
        let at = format!("{}us", number as u64 * 33_333_333 / 1000);
        let out = folder.path().join("pixel");
        let (path, out) = (path.to_str().unwrap(), out.to_str().unwrap());
        let begin = camcast::sys::clock::now();
        let to = ["-frames:v", "1", "-vf", "format=gray,crop=1:1:0:0", "-f", "rawvideo", out];
        run("ffmpeg", &[&["-v", "error", "-y", "-ss", &at, "-i", path][..], &to].concat());
        eprintln!("frame {number}: {:.3} s", camcast::sys::clock::now().since(begin).as_secs_f64());
        let (is, wanted) = (fs::read(out).unwrap()[0], brightness(number));
        assert!(is.abs_diff(wanted) <= 3, "frame {number}: brightness {is}, not {wanted}");
    }
}
