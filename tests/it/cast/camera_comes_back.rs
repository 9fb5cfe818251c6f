//! The camera was away, or its picture has another size: what recorders and native clients are told of it.

use crate::support::books::{assert_adds_up, last, of_kind};
use crate::support::film::{self, RecordingReader};
use crate::support::json;
use crate::support::native::{DISCONTINUITY, Door, Heard, NativeClient};
use crate::support::pictures::{commented, decoded_size, noise};
use crate::support::procs::{Camcast, Ended, Program, camrec_into};
use crate::support::{PATIENCE, deadline, is_over};
use camcast::sys::clock;
use matroska_demuxer::MatroskaFile;
use nix::sys::signal::Signal;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const STREAM: u64 = 0x00c0_ffee_00c0_ffee;

/// So long the camera is away.
const AWAY: Duration = Duration::from_millis(2_500);

fn jpeg() -> Vec<u8> {
    noise(64, 48, 50, 1)
}

/// Nothing happens here meanwhile.
fn rest(wait: Duration) {
    let until = clock::now().after(wait);
    while !is_over(until) {
        crate::support::pause();
    }
}

/// Five frames, 40 ms apart; then the camera is away, which BEATs say; then three more, of a driver that counts again.
/// `is_lost`: the frame that says so never comes.
fn film_an_absence(folder: &Path, args: &[&str], is_lost: bool) -> Program {
    let (door, jpeg) = (Door::open(), jpeg());
    let camrec = camrec_into(folder, door.address, args);
    let (server, _) = door.accept(STREAM, 1);
    for number in 1..=5 {
        server.show(number, &jpeg);
        rest(Duration::from_millis(40));
    }
    let until = clock::now().after(AWAY);
    while !is_over(until) {
        server.send(&server.silent_beat(5, 1));
        rest(Duration::from_millis(200));
    }
    let millis = |number: u64| number * 40 + AWAY.as_millis() as u64;
    if is_lost {
        server.send(&server.beat(6, 7));
    } else {
        server.show_stamped(6, &jpeg, (DISCONTINUITY, millis(6), 0));
    }
    server.send(&server.beat(6, 1));
    (7..=8)
        .for_each(|number: u32| server.show_stamped(number, &jpeg, (0, millis(number.into()), number - 6)));
    camrec.wait_line("the camera is back after ");
    server.send(&server.end());
    camrec.wait_line("camcast is stopping");
    camrec
}

#[test]
fn an_absence_is_told_while_it_lasts_and_named_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    // less than the absence: no file is to be empty
    let camrec = film_an_absence(folder.path(), &["--json", "--segment", "1s"], false);
    let ended = camrec.stop(Signal::SIGTERM).expect(0);
    assert_eq!(ended.log.matches("no frames: the camera is away").count(), 1, "{}", ended.log);
    // how long it was is said of the frame's time, or of the clock if a BEAT is read before the frame: at least as long as it was
    let said: Vec<_> = ended.log.split("the camera is back after ").skip(1).collect();
    let [said] = said[..] else { panic!("{}", ended.log) };
    let (seconds, _) = said.split_once(" s").expect(said);
    assert!(seconds.parse::<f64>().expect(said) >= AWAY.as_secs_f64(), "{said}");

    let events = json::events(&ended.text());
    let account = last(&events, "account");
    assert_adds_up(folder.path(), account);
    assert_eq!((account.number("camera_absences"), account.number("camera_drops")), (1, 0));
    assert_eq!((account.number("missing"), account.number("exit")), (0, 0));
    assert!(account.is_null("camera_away_since"));
    let sidecars = json::sidecars(folder.path());
    let [(_, first), (_, second)] = &sidecars[..] else { panic!("{sidecars:?}") };
    assert_eq!((first.number("frames"), second.number("frames")), (5, 3));
    assert!(first.list("camera_absence_ranges").is_empty());
    let away = AWAY.as_millis() as u64 + 40;
    for list in [second.list("camera_absence_ranges"), account.list("camera_absence_ranges")] {
        let [range] = &list[..] else { panic!("{list:?}") };
        assert_eq!((range.number("after"), range.number("before")), (5, 6));
        assert_eq!((range.time("from"), range.time("to")), (first.time("end"), second.time("start")));
        assert_eq!(range.number("away_ms"), away);
    }
    // and as it happened
    assert_eq!(last(&events, "camera-absence").number("away_ms"), away);
    assert_eq!(of_kind(&events, "camera-silent").len(), 1);
    let back = last(&events, "camera-back").number("away_ms");
    assert!(back >= away, "{back} ms: the frame is awaited, or has come");
    assert_eq!(of_kind(&events, "camera-back").len(), 1);
}

