//! Frames as cameras really make them: what camcast sends of each, and what it says of those that it does not send.

use crate::support::plain::PlainClient;
use crate::support::procs::{Camcast, camrec};
use crate::support::{native, quirks};
use camcast::jpeg::{self, JpegError, Size, huffman};
use camcast::picture::{Decoder, Scale};
use camcast::reel::Reel;
use camcast::sys::clock;
use camcast::time::Stamp;
use camcast::wire::StreamId;
use nix::sys::signal::Signal;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ChildStdin;
use std::time::Duration;

/// What becomes of a fixture.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// It is sent without this many bytes at its beginning and at its end, and shows the same as another one.
    Sent { before: usize, behind: usize, shows: &'static str },
    /// It is not sent.
    Dropped(JpegError),
}
use Fate::{Dropped, Sent};

const TABLE: [(&str, Fate); 21] = [
    ("422.jpg", Sent { before: 0, behind: 0, shows: "422.jpg" }),
    ("420.jpg", Sent { before: 0, behind: 0, shows: "420.jpg" }),
    ("gray.jpg", Sent { before: 0, behind: 0, shows: "gray.jpg" }),
    ("no-tables.jpg", Sent { before: 0, behind: 0, shows: "422.jpg" }),
    ("avi1.jpg", Sent { before: 0, behind: 0, shows: "422.jpg" }),
    ("restarts.jpg", Sent { before: 0, behind: 0, shows: "422.jpg" }),
    ("exif-thumbnail.jpg", Sent { before: 0, behind: 0, shows: "422.jpg" }),
    ("zeros-behind.jpg", Sent { before: 0, behind: 1500, shows: "422.jpg" }),
    ("fill-behind.jpg", Sent { before: 0, behind: 700, shows: "422.jpg" }),
    ("rest-behind.jpg", Sent { before: 0, behind: 150, shows: "422.jpg" }),
    ("earlier-frame-behind.jpg", Sent { before: 0, behind: 679, shows: "422.jpg" }),
    ("stray-bytes.jpg", Sent { before: 0, behind: 0, shows: "422.jpg" }),
    ("two-starts.jpg", Sent { before: 2, behind: 0, shows: "422.jpg" }),
    ("bytes-before-end.jpg", Sent { before: 0, behind: 0, shows: "422.jpg" }),
    ("no-end.jpg", Dropped(JpegError::NoEnd)),
    ("half.jpg", Dropped(JpegError::NoEnd)),
    ("half-with-thumbnail.jpg", Dropped(JpegError::NoEnd)),
    ("half-header.jpg", Dropped(JpegError::Cut { at: 0 })),
    ("begins-within.jpg", Dropped(JpegError::NoStart)),
    ("zeros.jpg", Dropped(JpegError::NoStart)),
    ("empty.jpg", Dropped(JpegError::Empty)),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/jpeg")
}

