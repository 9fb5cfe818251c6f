//! A frame as RTP packets, all but the last of one size, so that one call can send many.
//!
//! ```text
//!  RTP, RFC 3550 5.1         |V=2 P X CC| M PT | sequence number | timestamp 90 kHz | SSRC |            12 bytes
//!  JPEG, RFC 2435 3.1        | 0 | fragment offset, 3 bytes | type | Q | width/8 | height/8 |           8
//!  restart markers, 3.1.7    | interval | F=1 L=1 count=3fff |                                          4, type 64 and on
//!  quantisation, 3.1.8       | 0 | precision 0 | length | luminance's 64 | chrominance's |         the first packet
//!  entropy-coded data, as it lies in the frame
//! ```

use super::PAYLOAD_TYPE;
use super::picture::{NotCarried, Picture, span};
use crate::reel::Frame;
use crate::wire::FrameNumber;
use arrayvec::ArrayVec;
use std::ops::Range;

/// Bytes of RTP's header.
pub const RTP: usize = 12;

/// The same and the JPEG header.
const PLAIN: usize = RTP + 8;

/// Bytes of the header in front of the quantisation tables.
const TABLES: usize = 4;

/// The longest head: with restart markers, and two tables.
pub const HEAD: usize = PLAIN + 4 + TABLES + 128;

/// What stands in a packet before the frame's own bytes.
pub type Head = ArrayVec<u8, HEAD>;

/// Quantisation tables are in the packet (RFC 2435, 4.2). It may change with each frame: a table that is only named would be remembered.
const DYNAMIC: u8 = 255;

/// A frame as packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Train {
    /// Which frame.
    pub number: FrameNumber,
    pub(super) picture: Picture,
    /// The first packet's sequence number.
    pub(super) first: u16,
    pub(super) timestamp: u32,
    pub(super) ssrc: u32,
    /// Bytes of a full packet.
    size: u16,
}

/// What a train's packets have from their receiver's track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// The first packet's sequence number.
    pub first: u16,
    /// Ticks.
    pub timestamp: u32,
    /// Whose packets.
    pub ssrc: u32,
}

impl Train {
    /// This frame in packets of `size` bytes, RTP's header included.
    ///
    /// # Errors
    /// Why it cannot go by RTP.
    pub fn new(frame: &Frame<'_>, size: u16, marks: Marks) -> Result<Self, NotCarried> {
        let picture = Picture::of(frame)?;
        let Marks { first, timestamp, ssrc } = marks;
        // the first packet has all of its head and something more
        let size = size.max(HEAD as u16 + 1);
        Ok(Train { number: frame.number(), picture, first, timestamp, ssrc, size })
    }

    /// How many packets.
    pub fn count(&self) -> u32 {
        let length = self.picture.scan.1 - self.picture.scan.0;
        let rest = length.saturating_sub(self.room(0));
        1 + rest.div_ceil(self.room(1))
    }

    /// Bytes of a full packet.
    pub fn size(&self) -> u16 {
        self.size
    }

    /// The frame's bytes that a packet has.
    pub fn body(&self, index: u32) -> Range<u32> {
        let (start, end) = self.picture.scan;
        let from = start.saturating_add(self.offset(index)).min(end);
        from..from.saturating_add(self.room(index)).min(end)
    }

    /// What stands before them.
    pub fn head(&self, index: u32, frame: &Frame<'_>) -> Head {
        let mut head = Head::new();
        let is_last = index.saturating_add(1) >= self.count();
        put(&mut head, &[0x80, if is_last { 0x80 } else { 0 } | PAYLOAD_TYPE]);
        put(&mut head, &self.sequence(index).to_be_bytes());
        put(&mut head, &self.timestamp.to_be_bytes());
        put(&mut head, &self.ssrc.to_be_bytes());
        let picture = &self.picture;
        // its first byte is type-specific, and zero for whole frames: an offset has three
        put(&mut head, &self.offset(index).to_be_bytes());
        put(&mut head, &[picture.kind, DYNAMIC, picture.blocks.0, picture.blocks.1]);
        if picture.restart_interval > 0 {
            put(&mut head, &picture.restart_interval.to_be_bytes());
            put(&mut head, &[0xff, 0xff]);
        }
        if index == 0 {
            let [luminance, chrominance] = picture.tables;
            let length = (luminance.length() + chrominance.length()) as u16;
            // each value is a byte
            put(&mut head, &[0, 0]);
            put(&mut head, &length.to_be_bytes());
            for table in picture.tables {
                frame.range(span(table)).for_each(|piece| put(&mut head, piece));
            }
        }
        head
    }

    /// A packet's sequence number.
    pub fn sequence(&self, index: u32) -> u16 {
        // as a remainder: sequence numbers go round
        self.first.wrapping_add(index as u16)
    }

    /// Bytes of a packet's head.
    fn head_length(&self, index: u32) -> u32 {
        let picture = &self.picture;
        let restart = if picture.restart_interval > 0 { 4 } else { 0 };
        let [luminance, chrominance] = picture.tables;
        let tables = luminance.length() + chrominance.length() + TABLES as u32;
        PLAIN as u32 + restart + if index == 0 { tables } else { 0 }
    }

    /// Bytes of the frame that a packet takes.
    fn room(&self, index: u32) -> u32 {
        u32::from(self.size).saturating_sub(self.head_length(index)).max(1)
    }

    /// Bytes of the entropy-coded data before a packet.
    fn offset(&self, index: u32) -> u32 {
        match index.checked_sub(1) {
            None => 0,
            Some(before) => self.room(0).saturating_add(before.saturating_mul(self.room(1))),
        }
    }

    /// Bytes of a packet.
    pub fn length(&self, index: u32) -> u32 {
        let body = self.body(index);
        self.head_length(index) + (body.end - body.start)
    }

    /// The packet of this sequence number, if it is one of these.
    pub fn find(&self, sequence: u16) -> Option<u32> {
        let index = u32::from(sequence.wrapping_sub(self.first));
        (index < self.count()).then_some(index)
    }
}

/// All of it fits: the longest head is [`HEAD`].
fn put(head: &mut Head, bytes: &[u8]) {
    let fits = head.try_extend_from_slice(bytes).is_ok();
    debug_assert!(fits, "a head longer than {HEAD}");
}
