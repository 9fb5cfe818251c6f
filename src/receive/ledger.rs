//! The account: every frame that the camera delivered was recorded, or is named here as missing.

use crate::time::Stamp;
use crate::wire::FrameNumber;
use std::fmt;

/// Gaps that are named one by one; further ones are only counted.
const MAX_GAPS: usize = 1000;

/// Frames that never came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The first of them.
    pub first: FrameNumber,
    /// How many.
    pub count: u32,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            1 => write!(f, "{}", self.first),
            count => write!(f, "{}-{}", self.first, self.first.plus(count.saturating_sub(1))),
        }
    }
}

/// What has become of the frames so far.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    recorded: u64,
    bytes: u64,
    missing: u64,
    skipped: u64,
    repaired: u64,
    camera_drops: u64,
    restarts: u32,
    gaps: Vec<Gap>,
    last: Option<(FrameNumber, u32)>,
}

impl Ledger {
    /// A frame was recorded.
    pub fn on_frame(&mut self, number: FrameNumber, stamp: Stamp, discontinuity: bool, length: usize) {
        self.recorded = self.recorded.saturating_add(1);
        self.bytes = self.bytes.saturating_add(length as u64);
        if let Some((last, sequence)) = self.last.filter(|_| !discontinuity) {
            // The driver counts what it drops; camcast does not number it.
            let counted = i64::from(stamp.sequence.wrapping_sub(sequence) as i32);
            let numbered = i64::from(number.since(last));
            let dropped = u64::try_from(counted.saturating_sub(numbered)).unwrap_or(0);
            self.camera_drops = self.camera_drops.saturating_add(dropped);
        }
        self.last = Some((number, stamp.sequence));
    }

    /// These frames will not come.
    pub fn on_missing(&mut self, first: FrameNumber, count: u32) {
        self.missing = self.missing.saturating_add(u64::from(count));
        let is_full = self.gaps.len() >= MAX_GAPS;
        match self.gaps.last_mut() {
            Some(last) if last.first.plus(last.count) == first => {
                last.count = last.count.saturating_add(count);
            }
            _ if is_full => {}
            _ => self.gaps.push(Gap { first, count }),
        }
    }

    /// A frame was not sent to us, so that newer ones come in time.
    pub fn on_skipped(&mut self) {
        self.skipped = self.skipped.saturating_add(1);
    }

    /// Fragments of a frame had to be sent again before it was whole.
    pub fn on_repaired(&mut self) {
        self.repaired = self.repaired.saturating_add(1);
    }

    /// A frame that was counted as recorded could not be written after all.
    pub fn on_lost(&mut self, number: FrameNumber) {
        self.recorded = self.recorded.saturating_sub(1);
        self.on_missing(number, 1);
    }

    /// camcast was started anew: numbers begin again, and how many frames the camera delivered meanwhile nobody knows.
    pub fn on_restart(&mut self) {
        self.restarts = self.restarts.saturating_add(1);
        self.last = None;
    }

    /// Frames recorded.
    pub fn recorded(&self) -> u64 {
        self.recorded
    }

    /// Octets of them.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Frames that camcast had and that are not recorded.
    pub fn missing(&self) -> u64 {
        self.missing
    }

    /// Frames that were not sent to us, so that newer ones come in time.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Recorded frames of which something had to be sent again.
    pub fn repaired(&self) -> u64 {
        self.repaired
    }

    /// Frames that the camera or its driver dropped, or delivered damaged, by the driver's own count.
    pub fn camera_drops(&self) -> u64 {
        self.camera_drops
    }

    /// How often camcast was started anew.
    pub fn restarts(&self) -> u32 {
        self.restarts
    }

    /// The missing frames by number, oldest first, as far as they are named.
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(ledger: &mut Ledger, number: u32, sequence: u32) {
        ledger.on_frame(FrameNumber(number), Stamp { sequence, ..Stamp::default() }, false, 10);
    }

    #[test]
    fn neighbouring_gaps_are_one() {
        let mut ledger = Ledger::default();
        ledger.on_missing(FrameNumber(5), 1);
        ledger.on_missing(FrameNumber(6), 2);
        ledger.on_missing(FrameNumber(9), 1);
        let named: Vec<_> = ledger.gaps().iter().map(Gap::to_string).collect();
        assert_eq!(named, ["5-7", "9"]);
        assert_eq!(ledger.missing(), 4);
    }

    #[test]
    fn the_cameras_own_drops_are_told_from_ours() {
        let mut ledger = Ledger::default();
        record(&mut ledger, 1, 100);
        record(&mut ledger, 2, 101);
        record(&mut ledger, 3, 104); // the driver dropped two
        record(&mut ledger, 6, 107); // we lost two
        assert_eq!(ledger.camera_drops(), 2);
        ledger.on_restart();
        record(&mut ledger, 1, 0);
        assert_eq!((ledger.recorded(), ledger.camera_drops(), ledger.restarts()), (5, 2, 1));
    }

    #[test]
    fn both_counters_may_wrap() {
        let mut ledger = Ledger::default();
        record(&mut ledger, u32::MAX, u32::MAX);
        record(&mut ledger, 0, 1);
        assert_eq!(ledger.camera_drops(), 1);
    }
}
