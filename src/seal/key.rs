//! The key that camcast and its camrecs share: 32 random bytes, never words that somebody has thought of, since whoever hears a join
//! could try those.

use super::Secret;
use base64ct::{Base64Unpadded, Encoding};
use std::fmt;
use zeroize::Zeroizing;

/// How its text begins.
const PREFIX: &str = "camcast-key-1:";

const KEY_LEN: usize = 32;

/// Behind the key, so that a typo is told from a wrong key: its CRC-32.
const CHECK_LEN: usize = 4;

const CODED: usize = KEY_LEN + CHECK_LEN;

/// Letters of both: base64 without a rest.
const LETTERS: usize = CODED / 3 * 4;

/// A key.
#[derive(Clone)]
pub struct Key(Secret);

/// It is nobody's to see.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// It does not begin as one.
    Prefix,
    /// A key of a later version.
    Version,
    /// There is more than one line.
    Lines,
    /// So many letters, and not as many as a key has.
    Length(usize),
    /// The letter at this place, from 1, is none of base64's.
    Letter(usize),
    /// A letter is another one than it was.
    Check,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyError::Prefix => {
                write!(
                    f,
                    "no key: a line that begins with {PREFIX} is expected, as camcast --new-key FILE makes it"
                )
            }
            KeyError::Version => write!(f, "a key of a later version: here they begin with {PREFIX}"),
            KeyError::Lines => f.write_str("more than one line: a key is one"),
            KeyError::Length(count) => {
                write!(f, "{count} letters follow {PREFIX}, and a key has {LETTERS}: copy it again")
            }
            KeyError::Letter(place) => {
                write!(f, "letter {place} behind {PREFIX} is none that a key has: copy it again")
            }
            KeyError::Check => f.write_str("a letter of the key is wrong: copy it again"),
        }
    }
}

impl std::error::Error for KeyError {}

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
        let text = text.trim();
        let Some(letters) = text.strip_prefix(PREFIX) else {
            let is_later = text.starts_with(PREFIX.trim_end_matches("1:"));
            return Err(if is_later { KeyError::Version } else { KeyError::Prefix });
        };
        if text.lines().nth(1).is_some() {
            return Err(KeyError::Lines);
        }
        let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/');
        if let Some(place) = letters.chars().position(|c| !is_letter(c)) {
            return Err(KeyError::Letter(place.saturating_add(1)));
        }
        let mut coded = Zeroizing::new([0; CODED]);
        let is_whole = letters.len() == LETTERS && Base64Unpadded::decode(letters, &mut *coded).is_ok();
        if !is_whole {
            return Err(KeyError::Length(letters.len()));
        }
        let (Some(key), Some(check)) = (coded.first_chunk(), coded.last_chunk()) else {
            return Err(KeyError::Length(letters.len()));
        };
        if *check != check_of(key) {
            return Err(KeyError::Check);
        }
        Ok(Key(Zeroizing::new(*key)))
    }

    /// Its line, with a newline.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut coded = Zeroizing::new([0; CODED]);
        let (key, check) = coded.split_at_mut(KEY_LEN);
        key.copy_from_slice(&*self.0);
        check.copy_from_slice(&check_of(&self.0));
        let mut letters = Zeroizing::new([0; LETTERS]);
        // cannot fail: there is room for as many letters as these bytes have
        let letters = Base64Unpadded::encode(&*coded, &mut *letters).unwrap_or_default();
        Zeroizing::new([PREFIX, letters, "\n"].concat())
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_LEN] {
        &self.0
    }
}

/// Any letter that is wrong is found, and so are two that are next to each other.
fn check_of(key: &[u8; KEY_LEN]) -> [u8; CHECK_LEN] {
    crc32fast::hash(key).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "camcast-key-1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh+RJn6K\n";

    fn key() -> Key {
        Key::new(Zeroizing::new(std::array::from_fn(|place| place as u8)))
    }

    #[test]
    fn its_text_is_one_line() {
        assert_eq!(*key().to_text(), TEXT);
        for text in [TEXT, TEXT.trim(), &format!("\n  {}\r\n\n", TEXT.trim())] {
            assert_eq!(Key::parse(text).unwrap().bytes(), key().bytes());
        }
    }

    #[test]
    fn nobody_sees_it() {
        assert_eq!(format!("{:?}", key()), "Key(..)");
    }

    #[test]
    fn what_is_no_key_is_named() {
        let said = |text: &str| Key::parse(text).unwrap_err();
        assert_eq!(said(""), KeyError::Prefix);
        assert_eq!(said("secret"), KeyError::Prefix);
        assert_eq!(said("camcast-key-2:AAAA"), KeyError::Version);
        assert_eq!(said(&TEXT[..50]), KeyError::Length(36));
        assert_eq!(said(&format!("{}A", TEXT.trim())), KeyError::Length(49));
        assert_eq!(said(&TEXT.replace('+', "-")), KeyError::Letter(43));
        assert_eq!(said(&TEXT.repeat(2)), KeyError::Lines);
    }

    proptest! {
        #[test]
        fn it_round_trips(bytes: [u8; 32]) {
            let text = Key::new(Zeroizing::new(bytes)).to_text();
            let read = Key::parse(&text).unwrap();
            prop_assert_eq!(read.bytes(), &bytes);
        }

        #[test]
        fn each_typo_is_named(at in 14..62usize, letter in "[A-Za-z0-9+/]") {
            let mut text = TEXT.to_owned();
            text.replace_range(at..=at, &letter);
            let error = Key::parse(&text).err();
            prop_assert_eq!(error, (text != TEXT).then_some(KeyError::Check));
        }

        #[test]
        fn any_text_is_a_key_or_none(text: String) {
            let _ = (Key::parse(&text), Key::parse(&format!("camcast-key-1:{text}")));
        }
    }
}
