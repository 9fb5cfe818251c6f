//! The stream's key, new at each start of camcast, and DATA under it: sealed once, the same bytes for every client and for every repair.
//!
//! ```text
//!  | header, in the clear, but covered | payload, sealed | tag (16) |
//! ```
//! The header has no tag: what opens is proved. The nonce is made of it: no other datagram of the stream has the same frame number, index and kind at the same time.

use super::cipher::Cipher;
use super::{Secret, TAG_LEN};
use crate::wire::data::{self, HEADER_LEN};
use std::fmt;

/// A stream's key.
pub struct StreamKey {
    bytes: Secret,
    cipher: Cipher,
}

impl fmt::Debug for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamKey(..)")
    }
}

impl StreamKey {
    /// Octets of it, as a join's answer carries them.
    pub const LEN: usize = 32;

    /// Of 32 random bytes.
    pub fn new(bytes: Secret) -> Self {
        let cipher = Cipher::new(&bytes);
        StreamKey { bytes, cipher }
    }

    /// Its octets, for a join's answer.
    pub fn bytes(&self) -> &[u8; Self::LEN] {
        &self.bytes
    }

    /// Seals a DATA into `room`, which has [`TAG_LEN`] octets more. False: it is none, or there is another room.
    #[must_use]
    pub fn seal(&self, datagram: &[u8], room: &mut [u8]) -> bool {
        self.try_seal(datagram, room).is_some()
    }

    fn try_seal(&self, datagram: &[u8], room: &mut [u8]) -> Option<()> {
        let (header, payload) = datagram.split_first_chunk::<HEADER_LEN>()?;
        let (header_room, payload_room) = room.split_first_chunk_mut::<HEADER_LEN>()?;
        *header_room = *header;
        self.cipher.seal(data::identity(header), header, payload, payload_room)
    }

    /// Opens a DATA into `room`. None: it was not made by somebody who has this key, or was changed on the way; or there is no room.
    pub fn open<'a>(&self, sealed: &[u8], room: &'a mut [u8]) -> Option<&'a [u8]> {
        let (header, payload) = sealed.split_first_chunk::<HEADER_LEN>()?;
        let opened = room.get_mut(..sealed.len().checked_sub(TAG_LEN)?)?;
        let (header_room, payload_room) = opened.split_first_chunk_mut::<HEADER_LEN>()?;
        *header_room = *header;
        self.cipher.open(data::identity(header), header, payload, payload_room)?;
        Some(opened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Stamp, Time};
    use crate::wire::FrameNumber;
    use crate::wire::data::{Header, PARITY, SLATE};
    use proptest::prelude::*;
    use zeroize::Zeroizing;

    fn key(byte: u8) -> StreamKey {
        StreamKey::new(Zeroizing::new([byte; 32]))
    }

    fn header() -> Header {
        Header {
            flags: 0,
            epoch: 7,
            number: FrameNumber(9),
            length: 1000,
            index: 2,
            size: 400,
            stamp: Stamp { captured: Time::from_nanos(1 << 40), sequence: 1 },
            check: 5,
        }
    }

    fn datagram(header: &Header, payload: &[u8]) -> Vec<u8> {
        let mut bytes = [0; HEADER_LEN];
        header.emit(&mut bytes);
        [&bytes[..], payload].concat()
    }

    fn sealed(key: &StreamKey, datagram: &[u8]) -> Vec<u8> {
        let mut room = vec![0; datagram.len() + TAG_LEN];
        assert!(key.seal(datagram, &mut room));
        room
    }

    #[test]
    fn a_repair_is_the_same_bytes_and_nothing_else_is() {
        let of = |header: &Header| sealed(&key(1), &datagram(header, &[0; 200]))[HEADER_LEN..].to_vec();
        let first = of(&header());
        assert_eq!(of(&header()), first);
        let late = Stamp { captured: Time::from_nanos((1 << 40) + (1 << 50)), sequence: 1 };
        for other in [
            Header { number: FrameNumber(10), ..header() },
            Header { index: 1, ..header() },
            Header { flags: SLATE, ..header() },
            Header { flags: PARITY, ..header() },
            // the numbers have come round
            Header { stamp: late, ..header() },
        ] {
            assert_ne!(of(&other)[..200], first[..200], "{other:?} has the same key stream");
        }
        let wrong = &sealed(&key(1), &datagram(&header(), &[0; 200]));
        assert_eq!(key(2).open(wrong, &mut [0; 999]), None, "another stream's key");
        assert!(!key(1).seal(&[0; HEADER_LEN - 1], &mut [0; 99]));
        assert!(!key(1).seal(&[0; 99], &mut [0; 99]));
    }

    proptest! {
        #[test]
        fn fragments_round_trip(payload in prop::collection::vec(any::<u8>(), 1..400), number: u32, index: u16) {
            let plain = datagram(&Header { number: FrameNumber(number), index, ..header() }, &payload);
            let bytes = sealed(&key(1), &plain);
            let mut room = [0; 999];
            prop_assert_eq!(key(1).open(&bytes, &mut room), Some(&plain[..]));
        }

        #[test]
        fn each_flipped_bit_is_refused(at: prop::sample::Index, bit in 0..8u32) {
            let mut bytes = sealed(&key(1), &datagram(&header(), &[5; 200]));
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(key(1).open(&bytes, &mut [0; 999]).is_none());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, mut room: Vec<u8>) {
            prop_assert!(key(1).open(&bytes, &mut [0; 999]).is_none());
            let _ = key(1).seal(&bytes, &mut room);
        }
    }
}
