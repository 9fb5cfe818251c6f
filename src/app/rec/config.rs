//! What camrec's options mean: checked, typed, with the defaults filled in.

use super::hooks::HookConfig;
use super::options::Options;
use crate::app::argument::{Argument, is_text};
use crate::app::exit::{ExitError, usage};
use crate::app::key_file;
use crate::app::local_time;
use crate::app::quantity::{self, show_bytes, show_duration};
use crate::mdns::finder::Camera;
use crate::receiver::PATHS;
use crate::record::align::{self, Align};
use crate::record::container::{Container, Form};
use crate::record::names::Template;
use crate::record::retention::{FEW, Keep, SLOWEST};
use crate::seal::Key;
use crate::shown::shown;
use crate::wire::PORT;
use crate::wire::join::Policy;
use arrayvec::ArrayVec;
use jiff::tz::TimeZone;
use std::fmt;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The host until one is found, where none is named.
const FOUND: &str = "camera.invalid";

const AN_HOUR: Duration = Duration::from_secs(60 * 60);

/// What systemd hands over, if it is told to: the key of one recorder, or of all.
const CREDENTIALS: [&str; 2] = ["camrec-own.key", "camrec.key"];

/// Bytes of frames that may wait for the disk unless `--buffer` says otherwise: 2 s of 30 MB/s.
pub const BUFFER: usize = 64 * 1024 * 1024;

/// One of the two outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Standard output.
    Out,
    /// Standard error: standard output is the recording.
    Err,
}

/// camrec's configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The ways to camcast: one, or two.
    pub ways: ArrayVec<Way, PATHS>,
    /// How to join.
    pub language: Language,
    /// What is not sealed with it is not believed.
    pub key: Option<Key>,
    /// Where the recording goes.
    pub target: Target,
    /// When to stop by itself.
    pub limit: Limit,
    /// Bytes of frames that may wait for the disk.
    pub buffer: usize,
    /// What is to be done with each finished file.
    pub after: Option<HookConfig>,
    /// Programs want to be told.
    pub json: bool,
    /// camcast may not be there yet.
    pub wait: bool,
}

/// A way to camcast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// Where camcast runs.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The address of this machine that it goes out from, port 0, if not as routed.
    pub from: Option<SocketAddr>,
    /// The camera's name on the network, if it was found there: its address may change, and this does not.
    pub instance: Option<String>,
}

impl fmt::Display for Way {
    /// As it was typed, to be told from the other.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            PORT => f.write_str(&self.host)?,
            port if self.host.contains(':') => write!(f, "[{}]:{port}", self.host)?,
            port => write!(f, "{}:{port}", self.host)?,
        }
        self.from.map_or(Ok(()), |from| write!(f, " from {}", from.ip()))
    }
}

impl Config {
    /// Every frame is wanted: none may be skipped.
    pub fn is_every(&self) -> bool {
        self.language == Language::Native(Policy::Every)
    }

    /// The way to camcast leads to this camera, which was looked for.
    #[must_use]
    pub fn to(mut self, Camera { instance, at, .. }: Camera) -> Self {
        if let Some(way) = self.ways.first_mut() {
            way.port = at.port();
            way.host = quantity::host_of(at);
            way.instance = Some(instance);
        }
        self
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
    /// Where files end.
    pub segment: Segment,
    /// Which of them are kept.
    pub keep: Keep,
    /// What to do when the disk is full.
    pub when_full: WhenFull,
    /// It is not to be made.
    pub must_exist: bool,
    /// The one file that is wanted, rather than a folder of them.
    pub one: Option<PathBuf>,
}

/// Where files end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Each is so long.
    Length(Duration),
    /// Each ends at a round time.
    Aligned(Align),
    /// Nowhere, as long as one file can hold what comes.
    Never,
}

impl Segment {
    /// How long a file is at the most, leap hours aside; none if nobody knows.
    pub fn most(&self) -> Option<Duration> {
        match self {
            Segment::Length(most) => Some(*most),
            Segment::Aligned(align) => Some(align.slot),
            Segment::Never => None,
        }
    }
}

/// What to do when the disk is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// Record on as soon as there is space again.
    #[default]
    Wait,
    /// Delete the oldest recordings.
    Rotate,
}

