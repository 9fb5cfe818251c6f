//! Whole JPEGs out of a stream of them: what `rpicam-vid`, `ffmpeg -f mjpeg` and `.mjpeg` files are.

use super::JpegError;
use super::markers::{self, EOI, SOI, SOS, Segment, Step};
use memchr::memmem;
use std::ops::ControlFlow;

#[cfg(test)]
mod noise;
#[cfg(test)]
mod tests;

/// How every frame begins: SOI, and the first byte of a marker.
const START: [u8; 3] = [0xff, SOI, 0xff];

/// What segments begin with that have a thumbnail in them: EXIF 2.3, 4.7.2; JFIF 1.02, the extension APP0.
const WITH_THUMBNAIL: [&[u8]; 2] = [b"Exif\0\0", b"JFXX\0"];

/// This many of the last pictures that begin in a segment may be what its end belongs to: a frame, and its thumbnails.
const THROUGH: usize = 4;

/// How every frame ends.
const END: [u8; 2] = [0xff, EOI];

/// What [`Splitter::find`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// No whole frame yet: read more.
    More,
    /// `buffer[start..end]` is one frame; what stands before `start` is garbage.
    Frame {
        /// Offset of SOI.
        start: usize,
        /// Offset of the first byte behind EOI.
        end: usize,
    },
    /// The same, but the frame has no EOI: another begins where it should go on, or its scan is broken there.
    Cut {
        /// Offset of SOI.
        start: usize,
        /// Offset of what does not belong to it any more.
        end: usize,
    },
    /// A frame has begun, but its header is none.
    Broken {
        /// What is wrong; offsets count from SOI.
        flaw: JpegError,
        /// Offset at which the search goes on.
        end: usize,
    },
}

/// Finds the frames in a stream that arrives piece by piece.
///
/// It remembers how far it has looked, so that all its work is linear in the stream's bytes, whatever they are and however
/// small the pieces. A header is walked segment by segment: an EXIF thumbnail's own EOI does not end the frame. What is
/// broken (a marker that cannot stand where it stands, a frame cut off by the next) is told as such, and the search goes
/// on from there at the next SOI.
///
/// A length that noise has written may span good frames. Only in a header, and only in the segments that hold what they
/// like (APPn, COM), may a picture's start stand; if its end does not, a marker has to stand right behind the segment.
/// Otherwise the segment is not believed, and the search goes on at that start.
///
/// The caller keeps one buffer that begins at the first byte not yet taken:
/// ```
/// # use camcast::jpeg::{Split, Splitter};
/// # let mut stream = &b"garbage\xff\xd8\xff\xda\0\x02entropy\xff\xd9\xff\xd8"[..];
/// # let mut frames = 0;
/// # let mut take = |_frame: &[u8]| frames += 1;
/// let mut splitter = Splitter::new();
/// let mut buffer = Vec::new();
/// while let Some((piece, rest)) = stream.split_at_checked(1) {
///     stream = rest;
///     buffer.extend_from_slice(piece);
///     loop {
///         let end = match splitter.find(&buffer) {
///             Split::More => break,
///             Split::Frame { start, end } => {
///                 take(&buffer[start..end]);
///                 end
///             }
///             Split::Cut { end, .. } | Split::Broken { end, .. } => end,
///         };
///         buffer.drain(..end);
///     }
///     buffer.drain(..splitter.take_garbage());
/// }
/// # assert_eq!((frames, &buffer[..]), (1, &b"\xff\xd8"[..]));
/// ```
#[derive(Debug, Default)]
pub struct Splitter {
    place: Position,
    /// Offset of the SOI of the frame that has begun; meaningless while seeking.
    start: usize,
    /// Offset of the first byte not yet looked at.
    at: usize,
    /// The segment before `at` may have swallowed a frame.
    doubt: Option<Doubt>,
    /// Offset up to which an unfinished segment between two scans has no start of a picture in it.
    looked: usize,
}

/// What a segment in a header leaves in doubt that has a picture's start in it.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    /// Where the search goes on if it is not to be believed.
    inside: usize,
    /// A picture in it does not end in it: only a marker right behind it makes it good.
    is_open: bool,
}

/// Where in a frame the next byte stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Position {
    /// Before SOI.
    #[default]
    Seek,
    /// Right behind SOI.
    Begun,
    /// At a marker before the first scan.
    Header,
    /// In entropy-coded data.
    Scan,
    /// At a marker behind entropy-coded data.
    BetweenScans,
}

/// Whether to go on looking, or what to answer.
type Turn = ControlFlow<Split>;

impl Splitter {
    /// A splitter at the start of a stream.
    pub const fn new() -> Self {
        Splitter { place: Position::Seek, start: 0, at: 0, doubt: None, looked: 0 }
    }

