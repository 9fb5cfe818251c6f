//! Two real endpoints on one virtual clock: a hub with its reel at one end, receivers at the other, a bad network
//! between them, and a camera that delivers what can be told from its number alone.
//!
//! The bench is driven by events: the clock jumps to the earliest deadline of anybody, hands in ONE input, and drains
//! the outputs by the contract of `src/lib.rs`. It checks as it goes: each frame byte for byte, each number exactly
//! once and in order, no endless loop. A breach is a panic that names the time.

use crate::account::{Fate, Report};
use crate::guest::{CLOCK_AHEAD, Guest, LEAD, Packet, Phase, SERVER};
use crate::netem::{Fates, Link, Rng};
use crate::scene::{Absence, START, Scene, Viewer};
use camcast::fec::Encoder;
use camcast::jpeg::Size;
use camcast::receiver::rejoin::{FailureReason, Resume};
use camcast::receiver::{Event, Run};
use camcast::reel::Reel;
use camcast::sender::hub::{Hub, JOINS, Limits};
use camcast::sender::{ClientEvent, ClientId, Output, Route, Transmit};
use camcast::time::{Stamp, Time};
use camcast::wire::client::FromClient;
use camcast::wire::data::{DISCONTINUITY, parity_rows, with_tag};
use camcast::wire::join::{Join, Reply};
use camcast::wire::server::FromServer;
use camcast::wire::{FrameNumber, Kind, StreamId, Token};
use std::net::SocketAddr;
use std::time::Duration;

/// Datagrams that one GSO call takes, as the shell has it.
const GSO: u16 = 45;

/// Everybody has to be gone by then, after leaving: the longest is a lost END, then `cast::SILENCE`.
const PARTING: Duration = Duration::from_secs(6);

/// What is lost later than this is counted by itself.
const LEARNING: Duration = Duration::from_secs(2);

/// Inputs at one instant: a second of video at once would be less.
const STEPS_AN_INSTANT: u32 = 200_000;

/// Timeouts of one endpoint in a row, each at once after the last, without anything else happening.
const TIMEOUTS_IN_A_ROW: u32 = 50;

/// A turn takes this long when a timeout leads to the next at once: a deadline that was rounded down is not a loop.
const TURN: Duration = Duration::from_micros(1);

/// What one drain may bring out.
const OUTPUTS_A_DRAIN: u32 = 100_000;

const STREAM: StreamId = StreamId(0x1122_3344_5566_7788);

/// Everything, and the clock.
pub struct Bench {
    scene: Scene,
    now: Time,
    server: Server,
    line: Link<Outbound>,
    guests: Vec<Guest>,
    chance: Rng,
    next_frame: u32,
    /// When camcast will have lost its camera.
    lost: Time,
    is_parting: bool,
    has_learned: bool,
    guard: Guard,
    room: Vec<u8>,
}

/// On the board's own line: for which guest, by which of its paths.
#[derive(Clone)]
struct Outbound {
    guest: usize,
    lane: usize,
    packet: Packet,
}

impl AsRef<[u8]> for Outbound {
    fn as_ref(&self) -> &[u8] {
        self.packet.as_ref()
    }
}

struct Server {
    hub: Hub,
    reel: Reel,
    sockets: Vec<Socket>,
    due: Time,
}

struct Socket {
    client: ClientId,
    guest: usize,
    lane: usize,
    port: u16,
    tag: [u8; 4],
    /// Its buffer is full until then.
    blocked: Option<Time>,
    /// What it did not take.
    kept: Option<Transmit>,
}
/// Who is to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Line,
    Camera,
    NoCamera,
    Hub,
    Writable(usize),
    Down(usize, usize),
    Up(usize, usize),
    Buffered(usize),
    Guest(usize),
    Part,
}

/// Against loops that do not end.
#[derive(Default)]
struct Guard {
    instant: Time,
    steps: u32,
    last: Option<Who>,
    repeated: u32,
}

