//! Sealed mode: with the key everything, without it nothing; and one clear line on both ends.

use crate::support::clips::{Clips, Watch};
use crate::support::native::ask;
use crate::support::netem::Spec;
use crate::support::procs::{Camcast, Program, camcast, camrec_command, camrec_into, own_loopback};
use crate::support::proxy::{Proxy, Seen};
use crate::support::{PATIENCE, deadline, is_over, receive_within};
use camcast::seal::handshake;
use camcast::seal::{Channel, Key, Secret, StreamKey};
use camcast::wire::client::{ClientEnd, Continue, Hello};
use camcast::wire::data::Data;
use camcast::wire::join::{Accepted, Reply};
use camcast::wire::server::{EndReason, FromServer};
use camcast::wire::{FrameNumber, Kind, sealed};
use nix::sys::signal::Signal;
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use tempfile::TempDir;

const MS: Duration = Duration::from_millis(1);

/// Files with keys, as camcast makes them.
struct Keys {
    folder: TempDir,
}

impl Keys {
    fn new() -> Self {
        let keys = Keys { folder: tempfile::tempdir().unwrap() };
        for name in ["ours", "other"] {
            let made = Program::start("camcast", &mut camcast(&["--new-key", &keys.file(name)]));
            let said = made.wait_exit().expect(0).text();
            assert!(said.contains("--key-file"), "{said}");
        }
        keys
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn ours(&self) -> Key {
        Key::parse(&fs::read_to_string(self.file("ours")).unwrap()).unwrap()
    }
}

fn secret(byte: u8) -> Secret {
    Secret::new([byte; 32])
}

/// A session by hand.
struct Client {
    udp: UdpSocket,
    channel: Channel,
    stream: StreamKey,
    accepted: Accepted,
    stamp: u32,
}

impl Client {
    fn join(server: SocketAddr, key: &Key, random: u8) -> Self {
        let (asking, message) =
            handshake::ask(key, &secret(random), b"CAMCAST/1 join policy=newest\n").unwrap();
        let line = ask(server, sealed::line(&message).as_bytes());
        let message = sealed::parse(line.as_bytes()).unwrap().unwrap();
        let (channel, words) = asking.finish(&message).unwrap();
        let end = words.iter().position(|byte| *byte == b'\n').unwrap();
        let Ok(Reply::Ok(accepted)) = Reply::parse(&words[..end]) else { panic!("{words:?}") };
        let stream = StreamKey::new(Secret::new(words[end + 1..].try_into().unwrap()));
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        udp.connect(server).unwrap();
        Client { udp, channel, stream, accepted, stamp: 0 }
    }

    fn seal(&mut self, datagram: &[u8]) -> Vec<u8> {
        self.channel.seal(datagram, &mut [0; 2000]).unwrap().to_vec()
    }

    fn hello(&mut self) -> Vec<u8> {
        self.stamp += 1;
        let (epoch, token) = (self.accepted.stream.epoch(), self.accepted.token);
        let hello = Hello { epoch, token, stamp: self.stamp, path_mtu: 0, narrow: false };
        let mut room = vec![0; usize::from(self.accepted.datagram) - 24];
        let hello = hello.emit(&mut room).to_vec();
        self.seal(&hello)
    }

    fn end(&self) -> [u8; 12] {
        ClientEnd { epoch: self.accepted.stream.epoch(), token: self.accepted.token }.to_bytes()
    }

    fn say_continue(&mut self, seen: u32) {
        self.stamp += 1;
        let cont = Continue {
            epoch: self.accepted.stream.epoch(),
            token: self.accepted.token,
            stamp: self.stamp,
            through: FrameNumber(seen),
            seen: FrameNumber(seen),
            rtt_us: 0,
            arrived: 0,
            urgent: false,
            missing: Default::default(),
        };
        let cont = self.seal(&cont.to_bytes());
        self.udp.send(&cont).unwrap();
    }

    /// The next datagram, opened.
    fn hear(&mut self) -> Vec<u8> {
        let (mut bytes, mut room) = ([0; 2000], [0; 2000]);
        let (count, _) = receive_within(&self.udp, &mut bytes, PATIENCE).expect("camcast says something");
        let datagram = &bytes[..count];
        let opened = match datagram[0] == Kind::Data.byte() {
            true => self.stream.open(datagram, &mut room),
            false => self.channel.open(datagram, &mut room).ok(),
        };
        opened.expect("it is sealed with our keys").to_vec()
    }

