//! When a recording starts a new file: always on a frame border, so that no frame is lost or in two files.

use crate::jpeg::Size;
use crate::time::Time;
use std::time::Duration;

/// How far the capture clock may go back before its times are another clock's. A file's muxer holds its time still as
/// long as this at most; the largest step back seen of a driver that means no harm is 178 ms (vivid).
const BACK_LIMIT: Duration = Duration::from_secs(1);

/// Why a file begins with this frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// It is the recording's first.
    First,
    /// The file before it is long enough.
    Duration,
    /// The picture's size is another.
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
    file: Option<File>,
    is_new_stream: bool,
    is_new_clock: bool,
    is_due: bool,
}

#[derive(Clone, Copy, Debug)]
struct File {
    first: Time,
    latest: Time,
    size: Size,
}

impl Cutter {
    /// Files of `limit` each, or one as long as nothing else cuts it.
    pub fn new(limit: Option<Duration>) -> Self {
        Cutter { limit, file: None, is_new_stream: false, is_new_clock: false, is_due: false }
    }

    /// The frames from here on are another stream's.
    pub fn new_stream(&mut self) {
        self.is_new_stream = true;
    }

    /// The capture clock has jumped before the next frame.
    pub fn new_clock(&mut self) {
        self.is_new_clock = true;
    }

    /// The file is long enough for another reason than its limit.
    pub fn due(&mut self) {
        self.is_due = true;
    }

    /// The next frame to be written, in capture order. A reason means: finish the file, and begin another with this frame.
    /// None means that it goes into the file that there is.
    #[must_use]
    pub fn frame(&mut self, captured: Time, size: Size) -> Option<Cut> {
        let cut = self.reason(captured, size);
        match &mut self.file {
            Some(file) if cut.is_none() => file.latest = file.latest.max(captured),
            file => *file = Some(File { first: captured, latest: captured, size }),
        }
        self.is_new_stream = false;
        self.is_new_clock = false;
        self.is_due = false;
        cut
    }

    fn reason(&self, captured: Time, size: Size) -> Option<Cut> {
        let Some(file) = self.file else { return Some(Cut::First) };
        let is_over = self.limit.is_some_and(|limit| captured.since(file.first) >= limit);
        if self.is_new_stream {
            Some(Cut::Stream)
        } else if size != file.size {
            Some(Cut::Size)
        } else if self.is_new_clock || file.latest.since(captured) > BACK_LIMIT {
            Some(Cut::Clock)
        } else {
            (is_over || self.is_due).then_some(Cut::Duration)
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
        assert_eq!(cutter.frame(at(5_000), SMALL), Some(Cut::First));
        assert_eq!(cutter.frame(at(14_999), SMALL), None);
        assert_eq!(cutter.frame(at(15_000), SMALL), Some(Cut::Duration));
        assert_eq!(cutter.frame(at(24_999), SMALL), None);
    }

    #[test]
    fn another_size_or_stream_begins_a_file_once() {
        let mut cutter = Cutter::new(None);
        assert_eq!(cutter.frame(at(0), SMALL), Some(Cut::First));
        assert_eq!(cutter.frame(at(40), LARGE), Some(Cut::Size));
        cutter.new_stream();
        assert_eq!(cutter.frame(at(80), LARGE), Some(Cut::Stream));
        assert_eq!(cutter.frame(at(120), LARGE), None);
    }

    #[test]
    fn a_stream_before_the_first_frame_is_no_second_file() {
        let mut cutter = Cutter::new(None);
        cutter.new_stream();
        assert_eq!(cutter.frame(at(0), SMALL), Some(Cut::First));
        assert_eq!(cutter.frame(at(40), SMALL), None);
    }

    #[test]
    fn a_clock_that_went_back_begins_a_file_and_one_that_trembles_does_not() {
        let mut cutter = Cutter::new(None);
        assert_eq!(cutter.frame(at(90_000), SMALL), Some(Cut::First));
        assert_eq!(cutter.frame(at(89_900), SMALL), None);
        assert_eq!(cutter.frame(at(89_000), SMALL), None, "a second behind the latest, not more");
        assert_eq!(cutter.frame(at(88_999), SMALL), Some(Cut::Clock));
        assert_eq!(cutter.frame(at(89_100), SMALL), None);
    }

    proptest! {
        #[test]
        fn every_file_is_within_its_limit(steps in prop::collection::vec(0u64..3_000, 1..200)) {
            let limit = Duration::from_secs(10);
            let mut cutter = Cutter::new(Some(limit));
            let (mut now, mut first) = (0, None);
            for step in steps {
                now += step;
                if cutter.frame(at(now), SMALL).is_some() {
                    first = Some(at(now));
                }
                prop_assert!(at(now).since(first.unwrap()) < limit);
            }
        }
    }
}
