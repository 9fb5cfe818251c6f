//! No signal: viewers and plain clients see a picture that says so; recordings hold nothing but the camera's frames.

use crate::support::film::{RecordingReader, files};
use crate::support::pictures::noise;
use crate::support::plain::PlainClient;
use crate::support::procs::{Camcast, camrec, camrec_into};
use camcast::jpeg::{self, Size};
use nix::sys::signal::Signal;
use std::io::Write;

const SIZE: Size = Size { width: 320, height: 240 };

/// Waits for the next frame that is none of `clips`: the slate, which is a picture of the stream's size.
fn slate(client: &PlainClient, clips: &[Vec<u8>]) -> Vec<u8> {
    loop {
        let frame = client.frame();
        client.say("continue");
        if !clips.contains(&frame) {
            assert_eq!(jpeg::check(&frame).unwrap().size(), SIZE);
            return frame;
        }
    }
}

#[test]
fn viewers_are_told_by_a_picture_and_recorders_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let (camcast, mut stdin) = Camcast::piped(&[]);
    let recorder = camrec_into(folder.path(), camcast.address, &[]);
    let viewer = camrec(camcast.address, &["-o", "-", "--newest", "--format", "mjpeg"]);
    camcast.wait_line("clients now: 2");
    let plain = PlainClient::join(camcast.address);
    camcast.wait_line("clients now: 3");

    let clips: Vec<Vec<u8>> = (0..3).map(|n| noise(SIZE.width.into(), SIZE.height.into(), 15, n)).collect();
    stdin.write_all(&clips[0]).unwrap();
    // then nothing comes
    let shown = slate(&plain, &clips);
    // again and again: a player shows a picture when the next one is there
    let (clip, length) = (clips[0].len(), shown.len());
    let seen = viewer.wait_output(clip + 2 * length);
    assert!(seen.starts_with(&[&clips[0][..], &shown, &shown].concat()), "{} bytes", seen.len());
    assert!(slate(&plain, &clips) == shown, "it is shown again, and drawn once");
    // whoever comes now sees it too, and nothing of before
    let late = camrec(camcast.address, &["-o", "-", "--newest", "--format", "mjpeg"]);
    assert!(late.wait_output(shown.len()).starts_with(&shown));

    let before = camcast.program.lines();
    stdin.write_all(&clips[1]).unwrap();
    camcast.program.wait_line_after(before, "gives frames after");
    let mut seen = viewer.wait_output(clip + 2 * length + clips[1].len());
    while !seen.ends_with(&clips[1]) {
        seen = viewer.wait_output(seen.len() + 1);
    }
    // it is the camera's turn from then on
    let between = &seen[clip..seen.len() - clips[1].len()];
    assert!(between.chunks(length).all(|picture| picture == shown), "{} bytes", between.len());

    drop(late.stop(Signal::SIGTERM));
    assert_eq!(viewer.stop(Signal::SIGTERM).expect(0).account("recorded"), 2);
    let ended = recorder.stop(Signal::SIGTERM).expect(0);
    assert_eq!((ended.account("recorded"), ended.account("missing")), (2, 0));
    let film = RecordingReader::read(&files(folder.path())[0]);
    let frames: Vec<&[u8]> = film.shots.iter().map(|shot| &shot.jpeg[..]).collect();
    assert!(frames == [&clips[0][..], &clips[1][..]], "{} frames", frames.len());
}

/// A stream for a player, while there is no camera: pictures whose times go on, then it ends as one that had no frame.
#[test]
fn a_player_is_shown_no_signal_again_and_again() {
    let camcast = Camcast::start(&["/dev/video-that-is-not"]);
    let viewer = camrec(camcast.address, &["-o", "-", "--newest"]);
    let picture = viewer.wait_output(1000);
    viewer.wait_line("no frames: the camera is away, camcast's log says why; waiting for the first one");
    let mut seen = picture.len();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seen.mkv");
    let film = loop {
        let bytes = viewer.wait_output(seen + 1);
        seen = bytes.len();
        std::fs::write(&path, &bytes).unwrap();
        let film = RecordingReader::read(&path);
        if film.shots.len() >= 3 {
            break film;
        }
    };
    film.assert_times_rise();
    assert!(film.shots[2].micros >= 1_900_000, "once a second: {}", film.shots[2].micros);
    assert!(film.shots[0].jpeg == film.shots[1].jpeg);
    let ended = viewer.stop(Signal::SIGTERM).expect(14);
    assert_eq!(ended.account("recorded"), 0);
}
