//! AVI with one MJPEG track, for programs that want it: RIFF as Microsoft has it, with OpenDML's indexes (version 1.02), so that a file
//! may be of any length.
//!
//! ```text
//!  | RIFF AVI ( hdrl INFO LIST movi ( 00dc 00dc 00dc ... ix00 ) idx1 ) | RIFF AVIX ( LIST movi ( 00dc ... ix00 ) ) ...
//!               ^ patched each second                    ^ indexes come when a RIFF is full, or at the end
//! ```
//! - A file has one rate, which is the mean of what was recorded: frames have no times of their own. Where these matter,
//!   Matroska is the format.
//! - A RIFF ends after a gigabyte, or after so many frames that its indexes, which are in memory until then, stay small.
//! - Without its indexes, as a crash leaves it, a file can be played, but not sought everywhere.
//!
//! Lives here: the bytes of this format, written and read. May not live here: files, and what the other formats share (`track`).

mod head;

use super::track::{MuxError, Patch, Patches, Track};
use crate::time::Time;
pub(super) use head::{Facts, HEAD_LEN, take_words};
use jiff::Timestamp;
use std::time::Duration;

/// Bytes before each frame's, in the same RIFF.
pub const CHUNK_HEAD: usize = 8;

/// Bytes of a further RIFF's head, up to its first chunk.
pub const RIFF_HEAD: usize = 24;

/// Bytes of a RIFF, indexes left out, at the most. Programs that know no OpenDML want less than 2 GiB.
const RIFF_MOST: u64 = 1 << 30;

/// Frames of a RIFF at the most.
const FRAMES_MOST: usize = 1 << 16;

/// RIFFs of a file: entries that there is room for in its head.
pub(super) const RIFFS: usize = 256;

/// Bytes of an entry in a RIFF's own index, and in that of the file's first RIFF for programs that know no OpenDML.
const ENTRY: usize = 8;
const OLD_ENTRY: usize = 16;

/// Bytes of `ix00` before its first entry.
const INDEX_HEAD: usize = 32;

/// What goes before a frame's bytes, and behind them.
#[derive(Clone, Debug)]
pub struct FrameHead {
    /// The end of a RIFF that is full, and the begin of the next.
    roll: Vec<u8>,
    chunk: [u8; CHUNK_HEAD],
    is_odd: bool,
    captured: Time,
    len: u32,
}

impl FrameHead {
    /// The bytes before the frame.
    pub fn before(&self) -> [&[u8]; 2] {
        [&self.roll, &self.chunk]
    }

    /// Those behind it: chunks begin at even offsets.
    pub fn after(&self) -> &[u8] {
        if self.is_odd { &[0] } else { &[] }
    }
}

/// A RIFF of the file.
#[derive(Clone, Copy, Debug, Default)]
struct Riff {
    /// File offset of `RIFF`, and of `movi`.
    at: u64,
    movi: u64,
    /// Bytes from `movi` to its list's end; those of the whole.
    list: u64,
    len: u64,
    /// File offset and bytes of its index, once it has one.
    index: Option<(u64, u32)>,
    frames: u32,
}

/// The state of a file that is being written. It counts what the caller says is in the file, and writes nothing itself.
pub struct Muxer {
    facts: Facts,
    first: Option<Time>,
    last: Time,
    /// Bytes of all frames.
    bytes: u64,
    riffs: Vec<Riff>,
    /// The open RIFF's frames: offset from `movi`, and bytes.
    entries: Vec<(u32, u32)>,
    /// File offset of the next chunk.
    end: u64,
    is_finished: bool,
    patches: [Vec<u8>; 3],
}

impl Muxer {
    /// A file, and the bytes that it begins with.
    pub fn file(track: &Track) -> (Self, Vec<u8>) {
        let muxer = Muxer::new(Facts::new(track));
        let bytes = muxer.head();
        (muxer, bytes)
    }

    /// A file that was not finished, as it was when it had its head only. Each of its whole frames is then said to be
    /// [found](Self::found); [`tail`](Self::tail) and [`finish`](Self::finish) give what closes it.
    pub fn resume(facts: Facts) -> Self {
        Muxer::new(facts)
    }

    fn new(facts: Facts) -> Self {
        let movi = (HEAD_LEN as u64).saturating_sub(4);
        let mut muxer = Muxer {
            facts,
            first: None,
            last: Time::default(),
            bytes: 0,
            riffs: vec![Riff { at: 0, movi, ..Riff::default() }],
            entries: Vec::new(),
            end: HEAD_LEN as u64,
            is_finished: false,
            patches: Default::default(),
        };
        muxer.measure();
        muxer
    }

