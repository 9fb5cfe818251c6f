//! What was counted, as it lies in the repository: a text file for each kind of processor, which says of which sources it is.

use camcast::admission::hash::{hash, hex};
use std::fs;
use std::path::{Path, PathBuf};

/// Rooms that no work is done in, and their list. What is not named here counts as work's.
const OTHER_ROOMS: [&str; 15] = [
    "account",
    "admission",
    "app",
    "bin",
    "capture",
    "http",
    "key_text.rs",
    "lib.rs",
    "rtp",
    "rtsp",
    "shown",
    "sign",
    "store",
    "supervisor",
    "sys",
];

const HEAD: &str = "\
# Instructions that each piece of work takes (benches/instructions/work.rs): counted by callgrind; for aarch64 by qemu.
# To renew it: UPDATE_GOLDEN=1 make bench-instructions; UPDATE_GOLDEN=1 TESTS=instructions make cross
";

/// What was counted, by which compiler's work, on which kind of processor.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) rustc: String,
    pub(crate) processor: String,
    /// Of which sources: [`sources`]. Nobody knows it of a file that was written before it was said.
    pub(crate) sources: String,
    /// Each work, and its instructions.
    pub(crate) works: Vec<(String, u64)>,
}

impl Counted {
    /// Where it lies for that kind of processor.
    pub(crate) fn path(processor: &str) -> PathBuf {
        let name = format!("instructions-{}.txt", processor.replace(' ', "-"));
        [env!("CARGO_MANIFEST_DIR"), "tests", "golden", &name].iter().collect()
    }

    /// None if it has not been counted for that one.
    pub(crate) fn read(processor: &str) -> Option<Self> {
        Some(Counted::parse(&fs::read_to_string(Counted::path(processor)).ok()?))
    }

    pub(crate) fn text(&self) -> String {
        let Counted { rustc, processor, sources, works } = self;
        let rows: String = works.iter().map(|(name, count)| format!("{name} {count}\n")).collect();
        format!("{HEAD}compiler: {rustc}\nprocessor: {processor}\nsources: {sources}\n{rows}")
    }

    pub(crate) fn parse(text: &str) -> Self {
        let of = |label: &str| {
            text.lines().find_map(|line| line.strip_prefix(label)).unwrap_or_default().to_owned()
        };
        let rows = text.lines().filter(|line| !line.starts_with('#') && !line.contains(": "));
        let row = |line: &str| {
            let (name, count) = line.split_once(' ')?;
            Some((name.to_owned(), count.parse().ok()?))
        };
        Counted {
            rustc: of("compiler: "),
            processor: of("processor: "),
            sources: of("sources: "),
            works: rows.filter_map(row).collect(),
        }
    }
}

/// A hash of what counts depend on as it is now: the rooms where work is done, without their tests, the work itself, and the
/// versions of other people's crates.
pub(crate) fn sources() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![root.join("Cargo.lock"), root.join("benches/instructions/work.rs")];
    let in_src = |entry: &PathBuf| !OTHER_ROOMS.iter().any(|room| entry.ends_with(room));
    entries(&root.join("src")).into_iter().filter(in_src).for_each(|entry| collect(entry, &mut files));
    let mut parts: Vec<[String; 2]> = files
        .into_iter()
        .map(|file| {
            let name = file.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            [name, fs::read_to_string(&file).unwrap_or_else(|why| panic!("{}: {why}", file.display()))]
        })
        .collect();
    parts.sort_unstable();
    let parts: Vec<&str> = parts.iter().flatten().map(String::as_str).collect();
    hex(hash(&parts)).to_string()
}

/// The file, or all files in the folder.
fn collect(path: PathBuf, files: &mut Vec<PathBuf>) {
    if path.ends_with("tests") || path.ends_with("tests.rs") {
        return;
    }
    if path.is_dir() {
        entries(&path).into_iter().for_each(|entry| collect(entry, files));
    } else {
        files.push(path);
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
    entries.map(|entry| entry.unwrap().path()).collect()
}
