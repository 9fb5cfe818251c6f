//! Limits that are options: each holds where it was put, and says itself what it kept back.

use crate::support::native;
use crate::support::plain::PlainClient;
use crate::support::procs::Camcast;
use nix::sys::signal::Signal;
use std::fs;

#[test]
fn joins_of_one_address_that_take_no_frame_are_as_many_as_was_said() {
    for most in [1, 3] {
        let number = most.to_string();
        let camcast = Camcast::start(&["pattern", "-r", "320x240", "-f", "20", "--max-joins", &number]);
        let answers: Vec<_> = (0..=most).map(|_| native::ask(camcast.address, b"CAMCAST/1 join\n")).collect();
        let (last, let_in) = answers.split_last().unwrap();
        assert!(let_in.iter().all(|answer| answer.starts_with("CAMCAST/1 ok ")), "{answers:?}");
        assert!(last.contains("code=full why=your address has joined too often"), "{last}");
    }
}

#[test]
fn the_log_has_as_many_lines_of_a_kind_as_was_said() {
    let camcast = Camcast::start(&["pattern", "-r", "320x240", "-f", "20", "--log-lines", "4"]);
    for _ in 0..3 {
        PlainClient::join(camcast.address).take_frames(1);
    }
    let ended = camcast.program.stop(Signal::SIGTERM).expect(0);
    // a quarter of four is one address's
    assert_eq!(ended.log.matches(" joined: ").count(), 1, "{}", ended.log);
}

#[test]
fn a_client_log_that_has_its_size_goes_aside() {
    let folder = tempfile::tempdir().unwrap();
    let (log, aside) = (folder.path().join("clients.log"), folder.path().join("clients.log.1"));
    let before = "x".repeat(4090) + "\n";
    fs::write(&log, &before).unwrap();
    let args = [
        "pattern",
        "-r",
        "320x240",
        "-f",
        "20",
        "--client-log",
        log.to_str().unwrap(),
        "--client-log-size",
        "4K",
    ];
    let camcast = Camcast::start(&args);
    let client = PlainClient::join(camcast.address);
    client.take_frames(1);
    camcast.program.stop(Signal::SIGTERM).expect(0);
    assert_eq!(fs::read_to_string(aside).unwrap(), before);
    assert!(fs::read_to_string(log).unwrap().ends_with(&format!("{}, left\n", client.address())));
}
