//! Who knows the password: names and passwords from a file, said outright (RFC 7617, Basic) or shown by a hash ([Digest](super::digest)),
//! compared in a time that does not depend on what is wrong in it (names are no secret); and a pause for who guesses one.
//!
//! A pause is an address's, and for one name. While it lasts the right password is refused too: were it let in, a guesser could go on,
//! since whatever is not let in is wrong. So that a pause meets nobody else: other names have none, a program that repeats one
//! wrong password has guessed once, and names that are not in the file cost nothing, as nothing can be guessed there. A right
//! password does not end the pauses of whoever shares its address, as all do behind a web server; time does.
//!
//! Of a hash that is wrong nobody can tell which password it was made of, and a client makes another one each time. So with Digest
//! a program that repeats one wrong password guesses each time, and meets the pause; the same hash again is one guess.
//!
//! Whoever is on the way sees the picture anyhow, with Basic the password too, and with Digest what he may try passwords on.

use super::digest::{Asked, Digest};
use super::nonces::Nonces;
use super::places::Party;
use crate::time::Time;
use base64ct::{Base64, Encoding};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;
use subtle::{Choice, ConstantTimeEq};

/// The most names in a file.
const MOST: usize = 64;

/// The longest name and password together, in bytes.
const LONGEST: usize = 256;

/// Addresses with a name each that are remembered for a wrong guess.
const GUESSERS: usize = 1024;

/// A wrong guess is forgotten after this long without another.
const FORGOTTEN: Duration = Duration::from_secs(600);

/// After the first wrong guesses there is a pause of this long, then one of twice as long each time ...
const PAUSE: Duration = Duration::from_millis(250);

/// ... up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Wrong guesses that cost nothing: people mistype.
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

    /// What these credentials, as `Authorization` has them, are.
    pub fn judge(&self, credentials: &str, asked: &Asked<'_>, nonces: &Nonces, now: Time) -> Judged {
        let Some((scheme, text)) = credentials.split_once(' ') else { return Judged::default() };
        let is = |name: &str| scheme.eq_ignore_ascii_case(name);
        let judged = match () {
            () if is("digest") => self.judge_hash(text, asked, nonces, now),
            () if is("basic") && asked.takes_basic => self.judge_pair(text.trim()),
            () => None,
        };
        judged.unwrap_or_default()
    }

    fn judge_pair(&self, encoded: &str) -> Option<Judged> {
        let mut bytes = [0; LONGEST + 2];
        let given = Base64::decode(encoded.as_bytes(), &mut bytes).ok()?;
        // each is compared, whichever is right
        let known = padded(given);
        let found = self.pairs.iter().fold(Choice::from(0), |found, pair| {
            let is_as_long = pair.len().ct_eq(&given.len());
            found | padded(pair.as_bytes()).ct_eq(&known) & is_as_long
        });
        let at = name(given)
            .and_then(|given| self.pairs.iter().position(|pair| name(pair.as_bytes()) == Some(given)));
        let guess = at.map(|name| Guess { name, hash: hashed(given) });
        Some(Judged { is_right: found.into(), is_stale: false, guess })
    }

    /// A hash for another request than this one is no guess: it is never let in.
    fn judge_hash(&self, text: &str, asked: &Asked<'_>, nonces: &Nonces, now: Time) -> Option<Judged> {
        let digest = Digest::parse(text).filter(|digest| digest.is_for(asked))?;
        let mut of_it = (0..).zip(&self.pairs).filter_map(|(place, pair)| {
            let (name, password) = pair.split_once(':')?;
            digest.is_of(name).then_some((place, name, password))
        });
        let (place, name, password) = of_it.next()?;
        let first = digest.is_right(name, password, asked.method);
        let found = of_it
            .fold(first, |found, (_, name, password)| found | digest.is_right(name, password, asked.method));
        let (is_right, is_fresh) = (found.into(), nonces.is_fresh(digest.nonce, now));
        Some(Judged {
            is_right: is_right && is_fresh,
            is_stale: is_right && !is_fresh,
            guess: Some(Guess { name: place, hash: hashed(&digest.response) }),
        })
    }
}

