//! When a recording starts a new file: always on a frame border, so that no frame is lost or in two files.
//!
//! Whoever sends the frames says how large they are, whose stream they are of and when they were captured, and could have a file begin
//! with each of them. So files that nobody has asked for have a [`Budget`], and those that were asked for begin no oftener than that by
//! our own clock. What is beyond goes on in the file that there is.

use super::align::Align;
use super::budget::Budget;
use crate::jpeg::Size;
use crate::time::Time;
use jiff::Timestamp;
use std::time::Duration;

/// How far the capture clock may go back before its times are another clock's. A file's muxer holds its time still as
/// long as this at most; the largest step back seen of a driver that means no harm is 178 ms (vivid).
const BACK_LIMIT: Duration = Duration::from_secs(1);

/// A size that has lasted so long, and this many frames, is one that stays: a change from it begins a file. What changes
/// sooner flips, and is no reason for one: there would be a file a frame.
const LASTS: Duration = Duration::from_secs(1);
const LASTING_FRAMES: u32 = 10;

/// A file in which sizes have flipped is left for one of a size that has lasted so long.
const SETTLED: Duration = Duration::from_secs(3);

/// So many files may begin at once for a size, a stream or a clock, and one more each time that so long has passed: 60 in the first hour,
/// and 40 in each that follows. A camera that is plugged in and out, or changes its size by the hour, has no need of more.
const UNPLANNED_AT_ONCE: u32 = 20;
const UNPLANNED: Duration = Duration::from_secs(90);

/// Files of the asked length may begin a little before their time, since clocks differ; and those of an hour at once: they were captured
/// while we were away.
const EARLY_BY: u32 = 10;
const BACKLOG: Duration = Duration::from_secs(60 * 60);

/// Why a file begins with this frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// It is the recording's first.
    First,
    /// The file before it is long enough.
    Duration,
    /// The picture's size is another, and the one before had lasted or this one has.
    Size,
    /// The stream is another: camcast was started again, or another camera answers.
    Stream,
    /// The capture clock went back, or is known to have jumped.
    Clock,
}

/// Decides which frames begin a file.
#[derive(Clone, Debug)]
pub struct Cutter {
    /// A file's longest span of capture times.
    limit: Option<Duration>,
    /// Files begin at round times ...
    align: Option<Align>,
    /// ... of which the next is this.
    until: Option<Timestamp>,
    file: Option<File>,
    /// Frames of one size in a row since the latest cut for a size.
    run: Option<Run>,
    is_new_stream: bool,
    is_new_clock: bool,
    planned: Budget,
    unplanned: Budget,
    /// Why a file would have begun with the latest frame, had there not been too many.
    held: Option<Cut>,
}

#[derive(Clone, Copy, Debug)]
struct File {
    first: Time,
    latest: Time,
    /// What it has from clocks before this one.
    before: Duration,
    size: Size,
}

impl File {
    fn new(captured: Time, size: Size) -> Self {
        File { first: captured, latest: captured, before: Duration::ZERO, size }
    }

    fn span(&self, captured: Time) -> Duration {
        self.before.saturating_add(captured.since(self.first))
    }

    /// It goes on with this frame, which is another clock's.
    fn go_on(&mut self, captured: Time) {
        self.before = self.span(self.latest);
        (self.first, self.latest) = (captured, captured);
    }
}

#[derive(Clone, Copy, Debug)]
struct Run {
    size: Size,
    first: Time,
    frames: u32,
}

impl Run {
    /// With `captured`, which is its next frame or the first of another, it has lasted so long.
    fn has_lasted(&self, limit: Duration, captured: Time) -> bool {
        self.frames >= LASTING_FRAMES && captured.since(self.first) >= limit
    }
}

impl Cutter {
    /// Files of `limit` each, or one as long as nothing else cuts it.
    pub fn new(limit: Option<Duration>) -> Self {
        Cutter {
            limit,
            align: None,
            until: None,
            file: None,
            run: None,
            is_new_stream: false,
            is_new_clock: false,
            planned: planned(limit.unwrap_or(BACKLOG)),
            unplanned: Budget::new(UNPLANNED, UNPLANNED_AT_ONCE),
            held: None,
        }
    }

