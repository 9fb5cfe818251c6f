//! Who goes when all places are taken and one more comes.
//!
//! An address may have every place while nobody else wants one. When they are all taken, each has a fair share: as many as if all
//! that want one had the same. Who has more loses one to whoever comes from elsewhere, and who has his share makes room himself. So
//! who opens connections without end keeps out himself alone, and ten who do so share what one of them would have.

use crate::time::Time;
use std::cmp::Reverse;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Those who count as one: an address. Of IPv6 a network of 56 bits, which is what a line of a house has, as it has one address of
/// IPv4; but in that of a link (fe80::) each machine has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Party(IpAddr);

impl Party {
    /// The programs of this machine that come through a socket file.
    pub const LOCAL: Party = Party(IpAddr::V4(Ipv4Addr::UNSPECIFIED));

    /// Those at this address.
    pub fn of(ip: IpAddr) -> Self {
        Party(match ip.to_canonical() {
            IpAddr::V6(ip) if ip.segments()[0] & 0xffc0 != 0xfe80 => {
                IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 72)))
            }
            ip => ip,
        })
    }

    /// All that one who has a line of his own may have: of IPv6 a network of 48 bits.
    pub fn site(self) -> Self {
        Party(match self.0 {
            IpAddr::V6(ip) if ip.segments()[0] & 0xffc0 != 0xfe80 => {
                IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 80)))
            }
            ip => ip,
        })
    }
}

/// How much a connection would be missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It wants nothing now.
    Idle,
    /// It takes nothing of what is for it.
    Stuck,
    /// It is being served.
    Busy,
}

/// A place that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// By whom.
    pub party: Party,
    /// Whether it would be missed.
    pub standing: Standing,
    /// For how long that has been so.
    pub since: Time,
}

impl Held {
    /// The least goes first: who has waited longest, and of those that are served who came last.
    fn order(&self) -> (Standing, u64) {
        let since = self.since.as_nanos();
        (self.standing, if self.standing == Standing::Busy { u64::MAX - since } else { since })
    }
}

/// Which of the places goes to the newcomer; none, if he has to go without. `held` are all that there are. From whoever has most the
/// least goes: of those that have more than their share one that is served too, if there is no other.
pub fn who_goes(held: &[(usize, Held)], newcomer: Party) -> Option<usize> {
    let count = |party| held.iter().filter(|(_, held)| held.party == party).count();
    let own = count(newcomer);
    let is_new = |(at, (_, one)): &(usize, &(usize, Held))| {
        held.iter().take(*at).all(|(_, other)| other.party != one.party)
    };
    let parties = held.iter().enumerate().filter(is_new).count() + usize::from(own == 0);
    let share = held.len().checked_div(parties).unwrap_or(0).max(1);
    let may_go = |held: &Held| match held.standing {
        _ if own >= share && held.party != newcomer => false,
        Standing::Busy => held.party != newcomer && count(held.party) > share,
        Standing::Idle | Standing::Stuck => true,
    };
    let going = held.iter().filter(|(_, held)| may_go(held));
    going.min_by_key(|(_, held)| (Reverse(count(held.party)), held.order())).map(|(place, _)| *place)
}

/// Who has come may be about to say something.
const GRACE: Duration = Duration::from_secs(1);

