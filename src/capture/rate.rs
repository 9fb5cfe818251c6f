//! Frames per second as a ratio, so that a schedule of frames never drifts.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

const NANOS: u128 = 1_000_000_000;

/// The highest rate accepted, in frames per second: no camera of this class gives more, and it bounds our work.
const HIGHEST: u32 = 1000;

/// Frames per second: `frames` in `seconds`, in lowest terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    frames: u32,
    seconds: u32,
}

/// The text is not a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateError;

impl Rate {
    /// 30 frames per second.
    pub const DEFAULT: Rate = Rate { frames: 30, seconds: 1 };

    /// `frames` in `seconds`; `None` if either is zero or that is over 1000 frames per second.
    pub fn new(frames: u32, seconds: u32) -> Option<Rate> {
        if frames == 0 || seconds == 0 || frames / seconds > HIGHEST {
            return None;
        }
        let divisor = greatest_common_divisor(frames, seconds);
        Some(Rate { frames: frames / divisor, seconds: seconds / divisor })
    }

    /// Frames counted in [`Rate::seconds`].
    pub const fn frames(self) -> u32 {
        self.frames
    }

    /// Seconds in which [`Rate::frames`] are counted.
    pub const fn seconds(self) -> u32 {
        self.seconds
    }

    /// Frames per second.
    pub fn as_f64(self) -> f64 {
        f64::from(self.frames) / f64::from(self.seconds)
    }

    /// When frame `number` is due after frame 0, rounded up to the nanosecond.
    pub fn at(self, number: u64) -> Duration {
        let nanos = (u128::from(number) * u128::from(self.seconds) * NANOS).div_ceil(u128::from(self.frames));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// The number of the newest frame that is due `elapsed` after frame 0.
    pub fn reached(self, elapsed: Duration) -> u64 {
        let frames = elapsed.as_nanos() * u128::from(self.frames) / (u128::from(self.seconds) * NANOS);
        u64::try_from(frames).unwrap_or(u64::MAX)
    }
}

fn greatest_common_divisor(mut a: u32, mut b: u32) -> u32 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl FromStr for Rate {
    type Err = RateError;

    /// Reads `30`, `29.97` (up to three decimals) or `30000/1001`.
    fn from_str(text: &str) -> Result<Self, RateError> {
        let (frames, seconds) = match text.split_once('/') {
            Some((frames, seconds)) => (frames.parse().map_err(|_| RateError)?, whole(seconds)?),
            None => decimal(text)?,
        };
        Rate::new(frames, seconds).ok_or(RateError)
    }
}

fn whole(text: &str) -> Result<u32, RateError> {
    text.parse().map_err(|_| RateError)
}

/// `29.97` as 29970 in 1000 seconds.
fn decimal(text: &str) -> Result<(u32, u32), RateError> {
    let (units, decimals) = text.split_once('.').unwrap_or((text, "0"));
    if decimals.is_empty() || decimals.len() > 3 || !decimals.bytes().all(|b| b.is_ascii_digit()) {
        return Err(RateError);
    }
    let thousandths = whole(&format!("{decimals:0<3}"))?;
    let frames = whole(units)?.checked_mul(1000).and_then(|frames| frames.checked_add(thousandths));
    Ok((frames.ok_or(RateError)?, 1000))
}

impl fmt::Display for Rate {
    /// `30`, `29.97`: two decimals at most.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.2}", self.as_f64());
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl fmt::Display for RateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a frame rate between 0 and 1000: write it as 30, 29.97 or 30000/1001")
    }
}

impl std::error::Error for RateError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(text: &str) -> Rate {
        text.parse().unwrap()
    }

    #[test]
    fn reads_whole_decimal_and_ratio() {
        assert_eq!(rate("30"), Rate::DEFAULT);
        assert_eq!(rate("29.97"), Rate { frames: 2997, seconds: 100 });
        assert_eq!(rate("7.5"), Rate { frames: 15, seconds: 2 });
        assert_eq!(rate("30000/1001"), Rate { frames: 30000, seconds: 1001 });
        assert_eq!(rate("0.5"), Rate { frames: 1, seconds: 2 });
    }

    #[test]
    fn refuses_the_rest() {
        for text in
            ["", "0", "-1", "30fps", "1/0", "0/1", "29.", ".5", "1.2345", "5000000", "1001", "nan", "1e3"]
        {
            assert_eq!(text.parse::<Rate>(), Err(RateError), "{text}");
        }
    }

    #[test]
    fn shows_two_decimals_at_most() {
        assert_eq!(rate("30").to_string(), "30");
        assert_eq!(rate("30000/1001").to_string(), "29.97");
        assert_eq!(rate("7.5").to_string(), "7.5");
        assert_eq!(Rate::new(10_000_000, 333_333).unwrap().to_string(), "30");
        assert_eq!(rate("100").to_string(), "100");
    }

    #[test]
    fn a_frame_is_reached_at_the_very_instant_that_it_is_due() {
        for rate in [rate("30"), rate("29.97"), rate("30000/1001"), rate("7"), rate("0.3"), rate("1000")] {
            for number in [0, 1, 2, 3, 7, 29, 30, 31, 1000, 123_456_789] {
                assert_eq!(rate.reached(rate.at(number)), number, "{rate} {number}");
            }
        }
    }
}
