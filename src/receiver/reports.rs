//! CONTINUE: when it is said, and which are said more than once. What it asks for is [`requests`](super::requests)' matter.

use crate::time::Time;
use crate::wire::client::MAX_CONTINUE_LEN;
use arrayvec::ArrayVec;
use std::time::Duration;

/// CONTINUEs are at least this far apart: one for many frames when they come fast.
pub(super) const GAP: Duration = Duration::from_millis(2);

/// Where no frame has lacked anything for so long, the server has learned what there was to learn of the path ...
const CALM: Duration = Duration::from_secs(3);

/// ... and that a frame has come is told with the first one that comes so long after the last CONTINUE: with every second one of
/// 30 a second ...
const FRAMES_GAP: Duration = Duration::from_millis(40);

/// ... and so long after it at the latest. Of the frames that may be under way at once, 0.4 s, it takes a quarter.
const FRAMES_WAIT: Duration = Duration::from_millis(100);

/// CONTINUE goes at least this often: the sender stops video after a second without.
const ALWAYS: Duration = Duration::from_millis(250);

/// A request may be lost too, and there is little time to find out: it is said again after this long.
pub(super) const SAY_AGAIN: Duration = Duration::from_millis(3);

/// What there is no time to ask for once more is said four times, so far apart that one swallow does not take them all.
const SAY_LAST: Duration = Duration::from_millis(5);
const LAST_TIMES: u8 = 4;

/// Requests that wait to be said again: as many as are begun before the first of them is done.
const SAID: usize = 8;

type Bytes = ArrayVec<u8, MAX_CONTINUE_LEN>;

/// What has been said, and what is to be.
pub(super) struct Reports {
    /// Something to report since the last one.
    news: bool,
    /// Frames have come, which may wait.
    frames: bool,
    /// When a frame lacked something.
    lacked: Time,
    reported: Time,
    /// To be said again.
    again: ArrayVec<Again, SAID>,
}

/// A CONTINUE that is said again.
struct Again {
    at: Time,
    /// So many times more, this far apart.
    times: u8,
    apart: Duration,
    bytes: Bytes,
}

impl Reports {
    /// Nothing to report yet.
    pub(super) fn new(now: Time) -> Self {
        Reports { news: false, frames: false, lacked: now, reported: now, again: ArrayVec::new() }
    }

    /// There is something to report.
    pub(super) fn on_news(&mut self) {
        self.news = true;
    }

    /// A frame is whole, or given up. That one has lacked something cannot wait.
    pub(super) fn on_frame(&mut self, has_lacked: bool, now: Time) {
        if has_lacked {
            self.lacked = now;
        }
        self.frames = true;
        self.news |= now < self.lacked.after(CALM) || now >= self.reported.after(FRAMES_GAP);
    }

    /// When the next one is due, if something is to be asked for at `ask_due`.
    #[must_use]
    pub(super) fn due(&self, ask_due: Time) -> Time {
        let soon = self.reported.after(GAP);
        if self.news {
            return soon;
        }
        let silence = if self.frames { FRAMES_WAIT } else { ALWAYS };
        ask_due.max(soon).min(self.reported.after(silence))
    }

    /// One is said now.
    pub(super) fn on_said(&mut self, now: Time) {
        (self.news, self.frames) = (false, false);
        self.reported = now;
    }

    /// This one is to be said again: so many `times`, or if it is the last of something a few times, further apart, as long as the
    /// answer to it can be of use.
    pub(super) fn say_again(&mut self, bytes: Bytes, times: u8, last_until: Option<Time>, now: Time) {
        let mut again = Again { at: now.after(SAY_AGAIN), times, apart: SAY_AGAIN, bytes };
        if let Some(until) = last_until {
            let fit = until.since(now).as_nanos().checked_div(SAY_LAST.as_nanos()).unwrap_or(0);
            let last_times = u8::try_from(fit).unwrap_or(u8::MAX).min(LAST_TIMES.saturating_sub(1));
            if last_times >= times {
                again = Again { at: now.after(SAY_LAST), times: last_times, apart: SAY_LAST, ..again };
            }
        }
        // there is room, as the gap between two has it
        let _ = self.again.try_push(again);
    }

    /// When one is to be said again.
    #[must_use]
    pub(super) fn again_due(&self) -> Time {
        self.again.iter().map(|again| again.at).min().unwrap_or(Time::NEVER)
    }

    /// One that is to be said again now.
    #[must_use]
    pub(super) fn poll_again(&mut self, now: Time) -> Option<Bytes> {
        let due = self.again_due();
        let place = self.again.iter().position(|again| again.at == due && due <= now)?;
        let again = self.again.get_mut(place)?;
        again.times = again.times.saturating_sub(1);
        if again.times == 0 {
            return self.again.pop_at(place).map(|again| again.bytes);
        }
        // from now on: should we have slept, what is behind is not said all at once
        again.at = now.after(again.apart);
        Some(again.bytes.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CONTINUEs that are said in the fourth second of whole frames, `every` so many milliseconds, drained with each frame and each deadline.
    fn said(every: u64) -> usize {
        let at = |ms: u64| Time::default().after(Duration::from_millis(ms));
        let mut reports = Reports::new(at(0));
        let (mut said, mut frame) = (0, every);
        while frame < 4_000 {
            let due = reports.due(Time::NEVER);
            let now = due.min(at(frame));
            if now == at(frame) {
                reports.on_frame(false, now);
                frame += every;
            }
            if now >= reports.due(Time::NEVER) {
                reports.on_said(now);
                said += usize::from(now >= at(3_000));
            }
        }
        said
    }

    #[test]
    fn a_frame_that_lacked_nothing_waits_for_the_next() {
        assert_eq!(said(33), 15, "every second of 30 a second");
        assert_eq!(said(4), 25, "not each of 250 a second");
        assert_eq!(said(66), 15, "each of 15 a second");
        assert_eq!(said(200), 5, "each of 5 a second");
    }

    #[test]
    fn who_has_slept_says_nothing_twice_at_once() {
        let at = |ms: u64| Time::default().after(Duration::from_millis(ms));
        let mut reports = Reports::new(at(0));
        (0..SAID as u64).for_each(|ms| reports.say_again(Bytes::new(), 3, None, at(ms)));
        let mut said = |ms| std::iter::from_fn(|| reports.poll_again(at(ms))).count();
        assert_eq!([1_000, 1_001, 1_003, 1_006, 2_000].map(&mut said), [8, 0, 8, 8, 0]);
    }

    #[test]
    fn no_frame_waits_for_long_nor_one_that_lacked_something() {
        let at = |ms: u64| Time::default().after(Duration::from_millis(3_000 + ms));
        let mut reports = Reports::new(Time::default());
        reports.on_said(at(0));
        reports.on_frame(false, at(10));
        assert_eq!(reports.due(Time::NEVER), at(100));
        reports.on_frame(true, at(20));
        assert_eq!(reports.due(Time::NEVER), at(2));
        reports.on_said(at(20));
        reports.on_frame(false, at(30));
        assert_eq!(reports.due(Time::NEVER), at(22));
    }
}
