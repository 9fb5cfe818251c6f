//! RTSP as programs ask for it: the stream by UDP and over the connection, its times, what is refused, and in which order things can
//! be asked.

use super::http::folder;
use crate::support::carried::pictures;
use crate::support::http::{Client, address as http_address};
use crate::support::procs::Camcast;
use crate::support::quirks::{self, encode};
use crate::support::rtsp::{Datagrams, Frames, Packet, RtspClient, address, datagram, entropy_coded};
use camcast::jpeg::Size;
use camcast::picture::Pattern;
use nix::sys::signal::Signal;
use std::io::Write;
use std::net::{SocketAddr, UdpSocket};
use tempfile::TempDir;
use turbojpeg::{Compressor, Image, PixelFormat, Subsamp, Transform};

/// camcast that plays these pictures.
pub(super) struct Source {
    _folder: TempDir,
    pub camcast: Camcast,
    pub at: SocketAddr,
    pub jpegs: Vec<Vec<u8>>,
}

impl Source {
    pub fn new(jpegs: Vec<Vec<u8>>, args: &[&str]) -> Self {
        let folder = folder(&jpegs);
        let source = folder.path().to_str().unwrap();
        let camcast = Camcast::start(&[&[source, "--rtsp", "127.0.0.1:0"], args].concat());
        let at = address(&camcast);
        Source { _folder: folder, camcast, at, jpegs }
    }

    pub fn at_30() -> Self {
        Source::new(pictures(Subsamp::Sub2x1, 42), &["-f", "30"])
    }

    /// Which picture this is the data of.
    #[track_caller]
    pub fn number(&self, data: &[u8]) -> usize {
        let found = self.jpegs.iter().position(|jpeg| entropy_coded(jpeg) == data);
        found.unwrap_or_else(|| panic!("{} bytes that are no frame's", data.len()))
    }
}

/// Packets as they come.
pub(super) enum From<'a> {
    Udp(&'a Datagrams),
    Tcp(&'a mut RtspClient),
}

impl From<'_> {
    #[track_caller]
    fn packet(&mut self) -> Packet {
        loop {
            match self {
                From::Udp(datagrams) => return Packet::read(&datagram(&datagrams.rtp, datagrams.from.0)),
                From::Tcp(client) => match client.packet() {
                    (0, packet) => return Packet::read(&packet),
                    (channel, _) => assert_eq!(channel, 1),
                },
            }
        }
    }

    /// The next frame's data, with its timestamp.
    #[track_caller]
    pub fn frame(&mut self, frames: &mut Frames) -> (u32, Vec<u8>) {
        loop {
            let packet = self.packet();
            let timestamp = packet.timestamp;
            if let Some(data) = frames.push(packet) {
                return (timestamp, data);
            }
        }
    }
}

/// A sender's report: seconds since 1970, and the timestamp that belongs to them.
#[track_caller]
fn report(bytes: &[u8]) -> (f64, u32) {
    let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    assert_eq!(&bytes[..4], [0x80, 200, 0, 6], "a sender's report");
    assert_eq!(bytes[29], 202, "and the sender's name");
    let seconds = f64::from(word(8)) - 2_208_988_800.0 + f64::from(word(12)) / 2_f64.powi(32);
    (seconds, word(16))
}

