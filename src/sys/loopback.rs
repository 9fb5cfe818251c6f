//! What the tests of this room share: real sockets on the loopback device, and processes of their own for what a whole process has
//! (signals, limits) or a network (an MTU). What a machine cannot test is said, past the harness's capture, and not passed over.

use super::clock;
use super::poll::{self, PollFlags};
use crate::time::Time;
use nix::poll::PollFd;
use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::process::Command;
use std::time::Duration;

/// Set in a process that [`alone`] has started.
const ALONE: &str = "CAMCAST_TEST_ALONE";

/// What the shell ends with if a network could not be made.
const NO_NETWORK: i32 = 77;

/// A test in a macro's words: its path, as the harness knows it.
macro_rules! test_name {
    ($name:literal) => {
        concat!(module_path!(), "::", $name)
    };
}
pub(super) use test_name;

/// The harness leaves the crate's name out.
fn in_harness(test: &str) -> &str {
    test.split_once("::").map_or(test, |(_, name)| name)
}

/// Says what this machine cannot test; `tests/scripts/run.sh` repeats it at the end.
pub(super) fn left_out(test: &str, why: &str) {
    let line = format!("left out: {}: {why}\n", in_harness(test));
    // as one write: other tests print at the same time
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// A free port on the loopback device, of IPv4 and, where this machine has it, of IPv6.
pub(super) fn loopbacks(test: &str) -> Vec<SocketAddr> {
    let mut all = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))];
    let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
    match UdpSocket::bind(v6) {
        Ok(_) => all.push(v6),
        Err(why) => left_out(test, &format!("no IPv6 here: {why}")),
    }
    all
}

/// Patience with what has to come.
pub(super) fn deadline() -> Time {
    clock::now().after(Duration::from_secs(20))
}

/// Waits for any of these, which has to come.
pub(super) fn wait_for(fd: &impl AsFd, what: PollFlags) {
    let mut fds = [PollFd::new(fd.as_fd(), what)];
    poll::wait(&mut fds, deadline(), clock::now()).unwrap();
    assert!(fds[0].any() == Some(true), "{what:?} has not come");
}

/// Runs this test once more, in a process of its own. True: this is that process, so do what is to be tested.
pub(super) fn alone(test: &str) -> bool {
    run(test, Command::new(std::env::current_exe().unwrap()))
}

/// The same in a network of its own, which `setup` prepares: lines for the shell, which are root there.
pub(super) fn alone_in_network(test: &str, setup: &str) -> bool {
    let script = format!("{{ {setup}; }} || exit {NO_NETWORK}; exec \"$0\" \"$@\"");
    let mut command = Command::new("unshare");
    command.args(["-rn", "sh", "-ec", &script]).arg(std::env::current_exe().unwrap());
    run(test, command)
}

fn run(test: &str, mut command: Command) -> bool {
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let output = command.args(["--exact", in_harness(test), "--nocapture"]).env(ALONE, "1").output();
    let output = match output {
        Ok(output) => output,
        Err(why) => {
            left_out(test, &format!("{}: {why}", command.get_program().to_string_lossy()));
            return false;
        }
    };
    let [said, errors] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    if said.contains("running ") {
        // none: the name is wrong
        assert!(output.status.success() && said.contains("1 passed"), "{said}{errors}");
        // its own words on what is left out
        std::io::stderr().write_all(&output.stderr).unwrap();
    } else {
        left_out(test, &format!("no network of its own here: {}", errors.trim()));
    }
    false
}
