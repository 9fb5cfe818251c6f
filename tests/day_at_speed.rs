//! A day of recording at speed: the real writer, muxer and files, on a clock that the test moves.
//! It looks at the memory of its own process, so it is alone in it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

#[allow(dead_code, unreachable_pub, reason = "tests/it uses all of it")]
mod support;

use crate::support::film::{self, RecordingReader};
use crate::support::pause;
use camcast::app::rec::config::{BUFFER, Folder, Segment, Target, WhenFull};
use camcast::app::rec::writer::{Note, ToWrite, Writer};
use camcast::clock::anchor::Line;
use camcast::record::container::{Container, Form};
use camcast::record::retention::Keep;
use camcast::store;
use camcast::sys::clock;
use camcast::sys::worker::Bell;
use camcast::time::{Stamp, Time};
use camcast::wire::{FrameNumber, StreamId};
use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

const FPS: u64 = 30;
const SEGMENT: u64 = 10;
const KEPT: u64 = 16 << 20;

/// Frames that are handed over and not yet written.
const AHEAD: u64 = 200;

/// The recorder as the test sees it.
struct Run {
    writer: Writer,
    spares: Vec<Vec<u8>>,
    /// Files that should be there, with their bytes and their sidecars'.
    kept: VecDeque<(PathBuf, u64)>,
    files: u64,
    frames: u64,
}

impl Run {
    /// Takes what the writer says, and checks it against what it has said before.
    fn listen(&mut self) {
        while let Some(note) = self.writer.poll() {
            match note {
                Note::Spare(buffer) => self.spares.push(buffer),
                Note::Begun { .. } => {}
                Note::Finished(segment) => {
                    let contents = segment.contents.unwrap();
                    let sidecar = segment.sidecar.unwrap().unwrap();
                    assert_eq!(
                        u64::from(contents.first_frame),
                        self.frames,
                        "each file goes on where the last ended"
                    );
                    assert_eq!((contents.figures.frames, contents.figures.missing), (SEGMENT * FPS, 0));
                    let bytes = segment.summary.file_bytes + fs::metadata(sidecar).unwrap().len();
                    self.kept.push_back((segment.summary.path.unwrap(), bytes));
                    self.frames += contents.figures.frames;
                    self.files += 1;
                }
                Note::Deleted(deleted) => {
                    assert_eq!((deleted.path, deleted.bytes), self.kept.pop_front().unwrap(), "the oldest");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

/// HOURS=24 for the whole of it.
#[test]
fn a_day_of_files_takes_no_more_memory_than_a_minute() {
    let hours: u64 = std::env::var("HOURS").map_or(1, |hours| hours.parse().unwrap());
    let home = tempfile::tempdir().unwrap();
    let folder = Folder {
        path: home.path().to_owned(),
        form: Form::File(Container::Matroska),
        names: "%Y-%m-%d/%H-%M-%S.mkv".parse().unwrap(),
        utc: true,
        segment: Segment::Length(Duration::from_secs(SEGMENT)),
        one: None,
        keep: Keep { bytes: Some(KEPT), age: None, min_free: None },
        when_full: WhenFull::Wait,
        must_exist: false,
    };
    let writer = Writer::start(Target::Folder(folder), BUFFER, &Bell::new().unwrap()).unwrap();
    let mut run = Run { writer, spares: Vec::new(), kept: VecDeque::new(), files: 0, frames: 0 };
    run.writer.stream(StreamId(1), false);
    let jpeg = crate::support::pictures::of_len(1_000, 1);
    let (begin, total) = (clock::now(), hours * 3600 * FPS);
    let mut memory = Vec::new();
    for number in 0..total {
        while number - run.writer.counts().recorded > AHEAD {
            run.listen();
            thread::park_timeout(Duration::from_millis(1));
        }
        run.listen();
        let mut bytes = run.spares.pop().unwrap_or_default();
        bytes.clear();
        bytes.extend_from_slice(&jpeg);
        let arrived = begin.after(Duration::from_micros(number * 1_000_000 / FPS));
        let stamp = Stamp { captured: Time::from_nanos(arrived.as_nanos() / 2 * 2), sequence: number as u32 };
        let number = FrameNumber(number as u32);
        let line = Line::through(stamp.captured, arrived);
        let frame =
            ToWrite { number, stamp, discontinuity: false, was_repaired: false, bytes, arrived, line };
        run.writer.write(frame).unwrap();
        if run.files > memory.len() as u64 * 60 {
            memory.push(resident());
        }
    }
    run.writer.stop();
    while !run.writer.has_ended() {
        run.listen();
        pause();
    }
    run.listen();

    assert_eq!((run.frames, run.files), (total, total / FPS / SEGMENT));
    let (settled, last) = (memory[2], *memory.last().unwrap());
    eprintln!(
        "{hours} h: {} files, {} kept; {settled} KiB after half an hour, {last} KiB at the end",
        run.files,
        run.kept.len()
    );
    assert!(last < settled + 1024, "KiB each ten minutes: {memory:?}");
    check_folder(home.path(), &run.kept);
}

/// The files are those that should be there, and so says the index.
fn check_folder(folder: &Path, kept: &VecDeque<(PathBuf, u64)>) {
    let total: u64 = kept.iter().map(|(_, bytes)| bytes).sum();
    assert!((KEPT / 2..=KEPT).contains(&total), "{total} bytes");
    let mut paths: Vec<_> = kept.iter().map(|(path, _)| path.clone()).collect();
    paths.sort();
    assert_eq!(film::files(folder), paths);
    let journal = fs::metadata(folder.join(".camrec.index")).unwrap().len();
    let opened = store::Folder::open(folder, "test").unwrap();
    let entries =
        opened.index().entries().map(|entry| (folder.join(&*entry.name), entry.finished.unwrap().0));
    assert!(entries.eq(kept.iter().cloned()), "{:?}", opened.index());
    eprintln!(
        "the index has {journal} bytes, and {} when opened again",
        fs::metadata(folder.join(".camrec.index")).unwrap().len()
    );
    let films = RecordingReader::read_folder(folder);
    for film in &films {
        assert_eq!(film.shots.len() as u64, SEGMENT * FPS);
        film.assert_times_rise();
    }
    for two in films.windows(2) {
        let step = two[1].started / 1000 - two[0].times().last().unwrap();
        assert!((step - 33_333).abs() < 1_000, "{step} microseconds from file to file");
    }
}

/// KiB of this process in memory.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
