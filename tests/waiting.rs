//! A camera that is not there: camcast waits for it, and whoever joins meanwhile is told, and stays.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use nix::sys::signal::Signal;
use support::procs::{Camcast, camrec_into, own_loopback};

#[test]
fn clients_may_come_before_the_camera_does() {
    let folder = tempfile::tempdir().unwrap();
    let camcast = Camcast::start_at(&format!("{}:0", own_loopback()), &["/dev/video-that-is-not"]);
    camcast.wait_line("waiting for the camera: no such device: /dev/video-that-is-not");
    let camrec = camrec_into(folder.path(), camcast.address, &[]);
    camcast.wait_line("clients now: 1");
    camrec.wait_line("no frames: the camera is away");
    // nothing was recorded, and nothing is missing
    let ended = camrec.stop(Signal::SIGINT).expect(0);
    assert_eq!(ended.account("recorded"), 0);
    let log = camcast.program.stop(Signal::SIGTERM).expect(0).log;
    assert_eq!(log.matches("waiting for the camera").count(), 1, "{log}");
}
