//! Those who come in crowds, prove nothing, or are not meant to come at all, by camcast's own port: whoever looks on goes on, and
//! one more gets in.

use crate::support::native::{self, Heard, NativeClient};
use crate::support::plain::{PlainClient, join, socket_near};
use crate::support::procs::{Camcast, Program, camrec, own_loopback};
use crate::support::{PATIENCE, deadline, http, is_over, left_out, pause, rtsp};
use nix::sys::signal::Signal;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage, sendto, socket,
};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, JoinHandle};

/// A connection from 127.0.0.`host`.
fn connect_from(host: u8, at: SocketAddr) -> TcpStream {
    http::Client::connect_from([127, 0, 0, host], at).stream
}

/// What camcast answers to a line from there.
fn ask_from(host: u8, at: SocketAddr, line: &[u8]) -> String {
    let mut tcp = connect_from(host, at);
    tcp.write_all(line).unwrap();
    native::answer(&mut tcp)
}

/// A session of 127.0.0.`host` that has taken a frame.
fn watching_from(host: u8, at: SocketAddr) -> NativeClient {
    let reply = ask_from(host, at, b"CAMCAST/1 join policy=newest agent=crowd/1\n");
    let mut client = NativeClient::accepted(at, &reply);
    client.udp = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, host), 0)).unwrap();
    client.say_hello();
    client.take_frames(1);
    client
}

/// Somebody who does the same again and again from 127.0.0.2 to 127.0.0.17, as fast as it goes.
struct Crowd {
    stop: Arc<AtomicBool>,
    times: Arc<AtomicU32>,
    thread: JoinHandle<()>,
}

impl Crowd {
    fn start(mut act: impl FnMut(u8) + Send + 'static) -> Self {
        let (stop, times) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let (told, count) = (Arc::clone(&stop), Arc::clone(&times));
        let thread = thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                let number = count.fetch_add(1, Ordering::Relaxed);
                act(2 + (number % 16) as u8);
                pause();
            }
        });
        Crowd { stop, times, thread }
    }

    /// It has come so often.
    fn wait_times(&self, times: u32) {
        let until = deadline(PATIENCE);
        while self.times.load(Ordering::Relaxed) < times {
            assert!(!is_over(until), "the crowd came {} times", self.times.load(Ordering::Relaxed));
            pause();
        }
    }

    fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
    }
}

/// While a crowd comes: who looks on misses nothing, and others get in, of each kind.
fn lets_others_in(camcast: &Camcast, crowd: &Crowd, recorder: Program) {
    crowd.wait_times(200);
    for _ in 0..3 {
        let ended = camrec(camcast.address, &["-o", "-", "--frames", "3"]).wait_exit().expect(0);
        assert!(!ended.log.contains("waiting for camcast"), "{}", ended.log);
        PlainClient::join(camcast.address).take_frames(3);
    }
    let ended = recorder.wait_exit().expect(0);
    assert_eq!((ended.account("recorded"), ended.account("missing")), (150, 0));
}

#[test]
fn joins_that_say_no_hello_keep_nobody_out() {
    let camcast = Camcast::pattern(30);
    let recorder = camrec(camcast.address, &["-o", "-", "--every", "--frames", "150"]);
    camcast.wait_line("joined: ");
    let at = camcast.address;
    let crowd = Crowd::start(move |host| {
        let _ = connect_from(host, at).write_all(b"CAMCAST/1 join policy=every\n");
    });
    lets_others_in(&camcast, &crowd, recorder);
    crowd.end();
    let log = camcast.program.stop(Signal::SIGTERM).expect(0).log;
    assert!(log.lines().count() < 300, "{log}");
}

#[test]
fn silent_connections_keep_nobody_out() {
    let camcast = Camcast::pattern(30);
    let recorder = camrec(camcast.address, &["-o", "-", "--every", "--frames", "150"]);
    camcast.wait_line("joined: ");
    let at = camcast.address;
    let mut open = std::collections::VecDeque::new();
    let crowd = Crowd::start(move |host| {
        open.push_back(connect_from(host, at));
        if open.len() > 200 {
            open.pop_front();
        }
    });
    lets_others_in(&camcast, &crowd, recorder);
    crowd.end();
}

