//! Where a recording's frames lie on the wall clock: when each file began, and how fast its camera's clock ran.
//!
//! Inside a file the times are the camera's own, so that nothing which happens here moves a frame. A file says beside
//! them when its first frame was captured, and by how much the camera's clock was fast: with both, every frame of every
//! file is on one line of time.
//!
//! - Where the camera's clock is, in terms of our monotonic clock, [`Anchor`] knows, better from frame to frame: so what
//!   a file says is renewed while it is written.
//! - Where our monotonic clock is on the wall's is read once a file, when it begins. A wall clock that is set, forward or
//!   back, is therefore seen at the border of two files, once, in full.
//! - On our monotonic clock no file begins before the one before it ended.

use super::align::Align;
use super::segment::{Cut, Cutter};
use crate::clock::anchor::Anchor;
use crate::jpeg::Size;
use crate::time::Time;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// For so long after a file's beginning its time is renewed: what the anchor remembers reaches beyond it on both sides.
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
#[derive(Clone, Debug)]
pub struct Timeline {
    anchor: Anchor,
    cutter: Cutter,
    align: Option<Align>,
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
    /// When it is to end, by that.
    until: Option<Timestamp>,
}

impl Timeline {
    /// Files of `limit` each, or one as long as nothing else cuts it.
    pub fn new(limit: Option<Duration>) -> Self {
        let cutter = Cutter::new(limit);
        Timeline { anchor: Anchor::default(), cutter, align: None, file: None, before: None }
    }

    /// Files that begin at round times. A wall clock that is set counts from the next file on, as everywhere.
    pub fn aligned(align: Align) -> Self {
        Timeline { align: Some(align), ..Timeline::new(None) }
    }

    /// The frames from here on are another stream's: another clock's.
    pub fn new_stream(&mut self) {
        self.cutter.new_stream();
        self.anchor = Anchor::default();
    }

    /// The next frame to be written, as [`Cutter::frame`] has it. It arrived at `arrived` on our clock.
    #[must_use]
    pub fn frame(&mut self, captured: Time, arrived: Time, size: Size) -> Option<Cut> {
        if self.anchor.observe(captured, arrived).jump.is_some() {
            self.cutter.new_clock();
        }
        if self.is_due(captured) {
            self.cutter.due();
        }
        let cut = self.cutter.frame(captured, size);
        // a frame that begins another file may be another clock's
        if cut.is_none() {
            self.renew(captured);
        }
        cut
    }

    /// The frame was captured when the file is to have ended already.
    fn is_due(&self, captured: Time) -> bool {
        let Some((file, until)) = self.file.and_then(|file| Some((file, file.until?))) else { return false };
        let at = self.anchor.local(captured).and_then(|local| wall(file.zero, local));
        at.is_some_and(|at| at >= until)
    }

    /// A file begins with the frame that was handed in last. `zero` is the wall clock's time at our monotonic clock's zero.
    /// Returns by how much the wall clock has been set since the file before.
    pub fn begin(&mut self, captured: Time, zero: Timestamp) -> Option<SignedDuration> {
        let _ = self.end();
        let floor = floor(self.before.map(|(ended, _)| ended));
        let file =
            File { first: captured, last: captured, started: floor, fast_ppb: 0, floor, zero, until: None };
        self.file = Some(file);
        self.renew(captured);
        self.plan_end();
        let set = zero.duration_since(self.before?.1);
        (set.abs() >= WORTH_SAYING).then_some(set)
    }

