//! What goes wrong is said in one line with its cause, and the exit code tells it apart: the table in docs/troubleshooting.md.

use crate::support::native::{self, NativeClient};
use crate::support::procs::{Camcast, Ended, Program, camcast, camrec_command};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, getsockname, socket};
use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::process::Stdio;
use std::thread::{self, JoinHandle};

/// The one line in which a program says why it ends; log lines begin with the time.
#[track_caller]
fn reason(ended: &Ended, name: &str) -> String {
    let start = format!("{name}: ");
    let lines: Vec<&str> = ended.log.lines().filter_map(|line| line.strip_prefix(&start)).collect();
    let [reason] = lines[..] else { panic!("one line of {name}'s is wanted:\n{}", ended.log) };
    assert!(ended.log.trim_end().ends_with(reason), "the reason comes last:\n{}", ended.log);
    reason.to_owned()
}

/// camcast ends with this code and these words.
#[track_caller]
fn camcast_fails(args: &[&str], code: i32, words: &str) {
    let program = Program::start("camcast", camcast(args).stdin(Stdio::null()));
    let ended = program.wait_exit().expect(code);
    let reason = reason(&ended, "camcast");
    assert!(reason.contains(words), "{args:?}: {reason}");
    assert_eq!(ended.text(), "", "standard output is not for errors");
}

/// camrec ends with this code and these words.
#[track_caller]
fn camrec_fails(host: &str, args: &[&str], code: i32, words: &str) {
    let program = Program::start("camrec", &mut camrec_command(host, args));
    let ended = program.wait_exit().expect(code);
    let reason = reason(&ended, "camrec");
    assert!(reason.contains(words), "{host} {args:?}: {reason}");
    assert_eq!(ended.text(), "", "standard output is not for errors");
}

/// A port on which nobody listens, and which nobody else can get while this is held.
fn closed_port() -> (OwnedFd, SocketAddr) {
    let fd = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
    bind(fd.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 0)).unwrap();
    let bound: SockaddrIn = getsockname(fd.as_raw_fd()).unwrap();
    (fd, SocketAddr::V4(bound.into()))
}

/// The same port for UDP and for TCP.
fn both_ports() -> (UdpSocket, TcpListener) {
    let both = (0..20).find_map(|_| {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let tcp = TcpListener::bind(udp.local_addr().unwrap()).ok()?;
        Some((udp, tcp))
    });
    both.expect("one of twenty ports is free for both")
}

/// Accepts one connection, says `words`, and keeps it until the other side closes it.
fn server(words: &'static str) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        let (mut tcp, _) = listener.accept().unwrap();
        tcp.write_all(words.as_bytes()).unwrap();
        // the join line, then the end
        let _ = std::io::copy(&mut tcp, &mut std::io::sink());
    });
    (address, thread)
}

#[test]
fn a_source_that_is_not_there() {
    let missing = "no such device: /dev/video-that-is-not";
    camcast_fails(
        &["/dev/video-that-is-not", "--exit-on-device-error", "--listen", "127.0.0.1:0"],
        3,
        missing,
    );
    camcast_fails(&["/nowhere/clip.mjpeg"], 3, "no such file or folder: /nowhere/clip.mjpeg");
    camcast_fails(&["/dev/null", "--listen", "127.0.0.1:0"], 3, "/dev/null");
}

#[test]
fn a_source_without_jpegs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    camcast_fails(&[path], 6, path);
    let file = folder.path().join("text.jpg");
    fs::write(&file, "no picture ".repeat(1000)).unwrap();
    camcast_fails(&[file.to_str().unwrap()], 6, "text.jpg");
    camcast_fails(&[path], 6, path);
}

#[test]
fn standard_input_that_is_no_mjpeg() {
    let mut program =
        Program::start("camcast", camcast(&["-", "--listen", "127.0.0.1:0"]).stdin(Stdio::piped()));
    let mut stdin = program.take_stdin();
    // it ends in the middle of this: nobody reads the rest
    let zeros = vec![0; 1 << 20];
    while stdin.write_all(&zeros).is_ok() {}
    let ended = program.wait_exit().expect(6);
    assert!(reason(&ended, "camcast").contains("no JPEG in the first 16 MiB of standard input"));
}