    /// Takes frames until this many have ended, and says so.
    fn take_frames(&mut self, mut count: u32) {
        let until = deadline(PATIENCE);
        while count > 0 {
            assert!(!is_over(until), "no frames come");
            let heard = self.hear();
            match FromServer::parse(&heard) {
                Ok(FromServer::Data(Data { header, .. })) => {
                    if u32::from(header.index) + 1 == header.count() {
                        count -= 1;
                        self.say_continue(header.number.0);
                    }
                }
                // video begins with the answer to the first one
                Ok(FromServer::Beat(beat)) => self.say_continue(beat.newest.0),
                other => panic!("{other:?}"),
            }
        }
    }
}

/// Six seconds of video, whatever the path does to it.
fn every_frame_comes(spec: &Spec, share: f64) -> (Seen, String) {
    let _turn = crate::support::heavy_turn();
    let (keys, clips) = (Keys::new(), Clips::new(60));
    let key = keys.file("ours");
    let camcast = Camcast::start(&[clips.path(), "-f", "30", "--key-file", &key]);
    let proxy = Proxy::start_tampering(camcast.address, spec, spec, 7, share);
    let folder = tempfile::tempdir().unwrap();
    let args = ["-v", "--frames", "180", "--key-file", &key];
    let ended = camrec_into(folder.path(), proxy.address, &args).wait_exit().expect(0);
    assert_eq!((ended.account("recorded"), ended.account("missing")), (180, 0));
    let (_, rest) = ended.log.split_once("next frame ").unwrap();
    let first: u32 = rest.split(',').next().unwrap().parse().unwrap();
    clips.assert_recorded(folder.path(), first..first + 180);
    let seen = proxy.end();
    assert!(seen.joins.iter().all(|join| join.starts_with("CAMCAST/1 sealed ")), "{:?}", seen.joins);
    (seen, ended.log)
}

#[test]
fn every_sealed_frame_comes_at_10_percent() {
    let (seen, log) = every_frame_comes(&Spec { loss: 0.1, ..Spec::clean(20 * MS) }, 0.0);
    assert!(seen.down.lost > 700 && seen.up.lost > 0, "{:?}", seen.down);
    assert!(!log.contains("ignored"), "{log}");
}

#[test]
fn what_was_changed_on_the_way_is_dropped_and_asked_for_again() {
    let (seen, log) = every_frame_comes(&Spec { duplicate: 0.05, ..Spec::clean(10 * MS) }, 0.05);
    assert!(seen.tampered > 300, "{seen:?}");
    assert_eq!(seen.joins.len(), 1, "nobody joins twice for that");
    assert!(log.contains("ignored: somebody without the key"), "{log}");
}

#[test]
fn a_viewer_far_away_gets_sealed_parity_rows() {
    let _turn = crate::support::heavy_turn();
    let (keys, clips) = (Keys::new(), Clips::new(60));
    let camcast = Camcast::start(&[clips.path(), "-f", "30", "--key-file", &keys.file("ours")]);
    let path = Spec { loss: 0.1, ..Spec::clean(35 * MS) };
    let proxy = Proxy::start(camcast.address, &path, &path, 7);
    let args = ["-v", "--newest", "--frames", "100", "--key-file", &keys.file("ours")];
    let (ended, came) = Watch::start(&clips, proxy.address, &args).end_within(2 * PATIENCE);
    assert_eq!((ended.account("recorded"), came.len()), (100, 100));
    // of a frame's seventy datagrams seven are lost
    let seen = proxy.end();
    assert!(seen.rows > 200, "{} rows, {:?}", seen.rows, seen.down);
}

#[test]
fn who_has_not_the_key_is_told_so_in_one_line_and_so_is_the_camera() {
    let keys = Keys::new();
    let [ours, other] = ["ours", "other"].map(|name| keys.file(name));
    let camcast_of = |args: &[&str]| Camcast::start(&[&["pattern", "-r", "320x240"], args].concat());
    let (camera, open) = (camcast_of(&["--key-file", &ours]), camcast_of(&[]));
    let fails = |to: &Camcast, args: &[&str], words: &str| {
        let folder = tempfile::tempdir().unwrap();
        let args = [&["-o", folder.path().to_str().unwrap(), "--frames", "1"], args].concat();
        let ended = Program::start("camrec", &mut camrec_command(&to.address.to_string(), &args));
        let ended = ended.wait_exit().expect(10);
        let reasons: Vec<&str> = ended.log.lines().filter(|line| line.starts_with("camrec: ")).collect();
        assert!(reasons.len() == 1 && reasons[0].contains(words), "{words:?}: {}", ended.log);
    };
    fails(&camera, &["--key-file", &other], "wrong key");
    fails(&camera, &["--key-file", &other, "--wait"], "wrong key");
    fails(&camera, &[], "this stream is sealed");
    fails(&open, &["--key-file", &ours], "there is no key here");
    // another key than camcast's is no answer either
    let words = ask(camera.address, b"5005\n");
    assert!(words.starts_with("CAMCAST/1 refused code=key why=this stream is sealed"), "{words}");
    let ended = camera.program.stop(Signal::SIGTERM).expect(0);
    let told = ended.log.lines().filter(|line| line.contains("not let in")).count();
    assert_eq!(told, 1, "the others are counted: {}", ended.log);
    assert!(
        ended.log.contains("wrong key") && ended.log.contains("sealed: only who has the key"),
        "{}",
        ended.log
    );
    assert!(ended.log.contains("stopped: ") && !ended.log.contains("joined: "), "{}", ended.log);
}

#[test]
fn what_was_recorded_of_a_join_leads_nowhere() {
    let (keys, _turn) = (Keys::new(), crate::support::heavy_turn());
    let camcast =
        Camcast::start(&["pattern", "-r", "320x240", "--key-file", &keys.file("ours"), "--max-clients", "1"]);
    let proxy = Proxy::start(camcast.address, &Spec::default(), &Spec::default(), 1);
    let record = || {
        let folder = tempfile::tempdir().unwrap();
        let args = ["--frames", "5", "--key-file", &keys.file("ours")];
        camrec_into(folder.path(), proxy.address, &args).wait_exit().expect(0);
    };
    record();
    let said = proxy.end().joins[0].clone();
    for _ in 0..3 {
        let answer = ask(camcast.address, said.as_bytes());
        assert!(answer.contains("refused code=key why=this very join has come before"), "{answer}");
    }
    let (words, _) = said.split_at(said.len() - 5);
    let answer = ask(camcast.address, format!("{words}AAAA\n").as_bytes());
    assert!(answer.contains("wrong key"), "{answer}");
}

#[test]
fn forged_and_repeated_datagrams_do_nothing() {
    let keys = Keys::new();
    let camcast = Camcast::start(&[
        "pattern",
        "-r",
        "320x240",
        "-f",
        "30",
        "--key-file",
        &keys.file("ours"),
        "--max-clients",
        "2",
    ]);
    let mut client = Client::join(camcast.address, &keys.ours(), 1);
    let hello = client.hello();
    assert_eq!(hello.len(), usize::from(client.accepted.datagram));
    // from another socket, and without the key, a HELLO is nobody's
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    let open = Hello {
        epoch: client.accepted.stream.epoch(),
        token: client.accepted.token,
        stamp: 1,
        path_mtu: 0,
        narrow: false,
    };
    stranger.send_to(open.emit(&mut [0; 1452]), camcast.address).unwrap();
    client.udp.send(&hello).unwrap();
    client.take_frames(5);
    stranger.send_to(&hello, camcast.address).unwrap();

    let sealed = client.seal(&client.end());
    for at in 0..sealed.len() {
        let mut forged = sealed.clone();
        forged[at] ^= 1;
        client.udp.send(&forged).unwrap();
    }
    client.udp.send(&client.end()).unwrap();
    client.udp.send(&hello).unwrap();
    // what the server has said, echoed
    let mut bytes = [0; 2000];
    let (count, _) = receive_within(&client.udp, &mut bytes, PATIENCE).unwrap();
    client.udp.send(&bytes[..count]).unwrap();
    client.take_frames(5);
    // and the right one is heard
    client.udp.send(&sealed).unwrap();
    let reason = loop {
        if let Ok(FromServer::End(end)) = FromServer::parse(&client.hear()) {
            break end.reason;
        }
    };
    assert_eq!(reason, EndReason::Goodbye);
    camcast.program.wait_line("it said end");
    assert_eq!(camcast.program.log().matches("joined: ").count(), 1);
}

/// An echo of a sealed session: what comes back is camcast's own, and is nobody's.
#[test]
fn an_echo_of_a_sealed_session_draws_no_video_and_the_session_ends() {
    let keys = Keys::new();
    let args = ["pattern", "-r", "320x240", "-f", "30", "--key-file", &keys.file("ours")];
    let camcast = Camcast::start(&args);
    let mut client = Client::join(camcast.address, &keys.ours(), 1);
    let hello = client.hello();
    client.udp.send(&hello).unwrap();
    let until = deadline(PATIENCE);
    let (mut heard, mut bytes) = (0, [0; 2000]);
    loop {
        assert!(!is_over(until), "the session does not end");
        let (count, _) = receive_within(&client.udp, &mut bytes, PATIENCE).expect("camcast says something");
        client.udp.send(&bytes[..count]).unwrap();
        heard += 1;
        match Kind::from_byte(bytes[0]) {
            Ok(Kind::Beat) => {}
            Ok(Kind::ServerEnd) => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(heard < 20, "{heard} datagrams for one HELLO");
    camcast.program.wait_line(&format!("left: {} ", client.udp.local_addr().unwrap()));
}

/// camcast is started again with another key while somebody records.
#[test]
fn who_has_not_the_key_any_more_is_told_so_in_one_line() {
    let (keys, folder) = (Keys::new(), tempfile::tempdir().unwrap());
    let [ours, other] = ["ours", "other"].map(|name| keys.file(name));
    let start = |at: &str, key: &str| {
        Camcast::start_at(at, &["pattern", "-r", "320x240", "-f", "20", "--key-file", key])
    };
    let camcast = start(&format!("{}:0", own_loopback()), &ours);
    let address = camcast.address.to_string();
    let camrec = camrec_into(folder.path(), camcast.address, &["--key-file", &ours]);
    camrec.wait_line("writing ");
    camcast.program.stop(Signal::SIGTERM).expect(0);
    let camcast = start(&address, &other);
    camrec.wait_line("waiting for camcast: ");
    camcast.wait_line("not let in: ");
    camcast.program.stop(Signal::SIGTERM).expect(0);
    let _camcast = start(&address, &ours);
    camrec.wait_line("back after ");
    let log = camrec.stop(Signal::SIGINT).expect(0).log;
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("key")).collect();
    assert!(lines.len() == 1 && lines[0].contains("wrong key"), "{log}");
}

#[test]
fn a_key_file_that_others_can_read_is_not_used() {
    let keys = Keys::new();
    let file = keys.file("ours");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    for mut command in
        [camcast(&["pattern", "--key-file", &file]), camrec_command("127.0.0.1:1", &["--key-file", &file])]
    {
        let ended = Program::start("either", &mut command).wait_exit().expect(2);
        assert!(
            ended.log.contains(&format!("others can read or change it: chmod 600 {file}")),
            "{}",
            ended.log
        );
    }
    // what systemd hands over has the modes that systemd gives it
    let folder = keys.folder.path();
    for name in ["camcast.key", "camrec.key"] {
        fs::copy(&file, folder.join(name)).unwrap();
    }
    let mut command = camcast(&["pattern", "--mtu", "100"]);
    let ended = Program::start("camcast", command.env("CREDENTIALS_DIRECTORY", folder)).wait_exit().expect(2);
    assert!(ended.log.contains("--mtu: from 356"), "it is sealed: {}", ended.log);
    let camrec = || {
        let mut command = camrec_command("127.0.0.1:1", &["--plain", "0"]);
        Program::start("camrec", command.env("CREDENTIALS_DIRECTORY", folder)).wait_exit().expect(2).log
    };
    let sealed = camrec();
    assert!(sealed.contains("--plain: the original protocol knows no key"), "{sealed}");
    // a recorder's own goes first, also if it is none
    fs::write(folder.join("camrec-own.key"), "no key").unwrap();
    let own = camrec();
    assert!(own.contains("credential ") && own.contains("camrec-own.key: no key"), "{own}");
}
