//! Cameras of few frames a second, as webcams in the dark and 1080p without MJPEG are: whoever looks sees them.

use crate::support::procs::{Camcast, camrec, camrec_into};

/// Of several bursts each, so that a frame has pauses.
fn sees(fps: &str, frames: &str) {
    let camcast = Camcast::start(&["pattern", "-r", "800x600", "-f", fps]);
    let viewer = camrec(camcast.address, &["--newest", "-o", "-", "--format", "mjpeg", "--frames", frames]);
    let folder = tempfile::tempdir().unwrap();
    let recorder = camrec_into(folder.path(), camcast.address, &["--frames", frames]);
    let wanted: u64 = frames.parse().unwrap();
    for program in [viewer, recorder] {
        let ended = program.wait_exit().expect(0);
        // what a viewer is shown is never outrun here, whatever the machine does
        let came = (ended.account("recorded"), ended.account("missing"));
        assert_eq!(came, (wanted, 0), "{fps} a second: {}", ended.text());
    }
}

#[test]
fn one_frame_a_second() {
    sees("1", "3");
}

#[test]
fn two_frames_a_second() {
    sees("2", "4");
}

#[test]
fn five_frames_a_second() {
    sees("5", "8");
}

#[test]
fn a_frame_in_three_seconds() {
    sees("0.33", "3");
}
