//! What camrec does with recordings that are there: it looks whether they are sound, copies them into another form, or shows
//! them at a glance.

mod check;
mod export;
mod progress;
mod sheet;

use super::argument::Argument;
use super::exit::{Exit, Failure};
use super::rec::options::Options;
use super::{say, say_to_programs};
use crate::picture::Decoder;
use crate::store::Error;
use crate::store::copy::Form;
use check::Verdict;
use progress::Progress;
use std::ffi::OsStr;
use std::path::PathBuf;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
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

impl Job {
    /// What the options ask for; `None` if they ask for a recording.
    ///
    /// # Errors
    /// They contradict each other.
    pub fn wanted(options: &Options) -> Result<Option<Self>, Failure> {
        let asked = [("--check", options.check), ("--export", options.export), ("--sheet", options.sheet)];
        let mut asked = asked.into_iter().filter_map(|(option, is_given)| is_given.then_some(option));
        let Some(job) = asked.next() else { return Ok(None) };
        if let Some(other) = asked.next() {
            return Err(usage(format!("{job} and {other}: one at a time")));
        }
        if let Some(option) = options.first_of_recording() {
            return Err(usage(format!("{option} is for recording; {job} takes recordings that are there")));
        }
        let files: Vec<PathBuf> = options.host.iter().map(|file| file.path().to_owned()).collect();
        match (job, &options.output) {
            ("--check", Some(_)) => Err(usage("--output is not for --check, which writes nothing")),
            ("--check", None) if files.is_empty() => Err(usage("which files? camrec --check FILE...")),
            ("--check", None) => Ok(Some(Job::Check { files, json: options.json })),
            (_, None) => Err(usage(format!("{job} to where? camrec {job} FILE -o NAME"))),
            (_, Some(to)) => Job::to(job, files, to).map(Some),
        }
    }

    fn to(job: &str, files: Vec<PathBuf>, to: &Argument) -> Result<Self, Failure> {
        let [from] = <[PathBuf; 1]>::try_from(files)
            .map_err(|files| usage(format!("{job} takes one file, not {}", files.len())))?;
        if to.is_stdio() {
            return Err(usage(format!("{job} cannot write to standard output: give -o a name")));
        }
        let path = to.path().to_owned();
        if job == "--export" {
            return Ok(Job::Export { from, to: path, form: export::form(to.path()).map_err(usage)? });
        }
        let is_jpeg = ["jpg", "jpeg"].map(OsStr::new).map(Some).contains(&path.extension());
        match is_jpeg {
            true => Ok(Job::Sheet { from, to: path }),
            false => Err(usage(format!("{to}: a sheet is a JPEG: expected a name that ends in .jpg"))),
        }
    }

    /// Does it.
    ///
    /// # Errors
    /// What keeps it from being done.
    pub fn run(self) -> Result<Exit, Failure> {
        match self {
            Job::Check { files, json } => check_all(&files, json),
            Job::Export { from, to, form } => export::export(&from, &to, form),
            Job::Sheet { from, to } => sheet::sheet(&from, &to),
        }
    }
}

/// A recording cannot be read.
fn no_film(error: &Error) -> Failure {
    Failure::new(Exit::Damaged, error.to_string())
}

fn store_failure(error: &Error) -> Failure {
    Failure::new(Exit::NotWritable, error.to_string())
}

fn usage(message: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, message)
}

/// All files, also if one of them cannot be read.
fn check_all(files: &[PathBuf], json: bool) -> Result<Exit, Failure> {
    let mut decoder = Decoder::new().map_err(|error| Failure::new(Exit::System, error.to_string()))?;
    let (mut progress, mut exit) = (Progress::new(), Exit::Ok);
    let tell: fn(&str) = if json { say_to_programs } else { say };
    for path in files {
        let report = check::check(path, &mut decoder, &mut progress);
        progress.clear();
        match report {
            Ok(report) => {
                tell(&if json { report.json() } else { report.text() });
                exit = match (report.verdict(), exit) {
                    (Verdict::NotSound, _) | (_, Exit::Damaged) => Exit::Damaged,
                    (Verdict::NotJudged, _) | (_, Exit::NotJudged) => Exit::NotJudged,
                    (Verdict::Sound, exit) => exit,
                };
            }
            Err(error) => {
                tell(&if json { check::unreadable(path, &error) } else { error.to_string() });
                exit = Exit::Damaged;
            }
        }
    }
    Ok(exit)
}