#[test]
fn a_stream_by_udp_from_the_first_request_to_the_last() {
    let source = Source::at_30();
    let mut client = RtspClient::connect(source.at);
    let options = client.done("OPTIONS", "*", "");
    assert!(options.field("public").contains("GET_PARAMETER"), "{options:?}");
    let described = client.done("DESCRIBE", "/stream", "Accept: application/sdp\r\n");
    assert_eq!(described.field("content-base"), format!("rtsp://{}/stream/", source.at));
    assert!(described.body.contains("m=video 0 RTP/AVP 26\r\n"), "{described:?}");
    assert!(described.body.contains("a=framesize:26 168-120\r\n"), "{described:?}");
    let datagrams = client.set_up_udp("/stream/track1");
    let played = client.done("PLAY", "/stream/", "Range: npt=0.000-\r\n");
    source.camcast.wait_line("(RTSP, UDP, a test); clients now: 1");

    let (mut frames, mut from) = (Frames::default(), From::Udp(&datagrams));
    let first = from.packet();
    assert_eq!(u32::from(first.sequence), played.number("rtp-info", "seq"));
    let mut data = frames.push(first);
    let mut numbers = Vec::new();
    while numbers.len() < 45 {
        numbers.push(source.number(&data.unwrap_or_else(|| from.frame(&mut frames).1)));
        data = None;
    }
    assert_rising(&numbers, source.jpegs.len());

    client.done("PAUSE", "/stream/", "");
    drain(&datagrams.rtp);
    assert_quiet_while_others_watch(&source, &datagrams.rtp);
    let again = client.done("PLAY", "/stream/", "");
    assert_eq!(u32::from(From::Udp(&datagrams).packet().sequence), again.number("rtp-info", "seq"));

    assert_eq!(client.done("GET_PARAMETER", "/stream/", "").body, "");
    client.done("TEARDOWN", "/stream/", "");
    source.camcast.wait_line("(RTSP, UDP): it left; ");
    assert_eq!(client.ask("GET_PARAMETER", "/stream/", "").status, 454);
    drain(&datagrams.rtp);
    assert_quiet_while_others_watch(&source, &datagrams.rtp);
}

/// The datagrams that have come.
fn drain(socket: &UdpSocket) -> Vec<Vec<u8>> {
    socket.set_nonblocking(true).unwrap();
    let mut all = Vec::new();
    let mut bytes = [0; 65_536];
    while let Ok(length) = socket.recv(&mut bytes) {
        all.push(bytes[..length].to_vec());
    }
    socket.set_nonblocking(false).unwrap();
    all
}

/// While somebody else gets frames, nothing comes there.
#[track_caller]
fn assert_quiet_while_others_watch(source: &Source, socket: &UdpSocket) {
    let mut other = RtspClient::connect(source.at);
    other.set_up_tcp("/stream");
    other.done("PLAY", "/stream", "");
    let mut frames = Frames::default();
    (0..5).for_each(|_| drop(From::Tcp(&mut other).frame(&mut frames)));
    assert_eq!(drain(socket).len(), 0, "nothing comes");
}

/// Each is the next one, if camcast was not late for it on a busy machine.
#[track_caller]
pub(super) fn assert_rising(numbers: &[usize], count: usize) {
    let steps: Vec<usize> = numbers.windows(2).map(|two| (two[1] + count - two[0]) % count).collect();
    assert!(steps.iter().all(|step| (1..count / 2).contains(step)), "{numbers:?}");
}

#[test]
fn a_stream_over_the_connection_from_the_first_request_to_the_last() {
    let source = Source::at_30();
    let mut client = RtspClient::connect(source.at);
    client.done("DESCRIBE", "/", "");
    client.set_up_tcp("/track1");
    let played = client.done("PLAY", "/", "");
    source.camcast.wait_line("(RTSP, TCP, a test); clients now: 1");
    let (channel, first) = client.packet();
    assert_eq!(channel, 1, "a report comes at once");
    report(&first);
    let mut frames = Frames::default();
    let first = From::Tcp(&mut client).packet();
    assert_eq!(u32::from(first.sequence), played.number("rtp-info", "seq"));
    let mut numbers: Vec<usize> = frames.push(first).iter().map(|data| source.number(data)).collect();
    while numbers.len() < 45 {
        numbers.push(source.number(&From::Tcp(&mut client).frame(&mut frames).1));
        // answers stand between packets
        if numbers.len() % 5 == 0 {
            client.done("GET_PARAMETER", "/", "");
        }
    }
    assert_rising(&numbers, source.jpegs.len());
    // what was on its way when it came is said to its end
    client.done("PAUSE", "/", "");
    let played = client.done("PLAY", "/", "");
    assert_eq!(played.status, 200);
    client.done("TEARDOWN", "/", "");
    source.camcast.wait_line("(RTSP, TCP): it left; ");
    client.session = None;
    client.done("OPTIONS", "*", "");
}

