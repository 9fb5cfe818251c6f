//! The join's two messages: `Noise_NNpsk0_25519_ChaChaPoly_BLAKE2s`, with the key as what both have shared before.
//!
//! Who has no key can neither make the first message nor read the second. Whoever hears both, and gets the key later, cannot read what
//! was said: that takes the two sides' fresh keys. The first message can be said again by somebody who has heard it, and then leads
//! nowhere, since the answer cannot be read; [`Said`] turns it away.

use super::{Channel, Key, Secret};
use crate::wire::sealed::MAX_SEALED;
use arrayvec::ArrayVec;
use snow::params::{CipherChoice, DHChoice, HashChoice, NoiseParams};
use snow::resolvers::{CryptoResolver, DefaultResolver};
use snow::types::{Cipher, Dh, Hash, Random};
use snow::{Builder, HandshakeState};
use std::collections::VecDeque;
use std::fmt;
use zeroize::{Zeroize, Zeroizing};

const NOISE: &str = "Noise_NNpsk0_25519_ChaChaPoly_BLAKE2s";

/// What both sides are about to do: a message of another protocol with the same key is none of this one.
const PROLOGUE: &[u8] = b"CAMCAST/1 sealed";

/// Octets of a message that its words do not need: a fresh public key and a tag.
const AROUND: usize = 48;

/// The longest words of a message, in octets.
pub const MAX_WORDS: usize = MAX_SEALED - AROUND;

/// Joins that are known to have been said.
const SAID: usize = 1024;

/// A message, as it travels.
pub type Message = ArrayVec<u8, MAX_SEALED>;

/// What a message says, which nobody else is to see.
pub type Words = Zeroizing<Vec<u8>>;

/// Why there is no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeError {
    /// The message was made with another key, or by somebody without one, or was changed on the way.
    Key,
    /// What is to be said is too long.
    Words,
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HandshakeError::Key => "the keys are not the same",
            HandshakeError::Words => "too long for a join",
        })
    }
}

impl std::error::Error for HandshakeError {}

/// The client's side, between the two messages.
pub struct Asking(HandshakeState);

/// The server's.
pub struct Answering(HandshakeState);

/// Says the client's words. `random` is fresh for each join.
///
/// # Errors
/// [`HandshakeError::Words`].
pub fn ask(key: &Key, random: &Secret, words: &[u8]) -> Result<(Asking, Message), HandshakeError> {
    let mut state = begin(key, random, true)?;
    let message = write(&mut state, words)?;
    Ok((Asking(state), message))
}

/// Reads a client's message: its words, and what is needed to answer. `random` is fresh for each.
///
/// # Errors
/// [`HandshakeError::Key`].
pub fn hear(key: &Key, random: &Secret, message: &[u8]) -> Result<(Answering, Words), HandshakeError> {
    let mut state = begin(key, random, false)?;
    let words = read(&mut state, message)?;
    Ok((Answering(state), words))
}

impl Answering {
    /// Says the server's words.
    ///
    /// # Errors
    /// [`HandshakeError::Words`].
    pub fn answer(mut self, words: &[u8]) -> Result<(Channel, Message), HandshakeError> {
        let message = write(&mut self.0, words)?;
        Ok((split(&mut self.0, false), message))
    }
}

impl Asking {
    /// Reads the server's message: its words.
    ///
    /// # Errors
    /// [`HandshakeError::Key`].
    pub fn finish(mut self, message: &[u8]) -> Result<(Channel, Words), HandshakeError> {
        let words = read(&mut self.0, message)?;
        Ok((split(&mut self.0, true), words))
    }
}

impl fmt::Debug for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asking(..)")
    }
}

impl fmt::Debug for Answering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answering(..)")
    }
}

fn begin(key: &Key, random: &Secret, is_client: bool) -> Result<HandshakeState, HandshakeError> {
    let params: NoiseParams = NOISE.parse().map_err(|_| HandshakeError::Key)?;
    let builder = Builder::with_resolver(params, Box::new(Resolver(random.clone())));
    let builder = builder.prologue(PROLOGUE).and_then(|builder| builder.psk(0, key.bytes()));
    let state = builder.and_then(|builder| match is_client {
        true => builder.build_initiator(),
        false => builder.build_responder(),
    });
    // cannot fail: the pattern is known, and the key has its length
    state.map_err(|_| HandshakeError::Key)
}

fn write(state: &mut HandshakeState, words: &[u8]) -> Result<Message, HandshakeError> {
    let mut room = [0; MAX_SEALED];
    let length = state.write_message(words, &mut room).map_err(|_| HandshakeError::Words)?;
    Ok(room.iter().copied().take(length).collect())
}

fn read(state: &mut HandshakeState, message: &[u8]) -> Result<Words, HandshakeError> {
    let mut words = Zeroizing::new(vec![0; MAX_SEALED]);
    let message = Some(message).filter(|message| message.len() <= MAX_SEALED).ok_or(HandshakeError::Key)?;
    let length = state.read_message(message, &mut words).map_err(|_| HandshakeError::Key)?;
    words.truncate(length);
    Ok(words)
}

fn split(state: &mut HandshakeState, is_client: bool) -> Channel {
    let (mut up, mut down) = state.dangerously_get_raw_split();
    let channel = if is_client { Channel::new(&up, &down) } else { Channel::new(&down, &up) };
    up.zeroize();
    down.zeroize();
    channel
}

/// Noise's parts, with what is random as it was handed in.
struct Resolver(Secret);

