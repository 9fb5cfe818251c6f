//! Sources that end, stall or vanish: what is said, the exit code, and that clients get all that was read before.

use crate::support::netem::Spec;
use crate::support::pictures::{noise, of_len};
use crate::support::plain::PlainClient;
use crate::support::procs::{Camcast, Ended, Program, camcast, camrec};
use crate::support::proxy::Proxy;
use crate::support::{Noise, is_over};
use camcast::sys::clock;
use nix::sys::signal::Signal;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

const RECORDER: [&str; 4] = ["-o", "-", "--format", "mjpeg"];

/// A recorder that is there before the first frame.
fn recorder(camcast: &Camcast) -> Program {
    let recorder = camrec(camcast.address, &[&RECORDER[..], &["--every"]].concat());
    camcast.wait_line("joined: ");
    recorder
}

fn clips(count: usize, len: usize) -> Vec<Vec<u8>> {
    (0..count).map(|n| of_len(len + n, n as u64)).collect()
}

fn write_folder(folder: &Path, clips: &[Vec<u8>]) {
    for (n, clip) in clips.iter().enumerate() {
        fs::write(folder.join(format!("{n:03}.jpg")), clip).unwrap();
    }
}

#[track_caller]
fn assert_says(ended: &Ended, words: &str) {
    assert!(ended.log.contains(words), "{words:?} is not in:\n{}", ended.log);
}

#[test]
fn all_that_was_read_before_the_end_arrives() {
    let (camcast, mut stdin) = Camcast::piped(&[]);
    let recorder = recorder(&camcast);
    let plain = PlainClient::join(camcast.address).go_on();
    camcast.wait_line("clients now: 2");
    // far more than the network takes at once: most of it is still to go when the end is read
    let clips = clips(120, 60_000);
    stdin.write_all(&clips.concat()).unwrap();
    drop(stdin);
    let ended = camcast.program.wait_exit().expect(0);
    assert_says(&ended, "standard input ended after 120 frames\n");
    assert_says(&ended, "stopped: 120 frames; dropped: none");
    assert!(recorder.wait_output(clips.concat().len()) == clips.concat());
    assert!(recorder.wait_line("lost ").contains("camcast is stopping"));
    let ended = recorder.stop(Signal::SIGTERM).expect(0);
    assert_eq!((ended.account("recorded"), ended.account("missing")), (120, 0));
    drop(plain);
}

#[test]
fn what_is_lost_on_the_way_is_repaired_before_the_end() {
    let (camcast, mut stdin) = Camcast::piped(&[]);
    let link = Spec { loss: 0.05, ..Spec::clean(Duration::from_millis(20)) };
    let proxy = Proxy::start(camcast.address, &link, &link, 5);
    let recorder = camrec(proxy.address, &[&RECORDER[..], &["--every"]].concat());
    camcast.wait_line("joined: ");
    let clips = clips(60, 30_000);
    stdin.write_all(&clips.concat()).unwrap();
    drop(stdin);
    assert_says(&camcast.program.wait_exit().expect(0), "standard input ended after 60 frames\n");
    assert!(recorder.wait_output(clips.concat().len()) == clips.concat());
    assert_eq!(recorder.stop(Signal::SIGTERM).account("missing"), 0);
    assert!(proxy.end().down.lost > 10);
}

#[test]
fn a_half_frame_at_the_end_is_said() {
    let (camcast, mut stdin) = Camcast::piped(&[]);
    let clips = clips(3, 5_000);
    let half = &noise(160, 120, 90, 4)[..4_321];
    stdin.write_all(&[&clips.concat()[..], half].concat()).unwrap();
    drop(stdin);
    let ended = camcast.program.wait_exit().expect(0);
    assert_says(&ended, "standard input ended after 3 frames and 4321 bytes of another\n");
    assert_says(&ended, "stopped: 3 frames; dropped: 1 cut off (no EOI)");
}