#[test]
fn a_file_goes_on_after_an_absence_at_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let ended = film_an_absence(folder.path(), &[], false).stop(Signal::SIGTERM).expect(0);
    let [film] = &RecordingReader::read_folder(folder.path())[..] else { panic!("not one file") };
    assert_eq!(film::ffprobe_count(&film.path), 8);
    let times: Vec<u64> = film.shots.iter().map(|shot| shot.micros / 1000).collect();
    assert_eq!(times, [0, 40, 80, 120, 160, 2_700, 2_740, 2_780]);
    assert_eq!(film.duration, Some(2_820_000.0));
    let text = ended.text();
    let line = text.lines().find(|line| line.starts_with("the camera was away once, 2.5 s in all: "));
    assert!(line.is_some_and(|line| line.ends_with(" for 2.5 s")), "{text}");
    assert_eq!((ended.account("missing"), ended.account("camera's own drops")), (0, 0));
}

#[test]
fn an_absence_is_known_without_the_frame_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let ended = film_an_absence(folder.path(), &["--json"], true).stop(Signal::SIGTERM).expect(12);
    let account = json::events(&ended.text()).pop().unwrap();
    assert_adds_up(folder.path(), &account);
    assert_eq!(json::missing(&account), [6]);
    let [range] = &account.list("camera_absence_ranges")[..] else { panic!("{account:?}") };
    assert_eq!((range.number("after"), range.number("before")), (5, 7));
}

#[test]
fn a_camera_that_is_away_at_the_end_is_told_of() {
    let (door, jpeg) = (Door::open(), jpeg());
    let folder = tempfile::tempdir().unwrap();
    let camrec = camrec_into(folder.path(), door.address, &["--json"]);
    let (server, _) = door.accept(STREAM, 1);
    (1..=3).for_each(|number| server.show(number, &jpeg));
    server.send(&server.silent_beat(3, 1));
    camrec.wait_line("no frames: the camera is away");
    let ended = camrec.stop(Signal::SIGTERM).expect(0);
    let events = json::events(&ended.text());
    let finished = last(&events, "segment-finished");
    assert_eq!(last(&events, "account").time("camera_away_since"), finished.time("end"));
    assert_eq!(last(&events, "account").number("camera_absences"), 0, "it is not over");
}

/// The next BEAT that says this size.
#[track_caller]
fn wait_size(client: &mut NativeClient, wanted: (u16, u16)) {
    let until = deadline(PATIENCE);
    while !is_over(until) {
        let cont = client.continue_with(client.next.wrapping_sub(1));
        client.send(&cont);
        if let Some(Heard::Beat { size, .. }) = client.hear_within(Duration::from_millis(200)) {
            if size == wanted {
                return;
            }
        }
    }
    panic!("no BEAT says {wanted:?}");
}

#[test]
fn native_clients_are_told_of_the_pictures_size() {
    let (camcast, mut source) = Camcast::piped(&[]);
    let mut client = NativeClient::join(camcast.address, "every");
    let Heard::Beat { size, .. } = client.say_hello() else { panic!("no BEAT") };
    assert_eq!(size, (0, 0), "there is no frame yet");
    for (width, height) in [(64, 48), (128, 96), (64, 48)] {
        source.write_all(&noise(width.into(), height.into(), 50, 1)).unwrap();
        wait_size(&mut client, (width, height));
    }
}

/// JPEGs that are all distinct, ten of the one size and ten of the other, in a folder for camcast to play.
fn two_sizes(folder: &Path) -> Vec<Vec<u8>> {
    let [small, large] = [(320, 240), (640, 480)].map(|(width, height)| noise(width, height, 20, 1));
    let jpegs: Vec<Vec<u8>> =
        (0..20_u8).map(|index| commented(if index < 10 { &small } else { &large }, &[index; 4])).collect();
    for (index, jpeg) in jpegs.iter().enumerate() {
        fs::write(folder.join(format!("{index:02}.jpg")), jpeg).unwrap();
    }
    jpegs
}

/// What the file's track says of its pictures.
fn track_size(path: &Path) -> (usize, usize) {
    let file = MatroskaFile::open(File::open(path).unwrap()).unwrap();
    let video = file.tracks()[0].video().unwrap();
    (video.pixel_width().get() as usize, video.pixel_height().get() as usize)
}

