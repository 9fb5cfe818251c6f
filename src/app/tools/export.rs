//! `camrec export`: a recording in another form, without touching its pictures.

use super::progress::Progress;
use super::{from_and_to, no_film};
use crate::app::argument::Argument;
use crate::app::exit::{Exit, ExitError, not_writable, usage};
use crate::app::{local_time, logging, say};
use crate::jpeg;
use crate::record::container::{Container, Form as Recorded};
use crate::shown::shown;
use crate::store::copy::{Copy, Form};
use crate::store::read::{Part, RecordingReader};
use argh::{ArgsInfo, FromArgs};
use std::path::Path;

/// Copies a recording into another form, its frames untouched.
#[derive(FromArgs, ArgsInfo, Clone, Debug, Default)]
#[argh(help_triggers("-h", "--help"))]
pub struct Options {
    /// the recording
    #[argh(positional)]
    pub file: Option<Argument>,

    /// the copy: NAME.mov, NAME.avi, NAME.mkv, or a FOLDER/ of JPEGs
    #[argh(option, short = 'o', arg_name = "name")]
    pub output: Option<Argument>,

    /// say more; twice: trace
    #[argh(switch, short = 'v')]
    pub verbose: u16,
}

/// Copies what was named.
///
/// # Errors
/// What is missing, cannot be read, or cannot be written.
pub fn run(options: Options) -> Result<Exit, ExitError> {
    let (from, to) = from_and_to("export", options.file.as_ref(), options.output.as_ref())?;
    let form = form(to).map_err(usage)?;
    logging::start("camrec", options.verbose);
    export(from, to, form)
}

/// The form that a name asks for.
fn form(to: &Path) -> Result<Form, String> {
    // a slash at the end counts, and only the ending does
    let text = to.to_string_lossy();
    let name = text.rsplit('/').next().unwrap_or(&text);
    match (name.rsplit_once('.'), Container::of(name)) {
        (_, Some(container)) => Ok(Form::Recorded(Recorded::File(container))),
        // "frames/", "frames", "."
        (None | Some(("", _)), _) => Ok(Form::Recorded(Recorded::Stills)),
        (Some((_, ending)), None) if ending.eq_ignore_ascii_case("mov") => Ok(Form::Mov),
        (Some(_), None) => {
            Err(format!("{}: expected a name that ends in .mov, .avi or .mkv, or a folder/", shown(to)))
        }
    }
}

/// Copies all frames that are there.
fn export(from: &Path, to: &Path, form: Form) -> Result<Exit, ExitError> {
    let mut film = RecordingReader::open(from).map_err(|error| no_film(&error))?;
    let offset = local_time::in_zone(film.started()).offset();
    let mut copy = Copy::new(&film, to, form, offset);
    let (mut jpeg, mut frames, mut damaged, mut resized) = (Vec::new(), 0_u64, 0, 0_u64);
    let mut progress = Progress::new();
    loop {
        progress.show(from, film.position(), film.extent());
        match film.next(&mut jpeg).map_err(|error| no_film(&error))? {
            Part::Frame(time) => {
                copy.append(&jpeg, time).map_err(|error| not_writable(&error))?;
                resized += u64::from(jpeg::check_header_only(&jpeg).is_ok_and(|it| it.size() != film.size()));
            }
            Part::Damage(range) => {
                damaged += range.end - range.start;
                continue;
            }
            Part::End => break,
        }
        frames += 1;
    }
    progress.clear();
    if frames == 0 {
        return Err(ExitError::new(Exit::Damaged, format!("{}: there is no frame in it", shown(&from))));
    }
    copy.finish().map_err(|error| not_writable(&error))?;
    say(&format!("{}: {frames} frames", shown(&to)));
    if resized > 0 && form != Form::Recorded(Recorded::Stills) {
        let size = film.size();
        log::warn!(
            "{resized} of them are not {size}: ffmpeg and mpv show each in its own size, other players may not"
        );
    }
    if damaged > 0 {
        log::warn!("{}: {damaged} bytes of it are no frames: see camrec check", shown(&from));
        return Ok(Exit::Damaged);
    }
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_form() {
        let form = |to: &str| super::form(Path::new(to));
        assert_eq!(form("a/b.mov"), Ok(Form::Mov));
        assert_eq!(form("b.MOV"), Ok(Form::Mov));
        assert_eq!(form("b.avi"), Ok(Form::Recorded(Recorded::File(Container::Avi))));
        assert_eq!(form("b.mkv"), Ok(Form::Recorded(Recorded::File(Container::Matroska))));
        assert_eq!(form("frames/"), Ok(Form::Recorded(Recorded::Stills)));
        assert_eq!(form("a.d/frames"), Ok(Form::Recorded(Recorded::Stills)));
        assert!(form("b.mp4").unwrap_err().contains(".mov"));
    }
}
