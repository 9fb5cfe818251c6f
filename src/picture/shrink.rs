//! Frames that fit one datagram, for plain clients: decoded at a smaller scale, encoded at a lower quality.
//!
//! What may be tried, best first. The quality gives way first, down to 60, then the width; below a quarter of the width
//! there is little left to lose. The bytes are relative to the first line, and the mean of two photographs; the times
//! are milliseconds for decoding and encoding 1920x1080 (184 KB) on the machine this was written on.
//!
//! | scale | quality | bytes, per mille | 1920x1080 becomes | decode | encode |
//! |---|---|---|---|---|---|
//! | 1   | 85 | 1000 | 1920x1080 | 5.5 | 5.9 |
//! | 1   | 75 | 750 | 1920x1080 | 5.5 | 5.0 |
//! | 1   | 60 | 585 | 1920x1080 | 5.5 | 4.7 |
//! | 7/8 | 60 | 480 | 1680x945 | 9.8 | 3.5 |
//! | 3/4 | 60 | 380 | 1440x810 | 6.9 | 2.5 |
//! | 5/8 | 60 | 290 | 1200x675 | 6.2 | 1.8 |
//! | 1/2 | 60 | 195 | 960x540 | 4.0 | 1.1 |
//! | 3/8 | 60 | 120 | 720x405 | 3.7 | 0.7 |
//! | 3/8 | 45 | 100 | 720x405 | 3.7 | 0.6 |
//! | 1/4 | 60 | 62 | 480x270 | 3.3 | 0.3 |
//! | 1/4 | 45 | 52 | 480x270 | 3.3 | 0.3 |
//! | 1/4 | 30 | 42 | 480x270 | 3.3 | 0.3 |
//! | 1/8 | 60 | 22 | 240x135 | 2.6 | 0.1 |
//! | 1/8 | 30 | 16 | 240x135 | 2.6 | 0.1 |
//!
//! The line that fitted last is tried first, so that a steady stream costs one decode and one encode a frame.

use super::Error;
use super::turbo::{Decoder, Encoder, Sampling, Scale};
use crate::jpeg::Size;

/// A line of the table.
#[derive(Clone, Copy, Debug)]
struct Rung {
    scale: Scale,
    quality: u8,
    /// Bytes, relative to the other rungs.
    cost: usize,
}

/// The table in the module's documentation, line for line.
const LADDER: [Rung; 14] = [
    rung(8, 85, 1000),
    rung(8, 75, 750),
    rung(8, 60, 585),
    rung(7, 60, 480),
    rung(6, 60, 380),
    rung(5, 60, 290),
    rung(4, 60, 195),
    rung(3, 60, 120),
    rung(3, 45, 100),
    rung(2, 60, 62),
    rung(2, 45, 52),
    rung(2, 30, 42),
    rung(1, 60, 22),
    rung(1, 30, 16),
];
const LAST: usize = LADDER.len() - 1;
/// How often one frame is encoded at most; the last time on the ladder's last rung.
const TRIES: usize = 4;
/// A rung is thought to fit if its predicted bytes are at most this part of the limit, in percent: predictions err.
const MARGIN: usize = 85;
/// Frames in a row that would have fitted one rung higher before that is tried: one second at 30 frames a second.
const PATIENCE: u32 = 30;

const fn rung(eighths: u8, quality: u8, cost: usize) -> Rung {
    Rung { scale: Scale(eighths), quality, cost }
}

/// Makes frames fit a limit of bytes.
#[derive(Debug)]
pub struct Shrink {
    limit: usize,
    decoder: Decoder,
    encoder: Encoder,
    /// The scale at which the decoder holds the frame in hand.
    decoded: Option<Scale>,
    /// The rung to try first; `None` before the first frame.
    start: Option<usize>,
    /// Frames in a row that would have fitted one rung higher.
    roomy: u32,
}

impl Shrink {
    /// For JPEGs of at most `limit` bytes. Buffers grow with the frames that come and are kept.
    ///
    /// # Errors
    /// [`Error::Start`].
    pub fn new(limit: usize) -> Result<Self, Error> {
        let encoder = Encoder::new(Sampling::Quarter, Size { width: 1, height: 1 })?;
        Ok(Shrink { limit, decoder: Decoder::new()?, encoder, decoded: None, start: None, roomy: 0 })
    }

    /// The same picture in at most `limit` bytes, in 4:2:0 and of the same shape. At most four decodes and encodes.
    ///
    /// Meant for JPEGs above the limit: one below it is encoded again all the same.
    ///
    /// # Errors
    /// [`Error::Decode`] for what does not decode, or is truncated, [`Error::Size`] for a picture too large to decode,
    /// [`Error::TooBig`] if even the smallest does not fit. The next frame may be tried as if nothing had happened.
    pub fn shrink(&mut self, jpeg: &[u8]) -> Result<&[u8], Error> {
        self.decoded = None;
        let mut rung = self.start.unwrap_or_else(|| best_fit(0, jpeg.len(), 0, self.limit));
        for left in (0..TRIES).rev() {
            let length = self.attempt(jpeg, LADDER[rung])?;
            if length <= self.limit {
                self.settle(rung, length);
                return Ok(self.encoder.jpeg());
            }
            rung = if left == 1 { LAST } else { best_fit(rung, length, rung + 1, self.limit) };
        }
        Err(Error::TooBig { limit: self.limit })
    }

    /// Encodes as `rung` says and gives the bytes it took. Decodes only if the scale is another than before.
    fn attempt(&mut self, jpeg: &[u8], rung: Rung) -> Result<usize, Error> {
        if self.decoded != Some(rung.scale) {
            self.decoded = None;
            self.decoder.decode(jpeg, rung.scale)?;
            self.decoded = Some(rung.scale);
        }
        Ok(self.encoder.encode(self.decoder.picture(), rung.quality)?.len())
    }

