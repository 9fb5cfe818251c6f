//! What a camera without MJPEG gives, made JPEGs. The chroma stays as it is, 4:2:2 or 4:2:0; there is no way through RGB.
//!
//! Layouts are those of the kernel's documentation (userspace-api/media/v4l, "YUV formats").

use super::Error;
use super::effort::MOST_PIXELS;
use super::turbo::Sampling;
use crate::jpeg::Size;
use turbojpeg::{Compressor, YuvPlanesImage};

/// The most bytes of a picture, padding included: a stride that asks for more is no stride.
const MOST_BYTES: u64 = 1 << 28;

/// How uncompressed pixels lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Packed 4:2:2: Y0 Cb Y1 Cr for every two pixels. Also called YUY2.
    Yuyv,
    /// 4:2:0: a plane of Y, then one of Cb and Cr in turns.
    Nv12,
    /// 4:2:0: a plane of Y, one of Cb, one of Cr. Also called I420.
    Yu12,
}

/// How uncompressed pictures of one stream lie in memory. Made by [`RawFormat::new`] only, so that its numbers agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawFormat {
    layout: Layout,
    size: Size,
    /// Bytes from one row of the first plane to the next.
    stride: usize,
    /// Black is 0 and white 255, as in a JPEG; else they are 16 and 235 (BT.601).
    is_full_range: bool,
}

impl RawFormat {
    /// A format with rows of `stride` bytes; zero stands for rows without padding.
    ///
    /// `None` if rows do not fit the stride, or the picture is larger than 16 megapixels or 256 MiB.
    pub fn new(layout: Layout, size: Size, stride: u32, is_full_range: bool) -> Option<Self> {
        let width = usize::from(size.width);
        let shortest = match layout {
            Layout::Yuyv => width.div_ceil(2) * 4,
            Layout::Nv12 => width.div_ceil(2) * 2,
            Layout::Yu12 => width,
        };
        let stride = if stride == 0 { shortest } else { usize::try_from(stride).ok()? };
        let pixels = width * usize::from(size.height);
        // 4:2:0 has half as much again behind the first plane
        let most = stride as u64 * (u64::from(size.height) + 1) * 3 / 2;
        let is_sane = stride >= shortest && (1..=MOST_PIXELS).contains(&pixels) && most <= MOST_BYTES;
        is_sane.then_some(RawFormat { layout, size, stride, is_full_range })
    }

    /// The picture's size.
    pub fn size(&self) -> Size {
        self.size
    }

    /// The fewest bytes that hold a whole picture.
    pub fn bytes(&self) -> usize {
        let (rows, chroma_rows) = (usize::from(self.size.height), self.chroma_rows());
        let chroma = self.chroma_width();
        match self.layout {
            Layout::Yuyv => self.stride * (rows - 1) + chroma * 4,
            Layout::Nv12 => self.stride * (rows + chroma_rows - 1) + chroma * 2,
            Layout::Yu12 => self.stride * rows + self.half_stride() * (2 * chroma_rows - 1) + chroma,
        }
    }

    fn half_stride(&self) -> usize {
        self.stride.div_ceil(2)
    }

    fn chroma_width(&self) -> usize {
        usize::from(self.size.width).div_ceil(2)
    }

    fn chroma_rows(&self) -> usize {
        let rows = usize::from(self.size.height);
        if self.layout == Layout::Yuyv { rows } else { rows.div_ceil(2) }
    }

    fn sampling(&self) -> Sampling {
        if self.layout == Layout::Yuyv { Sampling::Half } else { Sampling::Quarter }
    }
}

/// Uncompressed pictures to JPEGs, with buffers that are kept: nothing is allocated a picture.
#[derive(Debug)]
pub struct RawEncoder {
    format: RawFormat,
    compressor: Compressor,
    /// Y, twice as wide as the chroma, and in 4:2:0 twice as high: an odd picture's last column and row stand there twice.
    luma: Vec<u8>,
    /// Cb and Cr.
    chroma: [Vec<u8>; 2],
    jpeg: Vec<u8>,
}

impl RawEncoder {
    /// What libjpeg-turbo is asked for without a wish: at 720p some 100 kB.
    pub const QUALITY: u8 = 80;

