//! Two real endpoints on one virtual clock: a hub with its reel at one end, receivers at the other, a bad network
//! between them, and a camera that delivers what can be told from its number alone.
//!
//! The bench is driven by events: the clock jumps to the earliest deadline of anybody, hands in ONE input, and drains
//! the outputs by the contract of `src/lib.rs`. It checks as it goes: each frame byte for byte, each number exactly
//! once and in order, no endless loop. A breach is a panic that names the time.

use crate::netem::{Fates, Link, Rng, Spec};
use camcast::cast::hub::{Hub, Limits};
use camcast::cast::{ClientId, Event as HubEvent, LeaveReason, Output, Route, Tally, Transmit};
use camcast::jpeg::Size;
use camcast::receive::{Event, Over, Patience, Receiver};
use camcast::reel::Reel;
use camcast::time::{Stamp, Time};
use camcast::wire::data::Data;
use camcast::wire::join::{Accepted, Join, Policy, Reply};
use camcast::wire::{FrameNumber, Kind, StreamId, Token};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

/// When the camera starts, on the virtual clock. The receivers' stamps, in microseconds, wrap five seconds later, which
/// is to be of no consequence.
pub const START: Time = Time::from_millis(3_513_000);

/// Who is there from the start joins this long before, so that no frame comes before its HELLO.
const LEAD: Duration = Duration::from_secs(1);

/// Receivers' clocks are this far ahead of the sender's: nobody may compare the two.
const CLOCK_AHEAD: Duration = Duration::from_secs(777);

/// Datagrams that one GSO call takes, as the shell has it.
const GSO: u16 = 45;

/// The receive buffer that camrec asks for.
pub const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;

/// As camrec has it.
const BACKOFF_FIRST: Duration = Duration::from_millis(200);
const BACKOFF_LAST: Duration = Duration::from_secs(2);

/// When Linux sends a SYN: at once, and after its first retransmission timeouts; camrec waits 3 s.
const SYNS: [Duration; 2] = [Duration::ZERO, Duration::from_secs(1)];
const JOIN_PATIENCE: Duration = Duration::from_secs(3);

/// Linux' least retransmission timeout, for a join's lines.
const TCP_RTO: Duration = Duration::from_millis(200);

/// Everybody has to be gone by then, after leaving: the longest is a lost END, then `cast::SILENCE`.
const PARTING: Duration = Duration::from_secs(6);

/// Inputs at one instant: a second of video at once would be less.
const STEPS_AN_INSTANT: u32 = 200_000;

/// Timeouts of one endpoint in a row, each at once after the last, without anything else happening.
const TIMEOUTS_IN_A_ROW: u32 = 50;

/// A turn takes this long when a timeout leads to the next at once: a deadline that was rounded down is not a loop.
const TURN: Duration = Duration::from_micros(1);

/// What one drain may bring out.
const OUTPUTS_A_DRAIN: u32 = 100_000;

const STREAM: StreamId = StreamId(0x1122_3344_5566_7788);

/// What is simulated.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Of all chance.
    pub seed: u64,
    pub camera: Camera,
    /// Octets of the reel.
    pub reel: usize,
    /// Octets of a datagram's payload.
    pub datagram: u16,
    pub viewers: Vec<Viewer>,
    /// The camera delivers for this long ...
    pub length: Duration,
    /// ... and what is under way then may take this long, before everybody leaves.
    pub settle: Duration,
    /// The chance of each send to find the socket's buffer full, for up to 5 ms.
    pub blocked: f64,
    /// Each event is told on standard error; set by the environment's `TRACE`.
    pub trace: bool,
}

/// A camera that never tires.
#[derive(Clone, Copy, Debug)]
pub struct Camera {
    /// Frames a second.
    pub fps: f64,
    /// Octets of a frame, on average.
    pub mean: usize,
    /// A frame's octets lie between `mean * (1 - spread)` and `mean * (1 + spread)`.
    pub spread: f64,
}

/// One receiver and its path.
#[derive(Clone, Debug)]
pub struct Viewer {
    pub policy: Policy,
    pub patience: Patience,
    /// From camcast.
    pub down: Spec,
    /// To camcast.
    pub up: Spec,
    /// When it first joins; zero: a second before the camera starts.
    pub joins: Duration,
    /// Its program stands still: datagrams wait in the receive buffer, as far as that holds them.
    pub deaf: Vec<(Duration, Duration)>,
    /// Octets.
    pub receive_buffer: usize,
}

