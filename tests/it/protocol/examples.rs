//! The worked examples of docs/PROTOCOL.md, read and written by the code.

use camcast::jpeg::Size;
use camcast::time::{Stamp, Time};
use camcast::wire::client::{ClientEnd, Continue, FromClient, Hello, Missing};
use camcast::wire::data::{DISCONTINUITY, Data, HEADER_LEN, Header};
use camcast::wire::join::{Join, Reply};
use camcast::wire::server::{Beat, EndReason, ServerEnd};
use camcast::wire::{FrameNumber, StreamId, Token};

const DOC: &str = include_str!("../../../docs/PROTOCOL.md");
const EPOCH: u16 = StreamId(0x1122_3344_5566_7788).epoch();
const TOKEN: Token = Token(0x0123_4567_89ab_cdef);

/// The bytes of the block that begins "```hex NAME".
fn example(name: &str) -> Vec<u8> {
    let head = format!("```hex {name}\n");
    let start = DOC.find(&head).unwrap_or_else(|| panic!("no example {name}")) + head.len();
    let block = &DOC[start..start + DOC[start..].find("```").unwrap()];
    block.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

#[test]
fn data() {
    let stamp = Stamp { captured: Time::from_nanos(1_234_567_890_123), sequence: 42 };
    let number = FrameNumber(7);
    let header =
        Header { flags: DISCONTINUITY, epoch: EPOCH, number, length: 2854, index: 2, size: 1424, stamp };
    let bytes = example("data");
    let data = Data::parse(&bytes).unwrap();
    assert_eq!(data.header, header);
    assert_eq!(data.payload, [0xaa, 0xbb, 0xcc, 0xdd, 0xff, 0xd9]);
    let mut emitted = [0; HEADER_LEN];
    header.emit(&mut emitted);
    assert_eq!(emitted, bytes[..HEADER_LEN]);
}

#[test]
fn beat() {
    let (newest, oldest) = (FrameNumber(7), FrameNumber(1));
    let beat = Beat {
        epoch: EPOCH,
        token: TOKEN,
        newest,
        oldest,
        echo: 4096,
        held_us: 250,
        skipped: 0b101,
        no_camera: false,
        size: Some(Size { width: 1280, height: 720 }),
    };
    assert_eq!(Beat::parse(&example("beat")), Ok(beat));
    assert_eq!(beat.to_bytes()[..], example("beat"));
}

#[test]
fn server_end() {
    let end = ServerEnd { epoch: EPOCH, token: TOKEN, reason: EndReason::Stopping, newest: FrameNumber(7) };
    assert_eq!(ServerEnd::parse(&example("server-end")), Ok(end));
    assert_eq!(end.to_bytes()[..], example("server-end"));
}

#[test]
fn hello() {
    let hello = Hello { epoch: EPOCH, token: TOKEN, stamp: 4096, path_mtu: 1280, narrow: true };
    assert_eq!(FromClient::parse(&example("hello-narrow")), Ok(FromClient::Hello(hello)));
    assert_eq!(hello.emit(&mut [0; 1452]), example("hello-narrow"));
}

#[test]
fn continues() {
    let missing = |number, first, count| Missing { number: FrameNumber(number), first, count };
    let cont = Continue {
        epoch: EPOCH,
        token: TOKEN,
        stamp: 8192,
        through: FrameNumber(4),
        seen: FrameNumber(7),
        rtt_us: 1100,
        arrived: 540,
        urgent: false,
        missing: [missing(5, 3, 2), missing(6, 0, 0)].into_iter().collect(),
    };
    assert_eq!(cont.to_bytes()[..], example("continue"));
    assert_eq!(FromClient::parse(&example("continue")), Ok(FromClient::Continue(cont)));
}

#[test]
fn client_end() {
    let end = ClientEnd { epoch: EPOCH, token: TOKEN };
    assert_eq!(FromClient::parse(&example("client-end")), Ok(FromClient::End(end)));
    assert_eq!(end.to_bytes()[..], example("client-end"));
}

#[test]
fn join_lines() {
    let lines: Vec<&str> = DOC.lines().filter(|line| line.starts_with(['>', '<'])).collect();
    let [ask, ok, refused] = lines[..] else { panic!("{lines:?}") };
    let said = |line: &str| format!("{}\n", &line[2..]);
    let join = Join::parse(said(ask).as_bytes()).unwrap();
    assert_eq!(join.to_string(), said(ask));
    for line in [ok, refused] {
        let reply = Reply::parse(said(line).as_bytes()).unwrap();
        assert_eq!(reply.to_string(), said(line));
    }
}
