//! A recording that is read back, frame by frame: to be checked, exported or looked at. Whoever has written it may have meant us ill:
//! whatever is in it, reading it takes memory for one frame, and time for its bytes.

use super::dir::{Dir, not_a_file};
use super::error::Error;
use super::stills::{self, Picture};
use crate::jpeg::{self, Size};
use crate::record::reader::{HEAD_MOST, Head, LONGEST, PROBE, Step};
use arrayvec::ArrayVec;
use jiff::Timestamp;
use memchr::memmem;
use nix::fcntl::OFlag;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::ops::Range;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Bytes that are searched at once for a frame behind damage: at first, as most damage is short, and at last.
const STRIDE: Range<usize> = 4 * 1024..256 * 1024;

/// A recording of camrec's: a file, or a folder of JPEGs.
#[derive(Debug)]
pub struct RecordingReader {
    path: PathBuf,
    size: Size,
    started: Timestamp,
    source: Source,
    /// The next frame's number, counted from 0.
    number: u64,
}

#[derive(Debug)]
enum Source {
    File(FileFrames<File>),
    Stills(Dir, Vec<Picture>),
}

/// A file with frames in it, or whatever else is read like one.
#[derive(Debug)]
pub struct FileFrames<F> {
    file: F,
    head: Head,
    len: u64,
    /// Where the next frame should begin.
    at: u64,
    /// What is searched.
    searched: Vec<u8>,
}

/// What comes next in a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A frame, which was captured so long after the first.
    Frame(Duration),
    /// These bytes of the file are no frames.
    Damage(Range<u64>),
    /// There is nothing more.
    End,
}

impl RecordingReader {
    /// Opens a recording.
    ///
    /// # Errors
    /// It cannot be read, or is none.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let failed = |why| Error::unreadable(path, why);
        let foreign = || Error::Foreign { path: path.to_owned() };
        let path_owned = path.to_owned();
        if path.is_dir() {
            let dir = Dir::hold(path).map_err(failed)?;
            let pictures = stills::pictures(&dir).map_err(failed)?;
            let (first, started) = pictures.first().cloned().ok_or_else(foreign)?;
            let first = read_picture(&dir, &first).map_err(failed)?;
            let size = jpeg::size(&first).map_err(|_| foreign())?;
            let source = Source::Stills(dir, pictures);
            return Ok(RecordingReader { path: path_owned, size, started, source, number: 0 });
        }
        let file = open_regular(path).map_err(failed)?;
        let mut start = Vec::new();
        Read::by_ref(&mut &file).take(HEAD_MOST as u64).read_to_end(&mut start).map_err(failed)?;
        let len = file.metadata().map_err(failed)?.len();
        let head = Head::parse(&start).ok_or_else(foreign)?;
        let (size, started) = (head.size(), head.started());
        let source = Source::File(FileFrames::new(file, head, len));
        Ok(RecordingReader { path: path_owned, size, started, source, number: 0 })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its pictures' size.
    pub fn size(&self) -> Size {
        self.size
    }

    /// When its first frame was captured.
    pub fn started(&self) -> Timestamp {
        self.started
    }

    /// Bytes of the file, or pictures of the folder.
    pub fn extent(&self) -> u64 {
        match &self.source {
            Source::File(frames) => frames.len,
            Source::Stills(_, pictures) => pictures.len() as u64,
        }
    }

    /// How many of those have been read so far.
    pub fn position(&self) -> u64 {
        match &self.source {
            Source::File(frames) => frames.position(),
            Source::Stills(..) => self.number,
        }
    }

    /// Bytes of it on the disk.
    ///
    /// # Errors
    /// The disk's.
    pub fn bytes(&self) -> Result<u64, Error> {
        match &self.source {
            Source::File(frames) => Ok(frames.len),
            Source::Stills(dir, pictures) => {
                let len = |(name, _): &Picture| Ok(dir.stat(name)?.map_or(0, |found| found.bytes));
                let bytes = pictures.iter().map(len).sum::<io::Result<u64>>();
                bytes.map_err(|why| Error::unreadable(&self.path, why))
            }
        }
    }

