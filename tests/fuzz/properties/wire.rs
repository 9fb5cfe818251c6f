//! Joins, replies and datagrams: what has been read is written as it was, and no line is more than one.

use super::stream::cuts;
use camcast::jpeg::Size;
use camcast::receiver::plain::{Heard, PlainReceiver};
use camcast::sender::greeting::{DEADLINE, Greeting, GreetingError, Request};
use camcast::time::{Stamp, Time};
use camcast::wire::client::{ClientEnd, Continue, FromClient, Hello, Missing};
use camcast::wire::data::{self, Data, HEADER_LEN, Header};
use camcast::wire::join::{Accepted, Join, Policy, Refusal, RefusalCode, Reply};
use camcast::wire::plain::{MIN_PORT, Word, parse_port};
use camcast::wire::server::{Beat, EndReason, FromServer, ServerEnd};
use camcast::wire::{FrameNumber, MAX_FRAME, StreamId, Token};

const NOW: Time = Time::from_millis(1_000);

/// A line, or a datagram.
pub fn check(bytes: &[u8]) -> bool {
    let is_join = check_greeting(bytes);
    let is_line = check_lines(bytes);
    let (is_servers, is_clients) = (check_from_server(bytes), check_from_client(bytes));
    assert!(!(is_servers && is_clients), "a datagram is never taken for the other side's");
    let mut plain = PlainReceiver::new(FrameNumber(1), NOW);
    if let Heard::Frame { place, .. } = plain.handle_datagram(bytes, NOW) {
        assert!(camcast::jpeg::check(&bytes[place]).is_ok());
    }
    is_join || is_line || is_servers || is_clients || Word::parse(bytes).is_some()
}

/// A TCP connection's first bytes.
fn check_greeting(bytes: &[u8]) -> bool {
    let greet = |pieces: &[&[u8]]| -> Result<Option<Request>, GreetingError> {
        let mut greeting = Greeting::new(NOW);
        for piece in pieces {
            if let Some(request) = greeting.handle_bytes(piece, NOW)? {
                return Ok(Some(request));
            }
        }
        assert!(greeting.next_timeout() <= NOW.after(DEADLINE));
        greeting.handle_eof().map(Some)
    };
    let whole = greet(&[bytes]);
    for pieces in cuts(bytes) {
        let cut = greet(&pieces);
        // what follows a port is not waited for
        match (&whole, &cut) {
            (Ok(Some(Request::Plain(_))) | Err(GreetingError::Port), _) | (_, Err(GreetingError::Port)) => {}
            (Err(GreetingError::Unknown { .. }), Err(GreetingError::Unknown { .. })) => {}
            _ => assert_eq!(cut, whole),
        }
    }
    match &whole {
        Ok(Some(Request::Plain(port))) => assert!(*port >= MIN_PORT),
        Ok(_) => {}
        Err(why) => assert_is_line(&why.to_string()),
    }
    whole.is_ok()
}

fn check_lines(bytes: &[u8]) -> bool {
    let join = Join::parse(bytes);
    match &join {
        Ok(join) => {
            assert_is_line(join.to_string().trim_end_matches('\n'));
            // a name that is empty is none
            assert_eq!(Join::parse(join.to_string().as_bytes()).as_ref(), Ok(join));
        }
        Err(why) => assert_is_line(&why.to_string()),
    }
    let reply = Reply::parse(bytes);
    if let Ok(reply) = &reply {
        assert_is_line(reply.to_string().trim_end_matches('\n'));
        let again = Reply::parse(reply.to_string().as_bytes()).unwrap();
        match (reply, again) {
            (Reply::Ok(before), Reply::Ok(after)) => {
                let rest = |it: &Accepted| {
                    (it.token, it.stream, it.next, it.datagram, it.size, it.span_ms, it.parity)
                };
                assert!(rest(before) == rest(&after));
            }
            (Reply::Refused(before), Reply::Refused(after)) => assert_eq!(before, &after),
            both => panic!("{both:?}"),
        }
    }
    join.is_ok() || reply.is_ok()
}

/// One line, that moves no terminal's cursor.
fn assert_is_line(text: &str) {
    assert!(!text.contains(char::is_control), "{text:?}");
}

