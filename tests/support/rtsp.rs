//! RTSP as a program of another sees it: requests typed by hand, answers and packets read by the RFCs, and a path that loses
//! packets.

use super::plain::socket_near;
use super::procs::Camcast;
use super::{Noise, PATIENCE, deadline, is_over, receive_within};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Where camcast speaks RTSP.
pub fn address(camcast: &Camcast) -> SocketAddr {
    camcast.listening("RTSP")
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Names in small letters.
    pub fields: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    #[track_caller]
    pub fn field(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    /// A number behind `name=` in this field.
    #[track_caller]
    pub fn number(&self, field: &str, name: &str) -> u32 {
        let (_, rest) =
            self.field(field).split_once(&format!("{name}=")).unwrap_or_else(|| panic!("{self:?}"));
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    }
}

/// A connection.
pub struct RtspClient {
    pub stream: TcpStream,
    at: SocketAddr,
    buffer: Vec<u8>,
    /// Packets that came before an answer did.
    packets: VecDeque<(u8, Vec<u8>)>,
    cseq: u32,
    pub session: Option<String>,
    pub agent: &'static str,
}

/// Where a client's datagrams come.
pub struct Datagrams {
    pub rtp: UdpSocket,
    pub rtcp: UdpSocket,
    /// Where they come from.
    pub from: (SocketAddr, SocketAddr),
}

impl RtspClient {
    pub fn connect(at: SocketAddr) -> Self {
        RtspClient::over(TcpStream::connect(at).unwrap())
    }

    pub fn over(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let at = stream.peer_addr().unwrap();
        let (buffer, packets) = (Vec::new(), VecDeque::new());
        RtspClient { stream, at, buffer, packets, cseq: 0, session: None, agent: "a test" }
    }

    /// A request as it is sent. A path that begins with no slash is a whole target.
    pub fn text(&mut self, method: &str, path: &str, fields: &str) -> String {
        self.cseq += 1;
        let target = if path.is_empty() || path.starts_with('/') {
            format!("rtsp://{}{path}", self.at)
        } else {
            path.to_owned()
        };
        let session = self.session.as_ref().map(|name| format!("Session: {name}\r\n")).unwrap_or_default();
        let (cseq, agent) = (self.cseq, self.agent);
        format!("{method} {target} RTSP/1.0\r\nCSeq: {cseq}\r\nUser-Agent: {agent}\r\n{session}{fields}\r\n")
    }

    pub fn say(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Asks, and takes the answer.
    #[track_caller]
    pub fn ask(&mut self, method: &str, path: &str, fields: &str) -> Answer {
        let text = self.text(method, path, fields);
        self.say(text.as_bytes());
        let answer = self.answer();
        assert_eq!(answer.field("cseq"), self.cseq.to_string(), "{method} {path}: {answer:?}");
        answer
    }

    /// The same, which has to be done.
    #[track_caller]
    pub fn done(&mut self, method: &str, path: &str, fields: &str) -> Answer {
        let answer = self.ask(method, path, fields);
        assert_eq!(answer.status, 200, "{method} {path}: {answer:?}");
        answer
    }

    /// Reads more. False: the other side has closed.
    pub fn read_more(&mut self) -> bool {
        let mut bytes = [0; 65_536];
        let count = self.stream.read(&mut bytes).unwrap_or_else(|why| panic!("read: {why}"));
        self.buffer.extend_from_slice(&bytes[..count]);
        count > 0
    }

    #[track_caller]
    fn wait(&mut self, is_there: impl Fn(&[u8]) -> bool) {
        let until = deadline(PATIENCE);
        while !is_there(&self.buffer) {
            assert!(self.read_more() && !is_over(until), "closed: {}", String::from_utf8_lossy(&self.buffer));
        }
    }

    #[track_caller]
    fn take(&mut self, count: usize) -> Vec<u8> {
        self.wait(|bytes| bytes.len() >= count);
        self.buffer.drain(..count).collect()
    }

    #[track_caller]
    fn take_packet(&mut self) -> (u8, Vec<u8>) {
        let mark = self.take(4);
        assert_eq!(mark[0], b'$', "neither a packet nor an answer: {mark:?}");
        let length = u16::from_be_bytes([mark[2], mark[3]]);
        (mark[1], self.take(length.into()))
    }

    /// The next packet that comes over the connection, and its channel.
    #[track_caller]
    pub fn packet(&mut self) -> (u8, Vec<u8>) {
        match self.packets.pop_front() {
            Some(packet) => packet,
            None => self.take_packet(),
        }
    }

    /// The next answer; packets before it are kept.
    #[track_caller]
    pub fn answer(&mut self) -> Answer {
        self.wait(|bytes| !bytes.is_empty());
        while self.buffer[0] == b'$' {
            let packet = self.take_packet();
            self.packets.push_back(packet);
            self.wait(|bytes| !bytes.is_empty());
        }
        let end = |bytes: &[u8]| bytes.windows(4).position(|four| four == b"\r\n\r\n");
        self.wait(|bytes| end(bytes).is_some());
        let length = end(&self.buffer).unwrap();
        let head = String::from_utf8(self.take(length + 4)).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let first = lines.next().unwrap();
        assert!(first.starts_with("RTSP/1.0 "), "{head}");
        let status = first.split(' ').nth(1).unwrap().parse().unwrap();
        let field = |line: &str| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        let mut answer = Answer { status, fields: lines.map(field).collect(), body: String::new() };
        let body =
            answer.fields.iter().find(|(name, _)| name == "content-length").map(|(_, length)| length.parse());
        if let Some(length) = body {
            answer.body = String::from_utf8(self.take(length.unwrap())).unwrap();
        }
        answer
    }

    /// Nothing more comes but packets: the other side closes.
    #[track_caller]
    pub fn is_closed(&mut self) -> bool {
        let until = deadline(PATIENCE);
        // what comes is of no interest
        let mut bytes = [0; 65_536];
        loop {
            match self.stream.read(&mut bytes) {
                Ok(0) => return true,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return true,
                Ok(_) => assert!(!is_over(until), "it goes on"),
                Err(_) => return false,
            }
        }
    }

    fn keep_session(&mut self, answer: &Answer) {
        let (name, rest) = answer.field("session").split_once(';').unwrap();
        assert_eq!(rest, "timeout=60");
        self.session = Some(name.to_owned());
    }

    /// Has packets come over the connection, by channels 0 and 1.
    #[track_caller]
    pub fn set_up_tcp(&mut self, path: &str) -> Answer {
        let answer = self.done("SETUP", path, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n");
        self.keep_session(&answer);
        answer
    }

    /// Has packets come as datagrams.
    #[track_caller]
    pub fn set_up_udp(&mut self, path: &str) -> Datagrams {
        let (rtp, rtcp) = (socket_near(self.at), socket_near(self.at));
        let port = |socket: &UdpSocket| socket.local_addr().unwrap().port();
        let header = format!("Transport: RTP/AVP;unicast;client_port={}-{}\r\n", port(&rtp), port(&rtcp));
        let answer = self.done("SETUP", path, &header);
        self.keep_session(&answer);
        let first = answer.number("transport", "server_port") as u16;
        let from = |port: u16| SocketAddr::new(self.at.ip(), port);
        assert!(
            answer.field("transport").contains(&format!("server_port={first}-{};", first + 1)),
            "{answer:?}"
        );
        Datagrams { rtp, rtcp, from: (from(first), from(first + 1)) }
    }
}

/// The next datagram there, from where it has to come.
#[track_caller]
pub fn datagram(socket: &UdpSocket, from: SocketAddr) -> Vec<u8> {
    datagram_within(socket, from, PATIENCE).expect("no datagram came")
}

/// The same; `None` if none comes in this time.
#[track_caller]
pub fn datagram_within(socket: &UdpSocket, from: SocketAddr, wait: Duration) -> Option<Vec<u8>> {
    let mut bytes = vec![0; 65_536];
    let (length, by) = receive_within(socket, &mut bytes, wait)?;
    assert_eq!(by, from);
    bytes.truncate(length);
    Some(bytes)
}

/// An RTP packet of RFC 2435.
#[derive(Debug)]
pub struct Packet {
    pub is_last: bool,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    pub offset: usize,
    pub data: Vec<u8>,
}

impl Packet {
    #[track_caller]
    pub fn read(bytes: &[u8]) -> Self {
        let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        assert_eq!((bytes[0], bytes[1] & 0x7f), (0x80, 26), "version 2 and nothing else, JPEG");
        let (kind, quality) = (bytes[16], bytes[17]);
        let offset = (word(12) & 0x00ff_ffff) as usize;
        assert_eq!(
            (bytes[12], kind & !0x41, quality),
            (0, 0, 255),
            "type 0 or 1, or these with restart markers"
        );
        let mut at = if kind >= 64 { 24 } else { 20 };
        if offset == 0 {
            let length = usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
            assert_eq!((bytes[at], bytes[at + 1], length), (0, 0, 128), "two tables of one byte a value");
            at += 4 + length;
        }
        Packet {
            is_last: bytes[1] & 0x80 != 0,
            sequence: u16::from_be_bytes([bytes[2], bytes[3]]),
            timestamp: word(4),
            ssrc: word(8),
            offset,
            data: bytes[at..].to_vec(),
        }
    }
}

/// Puts packets together.
#[derive(Default)]
pub struct Frames {
    next: Option<u16>,
    timestamp: u32,
    data: Vec<u8>,
    is_within: bool,
}

impl Frames {
    /// The entropy-coded data of the frame whose last packet this is. Packets have to come in order, each frame from its first to its
    /// last.
    #[track_caller]
    pub fn push(&mut self, packet: Packet) -> Option<Vec<u8>> {
        let next = self.next.replace(packet.sequence.wrapping_add(1));
        assert!(next.is_none_or(|next| next == packet.sequence), "{next:?}, and {} came", packet.sequence);
        if self.is_within {
            assert_eq!((packet.offset, packet.timestamp), (self.data.len(), self.timestamp), "half a frame");
        } else {
            assert_eq!(packet.offset, 0, "the end of a frame");
        }
        self.timestamp = packet.timestamp;
        self.data.extend(packet.data);
        self.is_within = !packet.is_last;
        packet.is_last.then(|| std::mem::take(&mut self.data))
    }
}

/// The entropy-coded data of a JPEG that ends with its last marker: what packets have of it.
pub fn entropy_coded(jpeg: &[u8]) -> &[u8] {
    let segments = camcast::jpeg::markers::segments(jpeg).unwrap().map(Result::unwrap);
    &jpeg[segments.last().unwrap().end..jpeg.len() - 2]
}

/// A path between a client and camcast that loses packets now and then: it stands between them, and has both believe that it is the
/// other.
pub struct LossyPath {
    pub address: SocketAddr,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    /// Packets that came from camcast.
    packets: AtomicU64,
    lost: AtomicU64,
}

impl LossyPath {
    /// Of each hundred packets it loses `percent`, chosen by this seed.
    pub fn to(camcast: SocketAddr, percent: usize, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let counts = Arc::new(Counts::default());
        let path = LossyPath { address, counts: Arc::clone(&counts) };
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                let server = TcpStream::connect(camcast).unwrap();
                let way = Arc::new(Mutex::new(Way::new(Arc::clone(&counts), (percent, seed))));
                let (up, down) = (Arc::clone(&way), way);
                let ends = (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || relay(ends.0, ends.1, |head| up.lock().unwrap().ask(head)));
                thread::spawn(move || relay(server, client, |head| down.lock().unwrap().agree(head)));
            }
        });
        path
    }

    /// Packets that came from camcast, and those of them that were lost.
    pub fn counts(&self) -> (u64, u64) {
        (self.counts.packets.load(Ordering::Relaxed), self.counts.lost.load(Ordering::Relaxed))
    }
}

