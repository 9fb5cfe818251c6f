//! Where clients come in: the addresses that are listened on, and connections that have not said yet what they want.

use super::joining::send_away;
use super::listener::Listener;
use super::pending::Pending;
use crate::app::cast::listen::ACCEPT_REST;
use crate::app::cast::outlet::Shared;
use crate::time::Time;
use std::net::SocketAddr;

/// The way in.
pub(super) struct Gate {
    pub(super) listeners: Vec<Listener>,
    pub(super) accept_after: Time,
    pub(super) pending: Pending,
    /// Datagrams from where nobody may come in.
    pub(super) shut_out: u64,
}

impl Gate {
    /// Said to one who is no client, from where he said something.
    pub(super) fn answer(&self, local: SocketAddr, remote: SocketAddr, bytes: &[u8]) {
        let hears = |at: &SocketAddr| at.is_ipv4() == remote.is_ipv4() && at.port() == local.port();
        let mut sockets = self.listeners.iter().map(|listener| &listener.udp);
        let socket = sockets.find(|socket| {
            let at = socket.local_addr().ok().filter(hears);
            at.is_some_and(|at| at.ip() == local.ip() || at.ip().is_unspecified())
        });
        // lost, as a datagram may be: it asks again
        let _ = socket.map(|socket| socket.send_to(bytes, remote));
    }

    /// One of those that wait goes for a newcomer. False: nobody waits.
    pub(super) fn let_one_go(&mut self, newcomer: SocketAddr, shared: &mut Shared<'_>, now: Time) -> bool {
        let going = self.pending.make_room(newcomer);
        going.iter().for_each(|join| send_away(join, shared, now));
        going.is_some()
    }

    /// No connection can be taken: it is tried again after a while.
    pub(super) fn rest(&mut self, why: &str, shared: &mut Shared<'_>, now: Time) {
        self.accept_after = now.after(ACCEPT_REST);
        shared.report.cannot_accept(why, now);
    }
}
