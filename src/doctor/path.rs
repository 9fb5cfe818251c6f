//! Networks: Wi-Fi and what it sleeps through, buffers, USB.

use super::Finding;

/// A wireless network interface, as far as the system tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wifi {
    /// The interface.
    pub name: String,
    /// The signal's strength, dBm.
    pub level: Option<i32>,
    /// It sleeps between what it sends and is sent.
    pub sleeps: Option<bool>,
}

/// Weaker signals lose much.
const WEAK: i32 = -72;

/// What is to be thought of a wireless interface.
pub fn wifi(wifi: &Wifi) -> Vec<Finding> {
    let Wifi { name, level, sleeps } = wifi;
    let signal = match level {
        Some(level) if *level < WEAK => Finding::warn(
            "wifi",
            format!("{name}: a weak signal, {level} dBm"),
            "closer to the access point, a 2.4 GHz network, or an antenna",
        ),
        Some(level) => Finding::ok("wifi", format!("{name}: {level} dBm")),
        None => Finding::note("wifi", format!("{name}: no signal is told of")),
    };
    let sleep = match sleeps {
        Some(true) => Finding::warn(
            "wifi",
            format!("{name}: power save is on: what is sent to it waits, and more is lost"),
            format!(
                "sudo iw dev {name} set power_save off; to last, with NetworkManager: sudo nmcli connection modify \
                 NAME 802-11-wireless.powersave 2"
            ),
        ),
        Some(false) => Finding::ok("wifi", format!("{name}: power save is off")),
        None => Finding::note(
            "wifi",
            format!("{name}: whether it saves power tells: iw dev {name} get power_save"),
        ),
    };
    vec![signal, sleep]
}

/// The signal of each interface in `/proc/net/wireless`, dBm; none for drivers that count otherwise.
pub fn levels(table: &str) -> Vec<(String, Option<i32>)> {
    let row = |line: &str| {
        let (name, numbers) = line.split_once(':')?;
        // status, quality, level
        let level = numbers.split_whitespace().nth(2)?.trim_end_matches('.').parse::<i32>().ok();
        Some((name.trim().to_owned(), level.filter(|level| (-120..0).contains(level))))
    };
    table.lines().skip(2).filter_map(row).collect()
}

/// How a system is made to grant so many bytes.
pub fn raise_receive_buffer(bytes: usize) -> String {
    format!("sudo sysctl -w net.core.rmem_max={bytes} (to last: a line in /etc/sysctl.d/)")
}

/// What a socket may buffer of what comes, in bytes, and what it was to.
pub fn receive_buffer(granted: usize, wanted: usize) -> Finding {
    let what = format!("{} kB of {} kB for what comes in", granted / 1000, wanted / 1000);
    match granted < wanted {
        true => Finding::warn("buffer", what, raise_receive_buffer(wanted)),
        false => Finding::ok("buffer", what),
    }
}

/// A camera at a port of so many Mbit a second, at the bus of this number, where there are so many others.
pub fn usb(speed: f64, bus: u32, others: usize) -> Finding {
    let generation = match speed {
        ..100.0 => "USB 1",
        100.0..1000.0 => "USB 2",
        _ => "USB 3",
    };
    let what = format!("{generation}, {speed} Mbit/s, bus {bus}, other cameras at this bus: {others}");
    if speed < 100.0 {
        return Finding::fail("usb", what)
            .remedied_by("another port, cable or hub: this one is far too slow for video");
    }
    match others {
        _ if speed >= 5000.0 => Finding::ok("usb", what),
        0 => Finding::ok("usb", what),
        _ => Finding::warn(
            "usb",
            what,
            "if one fails while the other runs: another bus (lsusb -t), MJPEG, a smaller picture or a lower rate; \
             each reserves a part of the bus, whatever it sends (docs/SCALING.md)",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn the_kernels_table_of_signals_is_read() {
        let table = "Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE\n \
                     face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22\n \
                     wlan0: 0000   54.  -56.  -256        0      0      0      0      0        0\n  \
                     wlan1: 0000   54.  86.  -256        0      0      0      0      0        0\n";
        assert_eq!(levels(table), [("wlan0".into(), Some(-56)), ("wlan1".into(), None)]);
        assert_eq!(levels(""), []);
        assert_eq!(levels("a\\nb\\nwlan0: 1"), []);
    }

    #[test]
    fn wifi_is_judged_by_its_signal_and_its_sleep() {
        let judged = |level, sleeps| {
            let of = wifi(&Wifi { name: "wlan0".into(), level, sleeps });
            [of[0].verdict, of[1].verdict]
        };
        assert_eq!(judged(Some(-56), Some(false)), [Verdict::Ok, Verdict::Ok]);
        assert_eq!(judged(Some(-80), Some(true)), [Verdict::Warn, Verdict::Warn]);
        assert_eq!(judged(None, None), [Verdict::Note, Verdict::Note]);
    }

    #[test]
    fn usb_is_judged_by_its_speed_and_its_company() {
        let judged = |speed, others| usb(speed, 1, others);
        assert_eq!(judged(480.0, 0).what, "USB 2, 480 Mbit/s, bus 1, other cameras at this bus: 0");
        for (speed, others, verdict) in [
            (1.5, 0, Verdict::Fail),
            (12.0, 3, Verdict::Fail),
            (480.0, 0, Verdict::Ok),
            (480.0, 1, Verdict::Warn),
            (5000.0, 2, Verdict::Ok),
        ] {
            assert_eq!(judged(speed, others).verdict, verdict, "{speed} {others}");
        }
    }

    #[test]
    fn buffers_are_held_against_what_is_wanted() {
        assert_eq!(receive_buffer(212_992, 4_194_304).verdict, Verdict::Warn);
        assert_eq!(receive_buffer(4_194_304, 4_194_304).verdict, Verdict::Ok);
    }
}
