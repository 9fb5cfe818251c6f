//! Connections from anywhere, without a network and in no time: who is served, who goes, and what is still answered.

use super::*;
use crate::admission::door::Door;
use crate::app::cast::options::Options;
use crate::app::cast::report::Report;
use crate::app::cast::rules::Rules;
use crate::app::cast::stats::Stats;
use crate::app::cast::{Flow, Server};
use crate::jpeg::Size;
use crate::picture::{Encoder, Rgb, Sampling};
use crate::sender::Tally;
use crate::sys::clock;
use crate::time::Stamp;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::Duration;

const PLENTY: usize = 10_000;

/// More than a connection takes that nobody reads.
const LARGE: usize = 2_000_000;

const SMALL: Size = Size { width: 64, height: 48 };

const READABLE: Ready = Ready { readable: true, writable: false, failing: false };

/// The outlet, with a reel that the test fills.
struct Bench {
    http: Http,
    stream: Stream,
    stats: Stats,
    report: Report,
    door: Option<Door>,
    rules: Rules,
    now: Time,
    _folder: tempfile::TempDir,
}

/// Who has connected.
struct Client {
    stream: UnixStream,
    heard: Vec<u8>,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            // nobody asks it for a frame
            source: Some("pattern".into()),
            http: vec![folder.path().join("http").to_str().unwrap().into()],
            ..Options::default()
        };
        let config = Config::try_from(options).unwrap();
        let now = clock::now();
        let mut bench = Bench {
            http: Http::open(&config, Vec::new()).unwrap(),
            stream: Stream::open(&config, now).unwrap(),
            stats: Stats::default(),
            report: Report::new(&config).unwrap(),
            door: None,
            rules: config.rules,
            now,
            _folder: folder,
        };
        bench.frame(1000);
        bench
    }

    fn shared<T>(&mut self, act: impl FnOnce(&mut Http, &mut Shared<'_>, Time) -> T) -> T {
        let Bench { http, stream, stats, report, door, rules, now, .. } = self;
        act(http, &mut Shared { stream, stats, report, door, rules }, *now)
    }

    fn connect(&mut self, from: &str) -> Client {
        let (stream, ours) = UnixStream::pair().unwrap();
        [&stream, &ours].iter().for_each(|end| end.set_nonblocking(true).unwrap());
        let remote = Remote::Address(format!("{from}:1").parse().unwrap());
        self.shared(|http, shared, now| http.take(Socket::Unix(ours), remote, shared, now));
        Client { stream, heard: Vec::new() }
    }

    /// Connects, and says this.
    fn asks(&mut self, from: &str, text: &str) -> Client {
        let mut client = self.connect(from);
        client.say(text);
        self.turn(PLENTY);
        client
    }

    fn frame(&mut self, length: usize) {
        let stamp = Stamp { captured: self.now, sequence: 0 };
        self.stream.reel.push(&vec![b'j'; length], Size { width: 64, height: 48 }, stamp, 0).unwrap();
    }

    /// A turn of the loop, which sends so much.
    fn turn(&mut self, budget: usize) {
        self.shared(|http, shared, now| {
            for place in 0..PLACES {
                let Some(connection) = &http.connections[place] else { continue };
                let writable = connection.wants_write() && connection.socket.is_writable();
                let ready = Ready { readable: connection.wants_read(), writable, failing: false };
                let seat = Seat { kind: CONNECTION, place: place as u16, generation: connection.generation };
                http.handle(seat, ready, shared, now);
            }
            http.handle_timeout(shared, now);
            http.send(shared, &mut Budget::new(budget), now);
        });
    }

    /// A frame that can be made smaller.
    fn jpeg(&mut self, size: Size) {
        let pixels: Vec<u8> = (0..usize::from(size.width) * usize::from(size.height) * 3)
            .map(|at| (at as u32).wrapping_mul(2_654_435_761).to_be_bytes()[0])
            .collect();
        let mut encoder = Encoder::new(Sampling::Half, size).unwrap();
        let stamp = Stamp { captured: self.now, sequence: 0 };
        self.stream
            .reel
            .push(encoder.encode(Rgb { pixels: &pixels, size }, 90).unwrap(), size, stamp, 0)
            .unwrap();
    }

    /// Turns until the thread that makes frames smaller has nothing more to do.
    fn settle(&mut self) {
        self.turn(PLENTY);
        while self.http.scaled.is_busy() {
            self.shared(|http, shared, now| http.handle(Seat::only(SHRINKER), READABLE, shared, now));
            self.turn(PLENTY);
            std::thread::yield_now();
        }
    }

    /// Frames that were made smaller, and those that could not be.
    fn made(&self) -> (Vec<u64>, u64) {
        (self.stats.shrunk.by_scale().map(|(_, count)| count).collect(), self.stats.shrunk.failed)
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now.after(time);
    }

    fn stop(&mut self) {
        self.shared(|http, shared, now| http.handle_news(News::Stop, shared, now));
    }

    fn connections(&self) -> usize {
        self.http.connections.iter().flatten().count()
    }
}

