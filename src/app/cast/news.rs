//! What the stream and its outlets hear of each other: news one way, demand the other, once a turn; and of the camera's absence
//! at once.

use crate::sender::Slate;

/// What has changed; told to each outlet before it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// There are new frames in the reel.
    Frame,
    /// The camera delivers again, or delivers nothing any more.
    Camera {
        /// It delivers nothing.
        away: bool,
    },
    /// This slate is to be shown to those who look on, or none.
    Slate(Option<Slate>),
    /// Descriptors run out, and somebody has come: who has connections that want nothing lets one go.
    Scarce,
    /// An order to the camera's controls has its answer.
    Controls,
    /// The stream ends: clients are to be told, and nobody new is let in. [`Demand::clients`] falls to zero when that is
    /// done.
    Stop,
}

/// Who is there. Summed over all outlets it decides whether the camera is on and when the program may end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// Clients, those included that have not yet shown themselves.
    pub clients: usize,
    /// Some of them would see a slate.
    pub has_viewers: bool,
    /// Some of them can get frames with the standard Huffman tables only.
    pub needs_standard: bool,
    /// Frames that clients do not have yet, and can still get. Asked for when the source is over; zero before.
    pub outstanding: u64,
}

impl Demand {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Demand) -> Self {
        Demand {
            clients: self.clients + other.clients,
            has_viewers: self.has_viewers | other.has_viewers,
            needs_standard: self.needs_standard | other.needs_standard,
            outstanding: self.outstanding.saturating_add(other.outstanding),
        }
    }
}
