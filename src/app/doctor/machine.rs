//! The machine, as the kernel's files tell of it.

use crate::doctor::path::{Wifi, levels, wifi};
use crate::doctor::{Finding, board};
use crate::shown::shown;
use crate::sys::{clock, interfaces};
use nix::unistd::{AccessFlags, access};
use std::fs::{File, read_dir};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What is read of a file at the most.
const MOST: u64 = 64 << 10;

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
        all.extend(self.heat().map(|millis| board::heat(millis, self.model().is_some())));
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
                "sudo firewall-cmd --permanent --add-port={port}/tcp --add-port={port}/udp && sudo firewall-cmd --reload"
            ),
            _ => return None,
        };
        Some(
            Finding::note("firewall", "one is on: if nobody can join, it may be in the way")
                .remedied_by(open),
        )
    }

    fn system(&self) -> String {
        let model = self.model().or_else(|| self.text("sys/class/dmi/id/product_name"));
        let release = self.text("etc/os-release").and_then(|text| {
            let name = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
            Some(name.trim_matches('"').to_owned())
        });
        let kernel = self.text("proc/sys/kernel/osrelease").map(|kernel| format!("kernel {kernel}"));
        let known = [model, release, kernel, Some(std::env::consts::ARCH.into())];
        known.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// Of a board.
    fn model(&self) -> Option<String> {
        self.text("proc/device-tree/model")
    }

    /// What holds a Raspberry Pi back, as its kernel tells in one of two ways.
    fn power(&self) -> Option<Finding> {
        if let Some(told) = self.throttled() {
            return Some(board::power(u32::from_str_radix(told.trim_start_matches("0x"), 16).ok()?));
        }
        let sensor = |folder: PathBuf| (read(&folder.join("name"))? == "rpi_volt").then_some(folder);
        if let Some(volt) = self.below("sys/class/hwmon").into_iter().find_map(sensor) {
            // it tells of now alone
            return Some(board::power(read(&volt.join("in0_lcrit_alarm"))?.parse::<u32>().ok()?.min(1)));
        }
        let is_pi = self.model()?.contains("Raspberry Pi");
        is_pi.then(|| Finding::note("power", "not told: vcgencmd get_throttled says 0x0 where all is well"))
    }

    fn throttled(&self) -> Option<String> {
        let platform = self.below("sys/devices/platform");
        let buses = platform.iter().filter(|it| name_of(it).starts_with("soc")).flat_map(|bus| folders(bus));
        let mut all = buses.chain(platform.iter().cloned());
        all.find_map(
            |it| if name_of(&it).ends_with("firmware") { read(&it.join("get_throttled")) } else { None },
        )
    }

    /// The hottest sensor, in thousandths of a degree Celsius.
    fn heat(&self) -> Option<i64> {
        let zones = self.below("sys/class/thermal");
        zones.iter().filter_map(|zone| read(&zone.join("temp"))?.parse().ok()).max()
    }

    fn load(&self) -> Option<(f64, usize)> {
        let minute = self.text("proc/loadavg")?.split_whitespace().next()?.parse().ok()?;
        let processors = self.text("proc/cpuinfo")?;
        let count = processors.lines().filter(|line| line.starts_with("processor")).count();
        (count > 0).then_some((minute, count))
    }

    fn wifi(&self) -> Vec<Finding> {
        let mut all = levels(&self.text("proc/net/wireless").unwrap_or_default());
        // some kernels have no such table
        let is_wireless = |it: &&PathBuf| it.join("wireless").exists() || it.join("phy80211").exists();
        let interfaces = self.below("sys/class/net");
        for interface in interfaces.iter().filter(is_wireless).map(|it| name_of(it)) {
            if all.iter().all(|(name, _)| *name != interface) {
                all.push((interface.to_owned(), None));
            }
        }
        let of = all.into_iter().map(|(name, level)| {
            let sleeps = interfaces::sleeps(&name);
            wifi(&Wifi { name, level, sleeps })
        });
        of.flatten().collect()
    }

    /// Whose a device is, and whether it is open to this user.
    pub fn device(&self, node: &Path) -> Option<Finding> {
        let about = std::fs::metadata(node).ok()?;
        let named = |file: &str, id: u32| {
            let (table, number) = (self.text(file).unwrap_or_default(), id.to_string());
            let line = table.lines().find(|line| line.split(':').nth(2) == Some(&number));
            line.and_then(|line| line.split(':').next()).map_or(number.clone(), str::to_owned)
        };
        let (owner, group) = (named("etc/passwd", about.uid()), named("etc/group", about.gid()));
        let is_open = access(node, AccessFlags::R_OK | AccessFlags::W_OK).is_ok();
        let open = if is_open { "open to this user" } else { "not open to this user" };
        let mode = about.mode() & 0o7777;
        Some(Finding::note("device", format!("{} of {owner}:{group}, mode {mode:o}; {open}", shown(node))))
    }

    fn below(&self, folder: &str) -> Vec<PathBuf> {
        folders(&self.root.join(folder))
    }

    fn text(&self, path: &str) -> Option<String> {
        read(&self.root.join(path))
    }
}

