//! camrec: joins, receives, hands frames to the writer, and joins again when camcast has gone, for ever.

mod backlog;
pub mod config;
pub mod hooks;
pub mod joining;
pub mod options;
pub mod pace;
pub mod report;
pub mod session;
mod standin;
mod waiting;
pub mod writer;

use super::exit::{Exit, ExitError};
use super::quantity::show_duration;
use super::tools::Tool;
use super::{local_time, logging, say};
use crate::account::ledger::MissingReason;
use crate::app::throttle::Throttle;
use crate::clock::anchor::Anchor;
use crate::receiver::{Event, Frame, Over};
use crate::store::{Error as StoreError, Summary};
use crate::sys::clock;
use crate::sys::names::Lookup;
use crate::sys::poll::{self, PollFlags};
use crate::sys::signals::Signals;
use crate::time::Time;
use crate::wire::join::{Policy, RefusalCode};
use crate::wire::server::EndReason;
use crate::wire::{FrameNumber, StreamId};
use backlog::Backlog;
use config::{Config, Language, Target};
use hooks::Hooks;
use joining::{JoinError, Joined, Joining};
use nix::poll::PollFd;
use options::Options;
use pace::Pace;
use report::account::Closed;
use report::feed::{Feed, Output};
use report::json::{JsonEvent, stream_id};
use report::status::Status;
use session::Session;
use standin::StandIn;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::time::Duration;
use writer::{ToWrite, Writer};

/// The writer's notes are read at least this often.
const NOTES: Duration = Duration::from_millis(250);

/// While the writer ends, it is looked at this often.
const WRITER: Duration = Duration::from_millis(20);

/// A limit by capture times ends this much later by our own clock, should the camera fall silent.
const LIMIT_GRACE: Duration = Duration::from_secs(2);

/// A first frame that takes longer is said to be waited for.
const FIRST_FRAME: Duration = Duration::from_secs(2);

/// Runs camrec with the options as typed.
///
/// # Errors
/// What ends it, and the exit code.
pub fn run(options: Options) -> Result<Exit, ExitError> {
    if options.version {
        say(concat!("camrec ", env!("CARGO_PKG_VERSION")));
        return Ok(Exit::Ok);
    }
    let verbose = options.verbose;
    if let Some(job) = Tool::wanted(&options)? {
        logging::start("camrec", verbose);
        return job.run();
    }
    let config = Config::try_from(options)?;
    // standard error is for events alone where standard output is the recording
    if config.events() != Some(Output::Err) {
        logging::start("camrec", verbose);
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
    let outcome = record(config, &mut feed);
    if let (Err(failure), Some(feed)) = (&outcome, &mut feed) {
        feed.say(&JsonEvent::Error { exit: failure.exit as u8, message: failure.to_string() });
    }
    if let Some(feed) = feed {
        feed.close();
    }
    // the event has said it where nothing but events may stand
    outcome.or_else(|failure| if is_told { Ok(failure.exit) } else { Err(failure) })
}

fn record(config: Config, feed: &mut Option<Feed>) -> Result<Exit, ExitError> {
    let mut recorder = Recorder::new(config, feed)?;
    while !recorder.is_done() {
        if let Err(failure) = recorder.turn() {
            recorder.failure = Some(failure);
            recorder.phase = Phase::Done;
        }
    }
    recorder.close()
}

/// The program.
struct Recorder<'a> {
    config: Config,
    /// Where events go, if somebody wants them.
    feed: &'a mut Option<Feed>,
    /// When the next status event is due.
    beat: Time,
    signals: Signals,
    phase: Phase,
    writer: Writer,
    /// What is done with finished files, if anything.
    after: Option<Hooks>,
    /// Frames that were handed to the writer, and are pictures as far as it has said.
    handed: u64,
    anchor: Anchor,
    status: Status,
    pace: Pace,
    /// The delay of the newest frame, while frames come.
    delay: Option<Duration>,
    /// What viewers see in place of frames.
    stand_in: Option<StandIn>,
    resume: Option<(StreamId, FrameNumber)>,
    /// A plain session's frames are numbered on from here.
    next_plain: FrameNumber,
    addresses: Vec<SocketAddr>,
    backoff: Duration,
    /// Why there is no first session yet, and when that was last said: with `--wait`.
    waits: Option<(Time, ExitError)>,
    /// Since when there is no session; none before the first.
    lost: Option<Time>,
    /// It said that it was stopping.
    was_stopped: bool,
    /// Whoever read standard output has closed it.
    was_closed: bool,
    has_joined: bool,
    /// When the first session proved itself.
    joined_at: Option<Time>,
    /// Since when the camera is away; that has been said.
    silence: Option<Silence>,
    /// Capture time of the newest frame, on the camera's clock, and when it came.
    newest: Option<(Time, Time)>,
    /// Capture time of the first frame, and when it came.
    first: Option<(Time, Time)>,
    /// That the first frame is waited for has been said.
    is_wait_told: bool,
    stopping: bool,
    failure: Option<ExitError>,
    files: Vec<Summary>,
    /// Files that may not grow any more.
    limits: Throttle,
    closed: Closed,
    backlog: Backlog,
}

