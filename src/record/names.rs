//! File names from local time, or from UTC.
//!
//! A template is strftime's, as jiff reads it, with folders where it has slashes. Two files of one second, and the hour that
//! autumn repeats, differ by a counter: `2025-10-26/02-30-00.mkv`, `2025-10-26/02-30-00_2.mkv`. A template may also do without
//! the time, and then every file is such a second one: the counter has no end, and goes on where our own files have come to.

use super::index::Index;
use jiff::fmt::strtime;
use jiff::{Timestamp, Zoned, tz::TimeZone};
use std::fmt;
use std::str::FromStr;

/// The template unless `--name` gives another.
pub const DEFAULT: &str = "%Y-%m-%d/%H-%M-%S.mkv";

/// The longest name of a file or folder, in bytes, so that a counter fits too: most file systems' limit is 255 (NAME_MAX).
const LONGEST: usize = 240;

/// A template that gives names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(String);

/// Why a text is not a [`Template`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateError {
    /// One of its files or folders would have this name: an empty one, hidden by a first dot, too long, or not printable.
    Name(String),
    /// It has a `%` that means nothing; jiff says which.
    Directive(String),
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TemplateError::Name(name) if name.is_empty() => {
                write!(
                    f,
                    "a file or folder without a name; it is a path below the folder of -o, such as {DEFAULT}"
                )
            }
            TemplateError::Name(name) => {
                write!(
                    f,
                    "{name:?} is no name for a file or folder: 1 to {LONGEST} bytes, printable, no first dot"
                )
            }
            TemplateError::Directive(why) => write!(f, "{why}: try {DEFAULT}"),
        }
    }
}

impl std::error::Error for TemplateError {}

impl Default for Template {
    fn default() -> Self {
        Template(DEFAULT.to_owned())
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let sample = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
        let path = path(text, &sample).map_err(|why| TemplateError::Directive(why.to_string()))?;
        let is_bad = |name: &&str| {
            name.is_empty()
                || name.starts_with('.')
                || name.len() > LONGEST
                || name.contains(char::is_control)
        };
        match path.split('/').find(is_bad) {
            Some(name) => Err(TemplateError::Name(name.to_owned())),
            None => Ok(Template(text.to_owned())),
        }
    }
}

impl Template {
    /// Paths for a file that begins at `at`, each to be tried if the ones before are taken. Folders are divided by slashes.
    /// The counter goes on behind our own files. Names that others have taken are passed over in ever longer steps, so that some
    /// dozen tries find a free one among any number.
    pub fn names(&self, at: &Zoned, ours: &Index) -> impl Iterator<Item = String> + use<> {
        let first = self.first(at);
        let (stem, extension) = divide(&first);
        let last = ours.entries().filter_map(|entry| count(&entry.name, stem, extension)).max();
        let next = last.map_or(1, |last| last.saturating_add(1));
        let steps = std::iter::successors(Some(0_u32), |step| step.checked_mul(2).map(|step| step.max(1)));
        let counts = steps.map_while(move |step| next.checked_add(step));
        counts.map(move |count| numbered(&first, count))
    }

    fn first(&self, at: &Zoned) -> String {
        let name = path(&self.0, at).or_else(|_| path(DEFAULT, at));
        name.unwrap_or_else(|_| format!("{}.mkv", at.timestamp().as_second()))
    }
}

/// The template's slashes divide folders; those in time zones' names (%Q) and dates (%D) do not.
fn path(template: &str, at: &Zoned) -> Result<String, jiff::Error> {
    let names = template.split('/').map(|part| Ok(strtime::format(part, at)?.replace('/', "-")));
    Ok(names.collect::<Result<Vec<_>, jiff::Error>>()?.join("/"))
}

/// A name up to where the counter goes, and what follows, with its dot.
fn divide(name: &str) -> (&str, &str) {
    let is_extension = |dot: &usize| !name[*dot..].contains('/');
    name.split_at(name.rfind('.').filter(is_extension).unwrap_or(name.len()))
}

