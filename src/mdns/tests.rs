//! Both sides by bytes: those of the RFCs' own layout, made by hand, and what one side says read by the other.

use super::finder::{CAMERAS, Finder};
use super::message::{Data, Message};
use super::responder::{
    Asker, Facts, Heard, INTERVAL, Identity, LEGACY_TTL, REPLIES, Responder, TTL, goodbye, to_all, to_one,
};
use super::write::{Head, Said, Section, Writer};
use super::{ANSWER, SERVICE, SERVICES, kind};
use crate::time::Time;
use proptest::prelude::*;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

fn now() -> Time {
    Time::from_millis(100_000)
}

fn words() -> Vec<String> {
    ["name=door", "size=1280x720", "rate=30", "key=no"].map(str::to_owned).to_vec()
}

fn identity() -> Identity {
    Identity::new("door", 0x1a_2b3c)
}

fn addresses() -> Vec<IpAddr> {
    vec!["192.168.1.5".parse().unwrap(), "fe80::5".parse().unwrap()]
}

fn facts<'a>(words: &'a [String], addresses: &'a [IpAddr]) -> Facts<'a> {
    Facts { words, port: 9999, addresses }
}

/// A question for cameras, as dig asks it: `dig -p 5353 @224.0.0.251 _camcast._tcp.local PTR`.
const ASKED: &[u8] =
    b"\x12\x34\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x08_camcast\x04_tcp\x05local\x00\x00\x0c\x00\x01";

fn question(id: u16, names: &[(&[&[u8]], u16)], wants_unicast: bool) -> Vec<u8> {
    let mut writer = Writer::new(id, 0);
    names.iter().for_each(|(name, kind)| writer.question(name, *kind, wants_unicast));
    writer.finish()
}

fn hear(responder: &mut Responder, bytes: &[u8], asker: Asker, now: Time) -> Heard {
    responder.handle(Message::read(bytes).unwrap(), asker, (&identity(), 9999), Duration::ZERO, now)
}

/// `name kind what ttl`, and whether it is an answer.
fn said(bytes: &[u8]) -> Vec<(String, bool)> {
    let dots = |labels: super::message::Labels<'_>| {
        labels.map(|label| String::from_utf8_lossy(label).into_owned()).collect::<Vec<_>>().join(".")
    };
    let records = Message::read(bytes).unwrap().records();
    let text = records.map(|record| {
        let name = dots(record.name.labels());
        let what = match record.data() {
            Data::Ptr(to) => format!("PTR {}", dots(to.labels())),
            Data::Srv { port, target } => format!("SRV {port} {}", dots(target.labels())),
            Data::Txt(txt) => {
                let all = txt.strings().map(|it| String::from_utf8_lossy(it).into_owned());
                format!("TXT {}", all.collect::<Vec<_>>().join(" "))
            }
            Data::A(ip) => format!("A {ip}"),
            Data::Aaaa(ip) => format!("AAAA {ip}"),
            Data::Other => "?".to_owned(),
        };
        (format!("{name} {what} {}", record.ttl), record.is_answer)
    });
    text.collect()
}

const INSTANCE: &str = "door (1a2b3c)._camcast._tcp.local";

#[test]
fn a_one_shot_question_is_answered_with_all_there_is() {
    let mut responder = Responder::default();
    let Heard::Reply(reply) = hear(&mut responder, ASKED, Asker::OneShot, now()) else { panic!("no answer") };
    let (words, addresses) = (words(), addresses());
    let answer = to_one(&reply, &identity(), facts(&words, &addresses));
    // RFC 6762, 6.7: the asker's number, his question, and no bit that he does not know
    assert_eq!(answer[..12], *b"\x12\x34\x84\x00\x00\x01\x00\x01\x00\x00\x00\x04");
    assert_eq!(answer[12..37], ASKED[12..]);
    let pointer = b"\x08_camcast\x04_tcp\x05local\x00\x00\x0c\x00\x01\x00\x00\x00\x0a\x00\x23\
        \x0ddoor (1a2b3c)\x08_camcast\x04_tcp\x05local\x00";
    assert_eq!(answer[37..37 + pointer.len()], *pointer);
    let host = "camcast-1a2b3c.local";
    let expected = [
        (format!("_camcast._tcp.local PTR {INSTANCE} {LEGACY_TTL}"), true),
        (format!("{INSTANCE} SRV 9999 {host} {LEGACY_TTL}"), false),
        (format!("{INSTANCE} TXT name=door size=1280x720 rate=30 key=no {LEGACY_TTL}"), false),
        (format!("{host} A 192.168.1.5 {LEGACY_TTL}"), false),
        (format!("{host} AAAA fe80::5 {LEGACY_TTL}"), false),
    ];
    assert_eq!(said(&answer), expected);
}

