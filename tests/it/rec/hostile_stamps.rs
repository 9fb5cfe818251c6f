//! Who sends the frames says when they were captured: whatever that is, there are few files, no frame is lost, and none is dated by
//! what cannot be.

use crate::support::film::RecordingReader;
use crate::support::native::Door;
use crate::support::pictures::noise;
use crate::support::procs::{Ended, camrec_into};
use jiff::Timestamp;
use std::path::Path;
use std::process::Command;

const FRAMES: u32 = 90;

/// Frames that were captured at these milliseconds, as is said of each.
fn record(folder: &Path, args: &[&str], captured: impl Fn(u32) -> u64) -> Ended {
    let door = Door::open();
    let frames = FRAMES.to_string();
    let camrec = camrec_into(folder, door.address, &[args, &["--frames", &frames]].concat());
    let (server, _) = door.accept(0x00c0_ffee_00c0_ffee, 1);
    for number in 1..=FRAMES {
        let stamped =
            server.stamped(number, &noise(64, 48, 50, number.into()), (0, captured(number), number));
        stamped.iter().for_each(|datagram| server.send(datagram));
        // with the last one it leaves
        if number < FRAMES {
            server.wait_through(number);
        }
    }
    camrec.wait_exit().expect(0)
}

/// All frames are there, and camrec finds every file sound.
#[track_caller]
fn films(folder: &Path) -> Vec<RecordingReader> {
    let films = RecordingReader::read_folder(folder);
    assert_eq!(films.iter().map(|film| film.shots.len()).sum::<usize>(), FRAMES as usize);
    let mut check = Command::new(env!("CARGO_BIN_EXE_camrec"));
    let checked = check.arg("check").arg(folder).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    films
}

#[test]
fn a_clock_that_goes_back_with_each_frame_makes_few_files() {
    let folder = tempfile::tempdir().unwrap();
    let ended = record(folder.path(), &[], |number| 1_000_000 - 2_000 * u64::from(number));
    let files = films(folder.path()).len();
    assert!((2..=22).contains(&files), "{files} files of {FRAMES} frames");
    assert!(ended.log.contains("the camera's clock jumps too often for a file each time"), "{}", ended.log);
}

#[test]
fn one_time_from_the_end_of_all_time_dates_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let ended = record(folder.path(), &["--segment", "1s"], |number| match number {
        30 => u64::MAX / 1_000_000,
        number => 50_000 + 40 * u64::from(number),
    });
    let later = Timestamp::now().as_microsecond() + 60_000_000;
    let films = films(folder.path());
    assert!((4..=5).contains(&films.len()), "{} files of a second each", films.len());
    for film in films {
        assert!(film.times().all(|time| time < later), "{}", film.path.display());
    }
    assert!(
        ended.log.contains("frame 30 says that it was captured when it cannot have been"),
        "{}",
        ended.log
    );
}
