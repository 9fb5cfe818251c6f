//! The seek index in a place of fixed size at the front of the file, so that it can grow while frames come behind it.
//!
//! ```text
//!  | Cues size | cue 0 | cue 1 | ... | cue k | Void . . . . . . . . . . |
//!              ^ on a sector border; each cell is 32 bytes              ^ the first cluster
//! ```
//! The Void that fills the rest is inside Cues, where EBML allows it: so neither Cues' size nor anything behind it
//! changes when a cue is added. A Void's header is in the first bytes of a cell, and no cell lies across a sector: the
//! one write that makes new cues count is in one sector, and all that goes before it falls into the Void.

use super::ebml::{VOID_HEADER, size4, size8, void};
use crate::record::track::{Patch, Patches};
use std::mem;
use std::ops::Range;

/// Bytes of a cue: a divisor of [`SECTOR`]. Sizes are written longer than they need be to come to this.
pub(super) const CELL: usize = 32;

/// What a disk writes whole or not at all, in bytes.
pub(super) const SECTOR: usize = 512;

/// Bytes of Cues' identifier and size.
pub(super) const HEADER: usize = 12;

/// The fewest cells: three cues and the Void.
const MIN_CELLS: usize = 4;

/// Time between cues at first, in microseconds.
const SPACING: u64 = 1_000_000;

/// Whether so many bytes are cells that have been written here.
pub(super) fn are_cells(len: usize) -> bool {
    len % CELL == 0 && len >= cell(MIN_CELLS)
}

/// The cells, as they are or are about to be in the file.
pub(super) struct Cues {
    /// File offset of the first cell.
    at: u64,
    cells: Vec<u8>,
    used: usize,
    /// Cues that count in the file, unless `rewritten`.
    in_file: usize,
    /// The cues from the second on are others than those in the file.
    rewritten: bool,
    /// A Void from the second cell to the end.
    all_but_one: [u8; VOID_HEADER],
    spacing: u64,
    last: u64,
}

impl Cues {
    /// Cells of about `reserve` bytes at file offset `at`, with the first cue: time 0 is in the first cluster, which
    /// begins where the cells end. Positions are relative to `segment`, the offset of Segment's body.
    pub(super) fn new(at: u64, segment: u64, reserve: usize) -> Self {
        let count = reserve.checked_div(CELL).unwrap_or(0).max(MIN_CELLS);
        let len = count.saturating_mul(CELL);
        let mut cues = Cues {
            at,
            cells: vec![0; len],
            used: 0,
            in_file: 1,
            rewritten: false,
            all_but_one: void(len.saturating_sub(CELL)),
            spacing: SPACING,
            last: 0,
        };
        cues.push(0, at.saturating_add(len as u64).saturating_sub(segment));
        cues
    }

    /// The cells at these file offsets, whatever is in them, to be filled again.
    pub(super) fn again(cells: &Range<u64>, segment: u64) -> Self {
        let len = usize::try_from(cells.end.saturating_sub(cells.start)).unwrap_or(0);
        Cues { rewritten: true, ..Cues::new(cells.start, segment, len) }
    }

    /// Cues' identifier and size, then the cells.
    pub(super) fn element(&self) -> impl Iterator<Item = u8> + use<'_> {
        let size = size8(self.cells.len() as u64);
        [0x1c, 0x53, 0xbb, 0x6b].into_iter().chain(size).chain(self.cells.iter().copied())
    }

    /// A cluster of `time` microseconds begins at `position` in Segment's body. It becomes a cue if the last one is long enough ago.
    pub(super) fn note(&mut self, time: u64, position: u64) {
        if self.is_due(time) && self.is_full() {
            self.halve();
        }
        if self.is_due(time) {
            self.push(time, position);
        }
    }

    fn is_due(&self, time: u64) -> bool {
        time >= self.last.saturating_add(self.spacing)
    }

    /// The last cell is the Void's.
    fn is_full(&self) -> bool {
        cell(self.used.saturating_add(1)) >= self.cells.len()
    }

    /// Drops every other cue: a recording of any length stays seekable, more coarsely.
    fn halve(&mut self) {
        let kept = self.used.div_ceil(2);
        for to in 1..kept {
            let from = cell(to.saturating_mul(2));
            self.cells.copy_within(from..from.saturating_add(CELL), cell(to));
        }
        self.used = kept;
        self.in_file = 1;
        self.rewritten = true;
        self.last = self.time_of(kept.saturating_sub(1));
        self.spacing = self.spacing.saturating_mul(2);
        self.close();
    }

    fn push(&mut self, time: u64, position: u64) {
        if let Some(to) = self.cells.get_mut(cell(self.used)..).and_then(<[u8]>::first_chunk_mut) {
            *to = cue(time, position);
        }
        self.used = self.used.saturating_add(1);
        self.last = time;
        self.close();
    }

    /// Puts the Void behind the last cue.
    fn close(&mut self) {
        let rest = self.cells.get_mut(cell(self.used)..).unwrap_or_default();
        let header = void(rest.len());
        if let Some(to) = rest.first_chunk_mut() {
            *to = header;
        }
    }

    fn time_of(&self, index: usize) -> u64 {
        let from = cell(index).saturating_add(TIME_AT);
        let cell = self.cells.get(from..).and_then(<[u8]>::first_chunk);
        cell.map_or(0, |cell| u64::from_be_bytes(*cell))
    }

    /// Appends what brings the file's cues up to date, to be written in this order.
    pub(super) fn patch<'a>(&'a mut self, patches: &mut Patches<'a>) {
        let from = mem::replace(&mut self.in_file, self.used);
        let rewritten = mem::take(&mut self.rewritten);
        let cues: &'a Cues = self;
        if rewritten {
            patches.push(Patch { offset: cues.offset(1), bytes: &cues.all_but_one });
        }
        if from < cues.used {
            let next = from.saturating_add(1);
            patches.push(cues.slice(next, cell(cues.used).saturating_add(VOID_HEADER)));
            patches.push(cues.slice(from, cell(next)));
        }
    }

    /// File offsets of the bytes in the Void behind the last cue.
    pub(super) fn void(&self) -> [u64; 2] {
        let from = self.offset(self.used).saturating_add(VOID_HEADER as u64);
        [from, self.at.saturating_add(self.cells.len() as u64)]
    }

    fn slice(&self, index: usize, end: usize) -> Patch<'_> {
        Patch { offset: self.offset(index), bytes: self.cells.get(cell(index)..end).unwrap_or_default() }
    }

    fn offset(&self, index: usize) -> u64 {
        self.at.saturating_add(cell(index) as u64)
    }
}

fn cell(index: usize) -> usize {
    index.saturating_mul(CELL)
}

/// Where in a cue its time is.
const TIME_AT: usize = 7;

/// CuePoint { CueTime, CueTrackPositions { CueTrack 1, CueClusterPosition } } (RFC 9559, 5.1.5).
fn cue(time: u64, position: u64) -> [u8; CELL] {
    let [a, b, c, d] = size4(27);
    let [t0, t1, t2, t3, t4, t5, t6, t7] = time.to_be_bytes();
    let [p0, p1, p2, p3, p4, p5, p6, p7] = position.to_be_bytes();
    [
        0xbb, a, b, c, d, //
        0xb3, 0x88, t0, t1, t2, t3, t4, t5, t6, t7, //
        0xb7, 0x20, 0x00, 13, //
        0xf7, 0x81, 1, //
        0xf1, 0x88, p0, p1, p2, p3, p4, p5, p6, p7,
    ]
}
