//! Cameras of few frames a second, as webcams in the dark and 1080p without MJPEG are: whoever looks sees them.

use crate::support::http::{Client, address};
use crate::support::native::{self, NativeClient};
use crate::support::pause;
use crate::support::pictures::noise;
use crate::support::plain::{PlainClient, socket_near};
use crate::support::procs::{Camcast, camrec, camrec_into};
use nix::sys::signal::Signal;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};

/// Of several bursts each, so that a frame has pauses.
fn sees(fps: &str, frames: &str) {
    let camcast = Camcast::start(&["pattern", "-r", "800x600", "-f", fps]);
    let viewer = camrec(camcast.address, &["--newest", "-o", "-", "--format", "mjpeg", "--frames", frames]);
    let folder = tempfile::tempdir().unwrap();
    let recorder = camrec_into(folder.path(), camcast.address, &["--frames", frames]);
    let wanted: u64 = frames.parse().unwrap();
    for program in [viewer, recorder] {
        let ended = program.wait_exit().expect(0);
        // what a viewer is shown is never outrun here, whatever the machine does
        let came = (ended.account("recorded"), ended.account("missing"));
        assert_eq!(came, (wanted, 0), "{fps} a second: {}", ended.text());
    }
}

#[test]
fn one_frame_a_second() {
    sees("1", "3");
}

#[test]
fn two_frames_a_second() {
    sees("2", "4");
}

#[test]
fn five_frames_a_second() {
    sees("5", "8");
}

#[test]
fn a_frame_in_three_seconds() {
    sees("0.33", "3");
}

/// A camcast whose source has been silent, and the frame that ends the silence, which comes in the same turn of the loop as the request
/// of somebody whom `come` has brought in already.
fn with_the_first_frame<T>(
    come: impl FnOnce(&Camcast) -> T,
    request: impl FnOnce(&mut T),
) -> (Camcast, T, Vec<u8>) {
    let (camcast, mut stdin) = Camcast::piped(&["--http", "127.0.0.1:0"]);
    let clips = [1, 2].map(|seed| noise(160, 120, 50, seed));
    stdin.write_all(&clips[0]).unwrap();
    let mut comer = come(&camcast);
    camcast.wait_line("no frame from the source for a while");
    camcast.program.signal(Signal::SIGSTOP);
    stdin.write_all(&clips[1]).unwrap();
    request(&mut comer);
    camcast.program.signal(Signal::SIGCONT);
    // nothing comes after it, and the pipe stays open
    std::mem::forget(stdin);
    (camcast, comer, clips[1].clone())
}

/// A connection that has been let in, and has said nothing yet.
fn let_in(camcast: &Camcast, to: SocketAddr) -> TcpStream {
    let before = camcast.program.descriptors();
    let stream = TcpStream::connect(to).unwrap();
    while camcast.program.descriptors() == before {
        pause();
    }
    stream
}

#[test]
fn who_comes_with_the_first_frame_after_a_silence_gets_it_over_http() {
    for target in ["/stream", "/snapshot"] {
        let (_camcast, mut client, frame) = with_the_first_frame(
            |camcast| Client::over(let_in(camcast, address(camcast))),
            |client| client.ask("GET", target, ""),
        );
        let got = if target == "/stream" { client.begun() } else { client.response(false) };
        assert_eq!(got.status, 200, "{target}");
        let picture = if target == "/stream" { client.part().1 } else { got.body };
        assert!(picture == frame, "{target}");
    }
}

#[test]
fn who_comes_with_the_first_frame_after_a_silence_gets_it_over_udp() {
    // who has said nothing for two seconds is not waited for: the connection is made with the request
    let said = |to: SocketAddr, line: &str| {
        let mut tcp = TcpStream::connect(to).unwrap();
        tcp.write_all(line.as_bytes()).unwrap();
        tcp
    };
    let udp = |camcast: &Camcast| PlainClient {
        udp: socket_near(camcast.address),
        server: camcast.address,
        _tcp: None,
    };
    let (_camcast, client, frame) = with_the_first_frame(udp, |client| {
        client._tcp = Some(said(client.server, &format!("{}\n", client.address().port())));
    });
    assert!(client.frame() == frame, "plain");
    let (_camcast, (server, tcp), frame) = with_the_first_frame(
        |camcast| (camcast.address, None),
        |(server, tcp)| *tcp = Some(said(*server, "CAMCAST/1 join policy=newest agent=test/1\n")),
    );
    let mut client = NativeClient::accepted(server, &native::answer(&mut tcp.unwrap()));
    client.say_hello();
    assert!(client.take_frames(1)[0].1 == frame, "native");
}