    /// It was closed, and has the length that it had then. Of a folder nobody knows.
    pub fn is_finished(&self) -> bool {
        match &self.source {
            Source::File(frames) => frames.head.finished() == Some(frames.len),
            Source::Stills(..) => true,
        }
    }

    /// It was never closed. Of a folder nobody knows.
    pub fn is_open(&self) -> bool {
        match &self.source {
            Source::File(frames) => frames.head.finished().is_none(),
            Source::Stills(..) => false,
        }
    }

    /// Each frame has a time of its own; otherwise there is but a rate.
    pub fn has_times(&self) -> bool {
        match &self.source {
            Source::File(frames) => matches!(frames.head, Head::Matroska(_)),
            Source::Stills(..) => true,
        }
    }

    /// The file, its head and its length; `None` of a folder.
    pub(super) fn file(&self) -> Option<(&File, &Head, u64)> {
        match &self.source {
            Source::File(FileFrames { file, head, len, .. }) => Some((file, head, *len)),
            Source::Stills(..) => None,
        }
    }

    /// Goes back to the first frame.
    pub fn rewind(&mut self) {
        self.number = 0;
        if let Source::File(frames) = &mut self.source {
            frames.at = frames.head.frames_at();
        }
    }

    /// The next part; `jpeg` is a frame's bytes then.
    ///
    /// # Errors
    /// The disk's.
    pub fn next(&mut self, jpeg: &mut Vec<u8>) -> Result<Part, Error> {
        self.advance(Some(jpeg)).map_err(|why| Error::unreadable(&self.path, why))
    }

    /// The next part, without a frame's bytes.
    ///
    /// # Errors
    /// The disk's.
    pub fn skip(&mut self) -> Result<Part, Error> {
        self.advance(None).map_err(|why| Error::unreadable(&self.path, why))
    }

    fn advance(&mut self, jpeg: Option<&mut Vec<u8>>) -> io::Result<Part> {
        let part = match &mut self.source {
            Source::File(frames) => frames.advance(self.number, jpeg)?,
            Source::Stills(dir, pictures) => {
                let number = usize::try_from(self.number).unwrap_or(usize::MAX);
                let Some((name, at)) = pictures.get(number) else { return Ok(Part::End) };
                if let Some(jpeg) = jpeg {
                    *jpeg = read_picture(dir, name)?;
                }
                Part::Frame(at.duration_since(self.started).try_into().unwrap_or_default())
            }
        };
        self.number += u64::from(matches!(part, Part::Frame(_)));
        Ok(part)
    }
}

impl<F: FileExt> FileFrames<F> {
    /// The frames of a file of this head and so many bytes.
    pub fn new(file: F, head: Head, len: u64) -> Self {
        let at = head.frames_at();
        FileFrames { file, head, len, at, searched: Vec::new() }
    }

    /// How many bytes have been read so far.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// The next part, and a frame's bytes if they are wanted. `number`: of the frames that came before.
    ///
    /// # Errors
    /// The file's.
    pub fn advance(&mut self, number: u64, jpeg: Option<&mut Vec<u8>>) -> io::Result<Part> {
        while self.at < self.len {
            match self.step(self.at)? {
                Some(Step::Frame { before, len, after, time }) => {
                    if let Some(jpeg) = jpeg {
                        jpeg.resize(usize::try_from(len).unwrap_or(usize::MAX), 0);
                        self.file.read_exact_at(jpeg, self.at + before)?;
                    }
                    self.at += before + len + after;
                    return Ok(Part::Frame(time.unwrap_or_else(|| self.head.time_of(number))));
                }
                Some(Step::Skip(len)) => self.at += len,
                None => {
                    let next = self.search(self.at + 1)?.unwrap_or(self.len);
                    let damage = self.at..next;
                    self.at = next;
                    return Ok(Part::Damage(damage));
                }
            }
        }
        Ok(Part::End)
    }

