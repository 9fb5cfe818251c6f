//! ChaCha20-Poly1305 (RFC 8439) with a nonce of 64 bits, as Noise has it: four octets of zeros, then the number, least octet first.
//!
//! It is snow's own instance, behind its trait, rather than the cipher's crate at first hand: that is generic, so its inner loops would be
//! compiled with our own code, which in a build for tests made them fifty times as slow.

use super::TAG_LEN;
use snow::params::CipherChoice;
use snow::resolvers::{CryptoResolver, DefaultResolver};

/// The cipher with one key. That there is one is known, but not to the compiler.
pub(super) struct Cipher(Option<Box<dyn snow::types::Cipher>>);

impl Cipher {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        let mut cipher = DefaultResolver.resolve_cipher(&CipherChoice::ChaChaPoly);
        cipher.iter_mut().for_each(|cipher| cipher.set(key));
        Cipher(cipher)
    }

    /// Seals `plain` into `room`, which is longer by a tag. `covered` cannot be changed afterwards either. No number may be used twice.
    #[must_use]
    pub(super) fn seal(&self, number: u64, covered: &[u8], plain: &[u8], room: &mut [u8]) -> Option<()> {
        let cipher = self.0.as_ref().filter(|_| plain.len().checked_add(TAG_LEN) == Some(room.len()))?;
        cipher.encrypt(number, covered, plain, room);
        Some(())
    }

    /// Opens `sealed` into `room`, which is shorter by a tag.
    #[must_use]
    pub(super) fn open(&self, number: u64, covered: &[u8], sealed: &[u8], room: &mut [u8]) -> Option<()> {
        let cipher = self.0.as_ref().filter(|_| room.len().checked_add(TAG_LEN) == Some(sealed.len()))?;
        cipher.decrypt(number, covered, sealed, room).ok()?;
        Some(())
    }
}

impl Drop for Cipher {
    /// The key goes from memory with it.
    fn drop(&mut self) {
        self.0.iter_mut().for_each(|cipher| cipher.set(&[0; 32]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_of_another_length_are_none() {
        let cipher = Cipher::new(&[1; 32]);
        let (plain, mut room) = ([2; 20], [0; 36]);
        for length in [0, 15, 19, 20, 35] {
            assert_eq!(cipher.seal(1, b"head", &plain, &mut room[..length]), None);
            assert_eq!(cipher.open(1, b"head", &plain, &mut room[..length]), None);
        }
        assert_eq!(cipher.seal(1, b"head", &plain, &mut room), Some(()));
        let mut opened = [0; 20];
        assert_eq!(cipher.open(2, b"head", &room, &mut opened), None);
        assert_eq!(cipher.open(1, b"heat", &room, &mut opened), None);
        assert_eq!(cipher.open(1, b"head", &room, &mut opened), Some(()));
        assert_eq!(opened, plain);
    }

    /// RFC 8439, A.5: the decryption of its example, whose nonce begins with zeros.
    #[test]
    fn it_is_that_of_the_rfc() {
        let hex = |text: &str| -> Vec<u8> {
            let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
            digits
                .chunks(2)
                .map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap())
                .collect()
        };
        let key = hex("1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0");
        let covered = hex("f33388860000000000004e91");
        let number = u64::from_le_bytes(hex("0102030405060708").try_into().unwrap());
        let sealed = hex("64a0861575861af460f062c79be643bd 5e805cfd345cf389f108670ac76c8cb2
             4c6cfc18755d43eea09ee94e382d26b0 bdb7b73c321b0100d4f03b7f355894cf
             332f830e710b97ce98c8a84abd0b9481 14ad176e008d33bd60f982b1ff37c855
             9797a06ef4f0ef61c186324e2b350638 3606907b6a7c02b0f9f6157b53c867e4
             b9166c767b804d46a59b5216cde7a4e9 9040c5a40433225ee282a1b0a06c523e
             af4534d7f83fa1155b0047718cbc546a 0d072b04b3564eea1b422273f548271a
             0bb2316053fa76991955ebd63159434e cebb4e466dae5a1073a6727627097a10
             49e617d91d361094fa68f0ff77987130 305beaba2eda04df997b714d6c6f2c29
             a6ad5cb4022b02709b eead9d67890cbb22392336fea1851f38");
        let mut opened = vec![0; sealed.len() - TAG_LEN];
        let key: [u8; 32] = key.try_into().unwrap();
        assert_eq!(Cipher::new(&key).open(number, &covered, &sealed, &mut opened), Some(()));
        assert!(opened.starts_with(b"Internet-Drafts are draft documents valid for a maximum"));
    }
}
