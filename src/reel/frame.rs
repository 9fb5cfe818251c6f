//! A frame in the reel, and the ways to look at its bytes: as datagrams, as pieces without headers, as a JPEG for others.

use super::Entry;
use crate::jpeg::{Facts, Size, huffman};
use crate::time::Stamp;
use crate::wire::FrameNumber;
use crate::wire::data::{self, HEADER_LEN};
use std::ops::Range;

/// Datagrams that lie one after the other, headers and all: each of `step` bytes, the last of as many or fewer.
#[derive(Clone, Copy)]
pub struct Train<'a> {
    bytes: &'a [u8],
    step: usize,
}

impl<'a> Train<'a> {
    /// Of datagrams that have this length.
    pub fn new(bytes: &'a [u8], step: u16) -> Self {
        Train { bytes, step: step.into() }
    }

    /// Bytes of all of them.
    pub fn total(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes of each but the last.
    pub fn step(&self) -> usize {
        self.step
    }

    /// These of them, as one slice. What is not there is left out.
    pub fn datagrams(&self, which: Range<u16>) -> &'a [u8] {
        let at = |index: u16| (usize::from(index) * self.step).min(self.bytes.len());
        self.bytes.get(at(which.start)..at(which.end)).unwrap_or(&[])
    }
}

/// A frame in the reel.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    pub(super) entry: Entry,
    pub(super) train: &'a [u8],
    pub(super) fragment: u16,
}

impl<'a> Frame<'a> {
    /// Its number.
    pub fn number(&self) -> FrameNumber {
        self.entry.number
    }

    /// Its length in bytes, headers not counted.
    pub fn length(&self) -> u32 {
        self.entry.length
    }

    /// Its capture time and the driver's counter.
    pub fn stamp(&self) -> Stamp {
        self.entry.stamp
    }

    /// Its size in pixels.
    pub fn size(&self) -> Size {
        self.entry.facts.size
    }

    /// All that its header says; offsets are those of [`range`](Self::range).
    pub fn facts(&self) -> &Facts {
        &self.entry.facts
    }

    /// How many datagrams it is.
    pub fn fragments(&self) -> u16 {
        // fits: a frame of MAX_FRAME bytes has at most MAX_FRAME / MIN_FRAGMENT = 32768 fragments
        data::fragment_count(self.entry.length, self.fragment) as u16
    }

    /// Its datagrams. All are of [`Reel::datagram_len`](super::Reel::datagram_len) bytes but the last.
    pub fn train(&self) -> Train<'a> {
        Train { bytes: self.train, step: usize::from(self.fragment) + HEADER_LEN }
    }

    /// The datagrams of these fragments, headers included, as one slice. Fragments that are not there are left out.
    pub fn datagrams(&self, fragments: Range<u16>) -> &'a [u8] {
        self.train().datagrams(fragments)
    }

    /// Payload bytes of each fragment but the last.
    pub fn fragment_len(&self) -> u16 {
        self.fragment
    }

    /// The header of its parity row with this number.
    pub fn parity_header(&self, row: u16) -> [u8; HEADER_LEN] {
        let mut header = self.train.first_chunk().copied().unwrap_or([0; HEADER_LEN]);
        data::make_parity(&mut header, self.fragments().saturating_add(row));
        header
    }

    /// The JPEG's bytes, in pieces without the headers between them.
    pub fn pieces(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + Clone + use<'a> {
        self.train.chunks(usize::from(self.fragment) + HEADER_LEN).map(|datagram| &datagram[HEADER_LEN..])
    }

    /// These of the JPEG's bytes, in pieces without the headers between them: for outlets that cut frames in other places than
    /// our fragments. What is not there is left out.
    pub fn range(&self, bytes: Range<u32>) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        let fragment = usize::from(self.fragment);
        let end = bytes.end.min(self.entry.length) as usize;
        let start = (bytes.start as usize).min(end);
        let first = start / fragment;
        let pieces = self.pieces().enumerate().skip(first).map(move |(index, piece)| {
            let at = |offset: usize| offset.saturating_sub(index * fragment).min(piece.len());
            &piece[at(start)..at(end)]
        });
        pieces.take(end.div_ceil(fragment).saturating_sub(first)).filter(|piece| !piece.is_empty())
    }

    /// The length of [`pieces_for_others`](Self::pieces_for_others) in bytes.
    pub fn length_for_others(&self) -> u32 {
        let tables = self.entry.facts.huffman_at.map_or(0, |_| huffman::STANDARD_TABLES.len() as u32);
        let thumbnails = self.entry.facts.thumbnails.iter().map(|span| span.end.saturating_sub(span.at));
        self.entry.length.saturating_add(tables).saturating_sub(thumbnails.sum())
    }

    /// As [`pieces`](Self::pieces), for programs that are not ours: with the standard Huffman tables in a JPEG that has none,
    /// without which some cannot do, and without the thumbnails, which some take for a frame.
    pub fn pieces_for_others(&self) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        let (frame, Facts { thumbnails, huffman_at, .. }) = (*self, self.entry.facts);
        let tables_at = huffman_at.unwrap_or(self.entry.length);
        let mut from = 0;
        let before = thumbnails.map(|span| match span.is_empty() {
            true => from..from,
            false => std::mem::replace(&mut from, span.end)..span.at,
        });
        let kept = before.into_iter().chain(std::iter::once(from..tables_at));
        let tables = huffman_at.map(|_| &huffman::STANDARD_TABLES[..]);
        let behind = self.range(tables_at..self.entry.length);
        kept.flat_map(move |range| frame.range(range)).chain(tables).chain(behind)
    }

    /// Appends the JPEG's bytes to `to`.
    pub fn append_to(&self, to: &mut Vec<u8>) {
        self.pieces().for_each(|piece| to.extend_from_slice(piece));
    }
}
