//! What a row of frames proves: that none was changed, left out or put in; and if one was, which.
//!
//! A frame that is not proved says nothing for certain, not even its number. So it waits until the next one that is proved says how
//! many frames belong between them: one that stands where a frame is lacking was changed, one that stands where none is was put in.

use super::Hash;
use super::look::{Flaw, Proof, Seen};
use super::statement::Mark;
use crate::wire::{FrameNumber, StreamId};

/// Of flawed frames in a row so many are remembered.
const WAITING: usize = 1000;

/// So many starts of camcast are remembered.
pub const STRETCHES: usize = 10_000;

/// What is to be said of a frame, or of those before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It begins a row: the first one, or the first after another start of camcast, of which `number - 1` frames are not here.
    Begins {
        /// The start of camcast.
        stream: StreamId,
        /// The frame's number there.
        number: FrameNumber,
        /// It is the very first row.
        is_first: bool,
    },
    /// It is not as the camera made it.
    Changed {
        /// Which frame it was, if that is known.
        number: Option<FrameNumber>,
        /// How that shows.
        flaw: Flaw,
    },
    /// The camera did not make it, or not for this place.
    PutIn(Flaw),
    /// The camera made it, and it is here once more.
    Twice(FrameNumber),
    /// It should stand before one that came earlier.
    OutOfOrder {
        /// This one.
        number: FrameNumber,
        /// The one that it should stand before.
        behind: FrameNumber,
    },
    /// It is of a start of camcast that was over.
    Returns(StreamId),
    /// It was made after another frame than the one that stands before it.
    Unlinked(FrameNumber),
    /// Frames before it are not here.
    LeftOut {
        /// The first that may be one of them.
        first: FrameNumber,
        /// The last.
        last: FrameNumber,
        /// How many they are: all from the first to the last, or fewer.
        count: u32,
    },
}

impl Finding {
    /// It is nothing that may be.
    pub fn is_fault(&self) -> bool {
        !matches!(self, Finding::Begins { .. })
    }
}

/// Frames of one start of camcast, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The first of them that was proved.
    pub first: Mark,
    /// The last.
    pub last: Mark,
}

/// A row of frames as it is read. `At` is a place in it.
#[derive(Debug)]
pub struct Chain<At> {
    last: Option<Last>,
    waiting: Vec<Waiting<At>>,
    /// Flawed frames behind the last proved one of which has been told already.
    told: u32,
    /// By their order; the first ones.
    stretches: Vec<Stretch>,
    frames: u64,
}

#[derive(Debug)]
struct Last {
    mark: Mark,
    link: Hash,
}

#[derive(Debug)]
struct Waiting<At> {
    at: At,
    flaw: Flaw,
    claimed: Option<Mark>,
}

impl<At> Default for Chain<At> {
    fn default() -> Self {
        Chain { last: None, waiting: Vec::new(), told: 0, stretches: Vec::new(), frames: 0 }
    }
}

impl<At: Copy> Chain<At> {
    /// Frames that were proved.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// The latest one that was proved.
    pub fn last(&self) -> Option<&Mark> {
        self.last.as_ref().map(|last| &last.mark)
    }

    /// The starts of camcast that were met, up to [`STRETCHES`].
    pub fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// The next frame.
    pub fn frame(&mut self, seen: Seen, at: At, tell: &mut impl FnMut(At, Finding)) {
        match seen {
            Seen::Flawed(flaw, claimed) => {
                if self.waiting.len() >= WAITING {
                    self.pause(tell);
                }
                self.waiting.push(Waiting { at, flaw, claimed });
            }
            Seen::Proved(proof) => {
                self.frames = self.frames.saturating_add(1);
                self.proved(&proof, at, tell);
            }
        }
    }

