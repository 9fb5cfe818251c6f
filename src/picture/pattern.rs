//! The moving test picture: no camera needed.
//!
//! ```text
//! +--------------------------------+
//! | bars of   +--+  ->             |   a block that bounces
//! | colour    +--+                 |
//! |      +------------------+      |
//! |      |   14:03:27.512   |      |   the time
//! |      |      #81042      |      |   the frame's number
//! |      +------------------+      |
//! +--------------------------------+
//! ```
//! The bars grow darker downwards and have a grain that does not move, so that a frame has about as many bytes as a
//! camera's. At [`Pattern::QUALITY`], with the time that drawing and encoding take on a 2-core x86 machine:
//!
//! | size | bytes a frame | ms a frame |
//! |---|---|---|
//! | 160x120 | 5,300 | 0.1 |
//! | 640x480 | 34,000 | 1.2 |
//! | 1280x720 | 79,000 | 2.7 to 3.4 |
//! | 1920x1080 | 156,000 | 6.4 to 8.0 |
//! | 3840x2160 | 527,000 | 26 to 34 |

use super::Error;
use super::canvas::{Area, Canvas, Colour};
use super::text::Type;
use super::turbo::{Encoder, Sampling};
use crate::jpeg::Size;
use arrayvec::ArrayString;
use std::fmt::Write;

/// The smallest picture that can be drawn: its text is just legible.
const SMALLEST: Size = Size { width: 160, height: 120 };
/// The largest.
const LARGEST: Size = Size { width: 3840, height: 2160 };
/// White, yellow, cyan, green, magenta, red, blue at 75 %: the bars of SMPTE EG 1.
const BARS: [Colour; 7] =
    [[191, 191, 191], [191, 191, 0], [0, 191, 191], [0, 191, 0], [191, 0, 191], [191, 0, 0], [0, 0, 191]];
const WHITE: Colour = [235, 235, 235];
const DARK: Colour = [16, 16, 24];
const ORANGE: Colour = [240, 120, 0];
/// How far the grain goes from a bar's colour, up or down.
const GRAIN: i32 = 5;
/// The characters of a line of text: a time to the millisecond, or `#` and the largest number.
const COLUMNS: usize = 12;
/// A block crosses the picture in this many frames.
const CROSSING: usize = 150;

/// The moving test picture; see the module's documentation in the source for how it looks.
///
/// The background is drawn once; each frame restores and redraws the block and the text only.
#[derive(Debug)]
pub struct Pattern {
    canvas: Canvas,
    encoder: Encoder,
    quality: u8,
    block: Block,
    label: Label,
}

impl Pattern {
    /// The quality at which a frame is about as large as a camera's.
    pub const QUALITY: u8 = 80;

    /// A picture of `size`, 160x120 to 3840x2160, odd or even, encoded at `quality`, libjpeg's 1 to 100.
    ///
    /// Takes all the memory that it ever will: three bytes a pixel, and what frames are encoded into.
    ///
    /// # Errors
    /// [`Error::Size`] for a size out of range, [`Error::Encode`] for a quality out of range.
    pub fn new(size: Size, quality: u8) -> Result<Self, Error> {
        let encoder = Encoder::new(Sampling::Half, checked(size)?)?;
        let label = Label::new(size);
        let mut canvas = Canvas::painted(size, |x, y| background(size, x, y));
        let block = Block::new(size, label.frame.y, &mut canvas);
        let mut pattern = Pattern { canvas, encoder, quality, block, label };
        pattern.draw(0, "")?;
        Ok(pattern)
    }

    /// The JPEG of frame `number`, with `clock` as the time: twelve characters of ASCII, the rest is left out.
    ///
    /// The same number and clock give the same bytes. Allocates nothing.
    ///
    /// # Errors
    /// [`Error::Encode`], if libjpeg-turbo has no memory.
    pub fn draw(&mut self, number: u32, clock: &str) -> Result<&[u8], Error> {
        self.block.move_to(number, &mut self.canvas);
        self.label.draw(number, clock, &mut self.canvas);
        self.encoder.encode(self.canvas.rgb(), self.quality)
    }
}

fn checked(size: Size) -> Result<Size, Error> {
    let wide = (SMALLEST.width..=LARGEST.width).contains(&size.width);
    let high = (SMALLEST.height..=LARGEST.height).contains(&size.height);
    if wide && high { Ok(size) } else { Err(Error::Size(size)) }
}

/// The bars' colour at (x, y), half as bright at the bottom as at the top, with its grain.
fn background(size: Size, x: usize, y: usize) -> Colour {
    let (width, height) = (usize::from(size.width), usize::from(size.height));
    let light = 2 * height - y;
    let grain = grain(x, y);
    BARS[x * BARS.len() / width].map(|value| {
        let shaded = usize::from(value) * light / (2 * height);
        (shaded as i32 + grain).clamp(0, 255) as u8
    })
}

/// -GRAIN to GRAIN, well mixed: the multipliers are those of MurmurHash3's finaliser.
fn grain(x: usize, y: usize) -> i32 {
    let mixed = (x as u32 | (y as u32) << 16).wrapping_mul(0x85eb_ca6b);
    let mixed = (mixed ^ mixed >> 13).wrapping_mul(0xc2b2_ae35);
    ((mixed ^ mixed >> 16) % (2 * GRAIN as u32 + 1)) as i32 - GRAIN
}

/// A square that bounces between the picture's sides and above the label.
#[derive(Debug)]
struct Block {
    /// How far its upper left corner moves, right and down.
    span: (usize, usize),
    /// Where it is now.
    area: Area,
    /// What it hides there.
    hidden: Vec<u8>,
}

