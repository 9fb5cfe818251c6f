//! The two programs: options become a configuration, and the loops that tie the rooms together.
//!
//! Lives here: what both programs have in common, and a folder for each. May not live here: anything that needs no socket, no file
//! and no clock; it belongs in a pure room, where a test can drive it.
//!
//! | module | what |
//! |---|---|
//! | [`argument`] | arguments as typed, which may be any bytes |
//! | [`cast`] | camcast: the one poll loop over camera, joins, clients and signals |
//! | [`rec`] | camrec: joins, receives, records, joins again |
//! | [`tools`] | camrec on recordings that are there: its subcommands `check`, `export`, `sheet` |
//! | `args` | the command line as people type it |
//! | [`budget`] | how many lines a minute one kind of line may have |
//! | [`config_file`] | options in a file |
//! | [`doctor`] | what `--doctor` looks at in either program |
//! | [`exit`] | what ends a program: one line and an exit code |
//! | [`local_time`] | local time, for names and logs |
//! | [`merge`] | options typed and options of a file, made one |
//! | [`logging`] | log lines for terminals and for the journal |
//! | [`not_sent`] | datagrams that the system did not send |
//! | [`outbox`] | what is said, until somebody takes it |
//! | [`key_file`] | the files that keys are in, those of sealed mode and those that sign |
//! | [`quantity`] | sizes, durations and addresses as people type them |
//! | [`service`] | what the service manager is told |
//! | [`throttle`] | at most one line a minute of what others can cause |

pub mod args;
pub mod argument;
pub mod budget;
pub mod cast;
pub mod config_file;
pub mod doctor;
pub mod exit;
pub mod key_file;
pub mod local_time;
pub mod logging;
pub mod merge;
pub mod not_sent;
pub mod outbox;
pub mod quantity;
pub mod rec;
pub mod service;
pub mod throttle;
pub mod tools;

use crate::shown::one_line;
use crate::sys::outlet::Outlet;
use argh::{ArgsInfo, FromArgs};
use args::Grammar;
use config_file::{ConfigFile, InFile};
use exit::{Exit, ExitError};
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

/// What is done with the arguments behind a program's name, or behind a subcommand's.
type Command = fn(&[OsString]) -> Result<Exit, ExitError>;

/// camrec's subcommands: each is the first word that is typed. A host of such a name is `camrec -- NAME`.
const TOOLS: [(&str, Command); 3] = [
    ("check", |typed| run("camrec check", &[], typed, tools::check::run)),
    ("export", |typed| run("camrec export", &[], typed, tools::export::run)),
    ("sheet", |typed| run("camrec sheet", &[], typed, tools::sheet::run)),
];

/// camcast as a process.
pub fn camcast() -> ExitCode {
    main("camcast", |typed| run_with_file("camcast", &[], typed, cast::run))
}

/// camrec as a process.
pub fn camrec() -> ExitCode {
    main("camrec", |typed| {
        let named = |first: &OsString| TOOLS.iter().find(|(name, _)| first == name);
        match typed.split_first().and_then(|(first, rest)| Some((named(first)?, rest))) {
            Some(((_, tool), rest)) => tool(rest),
            None => run_with_file("camrec", &TOOLS.map(|(name, _)| name), typed, rec::run),
        }
    })
}

/// Runs a program with what was typed behind its name. One line of error goes to standard error.
fn main(name: &'static str, program: Command) -> ExitCode {
    crate::sys::signals::outlive_file_limits();
    logging::open(name);
    let typed: Vec<OsString> = std::env::args_os().skip(1).collect();
    let exit = program(&typed).unwrap_or_else(|failure| {
        logging::last_words(name, &argument::readable(&failure.to_string()));
        failure.exit
    });
    logging::finish();
    exit.into()
}

/// Reads `Options`, and runs `program` with them. `tools`: the subcommands of `command`.
fn run<Options: FromArgs + ArgsInfo>(
    command: &str,
    tools: &[&str],
    typed: &[OsString],
    program: fn(Options) -> Result<Exit, ExitError>,
) -> Result<Exit, ExitError> {
    let grammar = grammar::<Options>(command, tools);
    let typed = args::spell_out(typed, &grammar, home().as_deref()).map_err(|why| wrong(command, &why))?;
    read_options(command, &typed)?.map_or(Ok(Exit::Ok), program)
}

