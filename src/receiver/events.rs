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

/// Frames in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first.
    pub first: FrameNumber,
    /// How many.
    pub count: u32,
}

/// What comes out of the fragments, in order.
#[derive(Debug)]
pub enum Next {
    /// A whole frame.
    Frame(Frame),
    /// Frames that were given up.
    Missing(Run),
    /// Frames that were not sent to us.
    Skipped(Run),
}

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// A frame is whole, and all before it are whole or given up.
    Frame(Frame),
    /// These frames were given up.
    Missing(Run),
    /// These frames were not sent to us, so that newer ones come in time.
    Skipped(Run),
    /// There is no signal, and this picture says so. It is not a frame of the stream.
    Slate(slate::Picture),
    /// The session on this path is over. It is the stream's end here if that was the last one.
    Over(usize, Over),
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
    /// Another stream has begun where this one was.
    Replaced,
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
    /// Fragments that nothing vouches for, and that do not agree with what is known: somebody else's, or late ones.
    pub doubtful: u64,
    /// Datagrams that made no sense.
    pub malformed: u64,
}