#[test]
fn an_end_before_the_first_frame_is_the_writers_failure() {
    for (bytes, words) in [
        (&b""[..], "standard input ended before its first frame: the program that writes into it"),
        (
            &of_len(5_000, 1)[..4_000],
            "standard input ended within its first frame, of which 4000 bytes came: ",
        ),
    ] {
        let (camcast, mut stdin) = Camcast::piped(&[]);
        stdin.write_all(bytes).unwrap();
        drop(stdin);
        let ended = camcast.program.wait_exit().expect(3);
        let last = ended.log.lines().last().unwrap();
        assert!(last.starts_with("camcast: ") && last.contains(words), "{last}");
    }
}

#[test]
fn a_pipe_that_stalls_is_said_once_and_so_is_its_return() {
    let (camcast, mut stdin) = Camcast::piped(&[]);
    let clips = clips(2, 5_000);
    stdin.write_all(&clips[0]).unwrap();
    camcast.wait_line("no frame from the source for a while");
    let lines = camcast.program.lines();
    stdin.write_all(&clips[1]).unwrap();
    camcast.program.wait_line_after(lines, "the source gives frames after ");
    drop(stdin);
    let ended = camcast.program.wait_exit().expect(0);
    assert_eq!(ended.log.matches("no frame from the source").count(), 1, "{}", ended.log);
    assert_says(&ended, "standard input ended after 2 frames\n");
}

#[test]
fn files_may_be_played_once() {
    let folder = tempfile::tempdir().unwrap();
    let clips = clips(12, 5_000);
    write_folder(folder.path(), &clips);
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), clips.concat()).unwrap();
    for source in [folder.path(), file.path()] {
        let source = source.to_str().unwrap();
        let camcast = Camcast::start(&[source, "--once", "-f", "5"]);
        let recorder = recorder(&camcast);
        let ended = camcast.program.wait_exit().expect(0);
        assert_says(&ended, &format!("{source} ended after 12 frames\n"));
        assert!(recorder.wait_line("lost ").contains("camcast is stopping"));
        let ended = recorder.stop(Signal::SIGTERM).expect(0);
        let first = clips.iter().position(|clip| ended.out.starts_with(clip)).expect("one of the clips");
        assert!(ended.out == clips[first..].concat(), "all from {first} on, and nothing twice");
    }
}

/// The line before the last says what the source gave: what was sent and what was dropped is as much.
#[test]
fn the_last_two_lines_agree() {
    let clips = clips(5, 5_000);
    let broken = b"\xff\xd8\xff\x02".to_vec();
    let cut = clips[0][..clips[0].len() - 2].to_vec();
    let parts = [&clips[0], &broken, &clips[1], &cut, &clips[2], &cut, &clips[3], &clips[4]];
    let stream: Vec<u8> = parts.into_iter().flatten().copied().collect();
    let dropped = "stopped: 5 frames; dropped: 1 with a broken header, 2 cut off (no EOI)";
    let (camcast, mut stdin) = Camcast::piped(&[]);
    stdin.write_all(&stream).unwrap();
    drop(stdin);
    let ended = camcast.program.wait_exit().expect(0);
    assert_says(&ended, "standard input ended after 8 frames\n");
    assert_says(&ended, dropped);

    let folder = tempfile::tempdir().unwrap();
    for (n, part) in parts.into_iter().enumerate() {
        fs::write(folder.path().join(format!("{n}.jpg")), part).unwrap();
    }
    let source = folder.path().to_str().unwrap();
    let ended = Camcast::start(&[source, "--once"]).program.wait_exit().expect(0);
    assert_says(&ended, &format!("{source} ended after 8 frames\n"));
    assert_says(&ended, "stopped: 5 frames; dropped: ");
}

#[test]
fn a_stream_of_which_no_frame_can_be_sent_is_a_failure() {
    let (camcast, mut stdin) = Camcast::piped(&[]);
    stdin.write_all(&of_len(5_002, 1)[..5_000].repeat(3)).unwrap();
    drop(stdin);
    let ended = camcast.program.wait_exit().expect(6);
    let last = ended.log.lines().last().unwrap();
    assert!(
        last.contains("standard input ended after 2 frames and 5000 bytes of another, none of which"),
        "{last}"
    );
    assert_says(&ended, "stopped: 0 frames; dropped: 3 cut off (no EOI)");
}

