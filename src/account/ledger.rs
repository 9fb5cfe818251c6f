//! The account: every frame that the camera delivered was recorded, or is named here as missing, with the time.
//!
//! Times are this machine's wall clock, as the shell says them with each frame: the camera's clock begins again with each
//! stream, and would mean nothing in an account of several.

use crate::time::Time;
use crate::wire::FrameNumber;
use jiff::Timestamp;
use std::fmt;
use std::time::Duration;

/// Ranges of each kind that are named one by one; further ones are only counted.
pub const MAX_NAMED: usize = 10_000;

/// Why a frame is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingReason {
    /// It was sent, and it or parts of it never came.
    Network,
    /// camcast left it out: it had it no longer when it could have sent it.
    Unsent,
    /// When we were back after an outage, camcast no longer had it.
    Outage,
    /// It came, and the disk did not take it.
    Disk,
    /// It came whole, but is no JPEG.
    NoJpeg,
    /// It was recorded, and its file was deleted while it was written.
    Deleted,
}

impl MissingReason {
    /// A word for programs.
    pub const fn word(self) -> &'static str {
        match self {
            MissingReason::Network => "network",
            MissingReason::Unsent => "unsent",
            MissingReason::Outage => "outage",
            MissingReason::Disk => "disk",
            MissingReason::NoJpeg => "no-jpeg",
            MissingReason::Deleted => "deleted",
        }
    }
}

impl fmt::Display for MissingReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MissingReason::Network => "lost on the way",
            MissingReason::Unsent => {
                "camcast could not send it in time (a narrow network, or this machine was busy)"
            }
            MissingReason::Outage => "an outage longer than camcast's memory",
            MissingReason::Disk => "the disk did not take it",
            MissingReason::NoJpeg => "no JPEG",
            MissingReason::Deleted => "its file was deleted while it was written",
        })
    }
}

/// A frame that has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameEntry {
    /// Its number in the stream.
    pub number: FrameNumber,
    /// The driver's counter.
    pub sequence: u32,
    /// The camera was away before it: the driver's counter may have begun again.
    pub discontinuity: bool,
    /// When it was captured, on the camera's clock.
    pub captured: Time,
    /// The same on the wall's.
    pub taken: Timestamp,
}

/// Frames that are not in the recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first of them.
    pub first: FrameNumber,
    /// How many.
    pub count: u32,
    /// Why.
    pub why: MissingReason,
    /// They were captured after the frame before them, which was captured then; none if there was none.
    pub from: Option<Timestamp>,
    /// They were captured before the frame after them, which was captured then; none if there was none.
    pub to: Option<Timestamp>,
}

impl Range {
    /// One frame that came, but is not recorded. Its time is its own.
    pub fn of(frame: &FrameEntry, why: MissingReason) -> Self {
        let taken = Some(frame.taken);
        Range { first: frame.number, count: 1, why, from: taken, to: taken }
    }

    /// The last of them.
    pub fn last(&self) -> FrameNumber {
        self.first.plus(self.count.saturating_sub(1))
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            1 => write!(f, "{}", self.first),
            _ => write!(f, "{}-{}", self.first, self.last()),
        }
    }
}

/// Frames that the camera or its driver dropped, by the driver's own count. camcast never had them: they have no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drops {
    /// The frame before them.
    pub after: FrameNumber,
    /// How many.
    pub count: u64,
    /// When the frame before them was captured.
    pub from: Timestamp,
    /// When the frame after them was captured.
    pub to: Timestamp,
}

/// The camera was away: unplugged, silent, or reopened. Nothing is missing for it, since there were no frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Absence {
    /// The last frame before it that came.
    pub after: FrameNumber,
    /// The first frame after it that came.
    pub before: FrameNumber,
    /// When the one was captured.
    pub from: Timestamp,
    /// When the other was captured.
    pub to: Timestamp,
    /// From the one to the other, on the camera's clock: a wall clock that is set meanwhile changes nothing.
    pub lasted: Duration,
}

