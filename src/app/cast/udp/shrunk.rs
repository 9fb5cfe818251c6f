//! Frames that do not fit a plain client's one datagram, made to fit: at most once a frame, whatever the clients.

use crate::picture::{Error, Shrink};
use crate::reel::Frame;
use crate::wire::FrameNumber;
use crate::wire::plain::MAX_DATAGRAM;

/// The latest shrunk frame. Nothing is reserved before the first is wanted.
#[derive(Default)]
pub struct Shrunk {
    shrink: Option<Shrink>,
    whole: Vec<u8>,
    small: Vec<u8>,
    number: Option<FrameNumber>,
}

impl Shrunk {
    /// The frame's JPEG in at most [`MAX_DATAGRAM`] bytes; `None` if this frame has failed before.
    ///
    /// # Errors
    /// The frame cannot be decoded, or nothing of it would fit. Said once a frame.
    pub fn of(&mut self, frame: &Frame<'_>) -> Result<Option<&[u8]>, Error> {
        if self.number != Some(frame.number()) {
            self.number = Some(frame.number());
            self.small.clear();
            self.whole.clear();
            frame.append_to(&mut self.whole);
            let shrink = match &mut self.shrink {
                Some(shrink) => shrink,
                none => none.insert(Shrink::new(MAX_DATAGRAM)?),
            };
            self.small.extend_from_slice(shrink.shrink(&self.whole)?);
        }
        Ok(Some(&self.small[..]).filter(|small| !small.is_empty()))
    }
}
