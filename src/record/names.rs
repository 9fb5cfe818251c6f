//! File names from local time.
//!
//! A template is strftime's, as jiff reads it. Two files of one second, and the hour that autumn repeats, differ by a counter:
//! `2025-10-26_02-30-00.mkv`, `2025-10-26_02-30-00_2.mkv`.

use jiff::fmt::strtime;
use jiff::{Timestamp, Zoned, tz::TimeZone};
use std::fmt;
use std::str::FromStr;

/// The template unless `--name` gives another.
pub const DEFAULT: &str = "%Y-%m-%d_%H-%M-%S.mkv";

/// How many names are tried for one instant.
const TRIES: u32 = 9999;

/// The longest name, in octets, so that a counter fits too: most file systems' limit is 255 (NAME_MAX).
const LONGEST: usize = 240;

/// A template that gives names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(String);

/// Why a text is not a [`Template`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadTemplate {
    /// It has a slash, which is no part of a file name.
    Slash,
    /// Its names are empty, hidden by a first dot, too long, or hold a NUL.
    Name(String),
    /// It has a `%` that means nothing; jiff says which.
    Directive(String),
}

impl fmt::Display for BadTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadTemplate::Slash => write!(f, "a file name cannot have a slash: give the folder with -o"),
            BadTemplate::Name(name) => {
                write!(f, "{name:?} is no file name: 1 to {LONGEST} bytes, no first dot")
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
        if text.contains('/') {
            return Err(BadTemplate::Slash);
        }
        let sample = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
        let name = strtime::format(text, &sample).map_err(|why| BadTemplate::Directive(why.to_string()))?;
        if name.is_empty() || name.starts_with('.') || name.len() > LONGEST || name.contains('\0') {
            return Err(BadTemplate::Name(name));
        }
        Ok(Template(text.to_owned()))
    }
}

impl Template {
    /// Names for a file that begins at `at`, each to be tried if the ones before are taken.
    pub fn names(&self, at: &Zoned) -> impl Iterator<Item = String> + use<> {
        let first = self.first(at);
        (1..=TRIES).map(move |count| if count == 1 { first.clone() } else { numbered(&first, count) })
    }

    fn first(&self, at: &Zoned) -> String {
        let name = strtime::format(&self.0, at).or_else(|_| strtime::format(DEFAULT, at));
        // time zones' names (%Q) and dates (%D) have slashes
        name.unwrap_or_else(|_| format!("{}.mkv", at.timestamp().as_second())).replace('/', "-")
    }
}

fn numbered(name: &str, count: u32) -> String {
    match name.rsplit_once('.') {
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
            ["2026-02-03_04-05-06.mkv", "2026-02-03_04-05-06_2.mkv", "2026-02-03_04-05-06_3.mkv"]
        );
        assert_eq!(names("door %H.%M"), ["door 04.05", "door 04_2.05", "door 04_3.05"]);
        assert_eq!(names("door"), ["door", "door_2", "door_3"]);
        assert_eq!(names("%D.mkv")[0], "02-03-26.mkv");
    }

    #[test]
    fn the_default_is_a_template() {
        assert_eq!(DEFAULT.parse(), Ok(Template::default()));
        assert_eq!(Template::default().names(&Zoned::default()).count(), 9999);
    }

    #[test]
    fn bad_templates_are_refused() {
        assert_eq!("a/b.mkv".parse::<Template>(), Err(BadTemplate::Slash));
        assert_eq!("".parse::<Template>(), Err(BadTemplate::Name(String::new())));
        assert_eq!("..".parse::<Template>(), Err(BadTemplate::Name("..".to_owned())));
        assert!(matches!("a\0".parse::<Template>(), Err(BadTemplate::Name(_))));
        assert!(matches!("x".repeat(241).parse::<Template>(), Err(BadTemplate::Name(_))));
        assert!(matches!("%J.mkv".parse::<Template>(), Err(BadTemplate::Directive(_))));
    }
}
