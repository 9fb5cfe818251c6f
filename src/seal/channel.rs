//! A session's own datagrams, HELLO, CONTINUE, BEAT and both ENDs: each under its direction's key, with a counter that is never the
//! same again.
//!
//! ```text
//!  0                           12        20
//!  | head, in the clear, but   | counter | the rest of the datagram, | tag (16) |
//!  | covered: up to the token  |         | sealed                    |          |
//! ```

use super::TAG_LEN;
use super::cipher::Cipher;
use super::window::Window;
use std::fmt;

/// What is not sealed, but cannot be changed: kind, flags, epoch and token.
const HEAD_LEN: usize = 12;

const COUNTER_LEN: usize = 8;

/// Octets that a datagram becomes longer by.
pub const OVERHEAD: usize = COUNTER_LEN + TAG_LEN;

/// A session's two directions, as one of its ends has them.
pub struct Channel {
    ours: Cipher,
    theirs: Cipher,
    next: u64,
    heard: Window,
}

/// Why a datagram is not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsealed {
    /// Its counter has come before, or is too far behind to tell: the network has sent it twice, or somebody has recorded it.
    Again,
    /// It was not made by the other side of this session, or was changed on the way.
    Forged,
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Channel(..)")
    }
}

impl Channel {
    /// With the keys for what we say and for what we hear.
    pub(super) fn new(ours: &[u8; 32], theirs: &[u8; 32]) -> Self {
        Channel { ours: Cipher::new(ours), theirs: Cipher::new(theirs), next: 0, heard: Window::default() }
    }

    /// Seals a datagram into `room`. None: there is no room, or it is no datagram, or all counters are used up, after which the other
    /// side hears nothing more, and joins anew.
    pub fn seal<'a>(&mut self, datagram: &[u8], room: &'a mut [u8]) -> Option<&'a [u8]> {
        let (head, rest) = datagram.split_first_chunk::<HEAD_LEN>()?;
        let counter = self.next;
        let next = counter.checked_add(1)?;
        let sealed = room.get_mut(..datagram.len().checked_add(OVERHEAD)?)?;
        let (head_room, after) = sealed.split_first_chunk_mut::<HEAD_LEN>()?;
        let (counter_room, rest_room) = after.split_first_chunk_mut::<COUNTER_LEN>()?;
        *head_room = *head;
        *counter_room = counter.to_be_bytes();
        self.ours.seal(counter, head, rest, rest_room)?;
        self.next = next;
        Some(sealed)
    }

    /// Opens one into `room`.
    ///
    /// # Errors
    /// [`Unsealed`]; and nothing has changed but what is in the room.
    pub fn open<'a>(&mut self, sealed: &[u8], room: &'a mut [u8]) -> Result<&'a [u8], Unsealed> {
        let (head, after) = sealed.split_first_chunk::<HEAD_LEN>().ok_or(Unsealed::Forged)?;
        let (counter, rest) = after.split_first_chunk::<COUNTER_LEN>().ok_or(Unsealed::Forged)?;
        let counter = u64::from_be_bytes(*counter);
        if !self.heard.is_new(counter) {
            return Err(Unsealed::Again);
        }
        let opened = self.try_open(counter, head, rest, room).ok_or(Unsealed::Forged)?;
        self.heard.take(counter);
        Ok(opened)
    }

    fn try_open<'a>(
        &self,
        counter: u64,
        head: &[u8; HEAD_LEN],
        rest: &[u8],
        room: &'a mut [u8],
    ) -> Option<&'a [u8]> {
        let length = rest.len().checked_sub(TAG_LEN)?;
        let opened = room.get_mut(..length.checked_add(HEAD_LEN)?)?;
        let (head_room, rest_room) = opened.split_first_chunk_mut::<HEAD_LEN>()?;
        *head_room = *head;
        self.theirs.open(counter, head, rest, rest_room)?;
        Some(opened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ends() -> (Channel, Channel) {
        (Channel::new(&[1; 32], &[2; 32]), Channel::new(&[2; 32], &[1; 32]))
    }

    fn sealed(by: &mut Channel, datagram: &[u8]) -> Vec<u8> {
        let mut room = [0; 600];
        by.seal(datagram, &mut room).unwrap().to_vec()
    }

    #[test]
    fn what_does_not_fit_is_not_said() {
        let (mut client, _) = ends();
        assert_eq!(client.seal(&[1; 12], &mut [0; 35]), None);
        assert_eq!(client.seal(&[1; 11], &mut [0; 99]), None);
        assert_eq!(client.seal(&[1; 12], &mut [0; 36]).map(<[u8]>::len), Some(36));
        client.next = u64::MAX;
        assert_eq!(client.seal(&[1; 12], &mut [0; 36]), None, "no counter is used twice");
    }

    #[test]
    fn another_session_s_are_refused() {
        let (mut client, _) = ends();
        let mut other = Channel::new(&[2; 32], &[3; 32]);
        assert_eq!(other.open(&sealed(&mut client, &[1; 40]), &mut [0; 99]), Err(Unsealed::Forged));
    }

    proptest! {
        #[test]
        fn datagrams_round_trip(datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 12..544), 1..8)) {
            let (mut client, mut server) = ends();
            for datagram in datagrams {
                let (bytes, mut room) = (sealed(&mut client, &datagram), [0; 600]);
                prop_assert_eq!(bytes.len(), datagram.len() + OVERHEAD);
                prop_assert_eq!(server.open(&bytes, &mut room), Ok(&datagram[..]));
            }
        }

        #[test]
        fn each_flipped_bit_is_refused(datagram in prop::collection::vec(any::<u8>(), 12..60), at: prop::sample::Index, bit in 0..8u32) {
            let (mut client, mut server) = ends();
            let whole = sealed(&mut client, &datagram);
            let mut flipped = whole.clone();
            flipped[at.index(whole.len())] ^= 1 << bit;
            prop_assert_eq!(server.open(&flipped, &mut [0; 600]).err(), Some(Unsealed::Forged));
            prop_assert!(server.open(&whole, &mut [0; 600]).is_ok(), "and the right one is still taken");
        }

        #[test]
        fn none_is_taken_twice_and_any_order_within_reach_is(seed in prop::collection::vec(any::<prop::sample::Index>(), 200)) {
            let (mut client, mut server) = ends();
            let mut under_way: Vec<Vec<u8>> = (0..200u8).map(|byte| sealed(&mut client, &[byte; 12])).collect();
            for at in seed {
                let datagram = under_way.swap_remove(at.index(under_way.len()));
                prop_assert!(server.open(&datagram, &mut [0; 600]).is_ok());
                prop_assert_eq!(server.open(&datagram, &mut [0; 600]).err(), Some(Unsealed::Again));
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, mut room: Vec<u8>) {
            let (mut client, _) = ends();
            prop_assert!(client.open(&bytes, &mut room).is_err());
            let _ = client.seal(&bytes, &mut [0; 100]).map(<[u8]>::len);
        }
    }
}
