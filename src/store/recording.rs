//! A file or a pipe together with its muxer: frames go in, a playable recording comes out.

use super::dir::Dir;
use super::error::Error;
use super::file::{Reserved, SegmentFile, write_all};
use super::stills::Stills;
use super::whereabouts::Whereabouts;
use crate::clock::timeline::FileClock;
use crate::record::container::{Container, Muxer, Patch, Track};
use crate::time::Time;
use std::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Where a recording goes.
#[derive(Debug)]
pub enum Sink {
    /// A file, which is patched as it grows.
    File(SegmentFile, Container),
    /// A pipe, which cannot be. It gets Matroska.
    Pipe(Pipe),
    /// A folder that was just made.
    Stills(Arc<Dir>),
}

impl Sink {
    /// Where it is; none for a pipe.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Sink::File(file, _) => Some(file.path()),
            Sink::Pipe(_) => None,
            Sink::Stills(dir) => Some(dir.path()),
        }
    }
}

/// The program's standard output, for `-o -`.
#[derive(Debug)]
pub struct Pipe(File);

impl From<File> for Pipe {
    fn from(file: File) -> Self {
        Pipe(file)
    }
}

impl Pipe {
    /// Opens it.
    ///
    /// # Errors
    /// What the system says.
    pub fn stdout() -> Result<Self, Error> {
        let fd = io::stdout().as_fd().try_clone_to_owned();
        Ok(Pipe(File::from(fd.map_err(|why| Error::new("open", Path::new("standard output"), why))?)))
    }

    /// Writes all parts, one behind the other, as they are.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Closed`] if nobody reads it any more.
    pub fn append(&mut self, parts: &mut [IoSlice<'_>]) -> Result<(), Error> {
        write_all(&mut self.0, parts).map_err(|why| Error::new("write to", Path::new("standard output"), why))
    }
}

/// Where a stream of bytes goes.
#[derive(Debug)]
enum Stream {
    File(SegmentFile),
    Pipe(Pipe),
}

impl Stream {
    fn append(&mut self, parts: &mut [IoSlice<'_>]) -> Result<(), Error> {
        match self {
            Stream::File(file) => file.append(parts),
            Stream::Pipe(pipe) => pipe.append(parts),
        }
    }

    /// Whether a file may be so much longer: one that ends at its limit would lack what closes it.
    fn check_room(&self, bytes: u64) -> Result<(), Error> {
        match self {
            Stream::File(file) if !file.may_grow_by(bytes) => {
                Err(Error::TooLarge { path: file.path().to_owned() })
            }
            _ => Ok(()),
        }
    }
}

/// What a finished recording holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The file; none for a pipe.
    pub path: Option<PathBuf>,
    /// Frames in it.
    pub frames: u64,
    /// Bytes of all frames.
    pub bytes: u64,
    /// Bytes of the file or stream.
    pub file_bytes: u64,
    /// Capture time of the first frame.
    pub first: Time,
    /// Capture time of the last frame.
    pub last: Time,
    /// Frames whose time in the file is not their own, because the capture clock stood still or went back.
    pub clamped: u64,
}

impl Summary {
    /// Time between the first and the last frame's capture.
    pub fn span(&self) -> Duration {
        self.last.since(self.first)
    }
}

/// A recording that is being written. If it is dropped unfinished, the file is as a crash leaves it: whole up to its last
/// frame, seekable up to its last checkpoint.
pub struct Recording {
    to: To,
    summary: Summary,
    /// On the disk the head says nothing of its frames yet.
    is_new: bool,
}

enum To {
    Stream(Muxer, Stream),
    Stills(Stills),
}

impl Recording {
    /// Begins a recording with its first frame, which was captured at `captured`. Head and frame are one write.
    ///
    /// # Errors
    /// [`Error`]; the file has been deleted then, as there is nothing in it.
    pub fn begin(sink: Sink, track: &Track, frame: &[u8], captured: Time) -> Result<Self, Error> {
        let path = sink.path().map(Path::to_owned);
        let (to, head) = match sink {
            Sink::File(file, container) => {
                let (muxer, head) = Muxer::file(container, track);
                (To::Stream(muxer, Stream::File(file)), head)
            }
            Sink::Pipe(pipe) => {
                let (muxer, head) = Muxer::live(track);
                (To::Stream(muxer, Stream::Pipe(pipe)), head)
            }
            Sink::Stills(dir) => (To::Stills(Stills::new(dir, track.started, track.offset)), Vec::new()),
        };
        let summary =
            Summary { path, frames: 0, bytes: 0, file_bytes: 0, first: captured, last: captured, clamped: 0 };
        let mut recording = Recording { to, summary, is_new: true };
        match recording.write(&head, frame, captured) {
            Ok(_) => Ok(recording),
            Err(why) => {
                recording.discard();
                Err(why)
            }
        }
    }

