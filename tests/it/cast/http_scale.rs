//! Frames made smaller for those who ask for that: `?scale=2`, `4` and `8`.

use super::http::{folder, pattern, serve};
use crate::support::http::{Client, address, get};
use crate::support::pictures::{decode, decode_smaller, decoded_size, likeness, noise};
use crate::support::procs::Camcast;
use crate::support::{PATIENCE, deadline, is_over, pause};
use camcast::jpeg::{Size, check};
use camcast::picture::Pattern;
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ChildStdin;
use std::sync::{Arc, Barrier};
use std::thread;

/// Parts that a viewer reads.
const PARTS: usize = 25;

/// The size that a JPEG's header has.
#[track_caller]
fn size(jpeg: &[u8]) -> (u16, u16) {
    let Size { width, height } = check(jpeg).expect("a JPEG, and all of it").size();
    (width, height)
}

/// The next part of that size. NO SIGNAL, which may come before it on a busy machine, has another.
#[track_caller]
fn part(viewer: &mut Client, expected: (u16, u16)) -> (f64, Vec<u8>) {
    let until = deadline(PATIENCE);
    loop {
        let (time, jpeg) = viewer.part();
        if size(&jpeg) == expected {
            return (time, jpeg);
        }
        assert!(!is_over(until), "parts of {:?}, and none of {expected:?}", size(&jpeg));
    }
}

/// The next part that is this frame.
#[track_caller]
fn same(viewer: &mut Client, frame: &[u8]) -> f64 {
    let until = deadline(PATIENCE);
    loop {
        let (time, jpeg) = viewer.part();
        if jpeg == frame {
            return time;
        }
        assert!(!is_over(until), "other parts than that");
    }
}

/// A counter of `/metrics`.
#[track_caller]
fn counter(at: SocketAddr, name: &str) -> u64 {
    let text = get(at, "/metrics").text();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name}: {text}")).parse().unwrap()
}

fn made(at: SocketAddr) -> [u64; 3] {
    [2, 4, 8].map(|scale| counter(at, &format!("camcast_http_shrunk_frames_total{{scale=\"{scale}\"}}")))
}

/// camcast on a pipe.
fn piped() -> (Camcast, SocketAddr, ChildStdin) {
    let (camcast, stdin) = Camcast::piped(&["--http", "127.0.0.1:0"]);
    let at = address(&camcast);
    (camcast, at, stdin)
}

#[test]
fn each_scale_is_the_camera_s_picture_made_smaller_with_the_cameras_times() {
    let (_camcast, at) = pattern(&["-r", "640x480"]);
    let targets = ["/stream", "/stream?scale=2", "/?action=stream&scale=2", "/stream?scale=4"];
    let all_are_there = Arc::new(Barrier::new(targets.len()));
    let viewers = targets.map(|target| {
        let all_are_there = Arc::clone(&all_are_there);
        thread::spawn(move || {
            let mut viewer = Client::connect(at);
            viewer.begin(target, "");
            viewer.part();
            all_are_there.wait();
            // whatever the others read, some of it is among these
            let parts = if target == "/stream" { 3 * PARTS } else { PARTS };
            (0..parts).map(|_| viewer.part()).collect::<Vec<_>>()
        })
    });
    let [full, half, other_half, quarter] = viewers.map(|viewer| viewer.join().unwrap());
    for (parts, expected) in
        [(&full, (640, 480)), (&half, (320, 240)), (&other_half, (320, 240)), (&quarter, (160, 120))]
    {
        assert!(parts.iter().all(|(_, jpeg)| size(jpeg) == expected), "{expected:?}");
        assert!(
            parts.is_sorted_by(|a, b| a.0 < b.0),
            "{:?}",
            parts.iter().map(|it| it.0).collect::<Vec<_>>()
        );
    }
    let at_time = |parts: &[(f64, Vec<u8>)], time: f64| {
        let found = parts.iter().find(|(its, _)| its.to_bits() == time.to_bits());
        found.map(|(_, jpeg)| jpeg.clone())
    };
    let mut compared = [0; 2];
    for (time, whole) in &full {
        for (nth, (parts, times)) in [(&half, 2), (&quarter, 4)].into_iter().enumerate() {
            let Some(small) = at_time(parts, *time) else { continue };
            let likeness = likeness(&decode(&small).unwrap(), &decode_smaller(whole, times));
            assert!(likeness > 30.0, "{times} times smaller: {likeness:.1} dB");
            compared[nth] += 1;
        }
    }
    assert!(compared.iter().all(|count| *count > 0), "no frame in common: {compared:?}");
    let both = half.iter().filter_map(|(time, jpeg)| Some((jpeg, at_time(&other_half, *time)?)));
    assert!(both.clone().count() > 0 && both.into_iter().all(|(one, other)| *one == other));
    assert_eq!(made(at)[2], 0, "nobody has asked for that");
}

