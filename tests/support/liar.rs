//! A server that lets camrec in and lies to it, in one way after the other, as fast as a thread can: its own bytes, by
//! docs/PROTOCOL.md and against it.

use super::native::{BEAT, CONTINUE, DATA, HELLO, SERVER_END, crc32, tag_of, u32_at};
use super::pictures::noise;
use super::{Noise, PATIENCE, deadline, left};
use camcast::sys::clock;
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Flags of DATA.
const SLATE: u8 = 2;
const PARITY: u8 = 4;

/// Payload bytes of a fragment.
const SIZE: u16 = 1416;

/// Connections that it has at once.
const CALLERS: usize = 64;

/// How it lies, one way at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// It does not: frames come, one each 10 ms or so, of another stream than before.
    #[default]
    Honest,
    /// It takes the join and says nothing.
    Mute,
    /// It says its answer by and by, and never the end of it.
    Drips,
    /// It closes the connection at once.
    HangsUp,
    /// It refuses, each time for another reason in other words.
    Refuses,
    /// It says what a terminal would obey, or what is no text.
    Escapes,
    /// It says without end.
    Endless,
    /// It is of another version, or is something else altogether.
    Versions,
    /// It accepts by words with all values that these can have.
    OddWords,
    /// It accepts, and never answers HELLO.
    Deaf,
    /// It answers HELLO, and falls silent.
    Silent,
    /// It ends each session as soon as it has begun.
    Ends,
    /// The same, and each session is another stream's, of one frame.
    Streams,
    /// Datagrams of any bytes, and of any fields.
    Noise,
    /// Frames that are as long as each of their fragments says.
    Lengths,
    /// Fragments that a frame has not, of sizes that cannot be.
    Counts,
    /// Frames of numbers far and near.
    Numbers,
    /// What is another stream's.
    Epochs,
    /// Frames that are not what their check says.
    Checks,
    /// Frames that lack half, for ever.
    Holes,
    /// Announced is the largest frame that there can be, again and again.
    Giants,
    /// The same, and it makes room by a frame that was none: what memory is left then is used for small ones.
    Changelings,
    /// Parity rows that nobody has asked for.
    Rows,
    /// Pictures that stand in for frames.
    Slates,
    /// Datagrams of a byte.
    Dribble,
    /// Pictures of two sizes in turn.
    Sizes,
    /// Tiny ones, each of another size.
    Motes,
    /// Frames that are no JPEG.
    NoJpegs,
    /// Pictures that say they are 65,500 pixels wide and high.
    Huge,
    /// Frames captured at any time.
    Times,
    /// A driver that counts as it likes, and a camera that was away before each frame.
    Counters,
    /// The newest frame is far ahead, and again.
    Leaps,
    /// The oldest frame is newer than the newest.
    Oldest,
    /// Frames that were left out.
    Skips,
    /// The camera goes and comes.
    Flickers,
    /// Round trips that cannot be.
    Echoes,
}

/// What it does to joins.
pub const JOINS: [Way; 12] = [
    Way::Mute,
    Way::Drips,
    Way::HangsUp,
    Way::Refuses,
    Way::Escapes,
    Way::Endless,
    Way::Versions,
    Way::OddWords,
    Way::Deaf,
    Way::Silent,
    Way::Ends,
    Way::Streams,
];

/// What it does by datagrams of which no frame is put together.
pub const DATAGRAMS: [Way; 12] = [
    Way::Noise,
    Way::Lengths,
    Way::Counts,
    Way::Numbers,
    Way::Epochs,
    Way::Checks,
    Way::Holes,
    Way::Giants,
    Way::Changelings,
    Way::Rows,
    Way::Slates,
    Way::Dribble,
];

/// What its frames say.
pub const FRAMES: [Way; 5] = [Way::Sizes, Way::Motes, Way::NoJpegs, Way::Times, Way::Counters];

/// What it says between them.
pub const BEATS: [Way; 5] = [Way::Leaps, Way::Oldest, Way::Skips, Way::Flickers, Way::Echoes];

