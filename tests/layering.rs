//! Who may know whom, and what the pure rooms may not touch: the arrows of `src/lib.rs`, checked in the source.
//! What stands under `#[cfg(test)]` is free.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// No file descriptor, no clock, no file, no unsafe code: time comes in as an argument.
const PURE: [&str; 12] = [
    "account",
    "clock",
    "jpeg",
    "picture",
    "receiver",
    "record",
    "reel",
    "sender",
    "shown",
    "supervisor",
    "time",
    "wire",
];

/// Each room, and the rooms that it may know.
const ARROWS: [(&str, &[&str]); 17] = [
    ("time", &[]),
    ("jpeg", &[]),
    ("wire", &["jpeg", "time"]),
    ("reel", &["jpeg", "time", "wire"]),
    ("sender", &["jpeg", "reel", "time", "wire"]),
    ("receiver", &["jpeg", "time", "wire"]),
    ("account", &["time", "wire"]),
    ("clock", &["time"]),
    ("record", &["clock", "jpeg", "time"]),
    ("picture", &["jpeg"]),
    ("shown", &[]),
    ("supervisor", &["time"]),
    ("sys", &["time"]),
    ("capture", &["jpeg", "picture", "shown", "sys", "time"]),
    ("store", &["jpeg", "record", "shown", "sys", "time"]),
    (
        "app",
        &[
            "account",
            "capture",
            "clock",
            "jpeg",
            "picture",
            "receiver",
            "record",
            "reel",
            "sender",
            "shown",
            "store",
            "supervisor",
            "sys",
            "time",
            "wire",
        ],
    ),
    ("bin", &["app"]),
];

/// What reaches outside, as it would be written. Addresses (`IpAddr`, `SocketAddr`) are plain values.
const OUTSIDE: [&str; 22] = [
    "std::fs",
    "std::env",
    "std::thread",
    "std::process",
    "std::os",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "TcpListener",
    "TcpStream",
    "UdpSocket",
    "ToSocketAddrs",
    "Instant",
    "SystemTime",
    "libc",
    "nix",
    "getrandom",
    "signal_hook",
    "v4l",
    "println!",
    "eprintln!",
    "Timestamp::now",
];

struct Source {
    path: PathBuf,
    room: String,
    /// Without tests, comments and strings.
    code: String,
    /// As it is.
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// All source files but `lib.rs`, which is the map of all rooms.
fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    collect(&root(), &mut files);
    files.retain(|path| !path.ends_with("src/lib.rs"));
    files.sort();
    assert!(files.len() > 30, "{files:?}");
    files.into_iter().filter(|path| !is_test_file(path)).map(read).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// A module of its own file that its parent has under `#[cfg(test)]`.
fn is_test_file(path: &Path) -> bool {
    let name = path.file_stem().unwrap().to_str().unwrap();
    let parent = path.parent().unwrap();
    let parents = [parent.join("mod.rs"), parent.join("lib.rs"), parent.with_extension("rs")];
    let parent = parents.iter().find_map(|parent| fs::read_to_string(parent).ok()).unwrap_or_default();
    let lines: Vec<&str> = parent.lines().map(str::trim).collect();
    let at = lines.iter().position(|line| line.ends_with(&format!("mod {name};")));
    at.is_some_and(|at| at > 0 && lines[at - 1] == "#[cfg(test)]")
}

fn read(path: PathBuf) -> Source {
    let text = fs::read_to_string(&path).unwrap();
    let room = path.strip_prefix(root()).unwrap().components().next().unwrap();
    let room = room.as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned();
    let code = without_strings(&without_tests(&text));
    Source { path, room, code, text }
}

/// The lines before the tests, without comments. Tests come last in every file here.
fn without_tests(text: &str) -> String {
    let mut code = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let trimmed = line.trim();
        if trimmed == "#[cfg(test)]" {
            let next = lines.peek().unwrap_or(&"").trim();
            if next.ends_with('{') && next.contains("mod ") {
                break;
            }
            // one item, a line long
            lines.next();
            continue;
        }
        let end = trimmed.find("//").unwrap_or(trimmed.len());
        code.push_str(&trimmed[..end]);
        code.push('\n');
    }
    code
}

/// Messages may speak of anything.
fn without_strings(code: &str) -> String {
    let mut out = String::new();
    for line in code.lines() {
        let parts = line.split('"').step_by(2);
        out.extend(parts.chain(["\n"]));
    }
    out
}

/// The words after each `crate::`, groups opened.
fn imports(code: &str) -> BTreeSet<String> {
    let first_word = |text: &str| -> String {
        text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let mut rooms = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let Some(group) = rest.strip_prefix('{') else {
            rooms.insert(first_word(rest));
            continue;
        };
        let mut depth = 0;
        let items = group.split(|c| match c {
            '{' => {
                depth += 1;
                false
            }
            '}' => {
                depth -= 1;
                depth < 0
            }
            ',' => depth == 0,
            _ => false,
        });
        // up to the group's own end, behind which the code goes on
        let end = group.char_indices().scan(0, |depth, (at, c)| {
            *depth += i32::from(c == '{') - i32::from(c == '}');
            Some((at, *depth))
        });
        let end = end.into_iter().find(|(_, depth)| *depth < 0).map_or(group.len(), |(at, _)| at);
        let mut seen = 0;
        for item in items {
            if seen >= end {
                break;
            }
            seen += item.len() + 1;
            rooms.insert(first_word(item));
        }
    }
    rooms.remove("");
    rooms
}

/// True if `word` stands in `code` by itself.
fn has_word(code: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back().is_none_or(|c| !is_part(c));
        let after = code[at + word.len()..].chars().next().is_none_or(|c| !is_part(c));
        before && after
    })
}

