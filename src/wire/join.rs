//! The native join: one text line each way over TCP, readable with netcat.
//!
//! ```text
//! > CAMCAST/1 join policy=every stream=00c0ffee00c0ffee next=1234 agent=camrec/0.1.0
//! < CAMCAST/1 ok token=0123456789abcdef stream=00c0ffee00c0ffee next=1234 datagram=1452 size=1280x720 fps=29.97 span_ms=5300
//! < CAMCAST/1 refused code=full why=all 16 places are taken
//! ```
//! Words that are not known are ignored, so that later versions may add some. `why` runs to the end of its line.

use super::{FrameNumber, StreamId, Token, VERSION};
use crate::jpeg::Size;
use crate::time::Time;
use std::fmt;
use std::str::FromStr;

/// How a native join begins; a plain one begins with a digit.
pub const GREETING: &str = "CAMCAST/";

/// The longest line, its newline included.
pub const MAX_LINE: usize = 512;

/// Which frames a client wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// The newest: whole frames are skipped rather than delayed. For viewers.
    #[default]
    Newest,
    /// Every frame that the reel still holds, late if need be. For recorders.
    Every,
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Policy::Newest => "newest",
            Policy::Every => "every",
        })
    }
}

/// What a client asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Join {
    /// Which frames.
    pub policy: Policy,
    /// Coming back: the stream that it knew, and the next frame that it wants of it.
    pub resume: Option<(StreamId, FrameNumber)>,
    /// It can make a frame out of parity rows, and would rather get those than copies: [`PARITY_CODE`].
    pub parity: bool,
    /// The client's program and version, for the log; printable ASCII, at most [`MAX_AGENT`] characters.
    pub agent: Option<String>,
}

/// The code of the parity rows: Reed-Solomon over GF(2^16) as Leopard has it; docs/PROTOCOL.md says which. Another one would
/// have another name.
pub const PARITY_CODE: &str = "leopard16";

/// The most characters of an agent's name that are kept.
pub const MAX_AGENT: usize = 32;

/// Characters of a refusal's reason that a client takes.
pub const MAX_WHY: usize = 200;

/// Why a join line is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineError {
    /// Not `CAMCAST/1`: the version that it names, cut short.
    Version(String),
    /// The second word is not one that is known.
    Verb,
    /// A word's value cannot be read, or words contradict each other.
    Word(&'static str),
    /// A word that must be there is missing.
    Lacks(&'static str),
    /// Not text.
    NotText,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LineError::Version(named) => write!(f, "CAMCAST/{VERSION} is spoken here, not {named}"),
            LineError::Verb => write!(f, "expected: CAMCAST/{VERSION} join [policy=every|newest]"),
            LineError::Word(name) => write!(f, "cannot read the value of {name}="),
            LineError::Lacks(name) => write!(f, "{name}= is missing"),
            LineError::NotText => f.write_str("the line is not ASCII text"),
        }
    }
}

impl std::error::Error for LineError {}

impl Join {
    /// Reads a client's line, with or without its newline.
    ///
    /// # Errors
    /// [`LineError`], which is also what the client is told.
    pub fn parse(line: &[u8]) -> Result<Self, LineError> {
        let (verb, words) = split_line(line)?;
        if verb != "join" {
            return Err(LineError::Verb);
        }
        let mut join = Join::default();
        let (mut stream, mut next) = (None, None);
        for (name, value) in words_of(words) {
            match name {
                "policy" => join.policy = parse_policy(value)?,
                "stream" => stream = Some(StreamId(parse_hex(value, "stream")?)),
                "next" => next = Some(FrameNumber(parse_number(value, "next")?)),
                "parity" => join.parity = value == PARITY_CODE,
                "agent" => join.agent = Some(value.chars().take(MAX_AGENT).collect()),
                _ => {}
            }
        }
        join.resume = match (stream, next) {
            (Some(stream), Some(next)) => Some((stream, next)),
            (None, None) => None,
            (Some(_), None) => return Err(LineError::Lacks("next")),
            (None, Some(_)) => return Err(LineError::Lacks("stream")),
        };
        Ok(join)
    }
}

impl fmt::Display for Join {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{GREETING}{VERSION} join policy={}", self.policy)?;
        if let Some((stream, next)) = self.resume {
            write!(f, " stream={:016x} next={next}", stream.0)?;
        }
        if self.parity {
            write!(f, " parity={PARITY_CODE}")?;
        }
        if let Some(agent) = &self.agent {
            write!(f, " agent={agent}")?;
        }
        writeln!(f)
    }
}

/// What the server answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// Come in.
    Ok(Accepted),
    /// Stay out.
    Refused(Refusal),
}