/// Frames by fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Frames recorded.
    pub recorded: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Recorded frames of which something had to be sent again.
    pub repaired: u64,
    /// Frames that camcast had and that are not recorded.
    pub missing: u64,
    /// Those of them that came, but that the disk did not take.
    pub not_written: u64,
    /// Missing frames that no range names.
    pub missing_unnamed: u64,
    /// Frames that were not sent to us, so that newer ones come in time.
    pub skipped: u64,
    /// Frames that the camera or its driver dropped, or delivered damaged, by the driver's own count.
    pub camera_drops: u64,
    /// Those of them that no range names.
    pub drops_unnamed: u64,
    /// How often the camera was away.
    pub absences: u64,
    /// How long in all.
    pub away: Duration,
    /// Absences that are not named.
    pub absences_unnamed: u64,
    /// How often camcast was started again.
    pub restarts: u32,
}

/// What has become of the frames of a file, or of a whole run.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    counts: Counts,
    missing: Vec<Range>,
    drops: Vec<Drops>,
    absences: Vec<Absence>,
    last: Option<FrameEntry>,
    /// The last range is an earlier stream's: nothing is its neighbour.
    is_new_stream: bool,
}

impl Ledger {
    /// An empty ledger of the frames that follow on this one's.
    #[must_use]
    pub fn following(&self) -> Self {
        Ledger { last: self.last, ..Ledger::default() }
    }

    /// A frame was recorded.
    pub fn on_frame(&mut self, frame: &FrameEntry, length: usize, was_repaired: bool) {
        add(&mut self.counts.recorded, 1);
        add(&mut self.counts.bytes, length as u64);
        add(&mut self.counts.repaired, u64::from(was_repaired));
        self.on_arrival(frame);
    }

    /// A frame came, but is not recorded.
    pub fn on_unwritten(&mut self, frame: &FrameEntry, why: MissingReason) {
        self.name(Range::of(frame, why));
        self.on_arrival(frame);
    }

    /// These frames will not come. When they were captured is known when a frame [comes](Self::absorb) that did.
    pub fn on_missing(&mut self, first: FrameNumber, count: u32, why: MissingReason) {
        self.name(Range { first, count, why, from: None, to: None });
    }

    /// So many frames were not sent to us, so that newer ones come in time.
    pub fn on_skipped(&mut self, count: u32) {
        add(&mut self.counts.skipped, count.into());
    }

    /// Frames are missing and it is not known which.
    pub fn on_unnamed(&mut self, count: u64, why: MissingReason) {
        add(&mut self.counts.missing, count);
        add(&mut self.counts.missing_unnamed, count);
        if why == MissingReason::Disk {
            add(&mut self.counts.not_written, count);
        }
    }

    /// Takes in what has become of the frames since the last that came, until one captured at `to` did; none if the
    /// stream ends there. Its ranges lie between the two.
    pub fn absorb(&mut self, gap: &Ledger, to: Option<Timestamp>) {
        for range in gap.ranges_within(self.last(), to) {
            self.name(range);
        }
        let named_disk: u64 = gap
            .missing
            .iter()
            .filter(|range| range.why == MissingReason::Disk)
            .map(|range| u64::from(range.count))
            .sum();
        add(&mut self.counts.missing, gap.counts.missing_unnamed);
        add(&mut self.counts.missing_unnamed, gap.counts.missing_unnamed);
        add(&mut self.counts.not_written, gap.counts.not_written.saturating_sub(named_disk));
        add(&mut self.counts.skipped, gap.counts.skipped);
    }