/// Hands on what comes, each head as `change` makes it; bodies have no line that it would change.
fn relay(mut from: TcpStream, mut to: TcpStream, mut change: impl FnMut(&str) -> String) {
    let (mut bytes, mut kept) = ([0; 4096], Vec::new());
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        kept.extend_from_slice(&bytes[..count]);
        // lines that are whole
        let Some(end) = kept.iter().rposition(|byte| *byte == b'\n') else { continue };
        let lines: Vec<u8> = kept.drain(..=end).collect();
        let lines = String::from_utf8(lines).unwrap();
        let lines: String = lines.split_inclusive('\n').map(&mut change).collect();
        if to.write_all(lines.as_bytes()).is_err() {
            break;
        }
    }
    let _ = (to.shutdown(std::net::Shutdown::Both), from.shutdown(std::net::Shutdown::Both));
}

/// A client's packets and reports: two sockets that face it, and two that face camcast.
struct Way {
    client: [UdpSocket; 2],
    server: [UdpSocket; 2],
    client_ports: Option<(u16, u16)>,
    counts: Arc<Counts>,
    loss: (usize, u64),
}

impl Way {
    fn new(counts: Arc<Counts>, loss: (usize, u64)) -> Self {
        Way { client: neighbours(), server: neighbours(), client_ports: None, counts, loss }
    }

