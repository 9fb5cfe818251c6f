//! The command line as people type it, spelled out as argh reads it.
//!
//! argh wants `--option value`, `-o value` and each switch by itself. People also type `--option=value`, `-r640x480`, `-vv`, and
//! a lone `-` for standard input or output; and a `~` that the shell has left alone, since it stood in quotes or behind `=`, is
//! still meant as their home. Arguments are octets here: a path need not be UTF-8.

use crate::shown::shown;
use argh::{ArgsInfo, FlagInfoKind};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// A misspelt option is taken for one that is no further away than this.
const NEAR: usize = 3;

/// An option or a switch.
struct Flag {
    long: &'static str,
    short: Option<u8>,
    takes: Takes,
}

/// What follows an option.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    Text,
    Path,
}

/// The options of a program.
pub(super) struct Flags(Vec<Flag>);

impl Flags {
    /// Those of `Options`.
    pub(super) fn of<Options: ArgsInfo>() -> Self {
        let flags = Options::get_args_info().flags;
        let flag = |flag: &argh::FlagInfo<'static>| Flag {
            long: flag.long.trim_start_matches('-'),
            short: flag.short.and_then(|short| u8::try_from(short).ok()),
            takes: match flag.kind {
                FlagInfoKind::Switch => Takes::Nothing,
                FlagInfoKind::Option { arg_name: "folder" | "file" } => Takes::Path,
                FlagInfoKind::Option { .. } => Takes::Text,
            },
        };
        Flags(flags.iter().map(flag).collect())
    }

    fn long(&self, name: &[u8]) -> Option<&Flag> {
        self.0.iter().find(|flag| flag.long.as_bytes() == name)
    }

    fn short(&self, name: u8) -> Option<&Flag> {
        self.0.iter().find(|flag| flag.short == Some(name))
    }

    /// The option that was probably meant.
    fn nearest(&self, typed: &[u8]) -> Option<&'static str> {
        let plain =
            |name: &[u8]| name.to_ascii_lowercase().into_iter().filter(u8::is_ascii_alphanumeric).collect();
        let typed: Vec<u8> = plain(typed);
        let distances = self.0.iter().map(|flag| {
            let long: Vec<u8> = plain(flag.long.as_bytes());
            let is_part = typed.len() > 2 && long.starts_with(&typed);
            (if is_part { 1 } else { distance(&typed, &long) }, flag.long)
        });
        let most = NEAR.min(typed.len() / 2);
        distances.min_by_key(|(far, _)| *far).filter(|(far, _)| *far <= most).map(|(_, long)| long)
    }
}

/// The arguments as argh reads them. `home`: where a `~` leads.
///
/// # Errors
/// What is wrong with one of them, in one line.
pub(super) fn spell_out(
    typed: impl IntoIterator<Item = OsString>,
    flags: &Flags,
    home: Option<&OsStr>,
) -> Result<Vec<OsString>, String> {
    let (mut args, mut typed) = (Vec::new(), typed.into_iter());
    while let Some(arg) = typed.next() {
        if arg == "--" {
            args.push(arg);
            let rest = typed.map(|arg| value(&arg, Takes::Path, home));
            args.extend(rest.collect::<Result<Vec<_>, _>>()?);
            break;
        }
        let takes = option(&arg, flags, home, &mut args)?;
        if takes != Takes::Nothing {
            // without one, argh says what is missing
            args.extend(typed.next().map(|typed| value(&typed, takes, home)).transpose()?);
        }
    }
    Ok(args)
}

/// One argument; returns what the next one is to it.
fn option(
    arg: &OsStr,
    flags: &Flags,
    home: Option<&OsStr>,
    args: &mut Vec<OsString>,
) -> Result<Takes, String> {
    match arg.as_bytes() {
        [b'-', b'-', long @ ..] => {
            let (name, glued) = split(long);
            let flag = flags.long(name);
            if flag.is_none() && name != b"help" {
                return Err(unknown(arg, name, flags));
            }
            let takes = flag.map_or(Takes::Nothing, |flag| flag.takes);
            args.push(OsString::from_vec([b"--", name].concat()));
            match glued {
                Some(_) if takes == Takes::Nothing => {
                    Err(format!("--{} takes no value", shown(OsStr::from_bytes(name))))
                }
                Some(glued) => {
                    args.push(value(OsStr::from_bytes(glued), takes, home)?);
                    Ok(Takes::Nothing)
                }
                None => Ok(takes),
            }
        }
        [b'-', short, rest @ ..] => {
            let takes = flags.short(*short).map_or(Takes::Nothing, |flag| flag.takes);
            if takes != Takes::Nothing && !rest.is_empty() {
                args.push(OsString::from_vec(vec![b'-', *short]));
                args.push(value(OsStr::from_bytes(rest.strip_prefix(b"=").unwrap_or(rest)), takes, home)?);
                return Ok(Takes::Nothing);
            }
            // -vv
            let is_again = flags.short(*short).is_some() && rest.iter().all(|again| again == short);
            let times = if is_again { rest.len() + 1 } else { 1 };
            let arg = if is_again { OsString::from_vec(vec![b'-', *short]) } else { arg.to_owned() };
            args.extend(std::iter::repeat_n(arg, times));
            Ok(takes)
        }
        _ => {
            args.push(value(arg, Takes::Path, home)?);
            Ok(Takes::Nothing)
        }
    }
}

