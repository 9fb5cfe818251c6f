//! What is to be done with a frame, decided before anything is done: which file it belongs to, when that began, and what the account
//! says. Lives here: decisions; times and the wall clock's zero come in. May not live here: a file, a clock, a queue.
//!
//! A gap between two frames belongs to the file that is open, even if the frame after it begins another; if none is open,
//! to the next one of its stream; if there is none, to no file.

use super::believed::{Believed, Seen};
use super::playhead::Playhead;
use crate::account::ledger::{Absence, FrameEntry, Ledger, MissingReason, Range};
use crate::clock::anchor::Line;
use crate::clock::timeline::{FileClock, Timeline};
use crate::jpeg::Size;
use crate::record::segment::{Cut, Cutter};
use crate::time::{Stamp, Time};
use crate::wire::FrameNumber;
use arrayvec::ArrayVec;
use jiff::{SignedDuration, Timestamp};

/// What is known of a frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) number: FrameNumber,
    pub(super) stamp: Stamp,
    /// The camera was away before it.
    pub(super) discontinuity: bool,
    /// Something of it had to be sent again.
    pub(super) was_repaired: bool,
    /// In bytes.
    pub(super) len: usize,
    /// On this machine's clock.
    pub(super) arrived: Time,
    /// How the camera's clock lay against it then.
    pub(super) line: Line,
    /// The picture's; `None` if it is not a JPEG.
    pub(super) size: Option<Size>,
}

/// What is open when a frame comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opened {
    /// A recording of pictures of this size.
    Recording(Size),
    /// A pipe for bare JPEGs.
    Bare,
}

/// One thing to be done. Once one has failed, only [`Step::Gap`] is still done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Close the file that is open, if one is.
    Close,
    /// Enter what has become of the frames before.
    Gap,
    /// Another file begins on the wall clock, whose time at our monotonic clock's zero is this.
    Begin(Timestamp),
    /// Write the frame, at this time in the file; into another file if none is open.
    Append { at: Time, size: Size },
    /// Do not write it: it is not a JPEG.
    Refuse,
}

/// The picture's size is not what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SizeChange {
    /// A file begins for it.
    Resized { from: Size, to: Size },
    /// The one before had not lasted: no file begins.
    Flips { from: Size, to: Size },
}

/// What is to be done with a frame, in this order.
#[derive(Clone, Debug)]
pub(super) struct FramePlan {
    pub(super) steps: ArrayVec<Step, 4>,
    /// When it was captured, on the wall clock.
    pub(super) taken: Timestamp,
    /// To be said before.
    pub(super) size: Option<SizeChange>,
    /// Why a file would begin with it, had there not been too many: it goes on in the one that there is.
    pub(super) held: Option<Cut>,
}

/// How writing a frame went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is in the file.
    Written,
    /// Whoever read the pipe has closed it: nobody misses the frame.
    Closed,
    /// It is not written, for this reason.
    Missing(MissingReason),
}

/// What people are to be told once a frame is entered.
#[derive(Clone, Debug, Default)]
pub(super) struct Entered {
    pub(super) absence: Option<Absence>,
    pub(super) missing: Option<Range>,
}

/// The state that decisions are made from.
pub(super) struct Plan {
    cutter: Cutter,
    timeline: Timeline,
    /// The latest frame's.
    line: Option<Line>,
    believed: Believed,
    playhead: Playhead,
    /// What is written is one stream, whatever happens: a player's.
    is_pipe: bool,
    /// Frames of another clock have gone into the file, and its first part's times say nothing of them.
    is_mixed: bool,
    /// The account of the file that is open, or will be next.
    ledger: Ledger,
    /// The latest frame's.
    size: Option<Size>,
    /// Capture time of the latest file's first frame, on the camera's clock and on the wall's.
    begun: Option<(Time, Timestamp)>,
}

