//! The paths that one stream comes by: which of them are there, which is quickest, and how far each is behind the others.

use super::PATHS;
use crate::time::{Time, smooth};
use crate::wire::FrameNumber;
use std::time::Duration;

/// Which paths are there, and from which frame on each of them brings any.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Presence {
    bits: u8,
    /// Those that are heard, so that something is to be expected of them.
    heard: u8,
    firsts: [FrameNumber; PATHS],
}

impl Presence {
    /// The path's bit.
    pub(super) fn bit(path: usize) -> u8 {
        u32::try_from(path).ok().and_then(|path| 1_u8.checked_shl(path)).unwrap_or(0)
    }

    /// The bits of those that are there.
    pub(super) fn bits(self) -> u8 {
        self.bits
    }

    /// It is there, and brings what is from `first` on.
    pub(super) fn join(&mut self, path: usize, first: FrameNumber) {
        if let Some(slot) = self.firsts.get_mut(path) {
            *slot = first;
            self.bits |= Presence::bit(path);
        }
    }

    /// It is gone.
    pub(super) fn leave(&mut self, path: usize) {
        self.bits &= !Presence::bit(path);
    }

    /// These are heard. True: they are other ones than before.
    pub(super) fn hear(&mut self, heard: u8) -> bool {
        std::mem::replace(&mut self.heard, heard) != heard
    }

    /// These are all that are heard, or all that there are, if none is.
    pub(super) fn are_all(self, bits: u8) -> bool {
        let heard = self.bits & self.heard;
        let expected = if heard == 0 { self.bits } else { heard };
        expected != 0 && bits & expected == expected
    }

    /// Those that begin behind this frame.
    pub(super) fn without(self, number: FrameNumber) -> u8 {
        let late = self.firsts.iter().enumerate().filter(|(_, first)| first.is_after(number));
        late.fold(0, |bits, (path, _)| bits | Presence::bit(path)) & self.bits
    }
}

/// Frames whose beginning is known: as many as a path may be behind another.
const KNOWN: usize = 128;

/// How far each path is behind the one that brings a frame first.
pub(super) struct Lags {
    /// When something of a frame first came, by whichever path; the frame's place is its number.
    begun: [(FrameNumber, Time); KNOWN],
    of: [Lag; PATHS],
}

#[derive(Clone, Copy, Debug, Default)]
struct Lag {
    /// The newest frame of which anything has come by it.
    newest: Option<FrameNumber>,
    smooth: Option<Duration>,
    variation: Duration,
    /// The share of the frames of late of which anything has come by it.
    share: f32,
}

/// Beyond what a path is usually behind: the two sessions take turns at the sender.
const SLACK: Duration = Duration::from_millis(3);

/// An answer that is spared is worth a wait of so much of its time.
const WORTH: f32 = 0.75;

/// A frame counts for so much of the share; further ones that were left out at once are not counted.
const MEMORY: f32 = 1.0 / 16.0;
const MOST_LEFT_OUT: u32 = 64;

impl Lags {
    /// Nothing is known yet.
    pub(super) fn new() -> Self {
        Lags { begun: [(FrameNumber::default(), Time::NEVER); KNOWN], of: [Lag::default(); PATHS] }
    }

    /// A fragment of this frame has come by this path.
    pub(super) fn on_data(&mut self, path: usize, number: FrameNumber, now: Time) {
        let Some(lag) = self.of.get_mut(path) else { return };
        if lag.newest.is_some_and(|newest| !number.is_after(newest)) {
            return;
        }
        // whoever has just come is taken for good
        let step = lag.newest.map_or(1, |newest| number.since(newest).unsigned_abs());
        let left_out = step.saturating_sub(1).min(MOST_LEFT_OUT);
        let share = if lag.newest.is_none() { 1.0 } else { lag.share };
        let share = (0..left_out).fold(share, |share, _| share * (1.0 - MEMORY));
        lag.share = share + (1.0 - share) * MEMORY;
        lag.newest = Some(number);
        let Some((known, begun)) = self.begun.get_mut(number.0 as usize % KNOWN) else { return };
        if *begun == Time::NEVER || number.is_after(*known) {
            (*known, *begun) = (number, now);
        } else if *known != number {
            return;
        }
        let sample = now.since(*begun);
        let off = lag.smooth.map_or(Duration::ZERO, |smooth| smooth.abs_diff(sample));
        lag.variation = lag.variation.mul_f32(0.75).saturating_add(off.div_f32(4.0));
        lag.smooth = Some(smooth(lag.smooth, sample));
    }

