//! Digest: who knows the password shows it by a hash that no password can be read from (RFC 7616, and as older clients speak it RFC
//! 2617 and RFC 2069). RTSP has the same, with its own methods and addresses (RFC 2326, D).
//!
//! What is not here, and why, is in `docs/DECISIONS.md`: SHA-256, a count of requests (`nc`), `auth-int`, `MD5-sess`, `userhash`. Names
//! are compared as UTF-8.

use super::hash::{hash, hex, unhex};
use super::nonces::Nonce;
use arrayvec::{ArrayString, ArrayVec};
use std::fmt::Write;
use subtle::{Choice, ConstantTimeEq};

/// What the passwords are for, as a client shows it.
const REALM: &str = "camcast";

/// A value of `WWW-Authenticate`.
pub type Challenge = ArrayString<160>;

/// Which rules a request is held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The hash is for the target of the request. A web server in front may have cut off the beginning of its path.
    Http,
    /// As HTTP; and live555 (VLC) puts the stream's address into the hash when it asks for a track of it.
    Rtsp,
}

/// A request, as far as a password is for it alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked<'a> {
    /// In its own letters: `GET`, `DESCRIBE`.
    pub method: &'a str,
    /// What is asked for, as its first line has it.
    pub target: &'a str,
    /// By which rules.
    pub dialect: Dialect,
    /// A password that is said outright (Basic) is taken too.
    pub takes_basic: bool,
}

