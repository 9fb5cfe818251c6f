//! The work: what the pure rooms do for a frame of 200 kB (1080p), each by itself.

use camcast::jpeg::{self, Size, Split, Splitter};
use camcast::picture::Pattern;
use camcast::receiver::{Event, Patience, Receiver};
use camcast::record::container::{Container, Muxer, Track};
use camcast::reel::Reel;
use camcast::sender::hub::{Hub, JOINS, Limits};
use camcast::sender::{ClientId, Output, Route};
use camcast::time::{Stamp, Time};
use camcast::wire::client::{Continue, Hello};
use camcast::wire::data::with_tag;
use camcast::wire::join::{Accepted, Join, Policy, Reply};
use camcast::wire::{FrameNumber, StreamId, Token};
use std::hint::black_box;
use std::io::Write;
use std::time::Duration;

const SIZE: Size = Size { width: 1920, height: 1080 };
const BYTES: usize = 200_000;
const FRAME: Duration = Duration::from_nanos(33_333_333);
const DATAGRAM: u16 = 1452;
const STREAM: StreamId = StreamId(0x1122_3344_5566_7788);

/// What a pipe gives at once.
const PIECE: usize = 65_536;

/// As the shell has it.
const GSO: u16 = 45;

/// Does it so many times.
type Work = fn(usize);

/// Each by its name.
pub(crate) const WORK: [(&str, Work); 9] = [
    // the check of a frame: the walk over its header, then the search for its end; and of one that is little more than a header
    ("jpeg-check", check),
    ("jpeg-header", header),
    // a frame out of a stream that comes in pieces
    ("jpeg-split", split),
    // the one copy of a frame
    ("reel-push", push),
    // that copy too, then bursts and a CONTINUE for each client
    ("hub-1", |times| hub(times, 1)),
    ("hub-16", |times| hub(times, 16)),
    // datagrams to a frame, and what is said back
    ("receive", receive),
    // what goes around a frame in a file, and a checkpoint a second
    ("matroska", |times| mux(times, Container::Matroska)),
    ("avi", |times| mux(times, Container::Avi)),
];

pub(crate) fn run(name: &str, times: usize) {
    let (_, work) = WORK.iter().find(|(known, _)| *known == name).expect("one of those of `list`");
    work(times);
}

/// A header as cameras have it, and noise: nobody here decodes it. As in a camera's, one byte in 256 of the scan is FF, with 00
/// behind it.
fn frame(bytes: usize) -> Vec<u8> {
    let mut pattern = Pattern::new(Size { width: 160, height: 120 }, Pattern::QUALITY).unwrap();
    let drawn = pattern.draw(0, "").unwrap();
    let at = drawn.windows(2).position(|pair| pair == [0xff, 0xda]).unwrap();
    let scan = at + 2 + usize::from(u16::from_be_bytes([drawn[at + 2], drawn[at + 3]]));
    let mut jpeg = drawn[..scan].to_vec();
    let mut noise = 1_u64;
    while jpeg.len() < bytes - 2 {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let byte = (noise >> 56) as u8;
        jpeg.push(if jpeg[jpeg.len() - 1] == 0xff { 0 } else { byte });
    }
    if let Some(last) = jpeg.last_mut() {
        *last &= 0x7f;
    }
    jpeg.extend([0xff, 0xd9]);
    jpeg
}

fn check(times: usize) {
    let jpeg = frame(BYTES);
    (0..times).for_each(|_| assert_eq!(jpeg::check(black_box(&jpeg)).unwrap().bytes.len(), BYTES));
}

fn header(times: usize) {
    let jpeg = frame(2_000);
    (0..times).for_each(|_| assert!(jpeg::check(black_box(&jpeg)).is_ok()));
}

fn split(times: usize) {
    let stream = frame(BYTES);
    let mut splitter = Splitter::new();
    for _ in 0..times {
        let pieces = (PIECE..BYTES).step_by(PIECE).chain([BYTES]);
        let found = pieces.map(|end| splitter.find(black_box(&stream[..end]))).last();
        assert_eq!(found, Some(Split::Frame { start: 0, end: BYTES }));
    }
}

fn reel() -> Reel {
    Reel::new(4 << 20, DATAGRAM, STREAM)
}

fn stamp(number: usize) -> Stamp {
    let captured = Time::from_millis(10_000).after(FRAME * number as u32);
    Stamp { captured, sequence: number as u32 }
}

fn push(times: usize) {
    let (jpeg, mut reel) = (frame(BYTES), reel());
    for number in 0..times {
        black_box(reel.push(black_box(&jpeg), SIZE, stamp(number), 0).unwrap());
    }
}