/// The camera delivers nothing.
#[derive(Clone, Copy, Debug)]
struct Silence {
    /// When we heard of it.
    heard: Time,
    /// The longest time between two frames that have come since, on the camera's clock.
    longest: Duration,
}

enum Phase {
    Looking(Lookup),
    Joining(Box<Joining>),
    Live(Session),
    Waiting { until: Time },
    Done,
}

impl<'a> Recorder<'a> {
    fn new(config: Config, feed: &'a mut Option<Feed>) -> Result<Self, ExitError> {
        let now = clock::now();
        let signals = Signals::new().map_err(|error| ExitError::system("signal handlers", &error))?;
        let writer = Writer::start(config.target.clone(), config.buffer)?;
        let after = config.after.clone().map(Hooks::start).transpose();
        let after = after.map_err(|error| ExitError::system("a thread for --on-segment", &error))?;
        let status = Status::new(config.events() != Some(Output::Err), now);
        let mut recorder = Recorder {
            config,
            feed,
            beat: now.after(report::STATUS),
            signals,
            phase: Phase::Done,
            writer,
            after,
            handed: 0,
            anchor: Anchor::default(),
            status,
            pace: Pace::default(),
            delay: None,
            stand_in: None,
            resume: None,
            next_plain: FrameNumber(1),
            addresses: Vec::new(),
            backoff: waiting::BACKOFF_FIRST,
            waits: None,
            lost: None,
            was_stopped: false,
            was_closed: false,
            has_joined: false,
            joined_at: None,
            silence: None,
            newest: None,
            first: None,
            is_wait_told: false,
            stopping: false,
            failure: None,
            files: Vec::new(),
            limits: Throttle::default(),
            closed: Closed::default(),
            backlog: Backlog::default(),
        };
        recorder.phase = Phase::Looking(recorder.look_up()?);
        Ok(recorder)
    }

    fn look_up(&self) -> Result<Lookup, ExitError> {
        Lookup::start(self.config.host.clone(), self.config.port)
            .map_err(|error| ExitError::system("looking up the host", &error))
    }

    fn is_done(&self) -> bool {
        matches!(self.phase, Phase::Done)
    }

    /// Sleeps until there is something to do, and does it.
    fn turn(&mut self) -> Result<(), ExitError> {
        let ready = self.wait()?;
        let now = clock::now();
        if ready.signal {
            self.on_signal(now);
        }
        self.advance(ready.phase, now)?;
        self.check_life(now);
        self.drain(now);
        self.check_camera(now);
        self.stand_in(now);
        self.read_notes();
        self.check_limits(now);
        self.tell_status(now);
        self.show_status(now);
        Ok(())
    }

