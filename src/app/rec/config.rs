//! What camrec's options mean: checked, typed, with the defaults filled in.

use super::after::Wanted;
use super::feed::Output;
use super::options::Options;
use super::writer;
use crate::app::argument::{Argument, is_text};
use crate::app::exit::{Exit, Failure};
use crate::app::quantity;
use crate::record::container::{Container, Form};
use crate::record::names::Template;
use crate::record::retention::Keep;
use crate::wire::join::Policy;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

const AN_HOUR: Duration = Duration::from_secs(60 * 60);

/// camrec's configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where camcast runs.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How to join.
    pub language: Language,
    /// Where the recording goes.
    pub target: Target,
    /// When to stop by itself.
    pub limit: Limit,
    /// Octets of frames that may wait for the disk.
    pub buffer: usize,
    /// What is to be done with each finished file.
    pub after: Option<Wanted>,
    /// Programs want to be told.
    pub json: bool,
}

impl Config {
    /// Every frame is wanted: none may be skipped.
    pub fn is_every(&self) -> bool {
        self.language == Language::Native(Policy::Every)
    }

    /// Where events go, if they are wanted: to standard output, unless that is the recording.
    pub fn events(&self) -> Option<Output> {
        self.json.then_some(match self.target {
            Target::Folder(_) => Output::Out,
            Target::Pipe { .. } => Output::Err,
        })
    }
}

/// The two languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Our own.
    Native(Policy),
    /// The original protocol, with the UDP port for the frames; 0 takes any.
    Plain(u16),
}

/// Where the recording goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Files in a folder.
    Folder(Folder),
    /// Standard output.
    Pipe {
        /// One JPEG after the other rather than Matroska.
        raw: bool,
    },
}

impl Target {
    /// A file's path inside the folder: what it is called wherever it is copied to.
    pub fn name_of<'a>(&self, file: &'a Path) -> &'a Path {
        match self {
            Target::Folder(folder) => file.strip_prefix(&folder.path).unwrap_or(file),
            Target::Pipe { .. } => file,
        }
    }
}

/// A folder for files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Where it is.
    pub path: PathBuf,
    /// What the recordings are.
    pub form: Form,
    /// The files' names.
    pub names: Template,
    /// Names in UTC rather than in local time.
    pub utc: bool,
    /// The files' length.
    pub segment: Duration,
    /// Which of them are kept.
    pub keep: Keep,
    /// What to do when the disk is full.
    pub when_full: WhenFull,
    /// It is not to be made.
    pub must_exist: bool,
}

/// What to do when the disk is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// Record on as soon as there is space again.
    #[default]
    Stop,
    /// Delete the oldest recordings.
    Rotate,
}

/// When to stop by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    /// After this much of the stream, by capture times.
    pub duration: Option<Duration>,
    /// After so many frames.
    pub frames: Option<u64>,
}

impl TryFrom<Options> for Config {
    type Error = Failure;

    fn try_from(options: Options) -> Result<Self, Failure> {
        let host = match &options.host[..] {
            [host] => host,
            [] => return Err(usage("where does camcast run? camrec HOST[:PORT]")),
            [_, other, ..] => return Err(usage(format!("{other}: one host a camrec"))),
        };
        let host = host.text().ok_or_else(|| usage(format!("{host}: no host has such a name")))?;
        let (host, port) = quantity::parse_host(host).map_err(usage)?;
        let target = target(&options)?;
        Ok(Config {
            host,
            port,
            language: language(&options, &target)?,
            limit: limit(&options)?,
            buffer: buffer(options.buffer.as_deref())?,
            after: after(&options)?,
            target,
            json: options.json,
        })
    }
}

fn usage(message: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, message)
}

