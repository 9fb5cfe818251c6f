//! Whether a finished file is, around its frames, as camrec has written it: its head, its indexes, and what stands before each frame.

use super::error::Error;
use super::read::{RecordingReader, probe};
use crate::record::outline::{Outline, PART_HEAD};
use crate::record::reader::{Head, Step};
use crate::time::Time;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::time::Duration;

/// Whether it is, the frames themselves left out. A folder of pictures has nothing else.
///
/// # Errors
/// The disk's.
pub fn is_as_written(film: &RecordingReader) -> Result<bool, Error> {
    let Some((file, head, len)) = film.file() else { return Ok(true) };
    let is_same = compare(file, len, head);
    is_same.map(|same| same.is_some()).map_err(|why| Error::unreadable(film.path(), why))
}

/// `None`: something is different.
fn compare(file: &impl FileExt, len: u64, head: &Head) -> io::Result<Option<()>> {
    let mut start = vec![0; usize::try_from(head.frames_at()).unwrap_or(0)];
    if !read_all(file, 0, &mut start)? {
        return Ok(None);
    }
    let Some(outline) = Outline::new(head, &start) else { return Ok(None) };
    let mut walk = Walk { file, len, head, outline, frames: 0 };
    while let Some(next) = walk.next()? {
        match next {
            Next::Frame(frame) if walk.frame(&frame)? => {}
            Next::Part => walk.outline.muxer.found_part(),
            Next::End => return walk.end(&start),
            Next::Frame(_) => return Ok(None),
        }
    }
    Ok(None)
}

struct Walk<'a, F> {
    file: &'a F,
    len: u64,
    head: &'a Head,
    outline: Outline,
    frames: u64,
}

/// What comes behind the frames so far.
enum Next {
    Frame(Frame),
    /// The end of a part, and the begin of another one, in which nothing is.
    Part,
    /// What ends the file.
    End,
}

struct Frame {
    at: u64,
    len: u64,
    time: Option<Duration>,
}

impl<F: FileExt> Walk<'_, F> {
    /// `None`: what our writer does not write.
    fn next(&self) -> io::Result<Option<Next>> {
        let at = self.outline.muxer.end();
        if let Some(frame) = self.frame_at(at)? {
            return Ok(Some(Next::Frame(frame)));
        }
        let tail = self.outline.muxer.tail();
        if !self.has(at, &tail)? {
            return Ok(None);
        }
        let behind = at.saturating_add(tail.len() as u64);
        if behind == self.len {
            return Ok(Some(Next::End));
        }
        if !self.outline.muxer.has_room_for_part() {
            return Ok(None);
        }
        let part = self.frame_at(behind.saturating_add(PART_HEAD as u64))?;
        Ok(Some(part.map_or(Next::Part, Next::Frame)))
    }

    fn frame_at(&self, at: u64) -> io::Result<Option<Frame>> {
        let step = probe(self.file, at)?.and_then(|ahead| self.head.step(&ahead));
        let Some(Step::Frame { before, len, time, .. }) = step else { return Ok(None) };
        Ok(Some(Frame { at: at.saturating_add(before), len, time }))
    }

    /// Whether this frame stands where it should, with what belongs around it.
    fn frame(&mut self, frame: &Frame) -> io::Result<bool> {
        let time = frame.time.unwrap_or_else(|| self.head.time_of(self.frames));
        let len = usize::try_from(frame.len).unwrap_or(usize::MAX);
        let muxer = &self.outline.muxer;
        let Ok(around) = muxer.frame_head(Time::default().after(time), len) else { return Ok(false) };
        let (at, [part, own]) = (muxer.end(), around.before());
        let own_at = at.saturating_add(part.len() as u64);
        // the next part's head is known when that is complete
        let part = part.get(..part.len().saturating_sub(PART_HEAD)).unwrap_or_default();
        let is_same = own_at.saturating_add(own.len() as u64) == frame.at
            && self.has(at, part)?
            && self.has(own_at, own)?
            && self.has(frame.at.saturating_add(frame.len), around.after())?;
        self.outline.muxer.wrote(&around);
        self.frames += 1;
        Ok(is_same)
    }

    fn end(&mut self, start: &[u8]) -> io::Result<Option<()>> {
        let mut is_same = self.frames > 0 && self.outline.has_head(start);
        for (at, head) in self.outline.muxer.part_heads() {
            is_same = is_same && self.has(at, &head)?;
        }
        Ok(is_same.then_some(()))
    }

    /// Whether these bytes are in the file.
    fn has(&self, at: u64, bytes: &[u8]) -> io::Result<bool> {
        let mut there = vec![0; bytes.len()];
        Ok(read_all(self.file, at, &mut there)? && there == bytes)
    }
}

/// Whether there are so many.
fn read_all(file: &impl FileExt, at: u64, to: &mut [u8]) -> io::Result<bool> {
    match file.read_exact_at(to, at) {
        Ok(()) => Ok(true),
        Err(why) if why.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(why) => Err(why),
    }
}