    fn wait(&self) -> Result<Ready, ExitError> {
        let now = clock::now();
        let mut until = self.status.next_timeout().min(now.after(NOTES));
        until = self.stand_in.as_ref().map_or(until, |it| until.min(it.next_timeout()));
        let phase = match &self.phase {
            Phase::Looking(lookup) => Some((lookup.as_fd(), PollFlags::POLLIN)),
            Phase::Joining(joining) => {
                until = until.min(joining.next_timeout());
                joining.fd()
            }
            Phase::Live(session) => {
                until = until.min(session.next_timeout());
                Some((session.fd(), PollFlags::POLLIN))
            }
            Phase::Waiting { until: end } => {
                until = until.min(*end);
                None
            }
            Phase::Done => None,
        };
        let signals = PollFd::new(self.signals.as_fd(), PollFlags::POLLIN);
        let nobody = (self.signals.as_fd(), PollFlags::empty());
        let [(fd, flags), (log, writable)] =
            [phase.unwrap_or(nobody), logging::fd().map_or(nobody, |fd| (fd, PollFlags::POLLOUT))];
        let mut fds = [signals, PollFd::new(fd, flags), PollFd::new(log, writable)];
        poll::wait(&mut fds, until, now).map_err(|error| ExitError::system("poll", &error))?;
        let phase = phase.is_some() && (poll::is_readable(&fds[1]) || poll::is_writable(&fds[1]));
        if poll::is_writable(&fds[2]) {
            logging::drain();
        }
        Ok(Ready { signal: poll::is_readable(&fds[0]), phase })
    }

    fn on_signal(&mut self, now: Time) {
        if self.signals.take() == 0 {
            return;
        }
        if self.stopping {
            // the second one does not wait for the server
            self.phase = Phase::Done;
        }
        self.stop_with_backlog(now);
    }

    /// What has come by now and waited for the disk is in the recording.
    fn stop_with_backlog(&mut self, now: Time) {
        if !self.stopping {
            self.writer.take_all();
            self.drain(now);
        }
        self.stop(now);
    }

    fn stop(&mut self, now: Time) {
        if std::mem::replace(&mut self.stopping, true) {
            return;
        }
        match &mut self.phase {
            Phase::Live(session) => session.leave(now),
            _ => self.phase = Phase::Done,
        }
        self.stop_waiting();
    }

    /// Hands the phase its input.
    fn advance(&mut self, is_ready: bool, now: Time) -> Result<(), ExitError> {
        match &mut self.phase {
            Phase::Looking(lookup) if is_ready => {
                if let Some(answer) = lookup.take() {
                    self.on_addresses(answer, now)?;
                }
            }
            Phase::Joining(joining) if is_ready || now >= joining.next_timeout() => {
                match joining.advance(is_ready, now) {
                    Ok(None) => {}
                    Ok(Some(joined)) => self.on_joined(joined, now)?,
                    Err(failed) => self.on_failed(&failed, now)?,
                }
            }
            Phase::Live(session) => {
                if is_ready {
                    session.handle_readable(now);
                }
                session.handle_timeout(now);
            }
            Phase::Waiting { until } if now >= *until => {
                self.phase =
                    if self.addresses.is_empty() { Phase::Looking(self.look_up()?) } else { self.join(now) };
            }
            _ => {}
        }
        Ok(())
    }

    fn on_addresses(&mut self, answer: std::io::Result<Vec<SocketAddr>>, now: Time) -> Result<(), ExitError> {
        match answer {
            Ok(addresses) if !addresses.is_empty() => {
                self.addresses = addresses;
                self.phase = self.join(now);
                Ok(())
            }
            Ok(_) => self.retry_or(self.no_such_host("it has no address"), now),
            Err(error) => self.retry_or(self.no_such_host(&error.to_string()), now),
        }
    }

    fn no_such_host(&self, why: &str) -> ExitError {
        let host = &self.config.host;
        ExitError::new(
            Exit::Unreachable,
            format!("no such host: {host} ({why}): check its name, or use its address"),
        )
    }

