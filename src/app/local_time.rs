//! Local time, for names and logs. It may be wrong and may jump: nothing else depends on it.

use crate::shown::shown;
use crate::sys::clock;
use crate::time::Time;
use arrayvec::ArrayString;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use std::fmt::Write;
use std::time::Duration;

/// Of this many readings of both clocks the quickest counts.
const ZERO_TRIES: usize = 4;

/// So long a zero is kept.
const KEPT: Duration = Duration::from_secs(1);

/// The wall clock in the system's time zone.
pub fn now() -> Zoned {
    timestamp().to_zoned(TimeZone::system())
}

/// The system's time zone.
pub fn zone() -> TimeZone {
    TimeZone::system()
}

/// What there is to say of the system's time zone before anything is named by it: where TZ names none that is known, times are in UTC.
pub fn zone_trouble() -> Option<String> {
    let name = std::env::var_os("TZ").filter(|_| TimeZone::try_system().is_err())?;
    Some(format!(
        "TZ={} is no time zone that is known here, so times are in UTC: check its spelling (timedatectl list-timezones), or \
         install tzdata",
        shown(&name)
    ))
}

/// The wall clock's time at which the monotonic clock showed zero, as far as the wall clock is right at the moment. It
/// changes only when the wall clock is set: what the system does to make it run right it does to both.
pub fn zero() -> Timestamp {
    // whoever is interrupted between the two clocks tries again
    let tries = (0..ZERO_TRIES).map(|_| {
        let (before, wall, after) = (clock::now(), timestamp(), clock::now());
        let middle = before.after(after.since(before) / 2);
        (after.since(before), wall.checked_sub(Duration::from_nanos(middle.as_nanos())))
    });
    tries.min_by_key(|(took, _)| *took).and_then(|(_, zero)| zero.ok()).unwrap_or_default()
}

/// The wall clock's time at which the monotonic clock showed `then`.
pub fn at(then: Time) -> Timestamp {
    shown_at(zero(), then)
}

fn shown_at(zero: Timestamp, then: Time) -> Timestamp {
    zero.checked_add(Duration::from_nanos(then.as_nanos())).unwrap_or(zero)
}

/// What [`at`] says, for who needs it with each frame: both clocks are read once a second. A wall clock that is set is
/// noticed that much later.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeptZero {
    /// The zero, and when it was read.
    kept: Option<(Timestamp, Time)>,
}

impl KeptZero {
    /// The next time is read anew.
    pub fn forget(&mut self) {
        self.kept = None;
    }

    /// The wall clock's time at which the monotonic clock showed `then`; it is `now`.
    pub fn at(&mut self, then: Time, now: Time) -> Timestamp {
        self.at_by(then, now, zero)
    }

    fn at_by(&mut self, then: Time, now: Time, read: impl FnOnce() -> Timestamp) -> Timestamp {
        let kept = self.kept.filter(|(_, read)| now.since(*read) < KEPT);
        let (zero, _) = *self.kept.insert(kept.unwrap_or_else(|| (read(), now)));
        shown_at(zero, then)
    }
}

/// A time in the system's time zone.
pub fn in_zone(at: Timestamp) -> Zoned {
    at.to_zoned(TimeZone::system())
}

/// `14:03:27.512`, for log lines.
pub fn time_of_day() -> ArrayString<16> {
    let mut text = ArrayString::new();
    write_time_of_day(&mut text);
    text
}

/// The same, for the test picture.
pub fn write_time_of_day(into: &mut ArrayString<16>) {
    let now = now();
    let millis = now.subsec_nanosecond() / 1_000_000;
    // 12 characters into 16
    let _ = write!(into, "{:02}:{:02}:{:02}.{millis:03}", now.hour(), now.minute(), now.second());
}

/// `2026-11-23 14:03:27`, for the client log.
pub fn date_and_time() -> String {
    now().strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// `2026-11-23`.
pub fn date_of(at: Timestamp) -> String {
    in_zone(at).strftime("%Y-%m-%d").to_string()
}

/// `14:03:27`, for the picture of a lost signal.
pub fn to_the_second(at: Timestamp) -> String {
    in_zone(at).strftime("%H:%M:%S").to_string()
}

/// `2026-11-23T14:03:27.512345+01:00`, in the system's time zone: microseconds, as recordings have them.
pub fn rfc3339(at: Timestamp) -> String {
    at.to_zoned(TimeZone::system()).strftime("%Y-%m-%dT%H:%M:%S%.6f%:z").to_string()
}

/// `14:03:27.512`, with the date before it unless it is that of `beside`.
pub fn for_people(at: Timestamp, beside: Option<Timestamp>) -> String {
    let local = |at: Timestamp| at.to_zoned(TimeZone::system());
    let (at, beside) = (local(at), beside.map(local));
    let has_date = beside.is_some_and(|beside| beside.date() == at.date());
    at.strftime(if has_date { "%H:%M:%S%.3f" } else { "%Y-%m-%d %H:%M:%S%.3f" }).to_string()
}

/// The wall clock.
pub fn timestamp() -> Timestamp {
    Timestamp::try_from(clock::wall()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_zero_reads_the_clocks_once_a_second() {
        let (mut kept, mut reads) = (KeptZero::default(), 0);
        let mut at = |kept: &mut KeptZero, millis: u64, zero: i64| {
            let now = Time::from_millis(millis);
            let read = || {
                reads += 1;
                Timestamp::from_second(zero).unwrap()
            };
            let said = kept.at_by(now.before(Duration::from_millis(30)), now, read);
            (said.as_millisecond(), reads)
        };
        assert_eq!(at(&mut kept, 5000, 100), (104_970, 1));
        // the wall clock was set: that shows when the second is over
        for frame in 1..30 {
            assert_eq!(at(&mut kept, 5000 + 33 * frame, 200), (104_970 + 33 * frame as i64, 1));
        }
        assert_eq!(at(&mut kept, 6000, 200), (205_970, 2));
        assert_eq!(at(&mut kept, 6999, 300), (206_969, 2));
        kept.forget();
        assert_eq!(at(&mut kept, 7000, 300), (306_970, 3));
    }
}