impl Guard {
    /// When the input of `who` that is due at `at` is handed in.
    fn check(&mut self, at: Time, now: Time, who: Who, why: impl Fn() -> String) -> Time {
        let is_again = at <= now && self.last == Some(who) && matches!(who, Who::Hub | Who::Guest(_));
        self.repeated = if is_again { self.repeated + 1 } else { 0 };
        self.last = Some(who);
        assert!(self.repeated < TIMEOUTS_IN_A_ROW, "a timer does not rest at {now}: {}", why());
        let now = if is_again { now.after(TURN) } else { now.max(at) };
        self.steps = if now > self.instant { 0 } else { self.steps + 1 };
        self.instant = now;
        assert!(self.steps < STEPS_AN_INSTANT, "endless loop at {now}: {}", why());
        now
    }
}
impl Bench {
    /// Everything at its start.
    pub fn new(scene: Scene) -> Self {
        let mut chance = Rng::new(scene.seed);
        let limits = Limits { clients: scene.viewers.len() as u16 * 4 + 1, joins: JOINS, burst: GSO };
        let line = Link::new(scene.line.clone(), scene.seed, START);
        let guests = scene.viewers.iter().map(|viewer| Guest::new(viewer, &mut chance)).collect();
        let server = Server {
            hub: Hub::new(limits, STREAM),
            reel: Reel::new(scene.reel, scene.datagram, STREAM),
            sockets: Vec::new(),
            due: Time::NEVER,
        };
        let lost = scene
            .absence
            .map_or(Time::NEVER, |absence| scene.captured(absence.after).after(Absence::NOTICED));
        Bench {
            scene,
            now: START.before(LEAD),
            server,
            line,
            guests,
            chance,
            next_frame: 1,
            lost,
            is_parting: false,
            has_learned: false,
            guard: Guard::default(),
            room: Vec::new(),
        }
    }

    /// The camera's whole time, then the farewells; then the invariants.
    pub fn run(mut self) -> Report {
        let end = self.parting().after(PARTING);
        while self.now < end && !self.is_over() {
            self.step();
        }
        self.close()
    }

    fn is_over(&self) -> bool {
        self.is_parting && self.guests.iter().all(Guest::is_gone) && self.server.hub.clients() == 0
    }

    fn parting(&self) -> Time {
        START.after(self.scene.length).after(self.scene.settle)
    }

    fn captures_until(&self) -> Time {
        START.after(self.scene.length)
    }

    /// The next event, and whose. On a tie: what arrives, then the camera, then timers.
    fn next(&self) -> (Time, Who) {
        let camera = self.scene.captured(self.next_frame);
        let camera = if camera <= self.captures_until() { camera } else { Time::NEVER };
        let part = if self.is_parting { Time::NEVER } else { self.parting() };
        let mut next = (self.parting().after(PARTING), Who::Part);
        let mut offer = |at: Time, who: Who| {
            if at < next.0 {
                next = (at, who);
            }
        };
        for (index, guest) in self.guests.iter().enumerate() {
            for (at, lane) in guest.lanes.iter().enumerate() {
                offer(lane.up.next_timeout(), Who::Up(index, at));
                offer(lane.down.next_timeout(), Who::Down(index, at));
            }
        }
        offer(self.line.next_timeout(), Who::Line);
        offer(camera, Who::Camera);
        offer(self.lost, Who::NoCamera);
        for (index, socket) in self.server.sockets.iter().enumerate() {
            offer(socket.blocked.unwrap_or(Time::NEVER), Who::Writable(index));
        }
        offer(self.server.due, Who::Hub);
        for (index, guest) in self.guests.iter().enumerate() {
            let wakes = guest.wakes_after(self.now);
            if !guest.buffer.is_empty() {
                offer(wakes, Who::Buffered(index));
            }
            offer(guest.next_timeout().max(wakes), Who::Guest(index));
        }
        offer(part, Who::Part);
        next
    }

    /// One input, and what follows from it.
    fn step(&mut self) {
        let (at, who) = self.next();
        let hub = &self.server.hub;
        self.now = self.guard.check(at, self.now, who, || format!("{who:?}, hub {:?}", hub.next_timeout()));
        self.note_early();
        match who {
            Who::Line => return self.leave_line(),
            Who::Camera => self.capture(),
            Who::NoCamera => {
                self.lost = Time::NEVER;
                self.server.hub.handle_camera(true, &self.server.reel, self.now);
            }
            Who::Hub => self.server.hub.handle_timeout(&self.server.reel, self.now),
            Who::Writable(index) => self.resume(index),
            Who::Up(index, lane) => self.arrive_up(index, lane),
            Who::Down(index, lane) => return self.arrive_down(index, lane),
            Who::Buffered(index) => {
                let Some((lane, packet)) = self.guests[index].take_buffered() else { return };
                return self.hear(index, lane, &packet);
            }
            Who::Guest(index) => return self.guest_timeout(index),
            Who::Part => return self.part(),
        }
        self.drain_server();
    }

