//! What a crash has left of a file is made a whole one: cut behind its last whole frame, closed, seekable.

use super::dir::Dir;
use super::error::Error;
use super::file::SegmentFile;
use super::read::{probe, read_up_to};
use super::stills;
use crate::jpeg;
use crate::record::container::Muxer;
use crate::record::reader::{HEAD_MOST, Head, LONGEST, Step};
use jiff::Timestamp;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// What has become of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Salvaged {
    /// It was finished already; only the index did not say so.
    Whole(Remains),
    /// It is finished now.
    Repaired {
        /// What is in it.
        remains: Remains,
        /// Bytes behind the last whole frame, which are gone.
        torn: u64,
    },
    /// There was no whole frame in it, and it is deleted.
    Empty,
    /// It is none that camrec has written, and was left alone.
    Foreign,
}

/// What is in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remains {
    /// Its frames; 0 if it was whole, and they were not counted.
    pub frames: u64,
    /// How long they last.
    pub duration: Duration,
    /// When the last one was captured, about.
    pub ended: Timestamp,
    /// Bytes of the file.
    pub bytes: u64,
}

/// What changes with each second that a file or a folder of pictures is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    len: u64,
    modified: Option<SystemTime>,
}

/// Looks at what may be another's; none if it cannot be seen. It is opened, as a file system of the network asks its server then.
pub(super) fn look(dir: &Dir, name: &Path) -> Option<Look> {
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let found = dir.open_file(name, flags).and_then(|file| file.metadata()).ok()?;
    Some(Look { len: found.len(), modified: found.modified().ok() })
}

/// Repairs a file beneath the folder that camrec has begun and not finished.
///
/// Frames up to its latest checkpoint are on the disk for sure, and are believed. Behind it each must be a JPEG up to its end:
/// after a power cut a file may be longer than what has reached the disk, and ends in zeros.
///
/// # Errors
/// What the system says.
pub fn salvage(dir: &Dir, name: &Path) -> Result<Salvaged, Error> {
    let path = dir.path().join(name);
    let failed = |why| Error::new("repair", &path, why);
    let (folder, name) = dir.parent_of(name)?;
    let found = folder.stat(name).map_err(failed)?.ok_or_else(|| failed(ErrorKind::NotFound.into()))?;
    if found.is_folder() {
        return salvage_stills(&folder, name);
    }
    let file = match folder.open_regular(name, OFlag::O_RDWR) {
        Ok(file) => file,
        Err(_) if !found.is_file() => return Ok(Salvaged::Foreign),
        Err(why) => return Err(failed(why)),
    };
    salvage_file(Arc::new(folder), file, &path)
}

fn salvage_file(folder: Arc<Dir>, file: File, path: &Path) -> Result<Salvaged, Error> {
    let failed = |why| Error::new("repair", path, why);
    let segment = |file| SegmentFile::within(Arc::clone(&folder), file, path.to_owned());
    let len = file.metadata().map_err(failed)?.len();
    let mut start = Vec::new();
    Read::by_ref(&mut &file).take(HEAD_MOST as u64).read_to_end(&mut start).map_err(failed)?;
    let Some(head) = Head::parse(&start) else {
        // made, but its head never came to the disk: nothing, or zeros
        if start.iter().all(|byte| *byte == 0) {
            segment(file).discard();
            return Ok(Salvaged::Empty);
        }
        return Ok(Salvaged::Foreign);
    };
    if head.finished() == Some(len) {
        let duration = head.duration();
        let ended = head.started().saturating_add(duration).unwrap_or_default();
        return Ok(Salvaged::Whole(Remains { frames: 0, duration, ended, bytes: len }));
    }
    let mut muxer = Muxer::resume(&head);
    let frames = walk(&file, len, &head, &mut muxer).map_err(failed)?;
    if frames == 0 {
        segment(file).discard();
        return Ok(Salvaged::Empty);
    }
    let duration = Duration::from_micros(muxer.duration());
    let ended = head.started().saturating_add(duration).unwrap_or_default();
    let torn = len.saturating_sub(muxer.end());
    file.set_len(muxer.end()).map_err(failed)?;
    let file = segment(file);
    file.patch(muxer.end(), &muxer.tail())?;
    file.sync()?;
    muxer.finish().iter().try_for_each(|patch| file.patch(patch.offset, patch.bytes))?;
    file.close()?;
    Ok(Salvaged::Repaired { remains: Remains { frames, duration, ended, bytes: muxer.end() }, torn })
}

