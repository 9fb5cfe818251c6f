//! The original protocol, by a client that is not ours: digits over TCP, one datagram a frame, `continue` and `end`.
//! And what the original gets wrong: a lost word, a dead client, a client that is not quick enough.

use crate::support::pictures::{PatternReader, decoded_size};
use crate::support::plain::{PlainClient, join, socket_near};
use crate::support::procs::Camcast;
use crate::support::{FIVE_SECONDS, native};
use nix::sys::signal::Signal;
use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};

/// The most that one datagram carries over IPv4.
const MAX_DATAGRAM: usize = 65_507;

fn left(client: SocketAddr) -> String {
    format!("left: {client} ")
}

/// Looks at frames: whole, of the right size, each newer than the one before. That takes its time on a small machine,
/// and a client that does not answer meanwhile is dropped: so it comes last.
#[track_caller]
fn assert_in_order(frames: &[Vec<u8>]) {
    let mut reader = PatternReader::new(320, 240);
    frames.iter().fold(0, |first, frame| reader.number(frame, first) + 1);
}

/// Takes some frames and looks at them.
#[track_caller]
fn assert_streams(client: &PlainClient, count: usize) {
    assert_in_order(&client.take_frames(count));
}

#[test]
fn each_datagram_is_a_whole_jpeg_and_continue_brings_the_next() {
    let camcast = Camcast::pattern(20);
    let client = PlainClient::join(camcast.address);
    assert_streams(&client, 12);
    let joined = camcast.wait_line("joined: ");
    assert!(joined.contains(&format!("joined: {} (plain); clients now: 1", client.address())), "{joined}");
}

/// The ways in which programs send a port.
#[test]
fn the_port_may_come_in_any_way() {
    type Say = fn(SocketAddr, &str) -> Option<TcpStream>;
    fn connect(server: SocketAddr) -> TcpStream {
        let tcp = TcpStream::connect(server).unwrap();
        tcp.set_nodelay(true).unwrap();
        tcp
    }
    let ways: [(&str, Say); 7] = [
        ("digits only, kept open", |server, port| {
            let mut tcp = connect(server);
            tcp.write_all(port.as_bytes()).unwrap();
            Some(tcp)
        }),
        ("digits only, closed at once", |server, port| {
            connect(server).write_all(port.as_bytes()).unwrap();
            None
        }),
        ("digits only, its own side closed", |server, port| {
            let mut tcp = connect(server);
            tcp.write_all(port.as_bytes()).unwrap();
            tcp.shutdown(Shutdown::Write).unwrap();
            Some(tcp)
        }),
        ("a newline, kept open", |server, port| {
            let mut tcp = connect(server);
            tcp.write_all(format!("{port}\n").as_bytes()).unwrap();
            Some(tcp)
        }),
        ("a carriage return and a newline, closed at once", |server, port| {
            connect(server).write_all(format!("{port}\r\n").as_bytes()).unwrap();
            None
        }),
        ("a NUL behind, as C programs send strings", |server, port| {
            let mut tcp = connect(server);
            tcp.write_all(format!("{port}\0").as_bytes()).unwrap();
            Some(tcp)
        }),
        ("two segments", |server, port| {
            let mut tcp = connect(server);
            let (head, tail) = port.split_at(2);
            tcp.write_all(head.as_bytes()).unwrap();
            tcp.write_all(tail.as_bytes()).unwrap();
            Some(tcp)
        }),
    ];
    let camcast = Camcast::pattern(20);
    for (name, say) in ways {
        let udp = socket_near(camcast.address);
        let port = udp.local_addr().unwrap().port().to_string();
        let tcp = say(camcast.address, &port);
        let client = PlainClient { udp, server: camcast.address, _tcp: tcp };
        let frames = client.take_frames(3);
        assert!(frames.iter().all(|frame| decoded_size(frame) == (320, 240)), "{name}");
        client.say("end");
        assert!(camcast.wait_line(&left(client.address())).contains("it said end"), "{name}");
    }
}

