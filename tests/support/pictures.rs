//! JPEGs to stream, and which frame of the test picture a JPEG shows.

use super::Noise;
use camcast::jpeg::Size;
use camcast::picture::Pattern;
use turbojpeg::{Compressor, Decompressor, Image, PixelFormat, ScalingFactor};

/// A decoded picture: packed RGB.
pub struct Picture {
    pub width: usize,
    pub height: usize,
    pub pixels: Vec<u8>,
}

/// Decodes all of it.
///
/// # Errors
/// turbojpeg's, also for what it only warns of, such as a truncated picture.
pub fn decode(jpeg: &[u8]) -> turbojpeg::Result<Picture> {
    let mut decompressor = Decompressor::new()?;
    let header = decompressor.read_header(jpeg)?;
    let (width, height) = (header.width, header.height);
    let mut pixels = vec![0; width * height * 3];
    let to = Image { pixels: &mut pixels[..], width, pitch: width * 3, height, format: PixelFormat::RGB };
    decompressor.decompress(jpeg, to)?;
    Ok(Picture { width, height, pixels })
}

/// Decodes it so many times smaller, as libjpeg-turbo does it at once.
pub fn decode_smaller(jpeg: &[u8], times: usize) -> Picture {
    let mut decompressor = Decompressor::new().unwrap();
    let factor = ScalingFactor::new(1, times);
    decompressor.set_scaling_factor(factor).unwrap();
    let header = decompressor.read_header(jpeg).unwrap().scaled(factor);
    let (width, height) = (header.width, header.height);
    let mut pixels = vec![0; width * height * 3];
    let to = Image { pixels: &mut pixels[..], width, pitch: width * 3, height, format: PixelFormat::RGB };
    decompressor.decompress(jpeg, to).unwrap();
    Picture { width, height, pixels }
}

/// Peak signal to noise of two pictures of one size, in dB.
#[track_caller]
pub fn likeness(a: &Picture, b: &Picture) -> f64 {
    assert_eq!((a.width, a.height), (b.width, b.height));
    let squares = a.pixels.iter().zip(&b.pixels).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2));
    10.0 * (255.0 * 255.0 * a.pixels.len() as f64 / squares.sum::<f64>().max(1e-9)).log10()
}

/// The size of a JPEG that decodes.
#[track_caller]
pub fn decoded_size(jpeg: &[u8]) -> (usize, usize) {
    let picture = decode(jpeg).unwrap_or_else(|error| panic!("{} bytes: {error}", jpeg.len()));
    (picture.width, picture.height)
}

/// Noise, which hardly shrinks: at quality 90 about two bytes a pixel.
pub fn noise(width: usize, height: usize, quality: i32, seed: u64) -> Vec<u8> {
    let pixels = Noise::new(seed).bytes(width * height * 3);
    let mut compressor = Compressor::new().unwrap();
    compressor.set_quality(quality).unwrap();
    let image = Image { pixels: &pixels[..], width, pitch: width * 3, height, format: PixelFormat::RGB };
    compressor.compress_to_vec(image).unwrap()
}

/// A JPEG of exactly `len` bytes, 1000 or more: comments of random bytes make it so long, as a camera's own data
/// between the markers does.
pub fn of_len(len: usize, seed: u64) -> Vec<u8> {
    let small = noise(8, 8, 50, seed);
    let mut noise = Noise::new(seed ^ 0xc0ffee);
    let mut jpeg = small[..2].to_vec();
    let mut room = len.checked_sub(small.len()).expect("too short for a JPEG");
    while room > 0 {
        assert!(room >= 4, "a comment has at least four bytes");
        let mut take = room.min(60_000);
        if (1..4).contains(&(room - take)) {
            take -= 4;
        }
        jpeg.extend_from_slice(&[0xff, 0xfe]);
        jpeg.extend_from_slice(&((take - 2) as u16).to_be_bytes());
        jpeg.extend(noise.bytes(take - 4));
        room -= take;
    }
    jpeg.extend_from_slice(&small[2..]);
    assert_eq!(jpeg.len(), len);
    jpeg
}

/// The JPEG with a comment as its first segment.
pub fn commented(jpeg: &[u8], comment: &[u8]) -> Vec<u8> {
    let len = u16::try_from(comment.len() + 2).expect("a comment that fits its segment").to_be_bytes();
    [&jpeg[..2], &[0xff, 0xfe], &len, comment, &jpeg[2..]].concat()
}

/// Reads frame numbers off the test picture.
pub struct PatternReader {
    pattern: Pattern,
    size: Size,
    /// Rows that show the time, which nobody here knows.
    clock: std::ops::Range<usize>,
}

impl PatternReader {
    pub fn new(width: u16, height: u16) -> Self {
        let size = Size { width, height };
        let mut pattern = Pattern::new(size, Pattern::QUALITY).unwrap();
        let mut shown = |clock: &str| decode(pattern.draw(0, clock).unwrap()).unwrap().pixels;
        let (blank, full) = (shown(""), shown("88:88:88.888"));
        let row = usize::from(width) * 3;
        let differs = |y: &usize| blank[y * row..][..row] != full[y * row..][..row];
        let rows: Vec<usize> = (0..usize::from(height)).filter(differs).collect();
        let clock = rows[0]..rows[rows.len() - 1] + 1;
        PatternReader { pattern, size, clock }
    }

    /// The number of the frame that `jpeg` shows, from `first` on; it has to be one of the next thousand.
    #[track_caller]
    pub fn number(&mut self, jpeg: &[u8], first: u32) -> u32 {
        let picture = decode(jpeg).unwrap();
        assert_eq!((picture.width, picture.height), (self.size.width.into(), self.size.height.into()));
        let row = picture.width * 3;
        let same = |number: &u32| {
            let drawn = decode(self.pattern.draw(*number, "").unwrap()).unwrap().pixels;
            let (above, below) = (self.clock.start * row, self.clock.end * row);
            drawn[..above] == picture.pixels[..above] && drawn[below..] == picture.pixels[below..]
        };
        (first..first + 1000).find(same).unwrap_or_else(|| panic!("no frame of the pattern from {first} on"))
    }
}
