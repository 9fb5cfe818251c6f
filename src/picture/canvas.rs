//! Pixels to draw on.

use super::turbo::{DEPTH, Rgb};
use crate::jpeg::Size;

/// Red, green, blue.
pub(super) type Colour = [u8; DEPTH];

/// A rectangle of pixels, from its upper left corner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Area {
    /// The bytes of its pixels.
    pub(super) fn bytes(self) -> usize {
        self.width * self.height * DEPTH
    }

    /// What is left when `rim` pixels are taken off each side.
    pub(super) fn inside(self, rim: usize) -> Self {
        let shrunk = |side: usize| side.saturating_sub(2 * rim);
        Area { x: self.x + rim, y: self.y + rim, width: shrunk(self.width), height: shrunk(self.height) }
    }
}

/// A picture's pixels, row after row. What lies outside is not drawn.
#[derive(Debug)]
pub(super) struct Canvas {
    pixels: Vec<u8>,
    size: Size,
}

impl Canvas {
    /// A picture of `size`, each pixel as `paint` has it at (x, y).
    pub(super) fn painted(size: Size, paint: impl Fn(usize, usize) -> Colour) -> Self {
        let (width, height) = (usize::from(size.width), usize::from(size.height));
        let mut pixels = vec![0; width * height * DEPTH];
        for (at, pixel) in pixels.chunks_exact_mut(DEPTH).enumerate() {
            pixel.copy_from_slice(&paint(at % width, at / width));
        }
        Canvas { pixels, size }
    }

    /// The picture.
    pub(super) fn rgb(&self) -> Rgb<'_> {
        Rgb { pixels: &self.pixels, size: self.size }
    }

    /// Makes every pixel of `area` the same.
    pub(super) fn fill(&mut self, area: Area, colour: Colour) {
        for row in self.rows(area) {
            row.chunks_exact_mut(DEPTH).for_each(|pixel| pixel.copy_from_slice(&colour));
        }
    }

    /// Copies `area`, which lies inside the picture, to `kept`, which has as many bytes.
    pub(super) fn keep(&mut self, area: Area, kept: &mut [u8]) {
        let kept = kept.chunks_exact_mut(area.width * DEPTH);
        kept.zip(self.rows(area)).for_each(|(kept, row)| kept.copy_from_slice(row));
    }

    /// Puts back what [`Canvas::keep`] took from the same area.
    pub(super) fn restore(&mut self, area: Area, kept: &[u8]) {
        let kept = kept.chunks_exact(area.width * DEPTH);
        kept.zip(self.rows(area)).for_each(|(kept, row)| row.copy_from_slice(kept));
    }

    /// The rows of `area`, as far as they are inside the picture.
    fn rows(&mut self, area: Area) -> impl Iterator<Item = &mut [u8]> {
        let width = usize::from(self.size.width);
        let (left, right) = (area.x.min(width), (area.x + area.width).min(width));
        let rows = self.pixels.chunks_exact_mut(width * DEPTH).skip(area.y).take(area.height);
        rows.map(move |row| &mut row[left * DEPTH..right * DEPTH])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { width: 7, height: 5 };
    const INNER: Area = Area { x: 2, y: 1, width: 3, height: 2 };

    fn canvas() -> Canvas {
        Canvas::painted(SIZE, |x, y| [x as u8, y as u8, 9])
    }

    #[test]
    fn what_was_kept_comes_back() {
        let (mut canvas, mut kept) = (canvas(), vec![0; INNER.bytes()]);
        canvas.keep(INNER, &mut kept);
        canvas.fill(INNER, [255; 3]);
        assert_ne!(canvas.rgb().pixels, self::canvas().rgb().pixels);
        canvas.restore(INNER, &kept);
        assert_eq!(canvas.rgb().pixels, self::canvas().rgb().pixels);
    }

    #[test]
    fn only_the_area_is_filled_and_only_inside_the_picture() {
        let mut canvas = canvas();
        canvas.fill(Area { x: 5, y: 4, width: 100, height: 100 }, [255; 3]);
        canvas.fill(Area { x: 50, y: 0, width: 1, height: 1 }, [255; 3]);
        let white = canvas.rgb().pixels.chunks_exact(DEPTH).filter(|pixel| *pixel == [255; 3]).count();
        assert_eq!(white, 2);
    }
}
