//! camrec records from the original server too. The server here is a program like the Python original: it takes the
//! port, then sends a JPEG and waits for `continue` or `end`, one client, one frame at a time, and never gives up.

use crate::support::film::RecordingReader;
use crate::support::pictures::{noise, of_len};
use crate::support::procs::{camrec, camrec_into};
use crate::support::{PATIENCE, pause};
use nix::sys::signal::Signal;
use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread::{self, JoinHandle};

/// One client of the original server, as the server sees it.
struct Visit {
    udp: UdpSocket,
    client: SocketAddr,
    /// The original keeps the connection for as long as the client is there.
    _tcp: TcpStream,
}

impl Visit {
    /// `conn.recv(1024)`, then a UDP socket of the server's own.
    fn accept(listener: &TcpListener) -> Self {
        let (mut tcp, from) = listener.accept().unwrap();
        let mut bytes = [0; 1024];
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        let count = tcp.read(&mut bytes).unwrap();
        let port: u16 =
            std::str::from_utf8(&bytes[..count]).unwrap().trim().parse().expect("a port in digits");
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        udp.set_read_timeout(Some(PATIENCE)).unwrap();
        Visit { udp, client: SocketAddr::new(from.ip(), port), _tcp: tcp }
    }

    /// `sendto(frame)`, then `recvfrom(1024)`: the word that comes back.
    fn show(&self, frame: &[u8]) -> String {
        self.udp.send_to(frame, self.client).unwrap();
        self.hear()
    }

    fn hear(&self) -> String {
        let mut bytes = [0; 1024];
        let (count, from) = self.udp.recv_from(&mut bytes).expect("the client answers");
        assert_eq!(from, self.client, "answers come from the port that was named");
        String::from_utf8(bytes[..count].to_vec()).unwrap()
    }
}

fn clips() -> Vec<Vec<u8>> {
    let lengths = [1_000, 1_472, 1_473, 9_000, 40_000, 65_507];
    let mut clips: Vec<_> = lengths.iter().enumerate().map(|(n, len)| of_len(*len, n as u64)).collect();
    clips.push(noise(160, 120, 80, 9));
    clips
}

/// Shows the clips over and over until the client says `end`, and returns how many it has shown.
fn serve(listener: TcpListener, clips: Vec<Vec<u8>>) -> JoinHandle<usize> {
    thread::spawn(move || {
        let visit = Visit::accept(&listener);
        for (shown, clip) in clips.iter().cycle().enumerate() {
            // the camera's own pace
            pause();
            match visit.show(clip).as_str() {
                "continue" => {}
                "end" => return shown + 1,
                other => panic!("the original knows no {other:?}"),
            }
        }
        unreachable!("the cycle has no end")
    })
}

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[test]
fn frames_of_the_original_server_are_recorded_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let (listener, address) = listen();
    let server = serve(listener, clips());
    let ended =
        camrec_into(folder.path(), address, &["--plain", "0", "--frames", "20"]).wait_exit().expect(0);
    assert!(server.join().expect("the server is told the end") >= 20);
    assert_eq!(ended.account("recorded"), 20);
    let films = RecordingReader::read_folder(folder.path());
    let shots: Vec<&[u8]> = films.iter().flat_map(|film| &film.shots).map(|shot| &shot.jpeg[..]).collect();
    let expected: Vec<Vec<u8>> = clips().into_iter().cycle().take(20).collect();
    assert!(shots == expected.iter().map(Vec::as_slice).collect::<Vec<_>>());
    films.iter().for_each(RecordingReader::assert_times_rise);
}

#[test]
fn a_pipe_gets_the_frames_of_the_original_server() {
    let (listener, address) = listen();
    let server = serve(listener, clips());
    let args = ["-o", "-", "--format", "mjpeg", "--plain", "0", "--frames", "10"];
    let ended = camrec(address, &args).wait_exit().expect(0);
    let expected: Vec<u8> = clips().into_iter().cycle().take(10).flatten().collect();
    assert!(ended.out == expected, "{} bytes, not {}", ended.out.len(), expected.len());
    server.join().unwrap();
}

