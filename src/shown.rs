//! What others have named, as people may be shown it: one line, whatever is in it, and nothing that a terminal obeys.
//!
//! Names of files are bytes. Those that are no text are shown as `\xE9`, control characters and what is invisible or turns
//! text around as `\n` or `\u{1b}`. A backslash stays one, so that what has been shown may be shown again.

#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::fmt::{self, Display, Write};

/// A name, such as a path.
pub fn shown<Name: AsRef<OsStr> + ?Sized>(name: &Name) -> Shown<'_> {
    Shown(name.as_ref())
}

/// A name to be shown.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a>(&'a OsStr);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.as_encoded_bytes().utf8_chunks() {
            Tamed(f).write_str(chunk.valid())?;
            write_bytes(f, chunk.invalid())?;
        }
        Ok(())
    }
}

/// Words that hold others' words, on one line.
pub fn one_line(words: impl Display) -> impl Display {
    OneLine(words)
}

struct OneLine<Words>(Words);

impl<Words: Display> Display for OneLine<Words> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Tamed(f), "{}", self.0)
    }
}

/// A name for programs: as it is, but for bytes that are no text, which are shown.
pub fn for_programs<Name: AsRef<OsStr> + ?Sized>(name: &Name) -> String {
    let mut text = String::new();
    for chunk in name.as_ref().as_encoded_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        // writing into a String cannot fail
        let _ = write_bytes(&mut text, chunk.invalid());
    }
    text
}

fn write_bytes(to: &mut impl Write, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(to, "\\x{byte:02X}"))
}

/// Lets through what a terminal only shows.
struct Tamed<'a, To>(&'a mut To);

impl<To: Write> Write for Tamed<'_, To> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.find(is_wild) {
            let (plain, after) = rest.split_at(at);
            self.0.write_str(plain)?;
            let mut chars = after.chars();
            chars.next().into_iter().try_for_each(|wild| write!(self.0, "{}", wild.escape_default()))?;
            rest = chars.as_str();
        }
        self.0.write_str(rest)
    }
}

/// Control characters, and those of Unicode's format characters (Cf) and separators that are invisible or change the
/// direction of what follows.
fn is_wild(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(char, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::ffi::OsStrExt;

    fn show(bytes: &[u8]) -> String {
        shown(OsStr::from_bytes(bytes)).to_string()
    }

    #[test]
    fn usual_names_are_shown_as_they_are() {
        for name in
            ["/srv/rec/2026-11-26/10-00-00.mkv", "Kamera Küche", "e\u{301}té", "カメラ", "a\\b 'c' \"d\"", ""]
        {
            assert_eq!(show(name.as_bytes()), name);
        }
    }

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        assert_eq!(show(b"a\nb\r\tc"), "a\\nb\\r\\tc");
        assert_eq!(show(b"\x1b]0;title\x07"), "\\u{1b}]0;title\\u{7}");
        assert_eq!(show("\u{9b}2J\u{7f}".as_bytes()), "\\u{9b}2J\\u{7f}", "C1 control characters");
        assert_eq!(show("gpj.\u{202e}exe".as_bytes()), "gpj.\\u{202e}exe");
        assert_eq!(one_line(format_args!("a {}\n", "b\x1bc")).to_string(), "a b\\u{1b}c\\n");
    }

    #[test]
    fn bytes_that_are_no_text_are_shown() {
        assert_eq!(show(b"caf\xe9/\xff.jpg"), "caf\\xE9/\\xFF.jpg");
        assert_eq!(for_programs(OsStr::from_bytes(b"caf\xe9\n")), "caf\\xE9\n");
        assert_eq!(for_programs("a\x1bb"), "a\x1bb");
    }

    proptest! {
        #[test]
        fn whatever_it_is_it_is_one_tame_line(bytes: Vec<u8>) {
            let text = show(&bytes);
            prop_assert!(!text.contains(is_wild), "{:?}", text);
            prop_assert_eq!(one_line(&text).to_string(), text, "once shown it stays");
        }
    }
}