#[test]
fn the_stream_has_the_names_that_programs_use() {
    let source = Source::at_30();
    for path in ["", "/", "/stream", "/stream/", "/unicast", "/unicast/", "/stream?x=1"] {
        let mut client = RtspClient::connect(source.at);
        let base = client.done("DESCRIBE", path, "").field("content-base").to_owned();
        assert!(base.ends_with('/') && base.starts_with(&format!("rtsp://{}", source.at)), "{base}");
        client.set_up_tcp(&format!("{base}track1"));
        client.done("PLAY", &base, "");
        source.number(&From::Tcp(&mut client).frame(&mut Frames::default()).1);
        // one that asks for no description, and for no track
        let mut client = RtspClient::connect(source.at);
        let datagrams = client.set_up_udp(path);
        client.done("PLAY", path, "");
        source.number(&From::Udp(&datagrams).frame(&mut Frames::default()).1);
    }
    let mut client = RtspClient::connect(source.at);
    for path in ["/other", "/stream/track2", "/multicast"] {
        assert_eq!(client.ask("DESCRIBE", path, "").status, 404, "{path}");
    }
}

/// HTTP says when each picture was captured; reports and timestamps have to say the same.
#[test]
fn reports_map_timestamps_to_the_wall_clock() {
    let source = Source::new(pictures(Subsamp::Sub2x2, 210), &["-f", "30", "--http", "127.0.0.1:0"]);
    let mut client = RtspClient::connect(source.at);
    let datagrams = client.set_up_udp("/stream");
    let mut viewer = Client::connect(http_address(&source.camcast));
    viewer.begin("/stream", "");
    let now = || jiff::Timestamp::now().as_microsecond() as f64 / 1e6;
    let before = now();
    client.done("PLAY", "/stream", "");
    let (wall, at) = report(&datagram(&datagrams.rtcp, datagrams.from.1));
    let after = now();
    assert!((before - 0.01..after + 0.01).contains(&wall), "{before} {wall} {after}");
    let parts: Vec<(f64, usize)> = (0..30)
        .map(|_| {
            let (captured, jpeg) = viewer.part();
            (captured, source.number(entropy_coded(&jpeg)))
        })
        .collect();
    let mut frames = Frames::default();
    let mut compared = 0;
    for _ in 0..30 {
        let (timestamp, data) = From::Udp(&datagrams).frame(&mut frames);
        let number = source.number(&data);
        let Some((captured, _)) = parts.iter().find(|(_, it)| *it == number) else { continue };
        let said = wall + f64::from(timestamp.wrapping_sub(at) as i32) / 90_000.0;
        assert!((said - captured).abs() < 0.002, "picture {number}: {said}, by HTTP {captured}");
        compared += 1;
    }
    assert!(compared > 10, "{compared}");
}

#[test]
fn who_watches_is_told_that_camcast_stops() {
    let source = Source::at_30();
    let mut by_udp = RtspClient::connect(source.at);
    let datagrams = by_udp.set_up_udp("/stream");
    by_udp.done("PLAY", "/stream", "");
    let mut by_tcp = RtspClient::connect(source.at);
    by_tcp.set_up_tcp("/stream");
    by_tcp.done("PLAY", "/stream", "");
    From::Tcp(&mut by_tcp).packet();
    source.camcast.program.signal(Signal::SIGTERM);
    let says_bye = |bytes: &[u8]| {
        report(bytes);
        let (_, bye) = bytes.split_at(bytes.len() - 8);
        bye[..4] == [0x81, 203, 0, 1] && bye[4..] == bytes[4..8]
    };
    while !says_bye(&datagram(&datagrams.rtcp, datagrams.from.1)) {}
    loop {
        match by_tcp.packet() {
            (1, bytes) if says_bye(&bytes) => break,
            _ => {}
        }
    }
    assert!(by_tcp.is_closed() && by_udp.is_closed());
    let log = source.camcast.program.wait_exit().expect(0).log;
    assert_eq!(log.matches("camcast is stopping; ").count(), 2, "{log}");
}