#[test]
fn four_digits_without_an_end_are_a_port_too() {
    let camcast = Camcast::pattern(20);
    let free = (4000..10_000).find_map(|port| UdpSocket::bind(("127.0.0.1", port)).ok());
    let udp = free.expect("one of six thousand ports is free");
    let tcp = join(camcast.address, udp.local_addr().unwrap().port());
    let client = PlainClient { udp, server: camcast.address, _tcp: Some(tcp) };
    assert_streams(&client, 3);
}

#[test]
fn the_socket_may_be_bound_a_moment_after_the_join() {
    let camcast = Camcast::pattern(20);
    // A port that was free a moment ago may be another test's by the time of the second bind: then again.
    for _ in 0..10 {
        let port = socket_near(camcast.address).local_addr().unwrap().port();
        let tcp = join(camcast.address, port);
        camcast.wait_line(&format!("joined: 127.0.0.1:{port} (plain)"));
        let Ok(udp) = UdpSocket::bind(("127.0.0.1", port)) else { continue };
        let client = PlainClient { udp, server: camcast.address, _tcp: Some(tcp) };
        return assert_streams(&client, 5);
    }
    panic!("ten ports were taken by others");
}

#[test]
fn a_client_that_never_answers_gets_one_frame_and_is_dropped() {
    let camcast = Camcast::pattern(30);
    let mute = PlainClient::join(camcast.address);
    let babbler = PlainClient::join(camcast.address);
    babbler.take_frames(2);
    babbler.frame();
    for word in ["", "cont", "CONTINUE", "ended", "continue continue", "\u{ff}\u{d8}"] {
        babbler.say(word);
    }
    // who has answered once is sent more before he is given up
    for (client, most) in [(mute, 1), (babbler, 8)] {
        let left = camcast.program.wait_line_within(FIVE_SECONDS, 0, &left(client.address()));
        assert!(left.contains("(plain): no answer for "), "{left}");
        let datagrams = client.drain();
        let (words, frames): (Vec<_>, Vec<_>) = datagrams.into_iter().partition(|bytes| bytes == b"end");
        assert!((1..=most).contains(&frames.len()), "{} frames without an answer", frames.len());
        assert!(frames.iter().all(|frame| decoded_size(frame) == (320, 240)));
        assert_eq!(words.len(), 1, "and it is told");
    }
}

#[test]
fn a_lost_continue_does_not_end_the_stream() {
    let camcast = Camcast::pattern(20);
    let client = PlainClient::join(camcast.address);
    let mut frames = Vec::new();
    for _ in 0..3 {
        frames.extend(client.take_frames(3));
        // this one is received, but its answer is lost on the way
        frames.push(client.frame());
    }
    frames.extend(client.take_frames(3));
    assert!(!camcast.program.log().contains("left: "));
    assert_in_order(&frames);
}

#[test]
fn the_end_of_one_is_not_the_end_of_another() {
    let camcast = Camcast::pattern(30);
    let (one, other) = (PlainClient::join(camcast.address), PlainClient::join(camcast.address));
    one.take_frames(5);
    other.take_frames(5);
    one.say("end");
    let line = camcast.wait_line("left: ");
    assert!(line.contains(&left(one.address())) && line.contains("it said end"), "{line}");
    assert!(line.ends_with("clients now: 1"), "{line}");
    one.drain();
    let frames = other.take_frames(10);
    assert_eq!(one.drain().len(), 0, "nothing comes after the end");
    assert_eq!(camcast.program.log().matches("left: ").count(), 1);
    assert_in_order(&frames);
}

#[test]
fn end_counts_at_once_whatever_is_under_way() {
    let camcast = Camcast::pattern(30);
    let client = PlainClient::join(camcast.address);
    client.take_frames(2);
    client.say("end");
    client.say("continue");
    camcast.wait_line(&left(client.address()));
    // the place is free: the same client may come at once
    client.drain();
    let tcp = join(camcast.address, client.address().port());
    assert_streams(&client, 3);
    drop(tcp);
}

