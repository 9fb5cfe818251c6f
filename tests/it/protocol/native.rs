//! Our own protocol by hand: a client that has nothing of our code, and one that behaves badly.

use crate::support::native::{self, Door, Heard, NativeClient, ask, word};
use crate::support::pictures::{PatternReader, decoded_size};
use crate::support::procs::{Camcast, camrec};
use crate::support::{FIVE_SECONDS, Noise, PATIENCE, deadline, is_over, left};
use nix::sys::signal::Signal;
use std::io::Write;
use std::net::{TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

/// A client that has had its first datagram.
fn live(camcast: &Camcast, policy: &str) -> NativeClient {
    let mut client = NativeClient::join(camcast.address, policy);
    let heard = client.say_hello();
    assert!(matches!(heard, Heard::Beat { .. }), "HELLO is answered by BEAT before all else");
    client
}

/// It goes on as if nothing had been.
#[track_caller]
fn assert_streams(client: &mut NativeClient, count: usize) {
    let frames = client.take_frames(count);
    for two in frames.windows(2) {
        assert!(two[1].0 > two[0].0, "frame {} after {}", two[1].0, two[0].0);
    }
    frames.iter().for_each(|(_, frame)| assert_eq!(decoded_size(frame), (320, 240)));
}

#[test]
fn the_reply_says_what_a_client_has_to_know() {
    let camcast = Camcast::pattern(20);
    // the second join finds frames in the reel: its size and rate are known
    live(&camcast, "newest").take_frames(5);
    let reply = ask(camcast.address, b"CAMCAST/1 join policy=every agent=by-hand/7 colour=blue\r\n");
    assert!(reply.starts_with("CAMCAST/1 ok token=") && reply.ends_with('\n'), "{reply:?}");
    assert_eq!(reply.lines().count(), 1, "{reply:?}");
    assert_eq!((word(&reply, "datagram"), word(&reply, "size")), ("1452".into(), "320x240".into()));
    assert_eq!((word(&reply, "token").len(), word(&reply, "stream").len()), (16, 16));
    assert!(word(&reply, "next").parse::<u32>().unwrap() >= 1);
    assert!(word(&reply, "span_ms").parse::<u32>().unwrap() > 0);
    assert!(word(&reply, "fps").parse::<f32>().unwrap() > 1.0);
    let other = ask(camcast.address, b"CAMCAST/1 join\n");
    assert_eq!(word(&other, "stream"), word(&reply, "stream"));
    assert_ne!(word(&other, "token"), word(&reply, "token"));
}

#[test]
fn every_frame_comes_whole_and_in_order() {
    let camcast = Camcast::pattern(20);
    let mut client = live(&camcast, "every");
    let next = client.next;
    let frames = client.take_frames(25);
    let numbers: Vec<u32> = frames.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (next..next + 25).collect::<Vec<_>>(), "every one, from the one that was promised");
    let end = client.end();
    client.send(&end);
    assert_eq!(client.wait_end(), native::GOODBYE);
    let left = camcast.wait_line("left: ");
    assert!(left.contains(&format!("left: {} (native, every): it said end; ", client.address())), "{left}");
    assert!(camcast.wait_line("joined: ").contains("(native, every, test/1); clients now: 1"));
    // last, because it takes long on a small machine
    let mut reader = PatternReader::new(320, 240);
    frames.iter().fold(0, |first, (_, frame)| reader.number(frame, first) + 1);
}

#[test]
fn a_recorder_that_comes_back_is_given_what_it_has_missed() {
    // small: what was missed comes at once, and has to fit a socket's usual receive buffer
    let camcast = Camcast::start(&["pattern", "-r", "160x120", "-f", "20"]);
    let mut witness = live(&camcast, "every");
    let first = witness.take_frames(1)[0].0;
    witness.take_frames(10);
    // as camrec says it after an outage: the stream that it knew, and the next frame that it wants
    let stream = word(&ask(camcast.address, b"CAMCAST/1 join\n"), "stream");
    let line = format!("CAMCAST/1 join policy=every stream={stream} next={first}\n");
    let mut client = NativeClient::accepted(camcast.address, &ask(camcast.address, line.as_bytes()));
    assert_eq!(client.next, first);
    client.say_hello();
    let numbers: Vec<u32> = client.take_frames(15).iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (first..first + 15).collect::<Vec<_>>());
    // of another stream nothing is known: the newest it is
    let line = format!("CAMCAST/1 join policy=every stream=0123456789abcdef next={first}\n");
    let other = NativeClient::accepted(camcast.address, &ask(camcast.address, line.as_bytes()));
    assert!(other.next > first);
}

