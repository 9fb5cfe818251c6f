//! Sizes, durations and addresses as people type them.

use crate::wire::PORT;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Reads `32M`, `32MiB`, `32MB`, `1.5G`, `2T` or plain octets. K, M, G and T are 1024 and its powers.
///
/// # Errors
/// What is expected, in one line.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
    let (number, unit) = text.split_at(digits);
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

/// Reads `90s`, `10m`, `1h30m`, `7d`, `1d12h`, or plain seconds. A day has 24 hours.
///
/// # Errors
/// What is expected, in one line.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let expected = || format!("{text}: expected a duration such as 90s, 10m or 1h30m");
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).map_err(|_| expected());
    }
    let days = text.split_once('d').and_then(|(days, rest)| Some((days.parse::<u32>().ok()?, rest)));
    let (days, rest) = days.unwrap_or((0, text));
    let days = Duration::from_secs(u64::from(days) * 24 * 60 * 60);
    if rest.is_empty() && !text.is_empty() {
        return Ok(days);
    }
    let signed: jiff::SignedDuration = rest.parse().map_err(|_| expected())?;
    Duration::try_from(signed).map(|rest| days.saturating_add(rest)).map_err(|_| expected())
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

/// Reads the address to listen on: `0.0.0.0:9999`, `[::]:9999`, or a port or an address alone.
///
/// # Errors
/// What is expected, in one line.
pub fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(address);
    }
    if let Ok(ip) = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, PORT));
    }
    if let Ok(port) = text.trim_start_matches(':').parse::<u16>() {
        return Ok(SocketAddr::new(IpAddr::from([0u16; 8]), port));
    }
    Err(format!("{text}: expected ADDRESS:PORT, such as 0.0.0.0:{PORT} or [::]:{PORT}"))
}

/// Splits `HOST[:PORT]`; an IPv6 address with a port stands in brackets.
///
/// # Errors
/// What is expected, in one line.
pub fn parse_host(text: &str) -> Result<(String, u16), String> {
    let expected =
        || format!("{text}: expected HOST or HOST:PORT, such as camera.local or [fe80::1%eth0]:{PORT}");
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
    if host.is_empty() || host.contains(['/', ' ']) {
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

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(parse_listen("0.0.0.0:1").unwrap().to_string(), "0.0.0.0:1");
        assert_eq!(parse_listen("[::1]:5").unwrap().to_string(), "[::1]:5");
        assert_eq!(parse_listen("127.0.0.1").unwrap().to_string(), "127.0.0.1:9999");
        assert_eq!(parse_listen("::1").unwrap().to_string(), "[::1]:9999");
        assert_eq!(parse_listen(":7000").unwrap().to_string(), "[::]:7000");
        assert!(parse_listen("everywhere").is_err());
    }

    #[test]
    fn hosts() {
        let host = |text: &str| parse_host(text).unwrap();
        assert_eq!(host("pi.local"), ("pi.local".into(), 9999));
        assert_eq!(host("pi.local:7"), ("pi.local".into(), 7));
        assert_eq!(host("fe80::1"), ("fe80::1".into(), 9999));
        assert_eq!(host("[fe80::1%eth0]:7"), ("fe80::1%eth0".into(), 7));
        for bad in ["", ":7", "pi:x", "[::1", "http://pi"] {
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
