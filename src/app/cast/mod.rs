//! camcast: the one poll loop over camera, joins, clients and signals.
//!
//! Lives here: the loop and its parts. May not live here: protocols (`wire`), who gets what when (`sender`), system calls (`sys`).
//!
//! [`stream`], [`source`] and [`slates`] lead from the camera to the reel; [`outlet`] is what the loop asks of a way out, such as
//! [`udp`], [`http`] and [`rtsp`]; [`announce`] has it found. [`poll_set`] has the tokens, [`stats`], [`drops`] and [`seen`] the counters, [`report`] the words.

pub mod announce;
pub mod config;
pub mod doctor;
pub mod door;
pub mod drops;
pub mod errands;
#[cfg(test)]
mod example;
pub mod handed;
pub mod http;
pub mod list;
pub mod listen;
pub mod maker;
pub mod news;
pub mod options;
pub mod outlet;
pub mod outlets;
pub mod poll_set;
pub mod recoded;
pub mod reload;
pub mod report;
pub mod rtsp;
pub mod rules;
pub mod scarce;
pub mod seen;
pub mod slates;
pub mod source;
pub mod stats;
pub mod stream;
pub mod udp;

use super::exit::{Exit, ExitError};
use super::{local_time, logging, quantity::counted, service::Service};
use crate::admission::door::Door;
use crate::sys::clock;
use crate::sys::signals::Signals;
use crate::time::Time;
use config::{Config, Hangup};
use handed::Handed;
use news::{Demand, News};
use options::Options;
use outlet::{Budget, Shared};
use outlets::Outlets;
use poll_set::{Answers, Part, PollSet, Ready, Seat, Token};
use reload::{Parts, Reloader, Wish};
use report::Report;
use rules::Rules;
use stats::Stats;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use stream::Stream;
use udp::Udp;

/// Sends a turn, of all outlets together: 8 MB in calls of 45 datagrams.
const SENDS_A_TURN: usize = 128;

/// Runs camcast with the options as typed.
///
/// # Errors
/// What ends it, and the exit code.
pub fn run(options: Options) -> Result<Exit, ExitError> {
    if let Some(done) = errands::run(&options) {
        return done;
    }
    // before anything else is opened
    let sockets = crate::sys::handed::take();
    let lines = logging::lines_a_minute(options.log_lines, config::LINES_A_MINUTE)?;
    logging::start_limited("camcast", options.verbose, lines);
    local_time::zone_trouble().iter().for_each(|why| log::warn!("{why}"));
    let mut config = Config::try_from(options)?;
    let handed = Handed::of(sockets, &mut config)?;
    let mut server = Server::new(&config, handed)?;
    while server.turn()? == Flow::On {}
    server.verdict()
}

/// Whether another turn is to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Yes.
    On,
    /// No: the last client has been told.
    Stopped,
}

/// The program: its parts, and the loop around them.
pub struct Server {
    signals: Signals,
    reloader: Option<Reloader>,
    rules: Rules,
    stream: Stream,
    outlets: Outlets,
    stats: Stats,
    report: Report,
    door: Option<Door>,
    service: Service,
    /// Sends were left over when the turn's budget was spent.
    has_more: bool,
    stopping: bool,
}

impl Server {
    /// Opens the source and the outlets.
    ///
    /// # Errors
    /// One line and its exit code.
    pub fn new(config: &Config, handed: Handed) -> Result<Self, ExitError> {
        let of = if config.hangup == Hangup::Stops { Signals::new } else { Signals::but_hangup };
        let signals = of().map_err(|error| ExitError::system("signal handlers", &error))?;
        // what comes while the source is opened waits
        let reloader = Reloader::start(config)?;
        let report = Report::new(config)?;
        let stream = Stream::open(config, clock::now())?;
        let outlets = Outlets::open(config, handed, &stream)?;
        log::info!("{}", stream.limits());
        Ok(Server {
            signals,
            reloader,
            rules: config.rules.clone(),
            stream,
            outlets,
            stats: Stats::default(),
            report,
            door: door::open(config.passwords.as_ref())?,
            service: Service::of_this_process(),
            has_more: false,
            stopping: false,
        })
    }