    /// What has been lost while the senders learn what the paths take.
    fn note_early(&mut self) {
        if !self.has_learned && self.now >= START.after(LEARNING) {
            self.has_learned = true;
            let line = self.line.fates();
            for guest in &mut self.guests {
                let mut down = Fates::default();
                guest.lanes.iter().for_each(|lane| down += lane.down.fates());
                guest.account.early = (down, line);
            }
        }
    }

    fn tell(&self, what: impl Fn() -> String) {
        if self.scene.trace {
            let ms = self.now.as_nanos() as f64 / 1e6 - START.as_nanos() as f64 / 1e6;
            eprintln!("{ms:10.3} ms  {}", what());
        }
    }

    fn capture(&mut self) {
        let picture = self.scene.picture(self.next_frame);
        let sequence = self.scene.sequence(self.next_frame);
        let stamp = Stamp { captured: self.scene.stamp(self.next_frame), sequence };
        let flags = if self.scene.is_return(self.next_frame) { DISCONTINUITY } else { 0 };
        let pushed = self.server.reel.push(picture, Size { width: 64, height: 48 }, stamp, flags);
        assert_eq!(pushed, Ok(FrameNumber(self.next_frame)));
        self.next_frame += 1;
        // the frame goes first, and then what is to be said of it
        self.drain_server();
        self.server.hub.handle_camera(false, &self.server.reel, self.now);
    }

    /// Off the board's own line, and on its own way.
    fn leave_line(&mut self) {
        let Some(Outbound { guest, lane, packet }) = self.line.poll(self.now) else { return };
        self.guests[guest].lanes[lane].down.send(self.now, packet);
    }

    fn arrive_up(&mut self, index: usize, lane: usize) {
        let Some(packet) = self.guests[index].lanes[lane].up.poll(self.now) else { return };
        let Server { hub, reel, sockets, .. } = &mut self.server;
        let socket = sockets
            .iter()
            .find(|socket| (socket.guest, socket.lane, socket.port) == (index, lane, packet.port));
        match socket.map(|socket| socket.client) {
            Some(client) if packet.refused => hub.handle_refused(client, self.now),
            Some(client) => hub.handle_datagram(client, &packet.bytes, reel, self.now),
            None if packet.refused => {}
            None => {
                hub.handle_unknown_peer(address(index, lane, packet.port), &packet.bytes, reel, self.now);
            }
        }
    }

    fn arrive_down(&mut self, index: usize, lane: usize) {
        let guest = &mut self.guests[index];
        let Some(packet) = guest.lanes[lane].down.poll(self.now) else { return };
        if guest.wakes_after(self.now) > self.now {
            guest.keep(lane, packet);
        } else if guest.buffer.is_empty() {
            self.hear(index, lane, &packet);
        } else {
            guest.keep(lane, packet); // it is still reading
        }
    }

    /// A receiver takes a datagram from its socket.
    fn hear(&mut self, index: usize, lane: usize, packet: &Packet) {
        let now = self.now;
        self.tell(|| format!("{} <- {}", name(index, lane), describe(&packet.bytes)));
        let guest = &mut self.guests[index];
        match &mut guest.stream {
            Some(stream) if guest.lanes[lane].has_port(packet.port) => {
                stream.receiver.handle_datagram(lane, &packet.bytes, now.after(CLOCK_AHEAD));
                if stream.receiver.is_live(lane) {
                    guest.rejoin.handle_life(lane, now);
                }
                guest.account.note_camera(stream.receiver.no_camera(), now);
                self.drain_guest(index);
            }
            _ => {
                let answer = Packet { port: packet.port, refused: true, bytes: vec![0; 56] };
                guest.lanes[lane].up.send(now, answer);
            }
        }
    }

