//! Completions for bash, zsh and fish, written by this test (`UPDATE_GOLDEN=1`) from the options themselves.
//! `tests/scripts/completions.sh` asks the shells.

use super::manual::flags;
use argh::{ArgsInfo, CommandInfoWithArgs, FlagInfo, FlagInfoKind, Optionality};
use camcast::app::{cast, rec, tools};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const WRITTEN_BY: &str = "Written by a test: UPDATE_GOLDEN=1 cargo test --test it both::completions";

/// What may stand behind an option, or for the argument that has none.
#[derive(Clone, PartialEq)]
enum Takes {
    Nothing,
    /// Something that a shell cannot know.
    Text,
    Words(Vec<&'static str>),
    Path,
    Host,
    Command,
    /// What camcast streams.
    Source,
}

struct Flag {
    long: &'static str,
    short: Option<char>,
    value: &'static str,
    takes: Takes,
    is_list: bool,
    what: String,
}

impl Flag {
    fn of((info, short): (&'static FlagInfo<'static>, Option<char>)) -> Self {
        let long = info.long.trim_start_matches('-');
        let (value, takes) = match info.kind {
            FlagInfoKind::Switch => ("", Takes::Nothing),
            FlagInfoKind::Option { arg_name } => (arg_name, Self::takes(long, arg_name)),
        };
        let is_list = matches!(info.optionality, Optionality::Repeating) || long == "verbose";
        Flag { long, short, value, takes, is_list, what: brief(info.description) }
    }

    fn takes(long: &str, value: &'static str) -> Takes {
        match (long, value) {
            ("resolution", _) => Takes::Words(vec!["640x480", "800x600", "1280x720", "1920x1080"]),
            ("mode", _) => Takes::Words(vec!["auto", "mjpeg", "yuyv"]),
            ("also", _) => Takes::Host,
            (_, "file" | "folder" | "name" | "key" | "addr:port|path") => Takes::Path,
            (_, "command") => Takes::Command,
            (_, words) if words.contains('|') => Takes::Words(words.split('|').collect()),
            _ => Takes::Text,
        }
    }

    /// `--output`, and `-o` if there is one.
    fn names(&self) -> impl Iterator<Item = String> {
        let short = self.short.map(|short| format!("-{short}"));
        short.into_iter().chain([format!("--{}", self.long)])
    }
}

/// A program, or a subcommand of camrec.
struct Line {
    flags: Vec<Flag>,
    single: &'static str,
    takes: Takes,
    is_list: bool,
    what: String,
}

impl Line {
    fn of(info: CommandInfoWithArgs, takes: Takes) -> Self {
        let single = &info.positionals[0];
        Line {
            flags: flags(&info).map(Flag::of).collect(),
            single: single.name,
            takes,
            is_list: matches!(single.optionality, Optionality::Repeating | Optionality::Greedy),
            what: brief(info.description),
        }
    }
}

struct Program {
    name: &'static str,
    line: Line,
    commands: Vec<(&'static str, Line)>,
}

fn programs() -> [Program; 2] {
    let commands = vec![
        ("check", Line::of(tools::check::Options::get_args_info(), Takes::Path)),
        ("export", Line::of(tools::export::Options::get_args_info(), Takes::Path)),
        ("sheet", Line::of(tools::sheet::Options::get_args_info(), Takes::Path)),
    ];
    let camcast = Line::of(cast::options::Options::get_args_info(), Takes::Source);
    let camrec = Line::of(rec::options::Options::get_args_info(), Takes::Host);
    [
        Program { name: "camcast", line: camcast, commands: Vec::new() },
        Program { name: "camrec", line: camrec, commands },
    ]
}

/// A help text's first words.
fn brief(what: &str) -> String {
    let first = what.split("; ").next().unwrap();
    let aside = first.split_once(" (").and_then(|(before, rest)| Some((before, rest.split_once(')')?.1)));
    let first = aside.map_or(first.to_owned(), |(before, behind)| format!("{before}{behind}"));
    first.split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches('.').to_owned()
}

/// A word in single quotes, for all three shells.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

mod bash {
    use super::*;

    /// What is done for a value, indented.
    fn action(takes: &Takes) -> String {
        match takes {
            Takes::Nothing | Takes::Text => ":".into(),
            Takes::Words(words) => {
                format!("mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$cur\")", words.join(" "))
            }
            Takes::Path => "_filedir".into(),
            Takes::Host => "_known_hosts_real -- \"$cur\"".into(),
            Takes::Command => "mapfile -t COMPREPLY < <(compgen -c -- \"$cur\")".into(),
            Takes::Source => "_camcast_sources".into(),
        }
    }

