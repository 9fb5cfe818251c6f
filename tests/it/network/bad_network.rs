//! A bad network in front of the real programs.

use crate::support::clips::{Clips, Watch};
use crate::support::netem::{GilbertElliott, Link, Reorder, Spec};
use crate::support::procs::{Camcast, Ended, Program, camrec_into};
use crate::support::proxy::{Proxy, Seen, link_seeds};
use crate::support::{PATIENCE, deadline, is_over, pause};
use camcast::sys::clock;
use camcast::sys::udp::set_receive_buffer;
use camcast::time::Time;
use nix::sys::signal::Signal;
use std::net::{SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::time::Duration;
use tempfile::TempDir;

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

/// 20 ms with 4 ms of jitter, and half a percent that falls behind.
fn air(loss: f64) -> Spec {
    let reorder = Some(Reorder { probability: 0.005, extra: 3 * MS });
    Spec { loss, delay: 20 * MS, jitter: 4 * MS, reorder, ..Spec::default() }
}

#[test]
fn the_proxy_loses_exactly_what_its_links_lose() {
    let _turn = crate::support::heavy_turn();
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    for socket in [&server, &client] {
        set_receive_buffer(socket, 4 << 20);
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
    }
    let spec = Spec { duplicate: 0.01, ..air(0.05) };
    let proxy = Proxy::start(server.local_addr().unwrap(), &air(0.0), &spec, 1);
    client.connect(proxy.address).unwrap();
    let mut room = [0; 2000];
    let began = clock::now();
    client.send(b"hello").unwrap();
    let (_, back) = server.recv_from(&mut room).unwrap();
    assert!(clock::now().since(began) >= 20 * MS);

    let count = 20_000_u32;
    let datagram = |n: u32| [&n.to_be_bytes()[..], &[7; 1400]].concat();
    // the same seed, the same fate, whatever the time
    let mut twin = Link::new(spec, link_seeds(1, 0)[1], clock::now());
    let passes: Vec<bool> = (0..count).map(|n| twin.send(clock::now(), datagram(n))).collect();
    let fates = twin.fates();
    assert!(fates.lost > 900 && fates.duplicated > 150 && fates.reordered > 50, "{fates:?}");
    let sender = std::thread::spawn(move || {
        for n in 0..count {
            server.send_to(&datagram(n), back).unwrap();
            // bursts of a frame, 120 Mbit/s
            if n % 70 == 69 {
                std::thread::park_timeout(Duration::from_micros(6_500));
            }
        }
    });
    let mut came = vec![0_u64; count as usize];
    for _ in 0..u64::from(count) - fates.lost + fates.duplicated {
        let len = client.recv(&mut room).expect("all come that the link does not lose");
        assert_eq!(room[4..len], [7; 1400]);
        came[u32::from_be_bytes(room[..4].try_into().unwrap()) as usize] += 1;
    }
    sender.join().unwrap();
    assert!(came.iter().zip(passes).all(|(times, passes)| passes == (*times > 0)));
    assert_eq!(came.iter().filter(|times| **times == 2).count() as u64, fates.duplicated);
    assert_eq!(proxy.end().down, fates);
}

/// Copies of what is lost make about half of the frames whole here: there is time for one round, and either of it may be lost.
#[test]
fn a_viewer_far_away_sees_most_frames_at_20_percent() {
    let _turn = crate::support::heavy_turn();
    let clips = Clips::new(60);
    let camcast = stream(&clips, &[]);
    let path = Spec { loss: 0.2, ..Spec::clean(35 * MS) };
    let proxy = Proxy::start(camcast.address, &path, &path, 7);
    let watch = Watch::start(&clips, proxy.address, &["-v", "--newest", "--duration", "8s"]);
    let (ended, came) = watch.end_within(PATIENCE + 8 * SECOND);
    let (whole, all) = (ended.account("recorded"), ended.account("frames from the camera"));
    let seen = proxy.end();
    assert!(seen.joins.iter().all(|join| join.contains(" parity=leopard16")), "{:?}", seen.joins);
    assert!(seen.rows > 1_000 && seen.down.lost > 1_000, "{} rows, {:?}", seen.rows, seen.down);
    eprintln!("{whole} of {all} whole, sent again {:.1} %", seen.again_percent());
    // nearly all; but this machine may have been late for some
    assert!(whole == came.len() as u64 && all >= 200 && whole * 100 >= all * 80, "{whole} of {all}");
}

/// Nothing comes for so long, from two seconds after the first join on.
fn outage(lasts: Duration) -> Spec {
    Spec { outages: vec![(2 * SECOND, 2 * SECOND + lasts)], ..Spec::clean(20 * MS) }
}

fn stream(clips: &Clips, args: &[&str]) -> Camcast {
    Camcast::start(&[&[clips.path(), "-f", "30"], args].concat())
}

/// A recorder in a folder of its own.
struct Recorder {
    folder: TempDir,
    camrec: Program,
}

impl Recorder {
    fn start(from: SocketAddr, frames: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let camrec = camrec_into(folder.path(), from, &["-v", "--frames", &frames.to_string()]);
        Recorder { folder, camrec }
    }

    /// Waits until it has what it wants: nothing may be missing, and no frame may differ.
    #[track_caller]
    fn expect_all(self, clips: &Clips, frames: usize) -> Ended {
        let ended = self.camrec.wait_exit().expect(0);
        assert_eq!((ended.account("recorded"), ended.account("missing")), (frames as u64, 0));
        let first = ended.first_frame();
        clips.assert_recorded(self.folder.path(), first..first + frames as u32);
        ended
    }
}

/// The frames that the account names as missing.
fn gaps(ended: &Ended) -> Vec<RangeInclusive<u32>> {
    let text = ended.text();
    let named = text.lines().filter_map(|line| {
        let (_, rest) = line.split_once("  frame")?;
        let (first, last) = {
            let numbers = rest.trim_start_matches(['s', ' ']).split(' ').next()?;
            numbers.split_once('-').unwrap_or((numbers, numbers))
        };
        Some(first.parse::<u32>().unwrap()..=last.parse().unwrap())
    });
    named.collect()
}

/// Six seconds of video, whatever the path does to it.
fn every_frame_comes(up: &Spec, down: &Spec) -> Seen {
    let _turn = crate::support::heavy_turn();
    let clips = Clips::new(60);
    let camcast = stream(&clips, &[]);
    let proxy = Proxy::start(camcast.address, up, down, 7);
    Recorder::start(proxy.address, 180).expect_all(&clips, 180);
    let seen = proxy.end();
    assert_eq!(seen.joins.len(), 1, "nobody joins twice on a path that is merely bad");
    seen
}

#[test]
fn every_frame_comes_at_5_percent() {
    let seen = every_frame_comes(&air(0.05), &air(0.05));
    assert!(seen.down.lost > 300 && seen.up.lost > 0 && seen.down.reordered > 0, "{:?}", seen.down);
}

#[test]
fn every_frame_comes_at_20_percent() {
    let seen = every_frame_comes(&air(0.2), &air(0.2));
    assert!(seen.down.lost > 1_500 && seen.up.lost > 0 && seen.down.reordered > 0, "{:?}", seen.down);
}

#[test]
fn every_frame_comes_through_bursts_that_swallow_whole_ones() {
    // The model counts datagrams: on the way up, where few go, such a burst would be an outage of half a minute.
    let bursts = Some(GilbertElliott::bursts(0.1, 150.0));
    let seen = every_frame_comes(&air(0.05), &Spec { gilbert_elliott: bursts, ..air(0.0) });
    assert!(seen.down.lost > 150, "{:?}", seen.down);
}

#[test]
fn an_outage_of_2_s_costs_nothing_and_is_nobody_elses() {
    let _turn = crate::support::heavy_turn();
    let clips = Clips::new(90);
    let camcast = stream(&clips, &[]);
    let proxy = Proxy::start(camcast.address, &outage(2 * SECOND), &outage(2 * SECOND), 7);
    let recorders = [Recorder::start(proxy.address, 240), Recorder::start(camcast.address, 240)];
    recorders.into_iter().for_each(|recorder| drop(recorder.expect_all(&clips, 240)));
    let seen = proxy.end();
    assert!(seen.down.outage > 0 && seen.up.outage > 0, "{:?}", seen.down);
    assert!(seen.joins.len() <= 2, "it joins again once at the most: {:?}", seen.joins);
}

#[test]
fn a_rejoin_after_5_s_gets_what_the_reel_holds() {
    let _turn = crate::support::heavy_turn();
    let clips = Clips::new(90);
    let camcast = stream(&clips, &[]);
    let proxy = Proxy::start(camcast.address, &outage(5 * SECOND), &outage(5 * SECOND), 7);
    let ended = Recorder::start(proxy.address, 300).expect_all(&clips, 300);
    assert!(ended.log.contains("nothing comes any more; trying to join again"), "{}", ended.log);
    assert!(ended.log.contains("back after "), "{}", ended.log);
    let joins = proxy.end().joins;
    assert!(joins.len() >= 2 && joins[1].contains(" stream=") && joins[1].contains(" next="), "{joins:?}");
}

#[test]
fn what_a_small_reel_has_not_kept_is_named_to_the_frame() {
    let _turn = crate::support::heavy_turn();
    let clips = Clips::new(300);
    let camcast = stream(&clips, &["--reel", "6M"]);
    let proxy = Proxy::start(camcast.address, &outage(6 * SECOND), &outage(6 * SECOND), 7);
    let recorder = Recorder::start(proxy.address, 150);
    let ended = recorder.camrec.wait_exit().expect(12);
    let gaps = gaps(&ended);
    let missing: usize = gaps.iter().map(|gap| gap.clone().count()).sum();
    assert_eq!((ended.account("recorded"), ended.account("missing")), (150, missing as u64));
    assert_eq!(ended.account("frames from the camera"), 150 + missing as u64);
    let first = ended.first_frame();
    let all = first..first + 150 + missing as u32;
    let recorded = all.filter(|number| !gaps.iter().any(|gap| gap.contains(number)));
    clips.assert_recorded(recorder.folder.path(), recorded);
    drop(proxy.end());
}

#[test]
fn a_stopped_recorder_catches_up_and_costs_the_others_nothing() {
    let _turn = crate::support::heavy_turn();
    let clips = Clips::new(60);
    let camcast = stream(&clips, &[]);
    let path = Spec::clean(20 * MS);
    let proxy = Proxy::start(camcast.address, &path, &path, 7);
    let recorders = [(); 3].map(|()| Recorder::start(proxy.address, 240));
    recorders.iter().for_each(|recorder| drop(recorder.camrec.wait_line("writing ")));
    let stopped = &recorders[0].camrec;
    stopped.signal(Signal::SIGSTOP);
    camcast.wait_line("(native, every): no answer for ");
    stopped.signal(Signal::SIGCONT);
    recorders.into_iter().for_each(|recorder| drop(recorder.expect_all(&clips, 240)));
    assert_eq!(proxy.end().joins.len(), 4, "one joined again, and once");
}

/// How many seconds of video a long run has:
/// `LONG_RUN=300 cargo test --release --test it network::bad_network -- --ignored --test-threads=1 --nocapture`
fn seconds() -> u32 {
    std::env::var("LONG_RUN").map_or(60, |typed| typed.parse().expect("LONG_RUN is a number of seconds"))
}

/// Datagrams that full queues have cost so far, all sockets of this machine: not the path's doing (proc_net_snmp(5)).
fn full_queues() -> u64 {
    let table = std::fs::read_to_string("/proc/net/snmp").unwrap();
    let rows: Vec<&str> = table.lines().filter_map(|row| row.strip_prefix("Udp: ")).collect();
    let column = rows[0].split(' ').position(|name| name == "RcvbufErrors").unwrap();
    rows[1].split(' ').nth(column).unwrap().parse().unwrap()
}

/// What a long run shows.
struct Figures {
    ended: Ended,
    seen: Seen,
    zero: Time,
    /// What full queues cost meanwhile.
    full_queues: u64,
    /// Each frame's number, when it was captured, and when its last byte came out of camrec.
    frames: Vec<(u32, Time, Time)>,
}

/// Beyond what a frame needs on a good day: it is late.
const LAG: Duration = Duration::from_millis(150);

impl Figures {
    fn collect(watch: Watch, proxy: Proxy, clips: &Clips, full_before: u64) -> Self {
        let (ended, came) = watch.end_within(PATIENCE + seconds() * SECOND);
        let zero = proxy.zero().unwrap();
        let seen = proxy.end();
        let frames = clips.number(ended.first_frame(), came);
        let frames = frames.map(|(number, came)| (number, seen.captured[&number], came)).collect();
        Figures { ended, seen, zero, full_queues: full_queues() - full_before, frames }
    }

    fn print(&self, what: &str) {
        let Figures { ended, seen, frames, .. } = self;
        let from_camera = ended.account("frames from the camera");
        let delays = delays(frames);
        eprintln!(
            "{what}: {from_camera} frames, {:.3} % recorded ({}), {} missing, {} repaired; datagrams {} of which lost \
             {:.2} % and in outages {}, sent again {:.2} %, at most {} times; delay p50 {:.0?} p99 {:.0?} max {:.0?}; \
             {} joins; full queues {}; {:.1} s",
            100.0 * ended.account("recorded") as f64 / from_camera as f64,
            ended.account("recorded"),
            ended.account("missing"),
            ended.account("repaired"),
            seen.down.sent,
            100.0 * seen.down.lost as f64 / seen.down.sent as f64,
            seen.down.outage,
            seen.again_percent(),
            seen.sent_most(),
            percentile(&delays, 0.5),
            percentile(&delays, 0.99),
            percentile(&delays, 1.0),
            seen.joins.len(),
            self.full_queues,
            clock::now().since(self.zero).as_secs_f64(),
        );
    }

    /// How long after `since` frames came in time again, a second of them in a row.
    fn caught_up(&self, since: Time) -> Option<Duration> {
        let came: Vec<_> = self.frames.iter().filter(|(_, _, came)| *came >= since).collect();
        let in_time = |frame: &&(u32, Time, Time)| frame.2.since(frame.1) < LAG;
        came.windows(30).find(|second| second.iter().all(in_time)).map(|second| second[0].2.since(since))
    }
}

/// From capture to coming out, sorted.
fn delays<'a>(frames: impl IntoIterator<Item = &'a (u32, Time, Time)>) -> Vec<Duration> {
    let mut delays: Vec<Duration> =
        frames.into_iter().map(|(_, captured, came)| came.since(*captured)).collect();
    delays.sort();
    delays
}

