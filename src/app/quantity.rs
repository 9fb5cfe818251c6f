//! Sizes, durations and addresses as people type them.

use crate::sys::names::interface;
use crate::wire::PORT;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::time::Duration;

/// No duration is longer: a thousand years.
const LONGEST: Duration = Duration::from_secs(1000 * 365 * 86_400);

/// Ways to write where a host is that say no more than its name does.
const SCHEMES: [&str; 5] = ["http", "https", "tcp", "udp", "camcast"];

/// Reads `32M`, `32MiB`, `32MB`, `1.5G`, `2T` or plain bytes. K, M, G and T are 1024 and its powers.
///
/// # Errors
/// What is expected, in one line.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let (number, unit) = text.split_at(digits(text));
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" | "kib" => 1024.0,
        "m" | "mb" | "mib" => 1024.0 * 1024.0,
        "g" | "gb" | "gib" => 1024.0 * 1024.0 * 1024.0,
        "t" | "tb" | "tib" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return Err(format!("{text}: expected a size such as 32M or 2G")),
    };
    let number: f64 = number.parse().map_err(|_| format!("{text}: expected a size such as 32M or 2G"))?;
    Ok((number * factor) as u64)
}

/// As [`parse_size`], where a letter that is left out would destroy something: a unit has to be there.
///
/// # Errors
/// What is expected, in one line.
pub fn parse_size_with_unit(text: &str) -> Result<u64, String> {
    let size = parse_size(text)?;
    match text.trim_end().ends_with(|c: char| c.is_ascii_digit() || c == '.') {
        true => Err(format!("{text}: {text} of what? Give it a unit: {text}M or {text}G")),
        false => Ok(size),
    }
}

/// Reads `90s`, `10m`, `1h30m`, `7d`, `2 weeks`, `1d12h`, `1:30` as players show it, or plain seconds. A day has 24 hours.
///
/// # Errors
/// What is expected, in one line.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    // so that nobody who adds to it goes beyond what there is
    read_duration(text).map(|duration| duration.min(LONGEST))
}

fn read_duration(text: &str) -> Result<Duration, String> {
    let expected = || format!("{text}: expected a duration such as 90s, 10m, 1h30m or 7d");
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).map_err(|_| expected());
    }
    if text.contains(':') {
        return clock_face(text).ok_or_else(expected);
    }
    // jiff's are of 24 hours and less
    let (days, rest) = days(text);
    let days = Duration::try_from_secs_f64(days * 86_400.0).map_err(|_| expected())?;
    if rest.is_empty() && !text.trim().is_empty() {
        return Ok(days);
    }
    let signed: jiff::SignedDuration = rest.parse().map_err(|_| expected())?;
    Duration::try_from(signed).map(|rest| days.saturating_add(rest)).map_err(|_| expected())
}

/// As [`parse_duration`], where a letter that is left out would destroy something: a unit has to be there.
///
/// # Errors
/// What is expected, in one line.
pub fn parse_duration_with_unit(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text)?;
    if text.contains(':') {
        return Err(format!("{text}: hours or minutes? Write 1h30m or 1m30s"));
    }
    match text.trim_end().ends_with(|c: char| c.is_ascii_digit() || c == '.') {
        true => Err(format!("{text}: {text} of what? Give it a unit: {text}d are days, {text}h are hours")),
        false => Ok(duration),
    }
}

/// Bytes of the number that a text begins with.
fn digits(text: &str) -> usize {
    text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len()
}

/// `M:SS` or `H:MM:SS`, with decimals or without.
fn clock_face(text: &str) -> Option<Duration> {
    let parts: Vec<&str> = text.split(':').collect();
    let (hours, minutes, seconds) = match parts[..] {
        [minutes, seconds] => (0, minutes.parse::<u32>().ok()?, seconds),
        [hours, minutes, seconds] => {
            (hours.parse::<u32>().ok()?, minutes.parse().ok().filter(|minutes| *minutes < 60)?, seconds)
        }
        _ => return None,
    };
    let is_number = seconds.starts_with(|c: char| c.is_ascii_digit());
    let seconds: f64 = seconds.parse().ok().filter(|seconds| is_number && *seconds < 60.0)?;
    let whole = u64::from(hours) * 3600 + u64::from(minutes) * 60;
    Some(Duration::from_secs(whole).saturating_add(Duration::try_from_secs_f64(seconds).ok()?))
}