#[test]
fn a_film_that_is_read_too_fast_is_said_once() {
    let (camcast, mut stdin) = Camcast::piped(&[]);
    stdin.write_all(&clips(3_000, 2_000).concat()).unwrap();
    camcast.wait_line("frames a second: a film plays at its own speed with -f");
    drop(stdin);
    let ended = camcast.program.wait_exit().expect(0);
    assert_eq!(ended.log.matches("a film plays").count(), 1, "{}", ended.log);
}

#[test]
fn a_film_is_read_no_faster_than_is_asked_for() {
    let (camcast, mut stdin) = Camcast::piped(&["-f", "20", "--wait-for-client"]);
    let recorder = recorder(&camcast);
    let clips = clips(40, 2_000);
    let begun = clock::now();
    stdin.write_all(&clips.concat()).unwrap();
    drop(stdin);
    assert_says(&camcast.program.wait_exit().expect(0), "standard input ended after 40 frames\n");
    assert!(clock::now().since(begun) >= Duration::from_millis(38 * 50));
    assert!(recorder.wait_output(clips.concat().len()) == clips.concat());
    recorder.wait_line("lost ");
    assert_eq!(recorder.stop(Signal::SIGTERM).expect(0).account("missing"), 0);
}

#[test]
fn a_source_may_wait_for_the_first_client() {
    let folder = tempfile::tempdir().unwrap();
    let clips = clips(12, 5_000);
    write_folder(folder.path(), &clips);
    let source = folder.path().to_str().unwrap();
    for args in [[source, "--once", "--wait-for-client"], ["-", "--wait-for-client", "-v"]] {
        let mut command = camcast(&[&args[..], &["--listen", "127.0.0.1:0"]].concat());
        let mut program = Program::start("camcast", command.stdin(Stdio::piped()));
        let mut stdin = program.take_stdin();
        stdin.write_all(&clips.concat()).unwrap();
        drop(stdin);
        let camcast = Camcast::from(program);
        let name = if args[0] == "-" { "standard input" } else { source };
        camcast.wait_line(&format!("{name} begins when the first client is there"));
        let recorder = recorder(&camcast);
        let ended = camcast.program.wait_exit().expect(0);
        assert_says(&ended, "ended after 12 frames\n");
        assert!(!ended.log.contains("no frame from"), "{}", ended.log);
        recorder.wait_line("lost ");
        let ended = recorder.stop(Signal::SIGTERM).expect(0);
        assert!(ended.out == clips.concat(), "{args:?}: all of it, from the first on");
    }
}

#[test]
fn what_arrives_in_a_folder_is_played() {
    let folder = tempfile::tempdir().unwrap();
    let clips = clips(6, 5_000);
    let put = |n: usize| {
        let (beside, name) = (folder.path().join(".beside"), format!("{}.jpg", 9 - n));
        fs::write(&beside, &clips[n]).unwrap();
        fs::rename(beside, folder.path().join(name)).unwrap();
    };
    put(0);
    let camcast =
        Camcast::start(&[folder.path().to_str().unwrap(), "--follow", "--wait-for-client", "-f", "50"]);
    let recorder = recorder(&camcast);
    assert!(recorder.wait_output(clips[0].len()) == clips[0], "what was there before");
    let pause = clock::now().after(Duration::from_millis(2_500));
    for n in 1..6 {
        // longer than a camera may be silent
        while n == 3 && !is_over(pause) {
            crate::support::pause();
        }
        put(n);
        let (heard, expected) = (recorder.wait_output(clips[..=n].concat().len()), clips[..=n].concat());
        let same = heard.iter().zip(&expected).take_while(|(a, b)| a == b).count();
        let (heard, expected) = (heard.len(), expected.len());
        assert_eq!((heard, same), (expected, expected), "file {n}: bytes, and how many of them are the same");
    }
    fs::remove_dir_all(folder.path()).unwrap();
    let ended = camcast.program.wait_exit().expect(3);
    assert_says(&ended, "the folder is not there any more");
    assert!(!ended.log.contains("no frame from the source"), "{}", ended.log);
    assert_says(&ended, "stopped: 6 frames; dropped: none");
    recorder.wait_line("lost ");
    assert_eq!(recorder.stop(Signal::SIGTERM).expect(0).account("missing"), 0);
}

