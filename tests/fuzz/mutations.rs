//! Inputs like those of a corpus, and wrong in some way.

use crate::properties::Numbers;

/// What parsers trip over.
const ODD: [&[u8]; 18] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b":",
    b"\"",
    b"\\",
    b"$\x01\0\x08",
    b"\xff",
    b"\xff\xd9",
    b"\xff\xff\xff\xff",
    b"-1",
    b"0",
    b"65536",
    b"18446744073709551616",
    b"Content-Length: 5\r\n",
    "\u{fc}".as_bytes(),
];

/// One of these, changed in one to six ways. The same seed gives the same.
pub fn mutated(corpus: &[Vec<u8>], seed: u64) -> Vec<u8> {
    let mut numbers = Numbers::new(seed);
    let mut bytes = corpus[numbers.below(corpus.len())].clone();
    for _ in 0..=numbers.below(6) {
        let other = &corpus[numbers.below(corpus.len())];
        change(&mut bytes, other, &mut numbers);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, other: &[u8], numbers: &mut Numbers) {
    let at = numbers.below(bytes.len() + 1);
    let end = (at + numbers.below(40)).min(bytes.len());
    match numbers.below(8) {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(at..end)),
        2 => {
            let again = bytes[at..end].to_vec();
            drop(bytes.splice(at..at, again));
        }
        3 => {
            // the beginning of this and the end of another
            bytes.truncate(at);
            bytes.extend(&other[numbers.below(other.len() + 1)..]);
        }
        4 => bytes.extend(other),
        5 => drop(bytes.splice(at..end, ODD[numbers.below(ODD.len())].iter().copied())),
        6 => drop(bytes.splice(at..at, ODD[numbers.below(ODD.len())].iter().copied())),
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << numbers.below(8);
            }
        }
    }
}