/// The weeks and days that a text begins with, in days, and what follows.
fn days(text: &str) -> (f64, &str) {
    let (mut days, mut rest) = (0.0, text.trim());
    loop {
        let (number, after) = rest.split_at(digits(rest));
        let after = after.trim_start();
        let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let factor = match unit {
            "d" | "day" | "days" => 1.0,
            "w" | "week" | "weeks" => 7.0,
            // "1d12h" is split here, as are "1w2d"
            _ => return (days, rest),
        };
        let Ok(number) = number.parse::<f64>() else { return (days, rest) };
        days += number * factor;
        rest = after.trim_start_matches([',', ' ']);
    }
}

/// Reads a differentiated services code point: a number, or a name of RFC 2474, 2597, 3246, 5865 or 8622.
///
/// # Errors
/// What is expected, in one line.
pub fn parse_dscp(text: &str) -> Result<u8, String> {
    let name = text.to_ascii_lowercase();
    let digits = |prefix: &str| name.strip_prefix(prefix).map(str::as_bytes);
    let number = match (name.as_str(), digits("cs"), digits("af")) {
        ("le", ..) => Some(1),
        ("ef", ..) => Some(46),
        ("va", ..) => Some(44),
        (_, Some([class @ b'0'..=b'7']), _) => Some((class - b'0') * 8),
        // assured forwarding: a class and how soon it is dropped
        (_, _, Some([class @ b'1'..=b'4', drop @ b'1'..=b'3'])) => {
            Some((class - b'0') * 8 + (drop - b'0') * 2)
        }
        _ => name.parse().ok().filter(|number| *number < 64),
    };
    number.ok_or_else(|| format!("{text}: expected 0 to 63, or cs0 to cs7, af11 to af43, ef, va, le"))
}

/// Reads the address to listen on: `0.0.0.0:9999`, `[::]:9999`, `[fe80::1%eth0]:9999`, or a port or an address alone.
///
/// # Errors
/// What is expected, in one line.
pub fn parse_listen(text: &str, usual: u16) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(address);
    }
    if let Some((ip, rest)) = text.trim_start_matches('[').split_once('%') {
        return on_link(text, ip, rest, usual);
    }
    if let Ok(ip) = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, usual));
    }
    if let Ok(port) = text.trim_start_matches(':').parse::<u16>() {
        return Ok(SocketAddr::new(IpAddr::from([0u16; 8]), port));
    }
    Err(format!("{text}: expected ADDRESS:PORT, such as 0.0.0.0:{usual} or [::]:{usual}"))
}

/// Reads an address of this machine, without a port: `192.168.1.7`, `fe80::1%eth0`. Its port is 0.
///
/// # Errors
/// What is expected, in one line.
pub fn parse_address(text: &str) -> Result<SocketAddr, String> {
    if let Some((ip, link)) = text.split_once('%') {
        return on_link(text, ip, link, 0);
    }
    let ip = text.parse::<IpAddr>().map_err(|_| {
        format!("{text}: expected an address of this machine, such as 192.168.1.7 (ip address)")
    })?;
    Ok(SocketAddr::new(ip, 0))
}

/// An address with its link: what stands before the `%`, and behind it.
fn on_link(text: &str, ip: &str, rest: &str, usual: u16) -> Result<SocketAddr, String> {
    let (link, port) = match rest.split_once(']') {
        Some((link, port)) => (link, port.strip_prefix(':').unwrap_or(port)),
        None => (rest, ""),
    };
    let expected = || format!("{text}: expected [ADDRESS%LINK]:PORT, such as [fe80::1%eth0]:{usual}");
    let ip = ip.parse().map_err(|_| expected())?;
    let port = if port.is_empty() { usual } else { port.parse().map_err(|_| expected())? };
    let scope = interface(link).ok_or_else(|| format!("{text}: this machine has no {link}: see ip link"))?;
    Ok(SocketAddrV6::new(ip, port, 0, scope).into())
}