    fn discard(self) {
        match self.to {
            To::Stream(_, Stream::File(file)) => file.discard(),
            To::Stream(_, Stream::Pipe(_)) => {}
            To::Stills(stills) => stills.discard(),
        }
    }

    /// Appends a frame. Returns whether its time in the file is its own; see [`Muxer::frame_head`].
    ///
    /// # Errors
    /// [`Error`]; the frame is not in the recording then, those before it are, and it can be finished.
    pub fn append(&mut self, frame: &[u8], captured: Time) -> Result<bool, Error> {
        self.write(&[], frame, captured)
    }

    fn write(&mut self, before: &[u8], frame: &[u8], captured: Time) -> Result<bool, Error> {
        let is_clamped = match &mut self.to {
            To::Stream(muxer, stream) => {
                let head = muxer.frame_head(captured, frame.len())?;
                let [first, second] = head.before();
                let bytes =
                    [before, first, second, frame, head.after()].map(<[u8]>::len).iter().sum::<usize>();
                stream.check_room((bytes as u64).saturating_add(muxer.tail_ahead()))?;
                stream.append(&mut [before, first, second, frame, head.after()].map(IoSlice::new))?;
                muxer.wrote(&head);
                self.summary.file_bytes = muxer.end();
                head.is_clamped()
            }
            To::Stills(stills) => {
                stills.append(frame, captured.since(self.summary.first))?;
                self.summary.file_bytes = stills.bytes();
                false
            }
        };
        self.summary.frames += 1;
        self.summary.bytes += frame.len() as u64;
        self.summary.last = captured;
        self.summary.clamped += u64::from(is_clamped);
        Ok(!is_clamped)
    }

    /// Where it is; none for a pipe.
    pub fn path(&self) -> Option<&Path> {
        self.summary.path.as_deref()
    }

    /// What has become of the file or folder while it was written. A pipe is where it is.
    pub fn whereabouts(&self) -> Whereabouts {
        match &self.to {
            To::Stream(_, Stream::File(file)) => file.whereabouts(),
            To::Stream(_, Stream::Pipe(_)) => Whereabouts::There,
            To::Stills(stills) => stills.whereabouts(),
        }
    }

    /// Somebody deletes the pictures of a folder.
    pub fn is_thinned(&self) -> bool {
        matches!(&self.to, To::Stills(stills) if stills.is_thinned())
    }

    /// Takes pictures that are not there any more out of what it holds: how many, and their bytes. A file has all of its frames.
    pub fn forget_lost(&mut self) -> (u64, u64) {
        let To::Stills(stills) = &self.to else { return (0, 0) };
        let (frames, bytes) = stills.lost();
        self.summary.frames = self.summary.frames.saturating_sub(frames);
        self.summary.bytes = self.summary.bytes.saturating_sub(bytes);
        self.summary.file_bytes = self.summary.file_bytes.saturating_sub(bytes);
        (frames, bytes)
    }

    /// Somebody has cut off what was written.
    pub fn is_cut(&self) -> bool {
        matches!(&self.to, To::Stream(_, Stream::File(file)) if file.is_cut())
    }

    /// It is at another path by now.
    pub fn set_path(&mut self, path: PathBuf) {
        self.summary.path = Some(path);
    }

    /// The folder that its file was made in, if it is in that still: the folder may have been moved as a whole.
    pub fn dir(&self) -> Option<Arc<Dir>> {
        let To::Stream(_, Stream::File(file)) = &self.to else { return None };
        file.dir().filter(|_| file.is_in_its_folder()).cloned()
    }

    /// The file, if the disk may keep room behind its end.
    pub fn reserved(&self) -> Option<Reserved> {
        match &self.to {
            To::Stream(_, Stream::File(file)) => file.reserved(),
            _ => None,
        }
    }

    /// What it holds so far.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// What is known by now of the frames' times on the wall clock: to be written with the next checkpoint.
    pub fn set_clock(&mut self, clock: &FileClock) {
        if let To::Stream(muxer, _) = &mut self.to {
            muxer.set_clock(clock);
        }
    }

    /// Has the disk keep room for this many bytes more, if this is a file; see [`SegmentFile::reserve`].
    ///
    /// # Errors
    /// [`Error`]; the recording can go on.
    pub fn reserve(&mut self, ahead: u64) -> Result<(), Error> {
        match &mut self.to {
            To::Stream(_, Stream::File(file)) => file.reserve(ahead),
            _ => Ok(()),
        }
    }

