//! Where in the reel's memory a frame lies: one after the other, and from the beginning again.

use super::{Entry, Reel};
use crate::wire::data::{self, HEADER_LEN};
use std::collections::VecDeque;
use std::ops::Range;

/// Drops as many of the oldest of what is `kept` as needed for one more of `len` bytes, and returns where that begins: at `head`,
/// which is behind the newest, or at the beginning again. There is memory for `capacity` bytes, no fewer than `len`, and for `most`
/// entries.
pub fn make_room<E>(
    kept: &mut VecDeque<E>,
    most: usize,
    head: usize,
    capacity: usize,
    len: usize,
    range: impl Fn(&E) -> Range<usize>,
) -> usize {
    let (gone, start) = find_room(kept, most, head, capacity, len, range);
    kept.drain(..gone.min(kept.len()));
    start
}

/// How many of the oldest would have to go for it, and where it would begin.
fn find_room<E>(
    kept: &VecDeque<E>,
    most: usize,
    head: usize,
    capacity: usize,
    len: usize,
    range: impl Fn(&E) -> Range<usize>,
) -> (usize, usize) {
    let mut gone = usize::from(kept.len() == most);
    let mut start = head;
    if start + len > capacity {
        // The oldest lie behind the head, if it has come round before; then it starts over.
        while kept.get(gone).is_some_and(|oldest| range(oldest).start >= head) {
            gone += 1;
        }
        start = 0;
    }
    while kept.get(gone).is_some_and(|oldest| overlap(&range(oldest), &(start..start + len))) {
        gone += 1;
    }
    (gone, start)
}

impl Reel {
    /// Drops as many of the oldest frames as needed, and returns where a train of `len` bytes begins.
    pub(super) fn make_room(&mut self, len: usize) -> usize {
        let fragment = self.fragment;
        let range = |entry: &Entry| range_of(entry, fragment);
        make_room(&mut self.index, self.index_limit, self.head, self.arena.len(), len, range)
    }

    /// How many of the oldest frames would have to go for a train of `len` bytes.
    pub(super) fn displaced(&self, len: usize) -> usize {
        let range = |entry: &Entry| self.range(entry);
        find_room(&self.index, self.index_limit, self.head, self.arena.len(), len, range).0
    }

    pub(super) fn train_len(&self, length: u32) -> usize {
        train_len(length, self.fragment)
    }

    pub(super) fn range(&self, entry: &Entry) -> Range<usize> {
        range_of(entry, self.fragment)
    }
}

fn train_len(length: u32, fragment: u16) -> usize {
    length as usize + data::fragment_count(length, fragment) as usize * HEADER_LEN
}

fn range_of(entry: &Entry, fragment: u16) -> Range<usize> {
    entry.start..entry.start + train_len(entry.length, fragment)
}

fn overlap(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start < b.end && b.start < a.end
}
