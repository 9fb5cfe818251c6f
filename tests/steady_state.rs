//! Once it runs, camcast allocates nothing: not a frame, not a client's answer, whatever the clients.
#![allow(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout)]

#[allow(dead_code, unreachable_pub, reason = "tests/it uses all of it")]
mod support;

use camcast::app::cast::config::Config;
use camcast::app::cast::options::Options;
use camcast::app::cast::{Flow, Server};
use camcast::app::key_file;
use camcast::fec::{Decoder, Encoder, Shape};
use camcast::jpeg::Size;
use camcast::receiver::{Event, Patience, Receiver};
use camcast::reel::Reel;
use camcast::sender::hub::{Hub, JOINS, Limits};
use camcast::sender::{ClientId, Output, Route, Transmit};
use camcast::time::{Stamp, Time};
use camcast::wire::data::{parity_rows, with_tag};
use camcast::wire::join::{Join, Reply};
use camcast::wire::{StreamId, Token};
use nix::sys::signal::Signal;
use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use support::plain::PlainClient;
use support::procs::{Program, camrec_command, camrec_into, nowhere};
use support::quirks::encode;
use support::rtsp::{RtspClient, datagram_within};
use support::{Noise, PATIENCE, deadline, is_over, pause};
use turbojpeg::Subsamp;

/// Frames that are counted.
const FRAMES: u64 = 300;

/// Counts what its thread allocates, and notes where.
struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
    /// Whether the next allocation's place is to be noted.
    static IS_WATCHED: Cell<bool> = const { Cell::new(false) };
    static PLACES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn note() {
    COUNT.set(COUNT.get() + 1);
    // the note itself allocates
    if IS_WATCHED.replace(false) {
        let place = Backtrace::force_capture().to_string();
        PLACES.with_borrow_mut(|places| places.push(place));
        IS_WATCHED.set(PLACES.with_borrow(|places| places.len() < 3));
    }
}

// SAFETY: every call is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller's promise is the system allocator's condition.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note();
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// What the server's thread is told, and what it tells.
#[derive(Default)]
struct Control {
    stop: AtomicBool,
    /// From here on it counts, until [`FRAMES`] later.
    is_warm: AtomicBool,
    frames: AtomicU64,
}

struct Count {
    /// Until it was warm.
    before: usize,
    /// While it was counted.
    allocations: usize,
    places: Vec<String>,
}

fn config(clip: &Path, http: &Path, rtsp: &str) -> Config {
    let options = Options {
        source: clip.to_str().map(Into::into),
        desired_fps: Some("90".into()),
        listen: vec!["127.0.0.1:0".into()],
        http: vec![http.to_str().unwrap().into()],
        rtsp: vec![rtsp.into()],
        // nobody is away
        spill: clip.with_file_name("spill").to_str().map(Into::into),
        ..Options::default()
    };
    Config::try_from(options).unwrap()
}

/// The program's loop, but counted.
fn serve(config: &Config, control: &Control, door: &Sender<SocketAddr>) -> Count {
    let mut server = Server::new(config, camcast::app::cast::handed::Handed::default()).unwrap();
    door.send(server.addresses().next().unwrap()).unwrap();
    let mut begun = None;
    let mut count = None;
    while !control.stop.load(Ordering::Relaxed) {
        assert_eq!(server.turn().unwrap(), Flow::On);
        let frames = server.frames();
        control.frames.store(frames, Ordering::Relaxed);
        match begun {
            None if control.is_warm.load(Ordering::Relaxed) => {
                IS_WATCHED.set(true);
                begun = Some((frames, COUNT.get()));
            }
            Some((first, allocations)) if count.is_none() && frames >= first + FRAMES => {
                count = Some((allocations, COUNT.get() - allocations));
                IS_WATCHED.set(false);
            }
            _ => {}
        }
    }
    let (before, allocations) = count.expect("stopped too soon");
    Count { before, allocations, places: PLACES.take() }
}

/// The process's resident memory, in KiB.
fn resident() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.unwrap().trim().to_owned()
}

/// Lets this many frames pass.
fn wait_frames(control: &Control, frames: u64) {
    let wanted = control.frames.load(Ordering::Relaxed) + frames;
    let until = deadline(PATIENCE);
    while control.frames.load(Ordering::Relaxed) < wanted {
        assert!(!is_over(until), "frame {wanted} never came");
        pause();
    }
}

