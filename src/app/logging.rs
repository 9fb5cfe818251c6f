//! Log lines: with the time of day on a terminal, with syslog priorities under systemd, whose journal has the time. Like all that
//! goes to standard error they wait in an [outbox](super::outbox), so that nobody waits for whoever reads them.

use super::budget::{Budget, Kind};
use super::exit::{ExitError, usage};
use super::local_time;
use super::outbox::Outbox;
use crate::app::quantity::counted;
use crate::shown::one_line;
use crate::sys::clock;
use crate::sys::outlet::Outlet;
use crate::time::Time;
use log::{Level, LevelFilter, Record};
use std::fmt::Display;
use std::io::{self, Write};
use std::os::fd::BorrowedFd;
use std::panic;
use std::sync::{Mutex, OnceLock, PoisonError};

/// The program's name, and the way to standard error.
static VOICE: OnceLock<(&'static str, Outbox)> = OnceLock::new();

/// More than 150 a second help nobody.
const MOST_LINES: u16 = 10_000;

/// What each kind of line may have a minute, in a program that runs on and on.
static BUDGET: OnceLock<Mutex<Budget>> = OnceLock::new();

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
    builder.format(move |to, record| match may_say(record) {
        true => to.write_all(line(name, record.level(), record.args()).as_bytes()),
        false => Ok(()),
    });
    builder.target(env_logger::Target::Pipe(Box::new(ToOutbox)));
    // it is started once, by main; a second start in a test keeps the first
    let _ = builder.try_init();
}

/// [Starts](start) it for a program that runs on and on: each kind of line is said so often a minute, and what there was more of it
/// is counted, since others can cause some of them without end. What is only for debugging is asked for, and is not counted.
pub fn start_limited(name: &'static str, verbose: u16, lines_a_minute: u32) {
    // the first one stays
    let _ = BUDGET.set(Mutex::new(Budget::new(lines_a_minute)));
    start(name, verbose);
}

/// So many from now on.
pub fn set_lines(lines_a_minute: u32) {
    with_budget(|budget| budget.set_most(lines_a_minute));
}

/// What was typed as the number of lines a minute of any one kind, or what the program has by itself.
///
/// # Errors
/// None, or more than anybody reads.
pub fn lines_a_minute(typed: Option<u16>, default: u32) -> Result<u32, ExitError> {
    match typed {
        None => Ok(default),
        Some(lines @ 1..=MOST_LINES) => Ok(lines.into()),
        Some(_) => Err(usage(format!("--log-lines: from 1 to {MOST_LINES} a minute"))),
    }
}

fn with_budget<T>(act: impl FnOnce(&mut Budget) -> T) -> Option<T> {
    // whoever has panicked has counted
    BUDGET.get().map(|budget| act(&mut budget.lock().unwrap_or_else(PoisonError::into_inner)))
}

fn may_say(record: &Record<'_>) -> bool {
    let (Some(file), Some(line), true) = (record.file_static(), record.line(), record.level() <= Level::Info)
    else {
        return true;
    };
    let kind = Kind { file, line, target: record.target() };
    let may = |budget: &mut Budget| budget.may_say(kind, record.level(), *record.args(), clock::now());
    with_budget(may).unwrap_or(true)
}

/// Once a turn: says how much was not said, when a minute is over.
pub fn attend(now: Time) {
    while let Some(summary) = with_budget(|budget| budget.summary(now)).flatten() {
        say_summary(&summary);
    }
}

fn say_summary((level, text): &(Level, String)) {
    if let Some((name, outbox)) = VOICE.get() {
        outbox.say(line(name, *level, text).as_bytes());
    }
}

/// When [`attend`] has something to say, if it will have.
pub fn next_timeout() -> Time {
    with_budget(|budget| budget.next_timeout()).unwrap_or(Time::NEVER)
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

/// Says how much was not said, and waits a moment for all to be read.
pub fn finish() {
    while let Some(summary) = with_budget(Budget::last_summary).flatten() {
        say_summary(&summary);
    }
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
