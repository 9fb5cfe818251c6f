//! The reel: the newest frames, by number, in one block of memory that is reserved at start.
//!
//! A frame is laid in once, already as a train of datagrams: header, fragment, header, fragment, all but the last of
//! one size. Every outlet reads it through a cursor of its own: a send is one slice, first time or repair, and a
//! slow reader only finds that a frame has gone.
//!
//! Lives here: the frames and their numbers, and every way to look at them. May not live here: who reads them, what a JPEG is.
//!
//! ```text
//!  arena  |.....free.....|H f f f|H f f|H f f f f|H f f|....too short for the next....|
//!                        ^ oldest             newest ^ head
//! ```
//!
//! | module | what |
//! |---|---|
//! | `arena` | where in memory a frame lies |
//! | `frame` | a frame, and the ways to look at its bytes |
//! | `rate` | frames and bytes a second |
//! | [`cursor`] | a reader's place in the stream, with its policy |
#![forbid(unsafe_code)]

mod arena;
pub mod cursor;
mod frame;
mod rate;
#[cfg(test)]
mod tests;
mod too_large;

pub use arena::make_room;
pub use frame::{Frame, Train};
pub use too_large::TooLargeError;

use crate::jpeg::Facts;
use crate::time::Stamp;
use crate::wire::data::{self, HEADER_LEN, Header};
use crate::wire::{FrameNumber, MAX_FRAME, StreamId};
use rate::Rates;
use std::collections::VecDeque;
use std::time::Duration;

/// The smallest frame that the index is made for: reels hold at most their bytes divided by this many frames.
const INDEX_GRAIN: usize = 4096;

/// The first frame's number.
pub const FIRST: FrameNumber = FrameNumber(1);

/// The newest frames of one stream.
pub struct Reel {
    arena: Box<[u8]>,
    index: VecDeque<Entry>,
    index_limit: usize,
    head: usize,
    next: FrameNumber,
    rates: Rates,
    stream: StreamId,
    /// Payload bytes of a full fragment.
    fragment: u16,
    /// Frames give way to newer ones only when nobody wants them any more: who lays them in sees to it.
    is_patient: bool,
}

#[derive(Clone, Copy)]
struct Entry {
    number: FrameNumber,
    start: usize,
    length: u32,
    stamp: Stamp,
    facts: Facts,
    /// Since the first frame, by the capture times, but for jumps of the camera's clock.
    elapsed: Duration,
}

impl Reel {
    /// Reserves `bytes` bytes for frames that are sent in datagrams of `datagram` bytes of UDP payload.
    ///
    /// # Panics
    /// If `datagram` leaves a fragment less than [`data::MIN_FRAGMENT`]; `--mtu` is checked where it is read.
    pub fn new(bytes: usize, datagram: u16, stream: StreamId) -> Self {
        let fragment = datagram.saturating_sub(HEADER_LEN as u16);
        assert!(fragment >= data::MIN_FRAGMENT, "datagrams of {datagram} bytes are too small");
        let index_limit = (bytes / INDEX_GRAIN).clamp(16, 65_536);
        Reel {
            arena: vec![0; bytes].into_boxed_slice(),
            index: VecDeque::with_capacity(index_limit),
            index_limit,
            head: 0,
            next: FIRST,
            rates: Rates::default(),
            stream,
            fragment,
            is_patient: false,
        }
    }

