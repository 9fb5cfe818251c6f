//! What camrec tells people at its end: the account.

use super::paths::{self, PathAccount};
use crate::account::ledger::{Absence, Counts, Drops, Ledger, Range};
use crate::app::local_time;
use crate::app::quantity::{show_bytes, show_duration};
use crate::shown::shown;
use crate::store::Summary;
use jiff::Timestamp;
use std::fmt::Write as _;
use std::time::Duration;

/// Ranges that the account names; the others are counted.
const NAMED_RANGES: usize = 20;

/// The files that are closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Closed {
    count: u64,
    first: Duration,
    last: Duration,
}

impl Closed {
    /// One more.
    pub fn add(&mut self, file: &Summary) {
        if self.count == 0 {
            self.first = file.span();
        }
        (self.count, self.last) = (self.count + 1, file.span());
    }
}

/// What there is to say of a whole run.
#[derive(Clone, Copy)]
pub struct Account<'a> {
    /// What has become of the frames.
    pub ledger: &'a Ledger,
    /// The files, as far as they are listed.
    pub files: &'a [Summary],
    /// How many files there are, and how long the last one is.
    pub closed: Closed,
    /// Every frame was wanted: none was skipped on purpose.
    pub is_every: bool,
    /// camcast was away at the end, since then.
    pub away_since: Option<Timestamp>,
    /// camcast was there at the end, but its camera was away, since then.
    pub camera_away_since: Option<Timestamp>,
    /// The ways by which it came, where there are two.
    pub paths: &'a [PathAccount],
}

impl Account<'_> {
    /// The account in lines.
    pub fn text(&self) -> String {
        let counts = self.ledger.counts();
        let mut text = String::new();
        for file in self.files {
            let name = file.path.as_ref().map_or("standard output".into(), |path| shown(&path).to_string());
            let span = show_duration(file.span());
            let _ = writeln!(text, "{name}: {} frames, {span}, {}", file.frames, show_bytes(file.bytes));
        }
        let Closed { count, first, last } = self.closed;
        if count > 1 {
            let [first, last] = [first, last].map(show_duration);
            let _ = writeln!(text, "files: {count}; the first is {first} long, the last {last}");
        }
        let from_camera = counts.recorded + counts.missing + counts.skipped;
        let _ = writeln!(text, "frames from the camera: {from_camera}");
        let _ = writeln!(text, "recorded: {}", counts.recorded);
        let _ = writeln!(text, "repaired: {}", counts.repaired);
        let _ = writeln!(text, "missing: {}", counts.missing);
        self.list(&mut text, self.ledger.missing(), counts.missing_unnamed, range_line);
        if !self.is_every {
            let _ = writeln!(text, "skipped, newer ones came in time: {}", counts.skipped);
        }
        let _ = writeln!(text, "camera's own drops: {}", counts.camera_drops);
        self.list(&mut text, self.ledger.drops(), counts.drops_unnamed, drops_line);
        self.tell_absences(&mut text, &counts);
        if counts.restarts > 0 {
            let restarts = counts.restarts;
            let _ = writeln!(
                text,
                "camcast restarts: {restarts} (what the camera delivered meanwhile is not known)"
            );
        }
        if let Some(since) = self.away_since {
            let since = local_time::for_people(since, None);
            let _ = writeln!(
                text,
                "camcast away: since {since} (what the camera delivered meanwhile is not known)"
            );
        }
        text.push_str(&paths::text(self.paths));
        text.truncate(text.trim_end().len());
        text
    }

    /// When the camera was away, and how long: in one line, since a reader looks for the times of it.
    fn tell_absences(&self, text: &mut String, counts: &Counts) {
        let absences = self.ledger.absences();
        if counts.absences > 0 {
            let times =
                if counts.absences == 1 { "once".into() } else { format!("{} times", counts.absences) };
            let _ = write!(text, "the camera was away {times}, {} in all", show_duration(counts.away));
            let mut before = None;
            for absence in absences.iter().take(NAMED_RANGES) {
                let mark = if before.is_none() { ':' } else { ',' };
                let _ = write!(text, "{mark} {}", absence_words(absence, before));
                before = Some(absence.from);
            }
            let shown = absences.len().min(NAMED_RANGES) as u64;
            if counts.absences > shown {
                let _ = write!(text, ", and {} more{}", counts.absences - shown, self.see());
            }
            text.push('\n');
        }
        if let Some(since) = self.camera_away_since {
            let _ = writeln!(text, "the camera is away since {}", local_time::for_people(since, None));
        }
    }

    fn see(&self) -> &'static str {
        if self.files.iter().any(|file| file.path.is_some()) { ": see the sidecars" } else { "" }
    }

    /// As many as a person reads, then how many more there are.
    fn list<T>(&self, text: &mut String, ranges: &[T], unnamed: u64, line: fn(&T) -> String) {
        for range in ranges.iter().take(NAMED_RANGES) {
            let _ = writeln!(text, "  {}", line(range));
        }
        let more = ranges.len().saturating_sub(NAMED_RANGES);
        if more > 0 {
            let _ = writeln!(text, "  and {more} more{}", self.see());
        }
        if unnamed > 0 {
            let _ = writeln!(text, "  and {unnamed} of which only the number is known");
        }
    }
}