#[test]
fn members_hear_one_answer_a_second_for_all_of_them() {
    let mut responder = Responder::default();
    let ask = question(0, &[(&SERVICE, kind::PTR), (&SERVICES, kind::PTR)], false);
    assert_eq!(hear(&mut responder, &ask, Asker::Member, now()), Heard::Nothing);
    let due = responder.next_timeout();
    assert_eq!(due, now().after(20 * MS));
    assert_eq!(responder.take(due.before(MS)), None);
    let (words, addresses) = (words(), addresses());
    let all = |wanted| to_all(wanted, &identity(), facts(&words, &addresses));
    let answer = all(responder.take(due).unwrap());
    assert_eq!(answer[..4], *b"\x00\x00\x84\x00", "no number, and no question repeated");
    let said = said(&answer);
    assert_eq!(said[0], (format!("_services._dns-sd._udp.local PTR _camcast._tcp.local {TTL}"), true));
    assert_eq!(said[1], (format!("_camcast._tcp.local PTR {INSTANCE} {TTL}"), true));
    assert_eq!(said.len(), 6);
    // what is one machine's alone makes what was known of it void
    let srv = answer.windows(4).filter(|it| *it == b"\x00\x21\x80\x01").count();
    assert_eq!(srv, 1);
    for later in 1..900 {
        hear(&mut responder, &ask, Asker::Member, due.after(later * MS));
        assert_eq!(responder.take(due.after(later * MS)), None, "{later} ms");
    }
    assert_eq!(responder.next_timeout(), due.after(INTERVAL));
    assert!(responder.take(due.after(INTERVAL)).is_some());
    assert_eq!(responder.next_timeout(), Time::NEVER);
}

#[test]
fn what_is_known_is_not_said_again() {
    let instance: [&[u8]; 4] = [b"door (1a2b3c)", b"_camcast", b"_tcp", b"local"];
    let ask = |ttl, to: &[&[u8]]| {
        let mut writer = Writer::new(7, 0);
        writer.question(&SERVICE, kind::PTR, false);
        let head = Head { name: &SERVICE, ttl, is_own: false };
        writer.record(Section::Answer, head, Said::Ptr(to));
        writer.finish()
    };
    for asker in [Asker::Member, Asker::OneShot] {
        let mut responder = Responder::default();
        assert_eq!(hear(&mut responder, &ask(TTL / 2, &instance), asker, now()), Heard::Nothing);
        assert_eq!(responder.next_timeout(), Time::NEVER);
        // but soon it will be forgotten, or it is another one
        let mut is_answered = |ask: &[u8]| {
            matches!(hear(&mut responder, ask, asker, now()), Heard::Reply(_))
                || responder.next_timeout() != Time::NEVER
        };
        assert!(is_answered(&ask(TTL / 2 - 1, &instance)));
        let mut responder = Responder::default();
        let other = ask(TTL, &[b"porch (000001)", b"_camcast", b"_tcp", b"local"]);
        let heard = hear(&mut responder, &other, asker, now());
        assert!(matches!(heard, Heard::Reply(_)) || responder.next_timeout() != Time::NEVER);
    }
}

