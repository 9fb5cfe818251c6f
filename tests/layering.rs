//! Who may know whom, and what the pure rooms may not touch: the arrows of `src/lib.rs`, checked in the source.
//! What stands under `#[cfg(test)]` is free.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// No file descriptor, no clock, no file, no unsafe code: time comes in as an argument.
const PURE: [&str; 22] = [
    "account",
    "admission",
    "clock",
    "doctor",
    "fec",
    "http",
    "jpeg",
    "key_text",
    "mdns",
    "picture",
    "receiver",
    "record",
    "reel",
    "rtp",
    "rtsp",
    "seal",
    "sender",
    "shown",
    "sign",
    "supervisor",
    "time",
    "wire",
];

/// Each room, and the rooms that it may know.
const ARROWS: [(&str, &[&str]); 28] = [
    ("time", &[]),
    ("doctor", &["time"]),
    ("fec", &[]),
    ("jpeg", &[]),
    ("key_text", &[]),
    ("mdns", &["time"]),
    ("admission", &["time"]),
    ("http", &["admission", "time"]),
    ("wire", &["jpeg", "time"]),
    ("reel", &["jpeg", "time", "wire"]),
    ("rtp", &["jpeg", "reel", "time", "wire"]),
    ("rtsp", &[]),
    ("seal", &["key_text", "reel", "wire"]),
    ("sign", &["jpeg", "key_text", "time", "wire"]),
    ("sender", &["admission", "fec", "jpeg", "reel", "time", "wire"]),
    ("receiver", &["fec", "jpeg", "time", "wire"]),
    ("account", &["time", "wire"]),
    ("clock", &["time"]),
    ("record", &["clock", "jpeg", "time"]),
    ("picture", &["jpeg"]),
    ("shown", &[]),
    ("supervisor", &["time"]),
    ("sys", &["time"]),
    ("capture", &["jpeg", "picture", "shown", "sys", "time"]),
    ("store", &["clock", "jpeg", "record", "shown", "sys", "time"]),
    ("spill", &["jpeg", "shown", "sys", "time", "wire"]),
    (
        "app",
        &[
            "account",
            "admission",
            "capture",
            "clock",
            "doctor",
            "fec",
            "http",
            "jpeg",
            "key_text",
            "mdns",
            "picture",
            "receiver",
            "record",
            "reel",
            "rtp",
            "rtsp",
            "seal",
            "sender",
            "shown",
            "sign",
            "spill",
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
            // a comment above the statement that the block is in; a function tells its callers what to keep, and a trait
            // those who implement it
            let tells = ["unsafe fn", "unsafe trait"].iter().any(|word| code.contains(word));
            let above = &lines[at.saturating_sub(8)..at];
            let has = |reason| above.iter().any(|line: &&str| line.starts_with(reason));
            let has_reason = has("// SAFETY:") && !tells || has("/// # Safety") && tells;
            assert!(has_reason, "{}:{}: no reason above {line}", path.display(), at + 1);
        }
    }
    assert!(blocks > 0, "this test has found no unsafe code at all: does it still look?");
}

/// Formats: what writes one and what reads it share its constants, and may know each other.
const ONE_FORMAT: [&str; 2] = ["record/avi", "record/matroska"];

/// Which files each file knows: paths in `use` and in code, resolved to the file that they lead into. A folder's `mod.rs` and
/// what lies in that folder may know each other.
fn known_files() -> BTreeMap<Vec<String>, BTreeSet<Vec<String>>> {
    let sources: BTreeMap<Vec<String>, Source> = sources()
        .into_iter()
        .filter(|source| source.room != "bin")
        .map(|it| (module(&it.path), it))
        .collect();
    let is_apart = |a: &[String], b: &[String]| !a.starts_with(b) && !b.starts_with(a);
    let known = |(of, source): (&Vec<String>, &Source)| {
        let paths = paths(&source.code, of);
        let files = paths.iter().filter_map(|path| {
            let longest = (1..=path.len()).rev().map(|len| path[..len].to_vec());
            longest.into_iter().find(|file| sources.contains_key(file))
        });
        (of.clone(), files.filter(|file| is_apart(file, of)).collect())
    };
    sources.iter().map(known).collect()
}

