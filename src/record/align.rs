//! Files that begin when the clock on the wall shows a round time: on the full hour, or at each quarter of it.
//!
//! A day, as the clock shows it, is divided into slots of a file's length, from midnight on; a length that does not divide a day
//! has a shorter slot before midnight. All frames whose day and slot are the same are one file. So when the clock is put forward in
//! spring the slot that it jumps out of is shorter, and in autumn the hour that comes twice is two hours of files, or a longer
//! one where a slot is more than the hour.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use std::time::Duration;

/// The longest slot.
pub const LONGEST: Duration = Duration::from_secs(DAY);

const DAY: u64 = 24 * 60 * 60;

/// A file that begins so shortly before a slot's end is for the next one: where a frame is on the wall's clock is known
/// to some milliseconds only, and a file is to be more than a frame.
const EARLY: SignedDuration = SignedDuration::from_millis(500);

/// Clock changes within one slot; there are hardly two a year.
const MOST_CHANGES: usize = 4;

/// How files are aligned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Align {
    /// A slot's length, up to [`LONGEST`].
    pub slot: Duration,
    /// The clock that they are aligned by.
    pub zone: TimeZone,
}

impl Align {
    /// When the file ends that begins then.
    pub fn end(&self, start: Timestamp) -> Timestamp {
        let mut at = start.saturating_add(EARLY).unwrap_or(start);
        let slot = self.slot_of(&at.to_zoned(self.zone.clone()));
        for _ in 0..MOST_CHANGES {
            let end = self.end_by_offset(at);
            match self
                .zone
                .following(at)
                .next()
                .map(|change| change.timestamp())
                .filter(|change| *change < end)
            {
                Some(change) if self.slot_of(&change.to_zoned(self.zone.clone())) == slot => at = change,
                Some(change) => return change,
                None => return end,
            }
        }
        self.end_by_offset(at)
    }

    /// When the slot ends, if nobody changes the clock meanwhile.
    fn end_by_offset(&self, at: Timestamp) -> Timestamp {
        let at_local = at.to_zoned(self.zone.clone());
        let (_, number) = self.slot_of(&at_local);
        let end = number.saturating_add(1).saturating_mul(nanos(self.slot)).min(nanos(LONGEST));
        let left = Duration::from_nanos(end.saturating_sub(since_midnight(&at_local)));
        at.saturating_add(left).unwrap_or(Timestamp::MAX)
    }

    /// Its day and its number.
    fn slot_of(&self, at: &Zoned) -> (Date, u64) {
        (at.date(), since_midnight(at).checked_div(nanos(self.slot)).unwrap_or_default())
    }
}

/// What the clock shows.
fn since_midnight(at: &Zoned) -> u64 {
    let shown = at.time().duration_since(Time::midnight());
    u64::try_from(shown.as_nanos()).unwrap_or_default()
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;

    /// Central Europe's, without asking for the system's list of zones.
    fn align(seconds: u64) -> Align {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        Align { slot: Duration::from_secs(seconds), zone }
    }

    fn end(seconds: u64, start: &str) -> String {
        let align = align(seconds);
        let end = align.end(start.parse().unwrap());
        end.to_zoned(align.zone).strftime("%m-%d %H:%M:%S%.f%:z").to_string()
    }

    #[test]
    fn a_file_ends_when_the_clock_shows_a_round_time() {
        assert_eq!(end(15 * MINUTE, "2026-11-26T14:03:27.5+01:00"), "11-26 14:15:00+01:00");
        assert_eq!(end(15 * MINUTE, "2026-11-26T14:15:00+01:00"), "11-26 14:30:00+01:00");
        assert_eq!(end(HOUR, "2026-11-26T23:59:00+01:00"), "11-27 00:00:00+01:00");
        assert_eq!(end(24 * HOUR, "2026-11-26T14:00:00+01:00"), "11-27 00:00:00+01:00");
        assert_eq!(end(1, "2026-11-26T14:00:00.2+01:00"), "11-26 14:00:01+01:00");
    }

    #[test]
    fn a_length_that_does_not_divide_the_day_begins_anew_at_midnight() {
        assert_eq!(end(7 * MINUTE, "2026-11-26T23:50:00+01:00"), "11-26 23:55:00+01:00");
        assert_eq!(end(7 * MINUTE, "2026-11-26T23:55:00+01:00"), "11-27 00:00:00+01:00");
        assert_eq!(end(7 * MINUTE, "2026-11-27T00:00:00+01:00"), "11-27 00:07:00+01:00");
    }

    #[test]
    fn a_frame_just_before_a_round_time_begins_the_file_of_that_time() {
        assert_eq!(end(HOUR, "2026-11-26T13:59:59.999+01:00"), "11-26 15:00:00+01:00");
        assert_eq!(end(HOUR, "2026-11-26T13:59:59.4+01:00"), "11-26 14:00:00+01:00");
    }

    #[test]
    fn an_hour_that_is_left_out_ends_a_slot() {
        assert_eq!(end(15 * MINUTE, "2026-03-29T01:50:00+01:00"), "03-29 03:00:00+02:00");
        assert_eq!(end(2 * HOUR, "2026-03-29T00:00:00+01:00"), "03-29 03:00:00+02:00");
        assert_eq!(end(2 * HOUR, "2026-03-29T03:00:00+02:00"), "03-29 04:00:00+02:00");
        assert_eq!(end(24 * HOUR, "2026-03-29T00:00:00+01:00"), "03-30 00:00:00+02:00");
    }

    #[test]
    fn an_hour_that_comes_twice_is_files_twice() {
        assert_eq!(end(15 * MINUTE, "2026-10-25T02:45:00+02:00"), "10-25 02:00:00+01:00");
        assert_eq!(end(15 * MINUTE, "2026-10-25T02:45:00+01:00"), "10-25 03:00:00+01:00");
        assert_eq!(
            end(2 * HOUR, "2026-10-25T02:00:00+02:00"),
            "10-25 04:00:00+01:00",
            "a slot of three hours"
        );
        assert_eq!(end(24 * HOUR, "2026-10-25T00:00:00+02:00"), "10-26 00:00:00+01:00", "a day of 25");
    }

    proptest! {
        #[test]
        fn files_are_neither_empty_nor_endless(slot in 1..=DAY, start in 1_700_000_000_000_000_000..1_800_000_000_000_000_000_i64) {
            let start = Timestamp::from_nanosecond(start.into()).unwrap();
            let long = align(slot).end(start).duration_since(start);
            let most = SignedDuration::from_secs(slot as i64 + 3600) + EARLY;
            prop_assert!(long > SignedDuration::ZERO && long <= most, "{long:?}");
        }
    }
}
