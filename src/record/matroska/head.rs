//! What stands in a Matroska file before its first frame.

use super::cues::{self, Cues, SECTOR};
use super::ebml::{UNKNOWN_SIZE, VOID, VOID_HEADER, binary, id, master, uint, void};
use crate::record::track::Track;
use jiff::Timestamp;

/// 2001-01-01, from which Matroska counts DateUTC, in nanoseconds since 1970 (RFC 8794, 7.6).
const DATE_ZERO: i128 = 978_307_200_000_000_000;

/// Who wrote the file.
const APP: &str = concat!("camcast ", env!("CARGO_PKG_VERSION"));

// Identifiers: RFC 8794, 11.2 and RFC 9559, 5.1.
const EBML: u32 = 0x1a45_dfa3;
const SEGMENT: u32 = 0x1853_8067;
const SEEK_HEAD: u32 = 0x114d_9b74;
const INFO: u32 = 0x1549_a966;
const TRACKS: u32 = 0x1654_ae6b;
const CUES: u32 = 0x1c53_bb6b;
const TAGS: u32 = 0x1254_c367;

/// Bytes of a SeekHead of four entries.
const SEEK_HEAD_LEN: usize = 89;

/// Bytes in Info's body before Duration's value.
const BEFORE_DURATION: usize = 9;

/// Bytes from Duration's value to DateUTC's.
const DURATION_TO_DATE: usize = 11;

/// How long a frame lasts, for those who want a rate.
const DEFAULT_DURATION: u32 = 0x23_e383;

/// Bytes of the place for it.
pub(super) const RATE_LEN: usize = 12;

/// Bytes of Video.
const VIDEO_LEN: usize = 13;

/// By how many ppm the camera's clock was fast.
const CLOCK_TAG: &[u8] = b"CAMERA_CLOCK_PPM";

/// Bytes of that tag's value: `+012.345`.
pub(super) const CLOCK_LEN: usize = 8;

/// The head of a file.
pub(super) struct FileHead {
    pub(super) bytes: Vec<u8>,
    /// File offset of Segment's body.
    pub(super) segment: u64,
    /// File offset of Duration's value.
    pub(super) duration_at: u64,
    /// File offset of DateUTC's value.
    pub(super) date_at: u64,
    /// File offset of the clock tag's value.
    pub(super) clock_at: u64,
    /// File offset of the place for DefaultDuration, unless it is known from the start.
    pub(super) rate_at: Option<u64>,
    pub(super) cues: Cues,
}

/// What a head says in words.
pub(super) struct Words<'a> {
    /// Who wrote the file.
    pub(super) app: &'a [u8],
    /// When it began, as the clock on the wall showed it.
    pub(super) recorded: &'a [u8],
}

/// The head of a file with about `cue_reserve` bytes for cues.
pub(super) fn file(track: &Track, cue_reserve: usize) -> FileHead {
    let recorded = recorded(track);
    worded(track, cue_reserve, &Words { app: APP.as_bytes(), recorded: recorded.as_bytes() })
}