#[test]
fn lines_that_cannot_be_read_are_answered_in_words() {
    let camcast = Camcast::pattern(5);
    let cases: [(&[u8], &str); 7] = [
        (b"CAMCAST/2 join\n", "CAMCAST/1 is spoken here, not CAMCAST/2"),
        (b"CAMCAST/1 play\n", "expected: CAMCAST/1 join [policy=every|newest]"),
        (b"CAMCAST/1 join policy=all\n", "cannot read the value of policy="),
        (b"CAMCAST/1 join stream=0123456789abcdef\n", "next= is missing"),
        (b"CAMCAST/1 join agent=\x1b[2J\n", "the line is not ASCII text"),
        (b"hello\n", "expected a UDP port number in digits, or: CAMCAST/1 join"),
        (b"\x16\x03\x01\x02\x00", "expected a UDP port number in digits, or: CAMCAST/1 join"),
    ];
    for (line, why) in cases {
        let answer = ask(camcast.address, line);
        assert_eq!(answer, format!("CAMCAST/1 refused code=protocol why={why}\n"));
    }
    camcast.wait_line("not let in: ");
    let log = camcast.program.log();
    assert_eq!(
        log.matches("not let in: ").count(),
        1,
        "at most one line a minute of what others can cause:\n{log}"
    );
    assert!(!log.contains("joined: "), "{log}");
}

#[test]
fn a_browser_is_told_and_logged_once() {
    let camcast = Camcast::pattern(5);
    for _ in 0..5 {
        let answer = ask(camcast.address, b"GET /stream HTTP/1.1\r\n\r\n");
        let last = answer.lines().last().unwrap_or_default();
        assert!(last.contains("this port does not speak HTTP"), "{answer:?}");
    }
    assert!(camcast.wait_line("not let in: 127.0.0.1:").contains("does not speak HTTP"));
    assert_eq!(camcast.program.log().matches("not let in: ").count(), 1);
}

#[test]
fn a_join_may_come_a_byte_at_a_time() {
    let camcast = Camcast::pattern(10);
    let mut tcp = TcpStream::connect(camcast.address).unwrap();
    tcp.set_nodelay(true).unwrap();
    for byte in b"CAMCAST/1 join policy=newest\n" {
        tcp.write_all(&[*byte]).unwrap();
    }
    let reply = native::answer(&mut tcp);
    let mut client = NativeClient::accepted(camcast.address, &reply);
    client.say_hello();
    assert_streams(&mut client, 3);
}

#[test]
fn a_join_that_is_never_finished_is_turned_away() {
    let camcast = Camcast::pattern(10);
    let mut tcp = TcpStream::connect(camcast.address).unwrap();
    tcp.write_all(b"CAMCAST/1 join policy=").unwrap();
    assert_eq!(native::answer(&mut tcp), "CAMCAST/1 refused code=protocol why=no complete join line\n");
    let mut endless = TcpStream::connect(camcast.address).unwrap();
    endless.write_all(b"CAMCAST/1 join agent=").unwrap();
    endless.write_all(&[b'x'; 600]).unwrap();
    assert!(native::answer(&mut endless).starts_with("CAMCAST/1 refused code=protocol why="));
}

#[test]
fn hello_may_be_said_again_and_again() {
    let camcast = Camcast::pattern(20);
    let mut client = NativeClient::join(camcast.address, "newest");
    for _ in 0..5 {
        let hello = client.hello();
        client.send(&hello);
    }
    client.say_hello();
    assert_streams(&mut client, 5);
    let hello = client.hello();
    client.send(&hello);
    client.send(&hello);
    assert_streams(&mut client, 5);
    camcast.wait_line("joined: ");
    let log = camcast.program.log();
    assert_eq!((log.matches("joined: ").count(), log.matches("left: ").count()), (1, 0), "{log}");
}