impl Viewer {
    /// A recorder with the same path both ways.
    pub fn every(path: &Spec) -> Self {
        Viewer {
            policy: Policy::Every,
            patience: Patience::Reel,
            down: path.clone(),
            up: path.clone(),
            joins: Duration::ZERO,
            deaf: Vec::new(),
            receive_buffer: RECEIVE_BUFFER,
        }
    }

    /// A viewer with the same path both ways, and camrec's 120 ms.
    pub fn newest(path: &Spec) -> Self {
        Viewer {
            policy: Policy::Newest,
            patience: Patience::Latency(Duration::from_millis(120)),
            ..Viewer::every(path)
        }
    }

    /// The same on a path that only delays.
    pub fn without_faults(&self) -> Self {
        Viewer {
            down: self.down.without_faults(),
            up: self.up.without_faults(),
            deaf: Vec::new(),
            ..self.clone()
        }
    }
}

impl Scene {
    /// 30 frames a second of 60 kB, a reel of 32 MiB, nobody there.
    pub fn new(seed: u64, length: Duration) -> Self {
        Scene {
            seed,
            camera: Camera { fps: 30.0, mean: 60_000, spread: 0.0 },
            reel: 32 << 20,
            datagram: 1452,
            viewers: Vec::new(),
            length,
            settle: Duration::from_secs(2),
            blocked: 0.0,
            trace: std::env::var_os("TRACE").is_some(),
        }
    }

    /// One more receiver.
    #[must_use]
    pub fn with(mut self, viewer: Viewer) -> Self {
        self.viewers.push(viewer);
        self
    }

    /// The same, with each path only delaying: what delays are compared with.
    pub fn without_faults(&self) -> Self {
        let viewers = self.viewers.iter().map(Viewer::without_faults).collect();
        Scene { viewers, blocked: 0.0, trace: false, ..self.clone() }
    }

    /// Simulates it.
    pub fn run(&self) -> Report {
        Bench::new(self.clone()).run()
    }

    fn captured(&self, number: u32) -> Time {
        START.after(Duration::from_secs_f64(f64::from(number) / self.camera.fps))
    }

    /// What the camera delivers as that frame.
    pub fn picture(&self, number: u32) -> &'static [u8] {
        let mut chance = Rng::new(self.seed ^ (u64::from(number) << 32));
        let share = chance.between(1.0 - self.camera.spread, 1.0 + self.camera.spread);
        let length = ((self.camera.mean as f64 * share) as usize).max(1);
        let noise = noise();
        let start = chance.next_u64() as usize % (noise.len() - length);
        &noise[start..start + length]
    }
}

/// Random octets, which every frame is a piece of.
fn noise() -> &'static [u8] {
    static NOISE: OnceLock<Vec<u8>> = OnceLock::new();
    NOISE.get_or_init(|| {
        let mut chance = Rng::new(0);
        (0..1 << 17).flat_map(|_| chance.next_u64().to_le_bytes()).collect()
    })
}

/// What has become of a frame at a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Delivered, in order, with its bytes right.
    Whole,
    /// Given up by name.
    Missing,
    /// Left out by the sender, and so reported.
    Skipped,
    /// Gone from the reel before the receiver came back.
    Gone,
}

/// A line of a receiver's account.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub number: u32,
    pub fate: Fate,
    /// When it was known, on the bench's clock.
    pub at: Time,
}

/// What one receiver got, and what that took.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// Frames in the order in which they came out, each exactly once.
    pub entries: Vec<Entry>,
    /// Frames that were captured from the first one that came out on.
    pub awaited: u32,
    /// Datagrams of frames that were sent for the first time.
    pub sent_first: u64,
    /// Datagrams of frames that were sent before.
    pub sent_again: u64,
    /// How often the fragment that was sent most often was sent.
    pub sent_most: u32,
    /// Fragments that came though they were here already.
    pub duplicates: u64,
    /// Datagrams that the receiver did not understand: there are none.
    pub malformed: u64,
    pub continues: u64,
    /// Octets of CONTINUEs.
    pub continue_bytes: u64,
    /// The most frames between the newest that was sent and the newest that has come out.
    pub most_in_flight: u32,
    /// Frames that came out though they had come out before a rejoin.
    pub repeats: u64,
    /// The ends of sessions, the last one included.
    pub overs: Vec<(Time, Over)>,
    /// The ends of sessions as the hub has them.
    pub left: Vec<(LeaveReason, Tally)>,
    pub down: Fates,
    pub up: Fates,
}

