//! The code against its definition in docs/PROTOCOL.md, computed the slow way.

use super::*;
use proptest::prelude::*;

/// x^16 + x^5 + x^3 + x^2 + 1.
const POLYNOMIAL: u32 = 0x1_002d;

/// What the bits of a number stand for in the field, from the lowest on.
const BASIS: [u16; 16] = [
    0x0001, 0xacca, 0x3c0e, 0x163e, 0xc582, 0xed2e, 0x914c, 0x4012, 0x6c98, 0x10d8, 0x6a72, 0xb900, 0xfdb8,
    0xfb34, 0xff38, 0x991e,
];

fn element(number: u16) -> u16 {
    let bits = BASIS.iter().enumerate().filter(|(bit, _)| number >> bit & 1 != 0);
    bits.fold(0, |sum, (_, element)| sum ^ element)
}

fn product(a: u16, b: u16) -> u16 {
    let mut sum = 0u32;
    for bit in (0..16).filter(|bit| b >> bit & 1 != 0) {
        sum ^= u32::from(a) << bit;
    }
    for bit in (16..32).rev() {
        if sum >> bit & 1 != 0 {
            sum ^= POLYNOMIAL << (bit - 16);
        }
    }
    sum as u16
}

fn inverse(a: u16) -> u16 {
    // a^(2^16 - 2)
    (1..16)
        .fold((1, a), |(found, power), _| {
            let power = product(power, power);
            (product(found, power), power)
        })
        .0
}

/// The numbers that a fragment's bytes are: in each 64 bytes the low halves of 32, then the high ones; what is left at the end
/// is cut in the same way.
fn numbers(bytes: &[u8]) -> Vec<u16> {
    let of = |block: &[u8]| -> Vec<u16> {
        let (low, high) = block.split_at(block.len() / 2);
        low.iter().zip(high).map(|(low, high)| u16::from_le_bytes([*low, *high])).collect()
    };
    bytes.chunks(64).flat_map(of).collect()
}

/// Row `row` of the definition: the fragments' sum, each multiplied by the polynomial that is 1 at `row` and 0 at the other rows,
/// at the fragment's own point behind the rows'. As elements.
fn row_of(fragments: &[Vec<u8>], rows: u16, row: u16) -> Vec<u16> {
    let mut sum = vec![0; fragments[0].len() / 2];
    for (index, fragment) in fragments.iter().enumerate() {
        let at = element(rows + index as u16);
        let others = (0..rows).filter(|other| *other != row).map(element);
        let factor = others
            .fold(1, |so_far, other| product(so_far, product(at ^ other, inverse(element(row) ^ other))));
        for (sum, number) in sum.iter_mut().zip(numbers(fragment)) {
            *sum ^= product(factor, element(number));
        }
    }
    sum
}

/// Bytes that look random.
fn noise(len: usize, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 11) as u8
    };
    (0..len).map(|_| next()).collect()
}

fn rows_of(encoder: &mut Encoder, shape: Shape, frame: &[u8]) -> Vec<Vec<u8>> {
    let mut rows = Vec::new();
    encoder.encode(shape, frame.chunks(shape.size.into()), |row| rows.push(row.to_vec())).unwrap();
    rows
}

#[test]
fn rows_are_as_the_protocol_defines_them() {
    let mut encoder = Encoder::new().unwrap();
    // the last of them in whole blocks, with a part of one, and with less than one
    for (count, rows, size) in
        [(1, 1, 64), (3, 4, 256), (5, 16, 262), (17, 16, 66), (70, 64, 2), (20, 8, 300)]
    {
        let shape = Shape { count, rows, size };
        let frame = noise(usize::from(count) * usize::from(size) - 1, 7 + u32::from(count));
        let made = rows_of(&mut encoder, shape, &frame);
        assert_eq!(made.len(), usize::from(rows));
        let mut filled: Vec<Vec<u8>> = frame.chunks(size.into()).map(<[u8]>::to_vec).collect();
        filled.iter_mut().for_each(|fragment| fragment.resize(size.into(), 0));
        for row in [0, 1, rows / 2, rows - 1].into_iter().filter(|row| *row < rows) {
            let elements: Vec<u16> = numbers(&made[usize::from(row)]).into_iter().map(element).collect();
            assert_eq!(elements, row_of(&filled, rows, row), "{shape:?}, row {row}");
        }
    }
}

#[test]
fn what_is_no_shape_is_refused() {
    let mut encoder = Encoder::new().unwrap();
    let mut decoder = Decoder::new().unwrap();
    for (count, rows, size) in [(0, 16, 64), (2, 0, 64), (2, 16, 63), (2, 16, 0), (u16::MAX, 16384, 64)] {
        let shape = Shape { count, rows, size };
        let mut frame = vec![0; 128];
        assert_eq!(encoder.encode(shape, [].into_iter(), |_| ()), Err(CodeError), "{shape:?}");
        assert_eq!(decoder.decode(shape, &mut frame, |_| true, [].into_iter()), Err(CodeError), "{shape:?}");
    }
    let shape = Shape { count: 3, rows: 16, size: 64 };
    let mut frame = vec![1; 192];
    let short = encoder.encode(shape, frame.chunks(96), |_| ());
    assert_eq!(short, Err(CodeError), "two of three fragments, of another length");
    let few = decoder.decode(shape, &mut frame, |index| index > 1, [(0, &[0; 64][..])].into_iter());
    assert_eq!((few, frame), (Err(CodeError), vec![1; 192]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Any `count` of fragments and rows make the frame, whatever else is lost; with the memory of other frames.
    #[test]
    fn as_many_as_there_are_fragments_make_the_frame(
        words in prop::collection::vec((1..=300u16, 0..=6u32, 1..=200u16, any::<u32>()), 1..4),
    ) {
        let (mut encoder, mut decoder) = (Encoder::new().unwrap(), Decoder::new().unwrap());
        for (count, rows, half, seed) in words {
            let shape = Shape { count, rows: 1 << rows, size: half * 2 };
            let (full, step) = (usize::from(count) * usize::from(shape.size), usize::from(shape.size));
            let frame = noise(full - seed as usize % step, seed);
            let rows = rows_of(&mut encoder, shape, &frame);
            // in a random order: the first `count` have come
            let mut order: Vec<(u8, u16)> = noise(usize::from(count + shape.rows), seed ^ 5).into_iter().zip(0..).collect();
            order.sort_unstable();
            let came: Vec<u16> = order.into_iter().map(|(_, index)| index).take(count.into()).collect();
            let mut damaged = frame.clone();
            for (index, fragment) in (0..count).zip(damaged.chunks_mut(step)) {
                if !came.contains(&index) {
                    fragment.fill(0xee);
                }
            }
            let rows = came.iter().filter(|index| **index >= count).map(|index| index - count).map(|row| (row, &rows[usize::from(row)][..]));
            decoder.decode(shape, &mut damaged, |index| came.contains(&index), rows).unwrap();
            prop_assert!(damaged == frame, "{shape:?}, {} bytes", frame.len());
        }
    }
}
