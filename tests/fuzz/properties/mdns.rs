//! Messages by multicast DNS, to a camera and to who looks for one.

use camcast::mdns::finder::{CAMERAS, Finder};
use camcast::mdns::message::{Data, Message, NAME_MOST, Name};
use camcast::mdns::responder::{
    Asker, Facts, Heard, INTERVAL, Identity, Responder, SPREAD, TTL, goodbye, to_all, to_one,
};
use camcast::mdns::write::MOST;
use camcast::mdns::{PORT, SERVICE, SERVICES};
use camcast::time::Time;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

const NOW: Time = Time::from_millis(100_000);

/// Whose corpora ask for and speak of it.
const NAME: &str = "door";
const NUMBER: u32 = 0x1a_2b3c;

/// A message.
pub fn check(bytes: &[u8]) -> bool {
    let Some(message) = Message::read(bytes) else { return false };
    let questions = message.questions().inspect(|question| check_name(question.name)).count();
    let records = message.records().inspect(|record| {
        check_name(record.name);
        match record.data() {
            Data::Ptr(name) | Data::Srv { target: name, .. } => check_name(name),
            Data::Txt(txt) => assert!(txt.strings().map(<[u8]>::len).sum::<usize>() <= bytes.len()),
            Data::A(_) | Data::Aaaa(_) | Data::Other => {}
        }
    });
    let records = records.count();
    assert!(questions * 5 + records * 11 <= bytes.len());
    find(bytes, message.id());
    answer(message, Asker::OneShot);
    answer(message, Asker::Member);
    questions + records > 0
}

fn check_name(name: Name<'_>) {
    let len: usize = name.labels().map(|label| label.len() + 1).sum();
    assert!(len < NAME_MOST && name.labels().all(|label| !label.is_empty()));
}

/// What is found is bounded, and what is asked next can be read.
fn find(bytes: &[u8], id: u16) {
    let mut finder = Finder::default();
    let from = SocketAddr::from((Ipv4Addr::new(10, 0, 0, 5), PORT));
    (0..2).for_each(|_| finder.handle(bytes, from, id));
    let cameras = finder.cameras();
    assert!(
        cameras.len() <= CAMERAS
            && cameras.iter().all(|it| it.at.port() != 0 && it.name.chars().count() <= 64)
    );
    let question = finder.question(id);
    let asked = Message::read(&question).unwrap();
    assert!(question.len() <= MOST && !asked.is_response() && asked.records().count() == 0);
    let is_ours = |name: Name<'_>| name.is(&SERVICE) || name.before(&SERVICE).is_some();
    assert!((1..=9).contains(&asked.questions().filter(|it| is_ours(it.name)).count()));
}

/// What is answered speaks of this camera alone, and is what is found.
fn answer(message: Message<'_>, asker: Asker) {
    let (identity, mut responder) = (Identity::new(NAME, NUMBER), Responder::default());
    let words = [format!("name={NAME}"), "size=640x480".to_owned()];
    let addresses = [IpAddr::from([10, 0, 0, 5])];
    let facts = Facts { words: &words, port: 9999, addresses: &addresses };
    let mut hear = |now| responder.handle(message, asker, (&identity, 9999), SPREAD, now);
    match hear(NOW) {
        Heard::Reply(reply) => check_answer(&to_one(&reply, &identity, facts), message, asker),
        Heard::Twin => assert!(message.is_response()),
        Heard::Nothing => {}
    }
    let due = responder.next_timeout();
    if due != Time::NEVER {
        assert!(asker == Asker::Member && due > NOW && due <= NOW.after(Duration::from_millis(120)));
        let wanted = responder.take(due).unwrap();
        check_answer(&to_all(wanted, &identity, facts), message, asker);
        assert!(responder.take(due.after(INTERVAL)).is_none(), "said once");
    }
    let gone = goodbye(&identity, facts);
    assert!(Message::read(&gone).unwrap().records().all(|record| record.ttl == 0));
}

fn check_answer(bytes: &[u8], asked: Message<'_>, asker: Asker) {
    assert!(bytes.len() <= MOST);
    let answer = Message::read(bytes).unwrap();
    assert!(answer.is_response() && answer.id() == if asker == Asker::OneShot { asked.id() } else { 0 });
    let instance = format!("{NAME} ({NUMBER:06x})");
    let [one, two, three] = SERVICE;
    let names: [&[&[u8]]; 4] =
        [&SERVICES, &SERVICE, &[instance.as_bytes(), one, two, three], &[b"camcast-1a2b3c", b"local"]];
    let is_ours = |name: Name<'_>| names.iter().any(|ours| name.is(ours));
    assert!(answer.questions().all(|question| is_ours(question.name)));
    assert!(answer.records().all(|record| is_ours(record.name) && (1..=TTL).contains(&record.ttl)));
    let is_told = answer.records().any(|record| record.name.is(&SERVICE));
    let mut finder = Finder::default();
    finder.handle(bytes, ([10, 0, 0, 5], PORT).into(), answer.id());
    let found = finder.cameras();
    assert!(found.iter().all(|it| it.at == ([10, 0, 0, 5], 9999).into()) && (!is_told || found.len() == 1));
}
