//! A picture on its way over one connection: a head of ours, the frame as it lies in the reel, and what ends the part.

use super::scaled::Scaled;
use crate::app::cast::outlet::Budget;
use crate::app::cast::stream::Stream;
use crate::http::answer::Head;
use crate::http::multipart::{BEHIND, IN_ADVANCE};
use crate::http::route::Scale;
use crate::reel::Frame;
use crate::sys::connection::Connection;
use crate::sys::tcp::{Outgoing, Progress, beyond};
use crate::wire::FrameNumber;

/// Which picture it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Picture {
    /// A frame of the stream.
    Frame(FrameNumber),
    /// A frame made smaller; the number is that of its scale.
    Small(Scale, FrameNumber),
    /// A picture that stands in for frames.
    Slate(FrameNumber),
}

/// Where pictures are.
#[derive(Clone, Copy)]
pub struct Pictures<'a> {
    /// What is streamed.
    pub stream: &'a Stream,
    /// What is made smaller of it.
    pub scaled: &'a Scaled,
}

/// A picture on its way.
#[derive(Debug)]
pub struct Part {
    picture: Picture,
    head: Head,
    /// What follows the picture.
    behind: [&'static [u8]; 2],
    /// Bytes of all that are gone.
    sent: usize,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    /// All of it is on its way.
    Done,
    /// That was the last that goes there.
    Ended,
    /// The rest waits until the connection takes more.
    Blocked,
    /// The other side has closed the connection.
    Closed,
    /// The frame has left the reel: what is missing of it cannot be sent any more.
    Gone,
}

impl Picture {
    /// The bytes.
    pub fn of<'a>(self, pictures: Pictures<'a>) -> Option<Frame<'a>> {
        match self {
            Picture::Frame(number) => pictures.stream.reel.frame(number),
            Picture::Small(scale, number) => pictures.scaled.frame(scale, number),
            Picture::Slate(number) => pictures.stream.slates.frame(number),
        }
    }
}

impl Part {
    /// An answer with one picture.
    pub fn alone(picture: Picture, head: Head) -> Self {
        Part { picture, head, behind: [b"", b""], sent: 0 }
    }

    /// A part of a stream; with `in_advance` the next one's head goes with it.
    pub fn of_stream(picture: Picture, head: Head, in_advance: bool) -> Self {
        let next: &[u8] = if in_advance { IN_ADVANCE } else { b"" };
        Part { picture, head, behind: [BEHIND, next], sent: 0 }
    }

    /// How much smaller than the stream's the picture is, if it is.
    pub fn scale(&self) -> Option<Scale> {
        match self.picture {
            Picture::Small(scale, _) => Some(scale),
            Picture::Frame(_) | Picture::Slate(_) => None,
        }
    }

    /// Sends what the connection takes.
    pub fn send(
        &mut self,
        connection: &Connection,
        outgoing: &mut Outgoing,
        pictures: Pictures<'_>,
        budget: &mut Budget,
    ) -> Sending {
        let Some(frame) = self.picture.of(pictures) else { return Sending::Gone };
        let pieces = [self.head.as_bytes()].into_iter().chain(frame.pieces_for_others()).chain(self.behind);
        let (sent, progress) = outgoing.send(connection, beyond(pieces, self.sent));
        budget.spend_on(sent);
        self.sent += sent;
        progress.into()
    }
}

impl From<Progress> for Sending {
    fn from(progress: Progress) -> Self {
        match progress {
            Progress::Done => Sending::Done,
            Progress::Blocked => Sending::Blocked,
            Progress::Closed => Sending::Closed,
        }
    }
}
