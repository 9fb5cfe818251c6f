//! What strangers can do at full strength: whoever is there misses no frame, others get in, and it costs no memory. Each goes on for a
//! second, and for half a minute, or `SECONDS`, where it is asked for; then with figures.

use crate::support::forger::Forger;
use crate::support::http;
use crate::support::inside::ALONE;
use crate::support::native::{self, NativeClient};
use crate::support::procs::{Camcast, Program, camcast, camrec_command, camrec_into};
use crate::support::quiet::assert_quiet;
use crate::support::{PATIENCE, deadline, heavy_turn, is_over, pause};
use camcast::sys::clock;
use nix::sys::signal::Signal;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Somebody who does something so often a second, or as often as it goes.
struct Siege {
    rate: u64,
    stop: Arc<AtomicBool>,
    times: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Siege {
    fn start(rate: u64, mut act: impl FnMut(u64) + Send + 'static) -> Self {
        let (stop, times) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (told, count) = (Arc::clone(&stop), Arc::clone(&times));
        let thread = thread::spawn(move || {
            let began = clock::now();
            while !told.load(Ordering::Relaxed) {
                let due = clock::now().since(began).as_millis() as u64 * rate / 1000;
                for number in count.load(Ordering::Relaxed)..due {
                    act(number);
                    count.fetch_add(1, Ordering::Relaxed);
                    if told.load(Ordering::Relaxed) {
                        return;
                    }
                }
                thread::park_timeout(Duration::from_millis(1));
            }
        });
        Siege { rate, stop, times, thread }
    }

    fn times(&self) -> u64 {
        self.times.load(Ordering::Relaxed)
    }

    fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        self.times.load(Ordering::Relaxed)
    }
}

/// How long it is to go on: as long as is asked for, or as long as a second's worth takes.
#[derive(Clone, Copy)]
enum Strength {
    Short,
    Full,
}

impl Strength {
    fn seconds(self) -> u64 {
        match self {
            Strength::Short => 1,
            Strength::Full => std::env::var("SECONDS").map_or(30, |it| it.parse().expect("a number")),
        }
    }
}

/// camcast with all its outlets, and who records meanwhile.
struct Besieged {
    camcast: Camcast,
    recorder: Program,
    folder: tempfile::TempDir,
}

const OUTLETS: [&str; 8] = ["pattern", "-r", "320x240", "-f", "30", "--http", "127.0.0.1:0", "--rtsp"];

impl Besieged {
    fn start() -> Self {
        Besieged::of(Camcast::start(&[&OUTLETS[..], &["127.0.0.1:0"]].concat()))
    }

    fn of(camcast: Camcast) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let recorder = camrec_into(folder.path(), camcast.address, &[]);
        recorder.wait_line("writing ");
        Besieged { camcast, recorder, folder }
    }

    /// Where the recorder's frames go to.
    fn recorder_at(&self) -> SocketAddr {
        let joined = self.camcast.wait_line("(native, every, camrec/");
        joined.split_whitespace().find_map(|word| word.parse().ok()).unwrap()
    }

    /// While it goes on others come, of each kind, and go again; then it ends, and nothing was missed.
    fn hold(self, name: &str, strength: Strength, siege: Siege) {
        let (program, seconds) = (&self.camcast.program, strength.seconds());
        let before = ["VmRSS", "voluntary_ctxt_switches"].map(|name| program.status(name));
        let (began, mut slowest, mut joins) = (clock::now(), Duration::ZERO, 0);
        let until = deadline(PATIENCE + Duration::from_secs(seconds));
        while siege.times() < siege.rate * seconds || joins < 3 {
            assert!(!is_over(until), "{name}: {} times", siege.times());
            slowest = slowest.max(self.come_and_go());
            joins += 1;
            // who looks in now and then is no crowd
            pause();
        }
        let took = clock::now().since(began);
        let times = siege.end();
        let after = ["VmRSS", "voluntary_ctxt_switches"].map(|name| program.status(name));
        let ended = self.recorder.stop(Signal::SIGINT).expect(0);
        assert_eq!(ended.account("missing"), 0, "{name}: {}", ended.log);
        let log = self.camcast.program.stop(Signal::SIGTERM).expect(0).log;
        assert!(log.lines().count() < 400 + 300 * took.as_secs() as usize / 60, "{log}");
        if matches!(strength, Strength::Full) {
            println!(
                "{name}: {times} in {:.1} s; {joins} good joins, the slowest {} ms; wake-ups {:.0} a second; \
                 RSS {} kB, was {} kB; {} lines of log; {} frames, none missing",
                took.as_secs_f64(),
                slowest.as_millis(),
                (after[1] - before[1]) as f64 / took.as_secs_f64(),
                after[0],
                before[0],
                log.lines().count(),
                ended.account("recorded"),
            );
            assert!(slowest < Duration::from_millis(2_500), "{name}: {slowest:?}");
        }
        drop(self.folder);
    }

    /// From the join to the first frame. Who is told that there is no room tries again.
    fn come_and_go(&self) -> Duration {
        let (began, at) = (clock::now(), self.camcast.address);
        let reply = loop {
            let reply = native::ask(at, b"CAMCAST/1 join policy=newest agent=good/1\n");
            if !reply.starts_with("CAMCAST/1 refused code=full ") {
                break reply;
            }
            assert!(!is_over(began.after(PATIENCE)), "{reply}");
        };
        let mut client = NativeClient::accepted(at, &reply);
        greet(&mut client);
        client.take_frames(1);
        let took = clock::now().since(began);
        client.send(&client.end());
        client.wait_end();
        took
    }
}

