//! A JPEG with the standard Huffman tables in place of its own: the same coefficients, written in another way. Nothing is lost, and
//! no pixel changes.

use super::Error;
use super::effort;
use super::turbo::{forgive, grow, size_of, with_end};
use crate::jpeg::{Form, Size, markers};
use turbojpeg::{OutputBuf, Subsamp, Transform, Transformer};

/// Does so, with buffers that are kept.
#[derive(Debug)]
pub struct Recoder {
    transformer: Transformer,
    how: Transform,
    ended: Vec<u8>,
    tidy: Vec<u8>,
    jpeg: Vec<u8>,
}

impl Recoder {
    /// One with no buffers yet.
    ///
    /// # Errors
    /// [`Error::Start`].
    pub fn new() -> Result<Self, Error> {
        // whose defaults are the standard tables, and no operation
        let mut how = Transform::default();
        how.copy_none = true;
        Ok(Recoder {
            transformer: transformer()?,
            how,
            ended: Vec::new(),
            tidy: Vec::new(),
            jpeg: Vec::new(),
        })
    }

    /// The same picture with the standard tables, and its size. What is beside the picture (Exif) is left out.
    ///
    /// # Errors
    /// [`Error::Decode`] for what cannot be read, [`Error::Form`] for a form that is not read here, [`Error::Size`] for more than 16
    /// megapixels: its coefficients take six bytes a pixel meanwhile. The next one may be tried as if nothing had happened.
    pub fn recode(&mut self, jpeg: &[u8]) -> Result<(&[u8], Size), Error> {
        let jpeg = markers::without_strays(with_end(jpeg, &mut self.ended), &mut self.tidy);
        let size = size_of(&turbojpeg::read_header(jpeg).map_err(|error| undone(error, jpeg))?);
        let (width, height) = (usize::from(size.width), usize::from(size.height));
        if width * height > effort::MOST_PIXELS {
            return Err(Error::Size(size));
        }
        effort::check(jpeg, size)?;
        let worst = turbojpeg::compressed_buf_len(width, height, Subsamp::None).map_err(Error::Encode)?;
        grow(&mut self.jpeg, worst);
        let mut made = OutputBuf::borrowed(&mut self.jpeg);
        let outcome = self.transformer.transform(&self.how, jpeg, &mut made).or_else(forgive);
        let length = made.len();
        drop(made);
        if outcome.is_err() {
            // it may be left in the middle of what it failed on
            self.transformer = transformer()?;
        }
        outcome.map_err(|error| undone(error, jpeg))?;
        Ok((&self.jpeg[..length], size))
    }
}

fn undone(error: turbojpeg::Error, jpeg: &[u8]) -> Error {
    Form::of(jpeg).map_or(Error::Decode(error), Error::Form)
}

fn transformer() -> Result<Transformer, Error> {
    Transformer::new().map_err(Error::Start)
}

#[cfg(test)]
mod tests {
    use super::super::sample::camera_like;
    use super::super::turbo::{Decoder, Rgb, Scale};
    use super::*;
    use crate::jpeg::check;
    use turbojpeg::{Image, PixelFormat};

    /// With tables of its own, as an encoder writes them that looks twice.
    fn optimised(width: u16, height: u16, sampling: Subsamp, progressive: bool) -> Vec<u8> {
        let camera = camera_like(Size { width, height }, 1);
        let mut decoder = Decoder::new().unwrap();
        let Rgb { pixels, .. } = decoder.decode(&camera, Scale::FULL).unwrap();
        let (width, height) = (usize::from(width), usize::from(height));
        let image = Image { pixels, width, pitch: width * 3, height, format: PixelFormat::RGB };
        let jpeg = turbojpeg::compress(image, 85, sampling).unwrap();
        let mut how = Transform::default();
        (how.optimize, how.progressive) = (!progressive, progressive);
        turbojpeg::transform(&how, &jpeg).unwrap().to_vec()
    }

    fn pixels(jpeg: &[u8]) -> Vec<u8> {
        Decoder::new().unwrap().decode(jpeg, Scale::FULL).unwrap().pixels.to_vec()
    }

    #[test]
    fn tables_of_its_own_become_the_standard_ones_and_no_pixel_changes() {
        let mut recoder = Recoder::new().unwrap();
        for (width, height) in [(640, 480), (176, 144), (40, 24)] {
            for sampling in [Subsamp::Sub2x1, Subsamp::Sub2x2, Subsamp::None, Subsamp::Gray] {
                for progressive in [false, true] {
                    let jpeg = optimised(width, height, sampling, progressive);
                    assert!(check(&jpeg).unwrap().facts.has_own_huffman, "{width} {sampling:?}");
                    let (standard, size) = recoder.recode(&jpeg).unwrap();
                    let facts = check(standard).unwrap().facts;
                    assert_eq!((facts.has_own_huffman, facts.size), (false, size));
                    assert_eq!(size, Size { width, height });
                    assert!(pixels(standard) == pixels(&jpeg), "{width} {sampling:?} {progressive}");
                }
            }
        }
    }

    #[test]
    fn what_cameras_leave_out_or_put_in_at_the_end_does_no_harm() {
        let mut recoder = Recoder::new().unwrap();
        let jpeg = optimised(160, 120, Subsamp::Sub2x2, false);
        let without_end = &jpeg[..jpeg.len() - 2];
        let with_more = [without_end, &[0; 5], &[0xff, 0xd9]].concat();
        for odd in [without_end, &with_more] {
            let (standard, _) = recoder.recode(odd).unwrap();
            assert!(pixels(standard) == pixels(&jpeg));
        }
        assert!(recoder.recode(&jpeg[..jpeg.len() * 3 / 4]).is_err(), "cut off elsewhere");
    }

    #[test]
    fn what_cannot_be_read_is_an_error_and_the_next_one_is_none() {
        let mut recoder = Recoder::new().unwrap();
        let jpeg = optimised(160, 120, Subsamp::Sub2x2, false);
        for cut in [0, 2, 20, jpeg.len() / 4] {
            let _ = recoder.recode(&jpeg[..cut]);
        }
        assert!(matches!(recoder.recode(b"nothing"), Err(Error::Decode(_))));
        let mut huge = jpeg.clone();
        let at = huge.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap() + 5;
        huge[at..at + 4].copy_from_slice(&[0xff, 0xdc, 0xff, 0xdc]);
        assert!(matches!(recoder.recode(&huge), Err(Error::Size(_))));
        assert!(recoder.recode(&jpeg).is_ok());
    }
}
