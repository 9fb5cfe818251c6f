//! Where frames came later than their neighbours let expect.

use arrayvec::ArrayVec;

/// Frames on each side that tell how far apart they are there: a camera slows down in the dark, and that is no gap.
const BESIDE: usize = 4;

/// A step with those around it.
const WINDOW: usize = 2 * BESIDE + 1;

/// Finds steps that are longer than one and a half of those around them. It remembers only those, however long a film is; each step
/// has something with it that tells where it is.
#[derive(Clone, Debug)]
pub struct Gaps<T> {
    steps: ArrayVec<(u32, T), WINDOW>,
    /// So many of them have been judged.
    judged: usize,
}

impl<T> Default for Gaps<T> {
    fn default() -> Self {
        Gaps { steps: ArrayVec::new(), judged: 0 }
    }
}

impl<T: Copy> Gaps<T> {
    /// The next step: the time from a frame to the next, in microseconds. Returns a gap that is known by now.
    pub fn step(&mut self, micros: u32, place: T) -> Option<T> {
        if self.steps.is_full() {
            self.steps.remove(0);
            self.judged = self.judged.saturating_sub(1);
        }
        self.steps.push((micros, place));
        let is_amid = self.steps.len().saturating_sub(self.judged) > BESIDE;
        is_amid.then(|| self.judge()).flatten()
    }

    /// There are no more steps: the gaps among the last ones.
    pub fn end(mut self) -> impl Iterator<Item = T> {
        let left = self.steps.len().saturating_sub(self.judged);
        (0..left).filter_map(move |_| self.judge())
    }

    fn judge(&mut self) -> Option<T> {
        let at = self.judged;
        self.judged = at.saturating_add(1);
        let (step, place) = *self.steps.get(at)?;
        let before = self.steps.get(at.saturating_sub(BESIDE)..at).unwrap_or_default();
        let after = self.steps.iter().skip(at.saturating_add(1)).take(BESIDE);
        let mut around: ArrayVec<u32, { 2 * BESIDE }> =
            before.iter().chain(after).map(|(micros, _)| *micros).collect();
        around.sort_unstable();
        // of an even number the longer one: where the rate changes there is no gap
        let usual = around.get(around.len() / 2)?;
        (u64::from(step).saturating_mul(2) > u64::from(*usual).saturating_mul(3)).then_some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(steps: &[u32]) -> Vec<usize> {
        let mut gaps = Gaps::default();
        let mut found: Vec<usize> =
            steps.iter().enumerate().filter_map(|(at, step)| gaps.step(*step, at)).collect();
        found.extend(gaps.end());
        found
    }

    #[test]
    fn a_frame_that_is_missing_is_a_gap() {
        assert_eq!(of(&[33, 34, 33, 66, 33, 32, 33]), [3]);
        assert_eq!(of(&[66, 33, 34, 33, 33, 33, 900]), [0, 6], "at both ends");
        assert_eq!(of(&[33, 33, 66, 66, 33, 33, 33, 100, 33]), [2, 3, 7]);
        let far = [&[33; 100][..], &[66], &[33; 100], &[66, 33]].concat();
        assert_eq!(of(&far), [100, 201]);
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
