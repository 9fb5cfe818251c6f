//! How many parity rows answer what one client lacks, and which: any row stands in for any fragment, so what is sent has to be
//! enough, and never the same twice.

use super::push_latest;
use crate::time::Time;
use crate::wire::FrameNumber;
use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

/// Frames under repair that are remembered: more than a viewer may ask for.
const FRAMES: usize = 40;

/// What is sent is not enough as rarely as this, times the square of the loss, and as far as two for one allow it: where little
/// is lost little more is sent. When the same is asked for again, it is to be enough.
const SHORT: f32 = 0.04;
const SHORT_AGAIN: f32 = 0.0005;

/// An answer is on its way for this part of a round trip at the least.
pub(super) const UNDER_WAY: f32 = 0.75;

/// Where that was less than two for one, what was saved is there for those that lack little, up to three for one.
const MOST_SAVED: u16 = 32;

/// A path that has just lost something loses this at the least.
const LEAST_LOSS: f32 = 0.02;

/// A loss that is not known, and the highest: twice as many are sent as are lacking, and never more.
const MOST_LOSS: f32 = 0.5;

/// So many in a row are not lost by chance, and what swallowed them may swallow the answer: they go themselves, and as many
/// rows later, but no more than these.
const IN_A_ROW: u16 = 3;
const LATER: u16 = 10;

/// The client's path.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lossy {
    /// The share of datagrams that it loses, if that is known.
    pub(super) loss: Option<f32>,
    pub(super) round_trip: Duration,
}

/// What answers a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// So many rows.
    Rows(u16),
    /// The fragments, and so many rows later.
    Both(u16),
}

/// What one client has got of the rows.
#[derive(Debug)]
pub(super) struct Rows {
    frames: VecDeque<Given>,
    saved: u16,
}

#[derive(Clone, Copy, Debug)]
struct Given {
    number: FrameNumber,
    /// The next row.
    next: u16,
    /// Fragments before this one have been asked for, as far as they are lacking.
    reach: u16,
    /// Fragments that were asked for once, and datagrams that were sent for them.
    lacking: u16,
    sent: u16,
    /// When something of it was answered last.
    answered: Time,
}

impl Rows {
    pub(super) fn new() -> Self {
        Rows { frames: VecDeque::with_capacity(FRAMES), saved: 0 }
    }

    /// The next rows of that frame, which has `all`: `wanted` of them if so many are left.
    pub(super) fn take(&mut self, number: FrameNumber, wanted: u16, all: u16) -> Range<u16> {
        let given = self.given(number);
        let first = given.next;
        given.next = first.saturating_add(wanted).min(all);
        first..given.next
    }

    /// Some of that frame's rows, which are `all`, are left.
    pub(super) fn has_more(&mut self, number: FrameNumber, all: u16) -> bool {
        self.given(number).next < all
    }

    /// What answers a request for these fragments, where this share of all is lost.
    pub(super) fn answer(
        &mut self,
        number: FrameNumber,
        asked: &Range<u16>,
        path: Lossy,
        now: Time,
    ) -> Answer {
        let Lossy { loss, round_trip } = path;
        let loss = loss.unwrap_or(MOST_LOSS).clamp(LEAST_LOSS, MOST_LOSS);
        let (lacking, saved) = (asked.len() as u16, self.saved);
        let given = self.given(number);
        // or a request for other fragments, which was lost
        let is_late = now.since(given.answered) > round_trip.mul_f32(UNDER_WAY);
        let is_again = asked.start < given.reach || (is_late && given.reach > 0);
        given.answered = now;
        given.reach = given.reach.max(asked.end);
        if lacking >= IN_A_ROW {
            return Answer::Both(lacking.min(LATER));
        }
        let most =
            |lacking: u16| lacking.saturating_mul(2).saturating_add(saved).min(lacking.saturating_mul(3));
        let more = if is_again {
            enough(lacking, loss, SHORT_AGAIN, most(lacking))
        } else {
            // what was sent for the fragments before has a margin that serves for these too
            given.lacking = given.lacking.saturating_add(lacking);
            let more = enough(given.lacking, loss, SHORT * loss * loss, most(given.lacking))
                .saturating_sub(given.sent);
            given.sent = given.sent.saturating_add(more);
            more
        };
        self.saved = saved.saturating_add(lacking.saturating_mul(2)).saturating_sub(more).min(MOST_SAVED);
        Answer::Rows(more)
    }

