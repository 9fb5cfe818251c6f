//! A bad network in front of a real server: TCP and UDP on one port, in real time.
//!
//! ```text
//!  client -- TCP --> proxy ----------- TCP --> server    joins, untouched; they wait while the path is out
//!  client <- UDP --> proxy <- a socket  UDP -> server    through a Link each way
//!            (one port)       a client
//! ```
//! One thread, one poll loop. What the proxy loses beyond what its links lose would make every figure a lie: queues
//! of its sockets that were full and sends that failed are counted in [`Seen::own_losses`], and there may be none.

use super::PATIENCE;
use super::native::DATA;
use super::netem::{Fates, Link, Rng, Spec};
use super::procs::own_loopback;
use camcast::sys::clock;
use camcast::sys::poll::{self, PollFlags};
use camcast::sys::tcp::{self, Accepted, Heard};
use camcast::sys::udp::{self, Received, Sent};
use camcast::time::Time;
use camcast::wire::data::PARITY;
use nix::poll::PollFd;
use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, OnceLock, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Asked for each socket's queue: more than a second of 30 Mbit/s, should the thread not get to run.
const BUFFER: usize = 8 * 1024 * 1024;

/// Datagrams that are said again a turn.
const AGAIN_A_TURN: usize = 20;

/// Receives from one socket a turn, so that what is due is sent in time.
const RECEIVES_A_TURN: usize = 16;

/// The running proxy. Clients join at its address. Dropped, it ends.
pub struct Proxy {
    pub address: SocketAddr,
    zero: Arc<OnceLock<Time>>,
    /// Closed, it ends the thread; and a byte has it say again what it has kept.
    bell: Option<UnixStream>,
    said: mpsc::Receiver<usize>,
    thread: Option<JoinHandle<Seen>>,
}

/// What the proxy has seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// What each client that connected said over TCP.
    pub joins: Vec<String>,
    pub up: Fates,
    pub down: Fates,
    /// How often the server sent each fragment, by frame and index, to whichever session.
    pub sent: HashMap<(u32, u16), u32>,
    /// Parity rows that the server sent: all in answer to a request.
    pub rows: u64,
    /// Each frame's capture time, as DATA has it: here it is this machine's clock.
    pub captured: HashMap<u32, Time>,
    /// Datagrams of the server's in which a bit was changed.
    pub tampered: u64,
    /// Datagrams lost here, and by no link.
    pub own_losses: u64,
}

impl Seen {
    /// Datagrams sent again, in percent of those sent for the first time.
    pub fn again_percent(&self) -> f64 {
        let all: u64 = self.sent.values().map(|count| u64::from(*count)).sum();
        let first = self.sent.len() as u64;
        100.0 * (all - first + self.rows) as f64 / first.max(1) as f64
    }

    /// How often the fragment was sent that was sent most often.
    pub fn sent_most(&self) -> u32 {
        self.sent.values().copied().max().unwrap_or(0)
    }

    fn note_data(&mut self, datagram: &[u8]) {
        if datagram.len() < 28 || datagram[0] != DATA {
            return;
        }
        let number = u32::from_be_bytes(datagram[4..8].try_into().unwrap());
        let index = u16::from_be_bytes(datagram[12..14].try_into().unwrap());
        let captured = u64::from_be_bytes(datagram[16..24].try_into().unwrap());
        if datagram[1] & PARITY != 0 {
            self.rows += 1;
            return;
        }
        *self.sent.entry((number, index)).or_default() += 1;
        self.captured.insert(number, Time::from_nanos(captured));
    }
}

impl Proxy {
    /// Before `server`, on a loopback address that no other test has. Outages count from the first join.
    pub fn start(server: SocketAddr, up: &Spec, down: &Spec, seed: u64) -> Self {
        Proxy::start_tampering(server, up, down, seed, 0.0)
    }

    /// The same, and a bit is changed in this share of what the server sends.
    pub fn start_tampering(server: SocketAddr, up: &Spec, down: &Spec, seed: u64, share: f64) -> Self {
        Proxy::start_with(server, up, down, seed, (share, false))
    }

