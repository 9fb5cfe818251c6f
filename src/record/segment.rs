//! When a recording starts a new file: always on a frame border, so that no frame is lost or in two files.

use super::align::Align;
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
}

#[derive(Clone, Copy, Debug)]
struct File {
    first: Time,
    latest: Time,
    size: Size,
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
        }
    }

    /// Files that begin at round times. A wall clock that is set counts from the next file on, as everywhere.
    pub fn aligned(align: Align) -> Self {
        Cutter { align: Some(align), ..Cutter::new(None) }
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

    /// The next frame to be written, in capture order, captured at `wall` as the file before has the time. A reason means: finish the file, and begin another with this frame.
    /// None means that it goes into the file that there is.
    #[must_use]
    pub fn frame(&mut self, captured: Time, wall: Option<Timestamp>, size: Size) -> Option<Cut> {
        let cut = self.reason(captured, wall, size);
        match &mut self.file {
            Some(file) if cut.is_none() => file.latest = file.latest.max(captured),
            file => *file = Some(File { first: captured, latest: captured, size }),
        }
        // a file that is long enough changes nothing about what lasts; another clock has other times
        let goes_on = matches!(cut, None | Some(Cut::Duration));
        match &mut self.run {
            Some(run) if goes_on && run.size == size => run.frames = run.frames.saturating_add(1),
            run => *run = Some(Run { size, first: captured, frames: 1 }),
        }
        self.is_new_stream = false;
        self.is_new_clock = false;
        cut
    }

    fn reason(&self, captured: Time, wall: Option<Timestamp>, size: Size) -> Option<Cut> {
        let (Some(file), Some(run)) = (self.file, self.run) else { return Some(Cut::First) };
        let is_over = self.limit.is_some_and(|limit| captured.since(file.first) >= limit)
            || wall.zip(self.until).is_some_and(|(wall, until)| wall >= until);
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
        assert_eq!(cutter.frame(at(5_000), None, SMALL), Some(Cut::First));
        assert_eq!(cutter.frame(at(14_999), None, SMALL), None);
        assert_eq!(cutter.frame(at(15_000), None, SMALL), Some(Cut::Duration));
        assert_eq!(cutter.frame(at(24_999), None, SMALL), None);
    }

    #[test]
    fn aligned_files_end_at_round_times_of_the_clock_that_each_began_by() {
        let align = Align { slot: Duration::from_secs(60), zone: jiff::tz::TimeZone::UTC };
        let mut cutter = Cutter::aligned(align);
        let wall = |seconds| Some(Timestamp::from_second(seconds).unwrap());
        assert_eq!(cutter.frame(at(1_000), None, SMALL), Some(Cut::First));
        cutter.begun(wall(101).unwrap());
        assert_eq!(cutter.frame(at(19_999), wall(119), SMALL), None);
        assert_eq!(cutter.frame(at(20_000), wall(120), SMALL), Some(Cut::Duration));
        // set back by 30 s meanwhile
        cutter.begun(wall(90).unwrap());
        assert_eq!(cutter.frame(at(49_999), wall(119), SMALL), None);
        assert_eq!(cutter.frame(at(50_000), wall(120), SMALL), Some(Cut::Duration));
    }

    /// Frames 40 ms apart, of these sizes; the numbers of those that begin a file for their size.
    fn cuts(cutter: &mut Cutter, sizes: impl IntoIterator<Item = Size>) -> Vec<usize> {
        let cut = |(number, size)| {
            let cut = cutter.frame(at(1_000 + 40 * number as u64), None, size);
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
        assert_eq!(cutter.frame(at(20_000), None, LARGE), Some(Cut::Stream));
        assert_eq!(cutter.frame(at(20_040), None, LARGE), None);
    }

    #[test]
    fn sizes_that_flip_begin_no_file_until_one_lasts() {
        let flips = |frames: usize| (0..frames).map(|n| if n % 2 == 0 { SMALL } else { LARGE });
        assert_eq!(cuts(&mut Cutter::new(None), flips(100_000)), [0; 0]);
        // the file began with the small one, and goes on with it; with the large one it is another's
        assert_eq!(cuts(&mut Cutter::new(None), flips(100).chain(times(SMALL, 1000))), [0; 0]);
        assert_eq!(cuts(&mut Cutter::new(None), flips(100).chain(times(LARGE, 1000))), [99 + 75]);
        // a picture now and then that is another camera's: a file begins with it, and another when that is over
        let strays = (0..10_000).map(|n| if n % 400 == 399 { LARGE } else { SMALL });
        assert_eq!(cuts(&mut Cutter::new(None), strays).len(), 25 + 24);
    }

    #[test]
    fn slow_pictures_of_all_sizes_are_no_file_each() {
        let mut cutter = Cutter::new(None);
        let cuts = (0..1000_u16).filter(|n| {
            let size = Size { width: 100 + n % 7, height: 100 };
            cutter.frame(at(u64::from(*n) * 10_000), None, size) == Some(Cut::Size)
        });
        assert_eq!(cuts.count(), 0);
    }

    #[test]
    fn a_size_that_had_lasted_in_the_file_before_has_lasted() {
        let mut cutter = Cutter::new(Some(Duration::from_secs(10)));
        let mut frame = |millis, size| cutter.frame(at(millis), None, size);
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
        assert_eq!(cutter.frame(at(0), None, SMALL), Some(Cut::First));
        assert_eq!(cutter.frame(at(40), None, SMALL), None);
    }

    #[test]
    fn a_clock_that_went_back_begins_a_file_and_one_that_trembles_does_not() {
        let mut cutter = Cutter::new(None);
        assert_eq!(cutter.frame(at(90_000), None, SMALL), Some(Cut::First));
        assert_eq!(cutter.frame(at(89_900), None, SMALL), None);
        assert_eq!(cutter.frame(at(89_000), None, SMALL), None, "a second behind the latest, not more");
        assert_eq!(cutter.frame(at(88_999), None, SMALL), Some(Cut::Clock));
        assert_eq!(cutter.frame(at(89_100), None, SMALL), None);
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
                let cut = cutter.frame(captured, None, size);
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
                if cutter.frame(at(now), None, SMALL).is_some() {
                    first = Some(at(now));
                }
                prop_assert!(at(now).since(first.unwrap()) < limit);
            }
        }
    }
}
