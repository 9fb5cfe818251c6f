//! Cameras found without an address: camcast that announces itself, and Avahi that does it for one, each by the other's eyes too.

use crate::support::film::RecordingReader;
use crate::support::inside::{ALONE, Network};
use crate::support::procs::{Camcast, Ended, Program};
use crate::support::{PATIENCE, deadline, is_over, left_out, pause, receive_within};
use camcast::mdns::finder::Finder;
use camcast::mdns::{GROUP_V4, PORT};
use nix::sys::signal::Signal;
use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// This machine, and two others, `cam1` and `cam2`, at one switch. Avahi's user is root here, the only one there is.
const SWITCH: Network<'_> = Network {
    unshare: "-rnm",
    setup: "mount -t tmpfs tmpfs /run && ip link set lo up || exit 1
        for file in passwd group; do
            sed 's/^avahi:x:[0-9]*:[0-9]*/avahi:x:0:0/; s/^avahi:x:[0-9]*:$/avahi:x:0:/' /etc/$file > /run/$file &&
                mount --bind /run/$file /etc/$file || exit 1
        done
        ip link add switch type bridge && ip address add 10.78.0.1/24 dev switch && ip link set switch up || exit 1
        for n in 1 2; do
            ip netns add cam$n && ip link add port$n type veth peer name eth0 netns cam$n &&
                ip link set port$n master switch up && ip -n cam$n link set lo up &&
                ip -n cam$n address add 10.78.0.1$n/24 dev eth0 && ip -n cam$n link set eth0 up || exit 1
        done",
    needs: &["ip", "netns", "exec", "cam1", "true"],
};

/// A command in the network of camera `n`.
fn there(n: u8, args: &[&str]) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", &format!("cam{n}")]).args(args).stdin(Stdio::null());
    command
}

fn camera(n: u8, args: &[&str]) -> Camcast {
    let args = [&[env!("CARGO_BIN_EXE_camcast"), "pattern", "-r", "320x240", "--announce"], args].concat();
    let camcast = Camcast::from(Program::start("camcast", &mut there(n, &args)));
    camcast.wait_line("announced as ");
    camcast
}

fn camrec(args: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_camrec"));
    Program::start("camrec", command.args(args).stdin(Stdio::null())).wait_exit()
}

/// Looks until all of this is found: what is said to a group may be lost.
#[track_caller]
fn find(args: &[&str], all: &[&str]) -> String {
    let until = deadline(PATIENCE);
    loop {
        let ended = camrec(args);
        let text = ended.text();
        if all.iter().all(|it| text.contains(it)) {
            ended.expect(0);
            return text;
        }
        assert!(!is_over(until), "{all:?} is not found:\n{text}{}", ended.log);
    }
}

#[test]
fn two_cameras_in_two_networks_are_found() {
    if !SWITCH.is_inside("network::find::two_cameras_in_two_networks_are_found") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (key, out) = (path("key"), path("out"));
    let made = Command::new(env!("CARGO_BIN_EXE_camcast")).args(["--new-key", &key]).status().unwrap();
    assert!(made.success());
    let door = camera(1, &["-f", "30", "--name", "front door"]);
    let porch = camera(2, &["-f", "30", "--listen", ":7000", "--name", "porch", "--key-file", &key]);

    let rows = ["front door  10.78.0.11:9999  320x240  ", "porch       10.78.0.12:7000  320x240  "];
    let text = find(&["--find"], &rows);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert_eq!(lines[0], "NAME        ADDRESS          SIZE     RATE  KEY");
    assert!(lines[1].ends_with("  no") && lines[2].ends_with("  yes"), "{text}");
    let json =
        find(&["--find", "--json"], &["\"name\":\"front door\",\"host\":\"10.78.0.11\",\"port\":9999"]);
    assert!(json.contains("\"port\":7000,\"size\":\"320x240\",") && json.contains("\"key\":true"), "{json}");

    let several = camrec(&["-o", &out, "--frames", "3"]).expect(8);
    assert!(several.text().contains(rows[0]) && several.text().contains(rows[1]), "{}", several.text());
    assert!(several.log.contains("2 cameras found: name one, as in camrec 10.78.0.11"), "{}", several.log);
    let piped = camrec(&["-o", "-", "--frames", "3"]).expect(8);
    assert!(piped.out.is_empty() && piped.log.contains("front door (10.78.0.11)"), "{}", piped.log);

    // who goes says so
    porch.program.stop(Signal::SIGTERM).expect(0);
    let only = camrec(&["-o", &out, "--frames", "3"]).expect(0);
    assert!(only.log.contains("found front door at 10.78.0.11:9999"), "{}", only.log);
    let films = RecordingReader::read_folder(Path::new(&out));
    assert_eq!(films.iter().map(|film| film.shots.len()).sum::<usize>(), 3);

    door.program.stop(Signal::SIGTERM).expect(0);
    let none = camrec(&["--find"]).expect(8);
    assert!(none.text().is_empty() && none.log.contains("--announce"), "{}", none.log);
    camrec(&["-o", &out]).expect(8);
}

