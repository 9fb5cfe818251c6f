//! `--doctor` of both programs: what it finds, what it hides, and what it leaves behind.

use crate::support::netem::Spec;
use crate::support::procs::{Camcast, Ended, Program, camcast, camrec, nowhere, own_loopback};
use crate::support::proxy::Proxy;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

/// The rows about this, with what stands under them.
fn rows(said: &str, about: &str) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for line in said.lines().skip(1) {
        match rows.last_mut() {
            Some(row) if line.starts_with(' ') => *row += &format!(" {}", line.trim()),
            _ => rows.push(line.split_whitespace().collect::<Vec<_>>().join(" ")),
        }
    }
    rows.retain(|row| row.split(' ').nth(1) == Some(about));
    rows
}

/// The only one about this.
#[track_caller]
fn row(said: &str, about: &str) -> String {
    let rows = rows(said, about);
    let [row] = &rows[..] else { panic!("one row about {about} is wanted:\n{said}") };
    row.clone()
}

fn examine(host: SocketAddr, args: &[&str]) -> Ended {
    camrec(host, &[&["--doctor"], args].concat()).wait_exit()
}

fn examine_here(args: &[&str]) -> Ended {
    Program::start("camcast", camcast(args).arg("--doctor").stdin(Stdio::null())).wait_exit()
}

#[test]
fn a_stream_is_watched_and_nothing_is_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let deeper = folder.path().join("not/made");
    let server = Camcast::pattern(30);
    let said = examine(server.address, &["-o", deeper.to_str().unwrap(), "--keep", "10G"]).expect(0).text();
    assert!(
        said.starts_with("camrec ")
            && said.trim_end().lines().last().unwrap().starts_with("nothing is in the way")
    );
    assert!(row(&said, "stream").starts_with("ok stream 320x240, "), "{said}");
    assert!(row(&said, "frames").contains("none damaged, none missing"), "{said}");
    assert!(row(&said, "loss").ends_with("frames missing: 0"), "{said}");
    assert!(row(&said, "disk").contains(" of this stream"), "{said}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    // it was a client as any other, and said that it leaves
    server.wait_line("it said end");
}

#[test]
fn what_is_in_the_way_is_named() {
    let said = examine(nowhere().parse().unwrap(), &[]).expect(1).text();
    assert!(row(&said, "way").starts_with("FAIL way nobody listens on "), "{said}");
    assert!(said.trim_end().lines().last().unwrap().starts_with("in the way: 1"), "{said}");

    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let ended = examine(nowhere().parse().unwrap(), &["--must-exist", "-o", missing.to_str().unwrap()]);
    let said = ended.expect(1).text();
    assert!(row(&said, "disk").starts_with("FAIL disk "), "{said}");

    let said = examine_here(&["/dev/video4711", "--listen", &own_loopback()]).expect(1).text();
    assert!(row(&said, "source").starts_with("FAIL source no such device: /dev/video4711"), "{said}");
}

#[test]
fn a_camcast_without_its_camera_says_so() {
    let server = Camcast::start_at(&own_loopback(), &["/dev/video4711"]);
    let said = examine(server.address, &[]).expect(1).text();
    let frames = row(&said, "frames");
    assert!(frames.starts_with("FAIL frames camcast is there, but its camera gives nothing -> "), "{said}");
    assert!(rows(&said, "loss").is_empty(), "{said}");
}

#[test]
fn a_firewall_that_lets_tcp_through_alone_is_told_from_a_camera() {
    for is_refused in [true, false] {
        let door = TcpListener::bind((own_loopback(), 0)).unwrap();
        let at = door.local_addr().unwrap();
        let _deaf = UdpSocket::bind(at).ok().filter(|_| !is_refused);
        let server = thread::spawn(move || {
            let (mut joined, _) = door.accept().unwrap();
            let ok = "CAMCAST/1 ok token=0000000000000001 stream=0000000000000002 next=1 datagram=1452 fps=30 span_ms=0\n";
            joined.write_all(ok.as_bytes()).unwrap();
            joined
        });
        let said = examine(at, &[]).expect(1).text();
        server.join().unwrap();
        let remedy = format!("-> open UDP port {} in the firewalls between here and there", at.port());
        assert!(row(&said, "frames").ends_with(&remedy), "{said}");
    }
}

