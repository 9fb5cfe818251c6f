//! BEAT and END: what camcast says beside the frames. Both carry the session's token, so that nobody else can say it.
//!
//! ```text
//!         0      1        2       4              12       16       20           24               28        32      34       36
//!  BEAT   | kind | flags  | epoch | token        | newest | oldest | echo stamp | echo held µs   | skipped | width | height |
//!  END    | kind | reason | epoch | token        | newest |
//! ```

use super::{FrameNumber, Kind, ParseError, Token};
use crate::jpeg::Size;
use std::fmt;

/// Octets of a BEAT.
pub const BEAT_LEN: usize = 36;
/// Octets of an END.
pub const END_LEN: usize = 16;

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
        to[0] = Kind::Beat.byte();
        to[1] = if self.no_camera { NO_CAMERA } else { 0 };
        to[2..4].copy_from_slice(&self.epoch.to_be_bytes());
        to[4..12].copy_from_slice(&self.token.0.to_be_bytes());
        to[12..16].copy_from_slice(&self.newest.0.to_be_bytes());
        to[16..20].copy_from_slice(&self.oldest.0.to_be_bytes());
        to[20..24].copy_from_slice(&self.echo.to_be_bytes());
        to[24..28].copy_from_slice(&self.held_us.to_be_bytes());
        to[28..32].copy_from_slice(&self.skipped.to_be_bytes());
        let Size { width, height } = self.size.unwrap_or(Size { width: 0, height: 0 });
        to[32..34].copy_from_slice(&width.to_be_bytes());
        to[34..36].copy_from_slice(&height.to_be_bytes());
        to
    }

    /// Reads a datagram that begins with [`Kind::Beat`].
    ///
    /// # Errors
    /// [`ParseError`] if it is not exactly [`BEAT_LEN`] octets of that kind.
    pub fn parse(datagram: &[u8]) -> Result<Self, ParseError> {
        let from: &[u8; BEAT_LEN] = datagram.try_into().map_err(|_| ParseError::Length)?;
        if Kind::from_byte(from[0])? != Kind::Beat {
            return Err(ParseError::Kind);
        }
        let [width, height] = [[from[32], from[33]], [from[34], from[35]]].map(u16::from_be_bytes);
        Ok(Beat {
            no_camera: from[1] & NO_CAMERA != 0,
            epoch: u16::from_be_bytes([from[2], from[3]]),
            token: token_at_4(from),
            newest: FrameNumber(u32::from_be_bytes([from[12], from[13], from[14], from[15]])),
            oldest: FrameNumber(u32::from_be_bytes([from[16], from[17], from[18], from[19]])),
            echo: u32::from_be_bytes([from[20], from[21], from[22], from[23]]),
            held_us: u32::from_be_bytes([from[24], from[25], from[26], from[27]]),
            skipped: u32::from_be_bytes([from[28], from[29], from[30], from[31]]),
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
    /// A reason that a later version may give.
    Other(u8),
}

impl EndReason {
    const fn code(self) -> u8 {
        match self {
            EndReason::Stopping => 1,
            EndReason::Silence => 2,
            EndReason::Goodbye => 3,
            EndReason::Other(code) => code,
        }
    }

    const fn from_code(code: u8) -> Self {
        match code {
            1 => EndReason::Stopping,
            2 => EndReason::Silence,
            3 => EndReason::Goodbye,
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
        to[0] = Kind::ServerEnd.byte();
        to[1] = self.reason.code();
        to[2..4].copy_from_slice(&self.epoch.to_be_bytes());
        to[4..12].copy_from_slice(&self.token.0.to_be_bytes());
        to[12..16].copy_from_slice(&self.newest.0.to_be_bytes());
        to
    }

    /// Reads a datagram that begins with [`Kind::ServerEnd`].
    ///
    /// # Errors
    /// [`ParseError`] if it is not exactly [`END_LEN`] octets of that kind.
    pub fn parse(datagram: &[u8]) -> Result<Self, ParseError> {
        let from: &[u8; END_LEN] = datagram.try_into().map_err(|_| ParseError::Length)?;
        if Kind::from_byte(from[0])? != Kind::ServerEnd {
            return Err(ParseError::Kind);
        }
        Ok(ServerEnd {
            reason: EndReason::from_code(from[1]),
            epoch: u16::from_be_bytes([from[2], from[3]]),
            token: token_at_4(from),
            newest: FrameNumber(u32::from_be_bytes([from[12], from[13], from[14], from[15]])),
        })
    }
}

/// The token stands at the same place in every datagram that has one. The callers' arrays are long enough.
pub(super) fn token_at_4(from: &[u8]) -> Token {
    let bytes = from.get(4..).and_then(|rest| rest.first_chunk::<8>()).copied().unwrap_or_default();
    Token(u64::from_be_bytes(bytes))
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
            let _ = (Beat::parse(&bytes), ServerEnd::parse(&bytes));
        }
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
