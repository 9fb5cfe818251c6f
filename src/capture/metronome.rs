//! When the next frame of a source without a camera is due.

use super::rate::Rate;
use crate::time::Time;
use std::time::Duration;

/// A schedule: frame `n` is due at the first frame's time plus `n` intervals, however late earlier ones were.
pub(super) struct Metronome {
    rate: Rate,
    start: Option<Time>,
    next: u64,
}

impl Metronome {
    /// The first frame is due at once; the schedule counts from when it is taken.
    pub(super) fn new(rate: Rate) -> Self {
        Metronome { rate, start: None, next: 0 }
    }

    /// From one frame to the next.
    pub(super) fn interval(&self) -> Duration {
        self.rate.at(1)
    }

    /// When the next frame is due.
    pub(super) fn due(&self) -> Time {
        self.start.map_or(Time::default(), |start| start.after(self.rate.at(self.next)))
    }

    /// The number of the newest frame that is due; frames that came due before it are skipped.
    pub(super) fn newest(&mut self, now: Time) -> Option<u64> {
        let reached = self.reached(now)?;
        self.next = reached + 1;
        Some(reached)
    }

    /// The number of the next frame if it is due. Nothing is skipped: if more frames are due than one, the schedule
    /// begins again from this one.
    pub(super) fn each(&mut self, now: Time) -> Option<u64> {
        let reached = self.reached(now)?;
        let number = self.next;
        if reached > number {
            self.start = Some(now.before(self.rate.at(number)));
        }
        self.next = number + 1;
        Some(number)
    }

    fn reached(&mut self, now: Time) -> Option<u64> {
        let start = *self.start.get_or_insert(now);
        Some(self.rate.reached(now.since(start))).filter(|reached| *reached >= self.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOT: Time = Time::from_millis(5000);

    fn after(millis: u64) -> Time {
        BOOT.after(Duration::from_millis(millis))
    }

    #[test]
    fn keeps_to_the_schedule_without_drift() {
        let mut metronome = Metronome::new(Rate::DEFAULT);
        assert_eq!(metronome.due(), Time::default());
        let mut now = BOOT;
        for number in 0..3000 {
            assert_eq!(metronome.newest(now), Some(number));
            assert_eq!(metronome.newest(now), None);
            now = metronome.due().after(Duration::from_millis(number % 20));
        }
        assert_eq!(metronome.due(), after(100_000));
    }

    #[test]
    fn a_late_live_source_skips_ahead() {
        let mut metronome = Metronome::new("10".parse().unwrap());
        assert_eq!(metronome.newest(BOOT), Some(0));
        assert_eq!(metronome.newest(after(99)), None);
        assert_eq!(metronome.newest(after(199)), Some(1));
        assert_eq!(metronome.due(), after(200));
        assert_eq!(metronome.newest(after(1050)), Some(10));
        assert_eq!(metronome.due(), after(1100));
    }

    #[test]
    fn a_late_replay_skips_nothing_and_does_not_hurry() {
        let mut metronome = Metronome::new("10".parse().unwrap());
        assert_eq!(metronome.each(BOOT), Some(0));
        assert_eq!(metronome.each(after(150)), Some(1));
        assert_eq!(metronome.due(), after(200));
        assert_eq!(metronome.each(after(1050)), Some(2));
        assert_eq!(metronome.each(after(1050)), None);
        assert_eq!(metronome.due(), after(1150));
    }
}