    fn given(&mut self, number: FrameNumber) -> &mut Given {
        let at = self.frames.iter().position(|given| given.number == number).unwrap_or_else(|| {
            let new = Given { number, next: 0, reach: 0, lacking: 0, sent: 0, answered: Time::default() };
            push_latest(&mut self.frames, new, FRAMES);
            self.frames.len().saturating_sub(1)
        });
        // it was found, or made just now
        #[expect(clippy::indexing_slicing, reason = "see above")]
        &mut self.frames[at]
    }
}

/// Datagrams of which `lacking` almost surely arrive, where this share is lost; but at most these.
fn enough(lacking: u16, loss: f32, short: f32, most: u16) -> u16 {
    let (loss, short) = (f64::from(loss), f64::from(short));
    // that exactly `spare` are lost before the last that is needed: the negative binomial distribution
    let mut chance = (1.0 - loss).powi(lacking.into());
    let mut sure = chance;
    let mut spare = 0u16;
    while sure < 1.0 - short && lacking.saturating_add(spare) < most {
        spare = spare.saturating_add(1);
        chance *= loss * f64::from(lacking.saturating_add(spare).saturating_sub(1)) / f64::from(spare);
        sure += chance;
    }
    lacking.saturating_add(spare)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: FrameNumber = FrameNumber(7);

    const NOW: Time = Time::from_millis(1_000);
    const PATH: Lossy = Lossy { loss: Some(0.1), round_trip: Duration::from_millis(40) };

    #[test]
    fn more_is_sent_where_more_is_lost_and_never_more_than_two_for_one() {
        let sent = |loss| [1, 2, 5, 10, 30].map(|lacking| enough(lacking, loss, 0.001, 2 * lacking));
        assert_eq!(sent(0.0001), [1, 2, 5, 10, 31]);
        assert_eq!(sent(0.02), [2, 4, 7, 13, 34]);
        assert_eq!(sent(0.05), [2, 4, 8, 14, 37]);
        assert_eq!(sent(0.2), [2, 4, 10, 20, 49]);
        assert_eq!(sent(0.5), [2, 4, 10, 20, 60]);
    }

    #[test]
    fn fragments_asked_for_one_by_one_share_a_margin() {
        let mut rows = Rows::new();
        let one_by_one = |rows: &mut Rows| -> u16 {
            let asked = (0..14).map(|n| n * 5..n * 5 + 1);
            let count = |asked| match rows.answer(NUMBER, &asked, PATH, NOW) {
                Answer::Rows(count) => count,
                Answer::Both(_) => panic!("one alone"),
            };
            asked.map(count).sum()
        };
        let first = one_by_one(&mut rows);
        assert_eq!(first, enough(14, 0.1, SHORT * 0.01, 28));
        // again, because too few have come: a margin for each, and what was saved before
        assert_eq!(one_by_one(&mut rows), 2 * 28 - first);
        let other = rows.answer(FrameNumber(8), &(3..4), PATH, NOW);
        assert_eq!(other, Answer::Rows(2), "another frame has its own");
        assert_eq!(
            rows.answer(NUMBER, &(80..90), PATH, NOW),
            Answer::Both(LATER),
            "ten in a row are no accident"
        );
    }

    #[test]
    fn no_row_goes_twice_and_there_is_an_end() {
        let mut rows = Rows::new();
        assert_eq!(rows.take(NUMBER, 10, 16), 0..10);
        assert_eq!(rows.take(FrameNumber(8), 10, 16), 0..10);
        assert!(rows.has_more(NUMBER, 16));
        assert_eq!(rows.take(NUMBER, 10, 16), 10..16);
        assert!(!rows.has_more(NUMBER, 16));
        for number in 100..100 + FRAMES as u32 {
            rows.take(FrameNumber(number), 1, 16);
        }
        assert_eq!(rows.frames.len(), FRAMES);
        assert!(rows.has_more(NUMBER, 16), "it is forgotten");
    }
}