    fn port(socket: &UdpSocket) -> u16 {
        socket.local_addr().unwrap().port()
    }

    /// A line of the client's.
    fn ask(&mut self, line: &str) -> String {
        let Some((before, ports, after)) = ports_in(line, "client_port=") else { return line.to_owned() };
        self.client_ports = Some(ports);
        let [rtp, rtcp] = self.server.each_ref().map(Way::port);
        format!("{before}client_port={rtp}-{rtcp}{after}")
    }

    /// A line of camcast's.
    fn agree(&mut self, line: &str) -> String {
        let (Some(client), Some((_, server, _))) = (self.client_ports, ports_in(line, "server_port=")) else {
            return line.to_owned();
        };
        for (index, (client, server)) in [(client.0, server.0), (client.1, server.1)].into_iter().enumerate()
        {
            let connect = |socket: &UdpSocket, port: u16| socket.connect(("127.0.0.1", port)).unwrap();
            connect(&self.client[index], client);
            connect(&self.server[index], server);
            self.carry(index);
        }
        let (before, _, after) = ports_in(line, "client_port=").unwrap();
        let line = format!("{before}client_port={}-{}{after}", client.0, client.1);
        let (before, _, after) = ports_in(&line, "server_port=").unwrap();
        let [rtp, rtcp] = self.client.each_ref().map(Way::port);
        format!("{before}server_port={rtp}-{rtcp}{after}")
    }

