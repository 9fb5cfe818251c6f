//! Does what [`Rejoin`](crate::receiver::rejoin::Rejoin) wants done, tells it what came of it, and people what it has to say.

use super::Recorder;
use super::config::{Language, Way};
use super::find;
use super::joining::{Joined, Joining};
use super::link::Step;
use super::report;
use super::report::json::{JsonEvent, stream_id};
use super::session::Session;
use crate::account::ledger::MissingReason;
use crate::app::exit::{Exit, ExitError};
use crate::app::quantity::show_duration;
use crate::receiver::rejoin::{Action, Failure, FailureReason, Notice, Outcome, Resume, Verdict};
use crate::receiver::{Over, PATHS};
use crate::sys::names::Lookup;
use crate::time::Time;
use crate::wire::StreamId;
use crate::wire::join::Policy;
use std::net::SocketAddr;
use std::time::Duration;

/// A camera that is off is not asked for all night by every other datagram: all machines of a network have to read that.
const SEARCHES_APART: Duration = Duration::from_secs(10);

impl Recorder<'_> {
    /// Goes on with what is under way.
    pub(super) fn advance(&mut self, ready: [bool; PATHS], now: Time) {
        for (path, is_ready) in ready.into_iter().enumerate().take(self.link.ways.len()) {
            self.advance_way(path, is_ready, now);
        }
        if let Some(session) = self.link.session_mut() {
            session.handle_timeout(now);
        }
        self.rejoin.handle_timeout(now);
        self.act(now);
    }

    fn advance_way(&mut self, path: usize, is_ready: bool, now: Time) {
        match &mut self.link.ways[path].step {
            Step::Looking(lookup) if is_ready => {
                if let Some(answer) = lookup.take() {
                    self.on_addresses(path, answer, now);
                }
            }
            Step::Joining(joining) if is_ready || now >= joining.next_timeout() => {
                match joining.advance(is_ready, now) {
                    Ok(None) => {}
                    Ok(Some(joined)) => self.on_joined(path, joined, now),
                    Err(error) => self.fail(path, error.into(), now),
                }
            }
            Step::Live if is_ready => {
                if let Some(session) = self.link.session_mut() {
                    session.handle_readable(path, now);
                }
            }
            _ => {}
        }
    }

    /// Does what is wanted, and says what there is to say.
    pub(super) fn act(&mut self, now: Time) {
        while let Some((path, action)) = self.rejoin.poll_action() {
            match action {
                Action::Resolve => self.look_up(path, now),
                Action::Join { to, resume } => self.begin_join(path, to, resume, now),
                Action::Leave => self.leave_session(now),
            }
        }
        self.tell_notices();
    }

    fn look_up(&mut self, path: usize, now: Time) {
        let Way { host, port, instance, .. } = self.config.ways[path].clone();
        // where it was found it is joined at once, and looked for when it is not there any more
        let lookup = match instance.zip(self.link.ways[path].last) {
            Some((_, last)) if now < self.link.ways[path].search_at => {
                return self.on_addresses(path, Ok(vec![last]), now);
            }
            Some((instance, last)) => {
                self.link.ways[path].search_at = now.after(SEARCHES_APART);
                Lookup::by(move || Ok(vec![find::again(&instance, last)]))
            }
            None => Lookup::start(host, port),
        };
        match lookup {
            Ok(lookup) => self.link.ways[path].step = Step::Looking(lookup),
            // no thread or descriptor is left: what there is of the recording goes on
            Err(error) => {
                let words = ExitError::system("looking up the host", &error);
                self.fail(path, Failure { reason: FailureReason::Local, words }, now);
            }
        }
    }

    fn begin_join(&mut self, path: usize, to: SocketAddr, resume: Option<Resume>, now: Time) {
        if let Some(failure) = self.taken(path, to) {
            return self.fail(path, failure, now);
        }
        let resume = self.link.session().map_or(resume, Session::resume);
        let from = self.config.ways[path].from;
        let (language, key) = (self.config.language, self.config.key.clone());
        match Joining::begin(language, key, from, to, resume, now) {
            Ok(joining) => self.link.ways[path].step = Step::Joining(Box::new(joining)),
            Err(error) => self.fail(path, error.into(), now),
        }
    }

    /// Another way goes to this address already: a name may have several, and two sessions on one way are no two ways.
    fn taken(&self, path: usize, to: SocketAddr) -> Option<Failure<ExitError>> {
        let (session, from) = (self.link.session()?, self.config.ways[path].from);
        let mut others = self.config.ways.iter().enumerate().filter(|(other, _)| *other != path);
        let (_, other) =
            others.find(|(other, way)| session.server(*other) == Some(to) && way.from == from)?;
        let words =
            format!("the way by {other} goes there already ({to}): give each way an address of its own");
        Some(Failure { reason: FailureReason::Taken, words: ExitError::new(Exit::Unreachable, words) })
    }

    /// It has been told to stop: the server is told, or there is nobody to tell, or no time to.
    pub(super) fn follow_stop(&mut self, now: Time) {
        while let Some((_, Action::Leave)) = self.rejoin.poll_action() {
            self.leave_session(now);
        }
        if self.rejoin.is_done() {
            self.link.drop_all();
        }
    }

    fn leave_session(&mut self, now: Time) {
        if let Some(session) = self.link.session_mut() {
            session.leave(now);
        }
    }

    fn on_addresses(&mut self, path: usize, answer: std::io::Result<Vec<SocketAddr>>, now: Time) {
        let Way { host, from, .. } = &self.config.ways[path];
        let is_fit = |to: &SocketAddr| from.is_none_or(|from| from.is_ipv4() == to.is_ipv4());
        let why = match answer {
            Ok(all) if all.iter().any(is_fit) => {
                self.link.ways[path].last = all.first().copied();
                return self.rejoin.handle_addresses(path, all.into_iter().filter(is_fit).collect());
            }
            Ok(all) if all.is_empty() => "it has no address".to_owned(),
            Ok(_) => "it has no address of that kind, IPv4 or IPv6".to_owned(),
            Err(error) => error.to_string(),
        };
        let words = format!("no such host: {host} ({why}): check its name, or use its address");
        let words = ExitError::new(Exit::Unreachable, words);
        self.fail(path, Failure { reason: FailureReason::NoAddress, words }, now);
    }

    fn fail(&mut self, path: usize, failure: Failure<ExitError>, now: Time) {
        self.link.ways[path].step = Step::Nothing;
        self.rejoin.handle_failure(path, failure, now);
    }

    fn on_joined(&mut self, path: usize, joined: Joined, now: Time) {
        let clock = match &joined {
            Joined::Native { accepted, .. } => accepted.clock,
            Joined::Plain { .. } => None,
        };
        let accepted = match &joined {
            Joined::Native { accepted, server, .. } => {
                // the other has come there meanwhile
                if let Some(failure) = self.taken(path, *server) {
                    return self.fail(path, failure, now);
                }
                let (next, datagram) = (accepted.next, accepted.datagram);
                log::debug!("accepted by {server}: next frame {next}, datagrams of {datagram}");
                Some((accepted.stream, next))
            }
            Joined::Plain { server, .. } => {
                log::debug!("joined {server} as a plain client");
                None
            }
        };
        match self.rejoin.judge(path, accepted) {
            Verdict::Begins | Verdict::Adds => {}
            Verdict::Replaces => self.replace(now),
            Verdict::Astray => {
                let words = ExitError::new(Exit::Protocol, self.astray(path));
                return self.fail(path, Failure { reason: FailureReason::Astray, words }, now);
            }
        }
        self.rejoin.handle_accepted(path, accepted);
        self.tell_notices();
        clock.into_iter().for_each(|clock| self.camera.on_clock(clock, now));
        match self.begin_session(path, joined, now) {
            Ok(()) => self.link.ways[path].step = Step::Live,
            Err(error) => {
                let words = ExitError::system("a UDP socket", &error);
                self.fail(path, Failure { reason: FailureReason::Local, words }, now);
            }
        }
    }

    fn begin_session(&mut self, path: usize, joined: Joined, now: Time) -> std::io::Result<()> {
        if let Some(session) = self.link.session_mut() {
            return session.add(path, joined, now);
        }
        let policy = match self.config.language {
            Language::Native(policy) => policy,
            Language::Plain(_) => Policy::Newest,
        };
        let mut session = Session::begin(path, joined, policy, self.link.next_plain(), now)?;
        if self.link.ways.len() > 1 {
            session.keep_shares();
        }
        self.link.begin(session);
        Ok(())
    }

    /// Another stream takes the place of the one that there is: what has come of that is taken, room or not.
    fn replace(&mut self, now: Time) {
        if let Some(session) = self.link.session_mut() {
            session.replace();
        }
        while let Some(event) = self.link.session_mut().and_then(Session::poll_event) {
            self.on_event(event, now);
        }
        self.link.end();
    }

    /// A session has proved itself by its first datagram.
    pub(super) fn check_life(&mut self, now: Time) {
        for path in 0..self.link.ways.len() {
            if self.link.session().is_some_and(|session| session.is_live(path)) {
                self.link.on_life(path, now);
                self.rejoin.handle_life(path, now);
                self.progress.on_life(now);
            }
        }
        self.tell_notices();
    }

    pub(super) fn on_over(&mut self, path: usize, over: Over, now: Time) {
        let resume = self.link.session().and_then(Session::resume);
        let is_lost = self.rejoin.is_there(path) && !self.rejoin.is_stopping();
        self.link.on_over(path, is_lost, now);
        self.rejoin.handle_over(path, over, resume, now);
        if self.rejoin.is_done() {
            return;
        }
        if self.rejoin.lost_since().is_some() {
            self.camera.on_lost();
        }
        // what a session was lost by before is not changed by one of which nothing came
        let before = self.rejoin.lost_by().filter(|_| over == Over::NoAnswer);
        // Silence may be a short outage, after which the same file goes on.
        let is_end = before.unwrap_or(over) != Over::Silence;
        if is_end && self.link.session().is_none_or(Session::is_over) {
            self.writer.finish();
        }
    }

    pub(super) fn tell_notices(&mut self) {
        while let Some(notice) = self.rejoin.poll_notice() {
            self.on_notice(notice);
        }
    }

    fn on_notice(&mut self, notice: Notice<ExitError>) {
        match notice {
            Notice::Waiting(why) => {
                log::info!("waiting for camcast: {why}");
                self.tell(&JsonEvent::Waiting { host: &self.host(), why: why.to_string() });
            }
            Notice::Failed(why) => log::debug!("{why}"),
            Notice::Stream { id, another } => self.on_stream(id, another),
            Notice::Gone { first, count } if self.config.is_every() => {
                self.writer.missing(first, count, MissingReason::Outage);
            }
            // a viewer comes back for the newest
            Notice::Gone { count, .. } => self.writer.skipped(count),
            Notice::Joined { path, away } => self.tell_joined(path, away),
            Notice::Lost(over) => {
                let (host, why) = (self.host(), why(over));
                log::warn!("lost {host}: {why}; trying to join again");
                self.tell(&JsonEvent::Lost { host: &host, why });
            }
            Notice::PathJoined { path, away } => self.tell_path_joined(path, away),
            Notice::PathLost(path, over) => self.tell_path_lost(path, why(over)),
            Notice::PathFailed(path, words) => self.tell_path_failed(path, &words),
            Notice::PathUnheard(path, over) => self.tell_path_failed(path, &self.unheard(path, over)),
            Notice::PathAstray(path) => {
                let (name, why) = (self.config.ways[path].to_string(), self.astray(path));
                log::warn!("no way by {name}: {why}");
                self.tell(&JsonEvent::PathFailed { host: &name, why });
            }
        }
    }

    /// What the first way is called.
    fn host(&self) -> String {
        self.config.ways[0].host.clone()
    }

    /// A way leads to another camcast.
    fn astray(&self, path: usize) -> String {
        let [first, this] = [0, path].map(|path| &self.config.ways[path]);
        format!(
            "another camcast runs on {}:{} than on {}:{}: --also is for another way to the same one; its address or its \
             port is wrong",
            this.host, this.port, first.host, first.port
        )
    }

    fn tell_path_joined(&mut self, path: usize, away: Option<Duration>) {
        let name = self.config.ways[path].to_string();
        match away {
            Some(away) => {
                let away = show_duration(away);
                log::info!("{name} is back after {away}: the stream comes by both ways");
            }
            None => log::info!("joined {name}: the stream comes by both ways"),
        }
        self.tell(&JsonEvent::PathJoined { host: &name, away_ms: away.map(report::json::millis) });
    }

    fn tell_path_failed(&mut self, path: usize, why: &ExitError) {
        let name = self.config.ways[path].to_string();
        if self.rejoin.is_stopping() {
            log::warn!("no way by {name}: {why}");
        } else {
            log::warn!(
                "no way by {name}: {why}; the stream comes by the other way alone, and it is tried on"
            );
        }
        self.tell(&JsonEvent::PathFailed { host: &name, why: why.to_string() });
    }

    fn tell_path_lost(&mut self, path: usize, why: String) {
        let name = self.config.ways[path].to_string();
        log::warn!("lost the way by {name}: {why}; the stream comes by the other, and it is tried on");
        self.tell(&JsonEvent::PathLost { host: &name, why });
    }

    fn on_stream(&mut self, id: StreamId, another: bool) {
        self.writer.stream(id, another);
        if another {
            self.camera.on_another_stream();
        }
    }

    fn tell_joined(&mut self, path: usize, away: Option<Duration>) {
        let ways = &self.config.ways;
        let host = if ways.len() > 1 { ways[path].to_string() } else { self.host() };
        match away {
            Some(away) => log::info!("back after {}", show_duration(away)),
            None => log::info!("joined {host}: recording"),
        }
        if let Some(feed) = &mut self.feed {
            feed.say(&JsonEvent::Joined {
                host: &host,
                stream: self.rejoin.resume().map(|(stream, _)| stream_id(stream)),
                away_ms: away.map(report::json::millis),
            });
        }
    }

    /// Why there never was a session, if that is why it has ended.
    pub(super) fn unjoined(&self) -> Option<ExitError> {
        match self.rejoin.outcome() {
            Outcome::Stopped => None,
            Outcome::Failed(failure) => Some(failure.words.clone()),
            Outcome::Unheard(over) => Some(self.unheard(0, *over)),
        }
    }

    /// A way let us in, and nothing came of it.
    fn unheard(&self, path: usize, over: Over) -> ExitError {
        let Way { host, port, .. } = &self.config.ways[path];
        match self.config.language {
            Language::Plain(_) => ExitError::new(
                Exit::Protocol,
                format!(
                    "{host}:{port} took the join, but sent no frame: does it speak the original protocol?"
                ),
            ),
            Language::Native(_) if matches!(over, Over::NoAnswer | Over::PortClosed) => ExitError::new(
                Exit::Unreachable,
                format!(
                    "camcast on {host} accepted the join, but no datagram comes back: open UDP port {port} in the \
                     firewalls between here and there"
                ),
            ),
            Language::Native(_) => ExitError::new(
                Exit::Unreachable,
                format!("camcast on {host} accepted the join, but {}", why(over)),
            ),
        }
    }
}

/// In words.
pub(super) fn why(over: Over) -> String {
    match over {
        Over::Ended(reason) => reason.to_string(),
        Over::NoAnswer => "no answer to HELLO".into(),
        Over::Silence => "nothing comes any more".into(),
        Over::PortClosed => "its port is closed".into(),
        Over::Left => "we have left".into(),
        Over::Replaced => "another stream has begun there".into(),
    }
}
