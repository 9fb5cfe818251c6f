//! A few seconds of a stream: what came, and how.

use super::Finding;
use crate::time::Time;
use std::time::Duration;

/// How long a stream is watched ...
const LENGTH: Duration = Duration::from_secs(3);

/// ... and one that may be slow, until it has shown two frames.
const PATIENCE: Duration = Duration::from_secs(30);

/// What has come of a stream so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trial {
    /// Whole frames.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The longest, in bytes.
    pub longest: u64,
    /// What was no frame, or not whole.
    pub damaged: u64,
    /// Frames that the camera or its driver left out, as their numbers tell; on a network, those that are missing.
    pub missing: u64,
    /// When the first and the last were captured.
    captured: Option<(Time, Time)>,
    /// The longest time between two.
    pub gap: Duration,
}

impl Trial {
    /// A whole frame.
    pub fn add(&mut self, bytes: usize, captured: Time) {
        self.frames += 1;
        self.bytes += bytes as u64;
        self.longest = self.longest.max(bytes as u64);
        if let Some((_, last)) = self.captured {
            self.gap = self.gap.max(captured.since(last));
        }
        let first = self.captured.map_or(captured, |(first, _)| first);
        self.captured = Some((first, captured.max(first)));
    }

    /// Until when a stream is watched that has been since `begun`, and is to have so many frames a second.
    pub fn end(&self, begun: Time, agreed: Option<f64>) -> Time {
        begun.after(if self.frames < 2 { patience(agreed) } else { LENGTH })
    }

    /// Frames a second, by when they were captured; none of fewer than two.
    pub fn fps(&self) -> Option<f64> {
        let (first, last) = self.captured?;
        let took = last.since(first).as_secs_f64();
        (self.frames > 1 && took > 0.0).then(|| (self.frames - 1) as f64 / took)
    }

    /// Bytes a second.
    pub fn rate(&self) -> Option<f64> {
        Some(self.fps()? * (self.bytes as f64 / self.frames as f64))
    }

    /// What is to be thought of it, where so many frames a second were agreed on.
    pub fn finding(&self, about: &'static str, agreed: Option<f64>) -> Finding {
        if self.frames == 0 {
            let seconds = patience(agreed).as_secs();
            let what = match self.damaged {
                0 => format!("no frame in {seconds} s"),
                damaged => format!("no whole frame in {seconds} s, and {damaged} that were damaged"),
            };
            return Finding::fail(about, what);
        }
        let what = self.in_words();
        if self.damaged > 0 {
            let remedy = "another cable or port, without a hub; a camera that leaves out a frame's end: --allow-truncated-frames";
            return Finding::warn(about, what, remedy);
        }
        if let (Some(fps), Some(agreed)) = (self.fps(), agreed)
            && fps < 0.85 * agreed
        {
            return Finding::warn(
                about,
                format!("{what}; {agreed:.2} were agreed on"),
                "more light: cameras expose longer in the dark (--control exposure_dynamic_framerate=0 forbids it), or \
                 a smaller picture",
            );
        }
        match self.missing {
            0 => Finding::ok(about, what),
            _ => Finding::warn(about, what, "another USB port, and nothing else at that bus"),
        }
    }

    /// `29.97 fps, mean 85.2 kB, longest 91.0 kB, 20.4 Mbit/s; longest pause 34 ms; none damaged, none missing`.
    pub fn in_words(&self) -> String {
        let mean = self.bytes as f64 / self.frames.max(1) as f64;
        let mut words = match self.fps() {
            Some(fps) => format!("{fps:.2} fps"),
            None => format!("frames: {}", self.frames),
        };
        words += &format!(", mean {:.1} kB, longest {:.1} kB", mean / 1e3, self.longest as f64 / 1e3);
        if let Some(rate) = self.rate() {
            words += &format!(", {:.1} Mbit/s; longest pause {} ms", rate * 8.0 / 1e6, self.gap.as_millis());
        }
        let count = |count: u64, what| match count {
            0 => format!("none {what}"),
            count => format!("{count} {what}"),
        };
        words + &format!("; {}, {}", count(self.damaged, "damaged"), count(self.missing, "missing"))
    }
}

/// How long two frames are waited for.
fn patience(agreed: Option<f64>) -> Duration {
    let Some(fps) = agreed else { return PATIENCE };
    Duration::try_from_secs_f64(2.5 / fps).unwrap_or(PATIENCE).clamp(LENGTH, PATIENCE)
}