/// A file that is played once waits for its first viewer, and ends when all have its last frame.
#[test]
fn a_file_that_is_played_once_is_shown_from_its_first_frame_to_its_last() {
    for is_tcp in [false, true] {
        let source = Source::new(pictures(Subsamp::Sub2x2, 21), &["-f", "30", "--once", "--wait-for-client"]);
        let mut client = RtspClient::connect(source.at);
        let datagrams = (!is_tcp).then(|| client.set_up_udp("/stream"));
        if is_tcp {
            client.set_up_tcp("/stream");
        }
        client.done("PLAY", "/stream", "");
        let mut frames = Frames::default();
        let mut numbers = Vec::new();
        while numbers.last() != Some(&20) {
            let mut from = datagrams.as_ref().map_or_else(|| From::Tcp(&mut client), From::Udp);
            numbers.push(source.number(&from.frame(&mut frames).1));
        }
        assert!(numbers[0] == 0 && numbers.is_sorted_by(|one, other| one < other), "{numbers:?}");
        assert!(client.is_closed());
        let log = source.camcast.program.wait_exit().expect(0).log;
        assert!(numbers.len() == 21 || log.contains(" skipped; "), "{numbers:?}: {log}");
    }
}

#[test]
fn who_vanishes_is_seen_to_have_left() {
    let source = Source::at_30();
    for way in ["UDP", "TCP"] {
        let mut client = RtspClient::connect(source.at);
        let _datagrams = (way == "UDP").then(|| client.set_up_udp("/stream"));
        if way == "TCP" {
            client.set_up_tcp("/stream");
        }
        client.done("PLAY", "/stream", "");
        source.camcast.wait_line(&format!("(RTSP, {way}, a test); clients now: 1"));
        drop(client);
        source.camcast.wait_line(&format!("(RTSP, {way}): it closed the connection; "));
    }
}

/// A viewer that came before the first frame has been told no size, without which it cannot read such frames.
#[test]
fn who_comes_before_frames_that_are_too_large_is_told_so() {
    let (camcast, mut stdin) = Camcast::piped(&["--rtsp", "127.0.0.1:0", "--wait-for-client"]);
    let mut client = RtspClient::connect(address(&camcast));
    client.done("DESCRIBE", "/stream", "");
    client.set_up_tcp("/stream");
    client.done("PLAY", "/stream", "");
    let mut pattern = Pattern::new(Size { width: 2048, height: 240 }, Pattern::QUALITY).unwrap();
    stdin.write_all(pattern.draw(1, "").unwrap()).unwrap();
    let left = camcast.wait_line("left: ");
    assert!(left.contains("larger than RTP has words for"), "{left}");
}

#[test]
fn requests_may_come_at_once_or_byte_by_byte() {
    let source = Source::at_30();
    let mut client = RtspClient::connect(source.at);
    let all: String = (0..20).map(|_| client.text("OPTIONS", "*", "")).collect();
    client.say(all.as_bytes());
    for number in 1..=20 {
        let answer = client.answer();
        assert_eq!((answer.status, answer.field("cseq")), (200, number.to_string().as_str()));
    }
    let text = client.text("DESCRIBE", "/stream", "");
    client.stream.set_nodelay(true).unwrap();
    text.bytes().for_each(|byte| client.say(&[byte]));
    assert_eq!(client.answer().status, 200);
    // a number that begins at zero, and a body
    client.say(b"GET_PARAMETER * RTSP/1.0\r\nCSeq: 0\r\nContent-Length: 6\r\n\r\nvolumeOPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n");
    assert_eq!(client.answer().status, 451);
    assert_eq!(client.answer().status, 200);
}

