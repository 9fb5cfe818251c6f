//! What a row of frames proves: that none was changed, left out or put in; and if one was, which.
//!
//! A frame that is not proved says nothing for certain, not even its number. So it waits until the next one that is proved says how
//! many frames belong between them: one that stands where a frame is lacking was changed, one that stands where none is was put in.

use super::Hash;
use super::look::{Flaw, Proof, Seen};
use super::statement::Mark;
use crate::key_text::KEY_LEN;
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
        /// It is of another camera than the row before it: its key.
        other: Option<[u8; KEY_LEN]>,
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
    /// It stands before others that were made earlier; what follows it goes on with those.
    TooEarly {
        /// This one.
        number: FrameNumber,
        /// The one that follows.
        before: FrameNumber,
    },
    /// It is of a start of camcast that was over.
    Returns(StreamId),
    /// It begins a row, and by the wall clock it was made before the last frame of the same camera's row before.
    Backwards(FrameNumber),
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
    /// The camera's public key.
    pub key: [u8; KEY_LEN],
    /// The first of them that was proved.
    pub first: Mark,
    /// The last.
    pub last: Mark,
}

/// A row of frames as it is read. `At` is a place in it.
#[derive(Debug)]
pub struct Chain<At> {
    last: Option<Last>,
    /// A frame far ahead of the last one: the next one says whether those between are not here, or it was put in.
    ahead: Option<(Proof, At)>,
    waiting: Vec<Waiting<At>>,
    /// Flawed frames behind the last proved one of which has been told already.
    told: u32,
    /// By their order; the first ones.
    stretches: Vec<Stretch>,
    frames: u64,
}

#[derive(Debug)]
struct Last {
    key: [u8; KEY_LEN],
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
        Chain { last: None, ahead: None, waiting: Vec::new(), told: 0, stretches: Vec::new(), frames: 0 }
    }
}

impl<At: Copy> Chain<At> {
    /// Frames that were proved.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// The starts of camcast that were met, up to [`STRETCHES`].
    pub fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// The next frame. Gives back which one it is, if it is proved and may stand there.
    pub fn frame(&mut self, seen: Seen, at: At, tell: &mut impl FnMut(At, Finding)) -> Option<Mark> {
        match seen {
            Seen::Flawed(flaw, claimed) => {
                self.settle(tell);
                if self.waiting.len() >= WAITING {
                    self.pause(tell);
                }
                self.waiting.push(Waiting { at, flaw, claimed });
                None
            }
            Seen::Proved(proof) => {
                self.frames = self.frames.saturating_add(1);
                let mark = proof.mark;
                self.proved(proof, at, tell).then_some(mark)
            }
        }
    }

