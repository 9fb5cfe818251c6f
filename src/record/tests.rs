//! Whole files, read back by another's demuxer and by a strict walk over their elements.

use super::container::{MuxError, Patch, Track};
use super::matroska::{FRAME_HEAD, MAX_FRAME, Muxer};
use crate::clock::timeline::FileClock;
use crate::jpeg::Size;
use crate::time::Time;
use jiff::Timestamp;
use jiff::tz::Offset;
use matroska_demuxer::{DemuxError, Frame, MatroskaFile};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::ops::Range;
use std::time::Duration;

/// Room for seven cues.
const TINY: usize = 256;

fn track() -> Track {
    let started = Timestamp::from_second(1_790_000_000).unwrap();
    Track { size: Size { width: 1280, height: 720 }, interval: None, started, offset: Offset::UTC }
}

/// A file in memory, and what it should hold.
struct Taken {
    muxer: Muxer,
    bytes: Vec<u8>,
    frames: Vec<(u64, Vec<u8>)>,
    /// Where each frame ends.
    borders: Vec<usize>,
}

impl Taken {
    fn new(reserve: usize) -> Self {
        let (muxer, bytes) = Muxer::file(&track(), reserve);
        Taken { muxer, bytes, frames: Vec::new(), borders: Vec::new() }
    }

    fn live() -> Self {
        let (muxer, bytes) = Muxer::live(&track());
        Taken { muxer, bytes, frames: Vec::new(), borders: Vec::new() }
    }

    fn frame(&mut self, captured: Time, frame: &[u8]) {
        let head = self.muxer.frame_head(captured, frame.len()).unwrap();
        self.bytes.extend(head.bytes());
        self.bytes.extend(frame);
        self.muxer.wrote(&head);
        assert_eq!(self.muxer.end(), self.bytes.len() as u64);
        self.frames.push((head.micros(), frame.to_vec()));
        self.borders.push(self.bytes.len());
    }

    /// Frames of some bytes, 40 ms apart.
    fn frames(&mut self, numbers: Range<u64>) {
        numbers.for_each(|n| self.frame(Time::from_millis(n * 40), &n.to_be_bytes()));
    }

    /// Patches the file and returns it as it was before each patch.
    fn patch(&mut self, is_last: bool) -> Vec<(Vec<u8>, Patch<'static>)> {
        let patches = if is_last { self.muxer.finish() } else { self.muxer.checkpoint() };
        let mut steps = Vec::new();
        for patch in patches {
            let bytes: &'static [u8] = Vec::leak(patch.bytes.to_vec());
            steps.push((self.bytes.clone(), Patch { offset: patch.offset, bytes }));
            apply(&mut self.bytes, &patch, patch.bytes.len());
        }
        steps
    }
}

fn apply(bytes: &mut [u8], patch: &Patch<'_>, len: usize) {
    let at = patch.offset as usize;
    bytes[at..at + len].copy_from_slice(&patch.bytes[..len]);
}

/// All whole frames, as matroska-demuxer finds them.
fn read(bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let mut file = MatroskaFile::open(Cursor::new(bytes)).unwrap();
    let (mut frame, mut frames) = (Frame::default(), Vec::new());
    loop {
        match file.next_frame(&mut frame) {
            Ok(true) => frames.push((frame.timestamp, frame.data.clone())),
            Ok(false) | Err(DemuxError::ElementSizeExceedsStream { .. } | DemuxError::IoError(_)) => {
                return frames;
            }
            Err(why) => panic!("{why}"),
        }
    }
}

/// An element: its identifier, where it begins, its body.
type Element = (u32, usize, Range<usize>);

/// The elements that fill this part of the file, exactly.
fn elements(bytes: &[u8], part: Range<usize>) -> Vec<Element> {
    let (mut at, mut found) = (part.start, Vec::new());
    while at < part.end {
        let (element, body) = element(bytes, at, part.end);
        assert!(body.end <= part.end, "element {element:x} at {at} is larger than its parent");
        found.push((element, at, body.clone()));
        at = body.end;
    }
    found
}

