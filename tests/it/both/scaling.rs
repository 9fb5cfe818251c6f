//! docs/SCALING.md: its tables are what its formulas give, and the formulas are what the programs do: a recording's bytes, the
//! datagrams that carried it, and the frames that a reel has room for.

use crate::support::film::RecordingReader;
use crate::support::procs::{Camcast, camrec_into};
use camcast::jpeg;
use camcast::reel::{FIRST, Reel};
use camcast::time::{Stamp, Time};
use camcast::wire::{DEFAULT_DATAGRAM, StreamId};
use std::fs;
use std::path::{Path, PathBuf};

/// Bytes of a frame in a full datagram.
const FRAGMENT: f64 = 1416.0;
/// camcast's header of a datagram, which lies in the reel too; and the IPv4 and UDP headers before it.
const HEADER: f64 = 36.0;
const IP_UDP: f64 = 28.0;
/// What Matroska has of its own for each frame, and once in a file.
const IN_FILE: f64 = 27.0;
const FILE: f64 = 66_048.0;
const REEL: f64 = 32.0 * 1024.0 * 1024.0;
const KEEP: f64 = 100.0 * 1024.0 * 1024.0 * 1024.0;

/// Frames of a size.
struct Frames {
    bytes: f64,
    a_second: f64,
}

impl Frames {
    fn datagrams(&self) -> f64 {
        (self.bytes / FRAGMENT).ceil()
    }

    /// Bits a second, in IP packets.
    fn network(&self) -> f64 {
        self.a_second * 8.0 * (self.bytes + (HEADER + IP_UDP) * self.datagrams())
    }

    /// Bytes of the reel that a frame takes.
    fn in_reel(&self) -> f64 {
        self.bytes + HEADER * self.datagrams()
    }

    /// Bytes on the disk a second.
    fn disk(&self) -> f64 {
        self.a_second * (self.bytes + IN_FILE)
    }
}

fn document() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/SCALING.md")
}

/// Three digits that say something.
fn figure(value: f64) -> String {
    let decimals = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    format!("{value:.decimals$}")
}

/// A row of the table of sizes, of which the first three cells are written by hand.
fn sizes(cells: &[&str]) -> String {
    let [picture, kilobytes, a_second, ..] = cells else { panic!("{cells:?}") };
    let [bytes, a_second] = [kilobytes, a_second].map(|number| number.parse::<f64>().unwrap());
    let frames = Frames { bytes: bytes * 1000.0, a_second };
    let hours = KEEP / frames.disk() / 3600.0;
    let kept =
        if hours < 48.0 { format!("{} h", figure(hours)) } else { format!("{} days", figure(hours / 24.0)) };
    let figures = [
        figure(frames.network() / 1e6),
        figure(REEL / frames.in_reel() / frames.a_second),
        figure(frames.disk() * 3600.0 / 1e9),
        figure(frames.disk() * 86_400.0 / 1e9),
        kept,
    ];
    format!("| {picture} | {kilobytes} | {} | {} |", cells[2], figures.join(" | "))
}

/// A row of the table of USB 2, of which the first cell is written by hand: what the kernel's EHCI driver reckons
/// (`HS_USECS_ISO`, and 100 of the 125 microseconds of a microframe for all that is periodic).
fn usb(cells: &[&str]) -> String {
    let bytes: u64 = cells[0].parse().unwrap();
    let nanoseconds = (38 * 8 * 2083 + 2083 * (3 + 7 * 8 * bytes / 6)) / 1000 + 5;
    let microseconds = nanoseconds.div_ceil(1000);
    let a_second = bytes as f64 * 8000.0 / 1e6;
    format!("| {bytes} | {} | {microseconds} | {} |", figure(a_second), 100 / microseconds)
}

/// A row of the table of compressed and uncompressed pictures, of which the first cell is written by hand. An endpoint has three
/// packets of 1024 bytes a microframe at the most.
fn raw(cells: &[&str]) -> String {
    let numbers: Vec<f64> =
        cells[0].split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect();
    let [width, height, a_second] = numbers[..] else { panic!("{cells:?}") };
    let pixels = width * height * a_second;
    let fits = if pixels * 2.0 <= 3072.0 * 8000.0 { "yes, alone on its bus" } else { "no" };
    format!("| {} | {} | {} | {fits} |", cells[0], figure(pixels * 0.8 / 8e6), figure(pixels * 2.0 / 1e6))
}

