//! What is found, as lines: not more of them than a person reads, or a program takes.

use std::time::Duration;

/// Of each kind a person is shown this many lines, and a program this many entries.
pub(super) const SHOWN: usize = 20;
pub(super) const LISTED: usize = 10_000;

/// As many as a person reads, and how many more there are.
pub(super) fn list(to: &mut Vec<String>, lines: impl Iterator<Item = String>, all: u64) {
    to.extend(lines.take(SHOWN));
    let more = all.saturating_sub(SHOWN as u64);
    if more > 0 {
        to.push(format!("and {more} more"));
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// `1:02:03.456`, the time in the file, as players show it.
pub(super) fn show_time(millis: u64) -> String {
    let (seconds, millis) = (millis / 1000, millis % 1000);
    format!("{}:{:02}:{:02}.{millis:03}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
