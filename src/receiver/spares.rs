//! Memory of frames that are done with, for the next ones: what a stream has needed once is not asked of the system again, and what
//! one large frame has needed is not kept for ever.

use super::partial::Memory;
use super::requests::{Ask, Missed};

/// Buffers that are kept for the next frames.
const MOST: usize = 16;

/// Bytes of them: a few of the largest frames, so that one announced frame after the other is no memory for ever.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// A buffer of no more than this is used for any frame.
const SMALL: usize = 256 * 1024;

/// What is kept beside the buffer is no more than this.
const MOST_BESIDE: usize = 256 * 1024;

pub(super) struct Spares {
    buffers: Vec<Vec<u8>>,
    /// What they could hold.
    bytes: usize,
    beside: Vec<(Memory, Vec<Ask>)>,
}

impl Spares {
    pub(super) fn new() -> Self {
        Spares { buffers: Vec::with_capacity(MOST), bytes: 0, beside: Vec::with_capacity(MOST) }
    }

    /// For a frame of so many bytes.
    pub(super) fn buffer(&mut self, length: usize) -> Vec<u8> {
        let buffer = self.buffers.pop().unwrap_or_default();
        self.bytes = self.bytes.saturating_sub(buffer.capacity());
        // one that a much larger frame has left would count as that much wherever this one waits
        let is_fit = buffer.capacity() <= length.saturating_mul(4).max(SMALL);
        if is_fit { buffer } else { Vec::new() }
    }

    /// Takes a frame's buffer back.
    pub(super) fn keep_buffer(&mut self, buffer: Vec<u8>) {
        let bytes = self.bytes.saturating_add(buffer.capacity());
        if self.buffers.len() < MOST && bytes <= MOST_BYTES {
            self.bytes = bytes;
            self.buffers.push(buffer);
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
        assert_eq!(spares.buffer(100_000).capacity(), 0);
        for _ in 0..9 {
            spares.keep_buffer(Vec::with_capacity(3 << 20));
        }
        assert_eq!((spares.buffers.len(), spares.bytes), (5, 15 << 20));
        assert_eq!(spares.buffer(1 << 20).capacity(), 3 << 20);
        assert_eq!(spares.bytes, 12 << 20);
    }
}
