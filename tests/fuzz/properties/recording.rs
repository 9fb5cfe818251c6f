//! Recordings: whatever a file holds, reading it ends, and repairing it makes it whole.

use camcast::jpeg::Size;
use camcast::record::container::{Container, Muxer, Track};
use camcast::record::matroska;
use camcast::record::reader::{HEAD_MOST, Head};
use camcast::store::read::{FileFrames, Part};
use camcast::store::salvage::walk;
use camcast::time::Time;
use jiff::Timestamp;
use jiff::tz::Offset;
use std::cell::RefCell;
use std::io;
use std::os::unix::fs::FileExt;

/// A file that is not on a disk.
struct Memory(RefCell<Vec<u8>>);

impl Memory {
    fn new(bytes: &[u8]) -> Self {
        Memory(RefCell::new(bytes.to_vec()))
    }
}

impl FileExt for Memory {
    fn read_at(&self, to: &mut [u8], at: u64) -> io::Result<usize> {
        let bytes = self.0.borrow();
        let rest = usize::try_from(at).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
        let count = rest.len().min(to.len());
        to[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&self, from: &[u8], at: u64) -> io::Result<usize> {
        let mut bytes = self.0.borrow_mut();
        let at = usize::try_from(at).unwrap();
        let end = at + from.len();
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[at..end].copy_from_slice(from);
        Ok(from.len())
    }
}

/// A file.
pub fn check(bytes: &[u8]) -> bool {
    let Some(head) = parse(bytes) else { return false };
    // what people are told of it
    let _ = (head.started(), head.duration(), head.size(), head.container(), head.time_of(u64::MAX));
    let (frames, _) = read(bytes, &head);
    let Some((repaired, count)) = repair(bytes, &head) else { return true };
    assert!(count as usize <= frames.len(), "{count} of {}", frames.len());
    // its index may be longer than what was torn
    assert!(repaired.len() <= bytes.len() + 64 + 24 * frames.len(), "{} of {}", repaired.len(), bytes.len());
    let head = parse(&repaired).expect("a repaired file is one of ours");
    assert_eq!(head.finished(), Some(repaired.len() as u64), "a repaired file is whole");
    let (again, damages) = read(&repaired, &head);
    assert_eq!(damages, 0, "a repaired file is sound");
    assert!(again == frames[..count as usize], "{} frames of {count}", again.len());
    true
}

fn parse(bytes: &[u8]) -> Option<Head> {
    Head::parse(&bytes[..bytes.len().min(HEAD_MOST)])
}

/// The frames, and how many parts are damage.
fn read(bytes: &[u8], head: &Head) -> (Vec<Vec<u8>>, usize) {
    let len = bytes.len() as u64;
    let mut file = FileFrames::new(Memory::new(bytes), head.clone(), len);
    let (mut frames, mut damages, mut jpeg) = (Vec::new(), 0, Vec::new());
    loop {
        let at = file.position();
        match file.advance(frames.len() as u64, Some(&mut jpeg)).unwrap() {
            Part::Frame(_) => frames.push(jpeg.clone()),
            Part::Damage(range) => {
                assert!(range.start >= at && range.end == file.position(), "{range:?} from {at}");
                damages += 1;
            }
            Part::End => return (frames, damages),
        }
        assert!(file.position() > at && file.position() <= len, "from {at} to {} of {len}", file.position());
    }
}

/// The file as `store::salvage` leaves it, and its frames; none if there is nothing to repair.
fn repair(bytes: &[u8], head: &Head) -> Option<(Vec<u8>, u64)> {
    let len = bytes.len() as u64;
    if head.finished() == Some(len) {
        return None;
    }
    let (file, mut muxer) = (Memory::new(bytes), Muxer::resume(head));
    let frames = walk(&file, len, head, &mut muxer).unwrap();
    if frames == 0 {
        return None;
    }
    assert!(muxer.end() <= len, "{} of {len}", muxer.end());
    file.0.borrow_mut().truncate(muxer.end() as usize);
    file.write_all_at(&muxer.tail(), muxer.end()).unwrap();
    for patch in &muxer.finish() {
        file.write_all_at(patch.bytes, patch.offset).unwrap();
    }
    Some((file.0.into_inner(), frames))
}

/// Real files, written here.
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    let size = Size { width: 64, height: 48 };
    let started = Timestamp::from_second(1_790_000_000).unwrap();
    let track = Track { size, interval: None, started, offset: Offset::UTC };
    let begin = |container| match container {
        Container::Avi => Muxer::file(Container::Avi, &track),
        // with few cues, so that it is short
        Container::Matroska => {
            let (muxer, head) = matroska::Muxer::file(&track, 256);
            (Muxer::Matroska(Box::new(muxer)), head)
        }
    };
    let mut seeds = Vec::new();
    for (name, container) in [("mkv", Container::Matroska), ("avi", Container::Avi)] {
        for (state, checkpoint, is_finished) in
            [("begun", 99, false), ("checkpoint", 3, false), ("finished", 3, true)]
        {
            let (mut muxer, mut bytes) = begin(container);
            for number in 0..6 {
                let jpeg = super::split::jpeg(16 + 7 * number as usize);
                let head = muxer.frame_head(Time::from_millis(40 * number), jpeg.len()).unwrap();
                let [before, own] = head.before();
                bytes.extend([before, own, &jpeg, head.after()].concat());
                muxer.wrote(&head);
                if number == checkpoint {
                    muxer.checkpoint().iter().for_each(|patch| put(&mut bytes, patch.offset, patch.bytes));
                }
            }
            if is_finished {
                bytes.extend(muxer.tail());
                muxer.finish().iter().for_each(|patch| put(&mut bytes, patch.offset, patch.bytes));
            }
            seeds.push((format!("{name}-{state}"), bytes));
        }
    }
    seeds
}

fn put(bytes: &mut [u8], at: u64, what: &[u8]) {
    bytes[at as usize..][..what.len()].copy_from_slice(what);
}