    fn guest_timeout(&mut self, index: usize) {
        let now = self.now;
        let lanes = &self.guests[index].lanes;
        let due: Vec<usize> = (0..lanes.len()).filter(|lane| lanes[*lane].next_timeout() <= now).collect();
        due.into_iter().for_each(|lane| self.lane_timeout(index, lane));
        let guest = &mut self.guests[index];
        guest.rejoin.handle_timeout(now);
        guest.act(now, &mut self.chance);
        if let Some(stream) = guest.stream.as_mut().filter(|stream| stream.due <= now) {
            stream.receiver.handle_timeout(now.after(CLOCK_AHEAD));
            self.drain_guest(index);
        }
    }

    fn lane_timeout(&mut self, index: usize, lane: usize) {
        let now = self.now;
        let guest = &mut self.guests[index];
        match &mut guest.lanes[lane].phase {
            phase @ Phase::Absent { .. } => *phase = Phase::Idle,
            Phase::Failing { .. } => guest.fail(lane, FailureReason::Unreachable, now, &mut self.chance),
            Phase::Joining { back, resume, .. } => {
                let (back, resume) = (*back, *resume);
                self.join(index, lane, back, resume);
                self.drain_server();
            }
            Phase::Answered { accepted, .. } => {
                let accepted = accepted.clone();
                guest.begin(lane, &accepted, now, &mut self.chance);
                self.drain_guest(index);
            }
            Phase::Idle | Phase::Live { .. } => {}
        }
    }

    /// The join line has reached camcast.
    fn join(&mut self, index: usize, lane: usize, back: Duration, resume: Option<Resume>) {
        let guest = &mut self.guests[index];
        let Viewer { policy, parity, .. } = guest.viewer;
        let join = Join { policy, resume, parity, agent: None };
        let route = Route { remote: address(index, lane, 30_000), local: SERVER.into() };
        let token = Token(self.chance.next_u64());
        match self.server.hub.join_native(join, route, token, &self.server.reel, self.now) {
            Reply::Ok(accepted) => {
                guest.lanes[lane].phase = Phase::Answered { at: self.now.after(back), accepted };
            }
            Reply::Refused(no) => {
                guest.fail(lane, FailureReason::Refused(no.code), self.now, &mut self.chance);
            }
        }
    }

    /// The hub's outputs, then its transmits, as the shell has it.
    fn drain_server(&mut self) {
        self.drain_outputs();
        for count in 0.. {
            assert!(count < OUTPUTS_A_DRAIN, "the hub never stops sending at {}", self.now);
            let Some(transmit) = self.server.hub.poll_transmit(&self.server.reel, self.now) else { break };
            self.transmit(&transmit);
            self.drain_outputs();
        }
        self.server.due = self.server.hub.next_timeout().map_or(Time::NEVER, |(at, _)| at);
    }

    fn drain_outputs(&mut self) {
        for count in 0.. {
            assert!(count < OUTPUTS_A_DRAIN, "the hub never stops talking at {}", self.now);
            let Some(output) = self.server.hub.poll_output() else { break };
            match output {
                Output::Open { client, remote, tag, .. } => {
                    let (guest, lane, port) = whose(remote);
                    let (blocked, kept, tag) = (None, None, tag.to_bytes());
                    self.server.sockets.push(Socket { client, guest, lane, port, tag, blocked, kept });
                }
                Output::Datagram { client, bytes } => {
                    let Some((_, guest, lane, port)) = self.socket(client) else { continue };
                    self.tell(|| format!("  -> {} {}", name(guest, lane), describe(&bytes)));
                    let packet = Packet { port, refused: false, bytes: bytes.to_vec() };
                    self.line.send(self.now, Outbound { guest, lane, packet });
                }
                Output::Widen { .. } | Output::Narrow { .. } | Output::Answer { .. } => {}
                Output::MakeEncoder => self.server.hub.handle_encoder(Encoder::new().unwrap()),
                Output::Close { client, .. } => self.server.sockets.retain(|socket| socket.client != client),
                Output::Event(ClientEvent::Left { remote, reason, tally, .. }) => {
                    self.tell(|| format!("{remote} left: {reason}"));
                    self.guests[whose(remote).0].account.left.push((reason, tally));
                }
                Output::Event(ClientEvent::Joined { .. }) => {}
            }
        }
    }

    fn socket(&self, client: ClientId) -> Option<(usize, usize, usize, u16)> {
        let at = self.server.sockets.iter().position(|socket| socket.client == client)?;
        let socket = &self.server.sockets[at];
        Some((at, socket.guest, socket.lane, socket.port))
    }