    /// What goes around a frame of `len` bytes. The muxer is as it was: say with [`wrote`](Self::wrote) that all is in the file.
    ///
    /// # Errors
    /// [`MuxError`]; nothing is to be written then.
    pub fn frame_head(&self, captured: Time, len: usize) -> Result<FrameHead, MuxError> {
        let short = u32::try_from(len).ok().filter(|len| u64::from(*len) < RIFF_MOST / 2);
        let len = short.ok_or(MuxError::TooLong(len as u64))?;
        if len == 0 {
            return Err(MuxError::Empty);
        }
        let mut roll = Vec::new();
        if self.is_full(len) {
            if !self.has_room_for_riff() {
                return Err(MuxError::SegmentFull);
            }
            roll = self.tail();
            roll.extend(riff_head(0, 0));
        }
        Ok(FrameHead { roll, chunk: chunk_head(*b"00dc", len), is_odd: len % 2 == 1, captured, len })
    }

    fn is_full(&self, len: u32) -> bool {
        let list = self.riffs.last().map_or(0, |riff| riff.list);
        self.entries.len() >= FRAMES_MOST || list.saturating_add(len.into()) > RIFF_MOST
    }

    /// The head has an entry for another RIFF's index.
    pub fn has_room_for_riff(&self) -> bool {
        self.riffs.len() < RIFFS
    }

    /// The head, its frame, and what is behind it are in the file, whole.
    pub fn wrote(&mut self, head: &FrameHead) {
        if !head.roll.is_empty() {
            self.closed_riff();
            self.began_riff();
        }
        self.first.get_or_insert(head.captured);
        self.last = self.last.max(head.captured);
        self.enter(head.len);
    }

    /// The next chunk holds a frame of this many bytes, and is whole. Its time is what the file's rate says.
    pub fn found(&mut self, len: u32) {
        self.first.get_or_insert(Time::default());
        let frames = u32::try_from(self.frames()).unwrap_or(u32::MAX);
        self.last = Time::default().after(self.facts.interval.saturating_mul(frames));
        self.enter(len);
    }

    /// Next come the open RIFF's indexes, and another RIFF's head.
    pub fn found_part(&mut self) {
        self.closed_riff();
        self.began_riff();
    }

    fn enter(&mut self, len: u32) {
        let Some(riff) = self.riffs.last_mut() else { return };
        let data = self.end.saturating_add(CHUNK_HEAD as u64);
        // within a RIFF, which is of less than 2 GiB
        let offset = u32::try_from(data.saturating_sub(riff.movi)).unwrap_or(u32::MAX);
        self.entries.push((offset, len));
        riff.frames = riff.frames.saturating_add(1);
        self.bytes = self.bytes.saturating_add(len.into());
        self.facts.largest = self.facts.largest.max(len);
        self.end = data.saturating_add(len.into()).saturating_add(u64::from(len % 2));
        self.measure();
    }

    /// The open RIFF ends where the file does.
    fn measure(&mut self) {
        if let Some(riff) = self.riffs.last_mut() {
            riff.list = self.end.saturating_sub(riff.movi);
            riff.len = self.end.saturating_sub(riff.at);
        }
        let frames = self.riffs.iter().map(|riff| u64::from(riff.frames)).sum::<u64>();
        self.facts.frames = u32::try_from(frames).unwrap_or(u32::MAX);
        if let (Some(first), 2..) = (self.first, frames) {
            let span = self.last.since(first);
            let steps = u32::try_from(frames.saturating_sub(1)).unwrap_or(u32::MAX);
            self.facts.interval = span.checked_div(steps).unwrap_or_default().max(Duration::from_micros(1));
        }
    }

    /// [`tail`](Self::tail) is in the file.
    fn closed_riff(&mut self) {
        let index = INDEX_HEAD.saturating_add(self.entries.len().saturating_mul(ENTRY)) as u64;
        let old = (CHUNK_HEAD as u64).saturating_add(self.entries.len().saturating_mul(OLD_ENTRY) as u64);
        let is_first = self.riffs.len() == 1;
        if let Some(riff) = self.riffs.last_mut() {
            riff.index = Some((self.end, u32::try_from(index).unwrap_or(u32::MAX)));
            self.end = self.end.saturating_add(index);
            riff.list = self.end.saturating_sub(riff.movi);
            self.end = self.end.saturating_add(if is_first { old } else { 0 });
            riff.len = self.end.saturating_sub(riff.at);
        }
        self.entries.clear();
    }

    fn began_riff(&mut self) {
        let at = self.end;
        let movi = at.saturating_add(RIFF_HEAD as u64).saturating_sub(4);
        self.riffs.push(Riff { at, movi, ..Riff::default() });
        self.end = at.saturating_add(RIFF_HEAD as u64);
        self.measure();
    }