/// `src/app/cast/mod.rs` is `app`, `cast`.
fn module(path: &Path) -> Vec<String> {
    let path = path.strip_prefix(root()).unwrap().with_extension("");
    let mut names: Vec<String> = path.iter().map(|name| name.to_str().unwrap().to_owned()).collect();
    if names.last().is_some_and(|name| name == "mod") {
        names.pop();
    }
    names
}

/// All paths in the code of module `of` that begin with `crate`, `self` or `super`, from the root on, groups opened.
fn paths(code: &str, of: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for start in ["crate::", "self::", "super::"] {
        for (at, _) in code.match_indices(start) {
            let is_begin = !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
            if is_begin {
                open(&code[at..], &mut Vec::new(), &mut found);
            }
        }
    }
    found.into_iter().filter_map(|path| from_root(path, of)).collect()
}

/// Reads one tree of a path, and pushes each of its leaves; what is read is `text` without its rest, which is returned.
fn open<'a>(text: &'a str, before: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = open(rest, &mut before.clone(), found).trim_start();
            match rest.strip_prefix(',') {
                Some(more) if more.trim_start().starts_with('}') => return more.trim_start().split_at(1).1,
                Some(more) => rest = more,
                None => return rest.strip_prefix('}').unwrap_or(rest),
            }
        }
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    before.push(word.to_owned());
    match rest.strip_prefix("::") {
        Some(rest) => open(rest, before, found),
        None => {
            found.push(before.clone());
            rest.trim_start()
                .strip_prefix("as ")
                .map_or(rest, |name| name.trim_start_matches(|c: char| c != ',' && c != '}'))
        }
    }
}

fn from_root(path: Vec<String>, of: &[String]) -> Option<Vec<String>> {
    let mut base = of.to_vec();
    let mut names = path.into_iter().peekable();
    match names.peek()?.as_str() {
        "crate" => base.clear(),
        "self" => {}
        _ => {
            while names.next_if(|name| name == "super").is_some() {
                base.pop()?;
            }
            return Some(base.into_iter().chain(names).collect());
        }
    }
    names.next();
    Some(base.into_iter().chain(names).collect())
}

#[test]
fn no_files_know_each_other_in_a_circle() {
    let mut left = known_files();
    assert!(left.values().map(BTreeSet::len).sum::<usize>() > 300, "this test sees what files know");
    for known in left.values_mut() {
        known.retain(|file| {
            !ONE_FORMAT.contains(&file[..file.len().min(2)].join("/").as_str()) || file.len() < 3
        });
    }
    while let Some(free) = left.iter().find(|(_, known)| !known.iter().any(|file| left.contains_key(file))) {
        let free = free.0.clone();
        left.remove(&free);
    }
    let names = left.iter().map(|(file, known)| {
        let known = known.iter().filter(|file| left.contains_key(*file)).map(|file| file.join("/"));
        format!("{} knows {}", file.join("/"), known.collect::<Vec<_>>().join(", "))
    });
    let names: Vec<String> = names.collect();
    assert!(names.is_empty(), "in a circle, or above one:\n{}", names.join("\n"));
}

#[test]
fn paths_are_found_whatever_their_form() {
    let of = ["app", "cast", "udp"].map(str::to_owned);
    let found = |code: &str| -> Vec<String> { paths(code, &of).iter().map(|path| path.join("/")).collect() };
    assert_eq!(found("use crate::time::Time;"), ["time/Time"]);
    assert_eq!(
        found("use crate::{wire::{self, join::{Join, Reply as R}}, reel::Reel};"),
        ["wire/self", "wire/join/Join", "wire/join/Reply", "reel/Reel"]
    );
    assert_eq!(
        found("use super::outlet::{Budget, Shared}; super::super::exit::f()"),
        ["app/cast/outlet/Budget", "app/cast/outlet/Shared", "app/exit/f"]
    );
    assert_eq!(found("use self::client::Client;"), ["app/cast/udp/client/Client"]);
}

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

/// The checks above find what they are for.
/// How long a function may be, clippy.toml says.
#[test]
fn a_file_can_be_read_at_a_sitting() {
    let long = sources().into_iter().map(|it| (it.code.lines().count(), it.path));
    let long: Vec<_> = long.filter(|(lines, _)| *lines > 600).collect();
    assert!(long.is_empty(), "lines without tests: {long:?}");
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