    /// What begins there, if it ends within the file.
    fn step(&self, at: u64) -> io::Result<Option<Step>> {
        let step = probe(&self.file, at)?.and_then(|ahead| self.head.step(&ahead));
        Ok(step.filter(|step| at.saturating_add(step.size()) <= self.len))
    }

    /// Where the first frame from here on begins.
    fn search(&mut self, mut from: u64) -> io::Result<Option<u64>> {
        let (mut bytes, signature) = (std::mem::take(&mut self.searched), self.head.signature());
        let mut stride = STRIDE.start;
        let found = loop {
            if bytes.len() < stride {
                bytes.resize(stride, 0);
            }
            let ahead = bytes.get_mut(..stride).unwrap_or_default();
            let len = read_some_at(&self.file, ahead, from)?;
            let ahead = ahead.get(..len).unwrap_or_default();
            let found = memmem::find_iter(ahead, &signature)
                .map(|at| from.saturating_add(at as u64))
                .map(|at| -> io::Result<_> { Ok((at, self.step(at)?)) })
                .find(|step| !matches!(step, Ok((_, None | Some(Step::Skip(_))))));
            if let Some(found) = found {
                break Some(found.map(|(at, _)| at)?);
            }
            if len < stride {
                break None;
            }
            // a signature may begin at its end
            from = from.saturating_add((len.saturating_sub(signature.len()) + 1) as u64);
            stride = (stride * 2).min(STRIDE.end);
        };
        self.searched = bytes;
        Ok(found)
    }
}

/// A file that is a picture by itself, or should be.
///
/// # Errors
/// It cannot be read, or is longer than a frame may be.
pub fn picture(path: &Path) -> Result<Vec<u8>, Error> {
    let bytes = open_regular(path).and_then(|file| read_up_to(&file, LONGEST));
    bytes.map_err(|why| Error::unreadable(path, why))
}

/// A picture of a folder, of which none is longer than a frame may be.
fn read_picture(dir: &Dir, name: &Path) -> io::Result<Vec<u8>> {
    read_up_to(&dir.open_regular(name, OFlag::O_RDONLY)?, LONGEST)
}

/// A file by its path. A pipe would keep us waiting for somebody who writes to it, and a device has no end.
pub(super) fn open_regular(path: &Path) -> io::Result<File> {
    let flags = (OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(not_a_file()) }
}

/// All of a file that has at most so many bytes.
pub(super) fn read_up_to(file: &File, most: u64) -> io::Result<Vec<u8>> {
    let too_long =
        || io::Error::new(ErrorKind::InvalidData, format!("it is too long: at most {most} bytes are read"));
    if file.metadata()?.len() > most {
        return Err(too_long());
    }
    let mut bytes = Vec::new();
    // it may grow meanwhile
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(too_long()) } else { Ok(bytes) }
}

/// As much as there is.
fn read_some_at(file: &impl FileExt, to: &mut [u8], at: u64) -> io::Result<usize> {
    let mut len = 0;
    while len < to.len() {
        match file.read_at(&mut to[len..], at + len as u64) {
            Ok(0) => break,
            Ok(read) => len += read,
            Err(why) if why.kind() == ErrorKind::Interrupted => {}
            Err(why) => return Err(why),
        }
    }
    Ok(len)
}

/// The bytes that tell what begins there; `None` where nothing does.
pub(super) fn probe(file: &impl FileExt, at: u64) -> io::Result<Option<ArrayVec<u8, PROBE>>> {
    let mut ahead = ArrayVec::from([0; PROBE]);
    let len = read_some_at(file, &mut ahead, at)?;
    ahead.truncate(len);
    Ok((len > 0).then_some(ahead))
}

#[cfg(test)]
mod tests {
    use super::super::salvage::tests::{FRAMES, crashed, jpeg};
    use super::*;
    use crate::record::container::Container;
    use std::fs;