    /// A file ends here: what waits is told as far as it is known. The next file goes on with the same row.
    pub fn pause(&mut self, tell: &mut impl FnMut(At, Finding)) {
        let last = self.last.as_ref().map(|last| last.mark);
        for Waiting { at, flaw, claimed } in self.waiting.drain(..) {
            self.told = self.told.saturating_add(1);
            let number = claimed.filter(|mark| last.is_none_or(|last| is_later(mark, &last)));
            tell(
                at,
                match flaw {
                    Flaw::Broken => Finding::Changed { number: number.map(|mark| mark.number), flaw },
                    Flaw::Unsigned | Flaw::Stranger(_) => Finding::PutIn(flaw),
                },
            );
        }
    }

    fn proved(&mut self, proof: &Proof, at: At, tell: &mut impl FnMut(At, Finding)) {
        let Proof { mark, before, link, .. } = proof;
        let (stream, number) = (mark.stream, mark.number);
        let known = self.last.as_ref().map(|last| (last.mark, last.link));
        match known {
            Some((last, its_link)) if last.stream == stream => match number.since(last.number) {
                0 => return tell(at, Finding::Twice(number)),
                ..0 => return tell(at, Finding::OutOfOrder { number, behind: last.number }),
                1.. => {
                    self.close_gap(&last, mark, at, tell);
                    if number == last.number.next() && *before != its_link {
                        tell(at, Finding::Unlinked(number));
                    }
                }
            },
            _ => {
                self.pause(tell);
                let is_known = self.stretches.iter().any(|stretch| stretch.first.stream == stream);
                if is_known {
                    tell(at, Finding::Returns(stream));
                } else {
                    tell(at, Finding::Begins { stream, number, is_first: known.is_none() });
                }
                if self.stretches.len() < STRETCHES {
                    self.stretches.push(Stretch { first: *mark, last: *mark });
                }
            }
        }
        self.told = 0;
        self.last = Some(Last { mark: *mark, link: *link });
        if let Some(stretch) = self.stretches.last_mut().filter(|stretch| stretch.first.stream == stream) {
            stretch.last = *mark;
        }
    }

    /// What waits stands between these two, and perhaps in the place of frames that are not here.
    fn close_gap(&mut self, last: &Mark, next: &Mark, at: At, tell: &mut impl FnMut(At, Finding)) {
        // positive: it is a later one
        let gap = next.number.since(last.number).unsigned_abs().saturating_sub(1);
        let waiting = std::mem::take(&mut self.waiting);
        let count = u32::try_from(waiting.len()).unwrap_or(u32::MAX);
        let all = count.saturating_add(self.told);
        let claims = claims(&waiting, last, next);
        for (place, Waiting { at, flaw, claimed }) in (1..).zip(&waiting) {
            let exact = (count == gap && self.told == 0).then(|| last.number.plus(place));
            let claimed = claimed.filter(|mark| is_later(mark, last) && is_later(next, mark));
            let number = exact.or(claimed.map(|mark| mark.number));
            tell(
                *at,
                match flaw {
                    _ if gap == 0 => Finding::PutIn(*flaw),
                    Flaw::Broken => Finding::Changed { number, flaw: *flaw },
                    _ if all <= gap => Finding::Changed { number: exact, flaw: *flaw },
                    _ => Finding::PutIn(*flaw),
                },
            );
        }
        let lacking = gap.saturating_sub(all);
        match claims.filter(|_| self.told == 0 && lacking > 0) {
            Some(claims) => {
                // between each two of those that are here
                let mut first = last.number.next();
                for number in claims.into_iter().chain([next.number]) {
                    let count = number.since(first).unsigned_abs();
                    if count > 0 {
                        tell(at, Finding::LeftOut { first, last: number.previous(), count });
                    }
                    first = number.next();
                }
            }
            None if lacking > 0 => {
                let (first, last) = (last.number.next(), next.number.previous());
                tell(at, Finding::LeftOut { first, last, count: lacking });
            }
            None => {}
        }
    }
}