fn check_from_server(bytes: &[u8]) -> bool {
    let Ok(message) = FromServer::parse(bytes) else { return false };
    assert_is_line(&message.to_string());
    match message {
        FromServer::Data(Data { header, payload, .. }) => {
            assert_eq!(payload.len() as u32, header.payload_len());
            assert!((1..=MAX_FRAME).contains(&header.length));
            assert!(header.is_parity() || header.offset() + header.payload_len() <= header.length);
            assert!(header.is_parity() || u32::from(header.index) < header.count());
            let mut head = [0; HEADER_LEN];
            header.emit(&mut head);
            let again = [&head, payload].concat();
            assert_eq!(Data::parse(&again).unwrap().header, header);
        }
        FromServer::Beat(beat) => assert_eq!(Beat::parse(&beat.to_bytes()), Ok(beat)),
        FromServer::End(end) => assert_eq!(ServerEnd::parse(&end.to_bytes()), Ok(end)),
    }
    true
}

fn check_from_client(bytes: &[u8]) -> bool {
    let Ok(message) = FromClient::parse(bytes) else { return false };
    assert_is_line(&message.to_string());
    let again = match &message {
        FromClient::Hello(hello) => {
            let mut room = vec![0; bytes.len()];
            hello.emit(&mut room).to_vec()
        }
        FromClient::Continue(cont) => cont.to_bytes().to_vec(),
        FromClient::End(end) => end.to_bytes().to_vec(),
    };
    assert_eq!(FromClient::parse(&again), Ok(message));
    true
}

/// Each line and each datagram.
#[allow(clippy::too_many_lines, reason = "a table")]
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    let (epoch, token, stream) =
        (StreamId(0xc0ffee).epoch(), Token(0x0123_4567_89ab_cdef), StreamId(0xc0ffee));
    let number = FrameNumber(1234);
    let resume = Some((stream, number));
    let agent = Some("camrec/0.1.0".to_owned());
    let size = Some(Size { width: 1280, height: 720 });
    let accepted = Accepted {
        token,
        stream,
        next: number,
        datagram: 1452,
        size,
        fps: Some(29.97),
        span_ms: 5300,
        clock: None,
        parity: true,
    };
    let refusal = Refusal { code: RefusalCode::Full, why: "all 16 places are taken".into() };
    let stamp = Stamp { captured: Time::from_millis(77), sequence: 9 };
    let header = Header {
        flags: 0,
        epoch,
        number,
        length: 900,
        index: 1,
        size: 600,
        stamp,
        check: data::check(&[7; 900]),
    };
    let mut head = [0; HEADER_LEN];
    header.emit(&mut head);
    let hello = Hello { epoch, token, stamp: 5, path_mtu: 1500, narrow: false };
    let missing = [(1230, 0, 4), (1232, 7, 0)].map(|(number, first, count)| Missing {
        number: FrameNumber(number),
        first,
        count,
    });
    let cont = Continue {
        epoch,
        token,
        stamp: 6,
        through: FrameNumber(1229),
        seen: number,
        rtt_us: 4000,
        arrived: 99,
        urgent: true,
        missing: missing.into_iter().collect(),
    };
    let beat = Beat {
        epoch,
        token,
        newest: number,
        oldest: FrameNumber(1000),
        echo: 6,
        held_us: 500,
        skipped: 5,
        no_camera: false,
        size,
    };
    let end = ServerEnd { epoch, token, reason: EndReason::Silence, newest: number };
    let text = |text: String| text.into_bytes();
    let seeds = [
        (
            "join",
            text(Join { policy: Policy::Every, resume, parity: false, agent: agent.clone() }.to_string()),
        ),
        ("join-parity", text(Join { parity: true, agent, ..Join::default() }.to_string())),
        ("reply", text(Reply::Ok(accepted).to_string())),
        ("refusal", text(Reply::Refused(refusal).to_string())),
        ("port", b"50051".to_vec()),
        ("continue-plain", b"continue\0".to_vec()),
        ("frame-plain", super::split::jpeg(40)),
        ("data", [&head[..], &[7; 300]].concat()),
        ("hello", hello.emit(&mut [0; 40]).to_vec()),
        ("continue", cont.to_bytes().to_vec()),
        ("beat", beat.to_bytes().to_vec()),
        ("end", end.to_bytes().to_vec()),
        ("end-client", ClientEnd { epoch, token }.to_bytes().to_vec()),
    ];
    assert!(parse_port(b"50051").is_some());
    seeds.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec()
}
