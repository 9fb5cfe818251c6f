//! What both sides say of a track beside it (RFC 3550, 6; RFC 4585, 6).
//!
//! ```text
//!  each      |V=2 P count| type | length in words, less one | ...
//!  200 SR    | SSRC | NTP time, 8 bytes | RTP time | packets | bytes | report blocks
//!  201 RR    | SSRC | report blocks
//!  a block   | SSRC | fraction lost | lost in all, 3 bytes | highest sequence number | jitter | last SR | since then |
//!  202 SDES  | SSRC | 1 = CNAME | length | name | 0 ...
//!  203 BYE   | SSRC
//!  205 RTPFB, count 1: NACK   | SSRC | SSRC of the media | PID | BLP | PID | BLP | ...
//! ```

use arrayvec::ArrayVec;
use std::time::Duration;

const SR: u8 = 200;
const RR: u8 = 201;
const SDES: u8 = 202;
const BYE: u8 = 203;
const RTPFB: u8 = 205;

/// Bytes of a packet's own header and the source's number.
const HEADER: usize = 8;

/// Bytes of a report block.
const BLOCK: usize = 24;

/// From 1900, where NTP's time begins, to 1970.
const NTP_OF_UNIX: u64 = 2_208_988_800;

/// What we say.
pub type Said = ArrayVec<u8, 96>;

/// The longest name in it.
const NAME: usize = 32;

/// A sender's report, and the sender's name.
pub fn report(ssrc: u32, wall: Duration, timestamp: u32, counts: (u32, u32), name: &str) -> Said {
    let mut said = Said::new();
    put(&mut said, &[0x80, SR, 0, 6]);
    put(&mut said, &ssrc.to_be_bytes());
    put(&mut said, &ntp(wall).to_be_bytes());
    for word in [timestamp, counts.0, counts.1] {
        put(&mut said, &word.to_be_bytes());
    }
    put_name(&mut said, ssrc, name);
    said
}

/// There is nothing more: RFC 3550, 6.6. It begins with a report, as every compound packet does.
pub fn bye(ssrc: u32, wall: Duration, timestamp: u32, counts: (u32, u32), name: &str) -> Said {
    let mut said = report(ssrc, wall, timestamp, counts, name);
    put(&mut said, &[0x81, BYE, 0, 1]);
    put(&mut said, &ssrc.to_be_bytes());
    said
}

/// The wall clock since 1970 as NTP has it: seconds since 1900, and their fraction in 32 bits. It goes round in 2036.
fn ntp(wall: Duration) -> u64 {
    let fraction = (u64::from(wall.subsec_nanos()) << 32) / 1_000_000_000;
    wall.as_secs().wrapping_add(NTP_OF_UNIX) << 32 | fraction
}

fn put_name(said: &mut Said, ssrc: u32, name: &str) {
    let name = &name.as_bytes()[..name.len().min(NAME)];
    // an item's two bytes, and at least one zero behind the last
    let words = (2 + name.len()) / 4 + 1;
    put(said, &[0x81, SDES, 0, words as u8 + 1]);
    put(said, &ssrc.to_be_bytes());
    put(said, &[1, name.len() as u8]);
    put(said, name);
    put(said, &[0; 4][..words * 4 - 2 - name.len()]);
}

/// All of it fits: the longest is 28 and 44 and 8 bytes.
fn put(said: &mut Said, bytes: &[u8]) {
    let fits = said.try_extend_from_slice(bytes).is_ok();
    debug_assert!(fits, "a report longer than {}", said.capacity());
}

/// What a receiver says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard<'a> {
    /// How well it receives.
    Report {
        /// Lost since its last report, in 256ths.
        fraction: u8,
        /// Lost in all; less than none where packets came twice.
        lost: i32,
        /// The variation of their way, in ticks.
        jitter: u32,
    },
    /// Packets that it lacks.
    Lacks(Lacks<'a>),
    /// It leaves.
    Bye,
}

/// Packets that a receiver lacks: pairs of a sequence number and a bit for each of the sixteen behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lacks<'a>(&'a [u8]);

impl<'a> Lacks<'a> {
    /// Each sequence number.
    pub fn sequences(self) -> impl Iterator<Item = u16> + use<'a> {
        let pairs = self.0.chunks_exact(4).filter_map(|pair| pair.first_chunk::<4>());
        pairs.flat_map(|&[p1, p0, b1, b0]| {
            let (first, behind) = (u16::from_be_bytes([p1, p0]), u16::from_be_bytes([b1, b0]));
            let rest = (0..16).filter(move |bit| behind >> bit & 1 == 1);
            std::iter::once(first).chain(rest.map(move |bit| first.wrapping_add(bit + 1)))
        })
    }
}

/// What a datagram says of the track `ssrc`. What is no RTCP, or of another track, is nothing: first datagrams are often junk that
/// is to open a firewall.
pub fn heard(datagram: &[u8], ssrc: u32) -> impl Iterator<Item = Heard<'_>> {
    let mut rest = datagram;
    let packets = std::iter::from_fn(move || {
        let (packet, behind) = split(rest)?;
        rest = behind;
        Some(packet)
    });
    packets.filter_map(move |packet| meaning(packet, ssrc))
}

/// The first packet of a compound one, and what follows it.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let &[first, _, l1, l0] = bytes.first_chunk()?;
    if first >> 6 != 2 {
        return None;
    }
    bytes.split_at_checked((usize::from(u16::from_be_bytes([l1, l0])) + 1) * 4)
}

fn meaning(packet: &[u8], ssrc: u32) -> Option<Heard<'_>> {
    let (&[first, kind, ..], rest) = packet.split_first_chunk::<HEADER>()?;
    let count = first & 0x1f;
    match kind {
        RR | SR => {
            let blocks = if kind == SR { rest.get(20..)? } else { rest };
            let blocks = blocks.chunks_exact(BLOCK).take(count.into());
            blocks.filter_map(|block| block.first_chunk()).find_map(|block| of_block(block, ssrc))
        }
        BYE => Some(Heard::Bye),
        RTPFB if count == 1 => {
            let (media, lacks) = rest.split_first_chunk()?;
            (u32::from_be_bytes(*media) == ssrc).then_some(Heard::Lacks(Lacks(lacks)))
        }
        _ => None,
    }
}

fn of_block(block: &[u8; BLOCK], ssrc: u32) -> Option<Heard<'static>> {
    let word = |at: usize| block.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
    if word(0)? != ssrc {
        return None;
    }
    let both = word(4)?;
    // the lower 24 bits with their sign
    let lost = ((both << 8) as i32) >> 8;
    Some(Heard::Report { fraction: (both >> 24) as u8, lost, jitter: word(12)? })
}