    /// The body for a program or a subcommand.
    fn body(line: &Line, after_single: &str) -> String {
        let mut text = String::from("    case $prev in\n");
        for flag in line.flags.iter().filter(|flag| flag.takes != Takes::Nothing) {
            let names: Vec<String> = flag.names().collect();
            let _ = write!(
                text,
                "        {})\n            {}\n            return\n            ;;\n",
                names.join(" | "),
                action(&flag.takes)
            );
        }
        let names: Vec<String> = line.flags.iter().flat_map(Flag::names).collect();
        text += "    esac\n    ! $split || return\n    if [[ $cur == -* ]]; then\n";
        let _ = write!(
            text,
            "        mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$cur\")\n        return\n    fi\n    {}\n{after_single}",
            names.join(" "),
            action(&line.takes)
        );
        text
    }

    pub(super) fn script(program: &Program) -> String {
        let name = program.name;
        let mut text = format!(
            "# bash completion of {name}. {WRITTEN_BY}\n# shellcheck shell=bash disable=SC2034,SC2154 # _init_completion's\n\n"
        );
        if program.line.takes == Takes::Source {
            text += "_camcast_sources() {\n    local link\n    _filedir\n    mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -W 'pattern' -- \"$cur\")\n    \
                     for link in /dev/video* /dev/v4l/by-id/*; do\n        \
                     if [[ -e $link && $cur != /* && $link == \"$cur\"* ]]; then COMPREPLY+=(\"$link\"); fi\n    done\n}\n\n";
        }
        for (command, line) in &program.commands {
            let _ = write!(text, "_{name}_{command}() {{\n{}}}\n\n", body(line, ""));
        }
        let _ = write!(
            text,
            "_{name}() {{\n    local cur prev words cword split\n    _init_completion -s || return\n"
        );
        let mut words = String::new();
        if !program.commands.is_empty() {
            text += "    if ((cword > 1)); then\n        case ${words[1]} in\n";
            for (command, _) in &program.commands {
                let _ = write!(
                    text,
                    "            {command})\n                _{name}_{command}\n                return\n                ;;\n"
                );
            }
            text += "        esac\n    fi\n";
            let commands: Vec<&str> = program.commands.iter().map(|(command, _)| *command).collect();
            // newer ones of the functions above begin anew
            words = format!(
                "    ((cword > 1)) || mapfile -t -O ${{#COMPREPLY[@]}} COMPREPLY < <(compgen -W '{}' -- \"$cur\")\n",
                commands.join(" ")
            );
        }
        let _ = write!(text, "{}}}\n\ncomplete -F _{name} {name}\n", body(&program.line, &words));
        text
    }
}

mod zsh {
    use super::*;

    fn action(takes: &Takes) -> String {
        match takes {
            Takes::Nothing | Takes::Text => String::new(),
            Takes::Words(words) => format!("({})", words.join(" ")),
            Takes::Path => "_files".into(),
            Takes::Host => "_hosts".into(),
            Takes::Command => "_cmdstring".into(),
            Takes::Source => "_camcast_sources".into(),
        }
    }

    fn escaped(words: &str) -> String {
        words.replace('[', "\\[").replace(']', "\\]").replace(':', "\\:")
    }

    /// The specifications that `_arguments` takes.
    fn arguments(line: &Line) -> String {
        let mut text = String::from("_arguments -s -S");
        for flag in &line.flags {
            let names: Vec<String> = flag.names().collect();
            let value = match flag.takes {
                Takes::Nothing => String::new(),
                _ => format!(":{}:{}", escaped(flag.value), action(&flag.takes)),
            };
            for name in &names {
                let glue = match (&flag.takes, name.starts_with("--")) {
                    (Takes::Nothing, _) => "",
                    (_, true) => "=",
                    (_, false) => "+",
                };
                let again = if flag.is_list { "*".to_owned() } else { format!("({})", names.join(" ")) };
                let _ = write!(
                    text,
                    " \\\n        {}",
                    quoted(&format!("{again}{name}{glue}[{}]{value}", escaped(&flag.what)))
                );
            }
        }
        let place = if line.is_list { "*" } else { "1" };
        let _ = writeln!(
            text,
            " \\\n        {}",
            quoted(&format!("{place}:{}:{}", line.single, action(&line.takes)))
        );
        text
    }

