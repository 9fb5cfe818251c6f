//! camcast's side: which questions are answered, to whom, and how often.
//!
//! One [`Responder`] is for one network and one family of addresses. Names that are said of one machine alone carry a number of its own,
//! so they are not probed for (RFC 6762, 8.1); should two be the same all the same, [`Heard::Twin`] says so.

use super::message::{Data, Message, Question};
use super::write::{Head, Said, Section, Writer};
use super::{ANSWER, LABEL_MOST, SERVICE, SERVICES, kind};
use crate::time::Time;
use arrayvec::ArrayVec;
use std::net::IpAddr;
use std::time::Duration;

/// Seconds for which an answer holds: as RFC 6762, 10, has it for what belongs to a host. A camera that has lost its power is
/// forgotten after that.
pub const TTL: u32 = 120;

/// The most that one-shot askers, who do not hear when it ends, are told (RFC 6762, 6.7).
pub const LEGACY_TTL: u32 = 10;

/// Between two answers to all (RFC 6762, 6).
pub const INTERVAL: Duration = Duration::from_secs(1);

/// Others may have the same answer to give: each waits so long at least, and up to [`SPREAD`] longer (RFC 6762, 6).
const WAIT: Duration = Duration::from_millis(20);

/// How much longer, at random.
pub const SPREAD: Duration = Duration::from_millis(100);

/// Answers to one asker in any second.
pub const REPLIES: u32 = 20;

/// Questions of one message that are answered; more are not asked at once.
const QUESTIONS: usize = 32;

/// Questions that an answer to a one-shot asker repeats.
const REPEATED: usize = 4;

/// Bytes that the number and its brackets take of an instance's name.
const NUMBER_LEN: usize = " (123456)".len();

/// The names that are one machine's alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    instance: String,
    host: String,
}

impl Identity {
    /// Of a camera with this name, and this number of the machine's own, of which 24 bits count. What is too long of a name is cut.
    pub fn new(name: &str, number: u32) -> Self {
        let most = LABEL_MOST - NUMBER_LEN;
        let cut = (0..=name.len().min(most)).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
        let number = number & 0xff_ffff;
        Identity {
            instance: format!("{} ({number:06x})", &name[..cut]),
            host: format!("camcast-{number:06x}"),
        }
    }

    /// What the service is called.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    fn labels(&self, topic: Topic) -> ArrayVec<&[u8], 4> {
        let own = [self.instance.as_bytes(), self.host.as_bytes()];
        match topic {
            Topic::Services => SERVICES.into_iter().collect(),
            Topic::Service => SERVICE.into_iter().collect(),
            Topic::Instance => [own[0]].into_iter().chain(SERVICE).collect(),
            Topic::Host => [own[1], b"local"].into_iter().collect(),
        }
    }
}

/// What can be asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Topic {
    /// Which kinds of services there are.
    Services,
    /// Which cameras there are.
    Service,
    /// This one.
    Instance,
    /// The machine that it is on.
    Host,
}

impl Topic {
    const ALL: [Topic; 4] = [Topic::Services, Topic::Service, Topic::Instance, Topic::Host];

    /// The records of it that a question for this kind is answered by.
    fn wanted(self, of: u16) -> Wanted {
        let all: &[(u16, Wanted)] = match self {
            Topic::Services => &[(kind::PTR, Wanted::SERVICES)],
            Topic::Service => &[(kind::PTR, Wanted::POINTER)],
            Topic::Instance => &[(kind::SRV, Wanted::PLACE), (kind::TXT, Wanted::WORDS)],
            Topic::Host => &[(kind::A, Wanted::ADDRESSES), (kind::AAAA, Wanted::ADDRESSES)],
        };
        let asked = all.iter().filter(|(kind, _)| *kind == of || of == kind::ANY);
        asked.fold(Wanted::NOTHING, |sum, (_, wanted)| sum.and(*wanted))
    }
}

/// Records to be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted(u8);

impl Wanted {
    const NOTHING: Wanted = Wanted(0);
    const SERVICES: Wanted = Wanted(1);
    const POINTER: Wanted = Wanted(2);
    const PLACE: Wanted = Wanted(4);
    const WORDS: Wanted = Wanted(8);
    const ADDRESSES: Wanted = Wanted(16);
    /// All that is said of a camera unasked.
    const CAMERA: Wanted = Wanted(2 | 4 | 8 | 16);

    fn and(self, other: Wanted) -> Wanted {
        Wanted(self.0 | other.0)
    }

