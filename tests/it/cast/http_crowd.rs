//! Many at once over HTTP, and those among them who do harm: whoever looks on goes on.

use super::http::{folder, pattern, pictures, serve};
use crate::support::http::{Client, address, get};
use crate::support::pictures::noise;
use crate::support::procs::{Camcast, camrec_into};
use crate::support::{Noise, PATIENCE, deadline, heavy_turn, is_over};
use nix::sys::signal::Signal;
use std::fs;
use std::io::Write;
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The most viewers.
const VIEWERS: usize = 64;

/// Somebody who looks on all the time.
struct Watcher {
    frames: Receiver<()>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    fn start(at: SocketAddr) -> Self {
        let (told, frames) = channel();
        let stop = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&stop);
        let mut client = Client::connect(at);
        client.begin("/stream", "");
        let thread = thread::spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                client.part();
                let _ = told.send(());
            }
        });
        let watcher = Watcher { frames, stop, thread: Some(thread) };
        watcher.goes_on();
        watcher
    }

    /// It gets frames that it had not got before.
    #[track_caller]
    fn goes_on(&self) {
        while self.frames.try_recv().is_ok() {}
        (0..3).for_each(|_| self.frames.recv_timeout(PATIENCE).expect("the viewer gets no frames"));
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(thread::panicking() || ended.is_some_and(|ended| ended.is_ok()), "the viewer was cut off");
    }
}

/// A connection from elsewhere that says this; camcast may not want it.
fn say_from(from: [u8; 4], at: SocketAddr, text: &str) -> Client {
    let mut client = Client::connect_from(from, at);
    let _ = client.stream.write_all(text.as_bytes());
    client
}

#[test]
fn who_never_asks_is_let_go_and_keeps_nobody_out() {
    let (_camcast, at) = pattern(&[]);
    let watcher = Watcher::start(at);
    // more than there are places
    let mut silent: Vec<Client> = (0..120).map(|_| Client::connect(at)).collect();
    assert_eq!(get(at, "/healthz").status, 200);
    watcher.goes_on();
    let mut half = Client::connect(at);
    half.say(b"GET /snapshot HT");
    assert!(half.is_closed(), "a request that is not finished in ten seconds");
    silent.iter_mut().for_each(|client| {
        let _ = client.stream.set_read_timeout(Some(PATIENCE));
        assert!(client.is_closed());
    });
    watcher.goes_on();
}

#[test]
fn whatever_is_sent_to_it_a_recorder_misses_nothing_and_a_viewer_goes_on() {
    let jpegs = pictures(5);
    let source = folder(&jpegs);
    let (camcast, at) = serve(&source, "50", &[]);
    let recording = tempfile::tempdir().unwrap();
    let recorder = camrec_into(recording.path(), camcast.address, &["--every", "--frames", "200"]);
    camcast.wait_line("joined: ");
    let watcher = Watcher::start(at);
    let mut noise = Noise::new(17);
    let ask = "GET /metrics HTTP/1.1\r\nHost: pi\r\n\r\n";
    let mut held = Vec::new();
    for round in 0..200 {
        let mut client = Client::connect(at);
        // camcast may have closed while this is being said
        let _ = client.stream.write_all(&match round % 5 {
            0 => noise.bytes(2000),
            1 => ask.repeat(300).into_bytes(),
            2 => vec![b'A'; 20_000],
            3 => b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4096\r\n\r\nshort".to_vec(),
            _ => b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
        });
        held.push(client);
    }
    watcher.goes_on();
    assert_eq!(recorder.wait_exit().expect(0).account("missing"), 0);
    drop(held);
    assert_eq!(get(at, "/healthz").status, 200);
    watcher.goes_on();
    drop(watcher);
    camcast.program.stop(Signal::SIGTERM).expect(0);
}

