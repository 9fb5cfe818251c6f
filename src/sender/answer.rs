//! What a client's side of the talk asks of the hub: after a datagram, after a timeout, when it may be sent to.

use super::LeaveReason;
use crate::wire::FrameNumber;
use crate::wire::server::EndReason;
use std::ops::Range;

/// What a client's datagram asks of the hub.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    /// Its path takes our datagrams whole after all.
    pub(super) widen: bool,
    /// Its path does not take them whole.
    pub(super) narrow: bool,
    /// It is to get a BEAT.
    pub(super) beat: bool,
    /// It leaves: why, and what it is told.
    pub(super) leave: Option<(LeaveReason, Option<EndReason>)>,
}

/// What a timeout asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Beat,
    End(EndReason),
    /// END has been sent often enough.
    Gone,
    Silence,
}

/// Fragments of a frame; and whether they were sent before.
pub(super) type Train = (FrameNumber, Range<u16>, bool);
