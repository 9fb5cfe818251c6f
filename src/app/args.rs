//! The command line as people type it, spelled out as argh reads it.
//!
//! argh wants `--option value` once, and each switch by itself. People also type `--option=value`, `-r640x480`, `-vo out`,
//! an option again to mean the last one, and a lone `-` for standard input or output; and a `~` that the shell has left
//! alone, since it stood in quotes or behind `=`, is still meant as their home. Arguments are bytes here: a path need not be
//! UTF-8. What comes out is options in their long form, then `--`, then the other arguments.

use super::argument::disguise;
use super::exit::{ExitError, usage};
use crate::shown::shown;
use argh::{ArgsInfo, EarlyExit, FlagInfo, FlagInfoKind, FromArgs, Optionality};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// A misspelt option is taken for one that is no further away than this.
const NEAR: usize = 3;

/// An option or a switch.
#[derive(Clone, Copy, Debug)]
struct Flag {
    long: &'static str,
    short: Option<u8>,
    takes: Takes,
    /// Each value counts, rather than the last one.
    is_list: bool,
}

impl Flag {
    const HELP: Flag = Flag { long: "help", short: Some(b'h'), takes: Takes::Nothing, is_list: false };

    fn of(flag: &FlagInfo<'static>) -> Self {
        Flag {
            long: flag.long.trim_start_matches('-'),
            short: flag.short.and_then(|short| u8::try_from(short).ok()),
            takes: match flag.kind {
                FlagInfoKind::Switch => Takes::Nothing,
                FlagInfoKind::Option { arg_name: "folder" | "file" | "name" } => Takes::Path,
                FlagInfoKind::Option { .. } => Takes::Text,
            },
            is_list: matches!(flag.optionality, Optionality::Repeating),
        }
    }
}

/// What follows an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    Nothing,
    Text,
    Path,
}

/// What a line of a configuration file is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// An option's long name without hyphens, or that of the argument which is typed without one.
    pub name: &'static str,
    /// It may be given again.
    pub is_list: bool,
    /// It is typed without a name.
    pub is_single: bool,
}

/// What a command line may hold.
pub struct Grammar {
    flags: Vec<Flag>,
    /// What the one argument is called that is not an option; none if there may be more of them.
    single: Option<&'static str>,
    /// Subcommands in full, such as `camrec check`: a first word that the caller looks for, and that people misplace.
    commands: Vec<String>,
}

impl Grammar {
    /// That of `Options`.
    pub fn of<Options: ArgsInfo>(commands: Vec<String>) -> Self {
        let info = Options::get_args_info();
        let single =
            info.positionals.last().filter(|last| !matches!(last.optionality, Optionality::Repeating));
        Grammar {
            flags: info.flags.iter().map(Flag::of).chain([Flag::HELP]).collect(),
            single: single.map(|last| last.name),
            commands,
        }
    }

    /// What this name stands for in a configuration file.
    ///
    /// # Errors
    /// There is no such option; which was probably meant.
    pub fn entry(&self, name: &[u8]) -> Result<Entry, String> {
        if let Some(single) = self.single.filter(|single| single.as_bytes() == name) {
            return Ok(Entry { name: single, is_list: false, is_single: true });
        }
        if let Some(flag) = self.long(name) {
            // a switch may be counted
            let is_list = flag.is_list || flag.takes == Takes::Nothing;
            return Ok(Entry { name: flag.long, is_list, is_single: false });
        }
        let typed = shown(OsStr::from_bytes(name));
        Err(match self.meant(name) {
            Some(meant) => format!("there is no option {typed}: did you mean {meant}?"),
            None => format!("there is no option {typed}"),
        })
    }

    /// What was meant by a name that is none, in a configuration file.
    fn meant(&self, name: &[u8]) -> Option<String> {
        if let [b'-', letter] = name {
            return self.short(*letter).map(|flag| flag.long.to_owned());
        }
        let single = self.single.unwrap_or_default();
        if name.contains(&b'/') && !single.is_empty() {
            return Some(format!("{single} {}", shown(OsStr::from_bytes(name))));
        }
        let is_single = distance(name, single.as_bytes()) <= NEAR.min(name.len() / 2);
        is_single.then_some(single).or_else(|| self.nearest(name)).map(str::to_owned)
    }

    fn long(&self, name: &[u8]) -> Option<Flag> {
        self.flags.iter().find(|flag| flag.long.as_bytes() == name).copied()
    }

