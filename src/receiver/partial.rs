//! A frame under way: its bytes, and which of its fragments are here. What is asked for of it is
//! [`requests`](super::requests)' matter.

use crate::time::{Stamp, Time};
use crate::wire::ParseError;
use crate::wire::data::{Data, Header};

/// Which fragments of a frame are here.
#[derive(Debug)]
pub struct Fragments {
    /// A bit for each.
    bits: Vec<u64>,
    count: u32,
    left: u32,
}

impl Fragments {
    /// None of `count`. `bits` is memory of an earlier frame.
    pub(super) fn none(count: u32, mut bits: Vec<u64>) -> Self {
        bits.clear();
        bits.resize((count as usize).div_ceil(64), 0);
        Fragments { bits, count, left: count }
    }

    /// How many the frame has.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// How many are here.
    pub fn here(&self) -> u32 {
        self.count.saturating_sub(self.left)
    }

    /// None is missing.
    pub fn is_whole(&self) -> bool {
        self.left == 0
    }

    /// This one is here.
    pub fn has(&self, index: u32) -> bool {
        let (word, bit) = place(index);
        self.bits.get(word).is_some_and(|word| word & bit != 0)
    }

    /// It has come.
    pub(super) fn insert(&mut self, index: u32) {
        let (word, bit) = place(index);
        if let Some(word) = self.bits.get_mut(word) {
            *word |= bit;
            self.left = self.left.saturating_sub(1);
        }
    }
}

fn place(index: u32) -> (usize, u64) {
    ((index / 64) as usize, 1 << (index % 64))
}

/// A frame of which something has come.
pub struct Partial {
    pub(super) length: u32,
    pub(super) size: u16,
    pub(super) flags: u8,
    pub(super) stamp: Stamp,
    pub(super) bytes: Vec<u8>,
    /// When its first fragment came, and its newest.
    pub(super) begun: Time,
    pub(super) newest: Time,
    pub(super) fragments: Fragments,
}

impl Partial {
    /// A frame whose first fragment has this header. `bytes` and `bits` are memory of earlier frames.
    pub fn new(header: &Header, mut bytes: Vec<u8>, bits: Vec<u64>) -> Self {
        bytes.resize(header.length as usize, 0);
        Partial {
            length: header.length,
            size: header.size,
            flags: header.flags,
            stamp: header.stamp,
            bytes,
            begun: Time::NEVER,
            newest: Time::default(),
            fragments: Fragments::none(header.count(), bits),
        }
    }

    /// Takes a fragment. False: it is here already.
    ///
    /// # Errors
    /// [`ParseError::Field`]: its header contradicts the frame's earlier ones.
    pub fn insert(&mut self, data: &Data<'_>, now: Time) -> Result<bool, ParseError> {
        let header = &data.header;
        let same = header.length == self.length && header.size == self.size && header.stamp == self.stamp;
        if !same {
            return Err(ParseError::Field("header of a known frame"));
        }
        let index = u32::from(header.index);
        if self.fragments.has(index) {
            return Ok(false);
        }
        let start = header.offset() as usize;
        let to = self.bytes.get_mut(start..start.saturating_add(data.payload.len()));
        to.ok_or(ParseError::Field("fragment offset"))?.copy_from_slice(data.payload);
        self.fragments.insert(index);
        self.begun = self.begun.min(now);
        self.newest = now;
        Ok(true)
    }

    /// The frame's bytes, and the rest of its memory for another frame.
    pub fn take(self) -> (Vec<u8>, Vec<u64>) {
        (self.bytes, self.fragments.bits)
    }
}
