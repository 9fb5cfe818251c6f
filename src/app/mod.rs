//! The two programs: options become a configuration, and the loops that tie the rooms together.
//!
//! | module | what |
//! |---|---|
//! | [`cast`] | camcast: the one poll loop over camera, joins, clients and signals |
//! | [`rec`] | camrec: joins, receives, records, joins again |
//! | [`films`] | camrec on recordings that are there: `--check`, `--export`, `--sheet` |
//! | `args` | the command line as people type it |
//! | [`exit`] | what ends a program: one line and an exit code |
//! | [`logging`] | log lines for terminals and for the journal |
//! | [`quantity`] | sizes, durations and addresses as people type them |
//! | [`throttle`] | at most one line a minute of what others can cause |
//! | [`wall`] | local time, for names and logs |

mod args;
pub mod cast;
pub mod exit;
pub mod films;
pub mod logging;
pub mod quantity;
pub mod rec;
pub mod throttle;
pub mod wall;

use argh::{ArgsInfo, FromArgs};
use args::Flags;
pub use args::as_typed;
use exit::{Exit, Failure};
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

/// Reads the command line into `Options`, and runs `program` with them. Help goes to standard output; one line of
/// error to standard error.
pub fn main<Options: FromArgs + ArgsInfo>(
    name: &str,
    program: fn(Options) -> Result<Exit, Failure>,
) -> ExitCode {
    match read_options(name).and_then(|options| options.map_or(Ok(Exit::Ok), program)) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            logging::last_words(name, &failure.to_string());
            failure.exit.into()
        }
    }
}

/// `None` if the options asked for help, which has been given.
fn read_options<Options: FromArgs + ArgsInfo>(name: &str) -> Result<Option<Options>, Failure> {
    let usage = |why: String| Failure::new(Exit::Usage, format!("{why} (see {name} --help)"));
    let home = std::env::var_os("HOME");
    let typed = std::env::args_os().skip(1);
    let args = args::spell_out(typed, &Flags::of::<Options>(), home.as_deref()).map_err(usage)?;
    let text = |arg: OsString| {
        arg.into_string().map_err(|arg| usage(format!("{}: not UTF-8", arg.to_string_lossy())))
    };
    let args = args.into_iter().map(text).collect::<Result<Vec<_>, _>>()?;
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match Options::from_args(&[name], &args) {
        Ok(options) => Ok(Some(options)),
        Err(early) if early.status.is_ok() => {
            say(&early.output);
            Ok(None)
        }
        Err(early) => {
            let lines = early.output.lines().filter(|line| !line.trim().is_empty());
            Err(usage(lines.collect::<Vec<_>>().join(" ")))
        }
    }
}

/// A line for people or programs on standard output. That nobody reads it is no error.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
}