    /// An encoder for pictures of `format`, at libjpeg's `quality` of 1 to 100.
    ///
    /// # Errors
    /// [`Error::Start`], also for a quality out of range.
    pub fn new(format: RawFormat, quality: u8) -> Result<Self, Error> {
        let mut compressor = Compressor::new().map_err(Error::Start)?;
        compressor.set_quality(i32::from(quality)).map_err(Error::Start)?;
        compressor.set_subsamp(format.sampling().subsamp()).map_err(Error::Start)?;
        let Size { width, height } = format.size;
        let worst = compressor.buf_len(width.into(), height.into()).map_err(Error::Start)?;
        let (chroma_width, chroma_rows) = (format.chroma_width(), format.chroma_rows());
        let rows = if format.layout == Layout::Yuyv { chroma_rows } else { 2 * chroma_rows };
        let chroma = vec![0; chroma_width * chroma_rows];
        Ok(RawEncoder {
            format,
            compressor,
            luma: vec![0; 2 * chroma_width * rows],
            chroma: [chroma.clone(), chroma],
            jpeg: vec![0; worst],
        })
    }

    /// What it takes.
    pub fn format(&self) -> RawFormat {
        self.format
    }

    /// The JPEG of the picture in `bytes`; more of them than [`RawFormat::bytes`] are ignored.
    ///
    /// # Errors
    /// [`Error::Size`] for too few bytes, [`Error::Encode`] if libjpeg-turbo refuses.
    pub fn encode(&mut self, bytes: &[u8]) -> Result<&[u8], Error> {
        let format = self.format;
        if bytes.len() < format.bytes() {
            return Err(Error::Size(format.size));
        }
        match format.layout {
            Layout::Yuyv => self.take_packed(bytes),
            Layout::Nv12 | Layout::Yu12 => self.take_planes(bytes),
        }
        let width = format.chroma_width();
        let image = YuvPlanesImage {
            y_plane: &self.luma[..],
            u_plane: &self.chroma[0][..],
            v_plane: &self.chroma[1][..],
            width: format.size.width.into(),
            height: format.size.height.into(),
            y_stride: 2 * width,
            u_stride: width,
            v_stride: width,
            subsamp: format.sampling().subsamp(),
        };
        let made = self.compressor.compress_yuv_planes_to_slice(&image, &mut self.jpeg);
        let length = made.map_err(Error::Encode)?;
        Ok(&self.jpeg[..length])
    }

    fn take_packed(&mut self, bytes: &[u8]) {
        let (width, is_full) = (self.format.chroma_width(), self.format.is_full_range);
        let [blue, red] = &mut self.chroma;
        let chroma = blue.chunks_exact_mut(width).zip(red.chunks_exact_mut(width));
        let planes = self.luma.chunks_exact_mut(2 * width).zip(chroma);
        for (row, (luma, (blue, red))) in bytes.chunks(self.format.stride).zip(planes) {
            let pixels = row.chunks_exact(4).zip(luma.chunks_exact_mut(2)).zip(blue).zip(red);
            for (((four, luma), blue), red) in pixels {
                (luma[0], luma[1]) = (four[0], four[2]);
                (*blue, *red) = (four[1], four[3]);
            }
        }
        if !is_full {
            self.luma.iter_mut().for_each(|y| *y = widen_luma(*y));
            self.chroma.iter_mut().flatten().for_each(|c| *c = widen_chroma(*c));
        }
    }

    fn take_planes(&mut self, bytes: &[u8]) {
        let RawFormat { layout, size, stride, is_full_range } = self.format;
        let (rows, width) = (usize::from(size.height), self.format.chroma_width());
        let (luma, rest) = bytes.split_at(stride * rows);
        for (from, to) in luma.chunks_exact(stride).zip(self.luma.chunks_exact_mut(2 * width)) {
            copy(&from[..usize::from(size.width)], to, is_full_range, widen_luma);
        }
        // an odd picture's last row again
        if rows % 2 == 1 {
            self.luma.copy_within((rows - 1) * 2 * width..rows * 2 * width, rows * 2 * width);
        }
        let [blue, red] = &mut self.chroma;
        if layout == Layout::Nv12 {
            let planes = blue.chunks_exact_mut(width).zip(red.chunks_exact_mut(width));
            for (row, (blue, red)) in rest.chunks(stride).zip(planes) {
                for ((two, blue), red) in row.chunks_exact(2).zip(blue).zip(red) {
                    (*blue, *red) = (two[0], two[1]);
                }
            }
            if !is_full_range {
                self.chroma.iter_mut().flatten().for_each(|c| *c = widen_chroma(*c));
            }
            return;
        }
        let half = self.format.half_stride();
        let (first, second) = rest.split_at(half * self.format.chroma_rows());
        for (plane, to) in [(first, blue), (second, red)] {
            for (from, to) in plane.chunks(half).zip(to.chunks_exact_mut(width)) {
                copy(&from[..width], to, is_full_range, widen_chroma);
            }
        }
    }
}