/// The same where a newcomer can be taken without it, but not many: nobody who is served goes. An address that has connections to
/// spare makes room for its own newcomer; without a newcomer, since somebody has come elsewhere, and for all others, only those
/// go that have had time to say something.
pub fn who_is_not_needed(held: &[(usize, Held)], newcomer: Option<Party>, now: Time) -> Option<usize> {
    let idle = held.iter().filter(|(_, held)| held.standing != Standing::Busy);
    let own = idle.clone().filter(|(_, held)| Some(held.party) == newcomer);
    let others = idle.filter(|(_, held)| now >= held.since.after(GRACE));
    let going = own.min_by_key(|(_, held)| held.order());
    going.or_else(|| others.min_by_key(|(_, held)| held.order())).map(|(place, _)| *place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(text: &str) -> Party {
        Party::of(text.parse().unwrap())
    }

    fn goes(held: &[(&str, Standing, u64)], newcomer: &str) -> Option<usize> {
        let held = held.iter().enumerate().map(|(place, (from, standing, since))| {
            let since = Time::from_millis(*since);
            (place, Held { party: party(from), standing: *standing, since })
        });
        who_goes(&held.collect::<Vec<_>>(), party(newcomer))
    }

    #[test]
    fn who_has_waited_longest_goes_and_who_is_served_stays() {
        use Standing::{Busy, Idle, Stuck};
        let held =
            [("10.0.0.1", Busy, 1), ("10.0.0.2", Stuck, 2), ("10.0.0.3", Idle, 4), ("10.0.0.4", Idle, 3)];
        assert_eq!(goes(&held, "10.0.0.9"), Some(3));
        assert_eq!(goes(&held[..3], "10.0.0.9"), Some(2));
        let held =
            [("10.0.0.1", Busy, 1), ("10.0.0.2", Stuck, 5), ("10.0.0.3", Stuck, 4), ("10.0.0.4", Busy, 3)];
        assert_eq!(goes(&held, "10.0.0.9"), Some(2));
        assert_eq!(goes(&[held[0], held[3]], "10.0.0.9"), None);
    }

    #[test]
    fn an_address_keeps_half_when_others_come() {
        use Standing::{Busy, Idle};
        let all =
            [("10.0.0.1", Busy, 1), ("10.0.0.1", Busy, 2), ("10.0.0.1", Busy, 3), ("10.0.0.2", Idle, 0)];
        assert_eq!(goes(&all, "10.0.0.3"), Some(2), "the last of the one with more than half, busy or not");
        assert_eq!(goes(&all, "10.0.0.1"), None, "and it has nobody else's");
        let all =
            [("10.0.0.1", Busy, 1), ("10.0.0.1", Busy, 2), ("10.0.0.2", Busy, 3), ("10.0.0.2", Idle, 4)];
        assert_eq!(goes(&all, "10.0.0.3"), Some(3));
        assert_eq!(goes(&all, "10.0.0.2"), Some(3), "it makes room itself");
        assert_eq!(goes(&all, "10.0.0.1"), None);
        assert_eq!(goes(&[], "10.0.0.1"), None);
    }

    #[test]
    fn two_who_take_all_leave_a_third_one_his_share() {
        use Standing::Busy;
        let mut held: Vec<_> =
            (0..16).map(|n| (if n % 2 == 0 { "10.0.0.1" } else { "10.0.0.2" }, Busy, n)).collect();
        let mut got = 0;
        while let Some(place) = goes(&held, "10.0.0.3") {
            assert_ne!(held[place].0, "10.0.0.3");
            held[place] = ("10.0.0.3", Busy, 100);
            got += 1;
        }
        assert_eq!(got, 16 / 3);
        assert_eq!(
            (goes(&held, "10.0.0.1"), goes(&held, "10.0.0.2")),
            (None, None),
            "they do not take it back"
        );
    }

    /// Sixteen places, into which so many addresses come again and again, and say nothing: one who comes once stays.
    #[test]
    fn a_crowd_of_any_size_evicts_its_own() {
        for crowd in [1, 2, 5, 15] {
            let mut held: Vec<(usize, Held)> = Vec::new();
            let mut take = |party, now| {
                let place = if held.len() < 16 { Some(held.len()) } else { who_goes(&held, party) };
                let Some(place) = place else { return false };
                held.retain(|(other, _)| *other != place);
                held.push((place, Held { party, standing: Standing::Idle, since: now }));
                held.sort_by_key(|(place, _)| *place);
                held.iter().any(|(_, held)| held.party == party_of(0))
            };
            for step in 0..1_000u32 {
                let now = Time::from_millis(step.into());
                let is_here = take(if step == 100 { party_of(0) } else { party_of(1 + step % crowd) }, now);
                assert_eq!(is_here, step >= 100, "{crowd} addresses, step {step}");
            }
        }
    }

    fn party_of(number: u32) -> Party {
        Party::of(IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number)))
    }

    #[test]
    fn who_comes_when_little_is_left_costs_nobody_who_is_served() {
        use Standing::{Busy, Idle, Stuck};
        let held = |all: &[(&str, Standing, u64)]| -> Vec<(usize, Held)> {
            let each = all.iter().map(|(from, standing, since)| Held {
                party: party(from),
                standing: *standing,
                since: Time::from_millis(*since),
            });
            each.enumerate().collect()
        };
        let all = held(&[
            ("10.0.0.1", Busy, 1),
            ("10.0.0.2", Stuck, 2),
            ("10.0.0.3", Idle, 4),
            ("10.0.0.4", Idle, 3),
        ]);
        let goes = |held, newcomer: &str, later| {
            let newcomer = (!newcomer.is_empty()).then(|| party(newcomer));
            who_is_not_needed(held, newcomer, Time::from_millis(4).after(later))
        };
        assert_eq!(goes(&all, "10.0.0.9", GRACE), Some(3));
        assert_eq!(goes(&all, "10.0.0.9", GRACE / 2), None, "they have just come");
        assert_eq!(goes(&all, "10.0.0.2", Duration::ZERO), Some(1), "its own");
        assert_eq!(
            (goes(&all, "", Duration::ZERO), goes(&all, "", GRACE)),
            (None, Some(3)),
            "it has come elsewhere"
        );
        assert_eq!(goes(&all[..1], "10.0.0.9", GRACE), None);
        assert_eq!(goes(&all[..1], "10.0.0.1", GRACE), None);
    }

    #[test]
    fn addresses_that_one_machine_can_have_count_as_one() {
        assert_eq!(party("2001:db8::1"), party("2001:db8::ffff:1"));
        assert_eq!(party("2001:db8::1"), party("2001:db8:0:ff::1"));
        assert_ne!(party("2001:db8::1"), party("2001:db8:0:100::1"));
        assert_ne!(party("fe80::1"), party("fe80::2"));
        assert_eq!(party("2001:db8::1").site(), party("2001:db8:0:100::1").site());
        assert_ne!(party("2001:db8::1").site(), party("2001:db8:1::1").site());
        assert_ne!(party("fe80::1").site(), party("fe80::2").site());
        assert_eq!(party("::ffff:10.0.0.1"), party("10.0.0.1"));
        assert_ne!(party("10.0.0.1"), party("10.0.0.2"));
        assert_ne!(party("10.0.0.1"), Party::LOCAL);
    }
}
