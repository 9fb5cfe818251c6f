//! Log lines: with the time of day on a terminal, with syslog priorities under systemd, whose journal has the time.

use super::wall;
use crate::shown::one_line;
use log::{Level, LevelFilter};
use std::io::Write;

/// Starts logging to standard error. `RUST_LOG` wins over `verbose`.
pub fn start(name: &'static str, verbose: u16) {
    let level = match verbose {
        0 => LevelFilter::Info,
        1 => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    };
    let journal = under_systemd();
    let mut builder = env_logger::Builder::new();
    builder.filter_level(level).parse_default_env().format(move |to, record| {
        if journal {
            writeln!(to, "<{}>{}", priority(record.level()), one_line(record.args()))
        } else {
            let label = label(record.level());
            writeln!(to, "{} {name}: {label}{}", wall::time_of_day(), one_line(record.args()))
        }
    });
    // it is started once, by main; a second start in a test keeps the first
    let _ = builder.try_init();
}

/// The line that a program ends with. It is not subject to `RUST_LOG`.
pub fn last_words(name: &str, text: &str) {
    let (mut stderr, text) = (std::io::stderr(), one_line(text));
    let _ = if under_systemd() {
        writeln!(stderr, "<{}>{text}", priority(Level::Error))
    } else {
        writeln!(stderr, "{name}: {text}")
    };
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