#[test]
fn what_is_asked_in_the_wrong_order_or_of_another_is_refused() {
    let source = Source::at_30();
    let mut one = RtspClient::connect(source.at);
    for method in ["PLAY", "PAUSE", "TEARDOWN"] {
        assert_eq!(one.ask(method, "/stream", "").status, 455, "{method}");
    }
    one.set_up_tcp("/stream");
    one.done("PLAY", "/stream", "");
    let mut other = RtspClient::connect(source.at);
    other.session = one.session.clone();
    for method in ["PLAY", "PAUSE", "TEARDOWN", "GET_PARAMETER", "SETUP"] {
        assert_eq!(other.ask(method, "/stream", "").status, 454, "{method}");
    }
    let setup = one.ask("SETUP", "/stream", "Transport: RTP/AVP/TCP;interleaved=0-1\r\n");
    assert_eq!(setup.status, 455, "{setup:?}");
    let mut frames = Frames::default();
    (0..3).for_each(|_| drop(From::Tcp(&mut one).frame(&mut frames)));

    let mut other = RtspClient::connect(source.at);
    for header in [
        "",
        "Transport: RTP/SAVP;unicast;client_port=5000-5001\r\n",
        "Transport: RAW/RAW/UDP;unicast;client_port=5000-5001\r\n",
        "Transport: RTP/AVP;unicast;client_port=22-23\r\n",
        "Transport: RTP/AVP;multicast\r\n",
    ] {
        let refused = other.ask("SETUP", "/stream", header);
        assert!(refused.status == 461 && !refused.body.is_empty(), "{header}: {refused:?}");
    }
    assert_eq!(other.ask("SETUP", "/stream", "Require: implicit-play\r\n").status, 551);
    assert_eq!(other.ask("RECORD", "/stream", "").status, 501);
    other.say(b"GET / HTTP/1.1\r\nCSeq: 1\r\n\r\n");
    assert_eq!(other.answer().status, 505);
    assert!(other.is_closed());
}

fn coded(change: impl Fn(&mut Compressor)) -> Vec<u8> {
    let pixels = quirks::picture();
    let mut compressor = Compressor::new().unwrap();
    compressor.set_quality(80).unwrap();
    compressor.set_subsamp(Subsamp::Sub2x1).unwrap();
    change(&mut compressor);
    let (width, height) = (quirks::WIDTH, quirks::HEIGHT);
    let image = Image { pixels: &pixels[..], width, pitch: width * 3, height, format: PixelFormat::RGB };
    compressor.compress_to_vec(image).unwrap()
}

#[test]
fn what_cannot_go_by_rtp_is_refused_with_the_reason() {
    let sampled = |sampling| encode(&quirks::picture(), quirks::WIDTH, sampling);
    for (jpeg, reason) in [
        (sampled(Subsamp::None), "their chrominance is sampled 1x1, 1x1, 1x1"),
        (sampled(Subsamp::Gray), "they are grey"),
        (coded(|compressor| compressor.set_progressive(true).unwrap()), "not baseline JPEGs"),
        (coded(|compressor| compressor.set_optimize(true).unwrap()), "Huffman tables of their own"),
    ] {
        let source = Source::new(vec![jpeg], &["-f", "10", "--http", "127.0.0.1:0"]);
        source.camcast.wait_line("the source gives frames");
        let mut client = RtspClient::connect(source.at);
        for (method, fields) in [("DESCRIBE", ""), ("SETUP", "Transport: RTP/AVP/TCP\r\n")] {
            let refused = client.ask(method, "/stream", fields);
            assert_eq!(refused.status, 415, "{reason}: {refused:?}");
            assert!(refused.body.contains(reason) && refused.body.contains("camcast --http"), "{refused:?}");
        }
    }
}

#[test]
fn what_is_too_large_is_for_gstreamer_alone() {
    let mut pattern = Pattern::new(Size { width: 2048, height: 240 }, Pattern::QUALITY).unwrap();
    let source = Source::new(vec![pattern.draw(1, "").unwrap().to_vec()], &["-f", "10"]);
    source.camcast.wait_line("the source gives frames");
    let mut client = RtspClient::connect(source.at);
    let refused = client.ask("DESCRIBE", "/stream", "");
    assert_eq!(refused.status, 415);
    assert!(refused.body.contains("2048x240") && refused.body.contains("camcast --http"), "{refused:?}");
    client.agent = "GStreamer/1.22.0";
    let described = client.done("DESCRIBE", "/stream", "");
    assert!(described.body.contains("a=x-dimensions:2048,240\r\n"), "{described:?}");
}

