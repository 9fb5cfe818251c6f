//! How often somebody may do something: so often at once, and then as often as it leaks away. Who has shown to be an honest one gets
//! back what it took him.

use super::places::Party;
use crate::time::Time;
use std::time::Duration;

/// Addresses that are told from each other. With one more, the one is forgotten that has least to wait for.
const PARTIES: usize = 256;

/// Counts what each does, and forgets it as time passes.
#[derive(Clone, Debug)]
pub struct Rates {
    at_once: u32,
    every: Duration,
    /// Until when what each has done will have leaked away.
    parties: Vec<(Party, Time)>,
}

impl Rates {
    /// So often at once; and one leaks away in this time.
    pub fn new(at_once: u32, every: Duration) -> Self {
        Rates { at_once, every, parties: Vec::with_capacity(PARTIES) }
    }

    /// Somebody does it. False: he has done it too often, and it is not counted.
    pub fn may(&mut self, party: Party, now: Time) -> bool {
        let known = self.parties.iter().position(|(other, _)| *other == party);
        let full = known.and_then(|at| self.parties.get(at)).map_or(now, |(_, full)| now.max(*full));
        if full.since(now) > self.every.saturating_mul(self.at_once.saturating_sub(1)) {
            return false;
        }
        self.set(party, full.after(self.every), now);
        true
    }

    /// Whether he may, which is not counted.
    pub fn would(&self, party: Party, now: Time) -> bool {
        let known = self.parties.iter().find(|(other, _)| *other == party);
        known.is_none_or(|(_, full)| {
            full.since(now) <= self.every.saturating_mul(self.at_once.saturating_sub(1))
        })
    }

    /// What he did once was in order.
    pub fn give_back(&mut self, party: Party, now: Time) {
        if let Some((_, full)) = self.parties.iter_mut().find(|(other, _)| *other == party) {
            *full = full.before(self.every).max(now);
        }
    }

    fn set(&mut self, party: Party, full: Time, now: Time) {
        if let Some(known) = self.parties.iter_mut().find(|(other, _)| *other == party) {
            known.1 = full;
            return;
        }
        if self.parties.len() >= PARTIES {
            self.parties.retain(|(_, full)| *full > now);
        }
        if self.parties.len() >= PARTIES {
            let least = self.parties.iter().enumerate().min_by_key(|(_, (_, full))| *full);
            if let Some((at, _)) = least {
                self.parties.swap_remove(at);
            }
        }
        self.parties.push((party, full));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    const START: Time = Time::from_millis(5_000);
    const SECOND: Duration = Duration::from_secs(1);

    fn party(number: u32) -> Party {
        Party::of(IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number)))
    }

    #[test]
    fn whatever_the_rate_as_much_passes_as_leaks() {
        for rate in [1, 3, 4, 5, 40, 400, 1_000] {
            let mut rates = Rates::new(32, SECOND / 4);
            let mut passed = 0;
            for number in 0..rate * 30 {
                let now = START.after(SECOND * number / rate);
                passed += u32::from(rates.may(party(1), now));
            }
            let most = if rate <= 4 { rate * 30 } else { (32 + 30 * 4).min(rate * 30) };
            assert!(passed <= most && passed + 1 >= most, "{rate} a second: {passed} of {most}");
            assert!(rates.may(party(2), START), "another address");
        }
    }

    #[test]
    fn who_is_honest_has_no_limit() {
        let mut rates = Rates::new(4, 60 * SECOND);
        for number in 0..10_000 {
            let now = START.after(SECOND * number / 100);
            assert!(rates.may(party(1), now), "{number}");
            rates.give_back(party(1), now);
        }
        // and cannot save up for later
        assert_eq!((0..10).filter(|_| rates.may(party(1), START.after(200 * SECOND))).count(), 4);
        assert!(!rates.would(party(1), START.after(200 * SECOND)) && rates.would(party(2), START));
        rates.give_back(party(3), START);
        assert!(rates.parties.len() == 1);
    }

    #[test]
    fn all_the_addresses_in_the_world_need_no_more_memory() {
        let mut rates = Rates::new(2, SECOND);
        let busy = party(1_000_000);
        assert!((0..2).all(|_| rates.may(busy, START)));
        for number in 0..10_000 {
            assert!(rates.may(party(number), START), "{number}");
            assert!(!rates.may(busy, START), "who has most to wait for is remembered");
        }
        assert_eq!((rates.parties.len(), rates.parties.capacity()), (PARTIES, PARTIES));
    }
}
