//! What lies too far back to be awaited, until it is taken: a leap of thousands of frames is one entry, not thousands.

use super::events::{Frame, Next, Run};
use super::paths::Presence;
use crate::wire::FrameNumber;
use std::collections::VecDeque;

/// In the frames' order.
#[derive(Default)]
pub(super) struct PushedOut {
    queue: VecDeque<Entry>,
}

enum Entry {
    Frame(Frame),
    /// Frames that have not come, and the paths on which they were left out: of these, all.
    Run {
        run: Run,
        left_out: u8,
        skipped: bool,
    },
}

impl PushedOut {
    /// The first of them.
    pub(super) fn first(&self) -> Option<FrameNumber> {
        self.queue.front().map(|entry| match entry {
            Entry::Frame(frame) => frame.number,
            Entry::Run { run, .. } => run.first,
        })
    }

    /// A frame that is whole.
    pub(super) fn push_frame(&mut self, frame: Frame) {
        self.queue.push_back(Entry::Frame(frame));
    }

    /// Frames that are not.
    pub(super) fn push_run(&mut self, run: Run, left_out: u8, skipped: bool) {
        match self.queue.back_mut() {
            Some(Entry::Run { run: before, left_out: out, skipped: were })
                if (*out, *were) == (left_out, skipped) =>
            {
                before.count = before.count.saturating_add(run.count);
            }
            _ => self.queue.push_back(Entry::Run { run, left_out, skipped }),
        }
    }

    /// What has not come will not come by this path.
    pub(super) fn skip(&mut self, path: usize, paths: Presence) {
        for entry in &mut self.queue {
            if let Entry::Run { left_out, skipped, .. } = entry {
                *left_out |= Presence::bit(path);
                *skipped = paths.are_all(*left_out);
            }
        }
    }

    pub(super) fn pop(&mut self) -> Option<Next> {
        self.queue.pop_front().map(|entry| match entry {
            Entry::Frame(frame) => Next::Frame(frame),
            Entry::Run { run, skipped: true, .. } => Next::Skipped(run),
            Entry::Run { run, .. } => Next::Missing(run),
        })
    }
}