#[test]
fn frames_come_to_the_port_that_is_asked_for() {
    // a port that was free a moment ago may be another test's by now: then again
    for _ in 0..10 {
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (listener, address) = listen();
        let program = camrec(address, &["-o", "-", "--plain", &port.to_string(), "--frames", "3"]);
        let server = thread::spawn(move || {
            let visit = Visit::accept(&listener);
            while visit.show(&clips()[0]) != "end" {}
            visit.client
        });
        let ended = program.wait_exit();
        if ended.code == Some(7) {
            // nobody else joins: lets the server's thread end
            drop(TcpStream::connect(address));
            assert!(server.join().is_err());
            continue;
        }
        ended.expect(0);
        assert_eq!(server.join().unwrap().port(), port);
        return;
    }
    panic!("ten ports were taken by others");
}

#[test]
fn a_lost_continue_is_said_again() {
    let (listener, address) = listen();
    let program = camrec(address, &["-o", "-", "--format", "mjpeg", "--plain", "0", "--frames", "4"]);
    let visit = Visit::accept(&listener);
    let clips = clips();
    for clip in &clips[..3] {
        assert_eq!(visit.show(clip), "continue");
        // it was lost: the original waits for ever, until it comes again
        assert_eq!(visit.hear(), "continue");
    }
    visit.udp.send_to(&clips[3], visit.client).unwrap();
    let ended = program.wait_exit().expect(0);
    assert!(ended.out == clips[..4].concat());
    let last: Vec<String> =
        std::iter::from_fn(|| Some(visit.hear())).take(5).take_while(|word| word != "end").collect();
    assert!(last.len() <= 2, "{last:?}");
}

#[test]
fn what_is_no_picture_is_not_recorded() {
    let (listener, address) = listen();
    let program = camrec(address, &["-o", "-", "--format", "mjpeg", "--plain", "0", "--frames", "2"]);
    let visit = Visit::accept(&listener);
    let clips = clips();
    let half = &clips[3][..5_000];
    for rubbish in [b"no picture", half, b"\xff\xd8\xff\xd9", b"continue"] {
        assert_eq!(visit.show(rubbish), "continue", "{} bytes", rubbish.len());
    }
    assert_eq!(visit.show(&clips[0]), "continue");
    visit.udp.send_to(&clips[1], visit.client).unwrap();
    let ended = program.wait_exit().expect(0);
    assert!(ended.out == clips[..2].concat());
}

#[test]
fn frames_of_another_host_are_not_taken() {
    let (listener, address) = listen();
    let program = camrec(address, &["-o", "-", "--format", "mjpeg", "--plain", "0", "--frames", "2"]);
    let visit = Visit::accept(&listener);
    let clips = clips();
    let stranger = UdpSocket::bind("127.0.0.2:0").unwrap();
    stranger.send_to(&clips[2], visit.client).unwrap();
    assert_eq!(visit.show(&clips[0]), "continue");
    stranger.send_to(b"end", visit.client).unwrap();
    visit.udp.send_to(&clips[1], visit.client).unwrap();
    assert!(program.wait_exit().expect(0).out == clips[..2].concat());
}

#[test]
fn a_signal_ends_the_visit_with_end() {
    let folder = tempfile::tempdir().unwrap();
    let (listener, address) = listen();
    let server = serve(listener, clips());
    let program = camrec_into(folder.path(), address, &["--plain", "0"]);
    program.wait_line("writing ");
    let ended = program.stop(Signal::SIGINT).expect(0);
    let shown = server.join().unwrap() as u64;
    let recorded = ended.account("recorded");
    assert!((1..=shown).contains(&recorded), "{recorded} of {shown} recorded");
    let films = RecordingReader::read_folder(folder.path());
    assert!(films.iter().all(|film| film.is_finished));
    assert_eq!(films.iter().map(|film| film.shots.len()).sum::<usize>() as u64, recorded);
}

#[test]
fn a_server_that_sends_nothing_is_named() {
    let (listener, address) = listen();
    let program = camrec(address, &["-o", "-", "--plain", "0"]);
    let _visit = Visit::accept(&listener);
    let ended = program.wait_exit().expect(9);
    assert!(ended.log.contains("does it speak the original protocol?"), "{}", ended.log);
}
