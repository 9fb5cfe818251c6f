//! The first bytes of a TCP connection. A digit begins a plain join, `C` a native one; anything else is a stranger.

use crate::time::Time;
use crate::wire::join::{GREETING, Join, LineError, MAX_LINE};
use crate::wire::plain;
use crate::wire::sealed;
use arrayvec::ArrayVec;
use std::fmt;
use std::time::Duration;

/// A whole join has to arrive within this time, however slowly its bytes come.
pub const DEADLINE: Duration = Duration::from_secs(2);

/// A plain client's port has no end mark: it is complete when nothing came after its last digit for this long.
pub const QUIET: Duration = Duration::from_millis(100);

/// What has been read of a join so far.
#[derive(Debug)]
pub struct Greeting {
    bytes: ArrayVec<u8, MAX_LINE>,
    deadline: Time,
    last_byte: Time,
}

/// A complete join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Of the original protocol: send to this UDP port.
    Plain(u16),
    /// Of our own.
    Native(Join),
    /// Of our own, sealed: a message that only who has the key can read.
    Sealed(Vec<u8>),
}

/// Why a connection is closed without a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GreetingError {
    /// Neither a port number nor `CAMCAST/1`; the flag says that it looks like a browser.
    Unknown {
        /// It begins as HTTP does.
        http: bool,
    },
    /// Digits that are no port, or one below [`plain::MIN_PORT`].
    Port,
    /// A native join that cannot be read.
    Line(LineError),
    /// Nothing complete within [`DEADLINE`], or the connection was closed before.
    Unfinished,
}

impl fmt::Display for GreetingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GreetingError::Unknown { http: true } => {
                f.write_str("this port does not speak HTTP: record with camrec, or join with CAMCAST/1")
            }
            GreetingError::Unknown { http: false } => {
                f.write_str("expected a UDP port number in digits, or: CAMCAST/1 join")
            }
            GreetingError::Port => write!(f, "expected a UDP port from {} to 65535", plain::MIN_PORT),
            GreetingError::Line(bad) => bad.fmt(f),
            GreetingError::Unfinished => f.write_str("no complete join line"),
        }
    }
}

impl Greeting {
    /// A connection that was accepted at `now`.
    pub fn new(now: Time) -> Self {
        Greeting { bytes: ArrayVec::new(), deadline: now.after(DEADLINE), last_byte: now }
    }

    /// Takes bytes as they come. The answer is there as soon as the join is complete or hopeless.
    ///
    /// # Errors
    /// [`GreetingError`], which is also what the client is told.
    pub fn handle_bytes(&mut self, bytes: &[u8], now: Time) -> Result<Option<Request>, GreetingError> {
        self.last_byte = now;
        let fits = bytes.len().min(self.bytes.remaining_capacity());
        self.bytes.extend(bytes.iter().copied().take(fits));
        match self.bytes.first() {
            None => Ok(None),
            Some(b'0'..=b'9') => self.plain_so_far(),
            Some(_) => self.native_so_far(fits < bytes.len()),
        }
    }

    /// The client has closed its side.
    ///
    /// # Errors
    /// [`GreetingError::Unfinished`] if what came is no complete join.
    pub fn handle_eof(&self) -> Result<Request, GreetingError> {
        if self.bytes.first().is_some_and(u8::is_ascii_digit) {
            return self.port();
        }
        Err(GreetingError::Unfinished)
    }

    /// The time of [`next_timeout`](Self::next_timeout) has come.
    ///
    /// # Errors
    /// [`GreetingError::Unfinished`] if it was the deadline.
    pub fn handle_timeout(&self, now: Time) -> Result<Option<Request>, GreetingError> {
        if self.is_quiet_port() && now >= self.last_byte.after(QUIET) {
            return self.port().map(Some);
        }
        if now >= self.deadline { Err(GreetingError::Unfinished) } else { Ok(None) }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout). Changes with each byte.
    pub fn next_timeout(&self) -> Time {
        if self.is_quiet_port() { self.deadline.min(self.last_byte.after(QUIET)) } else { self.deadline }
    }

    fn is_quiet_port(&self) -> bool {
        self.bytes.first().is_some_and(u8::is_ascii_digit)
    }

    fn plain_so_far(&self) -> Result<Option<Request>, GreetingError> {
        let complete =
            self.bytes.len() >= plain::MAX_DIGITS || self.bytes.iter().any(|b| !b.is_ascii_digit());
        if complete { self.port().map(Some) } else { Ok(None) }
    }