/// What is in a folder, by name.
fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = read_dir(folder).into_iter().flatten().take(1024);
    let mut all: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    all.sort();
    all
}

fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
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
            ("sys/devices/platform/soc/soc:firmware/get_throttled", "50005\n"),
            ("sys/class/thermal/thermal_zone0/temp", "48312\n"),
            ("sys/class/thermal/thermal_zone1/temp", "81000\n"),
            ("sys/class/thermal/cooling_device0/type", "gpio-fan\n"),
            ("proc/loadavg", "0.34 0.20 0.10 1/200 4711\n"),
            ("proc/cpuinfo", "processor : 0\nmodel name: x\nprocessor : 1\n"),
            ("sys/class/net/wlan9/phy80211/name", "phy0\n"),
            ("sys/class/net/eth9/address", "x\n"),
            ("proc/meminfo", "MemTotal:  1000000 kB\nMemFree: 1 kB\nMemAvailable:   500000 kB\n"),
            ("etc/ufw/ufw.conf", "# /etc/ufw/ufw.conf\nENABLED=yes\n"),
        ]);
        assert!(pi.system().starts_with(
            "Raspberry Pi 4 Model B Rev 1.4, Debian GNU/Linux 12 (bookworm), kernel 6.6.31+rpt-rpi-v8, "
        ));
        assert_eq!(pi.power().unwrap().verdict, Verdict::Fail);
        assert_eq!(pi.heat(), Some(81_000));
        assert_eq!(pi.load(), Some((0.34, 2)));
        let wifi: Vec<String> = pi.wifi().into_iter().map(|found| found.what).collect();
        assert!(wifi.len() == 2 && wifi.iter().all(|what| what.starts_with("wlan9: ")), "{wifi:?}");
        let memory = pi.memory(32 << 20, "--reel").unwrap();
        assert_eq!(memory.what, "512 MB of 1024 MB free, 33 MB wanted (--reel)");
        assert_eq!(pi.firewall(9999).unwrap().remedy.as_deref(), Some("sudo ufw allow 9999"));
    }

    #[test]
    fn other_pis_tell_otherwise_or_not_at_all() {
        let model = ("proc/device-tree/model", "Raspberry Pi 5 Model B");
        let five = "sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled";
        let volt = [
            ("sys/class/hwmon/hwmon1/name", "rpi_volt\n"),
            ("sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1\n"),
        ];
        for (files, verdict) in [
            (vec![model, (five, "0")], Verdict::Ok),
            (vec![model, volt[0], volt[1]], Verdict::Fail),
            (vec![model], Verdict::Note),
        ] {
            let (_folder, pi) = machine(&files);
            assert_eq!(pi.power().unwrap().verdict, verdict, "{files:?}");
        }
    }

    #[test]
    fn whose_a_device_is_is_told() {
        let (folder, pi) = machine(&[("etc/passwd", "root:x:0:0::/:\n"), ("etc/group", "video:x:0:\n")]);
        let found = pi.device(Path::new("/dev/null")).unwrap();
        assert_eq!(found.what, "/dev/null of root:video, mode 666; open to this user");
        assert_eq!(pi.device(&folder.path().join("none")), None);
    }

    #[test]
    fn what_is_not_there_or_nonsense_is_left_out() {
        let (_folder, bare) = machine(&[]);
        assert_eq!((bare.power(), bare.heat(), bare.load()), (None, None, None));
        assert_eq!((bare.memory(1, "--reel"), bare.firewall(1)), (None, None));
        assert_eq!(bare.system(), std::env::consts::ARCH);
        let (_folder, odd) = machine(&[
            ("sys/devices/platform/soc/soc:firmware/get_throttled", "warm"),
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