#[test]
fn an_address_that_cannot_be_listened_on() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    camcast_fails(&["pattern", "--listen", &address], 7, &format!("{address} is in use"));
    // TEST-NET-2 (RFC 5737) is nobody's
    camcast_fails(
        &["pattern", "--listen", "198.51.100.1:0"],
        7,
        "198.51.100.1:0 is no address of this machine",
    );
    let running = Camcast::pattern(1);
    let address = running.address.to_string();
    camcast_fails(&["pattern", "--listen", &address], 7, &format!("{address} is in use"));
}

#[test]
fn a_udp_port_of_somebody_else() {
    let (taken, tcp) = both_ports();
    drop(tcp);
    let address = taken.local_addr().unwrap().to_string();
    camcast_fails(&["pattern", "--listen", &address], 7, &format!("{address} is in use"));
    let camcast = Camcast::pattern(5);
    let port = taken.local_addr().unwrap().port().to_string();
    let host = camcast.address.to_string();
    camrec_fails(&host, &["-o", "-", "--plain", &port], 7, &format!("cannot have UDP port {port}"));
}

#[test]
fn options_of_camcast_that_cannot_be() {
    let wrong: [(&[&str], &str); 15] = [
        (&["pattern", "-r", "big"], "--resolution big"),
        (&["pattern", "-r", "0x0"], "--resolution 0x0"),
        (&["pattern", "--resolution", "100000x1"], "--resolution 100000x1"),
        (&["pattern", "-r", "32x24", "--listen", "127.0.0.1:0"], "32x24"),
        (&["pattern", "-f", "0"], "--desired-fps 0"),
        (&["pattern", "--desired-fps", "quick"], "--desired-fps quick"),
        (&["pattern", "--listen", "nowhere"], "--listen nowhere"),
        (&["pattern", "--reel", "1K"], "--reel: from 1M"),
        (&["pattern", "--reel", "much"], "--reel much"),
        (&["pattern", "--max-clients", "0"], "--max-clients: from 1"),
        (&["pattern", "--max-clients", "many"], "max-clients"),
        (&["pattern", "--mtu", "100"], "--mtu: from "),
        (&["pattern", "--no-such-option"], "--no-such-option"),
        (&["pattern", "another"], "another"),
        (&["pattern", "--client-log"], "--client-log"),
    ];
    for (args, words) in wrong {
        camcast_fails(args, 2, words);
    }
    let five = ["--listen", "127.0.0.1:0"].repeat(5);
    camcast_fails(&[&["pattern"], &five[..]].concat(), 2, "--listen can be given 4 times");
}

#[test]
fn options_of_camrec_that_cannot_be() {
    let wrong: [(&[&str], &str); 23] = [
        (&["--every", "--newest"], "--every and --newest contradict"),
        (&["--plain", "5005", "--every"], "--plain cannot give every frame"),
        (&["--plain", "70000"], "plain"),
        (&["--format", "mp4"], "--format mp4"),
        (&["--format", "mjpeg"], "-o -"),
        (&["-o", "-", "--segment", "1m"], "--segment is for files"),
        (&["-o", "-", "--name", "x"], "--name is for files"),
        (&["--name", "../b"], "--name ../b"),
        (&["-o", "-", "--utc"], "--utc is for files"),
        (&["--name", "%J"], "--name %J"),
        (&["--segment", "10ms"], "--segment: at least 1s"),
        (&["--segment", "long"], "--segment long"),
        (&["--duration", "0"], "--duration: at least 1s"),
        (&["--duration", "-5s"], "--duration"),
        (&["--frames", "0"], "--frames: at least 1"),
        (&["--frames", "some"], "frames"),
        (&["--no-such-option"], "--no-such-option"),
        (&["--keepfor=7d"], "--keepfor: did you mean --keep-for?"),
        (&["--every=yes"], "--every takes no value"),
        (&["-o", "out.mp4"], "camrec writes no .mp4"),
        (&["--name=foo.mp4"], "camrec writes no .mp4"),
        (
            &["-o", "out.mkv", "--segment=1m"],
            "--segment is for a folder of files, but -o out.mkv is one file",
        ),
        (&["-o", "~bob/rec"], "~bob/rec: write the whole path"),
    ];
    for (args, words) in wrong {
        camrec_fails("127.0.0.1", args, 2, words);
    }
    for host in ["", ":7", "http://pi/stream", "pi:port", "[::1"] {
        camrec_fails(host, &[], 2, "expected HOST or HOST:PORT");
    }
}