/// The same with these words.
pub(super) fn worded(track: &Track, cue_reserve: usize, words: &Words<'_>) -> FileHead {
    let mut bytes = start();
    let segment = bytes.len();
    let info_body = info_body(track, true, words.app);
    let mut info = Vec::new();
    binary(&mut info, INFO, &info_body);
    let (tracks, tags) = (tracks(track), tags(words.recorded));
    let after_info = SEEK_HEAD_LEN.saturating_add(info.len());
    let after_tracks = after_info.saturating_add(tracks.len());
    let after_tags = after_tracks.saturating_add(tags.len());
    let cues_at = cues_after(segment.saturating_add(after_tags));
    let duration_at =
        segment.saturating_add(after_info).saturating_sub(info_body.len()).saturating_add(BEFORE_DURATION);

    let rate_at = segment.saturating_add(after_tracks).saturating_sub(VIDEO_LEN).saturating_sub(RATE_LEN);

    seek_head(&mut bytes, [SEEK_HEAD_LEN, after_info, after_tracks, cues_at.saturating_sub(segment)]);
    bytes.extend(info);
    bytes.extend(tracks);
    bytes.extend(tags);
    bytes.extend(void(cues_at.saturating_sub(bytes.len())));
    bytes.resize(cues_at, 0);
    let cells_at = cues_at.saturating_add(cues::HEADER);
    let cues = Cues::new(cells_at as u64, segment as u64, cue_reserve);
    bytes.extend(cues.element());
    FileHead {
        bytes,
        segment: segment as u64,
        duration_at: duration_at as u64,
        date_at: duration_at.saturating_add(DURATION_TO_DATE) as u64,
        rate_at: track.interval.is_none().then_some(rate_at as u64),
        clock_at: segment.saturating_add(after_tags).saturating_sub(CLOCK_LEN) as u64,
        cues,
    }
}

/// Where Cues begins if a Void comes between: so that its first cell is on a sector border.
fn cues_after(end: usize) -> usize {
    let least = end.saturating_add(VOID_HEADER).saturating_add(cues::HEADER);
    least.next_multiple_of(SECTOR).saturating_sub(cues::HEADER)
}

/// The head of a stream that is never patched, and the offset of Segment's body.
pub(super) fn live(track: &Track) -> (u64, Vec<u8>) {
    let mut bytes = start();
    let segment = bytes.len() as u64;
    binary(&mut bytes, INFO, &info_body(track, false, APP.as_bytes()));
    bytes.extend(tracks(track));
    (segment, bytes)
}

/// EBML's header and the beginning of a Segment of unknown size.
fn start() -> Vec<u8> {
    let mut to = Vec::new();
    master(&mut to, EBML, |to| {
        uint(to, 0x4286, 1); // EBMLVersion
        uint(to, 0x42f7, 1); // EBMLReadVersion
        uint(to, 0x42f2, 4); // EBMLMaxIDLength
        uint(to, 0x42f3, 8); // EBMLMaxSizeLength
        binary(to, 0x4282, b"matroska"); // DocType
        uint(to, 0x4287, 4); // DocTypeVersion
        uint(to, 0x4285, 2); // DocTypeReadVersion: SimpleBlock came with 2
    });
    id(&mut to, SEGMENT);
    to.extend(UNKNOWN_SIZE);
    to
}

/// Where Info, Tracks, Tags and Cues are, relative to Segment's body.
fn seek_head(to: &mut Vec<u8>, positions: [usize; 4]) {
    master(to, SEEK_HEAD, |to| {
        for (element, position) in [INFO, TRACKS, TAGS, CUES].into_iter().zip(positions) {
            master(to, 0x4dbb, |to| {
                binary(to, 0x53ab, &element.to_be_bytes()); // SeekID
                binary(to, 0x53ac, &(position as u64).to_be_bytes()); // SeekPosition
            });
        }
    });
}

fn info_body(track: &Track, has_duration: bool, app: &[u8]) -> Vec<u8> {
    let mut to = Vec::new();
    uint(&mut to, 0x2ad7b1, 1000); // TimestampScale, in nanoseconds
    if has_duration {
        let first = track.interval.map_or(1, |interval| interval.as_micros().max(1));
        binary(&mut to, 0x4489, &(first as f64).to_be_bytes()); // Duration, must be over 0
    }
    binary(&mut to, 0x4461, &date(track.started)); // DateUTC
    binary(&mut to, 0x4d80, app); // MuxingApp
    binary(&mut to, 0x5741, app); // WritingApp
    to
}

/// Nanoseconds since 2001-01-01; what does not fit, in the years 1708 and 2293, stays at the border.
pub(super) fn date(at: Timestamp) -> [u8; 8] {
    let nanos = at.as_nanosecond().saturating_sub(DATE_ZERO);
    i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX }).to_be_bytes()
}

