//! Where the events of `--json` go: a thread of its own, since whoever reads them may stop reading, and the recording
//! must not wait for that.

use super::json::JsonEvent;
use crate::app::rec::config::Output;
use crate::sys::clock;
use crate::sys::worker::{Bell, Worker};
use std::io::{self, Write};
use std::time::Duration;

/// Events that may wait: some minutes of them.
const QUEUE: usize = 512;

/// At the end a reader that has stopped reading is waited for this long.
const PATIENCE: Duration = Duration::from_secs(5);

/// The events' way out.
pub struct Feed {
    lines: Worker<String, ()>,
    /// Events that there was no room for.
    lost: u64,
}

impl Feed {
    /// Starts the thread.
    ///
    /// # Errors
    /// The process has no thread left.
    pub fn start(to: Output) -> io::Result<Self> {
        let lines = Worker::start("json", QUEUE, &Bell::new()?, move |lines, _| {
            let write = |line: String| match to {
                Output::Out => write(&mut io::stdout(), &line),
                Output::Err => write(&mut io::stderr(), &line),
            };
            // it ends when nobody reads them any more
            let _ = lines.iter().try_for_each(write);
        })?;
        Ok(Feed { lines, lost: 0 })
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
        self.lines.send(event.line()).is_ok()
    }

    /// The last event has been said: waits until all are out, or their reader has left them lying for too long.
    pub fn close(mut self) {
        if self.lost > 0 {
            self.send(&JsonEvent::EventsLost { count: self.lost });
        }
        self.lines.close();
        self.lines.wait_for_end(clock::now().after(PATIENCE));
    }
}

fn write(to: &mut impl Write, line: &str) -> io::Result<()> {
    to.write_all(line.as_bytes())?;
    to.flush()
}
