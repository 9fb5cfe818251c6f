//! Pictures for tests.

use super::canvas::Canvas;
use super::turbo::{Encoder, Rgb, Sampling};
use crate::jpeg::Size;

/// A smooth picture's pixels.
pub(super) fn gradient(size: Size) -> Vec<u8> {
    Canvas::painted(size, |x, y| [(x / 4) as u8, (y / 3) as u8, 128]).rgb().pixels.to_vec()
}

/// A JPEG as a good camera makes it, with detail at all scales: sums of noise of 64, 32, 16, 8, 4 and 2 pixels' width.
pub(super) fn camera_like(size: Size, seed: usize) -> Vec<u8> {
    let canvas = Canvas::painted(size, |x, y| {
        let tone: usize = (1..=6).map(|octave| smooth(x, y, octave, seed) << octave >> 8).sum();
        [tone.min(255) as u8, (tone * 7 / 8).min(255) as u8, (tone * 3 / 4).min(255) as u8]
    });
    encode(canvas.rgb(), Sampling::Half, 90)
}

/// A JPEG of nothing but noise: the worst there is.
pub(super) fn noise(size: Size) -> Vec<u8> {
    let canvas = Canvas::painted(size, |x, y| [1, 2, 3].map(|seed| hash(x, y, seed) as u8));
    encode(canvas.rgb(), Sampling::Half, 90)
}

fn encode(picture: Rgb<'_>, sampling: Sampling, quality: u8) -> Vec<u8> {
    Encoder::new(sampling, picture.size).unwrap().encode(picture, quality).unwrap().to_vec()
}

/// Value noise, 0 to 255: hashed at a grid of 2^octave pixels, linear between.
fn smooth(x: usize, y: usize, octave: usize, seed: usize) -> usize {
    let (cell, part) = (1 << octave, |side: usize| side & ((1 << octave) - 1));
    let at = |dx: usize, dy: usize| hash((x >> octave) + dx, (y >> octave) + dy, seed + octave) & 0xff;
    let mix = |a: usize, b: usize, part: usize| (a * (cell - part) + b * part) >> octave;
    mix(mix(at(0, 0), at(1, 0), part(x)), mix(at(0, 1), at(1, 1), part(x)), part(y))
}

/// Any well-mixed function will do.
fn hash(x: usize, y: usize, seed: usize) -> usize {
    let mixed = (x as u32 ^ (y as u32).rotate_left(16) ^ (seed as u32).wrapping_mul(0x9e37_79b9))
        .wrapping_mul(0x85eb_ca6b);
    let mixed = (mixed ^ (mixed >> 13)).wrapping_mul(0xc2b2_ae35);
    (mixed ^ (mixed >> 16)) as usize
}
