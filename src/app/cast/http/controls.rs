//! `/controls`: the camera's controls as JSON, asked for and set while it streams.
//!
//! The camera may take seconds to answer, so its opener's thread asks it, one order at a time; who asked waits meanwhile, and is told
//! when that takes too long. What waits longer than that is not done any more.

use super::Http;
use super::connection::{Doing, Manner, STOPPING, Steering};
use super::replies::{JSON, TEXT, answer, unknown_host};
use crate::app::cast::config::Config;
use crate::app::cast::outlet::Shared;
use crate::app::cast::report::name_of;
use crate::app::cast::rules::Rules;
use crate::app::cast::source::opener::Ticket;
use crate::capture::v4l2::{Change, ControlState, Order, Outcome};
use crate::http::Status;
use crate::http::access::FOREIGN_PAGE;
use crate::http::controls::{is_json, parse};
use crate::http::request::{Method, Request};
use crate::shown::one_line;
use crate::sys::connection::Remote;
use crate::time::Time;
use serde::Serialize;
use std::time::Duration;

/// Between two lines of the log that say what was set.
const BETWEEN_LINES: Duration = Duration::from_secs(60);

/// The most controls that such a line names.
const NAMED: usize = 16;

/// The outlet's half of the camera's controls: who may ask, whose order the camera has, and what is to be said of it.
pub(super) struct Desk {
    is_camera: bool,
    tickets: Ticket,
    /// Whose order it is that the camera has, if it has one.
    asked: Option<(Ticket, Remote)>,
    said: Said,
}

impl Desk {
    pub(super) fn new(config: &Config) -> Self {
        let is_camera = config.capture.is_camera();
        Desk { is_camera, tickets: 0, asked: None, said: Said::default() }
    }

    /// A number for one more who asks.
    pub(super) fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        self.tickets
    }

    /// What the camera is to be asked for a request.
    ///
    /// # Errors
    /// Why not, in words.
    pub(super) fn order(
        &self,
        request: &Request<'_>,
        body: &[u8],
        rules: &Rules,
    ) -> Result<Order, (Status, String)> {
        if !self.is_camera {
            return Err((Status::NotFound, "only a camera has controls, and this source is none".into()));
        }
        if !rules.allow_control {
            let why =
                "the camera's controls are for nobody here, unless camcast is started with --allow-control";
            return Err((Status::Forbidden, why.into()));
        }
        // of what comes through the socket file nobody has judged the host yet, and a web server may pass on what it got
        if !rules.access.is_for_us(request) {
            return Err((Status::Forbidden, unknown_host(request)));
        }
        if !rules.access.is_from_ours(request) {
            let page = request.origin.filter(|origin| origin.starts_with("http")).unwrap_or("");
            let page = one_line(page).to_string();
            let remedy = format!("; if {page} is yours: camcast --allow-origin {page}");
            let why = format!("{FOREIGN_PAGE}{}", if page.is_empty() { "" } else { &remedy });
            return Err((Status::Forbidden, why));
        }
        if request.method != Method::Post {
            return Ok(Order::Look);
        }
        if !is_json(request.content_type) {
            let why = "controls are set by JSON: send it with Content-Type: application/json";
            return Err((Status::UnsupportedMediaType, why.into()));
        }
        parse(body).map(Order::Set).map_err(|why| (Status::BadRequest, why))
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub(super) fn next_timeout(&self) -> Time {
        self.said.due()
    }

    pub(super) fn handle_timeout(&mut self, now: Time) {
        if now >= self.next_timeout() {
            self.said.next = now.after(BETWEEN_LINES);
            self.say();
        }
    }

    /// Says what was set and is not said yet.
    pub(super) fn say(&mut self) {
        self.said.take().into_iter().for_each(|line| log::info!("{line}"));
    }
}

impl Http {
    /// Gives the camera the next order, if it has none.
    pub(super) fn ask_camera(&mut self, shared: &Shared<'_>, now: Time) {
        while self.controls.asked.is_none() {
            let waiting = self.connections.iter_mut().flatten().filter_map(|connection| {
                let remote = connection.remote;
                match &mut connection.doing {
                    Doing::Steering(it) if it.order.is_some() => Some((it.ticket, &mut it.order, remote)),
                    _ => None,
                }
            });
            let Some((ticket, order, remote)) = waiting.min_by_key(|(ticket, ..)| *ticket) else { return };
            let Some(order) = order.take() else { return };
            match shared.stream.source.govern(ticket, order) {
                Ok(()) => self.controls.asked = Some((ticket, remote)),
                Err(why) => self.answer_controls(ticket, Status::Unavailable, TEXT, format!("{why}\n"), now),
            }
        }
    }

