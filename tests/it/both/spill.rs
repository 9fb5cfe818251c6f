//! Outages that are longer than memory: `--spill`. The reel is small and the frames come fast, so that seconds are what minutes are elsewhere.

use crate::support::film::RecordingReader;
use crate::support::http::{address, get};
use crate::support::native::{GOODBYE, NativeClient, ask, crc32};
use crate::support::pictures::of_len;
use crate::support::procs::{Camcast, Ended, Program, camcast, camrec_into, own_loopback};
use crate::support::{FIVE_SECONDS, PATIENCE, deadline, is_over, left_out, pause};
use camcast::jpeg::Size;
use camcast::spill::format::{HEAD_LEN, Head, Record, Waiting, list, name_of, split_first};
use camcast::time::Stamp;
use camcast::wire::{FrameNumber, StreamId};
use nix::sys::signal::Signal;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// More frames than the reel holds, many times over.
pub(super) const FRAMES: usize = 900;

/// What stays in the folder.
const LOCK: &str = "camcast-spill.lock";

pub(super) struct Scene {
    root: tempfile::TempDir,
    listen: String,
    clip: PathBuf,
    /// What is kept lies there.
    pub(super) folder: PathBuf,
    pub(super) reel: &'static str,
    more: Vec<String>,
}

impl Scene {
    /// A source of frames of 10 kB, 200 of them a second, and a reel of a megabyte: half a second.
    pub(super) fn new() -> Self {
        Scene::of(10_000, "200", &[])
    }

    pub(super) fn of(len: usize, fps: &str, more: &[&str]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let clip = root.path().join("clip");
        fs::create_dir(&clip).unwrap();
        for number in 0..20 {
            fs::write(clip.join(format!("{number:02}.jpg")), of_len(len, number)).unwrap();
        }
        let more = ["-f", fps].iter().chain(more).map(|&word| word.to_owned()).collect();
        let folder = root.path().join("spill");
        Scene { root, listen: format!("{}:0", own_loopback()), clip, folder, reel: "1M", more }
    }

    fn args(&self) -> Vec<String> {
        let [clip, folder] = [&self.clip, &self.folder].map(|path| path.to_str().unwrap().to_owned());
        let own = [clip, "--reel".into(), self.reel.into(), "-v".into(), "--spill".into(), folder];
        own.into_iter().chain(self.more.iter().cloned()).collect()
    }

    pub(super) fn start(&mut self) -> Camcast {
        self.start_as(&mut self.command())
    }

    /// The command that is started as camcast.
    pub(super) fn command(&self) -> Command {
        let args = self.args();
        let mut command = camcast(&args.iter().map(String::as_str).collect::<Vec<_>>());
        command.args(["--listen", &self.listen]);
        command
    }

    pub(super) fn start_as(&mut self, command: &mut Command) -> Camcast {
        let camcast = Camcast::from(Program::start("camcast", command));
        self.listen = camcast.address.to_string();
        camcast
    }

    pub(super) fn record(&self, name: &str, camcast: &Camcast) -> Recorder {
        self.record_with(name, camcast, &[])
    }

    fn record_with(&self, name: &str, camcast: &Camcast, args: &[&str]) -> Recorder {
        let folder = self.root.path().join(name);
        let program = camrec_into(&folder, camcast.address, &[&["-v"], args].concat());
        program.wait_line("writing ");
        let recorder = Recorder { folder, program };
        // camcast keeps frames for those who have acknowledged some
        recorder.wait_more(100_000);
        recorder
    }

    /// What is in the folder besides the lock.
    pub(super) fn kept(&self) -> Vec<String> {
        let names = fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().file_name());
        names.map(|name| name.to_str().unwrap().to_owned()).filter(|name| name != LOCK).collect()
    }

    pub(super) fn wait_empty(&self) {
        wait("nothing but the lock", || self.kept().is_empty());
    }

    /// The streams whose frames lie there, and the numbers of these.
    pub(super) fn frames(&self) -> Vec<(u64, Vec<u32>)> {
        let mut names = self.kept();
        names.retain(|name| name.ends_with(".frames"));
        names.sort();
        let mut streams: Vec<(u64, Vec<u32>)> = Vec::new();
        for name in names {
            let Ok(bytes) = fs::read(self.folder.join(name)) else { continue };
            let Some(head) = Head::parse(&bytes) else { continue };
            if streams.last().is_none_or(|(stream, _)| *stream != head.stream.0) {
                streams.push((head.stream.0, Vec::new()));
            }
            let (mut rest, numbers) = (&bytes[HEAD_LEN..], &mut streams.last_mut().unwrap().1);
            while let Some((record, _, behind)) = split_first(rest) {
                numbers.push(record.number.0);
                rest = behind;
            }
        }
        streams
    }

    fn wait_bytes(&self, count: u64) {
        let until = deadline(std::time::Duration::from_secs(900));
        while bytes_below(&self.folder) < count {
            assert!(!is_over(until), "{} bytes", bytes_below(&self.folder));
            pause();
        }
    }

    pub(super) fn wait_frames(&self, count: usize) {
        wait("frames in the folder", || {
            self.frames().iter().map(|(_, numbers)| numbers.len()).sum::<usize>() >= count
        });
    }
}

