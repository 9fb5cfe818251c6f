//! DNS by multicast (RFC 6762) and what a service says of itself by it (RFC 6763), as far as cameras need it to be found.
//!
//! Lives here: the bytes both ways, what is answered to whom and when, and what comes of answers. May not live here: sockets, and
//! which networks there are.
//!
//! | module | what |
//! |---|---|
//! | [`message`] | a message as it came: questions, records, names |
//! | [`write`](mod@write) | a message as it goes out |
//! | [`responder`] | camcast's side: which questions are answered, how, and how often |
//! | [`finder`] | camrec's side: cameras out of answers, which come in any order |
#![forbid(unsafe_code)]

pub mod finder;
pub mod message;
pub mod responder;
pub mod write;

use std::net::{Ipv4Addr, Ipv6Addr};

/// Where questions go, and whole answers come from (RFC 6762, 3).
pub const PORT: u16 = 5353;

/// All who answer, on one link.
pub const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);

/// The same by IPv6.
pub const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);

/// What cameras are asked for by.
pub const SERVICE: [&[u8]; 3] = [b"_camcast", b"_tcp", b"local"];

/// What all kinds of services are asked for by (RFC 6763, 9).
pub const SERVICES: [&[u8]; 4] = [b"_services", b"_dns-sd", b"_udp", b"local"];

/// The longest message that is read (RFC 6762, 17): larger ones do not come in one piece.
pub const LONGEST: usize = 9_000;

/// The longest label of a name (RFC 1035, 2.3.4).
pub const LABEL_MOST: usize = 63;

/// Kinds of records that are known here.
pub mod kind {
    /// An IPv4 address.
    pub const A: u16 = 1;
    /// Another name.
    pub const PTR: u16 = 12;
    /// `key=value` strings.
    pub const TXT: u16 = 16;
    /// An IPv6 address.
    pub const AAAA: u16 = 28;
    /// A host and a port.
    pub const SRV: u16 = 33;
    /// A question for all kinds.
    pub const ANY: u16 = 255;
}

/// The Internet's class, and a question for any.
const CLASS_IN: u16 = 1;
const CLASS_ANY: u16 = 255;

/// Of a question: an answer to the asker alone will do. Of a record: what was known before is void.
const TOP_BIT: u16 = 0x8000;

/// What an answer's header says: it is one, by whoever knows best.
const ANSWER: u16 = 0x8400;

#[cfg(test)]
mod tests;
