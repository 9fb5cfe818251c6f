//! Does what [`Rejoin`](crate::receiver::rejoin::Rejoin) wants done, tells it what came of it, and people what it has to say.

use super::Recorder;
use super::config::{Config, Language};
use super::joining::{Joined, Joining};
use super::link::Step;
use super::report;
use super::report::json::{JsonEvent, stream_id};
use super::session::Session;
use crate::account::ledger::MissingReason;
use crate::app::exit::{Exit, ExitError};
use crate::app::quantity::show_duration;
use crate::receiver::Over;
use crate::receiver::rejoin::{Action, Failure, FailureReason, Notice, Outcome};
use crate::sys::names::Lookup;
use crate::time::Time;
use crate::wire::StreamId;
use crate::wire::join::Policy;
use std::net::SocketAddr;
use std::time::Duration;

impl Recorder<'_> {
    /// Goes on with what is under way.
    pub(super) fn advance(&mut self, is_ready: bool, now: Time) -> Result<(), ExitError> {
        match &mut self.link.step {
            Step::Looking(lookup) if is_ready => {
                if let Some(answer) = lookup.take() {
                    self.on_addresses(answer, now);
                }
            }
            Step::Joining(joining) if is_ready || now >= joining.next_timeout() => {
                match joining.advance(is_ready, now) {
                    Ok(None) => {}
                    Ok(Some(joined)) => self.on_joined(joined, now),
                    Err(error) => self.fail(error.into(), now),
                }
            }
            Step::Live(session) => {
                if is_ready {
                    session.handle_readable(now);
                }
                session.handle_timeout(now);
            }
            _ => {}
        }
        self.rejoin.handle_timeout(now);
        self.act(now)
    }

    /// Does what is wanted, and says what there is to say.
    ///
    /// # Errors
    /// The process has no thread left for the look-up.
    pub(super) fn act(&mut self, now: Time) -> Result<(), ExitError> {
        while let Some(action) = self.rejoin.poll_action() {
            match action {
                Action::Resolve => {
                    let lookup = Lookup::start(self.config.host.clone(), self.config.port)
                        .map_err(|error| ExitError::system("looking up the host", &error))?;
                    self.link.step = Step::Looking(lookup);
                }
                Action::Join { to, resume } => match Joining::begin(self.config.language, to, resume, now) {
                    Ok(joining) => self.link.step = Step::Joining(Box::new(joining)),
                    Err(error) => self.fail(error.into(), now),
                },
                Action::Leave => self.leave_session(now),
            }
        }
        self.tell_notices();
        Ok(())
    }

    /// It has been told to stop: the server is told, or there is nobody to tell, or no time to.
    pub(super) fn follow_stop(&mut self, now: Time) {
        if self.rejoin.poll_action() == Some(Action::Leave) {
            self.leave_session(now);
        }
        if self.rejoin.is_done() {
            self.link.step = Step::Nothing;
        }
    }

    fn leave_session(&mut self, now: Time) {
        if let Some(session) = self.link.session_mut() {
            session.leave(now);
        }
    }

    fn on_addresses(&mut self, answer: std::io::Result<Vec<SocketAddr>>, now: Time) {
        let why = match answer {
            Ok(addresses) if !addresses.is_empty() => return self.rejoin.handle_addresses(addresses),
            Ok(_) => "it has no address".to_owned(),
            Err(error) => error.to_string(),
        };
        let host = &self.config.host;
        let words = format!("no such host: {host} ({why}): check its name, or use its address");
        let words = ExitError::new(Exit::Unreachable, words);
        self.fail(Failure { reason: FailureReason::NoAddress, words }, now);
    }

    fn fail(&mut self, failure: Failure<ExitError>, now: Time) {
        self.link.step = Step::Nothing;
        self.rejoin.handle_failure(failure, now);
    }

    fn on_joined(&mut self, joined: Joined, now: Time) {
        let accepted = match &joined {
            Joined::Native { accepted, server } => {
                let (next, datagram) = (accepted.next, accepted.datagram);
                log::debug!("accepted by {server}: next frame {next}, datagrams of {datagram}");
                Some((accepted.stream, next))
            }
            Joined::Plain { server, .. } => {
                log::debug!("joined {server} as a plain client");
                None
            }
        };
        self.rejoin.handle_accepted(accepted);
        self.tell_notices();
        let policy = match self.config.language {
            Language::Native(policy) => policy,
            Language::Plain(_) => Policy::Newest,
        };
        match Session::begin(joined, policy, self.link.next_plain, now) {
            Ok(session) => self.link.step = Step::Live(session),
            Err(error) => {
                let words = ExitError::system("a UDP socket", &error);
                self.fail(Failure { reason: FailureReason::Local, words }, now);
            }
        }
    }

    /// The session has proved itself by its first datagram.
    pub(super) fn check_life(&mut self, now: Time) {
        if self.link.session().is_some_and(Session::is_live) {
            self.rejoin.handle_life(now);
            self.progress.on_life(now);
            self.tell_notices();
        }
    }

    pub(super) fn on_over(&mut self, over: Over, now: Time) {
        let Step::Live(session) = std::mem::replace(&mut self.link.step, Step::Nothing) else { return };
        self.link.next_plain = session.next_frame();
        self.rejoin.handle_over(over, session.resume(), now);
        if self.rejoin.is_done() {
            return;
        }
        self.camera.on_lost();
        // Silence may be a short outage, after which the same file goes on.
        if over != Over::Silence {
            self.writer.finish();
        }
        self.tell_notices();
    }

    fn tell_notices(&mut self) {
        while let Some(notice) = self.rejoin.poll_notice() {
            self.on_notice(notice);
        }
    }

    fn on_notice(&mut self, notice: Notice<ExitError>) {
        match notice {
            Notice::Waiting(why) => {
                log::info!("waiting for camcast: {why}");
                self.tell(&JsonEvent::Waiting { host: &self.config.host.clone(), why: why.to_string() });
            }
            Notice::Failed(why) => log::debug!("{why}"),
            Notice::Stream { id, another } => self.on_stream(id, another),
            Notice::Gone { first, count } if self.config.is_every() => {
                self.writer.missing(first, count, MissingReason::Outage);
            }
            // a viewer comes back for the newest
            Notice::Gone { count, .. } => (0..count).for_each(|_| self.writer.skipped()),
            Notice::Joined { away } => self.tell_joined(away),
            Notice::Lost(over) => {
                let (host, why) = (self.config.host.clone(), why(over));
                log::warn!("lost {host}: {why}; trying to join again");
                self.tell(&JsonEvent::Lost { host: &host, why });
            }
        }
    }

    fn on_stream(&mut self, id: StreamId, another: bool) {
        self.writer.stream(id, another);
        if another {
            self.camera.on_another_stream();
        }
    }

    fn tell_joined(&mut self, away: Option<Duration>) {
        match away {
            Some(away) => log::info!("back after {}", show_duration(away)),
            None => log::info!("joined {}: recording", self.config.host),
        }
        if let Some(feed) = &mut self.feed {
            feed.say(&JsonEvent::Joined {
                host: &self.config.host,
                stream: self.rejoin.resume().map(|(stream, _)| stream_id(stream)),
                away_ms: away.map(report::json::millis),
            });
        }
    }

    /// Why there never was a session, if that is why it has ended.
    pub(super) fn unjoined(&self) -> Option<ExitError> {
        let Config { host, port, .. } = &self.config;
        match self.rejoin.outcome() {
            Outcome::Stopped => None,
            Outcome::Failed(failure) => Some(failure.words.clone()),
            Outcome::Unheard(Over::NoAnswer) => Some(ExitError::new(
                Exit::Unreachable,
                format!(
                    "camcast on {host} accepted the join, but no datagram comes back: open UDP port {port} in the \
                     firewalls between here and there"
                ),
            )),
            Outcome::Unheard(_) => Some(ExitError::new(
                Exit::Protocol,
                format!(
                    "{host}:{port} took the join, but sent no frame: does it speak the original protocol?"
                ),
            )),
        }
    }
}

fn why(over: Over) -> String {
    match over {
        Over::Ended(reason) => reason.to_string(),
        Over::NoAnswer => "no answer to HELLO".into(),
        Over::Silence => "nothing comes any more".into(),
        Over::PortClosed => "its port is closed".into(),
        Over::Left => "we have left".into(),
    }
}
