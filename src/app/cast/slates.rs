//! What viewers see while there is no signal: one picture, drawn once per loss, in a reel of its own.

use crate::app::local_time;
use crate::jpeg::{self, Size};
use crate::picture;
use crate::reel::{Frame, Reel};
use crate::sender::Slate;
use crate::supervisor::Signal;
use crate::time::{Stamp, Time};
use crate::wire::data::SLATE;
use crate::wire::{FrameNumber, StreamId};

/// Bytes of the reel: room for two slates of the largest size.
const ROOM: usize = 192 << 10;

/// A picture of a stream that never had a frame.
const USUAL: Size = Size { width: 1280, height: 720 };

/// The slates of a stream.
pub struct Slates {
    reel: Reel,
    /// The one that is shown, and since when there has been no signal.
    shown: Option<(Slate, Time)>,
}

impl Slates {
    /// None yet. `datagram` as the stream's own.
    pub fn new(datagram: u16, stream: StreamId) -> Self {
        Slates { reel: Reel::new(ROOM, datagram, stream), shown: None }
    }

    /// A slate's bytes.
    pub fn frame(&self, number: FrameNumber) -> Option<Frame<'_>> {
        self.reel.frame(number)
    }

    /// What is to be shown now: none while there is a signal, or nobody who would see it. `size`: the stream's.
    pub fn show(
        &mut self,
        signal: Signal,
        has_viewers: bool,
        size: Option<Size>,
        now: Time,
    ) -> Option<Slate> {
        let Signal::Lost { since, cause } = signal else {
            self.shown = None;
            return None;
        };
        match self.shown {
            Some((slate, of)) if of == since => Some(slate),
            _ if has_viewers => {
                let slate = self.draw(&cause.to_string(), size.unwrap_or(USUAL), since, now)?;
                self.shown = Some((slate, since));
                Some(slate)
            }
            _ => None,
        }
    }

    fn draw(&mut self, reason: &str, size: Size, since: Time, now: Time) -> Option<Slate> {
        let drawn = picture::slate(size, reason, &local_time::to_the_second(local_time::at(since)));
        let jpeg = drawn.inspect_err(|error| log::warn!("no picture for a lost signal: {error}")).ok()?;
        let stamp = Stamp { captured: now, sequence: 0 };
        let facts = jpeg::header(&jpeg).ok()?;
        let number = self.reel.push(&jpeg, facts, stamp, SLATE).ok()?;
        let fragments = self.reel.frame(number)?.fragments();
        Some(Slate { number, fragments })
    }
}
