//! SIGHUP has camcast read its file of options anew: what can change does, and nobody who is here leaves.

use crate::support::http;
use crate::support::native;
use crate::support::plain::PlainClient;
use crate::support::procs::{Camcast, Program, camrec_into};
use nix::sys::signal::Signal;
use std::fs;
use std::process::Command;

#[test]
fn what_a_file_says_anew_holds_and_nobody_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let conf = folder.path().join("door.conf");
    let passwords = folder.path().join("passwords");
    const BASE: &str = "source pattern\nresolution 320x240\nlisten 127.0.0.1:0\nhttp 127.0.0.1:0\n";
    let say = |more: &str| fs::write(&conf, format!("{BASE}{more}")).unwrap();
    say("allow 127.0.0.0/8\n");
    // of its own session: a terminal's end would be the wish to stop
    let mut command = Command::new("setsid");
    command.args([env!("CARGO_BIN_EXE_camcast"), "-f", "30", "--config"]).arg(&conf);
    let camcast = Camcast::from(Program::start("camcast", command.env_remove("RUST_LOG")));
    let web = camcast.listening("HTTP");
    let hear = |line: &str| {
        let before = camcast.program.lines();
        camcast.program.signal(Signal::SIGHUP);
        camcast.program.wait_line_after(before, line);
    };
    let recorder = camrec_into(&folder.path().join("rec"), camcast.address, &[]);
    let plain = PlainClient::join(camcast.address);
    plain.take_frames(2);
    recorder.wait_line("recording");
    hear("SIGHUP: the options are as they were");

    say("allow 10.0.0.0/8\nno-plain\nlog-lines 5\nreel 16M\ndesired-fps 5\n");
    hear("SIGHUP: new from now on: allow, log-lines, no-plain; after a restart: reel");
    let refused = native::ask(camcast.address, b"CAMCAST/1 join\n");
    assert!(refused.contains("is in no network that camcast --allow names"), "{refused}");
    plain.take_frames(2);

    say("allow 127.0.0.0/8\nhtp :80\n");
    hear("door.conf:6: there is no option htp: did you mean http?");
    say("allow 300.0.0.0/8\n");
    hear("door.conf:5: allow 300.0.0.0/8");
    let refused = native::ask(camcast.address, b"CAMCAST/1 join\n");
    assert!(refused.contains("is in no network that camcast --allow names"), "{refused}");

    fs::write(&passwords, "anna:secret\n").unwrap();
    say(&format!("no-plain\nreel 16M\npassword-file {}\n", passwords.display()));
    hear("SIGHUP: new from now on: allow, log-lines, the passwords; after a restart: reel");
    assert_eq!(http::get(web, "/state").status, 401);
    let refused = native::ask(camcast.address, b"50051");
    assert!(refused.contains("why=the original protocol is off"), "{refused}");
    fs::write(&passwords, "anna:another\n").unwrap();
    hear("SIGHUP: new from now on: the passwords; after a restart: reel");
    // back to what it was at the start; but what asks for a password now is not to be everybody's
    say("");
    hear("SIGHUP: new from now on: no-plain; after a restart: password-file");
    assert_eq!(http::get(web, "/state").status, 401);
    PlainClient::join(camcast.address).take_frames(1);

    let ended = recorder.stop(Signal::SIGINT).expect(0);
    assert_eq!(ended.account("missing"), 0);
    camcast.wait_line(" left: ");
    plain.take_frames(2);
    assert_eq!(camcast.program.log().matches(" left: ").count(), 1, "the recorder alone has left");
}
