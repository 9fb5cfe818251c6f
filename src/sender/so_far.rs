//! What one client has been sent, as far as that is remembered: what it asks for beyond that is on its way, or was left out.

use crate::reel::Reel;
use crate::wire::FrameNumber;

/// What a client has been sent of the newest frames.
#[derive(Clone, Copy)]
pub(super) struct SoFar {
    pub(super) newest: FrameNumber,
    pub(super) skipped: u32,
    pub(super) under_way: Option<(FrameNumber, u16)>,
    pub(super) is_viewer: bool,
}

impl SoFar {
    /// Fragments of this frame.
    pub(super) fn of(&self, number: FrameNumber, reel: &Reel) -> u16 {
        let before = self.newest.since(number);
        let was_skipped = (1..=32).contains(&before) && (self.skipped >> before.saturating_sub(1)) & 1 != 0;
        // what was skipped further back is not known, and a viewer would have no use for it
        if before < 0 || was_skipped || (self.is_viewer && before > 32) {
            return 0;
        }
        let count = reel.frame(number).map_or(0, |frame| frame.fragments());
        self.under_way.filter(|(under_way, _)| *under_way == number).map_or(count, |(_, sent)| sent)
    }
}
