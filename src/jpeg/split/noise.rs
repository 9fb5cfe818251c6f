//! Streams with noise in them: frames that it has not touched come out as they were.

use super::tests::find_all;
use crate::jpeg::{Size, check, sample};
use std::collections::HashSet;
use std::ops::Range;

/// Streams that are tried, each by a seed of its own; `SEEDS` in the environment says how many others.
const SEEDS: u64 = 300;

/// A generator that gives the same for the same seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.roll() % limit as u64) as usize
    }

    /// Small more often than large.
    fn skewed(&mut self, limit: usize) -> usize {
        let bits = usize::BITS - limit.leading_zeros();
        let most = 1 << self.below(bits as usize + 1);
        self.below(most).min(limit - 1)
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.roll() as u8).collect()
    }

    /// Entropy-coded data: FF only before a zero or a restart marker.
    fn entropy(&mut self, count: usize) -> Vec<u8> {
        let stuffed = |byte: u8| if byte == 0xff { vec![0xff, 0] } else { vec![byte] };
        let mut data: Vec<u8> = self.bytes(count).into_iter().flat_map(stuffed).collect();
        data.extend([[0xff, 0xd0 + self.below(8) as u8], [7, 7]].concat());
        data
    }

    fn frame(&mut self) -> Vec<u8> {
        let size = Size { width: 640, height: 480 };
        let frame_header = (0xc0, sample::frame_header(size));
        let tables = [(0xdb, vec![1; 130]), frame_header, (0xc4, vec![3; 416])];
        let mut segments = match self.below(4) {
            0 => vec![(0xe1, [b"Exif\0\0", &sample::jpeg(size, &self.entropy(900))[..]].concat())],
            1 => vec![(0xe0, b"AVI1\0\0".to_vec()), (0xfe, self.bytes(40))],
            _ => vec![(0xe0, b"JFIF\0".to_vec())],
        };
        segments.extend(tables);
        let count = 20 + self.skewed(40_000);
        let mut entropy = self.entropy(count);
        if self.below(5) == 0 {
            // a second scan
            entropy.extend(b"\xff\xc4\0\x06abcd\xff\xda\0\x08\x01\x02\x11\0\x3f\0");
            entropy.extend(self.entropy(count / 2));
        }
        sample::with_segments(&segments, &entropy)
    }

    /// What spoils a stream.
    fn noise(&mut self, count: usize) -> Vec<u8> {
        let length = self.bytes(2);
        match self.below(8) {
            0 => vec![0; count],
            1 => vec![0xff; count],
            2 => (0..count).map(|_| if self.below(4) == 0 { 0xff } else { self.roll() as u8 }).collect(),
            // a marker with any length, alone or in noise; a header with one
            3 => [&[0xff, 0xe5], &length[..], &self.bytes(count)].concat(),
            4 => [&self.bytes(count)[..], &[0xff, 0xc0 + self.below(63) as u8], &length].concat(),
            5 => [&[0xff, 0xd8, 0xff, 0xe1], &length[..], &self.bytes(count)].concat(),
            _ => self.bytes(count),
        }
    }
}

/// A stream, its frames, and which of them the noise has left as they were.
struct Spoiled {
    stream: Vec<u8>,
    frames: Vec<Vec<u8>>,
    is_whole: Vec<bool>,
    bursts: usize,
}

fn spoiled(dice: &mut Dice) -> Spoiled {
    let frames: Vec<Vec<u8>> = (0..30).map(|_| dice.frame()).collect();
    let mut stream = Vec::new();
    let mut places: Vec<Range<usize>> = Vec::new();
    for frame in &frames {
        places.push(stream.len()..stream.len() + frame.len());
        stream.extend_from_slice(frame);
        let padding = if dice.below(6) == 0 { dice.below(200) } else { 0 };
        stream.resize(stream.len() + padding, 0);
    }
    let mut is_whole = vec![true; frames.len()];
    // from the back, so that the places before stay right
    let bursts = 1 + dice.below(3);
    let mut room = stream.len();
    for burst in 0..bursts {
        let at = room * (bursts - burst - 1) / bursts + dice.below(room / bursts);
        let count = 1 + dice.skewed(4096);
        let noise = dice.noise(count);
        let gone = match dice.below(3) {
            0 => 0,                                  // put in
            1 => noise.len().min(room - at),         // written over
            _ => dice.skewed(20_000).min(room - at), // and less has arrived
        };
        for (place, is_whole) in places.iter().zip(&mut is_whole) {
            *is_whole &= place.end <= at || place.start >= at + gone;
        }
        stream.splice(at..at + gone, noise);
        room = at;
    }
    Spoiled { stream, frames, is_whole, bursts }
}

#[test]
fn a_burst_of_noise_costs_the_frames_that_it_hits_and_what_else_it_costs_is_counted() {
    let (mut lost, mut bursts) = (0, 0);
    let seeds = std::env::var("SEEDS").map_or(SEEDS, |seeds| seeds.parse().unwrap());
    for seed in 0..seeds {
        let mut dice = Dice(seed);
        let spoiled = spoiled(&mut dice);
        let piece = 1 + dice.skewed(100_000);
        let found = find_all(&spoiled.stream, &[piece]);
        let out: HashSet<&Vec<u8>> = found.frames.iter().collect();
        let whole = spoiled.frames.iter().zip(&spoiled.is_whole).filter(|(_, is_whole)| **is_whole);
        let missing = whole.filter(|(frame, _)| !out.contains(frame)).count();
        let bad = found.frames.iter().filter(|frame| check(frame).is_err()).count();
        let told = found.cut.len() + found.broken.len() + bad;
        assert!(missing <= spoiled.bursts, "seed {seed}: {missing} lost by {} bursts", spoiled.bursts);
        assert!(missing <= told, "seed {seed}: {missing} lost, {told} told");
        (lost, bursts) = (lost + missing, bursts + spoiled.bursts);
    }
    assert!(lost * 1000 <= bursts, "{lost} frames lost by {bursts} bursts that did not hit them");
}

#[test]
fn noise_is_the_same_in_any_pieces() {
    for seed in 0..40 {
        let mut dice = Dice(seed);
        let stream = spoiled(&mut dice).stream;
        let whole = find_all(&stream, &[stream.len()]);
        for piece in [1, 7, 4096, 65_536] {
            assert!(find_all(&stream, &[piece]) == whole, "seed {seed} in pieces of {piece}");
        }
    }
}
