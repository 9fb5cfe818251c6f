//! `--client-log`: a line for each join and leave, as the original server's log has it.

use crate::support::plain::PlainClient;
use crate::support::procs::{Camcast, camcast, camrec};
use nix::sys::signal::Signal;
use std::fs;

/// `2026-11-23 14:03:27`, and the rest of the line.
fn split_time(line: &str) -> (&str, &str) {
    let (time, rest) = line.split_once(", ").expect(line);
    let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00 00:00:00", "{line}");
    (time, rest)
}

#[test]
fn joins_and_leaves_are_appended_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("clients.log");
    fs::write(&log, "what was there before\n").unwrap();
    let args = ["pattern", "-r", "320x240", "-f", "20", "--client-log", log.to_str().unwrap()];
    let camcast = Camcast::start(&args);
    let plain = PlainClient::join(camcast.address);
    plain.take_frames(2);
    camrec(camcast.address, &["-o", "-", "--frames", "3"]).wait_exit().expect(0);
    let first = camcast.wait_line("joined: 127.0.0.1:");
    assert!(first.contains(&plain.address().to_string()), "the first to join");
    let native = camcast.wait_line("(native, newest, camrec/");
    let (_, native) = native.split_once("joined: ").unwrap();
    let (native, _) = native.split_once(' ').unwrap();
    camcast.wait_line(&format!("left: {native} "));
    camcast.program.stop(Signal::SIGTERM).expect(0);

    let text = fs::read_to_string(&log).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("what was there before"));
    let (times, events): (Vec<_>, Vec<_>) = lines.map(split_time).unzip();
    let plain = plain.address();
    let expected = [
        format!("{plain}, joined"),
        format!("{native}, joined"),
        format!("{native}, left"),
        format!("{plain}, left"),
    ];
    assert_eq!(events, expected);
    assert!(times.is_sorted(), "{times:?}");
    assert!(text.ends_with('\n'));
}

#[test]
fn a_join_that_never_came_is_not_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("clients.log");
    let args = ["pattern", "-r", "320x240", "-f", "5", "--client-log", log.to_str().unwrap()];
    let camcast = Camcast::start(&args);
    // no HELLO follows this one
    let reply = crate::support::native::ask(camcast.address, b"CAMCAST/1 join\n");
    assert!(reply.starts_with("CAMCAST/1 ok "), "{reply}");
    camcast.program.wait_line_within(crate::support::FIVE_SECONDS, 0, "never came: 127.0.0.1:");
    camcast.program.stop(Signal::SIGTERM).expect(0);
    assert_eq!(fs::read_to_string(&log).unwrap(), "");
}

#[test]
fn a_log_that_cannot_be_written_is_an_error_at_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("no/such/folder/clients.log");
    let output = camcast(&["pattern", "--listen", "127.0.0.1:0", "--client-log", path.to_str().unwrap()])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(11));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("cannot write the client log ") && said.contains("clients.log"), "{said}");
}