    /// When a file began that began with this frame: what [`begin`](Self::begin) takes for its start, with the same
    /// `zero`. The frame came at `arrived`.
    pub fn start_with(&self, captured: Time, arrived: Time, zero: Timestamp) -> Timestamp {
        let ended = self.file.map(|file| file.ended()).or(self.before.map(|(ended, _)| ended));
        let local = self.anchor.local(captured).unwrap_or(arrived);
        wall(zero, local.max(floor(ended))).unwrap_or(zero)
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

    fn plan_end(&mut self) {
        let Some((align, clock)) = self.align.as_ref().zip(self.file_clock()) else { return };
        if let Some(file) = &mut self.file {
            file.until = Some(align.end(clock.started));
        }
    }

    fn renew(&mut self, captured: Time) {
        let Some(file) = &mut self.file else { return };
        file.last = file.last.max(captured);
        let span = file.last.since(file.first);
        if span <= RENEWED {
            file.started = self.anchor.local(file.first).unwrap_or(file.started).max(file.floor);
        }
        let over = self.anchor.local(file.last).and_then(|last| fast_ppb(last.since(file.started), span));
        file.fast_ppb = over.unwrap_or(self.anchor.skew_ppb().saturating_neg()).clamp(-MAX_PPB, MAX_PPB);
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
    use proptest::prelude::*;

    const SIZE: Size = Size { width: 640, height: 480 };
    const ZERO: Timestamp = Timestamp::UNIX_EPOCH;

    fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    /// Frames 40 ms apart, 5 ms under way, of a clock that is 100 s behind ours.
    fn film(timeline: &mut Timeline, millis: std::ops::Range<u64>) {
        for now in millis.step_by(40) {
            let cut = timeline.frame(at(now), at(now + 100_005), SIZE);
            if cut.is_some() {
                timeline.end();
                timeline.begin(at(now), ZERO);
            }
        }
    }

    fn started(timeline: &Timeline) -> i64 {
        timeline.file_clock().unwrap().started.as_millisecond()
    }

    #[test]
    fn a_file_begins_when_its_first_frame_was_captured() {
        let mut timeline = Timeline::new(Some(Duration::from_secs(60)));
        assert_eq!(timeline.file_clock(), None);
        film(&mut timeline, 1_000..61_000);
        assert_eq!(started(&timeline), 101_005);
        film(&mut timeline, 61_000..62_000);
        assert_eq!(started(&timeline), 161_005);
        assert_eq!(timeline.end().map(|clock| clock.fast_ppb), Some(0));
        assert_eq!(timeline.end(), None);
    }

    #[test]
    fn aligned_files_begin_at_round_times_of_the_clock_that_each_began_by() {
        let align = Align { slot: Duration::from_secs(60), zone: jiff::tz::TimeZone::UTC };
        let mut timeline = Timeline::aligned(align);
        film(&mut timeline, 1_000..18_990);
        assert!((101_000..101_040).contains(&started(&timeline)), "the first begins when it begins");
        film(&mut timeline, 19_000..78_990);
        assert!((120_000..120_040).contains(&started(&timeline)), "the first frame of the minute");
        // set back by 30 s in the midst of a file: that one ends as it would have, the next is the new clock's
        let zero = ZERO.checked_sub(SignedDuration::from_secs(30)).unwrap();
        assert_eq!(timeline.frame(at(80_020), at(180_025), SIZE), Some(Cut::Duration));
        timeline.end();
        assert!(timeline.begin(at(80_020), zero).is_some());
        assert_eq!(timeline.frame(at(109_900), at(209_905), SIZE), None);
        assert_eq!(
            timeline.frame(at(110_000), at(210_005), SIZE),
            Some(Cut::Duration),
            "180 s by the new clock"
        );
    }

    #[test]
    fn a_wall_clock_that_is_set_is_seen_once_and_moves_no_file_that_has_begun() {
        let mut timeline = Timeline::new(None);
        film(&mut timeline, 0..1_000);
        let before = timeline.file_clock();
        let set = SignedDuration::from_secs(-40);
        let zero = ZERO.checked_add(set).unwrap();
        film(&mut timeline, 1_000..2_000);
        assert_eq!(timeline.end(), before);
        assert_eq!(timeline.begin(at(1_960), zero), Some(set));
        assert_eq!(started(&timeline), 101_965 - 40_000, "the new time, though it is before the old");
        timeline.end();
        assert_eq!(timeline.begin(at(1_960), zero), None);
    }

    #[test]
    fn a_jump_of_the_cameras_clock_begins_a_file_that_goes_on_in_time() {
        let mut timeline = Timeline::new(None);
        film(&mut timeline, 0..100_000);
        let captured = at(100_000 + 3_600_000);
        assert_eq!(timeline.frame(captured, at(200_005), SIZE), Some(Cut::Clock));
        assert_eq!(timeline.end().unwrap().started.as_millisecond(), 100_005);
        assert_eq!(timeline.begin(captured, ZERO), None);
        assert_eq!(started(&timeline), 200_005);
    }

    #[test]
    fn another_streams_clock_is_another_one() {
        let mut timeline = Timeline::new(None);
        film(&mut timeline, 500_000..600_000);
        timeline.new_stream();
        assert_eq!(timeline.frame(at(7), at(800_000), SIZE), Some(Cut::Stream));
        timeline.end();
        timeline.begin(at(7), ZERO);
        assert_eq!(started(&timeline), 800_000);
    }

    proptest! {
        /// Whatever the path and the camera's clock do: no file begins before the last one's last frame.
        #[test]
        fn files_follow_each_other(
            frames in prop::collection::vec((0_u64..2_000_000_000, 0_u64..3_000_000_000, -400_000_i64..400_000), 2..300),
            every in 1_usize..20,
        ) {
            let mut timeline = Timeline::new(None);
            let (mut now, mut captured) = (1_u64 << 40, 1_u64 << 39);
            for (count, (step, delay, ppb)) in frames.into_iter().enumerate() {
                now += step + 1;
                captured = captured.saturating_add_signed(step as i64 + (i128::from(step) * i128::from(ppb) / 1_000_000_000) as i64);
                let cut = timeline.frame(Time::from_nanos(captured), Time::from_nanos(now + delay), SIZE);
                if cut.is_some() || count % every == 0 {
                    let ended = timeline.file.map(|file| file.ended());
                    timeline.end();
                    timeline.begin(Time::from_nanos(captured), ZERO);
                    let file = timeline.file.unwrap();
                    prop_assert!(ended.is_none_or(|ended| file.started > ended), "{:?} after {:?}", file, ended);
                }
            }
        }
    }
}
