//! Frames at a half, a quarter or an eighth of their width and height, for those who ask for less.
//!
//! libjpeg-turbo's inverse transform makes the smaller picture at once (IDCT scaling): the larger one never exists. Planes stay
//! planes, so that grey, 4:2:0, 4:2:2 and 4:4:4 stay what they are, and nothing goes through RGB. The quality is the frame's own,
//! told by its tables, within [`WORST`] and [`BEST`].
//!
//! Milliseconds for decoding and encoding, and bytes, per cent of the frame's; a camera-like picture at quality 90 on the
//! machine this was written on (`cargo test --release --lib what_shrinking_costs -- --ignored --nocapture`).
//!
//! | of | full decode alone | 1/2 | 1/4 | 1/8 |
//! |---|---|---|---|---|
//! | 1280x720, 82 kB | 2.3 | 1.6 + 0.6, 34 % | 1.4 + 0.2, 12 % | 1.1 + 0.0, 4 % |
//! | 1920x1080, 183 kB | 5.2 | 3.5 + 1.4, 34 % | 3.2 + 0.4, 11 % | 2.6 + 0.1, 4 % |

use super::effort::{self, MOST_PIXELS};
use super::turbo::{Reader, Scale, forgive, grow, header, size_of, undone};
use super::{Error, quality};
use crate::jpeg::Size;
use turbojpeg::{Colorspace, Compressor, Subsamp, YuvImage};

/// The lowest quality: below it, what the frame has lost already would be lost again.
const WORST: u8 = 40;

/// The highest: above it the bytes grow and nobody sees it.
const BEST: u8 = 95;

/// The quality for a frame whose tables do not tell its own.
const USUAL: u8 = 80;

/// Makes frames smaller, with buffers that are kept: they grow with the frames that come.
#[derive(Debug)]
pub struct Scaler {
    reader: Reader,
    compressor: Compressor,
    planes: Vec<u8>,
    jpeg: Vec<u8>,
}

impl Scaler {
    /// One with no buffers yet.
    ///
    /// # Errors
    /// [`Error::Start`].
    pub fn new() -> Result<Self, Error> {
        let compressor = Compressor::new().map_err(Error::Start)?;
        Ok(Scaler { reader: Reader::new()?, compressor, planes: Vec::new(), jpeg: Vec::new() })
    }

    /// The same picture at `scale`, its sides rounded up, and its size.
    ///
    /// # Errors
    /// [`Error::Decode`] for what does not decode, or is truncated; [`Error::Form`] and [`Error::Colours`] for what is not decoded
    /// here; [`Error::Size`] for a picture of more than 64 megapixels (16, if it is progressive), or more than 16 at `scale`. The next frame may be tried
    /// as if nothing had happened.
    pub fn shrink(&mut self, jpeg: &[u8], scale: Scale) -> Result<(&[u8], Size), Error> {
        let (size, sampling) = self.decode(jpeg, scale)?;
        let quality = quality::of(jpeg).unwrap_or(USUAL).clamp(WORST, BEST);
        let (width, height) = (usize::from(size.width), usize::from(size.height));
        let worst = turbojpeg::compressed_buf_len(width, height, sampling).map_err(Error::Encode)?;
        grow(&mut self.jpeg, worst);
        self.compressor.set_quality(i32::from(quality)).map_err(Error::Encode)?;
        let image = YuvImage { pixels: &self.planes[..], width, align: 1, height, subsamp: sampling };
        let length = self.compressor.compress_yuv_to_slice(image, &mut self.jpeg).map_err(Error::Encode)?;
        Ok((&self.jpeg[..length], size))
    }