/// A router gives the board another address: whoever was told none looks for the camera again.
#[test]
fn a_camera_that_has_another_address_is_found_there() {
    if !SWITCH.is_inside("network::find::a_camera_that_has_another_address_is_found_there") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let _door = camera(1, &["-f", "30", "--name", "door"]);
    let _porch = camera(2, &["-f", "30", "--name", "porch"]);
    let ip = |args: &str| {
        let status = Command::new("ip").args(args.split(' ')).status().unwrap();
        assert!(status.success(), "ip {args}");
    };
    find(&["--find"], &["10.78.0.11:9999", "10.78.0.12:9999"]);
    // of two none would be chosen; the other is back when this one is looked for
    ip("-n cam2 link set eth0 down");
    let mut command = Command::new(env!("CARGO_BIN_EXE_camrec"));
    command.args(["--wait", "-o"]).arg(folder.path()).stdin(Stdio::null());
    let recorder = Program::start("camrec", &mut command);
    recorder.wait_line("found door at 10.78.0.11:9999");
    recorder.wait_line("joined");
    let lines = recorder.lines();
    ip("-n cam2 link set eth0 up");
    ip("-n cam1 address add 10.78.0.21/24 dev eth0");
    ip("-n cam1 address del 10.78.0.11/24 dev eth0");
    recorder.wait_line_after(lines, "lost ");
    // the new one, or that of its link, by IPv6
    let found = recorder.wait_line_after(lines, "found door at ");
    assert!(found.ends_with(" now") && !found.contains("10.78.0.11"), "{found}");
    recorder.wait_line_after(lines, "back after ");
    let ended = recorder.stop(Signal::SIGTERM).expect(0);
    assert_eq!(ended.account("missing"), 0, "{}", ended.text());
}

/// Avahi's daemon at camera `n`, or at this machine if there is none, with these service files. Dropped, it is killed.
fn avahi(n: Option<u8>, interface: &str, folder: &Path, services: &[(&str, String)]) -> Program {
    let folder = folder.join(interface);
    fs::create_dir(&folder).unwrap();
    for (name, text) in services {
        fs::write(folder.join(name), text).unwrap();
    }
    let conf = folder.join("avahi.conf");
    let bus = if n.is_none() { "yes" } else { "no" };
    let text = format!("[server]\nhost-name={interface}\nallow-interfaces={interface}\nenable-dbus={bus}\n");
    fs::write(&conf, text).unwrap();
    let script = format!(
        "mkdir -p /run/avahi-daemon && mount -t tmpfs tmpfs /run/avahi-daemon &&
            mount --bind {} /etc/avahi/services && exec avahi-daemon -f {} --no-drop-root --no-chroot --no-rlimits",
        folder.display(),
        conf.display()
    );
    let shell = ["unshare", "-m", "sh", "-c", &script];
    let mut command = match n {
        Some(n) => there(n, &shell),
        None => {
            let mut command = Command::new(shell[0]);
            command.args(&shell[1..]).stdin(Stdio::null());
            command
        }
    };
    let program = Program::start("avahi-daemon", command.env("DBUS_SYSTEM_BUS_ADDRESS", BUS));
    program.wait_line("Server startup complete");
    program
}

const BUS: &str = "unix:path=/run/bus";

const BUS_CONF: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
    "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=/run/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/> <allow own="*"/> <allow send_destination="*"/> <allow receive_sender="*"/>
  </policy>
</busconfig>"#;

/// What avahi-browse resolves of cameras, until it is as it should be.
#[track_caller]
fn browse(is_right: impl Fn(&str) -> bool) -> String {
    let until = deadline(PATIENCE);
    loop {
        let mut command = Command::new("avahi-browse");
        command.args(["-rpt", "_camcast._tcp"]).env("DBUS_SYSTEM_BUS_ADDRESS", BUS).stdin(Stdio::null());
        let ended = Program::start("avahi-browse", &mut command).wait_exit();
        let text = ended.text();
        if is_right(&text) {
            return text;
        }
        assert!(!is_over(until), "avahi-browse says:\n{text}{}", ended.log);
        pause();
    }
}

