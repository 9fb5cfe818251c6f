//! HELLO, CONTINUE and END: what a native client says. Each carries the session's token.
//!
//! ```text
//!            0      1       2       4         12      16           18         20     24       28        32
//!  HELLO     | kind | flags | epoch | token   | stamp | path mtu   | 0        | zero padding ..
//!  CONTINUE  | kind | flags | epoch | token   | stamp | through               | seen | rtt µs | arrived | missing ..
//!  END       | kind | 0     | epoch | token   |
//!  one missing entry: | frame number (4) | first fragment (2) | fragments (2) |
//! ```

use super::server::token_at_4;
use super::{FrameNumber, Kind, ParseError, Token};
use arrayvec::ArrayVec;

/// Octets of an unpadded HELLO.
pub const HELLO_LEN: usize = 20;
/// Octets of a CONTINUE before its missing list.
pub const CONTINUE_LEN: usize = 32;
/// Octets of an END.
pub const END_LEN: usize = 12;
/// Octets of an entry of the missing list.
pub const MISSING_LEN: usize = 8;
/// Entries that a CONTINUE may carry: it stays below 576 octets, which every path takes.
pub const MAX_MISSING: usize = 64;

/// Octets of the longest CONTINUE.
pub const MAX_CONTINUE_LEN: usize = CONTINUE_LEN + MAX_MISSING * MISSING_LEN;

/// HELLO: from the socket that the stream shall be sent to. Repeated until the server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The stream's epoch, from the join's reply.
    pub epoch: u16,
    /// The session's token, from the join's reply.
    pub token: Token,
    /// Any number; the next BEAT echoes it.
    pub stamp: u32,
    /// The path's MTU as far as the client's kernel knows it, 0 if it does not.
    pub path_mtu: u16,
    /// The padded HELLO does not get through, or cannot be sent: this path is narrower than the stream's datagrams.
    pub narrow: bool,
}

const NARROW: u8 = 0x01;
const URGENT: u8 = 0x01;

impl Hello {
    /// Writes the datagram and returns its octets: all of `to`, padded with zeros, or [`HELLO_LEN`] if `narrow`.
    /// A `to` that is too short holds nothing.
    pub fn emit<'a>(&self, to: &'a mut [u8]) -> &'a [u8] {
        to.fill(0);
        let Some(head) = to.first_chunk_mut::<HELLO_LEN>() else { return &[] };
        head[..12].copy_from_slice(&common(Kind::Hello, self.epoch, self.token));
        head[1] = if self.narrow { NARROW } else { 0 };
        head[12..16].copy_from_slice(&self.stamp.to_be_bytes());
        head[16..18].copy_from_slice(&self.path_mtu.to_be_bytes());
        if self.narrow { to.get(..HELLO_LEN).unwrap_or(&[]) } else { to }
    }

    fn parse(datagram: &[u8]) -> Result<Self, ParseError> {
        let from = datagram.first_chunk::<HELLO_LEN>().ok_or(ParseError::Length)?;
        Ok(Hello {
            narrow: from[1] & NARROW != 0,
            epoch: u16::from_be_bytes([from[2], from[3]]),
            token: token_at_4(from),
            stamp: u32::from_be_bytes([from[12], from[13], from[14], from[15]]),
            path_mtu: u16::from_be_bytes([from[16], from[17]]),
        })
    }
}

/// Fragments that have not arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Of which frame.
    pub number: FrameNumber,
    /// The first of them.
    pub first: u16,
    /// How many; 0 for all from `first` on, when their number is not known.
    pub count: u16,
}

