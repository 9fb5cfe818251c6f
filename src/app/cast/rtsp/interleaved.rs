//! A track's packets over the connection that they were asked for by (RFC 2326, 10.12), each behind a `$`, its channel and its length.
//!
//! Answers and reports go between packets. Who does not take a frame is not sent another one behind it.

use super::player::{BURST, Flight, Heads, Player};
use crate::app::cast::outlet::Budget;
use crate::app::cast::stream::Stream;
use crate::sys::connection::Connection as Socket;
use crate::sys::tcp::{Outgoing, Progress, beyond};
use crate::time::Time;
use arrayvec::ArrayVec;

/// What stands before a packet.
const MARK: usize = 4;

/// How packets go.
#[derive(Debug)]
pub struct Interleaved {
    /// Of packets and of reports.
    channels: (u8, u8),
    /// Bytes of a packet.
    size: u16,
    /// Bytes of the packets that are being sent that have gone: then nothing may come between.
    cut: usize,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    /// There is no more for now.
    Done,
    /// The connection takes no more for now.
    Blocked,
    /// It is closed.
    Closed,
    /// A packet that has begun has left the reel.
    Gone,
}

impl Interleaved {
    /// By these channels, in packets of so many bytes.
    pub fn new(channels: (u8, u8), size: u16) -> Self {
        Interleaved { channels, size, cut: 0 }
    }

    /// The channel of reports.
    pub fn reports(&self) -> u8 {
        self.channels.1
    }

    /// A packet has been sent in part.
    pub fn is_cut(&self) -> bool {
        self.cut > 0
    }

    /// This report as it goes over the connection.
    pub fn framed(&self, report: &[u8]) -> ArrayVec<u8, 128> {
        let mark = mark(self.channels.1, report.len() as u32);
        mark.into_iter().chain(report.iter().copied()).take(128).collect()
    }

    /// Sends what there is, as far as it is taken.
    pub fn send(
        &mut self,
        player: &mut Player,
        (socket, outgoing): (&Socket, &mut Outgoing),
        stream: &Stream,
        budget: &mut Budget,
        now: Time,
    ) -> Sending {
        loop {
            if budget.is_spent() {
                return Sending::Done;
            }
            if self.cut == 0 {
                if let Some(report) = player.report(now) {
                    // without room for it the next one will do
                    let _ = outgoing.push(&self.framed(&report));
                }
                // who has not taken the last frame is not sent another one behind it
                if player.is_about_to_begin(stream, now) && !socket.is_writable() {
                    return Sending::Blocked;
                }
            }
            let Some(flight) = player.flight(stream, self.size, now) else {
                return outgoing.flush(socket).into();
            };
            let sending = self.send_burst(player, flight, (socket, outgoing), stream, budget);
            if sending != Sending::Done {
                return sending;
            }
        }
    }

    fn send_burst(
        &mut self,
        player: &mut Player,
        flight: Flight,
        (socket, outgoing): (&Socket, &mut Outgoing),
        stream: &Stream,
        budget: &mut Budget,
    ) -> Sending {
        let Some(frame) = flight.frame(stream) else {
            player.give_up();
            // half a frame would be taken for one with the next
            return if self.cut == 0 && flight.next == 0 { Sending::Done } else { Sending::Gone };
        };
        let (train, packets) = (flight.train, flight.burst(BURST));
        let heads: Heads = packets.clone().map(|index| train.head(index, &frame)).collect();
        let marks: ArrayVec<[u8; MARK], { BURST as usize }> =
            packets.clone().map(|index| mark(self.channels.0, train.length(index))).collect();
        let pieces = marks.iter().zip(&heads).zip(packets.clone()).flat_map(|((mark, head), index)| {
            [&mark[..], &head[..]].into_iter().chain(frame.range(train.body(index)))
        });
        let (sent, progress) = outgoing.send(socket, beyond(pieces, self.cut));
        budget.spend_on(sent);
        self.cut += sent;
        if progress == Progress::Done {
            self.cut = 0;
            player.on_sent(packets, stream);
        }
        progress.into()
    }
}

/// What stands before a packet of this length.
fn mark(channel: u8, length: u32) -> [u8; MARK] {
    // a packet has at most 9216 bytes
    let [high, low] = (length as u16).to_be_bytes();
    [b'$', channel, high, low]
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
