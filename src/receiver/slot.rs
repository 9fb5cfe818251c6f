//! A frame that was heard of: what has come of it, what is missed, and whether it is still awaited.

use super::partial::Partial;
use super::paths::Presence;
use super::requests::{Missed, Requests};
use super::timing::Timing;
use crate::time::Time;
use crate::wire::FrameNumber;

pub(super) struct Slot {
    pub(super) heard: Time,
    /// When a fragment of it last came by itself, as far as that can be told, or when it was heard of.
    pub(super) fresh: Time,
    /// The sender has it no longer.
    pub(super) gone: bool,
    /// There is no time left for a repair.
    pub(super) given_up: bool,
    /// It has been left out on these paths, a bit each ...
    pub(super) left_out: u8,
    /// ... which are all of which anything is to be expected.
    pub(super) skipped: bool,
    /// Something was put into it that is not the server's: what nothing vouches for is not taken.
    pub(super) is_guarded: bool,
    pub(super) missed: Missed,
    /// Once something of it has come.
    pub(super) partial: Option<Partial>,
}

impl Slot {
    /// Heard of now, and left out on these of all `paths`.
    pub(super) fn new(left_out: u8, paths: Presence, now: Time) -> Self {
        Slot {
            heard: now,
            fresh: now,
            gone: false,
            given_up: false,
            left_out,
            skipped: paths.are_all(left_out),
            is_guarded: false,
            missed: Missed::default(),
            partial: None,
        }
    }

    pub(super) fn skip(&mut self, path: usize, paths: Presence) {
        self.left_out |= Presence::bit(path);
        self.skipped = paths.are_all(self.left_out);
    }

    pub(super) fn is_whole(&self) -> bool {
        self.partial.as_ref().is_some_and(|partial| partial.is_sound)
    }

    /// All of it has been sent, surely if others have `overtaken` it: what has not come is missed.
    pub(super) fn close(&mut self, overtaken: bool, timing: &Timing, now: Time) {
        let here = self.partial.as_ref().map(|partial| &partial.fragments);
        self.missed.close(overtaken, here, timing, now);
    }

    /// When something of it is to be asked for.
    pub(super) fn due(&self) -> Time {
        if self.gone || self.given_up || self.skipped || self.is_whole() {
            return Time::NEVER;
        }
        self.missed.due()
    }

    pub(super) fn request(&mut self, number: FrameNumber, list: &mut Requests, timing: &Timing, now: Time) {
        let here = self.partial.as_ref().map(|partial| &partial.fragments);
        self.missed.request(number, here, list, timing, now);
    }
}