#[test]
fn what_is_too_large_and_written_anew_is_for_gstreamer_alone_too() {
    let mut pattern = Pattern::new(Size { width: 2048, height: 240 }, Pattern::QUALITY).unwrap();
    let mut how = Transform::default();
    how.progressive = true;
    let jpeg = turbojpeg::transform(&how, pattern.draw(1, "").unwrap()).unwrap().to_vec();
    let source = Source::new(vec![jpeg], &["-f", "10", "--rtsp-recode"]);
    source.camcast.wait_line("the source gives frames");
    let mut client = RtspClient::connect(source.at);
    for (method, fields) in [("DESCRIBE", ""), ("SETUP", "Transport: RTP/AVP/TCP\r\n")] {
        assert_eq!(client.ask(method, "/stream", fields).status, 415);
    }
    // nothing has been written anew before the first one plays
    client.agent = "GStreamer/1.22.0";
    client.set_up_tcp("/stream");
    client.done("PLAY", "/stream", "");
    while client.packet().0 != 0 {}
}

#[test]
fn a_stream_that_turns_into_what_cannot_go_ends_with_the_reason() {
    let (camcast, mut stdin) = Camcast::piped(&["--rtsp", "127.0.0.1:0"]);
    let mut client = RtspClient::connect(address(&camcast));
    // nobody knows yet what comes
    client.set_up_tcp("/stream");
    client.done("PLAY", "/stream", "");
    let grey = encode(&quirks::picture(), quirks::WIDTH, Subsamp::Gray);
    (0..3).for_each(|_| stdin.write_all(&grey).unwrap());
    camcast.wait_line("left: ");
    let left = camcast.wait_line("left: ");
    assert!(left.contains("they are grey; take them by HTTP"), "{left}");
    assert!(client.is_closed());
}

