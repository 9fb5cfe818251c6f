//! JPEGs that RTP has words for, in each of the ways that cameras write them; and some that it has none for.

use super::Noise;
use super::quirks::{encode, exif, headed, restarting, rewrite, segment, without_tables};
use camcast::jpeg::markers::{DQT, SOF0};
use turbojpeg::Subsamp;

/// The pictures' size: multiples of 8 and not of 16, so that the last blocks are in part unseen.
pub const WIDTH: usize = 168;
pub const HEIGHT: usize = 120;

/// How the same kind of picture can be written.
pub const WAYS: [&str; 7] = [
    "as usual",
    "with restart markers",
    "with one quantisation table",
    "with three quantisation tables",
    "with a quantisation table that nothing uses",
    "without Huffman tables",
    "with a thumbnail",
];

/// So many pictures of this sampling, all different; picture `n` is written in way `n % 7`.
pub fn pictures(sampling: Subsamp, count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|number| picture(sampling, number)).collect()
}

fn picture(sampling: Subsamp, number: usize) -> Vec<u8> {
    let pixels = pixels(number as u64);
    let usual = encode(&pixels, WIDTH, sampling);
    match number % WAYS.len() {
        0 => usual,
        1 => restarting(&pixels, WIDTH, sampling),
        2 => rewrite(&usual, |code, payload| match (code, payload) {
            (DQT, [1, ..]) => None,
            (SOF0, _) => Some(segment(code, &with_tables(payload, [0, 0, 0]))),
            _ => Some(segment(code, payload)),
        }),
        3 => with_third_table(&usual, [0, 1, 2], |value| value),
        4 => with_third_table(&usual, [0, 1, 1], |value| value / 2 + 1),
        5 => without_tables(&usual),
        _ => headed(&usual, &exif()),
    }
}

/// Coarse noise: it has all colours and takes about half a byte a pixel.
fn pixels(seed: u64) -> Vec<u8> {
    const BLOCK: usize = 4;
    let mut noise = Noise::new(seed + 1);
    let row = |noise: &mut Noise| {
        let blocks: Vec<[u8; 3]> =
            (0..WIDTH / BLOCK).map(|_| noise.next().to_be_bytes()[2..5].try_into().unwrap()).collect();
        blocks.iter().flat_map(|pixel| pixel.repeat(BLOCK)).collect::<Vec<u8>>().repeat(BLOCK)
    };
    (0..HEIGHT / BLOCK).flat_map(|_| row(&mut noise)).collect()
}

/// A frame header whose components use these quantisation tables.
fn with_tables(payload: &[u8], tables: [u8; 3]) -> Vec<u8> {
    let mut payload = payload.to_vec();
    tables.iter().enumerate().for_each(|(component, table)| payload[6 + 3 * component + 2] = *table);
    payload
}

/// With the chrominance's table once more, its values changed so, as table 2.
fn with_third_table(jpeg: &[u8], used: [u8; 3], change: fn(u8) -> u8) -> Vec<u8> {
    rewrite(jpeg, |code, payload| match (code, payload) {
        (DQT, [1, values @ ..]) => {
            let third: Vec<u8> = [2].into_iter().chain(values.iter().map(|value| change(*value))).collect();
            Some([segment(code, payload), segment(code, &third)].concat())
        }
        (SOF0, _) => Some(segment(code, &with_tables(payload, used))),
        _ => Some(segment(code, payload)),
    })
}