pub(super) struct Recorder {
    pub(super) folder: PathBuf,
    pub(super) program: Program,
}

impl Recorder {
    /// It hears nothing and says nothing, as if its network were gone.
    pub(super) fn leave(&self) {
        self.program.signal(Signal::SIGSTOP);
    }

    pub(super) fn come_back(&self) {
        self.program.signal(Signal::SIGCONT);
    }

    /// It writes so many more bytes.
    #[track_caller]
    pub(super) fn wait_more(&self, bytes: u64) {
        let most = bytes_below(&self.folder) + bytes;
        wait("more of the recording", || bytes_below(&self.folder) >= most);
    }

    pub(super) fn stop(self) -> (Ended, Vec<RecordingReader>) {
        let ended = self.program.stop(Signal::SIGTERM);
        (ended, RecordingReader::read_folder(&self.folder))
    }
}

#[track_caller]
pub(super) fn wait(what: &str, is_so: impl Fn() -> bool) {
    let until = deadline(PATIENCE);
    while !is_so() {
        assert!(!is_over(until), "never: {what}");
        pause();
    }
}

/// Nothing is missing, and what was recorded is in the files, in order.
#[track_caller]
pub(super) fn assert_whole(ended: &Ended, films: &[RecordingReader]) -> u64 {
    let shots: usize = films.iter().map(|film| film.shots.len()).sum();
    assert_eq!((ended.account("recorded"), ended.account("missing")), (shots as u64, 0), "{}", ended.log);
    films.iter().for_each(RecordingReader::assert_times_rise);
    let times: Vec<i64> = films.iter().flat_map(RecordingReader::times).collect();
    assert!(times.is_sorted(), "no file is dated by when its frames came");
    shots as u64
}

#[test]
fn a_recorder_that_was_away_for_longer_than_the_reel_lasts_misses_nothing() {
    let mut scene = Scene::new();
    let camcast = scene.start();
    let recorder = scene.record("rec", &camcast);
    assert_eq!(scene.kept(), [""; 0], "nobody is away");
    recorder.leave();
    camcast.wait_line("a recorder is away");
    scene.wait_frames(FRAMES);
    recorder.come_back();
    camcast.wait_line("has all that it missed");
    camcast.wait_line("is deleted");
    scene.wait_empty();
    let (ended, films) = recorder.stop();
    assert!(assert_whole(&ended.expect(0), &films) > FRAMES as u64);
    assert_eq!(films.len(), 2, "as after any silence");
}

#[test]
fn two_that_are_away_get_what_each_of_them_missed() {
    let mut scene = Scene::new();
    let camcast = scene.start();
    let first = scene.record("first", &camcast);
    let second = scene.record("second", &camcast);
    first.leave();
    camcast.wait_line("a recorder is away");
    scene.wait_frames(FRAMES / 2);
    let lines = camcast.program.lines();
    second.leave();
    camcast.program.wait_line_after(lines, "a recorder is away");
    scene.wait_frames(2 * FRAMES);
    second.come_back();
    camcast.wait_line("has all that it missed");
    assert!(!scene.kept().is_empty(), "the other one waits");
    let lines = camcast.program.lines();
    first.come_back();
    camcast.program.wait_line_after(lines, "has all that it missed");
    scene.wait_empty();
    for recorder in [first, second] {
        let (ended, films) = recorder.stop();
        assert!(assert_whole(&ended.expect(0), &films) > FRAMES as u64);
    }
}