/// A row, at most one sample shorter than `to`, which then ends with the last one twice.
fn copy(from: &[u8], to: &mut [u8], is_full_range: bool, widen: impl Fn(u8) -> u8) {
    if is_full_range {
        to[..from.len()].copy_from_slice(from);
    } else {
        from.iter().zip(to.iter_mut()).for_each(|(from, to)| *to = widen(*from));
    }
    if from.len() < to.len() {
        to[from.len()] = to[from.len() - 1];
    }
}

/// 16 to 235 become 0 to 255: times 255/219, which is 149/128 to one in two thousand.
fn widen_luma(y: u8) -> u8 {
    let scaled = (u16::from(y.saturating_sub(16)) * 149 + 64) >> 7;
    scaled.min(255) as u8
}

/// 16 to 240 become 0 to 255 around 128: times 255/224, which is 146/128 to one in five hundred.
fn widen_chroma(c: u8) -> u8 {
    let scaled = (u16::from(c) * 146 + 64) >> 7;
    scaled.saturating_sub(18).min(255) as u8
}

#[cfg(test)]
mod tests {
    use super::super::turbo::{Decoder, Scale};
    use super::*;
    use crate::jpeg::{Checked, check};

    /// Y, Cb, Cr in full range and the RGB that they are (JFIF 1.02, page 3).
    const COLOURS: [([u8; 3], [u8; 3]); 4] = [
        ([76, 85, 255], [254, 0, 0]),
        ([150, 44, 21], [0, 255, 1]),
        ([29, 255, 107], [0, 0, 254]),
        ([255, 128, 128], [255, 255, 255]),
    ];

    /// A picture of one colour, rows padded to `stride` with something else.
    fn plain(layout: Layout, size: Size, stride: usize, [y, cb, cr]: [u8; 3]) -> Vec<u8> {
        let (width, rows) = (usize::from(size.width), usize::from(size.height));
        let row = |samples: &[u8], count: usize, stride: usize| {
            let mut row: Vec<u8> = samples.iter().copied().cycle().take(count).collect();
            row.resize(stride, 7);
            row
        };
        let (half, chroma) = (stride.div_ceil(2), width.div_ceil(2));
        let (luma, chroma_rows) = (row(&[y], width, stride).repeat(rows), rows.div_ceil(2));
        match layout {
            Layout::Yuyv => row(&[y, cb, y, cr], chroma * 4, stride).repeat(rows),
            Layout::Nv12 => [luma, row(&[cb, cr], chroma * 2, stride).repeat(chroma_rows)].concat(),
            Layout::Yu12 => {
                let planes = [cb, cr].map(|c| row(&[c], chroma, half).repeat(chroma_rows));
                [luma, planes.concat()].concat()
            }
        }
    }

    #[track_caller]
    fn decoded(jpeg: &[u8]) -> (Size, Vec<u8>) {
        assert!(matches!(check(jpeg), Ok(Checked { bytes, .. }) if bytes == jpeg));
        let mut decoder = Decoder::new().unwrap();
        let picture = decoder.decode(jpeg, Scale::FULL).unwrap();
        let count = usize::from(picture.size.width) * usize::from(picture.size.height) * 3;
        (picture.size, picture.pixels[..count].to_vec())
    }

    #[track_caller]
    fn is_all(pixels: &[u8], colour: [u8; 3]) {
        let worst = pixels.chunks_exact(3).flat_map(|p| (0..3).map(move |i| p[i].abs_diff(colour[i]))).max();
        assert!(worst < Some(6), "{:?} instead of {colour:?}", &pixels[..3]);
    }