/// The running server. Dropped, it ends.
pub struct Liar {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    order: Mutex<Order>,
    news: Condvar,
}

#[derive(Default)]
struct Order {
    way: Way,
    /// How often it has lied in this way; or, honest, how many frames the client is done with.
    acts: u64,
    is_over: bool,
}

impl Liar {
    pub fn start() -> Self {
        let both = (0..20).find_map(|_| {
            let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
            let udp = UdpSocket::bind(tcp.local_addr().unwrap()).ok()?;
            Some((tcp, udp))
        });
        let (tcp, udp) = both.expect("one of twenty ports is free for both");
        tcp.set_nonblocking(true).unwrap();
        udp.set_nonblocking(true).unwrap();
        let (address, shared) = (tcp.local_addr().unwrap(), Arc::new(Shared::default()));
        let thread = Thread::new(tcp, udp, Arc::clone(&shared));
        Liar { address, shared, thread: Some(thread::spawn(move || thread.run())) }
    }

    /// From now on it lies in this way.
    pub fn be(&self, way: Way) {
        *self.shared.order.lock().unwrap() = Order { way, ..Order::default() };
    }

    /// Waits until it has lied so often, or has had so many frames recorded.
    #[track_caller]
    pub fn wait_acts(&self, acts: u64) {
        self.wait_acts_within(PATIENCE, acts).unwrap_or_else(|(way, had)| panic!("{way:?}: {had} of {acts}"));
    }

    /// The same, for no longer than this.
    ///
    /// # Errors
    /// The way, and how often it was.
    pub fn wait_acts_within(&self, wait: Duration, acts: u64) -> Result<(), (Way, u64)> {
        let (until, mut order) = (deadline(wait), self.shared.order.lock().unwrap());
        while order.acts < acts {
            let (again, timeout) = self.shared.news.wait_timeout(order, left(until)).unwrap();
            order = again;
            if timeout.timed_out() {
                return if order.acts < acts { Err((order.way, order.acts)) } else { Ok(()) };
            }
        }
        Ok(())
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.shared.order.lock().unwrap().is_over = true;
        // a failure has been told where it happened
        self.thread.take().map(JoinHandle::join);
    }
}

/// What a datagram of a frame says.
#[derive(Clone, Copy)]
struct Head {
    flags: u8,
    epoch: [u8; 2],
    number: u32,
    length: u32,
    index: u16,
    size: u16,
    captured: u64,
    sequence: u32,
    check: u32,
    tag: u32,
}

impl Head {
    fn with(&self, payload: &[u8]) -> Vec<u8> {
        let mut datagram = vec![DATA, self.flags];
        datagram.extend(self.epoch);
        datagram.extend(self.number.to_be_bytes());
        datagram.extend(self.length.to_be_bytes());
        datagram.extend(self.index.to_be_bytes());
        datagram.extend(self.size.to_be_bytes());
        datagram.extend(self.captured.to_be_bytes());
        datagram.extend(self.sequence.to_be_bytes());
        datagram.extend(self.check.to_be_bytes());
        datagram.extend(self.tag.to_be_bytes());
        datagram.extend(payload);
        datagram
    }
}

/// What a BEAT says.
struct Beat {
    flags: u8,
    newest: u32,
    oldest: u32,
    echo: u32,
    held: u32,
    skipped: u32,
    pixels: u32,
}

/// A connection, and how much of an answer it has got.
struct Caller {
    tcp: TcpStream,
    line: Vec<u8>,
    said: usize,
}

/// The thread's own.
struct Thread {
    tcp: TcpListener,
    udp: UdpSocket,
    shared: Arc<Shared>,
    way: Way,
    callers: VecDeque<Caller>,
    stream: u64,
    token: [u8; 8],
    /// How it lied when it let the client in.
    accepted: Way,
    client: Option<SocketAddr>,
    /// The newest frame, and the client's latest stamp.
    number: u32,
    stamp: u32,
    turns: u64,
    noise: Noise,
    pictures: Vec<Vec<u8>>,
    large: Vec<u8>,
}

