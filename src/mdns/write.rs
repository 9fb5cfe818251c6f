//! A message as it goes out. Names are written in full: what is said here is short.

use super::{CLASS_IN, LABEL_MOST, TOP_BIT, kind};
use std::net::IpAddr;

/// A message is no longer: it fits an Ethernet packet, IPv6 too (RFC 6762, 17).
pub const MOST: usize = 1_440;

/// Where a record stands. They are written in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// What was asked; in a query: what is known already.
    Answer,
    /// What will be asked next.
    Additional,
}

/// Of what a record is, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The labels of its name.
    pub name: &'a [&'a [u8]],
    /// Seconds for which it holds.
    pub ttl: u32,
    /// Nobody else has one of that name: what was known before is void.
    pub is_own: bool,
}

/// What a record says.
#[derive(Clone, Copy, Debug)]
pub enum Said<'a> {
    /// Another name.
    Ptr(&'a [&'a [u8]]),
    /// A port, and the host's name.
    Srv(u16, &'a [&'a [u8]]),
    /// Strings.
    Txt(&'a [String]),
    /// An address.
    Address(IpAddr),
}

/// Writes one message.
#[derive(Debug)]
pub struct Writer {
    bytes: Vec<u8>,
    /// Of questions, answers, authorities and additional records.
    counts: [u16; 4],
}

impl Writer {
    /// With this header.
    pub fn new(id: u16, flags: u16) -> Self {
        let mut bytes = Vec::with_capacity(MOST);
        bytes.extend(id.to_be_bytes());
        bytes.extend(flags.to_be_bytes());
        bytes.extend([0; 8]);
        Writer { bytes, counts: [0; 4] }
    }

    /// Asks; before the first record.
    pub fn question(&mut self, name: &[&[u8]], kind: u16, wants_unicast: bool) {
        self.piece(0, |writer| {
            writer.name(name);
            writer.bytes.extend(kind.to_be_bytes());
            writer.bytes.extend((CLASS_IN | if wants_unicast { TOP_BIT } else { 0 }).to_be_bytes());
        });
    }

    /// Says.
    pub fn record(&mut self, section: Section, head: Head<'_>, said: Said<'_>) {
        let place = if section == Section::Answer { 1 } else { 3 };
        self.piece(place, |writer| {
            writer.name(head.name);
            let kind = match said {
                Said::Ptr(_) => kind::PTR,
                Said::Srv(..) => kind::SRV,
                Said::Txt(_) => kind::TXT,
                Said::Address(IpAddr::V4(_)) => kind::A,
                Said::Address(IpAddr::V6(_)) => kind::AAAA,
            };
            writer.bytes.extend(kind.to_be_bytes());
            writer.bytes.extend((CLASS_IN | if head.is_own { TOP_BIT } else { 0 }).to_be_bytes());
            writer.bytes.extend(head.ttl.to_be_bytes());
            let at = writer.bytes.len();
            writer.bytes.extend([0; 2]);
            writer.data(said);
            let len = (writer.bytes.len() - at - 2) as u16;
            writer.bytes[at..at + 2].copy_from_slice(&len.to_be_bytes());
        });
    }

    /// What does not fit any more is left out whole.
    fn piece(&mut self, place: usize, write: impl FnOnce(&mut Self)) {
        let before = self.bytes.len();
        write(self);
        if self.bytes.len() > MOST {
            self.bytes.truncate(before);
        } else {
            self.counts[place] += 1;
        }
    }

    fn data(&mut self, said: Said<'_>) {
        match said {
            Said::Ptr(name) => self.name(name),
            Said::Srv(port, host) => {
                // priority and weight: there is one
                self.bytes.extend([0; 4]);
                self.bytes.extend(port.to_be_bytes());
                self.name(host);
            }
            Said::Txt(strings) => strings.iter().for_each(|string| self.string(string.as_bytes(), 255)),
            Said::Address(IpAddr::V4(address)) => self.bytes.extend(address.octets()),
            Said::Address(IpAddr::V6(address)) => self.bytes.extend(address.octets()),
        }
    }

    fn name(&mut self, labels: &[&[u8]]) {
        labels.iter().for_each(|label| self.string(label, LABEL_MOST));
        self.bytes.push(0);
    }

    fn string(&mut self, string: &[u8], most: usize) {
        let string = &string[..string.len().min(most)];
        self.bytes.push(string.len() as u8);
        self.bytes.extend(string);
    }

    /// The bytes.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        for (count, place) in self.counts.into_iter().zip([4, 6, 8, 10]) {
            self.bytes[place..place + 2].copy_from_slice(&count.to_be_bytes());
        }
        self.bytes
    }
}