#[test]
fn nobody_listens() {
    let (_held, address) = closed_port();
    camrec_fails(&address.to_string(), &["-o", "-"], 8, &format!("nobody listens on {address}"));
    camrec_fails(&address.to_string(), &["-o", "-", "--plain", "0"], 8, "nobody listens on ");
}

#[test]
fn an_address_of_one_link_needs_the_link() {
    camrec_fails("fe80::1", &["-o", "-"], 8, "name it, as in fe80::1%wlan0");
    camcast_fails(&["pattern", "--listen", "[fe80::1]:0"], 7, "name it, as in --listen [fe80::1%eth0]");
}

#[test]
fn an_unknown_time_zone_is_said() {
    let (_held, address) = closed_port();
    let folder = tempfile::tempdir().unwrap();
    let mut command = camrec_command(&address.to_string(), &["-o", folder.path().to_str().unwrap()]);
    let log = Program::start("camrec", command.env("TZ", "Mars/Phobos")).wait_exit().expect(8).log;
    assert_eq!(
        log.matches("TZ=Mars/Phobos is no time zone that is known here, so times are in UTC").count(),
        1,
        "{log}"
    );
}

#[test]
fn a_host_that_has_no_address() {
    // RFC 6761: never a name; a label of 64 letters is refused by any resolver without asking the network
    let name = format!("{}.invalid", "x".repeat(64));
    camrec_fails(&name, &["-o", "-"], 8, "no such host: ");
}

#[test]
fn something_else_answers() {
    let (ssh, thread) = server("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n");
    camrec_fails(&ssh.to_string(), &["-o", "-"], 9, "answers, but not as camcast does");
    thread.join().unwrap();
    let (later, thread) = server("CAMCAST/2 ok\n");
    camrec_fails(&later.to_string(), &["-o", "-"], 9, "CAMCAST/2");
    thread.join().unwrap();
    let (endless, thread) = server("HTTP/1.1 200 OK");
    camrec_fails(&endless.to_string(), &["-o", "-"], 9, "does not answer the join");
    thread.join().unwrap();
}

#[test]
fn a_server_that_is_mute_or_hangs_up() {
    let (mute, thread) = server("");
    camrec_fails(&mute.to_string(), &["-o", "-"], 9, "try --plain");
    thread.join().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || drop(listener.accept().unwrap()));
    camrec_fails(&address.to_string(), &["-o", "-"], 9, &address.to_string());
    thread.join().unwrap();
}

#[test]
fn a_join_whose_datagrams_do_not_come_through() {
    // a firewall that lets TCP in and no UDP: the server's UDP port is held, and silent
    let (_silent, listener) = both_ports();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        let (mut tcp, _) = listener.accept().unwrap();
        let reply =
            "CAMCAST/1 ok token=0123456789abcdef stream=00c0ffee00c0ffee next=1 datagram=1452 span_ms=0\n";
        tcp.write_all(reply.as_bytes()).unwrap();
    });
    let words = format!("open UDP port {}", address.port());
    camrec_fails(&address.to_string(), &["-o", "-"], 8, &words);
    thread.join().unwrap();
}