    #[test]
    fn every_layout_size_and_stride_decodes_to_its_colours() {
        for layout in [Layout::Yuyv, Layout::Nv12, Layout::Yu12] {
            for (width, height, padding) in
                [(64, 48, 0), (64, 48, 32), (97, 61, 0), (97, 60, 5), (2, 2, 0), (1, 1, 0), (17, 1, 3)]
            {
                let size = Size { width, height };
                let stride = padding
                    + match layout {
                        Layout::Yuyv => width.div_ceil(2) * 4,
                        Layout::Nv12 => width.div_ceil(2) * 2,
                        Layout::Yu12 => width,
                    };
                let format = RawFormat::new(layout, size, stride.into(), true).unwrap();
                let mut encoder = RawEncoder::new(format, 95).unwrap();
                for (colour, rgb) in COLOURS {
                    let bytes = plain(layout, size, stride.into(), colour);
                    let (seen, pixels) = decoded(encoder.encode(&bytes[..format.bytes()]).unwrap());
                    assert_eq!(seen, size, "{layout:?}");
                    is_all(&pixels, rgb);
                }
            }
        }
    }

    #[test]
    fn black_and_white_of_video_become_those_of_jpeg() {
        let size = Size { width: 16, height: 16 };
        for layout in [Layout::Yuyv, Layout::Nv12, Layout::Yu12] {
            let format = RawFormat::new(layout, size, 0, false).unwrap();
            let mut encoder = RawEncoder::new(format, 95).unwrap();
            let stride = if layout == Layout::Yuyv { 32 } else { 16 };
            for (colour, rgb) in [
                ([16, 128, 128], [0; 3]),
                ([235, 128, 128], [255; 3]),
                ([126, 128, 128], [128; 3]),
                ([81, 90, 240], [254, 0, 0]),
            ] {
                let bytes = plain(layout, size, stride, colour);
                is_all(&decoded(encoder.encode(&bytes).unwrap()).1, rgb);
            }
        }
    }

    #[test]
    fn the_chroma_is_kept_as_it_is() {
        let size = Size { width: 32, height: 32 };
        for (layout, sampling) in [(Layout::Yuyv, 0x21), (Layout::Nv12, 0x22), (Layout::Yu12, 0x22)] {
            let format = RawFormat::new(layout, size, 0, true).unwrap();
            let mut encoder = RawEncoder::new(format, 80).unwrap();
            let jpeg = encoder.encode(&vec![128; format.bytes()]).unwrap();
            let frame = jpeg.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
            assert_eq!(jpeg[frame + 11], sampling, "{layout:?}");
        }
    }

    #[test]
    fn left_is_left_and_up_is_up() {
        let size = Size { width: 32, height: 16 };
        let format = RawFormat::new(Layout::Yuyv, size, 0, true).unwrap();
        let mut bytes = vec![128; format.bytes()];
        for (at, y) in bytes.iter_mut().step_by(2).enumerate() {
            *y = if at % 32 < 16 && at / 32 < 8 { 255 } else { 0 };
        }
        let (_, pixels) = decoded(RawEncoder::new(format, 95).unwrap().encode(&bytes).unwrap());
        let grey = |x: usize, y: usize| pixels[(y * 32 + x) * 3];
        assert!(grey(4, 4) > 250 && grey(28, 4) < 5 && grey(4, 12) < 5);
    }

    #[test]
    fn too_few_bytes_are_refused_and_none_is_read_behind_them() {
        let size = Size { width: 33, height: 17 };
        for layout in [Layout::Yuyv, Layout::Nv12, Layout::Yu12] {
            let format = RawFormat::new(layout, size, 80, false).unwrap();
            let mut encoder = RawEncoder::new(format, 80).unwrap();
            let whole = vec![100; format.bytes()];
            assert!(encoder.encode(&whole).is_ok());
            for length in [0, 1, format.bytes() / 2, format.bytes() - 1] {
                assert!(
                    matches!(encoder.encode(&whole[..length]), Err(Error::Size(_))),
                    "{layout:?} {length}"
                );
            }
        }
    }

    #[test]
    fn formats_that_cannot_be_are_none() {
        let new = |width, height, stride| RawFormat::new(Layout::Yuyv, Size { width, height }, stride, true);
        assert!(new(640, 480, 1280).is_some() && new(640, 480, 0) == new(640, 480, 1280));
        assert_eq!(new(640, 480, 1279), None);
        assert_eq!(new(0, 480, 1280), None);
        assert_eq!(new(640, 0, 1280), None);
        assert_eq!(new(65_535, 65_535, 0), None);
        assert_eq!(new(640, 480, u32::MAX), None);
    }

    #[test]
    fn widening_keeps_the_ends_and_the_middle() {
        assert_eq!([0, 16, 17, 126, 235, 255].map(widen_luma), [0, 0, 1, 128, 255, 255]);
        assert_eq!([0, 16, 128, 240, 255].map(widen_chroma), [0, 0, 128, 255, 255]);
    }
}
