//! The reel over frames of any size.

use super::*;
use crate::jpeg::{Size, check_header_only, huffman, sample};
use crate::time::Time;
use crate::wire::data::Data;
use proptest::prelude::*;

const STREAM: StreamId = StreamId(0xabcd_1234);
const SIZE: Size = Size { width: 640, height: 480 };

fn stamp(sequence: u32) -> Stamp {
    Stamp { captured: Time::from_millis(u64::from(sequence) * 40), sequence }
}

fn jpeg(seed: u32, length: usize) -> Vec<u8> {
    (0..length).map(|i| (seed as usize * 31 + i * 7) as u8).collect()
}

fn push(reel: &mut Reel, seed: u32, length: usize) -> FrameNumber {
    reel.push(&jpeg(seed, length), SIZE, stamp(seed), 0).unwrap()
}

fn bytes_of(frame: &Frame<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame.append_to(&mut bytes);
    bytes
}

#[test]
fn a_frame_is_laid_as_a_train_of_datagrams() {
    let mut reel = Reel::new(1 << 20, 1452, STREAM);
    let number = push(&mut reel, 5, 3000);
    let frame = reel.frame(number).unwrap();
    assert_eq!((frame.length(), frame.fragments()), (3000, 3));
    let train = frame.datagrams(0..3);
    let datagrams: Vec<_> = train.chunks(1452).map(|d| Data::parse(d).unwrap()).collect();
    assert_eq!(datagrams.len(), 3);
    for (index, data) in datagrams.iter().enumerate() {
        assert_eq!(usize::from(data.header.index), index);
        assert_eq!(data.header.number, number);
        assert_eq!(data.header.epoch, 0x1234);
        assert_eq!(data.header.stamp, stamp(5));
    }
    assert_eq!(frame.datagrams(1..2), &train[1452..2904]);
    assert_eq!(frame.datagrams(2..9), &train[2904..]);
    assert_eq!(frame.datagrams(7..9), b"");
    assert_eq!(bytes_of(&frame), jpeg(5, 3000));
}

/// A JPEG whose SOS stands at this many bytes: a comment fills the header.
fn without_tables(sos_at: usize) -> Vec<u8> {
    let filled = |comment| {
        let segments = [(0xfe, vec![7; comment]), (0xc0, sample::frame_header(SIZE))];
        sample::with_segments(&segments, &[1; 3000])
    };
    let least = huffman::tables_at(&filled(0)).unwrap();
    filled(sos_at - least)
}

#[test]
fn tables_are_put_in_wherever_the_header_is_cut() {
    let mut reel = Reel::new(1 << 20, 256 + HEADER_LEN as u16, STREAM);
    for sos_at in [100, 255, 256, 257, 511, 512, 513, 1000] {
        let jpeg = without_tables(sos_at);
        let number = reel.push(&jpeg, check_header_only(&jpeg).unwrap().facts, stamp(1), 0).unwrap();
        let frame = reel.frame(number).unwrap();
        assert_eq!(frame.pieces_for_others().collect::<Vec<_>>().concat(), {
            huffman::with_tables(&jpeg).unwrap().concat()
        });
        assert_eq!(frame.length_for_others() as usize, jpeg.len() + huffman::STANDARD_TABLES.len());
        assert_eq!(bytes_of(&frame), jpeg, "what recorders get stays as it is");
    }
    let number = push(&mut reel, 2, 3000);
    let frame = reel.frame(number).unwrap();
    assert_eq!(frame.pieces_for_others().collect::<Vec<_>>().concat(), bytes_of(&frame));
    assert_eq!(frame.length_for_others(), 3000);
}

#[test]
fn a_frame_in_parts_is_as_one_in_a_piece() {
    let jpeg = jpeg(7, 5000);
    let mut reel = Reel::new(1 << 20, 1452, STREAM);
    let whole = reel.push(&jpeg, SIZE, stamp(1), 0).unwrap();
    for (from, to) in [(0, 0), (2, 352), (1416, 1416), (1400, 4300), (0, 5000), (5000, 5000)] {
        let parts = [&jpeg[..from], &jpeg[from..to], &jpeg[to..]];
        let number = reel.push_parts(parts, SIZE, stamp(1), 0).unwrap();
        let [one, other] = [whole, number].map(|number| reel.frame(number).unwrap());
        assert_eq!(bytes_of(&other), jpeg);
        let heads = |frame: &Frame<'_>| frame.train().datagrams(0..1)[28..32].to_vec();
        assert_eq!(heads(&one), heads(&other), "the check of its bytes");
    }
    assert!(reel.push_parts([&[], &[], &[]], SIZE, stamp(1), 0).is_err());
    let most = vec![0; reel.frame_limit()];
    assert!(reel.push_parts([&[], &[1], &most], SIZE, stamp(1), 0).is_err());
}

