//! camcast: the one poll loop over camera, joins, clients and signals.
//!
//! A turn: sleep until somebody has something to say or the earliest deadline; read the clock once; hand in one input
//! after the other, and after each do what the hub asks for. No input has more than its budget a turn, so nobody
//! starves the others.

pub mod config;
pub mod drops;
pub mod list;
pub mod options;
pub mod poll_set;
pub mod report;
pub mod slates;
pub mod source;
pub mod udp;

use super::exit::{Exit, ExitError};
use super::quantity::show_bytes;
use super::{local_time, logging, say};
use crate::reel::Reel;
use crate::sender::greeting::{GreetingError, Request};
use crate::sender::hub::{Hub, Limits};
use crate::sender::{ClientId, ClientKind, Output, Route, Transmit};
use crate::supervisor::Signal;
use crate::sys::signals::Signals;
use crate::sys::tcp::Accepted;
use crate::sys::udp::{self as socket, Received};
use crate::sys::{clock, random_u64, tcp};
use crate::time::Time;
use crate::wire::client::MAX_CONTINUE_LEN;
use crate::wire::join::{Refusal, RefusalCode, Reply};
use crate::wire::plain::MAX_DATAGRAM;
use crate::wire::{IP_UDP_OVERHEAD, MAX_FRAME, StreamId, Token};
use config::Config;
use options::Options;
use poll_set::{Ready, Wait, Who};
use report::{Report, canonical};
use slates::Slates;
use source::Intake;
use source::ending::Ending;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;
use udp::client::{Client, Downgrade, Outcome};
use udp::listener::Listener;
use udp::pending::{Pending, Verdict};
use udp::shrunk::Shrunk;

/// Connections taken a turn.
const JOINS_A_TURN: usize = 4;

/// Datagrams taken from one socket a turn.
const DATAGRAMS_A_TURN: usize = 64;

/// Sends a turn: 8 MiB at 64 KiB each.
const SENDS_A_TURN: usize = 128;

/// The listener rests this long when there is no descriptor left: it stays readable meanwhile.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// Runs camcast with the options as typed.
///
/// # Errors
/// What ends it, and the exit code.
pub fn run(options: Options) -> Result<Exit, ExitError> {
    if options.version {
        say(concat!("camcast ", env!("CARGO_PKG_VERSION")));
        return Ok(Exit::Ok);
    }
    if options.list {
        list::print();
        return Ok(Exit::Ok);
    }
    logging::start("camcast", options.verbose);
    local_time::zone_trouble().iter().for_each(|why| log::warn!("{why}"));
    let mut server = Server::new(&Config::try_from(options)?)?;
    while server.turn()? == Flow::On {}
    server.verdict()
}

/// What the reel holds, and how large a frame may be.
fn limits(reel: usize, frame: usize) -> String {
    let show = |bytes: usize| show_bytes(bytes as u64);
    let most = MAX_FRAME as usize;
    let why = if frame < most {
        format!("raise --reel for larger ones, up to {}", show(most))
    } else {
        "the protocol's limit".to_owned()
    };
    format!("the newest {} are kept; a frame may have up to {} ({why})", show(reel), show(frame))
}

/// Whether another turn is to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Yes.
    On,
    /// No: the last client has been told.
    Stopped,
}

/// The program: all rooms, and the sockets between them.
pub struct Server {
    signals: Signals,
    intake: Intake,
    doors: Vec<Listener>,
    accept_after: Time,
    lobby: Pending,
    clients: Vec<Option<Client>>,
    hub: Hub,
    reel: Reel,
    shrunk: Shrunk,
    slates: Slates,
    report: Report,
    gso: bool,
    dscp: Option<u8>,
    /// Sends were left over when the turn's budget was spent.
    more: bool,
    /// The source has ended.
    ending: Option<Ending>,
    stopping: bool,
}