impl Block {
    /// A block in the upper left corner, `floor` rows above which are its own.
    fn new(size: Size, floor: usize, canvas: &mut Canvas) -> Self {
        let side = usize::from(size.height.min(size.width)) / 6;
        let area = Area { x: 0, y: 0, width: side, height: side };
        let mut hidden = vec![0; area.bytes()];
        canvas.keep(area, &mut hidden);
        Block { span: (usize::from(size.width) - side, floor - side), area, hidden }
    }

    fn move_to(&mut self, number: u32, canvas: &mut Canvas) {
        canvas.restore(self.area, &self.hidden);
        self.area.x = bounce(number as usize, CROSSING, self.span.0);
        self.area.y = bounce(number as usize, CROSSING * 3 / 5, self.span.1);
        canvas.keep(self.area, &mut self.hidden);
        canvas.fill(self.area, WHITE);
        canvas.fill(self.area.inside(self.area.width / 8), ORANGE);
    }
}

/// To `span` and back again, each way in `crossing` steps.
fn bounce(step: usize, crossing: usize, span: usize) -> usize {
    let step = step % (2 * crossing);
    step.min(2 * crossing - step) * span / crossing
}

/// The dark frame with the time and the number.
#[derive(Debug)]
struct Label {
    frame: Area,
    letters: Type,
}

impl Label {
    fn new(size: Size) -> Self {
        let (width, height) = (usize::from(size.width), usize::from(size.height));
        let letters = Type::nearest(height / 8, COLUMNS, width * 7 / 8);
        let margin = letters.height() / 4;
        let frame_width = letters.width(COLUMNS) + 2 * margin;
        let frame_height = 2 * letters.height() + 3 * margin;
        let (x, y) = ((width - frame_width) / 2, height - frame_height - height / 20);
        Label { frame: Area { x, y, width: frame_width, height: frame_height }, letters }
    }

    fn draw(&self, number: u32, clock: &str, canvas: &mut Canvas) {
        let mut text = ArrayString::<COLUMNS>::new();
        // Eleven characters at most.
        let _ = write!(text, "#{number}");
        canvas.fill(self.frame, DARK);
        self.line(0, clock, canvas);
        self.line(1, &text, canvas);
    }

    /// Writes `text` in the middle of line 0 or 1.
    fn line(&self, line: usize, text: &str, canvas: &mut Canvas) {
        let cut = text.char_indices().nth(COLUMNS).map_or(text, |(end, _)| &text[..end]);
        let left = (self.frame.width - self.letters.width(cut.chars().count())) / 2;
        let margin = self.letters.height() / 4;
        let top = margin + line * (self.letters.height() + margin);
        self.letters.write(canvas, cut, self.frame.x + left, self.frame.y + top, WHITE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jpeg::check;
    use std::collections::HashSet;

    const SIZES: [(u16, u16); 9] = [
        (160, 120),
        (161, 121),
        (160, 2160),
        (320, 240),
        (641, 481),
        (1280, 720),
        (1080, 1920),
        (3840, 120),
        (3840, 2160),
    ];

    #[test]
    fn any_size_in_range_draws_the_first_and_the_last_frame() {
        for (width, height) in SIZES {
            let size = Size { width, height };
            let mut pattern = Pattern::new(size, Pattern::QUALITY).unwrap();
            for number in [0, 149, 150, 151, u32::MAX] {
                let jpeg = pattern.draw(number, "23:59:59.999").unwrap();
                assert_eq!(check(jpeg).map(|checked| checked.size()), Ok(size));
            }
        }
    }

    #[test]
    fn refuses_sizes_and_qualities_out_of_range() {
        for (width, height) in [(159, 120), (160, 119), (3841, 2160), (3840, 2161)] {
            let refused = Pattern::new(Size { width, height }, 80);
            assert!(matches!(refused, Err(Error::Size(_))));
        }
        assert!(matches!(Pattern::new(SMALLEST, 0), Err(Error::Encode(_))));
        assert!(matches!(Pattern::new(SMALLEST, 101), Err(Error::Encode(_))));
    }

    #[test]
    fn every_frame_differs_and_the_same_frame_does_not() {
        let mut pattern = Pattern::new(SMALLEST, Pattern::QUALITY).unwrap();
        let mut seen = HashSet::new();
        for number in (0..700).chain([1 << 20, u32::MAX - 1, u32::MAX]) {
            assert!(seen.insert(pattern.draw(number, "12:00:00.000").unwrap().to_vec()), "{number}");
        }
        assert!(!seen.insert(pattern.draw(3, "12:00:00.000").unwrap().to_vec()));
    }

    #[test]
    fn the_background_comes_back_behind_the_block() {
        let size = Size { width: 321, height: 243 };
        let mut moved = Pattern::new(size, 80).unwrap();
        (0..400).for_each(|number| drop(moved.draw(number, "moved").map(<[u8]>::len)));
        let mut fresh = Pattern::new(size, 80).unwrap();
        assert_eq!(moved.draw(7, "same").unwrap(), fresh.draw(7, "same").unwrap());
    }

    #[test]
    fn a_clock_of_any_length_or_alphabet_is_taken() {
        let mut pattern = Pattern::new(SMALLEST, 80).unwrap();
        for clock in [
            "",
            "12:00",
            "a clock that is far too long for its line",
            "ÄÖÜ\n\u{1f600}\t\0 \u{1f600}\u{1f600}\u{1f600}\u{1f600}\u{1f600}",
        ] {
            assert!(pattern.draw(1, clock).is_ok(), "{clock}");
        }
    }

    #[test]
    fn a_block_bounces() {
        let path: Vec<usize> = (0..9).map(|step| bounce(step, 4, 100)).collect();
        assert_eq!(path, [0, 25, 50, 75, 100, 75, 50, 25, 0]);
    }
}
