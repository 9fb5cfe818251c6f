//! A request's head: what a browser or a program asks for, and how far its bytes can be trusted.
//!
//! The head is read by `httparse` and then held to what RFC 9112 says of messages that two readers could take for different
//! ones: a length that is said twice, a body that is both counted and chunked, a host that is missing or doubled. Such a request
//! is refused and its connection closed, so that nothing behind it is taken for a request.

use super::Status;

/// The longest head, in bytes. Browsers send 500 to 2000, cookies of a proxy's other applications included.
pub const MAX_HEAD: usize = 8192;

/// The most header fields.
const MAX_FIELDS: usize = 64;

/// The longest body that is taken: settings of some controls.
pub const MAX_BODY: usize = 4096;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Send it.
    Get,
    /// Send what would stand before it.
    Head,
    /// Say what may be asked.
    Options,
    /// Take this.
    Post,
}

impl Method {
    /// As it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Options => "OPTIONS",
            Method::Post => "POST",
        }
    }
}

/// A request, whose text lies in the connection's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// What is to be done.
    pub method: Method,
    /// What is asked for, as typed.
    pub target: &'a str,
    /// Of the target, all before the first `?`, as typed.
    pub path: &'a str,
    /// All behind it.
    pub query: &'a str,
    /// The connection stays open for another request.
    pub keeps_open: bool,
    /// It is HTTP/1.0.
    pub is_old: bool,
    /// Bytes that follow the head, and belong to it.
    pub body: usize,
    /// Whom it is for, as its sender typed it: name or address, with or without a port. Old ones may lack it.
    pub host: Option<&'a str>,
    /// The web page that it comes from, if a browser sends it for one.
    pub origin: Option<&'a str>,
    /// Who asks, and how that can be believed.
    pub authorization: Option<&'a str>,
    /// What is said of the body.
    pub content_type: Option<&'a str>,
    /// What the answer may be.
    pub accept: &'a str,
    /// The program that asks.
    pub user_agent: &'a str,
}

/// What the bytes that have come are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed<'a> {
    /// More is to come.
    Partial,
    /// A request, and how many bytes its head takes.
    Request(Request<'a>, usize),
    /// Nothing that can be answered but by this; the connection is to be closed.
    Refused(Status, &'static str),
}

/// Reads the head at the beginning of `bytes`.
pub fn parse(bytes: &[u8]) -> Parsed<'_> {
    // empty lines before a request are to be ignored (RFC 9112, 2.2); httparse does so, and this bounds them
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut head = httparse::Request::new(&mut fields);
    let cut = bytes.get(..MAX_HEAD).unwrap_or(bytes);
    match head.parse(cut) {
        Ok(httparse::Status::Complete(len)) => match request(&head) {
            Ok(request) => Parsed::Request(request, len),
            Err((status, why)) => Parsed::Refused(status, why),
        },
        Ok(httparse::Status::Partial) if bytes.len() < MAX_HEAD => Parsed::Partial,
        Ok(httparse::Status::Partial) => {
            Parsed::Refused(Status::HeadTooLarge, "the request's head is too long")
        }
        Err(httparse::Error::TooManyHeaders) => {
            Parsed::Refused(Status::HeadTooLarge, "the request has too many header fields")
        }
        Err(httparse::Error::Version) => Parsed::Refused(Status::Version, "HTTP/1.1 is spoken here"),
        Err(_) => Parsed::Refused(Status::BadRequest, "this is no HTTP request"),
    }
}