#[test]
fn a_beat_echoes_the_clients_stamp() {
    let camcast = Camcast::pattern(5);
    let mut client = NativeClient::join(camcast.address, "newest");
    let first = client.next;
    let Heard::Beat { newest, oldest, echo, .. } = client.say_hello() else { panic!("no BEAT") };
    assert!((1..=50).contains(&echo), "the stamp of one of the HELLOs: {echo}");
    assert_eq!(newest, first.wrapping_sub(1), "nothing has been sent to it yet");
    assert!(oldest <= first);
    // with nothing to send, BEATs go on, and echo the latest CONTINUE
    let cont = client.continue_with(first);
    let stamp = u32::from_be_bytes(cont[12..16].try_into().unwrap());
    client.send(&cont);
    let until = deadline(PATIENCE);
    while !is_over(until) {
        match client.hear_within(PATIENCE) {
            Some(Heard::Beat { echo, .. }) if echo == stamp => return,
            _ => {}
        }
    }
    panic!("no BEAT echoes {stamp}");
}

#[test]
fn hello_counts_only_with_the_token_and_from_the_host_that_joined() {
    let camcast = Camcast::pattern(20);
    let mut client = NativeClient::join(camcast.address, "newest");
    let hello = client.hello();
    let stranger = UdpSocket::bind("127.0.0.2:0").unwrap();
    let mut wrong_token = hello.clone();
    wrong_token[11] ^= 1;
    let mut wrong_epoch = hello.clone();
    wrong_epoch[3] ^= 1;
    stranger.send_to(&hello, camcast.address).unwrap();
    client.send(&wrong_token);
    client.send(&wrong_epoch);
    client.send(&hello[..19]);
    // another client that comes after them is served: those have been looked at, and nothing came of it
    let mut other = live(&camcast, "newest");
    assert_streams(&mut other, 3);
    assert_eq!(client.drain().len(), 0, "nothing goes to a wrong token");
    stranger.set_nonblocking(true).unwrap();
    assert!(stranger.recv(&mut [0; 2000]).is_err(), "nothing goes to another host");
    // the right one is let in all the same
    client.say_hello();
    assert_streams(&mut client, 3);
}

#[test]
fn no_other_socket_speaks_for_a_session() {
    let camcast = Camcast::pattern(20);
    let mut client = live(&camcast, "newest");
    client.take_frames(2);
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (end, cont, hello) = (client.end(), client.continue_with(u32::MAX / 2), client.hello());
    for datagram in [&end, &cont, &hello, &end] {
        stranger.send_to(datagram, camcast.address).unwrap();
    }
    let mut witness = live(&camcast, "newest");
    assert_streams(&mut witness, 3);
    assert_streams(&mut client, 5);
    assert!(!camcast.program.log().contains("left: "));
    stranger.set_nonblocking(true).unwrap();
    assert!(stranger.recv(&mut [0; 2000]).is_err(), "and it is not answered");
}

/// Says HELLO, one CONTINUE if `speaks`, and nothing after it, until END; returns the numbers of the frames that came.
fn frames_to_the_mute(camcast: &Camcast, policy: &str, speaks: bool) -> Vec<u32> {
    let mut client = NativeClient::join(camcast.address, policy);
    client.say_hello();
    if speaks {
        let before = client.next.wrapping_sub(1);
        let cont = client.continue_with(before);
        client.send(&cont);
    }
    let mut numbers = Vec::new();
    let until = deadline(FIVE_SECONDS);
    loop {
        match client.hear_within(left(until)) {
            Some(Heard::Data { number, .. }) if numbers.last() != Some(&number) => numbers.push(number),
            Some(Heard::End { reason }) => {
                assert_eq!(reason, native::SILENCE);
                break;
            }
            Some(_) => {}
            None => panic!("no END: {}", camcast.program.log()),
        }
    }
    let line = camcast.wait_line(&format!("left: {} ", client.address()));
    assert!(line.contains("no answer for "), "{line}");
    numbers
}

#[test]
fn a_client_that_says_no_more_gets_a_window_and_is_dropped_and_no_video_if_it_never_did() {
    let quick = Camcast::pattern(60);
    let slow = Camcast::pattern(5);
    let (viewer, recorder, slow, mute) = thread::scope(|scope| {
        let viewer = scope.spawn(|| frames_to_the_mute(&quick, "newest", true));
        let recorder = scope.spawn(|| frames_to_the_mute(&quick, "every", true));
        let slow = scope.spawn(|| frames_to_the_mute(&slow, "every", true));
        let mute = scope.spawn(|| frames_to_the_mute(&quick, "every", false));
        (viewer.join().unwrap(), recorder.join().unwrap(), slow.join().unwrap(), mute.join().unwrap())
    });
    assert_eq!(mute.len(), 0, "it may not have asked for it");
    // the frames of 0.4 s and of 0.6 s, by the rate as measured
    assert!((1..=26).contains(&viewer.len()), "a viewer's window is 24 at 60 a second: {viewer:?}");
    assert!((1..=39).contains(&recorder.len()), "a recorder's window is 36 at 60 a second: {recorder:?}");
    // video stops after a second, though the window has room: at 5 frames a second that is 5 or 6 of about 22
    assert!((1..=8).contains(&slow.len()), "{slow:?}");
}

