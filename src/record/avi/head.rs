//! What stands in an AVI file before its first frame. Its length never changes: it is rewritten each second.

use super::{RIFFS, Riff, chunk_head, size};
use crate::jpeg::Size;
use crate::record::track::Track;
use jiff::Timestamp;
use jiff::tz::Offset;
use std::time::Duration;

/// Bytes up to the first frame's chunk.
pub(in crate::record) const HEAD_LEN: usize = 5120;

/// Who wrote the file: padded, so that the length is the same in each version.
const APP: &str = concat!("camcast ", env!("CARGO_PKG_VERSION"));
const APP_LEN: usize = 32;
/// `2026-11-23T14:03:27.512345+01:00`, and a zero.
const DATE_LEN: usize = 34;

/// Until there are two frames.
const INTERVAL: Duration = Duration::from_nanos(33_333_333);

// Offsets of what is read back.
const BYTES_AT: usize = 36;
const FLAGS_AT: usize = 44;
const INDEXES_AT: usize = 224;
const ENTRIES_AT: usize = 244;
const FRAMES_AT: usize = 140;
const SCALE_AT: usize = 128;
const RATE_AT: usize = 132;
const SIZE_AT: usize = 176;
const APP_AT: usize = 4628;
const DATE_AT: usize = 4668;

/// What a file's head says of its frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// All frames' size in pixels.
    pub size: Size,
    /// When the first one was captured.
    pub started: Timestamp,
    /// Local time's distance from UTC then.
    pub offset: Offset,
    /// Frames in the file, as of the latest checkpoint.
    pub frames: u32,
    /// The mean time from one to the next.
    pub interval: Duration,
    /// Bytes of the largest.
    pub(super) largest: u32,
}

/// What changes as the file grows.
pub(super) struct Layout<'a> {
    pub(super) riff: Riff,
    /// Those that have an index are in the index of indexes.
    pub(super) indexes: &'a [Riff],
    /// Bytes a second.
    pub(super) rate: u64,
    pub(super) is_finished: bool,
}

impl Facts {
    pub(super) fn new(track: &Track) -> Self {
        let interval = track.interval.filter(|interval| !interval.is_zero()).unwrap_or(INTERVAL);
        Facts {
            size: track.size,
            started: track.started,
            offset: track.offset,
            frames: 0,
            interval,
            largest: 0,
        }
    }

    /// Reads them from the first [`HEAD_LEN`] bytes of a file; and the whole file's length, if it was finished. `None`: camrec has not
    /// written this.
    pub fn parse(bytes: &[u8]) -> Option<(Self, Option<u64>)> {
        let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..)?.first_chunk().copied()?));
        let is = |at: usize, text: &[u8]| bytes.get(at..)?.starts_with(text).then_some(());
        is(0, b"RIFF")?;
        is(8, b"AVI LIST")?;
        is(APP_AT, b"camcast ")?;
        is(HEAD_LEN.checked_sub(4)?, b"movi")?;
        let date = bytes.get(DATE_AT..)?.get(..DATE_LEN)?.split(|byte| *byte == 0).next()?;
        let date = std::str::from_utf8(date).ok()?;
        let (rate, scale) = (u64::from(word(RATE_AT)?), u64::from(word(SCALE_AT)?));
        let side = |at| u16::try_from(word(at)?).ok();
        let nanos = scale.saturating_mul(1_000_000_000).checked_div(rate)?;
        let facts = Facts {
            size: Size { width: side(SIZE_AT)?, height: side(SIZE_AT.checked_add(4)?)? },
            started: date.parse().ok()?,
            offset: date.get(26..).and_then(offset)?,
            frames: word(FRAMES_AT)?,
            interval: Duration::from_nanos(nanos),
            largest: 0,
        };
        let is_finished = word(FLAGS_AT)? & HAS_INDEX != 0;
        // the last RIFF ends with its index, the first one may not
        let length = match usize::try_from(word(INDEXES_AT)?).ok()? {
            0 | 1 => u64::from(word(4)?).checked_add(8)?,
            count => {
                let entry = ENTRIES_AT.checked_add(count.checked_sub(1)?.checked_mul(16)?)?;
                let (low, high) = (word(entry)?, word(entry.checked_add(4)?)?);
                let offset = u64::from(high) << 32 | u64::from(low);
                offset.checked_add(word(entry.checked_add(8)?)?.into())?
            }
        };
        Some((facts, is_finished.then_some(length)))
    }

    /// Rate and scale, whose quotient is frames a second.
    fn rate(&self) -> (u32, u32) {
        match u32::try_from(self.interval.as_nanos()) {
            Ok(nanos) => (1_000_000_000, nanos.max(1)),
            Err(_) => (1_000_000, u32::try_from(self.interval.as_micros()).unwrap_or(u32::MAX)),
        }
    }
}

