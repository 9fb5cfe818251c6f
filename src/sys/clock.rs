//! The only reader of clocks.
#![expect(clippy::disallowed_methods, reason = "this is the room that reads clocks")]

use crate::time::Time;
use std::time::{Duration, SystemTime};

/// A wall clock that shows an earlier time after 1970 was not set: it is that of 2026.
pub const SET: Duration = Duration::from_secs(1_767_225_600);

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

/// Whether something sets the wall clock, as NTP does; `None` where the kernel does not say.
pub fn is_set() -> Option<bool> {
    // SAFETY: timex is plain numbers, for which zeros are values; no mode set, the kernel only writes into it
    let (state, told) = unsafe {
        let mut told: libc::timex = std::mem::zeroed();
        (libc::adjtimex(&raw mut told), told)
    };
    (state >= 0).then_some(told.status & libc::STA_UNSYNC == 0)
}
