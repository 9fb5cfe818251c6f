//! Log lines: with the time of day on a terminal, with syslog priorities under systemd, whose journal has the time. Like all that
//! goes to standard error they wait in an [outbox](super::outbox), so that nobody waits for whoever reads them.

use super::local_time;
use super::outbox::Outbox;
use crate::app::quantity::counted;
use crate::shown::one_line;
use crate::sys::outlet::Outlet;
use log::{Level, LevelFilter};
use std::fmt::Display;
use std::io::{self, Write};
use std::os::fd::BorrowedFd;
use std::panic;
use std::sync::OnceLock;

/// The program's name, and the way to standard error.
static VOICE: OnceLock<(&'static str, Outbox)> = OnceLock::new();

/// From here on the program can speak, also of a panic. Whoever calls this is to call [`finish`] at its end.
pub fn open(name: &'static str) {
    voice(name);
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let Some((name, outbox)) = VOICE.get() else { return usual(info) };
        outbox.say_last(line(name, Level::Error, &info).as_bytes());
        outbox.finish();
    }));
}

fn voice(name: &'static str) -> &'static (&'static str, Outbox) {
    VOICE.get_or_init(|| {
        let outbox = Outbox::new(Outlet::standard_error().ok(), Some(lost));
        // no thread left for it, or no standard error: the program goes on in silence
        (name, outbox.unwrap_or_default())
    })
}

/// Starts logging to standard error. `RUST_LOG` wins over `verbose`.
pub fn start(name: &'static str, verbose: u16) {
    let level = match verbose {
        0 => LevelFilter::Info,
        1 => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    };
    voice(name);
    let mut builder = env_logger::Builder::new();
    builder.filter_level(level).parse_default_env();
    builder.format(move |to, record| to.write_all(line(name, record.level(), record.args()).as_bytes()));
    builder.target(env_logger::Target::Pipe(Box::new(ToOutbox)));
    // it is started once, by main; a second start in a test keeps the first
    let _ = builder.try_init();
}

/// What env_logger writes to: a line at a time.
struct ToOutbox;

impl Write for ToOutbox {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Some((_, outbox)) = VOICE.get() {
            outbox.say(line);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The line that a program ends with. It is not subject to `RUST_LOG`.
pub fn last_words(name: &'static str, text: &str) {
    let text = one_line(text);
    let line = if under_systemd() {
        format!("<{}>{text}\n", priority(Level::Error))
    } else {
        format!("{name}: {text}\n")
    };
    voice(name).1.say_last(line.as_bytes());
}

/// What to poll for writing, if something waits: then [`drain`] is to be called.
pub fn fd() -> Option<BorrowedFd<'static>> {
    VOICE.get().and_then(|(_, outbox)| outbox.fd())
}

/// Writes what waits, as far as it is taken.
pub fn drain() {
    if let Some((_, outbox)) = VOICE.get() {
        outbox.drain();
    }
}

/// Shows a line on the terminal that is renewed in its place, until another line comes.
pub fn show(line: String) {
    if let Some((_, outbox)) = VOICE.get() {
        outbox.show(line);
    }
}

/// Shows none any more.
pub fn hide() {
    if let Some((_, outbox)) = VOICE.get() {
        outbox.hide();
    }
}

/// Waits a moment for what has been said to be read.
pub fn finish() {
    if let Some((_, outbox)) = VOICE.get() {
        outbox.finish();
    }
}

fn lost(count: u64) -> String {
    let name = VOICE.get().map_or("", |(name, _)| name);
    let lines = counted(count, "line");
    line(name, Level::Warn, &format_args!("{lines} of this log lost: nobody has read them in time"))
}

fn line(name: &str, level: Level, text: &dyn Display) -> String {
    let text = one_line(text);
    if under_systemd() {
        format!("<{}>{text}\n", priority(level))
    } else {
        format!("{} {name}: {}{text}\n", local_time::time_of_day(), label(level))
    }
}

/// systemd sets this where standard error goes to its journal.
fn under_systemd() -> bool {
    std::env::var_os("JOURNAL_STREAM").is_some()
}

/// sd-daemon(3).
fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

fn label(level: Level) -> &'static str {
    match level {
        Level::Error => "error: ",
        Level::Warn => "warning: ",
        Level::Info => "",
        Level::Debug => "debug: ",
        Level::Trace => "trace: ",
    }
}