/// What a head says that does not follow from the frames: who wrote it, and bytes a second, which may be off by one where the
/// interval is rounded.
pub(in crate::record) fn take_words(made: &mut [u8], there: &[u8]) {
    let app = there.get(APP_AT..APP_AT.saturating_add(APP_LEN)).unwrap_or_default();
    let word = app.split(|byte| *byte == 0).next().unwrap_or_default();
    let is_app = |byte: &u8| byte.is_ascii_alphanumeric() || b" .+-".contains(byte);
    let is_ours = word.iter().all(is_app) && app.iter().skip(word.len()).all(|byte| *byte == 0);
    for (at, len) in [(BYTES_AT, 4), (APP_AT, if is_ours { APP_LEN } else { 0 })] {
        let range = at..at.saturating_add(len);
        if let (Some(made), Some(there)) = (made.get_mut(range.clone()), there.get(range)) {
            made.copy_from_slice(there);
        }
    }
}

/// `+01:00`.
fn offset(text: &str) -> Option<Offset> {
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let seconds = hours
        .parse::<i32>()
        .ok()?
        .checked_mul(3600)?
        .checked_add(minutes.parse::<i32>().ok()?.checked_mul(60)?)?;
    Offset::from_seconds(if text.starts_with('-') { seconds.checked_neg()? } else { seconds }).ok()
}

/// AVIF_HASINDEX.
const HAS_INDEX: u32 = 0x10;

/// A form that grows, with its words in Microsoft's order of bytes.
#[derive(Default)]
struct Form(Vec<u8>);

impl Form {
    fn kind(&mut self, kind: [u8; 4]) {
        self.0.extend(kind);
    }

    fn words(&mut self, words: impl IntoIterator<Item = u32>) {
        words.into_iter().for_each(|word| self.0.extend(word.to_le_bytes()));
    }

    fn chunk(&mut self, kind: [u8; 4], body: &Form) {
        self.0.extend(chunk_head(kind, u32::try_from(body.0.len()).unwrap_or(u32::MAX)));
        self.0.extend(&body.0);
    }

    fn list(&mut self, kind: [u8; 4], body: &Form) {
        let mut inner = Form(kind.to_vec());
        inner.0.extend(&body.0);
        self.chunk(*b"LIST", &inner);
    }

    /// Text in this many bytes, zeros behind it.
    fn text(&mut self, kind: [u8; 4], text: &str, len: usize) {
        let mut body = text.as_bytes().to_vec();
        body.resize(len, 0);
        self.chunk(kind, &Form(body));
    }
}

/// The head.
pub(super) fn bytes(facts: &Facts, layout: &Layout<'_>) -> Vec<u8> {
    let mut stream = Form::default();
    stream.chunk(*b"strh", &stream_header(facts));
    stream.chunk(*b"strf", &bitmap_info(facts));
    stream.chunk(*b"indx", &super_index(layout));
    let mut extended = Form::default();
    extended.words([facts.frames]);
    extended.0.resize(248, 0);
    let mut odml = Form::default();
    odml.chunk(*b"dmlh", &extended);
    let mut header = Form::default();
    header.chunk(*b"avih", &main_header(facts, layout));
    header.list(*b"strl", &stream);
    header.list(*b"odml", &odml);
    let mut info = Form::default();
    info.text(*b"ISFT", APP, APP_LEN);
    info.text(*b"ICRD", &date(facts), DATE_LEN);

    let mut all = Form::default();
    all.kind(*b"RIFF");
    all.kind(size(layout.riff.len.saturating_sub(8)));
    all.kind(*b"AVI ");
    all.list(*b"hdrl", &header);
    all.list(*b"INFO", &info);
    let junk = HEAD_LEN.saturating_sub(all.0.len()).saturating_sub(8 + 12);
    all.text(*b"JUNK", "", junk);
    all.kind(*b"LIST");
    all.kind(size(layout.riff.list));
    all.kind(*b"movi");
    all.0
}