    /// Looks for a whole frame. `buffer` begins at the first byte not yet taken and only grows between calls.
    ///
    /// After anything but [`Split::More`] the caller drops `end` bytes from the buffer's front before it calls again.
    pub fn find(&mut self, buffer: &[u8]) -> Split {
        loop {
            let turn = match self.place {
                Position::Seek => self.seek(buffer),
                Position::Begun | Position::Header | Position::BetweenScans => self.walk(buffer),
                Position::Scan => self.scan(buffer),
            };
            if let ControlFlow::Break(split) = turn {
                return split;
            }
        }
    }

    /// How many bytes at the buffer's front belong to no frame. They are taken: the caller must drop exactly that many.
    #[must_use]
    pub fn take_garbage(&mut self) -> usize {
        let garbage = if self.place == Position::Seek { self.at } else { self.start };
        self.at = self.at.saturating_sub(garbage);
        self.looked = self.looked.saturating_sub(garbage);
        if let Some(doubt) = &mut self.doubt {
            doubt.inside = doubt.inside.saturating_sub(garbage);
        }
        self.start = 0;
        garbage
    }

    /// The stream ends with `buffer`: what has begun will not be whole. [`Split::More`] if nothing has. The splitter is
    /// as new; where it says that bytes remain, there may be frames in them.
    pub fn finish(&mut self, buffer: &[u8]) -> Split {
        let Splitter { place, start, at, doubt, .. } = std::mem::take(self);
        let end = buffer.len();
        match place {
            Position::Seek => Split::More,
            Position::Begun | Position::Header => {
                let unfinished = markers::present(buffer, at);
                let inside = doubt.map(|doubt| doubt.inside);
                let inside =
                    inside.or_else(|| Some(at.saturating_add(2).saturating_add(foreign(unfinished)?)));
                let flaw = JpegError::Cut { at: at.saturating_sub(start) };
                Split::Broken { flaw, end: inside.unwrap_or(end) }
            }
            Position::Scan | Position::BetweenScans => Split::Cut { start, end },
        }
    }

    /// Gives up the frame that has begun, if any: the caller's answer to one that outgrows its limit. Its bytes so far
    /// become garbage ([`Splitter::take_garbage`]), and the search goes on behind them.
    pub fn give_up(&mut self) {
        self.place = Position::Seek;
    }

    fn seek(&mut self, buffer: &[u8]) -> Turn {
        let rest = buffer.get(self.at..).unwrap_or_default();
        let Some(skipped) = memmem::find(rest, &[0xff, SOI]) else {
            // The last byte may be an SOI's first.
            self.at = self.at.saturating_add(rest.len().saturating_sub(1));
            return Turn::Break(Split::More);
        };
        self.at = self.at.saturating_add(skipped);
        match markers::begins(buffer, self.at.saturating_add(2)) {
            None => Turn::Break(Split::More),
            Some(true) => self.begin(self.at),
            Some(false) => self.go(Position::Seek, self.at.saturating_add(2)),
        }
    }

    fn begin(&mut self, start: usize) -> Turn {
        self.start = start;
        self.go(Position::Begun, start.saturating_add(2))
    }

    fn walk(&mut self, buffer: &[u8]) -> Turn {
        if self.doubt.is_some_and(|doubt| doubt.is_open) {
            match markers::stands(buffer, self.at) {
                None => return Turn::Break(Split::More),
                Some(true) => self.doubt = None,
                Some(false) => return self.broken(self.at),
            }
        }
        match markers::step(buffer, self.at) {
            Step::Segment(segment) if segment.code == EOI => self.end(&segment),
            Step::Segment(segment) => self.pass(buffer, &segment),
            Step::More { at } => self.wait(buffer, at),
            // the image before has nothing in it
            Step::Start { at } if self.place == Position::Begun => self.begin(at),
            Step::Start { at } | Step::Bad { at } if self.place == Position::BetweenScans => self.cut(at),
            Step::Start { at } | Step::Bad { at } => self.broken(at),
        }
    }

    fn end(&mut self, eoi: &Segment<'_>) -> Turn {
        let (start, end) = (self.start, eoi.end);
        self.tell(if self.place == Position::BetweenScans {
            Split::Frame { start, end }
        } else {
            let end = self.doubt.map_or(end, |doubt| doubt.inside);
            Split::Broken { flaw: JpegError::NoScan, end }
        })
    }

