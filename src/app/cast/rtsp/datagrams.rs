//! A track's packets as datagrams: to one receiver, or to all who listen.

use super::player::{BURST, Flight, Heads, Player};
use crate::app::cast::outlet::{Budget, Shared};
use crate::rtp::pace::Pace;
use crate::rtp::train::{HEAD, Head, Train};
use crate::sys::udp::{self, MAX_SEND, Received, Sent};
use crate::time::Time;
use nix::errno::Errno;
use std::net::UdpSocket;
use std::ops::Range;

/// Reports that are read a turn.
const REPORTS_A_TURN: usize = 8;

/// Packets that are sent again a turn: what is lacking beyond that is asked for again.
const REPAIRS_A_TURN: usize = 32;

/// Bytes of the longest report that is read.
const LONGEST_REPORT: usize = 1500;

/// Two sockets, and how fast they are used.
#[derive(Debug)]
pub struct Datagrams {
    /// Packets.
    pub rtp: UdpSocket,
    /// Reports.
    pub rtcp: UdpSocket,
    /// Bytes of a packet.
    size: u16,
    /// One call can send several.
    has_gso: bool,
    pace: Pace,
    /// All that there is has gone.
    is_idle: bool,
    /// The send buffer is full.
    pub is_blocked: bool,
}

impl Datagrams {
    /// Packets of at most so many bytes over the first socket, reports over the second.
    pub fn new((rtp, rtcp): (UdpSocket, UdpSocket), most: u16, dscp: Option<u8>) -> Self {
        let on_path =
            udp::path_mtu(&rtp).map_or(most, |mtu| mtu.saturating_sub(crate::wire::IP_UDP_OVERHEAD));
        // a train's packets are no smaller
        let size = most.min(on_path).max(HEAD as u16 + 1);
        if let Some(dscp) = dscp {
            udp::set_dscp(&rtp, dscp);
            udp::set_dscp(&rtcp, dscp);
        }
        // a packet that a link does not take whole is cut by IP rather than lost: nobody would say it again
        let _ = udp::set_dont_fragment(&rtp, false);
        let has_gso = udp::set_segment(&rtp, size);
        Datagrams { rtp, rtcp, size, has_gso, pace: Pace::default(), is_idle: true, is_blocked: false }
    }

    /// When more may leave.
    fn ready(&self) -> Time {
        if self.is_blocked { Time::NEVER } else { self.pace.ready() }
    }

    /// When [`send`](Self::send) has something to do that no frame brings.
    pub fn next_timeout(&self, player: &Player) -> Time {
        let more = if self.is_idle { player.next_slate().max(self.ready()) } else { self.ready() };
        more.min(player.next_report())
    }

    /// Sends what there is, as far as it may leave now.
    pub fn send(&mut self, player: &mut Player, shared: &mut Shared<'_>, budget: &mut Budget, now: Time) {
        if let Some(report) = player.report(now) {
            budget.spend();
            udp::send_bytes(&self.rtcp, &report);
        }
        let stream = shared.stream;
        self.is_idle = false;
        while !budget.is_spent() && now >= self.ready() {
            let Some(flight) = player.flight(stream, self.size, now) else {
                self.is_idle = true;
                return;
            };
            let Some(frame) = flight.frame(stream) else {
                player.give_up();
                continue;
            };
            let packets = flight.burst(self.most());
            let heads: Heads = packets.clone().map(|index| flight.train.head(index, &frame)).collect();
            let pieces = heads.iter().zip(packets.clone()).flat_map(|(head, index)| {
                std::iter::once(&head[..]).chain(frame.range(flight.train.body(index)))
            });
            let sent = udp::send_pieces(&self.rtp, pieces);
            self.after(sent, player, (flight, packets), (shared, budget), now);
        }
    }

    /// Packets that one call may take.
    fn most(&self) -> u32 {
        let fits = (MAX_SEND / usize::from(self.size).max(1)) as u32;
        if self.has_gso { BURST.min(fits).max(1) } else { 1 }
    }

    fn after(
        &mut self,
        sent: Sent,
        player: &mut Player,
        (flight, packets): (Flight, Range<u32>),
        (shared, budget): (&mut Shared<'_>, &mut Budget),
        now: Time,
    ) {
        let bytes: u32 = packets.clone().map(|index| flight.train.length(index)).sum();
        budget.spend_on(bytes as usize);
        let count = u64::from(packets.end - packets.start);
        match sent {
            Sent::Blocked => {
                self.is_blocked = true;
                return;
            }
            // an earlier one's: this one has not been sent, and may well be taken
            Sent::Refused => return,
            Sent::NoGso(_) if count > 1 => {
                self.has_gso = false;
                let _ = udp::set_segment(&self.rtp, 0);
                return;
            }
            Sent::Ok => {}
            Sent::NoGso(errno) | Sent::Lost(errno) => lost(shared, count, errno, now),
            Sent::TooLarge => lost(shared, count, Errno::EMSGSIZE, now),
        }
        player.on_sent(packets, shared.stream);
        self.pace.on_sent(bytes, shared.stream.reel.byte_rate(), now);
    }

    /// Reads what the receiver says, and sends again what it lacks. True: it has said something.
    pub fn hear(&mut self, player: &mut Player, shared: &mut Shared<'_>, now: Time) -> bool {
        let (mut bytes, mut has_heard, mut repairs) = ([0; LONGEST_REPORT], false, 0);
        for _ in 0..REPORTS_A_TURN {
            match udp::receive(&self.rtcp, &mut bytes) {
                Received::Some(length) => {
                    has_heard = true;
                    let datagram = &bytes[..length.min(LONGEST_REPORT)];
                    player.hear(datagram, |train, index| {
                        repairs += 1;
                        repairs <= REPAIRS_A_TURN && self.repair(train, index, shared, now)
                    });
                }
                Received::Nothing => break,
                Received::Refused | Received::Error(_) => {}
            }
        }
        has_heard
    }

    /// Sends a packet again. What comes behind it waits for that.
    fn repair(&mut self, train: Train, index: u32, shared: &mut Shared<'_>, now: Time) -> bool {
        let Some(frame) = shared.stream.for_rtp().frame(train.number) else { return false };
        let head: Head = train.head(index, &frame);
        let pieces = std::iter::once(&head[..]).chain(frame.range(train.body(index)));
        let sent = udp::send_pieces(&self.rtp, pieces);
        if let Sent::Lost(errno) | Sent::NoGso(errno) = sent {
            lost(shared, 1, errno, now);
        }
        self.pace.on_sent(train.length(index), shared.stream.reel.byte_rate(), now);
        sent == Sent::Ok
    }

    /// Says that nothing more comes.
    pub fn bye(&self, player: &Player, now: Time) {
        udp::send_bytes(&self.rtcp, &player.bye(now));
    }
}

fn lost(shared: &mut Shared<'_>, count: u64, errno: Errno, now: Time) {
    shared.stats.not_sent += count;
    shared.report.not_sent(count, errno, now);
}
