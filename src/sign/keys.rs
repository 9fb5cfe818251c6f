//! The camera's key, which signs, and the public one, by which anybody can tell what it has signed (Ed25519, RFC 8032).

use crate::key_text::{self, Flaw, KEY_LEN, KeyError, Kind, LETTERS};
use ed25519_dalek::{Signature, Signer, VerifyingKey};
use std::fmt;
use zeroize::Zeroizing;

/// What the camera's key is called.
const PRIVATE: Kind = Kind { prefix: "camcast-ed25519-private:", maker: "camcast --new-sign-key FILE" };

/// What the public one is called.
const PUBLIC: Kind = Kind { prefix: "camcast-ed25519:", maker: "camcast --new-sign-key FILE" };

/// Bytes of a signature.
pub const SIGNATURE_LEN: usize = 64;

/// The camera's key. It is wiped from memory when it is dropped.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

/// It is nobody's to see.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

impl SigningKey {
    /// Of 32 random bytes.
    pub fn new(bytes: &[u8; KEY_LEN]) -> Self {
        SigningKey(ed25519_dalek::SigningKey::from_bytes(bytes))
    }

    /// Reads a key's line, with white space around it forgiven.
    ///
    /// # Errors
    /// [`KeyError`], which names a typo.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        PRIVATE.parse(text).map(|bytes| SigningKey::new(&bytes))
    }

    /// Its line, with a newline.
    pub fn to_text(&self) -> Zeroizing<String> {
        PRIVATE.line(&Zeroizing::new(self.0.to_bytes()))
    }

    /// The key by which others tell what this one has signed.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    pub(super) fn sign(&self, words: &[u8]) -> [u8; SIGNATURE_LEN] {
        self.0.sign(words).to_bytes()
    }
}

/// A camera's public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads its text, with white space around it forgiven.
    ///
    /// # Errors
    /// [`KeyError`], which names a typo.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let bytes = PUBLIC.parse(text)?;
        let key = VerifyingKey::from_bytes(&bytes).ok().filter(|key| !key.is_weak());
        key.map(PublicKey).ok_or(KeyError { kind: PUBLIC, flaw: Flaw::Value })
    }

    /// The text begins as a public key does.
    pub fn is_meant(text: &str) -> bool {
        text.trim_start().starts_with(PUBLIC.prefix)
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8; KEY_LEN] {
        self.0.as_bytes()
    }

    /// Whether the camera with this key has signed these words. A signature of one form alone is right.
    pub(super) fn has_signed(&self, words: &[u8], signature: &[u8; SIGNATURE_LEN]) -> bool {
        self.0.verify_strict(words, &Signature::from_bytes(signature)).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        public_text(self.bytes()).fmt(f)
    }
}

/// The text of a public key of which nobody has said that it is one.
pub fn public_text(key: &[u8; KEY_LEN]) -> String {
    PUBLIC.line(key).trim_end().to_owned()
}

/// Whether the text begins as a private key does.
pub fn is_private(text: &str) -> bool {
    text.trim_start().starts_with(PRIVATE.prefix)
}

/// A public key's letters, as statements have them.
pub(super) fn letters(key: &[u8; KEY_LEN]) -> [u8; LETTERS] {
    *key_text::letters(key)
}