impl Plan {
    /// For files of a folder, or else a pipe, which is one stream whatever happens.
    pub(super) fn new(cutter: Cutter, is_pipe: bool) -> Self {
        Plan {
            cutter,
            timeline: Timeline::default(),
            line: None,
            believed: Believed::default(),
            playhead: Playhead::default(),
            is_pipe,
            is_mixed: false,
            ledger: Ledger::default(),
            size: None,
            begun: None,
        }
    }

    /// To be asked of each frame before anything else: false: it has another time now than it says, as that cannot be.
    pub(super) fn believe(&mut self, frame: &mut Facts) -> bool {
        let Facts { arrived, line, .. } = *frame;
        let mended = self.believed.frame(Seen { captured: frame.stamp.captured, arrived, line });
        if let Some(Seen { captured, line, .. }) = mended {
            (frame.stamp.captured, frame.line) = (captured, line);
        }
        mended.is_none()
    }

    /// The next frame. `zero` gives the wall clock's time at our monotonic clock's zero, which is asked for once a file.
    pub(super) fn frame(
        &mut self,
        frame: &Facts,
        open: Option<Opened>,
        zero: impl FnOnce() -> Timestamp,
    ) -> FramePlan {
        let mut steps = ArrayVec::new();
        let Some(size) = frame.size else {
            steps.extend([Step::Gap, Step::Refuse]);
            return FramePlan { steps, taken: self.time_of(frame, zero), size: None, held: None };
        };
        let cut = self.cut(frame, size);
        let held = self.cutter.held().filter(|_| !self.is_pipe && open.is_some());
        let change = self.size_change(size, cut, open);
        let is_new_file = open.is_none() || cut.is_some_and(|cut| self.needs_new_file(cut));
        if is_new_file && cut.is_none() {
            self.cutter.reopened(frame.arrived);
        }
        let at = self.time_in_file(frame, is_new_file, held);
        let taken = if is_new_file {
            let zero = zero();
            // another stream's gap is no business of the file before
            let first =
                if cut == Some(Cut::Stream) { [Step::Close, Step::Gap] } else { [Step::Gap, Step::Close] };
            steps.extend(first);
            steps.push(Step::Begin(zero));
            self.start_with(frame, zero)
        } else {
            steps.push(Step::Gap);
            if is_another_clock(held) {
                let taken = self.start_with(frame, zero());
                self.begun = Some((frame.stamp.captured, taken));
                taken
            } else {
                self.time_of(frame, zero)
            }
        };
        steps.push(Step::Append { at, size });
        FramePlan { steps, taken, size: change, held }
    }

    /// Why a file is to begin with the frame, if one is.
    fn cut(&mut self, frame: &Facts, size: Size) -> Option<Cut> {
        let (captured, line) = (frame.stamp.captured, &frame.line);
        let before = self.line.replace(*line);
        if before.is_some_and(|before| !self.believed.is_same_clock(&before, captured, line)) {
            self.cutter.new_clock();
        }
        let wall = self.timeline.wall(captured, line);
        let cut = self.cutter.frame(captured, frame.arrived, wall, size);
        self.is_mixed |= is_another_clock(self.cutter.held());
        // a frame that begins another file may be another clock's
        if cut.is_none() && !self.is_mixed {
            self.timeline.go_on(captured, line);
        }
        cut
    }

    fn needs_new_file(&self, cut: Cut) -> bool {
        cut != Cut::First && !self.is_pipe
    }

    /// Whether a file may be closed that nobody has asked to be: too many have been, and it goes on.
    pub(super) fn may_finish(&self, now: Time) -> bool {
        self.is_pipe || self.cutter.may_begin(now)
    }

    /// Said each time that a file begins for another size, and now and then while sizes flip.
    fn size_change(&mut self, to: Size, cut: Option<Cut>, open: Option<Opened>) -> Option<SizeChange> {
        let before = self.size.replace(to);
        let of_file = match open {
            Some(Opened::Recording(size)) => Some(size),
            _ => before,
        };
        let from = before.filter(|before| *before != to).or(of_file).filter(|from| *from != to)?;
        match cut {
            Some(Cut::Size) => Some(SizeChange::Resized { from, to }),
            None | Some(Cut::Duration) if before != Some(to) => Some(SizeChange::Flips { from, to }),
            _ => None,
        }
    }