/// What a network lost of so many datagrams, of which so many had to be sent again; and what is missing after all.
pub fn loss(datagrams: u64, again: u64, missing: u64) -> Finding {
    let share = 100.0 * again as f64 / datagrams.max(1) as f64;
    let what =
        format!("{again} of {datagrams} datagrams sent again ({share:.1} %); frames missing: {missing}");
    const REMEDY: &str = "a cable instead of Wi-Fi, its power save off at both ends, a smaller picture or a lower rate; and \
                          net.core.rmem_max, where it is told of above";
    match (missing, share) {
        (1.., _) => Finding::fail("loss", what).remedied_by(REMEDY),
        (0, 5.0..) => Finding::warn("loss", what, REMEDY),
        _ => Finding::ok("loss", what),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    fn trial(fps: f64, frames: u64, bytes: usize) -> Trial {
        let mut trial = Trial::default();
        for frame in 0..frames {
            let at = Duration::from_secs_f64(frame as f64 / fps);
            trial.add(bytes, Time::default().after(at));
        }
        trial
    }

    #[test]
    fn rates_are_told_at_any_rate_and_size() {
        for (fps, bytes) in [(0.1, 1000), (5.0, 8 << 20), (29.97, 85_200), (240.0, 1000)] {
            let trial = trial(fps, 20, bytes);
            assert!((trial.fps().unwrap() / fps - 1.0).abs() < 1e-3, "{fps}");
            assert!((trial.rate().unwrap() / (fps * bytes as f64) - 1.0).abs() < 1e-3, "{fps}");
            assert_eq!(trial.finding("trial", Some(fps)).verdict, Verdict::Ok);
            assert_eq!(trial.finding("trial", None).verdict, Verdict::Ok);
            assert_eq!(trial.finding("trial", Some(2.0 * fps)).verdict, Verdict::Warn);
        }
    }

    #[test]
    fn a_trial_reads_as_a_person_reads() {
        assert_eq!(
            trial(25.0, 76, 100_000).in_words(),
            "25.00 fps, mean 100.0 kB, longest 100.0 kB, 20.0 Mbit/s; longest pause 40 ms; none damaged, none missing"
        );
        let one = Trial { missing: 2, ..trial(1.0, 1, 1500) };
        assert_eq!(one.in_words(), "frames: 1, mean 1.5 kB, longest 1.5 kB; none damaged, 2 missing");
    }

    #[test]
    fn what_is_not_as_it_should_be_is_told() {
        assert_eq!(Trial::default().finding("trial", None).verdict, Verdict::Fail);
        let broken = Trial { damaged: 9, ..Trial::default() };
        assert!(broken.finding("trial", None).what.contains("9 that were damaged"));
        for (damaged, missing) in [(1, 0), (0, 1)] {
            let trial = Trial { damaged, missing, ..trial(30.0, 90, 1) };
            assert_eq!(trial.finding("trial", Some(30.0)).verdict, Verdict::Warn);
        }
        // a camera whose times run backwards
        let mut odd = Trial::default();
        odd.add(1, Time::from_nanos(5));
        odd.add(1, Time::from_nanos(1));
        assert_eq!((odd.fps(), odd.finding("trial", Some(30.0)).verdict), (None, Verdict::Ok));
    }

    #[test]
    fn slow_streams_are_watched_for_longer() {
        let end = |trial: &Trial, agreed| trial.end(Time::default(), agreed).since(Time::default());
        assert_eq!(end(&trial(30.0, 2, 1), None), LENGTH);
        let none = Trial::default();
        assert_eq!(end(&none, Some(30.0)), LENGTH);
        assert_eq!(end(&none, Some(0.5)), Duration::from_secs(5));
        assert_eq!(end(&none, None), PATIENCE);
        for odd in [0.001, 0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!((LENGTH..=PATIENCE).contains(&end(&none, Some(odd))), "{odd}");
        }
    }

    #[test]
    fn loss_is_judged() {
        assert_eq!(loss(0, 0, 0).verdict, Verdict::Ok);
        assert_eq!(loss(1000, 10, 0).verdict, Verdict::Ok);
        assert_eq!(loss(1000, 100, 0).verdict, Verdict::Warn);
        assert_eq!(loss(1000, 10, 1).verdict, Verdict::Fail);
    }
}