/// HELLO, and the answer to what comes: who has answered nothing is sent no video.
fn greet(client: &mut NativeClient) {
    client.say_hello();
    let cont = client.continue_with(client.next.wrapping_sub(1));
    client.send(&cont);
}

/// A connection from 127.0.0.`host`; none if the system has none to give at this moment.
fn connect_from(host: u8, at: SocketAddr) -> TcpStream {
    http::Client::connect_from([127, 0, 0, host], at).stream
}

/// As if from the recorder itself, to the socket that it is served by: no word of it is one.
fn garbage(name: &str, strength: Strength) {
    if !ALONE.is_inside(name) {
        return;
    }
    let besieged = Besieged::start();
    let forger = Forger::new(besieged.camcast.address, besieged.recorder_at());
    let siege = Siege::start(50_000, move |number| {
        let bytes: Vec<u8> =
            (0..60).map(|at| (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (at % 56)) as u8).collect();
        // what finds no room is one less
        let _ = forger.send_as_client(&bytes[..1 + number as usize % 60]);
    });
    besieged.hold("garbage at one client's port", strength, siege);
}

#[test]
fn garbage_in_a_clients_name_costs_it_no_frame() {
    let _turn = heavy_turn();
    garbage("cast::siege::garbage_in_a_clients_name_costs_it_no_frame", Strength::Short);
}

#[test]
#[ignore = "half a minute"]
fn garbage_in_a_clients_name_for_long() {
    garbage("cast::siege::garbage_in_a_clients_name_for_long", Strength::Full);
}

/// A thousand a second, from sixteen addresses: half of them read the answer, and none says HELLO.
fn joins(strength: Strength) {
    let besieged = Besieged::start();
    let at = besieged.camcast.address;
    let siege = Siege::start(1_000, move |number| {
        let mut tcp = connect_from(2 + (number % 16) as u8, at);
        let _ = tcp.write_all(b"CAMCAST/1 join policy=every\n");
        if number % 2 == 0 {
            let _ = tcp.set_read_timeout(Some(Duration::from_millis(100)));
            let _ = tcp.read(&mut [0; 512]);
        }
    });
    besieged.hold("joins", strength, siege);
}

#[test]
fn a_thousand_joins_a_second_keep_nobody_out() {
    let _turn = heavy_turn();
    joins(Strength::Short);
}

#[test]
#[ignore = "half a minute"]
fn a_thousand_joins_a_second_for_long() {
    joins(Strength::Full);
}

/// Two hundred connections, to each outlet in turn, that say a byte a second each; who is closed connects again.
fn drips(besieged: Besieged, name: &str, strength: Strength) {
    const CONNECTIONS: u64 = 200;
    let outlets =
        [besieged.camcast.address, http::address(&besieged.camcast), besieged.camcast.listening("RTSP")];
    let of = move |number: u64| outlets[number as usize % outlets.len()];
    let host = |number: u64| 2 + (number % 16) as u8;
    let mut open: Vec<TcpStream> =
        (0..CONNECTIONS).map(|number| connect_from(host(number), of(number))).collect();
    let siege = Siege::start(CONNECTIONS, move |number| {
        let place = number % CONNECTIONS;
        let tcp = &mut open[place as usize];
        let words = b"CAMCAST/1 join agent=drip";
        let byte = words[number as usize / CONNECTIONS as usize % words.len()];
        if tcp.write_all(&[byte]).is_err() {
            *tcp = connect_from(host(place), of(place));
        }
    });
    besieged.hold(name, strength, siege);
}

#[test]
fn connections_that_drip_keep_nobody_out() {
    drips(Besieged::start(), "200 dripping connections", Strength::Short);
}

#[test]
#[ignore = "half a minute"]
fn connections_that_drip_for_long() {
    drips(Besieged::start(), "200 dripping connections", Strength::Full);
}

/// camcast with 32 descriptors in all.
fn poor() -> Besieged {
    let camcast = camcast(&[&OUTLETS[..], &["127.0.0.1:0", "--listen", "127.0.0.1:0"]].concat());
    let mut command = Command::new("prlimit");
    command.arg("--nofile=32").arg(camcast.get_program()).args(camcast.get_args()).stdin(Stdio::null());
    Besieged::of(Camcast::from(Program::start("camcast", &mut command)))
}