/// CONTINUE: acknowledgement, repair request, liveness and back-pressure in one. Losing one costs nothing:
/// the next says it all again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Continue {
    /// The stream's epoch.
    pub epoch: u16,
    /// The session's token.
    pub token: Token,
    /// The client's clock in microseconds, wrapping: it orders CONTINUEs, and the next BEAT echoes it.
    pub stamp: u32,
    /// This frame and all before it are done with: whole here, or given up.
    pub through: FrameNumber,
    /// The newest frame that was heard of.
    pub seen: FrameNumber,
    /// Smoothed round trip in microseconds, 0 while it is not known.
    pub rtt_us: u32,
    /// DATA that have come in this session, repairs and duplicates included; wraps.
    pub arrived: u32,
    /// There is no time for many rounds: send what is missing twice.
    pub urgent: bool,
    /// What is missing after `through`, oldest first.
    pub missing: ArrayVec<Missing, MAX_MISSING>,
}

impl Continue {
    /// The datagram's octets.
    pub fn to_bytes(&self) -> ArrayVec<u8, MAX_CONTINUE_LEN> {
        let mut to = ArrayVec::new();
        let mut head = common(Kind::Continue, self.epoch, self.token);
        head[1] = if self.urgent { URGENT } else { 0 };
        let mut put = |bytes: &[u8]| {
            // cannot fail: MAX_CONTINUE_LEN counts these very fields
            let _ = to.try_extend_from_slice(bytes);
        };
        put(&head);
        put(&self.stamp.to_be_bytes());
        put(&self.through.0.to_be_bytes());
        put(&self.seen.0.to_be_bytes());
        put(&self.rtt_us.to_be_bytes());
        put(&self.arrived.to_be_bytes());
        for missing in &self.missing {
            put(&missing.number.0.to_be_bytes());
            put(&missing.first.to_be_bytes());
            put(&missing.count.to_be_bytes());
        }
        to
    }

    fn parse(datagram: &[u8]) -> Result<Self, ParseError> {
        let (from, list) = datagram.split_first_chunk::<CONTINUE_LEN>().ok_or(ParseError::Length)?;
        let entries = list.chunks_exact(MISSING_LEN);
        if !entries.remainder().is_empty() || entries.len() > MAX_MISSING {
            return Err(ParseError::Length);
        }
        Ok(Continue {
            epoch: u16::from_be_bytes([from[2], from[3]]),
            token: token_at_4(from),
            stamp: u32::from_be_bytes([from[12], from[13], from[14], from[15]]),
            through: FrameNumber(u32::from_be_bytes([from[16], from[17], from[18], from[19]])),
            seen: FrameNumber(u32::from_be_bytes([from[20], from[21], from[22], from[23]])),
            rtt_us: u32::from_be_bytes([from[24], from[25], from[26], from[27]]),
            arrived: u32::from_be_bytes([from[28], from[29], from[30], from[31]]),
            urgent: from[1] & URGENT != 0,
            missing: entries.filter_map(parse_missing).collect(),
        })
    }
}

fn parse_missing(entry: &[u8]) -> Option<Missing> {
    let &[n0, n1, n2, n3, f0, f1, c0, c1] = entry else { return None };
    Some(Missing {
        number: FrameNumber(u32::from_be_bytes([n0, n1, n2, n3])),
        first: u16::from_be_bytes([f0, f1]),
        count: u16::from_be_bytes([c0, c1]),
    })
}

/// END: the client leaves. Repeated until the server's END answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientEnd {
    /// The stream's epoch.
    pub epoch: u16,
    /// The session's token.
    pub token: Token,
}

impl ClientEnd {
    /// The datagram.
    pub fn to_bytes(&self) -> [u8; END_LEN] {
        common(Kind::ClientEnd, self.epoch, self.token)
    }
}

/// A datagram from a client.
#[expect(
    clippy::large_enum_variant,
    reason = "a box would be an allocation per CONTINUE; it never leaves the stack"
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromClient {
    /// See [`Hello`].
    Hello(Hello),
    /// See [`Continue`].
    Continue(Continue),
    /// See [`ClientEnd`].
    End(ClientEnd),
}