    /// Goes on behind a segment, if it is to be believed.
    fn pass(&mut self, buffer: &[u8], segment: &Segment<'_>) -> Turn {
        let Segment { code, at, end, .. } = *segment;
        let from = at.saturating_add(2);
        // a length that is a little wrong takes an SOI's first bytes only
        let Some(body) = buffer.get(from..end.saturating_add(2)) else { return self.wait(buffer, at) };
        let begun = memmem::find(body, &START).map(|inside| from.saturating_add(inside));
        match (self.place, begun) {
            (Position::BetweenScans, Some(_)) => return self.cut(at),
            // a frame has one frame header
            (Position::BetweenScans, None) if markers::is_frame(code) => return self.cut(at),
            (_, Some(inside)) => {
                let foreign = foreign(body).map(|inside| from.saturating_add(inside));
                let is_free = markers::is_free(code);
                let inside = if is_free { foreign } else { Some(inside) };
                let is_open = is_open(body);
                self.doubt = inside.map(|inside| Doubt { inside, is_open });
                if !is_free || is_open && leads_through(body) {
                    return self.broken(at);
                }
            }
            (_, None) => self.doubt = None,
        }
        match (code, self.place) {
            (SOS, _) => self.go(Position::Scan, end),
            (_, Position::BetweenScans) => self.go(Position::BetweenScans, end),
            _ => self.go(Position::Header, end),
        }
    }

    /// A segment is not whole yet. Between two scans it need not be to be told from one.
    fn wait(&mut self, buffer: &[u8], at: usize) -> Turn {
        self.at = at;
        if self.place == Position::BetweenScans {
            let from = at.saturating_add(2);
            let body = markers::present(buffer, at);
            let seen = self.looked.saturating_sub(from.saturating_add(START.len()));
            if body.get(seen..).is_some_and(|fresh| memmem::find(fresh, &START).is_some()) {
                return self.cut(at);
            }
            self.looked = from.saturating_add(body.len());
        }
        Turn::Break(Split::More)
    }

    fn scan(&mut self, buffer: &[u8]) -> Turn {
        match markers::end_of_scan(buffer, self.at) {
            Ok(at) => self.go(Position::BetweenScans, at),
            Err(at) => {
                self.at = at;
                Turn::Break(Split::More)
            }
        }
    }

    fn go(&mut self, place: Position, at: usize) -> Turn {
        (self.place, self.at, self.looked) = (place, at, 0);
        Turn::Continue(())
    }

    fn cut(&mut self, end: usize) -> Turn {
        let start = self.start;
        self.tell(Split::Cut { start, end })
    }

    /// The header is wrong at `at`. What stands there may begin a frame, and so may what has been swallowed before.
    fn broken(&mut self, at: usize) -> Turn {
        let flaw = JpegError::Marker { at: at.saturating_sub(self.start) };
        let end = self.doubt.map_or(at, |doubt| doubt.inside);
        self.tell(Split::Broken { flaw, end })
    }

    /// Something has ended; the next is looked for in the buffer without it.
    fn tell(&mut self, split: Split) -> Turn {
        *self = Splitter::new();
        Turn::Break(split)
    }
}

/// Pictures that may begin in one segment.
const MOST_STARTS: usize = 64;

/// Whether a picture begins in a segment and does not end in it. `body`: from its length on, and two bytes of what follows.
fn is_open(body: &[u8]) -> bool {
    let (mut open, mut starts) = (0_usize, 0_usize);
    for at in memchr::memchr_iter(0xff, body) {
        match body.get(at..).unwrap_or_default() {
            // no thumbnails are that many, and each would be looked at again
            rest if rest.starts_with(&START) && starts == MOST_STARTS => return true,
            rest if rest.starts_with(&START) => {
                (open, starts) = (open.saturating_add(1), starts.saturating_add(1));
            }
            // what has begun before the segment may end in it
            rest if rest.starts_with(&END) => open = open.saturating_sub(1),
            _ => {}
        }
    }
    open > 0
}

/// Whether the segment's end is the end of a segment of a picture in it too: then that picture is the frame.
fn leads_through(body: &[u8]) -> bool {
    let end = body.len().saturating_sub(2);
    let mut starts = memmem::rfind_iter(body, &START).take(THROUGH);
    starts.any(|start| {
        let mut at = start.saturating_add(2);
        while let Step::Segment(segment) = markers::step(body, at) {
            if segment.end > end || matches!(segment.code, SOS | EOI) {
                return false;
            }
            at = segment.end;
        }
        at == end
    })
}

/// Where in a segment a picture begins that is not its own thumbnail.
fn foreign(body: &[u8]) -> Option<usize> {
    let first = memmem::find(body, &START)?;
    let has_thumbnail =
        WITH_THUMBNAIL.iter().any(|name| body.get(2..).is_some_and(|rest| rest.starts_with(name)));
    if !has_thumbnail {
        return Some(first);
    }
    let behind = first.saturating_add(START.len());
    Some(behind.saturating_add(memmem::find(body.get(behind..)?, &START)?))
}