    fn short(&self, name: u8) -> Option<Flag> {
        self.flags.iter().find(|flag| flag.short == Some(name)).copied()
    }

    /// The subcommand of this name.
    fn command(&self, name: &[u8]) -> Option<&str> {
        let is_named = |command: &&String| command.rsplit(' ').next().map(str::as_bytes) == Some(name);
        self.commands.iter().find(is_named).map(String::as_str)
    }

    /// The option that was probably meant.
    fn nearest(&self, typed: &[u8]) -> Option<&'static str> {
        let plain =
            |name: &[u8]| name.to_ascii_lowercase().into_iter().filter(u8::is_ascii_alphanumeric).collect();
        let typed: Vec<u8> = plain(typed);
        let distances = self.flags.iter().map(|flag| {
            let long: Vec<u8> = plain(flag.long.as_bytes());
            let is_part = typed.len() > 2 && long != typed && long.starts_with(&typed);
            (if is_part { 1 } else { distance(&typed, &long) }, flag.long)
        });
        let most = NEAR.min(typed.len() / 2);
        distances.min_by_key(|(far, _)| *far).filter(|(far, _)| *far <= most).map(|(_, long)| long)
    }

    /// What is said of an option that there is not. `name`: without its hyphens and its value.
    fn unknown(&self, arg: &[u8], name: &[u8]) -> String {
        let arg = shown(OsStr::from_bytes(split(arg).0));
        match (self.command(name), self.nearest(name)) {
            (Some(command), _) => format!("Unrecognized argument: {arg}: did you mean {command}?"),
            (None, Some(long)) => format!("Unrecognized argument: {arg}: did you mean --{long}?"),
            (None, None) => format!("Unrecognized argument: {arg}"),
        }
    }
}

/// The arguments as argh reads them. `home`: where a `~` leads.
///
/// # Errors
/// What is wrong with one of them, in one line.
pub fn spell_out(
    typed: &[OsString],
    grammar: &Grammar,
    home: Option<&OsStr>,
) -> Result<Vec<OsString>, String> {
    let mut line = Line { grammar, home, options: Vec::new(), others: Vec::new() };
    let mut typed = typed.iter();
    while let Some(arg) = typed.next() {
        match arg.as_bytes() {
            b"--" => typed.by_ref().try_for_each(|arg| line.other(arg))?,
            [b'-', b'-', long @ ..] => line.long(arg.as_bytes(), long, &mut typed)?,
            [b'-', letters @ ..] if !letters.is_empty() => line.short(arg.as_bytes(), letters, &mut typed)?,
            _ => line.other(arg)?,
        }
    }
    Ok(line.spelled_out())
}

/// Arguments that are spelled out, as argh understands them.
///
/// # Errors
/// What it has to say: help, or an error.
pub fn understand<Options: FromArgs>(command: &str, args: &[OsString]) -> Result<Options, EarlyExit> {
    let args: Vec<String> = args.iter().map(|arg| disguise(arg)).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    Options::from_args(&[command], &args)
}

/// An error of argh's, which has more lines.
pub fn in_a_line(output: &str) -> String {
    output.lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join(" ")
}

/// A command line, as far as it is read.
struct Line<'a> {
    grammar: &'a Grammar,
    home: Option<&'a OsStr>,
    options: Vec<(Flag, Option<OsString>)>,
    others: Vec<OsString>,
}