/// A session is prepared; it begins with the first HELLO.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    /// The session's secret.
    pub token: Token,
    /// The stream. One that differs from the client's own means that camcast was restarted.
    pub stream: StreamId,
    /// The first frame that will be sent. Frames that were asked for and lie before it are gone.
    pub next: FrameNumber,
    /// Bytes of UDP payload in a full datagram: the length that HELLO is padded to.
    pub datagram: u16,
    /// The newest frame's size in pixels, if there was a frame yet.
    pub size: Option<Size>,
    /// Frames a second as measured, if there were enough yet.
    pub fps: Option<f32>,
    /// Milliseconds between the oldest and the newest frame in the reel.
    pub span_ms: u32,
    /// The client gets parity rows for what it misses. It has offered to take them.
    pub parity: bool,
    /// The camera's clock as this is said, where frames may come long after their capture.
    pub clock: Option<Time>,
}

/// Why the server refuses a join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalCode {
    /// All places are taken.
    Full,
    /// The version or the line was not understood.
    Protocol,
    /// camcast is stopping.
    Stopping,
    /// One side has a key and the other has none, or another.
    Key,
    /// A code of a later version.
    Other,
}

impl RefusalCode {
    const fn name(self) -> &'static str {
        match self {
            RefusalCode::Full => "full",
            RefusalCode::Protocol => "protocol",
            RefusalCode::Stopping => "stopping",
            RefusalCode::Key => "key",
            RefusalCode::Other => "other",
        }
    }

    fn from_name(name: &str) -> Self {
        match name {
            "full" => RefusalCode::Full,
            "protocol" => RefusalCode::Protocol,
            "stopping" => RefusalCode::Stopping,
            "key" => RefusalCode::Key,
            _ => RefusalCode::Other,
        }
    }
}

/// A refusal, in words for the person at the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// For programs.
    pub code: RefusalCode,
    /// For people: cause and remedy, one line.
    pub why: String,
}

impl Reply {
    /// Reads the server's line, with or without its newline.
    ///
    /// # Errors
    /// [`LineError`]: whatever answered is not camcast, or not this version of it.
    pub fn parse(line: &[u8]) -> Result<Self, LineError> {
        let (verb, words) = split_line(line)?;
        match verb {
            "ok" => Accepted::parse(words).map(Reply::Ok),
            "refused" => Ok(Reply::Refused(Refusal::parse(words))),
            _ => Err(LineError::Verb),
        }
    }
}

impl Accepted {
    fn parse(words: &str) -> Result<Self, LineError> {
        let (mut token, mut stream, mut next, mut datagram) = (None, None, None, None);
        let (mut size, mut fps, mut span_ms, mut parity, mut clock) = (None, None, 0, false, None);
        for (name, value) in words_of(words) {
            match name {
                "token" => token = Some(Token(parse_hex(value, "token")?)),
                "stream" => stream = Some(StreamId(parse_hex(value, "stream")?)),
                "next" => next = Some(FrameNumber(parse_number(value, "next")?)),
                "datagram" => datagram = Some(parse_number(value, "datagram")?),
                "size" => size = value.parse().ok(),
                "fps" => fps = value.parse().ok(),
                "span_ms" => span_ms = parse_number(value, "span_ms")?,
                "parity" => parity = value == PARITY_CODE,
                "clock" => clock = Some(Time::from_nanos(parse_number(value, "clock")?)),
                _ => {}
            }
        }
        Ok(Accepted {
            token: token.ok_or(LineError::Lacks("token"))?,
            stream: stream.ok_or(LineError::Lacks("stream"))?,
            next: next.ok_or(LineError::Lacks("next"))?,
            datagram: datagram.ok_or(LineError::Lacks("datagram"))?,
            size,
            fps,
            span_ms,
            parity,
            clock,
        })
    }
}

impl Refusal {
    fn parse(words: &str) -> Self {
        let (head, why) = words.split_once("why=").unwrap_or((words, ""));
        let code = words_of(head).find(|(name, _)| *name == "code").map_or("", |(_, value)| value);
        let why: String = why.trim_start().chars().take(MAX_WHY).collect();
        Refusal { code: RefusalCode::from_name(code), why: why.trim_end().to_owned() }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reply::Ok(ok) => {
                write!(f, "{GREETING}{VERSION} ok token={:016x} stream={:016x}", ok.token.0, ok.stream.0)?;
                write!(f, " next={} datagram={}", ok.next, ok.datagram)?;
                if let Some(size) = ok.size {
                    write!(f, " size={size}")?;
                }
                if let Some(fps) = ok.fps {
                    write!(f, " fps={fps:.2}")?;
                }
                write!(f, " span_ms={}", ok.span_ms)?;
                if ok.parity {
                    write!(f, " parity={PARITY_CODE}")?;
                }
                if let Some(clock) = ok.clock {
                    write!(f, " clock={}", clock.as_nanos())?;
                }
                writeln!(f)
            }
            Reply::Refused(no) => {
                writeln!(f, "{GREETING}{VERSION} refused code={} why={}", no.code.name(), no.why)
            }
        }
    }
}

/// Splits a line after its greeting into the verb and the rest.
fn split_line(line: &[u8]) -> Result<(&str, &str), LineError> {
    let text = std::str::from_utf8(line).ok().filter(|text| is_plain_text(text)).ok_or(LineError::NotText)?;
    let text = text.trim_end();
    let (greeting, rest) = text.split_once(' ').unwrap_or((text, ""));
    if greeting.strip_prefix(GREETING).and_then(|version| version.parse().ok()) != Some(VERSION) {
        return Err(LineError::Version(greeting.chars().take(24).collect()));
    }
    Ok(rest.split_once(' ').unwrap_or((rest, "")))
}