/// The result of a run.
pub struct Report {
    /// Frames that the camera delivered: numbers 1 to this.
    pub frames: u32,
    pub accounts: Vec<Account>,
}

impl Account {
    fn count(&self, fate: Fate) -> usize {
        self.entries.iter().filter(|entry| entry.fate == fate).count()
    }

    pub fn whole(&self) -> usize {
        self.count(Fate::Whole)
    }

    /// Frames that were given up or had gone.
    pub fn missing(&self) -> usize {
        self.count(Fate::Missing) + self.count(Fate::Gone)
    }

    pub fn skipped(&self) -> usize {
        self.count(Fate::Skipped)
    }

    /// Whether each frame to the last one came out in some way, and none of them twice.
    pub fn is_complete(&self) -> bool {
        self.entries.len() == self.awaited as usize && self.repeats == 0
    }

    /// Frames of which nothing had been said when the run ended.
    pub fn open(&self) -> usize {
        (self.awaited as usize).saturating_sub(self.entries.len())
    }

    /// Frames whole, in percent of those that were captured.
    pub fn whole_percent(&self) -> f64 {
        100.0 * self.whole() as f64 / f64::from(self.awaited.max(1))
    }

    /// Datagrams sent again, in percent of those sent for the first time.
    pub fn again_percent(&self) -> f64 {
        100.0 * self.sent_again as f64 / self.sent_first.max(1) as f64
    }

    /// The ranges of frames that are not whole: first and last.
    pub fn gaps(&self) -> Vec<(u32, u32)> {
        let mut gaps: Vec<(u32, u32)> = Vec::new();
        for entry in self.entries.iter().filter(|entry| entry.fate != Fate::Whole) {
            match gaps.last_mut() {
                Some(last) if last.1 + 1 == entry.number => last.1 = entry.number,
                _ => gaps.push((entry.number, entry.number)),
            }
        }
        gaps
    }

    /// How much later each frame came out than it did in the run without faults, sorted.
    pub fn delays(&self, clean: &Account) -> Vec<Duration> {
        let mut delays: Vec<Duration> = self.whole_at().map(|(n, at)| at.since(clean.time_of(n))).collect();
        delays.sort();
        delays
    }

    /// Time from capture to coming out, sorted.
    pub fn ages(&self, scene: &Scene) -> Vec<Duration> {
        let mut ages: Vec<Duration> = self.whole_at().map(|(n, at)| at.since(scene.captured(n))).collect();
        ages.sort();
        ages
    }

    /// The whole frames and when they came out.
    pub fn whole_at(&self) -> impl Iterator<Item = (u32, Time)> + '_ {
        let whole = self.entries.iter().filter(|entry| entry.fate == Fate::Whole);
        whole.map(|entry| (entry.number, entry.at))
    }

    /// Time between two frames that came out, sorted.
    pub fn intervals(&self) -> Vec<Duration> {
        let times: Vec<Time> = self.whole_at().map(|(_, at)| at).collect();
        let mut intervals: Vec<Duration> = times.windows(2).map(|pair| pair[1].since(pair[0])).collect();
        intervals.sort();
        intervals
    }

    fn time_of(&self, number: u32) -> Time {
        let first = self.entries.first().map_or(0, |entry| entry.number);
        let entry = number.checked_sub(first).and_then(|at| self.entries.get(at as usize));
        entry.map_or(Time::NEVER, |entry| entry.at)
    }

    /// How long after `since` the receiver came to be less than `lag` behind the camera for good.
    pub fn caught_up(&self, scene: &Scene, since: Duration, lag: Duration) -> Option<Duration> {
        let since = START.after(since);
        let is_late = |&(n, at): &(u32, Time)| at.since(scene.captured(n)) >= lag;
        let late: Vec<Time> = self.whole_at().filter(is_late).map(|(_, at)| at).collect();
        let last = self.entries.last()?;
        let is_over = late.last().is_none_or(|at| *at < last.at);
        is_over.then(|| late.last().map_or(Duration::ZERO, |at| at.since(since)))
    }
}