    /// A file ends here: what waits is told as far as it is known. The next file goes on with the same row.
    pub fn pause(&mut self, tell: &mut impl FnMut(At, Finding)) {
        self.settle(tell);
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

    /// Whether it may stand there.
    fn proved(&mut self, proof: Proof, at: At, tell: &mut impl FnMut(At, Finding)) -> bool {
        let number = proof.mark.number;
        if let Some((ahead, its_at)) = self.ahead.take() {
            let is_next = self.distance(&proof) == Some(1);
            if is_next {
                tell(its_at, Finding::TooEarly { number: ahead.mark.number, before: number });
            } else {
                self.goes_on(&ahead, its_at, tell);
            }
        }
        let is_behind_flawed = self.told > 0 || !self.waiting.is_empty();
        match self.distance(&proof) {
            Some(0) => tell(at, Finding::Twice(number)),
            Some(..0) => {
                let behind = self.last.as_ref().map_or(number, |last| last.mark.number);
                tell(at, Finding::OutOfOrder { number, behind });
            }
            Some(2..) if !is_behind_flawed => {
                self.ahead = Some((proof, at));
                return true;
            }
            Some(_) => {
                self.goes_on(&proof, at, tell);
                return true;
            }
            None => {
                self.pause(tell);
                self.begins(&proof, at, tell);
                self.follow(&proof);
                return true;
            }
        }
        false
    }

    /// How far it is behind the last one of the same row.
    fn distance(&self, proof: &Proof) -> Option<i32> {
        let last = self.last.as_ref();
        let last = last.filter(|last| last.mark.stream == proof.mark.stream && last.key == proof.key)?;
        Some(proof.mark.number.since(last.mark.number))
    }

    /// The frame that was ahead stands where it should: those between are not here.
    fn settle(&mut self, tell: &mut impl FnMut(At, Finding)) {
        if let Some((ahead, at)) = self.ahead.take() {
            self.goes_on(&ahead, at, tell);
        }
    }

    /// It is a later one of the same row.
    fn goes_on(&mut self, proof: &Proof, at: At, tell: &mut impl FnMut(At, Finding)) {
        let number = proof.mark.number;
        if let Some((last, link)) = self.last.as_ref().map(|last| (last.mark, last.link)) {
            self.close_gap(&last, &proof.mark, at, tell);
            if number == last.number.next() && proof.before != link {
                tell(at, Finding::Unlinked(number));
            }
        }
        self.follow(proof);
    }

    /// It is of another row than the one before.
    fn begins(&mut self, proof: &Proof, at: At, tell: &mut impl FnMut(At, Finding)) {
        let Proof { mark, key, .. } = proof;
        let is_known =
            self.stretches.iter().any(|stretch| stretch.first.stream == mark.stream && stretch.key == *key);
        if is_known {
            tell(at, Finding::Returns(mark.stream));
        } else {
            let other = self.last.as_ref().filter(|last| last.key != *key).map(|_| *key);
            let (stream, number) = (mark.stream, mark.number);
            tell(at, Finding::Begins { stream, number, is_first: self.last.is_none(), other });
            let before = self.stretches.iter().rev().find(|stretch| stretch.key == *key);
            // zero: that clock was not set
            if before.is_some_and(|before| mark.wall > 0 && mark.wall < before.last.wall) {
                tell(at, Finding::Backwards(number));
            }
        }
        if self.stretches.len() < STRETCHES {
            self.stretches.push(Stretch { key: *key, first: *mark, last: *mark });
        }
    }

    /// The next one comes behind it.
    fn follow(&mut self, proof: &Proof) {
        let Proof { mark, key, link, .. } = proof;
        self.told = 0;
        self.last = Some(Last { key: *key, mark: *mark, link: *link });
        if let Some(stretch) = self
            .stretches
            .last_mut()
            .filter(|stretch| stretch.first.stream == mark.stream && stretch.key == *key)
        {
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
            let begins = Finding::Begins {
                stream: StreamId(9),
                number: number(from as u32 + 1),
                is_first: true,
                other: None,
            };
            assert_eq!(found, [(0, begins)]);
            assert_eq!(chain.frames(), frames.len() as u64);
            let [Stretch { first, last, .. }] = chain.stretches() else { panic!("{:?}", chain.stretches()) };
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
        let early = |frame| Finding::TooEarly { number: number(frame), before: number(6) };
        assert_eq!(with(5, frames[8].clone()), [(5, early(9))]);
        // one that stands elsewhere is not in its place
        let mut moved = frames.clone();
        let ninth = moved.remove(8);
        moved.insert(5, ninth);
        assert_eq!(faults(&moved), [(5, early(9)), (9, left_out(9, 9))]);
        // at the end nothing says that it was put in
        assert_eq!(faults(&[&frames[..5], &frames[8..9]].concat()), [(5, left_out(6, 8))]);
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
            other: None,
        };
        let backwards = Finding::Backwards(number(4));
        assert_eq!(found, [(0, begins(9, 1, true)), (20, begins(10, 4, false)), (20, backwards)]);
        assert_eq!(chain.stretches().len(), 2);
        // of another camera too; but what was over does not come back
        let frames = [row(9, 1), vec![row(10, 2).remove(0)], row(9, 1)].concat();
        assert_eq!(faults(&frames)[0], (21, Finding::Returns(StreamId(9))));
        // two cameras of one stream's number
        let (found, chain) = said(&[row(9, 1), row(9, 2)].concat());
        let other = Some(*key(2).public().bytes());
        let begins = Finding::Begins { stream: StreamId(9), number: number(1), is_first: false, other };
        assert_eq!(found[1..], [(20, begins)]);
        assert_eq!(chain.stretches()[1].key, *key(2).public().bytes());
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
