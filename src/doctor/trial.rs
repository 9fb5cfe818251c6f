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
    /// Frames that were left out, as their numbers tell.
    pub missing: u64,
    /// When the first and the last were captured.
    captured: Option<(Time, Time)>,
    /// When the last one came.
    came: Option<Time>,
    /// The longest time between two.
    pause: Duration,
}

/// What has come of a stream while it was watched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Watch<'a> {
    /// What came.
    pub trial: &'a Trial,
    /// Since when.
    pub begun: Time,
    /// Until when.
    pub ended: Time,
    /// So many frames a second were agreed on, if they were.
    pub agreed: Option<f64>,
}

impl Trial {
    /// A whole frame, which has come now.
    pub fn add(&mut self, bytes: usize, captured: Time, now: Time) {
        self.frames += 1;
        self.bytes += bytes as u64;
        self.longest = self.longest.max(bytes as u64);
        if let Some((_, last)) = self.captured {
            self.pause = self.pause.max(captured.since(last));
        }
        let first = self.captured.map_or(captured, |(first, _)| first);
        self.captured = Some((first, captured.max(first)));
        self.came = Some(now);
    }

    /// Until when a stream is watched that has been since `begun`, and is to have so many frames a second.
    pub fn end(&self, begun: Time, agreed: Option<f64>) -> Time {
        begun.after(if self.frames < 2 { patience(agreed) } else { LENGTH })
    }

    /// When the last frame came.
    pub fn came(&self) -> Option<Time> {
        self.came
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

    /// `29.97 fps, mean 85.2 kB, longest 91.0 kB, 20.4 Mbit/s; longest pause 34 ms; none damaged, none missing`.
    fn in_words(&self) -> String {
        let mean = self.bytes as f64 / self.frames.max(1) as f64;
        let mut words = match self.fps() {
            Some(fps) => format!("{fps:.2} fps"),
            None => format!("frames: {}", self.frames),
        };
        words += &format!(", mean {:.1} kB, longest {:.1} kB", mean / 1e3, self.longest as f64 / 1e3);
        if let Some(rate) = self.rate() {
            words +=
                &format!(", {:.1} Mbit/s; longest pause {} ms", rate * 8.0 / 1e6, self.pause.as_millis());
        }
        let count = |count: u64, what| match count {
            0 => format!("none {what}"),
            count => format!("{count} {what}"),
        };
        words + &format!("; {}, {}", count(self.damaged, "damaged"), count(self.missing, "missing"))
    }
}

impl Watch<'_> {
    /// What is to be thought of a source. `is_usb`: it is at such a bus.
    pub fn of_source(&self, is_usb: bool) -> Finding {
        if let Some(stopped) = self.stopped() {
            return stopped;
        }
        let (trial, what) = (self.trial, self.trial.in_words());
        if trial.damaged > 0 {
            let remedy = "another cable or port, without a hub; a camera that leaves out a frame's end: --allow-truncated-frames";
            return Finding::warn("frames", what, remedy);
        }
        let slow = trial.fps().zip(self.agreed).filter(|(fps, agreed)| *fps < 0.85 * agreed);
        if let Some((_, agreed)) = slow {
            return Finding::warn(
                "frames",
                format!("{what}; {agreed:.2} were agreed on"),
                "more light: cameras expose longer in the dark (--control exposure_dynamic_framerate=0 forbids it), or \
                 a smaller picture",
            );
        }
        match (trial.missing, is_usb) {
            (0, _) => Finding::ok("frames", what),
            (_, true) => Finding::warn(
                "frames",
                what,
                "another USB port, and nothing else at that bus; or fewer programs",
            ),
            (_, false) => Finding::warn("frames", what, "fewer programs, a lower rate, or a smaller picture"),
        }
    }

    /// What is to be thought of a stream that came by a network; what that lost is another matter.
    pub fn of_stream(&self) -> Finding {
        self.stopped().unwrap_or_else(|| Finding::ok("frames", self.trial.in_words()))
    }

    /// It gave nothing, or nothing any more.
    fn stopped(&self) -> Option<Finding> {
        let trial = self.trial;
        let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
        let Some(came) = trial.came else {
            let watched = seconds(self.ended.since(self.begun));
            return Some(Finding::fail(
                "frames",
                match trial.damaged {
                    0 => format!("no frame in {watched}"),
                    damaged => format!("no whole frame in {watched}, and {damaged} that were damaged"),
                },
            ));
        };
        let silence = self.ended.since(came);
        let usual = trial.fps().or(self.agreed).and_then(|fps| Duration::try_from_secs_f64(3.0 / fps).ok());
        let most = usual.unwrap_or(PATIENCE).max(Duration::from_secs(1));
        (silence > most).then(|| {
            Finding::fail("frames", format!("{}; and then none for {}", trial.in_words(), seconds(silence)))
        })
    }
}

