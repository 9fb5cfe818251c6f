//! Frames as cameras really make them, in the style of each quirk. `UPDATE_FIXTURES=1 cargo test --test it odd_frames` writes them
//! to `tests/fixtures/jpeg`; what each is like in the wild stands in the README.md there.

use camcast::jpeg::markers::{self, DHT, DRI, SOF0, SOI, SOS};
use turbojpeg::{Compressor, Image, PixelFormat, Subsamp};

/// The picture's size.
pub const WIDTH: usize = 64;
pub const HEIGHT: usize = 48;

/// Packed RGB: ramps of colour and a light box.
pub fn picture() -> Vec<u8> {
    let pixel = |x: usize, y: usize| match (x, y) {
        (20..36, 12..28) => [250, 240, 230],
        _ => [(x * 3) as u8, (y * 4) as u8, (200 - x * 2) as u8],
    };
    (0..HEIGHT).flat_map(|y| (0..WIDTH).flat_map(move |x| pixel(x, y))).collect()
}

pub fn encode(pixels: &[u8], width: usize, sampling: Subsamp) -> Vec<u8> {
    let mut compressor = Compressor::new().unwrap();
    compressor.set_quality(80).unwrap();
    compressor.set_subsamp(sampling).unwrap();
    let height = pixels.len() / width / 3;
    let image = Image { pixels, width, pitch: width * 3, height, format: PixelFormat::RGB };
    compressor.compress_to_vec(image).unwrap()
}

pub fn segment(code: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 2).unwrap().to_be_bytes();
    [&[0xff, code], &length[..], payload].concat()
}

/// SOI, the header's segments as `change` leaves them (`None`: left out), and all that follows them.
pub fn rewrite(jpeg: &[u8], change: impl Fn(u8, &[u8]) -> Option<Vec<u8>>) -> Vec<u8> {
    let mut bytes = vec![0xff, SOI];
    let mut scan = 0;
    for it in markers::segments(jpeg).unwrap().map(Result::unwrap) {
        bytes.extend(change(it.code, it.payload).unwrap_or_default());
        scan = it.end;
    }
    bytes.extend_from_slice(&jpeg[scan..]);
    bytes
}

/// Without JFIF's APP0, but with these segments first.
pub fn headed(jpeg: &[u8], first: &[u8]) -> Vec<u8> {
    let rest = rewrite(jpeg, |code, payload| (code != 0xe0).then(|| segment(code, payload)));
    [&rest[..2], first, &rest[2..]].concat()
}

pub fn without_tables(jpeg: &[u8]) -> Vec<u8> {
    rewrite(jpeg, |code, payload| (code != DHT).then(|| segment(code, payload)))
}

/// One to five stray bytes before each segment, as a C270 leaves there.
fn straying(jpeg: &[u8]) -> Vec<u8> {
    let strays = std::cell::Cell::new(0);
    rewrite(jpeg, |code, payload| {
        strays.set(strays.get() % 5 + 1);
        Some([&b"\x2c\0\xff\0\x01"[..strays.get()], &segment(code, payload)].concat())
    })
}

/// Where the entropy-coded data begins.
fn scan(jpeg: &[u8]) -> usize {
    markers::segments(jpeg).unwrap().map(Result::unwrap).last().unwrap().end
}

/// A restart marker behind each row of MCUs. Each row is coded as a picture of its own: that is what a restart means.
pub fn restarting(pixels: &[u8], width: usize, sampling: Subsamp) -> Vec<u8> {
    let (height, (mcu, rows)) = (pixels.len() / width / 3, mcu(sampling));
    let rows: Vec<_> = pixels.chunks(width * 3 * rows).map(|row| encode(row, width, sampling)).collect();
    let mut bytes = rewrite(&rows[0][..scan(&rows[0])], |code, payload| match code {
        SOF0 => {
            let mut payload = payload.to_vec();
            payload[1..3].copy_from_slice(&(height as u16).to_be_bytes());
            Some(segment(code, &payload))
        }
        SOS => {
            let interval = (width.div_ceil(mcu) as u16).to_be_bytes();
            Some([segment(DRI, &interval), segment(code, payload)].concat())
        }
        _ => Some(segment(code, payload)),
    });
    for (n, row) in rows.iter().enumerate() {
        if n > 0 {
            bytes.extend([0xff, 0xd0 + ((n - 1) % 8) as u8]);
        }
        bytes.extend_from_slice(&row[scan(row)..row.len() - 2]);
    }
    bytes.extend([0xff, 0xd9]);
    bytes
}

