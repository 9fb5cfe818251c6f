//! HELLO, CONTINUE and END: what a native client says. Each carries the session's token.
//!
//! ```text
//!            0      1       2       4         12      16           18         20     24       28        32
//!  HELLO     | kind | flags | epoch | token   | stamp | path mtu   | 0        | zero padding ..
//!  CONTINUE  | kind | flags | epoch | token   | stamp | through               | seen | rtt µs | arrived | missing ..
//!  END       | kind | 0     | epoch | token   |
//!  one missing entry: | frame number (4) | first fragment (2) | fragments (2) |
//! ```

use super::field::{EPOCH, Field, KIND, TOKEN};
use super::{FrameNumber, Kind, ParseError, Token};
use arrayvec::ArrayVec;
use std::fmt;

/// Bytes of an unpadded HELLO.
pub const HELLO_LEN: usize = 20;
/// Bytes of a CONTINUE before its missing list.
pub const CONTINUE_LEN: usize = 32;
/// Bytes of an END.
pub const END_LEN: usize = 12;
/// Bytes of an entry of the missing list.
pub const MISSING_LEN: usize = 8;
/// Entries that a CONTINUE may carry: it stays below 576 bytes, which every path takes.
pub const MAX_MISSING: usize = 64;

/// Bytes of the longest CONTINUE.
pub const MAX_CONTINUE_LEN: usize = CONTINUE_LEN + MAX_MISSING * MISSING_LEN;