    /// Brings the frames to the disk, then writes how long they last and where to seek to, which comes to the disk with the next
    /// frames; the first time at once. Once a second is enough, and loses at most that second with the power.
    ///
    /// # Errors
    /// [`Error`]; the recording can go on.
    pub fn checkpoint(&mut self) -> Result<(), Error> {
        match &mut self.to {
            To::Stream(muxer, Stream::File(file)) => {
                file.sync()?;
                apply(file, &muxer.checkpoint())?;
                if std::mem::take(&mut self.is_new) { file.sync() } else { Ok(()) }
            }
            To::Stream(_, Stream::Pipe(_)) => Ok(()),
            To::Stills(stills) => stills.sync(),
        }
    }

    /// Writes what a checkpoint does and the file's size, and closes it with everything on the disk.
    ///
    /// # Errors
    /// [`Error`]; the file has all its frames nevertheless.
    pub fn finish(mut self) -> Result<Summary, Error> {
        match self.to {
            To::Stream(mut muxer, Stream::File(mut file)) => {
                file.append(&mut [IoSlice::new(&muxer.tail())])?;
                file.sync()?;
                apply(&file, &muxer.finish())?;
                file.close()?;
                self.summary.file_bytes = muxer.end();
            }
            To::Stream(_, Stream::Pipe(_)) => {}
            To::Stills(stills) => stills.sync()?,
        }
        Ok(self.summary)
    }
}

fn apply(file: &SegmentFile, patches: &[Patch<'_>]) -> Result<(), Error> {
    patches.iter().try_for_each(|patch| file.patch(patch.offset, patch.bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jpeg::Size;
    use crate::record::container::MuxError;
    use crate::record::matroska::MAX_FRAME;
    use jiff::Timestamp;
    use jiff::tz::Offset;
    use std::fs;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    fn track() -> Track {
        Track {
            size: Size { width: 640, height: 480 },
            interval: None,
            started: Timestamp::UNIX_EPOCH,
            offset: Offset::UTC,
        }
    }

    fn file(folder: &Path) -> Sink {
        let path = folder.join("a.mkv");
        Sink::File(SegmentFile::new(File::create_new(&path).unwrap(), path), Container::Matroska)
    }

    #[test]
    fn a_recording_says_what_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let sink = file(folder.path());
        let mut recording = Recording::begin(sink, &track(), b"first", Time::from_millis(500)).unwrap();
        assert!(recording.append(b"second", Time::from_millis(540)).unwrap());
        assert!(!recording.append(b"late", Time::from_millis(530)).unwrap());
        recording.checkpoint().unwrap();
        assert!(recording.append(b"last", Time::from_millis(620)).unwrap());
        let summary = recording.finish().unwrap();
        let path = summary.path.clone().unwrap();
        assert_eq!((summary.frames, summary.bytes, summary.clamped), (4, 19, 1));
        assert_eq!(summary.span(), Duration::from_millis(120));
        assert_eq!(summary.file_bytes, fs::metadata(path).unwrap().len());
    }

    #[test]
    fn a_frame_that_is_none_costs_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut recording =
            Recording::begin(file(folder.path()), &track(), b"first", Time::default()).unwrap();
        let before = recording.summary().clone();
        assert!(matches!(recording.append(b"", Time::from_millis(1)), Err(Error::Refused(MuxError::Empty))));
        let long = vec![0; MAX_FRAME as usize + 1];
        let refused = recording.append(&long, Time::from_millis(1));
        assert!(matches!(refused, Err(Error::Refused(MuxError::TooLong(_)))));
        assert_eq!(recording.finish().unwrap(), before);
    }

    #[test]
    fn a_recording_that_cannot_begin_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Recording::begin(file(folder.path()), &track(), b"", Time::default()).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_player_that_was_closed_is_a_quiet_end() {
        let (ours, player) = UnixStream::pair().unwrap();
        let sink = Sink::Pipe(Pipe(File::from(OwnedFd::from(ours))));
        let mut recording = Recording::begin(sink, &track(), b"first", Time::default()).unwrap();
        drop(player);
        assert!(matches!(recording.append(b"second", Time::from_millis(40)), Err(Error::Closed)));
        assert_eq!(recording.summary().frames, 1);
    }

    #[test]
    fn a_full_disk_is_named() {
        let full = Sink::Pipe(Pipe(File::options().write(true).open("/dev/full").unwrap()));
        let refused = Recording::begin(full, &track(), b"first", Time::default()).err().unwrap();
        assert!(matches!(refused, Error::Full { .. }), "{refused}");
    }
}
