//! Who may ask, by what a browser says of where a request comes from.
//!
//! A web page somewhere in the world runs in the browsers of those who look at it, and those may reach this camera. What it could do:
//!
//! - name a host of its own that leads to our address (DNS rebinding), and read what we answer as its own: so `Host` has to be an
//!   address, or a name that no stranger can have;
//! - ask from afar (CORS): the browser lets it read the answer only if we name its origin, which we do for those that are allowed;
//! - send a form here, or what looks like one, without reading the answer (CSRF): so who sets something has to be our own page, or
//!   one that is allowed by its name, or no page at all.

use super::request::Request;
use std::net::IpAddr;

/// Names under these are given by the network at home or by the machine itself, not by anybody in the world.
const HOME: [&str; 7] = [".local", ".lan", ".home", ".home.arpa", ".internal", ".localdomain", ".fritz.box"];

/// Why a page may not see or set the camera's controls.
pub const FOREIGN_PAGE: &str = "a web page from elsewhere may not see or set the camera's controls";

/// Who may ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Names by which this machine is known, beside those that are taken anyhow.
    pub hosts: Vec<String>,
    /// Origins of pages that may read what we answer; `*` is all.
    pub origins: Vec<String>,
}

impl Access {
    /// The request is for us, whatever page it comes from.
    pub fn is_for_us(&self, request: &Request<'_>) -> bool {
        let Some(host) = request.host else { return true };
        let name = without_port(host);
        let is_under = |home: &&str| name.len() > home.len() && ends_with(name, home);
        name.parse::<IpAddr>().is_ok()
            || !name.contains('.')
            || HOME.iter().any(is_under)
            || self.hosts.iter().any(|known| without_port(known).eq_ignore_ascii_case(name))
    }

    /// The request may see and set what a stranger's page must not, by the page that it comes from: our own, or one that is allowed
    /// by its name. Programs come from no page.
    pub fn is_from_ours(&self, request: &Request<'_>) -> bool {
        let Some(origin) = request.origin else { return true };
        let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        let is_same = |host: &str| authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host));
        request.host.is_some_and(is_same)
            || self.origins.iter().any(|allowed| allowed != "*" && allowed.eq_ignore_ascii_case(origin))
    }

    /// The origin that may read the answer, if the page that asks may.
    pub fn origin<'a>(&'a self, request: &Request<'a>) -> Option<&'a str> {
        if self.origins.iter().any(|allowed| allowed == "*") {
            return Some("*");
        }
        request
            .origin
            .filter(|origin| self.origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)))
    }
}

fn ends_with(name: &str, home: &str) -> bool {
    let at = name.len().saturating_sub(home.len());
    name.get(at..).is_some_and(|end| end.eq_ignore_ascii_case(home))
}

/// `pi:8080` is `pi`, and `[::1]:8080` is `::1`. A point at the end is DNS's root. What is no port is of the name: `pi:x.example.com`
/// is a stranger's.
pub fn without_port(host: &str) -> &str {
    let is_port = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    match (bracketed, host.rsplit_once(':')) {
        (Some((ip, "")), _) => ip,
        (Some((ip, rest)), _) if rest.strip_prefix(':').is_some_and(is_port) => ip,
        (None, Some((name, port))) if is_port(port) => name.trim_end_matches('.'),
        _ => host.trim_end_matches('.'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::request::{Parsed, parse};

    fn with<T>(fields: &str, see: impl FnOnce(&Request<'_>) -> T) -> T {
        let text = format!("GET / HTTP/1.1\r\n{fields}\r\n");
        match parse(text.as_bytes()) {
            Parsed::Request(request, _) => see(&request),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn names_that_a_stranger_could_give_are_not_ours() {
        let access = Access { hosts: vec!["cam.example.org:8080".into()], origins: Vec::new() };
        let is = |host: &str| with(&format!("Host: {host}\r\n"), |it| access.is_for_us(it));
        for host in [
            "192.168.1.7:8080",
            "192.168.1.7",
            "[fe80::1]:8080",
            "[::1]",
            "localhost:8080",
            "raspberrypi",
            "pi.local:80",
            "PI.Local.",
            "door.fritz.box",
            "cam.home.arpa",
            "pi.local:",
            "CAM.example.org:8080",
        ] {
            assert!(is(host), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8080",
            "local.evil.example",
            ".local",
            "pi.local.evil.example",
            "1.2.3.4.evil.com",
            "a.b",
            // what no browser sends
            "10.0.0.1:8080.evil.example",
            "pi:x.evil.example",
            "[::1].evil.example",
            "[::1]:8080.evil.example:80",
        ] {
            assert!(!is(host), "{host}");
        }
    }

    #[test]
    fn only_our_own_page_or_one_that_is_named_may_set_something() {
        let access =
            Access { origins: vec!["https://mainsail.example".into(), "*".into()], hosts: Vec::new() };
        let is = |host: &str, origin: &str| {
            with(&format!("Host: {host}\r\nOrigin: {origin}\r\n"), |it| access.is_from_ours(it))
        };
        assert!(with("Host: pi\r\n", |it| access.is_from_ours(it)), "no page");
        assert!(is("pi:8080", "http://pi:8080") && is("PI.local", "https://pi.local"));
        assert!(is("pi:8080", "https://Mainsail.example"));
        for origin in [
            "http://pi",
            "http://pi:8081",
            "null",
            "",
            "pi:8080",
            "https://evil.example",
            "http://pi:8080.evil.example",
            "*",
        ] {
            assert!(!is("pi:8080", origin), "{origin}");
        }
    }

    #[test]
    fn origins_are_allowed_one_by_one_or_all() {
        let some = Access { origins: vec!["https://mainsail.local".into()], hosts: Vec::new() };
        let of = |access: &Access, origin: &str| {
            with(&format!("Host: pi\r\nOrigin: {origin}\r\n"), |it| access.origin(it).map(str::to_owned))
        };
        assert_eq!(of(&some, "https://mainsail.local").as_deref(), Some("https://mainsail.local"));
        assert_eq!(of(&some, "http://mainsail.local"), None);
        assert_eq!(of(&Access::default(), "null"), None);
        let all = Access { origins: vec!["*".into()], hosts: Vec::new() };
        assert_eq!(of(&all, "https://any.example").as_deref(), Some("*"));
    }
}
