//! The erasure code of `docs/PROTOCOL.md`: parity rows of a frame's fragments, and the frame out of as many of both as it has
//! fragments, whichever they are.
//!
//! It is a Reed-Solomon code over GF(2^16), computed by FFTs (Leopard), so that rows of hundreds of fragments take tenths of a
//! millisecond. Which frames have rows, and how many, is [wire](crate::wire::data::parity_rows)'s; who gets some is the sender's.
//! Its tables are 8 MiB, made once in a process by whoever makes the first [`Encoder`] or [`Decoder`]: that takes some
//! 10 ms on a PC, and is not to be done in a loop that has frames to send.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

#[cfg(test)]
mod tests;

use reed_solomon_simd::engine::DefaultEngine;
use reed_solomon_simd::rate::{HighRateDecoder, HighRateEncoder, RateDecoder, RateEncoder};
use std::fmt;

/// What is coded: `count` fragments of `size` bytes, of which the last may be shorter and counts as filled up with zeros, and
/// `rows` rows of parity. `size` is even and `rows` a power of two; together there are fewer than 65,536.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Fragments.
    pub count: u16,
    /// Rows of parity.
    pub rows: u16,
    /// Bytes of each.
    pub size: u16,
}

impl Shape {
    /// Bytes that decoding it takes: a power of two of rows, as the code's FFT has it.
    pub fn work(self) -> usize {
        let all = usize::from(self.rows).next_power_of_two().saturating_add(self.count.into());
        // in blocks of 64
        all.next_power_of_two().saturating_mul(usize::from(self.size).next_multiple_of(64))
    }
}

/// Small, to have something to begin with.
const FIRST: Shape = Shape { count: 2, rows: 2, size: 64 };

/// The shape is none, or there were not the pieces that it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeError;

impl fmt::Display for CodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the fragments that this code is for")
    }
}

impl std::error::Error for CodeError {}

impl From<reed_solomon_simd::Error> for CodeError {
    fn from(_: reed_solomon_simd::Error) -> Self {
        CodeError
    }
}

/// Makes parity rows. It keeps its memory, as much as the largest frame so far took.
pub struct Encoder {
    encoder: HighRateEncoder<DefaultEngine>,
    /// The last fragment, filled up.
    last: Vec<u8>,
}

impl Encoder {
    /// With all tables made.
    ///
    /// # Errors
    /// None: the first shape is one.
    pub fn new() -> Result<Self, CodeError> {
        let Shape { count, rows, size } = FIRST;
        let engine = DefaultEngine::new();
        let encoder = HighRateEncoder::new(count.into(), rows.into(), size.into(), engine, None)?;
        Ok(Encoder { encoder, last: Vec::new() })
    }

    /// Hands all rows out, in order.
    ///
    /// # Errors
    /// [`CodeError`].
    pub fn encode<'a>(
        &mut self,
        shape: Shape,
        fragments: impl Iterator<Item = &'a [u8]>,
        take: impl FnMut(&[u8]),
    ) -> Result<(), CodeError> {
        let Shape { count, rows, size } = shape;
        self.encoder.reset(count.into(), rows.into(), size.into())?;
        for fragment in fragments {
            self.encoder.add_original_shard(filled(fragment, size, &mut self.last))?;
        }
        self.encoder.encode()?.recovery_iter().for_each(take);
        Ok(())
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encoder")
    }
}

/// Makes the fragments that are not here. It keeps its memory, as the encoder does.
pub struct Decoder {
    decoder: HighRateDecoder<DefaultEngine>,
    last: Vec<u8>,
    /// The most that a shape so far took.
    held: usize,
}

impl Decoder {
    /// With all tables made.
    ///
    /// # Errors
    /// None: the first shape is one.
    pub fn new() -> Result<Self, CodeError> {
        let Shape { count, rows, size } = FIRST;
        let engine = DefaultEngine::new();
        let mut decoder = HighRateDecoder::new(count.into(), rows.into(), size.into(), engine, None)?;
        // some tables are made by the first that needs them
        for row in 0..usize::from(rows) {
            decoder.add_recovery_shard(row, [0; FIRST.size as usize])?;
        }
        decoder.decode()?;
        Ok(Decoder { decoder, last: Vec::new(), held: FIRST.work() })
    }

    /// Bytes that it keeps: as many as the largest shape so far took. The tables, which are the process's, are not among them.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Fills in the fragments of `frame` that are not here. As many as are missing have to be among `rows`, each with its number.
    ///
    /// # Errors
    /// [`CodeError`]; the frame is as it was.
    pub fn decode<'a>(
        &mut self,
        shape: Shape,
        frame: &mut [u8],
        has: impl Fn(u16) -> bool,
        rows: impl Iterator<Item = (u16, &'a [u8])>,
    ) -> Result<(), CodeError> {
        let step = usize::from(shape.size);
        self.held = self.held.max(shape.work());
        self.decoder.reset(shape.count.into(), shape.rows.into(), step)?;
        for (index, fragment) in (0..shape.count).zip(frame.chunks(step)).filter(|(index, _)| has(*index)) {
            let fragment = filled(fragment, shape.size, &mut self.last);
            self.decoder.add_original_shard(index.into(), fragment)?;
        }
        for (row, bytes) in rows {
            self.decoder.add_recovery_shard(row.into(), bytes)?;
        }
        let restored = self.decoder.decode()?;
        for (index, to) in (0..shape.count).zip(frame.chunks_mut(step)) {
            if let Some(from) = restored.restored_original(index.into()).and_then(|from| from.get(..to.len()))
            {
                to.copy_from_slice(from);
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decoder")
    }
}

/// The fragment, filled up with zeros in `room` if it is shorter.
fn filled<'a>(fragment: &'a [u8], size: u16, room: &'a mut Vec<u8>) -> &'a [u8] {
    if fragment.len() >= usize::from(size) {
        return fragment;
    }
    room.clear();
    room.extend_from_slice(fragment);
    room.resize(size.into(), 0);
    room
}
