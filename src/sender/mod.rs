//! The sender's brain: who is here, what each client gets next, and when each falls silent. It decides, and does nothing:
//! sockets, clocks and log lines are the shell's, frames are the [reel](crate::reel)'s, bytes on the wire are
//! [wire](crate::wire)'s. One client's way of talking lives in one file; what all clients share is in `session` and [`hub`].
//! Other outlets do not belong here: what they share with it is the reel's [cursor](crate::reel::cursor).
//!
//! The shell hands in one input, then drains [`Hub::poll_output`] and [`Hub::poll_transmit`], then sleeps until
//! [`Hub::next_timeout`]. What is to be sent is said as descriptors (which client, which frame, which fragments), never as
//! bytes copied. What is handed out counts as sent: where a socket is full, the shell keeps what that did not take.
//!
//! | module | what |
//! |---|---|
//! | [`greeting`] | the first bytes of a TCP connection: which of the two languages, and is the line complete |
//! | [`hub`] | all clients: whose turn it is, timers |
//! | `admitting` | who gets a place, and who has to leave one |
//! | `entrance` | what is known of those who come |
//! | `moving` | sessions that go from one hub to another |
//! | `invitations` | those who have joined, and whose HELLO is awaited |
//! | `session` | one client, whatever it speaks: its route, its tally, whether its socket is full |
//! | `answer` | what one client's side of the talk asks of the hub |
//! | `dialect` | the languages behind one set of methods |
//! | `plain` | one client of the original protocol: a window of one frame |
//! | `native` | one client of our own: a cursor, a window, BEAT and END |
//! | `proof` | what a client has shown of its path |
//! | `repair` | what one client asks to be sent again: a queue and two token buckets |
//! | `so_far` | what one client has been sent of the newest frames |
//! | `rows` | how many parity rows answer that, and which |
//! | `parity` | the rows themselves, made once for all clients |
//! | `pacer` | how fast one client is sent to |
//! | `burst` | how much it is sent at once |
//! | `line` | what the clients share that are sent to in bursts |
//! | `lost` | which datagrams it has lost, as far as it lets it be known |
//! | `path` | what one client's path takes |
//! | `slate` | the picture that viewers see while there is no signal |
//! | `timers` | when something is due for one client |
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod admitting;
mod answer;
mod burst;
mod dialect;
mod entrance;
pub mod greeting;
pub mod hub;
mod invitations;
mod line;
mod lost;
mod moving;
mod native;
mod pacer;
mod parity;
mod path;
mod plain;
mod proof;
mod repair;
mod rows;
mod session;
mod slate;
mod so_far;
#[cfg(test)]
mod tests;
mod timers;

pub use hub::Hub;
pub use moving::{Moving, Recorder};
pub use slate::Slate;

use crate::wire::join::Policy;
use crate::wire::server::BEAT_LEN;
use crate::wire::{FrameNumber, Tag};
use arrayvec::ArrayVec;
use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

/// A client is dropped after this long without a sign of life. A little less than the five seconds that the protocol
/// promises, so that the detection's own delay is inside them.
pub const SILENCE: Duration = Duration::from_millis(4_500);

/// A client whose host says that its port is closed has to be silent for so long: what a host says anybody can say for it, but nobody
/// can silence it. A client that is there answers several times in this what is sent to it.
const REFUSED_SILENCE: Duration = Duration::from_secs(1);

/// One client, for as long as it is here; never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientId {
    place: u16,
    generation: u32,
}

impl ClientId {
    /// The client's place, less than the limit of clients: an index for the shell's own table.
    pub fn place(self) -> usize {
        usize::from(self.place)
    }

    /// Tells it from those that had its place before.
    pub fn generation(self) -> u32 {
        self.generation
    }
}

/// The two ends of a join's TCP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The client's.
    pub remote: SocketAddr,
    /// Ours: the address that the client knows us by, which video has to come from.
    pub local: SocketAddr,
}

/// Which of the two languages a client speaks, and what it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    /// The original protocol.
    Plain,
    /// Our own.
    Native(Policy),
}

impl fmt::Display for ClientKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientKind::Plain => f.write_str("plain"),
            ClientKind::Native(policy) => write!(f, "native, {policy}"),
        }
    }
}

/// A datagram without video.
pub type Small = ArrayVec<u8, BEAT_LEN>;