type Refusal = (Status, &'static str);

fn request<'a>(head: &httparse::Request<'_, 'a>) -> Result<Request<'a>, Refusal> {
    let bad = |why| Err((Status::BadRequest, why));
    let method = match head.method.unwrap_or("") {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "OPTIONS" => Method::Options,
        "POST" => Method::Post,
        _ => return Err((Status::MethodNotAllowed, "GET, HEAD, OPTIONS and POST are known here")),
    };
    let is_old = head.version == Some(0);
    let mut request = Request::new(method, head.path.unwrap_or(""), is_old);
    let (mut length, mut closes) = (None, false);
    for field in head.headers.iter() {
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        // what is not text says nothing to us
        let value = std::str::from_utf8(field.value).unwrap_or("").trim();
        if is("content-length") {
            if length.replace(value).is_some() {
                return bad("Content-Length is said twice");
            }
        } else if is("transfer-encoding") {
            return Err((Status::NotImplemented, "a body has to say its Content-Length here"));
        } else if is("host") {
            if request.host.replace(value).is_some() {
                return bad("Host is said twice");
            }
        } else if is("connection") {
            let said = |word: &str| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(word));
            closes |= said("close");
            request.keeps_open |= said("keep-alive");
        } else if is("origin") {
            request.origin = Some(value);
        } else if is("authorization") {
            request.authorization = Some(value);
        } else if is("content-type") {
            request.content_type = Some(value);
        } else if is("accept") {
            request.accept = value;
        } else if is("user-agent") {
            request.user_agent = value;
        } else if is("expect") {
            return Err((Status::ExpectationFailed, "send the body at once"));
        }
    }
    if request.host.is_none() && !is_old {
        return bad("Host is missing");
    }
    // whichever comes first
    request.keeps_open &= !closes;
    request.body = body(length)?;
    Ok(request)
}

fn body(length: Option<&str>) -> Result<usize, Refusal> {
    let Some(length) = length else { return Ok(0) };
    let is_number = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
    match length.parse() {
        Ok(length) if is_number && length <= MAX_BODY => Ok(length),
        _ if is_number => Err((Status::BodyTooLarge, "the body is too long")),
        _ => Err((Status::BadRequest, "Content-Length is no number")),
    }
}

/// Path and query of a target: `/stream?fps=5`, or as proxies ask, `http://host/stream?fps=5`. What follows `#` is no business
/// of ours.
fn place(text: &str) -> (&str, &str) {
    let text = text.split('#').next().unwrap_or("");
    let path = match text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")) {
        Some(rest) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"),
        None => text,
    };
    // OctoPrint's cache-buster may come as /stream&1732
    match path.find(['?', '&']) {
        Some(at) => (path.get(..at).unwrap_or(""), path.get(at.saturating_add(1)..).unwrap_or("")),
        None => (path, ""),
    }
}

impl<'a> Request<'a> {
    /// One of which the fields are still to be read.
    fn new(method: Method, target: &'a str, is_old: bool) -> Self {
        let (path, query) = place(target);
        Request {
            method,
            target,
            path,
            query,
            keeps_open: !is_old,
            is_old,
            body: 0,
            host: None,
            origin: None,
            authorization: None,
            content_type: None,
            accept: "",
            user_agent: "",
        }
    }

