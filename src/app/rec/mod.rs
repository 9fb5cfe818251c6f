//! camrec's loop: it joins, receives, hands frames to the writer, and joins again for as long as it runs.
//!
//! What lives here drives the pure machines and the threads beside the loop: `rejoining` does what is to be done for a session,
//! with `link`, `joining` and [`session`] at hand (its keys, if it has some, are [`seal`]'s), for one way to camcast or two; `frames` takes out what comes; `camera`, `limits` and `backlog` are what is known of
//! the camera, of how far the recording has come, and of a disk that does not keep up; `notes` has what the threads say and what that
//! brings about; `telling` says how it goes; `ending` waits for the threads and gives the account. `find` looks for cameras where no HOST is named, and `doctor` at what may be in the way. [`writer`] is the thread that
//! writes, [`report`] what people and programs are told. When to join belongs to [`crate::receiver::rejoin`], what
//! is asked for again to [`crate::receiver::requests`], and what a file looks like to [`crate::record`].

mod backlog;
mod camera;
pub mod config;
pub mod doctor;
mod ending;
mod find;
mod frames;
pub mod hooks;
pub mod joining;
mod limits;
mod link;
mod notes;
pub mod options;
pub mod pace;
mod rejoining;
pub mod report;
pub mod seal;
pub mod session;
mod standin;
mod strays;
mod telling;
pub mod writer;

use super::config_file::FINE;
use super::exit::{Exit, ExitError, usage};
use super::{args, local_time, logging, say};
use crate::app::not_sent::NotSent;
use crate::app::service::Service;
use crate::app::throttle::Throttle;
use crate::receiver::PATHS;
use crate::receiver::rejoin::{Manner, Rejoin};
use crate::store::Summary;
use crate::sys::poll::{self, PollFlags};
use crate::sys::signals::Signals;
use crate::sys::worker::Bell;
use crate::sys::{clock, memory};
use crate::time::Time;
use arrayvec::ArrayVec;
use backlog::Backlog;
use camera::Camera;
use config::{Config, Language, Output, Target};
use hooks::Hooks;
use limits::Progress;
use link::Link;
use nix::poll::PollFd;
use options::Options;
use report::account::Closed;
use report::feed::Feed;
use report::json::JsonEvent;
use report::status::Status;
use std::io::IsTerminal;
use std::os::fd::AsFd;
use strays::Strays;
use writer::Writer;

/// Runs camrec with the options as typed.
///
/// # Errors
/// What ends it, and the exit code.
pub fn run(options: Options) -> Result<Exit, ExitError> {
    if options.version {
        say(concat!("camrec ", env!("CARGO_PKG_VERSION")));
        return Ok(Exit::Ok);
    }
    memory::give_back_large();
    let (verbose, is_check) = (options.verbose, options.check_config);
    let log_lines = logging::lines_a_minute(options.log_lines, report::LINES_A_MINUTE)?;
    one_at_most(&options)?;
    if options.find {
        find::check(&options)?;
        logging::start("camrec", verbose);
        return find::print(options.json);
    }
    let is_named = options.host.is_some();
    let (examines, masks) = (options.doctor, options.mask);
    let config = Config::try_from(options)?;
    if examines {
        return doctor::run(config, is_named, masks);
    }
    if is_check {
        say(FINE);
        return Ok(Exit::Ok);
    }
    // standard error is for events alone where standard output is the recording
    if config.events() != Some(Output::Err) {
        logging::start_limited("camrec", verbose, log_lines);
        local_time::zone_trouble().iter().for_each(|why| log::warn!("{why}"));
    }
    if matches!(config.target, Target::Pipe { .. }) && std::io::stdout().is_terminal() {
        let why = "a terminal cannot show video: camrec HOST -o - | mpv -, or -o FOLDER";
        return Err(ExitError::new(Exit::Usage, why));
    }
    let mut feed = match config.events() {
        Some(to) => {
            Some(Feed::start(to).map_err(|error| ExitError::system("a thread for the events", &error))?)
        }
        None => None,
    };
    let is_told = config.events() == Some(Output::Err);
    let config = if is_named { Ok(config) } else { find::the_only(&config).map(|camera| config.to(camera)) };
    let outcome = config.and_then(|config| record(config, &mut feed));
    if let (Err(failure), Some(feed)) = (&outcome, &mut feed) {
        feed.say(&JsonEvent::Error { exit: failure.exit as u8, message: failure.to_string() });
    }
    if let Some(feed) = feed {
        feed.close();
    }
    // the event has said it where nothing but events may stand
    outcome.or_else(|failure| if is_told { Ok(failure.exit) } else { Err(failure) })
}

/// Of several one alone would be done, and the others would be left out without a word.
fn one_at_most(options: &Options) -> Result<(), ExitError> {
    let asked =
        [("--find", options.find), ("--doctor", options.doctor), ("--check-config", options.check_config)];
    args::one_at_most("camrec", &asked)?;
    if options.mask && !options.doctor {
        return Err(usage("--mask is for --doctor"));
    }
    Ok(())
}

fn record(config: Config, feed: &mut Option<Feed>) -> Result<Exit, ExitError> {
    let mut recorder = Recorder::new(config, feed)?;
    while !recorder.rejoin.is_done() {
        if let Err(failure) = recorder.turn() {
            recorder.failure = Some(failure);
            recorder.rejoin.handle_stop_now();
        }
    }
    recorder.tell_notices();
    recorder.failure = recorder.failure.take().or_else(|| recorder.unjoined());
    recorder.close()
}

