//! How many lines a minute one kind of line may have, whatever causes it: a peer, a camera, a disk. What makes a line is its kind, so
//! none has to be thought of. Where somebody is to be told from somebody else, an [`Allowance`] of their own comes before it.

use super::throttle::Allowance;
use crate::time::Time;
use log::Level;

/// Bytes of a line that are said once more, with the number of others like it.
const REPEATED: usize = 300;

/// Where a line is made; and where all of several kinds are made at one place, a target of its own for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind<'a> {
    /// The source file.
    pub file: &'static str,
    /// Its line.
    pub line: u32,
    /// What the log calls its target.
    pub target: &'a str,
}

/// Counts the lines of each kind.
#[derive(Debug)]
pub struct Budget {
    most: u32,
    /// No more than the program has places that make lines, and targets that these give.
    kinds: Vec<Lines>,
}

#[derive(Debug)]
struct Lines {
    place: (&'static str, u32),
    target: String,
    allowance: Allowance,
    level: Level,
    /// The latest that was said.
    latest: String,
}

impl Budget {
    /// This many lines a minute and kind.
    pub fn new(most: u32) -> Self {
        Budget { most, kinds: Vec::new() }
    }

    /// This many lines a minute from now on.
    pub fn set_most(&mut self, most: u32) {
        self.most = most;
        self.kinds.iter_mut().for_each(|lines| lines.allowance.set_most(most));
    }

    /// There is a line of that kind. True: say it.
    pub fn may_say(
        &mut self,
        kind: Kind<'_>,
        level: Level,
        line: std::fmt::Arguments<'_>,
        now: Time,
    ) -> bool {
        let place = (kind.file, kind.line);
        let known = self.kinds.iter().position(|lines| lines.place == place && lines.target == kind.target);
        let at = known.unwrap_or(self.kinds.len());
        if known.is_none() {
            let allowance = Allowance::new(self.most);
            let target = kind.target.to_owned();
            self.kinds.push(Lines { place, target, allowance, level, latest: String::new() });
        }
        let lines = &mut self.kinds[at];
        let may = lines.allowance.may_say(now);
        if may {
            lines.level = level;
            lines.latest = cut(line.to_string());
        }
        may
    }

    /// A minute is over, and this is to be said of it. To be asked until there is nothing.
    pub fn summary(&mut self, now: Time) -> Option<(Level, String)> {
        self.kinds.iter_mut().find_map(|lines| {
            let count = lines.allowance.unsaid(now)?;
            Some((lines.level, summary(&lines.latest, count)))
        })
    }

    /// The same at the program's end, when no minute is waited for.
    pub fn last_summary(&mut self) -> Option<(Level, String)> {
        let lines = self.kinds.iter_mut().find(|lines| lines.allowance.due() != Time::NEVER)?;
        let count = lines.allowance.take_unsaid();
        Some((lines.level, summary(&lines.latest, count)))
    }

    /// When there will be a summary, if there will.
    pub fn next_timeout(&self) -> Time {
        self.kinds.iter().map(|lines| lines.allowance.due()).min().unwrap_or(Time::NEVER)
    }
}

fn cut(mut line: String) -> String {
    if line.len() > REPEATED {
        let end = (0..=REPEATED).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
        line.truncate(end);
        line.push_str(" ...");
    }
    line
}

fn summary(latest: &str, count: u64) -> String {
    format!("{count} more like it in the last minute: {latest}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const ONE: Kind<'_> = Kind { file: "one.rs", line: 7, target: "one" };
    const OTHER: Kind<'_> = Kind { line: 8, ..ONE };
    const START: Time = Time::from_millis(1_000);

    /// How many of so many lines are said, a second's worth of them.
    fn said(budget: &mut Budget, kind: Kind<'_>, lines: u64, start: Time) -> usize {
        let at = |number: u64| start.after(Duration::from_micros(1_000_000 / lines * number));
        let say =
            |number: &u64| budget.may_say(kind, Level::Warn, format_args!("line {number}"), at(*number));
        (0..lines).filter(say).count()
    }

    #[test]
    fn however_fast_lines_come_a_minute_has_so_many_and_a_summary() {
        for rate in [20, 100, 2_000, 20_000] {
            let mut budget = Budget::new(19);
            let (mut all, mut summaries, mut told) = (0, 0, 0);
            for second in 0..120 {
                let now = START.after(Duration::from_secs(second));
                while let Some((level, line)) = budget.summary(now) {
                    assert_eq!(level, Level::Warn);
                    let (count, rest) = line.split_once(' ').unwrap();
                    assert!(rest.starts_with("more like it in the last minute: line "), "{line}");
                    (summaries, told) = (summaries + 1, told + count.parse::<u64>().unwrap());
                }
                all += said(&mut budget, ONE, rate, now);
            }
            assert_eq!(all, 38, "{rate} a second");
            let (_, last) = budget.last_summary().unwrap();
            told += last.split_once(' ').unwrap().0.parse::<u64>().unwrap();
            assert_eq!((summaries, told), (1, rate * 120 - 38), "none is lost unsaid");
            assert!(budget.last_summary().is_none());
        }
    }

    #[test]
    fn kinds_do_not_take_each_others_lines() {
        let mut budget = Budget::new(3);
        assert_eq!(budget.next_timeout(), Time::NEVER);
        assert_eq!(said(&mut budget, ONE, 1_000, START), 3);
        assert_eq!(said(&mut budget, OTHER, 2, START), 2);
        assert_eq!(said(&mut budget, Kind { target: "other", ..ONE }, 2, START), 2);
        assert_eq!(budget.next_timeout(), START.after(Duration::from_secs(60)));
        assert!(budget.summary(budget.next_timeout().before(Duration::from_millis(1))).is_none());
        assert!(budget.summary(budget.next_timeout()).is_some());
        assert_eq!(budget.next_timeout(), Time::NEVER);
    }

    #[test]
    fn a_long_line_is_not_said_twice_in_full() {
        let mut budget = Budget::new(1);
        let long = "\u{e4}".repeat(REPEATED);
        for _ in 0..2 {
            budget.may_say(ONE, Level::Info, format_args!("x{long}"), START);
        }
        let (_, line) = budget.last_summary().unwrap();
        assert!(line.len() < REPEATED + 60 && line.ends_with("\u{e4} ..."), "{line}");
    }
}