impl Thread {
    fn new(tcp: TcpListener, udp: UdpSocket, shared: Arc<Shared>) -> Self {
        let picture = |side: usize| noise(8 + side, 40 - side / 2, 40, side as u64);
        Thread {
            tcp,
            udp,
            shared,
            way: Way::Honest,
            callers: VecDeque::new(),
            stream: 0x00c0_ffee_0000_0001,
            token: [0; 8],
            accepted: Way::Honest,
            client: None,
            number: 0,
            stamp: 0,
            turns: 0,
            noise: Noise::new(16),
            pictures: (0..48).map(picture).collect(),
            large: noise(320, 240, 90, 7),
        }
    }

    fn run(mut self) {
        while self.take_order() {
            self.turns += 1;
            self.accept();
            self.hear_callers();
            self.hear_client();
            if self.client.is_some() {
                self.act();
            }
            thread::park_timeout(Duration::from_millis(1));
        }
    }

    fn take_order(&mut self) -> bool {
        let (way, is_over) = {
            let order = self.shared.order.lock().unwrap();
            (order.way, order.is_over)
        };
        if way != self.way {
            self.way = way;
            self.callers.clear();
            if way == Way::Honest || way == Way::Rows || JOINS.contains(&way) {
                self.end_session();
            }
        }
        !is_over
    }

    fn done(&self, acts: u64) {
        let mut order = self.shared.order.lock().unwrap();
        if order.way == self.way {
            order.acts += acts;
            self.shared.news.notify_all();
        }
    }

    fn any(&mut self, of: &[u32]) -> u32 {
        of[self.noise.below(of.len())]
    }

    fn word(&mut self) -> u32 {
        (self.noise.next() >> 16) as u32
    }

    fn epoch(&self) -> [u8; 2] {
        let [.., high, low] = self.stream.to_be_bytes();
        [high, low]
    }

    fn send(&self, datagram: &[u8]) {
        // what the socket does not take is one lie less
        let _ = self.client.map(|client| self.udp.send_to(datagram, client));
    }

    fn end_session(&mut self) {
        if self.client.is_none() {
            return;
        }
        let reason = 1 + (self.turns % 9) as u8;
        let end = [&[SERVER_END, reason][..], &self.epoch(), &self.token, &self.number.to_be_bytes()];
        self.send(&end.concat());
        (self.client, self.stream, self.number) = (None, self.stream.wrapping_add(1), 0);
    }
}

/// Joins.
impl Thread {
    fn accept(&mut self) {
        while let Ok((tcp, _)) = self.tcp.accept() {
            tcp.set_nonblocking(true).unwrap();
            self.callers.push_back(Caller { tcp, line: Vec::new(), said: 0 });
            if self.callers.len() > CALLERS {
                self.callers.pop_front();
            }
        }
    }