fn percentile(sorted: &[Duration], share: f64) -> Duration {
    let at = (sorted.len() as f64 * share) as usize;
    sorted.get(at.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

fn long_run(what: &str, policy: &str, (up, down): (&Spec, &Spec), seconds: u32) -> Figures {
    let clips = Clips::new(300);
    let camcast = stream(&clips, &[]);
    let proxy = Proxy::start(camcast.address, up, down, 11);
    let duration = format!("{seconds}s");
    let full_before = full_queues();
    let watch = Watch::start(&clips, proxy.address, &["-v", policy, "--duration", &duration]);
    let figures = Figures::collect(watch, proxy, &clips, full_before);
    figures.print(what);
    figures
}

fn every(loss: f64) {
    let path = air(loss);
    let seen = every_over(&format!("every, {:.0} %", loss * 100.0), &path, &path);
    let most = 100.0 * loss * 1.3 + 1.0;
    assert!(seen.again_percent() <= most, "{:.2} % sent again, {most:.2} % wanted", seen.again_percent());
}

fn every_over(what: &str, up: &Spec, down: &Spec) -> Seen {
    let Figures { ended, seen, .. } = long_run(what, "--every", (up, down), seconds());
    assert_eq!(ended.expect(0).account("missing"), 0);
    seen
}

#[test]
#[ignore = "a minute"]
fn long_every_at_1_percent() {
    every(0.01);
}

#[test]
#[ignore = "a minute"]
fn long_every_at_5_percent() {
    every(0.05);
}

#[test]
#[ignore = "a minute"]
fn long_every_at_10_percent() {
    every(0.1);
}

#[test]
#[ignore = "a minute"]
fn long_every_at_20_percent() {
    every(0.2);
}

#[test]
#[ignore = "a minute"]
fn long_every_in_bursts() {
    let bursts = Some(GilbertElliott::bursts(0.05, 150.0));
    let down = Spec { gilbert_elliott: bursts, ..air(0.0) };
    let seen = every_over("every, 5 % in bursts of 150", &air(0.05), &down);
    // how much is lost in a minute is a matter of some 40 bursts: what counts is what was lost
    let most = 130.0 * seen.down.lost as f64 / seen.down.sent as f64 + 1.0;
    assert!(seen.again_percent() <= most, "{:.2} % sent again, {most:.2} % wanted", seen.again_percent());
}

#[test]
#[ignore = "a minute each; wants a machine that does nothing else"]
fn long_newest() {
    for (loss, wanted) in [(0.05, 0.999), (0.1, 0.99)] {
        let path = air(loss);
        let what = format!("newest, {:.0} %", loss * 100.0);
        let Figures { ended, seen, .. } = long_run(&what, "--newest", (&path, &path), seconds());
        let whole = ended.account("recorded") as f64 / ended.account("frames from the camera") as f64;
        assert!(whole >= wanted, "{what}: {whole:.4} whole, {wanted} wanted");
        let most = 100.0 * loss * 2.6 + 2.0;
        assert!(seen.again_percent() <= most, "{:.2} % sent again, {most:.2} % wanted", seen.again_percent());
    }
}

#[test]
#[ignore = "half a minute"]
fn long_outages() {
    for lasts in [SECOND, 2 * SECOND, 4 * SECOND] {
        let path = outage(lasts);
        let what = format!("every, an outage of {lasts:?}");
        let figures = long_run(&what, "--every", (&path, &path), 4 + 4 * lasts.as_secs() as u32);
        let caught_up = figures.caught_up(figures.zero.after(2 * SECOND + lasts));
        eprintln!("{what}: frames came in time again after {caught_up:.2?}");
        assert!(caught_up.is_some_and(|wait| wait <= 2 * lasts), "{caught_up:?}");
        assert_eq!(figures.ended.expect(0).account("missing"), 0);
    }
}

#[test]
#[ignore = "half a minute, and figures only"]
fn long_one_of_four_stops_reading() {
    let clips = Clips::new(300);
    let camcast = stream(&clips, &[]);
    let path = Spec::clean(20 * MS);
    let proxies = [1, 2, 3, 4].map(|seed| Proxy::start(camcast.address, &path, &path, seed));
    let full_before = full_queues();
    let args = ["-v", "--every", "--duration", "30s"];
    let watches = proxies.each_ref().map(|proxy| Watch::start(&clips, proxy.address, &args));
    watches.iter().for_each(|watch| drop(watch.camrec.wait_line("next frame ")));
    wait(10 * SECOND);
    let stopped = clock::now();
    watches[0].camrec.signal(Signal::SIGSTOP);
    wait(10 * SECOND);
    watches[0].camrec.signal(Signal::SIGCONT);
    let goes_on = clock::now();
    for (n, (watch, proxy)) in watches.into_iter().zip(proxies).enumerate() {
        let figures = Figures::collect(watch, proxy, &clips, full_before);
        let what = format!("one of four stops for 10 s: client {n}");
        figures.print(&what);
        let p99 = |from: Time, until: Time| {
            let within = |frame: &&(u32, Time, Time)| (from..until).contains(&frame.1);
            percentile(&delays(figures.frames.iter().filter(within)), 0.99)
        };
        // the first second is that of joining
        let (before, during) = (p99(figures.zero.after(SECOND), stopped), p99(stopped, goes_on));
        match n {
            0 => eprintln!("{what}: caught up after {:.2?}", figures.caught_up(goes_on)),
            _ => eprintln!("{what}: p99 {before:.2?} before, {during:.2?} during"),
        }
    }
}

fn wait(wait: Duration) {
    let until = deadline(wait);
    while !is_over(until) {
        pause();
    }
}