    /// The time by which a frame stands in what is written.
    fn time_in_file(&mut self, frame: &Facts, is_new_file: bool, held: Option<Cut>) -> Time {
        let (captured, arrived) = (frame.stamp.captured, frame.arrived);
        if self.is_pipe {
            return self.playhead.frame(captured, arrived);
        }
        if is_new_file {
            self.playhead.another_file(captured, arrived);
        } else if is_another_clock(held) {
            self.playhead.another_stream();
        }
        self.playhead.frame_of_file(captured, arrived)
    }

    /// The time of a picture that is not a frame; `None` where files are written, which hold frames only.
    pub(super) fn picture(&mut self, now: Time) -> Option<Time> {
        self.is_pipe.then(|| self.playhead.picture(now))
    }

    /// When a frame was captured: as long after its file's first one as the camera's clock says.
    pub(super) fn time_of(&self, frame: &Facts, zero: impl FnOnce() -> Timestamp) -> Timestamp {
        match self.begun {
            Some((captured, at)) => later(captured, at, frame.stamp.captured),
            None => self.start_with(frame, zero()),
        }
    }

    /// The start of a file whose first frame this is.
    pub(super) fn start_with(&self, frame: &Facts, zero: Timestamp) -> Timestamp {
        self.timeline.start_with(frame.stamp.captured, &frame.line, zero)
    }

    /// A file begins with this frame, which was captured at `start`. Returns by how much the wall clock was set since the one before.
    pub(super) fn begin(
        &mut self,
        frame: &Facts,
        zero: Timestamp,
        start: Timestamp,
    ) -> Option<SignedDuration> {
        self.begun = Some((frame.stamp.captured, start));
        self.is_mixed = false;
        if !self.is_pipe {
            self.playhead.another_file(frame.stamp.captured, frame.arrived);
        }
        let set = self.timeline.begin(frame.stamp.captured, &frame.line, zero);
        self.cutter.begun(start);
        set
    }

    /// The file that was open takes no more: its account, and its times. The next file's account begins.
    pub(super) fn close(&mut self) -> (Ledger, Option<FileClock>) {
        (self.next_ledger(), self.timeline.end())
    }

    /// The account of a file that will not come.
    pub(super) fn next_ledger(&mut self) -> Ledger {
        let following = self.ledger.following();
        std::mem::replace(&mut self.ledger, following)
    }

    /// What is known by now of the times of the file that is open.
    pub(super) fn file_clock(&self) -> Option<FileClock> {
        self.timeline.file_clock()
    }

    /// The frames from here on are another stream's.
    pub(super) fn end_stream(&mut self, whole: &mut Ledger) {
        self.cutter.new_stream();
        if self.is_pipe {
            self.playhead.another_stream();
        }
        self.begun = None;
        whole.on_restart();
        self.ledger.end_stream();
    }