/// The value below which this share of the sorted ones lies.
pub fn percentile(sorted: &[Duration], share: f64) -> Duration {
    let at = (sorted.len() as f64 * share) as usize;
    sorted.get(at.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// A datagram on a path, with the receiver's port; or ICMP's answer that nobody listens there.
#[derive(Clone, Debug)]
struct Packet {
    port: u16,
    refused: bool,
    bytes: Vec<u8>,
}

impl AsRef<[u8]> for Packet {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Everything, and the clock.
pub struct Bench {
    scene: Scene,
    now: Time,
    server: Server,
    guests: Vec<Guest>,
    chance: Rng,
    next_frame: u32,
    is_parting: bool,
    guard: Guard,
    room: Vec<u8>,
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
    port: u16,
    /// Its buffer is full until then.
    blocked: Option<Time>,
}

/// A receiver at its end of the path.
struct Guest {
    viewer: Viewer,
    down: Link<Packet>,
    up: Link<Packet>,
    phase: Phase,
    backoff: Duration,
    sessions: u16,
    /// The stream that it knew, and the next frame.
    resume: Option<(StreamId, FrameNumber)>,
    /// The number that has to come out next.
    expected: Option<u32>,
    newest_sent: u32,
    /// How often each fragment of each frame was sent.
    sent: Vec<Vec<u32>>,
    /// What has come while it stood still.
    buffer: VecDeque<Packet>,
    buffered: usize,
    account: Account,
}

enum Phase {
    Waiting {
        until: Time,
    },
    /// The join line reaches camcast, and the answer takes as long again.
    Joining {
        at: Time,
        back: Duration,
    },
    /// The answer is on its way.
    Answered {
        at: Time,
        accepted: Accepted,
    },
    Live(Box<Session>),
    Gone,
}

struct Session {
    receiver: Receiver,
    port: u16,
    stream: StreamId,
    due: Time,
}

/// Who is to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Camera,
    Hub,
    Writable(usize),
    Down(usize),
    Up(usize),
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
        let limits = Limits { clients: scene.viewers.len() as u16 * 4 + 1, burst: GSO };
        let guests = scene.viewers.iter().map(|viewer| Guest::new(viewer, &mut chance)).collect();
        let server = Server {
            hub: Hub::new(limits, STREAM),
            reel: Reel::new(scene.reel, scene.datagram, STREAM),
            sockets: Vec::new(),
            due: Time::NEVER,
        };
        Bench {
            scene,
            now: START.before(LEAD),
            server,
            guests,
            chance,
            next_frame: 1,
            is_parting: false,
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
            offer(guest.up.next_timeout(), Who::Up(index));
            offer(guest.down.next_timeout(), Who::Down(index));
        }
        offer(camera, Who::Camera);
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
        match who {
            Who::Camera => self.capture(),
            Who::Hub => self.server.hub.handle_timeout(&self.server.reel, self.now),
            Who::Writable(index) => {
                self.server.sockets[index].blocked = None;
                let client = self.server.sockets[index].client;
                self.server.hub.handle_writable(client);
            }
            Who::Up(index) => self.arrive_up(index),
            Who::Down(index) => return self.arrive_down(index),
            Who::Buffered(index) => {
                let Some(packet) = self.guests[index].take_buffered() else { return };
                return self.hear(index, &packet);
            }
            Who::Guest(index) => return self.guest_timeout(index),
            Who::Part => return self.part(),
        }
        self.drain_server();
    }

    fn tell(&self, what: impl Fn() -> String) {
        if self.scene.trace {
            let ms = self.now.as_nanos() as f64 / 1e6 - START.as_nanos() as f64 / 1e6;
            eprintln!("{ms:10.3} ms  {}", what());
        }
    }

    fn capture(&mut self) {
        let picture = self.scene.picture(self.next_frame);
        let stamp = Stamp { captured: self.now, sequence: self.next_frame };
        let pushed = self.server.reel.push(picture, Size { width: 64, height: 48 }, stamp, 0);
        assert_eq!(pushed, Ok(FrameNumber(self.next_frame)));
        self.next_frame += 1;
    }

    fn arrive_up(&mut self, index: usize) {
        let Some(packet) = self.guests[index].up.poll(self.now) else { return };
        let Server { hub, reel, sockets, .. } = &mut self.server;
        let socket = sockets.iter().find(|socket| (socket.guest, socket.port) == (index, packet.port));
        match socket.map(|socket| socket.client) {
            Some(client) if packet.refused => hub.handle_refused(client, self.now),
            Some(client) => hub.handle_datagram(client, &packet.bytes, reel, self.now),
            None if packet.refused => {}
            None => hub.handle_stranger(address(index, packet.port), &packet.bytes, reel, self.now),
        }
    }

    fn arrive_down(&mut self, index: usize) {
        let guest = &mut self.guests[index];
        let Some(packet) = guest.down.poll(self.now) else { return };
        if guest.wakes_after(self.now) > self.now {
            guest.keep(packet);
        } else if guest.buffer.is_empty() {
            self.hear(index, &packet);
        } else {
            guest.keep(packet); // it is still reading
        }
    }

    /// A receiver takes a datagram from its socket.
    fn hear(&mut self, index: usize, packet: &Packet) {
        let now = self.now;
        self.tell(|| format!("{index} <- {}", describe(&packet.bytes)));
        let guest = &mut self.guests[index];
        match &mut guest.phase {
            Phase::Live(session) if session.port == packet.port => {
                session.receiver.handle_datagram(&packet.bytes, now.after(CLOCK_AHEAD));
                self.drain_guest(index);
            }
            _ => {
                let answer = Packet { port: packet.port, refused: true, bytes: vec![0; 56] };
                guest.up.send(now, answer);
            }
        }
    }

    fn guest_timeout(&mut self, index: usize) {
        let now = self.now;
        let guest = &mut self.guests[index];
        match &mut guest.phase {
            Phase::Waiting { .. } => guest.begin_join(now, &mut self.chance),
            Phase::Joining { back, .. } => {
                let back = *back;
                self.join(index, back);
                self.drain_server();
            }
            Phase::Answered { accepted, .. } => {
                let accepted = accepted.clone();
                guest.begin(&accepted, now);
                self.drain_guest(index);
            }
            Phase::Live(session) => {
                session.receiver.handle_timeout(now.after(CLOCK_AHEAD));
                self.drain_guest(index);
            }
            Phase::Gone => {}
        }
    }

    /// The join line has reached camcast.
    fn join(&mut self, index: usize, back: Duration) {
        let guest = &mut self.guests[index];
        let join = Join { policy: guest.viewer.policy, resume: guest.resume, agent: None };
        let route = Route { remote: address(index, 30_000), local: SocketAddr::from(([192, 0, 2, 1], 9999)) };
        let token = Token(self.chance.next_u64());
        match self.server.hub.join_native(join, route, token, &self.server.reel, self.now) {
            Reply::Ok(accepted) => guest.phase = Phase::Answered { at: self.now.after(back), accepted },
            Reply::Refused(_) => guest.wait(self.now),
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
                Output::Open { client, remote, .. } => {
                    let (guest, port) = whose(remote);
                    self.server.sockets.push(Socket { client, guest, port, blocked: None });
                }
                Output::Datagram { client, bytes } => {
                    let Some((_, guest, port)) = self.socket(client) else { continue };
                    self.tell(|| format!("  -> {guest} {}", describe(&bytes)));
                    let packet = Packet { port, refused: false, bytes: bytes.to_vec() };
                    self.guests[guest].down.send(self.now, packet);
                }
                Output::Close { client } => self.server.sockets.retain(|socket| socket.client != client),
                Output::Event(HubEvent::Left { remote, reason, tally, .. }) => {
                    self.tell(|| format!("{remote} left: {reason}"));
                    self.guests[whose(remote).0].account.left.push((reason, tally));
                }
                Output::Event(HubEvent::Joined { .. }) => {}
            }
        }
    }

    fn socket(&self, client: ClientId) -> Option<(usize, usize, u16)> {
        let at = self.server.sockets.iter().position(|socket| socket.client == client)?;
        let socket = &self.server.sockets[at];
        Some((at, socket.guest, socket.port))
    }

    /// Sends a train, one datagram after the other; or a part of it, if the socket is full.
    fn transmit(&mut self, transmit: &Transmit) {
        let Transmit::Train { client, number, fragments, again } = transmit else {
            panic!("a native client is sent {transmit:?}")
        };
        let Some((socket, index, port)) = self.socket(*client) else {
            panic!("no socket for {client:?} at {}", self.now)
        };
        let Some(frame) = self.server.reel.frame(*number) else {
            panic!("{number} is not in the reel at {}", self.now)
        };
        assert!(!fragments.is_empty() && fragments.end <= frame.fragments(), "{transmit:?} at {}", self.now);
        let mut end = fragments.end;
        if self.chance.chance(self.scene.blocked) {
            end = fragments.start + (self.chance.unit() * fragments.len() as f64) as u16;
        }
        let going = fragments.start..end;
        if self.scene.trace {
            let what = if *again { "AGAIN" } else { "DATA" };
            self.tell(|| format!("  -> {index} {what} {number} {going:?} of {}", frame.fragments()));
        }
        let guest = &mut self.guests[index];
        guest.count_sent(number.0, going.clone(), frame.fragments());
        for bytes in frame.datagrams(going).chunks(usize::from(self.scene.datagram)) {
            guest.down.send(self.now, Packet { port, refused: false, bytes: bytes.to_vec() });
        }
        if end < fragments.end {
            let until = self.now.after(self.chance.below(Duration::from_millis(5)));
            self.server.sockets[socket].blocked = Some(until);
            let (client, number, again) = (*client, *number, *again);
            let rest = Transmit::Train { client, number, fragments: end..fragments.end, again };
            self.server.hub.handle_blocked(&rest, &self.server.reel);
        }
    }

    /// A receiver's datagrams, then its events, as camrec has it.
    fn drain_guest(&mut self, index: usize) {
        let now = self.now;
        let mut over = None;
        {
            let Phase::Live(session) = &mut self.guests[index].phase else { return };
            self.room.resize(session.receiver.datagram_len(), 0);
            let mut out = Vec::new();
            for count in 0.. {
                assert!(count < OUTPUTS_A_DRAIN, "receiver {index} never stops talking at {now}");
                match session.receiver.poll_datagram(&mut self.room, now.after(CLOCK_AHEAD)) {
                    Some(bytes) => out.push(bytes.to_vec()),
                    None => break,
                }
            }
            let port = session.port;
            out.into_iter().for_each(|bytes| self.say(index, port, bytes));
        }
        for count in 0.. {
            assert!(count < OUTPUTS_A_DRAIN, "receiver {index} has no end of events at {now}");
            let Phase::Live(session) = &mut self.guests[index].phase else { return };
            let Some(event) = session.receiver.poll_event() else { break };
            if let Event::Over(why) = event {
                over = Some(why);
            } else {
                self.on_event(index, event);
            }
        }
        let guest = &mut self.guests[index];
        let Phase::Live(session) = &mut guest.phase else { return };
        session.due = session.receiver.next_timeout().before(CLOCK_AHEAD);
        if let Some(over) = over {
            guest.on_over(over, now);
            self.tell(|| format!("{index}: over, {over:?}"));
        }
    }

    fn say(&mut self, index: usize, port: u16, bytes: Vec<u8>) {
        self.tell(|| format!("{index} -> {}", describe(&bytes)));
        let guest = &mut self.guests[index];
        if bytes.first() == Some(&Kind::Continue.byte()) {
            guest.account.continues += 1;
            guest.account.continue_bytes += bytes.len() as u64;
        }
        guest.up.send(self.now, Packet { port, refused: false, bytes });
    }

    fn on_event(&mut self, index: usize, event: Event) {
        let (number, fate) = match &event {
            Event::Frame(frame) => (frame.number.0, Fate::Whole),
            Event::Missing(number) => (number.0, Fate::Missing),
            Event::Skipped(number) => (number.0, Fate::Skipped),
            Event::Over(_) => return,
        };
        self.tell(|| format!("{index}: {number} {fate:?}"));
        assert!(number < self.next_frame, "{number} was never captured ({fate:?} at {})", self.now);
        self.guests[index].note(number, fate, self.now);
        if let Event::Frame(frame) = event {
            assert_eq!(frame.stamp.sequence, number, "sequence");
            assert_eq!(frame.stamp.captured, self.scene.captured(number), "capture time");
            assert!(frame.bytes == self.scene.picture(number), "frame {number} has other bytes");
            if let Phase::Live(session) = &mut self.guests[index].phase {
                session.receiver.recycle(frame.bytes);
            }
        }
    }

    /// Everybody leaves.
    fn part(&mut self) {
        self.is_parting = true;
        for index in 0..self.guests.len() {
            match &mut self.guests[index].phase {
                Phase::Live(session) => session.receiver.leave(self.now.after(CLOCK_AHEAD)),
                phase => *phase = Phase::Gone,
            }
            self.drain_guest(index);
        }
    }

    fn close(mut self) -> Report {
        assert!(self.guests.iter().all(Guest::is_gone), "a receiver does not end");
        assert_eq!(self.server.hub.clients(), 0, "the hub keeps a client");
        let frames = self.next_frame - 1;
        for guest in &mut self.guests {
            guest.account.down = guest.down.fates();
            guest.account.up = guest.up.fates();
            let first = guest.account.entries.first().map_or(frames + 1, |entry| entry.number);
            guest.account.awaited = frames + 1 - first;
            assert_eq!(guest.account.malformed, 0, "nothing malforms datagrams here");
        }
        let accounts = self.guests.into_iter().map(|guest| guest.account).collect();
        Report { frames, accounts }
    }
}

