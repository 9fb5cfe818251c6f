//! `camrec check`: recordings are read back, and it is said of each whether it is sound.

use super::gather::{Found, gather};
use super::progress::Progress;
use super::proof::{self, Witness};
use super::report::{self, Verdict};
use crate::app::argument::Argument;
use crate::app::exit::{Exit, ExitError, usage};
use crate::app::{key_file, logging, say, say_to_programs};
use crate::picture::Decoder;
use crate::shown::shown;
use crate::store::read::RecordingReader;
use crate::store::{Error, Folder};
use argh::{ArgsInfo, FromArgs};
use std::path::{Path, PathBuf};

/// Reads recordings back: is everything there, does every picture decode?
#[derive(FromArgs, ArgsInfo, Clone, Debug, Default)]
#[argh(help_triggers("-h", "--help"))]
pub struct Options {
    /// recordings, or folders of them
    #[argh(positional)]
    pub file: Vec<Argument>,

    /// a line of JSON for each recording
    #[argh(switch)]
    pub json: bool,

    /// a camera's public key, or a file with it: all frames have to be as that camera made them, and none left out; may be given
    /// again, for several cameras
    #[argh(option, arg_name = "key")]
    pub signed_by: Vec<Argument>,

    /// say more; twice: trace
    #[argh(switch, short = 'v')]
    pub verbose: u16,
}

/// Checks what was named.
///
/// # Errors
/// There is nothing to check, or nothing to check it against.
pub fn run(options: Options) -> Result<Exit, ExitError> {
    let files: Vec<PathBuf> = options.file.iter().map(|file| file.path().to_owned()).collect();
    if files.is_empty() {
        return Err(usage("which recordings? camrec check FILE... or FOLDER"));
    }
    let keys = options.signed_by.iter().map(|key| key_file::read_public("--signed-by", key));
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    logging::start("camrec", options.verbose);
    check_all(&files, options.json, (!keys.is_empty()).then(|| Witness::new(keys)))
}

/// All files, also if one of them cannot be read.
fn check_all(names: &[PathBuf], json: bool, witness: Option<Witness>) -> Result<Exit, ExitError> {
    let mut checker = Checker {
        decoder: Decoder::new().map_err(|error| ExitError::new(Exit::System, error.to_string()))?,
        progress: Progress::new(),
        json,
        witness,
        exit: Exit::Ok,
    };
    let (mut recordings, mut beside, mut others, mut pictures, mut open) = (Vec::new(), 0, 0, 0, 0);
    for found in gather(names, checker.witness.is_some()) {
        match found {
            Found::Recording(path) if checker.witness.is_none() => {
                checker.check(&path);
                recordings.push(path);
            }
            Found::Recording(path) if is_recorded_to(&path) => {
                open += 1;
                checker.still_open(&path);
            }
            Found::Recording(path) => recordings.push(path),
            Found::Unreadable(path, error) => checker.failed(&path, &error),
            Found::Beside => beside += 1,
            Found::Other(path) | Found::Among(path) if checker.picture(&path) => pictures += 1,
            Found::Among(path) => {
                checker.strange(&path, "it stands among a recording's pictures, and is none of them");
            }
            Found::Left(path, left) => checker.strange(&path, &left.to_string()),
            Found::Other(path) => {
                others += 1;
                checker.skipped(&path);
            }
        }
    }
    if recordings.is_empty() && pictures == 0 && checker.exit == Exit::Ok {
        let names: Vec<String> = names.iter().map(|name| shown(name).to_string()).collect();
        let why = match open {
            0 => "there is no recording that camrec has written",
            _ => "there is nothing but what is still recorded to",
        };
        let why = format!("{}: {why}", names.join(", "));
        return Err(ExitError::new(Exit::Damaged, why));
    }
    if let Some(witness) = &checker.witness {
        proof::in_order(&mut recordings, witness);
        recordings.iter().for_each(|path| checker.check(path));
    }
    if !json && (beside > 0 || others > 0) {
        let checked = recordings.len();
        say(&format!("checked: {checked}; not looked at: beside them {beside}, of other kinds {others}"));
    }
    if pictures == 0 || !recordings.is_empty() {
        checker.conclude();
    }
    Ok(checker.exit)
}

/// Its recorder is at work: it has no end yet, and that is no fault.
fn is_recorded_to(path: &Path) -> bool {
    RecordingReader::open(path).is_ok_and(|film| film.is_open()) && Folder::is_recorded_to(path)
}

/// Reads recordings back, and says what it has found.
struct Checker {
    decoder: Decoder,
    progress: Progress,
    json: bool,
    /// Holds them against cameras' keys, if some were named.
    witness: Option<Witness>,
    exit: Exit,
}

impl Checker {
    fn check(&mut self, path: &Path) {
        let report = report::check(path, &mut self.decoder, &mut self.progress, self.witness.as_mut());
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

    /// A picture by itself, if it is one and is to be held against a key.
    fn picture(&mut self, path: &Path) -> bool {
        let found = self.witness.as_mut().and_then(|witness| witness.picture(path, self.json));
        let Some((said, is_as_made)) = found else { return false };
        if !is_as_made {
            self.exit = Exit::Damaged;
        }
        self.tell(&said);
        true
    }

    /// What all of them are together, if that was asked for.
    fn conclude(&mut self) {
        let Some(witness) = &self.witness else { return };
        let said = if self.json { witness.json() } else { witness.text() };
        if !witness.is_as_made() {
            self.exit = Exit::Damaged;
        }
        self.tell(&said);
    }

    fn failed(&mut self, path: &Path, error: &Error) {
        self.witness.iter_mut().for_each(Witness::unreadable);
        self.tell(&if self.json { report::unreadable(path, error) } else { error.to_string() });
        self.exit = Exit::Damaged;
    }

    /// It is no recording, and should not be there.
    fn strange(&mut self, path: &Path, why: &str) {
        self.witness.iter_mut().for_each(Witness::strange);
        self.tell(&if self.json { report::strange(path, why) } else { format!("{}: {why}", shown(path)) });
        self.exit = Exit::Damaged;
    }

    fn still_open(&self, path: &Path) {
        self.tell(&if self.json {
            report::skipped(path)
        } else {
            format!("{}: still recorded to: not looked at", shown(path))
        });
    }

    fn skipped(&self, path: &Path) {
        self.tell(&if self.json {
            report::skipped(path)
        } else {
            format!("{}: skipped: no recording", shown(path))
        });
    }

    fn tell(&self, line: &str) {
        if self.json { say_to_programs(line) } else { say(line) }
    }
}
