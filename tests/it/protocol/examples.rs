//! The worked examples of docs/PROTOCOL.md, read and written by the code.

use crate::support::pictures::decoded_size;
use camcast::fec::{Encoder, Shape};
use camcast::jpeg::Size;
use camcast::reel::Reel;
use camcast::seal::{Key, Secret, StreamKey, TAG_LEN, handshake};
use camcast::sign::{Mark, SEGMENT_LEN, Seen, Signer, SigningKey, look};
use camcast::time::{Stamp, Time};
use camcast::wire::client::{ClientEnd, Continue, FromClient, Hello, Missing};
use camcast::wire::data::{DISCONTINUITY, Data, HEADER_LEN, Header, parity_rows, with_tag};
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
    let header = Header {
        flags: DISCONTINUITY,
        epoch: EPOCH,
        number,
        length: 2838,
        index: 2,
        size: 1416,
        stamp,
        check: 0x0bad_cafe,
    };
    let bytes = example("data");
    let data = Data::parse(&bytes).unwrap();
    assert_eq!(data.header, header);
    assert_eq!(data.payload, [0xaa, 0xbb, 0xcc, 0xdd, 0xff, 0xd9]);
    assert_eq!(data.tag, TOKEN.tag());
    let mut emitted = [0; HEADER_LEN];
    header.emit(&mut emitted);
    assert_eq!(with_tag(&emitted, &TOKEN.tag().to_bytes()).concat(), bytes[..HEADER_LEN]);
}

#[test]
fn parity() {
    let stamp = Stamp { captured: Time::from_nanos(1_234_567_890_123), sequence: 42 };
    let mut frame = [0; 512];
    (frame[0], frame[32]) = (1, 2);
    let mut reel = Reel::new(1 << 16, 256 + HEADER_LEN as u16, StreamId(0x1122_3344_5566_7788));
    let size = Size { width: 8, height: 8 };
    for _ in 1..7 {
        reel.push(&[0], size, stamp, 0).unwrap();
    }
    let number = reel.push(&frame, size, stamp, DISCONTINUITY).unwrap();
    let frame = reel.frame(number).unwrap();
    let shape = Shape { count: 2, rows: parity_rows(2, 256), size: 256 };
    let mut rows = Vec::new();
    Encoder::new().unwrap().encode(shape, frame.pieces(), |row| rows.push(row.to_vec())).unwrap();
    let datagram = [&frame.parity_header(0)[..], &rows[0]].concat();
    assert_eq!(datagram, example("parity"));
    let data = Data::parse(&datagram).unwrap();
    assert!(data.header.is_parity());
    assert_eq!((data.header.index, data.header.count(), data.payload.len()), (2, 2, 256));
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

/// What follows from the key, the words and both sides' random bytes is what stands there.
#[track_caller]
fn is_example(name: &str, bytes: &[u8]) {
    let lines: Vec<String> = bytes
        .chunks(16)
        .map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(bytes, example(name), "{name} is:\n{}", lines.join("\n"));
}

#[test]
fn sealed() {
    let line = DOC.lines().find(|line| line.starts_with("camcast-key-1:")).unwrap();
    let key = Key::parse(line).unwrap();
    let random = |byte| Secret::new([byte; 32]);
    assert_eq!(*Key::new(Secret::new(std::array::from_fn(|at| at as u8))).to_text(), format!("{line}\n"));
    let join = b"CAMCAST/1 join policy=every\n";
    let (asking, message) = handshake::ask(&key, &random(1), join).unwrap();
    is_example("sealed-join", &message);
    let (answering, words) = handshake::hear(&key, &random(2), &message).unwrap();
    assert_eq!(*words, join);
    let ok = b"CAMCAST/1 ok token=0123456789abcdef stream=1122334455667788 next=7 datagram=1452 span_ms=0\n";
    let words = [&ok[..], &[3; 32]].concat();
    let (mut server, message) = answering.answer(&words).unwrap();
    is_example("sealed-answer", &message);
    let (mut client, heard) = asking.finish(&message).unwrap();
    assert_eq!(*heard, words);

    let (hello, mut room, mut opened) = (example("hello-narrow"), [0; 99], [0; 99]);
    let sealed = client.seal(&hello, &mut room).unwrap();
    is_example("sealed-hello", sealed);
    assert_eq!(server.open(sealed, &mut opened), Ok(&hello[..]));
    let mut data = example("data");
    data[32..36].fill(0);
    let mut room = vec![0; data.len() + TAG_LEN];
    let key = StreamKey::new(random(3));
    assert!(key.seal(&data, &mut room));
    is_example("sealed-data", &room);
    assert_eq!(key.open(&room, &mut opened), Some(&data[..]));
}

#[test]
fn join_lines() {
    let lines: Vec<&str> = DOC.lines().filter(|line| line.starts_with(['>', '<'])).collect();
    assert_eq!(lines.len(), 5, "{lines:?}");
    for line in lines {
        let said = format!("{}\n", &line[2..]);
        let read = match line.starts_with('>') {
            true => Join::parse(said.as_bytes()).unwrap().to_string(),
            false => Reply::parse(said.as_bytes()).unwrap().to_string(),
        };
        assert_eq!(read, said);
    }
}

#[test]
fn signed_frame() {
    let line = |prefix: &str| DOC.lines().find(|line| line.starts_with(prefix)).unwrap();
    let key = SigningKey::parse(line("camcast-ed25519-private:")).unwrap();
    assert_eq!(*SigningKey::new(&std::array::from_fn(|place| place as u8)).to_text(), *key.to_text());
    assert_eq!(key.public().to_string(), line("camcast-ed25519:"));
    let stamp = Stamp { captured: Time::from_nanos(1_234_567_890_123), sequence: 42 };
    let stream = StreamId(0x1122_3344_5566_7788);
    let mark = Mark { stream, number: FrameNumber(1), stamp, wall: 1_795_821_207_123_456 };
    let bytes = example("signed-frame");
    let segment = bytes.get(2..2 + SEGMENT_LEN).unwrap_or_default();
    let frame =
        [bytes.get(..2).unwrap_or_default(), bytes.get(2 + SEGMENT_LEN..).unwrap_or_default()].concat();
    assert_eq!(decoded_size(&frame), (8, 8));
    let signed = Signer::new(key.clone()).sign(&mark, Signer::part(&frame));
    assert_eq!(signed.segment()[..], *segment);
    assert!(matches!(look(&bytes, &[key.public()]), Seen::Proved(proof) if proof.mark == mark));
    // each field is where the table has it
    let text = &segment[4..];
    for (offset, field) in [
        (8, "1 stream="),
        (33, " frame="),
        (50, " captured="),
        (80, " sequence="),
        (100, " wall="),
        (122, " before="),
        (194, " key="),
        (247, " signature="),
    ] {
        assert_eq!(text[offset..][..field.len()], *field.as_bytes());
    }
}
