//! Fewer frames for those who ask for fewer: which ones keep the distance that was asked for, as near as the camera's allow.

use crate::time::Time;
use std::time::Duration;

/// Which frames go to one who wants at most some a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Thin {
    interval: Duration,
    /// When the next one is due, by the capture times.
    due: Option<Time>,
}

impl Thin {
    /// At most one each `interval`; zero means all.
    pub fn new(interval: Duration) -> Self {
        Thin { interval, due: None }
    }

    /// All frames go.
    pub fn is_all(&self) -> bool {
        self.interval.is_zero()
    }

    /// Whether a frame goes that was captured then, `apart` from the one before it in the stream: if it is as near to the time that
    /// is due as any.
    pub fn wants(&self, captured: Time, apart: Duration) -> bool {
        let next = self.due.filter(|due| !self.is_lost(*due, captured));
        self.is_all() || next.is_none_or(|due| due.since(captured) <= apart / 2)
    }

    /// This frame goes. One that is later than the camera's interval explains was held up: the next one keeps its distance from it.
    pub fn took(&mut self, captured: Time, apart: Duration) {
        let is_in_time = |due: &Time| !self.is_lost(*due, captured) && captured.since(*due) <= apart;
        let from = self.due.filter(is_in_time).unwrap_or(captured);
        self.due = Some(from.after(self.interval));
    }

    /// A clock that went back, or a camera that was away: the count begins again.
    fn is_lost(&self, due: Time, captured: Time) -> bool {
        due.since(captured) > self.interval || captured.since(due) > self.interval
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(thin: &mut Thin, captured: Time, apart: Duration) -> bool {
        let wants = thin.wants(captured, apart);
        if wants {
            thin.took(captured, apart);
        }
        wants
    }

    /// Of ten seconds of a camera of this rate, how many frames go a second to one who asks for `wanted`.
    fn rate(camera: f64, wanted: f64) -> f64 {
        let mut thin = Thin::new(Duration::from_secs_f64(1.0 / wanted));
        let apart = Duration::from_secs_f64(1.0 / camera);
        let frames = (0..(camera * 10.0) as u32).filter(|n| {
            // a camera's intervals are not quite even
            let jitter = Duration::from_micros(u64::from(n * 7919 % 3000));
            takes(&mut thin, Time::from_millis(5_000).after(apart * *n).after(jitter), apart)
        });
        frames.count() as f64 / 10.0
    }

    #[test]
    fn frames_come_at_the_rate_that_was_asked_for() {
        for (camera, wanted) in
            [(30.0, 10.0), (30.0, 20.0), (30.0, 1.0), (240.0, 25.0), (15.0, 7.0), (5.0, 0.5), (25.0, 24.0)]
        {
            let got = rate(camera, wanted);
            assert!((got - wanted).abs() <= 0.2, "{wanted} of {camera}: {got}");
        }
        assert!((rate(5.0, 30.0) - 5.0).abs() < 0.01, "more than there are");
        assert!((rate(30.0, 30.0) - 30.0).abs() < 0.4);
    }

    #[test]
    fn a_camera_that_was_away_or_whose_clock_went_back_is_shown_at_once() {
        let mut thin = Thin::new(Duration::from_secs(1));
        let apart = Duration::from_millis(33);
        let mut takes = |ms| takes(&mut thin, Time::from_millis(ms), apart);
        assert_eq!([90_000, 90_033, 91_000].map(&mut takes), [true, false, true]);
        assert_eq!([190_000, 190_033].map(&mut takes), [true, false]);
        assert_eq!([10_000, 10_033, 11_000].map(&mut takes), [true, false, true]);
    }

    #[test]
    fn after_a_stall_the_next_frame_keeps_its_distance() {
        let mut thin = Thin::new(Duration::from_millis(200));
        let apart = Duration::from_millis(20);
        assert!(takes(&mut thin, Time::from_millis(5_000), apart));
        // its reader took nothing for a while, and the next one would have been due at 5200
        let then: Vec<u64> =
            (5_380..5_800).step_by(20).filter(|ms| takes(&mut thin, Time::from_millis(*ms), apart)).collect();
        assert_eq!(then, [5_380, 5_580, 5_780]);
    }
}
