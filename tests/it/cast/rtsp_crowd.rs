//! Many at once over RTSP, and those among them who do harm: whoever looks on goes on.

use super::rtsp::{From, Source, assert_rising};
use crate::support::carried::pictures;
use crate::support::procs::camrec_into;
use crate::support::quirks::encode;
use crate::support::rtsp::{Datagrams, Frames, Packet, RtspClient, datagram};
use crate::support::{Noise, PATIENCE, heavy_turn};
use nix::sys::signal::Signal;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, connect, setsockopt, socket, sockopt,
};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use turbojpeg::Subsamp;

/// The most viewers.
const VIEWERS: usize = 32;

/// Somebody who looks on all the time, by UDP.
struct Watcher {
    frames: Receiver<Vec<u8>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    fn start(at: SocketAddr) -> Self {
        let (told, frames) = channel();
        let stop = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&stop);
        let (client, datagrams) = viewer(at);
        let thread = thread::spawn(move || {
            let (mut frames, _client) = (Frames::default(), client);
            while !is_over.load(Ordering::Relaxed) {
                let packet = Packet::read(&datagram(&datagrams.rtp, datagrams.from.0));
                if let Some(data) = frames.push(packet) {
                    let _ = told.send(data);
                }
            }
        });
        let watcher = Watcher { frames, stop, thread: Some(thread) };
        watcher.goes_on();
        watcher
    }

    /// It gets frames that it had not got before.
    #[track_caller]
    fn goes_on(&self) {
        while self.frames.try_recv().is_ok() {}
        (0..3).for_each(|_| drop(self.next()));
    }

    #[track_caller]
    fn next(&self) -> Vec<u8> {
        self.frames.recv_timeout(PATIENCE).expect("the viewer gets no frames")
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(thread::panicking() || ended.is_some_and(|ended| ended.is_ok()), "the viewer was cut off");
    }
}

/// Somebody who has the stream by UDP.
fn viewer(at: SocketAddr) -> (RtspClient, Datagrams) {
    let mut client = RtspClient::connect(at);
    let datagrams = client.set_up_udp("/stream");
    client.done("PLAY", "/stream", "");
    (client, datagrams)
}

#[test]
fn who_never_asks_keeps_nobody_out() {
    let source = Source::at_30();
    let watcher = Watcher::start(source.at);
    // more than there are places
    let silent: Vec<TcpStream> = (0..300).map(|_| TcpStream::connect(source.at).unwrap()).collect();
    let (_client, datagrams) = viewer(source.at);
    source.number(&From::Udp(&datagrams).frame(&mut Frames::default()).1);
    watcher.goes_on();
    // those who came first have gone for those who came later
    let mut first = RtspClient::over(silent[0].try_clone().unwrap());
    assert!(first.is_closed());
    watcher.goes_on();
}

#[test]
fn whatever_is_sent_to_it_a_recorder_misses_nothing_and_a_viewer_goes_on() {
    let source = Source::new(pictures(Subsamp::Sub2x2, 7), &["-f", "50"]);
    let recording = tempfile::tempdir().unwrap();
    let recorder = camrec_into(recording.path(), source.camcast.address, &["--every", "--frames", "200"]);
    source.camcast.wait_line("joined: ");
    let watcher = Watcher::start(source.at);
    let mut noise = Noise::new(17);
    let mut held = Vec::new();
    for round in 0..200 {
        let mut client = TcpStream::connect(source.at).unwrap();
        // camcast may have closed while this is being said
        let _ = client.write_all(&match round % 8 {
            0 => noise.bytes(2000),
            1 => b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n".repeat(300),
            2 => vec![b'A'; 20_000],
            3 => [&b"OPTIONS * RTSP/1.0\r\n"[..], &b"A: b\r\n".repeat(2000)].concat(),
            4 => b"SET_PARAMETER * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 4096\r\n\r\nshort".to_vec(),
            5 => b"DESCRIBE rtsp://a/stream RTSP/1.0\r\nCSe".to_vec(),
            6 => b"$\x01\x07\xff".repeat(3000),
            _ => b"SETUP rtsp://a/ RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP/TCP\r\n\r\n\
                   PLAY rtsp://a/ RTSP/1.0\r\nCSeq: 2\r\n\r\n"
                .to_vec(),
        });
        held.push(client);
    }
    watcher.goes_on();
    assert_eq!(recorder.wait_exit().expect(0).account("missing"), 0);
    drop(held);
    let mut client = RtspClient::connect(source.at);
    client.done("OPTIONS", "*", "");
    watcher.goes_on();
    drop(watcher);
    source.camcast.program.stop(Signal::SIGTERM).expect(0);
}