/// The file that Avahi is given where camcast does not announce itself.
fn service() -> String {
    let shipped: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/camcast/avahi.service");
    let own = r#"<?xml version="1.0" standalone="no"?><!DOCTYPE service-group SYSTEM "avahi-service.dtd">
        <service-group><name replace-wildcards="yes">camcast on %h</name><service>
        <type>_camcast._tcp</type><port>9999</port><txt-record>name=camera</txt-record>
        <txt-record>size=1280x720</txt-record><txt-record>rate=30</txt-record><txt-record>key=no</txt-record>
        </service></service-group>"#;
    fs::read_to_string(shipped).unwrap_or_else(|_| own.to_owned())
}

#[test]
fn avahi_and_camcast_find_each_other() {
    let programs = ["avahi-daemon", "avahi-browse", "dbus-daemon"];
    let is_here = |name: &&str| Command::new(name).arg("--version").output().is_ok();
    if !programs.iter().all(is_here) {
        return left_out("no avahi-daemon, avahi-browse or dbus-daemon: tests/scripts/deps.sh players");
    }
    if !SWITCH.is_inside("network::find::avahi_and_camcast_find_each_other") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // one is announced by its file, and one by itself, beside an Avahi that has the port too
    let service = [("camcast.service", service())];
    let _there = avahi(Some(2), "eth0", folder.path(), &service);
    let door = camera(1, &["-f", "30", "--name", "Tür \"1\""]);
    let conf = folder.path().join("bus.conf");
    fs::write(&conf, BUS_CONF).unwrap();
    let mut bus = Command::new("dbus-daemon");
    bus.arg("--config-file").arg(&conf).args(["--nofork", "--print-address=2"]).stdin(Stdio::null());
    let bus = Program::start("dbus-daemon", &mut bus);
    bus.wait_line("unix:path=/run/bus");
    let _here = avahi(None, "switch", folder.path(), &[]);

    let text = find(&["--find"], &["10.78.0.11:9999", "10.78.0.12:9999"]);
    let of = |at: &str| text.lines().find(|line| line.contains(at)).unwrap().to_owned();
    assert!(of("10.78.0.12").starts_with("camera ") && of("10.78.0.12").contains("  1280x720  "), "{text}");
    assert!(of("10.78.0.11").starts_with("Tür \"1\"  "), "{text}");

    let found = |text: &str| {
        let whole = |line: &&str| line.starts_with('=') && line.contains(";10.78.0.11;9999;");
        text.lines().filter(whole).any(|line| line.contains("size=320x240"))
    };
    let text = browse(found);
    assert!(text.contains("\"key=no\"") && text.contains("name=T"), "{text}");
    assert!(text.contains(";10.78.0.12;9999;"), "Avahi's own too:\n{text}");
    // who goes says so, and caches forget it
    door.program.stop(Signal::SIGTERM).expect(0);
    browse(|text| !text.contains("10.78.0.11") && text.contains(";10.78.0.12;9999;"));
}

#[test]
fn a_firewall_that_lets_no_answer_back_hides_no_camera() {
    if !SWITCH.is_inside("network::find::a_firewall_that_lets_no_answer_back_hides_no_camera") {
        return;
    }
    let _door = camera(1, &["--name", "door"]);
    // what is for this machine alone is lost
    let lose = ["-n", "cam1", "route", "add", "blackhole", "10.78.0.1"];
    assert!(Command::new("ip").args(lose).status().unwrap().success());
    find(&["--find"], &["door  10.78.0.11:9999  "]);
}

#[test]
fn a_camera_without_ipv4_is_found_and_recorded() {
    if !SWITCH.is_inside("network::find::a_camera_without_ipv4_is_found_and_recorded") {
        return;
    }
    let flush = ["-n", "cam1", "address", "del", "10.78.0.11/24", "dev", "eth0"];
    assert!(Command::new("ip").args(flush).status().unwrap().success());
    let _door = camera(1, &["--name", "door", "-f", "30"]);
    let text = find(&["--find"], &["door  [fe80::"]);
    let json = find(&["--find", "--json"], &["\"host\":\"fe80::"]);
    assert_eq!((text.lines().count(), json.lines().count()), (2, 1), "{text}{json}");
    let folder = tempfile::tempdir().unwrap();
    camrec(&["-o", folder.path().to_str().unwrap(), "--frames", "3"]).expect(0);
    // as it is typed from the list
    let at = text.split("  ").find(|cell| cell.starts_with("[fe80::")).unwrap();
    camrec(&[at, "-o", folder.path().to_str().unwrap(), "--frames", "3"]).expect(0);
}