    /// The camera has answered.
    pub(super) fn handle_controls(&mut self, shared: &Shared<'_>, now: Time) {
        let Some((ticket, outcome)) = shared.stream.source.answer() else { return };
        let Some((_, remote)) = self.controls.asked.take_if(|(asked, _)| asked == ticket) else { return };
        if let Outcome::Set(changes) = outcome {
            self.controls.said.add(changes, remote);
        }
        let (status, kind, text) = reply(outcome);
        self.answer_controls(*ticket, status, kind, text, now);
        self.ask_camera(shared, now);
    }

    /// One has waited too long, or camcast stops.
    pub(super) fn give_up_controls(&mut self, place: usize, now: Time) {
        let connection = self.connections.get(place).and_then(Option::as_ref);
        let Some(Doing::Steering(steering)) = connection.map(|connection| &connection.doing) else { return };
        let why = match steering.order {
            _ if self.stopping => STOPPING,
            Some(_) => "the camera has not answered an earlier request for its controls: nothing was done",
            None => {
                "the camera has not answered for its controls in time: if that stays so, unplug it and plug it in again"
            }
        };
        self.answer_controls(steering.ticket, Status::GatewayTimeout, TEXT, format!("{why}\n"), now);
    }

    fn answer_controls(
        &mut self,
        ticket: Ticket,
        status: Status,
        kind: &'static str,
        text: String,
        now: Time,
    ) {
        for connection in self.connections.iter_mut().flatten() {
            let Doing::Steering(Steering { ticket: its, manner, .. }) = &connection.doing else { continue };
            if *its == ticket {
                let keeps_open = manner.keeps_open && !self.stopping;
                let manner = Manner { keeps_open, ..manner.clone() };
                answer(connection, status, (kind, text.as_bytes()), None, &manner, now);
            }
        }
    }
}

/// An outcome as it is answered.
fn reply(outcome: &Outcome) -> (Status, &'static str, String) {
    let json = |text: Result<String, serde_json::Error>| text.unwrap_or_default() + "\n";
    match outcome {
        Outcome::Seen(controls) => {
            let controls = controls.iter().map(Control::of).collect();
            (Status::Ok, JSON, json(serde_json::to_string(&Controls { controls })))
        }
        Outcome::Set(changes) => {
            let is_refused = changes.iter().any(|change| change.result.is_err());
            let status = if is_refused { Status::Unprocessable } else { Status::Ok };
            let controls = changes.iter().map(Set::of).collect();
            (status, JSON, json(serde_json::to_string(&Controls { controls })))
        }
        Outcome::Unknown { names, known } => {
            let (names, known) = (one_line(names.join(", ")), one_line(known.join(", ")));
            let text = format!("the camera has no control {names}; nothing was set. It has: {known}\n");
            (Status::BadRequest, TEXT, text)
        }
        Outcome::Silent(why) => (Status::GatewayTimeout, TEXT, format!("{why}\n")),
    }
}

#[derive(Serialize)]
struct Controls<One> {
    controls: Vec<One>,
}

#[derive(Serialize)]
struct Control<'a> {
    name: &'a str,
    title: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    minimum: i64,
    maximum: i64,
    step: u64,
    default: i64,
    value: Option<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    menu: Vec<Item<'a>>,
    flags: &'a [&'static str],
}

#[derive(Serialize)]
struct Item<'a> {
    value: i64,
    name: &'a str,
}

#[derive(Serialize)]
struct Set<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

impl<'a> Control<'a> {
    fn of(state: &'a ControlState) -> Self {
        let ControlState { name, title, kind, minimum, maximum, step, default, value, menu, flags } = state;
        Control {
            name,
            title,
            kind,
            minimum: *minimum,
            maximum: *maximum,
            step: *step,
            default: *default,
            value: *value,
            menu: menu.iter().map(|(value, name)| Item { value: *value, name }).collect(),
            flags,
        }
    }
}

impl<'a> Set<'a> {
    fn of(change: &'a Change) -> Self {
        let Change { name, before, result, .. } = change;
        let (value, error) = match result {
            Ok(value) => (*value, None),
            Err(why) => (None, Some(why.as_str())),
        };
        Set { name, before: *before, value, error }
    }
}

/// What was set, until the log has it: at most a line a minute, which says all that was set since the last one.
#[derive(Default)]
struct Said {
    changes: Vec<(String, Option<i64>, Option<i64>)>,
    more: u64,
    remote: Option<Remote>,
    next: Time,
}