#[cfg(test)]
mod tests {
    use super::super::salvage::{Salvaged, salvage, tests::crashed};
    use super::super::{Dir, Recording, SegmentFile, Sink};
    use super::*;
    use crate::jpeg::{Size, sample};
    use crate::record::container::{Container, Track};
    use jiff::Timestamp;
    use jiff::tz::Offset;
    use std::fs::{self, File};
    use std::path::{Path, PathBuf};

    const SIZE: Size = Size { width: 16, height: 16 };

    fn is_same(path: &Path) -> bool {
        let film = RecordingReader::open(path).unwrap();
        assert!(film.is_finished());
        is_as_written(&film).unwrap()
    }

    /// So many frames of these steps in milliseconds, and a checkpoint now and then.
    fn recorded(
        folder: &Path,
        container: Container,
        frames: u64,
        step: impl Fn(u64) -> u64,
    ) -> (Recording, PathBuf) {
        let path = folder.join("a");
        let started = Timestamp::from_microsecond(1_790_000_000_123_456).unwrap();
        let track = Track { size: SIZE, interval: None, started, offset: Offset::constant(2) };
        let file = SegmentFile::new(File::create_new(&path).unwrap(), path.clone());
        let mut at = Time::from_nanos(7_000_000_123);
        let jpeg = |number: u64| sample::jpeg(SIZE, &number.to_be_bytes()[..7 + number as usize % 2]);
        let mut recording = Recording::begin(Sink::File(file, container), &track, &jpeg(0), at).unwrap();
        for number in 1..frames {
            at = at.after(Duration::from_nanos(1_000_000 * step(number) + 77 * (number % 3)));
            recording.append(&jpeg(number), at).unwrap();
            if number % 20_000 == 25 {
                recording.checkpoint().unwrap();
            }
        }
        (recording, path)
    }

    fn repair(path: &Path) {
        let name = Path::new(path.file_name().unwrap());
        let repaired = salvage(&Dir::open(path.parent().unwrap()).unwrap(), name).unwrap();
        assert!(matches!(repaired, Salvaged::Repaired { .. }), "{repaired:?}");
    }

    #[test]
    fn what_was_written_is_as_it_was_written() {
        for container in [Container::Matroska, Container::Avi] {
            for (frames, step) in [(1, 40), (2, 40), (3, 33), (90, 40), (300, 33), (40, 6_001), (5_000, 700)]
            {
                let folder = tempfile::tempdir().unwrap();
                let (recording, path) =
                    recorded(folder.path(), container, frames, |n| step + u64::from(n % 50 == 7) * 9_000);
                recording.finish().unwrap();
                assert!(is_same(&path), "{container:?}: {frames} frames of {step} ms");
            }
            // and what a repair has made of it
            let folder = tempfile::tempdir().unwrap();
            let (path, ends) = crashed(folder.path(), container);
            let whole = fs::read(&path).unwrap();
            for cut in [ends[80] - 3, ends[80], ends[89]] {
                fs::write(&path, &whole[..cut as usize]).unwrap();
                repair(&path);
                assert!(is_same(&path), "{container:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn an_avi_of_several_parts_is_too() {
        let folder = tempfile::tempdir().unwrap();
        let (recording, path) = recorded(folder.path(), Container::Avi, (1 << 17) + 3, |_| 5);
        recording.finish().unwrap();
        assert!(is_same(&path));
        // the second part's head, and its length
        let mut bytes = fs::read(&path).unwrap();
        let part = bytes.windows(4).position(|word| word == b"AVIX").unwrap() - 4;
        bytes[part] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert!(!is_same(&path));
        bytes[part] ^= 1;
        // torn where a part had just begun
        bytes[44] = 0;
        fs::write(&path, &bytes[..part + 4 + PART_HEAD + 3]).unwrap();
        repair(&path);
        assert!(is_same(&path));
    }

    #[test]
    fn each_other_bit_shows() {
        // the words of who wrote it and when, and the clock's, are not the frames' to say
        for (container, most) in [(Container::Matroska, 60), (Container::Avi, 60)] {
            let folder = tempfile::tempdir().unwrap();
            let (recording, path) = recorded(folder.path(), container, 90, |_| 40);
            recording.finish().unwrap();
            let whole = fs::read(&path).unwrap();
            let (from, to) = match container {
                // up to the Void behind the cues
                Container::Matroska => (0, 640),
                Container::Avi => (0, 5120),
            };
            let tail = match container {
                Container::Matroska => whole.len(),
                Container::Avi => whole.windows(4).position(|word| word == b"ix00").unwrap(),
            };
            let file = File::options().write(true).open(&path).unwrap();
            let mut silent = Vec::new();
            for at in (from..to).chain(tail..whole.len()) {
                file.write_all_at(&[whole[at] ^ 1], at as u64).unwrap();
                if RecordingReader::open(&path)
                    .is_ok_and(|film| film.is_finished() && is_as_written(&film).unwrap())
                {
                    silent.push(at);
                }
                file.write_all_at(&[whole[at]], at as u64).unwrap();
            }
            assert!(silent.len() < most, "{container:?}: {silent:?}");
            assert!(is_same(&path));
        }
    }
}
