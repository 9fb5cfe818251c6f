//! What camcast's options mean: checked, typed, with the defaults filled in.

use super::door;
use super::options::Options;
use super::rules::Rules;
use super::source::trouble::open_failure;
use crate::admission::networks::Allowed;
use crate::admission::password::Passwords;
use crate::app::argument::{Argument, is_text};
use crate::app::exit::{ExitError, usage};
use crate::app::{key_file, local_time, logging, quantity};
use crate::capture::{CaptureConfig, Mode, SourceSpec};
use crate::http::access::Access;
use crate::picture::RawEncoder;
use crate::seal::{Key, TAG_LEN};
use crate::sender::hub::JOINS;
use crate::sign::SigningKey;
use crate::sys::names::this_host;
use crate::sys::signals::has_terminal;
use crate::wire::data::{HEADER_LEN, MIN_FRAGMENT};
use crate::wire::{IP_UDP_OVERHEAD, PORT};
use std::ffi::OsStr;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

/// The most clients: each is a descriptor to poll.
pub const MAX_CLIENTS: u16 = 64;

/// What systemd hands over, if it is told to: the key, and the one that signs.
const CREDENTIAL: &str = "camcast.key";
const SIGN_CREDENTIAL: &str = "camcast.sign";

/// The most controls to set.
const MAX_CONTROLS: usize = 64;

/// The most addresses and socket files to serve HTTP at.
pub const MAX_HTTP: usize = 4;

/// HTTP's port if none is named: that of ustreamer and mjpg-streamer.
const HTTP_PORT: u16 = 8080;

/// The most addresses to serve RTSP at.
pub const MAX_RTSP: usize = 4;

/// RTSP's port if none is named: 554 is root's.
const RTSP_PORT: u16 = 8554;

/// The most addresses to listen on.
pub const MAX_LISTEN: usize = 4;

/// Bytes of a camera's name: they fit what is announced, with a number behind them.
const MAX_NAME: usize = 48;

/// Networks that can be let in alone.
const MAX_ALLOW: usize = 32;

/// Lines a minute of any one kind, whatever causes them: so many can reload their pages.
pub const LINES_A_MINUTE: u32 = 40;

/// Bytes of a client log: some 200,000 lines. Then it is moved aside, and a new one begins.
const CLIENT_LOG_SIZE: u64 = 10 << 20;

const MAX_JOINS: u16 = 4096;
const LEAST_CLIENT_LOG: u64 = 4096;
const MIN_REEL: u64 = 1 << 20;
const MAX_REEL: u64 = 4 << 30;
const MIN_SPILL: u64 = 32 << 20;
const SPILL_SIZE: u64 = 8 << 30;
const SPILL_FOR: Duration = Duration::from_secs(12 * 60 * 60);
const SPILL_TIMES: RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(3 * 24 * 60 * 60);
const MIN_MTU: u16 = MIN_FRAGMENT + HEADER_LEN as u16 + IP_UDP_OVERHEAD;
const MAX_MTU: u16 = 9_216;

