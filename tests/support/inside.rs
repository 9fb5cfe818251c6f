//! A test that needs a network of its own runs once more inside one.

use super::left_out;
use std::io::Write;
use std::process::{Command, Output};

/// Says that it runs there already.
const INSIDE: &str = "IN_A_NETWORK_OF_ITS_OWN";

/// A network that nobody else is in.
pub struct Network<'a> {
    /// What `unshare` takes apart.
    pub unshare: &'a str,
    /// What is set up there, in words for `sh`.
    pub setup: &'a str,
    /// What has to be possible there.
    pub needs: &'a [&'a str],
}

/// Nothing but loopback.
pub const ALONE: Network<'_> = Network { unshare: "-rn", setup: "ip link set lo up", needs: &["true"] };

impl Network<'_> {
    fn run(&self, args: &[&str]) -> std::io::Result<Output> {
        let script = format!("{{ {}; }} && exec \"$@\"", self.setup);
        let mut command = Command::new("unshare");
        command.args([self.unshare, "sh", "-c", &script, "sh"]).args(args).env(INSIDE, "1").output()
    }

    /// Runs the test of that name once more, there. False: it has been, or cannot be.
    #[track_caller]
    pub fn is_inside(&self, name: &str) -> bool {
        if std::env::var_os(INSIDE).is_some() {
            return true;
        }
        if !self.run(self.needs).is_ok_and(|output| output.status.success()) {
            left_out(&format!("no network namespaces here (unshare {}), or no ip", self.unshare));
            return false;
        }
        let tests = std::env::current_exe().unwrap();
        let output = self
            .run(&[tests.to_str().unwrap(), "--exact", name, "--include-ignored", "--nocapture"])
            .unwrap();
        let (out, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        std::io::stderr().write_all(format!("{out}\n{log}\n").as_bytes()).unwrap();
        assert!(
            output.status.success() && out.contains("1 passed"),
            "in a network of its own: {}",
            output.status
        );
        false
    }
}
