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
//! The numbers are the file's bytes, its sidecar included, and when it ended, in seconds since 1970. Whoever reads a text holds the
//! bytes against the disk ([`Index::revise`]): others may have written it. `asked` behind `begun` says that
//! somebody has asked for this file by its name: it is in the index until it is finished, so that it is repaired after a crash, and no
//! longer, so that no limit ever deletes it. Paths are relative to the folder. Lines that say nothing known are left out, so a later
//! version may add some.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

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

/// The longest path that the system takes (PATH_MAX).
const LONGEST: usize = 4096;

/// The path cannot lead out of its folder, nor to one of the files there that are not recordings; and no other means the same file.
fn is_below(name: &str) -> bool {
    let is_ours = |part: &str| !part.is_empty() && !part.starts_with('.');
    name.len() < LONGEST && name.split('/').all(is_ours)
}

/// A file of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its path, relative to the folder.
    pub name: Arc<str>,
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

impl Entry {
    fn new(name: &str) -> Self {
        Entry { name: name.into(), finished: None, is_asked: false }
    }

    fn bytes(&self) -> u64 {
        self.finished.unwrap_or_default().0
    }
}

/// What the index says, in the order in which files were begun.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// By the number of their beginning.
    entries: BTreeMap<u64, Entry>,
    /// The number of each name.
    numbers: HashMap<Arc<str>, u64>,
    next: u64,
    /// Bytes of those that are finished.
    bytes: u64,
    /// Bytes of all entries as lines.
    lines: u64,
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
                self.push(Entry::new(name));
            }
            IndexEvent::Asked(name) if self.get(name).is_some_and(|entry| entry.finished.is_some()) => {
                self.remove(name);
            }
            IndexEvent::Asked(name) => self.change(name, |entry| entry.is_asked = true),
            IndexEvent::Finished { name, .. } if self.get(name).is_some_and(|entry| entry.is_asked) => {
                self.remove(name);
            }
            IndexEvent::Finished { name, bytes, ended } => {
                self.change(name, |entry| entry.finished = Some((bytes, ended)));
            }
            IndexEvent::Gone(name) => self.remove(name),
        }
    }

    fn push(&mut self, entry: Entry) {
        self.count(&entry);
        self.numbers.insert(Arc::clone(&entry.name), self.next);
        self.entries.insert(self.next, entry);
        self.next = self.next.saturating_add(1);
    }

    fn remove(&mut self, name: &str) {
        let entry = self.numbers.remove(name).and_then(|number| self.entries.remove(&number));
        if let Some(entry) = entry {
            self.discount(&entry);
        }
    }

    fn change(&mut self, name: &str, change: impl FnOnce(&mut Entry)) {
        let Some(number) = self.numbers.get(name).copied() else { return };
        let Some(mut entry) = self.entries.remove(&number) else { return };
        self.discount(&entry);
        change(&mut entry);
        self.count(&entry);
        self.entries.insert(number, entry);
    }

    fn count(&mut self, entry: &Entry) {
        self.bytes = self.bytes.saturating_add(entry.bytes());
        self.lines = self.lines.saturating_add(len(entry));
    }

    fn discount(&mut self, entry: &Entry) {
        self.bytes = self.bytes.saturating_sub(entry.bytes());
        self.lines = self.lines.saturating_sub(len(entry));
    }

    /// Holds each file against the disk, which `bytes_of` asks: a file that is not there is forgotten, one that is finished has as many
    /// bytes as it says.
    pub fn revise(&mut self, mut bytes_of: impl FnMut(&Entry) -> Option<u64>) {
        let before = std::mem::take(self);
        for mut entry in before.entries.into_values() {
            let Some(found) = bytes_of(&entry) else { continue };
            entry.finished = entry.finished.map(|(_, ended)| (found, ended));
            self.push(entry);
        }
    }

    /// A file by its name.
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.get(self.numbers.get(name)?)
    }

    /// Bytes of the files that are finished, their sidecars included.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The files, oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.values()
    }

    /// The same index as a text of as few lines as can be.
    pub fn text(&self) -> String {
        let mut text = String::from(HEAD);
        self.entries().for_each(|entry| text.push_str(&entry.to_string()));
        text
    }

    /// How many bytes that text has.
    pub fn text_len(&self) -> u64 {
        self.lines.saturating_add(HEAD.len() as u64)
    }
}