#[test]
fn what_was_kept_survives_the_end_of_camcast() {
    let mut scene = Scene::new();
    let camcast = scene.start();
    let recorder = scene.record("rec", &camcast);
    recorder.leave();
    camcast.wait_line("a recorder is away");
    scene.wait_frames(FRAMES);
    drop(camcast.program.stop(Signal::SIGKILL));
    let [(old, numbers)] = &scene.frames()[..] else { panic!("one stream") };
    assert!(numbers.is_sorted_by(|one, next| next - one == 1));

    let camcast = scene.start();
    camcast.wait_line("wait for 1 recorder");
    // nobody has come, and it is kept on for him
    wait("the new stream's frames", || {
        scene.frames().iter().any(|(stream, numbers)| stream != old && numbers.len() >= FRAMES / 2)
    });
    recorder.come_back();
    camcast.wait_line("has all that it missed");
    scene.wait_empty();
    let (ended, films) = recorder.stop();
    let ended = ended.expect(0);
    assert_whole(&ended, &films);
    assert_eq!((ended.account("camcast restarts"), films.len()), (1, 3));
    let old: usize = films[..2].iter().map(|film| film.shots.len()).sum();
    assert_eq!(old as u32, numbers.last().unwrap() + 1 - ended.first_frame(), "each that had been written");
}

/// A line of `/metrics`.
fn metric(camcast: &Camcast, name: &str) -> f64 {
    let page = String::from_utf8(get(address(camcast), "/metrics").body).unwrap();
    let value = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("no {name} in {page}")).parse().unwrap()
}

