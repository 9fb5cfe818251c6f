//! The program's counters, as plain numbers: what is counted stands here, what is said of it in [`report`](super::report).

use super::drops::Drops;
use crate::sender::{ClientEvent, LeaveReason};

/// Everything that is counted over the whole run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Frames that went into the reel.
    pub frames: u64,
    /// Frames that did not.
    pub dropped: Drops,
    /// Clients that get the stream now.
    pub clients: usize,
    /// Clients that have joined, those included that came back.
    pub joined: u64,
    /// Clients that have left, those included that were replaced.
    pub left: u64,
    /// Connections that were not let in.
    pub rejected: u64,
    /// Datagrams that the system did not send.
    pub not_sent: u64,
    /// Datagrams of nobody, dropped without an answer.
    pub strays: u64,
}

impl Stats {
    /// A client has joined or left.
    pub fn count(&mut self, event: &ClientEvent) {
        match event {
            ClientEvent::Joined { .. } => {
                self.clients += 1;
                self.joined += 1;
            }
            // it never had the stream
            ClientEvent::Left { reason: LeaveReason::NoHello, .. } => {}
            ClientEvent::Left { .. } => {
                self.clients = self.clients.saturating_sub(1);
                self.left += 1;
            }
        }
    }
}
