//! How far it has come, for whoever waits at a terminal.

use crate::app::logging;
use crate::shown::shown;
use crate::sys::clock;
use crate::time::Time;
use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

/// The line is renewed this often.
const RENEW: Duration = Duration::from_millis(500);

/// A line on standard error. Nothing where that is not a terminal.
pub(super) struct Progress {
    is_terminal: bool,
    next: Time,
    is_shown: bool,
}

impl Progress {
    /// Looks whether there is a terminal.
    pub(super) fn new() -> Self {
        Progress {
            is_terminal: std::io::stderr().is_terminal(),
            next: clock::now().after(RENEW),
            is_shown: false,
        }
    }

    /// This many bytes of all are done.
    pub(super) fn show(&mut self, path: &Path, done: u64, all: u64) {
        if !self.is_terminal || clock::now() < self.next {
            return;
        }
        self.next = clock::now().after(RENEW);
        self.is_shown = true;
        let percent = done.saturating_mul(100) / all.max(1);
        logging::show(format!("{}: {percent} %", shown(path)));
    }

    /// Makes room for other lines.
    pub(super) fn clear(&mut self) {
        if std::mem::take(&mut self.is_shown) {
            logging::hide();
        }
    }
}