/// The same files in the same order.
impl PartialEq for Index {
    fn eq(&self, other: &Self) -> bool {
        self.entries().eq(other.entries())
    }
}

impl Eq for Index {}

/// Bytes of an entry as lines.
fn len(entry: &Entry) -> u64 {
    struct Counter(u64);
    impl fmt::Write for Counter {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0 = self.0.saturating_add(text.len() as u64);
            Ok(())
        }
    }
    let mut counter = Counter(0);
    // counting cannot fail
    let _ = fmt::write(&mut counter, format_args!("{entry}"));
    counter.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(name: &str, finished: Option<(u64, i64)>) -> Entry {
        Entry { name: name.into(), finished, is_asked: false }
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
        let finished = IndexEvent::Finished { name: "out.mkv", bytes: 1, ended: 2 };
        index.apply(&finished);
        assert_eq!(index, Index::default());
        // in whatever order that is said
        [IndexEvent::Begun("out.mkv"), finished, IndexEvent::Asked("out.mkv")]
            .iter()
            .for_each(|it| index.apply(it));
        assert_eq!(index, Index::default());
    }

    #[test]
    fn no_line_leads_out_of_the_folder() {
        let long = "a/".repeat(LONGEST);
        let names = [
            "",
            "/etc/passwd",
            "../a.mkv",
            "a/../../b.mkv",
            "./a.mkv",
            ".",
            ".camrec.lock",
            "a/.hidden",
            // one file under a second name would be counted twice
            "a//b.mkv",
            "a/./b.mkv",
            "a/b.mkv/",
            &long,
        ];
        for name in names {
            assert_eq!(IndexEvent::parse(&format!("begun {name}")), None, "{name}");
            assert_eq!(IndexEvent::parse(&format!("finished 1 2 {name}")), None, "{name}");
        }
        assert_eq!(IndexEvent::parse("begun"), None);
        assert_eq!(IndexEvent::parse("finished x 2 a"), None);
    }

    #[test]
    fn the_disk_has_the_last_word() {
        let text = "camrec-index 1\nbegun a\nfinished 1 7 a\nbegun b\nfinished 18446744073709551615 8 b\nbegun c\nbegun d\n";
        let mut index = Index::parse(text);
        index.revise(|entry| (&*entry.name != "c").then_some(100));
        let left = [entry("a", Some((100, 7))), entry("b", Some((100, 8))), entry("d", None)];
        assert!(index.entries().eq(&left));
        assert_eq!((index.bytes(), index.text_len()), (200, index.text().len() as u64));
    }

    /// As many as a month of files of ten seconds: what grew with their square took a minute.
    #[test]
    fn many_files_are_read_at_once() {
        let name = |number: u32| format!("2026-11-23/{number:06}.mkv");
        let lines = (0..100_000).map(name).map(|name| format!("begun {name}\nfinished 1 2 {name}\n"));
        let mut index = Index::parse(&(HEAD.to_owned() + &lines.collect::<String>()));
        assert_eq!(index.bytes(), 100_000);
        (0..100_000).rev().for_each(|number| index.apply(&IndexEvent::Gone(&name(number))));
        assert_eq!(index, Index::default());
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
            prop_assert_eq!(index.text_len(), index.text().len() as u64);
            let finished = index.entries().filter_map(|entry| entry.finished);
            prop_assert_eq!(index.bytes(), finished.map(|(bytes, _)| bytes).sum::<u64>());
            prop_assert_eq!(Index::parse(&index.text()), index);
        }
    }
}
