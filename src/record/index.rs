//! Which files of a folder are ours: only these are ever repaired or deleted.
//!
//! The index is a text that is only appended to, a line an event, so a crash costs the last line at most:
//!
//! ```text
//! camrec-index 1
//! begun 2026-11-23/14-03-27.mkv
//! finished 146012345 1795821207 2026-11-23/14-03-27.mkv
//! gone 2026-11-23/14-03-27.mkv
//! ```
//!
//! The numbers are the file's bytes, its sidecar included, and when it ended, in seconds since 1970. `asked` behind `begun` says that
//! somebody has asked for this file by its name: it is in the index until it is finished, so that it is repaired after a crash, and no
//! longer, so that no limit ever deletes it. Paths are relative to the folder. Lines that say nothing known are left out, so a later
//! version may add some.

use std::collections::VecDeque;
use std::fmt;
use std::path::{Component, Path};

/// The first line.
pub const HEAD: &str = "camrec-index 1\n";

/// An event in the life of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexEvent<'a> {
    /// It was made.
    Begun(&'a str),
    /// It was asked for by its name: once it is finished, it is ours no longer.
    Asked(&'a str),
    /// It is closed, or was repaired.
    Finished {
        /// The path.
        name: &'a str,
        /// Bytes on the disk, its sidecar's included.
        bytes: u64,
        /// When its last frame was captured, in seconds since 1970.
        ended: i64,
    },
    /// It was deleted, by us or by somebody else.
    Gone(&'a str),
}

impl fmt::Display for IndexEvent<'_> {
    /// A line, with its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IndexEvent::Begun(name) => writeln!(f, "begun {name}"),
            IndexEvent::Asked(name) => writeln!(f, "asked {name}"),
            IndexEvent::Finished { name, bytes, ended } => writeln!(f, "finished {bytes} {ended} {name}"),
            IndexEvent::Gone(name) => writeln!(f, "gone {name}"),
        }
    }
}

impl<'a> IndexEvent<'a> {
    /// A line without its end. `None` if it is torn, not of this version, or names no path below the folder.
    pub fn parse(line: &'a str) -> Option<Self> {
        let (verb, rest) = line.split_once(' ')?;
        let (event, name) = match verb {
            "begun" => (IndexEvent::Begun(rest), rest),
            "asked" => (IndexEvent::Asked(rest), rest),
            "gone" => (IndexEvent::Gone(rest), rest),
            "finished" => {
                let (bytes, rest) = rest.split_once(' ')?;
                let (ended, name) = rest.split_once(' ')?;
                (IndexEvent::Finished { name, bytes: bytes.parse().ok()?, ended: ended.parse().ok()? }, name)
            }
            _ => return None,
        };
        is_below(name).then_some(event)
    }
}

/// The path cannot lead out of its folder.
fn is_below(name: &str) -> bool {
    !name.is_empty() && Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
}

/// A file of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its path, relative to the folder.
    pub name: String,
    /// Its bytes and its end, as in [`IndexEvent::Finished`]; `None` while it is written, or if whoever wrote it has crashed.
    pub finished: Option<(u64, i64)>,
    /// As in [`IndexEvent::Asked`].
    pub is_asked: bool,
}

impl fmt::Display for Entry {
    /// As lines.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Entry { name, finished, is_asked } = self;
        IndexEvent::Begun(name).fmt(f)?;
        if *is_asked {
            IndexEvent::Asked(name).fmt(f)?;
        }
        match *finished {
            Some((bytes, ended)) => IndexEvent::Finished { name, bytes, ended }.fmt(f),
            None => Ok(()),
        }
    }
}

/// What the index says, in the order in which files were begun.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    entries: VecDeque<Entry>,
    /// Bytes of those that are finished.
    bytes: u64,
}

impl Index {
    /// Reads the whole text.
    pub fn parse(text: &str) -> Self {
        let mut index = Index::default();
        // a line without its end is torn
        let lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        lines.filter_map(IndexEvent::parse).for_each(|event| index.apply(&event));
        index
    }