fn range_line(range: &Range) -> String {
    let frames = if range.count == 1 { "frame" } else { "frames" };
    let times = match (range.from, range.to) {
        (Some(from), Some(to)) if from == to => format!(" at {}", local_time::for_people(from, None)),
        (Some(from), Some(to)) => between(from, to),
        (Some(from), None) => format!(" after {}", local_time::for_people(from, None)),
        (None, Some(to)) => format!(" before {}", local_time::for_people(to, None)),
        (None, None) => String::new(),
    };
    format!("{frames} {range}{times}: {}", range.why)
}

fn drops_line(drops: &Drops) -> String {
    format!("{} after frame {}{}", drops.count, drops.after, between(drops.from, drops.to))
}

fn absence_words(absence: &Absence, before: Option<Timestamp>) -> String {
    format!("{} for {}", local_time::for_people(absence.from, before), show_duration(absence.lasted))
}

fn between(from: Timestamp, to: Timestamp) -> String {
    format!(" between {} and {}", local_time::for_people(from, None), local_time::for_people(to, Some(from)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::ledger::{FrameEntry, MAX_NAMED, MissingReason};
    use crate::time::Time;
    use crate::wire::FrameNumber;

    /// Frames 1, 2 and 5, at 40 ms each; frames 3 and 4 are missing, and the driver dropped one.
    fn ledger() -> Ledger {
        let mut ledger = Ledger::default();
        for (number, sequence) in [(1, 1), (2, 2), (5, 6)] {
            let taken = Timestamp::from_millisecond(1_790_000_000_000 + number * 40).unwrap();
            let number = FrameNumber(number as u32);
            if number.0 == 5 {
                let mut gap = Ledger::default();
                gap.on_missing(FrameNumber(3), 2, MissingReason::Network);
                ledger.absorb(&gap, Some(taken));
            }
            let captured = Time::from_millis(u64::from(number.0) * 40);
            let arrival = FrameEntry { number, sequence, discontinuity: false, captured, taken };
            ledger.on_frame(&arrival, 100, false);
        }
        ledger
    }

    fn text(ledger: &Ledger, is_every: bool) -> String {
        Account {
            ledger,
            files: &[],
            closed: Closed::default(),
            is_every,
            away_since: None,
            camera_away_since: None,
            paths: &[],
        }
        .text()
    }

    #[test]
    fn the_account_names_what_is_missing_with_its_time() {
        let [second, last] = [80, 200].map(|ms| Timestamp::from_millisecond(1_790_000_000_000 + ms).unwrap());
        let span = format!(
            "between {} and {}",
            local_time::for_people(second, None),
            local_time::for_people(last, Some(second))
        );
        let expected = format!(
            "frames from the camera: 5\nrecorded: 3\nrepaired: 0\nmissing: 2\n  frames 3-4 {span}: lost on the way\n\
             camera's own drops: 1\n  1 after frame 2 {span}"
        );
        assert_eq!(text(&ledger(), true), expected);
        assert!(text(&ledger(), false).contains("skipped, newer ones came in time: 0"));
    }

    #[test]
    fn what_nobody_would_read_is_counted() {
        let mut ledger = Ledger::default();
        for number in 0..MAX_NAMED as u32 + 5 {
            ledger.on_missing(FrameNumber(number * 2), 1, MissingReason::Disk);
        }
        let said = text(&ledger, true);
        assert_eq!(said.matches("  frame ").count(), NAMED_RANGES, "{said}");
        let more = MAX_NAMED - NAMED_RANGES;
        assert!(said.contains(&format!("\n  and {more} more\n")), "{said}");
        assert!(said.contains("\n  and 5 of which only the number is known\n"), "{said}");
    }

    /// A recording of this many frames, the camera away before each but the first, the times a second apart.
    fn broken_off(frames: u32) -> Ledger {
        let mut ledger = Ledger::default();
        for number in 0..frames {
            let captured = Time::from_millis(u64::from(number) * 1_000);
            let taken = Timestamp::from_second(1_790_000_000 + i64::from(number)).unwrap();
            let number = FrameNumber(number);
            ledger.on_frame(
                &FrameEntry { number, sequence: 0, discontinuity: true, captured, taken },
                100,
                false,
            );
        }
        ledger
    }

    #[test]
    fn each_absence_of_the_camera_is_named() {
        let times: Vec<String> = [0, 1]
            .map(|second| Timestamp::from_second(1_790_000_000 + second).unwrap())
            .map(|at| local_time::for_people(at, Some(at)))
            .into();
        let date = local_time::for_people(Timestamp::from_second(1_790_000_000).unwrap(), None);
        let said = text(&broken_off(2), true);
        let line = format!("\nthe camera was away once, 1.0 s in all: {date} for 1.0 s");
        assert!(said.ends_with(&line), "{said}");
        let said = text(&broken_off(3), true);
        let line =
            format!("\nthe camera was away 2 times, 2.0 s in all: {date} for 1.0 s, {} for 1.0 s", times[1]);
        assert!(said.ends_with(&line), "{said}");
        let said = text(&broken_off(NAMED_RANGES as u32 + 6), true);
        assert!(said.ends_with(" for 1.0 s, and 5 more"), "{said}");
        assert_eq!(said.matches(" for 1.0 s").count(), NAMED_RANGES);
    }

    #[test]
    fn an_absence_that_lasts_is_told() {
        let ledger = broken_off(1);
        let at = ledger.last();
        let account = Account {
            ledger: &ledger,
            files: &[],
            closed: Closed::default(),
            is_every: true,
            away_since: None,
            camera_away_since: at,
            paths: &[],
        };
        let line = format!("\nthe camera is away since {}", local_time::for_people(at.unwrap(), None));
        assert!(account.text().ends_with(&line), "{}", account.text());
    }

    #[test]
    fn an_open_end_is_said_to_be_one() {
        let range = |from: Option<i64>, to: Option<i64>| {
            let [from, to] = [from, to].map(|time| time.map(|at| Timestamp::from_millisecond(at).unwrap()));
            range_line(&Range { first: FrameNumber(7), count: 1, why: MissingReason::Network, from, to })
        };
        assert!(range(Some(1), None).starts_with("frame 7 after "));
        assert!(range(None, Some(1)).starts_with("frame 7 before "));
        assert!(range(Some(1), Some(1)).starts_with("frame 7 at "));
        assert_eq!(range(None, None), "frame 7: lost on the way");
    }
}