/// At one length, so that a comparison does not tell it.
fn padded(bytes: &[u8]) -> [u8; LONGEST + 2] {
    let mut padded = [0; LONGEST + 2];
    padded.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    padded
}

fn hashed(bytes: &[u8]) -> u64 {
    let mut hash = DefaultHasher::new();
    bytes.hash(&mut hash);
    hash.finish()
}

/// All before the first colon.
fn name(pair: &[u8]) -> Option<&[u8]> {
    let end = pair.iter().position(|byte| *byte == b':')?;
    pair.get(..end)
}

/// What credentials are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// They are in the file.
    pub is_right: bool,
    /// They are too, but were made with a nonce that is too old, or of another start: with a new one they will be right.
    pub is_stale: bool,
    /// What they are a guess of, if the file has such a name.
    pub guess: Option<Guess>,
}

/// A password for a name of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guess {
    /// Its place in the file. One name may stand there twice: then it is the first.
    name: usize,
    /// What it was, without being it.
    hash: u64,
}

#[derive(Clone, Copy, Debug)]
struct Guesser {
    party: Party,
    guess: Guess,
    /// How many it has tried, one after the other.
    count: u32,
    at: Time,
    /// The end of its pause.
    until: Time,
}

/// Those who have guessed wrong.
#[derive(Clone, Debug, Default)]
pub struct Guesses {
    from: Vec<Guesser>,
}

impl Guesses {
    fn place(&self, party: Party, guess: Guess) -> Option<usize> {
        let party = party.site();
        self.from.iter().position(|guesser| guesser.party == party && guesser.guess.name == guess.name)
    }

    /// How much longer nothing is taken from there for that name, if there is a pause.
    pub fn pause(&self, party: Party, guess: Guess, now: Time) -> Option<Duration> {
        let guesser = self.from.get(self.place(party, guess)?)?;
        (now < guesser.until).then(|| guesser.until.since(now))
    }

    /// This one was wrong.
    pub fn wrong(&mut self, party: Party, guess: Guess, now: Time) {
        self.from.retain(|guesser| now < guesser.at.after(FORGOTTEN));
        let known = self.place(party, guess).map(|at| self.from.remove(at));
        let is_again = known.is_some_and(|known| known.guess == guess);
        let count = known.map_or(0, |known| known.count).saturating_add(u32::from(!is_again));
        let doubled = PAUSE.saturating_mul(1 << count.saturating_sub(FREE + 1).min(16));
        let pause = if is_again || count <= FREE { Duration::ZERO } else { doubled.min(LONGEST_PAUSE) };
        if self.from.len() >= GUESSERS {
            // who comes from everywhere drives out himself, and not those who have been told to wait
            let fewest = self.from.iter().enumerate().min_by_key(|(_, guesser)| (guesser.count, guesser.at));
            let fewest = fewest.map_or(0, |(at, _)| at);
            self.from.remove(fewest);
        }
        self.from.push(Guesser { party: party.site(), guess, count, at: now, until: now.after(pause) });
    }
}

#[cfg(test)]
mod tests {
    use super::super::digest::Dialect;
    use super::super::hash::{hash, hex};
    use super::super::nonces::LASTS;
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    const NOW: Time = Time::from_millis(5_000);

    const ASKED: Asked<'_> =
        Asked { method: "GET", target: "/stream", dialect: Dialect::Http, takes_basic: true };

    fn nonces() -> Nonces {
        Nonces::new([1, 2, 3])
    }

    fn judge(passwords: &Passwords, credentials: &str) -> Judged {
        passwords.judge(credentials, &ASKED, &nonces(), NOW)
    }

