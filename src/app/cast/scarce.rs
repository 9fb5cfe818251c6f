//! What an outlet that takes connections does for a newcomer while descriptors run out: others leave, or he does.

use super::listen::{NO_ROOM, SPARE, SPARE_AT_LEAST, SPARE_LAST};
use super::outlet::Shared;
use crate::admission::places::{Held, Party, who_goes, who_is_not_needed};
use crate::sys::connection::{Connection, Remote};
use crate::sys::descriptors::are_scarce;
use crate::time::Time;

/// An outlet whose connections can be closed for others.
pub trait Crowded {
    /// Closes the one of all connections that `who` picks, if it picks one; whether it has.
    fn let_go(
        &mut self,
        who: impl FnOnce(&[(usize, Held)]) -> Option<usize>,
        shared: &mut Shared<'_>,
        now: Time,
    ) -> bool;

    /// Closes a connection that wants nothing. False: there is none.
    fn let_one_go(&mut self, newcomer: Option<Party>, shared: &mut Shared<'_>, now: Time) -> bool {
        self.let_go(|held| who_is_not_needed(held, newcomer, now), shared, now)
    }

    /// The newcomer's connection, once there is a descriptor for it; none if he was turned away.
    fn admit(
        &mut self,
        socket: Connection,
        (newcomer, remote): (Party, Remote),
        shared: &mut Shared<'_>,
        now: Time,
    ) -> Option<Connection> {
        if !are_scarce(&socket, SPARE) {
            return Some(socket);
        }
        let mut has_gone = self.let_one_go(Some(newcomer), shared, now);
        // if not, another outlet may have one to spare
        shared.stats.is_scarce |= !has_gone;
        if !has_gone && are_scarce(&socket, SPARE_AT_LEAST) {
            has_gone = self.let_go(|held| who_goes(held, newcomer), shared, now);
            if !has_gone && are_scarce(&socket, SPARE_LAST) {
                shared.stats.rejected += 1;
                shared.report.rejected(remote, NO_ROOM, now);
                return None;
            }
        }
        Some(if has_gone { socket.moved_down() } else { socket })
    }
}