#[test]
fn each_name_is_answered_for_what_it_has() {
    let (instance, host): ([&[u8]; 4], [&[u8]; 2]) =
        ([b"DOOR (1A2B3C)", b"_camcast", b"_tcp", b"local"], [b"camcast-1a2b3c", b"LOCAL"]);
    let (words, addresses) = (words(), addresses());
    let answers = |name: &[&[u8]], kind| -> Vec<String> {
        let ask = question(1, &[(name, kind)], false);
        match hear(&mut Responder::default(), &ask, Asker::OneShot, now()) {
            Heard::Reply(reply) => {
                let said = said(&to_one(&reply, &identity(), facts(&words, &addresses)));
                said.iter().map(|(text, _)| text.split(' ').rev().nth(1).unwrap().to_owned()).collect()
            }
            Heard::Nothing => Vec::new(),
            Heard::Twin => panic!("a question is no twin"),
        }
    };
    assert_eq!(answers(&instance, kind::SRV).len(), 3, "a place and its addresses");
    assert_eq!(answers(&instance, kind::TXT), ["key=no"]);
    assert_eq!(answers(&instance, kind::ANY).len(), 4);
    assert_eq!(answers(&host, kind::A), ["192.168.1.5", "fe80::5"]);
    assert_eq!(answers(&host, kind::ANY).len(), 2);
    assert_eq!(answers(&SERVICES, kind::PTR).len(), 1);
    for (name, kind) in [
        (&SERVICE[..], kind::A),
        (&host, kind::SRV),
        (&[b"_http", b"_tcp", b"local"], kind::PTR),
        (&[b"_camcast", b"_tcp"], kind::PTR),
        (&[b"x", b"_camcast", b"_tcp", b"local"], kind::ANY),
        (&[b"local"], kind::ANY),
    ] {
        assert!(answers(name, kind).is_empty(), "{name:?}");
    }
}

#[test]
fn who_wants_an_answer_alone_gets_one_but_not_without_end() {
    let mut responder = Responder::default();
    let ask = question(0, &[(&SERVICE, kind::PTR)], true);
    let Heard::Reply(reply) = hear(&mut responder, &ask, Asker::Member, now()) else { panic!("none") };
    let (words, addresses) = (words(), addresses());
    let answer = to_one(&reply, &identity(), facts(&words, &addresses));
    assert_eq!(answer[..6], *b"\x00\x00\x84\x00\x00\x00", "as one to all");
    assert_eq!(responder.next_timeout(), Time::NEVER);
    let mut is_answered = |at| hear(&mut responder, ASKED, Asker::OneShot, at) != Heard::Nothing;
    let answered = (0..1000).filter(|_| is_answered(now())).count();
    assert_eq!(answered, REPLIES as usize - 1);
    assert!(is_answered(now().after(INTERVAL)));
}

#[test]
fn it_comes_and_goes_with_a_word() {
    let mut responder = Responder::default();
    responder.announce(now());
    assert!(responder.take(now()).is_some());
    assert_eq!(responder.next_timeout(), now().after(INTERVAL), "and once more");
    assert!(responder.take(now().after(INTERVAL)).is_some());
    assert_eq!(responder.next_timeout(), Time::NEVER);
    let (words, addresses) = (words(), addresses());
    let gone = said(&goodbye(&identity(), facts(&words, &addresses)));
    assert!(gone.len() == 5 && gone.iter().all(|(text, is_answer)| text.ends_with(" 0") && *is_answer));
}

#[test]
fn a_twin_is_told_from_our_own_words() {
    let (words, addresses) = (words(), addresses());
    let answer = |port, number| {
        let mut responder = Responder::default();
        responder.announce(now());
        let facts = Facts { words: &words, port, addresses: &addresses };
        to_all(responder.take(now()).unwrap(), &Identity::new("door", number), facts)
    };
    let heard = |bytes: &[u8]| hear(&mut Responder::default(), bytes, Asker::Member, now());
    assert_eq!(heard(&answer(9999, 0x1a_2b3c)), Heard::Nothing, "that is ours, heard on another network");
    assert_eq!(heard(&answer(9999, 0x1a_2b3d)), Heard::Nothing, "another camera of that name");
    assert_eq!(heard(&answer(9998, 0x1a_2b3c)), Heard::Twin);
}

#[test]
fn a_long_name_is_cut_and_stays_text() {
    let name = "ü".repeat(60);
    let instance = Identity::new(&name, 1).instance().to_owned();
    assert!(instance.len() <= 63 && instance.ends_with("ü (000001)"), "{instance}");
    assert_eq!(Identity::new("", 0xff00_0001).instance(), " (000001)");
}

fn found(messages: &[(&[u8], &str)]) -> Finder {
    let mut finder = Finder::default();
    messages.iter().for_each(|(bytes, from)| finder.handle(bytes, from.parse().unwrap(), 0x1234));
    finder
}

