//! The head of an answer: its status, what follows, and what every answer says.
//!
//! No cache may keep it and no browser take it for another type than is said; a page elsewhere may read it only if its origin is
//! allowed.

use super::Status;
use crate::admission::digest::Challenge;
use arrayvec::ArrayString;
use std::fmt::{self, Write};

/// The longest head.
const ROOM: usize = 1536;

/// The longest origin that is repeated.
const ORIGIN_ROOM: usize = 256;

/// A head: a few hundred bytes of text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head(ArrayString<ROOM>);

impl Head {
    /// What is written by now.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl Write for Head {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.try_push_str(text).map_err(|_| fmt::Error)
    }
}

/// What follows an answer's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// This many bytes of this type.
    Bytes(&'static str, usize),
    /// A stream of this type, which ends with the connection.
    Endless(&'static str),
    /// Nothing.
    None,
}

/// An answer's head, in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// What has become of the request.
    pub status: Status,
    /// What follows.
    pub body: Body,
    /// The connection is good for another request.
    pub keeps_open: bool,
    /// The web page that may read it, if one may: an origin, or `*`.
    pub origin: Option<&'a str>,
    /// A password is asked for: such a page may send one, and that which the browser knows if the page's origin was named.
    pub has_password: bool,
    /// What is asked of one who has not shown that he knows the password.
    pub challenges: &'a [Challenge],
    /// For so many seconds nothing is taken from him.
    pub retry_after: Option<u64>,
    /// It is a page, which runs those scripts alone that have this nonce, and loads nothing from elsewhere.
    pub nonce: Option<u64>,
}

