//! The original protocol's client: a whole JPEG a datagram, answered by `continue`.
//!
//! A lost frame or a lost answer leaves the original server waiting for ever; so the answer is repeated.

use super::SILENCE;
use super::events::Over;
use crate::jpeg;
use crate::time::{Stamp, Time};
use crate::wire::FrameNumber;
use crate::wire::plain::{CONTINUE, END, Word};
use std::ops::Range;
use std::time::Duration;

/// `continue` is repeated after this long without a frame.
const REPEAT: Duration = Duration::from_secs(1);

/// What a datagram was.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// A whole JPEG, without what the server's camera left around it.
    Frame {
        /// Counted here: the protocol has no numbers.
        number: FrameNumber,
        /// The time of arrival: the protocol has no capture times.
        stamp: Stamp,
        /// Where in the datagram it is.
        place: Range<usize>,
    },
    /// The server says `end`.
    Over(Over),
    /// Neither: to be counted.
    Nothing,
}

/// One session with a server of the original protocol.
#[derive(Debug)]
pub struct PlainReceiver {
    next: FrameNumber,
    heard: Time,
    /// An answer is owed since; none before the first frame, whose sender is not known yet.
    repeat: Option<Time>,
    owed: bool,
}

impl PlainReceiver {
    /// A session that was joined at `now`; its first frame will have the number `next`.
    pub fn new(next: FrameNumber, now: Time) -> Self {
        PlainReceiver { next, heard: now, repeat: None, owed: false }
    }

    /// The number of the next frame.
    pub fn next_frame(&self) -> FrameNumber {
        self.next
    }

    /// A datagram from the server.
    pub fn handle_datagram(&mut self, datagram: &[u8], now: Time) -> Heard {
        if Word::parse(datagram) == Some(Word::End) {
            return Heard::Over(Over::Ended(crate::wire::server::EndReason::Stopping));
        }
        self.heard = now;
        self.owed = true;
        let jpeg = jpeg::markers::without_empty(datagram);
        let Ok(frame) = jpeg::check(jpeg) else { return Heard::Nothing };
        let begin = datagram.len().saturating_sub(jpeg.len());
        let place = begin..begin.saturating_add(frame.bytes.len());
        let number = self.next;
        self.next = number.next();
        Heard::Frame { number, stamp: Stamp { captured: now, sequence: number.0 }, place }
    }

    /// A deadline has come: the session may be over.
    pub fn handle_timeout(&mut self, now: Time) -> Option<Over> {
        if self.repeat.is_some_and(|at| now >= at) {
            self.owed = true;
        }
        (now >= self.heard.after(SILENCE)).then_some(Over::Silence)
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub fn next_timeout(&self) -> Time {
        self.repeat.unwrap_or(Time::NEVER).min(self.heard.after(SILENCE))
    }

    /// The word to send to the sender of the last datagram. Changes with every input.
    pub fn poll_datagram(&mut self, now: Time) -> Option<&'static [u8]> {
        if !std::mem::take(&mut self.owed) {
            return None;
        }
        self.repeat = Some(now.after(REPEAT));
        Some(CONTINUE)
    }

    /// The word to leave with.
    pub fn farewell(&self) -> &'static [u8] {
        END
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_datagram_is_answered_and_the_answer_repeated() {
        let start = Time::from_millis(1000);
        let mut plain = PlainReceiver::new(FrameNumber(1), start);
        assert_eq!(plain.poll_datagram(start), None, "the server is not known yet");
        assert_eq!(plain.handle_datagram(b"no picture", start), Heard::Nothing);
        assert_eq!(plain.poll_datagram(start), Some(CONTINUE));
        assert_eq!(plain.poll_datagram(start), None);
        let later = plain.next_timeout();
        assert_eq!(later, start.after(REPEAT));
        assert_eq!(plain.handle_timeout(later), None);
        assert_eq!(plain.poll_datagram(later), Some(CONTINUE));
        assert_eq!(plain.handle_timeout(start.after(SILENCE)), Some(Over::Silence));
    }

    #[test]
    fn a_frame_is_taken_without_what_is_around_it() {
        let jpeg = crate::jpeg::sample::jpeg(crate::jpeg::Size { width: 8, height: 8 }, b"e");
        let datagram = [b"\xff\xd8", &jpeg[..], b"\0\0rest\xff\xd9"].concat();
        let mut plain = PlainReceiver::new(FrameNumber(1), Time::default());
        let heard = plain.handle_datagram(&datagram, Time::default());
        assert!(matches!(heard, Heard::Frame { place, .. } if datagram[place.clone()] == jpeg));
    }

    #[test]
    fn the_servers_end_is_understood() {
        let mut plain = PlainReceiver::new(FrameNumber(1), Time::default());
        assert!(matches!(plain.handle_datagram(b"end", Time::default()), Heard::Over(Over::Ended(_))));
    }
}
