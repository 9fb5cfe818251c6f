//! Options in a file, for `--config`: one a line, as it is typed but for the hyphens. What was typed wins.
//!
//! ```text
//! # the door
//! source /dev/v4l/by-id/usb-Door-index0
//! resolution 1280x720
//! http 0.0.0.0:8080
//! no-plain
//! ```
//!
//! A line is read by itself first, so that what is wrong with it is told by its number; a value that is no good, or does not fit
//! to others, is known when all are together, and is then looked for here ([`ConfigFile::place`]).

use super::args::{self, Entry, Grammar};
use super::argument::Argument;
use super::exit::{Exit, ExitError, usage};
use crate::shown::shown;
use argh::{ArgsInfo, FromArgs};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// The longest file, in bytes.
const MAX_FILE: u64 = 64 * 1024;

/// What `--check-config` says of what is right, as far as that shows before a camera is opened or a host asked.
pub const FINE: &str = "the options are fine";

/// Options that a file may have.
pub trait InFile: FromArgs + ArgsInfo {
    /// What is typed only: what is done instead, and the file itself.
    const TYPED_ONLY: &'static [&'static str];

    /// The file that was named.
    fn file(&self) -> Option<&Argument>;

    /// What was typed, or else what the file says.
    #[must_use]
    fn over(self, file: Self) -> Self;
}

/// A file that was read.
#[derive(Debug)]
pub struct ConfigFile {
    path: PathBuf,
    lines: Vec<Line>,
}

/// A line with an option, or with what is typed without one.
#[derive(Debug)]
struct Line {
    number: usize,
    /// Long, without hyphens.
    name: &'static str,
    /// It would be typed without a name.
    is_single: bool,
    /// As it would be typed.
    typed: OsString,
    value: Option<OsString>,
}

impl Line {
    /// Its value, as messages have it.
    fn shown(&self) -> Option<String> {
        self.value.as_ref().map(|value| shown(value).to_string())
    }
}