#[test]
fn programs_are_told_who_is_away_and_what_is_kept() {
    let mut scene = Scene::of(10_000, "200", &["--http", "127.0.0.1:0", "--spill-size", "64M"]);
    let camcast = scene.start();
    let recorder = scene.record("rec", &camcast);
    let figures = || {
        ["up", "recorders{state=\"away\"}", "bytes", "limit_bytes", "lost_frames_total"]
            .map(|name| metric(&camcast, &format!("camcast_spill_{name}")))
    };
    let size = f64::from(64 << 20);
    assert_eq!(figures(), [1.0, 0.0, 0.0, size, 0.0]);
    recorder.leave();
    camcast.wait_line("a recorder is away");
    scene.wait_frames(FRAMES);
    assert!(figures()[2] > 1e6 && figures()[1] == 1.0, "{:?}", figures());
    let state = String::from_utf8(get(address(&camcast), "/state").body).unwrap();
    assert!(state.contains(r#""spill":{"ok":true,"away":1,"served":0,"bytes":"#), "{state}");
    recorder.come_back();
    camcast.wait_line("has all that it missed");
    scene.wait_empty();
    wait("nobody away", || figures()[..3] == [1.0, 0.0, 0.0]);
    recorder.stop().0.expect(0);
}

#[test]
fn who_leaves_in_good_order_is_not_away() {
    let mut scene = Scene::new();
    let camcast = scene.start();
    let recorder = scene.record("rec", &camcast);
    recorder.stop().0.expect(0);
    camcast.wait_line("it said end");
    let ended = camcast.program.stop(Signal::SIGTERM).expect(0);
    assert!(!ended.log.contains("is away"), "{}", ended.log);
    assert_eq!(scene.kept(), [""; 0]);
}

#[test]
fn who_leaves_in_good_order_while_he_is_served_is_not_away() {
    let mut scene = Scene::new();
    // it says something for the first time when frames have gone by
    scene.reel = "4M";
    let camcast = scene.start();
    let mut gone = NativeClient::join(camcast.address, "every");
    gone.say_hello();
    let (last, _) = gone.take_frames(1).pop().unwrap();
    camcast.wait_line("a recorder is away");
    scene.wait_frames(FRAMES);
    let (stream, _) = scene.frames().remove(0);
    let line = format!("CAMCAST/1 join policy=every stream={stream:016x} next={} agent=test/1\n", last + 1);
    let mut back = NativeClient::accepted(camcast.address, &ask(camcast.address, line.as_bytes()));
    assert_eq!(back.next, last + 1, "from the folder");
    back.say_hello();
    back.take_frames(2);
    back.send(&back.end());
    assert_eq!(back.wait_end(), GOODBYE);
    scene.wait_empty();
}

#[test]
fn the_oldest_frames_go_when_the_folder_is_full_and_are_named() {
    let mut scene = Scene::of(100_000, "200", &["--spill-size", "32M"]);
    let camcast = scene.start();
    let recorder = scene.record("rec", &camcast);
    recorder.leave();
    camcast.wait_line("is full (--spill-size 33.6 MB, or the disk)");
    let bytes = || bytes_below(&scene.folder);
    let until = deadline(FIVE_SECONDS / 2);
    while !is_over(until) {
        assert!(bytes() <= 33 << 20, "{}", bytes());
        pause();
    }
    recorder.come_back();
    camcast.wait_line("has all that it missed");
    scene.wait_empty();
    let (ended, films) = recorder.stop();
    let ended = ended.expect(12);
    let shots: usize = films.iter().map(|film| film.shots.len()).sum();
    let all = ended.account("frames from the camera");
    assert_eq!((all - ended.account("missing"), ended.account("recorded")), (shots as u64, shots as u64));
    assert!(shots >= 300, "what the folder held is recorded: {shots}");
}

#[test]
fn a_folder_that_vanishes_disturbs_nobody() {
    let mut scene = Scene::new();
    let camcast = scene.start();
    let [away, here] = ["away", "here"].map(|name| scene.record(name, &camcast));
    away.leave();
    camcast.wait_line("a recorder is away");
    scene.wait_frames(FRAMES / 2);
    fs::remove_dir_all(&scene.folder).unwrap();
    camcast.wait_line("cannot be kept");
    here.wait_more(3_000_000);
    away.come_back();
    away.program.wait_line("back after");
    fs::create_dir(&scene.folder).unwrap();
    let (ended, films) = here.stop();
    assert_whole(&ended.expect(0), &films);
    let (ended, _) = away.stop();
    assert!(ended.expect(12).account("missing") > 0);
    let ended = camcast.program.stop(Signal::SIGTERM).expect(0);
    assert_eq!(ended.log.matches("warning: ").count(), 1, "{}", ended.log);
}

#[test]
fn nothing_is_written_while_nobody_is_away() {
    // whoever says nothing for a second is away, and not for a third of one as with a reel that small
    let mut scene = Scene { reel: "32M", ..Scene::new() };
    if Command::new("strace").arg("-V").output().is_err() {
        return left_out("no strace here: tests/scripts/deps.sh bench installs it");
    }
    let trace = scene.root.path().join("trace");
    let mut traced = Command::new("strace");
    let calls = "trace=openat,openat2,unlinkat,renameat,write,pwrite64,fsync,fdatasync,mkdirat";
    traced.args(["-f", "-y", "-s", "0", "-e", calls, "-o"]).arg(&trace);
    let args = scene.args();
    let own = camcast(&args.iter().map(String::as_str).collect::<Vec<_>>());
    traced.arg(own.get_program()).args(own.get_args()).args(["--listen", &scene.listen]);
    let camcast = Camcast::from(Program::start("camcast", &mut traced));
    scene.listen = camcast.address.to_string();
    let recorder = scene.record("rec", &camcast);
    wait("some recording", || bytes_below(&recorder.folder) > 3_000_000);
    recorder.stop().0.expect(0);
    camcast.wait_line("it said end");
    let touched = fs::read_to_string(&trace).unwrap();
    let folder = scene.folder.clone();
    let touched: Vec<&str> = touched.lines().filter(|line| line.contains(folder.to_str().unwrap())).collect();
    let of_start =
        |line: &&&str| line.contains(LOCK) || line.contains("O_DIRECTORY") || line.contains(".waiting");
    assert!(touched.iter().any(|line| line.contains(LOCK)), "it is seen: {touched:#?}");
    assert_eq!(touched.iter().filter(of_start).count(), touched.len(), "{touched:#?}");
    assert!(touched.iter().all(|line| !line.contains("write") && !line.contains("sync")), "{touched:#?}");
    assert_eq!(scene.kept(), [""; 0]);
}

pub(super) fn bytes_below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let each = entries.map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => bytes_below(&entry.path()),
        _ => entry.metadata().map_or(0, |file| file.len()),
    });
    each.sum()
}

/// The folder as an earlier start has left it: so many files, each with a frame of stream 7, and one who is away and has none of them.
pub(super) fn leave_chunks(scene: &Scene, count: u32) {
    fs::create_dir(&scene.folder).unwrap();
    let (stream, bytes) = (StreamId(7), of_len(1_000, 1));
    for order in 1..=count {
        let record = Record {
            number: FrameNumber(order),
            stamp: Stamp::default(),
            flags: 0,
            size: Size { width: 8, height: 8 },
            length: bytes.len() as u32,
            check: crc32(&bytes),
        };
        let head = Head { order: order.into(), stream, boot: 0, zero: 0 };
        let chunk = [&head.to_bytes()[..], &record.to_bytes(), &bytes].concat();
        fs::write(scene.folder.join(name_of(order.into())), chunk).unwrap();
    }
    let away = Duration::from_secs(60);
    let waiting = Waiting { stream, next: FrameNumber(1), away, who: 1, was_served: false };
    fs::write(scene.folder.join("camcast-spill.waiting"), list(&[waiting])).unwrap();
}