/// Goes from frame to frame as long as they are whole; says how many. `muxer`: as it was when the file had its head only; it ends behind
/// the last of them.
///
/// # Errors
/// The file's.
pub fn walk(file: &impl FileExt, file_len: u64, head: &Head, muxer: &mut Muxer) -> io::Result<u64> {
    let mut frames = 0;
    let mut jpeg = Vec::new();
    loop {
        let at = muxer.end();
        let fits = |step: &Step| at.saturating_add(step.size()) <= file_len;
        match probe(file, at)?.and_then(|ahead| head.step(&ahead)).filter(fits) {
            Some(Step::Frame { before, len, time, .. }) => {
                if !head.is_sure(frames, time) {
                    jpeg.resize(usize::try_from(len).unwrap_or(0), 0);
                    file.read_exact_at(&mut jpeg, at.saturating_add(before))?;
                    if !looks_whole(&jpeg) {
                        return Ok(frames);
                    }
                }
                muxer.found(time, len);
                frames += 1;
            }
            // indexes are recreated: behind those that count another part begins
            Some(Step::Skip(_)) if muxer.has_room_for_part() => {
                let tail = muxer.tail();
                let next = probe(file, at.saturating_add(tail.len() as u64))?;
                if !next.is_some_and(|ahead| ahead.starts_with(b"RIFF") && head.step(&ahead).is_some()) {
                    return Ok(frames);
                }
                file.write_all_at(&tail, at)?;
                muxer.found_part();
            }
            Some(Step::Skip(_)) | None => return Ok(frames),
        }
    }
}

/// Pictures up to the latest checkpoint are on the disk for sure. Those after it may be there in part, and not only the last ones: the disk
/// has its own order.
fn salvage_stills(above: &Dir, name: &Path) -> Result<Salvaged, Error> {
    let folder = above.below(name)?;
    let salvaged = thin(&folder).map_err(|why| Error::new("repair", folder.path(), why))?;
    match salvaged {
        Some((remains, torn)) => Ok(Salvaged::Repaired { remains, torn }),
        None => stills::delete(above, name).map(|()| Salvaged::Empty),
    }
}

/// Deletes what is torn of the pictures. What is left and the bytes that were torn; none if nothing is left.
fn thin(folder: &Dir) -> io::Result<Option<(Remains, u64)>> {
    let pictures = stills::pictures(folder)?;
    let (mut bytes, mut torn, mut left) = (0_u64, 0_u64, Vec::new());
    for (number, (name, at)) in pictures.iter().enumerate() {
        let len = folder.stat(name)?.map_or(0, |found| found.bytes);
        let is_old = pictures.len().saturating_sub(number) > STILLS_A_CHECKPOINT;
        if is_old || is_whole_picture(folder, name)? {
            bytes = bytes.saturating_add(len);
            left.push(*at);
        } else {
            torn = torn.saturating_add(len);
            folder.remove_file(name)?;
        }
    }
    let (Some(first), Some(last)) = (left.first(), left.last()) else { return Ok(None) };
    let duration = last.duration_since(*first).try_into().unwrap_or_default();
    Ok(Some((Remains { frames: left.len() as u64, duration, ended: *last, bytes }, torn)))
}

/// What is no file, or longer than any picture of ours, is nobody's torn one.
fn is_whole_picture(folder: &Dir, name: &Path) -> io::Result<bool> {
    match folder.open_regular(name, OFlag::O_RDONLY).and_then(|file| read_up_to(&file, LONGEST)) {
        Ok(jpeg) => Ok(looks_whole(&jpeg)),
        Err(why) if matches!(why.kind(), ErrorKind::InvalidInput | ErrorKind::InvalidData) => Ok(true),
        Err(why) if why.raw_os_error() == Some(Errno::ELOOP as i32) => Ok(true),
        Err(why) => Err(why),
    }
}

/// More pictures than come between two checkpoints.
const STILLS_A_CHECKPOINT: usize = 1000;

/// Some cameras leave out the end marker, so its lack alone is no sign. But no frame ends in a zero: camcast leaves those away.
fn looks_whole(frame: &[u8]) -> bool {
    jpeg::size(frame).is_ok() && frame.last().is_some_and(|byte| *byte != 0)
}

#[cfg(test)]
pub(super) mod tests {
    use super::salvage as salvage_beneath;
    use super::*;
    use crate::jpeg::Size;
    use crate::record::container::{Container, Form, Track};
    use crate::record::matroska::FRAME_HEAD;
    use crate::store::read::{Part, RecordingReader};
    use crate::store::{Folder, Recording};
    use crate::time::Time;
    use jiff::tz::Offset;
    use matroska_demuxer::{Frame, MatroskaFile};
    use proptest::prelude::*;
    use std::fs;
    use std::path::PathBuf;

    pub(in crate::store) const FRAMES: u64 = 90;

    fn salvage(path: &Path) -> Result<Salvaged, Error> {
        let name = Path::new(path.file_name().unwrap());
        salvage_beneath(&Dir::open(path.parent().unwrap()).unwrap(), name)
    }
    const SIZE: Size = Size { width: 16, height: 16 };