/// An address without its port, with the link that it is of.
pub fn host_of(at: SocketAddr) -> String {
    match at {
        SocketAddr::V6(at) if at.scope_id() != 0 => format!("{}%{}", at.ip(), at.scope_id()),
        at => at.ip().to_string(),
    }
}

/// Splits `HOST[:PORT]`; an IPv6 address with a port stands in brackets. `http://HOST[:PORT]/` is the same.
///
/// # Errors
/// What is expected, in one line.
pub fn parse_host(text: &str) -> Result<(String, u16), String> {
    let expected =
        || format!("{text}: expected HOST or HOST:PORT, such as camera.local or [fe80::1%eth0]:{PORT}");
    let text = match text.split_once("://") {
        Some((scheme, host)) if SCHEMES.contains(&scheme) => host.strip_suffix('/').unwrap_or(host),
        _ => text,
    };
    if let Some(inner) = text.strip_prefix('[') {
        let (host, rest) = inner.split_once(']').ok_or_else(expected)?;
        let port = match rest.strip_prefix(':') {
            Some(port) => port.parse().map_err(|_| expected())?,
            None if rest.is_empty() => PORT,
            None => return Err(expected()),
        };
        return Ok((host.to_owned(), port));
    }
    let (host, port) = match text.split_once(':') {
        Some((_, port)) if port.contains(':') => (text, PORT),
        Some((host, port)) => (host, port.parse().map_err(|_| expected())?),
        None => (text, PORT),
    };
    if host.is_empty() || host.contains(['/', ' ', '@']) {
        return Err(expected());
    }
    Ok((host.to_owned(), port))
}

/// `35.1 MB`, for people.
pub fn show_bytes(bytes: u64) -> String {
    let bytes = bytes as f64;
    if bytes < 1e6 {
        format!("{:.1} kB", bytes / 1e3)
    } else if bytes < 1e9 {
        format!("{:.1} MB", bytes / 1e6)
    } else {
        format!("{:.2} GB", bytes / 1e9)
    }
}

/// `12.3 s`, `4 min 10 s` or `2 h 05 min`, for people.
pub fn show_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{:.1} s", duration.as_secs_f64()),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// How many there are of something that takes an s: `1 frame`, `2 frames`.
pub fn counted(count: u64, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}

