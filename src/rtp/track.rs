//! One receiver's track: its sequence numbers, its times, what has gone, and which packet is asked for again.

use super::CLOCK_RATE;
use super::picture::NotCarried;
use super::train::{Marks, Train};
use crate::reel::Frame;
use crate::time::Time;
use std::collections::VecDeque;

/// Frames whose packets can be asked for again: a second of the fastest camera.
const REMEMBERED: usize = 256;

/// Packets that may be sent again at once, and at most for each that is sent: an answer must not cost a multiple of what it answers.
const REPAIRS_AT_ONCE: u32 = 256;
const REPAIRS_OF: u32 = 4;

/// A receiver's track.
#[derive(Debug)]
pub struct Track {
    ssrc: u32,
    /// The next packet's sequence number.
    next: u16,
    /// The timestamp of the time zero.
    base: u32,
    sent: VecDeque<Train>,
    /// Packets that may be sent again, in parts.
    allowance: u32,
    /// Packets that have gone, those sent again not counted; and bytes of their payload. Both go round.
    packets: u32,
    bytes: u32,
}

impl Track {
    /// One whose source, first sequence number and first timestamp are these random bits (RFC 3550, 5.1).
    pub fn new(random: (u64, u64)) -> Self {
        Track {
            ssrc: random.0 as u32,
            next: (random.0 >> 32) as u16,
            base: random.1 as u32,
            sent: VecDeque::with_capacity(REMEMBERED),
            allowance: REPAIRS_AT_ONCE * REPAIRS_OF,
            packets: 0,
            bytes: 0,
        }
    }

    /// Whose packets they are.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// The next packet's sequence number.
    pub fn next(&self) -> u16 {
        self.next
    }

    /// A time in ticks.
    pub fn timestamp(&self, at: Time) -> u32 {
        let ticks = u128::from(at.as_nanos()) * u128::from(CLOCK_RATE) / 1_000_000_000;
        // as a remainder: timestamps go round
        self.base.wrapping_add(ticks as u32)
    }

    /// The next frame, in packets of `size` bytes. Their numbers are taken by it, sent or not.
    ///
    /// # Errors
    /// Why it cannot go by RTP.
    pub fn begin(&mut self, frame: &Frame<'_>, at: Time, size: u16) -> Result<Train, NotCarried> {
        let marks = Marks { first: self.next, timestamp: self.timestamp(at), ssrc: self.ssrc };
        let train = Train::new(frame, size, marks)?;
        // as a remainder, as above
        self.next = self.next.wrapping_add(train.count() as u16);
        if self.sent.len() == REMEMBERED {
            self.sent.pop_front();
        }
        self.sent.push_back(train);
        Ok(train)
    }

    /// The newest frame's packets are not sent again.
    pub fn forget_newest(&mut self) {
        self.sent.pop_back();
    }

    /// These packets of the newest train have gone.
    pub fn on_sent(&mut self, packets: u32, payload: u32) {
        self.packets = self.packets.wrapping_add(packets);
        self.bytes = self.bytes.wrapping_add(payload);
        self.allowance = self.allowance.saturating_add(packets).min(REPAIRS_AT_ONCE * REPAIRS_OF);
    }

    /// Packets and bytes that have gone, as a sender's report has them.
    pub fn counts(&self) -> (u32, u32) {
        (self.packets, self.bytes)
    }

    /// The packet of that number, if it may be sent again: once for each call. To look for one that is not there costs a part
    /// of the allowance too.
    pub fn repair(&mut self, sequence: u16) -> Option<(Train, u32)> {
        let left = self.allowance.checked_sub(REPAIRS_OF)?;
        let found = self.sent.iter().rev().find_map(|train| Some((*train, train.find(sequence)?)));
        self.allowance = if found.is_some() { left } else { self.allowance.saturating_sub(1) };
        found
    }
}
