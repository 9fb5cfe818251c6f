//! Instants on the monotonic clock, as plain numbers: pure code takes them as arguments and never reads a clock.
//!
//! The camera stamps its frames on the same clock (`CLOCK_MONOTONIC`), so a frame's age is a subtraction.
#![forbid(unsafe_code)]

use std::fmt;
use std::time::Duration;

/// An instant on `CLOCK_MONOTONIC`, in nanoseconds. All arithmetic saturates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The far future: a deadline that never comes.
    pub const NEVER: Time = Time(u64::MAX);

    /// The instant `nanos` nanoseconds after the clock's zero.
    pub const fn from_nanos(nanos: u64) -> Self {
        Time(nanos)
    }

    /// The instant `millis` milliseconds after the clock's zero.
    pub const fn from_millis(millis: u64) -> Self {
        Time(millis.saturating_mul(1_000_000))
    }

    /// Nanoseconds since the clock's zero.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The instant `wait` after this one.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Time(self.0.saturating_add(nanos(wait)))
    }

    /// The instant `wait` before this one.
    #[must_use]
    pub fn before(self, wait: Duration) -> Self {
        Time(self.0.saturating_sub(nanos(wait)))
    }

    /// The first instant that is not before this one and on a grid of whole steps since the clock's zero.
    #[must_use]
    pub fn on_grid(self, step: Duration) -> Self {
        let past = self.0.checked_rem(nanos(step)).unwrap_or(0);
        if past == 0 { self } else { Time(self.0.saturating_add(nanos(step).saturating_sub(past))) }
    }

    /// How long after `earlier` this instant is; zero if it is not after it.
    pub const fn since(self, earlier: Time) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09} s", self.0 / 1_000_000_000, self.0 % 1_000_000_000)
    }
}

fn nanos(wait: Duration) -> u64 {
    u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX)
}

/// A measured time, smoothed: an eighth of each new sample, as RFC 6298 has it for round trips.
pub fn smooth(so_far: Option<Duration>, sample: Duration) -> Duration {
    match so_far {
        Some(old) => old.saturating_sub(old.div_f32(8.0)).saturating_add(sample.div_f32(8.0)),
        None => sample,
    }
}

/// What the driver says of a frame beside its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// When the frame was captured, on the camera's monotonic clock.
    pub captured: Time,
    /// The driver's frame counter; a gap in it is a frame that the camera or its driver dropped.
    pub sequence: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates() {
        let early = Time::from_millis(5);
        assert_eq!(early.before(Duration::from_secs(1)), Time::from_nanos(0));
        assert_eq!(Time::NEVER.after(Duration::from_secs(1)), Time::NEVER);
        assert_eq!(early.since(Time::from_millis(7)), Duration::ZERO);
        assert_eq!(Time::from_millis(7).since(early), Duration::from_millis(2));
        assert_eq!(Time::NEVER.on_grid(Duration::from_secs(1)), Time::NEVER);
    }

    #[test]
    fn a_grid_has_the_same_points_for_all() {
        let on_grid = |nanos| Time::from_nanos(nanos).on_grid(Duration::from_nanos(10)).as_nanos();
        assert_eq!([on_grid(0), on_grid(1), on_grid(10), on_grid(19)], [0, 10, 10, 20]);
    }
}