    fn hear_callers(&mut self) {
        for mut caller in std::mem::take(&mut self.callers) {
            let mut bytes = [0; 512];
            match caller.tcp.read(&mut bytes) {
                Ok(count @ 1..) => caller.line.extend(&bytes[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                _ => continue,
            }
            if caller.line.last() != Some(&b'\n') || self.answer(&mut caller) {
                self.callers.push_back(caller);
            }
        }
    }

    /// True: the connection stays.
    fn answer(&mut self, caller: &mut Caller) -> bool {
        let said = caller.said;
        caller.said += 1;
        let answer = match self.way {
            Way::Mute => {
                self.done(u64::from(said == 0));
                return true;
            }
            Way::Drips if self.turns % 100 != 0 => {
                caller.said = said;
                return true;
            }
            Way::Drips => {
                let line = self.accepted("datagram=1452");
                let byte = line.as_bytes().get(said).filter(|byte| **byte != b'\n');
                let _ = caller.tcp.write(&[*byte.unwrap_or(&b'x')]);
                self.done(1);
                return true;
            }
            Way::HangsUp => Vec::new(),
            Way::Refuses => {
                let code = ["full", "protocol", "stopping", "key", "other", ""][self.noise.below(6)];
                let why: String = (0..200).map(|_| char::from(b' ' + self.noise.below(95) as u8)).collect();
                format!("CAMCAST/1 refused code={code} why={why}\n").into_bytes()
            }
            Way::Escapes => self.escapes(),
            Way::Endless => vec![b'A'; 60_000],
            Way::Versions => {
                let greeting = ["CAMCAST/2", "CAMCAST/99999999999", "CAMCAST/\u{7f}", "HTTP/1.1 400", ""];
                format!("{} ok {}\n", greeting[self.noise.below(5)], "word=1 ".repeat(40)).into_bytes()
            }
            Way::OddWords => self.odd_words(),
            Way::Rows => self.accepted("datagram=1452 parity=leopard16").into_bytes(),
            _ => self.accepted("datagram=1452").into_bytes(),
        };
        let _ = caller.tcp.write(&answer);
        if JOINS.contains(&self.way) {
            self.done(1);
        }
        false
    }

    /// The line that lets a client in, from the next frame on.
    fn accepted(&mut self, words: &str) -> String {
        (self.client, self.accepted) = (None, self.way);
        self.token = self.noise.next().to_be_bytes();
        let token: String = self.token.iter().map(|byte| format!("{byte:02x}")).collect();
        let (stream, next) = (self.stream, self.number.wrapping_add(1));
        format!("CAMCAST/1 ok token={token} stream={stream:016x} next={next} span_ms=0 {words}\n")
    }

    fn escapes(&mut self) -> Vec<u8> {
        let why: [&[u8]; 6] = [
            b"\x1b[2J\x1b]0;owned\x07",
            b"first\rsecond",
            "\u{202e}desrever\u{200b}".as_bytes(),
            b"\x9b31m\xff\xfe\0",
            b"%s%n{}",
            &self.noise.bytes(100),
        ];
        [b"CAMCAST/1 refused code=key why=", why[self.noise.below(6)], b"\n"].concat()
    }

    fn odd_words(&mut self) -> Vec<u8> {
        let words = [
            "datagram=0",
            "datagram=1 fps=NaN size=0x0",
            "datagram=65535 fps=inf span_ms=4294967295",
            "datagram=19 fps=-1e38 size=65535x65535",
            "datagram=1452 next=4294967295",
            "datagram=1452 stream=00000000000000000 token=",
            "datagram=65536",
            "span_ms=-1",
        ];
        self.number = self.word();
        let words = words[self.noise.below(words.len())];
        self.accepted(words).into_bytes()
    }
}

/// What the client says.
impl Thread {
    fn hear_client(&mut self) {
        let mut bytes = [0; 65_536];
        while let Ok((count, from)) = self.udp.recv_from(&mut bytes) {
            if count < 16 || bytes[4..12] != self.token {
                continue;
            }
            self.stamp = u32_at(&bytes, 12);
            match bytes[0] {
                HELLO => self.on_hello(from),
                CONTINUE if self.way == Way::Honest && count >= 32 => {
                    let through = u32_at(&bytes, 16).min(self.number);
                    let mut order = self.shared.order.lock().unwrap();
                    if order.way == Way::Honest {
                        order.acts = order.acts.max(through.into());
                        self.shared.news.notify_all();
                    }
                }
                _ => {}
            }
        }
    }

    fn on_hello(&mut self, from: SocketAddr) {
        if self.way == Way::Deaf {
            return;
        }
        self.client = Some(from);
        if self.way == Way::Streams {
            self.show(0);
        }
        self.beat(&Beat { ..self.truth() });
        let is_odd = self.way == Way::Honest && self.accepted != Way::Honest;
        if is_odd || matches!(self.way, Way::Ends | Way::Streams) {
            self.end_session();
        }
    }
}

/// Frames, and what is said between them.
impl Thread {
    fn truth(&self) -> Beat {
        Beat {
            flags: 0,
            newest: self.number,
            oldest: 1,
            echo: self.stamp,
            held: 0,
            skipped: 0,
            pixels: 0x0040_0030,
        }
    }

    fn beat(&self, beat: &Beat) {
        let Beat { flags, newest, oldest, echo, held, skipped, pixels } = *beat;
        let fields = [newest, oldest, echo, held, skipped, pixels].map(u32::to_be_bytes);
        self.send(&[&[BEAT, flags][..], &self.epoch(), &self.token, fields.as_flattened()].concat());
    }

    /// Of a frame with this number that is `bytes`, captured now.
    fn head(&self, number: u32, bytes: &[u8]) -> Head {
        Head {
            flags: 0,
            epoch: self.epoch(),
            number,
            length: bytes.len() as u32,
            index: 0,
            size: SIZE,
            captured: clock::now().as_nanos(),
            sequence: number,
            check: crc32(bytes),
            tag: tag_of(self.token),
        }
    }

    fn send_all(&self, head: Head, bytes: &[u8]) {
        for (index, payload) in (0..).zip(bytes.chunks(usize::from(SIZE))) {
            self.send(&Head { index, ..head }.with(payload));
        }
    }

    /// The next frame is this picture.
    fn show(&mut self, picture: usize) {
        self.show_with(picture, |head| head);
    }

    fn show_with(&mut self, picture: usize, change: impl FnOnce(Head) -> Head) {
        self.number = self.number.wrapping_add(1);
        let bytes = &self.pictures[picture % self.pictures.len()];
        self.send_all(change(self.head(self.number, bytes)), bytes);
    }

    /// Once a turn while there is a client.
    fn act(&mut self) {
        if JOINS.contains(&self.way) {
            return;
        }
        match self.way {
            Way::Honest => return self.act_honestly(),
            Way::Sizes | Way::Motes | Way::NoJpegs | Way::Huge | Way::Times | Way::Counters => {
                self.act_by_frame();
            }
            Way::Leaps | Way::Oldest | Way::Skips | Way::Flickers | Way::Echoes => self.act_by_beat(),
            _ => self.act_by_datagram(),
        }
        self.done(1);
    }

    fn act_honestly(&mut self) {
        if self.turns % 8 == 0 {
            self.show(0);
        }
        if self.turns % 100 == 0 {
            self.beat(&self.truth());
        }
    }

    fn act_by_frame(&mut self) {
        let turn = self.turns as usize;
        match self.way {
            Way::Sizes => self.show(turn % 2 * 7),
            // 240 a second
            Way::Motes if turn % 4 == 0 => self.show(turn / 4),
            Way::NoJpegs => {
                let bytes = match turn % 4 {
                    0 => vec![0xff],
                    1 => self.pictures[0][..turn % 400 + 2].to_vec(),
                    2 => [&[0xff, 0xd8, 0xff, 0xc0, 0, 17][..], &self.noise.bytes(900)].concat(),
                    _ => self.noise.bytes(2_000),
                };
                self.number = self.number.wrapping_add(1);
                self.send_all(self.head(self.number, &bytes), &bytes);
            }
            Way::Huge if turn % 16 == 0 => {
                let mut bytes = self.pictures[turn / 16 % 40].clone();
                let sof = bytes.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
                bytes[sof + 5..sof + 9].copy_from_slice(&[0xff, 0xdc, 0xff, 0xdc]);
                self.number = self.number.wrapping_add(1);
                self.send_all(self.head(self.number, &bytes), &bytes);
            }
            Way::Times => {
                let (now, any) = (clock::now().as_nanos(), self.noise.next());
                let said = [0, 1, now, now + 10_000_000_000, now / 2, u64::MAX, u64::MAX - 1, 1 << 63, any];
                let captured = said[self.noise.below(said.len())];
                self.show_with(turn % 40, |head| Head { captured, ..head });
            }
            Way::Counters => {
                let (sequence, flags) = (self.word(), (self.noise.next() >> 20) as u8 & 1);
                self.show_with(turn % 40, |head| Head { sequence, flags, ..head });
            }
            _ => {}
        }
    }

    fn act_by_beat(&mut self) {
        let (number, any) = (self.number, self.word());
        match self.way {
            Way::Leaps => {
                let by = self.any(&[255, 256, 257, 65_535, 65_536, (1 << 31) - 1, 1 << 31]);
                self.number = number.wrapping_add(by);
                self.beat(&self.truth());
                if self.turns % 8 == 0 {
                    self.show(0);
                }
            }
            Way::Oldest => {
                let ahead = self.any(&[1, 2, 300, 65_535, 65_536, 1 << 31, any]);
                self.show(0);
                self.beat(&Beat { oldest: number.wrapping_add(ahead), ..self.truth() });
            }
            Way::Skips => {
                self.number = number.wrapping_add(any % 40);
                let skipped = self.any(&[u32::MAX, 1, any]);
                self.beat(&Beat { skipped, ..self.truth() });
                self.show(0);
            }
            Way::Flickers => {
                self.beat(&Beat { flags: (self.turns % 2) as u8, pixels: any, ..self.truth() });
                if self.turns % 64 == 0 {
                    self.show(0);
                }
            }
            Way::Echoes => {
                let echo = self.any(&[0, u32::MAX, self.stamp.wrapping_add(1), self.stamp, any]);
                let held = self.any(&[0, u32::MAX, 1 << 31, any]);
                self.beat(&Beat { echo, held, ..self.truth() });
                if self.turns % 8 == 0 {
                    self.show(0);
                }
            }
            _ => {}
        }
    }

    fn act_by_datagram(&mut self) {
        match self.way {
            Way::Noise => (0..8).for_each(|_| self.send_noise()),
            Way::Lengths => {
                self.number = self.number.wrapping_add((self.turns % 2) as u32);
                for _ in 0..4 {
                    let any = self.word();
                    let length = self.any(&[0, 1, 256, 1416, 60_000, 8 << 20, (8 << 20) + 1, u32::MAX, any]);
                    let payload = self.noise.bytes(length.min(SIZE.into()) as usize);
                    self.send(&Head { length, ..self.head(self.number, &[]) }.with(&payload));
                }
            }
            Way::Counts => {
                self.number = self.number.wrapping_add(1);
                for _ in 0..4 {
                    let any = self.word();
                    let size = self.any(&[0, 1, 255, 256, 1416, 65_507, 65_535, any]) as u16;
                    let index = self.any(&[0, 1, 5, 6, 255, 65_535, any]) as u16;
                    let payload = self.noise.bytes(usize::from(size.min(9_000)));
                    let head = Head { length: 9_000, size, index, ..self.head(self.number, &[]) };
                    self.send(&head.with(&payload));
                }
            }
            Way::Numbers => {
                let any = self.word();
                let by = self.any(&[1, 2, 3, 63, 255, 256, 257, 65_534, 65_535, 65_536, 1 << 31, any]);
                let sign = self.any(&[1, u32::MAX]);
                let number = self.number.wrapping_add(by.wrapping_mul(sign));
                self.send_all(self.head(number, &self.pictures[1]), &self.pictures[1]);
                self.show(0);
            }
            Way::Epochs => {
                let (number, epoch) = (self.number.wrapping_add(1), (self.word() as u16).to_be_bytes());
                self.send_all(Head { epoch, ..self.head(number, &self.pictures[0]) }, &self.pictures[0]);
                self.send(&[&[BEAT, 1][..], &epoch, &self.token, &[0xff; 24]].concat());
                self.send(&[&[SERVER_END, 1][..], &epoch, &self.token, &[0xff; 4]].concat());
            }
            Way::Rows => self.send_rows(),
            Way::Slates => {
                let any = self.word();
                let number = self.any(&[self.number, self.number.wrapping_add(1), any, u32::MAX]);
                let length = self.any(&[1_000, 1_416, 20_000, 65_507, 65_508]);
                self.number = self.number.wrapping_add(1);
                let head = Head { flags: SLATE, length, ..self.head(number, &[]) };
                for index in 0..length.div_ceil(SIZE.into()) {
                    let rest = length - index * u32::from(SIZE);
                    let payload = self.noise.bytes(rest.min(SIZE.into()) as usize);
                    self.send(&Head { index: index as u16, ..head }.with(&payload));
                }
            }
            Way::Dribble => {
                let kind = self.any(&[DATA.into(), BEAT.into(), SERVER_END.into(), HELLO.into(), 0]) as u8;
                self.send(&[kind]);
            }
            _ => self.act_by_unfinished(),
        }
    }

    /// Frames of which no whole one is made.
    fn act_by_unfinished(&mut self) {
        match self.way {
            Way::Checks => {
                self.number = self.number.wrapping_add((self.turns % 4 / 3) as u32);
                let head = Head { check: 7, ..self.head(self.number.wrapping_add(1), &self.large) };
                self.send_all(head, &self.large);
            }
            Way::Holes => {
                self.number = self.number.wrapping_add(1);
                let head = self.head(self.number, &self.large);
                for (index, payload) in (0..).zip(self.large.chunks(usize::from(SIZE))).step_by(2) {
                    self.send(&Head { index, ..head }.with(payload));
                }
            }
            Way::Giants => {
                self.number = self.number.wrapping_add(1);
                let length = (8 << 20) - self.word() % 4_096;
                let payload = self.noise.bytes(SIZE.into());
                let head = Head { length, ..self.head(self.number, &[]) };
                self.send(&head.with(&payload));
                self.send(
                    &Head { number: self.number.wrapping_add(1), index: 1, tag: 0, ..head }.with(&payload),
                );
            }
            Way::Changelings => self.send_changeling(),
            _ => {}
        }
    }

    fn send_noise(&mut self) {
        let mut bytes =
            vec![self.any(&[DATA.into(), BEAT.into(), HELLO.into(), CONTINUE.into(), 0x21]) as u8];
        let length = self.any(&[11, 35, 35, 60, 900]);
        bytes.extend(self.noise.bytes(length as usize));
        if self.noise.below(2) == 0 && bytes.len() > 35 {
            bytes[2..4].copy_from_slice(&self.epoch());
            match bytes[0] {
                DATA => bytes[32..36].copy_from_slice(&tag_of(self.token).to_be_bytes()),
                _ => bytes[4..12].copy_from_slice(&self.token),
            }
        }
        self.send(&bytes);
    }

    /// A large frame that turns out to be another one leaves its memory to a small one that never becomes whole.
    fn send_changeling(&mut self) {
        let length = self.any(&[250_000, 1 << 20, 4 << 20]);
        let payload = self.noise.bytes(SIZE.into());
        // which is not proved, so that its place may be another's
        let far = self.number.wrapping_add(2);
        let large = Head { length, index: 1, tag: 0, ..self.head(far, &[]) };
        self.send(&large.with(&payload));
        self.send(&Head { length: 1_417, index: 0, ..self.head(far, &[]) }.with(&payload));
        self.number = self.number.wrapping_add(1);
        let small = Head { length: length / 4, ..self.head(self.number, &[]) };
        self.send(&small.with(&payload));
    }

    /// Of frames that exist, or do not, as many as would make them whole.
    fn send_rows(&mut self) {
        self.number = self.number.wrapping_add(1);
        let count = self.any(&[2, 3, 16, 64, 1_024]);
        let size = self.any(&[256, 300, 1_416, 301]) as u16;
        let head = Head { length: count * u32::from(size), size, check: 7, ..self.head(self.number, &[]) };
        let payload = self.noise.bytes(size.into());
        if self.turns % 2 == 0 {
            self.send(&head.with(&payload));
        }
        for row in 0..count.min(32) {
            self.send(&Head { flags: PARITY, index: (count + row) as u16, ..head }.with(&payload));
        }
    }
}
