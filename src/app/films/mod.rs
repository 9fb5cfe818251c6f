//! What camrec does with recordings that are there: it looks whether they are sound.

mod check;
mod progress;

use super::exit::{Exit, Failure};
use super::rec::options::Options;
use super::say;
use crate::picture::Decoder;
use progress::Progress;
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
}

impl Job {
    /// What the options ask for; `None` if they ask for a recording.
    ///
    /// # Errors
    /// They contradict each other.
    pub fn wanted(options: &Options) -> Result<Option<Self>, Failure> {
        if !options.check {
            return Ok(None);
        }
        if let Some(option) = options.first_of_recording() {
            return Err(usage(format!("{option} is for recording; --check takes files")));
        }
        if options.host.is_empty() {
            return Err(usage("which files? camrec --check FILE..."));
        }
        let files = options.host.iter().map(PathBuf::from).collect();
        Ok(Some(Job::Check { files, json: options.json }))
    }

    /// Does it.
    ///
    /// # Errors
    /// What keeps it from being done.
    pub fn run(self) -> Result<Exit, Failure> {
        match self {
            Job::Check { files, json } => check_all(&files, json),
        }
    }
}

fn usage(message: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, message)
}

/// All files, also if one of them cannot be read.
fn check_all(files: &[PathBuf], json: bool) -> Result<Exit, Failure> {
    let mut decoder = Decoder::new().map_err(|error| Failure::new(Exit::System, error.to_string()))?;
    let (mut progress, mut exit) = (Progress::new(), Exit::Ok);
    for path in files {
        let report = check::check(path, &mut decoder, &mut progress);
        progress.clear();
        match report {
            Ok(report) => {
                say(&if json { report.json() } else { report.text() });
                exit = if report.sound { exit } else { Exit::Damaged };
            }
            Err(error) => {
                say(&if json { check::unreadable(path, &error) } else { error.to_string() });
                exit = Exit::Damaged;
            }
        }
    }
    Ok(exit)
}