#[test]
fn sixteen_sessions_of_one_address_make_room_for_others() {
    let camcast = Camcast::pattern(20);
    let mut crowd: Vec<NativeClient> = (0..16).map(|_| watching_from(2, camcast.address)).collect();
    let others: Vec<NativeClient> = (3..6).map(|host| watching_from(host, camcast.address)).collect();
    let told = |client: &mut NativeClient| {
        client.drain().into_iter().any(|heard| matches!(heard, Heard::End { reason: 4 }))
    };
    assert_eq!(crowd.iter_mut().filter_map(|client| told(client).then_some(())).count(), others.len());
    let line = camcast.wait_line("it made room for another");
    assert!(line.contains("left: 127.0.0.2:"), "{line}");
}

#[test]
fn a_mute_port_draws_one_frame_and_little_more_if_it_is_named_again() {
    let camcast = Camcast::pattern(30);
    let mute = socket_near(camcast.address);
    let port = mute.local_addr().unwrap().port();
    for _ in 0..100 {
        drop(join(camcast.address, port));
    }
    camcast.wait_line("not answered by continue");
    // all of them have been looked at when another one is served
    let reply = native::ask(camcast.address, b"CAMCAST/1 join\n");
    assert!(reply.starts_with("CAMCAST/1 ok"), "{reply}");
    let mute = PlainClient { udp: mute, server: camcast.address, _tcp: None };
    let frames = mute.drain().iter().filter(|datagram| datagram.starts_with(&[0xff, 0xd8])).count();
    assert!((1..=20).contains(&frames), "{frames} frames");
}

#[test]
fn only_those_who_are_named_get_in() {
    let args = ["pattern", "-r", "320x240", "-f", "20", "--http", "127.0.0.1:0", "--rtsp", "127.0.0.1:0"];
    let allow = ["--allow", "127.0.0.1", "--allow", "127.0.0.8/30", "--no-plain"];
    let camcast = Camcast::start(&[&args[..], &allow].concat());
    let is_closed = |mut tcp: TcpStream| {
        let _ = tcp.write_all(b"OPTIONS * HTTP/1.0\r\n\r\n");
        !matches!(tcp.read(&mut [0; 100]), Ok(1..))
    };
    for host in [7, 12] {
        let refused = ask_from(host, camcast.address, b"CAMCAST/1 join\n");
        let why = format!("127.0.0.{host} is in no network that camcast --allow names");
        assert_eq!(refused, format!("CAMCAST/1 refused code=protocol why={why}\n"));
        for at in [http::address(&camcast), rtsp::address(&camcast)] {
            assert!(is_closed(connect_from(host, at)), "{at}");
        }
    }
    watching_from(11, camcast.address);
    assert_eq!(http::get(http::address(&camcast), "/healthz").text(), "ok\n");
    let refused = native::ask(camcast.address, b"50051");
    assert!(refused.contains("code=protocol why=the original protocol is off"), "{refused}");
    camcast.wait_line("not let in: ");
}

#[test]
fn what_is_sent_to_our_own_port_or_by_a_systems_is_refused() {
    let camcast = Camcast::start_at("0.0.0.0:0", &["pattern", "-r", "320x240", "-f", "20"]);
    let line = camcast.wait_line("everybody who reaches port ");
    assert!(line.contains("--allow"), "{line}");
    let port = camcast.address.port();
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let refused = native::ask(at, format!("{port}\n").as_bytes());
    assert!(refused.contains(&format!("code=protocol why=port {port} is camcast's own")), "{refused}");

    let here = Camcast::pattern(20);
    let named = Camcast::start_at("0.0.0.0:0", &["pattern", "-f", "20", "--allow", "10.0.0.0/8"]);
    for camcast in [here, named] {
        let ended = camcast.program.stop(Signal::SIGTERM).expect(0);
        assert!(!ended.log.contains("everybody who reaches"), "{}", ended.log);
    }
}

