//! A frame under way: its bytes, which of its fragments are here, and the parity rows that stand in for others. What is asked for of it is
//! [`requests`](super::requests)' matter.

use crate::fec::{Decoder, Shape};
use crate::time::Time;
use crate::wire::ParseError;
use crate::wire::data::{self, Data, Header, PARITY};

/// Which fragments of a frame are here, and which of its parity rows, each of which is as good as a fragment.
#[derive(Debug)]
pub struct Fragments {
    /// A bit for each fragment, and behind them one for each row.
    bits: Vec<u64>,
    count: u32,
    rows: u32,
    left: u32,
}

impl Fragments {
    /// None of `count`, and none of as many `rows`. `bits` is memory of an earlier frame.
    pub(super) fn none(count: u32, rows: u16, mut bits: Vec<u64>) -> Self {
        bits.clear();
        bits.resize((count as usize).saturating_add(rows.into()).div_ceil(64), 0);
        Fragments { bits, count, rows: 0, left: count }
    }

    /// How many the frame has.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// How many are here, rows among them.
    pub fn here(&self) -> u32 {
        self.count.saturating_sub(self.left)
    }

    /// How many rows are here.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// None is missing, or as many rows are here.
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
            self.rows = self.rows.saturating_add((index >= self.count).into());
        }
    }

    /// The rows are of no use.
    fn drop_rows(&mut self) {
        self.left = self.left.saturating_add(std::mem::take(&mut self.rows));
    }
}

fn place(index: u32) -> (usize, u64) {
    ((index / 64) as usize, 1 << (index % 64))
}

/// Bytes that making a frame of rows takes, if this is one of its.
pub(super) fn work(header: &Header) -> usize {
    shape(header.count(), header.size).work()
}

fn shape(count: u32, size: u16) -> Shape {
    // fits: more fragments have no rows
    Shape { count: count as u16, rows: data::parity_rows(count, size), size }
}

/// A frame of which something has come.
pub struct Partial {
    /// Of its first fragment.
    pub(super) header: Header,
    /// The server has vouched for the header.
    pub(super) is_proved: bool,
    /// It is whole, and as it was sent.
    pub(super) is_sound: bool,
    pub(super) bytes: Vec<u8>,
    /// When its first fragment came, and its newest.
    pub(super) begun: Time,
    pub(super) newest: Time,
    pub(super) fragments: Fragments,
    /// The parity rows that are here, one after the other, and the number of each.
    rows: Vec<u8>,
    row_numbers: Vec<u16>,
}

/// Memory of an earlier frame, to be used again.
#[derive(Default)]
pub struct Memory {
    bits: Vec<u64>,
    rows: Vec<u8>,
    row_numbers: Vec<u16>,
}

impl Memory {
    /// Bytes of it.
    pub(super) fn capacity(&self) -> usize {
        let numbers = self.row_numbers.capacity().saturating_mul(2);
        self.bits.capacity().saturating_mul(8).saturating_add(self.rows.capacity()).saturating_add(numbers)
    }
}

impl Partial {
    /// A frame whose first fragment has this header. `bytes` are as long as it is, and what they are is of no consequence; `memory` is
    /// of an earlier frame.
    pub fn new(header: &Header, bytes: Vec<u8>, memory: Memory) -> Self {
        let Memory { bits, mut rows, mut row_numbers } = memory;
        rows.clear();
        row_numbers.clear();
        let count = header.count();
        Partial {
            header: Header { flags: header.flags & !PARITY, ..*header },
            is_proved: false,
            is_sound: false,
            bytes,
            begun: Time::NEVER,
            newest: Time::default(),
            fragments: Fragments::none(count, data::parity_rows(count, header.size), bits),
            rows,
            row_numbers,
        }
    }

    /// Takes a fragment, or a parity row. False: it is here already, or not needed.
    ///
    /// # Errors
    /// [`ParseError::Field`]: its header contradicts the frame's earlier ones.
    pub fn insert(&mut self, data: &Data<'_>, now: Time) -> Result<bool, ParseError> {
        let header = &data.header;
        if !header.is_of(&self.header) {
            return Err(ParseError::Field("header of a known frame"));
        }
        let index = u32::from(header.index);
        if self.fragments.has(index) || self.fragments.is_whole() {
            return Ok(false);
        }
        if header.is_parity() {
            self.rows.extend_from_slice(data.payload);
            self.row_numbers.push(index.saturating_sub(self.fragments.count()) as u16);
        } else {
            let start = header.offset() as usize;
            let to = self.bytes.get_mut(start..start.saturating_add(data.payload.len()));
            to.ok_or(ParseError::Field("fragment offset"))?.copy_from_slice(data.payload);
        }
        self.fragments.insert(index);
        self.begun = self.begun.min(now);
        self.newest = now;
        Ok(true)
    }

    /// Looks whether it is whole, proved, and as it was sent. False: it is not as it was sent.
    pub(super) fn examine(&mut self) -> bool {
        if !self.is_sound && self.is_proved && self.fragments.is_whole() {
            self.is_sound = data::check(&self.bytes) == self.header.check;
            return self.is_sound;
        }
        true
    }

    /// Bytes of memory that it takes.
    pub(super) fn held(&self) -> usize {
        self.bytes.capacity().saturating_add(self.rows.capacity())
    }

    /// Makes what is missing of a frame that is whole with its rows.
    pub(super) fn restore(&mut self, decoder: &mut Decoder) {
        let Partial { fragments, bytes, rows, row_numbers, header, .. } = self;
        let shape = shape(fragments.count(), header.size);
        let rows = row_numbers.iter().copied().zip(rows.chunks(usize::from(header.size)));
        let restored = decoder.decode(shape, bytes, |index| fragments.has(index.into()), rows);
        if restored.is_err() {
            fragments.drop_rows();
        }
    }

    /// The frame's bytes, and the rest of its memory for another frame.
    pub fn take(self) -> (Vec<u8>, Memory) {
        let Partial { bytes, fragments, rows, row_numbers, .. } = self;
        (bytes, Memory { bits: fragments.bits, rows, row_numbers })
    }
}