    fn join(&self, now: Time) -> Phase {
        let joining = Joining::new(self.config.language, self.resume, self.addresses.clone(), now);
        Phase::Joining(Box::new(joining))
    }

    fn on_joined(&mut self, joined: Joined, now: Time) -> Result<(), ExitError> {
        if let Joined::Native { accepted, server } = &joined {
            self.on_accepted(accepted, *server);
        } else if let Joined::Plain { server, .. } = &joined {
            log::debug!("joined {server} as a plain client");
        }
        let policy = match self.config.language {
            Language::Native(policy) => policy,
            Language::Plain(_) => Policy::Newest,
        };
        match Session::begin(joined, policy, self.next_plain, now) {
            Ok(session) => {
                self.phase = Phase::Live(session);
                Ok(())
            }
            Err(error) => self.retry_or(ExitError::system("a UDP socket", &error), now),
        }
    }

    fn on_accepted(&mut self, accepted: &crate::wire::join::Accepted, server: SocketAddr) {
        log::debug!("accepted by {server}: next frame {}, datagrams of {}", accepted.next, accepted.datagram);
        match self.resume {
            Some((stream, wanted)) if stream == accepted.stream => {
                let gone = accepted.next.since(wanted);
                match (gone, u32::try_from(gone)) {
                    (1.., Ok(gone)) if self.config.is_every() => {
                        self.writer.missing(wanted, gone, MissingReason::Outage);
                    }
                    // a viewer comes back for the newest
                    (1.., Ok(gone)) => (0..gone).for_each(|_| self.writer.skipped()),
                    _ => {}
                }
            }
            Some(_) => {
                self.writer.stream(accepted.stream, true);
                self.anchor = Anchor::default();
                self.pace.restart();
                self.newest = None;
            }
            None => self.writer.stream(accepted.stream, false),
        }
        self.resume = Some((accepted.stream, accepted.next));
    }

    fn on_failed(&mut self, failed: &JoinError, now: Time) -> Result<(), ExitError> {
        let exit = match failed {
            JoinError::Unreachable(..) => Exit::Unreachable,
            JoinError::Mute(_) | JoinError::Stranger(..) => Exit::Protocol,
            JoinError::Refused(_, refusal) if refusal.code == RefusalCode::Protocol => Exit::Protocol,
            JoinError::Refused(..) => Exit::Refused,
            JoinError::Port(..) => Exit::Listen,
        };
        self.retry_or(ExitError::new(exit, failed.to_string()), now)
    }

    /// Takes what has come out of the session.
    fn drain(&mut self, now: Time) {
        loop {
            let room = self.room(now);
            let Phase::Live(session) = &mut self.phase else { return };
            session.allow(room, now);
            if room == Some(0) {
                return;
            }
            let Some(event) = session.poll_event() else { return };
            match event {
                Event::Frame(frame) => self.on_frame(frame, now),
                // the recording ends with its last frame
                Event::Missing(_) | Event::Skipped(_) if self.stopping => {}
                Event::Missing(number) => self.missing(number, MissingReason::Network, now),
                // a viewer wishes it so; a recorder wanted it
                Event::Skipped(_) if !self.config.is_every() => self.writer.skipped(),
                Event::Skipped(number) => self.missing(number, MissingReason::Unsent, now),
                // for who looks on; it is no part of a recording
                Event::Slate(picture) if !self.config.is_every() && !self.stopping => {
                    self.writer.show(picture.clone());
                    self.stand_in = Some(StandIn::new(picture, now));
                }
                Event::Slate(_) => {}
                Event::Over(over) => self.on_over(over, now),
            }
        }
    }

