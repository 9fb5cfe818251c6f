//! Not a byte of a frame is changed on its way: files and pipes in, camrec's output out.

use crate::support::film::RecordingReader;
use crate::support::pictures::{noise, of_len};
use crate::support::procs::{Camcast, camrec, camrec_into};
use nix::sys::signal::Signal;
use std::fs;
use std::io::Write;
use std::path::Path;

/// Bytes of a fragment at the default MTU: 1500, less 48 of IPv6 and UDP header, less 28 of DATA's.
const FRAGMENT: usize = 1416;

/// Distinct JPEGs around all borders that a frame's length can be at: fragments, one system call, one datagram.
fn clips() -> Vec<Vec<u8>> {
    let lengths = [
        1_000,
        FRAGMENT - 1,
        FRAGMENT,
        FRAGMENT + 1,
        2 * FRAGMENT,
        45 * FRAGMENT,
        45 * FRAGMENT + 1,
        65_507,
        65_508,
        64 * FRAGMENT,
        100_000,
        300_000,
    ];
    let mut clips: Vec<Vec<u8>> = lengths.iter().enumerate().map(|(n, len)| of_len(*len, n as u64)).collect();
    clips.push(noise(320, 240, 90, 1));
    clips.push(noise(64, 48, 70, 2));
    clips
}

fn write_folder(folder: &Path, clips: &[Vec<u8>]) {
    for (n, clip) in clips.iter().enumerate() {
        fs::write(folder.join(format!("{n:03}.jpg")), clip).unwrap();
    }
}

/// The next `count` clips from one of them on, as one stream.
fn cycle(clips: &[Vec<u8>], first: usize, count: usize) -> Vec<u8> {
    clips.iter().cycle().skip(first).take(count).flatten().copied().collect()
}

#[track_caller]
fn assert_cycle(output: &[u8], clips: &[Vec<u8>], count: usize) {
    let first = clips.iter().position(|clip| output.starts_with(clip)).expect("begins with one of the clips");
    let expected = cycle(clips, first, count);
    assert_eq!(output.len(), expected.len());
    let differs = output.iter().zip(&expected).position(|(is, was)| is != was);
    assert_eq!(differs, None, "the first byte that differs");
}

#[test]
fn a_folders_files_arrive_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let clips = clips();
    write_folder(folder.path(), &clips);
    let camcast = Camcast::start(&[folder.path().to_str().unwrap(), "-f", "20"]);
    let args = ["-o", "-", "--format", "mjpeg", "--every", "--frames", "45"];
    let ended = camrec(camcast.address, &args).wait_exit().expect(0);
    assert_eq!((ended.account("recorded"), ended.account("missing")), (45, 0));
    assert_cycle(&ended.out, &clips, 45);
}

#[test]
fn a_file_of_many_frames_arrives_byte_for_byte_at_any_mtu() {
    let folder = tempfile::tempdir().unwrap();
    let clips = clips();
    let file = folder.path().join("clip.mjpeg");
    fs::write(&file, clips.concat()).unwrap();
    for mtu in ["576", "1280", "9000"] {
        let camcast = Camcast::start(&[file.to_str().unwrap(), "-f", "20", "--mtu", mtu]);
        let args = ["-o", "-", "--format", "mjpeg", "--every", "--frames", "20"];
        let ended = camrec(camcast.address, &args).wait_exit().expect(0);
        assert_cycle(&ended.out, &clips, 20);
    }
}

#[test]
fn what_a_camera_pads_behind_a_frame_is_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let clips: Vec<_> = (0..5).map(|n| of_len(3_000 + n, n as u64)).collect();
    let padded: Vec<_> = clips.iter().map(|clip| [&clip[..], &[0; 777]].concat()).collect();
    write_folder(folder.path(), &padded);
    let camcast = Camcast::start(&[folder.path().to_str().unwrap(), "-f", "20"]);
    let args = ["-o", "-", "--format", "mjpeg", "--every", "--frames", "12"];
    let ended = camrec(camcast.address, &args).wait_exit().expect(0);
    assert_cycle(&ended.out, &clips, 12);
}

#[test]
fn a_recording_holds_the_frames_byte_for_byte() {
    let (source, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let clips: Vec<_> = (0..7).map(|n| noise(160, 120, 60 + n * 5, n as u64)).collect();
    write_folder(source.path(), &clips);
    let camcast = Camcast::start(&[source.path().to_str().unwrap(), "-f", "20"]);
    camrec_into(folder.path(), camcast.address, &["--frames", "25"]).wait_exit().expect(0);
    let [film] = &RecordingReader::read_folder(folder.path())[..] else { panic!("not one file") };
    let frames: Vec<u8> = film.shots.iter().flat_map(|shot| shot.jpeg.clone()).collect();
    assert_cycle(&frames, &clips, 25);
}

#[test]
fn standard_input_is_streamed_byte_for_byte_and_its_end_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (camcast, mut stdin) = Camcast::piped(&[]);
    let viewer = camrec(camcast.address, &["-o", "-", "--format", "mjpeg", "--every"]);
    let recorder = camrec_into(folder.path(), camcast.address, &[]);
    for who in ["(native, every, camrec/", "clients now: 2"] {
        camcast.wait_line(who);
    }

    // each frame is there before the next is written; some come in pieces, cut anywhere
    let clips = clips();
    let mut length = 0;
    for (n, clip) in clips.iter().enumerate() {
        let (head, tail) = clip.split_at(n * 97 % clip.len());
        stdin.write_all(head).unwrap();
        stdin.flush().unwrap();
        stdin.write_all(tail).unwrap();
        length += clip.len();
        let output = viewer.wait_output(length);
        assert!(output == clips[..=n].concat(), "after frame {n}");
    }

    drop(stdin);
    let ended = camcast.program.wait_exit().expect(0);
    assert!(ended.log.contains("stopped: 14 frames; dropped: none"), "{}", ended.log);
    assert!(viewer.wait_line("lost ").contains("camcast is stopping"));
    assert!(recorder.wait_line("lost ").contains("camcast is stopping"));
    assert_eq!(viewer.stop(Signal::SIGTERM).expect(0).account("missing"), 0);
    let ended = recorder.stop(Signal::SIGTERM).expect(0);
    assert_eq!((ended.account("recorded"), ended.account("missing")), (14, 0));
    let films = RecordingReader::read_folder(folder.path());
    let frames: Vec<&[u8]> = films.iter().flat_map(|film| &film.shots).map(|shot| &shot.jpeg[..]).collect();
    assert!(frames == clips.iter().map(Vec::as_slice).collect::<Vec<_>>());
}

#[test]
fn rubbish_between_frames_and_damaged_frames_are_left_out() {
    let (camcast, mut stdin) = Camcast::piped(&[]);
    let viewer = camrec(camcast.address, &["-o", "-", "--format", "mjpeg", "--every"]);
    camcast.wait_line("joined: ");
    let clips: Vec<_> = (0..3).map(|n| noise(64, 48, 80, n)).collect();
    let half = &clips[1][..clips[1].len() / 2];
    // half a frame, then a whole one: the half is no frame
    let pieces = [b"no picture", &clips[0][..], &[0; 5000], &clips[1], half, &clips[2]];
    pieces.iter().for_each(|piece| stdin.write_all(piece).unwrap());
    let whole = clips.concat();
    assert!(viewer.wait_output(whole.len()) == whole);
    drop(stdin);
    camcast.program.wait_exit().expect(0);
    let ended = viewer.stop(Signal::SIGINT).expect(0);
    assert!(ended.out == whole);
}
