//! Where frames came later than their neighbours let expect.

/// Frames on each side that tell how far apart they are there: a camera slows down in the dark, and that is no gap.
const BESIDE: usize = 4;

/// The steps, by their index, that are longer than one and a half of those around them. `steps` are the times from each frame to the
/// next, in microseconds.
pub fn gaps(steps: &[u32]) -> impl Iterator<Item = usize> {
    let is_gap = |(at, step): (usize, &u32)| {
        let before = steps.get(at.saturating_sub(BESIDE)..at).unwrap_or_default();
        let after = steps.iter().skip(at.saturating_add(1)).take(BESIDE);
        let mut around: arrayvec::ArrayVec<u32, { 2 * BESIDE }> =
            before.iter().chain(after).copied().collect();
        around.sort_unstable();
        // of an even number the longer one: where the rate changes there is no gap
        let usual = around.get(around.len() / 2)?;
        (u64::from(*step).saturating_mul(2) > u64::from(*usual).saturating_mul(3)).then_some(at)
    };
    steps.iter().enumerate().filter_map(is_gap)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(steps: &[u32]) -> Vec<usize> {
        gaps(steps).collect()
    }

    #[test]
    fn a_frame_that_is_missing_is_a_gap() {
        assert_eq!(of(&[33, 34, 33, 66, 33, 32, 33]), [3]);
        assert_eq!(of(&[66, 33, 34, 33, 33, 33, 900]), [0, 6], "at both ends");
        assert_eq!(of(&[33, 33, 66, 66, 33, 33, 33, 100, 33]), [2, 3, 7]);
    }

    #[test]
    fn another_rate_is_none() {
        assert_eq!(of(&[33, 33, 33, 33, 33, 66, 66, 66, 66, 66, 33, 33, 33, 33]), [0; 0]);
        assert_eq!(of(&[33, 36, 30, 40, 33, 28, 37]), [0; 0]);
    }

    #[test]
    fn few_frames_tell_nothing() {
        assert_eq!(of(&[]), [0; 0]);
        assert_eq!(of(&[33]), [0; 0]);
        assert_eq!(of(&[33, 400]), [1]);
    }
}