#[test]
fn with_few_descriptors_they_keep_nobody_out_either() {
    drips(poor(), "32 descriptors", Strength::Short);
}

#[test]
#[ignore = "half a minute"]
fn with_few_descriptors_for_long() {
    drips(poor(), "32 descriptors", Strength::Full);
}

/// Any port of 127.0.0.`host` but camcast's own, from which no HELLO is taken.
fn socket_of(host: u8, at: SocketAddr) -> UdpSocket {
    let mut sockets =
        std::iter::repeat_with(|| UdpSocket::bind((Ipv4Addr::new(127, 0, 0, host), 0)).unwrap());
    sockets.find(|udp| udp.local_addr().unwrap().port() != at.port()).unwrap()
}

/// The answer that lets one in. Who is told that he comes too often comes again, as camrec does.
fn let_in(from: u8, at: SocketAddr) -> String {
    let until = deadline(PATIENCE);
    loop {
        let mut tcp = connect_from(from, at);
        tcp.write_all(b"CAMCAST/1 join policy=newest agent=siege/1\n").unwrap();
        let answer = native::answer(&mut tcp);
        if !answer.contains("has joined too often") || is_over(until) {
            return answer;
        }
        pause();
    }
}

/// So many join, take a frame, and leave, four at a time.
fn come_and_go(at: SocketAddr, times: u64) {
    let one = move |number: u64| {
        for _ in 0..times / 4 {
            let mut client = NativeClient::accepted(at, &let_in(2 + number as u8, at));
            client.udp = socket_of(2 + number as u8, at);
            greet(&mut client);
            client.take_frames(1);
            client.send(&client.end());
            client.wait_end();
        }
    };
    let threads: Vec<_> = (0..4).map(|number| thread::spawn(move || one(number))).collect();
    threads.into_iter().for_each(|thread| thread.join().expect("each gets a frame"));
}

/// Nothing is left of them.
fn joins_and_leaves(times: u64) {
    // memory for frames is the system's until there have been as many as it holds
    let besieged = Besieged::of(Camcast::start(&["pattern", "-r", "320x240", "-f", "60", "--reel", "1M"]));
    let (at, program) = (besieged.camcast.address, &besieged.camcast.program);
    while NativeClient::accepted(at, &let_in(1, at)).next < 200 {
        come_and_go(at, 40);
    }
    come_and_go(at, 400);
    let is_left = |descriptors: usize| {
        let until = deadline(PATIENCE);
        while program.descriptors() != descriptors && !is_over(until) {
            pause();
        }
        program.descriptors()
    };
    let (began, before) =
        (clock::now(), ["VmRSS", "voluntary_ctxt_switches"].map(|name| program.status(name)));
    let descriptors = program.descriptors();
    come_and_go(at, times);
    let took = clock::now().since(began).as_secs_f64();
    let after = ["VmRSS", "voluntary_ctxt_switches"].map(|name| program.status(name));
    println!(
        "{times} joins and leaves in {took:.1} s: RSS {} kB, was {} kB; {} wake-ups each; descriptors {}, were {descriptors}",
        after[0],
        before[0],
        (after[1] - before[1]) / times,
        program.descriptors(),
    );
    assert!(after[0] <= before[0] + 64, "{} kB of memory, after {} kB", after[0], before[0]);
    assert_eq!(is_left(descriptors), descriptors);
    let ended = besieged.recorder.stop(Signal::SIGINT).expect(0);
    assert_eq!(ended.account("missing"), 0, "{}", ended.log);
    let log = besieged.camcast.program.stop(Signal::SIGTERM).expect(0).log;
    assert!(log.lines().count() < 500, "{log}");
}

#[test]
fn nothing_is_left_of_those_who_have_left() {
    let _turn = heavy_turn();
    joins_and_leaves(400);
}

#[test]
#[ignore = "a minute or two"]
fn nothing_is_left_of_ten_thousand_who_have_left() {
    joins_and_leaves(10_000);
}

/// A viewer's frames are as they should be, and the log is quiet, whoever joins and fails.
#[test]
fn a_crowd_that_is_refused_fills_no_log() {
    let camcast = Camcast::start(&["pattern", "-r", "320x240", "--allow", "127.0.0.1", "--no-plain"]);
    let at = camcast.address;
    let siege = Siege::start(500, move |number| {
        let host = if number % 2 == 0 { 2 + (number % 200) as u8 } else { 1 };
        let _ = connect_from(host, at).write_all(b"5005\n");
    });
    let until = deadline(PATIENCE);
    while siege.times() < 1_000 {
        assert!(!is_over(until), "{} times", siege.times());
        pause();
    }
    siege.end();
    let mut camrec = camrec_command(&at.to_string(), &["-o", "-", "--frames", "3"]);
    Program::start_to("camrec", &mut camrec, Stdio::null()).wait_exit().expect(0);
    // forty a minute, those of the next minute, and the number of the others
    assert_quiet(&camcast.program.stop(Signal::SIGTERM).expect(0).log, 82);
}
