//! What camcast says: DATA, and beside the frames BEAT and END. These two carry the session's token, so that nobody else can say
//! them.
//!
//! ```text
//!         0      1        2       4              12       16       20           24               28        32      34       36
//!  BEAT   | kind | flags  | epoch | token        | newest | oldest | echo stamp | echo held µs   | skipped | width | height |
//!  END    | kind | reason | epoch | token        | newest |
//! ```

use super::data::Data;
use super::field::{EPOCH, Field, KIND, TOKEN};
use super::{FrameNumber, Kind, ParseError, Token};
use crate::jpeg::Size;
use std::fmt;

/// Bytes of a BEAT.
pub const BEAT_LEN: usize = 36;
/// Bytes of an END.
pub const END_LEN: usize = 16;

const FLAGS: Field<1, 1> = Field;
const REASON: Field<1, 1> = Field;
const NEWEST: Field<12, 4> = Field;
const OLDEST: Field<16, 4> = Field;
const ECHO: Field<20, 4> = Field;
const HELD: Field<24, 4> = Field;
const SKIPPED: Field<28, 4> = Field;
const WIDTH: Field<32, 2> = Field;
const HEIGHT: Field<34, 2> = Field;

/// A datagram from the server.
#[derive(Clone, Copy, Debug)]
pub enum FromServer<'a> {
    /// See [`Data`].
    Data(Data<'a>),
    /// See [`Beat`].
    Beat(Beat),
    /// See [`ServerEnd`].
    End(ServerEnd),
}

impl<'a> FromServer<'a> {
    /// Reads any of a server's datagrams.
    ///
    /// # Errors
    /// [`ParseError`]: another version, a client's datagram, a length that does not fit, or fields that contradict each other.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, ParseError> {
        let kind = Kind::from_byte(*datagram.first().ok_or(ParseError::Length)?)?;
        match kind {
            Kind::Data => Data::parse(datagram).map(FromServer::Data),
            Kind::Beat => Beat::parse(datagram).map(FromServer::Beat),
            Kind::ServerEnd => ServerEnd::parse(datagram).map(FromServer::End),
            Kind::Hello | Kind::Continue | Kind::ClientEnd => Err(ParseError::Kind),
        }
    }
}

impl fmt::Display for FromServer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FromServer::Data(Data { header, .. }) => {
                write!(f, "DATA {} {}/{}", header.number, header.index, header.count())
            }
            FromServer::Beat(beat) => {
                let Beat { newest, oldest, skipped, .. } = beat;
                write!(f, "BEAT newest {newest} oldest {oldest} skipped {skipped:b}")
            }
            FromServer::End(end) => write!(f, "END newest {}: {}", end.newest, end.reason),
        }
    }
}

/// BEAT: the session lives, this is the newest frame that was sent to it, and what the reel still holds.
///
/// Sent when no frame was sent for a while: it keeps paths open, uncovers a lost tail and answers HELLO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    /// The stream's epoch.
    pub epoch: u16,
    /// The session that it is for.
    pub token: Token,
    /// The newest frame of which anything was sent to this session, or the one before its first.
    pub newest: FrameNumber,
    /// The oldest frame that may still be asked for; whatever lies before it is gone.
    pub oldest: FrameNumber,
    /// The `stamp` of the client's latest HELLO or CONTINUE.
    pub echo: u32,
    /// Microseconds between that datagram's arrival and this one's departure.
    pub held_us: u32,
    /// Frames that were not sent to this session: bit `i` stands for the frame `i + 1` before `newest`.
    pub skipped: u32,
    /// The camera delivers nothing at the moment.
    pub no_camera: bool,
    /// The size in pixels of the newest frame that the server has, sent or not; none while it has none.
    pub size: Option<Size>,
}

const NO_CAMERA: u8 = 0x01;

impl Beat {
    /// The datagram.
    pub fn to_bytes(&self) -> [u8; BEAT_LEN] {
        let mut to = [0; BEAT_LEN];
        KIND.put(&mut to, [Kind::Beat.byte()]);
        FLAGS.put(&mut to, [if self.no_camera { NO_CAMERA } else { 0 }]);
        EPOCH.put(&mut to, self.epoch.to_be_bytes());
        TOKEN.put(&mut to, self.token.0.to_be_bytes());
        NEWEST.put(&mut to, self.newest.0.to_be_bytes());
        OLDEST.put(&mut to, self.oldest.0.to_be_bytes());
        ECHO.put(&mut to, self.echo.to_be_bytes());
        HELD.put(&mut to, self.held_us.to_be_bytes());
        SKIPPED.put(&mut to, self.skipped.to_be_bytes());
        let Size { width, height } = self.size.unwrap_or(Size { width: 0, height: 0 });
        WIDTH.put(&mut to, width.to_be_bytes());
        HEIGHT.put(&mut to, height.to_be_bytes());
        to
    }

    /// Reads a datagram that begins with [`Kind::Beat`].
    ///
    /// # Errors
    /// [`ParseError`] if it is not exactly [`BEAT_LEN`] bytes of that kind.
    pub fn parse(datagram: &[u8]) -> Result<Self, ParseError> {
        let from: &[u8; BEAT_LEN] = datagram.try_into().map_err(|_| ParseError::Length)?;
        if Kind::from_byte(KIND.u8(from))? != Kind::Beat {
            return Err(ParseError::Kind);
        }
        let (width, height) = (WIDTH.u16(from), HEIGHT.u16(from));
        Ok(Beat {
            no_camera: FLAGS.u8(from) & NO_CAMERA != 0,
            epoch: EPOCH.u16(from),
            token: Token(TOKEN.u64(from)),
            newest: FrameNumber(NEWEST.u32(from)),
            oldest: FrameNumber(OLDEST.u32(from)),
            echo: ECHO.u32(from),
            held_us: HELD.u32(from),
            skipped: SKIPPED.u32(from),
            size: (width > 0 && height > 0).then_some(Size { width, height }),
        })
    }
}