fn target(options: &Options) -> Result<Target, Failure> {
    if options.output.as_ref().is_some_and(Argument::is_stdio) {
        if let Some(option) = options.first_of_files() {
            return Err(usage(format!("{option} is for files; standard output is one stream")));
        }
        return match options.format.as_deref() {
            None | Some("mkv") => Ok(Target::Pipe { raw: false }),
            Some("mjpeg") => Ok(Target::Pipe { raw: true }),
            Some(format @ ("avi" | "jpg")) => {
                Err(usage(format!("--format {format} cannot go to standard output: mkv or mjpeg can")))
            }
            Some(other) => Err(usage(format!("--format {other}: expected mkv or mjpeg"))),
        };
    }
    let form = form(options)?;
    let default = match form {
        Form::File(Container::Matroska) => crate::record::names::DEFAULT.to_owned(),
        Form::File(Container::Avi) => crate::record::names::DEFAULT.replace(".mkv", ".avi"),
        Form::Stills => crate::record::names::DEFAULT.replace(".mkv", ""),
    };
    let names = options.name.as_deref().unwrap_or(&default);
    if !is_text(names) {
        return Err(usage(format!("--name {names}: names of recordings are UTF-8")));
    }
    let names = names.parse().map_err(|error| usage(format!("--name {names}: {error}")))?;
    let segment = duration("--segment", options.segment.as_deref())?.unwrap_or(Duration::from_secs(600));
    let (keep, when_full) = (keep(options)?, when_full(options.when_full.as_deref())?);
    Ok(Target::Folder(Folder {
        path: options.output.as_ref().map_or(Path::new("."), Argument::path).to_owned(),
        form,
        names,
        utc: options.utc,
        segment,
        keep,
        when_full,
        must_exist: options.must_exist,
    }))
}

/// As `--format` says, or the ending of `--name`, which may not contradict each other.
fn form(options: &Options) -> Result<Form, Failure> {
    let named = options.name.as_deref().and_then(Container::of).map(Form::File);
    let format = match options.format.as_deref() {
        None => None,
        Some("mkv") => Some(Form::File(Container::Matroska)),
        Some("avi") => Some(Form::File(Container::Avi)),
        Some("jpg") => Some(Form::Stills),
        Some("mjpeg") => return Err(usage("--format mjpeg keeps no times: it is for '-o -' only")),
        Some(other) => return Err(usage(format!("--format {other}: expected mkv, avi, jpg or mjpeg"))),
    };
    match (format, named) {
        (Some(format), Some(named)) if format != named => {
            Err(usage("--format and the ending of --name contradict each other"))
        }
        (format, named) => Ok(format.or(named).unwrap_or(Form::File(Container::Matroska))),
    }
}

fn keep(options: &Options) -> Result<Keep, Failure> {
    let size = |option: &str, typed: &Option<String>| match typed.as_deref().map(quantity::parse_size) {
        None => Ok(None),
        Some(Ok(0)) => Err(usage(format!("{option}: more than 0"))),
        Some(Ok(size)) => Ok(Some(size)),
        Some(Err(error)) => Err(usage(format!("{option} {error}"))),
    };
    Ok(Keep {
        bytes: size("--keep", &options.keep)?,
        age: duration("--keep-for", options.keep_for.as_deref())?,
        min_free: size("--min-free", &options.min_free)?,
    })
}

fn when_full(typed: Option<&str>) -> Result<WhenFull, Failure> {
    match typed {
        None | Some("stop") => Ok(WhenFull::Stop),
        Some("rotate") => Ok(WhenFull::Rotate),
        Some(other) => Err(usage(format!("--when-full {other}: expected stop or rotate"))),
    }
}

fn language(options: &Options, target: &Target) -> Result<Language, Failure> {
    match (options.plain, options.every, options.newest) {
        (_, true, true) => Err(usage("--every and --newest contradict each other")),
        (Some(_), true, _) => {
            Err(usage("--plain cannot give every frame: the original protocol has no repair"))
        }
        (Some(port), ..) => Ok(Language::Plain(port)),
        (None, true, _) => Ok(Language::Native(Policy::Every)),
        (None, _, true) => Ok(Language::Native(Policy::Newest)),
        (None, false, false) => Ok(Language::Native(match target {
            Target::Folder(_) => Policy::Every,
            Target::Pipe { .. } => Policy::Newest,
        })),
    }
}

fn after(options: &Options) -> Result<Option<Wanted>, Failure> {
    let most = duration("--on-segment-timeout", options.on_segment_timeout.as_deref())?;
    match &options.on_segment {
        Some(command) if command.os().as_bytes().trim_ascii().is_empty() => {
            Err(usage("--on-segment: a command for the shell"))
        }
        Some(command) => Ok(Some(Wanted { command: command.os().to_owned(), most: most.unwrap_or(AN_HOUR) })),
        None if most.is_some() => Err(usage("--on-segment-timeout needs --on-segment")),
        None => Ok(None),
    }
}

fn limit(options: &Options) -> Result<Limit, Failure> {
    if options.frames == Some(0) {
        return Err(usage("--frames: at least 1"));
    }
    Ok(Limit { duration: duration("--duration", options.duration.as_deref())?, frames: options.frames })
}

