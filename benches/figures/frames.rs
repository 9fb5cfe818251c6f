//! JPEGs of a given length: a real header, and noise where a camera's picture would be. Nobody here decodes it.

use crate::plan::{FPS, Picture};
use crate::support::Noise;
use camcast::picture::Pattern;
use std::fs;
use std::path::Path;

/// Frames of a clip: more than any cache of ours remembers as one.
const COUNT: u64 = 8;

const SOS: [u8; 2] = [0xff, 0xda];
const EOI: [u8; 2] = [0xff, 0xd9];

/// A JPEG of exactly `picture.bytes` bytes. As in a camera's, one byte in 256 of its scan is FF, with 00 behind it.
pub(crate) fn jpeg(picture: &Picture, seed: u64) -> Vec<u8> {
    let mut pattern = Pattern::new(picture.size, Pattern::QUALITY).unwrap();
    let drawn = pattern.draw(0, "").unwrap();
    let at = drawn.windows(2).position(|pair| pair == SOS).unwrap();
    let length = usize::from(u16::from_be_bytes([drawn[at + 2], drawn[at + 3]]));
    let mut jpeg = drawn[..at + 2 + length].to_vec();
    jpeg.extend(Noise::new(seed).bytes(picture.bytes - jpeg.len() - EOI.len()));
    let scan = at + 2 + length;
    for place in scan + 1..jpeg.len() {
        if jpeg[place - 1] == 0xff {
            jpeg[place] = 0;
        }
    }
    if let Some(last) = jpeg.last_mut() {
        *last &= 0x7f;
    }
    jpeg.extend(EOI);
    assert!(camcast::jpeg::check(&jpeg).is_ok_and(|checked| checked.bytes.len() == picture.bytes));
    jpeg
}

/// A clip of them, that camcast plays in a loop.
pub(crate) fn clip(picture: &Picture, folder: &Path) -> String {
    let path = folder.join(format!("{}.mjpeg", picture.name));
    if !path.exists() {
        let frames: Vec<u8> = (0..COUNT).flat_map(|seed| jpeg(picture, seed + 1)).collect();
        fs::write(&path, frames).unwrap();
    }
    path.to_str().unwrap().to_owned()
}

/// The same as one file each, for a program that is told them as a pattern.
pub(crate) fn pictures(picture: &Picture, folder: &Path) -> String {
    let folder = folder.join(picture.name);
    if !folder.exists() {
        fs::create_dir(&folder).unwrap();
        for seed in 0..COUNT {
            fs::write(folder.join(format!("{seed:05}.jpg")), jpeg(picture, seed + 1)).unwrap();
        }
    }
    folder.join("%05d.jpg").to_str().unwrap().to_owned()
}

/// Between two frames, in nanoseconds.
pub(crate) const INTERVAL: u64 = 1_000_000_000 / FPS as u64;
