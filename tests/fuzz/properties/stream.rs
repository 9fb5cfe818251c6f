//! Bytes as a connection brings them: in pieces, of which what is not whole waits.

use super::Numbers;

/// Below this a stream is cut behind each byte, too.
const SHORT: usize = 300;

/// What stands at the beginning of what has come.
pub enum Step<T> {
    /// Not all of it yet.
    Waits,
    /// This, of so many bytes.
    Took(usize, T),
    /// This, behind which nothing is read.
    Last(T),
}

/// Ways to cut a stream: not at all, at a few places, behind each byte.
pub fn cuts(bytes: &[u8]) -> Vec<Vec<&[u8]>> {
    let mut numbers = Numbers::of(bytes);
    let mut few = |most: usize| {
        let (mut pieces, mut rest) = (Vec::new(), bytes);
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(1 + numbers.below(most.min(rest.len())));
            pieces.push(piece);
            rest = behind;
        }
        pieces
    };
    let mut ways = vec![vec![bytes], few(bytes.len()), few(bytes.len().div_ceil(8))];
    if bytes.len() < SHORT {
        ways.push(bytes.chunks(1).collect());
    }
    ways
}

/// All that is read of these pieces by a connection that has `room` bytes for what waits, and how many wait in the end.
pub fn read<T>(pieces: &[&[u8]], room: usize, mut next: impl FnMut(&[u8]) -> Step<T>) -> (Vec<T>, usize) {
    let (mut incoming, mut all) = (Vec::new(), Vec::new());
    for piece in pieces {
        let mut rest = *piece;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(room - incoming.len()));
            incoming.extend_from_slice(now);
            rest = later;
            while !incoming.is_empty() {
                match next(&incoming) {
                    Step::Waits => break,
                    Step::Took(length, what) => {
                        assert!((1..=incoming.len()).contains(&length), "{length} of {}", incoming.len());
                        incoming.drain(..length);
                        all.push(what);
                    }
                    Step::Last(what) => {
                        all.push(what);
                        return (all, 0);
                    }
                }
            }
            assert!(incoming.len() < room, "the connection waits, and has no room for what it waits for");
        }
    }
    (all, incoming.len())
}
