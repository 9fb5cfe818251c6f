//! Where frames come from: a camera, the test picture, files, standard input.
//!
//! Lives here: how each kind of source is opened, and how a frame is taken from it. May not live here: whether a frame is good, and
//! what becomes of it (`app::cast::source`).
//!
//! Every source is driven in the same way. The loop polls [`Source::fd`], if there is one, for `POLLIN`; it sleeps
//! no longer than until [`Source::due`], if there is one; and when either says so, or poll reports an error, it
//! calls [`Source::grab`], which returns at most one frame and never waits.
//!
//! A frame is lent, not copied: a [`Lease`] is a view into the driver's own memory, and dropping it gives the
//! buffer back to the driver. The driver has few of them: copy what must last, and drop the lease at once.
//!
//! After a [`CaptureError`] the source is of no more use: drop it before reopening it, because a camera whose old
//! descriptor is still open comes back under another number.

use std::fmt;
use std::ops::Deref;
use std::os::fd::BorrowedFd;

use arrayvec::ArrayString;

use crate::jpeg::{JpegError, Size};
use crate::picture::RawFormat;
use crate::time::{Stamp, Time};

pub mod v4l2;

mod clip;
mod error;
mod follow;
mod metronome;
mod mode;
mod pace;
mod pattern;
mod pipe;
mod rate;
mod replay;
mod spec;
mod stream_buffer;

pub use error::{CaptureError, OpenError};
pub use follow::Follow;
pub use mode::{Mode, ModeError};
pub use pattern::Pattern;
pub use pipe::Pipe;
pub use rate::{Rate, RateError};
pub use replay::{Play, Replay};
pub use spec::SourceSpec;
use stream_buffer::{Found, StreamBuffer};

/// Writes the wall clock's time of day into the empty string it is given (`12:34:56.789`, at most 16 bytes).
///
/// It is a function handed in because only `sys` may read a clock.
pub type WallClock = fn(&mut ArrayString<16>);

/// What is asked of a source. What it gives instead stands in [`Description::notes`].
#[derive(Clone, Debug)]
pub struct CaptureConfig {
    /// Which source.
    pub source: SourceSpec,
    /// Width and height in pixels. Without it the camera keeps its own; the test picture has 1280x720.
    pub size: Option<Size>,
    /// Frames per second. Without it the camera keeps its own; the test picture and files have 30, and standard input
    /// is read as it comes.
    pub rate: Option<Rate>,
    /// Which of a camera's formats. Other sources give JPEGs in any case.
    pub mode: Mode,
    /// Names and values of a camera's controls, to be set in this order at each opening.
    pub controls: Vec<(String, String)>,
    /// The same of those that were set while it streamed: on top of the others, in any order.
    pub changed_controls: Vec<(String, String)>,
    /// The time that the test picture shows.
    pub clock: WallClock,
    /// Files are played once, and not in a loop.
    pub once: bool,
    /// What arrives in a folder is played, each file once.
    pub follow: bool,
}

impl CaptureConfig {
    /// It is a camera of the kernel's.
    pub fn is_camera(&self) -> bool {
        matches!(self.source, SourceSpec::Device(_))
    }

    /// A source as it comes.
    pub fn of(source: SourceSpec, clock: WallClock) -> Self {
        CaptureConfig {
            source,
            size: None,
            rate: None,
            mode: Mode::default(),
            controls: Vec::new(),
            changed_controls: Vec::new(),
            clock,
            once: false,
            follow: false,
        }
    }
}

/// What a source says of itself, for the start-up log and the join reply.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// The camera's name, or what stands in for a camera.
    pub name: String,
    /// The kernel driver's name, or `built in`.
    pub driver: String,
    /// The device, file or folder, as given.
    pub path: String,
    /// The pixel format's four characters: `MJPG`, `JPEG`, or those of an uncompressed one.
    pub format: String,
    /// The size agreed on; `None` if only the frames themselves tell.
    pub size: Option<Size>,
    /// The rate agreed on; `None` if nobody says. A camera in the dark may give less.
    pub rate: Option<Rate>,
    /// How many buffers the driver granted; zero for a source without a driver.
    pub buffers: usize,
    /// What differs from what was asked, one sentence each.
    pub notes: Vec<String>,
}