/// How long two frames are waited for.
fn patience(agreed: Option<f64>) -> Duration {
    let Some(fps) = agreed else { return PATIENCE };
    Duration::try_from_secs_f64(2.5 / fps).unwrap_or(PATIENCE).clamp(LENGTH, PATIENCE)
}

/// What a network lost of so many datagrams, of which so many had to be sent again; and what is missing after all. None: nothing came.
pub fn loss(datagrams: u64, again: u64, missing: u64) -> Option<Finding> {
    const REMEDY: &str = "a cable instead of Wi-Fi, its power save off at both ends, a smaller picture or a lower rate; and \
                          net.core.rmem_max, where it is told of above";
    let share = 100.0 * again as f64 / datagrams.max(1) as f64;
    let what =
        format!("{again} of {datagrams} datagrams sent again ({share:.1} %); frames missing: {missing}");
    match (missing, share) {
        (0, _) if datagrams == 0 => None,
        (1.., _) => Some(Finding::fail("loss", what).remedied_by(REMEDY)),
        (0, 5.0..) => Some(Finding::warn("loss", what, REMEDY)),
        _ => Some(Finding::ok("loss", what)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    fn trial(fps: f64, frames: u64, bytes: usize) -> Trial {
        let mut trial = Trial::default();
        for frame in 0..frames {
            let at = Time::default().after(Duration::from_secs_f64(frame as f64 / fps));
            trial.add(bytes, at, at);
        }
        trial
    }

    /// Watched until it gave the last frame, and for so long after that.
    fn watch(trial: &Trial, agreed: Option<f64>, after: Duration) -> Watch<'_> {
        let ended = trial.came.unwrap_or_default().after(after);
        Watch { trial, begun: Time::default(), ended, agreed }
    }

    const AT_ONCE: Duration = Duration::ZERO;

    #[test]
    fn rates_are_told_at_any_rate_and_size() {
        for (fps, bytes) in [(0.1, 1000), (5.0, 8 << 20), (29.97, 85_200), (240.0, 1000)] {
            let trial = trial(fps, 20, bytes);
            assert!((trial.fps().unwrap() / fps - 1.0).abs() < 1e-3, "{fps}");
            assert!((trial.rate().unwrap() / (fps * bytes as f64) - 1.0).abs() < 1e-3, "{fps}");
            let judged = |agreed| watch(&trial, agreed, AT_ONCE).of_source(true).verdict;
            assert_eq!(judged(Some(fps)), Verdict::Ok);
            assert_eq!(judged(None), Verdict::Ok);
            assert_eq!(judged(Some(2.0 * fps)), Verdict::Warn);
            assert_eq!(watch(&trial, Some(2.0 * fps), AT_ONCE).of_stream().verdict, Verdict::Ok);
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
        let none = Trial::default();
        assert_eq!(watch(&none, None, LENGTH).of_source(true).what, "no frame in 3.0 s");
        let broken = Trial { damaged: 9, ..Trial::default() };
        assert!(watch(&broken, None, LENGTH).of_source(true).what.contains("9 that were damaged"));
        for (damaged, missing, is_usb) in [(1, 0, true), (0, 1, true), (0, 1, false)] {
            let trial = Trial { damaged, missing, ..trial(30.0, 90, 1) };
            let found = watch(&trial, Some(30.0), AT_ONCE).of_source(is_usb);
            assert_eq!(found.verdict, Verdict::Warn);
            assert!(is_usb || !found.remedy.unwrap().contains("USB"));
        }
        // a camera whose times run backwards
        let mut odd = Trial::default();
        odd.add(1, Time::from_nanos(5), Time::default());
        odd.add(1, Time::from_nanos(1), Time::default());
        assert_eq!(
            (odd.fps(), watch(&odd, Some(30.0), AT_ONCE).of_source(true).verdict),
            (None, Verdict::Ok)
        );
    }

    #[test]
    fn a_stream_that_stops_is_told_whatever_its_rate() {
        for (fps, pause, verdict) in [
            (30.0, 990, Verdict::Ok),
            (30.0, 1010, Verdict::Fail),
            (240.0, 2000, Verdict::Fail),
            (0.5, 5900, Verdict::Ok),
            (0.5, 6100, Verdict::Fail),
        ] {
            let trial = trial(fps, 4, 1000);
            let watch = watch(&trial, Some(fps), Duration::from_millis(pause));
            assert_eq!(watch.of_stream().verdict, verdict, "{fps} {pause}");
            assert_eq!(watch.of_source(false).verdict, verdict, "{fps} {pause}");
        }
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
        let judged = |datagrams, again, missing| loss(datagrams, again, missing).map(|found| found.verdict);
        assert_eq!(judged(0, 0, 0), None);
        assert_eq!(judged(1000, 10, 0), Some(Verdict::Ok));
        assert_eq!(judged(1000, 100, 0), Some(Verdict::Warn));
        assert_eq!(judged(1000, 10, 1), Some(Verdict::Fail));
        assert_eq!(judged(0, 0, 1), Some(Verdict::Fail));
    }
}
