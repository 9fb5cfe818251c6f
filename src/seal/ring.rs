//! The newest frames as they go out: each datagram is sealed when it is first sent to anybody, and lies here for everybody else. The reel
//! beside it stays plain, for outlets that know no seals. What has had to give way is sealed again when somebody asks for it, to the
//! same bytes.

use super::{StreamKey, TAG_LEN};
use crate::reel::{Reel, Train, make_room};
use crate::wire::FrameNumber;
use crate::wire::data::HEADER_LEN;
use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;

/// This part of the reel's memory: what is sent again is mostly new.
const SHARE: usize = 4;

/// Bytes of the smallest train that there is an entry for.
const GRAIN: usize = 4096;

/// What the datagrams are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A frame's fragments.
    Frame,
    /// Its parity rows.
    Rows,
    /// A slate's fragments.
    Slate,
}

/// Sealed datagrams.
pub struct Ring {
    key: StreamKey,
    arena: Box<[u8]>,
    kept: VecDeque<Kept>,
    most: usize,
    head: usize,
}

/// Where a train lies. Of a datagram that is not sealed yet the first octet is zero, as no kind is.
#[derive(Clone, Copy, Debug)]
struct Kept {
    what: What,
    number: FrameNumber,
    start: usize,
    end: usize,
    step: usize,
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ring of {} bytes", self.arena.len())
    }
}

impl Ring {
    /// For this reel's frames. All its memory is reserved here.
    pub fn new(key: StreamKey, reel: &Reel) -> Self {
        let fragment = usize::from(reel.datagram_len()).saturating_sub(HEADER_LEN).max(1);
        let around = reel.frame_limit().div_ceil(fragment).saturating_mul(HEADER_LEN.saturating_add(TAG_LEN));
        let largest = reel.frame_limit().saturating_add(around);
        let share = reel.capacity().checked_div(SHARE).unwrap_or(0);
        Ring::with_room(key, largest.max(share))
    }

    fn with_room(key: StreamKey, bytes: usize) -> Self {
        let most = bytes.checked_div(GRAIN).unwrap_or(0).clamp(16, 16_384);
        let arena = vec![0; bytes].into_boxed_slice();
        Ring { key, arena, kept: VecDeque::with_capacity(most), most, head: 0 }
    }

    /// The key that all of it is sealed with.
    pub fn key(&self) -> &StreamKey {
        &self.key
    }

