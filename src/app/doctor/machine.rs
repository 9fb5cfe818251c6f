//! The machine, as the kernel's files tell of it.

use crate::doctor::path::{Wifi, levels, wifi};
use crate::doctor::{Finding, board};
use crate::sys::{clock, interfaces};
use std::fs::{File, read_dir};
use std::io::Read;
use std::path::{Path, PathBuf};

/// What is read of a file at the most.
const MOST: u64 = 64 << 10;

/// Where a Raspberry Pi's kernel says what holds it back.
const THROTTLED: &str = "sys/devices/platform/soc/soc:firmware/get_throttled";

/// The machine whose files lie below this folder.
pub struct Machine {
    root: PathBuf,
}

impl Default for Machine {
    fn default() -> Self {
        Machine { root: "/".into() }
    }
}

impl Machine {
    /// What is to be known of it, whatever it is to do.
    pub fn findings(&self) -> Vec<Finding> {
        let mut all = vec![Finding::note("system", self.system()), board::clock(clock::is_set())];
        all.extend(self.power());
        all.extend(self.heat().map(board::heat));
        all.extend(self.load().map(|(minute, of)| board::load(minute, of)));
        all.extend(self.wifi());
        all
    }

    /// Whether there is memory for so many bytes, that this option asks for.
    pub fn memory(&self, wanted: u64, option: &str) -> Option<Finding> {
        let table = self.text("proc/meminfo")?;
        let row = |name: &str| {
            let row = table.lines().find_map(|line| line.strip_prefix(name))?;
            row.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
        };
        Some(board::memory(row("MemAvailable:")?, row("MemTotal:")?, wanted, option))
    }

    /// A firewall that is known to be on, and how it is told of this port.
    pub fn firewall(&self, port: u16) -> Option<Finding> {
        let open = match (self.text("etc/ufw/ufw.conf"), self.root.join("run/firewalld").exists()) {
            (Some(ufw), _) if ufw.lines().any(|line| line.trim().eq_ignore_ascii_case("enabled=yes")) => {
                format!("sudo ufw allow {port}")
            }
            (_, true) => format!(
                "sudo firewall-cmd --permanent --add-port={port}/tcp --add-port={port}/udp, and --reload"
            ),
            _ => return None,
        };
        Some(
            Finding::note("firewall", "one is on: if nobody can join, it may be in the way")
                .remedied_by(open),
        )
    }

    fn system(&self) -> String {
        let model =
            ["proc/device-tree/model", "sys/class/dmi/id/product_name"].iter().find_map(|it| self.text(it));
        let release = self.text("etc/os-release").and_then(|text| {
            let name = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
            Some(name.trim_matches('"').to_owned())
        });
        let kernel = self.text("proc/sys/kernel/osrelease").map(|kernel| format!("kernel {kernel}"));
        let known = [model, release, kernel, Some(std::env::consts::ARCH.into())];
        known.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    fn power(&self) -> Option<Finding> {
        let told = self.text(THROTTLED)?;
        let bits = u32::from_str_radix(told.trim_start_matches("0x"), 16).ok()?;
        Some(board::power(bits))
    }

    /// The hottest sensor, in thousandths of a degree Celsius.
    fn heat(&self) -> Option<i64> {
        let zones = read_dir(self.root.join("sys/class/thermal")).ok()?;
        let temperature = |zone: &Path| read(&zone.join("temp"))?.parse().ok();
        zones.filter_map(|zone| temperature(&zone.ok()?.path())).max()
    }

    fn load(&self) -> Option<(f64, usize)> {
        let minute = self.text("proc/loadavg")?.split_whitespace().next()?.parse().ok()?;
        Some((minute, std::thread::available_parallelism().ok()?.get()))
    }

    fn wifi(&self) -> Vec<Finding> {
        let table = self.text("proc/net/wireless").unwrap_or_default();
        let of = levels(&table).into_iter().map(|(name, level)| {
            let sleeps = interfaces::sleeps(&name);
            wifi(&Wifi { name, level, sleeps })
        });
        of.flatten().collect()
    }

    fn text(&self, path: &str) -> Option<String> {
        read(&self.root.join(path))
    }
}

/// A small file of the kernel's, without what surrounds its words.
fn read(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MOST).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;
    use std::fs;

    /// A machine with these files.
    fn machine(files: &[(&str, &str)]) -> (tempfile::TempDir, Machine) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let machine = Machine { root: folder.path().into() };
        (folder, machine)
    }

    #[test]
    fn a_pi_is_read() {
        let (_folder, pi) = machine(&[
            ("proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4\0"),
            ("etc/os-release", "NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"),
            ("proc/sys/kernel/osrelease", "6.6.31+rpt-rpi-v8\n"),
            (THROTTLED, "50005\n"),
            ("sys/class/thermal/thermal_zone0/temp", "48312\n"),
            ("sys/class/thermal/thermal_zone1/temp", "81000\n"),
            ("sys/class/thermal/cooling_device0/type", "gpio-fan\n"),
            ("proc/loadavg", "0.34 0.20 0.10 1/200 4711\n"),
            ("proc/meminfo", "MemTotal:  1000000 kB\nMemFree: 1 kB\nMemAvailable:   500000 kB\n"),
            ("etc/ufw/ufw.conf", "# /etc/ufw/ufw.conf\nENABLED=yes\n"),
        ]);
        assert!(pi.system().starts_with(
            "Raspberry Pi 4 Model B Rev 1.4, Debian GNU/Linux 12 (bookworm), kernel 6.6.31+rpt-rpi-v8, "
        ));
        assert_eq!(pi.power().unwrap().verdict, Verdict::Fail);
        assert_eq!(pi.heat(), Some(81_000));
        assert_eq!(pi.load().map(|(minute, _)| minute), Some(0.34));
        let memory = pi.memory(32 << 20, "--reel").unwrap();
        assert_eq!(memory.what, "512 MB of 1024 MB free, 33 MB wanted (--reel)");
        assert_eq!(pi.firewall(9999).unwrap().remedy.as_deref(), Some("sudo ufw allow 9999"));
    }

    #[test]
    fn what_is_not_there_or_nonsense_is_left_out() {
        let (_folder, bare) = machine(&[]);
        assert_eq!((bare.power(), bare.heat(), bare.load()), (None, None, None));
        assert_eq!((bare.memory(1, "--reel"), bare.firewall(1)), (None, None));
        assert_eq!(bare.system(), std::env::consts::ARCH);
        let (_folder, odd) = machine(&[
            (THROTTLED, "warm"),
            ("sys/class/thermal/thermal_zone0/temp", ""),
            ("proc/loadavg", "x"),
            ("proc/meminfo", "MemTotal: 18446744073709551615 kB\nMemAvailable: 1 kB"),
            ("etc/ufw/ufw.conf", "ENABLED=no"),
        ]);
        assert_eq!((odd.power(), odd.heat(), odd.load()), (None, None, None));
        assert_eq!((odd.memory(1, "--reel"), odd.firewall(1)), (None, None));
    }

    #[test]
    fn this_machine_is_read() {
        let findings = Machine::default().findings();
        let about = |about| findings.iter().filter(|finding| finding.about == about).count();
        assert_eq!((about("system"), about("clock"), about("load")), (1, 1, 1), "{findings:?}");
    }
}