impl Line<'_> {
    /// `--option value` or `--option=value`. `rest`: where the value may be.
    fn long<'a>(
        &mut self,
        arg: &[u8],
        long: &[u8],
        rest: &mut impl Iterator<Item = &'a OsString>,
    ) -> Result<(), String> {
        let (name, glued) = split(long);
        let flag = self.grammar.long(name).ok_or_else(|| self.grammar.unknown(arg, name))?;
        match glued {
            Some(_) if flag.takes == Takes::Nothing => Err(format!("--{} takes no value", flag.long)),
            Some(glued) => self.option(flag, Some(OsStr::from_bytes(glued))),
            None => self.option_with(flag, &format!("--{}", flag.long), rest),
        }
    }

    /// One letter or more: switches, of which the last may be an option with its value glued to it or behind it.
    fn short<'a>(
        &mut self,
        arg: &[u8],
        mut letters: &[u8],
        rest: &mut impl Iterator<Item = &'a OsString>,
    ) -> Result<(), String> {
        while let [letter, behind @ ..] = letters {
            let unknown = || self.grammar.unknown(arg, arg.get(1..).unwrap_or_default());
            let flag = self.grammar.short(*letter).ok_or_else(unknown)?;
            if flag.takes != Takes::Nothing && !behind.is_empty() {
                let glued = behind.strip_prefix(b"=").unwrap_or(behind);
                return self.option(flag, Some(OsStr::from_bytes(glued)));
            }
            self.option_with(flag, &format!("-{}", char::from(*letter)), rest)?;
            letters = behind;
        }
        Ok(())
    }

    /// An option that has its value, if it takes one, in the next argument. `name`: as it was typed.
    fn option_with<'a>(
        &mut self,
        flag: Flag,
        name: &str,
        rest: &mut impl Iterator<Item = &'a OsString>,
    ) -> Result<(), String> {
        match flag.takes {
            Takes::Nothing => self.option(flag, None),
            _ => {
                let value = rest.next().ok_or_else(|| format!("No value provided for option '{name}'."))?;
                self.option(flag, Some(value))
            }
        }
    }

    /// Enters an option. One that has a value, and is not a list, means the last value.
    fn option(&mut self, flag: Flag, typed: Option<&OsStr>) -> Result<(), String> {
        let value = typed.map(|typed| value(typed, flag.takes, self.home)).transpose()?;
        if value.is_some() && !flag.is_list {
            self.options.retain(|(other, _)| other.long != flag.long);
        }
        self.options.push((flag, value));
        Ok(())
    }

    /// Enters an argument that belongs to no option.
    fn other(&mut self, arg: &OsStr) -> Result<(), String> {
        if let (Some(single), Some(first)) = (self.grammar.single, self.others.first()) {
            return Err(match self.grammar.command(first.as_bytes()) {
                Some(command) => format!("{}: {command} is written first", shown(first)),
                None => format!("{}: one {single} at a time", shown(arg)),
            });
        }
        self.others.push(value(arg, Takes::Path, self.home)?);
        Ok(())
    }

    /// Whoever asks for help gets it, whatever else was typed.
    fn spelled_out(self) -> Vec<OsString> {
        if self.options.iter().any(|(flag, _)| flag.long == Flag::HELP.long) {
            return vec!["--help".into()];
        }
        let options = self
            .options
            .into_iter()
            .flat_map(|(flag, value)| [Some(format!("--{}", flag.long).into()), value].into_iter().flatten());
        options.chain(["--".into()]).chain(self.others).collect()
    }
}

/// What stands before the first `=`, and behind it.
fn split(long: &[u8]) -> (&[u8], Option<&[u8]>) {
    match long.iter().position(|byte| *byte == b'=') {
        Some(at) => (&long[..at], Some(&long[at + 1..])),
        None => (long, None),
    }
}

/// An option's value, or an argument that belongs to no option.
fn value(typed: &OsStr, takes: Takes, home: Option<&OsStr>) -> Result<OsString, String> {
    match typed.as_bytes() {
        [b'~', rest @ ..] if takes == Takes::Path && (rest.is_empty() || rest.starts_with(b"/")) => {
            match home {
                Some(home) if !home.is_empty() => {
                    let mut path = home.to_owned();
                    path.push(OsStr::from_bytes(rest));
                    Ok(path)
                }
                _ => Err(format!("{}: HOME is not set: write the whole path", shown(typed))),
            }
        }
        [b'~', ..] if takes == Takes::Path => {
            let typed = shown(typed);
            Err(format!("{typed}: write the whole path, or ./{typed} if it is called so"))
        }
        _ => Ok(typed.to_owned()),
    }
}