    /// This train, sealed as far as these datagrams. None: there is no room for it.
    pub fn train(
        &mut self,
        what: What,
        number: FrameNumber,
        plain: Train<'_>,
        which: Range<u16>,
    ) -> Option<Train<'_>> {
        let found = self.kept.iter().rev().find(|kept| (kept.what, kept.number) == (what, number)).copied();
        let kept = match found {
            Some(kept) => kept,
            None => self.enter(what, number, plain)?,
        };
        let Ring { key, arena, .. } = self;
        let bytes = arena.get_mut(kept.start..kept.end)?;
        let slots = bytes.chunks_mut(kept.step).zip(0..).skip(which.start.into());
        for (slot, index) in slots.take(which.len()) {
            let is_sealed = slot.first().is_some_and(|kind| *kind != 0);
            if !is_sealed && !key.seal(plain.datagrams(index..index.saturating_add(1)), slot) {
                return None;
            }
        }
        Some(Train::new(bytes, kept.step as u16))
    }

    fn enter(&mut self, what: What, number: FrameNumber, plain: Train<'_>) -> Option<Kept> {
        let count = plain.total().div_ceil(plain.step().max(1));
        let length = plain.total().saturating_add(count.saturating_mul(TAG_LEN));
        let step = plain.step().saturating_add(TAG_LEN);
        if length > self.arena.len() || count == 0 {
            return None;
        }
        let range = |kept: &Kept| kept.start..kept.end;
        let start = make_room(&mut self.kept, self.most, self.head, self.arena.len(), length, range);
        let end = start.saturating_add(length);
        for slot in self.arena.get_mut(start..end)?.chunks_mut(step) {
            slot.iter_mut().take(1).for_each(|kind| *kind = 0);
        }
        self.head = end;
        let kept = Kept { what, number, start, end, step };
        self.kept.push_back(kept);
        Some(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jpeg::Size;
    use crate::time::{Stamp, Time};
    use crate::wire::StreamId;
    use crate::wire::data::{Data, SLATE};
    use zeroize::Zeroizing;

    const DATAGRAM: u16 = 1436;

    fn key() -> StreamKey {
        StreamKey::new(Zeroizing::new([1; 32]))
    }

    fn reel(frames: u32, bytes: usize) -> Reel {
        let mut reel = Reel::new(1 << 20, DATAGRAM, StreamId(7));
        for number in 1..=frames {
            let stamp = Stamp { captured: Time::from_millis(u64::from(number) * 33), sequence: number };
            let frame: Vec<u8> = (0..bytes).map(|at| (at as u32 * number) as u8).collect();
            reel.push(&frame, Size { width: 8, height: 8 }, stamp, 0).unwrap();
        }
        reel
    }

    fn sealed(ring: &mut Ring, reel: &Reel, number: u32, which: Range<u16>) -> Vec<u8> {
        let frame = reel.frame(FrameNumber(number)).unwrap();
        let train = ring.train(What::Frame, frame.number(), frame.train(), which.clone()).unwrap();
        train.datagrams(which).to_vec()
    }

    #[test]
    fn each_datagram_opens_to_the_reel_s_own() {
        let (reel, mut ring) = (reel(3, 20_000), Ring::with_room(key(), 1 << 16));
        for number in 1..=3 {
            let frame = reel.frame(FrameNumber(number)).unwrap();
            let bytes = sealed(&mut ring, &reel, number, 0..frame.fragments());
            for (datagram, index) in bytes.chunks(usize::from(DATAGRAM) + TAG_LEN).zip(0..) {
                let mut room = [0; 1500];
                let open = key().open(datagram, &mut room).unwrap();
                assert_eq!(open, frame.datagrams(index..index + 1));
                assert!(Data::parse(open).is_ok());
            }
        }
    }

    #[test]
    fn what_has_given_way_is_sealed_again_to_the_same_bytes() {
        let (reel, mut ring) = (reel(9, 20_000), Ring::with_room(key(), 50_000));
        let first = sealed(&mut ring, &reel, 1, 0..15);
        let parts = [sealed(&mut ring, &reel, 2, 3..5), sealed(&mut ring, &reel, 2, 0..3)];
        let (kept, head) = (ring.kept.len(), ring.head);
        assert_eq!(sealed(&mut ring, &reel, 2, 0..5), [&parts[1][..], &parts[0]].concat());
        assert_eq!((ring.kept.len(), ring.head), (kept, head), "it lay there");
        for number in 3..=9 {
            sealed(&mut ring, &reel, number, 0..15);
        }
        assert!(ring.kept.iter().all(|kept| kept.number != FrameNumber(1)));
        assert_eq!(sealed(&mut ring, &reel, 1, 0..15), first);
        assert_eq!(sealed(&mut ring, &reel, 1, 14..15), first[14 * 1452..]);
    }

    #[test]
    fn slates_and_rows_have_numbers_of_their_own() {
        let (reel, mut ring) = (reel(1, 3_000), Ring::with_room(key(), 1 << 16));
        let mut slates = Reel::new(1 << 20, DATAGRAM, StreamId(7));
        slates.push(&[5; 3_000], Size { width: 8, height: 8 }, Stamp::default(), SLATE).unwrap();
        let frame = sealed(&mut ring, &reel, 1, 0..3);
        let slate = slates.newest().unwrap();
        let train =
            ring.train(What::Slate, slate.number(), slate.train(), 0..3).unwrap().datagrams(0..3).to_vec();
        assert_ne!(train, frame);
        let rows = vec![0x11; 2 * usize::from(DATAGRAM)];
        let rows = Train::new(&rows, DATAGRAM);
        let rows = ring.train(What::Rows, FrameNumber(1), rows, 0..9).unwrap().datagrams(0..9).len();
        assert_eq!(rows, 2 * 1452);
        assert_eq!(sealed(&mut ring, &reel, 1, 0..3), frame);
    }

    #[test]
    fn a_train_without_room_is_none() {
        let (reel, mut ring) = (reel(1, 20_000), Ring::with_room(key(), 20_000));
        let frame = reel.newest().unwrap();
        assert!(ring.train(What::Frame, frame.number(), frame.train(), 0..1).is_none());
        let ring = Ring::new(key(), &reel);
        assert!(ring.arena.len() >= reel.capacity(), "the largest frame of a small reel is as large as that");
    }
}
