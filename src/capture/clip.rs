//! One file on its way to become frames.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Seek};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::OFlag;

use super::stream_buffer::{Found, StreamBuffer};
use crate::jpeg::JpegError;

/// Files of a folder are played if their names end so, in any case. The first two hold one picture each: cameras and
/// telephones put others behind it (a preview, a film), which nobody who looks at the file ever sees.
const ENDINGS: [&str; 4] = ["jpg", "jpeg", "mjpg", "mjpeg"];
const PICTURES: usize = 2;

/// A file that is read.
pub(super) struct Clip {
    /// None once it has been closed.
    file: Option<File>,
    /// Device and inode: a file that another program puts in its place has others for as long as this one is open.
    identity: (u64, u64),
    /// When it came to be as it is, or where it is: st_ctime, in seconds and nanoseconds.
    changed: (i64, i64),
    intake: StreamBuffer,
    /// It holds one picture, whatever is behind that.
    is_picture: bool,
    has_given: bool,
    has_bytes: bool,
    is_done: bool,
}

/// What came of a look into it.
#[derive(Debug)]
pub(super) enum Step {
    /// A frame, or what should have been one. What begins as a JPEG and is none, and a file without any, is given as
    /// well, so that it is counted as a camera's damaged frames are.
    Found(Found),
    /// Something was read; there may be a frame now.
    More,
    /// Nothing more comes from it.
    End,
}

impl Clip {
    /// Opens a file, and never waits for it.
    ///
    /// # Errors
    /// The system's, or that it is none.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let (file, metadata) = open(path)?;
        let (intake, is_picture) = (StreamBuffer::new(), is_picture(path));
        Ok(Clip {
            file: Some(file),
            identity: identity(&metadata),
            changed: changed(&metadata),
            intake,
            is_picture,
            has_given: false,
            has_bytes: false,
            is_done: false,
        })
    }

    /// Goes on with another file.
    ///
    /// # Errors
    /// As [`Clip::open`]; the one before stays open, at its end.
    pub(super) fn load(&mut self, path: &Path) -> io::Result<()> {
        self.is_done = true;
        let (file, metadata) = open(path)?;
        (self.file, self.identity, self.changed) = (Some(file), identity(&metadata), changed(&metadata));
        self.is_picture = is_picture(path);
        self.begin();
        Ok(())
    }

    /// Begins again with what is at `path` now. If that is the same file it stays open, so that playing it in a loop
    /// allocates nothing.
    ///
    /// # Errors
    /// As [`Clip::load`].
    pub(super) fn reload(&mut self, path: &Path) -> io::Result<()> {
        self.is_done = true;
        let is_same = identity(&fs::metadata(path)?) == self.identity;
        let Some(file) = self.file.as_mut().filter(|_| is_same) else { return self.load(path) };
        file.rewind()?;
        self.begin();
        Ok(())
    }

    /// Nothing more is wanted from it. A file that is open keeps its folder from going for good.
    pub(super) fn close(&mut self) {
        self.file = None;
        self.is_done = true;
    }

    fn begin(&mut self) {
        self.intake.restart();
        (self.has_given, self.has_bytes, self.is_done) = (false, false, false);
    }

    /// Reads at most once.
    ///
    /// # Errors
    /// The system's; nothing more comes from it then.
    pub(super) fn step(&mut self) -> io::Result<Step> {
        if self.is_done || (self.is_picture && self.has_given) {
            self.is_done = true;
            return Ok(Step::End);
        }
        if let Some(found) = self.intake.next_frame() {
            self.has_given = true;
            return Ok(Step::Found(found));
        }
        let Some(file) = &mut self.file else { return Ok(Step::End) };
        match self.intake.fill(file) {
            Ok(0) => Ok(self.last().map_or(Step::End, Step::Found)),
            Ok(_) => {
                self.has_bytes = true;
                Ok(Step::More)
            }
            Err(error) => {
                self.is_done = true;
                Err(error)
            }
        }
    }

    /// What it leaves unfinished; and a file that has given nothing at all is no frame.
    fn last(&mut self) -> Option<Found> {
        let unfinished = self.intake.finish();
        // there may be frames behind what it leaves
        self.is_done = unfinished.is_none() || !self.intake.waiting();
        let nothing = if self.has_bytes { JpegError::NoStart } else { JpegError::Empty };
        let has_given = std::mem::replace(&mut self.has_given, true);
        unfinished.or_else(|| (!has_given).then(|| Found::broken(nothing)))
    }

    /// There will be no frame in it: nothing more comes from it, and it counts as one that is none.
    pub(super) fn give_up(&mut self) -> Found {
        self.intake = StreamBuffer::new();
        self.close();
        Found::broken(JpegError::NoStart)
    }

    /// When it came to be as it is, or where it is: in seconds and nanoseconds.
    pub(super) fn changed(&self) -> (i64, i64) {
        self.changed
    }

    /// Where its frames are.
    pub(super) fn intake(&self) -> &StreamBuffer {
        &self.intake
    }

    /// Whether so much was read without a frame that there will hardly be one.
    pub(super) fn is_hopeless(&self) -> bool {
        self.intake.hopeless()
    }
}

fn open(path: &Path) -> io::Result<(File, Metadata)> {
    // a named pipe that has taken a file's place would not let go
    let file = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    Ok((file, metadata))
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

fn changed(metadata: &Metadata) -> (i64, i64) {
    (metadata.ctime(), metadata.ctime_nsec())
}

/// Whether a folder's file of this name is played. Those whose names begin with a dot are hidden, and no pictures:
/// macOS leaves a `._IMG.jpg` beside an `IMG.jpg`, and programs that copy write into one before they rename it.
pub(super) fn is_played(path: &Path) -> bool {
    let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    !is_hidden && has_ending(path, &ENDINGS)
}

fn is_picture(path: &Path) -> bool {
    has_ending(path, &ENDINGS[..PICTURES])
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    endings.iter().any(|known| known.eq_ignore_ascii_case(ending))
}
