//! Sockets that the service manager hands over: camcast streams from a network that has none of its own.

use crate::support::left_out;
use crate::support::procs::{Camcast, Program, camcast, camrec, camrec_into};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

/// What systemd does for a unit of `tcp` names, and so many UDP sockets at the first one's port: they are 3 and more, and the
/// environment tells of them. With `unshare` the program is in a network where there is not even loopback.
const MANAGER: &str = r#"
import os, socket, sys
ip, tcp, udp, program = sys.argv[1], sys.argv[2].split(","), int(sys.argv[3]), sys.argv[4:]
def bound(kind, port):
    it = socket.socket(socket.AF_INET, kind)
    it.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    it.bind((ip, port))
    return it
while True:
    sockets = [bound(socket.SOCK_STREAM, 0) for _ in tcp]
    port = sockets[0].getsockname()[1]
    try:
        sockets += [bound(socket.SOCK_DGRAM, port) for _ in range(udp)]
        break
    except OSError:
        pass
for listener in sockets[:len(tcp)]:
    listener.listen()
high = [os.dup2(it.fileno(), 100 + n, inheritable=True) for n, it in enumerate(sockets)]
for n, fd in enumerate(high):
    os.dup2(fd, 3 + n, inheritable=True)
    os.close(fd)
os.environ.update(LISTEN_FDS=str(len(sockets)), LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES=":".join(tcp + tcp[:1] * udp))
os.execvp(program[0], program)
"#;

fn start(tcp: &str, udp: usize, args: &[&str]) -> Program {
    start_at("127.0.0.1", tcp, udp, args)
}

fn start_at(ip: &str, tcp: &str, udp: usize, args: &[&str]) -> Program {
    let mut command = Command::new("python3");
    command.args(["-c", MANAGER, ip, tcp, &udp.to_string(), "unshare", "-rn", env!("CARGO_BIN_EXE_camcast")]);
    Program::start("camcast", command.args(args).stdin(Stdio::null()))
}

fn has_namespaces() -> bool {
    let can = Command::new("unshare").args(["-rn", "true"]).status().is_ok_and(|status| status.success());
    if !can {
        left_out("no network namespaces here (unshare -rn)");
    }
    can
}

const SMALL: [&str; 5] = ["pattern", "-r", "320x240", "-f", "30"];

#[test]
fn a_camcast_without_a_network_serves_as_many_as_there_are_sockets_again_and_again() {
    if !has_namespaces() {
        return;
    }
    let server = Camcast::from(start("camcast,http", 3, &SMALL));
    assert!(server.wait_line("listening on").contains("handed over with 2 sockets for clients"));
    let folder = tempfile::tempdir().unwrap();
    for round in 0..3 {
        let into = |name: &str| folder.path().join(format!("{name}{round}"));
        let stays = camrec_into(&into("stays"), server.address, &[]);
        stays.wait_line("joined");
        let leaves = camrec_into(&into("leaves"), server.address, &["--frames", "20"]).wait_exit().expect(0);
        assert_eq!((leaves.account("recorded"), leaves.account("missing")), (20, 0), "{}", leaves.log);
        let again = camrec_into(&into("again"), server.address, &[]);
        again.wait_line("joined");
        let full = camrec(server.address, &["-o", "-"]).wait_exit().expect(10);
        assert!(full.log.contains("2 places are taken"), "{}", full.log);
        for program in [stays, again] {
            let ended = program.stop(nix::sys::signal::Signal::SIGTERM).expect(0);
            assert_eq!(ended.account("missing"), 0, "{}", ended.log);
        }
    }

    let mut http = TcpStream::connect(server.listening("HTTP")).unwrap();
    http.write_all(b"GET /snapshot HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    http.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200") && answer.ends_with(&[0xff, 0xd9]));
}

#[test]
fn what_is_of_no_use_is_named() {
    if !has_namespaces() {
        return;
    }
    for (tcp, udp, more, code, words) in [
        ("camcast", 0, &[][..], 7, "the socket unit needs as many ListenDatagram="),
        ("camcast", 1, &[], 7, "a ListenDatagram= more for each client"),
        ("camcast", 3, &["--listen", ":9999"], 2, "--listen: the service manager has opened the sockets"),
        ("camcast", 3, &["--announce"], 2, "--announce needs a socket of camcast's own"),
    ] {
        let ended = start(tcp, udp, &[&SMALL, more].concat()).wait_exit().expect(code);
        assert!(ended.log.contains(words), "{}", ended.log);
    }
    // what is sealed does not leave by HTTP for whoever asks; here it would, by an address that others reach
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    let made = Program::start("camcast", &mut camcast(&["--new-key", key.to_str().unwrap()]));
    made.wait_exit().expect(0);
    let sealed = [&SMALL[..], &["--key-file", key.to_str().unwrap()]].concat();
    let ended = start_at("0.0.0.0", "camcast,http", 3, &sealed).wait_exit().expect(2);
    assert!(
        ended.log.contains("handed over: with a key, nobody is to see the stream unasked"),
        "{}",
        ended.log
    );
    // what is meant for another process is left alone
    let mut command = Command::new(env!("CARGO_BIN_EXE_camcast"));
    command
        .args(SMALL)
        .args(["--listen", "127.0.0.1:0"])
        .env("LISTEN_PID", "1")
        .env("LISTEN_FDS", "900000000");
    let server = Camcast::from(Program::start("camcast", command.stdin(Stdio::null())));
    assert_eq!(camrec(server.address, &["-o", "-", "--frames", "1"]).wait_exit().code, Some(0));
}
