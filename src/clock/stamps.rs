//! What drivers say of a frame's time and number, made sense of: recorders rely on both.

use crate::time::{Stamp, Time};
use std::time::Duration;

/// Counters may run ahead of the times by as much as a driver has buffers.
const SLACK: u128 = 64;

/// The least time between two frames of a driver that says none.
const TICK: Duration = Duration::from_micros(1);

/// What was wrong with a frame's stamp.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Oddity {
    /// The counter stood still, went back, or leapt.
    pub count: bool,
    /// The time stood still or went back.
    pub time: bool,
}

/// The stamps of a stream: times always rise, and so do the numbers, whose gaps are frames that the camera dropped.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stamps {
    captured: Option<Time>,
    /// The number that the driver said last, and what was made of it.
    sequence: Option<(u32, u32)>,
}

impl Stamps {
    /// The camera was reopened, and its driver counts from the start. Time goes on.
    pub fn restart(&mut self) {
        self.sequence = None;
    }

    /// Makes sense of the next frame's stamp. `now` stands in for a time that cannot be.
    pub fn tidy(&mut self, said: Stamp, now: Time) -> (Stamp, Oddity) {
        let earlier = self.captured.replace(said.captured);
        let mut stamp = said;
        let mut oddity = Oddity::default();
        if let Some(earlier) = earlier.filter(|earlier| said.captured <= *earlier) {
            oddity.time = true;
            stamp.captured = now.max(earlier.after(TICK));
            self.captured = Some(stamp.captured);
        }
        if let (Some((before, made)), Some(earlier)) = (self.sequence, earlier) {
            let ahead = said.sequence.wrapping_sub(before);
            // a camera that gives more than a frame a millisecond counts wrong
            let most = stamp.captured.since(earlier).as_millis().saturating_add(SLACK);
            oddity.count = ahead == 0 || u128::from(ahead) > most;
            stamp.sequence = made.wrapping_add(if oddity.count { 1 } else { ahead });
        }
        self.sequence = Some((said.sequence, stamp.sequence));
        (stamp, oddity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: Oddity = Oddity { count: false, time: false };

    /// Frames 33 ms apart with these driver's numbers: what is made of them, and how many were odd.
    fn counted(numbers: &[u32]) -> (Vec<u32>, usize) {
        let mut stamps = Stamps::default();
        let mut odd = 0;
        let made = numbers.iter().enumerate().map(|(at, sequence)| {
            let captured = Time::from_millis(1000 + 33 * at as u64);
            let (stamp, oddity) = stamps.tidy(Stamp { captured, sequence: *sequence }, captured);
            odd += usize::from(oddity.count);
            stamp.sequence
        });
        let made = made.collect();
        (made, odd)
    }

    #[test]
    fn a_counter_that_counts_is_believed_gaps_and_all() {
        assert_eq!(counted(&[7, 8, 9, 12, 13]), (vec![7, 8, 9, 12, 13], 0));
        assert_eq!(counted(&[u32::MAX - 1, u32::MAX, 0, 2]), (vec![u32::MAX - 1, u32::MAX, 0, 2], 0));
    }

    #[test]
    fn a_counter_that_does_not_is_counted_for() {
        assert_eq!(counted(&[0, 0, 0, 0]), (vec![0, 1, 2, 3], 3));
        assert_eq!(counted(&[50, 51, 0, 1, 3]), (vec![50, 51, 52, 53, 55], 1));
        assert_eq!(counted(&[5, 6, 90_000_000, 90_000_001]), (vec![5, 6, 7, 8], 1));
    }

    #[test]
    fn a_long_silence_may_hide_many_frames() {
        let mut stamps = Stamps::default();
        let at = |secs: u64, sequence| Stamp { captured: Time::from_millis(secs * 1000), sequence };
        stamps.tidy(at(1, 10), Time::default());
        assert_eq!(stamps.tidy(at(101, 3010), Time::default()), (at(101, 3010), FINE));
    }

    #[test]
    fn times_always_rise() {
        let mut stamps = Stamps::default();
        let now = Time::from_millis(5000);
        let at = |millis, sequence| Stamp { captured: Time::from_millis(millis), sequence };
        assert_eq!(stamps.tidy(at(4990, 0), now), (at(4990, 0), FINE));
        let (back, oddity) = stamps.tidy(at(4000, 1), now);
        assert_eq!((back, oddity), (at(5000, 1), Oddity { time: true, count: false }));
        let (again, _) = stamps.tidy(at(4000, 2), now);
        assert_eq!(again.captured, now.after(TICK));
        assert_eq!(stamps.tidy(at(5034, 3), now), (at(5034, 3), FINE));
    }

    #[test]
    fn a_camera_opened_anew_counts_from_its_start() {
        let mut stamps = Stamps::default();
        let at = |millis, sequence| Stamp { captured: Time::from_millis(millis), sequence };
        stamps.tidy(at(1000, 500), Time::default());
        stamps.restart();
        assert_eq!(stamps.tidy(at(9000, 0), Time::default()), (at(9000, 0), FINE));
        let (early, oddity) = stamps.tidy(at(8000, 1), Time::from_millis(9040));
        assert_eq!((early, oddity.time), (at(9040, 1), true));
    }
}