    /// A good path, by somebody who keeps all datagrams, to [say them again](Self::say_again).
    pub fn start_keeping(server: SocketAddr) -> Self {
        Proxy::start_with(server, &Spec::default(), &Spec::default(), 1, (0.0, true))
    }

    /// Says all datagrams again that were kept when this is called, each to the end that it was for, as the newest client and its server
    /// know each other by now. Waits until all are said; how many they were.
    #[track_caller]
    pub fn say_again(&self) -> usize {
        self.bell.as_ref().unwrap().write_all(b"!").unwrap();
        self.said.recv_timeout(PATIENCE).expect("the proxy says it all again")
    }

    fn start_with(
        server: SocketAddr,
        up: &Spec,
        down: &Spec,
        seed: u64,
        (share, keeps): (f64, bool),
    ) -> Self {
        let listener = tcp::listener(format!("{}:0", own_loopback()).parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let front = udp::bound(address).unwrap();
        udp::set_receive_buffer(&front, BUFFER);
        let (bell, ring) = UnixStream::pair().unwrap();
        let zero = Arc::new(OnceLock::new());
        ring.set_nonblocking(true).unwrap();
        let (told, said) = mpsc::channel();
        let path = Path {
            server,
            keeps,
            kept: Vec::new(),
            again: 0..0,
            told,
            specs: [up.clone(), down.clone()],
            seed,
            tampering: (share, Rng::new(seed)),
            zero: Arc::clone(&zero),
            listener,
            pairs: Vec::new(),
            front,
            routes: Vec::new(),
            room: vec![0; 1 << 16],
            seen: Seen::default(),
        };
        let thread = thread::Builder::new().name("proxy".into()).spawn(move || path.run(&ring));
        Proxy { address, zero, bell: Some(bell), said, thread: Some(thread.unwrap()) }
    }

    /// When the first client joined.
    pub fn zero(&self) -> Option<Time> {
        self.zero.get().copied()
    }

    /// Ends it.
    #[track_caller]
    pub fn end(mut self) -> Seen {
        self.bell = None;
        let seen = self.thread.take().unwrap().join().expect("the proxy failed");
        assert_eq!(seen.own_losses, 0, "the proxy itself has lost datagrams: {seen:?}");
        seen
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.bell = None;
        // a failure has been told where it happened
        self.thread.take().map(JoinHandle::join);
    }
}

/// The thread's own.
struct Path {
    server: SocketAddr,
    /// Up and down.
    specs: [Spec; 2],
    seed: u64,
    tampering: (f64, Rng),
    zero: Arc<OnceLock<Time>>,
    listener: TcpListener,
    pairs: Vec<Pair>,
    front: UdpSocket,
    routes: Vec<Route>,
    room: Vec<u8>,
    seen: Seen,
    keeps: bool,
    /// All datagrams; true: the server's.
    kept: Vec<(bool, Vec<u8>)>,
    /// Those of them that are to be said again.
    again: Range<usize>,
    told: mpsc::Sender<usize>,
}

/// A join: what one end says the other hears.
struct Pair {
    client: TcpStream,
    server: TcpStream,
    /// The client's and the server's words may still come.
    is_open: [bool; 2],
    /// Which of `Seen::joins` it is.
    number: usize,
}

/// One address that datagrams came from.
struct Route {
    client: SocketAddr,
    upstream: UdpSocket,
    up: Link,
    down: Link,
}

impl Path {
    fn run(mut self, ring: &UnixStream) -> Seen {
        while !self.wait(ring) {
            self.accept();
            self.relay_joins();
            self.hear_clients();
            self.hear_server();
            self.deliver();
            self.repeat();
        }
        for route in &self.routes {
            self.seen.up += route.up.fates();
            self.seen.down += route.down.fates();
        }
        let upstreams = self.routes.iter().map(|route| &route.upstream);
        self.seen.own_losses += upstreams.chain([&self.front]).map(kernel_drops).sum::<u64>();
        self.seen
    }

