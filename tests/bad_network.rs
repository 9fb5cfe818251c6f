//! A bad network in front of the real programs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod support;

use camcast::sys::clock;
use camcast::sys::udp::set_receive_buffer;
use nix::sys::signal::Signal;
use std::net::{SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::time::Duration;
use support::PATIENCE;
use support::clips::Clips;
use support::netem::{GilbertElliott, Link, Reorder, Spec};
use support::procs::{Camcast, Ended, Program, camrec_into};
use support::proxy::{Proxy, Seen, link_seeds};
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
        let first = first_frame(&ended);
        clips.assert_recorded(self.folder.path(), first..first + frames as u32);
        ended
    }
}

/// The first frame that camcast said it would send.
fn first_frame(ended: &Ended) -> u32 {
    let (_, rest) = ended.log.split_once("next frame ").expect("with -v it says where it begins");
    rest.split(',').next().unwrap().parse().unwrap()
}

/// The frames that the account names as missing.
fn gaps(ended: &Ended) -> Vec<RangeInclusive<u32>> {
    let text = ended.text();
    let (_, rest) = text.split_once("(frames ").expect("gaps are named");
    let named = rest.split_once(')').unwrap().0.split(", ");
    let number = |text: &str| text.parse::<u32>().unwrap();
    named
        .map(|gap| {
            let (first, last) = gap.split_once('-').unwrap_or((gap, gap));
            number(first)..=number(last)
        })
        .collect()
}

/// Six seconds of video, whatever the path does to it.
fn every_frame_comes(up: &Spec, down: &Spec) -> Seen {
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
    let clips = Clips::new(300);
    let camcast = stream(&clips, &["--reel", "6M"]);
    let proxy = Proxy::start(camcast.address, &outage(6 * SECOND), &outage(6 * SECOND), 7);
    let recorder = Recorder::start(proxy.address, 150);
    let ended = recorder.camrec.wait_exit().expect(12);
    let gaps = gaps(&ended);
    let missing: usize = gaps.iter().map(|gap| gap.clone().count()).sum();
    assert_eq!((ended.account("recorded"), ended.account("missing")), (150, missing as u64));
    assert_eq!(ended.account("frames from the camera"), 150 + missing as u64);
    let first = first_frame(&ended);
    let all = first..first + 150 + missing as u32;
    let recorded = all.filter(|number| !gaps.iter().any(|gap| gap.contains(number)));
    clips.assert_recorded(recorder.folder.path(), recorded);
    drop(proxy.end());
}

#[test]
fn a_stopped_recorder_catches_up_and_costs_the_others_nothing() {
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