#[test]
fn the_oldest_give_way() {
    let mut reel = Reel::new(100_000, 1452, STREAM);
    for seed in 0..100 {
        push(&mut reel, seed, 9_000);
    }
    assert!(reel.frame(FrameNumber(1)).is_none());
    let held = reel.next_number().since(reel.oldest_number());
    assert!((9..=10).contains(&held), "{held} frames of 9 kB in 100 kB");
    assert_eq!(reel.newest().unwrap().number(), FrameNumber(100));
    assert!(reel.frame(reel.next_number()).is_none());
}

#[test]
fn what_is_too_large_is_told_with_the_limit_that_it_meets() {
    let words = |reel: usize, length: usize| {
        Reel::new(reel, 1452, STREAM).fits(length).err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert!(words(1 << 20, 2_000_000).contains("that --reel has room for: raise --reel"));
    assert_eq!(words(32 << 20, MAX_FRAME as usize), "");
    for reel in [1 << 20, 32 << 20] {
        let words = words(reel, 9_000_000);
        assert!(words.contains("9000000 bytes is longer than the 8388608 that one may have"), "{words}");
        assert!(!words.contains("--reel"), "it would not help: {words}");
    }
}

#[test]
fn what_never_fits_is_refused_and_nothing_is_lost() {
    let mut reel = Reel::new(50_000, 1452, STREAM);
    let number = push(&mut reel, 1, 20_000);
    let error = reel.push(&jpeg(2, 50_000), SIZE, stamp(2), 0).unwrap_err();
    assert!(error.to_string().contains("--reel"), "{error}");
    assert!(reel.push(&[], SIZE, stamp(2), 0).is_err());
    assert_eq!(bytes_of(&reel.frame(number).unwrap()), jpeg(1, 20_000));
    assert_eq!(reel.next_number(), number.next());
    let limit = reel.frame_limit();
    assert!(reel.push(&jpeg(3, limit), SIZE, stamp(3), 0).is_ok());
}

#[test]
fn rate_and_span_come_from_capture_times() {
    let mut reel = Reel::new(1 << 20, 1452, STREAM);
    assert_eq!((reel.fps(), reel.span()), (None, Duration::ZERO));
    for seed in 0..=100 {
        push(&mut reel, seed, 2_000);
    }
    assert_eq!(reel.span(), Duration::from_secs(4));
    assert!((reel.fps().unwrap() - 25.0).abs() < 0.01);
}

#[test]
fn a_clock_that_jumps_changes_no_rate() {
    let mut reel = Reel::new(1 << 20, 1452, STREAM);
    for (count, hours) in [(30, 0), (20, 1), (20, 0)] {
        for n in 0..count {
            let captured = Time::from_millis(hours * 3_600_000 + reel.index.len() as u64 * 40 + n % 2);
            reel.push(&jpeg(1, 2_000), SIZE, Stamp { captured, sequence: 0 }, 0).unwrap();
        }
    }
    // two of the intervals count for nothing
    assert!((reel.fps().unwrap() - 25.0).abs() < 1.0, "{:?}", reel.fps());
    assert!(reel.byte_rate().unwrap() < 55_000.0, "{:?}", reel.byte_rate());
}

#[test]
fn a_stall_is_no_slow_camera_and_a_faster_one_is_soon_noticed() {
    let mut reel = Reel::new(1 << 20, 1452, STREAM);
    let mut at = 0;
    let mut push = |count: u32, interval: u64, pause: u64| {
        at += pause;
        for _ in 0..count {
            at += interval;
            let stamp = Stamp { captured: Time::from_millis(at), sequence: 0 };
            reel.push(&jpeg(1, 2_000), SIZE, stamp, 0).unwrap();
        }
        reel.pace().unwrap()
    };
    assert_eq!(push(70, 40, 0).round(), 50_000.0);
    let after = push(1, 40, 10_000);
    assert!((45_000.0..50_000.0).contains(&after), "{after}");
    let slow = push(70, 200, 0);
    assert!((10_000.0..10_100.0).contains(&slow), "{slow}");
    let fast = push(12, 40, 0);
    assert!((49_000.0..51_000.0).contains(&fast), "{fast}");
}

#[test]
fn tiny_frames_cannot_outgrow_the_index() {
    let mut reel = Reel::new(1 << 20, 1452, STREAM);
    for seed in 0..2_000 {
        push(&mut reel, seed, 10);
    }
    assert_eq!(reel.index.len(), (1 << 20) / INDEX_GRAIN);
    assert_eq!(reel.index.capacity(), Reel::new(1 << 20, 1452, STREAM).index.capacity());
}

#[test]
fn a_patient_reel_begins_anywhere_and_tells_whom_a_frame_would_displace() {
    let mut reel = Reel::patient(100_000, 1452, STREAM, FrameNumber(70));
    assert_eq!((reel.displaced_by(9_000), reel.oldest_number()), (None, FrameNumber(70)));
    let mut number = FrameNumber(70);
    while reel.displaced_by(9_000).is_none() {
        assert_eq!(push(&mut reel, number.0, 9_000), number);
        number = number.next();
    }
    assert!((9..=11).contains(&number.since(FrameNumber(70))) && !reel.is_full());
    let first = FrameNumber(70);
    assert_eq!(reel.displaced_by(9_000), Some(first));
    push(&mut reel, 1, 9_000);
    assert!(reel.frame(first).is_none() && reel.frame(first.next()).is_some() && !reel.is_full());
    reel.go_on_at(FrameNumber(500));
    assert_eq!((reel.oldest_number(), reel.newest().is_none()), (FrameNumber(500), true));
    assert_eq!(push(&mut reel, 9, 2_000), FrameNumber(500));
    assert_eq!(bytes_of(&reel.newest().unwrap()), jpeg(9, 2_000));
}

fn seed_of(number: FrameNumber) -> u32 {
    number.0 - 1
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// What is said to give way does, and nothing else.
    #[test]
    fn what_would_be_displaced_is(lengths in prop::collection::vec(1..20_000usize, 1..80), arena in 22_000..99_000usize) {
        let mut reel = Reel::new(arena, 1452, STREAM);
        for (seed, &length) in lengths.iter().enumerate() {
            let (oldest, said) = (reel.oldest_number(), reel.displaced_by(length as u32));
            push(&mut reel, seed as u32, length);
            prop_assert_eq!(reel.oldest_number(), said.map_or(oldest, FrameNumber::next));
        }
    }

    /// Whatever is pushed, each frame that is still there has its own bytes, and numbers have no holes.
    #[test]
    fn frames_never_overlap(lengths in prop::collection::vec(1..20_000usize, 1..80), arena in 22_000..99_000usize) {
        let mut reel = Reel::new(arena, 1452, STREAM);
        for (seed, &length) in lengths.iter().enumerate() {
            push(&mut reel, seed as u32, length);
            let mut number = reel.oldest_number();
            while number != reel.next_number() {
                let seed = seed_of(number);
                let frame = reel.frame(number).unwrap();
                prop_assert_eq!(bytes_of(&frame), jpeg(seed, lengths[seed as usize]));
                number = number.next();
            }
        }
    }
}

proptest! {
    #[test]
    fn any_range_is_what_the_jpeg_has_there(length in 1_usize..9000, from in 0_u32..9100, to in 0_u32..9100) {
        let mut reel = Reel::new(1 << 20, 1452, STREAM);
        let number = push(&mut reel, 3, length);
        let whole = jpeg(3, length);
        let (start, end) = ((from as usize).min(length), (to as usize).min(length));
        let expected = whole.get(start..end).unwrap_or_default();
        let pieces: Vec<&[u8]> = reel.frame(number).unwrap().range(from..to).collect();
        prop_assert_eq!(pieces.concat(), expected);
        prop_assert!(pieces.iter().all(|piece| !piece.is_empty()));
    }
}