    /// Sleeps until something has come or is due. True: that is the end.
    fn wait(&mut self, mut ring: &UnixStream) -> bool {
        let now = clock::now();
        let links = self.routes.iter().flat_map(|route| [&route.up, &route.down]);
        let mut until = links.map(Link::next_timeout).min().unwrap_or(Time::NEVER);
        let mut fds: Vec<BorrowedFd<'_>> = vec![ring.as_fd(), self.front.as_fd()];
        fds.extend(self.routes.iter().map(|route| route.upstream.as_fd()));
        match self.out_until(now) {
            Some(end) => until = until.min(end),
            None => fds.extend(self.join_fds()),
        }
        let mut fds: Vec<PollFd<'_>> = fds.into_iter().map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        if !self.again.is_empty() {
            until = until.min(now.after(Duration::from_millis(1)));
        }
        poll::wait(&mut fds, until, now).unwrap();
        match poll::is_readable(&fds[0]).then(|| ring.read(&mut [0; 8])) {
            None => false,
            Some(Ok(1..)) => {
                self.again = 0..self.kept.len();
                false
            }
            Some(_) => true,
        }
    }

    /// Says some more of what was kept, from the very sockets by which the two ends know each other.
    fn repeat(&mut self) {
        let Some(route) = self.routes.last().filter(|_| !self.again.is_empty()) else { return };
        for (is_servers, datagram) in self.again.by_ref().take(AGAIN_A_TURN).map(|at| &self.kept[at]) {
            // one that finds no room is one less
            let _ = match is_servers {
                true => self.front.send_to(datagram, route.client),
                false => route.upstream.send(datagram),
            };
        }
        if self.again.is_empty() {
            // nobody may wait for it any more
            let _ = self.told.send(self.again.end);
        }
    }