#[test]
fn two_hundred_idle_connections_keep_nobody_out() {
    let camcast = Camcast::pattern(20);
    let mut idle: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(camcast.address).unwrap()).collect();
    idle.iter_mut().step_by(3).for_each(|tcp| tcp.write_all(b"CAM").unwrap());
    let mut client = live(&camcast, "newest");
    idle.extend((0..100).map(|_| TcpStream::connect(camcast.address).unwrap()));
    assert_streams(&mut client, 5);
    let mut other = live(&camcast, "every");
    assert_streams(&mut other, 5);
    let ended = camrec(camcast.address, &["-o", "-", "--frames", "5"]).wait_exit().expect(0);
    assert_eq!(ended.account("recorded"), 5);
    assert_eq!(idle.len(), 200);
}

/// Datagrams that may look like ours, a few bits from it.
fn mutated(noise: &mut Noise, samples: &[Vec<u8>]) -> Vec<u8> {
    let mut datagram = samples[noise.below(samples.len())].clone();
    match noise.below(4) {
        0 => {
            let count = noise.below(1500);
            datagram = noise.bytes(count);
        }
        1 => datagram.truncate(noise.below(datagram.len())),
        2 => {
            let count = noise.below(40);
            datagram.extend(noise.bytes(count));
        }
        _ => {}
    }
    for _ in 0..noise.below(4).min(datagram.len()) {
        let at = noise.below(datagram.len());
        datagram[at] ^= 1 << noise.below(8);
    }
    datagram
}

#[test]
fn ten_thousand_datagrams_of_rubbish_disturb_nobody() {
    let camcast = Camcast::pattern(20);
    let recorder = camrec(camcast.address, &["-o", "-", "--every", "--frames", "60"]);
    let plain = crate::support::plain::PlainClient::join(camcast.address).go_on();
    plain.wait_more(1);
    let mut noise = Noise::new(20_261_123);
    // from a session of its own, which that may well end, and from a socket that nobody knows
    let mut own = live(&camcast, "newest");
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    let data = [&[native::DATA, 0][..], &own.epoch, &[0; 32], &[7; 1416]].concat();
    let beat = [&[native::BEAT, 0][..], &own.epoch, &own.token, &[0; 16]].concat();
    let samples =
        [own.hello(), own.continue_with(9), own.end(), data, beat, b"continue".to_vec(), b"end".to_vec()];
    for turn in 0..10_000 {
        let datagram = mutated(&mut noise, &samples);
        let from = if turn % 2 == 0 { &stranger } else { &own.udp };
        // a full queue or "port closed" is none of our business here
        let _ = from.send_to(&datagram, camcast.address);
        if turn % 100 == 0 {
            // lets the others come to their turn, as a network would
            plain.wait_more(1);
        }
    }
    let ended = recorder.wait_exit().expect(0);
    assert_eq!((ended.account("recorded"), ended.account("missing")), (60, 0));
    plain.wait_more(5);
    let address = plain.halt().address();
    let log = camcast.program.log();
    assert!(!log.contains(&format!("left: {address} ")), "{log}");
    // it still lets clients in, and has not filled the log
    assert_streams(&mut live(&camcast, "every"), 3);
    assert!(log.lines().count() < 20, "{log}");
    camcast.program.stop(Signal::SIGTERM).expect(0);
}

const STREAM: u64 = 0x00c0_ffee_00c0_ffee;

