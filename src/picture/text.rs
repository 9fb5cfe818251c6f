//! Text large enough to read from across the room: a fixed-width bitmap font, each of its pixels drawn as a square.

use super::canvas::{Area, Canvas, Colour};
use embedded_graphics::Drawable;
use embedded_graphics::Pixel;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Point, Size};
use embedded_graphics::mono_font::ascii::{FONT_6X10, FONT_9X15_BOLD, FONT_10X20};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::text::{Baseline, Text};
use std::convert::Infallible;

/// The finest first: of two that come as near to the height wanted, it is taken.
const FONTS: [&MonoFont<'static>; 3] = [&FONT_10X20, &FONT_9X15_BOLD, &FONT_6X10];

/// A font and how many pixels wide and high each of its own becomes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Type {
    font: &'static MonoFont<'static>,
    scale: usize,
}

impl Type {
    /// The type nearest to `height` pixels of which `columns` characters are at most `width` pixels wide; the smallest
    /// there is, if none is.
    pub(super) fn nearest(height: usize, columns: usize, width: usize) -> Self {
        let scales = 1..=height.max(1);
        let all = scales.flat_map(|scale| FONTS.map(|font| Type { font, scale }));
        let narrow = all.filter(|kind| kind.width(columns) <= width);
        narrow
            .min_by_key(|kind| kind.height().abs_diff(height))
            .unwrap_or(Type { font: &FONT_6X10, scale: 1 })
    }

    /// Pixels that `columns` characters are wide.
    pub(super) fn width(self, columns: usize) -> usize {
        self.font.character_size.width as usize * self.scale * columns
    }

    /// Pixels from a line's top to its bottom.
    pub(super) fn height(self) -> usize {
        self.font.character_size.height as usize * self.scale
    }

    /// Writes one line with its upper left corner at (`x`, `y`).
    pub(super) fn write(self, canvas: &mut Canvas, text: &str, x: usize, y: usize, colour: Colour) {
        let style = MonoTextStyle::new(self.font, Rgb888::new(colour[0], colour[1], colour[2]));
        let mut target = Enlarged { canvas, x, y, scale: self.scale };
        let Ok(_) = Text::with_baseline(text, Point::zero(), style, Baseline::Top).draw(&mut target);
    }
}

/// A part of a canvas whose pixels are squares of `scale` by `scale`.
struct Enlarged<'a> {
    canvas: &'a mut Canvas,
    x: usize,
    y: usize,
    scale: usize,
}

impl OriginDimensions for Enlarged<'_> {
    /// Everything that could be drawn on: the canvas itself leaves out what is outside.
    fn size(&self) -> Size {
        Size::new(u32::from(u16::MAX), u32::from(u16::MAX))
    }
}

impl DrawTarget for Enlarged<'_> {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(at, colour) in pixels {
            if let (Ok(x), Ok(y)) = (usize::try_from(at.x), usize::try_from(at.y)) {
                let (x, y) = (self.x + x * self.scale, self.y + y * self.scale);
                let square = Area { x, y, width: self.scale, height: self.scale };
                self.canvas.fill(square, [colour.r(), colour.g(), colour.b()]);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_nearest_height_that_is_not_too_wide() {
        let size = |kind: Type| (kind.width(1), kind.height());
        assert_eq!(size(Type::nearest(90, 12, 1280)), (54, 90));
        assert_eq!(size(Type::nearest(60, 12, 640)), (30, 60));
        assert_eq!(size(Type::nearest(60, 12, 200)), (10, 20));
        assert_eq!(size(Type::nearest(60, 12, 1)), (6, 10));
    }

    #[test]
    fn each_pixel_of_the_font_is_a_square() {
        let drawn = |scale| {
            let size = crate::jpeg::Size { width: 100, height: 100 };
            let mut canvas = Canvas::painted(size, |_, _| [0; 3]);
            Type { font: &FONT_6X10, scale }.write(&mut canvas, "8", 3, 5, [255; 3]);
            canvas.rgb().pixels.iter().filter(|byte| **byte == 255).count()
        };
        assert!(drawn(1) > 20);
        assert_eq!(drawn(4), drawn(1) * 16);
    }
}
