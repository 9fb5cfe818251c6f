//! The machine: power, heat, clock, memory, load, disk.

use super::Finding;
use std::time::Duration;

/// A Raspberry Pi's `get_throttled`: what holds it back now, in the low bits, and what has since it was started.
pub fn power(throttled: u32) -> Finding {
    const SUPPLY: &str =
        "a supply and cable made for this board (5 V, 3 A or more), and fewer things on its USB ports";
    const COOLING: &str = "a heat sink or a fan, or a place that is not in the sun";
    let has = |bit: u32| throttled & (1 << bit) != 0;
    if has(0) {
        return Finding::fail(
            "power",
            "the voltage is too low now: cameras drop out and SD cards are damaged",
        )
        .remedied_by(SUPPLY);
    }
    if has(16) {
        return Finding::warn("power", "the voltage has been too low since the start", SUPPLY);
    }
    if [1, 2, 3].into_iter().any(has) {
        return Finding::warn("power", "the processor is held back now, by heat or by its supply", COOLING);
    }
    if [17, 18, 19].into_iter().any(has) {
        let what = "the processor has been held back since the start, by heat or by its supply";
        return Finding::warn("power", what, COOLING);
    }
    Finding::ok("power", "enough voltage, and nothing held back, since the start")
}

/// The hottest sensor, in thousandths of a degree Celsius; boards hold themselves back from 80 degrees on.
pub fn heat(millis: i64, is_board: bool) -> Finding {
    let what = format!("{} degrees Celsius", millis / 1000);
    match millis < if is_board { 80_000 } else { 95_000 } {
        true => Finding::ok("heat", what),
        false => Finding::warn("heat", what, "a heat sink or a fan: what is so hot is held back"),
    }
}

/// Whether something sets the wall clock, if the system says.
pub fn clock(is_set: Option<bool>) -> Finding {
    match is_set {
        Some(true) => Finding::ok("clock", "synchronized"),
        Some(false) => Finding::warn(
            "clock",
            "not synchronized, as far as the kernel knows: names and times of recordings may be wrong",
            "sudo timedatectl set-ntp true (Debian: sudo apt install systemd-timesyncd)",
        ),
        None => Finding::note("clock", "not known whether it is synchronized"),
    }
}

/// Bytes of memory that are to be had, and those that are wanted.
pub fn memory(available: u64, total: u64, wanted: u64, option: &str) -> Finding {
    let what = format!("{} MB of {} MB free, {} MB wanted ({option})", mb(available), mb(total), mb(wanted));
    match available < wanted.saturating_add(32 << 20) {
        true => Finding::warn("memory", what, format!("a smaller {option}, or fewer programs")),
        false => Finding::ok("memory", what),
    }
}

/// How many programs want a processor at a time, over a minute, and how many processors there are.
pub fn load(minute: f64, processors: usize) -> Finding {
    let what = format!("{minute:.1} over the last minute, with processors: {processors}");
    match minute > processors as f64 {
        true => Finding::warn("load", what, "look which program it is, or whether it waits for a disk: top"),
        false => Finding::ok("load", what),
    }
}

/// What a trial has found out about a disk.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Disk {
    /// Bytes free, for us.
    pub free: u64,
    /// Bytes a second that it keeps.
    pub speed: f64,
    /// The longest that a few of them took.
    pub longest: Duration,
}

/// What is to go to a disk.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Bytes a second, where it is known.
    pub rate: Option<f64>,
    /// Bytes that may wait for the disk, and the option that says how many.
    pub buffer: (u64, &'static str),
    /// The oldest is deleted in time.
    pub is_bounded: bool,
}

