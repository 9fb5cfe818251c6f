//! What comes out of a session.

use super::slate;
use crate::time::{Stamp, Time};
use crate::wire::FrameNumber;
use crate::wire::server::EndReason;

/// A whole frame.
#[derive(Debug)]
pub struct Frame {
    /// Its number in the stream.
    pub number: FrameNumber,
    /// Capture time on the camera's clock, and the driver's counter.
    pub stamp: Stamp,
    /// The camera was away before this frame.
    pub discontinuity: bool,
    /// The JPEG. Give it back with [`Receiver::recycle`](super::Receiver::recycle).
    pub bytes: Vec<u8>,
    /// When the first of its fragments came, on this machine's clock: what tells of the path's delay, as a frame takes time to
    /// be sent.
    pub begun: Time,
    /// When its last fragment came.
    pub arrived: Time,
    /// Fragments of it that had to be sent again.
    pub repaired: u32,
    /// Fragments of it.
    pub fragments: u32,
}

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// A frame is whole, and all before it are whole or given up.
    Frame(Frame),
    /// This frame was given up.
    Missing(FrameNumber),
    /// This frame was not sent to us, so that newer ones come in time.
    Skipped(FrameNumber),
    /// There is no signal, and this picture says so. It is not a frame of the stream.
    Slate(slate::Picture),
    /// The session is over.
    Over(Over),
}

/// Why a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// The server said END.
    Ended(EndReason),
    /// No answer to any HELLO.
    NoAnswer,
    /// Nothing came for [`SILENCE`](super::SILENCE).
    Silence,
    /// Nobody listens on the server's port any more.
    PortClosed,
    /// We have left, and the server knows or was told often enough.
    Left,
}

/// Datagrams by fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Fragments that were news.
    pub fragments: u64,
    /// Fragments that had to be asked for.
    pub repaired: u64,
    /// Fragments that were here already, or came too late.
    pub duplicates: u64,
    /// Datagrams that made no sense.
    pub malformed: u64,
}
