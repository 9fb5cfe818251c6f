//! What a frame says of when it was captured, held against when it came: a time from the end of all time would date its file, and each
//! file after it, by centuries. Such a frame gets the time that our own clock tells.

use crate::clock::anchor::Line;
use crate::time::Time;
use std::time::Duration;

/// A frame may have waited for us so long: camcast keeps none for longer than three days (`--spill-for`), and then they have to come.
const BEHIND: Duration = Duration::from_secs(4 * 24 * 60 * 60);

/// No frame comes before it was captured; the two clocks are not known to the second.
const AHEAD: Duration = Duration::from_secs(60);

/// Two lines that differ by no more than this are of one clock.
const SAME: Duration = Duration::from_secs(1);

/// So many frames in a row that agree with one another are another clock, and no mistake.
const AGREED: u32 = 10;

/// Holds each frame's time against those before.
#[derive(Clone, Debug, Default)]
pub(super) struct Believed {
    last: Option<Seen>,
    /// So many of the latest frames were not believed; and before the latest one.
    mended: u32,
    mended_before: u32,
}

/// When a frame was captured, on the camera's clock; when it came, on ours; and how the two lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) captured: Time,
    pub(super) arrived: Time,
    pub(super) line: Line,
}

impl Believed {
    /// What the next frame says; none if that can be. Else what is to be believed in its place, on the clock of the frame before.
    pub(super) fn frame(&mut self, said: Seen) -> Option<Seen> {
        self.mended_before = self.mended;
        let is_believed = self.is_believable(&said);
        self.mended = if is_believed { 0 } else { self.mended.saturating_add(1) };
        let mended = (!is_believed).then(|| self.instead(said.arrived));
        self.last = Some(mended.unwrap_or(said));
        mended
    }

    fn instead(&self, arrived: Time) -> Seen {
        let ours = Seen { captured: arrived, arrived, line: Line::through(arrived, arrived) };
        let last = self.last.unwrap_or(ours);
        Seen { captured: last.captured.after(arrived.since(last.arrived)), arrived, line: last.line }
    }

    fn is_believable(&self, said: &Seen) -> bool {
        let Seen { captured, arrived, line } = *said;
        let local = line.local(captured);
        let is_near = local <= arrived.after(AHEAD) && local.after(BEHIND) >= arrived;
        // a line goes through what has come, whatever that says; the one before did not know of it
        let leaps = self.last.is_some_and(|last| {
            last.line.is_same_clock(&line) && last.line.local(captured) > arrived.after(BEHIND)
        });
        is_near && (!leaps || self.mended >= AGREED)
    }

    /// The latest frame is of the same clock as the one before, whose line was `before`.
    pub(super) fn is_same_clock(&self, before: &Line, captured: Time, line: &Line) -> bool {
        if self.mended_before == 0 {
            return before.is_same_clock(line);
        }
        // who has been told of a time that cannot be takes the clock for another one, and back again
        let [one, other] = [before, line].map(|line| line.local(captured));
        one.since(other).max(other.since(one)) <= SAME
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::anchor::Anchor;
    use proptest::prelude::*;

    /// The camera has run for longer than we have.
    const CAMERA: u64 = 9_000_000;
    const OURS: u64 = 50_000;

    struct Run {
        anchor: Anchor,
        believed: Believed,
    }

    impl Run {
        fn new() -> Self {
            Run { anchor: Anchor::default(), believed: Believed::default() }
        }

        /// A frame that says that it was captured then; the time that it has, whether that is its own, and whether it is the clock of the
        /// frame before.
        fn frame(&mut self, captured: Time, arrived: u64) -> (Time, bool, bool) {
            let arrived = Time::from_millis(arrived);
            let line = self.anchor.observe(captured, arrived).line;
            let before = self.believed.last.map_or(line, |seen| seen.line);
            let is_own = self.believed.frame(Seen { captured, arrived, line }).is_none();
            let Seen { captured, line, .. } = self.believed.last.unwrap();
            (captured, is_own, self.believed.is_same_clock(&before, captured, &line))
        }
    }

    fn bad() -> impl Strategy<Value = u64> {
        prop_oneof![
            Just(u64::MAX),
            Just(u64::MAX - 1),
            Just(1 << 63),
            Just((1 << 63) - 1),
            (1_u64 << 58)..=u64::MAX
        ]
    }

    proptest! {
        /// Whatever one frame says, and whenever: the others have their own times, and are of one clock.
        #[test]
        fn one_time_that_cannot_be_changes_no_other(at in 1_u64..200, said in bad(), two in any::<bool>()) {
            let mut run = Run::new();
            for number in 0..300 {
                let (captured, arrived) = (Time::from_millis(CAMERA + number * 40), OURS + number * 40 + 5);
                let is_bad = number == at || two && number == at + 1;
                let got = run.frame(if is_bad { Time::from_nanos(said) } else { captured }, arrived);
                prop_assert_eq!(got, (captured, !is_bad, true), "frame {}", number);
            }
        }

        /// Nothing is known before the first frame. It may be another clock's, but soon the camera's is believed, whatever it shows.
        #[test]
        fn a_first_time_that_cannot_be_is_forgotten(said in bad(), camera in 0_u64..1 << 62) {
            let mut run = Run::new();
            run.frame(Time::from_nanos(said), OURS);
            for number in 1..100 {
                let captured = Time::from_nanos(camera + number * 40_000_000);
                let (time, is_own, is_same) = run.frame(captured, OURS + number * 40);
                if number > u64::from(AGREED) + 1 {
                    prop_assert_eq!((time, is_own, is_same), (captured, true, true), "frame {}", number);
                }
            }
        }

        #[test]
        fn no_time_is_far_from_its_coming(said in prop::collection::vec(any::<u64>(), 1..50)) {
            let mut run = Run::new();
            for (number, said) in said.into_iter().enumerate() {
                let arrived = OURS + number as u64 * 40;
                run.frame(Time::from_nanos(said), arrived);
                let seen = run.believed.last.unwrap();
                let local = seen.line.local(seen.captured);
                prop_assert!(local <= Time::from_millis(arrived).after(AHEAD));
                prop_assert!(local.after(BEHIND) >= Time::from_millis(arrived));
            }
        }
    }

    #[test]
    fn what_has_waited_for_hours_is_believed() {
        let mut run = Run::new();
        for number in 0..1000 {
            // twelve hours late, and catching up
            let (captured, arrived) =
                (Time::from_millis(CAMERA + number * 900), OURS + 43_200_000 + number * 5);
            assert_eq!(run.frame(captured, arrived), (captured, true, true), "frame {number}");
        }
    }
}
