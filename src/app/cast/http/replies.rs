//! From a request to an answer.

use super::connection::{CAMERA_PATIENCE, Connection, Doing, Manner, STOPPING, Steering, Wanted};
use super::part::{Part, Pictures};
use super::scaled::Failure;
use super::viewer::{self, Viewer};
use super::{Http, VIEWERS, metrics, state};
use crate::admission::digest::{Asked, Dialect};
use crate::admission::door::{Door, Entry};
use crate::admission::places::Party;
use crate::app::cast::listen::lets_in;
use crate::app::cast::outlet::Shared;
use crate::app::cast::seen::Way;
use crate::capture::v4l2::Order;
use crate::http::access::without_port;
use crate::http::answer::{Answer, Body};
use crate::http::request::{Method, Parsed, Request, parse};
use crate::http::route::{Route, Scale};
use crate::http::thin::Thin;
use crate::http::{Status, multipart};
use crate::reel::cursor::Cursor;
use crate::shown::one_line;
use crate::supervisor::Signal;
use crate::sys::connection::Remote;
use crate::sys::random_u64;
use crate::time::Time;
use crate::wire::join::Policy;
use std::time::Duration;

/// A frame is waited for this long, or for two of the camera's intervals.
const WAIT: Duration = Duration::from_secs(5);

/// The longest name of a program that is remembered.
const AGENT: usize = 100;

/// Bytes of text, and what they are.
pub(super) const TEXT: &str = "text/plain; charset=utf-8";
pub(super) const JSON: &str = "application/json";
const HTML: &str = "text/html; charset=utf-8";

/// The page, in which `NONCE` stands for a number that is another one each time.
const PAGE: &str = include_str!("page.html");

/// What a request comes to, apart from the request's own bytes.
enum Reply {
    /// A few words.
    Text(Status, String),
    /// What one hears who is not let in.
    Stranger(Entry),
    /// The page.
    Page,
    /// What there is to know.
    State,
    /// The same for Prometheus.
    Metrics { is_open: bool },
    /// A frame, as soon as there is one that was captured later than this; smaller than the camera's, if that is asked.
    Snapshot(Time, Option<Scale>),
    /// What the camera answers for its controls.
    Controls(Order),
    /// The stream.
    Stream(viewer::Terms, String),
    /// Nothing, and what may be asked.
    Options,
}

impl Http {
    /// Answers the next request, if it is whole.
    pub(super) fn reply(&mut self, place: usize, shared: &mut Shared<'_>, now: Time) {
        self.reply_to_next(place, shared, now);
        self.with(place, shared, now, |connection, _| connection.after_reply());
    }

    fn reply_to_next(&mut self, place: usize, shared: &mut Shared<'_>, now: Time) {
        let Some(connection) = self.connections.get_mut(place).and_then(Option::as_mut) else { return };
        if self.stopping || !matches!(connection.doing, Doing::Asking) || connection.incoming.is_empty() {
            return;
        }
        // who says a part of a request costs no more than that part
        if std::mem::replace(&mut connection.judged, connection.incoming.len()) == connection.incoming.len() {
            return;
        }
        let (reply, manner, length) = match parse(&connection.incoming) {
            Parsed::Partial => return,
            Parsed::Refused(status, why) => {
                let manner = Manner::default();
                (refusal(status, why), manner, connection.incoming.len())
            }
            Parsed::Request(request, head) => {
                let Some(length) = head.checked_add(request.body) else { return };
                if connection.incoming.len() < length {
                    return;
                }
                let manner = Manner {
                    head_only: request.method == Method::Head,
                    keeps_open: request.keeps_open,
                    origin: shared.rules.access.origin(&request).map(str::to_owned),
                    has_password: shared.door.is_some(),
                };
                // what comes through the socket file, a web server in front of us has judged
                let is_let_in = lets_in(&shared.rules.allow, connection.remote);
                let is_for_us = connection.remote == Remote::Local || shared.rules.access.is_for_us(&request);
                let reply = if !is_let_in {
                    refusal(Status::Forbidden, "your address is in no network that --allow names\n")
                } else if is_for_us {
                    let who = (connection.remote, connection.party);
                    let refused = refuse_stranger(&request, who, shared, now);
                    let body = connection.incoming.get(head..length).unwrap_or_default();
                    let rules = shared.rules;
                    let order = || self.controls.order(&request, body, rules);
                    refused.unwrap_or_else(|| reply_to(&request, order, shared, now))
                } else {
                    refusal(Status::Forbidden, &unknown_host(&request))
                };
                (reply, manner, length)
            }
        };
        connection.incoming.drain(..length.min(connection.incoming.len()));
        connection.judged = 0;
        connection.closes = !manner.keeps_open;
        self.begin(place, reply, &manner, shared, now);
    }