#[test]
fn a_start_with_fewer_descriptors_than_chunks_loses_none() {
    let scene = Scene::new();
    leave_chunks(&scene, 100);
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 64; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_camcast")]);
    command.args(scene.args()).args(["--listen", &scene.listen]).env_remove("RUST_LOG");
    let camcast = Camcast::from(Program::start("camcast", &mut command));
    camcast.program.stop(Signal::SIGTERM).expect(0);
    let frames = scene.frames();
    assert_eq!(frames.iter().find(|(of, _)| *of == 7).map(|(_, numbers)| numbers.len()), Some(100));
}

#[test]
fn a_folder_is_one_camcasts() {
    let mut scene = Scene::new();
    let _camcast = scene.start();
    let args = scene.args();
    let mut second = camcast(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let refused = Program::start("camcast", second.args(["--listen", "127.0.0.1:0"])).wait_exit().expect(1);
    assert!(
        refused.log.contains("another camcast uses it: give each a folder of its own"),
        "{}",
        refused.log
    );
    let file = scene.clip.join("00.jpg");
    let mut third = camcast(&["pattern", "--listen", "127.0.0.1:0", "--spill", file.to_str().unwrap()]);
    let refused = Program::start("camcast", &mut third).wait_exit().expect(1);
    assert!(refused.log.contains("--spill cannot make"), "{}", refused.log);
}

#[test]
fn a_sealed_recorder_gets_what_it_missed_too() {
    let mut scene = Scene::new();
    let key = scene.root.path().join("key");
    let key = key.to_str().unwrap();
    Program::start("camcast", &mut camcast(&["--new-key", key])).wait_exit().expect(0);
    scene.more.extend(["--key-file", key].map(str::to_owned));
    let camcast = scene.start();
    let recorder = scene.record_with("rec", &camcast, &["--key-file", key]);
    recorder.leave();
    camcast.wait_line("a recorder is away");
    scene.wait_frames(FRAMES);
    drop(camcast.program.stop(Signal::SIGKILL));
    let camcast = scene.start();
    recorder.come_back();
    camcast.wait_line("has all that it missed");
    scene.wait_empty();
    let (ended, films) = recorder.stop();
    assert!(assert_whole(&ended.expect(0), &films) > FRAMES as u64);
}

/// What an hour at 30 frames a second has, in minutes: `make test-long`, or `cargo test --release --test it an_hour -- --ignored --nocapture`.
#[test]
#[ignore = "some minutes, and figures"]
fn an_hour_away_at_speed_with_a_power_cut_in_it() {
    let frames: usize = std::env::var("FRAMES").map_or(108_000, |frames| frames.parse().unwrap());
    let mut scene = Scene::of(4_000, "400", &["--spill-size", "2G"]);
    let camcast = scene.start();
    let recorder = scene.record("rec", &camcast);
    recorder.leave();
    camcast.wait_line("a recorder is away");
    let began = camcast::sys::clock::now();
    scene.wait_bytes(frames as u64 / 2 * 4_048);
    drop(camcast.program.stop(Signal::SIGKILL));
    let [(_, old)] = &scene.frames()[..] else { panic!("one stream") };
    let camcast = scene.start();
    camcast.wait_line("wait for 1 recorder");
    scene.wait_bytes(frames as u64 * 4_048);
    let back = camcast::sys::clock::now();
    recorder.come_back();
    let long = std::time::Duration::from_secs(900);
    camcast.program.wait_line_within(long, 0, "has all that it missed");
    let done = camcast::sys::clock::now();
    scene.wait_empty();
    let (ended, films) = recorder.stop();
    let ended = ended.expect(0);
    let shots = assert_whole(&ended, &films);
    let first = films[..films.len() - 1].iter().map(|film| film.shots.len()).sum::<usize>();
    assert_eq!(first as u32, old.last().unwrap() + 1 - ended.first_frame(), "each that had been written");
    assert!(shots >= frames as u64, "{shots}");
    println!(
        "away for {:.0} s, caught up in {:.0} s: {shots} frames recorded in {} files, 0 missing; {} of them from before the cut",
        back.since(began).as_secs_f64(),
        done.since(back).as_secs_f64(),
        films.len(),
        old.len(),
    );
}