    /// The open RIFF's indexes, to be written behind its last frame.
    pub fn tail(&self) -> Vec<u8> {
        let Some(riff) = self.riffs.last() else { return Vec::new() };
        let count = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        let mut bytes = Vec::new();
        let body =
            INDEX_HEAD.saturating_sub(CHUNK_HEAD).saturating_add(self.entries.len().saturating_mul(ENTRY));
        bytes.extend(chunk_head(*b"ix00", u32::try_from(body).unwrap_or(u32::MAX)));
        bytes.extend([2, 0, 0, 1]); // two words an entry; AVI_INDEX_OF_CHUNKS
        bytes.extend(count.to_le_bytes());
        bytes.extend(*b"00dc");
        bytes.extend(riff.movi.to_le_bytes());
        bytes.extend([0; 4]);
        for (offset, len) in &self.entries {
            bytes.extend(offset.to_le_bytes());
            bytes.extend(len.to_le_bytes()); // the highest bit would say that it is no key frame
        }
        if self.riffs.len() == 1 {
            let body = self.entries.len().saturating_mul(OLD_ENTRY);
            bytes.extend(chunk_head(*b"idx1", u32::try_from(body).unwrap_or(u32::MAX)));
            for (offset, len) in &self.entries {
                bytes.extend(*b"00dc");
                bytes.extend(0x10_u32.to_le_bytes()); // AVIIF_KEYFRAME
                bytes.extend(offset.saturating_sub(CHUNK_HEAD as u32).to_le_bytes());
                bytes.extend(len.to_le_bytes());
            }
        }
        bytes
    }

    /// Bytes of the indexes once there is one more frame, at the most.
    pub fn tail_ahead(&self) -> u64 {
        let entries = self.entries.len().saturating_add(1);
        let own = INDEX_HEAD.saturating_add(entries.saturating_mul(ENTRY));
        own.saturating_add(CHUNK_HEAD).saturating_add(entries.saturating_mul(OLD_ENTRY)) as u64
    }

    /// [`tail`](Self::tail) is in the file, behind its last frame: what [`checkpoint`](Self::checkpoint) gives, and that it is complete.
    pub fn finish(&mut self) -> Patches<'_> {
        self.closed_riff();
        self.is_finished = true;
        self.checkpoint()
    }

    /// The first frame was captured then, as is known by now.
    pub fn set_started(&mut self, started: Timestamp) {
        self.facts.started = started;
    }

    /// File offset behind the last whole frame, or behind the indexes.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Frames in the file.
    pub fn frames(&self) -> u64 {
        self.facts.frames.into()
    }

    /// From the first frame to the end of the last, in microseconds.
    pub fn duration(&self) -> u64 {
        let all = self.facts.interval.saturating_mul(self.facts.frames);
        u64::try_from(all.as_micros()).unwrap_or(u64::MAX)
    }

    /// The heads of the further RIFFs, and where they are.
    pub fn riff_heads(&self) -> impl Iterator<Item = (u64, [u8; RIFF_HEAD])> + use<'_> {
        self.riffs.iter().skip(1).map(|riff| (riff.at, riff_head(riff.len, riff.list)))
    }

    /// What brings lengths, rate and the index of indexes up to date.
    pub fn checkpoint(&mut self) -> Patches<'_> {
        let further = self.riffs.get(1..).unwrap_or_default();
        let latest = further.get(further.len().saturating_sub(2)..).unwrap_or_default();
        let offsets: arrayvec::ArrayVec<u64, 2> = latest.iter().map(|riff| riff.at).collect();
        let heads: arrayvec::ArrayVec<Vec<u8>, 2> =
            latest.iter().map(|riff| riff_head(riff.len, riff.list).to_vec()).collect();
        let head = self.head();
        let mut patches = Patches::new();
        self.patches = Default::default();
        for (slot, bytes) in self.patches.iter_mut().zip(heads.into_iter().chain([head])) {
            *slot = bytes;
        }
        // the head counts the frames of the others: it comes last
        for (bytes, offset) in self.patches.iter().zip(offsets.into_iter().chain([0])) {
            patches.push(Patch { offset, bytes });
        }
        patches
    }

    fn head(&self) -> Vec<u8> {
        let seconds = (self.duration() / 1_000_000).max(1);
        head::bytes(
            &self.facts,
            &head::Layout {
                riff: self.riffs.first().copied().unwrap_or_default(),
                indexes: &self.riffs,
                rate: self.bytes.checked_div(seconds).unwrap_or(0),
                is_finished: self.is_finished,
            },
        )
    }
}

fn chunk_head(kind: [u8; 4], len: u32) -> [u8; CHUNK_HEAD] {
    let [k0, k1, k2, k3] = kind;
    let [l0, l1, l2, l3] = len.to_le_bytes();
    [k0, k1, k2, k3, l0, l1, l2, l3]
}

/// A further RIFF of `len` bytes in all, whose list of frames has `list` from `movi` on.
fn riff_head(len: u64, list: u64) -> [u8; RIFF_HEAD] {
    let mut bytes = [0; RIFF_HEAD];
    let words = [*b"RIFF", size(len.saturating_sub(8)), *b"AVIX", *b"LIST", size(list), *b"movi"];
    for (to, word) in bytes.chunks_exact_mut(4).zip(words) {
        to.copy_from_slice(&word);
    }
    bytes
}

fn size(len: u64) -> [u8; 4] {
    u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes()
}