    fn without(self, other: Wanted) -> Wanted {
        Wanted(self.0 & !other.0)
    }

    fn has(self, other: Wanted) -> bool {
        self.0 & other.0 != 0
    }

    fn is_nothing(self) -> bool {
        self == Wanted::NOTHING
    }

    /// What will be asked next by who has got these.
    fn next(self) -> Wanted {
        let next = match () {
            () if self.has(Wanted::POINTER) => Wanted::CAMERA,
            () if self.has(Wanted::PLACE) => Wanted::ADDRESSES,
            () => Wanted::NOTHING,
        };
        next.without(self)
    }
}

/// How somebody asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// From port 5353: it hears what is said to all.
    Member,
    /// From another one: it wants one answer, made as those of DNS servers are.
    OneShot,
}

/// What is to be done about a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nothing, or nothing now.
    Nothing,
    /// This is to be said to its sender.
    Reply(Reply),
    /// Another one has our name, for something else.
    Twin,
}

/// An answer to one asker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    wanted: Wanted,
    /// Of a one-shot asker: his number, and what is repeated.
    repeats: Option<(u16, ArrayVec<(Topic, u16), REPEATED>)>,
}

/// What there is to be said of a camera, on one network.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The strings of its TXT record.
    pub words: &'a [String],
    /// Where it is joined.
    pub port: u16,
    /// Its addresses on that network.
    pub addresses: &'a [IpAddr],
}

/// Answers on one network.
#[derive(Clone, Debug)]
pub struct Responder {
    pending: Wanted,
    due: Time,
    /// Something was said to all.
    last: Time,
    /// It is announced once more.
    again: bool,
    /// Answers to one asker in the second that began then.
    replies: (Time, u32),
}

impl Default for Responder {
    fn default() -> Self {
        Responder {
            pending: Wanted::NOTHING,
            due: Time::NEVER,
            last: Time::default(),
            again: false,
            replies: (Time::default(), 0),
        }
    }
}

impl Responder {
    /// Tells all twice, from now on, what there is (RFC 6762, 8.3 and 8.4).
    pub fn announce(&mut self, now: Time) {
        self.again = true;
        self.pending = Wanted::CAMERA;
        self.due = now.max(self.last.after(INTERVAL));
    }

    /// A message has come from somebody on this network. `jitter`: any time up to [`SPREAD`].
    pub fn handle(
        &mut self,
        message: Message<'_>,
        asker: Asker,
        (identity, port): (&Identity, u16),
        jitter: Duration,
        now: Time,
    ) -> Heard {
        if message.is_response() {
            return if has_twin(message, identity, port) { Heard::Twin } else { Heard::Nothing };
        }
        let (mut now_wanted, mut later, mut repeated) =
            (Wanted::NOTHING, Wanted::NOTHING, ArrayVec::<_, REPEATED>::new());
        for question in message.questions().take(QUESTIONS) {
            let Some((topic, wanted)) = asked(&question, identity) else { continue };
            if asker == Asker::OneShot || question.wants_unicast {
                now_wanted = now_wanted.and(wanted);
                let _ = repeated.try_push((topic, question.kind));
            } else {
                later = later.and(wanted);
            }
        }
        let known = known(message, identity);
        self.schedule(later.without(known), jitter, now);
        let wanted = now_wanted.without(known);
        if wanted.is_nothing() || !self.may_reply(now) {
            return Heard::Nothing;
        }
        let repeats = (asker == Asker::OneShot).then(|| (message.id(), repeated));
        Heard::Reply(Reply { wanted, repeats })
    }

    fn schedule(&mut self, wanted: Wanted, jitter: Duration, now: Time) {
        if wanted.is_nothing() {
            return;
        }
        if self.pending.is_nothing() {
            let soon = now.after(WAIT + jitter.min(SPREAD));
            self.due = soon.max(self.last.after(INTERVAL));
        }
        self.pending = self.pending.and(wanted);
    }

    fn may_reply(&mut self, now: Time) -> bool {
        if now.since(self.replies.0) >= INTERVAL {
            self.replies = (now, 0);
        }
        self.replies.1 = self.replies.1.saturating_add(1);
        self.replies.1 <= REPLIES
    }

    /// When [`take`](Self::take) has something.
    pub fn next_timeout(&self) -> Time {
        if self.pending.is_nothing() { Time::NEVER } else { self.due }
    }

