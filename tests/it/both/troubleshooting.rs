//! docs/troubleshooting.md against the source: what it quotes can be said, and each warning is quoted, or says all by itself.

use std::fs;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The source, without its tests, text that goes over several lines as one line.
fn sources() -> Vec<String> {
    fn collect(folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("tests") {
                collect(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && !path.ends_with("tests.rs")
            {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
                found.push(one_line(code));
            }
        }
    }
    let mut found = Vec::new();
    collect(&root().join("src"), &mut found);
    assert!(found.len() > 100, "{} files", found.len());
    found
}

/// Without the backslashes at the ends of lines, and what the next ones begin with.
fn one_line(code: &str) -> String {
    let mut parts = code.split("\\\n");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.trim_start()).replace("\\\"", "\"")
}

/// What stands in backticks in the first column of the table of log lines.
fn quoted() -> Vec<String> {
    let text = fs::read_to_string(root().join("docs/troubleshooting.md")).unwrap();
    let (lines, _) = text.split_once("## Exit codes").unwrap();
    let cells = lines.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let quoted: Vec<_> = cells
        .flat_map(|cell| {
            format!("`{cell}").split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    assert!(quoted.len() > 120, "{} quoted", quoted.len());
    quoted
}

/// The parts of a quoted line that stand in the source as they are: without names, numbers and what is left out.
fn fixed_parts(quoted: &str) -> Vec<Vec<&str>> {
    let varies = |word: &&str| {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        word.is_empty()
            || word.contains(|c: char| c.is_ascii_digit())
            || word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase())
            || word == "N"
    };
    let words: Vec<&str> = quoted.split(' ').collect();
    words.split(|word| varies(word) || word.starts_with('/')).map(<[_]>::to_vec).collect()
}

/// Whether the source can say it, whatever the first words are, which may be a name or a count.
fn can_be_said(words: &[&str], sources: &[String]) -> bool {
    let of_names = |text: &str| text.replace("the camera", "the {name}").replace("the source", "the {name}");
    (0..words.len().min(3)).any(|left_out| {
        let text = words[left_out..].join(" ");
        let text = text.trim_matches(|c| ".:,;()".contains(c));
        let is_telling = text.len() >= 7 || left_out == 0;
        is_telling && sources.iter().any(|source| source.contains(text) || source.contains(&of_names(text)))
    })
}

#[test]
fn what_the_document_quotes_can_be_said() {
    let sources = sources();
    let wrong: Vec<_> = quoted()
        .into_iter()
        .filter(|quoted| !quoted.starts_with("Couldn't read inherited credential")) // systemd's
        .filter(|quoted| {
            let parts = fixed_parts(quoted);
            !parts.iter().filter(|words| words.join(" ").len() >= 9).all(|words| can_be_said(words, &sources))
        })
        .collect();
    assert!(wrong.is_empty(), "no program says this any more: {wrong:#?}");
}

/// Warnings that need no more words than they have, or that are of a program's own making.
const SAYS_ALL: [&str; 8] = [
    "no picture for a lost signal: {error}",
    "{resized} of them are not {size}: ffmpeg and mpv show each in its own size, other players may not",
    "{}: it is not complete, and stays: {why}",
    "{}: an empty file stays: {why}",
    "{}: an empty folder stays: {why}",
    "{why}: it is left alone from now on",
    "--on-segment: {} not waited for",
    "SIGHUP: the passwords stay as they were: {error}",
];

/// The texts of the source's warnings and errors, as they are written there.
fn warnings(sources: &[String]) -> Vec<String> {
    let calls = sources.iter().flat_map(|source| {
        ["log::warn!(", "log::error!("].into_iter().flat_map(|call| source.split(call).skip(1))
    });
    let texts = calls.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split_once("\""));
    let texts: Vec<_> = texts.map(|(text, _)| text.to_owned()).collect();
    assert!(texts.len() > 60, "{} warnings", texts.len());
    texts
}

/// The words of a text, without what is put in or left out, nor what a source is called.
fn words(text: &str) -> Vec<String> {
    let fixed = text.split('{').map(|part| part.split_once('}').map_or(part, |(_, behind)| behind));
    let text = fixed.collect::<Vec<_>>().join(" ");
    let text = text.replace("the camera", "the").replace("the source", "the").replace("...", " ");
    text.split_whitespace().map(|word| word.trim_matches(|c| ".,:;()".contains(c)).to_owned()).collect()
}

/// Whether three words that stand in a row in the one do so in the other, or all if there are fewer.
fn share_words(one: &[String], other: &[String]) -> bool {
    let count = one.len().min(other.len()).min(3);
    let is_telling = |row: &&[String]| row.iter().map(String::len).sum::<usize>() >= 7;
    one.windows(count.max(1)).filter(is_telling).any(|row| other.windows(row.len()).any(|it| it == row))
}

#[test]
fn each_warning_is_in_the_document_or_says_all() {
    let quoted: Vec<_> = quoted().iter().map(|quoted| words(quoted)).collect();
    let mut unused: Vec<&str> = SAYS_ALL.to_vec();
    let missing: Vec<_> = warnings(&sources())
        .into_iter()
        // what is put together elsewhere
        .filter(|text| !words(text).is_empty())
        .filter(|text| !quoted.iter().any(|quoted| share_words(&words(text), quoted)))
        .filter(|text| {
            let known = SAYS_ALL.contains(&text.as_str());
            unused.retain(|said| said != text);
            !known
        })
        .collect();
    assert!(missing.is_empty(), "docs/troubleshooting.md lacks: {missing:#?}");
    assert!(unused.is_empty(), "in the document now, or no longer said: {unused:#?}");
}