impl Client {
    fn say(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).unwrap();
    }

    /// Reads what there is. False: the other side has closed.
    fn hear(&mut self) -> bool {
        let mut bytes = [0; 65_536];
        loop {
            match self.stream.read(&mut bytes) {
                Ok(0) => return false,
                Ok(count) => self.heard.extend_from_slice(&bytes[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(_) => return false,
            }
        }
    }

    fn has_heard(&mut self, text: &str) -> bool {
        self.hear();
        self.heard.windows(text.len()).any(|bytes| bytes == text.as_bytes())
    }
}

fn ask(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: pi\r\n\r\n")
}

#[test]
fn who_asks_without_end_takes_nobody_elses_turn() {
    let mut bench = Bench::new();
    let mut greedy = bench.connect("10.0.0.1");
    greedy.say(&ask("/healthz").repeat(100));
    let mut others = [2, 3, 4].map(|last| bench.connect(&format!("10.0.0.{last}")));
    others.iter_mut().for_each(|client| client.say(&ask("/healthz")));
    // one send a turn: in so many each has had its own
    (0..4).for_each(|_| bench.turn(1));
    assert!(others.iter_mut().all(|client| client.has_heard("200 OK")));
    // and with all the budget that there is it does not take all of a turn
    let before = bench.http.connections[0].as_ref().unwrap().incoming.len();
    bench.turn(PLENTY);
    let asked = before - bench.http.connections[0].as_ref().unwrap().incoming.len();
    assert!(asked <= (ANSWERS_A_TURN + 1) * ask("/healthz").len(), "{asked}");
    assert_eq!(bench.http.next_timeout(bench.now), bench.now, "the rest comes at once");
    (0..100).for_each(|_| bench.turn(PLENTY));
    greedy.hear();
    assert_eq!(String::from_utf8_lossy(&greedy.heard).matches("200 OK").count(), 100);
    assert!(bench.http.next_timeout(bench.now) > bench.now);
}

#[test]
fn what_is_large_costs_more_of_a_turn() {
    let mut bench = Bench::new();
    let mut viewers = [1, 2, 3].map(|last| bench.asks(&format!("10.0.0.{last}"), &ask("/stream")));
    viewers.iter_mut().for_each(|viewer| assert!(viewer.has_heard("jjj")));
    viewers.iter_mut().for_each(|viewer| viewer.heard.clear());
    bench.frame(100_000);
    let mut heard = || viewers.iter_mut().filter_map(|viewer| viewer.has_heard("jjj").then_some(())).count();
    bench.turn(3);
    assert_eq!(heard(), 2);
    bench.turn(3);
    assert_eq!(heard(), 3);
}

#[test]
fn a_frame_has_one_date_for_all() {
    let mut bench = Bench::new();
    let date = |mut viewer: Client| {
        viewer.hear();
        let text = String::from_utf8(viewer.heard).unwrap();
        text.split_once("X-Timestamp: ").unwrap().1.split_once('\r').unwrap().0.to_owned()
    };
    let dates = [1, 2, 3].map(|last| date(bench.asks(&format!("10.0.0.{last}"), &ask("/stream"))));
    assert!(dates.iter().all(|date| *date == dates[0]), "{dates:?}");
}

#[test]
fn who_opens_every_place_and_reads_nothing_keeps_nobody_out() {
    let mut bench = Bench::new();
    bench.frame(LARGE);
    let targets = (0..PLACES).map(|number| if number < VIEWERS { "/stream" } else { "/snapshot" });
    let hostile: Vec<Client> = targets.map(|target| bench.asks("10.0.0.1", &ask(target))).collect();
    assert_eq!((bench.connections(), bench.http.viewers()), (PLACES, VIEWERS));
    // somebody else has a place, and the stream, at once
    let mut good = bench.asks("10.0.0.2", &ask("/stream"));
    assert!(good.has_heard("multipart/x-mixed-replace"));
    assert_eq!(bench.http.viewers(), VIEWERS);
    // one of the same address, such as all behind a web server are, gets both as soon as it is plain that nobody reads there
    assert!(!bench.connect("10.0.0.1").hear());
    bench.pass(Duration::from_secs(3));
    let mut same = bench.asks("10.0.0.1", &ask("/stream"));
    assert!(same.has_heard("multipart/x-mixed-replace"));
    // and the first one reads on
    good.heard.clear();
    bench.frame(1000);
    (0..50).for_each(|_| {
        bench.turn(PLENTY);
        good.hear();
    });
    assert!(good.has_heard("Content-Length: 1000\r\n"));
    drop(hostile);
}

#[test]
fn of_those_who_only_wait_the_one_goes_that_has_waited_longest() {
    let mut bench = Bench::new();
    let mut first = bench.asks("10.0.0.1", &ask("/healthz"));
    bench.pass(Duration::from_secs(1));
    // its deadline is far away, and it came before the others
    let mut silent: Vec<Client> =
        (1..PLACES).map(|number| bench.connect(&format!("10.0.1.{number}"))).collect();
    bench.pass(Duration::from_secs(1));
    let mut good = bench.asks("10.0.0.2", &ask("/healthz"));
    assert!(good.has_heard("200 OK") && !first.hear());
    assert!(silent.iter_mut().all(Client::hear));
}

#[test]
fn what_was_begun_is_finished_when_camcast_stops_and_who_waits_is_told() {
    let mut bench = Bench::new();
    bench.frame(LARGE);
    let mut showing = bench.asks("10.0.0.1", &ask("/snapshot"));
    let mut viewer = bench.asks("10.0.0.2", &ask("/stream"));
    bench.pass(Duration::from_millis(1));
    let mut waiting = bench.asks("10.0.0.3", &ask("/snapshot?fresh=1"));
    let mut idle = bench.connect("10.0.0.4");
    let stuck = bench.asks("10.0.0.5", &ask("/snapshot"));
    bench.stop();
    assert!(!idle.hear());
    bench.turn(PLENTY);
    assert!(waiting.has_heard("HTTP/1.1 503 ") && waiting.has_heard("\r\n\r\ncamcast is stopping\n"));
    assert!(waiting.has_heard("Connection: close\r\n"));
    assert!(bench.http.demand(&bench.stream).clients > 0, "they are waited for");
    let mut is_open = [true; 2];
    while is_open != [false; 2] {
        bench.turn(PLENTY);
        is_open = [showing.hear(), viewer.hear()];
    }
    for whole in [showing, viewer] {
        assert_eq!(whole.heard.iter().filter(|byte| **byte == b'j').count() / LARGE, 1);
    }
    drop(waiting);
    bench.pass(Duration::from_secs(2));
    bench.turn(PLENTY);
    assert_eq!((bench.http.demand(&bench.stream).clients, bench.connections()), (0, 0));
    drop(stuck);
}

#[test]
fn who_says_no_more_is_answered_all_the_same() {
    let mut bench = Bench::new();
    for (text, expected) in [
        (ask("/healthz"), "ok\n"),
        (ask("/healthz") + &ask("/nothing"), "404 Not Found"),
        (ask("/snapshot"), "jjj"),
        (ask("/stream"), "jjj"),
    ] {
        let mut client = bench.connect("10.0.0.1");
        client.say(&text);
        client.stream.shutdown(Shutdown::Write).unwrap();
        (0..3).for_each(|_| bench.turn(PLENTY));
        assert!(client.has_heard(expected), "{text}");
    }
    assert_eq!(bench.connections(), 1, "who has been answered has gone; a stream goes on");
    let mut half = bench.asks("10.0.0.1", "GET / HT");
    half.stream.shutdown(Shutdown::Write).unwrap();
    bench.turn(PLENTY);
    assert!(!half.hear() && half.heard.is_empty());
}

#[test]
fn what_comes_behind_the_last_answer_is_read_within_limits() {
    let mut bench = Bench::new();
    let too_long = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n";
    let mut client = bench.asks("10.0.0.1", too_long);
    assert!(client.has_heard("413 ") && !client.hear(), "no more comes from here");
    for _ in 0..20 {
        client.say(&"x".repeat(4096));
        bench.turn(PLENTY);
    }
    assert_eq!(bench.connections(), 1);
    drop(client);
    bench.turn(PLENTY);
    assert_eq!(bench.connections(), 0);
    let mut endless = bench.asks("10.0.0.1", too_long);
    while endless.stream.write_all(&[b'x'; 4096]).is_ok() {
        bench.turn(PLENTY);
    }
    assert_eq!(bench.connections(), 0);
    let _silent = bench.asks("10.0.0.1", too_long);
    bench.pass(Duration::from_secs(2));
    bench.turn(PLENTY);
    assert_eq!(bench.connections(), 0);
}

#[test]
fn the_rest_of_a_request_has_to_come_as_soon_as_that_of_the_first() {
    let mut bench = Bench::new();
    let mut client = bench.asks("10.0.0.1", &(ask("/healthz") + "GET /heal"));
    assert!(client.has_heard("200 OK"));
    bench.pass(Duration::from_secs(10));
    bench.turn(PLENTY);
    assert!(!client.hear());
}

#[test]
fn the_end_comes_with_the_last_frame_and_not_when_nobody_would_be_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("1.jpg"),
        crate::jpeg::sample::jpeg(Size { width: 64, height: 48 }, &[1; LARGE]),
    )
    .unwrap();
    let at = folder.path().join("http");
    let options = Options {
        source: folder.path().to_str().map(Into::into),
        listen: vec!["127.0.0.1:0".into()],
        http: vec![at.to_str().unwrap().into()],
        once: true,
        wait_for_client: true,
        ..Options::default()
    };
    let mut server =
        Server::new(&Config::try_from(options).unwrap(), crate::app::cast::handed::Handed::default())
            .unwrap();
    let stream = UnixStream::connect(&at).unwrap();
    stream.set_nonblocking(true).unwrap();
    let mut viewer = Client { stream, heard: Vec::new() };
    viewer.say(&ask("/stream"));
    // the source ends, and the last frame is on its way
    while !server.stream.source.is_over() {
        assert_eq!(server.turn().unwrap(), Flow::On);
    }
    let mut flow = Flow::On;
    while flow == Flow::On {
        viewer.hear();
        flow = server.turn().unwrap();
        let is_last = server.demand().outstanding == 0 && !server.stopping;
        let now = clock::now();
        assert!(!is_last || server.next_timeout(now) <= now, "the next turn is the last, and comes at once");
    }
    assert!(!viewer.hear());
}

