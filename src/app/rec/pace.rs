//! How many frames a second come: by the camera's own clock, so that bursts and rests on the way are not seen in it.

use crate::time::Time;
use std::collections::VecDeque;
use std::time::Duration;

/// The rate is that of this much of the stream, or of the last two frames if they are further apart.
const WINDOW: Duration = Duration::from_secs(5);

/// Between two samples: a camera of 240 frames a second need not give more of them than one of 10.
const APART: Duration = Duration::from_millis(100);

/// A frame that is overdue by less than this, and by less than half an interval, may be on its way.
const OVERDUE: Duration = Duration::from_millis(500);

/// An interval that is not known yet.
const UNKNOWN: Duration = Duration::from_secs(2);

/// The frames of late.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    /// Capture times, and how many frames had come with that one; the newest last.
    samples: VecDeque<(Time, u64)>,
    newest: Option<(Time, u64)>,
    came: Time,
}

impl Pace {
    /// A frame has come.
    pub fn on_frame(&mut self, captured: Time, now: Time) {
        let count = self.newest.map_or(0, |(_, count)| count + 1);
        if self.newest.is_some_and(|(before, _)| captured < before) {
            // another clock
            self.samples.clear();
        }
        (self.newest, self.came) = (Some((captured, count)), now);
        if self.samples.back().is_none_or(|(last, _)| captured >= last.after(APART)) {
            self.samples.push_back((captured, count));
        }
        while self.samples.get(1).is_some_and(|(second, _)| captured >= second.after(WINDOW)) {
            self.samples.pop_front();
        }
    }

    /// The frames from here on are another stream's.
    pub fn restart(&mut self) {
        *self = Pace::default();
    }

    /// The next frame should have come by now, or is the first.
    pub fn is_overdue(&self, now: Time) -> bool {
        let interval = self.interval().unwrap_or(UNKNOWN);
        now.since(self.came) > interval + OVERDUE.max(interval / 2)
    }

    fn interval(&self) -> Option<Duration> {
        let (&(first, before), (last, count)) = (self.samples.front()?, self.newest?);
        let intervals = count.checked_sub(before).filter(|intervals| *intervals > 0)?;
        Some(last.since(first).div_f64(intervals as f64))
    }

    /// Frames a second; none before the second frame.
    pub fn fps(&self, now: Time) -> Option<f64> {
        let (&(first, before), (last, count)) = (self.samples.front()?, self.newest?);
        let intervals = count.checked_sub(before).filter(|intervals| *intervals > 0)?;
        let took = last.since(first);
        let all = if self.is_overdue(now) { took + now.since(self.came) } else { took };
        (all > Duration::ZERO).then(|| intervals as f64 / all.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Time = Time::from_millis(70_000);

    /// Frames at this interval in microseconds for this many seconds, and the time at the end.
    fn at(interval: u64, seconds: u64) -> (Pace, Time) {
        let mut pace = Pace::default();
        let mut now = START;
        for number in 0..=seconds * 1_000_000 / interval {
            let captured = Time::from_millis(5).after(Duration::from_micros(number * interval));
            // they come some at a time
            now = START.after(Duration::from_micros(number * interval).max(now.since(START)));
            pace.on_frame(captured, now);
        }
        (pace, now)
    }

    #[test]
    fn any_rate_is_told_as_it_is() {
        for (interval, seconds) in
            [(4_167, 9), (8_333, 9), (33_333, 9), (200_000, 9), (1_000_000, 9), (10_000_000, 20)]
        {
            let (pace, now) = at(interval, seconds);
            let fps = pace.fps(now).unwrap();
            assert!((fps * interval as f64 / 1e6 - 1.0).abs() < 0.01, "{interval}: {fps}");
            // and just before the next frame
            let fps = pace.fps(now.after(Duration::from_micros(interval))).unwrap();
            assert!((fps * interval as f64 / 1e6 - 1.0).abs() < 0.01, "{interval}: {fps}");
            assert!(pace.samples.len() < 60);
        }
        assert_eq!(Pace::default().fps(START), None);
        assert!(Pace::default().is_overdue(START));
        assert_eq!(at(1_000_000, 0).0.fps(START), None, "one frame has no rate");
    }

    #[test]
    fn a_rate_that_changes_is_told_soon_and_silence_too() {
        let (mut pace, mut now) = at(33_333, 9);
        let silent = |after| pace.fps(now.after(Duration::from_secs(after))).unwrap();
        assert!(silent(5) < 16.0 && silent(1000) < 0.2);
        assert!(pace.is_overdue(now.after(Duration::from_secs(1))) && !pace.is_overdue(now));
        let mut captured = pace.newest.unwrap().0;
        for _ in 0..7 {
            (captured, now) = (captured.after(Duration::from_secs(1)), now.after(Duration::from_secs(1)));
            pace.on_frame(captured, now);
        }
        assert!((0.9..1.1).contains(&pace.fps(now).unwrap()));
        // a clock that went back
        pace.on_frame(Time::from_millis(1), now);
        pace.on_frame(Time::from_millis(501), now);
        assert_eq!(pace.fps(now), Some(2.0));
    }
}