impl FromClient {
    /// Reads any of a client's datagrams.
    ///
    /// # Errors
    /// [`ParseError`]: another version, a server's datagram, or a length that does not fit.
    pub fn parse(datagram: &[u8]) -> Result<Self, ParseError> {
        let kind = Kind::from_byte(*datagram.first().ok_or(ParseError::Length)?)?;
        match kind {
            Kind::Hello => Hello::parse(datagram).map(FromClient::Hello),
            Kind::Continue => Continue::parse(datagram).map(FromClient::Continue),
            Kind::ClientEnd if datagram.len() == END_LEN => Ok(FromClient::End(ClientEnd {
                epoch: datagram.get(2..4).and_then(|b| b.first_chunk()).map_or(0, |b| u16::from_be_bytes(*b)),
                token: token_at_4(datagram),
            })),
            Kind::ClientEnd => Err(ParseError::Length),
            Kind::Data | Kind::Beat | Kind::ServerEnd => Err(ParseError::Kind),
        }
    }

    /// The stream's epoch and the session's token, which all kinds carry.
    pub fn session(&self) -> (u16, Token) {
        match self {
            FromClient::Hello(hello) => (hello.epoch, hello.token),
            FromClient::Continue(cont) => (cont.epoch, cont.token),
            FromClient::End(end) => (end.epoch, end.token),
        }
    }
}

fn common(kind: Kind, epoch: u16, token: Token) -> [u8; 12] {
    let mut to = [0; 12];
    to[0] = kind.byte();
    to[2..4].copy_from_slice(&epoch.to_be_bytes());
    to[4..].copy_from_slice(&token.0.to_be_bytes());
    to
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn missing() -> impl Strategy<Value = Missing> {
        (any::<u32>(), any::<u16>(), any::<u16>()).prop_map(|(number, first, count)| Missing {
            number: FrameNumber(number),
            first,
            count,
        })
    }

    proptest! {
        #[test]
        fn hello_round_trips(epoch: u16, token: u64, stamp: u32, path_mtu: u16, narrow: bool) {
            let hello = Hello { epoch, token: Token(token), stamp, path_mtu, narrow };
            let mut room = [7; 1452];
            let bytes = hello.emit(&mut room);
            prop_assert_eq!(bytes.len(), if narrow { HELLO_LEN } else { 1452 });
            prop_assert_eq!(FromClient::parse(bytes), Ok(FromClient::Hello(hello)));
        }

        #[test]
        fn continue_round_trips(
            epoch: u16, token: u64, stamp: u32, through: u32, seen: u32, rtt_us: u32, arrived: u32, urgent: bool,
            list in prop::collection::vec(missing(), 0..=MAX_MISSING),
        ) {
            let cont = Continue {
                epoch, token: Token(token), stamp, rtt_us, arrived, urgent,
                through: FrameNumber(through), seen: FrameNumber(seen),
                missing: list.into_iter().collect(),
            };
            prop_assert_eq!(FromClient::parse(&cont.to_bytes()), Ok(FromClient::Continue(cont)));
        }

        #[test]
        fn end_round_trips(epoch: u16, token: u64) {
            let end = ClientEnd { epoch, token: Token(token) };
            prop_assert_eq!(FromClient::parse(&end.to_bytes()), Ok(FromClient::End(end)));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = FromClient::parse(&bytes);
        }
    }

    #[test]
    fn a_server_datagram_echoed_back_is_refused() {
        let beat = super::super::server::Beat {
            epoch: 1,
            token: Token(2),
            newest: FrameNumber(3),
            oldest: FrameNumber(1),
            echo: 0,
            held_us: 0,
            skipped: 0,
            no_camera: false,
            size: None,
        };
        assert_eq!(FromClient::parse(&beat.to_bytes()), Err(ParseError::Kind));
    }

    #[test]
    fn a_torn_missing_list_is_refused() {
        let bytes = [&common(Kind::Continue, 1, Token(2))[..], &[0; 20 + 7]].concat();
        assert_eq!(FromClient::parse(&bytes), Err(ParseError::Length));
        let bytes = [&common(Kind::Continue, 1, Token(2))[..], &vec![0; 20 + 8 * (MAX_MISSING + 1)]].concat();
        assert_eq!(FromClient::parse(&bytes), Err(ParseError::Length));
    }
}