fn read(name: &str) -> Vec<u8> {
    fs::read(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What is sent of a fixture.
fn sent(name: &str) -> Option<Vec<u8>> {
    let (_, fate) = TABLE.iter().find(|(known, _)| *known == name).unwrap();
    let bytes = read(name);
    match fate {
        Sent { before, behind, .. } => Some(bytes[*before..bytes.len() - behind].to_vec()),
        Dropped(_) => None,
    }
}

fn decode(jpeg: &[u8]) -> (Vec<u8>, Size) {
    let mut decoder = Decoder::new().unwrap();
    let picture = decoder.decode(jpeg, Scale::FULL).unwrap();
    (picture.pixels.to_vec(), picture.size)
}

#[test]
fn the_fixtures_are_those_of_the_table_and_the_readme() {
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        for (name, bytes) in quirks::all() {
            fs::write(folder().join(name), bytes).unwrap();
        }
    }
    let files =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let files: BTreeSet<String> = files.filter(|name| name != "README.md").collect();
    assert_eq!(files, TABLE.iter().map(|(name, _)| (*name).to_owned()).collect());
    assert_eq!(files, quirks::all().iter().map(|(name, _)| (*name).to_owned()).collect());
    let readme = fs::read_to_string(folder().join("README.md")).unwrap();
    for name in &files {
        assert_eq!(readme.matches(&format!("| `{name}` |")).count(), 1, "{name} has one line in README.md");
        assert!(read(name).len() < 8192, "{name}");
    }
}

#[test]
fn each_quirk_is_sent_byte_for_byte_or_named() {
    let size = Size { width: quirks::WIDTH as u16, height: quirks::HEIGHT as u16 };
    for (name, fate) in TABLE {
        let bytes = read(name);
        match fate {
            Sent { before, behind, shows } => {
                let frame = &bytes[before..bytes.len() - behind];
                assert_eq!(jpeg::check(&bytes).map(|it| (it.bytes, it.size())), Ok((frame, size)), "{name}");
                assert_eq!(
                    jpeg::check_header_only(&bytes).map(|it| (it.bytes, it.size())),
                    Ok((frame, size)),
                    "{name}"
                );
                assert!(decode(frame) == (decode(&read(shows)).0, size), "{name} does not show {shows}");
            }
            Dropped(flaw) => {
                let found = jpeg::check(&bytes).expect_err(name);
                assert_eq!(found.index(), flaw.index(), "{name}: {found}");
                let is_allowed = jpeg::check_header_only(&bytes).is_ok();
                assert_eq!(is_allowed, flaw == JpegError::NoEnd, "{name}");
            }
        }
    }
}

#[test]
fn the_pictures_are_what_was_drawn() {
    let drawn = quirks::picture();
    let gray =
        |rgb: &[u8]| (u32::from(rgb[0]) * 299 + u32::from(rgb[1]) * 587 + u32::from(rgb[2]) * 114) / 1000;
    let shades: Vec<u8> = drawn.chunks(3).flat_map(|rgb| [gray(rgb) as u8; 3]).collect();
    for (name, drawn) in [("422.jpg", &drawn), ("420.jpg", &drawn), ("gray.jpg", &shades)] {
        let (pixels, _) = decode(&read(name));
        let apart: u64 = pixels.iter().zip(drawn).map(|(is, was)| u64::from(is.abs_diff(*was))).sum();
        let mean = apart as f64 / drawn.len() as f64;
        assert!(mean < 6.0, "{name}: {mean}");
    }
}

#[test]
fn frames_without_tables_get_them_for_those_who_need_them() {
    for (name, has_none) in [("422.jpg", false), ("no-tables.jpg", true), ("avi1.jpg", true)] {
        let jpeg = read(name);
        let spliced = huffman::with_tables(&jpeg).map(|pieces| pieces.concat());
        assert_eq!(spliced.is_some(), has_none, "{name}");
        if let Some(spliced) = spliced {
            assert!(decode(&spliced) == decode(&jpeg), "{name}");
        }
    }
}

/// A camcast that streams what is written to it, at a small fragment size so that headers are cut anywhere.
fn piped(args: &[&str]) -> (Camcast, ChildStdin) {
    Camcast::piped(&[&["--mtu", "576"], args].concat())
}

#[test]
fn a_plain_client_gets_the_tables_and_a_recorder_does_not() {
    let (camcast, mut stdin) = piped(&[]);
    let plain = PlainClient::join(camcast.address);
    let mut native = native::NativeClient::join(camcast.address, "every");
    let first = native.say_hello();
    native.assemble(first);
    camcast.wait_line("clients now: 2");
    for name in ["no-tables.jpg", "avi1.jpg", "422.jpg"] {
        let jpeg = read(name);
        stdin.write_all(&jpeg).unwrap();
        let got = plain.take_frames(1).remove(0);
        let wanted = huffman::with_tables(&jpeg).map_or(jpeg.clone(), |pieces| pieces.concat());
        assert!(got == wanted, "{name}: {} bytes", got.len());
        assert!(crate::support::pictures::decode(&got).is_ok());
        assert!(native.take_frames(1).remove(0).1 == jpeg, "{name} is recorded as it was");
    }
    let jpeg = read("exif-thumbnail.jpg");
    stdin.write_all(&jpeg).unwrap();
    let got = plain.take_frames(1).remove(0);
    let starts = got.windows(2).filter(|bytes| *bytes == [0xff, 0xd8]).count();
    let decode = |jpeg: &[u8]| crate::support::pictures::decode(jpeg).unwrap();
    assert!(
        starts == 1 && decode(&got).pixels == decode(&jpeg).pixels,
        "without the thumbnail it is the same picture"
    );
    assert!(native.take_frames(1).remove(0).1 == jpeg);
}

#[test]
fn good_frames_of_a_folder_arrive_and_bad_ones_are_named() {
    let camcast = Camcast::start(&[folder().to_str().unwrap(), "-f", "60"]);
    let names: BTreeSet<&str> = TABLE.iter().map(|(name, _)| *name).collect();
    let good: Vec<Vec<u8>> = names.into_iter().filter_map(sent).collect();
    let args = ["-o", "-", "--format", "mjpeg", "--every", "--frames", "42"];
    let ended = camrec(camcast.address, &args).wait_exit().expect(0);
    let first = good.iter().position(|jpeg| ended.out.starts_with(jpeg)).expect("begins with one of them");
    assert!(ended.out == good.iter().cycle().skip(first).take(42).flatten().copied().collect::<Vec<u8>>());
    let warned = camcast.wait_line("damaged frames dropped: ");
    assert!(warned.contains("1 without a beginning (no SOI); the latest: "), "{warned}");
    let ended = camcast.program.stop(Signal::SIGTERM).expect(0);
    let last = ended.log.lines().find(|line| line.contains("stopped: ")).unwrap();
    for words in ["empty", "without a beginning (no SOI)", "cut off in the header", "cut off (no EOI)"] {
        assert!(last.contains(words), "{last}");
    }
}

#[test]
fn good_frames_of_a_pipe_arrive_and_bad_ones_are_counted() {
    let (camcast, mut stdin) = piped(&[]);
    let viewer = camrec(camcast.address, &["-o", "-", "--format", "mjpeg", "--every"]);
    camcast.wait_line("joined: ");
    let bad =
        ["half-header.jpg", "half.jpg", "no-end.jpg", "half-with-thumbnail.jpg", "zeros.jpg", "empty.jpg"];
    let mut wanted = Vec::new();
    // what no frame has begun before is nothing but rubbish
    stdin.write_all(&read("begins-within.jpg")).unwrap();
    for (n, (name, fate)) in TABLE.iter().enumerate().filter(|(_, (_, fate))| matches!(fate, Sent { .. })) {
        stdin.write_all(&read(name)).unwrap();
        wanted.extend(sent(name).unwrap());
        assert!(viewer.wait_output(wanted.len()) == wanted, "{name}: {fate:?}");
        stdin.write_all(&read(bad[n % bad.len()])).unwrap();
        // a frame must follow that the header's lost part does not swallow
        stdin.write_all(&[0; 70_000]).unwrap();
    }
    drop(stdin);
    let ended = camcast.program.wait_exit().expect(0);
    assert!(ended.log.contains("stopped: 14 frames; dropped: "), "{}", ended.log);
    assert_eq!(viewer.stop(Signal::SIGTERM).expect(0).account("missing"), 0);
}

/// The frame in the style of a camera that leaves out EOI.
fn endless(count: usize) -> Vec<u8> {
    read("no-end.jpg").repeat(count)
}

#[test]
fn a_camera_that_leaves_out_the_end_is_noticed_and_the_remedy_named() {
    let (camcast, mut stdin) = piped(&[]);
    stdin.write_all(&endless(70)).unwrap();
    let line = camcast.wait_line("--allow-truncated-frames");
    assert!(line.contains("more than half of the latest frames are cut off (no EOI)"), "{line}");
    stdin.write_all(&read("422.jpg")).unwrap();
    drop(stdin);
    let ended = camcast.program.wait_exit().expect(0);
    assert!(ended.log.contains("stopped: 1 frames; dropped: 70 cut off (no EOI)"), "{}", ended.log);
}

#[test]
fn frames_without_end_can_be_allowed() {
    let (camcast, mut stdin) = piped(&["--allow-truncated-frames"]);
    let viewer = camrec(camcast.address, &["-o", "-", "--format", "mjpeg", "--every"]);
    camcast.wait_line("joined: ");
    let wanted = [&endless(3)[..], &read("422.jpg")].concat();
    stdin.write_all(&wanted).unwrap();
    assert!(viewer.wait_output(wanted.len()) == wanted);
    // a header that is none is no frame all the same
    stdin.write_all(&read("half-header.jpg")).unwrap();
    drop(stdin);
    let ended = camcast.program.wait_exit().expect(0);
    assert!(ended.log.contains("stopped: 4 frames; dropped: 1 cut off in the header"), "{}", ended.log);
}

/// A figure for docs/FIGURES.md: cargo test --release --test it the_check_costs -- --ignored --nocapture
#[test]
#[ignore = "it measures, and asserts nothing about time"]
fn what_the_check_costs_beside_the_copy_into_the_reel() {
    let small = read("422.jpg");
    let scan = jpeg::header(&small).unwrap().scan;
    for length in [20_000, 200_000, 2_000_000, 8_000_000] {
        // four buffers, as a driver has; entropy-coded data as random as it is
        let frames: Vec<Vec<u8>> = (0..4)
            .map(|seed| {
                let coded = crate::support::Noise::new(seed).bytes(length);
                let stuffed = coded
                    .into_iter()
                    .flat_map(|byte| [byte, 0].into_iter().take(1 + usize::from(byte == 0xff)));
                small[..scan].iter().copied().chain(stuffed).chain([0xff, 0xd9]).collect()
            })
            .collect();
        let mut reel = Reel::new(32 << 20, 1452, StreamId(1));
        let (mut checks, mut copies) = (Vec::new(), Vec::new());
        for turn in 0..400 {
            let begun = clock::now();
            let checked = jpeg::check(&frames[turn % 4]).unwrap();
            checks.push(clock::now().since(begun));
            let begun = clock::now();
            reel.push(checked.bytes, checked.size(), Stamp::default(), 0).unwrap();
            copies.push(clock::now().since(begun));
        }
        let median = |times: &mut Vec<Duration>| {
            times.sort();
            times[times.len() / 2].as_secs_f64()
        };
        let (check, copy) = (median(&mut checks), median(&mut copies));
        println!(
            "{length} bytes: check {:.1} us, copy {:.1} us, ratio {:.2}",
            check * 1e6,
            copy * 1e6,
            check / copy
        );
    }
}
