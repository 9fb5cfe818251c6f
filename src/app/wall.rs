//! Local time, for names and logs. It may be wrong and may jump: nothing else depends on it.

use crate::sys::clock;
use crate::time::Time;
use arrayvec::ArrayString;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use std::fmt::Write;

/// The wall clock in the system's time zone.
pub fn now() -> Zoned {
    timestamp().to_zoned(TimeZone::system())
}

/// The wall clock's time at which the monotonic clock showed `then`, as far as the clock is right at the moment.
pub fn at(then: Time) -> Zoned {
    let age = clock::now().since(then);
    let moment = jiff::SignedDuration::try_from(age).ok().and_then(|age| timestamp().checked_sub(age).ok());
    moment.unwrap_or_else(timestamp).to_zoned(TimeZone::system())
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
