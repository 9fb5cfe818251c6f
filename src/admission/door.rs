//! One who asks is let in, or told what is missing: passwords, nonces and pauses together, as every outlet needs them.

use super::digest::{Asked, Challenge, challenges};
use super::nonces::Nonces;
use super::password::{Guesses, Passwords};
use super::places::Party;
use crate::time::Time;
use arrayvec::ArrayVec;
use std::time::Duration;

/// What lets in those alone who know the password.
#[derive(Clone, Debug)]
pub struct Door {
    passwords: Passwords,
    nonces: Nonces,
    guesses: Guesses,
}

/// What becomes of one who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// He comes in.
    Open,
    /// He has not said who he is.
    Unnamed,
    /// He has, with a nonce that is too old: a new one is enough.
    Stale,
    /// He has said something wrong.
    Wrong,
    /// He has too often, and nothing is taken from him for so long.
    Paused(Duration),
}

impl Door {
    /// One for these. The numbers are random, and known to nobody.
    pub fn new(passwords: Passwords, random: [u64; 3]) -> Self {
        Door { passwords, nonces: Nonces::new(random), guesses: Guesses::default() }
    }

    /// Those it is for.
    pub fn passwords(&self) -> &Passwords {
        &self.passwords
    }

    /// Somebody asks for something, with these credentials as `Authorization` has them.
    pub fn ask(&mut self, credentials: Option<&str>, asked: &Asked<'_>, party: Party, now: Time) -> Entry {
        let Some(credentials) = credentials else { return Entry::Unnamed };
        let judged = self.passwords.judge(credentials, asked, &self.nonces, now);
        let pause = judged.guess.and_then(|guess| self.guesses.pause(party, guess, now));
        match pause {
            Some(left) => return Entry::Paused(left),
            None if judged.is_right => return Entry::Open,
            None if judged.is_stale => return Entry::Stale,
            None => {}
        }
        judged.guess.into_iter().for_each(|guess| self.guesses.wrong(party, guess, now));
        Entry::Wrong
    }

    /// What he is asked for then: values of `WWW-Authenticate`. None of one who comes in, or has to wait.
    pub fn challenges(&self, entry: Entry, has_basic: bool, now: Time) -> ArrayVec<Challenge, 2> {
        match entry {
            Entry::Open | Entry::Paused(_) => ArrayVec::new(),
            Entry::Unnamed | Entry::Stale | Entry::Wrong => {
                challenges(&self.nonces.give(now), entry == Entry::Stale, has_basic)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::digest::Dialect;
    use super::super::hash::{hash, hex};
    use super::super::nonces::LASTS;
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    const RTSP: Asked<'_> = Asked {
        method: "DESCRIBE",
        target: "rtsp://pi:8554/stream",
        dialect: Dialect::Rtsp,
        takes_basic: false,
    };
    const NOW: Time = Time::from_millis(5_000);
    const HERE: Party = Party::LOCAL;

    fn door() -> Door {
        Door::new(Passwords::parse("anna:secret\n").unwrap(), [1, 2, 3])
    }

    /// What a client answers to the first challenge.
    fn answer(door: &Door, entry: Entry, password: &str, now: Time) -> String {
        let challenge = door.challenges(entry, false, now)[0];
        let nonce = challenge.split('"').nth(3).unwrap().to_owned();
        let of = |parts: &[&str]| hex(hash(parts));
        let (user, request) = (of(&["anna", "camcast", password]), of(&[RTSP.method, RTSP.target]));
        let (response, uri) = (of(&[&user, &nonce, &request]), RTSP.target);
        format!(r#"Digest username="anna", nonce="{nonce}", uri="{uri}", response="{response}""#)
    }

    #[test]
    fn who_knows_the_password_comes_in_and_is_not_asked_again_when_his_nonce_is_old() {
        let mut door = door();
        assert_eq!(door.ask(None, &RTSP, HERE, NOW), Entry::Unnamed);
        let known = answer(&door, Entry::Unnamed, "secret", NOW);
        assert_eq!(door.ask(Some(&known), &RTSP, HERE, NOW), Entry::Open);
        assert!(door.challenges(Entry::Open, true, NOW).is_empty());
        let later = NOW.after(LASTS);
        assert_eq!(door.ask(Some(&known), &RTSP, HERE, later), Entry::Stale);
        assert!(door.challenges(Entry::Stale, false, later)[0].contains("stale=true"));
        let anew = answer(&door, Entry::Stale, "secret", later);
        assert_eq!(door.ask(Some(&anew), &RTSP, HERE, later), Entry::Open);
    }

    #[test]
    fn who_guesses_waits_with_old_nonces_too() {
        let mut door = door();
        let known = answer(&door, Entry::Unnamed, "secret", NOW);
        for number in 0..4 {
            let guess = answer(&door, Entry::Wrong, &number.to_string(), NOW);
            assert_eq!(door.ask(Some(&guess), &RTSP, HERE, NOW), Entry::Wrong);
        }
        let pause = Entry::Paused(Duration::from_millis(250));
        assert_eq!(door.ask(Some(&known), &RTSP, HERE, NOW), pause);
        assert!(door.challenges(pause, true, NOW).is_empty());
        let elsewhere = Party::of(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)));
        assert_eq!(door.ask(Some(&known), &RTSP, elsewhere, NOW), Entry::Open);
        // a nonce of his own would let him try passwords without a pause
        let mut other = Door::new(Passwords::parse("anna:secret\n").unwrap(), [4, 5, 6]);
        let stale = answer(&door, Entry::Unnamed, "secret", NOW);
        assert_eq!(other.ask(Some(&stale), &RTSP, HERE, NOW), Entry::Stale);
        for number in 0..4 {
            let guess = answer(&door, Entry::Wrong, &number.to_string(), NOW);
            other.ask(Some(&guess), &RTSP, HERE, NOW);
        }
        assert_eq!(other.ask(Some(&stale), &RTSP, HERE, NOW), pause);
    }
}
