//! What has passed is said again, by somebody who speaks from the addresses of both ends: nothing comes of it. And what camcast sends
//! comes back to it from somebody who knows nothing else: no flood, and an end.

use crate::support::clips::Clips;
use crate::support::http;
use crate::support::native::{self, Heard, NativeClient};
use crate::support::plain::join;
use crate::support::procs::{Camcast, Program, camcast, camrec, camrec_into};
use crate::support::proxy::Proxy;
use crate::support::{PATIENCE, deadline, heavy_turn, is_over, receive_within};
use nix::sys::signal::Signal;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A session is recorded by somebody, and said again, twice, to the session that follows on it.
fn replay(key: Option<&str>) {
    let _turn = heavy_turn();
    let key: Vec<&str> = key.map(|key| ["--key-file", key]).iter().flatten().copied().collect();
    let clips = Clips::new(60);
    let serves = [&[clips.path(), "-f", "30", "--http", "127.0.0.1:0"], &key[..]].concat();
    let camcast = Camcast::start(&serves);
    let proxy = Proxy::start_keeping(camcast.address);
    let first = tempfile::tempdir().unwrap();
    let args = [&["--frames", "120"], &key[..]].concat();
    camrec_into(first.path(), proxy.address, &args).wait_exit().expect(0);
    camcast.wait_line("left: ");

    let folder = tempfile::tempdir().unwrap();
    let args = [&["-v", "--frames", "240"], &key[..]].concat();
    let camrec = camrec_into(folder.path(), proxy.address, &args);
    camrec.wait_line("writing ");
    let strange = strange(&camcast);
    let said = proxy.say_again();
    assert!(said > 4_000, "only {said} datagrams were said again");
    proxy.say_again();
    let ended = camrec.wait_exit().expect(0);
    assert_eq!((ended.account("recorded"), ended.account("missing")), (240, 0), "{}", ended.text());
    let first = ended.first_frame();
    clips.assert_recorded(folder.path(), first..first + 240);
    // they are counted, on both sides
    let line = if key.is_empty() { " datagrams not taken: " } else { "ignored: somebody without the key" };
    assert!(ended.log.contains(line), "{}", ended.log);
    let more = self::strange(&camcast) - strange;
    assert!(more >= 60, "camcast has counted {more}");
    assert_eq!(proxy.end().joins.len(), 2);
    let log = camcast.program.stop(Signal::SIGTERM).expect(0).log;
    assert_eq!((log.matches(" joined: ").count(), log.matches(" left: ").count()), (2, 2), "{log}");
}

/// Datagrams of nobody who had joined, by camcast's own count.
fn strange(camcast: &Camcast) -> u64 {
    let text = http::get(http::address(camcast), "/metrics").text();
    let line = text.lines().find_map(|line| line.strip_prefix("camcast_datagrams_strange_total "));
    line.expect("a counter of that name").parse().unwrap()
}

#[test]
fn a_session_that_is_said_again_has_no_effect() {
    replay(None);
}

#[test]
fn a_sealed_session_that_is_said_again_has_no_effect() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    let key = key.to_str().unwrap();
    Program::start("camcast", &mut camcast(&["--new-key", key])).wait_exit().expect(0);
    replay(Some(key));
}