fn answer(number: u32, name: &str, ips: &[&str]) -> Vec<u8> {
    let mut responder = Responder::default();
    let Heard::Reply(reply) = hear(&mut responder, ASKED, Asker::OneShot, now()) else { panic!("no answer") };
    let words = [format!("name={name}"), "size=640x480".into(), "key=yes".into()];
    let addresses: Vec<IpAddr> = ips.iter().map(|ip| ip.parse().unwrap()).collect();
    to_one(&reply, &Identity::new(name, number), facts(&words, &addresses))
}

#[test]
fn cameras_are_found_by_what_they_answer() {
    let (door, porch) = (answer(1, "door", &["10.0.0.7", "10.0.0.5"]), answer(2, "Alley", &["10.0.0.6"]));
    let finder = found(&[(&door, "10.0.0.5:5353"), (&porch, "10.0.0.6:5353"), (&door, "10.0.0.5:5353")]);
    let cameras = finder.cameras();
    let at: Vec<_> = cameras.iter().map(|it| (it.name.as_str(), it.at.to_string())).collect();
    assert_eq!(
        at,
        [("Alley", "10.0.0.6:9999".into()), ("door", "10.0.0.5:9999".into())],
        "where it came from"
    );
    assert_eq!((cameras[0].size.as_deref(), cameras[0].rate.as_deref()), (Some("640x480"), None));
    assert_eq!(cameras[0].is_sealed, Some(true));
    for (from, id) in [("10.0.0.5:5354", 0), ("10.0.0.5:5353", 1)] {
        let mut other = door.clone();
        other[1] ^= id;
        assert!(found(&[(&other, from)]).cameras().is_empty(), "no answer to our question");
    }
    assert!(found(&[(ASKED, "10.0.0.5:5353")]).cameras().is_empty());
}

#[test]
fn an_address_is_chosen_that_can_be_reached() {
    let at = |ips: &[&str], from: &str| found(&[(&answer(1, "x", ips), from)]).cameras()[0].at.to_string();
    assert_eq!(at(&["fd00::1", "10.0.0.7"], "10.0.0.5:5353"), "10.0.0.7:9999");
    assert_eq!(at(&[], "10.0.0.5:5353"), "10.0.0.5:9999");
    let link: SocketAddr = "[fe80::5%3]:5353".parse().unwrap();
    assert_eq!(at(&["10.0.0.7", "fe80::5"], &link.to_string()), "[fe80::5%3]:9999");
    assert_eq!(at(&["fe80::9"], &link.to_string()), "[fe80::9%3]:9999");
    assert_eq!(at(&["fe80::9"], "10.0.0.5:5353"), "10.0.0.5:9999", "of which link?");
    assert_eq!(at(&["fd00::1"], &link.to_string()), "[fd00::1]:9999");
    let both = answer(1, "x", &["fe80::5", "10.0.0.7", "10.0.0.5"]);
    for order in [["[fe80::5%3]:5353", "10.0.0.5:5353"], ["10.0.0.5:5353", "[fe80::5%3]:5353"]] {
        let at = found(&order.map(|from| (both.as_slice(), from))).cameras()[0].at;
        assert_eq!(at.to_string(), "10.0.0.5:9999", "{order:?}");
    }
    assert_eq!(at(&["0.0.0.0", "224.0.0.1"], "10.0.0.5:5353"), "10.0.0.5:9999");
}

#[test]
fn what_comes_in_pieces_is_put_together_and_asked_for() {
    let instance: [&[u8]; 4] = [b"a", b"_camcast", b"_tcp", b"local"];
    let piece = |write: &dyn Fn(&mut Writer)| {
        let mut writer = Writer::new(0x1234, ANSWER);
        write(&mut writer);
        writer.finish()
    };
    let head = |name| Head { name, ttl: 9, is_own: false };
    let host: [&[u8]; 2] = [b"Host", b"local"];
    let address = piece(&|it| {
        it.record(Section::Answer, head(&[b"hOST", b"LOCAL"]), Said::Address([10, 0, 0, 7].into()));
    });
    let pointer = piece(&|it| it.record(Section::Answer, head(&SERVICE), Said::Ptr(&instance)));
    let place = piece(&|it| it.record(Section::Answer, head(&instance), Said::Srv(7, &host)));
    let gone = piece(&|it| {
        let head = Head { ttl: 0, ..head(&instance) };
        it.record(Section::Answer, head, Said::Srv(8, &host));
    });
    let from = "10.0.0.1:5353";
    let finder = found(&[(&address, from), (&pointer, from), (&gone, from)]);
    assert!(finder.is_partial() && finder.cameras().is_empty());
    let asked = finder.question(0x1234);
    let asked: Vec<_> =
        Message::read(&asked).unwrap().questions().map(|it| (it.name.is(&instance), it.kind)).collect();
    assert_eq!(asked, [(false, kind::PTR), (true, kind::ANY)]);
    let finder = found(&[(&address, from), (&pointer, from), (&place, from)]);
    let camera = &finder.cameras()[0];
    assert_eq!((camera.name.as_str(), camera.at.to_string()), ("a", "10.0.0.7:7".into()));
    assert_eq!((camera.is_sealed, &camera.size), (None, &None));
}

