//! How long to wait: before a fragment that others have overtaken is asked for, and before it is asked for again.

use crate::time::{Time, smooth};
use std::time::Duration;

/// Before anything is known of the path.
const FIRST_ROUND_TRIP: Duration = Duration::from_millis(100);

/// Beyond the smoothed round trip and its variation: the sender's own turn, and ours.
const SLACK: Duration = Duration::from_millis(5);

/// The same for a viewer, in whose time a second round has to fit.
const EAGER_SLACK: Duration = Duration::from_millis(2);

/// Before this part of a round trip no answer comes.
pub(super) const TOO_SOON: f32 = 0.75;

/// For this long a path that has lost something is taken for one that loses.
const MEMORY_OF_LOSS: Duration = Duration::from_secs(60);

/// The shortest wait for a repair.
const MIN_REPEAT: Duration = Duration::from_millis(13);

/// From this try on the waits double: the path is down rather than bad.
const PATIENT_TRIES: u8 = 12;

/// The longest wait for a repair.
const MAX_REPEAT: Duration = Duration::from_secs(1);

/// A fragment that is overtaken may be late rather than lost. Time, not packets: while a frame goes out three packets
/// are a quarter of a millisecond.
const MIN_HOLD: Duration = Duration::from_millis(2);
const MAX_HOLD: Duration = Duration::from_millis(20);

/// What has been learned of the path.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    round_trip: Option<Duration>,
    variation: Duration,
    hold: Duration,
    is_eager: bool,
    /// It has lost something of late.
    loses_until: Time,
    /// Another path may bring what is overtaken on this one, within this.
    others: Duration,
    /// This path is as much behind another: no lateness of its own.
    behind: Duration,
}

impl Timing {
    /// Nothing is known yet. An eager one rather asks twice than late.
    pub fn new(is_eager: bool) -> Self {
        Timing {
            round_trip: None,
            variation: Duration::ZERO,
            hold: MIN_HOLD,
            is_eager,
            loses_until: Time::default(),
            others: Duration::ZERO,
            behind: Duration::ZERO,
        }
    }

    /// How this path stands among others: how long one of them is worth waiting for, and how far this one is behind the first.
    pub(super) fn stand(&mut self, others: Duration, behind: Duration) {
        (self.others, self.behind) = (others, behind);
    }

    /// A round trip was measured, by an echo or by a repair that was asked for once.
    pub fn on_round_trip(&mut self, sample: Duration) {
        // RFC 6298, section 2
        match self.round_trip {
            None => self.variation = sample.div_f32(2.0),
            Some(old) => {
                let off = old.abs_diff(sample);
                self.variation = self.variation.mul_f32(0.75).saturating_add(off.div_f32(4.0));
            }
        }
        self.round_trip = Some(smooth(self.round_trip, sample));
    }

    /// A fragment came by itself this long after others had overtaken it.
    pub fn on_late(&mut self, lateness: Duration) {
        let lateness = lateness.saturating_sub(self.behind);
        self.hold = self.hold.max(lateness.mul_f32(1.25)).min(MAX_HOLD);
    }

    /// A frame came whole: what was learned of lateness fades.
    pub fn on_frame(&mut self) {
        // a hundredth a frame: half is forgotten in two seconds
        self.hold = self.hold.mul_f32(0.99).max(MIN_HOLD);
    }

    /// Smoothed round trip, if any was measured.
    pub fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// How long a fragment may be overtaken before it is asked for.
    pub fn hold(&self) -> Duration {
        self.hold.max(self.others)
    }

    /// How long an answer to a request takes, most of the time.
    pub fn answer(&self) -> Duration {
        self.round_trip.unwrap_or(FIRST_ROUND_TRIP)
    }

    /// Something that others had overtaken came when it was asked for: the path does lose.
    pub fn on_loss(&mut self, now: Time) {
        self.loses_until = now.after(MEMORY_OF_LOSS);
    }

    /// Whether something that was only silent, and came this long after it was asked for, is the answer. On a path that
    /// loses nothing, and at another time, it is not: the sender had paused, and went on by itself.
    pub fn is_answer(&self, since_asked: Duration, now: Time) -> bool {
        if now >= self.loses_until {
            return false;
        }
        let answer = self.answer();
        let most = answer.saturating_add(self.variation.saturating_mul(4)).saturating_add(EAGER_SLACK);
        (answer.mul_f32(TOO_SOON)..=most).contains(&since_asked)
    }

    /// How long to wait for a repair that has been asked for `tries` times, before it is asked for again.
    pub fn repeat(&self, tries: u8) -> Duration {
        let one = match self.round_trip {
            Some(smooth) if self.is_eager => {
                smooth.saturating_add(self.variation).saturating_add(EAGER_SLACK)
            }
            Some(smooth) => smooth.saturating_add(self.variation.saturating_mul(4)).saturating_add(SLACK),
            None => FIRST_ROUND_TRIP,
        };
        let doublings = u32::from(tries.saturating_sub(PATIENT_TRIES)).min(8);
        one.max(MIN_REPEAT).saturating_mul(1 << doublings).min(MAX_REPEAT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_steady_path_is_trusted_more_and_more() {
        let mut timing = Timing::new(false);
        assert_eq!(timing.repeat(1), FIRST_ROUND_TRIP);
        timing.on_round_trip(40 * MS);
        assert_eq!(timing.repeat(1), 125 * MS); // 40 + 4 * 20 + 5
        (0..50).for_each(|_| timing.on_round_trip(40 * MS));
        assert!(timing.repeat(1) < 46 * MS, "{:?}", timing.repeat(1));
        assert_eq!(timing.repeat(255), MAX_REPEAT);
    }

    #[test]
    fn an_answer_comes_about_a_round_trip_after_its_request() {
        let mut timing = Timing::new(false);
        (0..50).for_each(|_| timing.on_round_trip(40 * MS));
        let now = Time::from_millis(5_000);
        assert!(!timing.is_answer(40 * MS, now), "it has lost nothing yet");
        timing.on_loss(now);
        let answers = [29, 31, 40, 42, 45].map(|ms| timing.is_answer(ms * MS, now));
        assert_eq!(answers, [false, true, true, true, false]);
        assert!(!timing.is_answer(40 * MS, now.after(MEMORY_OF_LOSS)));
    }

    #[test]
    fn lateness_raises_the_hold_and_fades() {
        let mut timing = Timing::new(false);
        timing.on_late(8 * MS);
        let hold = timing.hold();
        assert!(hold >= 10 * MS && hold < 11 * MS, "{hold:?}");
        timing.on_late(3 * MS);
        assert_eq!(timing.hold(), hold);
        timing.on_late(90 * MS);
        assert_eq!(timing.hold(), MAX_HOLD);
        (0..1000).for_each(|_| timing.on_frame());
        assert_eq!(timing.hold(), MIN_HOLD);
    }
}
