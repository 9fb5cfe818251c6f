//! Five clients at once: three of our own, two of the original protocol. What one does is nothing to the others.

use crate::support::FIVE_SECONDS;
use crate::support::film::RecordingReader;
use crate::support::pictures::decoded_size;
use crate::support::plain::PlainClient;
use crate::support::procs::{Camcast, camrec, camrec_into};

#[test]
fn clients_come_and_go_without_disturbing_each_other() {
    let _turn = crate::support::heavy_turn();
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let camcast = Camcast::start(&["pattern", "-r", "640x480", "-f", "20"]);
    let recorders =
        folders.each_ref().map(|folder| camrec_into(folder.path(), camcast.address, &["--frames", "80"]));
    let viewer = camrec(camcast.address, &["-o", "-", "--format", "mjpeg", "--every", "--frames", "80"]);
    let (one, other) = (PlainClient::join(camcast.address), PlainClient::join(camcast.address));
    camcast.wait_line("clients now: 5");
    one.take_frames(5);
    let other = other.go_on();
    other.wait_more(5);

    // one dies: its socket is gone, as after SIGKILL
    let dead = one.address();
    drop(one);
    let left = camcast.program.wait_line_within(FIVE_SECONDS, 0, &format!("left: {dead} "));
    assert!(left.contains("(plain): "), "{left}");
    other.wait_more(5);
    // and one leaves in good order
    let other = other.halt();
    other.say("end");
    let left = camcast.wait_line(&format!("left: {} ", other.address()));
    assert!(left.contains("it said end"), "{left}");

    // then both come back
    let again = [PlainClient::join(camcast.address), PlainClient::join(camcast.address)];
    for client in &again {
        client.take_frames(5).iter().for_each(|frame| assert_eq!(decoded_size(frame), (640, 480)));
    }

    for (folder, recorder) in folders.iter().zip(recorders) {
        let ended = recorder.wait_exit().expect(0);
        assert_eq!((ended.account("recorded"), ended.account("missing")), (80, 0));
        let shots: usize =
            RecordingReader::read_folder(folder.path()).iter().map(|film| film.shots.len()).sum();
        assert_eq!(shots, 80);
    }
    let ended = viewer.wait_exit().expect(0);
    assert_eq!((ended.account("recorded"), ended.account("missing")), (80, 0));
}

#[test]
fn a_stopped_client_holds_nobody_up() {
    let _turn = crate::support::heavy_turn();
    let camcast = Camcast::pattern(30);
    let frozen = camrec(camcast.address, &["-o", "-"]);
    frozen.wait_line("joined ");
    // it neither reads nor answers from here on, and its pipe is full too
    frozen.signal(nix::sys::signal::Signal::SIGSTOP);
    let plain = PlainClient::join(camcast.address);
    let ended = camrec(camcast.address, &["-o", "-", "--every", "--frames", "40"]).wait_exit().expect(0);
    assert_eq!(ended.account("missing"), 0);
    plain.take_frames(10);
    let left = camcast.program.wait_line_within(FIVE_SECONDS, 0, "(native, newest): no answer for ");
    assert!(left.contains("left: "), "{left}");
    // it wakes, finds itself dropped, and comes back by itself
    let lines = frozen.lines();
    frozen.signal(nix::sys::signal::Signal::SIGCONT);
    frozen.wait_line_after(lines, "lost ");
    frozen.wait_line_after(lines, "back after ");
}