/// A telephone's picture has another behind it, and macOS leaves a hidden file beside it.
#[test]
fn a_picture_is_one_picture() {
    let folder = tempfile::tempdir().unwrap();
    let (picture, preview) = (noise(320, 240, 50, 1), noise(64, 48, 50, 2));
    let path = folder.path().join("IMG.jpg");
    fs::write(&path, [&picture[..], &preview].concat()).unwrap();
    fs::write(folder.path().join("._IMG.jpg"), b"Mac OS X        ").unwrap();
    for source in [folder.path(), &path] {
        let camcast = Camcast::start(&[source.to_str().unwrap()]);
        let args = [&RECORDER[..], &["--frames", "6"]].concat();
        let ended = camrec(camcast.address, &args).wait_exit().expect(0);
        assert!(ended.out == picture.repeat(6));
        assert_says(&camcast.program.stop(Signal::SIGTERM).expect(0), "dropped: none");
    }
}

#[test]
fn a_file_that_vanishes_ends_the_stream_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mjpeg");
    fs::write(&path, clips(2, 5_000).concat()).unwrap();
    let camcast = Camcast::start(&[path.to_str().unwrap(), "-f", "20"]);
    let recorder = recorder(&camcast);
    recorder.wait_output(20_000);
    fs::remove_file(&path).unwrap();
    let ended = camcast.program.wait_exit().expect(3);
    let last = ended.log.lines().last().unwrap();
    assert!(last.contains(&format!("cannot read {}: No such file", path.display())), "{last}");
    assert!(recorder.wait_line("lost ").contains("camcast is stopping"));
    recorder.stop(Signal::SIGTERM).expect(0);
}

#[test]
fn files_of_a_folder_that_cannot_be_read_are_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let clips = clips(5, 5_000);
    write_folder(folder.path(), &clips);
    let spoil = |name: &str| {
        let path = folder.path().join(name);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
        // to the superuser nothing is forbidden
        if fs::File::open(&path).is_ok() {
            fs::remove_file(&path).unwrap();
        }
    };
    let camcast = Camcast::start(&[folder.path().to_str().unwrap(), "-f", "20"]);
    spoil("000.jpg");
    spoil("003.jpg");
    let line = camcast.wait_line("skipped: cannot read ");
    assert!(line.ends_with("others like it are skipped in silence"), "{line}");
    let args = [&RECORDER[..], &["--frames", "20"]].concat();
    let ended = camrec(camcast.address, &args).wait_exit().expect(0);
    assert_eq!(ended.account("missing"), 0);
    let ended = camcast.program.stop(Signal::SIGTERM).expect(0);
    assert_eq!(ended.log.matches("skipped: ").count(), 1, "{}", ended.log);
}

#[test]
fn a_signal_does_not_wait_for_anybody() {
    let (camcast, mut stdin) = Camcast::piped(&[]);
    // it answers nothing
    let mute = PlainClient::join(camcast.address);
    camcast.wait_line("joined: ");
    stdin.write_all(&of_len(5_000, 1)).unwrap();
    mute.frame();
    drop(stdin);
    camcast.wait_line("standard input ended after 1 frame");
    camcast.program.signal(Signal::SIGTERM);
    camcast.wait_line("stopping: telling 1 client");
    camcast.program.wait_exit().expect(0);
}

/// A JPEG of this many bytes whose scan makes up most of it: bytes before EOI, which decoders skip.
fn large(len: usize) -> Vec<u8> {
    let small = of_len(2_000, 1);
    let (before, end) = small.split_at(small.len() - 2);
    [before, &vec![0x55; len - small.len()], end].concat()
}

const TOO_LARGE: usize = 9_000_000;
const FAR_TOO_LARGE: usize = 39 << 19;