/// When to stop by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    /// After this much of the stream, by capture times.
    pub duration: Option<Duration>,
    /// After this many frames.
    pub frames: Option<u64>,
}

impl TryFrom<Options> for Config {
    type Error = ExitError;

    fn try_from(options: Options) -> Result<Self, ExitError> {
        let ways = ways(&options)?;
        let target = target(&options)?;
        let language = language(&options, &target)?;
        Ok(Config {
            ways,
            language,
            key: key(&options, language)?,
            limit: limit(&options)?,
            buffer: buffer(options.buffer.as_deref())?,
            after: after(&options)?,
            target,
            json: options.json,
            wait: options.wait,
        })
    }
}

fn key(options: &Options, language: Language) -> Result<Option<Key>, ExitError> {
    let key = key_file::read(options.key_file.as_ref(), &CREDENTIALS)?;
    if key.is_some() && matches!(language, Language::Plain(_)) {
        return Err(usage("--plain: the original protocol knows no key, and there is one to be used"));
    }
    Ok(key)
}

fn ways(options: &Options) -> Result<ArrayVec<Way, PATHS>, ExitError> {
    let found = Argument::from(FOUND);
    let host = options.host.as_ref().unwrap_or(&found);
    let mut ways = ArrayVec::new();
    ways.push(way(host, "--from", options.from.as_deref())?);
    match &options.also {
        Some(_) if options.plain.is_some() => {
            return Err(usage("--also and --plain: the original protocol cannot come by two ways"));
        }
        Some(also) => {
            let also = way(also, "--also-from", options.also_from.as_deref())?;
            if ways.contains(&also) {
                let why = "is the same way again: give another address of camcast's machine, or --from and --also-from";
                return Err(usage(format!("--also {also} {why}")));
            }
            ways.push(also);
        }
        None if options.also_from.is_some() => {
            return Err(usage("--also-from needs --also: for HOST there is --from"));
        }
        None => {}
    }
    Ok(ways)
}

fn way(host: &Argument, option: &str, from: Option<&str>) -> Result<Way, ExitError> {
    let host = host.text().ok_or_else(|| usage(format!("{host}: no host has such a name")))?;
    let (host, port) = quantity::parse_host(host).map_err(usage)?;
    let from = from.map(quantity::parse_address).transpose();
    let from = from.map_err(|error| usage(format!("{option} {error}")))?;
    Ok(Way { host, port, from, instance: None })
}

fn target(options: &Options) -> Result<Target, ExitError> {
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
    let path = options.output.as_ref().map_or(Path::new("."), Argument::path);
    if let Some(target) = one_file(options, path)? {
        return Ok(Target::Folder(target));
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
    if let Some(ending) = foreign_ending(names).filter(|_| form != Form::Stills) {
        return Err(usage(format!(
            "--name {names}: camrec writes no .{ending}: end it in .mkv or .avi, {EXPORT}"
        )));
    }
    let names = names.parse().map_err(|error| usage(format!("--name {names}: {error}")))?;
    let segment = segment(options)?;
    let (keep, when_full) = (keep(options, &segment)?, when_full(options.when_full.as_deref())?);
    Ok(Target::Folder(Folder {
        path: path.to_owned(),
        form,
        names,
        utc: options.utc,
        segment,
        keep,
        when_full,
        must_exist: options.must_exist,
        one: None,
    }))
}

/// What people do who want another form.
const EXPORT: &str = "and copy it afterwards: camrec export FILE.mkv -o FILE.mov";

/// Endings of video and pictures that are not what camrec writes under such a name: whoever types one means it.
const FOREIGN: [&str; 15] = [
    "mp4", "m4v", "mov", "webm", "ts", "mts", "mpg", "mpeg", "h264", "wmv", "flv", "mjpeg", "mjpg", "jpg",
    "jpeg",
];

/// The ending, if it is one of those.
fn foreign_ending(name: &str) -> Option<&'static str> {
    let (_, ending) = name.rsplit_once('.')?;
    FOREIGN.into_iter().find(|foreign| ending.eq_ignore_ascii_case(foreign))
}

