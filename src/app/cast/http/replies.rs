//! From a request to an answer.

use super::connection::{CAMERA_PATIENCE, Connection, Doing, Steering, Wanted};
use super::part::Part;
use super::viewer::Viewer;
use super::{Http, VIEWERS, metrics, state};
use crate::app::cast::outlet::Shared;
use crate::capture::v4l2::Order;
use crate::http::access::without_port;
use crate::http::answer::{Answer, Body};
use crate::http::password::{Guesses, Passwords};
use crate::http::request::{Method, Parsed, Request, parse};
use crate::http::route::Route;
use crate::http::thin::Thin;
use crate::http::{Status, multipart};
use crate::reel::cursor::Cursor;
use crate::shown::one_line;
use crate::supervisor::Signal;
use crate::sys::connection::Remote;
use crate::sys::random_u64;
use crate::time::Time;
use crate::wire::join::Policy;
use std::net::{IpAddr, Ipv4Addr};
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
    /// Text.
    Text(Status, &'static str, Vec<u8>),
    /// The page.
    Page,
    /// A frame, as soon as there is one that was captured later than this.
    Snapshot(Time),
    /// What the camera answers for its controls.
    Controls(Order),
    /// The stream.
    Stream { interval: Duration, in_advance: bool, agent: String },
    /// Nothing, and what may be asked.
    Options,
}

/// How an answer is to be given.
#[derive(Clone)]
pub(super) struct Manner {
    pub(super) head_only: bool,
    pub(super) keeps_open: bool,
    pub(super) origin: Option<String>,
}

impl Http {
    /// Answers the next request, if it is whole.
    pub(super) fn reply(&mut self, place: usize, shared: &mut Shared<'_>, now: Time) {
        let viewers = self.viewers();
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
                let manner = Manner { head_only: false, keeps_open: false, origin: None };
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
                    origin: self.access.origin(&request).map(str::to_owned),
                };
                // what comes through the socket file, a web server in front of us has judged
                let is_for_us = connection.remote == Remote::Local || self.access.is_for_us(&request);
                let keys = (self.passwords.as_ref(), &mut self.guesses);
                let reply = if is_for_us {
                    let refused = refuse_stranger(&request, connection.remote, keys, shared, now);
                    let body = connection.incoming.get(head..length).unwrap_or_default();
                    let order = || self.controls.order(&request, body, &self.access);
                    refused.unwrap_or_else(|| reply_to(&request, viewers, order, shared, now))
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
        let (slate, is_away) = (self.slate, self.is_away);
        let Some(connection) = self.connections.get_mut(place).and_then(Option::as_mut) else { return };
        let reel = &shared.stream.reel;
        match reply {
            Reply::Text(status, kind, text) => answer(connection, status, (kind, &text), None, manner, now),
            Reply::Page => {
                let nonce = random_u64().unwrap_or_default();
                let page = PAGE.replace("NONCE", &format!("{nonce:016x}"));
                answer(connection, Status::Ok, (HTML, page.as_bytes()), Some(nonce), manner, now);
            }
            Reply::Options => {
                let answer = Answer {
                    status: Status::NoContent,
                    body: Body::None,
                    keeps_open: manner.keeps_open,
                    origin: manner.origin.as_deref(),
                    nonce: None,
                };
                connection.answer(answer.head().as_bytes().to_vec(), now);
            }
            Reply::Snapshot(after) => {
                let interval = reel.fps().map_or(Duration::ZERO, |fps| Duration::from_secs_f32(2.0 / fps));
                let cursor = Cursor::begin(Policy::Newest, reel, is_away, now);
                let origin = manner.origin.clone();
                connection.doing =
                    Doing::Waiting(Wanted { cursor, after, head_only: manner.head_only, origin });
                connection.until = now.after(WAIT.max(interval));
                self.has_begun = true;
                self.show(place, shared, now);
            }
            Reply::Controls(order) => {
                let Manner { head_only, origin, .. } = manner.clone();
                let ticket = self.controls.ticket();
                connection.doing =
                    Doing::Steering(Steering { ticket, order: Some(order), head_only, origin });
                connection.until = now.after(CAMERA_PATIENCE);
                self.ask_camera(shared, now);
            }
            Reply::Stream { interval, in_advance, agent } => {
                let body = Body::Endless(multipart::CONTENT_TYPE);
                let origin = manner.origin.as_deref();
                let answer = Answer { status: Status::Ok, body, keeps_open: false, origin, nonce: None };
                let mut opening = answer.head().as_bytes().to_vec();
                connection.closes = true;
                if manner.head_only {
                    return connection.answer(opening, now);
                }
                opening.extend_from_slice(multipart::FIRST);
                let cursor = Cursor::begin(Policy::Newest, reel, is_away, now);
                let mut viewer = Viewer::new(cursor, Thin::new(interval), in_advance, opening, now);
                viewer.set_slate(slate, now);
                connection.doing = Doing::Watching(Box::new(viewer));
                connection.until = Time::NEVER;
                shared.stats.on_joined();
                shared.report.viewer_joined(connection.remote, &agent, shared.stats.clients);
                self.has_begun = true;
            }
        }
    }