impl Guest {
    fn new(viewer: &Viewer, chance: &mut Rng) -> Self {
        Guest {
            viewer: viewer.clone(),
            down: Link::new(viewer.down.clone(), chance.next_u64(), START),
            up: Link::new(viewer.up.clone(), chance.next_u64(), START),
            phase: Phase::Waiting {
                until: if viewer.joins.is_zero() { START.before(LEAD) } else { START.after(viewer.joins) },
            },
            backoff: BACKOFF_FIRST,
            sessions: 0,
            resume: None,
            expected: None,
            newest_sent: 0,
            sent: Vec::new(),
            buffer: VecDeque::new(),
            buffered: 0,
            account: Account::default(),
        }
    }

    fn is_gone(&self) -> bool {
        matches!(self.phase, Phase::Gone)
    }

    fn next_timeout(&self) -> Time {
        match &self.phase {
            Phase::Waiting { until } => *until,
            Phase::Joining { at, .. } | Phase::Answered { at, .. } => *at,
            Phase::Live(session) => session.due,
            Phase::Gone => Time::NEVER,
        }
    }

    /// When its program runs again; now, unless it stands still.
    fn wakes_after(&self, now: Time) -> Time {
        let since = now.since(START);
        let nap = self.viewer.deaf.iter().find(|(from, until)| (*from..*until).contains(&since));
        nap.map_or(now, |(_, until)| START.after(*until))
    }

