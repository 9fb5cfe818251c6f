//! The folder: bounded, and nobody's but ours.

use super::folder::{Folder, Limits};
use super::format::{RECORD_LEN, Record, Waiting, name_of, split_first};
use crate::jpeg::Size;
use crate::time::{Stamp, Time};
use crate::wire::data::check;
use crate::wire::{FrameNumber, StreamId};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

const OLD: StreamId = StreamId(7);
const NEW: StreamId = StreamId(8);
const LIMITS: Limits = Limits { size: 20_000, chunk: 4_000, reserve: 0 };

fn frame(number: u32, length: usize) -> Vec<u8> {
    (0..length).map(|at| (at as u32 * 7 + number) as u8).collect()
}

fn record(number: u32, length: usize) -> Vec<u8> {
    let bytes = frame(number, length);
    let record = Record {
        number: FrameNumber(number),
        stamp: Stamp { captured: Time::from_millis(u64::from(number) * 40), sequence: number },
        flags: 0,
        size: Size { width: 8, height: 8 },
        length: length as u32,
        check: check(&bytes),
    };
    [&record.to_bytes()[..], &bytes].concat()
}

fn open(path: &Path) -> Folder {
    Folder::make(path, LIMITS).unwrap().0
}

fn write(folder: &mut Folder, stream: StreamId, numbers: impl IntoIterator<Item = u32>) {
    for number in numbers {
        folder.append(stream, FrameNumber(number), &record(number, 1_000)).unwrap();
    }
}

/// All frames of a stream from one on, as a reader gets them.
fn read(folder: &mut Folder, stream: StreamId, next: u32) -> Vec<u32> {
    let (mut next, mut spot, mut numbers) = (FrameNumber(next), None, Vec::new());
    loop {
        let mut bytes = Vec::new();
        folder.read(stream, next, &mut bytes, &mut spot).unwrap();
        let mut rest = &bytes[..];
        while let Some((record, bytes, behind)) = split_first(rest) {
            assert_eq!(bytes, frame(record.number.0, record.length as usize));
            numbers.push(record.number.0);
            (next, rest) = (record.number.next(), behind);
        }
        assert_eq!(rest, b"");
        if bytes.is_empty() {
            return numbers;
        }
    }
}

fn waiting(stream: StreamId, next: u32) -> Waiting {
    let next = FrameNumber(next);
    Waiting { stream, next, away: Duration::from_secs(5), who: 9, was_served: false }
}

fn names(path: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_is_written_is_read_across_chunks_gaps_and_starts() {
    let root = tempfile::tempdir().unwrap();
    let mut folder = open(root.path());
    write(&mut folder, OLD, (10..16).chain(20..22));
    assert!(folder.shelf().iter().count() > 2);
    assert_eq!(read(&mut folder, OLD, 1), [10, 11, 12, 13, 14, 15, 20, 21]);
    assert_eq!(read(&mut folder, OLD, 13), [13, 14, 15, 20, 21]);
    assert_eq!(read(&mut folder, NEW, 1), [0; 0]);
    drop(folder);
    let mut folder = open(root.path());
    assert_eq!(read(&mut folder, OLD, 17), [20, 21]);
    write(&mut folder, NEW, 1..3);
    assert_eq!((read(&mut folder, OLD, 1).len(), read(&mut folder, NEW, 0)), (8, vec![1, 2]));
    assert_eq!(folder.shelf().following(OLD).map(|chunk| chunk.stream), Some(NEW));
}

#[test]
fn the_folder_is_bounded_and_the_oldest_goes() {
    let root = tempfile::tempdir().unwrap();
    let mut folder = open(root.path());
    for number in 1..200 {
        write(&mut folder, OLD, [number]);
        let on_disk: u64 =
            names(root.path()).iter().map(|name| fs::metadata(root.path().join(name)).unwrap().len()).sum();
        assert!(on_disk <= LIMITS.size, "{on_disk}");
        assert_eq!(folder.shelf().bytes(), on_disk);
    }
    let held = read(&mut folder, OLD, 1);
    assert!(held.len() >= 14 && held.last() == Some(&199), "{held:?}");
    let long = folder.append(OLD, FrameNumber(200), &record(200, 30_000)).unwrap_err();
    assert!(long.to_string().contains("full"), "{long}");
}

#[test]
fn what_nobody_waits_for_goes_and_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let mut folder = open(root.path());
    fs::write(root.path().join("holiday.jpg"), b"precious").unwrap();
    write(&mut folder, OLD, 1..10);
    folder.set_waiting(&[waiting(OLD, 7), waiting(OLD, 9)], NEW).unwrap();
    let held = read(&mut folder, OLD, 1);
    assert!(held.contains(&7) && !held.contains(&1), "{held:?}");
    drop(folder);
    let (mut folder, list) = Folder::open(root.path(), LIMITS).unwrap();
    assert_eq!(list, Some(vec![waiting(OLD, 7), waiting(OLD, 9)]));
    folder.set_waiting(&[], NEW).unwrap();
    assert_eq!(names(root.path()), ["camcast-spill.lock", "holiday.jpg"]);
    write(&mut folder, NEW, 1..3);
    assert_eq!(read(&mut folder, NEW, 1), [1, 2]);
}