    /// As a client without `qop` has it.
    fn digest(name: &str, password: &str, nonce: &str) -> String {
        let of = |parts: &[&str]| hex(hash(parts));
        let response = of(&[&of(&[name, "camcast", password]), nonce, &of(&["GET", "/stream"])]);
        format!(
            r#"Digest username="{name}", realm="camcast", nonce="{nonce}", uri="/stream", response="{response}""#
        )
    }

    fn basic(text: &str) -> String {
        format!("Basic {}", Base64::encode_string(text.as_bytes()))
    }

    #[test]
    fn names_and_passwords_of_the_file_are_let_in_and_no_others() {
        let passwords = Passwords::parse("# who\n\nanna:geheim:lang\r\nbert: ü \n").unwrap();
        for right in ["anna:geheim:lang", "bert: ü "] {
            assert!(judge(&passwords, &basic(right)).is_right, "{right}");
        }
        assert!(judge(&passwords, &basic("anna:geheim:lang").replace("Basic", "bAsIc")).is_right);
        for wrong in
            ["anna:geheim", "anna:geheim:lang ", "Anna:geheim:lang", "bert:ü", "", ":", &"x".repeat(400)]
        {
            assert!(!judge(&passwords, &basic(wrong)).is_right, "{wrong}");
        }
        for header in
            ["", "Basic", "Basic ", "Basic ???", "Bearer YW5uYTpnZWhlaW06bGFuZw==", "anna:geheim:lang"]
        {
            assert!(!judge(&passwords, header).is_right, "{header}");
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
    fn a_hash_is_right_for_a_while_and_then_stale() {
        let passwords = Passwords::parse("anna:geheim:lang\nbert:ü\nanna:second\n").unwrap();
        let nonce = nonces().give(NOW);
        let of = |name: &str, password: &str, now: Time| {
            let judged = passwords.judge(&digest(name, password, &nonce), &ASKED, &nonces(), now);
            (judged.is_right, judged.is_stale)
        };
        for (name, password) in [("anna", "geheim:lang"), ("anna", "second"), ("bert", "ü")] {
            assert_eq!(of(name, password, NOW), (true, false), "{name}");
            assert_eq!(of(name, password, NOW.after(LASTS)), (false, true), "{name}");
        }
        for (name, password) in [("anna", "ü"), ("anna", ""), ("carl", "second"), ("", "")] {
            assert_eq!(of(name, password, NOW), (false, false), "{name}");
            assert_eq!(of(name, password, NOW.after(LASTS)), (false, false), "{name}");
        }
        let of_another_start = digest("bert", "ü", &Nonces::new([4, 5, 6]).give(NOW));
        assert!(judge(&passwords, &of_another_start).is_stale);
        let for_another = Asked { target: "/controls", ..ASKED };
        let judged = passwords.judge(&digest("bert", "ü", &nonce), &for_another, &nonces(), NOW);
        assert_eq!(judged, Judged::default());
    }

    #[test]
    fn basic_is_taken_where_it_is_offered() {
        let passwords = Passwords::parse("anna:secret\n").unwrap();
        let asked = Asked { takes_basic: false, ..ASKED };
        let of = |credentials: &str| passwords.judge(credentials, &asked, &nonces(), NOW);
        assert_eq!(of(&basic("anna:secret")), Judged::default());
        assert!(of(&digest("anna", "secret", &nonces().give(NOW))).is_right);
    }

    #[test]
    fn a_hash_is_a_guess_of_a_name_and_the_same_one_again_is_none() {
        let passwords = Passwords::parse("anna:secret\nbert:other\n").unwrap();
        let guess = |name, nonce| judge(&passwords, &digest(name, "old", nonce)).guess;
        assert_eq!(guess("carl", "1"), None);
        assert_eq!(guess("anna", "1"), guess("anna", "1"));
        assert_ne!(guess("anna", "1"), guess("anna", "2"), "which password it was, nobody knows");
        assert_eq!([guess("anna", "1"), guess("bert", "1")].map(|it| it.unwrap().name), [0, 1]);
    }

    fn at(last: u8) -> Party {
        Party::of(IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)))
    }

