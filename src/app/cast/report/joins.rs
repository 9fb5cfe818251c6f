//! Which joins are a line of the log, and which leaves. Each is, as long as people make them; whoever reconnects in a loop must not fill it.

use crate::admission::places::Party;
use crate::app::throttle::Allowance;
use crate::time::Time;
use arrayvec::ArrayVec;

/// The part of all lines that one address may have, which may be a web server with several behind it.
const SHARE: u32 = 4;

/// Addresses that are told from each other.
const PARTIES: usize = 64;

/// Counts them.
pub struct Joins {
    all: Allowance,
    /// Lines a minute of one address.
    most_each: u32,
    each: ArrayVec<(Party, Allowance), PARTIES>,
}

impl Joins {
    /// So many lines a minute of all together.
    pub fn new(most: u32) -> Self {
        let most_each = most.div_ceil(SHARE);
        Joins { all: Allowance::new(most), most_each, each: ArrayVec::new() }
    }

    /// So many lines a minute of all together from now on.
    pub fn set_most(&mut self, most: u32) {
        self.most_each = most.div_ceil(SHARE);
        self.each.iter_mut().for_each(|(_, allowance)| allowance.set_most(self.most_each));
        self.all.set_most(most);
    }

    /// One from there. True: say it, and its leave.
    pub fn may_say(&mut self, party: Party, now: Time) -> bool {
        self.each.retain(|(_, allowance)| !allowance.is_over(now));
        if self.each.iter().all(|(known, _)| *known != party) {
            if self.each.is_full() {
                self.each.remove(0);
            }
            self.each.push((party, Allowance::new(self.most_each)));
        }
        let of_it = self.each.iter_mut().find(|(known, _)| *known == party);
        match of_it.is_some_and(|(_, allowance)| allowance.may_say(now)) {
            true => self.all.may_say(now),
            false => {
                self.all.missed(now);
                false
            }
        }
    }

    /// A minute is over. Some: this many were not said.
    pub fn unsaid(&mut self, now: Time) -> Option<u64> {
        self.all.unsaid(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::Duration;

    const ALL: u32 = 40;
    const EACH: u32 = 10;

    fn party(number: u32) -> Party {
        Party::of(IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number)))
    }

    #[test]
    fn one_who_comes_again_and_again_does_not_take_the_others_lines() {
        let (mut joins, start) = (Joins::new(ALL), Time::from_millis(1));
        assert_eq!((0..1000).filter(|_| joins.may_say(party(1), start)).count(), EACH as usize);
        assert!(joins.may_say(party(2), start));
        assert_eq!(joins.unsaid(start), None);
        let later = start.after(Duration::from_secs(60));
        assert!(joins.may_say(party(1), later), "a new minute");
        assert_eq!((joins.unsaid(later), joins.unsaid(later)), (Some(1000 - u64::from(EACH)), None));
    }

    #[test]
    fn all_the_addresses_in_the_world_fill_no_log() {
        let (mut joins, start) = (Joins::new(ALL), Time::from_millis(1));
        assert_eq!((0..1000).filter(|number| joins.may_say(party(*number), start)).count(), ALL as usize);
        assert_eq!(joins.unsaid(start.after(Duration::from_secs(60))), Some(1000 - u64::from(ALL)));
    }
}