/// What the shell has to do, in this order.
#[derive(Clone, Debug)]
pub enum Output {
    /// Make the client's own UDP socket: bound to the route's local address, connected to `remote`.
    Open {
        /// Whose.
        client: ClientId,
        /// The local address.
        local: SocketAddr,
        /// Where the client is.
        remote: SocketAddr,
        /// Plain or native.
        kind: ClientKind,
        /// What stands in the first of the datagrams that are sent to it at once; none for a plain client.
        tag: Tag,
        /// The client's path does not take our datagrams whole: `Some(MTU as far as it is known, else 0)`.
        narrow: Option<u16>,
    },
    /// The client's path takes our datagrams whole after all.
    Widen {
        /// Whose.
        client: ClientId,
    },
    /// The client's path does not take our datagrams whole.
    Narrow {
        /// Whose.
        client: ClientId,
    },
    /// Send these bytes to the client, at most once.
    Datagram {
        /// To whom.
        client: ClientId,
        /// What.
        bytes: Small,
    },
    /// Send these bytes to somebody who is no client, from the socket that his datagram came to.
    Answer {
        /// The local address that he knows.
        local: SocketAddr,
        /// To whom.
        remote: SocketAddr,
        /// What.
        bytes: Small,
    },
    /// Close the client's socket and forget it.
    Close {
        /// Whose.
        client: ClientId,
        /// Why he has left.
        reason: LeaveReason,
    },
    /// Make an [`Encoder`](crate::fec::Encoder), which takes a while, and hand it to [`Hub::handle_encoder`]. Asked once, when
    /// somebody first lacks something that parity rows could answer; until it is here, copies do.
    MakeEncoder,
    /// For the log.
    Event(ClientEvent),
}

/// Bytes of the reel to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transmit {
    /// Fragments of a frame, as they lie in the reel.
    Train {
        /// To whom.
        client: ClientId,
        /// Which frame.
        number: FrameNumber,
        /// Which of its fragments.
        fragments: Range<u16>,
        /// They were sent before, and asked for.
        again: bool,
    },
    /// Parity rows of a frame, as [`Hub::parity`] has them: they answer a request. Those that it no longer has are lost.
    Parity {
        /// To whom.
        client: ClientId,
        /// Of which frame.
        number: FrameNumber,
        /// Which of its rows.
        rows: Range<u16>,
    },
    /// A whole JPEG in one datagram.
    Whole {
        /// To whom.
        client: ClientId,
        /// Which frame.
        number: FrameNumber,
    },
    /// A slate, which lies in a reel of its own.
    Slate {
        /// To whom.
        client: ClientId,
        /// Which slate.
        number: FrameNumber,
        /// Which of its fragments; none: the whole JPEG in one datagram, for a plain client.
        fragments: Option<Range<u16>>,
    },
}

impl Transmit {
    /// To whom.
    pub fn client(&self) -> ClientId {
        match self {
            Transmit::Train { client, .. }
            | Transmit::Parity { client, .. }
            | Transmit::Whole { client, .. }
            | Transmit::Slate { client, .. } => *client,
        }
    }

    /// It answers a request, or is a slate: any of its datagrams may be all that comes of a frame.
    pub fn is_again(&self) -> bool {
        !matches!(self, Transmit::Train { again: false, .. })
    }

    /// The datagrams to send, if it is not a whole JPEG in one.
    pub fn fragments(&self) -> Option<Range<u16>> {
        match self {
            Transmit::Train { fragments, .. } | Transmit::Parity { rows: fragments, .. } => {
                Some(fragments.clone())
            }
            Transmit::Slate { fragments, .. } => fragments.clone(),
            Transmit::Whole { .. } => None,
        }
    }

    /// What is left when all fragments before this one have gone.
    #[must_use]
    pub fn rest(&self, index: u16) -> Self {
        let mut rest = self.clone();
        match &mut rest {
            Transmit::Train { fragments, .. }
            | Transmit::Parity { rows: fragments, .. }
            | Transmit::Slate { fragments: Some(fragments), .. } => {
                fragments.start = index;
            }
            Transmit::Slate { fragments: None, .. } | Transmit::Whole { .. } => {}
        }
        rest
    }

    /// Which frame.
    pub fn number(&self) -> FrameNumber {
        match self {
            Transmit::Train { number, .. }
            | Transmit::Parity { number, .. }
            | Transmit::Whole { number, .. }
            | Transmit::Slate { number, .. } => *number,
        }
    }
}