impl Said {
    fn add(&mut self, changes: &[Change], remote: Remote) {
        for Change { name, before, result, .. } in changes {
            let Ok(now) = result else { continue };
            self.remote = Some(remote);
            let has_room = self.changes.len() < NAMED;
            match self.changes.iter_mut().find(|(known, ..)| known == name) {
                Some((_, _, latest)) => *latest = *now,
                None if has_room => self.changes.push((name.clone(), *before, *now)),
                None => self.more += 1,
            }
        }
    }

    fn due(&self) -> Time {
        if self.changes.is_empty() { Time::NEVER } else { self.next }
    }

    fn take(&mut self) -> Option<String> {
        let shown = |(name, before, now): &(String, Option<i64>, Option<i64>)| match (before, now) {
            (Some(before), Some(now)) => format!("{name} {before} -> {now}"),
            (None, Some(now)) => format!("{name} -> {now}"),
            (_, None) => format!("{name} pressed"),
        };
        let mut words: Vec<String> = self.changes.drain(..).map(|change| shown(&change)).collect();
        let more = std::mem::take(&mut self.more);
        if more > 0 {
            words.push(format!("{more} more"));
        }
        let by = name_of(self.remote.take()?);
        Some(format!("controls set by HTTP: {}; the latest by {by}", words.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Remote = Remote::Local;

    fn change(name: &str, before: i64, now: i64) -> Change {
        Change::made_up(name, Some(before), Ok(Some(now)))
    }

    #[test]
    fn an_answer_says_what_became_of_each() {
        let refused = Change::made_up("gain", None, Err("it takes 0 to 10".into()));
        let pressed = Change::made_up("go", None, Ok(None));
        let all = vec![change("hue", 1, 2), refused, pressed];
        let (status, kind, text) = reply(&Outcome::Set(all));
        assert_eq!((status, kind), (Status::Unprocessable, JSON));
        let expected = r#"{"controls":[{"name":"hue","before":1,"value":2},{"name":"gain","error":"it takes 0 to 10"},{"name":"go"}]}"#;
        assert_eq!(text.trim_end(), expected);
        assert_eq!(reply(&Outcome::Set(vec![change("hue", 1, 2)])).0, Status::Ok);
        let unknown = Outcome::Unknown { names: vec!["x\n".into()], known: vec!["hue".into(), "go".into()] };
        let (status, _, text) = reply(&unknown);
        assert_eq!(status, Status::BadRequest);
        assert_eq!(text, "the camera has no control x\\n; nothing was set. It has: hue, go\n");
    }

    #[test]
    fn what_a_driver_calls_its_controls_breaks_no_json() {
        let state = ControlState {
            name: "mode".into(),
            title: "Mode \"x\"</script>\\".into(),
            kind: "menu",
            minimum: 0,
            maximum: 1,
            step: 1,
            default: 0,
            value: None,
            menu: vec![(1, "a\"b".into())],
            flags: vec!["inactive"],
        };
        let (status, kind, text) = reply(&Outcome::Seen(vec![state]));
        assert_eq!((status, kind), (Status::Ok, JSON));
        let read: tinyjson::JsonValue = text.parse().unwrap();
        let control = &read["controls"][0];
        assert_eq!(control["title"].get::<String>().unwrap(), "Mode \"x\"</script>\\");
        assert_eq!(control["menu"][0]["name"].get::<String>().unwrap(), "a\"b");
        assert!(control["value"].is_null());
        assert_eq!(control["type"].get::<String>().unwrap(), "menu");
    }

    #[test]
    fn the_log_says_all_that_was_set_in_a_line_a_minute() {
        let mut said = Said::default();
        assert_eq!((said.due(), said.take()), (Time::NEVER, None));
        said.add(&[change("hue", 1, 2), Change::made_up("go", None, Ok(None))], AT);
        assert_eq!(said.due(), Time::default(), "the first at once");
        assert!(
            said.take().unwrap().starts_with("controls set by HTTP: hue 1 -> 2, go pressed; the latest by ")
        );
        said.next = Time::from_millis(60_000);
        (2..90).for_each(|value| said.add(&[change("hue", value, value + 1)], AT));
        said.add(&[Change::made_up("gain", None, Err("no".into()))], AT);
        assert_eq!(said.due(), Time::from_millis(60_000));
        assert!(said.take().unwrap().starts_with("controls set by HTTP: hue 2 -> 90; the latest by "));
        (0..20).for_each(|number| said.add(&[change(&number.to_string(), 0, 1)], AT));
        assert!(said.take().unwrap().contains("15 0 -> 1, 4 more; "));
    }
}