#[test]
fn a_cut_or_changed_tail_costs_no_more_than_itself() {
    let root = tempfile::tempdir().unwrap();
    let mut folder = open(root.path());
    write(&mut folder, OLD, 1..4);
    drop(folder);
    let path = root.path().join(name_of(1));
    let whole = fs::read(&path).unwrap();
    for cut in [1, 500, 1_000, 1_000 + RECORD_LEN - 1] {
        fs::write(&path, &whole[..whole.len() - cut]).unwrap();
        assert_eq!(read(&mut open(root.path()), OLD, 1), [1, 2], "{cut}");
    }
    // a frame that is another than it was costs itself
    let mut bytes = whole.clone();
    bytes[64 + 500] ^= 1;
    fs::write(&path, bytes).unwrap();
    let mut folder = open(root.path());
    let (mut records, mut spot) = (Vec::new(), None);
    let why = folder.read(OLD, FrameNumber(1), &mut records, &mut spot).unwrap_err().to_string();
    assert!(why.contains("does not keep what is written"), "{why}");
    assert_eq!(split_first(&records).map(|(record, ..)| record.number), Some(FrameNumber(2)));
    drop(folder);
    // one that says another length costs what is behind it in its file
    let mut bytes = whole;
    bytes[64 + 28] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let mut folder = open(root.path());
    assert_eq!(read(&mut folder, OLD, 1), [0; 0]);
    write(&mut folder, OLD, 5..7);
    assert_eq!(read(&mut folder, OLD, 1), [5, 6], "what follows is found");
    // and so while it is open, with a gap before it
    let next = root.path().join(name_of(folder.shelf().oldest().unwrap().order));
    let mut bytes = fs::read(&next).unwrap();
    bytes[64 + 28] ^= 1;
    fs::write(&next, bytes).unwrap();
    assert_eq!(read(&mut folder, OLD, 1), [0; 0], "and nobody looks for ever");
    drop(folder);
    fs::remove_file(next).unwrap();
    for rubbish in [&b""[..], b"short", &[0xff; 4096]] {
        fs::write(&path, rubbish).unwrap();
        assert!(open(root.path()).shelf().is_empty());
        assert!(!path.exists(), "ours by its name, and none");
    }
}

#[test]
fn a_link_or_a_pipe_in_the_way_is_followed_by_nobody() {
    let root = tempfile::tempdir().unwrap();
    let (path, victim) = (root.path().join("spill"), root.path().join("victim"));
    fs::write(&victim, b"precious").unwrap();
    drop(open(&path));
    symlink(&victim, path.join(name_of(1))).unwrap();
    nix::unistd::mkfifo(&path.join(name_of(2)), nix::sys::stat::Mode::S_IRWXU).unwrap();
    symlink(&victim, path.join("camcast-spill.waiting")).unwrap();
    symlink(&victim, path.join("camcast-spill.waiting.new")).unwrap();
    let (mut folder, list) = Folder::open(&path, LIMITS).unwrap();
    assert_eq!(list, None);
    write(&mut folder, OLD, 1..3);
    folder.set_waiting(&[waiting(OLD, 1)], OLD).unwrap();
    drop(folder);
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
    assert_eq!(read(&mut open(&path), OLD, 1), [1, 2]);
    fs::remove_file(path.join("camcast-spill.lock")).unwrap();
    symlink(&victim, path.join("camcast-spill.lock")).unwrap();
    let refused = Folder::open(&path, LIMITS).unwrap_err().to_string();
    assert!(refused.contains("a link is in the way"), "{refused}");
}