/// Whether what comes goes to this disk, and how long it does.
pub fn disk(disk: &Disk, load: Load) -> Finding {
    let Disk { free, speed, longest } = *disk;
    let (buffer, option) = load.buffer;
    let mut what = format!(
        "writes {:.1} MB a second, the longest wait {} ms; {:.1} GB free",
        speed / 1e6,
        longest.as_millis(),
        free as f64 / 1e9
    );
    let Some(rate) = load.rate.filter(|rate| *rate > 0.0) else { return Finding::note("disk", what) };
    let lasts = Duration::try_from_secs_f64(free as f64 / rate).unwrap_or(Duration::MAX);
    what += &format!(", enough for {} of this stream", in_words(lasts));
    if speed < rate {
        let remedy = "another disk, a lower rate, or a smaller picture: more comes than it takes";
        return Finding::fail("disk", what).remedied_by(remedy);
    }
    if longest.as_secs_f64() * rate > buffer as f64 {
        return Finding::warn(
            "disk",
            what,
            format!("a larger {option}: more comes in such a wait than it holds"),
        );
    }
    if speed < 2.0 * rate {
        return Finding::warn("disk", what, "another disk: this one keeps up, but has nothing to spare");
    }
    match lasts < Duration::from_secs(24 * 3600) && !load.is_bounded {
        true => Finding::warn(
            "disk",
            what,
            "--keep, --keep-for or --min-free, which delete the oldest recordings",
        ),
        false => Finding::ok("disk", what),
    }
}

fn in_words(time: Duration) -> String {
    match time.as_secs() {
        hours @ 0..172_800 => format!("{:.1} hours", hours as f64 / 3600.0),
        days => format!("{} days", days / 86_400),
    }
}

fn mb(bytes: u64) -> u64 {
    bytes / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn each_bit_of_a_pis_state_is_understood_and_the_worst_is_told() {
        let verdict = |bits| power(bits).verdict;
        assert_eq!(verdict(0), Verdict::Ok);
        assert_eq!(verdict(0x5_0005), Verdict::Fail, "too little voltage now");
        for bit in [1, 2, 3, 16, 17, 18, 19] {
            assert_eq!(verdict(1 << bit), Verdict::Warn, "bit {bit}");
        }
        assert!(power(0x5_0000).what.contains("voltage"));
        assert!(power(0xe_0000).what.contains("heat"));
    }

    #[test]
    fn a_disk_is_judged_by_what_comes() {
        let disk = |free: u64, speed, millis| Disk { free, speed, longest: Duration::from_millis(millis) };
        let load = Load { rate: None, buffer: (64 << 20, "--buffer"), is_bounded: false };
        let judged = |it, rate| super::disk(&it, Load { rate: Some(rate), ..load });
        assert_eq!(judged(disk(400 << 30, 20e6, 50), 2.5e6).verdict, Verdict::Ok);
        assert_eq!(judged(disk(400 << 30, 2e6, 50), 2.5e6).verdict, Verdict::Fail);
        assert_eq!(judged(disk(400 << 30, 4e6, 50), 2.5e6).verdict, Verdict::Warn);
        assert!(judged(disk(400 << 30, 90e6, 30_000), 2.5e6).remedy.unwrap().contains("--buffer"));
        let soon = judged(disk(90_000_000_000, 90e6, 10), 2.5e6);
        assert!(soon.what.ends_with("90.0 GB free, enough for 10.0 hours of this stream"), "{}", soon.what);
        assert_eq!(soon.verdict, Verdict::Warn);
        let bounded = Load { rate: Some(2.5e6), is_bounded: true, ..load };
        assert_eq!(super::disk(&disk(90_000_000_000, 90e6, 10), bounded).verdict, Verdict::Ok);
        assert_eq!(super::disk(&disk(1, 1.0, 1), load).verdict, Verdict::Note);
        // a camera of a frame each ten seconds
        assert_eq!(judged(disk(u64::MAX, 1e9, 1), 0.1).verdict, Verdict::Ok);
    }

    #[test]
    fn the_machine_is_judged() {
        assert_eq!(clock(Some(true)).verdict, Verdict::Ok);
        assert_eq!(clock(Some(false)).verdict, Verdict::Warn);
        assert_eq!(clock(None).verdict, Verdict::Note);
        assert_eq!(heat(79_999, true).verdict, Verdict::Ok);
        assert_eq!(heat(80_000, true).verdict, Verdict::Warn);
        assert_eq!(heat(80_000, false).verdict, Verdict::Ok);
        assert_eq!(heat(95_000, false).verdict, Verdict::Warn);
        assert_eq!(load(2.0, 2).verdict, Verdict::Ok);
        assert_eq!(load(2.1, 2).verdict, Verdict::Warn);
        assert_eq!(memory(400 << 20, 1 << 30, 32 << 20, "--reel").verdict, Verdict::Ok);
        assert_eq!(memory(40 << 20, 1 << 30, 32 << 20, "--reel").verdict, Verdict::Warn);
    }
}