#[test]
fn a_frame_that_nobody_would_take_is_not_made_smaller() {
    let mut bench = Bench::new();
    bench.jpeg(SMALL);
    let mut rare = bench.asks("10.0.0.1", &ask("/stream?scale=2&fps=1"));
    let frames = |bench: &mut Bench, count: u32| {
        for _ in 0..count {
            bench.settle();
            bench.pass(Duration::from_millis(100));
            bench.jpeg(SMALL);
        }
        bench.settle();
        bench.made()
    };
    assert_eq!(frames(&mut bench, 20), (vec![3, 0, 0], 0), "each second one");
    rare.hear();
    let parts = String::from_utf8_lossy(&rare.heard).matches("Content-Length: ").count();
    assert_eq!(parts, 3);
    // for one who takes all of them all are made, once, and the other has its share of those
    let mut all = bench.asks("10.0.0.2", &ask("/stream?scale=2"));
    assert_eq!(frames(&mut bench, 20), (vec![3 + 20, 0, 0], 0));
    rare.hear();
    all.hear();
    let parts = |client: &Client| String::from_utf8_lossy(&client.heard).matches("Content-Length: ").count();
    assert_eq!((parts(&rare), parts(&all)), (5, 21));
}

#[test]
fn for_who_takes_nothing_no_frame_is_made_smaller() {
    let mut bench = Bench::new();
    let size = Size { width: 640, height: 480 };
    bench.jpeg(size);
    let mut stuck = bench.asks("10.0.0.1", &ask("/stream?scale=2"));
    let frames = |bench: &mut Bench| {
        for _ in 0..10 {
            bench.settle();
            bench.pass(Duration::from_millis(10));
            bench.jpeg(size);
        }
        bench.settle();
        bench.made().0[0]
    };
    (0..3).for_each(|_| {
        frames(&mut bench);
    });
    let before = frames(&mut bench);
    assert_eq!((before, frames(&mut bench)), (before, before));
    assert!((1..30).contains(&before), "{before}");
    let viewer = |bench: &Bench| match &bench.http.connections[0].as_ref().unwrap().doing {
        Doing::Watching(viewer) => (viewer.begun(), viewer.tally),
        other => panic!("{other:?}"),
    };
    assert_eq!(viewer(&bench).0, before, "none was made that is not on its way");
    // it goes on with the newest one when it takes more, and what it missed is counted
    while bench.made().0[0] == before {
        stuck.hear();
        bench.settle();
    }
    (0..20).for_each(|_| {
        bench.settle();
        stuck.hear();
    });
    let (_, Tally { frames, skipped, .. }) = viewer(&bench);
    assert_eq!((frames, frames + skipped), (before + 1, 51), "each frame of the stream is one or the other");
}

