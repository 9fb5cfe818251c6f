//! A client of the original protocol as the original has it: raw sockets, none of our code.

use super::{PATIENCE, deadline, is_over, left, receive_within};
use nix::sys::socket::{setsockopt, sockopt};
use std::io::{ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

pub struct PlainClient {
    pub udp: UdpSocket,
    /// Whom `continue` goes to: the sender of the frames.
    pub server: SocketAddr,
    /// The join's connection, if it is kept open.
    pub _tcp: Option<TcpStream>,
}

/// A UDP socket of any port on the server's kind of loopback. Its buffer is as large as the system lets it be: a test
/// that is not given the processor for a moment must not lose a large frame.
pub fn socket_near(server: SocketAddr) -> UdpSocket {
    let ip = if server.is_ipv4() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { server.ip() };
    let udp = UdpSocket::bind((ip, 0)).unwrap();
    setsockopt(&udp, sockopt::RcvBuf, &(1 << 20)).unwrap();
    udp
}

/// Sends the digits, and keeps the connection.
pub fn join(server: SocketAddr, port: u16) -> TcpStream {
    let mut tcp = TcpStream::connect(server).unwrap();
    tcp.write_all(port.to_string().as_bytes()).unwrap();
    tcp
}

impl PlainClient {
    /// Binds, joins, and keeps the connection open.
    pub fn join(server: SocketAddr) -> Self {
        let udp = socket_near(server);
        let tcp = join(server, udp.local_addr().unwrap().port());
        PlainClient { udp, server, _tcp: Some(tcp) }
    }

    pub fn address(&self) -> SocketAddr {
        self.udp.local_addr().unwrap()
    }

    /// The next datagram, from the server's own address.
    #[track_caller]
    pub fn datagram(&self) -> Vec<u8> {
        self.datagram_within(PATIENCE).expect("no datagram came")
    }

    /// The same; `None` if none comes in this time.
    #[track_caller]
    pub fn datagram_within(&self, wait: Duration) -> Option<Vec<u8>> {
        let mut bytes = vec![0; 1 << 16];
        let (count, from) = receive_within(&self.udp, &mut bytes, wait)?;
        assert_eq!(from, self.server, "datagrams have to come from where the client joined");
        bytes.truncate(count);
        Some(bytes)
    }

    /// The next datagram, which is a frame and not a word.
    #[track_caller]
    pub fn frame(&self) -> Vec<u8> {
        let frame = self.datagram();
        assert!(
            frame.starts_with(&[0xff, 0xd8]) && frame.ends_with(&[0xff, 0xd9]),
            "{} bytes that are no whole JPEG",
            frame.len()
        );
        frame
    }

    pub fn say(&self, word: &str) {
        self.udp.send_to(word.as_bytes(), self.server).unwrap();
    }

    /// Takes this many frames, each answered.
    #[track_caller]
    pub fn take_frames(&self, count: usize) -> Vec<Vec<u8>> {
        let frames = (0..count).map(|_| {
            let frame = self.frame();
            self.say("continue");
            frame
        });
        frames.collect()
    }

    /// What has arrived and was not taken.
    pub fn drain(&self) -> Vec<Vec<u8>> {
        self.udp.set_nonblocking(true).unwrap();
        let mut bytes = vec![0; 1 << 16];
        let all = std::iter::from_fn(|| match self.udp.recv(&mut bytes) {
            Ok(count) => Some(bytes[..count].to_vec()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("receive: {error}"),
        })
        .collect();
        self.udp.set_nonblocking(false).unwrap();
        all
    }

    /// Waits for the server's `end`, frames or not.
    #[track_caller]
    pub fn wait_end(&self) {
        let until = deadline(PATIENCE);
        while !is_over(until) {
            if self.datagram_within(left(until)).is_some_and(|datagram| datagram == b"end") {
                return;
            }
        }
        panic!("the server never said end");
    }

    /// Goes on answering on a thread of its own.
    pub fn go_on(self) -> Running {
        let stop = Arc::new(AtomicBool::new(false));
        let frames = Arc::new(Frames::default());
        let (told, taken) = (Arc::clone(&stop), Arc::clone(&frames));
        let thread = thread::spawn(move || {
            let until = deadline(PATIENCE);
            while !told.load(Ordering::Relaxed) && !is_over(until) {
                // the timeout only lets the thread see that it shall stop
                let Some(datagram) = self.datagram_within(Duration::from_millis(50)) else { continue };
                assert!(datagram.starts_with(&[0xff, 0xd8]), "no frame: {datagram:?}");
                self.say("continue");
                *taken.count.lock().unwrap() += 1;
                taken.news.notify_all();
            }
            self
        });
        Running { stop, frames, thread }
    }
}

/// A client that answers by itself.
pub struct Running {
    stop: Arc<AtomicBool>,
    frames: Arc<Frames>,
    thread: JoinHandle<PlainClient>,
}

#[derive(Default)]
struct Frames {
    count: Mutex<usize>,
    news: Condvar,
}

impl Running {
    /// Waits until it has taken this many frames more than by now.
    #[track_caller]
    pub fn wait_more(&self, frames: usize) {
        let count = self.frames.count.lock().unwrap();
        let wanted = *count + frames;
        let waited = self.frames.news.wait_timeout_while(count, PATIENCE, |count| *count < wanted).unwrap();
        assert!(!waited.1.timed_out(), "{} of {wanted} frames came", *waited.0);
    }

    /// The client again, after its last answer.
    pub fn halt(self) -> PlainClient {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the plain client failed")
    }
}