/// What happened, for people.
#[derive(Clone, Debug)]
pub enum ClientEvent {
    /// A client gets the stream.
    Joined {
        /// Its UDP address.
        remote: SocketAddr,
        /// What it is.
        kind: ClientKind,
        /// Its program, if it said so.
        agent: Option<String>,
        /// It was here already, and its earlier session has been replaced.
        is_return: bool,
    },
    /// A client is gone.
    Left {
        /// Its UDP address; its TCP address if it never said HELLO.
        remote: SocketAddr,
        /// What it was.
        kind: ClientKind,
        /// Why.
        reason: LeaveReason,
        /// What it got.
        tally: Tally,
        /// How long it was here.
        stay: Duration,
    },
}

/// Why a client is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaveReason {
    /// It said so.
    End,
    /// It did not answer for [`SILENCE`].
    Silence,
    /// Its host says that nobody listens on its port.
    PortClosed,
    /// It joined over TCP, but its UDP socket was never heard of.
    NoHello,
    /// When its HELLO came, all places were taken.
    NoPlace,
    /// It joined again.
    Replaced,
    /// Another needed its place, and had fewer than its host, or it had proved nothing.
    MadeRoom,
    /// The system gave no socket for it.
    NoSocket,
    /// We are stopping.
    Stopping,
}

impl fmt::Display for LeaveReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LeaveReason::End => f.write_str("it said end"),
            LeaveReason::Silence => write!(f, "no answer for {:.1} s", SILENCE.as_secs_f32()),
            LeaveReason::PortClosed => f.write_str("its UDP port is closed"),
            LeaveReason::NoHello => {
                f.write_str("no HELLO from its UDP socket (is a firewall in the way of this port's UDP?)")
            }
            LeaveReason::NoPlace => f.write_str("others have taken the last places since it joined"),
            LeaveReason::Replaced => f.write_str("it joined again"),
            LeaveReason::MadeRoom => f.write_str(
                "it made room for another, as its host has more places than others, or it never answered",
            ),
            LeaveReason::NoSocket => f.write_str("no socket could be made for it"),
            LeaveReason::Stopping => f.write_str("camcast is stopping"),
        }
    }
}

/// What a client got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Whole frames sent.
    pub frames: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Datagrams with them, those sent again included.
    pub datagrams: u64,
    /// Fragments sent again.
    pub repairs: u64,
    /// Frames of which it asked for something when they had left the reel.
    pub gone: u64,
    /// Frames that it did not get: skipped by its own wish for the newest, or gone from the reel.
    pub skipped: u64,
    /// What it said last of its network; none before it said anything, or of a plain client.
    pub view: Option<View>,
}

impl Tally {
    /// What has come since an earlier one of the same.
    #[must_use]
    pub fn since(&self, before: &Tally) -> Tally {
        Tally {
            frames: self.frames.saturating_sub(before.frames),
            bytes: self.bytes.saturating_sub(before.bytes),
            datagrams: self.datagrams.saturating_sub(before.datagrams),
            repairs: self.repairs.saturating_sub(before.repairs),
            gone: self.gone.saturating_sub(before.gone),
            skipped: self.skipped.saturating_sub(before.skipped),
            view: self.view,
        }
    }
}

/// A native client's network, as it sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Datagrams with video that had gone to it a round trip before it said so ...
    pub sent: u64,
    /// ... and that had come.
    pub arrived: u64,
    /// The smoothed round trip in microseconds; 0 if it is not known.
    pub rtt_us: u32,
}

/// Adds an entry to those of late, of which there are so many at the most.
fn push_latest<T>(to: &mut VecDeque<T>, entry: T, most: usize) {
    if to.len() == most {
        to.pop_front();
    }
    to.push_back(entry);
}

/// Why the hub wants to be woken, for the trace log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// A prepared session waits for its HELLO.
    Hello,
    /// A plain client's answer is due.
    Answer,
    /// A BEAT is due.
    Beat,
    /// The slate is to be shown again.
    Slate,
    /// The next burst of a frame may go.
    Pace,
    /// A client has been silent for too long.
    Silence,
    /// An END is to be repeated.
    End,
}

impl Wake {
    /// All of them, in order.
    pub const ALL: [Wake; 7] =
        [Wake::Hello, Wake::Answer, Wake::Beat, Wake::Slate, Wake::Pace, Wake::Silence, Wake::End];
}
