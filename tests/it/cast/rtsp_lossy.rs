//! RTSP through a path that loses packets: a player that asks for what it lacks gets it.

use super::http::folder;
use crate::support::carried::pictures;
use crate::support::procs::Camcast;
use crate::support::rtsp::{LossyPath, address};
use crate::support::{heavy_turn, left_out};
use std::collections::HashMap;
use std::process::Command;
use turbojpeg::Subsamp;

const FRAMES: usize = 300;

/// The path's losses are these of each hundred packets, by this seed.
const LOSS: (usize, u64) = (2, 7);

/// ffmpeg asks for what it lacks at most five times a second, and by itself waits a tenth of a second for it (libavformat/rtpdec.c:
/// MIN_FEEDBACK_INTERVAL; DEFAULT_REORDERING_DELAY in rtsp.c). A second was enough at this loss.
const PATIENT: [&str; 6] = ["-rtsp_transport", "udp", "-max_delay", "2000000", "-reorder_queue_size", "3000"];

/// What ffmpeg made of the stream.
struct Shown {
    /// Pictures, and those of them that are no frame's.
    pictures: usize,
    wrong: usize,
    /// Frames between the first and the last picture that are not there.
    missing: usize,
    complaints: String,
}

/// ffmpeg's sums of pictures, one a line.
fn sums(args: &[&str]) -> (Vec<String>, String) {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "warning", "-nostdin"]).args(args);
    let output = ffmpeg.args(["-fps_mode", "passthrough", "-f", "framemd5", "-"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let sums = lines.map(|line| line.rsplit(' ').next().unwrap().to_owned()).collect();
    (sums, String::from_utf8_lossy(&output.stderr).into_owned())
}

fn shown(path: &str) -> Shown {
    let jpegs = pictures(Subsamp::Sub2x1, 70);
    let folder = folder(&jpegs);
    let source = folder.path().to_str().unwrap();
    let (direct, _) = sums(&["-f", "image2", "-i", &format!("{source}/%04d.jpg")]);
    let numbers: HashMap<&String, usize> = direct.iter().zip(0..).collect();
    assert_eq!(numbers.len(), jpegs.len());
    let camcast = Camcast::start(&[source, "-f", "30", "--rtsp", "127.0.0.1:0"]);
    let lossy = LossyPath::to(address(&camcast), LOSS.0, LOSS.1);
    let url = format!("rtsp://{}/{path}", lossy.address);
    let wanted = FRAMES.to_string();
    let (sums, complaints) = sums(&[&PATIENT[..], &["-i", &url, "-frames:v", &wanted]].concat());
    let found: Vec<Option<&usize>> = sums.iter().map(|sum| numbers.get(sum)).collect();
    let known: Vec<usize> = found.iter().flatten().copied().copied().collect();
    let span: usize = known.windows(2).map(|two| (two[1] + jpegs.len() - two[0]) % jpegs.len()).sum();
    let (pictures, wrong) = (found.len(), found.len() - known.len());
    let missing = (span + 1).saturating_sub(pictures);
    let (packets, lost) = lossy.counts();
    println!(
        "{path}, seed {}: {lost} of {packets} packets lost; {pictures} pictures, {wrong} of them broken, {missing} frames missing",
        LOSS.1
    );
    Shown { pictures, wrong, missing, complaints }
}

#[test]
fn what_ffmpeg_lacks_it_asks_for_and_gets() {
    if Command::new("ffmpeg").arg("-version").output().is_err() {
        return left_out("no ffmpeg here");
    }
    let _turn = heavy_turn();
    let repaired = shown("stream?nack=1");
    assert_eq!(
        (repaired.pictures, repaired.wrong, repaired.missing),
        (FRAMES, 0, 0),
        "seed {}: {}",
        LOSS.1,
        repaired.complaints
    );
    let spoilt = shown("stream");
    assert!(spoilt.wrong + spoilt.missing > 0, "seed {}: the path loses nothing", LOSS.1);
}