#[test]
fn the_tables_are_what_the_formulas_give() {
    let text = fs::read_to_string(document()).unwrap();
    let mut rule: Option<fn(&[&str]) -> String> = None;
    let (mut rows, mut renewed) = (0, String::new());
    for line in text.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).filter(|cell| !cell.is_empty()).collect();
        rule = match cells.first() {
            None => None,
            Some(&"picture") => Some(sizes),
            Some(&"bytes a microframe") => Some(usb),
            Some(&"size and rate") => Some(raw),
            Some(_) => rule,
        };
        let is_row = rule.is_some() && cells[0].contains(|c: char| c.is_ascii_digit());
        let row = rule.filter(|_| is_row).map(|rule| rule(&cells));
        rows += usize::from(is_row);
        renewed += row.as_deref().unwrap_or(line);
        renewed.push('\n');
    }
    assert!(rows >= 20, "{rows} rows");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(document(), &renewed).unwrap();
    }
    let wrong: Vec<_> = text.lines().zip(renewed.lines()).filter(|(said, is)| said != is).collect();
    assert!(
        std::env::var_os("UPDATE_GOLDEN").is_some() || wrong.is_empty(),
        "said, and so: {wrong:#?}; UPDATE_GOLDEN=1 writes it"
    );
}

/// The number before these words of a line.
fn number(line: &str, words: &str) -> f64 {
    let (before, _) = line.split_once(words).unwrap_or((" 0", ""));
    before.rsplit([' ', ',']).next().unwrap().parse().unwrap_or_else(|_| panic!("{words:?}: {line}"))
}

#[track_caller]
fn assert_near(is: f64, said: f64, of: f64, what: &str) {
    assert!((is - said).abs() <= said * of, "{what}: {is}, and by the formula {said}");
}

#[test]
fn the_formulas_are_what_the_programs_do() {
    let folder = tempfile::tempdir().unwrap();
    let camcast = Camcast::start(&["pattern", "-r", "1280x720", "-f", "30"]);
    camrec_into(folder.path(), camcast.address, &["--frames", "60"]).wait_exit().expect(0);
    let films = RecordingReader::read_folder(folder.path());
    let [film] = &films[..] else { panic!("{} files", films.len()) };
    let total: usize = film.shots.iter().map(|shot| shot.jpeg.len()).sum();
    let frames = Frames { bytes: total as f64 / 60.0, a_second: 30.0 };

    // the row of the pattern
    let text = fs::read_to_string(document()).unwrap();
    let row = text.lines().find(|line| line.starts_with("| 1280x720, `camcast pattern`")).unwrap();
    let kilobytes: f64 = row.split('|').nth(2).unwrap().trim().parse().unwrap();
    assert_near(frames.bytes / 1000.0, kilobytes, 0.03, "the pattern's frames");

    // the disk: to the byte
    let on_disk = fs::metadata(&film.path).unwrap().len();
    assert_eq!(on_disk as f64, total as f64 + 60.0 * IN_FILE + FILE);

    // the network: what was sent again is left out; some a second say only that camcast is there
    let left = camcast.wait_line("left: ");
    let datagrams = number(&left, " datagrams") - number(&left, " of them sent again");
    let sent = number(&left, " frames, ");
    assert_near(datagrams / sent, frames.datagrams(), 0.1, "datagrams a frame");

    // the reel: as many frames as there are until the first one gives way
    let mut reel = Reel::new(REEL as usize, DEFAULT_DATAGRAM, StreamId(1));
    for (sequence, shot) in film.shots.iter().cycle().enumerate() {
        let stamp = Stamp { captured: Time::from_nanos(sequence as u64), sequence: sequence as u32 };
        reel.push(&shot.jpeg, jpeg::header(&shot.jpeg).unwrap(), stamp, 0).unwrap();
        if reel.oldest_number() != FIRST {
            assert_near(sequence as f64, REEL / frames.in_reel(), 0.01, "frames in the reel");
            return;
        }
    }
}
