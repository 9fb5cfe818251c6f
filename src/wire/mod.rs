//! The protocol's bytes and their meaning; `docs/PROTOCOL.md` is the specification, and its examples are tests here.
//!
//! Each datagram has a checked view or a `Repr`: what was parsed is consistent, so nothing deeper checks again. A side reads
//! what it gets with [`server::FromServer`] or [`client::FromClient`], which no longer knows bytes. Nothing here panics on any
//! input, and nothing here answers: a malformed datagram is an error value to count. What a datagram leads to, and when one
//! is sent, belongs to `sender` and `receiver`.
//!
//! | module | what |
//! |---|---|
//! | [`join`] | the text lines of a native join over TCP |
//! | [`sealed`] | the same, sealed: a line that carries a message |
//! | [`data`] | DATA: a fragment of a frame |
//! | [`server`] | BEAT and END, from camcast |
//! | [`client`] | HELLO, CONTINUE and END, to camcast |
//! | [`plain`] | the original protocol's port number and its two words |
//! | [`number`] | frame numbers, which wrap |
//! | `field` | where a field lies in its datagram |
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

pub mod client;
pub mod data;
mod field;
pub mod join;
pub mod number;
pub mod plain;
pub mod sealed;
pub mod server;

use std::fmt;

pub use number::FrameNumber;

/// The TCP and UDP port, unless `--listen` or `HOST:PORT` says otherwise.
pub const PORT: u16 = 9999;

/// The protocol's version: the high nibble of each datagram's first byte, and the `1` of `CAMCAST/1`.
pub const VERSION: u8 = 1;

/// The longest frame that is sent or believed, in bytes. A 4K MJPEG frame at the best quality is about 6 MiB.
pub const MAX_FRAME: u32 = 8 * 1024 * 1024;

/// Bytes of an IPv6 and a UDP header: what a datagram's payload leaves of the path's MTU.
pub const IP_UDP_OVERHEAD: u16 = 48;

/// UDP payload of a datagram on Ethernet and Wi-Fi: 1500 less an IPv6 and a UDP header.
pub const DEFAULT_DATAGRAM: u16 = 1500 - IP_UDP_OVERHEAD;

/// What a datagram is: the low nibble of its first byte. Bit 3 is set in the client's kinds, so that an echoed
/// datagram is never taken for the other side's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Server: one fragment of a frame.
    Data = 0x1,
    /// Server: alive, and the newest frame sent.
    Beat = 0x2,
    /// Server: the session is over.
    ServerEnd = 0x3,
    /// Client: this socket wants the stream.
    Hello = 0x9,
    /// Client: what has arrived and what has not.
    Continue = 0xa,
    /// Client: leaving.
    ClientEnd = 0xb,
}

impl Kind {
    /// The first byte of a datagram of this kind.
    pub const fn byte(self) -> u8 {
        VERSION << 4 | self as u8
    }

    /// The kind that a datagram's first byte names.
    ///
    /// # Errors
    /// [`ParseError::Version`] and [`ParseError::Kind`].
    pub const fn from_byte(byte: u8) -> Result<Self, ParseError> {
        if byte >> 4 != VERSION {
            return Err(ParseError::Version);
        }
        Ok(match byte & 0xf {
            0x1 => Kind::Data,
            0x2 => Kind::Beat,
            0x3 => Kind::ServerEnd,
            0x9 => Kind::Hello,
            0xa => Kind::Continue,
            0xb => Kind::ClientEnd,
            _ => return Err(ParseError::Kind),
        })
    }
}

/// Why a datagram is dropped and counted. It is never answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// No version of this protocol that is known here.
    Version,
    /// No such kind, or not one for this direction.
    Kind,
    /// Shorter or longer than its fields say.
    Length,
    /// A field contradicts another or lies outside its range.
    Field(&'static str),
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParseError::Version => f.write_str("unknown protocol version"),
            ParseError::Kind => f.write_str("unknown kind of datagram, or one for the other direction"),
            ParseError::Length => f.write_str("length does not fit its fields"),
            ParseError::Field(name) => write!(f, "impossible {name}"),
        }
    }
}

impl std::error::Error for ParseError {}

/// The secret of one session: random, given over TCP, repeated in each datagram that is not DATA.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Token(pub u64);

impl Token {
    /// What of it is in DATA, so that nobody else can say where a frame begins: its lower half, which is never 0.
    pub const fn tag(self) -> Tag {
        Tag((self.0 as u32) | 1)
    }
}

/// Says that a DATA is from who knows the session's token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Tag(u32);

impl Tag {
    /// Most DATA have none.
    pub const NONE: Tag = Tag(0);

    /// As it stands in a datagram.
    pub const fn from_bytes(bytes: [u8; 4]) -> Self {
        Tag(u32::from_be_bytes(bytes))
    }

    /// The same.
    pub const fn to_bytes(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Tag::NONE { "Tag::NONE" } else { "Tag(..)" })
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// One run of camcast: random at each start, so that frame numbers of two runs are never mixed up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamId(pub u64);

impl StreamId {
    /// The low 16 bits, carried in each datagram.
    pub const fn epoch(self) -> u16 {
        (self.0 & 0xffff) as u16
    }
}
