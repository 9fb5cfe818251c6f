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
    if kept.len() == most {
        kept.pop_front();
    }
    let mut start = head;
    if start + len > capacity {
        // The oldest lie behind the head, if it has come round before; then it starts over.
        while kept.front().is_some_and(|oldest| range(oldest).start >= head) {
            kept.pop_front();
        }
        start = 0;
    }
    while kept.front().is_some_and(|oldest| overlap(&range(oldest), &(start..start + len))) {
        kept.pop_front();
    }
    start
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
        let mut gone = usize::from(self.index.len() == self.index_limit);
        let range = |at: usize| self.index.get(at).map(|entry| self.range(entry));
        let mut start = self.head;
        if start + len > self.arena.len() {
            while range(gone).is_some_and(|oldest| oldest.start >= self.head) {
                gone += 1;
            }
            start = 0;
        }
        while range(gone).is_some_and(|oldest| overlap(&oldest, &(start..start + len))) {
            gone += 1;
        }
        gone
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