impl fmt::Display for Description {
    /// `HD Webcam (/dev/video0, uvcvideo): MJPG 1280x720, 30 fps, 6 buffers`, without what is not known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {}): {}", self.name, self.path, self.driver, self.format)?;
        if let Some(size) = self.size {
            write!(f, " {size}")?;
        }
        if let Some(rate) = self.rate {
            write!(f, ", {rate} fps")?;
        }
        if self.buffers > 0 {
            write!(f, ", {} buffers", self.buffers)?;
        }
        Ok(())
    }
}

/// A source of frames: JPEGs, but for a camera without MJPEG.
pub enum Source {
    /// A camera of the kernel's Video4Linux.
    Camera(v4l2::Camera),
    /// The built-in test picture.
    Pattern(Pattern),
    /// A file or a folder, played in a loop or once.
    Replay(Replay),
    /// What arrives in a folder.
    Follow(Follow),
    /// MJPEG on standard input.
    Pipe(Pipe),
}

impl Source {
    /// Opens what is asked for and starts it.
    ///
    /// # Errors
    /// One of [`OpenError`], whose text says what to do; [`OpenError::may_pass`] tells those worth another try.
    pub fn open(config: &CaptureConfig) -> Result<Source, OpenError> {
        let rate = config.rate.unwrap_or(Rate::DEFAULT);
        match &config.source {
            SourceSpec::Device(path) => v4l2::Camera::open(path, config).map(Source::Camera),
            SourceSpec::Pattern => Pattern::open(config.size, rate, config.clock).map(Source::Pattern),
            SourceSpec::File(path) => Replay::file(path, Play::of(config)).map(Source::Replay),
            SourceSpec::Folder(path) if config.follow => {
                Follow::folder(path, Play::of(config)).map(Source::Follow)
            }
            SourceSpec::Folder(path) => Replay::folder(path, Play::of(config)).map(Source::Replay),
            SourceSpec::Stdin => Pipe::stdin(config.size, config.rate).map(Source::Pipe),
        }
    }

    /// The descriptor to poll for `POLLIN` (never `POLLOUT`: v4l2loopback answers that at once, for ever).
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Source::Camera(camera) => Some(camera.fd()),
            Source::Follow(follow) => Some(follow.fd()),
            Source::Pipe(pipe) => pipe.fd(),
            Source::Pattern(_) | Source::Replay(_) => None,
        }
    }

    /// When to call [`Source::grab`] whatever poll says; an instant in the past means at once.
    pub fn due(&self) -> Option<Time> {
        match self {
            Source::Camera(_) => None,
            Source::Pattern(pattern) => Some(pattern.due()),
            Source::Replay(replay) => Some(replay.due()),
            Source::Follow(follow) => follow.due(),
            Source::Pipe(pipe) => pipe.due(),
        }
    }

    /// The next frame, or `None` if there is none now. Never waits, and allocates nothing once buffers have grown
    /// (a folder's replay allocates where it opens a file).
    ///
    /// # Errors
    /// A [`CaptureError`] ends the source: drop it, then reopen it.
    pub fn grab(&mut self, now: Time) -> Result<Option<Lease<'_>>, CaptureError> {
        match self {
            Source::Camera(camera) => camera.grab(now),
            Source::Pattern(pattern) => pattern.grab(now),
            Source::Replay(replay) => replay.grab(now),
            Source::Follow(follow) => follow.grab(now),
            Source::Pipe(pipe) => pipe.grab(now),
        }
    }

    /// Drops the frames that wait but for the newest, and says how many. Only a camera's can wait.
    ///
    /// # Errors
    /// As [`Source::grab`].
    pub fn drop_older(&mut self) -> Result<u32, CaptureError> {
        match self {
            Source::Camera(camera) => camera.drop_older(),
            Source::Pattern(_) | Source::Replay(_) | Source::Follow(_) | Source::Pipe(_) => Ok(0),
        }
    }

    /// Once, after the first frame of a camera whose controls were set: what is to be done beside the loop.
    pub fn take_recheck(&mut self) -> Option<v4l2::Recheck> {
        match self {
            Source::Camera(camera) => camera.take_recheck(),
            Source::Pattern(_) | Source::Replay(_) | Source::Pipe(_) | Source::Follow(_) => None,
        }
    }

    /// The controls of a camera, for as long as it is open.
    pub fn controls(&self) -> Option<v4l2::Controls> {
        match self {
            Source::Camera(camera) => Some(camera.controls()),
            Source::Pattern(_) | Source::Replay(_) | Source::Pipe(_) | Source::Follow(_) => None,
        }
    }

    /// What it is that poll reports an error and [`Source::grab`] finds neither that nor a frame.
    pub fn erring(&self) -> CaptureError {
        CaptureError::Erring { path: self.describe().path.clone().into() }
    }

    /// What was agreed on when the source was opened.
    pub fn describe(&self) -> &Description {
        match self {
            Source::Camera(camera) => camera.describe(),
            Source::Pattern(pattern) => pattern.describe(),
            Source::Replay(replay) => replay.describe(),
            Source::Follow(follow) => follow.describe(),
            Source::Pipe(pipe) => pipe.describe(),
        }
    }
}

