//! Where a recording's frames lie on the wall clock: when each file began, and how fast its camera's clock ran.
//!
//! Inside a file the times are the camera's own, so that nothing which happens here moves a frame. A file says beside
//! them when its first frame was captured, and by how much the camera's clock was fast: with both, every frame of every
//! file is on one line of time.
//!
//! - Where the camera's clock is, in terms of our monotonic clock, each frame brings with it as a [`Line`], which gets better from
//!   frame to frame: so what a file says is renewed while it is written.
//! - Where our monotonic clock is on the wall's is read once a file, when it begins. A wall clock that is set, forward or
//!   back, is therefore seen at the border of two files, once, in full.
//! - On our monotonic clock no file begins before the one before it ended.

use super::anchor::Line;
use crate::time::Time;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// For so long after a file's beginning its time is renewed: what is known of the clocks' offset reaches beyond it on both sides.
const RENEWED: Duration = Duration::from_secs(5 * 60);

/// Shorter files have the skew that is known from before: two points that near tell none.
const TELLS: Duration = Duration::from_secs(10);

/// The largest deviation that a file may state, in parts in 10^9.
const MAX_PPB: i64 = 500_000;

/// A smaller change of the wall clock against the monotonic one is not worth a word: reading both takes time.
const WORTH_SAYING: SignedDuration = SignedDuration::from_millis(10);

/// A file's times on the wall clock: a frame with the time `t` in the file was captured at `started + t * (1 - fast_ppb / 10^9)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileClock {
    /// When the first frame was captured.
    pub started: Timestamp,
    /// By how much the camera's clock was fast, in parts in 10^9.
    pub fast_ppb: i64,
}

/// All files of a recording.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    file: Option<File>,
    /// Our time of the last frame of the file before, and the wall's time at our clock's zero as that file had it.
    before: Option<(Time, Timestamp)>,
}

#[derive(Clone, Copy, Debug)]
struct File {
    /// Capture times of the first frame and the last, on the camera's clock.
    first: Time,
    last: Time,
    /// The first frame's on ours.
    started: Time,
    fast_ppb: i64,
    /// It cannot have begun before.
    floor: Time,
    /// The wall's time at our clock's zero.
    zero: Timestamp,
}

impl Timeline {
    /// A file begins with this frame. `zero` is the wall clock's time at our monotonic clock's zero.
    /// Returns by how much the wall clock has been set since the file before.
    pub fn begin(&mut self, captured: Time, line: &Line, zero: Timestamp) -> Option<SignedDuration> {
        let _ = self.end();
        let floor = floor(self.before.map(|(ended, _)| ended));
        self.file = Some(File { first: captured, last: captured, started: floor, fast_ppb: 0, floor, zero });
        self.go_on(captured, line);
        let set = zero.duration_since(self.before?.1);
        (set.abs() >= WORTH_SAYING).then_some(set)
    }

    /// The file that is open goes on with this frame, which is of the same clock as those before it.
    pub fn go_on(&mut self, captured: Time, line: &Line) {
        let Some(file) = &mut self.file else { return };
        file.last = file.last.max(captured);
        let span = file.last.since(file.first);
        if span <= RENEWED {
            file.started = line.local(file.first).max(file.floor);
        }
        let over = fast_ppb(line.local(file.last).since(file.started), span);
        file.fast_ppb = over.unwrap_or(line.fast_ppb()).clamp(-MAX_PPB, MAX_PPB);
    }

    /// When a file began that began with this frame: what [`begin`](Self::begin) takes for its start, with the same `zero`.
    pub fn start_with(&self, captured: Time, line: &Line, zero: Timestamp) -> Timestamp {
        let ended = self.file.map(|file| file.ended()).or(self.before.map(|(ended, _)| ended));
        wall(zero, line.local(captured).max(floor(ended))).unwrap_or(zero)
    }

    /// When a frame was captured, by the wall clock as the file that is open has it; none without a file.
    pub fn wall(&self, captured: Time, line: &Line) -> Option<Timestamp> {
        wall(self.file?.zero, line.local(captured))
    }

    /// The file has its last frame. Returns what is known of its times.
    pub fn end(&mut self) -> Option<FileClock> {
        let clock = self.file_clock();
        if let Some(file) = self.file.take() {
            self.before = Some((file.ended(), file.zero));
        }
        clock
    }

    /// What is known of the file's times; none without a file.
    pub fn file_clock(&self) -> Option<FileClock> {
        let file = self.file?;
        Some(FileClock { started: wall(file.zero, file.started)?, fast_ppb: file.fast_ppb })
    }
}

impl File {
    /// Our time of the last frame.
    fn ended(&self) -> Time {
        let span = i128::try_from(self.last.since(self.first).as_nanos()).unwrap_or(0);
        let fast = span.saturating_mul(self.fast_ppb.into()).checked_div(1_000_000_000).unwrap_or(0);
        let ours = u64::try_from(span.saturating_sub(fast)).unwrap_or(0);
        self.started.after(Duration::from_nanos(ours))
    }
}

/// What follows on a file that ended then begins at this time at the earliest.
fn floor(ended: Option<Time>) -> Time {
    ended.map_or(Time::default(), |ended| ended.after(Duration::from_micros(1)))
}

/// The wall's time of a time of ours.
fn wall(zero: Timestamp, local: Time) -> Option<Timestamp> {
    zero.checked_add(Duration::from_nanos(local.as_nanos())).ok()
}

