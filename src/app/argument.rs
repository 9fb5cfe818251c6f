//! Arguments as they were typed: a path is bytes, whatever these are, and a lone `-` is standard input or output.
//!
//! argh reads text only. What is none goes through it in disguise: each byte as one of the last 256 code points, which are for
//! private use, and which stand for themselves no more.

use crate::shown::shown;
use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::str::FromStr;

/// The disguise of byte 0.
const FIRST: u32 = 0x10_ff00;

/// An argument that may be any bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Argument(OsString);

impl Argument {
    /// As a path.
    pub fn path(&self) -> &Path {
        Path::new(&self.0)
    }

    /// As bytes.
    pub fn os(&self) -> &OsStr {
        &self.0
    }

    /// As text, if it is that.
    pub fn text(&self) -> Option<&str> {
        self.0.to_str()
    }

    /// Standard input or output.
    pub fn is_stdio(&self) -> bool {
        self.0 == "-"
    }
}

impl From<&str> for Argument {
    fn from(text: &str) -> Self {
        Argument(text.into())
    }
}

impl FromStr for Argument {
    type Err = Infallible;

    /// Out of its disguise.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        let mut bytes = Vec::with_capacity(text.len());
        for char in text.chars() {
            match byte_of(char) {
                Some(byte) => bytes.push(byte),
                None => bytes.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        Ok(Argument(OsString::from_vec(bytes)))
    }
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown(&self.0).fmt(f)
    }
}

/// An argument in disguise: text is itself.
pub fn disguise(argument: &OsStr) -> String {
    let mut text = String::with_capacity(argument.len());
    let hide = |text: &mut String, bytes: &[u8]| text.extend(bytes.iter().map(|byte| hidden(*byte)));
    for chunk in argument.as_bytes().utf8_chunks() {
        for char in chunk.valid().chars() {
            match byte_of(char) {
                Some(_) => hide(&mut text, char.encode_utf8(&mut [0; 4]).as_bytes()),
                None => text.push(char),
            }
        }
        hide(&mut text, chunk.invalid());
    }
    text
}

/// Whether there is no byte in disguise: what was typed is text.
pub fn is_text(typed: &str) -> bool {
    typed.chars().all(|char| byte_of(char).is_none())
}

/// What was typed, in a message: without its disguise.
pub fn readable(message: &str) -> String {
    if is_text(message) {
        return message.to_owned();
    }
    // out of its disguise and shown; the message's own characters stay
    message.parse().map_or_else(|error: Infallible| match error {}, |bytes: Argument| bytes.to_string())
}

fn hidden(byte: u8) -> char {
    // the last 256 of all code points are characters
    char::from_u32(FIRST + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn byte_of(char: char) -> Option<u8> {
    u32::from(char).checked_sub(FIRST).and_then(|byte| u8::try_from(byte).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_is_itself_and_a_byte_is_told() {
        assert_eq!(disguise(OsStr::new("/srv/Küche")), "/srv/Küche");
        let hidden = disguise(OsStr::from_bytes(b"caf\xe9"));
        assert!(!is_text(&hidden) && is_text("café"));
        assert_eq!(readable(&format!("--name {hidden}: no")), "--name caf\\xE9: no");
        assert!(Argument::from("-").is_stdio());
    }

    proptest! {
        #[test]
        fn nothing_is_lost(bytes: Vec<u8>) {
            let argument: Argument = disguise(OsStr::from_bytes(&bytes)).parse().unwrap();
            prop_assert_eq!(argument.os().as_bytes(), bytes);
        }

        #[test]
        fn nor_of_text(text: String, last in proptest::char::range('\u{10fe00}', char::MAX)) {
            let text = format!("{text}{last}");
            let argument: Argument = disguise(OsStr::new(&text)).parse().unwrap();
            prop_assert_eq!(argument.text(), Some(&text[..]));
        }
    }
}