/// Has the stream by RTSP, and returns how many bytes of packets came. By UDP it says now and then how it receives, and what it
/// lacks.
fn watch(rtsp: SocketAddr, is_tcp: bool, stop: Arc<AtomicBool>) -> JoinHandle<u64> {
    let mut client = RtspClient::connect(rtsp);
    let datagrams = (!is_tcp).then(|| client.set_up_udp("/stream?nack=1"));
    if is_tcp {
        client.set_up_tcp("/stream");
    }
    client.done("PLAY", "/stream", "");
    thread::spawn(move || {
        let mut bytes = 0;
        while !stop.load(Ordering::Relaxed) {
            let Some(datagrams) = &datagrams else {
                bytes += client.packet().1.len() as u64;
                continue;
            };
            let Some(packet) = datagram_within(&datagrams.rtp, datagrams.from.0, PATIENCE) else { break };
            bytes += packet.len() as u64;
            if packet[3] % 64 == 0 {
                let (ssrc, sequence) = (&packet[8..12], &packet[2..4]);
                let report = [&[0x81, 201, 0, 7, 1, 2, 3, 4], ssrc, &[0; 20]].concat();
                let lacks = [&[0x81, 205, 0, 3, 1, 2, 3, 4], ssrc, sequence, &[0, 7]].concat();
                datagrams.rtcp.send_to(&[report, lacks].concat(), datagrams.from.1).unwrap();
            }
        }
        bytes
    })
}

#[test]
fn a_frame_costs_no_allocation_whatever_the_clients() {
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("clip.mjpeg");
    // too large for a plain client's datagram: each is shrunk
    let noise = |number| encode(&Noise::new(number).bytes(384 * 240 * 3), 384, Subsamp::Sub2x1);
    let jpegs: Vec<Vec<u8>> = (1..11).map(noise).collect();
    assert!(jpegs.iter().all(|jpeg| (70_000..150_000).contains(&jpeg.len())), "{}", jpegs[0].len());
    fs::write(&clip, jpegs.concat()).unwrap();

    let control = Arc::new(Control::default());
    let (door, opened) = channel();
    let socket = folder.path().join("http");
    let rtsp = nowhere();
    let (config, told) = (config(&clip, &socket, &rtsp), Arc::clone(&control));
    let server = thread::spawn(move || serve(&config, &told, &door));
    let address = opened.recv_timeout(PATIENCE).unwrap();

    let recorder = camrec_into(&folder.path().join("recording"), address, &[]);
    let mut command = camrec_command(&address.to_string(), &["-o", "-", "--newest"]);
    let viewer = Program::start_to("camrec", &mut command, Stdio::null());
    let plain = PlainClient::join(address).go_on();
    let browsers = ["/stream", "/stream?scale=2"].map(|target| {
        let mut browser = UnixStream::connect(&socket).unwrap();
        browser.write_all(format!("GET {target} HTTP/1.1\r\nHost: pi\r\n\r\n").as_bytes()).unwrap();
        thread::spawn(move || std::io::copy(&mut browser, &mut std::io::sink()).unwrap())
    });
    let done = Arc::new(AtomicBool::new(false));
    let players = [false, true].map(|is_tcp| watch(rtsp.parse().unwrap(), is_tcp, Arc::clone(&done)));
    recorder.wait_line("joined ");
    viewer.wait_line("joined ");
    // the shrinker settles: it tries a larger picture after each 30 frames with room
    plain.wait_more(100);

    control.is_warm.store(true, Ordering::Relaxed);
    wait_frames(&control, FRAMES + 30);
    let rss = resident();
    plain.wait_more(1);
    done.store(true, Ordering::Relaxed);
    let played = players.map(|player| player.join().expect("a player was cut off"));
    control.stop.store(true, Ordering::Relaxed);
    let count = server.join().expect("the server failed");
    println!("{} allocations in {FRAMES} frames of {} bytes; VmRSS {rss}", count.allocations, jpegs[0].len());
    drop((recorder.stop(Signal::SIGKILL), viewer.stop(Signal::SIGKILL)));
    let streamed = browsers.map(|browser| browser.join().unwrap());
    assert!(streamed[0] > FRAMES * 70_000, "the browser has had the stream: {streamed:?} bytes");
    // a busy machine may not make each of them smaller
    assert!(streamed[1] > 1_000_000, "and the other a small one: {streamed:?} bytes");
    assert!(played.iter().all(|bytes| *bytes > FRAMES * 60_000), "so have the players: {played:?} bytes");
    assert!(count.before > 10, "the counter counts: {}", count.before);
    assert_eq!(count.allocations, 0, "in {FRAMES} frames, the first of them:\n{}", count.places.join("\n\n"));
}