/// `-o NAME.mkv` is one file, unless a folder of that name is there already.
fn one_file(options: &Options, path: &Path) -> Result<Option<Folder>, ExitError> {
    let is_folder = path.as_os_str().as_bytes().ends_with(b"/") || path.is_dir();
    let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|_| !is_folder) else {
        return Ok(None);
    };
    let text = shown(path);
    if let Some(ending) = foreign_ending(name) {
        return Err(usage(format!(
            "-o {text}: camrec writes no .{ending}: give it a name in .mkv or .avi, {EXPORT}"
        )));
    }
    let Some(container) = Container::of(name) else { return Ok(None) };
    let is_other = |format: &str| !name.to_ascii_lowercase().ends_with(&format!(".{format}"));
    if let Some(format) = options.format.as_deref().filter(|format| is_other(format)) {
        return Err(usage(format!("--format {format} and -o {text} contradict each other")));
    }
    if let Some(option) = options.first_of_folders() {
        return Err(usage(format!(
            "{option} is for a folder of files, but -o {text} is one file: give -o a folder"
        )));
    }
    let literal = name.replace('%', "%%");
    let names = literal.parse().map_err(|error| usage(format!("-o {text}: {error}")))?;
    let above = path.parent().filter(|above| *above != Path::new("")).unwrap_or(Path::new("."));
    Ok(Some(Folder {
        path: above.to_owned(),
        form: Form::File(container),
        names,
        utc: false,
        segment: Segment::Never,
        keep: Keep::default(),
        when_full: WhenFull::Wait,
        must_exist: options.must_exist,
        one: Some(path.to_owned()),
    }))
}

fn segment(options: &Options) -> Result<Segment, ExitError> {
    let length = duration("--segment", options.segment.as_deref())?.unwrap_or(Duration::from_secs(600));
    if !options.align {
        return Ok(Segment::Length(length));
    }
    if length > align::LONGEST {
        return Err(usage("--align: a --segment of a day at the most"));
    }
    let zone = if options.utc { TimeZone::UTC } else { local_time::zone() };
    Ok(Segment::Aligned(Align { slot: length, zone }))
}