/// Junk that is to open a firewall, reports of other sources, what asks for packets that never were.
#[test]
fn datagrams_that_say_nothing_do_nothing() {
    let source = Source::at_30();
    let mut client = RtspClient::connect(source.at);
    let datagrams = client.set_up_udp("/stream");
    client.done("PLAY", "/stream", "");
    let mut frames = Frames::default();
    let ssrc = {
        let packet = From::Udp(&datagrams).packet();
        let ssrc = packet.ssrc.to_be_bytes();
        frames.push(packet);
        ssrc
    };
    let lacks_of =
        |ssrc: [u8; 4]| [&[0x81, 205, 0, 3, 1, 2, 3, 4], &ssrc[..], &[0x7f, 0xff, 0xff, 0xff]].concat();
    let words: [Vec<u8>; 8] = [
        vec![],
        vec![0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        vec![0xff; 200],
        vec![0x81, 201, 0xff, 0xff, 1, 2, 3, 4],
        [&[0x9f, 201, 0, 7, 1, 2, 3, 4], &ssrc[..]].concat(),
        vec![0x81, 203, 0, 1, 1, 2, 3, 4],
        lacks_of([9; 4]),
        vec![b'x'; 9000],
    ];
    let outsider = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..20 {
        for word in &words {
            datagrams.rtp.send_to(word, datagrams.from.0).unwrap();
            datagrams.rtcp.send_to(word, datagrams.from.1).unwrap();
            let _ = outsider.send_to(&lacks_of(ssrc), datagrams.from.1);
        }
        // packets come in order, none twice
        source.number(&From::Udp(&datagrams).frame(&mut frames).1);
    }
    client.done("TEARDOWN", "/stream", "");
}

#[test]
fn a_packet_that_is_asked_for_comes_again_as_it_was_and_not_without_end() {
    let source = Source::at_30();
    let mut client = RtspClient::connect(source.at);
    let described = client.done("DESCRIBE", "/stream?nack=1", "");
    assert!(described.body.contains("RTP/AVPF 26\r\n") && described.body.contains("a=rtcp-fb:26 nack\r\n"));
    let datagrams = client.set_up_udp("/stream?nack=1");
    client.done("PLAY", "/stream?nack=1", "");
    let first = datagram(&datagrams.rtp, datagrams.from.0);
    let (ssrc, sequence) = (&first[8..12], &first[2..4]);
    let lacks = |pairs: &[u8]| {
        let length = 2 + (pairs.len() / 4) as u8;
        [&[0x81, 205, 0, length, 1, 2, 3, 4], ssrc, pairs].concat()
    };
    datagrams.rtcp.send_to(&lacks(&[sequence, &[0, 0]].concat()), datagrams.from.1).unwrap();
    let mut came = vec![first.clone()];
    let is_again = |came: &[Vec<u8>]| came[1..].contains(&came[0]);
    while !is_again(&came) {
        assert!(came.len() < 300, "it does not come again");
        came.push(datagram(&datagrams.rtp, datagrams.from.0));
    }
    // a flood: what it costs is a part of what is sent anyway
    let all_behind = lacks(&[sequence, &[0xff, 0xff]].concat().repeat(50));
    let mut count = came.len();
    let mut again = 1;
    for _ in 0..1000 {
        let _ = datagrams.rtcp.send_to(&all_behind, datagrams.from.1);
        let packet = datagram(&datagrams.rtp, datagrams.from.0);
        again += usize::from(came.contains(&packet));
        came.push(packet);
        count += 1;
    }
    assert!(again > 100 && again <= 256 + (count - again) / 4 + 1, "{again} of {count}");
}

#[test]
fn while_the_camera_is_silent_a_picture_says_so() {
    let (camcast, mut stdin) = Camcast::piped(&["--rtsp", "127.0.0.1:0"]);
    let clips = pictures(Subsamp::Sub2x1, 2);
    let at = address(&camcast);
    stdin.write_all(&clips[0]).unwrap();
    camcast.wait_line("the source gives frames");
    let (mut by_udp, mut by_tcp) = (RtspClient::connect(at), RtspClient::connect(at));
    let datagrams = by_udp.set_up_udp("/stream");
    by_udp.done("PLAY", "/stream", "");
    by_tcp.set_up_tcp("/stream");
    by_tcp.done("PLAY", "/stream", "");
    let is_clip = |data: &[u8], clip: usize| entropy_coded(&clips[clip]) == data;
    for mut from in [From::Udp(&datagrams), From::Tcp(&mut by_tcp)] {
        let mut frames = Frames::default();
        let mut shown = vec![from.frame(&mut frames)];
        while shown.len() < 3 || is_clip(&shown[shown.len() - 2].1, 0) {
            shown.push(from.frame(&mut frames));
        }
        let [.., (before, one), (after, other)] = &shown[..] else { panic!() };
        assert_eq!(one, other, "it is shown again");
        assert!((after.wrapping_sub(*before) as i32) > 0, "later: {before} {after}");
    }
    stdin.write_all(&clips[1]).unwrap();
    for mut from in [From::Udp(&datagrams), From::Tcp(&mut by_tcp)] {
        // whatever it had of the picture
        let mut frames = Frames::default();
        while !is_clip(&from.frame(&mut frames).1, 1) {}
    }
}

#[test]
fn by_ipv6_and_by_ipv4_to_an_address_of_both() {
    let folder = folder(&pictures(Subsamp::Sub2x1, 7));
    for (listen, hosts) in [("[::1]:0", &["[::1]"][..]), ("[::]:0", &["[::1]", "127.0.0.1"])] {
        let camcast = Camcast::start(&[folder.path().to_str().unwrap(), "-f", "30", "--rtsp", listen]);
        for host in hosts {
            let at = format!("{host}:{}", address(&camcast).port()).parse().unwrap();
            let mut client = RtspClient::connect(at);
            let described = client.done("DESCRIBE", "/stream", "");
            let kind = if at.is_ipv6() { "c=IN IP6 ::\r\n" } else { "c=IN IP4 0.0.0.0\r\n" };
            assert!(described.body.contains(kind), "{described:?}");
            let datagrams = client.set_up_udp("/stream");
            client.done("PLAY", "/stream", "");
            let mut frames = Frames::default();
            (0..3).for_each(|_| drop(From::Udp(&datagrams).frame(&mut frames)));
        }
    }
}
