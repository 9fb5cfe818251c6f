//! Nonces of Digest (RFC 7616, 3.3): each says when it was given, in a form that nobody else can make, so none has to be remembered.
//!
//! How it is made is the RFC's own proposal: a time, and a hash over it and a secret of this start. Whoever could make one would
//! win only what a nonce limits: for how long an answer that was overheard is good.

use super::hash::{hash, hex};
use crate::time::Time;
use arrayvec::ArrayString;
use std::fmt::Write;
use std::time::Duration;
use subtle::ConstantTimeEq;

/// A nonce is good for this long. Then a client is told that it is stale, and goes on with another.
pub const LASTS: Duration = Duration::from_secs(300);

/// Digits of a number of 64 bits.
const DIGITS: usize = 16;

/// As text, without anything that would need quoting.
pub type Nonce = ArrayString<{ DIGITS + 32 }>;

/// What gives nonces, and knows them again.
#[derive(Clone)]
pub struct Nonces {
    key: ArrayString<32>,
    /// Added to each time: how long this machine has been up is nobody's business.
    offset: u64,
}

/// A secret is nobody's to see.
impl std::fmt::Debug for Nonces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("nonces")
    }
}

impl Nonces {
    /// Those of this start: the numbers are random, and known to nobody.
    pub fn new([first, second, offset]: [u64; 3]) -> Self {
        let mut key = ArrayString::new();
        // there is room for two of 16 digits
        let _ = write!(key, "{first:016x}{second:016x}");
        Nonces { key, offset }
    }

    /// One that is good from now on.
    pub fn give(&self, now: Time) -> Nonce {
        self.of(now.as_nanos().wrapping_add(self.offset))
    }

    fn of(&self, number: u64) -> Nonce {
        let mut nonce = Nonce::new();
        // there is room for both
        let _ = write!(nonce, "{number:016x}");
        let hash = hash(&[&self.key, &nonce]);
        let _ = nonce.try_push_str(&hex(hash));
        nonce
    }

    /// It was given by us, and not long ago.
    pub fn is_fresh(&self, nonce: &str, now: Time) -> bool {
        let number = nonce.get(..DIGITS).and_then(|digits| u64::from_str_radix(digits, 16).ok());
        let Some(number) = number else { return false };
        let age = now.as_nanos().wrapping_sub(number.wrapping_sub(self.offset));
        let is_ours: bool = self.of(number).as_bytes().ct_eq(nonce.as_bytes()).into();
        // one of the future would be very old
        is_ours && Duration::from_nanos(age) < LASTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_good_for_some_minutes_and_only_where_it_was_given() {
        let nonces = Nonces::new([1, 2, u64::MAX - 7]);
        let now = Time::from_millis(5_000);
        let nonce = nonces.give(now);
        assert_eq!(nonce.len(), nonce.capacity());
        assert!(nonces.is_fresh(&nonce, now) && nonces.is_fresh(&nonce, now.after(LASTS / 2)));
        assert!(!nonces.is_fresh(&nonce, now.after(LASTS)), "too old");
        assert!(!nonces.is_fresh(&nonce, now.before(Duration::from_nanos(1))), "of the future");
        for others in [[1, 3, u64::MAX - 7], [2, 2, u64::MAX - 7]] {
            assert!(!Nonces::new(others).is_fresh(&nonce, now), "of another start");
        }
        let other = nonces.give(now.after(Duration::from_nanos(1)));
        let mixed = nonce[..DIGITS].to_owned() + &other[DIGITS..];
        for text in [
            "",
            "5",
            &nonce[1..],
            &nonce.to_uppercase(),
            &format!("+{}", &nonce[1..]),
            &mixed,
            "ü".repeat(48).as_str(),
        ] {
            assert!(!nonces.is_fresh(text, now), "{text}");
        }
        assert_eq!(format!("{nonces:?}"), "nonces");
    }
}