/// As `--format` says, or the ending of `--name`, which may not contradict each other.
fn form(options: &Options) -> Result<Form, ExitError> {
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

/// What deletes needs a unit, and has to hold a few files.
fn keep(options: &Options, segment: &Segment) -> Result<Keep, ExitError> {
    let size =
        |option: &str, typed: &Option<String>| match typed.as_deref().map(quantity::parse_size_with_unit) {
            None => Ok(None),
            Some(Ok(0)) => Err(usage(format!("{option}: more than 0"))),
            Some(Ok(size)) => Ok(Some(size)),
            Some(Err(error)) => Err(usage(format!("{option} {error}"))),
        };
    let age = match options.keep_for.as_deref().map(quantity::parse_duration_with_unit) {
        None => None,
        Some(Ok(age)) => Some(age),
        Some(Err(error)) => return Err(usage(format!("--keep-for {error}"))),
    };
    let keep =
        Keep { bytes: size("--keep", &options.keep)?, age, min_free: size("--min-free", &options.min_free)? };
    let Some(length) = segment.most() else { return Ok(keep) };
    let each = show_duration(length);
    let few = length.saturating_mul(FEW);
    if let (Some(typed), true) = (&options.keep_for, keep.age.is_some_and(|age| age < few)) {
        let needed = show_duration(few);
        return Err(usage(format!(
            "--keep-for {typed} is less than {FEW} files of {each}, which are {needed}: keep them longer, or give a shorter --segment"
        )));
    }
    let least = few.as_secs().saturating_mul(SLOWEST);
    if let (Some(typed), true) = (&options.keep, keep.bytes.is_some_and(|bytes| bytes < least)) {
        let needed = show_bytes(least);
        return Err(usage(format!(
            "--keep {typed} is less than {FEW} files of {each} even at 1 kB/s, which are {needed}: keep more, or give a shorter --segment"
        )));
    }
    Ok(keep)
}

fn when_full(typed: Option<&str>) -> Result<WhenFull, ExitError> {
    match typed {
        None | Some("wait") => Ok(WhenFull::Wait),
        Some("rotate") => Ok(WhenFull::Rotate),
        Some("stop") => {
            Err(usage("--when-full stop: camrec does not end when the disk is full; expected wait or rotate"))
        }
        Some(other) => Err(usage(format!("--when-full {other}: expected wait or rotate"))),
    }
}

fn language(options: &Options, target: &Target) -> Result<Language, ExitError> {
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

fn after(options: &Options) -> Result<Option<HookConfig>, ExitError> {
    let most = duration("--on-segment-timeout", options.on_segment_timeout.as_deref())?;
    match &options.on_segment {
        Some(command) if command.os().as_bytes().trim_ascii().is_empty() => {
            Err(usage("--on-segment: a command for the shell"))
        }
        Some(command) => {
            Ok(Some(HookConfig { command: command.os().to_owned(), most: most.unwrap_or(AN_HOUR) }))
        }
        None if most.is_some() => Err(usage("--on-segment-timeout needs --on-segment")),
        None => Ok(None),
    }
}

fn limit(options: &Options) -> Result<Limit, ExitError> {
    if options.frames == Some(0) {
        return Err(usage("--frames: at least 1"));
    }
    Ok(Limit { duration: duration("--duration", options.duration.as_deref())?, frames: options.frames })
}

fn buffer(typed: Option<&str>) -> Result<usize, ExitError> {
    match typed.map(quantity::parse_size) {
        None => Ok(BUFFER),
        Some(Ok(0)) => Err(usage("--buffer: more than 0")),
        Some(Ok(size)) => Ok(usize::try_from(size).unwrap_or(usize::MAX)),
        Some(Err(error)) => Err(usage(format!("--buffer {error}"))),
    }
}

fn duration(option: &str, typed: Option<&str>) -> Result<Option<Duration>, ExitError> {
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
    use crate::app::exit::Exit;

    fn config(change: impl FnOnce(&mut Options)) -> Result<Config, ExitError> {
        let mut options = Options { host: Some("pi.local".into()), ..Options::default() };
        change(&mut options);
        Config::try_from(options)
    }

    #[test]
    fn files_want_every_frame_and_pipes_the_newest() {
        let files = config(|_| {}).unwrap();
        assert_eq!(files.ways[..], [Way { host: "pi.local".into(), port: 9999, from: None, instance: None }]);
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
        assert!(text(|o| o.keep = Some("0M".into())).contains("--keep"));
        assert!(text(|o| o.keep_for = Some("x".into())).contains("--keep-for x"));
        assert!(text(|o| o.when_full = Some("exit".into())).contains("wait or rotate"));
        assert!(
            text(|o| o.when_full = Some("stop".into())).contains("camrec does not end when the disk is full")
        );
        assert!(
            text(|o| (o.output, o.min_free) = (Some("-".into()), Some("1G".into()))).contains("--min-free")
        );
    }

    fn refused(change: impl FnOnce(&mut Options)) -> String {
        let failure = config(change).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        failure.to_string()
    }

    #[test]
    fn two_ways_are_two_and_each_goes_out_from_where_it_is_told_to() {
        let two = config(|o| (o.also, o.also_from) = (Some("10.8.0.1:7".into()), Some("10.8.0.2".into())));
        let two: Vec<_> = two.unwrap().ways.iter().map(Way::to_string).collect();
        assert_eq!(two, ["pi.local", "10.8.0.1:7 from 10.8.0.2"]);
        let linked = config(|o| o.host = Some("[fe80::1%eth0]:7".into())).unwrap();
        assert_eq!(linked.ways[0].to_string(), "[fe80::1%eth0]:7");
        let one = config(|o| o.from = Some("::1".into())).unwrap();
        assert_eq!(one.ways[0].from, Some(([0, 0, 0, 0, 0, 0, 0, 1], 0).into()));
        assert!(refused(|o| o.also = Some("pi.local".into())).contains("the same way again"));
        let both = |o: &mut Options| (o.also, o.from) = (Some("pi.local".into()), Some("10.0.0.7".into()));
        assert!(config(both).is_ok());
        assert!(refused(|o| (o.also, o.plain) = (Some("b".into()), Some(0))).contains("--plain"));
        assert!(refused(|o| o.also_from = Some("10.0.0.7".into())).contains("needs --also"));
        assert!(refused(|o| o.from = Some("eth0".into())).starts_with("--from eth0: expected an address"));
    }

    #[test]
    fn what_deletes_needs_a_unit_and_holds_a_few_files() {
        assert!(refused(|o| o.keep = Some("10".into())).contains("of what?"));
        assert!(refused(|o| o.min_free = Some("10".into())).contains("--min-free 10: 10 of what?"));
        assert!(refused(|o| o.keep_for = Some("7".into())).contains("--keep-for 7: 7 of what?"));
        let few = refused(|o| o.keep_for = Some("29m".into()));
        assert!(few.contains("less than 3 files of 10 min 00 s, which are 30 min"), "{few}");
        let few = refused(|o| o.keep = Some("1M".into()));
        assert!(few.contains("less than 3 files of 10 min 00 s even at 1 kB/s, which are 1.8 MB"), "{few}");
        let kept = |keep: &str, keep_for: &str, segment: &str| {
            let typed = |text: &str| Some(text.to_owned());
            config(|o| (o.keep, o.keep_for, o.segment) = (typed(keep), typed(keep_for), typed(segment)))
                .is_ok()
        };
        assert!(kept("1M", "30m", "1m") && kept("100G", "7d", "10m") && kept("4K", "3s", "1s"));
        // what cannot destroy may do without
        assert!(config(|o| (o.segment, o.duration) = (Some("600".into()), Some("90".into()))).is_ok());
    }

    #[test]
    fn a_name_with_an_ending_is_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let target =
            |name: &str| match config(|o| o.output = Some(path(name).as_str().into())).unwrap().target {
                Target::Folder(folder) => folder,
                target => panic!("{target:?}"),
            };
        let one = target("100%.avi");
        assert_eq!((one.path.as_path(), one.form), (folder.path(), Form::File(Container::Avi)));
        assert_eq!((one.segment, one.names), (Segment::Never, "100%%.avi".parse().unwrap()));
        assert_eq!(one.one, Some(folder.path().join("100%.avi")));
        let here = config(|o| o.output = Some("no such file.mkv".into())).unwrap().target;
        assert!(matches!(here, Target::Folder(folder) if folder.path == Path::new(".")));
        std::fs::create_dir(path("old.mkv")).unwrap();
        for folder in ["old.mkv", "new.mkv/", "rec.d", "192.168.1.7"] {
            assert_eq!(target(folder).one, None, "{folder}");
        }
        assert!(refused(|o| o.output = Some("a.mp4".into())).contains("no .mp4"));
        assert!(refused(|o| o.output = Some(".mkv".into())).contains(".mkv"));
        let with = |change: fn(&mut Options)| refused(|o| (o.output = Some("a.mkv".into()), change(o)).1);
        assert!(with(|o| o.segment = Some("1m".into())).contains("--segment is for a folder of files"));
        assert!(with(|o| o.keep = Some("1G".into())).contains("--keep is for"));
        assert!(with(|o| o.align = true).contains("--align is for"));
        assert!(with(|o| o.format = Some("avi".into())).contains("--format avi and -o a.mkv contradict"));
        assert!(config(|o| (o.output, o.format) = (Some("A.MKV".into()), Some("mkv".into()))).is_ok());
    }

    #[test]
    fn a_name_says_what_is_in_a_file() {
        assert!(
            refused(|o| o.name = Some("foo.mp4".into())).contains("--name foo.mp4: camrec writes no .mp4")
        );
        assert!(refused(|o| o.name = Some("%H.JPG".into())).contains("no .jpg"));
        assert!(config(|o| o.name = Some("door %H.%M".into())).is_ok());
    }

    #[test]
    fn aligned_files_are_aligned_by_the_clock_that_names_them() {
        let align = |change: fn(&mut Options)| match config(|o| (o.align = true, change(o)).1).unwrap().target
        {
            Target::Folder(Folder { segment: Segment::Aligned(align), .. }) => align,
            target => panic!("{target:?}"),
        };
        assert_eq!(align(|_| {}).slot, Duration::from_secs(600));
        assert_eq!(align(|o| (o.utc, o.segment) = (true, Some("1h".into()))).zone, TimeZone::UTC);
        assert!(refused(|o| (o.align, o.segment) = (true, Some("2d".into()))).contains("a day at the most"));
    }
}