    /// Decodes to planes; gives their size, and how the colours are sampled.
    fn decode(&mut self, jpeg: &[u8], scale: Scale) -> Result<(Size, Subsamp), Error> {
        let Scaler { reader, planes, .. } = self;
        reader.read(jpeg, |decompressor, jpeg| {
            let header = header(decompressor, jpeg)?;
            let (whole, size) = (size_of(&header), scale.of(size_of(&header)));
            let scans = effort::allowed(jpeg, whole)?;
            if usize::from(size.width) * usize::from(size.height) > MOST_PIXELS {
                return Err(Error::Size(whole));
            }
            let is_usual = matches!(header.colorspace, Colorspace::YCbCr | Colorspace::Gray);
            if header.is_lossless || !is_usual || header.subsamp == Subsamp::Unknown {
                return Err(Error::Colours);
            }
            let (width, height) = (usize::from(size.width), usize::from(size.height));
            let subsamp = header.subsamp;
            let bytes = turbojpeg::yuv_pixels_len(width, 1, height, subsamp).map_err(Error::Decode)?;
            grow(planes, bytes);
            decompressor.set_scaling_factor(scale.factor()).map_err(Error::Decode)?;
            decompressor.set_scan_limit(scans).map_err(Error::Decode)?;
            let image = YuvImage { pixels: &mut planes[..], width, align: 1, height, subsamp };
            let decoded = decompressor.decompress_to_yuv(jpeg, image).or_else(forgive);
            decoded.map_err(|error| undone(error, scans))?;
            Ok((size, subsamp))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{camera_like, gradient};
    use super::super::turbo::{Decoder, Encoder, Rgb, Sampling};
    use super::*;
    use crate::jpeg::check;
    use turbojpeg::{Image, PixelFormat};

    const SCALES: [Scale; 3] = [Scale::HALF, Scale::QUARTER, Scale::SMALLEST];
    const SAMPLINGS: [Subsamp; 7] = [
        Subsamp::None,
        Subsamp::Sub2x1,
        Subsamp::Sub2x2,
        Subsamp::Gray,
        Subsamp::Sub1x2,
        Subsamp::Sub4x1,
        Subsamp::Sub1x4,
    ];

    fn jpeg(size: Size, sampling: Subsamp, quality: i32, progressive: bool) -> Vec<u8> {
        let (width, height) = (size.width.into(), size.height.into());
        let image =
            Image { pixels: &gradient(size)[..], width, pitch: width * 3, height, format: PixelFormat::RGB };
        let mut compressor = Compressor::new().unwrap();
        compressor.set_subsamp(sampling).unwrap();
        compressor.set_quality(quality).unwrap();
        compressor.set_progressive(progressive).unwrap();
        compressor.compress_to_vec(image).unwrap()
    }

    fn decoded(jpeg: &[u8], scale: Scale) -> (Vec<u8>, Size) {
        let mut decoder = Decoder::new().unwrap();
        let Rgb { pixels, size } = decoder.decode(jpeg, scale).unwrap();
        (pixels.to_vec(), size)
    }

    /// Peak signal to noise, in dB.
    fn likeness(a: &[u8], b: &[u8]) -> f64 {
        assert_eq!(a.len(), b.len());
        let squares: f64 = a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum();
        10.0 * (255.0 * 255.0 * a.len() as f64 / squares.max(1e-9)).log10()
    }

    #[test]
    fn every_sampling_stays_what_it_is_and_looks_like_a_direct_decode() {
        let mut scaler = Scaler::new().unwrap();
        for sampling in SAMPLINGS {
            for (width, height) in [(640, 480), (641, 479), (97, 61), (16, 16), (17, 1), (1, 1)] {
                for (scale, progressive) in
                    SCALES.into_iter().flat_map(|scale| [(scale, false), (scale, true)])
                {
                    let source = jpeg(Size { width, height }, sampling, 90, progressive);
                    let what = format!("{sampling:?} {width}x{height} {scale:?}");
                    let (small, size) = scaler.shrink(&source, scale).unwrap();
                    assert_eq!(size, scale.of(Size { width, height }), "{what}");
                    assert_eq!(check(small).map(|it| (it.bytes, it.size())), Ok((small, size)), "{what}");
                    assert_eq!(turbojpeg::read_header(small).unwrap().subsamp, sampling, "{what}");
                    let (seen, direct) = (decoded(small, Scale::FULL), decoded(&source, scale));
                    assert_eq!(seen.1, direct.1);
                    let likeness = likeness(&seen.0, &direct.0);
                    assert!(likeness > 30.0, "{what}: {likeness:.1} dB");
                }
            }
        }
    }

    #[test]
    fn the_quality_is_the_frames_own_within_limits() {
        let mut scaler = Scaler::new().unwrap();
        for (source, expected) in [(60, 60), (85, 85), (10, WORST), (100, BEST)] {
            let source = jpeg(Size { width: 64, height: 64 }, Subsamp::Sub2x1, source, false);
            let (small, _) = scaler.shrink(&source, Scale::HALF).unwrap();
            assert_eq!(quality::of(small), Some(expected));
        }
    }

    #[test]
    fn a_cameras_habits_are_forgiven() {
        let mut scaler = Scaler::new().unwrap();
        for jpeg in [
            &include_bytes!("../../tests/fixtures/jpeg/no-tables.jpg")[..],
            include_bytes!("../../tests/fixtures/jpeg/bytes-before-end.jpg"),
            include_bytes!("../../tests/fixtures/jpeg/stray-bytes.jpg"),
            include_bytes!("../../tests/fixtures/jpeg/avi1.jpg"),
            include_bytes!("../../tests/fixtures/jpeg/restarts.jpg"),
            include_bytes!("../../tests/fixtures/forms/arithmetic.jpg"),
        ] {
            scaler.shrink(jpeg, Scale::HALF).unwrap();
        }
    }

    #[test]
    fn what_cannot_be_shrunk_is_an_error_and_the_next_is_none() {
        let good = jpeg(Size { width: 97, height: 61 }, Subsamp::Sub2x2, 80, false);
        let mut scaler = Scaler::new().unwrap();
        for (jpeg, form) in [
            (&include_bytes!("../../tests/fixtures/forms/cmyk.jpg")[..], true),
            (include_bytes!("../../tests/fixtures/forms/ycck.jpg"), true),
            (include_bytes!("../../tests/fixtures/forms/12bit.jpg"), true),
            (include_bytes!("../../tests/fixtures/forms/lossless.jpg"), true),
            (&good[..good.len() / 2], false),
            (&good[..20], false),
            (b"", false),
        ] {
            let error = scaler.shrink(jpeg, Scale::QUARTER).map(|(_, size)| size).unwrap_err();
            assert!(
                matches!((&error, form), (Error::Form(_), true) | (Error::Decode(_), false)),
                "{error:?}"
            );
            scaler.shrink(&good, Scale::QUARTER).unwrap();
        }
        for cut in 0..good.len() - 2 {
            assert!(scaler.shrink(&good[..cut], Scale::HALF).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn a_huge_size_in_a_header_takes_no_memory() {
        let mut huge = jpeg(Size { width: 16, height: 16 }, Subsamp::Sub2x2, 80, false);
        let frame = huge.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
        let mut scaler = Scaler::new().unwrap();
        for side in [65_500_u16, 8_200] {
            huge[frame + 5..frame + 7].copy_from_slice(&side.to_be_bytes());
            huge[frame + 7..frame + 9].copy_from_slice(&side.to_be_bytes());
            for scale in SCALES {
                let error = scaler.shrink(&huge, scale).map(|(_, size)| size).unwrap_err();
                assert!(matches!(error, Error::Size(size) if size.width == side), "{error:?}");
            }
        }
        assert!(scaler.planes.is_empty() && scaler.jpeg.is_empty());
    }

    #[test]
    #[ignore = "a measurement, for the table above"]
    #[allow(clippy::print_stdout, reason = "figures")]
    fn what_shrinking_costs() {
        let millis = |mut work: Box<dyn FnMut() + '_>| {
            let mut all: Vec<f64> = (0..40)
                .map(|_| {
                    #[allow(clippy::disallowed_methods, reason = "a stopwatch")]
                    let begun = std::time::Instant::now();
                    work();
                    begun.elapsed().as_secs_f64() * 1000.0
                })
                .collect();
            all.sort_by(f64::total_cmp);
            all[all.len() / 4]
        };
        for (width, height) in [(1280, 720), (1920, 1080)] {
            let source = camera_like(Size { width, height }, 1);
            let (mut decoder, mut scaler) = (Decoder::new().unwrap(), Scaler::new().unwrap());
            let full = millis(Box::new(|| assert!(decoder.decode(&source, Scale::FULL).is_ok())));
            let mut line = format!("//! | {width}x{height}, {} kB | {full:.1} |", source.len() / 1000);
            for scale in SCALES {
                let decode = millis(Box::new(|| assert!(scaler.decode(&source, scale).is_ok())));
                let all = millis(Box::new(|| assert!(scaler.shrink(&source, scale).is_ok())));
                let bytes = scaler.shrink(&source, scale).unwrap().0.len() * 100 / source.len();
                line += &format!(" {decode:.1} + {:.1}, {bytes} % |", all - decode);
            }
            println!("{line}");
            let mut encoder = Encoder::new(Sampling::Half, Size { width, height }).unwrap();
            let by_rgb = millis(Box::new(|| {
                let pixels = decoder.decode(&source, Scale::HALF).unwrap();
                assert!(encoder.encode(pixels, 90).is_ok());
            }));
            println!("1/2 by way of RGB: {by_rgb:.1} ms");
        }
    }
}