    /// The missing frames of a gap before a frame that was captured at `to`, as they are told: before the gap is entered.
    pub(super) fn told_of<'a>(
        &'a self,
        gap: &'a Ledger,
        to: Option<Timestamp>,
    ) -> impl Iterator<Item = Range> + 'a {
        gap.ranges_within(self.ledger.last(), to)
    }

    /// Enters a gap in both accounts.
    pub(super) fn enter_gap(&mut self, gap: &Ledger, to: Option<Timestamp>, whole: &mut Ledger) {
        whole.absorb(gap, to);
        self.ledger.absorb(gap, to);
    }

    /// Enters what has become of a frame in both accounts.
    pub(super) fn enter(
        &mut self,
        frame: &Facts,
        taken: Timestamp,
        outcome: Outcome,
        whole: &mut Ledger,
    ) -> Entered {
        let Facts { number, stamp, discontinuity, len, was_repaired, .. } = *frame;
        let Stamp { captured, sequence } = stamp;
        let entry = FrameEntry { number, sequence, discontinuity, captured, taken };
        let absence = self.ledger.absence_before(&entry);
        let ledgers = [whole, &mut self.ledger];
        match outcome {
            Outcome::Closed => Entered::default(),
            Outcome::Written => {
                ledgers.into_iter().for_each(|ledger| ledger.on_frame(&entry, len, was_repaired));
                Entered { absence, missing: None }
            }
            Outcome::Missing(why) => {
                ledgers.into_iter().for_each(|ledger| ledger.on_unwritten(&entry, why));
                Entered { absence, missing: Some(Range::of(&entry, why)) }
            }
        }
    }
}

/// The frame is not of the clock of those before it, and goes into their file all the same.
fn is_another_clock(held: Option<Cut>) -> bool {
    matches!(held, Some(Cut::Stream | Cut::Clock))
}