impl CryptoResolver for Resolver {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(Given(Some(self.0.clone()))))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        DefaultResolver.resolve_dh(choice)
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        DefaultResolver.resolve_hash(choice)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        DefaultResolver.resolve_cipher(choice)
    }
}

/// Gives them once: each side of a join makes one fresh key.
struct Given(Option<Secret>);

impl Random for Given {
    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), snow::Error> {
        match self.0.take() {
            Some(random) if to.len() == random.len() => {
                to.copy_from_slice(&*random);
                Ok(())
            }
            _ => Err(snow::Error::Rng),
        }
    }
}

/// Joins that have been said, by the fresh public keys that they begin with: one that comes again was recorded by somebody. The
/// oldest are forgotten, and would only take a place for as long as nobody else needs it.
#[derive(Debug)]
pub struct Said(VecDeque<[u8; 16]>);

impl Default for Said {
    fn default() -> Self {
        Said(VecDeque::with_capacity(SAID))
    }
}

impl Said {
    /// This one is new, and is remembered. Only for one that was made with the key.
    pub fn is_new(&mut self, message: &[u8]) -> bool {
        let Some(begin) = message.first_chunk() else { return false };
        if self.0.contains(begin) {
            return false;
        }
        if self.0.len() == SAID {
            self.0.pop_front();
        }
        self.0.push_back(*begin);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(byte: u8) -> Key {
        Key::new(Zeroizing::new([byte; 32]))
    }

    fn random(byte: u8) -> Secret {
        Zeroizing::new([byte; 32])
    }

    #[test]
    fn both_say_their_words_and_share_a_channel() {
        let (asking, message) = ask(&key(1), &random(2), b"join").unwrap();
        assert_eq!(message.len(), 4 + AROUND);
        let (answering, words) = hear(&key(1), &random(3), &message).unwrap();
        assert_eq!(*words, b"join");
        let (mut server, message) = answering.answer(b"ok").unwrap();
        let (mut client, words) = asking.finish(&message).unwrap();
        assert_eq!(*words, b"ok");
        let (datagram, mut room) = ([0x1b; 12], [0; 64]);
        let sealed = client.seal(&datagram, &mut room).unwrap().len();
        let mut opened = [0; 64];
        assert_eq!(server.open(&room[..sealed], &mut opened).unwrap(), datagram);
        let sealed = server.seal(&datagram, &mut room).unwrap().len();
        assert!(server.open(&room[..sealed], &mut opened).is_err(), "its own, echoed");
        assert_eq!(client.open(&room[..sealed], &mut opened).unwrap(), datagram);
    }

    #[test]
    fn another_key_is_told_by_either_side() {
        let (asking, message) = ask(&key(1), &random(2), b"join").unwrap();
        assert_eq!(hear(&key(9), &random(3), &message).err(), Some(HandshakeError::Key));
        let (answering, _) = hear(&key(1), &random(3), &message).unwrap();
        drop(answering);
        // somebody who has no key answers all the same
        let (_, forged) = ask(&key(9), &random(4), b"ok").unwrap();
        assert_eq!(asking.finish(&forged).err(), Some(HandshakeError::Key));
    }

    #[test]
    fn what_is_said_again_cannot_be_gone_on_with() {
        let mut said = Said::default();
        let (asking, message) = ask(&key(1), &random(2), b"join").unwrap();
        assert!(said.is_new(&message));
        let (first, _) = hear(&key(1), &random(3), &message).unwrap();
        let (second, _) = hear(&key(1), &random(4), &message).unwrap();
        assert!(!said.is_new(&message));
        let (mut server, _) = second.answer(b"ok").unwrap();
        let (_, answer) = first.answer(b"ok").unwrap();
        let (mut client, _) = asking.finish(&answer).unwrap();
        let mut room = [0; 64];
        let sealed = client.seal(&[0x1b; 12], &mut room).unwrap().len();
        assert!(server.open(&room[..sealed], &mut [0; 64]).is_err(), "each answer has keys of its own");
        for byte in 0..SAID {
            assert!(said.is_new(&[&(byte as u16).to_be_bytes()[..], &[7; 40]].concat()));
        }
        assert!(said.is_new(&message), "it is forgotten");
        assert!(!said.is_new(b"short"));
    }

    #[test]
    fn words_have_a_limit() {
        assert!(ask(&key(1), &random(2), &[b'x'; MAX_WORDS]).is_ok());
        assert_eq!(ask(&key(1), &random(2), &[b'x'; MAX_WORDS + 1]).err(), Some(HandshakeError::Words));
    }

    proptest! {
        #[test]
        fn each_flipped_bit_is_refused(at in 0..64usize, bit in 0..8u32, side: bool) {
            let (asking, mut first) = ask(&key(1), &random(2), b"join policy=news").unwrap();
            let flip = |message: &mut Message| message[at] ^= 1 << bit;
            if side {
                flip(&mut first);
                let heard = hear(&key(1), &random(3), &first);
                // X25519 leaves the last bit of a public key out, but the transcript has it
                prop_assert_eq!(heard.err(), Some(HandshakeError::Key));
            } else {
                let (answering, _) = hear(&key(1), &random(3), &first).unwrap();
                let (_, mut second) = answering.answer(b"ok token=1234567").unwrap();
                flip(&mut second);
                prop_assert_eq!(asking.finish(&second).err(), Some(HandshakeError::Key));
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let (asking, _) = ask(&key(1), &random(2), b"join").unwrap();
            let _ = (hear(&key(1), &random(3), &bytes), asking.finish(&bytes));
            let _ = Said::default().is_new(&bytes);
        }
    }
}