/// By how much a clock is fast that says `says` of a time of `ours`; none if that is too short to tell.
fn fast_ppb(ours: Duration, says: Duration) -> Option<i64> {
    let (ours, span) = (i128::try_from(ours.as_nanos()).ok()?, i128::try_from(says.as_nanos()).ok()?);
    if says < TELLS {
        return None;
    }
    i64::try_from(span.saturating_sub(ours).saturating_mul(1_000_000_000).checked_div(span)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::anchor::Anchor;
    use proptest::prelude::*;

    const ZERO: Timestamp = Timestamp::UNIX_EPOCH;

    fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    /// A recording on a clock that is 100 s behind ours, over a path of 5 ms.
    #[derive(Default)]
    struct Film {
        anchor: Anchor,
        timeline: Timeline,
    }

    impl Film {
        fn line(&mut self, captured: u64, arrived: u64) -> Line {
            self.anchor.observe(at(captured), at(arrived)).line
        }

        /// A file of frames 40 ms apart.
        fn file(&mut self, millis: std::ops::Range<u64>, zero: Timestamp) -> Option<SignedDuration> {
            let mut set = None;
            for (count, now) in millis.step_by(40).enumerate() {
                let line = self.line(now, now + 100_005);
                match count {
                    0 => set = self.timeline.begin(at(now), &line, zero),
                    _ => self.timeline.go_on(at(now), &line),
                }
            }
            set
        }

        fn started(&self) -> i64 {
            self.timeline.file_clock().unwrap().started.as_millisecond()
        }
    }

    #[test]
    fn a_file_begins_when_its_first_frame_was_captured() {
        let mut film = Film::default();
        assert_eq!(film.timeline.file_clock(), None);
        film.file(1_000..61_000, ZERO);
        assert_eq!(film.started(), 101_005);
        film.file(61_000..62_000, ZERO);
        assert_eq!(film.started(), 161_005);
        assert_eq!(film.timeline.end().map(|clock| clock.fast_ppb), Some(0));
        assert_eq!(film.timeline.end(), None);
    }

    #[test]
    fn a_frame_is_on_the_wall_clock_as_its_file_has_it() {
        let mut film = Film::default();
        let line = film.line(1_000, 101_005);
        assert_eq!(film.timeline.wall(at(1_000), &line), None);
        let start = film.timeline.start_with(at(1_000), &line, ZERO);
        film.timeline.begin(at(1_000), &line, ZERO);
        assert_eq!(film.timeline.file_clock().unwrap().started, start);
        let later = film.timeline.wall(at(3_000), &line).unwrap();
        assert_eq!(later.as_millisecond(), 103_005);
    }

    #[test]
    fn a_wall_clock_that_is_set_is_seen_once_and_moves_no_file_that_has_begun() {
        let mut film = Film::default();
        film.file(0..1_000, ZERO);
        let before = film.timeline.file_clock();
        let set = SignedDuration::from_secs(-40);
        let zero = ZERO.checked_add(set).unwrap();
        assert_eq!(film.timeline.clone().end(), before);
        assert_eq!(film.file(1_000..2_000, zero), Some(set));
        assert_eq!(film.started(), 101_005 - 40_000, "the new time, though it is before the old");
        assert_eq!(film.file(2_000..3_000, zero), None);
    }

    #[test]
    fn a_jump_of_the_cameras_clock_goes_on_in_time() {
        let mut film = Film::default();
        film.file(0..100_000, ZERO);
        assert_eq!(film.timeline.end().unwrap().started.as_millisecond(), 100_005);
        let captured = 100_000 + 3_600_000;
        let line = film.line(captured, 200_005);
        assert_eq!(film.timeline.begin(at(captured), &line, ZERO), None);
        assert_eq!(film.started(), 200_005);
    }

    #[test]
    fn the_start_gets_better_for_minutes_and_then_stays() {
        let mut film = Film::default();
        // the first frames have waited for a second
        let line = film.line(0, 101_005);
        film.timeline.begin(at(0), &line, ZERO);
        assert_eq!(film.started(), 101_005);
        for now in (40..400_000).step_by(40) {
            let line = film.line(now, now + 100_005);
            film.timeline.go_on(at(now), &line);
        }
        assert_eq!(film.started(), 100_005);
        let line = film.line(400_000, 400_000 + 99_005);
        film.timeline.go_on(at(400_000), &line);
        assert_eq!(film.started(), 100_005);
    }

    proptest! {
        /// Whatever the path and the camera's clock do: no file begins before the last one's last frame.
        #[test]
        fn files_follow_each_other(
            frames in prop::collection::vec((0_u64..2_000_000_000, 0_u64..3_000_000_000, -400_000_i64..400_000), 2..300),
            every in 1_usize..20,
        ) {
            let mut film = Film::default();
            let (mut now, mut captured) = (1_u64 << 40, 1_u64 << 39);
            for (count, (step, delay, ppb)) in frames.into_iter().enumerate() {
                now += step + 1;
                captured = captured.saturating_add_signed(step as i64 + (i128::from(step) * i128::from(ppb) / 1_000_000_000) as i64);
                let frame = Time::from_nanos(captured);
                let seen = film.anchor.observe(frame, Time::from_nanos(now + delay));
                if count == 0 || seen.jump.is_some() || count % every == 0 {
                    let ended = film.timeline.file.map(|file| file.ended());
                    film.timeline.begin(frame, &seen.line, ZERO);
                    let file = film.timeline.file.unwrap();
                    prop_assert!(ended.is_none_or(|ended| file.started > ended), "{:?} after {:?}", file, ended);
                } else {
                    film.timeline.go_on(frame, &seen.line);
                }
            }
        }
    }
}