    fn on_frame(&mut self, frame: Frame, now: Time) {
        if self.stopping {
            return self.recycle(frame.bytes);
        }
        let captured = frame.stamp.captured;
        if let (Some(silence), Some((before, _))) = (&mut self.silence, self.newest) {
            silence.longest = silence.longest.max(captured.since(before));
        }
        self.newest = Some((captured, frame.arrived));
        self.pace.on_frame(captured, frame.arrived);
        self.stand_in = None;
        let seen = self.anchor.observe(captured, frame.begun);
        if let Some(jump) = seen.jump {
            log::warn!("{jump}");
        }
        if let Phase::Live(session) = &self.phase {
            let delay = seen.above + frame.arrived.since(frame.begun) + session.one_way();
            self.delay = Some(delay);
            self.backlog.on_frame(delay + now.since(frame.arrived));
        }
        let (first, _) = *self.first.get_or_insert((captured, now));
        if self.config.limit.duration.is_some_and(|limit| captured.since(first) >= limit) {
            self.recycle(frame.bytes);
            return self.stop(now);
        }
        let Frame { number, stamp, discontinuity, bytes, begun: arrived, .. } = frame;
        let was_repaired = frame.repaired > 0;
        match self.writer.write(ToWrite { number, stamp, discontinuity, was_repaired, bytes, arrived }) {
            Ok(()) => self.handed += 1,
            Err(frame) => {
                self.recycle(frame.bytes);
                // the writer says why it has ended before it does
                self.read_notes();
                if self.stopping {
                    return;
                }
                self.tell_not_written(now);
            }
        }
        if self.config.limit.frames.is_some_and(|limit| self.handed >= limit) {
            self.stop(now);
        }
    }

    /// The session has proved itself by its first datagram.
    fn check_life(&mut self, now: Time) {
        let Phase::Live(session) = &self.phase else { return };
        if session.is_live() && (!self.has_joined || self.lost.is_some()) {
            self.on_joined_at_last(now);
        }
    }

    /// camcast may be there, and its camera not.
    fn check_camera(&mut self, now: Time) {
        let Phase::Live(session) = &self.phase else { return };
        if !session.is_live() {
            return;
        }
        match (session.no_camera(), self.silence) {
            (true, None) => {
                self.silence = Some(Silence { heard: now, longest: Duration::ZERO });
                self.delay = None;
                if self.first.is_none() {
                    self.is_wait_told = true;
                    log::warn!(
                        "no frames: the camera is away, camcast's log says why; waiting for the first one"
                    );
                } else {
                    log::warn!("no frames: the camera is away");
                }
                self.tell(&JsonEvent::CameraSilent {});
            }
            (false, Some(silence)) => {
                self.silence = None;
                // the frame that ends it may come after the word that it has ended
                let waiting = now.since(self.newest.map_or(silence.heard, |(_, came)| came));
                let away = silence.longest.max(waiting);
                log::info!("the camera is back after {}", show_duration(away));
                self.tell(&JsonEvent::CameraBack { away_ms: report::json::millis(away) });
            }
            _ => {}
        }
    }

    /// Viewers see the picture that stands in for frames again and again, while it is true.
    fn stand_in(&mut self, now: Time) {
        let Some(picture) = self.stand_in.as_mut().and_then(|it| it.due(now)) else { return };
        if !self.stopping && matches!(&self.phase, Phase::Live(session) if session.no_camera()) {
            self.writer.show(picture);
        } else {
            self.stand_in = None;
        }
    }

    fn on_joined_at_last(&mut self, now: Time) {
        let away = self.lost.take().map(|since| now.since(since));
        match away {
            Some(away) => log::info!("back after {}", show_duration(away)),
            None => log::info!("joined {}: recording", self.config.host),
        }
        if let Some(feed) = &mut self.feed {
            let stream = match &self.phase {
                Phase::Live(session) => session.resume().map(|(stream, _)| stream_id(stream)),
                _ => None,
            };
            feed.say(&JsonEvent::Joined {
                host: &self.config.host,
                stream,
                away_ms: away.map(report::json::millis),
            });
        }
        self.joined_at.get_or_insert(now);
        self.has_joined = true;
        self.backoff = waiting::BACKOFF_FIRST;
    }

    fn recycle(&mut self, buffer: Vec<u8>) {
        if let Phase::Live(session) = &mut self.phase {
            session.recycle(buffer);
        }
    }