/// camcast's configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where frames come from.
    pub capture: CaptureConfig,
    /// libjpeg's quality for pictures of a camera without MJPEG, 1 to 100.
    pub quality: u8,
    /// Addresses to listen on, at least one.
    pub listen: Vec<Listen>,
    /// The camera's name where it is announced, if it is.
    pub announce: Option<String>,
    /// Where HTTP is served, if it is.
    pub http: Vec<HttpListen>,
    /// Where RTSP is served, if it is.
    pub rtsp: Vec<SocketAddr>,
    /// Where it sends to all at once, if it does, and through how many routers.
    pub rtsp_multicast: Option<(SocketAddr, u8)>,
    /// Frames are written anew for it where it cannot carry them.
    pub rtsp_recode: bool,
    /// Who may come in, and what he may do.
    pub rules: Rules,
    /// Who may ask by HTTP, if not everybody.
    pub passwords: Option<Passwords>,
    /// The stream is sealed with it, for those alone that have it.
    pub key: Option<Key>,
    /// Each frame is signed with it.
    pub sign: Option<SigningKey>,
    /// What SIGHUP means.
    pub hangup: Hangup,
    /// Bytes of the reel.
    pub reel: usize,
    /// What has left the reel goes there for recorders that are away.
    pub spill: Option<Spill>,
    /// Clients at once.
    pub max_clients: u16,
    /// Joins of one address at once that take no frame.
    pub max_joins: u16,
    /// Bytes of UDP payload in a full datagram.
    pub datagram: u16,
    /// The differentiated services code point of what is sent; none: the system's default.
    pub dscp: Option<u8>,
    /// File for joins and leaves.
    pub client_log: Option<PathBuf>,
    /// Bytes of that file before a new one begins.
    pub client_log_size: u64,
    /// Lines of the log of any one kind a minute.
    pub log_lines: u32,
    /// Frames without their end are sent too.
    pub allow_truncated_frames: bool,
    /// The camera is on only while somebody watches.
    pub on_demand: bool,
    /// A camera that cannot be had, or is lost, ends the program.
    pub exit_on_device_error: bool,
    /// Files, folders and standard input begin with the first client.
    pub wait_for_client: bool,
}

/// What SIGHUP means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hangup {
    /// The wish to stop, as the end of a terminal is one.
    Stops,
    /// The camera's controls are to be set once more.
    SetsControls,
    /// The same, after the file of options has been read anew.
    Reloads,
}

/// Where frames are kept for recorders that are away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spill {
    /// The folder.
    pub folder: PathBuf,
    /// Bytes of what is in it.
    pub size: u64,
    /// A recorder that is away for longer is forgotten.
    pub longest: Duration,
}

/// An address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The address.
    pub address: SocketAddr,
    /// Where to listen if this machine has no IPv6: only for the default.
    pub fallback: Option<SocketAddr>,
}

/// Where HTTP is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpListen {
    /// At an address.
    Address(SocketAddr),
    /// At a socket file of this mode.
    File(PathBuf, u32),
}

impl Config {
    /// Bytes of UDP payload in a full datagram before it is sealed, if it is.
    pub fn plain_datagram(&self) -> u16 {
        self.datagram - if self.key.is_some() { TAG_LEN as u16 } else { 0 }
    }
}

impl TryFrom<Options> for Config {
    type Error = ExitError;

    fn try_from(options: Options) -> Result<Self, ExitError> {
        let capture = capture(&options)?;
        let http = http(&options.http, http_mode(options.http_mode.as_deref())?)?;
        let (rtsp, rtsp_multicast) = (rtsp(&options.rtsp)?, rtsp_multicast(&options)?);
        let passwords = door::passwords(options.password_file.as_ref())?;
        let spill = spill(&options)?;
        let key = key_file::read(options.key_file.as_ref(), &[CREDENTIAL])?;
        if key.is_some() {
            keep_sealed(&http, &rtsp, rtsp_multicast.is_some(), passwords.is_some())?;
        }
        let listen = listen(&options.listen)?;
        Ok(Config {
            quality: quality(options.quality)?,
            announce: announce(&options, &listen)?,
            listen,
            http,
            rtsp,
            rtsp_multicast,
            rtsp_recode: options.rtsp_recode,
            rules: Rules {
                allow: allow(&options.allow)?,
                no_plain: options.no_plain,
                access: Access { hosts: options.allow_host, origins: origins(&options.allow_origin)? },
                allow_control: options.allow_control,
            },
            passwords,
            hangup: hangup(capture.is_camera(), options.config.as_ref()),
            capture,
            reel: reel(options.reel.as_deref())?,
            spill,
            max_clients: max_clients(options.max_clients)?,
            max_joins: max_joins(options.max_joins)?,
            datagram: datagram(options.mtu, key.is_some())?,
            key,
            sign: key_file::read_signing(options.sign.as_ref(), SIGN_CREDENTIAL)?,
            dscp: dscp(options.dscp.as_deref())?,
            client_log: options.client_log.map(|file| file.path().to_owned()),
            client_log_size: client_log_size(options.client_log_size.as_deref())?,
            log_lines: logging::lines_a_minute(options.log_lines, LINES_A_MINUTE)?,
            allow_truncated_frames: options.allow_truncated_frames,
            on_demand: options.on_demand,
            exit_on_device_error: options.exit_on_device_error,
            wait_for_client: options.wait_for_client,
        })
    }
}

