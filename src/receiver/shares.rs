//! What each path has brought, and what was lost on it: told from the fragments themselves, as no datagram says how many were sent.
//!
//! A fragment that nobody asked for has come by a path, or was lost there. One that was asked for had come by none: what comes of it
//! then by a path that was asked is an answer, and so is a parity row, which says nothing of what was lost. What there is to say of
//! a frame is known some time after it has come out, when the slower path has had its turn.

use super::PATHS;
use super::requests::Insertion;
use crate::wire::FrameNumber;
use crate::wire::data::Header;

/// Frames that are not settled yet: as many as a path may be behind another.
const OPEN: usize = 256;

/// Words of a frame's fragments that there is room for from the beginning: 256 of them. A larger frame makes more, once.
const WORDS: usize = 4;

/// What one path has done. Fragments, all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// They came by it before they came by another, or at all; parity rows that stand in for some among them.
    pub first: u64,
    /// They were sent on it: those of settled frames, each once.
    pub sent: u64,
    /// They were lost on it.
    pub lost: u64,
}

impl Share {
    /// The lost ones among those sent, in percent; none if nothing is settled.
    pub fn lost_percent(&self) -> Option<f64> {
        (self.sent > 0).then(|| 100.0 * self.lost as f64 / self.sent as f64)
    }

    /// This one's too.
    pub fn add(&mut self, other: Share) {
        self.first = self.first.saturating_add(other.first);
        self.sent = self.sent.saturating_add(other.sent);
        self.lost = self.lost.saturating_add(other.lost);
    }
}

/// What has come of one frame.
#[derive(Clone, Debug, Default)]
struct Open {
    number: FrameNumber,
    /// Fragments that it has; 0 if there is no such frame.
    count: u32,
    /// Fragments that came by each path, unasked.
    came: [u32; PATHS],
    /// The path has not been sent it, or is done with it.
    is_done: [bool; PATHS],
    /// Fragments that were asked for before they came, a bit each.
    answers: Vec<u64>,
}

/// Where a path begins and how far it has come.
#[derive(Clone, Copy, Debug, Default)]
struct Reach {
    from: FrameNumber,
    to: FrameNumber,
    is_there: bool,
}

/// The account of all paths of a stream.
pub(super) struct Shares {
    of: [Share; PATHS],
    reach: [Reach; PATHS],
    open: Vec<Open>,
    /// A frame of which nothing has come by a path was lost there; a viewer may not have been sent it.
    is_every: bool,
}

impl Shares {
    /// Nothing has come yet. `is_every`: nothing is left out without a word.
    pub(super) fn new(is_every: bool) -> Self {
        let open =
            (0..OPEN).map(|_| Open { answers: Vec::with_capacity(WORDS), ..Open::default() }).collect();
        Shares { of: [Share::default(); PATHS], reach: [Reach::default(); PATHS], open, is_every }
    }

    /// The path is there, and brings what is from `first` on.
    pub(super) fn join(&mut self, path: usize, first: FrameNumber) {
        if let Some(reach) = self.reach.get_mut(path) {
            *reach = Reach { from: first, to: first.previous(), is_there: true };
        }
    }

    /// The path is gone: what has not come by it will not.
    pub(super) fn leave(&mut self, path: usize) {
        let reach = self.reach.get(path).copied().unwrap_or_default();
        if let Some(share) = self.of.get_mut(path) {
            self.open.iter_mut().for_each(|open| open.settle(path, reach, self.is_every, share));
        }
        if let Some(reach) = self.reach.get_mut(path) {
            reach.is_there = false;
        }
    }

    /// Something of this frame was sent on this path, or it was left out, and of those before.
    pub(super) fn reach(&mut self, path: usize, newest: FrameNumber) {
        if let Some(reach) = self.reach.get_mut(path).filter(|reach| newest.is_after(reach.to)) {
            reach.to = newest;
        }
    }