/// The same with the options of a file, if one was named.
fn run_with_file<Options: InFile>(
    command: &str,
    tools: &[&str],
    typed: &[OsString],
    program: fn(Options) -> Result<Exit, ExitError>,
) -> Result<Exit, ExitError> {
    let Some((options, given)) = gather::<Options>(command, tools, typed)? else { return Ok(Exit::Ok) };
    program(options).map_err(|error| given.place(error))
}

/// Where options come from: what was typed, and the file that was named.
pub struct Given {
    file: Option<ConfigFile>,
    typed: Vec<OsString>,
}

impl Given {
    /// Tells of an error where in the file it lies, if it is about an option of it.
    pub fn place(&self, error: ExitError) -> ExitError {
        match &self.file {
            Some(file) => file.place(error, &self.typed),
            None => error,
        }
    }

    /// Names of options for which the file says something else than in `before`, and not what was typed.
    pub fn differences(&self, before: &Self) -> Vec<&'static str> {
        let differ =
            self.file.as_ref().zip(before.file.as_ref()).map(|(now, before)| now.differences(before));
        let mut differ = differ.unwrap_or_default();
        differ.retain(|name| !config_file::is_typed(name, &self.typed));
        differ
    }
}

/// What this process was started with, its file read anew.
///
/// # Errors
/// As at the start.
pub fn gather_again<Options: InFile>(command: &str) -> Result<Option<(Options, Given)>, ExitError> {
    let typed: Vec<OsString> = std::env::args_os().skip(1).collect();
    gather(command, &[], &typed)
}

/// The options, and where they come from. `None` if help was asked for, which has been given.
fn gather<Options: InFile>(
    command: &str,
    tools: &[&str],
    typed: &[OsString],
) -> Result<Option<(Options, Given)>, ExitError> {
    let (grammar, home) = (grammar::<Options>(command, tools), home());
    let typed = args::spell_out(typed, &grammar, home.as_deref()).map_err(|why| wrong(command, &why))?;
    let Some(options) = read_options::<Options>(command, &typed)? else { return Ok(None) };
    let Some(file) = options.file() else { return Ok(Some((options, Given { file: None, typed }))) };
    let (file, of_file) = ConfigFile::read(file, &grammar, home.as_deref())?;
    Ok(Some((options.over(of_file), Given { file: Some(file), typed })))
}

fn grammar<Options: ArgsInfo>(command: &str, tools: &[&str]) -> Grammar {
    Grammar::of::<Options>(tools.iter().map(|tool| format!("{command} {tool}")).collect())
}

fn home() -> Option<OsString> {
    std::env::var_os("HOME")
}

fn wrong(command: &str, why: &str) -> ExitError {
    ExitError::new(Exit::Usage, format!("{why} (see {command} --help)"))
}

/// Options that are spelled out. `None` if they asked for help, which has been given on standard output.
fn read_options<Options: FromArgs>(command: &str, args: &[OsString]) -> Result<Option<Options>, ExitError> {
    match args::understand(command, args) {
        Ok(options) => Ok(Some(options)),
        Err(early) if early.status.is_ok() => {
            say(&early.output);
            Ok(None)
        }
        Err(early) => Err(wrong(command, &args::in_a_line(&early.output))),
    }
}

/// Says the last there is to say on standard output, and waits but a moment for whoever reads it: a terminal may be stopped.
pub fn say_at_the_end(text: &str) {
    if let Ok(outbox) = outbox::Outbox::new(Outlet::standard_output().ok(), None) {
        outbox.say_last(tame(text).as_bytes());
    }
}

/// Lines for people on standard output. That nobody reads them is no error.
pub fn say(text: &str) {
    let _ = std::io::stdout().write_all(tame(text).as_bytes());
}

/// A line for programs on standard output.
pub fn say_to_programs(line: &str) {
    let _ = writeln!(std::io::stdout(), "{}", line.trim_end());
}

/// Line by line what a terminal only shows.
fn tame(text: &str) -> String {
    text.trim_end().lines().map(|line| format!("{}\n", one_line(line))).collect()
}
