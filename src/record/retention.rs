//! Which recordings have to go, so that the others have room: the oldest of our own, never the one that is written, and never
//! the newest of those that are finished: a limit that is too small costs what is older than that, not everything.

use super::index::{Entry, Index};
use std::time::Duration;

/// What may be kept. Nothing has to go unless something is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// This many bytes of recordings, the one that is written included.
    pub bytes: Option<u64>,
    /// Recordings that ended no longer ago.
    pub age: Option<Duration>,
    /// This many bytes of the file system stay free.
    pub min_free: Option<u64>,
}

/// What there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Use {
    /// The wall clock, in seconds since 1970.
    pub now: i64,
    /// Bytes of the file that is written.
    pub writing: u64,
    /// Bytes that are free on the file system.
    pub free: u64,
}

impl Keep {
    /// Nothing ever has to go.
    pub fn is_everything(&self) -> bool {
        *self == Keep::default()
    }

    /// The file that has to go next, and why; ask again when it has gone.
    pub fn victim<'a>(&self, index: &'a Index, used: Use) -> Option<(&'a Entry, DeleteReason)> {
        let (oldest, (_, ended)) = oldest(index).filter(|(oldest, _)| !is_newest(oldest, index))?;
        let is_over = |keep: Option<u64>, bytes: u64| keep.is_some_and(|keep| bytes > keep);
        let total = index.bytes().saturating_add(used.writing);
        let age = Duration::from_secs(u64::try_from(used.now.saturating_sub(ended)).unwrap_or(0));
        let reason = if self.age.is_some_and(|most| age > most) {
            DeleteReason::Age
        } else if is_over(self.bytes, total) {
            DeleteReason::Bytes
        } else if self.min_free.is_some_and(|least| used.free < least) {
            DeleteReason::MinFree
        } else {
            return None;
        };
        Some((oldest, reason))
    }
}

/// The oldest file that is finished.
pub fn oldest(index: &Index) -> Option<(&Entry, (u64, i64))> {
    index.entries().find_map(|entry| Some((entry, entry.finished?)))
}

/// No finished file is newer: it stays, whatever the limits.
pub fn is_newest(entry: &Entry, index: &Index) -> bool {
    index
        .entries()
        .rev()
        .find(|entry| entry.finished.is_some())
        .is_some_and(|newest| newest.name == entry.name)
}

/// A limit has to hold this many files, or what it holds is hardly a recording.
pub const FEW: u32 = 3;

/// What the slowest camera that is worth a recording delivers, in bytes a second: a limit may not be so small that it
/// holds less than [`FEW`] files even of that.
pub const SLOWEST: u64 = 1000;

/// More files than this may not go at once for a limit in bytes that is less than a [`FEW`] of them: a power cut leaves one or two
/// too many, a missing letter a whole archive.
const AT_ONCE: usize = 2;

/// At a start: a limit in bytes that is less than a few of the files that are there, and would cost most of them. Returns
/// the bytes of a file, on the average.
pub fn is_slip(keep: &Keep, index: &Index) -> Option<u64> {
    let most = keep.bytes.filter(|most| index.bytes() > *most)?;
    let files = index.entries().filter(|entry| entry.finished.is_some()).count();
    let average = index.bytes().checked_div(files as u64)?;
    let stay = most.checked_div(average).map_or(files, |stay| usize::try_from(stay.max(1)).unwrap_or(files));
    let is_few = most < average.saturating_mul(FEW.into());
    (is_few && files.saturating_sub(stay) > AT_ONCE).then_some(average)
}

/// Why a recording goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeleteReason {
    /// It is older than is to be kept.
    Age,
    /// There are more bytes than are to be kept.
    Bytes,
    /// Less of the file system is free than should be.
    MinFree,
    /// The file system is full.
    Full,
}

#[cfg(test)]
mod tests {
    use super::super::index::IndexEvent;
    use super::*;
    use proptest::prelude::*;

    /// Files of this many bytes each, the third unfinished, that ended at 100, 200, 300 ...
    fn index(sizes: &[u64]) -> Index {
        let mut index = Index::default();
        for (at, bytes) in sizes.iter().enumerate() {
            let name = format!("{at}.mkv");
            index.apply(&IndexEvent::Begun(&name));
            if at != 2 {
                index.apply(&IndexEvent::Finished {
                    name: &name,
                    bytes: *bytes,
                    ended: 100 * (at as i64 + 1),
                });
            }
        }
        index
    }

