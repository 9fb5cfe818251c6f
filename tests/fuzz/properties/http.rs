//! HTTP: a request's head, what it asks for, who may ask, what is to be set; and where one request ends.

use super::assert_is_head;
use super::stream::{Step, cuts, read};
use camcast::http::access::{Access, without_port};
use camcast::http::answer::{Answer, Body};
use camcast::http::request::{MAX_BODY, MAX_HEAD, Parsed, Request, pairs, parse};
use camcast::http::route::Route;
use camcast::http::{Status, controls};
use std::time::Duration;

/// What comes over a connection.
pub fn check(bytes: &[u8]) -> bool {
    let (whole, left) = requests(&[bytes], |request, body| {
        check_request(request);
        check_controls(body);
    });
    for pieces in cuts(bytes) {
        let cut = requests(&pieces, |_, _| {});
        assert_eq!(cut, (whole.clone(), left), "cut into {:?}", pieces.iter().map(|it| it.len()));
    }
    // a body alone, for which no head has to be invented
    let has_controls = check_controls(bytes);
    has_controls || whole.iter().any(|request| !request.starts_with("refused"))
}

/// Each request with its body, as `app::cast::http` takes them off a connection; a refusal is the last.
fn requests(pieces: &[&[u8]], mut see: impl FnMut(&Request<'_>, &[u8])) -> (Vec<String>, usize) {
    read(pieces, MAX_HEAD + MAX_BODY, |incoming| match parse(incoming) {
        Parsed::Partial => Step::Waits,
        Parsed::Refused(status, why) => Step::Last(format!("refused {status:?} {why}")),
        Parsed::Request(request, head) => {
            assert!(head <= MAX_HEAD && request.body <= MAX_BODY);
            let Some(body) = incoming.get(head..head + request.body) else { return Step::Waits };
            see(&request, body);
            let text = format!("{request:?} {}", body.escape_ascii());
            if request.keeps_open { Step::Took(head + body.len(), text) } else { Step::Last(text) }
        }
    })
}

fn check_request(request: &Request<'_>) {
    let is_plain = |text: &str| !text.contains(['\r', '\n', '\0']);
    assert!(!request.target.is_empty() && !request.target.contains(char::is_whitespace));
    assert!(!request.path.contains(['?', '&', '#']) && !request.query.contains('#'));
    let said = [request.host, request.origin, request.authorization, request.content_type];
    assert!(said.into_iter().flatten().chain([request.accept, request.user_agent]).all(is_plain));
    assert!(
        pairs(request.query)
            .all(|(name, value)| request.value(name).is_some_and(is_plain) && is_plain(value))
    );
    check_route(request);
    check_access(request);
}

fn of_target<'a>(target: &'a str, request: &Request<'a>, see: impl FnOnce(&Request<'_>)) {
    let text = format!(
        "{} {target} HTTP/1.0\r\nAccept: {}\r\nUser-Agent: {}\r\n\r\n",
        request.method.name(),
        request.accept,
        request.user_agent
    );
    if let Parsed::Request(request, _) = parse(text.as_bytes()) {
        see(&request);
    }
}

/// Whatever is asked for is within its limits, and the same with a cache-buster, and as a proxy asks for it.
fn check_route(request: &Request<'_>) {
    let route = Route::of(request);
    if let Ok(Some(Route::Stream { interval, .. })) = route {
        let most = Duration::from_millis(1)..=Duration::from_secs(100);
        assert!(interval.is_zero() || most.contains(&interval), "{interval:?}");
    }
    if request.target.contains('#') {
        return;
    }
    of_target(&format!("{}&1732612345678", request.target), request, |other| {
        assert_eq!(Route::of(other), route, "{}", other.target);
    });
    if request.target.starts_with('/') {
        of_target(&format!("http://pi:8080{}", request.target), request, |other| {
            assert_eq!((other.path, other.query), (request.path, request.query), "{}", other.target);
        });
    }
}

/// A stranger's name stays one whatever stands in front of it, and no page is named in an answer but those that are known.
fn check_access(request: &Request<'_>) {
    let known = ["https://print.example.org".to_owned(), "http://10.0.0.5".to_owned()];
    let access = Access { hosts: vec!["cam.example.org".to_owned()], origins: known.to_vec() };
    let host = format!("{}.evil.example", request.host.unwrap_or("a"));
    for host in [&host, &format!("{host}:80"), &format!("{host}.")] {
        let is_for_us = access.is_for_us(&Request { host: Some(host), ..*request });
        assert!(!is_for_us, "{host:?} is {:?}", without_port(host));
    }
    if let Some(origin) = request.origin.filter(|_| access.is_from_ours(request)) {
        let other = format!("{origin}.evil.example");
        assert!(!access.is_from_ours(&Request { origin: Some(&other), ..*request }), "{other}");
    }
    let origin = access.origin(request);
    assert!(origin.is_none_or(|origin| known.iter().any(|known| known.eq_ignore_ascii_case(origin))));
    let answer = Answer {
        status: Status::Ok,
        body: Body::None,
        keeps_open: request.keeps_open,
        origin,
        has_password: false,
        challenges: &[],
        retry_after: None,
        nonce: None,
    };
    assert_is_head(
        std::str::from_utf8(answer.head().as_bytes()).unwrap(),
        if origin.is_some() { 10 } else { 6 },
    );
}

/// What is to be set is the same when it is said again, in other letters.
fn check_controls(body: &[u8]) -> bool {
    let Ok(wanted) = controls::parse(body) else { return false };
    assert!((1..=controls::MOST).contains(&wanted.len()));
    let quoted = |text: &str| {
        let each = text.chars().map(|it| match u32::from(it) {
            code @ ..=0xffff => format!("\\u{code:04x}"),
            _ => it.to_string(),
        });
        format!("\"{}\"", each.collect::<String>())
    };
    let pairs = wanted.iter().map(|(name, value)| {
        let value = value.as_deref().map_or("null".to_owned(), quoted);
        format!("{}:{value}", quoted(name))
    });
    let again = format!("{{{}}}", pairs.collect::<Vec<_>>().join(","));
    assert_eq!(controls::parse(again.as_bytes()).as_ref(), Ok(&wanted), "{again}");
    assert!(wanted.iter().all(|(_, value)| value.as_deref().is_none_or(|value| value.trim() == value)));
    true
}
