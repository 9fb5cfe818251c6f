//! JPEGs that are decoded: within limits, and without a trace of the one before.

use camcast::jpeg::{self, Size};
use camcast::picture::{Decoder, Encoder, Recoder, Rgb, Sampling, Scale, Scaler};
use std::cell::RefCell;

/// Those that have seen all that came before.
struct Used {
    decoder: Decoder,
    scaler: Scaler,
    recoder: Recoder,
    /// A camera's frame, without tables; what becomes of it in a new decoder; and in a new scaler.
    usual: Vec<u8>,
    pixels: Vec<u8>,
    small: Vec<u8>,
}

impl Used {
    fn new() -> Self {
        let usual = include_bytes!("../../fixtures/jpeg/no-tables.jpg").to_vec();
        let (mut decoder, mut scaler) = (Decoder::new().unwrap(), Scaler::new().unwrap());
        let picture = decoder.decode(&usual, Scale::SMALLEST).unwrap();
        let length = usize::from(picture.size.width) * usize::from(picture.size.height) * 3;
        let pixels = picture.pixels[..length].to_vec();
        let small = scaler.shrink(&usual, Scale::SMALLEST).unwrap().0.to_vec();
        Used { decoder, scaler, recoder: Recoder::new().unwrap(), usual, pixels, small }
    }
}

thread_local! {
    static USED: RefCell<Used> = RefCell::new(Used::new());
}

/// A JPEG.
pub fn check(bytes: &[u8]) -> bool {
    USED.with_borrow_mut(|used| check_with(used, bytes))
}

fn check_with(used: &mut Used, bytes: &[u8]) -> bool {
    let decoded = used.decoder.decode(bytes, Scale::SMALLEST).map(|picture| picture.size).ok();
    if let (Some(size), Ok(whole)) = (decoded, jpeg::size(bytes)) {
        assert_eq!(size, Scale::SMALLEST.of(whole));
    }
    if let Ok((small, size)) = used.scaler.shrink(bytes, Scale::SMALLEST) {
        let checked = jpeg::check(small).expect("what is made is whole");
        assert_eq!(checked.size(), size);
    }
    if let Ok((other, size)) = used.recoder.recode(bytes) {
        let checked = jpeg::check(other).expect("what is made is whole");
        assert_eq!(checked.size(), size);
    }
    // whatever that was: the next frame of a camera's is decoded as by a new decoder
    let next = used.decoder.decode(&used.usual, Scale::SMALLEST).unwrap();
    assert!(next.pixels[..used.pixels.len()] == used.pixels, "the next picture is another one");
    let next = used.scaler.shrink(&used.usual, Scale::SMALLEST).unwrap().0;
    assert!(next == used.small, "the next picture that is made smaller is another one");
    decoded.is_some()
}

/// Pictures of a camera's, and of forms that are no camera's.
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    let size = Size { width: 33, height: 17 };
    let pixels: Vec<u8> = (0..33 * 17 * 3).map(|at: u32| (at * at / 7) as u8).collect();
    let encode = |sampling| {
        let mut encoder = Encoder::new(sampling, size).unwrap();
        encoder.encode(Rgb { pixels: &pixels, size }, 60).unwrap().to_vec()
    };
    let mut seeds =
        vec![("422".to_owned(), encode(Sampling::Half)), ("420".to_owned(), encode(Sampling::Quarter))];
    let forms: [(&str, &[u8]); 5] = [
        ("arithmetic", include_bytes!("../../fixtures/forms/arithmetic.jpg")),
        ("progressive", include_bytes!("../../fixtures/forms/progressive.jpg")),
        ("gray", include_bytes!("../../fixtures/forms/gray.jpg")),
        ("cmyk", include_bytes!("../../fixtures/forms/cmyk.jpg")),
        ("lossless", include_bytes!("../../fixtures/forms/lossless.jpg")),
    ];
    seeds.extend(forms.map(|(name, bytes)| (name.to_owned(), bytes.to_vec())));
    seeds
}