impl ConfigFile {
    /// Reads a file of options that `grammar` knows. `home`: where a `~` leads.
    ///
    /// # Errors
    /// It cannot be read, or a line is none: which, and why.
    pub fn read<Options: InFile>(
        file: &Argument,
        grammar: &Grammar,
        home: Option<&OsStr>,
    ) -> Result<(Self, Options), ExitError> {
        let path = file.path();
        let mut text = Vec::new();
        let opened = File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut text));
        opened.map_err(|error| usage(format!("--config {}: {error}", shown(path))))?;
        if text.len() as u64 > MAX_FILE {
            return Err(usage(format!("--config {}: longer than {MAX_FILE} bytes", shown(path))));
        }
        Self::parse(path.into(), &text, grammar, home)
    }

    fn parse<Options: InFile>(
        path: PathBuf,
        text: &[u8],
        grammar: &Grammar,
        home: Option<&OsStr>,
    ) -> Result<(Self, Options), ExitError> {
        let mut file = ConfigFile { path, lines: Vec::new() };
        // some editors begin a file with a mark
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        for (bytes, number) in text.split(|byte| *byte == b'\n').zip(1..) {
            let line = file.line::<Options>(bytes, number, grammar, home);
            file.lines.extend(line.map_err(|why| usage(format!("{}:{number}: {why}", shown(&file.path))))?);
        }
        let typed = |is_single| {
            file.lines.iter().filter(move |line| line.is_single == is_single).map(|line| line.typed.clone())
        };
        let all: Vec<OsString> = typed(false).chain(["--".into()]).chain(typed(true)).collect();
        let options = read_as_typed(&all, grammar, home)
            .map_err(|why| usage(format!("{}: {why}", shown(&file.path))))?;
        Ok((file, options))
    }

    /// What a line holds, if anything.
    fn line<Options: InFile>(
        &self,
        bytes: &[u8],
        number: usize,
        grammar: &Grammar,
        home: Option<&OsStr>,
    ) -> Result<Option<Line>, String> {
        let bytes = bytes.trim_ascii();
        if bytes.is_empty() || bytes.starts_with(b"#") {
            return Ok(None);
        }
        if bytes.contains(&0) {
            return Err("a zero byte: this is no text".into());
        }
        let (name, value) = split(bytes);
        let value = value.map(|value| OsString::from_vec(unquoted(value).to_vec()));
        let Entry { name, is_list, is_single } = grammar.entry(name)?;
        if Options::TYPED_ONLY.contains(&name) {
            return Err(format!("{name} is for the command line, and not for a file"));
        }
        if let Some(other) = self.lines.iter().find(|other| other.name == name && !is_list) {
            return Err(format!("{name} stands in line {} already", other.number));
        }
        let typed = match &value {
            Some(value) if is_single => value.clone(),
            Some(value) => [OsStr::new("--"), OsStr::new(name), OsStr::new("="), value].into_iter().collect(),
            None if is_single => return Err(format!("{name} wants a value")),
            None => format!("--{name}").into(),
        };
        let alone = [typed.clone()];
        let alone = if is_single { [&["--".into()], &alone[..]].concat() } else { alone.into() };
        read_as_typed::<Options>(&alone, grammar, home)?;
        Ok(Some(Line { number, name, is_single, typed, value }))
    }

    /// Names of options for which this file says something else than `before`.
    pub fn differences(&self, before: &Self) -> Vec<&'static str> {
        let all = self.lines.iter().chain(&before.lines);
        let mut names: Vec<_> = all.map(|line| line.name).collect();
        names.sort_unstable();
        names.dedup();
        let values = |file: &Self, name: &str| {
            let lines = file.lines.iter().filter(|line| line.name == name);
            lines.map(|line| line.typed.clone()).collect::<Vec<_>>()
        };
        names.retain(|name| values(self, name) != values(before, name));
        names
    }

    /// Tells of an error where in this file it lies, if it is about an option of it. `typed`: what was typed, as argh reads it.
    #[must_use]
    pub fn place(&self, error: ExitError, typed: &[OsString]) -> ExitError {
        let message = error.to_string();
        let (first, rest) = message.split_once([' ', ':']).unwrap_or((&message, ""));
        let about = if first == "-o" { "output" } else { first.trim_start_matches('-') };
        // what was typed has won
        if error.exit != Exit::Usage || is_typed(about, typed) {
            return error;
        }
        let lines = || self.lines.iter().filter(|line| line.name == about);
        // the longest that it may be: others may begin alike
        let named = |line: &&Line| {
            line.shown().filter(|value| rest.trim_start().starts_with(value)).map(|value| value.len())
        };
        match lines().max_by_key(named) {
            Some(line) => {
                usage(format!("{}:{}: {}", shown(&self.path), line.number, message.trim_start_matches('-')))
            }
            None => error,
        }
    }
}

/// Whether an option was typed, in words as argh reads them.
pub fn is_typed(name: &str, typed: &[OsString]) -> bool {
    let mut options = typed.iter().take_while(|arg| *arg != "--");
    options.any(|arg| arg.as_bytes().strip_prefix(b"--") == Some(name.as_bytes()))
}

/// A name, and what stands behind it: `name value`, or `name=value`.
fn split(line: &[u8]) -> (&[u8], Option<&[u8]>) {
    let line = line.strip_prefix(b"--").unwrap_or(line);
    let end = line.iter().position(|byte| byte.is_ascii_whitespace() || *byte == b'=');
    let Some((name, rest)) = end.and_then(|end| line.split_at_checked(end)) else { return (line, None) };
    let rest = rest.trim_ascii_start();
    (name, Some(rest.strip_prefix(b"=").unwrap_or(rest).trim_ascii_start()))
}