#[test]
fn each_room_knows_only_those_that_it_may() {
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.into_iter().collect();
    for source in sources() {
        let rooms = allowed.get(source.room.as_str());
        let rooms =
            rooms.unwrap_or_else(|| panic!("{}: a room that ARROWS does not name", source.path.display()));
        let code =
            if source.room == "bin" { source.code.replace("camcast::", "crate::") } else { source.code };
        for import in imports(&code) {
            let is_room = allowed.contains_key(import.as_str());
            assert!(is_room, "{}: crate::{import} is no room", source.path.display());
            let may = import == source.room || rooms.contains(&import.as_str());
            assert!(may, "{}: {} may not know {import}", source.path.display(), source.room);
        }
    }
}

#[test]
fn the_rooms_are_those_of_the_table() {
    let lib = fs::read_to_string(root().join("lib.rs")).unwrap();
    let declared: BTreeSet<&str> = lib
        .lines()
        .filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';'))
        .collect();
    let table: BTreeSet<&str> = ARROWS.iter().map(|(room, _)| *room).filter(|room| *room != "bin").collect();
    assert_eq!(declared, table);
}

#[test]
fn the_arrows_make_no_circle() {
    let mut left: BTreeMap<&str, &[&str]> = ARROWS.into_iter().collect();
    while !left.is_empty() {
        let ready: Vec<&str> = left
            .iter()
            .filter(|(_, knows)| knows.iter().all(|room| !left.contains_key(room)))
            .map(|(room, _)| *room)
            .collect();
        assert!(!ready.is_empty(), "these know each other in a circle: {:?}", left.keys());
        left.retain(|room, _| !ready.contains(room));
    }
}

#[test]
fn pure_rooms_know_pure_rooms_only() {
    for (room, knows) in ARROWS.into_iter().filter(|(room, _)| PURE.contains(room)) {
        let shell: Vec<_> = knows.iter().filter(|other| !PURE.contains(other)).collect();
        assert!(shell.is_empty(), "{room} may know {shell:?}");
    }
}

#[test]
fn pure_rooms_touch_nothing_outside() {
    for source in sources().iter().filter(|source| PURE.contains(&source.room.as_str())) {
        for outside in OUTSIDE {
            assert!(!has_word(&source.code, outside), "{}: {outside}", source.path.display());
        }
        // groups such as use std::{fs, io}
        let groups = source.code.lines().filter(|line| line.starts_with("use std::{"));
        for line in groups {
            for word in ["fs", "env", "thread", "process", "os"] {
                assert!(!has_word(line, word), "{}: {line}", source.path.display());
            }
        }
    }
}

#[test]
fn pure_rooms_forbid_unsafe_code() {
    for room in PURE {
        let files = [root().join(room).join("mod.rs"), root().join(format!("{room}.rs"))];
        let text = files.iter().find_map(|path| fs::read_to_string(path).ok()).expect(room);
        assert!(text.contains("\n#![forbid(unsafe_code)]\n"), "{room} does not forbid unsafe code");
    }
}

#[test]
fn unsafe_code_is_in_two_places_and_says_why() {
    let mut blocks = 0;
    for source in sources() {
        let path = source.path.strip_prefix(root()).unwrap();
        let may = path.starts_with("sys") || path.starts_with("capture/v4l2");
        let lines: Vec<&str> = source.text.lines().map(str::trim).collect();
        for (at, line) in lines.iter().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if code.contains("allow(unsafe_code)") {
                assert!(may, "{}:{}: unsafe code is allowed here", path.display(), at + 1);
            }
            if !has_word(code, "unsafe") || code.contains("unsafe_code") {
                continue;
            }
            assert!(may, "{}:{}: {line}", path.display(), at + 1);
            blocks += 1;
            // a comment above the statement that the block is in; a function tells its callers what to keep
            let reason = if code.contains("unsafe fn") { "/// # Safety" } else { "// SAFETY:" };
            let above = &lines[at.saturating_sub(8)..at];
            let has_reason = above.iter().any(|line| line.starts_with(reason));
            assert!(has_reason, "{}:{}: no {reason:?} above {line}", path.display(), at + 1);
        }
    }
    assert!(blocks > 0, "this test has found no unsafe code at all: does it still look?");
}

/// The checks above find what they are for.
/// What a file is called is up to whoever made it: `shown` makes one tame line of it.
#[test]
fn names_are_shown_by_one_room() {
    for source in sources() {
        assert!(
            !source.code.contains(".display()"),
            "{}: shown(path), not path.display()",
            source.path.display()
        );
    }
}

#[test]
fn the_checks_themselves_work() {
    let set = |rooms: &[&str]| rooms.iter().map(|room| (*room).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(
        imports("use crate::wire::{FrameNumber, join::Policy};\nuse crate::time::Time;"),
        set(&["time", "wire"])
    );
    assert_eq!(
        imports("use crate::{reel::{Reel, Frame}, app, time::Time};\nfn f() {}"),
        set(&["app", "reel", "time"])
    );
    assert_eq!(imports("fn f(error: crate::reel::TooLarge) {}"), set(&["reel"]));
    assert!(has_word("use std::time::Instant;", "Instant") && has_word("let _ = nix::poll();", "nix"));
    assert!(
        !has_word("Instantly unix libcs", "Instant")
            && !has_word("unix", "nix")
            && !has_word("libcs", "libc")
    );
    let code = without_tests(
        "use crate::a;\n#[cfg(test)]\nmod sample;\nuse crate::b; // crate::c\n#[cfg(test)]\nmod tests {\nuse crate::d;\n}",
    );
    assert_eq!(imports(&code), set(&["a", "b"]));
    assert_eq!(without_strings("say(\"std::fs\", std::env);\n").trim(), "say(, std::env);");
}
