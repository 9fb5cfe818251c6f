//! Matroska, as our writer has it: a head of one piece, then a cluster a frame.

use crate::jpeg::Size;
use crate::record::matroska::head::{self, CLOCK_LEN, RATE_LEN, Words};
use crate::record::matroska::{CUE_RESERVE, FRAME_HEAD, cues, frame_head};
use crate::record::track::Track;
use jiff::Timestamp;
use jiff::tz::Offset;
use std::ops::Range;

/// Bytes from a file's begin that hold its head: the cues' reserve, and room for the rest of it.
pub(in crate::record) const HEAD_MOST: usize = CUE_RESERVE + 8 * 1024;

/// What each cluster begins with, and so each frame.
pub(in crate::record) const CLUSTER: [u8; 4] = [0x1f, 0x43, 0xb6, 0x75];

const SEGMENT: u32 = 0x1853_8067;
const INFO: u32 = 0x1549_a966;
const TRACKS: u32 = 0x1654_ae6b;
const TAGS: u32 = 0x1254_c367;
const CUES: u32 = 0x1c53_bb6b;

/// A file's head: what it says, and where. Offsets are from the file's begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The picture's size.
    pub size: Size,
    /// Duration as of the latest checkpoint, in microseconds.
    pub duration: u64,
    /// Bytes of the whole file, if it was finished.
    pub finished: Option<u64>,
    /// Where the first cluster begins.
    pub clusters: u64,
    /// DateUTC: nanoseconds since 2001.
    pub(in crate::record) date: [u8; 8],
    pub(in crate::record) clock: [u8; CLOCK_LEN],
    /// Segment's body.
    pub(in crate::record) segment: u64,
    pub(in crate::record) duration_at: u64,
    pub(in crate::record) date_at: u64,
    pub(in crate::record) clock_at: u64,
    /// The place for DefaultDuration, if it has one that is patched.
    pub(in crate::record) rate_at: Option<u64>,
    /// The cues' cells.
    pub(in crate::record) cells: Range<u64>,
}

impl Head {
    /// When the first frame was captured.
    pub fn started(&self) -> Timestamp {
        head::timestamp(self.date)
    }

    /// Reads it from the first bytes of a file, or from all of a shorter one. `None`: camrec has not written this.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (_, ebml) = element(bytes, 0).filter(|(id, _)| *id == 0x1a45_dfa3)?;
        let (_, segment) = element(bytes, ebml.end).filter(|(id, _)| *id == SEGMENT)?;
        let finished = size_of_segment(bytes, segment.start)?;
        let child_before = |end, wanted| {
            let mut children = Children { bytes, at: segment.start, end };
            children.find(|(id, _)| *id == wanted).map(|(_, body)| body)
        };
        // of another length they would be written over the frames
        let cells = child_before(bytes.len(), CUES).filter(|cells| cues::are_cells(cells.len()))?;
        // what stands behind them is frames, and would be cut off or written over
        let child = |wanted| child_before(cells.start, wanted);
        let (info, tags) = (child(INFO)?, child(TAGS)?);
        let leaf = |body: &Range<usize>, wanted: u32| {
            let children = Children { bytes, at: body.start, end: body.end };
            children.into_iter().find(|(id, _)| *id == wanted).map(|(_, body)| body)
        };
        let (duration_at, date_at) = (leaf(&info, 0x4489)?, leaf(&info, 0x4461)?);
        let entry = leaf(&child(TRACKS)?, 0xae)?;
        let video = leaf(&entry, 0xe0)?;
        // with its identifier and its size; a Void while nothing is known
        let place = |id: u32, before: usize| {
            let body = leaf(&entry, id).filter(|body| body.len().checked_add(before) == Some(RATE_LEN))?;
            // whose size is in one byte
            let at = body.start.checked_sub(before)?;
            element(bytes, at).is_some_and(|found| found == (id, body)).then_some(at)
        };
        let pixels = |id| number(bytes.get(leaf(&video, id)?)?).try_into().ok();
        let clock_at = tags.end.checked_sub(CLOCK_LEN).filter(|at| *at >= tags.start)?;
        Some(Head {
            size: Size { width: pixels(0xb0)?, height: pixels(0xba)? },
            duration: micros(bytes.get(duration_at.clone())?.try_into().ok()?),
            finished,
            clusters: cells.end as u64,
            date: bytes.get(date_at.clone())?.try_into().ok()?,
            clock: bytes.get(clock_at..tags.end)?.try_into().ok()?,
            segment: segment.start as u64,
            duration_at: duration_at.start as u64,
            date_at: date_at.start as u64,
            clock_at: clock_at as u64,
            rate_at: place(0x23_e383, 4).or_else(|| place(0xec, 2)).map(|at| at as u64),
            cells: cells.start as u64..cells.end as u64,
        })
    }
}

