//! A message as it came. Its bytes are anybody's: each name is bounded, pointers lead backwards only, and what is read ends at the
//! first thing that is damaged.

use super::{CLASS_ANY, CLASS_IN, LONGEST, TOP_BIT, kind};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// Questions, and records, of a message that are looked at: real ones have a tenth.
const MOST: usize = 256;

/// Pointers that a name may lead over: it has no more labels that one could lead to. What leads on and on without a label costs
/// nobody's time.
const JUMPS: u8 = 127;

/// Bytes of the header.
const HEADER: usize = 12;

/// Bytes of a name at the most, with the lengths of its labels and the end (RFC 1035, 2.3.4).
pub const NAME_MOST: usize = 255;

/// A message.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a>(&'a [u8]);

impl<'a> Message<'a> {
    /// None: it is no query and no answer to one, or too short or too long for either.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let message = Message(bytes);
        // the opcode of queries, and no error (RFC 6762, 18.3 and 18.11)
        let is_plain = message.number(2)? & 0x780f == 0;
        (is_plain && (HEADER..=LONGEST).contains(&bytes.len())).then_some(message)
    }

    fn number(self, at: usize) -> Option<u16> {
        number(self.0, at)
    }

    /// What an answer to one asker repeats.
    pub fn id(self) -> u16 {
        self.number(0).unwrap_or(0)
    }

    /// It is an answer, or an announcement.
    pub fn is_response(self) -> bool {
        self.number(2).is_some_and(|flags| flags & TOP_BIT != 0)
    }

    /// What is asked, as far as it can be read.
    pub fn questions(self) -> impl Iterator<Item = Question<'a>> {
        let (mut at, mut left) = (HEADER, self.number(4).unwrap_or(0).min(MOST as u16));
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            let (question, end) = self.question(at)?;
            at = end;
            Some(question)
        })
        .fuse()
    }

    fn question(self, at: usize) -> Option<(Question<'a>, usize)> {
        let (name, end) = Name::read(self.0, at)?;
        let (kind, class) = (self.number(end)?, self.number(end + 2)?);
        let question = Question { name, kind, class: class & !TOP_BIT, wants_unicast: class & TOP_BIT != 0 };
        Some((question, end + 4))
    }

    /// The records of all three sections, as far as they can be read.
    pub fn records(self) -> impl Iterator<Item = Record<'a>> {
        let count = |at| usize::from(self.number(at).unwrap_or(0));
        let answers = count(6);
        let all = (answers + count(8) + count(10)).min(MOST);
        let mut at = (0..count(4).min(MOST)).try_fold(HEADER, |at, _| self.question(at).map(|(_, end)| end));
        let mut done = 0;
        std::iter::from_fn(move || {
            if done == all {
                return None;
            }
            let (record, end) = self.record(at?, done < answers)?;
            (at, done) = (Some(end), done + 1);
            Some(record)
        })
        .fuse()
    }

    fn record(self, at: usize, is_answer: bool) -> Option<(Record<'a>, usize)> {
        let (name, end) = Name::read(self.0, at)?;
        let (kind, class) = (self.number(end)?, self.number(end + 2)?);
        let ttl = u32::from(self.number(end + 4)?) << 16 | u32::from(self.number(end + 6)?);
        let begin = end + 10;
        let data = begin..begin + usize::from(self.number(end + 8)?);
        self.0.get(data.clone())?;
        let end = data.end;
        let class = class & !TOP_BIT;
        Some((Record { name, kind, class, ttl, is_answer, message: self.0, data }, end))
    }
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Of what.
    pub name: Name<'a>,
    /// Which [`kind`] of records.
    pub kind: u16,
    class: u16,
    /// An answer to the asker alone will do.
    pub wants_unicast: bool,
}

impl Question<'_> {
    /// Of the Internet's class, as all that is known here.
    pub fn is_of_internet(&self) -> bool {
        matches!(self.class, CLASS_IN | CLASS_ANY)
    }
}

/// A record.
#[derive(Clone, Debug)]
pub struct Record<'a> {
    /// Of what it is.
    pub name: Name<'a>,
    kind: u16,
    class: u16,
    /// Seconds for which it holds; 0: it holds no longer.
    pub ttl: u32,
    /// It stands among the answers; in a query: what the asker knows already.
    pub is_answer: bool,
    message: &'a [u8],
    data: Range<usize>,
}