#[test]
fn a_server_that_is_full() {
    let camcast = Camcast::start(&["pattern", "-r", "320x240", "-f", "10", "--max-clients", "1"]);
    let mut first = NativeClient::join(camcast.address, "newest");
    first.say_hello();
    first.take_frames(1);
    let host = camcast.address.to_string();
    camrec_fails(&host, &["-o", "-"], 10, "all 1 places are taken; camcast --max-clients gives more");
    let answer = native::ask(camcast.address, b"50000");
    assert!(answer.starts_with("CAMCAST/1 refused code=full why="), "{answer}");
    assert!(camcast.wait_line("not let in: ").contains("all 1 places are taken"));
    // the one that is in is not disturbed, and its place is free when it has gone
    first.take_frames(3);
    let end = first.end();
    first.send(&end);
    assert_eq!(first.wait_end(), native::GOODBYE);
    camcast.wait_line("it said end");
    NativeClient::join(camcast.address, "newest").say_hello();
}

#[test]
fn a_folder_that_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "in the way").unwrap();
    // root may write anywhere, but not below a file, nor into /proc
    let below = file.join("below");
    let cases = [(file.as_path(), "a file is in the way"), (&below, "a file is in the way")];
    let camcast = Camcast::pattern(5);
    for (path, words) in
        cases.into_iter().chain([(Path::new("/proc/recordings"), "cannot write to /proc/recordings")])
    {
        camrec_fails(&camcast.address.to_string(), &["-o", path.to_str().unwrap()], 11, words);
    }
    assert!(!camcast.program.log().contains("joined: "), "found out before the join");
    assert_eq!(fs::read_to_string(&file).unwrap(), "in the way");
}

#[test]
fn a_disk_that_is_full() {
    // /dev/full takes nothing: "no space left on device"
    let camcast = Camcast::pattern(10);
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = camrec_command(&camcast.address.to_string(), &["-o", "-"]);
    let ended = Program::start_to("camrec", &mut command, full).wait_exit().expect(11);
    let reason = reason(&ended, "camrec");
    assert!(reason.contains("no space left for standard output"), "{reason}");
}

/// Help goes to standard output and is as the golden file has it; `UPDATE_GOLDEN=1` writes it again.
#[test]
fn help_is_as_agreed() {
    let (camcast, camrec) = (env!("CARGO_BIN_EXE_camcast"), env!("CARGO_BIN_EXE_camrec"));
    for (program, command) in
        [(camcast, ""), (camrec, ""), (camrec, "check"), (camrec, "export"), (camrec, "sheet")]
    {
        let dashed = if command.is_empty() { String::new() } else { format!("-{command}") };
        let name = format!("{}{dashed}", if program == camcast { "camcast" } else { "camrec" });
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}-help.txt"));
        let run = |arg| {
            let command = Some(command).filter(|command| !command.is_empty());
            std::process::Command::new(program).args(command).arg(arg).output().unwrap()
        };
        let output = run("--help");
        assert_eq!((output.status.code(), &output.stderr[..]), (Some(0), &b""[..]), "{name}");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::create_dir_all(golden.parent().unwrap()).unwrap();
            fs::write(&golden, &output.stdout).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap();
        assert_eq!(
            String::from_utf8(output.stdout).unwrap(),
            expected,
            "UPDATE_GOLDEN=1 writes {}",
            golden.display()
        );
        let short = run("-h");
        assert_eq!(String::from_utf8(short.stdout).unwrap(), expected);
    }
}

#[test]
fn versions_are_the_packages() {
    for (name, program) in
        [("camcast", env!("CARGO_BIN_EXE_camcast")), ("camrec", env!("CARGO_BIN_EXE_camrec"))]
    {
        let output = std::process::Command::new(program).arg("--version").output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        let expected = format!("{name} {}\n", env!("CARGO_PKG_VERSION"));
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    }
}

#[test]
fn lines_for_the_journal_have_a_priority() {
    let mut command = camcast(&["/nowhere/clip.mjpeg"]);
    let output = command.env("JOURNAL_STREAM", "8:1").output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("<3>no such file or folder: /nowhere/clip.mjpeg"), "{said}");
    let mut command = camcast(&["pattern", "-r", "320x240", "--listen", "198.51.100.1:0"]);
    let output = command.env("JOURNAL_STREAM", "8:1").env_remove("RUST_LOG").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    assert!(
        lines[0].starts_with("<6>source: test picture")
            && lines.last().unwrap().starts_with("<3>198.51.100.1:0"),
        "{said}"
    );
}