/// One frame on loan: its bytes as the source gave them, a camera's padding included. They are not checked.
pub struct Lease<'a> {
    bytes: Held<'a>,
    /// When it was captured, and its number. Both may be nonsense where it is damaged.
    pub stamp: Stamp,
    /// What it is.
    pub content: Content,
}

/// What a frame's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A JPEG, or what should be one.
    Jpeg,
    /// Pixels that lie so in memory.
    Raw(RawFormat),
    /// To be counted, never sent: the driver says that the frame is damaged, or gave no bytes at all, or fewer than an
    /// uncompressed picture has; or what of it could be read is known not to be a frame, for this reason.
    Damaged(Option<JpegError>),
    /// The same: it has at least this many bytes, more than are ever kept or sent. There are none.
    TooLong(usize),
}

enum Held<'a> {
    Bytes(&'a [u8]),
    Buffer(v4l2::Buffer<'a>),
}

impl<'a> Lease<'a> {
    fn of_bytes(bytes: &'a [u8], captured: Time, sequence: u32) -> Self {
        let stamp = Stamp { captured, sequence };
        let content = if bytes.is_empty() { Content::Damaged(None) } else { Content::Jpeg };
        Lease { bytes: Held::Bytes(bytes), stamp, content }
    }

    fn of_found(buffer: &'a StreamBuffer, found: Found, captured: Time, sequence: u32) -> Self {
        let lease = Lease::of_bytes(buffer.frame(found.place), captured, sequence);
        let content = match (found.too_long, found.flaw) {
            (Some(length), _) => Content::TooLong(length),
            (None, Some(flaw)) => Content::Damaged(Some(flaw)),
            (None, None) => lease.content,
        };
        Lease { content, ..lease }
    }

    fn of_buffer(buffer: v4l2::Buffer<'a>, stamp: Stamp, content: Content) -> Self {
        let is_short = matches!(content, Content::Raw(format) if buffer.bytes().len() < format.bytes());
        let content = if buffer.flawed() || is_short { Content::Damaged(None) } else { content };
        Lease { bytes: Held::Buffer(buffer), stamp, content }
    }

    /// A frame of no source.
    #[cfg(test)]
    pub(crate) fn made_up(bytes: &'a [u8], content: Content, stamp: Stamp) -> Self {
        Lease { bytes: Held::Bytes(bytes), stamp, content }
    }

    /// What is known to be wrong with what should be a JPEG.
    #[cfg(test)]
    fn flaw(&self) -> Option<JpegError> {
        match self.content {
            Content::Damaged(flaw) => flaw,
            _ => None,
        }
    }
}

impl Deref for Lease<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.bytes {
            Held::Bytes(bytes) => bytes,
            Held::Buffer(buffer) => buffer.bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description() -> Description {
        Description {
            name: "HD Webcam".into(),
            driver: "uvcvideo".into(),
            path: "/dev/video0".into(),
            format: "MJPG".into(),
            size: Some(Size { width: 1280, height: 720 }),
            rate: Some(Rate::DEFAULT),
            buffers: 6,
            notes: Vec::new(),
        }
    }

    #[test]
    fn a_description_is_one_line() {
        let text = description().to_string();
        assert_eq!(text, "HD Webcam (/dev/video0, uvcvideo): MJPG 1280x720, 30 fps, 6 buffers");
        let unknown = Description { size: None, rate: None, buffers: 0, ..description() };
        assert_eq!(unknown.to_string(), "HD Webcam (/dev/video0, uvcvideo): MJPG");
    }
}
