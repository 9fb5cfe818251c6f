//! `camrec check` reads recordings back: what is whole is sound, and what is not is named.

use crate::support::film::{self, RecordingReader};
use crate::support::json::{self, Object};
use crate::support::native::Door;
use crate::support::pictures::noise;
use crate::support::procs::{Camcast, Ended, Program, camrec_into};
use nix::sys::signal::Signal;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn check(args: &[&str], files: &[&Path]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_camrec"));
    Program::start("camrec", command.arg("check").args(args).args(files)).wait_exit()
}

fn recording(folder: &Path, camcast: &Camcast) -> PathBuf {
    camrec_into(folder, camcast.address, &["--frames", "30"]).wait_exit().expect(0);
    film::files(folder).pop().unwrap()
}

/// Thirty frames, 40 ms apart to the nanosecond, whatever else the machine has to do.
fn steady_recording(folder: &Path) -> PathBuf {
    let door = Door::open();
    let camrec = camrec_into(folder, door.address, &["--frames", "30"]);
    let (server, _) = door.accept(0x00c0_ffee_00c0_ffee, 1);
    let picture = |number: u32| noise(320, 240, 50, number.into());
    (1..30).for_each(|number| server.show(number, &picture(number)));
    // with the last one it leaves
    server.fragments(30, &picture(30)).iter().for_each(|datagram| server.send(datagram));
    camrec.wait_exit().expect(0);
    film::files(folder).pop().unwrap()
}

/// Where a frame's bytes are in its file.
fn place(file: &[u8], jpeg: &[u8]) -> usize {
    file.windows(jpeg.len()).position(|bytes| bytes == jpeg).unwrap()
}

fn reports(files: &[&Path], code: i32) -> Vec<Object> {
    json::events(&check(&["--json"], files).expect(code).text())
}

#[test]
fn what_is_whole_is_sound_and_what_is_not_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = steady_recording(folder.path());
    let film = RecordingReader::read(&path);
    let text = check(&[], &[&path]).expect(0).text();
    assert!(text.contains(": sound; 30 frames, "), "{text}");
    let [report] = &reports(&[&path], 0)[..] else { panic!("not one line") };
    assert_eq!((report.number("frames"), report.number("width"), report.number("height")), (30, 320, 240));
    assert_eq!(report.number("duration_ms"), film.shots[29].micros / 1000);
    assert_eq!((report.number("gaps_in_all"), report.number("bad_frames_in_all")), (0, 0));

    // bytes within one picture, another without its end, and what divides two of them
    let mut bytes = fs::read(&path).unwrap();
    let at = |number: usize| place(&bytes, &film.shots[number].jpeg);
    let (within, end, between) = (at(10) + film.shots[10].jpeg.len() / 2, at(12) - 27, at(20) - 27);
    bytes[within..within + 8].copy_from_slice(&[0xff, 0xd0, 0xff, 0xd1, 0xff, 0xd2, 0xff, 0xd3]);
    bytes[end - 2..end].fill(0x77);
    bytes[between..between + 4].fill(0);
    fs::write(&path, &bytes).unwrap();
    let [report] = &reports(&[&path], 13)[..] else { panic!("not one line") };
    assert_eq!(report.number("frames"), 29);
    let bad = report.list("bad_frames");
    assert_eq!(bad.iter().map(|bad| bad.number("frame")).collect::<Vec<_>>(), [10, 11], "{bad:?}");
    assert!(bad[0].text("why").contains("does not decode"), "{bad:?}");
    assert!(bad[1].text("why").contains("cut off"), "{bad:?}");
    let [damage] = &report.list("damage")[..] else { panic!("{report:?}") };
    assert_eq!((damage.number("offset"), damage.number("after")), (between as u64, 20));
    let [gap] = &report.list("gaps")[..] else { panic!("{report:?}") };
    assert_eq!(gap.number("after"), 19);
    let text = check(&[], &[&path]).expect(13).text();
    for words in
        [": NOT SOUND; 29 frames", "are no frame (after 20 frames)", "its sidecar knows of 30 frames"]
    {
        assert!(text.contains(words), "{words:?}: {text}");
    }
}

#[test]
fn each_file_is_looked_at_whatever_the_others_are() {
    let folder = tempfile::tempdir().unwrap();
    let camcast = Camcast::pattern(30);
    let whole = recording(folder.path(), &camcast);
    let camrec = camrec_into(folder.path(), camcast.address, &["--name", "cut.mkv"]);
    camrec.wait_line("writing ");
    drop(camrec.stop(Signal::SIGKILL));
    let (cut, alien) = (folder.path().join("cut.mkv"), folder.path().join("alien.mkv"));
    fs::write(&alien, b"somebody's").unwrap();
    let files = [&*alien, Path::new("/nowhere.mkv"), &cut, &whole];
    let reports = reports(&files, 13);
    let sound: Vec<bool> = reports.iter().map(|report| report.flag("sound")).collect();
    assert_eq!(sound, [false, false, false, true]);
    assert!(!reports[2].flag("finished") && reports[2].is_null("sidecar"));
    let text = check(&[], &files).expect(13).text();
    for words in
        ["no recording that camrec has written", "cannot read /nowhere.mkv", "not finished: ", ": sound; "]
    {
        assert!(text.contains(words), "{words:?}: {text}");
    }
}

/// The exit code of what cannot be judged.
const NOT_JUDGED: i32 = 15;