    fn begin(&mut self, place: usize, reply: Reply, manner: &Manner, shared: &mut Shared<'_>, now: Time) {
        let viewers = self.viewers();
        let Some(connection) = self.connections.get_mut(place).and_then(Option::as_mut) else { return };
        let ok = |connection, kind, text: String| {
            answer(connection, Status::Ok, (kind, text.as_bytes()), None, manner, now);
        };
        match reply {
            Reply::Text(status, text) => {
                answer(connection, status, (TEXT, text.as_bytes()), None, manner, now);
            }
            Reply::Stranger(entry) => turn_away(connection, shared.door.as_ref(), entry, manner, now),
            Reply::Page => {
                let nonce = random_u64().unwrap_or_default();
                let page = PAGE.replace("NONCE", &format!("{nonce:016x}"));
                answer(connection, Status::Ok, (HTML, page.as_bytes()), Some(nonce), manner, now);
            }
            Reply::State => ok(connection, JSON, state::text(shared, viewers, now)),
            Reply::Metrics { is_open } => {
                let kind = if is_open { metrics::OPEN } else { metrics::PLAIN };
                ok(connection, kind, metrics::text(shared, is_open));
            }
            Reply::Options => {
                let head = manner.answer(Status::NoContent, Body::None).head();
                connection.answer(head.as_bytes().to_vec(), now);
            }
            Reply::Snapshot(after, scale) => {
                let reel = &shared.stream.reel;
                let interval = reel.fps().map_or(Duration::ZERO, |fps| Duration::from_secs_f32(2.0 / fps));
                let cursor = Cursor::begin(Policy::Newest, reel, self.is_away, now);
                let wanted = Wanted { cursor, after, scale, wish: None, manner: manner.clone() };
                connection.begin(Doing::Waiting(wanted), Some(WAIT.max(interval)), now);
                self.comes_again = true;
                self.show(place, shared, now);
            }
            Reply::Controls(order) => {
                let ticket = self.controls.ticket();
                let steering = Steering { ticket, order: Some(order), manner: manner.clone() };
                connection.begin(Doing::Steering(steering), Some(CAMERA_PATIENCE), now);
                self.ask_camera(shared, now);
            }
            Reply::Stream(wanted, agent) => {
                self.begin_stream(place, (wanted, agent), manner, shared, now);
            }
        }
    }

