//! Who is let in by what `Authorization` says.
//!
//! The bytes are a text: the method, a blank, the target, a line's end, and the field's value. In it `NONCE` stands for a nonce that
//! the door has just given, and `HASH` for the response that a client would send who knows the password.

use super::assert_is_head;
use camcast::admission::digest::{Asked, Dialect};
use camcast::admission::door::{Door, Entry};
use camcast::admission::nonces::LASTS;
use camcast::admission::password::Passwords;
use camcast::admission::places::Party;
use camcast::time::Time;
use md5::{Digest as _, Md5};
use std::net::{IpAddr, Ipv4Addr};

const NOW: Time = Time::from_millis(5_000);
const PAIRS: &str = "anna:secret\nbert:geheim:lang\n";
const START: [u64; 3] = [1, 2, 3];

fn door(pairs: &str, start: [u64; 3]) -> Door {
    Door::new(Passwords::parse(pairs).unwrap(), start)
}

fn party(last: u8) -> Party {
    Party::of(IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)))
}

/// Somebody asks at a door where nobody has asked before.
fn first(pairs: &str, start: [u64; 3], said: &str, asked: &Asked<'_>, now: Time) -> Entry {
    door(pairs, start).ask(Some(said), asked, party(1), now)
}

/// A method, a target, and `Authorization`.
pub fn check(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let (line, said) = text.split_once('\n').unwrap_or(("GET /", text));
    let (method, target) = line.trim().split_once(' ').unwrap_or(("GET", line));
    let said = filled(said, method);
    let mut is_let_in = false;
    for dialect in [Dialect::Http, Dialect::Rtsp] {
        for takes_basic in [true, false] {
            let asked = Asked { method, target, dialect, takes_basic };
            is_let_in |= check_entry(&said, &asked);
            check_repetition(&said, &asked);
        }
    }
    is_let_in
}

fn check_entry(said: &str, asked: &Asked<'_>) -> bool {
    let entry = first(PAIRS, START, said, asked, NOW);
    let is_open =
        |pairs: &str, start, asked: &Asked<'_>, now| first(pairs, start, said, asked, now) == Entry::Open;
    let later = NOW.after(LASTS);
    match entry {
        Entry::Open => {
            assert!(
                !is_open("anna:Secret\nbert:geheim\n", START, asked, NOW),
                "without the password: {said}"
            );
            let is_basic = said.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("basic "));
            assert_eq!(is_open(PAIRS, START, asked, later), is_basic, "with an old nonce: {said}");
            assert_eq!(is_open(PAIRS, [1, 3, 3], asked, NOW), is_basic, "with another start's nonce: {said}");
            let other = Asked { method: "TRACE", ..*asked };
            assert_eq!(is_open(PAIRS, START, &other, NOW), is_basic, "for another method: {said}");
            // what a proxy has put in front of a target may be anything: not of this one, whatever was typed
            let unsaid = (0..).map(|count| format!("/elsewhere{count}")).find(|name| !said.contains(name));
            let elsewhere = asked.target.to_owned() + &unsaid.unwrap();
            let other = Asked { target: &elsewhere, dialect: Dialect::Http, ..*asked };
            assert_eq!(is_open(PAIRS, START, &other, NOW), is_basic, "for another target: {said}");
            assert!(asked.takes_basic || !is_basic, "Basic where it is not taken");
        }
        Entry::Stale => {
            let other = first("anna:Secret\nbert:geheim\n", START, said, asked, NOW);
            assert_eq!(other, Entry::Wrong, "stale without the password: {said}");
        }
        Entry::Wrong => assert!(!is_open(PAIRS, START, asked, later), "time alone has made it right: {said}"),
        Entry::Unnamed | Entry::Paused(_) => panic!("{entry:?} of one who asks for the first time: {said}"),
    }
    let door = door(PAIRS, START);
    let challenges = door.challenges(entry, asked.takes_basic, NOW);
    let due = if entry == Entry::Open { 0 } else { 1 + usize::from(asked.takes_basic) };
    assert_eq!(challenges.len(), due);
    challenges.iter().for_each(|challenge| assert_is_head(&format!("{challenge}\r\n\r\n"), 1));
    entry == Entry::Open
}

/// Who says the same again and again hears the same; and whatever somebody says, it costs nobody else anything.
fn check_repetition(said: &str, asked: &Asked<'_>) {
    let mut door = door(PAIRS, START);
    let mut ask = |said: &str, last| door.ask(Some(said), asked, party(last), NOW);
    let heard = ask(said, 1);
    (0..12).for_each(|_| assert_eq!(ask(said, 1), heard, "{said}"));
    for guess in ["YW5uYTox", "YW5uYToy", "YW5uYToz", "YW5uYTo0", "YW5uYTo1"] {
        ask(&format!("Basic {guess}"), 1);
    }
    assert_eq!(ask(said, 2), heard, "{said}");
    let anna = ask("Basic YW5uYTpzZWNyZXQ=", 1);
    assert_eq!(matches!(anna, Entry::Paused(_)), asked.takes_basic, "{anna:?}");
}

/// With a nonce of the door, and the response of one who knows Anna's password.
fn filled(said: &str, method: &str) -> String {
    let nonce = door(PAIRS, START).challenges(Entry::Unnamed, false, NOW)[0].to_string();
    let said = said.replace("NONCE", value(&nonce, "nonce"));
    if !said.contains("HASH") {
        return said;
    }
    let of = |name| value(&said, name);
    let (user, request) = (hash(&["anna", "camcast", "secret"]), hash(&[method, of("uri")]));
    let hash = match of("qop") {
        "" => hash(&[&user, of("nonce"), &request]),
        qop => hash(&[&user, of("nonce"), of("nc"), of("cnonce"), qop, &request]),
    };
    said.replace("HASH", &hash)
}

/// What stands behind the name and `=`, with or without quotes.
fn value<'a>(text: &'a str, name: &str) -> &'a str {
    let is_begin = |at: usize| text[..at].ends_with([' ', ',']);
    let at = text.match_indices(&format!("{name}=")).find(|(at, _)| is_begin(*at));
    let Some((at, found)) = at else { return "" };
    let rest = &text[at + found.len()..];
    match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().unwrap_or(""),
        None => rest.split(',').next().unwrap_or("").trim_end(),
    }
}

fn hash(parts: &[&str]) -> String {
    let hash: [u8; 16] = Md5::digest(parts.join(":").as_bytes()).into();
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