fn element(bytes: &[u8], at: usize, end: usize) -> (u32, Range<usize>) {
    let id_len = bytes[at].leading_zeros() as usize + 1;
    let id = bytes[at..at + id_len].iter().fold(0, |id, byte| id << 8 | u32::from(*byte));
    let size_at = at + id_len;
    let size_len = bytes[size_at].leading_zeros() as usize + 1;
    let size = bytes[size_at..size_at + size_len].iter().fold(0, |size, byte| size << 8 | u64::from(*byte));
    let size = size & ((1 << (7 * size_len)) - 1);
    let body = size_at + size_len;
    let is_unknown = size == (1 << (7 * size_len)) - 1;
    (id, if is_unknown { body..end } else { body..body + size as usize })
}

fn uint(bytes: &[u8], body: &Range<usize>) -> u64 {
    bytes[body.clone()].iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

fn child(bytes: &[u8], parent: &Range<usize>, id: u32) -> Range<usize> {
    elements(bytes, parent.clone()).into_iter().find(|element| element.0 == id).unwrap().2
}

fn segment(bytes: &[u8]) -> Range<usize> {
    let top = elements(bytes, 0..bytes.len());
    assert_eq!(top.iter().map(|element| element.0).collect::<Vec<_>>(), [0x1a45_dfa3, 0x1853_8067]);
    top[1].2.clone()
}

/// The cues as (time, position), after a check that Cues holds nothing but them and one Void to its end, that SeekHead names
/// all places right, and that each cue points to the cluster of its time.
fn cues(bytes: &[u8]) -> Vec<(u64, u64)> {
    let segment = segment(bytes);
    let all = elements(bytes, segment.clone());
    let ids: Vec<u32> = all.iter().map(|element| element.0).take(7).collect();
    assert_eq!(ids, [0x114d_9b74, 0x1549_a966, 0x1654_ae6b, 0x1254_c367, 0xec, 0x1c53_bb6b, 0x1f43_b675]);
    for seek in elements(bytes, all[0].2.clone()) {
        let id = uint(bytes, &child(bytes, &seek.2, 0x53ab));
        let position = uint(bytes, &child(bytes, &seek.2, 0x53ac)) as usize;
        assert!(all.iter().any(|(at, start, _)| u64::from(*at) == id && start - segment.start == position));
    }
    let mut cells = elements(bytes, all[5].2.clone());
    assert_eq!(cells.pop().unwrap().0, 0xec);
    cells.iter().map(|cell| cue(bytes, &segment, cell)).collect()
}

fn cue(bytes: &[u8], segment: &Range<usize>, cell: &Element) -> (u64, u64) {
    assert_eq!(cell.0, 0xbb);
    let time = uint(bytes, &child(bytes, &cell.2, 0xb3));
    let positions = child(bytes, &cell.2, 0xb7);
    assert_eq!(uint(bytes, &child(bytes, &positions, 0xf7)), 1, "the track");
    let position = uint(bytes, &child(bytes, &positions, 0xf1));
    let (id, cluster) = element(bytes, segment.start + position as usize, segment.end);
    assert_eq!((id, uint(bytes, &child(bytes, &cluster, 0xe7))), (0x1f43_b675, time));
    (time, position)
}

fn duration(bytes: &[u8]) -> f64 {
    let file = MatroskaFile::open(Cursor::new(bytes)).unwrap();
    file.info().duration().unwrap()
}

#[test]
fn the_head_is_as_written_down() {
    let (muxer, head) = Muxer::file(&track(), TINY);
    let app = [&b"camcast "[..], env!("CARGO_PKG_VERSION").as_bytes()].concat();
    let app = [&[app.len() as u8 | 0x80][..], &app].concat();
    let info_size = (6 + 11 + 11 + 2 * (2 + app.len())) as u8 | 0x80;
    let before_tracks = [
        &hex(
            "1a45dfa3 a3 428681 01 42f781 01 42f281 04 42f381 08 428288 6d6174726f736b61 428781 04 428581 02",
        )[..],
        &hex("18538067 01ffffffffffffff"),
        &hex("114d9b74 d4 4dbb 92 53ab84 1549a966 53ac88 0000000000000059")[..],
        &hex("4dbb 92 53ab84 1654ae6b 53ac88"),
        &(89 + 5 + u64::from(info_size & 0x7f)).to_be_bytes(),
        &hex("4dbb 92 53ab84 1254c367 53ac88"),
        &(89 + 5 + 61 + u64::from(info_size & 0x7f)).to_be_bytes(),
        &hex("4dbb 92 53ab84 1c53bb6b 53ac88 00000000000001c0"),
        &hex("1549a966"),
        &[info_size],
        &hex("2ad7b182 03e8 448988 3ff0000000000000 446188 0b43b64d12be0000 4d80"),
        &app,
        &hex("5741"),
        &app,
    ]
    .concat();
    let tracks =
        hex("1654ae6b b8 ae b6 d781 01 73c581 01 8381 01 9c81 00 22b59c83 756e64 8687 565f4d4a504547
        ec8a 00000000000000000000 e0 8b 9a81 02 b082 0500 ba82 02d0");
    assert_eq!(show(&head[..before_tracks.len()]), show(&before_tracks));
    let tags = [
        &hex("1254c367 da 7373 d7 63c0 80 67c8 b0 45a3 8d")[..],
        b"DATE_RECORDED",
        &hex("4487 9d"),
        b"2026-09-21T14:13:20.000+00:00",
        &hex("67c8 9e 45a3 90"),
        b"CAMERA_CLOCK_PPM",
        &hex("4487 88"),
        b"+000.000",
    ];
    let after = [tracks, tags.concat()].concat();
    assert_eq!(show(&head[before_tracks.len()..][..after.len()]), show(&after));
    let cues = hex(
        "1c53bb6b 0100000000000100 bb1000001b b388 0000000000000000 b720000d f78101 f188 00000000000002cc
        ec 01000000000000d7",
    );
    assert_eq!(show(&head[500..][..cues.len()]), show(&cues));
    assert_eq!((head.len(), muxer.end()), (768, 768));
}

fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

fn show(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_rate_is_known_once_there_is_one() {
    let rate = |times: &[u64]| {
        let mut taken = Taken::new(TINY);
        times.iter().for_each(|micros| taken.frame(Time::from_nanos(micros * 1000), b"jpeg"));
        taken.patch(false);
        let file = MatroskaFile::open(Cursor::new(&taken.bytes)).unwrap();
        file.tracks()[0].default_duration().map(|nanos| nanos.get())
    };
    assert_eq!(rate(&[0]), None);
    assert_eq!(rate(&[0, 40_000]), None);
    assert_eq!(rate(&[0, 40_003, 80_001]), Some(40_000_000), "25 a second");
    assert_eq!(rate(&[0, 41_000, 82_000]), Some(41_000_000), "as it is");
    assert_eq!(rate(&[0, 33_366, 66_733, 100_100]), Some(33_366_666), "29.97 a second");
    assert_eq!(rate(&[0, 33_333, 66_666, 100_000]), Some(33_333_333), "30 a second");
    let with_gap = [0, 40_000, 80_000, 280_000, 320_000, 9_000_000, 9_040_000, 9_080_000];
    assert_eq!(rate(&with_gap), Some(40_000_000), "a gap is no frame that lasts");
}

#[test]
fn a_frame_has_a_head_of_27_bytes() {
    let mut taken = Taken::new(TINY);
    taken.frame(Time::from_millis(1000), &[0xff; 300]);
    taken.frame(Time::from_nanos(1_040_001_999), b"jpeg");
    let head = &taken.bytes[taken.borders[0]..][..FRAME_HEAD];
    assert_eq!(show(head), "1f43b67510000017e7880000000000009c41a31000000881000080");
}

#[test]
fn a_finished_file_tells_everything() {
    let mut taken = Taken::new(TINY);
    taken.frames(0..26);
    taken.patch(true);
    let file = MatroskaFile::open(Cursor::new(&taken.bytes)).unwrap();
    assert_eq!(file.info().duration(), Some(1_040_000.0));
    assert_eq!(file.info().timestamp_scale().get(), 1000);
    assert_eq!(file.info().date_utc(), Some((1_790_000_000 - 978_307_200) * 1_000_000_000));
    let video = file.tracks()[0].video().unwrap();
    assert_eq!((video.pixel_width().get(), video.pixel_height().get()), (1280, 720));
    assert_eq!(file.tracks()[0].codec_id(), "V_MJPEG");
    assert_eq!(segment(&taken.bytes).end, taken.bytes.len());
    assert_eq!(uint(&taken.bytes, &(44..52)), 0x0100_0000_0000_0000 | (taken.bytes.len() as u64 - 52));
    assert_eq!(cues(&taken.bytes).len(), 2);
}

#[test]
fn a_file_says_what_is_known_of_its_clock_and_moves_no_frame() {
    let mut taken = Taken::new(TINY);
    taken.frames(0..26);
    taken.patch(false);
    let (frames, len) = (read(&taken.bytes), taken.bytes.len());
    for (fast_ppb, text) in [
        (80_123, "+080.123"),
        (-7, "-000.007"),
        (0, "+000.000"),
        (i64::MIN, "-999.999"),
        (i64::MAX, "+999.999"),
    ] {
        let started = Timestamp::from_microsecond(1_790_000_000_123_456).unwrap();
        taken.muxer.set_clock(&FileClock { started, fast_ppb });
        taken.patch(false);
        let file = MatroskaFile::open(Cursor::new(&taken.bytes)).unwrap();
        let date = (1_790_000_000 - 978_307_200) * 1_000_000_000 + 123_456_000;
        assert_eq!(file.info().date_utc(), Some(date));
        let tag = &file.tags().unwrap()[0].simple_tags()[1];
        assert_eq!((tag.name(), tag.string()), ("CAMERA_CLOCK_PPM", Some(text)));
        assert_eq!((read(&taken.bytes), taken.bytes.len()), (frames.clone(), len));
    }
}

#[test]
fn a_known_interval_is_default_duration_and_the_last_frames_length() {
    let track = Track { interval: Some(Duration::from_nanos(33_333_333)), ..track() };
    let (muxer, bytes) = Muxer::file(&track, TINY);
    let mut taken = Taken { muxer, bytes, frames: Vec::new(), borders: Vec::new() };
    taken.frames(0..2);
    taken.patch(true);
    let file = MatroskaFile::open(Cursor::new(&taken.bytes)).unwrap();
    assert_eq!(file.tracks()[0].default_duration().unwrap().get(), 33_333_333);
    assert_eq!(file.info().duration(), Some(73_333.0));
}

#[test]
fn a_clock_that_stands_or_goes_back_is_clamped_and_said() {
    let (mut muxer, _) = Muxer::file(&track(), TINY);
    let times = [(5_000, 0, false), (5_040, 40_000, false), (5_040, 40_001, true), (4_000, 40_002, true)];
    for (captured, micros, is_clamped) in times {
        let head = muxer.frame_head(Time::from_millis(captured), 9).unwrap();
        assert_eq!((head.micros(), head.is_clamped()), (micros, is_clamped));
        muxer.wrote(&head);
    }
    let head = muxer.frame_head(Time::NEVER, 9).unwrap();
    assert_eq!(head.micros(), (u64::MAX - 5_000_000_000) / 1000);
}

#[test]
fn frames_that_do_not_fit_are_refused() {
    let (muxer, _) = Muxer::file(&track(), TINY);
    let refused = |len: usize| muxer.frame_head(Time::default(), len).err();
    assert_eq!(refused(0), Some(MuxError::Empty));
    assert_eq!(refused(MAX_FRAME as usize), None);
    assert_eq!(refused(MAX_FRAME as usize + 1), Some(MuxError::TooLong(MAX_FRAME + 1)));
    assert_eq!(refused(usize::MAX), Some(MuxError::TooLong(usize::MAX as u64)));
}

#[test]
fn what_was_not_written_does_not_count() {
    let mut taken = Taken::new(TINY);
    taken.frames(0..3);
    taken.muxer.frame_head(Time::from_millis(9_000), 1_000).unwrap();
    taken.frames(3..4);
    taken.patch(true);
    assert_eq!(read(&taken.bytes), taken.frames);
    assert_eq!(duration(&taken.bytes), 160_000.0);
}

#[test]
fn a_live_stream_has_no_patches() {
    let mut taken = Taken::live();
    taken.frames(0..100);
    assert_eq!(taken.patch(false).len(), 0);
    assert_eq!(taken.patch(true).len(), 0);
    assert_eq!(read(&taken.bytes), taken.frames);
}

#[test]
fn a_cut_at_any_byte_costs_no_whole_frame() {
    for mut taken in [Taken::new(TINY), Taken::live()] {
        let first = taken.bytes.len();
        taken.frames(0..30);
        taken.patch(false);
        taken.frames(30..40);
        for cut in first + FRAME_HEAD + 8..=taken.bytes.len() {
            let whole = taken.borders.iter().filter(|border| **border <= cut).count();
            assert_eq!(read(&taken.bytes[..cut]), taken.frames[..whole], "cut at {cut}");
        }
    }
}

/// A patch is in one sector, which a disk writes whole or not at all; or a cut through it at any byte does no harm.
fn check_step(before: &[u8], patch: &Patch<'_>, frames: &[(u64, Vec<u8>)]) {
    let sector = |offset: u64| offset / 512;
    let is_atomic = sector(patch.offset) == sector(patch.offset + patch.bytes.len() as u64 - 1);
    let cuts = if is_atomic { vec![0] } else { (0..patch.bytes.len()).collect() };
    for cut in cuts {
        let mut bytes = before.to_vec();
        apply(&mut bytes, patch, cut);
        let times: Vec<_> = cues(&bytes).iter().map(|cue| cue.0).collect();
        assert!(times.is_sorted() && times[0] == 0, "{times:?}");
        assert!(duration(&bytes) > 0.0);
        assert_eq!(read(&bytes), frames);
    }
}

#[test]
fn a_crash_between_or_in_patches_leaves_a_readable_file() {
    let mut taken = Taken::new(512 + TINY);
    let mut rewrites = 0;
    for second in 0..60 {
        // two frames a second, and now and then a checkpoint that is late
        taken.frame(Time::from_millis(second * 1000), b"one");
        taken.frame(Time::from_millis(second * 1000 + 500), b"two");
        if second % 7 < 4 {
            for (before, patch) in taken.patch(false) {
                check_step(&before, &patch, &taken.frames);
                rewrites += usize::from(patch.bytes.len() > 100);
            }
        }
    }
    assert!(rewrites > 1, "the reserve overflowed {rewrites} times");
    for (before, patch) in taken.patch(true) {
        check_step(&before, &patch, &taken.frames);
    }
    assert_eq!(read(&taken.bytes), taken.frames);
}

#[test]
fn a_full_reserve_doubles_the_spacing() {
    let mut taken = Taken::new(TINY);
    for second in 0..100 {
        taken.frame(Time::from_millis(second * 1000), b"frame");
        taken.patch(false);
        let times: Vec<u64> = cues(&taken.bytes).iter().map(|cue| cue.0 / 1_000_000).collect();
        let spacing =
            [1, 2, 4, 8, 16][[7, 14, 28, 56, 112].iter().position(|limit| second < *limit).unwrap()];
        let expected: Vec<u64> = (0..=second).filter(|time| time % spacing == 0).collect();
        assert_eq!(times, expected, "after {second} s");
    }
}

#[test]
fn an_hour_of_21_gib_is_seekable() {
    let (mut muxer, head) = Muxer::file(&track(), super::matroska::CUE_RESERVE);
    let mut disk = Sparse { pieces: BTreeMap::from([(0, head)]), end: 0, at: 0 };
    for n in 0..108_000_u64 {
        let head = muxer.frame_head(Time::from_nanos(n * 33_333_333), 200_000).unwrap();
        disk.pieces.insert(muxer.end(), head.bytes().to_vec());
        muxer.wrote(&head);
        if n % 30 == 0 {
            disk.patch(&muxer.checkpoint());
        }
    }
    disk.patch(&muxer.finish());
    disk.end = muxer.end();
    assert_eq!(disk.end, 512 + 65_536 + 108_000 * 200_027);
    let mut file = MatroskaFile::open(disk).unwrap();
    assert_eq!(file.info().duration(), Some(3_599_999_963.0));
    let mut frame = Frame::default();
    for n in [107_999_u64, 0, 60_000, 30_000] {
        let micros = n * 33_333_333 / 1000;
        file.seek(micros).unwrap();
        assert!(file.next_frame(&mut frame).unwrap());
        assert_eq!((frame.timestamp, frame.data.len()), (micros, 200_000));
    }
}

#[test]
fn frames_of_250_mb_pass_4_gib() {
    let (mut muxer, head) = Muxer::file(&track(), TINY);
    let mut disk = Sparse { pieces: BTreeMap::from([(0, head)]), end: 0, at: 0 };
    for n in 0..40 {
        let head = muxer.frame_head(Time::from_millis(n * 1000), 250_000_000).unwrap();
        disk.pieces.insert(muxer.end(), head.bytes().to_vec());
        muxer.wrote(&head);
    }
    disk.patch(&muxer.finish());
    disk.end = muxer.end();
    assert!(disk.end > 9 << 30);
    let mut file = MatroskaFile::open(disk).unwrap();
    file.seek(39_000_000).unwrap();
    let mut frame = Frame::default();
    assert!(file.next_frame(&mut frame).unwrap());
    assert_eq!((frame.timestamp, frame.data.len()), (39_000_000, 250_000_000));
    assert!(!file.next_frame(&mut frame).unwrap());
}

/// A file of zeros but for some pieces.
struct Sparse {
    pieces: BTreeMap<u64, Vec<u8>>,
    end: u64,
    at: u64,
}

impl Sparse {
    /// All patches fall into the head.
    fn patch(&mut self, patches: &[Patch<'_>]) {
        patches.iter().for_each(|patch| apply(self.pieces.get_mut(&0).unwrap(), patch, patch.bytes.len()));
    }
}

impl Read for Sparse {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let (at, end) = (self.at, self.end.min(self.at + to.len() as u64));
        let len = end.saturating_sub(at) as usize;
        to[..len].fill(0);
        let before = self.pieces.range(..=at).next_back().map_or(0, |(start, _)| *start);
        for (start, piece) in self.pieces.range(before..end) {
            let (from, until) = ((*start).max(at), (start + piece.len() as u64).min(end));
            if from < until {
                to[(from - at) as usize..(until - at) as usize]
                    .copy_from_slice(&piece[(from - start) as usize..(until - start) as usize]);
            }
        }
        self.at += len as u64;
        Ok(len)
    }
}

impl Seek for Sparse {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::Current(by) => self.at.checked_add_signed(by).unwrap(),
            SeekFrom::End(by) => self.end.checked_add_signed(by).unwrap(),
        };
        Ok(self.at)
    }
}

proptest! {
    #[test]
    fn any_frames_come_back_exactly(
        start in 0_u64..u64::MAX / 2,
        frames in prop::collection::vec((0_u64..3_000_000_000, prop::collection::vec(any::<u8>(), 1..400)), 1..80),
        checkpoints in 1_usize..20,
        cells in 4_usize..12,
    ) {
        let mut taken = Taken::new(cells * 32);
        let mut captured = start;
        let mut last = None;
        for (n, (step, frame)) in frames.iter().enumerate() {
            captured += step;
            taken.frame(Time::from_nanos(captured), frame);
            let own = (captured - start - frames[0].0) / 1000;
            let expected = last.map_or(0, |last: u64| own.max(last + 1));
            prop_assert_eq!(taken.frames.last().unwrap().0, expected);
            last = Some(expected);
            if n % checkpoints == 0 {
                taken.patch(false);
            }
        }
        taken.patch(true);
        prop_assert_eq!(read(&taken.bytes), &taken.frames[..]);
        let cues = cues(&taken.bytes);
        prop_assert!(cues.is_sorted() && cues.len() < cells);
        prop_assert!(duration(&taken.bytes) > last.unwrap() as f64);

        let mut file = MatroskaFile::open(Cursor::new(&taken.bytes)).unwrap();
        let mut found = Frame::default();
        for (micros, frame) in &taken.frames {
            file.seek(*micros).unwrap();
            prop_assert!(file.next_frame(&mut found).unwrap());
            prop_assert_eq!((found.timestamp, &found.data), (*micros, frame));
        }
    }

    #[test]
    fn any_cut_after_any_checkpoints_costs_no_whole_frame(seconds in 1_u64..40, cut in 0.0..1.0_f64, every in 1_u64..9) {
        let mut taken = Taken::new(TINY);
        let first = taken.bytes.len();
        for second in 0..seconds {
            taken.frame(Time::from_millis(second * 1000), &second.to_be_bytes());
            if second % every == 0 {
                taken.patch(false);
            }
        }
        let cut = first + (cut * (taken.bytes.len() - first) as f64) as usize;
        let whole = taken.borders.iter().filter(|border| **border <= cut).count();
        if whole > 0 {
            prop_assert_eq!(read(&taken.bytes[..cut]), &taken.frames[..whole]);
        }
    }
}