    /// Answers one who waits for a frame, if it has come or none will.
    pub(super) fn show(&mut self, place: usize, shared: &mut Shared<'_>, now: Time) {
        let Some(connection) = self.connections.get_mut(place).and_then(Option::as_mut) else { return };
        let Some((picture, wanted)) = connection.arrived(shared.stream) else {
            if self.is_away && matches!(connection.doing, Doing::Waiting(_)) {
                self.refuse_picture(place, shared, now);
            }
            return;
        };
        let Some(frame) = picture.of(shared.stream) else { return };
        let answer = Answer {
            status: Status::Ok,
            body: Body::Bytes("image/jpeg", frame.length_for_web() as usize),
            keeps_open: !connection.closes,
            origin: wanted.origin.as_deref(),
            nonce: None,
        };
        let head = answer.head();
        match wanted.head_only {
            true => connection.answer(head.as_bytes().to_vec(), now),
            false => connection.show(Part::alone(picture, head), now),
        }
    }

    /// There is no frame for one who waits for one.
    pub(super) fn refuse_picture(&mut self, place: usize, shared: &mut Shared<'_>, now: Time) {
        let Some(connection) = self.connections.get_mut(place).and_then(Option::as_mut) else { return };
        let Doing::Waiting(wanted) = &connection.doing else { return };
        let why = match shared.stream.source.signal() {
            Signal::Lost { cause, .. } => cause.to_string(),
            Signal::Present => "the camera has given no frame in time".to_owned(),
        };
        let manner = Manner {
            head_only: wanted.head_only,
            keeps_open: !connection.closes,
            origin: wanted.origin.clone(),
        };
        let text = format!("{why}\n");
        answer(connection, Status::Unavailable, (TEXT, text.as_bytes()), None, &manner, now);
    }
}

/// What one hears who calls us by a name that a stranger could have given.
pub(super) fn unknown_host(request: &Request<'_>) -> String {
    let host = one_line(without_port(request.host.unwrap_or("")));
    format!("this camera is not known by the name {host}: camcast --allow-host {host}")
}

fn refusal(status: Status, why: &str) -> Reply {
    Reply::Text(status, TEXT, format!("{why}\n").into_bytes())
}

pub(super) fn answer(
    connection: &mut Connection,
    status: Status,
    (kind, text): (&'static str, &[u8]),
    nonce: Option<u64>,
    manner: &Manner,
    now: Time,
) {
    let body = Body::Bytes(kind, text.len());
    let (keeps_open, origin) = (manner.keeps_open, manner.origin.as_deref());
    let answer = Answer { status, body, keeps_open, origin, nonce };
    let head = answer.head();
    let text = if manner.head_only { &[][..] } else { text };
    connection.answer([head.as_bytes(), text].concat(), now);
}

/// What one hears who does not know the password, if there is one.
fn refuse_stranger(
    request: &Request<'_>,
    remote: Remote,
    (passwords, guesses): (Option<&Passwords>, &mut Guesses),
    shared: &mut Shared<'_>,
    now: Time,
) -> Option<Reply> {
    let passwords = passwords?;
    let from = match remote {
        Remote::Address(address) => address.ip().to_canonical(),
        Remote::Local => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    };
    if guesses.wait(from).is_some_and(|until| now < until) {
        return Some(refusal(Status::TooManyRequests, "wrong too often: wait a little"));
    }
    match request.authorization {
        Some(credentials) if passwords.knows(credentials) => {
            guesses.right(from);
            None
        }
        Some(_) => {
            guesses.wrong(from, now);
            shared.report.wrong_password(remote, now);
            Some(refusal(Status::Unauthorized, "wrong name or password"))
        }
        None => Some(refusal(Status::Unauthorized, "a name and a password are needed")),
    }
}

fn reply_to(
    request: &Request<'_>,
    viewers: usize,
    order: impl FnOnce() -> Result<Order, (Status, String)>,
    shared: &Shared<'_>,
    now: Time,
) -> Reply {
    let ok = |kind, text: String| Reply::Text(Status::Ok, kind, text.into_bytes());
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
        Route::Stream { .. } if viewers >= VIEWERS => {
            refusal(Status::Unavailable, &format!("{VIEWERS} have the stream already"))
        }
        Route::Stream { interval, in_advance } => {
            let agent: String = one_line(request.user_agent).to_string().chars().take(AGENT).collect();
            Reply::Stream { interval, in_advance, agent }
        }
        Route::Snapshot { is_fresh } => Reply::Snapshot(if is_fresh { now } else { Time::default() }),
        Route::State => ok(JSON, state::text(shared, viewers, now)),
        Route::Metrics { is_open } => {
            let kind = if is_open { metrics::OPEN } else { metrics::PLAIN };
            ok(kind, metrics::text(shared, viewers, is_open))
        }
        Route::Health => match shared.stream.source.signal() {
            Signal::Present => ok(TEXT, "ok\n".to_owned()),
            Signal::Lost { cause, .. } => refusal(Status::Unavailable, &cause.to_string()),
        },
        Route::Controls => order().map_or_else(|(status, why)| refusal(status, &why), Reply::Controls),
        Route::Page => Reply::Page,
    }
}