    fn keep(&mut self, packet: Packet) {
        if self.buffered + packet.bytes.len() <= self.viewer.receive_buffer {
            self.buffered += packet.bytes.len();
            self.buffer.push_back(packet);
        }
    }

    fn take_buffered(&mut self) -> Option<Packet> {
        let packet = self.buffer.pop_front()?;
        self.buffered -= packet.bytes.len();
        Some(packet)
    }

    /// The TCP part of a join: the first SYN that gets through, then a line each way. What is lost is sent again.
    fn begin_join(&mut self, now: Time, chance: &mut Rng) {
        let (up, down) = (self.up.spec(), self.down.spec());
        let is_open = |at: Time| !up.is_out(at.since(START)) && !down.is_out(at.since(START));
        let through = SYNS.iter().map(|wait| now.after(*wait)).find(|at| is_open(*at));
        let Some(start) = through else {
            // the attempt takes its whole patience
            self.wait(now.after(JOIN_PATIENCE));
            return;
        };
        let mut way = |spec: &Spec| {
            let losses = (0..4).take_while(|_| chance.chance(spec.loss)).count() as u32;
            spec.delay + TCP_RTO * losses
        };
        let at = start.after(way(up)).after(way(down)).after(way(up));
        let back = way(down);
        self.phase = Phase::Joining { at, back };
    }