/// The width and height of an MCU.
fn mcu(sampling: Subsamp) -> (usize, usize) {
    match sampling {
        Subsamp::Sub2x1 => (16, 8),
        Subsamp::Sub2x2 => (16, 16),
        _ => panic!("{sampling:?}"),
    }
}

/// EXIF with a thumbnail in its second directory (EXIF 2.3, 4.5.5).
pub fn exif() -> Vec<u8> {
    let thumbnail = encode(&[90; 16 * 16 * 3], 16, Subsamp::Sub2x1);
    let entry = |tag: u16, kind: u16, value: u32| {
        [&tag.to_le_bytes()[..], &kind.to_le_bytes(), &1_u32.to_le_bytes(), &value.to_le_bytes()].concat()
    };
    let entries = [entry(0x103, 3, 6), entry(0x201, 4, 56), entry(0x202, 4, thumbnail.len() as u32)].concat();
    let tiff = [
        b"II*\0\x08\0\0\0",     // byte order, where the first directory is
        &b"\0\0\x0e\0\0\0"[..], // it has no entry; where the second is
        b"\x03\0",
        &entries,
        &[0; 4],
        &thumbnail,
    ];
    segment(0xe1, &[&b"Exif\0\0"[..], &tiff.concat()].concat())
}

/// Each file's name and bytes.
pub fn all() -> Vec<(&'static str, Vec<u8>)> {
    let whole = encode(&picture(), WIDTH, Subsamp::Sub2x1);
    let end = whole.len() - 2;
    let half = scan(&whole) + (end - scan(&whole)) / 2;
    let with_exif = headed(&whole, &exif());
    let no_tables = without_tables(&whole);
    let avi1 = segment(0xe0, b"AVI1\0\x01\x01\x01\0\x78\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    let stale = &whole[half..half + 150];
    vec![
        ("422.jpg", whole.clone()),
        ("420.jpg", encode(&picture(), WIDTH, Subsamp::Sub2x2)),
        ("gray.jpg", encode(&picture(), WIDTH, Subsamp::Gray)),
        ("no-tables.jpg", no_tables.clone()),
        ("avi1.jpg", headed(&no_tables, &avi1)),
        ("restarts.jpg", restarting(&picture(), WIDTH, Subsamp::Sub2x1)),
        ("exif-thumbnail.jpg", with_exif.clone()),
        ("zeros-behind.jpg", [&whole[..], &[0; 1500]].concat()),
        ("fill-behind.jpg", [&whole[..], &[0xff; 700]].concat()),
        ("rest-behind.jpg", [&whole[..], stale].concat()),
        ("earlier-frame-behind.jpg", [&whole[..], &with_exif[whole.len()..]].concat()),
        ("stray-bytes.jpg", straying(&whole)),
        ("two-starts.jpg", [&[0xff, SOI], &whole[..]].concat()),
        ("bytes-before-end.jpg", [&whole[..end], &[0, 0, 0], &whole[end..]].concat()),
        ("no-end.jpg", whole[..end].to_vec()),
        ("half.jpg", whole[..half].to_vec()),
        ("half-with-thumbnail.jpg", with_exif[..with_exif.len() - (whole.len() - half)].to_vec()),
        ("half-header.jpg", whole[..scan(&whole) - 30].to_vec()),
        ("begins-within.jpg", whole[half..].to_vec()),
        ("zeros.jpg", vec![0; 2048]),
        ("empty.jpg", Vec::new()),
    ]
}