    fn guess(passwords: &Passwords, text: &str) -> Guess {
        judge(passwords, &basic(text)).guess.unwrap()
    }

    #[test]
    fn who_guesses_waits_longer_each_time_and_nobody_else() {
        let passwords = Passwords::parse("anna:secret\nbert:secret\n").unwrap();
        let (mut guesses, now) = (Guesses::default(), NOW);
        let anna = |number: u32| guess(&passwords, &format!("anna:{number}"));
        let waits: Vec<u128> = (0..14)
            .map(|number| {
                guesses.wrong(at(1), anna(number), now);
                guesses.pause(at(1), anna(99), now).map_or(0, |pause| pause.as_millis())
            })
            .collect();
        assert_eq!(
            waits,
            [0, 0, 0, 250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000, 30_000]
        );
        assert_eq!(guesses.pause(at(2), anna(1), now), None, "another address");
        assert_eq!(guesses.pause(at(1), guess(&passwords, "bert:1"), now), None, "another name");
        assert_eq!(guesses.pause(at(1), anna(1), now.after(LONGEST_PAUSE)), None);
        // it is not forgotten with the pause's end, but in the end it is
        let later = now.after(FORGOTTEN / 2);
        guesses.wrong(at(1), anna(99), later);
        assert_eq!(guesses.pause(at(1), anna(1), later), Some(LONGEST_PAUSE));
        let later = later.after(FORGOTTEN);
        guesses.wrong(at(1), anna(100), later);
        assert_eq!(guesses.pause(at(1), anna(1), later), None);
    }

    #[test]
    fn one_wrong_password_again_and_again_is_one_guess() {
        let passwords = Passwords::parse("anna:secret\n").unwrap();
        let (mut guesses, now) = (Guesses::default(), NOW);
        let old = guess(&passwords, "anna:old");
        for _ in 0..100 {
            guesses.wrong(at(1), old, now);
        }
        assert_eq!(guesses.pause(at(1), old, now), None);
    }

    #[test]
    fn names_that_are_not_there_cost_nothing_and_many_addresses_are_forgotten_one_by_one() {
        let passwords = Passwords::parse("anna:secret\n").unwrap();
        for nobody in ["bert:secret", "Anna:secret", "ann:secret", "anna", ""] {
            assert_eq!(judge(&passwords, &basic(nobody)).guess, None, "{nobody}");
        }
        let (mut guesses, now) = (Guesses::default(), NOW);
        let old = guess(&passwords, "anna:old");
        let anna = |number: u32| guess(&passwords, &format!("anna:{number}"));
        (0..=FREE).for_each(|number| guesses.wrong(at(9), anna(number), now));
        let elsewhere = |number: u32| Party::of(IpAddr::V4(Ipv4Addr::from_bits(0x0b00_0000 + number)));
        (0..3000).for_each(|number| guesses.wrong(elsewhere(number), old, now));
        assert_eq!((guesses.place(elsewhere(0), old), guesses.from.len()), (None, GUESSERS));
        assert_eq!(
            guesses.pause(at(9), old, now),
            Some(PAUSE),
            "who has guessed more often is not driven out"
        );
    }

    #[test]
    fn who_has_many_networks_is_one() {
        let passwords = Passwords::parse("anna:secret\n").unwrap();
        let from = |network: u128| Party::of(IpAddr::V6((0x2001_0db8_u128 << 96 | network << 64).into()));
        let (mut guesses, now) = (Guesses::default(), NOW);
        for number in 0..=FREE {
            guesses.wrong(from(number.into()), guess(&passwords, &format!("anna:{number}")), now);
        }
        let last = guess(&passwords, "anna:99");
        assert_eq!(guesses.pause(from(77), last, now), Some(PAUSE));
        assert_eq!(guesses.pause(from(1 << 16), last, now), None, "another site");
    }
}
