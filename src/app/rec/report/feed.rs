//! Where the events of `--json` go: a thread of its own, since whoever reads them may stop reading, and the recording
//! must not wait for that.

use super::json::JsonEvent;
use crate::sys::clock;
use std::io::{self, Write};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Events that may wait: some minutes of them.
const QUEUE: usize = 512;

/// At the end a reader that has stopped reading is waited for this long ...
const PATIENCE: Duration = Duration::from_secs(5);
/// ... and looked at this often.
const LOOK: Duration = Duration::from_millis(5);

/// One of the two outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Standard output.
    Out,
    /// Standard error: standard output is the recording.
    Err,
}

/// The events' way out.
pub struct Feed {
    lines: Option<SyncSender<String>>,
    thread: JoinHandle<()>,
    /// Events that there was no room for.
    lost: u64,
}

impl Feed {
    /// Starts the thread.
    ///
    /// # Errors
    /// The process has no thread left.
    pub fn start(to: Output) -> io::Result<Self> {
        let (lines, inbox) = sync_channel::<String>(QUEUE);
        let thread = thread::Builder::new().name("json".into()).spawn(move || {
            while let Ok(line) = inbox.recv() {
                let written = match to {
                    Output::Out => write(&mut io::stdout(), &line),
                    Output::Err => write(&mut io::stderr(), &line),
                };
                if written.is_err() {
                    // nobody reads them any more
                    return;
                }
            }
        })?;
        Ok(Feed { lines: Some(lines), thread, lost: 0 })
    }

    /// Says an event; if its reader has stopped reading it is lost, and counted.
    pub fn say(&mut self, event: &JsonEvent<'_>) {
        if self.lost > 0 && self.send(&JsonEvent::EventsLost { count: self.lost }) {
            self.lost = 0;
        }
        if !self.send(event) {
            self.lost += 1;
        }
    }

    fn send(&self, event: &JsonEvent<'_>) -> bool {
        let Some(lines) = &self.lines else { return true };
        !matches!(lines.try_send(event.line()), Err(TrySendError::Full(_)))
    }

    /// The last event has been said: waits until all are out, or their reader has left them lying for too long.
    pub fn close(mut self) {
        if self.lost > 0 {
            self.send(&JsonEvent::EventsLost { count: self.lost });
        }
        drop(self.lines.take());
        let until = clock::now().after(PATIENCE);
        while !self.thread.is_finished() && clock::now() < until {
            thread::park_timeout(LOOK);
        }
    }
}

fn write(to: &mut impl Write, line: &str) -> io::Result<()> {
    to.write_all(line.as_bytes())?;
    to.flush()
}
