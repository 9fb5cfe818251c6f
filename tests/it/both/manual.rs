//! The manual pages. Their lists of options, of lines of a file and of exit codes are written by the tests (`UPDATE_GOLDEN=1`),
//! from the options themselves and from docs/troubleshooting.md; the rest of a page is written by people. What then stands there
//! is held against `--help`.

use argh::{ArgsInfo, CommandInfoWithArgs, FlagInfo, FlagInfoKind};
use camcast::app::config_file::InFile;
use camcast::app::{cast, rec, tools};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

/// The longest line of a page, which mandoc asks for.
const WIDTH: usize = 79;

fn page(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("man").join(name)
}

/// Plain words as a page's source has them.
fn escaped(words: &str) -> String {
    let mut source = String::new();
    let mut before = ' ';
    let mut characters = words.chars().peekable();
    while let Some(character) = characters.next() {
        let within = before.is_alphanumeric() && characters.peek().is_some_and(|next| next.is_alphanumeric());
        match character {
            '\\' => source.push_str("\\e"),
            '~' => source.push_str("\\(ti"),
            '\'' if !within => source.push_str("\\(aq"),
            // an option's hyphen is to be copied out of the page as it is typed
            '-' if !within => source.push_str("\\-"),
            _ => source.push(character),
        }
        before = character;
    }
    source
}

/// A page's source as plain words.
fn unescaped(source: &str) -> String {
    source
        .replace("\\-", "-")
        .replace("\\(aq", "'")
        .replace("\\(ti", "~")
        .replace("\\&", "")
        .replace("\\e", "\\")
}

/// Words, filled into lines.
fn filled(words: &str) -> String {
    let mut text = String::new();
    let mut line = String::new();
    for word in escaped(words).split_whitespace() {
        if !line.is_empty() && line.len() + 1 + word.len() > WIDTH {
            text += &format!("{line}\n");
            line.clear();
        }
        let at_start =
            if line.is_empty() { if word.starts_with(['.', '\'']) { "\\&" } else { "" } } else { " " };
        line += at_start;
        line += word;
    }
    text + &line + "\n"
}

/// A program's options in the order of its help, with the letter of each.
pub(super) fn flags(
    info: &CommandInfoWithArgs,
) -> impl Iterator<Item = (&'static FlagInfo<'static>, Option<char>)> {
    // argh does it itself, and says it at the end, with a letter
    let (help, others): (Vec<_>, Vec<_>) = info.flags.iter().partition(|flag| flag.long == "--help");
    let others = others.into_iter().map(|flag| (flag, flag.short));
    others.chain(help.into_iter().map(|flag| (flag, Some('h'))))
}

/// What follows an option's name: ` Ar file`, or nothing.
fn value(flag: &FlagInfo<'_>) -> String {
    match flag.kind {
        FlagInfoKind::Switch => String::new(),
        FlagInfoKind::Option { arg_name } => format!(" Ar {arg_name}"),
    }
}

/// The list of a program's options, or of a subcommand's.
fn options(info: &CommandInfoWithArgs) -> String {
    let mut text = String::from(".Bl -tag -width Ds\n");
    for single in info.positionals {
        let _ = write!(text, ".It Ar {}\n{}", single.name, filled(single.description));
    }
    for (flag, short) in flags(info) {
        let short = short.map(|short| format!("Fl {short} , ")).unwrap_or_default();
        let long = flag.long.trim_start_matches('-');
        let _ = write!(text, ".It {short}Fl Fl {long}{}\n{}", value(flag), filled(flag.description));
    }
    text + ".El\n"
}

/// The list of the lines that a file may have.
fn lines<Options: InFile>() -> String {
    let info = Options::get_args_info();
    let mut text = String::from(".Bl -tag -width Ds\n");
    for single in info.positionals {
        let _ = write!(
            text,
            ".It Ic {} Ar {}\n{}",
            single.name,
            single.name.to_uppercase(),
            filled(single.description)
        );
    }
    for flag in info.flags {
        let long = flag.long.trim_start_matches('-');
        if !Options::TYPED_ONLY.contains(&long) {
            let _ = write!(text, ".It Ic {long}{}\n{}", value(flag), filled(flag.description));
        }
    }
    text + ".El\n"
}

/// The list of a program's exit codes. `column`: where docs/troubleshooting.md has its words.
fn exit_codes(column: usize) -> String {
    let document =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/troubleshooting.md")).unwrap();
    let rows = document.lines().skip_while(|line| !line.starts_with("| code |")).skip(2);
    let mut text = String::from(".Bl -tag -width Ds\n");
    for row in rows.take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let words = if cells[column] == "the same" { cells[column - 1] } else { cells[column] };
        if !words.is_empty() {
            let _ = write!(text, ".It {}\n{}", cells[1], filled(&words.replace('`', "")));
        }
    }
    text + ".El\n"
}

/// A page with each of its generated parts written anew.
fn renewed(source: &str, parts: &[(&str, String)]) -> String {
    let mut source = source.to_owned();
    for (name, text) in parts {
        let (begin, end) = (format!(".\\\" generated: {name}\n"), format!(".\\\" end: {name}\n"));
        let (before, rest) = source.split_once(&begin).unwrap_or_else(|| panic!("no line {begin:?}"));
        let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("no line {end:?}"));
        source = format!("{before}{begin}{text}{end}{after}");
    }
    source
}

