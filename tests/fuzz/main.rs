//! What the fuzz targets hold (`properties/`), without a fuzzer: each file of `fuzz/corpus/TARGET`, and seeded mutations of them.
//!
//! - `cargo test --test fuzz`: all of it. `SEED=7` takes that seed alone, and says more of it when it fails; `CASES=100000` takes more.
//! - `make fuzz SECONDS=600 TARGET=rtsp`: libFuzzer, which finds what mutations do not. What it finds becomes a file of the corpus
//!   (and, if it was a bug, a test beside the code that was wrong).
//! - A new target: `properties/mod.rs` says how.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::print_stderr, reason = "what was left out")]
#![allow(unreachable_pub, reason = "a test has no outside")]

mod mutations;
mod properties;

use mutations::mutated;
use properties::{Property, TARGETS};
use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// The files of a folder, by their names.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

/// Runs it, and says what the input was if that fails.
fn hold(target: &str, property: Property, what: &str, bytes: &[u8]) -> bool {
    catch_unwind(AssertUnwindSafe(|| property(bytes)))
        .unwrap_or_else(|_| panic!("{target}, {what}: \"{}\"", bytes.escape_ascii()))
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect(name))
}

fn replay(target: &str) {
    let property = TARGETS.iter().find(|(name, _)| *name == target).unwrap().1;
    if !root().exists() {
        return eprintln!("left out: fuzz::{target}: there is no folder fuzz here");
    }
    let corpus = files(&root().join("corpus").join(target));
    let meant = |(name, bytes): &(String, Vec<u8>)| hold(target, property, name, bytes);
    let useful = corpus.iter().filter(|file| meant(file)).count();
    assert!(useful >= 4 && useful * 3 >= corpus.len(), "{useful} of {} come to anything", corpus.len());

    let cases = number("CASES").unwrap_or(2000);
    let seeds = number("SEED").map_or(1..=cases, |seed| seed..=seed);
    let bytes: Vec<Vec<u8>> = corpus.into_iter().map(|(_, bytes)| bytes).collect();
    let count = seeds.filter(|seed| hold(target, property, &format!("SEED={seed}"), &mutated(&bytes, *seed)));
    let useful = count.count();
    assert!(number("SEED").is_some() || useful as u64 > cases / 50, "{useful} of {cases} come to anything");
}

/// Writes the seeds that are made by code: `cargo test --test fuzz seeds -- --ignored`, when the form of what they hold has changed.
#[test]
#[ignore = "it writes to fuzz/corpus"]
fn seeds() {
    for (target, seeds) in properties::SEEDS {
        let folder = root().join("corpus").join(target);
        fs::create_dir_all(&folder).unwrap();
        for (name, bytes) in seeds() {
            fs::write(folder.join(name), bytes).unwrap();
        }
    }
}

#[test]
fn http() {
    replay("http");
}

#[test]
fn credentials() {
    replay("credentials");
}

#[test]
fn rtsp() {
    replay("rtsp");
}

#[test]
fn rtcp() {
    replay("rtcp");
}

#[test]
fn rtp() {
    replay("rtp");
}

#[test]
fn mdns() {
    replay("mdns");
}

#[test]
fn sealed() {
    replay("sealed");
}

#[test]
fn sign() {
    replay("sign");
}

#[test]
fn recording() {
    replay("recording");
}

#[test]
fn index() {
    replay("index");
}

#[test]
fn spill() {
    replay("spill");
}

#[test]
fn words() {
    replay("words");
}

#[test]
fn wire() {
    replay("wire");
}

#[test]
fn split() {
    replay("split");
}

#[test]
fn picture() {
    replay("picture");
}

#[test]
fn hub() {
    replay("hub");
}

#[test]
fn server() {
    replay("server");
}

#[test]
fn forged() {
    replay("forged");
}

/// Or `make fuzz` would not start.
#[test]
fn the_fuzz_targets_lock_file_knows_what_camcast_needs() {
    if !root().exists() {
        return eprintln!("left out: fuzz::lock: there is no folder fuzz here");
    }
    let needs = |path: PathBuf| -> BTreeSet<String> {
        let text = fs::read_to_string(path).unwrap();
        let camcast =
            text.split("[[package]]").find(|package| package.contains("name = \"camcast\"\n")).unwrap();
        // with its version only where there are several
        let names =
            camcast.lines().filter_map(|line| line.trim().strip_prefix('"')?.split([' ', '"']).next());
        names.map(str::to_owned).collect()
    };
    let (whole, fuzzed) = (needs(root().join("../Cargo.lock")), needs(root().join("Cargo.lock")));
    let manifest = fs::read_to_string(root().join("../Cargo.toml")).unwrap();
    let (_, built) = manifest.split_once("[dev-dependencies]").unwrap();
    let tests_only = |name: &String| built.contains(&format!("\n{name} = "));
    let lacking: Vec<&String> = whole.difference(&fuzzed).filter(|name| !tests_only(name)).collect();
    assert!(lacking.is_empty(), "cargo metadata --manifest-path fuzz/Cargo.toml enters {lacking:?}");
}

/// None is only here, or only there.
#[test]
fn each_target_has_a_property_a_program_and_a_corpus() {
    if !root().exists() {
        return eprintln!("left out: fuzz::targets: there is no folder fuzz here");
    }
    let names = |folder: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        entries.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    };
    let known: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!((&names("fuzz_targets"), &names("corpus")), (&known, &known));
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let replayed = include_str!("main.rs");
    for name in known {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
        assert!(replayed.contains(&format!("replay(\"{name}\")")), "{name}");
    }
}
