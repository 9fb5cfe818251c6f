//! A recording at a glance: small pictures of it in rows, with their times.
//!
//! ```text
//! +------------------------------------------+
//! | 14-03-27.mkv  2026-11-23  1280x720  10 min |
//! | +----------+ +----------+ +----------+   |
//! | |          | |          | |          |   |
//! | +----------+ +----------+ +----------+   |
//! |  14:03:27     14:03:47     14:04:07      |
//! +------------------------------------------+
//! ```

use super::Error;
use super::canvas::{Area, Canvas, Colour};
use super::text::Type;
use super::turbo::{Encoder, Rgb, Sampling, Scale};
use crate::jpeg::Size;

/// Pictures in a row, and in all.
const COLUMNS: usize = 5;
const MOST: usize = 30;

/// Pixels that a picture should be wide at the most.
const WIDTH: u16 = 320;

/// The longest side of a picture's place: that of 64 megapixels at an eighth. What does not fit is not drawn.
const LONGEST: u16 = 1280;

const QUALITY: u8 = 85;
const MARGIN: usize = 8;
const LINE: usize = 20;
const GROUND: Colour = [24, 24, 32];
const TITLE: Colour = [230, 230, 235];
const WORDS: Colour = [170, 170, 180];
const NOTHING: Colour = [60, 24, 24];

/// The sheet.
#[derive(Debug)]
pub struct Sheet {
    canvas: Canvas,
    cell: Size,
    columns: usize,
    count: usize,
    next: usize,
}

impl Sheet {
    /// A sheet for this many pictures of a recording of `frames` frames of `size`, or for as many as there is room for.
    pub fn new(size: Size, frames: usize, title: &str) -> Self {
        let scale = (1..=8).rev().map(Scale).find(|scale| scale.of(size).width <= WIDTH);
        let scale = scale.unwrap_or(Scale::SMALLEST);
        // the size is a file's, which may claim any
        let Size { width, height } = scale.of(size);
        let cell = Size { width: width.min(LONGEST), height: height.min(LONGEST) };
        let count = frames.clamp(1, MOST);
        let columns = count.min(COLUMNS);
        let (width, height) = step(cell);
        let side = |pixels: usize| u16::try_from(pixels).unwrap_or(u16::MAX);
        let whole = Size {
            width: side(MARGIN + columns * width),
            height: side(MARGIN + LINE + count.div_ceil(columns) * height),
        };
        let mut canvas = Canvas::painted(whole, |_, _| GROUND);
        let room = usize::from(whole.width) - 2 * MARGIN;
        let text = Type::nearest(LINE - 4, 1, usize::MAX);
        let title: String = title.chars().take(room / text.width(1)).collect();
        text.write(&mut canvas, &title, MARGIN, MARGIN / 2, TITLE);
        Sheet { canvas, cell, columns, count, next: 0 }
    }

    /// How many pictures it has.
    pub fn count(&self) -> usize {
        self.count
    }

    /// What a picture of this size is to be decoded at, so that it has room; none if it has none at any scale.
    pub fn scale_of(&self, size: Size) -> Option<Scale> {
        (1..=8).rev().map(Scale).find(|scale| fits(scale.of(size), self.cell))
    }

    /// Puts the next picture on it, at its [scale](Self::scale_of), with a line below; none if there is none to be seen.
    pub fn put(&mut self, picture: Option<Rgb<'_>>, line: &str) {
        let (width, height) = step(self.cell);
        let (x, y) =
            (MARGIN + self.next % self.columns * width, MARGIN + LINE + self.next / self.columns * height);
        let area = Area { x, y, width: self.cell.width.into(), height: self.cell.height.into() };
        match picture.filter(|picture| fits(picture.size, self.cell)) {
            Some(Rgb { pixels, size }) => {
                let area = Area { width: size.width.into(), height: size.height.into(), ..area };
                self.canvas.restore(area, pixels);
            }
            None => self.canvas.fill(area, NOTHING),
        }
        let text = Type::nearest(LINE - 6, line.len(), area.width);
        text.write(&mut self.canvas, line, x, y + area.height + 2, WORDS);
        self.next += 1;
    }

    /// The sheet as a JPEG.
    ///
    /// # Errors
    /// [`Error`], should libjpeg-turbo fail.
    pub fn jpeg(&self) -> Result<Vec<u8>, Error> {
        let picture = self.canvas.rgb();
        Ok(Encoder::new(Sampling::Half, picture.size)?.encode(picture, QUALITY)?.to_vec())
    }
}