#[test]
fn who_opens_every_place_and_reads_nothing_keeps_nobody_out() {
    let jpegs: Vec<Vec<u8>> = (0..2).map(|number| noise(1280, 720, 50, number)).collect();
    let source = folder(&jpegs);
    let (_camcast, at) = serve(&source, "10", &[]);
    let watcher = Watcher::start(at);
    for target in ["/stream", "/snapshot"] {
        let ask = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").repeat(20);
        let _held: Vec<Client> = (0..120).map(|_| say_from([127, 0, 0, 2], at, &ask)).collect();
        assert!(jpegs.contains(&get(at, "/snapshot").body));
        let mut viewer = Client::connect(at);
        viewer.begin("/stream", "");
        assert!(jpegs.contains(&viewer.part().1));
        watcher.goes_on();
    }
}

#[test]
fn who_reconnects_in_a_loop_fills_no_log_and_others_joins_are_in_it() {
    let (camcast, at) = pattern(&[]);
    for _ in 0..60 {
        let mut client = Client::connect_from([127, 0, 0, 2], at);
        client.begin("/stream", "");
    }
    let mut person = Client::connect(at);
    person.begin("/stream", "");
    camcast.wait_line("joined: 127.0.0.1:");
    // a slow machine may need several minutes for it; not six
    let said = camcast.program.log().matches("joined: 127.0.0.2:").count();
    assert!((10..60).contains(&said), "{said}");
    let text = get(at, "/metrics").text();
    assert!(text.contains("\ncamcast_joins_total 61\n"), "they are counted: {text}");
}

#[test]
fn what_is_too_long_is_answered_before_the_connection_ends() {
    let (_camcast, at) = pattern(&[]);
    for _ in 0..10 {
        let mut client = Client::connect(at);
        client.say(b"POST /controls HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
        client.say(&[b'x'; 100_000]);
        assert_eq!(client.response(false).status, 413);
        assert!(client.is_closed());
    }
}

/// As `nc -N` does.
#[test]
fn who_says_no_more_gets_the_answer_and_the_stream() {
    let (_camcast, at) = pattern(&[]);
    let mut client = Client::connect(at);
    client.ask("GET", "/snapshot", "");
    client.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.response(false).status, 200);
    assert!(client.is_closed());
    let mut viewer = Client::connect(at);
    viewer.ask("GET", "/stream", "");
    viewer.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(viewer.response(false).status, 200);
    (0..10).for_each(|_| drop(viewer.part()));
}

#[test]
fn who_waits_for_a_frame_is_told_that_camcast_stops() {
    let (camcast, at) = pattern(&["-f", "0.1"]);
    let mut client = Client::connect(at);
    let ask = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: pi\r\n\r\n");
    // when the first is answered the second has been read
    client.say([ask("/state"), ask("/snapshot?fresh=1")].concat().as_bytes());
    assert_eq!(client.response(false).status, 200);
    camcast.program.signal(Signal::SIGTERM);
    let refused = client.response(false);
    assert_eq!((refused.status, refused.text().as_str()), (503, "camcast is stopping\n"));
    assert!(client.is_closed());
    camcast.program.wait_exit().expect(0);
}

/// The process's resident memory, in KiB.
fn resident(camcast: &Camcast) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", camcast.program.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

