//! Matroska (RFC 9559) with one MJPEG track, written so that a cut at any byte costs no whole frame.
//!
//! Lives here: the bytes of this format, written (`head`, `cues`, `ebml`) and read (`read`). May not live here: files, and what the
//! other formats share (`track`).
//!
//! ```text
//!  | EBML | Segment ( SeekHead Info Tracks Tags Void Cues | Cluster Cluster Cluster ...
//!           ^ size: patched at the end     ^ patched each second
//!                              ^ Duration, DateUTC and a tag: patched each second
//! ```
//! - A frame is a cluster of its own: its head's bytes are known before it is written, so one write brings it in whole,
//!   and a block's 16 bits of relative time, which at this scale reach 33 ms, are always zero.
//! - Times are microseconds of the camera's capture clock since the file's first frame.
//! - The file is valid from its first frame on. What is patched in afterwards makes it seekable and tells its length;
//!   it stays readable between any two patches.
//! - The live form, for a pipe, is the same without what would be patched.

pub mod cues;
pub mod ebml;
pub mod head;
pub mod read;

use crate::clock::timeline::FileClock;
use crate::record::track::{MuxError, Patch, Patches, Track};
use crate::time::Time;
use cues::Cues;
use ebml::{MAX_SIZE4, MAX_SIZE8, size4, size8};
use read::Head as MatroskaHead;
use std::time::Duration;

/// Bytes kept for cues: 2047 of them, 34 minutes at one a second.
pub const CUE_RESERVE: usize = 64 * 1024;

/// Bytes before each frame.
pub const FRAME_HEAD: usize = 27;

/// A frame that comes after this many times the interval before says nothing of how long frames last; two in a row do.
const STALL: u64 = 4;

/// Bytes of a frame's head that are in the cluster's body.
const IN_CLUSTER: u64 = 19;

/// The longest frame, in bytes: what a cluster's four bytes of size can say.
pub const MAX_FRAME: u64 = MAX_SIZE4 - IN_CLUSTER;

/// What goes before a frame's bytes.
#[derive(Clone, Debug)]
pub struct FrameHead {
    bytes: [u8; FRAME_HEAD],
    captured: Time,
    time: u64,
    end: u64,
    clamped: bool,
}

impl FrameHead {
    /// The bytes.
    pub fn bytes(&self) -> &[u8; FRAME_HEAD] {
        &self.bytes
    }

    /// The frame's time in the file, in microseconds since its first frame.
    pub fn micros(&self) -> u64 {
        self.time
    }

    /// The capture clock stood still or went back: the time is not the frame's own, but one microsecond after the previous.
    pub fn is_clamped(&self) -> bool {
        self.clamped
    }
}

/// The state of a file that is being written. It counts what the caller says is in the file, and writes nothing itself.
pub struct Muxer {
    first: Option<Time>,
    /// The last frame's time, in microseconds since the first.
    last: u64,
    /// How long the last frame is taken to last, in microseconds.
    interval: u64,
    /// The time between the last two, in microseconds.
    step: u64,
    rate: Rate,
    nominal: Option<u64>,
    /// File offset of Segment's body.
    segment: u64,
    /// File offset of the next cluster.
    end: u64,
    patched: Option<Patched>,
}

/// How long frames last as a rule, for players that want one rate.
#[derive(Clone, Copy, Debug, Default)]
struct Rate {
    /// Microseconds of all steps that are about as long as the one before, and how many these are.
    micros: u64,
    steps: u64,
}

impl Rate {
    fn note(&mut self, before: u64, step: u64) {
        // those that double, or halve, are gaps
        if step.saturating_mul(2) < before.saturating_mul(3)
            && before.saturating_mul(2) < step.saturating_mul(3)
        {
            self.micros = self.micros.saturating_add(step);
            self.steps = self.steps.saturating_add(1);
        }
    }

    /// Nanoseconds a frame, once there is a rule.
    fn nanos(self) -> Option<u64> {
        self.micros.saturating_mul(1000).checked_div(self.steps).map(nearest)
    }
}

/// A usual rate, if it is as near as cameras' clocks are right: as they are, they would be 30.0003 frames a second.
fn nearest(nanos: u64) -> u64 {
    let usual = |(frames, seconds): &(u64, u64)| seconds.saturating_mul(1_000_000_000).checked_div(*frames);
    let mut usual = USUAL.iter().filter_map(usual);
    usual.find(|usual| usual.abs_diff(nanos).saturating_mul(CLOCK) <= nanos).unwrap_or(nanos)
}

