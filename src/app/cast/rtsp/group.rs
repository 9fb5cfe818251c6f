//! One stream of datagrams for all who listen, at the cost of one receiver: it goes as long as one of them has asked for it.

use super::datagrams::Datagrams;
use super::player::Player;
use crate::app::cast::outlet::{Budget, Shared};
use crate::app::cast::stream::Stream;
use crate::jpeg::Size;
use crate::sys::udp;
use crate::time::Time;
use crate::wire::FrameNumber;
use std::io;
use std::net::SocketAddr;

/// A group of listeners.
#[derive(Debug)]
pub struct Group {
    /// Where packets go; reports go to the next port.
    pub address: SocketAddr,
    /// How many routers they pass, and one more.
    pub ttl: u8,
    packet: u16,
    dscp: Option<u8>,
    /// Since somebody has asked for it.
    open: Option<(Datagrams, Player)>,
}

impl Group {
    /// One that nobody has asked for yet.
    pub fn new((address, ttl): (SocketAddr, u8), packet: u16, dscp: Option<u8>) -> Self {
        Group { address, ttl, packet, dscp, open: None }
    }

    /// Prepares the way, unless that has been done.
    ///
    /// # Errors
    /// There is no route there, or no descriptor left.
    pub fn open(
        &mut self,
        stream: &Stream,
        told: Option<Size>,
        (is_away, slate): (bool, Option<FrameNumber>),
        now: Time,
    ) -> io::Result<()> {
        if self.open.is_none() {
            let mut reports = self.address;
            reports.set_port(self.address.port().saturating_add(1));
            let pair = (udp::to_group(self.address, self.ttl)?, udp::to_group(reports, self.ttl)?);
            let player = Player::new(stream, told, (is_away, slate), now)?;
            self.open = Some((Datagrams::new(pair, self.packet, self.dscp), player));
        }
        Ok(())
    }

    /// Goes on with the newest frame, since somebody listens again.
    pub fn resume(&mut self, stream: &Stream, is_away: bool, now: Time) {
        self.open.iter_mut().for_each(|(_, player)| player.resume(stream, is_away, now));
    }

    /// Nobody listens any more.
    pub fn close(&mut self, now: Time) {
        if let Some((datagrams, player)) = self.open.take() {
            datagrams.bye(&player, now);
        }
    }

    /// What goes, if it does.
    pub fn playing(&self) -> Option<&(Datagrams, Player)> {
        self.open.as_ref()
    }

    /// What goes, without how.
    pub fn player(&self) -> Option<&Player> {
        self.open.as_ref().map(|(_, player)| player)
    }

    /// The send buffer has room again.
    pub fn handle_writable(&mut self) {
        self.open.iter_mut().for_each(|(datagrams, _)| datagrams.is_blocked = false);
    }

    /// This picture stands in for frames, or none does.
    pub fn set_slate(&mut self, slate: Option<FrameNumber>, now: Time) {
        self.open.iter_mut().for_each(|(_, player)| player.set_slate(slate, now));
    }

    /// Sends what there is.
    pub fn send(&mut self, shared: &mut Shared<'_>, budget: &mut Budget, now: Time) {
        if let Some((datagrams, player)) = &mut self.open {
            datagrams.send(player, shared, budget, now);
        }
    }
}
