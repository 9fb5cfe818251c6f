//! The key that camcast and its camrecs share: 32 random bytes, never words that somebody has thought of, since whoever hears a join
//! could try those.

use super::Secret;
use crate::key_text::{KEY_LEN, KeyError, Kind};
use std::fmt;
use zeroize::Zeroizing;

/// What such a key is called.
const KIND: Kind = Kind { prefix: "camcast-key-1:", maker: "camcast --new-key FILE" };

/// A key.
#[derive(Clone)]
pub struct Key(Secret);

/// It is nobody's to see.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Key {
    /// Of 32 random bytes.
    pub fn new(bytes: Secret) -> Self {
        Key(bytes)
    }

    /// Reads a key's line, with white space around it forgiven.
    ///
    /// # Errors
    /// [`KeyError`], which names a typo.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        KIND.parse(text).map(Key)
    }

    /// The text begins as such a key does.
    pub fn is_meant(text: &str) -> bool {
        text.trim_start().starts_with(KIND.prefix)
    }

    /// Its line, with a newline.
    pub fn to_text(&self) -> Zeroizing<String> {
        KIND.line(&self.0)
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_LEN] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_text_is_one_line_and_nobody_sees_it() {
        let key = Key::new(Zeroizing::new(std::array::from_fn(|place| place as u8)));
        let text = "camcast-key-1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh+RJn6K\n";
        assert_eq!(*key.to_text(), text);
        assert_eq!(Key::parse(text).unwrap().bytes(), key.bytes());
        assert!(Key::is_meant(&text[..20]) && !Key::is_meant("camcast-key-front"));
        assert_eq!(format!("{key:?}"), "Key(..)");
    }
}
