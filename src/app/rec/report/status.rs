//! The line that shows how it goes, on a terminal: as much of it as fits.

use crate::account::ledger::Counts;
use crate::app::logging;
use crate::app::quantity::show_bytes;
use crate::sys::outlet;
use crate::time::Time;
use std::io::IsTerminal;
use std::time::Duration;

/// The line is renewed this often.
const RENEW: Duration = Duration::from_millis(500);

/// A terminal that does not say how wide it is.
const COLUMNS: u16 = 80;

/// The status line. Nothing where standard error is not a terminal.
pub(in crate::app::rec) struct Status {
    is_terminal: bool,
    next: Time,
}

/// What there is to see.
pub(in crate::app::rec) struct Glance {
    pub(in crate::app::rec) counts: Counts,
    /// Frames a second.
    pub(in crate::app::rec) fps: Option<f64>,
    /// The delay of the newest frame.
    pub(in crate::app::rec) delay: Option<Duration>,
    /// Since the first frame, if there was one.
    pub(in crate::app::rec) elapsed: Option<Duration>,
    /// What keeps frames from coming.
    pub(in crate::app::rec) trouble: Option<&'static str>,
    /// How much comes by each way, where there are two.
    pub(in crate::app::rec) ways: Option<String>,
}

impl Status {
    /// Looks whether there is a terminal. `is_wanted`: it is not for programs.
    pub(in crate::app::rec) fn new(is_wanted: bool, now: Time) -> Self {
        Status { is_terminal: is_wanted && std::io::stderr().is_terminal(), next: now }
    }

    /// When the line is to be renewed.
    pub(in crate::app::rec) fn next_timeout(&self) -> Time {
        if self.is_terminal { self.next } else { Time::NEVER }
    }

    /// Renews the line.
    pub(in crate::app::rec) fn show(&mut self, glance: &Glance, now: Time) {
        if self.is_terminal {
            self.next = now.after(RENEW);
            logging::show(glance.line(outlet::columns().unwrap_or(COLUMNS)));
        }
    }
}

impl Glance {
    /// For the service manager, which has the time itself.
    pub(in crate::app::rec) fn words(&self) -> String {
        let Counts { recorded, bytes, missing, .. } = self.counts;
        let fps = self.fps.map(show_fps);
        let parts = [
            self.trouble.map(str::to_owned),
            Some(format!("{recorded} frames")),
            fps.filter(|_| self.trouble.is_none()),
            Some(show_bytes(bytes)),
            Some(format!("{missing} missing")),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// The line, in less than this many characters: the last one of a line makes some terminals begin another.
    fn line(&self, columns: u16) -> String {
        let Counts { recorded, bytes, missing, .. } = self.counts;
        // in the order in which they are read, each with its rank: who is there when room is scarce
        let parts = [
            (1, self.elapsed.map(show_elapsed)),
            (0, self.trouble.map(str::to_owned)),
            (2, Some(format!("{recorded} frames"))),
            (5, self.fps.map(show_fps)),
            (6, Some(show_bytes(bytes))),
            (3, Some(format!("{missing} missing"))),
            (8, self.delay.map(|delay| format!("delay {} ms", delay.as_millis()))),
            (7, self.ways.clone()),
            (4, Some("Ctrl-C ends".to_owned())),
        ];
        let mut has_room = [false; 9];
        let mut left = usize::from(columns).saturating_sub(1);
        for (rank, has_room) in has_room.iter_mut().enumerate() {
            let Some((_, Some(part))) = parts.iter().find(|(its, _)| *its == rank) else { continue };
            let needed = part.len() + ", ".len();
            // the first one has no comma before it
            *has_room = needed <= left + ", ".len();
            left = left.saturating_sub(if *has_room { needed } else { 0 });
        }
        let shown = parts.iter().filter(|(rank, _)| has_room[*rank]).filter_map(|(_, part)| part.as_deref());
        shown.collect::<Vec<_>>().join(", ")
    }
}

/// `0:07`, `1:02:03`.
fn show_elapsed(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

fn show_fps(fps: f64) -> String {
    if fps < 0.95 { format!("{fps:.2} fps") } else { format!("{fps:.1} fps") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glance() -> Glance {
        Glance {
            counts: Counts { recorded: 111_780, bytes: 10_912_000_000, missing: 3, ..Counts::default() },
            fps: Some(29.97),
            delay: Some(Duration::from_millis(12)),
            elapsed: Some(Duration::from_secs(3730)),
            trouble: None,
            ways: None,
        }
    }

    #[test]
    fn a_wide_terminal_shows_it_all() {
        let all = "1:02:10, 111780 frames, 30.0 fps, 10.91 GB, 3 missing, delay 12 ms, Ctrl-C ends";
        assert_eq!(glance().line(120), all);
        let two = Glance { ways: Some("ways 61.2%/38.8%".into()), ..glance() };
        assert!(two.line(120).contains(", delay 12 ms, ways 61.2%/38.8%, Ctrl-C ends"), "{}", two.line(120));
        let away = Glance { fps: Some(0.016), delay: None, trouble: Some("camcast is away"), ..glance() };
        assert_eq!(
            away.line(120),
            "1:02:10, camcast is away, 111780 frames, 0.02 fps, 10.91 GB, 3 missing, Ctrl-C ends"
        );
        let early = Glance { fps: None, elapsed: None, trouble: Some("no frame yet"), ..glance() };
        assert!(early.line(120).starts_with("no frame yet, "));
    }

    #[test]
    fn the_service_manager_is_told_in_short() {
        assert_eq!(glance().words(), "111780 frames, 30.0 fps, 10.91 GB, 3 missing");
        let away = Glance { trouble: Some("camcast is away"), ..glance() };
        assert_eq!(away.words(), "camcast is away, 111780 frames, 10.91 GB, 3 missing");
    }

    #[test]
    fn a_narrow_one_shows_what_matters_most() {
        assert_eq!(glance().line(40), "1:02:10, 111780 frames, 3 missing");
        assert_eq!(glance().line(50), "1:02:10, 111780 frames, 3 missing, Ctrl-C ends");
        assert_eq!(glance().line(12), "1:02:10");
        for columns in 0..120 {
            let line = glance().line(columns);
            assert!(line.len() < usize::from(columns).max(1), "{columns}: {line}");
        }
    }

    #[test]
    fn elapsed_is_told_as_a_clock_does() {
        let told = [0, 7, 61, 3600, 360_000].map(|seconds| show_elapsed(Duration::from_secs(seconds)));
        assert_eq!(told, ["0:00", "0:07", "1:01", "1:00:00", "100:00:00"]);
    }
}