    /// This fragment has come by this path. `is_asked`: the path is one of those that are asked for what is missing.
    pub(super) fn on_data(&mut self, path: usize, header: &Header, fate: Insertion, is_asked: bool) {
        self.reach(path, header.number);
        let is_first = fate != Insertion::Again;
        if let Some(share) = self.of.get_mut(path) {
            share.first = share.first.saturating_add(u64::from(is_first));
        }
        if header.is_parity() {
            return;
        }
        let Some(open) = self.open_frame(header) else { return };
        let (word, bit) = ((header.index / 64) as usize, 1_u64 << (header.index % 64));
        let Some(word) = open.answers.get_mut(word) else { return };
        let was_answered = *word & bit != 0;
        if matches!(fate, Insertion::Repaired | Insertion::Crossed) {
            *word |= bit;
        }
        let is_answer = fate == Insertion::Repaired || (fate == Insertion::Again && was_answered);
        if is_answer && is_asked {
            return;
        }
        if let Some(came) = open.came.get_mut(path) {
            *came = came.saturating_add(1);
        }
    }

    /// These frames were not sent on this path: bit `i` is the one `i + 1` before `newest`. All bits together are a leap longer
    /// than they can tell: of what nothing has come before it, nothing was sent.
    pub(super) fn on_skipped(&mut self, path: usize, newest: FrameNumber, skipped: u32) {
        if skipped == u32::MAX {
            let before = self.open.iter_mut().filter(|open| newest.is_after(open.number));
            before.for_each(|open| open.leave_out(path));
        }
        for bit in (0..32_u32).filter(|bit| skipped & (1 << bit) != 0) {
            let number = FrameNumber(newest.0.wrapping_sub(bit.saturating_add(1)));
            let open = self.open.get_mut(number.0 as usize % OPEN).filter(|open| open.number == number);
            if let Some(done) = open.and_then(|open| open.is_done.get_mut(path)) {
                *done = true;
            }
        }
    }

    fn open_frame(&mut self, header: &Header) -> Option<&mut Open> {
        let open = self.open.get_mut(header.number.0 as usize % OPEN)?;
        if open.count == 0 || header.number.is_after(open.number) {
            for (path, share) in self.of.iter_mut().enumerate() {
                let reach = self.reach.get(path).copied().unwrap_or_default();
                open.settle(path, reach, self.is_every, share);
            }
            open.begin(header);
        }
        (open.number == header.number).then_some(open)
    }

    /// What the path has done, as far as it is settled.
    pub(super) fn of(&self, path: usize) -> Share {
        self.of.get(path).copied().unwrap_or_default()
    }
}

impl Open {
    fn begin(&mut self, header: &Header) {
        (self.number, self.count) = (header.number, header.count());
        (self.came, self.is_done) = ([0; PATHS], [false; PATHS]);
        self.answers.clear();
        self.answers.resize((self.count as usize).div_ceil(64), 0);
    }

    /// If nothing has come by this path, nothing was sent.
    fn leave_out(&mut self, path: usize) {
        if let (Some(0), Some(is_done)) = (self.came.get(path), self.is_done.get_mut(path)) {
            *is_done = true;
        }
    }