#[test]
fn what_is_too_large_to_be_sent_is_counted_and_the_stream_goes_on() {
    let (camcast, mut stdin) = Camcast::piped(&[]);
    camcast.wait_line("a frame may have up to 8.4 MB (the protocol's limit)");
    let recorder = recorder(&camcast);
    let clips = clips(4, 30_000);
    let strange = vec![0; 20 << 20];
    let between = [large(TOO_LARGE), large(FAR_TOO_LARGE), strange];
    let mut wanted = Vec::new();
    for (n, clip) in clips.iter().enumerate() {
        stdin.write_all(clip).unwrap();
        wanted.extend_from_slice(clip);
        assert!(recorder.wait_output(wanted.len()) == wanted, "frame {n}");
        stdin.write_all(between.get(n).map_or(&[], Vec::as_slice)).unwrap();
    }
    drop(stdin);
    let ended = camcast.program.wait_exit().expect(0);
    let words = "a frame of 9000000 bytes is longer than the 8388608 that one may have";
    assert_says(&ended, words);
    assert_says(&ended, "the newest 33.6 MB are kept; a frame may have up to 8.4 MB (the protocol's limit)");
    assert_says(&ended, "stopped: 4 frames; dropped: 1 without a beginning (no SOI), 2 too large");
    let ended = recorder.stop(Signal::SIGTERM);
    assert_eq!((ended.account("recorded"), ended.account("missing")), (4, 0));
}

#[test]
fn a_frame_that_is_far_too_large_is_no_end_of_a_folder_either() {
    let folder = tempfile::tempdir().unwrap();
    let clips = clips(3, 5_000);
    write_folder(folder.path(), &clips);
    for name in ["000-large.mjpeg", "001-large.mjpeg"] {
        fs::write(folder.path().join(name), large(FAR_TOO_LARGE)).unwrap();
    }
    fs::write(folder.path().join("001-zeros.mjpeg"), vec![0; 17 << 20]).unwrap();
    let camcast = Camcast::start(&[folder.path().to_str().unwrap(), "-f", "30", "--once"]);
    let ended = camcast.program.wait_exit().expect(0);
    assert_says(&ended, "stopped: 3 frames; dropped: ");
    assert_says(&ended, " without a beginning (no SOI), 2 too large");
}

#[test]
fn a_source_whose_every_frame_is_too_large_is_not_healthy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.jpg");
    fs::write(&path, large(TOO_LARGE)).unwrap();
    let camcast = Camcast::start(&[path.to_str().unwrap(), "-f", "20"]);
    let viewer = PlainClient::join(camcast.address);
    let recorder = camrec(camcast.address, &[&RECORDER[..], &["--every", "--frames", "3"]].concat());
    camcast.wait_line("every frame from the source is too large to be sent");
    recorder.wait_line("no frames: the camera is away");
    // the picture that says why
    let slate = viewer.take_frames(1).remove(0);
    assert!(slate.len() < 60_000, "{} bytes", slate.len());
    assert_eq!(recorder.stop(Signal::SIGTERM).account("recorded"), 0);
    let ended = camcast.program.stop(Signal::SIGTERM);
    assert_says(&ended, "stopped: 0 frames; dropped: ");
    assert!(!ended.log.contains("the source gives frames"), "{}", ended.log);
}

#[test]
fn noise_in_a_pipe_costs_the_frames_that_it_hits() {
    let (camcast, mut stdin) = Camcast::piped(&[]);
    let recorder = recorder(&camcast);
    let frames: Vec<Vec<u8>> = (0..60).map(|seed| noise(64, 48, 90, seed)).collect();
    let mut dice = Noise::new(7);
    let mut stream = Vec::new();
    for (n, frame) in frames.iter().enumerate() {
        let begin = stream.len();
        stream.extend_from_slice(frame);
        if n % 10 == 5 {
            let mut burst = dice.bytes(512);
            // what a scan ends with for whoever believes it, and a length that spans several frames
            burst[200..204].copy_from_slice(&[0xff, 0xe5, 0xf0, 0]);
            let at = stream.len() - 1_000;
            assert!(at > begin + 700, "it is in the scan");
            stream[at..at + burst.len()].copy_from_slice(&burst);
        }
    }
    stdin.write_all(&stream).unwrap();
    drop(stdin);
    let ended = camcast.program.wait_exit().expect(0);
    assert_says(&ended, "stopped: 54 frames; dropped: ");
    let good: Vec<u8> =
        frames.iter().enumerate().filter(|(n, _)| n % 10 != 5).flat_map(|(_, frame)| frame.clone()).collect();
    assert!(recorder.wait_output(good.len()) == good);
    let ended = recorder.stop(Signal::SIGTERM);
    assert_eq!((ended.account("recorded"), ended.account("missing")), (54, 0));
}
