//! Keys as one line of text: what they are for, their bytes in base64, and a check, so that a typo is told from a wrong key.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

use base64ct::{Base64Unpadded, Encoding};
use std::fmt;
use zeroize::Zeroizing;

/// Bytes of a key, whatever it is for.
pub const KEY_LEN: usize = 32;

/// Behind the key: its CRC-32.
const CHECK_LEN: usize = 4;

const CODED: usize = KEY_LEN + CHECK_LEN;

/// Letters of both: base64 without a rest.
pub const LETTERS: usize = CODED / 3 * 4;

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// How its text begins.
    pub prefix: &'static str,
    /// What makes one, as it is typed.
    pub maker: &'static str,
}

/// Why a text is no key of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyError {
    /// What was expected.
    pub kind: Kind,
    /// What is wrong.
    pub flaw: Flaw,
}

/// What is wrong with a key's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
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
    /// Its letters are right, and no such key can be.
    Value,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Kind { prefix, maker } = self.kind;
        match self.flaw {
            Flaw::Prefix => {
                write!(f, "no key: a line that begins with {prefix} is expected, as {maker} makes it")
            }
            Flaw::Version => write!(f, "a key of a later version: here they begin with {prefix}"),
            Flaw::Lines => f.write_str("more than one line: a key is one"),
            Flaw::Length(count) => {
                write!(f, "{count} letters follow {prefix}, and a key has {LETTERS}: copy it again")
            }
            Flaw::Letter(place) => {
                write!(f, "letter {place} behind {prefix} is none that a key has: copy it again")
            }
            Flaw::Check => f.write_str("a letter of the key is wrong: copy it again"),
            Flaw::Value => f.write_str("no key has this value: whoever made it meant something else"),
        }
    }
}

impl std::error::Error for KeyError {}

impl Kind {
    /// Reads a key's line, with white space around it forgiven.
    ///
    /// # Errors
    /// [`KeyError`], which names a typo.
    pub fn parse(self, text: &str) -> Result<Zeroizing<[u8; KEY_LEN]>, KeyError> {
        let failed = |flaw| KeyError { kind: self, flaw };
        let text = text.trim();
        let Some(letters) = text.strip_prefix(self.prefix) else {
            let is_later = text.starts_with(self.prefix.trim_end_matches("1:"));
            return Err(failed(if is_later { Flaw::Version } else { Flaw::Prefix }));
        };
        if text.lines().nth(1).is_some() {
            return Err(failed(Flaw::Lines));
        }
        let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/');
        if let Some(place) = letters.chars().position(|c| !is_letter(c)) {
            return Err(failed(Flaw::Letter(place.saturating_add(1))));
        }
        let Ok(whole) = letters.as_bytes().try_into() else {
            return Err(failed(Flaw::Length(letters.len())));
        };
        of_letters(whole).ok_or(failed(Flaw::Check))
    }

    /// A key's line, with a newline.
    pub fn line(self, key: &[u8; KEY_LEN]) -> Zeroizing<String> {
        let letters = letters(key);
        Zeroizing::new([self.prefix, std::str::from_utf8(&*letters).unwrap_or_default(), "\n"].concat())
    }
}

/// A key's letters: its bytes and their check.
pub fn letters(key: &[u8; KEY_LEN]) -> Zeroizing<[u8; LETTERS]> {
    let mut coded = Zeroizing::new([0; CODED]);
    let (bytes, check) = coded.split_at_mut(KEY_LEN);
    bytes.copy_from_slice(key);
    check.copy_from_slice(&check_of(key));
    let mut letters = Zeroizing::new([0; LETTERS]);
    // cannot fail: there is room for as many letters as these bytes have
    let _ = Base64Unpadded::encode(&*coded, &mut *letters);
    letters
}

/// The key that has these letters.
pub fn of_letters(letters: &[u8; LETTERS]) -> Option<Zeroizing<[u8; KEY_LEN]>> {
    let mut coded = Zeroizing::new([0; CODED]);
    Base64Unpadded::decode(letters, &mut *coded).ok()?;
    let (key, check) = (coded.first_chunk()?, coded.last_chunk::<CHECK_LEN>()?);
    (*check == check_of(key)).then(|| Zeroizing::new(*key))
}

/// Any letter that is wrong is found, and so are two that are next to each other.
fn check_of(key: &[u8; KEY_LEN]) -> [u8; CHECK_LEN] {
    crc32fast::hash(key).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KIND: Kind = Kind { prefix: "camcast-key-1:", maker: "camcast --new-key FILE" };
    const TEXT: &str = "camcast-key-1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh+RJn6K\n";

    fn key() -> [u8; KEY_LEN] {
        std::array::from_fn(|place| place as u8)
    }

    #[test]
    fn its_text_is_one_line() {
        assert_eq!(*KIND.line(&key()), TEXT);
        for text in [TEXT, TEXT.trim(), &format!("\n  {}\r\n\n", TEXT.trim())] {
            assert_eq!(*KIND.parse(text).unwrap(), key());
        }
    }

    #[test]
    fn what_is_no_key_is_named() {
        let said = |text: &str| KIND.parse(text).unwrap_err().flaw;
        assert_eq!(said(""), Flaw::Prefix);
        assert_eq!(said("secret"), Flaw::Prefix);
        assert_eq!(said("camcast-key-2:AAAA"), Flaw::Version);
        assert_eq!(said(&TEXT[..50]), Flaw::Length(36));
        assert_eq!(said(&format!("{}A", TEXT.trim())), Flaw::Length(49));
        assert_eq!(said(&TEXT.replace('+', "-")), Flaw::Letter(43));
        assert_eq!(said(&TEXT.repeat(2)), Flaw::Lines);
        let other = Kind { prefix: "camcast-ed25519:", maker: "camcast --new-sign-key FILE" };
        let error = other.parse(TEXT).unwrap_err();
        assert_eq!(error.flaw, Flaw::Prefix);
        assert!(error.to_string().contains("camcast-ed25519: is expected, as camcast --new-sign-key FILE"));
    }

    proptest! {
        #[test]
        fn it_round_trips(bytes: [u8; 32]) {
            let text = KIND.line(&bytes);
            prop_assert_eq!(*KIND.parse(&text).unwrap(), bytes);
        }

        #[test]
        fn each_typo_is_named(at in 14..62usize, letter in "[A-Za-z0-9+/]") {
            let mut text = TEXT.to_owned();
            text.replace_range(at..=at, &letter);
            let flaw = KIND.parse(&text).err().map(|error| error.flaw);
            prop_assert_eq!(flaw, (text != TEXT).then_some(Flaw::Check));
        }

        #[test]
        fn any_text_is_a_key_or_none(text: String) {
            let _ = (KIND.parse(&text), KIND.parse(&format!("camcast-key-1:{text}")));
        }
    }
}
