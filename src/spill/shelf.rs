//! Which chunks there are, and what of them is still wanted: the same on both sides of the thread.

use super::format::Waiting;
use crate::wire::{FrameNumber, StreamId};
use std::collections::VecDeque;

/// A chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Which comes after which.
    pub order: u64,
    /// Whose frames these are.
    pub stream: StreamId,
    /// Its first frame, and the one behind its last. Some between them may be missing.
    pub first: FrameNumber,
    /// See there.
    pub end: FrameNumber,
    /// Of its file.
    pub bytes: u64,
    /// The boot that its capture times are of, and the wall's nanoseconds at its clock's zero, or 0.
    pub boot: u128,
    /// See there.
    pub zero: i64,
}

/// All of them, the oldest first.
#[derive(Clone, Debug, Default)]
pub struct Shelf {
    chunks: VecDeque<Chunk>,
}

impl Shelf {
    /// One more, behind the others.
    pub fn push(&mut self, chunk: Chunk) {
        self.chunks.push_back(chunk);
    }

    /// There are none any more.
    pub fn clear(&mut self) {
        self.chunks.clear();
    }

    /// This one has grown, or holds less than was thought.
    pub fn set_end(&mut self, order: u64, end: FrameNumber, bytes: u64) {
        if let Some(chunk) = self.chunks.iter_mut().rev().find(|chunk| chunk.order == order) {
            (chunk.end, chunk.bytes) = (end, bytes);
        }
    }

    /// It is gone.
    pub fn remove(&mut self, order: u64) {
        self.chunks.retain(|chunk| chunk.order != order);
    }

    /// Each of them.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Chunk> {
        self.chunks.iter()
    }

    /// The oldest one.
    pub fn oldest(&self) -> Option<&Chunk> {
        self.chunks.front()
    }

    /// There is none.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Bytes of all of them.
    pub fn bytes(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.bytes).sum()
    }

    /// The chunk in which frame `next` of that stream is, or else the first frame after it that there is.
    pub fn find(&self, stream: StreamId, next: FrameNumber) -> Option<(&Chunk, FrameNumber)> {
        let mut of_stream = self.chunks.iter().filter(|chunk| chunk.stream == stream);
        let chunk = of_stream.find(|chunk| chunk.end.is_after(next) && chunk.end.is_after(chunk.first))?;
        Some((chunk, if chunk.first.is_after(next) { chunk.first } else { next }))
    }

    /// The first chunk behind that stream's last.
    pub fn following(&self, stream: StreamId) -> Option<&Chunk> {
        let last = self.chunks.iter().rposition(|chunk| chunk.stream == stream)?;
        self.chunks.get(last.checked_add(1)?)
    }

    /// What is before this order nobody wants any more, of those who wait; `live` is the stream that goes on.
    pub fn wanted_from(&self, waiting: &[Waiting], live: StreamId) -> u64 {
        let from = |one: &Waiting| {
            let mut own = self.chunks.iter().rev().filter(|chunk| chunk.stream == one.stream);
            // his stream's last one stays: what follows it is found by that
            let at = own.find(|chunk| !chunk.first.is_after(one.next)).map(|chunk| chunk.order);
            let first = self.chunks.iter().find(|chunk| chunk.stream == one.stream).map(|chunk| chunk.order);
            match at.or(first) {
                Some(order) => order,
                None if one.stream == live => u64::MAX,
                None => 0,
            }
        };
        waiting.iter().map(from).min().unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn chunk(order: u64, stream: u64, first: u32, end: u32) -> Chunk {
        let (first, end) = (FrameNumber(first), FrameNumber(end));
        Chunk { order, stream: StreamId(stream), first, end, bytes: 10, boot: 0, zero: 0 }
    }

    fn shelf() -> Shelf {
        let mut shelf = Shelf::default();
        for chunk in [chunk(1, 7, 10, 20), chunk(2, 7, 20, 30), chunk(3, 7, 40, 50), chunk(4, 9, 1, 5)] {
            shelf.push(chunk);
        }
        shelf
    }

    fn at(shelf: &Shelf, stream: u64, next: u32) -> Option<(u64, u32)> {
        shelf.find(StreamId(stream), FrameNumber(next)).map(|(chunk, number)| (chunk.order, number.0))
    }

    #[test]
    fn a_frame_is_found_or_the_next_one_that_there_is() {
        let shelf = shelf();
        assert_eq!([at(&shelf, 7, 3), at(&shelf, 7, 19)], [Some((1, 10)), Some((1, 19))]);
        assert_eq!([at(&shelf, 7, 20), at(&shelf, 7, 33)], [Some((2, 20)), Some((3, 40))]);
        assert_eq!([at(&shelf, 7, 50), at(&shelf, 8, 1)], [None, None]);
        assert_eq!(shelf.following(StreamId(7)).map(|chunk| chunk.order), Some(4));
        assert_eq!([StreamId(9), StreamId(8)].map(|id| shelf.following(id).is_none()), [true, true]);
        assert_eq!(shelf.bytes(), 40);
    }

    #[test]
    fn what_somebody_waits_for_stays() {
        let mut shelf = shelf();
        let wait = |stream, next| Waiting {
            stream: StreamId(stream),
            next: FrameNumber(next),
            away: Duration::ZERO,
            who: 0,
            was_served: false,
        };
        let live = StreamId(9);
        let from = |shelf: &Shelf, waiting: &[Waiting]| shelf.wanted_from(waiting, live);
        assert_eq!(from(&shelf, &[]), u64::MAX, "nobody waits");
        assert_eq!(from(&shelf, &[wait(7, 25)]), 2);
        assert_eq!(from(&shelf, &[wait(7, 50)]), 3, "what follows is found by it");
        assert_eq!(from(&shelf, &[wait(9, 3), wait(7, 12)]), 1);
        assert_eq!(from(&shelf, &[wait(9, 3)]), 4);
        assert_eq!(from(&shelf, &[wait(7, 1)]), 1);
        assert_eq!(from(&shelf, &[wait(5, 1)]), 0, "his stream's frames are gone, and what followed is his");
        shelf.remove(4);
        assert_eq!(
            from(&shelf, &[wait(9, 3)]),
            u64::MAX,
            "nothing of the stream that goes on was written yet"
        );
        shelf.set_end(3, FrameNumber(60), 20);
        assert_eq!((at(&shelf, 7, 55), shelf.bytes()), (Some((3, 55)), 40));
    }
}