    fn wait(&mut self, now: Time) {
        self.phase = Phase::Waiting { until: now.after(self.backoff) };
        self.backoff = (self.backoff * 2).min(BACKOFF_LAST);
    }

    /// A session begins. What has gone since the last one is missing by name.
    fn begin(&mut self, accepted: &Accepted, now: Time) {
        if let Some(expected) = self.expected {
            (expected..accepted.next.0).for_each(|number| self.note(number, Fate::Gone, now));
        }
        self.resume = Some((accepted.stream, accepted.next));
        self.sessions += 1;
        let receiver = Receiver::new(accepted, self.viewer.patience, now.after(CLOCK_AHEAD));
        let due = receiver.next_timeout().before(CLOCK_AHEAD);
        let (port, stream) = (40_000 + self.sessions, accepted.stream);
        self.phase = Phase::Live(Box::new(Session { receiver, port, stream, due }));
    }

    fn on_over(&mut self, over: Over, now: Time) {
        let Phase::Live(session) = &self.phase else { return };
        let counters = session.receiver.counters();
        self.account.duplicates += counters.duplicates;
        self.account.malformed += counters.malformed;
        self.resume = Some((session.stream, session.receiver.next_frame()));
        self.account.overs.push((now, over));
        match over {
            Over::Left => self.phase = Phase::Gone,
            _ => self.wait(now),
        }
    }

