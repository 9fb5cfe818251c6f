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
use crate::app::{Given, gather_again};
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
    /// Names of options that have changed, of those that can ...
    live: Vec<&'static str>,
    /// ... and of the others, since the start.
    rest: Vec<&'static str>,
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
    pub fn handle(&self, seat: Seat) -> Vec<Wish> {
        match &self.reader {
            Some(reader) if seat.kind == READER => {
                reader.bell().clear();
                std::iter::from_fn(|| reader.take()).filter_map(wish).collect()
            }
            Some(reader) => {
                // one that waits will read what there is then: more of them are one
                let _ = (self.hangup.take() > 0).then(|| reader.send(()));
                Vec::new()
            }
            None => (self.hangup.take() > 0).then_some(Wish::SetControls).into_iter().collect(),
        }
    }
}

fn wish(news: News) -> Option<Wish> {
    match news {
        Ok(reload) => Some(Wish::Apply(Box::new(reload))),
        Err(why) => {
            log::warn!("SIGHUP: {why}: nothing has changed");
            None
        }
    }
}

/// The thread: for each order it reads.
fn read(orders: Receiver<()>, desk: Desk<News>) {
    let again = || gather_again::<Options>("camcast");
    // what was read at the start, and what was taken up last
    let (started, mut latest) = (again().ok().flatten().map(|(_, given)| given), None);
    for () in orders {
        let news = match again() {
            Ok(Some((options, given))) => {
                let before = [latest.as_ref().or(started.as_ref()), started.as_ref()];
                understand(options, &given, before).inspect(|_| latest = Some(given))
            }
            Ok(None) => continue,
            Err(error) => Err(error),
        };
        if !desk.tell(news) {
            return;
        }
    }
}

/// `before`: what holds of what can change, and of the rest.
fn understand(options: Options, given: &Given, before: [Option<&Given>; 2]) -> News {
    let config = Config::try_from(options).map_err(|error| given.place(error))?;
    let [mut live, mut rest] = before.map(|before| before.map_or_else(Vec::new, |it| given.differences(it)));
    live.retain(|name| LIVE.contains(name));
    rest.retain(|name| !LIVE.contains(name));
    Ok(Reload { config, live, rest })
}

impl Reload {
    /// What can change does, and the log says what that is.
    pub fn apply(self, parts: Parts<'_>) {
        let Reload { config, mut live, mut rest } = self;
        *parts.rules = config.rules.clone();
        live.retain(|name| *name != "password-file");
        let held = parts.door.as_ref().map(Door::passwords);
        match &config.passwords {
            // what is served where by now is not for everybody
            None if held.is_some() => rest.push("password-file"),
            passwords if held != passwords.as_ref() => match door::open(passwords.as_ref()) {
                Ok(door) => {
                    *parts.door = door;
                    live.push("the passwords");
                }
                Err(error) => log::warn!("SIGHUP: the passwords stay as they were: {error}"),
            },
            _ => {}
        }
        parts.report.set_lines(config.log_lines);
        let (live, rest) = (live.join(", "), rest.join(", "));
        match (live.is_empty(), rest.is_empty()) {
            (true, true) => log::info!("SIGHUP: the options are as they were"),
            (false, true) => log::info!("SIGHUP: new from now on: {live}"),
            (true, false) => log::warn!("SIGHUP: after a restart: {rest}"),
            (false, false) => log::warn!("SIGHUP: new from now on: {live}; after a restart: {rest}"),
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