    /// The path has had its turn.
    fn settle(&mut self, path: usize, reach: Reach, is_every: bool, share: &mut Share) {
        let Some(is_done) = self.is_done.get_mut(path) else { return };
        let was_done = std::mem::replace(is_done, true);
        let came = self.came.get(path).copied().unwrap_or(0).min(self.count);
        let is_within =
            reach.is_there && !reach.from.is_after(self.number) && !self.number.is_after(reach.to);
        if was_done || !is_within || (came == 0 && !is_every) {
            return;
        }
        share.sent = share.sent.saturating_add(self.count.into());
        share.lost = share.lost.saturating_add(self.count.saturating_sub(came).into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Stamp;

    fn header(number: u32, index: u16) -> Header {
        let (number, stamp) = (FrameNumber(number), Stamp::default());
        Header { flags: 0, epoch: 0, number, length: 5_000, index, size: 1_000, stamp, check: 0 }
    }

    /// Frame `number` comes by this path, all but these fragments.
    fn come(shares: &mut Shares, path: usize, number: u32, without: &[u16], fate: Insertion) {
        let here = (0..5).filter(|index| !without.contains(index));
        here.for_each(|index| shares.on_data(path, &header(number, index), fate, true));
    }

    fn share(first: u64, sent: u64, lost: u64) -> Share {
        Share { first, sent, lost }
    }

    #[test]
    fn what_was_lost_is_told_from_what_came_unasked() {
        let mut shares = Shares::new(true);
        [0, 1].into_iter().for_each(|path| shares.join(path, FrameNumber(1)));
        come(&mut shares, 0, 1, &[2], Insertion::Fresh);
        shares.on_data(1, &header(1, 2), Insertion::Fresh, true);
        come(&mut shares, 1, 1, &[2, 4], Insertion::Again);
        // lost on both, asked for on both, and answered by both
        come(&mut shares, 0, 2, &[3], Insertion::Fresh);
        come(&mut shares, 1, 2, &[3], Insertion::Again);
        shares.on_data(1, &header(2, 3), Insertion::Repaired, true);
        shares.on_data(0, &header(2, 3), Insertion::Again, true);
        assert_eq!(shares.of(0), share(8, 0, 0), "the slower one may still come");
        shares.leave(0);
        shares.leave(1);
        assert_eq!((shares.of(0), shares.of(1)), (share(8, 10, 2), share(2, 10, 2)));
        assert_eq!(shares.of(0).lost_percent(), Some(20.0));
    }

    #[test]
    fn a_path_that_was_not_asked_brings_no_answers() {
        let mut shares = Shares::new(true);
        [0, 1].into_iter().for_each(|path| shares.join(path, FrameNumber(1)));
        come(&mut shares, 0, 1, &[1], Insertion::Fresh);
        shares.on_data(0, &header(1, 1), Insertion::Repaired, true);
        (0..5).for_each(|index| shares.on_data(1, &header(1, index), Insertion::Again, false));
        [0, 1].into_iter().for_each(|path| shares.leave(path));
        assert_eq!((shares.of(0), shares.of(1)), (share(5, 5, 1), share(0, 5, 0)));
    }

    #[test]
    fn what_was_not_sent_was_not_lost() {
        let mut shares = Shares::new(true);
        shares.join(0, FrameNumber(1));
        shares.join(1, FrameNumber(3));
        (1..=6).for_each(|number| come(&mut shares, 0, number, &[], Insertion::Fresh));
        come(&mut shares, 1, 5, &[], Insertion::Again);
        shares.on_skipped(1, FrameNumber(5), 0b1);
        shares.leave(1);
        // frame 3 was lost, 4 skipped, and 6 is none of what the path was sent
        assert_eq!(shares.of(1), share(0, 10, 5));
        let mut viewer = Shares::new(false);
        viewer.join(0, FrameNumber(1));
        [1, 3].into_iter().for_each(|number| come(&mut viewer, 0, number, &[0], Insertion::Fresh));
        viewer.leave(0);
        assert_eq!(viewer.of(0), share(8, 10, 2));
    }

    #[test]
    fn a_leap_that_is_too_long_to_be_told_is_not_counted_either() {
        let mut shares = Shares::new(true);
        [0, 1].into_iter().for_each(|path| shares.join(path, FrameNumber(1)));
        (1..=60).for_each(|number| come(&mut shares, 0, number, &[], Insertion::Fresh));
        [1, 2, 3].into_iter().for_each(|number| come(&mut shares, 1, number, &[1], Insertion::Again));
        come(&mut shares, 1, 60, &[], Insertion::Again);
        shares.on_skipped(1, FrameNumber(60), u32::MAX);
        [0, 1].into_iter().for_each(|path| shares.leave(path));
        assert_eq!((shares.of(0), shares.of(1)), (share(300, 300, 0), share(0, 20, 3)));
    }

    #[test]
    fn old_frames_are_settled_by_new_ones_and_a_return_begins_anew() {
        let mut shares = Shares::new(true);
        shares.join(0, FrameNumber(u32::MAX));
        let numbers = (0..OPEN as u32 + 10).map(|count| u32::MAX.wrapping_add(count));
        numbers.for_each(|number| come(&mut shares, 0, number, &[0], Insertion::Fresh));
        assert_eq!((shares.of(0).sent, shares.of(0).lost), (50, 10));
        shares.leave(0);
        let all = shares.of(0);
        assert_eq!(all.sent, (OPEN as u64 + 10) * 5);
        shares.join(0, FrameNumber(1_000));
        shares.leave(0);
        assert_eq!(shares.of(0), all, "nothing is counted twice");
    }
}
