//! Places that are kept for a while for those who had one, and will come back for it.

use super::places::{Held, Party, Standing};
use crate::time::Time;
use arrayvec::ArrayVec;
use std::time::Duration;

/// A network is away for so long that somebody notices, or a machine starts anew.
pub const KEPT_FOR: Duration = Duration::from_secs(60);

/// Places that are kept at once, at the most.
const MOST: usize = 16;

/// Kept places.
#[derive(Clone, Debug, Default)]
pub struct Kept(ArrayVec<(Party, Time), MOST>);

impl Kept {
    /// Somebody was torn away.
    pub fn keep(&mut self, party: Party, now: Time) {
        self.expire(now);
        if self.0.is_full() {
            self.0.remove(0);
        }
        self.0.push((party, now));
    }

    /// He is back and has his place again, or somebody else has it. False: there was none.
    pub fn take(&mut self, party: Party, now: Time) -> bool {
        self.expire(now);
        let at = self.0.iter().position(|(other, _)| *other == party);
        at.map(|at| self.0.remove(at)).is_some()
    }

    /// Those that are kept now, as if they were there and served.
    pub fn held(&mut self, now: Time) -> impl Iterator<Item = Held> {
        self.expire(now);
        self.0.iter().map(|(party, since)| Held { party: *party, standing: Standing::Busy, since: *since })
    }

    fn expire(&mut self, now: Time) {
        self.0.retain(|(_, since)| now < since.after(KEPT_FOR));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    const START: Time = Time::from_millis(5_000);

    fn party(number: u32) -> Party {
        Party::of(IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number)))
    }

    #[test]
    fn a_place_is_kept_for_a_while_and_for_him_alone() {
        let mut kept = Kept::default();
        kept.keep(party(1), START);
        kept.keep(party(2), START.after(KEPT_FOR / 2));
        assert_eq!(
            kept.held(START.after(KEPT_FOR / 2)).map(|held| held.party).collect::<Vec<_>>(),
            [1, 2].map(party)
        );
        assert!(!kept.take(party(3), START.after(KEPT_FOR / 2)));
        assert!(!kept.take(party(1), START.after(KEPT_FOR)), "it was too long");
        assert!(kept.take(party(2), START.after(KEPT_FOR)) && !kept.take(party(2), START.after(KEPT_FOR)));
    }

    #[test]
    fn many_who_are_torn_away_need_no_more_memory() {
        let mut kept = Kept::default();
        (0..1_000).for_each(|number| kept.keep(party(number), START));
        assert_eq!(kept.held(START).count(), MOST);
        assert_eq!(kept.held(START).next().map(|held| held.party), Some(party(1_000 - MOST as u32)));
    }
}