#[test]
fn a_frame_that_cannot_be_made_smaller_is_tried_once() {
    let mut bench = Bench::new();
    // it is no JPEG
    let mut viewer = bench.asks("10.0.0.1", &ask("/stream?scale=4"));
    let mut waiting = bench.asks("10.0.0.2", &ask("/snapshot?scale=4"));
    (0..5).for_each(|_| bench.settle());
    assert_eq!(bench.made(), (vec![0; 3], 1));
    let mut late = bench.asks("10.0.0.3", &ask("/snapshot?scale=4"));
    bench.pass(Duration::from_secs(5));
    bench.settle();
    assert_eq!(bench.made(), (vec![0; 3], 1));
    for client in [&mut waiting, &mut late] {
        assert!(client.has_heard("503 ") && client.has_heard("\r\n\r\nthe JPEG does not decode\n"));
    }
    let mut waiting = bench.asks("10.0.0.2", &ask("/snapshot?scale=4"));
    bench.jpeg(SMALL);
    bench.settle();
    assert_eq!(bench.made(), (vec![0, 1, 0], 1));
    assert!(viewer.has_heard("Content-Length: ") && waiting.has_heard("200 OK"));
}

#[test]
fn what_makes_frames_smaller_goes_a_while_after_the_last_who_wanted_that() {
    let mut bench = Bench::new();
    bench.jpeg(SMALL);
    assert_eq!(bench.http.next_timeout(bench.now), Time::NEVER);
    let mut shot = bench.asks("10.0.0.1", &ask("/snapshot?scale=8"));
    bench.settle();
    assert!(shot.has_heard("200 OK") && bench.http.scaled.is_there());
    drop(shot);
    bench.turn(PLENTY);
    let due = bench.http.next_timeout(bench.now);
    assert!(due > bench.now.after(Duration::from_secs(5)) && due < bench.now.after(Duration::from_secs(60)));
    bench.now = due;
    bench.turn(PLENTY);
    assert!(!bench.http.scaled.is_there());
    // it does not go while one is there who merely has nothing to take
    let viewer = bench.asks("10.0.0.1", &ask("/stream?scale=8"));
    bench.settle();
    bench.pass(Duration::from_secs(300));
    bench.turn(PLENTY);
    assert!(bench.http.scaled.is_there());
    drop(viewer);
}