    /// The names of all that go, one after the other.
    fn gone(keep: Keep, index: &mut Index, used: Use) -> Vec<String> {
        let mut names = Vec::new();
        while let Some(name) = keep.victim(index, used).map(|(entry, _)| entry.name.clone()) {
            index.apply(&IndexEvent::Gone(&name));
            names.push(name.to_string());
        }
        names
    }

    #[test]
    fn the_oldest_go_until_the_rest_fits() {
        let keep = Keep { bytes: Some(25), ..Keep::default() };
        let used = Use { writing: 5, ..Use::default() };
        assert_eq!(gone(keep, &mut index(&[10, 10]), used), Vec::<String>::new());
        assert_eq!(gone(keep, &mut index(&[10, 10, 10, 10]), used), ["0.mkv"]);
        assert_eq!(gone(keep, &mut index(&[10, 10, 10, 30]), used), ["0.mkv", "1.mkv"], "the newest stays");
        let all = Use { writing: 99, ..Use::default() };
        assert_eq!(
            gone(keep, &mut index(&[10, 10]), all),
            ["0.mkv"],
            "as does what is written, however large"
        );
    }

    #[test]
    fn age_counts_from_a_recordings_end() {
        let keep = Keep { age: Some(Duration::from_secs(150)), ..Keep::default() };
        let at = |now| Use { now, ..Use::default() };
        assert_eq!(gone(keep, &mut index(&[1, 1]), at(250)), Vec::<String>::new());
        assert_eq!(gone(keep, &mut index(&[1, 1]), at(251)), ["0.mkv"]);
        assert_eq!(gone(keep, &mut index(&[1, 1, 0, 1]), at(99_999)), ["0.mkv", "1.mkv"], "the newest stays");
        assert_eq!(
            gone(keep, &mut index(&[1, 1]), at(-5)),
            Vec::<String>::new(),
            "a clock that was set back"
        );
    }

    #[test]
    fn room_for_others_is_made_one_by_one() {
        let keep = Keep { min_free: Some(1000), ..Keep::default() };
        let index = index(&[1, 1]);
        let (entry, reason) = keep.victim(&index, Use { free: 999, ..Use::default() }).unwrap();
        assert_eq!((&*entry.name, reason), ("0.mkv", DeleteReason::MinFree));
        assert_eq!(keep.victim(&index, Use { free: 1000, ..Use::default() }), None);
        assert_eq!(Keep::default().victim(&index, Use::default()), None);
    }

    #[test]
    fn a_missing_letter_is_known_from_the_files_that_are_there() {
        let slip =
            |bytes, sizes: &[u64]| is_slip(&Keep { bytes: Some(bytes), ..Keep::default() }, &index(sizes));
        let archive = [100; 12];
        assert_eq!(slip(10, &archive), Some(100));
        assert_eq!(slip(299, &archive), Some(100));
        assert_eq!(slip(300, &archive), None, "three of them: a wish");
        assert_eq!(slip(2000, &archive), None);
        assert_eq!(slip(100, &[60, 60, 0, 50]), None, "files that have grown, and a power cut");
        assert_eq!(slip(10, &[0; 12]), None);
        assert_eq!(slip(10, &[]), None);
        assert_eq!(is_slip(&Keep::default(), &index(&archive)), None);
    }

    proptest! {
        #[test]
        fn what_stays_fits_or_nothing_can_go(
            sizes in prop::collection::vec(0..100u64, 0..9), most in 0..400u64, writing in 0..100u64,
        ) {
            let mut index = index(&sizes);
            let keep = Keep { bytes: Some(most), ..Keep::default() };
            gone(keep, &mut index, Use { writing, ..Use::default() });
            let finished = index.entries().filter(|entry| entry.finished.is_some()).count();
            prop_assert!(index.bytes() + writing <= most || finished <= 1);
            prop_assert_eq!(finished == 0, sizes.is_empty(), "the newest stays");
        }
    }
}