/// What a record says.
#[derive(Clone, Copy, Debug)]
pub enum Data<'a> {
    /// Another name.
    Ptr(Name<'a>),
    /// Where a service is.
    Srv {
        /// Its port.
        port: u16,
        /// Its host.
        target: Name<'a>,
    },
    /// What it says of itself.
    Txt(Txt<'a>),
    /// An address of a host.
    A(Ipv4Addr),
    /// The same of IPv6.
    Aaaa(Ipv6Addr),
    /// Something else, or something damaged.
    Other,
}

impl<'a> Record<'a> {
    /// What it says.
    pub fn data(&self) -> Data<'a> {
        if self.class != CLASS_IN {
            return Data::Other;
        }
        self.known().unwrap_or(Data::Other)
    }

    fn known(&self) -> Option<Data<'a>> {
        let bytes = self.message.get(self.data.clone())?;
        // a name in it may lead out of it, but may not end behind it
        let name =
            |at| Name::read(self.message, at).and_then(|(name, end)| (end == self.data.end).then_some(name));
        Some(match self.kind {
            kind::PTR => Data::Ptr(name(self.data.start)?),
            kind::SRV => Data::Srv { port: number(bytes, 4)?, target: name(self.data.start + 6)? },
            kind::TXT => Data::Txt(Txt(bytes)),
            kind::A => Data::A(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?)),
            kind::AAAA => Data::Aaaa(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)),
            _ => return None,
        })
    }
}

/// Strings of a service (RFC 6763, 6).
#[derive(Clone, Copy, Debug)]
pub struct Txt<'a>(&'a [u8]);

impl<'a> Txt<'a> {
    /// The strings, as far as they can be read.
    pub fn strings(self) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (len, behind) = rest.split_first()?;
            let string = behind.get(..usize::from(*len))?;
            rest = &behind[string.len()..];
            Some(string)
        })
        .fuse()
    }

    /// The value of this key. The first one counts.
    pub fn value(self, key: &str) -> Option<&'a [u8]> {
        self.strings().find_map(|string| {
            let (name, value) = string.split_at_checked(key.len())?;
            let value = value.strip_prefix(b"=")?;
            name.eq_ignore_ascii_case(key.as_bytes()).then_some(value)
        })
    }
}

/// A name in a message. It is whole.
#[derive(Clone, Copy, Debug)]
pub struct Name<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Name<'a> {
    /// The name that begins there, and where what follows it does.
    pub(super) fn read(message: &'a [u8], at: usize) -> Option<(Self, usize)> {
        let name = Name { message, at };
        let (mut labels, mut len) = (name.labels(), 1);
        for label in labels.by_ref() {
            len += 1 + label.len();
            if len > NAME_MOST {
                return None;
            }
        }
        let end = labels.end.filter(|_| labels.is_whole)?;
        Some((name, end))
    }

    /// Its labels.
    pub fn labels(self) -> Labels<'a> {
        Labels {
            message: self.message,
            at: self.at,
            before: self.at,
            jumps: JUMPS,
            end: None,
            is_whole: false,
        }
    }

    /// It has these labels, in whatever case.
    pub fn is(self, labels: &[&[u8]]) -> bool {
        self.labels().are(labels)
    }

    /// Its first label, if the others are these.
    pub fn before(self, rest: &[&[u8]]) -> Option<&'a [u8]> {
        let mut labels = self.labels();
        let first = labels.next()?;
        labels.are(rest).then_some(first)
    }
}

/// The labels of a name, one after the other. It ends: each pointer leads to before the one that led to it.
#[derive(Clone, Debug)]
pub struct Labels<'a> {
    message: &'a [u8],
    at: usize,
    /// The next pointer leads to before this.
    before: usize,
    /// Pointers that are followed yet.
    jumps: u8,
    /// Where what follows the name begins, once that is known.
    end: Option<usize>,
    is_whole: bool,
}

impl Labels<'_> {
    /// What is left of them is this, in whatever case.
    fn are(mut self, labels: &[&[u8]]) -> bool {
        labels.iter().all(|label| self.next().is_some_and(|own| own.eq_ignore_ascii_case(label)))
            && self.next().is_none()
    }
}

impl<'a> Iterator for Labels<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let len = *self.message.get(self.at)?;
            match len & 0xc0 {
                0 if len == 0 => {
                    self.end.get_or_insert(self.at + 1);
                    self.is_whole = true;
                    return None;
                }
                0 => {
                    let begin = self.at + 1;
                    let label = self.message.get(begin..begin + usize::from(len))?;
                    self.at = begin + label.len();
                    return Some(label);
                }
                0xc0 => {
                    let to = usize::from(number(self.message, self.at)? & 0x3fff);
                    if to >= self.before || self.jumps == 0 {
                        return None;
                    }
                    self.jumps -= 1;
                    self.end.get_or_insert(self.at + 2);
                    (self.before, self.at) = (to, to);
                }
                _ => return None,
            }
        }
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_be_bytes(bytes.try_into().ok()?))
}
