//! What is typed: arguments as they are spelled out, and the quantities, addresses and names in them. Nothing is looked up here, so a
//! link's name (`%eth0`) is left out.

use argh::{ArgsInfo, FromArgs};
use camcast::admission::password::Passwords;
use camcast::app::args::{Grammar, spell_out};
use camcast::app::argument::{Argument, disguise, readable};
use camcast::app::quantity::{
    parse_address, parse_dscp, parse_duration, parse_duration_with_unit, parse_host, parse_listen,
    parse_size, parse_size_with_unit, show_bytes, show_duration,
};
use camcast::app::{cast, rec, tools};
use camcast::capture::{Mode, Rate};
use camcast::jpeg::Size;
use camcast::record::index::Index;
use camcast::record::names::Template;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

const HOME: &str = "/home/me";

/// Arguments, a line each.
pub fn check(bytes: &[u8]) -> bool {
    let typed: Vec<OsString> =
        bytes.split(|byte| *byte == b'\n').map(|word| OsStr::from_bytes(word).to_owned()).collect();
    let are_read = [
        check_line::<cast::options::Options>(&typed),
        check_line::<rec::options::Options>(&typed),
        check_line::<tools::check::Options>(&typed),
        check_line::<tools::export::Options>(&typed),
        check_line::<tools::sheet::Options>(&typed),
    ];
    for word in typed.iter().filter_map(|word| word.to_str()) {
        check_quantities(word);
        check_address(word);
        check_name(word);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Passwords::parse(text);
    }
    are_read.contains(&true)
}

/// As `app` reads them.
fn check_line<Options: FromArgs + ArgsInfo>(typed: &[OsString]) -> bool {
    let grammar = Grammar::of::<Options>(vec!["camrec check".into(), "camrec sheet".into()]);
    let home = Some(OsStr::new(HOME));
    let spelled = match spell_out(typed, &grammar, home) {
        Ok(spelled) => spelled,
        Err(why) => {
            let _ = readable(&why);
            return false;
        }
    };
    let asks_for_help = spelled == ["--help"];
    assert!(asks_for_help || spell_out(&spelled, &grammar, home).as_ref() == Ok(&spelled), "{spelled:?}");
    for word in &spelled {
        let out: Argument = disguise(word).parse().unwrap();
        assert_eq!(out.os(), word);
    }
    let args: Vec<String> = spelled.iter().map(|word| disguise(word)).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match Options::from_args(&["camcast"], &args) {
        Ok(_) => !asks_for_help,
        Err(early) => {
            assert_eq!(early.status.is_ok(), asks_for_help, "{}", early.output);
            let _ = readable(&early.output);
            false
        }
    }
}

fn check_quantities(word: &str) {
    if let Ok(size) = parse_size_with_unit(word) {
        assert_eq!(parse_size(word), Ok(size));
        assert!(!show_bytes(size).is_empty());
    }
    if let Ok(duration) = parse_duration_with_unit(word) {
        assert_eq!(parse_duration(word), Ok(duration));
    }
    if let Ok(duration) = parse_duration(word) {
        assert!(duration <= Duration::from_secs(1000 * 365 * 86_400), "{word}");
        assert!(!show_duration(duration).is_empty());
    }
    assert!(parse_dscp(word).is_ok_and(|point| point < 64) || parse_dscp(word).is_err());
    if let Ok(size) = word.parse::<Size>() {
        assert_eq!(size.to_string().parse(), Ok(size));
    }
    if let Ok(rate) = word.parse::<Rate>() {
        assert!(rate.as_f64() > 0.0 && rate.as_f64().is_finite(), "{word}");
        assert!(rate.at(7) >= rate.at(6) && rate.reached(rate.at(7)) >= 6, "{word}");
    }
    let _ = word.parse::<Mode>();
}

fn check_address(word: &str) {
    if word.contains('%') {
        return;
    }
    if let Ok(address) = parse_listen(word, 9999) {
        assert_eq!(parse_listen(&address.to_string(), 1), Ok(address));
    }
    if let Ok(address) = parse_address(word) {
        assert_eq!((parse_address(&address.ip().to_string()), address.port()), (Ok(address), 0));
    }
    if let Ok((host, port)) = parse_host(word) {
        // what has brackets in it is nobody's name
        if host.contains(['[', ']']) {
            return;
        }
        assert_eq!(parse_host(&format!("[{host}]:{port}")), Ok((host, port)), "{word}");
    }
}

/// What is a template gives names below the folder, at whatever time.
fn check_name(word: &str) {
    let Ok(template) = word.parse::<Template>() else { return };
    for seconds in [0, 1_795_821_207, -9_999_999_999, 200_000_000_000] {
        let at = Timestamp::from_second(seconds).unwrap().to_zoned(TimeZone::UTC);
        for name in template.names(&at, &Index::default()).take(3) {
            let is_name = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains('\0');
            assert!(name.split('/').all(is_name), "{word:?}: {name:?}");
        }
    }
}

/// Command lines that people type, and words that are quantities.
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    let seeds = [
        (
            "camcast",
            "/dev/video0\n-r640x480\n--desired-fps=29.97\n--listen\n[::]:9999\n--http=:8080\n--control\nbrightness=7",
        ),
        ("camcast-more", "--reel\n32M\n--max-clients\n8\n--mtu=1400\n--dscp=af41\n~/jpegs\n--once\n-vv"),
        (
            "camrec",
            "http://camera.local:9999/\n-o\n~/rec\n--segment\n10m\n--keep=100G\n--keep-for\n7d\n--utc\n--align",
        ),
        (
            "camrec-more",
            "[fe80::1]:9999\n--name=%Y-%m-%d/%H-%M-%S.mkv\n--duration\n1:30\n--frames=7\n--buffer\n64MiB\n--json",
        ),
        (
            "camrec-also",
            "192.168.1.7\n--also\n10.0.0.2:7\n--from=192.168.1.9\n--min-free\n2G\n--when-full=rotate",
        ),
        ("check", "a.mkv\n--json\n--\n-b"),
        ("sheet", "a.mkv\n-o\n~/a.jpg"),
        ("help", "-vh\n--keep=1G"),
        ("bad-option", "--keepfor=7d\n--check"),
        ("words", "1.5G\n2 weeks\n1h30m\n0x7f\nef\n0.0.0.0\n:5\n1d12h\n90s\n1e9\n30000/1001\nanna:secret"),
        ("names", "%s.avi\n%Q/%D/%%.mkv\ndoor %F\n%Y%Y%Y\n../x\n%p"),
    ];
    let mut seeds: Vec<(String, Vec<u8>)> = seeds.map(|(name, text)| (name.to_owned(), text.into())).to_vec();
    seeds.push(("no-text".to_owned(), b"\xff\xfe.mkv\n-o\n~/\xe4\n\xf4\x8f\xbf\xbf".to_vec()));
    seeds
}