    fn begin_stream(
        &mut self,
        place: usize,
        (wanted, agent): (viewer::Terms, String),
        manner: &Manner,
        shared: &mut Shared<'_>,
        now: Time,
    ) {
        let Some(party) = self.connections.get(place).and_then(Option::as_ref).map(|it| it.party) else {
            return;
        };
        let may_watch = manner.head_only || self.may_watch(party, shared, now);
        let Some(connection) = self.connections.get_mut(place).and_then(Option::as_mut) else { return };
        if !may_watch {
            let text = format!("{VIEWERS} have the stream already\n");
            return answer(connection, Status::Unavailable, (TEXT, text.as_bytes()), None, manner, now);
        }
        if let Some(why) = wanted.scale.and_then(|scale| self.scaled.is_hopeless(scale)) {
            let text = format!("{why}\n");
            return answer(
                connection,
                Status::UnsupportedMediaType,
                (TEXT, text.as_bytes()),
                None,
                manner,
                now,
            );
        }
        let manner = Manner { keeps_open: false, ..manner.clone() };
        let head = manner.answer(Status::Ok, Body::Endless(multipart::CONTENT_TYPE)).head();
        connection.closes = true;
        if manner.head_only {
            return connection.answer(head.as_bytes().to_vec(), now);
        }
        let opening = [head.as_bytes(), multipart::FIRST].concat();
        let cursor = Cursor::begin(Policy::Newest, &shared.stream.reel, self.is_away, now);
        let mut viewer = Viewer::new(cursor, wanted, opening, now);
        viewer.set_slate(self.slate, now);
        shared.stats.on_joined(Way::Http);
        viewer.is_told = shared.report.viewer_joined(
            (connection.remote, party),
            (Way::Http, &agent),
            shared.stats.clients,
            now,
        );
        connection.begin(Doing::Watching(Box::new(viewer)), None, now);
        self.comes_again = true;
    }

    /// Answers one who waits for a frame, if it has come or none will.
    pub(super) fn show(&mut self, place: usize, shared: &mut Shared<'_>, now: Time) {
        let Some(connection) = self.connections.get_mut(place).and_then(Option::as_mut) else { return };
        let pictures = Pictures { stream: shared.stream, scaled: &self.scaled };
        let Some((picture, wanted)) = connection.arrived(pictures) else {
            if let Doing::Waiting(wanted) = &connection.doing {
                if self.is_away || wanted.failure(&self.scaled).is_some_and(|failure| failure.is_lasting) {
                    self.refuse_picture(place, shared, now);
                }
            }
            return;
        };
        let Some(frame) = picture.of(pictures) else { return };
        let body = Body::Bytes("image/jpeg", frame.length_for_others() as usize);
        let head = wanted.manner.answer(Status::Ok, body).head();
        match wanted.manner.head_only {
            true => connection.answer(head.as_bytes().to_vec(), now),
            false => connection.show(Part::alone(picture, head), now),
        }
    }

    /// There is no frame for one who waits for one.
    pub(super) fn refuse_picture(&mut self, place: usize, shared: &mut Shared<'_>, now: Time) {
        let Some(connection) = self.connections.get_mut(place).and_then(Option::as_mut) else { return };
        let Doing::Waiting(wanted) = &connection.doing else { return };
        let failure = wanted.failure(&self.scaled);
        let (status, why) = match (shared.stream.source.signal(), failure) {
            _ if self.stopping => (Status::Unavailable, STOPPING.to_owned()),
            (Signal::Lost { cause, .. }, _) => (Status::Unavailable, cause.to_string()),
            (Signal::Present, Some(Failure { is_lasting: true, why, .. })) => {
                (Status::UnsupportedMediaType, why.clone())
            }
            (Signal::Present, Some(Failure { why, .. })) => (Status::Unavailable, why.clone()),
            (Signal::Present, None) => {
                (Status::Unavailable, "the camera has given no frame in time".to_owned())
            }
        };
        let manner =
            Manner { keeps_open: wanted.manner.keeps_open && !self.stopping, ..wanted.manner.clone() };
        let text = format!("{why}\n");
        answer(connection, status, (TEXT, text.as_bytes()), None, &manner, now);
    }
}

/// What one hears who calls us by a name that a stranger could have given.
pub(super) fn unknown_host(request: &Request<'_>) -> String {
    let host = one_line(without_port(request.host.unwrap_or("")));
    format!("this camera is not known by the name {host}: camcast --allow-host {host}")
}

fn refusal(status: Status, why: &str) -> Reply {
    Reply::Text(status, format!("{why}\n"))
}