/// Each page's parts that are generated.
fn parts() -> [(&'static str, Vec<(&'static str, String)>); 4] {
    let camcast = cast::options::Options::get_args_info();
    let camrec = rec::options::Options::get_args_info();
    [
        ("camcast.8", vec![("options", options(&camcast)), ("exit codes", exit_codes(2))]),
        (
            "camrec.1",
            vec![
                ("options", options(&camrec)),
                ("options of check", options(&tools::check::Options::get_args_info())),
                ("options of export", options(&tools::export::Options::get_args_info())),
                ("options of sheet", options(&tools::sheet::Options::get_args_info())),
                ("exit codes", exit_codes(3)),
            ],
        ),
        ("camcast.conf.5", vec![("lines", lines::<cast::options::Options>())]),
        ("camrec.conf.5", vec![("lines", lines::<rec::options::Options>())]),
    ]
}

/// The page as it stands, or is written now.
fn source(name: &str) -> String {
    static WRITTEN: Once = Once::new();
    WRITTEN.call_once(|| {
        for (name, parts) in parts().iter().filter(|_| std::env::var_os("UPDATE_GOLDEN").is_some()) {
            let stands = fs::read_to_string(page(name)).unwrap();
            fs::write(page(name), renewed(&stands, parts)).unwrap();
        }
    });
    fs::read_to_string(page(name)).unwrap()
}

#[test]
fn manual_pages_have_the_options() {
    for (name, parts) in parts() {
        let stands = source(name);
        assert!(stands == renewed(&stands, &parts), "UPDATE_GOLDEN=1 writes man/{name}");
    }
}

/// Names and words of each item, in plain text, of the part of a page between two lines.
fn items(source: &str, part: &str) -> BTreeMap<String, String> {
    let begin = format!(".\\\" generated: {part}\n");
    let rest = source.split_once(&begin).unwrap().1;
    let list = rest.split_once(".\\\" end: ").unwrap().0;
    let mut items: Vec<(String, Vec<String>)> = Vec::new();
    for line in list.lines() {
        if let Some(item) = line.strip_prefix(".It ") {
            let name = item
                .split(" Ar ")
                .next()
                .unwrap()
                .replace("Fl Fl ", "--")
                .replace("Fl ", "-")
                .replace(" ,", ",");
            items.push((name.trim_start_matches("Ar ").to_owned(), Vec::new()));
        } else if !line.starts_with('.') {
            items.last_mut().unwrap().1.push(unescaped(line));
        }
    }
    items.into_iter().map(|(name, words)| (name, plain(&words.join(" ")))).collect()
}

fn plain(words: &str) -> String {
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The same of what a program says of itself. Names begin in the third column, words in the twenty-first.
fn helped(program: &str, command: &[&str]) -> BTreeMap<String, String> {
    let output = Command::new(program).args(command).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let list = help.split_once("\nPositional Arguments:\n").unwrap().1;
    let list = list.split_once("\nNotes:").map_or(list, |(list, _)| list);
    let mut items: Vec<(String, String)> = Vec::new();
    for line in list.lines().filter_map(|line| line.strip_prefix("  ")) {
        let (name, words) = if line.starts_with(' ') {
            ("", line)
        } else if line.len() > 18 && line.is_char_boundary(18) && line.as_bytes()[17] == b' ' {
            line.split_at(18)
        } else {
            (line, "")
        };
        if !name.is_empty() {
            items.push((name.trim().to_owned(), String::new()));
        }
        let _ = write!(items.last_mut().unwrap().1, " {words}");
    }
    items.into_iter().map(|(name, words)| (name, plain(&words))).collect()
}

#[test]
fn manual_pages_are_held_against_help() {
    let (camcast, camrec) = (env!("CARGO_BIN_EXE_camcast"), env!("CARGO_BIN_EXE_camrec"));
    let [of_camcast, of_camrec] = ["camcast.8", "camrec.1"].map(source);
    for (source, part, program, command) in [
        (&of_camcast, "options", camcast, &[][..]),
        (&of_camrec, "options", camrec, &[]),
        (&of_camrec, "options of check", camrec, &["check"]),
        (&of_camrec, "options of export", camrec, &["export"]),
        (&of_camrec, "options of sheet", camrec, &["sheet"]),
    ] {
        let (said, helped) = (items(source, part), helped(program, command));
        assert!(helped.len() >= 4, "{helped:?}");
        assert_eq!(said, helped, "{part} of the page on the left, {program} {command:?} --help on the right");
    }
}

#[test]
fn words_come_out_of_a_page_as_they_went_in() {
    for words in ["'-' (MJPEG)", ".local, .lan", "C:\\x ~ -f, --no-plain a camera's low-cost '*'"] {
        let source = filled(words);
        assert!(!source.starts_with('.') && !source.starts_with('\''), "{source}");
        assert_eq!(plain(&unescaped(&source)), words);
    }
}