/// How many bytes have to be changed, left out or put in to make one of the other.
fn distance(from: &[u8], to: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (at, a) in from.iter().enumerate() {
        let mut before = std::mem::replace(&mut row[0], at + 1);
        for (column, b) in to.iter().enumerate() {
            let changed = before + usize::from(a != b);
            before = row[column + 1];
            row[column + 1] = changed.min(before + 1).min(row[column] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

/// Of several things, each of which a program does and then ends, one alone would be done, and the others would be left out without a
/// word. Each has the name of its option, and whether it was asked for.
pub fn one_at_most(program: &str, each: &[(&str, bool)]) -> Result<(), ExitError> {
    let mut asked = each.iter().filter(|(_, is_asked)| *is_asked).map(|(name, _)| name);
    match (asked.next(), asked.next()) {
        (Some(one), Some(other)) => Err(usage(format!(
            "{one} and {other}: {program} does one of these, and then ends: run it once for each"
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{cast, rec, tools};
    use proptest::prelude::*;
    use std::os::unix::ffi::OsStringExt;

    fn spell<Options: ArgsInfo>(args: &[&str]) -> Result<Vec<String>, String> {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        let commands = ["check", "export", "sheet"].map(|name| format!("camrec {name}")).to_vec();
        let args = spell_out(&args, &Grammar::of::<Options>(commands), Some(OsStr::new("/home/me")))?;
        Ok(args.into_iter().map(|arg| arg.into_string().unwrap()).collect())
    }

    fn cast(args: &[&str]) -> Result<Vec<String>, String> {
        spell::<cast::options::Options>(args)
    }

    fn rec(args: &[&str]) -> Result<Vec<String>, String> {
        spell::<rec::options::Options>(args)
    }

    #[test]
    fn values_may_stand_behind_an_equals_sign_or_at_once() {
        assert_eq!(rec(&["pi", "--keep=1G"]).unwrap(), ["--keep", "1G", "--", "pi"]);
        assert_eq!(rec(&["--name=a=b.mkv"]).unwrap(), ["--name", "a=b.mkv", "--"]);
        assert_eq!(rec(&["--on-segment="]).unwrap(), ["--on-segment", "", "--"]);
        let spelled = ["--resolution", "640x480", "--desired-fps", "5", "--"];
        assert_eq!(cast(&["-r640x480", "-f=5"]).unwrap(), spelled);
        assert_eq!(rec(&["-o-"]).unwrap(), ["--output", "-", "--"]);
    }

    #[test]
    fn letters_may_stand_together() {
        assert_eq!(rec(&["-vv", "-v"]).unwrap(), ["--verbose", "--verbose", "--verbose", "--"]);
        assert_eq!(rec(&["-vo", "out"]).unwrap(), ["--verbose", "--output", "out", "--"]);
        assert_eq!(rec(&["-vvoout"]).unwrap(), ["--verbose", "--verbose", "--output", "out", "--"]);
        assert_eq!(rec(&["-vx"]).unwrap_err(), "Unrecognized argument: -vx");
        assert_eq!(cast(&["-list"]).unwrap_err(), "Unrecognized argument: -list: did you mean --list?");
    }

    #[test]
    fn of_a_repeated_option_the_last_value_counts() {
        assert_eq!(rec(&["--keep", "1G", "--keep", "2G"]).unwrap(), ["--keep", "2G", "--"]);
        assert_eq!(rec(&["--keep=1G", "--utc", "--keep=2G"]).unwrap(), ["--utc", "--keep", "2G", "--"]);
        assert_eq!(rec(&["-oa", "-o", "b", "--output=c"]).unwrap(), ["--output", "c", "--"]);
        assert_eq!(rec(&["--output=c", "-ob"]).unwrap(), ["--output", "b", "--"]);
        assert_eq!(rec(&["--frames", "some", "--frames", "3"]).unwrap(), ["--frames", "3", "--"]);
        // argh takes a switch as often as it comes
        assert_eq!(rec(&["--utc", "--utc"]).unwrap(), ["--utc", "--utc", "--"]);
        let listen = ["--listen", ":1", "--listen", ":2", "--control", "a=1", "--control", "a=2", "--"];
        assert_eq!(
            cast(&["--listen=:1", "--listen=:2", "--control", "a=1", "--control=a=2"]).unwrap(),
            listen
        );
    }

    #[test]
    fn a_value_is_no_option_whatever_it_looks_like() {
        assert_eq!(cast(&["--control", "--x=y"]).unwrap(), ["--control", "--x=y", "--"]);
        let spelled = rec(&["--name", "-vv", "--", "--keep=1"]).unwrap();
        assert_eq!(spelled, ["--name", "-vv", "--", "--keep=1"]);
        assert_eq!(cast(&["-"]).unwrap(), ["--", "-"], "standard input");
        assert_eq!(rec(&["--keep"]).unwrap_err(), "No value provided for option '--keep'.");
        assert_eq!(rec(&["-vo"]).unwrap_err(), "No value provided for option '-o'.");
    }

    #[test]
    fn who_asks_for_help_gets_it() {
        for args in [&["-h"][..], &["--help"], &["pi", "-vh", "--keep=1G"], &["--help", "--utc"]] {
            assert_eq!(rec(args).unwrap(), ["--help"], "{args:?}");
        }
        assert_eq!(rec(&["--", "--help"]).unwrap(), ["--", "--help"]);
    }

    #[test]
    fn there_is_one_host_and_there_are_many_files() {
        assert_eq!(rec(&["pi", "other"]).unwrap_err(), "other: one host at a time");
        assert_eq!(cast(&["pattern", "-"]).unwrap_err(), "-: one source at a time");
        let files = spell::<tools::check::Options>(&["a", "--json", "b"]).unwrap();
        assert_eq!(files, ["--json", "--", "a", "b"]);
    }

    #[test]
    fn a_command_in_the_wrong_place_is_answered_with_the_right_one() {
        let meant = "Unrecognized argument: --check: did you mean camrec check?";
        assert_eq!(rec(&["--check", "a.mkv"]).unwrap_err(), meant);
        assert_eq!(rec(&["a.mkv", "--check=a"]).unwrap_err(), meant);
        assert_eq!(rec(&["-v", "check", "a.mkv"]).unwrap_err(), "check: camrec check is written first");
        assert_eq!(rec(&["-v", "check"]).unwrap(), ["--verbose", "--", "check"], "a host");
    }

    #[test]
    fn a_misspelt_option_is_answered_with_the_one_that_was_meant() {
        let meant =
            |typed: &str| rec(&[typed]).unwrap_err().rsplit_once("did you mean --").unwrap().1.to_owned();
        assert_eq!(meant("--keepfor=7d"), "keep-for?");
        assert_eq!(meant("--keep_for"), "keep-for?");
        assert_eq!(meant("--KEEP"), "keep?");
        assert_eq!(meant("--minfree"), "min-free?");
        assert_eq!(meant("--dur"), "duration?");
        assert_eq!(meant("--segmnet"), "segment?");
        assert_eq!(meant("--out"), "output?");
        assert_eq!(rec(&["--xyzzy=1"]).unwrap_err(), "Unrecognized argument: --xyzzy");
        assert_eq!(rec(&["--every=1"]).unwrap_err(), "--every takes no value");
        assert!(cast(&["--resolutoin", "1x1"]).unwrap_err().ends_with("--resolution?"));
    }

    #[test]
    fn a_tilde_is_a_home_where_a_path_is_meant() {
        assert_eq!(rec(&["--output=~/rec"]).unwrap(), ["--output", "/home/me/rec", "--"]);
        assert_eq!(rec(&["-o", "~", "~/a.mkv"]).unwrap(), ["--output", "/home/me", "--", "/home/me/a.mkv"]);
        assert_eq!(cast(&["~/jpegs"]).unwrap(), ["--", "/home/me/jpegs"]);
        let sheet = spell::<tools::sheet::Options>(&["a.mkv", "-o", "~/a.jpg"]).unwrap();
        assert_eq!(sheet, ["--output", "/home/me/a.jpg", "--", "a.mkv"]);
        assert_eq!(rec(&["--on-segment", "~/up"]).unwrap()[1], "~/up", "the shell does it");
        assert_eq!(rec(&["-o", "a~/b"]).unwrap()[1], "a~/b");
        assert!(rec(&["-o", "~bob/rec"]).unwrap_err().contains("./~bob/rec"));
        let none = Grammar { flags: Vec::new(), single: None, commands: Vec::new() };
        assert!(spell_out(&["~/a".into()], &none, None).unwrap_err().contains("HOME"));
    }

    proptest! {
        /// Bytes that are no text go through as they are.
        #[test]
        fn nothing_that_is_typed_is_a_panic(args in prop::collection::vec(prop::collection::vec(1_u8.., 0..12), 0..6)) {
            let typed: Vec<OsString> = args.into_iter().map(OsString::from_vec).collect();
            let is_plain = typed.iter().all(|arg| !arg.as_bytes().starts_with(b"-") && !arg.as_bytes().starts_with(b"~"));
            let files = Grammar::of::<tools::check::Options>(Vec::new());
            let _ = spell_out(&typed, &Grammar::of::<rec::options::Options>(Vec::new()), None);
            let spelt = spell_out(&typed, &files, None);
            if is_plain {
                prop_assert_eq!(spelt, Ok([&["--".into()], &typed[..]].concat()));
            }
        }
    }
}