fn capture(options: &Options) -> Result<CaptureConfig, ExitError> {
    let source = options.source.as_ref().map_or(OsStr::new("/dev/video0"), Argument::os);
    let size = options
        .resolution
        .as_deref()
        .map(|text| text.parse().map_err(|error| usage(format!("--resolution {text}: {error}"))));
    let rate = options
        .desired_fps
        .as_deref()
        .map(|text| text.parse().map_err(|error| usage(format!("--desired-fps {text}: {error}"))));
    let source = SourceSpec::of(source).map_err(|mut error| {
        error.name_cameras();
        open_failure(&error)
    })?;
    check_play(options, &source)?;
    Ok(CaptureConfig {
        source,
        size: size.transpose()?,
        rate: rate.transpose()?,
        mode: options.mode.as_deref().map_or(Ok(Mode::default()), mode)?,
        controls: controls(&options.control)?,
        changed_controls: Vec::new(),
        clock: local_time::write_time_of_day,
        once: options.once,
        follow: options.follow,
    })
}

/// How a source is played has to suit it.
fn check_play(options: &Options, source: &SourceSpec) -> Result<(), ExitError> {
    let is_live = matches!(source, SourceSpec::Device(_) | SourceSpec::Pattern);
    for (option, is_given) in [
        ("--on-demand", options.on_demand),
        ("--control", !options.control.is_empty()),
        ("--allow-control", options.allow_control),
    ] {
        if is_given && !matches!(source, SourceSpec::Device(_)) {
            return Err(usage(format!("{option}: {source} is no camera; it is for one")));
        }
    }
    if options.once && is_live {
        return Err(usage(format!("--once: {source} has no end; it is for a file or a folder")));
    }
    if options.follow && !matches!(source, SourceSpec::Folder(_)) {
        return Err(usage(format!("--follow: {source} is no folder; it is for one that files arrive in")));
    }
    if options.follow && options.once {
        return Err(usage("--follow has no end, and plays each file once anyway: leave --once out"));
    }
    if options.wait_for_client && is_live {
        let remedy = "it is for files, folders and standard input; a camera has --on-demand";
        return Err(usage(format!("--wait-for-client: {source} has no beginning; {remedy}")));
    }
    Ok(())
}

fn mode(typed: &str) -> Result<Mode, ExitError> {
    typed.parse().map_err(|error| usage(format!("--mode {typed}: {error}")))
}

fn controls(typed: &[String]) -> Result<Vec<(String, String)>, ExitError> {
    if typed.len() > MAX_CONTROLS {
        return Err(usage(format!("--control can be given {MAX_CONTROLS} times at the most")));
    }
    let parse = |text: &String| match text.split_once('=') {
        _ if !is_text(text) => Err(usage(format!("--control {text}: names and values are UTF-8"))),
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        }
        _ => {
            Err(usage(format!("--control {text}: write it as NAME=VALUE; camcast --list names the controls")))
        }
    };
    typed.iter().map(parse).collect()
}

fn quality(typed: Option<u8>) -> Result<u8, ExitError> {
    let quality = typed.unwrap_or(RawEncoder::QUALITY);
    if (1..=100).contains(&quality) { Ok(quality) } else { Err(usage("--quality: from 1 to 100")) }
}

fn listen(typed: &[String]) -> Result<Vec<Listen>, ExitError> {
    if typed.is_empty() {
        let address = SocketAddr::new(IpAddr::from([0u16; 8]), PORT);
        let fallback = Some(SocketAddr::new(IpAddr::from([0u8; 4]), PORT));
        return Ok(vec![Listen { address, fallback }]);
    }
    if typed.len() > MAX_LISTEN {
        return Err(usage(format!("--listen can be given {MAX_LISTEN} times at the most")));
    }
    let parse = |text: &String| {
        let address =
            quantity::parse_listen(text, PORT).map_err(|error| usage(format!("--listen {error}")))?;
        Ok(Listen { address, fallback: None })
    };
    typed.iter().map(parse).collect()
}

