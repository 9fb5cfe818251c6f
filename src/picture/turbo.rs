//! libjpeg-turbo with buffers that are kept: pixels are packed RGB, three bytes each, rows without gaps.

use super::Error;
use super::effort::{self, MOST_PIXELS};
use crate::jpeg::{Size, huffman, markers};
use turbojpeg::{Compressor, DecompressHeader, Decompressor, Image, PixelFormat, ScalingFactor, Subsamp};

/// Bytes a pixel.
pub(super) const DEPTH: usize = 3;

/// A picture's pixels.
#[derive(Clone, Copy, Debug)]
pub struct Rgb<'a> {
    /// Width times height times three bytes; more are ignored.
    pub pixels: &'a [u8],
    /// Its size.
    pub size: Size,
}

/// How much of the colour a JPEG keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampling {
    /// 4:2:2, half of it: what UVC cameras send.
    Half,
    /// 4:2:0, a quarter of it.
    Quarter,
}

/// A picture's scale in eighths of its own width and height: 1 to 8, which are libjpeg-turbo's factors up to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale(pub(super) u8);

impl Scale {
    /// The picture as it is.
    pub const FULL: Scale = Scale(8);
    /// Half as wide and half as high.
    pub const HALF: Scale = Scale(4);
    /// A quarter of each.
    pub const QUARTER: Scale = Scale(2);
    /// An eighth of it.
    pub const SMALLEST: Scale = Scale(1);

    /// `size` at this scale, rounded up as libjpeg-turbo does.
    pub fn of(self, size: Size) -> Size {
        let side = |side: u16| (u32::from(side) * u32::from(self.0)).div_ceil(8) as u16;
        Size { width: side(size.width), height: side(size.height) }
    }

    pub(super) fn factor(self) -> ScalingFactor {
        ScalingFactor::new(usize::from(self.0), 8)
    }
}

/// Pixels to JPEG, into a buffer of its own.
#[derive(Debug)]
pub struct Encoder {
    compressor: Compressor,
    buffer: Vec<u8>,
    /// How many of the buffer's bytes are the JPEG last made.
    length: usize,
}

impl Encoder {
    /// An encoder with room for pictures up to `largest`: those need no memory later on. Larger ones make it grow.
    ///
    /// # Errors
    /// [`Error::Start`].
    pub fn new(sampling: Sampling, largest: Size) -> Result<Self, Error> {
        let mut compressor = Compressor::new().map_err(Error::Start)?;
        compressor.set_subsamp(sampling.subsamp()).map_err(Error::Start)?;
        let mut encoder = Encoder { compressor, buffer: Vec::new(), length: 0 };
        encoder.make_room(largest)?;
        Ok(encoder)
    }

    /// The JPEG of `picture` at `quality`, libjpeg's 1 to 100.
    ///
    /// # Errors
    /// [`Error::Size`] for too few pixels, [`Error::Encode`] for a quality out of range.
    pub fn encode(&mut self, picture: Rgb<'_>, quality: u8) -> Result<&[u8], Error> {
        let image = picture.image()?;
        self.make_room(picture.size)?;
        self.compressor.set_quality(i32::from(quality)).map_err(Error::Encode)?;
        self.length = self.compressor.compress_to_slice(image, &mut self.buffer).map_err(Error::Encode)?;
        Ok(self.jpeg())
    }

    /// The JPEG last made; no bytes before the first.
    pub fn jpeg(&self) -> &[u8] {
        &self.buffer[..self.length]
    }

    /// Makes the buffer as large as libjpeg-turbo says the worst picture of `size` needs. Pages never written cost
    /// nothing.
    fn make_room(&mut self, size: Size) -> Result<(), Error> {
        let worst = self.compressor.buf_len(size.width.into(), size.height.into()).map_err(Error::Encode)?;
        grow(&mut self.buffer, worst);
        Ok(())
    }
}

/// A decompressor that is as good as new after a JPEG that it failed on.
#[derive(Debug)]
pub(super) struct Reader {
    decompressor: Decompressor,
    /// It may have tables of the JPEG before, which it would take for the next one's.
    has_tables: bool,
    /// A JPEG with the end that it lacks.
    ended: Vec<u8>,
    /// A JPEG without the stray bytes in its header, of which TurboJPEG makes an error.
    tidy: Vec<u8>,
}

impl Reader {
    pub(super) fn new() -> Result<Self, Error> {
        Ok(Reader { decompressor: decompressor()?, has_tables: false, ended: Vec::new(), tidy: Vec::new() })
    }

