//! Memory of frames: of those under way, and of those that are done with, for the next ones. What a stream has needed once is not asked
//! of the system again; what one large frame has needed is not kept for ever; and all of it together has an end.

use super::partial::Memory;
use super::requests::{Ask, Missed};

/// Bytes of it. A server that announces more loses its oldest frames.
pub(super) const BUDGET: usize = 32 * 1024 * 1024;

/// Buffers that are kept for the next frames.
const MOST: usize = 16;

/// Bytes of them: a few of the largest frames, so that one announced frame after the other is no memory for ever.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// A new one has room for frames that are a little longer: an eighth, and no more than this.
const MOST_SLACK: usize = 64 * 1024;

/// A buffer of no more than this is used for any frame.
const SMALL: usize = 256 * 1024;

/// What is kept beside the buffer is no more than this.
const MOST_BESIDE: usize = 256 * 1024;

pub(super) struct Spares {
    /// What frames under way take, and those that have been pushed out.
    held: usize,
    /// What the decoder of parity rows takes, which it keeps.
    decoder: usize,
    buffers: Vec<Vec<u8>>,
    /// What they could hold.
    bytes: usize,
    beside: Vec<(Memory, Vec<Ask>)>,
}

impl Spares {
    pub(super) fn new() -> Self {
        Spares {
            held: 0,
            decoder: 0,
            buffers: Vec::with_capacity(MOST),
            bytes: 0,
            beside: Vec::with_capacity(MOST),
        }
    }

    /// What frames under way take.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// They take so much more.
    pub(super) fn hold(&mut self, bytes: usize) {
        self.held = self.held.saturating_add(bytes);
        self.shrink();
    }

    /// They take so much less.
    pub(super) fn release(&mut self, bytes: usize) {
        self.held = self.held.saturating_sub(bytes);
    }

    /// The decoder takes so much.
    pub(super) fn note_decoder(&mut self, bytes: usize) {
        self.decoder = bytes;
        self.shrink();
    }

    /// Whether a row of that size may be kept, where making a frame of it takes `work`.
    pub(super) fn has_room_for_row(&self, size: usize, work: usize) -> bool {
        // rows lie one after the other, and grow into memory of twice their size
        let row = size.saturating_mul(2);
        self.held.saturating_add(self.decoder.max(work)).saturating_add(row) <= BUDGET
    }

    /// What frames may take besides: spare memory gives way to them.
    pub(super) fn room(&self) -> usize {
        BUDGET.saturating_sub(self.decoder).saturating_sub(self.held)
    }

    /// For a frame of so many bytes, which is what it has.
    pub(super) fn buffer(&mut self, length: usize) -> Vec<u8> {
        let mut buffer = self.pop();
        // one that a much larger frame has left would take as much wherever this one waits
        let most = length.saturating_mul(4).max(SMALL).min(self.room().max(length));
        if !(length..=most).contains(&buffer.capacity()) {
            // which takes no memory before something is put there: a frame that is only announced has none
            buffer = vec![0; length.saturating_add((length / 8).min(MOST_SLACK))];
        }
        buffer.resize(length, 0);
        buffer
    }

    /// Takes a frame's buffer back.
    pub(super) fn keep_buffer(&mut self, buffer: Vec<u8>) {
        let bytes = self.bytes.saturating_add(buffer.capacity());
        if self.buffers.len() < MOST && bytes <= MOST_BYTES.min(self.room()) {
            self.bytes = bytes;
            self.buffers.push(buffer);
        }
    }

    fn pop(&mut self) -> Vec<u8> {
        let buffer = self.buffers.pop().unwrap_or_default();
        self.bytes = self.bytes.saturating_sub(buffer.capacity());
        buffer
    }

    fn shrink(&mut self) {
        while self.bytes > self.room() {
            drop(self.pop());
        }
    }

    /// What a frame needs beside its bytes.
    pub(super) fn beside(&mut self) -> (Memory, Vec<Ask>) {
        self.beside.pop().unwrap_or_default()
    }

    /// Takes that back.
    pub(super) fn keep_beside(&mut self, memory: Memory, missed: Missed) {
        let asks = missed.take();
        let bytes = asks.capacity().saturating_mul(size_of::<Ask>()).saturating_add(memory.capacity());
        if self.beside.len() < MOST && bytes <= MOST_BESIDE {
            self.beside.push((memory, asks));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_large_frame_has_needed_is_not_kept_for_small_ones_nor_without_end() {
        let mut spares = Spares::new();
        spares.keep_buffer(Vec::with_capacity(8 << 20));
        assert_eq!(spares.buffer(100_000).capacity(), 112_500);
        for _ in 0..9 {
            spares.keep_buffer(Vec::with_capacity(3 << 20));
        }
        assert_eq!((spares.buffers.len(), spares.bytes), (5, 15 << 20));
        let buffer = spares.buffer(1 << 20);
        assert_eq!((buffer.len(), buffer.capacity()), (1 << 20, 3 << 20));
        assert_eq!(spares.bytes, 12 << 20);
    }

    #[test]
    fn spare_memory_gives_way_to_what_is_needed() {
        let mut spares = Spares::new();
        (0..9).for_each(|_| spares.keep_buffer(Vec::with_capacity(1 << 20)));
        spares.hold(BUDGET - (4 << 20));
        assert_eq!((spares.bytes, spares.room()), (4 << 20, 4 << 20));
        spares.note_decoder(3 << 20);
        assert_eq!((spares.bytes, spares.room()), (1 << 20, 1 << 20));
        assert!(spares.has_room_for_row(1_400, 3 << 20) && !spares.has_room_for_row(1_400, 4 << 20));
        spares.hold((1 << 20) - 1_000);
        assert!(!spares.has_room_for_row(1_400, 0));
        assert_eq!((spares.bytes, spares.room()), (0, 1_000));
        spares.keep_buffer(Vec::with_capacity(2_000));
        assert_eq!(spares.bytes, 0);
        spares.release(BUDGET);
        spares.keep_buffer(Vec::with_capacity(2_000));
        assert_eq!((spares.bytes, spares.held()), (2_000, 0));
    }

    #[test]
    fn a_large_buffer_is_not_taken_where_there_is_little_room() {
        let mut spares = Spares::new();
        spares.keep_buffer(Vec::with_capacity(1 << 20));
        spares.held = BUDGET - 700_000;
        assert!(spares.buffer(600_000).capacity() < 700_000);
    }
}