fn date(facts: &Facts) -> String {
    let local = facts.offset.to_datetime(facts.started).to_zoned(facts.offset.to_time_zone());
    local.map(|local| local.strftime("%Y-%m-%dT%H:%M:%S%.6f%:z").to_string()).unwrap_or_default()
}

/// AVIMAINHEADER.
fn main_header(facts: &Facts, layout: &Layout<'_>) -> Form {
    let mut form = Form::default();
    let micros = u32::try_from(facts.interval.as_micros()).unwrap_or(u32::MAX);
    let flags = if layout.is_finished { HAS_INDEX } else { 0 };
    let bytes = u32::try_from(layout.rate).unwrap_or(u32::MAX);
    form.words([micros, bytes, 0, flags, layout.riff.frames, 0, 1, facts.largest.saturating_add(8)]);
    form.words([facts.size.width.into(), facts.size.height.into(), 0, 0, 0, 0]);
    form
}

/// AVISTREAMHEADER.
fn stream_header(facts: &Facts) -> Form {
    let mut form = Form::default();
    form.kind(*b"vids");
    form.kind(*b"MJPG");
    let (rate, scale) = facts.rate();
    form.words([0, 0, 0, scale, rate, 0, facts.frames, facts.largest.saturating_add(8), u32::MAX, 0]);
    let (width, height) = (u32::from(facts.size.width), u32::from(facts.size.height));
    form.words([0, height << 16 | width]); // left and top, right and bottom, of 16 bits each
    form
}

/// BITMAPINFOHEADER.
fn bitmap_info(facts: &Facts) -> Form {
    let mut form = Form::default();
    let (width, height) = (u32::from(facts.size.width), u32::from(facts.size.height));
    form.words([40, width, height, 24 << 16 | 1]); // one plane of 24 bits
    form.kind(*b"MJPG");
    form.words([width.saturating_mul(height).saturating_mul(3), 0, 0, 0, 0]);
    form
}

/// AVISUPERINDEX: where the RIFFs' own indexes are.
fn super_index(layout: &Layout<'_>) -> Form {
    let mut form = Form::default();
    let indexes = layout.indexes.iter().filter_map(|riff| riff.index.map(|index| (index, riff.frames)));
    form.0.extend([4, 0, 0, 0]); // four words an entry; AVI_INDEX_OF_INDEXES
    form.words([u32::try_from(indexes.clone().count()).unwrap_or(0)]);
    form.kind(*b"00dc");
    form.words([0, 0, 0]);
    let begin = form.0.len();
    for ((offset, len), frames) in indexes.take(RIFFS) {
        form.0.extend(offset.to_le_bytes());
        form.words([len, frames]);
    }
    form.0.resize(begin.saturating_add(RIFFS.saturating_mul(16)), 0);
    form
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_back_is_where_it_is_looked_for() {
        let facts = Facts {
            size: Size { width: 1280, height: 720 },
            started: "2026-11-23T14:03:27.512345+01:00".parse().unwrap(),
            offset: Offset::constant(1),
            frames: 77,
            interval: Duration::from_nanos(33_366_667),
            largest: 0,
        };
        let riff = Riff { index: Some((5_000_000_000, 1234)), len: 5_000, ..Riff::default() };
        let indexes = [riff, riff];
        let layout = |is_finished, count| Layout { riff, indexes: &indexes[..count], rate: 1, is_finished };
        let head = bytes(&facts, &layout(false, 0));
        assert_eq!(head.len(), HEAD_LEN);
        assert_eq!(Facts::parse(&head), Some((facts.clone(), None)));
        let one = bytes(&facts, &layout(true, 1));
        assert_eq!(Facts::parse(&one), Some((facts.clone(), Some(5_000))));
        let two = bytes(&facts, &layout(true, 2));
        assert_eq!(Facts::parse(&two), Some((facts, Some(5_000_001_234))));
        assert!((0..HEAD_LEN).all(|cut| Facts::parse(&two[..cut]).is_none()));
    }
}