fn hub(times: usize, clients: u16) {
    let (jpeg, mut reel) = (frame(BYTES), reel());
    let mut hub = Hub::new(Limits { clients, joins: JOINS, burst: GSO }, STREAM);
    let mut now = stamp(0).captured;
    let ids: Vec<ClientId> = (1..=clients).map(|token| join(&mut hub, &reel, token, now)).collect();
    let mut arrived = 0;
    for number in 0..times {
        now = stamp(number).captured;
        let newest = reel.push(&jpeg, SIZE, stamp(number), 0).unwrap();
        hub.handle_camera(false, &reel, now);
        let end = now.after(FRAME);
        loop {
            while hub.poll_output().is_some() {}
            while let Some(transmit) = hub.poll_transmit(&reel, now) {
                black_box(transmit);
                while hub.poll_output().is_some() {}
            }
            let Some((due, _)) = hub.next_timeout().filter(|(due, _)| *due < end) else { break };
            now = now.max(due);
            hub.handle_timeout(&reel, now);
        }
        arrived += reel.newest().map_or(0, |frame| u32::from(frame.fragments()));
        for (token, client) in (1..).zip(&ids) {
            let said = Continue {
                epoch: STREAM.epoch(),
                token: Token(token),
                stamp: (now.as_nanos() / 1000) as u32,
                through: newest,
                seen: newest,
                rtt_us: 1_000,
                arrived,
                urgent: false,
                missing: Default::default(),
            };
            hub.handle_datagram(*client, &said.to_bytes(), &reel, now);
        }
    }
    assert_eq!(hub.clients(), usize::from(clients), "all are still here");
}

fn join(hub: &mut Hub, reel: &Reel, token: u16, now: Time) -> ClientId {
    let remote = ([192, 0, 2, 1], 2000 + token).into();
    let route = Route { remote, local: ([192, 0, 2, 2], 9999).into() };
    let token = Token(token.into());
    let join = Join { policy: Policy::Every, ..Join::default() };
    assert!(matches!(hub.join_native(join, route, token, reel, now), Reply::Ok(_)));
    let hello = Hello { epoch: STREAM.epoch(), token, stamp: 5, path_mtu: 0, narrow: false };
    hub.handle_unknown_peer(remote, hello.emit(&mut [0; DATAGRAM as usize]), reel, now);
    let opened = std::iter::from_fn(|| hub.poll_output()).find_map(|output| match output {
        Output::Open { client, .. } => Some(client),
        _ => None,
    });
    let client = opened.expect("it was let in");
    let before = reel.next_number().previous();
    let heard = Continue {
        epoch: STREAM.epoch(),
        token,
        stamp: 5,
        through: before,
        seen: before,
        rtt_us: 0,
        arrived: 0,
        urgent: false,
        missing: Default::default(),
    };
    hub.handle_datagram(client, &heard.to_bytes(), reel, now);
    client
}

fn receive(times: usize) {
    let (jpeg, mut reel) = (frame(BYTES), reel());
    let next = reel.next_number();
    let accepted = Accepted {
        token: Token(1),
        stream: STREAM,
        next,
        datagram: DATAGRAM,
        size: None,
        fps: None,
        span_ms: 0,
        clock: None,
        parity: false,
    };
    let mut receiver = Receiver::new(0, &accepted, Patience::Reel, stamp(0).captured);
    let mut room = vec![0; receiver.datagram_len()];
    let (mut came, tag, mut tagged) = (0, Token(1).tag().to_bytes(), [0; DATAGRAM as usize]);
    for number in 0..times {
        let pushed: FrameNumber = reel.push(&jpeg, SIZE, stamp(number), 0).unwrap();
        let train = reel.frame(pushed).map(|frame| frame.datagrams(0..u16::MAX)).unwrap();
        let now = stamp(number).captured;
        // a train of 45 datagrams is sent at once, the first with the tag
        for train in train.chunks(usize::from(DATAGRAM) * 45) {
            let (first, rest) = train.split_at(train.len().min(DATAGRAM.into()));
            let mut room = &mut tagged[..];
            with_tag(first, &tag).iter().for_each(|piece| room.write_all(piece).unwrap());
            receiver.handle_datagram(0, black_box(&tagged[..first.len()]), now);
            for datagram in rest.chunks(DATAGRAM.into()) {
                receiver.handle_datagram(0, black_box(datagram), now);
            }
        }
        while receiver.poll_datagram(0, &mut room, now).is_some() {}
        while let Some(event) = receiver.poll_event() {
            if let Event::Frame(frame) = event {
                came += 1;
                receiver.recycle(frame.bytes);
            }
        }
    }
    assert_eq!(came, times);
}

fn mux(times: usize, container: Container) {
    let track = Track {
        size: SIZE,
        interval: Some(FRAME),
        started: jiff::Timestamp::UNIX_EPOCH,
        offset: jiff::tz::Offset::UTC,
    };
    let (mut muxer, _) = Muxer::file(container, &track);
    for number in 0..times {
        let head = muxer.frame_head(stamp(number).captured, black_box(BYTES)).unwrap();
        black_box((head.before(), head.after()));
        muxer.wrote(&head);
        if number % 30 == 0 {
            black_box(muxer.checkpoint().len());
        }
    }
}