/// No control characters but the line's end: what is logged of it cannot move a terminal's cursor.
fn is_plain_text(text: &str) -> bool {
    text.trim_end_matches(['\r', '\n']).bytes().all(|b| matches!(b, b' '..=b'~'))
}

fn words_of(rest: &str) -> impl Iterator<Item = (&str, &str)> {
    rest.split(' ').filter_map(|word| word.split_once('='))
}

fn parse_policy(value: &str) -> Result<Policy, LineError> {
    match value {
        "newest" => Ok(Policy::Newest),
        "every" => Ok(Policy::Every),
        _ => Err(LineError::Word("policy")),
    }
}

fn parse_hex(value: &str, name: &'static str) -> Result<u64, LineError> {
    let digits = value.len() == 16 && value.bytes().all(|b| b.is_ascii_hexdigit());
    u64::from_str_radix(value, 16).ok().filter(|_| digits).ok_or(LineError::Word(name))
}

fn parse_number<T: FromStr>(value: &str, name: &'static str) -> Result<T, LineError> {
    value.parse().map_err(|_| LineError::Word(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_bare_join_wants_the_newest() {
        assert_eq!(Join::parse(b"CAMCAST/1 join\n"), Ok(Join::default()));
        assert_eq!(Join::parse(b"CAMCAST/1 join colour=blue\r\n"), Ok(Join::default()));
        assert_eq!(Join::parse(b"CAMCAST/1 join parity=raptor6330\n"), Ok(Join::default()), "not known here");
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        assert_eq!(Join::parse(b"CAMCAST/2 join\n"), Err(LineError::Version("CAMCAST/2".into())));
        assert_eq!(Join::parse(b"CAMCAST/1 play\n"), Err(LineError::Verb));
        assert_eq!(Join::parse(b"CAMCAST/1 join policy=all\n"), Err(LineError::Word("policy")));
        assert_eq!(Join::parse(b"CAMCAST/1 join next=7\n"), Err(LineError::Lacks("stream")));
        assert_eq!(Join::parse(b"CAMCAST/1 join stream=12 next=7\n"), Err(LineError::Word("stream")));
        assert_eq!(Join::parse(b"CAMCAST/1 join agent=\x1b[2J\n"), Err(LineError::NotText));
    }

    #[test]
    fn refusals_carry_words_for_people() {
        let refusal =
            Reply::Refused(Refusal { code: RefusalCode::Full, why: "all 16 places are taken".into() });
        assert_eq!(refusal.to_string(), "CAMCAST/1 refused code=full why=all 16 places are taken\n");
        assert_eq!(Reply::parse(refusal.to_string().as_bytes()), Ok(refusal));
    }

    /// Found by the fuzz target `wire`: what was cut behind a space was another reason when read again.
    #[test]
    fn a_refusal_that_is_cut_is_the_same_when_it_is_read_again() {
        let line =
            format!("CAMCAST/1 refused code=full why= {} {}\n", "a".repeat(MAX_WHY - 1), "b".repeat(9));
        let refusal = Reply::parse(line.as_bytes());
        assert_eq!(
            refusal,
            Ok(Reply::Refused(Refusal { code: RefusalCode::Full, why: "a".repeat(MAX_WHY - 1) }))
        );
        assert_eq!(Reply::parse(refusal.clone().unwrap().to_string().as_bytes()), refusal);
    }

    proptest! {
        #[test]
        fn joins_round_trip(every: bool, parity: bool, resume: Option<(u64, u32)>, agent in "[a-z/0-9.]{1,32}") {
            let join = Join {
                policy: if every { Policy::Every } else { Policy::Newest },
                resume: resume.map(|(stream, next)| (StreamId(stream), FrameNumber(next))),
                parity,
                agent: Some(agent),
            };
            let line = join.to_string();
            prop_assert!(line.len() <= MAX_LINE);
            prop_assert_eq!(Join::parse(line.as_bytes()), Ok(join));
        }

        #[test]
        fn replies_round_trip(
            token: u64, stream: u64, next: u32, datagram: u16, size: Option<(u16, u16)>, span_ms: u32, parity: bool,
            clock: Option<u64>,
        ) {
            let reply = Reply::Ok(Accepted {
                token: Token(token), stream: StreamId(stream), next: FrameNumber(next), datagram, span_ms, parity,
                size: size.map(|(w, h)| Size { width: w.max(1), height: h.max(1) }),
                fps: Some(29.97),
                clock: clock.map(Time::from_nanos),
            });
            prop_assert!(reply.to_string().len() <= MAX_LINE);
            prop_assert_eq!(Reply::parse(reply.to_string().as_bytes()), Ok(reply));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = (Join::parse(&bytes), Reply::parse(&bytes));
        }
    }
}