fn fits(size: Size, cell: Size) -> bool {
    size.width <= cell.width && size.height <= cell.height
}

/// Pixels from a picture to the one beside it, and below.
fn step(cell: Size) -> (usize, usize) {
    (usize::from(cell.width) + MARGIN, usize::from(cell.height) + LINE + MARGIN)
}

#[cfg(test)]
mod tests {
    use super::super::sample::gradient;
    use super::*;

    #[test]
    fn pictures_are_side_by_side_and_below_each_other() {
        let size = Size { width: 1280, height: 720 };
        let mut sheet = Sheet::new(size, 7, "a title");
        assert_eq!((sheet.count(), sheet.scale_of(size)), (7, Some(Scale(2))));
        let cell = Size { width: 320, height: 180 };
        let pixels = gradient(cell);
        (0..6).for_each(|number| {
            sheet.put(Some(Rgb { pixels: &pixels, size: cell }), &format!("picture {number}"));
        });
        sheet.put(None, "nothing");
        let whole = sheet.canvas.rgb();
        assert_eq!(whole.size, Size { width: 8 + 5 * 328, height: 28 + 2 * 208 });
        let at = |x: usize, y: usize| &whole.pixels[(y * usize::from(whole.size.width) + x) * 3..][..3];
        let second_row = 28 + 208;
        assert_eq!(at(8 + 328 + 17, 28 + 5), at(8 + 17, second_row + 5));
        assert_eq!(at(8 + 17, 28 + 5), &pixels[(5 * 320 + 17) * 3..][..3]);
        assert_eq!(at(8 + 328 + 17, second_row + 5), NOTHING);
        assert_eq!(at(8 + 2 * 328 + 17, second_row + 5), GROUND);
        let jpeg = sheet.jpeg().unwrap();
        assert_eq!(crate::jpeg::check(&jpeg).unwrap().size(), whole.size);
    }

    /// The size is what a file's head says, which may be anything.
    #[test]
    fn a_sheet_of_pictures_of_any_size_has_bounds() {
        for (width, height) in [(0, 0), (1, 1), (1, 65_535), (65_535, 1), (320, 65_535), (65_535, 65_535)] {
            let size = Size { width, height };
            let mut sheet = Sheet::new(size, usize::MAX, "a title");
            let whole = sheet.canvas.rgb().size;
            assert!(usize::from(whole.width) * usize::from(whole.height) < 64 << 20, "{size}: {whole}");
            let drawn = sheet.scale_of(size).map(|scale| scale.of(size));
            assert!(drawn.is_none_or(|drawn| drawn.width <= LONGEST && drawn.height <= LONGEST));
            (0..sheet.count()).for_each(|_| sheet.put(None, "nothing"));
        }
        let largest = Size { width: 9152, height: 6944 };
        assert_eq!(Sheet::new(largest, 30, "").scale_of(largest), Some(Scale::SMALLEST));
    }

    #[test]
    fn pictures_of_other_sizes_have_room_in_their_place() {
        let mut sheet = Sheet::new(Size { width: 640, height: 480 }, 2, "");
        let scale = |width, height| sheet.scale_of(Size { width, height });
        assert_eq!(scale(640, 480), Some(Scale(4)));
        assert_eq!(
            (scale(320, 240), scale(480, 640), scale(1920, 1080)),
            (Some(Scale(8)), Some(Scale(3)), Some(Scale(1)))
        );
        assert_eq!(scale(4000, 3000), None);
        let cell = Size { width: 180, height: 240 };
        let pixels = gradient(cell);
        sheet.put(Some(Rgb { pixels: &pixels, size: cell }), "upright");
        let whole = sheet.canvas.rgb();
        let at = |x: usize, y: usize| &whole.pixels[(y * usize::from(whole.size.width) + x) * 3..][..3];
        assert_eq!(at(8 + 17, 28 + 200), &pixels[(200 * 180 + 17) * 3..][..3]);
        assert_eq!(at(8 + 180, 28 + 200), GROUND);
    }

    #[test]
    fn small_recordings_have_small_sheets() {
        let small = Size { width: 160, height: 120 };
        let sheet = Sheet::new(small, 1, "a title that is far too long for so small a sheet");
        assert_eq!((sheet.count(), sheet.scale_of(small)), (1, Some(Scale::FULL)));
        assert_eq!(sheet.canvas.rgb().size, Size { width: 176, height: 176 });
        assert_eq!(Sheet::new(Size { width: 3840, height: 2160 }, 10_000, "").count(), 30);
    }
}
