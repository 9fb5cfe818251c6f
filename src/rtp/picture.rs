//! What of a JPEG goes by RTP. Its header does not: the receiver writes one itself, from the little that packets say (RFC 2435,
//! 3.1 and appendix B). So a picture can go only if that header would be its own.

use crate::jpeg::markers::{EOI, SOF0, SOF1, SOF2};
use crate::jpeg::{Component, Facts, QuantisationTable, Size};
use crate::reel::Frame;
use std::fmt;
use std::ops::Range;

/// The longest side that a packet can tell: 255 blocks of 8 pixels.
pub const MOST_PIXELS: u16 = 255 * 8;

/// Bytes of entropy-coded data that a fragment offset reaches.
const MOST_BYTES: u32 = 1 << 24;

/// How a JPEG's packets describe it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picture {
    /// RFC 2435, 4.1: 0 is 4:2:2, 1 is 4:2:0; 64 more with restart markers.
    pub(super) kind: u8,
    /// In blocks of 8 pixels; both zero if a side is too long for that.
    pub(super) blocks: (u8, u8),
    /// MCUs between restart markers; zero without.
    pub(super) restart_interval: u16,
    /// Luminance's and chrominance's.
    pub(super) tables: [QuantisationTable; 2],
    /// The entropy-coded data, by its offsets in the frame.
    pub(super) scan: (u32, u32),
}

/// Why a JPEG cannot go by RTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotCarried {
    /// It is progressive, lossless or coded arithmetically: the frame header's code.
    Coding(u8),
    /// Samples have another number of bits than eight.
    Precision(u8),
    /// It has another number of components than three.
    Components(u8),
    /// Chrominance is sampled in another way than 4:2:2 or 4:2:0, or that is written in another way.
    Sampling([(u8, u8); 3]),
    /// It has Huffman tables of its own.
    Huffman,
    /// Its components come one after the other, or are coded by other tables than usual.
    Scan,
    /// A quantisation table is missing, or each chrominance has its own.
    Quantisation,
    /// Values of a quantisation table have two bytes.
    Wide,
    /// It is too long.
    Length(u32),
    /// A side is longer than packets can tell, and nobody has told the receiver.
    Beyond(Size),
}

impl fmt::Display for NotCarried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotCarried::Coding(code) => write!(f, "they are not baseline JPEGs (frame header {code:02x})"),
            NotCarried::Precision(bits) => write!(f, "their samples have {bits} bits"),
            NotCarried::Components(1) => f.write_str("they are grey"),
            NotCarried::Components(count) => write!(f, "they have {count} components"),
            NotCarried::Sampling(factors) => {
                f.write_str("their chrominance is sampled ")?;
                let each = factors.map(|(horizontal, vertical)| format!("{horizontal}x{vertical}"));
                f.write_str(&each.join(", "))
            }
            NotCarried::Huffman => f.write_str("they have Huffman tables of their own"),
            NotCarried::Scan => f.write_str("their components do not come together in one usual scan"),
            NotCarried::Quantisation => f.write_str("they have no two quantisation tables"),
            NotCarried::Beyond(size) => write!(f, "{size} is larger than RTP has words for"),
            NotCarried::Wide => f.write_str("their quantisation tables have two bytes a value"),
            NotCarried::Length(bytes) => write!(f, "they have {bytes} bytes, of which RTP takes 16 MB"),
        }
    }
}

impl std::error::Error for NotCarried {}

impl NotCarried {
    /// Written anew, with the standard Huffman tables and in one scan, it could go: no pixel would change by that.
    pub fn is_mended_by_recoding(self) -> bool {
        matches!(self, NotCarried::Huffman | NotCarried::Coding(SOF1 | SOF2))
    }
}

impl Picture {
    /// How this frame's packets describe it.
    ///
    /// # Errors
    /// Why they cannot.
    pub fn of(frame: &Frame<'_>) -> Result<Self, NotCarried> {
        let facts = frame.facts();
        let [luminance, blue, red] = three(facts)?;
        let kind = kind(luminance, blue, red)?;
        if facts.coding != SOF0 {
            return Err(NotCarried::Coding(facts.coding));
        }
        if !facts.is_usual_scan {
            return Err(NotCarried::Scan);
        }
        if facts.has_own_huffman {
            return Err(NotCarried::Huffman);
        }
        let table =
            |component: Component| facts.quantisation.get(usize::from(component.table)).copied().flatten();
        let found = [table(luminance), table(blue), table(red)];
        let [Some(first), Some(second), Some(third)] = found else { return Err(NotCarried::Quantisation) };
        if second != third && !is_same(frame, second, third) {
            return Err(NotCarried::Quantisation);
        }
        // packets have words for them (RFC 2435, 3.1.8), which ffmpeg takes for other tables, and others refuse
        if first.is_wide || second.is_wide {
            return Err(NotCarried::Wide);
        }
        let (start, end) = (offset(facts.scan), without_end(frame));
        let length = end.saturating_sub(start);
        if length > MOST_BYTES {
            return Err(NotCarried::Length(length));
        }
        Ok(Picture {
            kind: kind | if facts.restart_interval > 0 { 64 } else { 0 },
            blocks: blocks(facts.size),
            restart_interval: facts.restart_interval,
            tables: [first, second],
            scan: (start, start.saturating_add(length)),
        })
    }

    /// Its size goes beside the packets, if at all.
    pub fn is_beyond(size: Size) -> bool {
        size.width.max(size.height) > MOST_PIXELS
    }
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

fn three(facts: &Facts) -> Result<[Component; 3], NotCarried> {
    match facts {
        Facts { precision, .. } if *precision != 8 => Err(NotCarried::Precision(*precision)),
        Facts { components: 3, component: [luminance, blue, red, _], .. } => Ok([*luminance, *blue, *red]),
        Facts { components, .. } => Err(NotCarried::Components(*components)),
    }
}

/// All three factors have to be looked at: ffmpeg's encoder writes 4:2:2 as 2x2, 1x2, 1x2, which is no type of RFC 2435.
fn kind(luminance: Component, blue: Component, red: Component) -> Result<u8, NotCarried> {
    let factors = [luminance, blue, red].map(|component| (component.horizontal, component.vertical));
    match factors {
        [(2, 1), (1, 1), (1, 1)] => Ok(0),
        [(2, 2), (1, 1), (1, 1)] => Ok(1),
        _ => Err(NotCarried::Sampling(factors)),
    }
}

fn is_same(frame: &Frame<'_>, one: QuantisationTable, other: QuantisationTable) -> bool {
    let bytes = |table: QuantisationTable| frame.range(span(table)).flatten();
    one.is_wide == other.is_wide && bytes(one).eq(bytes(other))
}

/// Where a table's values are in the frame.
pub(super) fn span(table: QuantisationTable) -> Range<u32> {
    table.at..table.at.saturating_add(table.length())
}

/// Where a frame's entropy-coded data ends: its last marker is left out. Some frames have none.
fn without_end(frame: &Frame<'_>) -> u32 {
    let before = frame.length().saturating_sub(2);
    let is_end = frame.range(before..frame.length()).flatten().eq(&[0xff, EOI]);
    if is_end { before } else { frame.length() }
}

fn blocks(size: Size) -> (u8, u8) {
    if Picture::is_beyond(size) {
        return (0, 0);
    }
    let blocks = |pixels: u16| u8::try_from(pixels.div_ceil(8)).unwrap_or(0);
    (blocks(size.width), blocks(size.height))
}