#[test]
fn a_signed_and_sealed_frame_costs_no_allocation_either() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    let key = key.to_str().unwrap();
    key_file::create(&key.into()).unwrap();
    // each frame is signed besides
    let sign = folder.path().join("sign");
    let sign = sign.to_str().unwrap();
    key_file::create_signing(&sign.into()).unwrap();
    let options = Options {
        source: Some("pattern".into()),
        resolution: Some("640x480".into()),
        desired_fps: Some("60".into()),
        listen: vec!["127.0.0.1:0".into()],
        key_file: Some(key.into()),
        sign: Some(sign.into()),
        // two seconds of it: what is gone gives way to what is new
        reel: Some("4M".into()),
        ..Options::default()
    };
    let config = Config::try_from(options).unwrap();
    let (control, (door, opened)) = (Arc::new(Control::default()), channel());
    let told = Arc::clone(&control);
    let server = thread::spawn(move || serve(&config, &told, &door));
    let address = opened.recv_timeout(PATIENCE).unwrap();
    let recorder = camrec_into(&folder.path().join("recording"), address, &["--key-file", key]);
    let mut command = camrec_command(&address.to_string(), &["-o", "-", "--newest", "--key-file", key]);
    let viewer = Program::start_to("camrec", &mut command, Stdio::null());
    recorder.wait_line("joined ");
    viewer.wait_line("joined ");
    wait_frames(&control, 200);
    control.is_warm.store(true, Ordering::Relaxed);
    wait_frames(&control, FRAMES + 30);
    control.stop.store(true, Ordering::Relaxed);
    let count = server.join().expect("the server failed");
    drop((recorder.stop(Signal::SIGKILL), viewer.stop(Signal::SIGKILL)));
    assert!(count.before > 10, "the counter counts: {}", count.before);
    assert_eq!(count.allocations, 0, "in {FRAMES} frames, the first of them:\n{}", count.places.join("\n\n"));
}

#[test]
fn a_frame_that_is_kept_for_one_who_is_away_costs_no_allocation_either() {
    let folder = tempfile::tempdir().unwrap();
    let spill = folder.path().join("spill");
    let options = Options {
        source: Some("pattern".into()),
        resolution: Some("640x480".into()),
        desired_fps: Some("60".into()),
        listen: vec!["127.0.0.1:0".into()],
        reel: Some("4M".into()),
        spill: spill.to_str().map(Into::into),
        ..Options::default()
    };
    let config = Config::try_from(options).unwrap();
    let (control, (door, opened)) = (Arc::new(Control::default()), channel());
    let told = Arc::clone(&control);
    let server = thread::spawn(move || serve(&config, &told, &door));
    let address = opened.recv_timeout(PATIENCE).unwrap();
    let recorder = camrec_into(&folder.path().join("recording"), address, &[]);
    recorder.wait_line("writing ");
    recorder.signal(Signal::SIGSTOP);
    // ten seconds: its session is over by then
    wait_frames(&control, control.frames.load(Ordering::Relaxed) + 600);
    let kept =
        || fs::read_dir(&spill).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum::<u64>();
    let before = kept();
    control.is_warm.store(true, Ordering::Relaxed);
    wait_frames(&control, control.frames.load(Ordering::Relaxed) + FRAMES + 30);
    let after = kept();
    control.stop.store(true, Ordering::Relaxed);
    let count = server.join().expect("the server failed");
    drop(recorder.stop(Signal::SIGKILL));
    assert!(before > 1_000_000 && after > before + 1_000_000, "{before} {after}");
    assert_eq!(count.allocations, 0, "in {FRAMES} frames, the first of them:\n{}", count.places.join("\n\n"));
}

#[test]
fn rows_and_frames_out_of_them_cost_no_allocation() {
    let (mut encoder, mut decoder) = (Encoder::new().unwrap(), Decoder::new().unwrap());
    let mut rows = vec![0; 512 * 1424];
    let mut frame: Vec<u8> = Noise::new(3).bytes(900_000);
    let mut turn = |length: usize, parity: u16| {
        let count = length.div_ceil(1424) as u16;
        let shape = Shape { count, rows: parity, size: 1424 };
        let mut places = rows.chunks_exact_mut(1424);
        let take = |row: &[u8]| places.next().unwrap().copy_from_slice(row);
        encoder.encode(shape, frame[..length].chunks(1424), take).unwrap();
        // every fifth is lost
        let lost = (0..count).filter(|index| index % 5 == 0).count() as u16;
        let came = (0..lost).zip(rows.chunks_exact(1424));
        decoder.decode(shape, &mut frame[..length], |index| index % 5 != 0, came).unwrap();
    };
    turn(900_000, 512);
    let before = COUNT.get();
    for length in [22_000, 99_001, 100_000, 200_000, 900_000] {
        turn(length, parity_rows(length.div_ceil(1424) as u32, 1424));
    }
    assert_eq!(COUNT.get() - before, 0);
}

