//! File names from local time, or from UTC.
//!
//! A template is strftime's, as jiff reads it, with folders where it has slashes. Two files of one second, and the hour that
//! autumn repeats, differ by a counter: `2025-10-26/02-30-00.mkv`, `2025-10-26/02-30-00_2.mkv`.

use jiff::fmt::strtime;
use jiff::{Timestamp, Zoned, tz::TimeZone};
use std::fmt;
use std::str::FromStr;

/// The template unless `--name` gives another.
pub const DEFAULT: &str = "%Y-%m-%d/%H-%M-%S.mkv";

/// How many names are tried for one instant.
const TRIES: u32 = 9999;

/// The longest name of a file or folder, in octets, so that a counter fits too: most file systems' limit is 255 (NAME_MAX).
const LONGEST: usize = 240;

/// A template that gives names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(String);

/// Why a text is not a [`Template`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadTemplate {
    /// One of its files or folders would have this name: an empty one, hidden by a first dot, too long, or not printable.
    Name(String),
    /// It has a `%` that means nothing; jiff says which.
    Directive(String),
}

impl fmt::Display for BadTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadTemplate::Name(name) if name.is_empty() => {
                write!(
                    f,
                    "a file or folder without a name; it is a path below the folder of -o, such as {DEFAULT}"
                )
            }
            BadTemplate::Name(name) => {
                write!(
                    f,
                    "{name:?} is no name for a file or folder: 1 to {LONGEST} bytes, printable, no first dot"
                )
            }
            BadTemplate::Directive(why) => write!(f, "{why}: try {DEFAULT}"),
        }
    }
}

impl std::error::Error for BadTemplate {}

impl Default for Template {
    fn default() -> Self {
        Template(DEFAULT.to_owned())
    }
}

impl FromStr for Template {
    type Err = BadTemplate;

    fn from_str(text: &str) -> Result<Self, BadTemplate> {
        let sample = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
        let path = path(text, &sample).map_err(|why| BadTemplate::Directive(why.to_string()))?;
        let is_bad = |name: &&str| {
            name.is_empty()
                || name.starts_with('.')
                || name.len() > LONGEST
                || name.contains(char::is_control)
        };
        match path.split('/').find(is_bad) {
            Some(name) => Err(BadTemplate::Name(name.to_owned())),
            None => Ok(Template(text.to_owned())),
        }
    }
}

impl Template {
    /// Paths for a file that begins at `at`, each to be tried if the ones before are taken. Folders are divided by slashes.
    pub fn names(&self, at: &Zoned) -> impl Iterator<Item = String> + use<> {
        let first = self.first(at);
        (1..=TRIES).map(move |count| if count == 1 { first.clone() } else { numbered(&first, count) })
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

fn numbered(name: &str, count: u32) -> String {
    match name.rsplit_once('.').filter(|(_, extension)| !extension.contains('/')) {
        Some((stem, extension)) => format!("{stem}_{count}.{extension}"),
        None => format!("{name}_{count}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use jiff::tz::Offset;

    fn names(template: &str) -> Vec<String> {
        let at = date(2026, 2, 3).at(4, 5, 6, 0).to_zoned(TimeZone::fixed(Offset::constant(1))).unwrap();
        template.parse::<Template>().unwrap().names(&at).take(3).collect()
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
    fn the_default_is_a_template() {
        assert_eq!(DEFAULT.parse(), Ok(Template::default()));
        assert_eq!(Template::default().names(&Zoned::default()).count(), 9999);
    }

    #[test]
    fn bad_templates_are_refused() {
        let bad = |template: &str| match template.parse::<Template>() {
            Err(BadTemplate::Name(name)) => name,
            other => panic!("{template:?}: {other:?}"),
        };
        assert_eq!([bad(""), bad("/a.mkv"), bad("a//b"), bad("a/")], ["", "", "", ""]);
        assert_eq!([bad(".."), bad("a/../b"), bad("./a"), bad("a/.b")], ["..", "..", ".", ".b"]);
        assert_eq!([bad("a\0"), bad("%n")], ["a\0", "\n"]);
        assert_eq!(bad(&format!("a/{}", "x".repeat(241))).len(), 241);
        assert!(matches!("%J.mkv".parse::<Template>(), Err(BadTemplate::Directive(_))));
    }
}