    /// Has `read` work on the JPEG.
    ///
    /// # Errors
    /// Those of `read`; for a form of JPEG that is not decoded here [`Error::Form`].
    pub(super) fn read<T>(
        &mut self,
        jpeg: &[u8],
        read: impl FnOnce(&mut Decompressor, &[u8]) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let is_bare = huffman::tables_at(jpeg).is_some();
        if is_bare && self.has_tables {
            self.decompressor = decompressor()?;
        }
        self.has_tables = !is_bare;
        let whole = with_end(jpeg, &mut self.ended);
        let outcome = read(&mut self.decompressor, markers::without_strays(whole, &mut self.tidy));
        if outcome.is_err() {
            // tj3DecompressHeader leaves the instance in the middle of the header that it failed on (no
            // jpeg_abort_decompress in 3.1.0), and every JPEG that follows would fail as well.
            (self.decompressor, self.has_tables) = (decompressor()?, false);
        }
        outcome.map_err(|error| effort::form_first(error, jpeg))
    }
}

/// JPEG to pixels, into a buffer of its own that grows to the largest picture seen.
#[derive(Debug)]
pub struct Decoder {
    reader: Reader,
    pixels: Vec<u8>,
    size: Size,
}

impl Decoder {
    /// A decoder, with no picture in it yet.
    ///
    /// # Errors
    /// [`Error::Start`].
    pub fn new() -> Result<Self, Error> {
        Ok(Decoder { reader: Reader::new()?, pixels: Vec::new(), size: Size { width: 0, height: 0 } })
    }

    /// Decodes `jpeg` at `scale`; the work shrinks with the scale. A JPEG without Huffman tables gets the standard ones.
    ///
    /// # Errors
    /// [`Error::Decode`] for what is no JPEG, or a truncated one; [`Error::Form`] for a form of JPEG that is not decoded to
    /// RGB, or not at any scale, by libjpeg-turbo (arithmetic coding is); [`Error::Size`] for more than 16 megapixels at this
    /// scale, or 64 before; [`Error::Hollow`] and [`Error::Scans`] for what would be more work than its bytes are worth.
    pub fn decode(&mut self, jpeg: &[u8], scale: Scale) -> Result<Rgb<'_>, Error> {
        let Decoder { reader, pixels, size } = self;
        reader.read(jpeg, |decompressor, jpeg| {
            let whole = size_of(&header(decompressor, jpeg)?);
            let (scans, scaled) = (effort::allowed(jpeg, whole)?, scale.of(whole));
            make_room(pixels, scaled)?;
            *size = scaled;
            decompressor.set_scaling_factor(scale.factor()).map_err(Error::Decode)?;
            decompressor.set_scan_limit(scans).map_err(Error::Decode)?;
            let (width, height) = (usize::from(size.width), usize::from(size.height));
            let pixels = &mut pixels[..width * height * DEPTH];
            let image = Image { pixels, width, pitch: width * DEPTH, height, format: PixelFormat::RGB };
            decompressor.decompress(jpeg, image).or_else(forgive).map_err(|error| undone(error, scans))
        })?;
        Ok(self.picture())
    }

    /// The picture last decoded.
    pub fn picture(&self) -> Rgb<'_> {
        Rgb { pixels: &self.pixels, size: self.size }
    }
}

/// Why a JPEG has not been decoded that may have so many scans.
pub(super) fn undone(error: turbojpeg::Error, scans: u32) -> Error {
    if effort::is_about_scans(&error) { Error::Scans(scans) } else { Error::Decode(error) }
}

/// What TurboJPEG says of a JPEG's header.
pub(super) fn header(decompressor: &mut Decompressor, jpeg: &[u8]) -> Result<DecompressHeader, Error> {
    decompressor.read_header(jpeg).map_err(Error::Decode)
}

/// The picture's size.
pub(super) fn size_of(header: &DecompressHeader) -> Size {
    // libjpeg refuses sides beyond 65,500 (JPEG_MAX_DIMENSION), so that none is cut here.
    let side = |side: usize| u16::try_from(side).unwrap_or(u16::MAX);
    Size { width: side(header.width), height: side(header.height) }
}

fn make_room(buffer: &mut Vec<u8>, size: Size) -> Result<(), Error> {
    let pixels = usize::from(size.width) * usize::from(size.height);
    if pixels > MOST_PIXELS {
        return Err(Error::Size(size));
    }
    grow(buffer, pixels * DEPTH);
    Ok(())
}

/// Makes a buffer that is kept at least as long; what was in it is lost then.
pub(super) fn grow(buffer: &mut Vec<u8>, bytes: usize) {
    if buffer.len() < bytes {
        *buffer = vec![0; bytes];
    }
}