#[test]
fn a_client_whose_port_is_closed_is_dropped_and_may_come_back_on_it() {
    let camcast = Camcast::pattern(30);
    // another test may get the port meanwhile: then again
    for _ in 0..10 {
        let client = PlainClient::join(camcast.address);
        let address = client.address();
        client.take_frames(3);
        let lines = camcast.program.lines();
        drop(client);
        let left = camcast.program.wait_line_within(FIVE_SECONDS, lines, &left(address));
        let is_noticed = left.contains("its UDP port is closed");
        let (true, Ok(udp)) = (is_noticed, UdpSocket::bind(address)) else { continue };
        let tcp = join(camcast.address, address.port());
        let client = PlainClient { udp, server: camcast.address, _tcp: Some(tcp) };
        return assert_streams(&client, 5);
    }
    panic!("ten ports were taken by others, or are not noticed to be closed: {}", camcast.program.log());
}

#[test]
fn a_client_that_joins_twice_is_one_client() {
    let camcast = Camcast::pattern(30);
    let client = PlainClient::join(camcast.address);
    client.take_frames(3);
    let _tcp = join(camcast.address, client.address().port());
    camcast.wait_line(&format!("joined again: {}", client.address()));
    // the newest frame comes to whoever joins, also if it has come before
    client.drain();
    client.say("continue");
    let frames = client.take_frames(5);
    assert!(camcast.program.log().contains("clients now: 1"));
    assert!(!camcast.program.log().contains("clients now: 2"));
    assert_in_order(&frames);
}

#[test]
fn a_frame_too_large_for_a_datagram_is_shrunk_and_decodes() {
    let camcast = Camcast::start(&["pattern", "-r", "1920x1080", "-f", "4"]);
    let clients = [(); 2].map(|()| PlainClient::join(camcast.address));
    let mut frames = Vec::new();
    for _ in 0..3 {
        clients.iter().for_each(|client| frames.extend(client.take_frames(1)));
    }
    // a native client gets what the camera delivered
    let mut native = native::NativeClient::join(camcast.address, "every");
    let first = native.say_hello();
    native.assemble(first);
    let (_, frame) = native.take_frames(1).remove(0);
    assert!(frame.len() > MAX_DATAGRAM, "{} bytes: this test needs large frames", frame.len());
    assert_eq!(decoded_size(&frame), (1920, 1080));
    for frame in frames {
        assert!(frame.len() <= MAX_DATAGRAM, "{} bytes", frame.len());
        let (width, height) = decoded_size(&frame);
        assert_eq!(width * 9, height * 16, "{width}x{height}: the shape is kept");
        assert!((480..=1920).contains(&width), "{width}x{height}");
    }
}

#[test]
fn a_server_that_stops_says_end() {
    let camcast = Camcast::pattern(20);
    let clients = [(); 2].map(|()| PlainClient::join(camcast.address));
    clients.iter().for_each(|client| drop(client.take_frames(2)));
    let lines = camcast.program.lines();
    camcast.program.signal(Signal::SIGTERM);
    clients.iter().for_each(PlainClient::wait_end);
    let ended = camcast.program.wait_exit().expect(0);
    let log: Vec<&str> = ended.log.lines().skip(lines).collect();
    assert_eq!(log.iter().filter(|line| line.contains("camcast is stopping")).count(), 2, "{log:?}");
}

#[test]
fn ports_that_are_none_are_refused_in_words() {
    let camcast = Camcast::pattern(5);
    for port in ["53\n", "0\n", "99999", "70000\n"] {
        let answer = native::ask(camcast.address, port.as_bytes());
        assert_eq!(
            answer, "CAMCAST/1 refused code=protocol why=expected a UDP port from 1024 to 65535\n",
            "{port:?}"
        );
    }
    assert!(!camcast.program.log().contains("joined: "));
}

#[test]
fn two_at_once_each_get_the_stream_at_their_own_pace() {
    let camcast = Camcast::pattern(30);
    let quick = PlainClient::join(camcast.address).go_on();
    let slow = PlainClient::join(camcast.address);
    // the slow one answers each frame only when the quick one has had ten more
    for _ in 0..3 {
        slow.frame();
        quick.wait_more(10);
        slow.drain();
        slow.say("continue");
    }
    let frames = quick.halt().take_frames(2);
    assert!(!camcast.program.log().contains("left: "));
    assert_in_order(&frames);
}