    /// The missing ranges, as lying between two frames that came.
    pub fn ranges_within(
        &self,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
    ) -> impl Iterator<Item = Range> + '_ {
        self.missing.iter().map(move |range| Range { from, to, ..*range })
    }

    /// A file is lost with all that was recorded in it, from `first` to `last`, between its first and its last frame's capture; `file` is
    /// its account. Returns what is missing for it: the frames that were missing in it are so already.
    pub fn lose(
        &mut self,
        file: &Ledger,
        (first, last): (FrameNumber, FrameNumber),
        (from, to): (Timestamp, Timestamp),
    ) -> Vec<Range> {
        let lost = file.counts;
        self.counts.recorded = self.counts.recorded.saturating_sub(lost.recorded);
        self.counts.bytes = self.counts.bytes.saturating_sub(lost.bytes);
        self.counts.repaired = self.counts.repaired.saturating_sub(lost.repaired);
        let (mut ranges, mut next) = (Vec::new(), first);
        let within =
            file.missing.iter().filter(|range| !first.is_after(range.first) && last.is_after(range.first));
        let ends = within.map(|range| (range.first, range.last().next())).chain([(last.next(), last.next())]);
        for (end, following) in ends {
            if let Some(count) = u32::try_from(end.since(next)).ok().filter(|count| *count > 0) {
                ranges.push(Range {
                    first: next,
                    count,
                    why: MissingReason::Deleted,
                    from: Some(from),
                    to: Some(to),
                });
            }
            next = following;
        }
        if ranges.iter().map(|range| u64::from(range.count)).sum::<u64>() != lost.recorded {
            // frames were skipped in it, or not all that were missing had a name
            self.on_unnamed(lost.recorded, MissingReason::Deleted);
            return Vec::new();
        }
        ranges.iter().for_each(|range| self.insert(*range));
        ranges
    }

    /// This many of the recorded frames are lost, with this many bytes; which ones is not known.
    pub fn lose_some(&mut self, (frames, bytes): (u64, u64), why: MissingReason) {
        self.counts.recorded = self.counts.recorded.saturating_sub(frames);
        self.counts.bytes = self.counts.bytes.saturating_sub(bytes);
        self.on_unnamed(frames, why);
    }

    /// Names what is older than the last ranges, in its place.
    fn insert(&mut self, range: Range) {
        let count = u64::from(range.count);
        add(&mut self.counts.missing, count);
        if self.missing.len() >= MAX_NAMED {
            return add(&mut self.counts.missing_unnamed, count);
        }
        let behind = self.missing.iter().rev().take_while(|other| {
            // an earlier stream's numbers mean nothing here
            other.first.is_after(range.first) && other.from >= range.from
        });
        let at = self.missing.len().saturating_sub(behind.count());
        self.missing.insert(at, range);
    }

    /// The stream is over: another's numbers and counters have nothing to do with this one's.
    pub fn end_stream(&mut self) {
        self.last = None;
        self.is_new_stream = true;
    }

    /// camcast was started again: how many frames the camera delivered meanwhile nobody knows.
    pub fn on_restart(&mut self) {
        self.counts.restarts = self.counts.restarts.saturating_add(1);
        self.end_stream();
    }

    /// Whether the camera was away between the last frame that came and this one, which is the next. If the frame that
    /// said so is missing, the driver's counter tells it in most cases: it rises with each frame but where it began again.
    pub fn absence_before(&self, frame: &FrameEntry) -> Option<Absence> {
        let last = self.last?;
        if !frame.discontinuity && dropped(&last, frame) >= 0 {
            return None;
        }
        let lasted = frame.captured.since(last.captured);
        Some(Absence { after: last.number, before: frame.number, from: last.taken, to: frame.taken, lasted })
    }

    fn on_arrival(&mut self, frame: &FrameEntry) {
        if let Some(absence) = self.absence_before(frame) {
            self.name_absence(absence);
        } else if let Some(last) = self.last {
            let count = dropped(&last, frame).unsigned_abs();
            if count > 0 {
                self.name_drops(Drops { after: last.number, count, from: last.taken, to: frame.taken });
            }
        }
        self.last = Some(*frame);
    }

    fn name_absence(&mut self, absence: Absence) {
        add(&mut self.counts.absences, 1);
        self.counts.away = self.counts.away.saturating_add(absence.lasted);
        if self.absences.len() < MAX_NAMED {
            self.absences.push(absence);
        } else {
            add(&mut self.counts.absences_unnamed, 1);
        }
    }

    fn name_drops(&mut self, drops: Drops) {
        add(&mut self.counts.camera_drops, drops.count);
        if self.drops.len() < MAX_NAMED {
            self.drops.push(drops);
        } else {
            add(&mut self.counts.drops_unnamed, drops.count);
        }
    }

    /// Neighbours of one cause are one range.
    fn name(&mut self, range: Range) {
        let count = u64::from(range.count);
        add(&mut self.counts.missing, count);
        if range.why == MissingReason::Disk {
            add(&mut self.counts.not_written, count);
        }
        let is_full = self.missing.len() >= MAX_NAMED;
        let is_new_stream = std::mem::take(&mut self.is_new_stream);
        match self.missing.last_mut().filter(|_| !is_new_stream) {
            Some(last) if last.why == range.why && last.last().next() == range.first => {
                last.count = last.count.saturating_add(range.count);
                last.to = range.to;
            }
            _ if is_full => add(&mut self.counts.missing_unnamed, count),
            _ => self.missing.push(range),
        }
    }

    /// How many.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// When the last frame that came was captured.
    pub fn last(&self) -> Option<Timestamp> {
        self.last.map(|last| last.taken)
    }

    /// The missing frames by number, oldest first, as far as they are named.
    pub fn missing(&self) -> &[Range] {
        &self.missing
    }

    /// Where the camera dropped frames, oldest first, as far as that is named.
    pub fn drops(&self) -> &[Drops] {
        &self.drops
    }

    /// When the camera was away, oldest first, as far as that is named.
    pub fn absences(&self) -> &[Absence] {
        &self.absences
    }

    /// Nothing is missing and nothing was skipped.
    pub fn is_blank(&self) -> bool {
        self.counts == Counts::default()
    }
}