    /// The socket takes datagrams again: first what it did not take before.
    fn resume(&mut self, index: usize) {
        let socket = &mut self.server.sockets[index];
        socket.blocked = None;
        let (client, kept) = (socket.client, socket.kept.take());
        if let Some(kept) = kept.filter(|kept| self.server.reel.frame(kept.number()).is_some()) {
            self.transmit(&kept);
        }
        if self.server.sockets[index].kept.is_none() {
            self.server.hub.handle_writable(client, self.now);
        }
    }

    /// Sends a train, one datagram after the other; or a part of it, if the socket is full.
    fn transmit(&mut self, transmit: &Transmit) {
        let (client, number) = (&transmit.client(), &transmit.number());
        let Some(fragments) = transmit.fragments() else { panic!("a native client is sent {transmit:?}") };
        let Some((socket, index, lane, port)) = self.socket(*client) else {
            panic!("no socket for {client:?} at {}", self.now)
        };
        assert!(self.server.sockets[socket].kept.is_none(), "{client:?} takes nothing at {}", self.now);
        let Some(frame) = self.server.reel.frame(*number) else {
            panic!("{number} is not in the reel at {}", self.now)
        };
        let count = frame.fragments();
        let (train, all, first, what) = match transmit {
            Transmit::Train { again, .. } => (frame.train(), count, 0, if *again { "AGAIN" } else { "DATA" }),
            Transmit::Parity { .. } => {
                let all = parity_rows(count.into(), frame.fragment_len());
                let Some(rows) = self.server.hub.parity(*number) else { return };
                (rows, all, count, "PARITY")
            }
            Transmit::Whole { .. } | Transmit::Slate { .. } => panic!("a native client is sent {transmit:?}"),
        };
        assert!(!fragments.is_empty() && fragments.end <= all, "{transmit:?} at {}", self.now);
        let mut end = fragments.end;
        if self.chance.chance(self.scene.blocked) {
            end = fragments.start + (self.chance.unit() * fragments.len() as f64) as u16;
        }
        let going = fragments.start..end;
        if self.scene.trace {
            self.tell(|| format!("  -> {} {what} {number} {going:?} of {all}", name(index, lane)));
        }
        self.guests[index].count_sent(lane, number.0, first + going.start..first + going.end, count);
        let tag = &self.server.sockets[socket].tag;
        for (at, bytes) in train.datagrams(going).chunks(usize::from(self.scene.datagram)).enumerate() {
            let is_tagged = at == 0 || transmit.is_again();
            let bytes = if is_tagged { with_tag(bytes, tag).concat() } else { bytes.to_vec() };
            let packet = Packet { port, refused: false, bytes };
            self.line.send(self.now, Outbound { guest: index, lane, packet });
        }
        if end < fragments.end {
            let until = self.now.after(self.chance.below(self.scene.blocked_for));
            self.server.sockets[socket].blocked = Some(until);
            self.server.sockets[socket].kept = Some(transmit.rest(end));
            self.server.hub.handle_blocked(*client);
        }
    }

    /// A receiver's datagrams, then its events, as camrec has it.
    fn drain_guest(&mut self, index: usize) {
        let now = self.now;
        for lane in 0..self.guests[index].lanes.len() {
            self.drain_lane(index, lane);
        }
        for count in 0.. {
            assert!(count < OUTPUTS_A_DRAIN, "receiver {index} has no end of events at {now}");
            let Some(stream) = &mut self.guests[index].stream else { return };
            match stream.receiver.poll_event() {
                Some(Event::Over(lane, over)) => {
                    self.tell(|| format!("{}: over, {over:?}", name(index, lane)));
                    self.guests[index].on_over(lane, over, now);
                }
                Some(event) => self.on_event(index, event),
                None => break,
            }
        }
        let guest = &mut self.guests[index];
        let Some(stream) = &mut guest.stream else { return };
        stream.due = stream.receiver.next_timeout().before(CLOCK_AHEAD);
        if stream.receiver.is_over() {
            guest.end_stream();
        }
        guest.act(now, &mut self.chance);
    }