impl Server {
    /// Opens the source and the doors.
    ///
    /// # Errors
    /// One line and its exit code.
    pub fn new(config: &Config) -> Result<Self, ExitError> {
        let signals = Signals::new().map_err(|error| ExitError::system("signal handlers", &error))?;
        let report = Report::new(config.client_log.as_deref())?;
        let intake = Intake::start(config, clock::now())?;
        let stream = StreamId(random_u64().map_err(|error| ExitError::system("random numbers", &error))?);
        let doors = config.listen.iter().map(Listener::open).collect::<Result<_, _>>()?;
        let reel = Reel::new(config.reel, config.datagram, stream);
        log::info!("{}", limits(config.reel, reel.frame_limit()));
        let burst = socket::MAX_SEGMENTS.min(socket::MAX_SEND / usize::from(config.datagram)) as u16;
        Ok(Server {
            signals,
            intake,
            doors,
            accept_after: Time::default(),
            lobby: Pending::default(),
            clients: (0..config.max_clients).map(|_| None).collect(),
            hub: Hub::new(Limits { clients: config.max_clients, burst }, stream),
            reel,
            shrunk: Shrunk::default(),
            slates: Slates::new(config.datagram, stream),
            report,
            gso: true,
            dscp: config.dscp,
            more: false,
            ending: None,
            stopping: false,
        })
    }

