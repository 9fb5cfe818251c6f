//! Picture sizes as drivers offer them, and which of them comes nearest to a wanted. No system calls here.

use std::fmt;
use std::ops::RangeInclusive;

use super::super::Rate;

/// Width and height in pixels, as drivers count them.
pub(super) type Pixels = (u32, u32);

/// Sizes in pixels, as a driver offers them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sizes {
    /// Just this one.
    One { width: u32, height: u32 },
    /// Any in between, by these steps from the least.
    Range { width: RangeInclusive<u32>, height: RangeInclusive<u32>, steps: Pixels },
}

impl Sizes {
    pub(super) fn contains(&self, size: Pixels) -> bool {
        self.nearest(size) == size
    }

    pub(super) fn largest(&self) -> Pixels {
        self.nearest((u32::MAX, u32::MAX))
    }

    /// The size of these that comes nearest: each side by itself, as drivers do it.
    pub(super) fn nearest(&self, (width, height): Pixels) -> Pixels {
        match self {
            Sizes::One { width, height } => (*width, *height),
            Sizes::Range { width: w, height: h, steps } => {
                (clamp(width, w, steps.0), clamp(height, h, steps.1))
            }
        }
    }
}

/// The nearest of the range's steps; a driver's range that is none holds its start only.
fn clamp(side: u32, range: &RangeInclusive<u32>, step: u32) -> u32 {
    let (least, most) = (*range.start(), (*range.end()).max(*range.start()));
    let (step, above) = (step.max(1), side.clamp(least, most) - least);
    let steps = (above / step + u32::from(above % step > step / 2)).min((most - least) / step);
    least + steps * step
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Sizes::One { width, height } => write!(f, "{width}x{height}"),
            Sizes::Range { width: w, height: h, .. } => {
                write!(f, "{}x{} to {}x{}", w.start(), h.start(), w.end(), h.end())
            }
        }
    }
}

/// Of the sizes offered the one most like `wanted`; `None` if none is offered.
pub(super) fn nearest(wanted: Pixels, offered: &[Sizes]) -> Option<Pixels> {
    let candidates = offered.iter().map(|sizes| sizes.nearest(wanted)).filter(|(w, h)| *w > 0 && *h > 0);
    candidates.min_by(|a, b| unlikeness(wanted, *a).total_cmp(&unlikeness(wanted, *b)))
}

/// How much two sizes differ in area, and, which is seen more, in shape: 0 is not at all. A doubled area counts as much
/// as a shape that is wider by 41 %.
fn unlikeness(a: Pixels, b: Pixels) -> f64 {
    let sides = |(width, height): Pixels| (f64::from(width.max(1)), f64::from(height.max(1)));
    let ((aw, ah), (bw, bh)) = (sides(a), sides(b));
    let area = (aw * ah / (bw * bh)).ln().abs();
    let shape = (aw / ah / (bw / bh)).ln().abs();
    area + 2.0 * shape
}

/// Frame rates, as a driver offers them for a size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rates {
    /// Just this one.
    One(Rate),
    /// Any from the slowest to the fastest.
    Range(Rate, Rate),
}

impl fmt::Display for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rates::One(rate) => rate.fmt(f),
            Rates::Range(slowest, fastest) => write!(f, "{slowest} to {fastest}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(width: u32, height: u32) -> Sizes {
        Sizes::One { width, height }
    }

    fn range(width: RangeInclusive<u32>, height: RangeInclusive<u32>, steps: Pixels) -> Sizes {
        Sizes::Range { width, height, steps }
    }

    #[test]
    fn a_size_that_is_offered_is_taken() {
        let offered = [one(1920, 1080), one(1280, 720), one(640, 480)];
        for size in [(1920, 1080), (1280, 720), (640, 480)] {
            assert_eq!(nearest(size, &offered), Some(size));
        }
        assert_eq!(nearest((640, 480), &[]), None);
        assert_eq!(nearest((640, 480), &[one(0, 0)]), None);
    }

    #[test]
    fn the_shape_counts_more_than_the_area() {
        let offered = [one(1920, 1080), one(1280, 720), one(800, 600), one(640, 480), one(640, 360)];
        assert_eq!(nearest((1024, 768), &offered), Some((800, 600)));
        assert_eq!(nearest((1024, 576), &offered), Some((1280, 720)));
        assert_eq!(nearest((4096, 2160), &offered), Some((1920, 1080)));
        assert_eq!(nearest((1, 1), &offered), Some((640, 480)));
    }

    #[test]
    fn of_two_alike_the_first_offered_is_taken() {
        assert_eq!(nearest((100, 100), &[one(200, 100), one(100, 200)]), Some((200, 100)));
    }

    #[test]
    fn ranges_clamp_to_their_steps() {
        let sizes = range(48..=1296, 32..=732, (16, 4));
        assert_eq!(sizes.nearest((1280, 720)), (1280, 720));
        assert_eq!(sizes.nearest((4096, 4096)), (1296, 732));
        assert_eq!(sizes.nearest((1, 1)), (48, 32));
        assert_eq!(sizes.nearest((100, 101)), (96, 100));
        assert_eq!(sizes.nearest((57, 32)), (64, 32));
        assert!(sizes.contains((96, 100)) && !sizes.contains((97, 100)));
        assert_eq!(range(10..=25, 10..=25, (10, 10)).largest(), (20, 20));
    }

    #[test]
    fn nonsense_from_a_driver_does_no_harm() {
        let reversed = RangeInclusive::new(100, 50);
        assert_eq!(range(reversed, 0..=u32::MAX, (0, u32::MAX)).nearest((70, 70)), (100, 0));
        assert_eq!(range(0..=u32::MAX, 0..=u32::MAX, (1, 1)).largest(), (u32::MAX, u32::MAX));
    }
}