    fn native_so_far(&self, overflow: bool) -> Result<Option<Request>, GreetingError> {
        if self.bytes.iter().zip(GREETING.as_bytes()).any(|(is, should)| is != should) {
            return Err(GreetingError::Unknown { http: looks_like_http(&self.bytes) });
        }
        let line = self.bytes.iter().position(|b| *b == b'\n').and_then(|end| self.bytes.get(..end));
        match line {
            Some(line) => {
                let request = match sealed::parse(line) {
                    Some(message) => message.map(Request::Sealed),
                    None => Join::parse(line).map(Request::Native),
                };
                request.map(Some).map_err(GreetingError::Line)
            }
            None if overflow || self.bytes.is_full() => Err(GreetingError::Line(LineError::Verb)),
            None => Ok(None),
        }
    }

    fn port(&self) -> Result<Request, GreetingError> {
        let port = plain::parse_port(&self.bytes).filter(|port| *port >= plain::MIN_PORT);
        port.map(Request::Plain).ok_or(GreetingError::Port)
    }
}

fn looks_like_http(bytes: &[u8]) -> bool {
    [&b"GET "[..], b"HEAD", b"POST", b"OPTI"].iter().any(|method| bytes.starts_with(method))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: Time = Time::from_millis(1000);

    fn feed(bytes: &[u8]) -> Result<Option<Request>, GreetingError> {
        Greeting::new(START).handle_bytes(bytes, START)
    }

    #[test]
    fn a_port_without_newline_is_complete_after_a_pause() {
        let mut greeting = Greeting::new(START);
        assert_eq!(greeting.handle_bytes(b"50", START), Ok(None));
        let later = START.after(QUIET / 2);
        assert_eq!(greeting.handle_bytes(b"05", later), Ok(None));
        assert_eq!(greeting.handle_timeout(START.after(QUIET)), Ok(None));
        assert_eq!(greeting.next_timeout(), later.after(QUIET));
        assert_eq!(greeting.handle_timeout(later.after(QUIET)), Ok(Some(Request::Plain(5005))));
    }

    #[test]
    fn a_port_is_complete_with_five_digits_a_newline_or_the_end() {
        assert_eq!(feed(b"50051"), Ok(Some(Request::Plain(50051))));
        assert_eq!(feed(b"5005\n"), Ok(Some(Request::Plain(5005))));
        let mut greeting = Greeting::new(START);
        assert_eq!(greeting.handle_bytes(b"5005", START), Ok(None));
        assert_eq!(greeting.handle_eof(), Ok(Request::Plain(5005)));
    }

    #[test]
    fn system_ports_and_nonsense_are_refused() {
        assert_eq!(feed(b"53\n"), Err(GreetingError::Port));
        assert_eq!(feed(b"99999"), Err(GreetingError::Port));
        assert_eq!(feed(b"GET / HTTP/1.1\r\n"), Err(GreetingError::Unknown { http: true }));
        assert_eq!(feed(b"\x16\x03\x01"), Err(GreetingError::Unknown { http: false }));
        assert_eq!(feed(b"CAMERA"), Err(GreetingError::Unknown { http: false }));
    }

    #[test]
    fn a_native_line_may_come_in_any_pieces() {
        let line = b"CAMCAST/1 join policy=every\n";
        for cut in 1..line.len() {
            let mut greeting = Greeting::new(START);
            assert_eq!(greeting.handle_bytes(&line[..cut], START), Ok(None), "cut at {cut}");
            let whole = greeting.handle_bytes(&line[cut..], START);
            assert!(matches!(whole, Ok(Some(Request::Native(_)))), "cut at {cut}: {whole:?}");
        }
    }

    #[test]
    fn endless_lines_and_dawdlers_end() {
        let mut greeting = Greeting::new(START);
        assert_eq!(greeting.handle_bytes(b"CAMCAST/1 join ", START), Ok(None));
        assert!(greeting.handle_bytes(&[b'x'; 600], START).is_err());
        let mut greeting = Greeting::new(START);
        assert_eq!(greeting.handle_bytes(b"CAM", START.after(DEADLINE / 2)), Ok(None));
        assert_eq!(greeting.next_timeout(), START.after(DEADLINE));
        assert_eq!(greeting.handle_timeout(START.after(DEADLINE)), Err(GreetingError::Unfinished));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(pieces: Vec<Vec<u8>>) {
            let mut greeting = Greeting::new(START);
            for piece in &pieces {
                if greeting.handle_bytes(piece, START) != Ok(None) {
                    break;
                }
            }
            let _ = (greeting.handle_eof(), greeting.handle_timeout(START.after(DEADLINE)));
        }
    }
}