/// Asks for cameras from an address of this machine's.
fn ask(from: &str) -> UdpSocket {
    let socket = UdpSocket::bind((from, 0)).unwrap();
    let question = Finder::default().question(7);
    socket.send_to(&question, (GROUP_V4, PORT)).unwrap();
    socket
}

#[test]
fn only_neighbours_that_may_come_in_are_answered() {
    if !SWITCH.is_inside("network::find::only_neighbours_that_may_come_in_are_answered") {
        return;
    }
    for (kind, what) in [("address", "10.78.0.3/24"), ("address", "192.168.9.1/24"), ("route", "224.0.0.0/4")]
    {
        assert!(Command::new("ip").args([kind, "add", what, "dev", "switch"]).status().unwrap().success());
    }
    // or an answer could not get there
    let route = ["-n", "cam1", "route", "add", "default", "via", "10.78.0.1"];
    assert!(Command::new("ip").args(route).status().unwrap().success());
    let _door = camera(1, &["--allow", "10.78.0.3/32", "--allow", "192.168.9.0/24"]);
    let mut bytes = [0; 2000];
    let until = deadline(PATIENCE);
    let heard = loop {
        assert!(!is_over(until), "nobody has answered");
        let [elsewhere, kept_out, neighbour] = ["192.168.9.1", "10.78.0.1", "10.78.0.3"].map(ask);
        if receive_within(&neighbour, &mut bytes, Duration::from_millis(500)).is_some() {
            break [elsewhere, kept_out];
        }
    };
    for socket in heard {
        socket.set_nonblocking(true).unwrap();
        assert!(socket.recv_from(&mut bytes).is_err(), "{socket:?}");
    }
}

#[test]
fn the_port_beside_another_camcast_and_without_a_network() {
    if !SWITCH.is_inside("network::find::the_port_beside_another_camcast_and_without_a_network") {
        return;
    }
    // two on one machine
    let _one = camera(1, &["--name", "one"]);
    let _two = camera(1, &["--name", "two", "--listen", ":9998"]);
    find(&["--find"], &["one   10.78.0.11:9999  ", "two   10.78.0.11:9998  "]);
    // a program that has the port for itself: the stream goes on, and it is said
    let hold = "import socket,sys,time; s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.bind(('0.0.0.0',5353)); \
                s6=socket.socket(socket.AF_INET6,socket.SOCK_DGRAM); s6.setsockopt(41,26,1); s6.bind(('::',5353)); \
                print('held',file=sys.stderr,flush=True); time.sleep(600)";
    let holder = Program::start("python3", &mut there(2, &["python3", "-c", hold]));
    holder.wait_line("held");
    let args = [env!("CARGO_BIN_EXE_camcast"), "pattern", "--announce", "--name", "three"];
    let three = Camcast::from(Program::start("camcast", &mut there(2, &args)));
    three.wait_line("cannot announce on eth0: a program has mDNS's UDP port 5353 for itself");
    let folder = tempfile::tempdir().unwrap();
    camrec(&["10.78.0.12", "-o", folder.path().to_str().unwrap(), "--frames", "3"]).expect(0);
    // and it is announced as soon as the port is free
    holder.stop(Signal::SIGKILL);
    three.wait_line("announced as three (");
    find(&["--find"], &["three  10.78.0.12:9999  "]);
}

#[test]
fn where_there_is_no_network_nobody_is_asked() {
    if !ALONE.is_inside("network::find::where_there_is_no_network_nobody_is_asked") {
        return;
    }
    for args in [&["--find"][..], &[], &["--find", "--json"], &["-o", "-"]] {
        let ended = camrec(args).expect(8);
        let said = ended.log.lines().last().unwrap_or_default().to_owned();
        assert!(
            said.contains("in no network that can be asked; type its address: camrec HOST[:PORT]"),
            "{said}"
        );
        assert!(ended.out.is_empty());
    }
    assert!(camrec(&["pi", "--find"]).expect(2).log.contains("leave pi out"));
    camrec(&["--find", "--check-config"]).expect(2);
    // what is wrong is said before anybody is looked for
    assert!(camrec(&["--keep", "much"]).expect(2).log.contains("--keep much"));
    assert!(camrec(&["--check-config"]).expect(0).log.is_empty());
    let args = [env!("CARGO_BIN_EXE_camcast"), "pattern", "-r", "320x240", "--announce"];
    let mut command = Command::new(args[0]);
    let camcast = Camcast::from(Program::start("camcast", command.args(&args[1..]).stdin(Stdio::null())));
    camcast.wait_line("not announced: there is no network that clients could join from");
}
