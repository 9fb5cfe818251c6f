//! `camrec --sheet`: a recording at a glance.

use super::progress::Progress;
use super::{no_film, store_failure};
use crate::app::exit::{Exit, Failure};
use crate::app::quantity::show_duration;
use crate::app::{say, wall};
use crate::picture::{Decoder, Error as PictureError, Sheet};
use crate::shown::shown;
use crate::store::film::{Film, Part};
use crate::store::write_new;
use std::path::Path;

/// Writes the sheet: pictures from all over the film, the first and the last among them.
pub(super) fn sheet(from: &Path, to: &Path) -> Result<Exit, Failure> {
    let mut film = Film::open(from).map_err(|error| no_film(&error))?;
    let (mut frames, mut last) = (0_u64, std::time::Duration::ZERO);
    loop {
        match film.skip().map_err(|error| no_film(&error))? {
            Part::Frame(time) => (frames, last) = (frames + 1, time),
            Part::Damage(_) => {}
            Part::End => break,
        }
    }
    if frames == 0 {
        return Err(Failure::new(Exit::Damaged, format!("{}: there is no frame in it", shown(&from))));
    }
    let name = shown(from.file_name().unwrap_or_default());
    let begin = wall::in_zone(film.started()).strftime("%Y-%m-%d %H:%M:%S").to_string();
    let title = format!("{name}   {begin}   {}   {}", film.size(), show_duration(last));
    let mut sheet = Sheet::new(film.size(), usize::try_from(frames).unwrap_or(usize::MAX), &title);
    fill(&mut sheet, &mut film, frames)?;
    let jpeg = sheet.jpeg().map_err(|error| failed(&error))?;
    write_new(to, &jpeg).map_err(|error| store_failure(&error))?;
    say(&format!("{}: {} of {frames} frames", shown(&to), sheet.count()));
    Ok(Exit::Ok)
}

fn fill(sheet: &mut Sheet, film: &mut Film, frames: u64) -> Result<(), Failure> {
    film.rewind();
    let mut decoder = Decoder::new().map_err(|error| failed(&error))?;
    let (mut progress, mut jpeg) = (Progress::new(), Vec::new());
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
                    let at = wall::in_zone(started.checked_add(time).unwrap_or(started));
                    let line = at.strftime("%H:%M:%S%.3f").to_string();
                    sheet.put(decoder.decode(&jpeg, sheet.scale()).ok(), &line);
                    next = wanted.next().map(place);
                }
                number += 1;
            }
            Part::Damage(_) => {}
            Part::End => break,
        }
    }
    progress.clear();
    Ok(())
}

fn failed(error: &PictureError) -> Failure {
    Failure::new(Exit::System, error.to_string())
}