const FLAGS: Field<1, 1> = Field;
const STAMP: Field<12, 4> = Field;
const PATH_MTU: Field<16, 2> = Field;
const THROUGH: Field<16, 4> = Field;
const SEEN: Field<20, 4> = Field;
const RTT: Field<24, 4> = Field;
const ARRIVED: Field<28, 4> = Field;
const MISSING_NUMBER: Field<0, 4> = Field;
const MISSING_FIRST: Field<4, 2> = Field;
const MISSING_COUNT: Field<6, 2> = Field;

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
    /// Writes the datagram and returns its bytes: all of `to`, padded with zeros, or [`HELLO_LEN`] if `narrow`.
    /// A `to` that is too short holds nothing.
    pub fn emit<'a>(&self, to: &'a mut [u8]) -> &'a [u8] {
        to.fill(0);
        let Some(head) = to.first_chunk_mut::<HELLO_LEN>() else { return &[] };
        put_session(head, Kind::Hello, self.epoch, self.token);
        FLAGS.put(head, [if self.narrow { NARROW } else { 0 }]);
        STAMP.put(head, self.stamp.to_be_bytes());
        PATH_MTU.put(head, self.path_mtu.to_be_bytes());
        if self.narrow { to.get(..HELLO_LEN).unwrap_or(&[]) } else { to }
    }

    fn parse(datagram: &[u8]) -> Result<Self, ParseError> {
        let from = datagram.first_chunk::<HELLO_LEN>().ok_or(ParseError::Length)?;
        Ok(Hello {
            narrow: FLAGS.u8(from) & NARROW != 0,
            epoch: EPOCH.u16(from),
            token: Token(TOKEN.u64(from)),
            stamp: STAMP.u32(from),
            path_mtu: PATH_MTU.u16(from),
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
    /// There is no time for many rounds: send what is missing twice, or parity rows for it.
    pub urgent: bool,
    /// What is missing after `through`, oldest first.
    pub missing: ArrayVec<Missing, MAX_MISSING>,
}

impl Continue {
    /// The datagram's bytes.
    pub fn to_bytes(&self) -> ArrayVec<u8, MAX_CONTINUE_LEN> {
        let mut head = [0; CONTINUE_LEN];
        put_session(&mut head, Kind::Continue, self.epoch, self.token);
        FLAGS.put(&mut head, [if self.urgent { URGENT } else { 0 }]);
        STAMP.put(&mut head, self.stamp.to_be_bytes());
        THROUGH.put(&mut head, self.through.0.to_be_bytes());
        SEEN.put(&mut head, self.seen.0.to_be_bytes());
        RTT.put(&mut head, self.rtt_us.to_be_bytes());
        ARRIVED.put(&mut head, self.arrived.to_be_bytes());
        let mut to = ArrayVec::new();
        // cannot fail: MAX_CONTINUE_LEN counts these very fields
        let _ = to.try_extend_from_slice(&head);
        for missing in &self.missing {
            let _ = to.try_extend_from_slice(&missing.to_bytes());
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
            epoch: EPOCH.u16(from),
            token: Token(TOKEN.u64(from)),
            stamp: STAMP.u32(from),
            through: FrameNumber(THROUGH.u32(from)),
            seen: FrameNumber(SEEN.u32(from)),
            rtt_us: RTT.u32(from),
            arrived: ARRIVED.u32(from),
            urgent: FLAGS.u8(from) & URGENT != 0,
            missing: entries.filter_map(|entry| entry.first_chunk().map(Missing::parse)).collect(),
        })
    }
}

impl Missing {
    fn to_bytes(self) -> [u8; MISSING_LEN] {
        let mut to = [0; MISSING_LEN];
        MISSING_NUMBER.put(&mut to, self.number.0.to_be_bytes());
        MISSING_FIRST.put(&mut to, self.first.to_be_bytes());
        MISSING_COUNT.put(&mut to, self.count.to_be_bytes());
        to
    }

    fn parse(from: &[u8; MISSING_LEN]) -> Self {
        Missing {
            number: FrameNumber(MISSING_NUMBER.u32(from)),
            first: MISSING_FIRST.u16(from),
            count: MISSING_COUNT.u16(from),
        }
    }
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
        let mut to = [0; END_LEN];
        put_session(&mut to, Kind::ClientEnd, self.epoch, self.token);
        to
    }

    fn parse(datagram: &[u8]) -> Result<Self, ParseError> {
        let from: &[u8; END_LEN] = datagram.try_into().map_err(|_| ParseError::Length)?;
        Ok(ClientEnd { epoch: EPOCH.u16(from), token: Token(TOKEN.u64(from)) })
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
            Kind::ClientEnd => ClientEnd::parse(datagram).map(FromClient::End),
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

/// The token that a datagram of either side begins with, whatever else it may be.
pub fn session_of(datagram: &[u8]) -> Option<Token> {
    let head = datagram.first_chunk::<END_LEN>()?;
    Some(Token(TOKEN.u64(head)))
}

impl fmt::Display for FromClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FromClient::Hello(hello) => f.write_str(if hello.narrow { "HELLO narrow" } else { "HELLO" }),
            FromClient::Continue(Continue { through, seen, rtt_us, arrived, urgent, missing, .. }) => {
                let urgent = if *urgent { " URGENT" } else { "" };
                write!(f, "CONTINUE{urgent} through {through} seen {seen} rtt {rtt_us} arrived {arrived}")?;
                missing.iter().try_for_each(|m| write!(f, " {}:{}+{}", m.number, m.first, m.count))
            }
            FromClient::End(_) => f.write_str("END"),
        }
    }
}

/// What all of a client's datagrams begin with.
fn put_session<const N: usize>(to: &mut [u8; N], kind: Kind, epoch: u16, token: Token) {
    KIND.put(to, [kind.byte()]);
    EPOCH.put(to, epoch.to_be_bytes());
    TOKEN.put(to, token.0.to_be_bytes());
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
        let mut head = [0; CONTINUE_LEN];
        put_session(&mut head, Kind::Continue, 1, Token(2));
        let bytes = [&head[..], &[0; 7]].concat();
        assert_eq!(FromClient::parse(&bytes), Err(ParseError::Length));
        let bytes = [&head[..], &vec![0; 8 * (MAX_MISSING + 1)]].concat();
        assert_eq!(FromClient::parse(&bytes), Err(ParseError::Length));
    }
}