    /// How long after another path this one usually brings something.
    pub(super) fn behind(&self, path: usize) -> Duration {
        let lag = self.of.get(path).copied().unwrap_or_default();
        lag.smooth.map_or(Duration::ZERO, |smooth| smooth.saturating_add(lag.variation.saturating_mul(2)))
    }

    /// How long this path is worth waiting for rather than to ask for what it may bring, which takes as long as an `answer`; none if
    /// it is not.
    pub(super) fn worth(&self, path: usize, answer: Duration) -> Option<Duration> {
        let share = self.of.get(path)?.share;
        let wait = self.behind(path).saturating_add(SLACK);
        (wait < answer.mul_f32(WORTH * share)).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const START: Time = Time::from_millis(5_000);

    #[test]
    fn a_path_is_behind_by_what_its_frames_are() {
        let mut lags = Lags::new();
        for number in 1..60 {
            let at = START.after(33 * MS * number);
            lags.on_data(0, FrameNumber(number), at);
            lags.on_data(0, FrameNumber(number), at.after(20 * MS));
            if let Some(before) = number.checked_sub(2) {
                lags.on_data(1, FrameNumber(before), at.after(9 * MS)); // 75 ms
            }
        }
        assert_eq!(lags.behind(0), Duration::ZERO);
        let wait = lags.behind(1);
        assert!(wait > 74 * MS && wait < 78 * MS, "{wait:?}");
        assert_eq!(lags.worth(1, 90 * MS), None, "an answer would come sooner, or not much later");
        assert!(lags.worth(1, 150 * MS).is_some_and(|it| it == wait + SLACK));
        // alone, it is not behind
        for number in 60..200 {
            lags.on_data(1, FrameNumber(number), START.after(33 * MS * number));
        }
        assert!(lags.behind(1) < MS, "{:?}", lags.behind(1));
    }

    #[test]
    fn a_path_that_leaves_out_every_other_frame_is_not_worth_much() {
        let mut lags = Lags::new();
        for number in 1..100 {
            let at = START.after(33 * MS * number);
            lags.on_data(0, FrameNumber(number), at);
            if number % 2 == 0 {
                lags.on_data(1, FrameNumber(number), at.after(10 * MS));
            }
        }
        let worth = |answer| lags.worth(1, answer * MS).map(|wait| wait.as_millis());
        assert_eq!((worth(30), worth(60)), (None, Some(13)));
    }

    #[test]
    fn who_is_there_and_from_when_on() {
        let mut presence = Presence::default();
        assert!(!presence.are_all(0), "nobody is not all");
        presence.join(0, FrameNumber(1));
        presence.join(1, FrameNumber(7));
        presence.join(PATHS, FrameNumber(1));
        assert_eq!((presence.bits(), presence.without(FrameNumber(6))), (0b11, 0b10));
        assert_eq!(presence.without(FrameNumber(7)), 0);
        assert!(presence.are_all(0b11) && !presence.are_all(0b01));
        assert!(presence.hear(0b10) && !presence.hear(0b10));
        assert!(presence.are_all(0b10) && !presence.are_all(0b01), "the other is silent");
        presence.leave(1);
        assert!(presence.are_all(0b01) && presence.without(FrameNumber(6)) == 0);
    }
}
