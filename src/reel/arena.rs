//! Where in the reel's memory a frame lies: one after the other, and from the beginning again.

use super::{Entry, Reel};
use crate::wire::data::{self, HEADER_LEN};
use std::ops::Range;

impl Reel {
    /// Drops as many of the oldest frames as needed, and returns where a train of `len` bytes begins.
    pub(super) fn make_room(&mut self, len: usize) -> usize {
        if self.index.len() == self.index_limit {
            self.index.pop_front();
        }
        let mut start = self.head;
        if start + len > self.arena.len() {
            // The oldest frames lie behind the head, if it has come round before; then it starts over.
            while self.index.front().is_some_and(|oldest| oldest.start >= self.head) {
                self.index.pop_front();
            }
            start = 0;
        }
        while self.index.front().is_some_and(|oldest| overlap(&self.range(oldest), &(start..start + len))) {
            self.index.pop_front();
        }
        start
    }

    pub(super) fn train_len(&self, length: u32) -> usize {
        length as usize + data::fragment_count(length, self.fragment) as usize * HEADER_LEN
    }

    pub(super) fn range(&self, entry: &Entry) -> Range<usize> {
        entry.start..entry.start + self.train_len(entry.length)
    }
}

fn overlap(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start < b.end && b.start < a.end
}