    /// Remembers that a frame took `length` bytes on `rung`, and whether the next should try one higher.
    fn settle(&mut self, rung: usize, length: usize) {
        let higher = rung.saturating_sub(1);
        let room = higher < rung && fits(predicted(length, rung, higher), self.limit);
        self.roomy = if room { self.roomy + 1 } else { 0 };
        let climb = self.roomy >= PATIENCE;
        self.start = Some(if climb { higher } else { rung });
        self.roomy = if climb { 0 } else { self.roomy };
    }
}

/// The bytes on rung `to` of a picture that takes `length` on rung `from`.
fn predicted(length: usize, from: usize, to: usize) -> usize {
    length.saturating_mul(LADDER[to].cost) / LADDER[from].cost
}

fn fits(length: usize, limit: usize) -> bool {
    length <= limit.saturating_mul(MARGIN) / 100
}

/// The first rung, of those from `first`, on which a picture that takes `length` on rung `from` should fit.
fn best_fit(from: usize, length: usize, first: usize, limit: usize) -> usize {
    (first..LAST).find(|rung| fits(predicted(length, from, *rung), limit)).unwrap_or(LAST)
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::jpeg::check;

    const HD: Size = Size { width: 1920, height: 1080 };
    /// The most bytes that a UDP datagram over IPv4 carries: 65,535 less the IP and UDP headers.
    const DATAGRAM: usize = 65_507;

    fn shrunk(shrink: &mut Shrink, jpeg: &[u8]) -> (usize, Size) {
        let small = shrink.shrink(jpeg).unwrap().to_vec();
        assert!(small.len() <= shrink.limit);
        let size = Decoder::new().unwrap().decode(&small, Scale::FULL).unwrap().size;
        assert_eq!(check(&small).map(|checked| checked.size()), Ok(size));
        (small.len(), size)
    }

    #[test]
    fn the_ladder_goes_down() {
        assert!(LADDER.windows(2).all(|two| two[0].cost > two[1].cost && two[0].scale.0 >= two[1].scale.0));
    }

    #[test]
    fn noise_and_a_cameras_picture_fit_and_keep_their_shape() {
        for jpeg in [sample::noise(HD), sample::camera_like(HD, 1)] {
            assert!(jpeg.len() > DATAGRAM);
            let (_, size) = shrunk(&mut Shrink::new(DATAGRAM).unwrap(), &jpeg);
            assert_eq!(u32::from(size.width) * 9, u32::from(size.height) * 16, "{size}");
        }
    }

    #[test]
    fn a_steady_stream_settles_high_and_seldom_tries_twice() {
        let (small, limit) = (Size { width: 640, height: 360 }, DATAGRAM / 9);
        for jpeg in [sample::noise(small), sample::camera_like(small, 2)] {
            let mut shrink = Shrink::new(limit).unwrap();
            (0..PATIENCE * 6).for_each(|_| drop(shrink.shrink(&jpeg).map(<[u8]>::len)));
            let mut frame = || (shrunk(&mut shrink, &jpeg).0, shrink.start);
            let frames: Vec<_> = (0..PATIENCE).map(|_| frame()).collect();
            assert!(frames.iter().all(|(length, _)| *length > limit / 2), "{frames:?}");
            let changes = frames.windows(2).filter(|two| two[0].1 != two[1].1).count();
            assert!(changes <= 2, "{frames:?}");
        }
    }

    #[test]
    fn a_picture_a_little_too_large_keeps_its_width() {
        let size = Size { width: 1280, height: 720 };
        let jpeg = sample::camera_like(size, 3);
        let mut shrink = Shrink::new(jpeg.len() * 3 / 4).unwrap();
        assert_eq!(shrunk(&mut shrink, &jpeg).1, size);
    }

    #[test]
    fn a_sudden_change_for_the_worse_still_fits() {
        let (easy, hard) = (sample::camera_like(HD, 4), sample::noise(HD));
        let mut shrink = Shrink::new(DATAGRAM).unwrap();
        (0..10).for_each(|_| drop(shrink.shrink(&easy).map(<[u8]>::len)));
        shrunk(&mut shrink, &hard);
        shrunk(&mut shrink, &easy);
    }

    #[test]
    fn odd_sizes_fit() {
        let size = Size { width: 1283, height: 721 };
        let (_, small) = shrunk(&mut Shrink::new(40_000).unwrap(), &sample::noise(size));
        let scale = (1..=8).map(Scale).find(|scale| scale.of(size) == small);
        assert!(scale.is_some(), "{small}");
    }

    #[test]
    fn what_cannot_fit_is_an_error() {
        let refused = Shrink::new(1000).unwrap().shrink(&sample::noise(HD)).map(<[u8]>::len);
        assert!(matches!(refused, Err(Error::TooBig { limit: 1000 })), "{refused:?}");
    }

    #[test]
    fn a_broken_frame_is_an_error_and_the_next_is_none() {
        let jpeg = sample::camera_like(Size { width: 320, height: 240 }, 5);
        let mut shrink = Shrink::new(10_000).unwrap();
        let step = jpeg.len() / 60;
        for cut in (0..jpeg.len() - 2).step_by(step).chain((0..700).step_by(7)) {
            let refused = shrink.shrink(&jpeg[..cut]).map(<[u8]>::len);
            assert!(matches!(refused, Err(Error::Decode(_) | Error::Hollow(_))), "cut at {cut}: {refused:?}");
            shrunk(&mut shrink, &jpeg);
        }
    }
}
