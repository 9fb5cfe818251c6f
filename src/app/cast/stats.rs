//! The program's counters, as plain numbers: what is counted stands here, what is said of it in [`report`](super::report).

use super::drops::Drops;
use super::seen::{Seen, Way};
use crate::http::route::Scale;
use crate::sender::{ClientEvent, LeaveReason, Tally};
use crate::sys::connection::Remote;
use crate::time::Time;
use std::time::Duration;

/// Everything that is counted over the whole run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Frames that went into the reel.
    pub frames: u64,
    /// Frames that did not.
    pub dropped: Drops,
    /// Clients that get the stream now.
    pub clients: usize,
    /// The same by the way that it goes.
    pub by_way: [usize; Way::ALL.len()],
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
    /// Somebody has come while descriptors run out, and the outlets have not been told.
    pub is_scarce: bool,
    /// The loop's turns.
    pub turns: Turns,
    /// Who gets the stream, and what has gone to each.
    pub seen: Seen,
    /// What has gone to those who have left.
    pub departed: Sent,
    /// Frames made smaller for those who ask for that.
    pub shrunk: Shrunk,
    /// What is kept on a disk for recorders that are away; none without `--spill`.
    pub spill: Option<Spill>,
}

/// What is kept on a disk for recorders that are away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spill {
    /// Recorders that are away, and frames are kept for.
    pub away: usize,
    /// Recorders that are back, and get from there what they have missed.
    pub served: usize,
    /// Bytes that are kept.
    pub bytes: u64,
    /// Bytes that they may have.
    pub limit: u64,
    /// Frames that could not be written before they left the reel.
    pub lost: u64,
    /// The disk does what it is to do, as far as is known.
    pub is_well: bool,
}

/// Frames made smaller for those who ask for that by HTTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shrunk {
    made: [u64; Scale::ALL.len()],
    /// Those that could not be.
    pub failed: u64,
}

impl Shrunk {
    /// One more.
    pub fn made(&mut self, scale: Scale) {
        self.made.iter_mut().skip(scale.place()).take(1).for_each(|count| *count += 1);
    }

    /// How many of each scale.
    pub fn by_scale(&self) -> impl Iterator<Item = (Scale, u64)> {
        Scale::ALL.into_iter().zip(self.made)
    }
}

/// Turns of the loop, and what of the time it was not asleep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turns {
    /// How many have ended.
    pub count: u64,
    /// How long they were, all in all.
    pub busy: Duration,
    /// The longest.
    pub longest: Duration,
    began: Option<Time>,
}

impl Turns {
    /// One begins.
    pub fn begin(&mut self, now: Time) {
        self.began = Some(now);
    }

    /// It ends; before the first one there is none.
    pub fn end(&mut self, now: Time) {
        let Some(began) = self.began.take() else { return };
        let took = now.since(began);
        self.count += 1;
        self.busy = self.busy.saturating_add(took);
        self.longest = self.longest.max(took);
    }
}

/// What has gone to clients, all in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Whole frames.
    pub frames: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Datagrams, those sent again included.
    pub datagrams: u64,
    /// Fragments sent again.
    pub repairs: u64,
    /// Frames that a client did not get.
    pub skipped: u64,
}

impl Sent {
    /// This has gone to one more.
    pub fn add(&mut self, tally: &Tally) {
        self.frames += tally.frames;
        self.bytes += tally.bytes;
        self.datagrams += tally.datagrams;
        self.repairs += tally.repairs;
        self.skipped += tally.skipped;
    }
}

impl Stats {
    /// A client has joined or left.
    pub fn count(&mut self, event: &ClientEvent) {
        match event {
            ClientEvent::Joined { kind, .. } => self.on_joined(Way::Udp(*kind)),
            // it never had the stream
            ClientEvent::Left { reason: LeaveReason::NoHello | LeaveReason::NoPlace, .. } => {}
            ClientEvent::Left { remote, kind, tally, .. } => {
                self.on_left(Way::Udp(*kind), Remote::Address(*remote), None, tally);
            }
        }
    }

    /// One more gets the stream, in this way.
    pub fn on_joined(&mut self, way: Way) {
        self.clients += 1;
        self.by_way[way.place()] += 1;
        self.joined += 1;
    }

    /// One gets it no longer, to whom this has gone. Since when he had it tells him from others of his address.
    pub fn on_left(&mut self, way: Way, remote: Remote, since: Option<Time>, tally: &Tally) {
        self.clients = self.clients.saturating_sub(1);
        let of_it = &mut self.by_way[way.place()];
        *of_it = of_it.saturating_sub(1);
        self.left += 1;
        self.seen.forget(remote, since);
        self.departed.add(tally);
    }

    /// What has gone to all clients, to those that have left too.
    pub fn sent(&self) -> Sent {
        let mut sent = self.departed;
        self.seen.clients().iter().for_each(|client| sent.add(&client.tally));
        sent
    }
}