    fn on_over(&mut self, over: Over, now: Time) {
        if let Phase::Live(session) = &self.phase {
            self.resume = session.resume();
            self.next_plain = session.next_frame();
        }
        if self.stopping {
            self.phase = Phase::Done;
            return;
        }
        if !self.has_joined {
            if let Some(failure) = self.first_failure(over) {
                self.failure = Some(failure);
                self.phase = Phase::Done;
                return;
            }
        }
        self.delay = None;
        self.stand_in = None;
        // Silence may be a short outage, after which the same file goes on.
        if over != Over::Silence {
            self.writer.finish();
        }
        if self.lost.is_none() {
            log::warn!("lost {}: {}; trying to join again", self.config.host, why(over));
            self.lost = Some(now);
            self.was_stopped = over == Over::Ended(EndReason::Stopping);
            if let Some(feed) = &mut self.feed {
                feed.say(&JsonEvent::Lost { host: &self.config.host, why: why(over) });
            }
        }
        self.wait_and_retry(now);
    }

    fn first_failure(&self, over: Over) -> Option<ExitError> {
        let Config { host, port, .. } = &self.config;
        match over {
            Over::NoAnswer => Some(ExitError::new(
                Exit::Unreachable,
                format!(
                    "camcast on {host} accepted the join, but no datagram comes back: open UDP port {port} in the \
                     firewalls between here and there"
                ),
            )),
            Over::Silence if matches!(self.config.language, Language::Plain(_)) => Some(ExitError::new(
                Exit::Protocol,
                format!(
                    "{host}:{port} took the join, but sent no frame: does it speak the original protocol?"
                ),
            )),
            _ => None,
        }
    }

    fn check_limits(&mut self, now: Time) {
        if self.first.is_none() && self.joined_at.is_some_and(|joined| now >= joined.after(FIRST_FRAME)) {
            self.tell_wait();
        }
        // without any frame the time since the join counts
        let Some(came) = self.first.map(|(_, came)| came).or(self.joined_at) else { return };
        if self.config.limit.duration.is_some_and(|limit| now >= came.after(limit + LIMIT_GRACE)) {
            self.stop_with_backlog(now);
        }
    }

    fn tell_wait(&mut self) {
        if !std::mem::replace(&mut self.is_wait_told, true) {
            log::info!("no frame yet: waiting for the first one; at a low rate it takes its time");
        }
    }

    /// A disk may take its time, and a reader that has stopped reading all of it: a further signal ends the wait.
    fn wait_for_writer(&mut self) {
        while !self.writer.has_ended() {
            self.read_notes();
            let now = clock::now();
            let mut fds = [PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
            let waited = poll::wait(&mut fds, now.after(WRITER), now);
            logging::drain();
            if waited.is_err() || self.signals.take() > 0 {
                log::warn!("the recording's end may not be written: what it goes to does not take it");
                return;
            }
        }
    }
}

impl Recorder<'_> {
    /// The commands of the last files are given the time that they take; a further signal ends the wait, and not them.
    fn wait_for_commands(&mut self) {
        let Some(after) = &mut self.after else { return };
        after.close();
        let mut is_told = false;
        while let Some(waiting) = self.after.as_ref().map(Hooks::waiting).filter(|waiting| *waiting > 0) {
            if !std::mem::replace(&mut is_told, true) {
                log::info!("waiting for --on-segment, {waiting} to do; a further Ctrl-C leaves them alone");
            }
            self.read_notes();
            let now = clock::now();
            let mut fds = [PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
            let waited = poll::wait(&mut fds, now.after(WRITER), now);
            logging::drain();
            if waited.is_err() || self.signals.take() > 0 {
                log::warn!("--on-segment: {waiting} not waited for");
                return;
            }
        }
        self.read_notes();
    }
}

struct Ready {
    signal: bool,
    phase: bool,
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

fn store_failure(error: &StoreError) -> ExitError {
    ExitError::new(Exit::NotWritable, error.to_string())
}