    /// Only packets are lost, on their way down: reports and what asks for packets arrive.
    fn carry(&self, index: usize) {
        let clone = |socket: &UdpSocket| socket.try_clone().unwrap();
        let (client, server) = (clone(&self.client[index]), clone(&self.server[index]));
        thread::spawn(move || hand_on(&client, &server, || false));
        let (client, server) = (clone(&self.client[index]), clone(&self.server[index]));
        let (counts, (percent, seed)) = (Arc::clone(&self.counts), self.loss);
        let mut noise = Noise::new(seed);
        thread::spawn(move || {
            hand_on(&server, &client, || {
                let is_lost = index == 0 && noise.below(100) < percent;
                counts.packets.fetch_add(u64::from(index == 0), Ordering::Relaxed);
                counts.lost.fetch_add(u64::from(is_lost), Ordering::Relaxed);
                is_lost
            });
        });
    }
}

/// Until nobody has sent anything for so long that the test is over.
fn hand_on(from: &UdpSocket, to: &UdpSocket, mut is_lost: impl FnMut() -> bool) {
    from.set_read_timeout(Some(PATIENCE * 2)).unwrap();
    let mut bytes = vec![0; 65_536];
    loop {
        match from.recv(&mut bytes) {
            Ok(_) if is_lost() => {}
            // who has gone takes nothing
            Ok(length) => drop(to.send(&bytes[..length])),
            // and says so
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::Interrupted) => {}
            Err(_) => return,
        }
    }
}

/// Two sockets of ports beside each other: ffmpeg has its reports go to the port behind that of packets, whatever it is told.
fn neighbours() -> [UdpSocket; 2] {
    loop {
        let first = socket_near(SocketAddr::from(([127, 0, 0, 1], 0)));
        let port = Way::port(&first);
        if let Ok(second) = UdpSocket::bind(("127.0.0.1", port.saturating_add(1))) {
            return [first, second];
        }
    }
}

/// What stands before a pair of ports, the ports, and what stands behind them.
fn ports_in<'a>(line: &'a str, name: &str) -> Option<(&'a str, (u16, u16), &'a str)> {
    let (before, rest) = line.split_once(name)?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(rest.len());
    let (first, second) = rest[..end].split_once('-')?;
    Some((before, (first.parse().ok()?, second.parse().ok()?), &rest[end..]))
}
