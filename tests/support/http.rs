//! HTTP as a program of another sees it: requests typed by hand, answers and multipart streams read by the rules that real
//! clients have.

use super::procs::Camcast;
use super::{deadline, is_over};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, bind, connect, socket};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Duration;

/// Nothing takes longer, on a busy machine either.
const PATIENCE: Duration = Duration::from_secs(30);

/// An answer.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    /// Names in small letters.
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    #[track_caller]
    pub fn field(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_else(|| panic!("no {name} in {:?}", self.fields))
    }

    pub fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(key, _)| key == name)
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

/// A connection.
pub struct Client<S = TcpStream> {
    pub stream: S,
    buffer: Vec<u8>,
}

/// Where camcast serves HTTP.
pub fn address(camcast: &Camcast) -> SocketAddr {
    camcast.listening("HTTP")
}

/// One request of a connection of its own.
#[track_caller]
pub fn get(at: SocketAddr, target: &str) -> Response {
    let mut client = Client::connect(at);
    client.ask("GET", target, "Connection: close\r\n");
    client.response(false)
}

impl Client {
    /// From another address of this machine, such as 127.0.0.2.
    pub fn connect_from(from: [u8; 4], at: SocketAddr) -> Self {
        let fd = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
        bind(fd.as_raw_fd(), &SockaddrStorage::from(SocketAddr::from((from, 0)))).unwrap();
        connect(fd.as_raw_fd(), &SockaddrStorage::from(at)).unwrap();
        let stream = TcpStream::from(fd);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Client::over(stream)
    }

    pub fn connect(at: SocketAddr) -> Self {
        let stream = TcpStream::connect(at).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Client::over(stream)
    }
}

impl<S: Read + Write> Client<S> {
    pub fn over(stream: S) -> Self {
        Client { stream, buffer: Vec::new() }
    }

    pub fn ask(&mut self, method: &str, target: &str, fields: &str) {
        self.say(format!("{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n{fields}\r\n").as_bytes());
    }

    pub fn say(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Reads more. False: the other side has closed.
    pub fn read_more(&mut self) -> bool {
        let mut bytes = [0; 65_536];
        let count = self.stream.read(&mut bytes).unwrap();
        self.buffer.extend_from_slice(&bytes[..count]);
        count > 0
    }

    #[track_caller]
    fn take_through(&mut self, end: &[u8]) -> Vec<u8> {
        let until = deadline(PATIENCE);
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|bytes| bytes == end) {
                return self.buffer.drain(..at + end.len()).collect();
            }
            assert!(self.read_more() && !is_over(until), "closed: {}", String::from_utf8_lossy(&self.buffer));
        }
    }

    #[track_caller]
    fn take(&mut self, count: usize) -> Vec<u8> {
        while self.buffer.len() < count {
            assert!(self.read_more(), "closed within {count} bytes");
        }
        self.buffer.drain(..count).collect()
    }

    /// The head of an answer, and its body unless it is one to HEAD.
    #[track_caller]
    pub fn response(&mut self, head_only: bool) -> Response {
        let head = String::from_utf8(self.take_through(b"\r\n\r\n")).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let field = |line: &str| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        let fields = lines.map(field).collect();
        let mut response = Response { status, fields, body: Vec::new() };
        if response.has("content-length") && !head_only {
            response.body = self.take(response.field("content-length").parse().unwrap());
        }
        response
    }

    /// The next part by its length, as go2rtc, ffmpeg and Mainsail read it: its capture time, and the picture.
    #[track_caller]
    pub fn part(&mut self) -> (f64, Vec<u8>) {
        let head = String::from_utf8(self.take_through(b"\r\n\r\n")).unwrap();
        let line = |name: &str| {
            let lines = head.lines().filter_map(|line| line.split_once(": "));
            lines.filter(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).next_back()
        };
        assert_eq!(line("Content-Type").as_deref(), Some("image/jpeg"), "{head}");
        assert!(head.lines().all(|line| line.len() < 128), "ffmpeg reads no longer lines: {head}");
        let length = line("Content-Length").unwrap_or_else(|| panic!("no length: {head}"));
        let picture = self.take(length.parse().unwrap());
        assert_eq!(self.take_through(b"--boundarydonotcross\r\n"), b"\r\n--boundarydonotcross\r\n");
        (line("X-Timestamp").unwrap().parse().unwrap(), picture)
    }

    /// Begins a stream; what stands before the first part has been read.
    #[track_caller]
    pub fn begin(&mut self, target: &str, fields: &str) -> Response {
        self.ask("GET", target, fields);
        self.begun()
    }

    /// The same, of a stream that has been asked for.
    #[track_caller]
    pub fn begun(&mut self) -> Response {
        let response = self.response(false);
        assert_eq!(response.status, 200);
        let kind = response.field("content-type");
        assert_eq!(kind, "multipart/x-mixed-replace;boundary=boundarydonotcross");
        assert_eq!(self.take_through(b"\r\n"), b"--boundarydonotcross\r\n");
        response
    }

    /// Nothing more comes: the other side closes.
    pub fn is_closed(&mut self) -> bool {
        !self.read_more() && self.buffer.is_empty()
    }

    /// What has come, and nobody has taken.
    pub fn rest(&self) -> &[u8] {
        &self.buffer
    }
}

/// What a client answers to a challenge of Digest (RFC 7616).
pub fn digest(challenge: &str, method: &str, target: &str, pair: &str) -> String {
    use md5::Digest as _;
    let md5 =
        |text: String| md5::Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let said = |name: &str| challenge.split_once(&format!("{name}=\"")).unwrap().1.split('"').next().unwrap();
    let (realm, nonce, qop) = (said("realm"), said("nonce"), said("qop"));
    let (name, password) = pair.split_once(':').unwrap();
    let (user, request) = (md5(format!("{name}:{realm}:{password}")), md5(format!("{method}:{target}")));
    let response = md5(format!("{user}:{nonce}:00000001:abc:{qop}:{request}"));
    format!(
        "Digest username=\"{name}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{target}\", algorithm=MD5, \
         response=\"{response}\", qop={qop}, nc=00000001, cnonce=\"abc\""
    )
}
