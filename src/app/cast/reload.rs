//! SIGHUP, where it is no wish to stop: the file of options is read anew, beside the loop, and what can change while clients are
//! here does. Of the rest is said that it takes a restart; and of a file with an error, that nothing has changed.

use super::config::{Config, Hangup};
use super::door;
use super::options::Options;
use super::poll_set::{PollSet, Seat};
use super::report::Report;
use super::rules::Rules;
use super::stream::Stream;
use crate::admission::door::Door;
use crate::app::exit::ExitError;
use crate::app::{Given, given_again};
use crate::sys::signals::Signals;
use crate::sys::worker::{Bell, Desk, Worker};
use std::os::fd::AsFd;
use std::sync::mpsc::Receiver;

/// Options that hold from then on. What is not among them takes a restart.
const LIVE: [&str; 8] = [
    "allow",
    "allow-control",
    "allow-host",
    "allow-origin",
    "control",
    "log-lines",
    "no-plain",
    "password-file",
];

const SIGNAL: u8 = 0;
const READER: u8 = 1;

/// Hears the signal, and has a thread that reads: a disk may hang.
pub struct Reloader {
    hangup: Signals,
    /// None: there is no file to read.
    reader: Option<Worker<(), News>>,
}

type News = Result<Reload, ExitError>;

/// What a signal has led to.
pub enum Wish {
    /// The controls are to be set once more.
    SetControls,
    /// What the file says now is to hold.
    Apply(Box<Reload>),
}

/// What the file says now.
pub struct Reload {
    config: Config,
    /// Names of options that differ.
    differ: Vec<&'static str>,
}

/// What can change.
pub struct Parts<'a> {
    /// Who may come in, and what he may do.
    pub rules: &'a mut Rules,
    /// Who may come in by a password.
    pub door: &'a mut Option<Door>,
    /// The logs.
    pub report: &'a mut Report,
    /// The camera's controls.
    pub stream: &'a mut Stream,
}

impl Reloader {
    /// Hears the signal from here on. `None`: it is a wish to stop.
    ///
    /// # Errors
    /// The process has no thread or no descriptor left.
    pub fn start(config: &Config) -> Result<Option<Self>, ExitError> {
        if config.hangup == Hangup::Stops {
            return Ok(None);
        }
        let hangup = Signals::hangup().map_err(|error| ExitError::system("signal handlers", &error))?;
        let start = || Worker::start("options", 1, &Bell::new()?, read);
        let reader = (config.hangup == Hangup::Reloads).then(start).transpose();
        let reader = reader.map_err(|error| ExitError::system("the thread that reads options", &error))?;
        Ok(Some(Reloader { hangup, reader }))
    }

    /// Adds its descriptors.
    pub fn register<'p>(&'p self, set: &mut PollSet<'p>) {
        set.readable(Seat::only(SIGNAL), self.hangup.as_fd());
        if let Some(reader) = &self.reader {
            set.readable(Seat::only(READER), reader.bell().as_fd());
        }
    }

    /// One of them has answered.
    pub fn handle(&mut self, seat: Seat) -> Option<Wish> {
        match &self.reader {
            Some(reader) if seat.kind == READER => {
                reader.bell().clear();
                match reader.take()? {
                    Ok(reload) => Some(Wish::Apply(Box::new(reload))),
                    Err(why) => {
                        log::warn!("SIGHUP: {why}: nothing has changed");
                        None
                    }
                }
            }
            Some(reader) => {
                // one that waits will read what there is then: more of them are one
                let _ = (self.hangup.take() > 0).then(|| reader.send(()));
                None
            }
            None => (self.hangup.take() > 0).then_some(Wish::SetControls),
        }
    }
}

/// The thread: for each order it reads.
fn read(orders: Receiver<()>, desk: Desk<News>) {
    let mut before = given_again::<Options>("camcast").ok().flatten();
    for () in orders {
        let news = match given_again::<Options>("camcast") {
            Ok(Some(given)) => understand(&given, before.as_ref()).inspect(|_| before = Some(given)),
            Ok(None) => continue,
            Err(error) => Err(error),
        };
        if !desk.tell(news) {
            return;
        }
    }
}

fn understand(given: &Given<Options>, before: Option<&Given<Options>>) -> News {
    let config = Config::try_from(given.options.clone()).map_err(given.places())?;
    Ok(Reload { config, differ: before.map(|before| given.differences(before)).unwrap_or_default() })
}

impl Reload {
    /// What can change does, and the log says what that is.
    pub fn apply(self, parts: Parts<'_>) {
        let Reload { config, differ } = self;
        let (live, rest): (Vec<_>, Vec<_>) = differ.into_iter().partition(|name| LIVE.contains(name));
        let mut hold = live.join(", ");
        *parts.rules = config.rules.clone();
        if parts.door.as_ref().map(Door::passwords) != config.passwords.as_ref() {
            match door::open(config.passwords.as_ref()) {
                Ok(door) => *parts.door = door,
                Err(error) => log::warn!("SIGHUP: the passwords stay as they were: {error}"),
            }
            let and = if hold.is_empty() { "" } else { ", and " };
            hold = format!("{hold}{and}the passwords");
        }
        parts.report.set_lines(config.log_lines);
        match (hold.is_empty(), rest.is_empty()) {
            (true, true) => log::info!("SIGHUP: the options are as they were"),
            (false, true) => log::info!("SIGHUP: new from now on: {hold}"),
            (true, false) => log::warn!("SIGHUP: after a restart: {}", rest.join(", ")),
            (false, false) => {
                log::warn!("SIGHUP: new from now on: {hold}; after a restart: {}", rest.join(", "));
            }
        }
        parts.stream.source.set_anew(Some(config.capture.controls));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::config_file::InFile;
    use argh::ArgsInfo;

    #[test]
    fn what_holds_at_once_are_options_of_a_file() {
        let names: Vec<&str> = Options::get_args_info().flags.iter().map(|flag| flag.long).collect();
        for name in LIVE {
            assert!(names.contains(&format!("--{name}").as_str()), "{name}: {names:?}");
            assert!(!Options::TYPED_ONLY.contains(&name), "{name}");
        }
    }
}