    fn drain_lane(&mut self, index: usize, lane: usize) {
        let now = self.now;
        let guest = &mut self.guests[index];
        let (Some(stream), Phase::Live { port }) = (&mut guest.stream, &guest.lanes[lane].phase) else {
            return;
        };
        let port = *port;
        self.room.resize(stream.receiver.datagram_len(), 0);
        let mut out = Vec::new();
        for count in 0.. {
            assert!(count < OUTPUTS_A_DRAIN, "receiver {index} never stops talking at {now}");
            match stream.receiver.poll_datagram(lane, &mut self.room, now.after(CLOCK_AHEAD)) {
                Some(bytes) => out.push(bytes.to_vec()),
                None => break,
            }
        }
        out.into_iter().for_each(|bytes| self.say(index, lane, port, bytes));
    }

    fn say(&mut self, index: usize, lane: usize, port: u16, bytes: Vec<u8>) {
        self.tell(|| format!("{} -> {}", name(index, lane), describe(&bytes)));
        let guest = &mut self.guests[index];
        if bytes.first() == Some(&Kind::Continue.byte()) {
            guest.account.continues += 1;
            guest.account.continue_bytes += bytes.len() as u64;
        }
        guest.lanes[lane].up.send(self.now, Packet { port, refused: false, bytes });
    }

    fn on_event(&mut self, index: usize, event: Event) {
        let (run, fate) = match &event {
            Event::Slate(_) => panic!("a slate, while the camera delivers"),
            Event::Frame(frame) => (Run { first: frame.number, count: 1 }, Fate::Whole),
            Event::Missing(run) => (*run, Fate::Missing),
            Event::Skipped(run) => (*run, Fate::Skipped),
            Event::Over(..) => return,
        };
        let number = run.first.0;
        for number in (0..run.count).map(|at| run.first.plus(at).0) {
            self.tell(|| format!("{index}: {number} {fate:?}"));
            assert!(number < self.next_frame, "{number} was never captured ({fate:?} at {})", self.now);
            self.guests[index].note(number, fate, self.now);
        }
        if let Event::Frame(frame) = event {
            assert_eq!(frame.stamp.sequence, self.scene.sequence(number), "sequence");
            assert_eq!(frame.stamp.captured, self.scene.stamp(number), "capture time");
            self.guests[index].account.enter(&frame);
            assert!(frame.bytes == self.scene.picture(number), "frame {number} has other bytes");
            if let Some(stream) = &mut self.guests[index].stream {
                stream.receiver.recycle(frame.bytes);
            }
        }
    }

    /// Everybody leaves.
    fn part(&mut self) {
        self.is_parting = true;
        for index in 0..self.guests.len() {
            self.guests[index].stop(self.now, &mut self.chance);
            self.drain_guest(index);
        }
    }

    fn close(mut self) -> Report {
        assert!(self.guests.iter().all(Guest::is_gone), "a receiver does not end");
        assert_eq!(self.server.hub.clients(), 0, "the hub keeps a client");
        let frames = self.next_frame - 1;
        for guest in &mut self.guests {
            guest.account.line = self.line.fates();
            for lane in &guest.lanes {
                guest.account.down += lane.down.fates();
                guest.account.up += lane.up.fates();
            }
            let first = guest.account.entries.first().map_or(frames + 1, |entry| entry.number);
            guest.account.awaited = frames + 1 - first;
            assert_eq!(guest.account.malformed, 0, "nothing malforms datagrams here");
        }
        let accounts = self.guests.into_iter().map(|guest| guest.account).collect();
        Report { frames, accounts }
    }
}
/// The receiver's address, whose third byte is its index, and the last one that of its path.
fn address(guest: usize, lane: usize, port: u16) -> SocketAddr {
    SocketAddr::from(([198, 51, guest as u8, lane as u8], port))
}

fn whose(remote: SocketAddr) -> (usize, usize, u16) {
    match remote {
        SocketAddr::V4(v4) => {
            let [_, _, guest, lane] = v4.ip().octets();
            (guest.into(), lane.into(), v4.port())
        }
        SocketAddr::V6(_) => panic!("no such receiver: {remote}"),
    }
}
/// A receiver and its path, for the trace.
fn name(guest: usize, lane: usize) -> String {
    format!("{guest}{}", if lane == 0 { "" } else { "'" })
}

/// A datagram, for the trace.
fn describe(bytes: &[u8]) -> String {
    match (FromServer::parse(bytes), FromClient::parse(bytes)) {
        (Ok(said), _) => said.to_string(),
        (_, Ok(said)) => said.to_string(),
        _ => format!("{bytes:02x?}"),
    }
}