    fn join_fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let open = self.pairs.iter().flat_map(|pair| {
            [&pair.client, &pair.server].into_iter().zip(pair.is_open).filter(|(_, is_open)| *is_open)
        });
        open.map(|(stream, _)| stream.as_fd()).chain([self.listener.as_fd()])
    }

    /// The end of an outage in either direction.
    fn out_until(&self, now: Time) -> Option<Time> {
        let zero = *self.zero.get()?;
        let outages = self.specs.iter().flat_map(|spec| &spec.outages);
        let now_out = outages.filter(|(from, until)| (*from..*until).contains(&now.since(zero)));
        now_out.map(|(_, until)| zero.after(*until)).max()
    }

    fn accept(&mut self) {
        if self.out_until(clock::now()).is_some() {
            return;
        }
        while let Accepted::Connection(client, _) = tcp::accept(&self.listener).unwrap() {
            self.zero.get_or_init(clock::now);
            let server = TcpStream::connect(self.server).unwrap();
            server.set_nonblocking(true).unwrap();
            self.pairs.push(Pair { client, server, is_open: [true; 2], number: self.seen.joins.len() });
            self.seen.joins.push(String::new());
        }
    }

    fn relay_joins(&mut self) {
        if self.out_until(clock::now()).is_some() {
            return;
        }
        for pair in &mut self.pairs {
            if let Some(said) = relay(&pair.client, &pair.server, &mut pair.is_open[0], &mut self.room) {
                self.seen.joins[pair.number].push_str(&String::from_utf8_lossy(said));
            }
            relay(&pair.server, &pair.client, &mut pair.is_open[1], &mut self.room);
        }
        self.pairs.retain(|pair| pair.is_open != [false; 2]);
    }

    fn hear_clients(&mut self) {
        for _ in 0..RECEIVES_A_TURN {
            match udp::receive_from(&self.front, &mut self.room) {
                Received::Some((len, from)) => {
                    let place = self.route(from);
                    let datagram = self.room[..len].to_vec();
                    if self.keeps {
                        self.kept.push((false, datagram.clone()));
                    }
                    self.routes[place].up.send(clock::now(), datagram);
                }
                Received::Nothing => return,
                Received::Refused => {}
                Received::Error(errno) => panic!("receive: {errno}"),
            }
        }
    }

    fn route(&mut self, client: SocketAddr) -> usize {
        if let Some(place) = self.routes.iter().position(|route| route.client == client) {
            return place;
        }
        let upstream = udp::connected(self.server).unwrap();
        udp::set_receive_buffer(&upstream, BUFFER);
        udp::set_gro(&upstream);
        let zero = *self.zero.get_or_init(clock::now);
        let seeds = link_seeds(self.seed, self.routes.len());
        let link = |direction: usize| Link::new(self.specs[direction].clone(), seeds[direction], zero);
        let (up, down) = (link(0), link(1));
        self.routes.push(Route { client, upstream, up, down });
        self.routes.len() - 1
    }

    fn hear_server(&mut self) {
        for route in &mut self.routes {
            for _ in 0..RECEIVES_A_TURN {
                match udp::receive_train(&route.upstream, &mut self.room) {
                    Received::Some(train) => {
                        let now = clock::now();
                        for datagram in self.room[..train.len].chunks(train.segment.max(1)) {
                            self.seen.note_data(datagram);
                            if self.keeps {
                                self.kept.push((true, datagram.to_vec()));
                            }
                            route.down.send(now, datagram.to_vec());
                        }
                    }
                    Received::Nothing => break,
                    // what was sent to a session that is over
                    Received::Refused => {}
                    Received::Error(errno) => panic!("receive: {errno}"),
                }
            }
        }
    }

    /// Sends what is due.
    fn deliver(&mut self) {
        let now = clock::now();
        for route in &mut self.routes {
            while let Some(datagram) = route.up.poll(now) {
                let send = || udp::send_bytes(&route.upstream, &datagram);
                // a socket tells of an earlier datagram's ICMP answer instead of sending this one
                let sent = Some(send()).filter(|sent| *sent != Sent::Refused).unwrap_or_else(send);
                self.seen.own_losses += u64::from(!matches!(sent, Sent::Ok | Sent::Refused));
            }
            while let Some(mut datagram) = route.down.poll(now) {
                let (share, chance) = &mut self.tampering;
                if chance.chance(*share) {
                    let at = chance.between(0.0, datagram.len() as f64) as usize;
                    datagram[at] ^= 1 << (chance.next_u64() % 8);
                    self.seen.tampered += 1;
                }
                self.seen.own_losses += u64::from(self.front.send_to(&datagram, route.client).is_err());
            }
        }
    }
}

/// The seeds of the two links, up and down, of the address that sent as the `nth`, from 0.
pub fn link_seeds(seed: u64, nth: usize) -> [u64; 2] {
    let first = seed * 1000 + 2 * nth as u64;
    [first, first + 1]
}

/// Hands on what `from` has said, and its end.
fn relay<'a>(
    from: &TcpStream,
    mut to: &TcpStream,
    is_open: &mut bool,
    room: &'a mut [u8],
) -> Option<&'a [u8]> {
    if !*is_open {
        return None;
    }
    match tcp::read(from, room) {
        Heard::Bytes(count) => {
            // a join's few hundred bytes always fit; whether the other is still there is its own business
            let _ = to.write_all(&room[..count]);
            Some(&room[..count])
        }
        Heard::Nothing => None,
        Heard::Closed | Heard::Broken => {
            *is_open = false;
            let _ = to.shutdown(Shutdown::Write);
            None
        }
    }
}

/// Datagrams that the kernel has dropped because the socket's queue was full (proc_net_udp(5): the last column).
fn kernel_drops(socket: &UdpSocket) -> u64 {
    let inode = fs::metadata(format!("/proc/self/fd/{}", socket.as_raw_fd())).unwrap().ino().to_string();
    let table = fs::read_to_string("/proc/net/udp").unwrap();
    let mut rows = table.lines().map(|row| row.split_ascii_whitespace().collect::<Vec<_>>());
    let row = rows.find(|row| row.get(9) == Some(&&inode[..])).expect("the socket is in /proc/net/udp");
    row[12].parse().unwrap()
}