/// Cameras' clocks are right to one part in this many; 29.97 and 30 differ by one in a thousand.
const CLOCK: u64 = 3000;

/// Frames in this many seconds.
const USUAL: [(u64, u64); 15] = [
    (5, 1),
    (15, 2),
    (10, 1),
    (12, 1),
    (15, 1),
    (20, 1),
    (24, 1),
    (24_000, 1001),
    (25, 1),
    (30, 1),
    (30_000, 1001),
    (50, 1),
    (60, 1),
    (60_000, 1001),
    (120, 1),
];

/// What only files have.
struct Patched {
    duration_at: u64,
    duration: [u8; 8],
    size: [u8; 8],
    date_at: u64,
    date: [u8; 8],
    clock_at: u64,
    clock: [u8; head::CLOCK_LEN],
    rate_at: Option<u64>,
    rate: [u8; head::RATE_LEN],
    cues: Cues,
}

impl Muxer {
    /// A file, with [`CUE_RESERVE`] or another number of bytes for cues, and the bytes that it begins with.
    pub fn file(track: &Track, cue_reserve: usize) -> (Self, Vec<u8>) {
        let head = head::file(track, cue_reserve);
        let patched = Patched {
            duration_at: head.duration_at,
            duration: [0; 8],
            size: [0; 8],
            date_at: head.date_at,
            date: head::date(track.started),
            clock_at: head.clock_at,
            clock: head::clock(0),
            rate_at: head.rate_at,
            rate: head::rate(None),
            cues: head.cues,
        };
        (Muxer::new(track, head.segment, head.bytes.len(), Some(patched)), head.bytes)
    }

    /// A file that was not finished, as it was when it had its head only. Each of its whole frames is then said to be
    /// [found](Self::found); what [`finish`](Self::finish) gives closes it.
    pub fn resume(head: &MatroskaHead) -> Self {
        let patched = Patched {
            duration_at: head.duration_at,
            duration: [0; 8],
            size: [0; 8],
            date_at: head.date_at,
            date: head.date,
            clock_at: head.clock_at,
            clock: head.clock,
            rate_at: head.rate_at,
            rate: head::rate(None),
            cues: Cues::again(&head.cells, head.segment),
        };
        Muxer {
            first: None,
            last: 0,
            interval: 1,
            step: u64::MAX,
            rate: Rate::default(),
            nominal: None,
            segment: head.segment,
            end: head.clusters,
            patched: Some(patched),
        }
    }

    /// The next cluster holds a frame of this time in the file and this many bytes, and is whole.
    pub fn found(&mut self, time: u64, len: u64) {
        let end = self.end.saturating_add(FRAME_HEAD as u64).saturating_add(len);
        self.enter(Time::from_nanos(time.saturating_mul(1000)), time, end);
    }

    /// A stream for a pipe: no patches, no cues, no duration; and the bytes that it begins with.
    pub fn live(track: &Track) -> (Self, Vec<u8>) {
        let (segment, bytes) = head::live(track);
        (Muxer::new(track, segment, bytes.len(), None), bytes)
    }

    fn new(track: &Track, segment: u64, end: usize, patched: Option<Patched>) -> Self {
        let nominal = track.interval.map(micros);
        let interval = nominal.unwrap_or(1);
        let (step, rate) = (u64::MAX, Rate::default());
        Muxer { first: None, last: 0, interval, step, rate, nominal, segment, end: end as u64, patched }
    }

    /// What goes before a frame of `len` bytes. The muxer is as it was: say with [`wrote`](Self::wrote) that the head and the
    /// frame are in the file.
    ///
    /// Times rise strictly within a file. A frame whose capture time is not after the previous frame's comes one microsecond after it,
    /// and its head [says so](FrameHead::is_clamped).
    ///
    /// # Errors
    /// [`MuxError`]; nothing is to be written then.
    pub fn frame_head(&self, captured: Time, len: usize) -> Result<FrameHead, MuxError> {
        let len = len as u64;
        if len == 0 {
            return Err(MuxError::Empty);
        }
        if len > MAX_FRAME {
            return Err(MuxError::TooLong(len));
        }
        let end = self.end.saturating_add(FRAME_HEAD as u64).saturating_add(len);
        if end.saturating_sub(self.segment) > MAX_SIZE8 {
            return Err(MuxError::SegmentFull);
        }
        let (time, clamped) = self.time_of(captured);
        Ok(FrameHead { bytes: frame_head(time, len), captured, time, end, clamped })
    }

