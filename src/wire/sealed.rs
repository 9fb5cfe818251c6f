//! A sealed join's line: one message each way, as base64. What it says is Noise's (docs/PROTOCOL.md, *Sealed*).

use super::VERSION;
use super::join::{GREETING, LineError};
use base64ct::{Base64Unpadded, Encoding};

/// The longest message in octets: its line fits [`MAX_LINE`](super::join::MAX_LINE).
pub const MAX_SEALED: usize = 370;

/// Letters of the longest message.
const MAX_LETTERS: usize = 494;

/// The line's second word.
pub const VERB: &str = "sealed";

/// The line that carries this message.
pub fn line(message: &[u8]) -> String {
    let letters = Base64Unpadded::encode_string(message);
    format!("{GREETING}{VERSION} {VERB} {letters}\n")
}

/// The message of a line, with or without its newline. None: it is no sealed line.
///
/// # Errors
/// [`LineError::Word`]: what it carries is no message.
pub fn parse(line: &[u8]) -> Option<Result<Vec<u8>, LineError>> {
    let line = std::str::from_utf8(line).ok()?.trim_end();
    let letters = line.strip_prefix(GREETING)?.strip_prefix("1 ")?.strip_prefix(VERB)?;
    let letters = letters.strip_prefix(' ')?;
    let mut room = [0; MAX_SEALED];
    if letters.len() > MAX_LETTERS {
        return Some(Err(LineError::Word(VERB)));
    }
    let message = Base64Unpadded::decode(letters, &mut room).map_err(|_| LineError::Word(VERB));
    Some(message.map(<[u8]>::to_vec))
}

#[cfg(test)]
mod tests {
    use super::super::join::MAX_LINE;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_longest_fits_a_line() {
        assert_eq!(line(&[7; MAX_SEALED]).len(), MAX_LINE);
        assert!(parse(line(&[7; MAX_SEALED + 1]).as_bytes()).unwrap().is_err());
        assert_eq!(line(b"\xff\x00\x01"), "CAMCAST/1 sealed /wAB\n");
        assert_eq!(VERSION, 1, "as it is read");
    }

    #[test]
    fn other_lines_are_none() {
        for other in [
            &b"CAMCAST/1 join"[..],
            b"CAMCAST/2 sealed AAAA",
            b"CAMCAST/1 sealed",
            b"GET / HTTP/1.1",
            b"\xff",
        ] {
            assert!(parse(other).is_none(), "{other:?}");
        }
        for bad in [
            &b"CAMCAST/1 sealed A"[..],
            b"CAMCAST/1 sealed AAA=",
            b"CAMCAST/1 sealed AA AA",
            b"CAMCAST/1 sealed -_-_",
        ] {
            assert_eq!(parse(bad), Some(Err(LineError::Word("sealed"))));
        }
    }

    proptest! {
        #[test]
        fn messages_round_trip(message in prop::collection::vec(any::<u8>(), 1..=MAX_SEALED)) {
            let read = parse(line(&message).as_bytes()).unwrap().unwrap();
            prop_assert_eq!(&read[..], &message[..]);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, text: String) {
            let _ = (parse(&bytes), parse(format!("CAMCAST/1 sealed {text}").as_bytes()));
        }
    }
}