    /// The same for frames that lie somewhere else too, and are laid in when there is [room](Self::displaced_by) for them. The
    /// first will have this number.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn patient(bytes: usize, datagram: u16, stream: StreamId, first: FrameNumber) -> Self {
        Reel { next: first, is_patient: true, ..Reel::new(bytes, datagram, stream) }
    }

    /// What it holds goes, and the next frame has this number: those between are gone.
    pub fn go_on_at(&mut self, number: FrameNumber) {
        self.index.clear();
        (self.head, self.next) = (0, number);
    }

    /// The stream whose frames these are.
    pub fn stream(&self) -> StreamId {
        self.stream
    }

    /// Bytes of UDP payload in a full datagram.
    pub fn datagram_len(&self) -> u16 {
        self.fragment + HEADER_LEN as u16
    }

    /// Bytes that are reserved for frames, headers between their fragments included.
    pub fn capacity(&self) -> usize {
        self.arena.len()
    }

    /// The longest frame that fits, in bytes.
    pub fn frame_limit(&self) -> usize {
        let datagrams = self.arena.len() / usize::from(self.datagram_len());
        (datagrams * usize::from(self.fragment)).min(MAX_FRAME as usize)
    }

    /// Whether a frame of `length` bytes fits.
    ///
    /// # Errors
    /// [`TooLargeError`].
    pub fn fits(&self, length: usize) -> Result<(), TooLargeError> {
        let limit = self.frame_limit();
        if length > limit { Err(TooLargeError { length, limit, is_longer: false }) } else { Ok(()) }
    }

    /// Lays a frame in, over the oldest ones as far as room is needed. This is the one copy of its bytes. Of a frame that is
    /// for our own protocol alone its size is enough.
    ///
    /// # Errors
    /// [`TooLargeError`]; the reel is as it was.
    pub fn push(
        &mut self,
        jpeg: &[u8],
        facts: impl Into<Facts>,
        stamp: Stamp,
        flags: u8,
    ) -> Result<FrameNumber, TooLargeError> {
        self.push_parts([jpeg, &[], &[]], facts, stamp, flags)
    }

    /// The same of a frame that comes in parts.
    ///
    /// # Errors
    /// [`TooLargeError`]; the reel is as it was.
    pub fn push_parts(
        &mut self,
        parts: [&[u8]; 3],
        facts: impl Into<Facts>,
        stamp: Stamp,
        flags: u8,
    ) -> Result<FrameNumber, TooLargeError> {
        let length = parts.iter().map(|part| part.len()).sum();
        if length == 0 || length > self.frame_limit() {
            return Err(TooLargeError { length, limit: self.frame_limit(), is_longer: false });
        }
        let length = length as u32;
        let start = self.make_room(self.train_len(length));
        let number = self.next;
        let mut header = Header {
            flags,
            epoch: self.stream.epoch(),
            number,
            length,
            index: 0,
            size: self.fragment,
            stamp,
            check: data::check_of_parts(&parts),
        };
        let mut to = start;
        let (mut now, mut more) = (&[][..], parts.into_iter());
        let (mut left, most) = (length as usize, usize::from(self.fragment));
        while left > 0 {
            let count = left.min(most);
            if let Some((head, rest)) = self.arena[to..].split_first_chunk_mut::<HEADER_LEN>() {
                header.emit(head);
                fill(&mut rest[..count], &mut now, &mut more);
            }
            to += HEADER_LEN + count;
            left -= count;
            header.index = header.index.wrapping_add(1);
        }
        self.head = to;
        self.next = number.next();
        let elapsed = self.elapsed_at(stamp);
        self.index.push_back(Entry { number, start, length, stamp, facts: facts.into(), elapsed });
        self.rates = self.measure();
        Ok(number)
    }

    /// The number that the next frame will have.
    pub fn next_number(&self) -> FrameNumber {
        self.next
    }

    /// The oldest frame's number, or [`next_number`](Self::next_number) while there is none.
    pub fn oldest_number(&self) -> FrameNumber {
        self.index.front().map_or(self.next, |entry| entry.number)
    }

    /// True once frames have had to give way to newer ones, whoever still wanted them.
    pub fn is_full(&self) -> bool {
        !self.is_patient && self.oldest_number() != FIRST
    }

    /// The newest of the frames that would give way to one of `length` bytes; none if there is room.
    pub fn displaced_by(&self, length: u32) -> Option<FrameNumber> {
        let count = self.displaced(self.train_len(length));
        self.index.get(count.checked_sub(1)?).map(|entry| entry.number)
    }

    /// The frame of that number, unless it has gone or has not come yet.
    pub fn frame(&self, number: FrameNumber) -> Option<Frame<'_>> {
        let at = usize::try_from(number.since(self.oldest_number())).ok()?;
        let entry = *self.index.get(at)?;
        Some(Frame { train: &self.arena[self.range(&entry)], entry, fragment: self.fragment })
    }

    /// The newest frame.
    pub fn newest(&self) -> Option<Frame<'_>> {
        self.frame(self.next.previous())
    }
}

/// Fills `to` with what is left of the part that is `now`, and with the next ones.
fn fill<'a>(mut to: &mut [u8], now: &mut &'a [u8], more: &mut impl Iterator<Item = &'a [u8]>) {
    loop {
        let (taken, rest) = now.split_at(now.len().min(to.len()));
        let (filled, left) = to.split_at_mut(taken.len());
        filled.copy_from_slice(taken);
        (*now, to) = (rest, left);
        if to.is_empty() {
            return;
        }
        let Some(next) = more.next() else { return };
        *now = next;
    }
}