/// What is asked of one who has not shown a password: a value of `WWW-Authenticate` each, the best first.
///
/// `is_stale`: the password was right, and the nonce too old.
pub fn challenges(nonce: &Nonce, is_stale: bool, has_basic: bool) -> ArrayVec<Challenge, 2> {
    let (mut digest, mut basic) = (Challenge::new(), Challenge::new());
    let stale = if is_stale { ", stale=true" } else { "" };
    // live555 reads it with scanf: realm, nonce and stale in this order, with these blanks. There is room for it
    let _ = write!(digest, r#"Digest realm="{REALM}", nonce="{nonce}"{stale}, qop="auth", algorithm=MD5"#);
    let _ = write!(basic, r#"Basic realm="{REALM}", charset="UTF-8""#);
    [Some(digest), has_basic.then_some(basic)].into_iter().flatten().collect()
}

/// What a client says beside the scheme's name. All is as it stands between the quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest<'a> {
    username: &'a str,
    uri: &'a str,
    /// Which it has used.
    pub nonce: &'a str,
    /// The hash.
    pub response: [u8; 16],
    /// A count and a nonce of the client's own; RFC 2069 has none.
    counted: Option<(&'a str, &'a str)>,
}

impl<'a> Digest<'a> {
    /// Reads it; none if it is not whole, says something twice, or needs what is not here.
    pub fn parse(text: &'a str) -> Option<Self> {
        const NAMES: [&str; 8] = ["username", "uri", "nonce", "response", "qop", "nc", "cnonce", "algorithm"];
        let (mut said, mut text) = ([None; NAMES.len()], text);
        while let Some((name, value, rest)) = parameter(text)? {
            let known = NAMES.iter().zip(&mut said).find(|(known, _)| known.eq_ignore_ascii_case(name));
            if known.is_some_and(|(_, said)| said.replace(value).is_some()) {
                return None;
            }
            text = rest;
        }
        let [username, uri, nonce, response, qop, nc, cnonce, algorithm] = said;
        if algorithm.is_some_and(|algorithm| !algorithm.eq_ignore_ascii_case("MD5")) {
            return None;
        }
        let counted = match qop {
            None => None,
            Some(qop) if qop.eq_ignore_ascii_case("auth") => Some((nc?, cnonce?)),
            Some(_) => return None,
        };
        Some(Digest { username: username?, uri: uri?, nonce: nonce?, response: unhex(response?)?, counted })
    }

    /// It is of that name, which may have come with escapes.
    pub fn is_of(&self, name: &str) -> bool {
        let mut escaped = false;
        let plain = self.username.chars().filter(|it| {
            escaped = *it == '\\' && !escaped;
            !escaped
        });
        self.username == name || plain.eq(name.chars())
    }

    /// It was made for this request.
    pub fn is_for(&self, asked: &Asked<'_>) -> bool {
        let ((path, query), (asked_path, asked_query)) = (place(self.uri), place(asked.target));
        let is_it = query == asked_query && path.ends_with(asked_path);
        let base = path.trim_end_matches('/');
        let is_base =
            || asked_path.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        is_it || (asked.dialect == Dialect::Rtsp && is_base())
    }

    /// It was made with this password.
    pub fn is_right(&self, name: &str, password: &str, method: &str) -> Choice {
        let user = hex(hash(&[name, REALM, password]));
        let request = hex(hash(&[method, self.uri]));
        let expected = match self.counted {
            Some((nc, cnonce)) => hash(&[&user, self.nonce, nc, cnonce, "auth", &request]),
            None => hash(&[&user, self.nonce, &request]),
        };
        expected.ct_eq(&self.response)
    }
}

/// The first parameter: its name, its value and what follows. None: there is none. Outside: it is no parameter.
fn parameter(text: &str) -> Option<Option<(&str, &str, &str)>> {
    let text = text.trim_start_matches([' ', '\t', ',']);
    if text.is_empty() {
        return Some(None);
    }
    let (name, rest) = text.split_once('=')?;
    let rest = rest.trim_start();
    let (value, rest) = match rest.strip_prefix('"') {
        Some(quoted) => {
            let mut escaped = false;
            let end = quoted.find(|it| {
                let is_end = it == '"' && !escaped;
                escaped = it == '\\' && !escaped;
                is_end
            })?;
            (quoted.get(..end)?, quoted.get(end.checked_add(1)?..)?)
        }
        None => {
            let (value, rest) = rest.split_at(rest.find(',').unwrap_or(rest.len()));
            (value.trim_end(), rest)
        }
    };
    Some(Some((name.trim_end(), value, rest)))
}

/// Path and query of an address, with or without its machine.
fn place(uri: &str) -> (&str, &str) {
    let uri = match uri.split_once("://") {
        Some((scheme, rest)) if !scheme.contains(['/', '?']) => {
            rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
        }
        _ => uri,
    };
    uri.split_once('?').unwrap_or((uri, ""))
}

#[cfg(test)]
mod tests {
    use super::super::nonces::Nonces;
    use super::*;
    use crate::time::Time;
    use proptest::prelude::*;

    const HTTP: Asked<'_> =
        Asked { method: "GET", target: "/dir/index.html", dialect: Dialect::Http, takes_basic: true };

    fn is_right(digest: &Digest<'_>, name: &str, password: &str) -> bool {
        digest.is_right(name, password, "GET").into()
    }

    #[test]
    fn hashes_are_those_of_the_rfc() {
        // RFC 2617, 3.5, whose realm is another: A1 and A2, and how they are put together
        let user = hex(hash(&["Mufasa", "testrealm@host.com", "Circle Of Life"]));
        assert_eq!(user.as_str(), "939e7578ed9e3c518a452acee763bce9");
        let request = hex(hash(&["GET", "/dir/index.html"]));
        assert_eq!(request.as_str(), "39aff3a2bab6126f332b942af96d3366");
        let nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093";
        let all = hash(&[&user, nonce, "00000001", "0a4f113b", "auth", &request]);
        assert_eq!(hex(all).as_str(), "6629fae49393a05397450978507c4ef1");
    }

    /// With and without `qop`, as `md5sum` has it.
    #[test]
    fn each_form_that_clients_send_is_read() {
        // curl
        let new = r#"username="anna", realm="camcast", nonce="abc", uri="/dir/index.html", cnonce="MTIz=", nc=00000001, algorithm=MD5, response="b346a3f0bf163616d74b6c638759ceb7", qop="auth""#;
        let digest = Digest::parse(new).unwrap();
        assert!(is_right(&digest, "anna", "secret") && digest.is_of("anna") && digest.is_for(&HTTP));
        assert!(!is_right(&digest, "anna", "secret2") && !digest.is_of("Anna"));
        assert!(!bool::from(digest.is_right("anna", "secret", "POST")), "another method");
        // live555
        let old = r#"username="anna", realm="camcast", nonce="abc", uri="/dir/index.html", response="ae4d236d7c2fed98b3919d8ff894c97b""#;
        let digest = Digest::parse(old).unwrap();
        assert!(is_right(&digest, "anna", "secret") && digest.counted.is_none());
        // whichever way it is written
        let odd =
            new.replace(", ", "\t ,,  ").replace("response=", "Response = ").replace("=MD5", "=\"md5\"");
        assert_eq!(Digest::parse(&odd), Digest::parse(new));
    }

    #[test]
    fn what_is_not_whole_or_not_here_is_none() {
        let whole = r#"username="anna", nonce="abc", uri="/", response="00000000000000000000000000000000""#;
        assert!(Digest::parse(whole).is_some());
        for broken in [
            whole.replace("uri", "url"),
            whole.replace("00\"", "0\""),
            whole.replace("00\"", "0x\""),
            whole.replace("\"0000", "\"+000"),
            whole.replace("00\"", "00"),
            format!("{whole}, nonce=\"abd\""),
            format!("{whole}, what"),
            format!("{whole}, algorithm=SHA-256"),
            format!("{whole}, algorithm=MD5-sess"),
            format!("{whole}, qop=auth-int, nc=1, cnonce=a"),
            format!("{whole}, qop=auth, nc=1"),
            format!("{whole}, qop=auth, cnonce=1"),
            String::new(),
        ] {
            assert_eq!(Digest::parse(&broken), None, "{broken}");
        }
    }

    #[test]
    fn names_with_quotes_are_known_with_and_without_escapes() {
        let of = |written: &str, name: &str| {
            let text = format!(r#"username="{written}", nonce="", uri="", response="{}""#, "0".repeat(32));
            Digest::parse(&text).is_some_and(|digest| digest.is_of(name))
        };
        assert!(of(r#"an\"na"#, r#"an"na"#) && of(r"an\\na", r"an\na") && of(r"an\na", r"an\na"));
        assert!(of("änne", "änne") && !of(r"an\na", "anna\\") && !of("anna\\\\", "anna"));
    }

    #[test]
    fn it_is_for_one_target_whatever_stands_in_front_of_it() {
        let is_for = |uri: &str, target: &str, dialect| {
            let digest = Digest { username: "", uri, nonce: "", response: [0; 16], counted: None };
            digest.is_for(&Asked { target, dialect, ..HTTP })
        };
        for (uri, target) in [
            ("/stream?fps=5", "/stream?fps=5"),
            ("http://pi:8080/stream?fps=5", "/stream?fps=5"),
            ("/stream?fps=5", "http://pi:8080/stream?fps=5"),
            ("/webcam/stream", "/stream"),
            ("/webcam/", "/"),
            ("http://pi", "/"),
        ] {
            assert!(
                is_for(uri, target, Dialect::Http) && is_for(uri, target, Dialect::Rtsp),
                "{uri} {target}"
            );
        }
        for (uri, target) in [
            ("/", "/controls"),
            ("/stream", "/stream?fps=5"),
            ("/stream?fps=6", "/stream?fps=5"),
            ("/a?b=/controls", "/controls"),
            ("/a?b://c/controls", "/controls"),
            ("/controls", "/"),
            ("", "/"),
        ] {
            assert!(!is_for(uri, target, Dialect::Http), "{uri} {target}");
        }
        let track = "rtsp://pi:8554/stream/track1";
        for uri in ["rtsp://pi:8554/stream/", "rtsp://pi:8554/stream", "/stream", "rtsp://pi:8554", track] {
            assert!(is_for(uri, track, Dialect::Rtsp), "{uri}");
        }
        for uri in ["rtsp://pi:8554/stre", "rtsp://pi:8554/stream/track2", "rtsp://pi:8554/other/"] {
            assert!(!is_for(uri, track, Dialect::Rtsp), "{uri}");
        }
        assert!(is_for("*", "*", Dialect::Rtsp));
    }

    #[test]
    fn what_is_asked_for_is_read_by_scanf_and_by_the_rfc() {
        let nonce = Nonces::new([1, 2, 3]).give(Time::default());
        let of = |is_stale, has_basic| -> Vec<String> {
            challenges(&nonce, is_stale, has_basic).iter().map(ToString::to_string).collect()
        };
        let digest = format!(r#"Digest realm="camcast", nonce="{nonce}", qop="auth", algorithm=MD5"#);
        assert_eq!(of(false, false), std::slice::from_ref(&digest));
        assert_eq!(of(false, true), [digest, r#"Basic realm="camcast", charset="UTF-8""#.to_owned()]);
        let stale =
            format!(r#"Digest realm="camcast", nonce="{nonce}", stale=true, qop="auth", algorithm=MD5"#);
        assert_eq!(of(true, false), [stale]);
    }

    proptest! {
        #[test]
        fn no_text_does_harm(text in r#"([a-z]{0,3}|username|uri|nonce|response|=|"|,|\\| |ü|[0-9a-f]{32}){0,40}"#) {
            if let Some(digest) = Digest::parse(&text) {
                let _ = (digest.is_for(&HTTP), digest.is_of("anna"), is_right(&digest, "anna", "secret"));
            }
        }
    }
}