#[test]
fn one_camera_that_two_tell_of_is_one() {
    let own = answer(1, "door", &["10.0.0.5"]);
    let mut writer = Writer::new(0x1234, ANSWER);
    let instance: [&[u8]; 4] = [b"pi", b"_camcast", b"_tcp", b"local"];
    let head = Head { name: &instance, ttl: 9, is_own: false };
    writer.record(Section::Answer, head, Said::Srv(9999, &[b"pi", b"local"]));
    let avahi = writer.finish();
    let cameras = found(&[(&avahi, "10.0.0.5:5353"), (&own, "10.0.0.5:5353")]).cameras();
    assert_eq!(cameras.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["door"], "what says more");
}

#[test]
fn no_more_than_so_many_are_kept() {
    let mut finder = Finder::default();
    for number in 0..1000 {
        let ips = [format!("10.0.{}.{}", number / 250, number % 250 + 1)];
        finder.handle(&answer(number, "x", &[&ips[0]]), "10.0.0.5:5353".parse().unwrap(), 0x1234);
    }
    assert_eq!(finder.cameras().len(), CAMERAS);
}

/// A name that leads to itself, to another that leads back, forward, or out.
#[test]
fn pointers_lead_backwards_only() {
    let read = |name: &[u8]| {
        let mut bytes = b"\0\0\0\0\0\x01\0\0\0\0\0\0".to_vec();
        bytes.extend(name);
        bytes.extend(b"\0\x0c\0\x01");
        Message::read(&bytes).unwrap().questions().count()
    };
    assert_eq!(read(b"\x01a\x00"), 1);
    for name in [
        &b"\xc0\x0c"[..],
        b"\x01a\xc0\x0c",
        b"\xc0\x0e\xc0\x0c",
        b"\xc0\x10\x00",
        b"\xff\xff",
        b"\x41a\x00",
        b"\x81a\x00",
    ] {
        assert_eq!(read(name), 0, "{name:?}");
    }
    // labels of 64 times three bytes and an end: longer than a name may be
    assert_eq!(read(&[&b"\x03abc".repeat(64)[..], b"\0"].concat()), 0);
    assert_eq!(read(&[&b"\x03abc".repeat(63)[..], b"\0"].concat()), 1);
}

proptest! {
    #[test]
    fn whatever_comes_is_read_to_an_end(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        if let Some(message) = Message::read(&bytes) {
            prop_assert!(message.questions().count() <= bytes.len() / 5);
            prop_assert!(message.records().count() <= bytes.len() / 11);
        }
        let mut finder = Finder::default();
        finder.handle(&[&b"\x12\x34\x84\x00"[..], &bytes].concat(), "10.0.0.5:5353".parse().unwrap(), 0x1234);
        finder.cameras();
    }
}

/// A name that leads over as many pointers, to a root.
fn chain(jumps: u16) -> Vec<u8> {
    let mut bytes = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
    for jump in 0..jumps {
        let to = if jump == 0 { 12 } else { 13 + 2 * (jump - 1) };
        bytes.extend((0xc000 | to).to_be_bytes());
    }
    bytes
}

#[test]
fn pointers_that_lead_on_and_on_cost_nobodys_time() {
    for (jumps, is_name) in [(1, true), (127, true), (128, false), (2_000, false)] {
        let bytes = chain(jumps);
        let at = bytes.len() - 2;
        assert_eq!(super::message::Name::read(&bytes, at).is_some(), is_name, "{jumps}");
    }
}