fn numbered(name: &str, count: u32) -> String {
    let (stem, extension) = divide(name);
    if count == 1 { name.to_owned() } else { format!("{stem}_{count}{extension}") }
}

/// The counter of a name that [`numbered`] has made.
fn count(name: &str, stem: &str, extension: &str) -> Option<u32> {
    let counter = name.strip_prefix(stem)?.strip_suffix(extension)?;
    match counter.strip_prefix('_') {
        None => counter.is_empty().then_some(1),
        Some(digits) if digits.starts_with(|c: char| c.is_ascii_digit()) => digits.parse().ok(),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::index::IndexEvent;
    use super::*;
    use jiff::civil::date;
    use jiff::tz::Offset;

    fn names(template: &str) -> Vec<String> {
        let at = date(2026, 2, 3).at(4, 5, 6, 0).to_zoned(TimeZone::fixed(Offset::constant(1))).unwrap();
        template.parse::<Template>().unwrap().names(&at, &Index::default()).take(3).collect()
    }

    #[test]
    fn names_count_up() {
        assert_eq!(
            names(DEFAULT),
            ["2026-02-03/04-05-06.mkv", "2026-02-03/04-05-06_2.mkv", "2026-02-03/04-05-06_3.mkv"]
        );
        assert_eq!(names("door %H.%M"), ["door 04.05", "door 04_2.05", "door 04_3.05"]);
        assert_eq!(names("door"), ["door", "door_2", "door_3"]);
        assert_eq!(names("v1.0/door"), ["v1.0/door", "v1.0/door_2", "v1.0/door_3"]);
        assert_eq!(names("%D.mkv")[0], "02-03-26.mkv", "a date is no folder");
    }

    #[test]
    fn the_counter_goes_on_behind_our_own_files_and_has_no_end() {
        let next = |ours: &[&str]| {
            let template: Template = "door.mkv".parse().unwrap();
            let mut index = Index::default();
            ours.iter().for_each(|name| index.apply(&IndexEvent::Begun(name)));
            let names: Vec<String> = template.names(&Zoned::default(), &index).collect();
            assert!(names.len() < 40, "{}", names.len());
            names
        };
        assert_eq!(next(&["door.mkv"])[..4], ["door_2.mkv", "door_3.mkv", "door_4.mkv", "door_6.mkv"]);
        assert_eq!(next(&["door_12345.mkv", "door_9.mkv"])[0], "door_12346.mkv", "older ones have gone");
        for others in [
            "door_x.mkv",
            "door_+7.mkv",
            "door2.mkv",
            "a/door_8.mkv",
            "door_8.avi",
            "door_8",
            "door_99999999999.mkv",
        ] {
            assert_eq!(next(&[others])[0], "door.mkv", "{others}");
        }
        assert_eq!(next(&["door_4294967295.mkv"]), ["door_4294967295.mkv"]);
    }

    #[test]
    fn the_default_is_a_template() {
        assert_eq!(DEFAULT.parse(), Ok(Template::default()));
    }

    #[test]
    fn bad_templates_are_refused() {
        let bad = |template: &str| match template.parse::<Template>() {
            Err(TemplateError::Name(name)) => name,
            other => panic!("{template:?}: {other:?}"),
        };
        assert_eq!([bad(""), bad("/a.mkv"), bad("a//b"), bad("a/")], ["", "", "", ""]);
        assert_eq!([bad(".."), bad("a/../b"), bad("./a"), bad("a/.b")], ["..", "..", ".", ".b"]);
        assert_eq!([bad("a\0"), bad("%n")], ["a\0", "\n"]);
        assert_eq!(bad(&format!("a/{}", "x".repeat(241))).len(), 241);
        assert!(matches!("%J.mkv".parse::<Template>(), Err(TemplateError::Directive(_))));
    }
}