    /// Files that begin at round times. A wall clock that is set counts from the next file on, as everywhere.
    pub fn aligned(align: Align) -> Self {
        Cutter { planned: planned(align.slot), align: Some(align), ..Cutter::new(None) }
    }

    /// A file has begun, at this time.
    pub fn begun(&mut self, started: Timestamp) {
        self.until = self.align.as_ref().map(|align| align.end(started));
    }

    /// The frames from here on are another stream's.
    pub fn new_stream(&mut self) {
        self.is_new_stream = true;
    }

    /// The capture clock has jumped before the next frame.
    pub fn new_clock(&mut self) {
        self.is_new_clock = true;
    }

    /// A file begins with the next frame that nobody has asked for, since the one before it was closed: it counts, and there is one.
    pub fn reopened(&mut self, now: Time) {
        let _ = self.unplanned.take(now);
    }

    /// Whether another file may begin that nobody has asked for.
    pub fn may_begin(&self, now: Time) -> bool {
        self.unplanned.has(now)
    }

    /// Why a file would have begun with the latest frame: too many have, and it goes into the one that there is.
    pub fn held(&self) -> Option<Cut> {
        self.held
    }

    /// The next frame to be written, in capture order, captured at `wall` as the file before has the time, and come at `now` by our clock.
    /// A reason means: finish the file, and begin another with this frame. None means that it goes into the file that there is.
    #[must_use]
    pub fn frame(&mut self, captured: Time, now: Time, wall: Option<Timestamp>, size: Size) -> Option<Cut> {
        let is_over = self.is_over(captured, wall);
        let wanted = self.reason(captured, is_over, size);
        let cut = wanted.filter(|cut| self.may_cut(*cut, is_over, now));
        self.held = wanted.filter(|_| cut.is_none());
        let is_another_clock = matches!(self.held, Some(Cut::Stream | Cut::Clock));
        match &mut self.file {
            Some(file) if is_another_clock => file.go_on(captured),
            Some(file) if cut.is_none() => file.latest = file.latest.max(captured),
            file => *file = Some(File::new(captured, size)),
        }
        // a file that is long enough changes nothing about what lasts; another clock has other times
        let goes_on = matches!(cut, None | Some(Cut::Duration)) && !is_another_clock;
        match &mut self.run {
            Some(run) if goes_on && run.size == size => run.frames = run.frames.saturating_add(1),
            run => *run = Some(Run { size, first: captured, frames: 1 }),
        }
        self.is_new_stream = false;
        self.is_new_clock = false;
        cut
    }

    fn may_cut(&mut self, cut: Cut, is_over: bool, now: Time) -> bool {
        match cut {
            Cut::First => true,
            Cut::Duration => self.planned.take(now),
            Cut::Size | Cut::Stream | Cut::Clock => {
                self.unplanned.take(now) || is_over && self.planned.take(now)
            }
        }
    }

    fn is_over(&self, captured: Time, wall: Option<Timestamp>) -> bool {
        // what another clock shows says nothing of how long a file is
        let is_another_clock = self.is_new_stream || self.is_new_clock;
        let until = |file: &File| if is_another_clock { file.latest } else { captured };
        let span = self.file.map(|file| file.span(until(&file))).unwrap_or_default();
        self.limit.is_some_and(|limit| span >= limit)
            || wall.zip(self.until).is_some_and(|(wall, until)| wall >= until)
    }