    pub(super) fn script(program: &Program) -> String {
        let name = program.name;
        let mut text = format!("#compdef {name}\n# zsh completion of {name}. {WRITTEN_BY}\n\n");
        if program.line.takes == Takes::Source {
            text += "_camcast_sources() {\n    local -a links\n    links=(/dev/video*(N) /dev/v4l/by-id/*(N))\n    \
                     _alternative 'patterns:test picture:(pattern)' 'cameras:camera:compadd -a links' 'files:file or folder:_files'\n}\n\n";
        }
        if program.commands.is_empty() {
            return text + &arguments(&program.line);
        }
        text += "if ((CURRENT > 2)); then\n    case $words[2] in\n";
        for (command, line) in &program.commands {
            let _ = write!(
                text,
                "    {command})\n        shift words\n        ((CURRENT--))\n        {}        return\n        ;;\n",
                arguments(line)
            );
        }
        let mut line = arguments(&program.line);
        let _ = write!(text, "    esac\nfi\n\n_{name}_first() {{\n    local -a commands\n    commands=(");
        for (command, line) in &program.commands {
            let _ = write!(text, "\n        {}", quoted(&format!("{command}:{}", escaped(&line.what))));
        }
        text += "\n    )\n    ((CURRENT > 2)) || _describe command commands\n    _hosts\n}\n\n";
        line = line.replace(
            &format!("'1:{}:_hosts'", program.line.single),
            &format!("'1:{}:_{name}_first'", program.line.single),
        );
        text + &line
    }
}

mod fish {
    use super::*;

    fn action(takes: &Takes) -> String {
        match takes {
            Takes::Nothing => String::new(),
            Takes::Text => " -x".into(),
            Takes::Words(words) => format!(" -x -a '{}'", words.join(" ")),
            Takes::Path | Takes::Source => " -r -F".into(),
            Takes::Host => " -x -a '(__fish_print_hostnames)'".into(),
            Takes::Command => " -x -a '(__fish_complete_command)'".into(),
        }
    }

    fn lines(name: &str, condition: &str, line: &Line) -> String {
        let mut text = String::new();
        for flag in &line.flags {
            let short = flag.short.map(|short| format!(" -s {short}")).unwrap_or_default();
            let _ = writeln!(
                text,
                "complete -c {name}{condition}{short} -l {}{} -d {}",
                flag.long,
                action(&flag.takes),
                fish_quoted(&flag.what)
            );
        }
        text
    }

    fn fish_quoted(words: &str) -> String {
        format!("'{}'", words.replace('\\', "\\\\").replace('\'', "\\'"))
    }

    pub(super) fn script(program: &Program) -> String {
        let name = program.name;
        let mut text = format!("# fish completion of {name}. {WRITTEN_BY}\n\n");
        if program.commands.is_empty() {
            text += &lines(name, "", &program.line);
            text += "complete -c camcast -a 'pattern' -d 'a test picture'\n\
                     complete -c camcast -a '(for link in /dev/video* /dev/v4l/by-id/*; echo $link; end)' -d camera\n";
            return text;
        }
        let commands: Vec<&str> = program.commands.iter().map(|(command, _)| *command).collect();
        let commands = commands.join(" ");
        // a subcommand is the first word, or none
        let _ = write!(
            text,
            "function __{name}_is\n    set -l words (commandline -opc)\n    contains -- \"$words[2]\" $argv\nend\n\n\
             function __{name}_is_first\n    test (count (commandline -opc)) -eq 1\nend\n\n"
        );
        let main = format!(" -n 'not __{name}_is {commands}'");
        let _ = writeln!(text, "complete -c {name}{main} -f -a '(__fish_print_hostnames)'");
        for (command, line) in &program.commands {
            let _ = writeln!(
                text,
                "complete -c {name} -n __{name}_is_first -f -a {command} -d {}",
                fish_quoted(&line.what)
            );
        }
        text += &lines(name, &main, &program.line);
        for (command, line) in &program.commands {
            text += &lines(name, &format!(" -n '__{name}_is {command}'"), line);
        }
        text
    }
}

#[test]
fn completions_have_the_options() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("completions");
    for program in programs() {
        let name = program.name;
        for (file, script) in [
            (format!("{name}.bash"), bash::script(&program)),
            (format!("_{name}"), zsh::script(&program)),
            (format!("{name}.fish"), fish::script(&program)),
        ] {
            let path = folder.join(&file);
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                fs::create_dir_all(&folder).unwrap();
                fs::write(&path, &script).unwrap();
            }
            let stands = fs::read_to_string(&path).unwrap_or_default();
            assert!(stands == script, "UPDATE_GOLDEN=1 writes completions/{file}");
        }
    }
}