    /// Enters an event.
    pub fn apply(&mut self, event: &IndexEvent<'_>) {
        match *event {
            IndexEvent::Begun(name) => {
                self.remove(name);
                self.entries.push_back(Entry { name: name.to_owned(), finished: None, is_asked: false });
            }
            IndexEvent::Asked(name) => {
                if let Some(entry) = self.entries.iter_mut().rev().find(|entry| entry.name == name) {
                    entry.is_asked = true;
                }
            }
            IndexEvent::Finished { name, .. } if self.is_asked(name) => self.remove(name),
            IndexEvent::Finished { name, bytes, ended } => {
                // mostly it is the newest
                if let Some(entry) = self.entries.iter_mut().rev().find(|entry| entry.name == name) {
                    let (before, _) = entry.finished.replace((bytes, ended)).unwrap_or_default();
                    self.bytes = self.bytes.saturating_sub(before).saturating_add(bytes);
                }
            }
            IndexEvent::Gone(name) => self.remove(name),
        }
    }

    fn is_asked(&self, name: &str) -> bool {
        self.entries.iter().rev().any(|entry| entry.is_asked && entry.name == name)
    }

    fn remove(&mut self, name: &str) {
        // mostly it is the oldest
        let at = self.entries.iter().position(|entry| entry.name == name);
        if let Some(entry) = at.and_then(|at| self.entries.remove(at)) {
            self.bytes = self.bytes.saturating_sub(entry.finished.unwrap_or_default().0);
        }
    }

    /// Bytes of the files that are finished, their sidecars included.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The files, oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter()
    }

    /// The same index as a text of as few lines as can be.
    pub fn text(&self) -> String {
        let mut text = String::from(HEAD);
        self.entries.iter().for_each(|entry| text.push_str(&entry.to_string()));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(name: &str, finished: Option<(u64, i64)>) -> Entry {
        Entry { name: name.to_owned(), finished, is_asked: false }
    }

    const TEXT: &str = "\
camrec-index 1
begun a b/1.mkv
finished 100 1700000000 a b/1.mkv
begun a b/2.mkv
moved 3.mkv
gone 4.mkv
finished 1 2 5.mkv
begun 6.mkv
gone a b/1.mkv
finished 7 -8 6.mkv
";

    #[test]
    fn what_is_there_and_what_is_unfinished() {
        let index = Index::parse(TEXT);
        let entries: Vec<Entry> = index.entries().cloned().collect();
        assert_eq!(entries, [entry("a b/2.mkv", None), entry("6.mkv", Some((7, -8)))]);
        assert_eq!(index.text(), "camrec-index 1\nbegun a b/2.mkv\nbegun 6.mkv\nfinished 7 -8 6.mkv\n");
    }

    #[test]
    fn what_was_asked_for_is_ours_until_it_is_finished() {
        let text = "camrec-index 1\nbegun out.mkv\nasked out.mkv\n";
        let mut index = Index::parse(&format!("{text}asked another's.mkv\n"));
        assert_eq!(index.text(), text);
        index.apply(&IndexEvent::Finished { name: "out.mkv", bytes: 1, ended: 2 });
        assert_eq!(index, Index::default());
    }

    #[test]
    fn no_line_leads_out_of_the_folder() {
        for name in ["", "/etc/passwd", "../a.mkv", "a/../../b.mkv", "./a.mkv", "."] {
            assert_eq!(IndexEvent::parse(&format!("begun {name}")), None, "{name}");
            assert_eq!(IndexEvent::parse(&format!("finished 1 2 {name}")), None, "{name}");
        }
        assert_eq!(IndexEvent::parse("begun"), None);
        assert_eq!(IndexEvent::parse("finished x 2 a"), None);
    }

    proptest! {
        /// Wherever the power went: what was there before the torn line is there.
        #[test]
        fn a_torn_end_costs_one_line(cut in 0..TEXT.len()) {
            let whole = TEXT.get(..cut).unwrap();
            let before = whole.rfind('\n').map_or("", |at| &whole[..=at]);
            prop_assert_eq!(Index::parse(whole), Index::parse(before));
        }

        #[test]
        fn an_index_is_what_its_text_says(names in prop::collection::vec(("[a-z ]{1,3}/[a-c]", any::<Option<(u32, i64)>>()), 0..9)) {
            let mut index = Index::default();
            for (name, finished) in &names {
                index.apply(&IndexEvent::Begun(name));
                if let Some((bytes, ended)) = *finished {
                    index.apply(&IndexEvent::Finished { name, bytes: bytes.into(), ended });
                }
            }
            prop_assert_eq!(Index::parse(&index.text()), index);
        }
    }
}
