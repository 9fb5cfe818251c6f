//! What a crash has left of a file is made a whole one: cut behind its last whole frame, closed, seekable.

use super::error::Error;
use super::file::SegmentFile;
use crate::jpeg;
use crate::record::matroska::{FRAME_HEAD, Muxer};
use crate::record::reader::{HEAD_MOST, Head, cluster};
use jiff::Timestamp;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

/// What has become of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Salvaged {
    /// It was finished already; only the index did not say so.
    Whole(Remains),
    /// It is finished now.
    Repaired {
        /// What is in it.
        remains: Remains,
        /// Octets behind the last whole frame, which are gone.
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
    /// Octets of the file.
    pub bytes: u64,
}

/// Repairs a file that camrec has begun and not finished.
///
/// Frames up to its latest checkpoint are on the disk for sure, and are believed. Behind it each must be a JPEG up to its end:
/// after a power cut a file may be longer than what has reached the disk, and ends in zeros.
///
/// # Errors
/// What the system says.
pub fn salvage(path: &Path) -> Result<Salvaged, Error> {
    let failed = |why| Error::new("repair", path, why);
    if !path.symlink_metadata().map_err(failed)?.is_file() {
        return Ok(Salvaged::Foreign);
    }
    let file = OpenOptions::new().read(true).write(true).open(path).map_err(failed)?;
    let len = file.metadata().map_err(failed)?.len();
    let mut start = Vec::new();
    Read::by_ref(&mut &file).take(HEAD_MOST as u64).read_to_end(&mut start).map_err(failed)?;
    let Some(head) = Head::parse(&start) else {
        // made, but its head never came to the disk: nothing, or zeros
        if start.iter().all(|octet| *octet == 0) {
            SegmentFile::new(file, path.to_owned()).discard();
            return Ok(Salvaged::Empty);
        }
        return Ok(Salvaged::Foreign);
    };
    if head.finished == Some(len) {
        let duration = Duration::from_micros(head.duration);
        let ended = head.started().saturating_add(duration).unwrap_or_default();
        return Ok(Salvaged::Whole(Remains { frames: 0, duration, ended, bytes: len }));
    }
    let mut muxer = Muxer::resume(&head);
    let frames = walk(&file, len, &head, &mut muxer).map_err(failed)?;
    if frames == 0 {
        SegmentFile::new(file, path.to_owned()).discard();
        return Ok(Salvaged::Empty);
    }
    let duration = Duration::from_micros(muxer.duration());
    let ended = head.started().saturating_add(duration).unwrap_or_default();
    let remains = Remains { frames, duration, ended, bytes: muxer.end() };
    let torn = len.saturating_sub(remains.bytes);
    file.set_len(remains.bytes).map_err(failed)?;
    let file = SegmentFile::new(file, path.to_owned());
    file.sync()?;
    muxer.finish().iter().try_for_each(|patch| file.patch(patch.offset, patch.bytes))?;
    file.close()?;
    Ok(Salvaged::Repaired { remains, torn })
}

/// Goes from frame to frame as long as they are whole; says how many.
fn walk(file: &File, file_len: u64, head: &Head, muxer: &mut Muxer) -> std::io::Result<u64> {
    let mut frames = 0;
    let mut jpeg = Vec::new();
    loop {
        let at = muxer.end();
        let mut before = [0; FRAME_HEAD];
        if !read_at(file, &mut before, at)? {
            return Ok(frames);
        }
        let Some((time, len)) = cluster(&before) else { return Ok(frames) };
        let frame_at = at.saturating_add(FRAME_HEAD as u64);
        if frame_at.saturating_add(len) > file_len {
            return Ok(frames);
        }
        let is_sure = time < head.duration;
        if !is_sure {
            jpeg.resize(usize::try_from(len).unwrap_or(0), 0);
            if !read_at(file, &mut jpeg, frame_at)? || !looks_whole(&jpeg) {
                return Ok(frames);
            }
        }
        muxer.found(time, len);
        frames += 1;
    }
}

/// Some cameras leave out the end marker, so its lack alone is no sign; zeros are one.
fn looks_whole(frame: &[u8]) -> bool {
    let tail = frame.get(frame.len().saturating_sub(16)..).unwrap_or_default();
    jpeg::check_header_only(frame).is_ok() && tail.iter().any(|octet| *octet != 0)
}

/// False: the file ends before.
fn read_at(file: &File, to: &mut [u8], at: u64) -> std::io::Result<bool> {
    match file.read_exact_at(to, at) {
        Ok(()) => Ok(true),
        Err(why) if why.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(why) => Err(why),
    }
}