impl<'a> Rgb<'a> {
    fn image(self) -> Result<Image<&'a [u8]>, Error> {
        let (width, height) = (usize::from(self.size.width), usize::from(self.size.height));
        let enough = width * height > 0 && self.pixels.len() >= width * height * DEPTH;
        let image =
            Image { pixels: self.pixels, width, pitch: width * DEPTH, height, format: PixelFormat::RGB };
        if enough { Ok(image) } else { Err(Error::Size(self.size)) }
    }
}

impl Sampling {
    pub(super) fn subsamp(self) -> Subsamp {
        match self {
            Sampling::Half => Subsamp::Sub2x1,
            Sampling::Quarter => Subsamp::Sub2x2,
        }
    }
}

fn decompressor() -> Result<Decompressor, Error> {
    let mut decompressor = Decompressor::new().map_err(Error::Start)?;
    decompressor.set_fast_upsample(true).map_err(Error::Start)?;
    Ok(decompressor)
}

/// A JPEG with EOI behind it, which some cameras leave out: libjpeg warns of that, and what is cut off elsewhere is told by
/// another warning.
pub(super) fn with_end<'a>(jpeg: &'a [u8], ended: &'a mut Vec<u8>) -> &'a [u8] {
    let end = [0xff, markers::EOI];
    if jpeg.ends_with(&end) {
        return jpeg;
    }
    ended.clear();
    ended.extend_from_slice(jpeg);
    ended.extend(end);
    ended
}