/// The numbers that all flawed frames between these two claim to have, if they can have them.
fn claims<At>(waiting: &[Waiting<At>], last: &Mark, next: &Mark) -> Option<Vec<FrameNumber>> {
    let mut before = *last;
    let mut claim = |waiting: &Waiting<At>| {
        let mark = waiting.claimed.filter(|mark| is_later(mark, &before) && is_later(next, mark))?;
        before = mark;
        Some(mark.number)
    };
    waiting.iter().map(&mut claim).collect()
}

fn is_later(mark: &Mark, than: &Mark) -> bool {
    mark.stream == than.stream && mark.number.is_after(than.number)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{key, mark, signed};
    use super::super::{PublicKey, Signer, look};
    use super::*;
    use crate::jpeg::{Size, sample};

    /// Frames 1 to 20, of a camera.
    fn row(stream: u64, seed: u8) -> Vec<Vec<u8>> {
        let mut signer = Signer::new(key(seed));
        let frame = |number: u32| {
            let jpeg = sample::jpeg(Size { width: 64, height: 48 }, &number.to_be_bytes());
            signed(&mut signer, &Mark { stream: StreamId(stream), ..mark(number) }, &jpeg)
        };
        (1..=20).map(frame).collect()
    }

    fn flipped(frame: &[u8]) -> Vec<u8> {
        let mut frame = frame.to_vec();
        let at = frame.len() - 4;
        frame[at] ^= 1;
        frame
    }

    fn unsigned() -> Vec<u8> {
        sample::jpeg(Size { width: 64, height: 48 }, b"somebody's")
    }

    /// What is said of these frames, by their places.
    fn said(frames: &[Vec<u8>]) -> (Vec<(usize, Finding)>, Chain<usize>) {
        let keys: Vec<PublicKey> = [1, 2].map(|seed| key(seed).public()).to_vec();
        let (mut chain, mut found) = (Chain::default(), Vec::new());
        let mut tell = |at: usize, finding: Finding| found.push((at, finding));
        for (at, frame) in frames.iter().enumerate() {
            chain.frame(look(frame, &keys), at, &mut tell);
        }
        chain.pause(&mut tell);
        (found, chain)
    }

    /// Those that may not be.
    fn faults(frames: &[Vec<u8>]) -> Vec<(usize, Finding)> {
        said(frames).0.into_iter().filter(|(_, finding)| finding.is_fault()).collect()
    }

    fn number(number: u32) -> FrameNumber {
        FrameNumber(number)
    }

    fn left_out(first: u32, last: u32) -> Finding {
        Finding::LeftOut { first: number(first), last: number(last), count: last - first + 1 }
    }

    fn changed(frame: u32, flaw: Flaw) -> Finding {
        Finding::Changed { number: Some(number(frame)), flaw }
    }

    #[test]
    fn all_frames_from_any_on_are_as_they_were_made() {
        for from in [0, 7] {
            let frames = row(9, 1).split_off(from);
            let (found, chain) = said(&frames);
            let begins =
                Finding::Begins { stream: StreamId(9), number: number(from as u32 + 1), is_first: true };
            assert_eq!(found, [(0, begins)]);
            assert_eq!(chain.frames(), frames.len() as u64);
            let [Stretch { first, last }] = chain.stretches() else { panic!("{:?}", chain.stretches()) };
            assert_eq!((first.number, last.number), (number(from as u32 + 1), number(20)));
        }
    }

    #[test]
    fn one_flipped_bit_is_named() {
        let mut frames = row(9, 1);
        frames[6] = flipped(&frames[6]);
        assert_eq!(faults(&frames), [(6, changed(7, Flaw::Broken))]);
        // in its statement: the number that it claims, the identifier, the key
        let whole = row(9, 1);
        let at = |text: &[u8]| whole[6].windows(text.len()).position(|bytes| bytes == text).unwrap();
        for (byte, bit) in
            [(at(b"frame=") + 15, 1), (at(b"frame=") + 7, 1), (at(b"camcast\0"), 1), (at(b"key=") + 9, 1)]
        {
            let mut frames = whole.clone();
            frames[6][byte] ^= bit;
            assert_eq!(faults(&frames), [(6, changed(7, Flaw::Broken))], "byte {byte}");
        }
        // at either end nothing says where it belongs but itself
        for at in [0, 19] {
            let mut frames = whole.clone();
            frames[at] = flipped(&frames[at]);
            assert_eq!(faults(&frames), [(at, changed(at as u32 + 1, Flaw::Broken))]);
        }
    }

    #[test]
    fn frames_that_are_left_out_are_named() {
        let mut frames = row(9, 1);
        frames.drain(11..14);
        assert_eq!(faults(&frames), [(11, left_out(12, 14))]);
        // beside a changed one
        frames[10] = flipped(&frames[10]);
        assert_eq!(faults(&frames), [(10, changed(11, Flaw::Broken)), (11, left_out(12, 14))]);
        // beside one that cannot be told
        let mut frames = row(9, 1);
        frames.drain(12..14);
        frames[11] = unsigned();
        let some = Finding::LeftOut { first: number(12), last: number(14), count: 2 };
        let found = [(11, Finding::Changed { number: None, flaw: Flaw::Unsigned }), (12, some)];
        assert_eq!(faults(&frames), found);
    }

    #[test]
    fn what_was_put_in_is_named() {
        let frames = row(9, 1);
        let with = |at: usize, frame: Vec<u8>| {
            let mut frames = frames.clone();
            frames.insert(at, frame);
            faults(&frames)
        };
        assert_eq!(with(5, unsigned()), [(5, Finding::PutIn(Flaw::Unsigned))]);
        assert_eq!(with(5, flipped(&frames[4])), [(5, Finding::PutIn(Flaw::Broken))]);
        let stranger = Flaw::Stranger(*key(3).public().bytes());
        assert_eq!(with(5, row(9, 3).remove(5)), [(5, Finding::PutIn(stranger))]);
        assert_eq!(with(5, frames[4].clone()), [(5, Finding::Twice(number(5)))]);
        let behind = Finding::OutOfOrder { number: number(2), behind: number(5) };
        assert_eq!(with(5, frames[1].clone()), [(5, behind)]);
        let early = [(5, left_out(6, 8)), (6, Finding::OutOfOrder { number: number(6), behind: number(9) })];
        assert_eq!(with(5, frames[8].clone())[..2], early);
        // in place of one
        let mut frames = frames.clone();
        frames[5] = unsigned();
        assert_eq!(faults(&frames), [(5, changed(6, Flaw::Unsigned))]);
    }

    #[test]
    fn another_start_of_camcast_is_said_and_is_no_fault() {
        let frames = [row(9, 1), row(10, 1).split_off(3)].concat();
        let (found, chain) = said(&frames);
        let begins = |stream, first, is_first| Finding::Begins {
            stream: StreamId(stream),
            number: number(first),
            is_first,
        };
        assert_eq!(found, [(0, begins(9, 1, true)), (20, begins(10, 4, false))]);
        assert_eq!(chain.stretches().len(), 2);
        // of another camera too; but what was over does not come back
        let frames = [row(9, 1), vec![row(10, 2).remove(0)], row(9, 1)].concat();
        assert_eq!(faults(&frames)[0], (21, Finding::Returns(StreamId(9))));
    }

    #[test]
    fn two_frames_of_one_number_are_told_apart() {
        let mut other = Signer::new(key(1));
        let again = signed(&mut other, &Mark { stream: StreamId(9), ..mark(1) }, &unsigned());
        let frames = [vec![again], row(9, 1).split_off(1)].concat();
        assert_eq!(faults(&frames), [(1, Finding::Unlinked(number(2)))]);
    }

    #[test]
    fn nothing_grows_with_flawed_frames() {
        let frames = vec![unsigned(); 3 * WAITING];
        let (found, chain) = said(&frames);
        assert_eq!((found.len(), chain.frames()), (3 * WAITING, 0));
        assert!(chain.waiting.capacity() < 2 * WAITING);
        assert_eq!(faults(&[row(9, 1), frames].concat()).len(), 3 * WAITING);
    }
}