/// A value as it stood in quotes, if all of it did.
fn unquoted(value: &[u8]) -> &[u8] {
    match value {
        [first @ (b'"' | b'\''), inner @ .., last] if first == last && !inner.contains(first) => inner,
        _ => value,
    }
}

/// Options that were typed so.
fn read_as_typed<Options: FromArgs>(
    typed: &[OsString],
    grammar: &Grammar,
    home: Option<&OsStr>,
) -> Result<Options, String> {
    let spelled = args::spell_out(typed, grammar, home)?;
    args::understand("", &spelled).map_err(|early| args::in_a_line(&early.output))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{cast, rec};
    use proptest::prelude::*;

    fn read<Options: InFile>(text: &[u8]) -> Result<(ConfigFile, Options), String> {
        let grammar = Grammar::of::<Options>(Vec::new());
        let home = Some(OsStr::new("/home/me"));
        ConfigFile::parse("a.conf".into(), text, &grammar, home).map_err(|error| error.to_string())
    }

    fn cast(text: &str) -> Result<(ConfigFile, cast::options::Options), String> {
        read(text.as_bytes())
    }

    fn refused(text: &str) -> String {
        cast(text).unwrap_err()
    }

    #[test]
    fn a_line_is_an_option_as_typed() {
        let text = "\n# the door\nsource  /dev/video2 \r\n--resolution 1280x720\nhttp :8080\nhttp=/run/sock\n  no-plain\n\
                    desired-fps = 5\ncontrol exposure_time=7\nclient-log \"~/a b#c\"\nverbose\nverbose";
        let options = cast(text).unwrap().1;
        let expected = cast::options::Options {
            source: Some("/dev/video2".into()),
            resolution: Some("1280x720".into()),
            http: vec![":8080".into(), "/run/sock".into()],
            no_plain: true,
            desired_fps: Some("5".into()),
            control: vec!["exposure_time=7".into()],
            client_log: Some("/home/me/a b#c".into()),
            verbose: 2,
            ..Default::default()
        };
        assert_eq!(options, expected);
        let options = read::<rec::options::Options>(
            b"host pi.local\non-segment rclone copy \"$1\" far:\noutput caf\xe9",
        )
        .unwrap()
        .1;
        assert_eq!(options.on_segment.unwrap().text(), Some("rclone copy \"$1\" far:"));
        assert_eq!(options.output.unwrap().os().as_bytes(), b"caf\xe9");
        assert_eq!(cast("\u{feff}source -").unwrap().1.source, Some("-".into()), "standard input");
        let two = read::<rec::options::Options>(b"on-segment \"/opt/my x\" \"$CAMREC_FILE\"").unwrap().1;
        assert_eq!(two.on_segment.unwrap().text(), Some("\"/opt/my x\" \"$CAMREC_FILE\""), "the shell's own");
    }

    #[test]
    fn what_is_wrong_with_a_line_is_told_by_its_number() {
        assert_eq!(refused("\nhtp :8080"), "a.conf:2: there is no option htp: did you mean http?");
        assert_eq!(refused("xyzzy"), "a.conf:1: there is no option xyzzy");
        assert_eq!(refused("resolution"), "a.conf:1: No value provided for option '--resolution'.");
        assert_eq!(refused("no-plain yes"), "a.conf:1: --no-plain takes no value");
        assert_eq!(refused("source"), "a.conf:1: source wants a value");
        assert_eq!(refused("-r 640x480"), "a.conf:1: there is no option -r: did you mean resolution?");
        assert_eq!(refused("sorce pattern"), "a.conf:1: there is no option sorce: did you mean source?");
        assert_eq!(
            refused("/dev/video0"),
            "a.conf:1: there is no option /dev/video0: did you mean source /dev/video0?"
        );
        assert_eq!(refused("mtu 1400\n\nmtu 1500"), "a.conf:3: mtu stands in line 1 already");
        assert!(refused("# 1\nquality much").starts_with("a.conf:2: "), "{}", refused("# 1\nquality much"));
        assert!(refused("mode a\0b").contains("zero byte"));
        for typed_only in ["config b.conf", "check-config", "help", "version", "list", "new-key k"] {
            assert!(refused(typed_only).contains("is for the command line"), "{typed_only}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_value_is_told_by_its_line() {
        let (file, _) =
            cast("listen :1\nreel 1K\nlisten nowhere\non-demand\nlisten :12\nlisten :1b").unwrap();
        let said = |why: &str, typed: &[&str]| {
            let typed: Vec<OsString> = typed.iter().map(OsString::from).collect();
            file.place(usage(why), &typed).to_string()
        };
        assert_eq!(said("--reel: from 1M to 4G", &["--"]), "a.conf:2: reel: from 1M to 4G");
        assert_eq!(said("--reel: from 1M to 4G", &["--reel", "1K", "--"]), "--reel: from 1M to 4G");
        assert_eq!(said("--listen nowhere: no", &["--", "--listen"]), "a.conf:3: listen nowhere: no");
        assert_eq!(said("--listen :1b: no", &[]), "a.conf:6: listen :1b: no");
        assert_eq!(said("--listen can be given 4 times", &[]), "a.conf:6: listen can be given 4 times");
        assert_eq!(
            said("--on-demand: pattern is no camera", &[]),
            "a.conf:4: on-demand: pattern is no camera"
        );
        assert_eq!(said("--once: pattern has no end", &[]), "--once: pattern has no end");
        let busy = ExitError::new(Exit::Busy, "--reel: busy");
        assert_eq!(file.place(busy.clone(), &[]), busy);
    }

    #[test]
    fn the_samples_have_each_option() {
        for (name, sample) in [
            ("camcast", sample::<cast::options::Options>("camcast")),
            ("camrec", sample::<rec::options::Options>("camrec")),
        ] {
            let path = format!("{}/systemd/{name}.conf", env!("CARGO_MANIFEST_DIR"));
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                std::fs::write(&path, &sample).unwrap();
            }
            let stands = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(stands == sample, "UPDATE_GOLDEN=1 writes {path}");
        }
        // and each line that does nothing is an option, or says something
        let wake = |text: &str| text.replace("\n#", "\n");
        assert!(refused(&wake(&sample::<cast::options::Options>("camcast"))).contains("there is no option"));
    }

    /// A file in which nothing is set.
    fn sample<Options: InFile>(program: &str) -> String {
        let info = Options::get_args_info();
        let mut text = format!(
            "# Options of {program} --config, one a line. A line that begins with # does nothing; what is typed wins.\n\
             # {program} --config FILE --check-config says what is wrong with it. Of an option that may be given again,\n\
             # each line counts.\n"
        );
        let mut add = |name: &str, value: &str, what: &str| {
            text.push('\n');
            let mut line = String::from("#");
            for word in what.split_whitespace() {
                if line.len() + 1 + word.len() > 100 {
                    text += &format!("{line}\n");
                    line = String::from("#");
                }
                line += &format!(" {word}");
            }
            text += &format!("{line}\n#{}\n", format!("{name} {value}").trim_end());
        };
        for single in info.positionals {
            add(single.name, single.name.to_uppercase().as_str(), single.description);
        }
        for flag in info.flags {
            let name = flag.long.trim_start_matches('-');
            if !Options::TYPED_ONLY.contains(&name) {
                let value = match flag.kind {
                    argh::FlagInfoKind::Switch => "",
                    argh::FlagInfoKind::Option { arg_name } => arg_name,
                };
                add(name, value, flag.description);
            }
        }
        text
    }

    proptest! {
        #[test]
        fn nothing_in_a_file_is_a_panic(text in prop::collection::vec(prop::sample::select(&b"\n#= '\"\0\xff-ahttpverbosemtu:~"[..]), 0..60)) {
            let _ = read::<cast::options::Options>(&text).map(|(file, _)| file.place(usage("--mtu"), &[]));
        }
    }
}