/// What [`date`] has made these bytes of.
pub(super) fn timestamp(date: [u8; 8]) -> Timestamp {
    let nanos = i128::from(i64::from_be_bytes(date)).saturating_add(DATE_ZERO);
    Timestamp::from_nanosecond(nanos).unwrap_or_default()
}

/// The clock tag's value for this many parts in 10^9; what does not fit in it, 1000 ppm, stays at the border.
pub(super) fn clock(fast_ppb: i64) -> [u8; CLOCK_LEN] {
    let sign = if fast_ppb < 0 { b'-' } else { b'+' };
    let digit = |unit: u64| {
        let rest = fast_ppb.unsigned_abs().min(999_999).checked_div(unit).unwrap_or(0).checked_rem(10);
        b'0'.saturating_add(rest.and_then(|digit| u8::try_from(digit).ok()).unwrap_or(0))
    };
    [sign, digit(100_000), digit(10_000), digit(1_000), b'.', digit(100), digit(10), digit(1)]
}

fn tags(recorded: &[u8]) -> Vec<u8> {
    let mut to = Vec::new();
    let tag = |to: &mut Vec<u8>, name: &[u8], value: &[u8]| {
        master(to, 0x67c8, |to| {
            binary(to, 0x45a3, name); // TagName
            binary(to, 0x4487, value); // TagString
        });
    };
    master(&mut to, TAGS, |to| {
        master(to, 0x7373, |to| {
            binary(to, 0x63c0, &[]); // Targets: the whole file
            tag(to, b"DATE_RECORDED", recorded);
            tag(to, CLOCK_TAG, &clock(0)); // the last of all: it is patched
        });
    });
    to
}

/// `2026-11-23T14:03:27.512+01:00`: the beginning as the clock on the wall showed it.
fn recorded(track: &Track) -> String {
    let local = track.offset.to_datetime(track.started).to_zoned(track.offset.to_time_zone());
    local.map(|local| local.strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()).unwrap_or_default()
}

/// DefaultDuration in its place, in nanoseconds; while it is not known, a Void is there.
pub(super) fn rate(interval: Option<u64>) -> [u8; RATE_LEN] {
    match interval {
        Some(interval) => {
            let [a, b, c, d, e, f, g, h] = interval.to_be_bytes();
            [0x23, 0xe3, 0x83, 0x88, a, b, c, d, e, f, g, h]
        }
        None => [VOID, 0x8a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    }
}

fn tracks(track: &Track) -> Vec<u8> {
    let mut to = Vec::new();
    master(&mut to, TRACKS, |to| {
        master(to, 0xae, |to| {
            uint(to, 0xd7, 1); // TrackNumber
            uint(to, 0x73c5, 1); // TrackUID: one track, so one number will do
            uint(to, 0x83, 1); // TrackType: video
            uint(to, 0x9c, 0); // FlagLacing
            binary(to, 0x22_b59c, b"und"); // Language: English, if left out
            binary(to, 0x86, b"V_MJPEG"); // CodecID
            match nanos_of_interval(track) {
                Some(nanos) => uint(to, DEFAULT_DURATION, nanos),
                None => to.extend(rate(None)),
            }
            // the last of all, in VIDEO_LEN bytes: what is before it is patched
            master(to, 0xe0, |to| {
                uint(to, 0x9a, 2); // FlagInterlaced: progressive
                binary(to, 0xb0, &track.size.width.max(1).to_be_bytes()); // PixelWidth
                binary(to, 0xba, &track.size.height.max(1).to_be_bytes()); // PixelHeight
            });
        });
    });
    to
}

/// A DefaultDuration of 0 is not allowed.
fn nanos_of_interval(track: &Track) -> Option<u64> {
    let nanos = u64::try_from(track.interval?.as_nanos()).ok()?;
    (nanos > 0).then_some(nanos)
}