/// The name to be announced.
fn announce(options: &Options, listen: &[Listen]) -> Result<Option<String>, ExitError> {
    if !options.announce {
        return match options.name {
            Some(_) => Err(usage("--name: it is told with --announce alone: add that")),
            None => Ok(None),
        };
    }
    if listen.iter().all(|listen| listen.address.ip().to_canonical().is_loopback()) {
        return Err(usage(
            "--announce: nobody else reaches an address of this machine's own: --listen another one",
        ));
    }
    let Some(name) = options.name.as_deref().map(str::trim) else { return Ok(Some(this_host())) };
    let is_name = is_text(name) && (1..=MAX_NAME).contains(&name.len()) && !name.contains(char::is_control);
    match is_name {
        true => Ok(Some(name.to_owned())),
        false => Err(usage(format!("--name {name}: from 1 to {MAX_NAME} bytes of text, on one line"))),
    }
}

fn allow(typed: &[String]) -> Result<Allowed, ExitError> {
    if typed.len() > MAX_ALLOW {
        return Err(usage(format!("--allow can be given {MAX_ALLOW} times at the most")));
    }
    let parse = |text: &String| text.parse().map_err(|error| usage(format!("--allow {text}: {error}")));
    typed.iter().map(parse).collect::<Result<_, _>>().map(Allowed::new)
}

fn http_mode(typed: Option<&str>) -> Result<u32, ExitError> {
    let Some(typed) = typed else { return Ok(0o666) };
    let is_mode = (3..=4).contains(&typed.len()) && typed.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    u32::from_str_radix(typed, 8)
        .ok()
        .filter(|mode| is_mode && *mode <= 0o777)
        .ok_or_else(|| usage(format!("--http-mode {typed}: write it as chmod has it, such as 660")))
}

fn http(typed: &[Argument], mode: u32) -> Result<Vec<HttpListen>, ExitError> {
    if typed.len() > MAX_HTTP {
        return Err(usage(format!("--http can be given {MAX_HTTP} times at the most")));
    }
    let parse = |typed: &Argument| {
        let path = typed.path();
        if path.is_absolute() {
            return Ok(HttpListen::File(path.to_owned(), mode));
        }
        let text = path.to_str().unwrap_or("");
        quantity::parse_listen(text, HTTP_PORT)
            .map(HttpListen::Address)
            .map_err(|error| usage(format!("--http {error}")))
    };
    typed.iter().map(parse).collect()
}

fn rtsp(typed: &[String]) -> Result<Vec<SocketAddr>, ExitError> {
    if typed.len() > MAX_RTSP {
        return Err(usage(format!("--rtsp can be given {MAX_RTSP} times at the most")));
    }
    let parse = |text: &String| {
        quantity::parse_listen(text, RTSP_PORT).map_err(|error| usage(format!("--rtsp {error}")))
    };
    typed.iter().map(parse).collect()
}

/// Whoever reaches this machine may see what is served there unsealed.
pub fn is_for_all(address: SocketAddr, has_passwords: bool) -> bool {
    !address.ip().to_canonical().is_loopback() && !has_passwords
}

/// What is not sealed must not leave this machine for whoever asks.
fn keep_sealed(
    http: &[HttpListen],
    rtsp: &[SocketAddr],
    has_multicast: bool,
    has_passwords: bool,
) -> Result<(), ExitError> {
    if has_multicast {
        let why = "it sends to everybody in the network, unsealed: with a key it cannot be had";
        return Err(usage(format!("--rtsp-multicast: {why}")));
    }
    let by_http = http.iter().filter_map(|at| match at {
        HttpListen::Address(address) => Some(("--http", *address)),
        HttpListen::File(..) => None,
    });
    let mut outside = by_http.chain(rtsp.iter().map(|address| ("--rtsp", *address)));
    match outside.find(|(_, address)| is_for_all(*address, has_passwords)) {
        Some((option, address)) => Err(usage(format!(
            "{option} {address}: with a key, nobody is to see the stream unasked: add --password-file, or listen on 127.0.0.1"
        ))),
        None => Ok(()),
    }
}

