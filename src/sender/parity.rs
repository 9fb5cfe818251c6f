//! Parity rows of the frames that somebody lacks something of: made at the first request, once for all clients, and kept
//! for the latest few of these frames.

use crate::fec::{Encoder, Shape};
use crate::reel::{Frame, Reel, Train, make_room};
use crate::wire::FrameNumber;
use crate::wire::data;
use std::collections::VecDeque;

/// Frames whose rows are kept: as many as are under repair at 120 a second with a round trip of 100 ms.
const KEPT: usize = 16;

/// Bytes of them: five of the largest frames in datagrams of 1452 bytes.
const KEPT_BYTES: usize = 4 * 1024 * 1024;

/// Frames that may be coded for each that the camera delivers, and at once: a client that asks for what it has makes
/// camcast work no more than that.
const CREDIT: u32 = 2;
const MOST_CREDIT: u32 = 8;

/// The rows.
#[derive(Debug)]
pub(super) struct Parity {
    encoder: Option<Encoder>,
    /// Rows could be made if there were an encoder; and that has been said.
    is_wanted: bool,
    has_been_said: bool,
    /// One after the other, and from the beginning again; empty until there is an encoder.
    arena: Vec<u8>,
    kept: VecDeque<Kept>,
    head: usize,
    /// Frames that may be coded, when that was the next one's number.
    credit: u32,
    as_of: FrameNumber,
}

/// The rows of one frame, as datagrams.
#[derive(Clone, Copy, Debug)]
struct Kept {
    number: FrameNumber,
    start: usize,
    end: usize,
    /// Bytes of a datagram.
    step: u16,
}

impl Parity {
    pub(super) fn new() -> Self {
        Parity {
            encoder: None,
            is_wanted: false,
            has_been_said: false,
            arena: Vec::new(),
            kept: VecDeque::with_capacity(KEPT),
            head: 0,
            credit: MOST_CREDIT,
            as_of: FrameNumber(0),
        }
    }

    /// Rows can be made from now on.
    pub(super) fn set_encoder(&mut self, encoder: Encoder) {
        self.encoder = Some(encoder);
        self.arena = vec![0; KEPT_BYTES];
    }

    /// True once, when rows could be made if there were an encoder.
    pub(super) fn wants_encoder(&mut self) -> bool {
        self.is_wanted && !std::mem::replace(&mut self.has_been_said, self.is_wanted)
    }

    /// The rows of that frame, if they are here.
    pub(super) fn train(&self, number: FrameNumber) -> Option<Train<'_>> {
        let kept = self.kept.iter().find(|kept| kept.number == number)?;
        Some(Train::new(self.arena.get(kept.start..kept.end)?, kept.step))
    }

    /// Sees to it that the frame's rows are here. False: there are none, or they cannot be made now.
    pub(super) fn has_rows_of(&mut self, frame: &Frame<'_>, reel: &Reel) -> bool {
        if self.kept.iter().any(|kept| kept.number == frame.number()) {
            return true;
        }
        let (count, size) = (frame.fragments(), frame.fragment_len());
        let rows = data::parity_rows(count.into(), size);
        if rows == 0 {
            return false;
        }
        self.is_wanted = true;
        let new = u32::try_from(reel.next_number().since(self.as_of)).unwrap_or(0);
        self.credit = self.credit.saturating_add(new.saturating_mul(CREDIT)).min(MOST_CREDIT);
        self.as_of = reel.next_number();
        if self.encoder.is_none() || self.credit == 0 {
            return false;
        }
        self.credit = self.credit.saturating_sub(1);
        self.make(frame, Shape { count, rows, size }, reel.datagram_len()).is_some()
    }

    fn make(&mut self, frame: &Frame<'_>, shape: Shape, step: u16) -> Option<()> {
        let bytes = usize::from(step).saturating_mul(shape.rows.into());
        if bytes > self.arena.len() {
            return None;
        }
        let range = |kept: &Kept| kept.start..kept.end;
        let start = make_room(&mut self.kept, KEPT, self.head, self.arena.len(), bytes, range);
        let end = start.saturating_add(bytes);
        let mut datagrams = self.arena.get_mut(start..end)?.chunks_exact_mut(step.into()).zip(0..);
        let take = |row: &[u8]| {
            let Some((to, number)) = datagrams.next() else { return };
            let header = frame.parity_header(number);
            if let Some((head, payload)) = to.split_at_mut_checked(header.len()) {
                head.copy_from_slice(&header);
                payload.copy_from_slice(row);
            }
        };
        self.encoder.as_mut()?.encode(shape, frame.pieces(), take).ok()?;
        self.kept.push_back(Kept { number: frame.number(), start, end, step });
        self.head = end;
        Some(())
    }
}