    fn time_of(&self, captured: Time) -> (u64, bool) {
        let Some(first) = self.first else { return (0, false) };
        let time = micros(captured.since(first));
        if time > self.last { (time, false) } else { (self.last.saturating_add(1), true) }
    }

    /// The head and its frame are in the file, whole, behind all before them.
    pub fn wrote(&mut self, head: &FrameHead) {
        self.enter(head.captured, head.time, head.end);
    }

    fn enter(&mut self, captured: Time, time: u64, end: u64) {
        if self.first.is_some() {
            let step = time.saturating_sub(self.last);
            // a camera that was away for a while has not become slow
            if self.nominal.is_none() && step <= self.step.saturating_mul(STALL) {
                self.interval = step;
            }
            self.rate.note(self.step, step);
            self.step = step;
        }
        self.first.get_or_insert(captured);
        if let Some(patched) = &mut self.patched {
            patched.cues.note(time, self.end.saturating_sub(self.segment));
        }
        self.last = time;
        self.end = end;
    }

    /// The times of the file's frames on the wall clock are known better by now: the next checkpoint says so. No frame's
    /// time in the file changes.
    pub fn set_clock(&mut self, clock: &FileClock) {
        if let Some(patched) = &mut self.patched {
            patched.date = head::date(clock.started);
            patched.clock = head::clock(clock.fast_ppb);
        }
    }

    /// File offset behind the last whole frame.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Where in the file what the cues do not fill begins and ends, the Void's header left out.
    pub fn void(&self) -> [u64; 2] {
        self.patched.as_ref().map_or([0, 0], |patched| patched.cues.void())
    }

    /// The last frame's time and how long it is taken to last, in microseconds.
    pub fn duration(&self) -> u64 {
        self.last.saturating_add(self.interval.max(1))
    }

    /// What brings duration and cues up to date, best written once the frames are on the disk. None for a live stream.
    pub fn checkpoint(&mut self) -> Patches<'_> {
        self.patches(false)
    }

    /// What [`checkpoint`](Self::checkpoint) gives, and the size of the whole: the file has its last frame.
    pub fn finish(&mut self) -> Patches<'_> {
        self.patches(true)
    }

    fn patches(&mut self, is_last: bool) -> Patches<'_> {
        let (duration, rate) = (self.duration(), self.rate.nanos());
        let mut patches = Patches::new();
        let Some(patched) = &mut self.patched else { return patches };
        patched.duration = (duration as f64).to_be_bytes();
        patched.cues.patch(&mut patches);
        patches.push(Patch { offset: patched.duration_at, bytes: &patched.duration });
        patches.push(Patch { offset: patched.date_at, bytes: &patched.date });
        patches.push(Patch { offset: patched.clock_at, bytes: &patched.clock });
        if let (Some(offset), Some(nanos)) = (patched.rate_at, rate) {
            patched.rate = head::rate(Some(nanos));
            patches.push(Patch { offset, bytes: &patched.rate });
        }
        if is_last {
            patched.size = size8(self.end.saturating_sub(self.segment));
            patches.push(Patch { offset: self.segment.saturating_sub(8), bytes: &patched.size });
        }
        patches
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Cluster { Timestamp, SimpleBlock { track 1, relative time 0, key frame, no lacing } } up to the frame's first byte.
pub(super) fn frame_head(time: u64, len: u64) -> [u8; FRAME_HEAD] {
    let [c0, c1, c2, c3] = size4(len.saturating_add(IN_CLUSTER));
    let [t0, t1, t2, t3, t4, t5, t6, t7] = time.to_be_bytes();
    let [b0, b1, b2, b3] = size4(len.saturating_add(4));
    [
        0x1f, 0x43, 0xb6, 0x75, c0, c1, c2, c3, //
        0xe7, 0x88, t0, t1, t2, t3, t4, t5, t6, t7, //
        0xa3, b0, b1, b2, b3, //
        0x81, 0, 0, 0x80,
    ]
}