/// Sends back whatever comes, as a service of that name does (RFC 862).
struct Echo {
    udp: UdpSocket,
    stop: Arc<AtomicBool>,
    seen: Arc<Seen>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Seen {
    all: AtomicU32,
    video: AtomicU32,
    ends: AtomicU32,
}

impl Echo {
    fn start(udp: UdpSocket) -> Self {
        let (stop, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(Seen::default()));
        let (ours, told, sees) = (udp.try_clone().unwrap(), Arc::clone(&stop), Arc::clone(&seen));
        let thread = thread::spawn(move || {
            let mut bytes = vec![0; 1 << 16];
            while !told.load(Ordering::Relaxed) {
                let Some((count, from)) = receive_within(&ours, &mut bytes, Duration::from_millis(20)) else {
                    continue;
                };
                let datagram = &bytes[..count];
                let is_end = datagram == b"end" || datagram[0] == native::SERVER_END;
                let is_video = datagram[0] == native::DATA || datagram[0] == 0xff;
                sees.all.fetch_add(1, Ordering::Relaxed);
                sees.video.fetch_add(is_video.into(), Ordering::Relaxed);
                sees.ends.fetch_add(is_end.into(), Ordering::Relaxed);
                // what finds no room does not come back
                let _ = ours.send_to(datagram, from);
            }
        });
        Echo { udp, stop, seen, thread: Some(thread) }
    }

    fn near() -> Self {
        Echo::start(UdpSocket::bind("127.0.0.1:0").unwrap())
    }

    /// Waits until it has been told that this is the end. How many datagrams came in all, and of video.
    #[track_caller]
    fn wait_end(&self) -> (u32, u32) {
        let until = deadline(PATIENCE);
        while self.seen.ends.load(Ordering::Relaxed) == 0 {
            assert!(!is_over(until), "it is never told that this is the end");
            crate::support::pause();
        }
        (self.seen.all.load(Ordering::Relaxed), self.seen.video.load(Ordering::Relaxed))
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // a failure has been told where it happened
        self.thread.take().map(JoinHandle::join);
    }
}

/// camcast, and a recorder that is to miss nothing meanwhile.
fn watched() -> (Camcast, Program) {
    let camcast = Camcast::pattern(30);
    let recorder = camrec(camcast.address, &["-o", "-", "--every"]);
    camcast.wait_line("joined: ");
    (camcast, recorder)
}

#[track_caller]
fn assert_undisturbed(camcast: &Camcast, recorder: Program, left: SocketAddr) {
    camcast.wait_line(&format!("left: {left} "));
    let ended = recorder.stop(Signal::SIGINT).expect(0);
    assert_eq!(ended.account("missing"), 0, "{}", ended.log);
    assert!(ended.account("recorded") > 60, "{}", ended.log);
}

#[test]
fn an_echo_in_a_viewers_place_gets_no_video_and_an_end() {
    let (camcast, recorder) = watched();
    let mut client = NativeClient::join(camcast.address, "newest");
    let echo = Echo::near();
    // said in its name, by somebody of its own address
    let hello = client.hello();
    echo.udp.send_to(&hello, camcast.address).unwrap();
    let (all, video) = echo.wait_end();
    assert!(video == 0 && all < 20, "{all} datagrams, {video} of video");
    assert_undisturbed(&camcast, recorder, echo.udp.local_addr().unwrap());
}

#[test]
fn an_echo_in_the_place_of_a_viewer_who_has_begun_gets_what_is_under_way_and_an_end() {
    let (camcast, recorder) = watched();
    let mut client = NativeClient::join(camcast.address, "newest");
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.udp = udp.try_clone().unwrap();
    assert!(matches!(client.say_hello(), Heard::Beat { .. }));
    client.take_frames(3);
    let echo = Echo::start(udp);
    let (all, video) = echo.wait_end();
    // a window of twelve frames of some ten datagrams, and BEATs
    assert!(all < 400 && video < 400, "{all} datagrams, {video} of video");
    assert_undisturbed(&camcast, recorder, echo.udp.local_addr().unwrap());
}

#[test]
fn an_echo_in_a_plain_clients_place_gets_one_frame_and_an_end() {
    let (camcast, recorder) = watched();
    let echo = Echo::near();
    let _tcp = join(camcast.address, echo.udp.local_addr().unwrap().port());
    let (all, video) = echo.wait_end();
    assert!(video == 1 && all <= 4, "{all} datagrams, {video} of video");
    assert_undisturbed(&camcast, recorder, echo.udp.local_addr().unwrap());
}