fn rtsp_multicast(options: &Options) -> Result<Option<(SocketAddr, u8)>, ExitError> {
    let Some(typed) = options.rtsp_multicast.as_deref() else { return Ok(None) };
    let bad = |why: &str| usage(format!("--rtsp-multicast {typed}: {why}"));
    let (address, ttl) = typed.split_once('/').unwrap_or((typed, "1"));
    let (Ok(address), Ok(ttl @ 1..)) = (address.parse::<SocketAddr>(), ttl.parse::<u8>()) else {
        return Err(bad("write it as ADDRESS:PORT or ADDRESS:PORT/TTL, such as 239.255.42.1:5004"));
    };
    if !address.ip().is_multicast() {
        return Err(bad(
            "that is no multicast address; 239.255.0.0 to 239.255.255.255 are for one's own network",
        ));
    }
    if address.port() < 1024 || address.port() % 2 == 1 {
        return Err(bad("the port is to be even and from 1024: the next one is that of reports"));
    }
    if options.rtsp.is_empty() {
        return Err(bad("programs ask for it by RTSP: --rtsp says where"));
    }
    Ok(Some((address, ttl)))
}

fn origins(typed: &[String]) -> Result<Vec<String>, ExitError> {
    let is_origin = |text: &str| {
        let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")).unwrap_or("");
        text == "*" || (!host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/'))
    };
    match typed.iter().find(|text| !is_origin(text)) {
        Some(bad) => {
            Err(usage(format!("--allow-origin {bad}: write it as https://HOST or http://HOST:PORT, or '*'")))
        }
        None => Ok(typed.to_vec()),
    }
}

fn reel(typed: Option<&str>) -> Result<usize, ExitError> {
    let bytes = match typed {
        None => 32 << 20,
        Some(text) => quantity::parse_size(text).map_err(|error| usage(format!("--reel {error}")))?,
    };
    if !(MIN_REEL..=MAX_REEL).contains(&bytes) {
        return Err(usage("--reel: from 1M to 4G; the newest frames have to fit"));
    }
    usize::try_from(bytes).map_err(|_| usage("--reel: more than this machine can address"))
}

fn spill(options: &Options) -> Result<Option<Spill>, ExitError> {
    let Some(folder) = &options.spill else {
        let alone = [("--spill-size", &options.spill_size), ("--spill-for", &options.spill_for)];
        return match alone.iter().find(|(_, typed)| typed.is_some()) {
            Some((option, _)) => Err(usage(format!("{option}: --spill says which folder"))),
            None => Ok(None),
        };
    };
    let typed = options.spill_size.as_deref().map(quantity::parse_size_with_unit).transpose();
    let size = typed.map_err(|error| usage(format!("--spill-size {error}")))?.unwrap_or(SPILL_SIZE);
    let typed = options.spill_for.as_deref().map(quantity::parse_duration_with_unit).transpose();
    let longest = typed.map_err(|error| usage(format!("--spill-for {error}")))?.unwrap_or(SPILL_FOR);
    if size < MIN_SPILL {
        return Err(usage("--spill-size: from 32M: what is smaller is the reel's matter (--reel)"));
    }
    if !SPILL_TIMES.contains(&longest) {
        return Err(usage("--spill-for: from 1m to 3d: recorders take no frame that is older for true"));
    }
    Ok(Some(Spill { folder: folder.path().to_owned(), size, longest }))
}

fn max_clients(typed: Option<u16>) -> Result<u16, ExitError> {
    let clients = typed.unwrap_or(16);
    if !(1..=MAX_CLIENTS).contains(&clients) {
        return Err(usage(format!("--max-clients: from 1 to {MAX_CLIENTS}")));
    }
    Ok(clients)
}

/// A pipe can be read once: what a second reading finds is not what was meant.
fn hangup(is_camera: bool, file: Option<&Argument>) -> Hangup {
    match file.is_some_and(|file| file.path().is_file()) {
        _ if has_terminal() => Hangup::Stops,
        true => Hangup::Reloads,
        false if is_camera => Hangup::SetsControls,
        false => Hangup::Stops,
    }
}

fn max_joins(typed: Option<u16>) -> Result<u16, ExitError> {
    let joins = typed.unwrap_or(JOINS);
    if !(1..=MAX_JOINS).contains(&joins) {
        return Err(usage(format!("--max-joins: from 1 to {MAX_JOINS}")));
    }
    Ok(joins)
}

fn client_log_size(typed: Option<&str>) -> Result<u64, ExitError> {
    let Some(text) = typed else { return Ok(CLIENT_LOG_SIZE) };
    let size =
        quantity::parse_size_with_unit(text).map_err(|error| usage(format!("--client-log-size {error}")))?;
    match size {
        ..LEAST_CLIENT_LOG => Err(usage("--client-log-size: at least 4K, which are some 80 lines")),
        _ => Ok(size),
    }
}

fn datagram(mtu: Option<u16>, is_sealed: bool) -> Result<u16, ExitError> {
    let (mtu, least) = (mtu.unwrap_or(1500), MIN_MTU + if is_sealed { TAG_LEN as u16 } else { 0 });
    if !(least..=MAX_MTU).contains(&mtu) {
        return Err(usage(format!("--mtu: from {least} to {MAX_MTU} bytes; Ethernet and Wi-Fi have 1500")));
    }
    Ok(mtu - IP_UDP_OVERHEAD)
}

fn dscp(typed: Option<&str>) -> Result<Option<u8>, ExitError> {
    let parse = |text| quantity::parse_dscp(text).map_err(|error| usage(format!("--dscp {error}")));
    typed.map(parse).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::argument::disguise;
    use crate::app::exit::Exit;
    use std::os::unix::ffi::OsStrExt;

    fn config(change: impl FnOnce(&mut Options)) -> Result<Config, ExitError> {
        let mut options = Options { source: Some("pattern".into()), ..Options::default() };
        change(&mut options);
        Config::try_from(options)
    }

    #[test]
    fn defaults_are_those_of_the_help() {
        let config = config(|_| {}).unwrap();
        assert_eq!((config.reel, config.max_clients, config.datagram), (32 << 20, 16, 1452));
        assert_eq!((config.capture.mode, config.quality), (Mode::Auto, 80));
        assert_eq!(config.listen[0].address.to_string(), "[::]:9999");
        assert_eq!(config.listen[0].fallback.unwrap().to_string(), "0.0.0.0:9999");
    }

    #[test]
    fn controls_keep_their_order_and_may_hold_anything() {
        let typed = ["auto_exposure=1", " gain = 7 ", "auto_exposure=manual mode", "text=a=b"];
        let config = config(|o| {
            (o.control, o.source) = (typed.map(str::to_owned).to_vec(), Some("/dev/video0".into()));
        });
        let config = config.unwrap();
        let expected =
            [("auto_exposure", "1"), ("gain", "7"), ("auto_exposure", "manual mode"), ("text", "a=b")];
        assert_eq!(
            config.capture.controls,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn wrong_values_name_their_option() {
        let text = |change: fn(&mut Options)| {
            let failure = config(change).unwrap_err();
            assert_eq!(failure.exit, Exit::Usage);
            failure.to_string()
        };
        let camera = |change: fn(&mut Options)| {
            let failure = config(|o| (o.source = Some("/dev/video0".into()), change(o)).1).unwrap_err();
            failure.to_string()
        };
        assert!(text(|o| o.resolution = Some("big".into())).contains("--resolution big"));
        assert!(text(|o| o.desired_fps = Some("0".into())).contains("--desired-fps 0"));
        assert!(text(|o| o.listen = vec!["nowhere".into()]).contains("--listen nowhere"));
        assert!(text(|o| o.reel = Some("1K".into())).contains("--reel"));
        assert!(text(|o| o.max_clients = Some(65)).contains("--max-clients"));
        assert!(text(|o| o.max_joins = Some(0)).contains("--max-joins: from 1 to 4096"));
        assert!(text(|o| o.max_joins = Some(4097)).contains("--max-joins: from 1 to 4096"));
        assert!(text(|o| o.log_lines = Some(0)).contains("--log-lines: from 1 to 10000 a minute"));
        assert!(text(|o| o.log_lines = Some(10_001)).contains("--log-lines: from 1 to 10000 a minute"));
        assert!(
            text(|o| o.client_log_size = Some("10".into())).contains("--client-log-size 10: 10 of what?")
        );
        assert!(text(|o| o.client_log_size = Some("1K".into())).contains("--client-log-size: at least 4K"));
        assert!(text(|o| o.mtu = Some(100)).contains("--mtu"));
        assert!(text(|o| o.mode = Some("h264".into())).contains("--mode h264: one of auto, mjpeg, yuyv"));
        assert!(camera(|o| o.control = vec!["hue".into()]).contains("--control hue: write it as NAME=VALUE"));
        assert!(camera(|o| o.control = vec!["=1".into()]).contains("--control =1"));
        assert!(
            camera(|o| o.control = vec![disguise(OsStr::from_bytes(b"gain=\xff"))]).contains("UTF-8"),
            "no control has such a name"
        );
        assert!(camera(|o| o.control = vec!["a=1".into(); 65]).contains("64 times"));
        for mode in ["", "66", "0o666", "668", "1777", "rw-rw-rw-", "+66"] {
            assert!(http_mode(Some(mode)).unwrap_err().to_string().contains("--http-mode"), "{mode}");
        }
        assert_eq!([http_mode(None), http_mode(Some("0660"))].map(Result::unwrap), [0o666, 0o660]);
        assert!(text(|o| o.quality = Some(0)).contains("--quality"));
        assert!(text(|o| o.quality = Some(101)).contains("--quality"));
        assert!(text(|o| o.dscp = Some("64".into())).contains("--dscp 64"));
        assert!(text(|o| o.on_demand = true).contains("--on-demand: pattern is no camera"));
        assert!(text(|o| o.control = vec!["a=1".into()]).contains("--control: pattern is no camera"));
        assert!(text(|o| o.allow_control = true).contains("--allow-control: pattern is no camera"));
        assert!(text(|o| o.once = true).contains("--once: pattern has no end"));
        assert!(text(|o| o.follow = true).contains("--follow: pattern is no folder"));
        assert!(text(|o| o.wait_for_client = true).contains("--wait-for-client: pattern has no beginning"));
    }

    #[test]
    fn a_camera_is_announced_by_a_name_where_others_reach_it() {
        let name = |name: Option<&str>| config(|o| (o.announce, o.name) = (true, name.map(str::to_owned)));
        assert_eq!(config(|_| {}).unwrap().announce, None);
        assert_eq!(name(None).unwrap().announce, Some(this_host()));
        assert_eq!(name(Some(" front door ")).unwrap().announce.as_deref(), Some("front door"));
        assert_eq!(name(Some(&"n".repeat(48))).unwrap().announce.map(|name| name.len()), Some(48));
        let failure = |config: Result<Config, ExitError>| config.unwrap_err().to_string();
        for bad in ["", "  ", "a\nb", "\u{7f}", &"n".repeat(49), &disguise(OsStr::from_bytes(b"\xff"))] {
            assert!(failure(name(Some(bad))).contains("from 1 to 48 bytes of text"), "{bad:?}");
        }
        assert!(failure(config(|o| o.name = Some("x".into()))).contains("--announce"));
        let local = |listen: &[&str]| {
            let listen = listen.iter().map(|at| (*at).to_owned()).collect();
            config(|o| (o.announce, o.listen) = (true, listen))
        };
        assert!(failure(local(&["127.0.0.1:1", "[::1]:1"])).contains("--listen another one"));
        assert!(local(&["127.0.0.1:1", "10.0.0.1:1"]).is_ok());
    }

    #[test]
    fn with_a_key_nothing_leaves_unsealed_for_whoever_asks() {
        let folder = tempfile::tempdir().unwrap();
        let [key, passwords] = ["key", "passwords"].map(|name| folder.path().join(name));
        let argument = |path: &std::path::Path| Some(Argument::from(path.to_str().unwrap()));
        key_file::create(&argument(&key).unwrap()).unwrap();
        std::fs::write(&passwords, "anna:secret\n").unwrap();
        let said = |change: fn(&mut Options), has_password: bool| {
            let config = config(|options| {
                options.key_file = argument(&key);
                options.password_file = argument(&passwords).filter(|_| has_password);
                change(options);
            });
            config.err().map(|failure| failure.to_string()).unwrap_or_default()
        };
        let http: fn(&mut Options) = |o| o.http = vec![":8080".into()];
        let rtsp: fn(&mut Options) = |o| o.rtsp = vec!["192.168.1.7:8554".into()];
        assert!(said(http, false).contains("--http [::]:8080: with a key"), "{}", said(http, false));
        assert!(said(rtsp, false).contains("--rtsp 192.168.1.7:8554: with a key"));
        assert_eq!((said(http, true), said(rtsp, true)), (String::new(), String::new()));
        let local: fn(&mut Options) = |o| {
            o.http = ["127.0.0.1:8080", "[::1]:8080", "/run/camcast/http"].map(Argument::from).to_vec();
            o.rtsp = vec!["127.0.0.1:8554".into()];
        };
        assert_eq!(said(local, false), "");
        let multicast: fn(&mut Options) = |o| {
            o.rtsp = vec!["127.0.0.1:8554".into()];
            o.rtsp_multicast = Some("239.255.42.1:5004".into());
        };
        assert!(said(multicast, true).contains("--rtsp-multicast"));
        assert!(said(|o| o.mtu = Some(MIN_MTU + 15), true).contains("--mtu"));
        let sealed = config(|options| options.key_file = argument(&key)).unwrap();
        assert_eq!((sealed.datagram, sealed.plain_datagram()), (1452, 1436));
        assert!(!format!("{sealed:?}").contains("key-1"));
    }

    #[test]
    fn what_is_kept_on_a_disk_has_bounds() {
        let spill = |size: Option<&str>, time: Option<&str>| {
            config(|options| {
                options.spill = Some("/x".into());
                options.spill_size = size.map(Into::into);
                options.spill_for = time.map(Into::into);
            })
        };
        let config_of = spill(None, None).unwrap().spill.unwrap();
        assert_eq!((config_of.size, config_of.longest), (SPILL_SIZE, SPILL_FOR));
        let said =
            |size, time| spill(size, time).err().map(|failure| failure.to_string()).unwrap_or_default();
        assert_eq!(said(Some("32M"), Some("3d")), "");
        assert!(said(Some("31M"), None).contains("--spill-size: from 32M"));
        assert!(said(Some("8"), None).contains("--spill-size 8: 8 of what?"));
        assert!(said(None, Some("59s")).contains("--spill-for: from 1m to 3d"));
        let alone = config(|options| options.spill_for = Some("1h".into())).err().unwrap().to_string();
        assert!(alone.contains("--spill-for: --spill says which folder"), "{alone}");
    }

    #[test]
    fn how_a_source_is_played_has_to_suit_it() {
        let said = |source: &str, change: fn(&mut Options)| {
            let options = Options { source: Some(source.into()), ..Options::default() };
            config(|o| (*o = options, change(o)).1).err().map(|failure| failure.to_string())
        };
        let follow: fn(&mut Options) = |o| o.follow = true;
        let wait: fn(&mut Options) = |o| o.wait_for_client = true;
        assert_eq!((said("/", follow), said("/", wait), said("-", wait)), (None, None, None));
        for source in ["-", "/dev/video77", "pattern", "Cargo.toml"] {
            assert!(said(source, follow).unwrap().contains(&format!("--follow: {source} is no folder")));
        }
        assert!(said("/dev/video77", wait).unwrap().contains("--on-demand"));
        assert!(said("/", |o| (o.follow, o.once) = (true, true)).unwrap().contains("leave --once out"));
    }
}
