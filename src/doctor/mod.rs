//! What `--doctor` says: what was looked at, what is to be thought of it, and what to do.
//!
//! Lives here: verdicts over facts, and the words for them. May not live here: how a fact is come by (`app::doctor`).
#![forbid(unsafe_code)]

pub mod board;
pub mod mask;
pub mod path;
pub mod trial;

use std::fmt;

/// What is to be thought of a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Neither good nor bad, but whoever helps asks for it.
    Note,
    /// It may be the cause of trouble.
    Warn,
    /// It is in the way.
    Fail,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Note => "note",
            Verdict::Warn => "warn",
            Verdict::Fail => "FAIL",
        }
    }
}

/// One fact, with what is to be thought of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is to be thought of it.
    pub verdict: Verdict,
    /// What it is about, in a word.
    pub about: &'static str,
    /// The fact, in one line or several.
    pub what: String,
    /// What to do, if something is to be done.
    pub remedy: Option<String>,
}

impl Finding {
    /// As it should be.
    pub fn ok(about: &'static str, what: impl Into<String>) -> Self {
        Finding { verdict: Verdict::Ok, about, what: what.into(), remedy: None }
    }

    /// For whoever helps.
    pub fn note(about: &'static str, what: impl Into<String>) -> Self {
        Finding { verdict: Verdict::Note, ..Finding::ok(about, what) }
    }

    /// It may be the cause of trouble.
    pub fn warn(about: &'static str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Finding { verdict: Verdict::Warn, remedy: Some(remedy.into()), ..Finding::ok(about, what) }
    }

    /// It is in the way; `what` may name the remedy itself.
    pub fn fail(about: &'static str, what: impl Into<String>) -> Self {
        Finding { verdict: Verdict::Fail, ..Finding::ok(about, what) }
    }

    /// With what to do about it.
    #[must_use]
    pub fn remedied_by(self, remedy: impl Into<String>) -> Self {
        Finding { remedy: Some(remedy.into()), ..self }
    }
}

impl fmt::Display for Finding {
    /// `warn  power     ...`, further lines under it, and the remedy behind an arrow.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = self.what.lines();
        let first = lines.next().unwrap_or_default();
        write!(f, "{:<5} {:<9} {first}", self.verdict.word(), self.about)?;
        lines.try_for_each(|line| write!(f, "\n{:<16}{line}", ""))?;
        self.remedy.iter().try_for_each(|remedy| write!(f, "\n{:<16}-> {remedy}", ""))
    }
}

/// How many of each kind there are, as the last line says.
pub fn summary(findings: &[Finding]) -> String {
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let (fails, warnings) = (count(Verdict::Fail), count(Verdict::Warn));
    match (fails, warnings) {
        (0, 0) => "nothing is in the way".into(),
        (0, _) => format!("nothing is in the way; to look at: {warnings}"),
        (_, 0) => format!("in the way: {fails}"),
        _ => format!("in the way: {fails}; to look at: {warnings}"),
    }
}

/// Something is in the way.
pub fn is_failing(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.verdict == Verdict::Fail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_reads_as_a_row_with_its_remedy_below() {
        let finding = Finding::warn("power", "the voltage was too low", "another power supply");
        assert_eq!(
            finding.to_string(),
            "warn  power     the voltage was too low\n                -> another power supply"
        );
        let rows = Finding::note("formats", "MJPG\n    1280x720").to_string();
        assert_eq!(rows, "note  formats   MJPG\n                    1280x720");
    }

    #[test]
    fn the_last_line_counts_what_is_to_be_done() {
        let (ok, note) = (Finding::ok("clock", "set"), Finding::note("system", "Linux"));
        let (warn, fail) = (Finding::warn("power", "low", "more"), Finding::fail("camera", "none"));
        let all = [ok, note, warn, fail];
        assert_eq!(summary(&all[..2]), "nothing is in the way");
        assert_eq!(summary(&all[..3]), "nothing is in the way; to look at: 1");
        assert_eq!(summary(&all), "in the way: 1; to look at: 1");
        assert_eq!(summary(&all[3..]), "in the way: 1");
        assert!(is_failing(&all) && !is_failing(&all[..3]));
    }
}