    /// Of a length that tells its number.
    pub(in crate::store) fn jpeg(number: u64) -> Vec<u8> {
        crate::jpeg::sample::jpeg(SIZE, &vec![7; number as usize])
    }

    /// Three seconds with a checkpoint after each, and then a crash: the path, and where each frame ends.
    pub(in crate::store) fn crashed(folder: &Path, container: Container) -> (PathBuf, Vec<u64>) {
        let (recording, ends) = recorded(folder, container);
        (recording.path().unwrap().to_owned(), ends)
    }

    fn recorded(folder: &Path, container: Container) -> (Recording, Vec<u64>) {
        let file = Folder::open(folder, "test")
            .unwrap()
            .create(["a.mkv".to_owned()], Form::File(container))
            .unwrap();
        let started = Timestamp::from_second(1_790_000_000).unwrap();
        let track = Track { size: SIZE, interval: None, started, offset: Offset::UTC };
        let at = |number: u64| Time::from_millis(7_000 + 40 * number);
        let mut recording = Recording::begin(file, &track, &jpeg(0), at(0)).unwrap();
        let mut ends = vec![recording.summary().file_bytes];
        for number in 1..FRAMES {
            recording.append(&jpeg(number), at(number)).unwrap();
            ends.push(recording.summary().file_bytes);
            if number % 25 == 0 {
                recording.checkpoint().unwrap();
            }
        }
        (recording, ends)
    }

    /// Each frame's time in microseconds and its bytes; the duration in microseconds.
    fn read(path: &Path, container: Container) -> (Vec<(u64, usize)>, f64) {
        if container == Container::Avi {
            let mut film = RecordingReader::open(path).unwrap();
            let (mut frames, mut jpeg) = (Vec::new(), Vec::new());
            while let Part::Frame(time) = film.next(&mut jpeg).unwrap() {
                frames.push((time.as_micros() as u64, jpeg.len()));
            }
            let mut start = Vec::new();
            File::open(path).unwrap().read_to_end(&mut start).unwrap();
            return (frames, Head::parse(&start).unwrap().duration().as_micros() as f64);
        }
        let mut file = MatroskaFile::open(File::open(path).unwrap()).unwrap();
        let mut frame = Frame::default();
        let mut frames = Vec::new();
        while file.next_frame(&mut frame).unwrap() {
            frames.push((frame.timestamp, frame.data.len()));
        }
        (frames, file.info().duration().unwrap())
    }

    const CONTAINERS: [Container; 2] = [Container::Matroska, Container::Avi];

