//! What camrec does with recordings that are there: it looks whether they are sound, copies them into another form, or shows
//! them at a glance.

mod check;
mod export;
mod gather;
mod progress;
mod sheet;

use super::argument::Argument;
use super::exit::{Exit, ExitError};
use super::rec::options::Options;
use super::{say, say_to_programs};
use crate::picture::Decoder;
use crate::shown::shown;
use crate::store::Error;
use crate::store::copy::Form;
use check::Verdict;
use gather::{Found, gather};
use progress::Progress;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tool {
    /// Read these files back.
    Check {
        /// The files.
        files: Vec<PathBuf>,
        /// Programs want to know.
        json: bool,
    },
    /// Copy a file into another form.
    Export {
        /// The file.
        from: PathBuf,
        /// The copy.
        to: PathBuf,
        /// Its form.
        form: Form,
    },
    /// Make a sheet of small pictures.
    Sheet {
        /// The file.
        from: PathBuf,
        /// The sheet.
        to: PathBuf,
    },
}

/// The options that ask for one.
const JOBS: [&str; 3] = ["--check", "--export", "--sheet"];

impl Tool {
    /// What the options ask for; `None` if they ask for a recording.
    ///
    /// # Errors
    /// They contradict each other.
    pub fn wanted(options: &Options) -> Result<Option<Self>, ExitError> {
        let asked = [("--check", options.check), ("--export", options.export), ("--sheet", options.sheet)];
        let mut asked = asked.into_iter().filter_map(|(option, is_given)| is_given.then_some(option));
        let (job, named) = match (asked.next(), &options.host[..]) {
            (Some(job), names) => (job, names),
            // "camrec check FILE": no two hosts are recorded at once
            (None, [first, names @ ..]) if !names.is_empty() => {
                match JOBS.iter().find(|job| first.text() == Some(&job[2..])) {
                    Some(job) => (*job, names),
                    None => return Ok(None),
                }
            }
            (None, _) => return Ok(None),
        };
        if let Some(other) = asked.next() {
            return Err(usage(format!("{job} and {other}: one at a time")));
        }
        if let Some(option) = options.first_of_recording() {
            return Err(usage(format!("{option} is for recording; {job} takes recordings that are there")));
        }
        let files: Vec<PathBuf> = named.iter().map(|file| file.path().to_owned()).collect();
        match (job, &options.output) {
            ("--check", Some(_)) => Err(usage("--output is not for --check, which writes nothing")),
            ("--check", None) if files.is_empty() => {
                Err(usage("which files? camrec --check FILE... or FOLDER"))
            }
            ("--check", None) => Ok(Some(Tool::Check { files, json: options.json })),
            (_, None) => Err(usage(format!("{job} to where? camrec {job} FILE -o NAME"))),
            (_, Some(to)) => Tool::to(job, files, to).map(Some),
        }
    }

    fn to(job: &str, files: Vec<PathBuf>, to: &Argument) -> Result<Self, ExitError> {
        let [from] = <[PathBuf; 1]>::try_from(files)
            .map_err(|files| usage(format!("{job} takes one file, not {}", files.len())))?;
        if to.is_stdio() {
            return Err(usage(format!("{job} cannot write to standard output: give -o a name")));
        }
        let path = to.path().to_owned();
        if job == "--export" {
            return Ok(Tool::Export { from, to: path, form: export::form(to.path()).map_err(usage)? });
        }
        let is_jpeg = ["jpg", "jpeg"].map(OsStr::new).map(Some).contains(&path.extension());
        match is_jpeg {
            true => Ok(Tool::Sheet { from, to: path }),
            false => Err(usage(format!("{to}: a sheet is a JPEG: expected a name that ends in .jpg"))),
        }
    }

    /// Does it.
    ///
    /// # Errors
    /// What keeps it from being done.
    pub fn run(self) -> Result<Exit, ExitError> {
        match self {
            Tool::Check { files, json } => check_all(&files, json),
            Tool::Export { from, to, form } => export::export(&from, &to, form),
            Tool::Sheet { from, to } => sheet::sheet(&from, &to),
        }
    }
}

/// A recording cannot be read.
fn no_film(error: &Error) -> ExitError {
    ExitError::new(Exit::Damaged, error.to_string())
}

fn store_failure(error: &Error) -> ExitError {
    ExitError::new(Exit::NotWritable, error.to_string())
}

fn usage(message: impl Into<String>) -> ExitError {
    ExitError::new(Exit::Usage, message)
}

/// All files, also if one of them cannot be read.
fn check_all(names: &[PathBuf], json: bool) -> Result<Exit, ExitError> {
    let mut checker = Checker {
        decoder: Decoder::new().map_err(|error| ExitError::new(Exit::System, error.to_string()))?,
        progress: Progress::new(),
        json,
        exit: Exit::Ok,
    };
    let (mut recordings, mut beside, mut others) = (0, 0, 0);
    for found in gather(names) {
        match found {
            Found::Recording(path) => {
                recordings += 1;
                checker.check(&path);
            }
            Found::Unreadable(path, error) => checker.failed(&path, &error),
            Found::Beside => beside += 1,
            Found::Other(path) => {
                others += 1;
                checker.skipped(&path);
            }
        }
    }
    if recordings == 0 && checker.exit == Exit::Ok {
        let names: Vec<String> = names.iter().map(|name| shown(name).to_string()).collect();
        let why = format!("{}: there is no recording that camrec has written", names.join(", "));
        return Err(ExitError::new(Exit::Damaged, why));
    }
    if !json && (beside > 0 || others > 0) {
        say(&format!("checked: {recordings}; not looked at: beside them {beside}, of other kinds {others}"));
    }
    Ok(checker.exit)
}

/// Reads recordings back, and says what it has found.
struct Checker {
    decoder: Decoder,
    progress: Progress,
    json: bool,
    exit: Exit,
}

impl Checker {
    fn check(&mut self, path: &Path) {
        let report = check::check(path, &mut self.decoder, &mut self.progress);
        self.progress.clear();
        match report {
            Ok(report) => {
                self.tell(&if self.json { report.json() } else { report.text() });
                self.exit = match (report.verdict(), self.exit) {
                    (Verdict::NotSound, _) | (_, Exit::Damaged) => Exit::Damaged,
                    (Verdict::NotJudged, _) | (_, Exit::NotJudged) => Exit::NotJudged,
                    (Verdict::Sound, exit) => exit,
                };
            }
            Err(error) => self.failed(path, &error),
        }
    }

    fn failed(&mut self, path: &Path, error: &Error) {
        self.tell(&if self.json { check::unreadable(path, error) } else { error.to_string() });
        self.exit = Exit::Damaged;
    }

    fn skipped(&self, path: &Path) {
        self.tell(&if self.json {
            check::skipped(path)
        } else {
            format!("{}: skipped: no recording", shown(path))
        });
    }

    fn tell(&self, line: &str) {
        if self.json { say_to_programs(line) } else { say(line) }
    }
}