#[test]
fn a_frame_is_made_smaller_once_for_all_and_only_while_somebody_asks() {
    let (_camcast, at, mut pipe) = piped();
    let mut pattern = Pattern::new(Size { width: 641, height: 481 }, Pattern::QUALITY).unwrap();
    let watch = |target: &str| {
        let mut viewer = Client::connect(at);
        viewer.begin(target, "");
        viewer
    };
    let mut small = ["/stream?scale=2", "/stream?scale=2", "/stream?scale=4"].map(watch);
    let mut full = watch("/stream");
    // a frame comes when all have the one before it: so none of them is skipped
    for number in 0..20 {
        let frame = pattern.draw(number, "12:34:56.789").unwrap();
        pipe.write_all(frame).unwrap();
        let time = same(&mut full, frame);
        let sizes = [(321, 241), (321, 241), (161, 121)];
        let parts: Vec<_> = small.iter_mut().zip(sizes).map(|(viewer, size)| part(viewer, size)).collect();
        assert!(parts.iter().all(|(its, _)| its.to_bits() == time.to_bits()), "one time for all");
        assert!(parts[0].1 == parts[1].1);
    }
    assert_eq!((made(at), counter(at, "camcast_frames_total")), ([20, 20, 0], 20));
    // the last who wanted them go; what their leave is, camcast knows with the next frame
    drop(small);
    let until = deadline(PATIENCE);
    let mut number = 20;
    while counter(at, "camcast_clients{outlet=\"http\",kind=\"viewer\"}") > 1 {
        assert!(!is_over(until), "they never left");
        let frame = pattern.draw(number, "12:34:56.789").unwrap();
        pipe.write_all(frame).unwrap();
        same(&mut full, frame);
        number += 1;
    }
    // one may have been in hand
    get(at, "/snapshot?scale=4");
    let before = made(at);
    for number in number..number + 20 {
        let frame = pattern.draw(number, "12:34:56.789").unwrap();
        pipe.write_all(frame).unwrap();
        same(&mut full, frame);
    }
    assert_eq!(made(at), before);
    // snapshots of one frame are one as well
    let shots = [8, 8, 8].map(|scale| get(at, &format!("/snapshot?scale={scale}")));
    assert!(shots.iter().all(|shot| shot.status == 200 && shot.body == shots[0].body));
    assert_eq!((size(&shots[0].body), made(at)[2]), ((81, 61), 1));
}

#[test]
fn a_snapshot_is_smaller_too_and_nonsense_is_refused() {
    let (camcast, at) = pattern(&[]);
    for (target, expected) in [
        ("/snapshot?scale=1", (320, 240)),
        ("/snapshot?scale=2", (160, 120)),
        ("/snapshot.jpg?scale=4&fresh=1", (80, 60)),
        ("/?action=snapshot&scale=8", (40, 30)),
    ] {
        let shot = get(at, target);
        assert_eq!((shot.status, shot.field("content-type")), (200, "image/jpeg"), "{target}");
        assert_eq!((size(&shot.body), decoded_size(&shot.body).0), (expected, expected.0.into()), "{target}");
    }
    let mut client = Client::connect(at);
    client.ask("HEAD", "/snapshot?scale=2", "");
    assert!(client.response(true).field("content-length").parse::<usize>().unwrap() > 500);
    for scale in ["3", "0", "16", "abc", "", "-2"] {
        for target in ["/stream?scale=", "/snapshot?scale=", "/?action=stream&scale="] {
            let refused = get(at, &format!("{target}{scale}"));
            let expected = "scale: 1, 2, 4 or 8, for frames so many times smaller\n";
            assert_eq!((refused.status, refused.text().as_str()), (400, expected), "{target}{scale}");
        }
    }
    assert!(!camcast.program.log().contains("joined: "), "a snapshot is no client");
}

#[test]
fn what_is_not_decoded_is_skipped_and_counted_and_a_snapshot_hears_why() {
    let forms = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/forms");
    let cmyk = fs::read(forms.join("cmyk.jpg")).unwrap();
    let source = folder(&[cmyk]);
    let (camcast, at) = serve(&source, "20", &[]);
    let shot = get(at, "/snapshot?scale=2");
    assert_eq!((shot.status, shot.text().as_str()), (415, "CMYK or YCCK, which is not decoded here\n"));
    assert_eq!((get(at, "/snapshot").status, made(at)), (200, [0; 3]));
    camcast.wait_line("frame not sent to those who ask for ?scale=: CMYK");

    let (camcast, at, mut pipe) = piped();
    let good = noise(64, 48, 80, 1);
    // whole by its markers, but half of the picture is not there
    let damaged = [&good[..good.len() / 2], &[0xff, 0xd9]].concat();
    let mut viewer = Client::connect(at);
    viewer.begin("/stream?scale=2", "");
    pipe.write_all(&damaged).unwrap();
    camcast.wait_line("frame not sent to those who ask for ?scale=: the JPEG does not decode");
    let mut waiting = Client::connect(at);
    waiting.ask("GET", "/snapshot?scale=2", "");
    pipe.write_all(&good).unwrap();
    part(&mut viewer, (32, 24));
    assert_eq!((waiting.response(false).status, made(at)[0]), (200, 1));
    assert_eq!(counter(at, "camcast_http_not_shrunk_frames_total"), 1);
    let until = deadline(PATIENCE);
    for length in (good.len() - 40)..good.len() - 2 {
        pipe.write_all(&[&good[..length], &[0xff, 0xd9]].concat()).unwrap();
    }
    pipe.write_all(&good).unwrap();
    while counter(at, "camcast_frames_total") < 41 {
        assert!(!is_over(until), "camcast takes no more frames");
        pause();
    }
    part(&mut viewer, (32, 24));
    let lines = camcast.program.log().matches("those who ask for ?scale=").count();
    assert_eq!(lines, 1, "one line a minute");
}