    #[test]
    fn whatever_byte_is_the_last_whole_frames_stay() {
        for container in CONTAINERS {
            let folder = tempfile::tempdir().unwrap();
            let (path, ends) = crashed(folder.path(), container);
            let whole = fs::read(&path).unwrap();
            let (frames, _) = read(&path, container);
            // each of a frame's bytes, and of the next one's head
            let cuts = ends[78] - 1..ends[79] + FRAME_HEAD as u64 + 1;
            for cut in cuts.chain([ends[0], ends[49] + 3]) {
                for zeros in [0, 3_000] {
                    fs::write(&path, &whole[..cut as usize]).unwrap();
                    File::options().write(true).open(&path).unwrap().set_len(cut + zeros).unwrap();
                    // behind an odd length there is a zero, which may be one of those
                    let padding = |number: usize| match container {
                        Container::Avi if zeros > 0 => jpeg(number as u64).len() as u64 % 2,
                        _ => 0,
                    };
                    let is_whole = |(number, end): &(usize, &u64)| *end - padding(*number) <= cut;
                    let left = ends.iter().enumerate().take_while(is_whole).count();
                    let Salvaged::Repaired { remains, torn } = salvage(&path).unwrap() else {
                        panic!("cut at {cut}")
                    };
                    assert_eq!(remains.frames, left as u64, "{container:?} cut at {cut} of {ends:?}");
                    assert_eq!(torn, cut + zeros - ends[left - 1]);
                    let (found, duration) = read(&path, container);
                    if left > 1 {
                        assert_eq!(found, frames[..left]);
                        assert_eq!(duration, 40_000.0 * left as f64);
                    }
                    let again = salvage(&path).unwrap();
                    assert!(
                        matches!(again, Salvaged::Whole(found) if found.ended == remains.ended),
                        "{again:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_repaired_file_is_the_one_that_would_have_been_finished() {
        for container in CONTAINERS {
            let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let (path, _) = crashed(one.path(), container);
            assert!(matches!(salvage(&path).unwrap(), Salvaged::Repaired { torn: 0, .. }));
            let finished = recorded(other.path(), container).0.finish().unwrap().path.unwrap();
            assert!(fs::read(path).unwrap() == fs::read(finished).unwrap(), "{container:?}");
        }
    }

    #[test]
    fn frames_that_never_came_to_the_disk_are_no_frames() {
        for container in CONTAINERS {
            let folder = tempfile::tempdir().unwrap();
            let (path, ends) = crashed(folder.path(), container);
            let mut bytes = fs::read(&path).unwrap();
            bytes[ends[80] as usize + 100..].fill(0);
            fs::write(&path, bytes).unwrap();
            let salvaged = salvage(&path).unwrap();
            assert!(matches!(salvaged, Salvaged::Repaired { remains, .. } if remains.frames == 81));
        }
    }

    #[test]
    fn without_a_frame_there_is_no_file() {
        for container in CONTAINERS {
            let folder = tempfile::tempdir().unwrap();
            let (path, ends) = crashed(folder.path(), container);
            let whole = fs::read(&path).unwrap();
            let end = ends[0] as usize - usize::from(container == Container::Avi) - 1;
            for bytes in [&[][..], &[0; 4096], &whole[..end]] {
                fs::write(&path, bytes).unwrap();
                assert_eq!(salvage(&path).unwrap(), Salvaged::Empty, "{} bytes", bytes.len());
                assert!(!path.exists());
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// A file that somebody has written who means us ill: numbers in it are anything. Reading it comes to its end, and repair makes it
        /// no longer than it was by more than an index.
        #[test]
        fn whatever_is_in_a_file_reading_and_repairing_it_ends(
            container in prop_oneof![Just(Container::Matroska), Just(Container::Avi)],
            // most of what counts is in the head, and at the begin of frames
            changes in prop::collection::vec((prop_oneof![0_usize..600, 0_usize..100_000], prop::collection::vec(any::<u8>(), 1..9)), 1..20),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let (path, ends) = crashed(folder.path(), container);
            let mut bytes = fs::read(&path).unwrap();
            for (at, change) in &changes {
                let at = at % (bytes.len() - 8);
                // half of them where a frame begins
                let at = if change.len() % 2 == 0 { at } else { ends[at % ends.len()] as usize % (bytes.len() - 8) };
                bytes[at..at + change.len()].copy_from_slice(change);
            }
            fs::write(&path, &bytes).unwrap();
            if let Ok(mut film) = RecordingReader::open(&path) {
                let (mut jpeg, mut at) = (Vec::new(), film.position());
                while film.next(&mut jpeg).unwrap() != Part::End {
                    prop_assert!(film.position() > at && film.position() <= bytes.len() as u64);
                    prop_assert!(jpeg.len() <= bytes.len());
                    at = film.position();
                }
            }
            let salvaged = salvage(&path).unwrap();
            let after = fs::metadata(&path).map_or(0, |found| found.len());
            prop_assert!(after <= bytes.len() as u64 + 100_000, "{:?}", salvaged);
        }
    }

    /// Each would be summed up with each frame, and the head has no room for their indexes.
    #[test]
    fn more_parts_than_a_file_may_have_are_torn_off() {
        let started = Timestamp::from_second(1_790_000_000).unwrap();
        let track = Track { size: SIZE, interval: None, started, offset: Offset::UTC };
        let (_, mut bytes) = Muxer::file(Container::Avi, &track);
        let mut muxer = Muxer::resume(&Head::parse(&bytes).unwrap());
        for _ in 0..400 {
            let jpeg = jpeg(4);
            bytes.extend([&b"00dc"[..], &(jpeg.len() as u32).to_le_bytes(), &jpeg].concat());
            bytes.resize(bytes.len().next_multiple_of(2), 0);
            muxer.found(None, jpeg.len() as u64);
            bytes.extend([&muxer.tail()[..], b"RIFF\0\0\0\0AVIXLIST\0\0\0\0movi"].concat());
            muxer.found_part();
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.avi");
        fs::write(&path, bytes).unwrap();
        let repaired = salvage(&path).unwrap();
        assert!(
            matches!(repaired, Salvaged::Repaired { remains, .. } if remains.frames == 256),
            "{repaired:?}"
        );
        assert!(matches!(salvage(&path).unwrap(), Salvaged::Whole(_)));
    }

    #[test]
    fn what_is_not_ours_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mkv");
        for bytes in [&b"somebody's"[..], &[0x1a, 0x45, 0xdf, 0xa3, 0x80, 0x18, 0x53, 0x80, 0x67, 0x01]] {
            fs::write(&path, bytes).unwrap();
            assert_eq!(salvage(&path).unwrap(), Salvaged::Foreign);
            assert_eq!(fs::read(&path).unwrap(), bytes);
        }
        let link = folder.path().join("link.mkv");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert_eq!(salvage(&link).unwrap(), Salvaged::Foreign);
    }
}