    /// A number comes out: each once, and in order.
    fn note(&mut self, number: u32, fate: Fate, at: Time) {
        let expected = *self.expected.get_or_insert(number);
        if number < expected && self.sessions > 1 {
            self.account.repeats += 1;
            return;
        }
        assert_eq!(number, expected, "out of order at {at}: {fate:?}");
        self.expected = Some(number + 1);
        self.account.entries.push(Entry { number, fate, at });
        if fate == Fate::Whole {
            self.backoff = BACKOFF_FIRST;
        }
    }

    fn count_sent(&mut self, number: u32, fragments: std::ops::Range<u16>, count: u16) {
        let at = number as usize;
        if self.sent.len() <= at {
            self.sent.resize(at + 1, Vec::new());
        }
        let times = &mut self.sent[at];
        times.resize(usize::from(count), 0);
        let account = &mut self.account;
        for index in fragments {
            let times = &mut times[usize::from(index)];
            *times += 1;
            *(if *times == 1 { &mut account.sent_first } else { &mut account.sent_again }) += 1;
            account.sent_most = account.sent_most.max(*times);
        }
        self.newest_sent = self.newest_sent.max(number);
        let done = self.expected.map_or(number, |expected| expected - 1);
        account.most_in_flight = account.most_in_flight.max(self.newest_sent.saturating_sub(done));
    }
}

/// The receiver's address, whose third octet is its index.
fn address(guest: usize, port: u16) -> SocketAddr {
    SocketAddr::from(([198, 51, guest as u8, 7], port))
}

fn whose(remote: SocketAddr) -> (usize, u16) {
    match remote {
        SocketAddr::V4(v4) => (usize::from(v4.ip().octets()[2]), v4.port()),
        SocketAddr::V6(_) => panic!("no such receiver: {remote}"),
    }
}

/// A datagram, for the trace.
fn describe(bytes: &[u8]) -> String {
    use camcast::wire::client::FromClient;
    use camcast::wire::server::Beat;
    if let Ok(data) = Data::parse(bytes) {
        return format!("DATA {} {}/{}", data.header.number, data.header.index, data.header.count());
    }
    if let Ok(beat) = Beat::parse(bytes) {
        return format!("BEAT newest {} oldest {} skipped {:b}", beat.newest, beat.oldest, beat.skipped);
    }
    match FromClient::parse(bytes) {
        Ok(FromClient::Continue(c)) => {
            let list = c.missing.iter().map(|m| format!(" {}:{}+{}", m.number, m.first, m.count));
            let list: String = list.collect();
            let urgent = if c.urgent { " URGENT" } else { "" };
            format!(
                "CONTINUE{urgent} through {} seen {} rtt {} loss {}{list}",
                c.through, c.seen, c.rtt_us, c.loss
            )
        }
        Ok(FromClient::Hello(hello)) => format!("HELLO{}", if hello.narrow { " narrow" } else { "" }),
        Ok(FromClient::End(_)) => "END".into(),
        Err(_) => format!("{bytes:02x?}"),
    }
}