fn buffer(typed: Option<&str>) -> Result<usize, Failure> {
    match typed.map(quantity::parse_size) {
        None => Ok(writer::BUFFER),
        Some(Ok(0)) => Err(usage("--buffer: more than 0")),
        Some(Ok(size)) => Ok(usize::try_from(size).unwrap_or(usize::MAX)),
        Some(Err(error)) => Err(usage(format!("--buffer {error}"))),
    }
}

fn duration(option: &str, typed: Option<&str>) -> Result<Option<Duration>, Failure> {
    let Some(typed) = typed else { return Ok(None) };
    match quantity::parse_duration(typed) {
        Ok(duration) if duration < Duration::from_secs(1) => Err(usage(format!("{option}: at least 1s"))),
        Ok(duration) => Ok(Some(duration)),
        Err(error) => Err(usage(format!("{option} {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(change: impl FnOnce(&mut Options)) -> Result<Config, Failure> {
        let mut options = Options { host: vec!["pi.local".into()], ..Options::default() };
        change(&mut options);
        Config::try_from(options)
    }

    #[test]
    fn files_want_every_frame_and_pipes_the_newest() {
        let files = config(|_| {}).unwrap();
        assert_eq!((files.host.as_str(), files.port), ("pi.local", 9999));
        assert_eq!(files.language, Language::Native(Policy::Every));
        let pipe = config(|o| o.output = Some("-".into())).unwrap();
        assert_eq!(pipe.language, Language::Native(Policy::Newest));
        assert_eq!(pipe.target, Target::Pipe { raw: false });
    }

    #[test]
    fn the_container_is_as_it_is_called() {
        let of = |change: fn(&mut Options)| match config(change).unwrap().target {
            Target::Folder(folder) => (folder.form, folder.names),
            target => panic!("{target:?}"),
        };
        let names = |text: &str| text.parse::<Template>().unwrap();
        assert_eq!(of(|_| {}), (Form::File(Container::Matroska), Template::default()));
        let avi = names("%Y-%m-%d/%H-%M-%S.avi");
        assert_eq!(of(|o| o.format = Some("avi".into())), (Form::File(Container::Avi), avi));
        let stills = (Form::Stills, names("%Y-%m-%d/%H-%M-%S"));
        assert_eq!(of(|o| o.format = Some("jpg".into())), stills);
        assert_eq!(of(|o| o.name = Some("%S.AVI".into())), (Form::File(Container::Avi), names("%S.AVI")));
        assert_eq!(of(|o| o.name = Some("%S".into())), (Form::File(Container::Matroska), names("%S")));
    }

    #[test]
    fn contradictions_are_named() {
        let text = |change: fn(&mut Options)| {
            let failure = config(change).unwrap_err();
            assert_eq!(failure.exit, Exit::Usage);
            failure.to_string()
        };
        assert!(text(|o| o.host.clear()).contains("camrec HOST"));
        assert!(text(|o| (o.every, o.newest) = (true, true)).contains("contradict"));
        assert!(text(|o| (o.plain, o.every) = (Some(5005), true)).contains("--plain"));
        assert!(text(|o| o.format = Some("mjpeg".into())).contains("-o -"));
        assert!(text(|o| o.format = Some("mp4".into())).contains("mp4"));
        assert!(
            text(|o| (o.output, o.format) = (Some("-".into()), Some("avi".into()))).contains("--format avi")
        );
        assert!(
            text(|o| (o.name, o.format) = (Some("a.mkv".into()), Some("avi".into()))).contains("contradict")
        );
        assert!(
            text(|o| (o.output, o.segment) = (Some("-".into()), Some("1m".into()))).contains("--segment")
        );
        assert!(text(|o| o.segment = Some("10ms".into())).contains("--segment"));
        assert!(text(|o| o.name = Some("a/../b".into())).contains("--name"));
        assert!(text(|o| o.frames = Some(0)).contains("--frames"));
        assert!(text(|o| o.keep = Some("0".into())).contains("--keep"));
        assert!(text(|o| o.keep_for = Some("x".into())).contains("--keep-for x"));
        assert!(text(|o| o.when_full = Some("exit".into())).contains("stop or rotate"));
        assert!(
            text(|o| (o.output, o.min_free) = (Some("-".into()), Some("1G".into()))).contains("--min-free")
        );
    }
}
