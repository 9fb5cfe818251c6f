//! What camrec tells people: the status line while it records, and the account at the end.

use crate::app::quantity::{show_bytes, show_duration};
use crate::receive::ledger::Ledger;
use crate::store::Summary;
use crate::time::Time;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::time::Duration;

/// The status line is renewed this often.
const RENEW: Duration = Duration::from_millis(500);

/// Gaps that the account names; the others are counted.
const NAMED_GAPS: usize = 20;

/// The status line: frames, rate, bytes, missing, delay. Nothing where standard error is not a terminal.
pub struct Status {
    is_terminal: bool,
    next: Time,
    /// Frames and time when the line was last renewed.
    last: (u64, Time),
    is_shown: bool,
}

impl Status {
    /// Looks whether there is a terminal.
    pub fn new(now: Time) -> Self {
        Status { is_terminal: std::io::stderr().is_terminal(), next: now, last: (0, now), is_shown: false }
    }

    /// When the line is to be renewed.
    pub fn next_timeout(&self) -> Time {
        if self.is_terminal { self.next } else { Time::NEVER }
    }

    /// Renews the line if it is time. `delay` is that of the newest frame.
    pub fn show(&mut self, ledger: &Ledger, delay: Option<Duration>, now: Time) {
        if !self.is_terminal || now < self.next {
            return;
        }
        let (frames, since) = self.last;
        let seconds = now.since(since).as_secs_f64();
        let fps = if seconds > 0.0 { (ledger.recorded() - frames) as f64 / seconds } else { 0.0 };
        self.next = now.after(RENEW);
        self.last = (ledger.recorded(), now);
        self.is_shown = true;
        let mut line = format!("{} frames, {fps:.1} fps", ledger.recorded());
        // writing into a String cannot fail
        let _ = write!(line, ", {}, {} missing", show_bytes(ledger.bytes()), ledger.missing());
        if let Some(delay) = delay {
            let _ = write!(line, ", delay {} ms", delay.as_millis());
        }
        let _ = write!(std::io::stderr(), "\r{line}\x1b[K");
    }

    /// Makes room for other lines.
    pub fn clear(&mut self) {
        if std::mem::take(&mut self.is_shown) {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// The account of a whole run, in lines.
pub fn text(ledger: &Ledger, files: &[Summary], is_every: bool) -> String {
    let from_camera = ledger.recorded() + ledger.missing() + ledger.skipped();
    let mut text = String::new();
    for file in files {
        let name = file.path.as_ref().map_or("standard output".into(), |path| path.display().to_string());
        let span = show_duration(file.span());
        let _ = writeln!(text, "{name}: {} frames, {span}, {}", file.frames, show_bytes(file.bytes));
    }
    let _ = writeln!(text, "frames from the camera: {from_camera}");
    let _ = writeln!(text, "recorded: {}", ledger.recorded());
    let _ = writeln!(text, "repaired: {}", ledger.repaired());
    let _ = writeln!(text, "missing: {}{}", ledger.missing(), gaps(ledger));
    if !is_every {
        let _ = writeln!(text, "skipped, newer ones came in time: {}", ledger.skipped());
    }
    let _ = write!(text, "camera's own drops: {}", ledger.camera_drops());
    if ledger.restarts() > 0 {
        let _ = write!(
            text,
            "\ncamcast restarts: {} (what the camera delivered meanwhile is not known)",
            ledger.restarts()
        );
    }
    text
}

fn gaps(ledger: &Ledger) -> String {
    if ledger.missing() == 0 {
        return String::new();
    }
    let named: Vec<_> = ledger.gaps().iter().take(NAMED_GAPS).map(ToString::to_string).collect();
    let more = if ledger.gaps().len() > NAMED_GAPS { ", ..." } else { "" };
    format!(" (frames {}{more})", named.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Stamp;
    use crate::wire::FrameNumber;

    #[test]
    fn the_account_names_what_is_missing() {
        let mut ledger = Ledger::default();
        for number in [1, 2, 5] {
            let stamp = Stamp { sequence: number, ..Stamp::default() };
            ledger.on_frame(FrameNumber(number), stamp, false, 100);
        }
        ledger.on_missing(FrameNumber(3), 2);
        assert_eq!(
            text(&ledger, &[], true),
            "frames from the camera: 5\nrecorded: 3\nrepaired: 0\nmissing: 2 (frames 3-4)\ncamera's own drops: 0"
        );
        assert!(text(&ledger, &[], false).contains("skipped, newer ones came in time: 0"));
    }
}
