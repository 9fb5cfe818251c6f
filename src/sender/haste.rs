//! How much faster than its stream needs it a path is sent to.
//!
//! A slow camera's frame goes out as fast as most paths take it, and not spread over its whole interval. Where that loses
//! datagrams, in a queue that does not hold a frame, it goes slower: half as fast each time, down to what the stream needs. That
//! costs age, and no frame. If nothing is gained by it the loss is the path's own.

use crate::time::Time;
use std::time::Duration;

/// Loss beyond the path's own, which varies by chance, that makes it worth trying.
const LOSSY: f32 = 0.04;
const BY_CHANCE: f32 = 1.5;

/// What is known of the path's own loss follows what is seen by one part in this many.
const FOLLOWS: f32 = 10.0;

/// A step down that leaves more than this share of the loss has not helped.
const HELPED: f32 = 0.9;

/// This many looks in a row have to say so: what was lost before is still being sent again.
const FAILURES: u8 = 2;

/// Where the stream needs more than this part there is nothing to be gained ...
const ROOM: f32 = 0.9;

/// ... and where it needs the greater part, a loss like this is a narrow path's, which is limited at once.
const NARROW: f32 = 0.3;

/// After this long without loss a step up is tried; after each one that failed twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(30);
const LAST_WAIT: Duration = Duration::from_secs(960);

/// The share is not less: a frame's time stays bounded, however slow the stream is.
const LEAST: f32 = 1.0 / 8.0;

#[derive(Debug)]
pub(super) struct Haste {
    /// The part of the full pace that is used: 1 on most paths.
    pub(super) share: f32,
    /// The loss before the latest step down, which is on trial, and how often it has not been lowered since.
    trial: Option<f32>,
    failures: u8,
    /// Loss that going slower has not lowered.
    own_loss: f32,
    wait: Duration,
    /// When a step up is to be tried.
    up: Time,
}

impl Default for Haste {
    fn default() -> Self {
        Haste { share: 1.0, trial: None, failures: 0, own_loss: 0.0, wait: FIRST_WAIT, up: Time::NEVER }
    }
}

impl Haste {
    /// What was lost of late. The stream needs the part `needs` of the full pace. True: the share has changed.
    pub(super) fn judge(&mut self, loss: f32, needs: f32, now: Time) -> bool {
        let before = self.share;
        let is_lossy = loss > self.own_loss * BY_CHANCE + LOSSY;
        if self.trial.is_some_and(|before| loss > before * HELPED && is_lossy) {
            self.failures = self.failures.saturating_add(1);
            if self.failures == FAILURES {
                // it is tried again one day
                let wait = self.wait.saturating_mul(2).min(LAST_WAIT);
                *self = Haste { own_loss: loss, wait, up: now.after(self.wait), ..Haste::default() };
            }
        } else if is_lossy {
            self.step_down(loss, needs, now);
        } else {
            self.trial = None;
            self.own_loss += (loss - self.own_loss) / FOLLOWS;
            if now >= self.up {
                self.step_up(now);
            }
        }
        self.share != before
    }

    fn step_up(&mut self, now: Time) {
        self.up = now.after(self.wait);
        if self.share < 1.0 {
            self.share = (self.share * 1.5).min(1.0);
        } else {
            self.own_loss = 0.0;
        }
    }

    fn step_down(&mut self, loss: f32, needs: f32, now: Time) {
        let least = needs.max(LEAST);
        let is_narrow = needs > 0.5 && loss > NARROW;
        if needs > ROOM || is_narrow || self.share <= least {
            return;
        }
        if self.trial.is_none() && self.share < 1.0 {
            // a step up has failed
            self.wait = self.wait.saturating_mul(2).min(LAST_WAIT);
        }
        (self.trial, self.failures) = (Some(loss), 0);
        self.share = (self.share / 2.0).max(least);
        self.up = now.after(self.wait);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Judged once a second for this long, on a path that loses `lost(share)`; the lowest share and the last.
    fn run(haste: &mut Haste, seconds: u64, least: f32, lost: impl Fn(f32) -> f32) -> (f32, f32) {
        let mut lowest = haste.share;
        for second in 1..=seconds {
            haste.judge(lost(haste.share), least, Time::from_millis(second * 1000));
            lowest = lowest.min(haste.share);
        }
        (lowest, haste.share)
    }

    /// What a line loses that takes three tenths of the full pace.
    fn queue(share: f32) -> f32 {
        (1.0 - 0.3 / share).max(0.0)
    }

    #[test]
    fn a_clean_path_is_sent_to_at_full_pace() {
        assert_eq!(run(&mut Haste::default(), 100, 0.1, |_| 0.0), (1.0, 1.0));
    }

    #[test]
    fn a_path_that_takes_less_at_once_gets_less() {
        let mut haste = Haste::default();
        let (lowest, last) = run(&mut haste, 600, 0.1, queue);
        assert!(lowest >= 0.15, "{lowest}");
        assert!(last <= 0.6, "{haste:?}");
        assert!(haste.wait >= FIRST_WAIT * 4, "it is tried ever less often: {haste:?}");
    }

    #[test]
    fn loss_by_chance_is_the_paths_own() {
        let mut haste = Haste::default();
        let (lowest, last) = run(&mut haste, 600, 0.2, |_| 0.1);
        assert_eq!((lowest, last), (0.5, 1.0));
        assert!(haste.wait >= FIRST_WAIT * 8, "it is tried ever less often: {haste:?}");
    }

    #[test]
    fn a_path_that_has_become_better_is_found_so() {
        let mut haste = Haste::default();
        run(&mut haste, 10, 0.1, queue);
        assert_eq!(run(&mut haste, 300, 0.1, |_| 0.0).1, 1.0);
    }

    #[test]
    fn a_stream_that_needs_all_of_it_is_never_slowed_down() {
        assert_eq!(run(&mut Haste::default(), 100, 1.0, |_| 0.5), (1.0, 1.0));
        assert_eq!(run(&mut Haste::default(), 100, f32::INFINITY, |_| 0.5), (1.0, 1.0));
    }
}