    /// Where clients can join over UDP; as many as were asked for.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.outlets.udp().flat_map(Udp::addresses)
    }

    /// Frames that have been laid into the reel.
    pub fn frames(&self) -> u64 {
        self.stats.frames
    }

    /// Sleeps until there is something to do, and does it.
    ///
    /// # Errors
    /// What no turn can go on after.
    pub fn turn(&mut self) -> Result<Flow, ExitError> {
        let answers = self.wait().map_err(|error| ExitError::system("poll", &error))?;
        let now = clock::now();
        self.stats.turns.begin(now);
        answers.into_iter().for_each(|(token, ready)| self.handle(token, ready, now));
        self.handle_timeouts(now);
        self.tell_news(now);
        self.send(now);
        Ok(if self.stopping && self.demand().clients == 0 { Flow::Stopped } else { Flow::On })
    }

    fn wait(&mut self) -> std::io::Result<Answers> {
        let now = clock::now();
        self.stats.turns.end(now);
        let mut set = PollSet::new(Part::Signals);
        set.readable(Seat::only(0), self.signals.as_fd());
        self.reloader.iter().for_each(|reloader| reloader.register(set.part(Part::Reload)));
        logging::fd().into_iter().for_each(|fd| set.part(Part::Log).writable(Seat::only(0), fd));
        self.report.fd().into_iter().for_each(|fd| set.part(Part::ClientLog).writable(Seat::only(0), fd));
        if !self.stopping {
            self.stream.register(set.part(Part::Source));
        }
        self.outlets.register(&mut set, now);
        set.wait(self.next_timeout(now), now)
    }

    fn next_timeout(&self, now: Time) -> Time {
        if self.has_more {
            return now;
        }
        let source = if self.stopping { Time::NEVER } else { self.stream.next_timeout() };
        self.outlets
            .next_timeout(now)
            .min(source)
            .min(logging::next_timeout())
            .min(self.service.next_timeout())
    }

    fn handle(&mut self, Token { part, seat }: Token, ready: Ready, now: Time) {
        let Server { stream, stats, report, door, rules, outlets, .. } = self;
        match part {
            Part::Signals => self.on_signal(now),
            Part::Reload => self.reload(seat),
            Part::Log => logging::drain(),
            Part::ClientLog => report.drain(),
            Part::Source => {
                stream.handle(seat, ready, (stats, report), now);
                self.tell_of_camera(now);
            }
            Part::Outlet(index) => {
                outlets.handle(index, seat, ready, &mut Shared { stream, stats, report, door, rules }, now);
            }
        }
    }

    fn on_signal(&mut self, now: Time) {
        if self.signals.take() > 0 {
            if !self.stopping {
                log::info!("stopping: telling {}", counted(self.demand().clients as u64, "client"));
            }
            self.stop(now);
        }
    }

    fn reload(&mut self, seat: Seat) {
        let Server { reloader, stream, report, door, rules, .. } = self;
        for wish in reloader.iter().flat_map(|reloader| reloader.handle(seat)) {
            match wish {
                Wish::Apply(reload) => reload.apply(Parts { rules, door, report, stream }),
                Wish::SetControls => stream.source.set_anew(None),
            }
        }
    }

    fn stop(&mut self, now: Time) {
        self.stopping = true;
        self.tell(News::Stop, now);
    }

    fn handle_timeouts(&mut self, now: Time) {
        if !self.stopping {
            self.stream.handle_timeout((&mut self.stats, &mut self.report), now);
            self.tell_of_camera(now);
        }
        self.with_outlets(|outlets, shared| {
            outlets.each(shared, |it, shared| it.handle_timeout(shared, now));
        });
        let Server { service, stats, stream, .. } = self;
        service.set_ready();
        service.tell(
            || (!stream.is_overdue(now), report::status(stats, stream.source.signal(), &stream.reel)),
            now,
        );
    }

    /// The source and the outlets hear of each other; once a turn.
    fn tell_news(&mut self, now: Time) {
        self.report.attend(now);
        if self.stats.is_scarce {
            self.tell(News::Scarce, now);
            self.stats.is_scarce = false;
        }
        if self.stopping {
            return;
        }
        let demand = self.demand();
        self.stream.recode(demand, &mut self.report, now);
        if self.stream.has_ended(demand.outstanding, now) {
            return self.stop(now);
        }
        self.stream.news(demand, now).into_iter().for_each(|news| self.tell(news, now));
    }

    fn tell_of_camera(&mut self, now: Time) {
        if let Some(news) = self.stream.news_of_camera() {
            self.tell(news, now);
        }
    }

    fn tell(&mut self, news: News, now: Time) {
        self.with_outlets(|outlets, shared| {
            outlets.each(shared, |it, shared| it.handle_news(news, shared, now));
        });
    }

    fn send(&mut self, now: Time) {
        let mut budget = Budget::new(SENDS_A_TURN);
        self.with_outlets(|outlets, shared| outlets.send(shared, &mut budget, now));
        self.has_more = budget.is_spent();
    }

    fn demand(&self) -> Demand {
        self.outlets.demand(&self.stream)
    }

    fn with_outlets(&mut self, act: impl FnOnce(&mut Outlets, &mut Shared<'_>)) {
        let Server { stream, stats, report, door, rules, outlets, .. } = self;
        act(outlets, &mut Shared { stream, stats, report, door, rules });
    }

    /// The last line, and how the program ends.
    ///
    /// # Errors
    /// The source's, if that is what ended it.
    pub fn verdict(&self) -> Result<Exit, ExitError> {
        report::stopped(&self.stats);
        self.stream.source.verdict()
    }
}