pub(super) fn answer(
    connection: &mut Connection,
    status: Status,
    (kind, text): (&'static str, &[u8]),
    nonce: Option<u64>,
    manner: &Manner,
    now: Time,
) {
    let answer = Answer { nonce, ..manner.answer(status, Body::Bytes(kind, text.len())) };
    send(connection, &answer, text, manner, now);
}

fn send(connection: &mut Connection, answer: &Answer<'_>, text: &[u8], manner: &Manner, now: Time) {
    let head = answer.head();
    let text = if manner.head_only { &[][..] } else { text };
    connection.answer([head.as_bytes(), text].concat(), now);
}

/// What one hears who does not know the password, if there is one.
fn refuse_stranger(
    request: &Request<'_>,
    (remote, party): (Remote, Party),
    shared: &mut Shared<'_>,
    now: Time,
) -> Option<Reply> {
    // a browser asks without a password whether it may ask with one (Fetch, 4.8)
    let door = shared.door.as_mut().filter(|_| request.method != Method::Options)?;
    let (method, target) = (request.method.name(), request.target);
    let asked = Asked { method, target, dialect: Dialect::Http, takes_basic: true };
    let entry = door.ask(request.authorization, &asked, party, now);
    match entry {
        Entry::Open => return None,
        Entry::Wrong => shared.report.wrong_password(remote, now),
        Entry::Unnamed | Entry::Stale | Entry::Paused(_) => {}
    }
    Some(Reply::Stranger(entry))
}

fn turn_away(connection: &mut Connection, door: Option<&Door>, entry: Entry, manner: &Manner, now: Time) {
    let (status, why, wait) = match entry {
        Entry::Paused(left) => {
            let wait = left.as_secs().saturating_add(1);
            (Status::TooManyRequests, format!("wrong too often: wait {wait} s\n"), Some(wait))
        }
        Entry::Wrong => (Status::Unauthorized, "wrong name or password\n".to_owned(), None),
        Entry::Stale => (Status::Unauthorized, "the nonce is too old\n".to_owned(), None),
        Entry::Open | Entry::Unnamed => {
            (Status::Unauthorized, "a name and a password are needed\n".to_owned(), None)
        }
    };
    let challenges = door.map(|door| door.challenges(entry, true, now)).unwrap_or_default();
    let answer = Answer {
        challenges: &challenges,
        retry_after: wait,
        ..manner.answer(status, Body::Bytes(TEXT, why.len()))
    };
    send(connection, &answer, why.as_bytes(), manner, now);
}

fn reply_to(
    request: &Request<'_>,
    order: impl FnOnce() -> Result<Order, (Status, String)>,
    shared: &Shared<'_>,
    now: Time,
) -> Reply {
    let route = match (request.method, Route::of(request)) {
        (Method::Options, _) => return Reply::Options,
        (_, Ok(None)) => return refusal(Status::NotFound, "there is nothing of that name here"),
        (_, Err(why)) => return refusal(Status::BadRequest, why),
        (Method::Post, Ok(Some(route))) if route != Route::Controls => {
            return refusal(Status::MethodNotAllowed, "this can be got, and not changed");
        }
        (_, Ok(Some(route))) => route,
    };
    match route {
        Route::Stream { interval, scale, in_advance } => {
            let agent: String = one_line(request.user_agent).to_string().chars().take(AGENT).collect();
            Reply::Stream(viewer::Terms { thin: Thin::new(interval), scale, in_advance }, agent)
        }
        Route::Snapshot { is_fresh, scale } => {
            Reply::Snapshot(if is_fresh { now } else { Time::default() }, scale)
        }
        Route::State => Reply::State,
        Route::Metrics { is_open } => Reply::Metrics { is_open },
        Route::Health => match shared.stream.source.signal() {
            Signal::Present => Reply::Text(Status::Ok, "ok\n".to_owned()),
            Signal::Lost { cause, .. } => refusal(Status::Unavailable, &cause.to_string()),
        },
        Route::Controls => order().map_or_else(|(status, why)| refusal(status, &why), Reply::Controls),
        Route::Page => Reply::Page,
    }
}