#[test]
fn a_camera_that_comes_and_goes_fills_no_log_of_camrec() {
    let door = native::Door::open();
    let program = camrec(door.address, &["-o", "-", "--format", "mjpeg", "--every"]);
    let server = door.accept(0x00c0_ffee_00c0_ffee, 1).0;
    server.show(1, &crate::support::pictures::of_len(2_000, 1));
    for _ in 0..40 {
        server.send(&server.silent_beat(1, 1));
        pause();
        server.send(&server.beat(1, 1));
        pause();
    }
    server.show(2, &crate::support::pictures::of_len(2_000, 2));
    let ended = program.stop(Signal::SIGINT).expect(0);
    for kind in ["no frames: the camera is away", "the camera is back after"] {
        let said = ended.log.matches(kind).count();
        assert!((1..=20).contains(&said), "{kind}: {said}");
    }
    assert!(ended.log.contains(" more like it in the last minute: "), "{}", ended.log);
}

/// An ICMP message (RFC 792) of `code` "unreachable", as if it answered a datagram from `ours` to `theirs`.
fn unreachable(code: u8, mtu: u16, ours: SocketAddr, theirs: SocketAddr) -> Vec<u8> {
    let [our_ip, their_ip] = [ours, theirs].map(|at| match at.ip() {
        IpAddr::V4(ip) => ip.octets(),
        IpAddr::V6(_) => panic!("{at}"),
    });
    // the head of what it answers: IPv4 without a checksum, then the ports
    let head = [&[0x45, 0, 5, 200, 0, 1, 0x40, 0, 64, 17, 0, 0][..], &our_ip, &their_ip].concat();
    let udp = [ours.port(), theirs.port(), 1460, 0].map(u16::to_be_bytes);
    let [high, low] = mtu.to_be_bytes();
    let mut message = [&[3, code, 0, 0, 0, 0, high, low][..], &head, udp.as_flattened()].concat();
    let sum: u32 = message.chunks(2).map(|two| u32::from(u16::from_be_bytes([two[0], two[1]]))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let checksum = !((folded & 0xffff) + (folded >> 16)) as u16;
    message[2..4].copy_from_slice(&checksum.to_be_bytes());
    message
}

#[test]
fn forged_icmp_ends_nothing_and_makes_no_path_narrow() {
    const PROTOCOL: u8 = 2;
    const PORT: u8 = 3;
    const FRAGMENTATION_NEEDED: u8 = 4;
    let raw = socket(AddressFamily::Inet, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::Icmp);
    let Ok(raw) = raw else { return left_out("forged ICMP: raw sockets are root's") };
    let camcast = Camcast::pattern(30);
    // what the system believes of the path to there is of no consequence to other tests
    let host: Ipv4Addr = own_loopback().parse().unwrap();
    let from = ["-o", "-", "--every", "--frames", "150", "--from", &host.to_string()];
    let recorder = camrec(camcast.address, &from);
    let joined = camcast.wait_line("joined: ");
    let (_, joined) = joined.split_once("joined: ").unwrap();
    let native: SocketAddr = joined.split_once(' ').unwrap().0.parse().unwrap();
    let udp = UdpSocket::bind((host, 0)).unwrap();
    let mut tcp = http::Client::connect_from(host.octets(), camcast.address).stream;
    tcp.write_all(udp.local_addr().unwrap().port().to_string().as_bytes()).unwrap();
    let plain = PlainClient { udp, server: camcast.address, _tcp: Some(tcp) };
    plain.take_frames(3);
    let to = SockaddrStorage::from(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    for _ in 0..20 {
        for client in [native, plain.address()] {
            let mut said = vec![(PORT, 0), (PORT, 0), (PROTOCOL, 0)];
            said.extend([(FRAGMENTATION_NEEDED, 600); 50]);
            for (code, mtu) in said {
                let message = unreachable(code, mtu, camcast.address, client);
                sendto(raw.as_raw_fd(), &message, &to, MsgFlags::empty()).unwrap();
            }
        }
        plain.take_frames(2);
    }
    let ended = recorder.wait_exit().expect(0);
    assert_eq!((ended.account("recorded"), ended.account("missing")), (150, 0));
    let log = camcast.program.log();
    for false_word in ["port is closed", "narrower", "UDP GSO", "datagrams not sent"] {
        assert!(!log.contains(false_word), "{log}");
    }
}
