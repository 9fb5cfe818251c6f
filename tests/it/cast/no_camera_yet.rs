//! A camera that is not there: camcast waits for it, and whoever joins meanwhile is told, and stays. A camcast that is not there:
//! camrec waits for it, if it is asked to.

use crate::support::pictures::noise;
use crate::support::procs::{Camcast, Program, camrec_command, camrec_into, nowhere, own_loopback};
use nix::sys::signal::Signal;
use std::io::Write;

#[test]
fn clients_may_come_before_the_camera_does() {
    let folder = tempfile::tempdir().unwrap();
    let camcast = Camcast::start_at(&format!("{}:0", own_loopback()), &["/dev/video-that-is-not"]);
    camcast.wait_line("waiting for the camera: no such device: /dev/video-that-is-not");
    let camrec = camrec_into(folder.path(), camcast.address, &[]);
    camcast.wait_line("clients now: 1");
    camrec.wait_line("no frames: the camera is away");
    // nothing was recorded, and nothing is missing
    let ended = camrec.stop(Signal::SIGINT).expect(14);
    assert!(ended.log.contains("no frame came: nothing is recorded"), "{}", ended.log);
    assert_eq!(ended.account("recorded"), 0);
    let log = camcast.program.stop(Signal::SIGTERM).expect(0).log;
    assert_eq!(log.matches("waiting for the camera").count(), 1, "{log}");
}

#[test]
fn a_duration_ends_also_if_no_frame_comes() {
    let folder = tempfile::tempdir().unwrap();
    let camcast = Camcast::start(&["/dev/video-that-is-not"]);
    for args in [&["--duration", "1s"][..], &["--duration", "1s", "--json"]] {
        let ended = camrec_into(folder.path(), camcast.address, args).wait_exit().expect(14);
        assert!(ended.log.contains("waiting for the first one"), "{}", ended.log);
    }
}

/// It can be joined, its source is there, and nothing comes of it.
#[test]
fn a_first_frame_that_takes_its_time_is_said_to_be_waited_for() {
    let (camcast, mut stdin) = Camcast::piped(&[]);
    let folder = tempfile::tempdir().unwrap();
    let camrec = camrec_into(folder.path(), camcast.address, &["--frames", "1"]);
    camrec.wait_line("waiting for the first one");
    stdin.write_all(&noise(64, 48, 20, 1)).unwrap();
    camrec.wait_exit().expect(0);
}

/// What a script does that starts both.
#[test]
fn camrec_waits_for_camcast() {
    let folder = tempfile::tempdir().unwrap();
    let address = nowhere();
    let to = folder.path().to_str().unwrap();
    let camrec =
        Program::start("camrec", &mut camrec_command(&address, &["--wait", "-o", to, "--frames", "3"]));
    camrec.wait_line(&format!("waiting for camcast: nobody listens on {address}"));
    let _camcast = Camcast::start_at(&address, &["pattern", "-r", "320x240"]);
    let ended = camrec.wait_exit().expect(0);
    assert_eq!(ended.account("recorded"), 3);
    assert_eq!(ended.log.matches("waiting for camcast").count(), 1, "{}", ended.log);
}

#[test]
fn who_is_stopped_while_waiting_has_not_succeeded() {
    let folder = tempfile::tempdir().unwrap();
    let address = nowhere();
    let to = folder.path().to_str().unwrap();
    let camrec = Program::start("camrec", &mut camrec_command(&address, &["--wait", "-o", to]));
    camrec.wait_line("waiting for camcast: ");
    let ended = camrec.stop(Signal::SIGTERM).expect(8);
    assert!(
        ended.log.ends_with(&format!(
            "camrec: nobody listens on {address}: is camcast running there, and is this its port?\n"
        )),
        "{}",
        ended.log
    );
}