    /// All parts; each frame's bytes are right.
    fn read(path: &Path) -> (Vec<u64>, Vec<(u64, u64)>) {
        let mut film = RecordingReader::open(path).unwrap();
        let (mut frames, mut damages, mut ahead) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            match film.next(&mut ahead).unwrap() {
                Part::Frame(time) => {
                    let number = time.as_millis() as u64 / 40;
                    assert!(ahead == jpeg(number), "frame {number}");
                    frames.push(number);
                }
                Part::Damage(range) => damages.push((range.start, range.end)),
                Part::End => return (frames, damages),
            }
        }
    }

    #[test]
    fn a_recording_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let (path, _) = crashed(folder.path(), Container::Matroska);
        assert!(!RecordingReader::open(&path).unwrap().is_finished());
        assert_eq!(read(&path), ((0..FRAMES).collect(), vec![]));
    }

    #[test]
    fn frames_on_both_sides_of_damage_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let (path, ends) = crashed(folder.path(), Container::Matroska);
        let whole = fs::read(&path).unwrap();
        // from the middle of frame 11 into the middle of frame 13
        let hole = ends[10] + 5..ends[12] + 30;
        let mut bytes = whole.clone();
        bytes[hole.start as usize..hole.end as usize].fill(0x5a);
        fs::write(&path, &bytes).unwrap();
        let (frames, damages) = read(&path);
        assert_eq!(frames, (0..11).chain(14..FRAMES).collect::<Vec<_>>());
        assert_eq!(damages, [(ends[10], ends[13])]);
        // a long one, with what looks like a frame in it
        let mut bytes = whole[..ends[10] as usize].to_vec();
        bytes.resize(bytes.len() + 3 * STRIDE.end, 0x1f);
        bytes.extend_from_slice(&[0x1f, 0x43, 0xb6, 0x75]);
        let end = bytes.len() as u64;
        bytes.extend_from_slice(&whole[ends[10] as usize..]);
        fs::write(&path, &bytes).unwrap();
        let (frames, damages) = read(&path);
        assert_eq!((frames.len() as u64, damages), (FRAMES, vec![(ends[10], end)]));
    }

    #[test]
    fn damage_after_damage_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let (path, ends) = crashed(folder.path(), Container::Matroska);
        let whole = fs::read(&path).unwrap();
        let mut bytes = whole[..ends[0] as usize].to_vec();
        let mut expected = Vec::new();
        for two in ends.windows(2) {
            expected.push((bytes.len() as u64, bytes.len() as u64 + 5));
            bytes.extend(b"\x1f\x43\xb6\x75\0");
            bytes.extend(&whole[two[0] as usize..two[1] as usize]);
        }
        fs::write(&path, &bytes).unwrap();
        assert_eq!(read(&path), ((0..FRAMES).collect(), expected));
    }

    #[test]
    fn what_is_torn_off_is_no_frame() {
        let folder = tempfile::tempdir().unwrap();
        let (path, ends) = crashed(folder.path(), Container::Matroska);
        let whole = fs::read(&path).unwrap();
        for cut in [ends[50] + 1, ends[50] + PROBE as u64, ends[51] - 1] {
            fs::write(&path, &whole[..cut as usize]).unwrap();
            assert_eq!(read(&path), ((0..=50).collect(), vec![(ends[50], cut)]));
        }
    }

    #[test]
    fn what_is_none_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mkv");
        assert!(RecordingReader::open(&path).unwrap_err().to_string().contains("cannot read"));
        fs::write(&path, b"somebody's").unwrap();
        assert!(matches!(RecordingReader::open(&path), Err(Error::Foreign { .. })));
    }

    #[test]
    fn what_would_keep_us_waiting_or_has_no_end_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mkv");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        for path in [&*path, Path::new("/dev/zero")] {
            assert!(RecordingReader::open(path).unwrap_err().to_string().contains("no regular file"));
        }
        let stills = folder.path().join("stills");
        fs::create_dir(&stills).unwrap();
        let picture = File::create(stills.join("000000_2026-11-23_14-03-27.512345+0100.jpg")).unwrap();
        picture.set_len(LONGEST + 1).unwrap();
        assert!(RecordingReader::open(&stills).unwrap_err().to_string().contains("too long"));
    }
}