/// One of them has stopped, one reads a byte a second. The next frame comes when all the others have this one.
#[test]
fn of_sixty_four_viewers_each_that_reads_gets_every_frame() {
    const FRAMES: usize = 50;
    let _turn = heavy_turn();
    let jpegs: Arc<Vec<Vec<u8>>> = Arc::new((0..4).map(|number| noise(1280, 720, 15, number)).collect());
    // what is kept for one who does not take it would be seen in the memory
    assert!(jpegs.iter().all(|jpeg| (200_000..500_000).contains(&jpeg.len())), "{}", jpegs[0].len());
    let (camcast, mut stdin) = Camcast::piped(&["--http", "127.0.0.1:0", "--reel", "2M"]);
    let at = address(&camcast);
    let mut stalled = Client::connect(at);
    stalled.begin("/stream", "");
    let mut slow = Client::connect(at);
    slow.begin("/stream", "");
    let is_done = Arc::new(AtomicBool::new(false));
    let is_over = Arc::clone(&is_done);
    let slow = thread::spawn(move || {
        while !is_over.load(Ordering::Relaxed) {
            let _ = std::io::Read::read(&mut slow.stream, &mut [0]);
            thread::park_timeout(Duration::from_secs(1));
        }
    });
    let (told, got) = channel();
    let viewers: Vec<JoinHandle<()>> = (2..VIEWERS)
        .map(|_| {
            let (mut client, told, jpegs) = (Client::connect(at), told.clone(), Arc::clone(&jpegs));
            client.begin("/stream", "");
            thread::spawn(move || {
                for number in 0..FRAMES {
                    loop {
                        let (_, picture) = client.part();
                        if picture == jpegs[number % jpegs.len()] {
                            break;
                        }
                        // on a slow machine a picture may stand in for frames meanwhile
                        assert!(!jpegs.contains(&picture), "not frame {number}");
                    }
                    told.send(()).unwrap();
                }
            })
        })
        .collect();
    let mut before = 0;
    for number in 0..FRAMES {
        stdin.write_all(&jpegs[number % jpegs.len()]).unwrap();
        for _ in 2..VIEWERS {
            got.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("frame {number} did not come"));
        }
        // by now the reel has been filled once
        if number == 10 {
            before = resident(&camcast);
        }
    }
    let after = resident(&camcast);
    assert!(after < before + 4096, "from {before} to {after} KiB");
    viewers.into_iter().for_each(|viewer| viewer.join().unwrap());
    is_done.store(true, Ordering::Relaxed);
    slow.thread().unpark();
    slow.join().unwrap();
    drop(stalled);
}

fn asked(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

/// Nanoseconds that its loop has had of a processor.
fn processor_time(camcast: &Camcast) -> u64 {
    let text = fs::read_to_string(format!("/proc/{}/schedstat", camcast.program.pid())).unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

/// Figures: `VIEWERS=64 FPS=30 SECONDS=10 cargo test --release --test it many_viewers_cost -- --ignored --nocapture`
#[test]
#[ignore = "it measures, and asserts nothing about time"]
fn what_many_viewers_cost() {
    let (count, fps, seconds) = (asked("VIEWERS", 64), asked("FPS", 30), asked("SECONDS", 10));
    let jpegs: Vec<Vec<u8>> = (0..4).map(|number| noise(1280, 720, 1, number)).collect();
    let source = folder(&jpegs);
    let (camcast, at) = serve(&source, &fps.to_string(), &[]);
    let begin = processor_time(&camcast);
    let until = deadline(Duration::from_secs(seconds));
    let each: Vec<JoinHandle<Vec<f64>>> = (0..count)
        .map(|_| {
            thread::spawn(move || {
                let mut client = Client::connect(at);
                client.begin("/stream", "");
                let mut delays = Vec::new();
                while !is_over(until) {
                    let (captured, _) = client.part();
                    let now = jiff::Timestamp::now().as_microsecond() as f64 / 1e6;
                    delays.push((now - captured) * 1e3);
                }
                delays
            })
        })
        .collect();
    let mut delays: Vec<f64> = each.into_iter().flat_map(|viewer| viewer.join().unwrap()).collect();
    let busy = processor_time(&camcast) - begin;
    delays.sort_by(f64::total_cmp);
    let at = |share: f64| delays[((delays.len() - 1) as f64 * share) as usize];
    println!(
        "{count} viewers, {fps} fps of {} bytes, {seconds} s: {} frames delivered ({:.1} %), {:.1} us of CPU each ({:.1} %), \
         from capture to the last byte p50 {:.2} ms, p99 {:.2} ms; VmRSS {} KiB",
        jpegs[0].len(),
        delays.len(),
        delays.len() as f64 * 100.0 / (count * fps * seconds) as f64,
        busy as f64 / 1e3 / delays.len() as f64,
        busy as f64 / 1e7 / seconds as f64,
        at(0.5),
        at(0.99),
        resident(&camcast),
    );
}
