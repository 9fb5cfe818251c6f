//! The only reader of clocks.
#![expect(clippy::disallowed_methods, reason = "this is the room that reads clocks")]

use crate::time::Time;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The monotonic clock: the one that cameras stamp frames with.
pub fn now() -> Time {
    // CLOCK_MONOTONIC is always there on Linux; should it not be, time stands still rather than anything panics
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC)
        .map(|spec| Time::from_nanos(Duration::from(spec).as_nanos() as u64))
        .unwrap_or_default()
}

/// The wall clock, which may be wrong and may jump. For names and logs only.
pub fn wall() -> SystemTime {
    SystemTime::now()
}

/// Older than this no stamp is believed: the wall clock was set since.
const STAMP_MOST: Duration = Duration::from_secs(1);

/// Both clocks, read together. The kernel stamps datagrams by the wall clock only.
#[derive(Clone, Copy, Debug)]
pub struct Both {
    ours: Time,
    wall: Duration,
}

/// Reads both clocks.
pub fn both() -> Both {
    // in this order: whoever is interrupted between them takes what has come for newer than it is, as without any stamp
    let wall = wall().duration_since(UNIX_EPOCH).unwrap_or_default();
    Both { ours: now(), wall }
}

impl Both {
    /// What the monotonic clock showed when the wall clock was so long after 1970; now, should that make no sense.
    pub fn at(&self, stamp: Duration) -> Time {
        let age = self.wall.checked_sub(stamp).filter(|age| *age <= STAMP_MOST).unwrap_or_default();
        self.ours.before(age)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_of_the_wall_clock_are_taken_over_unless_it_was_set() {
        let wall = Duration::from_secs(1_790_000_000);
        let both = Both { ours: Time::from_millis(5_000), wall };
        let ms = Duration::from_millis;
        assert_eq!(both.at(wall - ms(20)), Time::from_millis(4_980));
        assert_eq!(both.at(wall), both.ours);
        // set back, and set forward
        assert_eq!(both.at(wall + ms(3_600_000)), both.ours);
        assert_eq!(both.at(wall - ms(3_600_000)), both.ours);
    }
}