    /// Where clients can join; as many as were asked for.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.doors.iter().filter_map(|door| door.tcp.local_addr().ok())
    }

    /// Frames that have been laid into the reel.
    pub fn frames(&self) -> u64 {
        self.report.intake.good
    }

    /// Sleeps until there is something to do, and does it.
    ///
    /// # Errors
    /// What no turn can go on after.
    pub fn turn(&mut self) -> Result<Flow, ExitError> {
        let ready = self.wait().map_err(|error| ExitError::system("poll", &error))?;
        let now = clock::now();
        for who in ready {
            self.handle(who, now);
            self.drain(now);
        }
        self.handle_deadlines(now);
        self.drain(now);
        self.attend(now);
        Ok(if self.hub.is_stopped() { Flow::Stopped } else { Flow::On })
    }

    fn wait(&self) -> std::io::Result<Ready> {
        let now = clock::now();
        let mut wait = Wait::default();
        wait.readable(Who::Signals, self.signals.as_fd());
        logging::fd().into_iter().for_each(|fd| wait.writable(Who::Log, fd));
        self.report.fd().into_iter().for_each(|fd| wait.writable(Who::ClientLog, fd));
        if !self.stopping {
            self.intake.poll(&mut wait);
            for (index, door) in self.doors.iter().enumerate() {
                if now >= self.accept_after {
                    wait.readable(Who::Joins(index), door.tcp.as_fd());
                }
                wait.readable(Who::Strangers(index), door.udp.as_fd());
            }
        }
        for (index, stream) in self.lobby.streams().enumerate() {
            wait.readable(Who::PendingJoin(index), stream.as_fd());
        }
        for (place, client) in self.clients.iter().enumerate() {
            if let Some(client) = client {
                wait.client(place, client);
            }
        }
        wait.wait(self.next_deadline(now), now)
    }

    fn next_deadline(&self, now: Time) -> Time {
        if self.more {
            return now;
        }
        let hub = self.hub.next_timeout().map_or(Time::NEVER, |(at, why)| {
            log::trace!("next: {why:?} at {at}");
            at
        });
        let source = if self.stopping { Time::NEVER } else { self.intake.next_timeout() };
        let accept = if self.accept_after > now { self.accept_after } else { Time::NEVER };
        let ending = self.ending.filter(|_| !self.stopping).map_or(Time::NEVER, |it| it.next_timeout());
        hub.min(source).min(ending).min(accept).min(self.lobby.next_timeout())
    }

    /// Hands in one input.
    fn handle(&mut self, who: Who, now: Time) {
        match who {
            Who::Signals => self.on_signal(now),
            Who::Source | Who::FailingSource => {
                let is_failing = who == Who::FailingSource;
                self.intake.handle_source(is_failing, &mut self.reel, &mut self.report, now);
            }
            Who::Opener => self.intake.handle_opener(now),
            Who::Hotplug => self.intake.handle_hotplug(now),
            Who::Log => logging::drain(),
            Who::ClientLog => self.report.drain(),
            Who::Joins(index) => self.accept(index, now),
            Who::Strangers(index) => self.hear_strangers(index, now),
            Who::PendingJoin(index) => {
                if let Some(verdict) = self.lobby.handle_readable(index, now) {
                    self.admit(verdict, now);
                }
            }
            Who::Client(place) => self.hear_client(place, now),
            Who::Writable(place) => self.resume(place, now),
        }
    }

    fn handle_deadlines(&mut self, now: Time) {
        if !self.stopping && now >= self.intake.next_timeout() {
            self.intake.handle_timeout(&mut self.reel, &mut self.report, now);
        }
        while let Some(verdict) = self.lobby.handle_timeout(now) {
            self.admit(verdict, now);
            self.drain(now);
        }
        if self.hub.next_timeout().is_some_and(|(at, _)| now >= at) {
            self.hub.handle_timeout(&self.reel, now);
        }
    }

    fn on_signal(&mut self, now: Time) {
        if self.signals.take() > 0 {
            // a second one finds the clients told already
            log::info!("stopping: telling {} clients", self.hub.clients());
            self.stopping = true;
            self.hub.handle_stop(now);
        }
    }

    /// The source and the clients hear of each other; once a turn.
    fn attend(&mut self, now: Time) {
        self.report.attend(now);
        if self.stopping {
            return;
        }
        if self.intake.is_over() {
            return self.end(now);
        }
        self.intake.set_wanted(self.hub.clients() > 0, now);
        let signal = self.intake.signal();
        self.hub.handle_camera(signal != Signal::Present, &self.reel, now);
        let size = self.reel.newest().map(|frame| frame.size());
        self.hub.handle_slate(self.slates.show(signal, self.hub.has_viewers(), size, now));
        self.drain(now);
    }

    /// No frame comes any more. Those that have come go out before the clients are told.
    fn end(&mut self, now: Time) {
        let outstanding = self.hub.outstanding(&self.reel);
        let ending = self.ending.get_or_insert(Ending::new(outstanding, now));
        if ending.is_over(outstanding, now) {
            self.stopping = true;
            self.hub.handle_stop(now);
            self.drain(now);
        }
    }

    fn accept(&mut self, index: usize, now: Time) {
        for _ in 0..JOINS_A_TURN {
            match tcp::accept(&self.doors[index].tcp) {
                Ok(Accepted::Connection(stream, remote)) => {
                    let Ok(local) = stream.local_addr() else { continue };
                    if let Some(evicted) = self.lobby.enter(stream, Route { remote, local }, now) {
                        self.turn_away(
                            &evicted.stream,
                            evicted.route.remote,
                            &GreetingError::Unfinished,
                            now,
                        );
                    }
                }
                Ok(Accepted::Nobody) => return,
                Ok(Accepted::NoRoom) | Err(_) => {
                    self.accept_after = now.after(ACCEPT_REST);
                    return;
                }
            }
        }
    }

    fn turn_away(&mut self, stream: &TcpStream, remote: SocketAddr, why: &GreetingError, now: Time) {
        let refusal = Refusal { code: RefusalCode::Protocol, why: why.to_string() };
        self.report.rejected(remote, &refusal.why, now);
        let line = Reply::Refused(refusal).to_string();
        match why {
            // what a browser shows
            GreetingError::Unknown { http: true } => {
                tcp::write_line(
                    stream,
                    &format!("HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\n\r\n{line}"),
                );
            }
            _ => tcp::write_line(stream, &line),
        }
    }

    /// A connection has said what it wants.
    fn admit(&mut self, (guest, verdict): Verdict, now: Time) {
        match verdict {
            Err(why) => self.turn_away(&guest.stream, guest.route.remote, &why, now),
            Ok(Request::Native(join)) => {
                let Ok(token) = random_u64() else { return };
                let reply = self.hub.join_native(join, guest.route, Token(token), &self.reel, now);
                if let Reply::Refused(refusal) = &reply {
                    self.report.rejected(guest.route.remote, &refusal.why, now);
                }
                tcp::write_line(&guest.stream, &reply.to_string());
            }
            Ok(Request::Plain(port)) => match self.hub.join_plain(port, guest.route, &self.reel, now) {
                Ok(client) => {
                    self.drain(now);
                    if let Some(client) = self.client_mut(client) {
                        client.held = Some(guest.stream);
                    }
                }
                Err(refusal) => {
                    self.report.rejected(guest.route.remote, &refusal.why, now);
                    tcp::write_line(&guest.stream, &Reply::Refused(refusal).to_string());
                }
            },
        }
    }

    fn hear_strangers(&mut self, index: usize, now: Time) {
        let mut datagram = [0; DATAGRAM_ROOM];
        for _ in 0..DATAGRAMS_A_TURN {
            match socket::receive_from(&self.doors[index].udp, &mut datagram) {
                Received::Some((len, from)) => {
                    self.hub.handle_unknown_peer(from, &datagram[..len.min(DATAGRAM_ROOM)], &self.reel, now);
                    self.drain(now);
                }
                Received::Nothing => return,
                Received::Refused | Received::Error(_) => {}
            }
        }
    }

    fn hear_client(&mut self, place: usize, now: Time) {
        let mut datagram = [0; DATAGRAM_ROOM];
        for _ in 0..DATAGRAMS_A_TURN {
            // the place may be another's after any datagram
            let Some(client) = self.clients.get(place).and_then(Option::as_ref) else { return };
            match socket::receive(&client.socket, &mut datagram) {
                Received::Some(len) => {
                    let datagram = &datagram[..len.min(DATAGRAM_ROOM)];
                    self.hub.handle_datagram(client.id, datagram, &self.reel, now);
                }
                Received::Nothing => return,
                Received::Refused => self.hub.handle_refused(client.id, now),
                Received::Error(_) => return,
            }
            self.drain_outputs(now);
        }
    }

    /// Does what the hub asks for, then sends what there is to send, within the turn's budget.
    fn drain(&mut self, now: Time) {
        self.drain_outputs(now);
        for _ in 0..SENDS_A_TURN {
            let Some(transmit) = self.hub.poll_transmit(&self.reel, now) else {
                self.more = false;
                return;
            };
            self.transmit(&transmit, now);
            self.drain_outputs(now);
        }
        self.more = true;
    }

    fn drain_outputs(&mut self, now: Time) {
        while let Some(output) = self.hub.poll_output() {
            match output {
                Output::Open { client, local, remote, kind, narrow } => {
                    self.open(client, kind, (local, remote), narrow, now);
                }
                Output::Widen { client } => {
                    let gso = self.gso;
                    if let Some(client) = self.client_mut(client) {
                        client.make_wide(gso);
                        log::info!("the path to {} takes full packets after all", canonical(client.remote));
                    }
                }
                Output::Datagram { client, bytes } => {
                    let lost = self.client_mut(client).and_then(|client| {
                        client.send_small(&bytes);
                        client.take_not_sent()
                    });
                    lost.into_iter().for_each(|lost| self.report.not_sent(lost.count, lost.errno, now));
                }
                Output::Close { client } => {
                    if self.client_mut(client).is_some() {
                        self.clients[client.place()] = None;
                    }
                }
                Output::Event(event) => self.report.event(&event, now),
            }
        }
    }

    fn open(
        &mut self,
        id: ClientId,
        kind: ClientKind,
        route: (SocketAddr, SocketAddr),
        narrow: Option<u16>,
        now: Time,
    ) {
        let mut client = match Client::open(id, kind, route, self.reel.datagram_len(), self.gso) {
            Ok(client) => client,
            Err(error) => {
                log::warn!("no socket for {}: {error}", canonical(route.1));
                return self.hub.handle_lost(id, now);
            }
        };
        if self.dscp.is_some_and(|dscp| !socket::set_dscp(&client.socket, dscp)) {
            log::warn!("the system does not let datagrams be marked: check --dscp");
        }
        if let Some(mtu) = narrow {
            client.make_narrow();
            let known = (mtu > 0).then_some(mtu).or_else(|| socket::path_mtu(&client.socket));
            self.say_downgrade(route.1, Downgrade::Narrow(known));
        }
        self.settle(&client, route.1, now);
        self.clients[id.place()] = Some(client);
    }

    /// What came to the new socket between bind and connect may be anybody's.
    fn settle(&mut self, client: &Client, remote: SocketAddr, now: Time) {
        let mut datagram = [0; DATAGRAM_ROOM];
        for _ in 0..DATAGRAMS_A_TURN {
            match socket::receive_from(&client.socket, &mut datagram) {
                Received::Some((len, from)) => {
                    let datagram = &datagram[..len.min(DATAGRAM_ROOM)];
                    if from == remote {
                        self.hub.handle_datagram(client.id, datagram, &self.reel, now);
                    } else {
                        self.hub.handle_unknown_peer(from, datagram, &self.reel, now);
                    }
                }
                Received::Nothing | Received::Error(_) => return,
                Received::Refused => {}
            }
        }
    }

    /// A client's socket takes datagrams again: first what it did not take before, then whatever is next.
    fn resume(&mut self, place: usize, now: Time) {
        let Some(client) = self.clients.get_mut(place).and_then(Option::as_mut) else { return };
        let (id, kept) = (client.id, client.take_kept());
        if let Some(kept) = kept {
            self.transmit(&kept, now);
        }
        if self.client_mut(id).is_some_and(|client| !client.is_blocked()) {
            self.hub.handle_writable(id, now);
        }
    }

    fn transmit(&mut self, transmit: &Transmit, now: Time) {
        let frame = match transmit {
            Transmit::Slate { number, .. } => self.slates.frame(*number),
            _ => self.reel.frame(transmit.number()),
        };
        let Some(frame) = frame else { return };
        let place = transmit.client().place();
        let Some(client) = self.clients[place].as_mut().filter(|client| client.id == transmit.client())
        else {
            return;
        };
        let mut whole = 0;
        let (outcome, downgrade) = match transmit {
            Transmit::Train { .. } | Transmit::Slate { fragments: Some(_), .. } => {
                client.send_train(&frame, transmit)
            }
            Transmit::Slate { fragments: None, .. } => (client.send_whole(frame.pieces(), transmit), None),
            Transmit::Whole { .. } if frame.length_with_tables() as usize <= MAX_DATAGRAM => {
                whole = frame.length_with_tables() as usize;
                (client.send_whole(frame.pieces_with_tables(), transmit), None)
            }
            Transmit::Whole { .. } => match self.shrunk.of(&frame) {
                Ok(Some(small)) => {
                    whole = small.len();
                    (client.send_whole(std::iter::once(small), transmit), None)
                }
                Ok(None) => (Outcome::Done, None),
                Err(error) => {
                    self.report.not_shrunk(&error, now);
                    (Outcome::Done, None)
                }
            },
        };
        let (id, remote) = (client.id, client.remote);
        if let Some(lost) = client.take_not_sent() {
            self.report.not_sent(lost.count, lost.errno, now);
        }
        match outcome {
            Outcome::Done if whole > 0 => self.hub.handle_whole_sent(id, whole),
            Outcome::Done => {}
            Outcome::Refused => self.hub.handle_refused(id, now),
            Outcome::Blocked => self.hub.handle_blocked(id),
        }
        if let Some(downgrade) = downgrade {
            self.say_downgrade(remote, downgrade);
        }
    }

    fn say_downgrade(&mut self, remote: SocketAddr, why: Downgrade) {
        match why {
            Downgrade::NoGso if self.gso => {
                self.gso = false;
                log::warn!(
                    "this kernel or network device has no UDP GSO: each datagram is sent by itself, which costs CPU"
                );
            }
            Downgrade::NoGso => {}
            Downgrade::Narrow(mtu) => {
                let (remote, full) = (canonical(remote), self.reel.datagram_len() + IP_UDP_OVERHEAD);
                let remedy = match mtu.filter(|mtu| *mtu < full) {
                    Some(mtu) => format!("camcast --mtu {mtu} would suit"),
                    None => "a smaller camcast --mtu, such as 1280, would suit".to_owned(),
                };
                log::warn!(
                    "the path to {remote} is narrower than {full} bytes: its datagrams are cut by IP; {remedy}"
                );
            }
        }
    }

    fn client_mut(&mut self, id: ClientId) -> Option<&mut Client> {
        self.clients.get_mut(id.place())?.as_mut().filter(|client| client.id == id)
    }

    /// The last line, and how the program ends.
    ///
    /// # Errors
    /// The source's fault, if that is what ended it.
    pub fn verdict(&self) -> Result<Exit, ExitError> {
        let intake = self.report.intake;
        log::info!("stopped: {} frames; dropped: {}", intake.good, intake.dropped);
        log::debug!("datagrams of nobody, dropped: {}", self.hub.strays().unknown);
        self.intake
            .failure()
            .filter(|_| self.intake.is_over())
            .map_or(Ok(Exit::Ok), |failure| Err(failure.clone()))
    }
}

/// The longest datagram that a client may send; what is longer is malformed, and cut.
const DATAGRAM_ROOM: usize = if MAX_CONTINUE_LEN > 2048 { MAX_CONTINUE_LEN } else { 2048 };