#[test]
fn what_contradicts_itself_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file.log");
    std::fs::write(&file, "x").unwrap();
    let said = examine(nowhere().parse().unwrap(), &["-o", file.to_str().unwrap()]).expect(1).text();
    assert!(row(&said, "disk").starts_with("FAIL disk "), "{said}");

    let at = own_loopback() + ":4711";
    let said = examine_here(&["pattern", "--listen", &at, "--http", &at]).expect(0).text();
    let ports = rows(&said, "port");
    assert!(ports[0].starts_with("ok port ") && ports[1].starts_with("warn port "), "{said}");

    let said = examine_here(&["-", "--listen", &own_loopback()]).expect(1).text();
    assert!(rows(&said, "frames")[0].starts_with("FAIL frames no frame in "), "{said}");
}

#[test]
fn the_test_picture_is_tried_and_the_ports_are_looked_at() {
    let at = own_loopback();
    let said = examine_here(&["pattern", "-r", "640x480", "-f", "20", "--listen", &at]).expect(0).text();
    let frames = row(&said, "frames");
    assert!(frames.contains(" fps, mean ") && frames.contains("none damaged"), "{said}");
    let port = row(&said, "port");
    assert!(port.starts_with("ok port ") && port.ends_with("is free, TCP and UDP (--listen)"), "{said}");

    let server = Camcast::start_at(&at, &["pattern"]);
    let taken = server.address.to_string();
    let said = examine_here(&["pattern", "--listen", &taken]).expect(0).text();
    assert!(row(&said, "port").starts_with(&format!("warn port {taken} is in use")), "{said}");
}

#[test]
fn addresses_are_hidden_if_that_is_asked_for() {
    let server = Camcast::start_at("127.0.0.2:0", &["pattern", "-r", "320x240"]);
    let host = server.address.to_string();
    assert!(examine(server.address, &[]).expect(0).text().contains(&host));
    let said = examine(server.address, &["--mask"]).expect(0).text();
    assert!(!said.contains("127.0.0.2"), "{said}");
    assert!(rows(&said, "way").iter().any(|row| row.starts_with("ok way HOST:")), "{said}");
}

#[test]
fn a_slow_camera_is_given_time_for_two_frames() {
    let server = Camcast::start_at(&own_loopback(), &["pattern", "-r", "320x240", "-f", "0.5"]);
    let said = examine(server.address, &[]).expect(0).text();
    assert!(row(&said, "frames").contains(" fps, mean "), "{said}");
}

#[test]
fn what_a_network_loses_is_told() {
    let _turn = crate::support::heavy_turn();
    let server = Camcast::pattern(30);
    let air = |loss| Spec { loss, delay: Duration::from_millis(5), ..Spec::default() };
    let proxy = Proxy::start(server.address, &air(0.0), &air(0.2), 7);
    let said = examine(proxy.address, &[]).text();
    let loss = row(&said, "loss");
    assert!(loss.starts_with("warn loss ") || loss.starts_with("FAIL loss "), "{said}");
    assert!(loss.contains("-> a cable instead of Wi-Fi"), "{said}");
}

#[test]
fn it_is_done_alone() {
    let refused = |args: &[&str], words: &str| {
        let ended = examine_here(args).expect(2);
        assert!(ended.log.contains(words), "{}", ended.log);
    };
    refused(&["pattern", "--check-config"], "--doctor and --check-config: ");
    let refused = |args: &[&str], words: &str| {
        let ended = camrec(nowhere().parse().unwrap(), args).wait_exit().expect(2);
        assert!(ended.log.contains(words), "{}", ended.log);
    };
    refused(&["--doctor", "--plain", "5005"], "--doctor and --plain: ");
    refused(&["--doctor", "--json"], "--doctor and --json: ");
    refused(&["--doctor", "--check-config"], "--doctor and --check-config: ");
    refused(&["--mask"], "--mask is for --doctor");
}