/// Frames between these two that the driver has counted and camcast has not numbered. Less than none: the driver has begun
/// to count again.
fn dropped(last: &FrameEntry, frame: &FrameEntry) -> i64 {
    let counted = i64::from(frame.sequence.wrapping_sub(last.sequence) as i32);
    counted.saturating_sub(frame.number.since(last.number).into())
}

fn add(to: &mut u64, count: u64) {
    *to = to.saturating_add(count);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_790_000_000_000 + millis).unwrap()
    }

    /// A frame every 40 ms of the driver's counter.
    fn frame(number: u32, sequence: u32) -> FrameEntry {
        let millis = u64::from(sequence) * 40;
        let (captured, taken) = (Time::from_millis(millis), at(millis as i64));
        FrameEntry { number: FrameNumber(number), sequence, discontinuity: false, captured, taken }
    }

    /// The same, at another time than the counter says: it was opened then and has counted from its start.
    fn later(number: u32, sequence: u32, millis: u64) -> FrameEntry {
        let (captured, taken) = (Time::from_millis(millis), at(millis as i64));
        FrameEntry { captured, taken, ..frame(number, sequence) }
    }

    fn record(ledger: &mut Ledger, number: u32, sequence: u32) {
        ledger.on_frame(&frame(number, sequence), 10, false);
    }

    fn gap(ranges: &[(u32, u32, MissingReason)]) -> Ledger {
        let mut gap = Ledger::default();
        ranges.iter().for_each(|(first, count, why)| gap.on_missing(FrameNumber(*first), *count, *why));
        gap
    }

    fn names(ledger: &Ledger) -> Vec<String> {
        ledger.missing().iter().map(|range| format!("{range} {}", range.why.word())).collect()
    }

    #[test]
    fn neighbours_of_one_cause_are_one_range() {
        let gap = gap(&[
            (5, 1, MissingReason::Network),
            (6, 2, MissingReason::Network),
            (8, 1, MissingReason::Disk),
            (9, 1, MissingReason::Network),
            (11, 1, MissingReason::Network),
        ]);
        assert_eq!(names(&gap), ["5-7 network", "8 disk", "9 network", "11 network"]);
        assert_eq!((gap.counts().missing, gap.counts().not_written), (6, 1));
    }

    #[test]
    fn a_file_that_is_lost_takes_its_frames_along() {
        let mut whole = Ledger::default();
        let mut file = Ledger::default();
        record(&mut whole, 1, 1);
        for ledger in [&mut whole, &mut file] {
            ledger.absorb(&gap(&[(2, 1, MissingReason::Network)]), Some(at(120)));
            [3, 4, 7].into_iter().for_each(|number| record(ledger, number, number));
        }
        // those between came in the file before, as far as this test goes
        let gap_within = gap(&[(5, 2, MissingReason::Disk)]);
        [&mut whole, &mut file].into_iter().for_each(|ledger| ledger.absorb(&gap_within, Some(at(280))));
        let lost = whole.lose(&file, (FrameNumber(3), FrameNumber(7)), (at(120), at(280)));
        let lost: Vec<_> = lost.iter().map(|range| format!("{range} {}", range.why.word())).collect();
        assert_eq!(lost, ["3-4 deleted", "7 deleted"]);
        assert_eq!(names(&whole), ["2 network", "3-4 deleted", "5-6 disk", "7 deleted"]);
        let counts = whole.counts();
        assert_eq!((counts.recorded, counts.bytes, counts.missing, counts.missing_unnamed), (1, 10, 6, 0));
        // a viewer's frames have gaps that have no name
        let mut whole = Ledger::default();
        let mut file = Ledger::default();
        for ledger in [&mut whole, &mut file] {
            [3, 7].into_iter().for_each(|number| record(ledger, number, number));
        }
        assert_eq!(whole.lose(&file, (FrameNumber(3), FrameNumber(7)), (at(120), at(280))), []);
        assert_eq!((whole.counts().recorded, whole.counts().missing_unnamed), (0, 2));
    }

    #[test]
    fn a_range_lies_between_the_frames_beside_it() {
        let mut ledger = Ledger::default();
        ledger.absorb(&gap(&[(1, 1, MissingReason::Network)]), Some(at(80)));
        record(&mut ledger, 2, 2);
        ledger.absorb(&gap(&[(3, 2, MissingReason::Outage)]), Some(at(200)));
        record(&mut ledger, 5, 5);
        ledger.on_unwritten(&frame(6, 6), MissingReason::NoJpeg);
        ledger.absorb(&gap(&[(7, 1, MissingReason::Network)]), None);
        let times: Vec<_> = ledger.missing().iter().map(|range| (range.from, range.to)).collect();
        let expected = [
            (None, Some(at(80))),
            (Some(at(80)), Some(at(200))),
            (Some(at(240)), Some(at(240))),
            (Some(at(240)), None),
        ];
        assert_eq!(times, expected);
    }

    #[test]
    fn the_cameras_own_drops_are_told_from_ours_and_where_they_were() {
        let mut ledger = Ledger::default();
        record(&mut ledger, 1, 100);
        record(&mut ledger, 2, 101);
        record(&mut ledger, 3, 104); // the driver dropped two
        record(&mut ledger, 6, 107); // we lost two
        let drops = Drops { after: FrameNumber(2), count: 2, from: at(101 * 40), to: at(104 * 40) };
        assert_eq!((ledger.counts().camera_drops, ledger.drops()), (2, &[drops][..]));
        ledger.on_restart();
        record(&mut ledger, 1, 0);
        let counts = ledger.counts();
        assert_eq!((counts.recorded, counts.camera_drops, counts.restarts), (5, 2, 1));
    }

    #[test]
    fn an_absence_is_named_and_no_drop() {
        let mut ledger = Ledger::default();
        let flagged =
            |number, sequence, millis| FrameEntry { discontinuity: true, ..later(number, sequence, millis) };
        // the camera was away before there was a recording
        ledger.on_frame(&flagged(1, 50, 2_000), 10, false);
        record(&mut ledger, 2, 51);
        let back = flagged(3, 90, 51 * 40 + 8_300);
        let absence = Absence {
            after: FrameNumber(2),
            before: FrameNumber(3),
            from: at(51 * 40),
            to: at(51 * 40 + 8_300),
            lasted: Duration::from_millis(8_300),
        };
        assert_eq!(ledger.absence_before(&back), Some(absence));
        ledger.on_frame(&back, 10, false);
        // without the frame that would have said it
        ledger.absorb(&gap(&[(4, 1, MissingReason::Network)]), Some(at(20_000)));
        let next = ledger.absence_before(&later(5, 92, 20_000));
        assert_eq!(next, None, "a counter that goes on says nothing");
        ledger.on_frame(&later(5, 1, 20_000), 10, false);
        ledger.on_frame(&later(6, 3, 20_080), 10, false);
        let named: Vec<_> = ledger.absences().iter().map(|away| (away.after.0, away.before.0)).collect();
        assert_eq!(named, [(2, 3), (3, 5)]);
        let counts = ledger.counts();
        assert_eq!((counts.absences, counts.camera_drops, counts.missing), (2, 1, 1));
        assert_eq!(counts.away.as_millis(), 8_300 + 20_000 - 10_340);
        // another stream's counter is another one
        ledger.on_restart();
        ledger.on_frame(&flagged(1, 0, 0), 10, false);
        assert_eq!(ledger.counts().absences, 2);
    }

    #[test]
    fn an_absence_between_two_files_is_in_the_seconds_account() {
        let mut first = Ledger::default();
        record(&mut first, 1, 1);
        let mut second = first.following();
        second.on_frame(&FrameEntry { discontinuity: true, ..later(2, 0, 9_000) }, 10, false);
        assert_eq!((first.counts().absences, second.counts().absences), (0, 1));
        assert!(second.following().absences().is_empty());
    }

    #[test]
    fn another_streams_numbers_are_no_neighbours() {
        let mut ledger = Ledger::default();
        ledger.absorb(&gap(&[(7, 1, MissingReason::Network)]), None);
        ledger.on_restart();
        ledger.absorb(&gap(&[(8, 1, MissingReason::Network)]), None);
        assert_eq!(names(&ledger), ["7 network", "8 network"]);
    }

    #[test]
    fn a_file_knows_of_the_drops_before_its_first_frame() {
        let mut first = Ledger::default();
        record(&mut first, 1, 1);
        let mut second = first.following();
        record(&mut second, 2, 4);
        assert_eq!((first.counts().camera_drops, second.counts().camera_drops), (0, 2));
        second.end_stream();
        let mut third = second.following();
        record(&mut third, 1, 90);
        assert_eq!(third.counts().camera_drops, 0);
    }

    #[test]
    fn both_counters_may_wrap() {
        let mut ledger = Ledger::default();
        record(&mut ledger, u32::MAX, u32::MAX);
        record(&mut ledger, 0, 1);
        assert_eq!(ledger.counts().camera_drops, 1);
        assert_eq!(gap(&[(u32::MAX, 2, MissingReason::Network)]).missing()[0].to_string(), "4294967295-0");
    }

    #[test]
    fn what_is_too_much_to_name_is_counted_all_the_same() {
        let mut ledger = Ledger::default();
        let many = MAX_NAMED as u32 + 7;
        for number in 0..many {
            ledger.absorb(&gap(&[(number * 2, 1, MissingReason::Disk)]), Some(at(0)));
            record(&mut ledger, number * 2 + 1, number * 3);
        }
        let counts = ledger.counts();
        assert_eq!((counts.missing, counts.missing_unnamed), (u64::from(many), 7));
        assert_eq!((counts.camera_drops, counts.drops_unnamed), (u64::from(many) - 1, 6));
        assert_eq!((ledger.missing().len(), ledger.drops().len()), (MAX_NAMED, MAX_NAMED));
        // and when it is taken into another account
        let mut whole = Ledger::default();
        whole.absorb(&ledger, None);
        let whole = whole.counts();
        assert_eq!((whole.missing, whole.missing_unnamed), (u64::from(many), 7));
        assert_eq!(whole.not_written, u64::from(many));
    }

    #[test]
    fn absences_too_many_to_name_are_counted_all_the_same() {
        let mut ledger = Ledger::default();
        for number in 0..=MAX_NAMED as u32 + 3 {
            let back = later(number, 0, u64::from(number) * 1_000);
            ledger.on_frame(&FrameEntry { discontinuity: true, ..back }, 10, false);
        }
        let counts = ledger.counts();
        let all = MAX_NAMED as u64 + 3;
        assert_eq!((counts.absences, counts.absences_unnamed, counts.away.as_secs()), (all, 3, all));
        assert_eq!(ledger.absences().len(), MAX_NAMED);
    }

    proptest! {
        /// Frames come or are missing in any pattern: each is counted once, and named once.
        #[test]
        fn every_frame_is_counted_once(fates in prop::collection::vec(0u8..5, 1..300)) {
            let mut ledger = Ledger::default();
            let mut pending = Ledger::default();
            let mut recorded = Vec::new();
            for (number, fate) in (1u32..).zip(&fates) {
                match fate {
                    0 => pending.on_missing(FrameNumber(number), 1, MissingReason::Network),
                    1 => pending.on_missing(FrameNumber(number), 1, MissingReason::Disk),
                    2 => pending.on_skipped(1),
                    _ => {
                        let frame = frame(number, number);
                        ledger.absorb(&std::mem::take(&mut pending), Some(frame.taken));
                        ledger.on_frame(&frame, 1, false);
                        recorded.push(number);
                    }
                }
            }
            ledger.absorb(&pending, None);
            let of = |fate: u8| fates.iter().filter(|other| **other == fate).count() as u64;
            let counts = ledger.counts();
            prop_assert_eq!((counts.recorded, counts.missing), (recorded.len() as u64, of(0) + of(1)));
            prop_assert_eq!((counts.not_written, counts.skipped, counts.missing_unnamed), (of(1), of(2), 0));
            let named = ledger.missing().iter().flat_map(|range| range.first.0..=range.last().0);
            let mut all: Vec<u32> = named.chain(recorded).collect();
            all.sort_unstable();
            let expected: Vec<u32> = (1u32..).zip(&fates).filter(|(_, fate)| **fate != 2).map(|(n, _)| n).collect();
            prop_assert_eq!(all, expected);
        }
    }
}
