//! A recording in another form: the same frames, byte for byte.

use super::error::Error;
use super::file::{SegmentFile, create_new};
use super::read::RecordingReader;
use super::recording::{Recording, Sink};
use super::stills::{self, Stills};
use crate::record::container::{self, Track};
use crate::record::mov;
use crate::shown::shown;
use crate::time::Time;
use jiff::tz::Offset;
use std::fs;
use std::io::IoSlice;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As camrec records.
    Recorded(container::Form),
    /// QuickTime.
    Mov,
}

/// A copy that is being written, under a name that was free. If it is dropped unfinished, it is deleted.
pub struct Copy {
    path: PathBuf,
    track: Track,
    form: Form,
    /// None before the first frame, and once it is finished.
    state: Option<State>,
}

enum State {
    Recorded(Recording),
    Mov(SegmentFile, mov::Muxer),
}

impl Copy {
    /// A copy of `film` at `path`; local time is so far from UTC.
    pub fn new(film: &RecordingReader, path: &Path, form: Form, offset: Offset) -> Self {
        let track = Track { size: film.size(), interval: None, started: film.started(), offset };
        Copy { path: path.to_owned(), track, form, state: None }
    }

    /// Appends a frame that was captured so long after the first.
    ///
    /// # Errors
    /// The copy cannot be written, or, with the first frame, something of that name is there.
    pub fn append(&mut self, jpeg: &[u8], time: Duration) -> Result<(), Error> {
        let at = Time::default().after(time);
        match &mut self.state {
            None => self.begin(jpeg, time),
            Some(State::Recorded(recording)) => recording.append(jpeg, at).map(drop),
            Some(State::Mov(file, muxer)) => {
                muxer.frame(time, jpeg.len())?;
                file.append(&mut [IoSlice::new(jpeg)])
            }
        }
    }

    fn begin(&mut self, jpeg: &[u8], time: Duration) -> Result<(), Error> {
        let file =
            || -> Result<_, Error> { Ok(SegmentFile::new(create_new(&self.path)?, self.path.clone())) };
        let sink = match self.form {
            Form::Recorded(container::Form::File(container)) => Sink::File(file()?, container),
            Form::Recorded(container::Form::Stills) => {
                let dir = Stills::make(&self.path)?;
                Sink::Stills(dir)
            }
            Form::Mov => {
                let (muxer, head) = mov::Muxer::file(self.track.size, self.track.started);
                let mut file = file()?;
                let written = file.append(&mut [IoSlice::new(&head)]);
                self.state = Some(State::Mov(file, muxer));
                return written.and_then(|()| self.append(jpeg, time));
            }
        };
        let recording = Recording::begin(sink, &self.track, jpeg, Time::default().after(time))?;
        self.state = Some(State::Recorded(recording));
        Ok(())
    }

    /// Closes it with everything on the disk.
    ///
    /// # Errors
    /// What the system says.
    pub fn finish(mut self) -> Result<(), Error> {
        let finished = match self.state.take() {
            None => Ok(()),
            Some(State::Recorded(recording)) => recording.finish().map(drop),
            Some(State::Mov(mut file, muxer)) => {
                let (offset, size) = muxer.size();
                let written = file.append(&mut [IoSlice::new(&muxer.tail())]);
                written.and_then(|()| file.patch(offset, &size)).and_then(|()| file.close()).map(drop)
            }
        };
        if finished.is_err() {
            self.delete();
        }
        finished
    }

    fn delete(&self) {
        let gone = match self.form {
            Form::Recorded(container::Form::Stills) => stills::delete_at(&self.path),
            _ => fs::remove_file(&self.path).map_err(|why| Error::new("delete", &self.path, why)),
        };
        if let Err(why) = gone {
            log::warn!("{}: it is not complete, and stays: {why}", shown(&self.path));
        }
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        if self.state.is_some() {
            self.delete();
        }
    }
}
