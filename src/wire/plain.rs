//! The original protocol: a UDP port in ASCII digits over TCP, then whole JPEGs in datagrams, each answered by a word.

/// The largest UDP payload over IPv4: 65,535 less 20 bytes of IP and 8 of UDP header.
pub const MAX_DATAGRAM: usize = 65_507;

/// The client has handled the frame and wants the next.
pub const CONTINUE: &[u8] = b"continue";

/// The client leaves. Also what a plain client is sent when camcast stops, so that it does not wait for ever.
pub const END: &[u8] = b"end";

/// The most digits of a port number.
pub const MAX_DIGITS: usize = 5;

/// Ports below this belong to system services and are refused: nobody watches video there.
pub const MIN_PORT: u16 = 1024;

/// What a plain client's datagram says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// [`CONTINUE`].
    Continue,
    /// [`END`].
    End,
}

impl Word {
    /// Reads a datagram; white space and NUL at its end are forgiven.
    pub fn parse(datagram: &[u8]) -> Option<Self> {
        match trim(datagram) {
            CONTINUE => Some(Word::Continue),
            END => Some(Word::End),
            _ => None,
        }
    }
}

/// The UDP port that a joining client has sent, once its digits are complete.
pub fn parse_port(digits: &[u8]) -> Option<u16> {
    let digits = trim(digits);
    if digits.is_empty() || digits.len() > MAX_DIGITS || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn trim(bytes: &[u8]) -> &[u8] {
    let end = bytes
        .iter()
        .rposition(|b| !b.is_ascii_whitespace() && *b != 0)
        .map_or(0, |last| last.saturating_add(1));
    bytes.get(..end).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_are_exact_but_for_their_end() {
        assert_eq!(Word::parse(b"continue"), Some(Word::Continue));
        assert_eq!(Word::parse(b"continue\r\n"), Some(Word::Continue));
        assert_eq!(Word::parse(b"end\0"), Some(Word::End));
        for other in [&b""[..], b"cont", b"continue!", b"END", b" end", b"endcontinue"] {
            assert_eq!(Word::parse(other), None, "{other:?}");
        }
    }

    #[test]
    fn ports_are_decimal() {
        assert_eq!(parse_port(b"5005"), Some(5005));
        assert_eq!(parse_port(b"5005\n"), Some(5005));
        assert_eq!(parse_port(b"65535"), Some(65535));
        for other in [&b""[..], b"65536", b"-1", b"50 05", b"050050", b"0x50"] {
            assert_eq!(parse_port(other), None, "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = (Word::parse(&bytes), parse_port(&bytes));
        }
    }
}