#[test]
fn a_picture_of_another_size_begins_a_file() {
    let clips = tempfile::tempdir().unwrap();
    let jpegs = two_sizes(clips.path());
    let folder = tempfile::tempdir().unwrap();
    // each lasts for ten frames, which are more than a second
    let camcast = Camcast::start(&[clips.path().to_str().unwrap(), "-f", "8"]);
    let Ended { log, .. } =
        camrec_into(folder.path(), camcast.address, &["--frames", "45"]).wait_exit().expect(0);
    let films = RecordingReader::read_folder(folder.path());
    // wherever in the loop it began, 45 frames have at least four such borders
    assert!((5..=6).contains(&films.len()), "{} files\n{log}", films.len());
    for film in &films {
        let size = track_size(&film.path);
        assert!(film.shots.iter().all(|shot| decoded_size(&shot.jpeg) == size), "{}", film.path.display());
        assert_eq!(film::ffprobe_count(&film.path), film.shots.len());
        assert!(film.is_finished && film.shots.len() <= 10, "{}", film.path.display());
    }
    // no frame is lost or doubled
    let shots: Vec<&Vec<u8>> = films.iter().flat_map(|film| &film.shots).map(|shot| &shot.jpeg).collect();
    assert_eq!(shots.len(), 45);
    let first = jpegs.iter().position(|jpeg| jpeg == shots[0]).unwrap();
    for (at, shot) in shots.iter().enumerate() {
        assert!(**shot == jpegs[(first + at) % jpegs.len()], "frame {at} is another's");
    }
    for (to, from) in [("640x480", "320x240"), ("320x240", "640x480")] {
        let line = format!("the picture is now {to} (was {from}): a new file begins");
        assert!(log.matches(&line).count() >= 2, "{line}: {log}");
    }
}

/// A file a frame helps nobody: where sizes flip they share one, in each form, also after a crash.
#[test]
fn sizes_that_flip_share_a_file() {
    let clips = tempfile::tempdir().unwrap();
    let [small, large] = [(64, 48), (128, 96)].map(|(width, height)| noise(width, height, 20, 1));
    let jpegs: Vec<Vec<u8>> =
        (0..240_u8).map(|n| commented(if n % 2 == 0 { &small } else { &large }, &[n; 4])).collect();
    fs::write(clips.path().join("all.mjpeg"), jpegs.concat()).unwrap();
    let camcast = Camcast::start(&[clips.path().to_str().unwrap(), "-f", "240"]);
    for format in ["mkv", "avi", "jpg"] {
        let folder = tempfile::tempdir().unwrap();
        let args = ["--format", format, "--frames", "480", "--json"];
        let ended = camrec_into(folder.path(), camcast.address, &args).wait_exit().expect(0);
        let events = json::events(&ended.text());
        let finished = of_kind(&events, "segment-finished");
        let [finished] = &finished[..] else { panic!("{format}: {} files", finished.len()) };
        assert_eq!((finished.number("frames"), finished.number("missing")), (480, 0));
        if format == "mkv" {
            assert_adds_up(folder.path(), last(&events, "account"));
        }
        assert_eq!(ended.log.matches("the picture's size flips").count(), 1, "{}", ended.log);
        assert!(!ended.log.contains("a new file begins"), "{}", ended.log);
        let path = Path::new(finished.text("path"));
        let report = report(path, 0);
        assert_eq!((report.flag("sound"), report.number("frames")), (true, 480));
        assert_eq!(report.number("frames_of_other_sizes"), 240);
        if format != "jpg" {
            assert_eq!(film::ffprobe_count(path), 480);
            let copy = folder.path().join("copy.mov");
            let mut command = Command::new(env!("CARGO_BIN_EXE_camrec"));
            let export = command.arg("export").args([path, Path::new("-o"), &copy]);
            let ended = Program::start("camrec", export).wait_exit().expect(0);
            assert!(ended.log.contains("240 of them are not "), "{}", ended.log);
            assert_eq!(film::ffprobe_count(&copy), 480);
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let camrec = camrec_into(folder.path(), camcast.address, &["--name", "cut.mkv"]);
    camrec.wait_line("the picture's size flips");
    drop(camrec.stop(Signal::SIGKILL));
    let args = ["--name", "next.mkv", "--frames", "3"];
    let ended = camrec_into(folder.path(), camcast.address, &args).wait_exit().expect(0);
    assert!(ended.log.contains("was not finished: repaired"), "{}", ended.log);
    assert!(report(&folder.path().join("cut.mkv"), 0).flag("sound"));
}

fn report(path: &Path, code: i32) -> json::Object {
    let mut command = Command::new(env!("CARGO_BIN_EXE_camrec"));
    let check = Program::start("camrec", command.args(["check", "--json"]).arg(path));
    json::events(&check.wait_exit().expect(code).text()).pop().unwrap()
}