impl Answer<'_> {
    /// As it is sent.
    pub fn head(&self) -> Head {
        let mut head = Head::default();
        // there is room for all that is written here, and an origin that is too long is left out
        let _ = self.write(&mut head);
        head
    }

    fn write(&self, head: &mut Head) -> fmt::Result {
        write!(head, "HTTP/1.1 {}\r\n", self.status.line())?;
        match self.body {
            Body::Bytes(kind, length) => {
                write!(head, "Content-Type: {kind}\r\nContent-Length: {length}\r\n")?;
            }
            Body::Endless(kind) => write!(head, "Content-Type: {kind}\r\n")?,
            Body::None if self.status == Status::NoContent => {}
            Body::None => head.write_str("Content-Length: 0\r\n")?,
        }
        match self.status {
            Status::MethodNotAllowed => head.write_str("Allow: GET, HEAD, OPTIONS\r\n")?,
            // of all that there is
            Status::NoContent => head.write_str("Allow: GET, HEAD, OPTIONS, POST\r\n")?,
            _ => {}
        }
        if let Some(origin) = self.origin.filter(|origin| origin.len() <= ORIGIN_ROOM) {
            write!(head, "Access-Control-Allow-Origin: {origin}\r\nVary: Origin\r\n")?;
            head.write_str("Access-Control-Allow-Methods: GET, HEAD, OPTIONS, POST\r\n")?;
            // pages of the whole world are not to try passwords in the browsers of their visitors
            let authorization = if self.has_password && origin != "*" { ", Authorization" } else { "" };
            write!(head, "Access-Control-Allow-Headers: Content-Type{authorization}\r\n")?;
            // any page in the world must not have the browser's: browsers would refuse it with `*` anyway
            if self.has_password && origin != "*" {
                head.write_str("Access-Control-Allow-Credentials: true\r\n")?;
            }
        }
        // a line each: some clients read only what a line begins with
        for challenge in self.challenges {
            write!(head, "WWW-Authenticate: {challenge}\r\n")?;
        }
        if let Some(seconds) = self.retry_after {
            write!(head, "Retry-After: {seconds}\r\n")?;
        }
        if let Some(nonce) = self.nonce {
            write!(
                head,
                "Content-Security-Policy: default-src 'none'; connect-src 'self'; img-src 'self' blob:; \
                 script-src 'nonce-{nonce:016x}'; style-src 'nonce-{nonce:016x}'; base-uri 'none'; form-action 'none'; \
                 frame-ancestors 'self'\r\nReferrer-Policy: no-referrer\r\n"
            )?;
        }
        let connection = if self.keeps_open { "keep-alive" } else { "close" };
        write!(
            head,
            "Cache-Control: no-store, no-cache, must-revalidate, max-age=0\r\nPragma: no-cache\r\n\
             X-Content-Type-Options: nosniff\r\nConnection: {connection}\r\n\r\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::digest::challenges;
    use crate::admission::nonces::Nonces;
    use crate::time::Time;

    const PLAIN: Answer<'_> = Answer {
        status: Status::Ok,
        body: Body::None,
        keeps_open: false,
        origin: None,
        has_password: false,
        challenges: &[],
        retry_after: None,
        nonce: None,
    };

    fn text(answer: Answer<'_>) -> String {
        String::from_utf8(answer.head().as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn a_head_is_what_every_reader_understands() {
        let body = Body::Bytes("image/jpeg", 5);
        let head = text(Answer { body, keeps_open: true, ..PLAIN });
        assert!(
            head.starts_with("HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 5\r\n"),
            "{head}"
        );
        assert!(head.ends_with("\r\nConnection: keep-alive\r\n\r\n") && !head.contains("Origin"), "{head}");
        let mut fields = [httparse::EMPTY_HEADER; 16];
        let mut response = httparse::Response::new(&mut fields);
        assert!(response.parse(head.as_bytes()).unwrap().is_complete());
        assert_eq!((response.code, response.reason), (Some(200), Some("OK")));
    }

    #[test]
    fn what_has_no_body_says_so_and_a_stream_has_no_length() {
        let of = |status, body| text(Answer { status, body, ..PLAIN });
        assert!(of(Status::NotFound, Body::None).contains("\r\nContent-Length: 0\r\n"));
        assert!(!of(Status::NoContent, Body::None).contains("Content-Length"));
        assert!(!of(Status::Ok, Body::Endless("a/b")).contains("Content-Length"));
        assert!(of(Status::MethodNotAllowed, Body::None).contains("\r\nAllow: GET, HEAD, OPTIONS\r\n"));
    }

    #[test]
    fn an_origin_is_repeated_whole_or_not_at_all() {
        let with = |origin| text(Answer { origin: Some(origin), ..PLAIN });
        assert!(with("https://a.example").contains("\r\nAccess-Control-Allow-Origin: https://a.example\r\n"));
        let long = "x".repeat(2000);
        let head = with(&long);
        assert!(!head.contains("Origin") && head.ends_with("\r\n\r\n"));
    }

    #[test]
    fn a_page_that_was_named_may_send_the_password_that_its_browser_knows() {
        let with = |origin, has_password| text(Answer { origin, has_password, ..PLAIN });
        let (headers, known) = (
            "\r\nAccess-Control-Allow-Headers: Content-Type, Authorization\r\n",
            "\r\nAccess-Control-Allow-Credentials: true\r\n",
        );
        let named = with(Some("https://a.example"), true);
        assert!(named.contains(headers) && named.contains(known), "{named}");
        let any = with(Some("*"), true);
        assert!(!any.contains("Authorization") && !any.contains(known), "{any}");
        for none in [with(None, true), with(Some("https://a.example"), false)] {
            assert!(!none.contains("Authorization") && !none.contains("Credentials"), "{none}");
        }
    }

    #[test]
    fn a_page_loads_nothing_from_elsewhere() {
        let head =
            text(Answer { nonce: Some(0xabc), body: Body::Bytes("text/html; charset=utf-8", 9), ..PLAIN });
        assert!(head.contains("Content-Security-Policy: default-src 'none';"), "{head}");
        assert_eq!(head.matches("'nonce-0000000000000abc'").count(), 2);
        let origin = "https://".to_owned() + &"x".repeat(200);
        let longest = Answer {
            nonce: Some(u64::MAX),
            origin: Some(&origin),
            keeps_open: true,
            has_password: true,
            ..PLAIN
        };
        assert!(text(longest).ends_with("Connection: keep-alive\r\n\r\n"), "there is room for all of it");
        let challenges = challenges(&Nonces::new([1, 2, 3]).give(Time::default()), true, true);
        let origin = "x".repeat(ORIGIN_ROOM);
        let longest = Answer {
            status: Status::Unauthorized,
            challenges: &challenges,
            origin: Some(&origin),
            retry_after: Some(u64::MAX),
            ..longest
        };
        let head = text(longest);
        assert!(head.ends_with("Connection: keep-alive\r\n\r\n"), "there is room for all of it");
        assert_eq!(head.matches("\r\nWWW-Authenticate: ").count(), 2, "{head}");
    }
}