/// It is an address of one link, and does not say of which.
pub fn is_without_link(address: SocketAddr) -> bool {
    matches!(address, SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() && v6.scope_id() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(text: &str) -> Result<SocketAddr, String> {
        parse_listen(text, PORT)
    }

    #[test]
    fn code_points_have_names() {
        let known = [("0", 0), ("63", 63), ("cs5", 40), ("AF41", 34), ("af11", 10), ("af43", 38), ("ef", 46)];
        for (text, number) in known {
            assert_eq!(parse_dscp(text), Ok(number), "{text}");
        }
        for text in ["64", "-1", "cs8", "af44", "af51", "", "best"] {
            assert!(parse_dscp(text).unwrap_err().starts_with(text), "{text}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(parse_size("32M"), Ok(32 << 20));
        assert_eq!(parse_size("1.5GiB"), Ok(3 << 29));
        assert_eq!(parse_size("4096"), Ok(4096));
        assert!(parse_size("much").is_err() && parse_size("3 apples").is_err() && parse_size("").is_err());
    }

    #[test]
    fn a_missing_letter_is_no_unit() {
        assert_eq!(parse_size_with_unit("1.5G"), Ok(3 << 29));
        assert_eq!(parse_size_with_unit("10B"), Ok(10));
        for text in ["10", "4096", "1.5", "10 "] {
            assert!(parse_size_with_unit(text).unwrap_err().contains("of what?"), "{text}");
        }
        assert_eq!(parse_duration_with_unit("7d"), Ok(Duration::from_secs(7 * 86_400)));
        for text in ["7", "2.5", "1e3", "1:30"] {
            assert!(parse_duration_with_unit(text).unwrap_err().starts_with(text), "{text}");
        }
        assert!(parse_duration_with_unit("1M").is_err(), "a minute or a month?");
    }

    #[test]
    fn durations_as_people_type_them() {
        let known = [
            ("1:30", 90),
            ("90:00", 5400),
            ("1:02:03", 3723),
            ("1w", 7 * 86_400),
            ("7days", 7 * 86_400),
            ("2 weeks", 14 * 86_400),
            ("1w2d", 9 * 86_400),
            ("1 day, 2 hours", 26 * 3600),
            ("1.5d", 36 * 3600),
            ("7D", 0),
            ("1:60", 0),
            ("1:60:00", 0),
            (":30", 0),
            ("1:", 0),
            ("1:-3", 0),
            ("1:nan", 0),
            ("99999999999999999999999999w", 0),
        ];
        for (text, seconds) in known {
            let read = parse_duration(text).unwrap_or_default();
            assert_eq!(read, Duration::from_secs(seconds), "{text}");
        }
        assert_eq!(parse_duration("18446744073709549568"), Ok(LONGEST));
        assert_eq!(parse_duration("1:02.5"), Ok(Duration::from_millis(62_500)));
    }

    #[test]
    fn durations() {
        assert_eq!(parse_duration("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(parse_duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse_duration("2.5"), Ok(Duration::from_millis(2500)));
        assert_eq!(parse_duration("7d"), Ok(Duration::from_secs(7 * 86_400)));
        assert_eq!(parse_duration("1d12h"), Ok(Duration::from_secs(36 * 3600)));
        assert_eq!(parse_duration("90 seconds"), Ok(Duration::from_secs(90)));
        for bad in ["-5s", "soon", "", "d", "1dd", "-1d"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn listening_addresses() {
        assert_eq!(listen("0.0.0.0:1").unwrap().to_string(), "0.0.0.0:1");
        assert_eq!(listen("[::1]:5").unwrap().to_string(), "[::1]:5");
        assert_eq!(listen("127.0.0.1").unwrap().to_string(), "127.0.0.1:9999");
        assert_eq!(listen("::1").unwrap().to_string(), "[::1]:9999");
        assert_eq!(listen(":7000").unwrap().to_string(), "[::]:7000");
        assert!(listen("everywhere").is_err());
        assert_eq!(listen("[fe80::1%lo]:5").unwrap().to_string(), "[fe80::1%1]:5");
        assert_eq!(listen("fe80::1%7").unwrap().to_string(), "[fe80::1%7]:9999");
        assert!(listen("[fe80::1%nolink0]:5").unwrap_err().contains("has no nolink0"));
        assert!(listen("[x%lo]:5").is_err() && listen("[::1%lo]:x").is_err());
    }

    #[test]
    fn hosts() {
        let host = |text: &str| parse_host(text).unwrap();
        assert_eq!(host("pi.local"), ("pi.local".into(), 9999));
        assert_eq!(host("pi.local:7"), ("pi.local".into(), 7));
        assert_eq!(host("fe80::1"), ("fe80::1".into(), 9999));
        assert_eq!(host("[fe80::1%eth0]:7"), ("fe80::1%eth0".into(), 7));
        assert_eq!(host("http://pi"), ("pi".into(), 9999));
        assert_eq!(host("http://pi.local:7/"), ("pi.local".into(), 7));
        assert_eq!(host("udp://[::1]:7"), ("::1".into(), 7));
        for bad in ["", ":7", "pi:x", "[::1", "http://", "http://pi/stream", "rtsp://pi:554/", "me@pi"] {
            assert!(parse_host(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn quantities_for_people() {
        assert_eq!(show_bytes(35_100_000), "35.1 MB");
        assert_eq!(show_duration(Duration::from_millis(12_340)), "12.3 s");
        assert_eq!(show_duration(Duration::from_secs(250)), "4 min 10 s");
        assert_eq!(show_duration(Duration::from_secs(7_500)), "2 h 05 min");
    }
}
