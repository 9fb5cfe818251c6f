//! A process with few descriptors, and strangers who take what there are: who looks on goes on, and who comes gets in.

use crate::support::http::{Client, address};
use crate::support::procs::{Camcast, camrec_into};
use nix::sys::signal::Signal;
use std::fs;
use std::io::Write;
use std::net::SocketAddr;

/// More than any outlet has places, and than there are descriptors.
const STRANGERS: usize = 120;

/// Connections from elsewhere that say nothing; camcast may close them.
fn silent(at: SocketAddr) -> Vec<Client> {
    (0..STRANGERS).map(|_| Client::connect_from([127, 0, 0, 2], at)).collect()
}

#[test]
fn strangers_who_take_all_descriptors_keep_nobody_out() {
    let rtsp = ["--rtsp", "127.0.0.1:0"];
    let arguments = [&["pattern", "-r", "320x240", "-f", "30", "--http", "127.0.0.1:0"][..], &rtsp].concat();
    let camcast = Camcast::start(&arguments);
    let (http, rtsp) = (address(&camcast), camcast.listening("RTSP"));
    let folder = tempfile::tempdir().unwrap();
    let first = camrec_into(folder.path(), camcast.address, &[]);
    first.wait_line("writing ");
    let open = fs::read_dir(format!("/proc/{}/fd", camcast.pid())).unwrap().count();
    camcast.program.limit_descriptors(open + 24);
    let _strangers = [http, rtsp, camcast.address].map(silent);
    let from = [127, 0, 0, 3];
    let mut client = Client::connect_from(from, http);
    client.ask("GET", "/healthz", "");
    assert_eq!(client.response(false).status, 200);
    let mut client = Client::connect_from(from, rtsp);
    client.stream.write_all(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n").unwrap();
    while !client.rest().ends_with(b"\r\n\r\n") {
        assert!(client.read_more(), "no answer");
    }
    assert!(client.rest().starts_with(b"RTSP/1.0 200 OK\r\n"));
    let second = tempfile::tempdir().unwrap();
    camrec_into(second.path(), camcast.address, &["--frames", "10"]).wait_exit().expect(0);
    let ended = first.stop(Signal::SIGINT).expect(0);
    assert_eq!(ended.account("missing"), 0, "{}", ended.log);
}