#[test]
fn what_is_too_long_is_answered_before_the_connection_ends() {
    let source = Source::at_30();
    for (said, status) in [
        (vec![b'A'; 50_000], 431),
        ([&b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n"[..], &b"A: b\r\n".repeat(33), b"\r\n"].concat(), 431),
        (b"SET_PARAMETER * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 5000\r\n\r\n".to_vec(), 413),
        (b"OPTIONS * RTSP/1.0\r\n\r\n".to_vec(), 400),
        (b"hello\r\n\r\n".to_vec(), 400),
    ] {
        let mut client = RtspClient::connect(source.at);
        client.say(&said);
        assert_eq!(client.answer().status, status);
        assert!(client.is_closed());
    }
}

/// Its connection takes nothing for a while: it is sent no half of a frame, then or later, and others have all.
#[test]
fn who_stops_reading_misses_whole_frames_and_no_others() {
    let _turn = heavy_turn();
    let noise = |number| encode(&Noise::new(number).bytes(640 * 480 * 3), 640, Subsamp::Sub2x1);
    let jpegs: Vec<Vec<u8>> = (1..9).map(noise).collect();
    assert!(jpegs[0].len() > 150_000, "{}", jpegs[0].len());
    let source = Source::new(jpegs, &["-f", "20"]);
    let mut client = RtspClient::connect(source.at);
    client.set_up_tcp("/stream");
    client.done("PLAY", "/stream", "");
    let mut frames = Frames::default();
    let (first, _) = From::Tcp(&mut client).frame(&mut frames);
    let (mut other, datagrams) = viewer(source.at);
    // meanwhile what the system keeps is full for long
    let mut others = Frames::default();
    let seen: Vec<usize> =
        (0..100).map(|_| source.number(&From::Udp(&datagrams).frame(&mut others).1)).collect();
    assert_rising(&seen, source.jpegs.len());
    let mut last = first;
    let mut longest = 0;
    for _ in 0..60 {
        let (timestamp, data) = From::Tcp(&mut client).frame(&mut frames);
        source.number(&data);
        longest = longest.max(timestamp.wrapping_sub(last));
        last = timestamp;
    }
    assert!(longest > 90_000, "frames were skipped: {longest} ticks at most between two");
    other.done("TEARDOWN", "/stream", "");
    client.session = None;
    drop(client);
    let left = source.camcast.wait_line("(RTSP, TCP): it closed the connection; ");
    assert!(left.contains(" frames skipped"), "{left}");
}

/// Its window is so small that packets go out in pieces, a burst of them in several turns.
#[test]
fn who_reads_by_drops_gets_whole_packets_and_whole_frames() {
    let noise = |number| encode(&Noise::new(number).bytes(640 * 480 * 3), 640, Subsamp::Sub2x1);
    let source = Source::new((1..9).map(noise).collect(), &["-f", "20", "--mtu", "9000"]);
    let fd = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
    setsockopt(&fd, sockopt::RcvBuf, &2048).unwrap();
    connect(fd.as_raw_fd(), &SockaddrStorage::from(source.at)).unwrap();
    let mut client = RtspClient::over(TcpStream::from(fd));
    client.set_up_tcp("/stream");
    client.done("PLAY", "/stream", "");
    let mut frames = Frames::default();
    for _ in 0..20 {
        source.number(&From::Tcp(&mut client).frame(&mut frames).1);
    }
    client.done("TEARDOWN", "/stream", "");
}

#[test]
fn one_more_than_there_is_room_for_is_told_so() {
    let source = Source::new(pictures(Subsamp::Sub2x1, 7), &["-f", "10"]);
    let all: Vec<_> = (0..VIEWERS).map(|_| viewer(source.at)).collect();
    source.camcast.wait_line("clients now: 10");
    let mut client = RtspClient::connect(source.at);
    client.set_up_udp("/stream");
    let refused = client.ask("PLAY", "/stream", "");
    assert!(refused.status == 453 && refused.body.contains("32"), "{refused:?}");
    // as soon as one has gone there is room
    drop(all);
    source.camcast.wait_line("left: ");
    let (_client, datagrams) = viewer(source.at);
    source.number(&From::Udp(&datagrams).frame(&mut Frames::default()).1);
}