/// Why the server ended a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// camcast is stopping.
    Stopping,
    /// Nothing was heard from the client for too long.
    Silence,
    /// The answer to the client's own END.
    Goodbye,
    /// The client's place went to another.
    MadeRoom,
    /// A reason that a later version may give.
    Other(u8),
}

impl EndReason {
    const fn code(self) -> u8 {
        match self {
            EndReason::Stopping => 1,
            EndReason::Silence => 2,
            EndReason::Goodbye => 3,
            EndReason::MadeRoom => 4,
            EndReason::Other(code) => code,
        }
    }

    const fn from_code(code: u8) -> Self {
        match code {
            1 => EndReason::Stopping,
            2 => EndReason::Silence,
            3 => EndReason::Goodbye,
            4 => EndReason::MadeRoom,
            other => EndReason::Other(other),
        }
    }
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EndReason::Stopping => f.write_str("camcast is stopping"),
            EndReason::Silence => f.write_str("camcast had not heard from here for too long"),
            EndReason::Goodbye => f.write_str("goodbye"),
            EndReason::MadeRoom => f.write_str("the place was given to another"),
            EndReason::Other(code) => write!(f, "reason {code}"),
        }
    }
}

/// END: the session is over. Sent a few times, since it may be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerEnd {
    /// The stream's epoch.
    pub epoch: u16,
    /// The session that it is for.
    pub token: Token,
    /// Why.
    pub reason: EndReason,
    /// The newest frame of which anything was sent to this session, or the one before its first.
    pub newest: FrameNumber,
}

impl ServerEnd {
    /// The datagram.
    pub fn to_bytes(&self) -> [u8; END_LEN] {
        let mut to = [0; END_LEN];
        KIND.put(&mut to, [Kind::ServerEnd.byte()]);
        REASON.put(&mut to, [self.reason.code()]);
        EPOCH.put(&mut to, self.epoch.to_be_bytes());
        TOKEN.put(&mut to, self.token.0.to_be_bytes());
        NEWEST.put(&mut to, self.newest.0.to_be_bytes());
        to
    }

    /// Reads a datagram that begins with [`Kind::ServerEnd`].
    ///
    /// # Errors
    /// [`ParseError`] if it is not exactly [`END_LEN`] bytes of that kind.
    pub fn parse(datagram: &[u8]) -> Result<Self, ParseError> {
        let from: &[u8; END_LEN] = datagram.try_into().map_err(|_| ParseError::Length)?;
        if Kind::from_byte(KIND.u8(from))? != Kind::ServerEnd {
            return Err(ParseError::Kind);
        }
        Ok(ServerEnd {
            reason: EndReason::from_code(REASON.u8(from)),
            epoch: EPOCH.u16(from),
            token: Token(TOKEN.u64(from)),
            newest: FrameNumber(NEWEST.u32(from)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn beat_round_trips(
            epoch: u16, token: u64, newest: u32, oldest: u32, echo: u32, held_us: u32, skipped: u32,
            no_camera: bool, size in prop::option::of((1u16.., 1u16..)),
        ) {
            let (newest, oldest) = (FrameNumber(newest), FrameNumber(oldest));
            let size = size.map(|(width, height)| Size { width, height });
            let token = Token(token);
            let beat = Beat { epoch, token, newest, oldest, echo, held_us, skipped, no_camera, size };
            prop_assert_eq!(Beat::parse(&beat.to_bytes()), Ok(beat));
        }

        #[test]
        fn end_round_trips(epoch: u16, token: u64, code: u8, newest: u32) {
            let (reason, newest) = (EndReason::from_code(code), FrameNumber(newest));
            let end = ServerEnd { epoch, token: Token(token), reason, newest };
            prop_assert_eq!(ServerEnd::parse(&end.to_bytes()), Ok(end));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = (Beat::parse(&bytes), ServerEnd::parse(&bytes), FromServer::parse(&bytes));
        }
    }

    #[test]
    fn any_datagram_of_a_server_is_read_and_no_other() {
        let end = ServerEnd { epoch: 1, token: Token(2), reason: EndReason::Goodbye, newest: FrameNumber(3) };
        let mut bytes = end.to_bytes();
        assert!(matches!(FromServer::parse(&bytes), Ok(FromServer::End(read)) if read == end));
        assert_eq!(FromServer::parse(&bytes).unwrap().to_string(), "END newest 3: goodbye");
        for (first, error) in [
            (Kind::Hello.byte(), ParseError::Kind),
            (Kind::ServerEnd as u8, ParseError::Version),
            (Kind::Beat.byte(), ParseError::Length),
        ] {
            bytes[0] = first;
            assert_eq!(FromServer::parse(&bytes).unwrap_err(), error);
        }
        assert_eq!(FromServer::parse(&[]).unwrap_err(), ParseError::Length);
    }

    #[test]
    fn lengths_are_exact() {
        let end =
            ServerEnd { epoch: 1, token: Token(2), reason: EndReason::Stopping, newest: FrameNumber(3) }
                .to_bytes();
        assert_eq!(ServerEnd::parse(&end[..15]), Err(ParseError::Length));
        assert_eq!(ServerEnd::parse(&[&end[..], &[0]].concat()), Err(ParseError::Length));
    }
}