#[test]
fn camrec_takes_fragments_in_any_order_and_often_and_rubbish_not_at_all() {
    let door = Door::open();
    let program = camrec(door.address, &["-o", "-", "--format", "mjpeg", "--every", "--frames", "12"]);
    let server = door.accept(STREAM, 1).0;
    let jpegs: Vec<_> = (1..=12).map(|n| crate::support::pictures::of_len(n * 3_001, n as u64)).collect();
    let mut noise = Noise::new(7);
    let mut number = 0;
    for jpeg in &jpegs {
        number += 1;
        let mut fragments = server.fragments(number, jpeg);
        for at in (1..fragments.len()).rev() {
            fragments.swap(at, noise.below(at + 1));
        }
        for fragment in &fragments {
            server.send(fragment);
            server.send(fragment);
            // in its header's fixed part: another version, kind or epoch, or a length that is not the datagram's
            let mut wrong = fragment.clone();
            wrong[noise.below(4)] ^= 0x40 | 1 << noise.below(8);
            wrong[0] |= 0x80;
            server.send(&wrong);
            server.send(&fragment[..noise.below(fragment.len())]);
            let count = noise.below(1452);
            server.send(&noise.bytes(count));
        }
        if number < 12 {
            server.wait_through(number);
        }
    }
    let ended = program.wait_exit().expect(0);
    assert!(ended.out == jpegs.concat(), "{} bytes, not {}", ended.out.len(), jpegs.concat().len());
    assert_eq!(ended.account("missing"), 0);
}

#[test]
fn camrec_names_what_never_comes() {
    let door = Door::open();
    let program = camrec(door.address, &["-o", "-", "--format", "mjpeg", "--every"]);
    let server = door.accept(STREAM, 1).0;
    let jpegs: Vec<_> = (1..=7).map(|n| crate::support::pictures::of_len(5_000 + n, n as u64)).collect();
    for number in [1, 2, 4, 7] {
        server
            .fragments(number, &jpegs[number as usize - 1])
            .iter()
            .for_each(|datagram| server.send(datagram));
    }
    // one fragment of frame 5 came, of 3 and 6 nothing
    server.send(&server.fragments(5, &jpegs[4])[1]);
    // they are asked for until the reel has them no longer
    server.send(&server.beat(7, 7));
    server.wait_through(7);
    // an END of another session is none
    let mut wrong = server.end();
    wrong[11] ^= 1;
    server.send(&wrong);
    let ended = program.stop(Signal::SIGTERM).expect(12);
    assert_eq!(ended.account("missing"), 3);
    for words in ["  frame 3 between ", "  frames 5-6 between "] {
        assert!(ended.log.contains(words), "{words:?}: {}", ended.log);
    }
    assert_eq!((ended.account("recorded"), ended.account("frames from the camera")), (4, 7));
    assert!(ended.out == [&jpegs[0], &jpegs[1], &jpegs[3], &jpegs[6]].map(Vec::as_slice).concat());
}

#[test]
fn camrec_asks_for_smaller_datagrams_if_hello_is_not_answered() {
    let door = Door::open();
    let program = camrec(door.address, &["-o", "-", "--frames", "1"]);
    let server = door.accept(STREAM, 1).0;
    // the long ones go unanswered, as on a path that drops them: then a short one with the flag comes
    let mut bytes = [0; 2048];
    let until = deadline(PATIENCE);
    let mut lengths = Vec::new();
    while !is_over(until) {
        let count = server.udp.recv(&mut bytes).unwrap();
        lengths.push(count);
        if count == 20 {
            assert_eq!((bytes[0], bytes[1]), (native::HELLO, 1), "it says why it is short");
            let jpeg = crate::support::pictures::of_len(2_000, 1);
            server.fragments(1, &jpeg).iter().for_each(|datagram| server.send(datagram));
            program.wait_exit().expect(0);
            return;
        }
    }
    panic!("no short HELLO among {lengths:?}");
}

#[test]
fn a_narrow_hello_is_served_and_logged() {
    let camcast = Camcast::pattern(10);
    let mut client = NativeClient::join(camcast.address, "newest");
    let mut hello = client.hello();
    hello.truncate(20);
    hello[1] = 1;
    hello[16..18].copy_from_slice(&1280_u16.to_be_bytes());
    let until = deadline(PATIENCE);
    while client.hear_within(Duration::from_millis(200)).is_none() && !is_over(until) {
        client.send(&hello);
    }
    assert_streams(&mut client, 3);
    assert!(camcast.wait_line("is narrower than 1500 bytes").contains("camcast --mtu 1280 would suit"));
    // the firewall that was in the way has come up: a padded one gets through
    let padded = client.hello();
    client.send(&padded);
    camcast.wait_line("takes full packets after all");
    assert_streams(&mut client, 3);
}
