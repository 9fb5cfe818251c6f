//! Who knows the password (RFC 7617, Basic): names and passwords from a file, compared in a time that does not depend on what is
//! wrong, and a pause for an address that guesses.
//!
//! Over plain HTTP whoever is on the way reads the password and the picture: it keeps out those who are not.

use crate::time::Time;
use arrayvec::ArrayVec;
use base64ct::{Base64, Encoding};
use std::net::IpAddr;
use std::time::Duration;
use subtle::{Choice, ConstantTimeEq};

/// The most names in a file.
const MOST: usize = 64;

/// The longest name and password together, in bytes.
const LONGEST: usize = 256;

/// Addresses that are remembered for having guessed wrong.
const GUESSERS: usize = 64;

/// After the first wrong guesses an address waits for this long, then twice as long each time ...
const PAUSE: Duration = Duration::from_millis(250);

/// ... up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Wrong guesses that cost nothing: a browser begins with one, and people mistype.
const FREE: u32 = 3;

/// The names and passwords that are let in.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Passwords {
    /// Each as it comes: `name:password`.
    pairs: Vec<String>,
}

/// A password is nobody's to see.
impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passwords", self.pairs.len())
    }
}

impl Passwords {
    /// Reads a file of `name:password`, a line each; empty lines and those that begin with `#` are left out.
    ///
    /// # Errors
    /// The number of a line that is none, and why.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut pairs = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim_end_matches('\r');
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let bad = |why: &str| Err(format!("line {number}: {why}"));
            match line.split_once(':') {
                _ if line.len() > LONGEST => return bad("longer than 256 bytes"),
                _ if pairs.len() == MOST => return bad("more than 64 names"),
                Some(("", _) | (_, "")) | None => return bad("write it as NAME:PASSWORD"),
                Some(_) => pairs.push(line.to_owned()),
            }
        }
        if pairs.is_empty() {
            Err("there is no line NAME:PASSWORD in it".to_owned())
        } else {
            Ok(Passwords { pairs })
        }
    }

    /// Whether these credentials, as `Authorization` has them, are right.
    pub fn knows(&self, credentials: &str) -> bool {
        let mut bytes = [0; LONGEST + 2];
        let Some((scheme, encoded)) = credentials.split_once(' ') else { return false };
        let decoded = Base64::decode(encoded.trim().as_bytes(), &mut bytes);
        let (Ok(given), true) = (decoded, scheme.eq_ignore_ascii_case("basic")) else { return false };
        // each is compared, whichever is right
        let found =
            self.pairs.iter().fold(Choice::from(0), |found, pair| found | pair.as_bytes().ct_eq(given));
        found.into()
    }
}

/// Addresses that have guessed wrong.
#[derive(Debug, Default)]
pub struct Guesses {
    from: ArrayVec<(IpAddr, u32, Time), GUESSERS>,
}

impl Guesses {
    /// The address has to wait until then.
    pub fn wait(&self, from: IpAddr) -> Option<Time> {
        self.from.iter().find(|(address, ..)| *address == from).map(|(_, _, until)| *until)
    }

    /// The address has guessed wrong.
    pub fn wrong(&mut self, from: IpAddr, now: Time) {
        let place = self.from.iter().position(|(address, ..)| *address == from);
        let count = place.map_or(0, |at| self.from.remove(at).1).saturating_add(1);
        let doubled = PAUSE.saturating_mul(1 << count.saturating_sub(FREE + 1).min(16));
        let pause = if count <= FREE { Duration::ZERO } else { doubled.min(LONGEST_PAUSE) };
        if self.from.is_full() {
            self.from.remove(0);
        }
        self.from.push((from, count, now.after(pause)));
    }

    /// The address knows a password.
    pub fn right(&mut self, from: IpAddr) {
        self.from.retain(|(address, ..)| *address != from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn basic(text: &str) -> String {
        format!("Basic {}", Base64::encode_string(text.as_bytes()))
    }

    #[test]
    fn names_and_passwords_of_the_file_are_let_in_and_no_others() {
        let passwords = Passwords::parse("# who\n\nanna:geheim:lang\r\nbert: ü \n").unwrap();
        for right in ["anna:geheim:lang", "bert: ü "] {
            assert!(passwords.knows(&basic(right)), "{right}");
        }
        assert!(passwords.knows(&basic("anna:geheim:lang").replace("Basic", "bAsIc")));
        for wrong in
            ["anna:geheim", "anna:geheim:lang ", "Anna:geheim:lang", "bert:ü", "", ":", &"x".repeat(400)]
        {
            assert!(!passwords.knows(&basic(wrong)), "{wrong}");
        }
        for header in
            ["", "Basic", "Basic ", "Basic ???", "Bearer YW5uYTpnZWhlaW06bGFuZw==", "anna:geheim:lang"]
        {
            assert!(!passwords.knows(header), "{header}");
        }
        assert_eq!(format!("{passwords:?}"), "2 passwords");
    }

    #[test]
    fn a_file_that_is_none_is_refused_by_its_line() {
        let said = |text: &str| Passwords::parse(text).unwrap_err();
        assert_eq!(said("a:b\nc\n"), "line 2: write it as NAME:PASSWORD");
        assert_eq!(said(":b"), "line 1: write it as NAME:PASSWORD");
        assert_eq!(said("# nothing\n"), "there is no line NAME:PASSWORD in it");
        assert!(said(&format!("a:{}", "b".repeat(300))).contains("256"));
        assert!(said(&"a:b\n".repeat(65)).contains("line 65"));
    }

    #[test]
    fn who_guesses_waits_longer_each_time_and_who_knows_does_not() {
        let (mut guesses, now) = (Guesses::default(), Time::from_millis(5_000));
        let at = |last| IpAddr::V4(Ipv4Addr::new(10, 0, 0, last));
        let mut waits = Vec::new();
        for _ in 0..14 {
            guesses.wrong(at(1), now);
            waits.push(guesses.wait(at(1)).unwrap().since(now).as_millis());
        }
        assert_eq!(
            waits,
            [0, 0, 0, 250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000, 30_000]
        );
        assert_eq!(guesses.wait(at(2)), None);
        guesses.right(at(1));
        assert_eq!(guesses.wait(at(1)), None);
        // many addresses are forgotten one by one
        (0..=255).for_each(|last| guesses.wrong(at(last), now));
        assert_eq!((guesses.wait(at(0)), guesses.from.len()), (None, GUESSERS));
    }
}
