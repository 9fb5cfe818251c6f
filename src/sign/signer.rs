//! Frames are signed, one after the other, as they are laid into the reel.

use super::keys::SigningKey;
use super::statement::{self, Mark, SEGMENT_LEN};
use super::{Hash, PublicKey, place};

/// The camera's key, and where the chain has come to.
#[derive(Clone, Debug)]
pub struct Signer {
    key: SigningKey,
    public: PublicKey,
    before: Hash,
}

/// A frame's statement.
#[derive(Clone, Debug)]
pub struct Signed {
    segment: [u8; SEGMENT_LEN],
    link: Hash,
}

impl Signed {
    /// The segment that makes it a signed frame.
    pub fn segment(&self) -> &[u8; SEGMENT_LEN] {
        &self.segment
    }
}

impl Signer {
    /// The next frame is the first.
    pub fn new(key: SigningKey) -> Self {
        let public = key.public();
        Signer { key, public, before: Hash::default() }
    }

    /// The key that tells its frames.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// A frame in two parts, between which its statement goes.
    pub fn part(jpeg: &[u8]) -> [&[u8]; 2] {
        let (before, behind) = jpeg.split_at_checked(place::place(jpeg)).unwrap_or((jpeg, &[]));
        [before, behind]
    }

    /// Signs a frame, which comes in two [parts](Self::part). It is the next one of the chain once it is [laid](Self::laid) in.
    pub fn sign(&self, mark: &Mark, parts: [&[u8]; 2]) -> Signed {
        let words = statement::words(mark, &self.before, self.public.bytes());
        let said = statement::said(&words, &statement::picture(parts));
        let signature = self.key.sign(said.as_bytes());
        Signed { segment: statement::segment(&words, &signature), link: statement::link(&said) }
    }

    /// The frame is in the stream: the next one comes after it.
    pub fn laid(&mut self, signed: &Signed) {
        self.before = signed.link;
    }
}