    /// What is to be said to all now.
    pub fn take(&mut self, now: Time) -> Option<Wanted> {
        if self.pending.is_nothing() || now < self.due {
            return None;
        }
        let wanted = self.pending;
        (self.pending, self.last) = (Wanted::NOTHING, now);
        if std::mem::take(&mut self.again) {
            (self.pending, self.due) = (Wanted::CAMERA, now.after(INTERVAL));
        }
        Some(wanted)
    }
}

/// What a question is about, and what answers it.
fn asked(question: &Question<'_>, identity: &Identity) -> Option<(Topic, Wanted)> {
    let topic = Topic::ALL.into_iter().find(|topic| question.name.is(&identity.labels(*topic)))?;
    let wanted = topic.wanted(question.kind);
    (question.is_of_internet() && !wanted.is_nothing()).then_some((topic, wanted))
}

/// What an asker says that it knows, and will for a while (RFC 6762, 7.1): of what is not one machine's alone.
fn known(message: Message<'_>, identity: &Identity) -> Wanted {
    let instance = identity.labels(Topic::Instance);
    let answers = message.records().filter(|record| record.is_answer && record.ttl >= TTL / 2);
    answers.fold(Wanted::NOTHING, |known, record| match record.data() {
        Data::Ptr(to) if record.name.is(&SERVICE) && to.is(&instance) => known.and(Wanted::POINTER),
        Data::Ptr(to) if record.name.is(&SERVICES) && to.is(&SERVICE) => known.and(Wanted::SERVICES),
        _ => known,
    })
}

/// Somebody says of our name that it is elsewhere.
fn has_twin(message: Message<'_>, identity: &Identity, own: u16) -> bool {
    let (instance, host) = (identity.labels(Topic::Instance), identity.labels(Topic::Host));
    message.records().any(|record| match record.data() {
        Data::Srv { port, target } if record.ttl > 0 && record.name.is(&instance) => {
            port != own || !target.is(&host)
        }
        _ => false,
    })
}

/// The bytes of what is said to all.
#[must_use]
pub fn to_all(wanted: Wanted, identity: &Identity, facts: Facts<'_>) -> Vec<u8> {
    let mut writer = Writer::new(0, ANSWER);
    say(&mut writer, wanted, (TTL, true), identity, facts);
    writer.finish()
}

/// The bytes of what is said to one.
#[must_use]
pub fn to_one(reply: &Reply, identity: &Identity, facts: Facts<'_>) -> Vec<u8> {
    let Some((id, repeated)) = &reply.repeats else { return to_all(reply.wanted, identity, facts) };
    let mut writer = Writer::new(*id, ANSWER);
    for (topic, kind) in repeated {
        writer.question(&identity.labels(*topic), *kind, false);
    }
    // a bit that his kind does not know (RFC 6762, 6.7)
    say(&mut writer, reply.wanted, (LEGACY_TTL, false), identity, facts);
    writer.finish()
}

/// The bytes of an end: what was said holds no longer (RFC 6762, 10.1).
#[must_use]
pub fn goodbye(identity: &Identity, facts: Facts<'_>) -> Vec<u8> {
    let mut writer = Writer::new(0, ANSWER);
    say(&mut writer, Wanted::CAMERA, (0, true), identity, facts);
    writer.finish()
}

fn say(
    writer: &mut Writer,
    wanted: Wanted,
    (ttl, may_be_own): (u32, bool),
    identity: &Identity,
    facts: Facts<'_>,
) {
    let [service, instance, host] =
        [Topic::Service, Topic::Instance, Topic::Host].map(|topic| identity.labels(topic));
    for (section, these) in [(Section::Answer, wanted), (Section::Additional, wanted.next())] {
        let shared = |name| Head { name, ttl, is_own: false };
        let own = |name| Head { name, ttl, is_own: may_be_own };
        if these.has(Wanted::SERVICES) {
            writer.record(section, shared(&SERVICES), Said::Ptr(&service));
        }
        if these.has(Wanted::POINTER) {
            writer.record(section, shared(&service), Said::Ptr(&instance));
        }
        if these.has(Wanted::PLACE) {
            writer.record(section, own(&instance), Said::Srv(facts.port, &host));
        }
        if these.has(Wanted::WORDS) {
            writer.record(section, own(&instance), Said::Txt(facts.words));
        }
        if these.has(Wanted::ADDRESSES) {
            facts.addresses.iter().for_each(|at| writer.record(section, own(&host), Said::Address(*at)));
        }
    }
}