/// A head as our writer would have it for the same words.
pub(in crate::record) struct Outline(Vec<u8>);

impl Outline {
    /// Of the head in these bytes. `None`: it says what our writer does not say.
    pub(in crate::record) fn new(head: &Head, bytes: &[u8]) -> Option<Self> {
        let words = words(bytes, head.segment).filter(Words::are_ours)?;
        let [sign, digits @ ..] = head.clock;
        let is_clock = (sign == b'+' || sign == b'-') && {
            let [a, b, c, point, d, e, f] = digits;
            point == b'.' && [a, b, c, d, e, f].iter().all(u8::is_ascii_digit)
        };
        // our writer never knows the rate beforehand
        head.rate_at.filter(|_| is_clock)?;
        let track = Track { size: head.size, interval: None, started: head.started(), offset: Offset::UTC };
        Some(Outline(head::worded(&track, CUE_RESERVE, &words).bytes))
    }

    /// The bytes, before anything is patched in.
    pub(in crate::record) fn start(&self) -> &[u8] {
        &self.0
    }
}

impl Words<'_> {
    fn are_ours(&self) -> bool {
        let is_app = |byte: &u8| byte.is_ascii_alphanumeric() || b" .+-".contains(byte);
        let is_time = |byte: &u8| byte.is_ascii_digit() || b"T:.+-".contains(byte);
        self.app.starts_with(b"camcast ")
            && self.app.len() < 64
            && self.app.iter().all(is_app)
            && self.recorded.len() < 64
            && self.recorded.iter().all(is_time)
    }
}

fn words(bytes: &[u8], segment: u64) -> Option<Words<'_>> {
    let within = |body: Range<usize>, wanted: u32| {
        let mut children = Children { bytes, at: body.start, end: body.end };
        children.find(|(id, _)| *id == wanted).map(|(_, body)| body)
    };
    let segment = usize::try_from(segment).ok()?..bytes.len();
    let app = within(within(segment.clone(), INFO)?, 0x4d80)?;
    let tag = within(within(within(segment, TAGS)?, 0x7373)?, 0x67c8)?;
    Some(Words { app: bytes.get(app)?, recorded: bytes.get(within(tag, 0x4487)?)? })
}

/// A frame's time in its file, in microseconds since the first, and its bytes; from what stands before it.
pub(in crate::record) fn cluster(head: &[u8; FRAME_HEAD]) -> Option<(u64, u64)> {
    let time = u64::from_be_bytes(head.get(10..18)?.try_into().ok()?);
    let block = u32::from_be_bytes(head.get(19..23)?.try_into().ok()?) & 0x0fff_ffff;
    let len = u64::from(block).checked_sub(4)?;
    (len > 0 && frame_head(time, len) == *head).then_some((time, len))
}

fn micros(value: [u8; 8]) -> u64 {
    // a float that is none counts as nothing
    f64::from_be_bytes(value) as u64
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// Segment's size is in eight bytes, all ones while it is written. Outer `None`: it is not.
fn size_of_segment(bytes: &[u8], body: usize) -> Option<Option<u64>> {
    let size = bytes.get(body.checked_sub(8)?..body)?;
    if size.first() != Some(&1) {
        return None;
    }
    let size = number(size.get(1..)?);
    Some((size != (1 << 56) - 1).then(|| size.saturating_add(body as u64)))
}

/// An element's identifier and body. Sizes are as our writer has them: in one byte, four or eight.
fn element(bytes: &[u8], at: usize) -> Option<(u32, Range<usize>)> {
    let first = *bytes.get(at)?;
    let id_len = (first.leading_zeros() as usize).checked_add(1).filter(|len| *len <= 4)?;
    let size_at = at.checked_add(id_len)?;
    let id = u32::try_from(number(bytes.get(at..size_at)?)).ok()?;
    let size_len = (bytes.get(size_at)?.leading_zeros() as usize).checked_add(1).filter(|len| *len <= 8)?;
    let start = size_at.checked_add(size_len)?;
    let size = number(bytes.get(size_at..start)?)
        & (u64::MAX >> (64_usize.saturating_sub(size_len.saturating_mul(7))));
    Some((id, start..start.saturating_add(usize::try_from(size).unwrap_or(usize::MAX))))
}

struct Children<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
}

impl Iterator for Children<'_> {
    type Item = (u32, Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        let (id, body) = element(self.bytes, self.at).filter(|(_, body)| body.end <= self.end)?;
        self.at = body.end;
        Some((id, body))
    }
}