/// The program.
struct Recorder<'a> {
    config: Config,
    /// Where events go, if somebody wants them.
    feed: &'a mut Option<Feed>,
    /// When the next status event is due.
    beat: Time,
    status: Status,
    service: Service,
    signals: Signals,
    /// When to join, and where.
    rejoin: Rejoin<ExitError>,
    /// The look-ups, the joins or the sessions that are under way.
    link: Link,
    camera: Camera,
    progress: Progress,
    writer: Writer,
    /// Rung by the threads beside the loop when there is something to read.
    bell: Bell,
    backlog: Backlog,
    /// What is done with finished files, if anything.
    after: Option<Hooks>,
    files: Vec<Summary>,
    closed: Closed,
    /// Files that may not grow any more.
    limits: Throttle,
    not_sent: NotSent,
    strays: Strays,
    /// Standard output was closed by its reader.
    was_closed: bool,
    failure: Option<ExitError>,
}

impl<'a> Recorder<'a> {
    fn new(config: Config, feed: &'a mut Option<Feed>) -> Result<Self, ExitError> {
        let now = clock::now();
        let signals = Signals::new().map_err(|error| ExitError::system("signal handlers", &error))?;
        let bell = Bell::new().map_err(|error| ExitError::system("a descriptor", &error))?;
        let writer = Writer::start(config.target.clone(), config.buffer, &bell)?;
        let after = config.after.clone().map(|hooks| Hooks::start(hooks, &bell)).transpose();
        let after = after.map_err(|error| ExitError::system("a thread for --on-segment", &error))?;
        let manner = Manner { waits: config.wait, is_plain: matches!(config.language, Language::Plain(_)) };
        let status = Status::new(config.events() != Some(Output::Err), now);
        let mut recorder = Recorder {
            rejoin: Rejoin::new(manner, config.ways.len()),
            link: Link::new(&config.ways),
            config,
            feed,
            beat: now.after(telling::STATUS),
            status,
            service: Service::of_this_process(),
            signals,
            camera: Camera::default(),
            progress: Progress::default(),
            writer,
            bell,
            backlog: Backlog::default(),
            after,
            files: Vec::new(),
            closed: Closed::default(),
            limits: Throttle::default(),
            not_sent: NotSent::default(),
            strays: Strays::default(),
            was_closed: false,
            failure: None,
        };
        recorder.act(now);
        Ok(recorder)
    }

    /// Sleeps until there is something to do, and does it.
    fn turn(&mut self) -> Result<(), ExitError> {
        let ready = self.wait()?;
        let now = clock::now();
        if ready.signal {
            self.on_signal(now);
        }
        self.advance(ready.ways, now);
        self.tell_not_sent(now);
        self.tell_strays(now);
        self.check_life(now);
        self.drain(now);
        self.check_camera(now);
        self.stand_in(now);
        self.read_notes();
        self.check_limits(now);
        self.tell_status(now);
        self.show_status(now);
        self.tell_service(now);
        logging::attend(now);
        Ok(())
    }

    fn wait(&self) -> Result<Ready, ExitError> {
        let now = clock::now();
        let mut until = self.status.next_timeout().min(self.next_status());
        if !self.rejoin.is_stopping() {
            until = until.min(self.progress.next_timeout(&self.config.limit));
        }
        until = until.min(self.camera.next_timeout()).min(logging::next_timeout());
        until = until.min(self.service.next_timeout());
        until = until.min(self.rejoin.next_timeout()).min(self.link.next_timeout());
        // nothing is polled that is not waited for: no more than this process may have descriptors
        let mut fds: ArrayVec<PollFd<'_>, { 3 + PATHS }> = ArrayVec::new();
        let mut ask = |fd, flags| {
            fds.push(PollFd::new(fd, flags));
            fds.len() - 1
        };
        let signals = ask(self.signals.as_fd(), PollFlags::POLLIN);
        let bell = ask(self.bell.as_fd(), PollFlags::POLLIN);
        let mut ways = [None; PATHS];
        for (path, way) in ways.iter_mut().enumerate().take(self.link.ways.len()) {
            *way = self.link.fd(path).map(|(fd, flags)| ask(fd, flags));
        }
        let log = logging::fd().map(|fd| ask(fd, PollFlags::POLLOUT));
        poll::wait(&mut fds, until, now).map_err(|error| ExitError::system("poll", &error))?;
        if log.is_some_and(|at| poll::is_writable(&fds[at])) {
            logging::drain();
        }
        if poll::is_readable(&fds[bell]) {
            self.bell.clear();
        }
        let is_ready = |at: usize| poll::is_readable(&fds[at]) || poll::is_writable(&fds[at]);
        let ways = ways.map(|at| at.is_some_and(is_ready));
        Ok(Ready { signal: poll::is_readable(&fds[signals]), ways })
    }

    fn check_limits(&mut self, now: Time) {
        if self.progress.is_wait_news(now) {
            log::info!("no frame yet: waiting for the first one; at a low rate it takes its time");
        }
        if self.progress.is_overdue(&self.config.limit, now) {
            self.stop_with_backlog(now);
        }
    }

    fn on_signal(&mut self, now: Time) {
        if self.signals.take() == 0 {
            return;
        }
        if self.rejoin.is_stopping() {
            // the second one does not wait for the server
            self.rejoin.handle_stop_now();
            return self.follow_stop(now);
        }
        self.stop_with_backlog(now);
    }

    /// What has come by now and waited for the disk is in the recording.
    fn stop_with_backlog(&mut self, now: Time) {
        if !self.rejoin.is_stopping() {
            self.writer.take_all();
            self.drain(now);
            // a hole must not hide what has come behind it
            self.link.session_mut().into_iter().for_each(|session| session.settle(now));
            self.drain(now);
        }
        self.stop(now);
    }

    fn stop(&mut self, now: Time) {
        self.rejoin.handle_stop();
        self.follow_stop(now);
    }
}

struct Ready {
    signal: bool,
    ways: [bool; PATHS],
}