/// What stands before the first `=`, and behind it.
fn split(long: &[u8]) -> (&[u8], Option<&[u8]>) {
    match long.iter().position(|octet| *octet == b'=') {
        Some(at) => (&long[..at], Some(&long[at + 1..])),
        None => (long, None),
    }
}

/// An option's value, or an argument that is none of an option.
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

fn unknown(arg: &OsStr, name: &[u8], flags: &Flags) -> String {
    let (arg, _) = split(arg.as_bytes());
    let arg = shown(OsStr::from_bytes(arg));
    match flags.nearest(name) {
        Some(long) => format!("Unrecognized argument: {arg}: did you mean --{long}?"),
        None => format!("Unrecognized argument: {arg}"),
    }
}

/// How many octets have to be changed, left out or put in to make one of the other.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{cast, rec};
    use proptest::prelude::*;

    fn spell<Options: ArgsInfo>(args: &[&str]) -> Result<Vec<String>, String> {
        let args = args.iter().map(OsString::from);
        let args = spell_out(args, &Flags::of::<Options>(), Some(OsStr::new("/home/me")))?;
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
        assert_eq!(rec(&["pi", "--keep=1G"]).unwrap(), ["pi", "--keep", "1G"]);
        assert_eq!(rec(&["--name=a=b.mkv"]).unwrap(), ["--name", "a=b.mkv"]);
        assert_eq!(rec(&["--on-segment="]).unwrap(), ["--on-segment", ""]);
        assert_eq!(cast(&["-r640x480", "-f=5"]).unwrap(), ["-r", "640x480", "-f", "5"]);
        assert_eq!(cast(&["--control=gain=7", "--control", "hue=1"]).unwrap()[..2], ["--control", "gain=7"]);
        assert_eq!(rec(&["-vv", "-vvv", "-v"]).unwrap(), ["-v"; 6]);
        assert_eq!(rec(&["-o-"]).unwrap(), ["-o", "-"]);
    }

    #[test]
    fn a_value_is_no_option_whatever_it_looks_like() {
        assert_eq!(cast(&["--control", "--x=y"]).unwrap(), ["--control", "--x=y"]);
        assert_eq!(
            rec(&["--name", "-vv", "--", "--keep=1", "-"]).unwrap(),
            ["--name", "-vv", "--", "--keep=1", "-"]
        );
        assert_eq!(rec(&["--keep"]).unwrap(), ["--keep"], "argh says what is missing");
        assert_eq!(rec(&["-h", "--help", "-x"]).unwrap(), ["-h", "--help", "-x"]);
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
        assert_eq!(rec(&["--output=~/rec"]).unwrap(), ["--output", "/home/me/rec"]);
        assert_eq!(rec(&["-o", "~", "~/a.mkv"]).unwrap(), ["-o", "/home/me", "/home/me/a.mkv"]);
        assert_eq!(cast(&["~/jpegs"]).unwrap(), ["/home/me/jpegs"]);
        assert_eq!(rec(&["--on-segment", "~/up"]).unwrap(), ["--on-segment", "~/up"], "the shell does it");
        assert_eq!(rec(&["-o", "a~/b"]).unwrap(), ["-o", "a~/b"]);
        assert!(rec(&["-o", "~bob/rec"]).unwrap_err().contains("./~bob/rec"));
        let none = spell_out(["~/a".into()], &Flags(Vec::new()), None);
        assert!(none.unwrap_err().contains("HOME"));
    }

    proptest! {
        /// Octets that are no text go through as they are.
        #[test]
        fn nothing_that_is_typed_is_a_panic(args in prop::collection::vec(prop::collection::vec(1_u8.., 0..12), 0..6)) {
            let typed: Vec<OsString> = args.into_iter().map(OsString::from_vec).collect();
            let is_plain = typed.iter().all(|arg| !arg.as_bytes().starts_with(b"-") && !arg.as_bytes().starts_with(b"~"));
            let spelt = spell_out(typed.clone(), &Flags::of::<rec::options::Options>(), None);
            if is_plain {
                prop_assert_eq!(spelt, Ok(typed));
            }
        }
    }
}