/// As long after `at` as the camera's clock says; before it, should that have gone back.
fn later(captured: Time, at: Timestamp, then: Time) -> Timestamp {
    let after =
        |earlier: Time, later: Time| SignedDuration::try_from(later.since(earlier)).unwrap_or_default();
    at.saturating_add(after(captured, then) - after(then, captured)).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::anchor::Anchor;
    use crate::record::align::Align;
    use jiff::tz::TimeZone;
    use std::cell::Cell;
    use std::time::Duration;

    const SMALL: Size = Size { width: 64, height: 48 };
    const LARGE: Size = Size { width: 128, height: 96 };
    const ZERO: Timestamp = Timestamp::UNIX_EPOCH;

    /// How the disk, or the pipe, answers.
    #[derive(Clone, Copy, PartialEq)]
    enum Answer {
        Takes,
        Full,
        Closed,
    }

    /// The other half: does what is planned, on a clock of its own, and keeps what came of it.
    struct Run {
        plan: Plan,
        answer: Answer,
        open: Option<Opened>,
        whole: Ledger,
        files: Vec<Ledger>,
        changes: Vec<SizeChange>,
        held: Vec<Cut>,
        takens: Vec<Timestamp>,
        absences: usize,
        zeros: Cell<usize>,
    }

    impl Run {
        fn new(is_pipe: bool) -> Self {
            Run {
                plan: Plan::new(Cutter::new(None), is_pipe),
                answer: Answer::Takes,
                open: None,
                whole: Ledger::default(),
                files: Vec::new(),
                changes: Vec::new(),
                held: Vec::new(),
                takens: Vec::new(),
                absences: 0,
                zeros: Cell::new(0),
            }
        }

        fn close(&mut self) {
            if self.open.take().is_some() {
                self.files.push(self.plan.close().0);
            }
        }

        fn frame(&mut self, frame: Facts, gap: Option<&Ledger>) -> Vec<Step> {
            let zero = || {
                self.zeros.set(self.zeros.get() + 1);
                ZERO
            };
            let mut frame = frame;
            self.plan.believe(&mut frame);
            let planned = self.plan.frame(&frame, self.open, zero);
            self.changes.extend(planned.size);
            self.held.extend(planned.held);
            self.takens.push(planned.taken);
            let mut outcome = Outcome::Written;
            for step in &planned.steps {
                match *step {
                    Step::Close => self.close(),
                    Step::Gap => {
                        gap.iter()
                            .for_each(|gap| self.plan.enter_gap(gap, Some(planned.taken), &mut self.whole));
                    }
                    Step::Begin(zero) => {
                        self.plan.begin(&frame, zero, planned.taken);
                    }
                    Step::Append { size, .. } => match self.answer {
                        Answer::Takes => self.open = self.open.or(Some(Opened::Recording(size))),
                        // as the worker leaves the file
                        Answer::Full => {
                            self.close();
                            outcome = Outcome::Missing(MissingReason::Disk);
                        }
                        Answer::Closed => outcome = Outcome::Closed,
                    },
                    Step::Refuse => outcome = Outcome::Missing(MissingReason::NoJpeg),
                }
            }
            let told = self.plan.enter(&frame, planned.taken, outcome, &mut self.whole);
            self.absences += usize::from(told.absence.is_some());
            assert_eq!(told.missing.is_some(), matches!(outcome, Outcome::Missing(_)));
            planned.steps.to_vec()
        }

        fn frames(&mut self, numbers: std::ops::Range<u32>, size: Size) {
            numbers.for_each(|number| {
                self.frame(facts(number, Some(size)), None);
            });
        }

        /// Recorded and missing frames of each file that is closed.
        fn closed(&self) -> Vec<(u64, u64)> {
            self.files.iter().map(Ledger::counts).map(|counts| (counts.recorded, counts.missing)).collect()
        }
    }

    /// Ten a second.
    fn facts(number: u32, size: Option<Size>) -> Facts {
        let captured = Time::from_millis(50_000 + u64::from(number) * 100);
        Facts {
            number: FrameNumber(number),
            stamp: Stamp { captured, sequence: number },
            discontinuity: false,
            was_repaired: false,
            len: 1_000,
            arrived: captured.after(Duration::from_millis(5)),
            line: Line::through(captured, captured.after(Duration::from_millis(5))),
            size,
        }
    }

    fn gap(first: u32, count: u32) -> Ledger {
        let mut gap = Ledger::default();
        gap.on_missing(FrameNumber(first), count, MissingReason::Network);
        gap
    }

    fn names(steps: &[Step]) -> String {
        let name = |step: &Step| match step {
            Step::Close => 'c',
            Step::Gap => 'g',
            Step::Begin(_) => 'b',
            Step::Append { .. } => 'a',
            Step::Refuse => 'r',
        };
        steps.iter().map(name).collect()
    }

    #[test]
    fn a_file_begins_with_the_first_frame_and_the_wall_clock_is_read_once() {
        let mut run = Run::new(false);
        assert_eq!(names(&run.frame(facts(0, Some(SMALL)), None)), "gcba");
        assert_eq!(names(&run.frame(facts(1, Some(SMALL)), None)), "ga");
        run.frames(2..100, SMALL);
        assert_eq!(run.zeros.get(), 1);
    }

    #[test]
    fn a_size_that_has_lasted_begins_a_file_and_one_that_flips_does_not() {
        let mut run = Run::new(false);
        run.frames(0..20, SMALL);
        assert_eq!(names(&run.frame(facts(20, Some(LARGE)), Some(&gap(20, 0)))), "gcba");
        assert_eq!(run.changes, [SizeChange::Resized { from: SMALL, to: LARGE }]);
        assert_eq!(names(&run.frame(facts(21, Some(SMALL)), None)), "ga");
        assert_eq!(run.changes[1..], [SizeChange::Flips { from: LARGE, to: SMALL }]);
        assert_eq!(run.closed(), [(20, 0)]);
    }

    #[test]
    fn a_gap_belongs_to_the_file_before_unless_the_stream_is_another() {
        let mut run = Run::new(false);
        run.frames(0..20, SMALL);
        run.frame(facts(23, Some(LARGE)), Some(&gap(20, 3)));
        assert_eq!(run.closed(), [(20, 3)], "a file begins for another size");
        run.plan.end_stream(&mut run.whole);
        assert_eq!(names(&run.frame(facts(2, Some(LARGE)), Some(&gap(0, 2)))), "cgba");
        run.close();
        assert_eq!(run.closed(), [(20, 3), (1, 0), (1, 2)]);
        assert_eq!(run.whole.counts().missing, 5);
    }

    #[test]
    fn a_gap_with_no_file_open_belongs_to_the_next_file() {
        let mut run = Run::new(false);
        run.frames(0..3, SMALL);
        run.close();
        run.frame(facts(5, Some(SMALL)), Some(&gap(3, 2)));
        run.close();
        assert_eq!(run.closed(), [(3, 0), (1, 2)]);
    }

    #[test]
    fn aligned_files_begin_with_the_first_frame_of_the_minute() {
        let mut run = Run::new(false);
        run.plan.cutter = Cutter::aligned(Align { slot: Duration::from_secs(60), zone: TimeZone::UTC });
        // the first was captured at 50.005 s
        run.frames(0..1_300, SMALL);
        run.close();
        assert_eq!(run.closed(), [(100, 0), (600, 0), (600, 0)]);
    }

    #[test]
    fn another_clock_begins_a_file_though_the_first_frame_of_it_was_not_kept() {
        let mut run = Run::new(false);
        run.frames(0..10, SMALL);
        let mut anchor = Anchor::default();
        let mut frame = |number: u32, captured: u64| {
            let facts = facts(number, Some(SMALL));
            let captured = Time::from_millis(captured);
            let line = anchor.observe(captured, facts.arrived).line;
            Facts { stamp: Stamp { captured, sequence: number }, line, ..facts }
        };
        assert_eq!(names(&run.frame(frame(10, 51_000), None)), "ga");
        // back by two seconds, and soon where it was
        let _ = frame(11, 49_000);
        assert_eq!(names(&run.frame(frame(12, 51_100), None)), "gcba");
    }

    /// Where a frame stands in its file.
    fn at(steps: &[Step]) -> Time {
        steps
            .iter()
            .find_map(|step| if let Step::Append { at, .. } = step { Some(*at) } else { None })
            .unwrap()
    }

    #[test]
    fn one_time_from_the_end_of_all_time_dates_no_file() {
        let mut run = Run::new(false);
        run.plan.cutter = Cutter::new(Some(Duration::from_secs(10)));
        let mut anchor = Anchor::default();
        for number in 0..1_000 {
            let facts = facts(number, Some(SMALL));
            let captured = if number == 35 { Time::NEVER } else { facts.stamp.captured };
            let line = anchor.observe(captured, facts.arrived).line;
            let steps = run.frame(Facts { stamp: Stamp { captured, sequence: number }, line, ..facts }, None);
            assert_eq!(at(&steps), facts.stamp.captured, "frame {number}");
        }
        run.close();
        assert_eq!(run.closed(), [(100, 0); 10], "nor does it begin one");
        let last = Timestamp::from_millisecond(50_000 + 100_000).unwrap();
        assert!(run.takens.iter().all(|taken| *taken < last), "{:?}", run.takens.iter().max());
    }

    /// A camcast that is another one with each frame, and whose clock is.
    #[test]
    fn streams_without_end_go_on_in_one_file() {
        let mut run = Run::new(false);
        let mut anchor = Anchor::default();
        let (mut files, mut before) = (0, Time::default());
        for number in 0..3_000_u32 {
            let facts = facts(number, Some(SMALL));
            let captured = Time::from_millis(u64::from(number.wrapping_mul(2_654_435_761)) / 1_000);
            if number % 10 == 0 {
                anchor.restart();
                run.plan.end_stream(&mut run.whole);
            }
            let captured = if number % 10 == 0 { captured } else { run_on(before) };
            before = captured;
            let line = anchor.observe(captured, facts.arrived).line;
            let steps = run.frame(Facts { stamp: Stamp { captured, sequence: number }, line, ..facts }, None);
            files += usize::from(names(&steps).contains('b'));
            if files > 20 && !names(&steps).contains('b') && run.held.len() > 1 {
                // in one file times are those of our clock, about
                let gone = run.takens[run.takens.len() - 1].duration_since(run.takens[run.takens.len() - 2]);
                assert_eq!(gone, SignedDuration::from_millis(100), "frame {number}");
            }
        }
        assert_eq!(files, 20 + 1 + 300 / 90, "of 300 streams within 300 s");
        assert_eq!(run.held.len(), 300 - files);
        assert_eq!(run.whole.counts().recorded, 3_000);
    }

    fn run_on(before: Time) -> Time {
        before.after(Duration::from_millis(100))
    }

    #[test]
    fn a_file_that_holds_two_clocks_has_one_line_of_time() {
        let mut run = Run::new(false);
        while run.plan.may_finish(Time::from_millis(50_000)) {
            run.plan.cutter.reopened(Time::from_millis(50_000));
        }
        run.frames(0..10, SMALL);
        run.plan.end_stream(&mut run.whole);
        let other = |number: u32| {
            let facts = facts(number, Some(SMALL));
            let captured = Time::from_millis(7_000_000 + u64::from(number) * 100);
            let line = Line::through(captured, facts.arrived);
            Facts { stamp: Stamp { captured, sequence: number }, line, ..facts }
        };
        let times: Vec<Time> = (10..20).map(|number| at(&run.frame(other(number), None))).collect();
        let expected: Vec<Time> = (10..20).map(|number| facts(number, None).stamp.captured).collect();
        assert_eq!((times, &run.held[..]), (expected, &[Cut::Stream][..]));
        // a disk's trouble begins a file of the one clock
        run.answer = Answer::Full;
        run.frame(other(20), None);
        run.answer = Answer::Takes;
        assert_eq!(at(&run.frame(other(21), None)), other(21).stamp.captured);
    }

    #[test]
    fn an_absence_is_told_once_and_the_file_goes_on() {
        let mut run = Run::new(false);
        run.frames(0..3, SMALL);
        let away = Facts { discontinuity: true, ..facts(90, Some(SMALL)) };
        assert_eq!(names(&run.frame(away, None)), "ga");
        run.frames(91..93, SMALL);
        assert_eq!(run.absences, 1);
    }

    #[test]
    fn what_is_not_a_jpeg_is_in_the_account_and_nowhere_else() {
        let mut run = Run::new(false);
        assert_eq!(names(&run.frame(facts(2, None), Some(&gap(0, 2)))), "gr");
        assert!(run.open.is_none() && run.changes.is_empty());
        run.frames(3..5, SMALL);
        run.close();
        assert_eq!(run.closed(), [(2, 3)]);
    }

    #[test]
    fn a_pipe_is_one_stream_whatever_happens() {
        let mut run = Run::new(true);
        run.frames(0..20, SMALL);
        assert_eq!(names(&run.frame(facts(20, Some(LARGE)), None)), "ga");
        run.plan.end_stream(&mut run.whole);
        let steps = run.frame(facts(0, Some(LARGE)), Some(&gap(0, 0)));
        assert_eq!(names(&steps), "ga");
        assert!(run.files.is_empty());
        assert!(run.plan.picture(Time::from_millis(1)).is_some());
    }

    #[test]
    fn a_full_disk_names_the_frame_and_the_next_begins_a_file_once_there_is_room() {
        let mut run = Run::new(false);
        run.frames(0..5, SMALL);
        run.answer = Answer::Full;
        run.frame(facts(5, Some(SMALL)), None);
        assert_eq!(run.closed(), [(5, 0)], "the frame is in the next file's account");
        run.answer = Answer::Takes;
        assert_eq!(names(&run.frame(facts(6, Some(SMALL)), None)), "gcba");
        run.close();
        assert_eq!(run.closed(), [(5, 0), (1, 1)]);
        assert_eq!(run.whole.counts().missing, 1);
    }

    #[test]
    fn nobody_misses_a_frame_for_a_closed_pipe() {
        let mut run = Run::new(true);
        run.frames(0..2, SMALL);
        run.answer = Answer::Closed;
        run.frame(facts(2, Some(SMALL)), None);
        let counts = run.whole.counts();
        assert_eq!((counts.recorded, counts.missing), (2, 0));
    }
}
