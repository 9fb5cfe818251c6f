//! `camrec sheet`: a recording at a glance.

use super::progress::Progress;
use super::{from_and_to, no_film};
use crate::app::argument::Argument;
use crate::app::exit::{Exit, ExitError, not_writable, usage};
use crate::app::quantity::show_duration;
use crate::app::{local_time, logging, say};
use crate::jpeg;
use crate::picture::{Decoder, Error as PictureError, Rgb, Sheet};
use crate::shown::shown;
use crate::store::read::{Part, RecordingReader};
use crate::store::write_new;
use argh::{ArgsInfo, FromArgs};
use std::ffi::OsStr;
use std::fmt;
use std::path::Path;

/// Makes a sheet of small pictures of a recording, with their times.
#[derive(FromArgs, ArgsInfo, Clone, Debug, Default)]
#[argh(help_triggers("-h", "--help"))]
pub struct Options {
    /// the recording
    #[argh(positional)]
    pub file: Option<Argument>,

    /// the sheet: NAME.jpg
    #[argh(option, short = 'o', arg_name = "name")]
    pub output: Option<Argument>,

    /// say more; twice: trace
    #[argh(switch, short = 'v')]
    pub verbose: u16,
}

/// Makes the sheet that was asked for.
///
/// # Errors
/// What is missing, cannot be read, or cannot be written.
pub fn run(options: Options) -> Result<Exit, ExitError> {
    let (from, to) = from_and_to("sheet", options.file.as_ref(), options.output.as_ref())?;
    if !["jpg", "jpeg"].map(OsStr::new).map(Some).contains(&to.extension()) {
        return Err(usage(format!("{}: a sheet is a JPEG: expected a name that ends in .jpg", shown(&to))));
    }
    logging::start("camrec", options.verbose);
    sheet(from, to)
}

/// Writes the sheet: pictures from all over the film, the first and the last among them.
fn sheet(from: &Path, to: &Path) -> Result<Exit, ExitError> {
    let mut film = RecordingReader::open(from).map_err(|error| no_film(&error))?;
    let (mut frames, mut last) = (0_u64, std::time::Duration::ZERO);
    loop {
        match film.skip().map_err(|error| no_film(&error))? {
            Part::Frame(time) => (frames, last) = (frames + 1, time),
            Part::Damage(_) => {}
            Part::End => break,
        }
    }
    if frames == 0 {
        return Err(ExitError::new(Exit::Damaged, format!("{}: there is no frame in it", shown(&from))));
    }
    let name = shown(from.file_name().unwrap_or_default());
    let begin = local_time::in_zone(film.started()).strftime("%Y-%m-%d %H:%M:%S").to_string();
    let title = format!("{name}   {begin}   {}   {}", film.size(), show_duration(last));
    let mut sheet = Sheet::new(film.size(), usize::try_from(frames).unwrap_or(usize::MAX), &title);
    let left_out = fill(&mut sheet, &mut film, frames)?;
    let jpeg = sheet.jpeg().map_err(|error| failed(&error))?;
    write_new(to, &jpeg).map_err(|error| not_writable(&error))?;
    say(&format!("{}: {} of {frames} frames{left_out}", shown(&to), sheet.count()));
    Ok(left_out.exit())
}

/// Places on a sheet without a picture.
#[derive(Clone, Copy, Debug, Default)]
struct LeftOut {
    /// The frame is broken.
    broken: usize,
    /// It is of a form that is not decoded here, or too large beside the others.
    foreign: usize,
}

impl LeftOut {
    /// One more; what stands in its place.
    fn add(&mut self, is_broken: bool) -> &'static str {
        let (count, words) = match is_broken {
            true => (&mut self.broken, "broken"),
            false => (&mut self.foreign, "not drawn"),
        };
        *count += 1;
        words
    }

    fn exit(self) -> Exit {
        match self {
            LeftOut { broken: 1.., .. } => Exit::Damaged,
            LeftOut { foreign: 1.., .. } => Exit::NotJudged,
            LeftOut { .. } => Exit::Ok,
        }
    }
}

impl fmt::Display for LeftOut {
    /// `, 3 of them not drawn (1 broken, 2 of a form or size that is not drawn here)`; nothing if none is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LeftOut { broken, foreign } = *self;
        let foreign_words = "of a form or size that is not drawn here";
        match (broken, foreign) {
            (0, 0) => Ok(()),
            (0, foreign) => write!(f, ", {foreign} of them not drawn ({foreign} {foreign_words})"),
            (broken, 0) => write!(f, ", {broken} of them not drawn ({broken} broken)"),
            _ => write!(
                f,
                ", {} of them not drawn ({broken} broken, {foreign} {foreign_words})",
                broken + foreign
            ),
        }
    }
}

fn fill(sheet: &mut Sheet, film: &mut RecordingReader, frames: u64) -> Result<LeftOut, ExitError> {
    film.rewind();
    let mut decoder = Decoder::new().map_err(|error| failed(&error))?;
    let (mut progress, mut jpeg, mut left_out) = (Progress::new(), Vec::new(), LeftOut::default());
    let (count, started) = (sheet.count() as u64, film.started());
    let (mut number, mut wanted) = (0, 0..count);
    let place = |nth: u64| nth * (frames - 1) / (count - 1).max(1);
    let mut next = wanted.next().map(place);
    while let Some(target) = next {
        progress.show(film.path(), film.position(), film.extent());
        let part = if number == target { film.next(&mut jpeg) } else { film.skip() };
        match part.map_err(|error| no_film(&error))? {
            Part::Frame(time) => {
                if number == target {
                    let at = local_time::in_zone(started.checked_add(time).unwrap_or(started));
                    let line = at.strftime("%H:%M:%S%.3f").to_string();
                    match draw(&mut decoder, &jpeg, sheet) {
                        Ok(picture) => sheet.put(Some(picture), &line),
                        Err(is_broken) => sheet.put(None, &format!("{line} {}", left_out.add(is_broken))),
                    }
                    next = wanted.next().map(place);
                }
                number += 1;
            }
            Part::Damage(_) => {}
            Part::End => break,
        }
    }
    progress.clear();
    Ok(left_out)
}

/// The picture as small as its place. The error: whether the frame is broken.
fn draw<'a>(decoder: &'a mut Decoder, jpeg: &[u8], sheet: &Sheet) -> Result<Rgb<'a>, bool> {
    let checked = jpeg::check(jpeg).map_err(|_| true)?;
    let scale = sheet.scale_of(checked.size()).ok_or(false)?;
    decoder.decode(checked.bytes, scale).map_err(|error| !error.is_ours())
}

fn failed(error: &PictureError) -> ExitError {
    ExitError::new(Exit::System, error.to_string())
}