    /// The first of the query's values of that name; one without `=` is empty.
    pub fn value(&self, name: &str) -> Option<&str> {
        pairs(self.query).find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// A browser's picture element, which shows a part of a stream when the head of the next one has come.
    pub fn is_picture_element(&self) -> bool {
        self.accept.starts_with("image/") && self.user_agent.contains("Chrome/")
    }
}

/// The pairs of a query. Cache-busters and what else nobody knows are among them.
pub fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query
        .split(['&', '?'])
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn get(text: &str) -> Request<'_> {
        match parse(text.as_bytes()) {
            Parsed::Request(request, len) => {
                assert_eq!(len, text.len());
                request
            }
            other => panic!("{other:?}"),
        }
    }

    fn refused(text: &str) -> Status {
        match parse(text.as_bytes()) {
            Parsed::Refused(status, _) => status,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_people_and_programs_type() {
        let request = get("GET /?action=stream&dummy=param.mjpg HTTP/1.1\r\nHost: pi:8080\r\n\r\n");
        assert_eq!((request.method, request.path), (Method::Get, "/"));
        assert_eq!((request.value("action"), request.value("dummy")), (Some("stream"), Some("param.mjpg")));
        assert!(request.keeps_open && !request.is_old && request.host == Some("pi:8080"));
        let request = get("GET /stream&1732612345 HTTP/1.0\r\n\r\n");
        assert_eq!((request.path, request.query, request.keeps_open), ("/stream", "1732612345", false));
        let request = get("HEAD http://proxy/webcam/snapshot?1?cacheBust=2#x HTTP/1.1\r\nhost:a\r\n\r\n");
        assert_eq!((request.method, request.path), (Method::Head, "/webcam/snapshot"));
        assert_eq!((request.value("1"), request.value("cacheBust")), (Some(""), Some("2")));
        let request = get("GET / HTTP/1.0\r\nConnection: Keep-Alive, x\r\n\r\n");
        assert!(request.keeps_open);
        for fields in [
            "close",
            "close\r\nConnection: keep-alive",
            "keep-alive\r\nconnection: Close",
            "keep-alive, close",
        ] {
            for version in ["1.0", "1.1"] {
                let text = format!("GET / HTTP/{version}\r\nHost: a\r\nConnection: {fields}\r\n\r\n");
                assert!(!get(&text).keeps_open, "{fields}");
            }
        }
    }

    #[test]
    fn a_browsers_picture_element_is_known() {
        let agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0";
        let ask = |accept: &str| {
            format!("GET /stream HTTP/1.1\r\nHost: a\r\nUser-Agent: {agent}\r\nAccept: {accept}\r\n\r\n")
        };
        assert!(get(&ask("image/avif,image/webp,*/*;q=0.8")).is_picture_element());
        assert!(!get(&ask("*/*")).is_picture_element());
        assert!(!get("GET /stream HTTP/1.1\r\nHost: a\r\nAccept: image/png\r\n\r\n").is_picture_element());
    }

    #[test]
    fn what_two_readers_could_take_for_different_requests_is_refused() {
        let with = |fields: &str| format!("POST /controls HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        for fields in [
            "Content-Length: 1\r\nContent-Length: 1\r\n",
            "Content-Length: 1, 1\r\n",
            "Content-Length: +1\r\n",
            "Content-Length: 0x1\r\n",
            "Content-Length: \r\n",
            "Content-Length: -1\r\n",
            "Host: b\r\n",
        ] {
            assert_eq!(refused(&with(fields)), Status::BadRequest, "{fields}");
        }
        for fields in
            ["Transfer-Encoding: chunked\r\n", "Content-Length: 4\r\ntransfer-encoding: identity\r\n"]
        {
            assert_eq!(refused(&with(fields)), Status::NotImplemented, "{fields}");
        }
        for fields in ["Content-Length: 4097\r\n", "Content-Length: 99999999999999999999999\r\n"] {
            assert_eq!(refused(&with(fields)), Status::BodyTooLarge, "{fields}");
        }
        assert_eq!(refused(&with("Expect: 100-continue\r\n")), Status::ExpectationFailed);
        assert_eq!(refused("GET / HTTP/1.1\r\n\r\n"), Status::BadRequest);
        assert_eq!(refused("GET / HTTP/2.0\r\n\r\n"), Status::Version);
        assert_eq!(refused("BREW / HTTP/1.1\r\nHost: a\r\n\r\n"), Status::MethodNotAllowed);
        assert_eq!(
            refused("GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
            Status::BadRequest,
            "a blank before the colon"
        );
        assert_eq!(
            refused("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n"),
            Status::BadRequest,
            "a folded line"
        );
        assert_eq!(refused("join 1 2 3\r\n\r\n"), Status::Version);
        assert_eq!(refused("\u{1}\r\n\r\n"), Status::BadRequest);
    }

    #[test]
    fn a_head_without_end_is_refused_in_time() {
        let long = format!("GET /{} HTTP/1.1\r\n", "a".repeat(MAX_HEAD));
        assert_eq!(parse(&long.as_bytes()[..MAX_HEAD - 1]), Parsed::Partial);
        assert_eq!(refused(&long), Status::HeadTooLarge);
        let fields = "A: b\r\n".repeat(65);
        assert_eq!(refused(&format!("GET / HTTP/1.1\r\n{fields}\r\n")), Status::HeadTooLarge);
        let blank = "\r\n".repeat(MAX_HEAD);
        assert_eq!(refused(&blank), Status::HeadTooLarge);
    }

    proptest! {
        #[test]
        fn no_bytes_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse(&bytes);
        }

        /// However the bytes come, the request is the same, and none before its last one.
        #[test]
        fn a_request_is_whole_with_its_last_byte(cut in 0_usize..70) {
            let text = b"GET /stream?fps=5 HTTP/1.1\r\nHost: pi\r\nAccept: image/*\r\n\r\n";
            let cut = cut.min(text.len() - 1);
            prop_assert_eq!(parse(&text[..cut]), Parsed::Partial);
        }
    }
}
