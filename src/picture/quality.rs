//! Which quality a JPEG was made at, by libjpeg's scale of 1 to 100: by its table for luminance, as coarse as which.

use crate::jpeg::{Facts, header};

/// The table for luminance of T.81 K.1, which libjpeg's qualities are multiples of. In no order: only sums are compared.
const LUMINANCE: [u32; 64] = [
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17,
    22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78,
    87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
];

/// The sum of the table that libjpeg makes for `quality` (jpeg_quality_scaling, jpeg_add_quant_table).
const fn sum(quality: u32) -> u32 {
    let percent = if quality < 50 { 5000 / quality } else { 200 - 2 * quality };
    let (mut at, mut sum) = (0, 0);
    while at < LUMINANCE.len() {
        let value = (LUMINANCE[at] * percent + 50) / 100;
        sum += if value < 1 {
            1
        } else if value > 255 {
            255
        } else {
            value
        };
        at += 1;
    }
    sum
}

/// The sum of each quality's table; the first is of none.
const SUMS: [u32; 101] = {
    let mut sums = [u32::MAX; 101];
    let mut quality = 1;
    while quality < sums.len() {
        sums[quality] = sum(quality as u32);
        quality += 1;
    }
    sums
};

/// The highest quality that is no finer than this JPEG; `None` if its header has no table for luminance.
pub(super) fn of(jpeg: &[u8]) -> Option<u8> {
    let Facts { component: [luminance, ..], quantisation, .. } = header(jpeg).ok()?;
    let table = (*quantisation.get(usize::from(luminance.table))?)?;
    let values = jpeg.get(table.at as usize..)?.get(..table.length() as usize)?;
    let sum: u32 = match table.is_wide {
        true => values.chunks_exact(2).map(|two| u32::from(u16::from_be_bytes([two[0], two[1]]))).sum(),
        false => values.iter().map(|value| u32::from(*value)).sum(),
    };
    Some(SUMS.partition_point(|other| *other >= sum).saturating_sub(1).max(1) as u8)
}

#[cfg(test)]
mod tests {
    use super::super::sample::gradient;
    use super::super::turbo::{Encoder, Rgb, Sampling};
    use super::*;
    use crate::jpeg::Size;

    #[test]
    fn libjpegs_own_qualities_are_told() {
        let size = Size { width: 16, height: 16 };
        let (pixels, mut encoder) = (gradient(size), Encoder::new(Sampling::Half, size).unwrap());
        for quality in 1..=100 {
            let jpeg = encoder.encode(Rgb { pixels: &pixels, size }, quality).unwrap();
            let told = of(jpeg).unwrap();
            // the coarsest tables are all at their limit
            assert!(
                told == quality || SUMS[usize::from(told)] == SUMS[usize::from(quality)],
                "{quality}: {told}"
            );
        }
        assert_eq!((of(b""), of(&[0xff, 0xd8, 0xff])), (None, None));
    }
}