/// Many UVC cameras leave a few bytes between the last block and EOI. libjpeg warns of them when the whole picture has
/// been decoded, and TurboJPEG makes an error of every warning; only its words (JWRN_EXTRANEOUS_DATA in jerror.h) tell.
pub(super) fn forgive(error: turbojpeg::Error) -> turbojpeg::Result<()> {
    match &error {
        turbojpeg::Error::TurboJpegError(words) if words.contains("extraneous bytes before marker") => Ok(()),
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::gradient;
    use super::*;
    use crate::jpeg::{Form, check};

    const SIZE: Size = Size { width: 97, height: 61 };

    fn jpeg() -> Vec<u8> {
        let pixels = gradient(SIZE);
        Encoder::new(Sampling::Half, SIZE)
            .unwrap()
            .encode(Rgb { pixels: &pixels, size: SIZE }, 80)
            .unwrap()
            .to_vec()
    }

    /// Made by libjpeg-turbo's own tools: what it decodes to RGB at a scale, and what it does not.
    #[test]
    fn forms_that_are_not_decoded_are_no_damage() {
        let usual = [
            &include_bytes!("../../tests/fixtures/forms/arithmetic.jpg")[..],
            include_bytes!("../../tests/fixtures/forms/progressive.jpg"),
            include_bytes!("../../tests/fixtures/forms/gray.jpg"),
        ];
        let foreign = [
            (&include_bytes!("../../tests/fixtures/forms/cmyk.jpg")[..], Form::Print),
            (include_bytes!("../../tests/fixtures/forms/ycck.jpg"), Form::Print),
            (include_bytes!("../../tests/fixtures/forms/12bit.jpg"), Form::Precision(12)),
            (include_bytes!("../../tests/fixtures/forms/lossless.jpg"), Form::Lossless),
        ];
        let mut decoder = Decoder::new().unwrap();
        for (jpeg, form) in foreign {
            assert!(check(jpeg).is_ok());
            let error = decoder.decode(jpeg, Scale::SMALLEST).unwrap_err();
            assert!(matches!(error, Error::Form(found) if found == form), "{form}: {error:?}");
            for jpeg in usual {
                assert_eq!(decoder.decode(jpeg, Scale::SMALLEST).unwrap().size, Size { width: 4, height: 3 });
            }
        }
        let gray = usual[2];
        let broken = [&gray[..gray.len() / 2], &[0xff, 0xd9]].concat();
        assert!(matches!(decoder.decode(&broken, Scale::SMALLEST), Err(Error::Decode(_))));
    }

    #[test]
    fn what_is_encoded_decodes_to_nearly_the_same() {
        let (jpeg, pixels) = (jpeg(), gradient(SIZE));
        let mut decoder = Decoder::new().unwrap();
        let back = decoder.decode(&jpeg, Scale::FULL).unwrap();
        assert_eq!(back.size, SIZE);
        let worst = back.pixels.iter().zip(&pixels).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(worst < Some(24), "{worst:?}");
    }

    #[test]
    fn standard_tables_are_put_in_whatever_the_frame_before_had() {
        let whole = jpeg();
        let without = without_tables(&whole);
        assert!(huffman::with_tables(&without).is_some());
        let expected = Decoder::new().unwrap().decode(&without, Scale::FULL).unwrap().pixels.to_vec();
        let mut decoder = Decoder::new().unwrap();
        decoder.decode(include_bytes!("../../tests/fixtures/forms/progressive.jpg"), Scale::FULL).unwrap();
        let picture = decoder.decode(&without, Scale::FULL).unwrap();
        assert!(picture.pixels[..expected.len()] == expected);
    }

    /// As UVC cameras send it.
    fn without_tables(jpeg: &[u8]) -> Vec<u8> {
        let mut bytes = jpeg.to_vec();
        while let Some(at) = bytes.windows(2).position(|two| two == [0xff, markers::DHT]) {
            let length = usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
            bytes.drain(at..at + 2 + length);
        }
        bytes
    }

    #[test]
    fn every_scale_decodes() {
        let jpeg = jpeg();
        let mut decoder = Decoder::new().unwrap();
        for eighths in 1..=8 {
            let scale = Scale(eighths);
            assert_eq!(decoder.decode(&jpeg, scale).unwrap().size, scale.of(SIZE));
        }
    }

    #[test]
    fn the_size_may_change_from_call_to_call() {
        let mut encoder = Encoder::new(Sampling::Quarter, SIZE).unwrap();
        for (width, height) in [(1, 1), (640, 480), (16, 16), (641, 481)] {
            let size = Size { width, height };
            let jpeg = encoder.encode(Rgb { pixels: &gradient(size), size }, 50).unwrap();
            assert_eq!(check(jpeg).map(|checked| checked.size()), Ok(size));
        }
    }

    #[test]
    fn refuses_what_it_cannot_take() {
        let mut encoder = Encoder::new(Sampling::Half, SIZE).unwrap();
        let short = Rgb { pixels: &[0; 100], size: SIZE };
        assert!(matches!(encoder.encode(short, 80), Err(Error::Size(SIZE))));
        let empty = Rgb { pixels: &[], size: Size { width: 0, height: 0 } };
        assert!(matches!(encoder.encode(empty, 80), Err(Error::Size(_))));
        assert!(matches!(
            encoder.encode(Rgb { pixels: &gradient(SIZE), size: SIZE }, 101),
            Err(Error::Encode(_))
        ));
    }

    #[test]
    fn refuses_truncated_jpegs() {
        let (jpeg, mut decoder) = (jpeg(), Decoder::new().unwrap());
        for cut in 0..jpeg.len() - 2 {
            assert!(decoder.decode(&jpeg[..cut], Scale::FULL).is_err(), "cut at {cut}");
        }
        let after = decoder.decode(&jpeg, Scale::FULL).map(|picture| picture.size);
        assert!(matches!(after, Ok(SIZE)), "{after:?}");
    }

    #[test]
    fn a_huge_size_in_a_header_takes_no_memory() {
        let mut jpeg = jpeg();
        let frame = jpeg.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
        jpeg[frame + 5..frame + 9].copy_from_slice(&[0xff, 0x00, 0xff, 0x00]);
        let size = Size { width: 0xff00, height: 0xff00 };
        let refused = Decoder::new().unwrap().decode(&jpeg, Scale::FULL).map(|_| ()).unwrap_err();
        assert!(matches!(refused, Error::Size(seen) if seen == size), "{refused}");
    }

    /// A JPEG whose header says that it has this size.
    fn claiming(mut jpeg: Vec<u8>, size: Size) -> Vec<u8> {
        let is_frame = |two: &[u8]| two == [0xff, 0xc0] || two == [0xff, 0xc2];
        let frame = jpeg.windows(2).position(is_frame).unwrap();
        let ([y1, y0], [x1, x0]) = (size.height.to_be_bytes(), size.width.to_be_bytes());
        jpeg[frame + 5..frame + 9].copy_from_slice(&[y1, y0, x1, x0]);
        jpeg
    }

    /// Memory and time are those of the bytes, not of what they claim: at an eighth 32,000 x 32,000 are 16 megapixels, and took six
    /// gigabytes on the way there.
    #[test]
    fn what_a_few_bytes_claim_is_not_believed() {
        let mut decoder = Decoder::new().unwrap();
        let mut refused = |progressive: bool, size: Size| {
            let jpeg = claiming(with_sampling(Subsamp::None, progressive), size);
            decoder.decode(&jpeg, Scale::SMALLEST).map(|_| ()).unwrap_err()
        };
        for side in [32_000, 65_500] {
            let size = Size { width: side, height: side };
            for progressive in [false, true] {
                let error = refused(progressive, size);
                assert!(matches!(error, Error::Size(seen) if seen == size) && error.is_ours(), "{error}");
            }
        }
        let size = Size { width: 8_000, height: 8_000 };
        assert!(matches!(refused(true, size), Error::Size(_)), "it would be remembered as a whole");
        let error = refused(false, size);
        assert!(matches!(error, Error::Hollow(seen) if seen == size) && !error.is_ours(), "{error}");
    }

    #[test]
    fn a_picture_of_a_thousand_scans_is_not_walked_over_a_thousand_times() {
        let jpeg = with_sampling(Subsamp::None, true);
        let last = jpeg.windows(2).rposition(|two| two == [0xff, 0xda]).unwrap();
        let (before, scan) = (&jpeg[..last], &jpeg[last..jpeg.len() - 2]);
        let mut decoder = Decoder::new().unwrap();
        let many = [before, &scan.repeat(1000), &[0xff, 0xd9]].concat();
        let error = decoder.decode(&many, Scale::SMALLEST).map(|_| ()).unwrap_err();
        assert!(matches!(error, Error::Scans(64)) && error.is_ours(), "{error:?}");
        assert!(matches!(effort::check(&many, SIZE), Err(Error::Scans(64))));
        assert!(decoder.decode(&jpeg, Scale::SMALLEST).is_ok() && effort::check(&jpeg, SIZE).is_ok());
    }

    /// The emptiest pictures that there are: all black, with tables that suit them.
    #[test]
    fn honest_pictures_are_believed_however_empty() {
        let size = Size { width: 1920, height: 1080 };
        let black = vec![0; 1920 * 1080 * DEPTH];
        let mut decoder = Decoder::new().unwrap();
        for progressive in [false, true] {
            for sampling in [Subsamp::Sub2x2, Subsamp::Gray, Subsamp::None, Subsamp::Sub4x1] {
                let mut compressor = Compressor::new().unwrap();
                compressor.set_subsamp(sampling).unwrap();
                compressor.set_optimize(true).unwrap();
                compressor.set_progressive(progressive).unwrap();
                let jpeg = compressor.compress_to_vec(Rgb { pixels: &black, size }.image().unwrap()).unwrap();
                let decoded = decoder.decode(&jpeg, Scale::SMALLEST);
                assert!(decoded.is_ok(), "{sampling:?} {progressive} {}: {decoded:?}", jpeg.len());
                assert!(effort::check(&jpeg, size).is_ok());
            }
        }
    }

    #[test]
    fn a_cameras_bytes_before_the_end_are_forgiven() {
        let jpeg = jpeg();
        let (body, end) = jpeg.split_at(jpeg.len() - 2);
        let padded = [body, &[0; 9], end].concat();
        assert!(Decoder::new().unwrap().decode(&padded, Scale::FULL).is_ok());
    }

    #[test]
    fn the_jpeg_room_takes_every_sampling_with_and_without_padding() {
        let samplings = [
            Subsamp::None,
            Subsamp::Sub2x1,
            Subsamp::Sub2x2,
            Subsamp::Gray,
            Subsamp::Sub1x2,
            Subsamp::Sub4x1,
            Subsamp::Sub1x4,
        ];
        for (sampling, progressive) in samplings.into_iter().flat_map(|s| [(s, false), (s, true)]) {
            let jpeg = with_sampling(sampling, progressive);
            assert_eq!(check(&jpeg).map(|it| (it.bytes, it.size())), Ok((&jpeg[..], SIZE)), "{sampling:?}");
            let padded = [&jpeg[..], &[0; 777]].concat();
            assert_eq!(check(&padded).map(|it| (it.bytes, it.size())), Ok((&jpeg[..], SIZE)), "{sampling:?}");
            let taken = (0..jpeg.len()).find(|cut| check(&jpeg[..*cut]).is_ok());
            assert_eq!(taken, None, "a truncated {sampling:?} is taken");
        }
    }

    fn with_sampling(sampling: Subsamp, progressive: bool) -> Vec<u8> {
        let pixels = gradient(SIZE);
        let mut compressor = Compressor::new().unwrap();
        compressor.set_subsamp(sampling).unwrap();
        compressor.set_progressive(progressive).unwrap();
        compressor.compress_to_vec(Rgb { pixels: &pixels, size: SIZE }.image().unwrap()).unwrap()
    }
}