    fn reason(&self, captured: Time, is_over: bool, size: Size) -> Option<Cut> {
        let (Some(file), Some(run)) = (self.file, self.run) else { return Some(Cut::First) };
        let is_resized = match run.size == size {
            true => size != file.size && run.has_lasted(SETTLED, captured),
            false => run.has_lasted(LASTS, captured),
        };
        if self.is_new_stream {
            Some(Cut::Stream)
        } else if is_resized {
            Some(Cut::Size)
        } else if self.is_new_clock || file.latest.since(captured) > BACK_LIMIT {
            Some(Cut::Clock)
        } else {
            is_over.then_some(Cut::Duration)
        }
    }
}

fn planned(length: Duration) -> Budget {
    let length = length.max(Duration::from_millis(1));
    let backlog = BACKLOG.as_millis().checked_div(length.as_millis()).unwrap_or(0);
    let at_once = u32::try_from(backlog).unwrap_or(u32::MAX).saturating_add(EARLY_BY);
    let early = length.checked_div(EARLY_BY).unwrap_or_default();
    Budget::new(length.saturating_sub(early), at_once)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SMALL: Size = Size { width: 640, height: 480 };
    const LARGE: Size = Size { width: 1920, height: 1080 };

    fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    #[test]
    fn files_are_cut_by_capture_time() {
        let mut cutter = Cutter::new(Some(Duration::from_secs(10)));
        assert_eq!(cutter.frame(at(5_000), at(5_000), None, SMALL), Some(Cut::First));
        assert_eq!(cutter.frame(at(14_999), at(14_999), None, SMALL), None);
        assert_eq!(cutter.frame(at(15_000), at(15_000), None, SMALL), Some(Cut::Duration));
        assert_eq!(cutter.frame(at(24_999), at(24_999), None, SMALL), None);
    }

    #[test]
    fn aligned_files_end_at_round_times_of_the_clock_that_each_began_by() {
        let align = Align { slot: Duration::from_secs(60), zone: jiff::tz::TimeZone::UTC };
        let mut cutter = Cutter::aligned(align);
        let wall = |seconds| Some(Timestamp::from_second(seconds).unwrap());
        assert_eq!(cutter.frame(at(1_000), at(1_000), None, SMALL), Some(Cut::First));
        cutter.begun(wall(101).unwrap());
        assert_eq!(cutter.frame(at(19_999), at(19_999), wall(119), SMALL), None);
        assert_eq!(cutter.frame(at(20_000), at(20_000), wall(120), SMALL), Some(Cut::Duration));
        // set back by 30 s meanwhile
        cutter.begun(wall(90).unwrap());
        assert_eq!(cutter.frame(at(49_999), at(49_999), wall(119), SMALL), None);
        assert_eq!(cutter.frame(at(50_000), at(50_000), wall(120), SMALL), Some(Cut::Duration));
    }

    /// Frames 40 ms apart, of these sizes; the numbers of those that begin a file for their size.
    fn cuts(cutter: &mut Cutter, sizes: impl IntoIterator<Item = Size>) -> Vec<usize> {
        let cut = |(number, size)| {
            let cut =
                cutter.frame(at(1_000 + 40 * number as u64), at(1_000 + 40 * number as u64), None, size);
            (cut == Some(Cut::Size)).then_some(number)
        };
        sizes.into_iter().enumerate().filter_map(cut).collect()
    }

    fn times(size: Size, frames: usize) -> impl Iterator<Item = Size> {
        std::iter::repeat_n(size, frames)
    }

    #[test]
    fn another_size_or_stream_begins_a_file_once() {
        let mut cutter = Cutter::new(None);
        let sizes = times(SMALL, 26).chain(times(LARGE, 100)).chain(times(SMALL, 100));
        assert_eq!(cuts(&mut cutter, sizes), [26, 126]);
        cutter.new_stream();
        assert_eq!(cutter.frame(at(20_000), at(20_000), None, LARGE), Some(Cut::Stream));
        assert_eq!(cutter.frame(at(20_040), at(20_040), None, LARGE), None);
    }

    #[test]
    fn sizes_that_flip_begin_no_file_until_one_lasts() {
        let flips = |frames: usize| (0..frames).map(|n| if n % 2 == 0 { SMALL } else { LARGE });
        assert_eq!(cuts(&mut Cutter::new(None), flips(100_000)), [0; 0]);
        // the file began with the small one, and goes on with it; with the large one it is another's
        assert_eq!(cuts(&mut Cutter::new(None), flips(100).chain(times(SMALL, 1000))), [0; 0]);
        assert_eq!(cuts(&mut Cutter::new(None), flips(100).chain(times(LARGE, 1000))), [99 + 75]);
        // a picture now and then that is another camera's: a file begins with it, and another when that is over
        let strays = (0..4_000).map(|n| if n % 400 == 399 { LARGE } else { SMALL });
        assert_eq!(cuts(&mut Cutter::new(None), strays).len(), 10 + 9);
    }

    /// Half an hour at 30 frames a second; what `lie` says of the frame that came then. How many files begin in each half hour.
    fn files(limit: Option<u64>, lie: impl Fn(u64, &mut Cutter) -> (u64, Size)) -> [usize; 2] {
        let mut cutter = Cutter::new(limit.map(Duration::from_secs));
        [0, 1].map(|half| {
            let frames = 54_000 * half..54_000 * (half + 1);
            let begins = |number: &u64| {
                let (millis, size) = lie(*number, &mut cutter);
                cutter.frame(at(millis), at(1_000_000 + *number * 100 / 3), None, size).is_some()
            };
            frames.filter(begins).count()
        })
    }

    #[test]
    fn whatever_is_said_of_frames_there_are_few_files() {
        let honest = |number: u64| 1_000_000 + number * 100 / 3;
        let of = |number: u64| [SMALL, LARGE][usize::try_from(number % 2).unwrap()];
        type Lie<'a> = &'a dyn Fn(u64, &mut Cutter) -> (u64, Size);
        let lies: [(&str, Lie<'_>); 5] = [
            ("sizes that last just long enough", &|n, _| (honest(n), of(n / 40))),
            ("back and forth", &|n, _| (honest(n) - n % 2 * 1_500, SMALL)),
            ("always back", &|n, _| (1_000_000_000 - n * 2_000, SMALL)),
            ("each frame ten minutes after the one before", &|n, _| (n * 600_000, SMALL)),
            ("streams", &|n, cutter| {
                cutter.new_stream();
                (honest(n), SMALL)
            }),
        ];
        for (what, lie) in lies {
            for limit in [Some(600), None] {
                let [first, second] = files(limit, lie);
                assert!(first <= 60 && second <= 25, "{what}: {first} and {second} files");
            }
        }
    }

    #[test]
    fn what_was_asked_for_is_not_held_up() {
        let honest = |number: u64| number * 100 / 3;
        assert_eq!(files(Some(1), |n, _| (honest(n), SMALL)), [1800, 1800]);
        // an hour that we were away for comes at once
        let limit = Duration::from_secs(60);
        let mut cutter = Cutter::new(Some(limit));
        let hour = (0..3600).filter(|n| cutter.frame(at(n * 1000), at(n * 10), None, SMALL).is_some());
        assert_eq!(hour.count(), 60);
    }

    #[test]
    fn what_is_held_goes_on_until_it_may_be_cut() {
        let mut cutter = Cutter::new(Some(Duration::from_secs(10)));
        let frame = |captured, now, cutter: &mut Cutter| cutter.frame(at(captured), at(now), None, SMALL);
        assert_eq!(frame(50_000, 0, &mut cutter), Some(Cut::First));
        while cutter.may_begin(at(0)) {
            cutter.reopened(at(0));
        }
        cutter.new_stream();
        assert_eq!((frame(4_000, 0, &mut cutter), cutter.held()), (None, Some(Cut::Stream)));
        assert_eq!((frame(9_000, 5_000, &mut cutter), cutter.held()), (None, None));
        cutter.new_clock();
        assert_eq!((frame(90_000, 6_000, &mut cutter), cutter.held()), (None, Some(Cut::Clock)));
        assert_eq!(
            frame(94_999, 10_999, &mut cutter),
            None,
            "5 s of one clock, and nearly as many of the next"
        );
        assert_eq!(frame(95_000, 11_000, &mut cutter), Some(Cut::Duration));
        cutter.new_stream();
        assert_eq!(frame(1_000, 90_000, &mut cutter), Some(Cut::Stream));
    }

    #[test]
    fn slow_pictures_of_all_sizes_are_no_file_each() {
        let mut cutter = Cutter::new(None);
        let cuts = (0..1000_u16).filter(|n| {
            let size = Size { width: 100 + n % 7, height: 100 };
            cutter.frame(at(u64::from(*n) * 10_000), at(u64::from(*n) * 10_000), None, size)
                == Some(Cut::Size)
        });
        assert_eq!(cuts.count(), 0);
    }

    #[test]
    fn a_size_that_had_lasted_in_the_file_before_has_lasted() {
        let mut cutter = Cutter::new(Some(Duration::from_secs(10)));
        let mut frame = |millis, size| cutter.frame(at(millis), at(millis), None, size);
        assert_eq!(frame(0, SMALL), Some(Cut::First));
        assert!((1..100).all(|n| frame(n * 100, SMALL).is_none()));
        assert_eq!(frame(10_000, SMALL), Some(Cut::Duration));
        assert_eq!(frame(10_100, LARGE), Some(Cut::Size));
        assert_eq!(frame(10_200, SMALL), None);
    }

    #[test]
    fn a_stream_before_the_first_frame_is_no_second_file() {
        let mut cutter = Cutter::new(None);
        cutter.new_stream();
        assert_eq!(cutter.frame(at(0), at(0), None, SMALL), Some(Cut::First));
        assert_eq!(cutter.frame(at(40), at(40), None, SMALL), None);
    }

    #[test]
    fn a_clock_that_went_back_begins_a_file_and_one_that_trembles_does_not() {
        let mut cutter = Cutter::new(None);
        assert_eq!(cutter.frame(at(90_000), at(90_000), None, SMALL), Some(Cut::First));
        assert_eq!(cutter.frame(at(89_900), at(89_900), None, SMALL), None);
        assert_eq!(
            cutter.frame(at(89_000), at(89_000), None, SMALL),
            None,
            "a second behind the latest, not more"
        );
        assert_eq!(cutter.frame(at(88_999), at(88_999), None, SMALL), Some(Cut::Clock));
        assert_eq!(cutter.frame(at(89_100), at(89_100), None, SMALL), None);
    }

    proptest! {
        /// Whatever sizes come and however fast, files for a size are a second apart, and ten frames.
        #[test]
        fn there_are_no_more_files_than_seconds(
            runs in prop::collection::vec((0_u16..4, 1_usize..400), 1..60),
            fps in 1_u64..=240,
        ) {
            let mut cutter = Cutter::new(Some(Duration::from_secs(600)));
            let sizes = runs.iter().flat_map(|(width, frames)| times(Size { width: 100 + width, height: 100 }, *frames));
            let mut latest = None;
            for (number, size) in sizes.enumerate() {
                let captured = at(number as u64 * 1000 / fps);
                let cut = cutter.frame(captured, captured, None, size);
                if cut == Some(Cut::Size) {
                    let (since, frame) = latest.unwrap_or((at(0), 0));
                    prop_assert!(captured.since(since) >= LASTS && number - frame >= 10, "frame {number}");
                    latest = Some((captured, number));
                }
            }
        }

        #[test]
        fn every_file_is_within_its_limit(steps in prop::collection::vec(0u64..3_000, 1..200)) {
            let limit = Duration::from_secs(10);
            let mut cutter = Cutter::new(Some(limit));
            let (mut now, mut first) = (0, None);
            for step in steps {
                now += step;
                if cutter.frame(at(now), at(now), None, SMALL).is_some() {
                    first = Some(at(now));
                }
                prop_assert!(at(now).since(first.unwrap()) < limit);
            }
        }
    }
}