/// CMYK, YCCK, 12 bits a sample and lossless: no camera's fault, and no file's.
#[test]
fn what_cannot_be_judged_is_neither_sound_nor_broken() {
    let folder = tempfile::tempdir().unwrap();
    let forms = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/forms");
    let clips = tempfile::tempdir().unwrap();
    for name in ["arithmetic", "progressive", "gray", "12bit", "lossless", "cmyk", "ycck"] {
        let name = format!("{name}.jpg");
        fs::copy(forms.join(&name), clips.path().join(&name)).unwrap();
    }
    let camcast = Camcast::start(&[clips.path().to_str().unwrap(), "-f", "50"]);
    camrec_into(folder.path(), camcast.address, &["--frames", "21"]).wait_exit().expect(0);
    let path = film::files(folder.path()).pop().unwrap();
    let [report] = &reports(&[&path], NOT_JUDGED)[..] else { panic!("not one line") };
    assert!(report.is_null("sound"));
    assert_eq!((report.number("frames"), report.number("bad_frames_in_all")), (21, 0));
    assert_eq!(report.number("unjudged_frames_in_all"), 12);
    let text = check(&[], &[&path]).expect(NOT_JUDGED).text();
    for words in [
        ": NOT JUDGED; 21 frames",
        "CMYK or YCCK, which is not decoded here",
        "JPEG of 12 bits a sample, which",
        "lossless JPEG, which",
    ] {
        assert!(text.contains(words), "{words:?}: {text}");
    }
    let sheet = folder.path().join("sheet.jpg");
    let mut command = Command::new(env!("CARGO_BIN_EXE_camrec"));
    let said = Program::start("camrec", command.arg("sheet").args([&path, Path::new("-o"), &sheet]));
    let said = said.wait_exit().expect(NOT_JUDGED).text();
    // lossless pictures are decoded at their own size only, which is so small here that it fits
    assert!(said.contains("21 of 21 frames, 9 of them not drawn (9 of a form"), "{said}");

    // one that is sound changes nothing, one that is broken does
    let camcast = Camcast::pattern(30);
    let sound = folder.path().join("sound");
    let sound = recording(&sound, &camcast);
    check(&[], &[&path, &sound]).expect(NOT_JUDGED);
    let mut bytes = fs::read(&path).unwrap();
    let gray = fs::read(forms.join("gray.jpg")).unwrap();
    let at = place(&bytes, &gray) + gray.len();
    bytes[at - 2..at].fill(0x77);
    fs::write(&path, &bytes).unwrap();
    check(&[], &[&path, &sound]).expect(13);
    check(&[], &[&sound, &path]).expect(13);
    let [report] = &reports(&[&path], 13)[..] else { panic!("not one line") };
    assert!(!report.flag("sound"));
}

/// A folder, its files as a shell names them, and the same without dashes.
#[test]
fn folders_and_all_that_is_in_them_may_be_named() {
    let folder = tempfile::tempdir().unwrap();
    let camcast = Camcast::pattern(30);
    let film = recording(folder.path(), &camcast);
    camrec_into(folder.path(), camcast.address, &["--frames", "3", "--format", "jpg", "--name", "stills"])
        .wait_exit()
        .expect(0);
    camrec_into(folder.path(), camcast.address, &["--frames", "3", "--name", "no ending"])
        .wait_exit()
        .expect(0);
    fs::write(folder.path().join("notes.txt"), b"mine").unwrap();
    let sound =
        |reports: &[Object]| reports.iter().filter(|report| report.text("event") == "checked").count();
    let whole = reports(&[folder.path()], 0);
    assert_eq!(sound(&whole), 3, "{whole:?}");
    let skipped: Vec<&Object> = whole.iter().filter(|report| report.text("event") == "skipped").collect();
    assert!(skipped.len() == 1 && skipped[0].text("path").ends_with("notes.txt"), "{skipped:?}");
    let named: Vec<PathBuf> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    let named: Vec<&Path> = named.iter().map(PathBuf::as_path).chain([&*film]).collect();
    assert_eq!(sound(&reports(&named, 0)), 4);
    let mut command = Command::new(env!("CARGO_BIN_EXE_camrec"));
    let text = Program::start("camrec", command.arg("check").arg(folder.path())).wait_exit().expect(0).text();
    assert_eq!(text.matches(": sound; ").count(), 3, "{text}");
    assert!(text.contains("notes.txt: skipped: no recording"), "{text}");
    assert!(text.contains("checked: 3; not looked at: beside them 3, of other kinds 1"), "{text}");
}

#[test]
fn where_no_recording_is_nothing_is_sound() {
    let folder = tempfile::tempdir().unwrap();
    let said = check(&[], &[folder.path()]).expect(13).log;
    assert!(said.contains("there is no recording that camrec has written"), "{said}");
    let alien = folder.path().join("holiday.mp4");
    fs::write(&alien, b"somebody's").unwrap();
    let ended = check(&[], &[&alien]).expect(13);
    assert!(ended.text().contains("holiday.mp4: skipped: no recording"), "{}", ended.text());
}

/// The table of docs/json.md names each field.
#[test]
fn reports_are_as_documented() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), &Camcast::pattern(30));
    let tables = include_str!("../../../docs/json.md");
    let (_, section) = tables.split_once("## Reports of a check").unwrap();
    for name in reports(&[&path], 0)[0].names() {
        assert!(section.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn what_contradicts_is_named() {
    let said = |args: &[&str]| check(args, &[]).expect(2).log;
    assert!(said(&[]).contains("which recordings?"));
    assert!(said(&["--segment", "1m", "a.mkv"]).contains("Unrecognized argument: --segment"));
    assert!(said(&["-o", "out", "a.mkv"]).contains("(see camrec check --help)"));
}