/// A hub and a viewer's receiver with nothing between them but that each seventh datagram is lost.
struct Lossy {
    hub: Hub,
    reel: Reel,
    client: ClientId,
    receiver: Receiver,
    now: Time,
    sent: u32,
    rows: u32,
    whole: u32,
}

impl Lossy {
    fn new() -> Self {
        let stream = StreamId(7);
        let (remote, local) = ("198.51.100.7:6000".parse().unwrap(), "192.0.2.1:9999".parse().unwrap());
        let (mut hub, reel) = (
            Hub::new(Limits { clients: 1, joins: JOINS, burst: 16 }, stream),
            Reel::new(8 << 20, 1452, stream),
        );
        let now = Time::from_millis(1_000);
        let join = Join { parity: true, ..Join::default() };
        let reply = hub.join_native(join, Route { remote, local }, Token(1), &reel, now);
        let Reply::Ok(accepted) = reply else { panic!("{reply:?}") };
        assert!(accepted.parity);
        let mut receiver = Receiver::new(0, &accepted, Patience::Latency(Duration::from_millis(120)), now);
        let mut room = [0; 1452];
        let hello = receiver.poll_datagram(0, &mut room, now).unwrap();
        hub.handle_unknown_peer(remote, hello, &reel, now);
        hub.handle_encoder(Encoder::new().unwrap());
        let opened = std::iter::from_fn(|| hub.poll_output()).find_map(|output| match output {
            Output::Open { client, .. } => Some(client),
            _ => None,
        });
        Lossy { hub, reel, client: opened.unwrap(), receiver, now, sent: 0, rows: 0, whole: 0 }
    }

    /// A frame, and what becomes of it in its 33 ms.
    fn frame(&mut self, jpeg: &[u8]) {
        let stamp = Stamp { captured: self.now, sequence: self.sent };
        self.reel.push(jpeg, Size { width: 64, height: 48 }, stamp, 0).unwrap();
        for _ in 0..33 {
            self.now = self.now.after(Duration::from_millis(1));
            self.hub.handle_timeout(&self.reel, self.now);
            self.receiver.handle_timeout(self.now);
            self.pass_on();
        }
    }

    fn pass_on(&mut self) {
        let Lossy { hub, reel, client, receiver, now, sent, rows, whole } = self;
        while let Some(transmit) = hub.poll_transmit(reel, *now) {
            let train = match &transmit {
                Transmit::Parity { number, .. } => hub.parity(*number).unwrap(),
                _ => reel.frame(transmit.number()).unwrap().train(),
            };
            for datagram in train.datagrams(transmit.fragments().unwrap()).chunks(1452) {
                *sent += 1;
                *rows += u32::from(matches!(transmit, Transmit::Parity { .. }));
                if *sent % 7 != 0 {
                    let mut tagged = [0; 1452];
                    let mut room = &mut tagged[..];
                    with_tag(datagram, &Token(1).tag().to_bytes())
                        .iter()
                        .for_each(|piece| room.write_all(piece).unwrap());
                    receiver.handle_datagram(0, &tagged[..datagram.len()], *now);
                }
            }
        }
        while let Some(output) = hub.poll_output() {
            if let Output::Datagram { bytes, .. } = output {
                receiver.handle_datagram(0, &bytes, *now);
            }
        }
        let mut room = [0; 1452];
        while let Some(datagram) = receiver.poll_datagram(0, &mut room, *now) {
            hub.handle_datagram(*client, datagram, reel, *now);
        }
        while let Some(event) = receiver.poll_event() {
            if let Event::Frame(frame) = event {
                *whole += 1;
                receiver.recycle(frame.bytes);
            }
        }
    }
}

#[test]
fn a_viewer_that_gets_rows_costs_no_allocation_at_either_end() {
    let jpeg = Noise::new(5).bytes(100_000);
    let mut lossy = Lossy::new();
    let mut watch = |frames: usize| (0..frames).for_each(|n| lossy.frame(&jpeg[n % 9 * 2_000..]));
    watch(100);
    let before = COUNT.get();
    IS_WATCHED.set(true);
    watch(200);
    IS_WATCHED.set(false);
    assert_eq!(COUNT.get() - before, 0, "{}", PLACES.take().join("\n\n"));
    assert!(lossy.whole > 290 && lossy.rows > 300 * 10, "{} whole by {} rows", lossy.whole, lossy.rows);
}
